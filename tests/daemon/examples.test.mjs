// Every example of the manual pages and of README is run, and prints what it shows there. What
// an example is, and what may differ, is in lib/examples.mjs.
//
// Each page has a home, a daemon, a project to work in and a shell of its own. There
// `panescry serve` listens on a free port of 127.0.0.1, whatever it is told; claude,
// notify-send and xdg-open are stand-ins; and what is installed in /usr/share/panescry is that of the sources.

import assert from 'node:assert/strict';
import { chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { privateDir } from './lib/daemon.mjs';
import { manBlocks, Names, Place, stepsOf, textBlocks } from './lib/examples.mjs';
import { BINARY, cleanEnv, run } from './lib/run.mjs';

const TOP = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

// README has no comments.
const README_NOT_RUN = [
  ['$ ./contrib/quickstart', 'it installs packages'],
  ['$ ./contrib/check', 'it runs this'],
  ['$ autoreconf', 'it builds and installs what runs here'],
  ['$ claude mcp add', 'it sets up the real Claude Code'],
  ['$ rpmbuild', 'it builds and tests a package'],
  ['$ docker', 'it fetches and builds an image'],
  ['$ ssh', 'it needs another machine'],
  ['$ panescry serve --ttyd', 'it stays until it is interrupted; serve-ttyd.test.mjs has it'],
];

const MAKEFILE = `all:
	@echo '  CC       term.o'
	@echo "term.c:41:9: warning: unused variable 'width'"
	@echo '  CCLD     panescry'
	@echo "ld: term.o: undefined reference to \\\`width_of'"
	@echo 'BUILD FAILED'
	@exit 1
check:
	@echo 'PASS: ring'
	@echo 'FAIL: term'
	@exit 1
slow:
	@echo 'PASS: ring'
	@exec sleep 1000
server:
	@sleep 1; echo 'listening on port 8080'
	@exec sleep 1000
`;

/** What Claude Code would have on record of a task. */
function transcript(cwd) {
  const at = (s) => new Date(Date.now() - 600_000 + s * 1000).toISOString();
  const id = '5f1e2d3c-0000-4000-8000-00000000000a';
  const line = (n, type, message, s) =>
    JSON.stringify({ type, uuid: `${id.slice(0, 35)}${n}`, parentUuid: n > 1 ? `${id.slice(0, 35)}${n - 1}` : null, sessionId: id, cwd, version: '2.1.180', timestamp: at(s), message });
  const says = (n, content, stop) => ({ id: `msg_${n}`, role: 'assistant', model: 'claude-sonnet-4-6', content, stop_reason: stop, usage: { input_tokens: 1000, cache_read_input_tokens: 9000, cache_creation_input_tokens: 0, output_tokens: 200 } });
  return [
    line(1, 'user', { role: 'user', content: 'Mend the undefined reference and push it' }, 0),
    line(2, 'assistant', says(1, [{ type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'git push origin main' } }], 'tool_use'), 5),
    line(3, 'user', { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'main -> main' }] }, 9),
    line(4, 'assistant', says(2, [{ type: 'text', text: 'It is mended and pushed.' }], 'end_turn'), 12),
  ].join('\n') + '\n';
}

