// What bash, zsh and fish complete, with the scripts that `panescry completions` prints: each shell
// itself is asked, and there is a daemon with panes, a job and a watch behind it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { privateDir, useDaemon } from './lib/daemon.mjs';
import { BINARY, assertDone, assertRefused, panescry, run } from './lib/run.mjs';
import { until } from './lib/until.mjs';

const has = (shell) => spawnSync(shell, ['-c', 'exit 0']).status === 0;
const SHELLS = ['bash', 'zsh', 'fish'];

/** For each shell, one that is told what was typed, and prints the words that it offers. */
const ASK = {
  // As bash itself sets these: words end at each of COMP_WORDBREAKS, too.
  bash: `source "$SCRIPT"
    COMP_LINE=$TYPED COMP_POINT=\${#TYPED} COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
    COMP_WORDS=() rest=$TYPED
    while [[ $rest =~ ^([[:space:]]*)([:=]+|[^[:space:]:=]+)(.*)$ ]]; do
      COMP_WORDS+=("\${BASH_REMATCH[2]}") rest=\${BASH_REMATCH[3]}
    done
    [[ $TYPED != *[[:space:]:=] ]] || COMP_WORDS+=("")
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    COMP_CWORD=$((COMP_CWORD < 0 ? 0 : COMP_CWORD))
    _panescry 2>&1
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  fish: 'source "$SCRIPT"; complete -C "$TYPED" 2>&1 | string replace -r "\\t.*" ""',
  // A line editor of its own, in a terminal of its own, whose words are caught where they are added.
  zsh: `zmodload zsh/zpty
    zpty z 'PS1= PS2= TERM=dumb zsh -f -i'
    zpty -w z 'autoload -Uz compinit && compinit -D -u; source "$SCRIPT"; setopt no_beep
      compadd() { local -a got; builtin compadd -O got "$@"; print -rl -- "word:"$^got >>"$CAUGHT"; builtin compadd "$@"; }
      ask() { _main_complete; print -r done: >>"$CAUGHT"; }
      zle -C ask complete-word ask; bindkey "^X" ask; print ready'
    zpty -r -m z l '*ready*ready*'
    zpty -n -w z "$TYPED"$'\\x18'
    repeat 3000; do grep -q done: "$CAUGHT" 2>/dev/null && break; sleep 0.02; done
    zpty -d z
    sed -n 's/^word://p' "$CAUGHT"`,
};
const PLAIN = { bash: ['--norc', '--noprofile'], zsh: ['-f'], fish: ['--no-config'] };

describe('completions', () => {
  const d = useDaemon({ before, after });
  const scripts = {};
  let dir;
  let count = 0;

  /** Sorted words that the shell offers behind what was typed. */
  async function offered(shell, typed, env = {}) {
    const caught = join(dir, `caught-${count++}`);
    const r = await run(shell, [...PLAIN[shell], '-c', ASK[shell]], {
      cwd: join(dir, 'here'),
      env: { ...d.env, PATH: `${join(dir, 'bin')}:${process.env.PATH}`, HOME: dir, SCRIPT: scripts[shell], TYPED: typed, CAUGHT: caught, ...env },
    });
    return [...new Set(r.out.split('\n').filter((w) => w !== ''))].sort();
  }

  /** The same words, within a few tries: where the daemon takes more than a second there are none of its. */
  async function offers(shell, typed, words) {
    for (let left = 5; ; left--) {
      const got = await offered(shell, typed);
      if (left === 1 || got.join() === words.join()) return assert.deepEqual(got, words, typed);
    }
  }

  before(async () => {
    dir = await privateDir();
    await mkdir(join(dir, 'bin'));
    await mkdir(join(dir, 'here', 'inner'), { recursive: true });
    await writeFile(join(dir, 'here', 'flow.json'), '{}');
    await symlink(BINARY, join(dir, 'bin', 'panescry'));
    for (const shell of SHELLS) {
      scripts[shell] = join(dir, `script.${shell}`);
      await writeFile(scripts[shell], assertDone(await panescry(['completions', shell])));
    }
    await d.sh('read x', { name: 'build' });
    await d.sh('read x', { name: 'bundle.1' });
    await d.ok('POST', 'jobs', { command: ['true', "$(touch pwned) `touch pwned` '\\"], cwd: '/', name: 'once' });
    await d.ok('POST', 'watches', { pattern: '^never', every_s: 0 });
  });
  after(() => rm(dir, { recursive: true, force: true }));

  it('takes a shell or a kind, and nothing else', async () => {
    assertRefused(await d.cli(['completions']), 2);
    assertRefused(await d.cli(['completions', 'bash', 'zsh']), 2);
    assertRefused(await d.cli(['completions', 'tcsh']), 2, /tcsh/);
  });

  it('says what the daemon has, and what that is', async () => {
    const lines = async (kind) => assertDone(await d.cli(['completions', kind])).split('\n').slice(0, -1);
    await until('an answer within a second', async () => (await lines('jobs')).length !== 0);
    const panes = await lines('panes');
    assert.deepEqual(panes.map((l) => l.split('\t')[0]).sort(), ['build', 'bundle.1', 'p1', 'p2']);
    assert.match(panes.find((l) => l.startsWith('p1\t')), /^p1\tbuild: sh -c read x$/);
    const jobs = await lines('jobs');
    assert.match(jobs[0], /^j1\t[a-z]+: true \$\(touch/);
    assert.match((await lines('watches'))[0], /^\S+\t.*\^never$/);
    assert.ok((await lines('tokens')).length >= 1);
    assert.deepEqual(await lines('sessions'), []);
    assert.deepEqual(await lines('flows'), []);
  });

  it('is silent where no daemon is', async () => {
    const r = await panescry(['completions', 'panes'], { env: { PANESCRY_SOCKET: join(dir, 'nobody') } });
    assert.deepEqual([r.status, r.out, r.err], [0, '', '']);
  });

  for (const shell of SHELLS) {
    const skip = has(shell) ? false : `${shell} is not installed`;

    it(`is right by the syntax of ${shell}`, { skip }, async () => {
      assertDone(await run(shell, ['-n', scripts[shell]]));
    });

    it(`${shell}: commands, options, words and what the daemon has`, { skip }, async () => {
      const is = (typed, words) => offers(shell, typed, words);
      await is('panescry at', ['attach']);
      await is('panescry attach ', ['build', 'bundle.1', 'p1', 'p2']);
      await is('panescry attach --read-only bu', ['build', 'bundle.1']);
      await is('panescry resize p1 ', []);
      await is('panescry wait p1 --from ', ['now', 'start']);
      await is('panescry wait p1 -F s', ['start']);
      await is('panescry jobs --limit 5 sh', ['show']);
      await is('panescry jobs show ', ['j1', 'once']);
      await is('panescry jobs rm j1 o', ['once']);
      await is('panescry hook install ', ['claude']);
      await is('panescry serve --no-a', ['--no-auth']);
      await is('panescry search --pane b', ['build', 'bundle.1']);
      assert.ok((await offered(shell, 'panescry flow run fl')).length <= 1);
    });

    it(`${shell}: the argument of an option behind =`, { skip }, async () => {
      const words = await offered(shell, 'panescry capture p1 --format=');
      assert.deepEqual(words.map((w) => w.replace(/^--format=/, '')), ['ansi', 'json', 'text']);
    });

    it(`${shell}: nothing of the daemon's is run`, { skip }, async () => {
      await offered(shell, 'panescry jobs show ');
      assert.deepEqual((await readdir(join(dir, 'here'))).sort(), ['flow.json', 'inner']);
    });

    it(`${shell}: offers commands all the same without a daemon, and no pane`, { skip }, async () => {
      const env = { PANESCRY_SOCKET: join(dir, 'nobody') };
      assert.deepEqual(await offered(shell, 'panescry se', env), ['search', 'send', 'serve', 'sessions']);
      assert.deepEqual(await offered(shell, 'panescry attach ', env), []);
    });

    // zsh starts a shell within a shell each time.
    it(`${shell}: has every option of every command`, { skip: skip || shell === 'zsh' }, async () => {
      const commands = assertDone(await panescry(['--help'])).match(/^ {2}[a-z]+(?= {2})/gm).map((c) => c.trim());
      assert.ok(commands.length > 15);
      assert.deepEqual((await offered(shell, 'panescry ')).filter((w) => /^[a-z]/.test(w)), [...commands].sort());
      for (const command of commands) {
        const help = assertDone(await panescry([command, '--help']));
        const options = help.match(/^ {2}(?:-., | {4})--[a-z-]+/gm).map((o) => o.match(/--[a-z-]+/)[0]);
        assert.deepEqual(await offered(shell, `panescry ${command} --`), options.sort(), command);
      }
    });
  }

  it('offers words that are taken', { skip: !has('bash') }, async () => {
    const out = join(dir, 'here', 'inner', 'x.cast');
    for (const typed of [
      'capture p1 --format', 'search x --source', 'search x --color', 'search --sessions x --role', 'usage --by', 'usage --timezone',
      'jobs ls --state', `export p1 ${out} --format`, 'wait p1 --for x --timeout 0 --from',
    ]) {
      const args = typed.split(' ');
      const words = await offered('bash', `panescry ${typed} `);
      assert.ok(words.length > 1, typed);
      // A prefix is what only usage --cache goes by.
      for (const word of words.filter((w) => w !== 'prefix')) {
        await rm(out, { force: true }); // it is not written over
        const r = await d.cli([...args, word]);
        assert.ok(r.status === 0 || r.status === 1, `${typed} ${word}: ${r.err}`);
      }
      assertRefused(await d.cli([...args, 'nonsense']), 2);
    }
  });

  it('bash: a name with a colon, which is a word\'s end there', { skip: !has('bash') }, async () => {
    const fake = join(dir, 'fake');
    await mkdir(fake);
    await writeFile(join(fake, 'panescry'), '#!/bin/sh\nprintf "work:1\\tx\\nwork:2\\n\\$(touch pwned)\\n"\n', { mode: 0o755 });
    const env = { PATH: `${fake}:${process.env.PATH}` };
    assert.deepEqual(await offered('bash', 'panescry attach work:', env), ['1', '2']);
    assert.deepEqual(await offered('bash', 'panescry search --pane=work:2', env), ['2']);
    assert.deepEqual(await offered('bash', 'panescry attach $', env), ['\\$\\(touch\\ pwned\\)']);
    assert.ok(!existsSync(join(dir, 'here', 'pwned')));
  });

  it('bash: by pressing Tab', { skip: !has('bash') }, async () => {
    const p = await d.new(['bash', ...PLAIN.bash, '-i'], { env: { PATH: `${join(dir, 'bin')}:${process.env.PATH}`, PS1: '> ' } });
    await d.type(p.id, `cd ${join(dir, 'here')}; . ${scripts.bash}; echo ready\n`);
    await d.shows(p.id, /^ready$/m);
    await d.type(p.id, 'panescry comp\tba\t >out; echo $?; wc -c <out; echo panescry flow run fl\t\n');
    await d.shows(p.id, /^panescry flow run flow\.json$/m);
    assert.match(await d.text(p.id), /panescry completions bash +>out/);
    await d.remove(p.id);
  });
});
