// `panescry search -I` in a pane of the same daemon, driven with send and looked at with capture.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { useDaemon } from './lib/daemon.mjs';
import { alive, assertRefused, BINARY, run } from './lib/run.mjs';
import { until } from './lib/until.mjs';

describe('search -I', () => {
  const d = useDaemon({ before, after });
  let content;

  before(async () => {
    const lines = [...Array(300)].map((_, i) => `line ${i + 1} ${i % 10 === 9 ? `apple ${i + 1}` : 'pear'}${i === 150 ? ' 你好' : ''}`);
    await writeFile(join(d.dir, 'content'), `${lines.join('\n')}\n`);
    ({ id: content } = await d.sh('stty -echo; cat "$1"; while read -r x; do eval "$x"; done'.replace('$1', join(d.dir, 'content')), { name: 'content', cols: 100 }));
    await d.shows(content, /line 300 apple/);
  });

  /** The picker in a pane; its standard output goes to a file. */
  const pick = async (args = '', { cols = 80, rows = 24, env = {}, before: first = '' } = {}) => {
    const out = join(d.dir, `out-${Math.random()}`);
    const { id } = await d.sh(`${first} stty -a | tail -n +2 >${out}.before; echo before; "${BINARY}" search -I --pane content ${args} >${out} 2>${out}.err; echo "status $?"; stty -a | tail -n +2 >${out}.after; exec sleep 1000`,
      { cols, rows, env: { PANESCRY_SOCKET: d.socket, ...env } });
    const screen = async () => (await d.request('GET', `/api/v1/panes/${id}/capture`)).text.split('\n');
    const p = {
      id,
      screen,
      sees: async (what, test) => {
        let last;
        return until(what, async () => test((last = await screen())) && last).catch((e) => assert.fail(`${e.message}; the screen is\n${last.join('\n')}`));
      },
      keys: async (...keys) => assert.equal((await d.cli(['send', id, '--keys', ...keys])).status, 0),
      type: (text) => d.type(id, text),
      /** The line that is selected. */
      selects: (pattern) => p.sees(`${pattern} to be selected`, (s) => pattern.test(s.slice(2).find((l) => l.startsWith('> ')) ?? '')),
      counts: (n) => p.sees(`${n} hits`, (s) => s[1].startsWith(`${n} `)),
      /** It ends and leaves the terminal as it was. */
      ends: async (status) => {
        // "before" scrolls away from a screen that becomes very small.
        await p.sees(`status ${status}`, (s) => s.filter((l) => l !== '' && l !== 'before').join() === `status ${status}`);
        await until('stty', async () => (await readFile(`${out}.after`, 'utf8').catch(() => '')) === (await readFile(`${out}.before`, 'utf8')));
        const printed = await readFile(out, 'utf8');
        assert.equal(await readFile(`${out}.err`, 'utf8'), '');
        await d.remove(id);
        return printed;
      },
    };
    await p.sees('the prompt', (s) => s[0].startsWith('>') && /^\d+\+? |^[a-z]/.test(s[1]));
    return p;
  };

  it('lists the newest lines, then what matches, and prints the one that was chosen', async () => {
    const p = await pick();
    await p.counts('200+');
    await p.selects(/line 300 apple 300/);
    await p.type('apple');
    await p.counts('30');
    const s = await p.screen();
    assert.equal(s[0], '> apple');
    assert.match(s[2], new RegExp(`^> ${content} +\\d+[smh] line 300 apple 300$`));
    assert.match(s[3], /^ {2}p\d+ +\d+[smh] line 290 apple 290$/);
    await p.type(' 1[0-4]0');
    await p.counts('5');
    await p.selects(/line 140 /);
    await p.keys('Down');
    await p.selects(/line 130 /);
    await p.keys('C-n');
    await p.selects(/line 120 /);
    await p.keys('C-p');
    await p.selects(/line 130 /);
    await p.keys('Enter');
    assert.equal(await p.ends(0), `${content} 130\n`);
  });

  it('shows the lines around the selected one', async () => {
    const p = await pick('apple');
    await p.selects(/line 300/);
    await p.keys('Down', 'Down');
    const s = await p.sees('the lines around', (t) => t.some((l) => /^280 line 280 apple 280$/.test(l)));
    const at = s.findIndex((l) => l.startsWith(`--- ${content}:280 `));
    assert.ok(at > 3, 'a rule');
    const around = s.slice(at + 1).filter(Boolean).map((l) => Number(l.split(' ')[0]));
    assert.ok(around.includes(277) && around.includes(283));
    assert.deepEqual(around, around.map((_, i) => around[0] + i));
    await p.keys('C-c');
    assert.equal(await p.ends(1), '');
  });

  it('moves by pages and to the ends', async () => {
    const p = await pick('--max-count 50 .', { rows: 20 });
    await p.counts('50+');
    await p.selects(/line 300 /);
    await p.keys('End');
    await p.selects(/line 251 /);
    await p.keys('PageUp');
    const page = 11 - 1; // 18 rows, 7 of them for the lines around
    await p.selects(new RegExp(`line ${251 + page} `));
    await p.keys('Home');
    await p.selects(/line 300 /);
    await p.keys('PageDown');
    await p.selects(new RegExp(`line ${300 - page} `));
    await p.keys('Up', 'Up');
    await p.selects(new RegExp(`line ${302 - page} `));
    await p.keys('C-g');
    await p.ends(1);
  });

  it('edits', async () => {
    const p = await pick();
    await p.type('apple 你好x');
    await p.sees('what was typed', (s) => s[0] === '> apple 你好x');
    await p.counts('0');
    await p.keys('BSpace', 'BSpace', 'BSpace', 'BSpace');
    await p.counts('30');
    await p.keys('C-w');
    await p.counts('200+');
    await p.type('你好');
    await p.counts('1');
    await p.selects(/line 151 pear 你好$/);
    await p.keys('C-u');
    await p.type('pple 7');
    await p.keys('C-a');
    await p.type('a');
    await p.keys('C-e');
    await p.type('0');
    await p.sees('what was typed', (s) => s[0] === '> apple 70');
    await p.counts('1');
    await p.type('\u001b[200~x\ry\u001b[201~');
    await p.sees('a paste as text', (s) => s[0] === '> apple 70x y');
    await p.keys('Escape');
    await p.ends(1);
  });

  it('switches between expressions and strings, cases and orders', async () => {
    const p = await pick("'l..e 1[01] '");
    await p.counts('2');
    await p.keys('Tab');
    await p.counts('0');
    await p.sees('string', (s) => s[1].includes('string'));
    await p.keys('Tab', 'C-u');
    await p.type('APPLE');
    await p.counts('0');
    await p.keys('M-c');
    await p.counts('30');
    await p.keys('C-t');
    await p.counts('0');
    await p.keys('C-t', 'C-u');
    await p.type('apple');
    await p.counts('30');
    await p.selects(/line 300 /);
    await p.keys('C-r');
    await p.selects(/line 10 /);
    await p.keys('Enter');
    assert.equal(await p.ends(0), `${content} 10\n`);
  });

  it('says what is wrong with a pattern and keeps the hits', async () => {
    const p = await pick('-w apple');
    await p.counts('30');
    await p.type('(');
    await p.sees("PCRE2's words", (s) => s[1] === 'missing closing parenthesis');
    assert.match((await p.screen())[2], /line 300 apple 300/);
    await p.type(' 20)');
    await p.counts('1');
    await p.selects(/line 20 apple 20/);
    await p.keys('Enter');
    assert.equal(await p.ends(0), `${content} 20\n`);
  });

  it('waits for the answer when Enter follows at once', async () => {
    const p = await pick();
    await p.type('apple 250\r');
    assert.equal(await p.ends(0), `${content} 250\n`);
    const q = await pick('nothing-like-it');
    await q.counts('0');
    await q.keys('Enter');
    await q.keys('C-c');
    assert.equal(await q.ends(1), '');
  });

  it('gives up a slow query for the next', async () => {
    const { id } = await d.sh(`seq -f "${'a'.repeat(60)} %.0f b" 1 20000; exec cat`, { name: 'slow' });
    await d.shows(id, ' 20000 b');
    const p = await pick('--pane slow');
    await p.type('(a|aa)+ x?$');
    await p.sees('that it searches', (s) => s[1].startsWith('searching '));
    await p.keys('C-u');
    await p.type(' 17042 b$');
    await p.counts('1');
    await p.keys('Enter');
    assert.match(await p.ends(0), new RegExp(`^${id} \\d+\n$`));
    await d.remove(id);
  });

  it('goes on while the panes print, and stays with the line that was selected', async () => {
    const p = await pick('fresh');
    await p.counts('0');
    await d.type(content, 'echo fresh 1; echo fresh 2\n');
    await p.counts('2');
    await p.selects(/fresh 2/);
    await p.keys('Down');
    await p.selects(/fresh 1/);
    await d.type(content, 'echo fresh 3; echo fresh 4\n');
    await p.counts('4');
    await p.selects(/fresh 1/);
    await p.keys('Enter');
    assert.equal(await p.ends(0), `${content} 301\n`);
  });

  it('fits every size', async () => {
    const p = await pick('apple', { cols: 120, rows: 50 });
    await p.counts('30');
    for (const [cols, rows] of [[20, 5], [1, 1], [2, 2], [200, 3], [10, 12], [300, 100], [20, 5]]) {
      await d.ok('POST', `panes/${p.id}/resize`, { cols, rows });
      const s = await p.sees(`the picker at ${cols}x${rows}`, (t) => t[0].startsWith('>') && t.length <= rows + 1 && (cols < 20 || rows < 3 || t[2]?.startsWith('> ')));
      // What is longer than the screen is wide would show as one logical line.
      for (const line of s) assert.ok([...line].length <= cols, `${cols}x${rows}: ${line}`);
    }
    await p.sees('hits', (s) => /^> p\d+ +line 300 app/.test(s[2]) && /line 290/.test(s[3]) && /line 280/.test(s[4]));
    await p.keys('Escape');
    await p.ends(1);
  });

  it('runs a command on the line', async () => {
    const p = await pick(`--exec 'echo "<$PANESCRY_PANE> <$PANESCRY_LINE> <$PANESCRY_TEXT>"; exit 7' 'apple 110'`);
    await p.counts('1');
    await p.keys('Enter');
    assert.equal(await p.ends(7), `<${content}> <110> <line 110 apple 110>\n`);
  });

  it('puts the terminal back when a signal ends it', async () => {
    for (const [signal, status] of [['SIGTERM', 143], ['SIGINT', 130], ['SIGHUP', 129]]) {
      const p = await pick('apple');
      await p.counts('30');
      const pid = Number((await run('ps', ['-o', 'pid=', '--ppid', String((await d.pane(p.id)).pid)])).out);
      assert.ok(await alive(pid));
      process.kill(pid, signal);
      await p.sees(`status ${status}`, (s) => s[0] === 'before' && s.some((l) => l === `status ${status}`));
      await d.remove(p.id);
    }
  });

  it('lets nothing of a pane act on the terminal', async () => {
    const { id } = await d.new(['sh', '-c', 'printf "evil \\033]0;pwned\\007\\033[31m\\302\\233 31m\\033P+q\\033\\\\ \\342\\200\\256 \\033[?1049h\\033[?1049l \\177\\001 end\\n"; exec cat'], { name: 'evil', cols: 100 });
    await d.shows(id, 'end');
    const p = await pick('--pane evil evil', { env: { NO_COLOR: '1' } });
    await p.selects(/evil .* end/);
    const v = await d.attach(p.id, { offset: 0 });
    await v.sees('evil');
    await until('the frames', () => v.text.includes('end'));
    const sequences = new Set(v.text.match(/\u001b\[[?0-9;]*[@-~]|\u001b.|[\u0000-\u0009\u000b-\u001a\u001c-\u001f\u007f]/g).map((x) => x.replace(/[0-9]+(;[0-9]+)*(?=[Hm])/, 'N')));
    const allowed = ['\r', '\u001b[NH', '\u001b[H', '\u001b[K', '\u001b[m', '\u001b[Nm', '\u001b[2J', '\u001b[?25l', '\u001b[?25h', '\u001b[?1049h', '\u001b[?7l', '\u001b[?2004h'];
    assert.deepEqual([...sequences].filter((x) => !allowed.includes(x)), []);
    assert.doesNotMatch(Buffer.from(v.text, 'latin1').toString(), /[\u0080-\u009f\u202e]/);
    assert.equal((await d.pane(p.id)).title ?? '', '');
    await v.close();
    await p.keys('Escape');
    await p.ends(1);
    await d.remove(id);
  });

  it('works in tmux', async (t) => {
    if ((await run('sh', ['-c', 'command -v tmux'])).status !== 0) return t.skip('no tmux');
    const dir = join(d.dir, 'tmux');
    await mkdir(dir);
    const tmux = (...args) => run('tmux', ['-S', join(dir, 's'), '-f', '/dev/null', ...args], { env: { ...d.env, LC_ALL: 'C.UTF-8', TERM: 'screen', SHELL: '/bin/sh' } });
    const shows = (what) => until(`${what} in tmux`, async () => what.test((await tmux('capture-pane', '-p')).out));
    await tmux('new-session', '-d', '-x', '60', '-y', '15', `"${BINARY}" search -I --pane content apple; echo "status $?"; exec sleep 1000`);
    try {
      await shows(/^> p\d+ +\d+. line 300 apple 300$/m);
      await tmux('send-keys', 'Down', 'Down');
      await shows(/^> p\d+ +\d+. line 280 apple 280$/m);
      await tmux('send-keys', 'M-c');
      await shows(/ignore case/);
      await tmux('resize-window', '-x', '20', '-y', '5');
      await shows(/^> p\d+ +line \d+ app/m);
      await tmux('send-keys', 'Escape');
      await shows(/^status 1$/m);
    } finally {
      await tmux('kill-server');
    }
  });

  it('refuses what makes no sense, and says so without taking the screen', async () => {
    for (const args of [['-c'], ['-l'], ['-o'], ['-q'], ['--json'], ['-e', 'a', '-e', 'b'], ['a', 'b'], ['--since', 'teatime'], ['--source', 'moon']])
      assertRefused(await d.cli(['search', '-I', ...args]), 2);
    assertRefused(await d.cli(['search', 'x', '--exec', 'true']), 2, /-I/);
    assertRefused(await d.cli(['search', '-I'], { env: { PANESCRY_SOCKET: join(d.dir, 'nobody') } }), 3, /no daemon/);
    assertRefused(await run('setsid', ['-w', BINARY, 'search', '-I'], { env: d.env }), 2, /no terminal/);
  });
});