async function program(path, script) {
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

/** A place to run examples in, with `panescry serve` done unless they begin with it, or with files of settings. */
async function placeFor(blocks) {
  const dir = await privateDir();
  const at = (...p) => join(dir, ...p);
  for (const d of ['home/.config/panescry', 'home/.claude/projects/project', 'run', 'bin', 'project/contrib']) await mkdir(at(d), { recursive: true, mode: 0o700 });
  await program(at('bin/panescry'), `if [ "$1" = serve ] && [ "$*" = "\${*#*--upgrade}" ]; then shift; set -- serve "$@" --listen 127.0.0.1:0; fi; exec '${BINARY}' "$@"`);
  await program(at('bin/notify-send'), 'printf "%s\\n" "$*" >>"$HOME/notified"');
  // A browser takes the cookie that a link gives, and has panes with it.
  await program(at('bin/xdg-open'), `set -e
    curl -sSfL -c "$HOME/cookies" -o "$HOME/page" "$1"
    grep -q '<!doctype html>' "$HOME/page"
    curl -sSf -b "$HOME/cookies" "\${1%%/?token=*}/api/v1/panes" | grep -q '"id":"t%0"'`);
  await symlink(join(TOP, 'tests/agents/standin'), at('bin/claude'));
  await writeFile(at('project/Makefile'), MAKEFILE);
  await cp(join(TOP, 'contrib/flows'), at('project/contrib/flows'), { recursive: true });
  await writeFile(at('home/.claude/projects/project/5f1e2d3c-0000-4000-8000-00000000000a.jsonl'), transcript(at('project')));
  const { PATH, ASAN_OPTIONS, UBSAN_OPTIONS } = cleanEnv();
  const env = {
    HOME: at('home'), XDG_RUNTIME_DIR: at('run'), TMUX_TMPDIR: at('run'), PATH: `${at('bin')}:${PATH}`, EXAMPLES: dir,
    SHELL: '/bin/sh', ENV: '', PS1: '$ ', LC_ALL: 'C.UTF-8', TERM: 'xterm-256color', ASAN_OPTIONS, ...(UBSAN_OPTIONS ? { UBSAN_OPTIONS } : {}),
  };
  const place = new Place(dir, env, at('project'));
  place.names.learn(['/usr/share/panescry'], [join(TOP, 'contrib/tmux')]);
  if (!/^panescry serve/.test(blocks.find((b) => b.steps)?.steps[0].command) && !blocks[0].file?.startsWith('~')) {
    const r = await run(at('bin/panescry'), ['serve'], { env, cwd: at('project') });
    if (r.status !== 0) await place.close();
    assert.equal(r.status, 0, r.err);
    place.names.learn(['127.0.0.1:7263'], [new URL(r.out.trim()).host]);
  }
  return place;
}

const pages = await Promise.all((await readdir(join(TOP, 'man'))).filter((f) => /\.[1-9]$/.test(f)).sort().map(async (name) => (
  { name, blocks: manBlocks(await readFile(join(TOP, 'man', name), 'utf8'), { all: name === 'panescry-tmux.7' }), stays: name === 'panescry-tmux.7' })));
pages.push({ name: 'README', blocks: textBlocks(await readFile(join(TOP, 'README'), 'utf8'), README_NOT_RUN), stays: false });

const missing = (await run('sh', ['-c', 'for p in tmux curl jq make openssl python3; do command -v $p >/dev/null || echo $p; done'])).out.trim();
const skip = missing ? `there is no ${missing.replaceAll('\n', ', ')}` : false;

for (const { name, blocks, stays } of pages) {
  describe(`the examples of ${name}`, { skip }, () => {
    let place;
    let broken = false;
    const runnable = blocks.filter((b) => !b.notRun);
    before(async () => {
      if (runnable.length) place = await placeFor(blocks.filter((b) => !b.notRun));
      if (stays) await place.openTerminal();
    });
    after(async () => {
      await place?.close();
      if (place) await rm(place.dir, { recursive: true, force: true, maxRetries: 5 });
    });
    it('there are some', () => assert.ok(runnable.length, 'none'));
    for (const b of blocks) {
      const title = b.lines.find((l) => l.startsWith('$ ')) ?? b.lines[0];
      it(title, { skip: b.notRun ? `not run: ${b.notRun}` : false }, async (t) => {
        if (broken) return t.skip('one before it failed');
        broken = true;
        await place.play(b, { stays });
        broken = false;
      });
    }
  });
}

it('most examples are run', (t) => {
  const all = pages.flatMap((p) => p.blocks.map((b) => ({ page: p.name, ...b })));
  const not = all.filter((b) => b.notRun);
  t.diagnostic(`${all.length} examples, ${all.flatMap((b) => b.steps ?? []).length} steps; not run: ${not.length}`);
  for (const b of not) t.diagnostic(`${b.page}: ${b.lines[0]}: ${b.notRun}`);
  assert.ok(not.length * 6 <= all.length, `${not.length} of ${all.length} are not run`);
});

describe('what may differ', () => {
  const same = (shown, came, names = new Names()) => names.match(shown.split('\n'), came.split('\n'));
  it('ids, times and sizes, and what the page leaves out', () => {
    assert.ok(same('p1  build  1.5K  4.1s', 'p12 build 200M 3ms'));
    assert.ok(same('a\n...\nb', 'a\nb') && same('a\n...\nb', 'a\nx\ny\nb'));
    assert.ok(same('2026-11-22T01:02:03.456Z t%1', '1999-01-01T00:00:00.000Z t%77'));
  });
  it('nothing else', () => {
    for (const [shown, came] of [['3', '4'], ['p1', 'j1'], ['a', 'a\nb'], ['a\nb', 'a'], ['', 'a'], ['p1 p1', 'p1 p2'], ['a.c', 'abc'], ['x ... y', 'x z']])
      assert.ok(!same(shown, came), `${shown} is not ${came}`);
  });
  it('names stand for the same, and are put into commands', () => {
    const names = new Names();
    assert.ok(same('j12', 'j3', names));
    assert.equal(names.in('panescry jobs show j12 j13'), 'panescry jobs show j3 j13');
    assert.ok(!same('j12', 'j4', names));
  });
  it('a command goes on, and keys are keys', () => {
    assert.deepEqual(stepsOf(['$ a \\', '> b', 'c', '<C-b />', 'd']), [
      { command: 'a \\\nb', shown: ['c'] }, { keys: ['C-b', '/'], shown: ['d'] }]);
    assert.throws(() => stepsOf(['c']));
  });
});
