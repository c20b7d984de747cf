// What was seen, through the whole daemon: recordings shown in a pane and captured, and commands
// that a shell marked. The engine itself is tested in tests/term.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startDaemon, useDaemon } from './lib/daemon.mjs';
import { until } from './lib/until.mjs';

const CORPORA = fileURLToPath(new URL('../term/corpora/', import.meta.url));
const AT_ONCE = 8;

/** Rows of index.tsv: name, WxH, and which text holds where ED 2 keeps what it clears. */
async function recordings() {
  const [head, ...rows] = (await readFile(`${CORPORA}index.tsv`, 'utf8')).trim().split('\n').map((l) => l.split('\t'));
  const column = (name) => head.indexOf(name);
  return rows
    .map((r) => ({ name: r[column('name')], size: r[column('WxH')], keep: r[column('ed2-keep')] }))
    // The history outlives CSI 3 J here, unless one asks otherwise.
    .filter((r) => r.keep !== 'disagree' && !r.name.includes('ED3'));
}

const tidy = (text) => text.split('\n').map((l) => l.replace(/ +$/, '')).join('\n').replace(/\n+$/, '');

describe('a capture', () => {
  const d = useDaemon({ before, after });

  it('of every recording is what two other terminals agree on', async () => {
    const all = await recordings();
    assert.ok(all.length > 150, `${all.length} recordings`);
    const wrong = [];
    const check = async ({ name, size, keep }) => {
      const [cols, rows] = size.split('x').map(Number);
      const { id } = await d.new(['sh', '-c', 'stty raw -echo; cat "$1"', 'sh', `${CORPORA}${name}.raw`], { cols, rows });
      await d.exited(id);
      const got = (await d.request('GET', `/api/v1/panes/${id}/capture?history=all&main=1`)).text;
      const file = `${CORPORA}${name}.${size}.expected${keep === 'file' ? '-keep' : ''}.txt`;
      if (tidy(got) !== tidy(await readFile(file, 'utf8'))) wrong.push(name);
      await d.remove(id);
    };
    const next = all.values();
    await Promise.all([...Array(AT_ONCE)].map(async () => {
      for (const recording of next) await check(recording);
    }));
    assert.deepEqual(wrong, []);
  });

  it('has as much history as was asked for', async () => {
    const { id } = await d.sh('seq 1 100', { rows: 10 });
    await d.exited(id);
    const capture = async (query) => (await d.request('GET', `/api/v1/panes/${id}/capture?${query}`)).text.trim().split('\n');
    assert.equal((await capture('history=0'))[0], '92');
    assert.equal((await capture('history=5'))[0], '87');
    assert.deepEqual(await capture('history=all'), [...Array(100)].map((_, i) => String(i + 1)));
    const p = await d.pane(id);
    assert.deepEqual([p.first_line, p.last_line], [1, 100]);
    for (const query of ['history=-1', 'history=x', 'main=2', 'format=html'])
      assert.equal((await d.request('GET', `/api/v1/panes/${id}/capture?${query}`)).status, 400, query);
    await d.remove(id);
  });

  it('has the lines of a range, of history and main screen alike', async () => {
    const { id } = await d.sh('stty -echo; seq 1 20100; printf "\\033[?1049habove"; cat', { rows: 10 });
    await d.shows(id, 'above');
    const get = (query) => d.request('GET', `/api/v1/panes/${id}/capture?${query}`);
    const capture = async (query) => (await get(query)).text.split('\n').slice(0, -1).map(Number);
    const numbers = (from, to) => [...Array(to - from + 1)].map((_, i) => from + i);
    assert.deepEqual(await capture('from=37&to=39'), [37, 38, 39]);
    assert.deepEqual(await capture('from=40&to=40&main=0'), [40]);
    assert.deepEqual(await capture('from=20085&to=20098'), numbers(20085, 20098), 'across the screen\'s edge');
    assert.deepEqual(await capture('from=20095&to=99999'), numbers(20095, 20100), 'and no line beyond the last');
    assert.deepEqual(await capture('from=20101'), []);
    assert.deepEqual(await capture('from=5&to=20005'), numbers(5, 10004), 'the first of too many');
    assert.deepEqual(await capture('from=101'), numbers(101, 10100));
    assert.deepEqual(await capture('from=10101'), numbers(10101, 20100), 'all of just so many');
    assert.deepEqual(await capture('to=20001'), numbers(10002, 20001), 'the last of too many');
    assert.deepEqual(await capture('to=3'), [1, 2, 3]);
    const o = JSON.parse((await get('from=20090&to=20092&format=json')).text);
    assert.deepEqual(o.lines.map((l) => [l.line, l.text, l.time === null]),
      [[20090, '20090', false], [20091, '20091', false], [20092, '20092', true]]);
    assert.deepEqual([o.first_line, o.last_line, o.screen_line, o.alternate], [1, 20100, 20092, true]);
    for (const query of ['from=0', 'from=x', 'to=0', 'to=-1', 'from=3&to=2', 'from=1&history=5', 'to=9&history=all', 'from=99999999999999999999'])
      assert.equal((await get(query)).status, 400, query);
    await d.remove(id);
  });

  it('of a range passes over what the history has lost', async (t) => {
    const dir = await mkdtemp(`${tmpdir()}/panescry-test-`);
    t.after(() => rm(dir, { recursive: true }));
    await writeFile(`${dir}/panescry.conf`, 'history_lines = 100\n');
    const few = await startDaemon({ env: { PANESCRY_CONFIG: `${dir}/panescry.conf` } });
    t.after(() => few.stop());
    const { id } = await few.sh('seq 1000; sleep 1000', { rows: 10 });
    await few.shows(id, '\n1000');
    const { lines, first_line: first } = await few.ok('GET', `panes/${id}/capture?from=1&to=893&format=json`);
    assert.deepEqual([first, ...lines.map((l) => l.line)], [892, 892, 893]);
    assert.deepEqual((await few.ok('GET', `panes/${id}/capture?from=1&to=5&format=json`)).lines, []);
  });

  it('shows the alternate screen, and the main one if asked', async () => {
    const { id } = await d.sh('stty -echo; echo below; printf "\\033[?1049habove"; cat');
    await d.shows(id, 'above');
    const capture = async (query) => (await d.request('GET', `/api/v1/panes/${id}/capture?${query}`)).text;
    assert.match(await capture(''), /above/);
    assert.doesNotMatch(await capture(''), /below/);
    assert.match(await capture('main=1'), /below/);
    assert.doesNotMatch(await capture('history=all&main=1'), /above/);
    await d.remove(id);
  });

  it('has numbers, times and styles as JSON, colours as ANSI', async () => {
    const { id } = await d.sh('printf "plain \\033[1;31mred\\033[0m \\033[38;2;1;2;3;4:3m\\303\\251\\033[0m\\n\\033]8;;http://x/\\033\\\\link\\033]8;;\\033\\\\\\n"; seq 30');
    await d.exited(id);
    const o = await d.ok('GET', `panes/${id}/capture?history=all&format=json`);
    const [first, second] = o.lines;
    assert.equal(first.line, 1);
    assert.equal(first.text, 'plain red é');
    assert.match(first.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(first.runs.map((r) => r.len), [6, 3, 1, 2]);
    const style = (line, i) => o.styles.find((s) => s.id === line.runs[i].style);
    assert.deepEqual([style(first, 1).fg, style(first, 1).bold], [1, true]);
    assert.deepEqual([style(first, 3).fg, style(first, 3).underline], ['#010203', 'curly']);
    assert.equal(style(second, 0).link, 'http://x/');
    assert.equal(o.lines.at(-1).time, null, 'still on the screen');
    assert.equal(o.screen_line, o.lines.find((l) => l.time === null).line);
    assert.match((await d.request('GET', `/api/v1/panes/${id}/capture?history=all&format=ansi`)).text, /\x1b\[[0-9;]*31[0-9;]*mred/);
    await d.remove(id);
  });

  it('knows the commands that the shell marked', async () => {
    const mark = (m) => `\\033]133;${m}\\007`;
    const { id } = await d.sh(`printf '${mark('A')}$ ${mark('B')}make all${mark('C')}\\r\\none\\r\\ntwo\\r\\n${mark('D;2')}${mark('A')}$ ${mark('B')}'; cat`);
    await d.shows(id, 'two');
    const { commands } = await d.ok('GET', `panes/${id}/commands`);
    assert.equal(commands.length, 1);
    const [c] = commands;
    assert.deepEqual([c.command, c.prompt_line, c.start_line, c.end_line, c.exit_status], ['make all', 1, 1, 4, 2]);
    assert.ok(c.duration_ms >= 0 && c.started <= c.finished);
    assert.deepEqual((await d.ok('GET', `panes/${id}/capture?format=json`)).commands, commands);
    assert.deepEqual((await d.ok('GET', `panes/${id}/capture?format=json&from=1&to=1`)).commands, commands);
    assert.deepEqual((await d.ok('GET', `panes/${id}/capture?format=json&from=2`)).commands, []);
    await d.remove(id);
  });

  it('title and bell reach viewers and the list', async () => {
    const { id } = await d.sh("stty -echo; printf '\\033]2;my title\\007'; read x; printf '\\a'; cat");
    await until('the title', async () => (await d.pane(id)).title);
    const v = await d.attach(id);
    await v.hears('title', (c) => c.title === 'my title');
    assert.equal((await d.pane(id)).title, 'my title');
    v.input('\r');
    await v.hears('bell');
    await v.close();
    await d.remove(id);
  });

  it('a query is answered once, whoever watches', async () => {
    const ask = "stty raw -echo; printf '\\033[6n'; dd bs=1 count=6 2>/dev/null | od -An -c | tr -d ' \\n'; sleep 0.2; echo end";
    for (const viewers of [0, 2]) {
      const { id } = await d.sh(`read x; ${ask}`);
      const watching = await Promise.all([...Array(viewers)].map(() => d.attach(id)));
      await d.type(id, '\r');
      assert.match(await d.shows(id, 'end'), /033\[2;1R/);
      for (const v of watching) await v.close();
      await d.remove(id);
    }
  });
});

describe('a configured daemon', () => {
  it('keeps what panescry.conf says', async (t) => {
    const dir = await mkdtemp(`${tmpdir()}/panescry-test-`);
    t.after(() => rm(dir, { recursive: true }));
    const conf = `${dir}/panescry.conf`;
    await writeFile(conf, '# few\nhistory_lines = 100\nclear_to_history = off\nmax_panes=2\n');
    const d = await startDaemon({ env: { PANESCRY_CONFIG: conf } });
    t.after(() => d.stop());
    const { id } = await d.sh('echo seen; printf "\\033[2J\\033[H"; seq 1000; sleep 1000', { rows: 10 });
    await d.shows(id, '\n1000');
    const p = await d.pane(id);
    assert.deepEqual([p.first_line, p.last_line], [892, 1000]);
    const { id: other } = await d.sh('echo seen; printf "\\033[2J\\033[H"; echo after; sleep 1000');
    await d.shows(other, 'after');
    assert.doesNotMatch(await d.text(other), /seen/);
    assert.equal((await d.request('POST', '/api/v1/panes', { json: { command: ['cat'] } })).status, 429);
  });
});
