// record, export and import: what is in a file is what was in the pane, and comes back into one.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { access, appendFile, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { htmlLines, parseCast, printed, readCast, svgLines } from './lib/cast.mjs';
import { privateDir, useDaemon } from './lib/daemon.mjs';
import { killWorker, startKept } from './lib/keeper.mjs';
import { assertDone, assertRefused, BINARY, cleanEnv, has } from './lib/run.mjs';
import { each, until, within } from './lib/until.mjs';

const CORPORA = join(dirname(fileURLToPath(import.meta.url)), '..', 'term', 'corpora');

/** Lines with the looks of their parts, and the cursor: all that a pane shows, whatever its styles are called. */
async function shown(d, id, main = 0) {
  const r = await d.ok('GET', `panes/${id}/capture?history=all&format=json&main=${main}`);
  const looks = new Map(r.styles.map(({ id: n, ...look }) => [n, JSON.stringify(look)]));
  const lines = r.lines.map((l) => {
    const parts = [];
    for (const run of l.runs) {
      const look = looks.get(run.style);
      if (parts.at(-1)?.look === look) parts.at(-1).len += run.len;
      else parts.push({ len: run.len, look });
    }
    while (parts.at(-1)?.look === '{}') parts.pop();
    return { text: l.text.trimEnd(), parts };
  });
  const { x, y, visible } = r.cursor;
  // A cursor behind the last column, whose next character wraps, is on it when it was put there.
  return { cols: r.cols, rows: r.rows, alternate: r.alternate, cursor: [Math.min(x, r.cols - 1), y, visible], lines };
}

const texts = async (d, id, query = 'history=all') => {
  const r = await d.ok('GET', `panes/${id}/capture?format=json&${query}`);
  return r.lines.map((l) => l.text.trimEnd());
};

/** A recording that runs; `stop` ends it by a signal. */
async function record(d, args) {
  const there = await readFile(args.at(-1), 'utf8').catch(() => '');
  const child = spawn(BINARY, ['record', ...args], {
    env: cleanEnv({ PANESCRY_SOCKET: d.socket }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (x) => (out += x));
  child.stderr.on('data', (x) => (err += x));
  const ended = new Promise((done) => child.on('close', (code, signal) => done({ code, signal, out, err })));
  const file = args.at(-1);
  const begun = async () => {
    const text = file === '-' ? out : await readFile(file, 'utf8').catch(() => '');
    return text !== there && text.includes('"o"');
  };
  await until('the recording to begin', async () => {
    assert.equal(child.exitCode, null, err);
    return begun();
  });
  return {
    ended: () => within('the recording to end', ended),
    stop: (signal = 'SIGINT') => (child.kill(signal), within('the recording to end', ended)),
  };
}

const DONE = { code: 0, signal: null, out: '', err: '' };
const RICH =
  'stty -echo; printf "\\033[1;31mred \\033[4:3;58;5;3mcurly\\033[m \\033[38;2;1;2;3;48;5;200mrgb\\033[m\\n"; ' +
  'printf "wide \\346\\227\\245\\346\\234\\254 e\\314\\201 \\360\\237\\230\\200 \\033]8;;https://x.org/?a=1\\007link\\033]8;;\\007\\n"; ';

/** Plays a file into a pane, without pauses, and waits for its end. */
async function play(d, file, args = ['-i', '0']) {
  const id = assertDone(await d.cli(['import', ...args, file])).trim();
  assert.match(id, /^p\d+$/);
  return { id, pane: await d.exited(id) };
}

describe('casts', () => {
  const d = useDaemon({ before, after });
  let dir;
  before(async () => (dir = await privateDir()));
  after(() => rm(dir, { recursive: true, force: true }));
  const at = (name) => join(dir, name);

  it('record has colours, sizes, cut characters and the end, in both versions', async () => {
    const { id } = await d.sh(
      `${RICH} read x; for i in 1 2 3; do echo "$i $x"; done; printf "\\342\\202"; read x; printf "\\254|\\377|\\n"; ` +
        'read x; printf "%090d\\n" 7; read x; printf tail; exit 7', { cols: 60, rows: 6 });
    await d.shows(id, 'link');
    const old = await record(d, ['--title', 'a "title"', '-i', '1.5', id, at('two.cast')]);
    const late = await record(d, ['--format', 'v3', id, at('three.cast')]);
    const both = (what) =>
      until(`${JSON.stringify(what)} in both`, async () => {
        for (const f of ['two.cast', 'three.cast']) if (!printed(await readCast(at(f)).catch(() => ({ events: [] }))).includes(what)) return false;
        return true;
      });
    await d.type(id, 'go\n');
    await both('3 go\r\n');
    await d.type(id, '\n');
    await both('\u20ac|\ufffd|\r\n');
    await d.ok('POST', `panes/${id}/resize`, { cols: 50, rows: 9 });
    await until('the size in both', async () =>
      (await Promise.all(['two.cast', 'three.cast'].map((f) => readFile(at(f), 'utf8')))).every((t) => t.includes('"r", "50x9"')));
    await d.type(id, '\n\n');
    assert.deepEqual(await old.ended(), DONE);
    assert.deepEqual(await late.ended(), DONE);

    const two = await readCast(at('two.cast'));
    const three = await readCast(at('three.cast'));
    assert.deepEqual([two.header.version, two.header.width, two.header.height], [2, 60, 6]);
    assert.deepEqual([two.header.title, two.header.idle_time_limit], ['a "title"', 1.5]);
    assert.deepEqual([three.header.version, three.header.term.cols, three.header.term.rows], [3, 60, 6]);
    for (const { header } of [two, three]) {
      assert.ok(Math.abs(header.timestamp - Date.now() / 1000) < 3600);
      assert.match(header.command, /^sh -c stty/);
    }
    assert.deepEqual(two.events.filter((e) => e.code !== 'o').map((e) => [e.code, e.text]), [['r', '50x9']]);
    assert.deepEqual(three.events.filter((e) => e.code !== 'o').map((e) => [e.code, e.text]), [['r', '50x9'], ['x', '7']]);
    assert.ok(printed(three).endsWith('tail'));
    assert.equal((await stat(at('two.cast'))).mode & 0o777, 0o600);

    const wanted = await shown(d, id);
    const again = await play(d, at('three.cast'));
    assert.equal(again.pane.exit_status, 7);
    assert.deepEqual(await shown(d, again.id), wanted);
    const first = await play(d, at('two.cast'));
    assert.equal(first.pane.exit_status, 0);
    assert.deepEqual(await shown(d, first.id), wanted);
    for (const x of [id, again.id, first.id]) await d.remove(x);
  });

  it('record loses nothing of a flood', async () => {
    const { id } = await d.quiet(
      'stty -echo; read x; i=0; while [ $i -lt 400 ]; do seq -f "\u001b[3$((i % 8))m%.0f\u001b[m $i \u65e5\u672c" 100; i=$((i + 1)); done; echo over',
      { rows: 10 });
    const r = await record(d, ['-F', 'v3', id, at('flood.cast')]);
    await d.type(id, '\n');
    await d.exited(id);
    assert.deepEqual(await r.ended(), DONE);
    const cast = await readCast(at('flood.cast'));
    assert.equal(cast.events.at(-1).code, 'x');
    const again = await play(d, at('flood.cast'));
    const wanted = await shown(d, id);
    assert.equal(wanted.lines.length, 40_001);
    assert.deepEqual(await shown(d, again.id), wanted);
    await d.remove(id);
    await d.remove(again.id);
  });

  it('record ends well by a signal, goes on with a file, and writes to standard output', async () => {
    const { id } = await d.sh('stty -echo; echo first; while read x; do echo "got $x"; done', { cols: 40, rows: 5 });
    await d.shows(id, 'first');
    const file = at('more.cast');
    const sees = (what) => until(what, async () => (await readFile(file, 'utf8')).includes(what));
    let r = await record(d, [id, file]);
    await d.type(id, 'one\n');
    await sees('got one');
    assert.deepEqual(await r.stop('SIGTERM'), DONE);
    const short = await readFile(file, 'utf8');
    const before = parseCast(short);
    assertRefused(await d.cli(['record', id, file]), 2, /more\.cast: File exists/);
    assert.equal(await readFile(file, 'utf8'), short);

    // One that was killed in the middle of a line.
    await appendFile(file, '[9999.0, "o", "cut o');
    await d.ok('POST', `panes/${id}/resize`, { cols: 44, rows: 6 });
    assertRefused(await d.cli(['record', '--append', '--format', 'v3', id, file]), 2, /version 2/);
    r = await record(d, ['--append', id, file]);
    await sees('44x6');
    await d.type(id, 'two\n');
    await sees('got two');
    assert.deepEqual(await r.stop(), DONE);
    const cast = await readCast(file);
    assert.deepEqual(cast.events.slice(0, before.events.length), before.events);
    assert.deepEqual(cast.events.filter((e) => e.code === 'r').map((e) => e.text), ['44x6']);
    assert.ok(cast.events.at(-1).time < 3600);
    const again = await play(d, file);
    assert.deepEqual(await texts(d, again.id, 'main=1'), await texts(d, id, 'main=1'));

    r = await record(d, ['--force', '--format', 'v3', id, file]);
    assert.deepEqual(await r.stop('SIGHUP'), DONE);
    assert.equal((await readCast(file)).header.version, 3);
    r = await record(d, [id, '-']);
    const { out, ...how } = await r.stop();
    assert.deepEqual({ ...how, out: '' }, DONE);
    assert.match(printed(parseCast(out)), /got two/);

    for (const args of [[], [id], [id, 'a', 'b'], ['-F', 'v1', id, at('x')], ['-i', '-1', id, at('x')], ['-a', '-f', id, at('x')]])
      assertRefused(await d.cli(['record', ...args]), 2);
    assertRefused(await d.cli(['record', 'nobody', at('none.cast')]), 2, /no pane/);
    assertRefused(await d.cli(['record', id, '/no/such/dir/x.cast']), 2, /No such file/);
    await writeFile(at('other.txt'), 'no cast\n');
    assertRefused(await d.cli(['record', '-a', id, at('other.txt')]), 2, /other\.txt: line 1/);
    assertRefused(await d.cli(['record', '-a', id, '/dev/null']), 2, /not a file/);
    assert.equal(await readFile(at('other.txt'), 'utf8'), 'no cast\n');
    await assert.rejects(access(at('none.cast')));
    await d.remove(again.id);
    await d.remove(id);
  });

  it('record goes on at its byte when the worker is replaced', async () => {
    const k = await startKept();
    try {
      const { id } = await k.sh('stty -echo; i=0; while [ $i -lt 600 ]; do i=$((i + 1)); echo "line $i"; sleep 0.005; done; read x; exit 3');
      const r = await record(k, ['-F', 'v3', id, at('kept.cast')]);
      await killWorker(k);
      await k.shows(id, 'line 600');
      await killWorker(k);
      await k.type(id, '\n');
      assert.deepEqual(await r.ended(), DONE);
      const cast = await readCast(at('kept.cast'));
      assert.equal(cast.events.at(-1).text, '3');
      const seen = [...printed(cast).matchAll(/line (\d+)\r\n/g)].map((m) => Number(m[1]));
      assert.deepEqual(seen, Array.from({ length: seen.length }, (_, i) => i + 601 - seen.length));
    } finally {
      await k.stop();
    }
  });

  it('asciinema plays what was recorded and exported', async (t) => {
    if (!has('asciinema')) return t.skip('asciinema is not installed');
    const { id } = await d.sh(`${RICH} seq 40; read x; echo "and $x"; exec cat`, { cols: 70, rows: 12 });
    await d.shows(id, '40');
    const r = await record(d, [id, at('peer.cast')]);
    await d.type(id, 'more\n');
    await until('it all', async () => (await readFile(at('peer.cast'), 'utf8')).includes('and more'));
    assert.deepEqual(await r.stop(), DONE);
    assertDone(await d.cli(['export', id, at('peer-export.cast')]));
    const wanted = await texts(d, id);
    for (const [file, command] of [['peer', 'cat'], ['peer', 'play -i 0.01'], ['peer-export', 'cat'], ['peer-export', 'play -i 0.01']]) {
      const p = await d.sh(`stty -echo; asciinema ${command} ${at(`${file}.cast`)}; exec sleep 1000`, { cols: 70, rows: 12, env: { HOME: dir } });
      // A recording has what was above its first screen no more.
      const end = file === 'peer' ? wanted.slice(-11) : wanted;
      await until(`${command} of ${file}`, async () => JSON.stringify((await texts(d, p.id)).slice(-end.length)) === JSON.stringify(end));
      await d.remove(p.id);
    }
    await d.remove(id);
  });

  it('export makes casts that give the same history, screens and cursor', async () => {
    const panes = [
      await d.sh(`${RICH} seq -f "\u001b[33m%.0f\u001b[m" 7; exec cat`, { cols: 50, rows: 20 }),
      await d.sh(`${RICH} seq 300; printf "%0170d\\n\\n  here: " 5; exec cat`, { cols: 50, rows: 8 }),
      await d.sh(`${RICH} seq 50; printf "\\033[?1049h\\033[3;5H\\033[44mfull screen\\033[m\\033[?25l\\033[2;2H"; exec cat`, { cols: 50, rows: 8 }),
      await d.sh(`${RICH} seq 100; printf "\\033[H\\033[2J\\033[31mtop\\033[5;9H"; exec cat`, { cols: 50, rows: 8 }),
      // A line whose first rows have left the screen, with and without something below it.
      await d.sh(`seq 20; printf "%0270d\\n1\\n2\\n3\\n4\\n5"; exec cat`, { cols: 50, rows: 8 }),
      await d.sh(`seq 20; printf "%0470d\\n1\\n2\\n3\\n4\\033[4;1H\\033[Jlow"; exec cat`, { cols: 50, rows: 8 }),
      await d.sh('exec sleep 1000', { cols: 1, rows: 1 }),
    ];
    for (const [i, end] of ['7', 'here:', 'full screen', 'top', '4\n5', 'low'].entries()) await d.shows(panes[i].id, end);
    for (const { id } of panes) {
      for (const version of ['v2', 'v3']) {
        const file = at(`${id}-${version}.cast`);
        assertDone(await d.cli(['export', '--format', version, id, file]));
        const cast = await readCast(file);
        assert.equal(cast.header.version, Number(version[1]));
        const again = await play(d, file);
        assert.deepEqual(await shown(d, again.id), await shown(d, id), `${id} ${version}`);
        assert.deepEqual(await shown(d, again.id, 1).then((s) => s.lines), await shown(d, id, 1).then((s) => s.lines));
        await d.remove(again.id);
      }
    }
    // Lines have the times at which they were complete.
    const { lines } = await d.ok('GET', `panes/${panes[1].id}/capture?history=all&format=json`);
    const cast = await readCast(at(`${panes[1].id}-v2.cast`));
    const first = Date.parse(lines[0].time);
    const line = lines.find((l) => l.text === '250');
    const event = cast.events.find((e) => /(^|\n)250\r\n/.test(e.text));
    assert.ok(Math.abs(event.time * 1000 - (Date.parse(line.time) - first)) < 1.5);
    assert.equal(cast.header.timestamp, Math.floor(first / 1000));
    for (const { id } of panes) await d.remove(id);
  });

  it('export makes text, pages and pictures that say what capture says', async () => {
    const evil = '<script>globalThis.owned=1</script>&amp;\'"><img src=x onerror=alert(1)> ]]> --> <!--';
    const { id } = await d.new(
      ['sh', '-c', `${RICH} printf "%s\\n" "$1"; seq 30; printf "%0130d \\342\\200\\256txt\\n" 8; ` +
        'printf "\\033]8;;javascript:alert(1)\\007bad\\033]8;;\\007 \\033[7minverse \\033[8mhidden\\033[m\\n"; ' +
        'printf "\\033]8;;https://x.org/\\"><script>&a=1\\007good\\033]8;;\\007 \\033]8;;mailto:a@b.c\\007post\\033]8;;\\007"; exec cat', 'x', evil],
      { cols: 50, rows: 12, name: 'a.name' });
    await d.shows(id, 'post');
    for (const [args, query] of [[[], ''], [['-H', '20'], 'history=20'], [['-H', 'all'], 'history=all']]) {
      const wanted = await texts(d, id, query);
      for (const format of ['txt', 'html', 'svg']) {
        const file = at(`page.${format}`);
        assertDone(await d.cli(['export', '--force', ...args, id, file]));
        const text = await readFile(file, 'utf8');
        const lines = format === 'txt' ? text.split('\n').slice(0, -1) : format === 'html' ? htmlLines(text) : svgLines(text);
        assert.deepEqual(lines, wanted, `${format} ${args}`);
        if (format === 'txt') continue;
        assert.doesNotMatch(text, /url\(|@import|\u202e/);
        for (const [tag] of text.replace(/<style>[^<]*<\/style>/, '').matchAll(/<[^>]*>/g)) {
          assert.match(tag, /^<(!DOCTYPE html|\/?(html|head|meta|title|body|pre|span|svg|text|tspan|rect|a))\b/);
          assert.doesNotMatch(tag, /\son|javascript|style=/i);
        }
        assert.match(text, /<title>a\.name<\/title>/);
        const links = [...text.matchAll(/<a [^>]*href="([^"]*)"[^>]*>/g)];
        for (const [tag, href] of links) {
          assert.match(href, /^(https|mailto):/);
          assert.match(tag, /rel="noopener/);
        }
        assert.ok(links.some(([, href]) => href === 'https://x.org/%22%3E%3Cscript%3E&amp;a=1'));
        assert.equal((await stat(file)).mode & 0o777, 0o600);
      }
    }
    assert.equal(assertDone(await d.cli(['export', '--format', 'txt', id, '-'])), await (await d.request('GET', `/api/v1/panes/${id}/capture`)).text);
    await d.remove(id);
  });

  it('export --raw has the bytes as they came, at the times of their lines', async () => {
    const { id } = await d.sh(
      'seq 40; sleep 1.2; printf "\\033[?1049h\\033[Hone\\033[Htwo \\342\\202\\254\\033[?1049l"; seq 41 60; printf "0%%\\r50%%\\r100%%"; exit 5',
      { cols: 40, rows: 10 });
    await d.exited(id);
    assertDone(await d.cli(['export', '--raw', '-F', 'v3', '-t', 'raw', id, at('raw.cast')]));
    const { header, events } = await readCast(at('raw.cast'));
    assert.deepEqual([header.version, header.term.cols, header.term.rows, header.title], [3, 40, 10, 'raw']);
    const seq = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => `${from + i}\r\n`).join('');
    assert.equal(printed({ events }), `${seq(1, 40)}\u001b[?1049h\u001b[Hone\u001b[Htwo \u20ac\u001b[?1049l${seq(41, 60)}0%\r50%\r100%`);
    assert.deepEqual([events.at(-1).code, events.at(-1).text], ['x', '5']);
    // What left the screen before the pause did so before the pause, and what came behind it later.
    const when = (what) => {
      let text = '';
      return events.find((e) => (text += e.text).includes(what)).time;
    };
    assert.ok(when('100%') - when('\n30\r\n') >= 1, JSON.stringify(events.map((e) => [e.time, e.text])));
    const again = await play(d, at('raw.cast'));
    assert.deepEqual(await shown(d, again.id), await shown(d, id));
    for (const args of [['-H', '1'], ['-s', '1h'], ['-m'], ['-F', 'html']])
      assertRefused(await d.cli(['export', '--raw', ...args, id, at('none.cast')]), 2, /--raw/);
    for (const x of [id, again.id]) await d.remove(x);
    await d.gone(id);
    const refused = await d.cli(['export', '--raw', id, at('none.cast')]);
    assert.equal(refused.status, 2, refused.err);
    assert.ok(!(await readdir(dir)).includes('none.cast'));
  });

  it('export replaces nothing by itself, and leaves nothing when it fails', async () => {
    const { id } = await d.sh('echo here; exec cat');
    await d.shows(id, 'here');
    const files = await readdir(dir);
    await writeFile(at('mine.html'), 'mine');
    await symlink(at('mine.html'), at('link.html'));
    for (const name of ['mine.html', 'link.html']) assertRefused(await d.cli(['export', id, at(name)]), 2, /File exists/);
    for (const args of [['nobody', at('x.cast')], ['--run', '2026-01-01T00:00:00Z', id, at('x.cast')]])
      assertRefused(await d.cli(['export', ...args]), 2, /no pane|archive/);
    for (const args of [[], [id], ['-F', 'pdf', id, at('x')], ['-H', '1', '-s', '1h', id, at('x')], ['-s', 'never', id, at('x')], ['--size', '0x1', id, at('x')]])
      assertRefused(await d.cli(['export', ...args]), 2);
    assertRefused(await d.cli(['export', id, at('x.cast')], { env: { PANESCRY_SOCKET: at('none.sock') } }), 3, /no daemon/);
    assert.equal(await readFile(at('mine.html'), 'utf8'), 'mine');
    assert.deepEqual((await readdir(dir)).sort(), [...files, 'mine.html', 'link.html'].sort());
    assertDone(await d.cli(['export', '--overwrite', id, at('link.html')]));
    assert.equal(await readFile(at('mine.html'), 'utf8'), 'mine', 'a link is replaced, not followed');
    assert.match(await readFile(at('link.html'), 'utf8'), /here/);
    await d.remove(id);
  });

  it('import refuses what is no cast and makes no pane', async () => {
    const two = '{"version":2,"width":80,"height":24}\n';
    const three = '{"version":3,"term":{"cols":80,"rows":24}}\n';
    const ids = async () => (await d.ok('GET', 'panes')).panes.map((p) => p.id);
    const old = await ids();
    for (const [text, why] of [
      ['', /line 1/], ['x', /line 1/], ['[]\n', /line 1/], ['{}\n', /line 1/], ['{"version":1,"width":80,"height":24,"stdout":[]}\n', /version 1/],
      ['{"version":2,"width":0,"height":24}\n', /1 to 2000/], ['{"version":2,"width":80,"height":2001}\n', /1 to 2000/],
      ['{"version":3,"width":80,"height":24}\n', /1 to 2000/], ['{"version":2,"width":80,"height":24,"idle_time_limit":-1}\n', /idle_time_limit/],
      [`${two}{}\n`, /line 2: not an event/], [`${two}[0,"o"]\n`, /line 2/], [`${two}[0,"o","a"] x\n`, /line 2/], [`${two}["0","o","a"]\n`, /line 2/],
      [`${two}[-1,"o","a"]\n`, /line 2: a time/], [`${two}[1e9,"o","a"]\n`, /line 2: a time/], [`${two}[NaN,"o","a"]\n`, /line 2: a time/],
      [`${three}[31000000,"o","a"]\n[31000000,"o","a"]\n`, /line 3: .*year/], [`${two}[0,"r","0x1"]\n`, /line 2: a size/],
      [`${two}[0,"r","80x99999"]\n`, /line 2: a size/], [`${three}[0,"x","300"]\n`, /line 2: an exit status/],
      [`${two}[0,"o","\\q"]\n`, /line 2/], [`${two}[0,"o","a\u0001"]\n`, /line 2/], [Buffer.from(`${two}[0,"o","\xff"]\n`, 'latin1'), /line 2/],
      [`${two}${'['.repeat(100_000)}\n`, /line 2/], [`${'{"a":'.repeat(100_000)}\n`, /line 1/],
      [`${two}[0,"o","${'a'.repeat(17 << 20)}"]\n`, /line 2: longer/], [`${two}# none in version 2 either\n[0,"o"]\n`, /line 3/],
    ]) {
      await writeFile(at('bad.cast'), text);
      assertRefused(await d.cli(['import', at('bad.cast')]), 2, why);
    }
    assertRefused(await d.cli(['import', at('no.cast')]), 2, /No such file/);
    assertRefused(await d.cli(['import', dir]), 2, /not a file/);
    await writeFile(at('ok.cast'), `${two}[0,"o","a"]\n`);
    for (const args of [[], ['a', 'b'], ['-s', '0', at('ok.cast')], ['-s', 'x', at('ok.cast')], ['-i', '-1', at('ok.cast')], ['-n', 'a b', at('ok.cast')]])
      assertRefused(await d.cli(['import', ...args]), 2);
    assert.deepEqual((await ids()).filter((id) => !old.includes(id)), []);
  });

  it('import plays what others write', async () => {
    const write = (lines) => writeFile(at('theirs.cast'), lines.map((l) => (typeof l === 'string' ? l : JSON.stringify(l))).join('\n'));
    const shows = async (args) => {
      const { id, pane } = await play(d, at('theirs.cast'), args);
      const text = await texts(d, id);
      await d.remove(id);
      return [pane.cols, pane.rows, pane.exit_status, text.join('|')];
    };
    await write([
      { version: 2, width: 33, height: 7, duration: 3, theme: { fg: '#fff' }, env: null, title: 7 },
      [0, 'o', 'a\r\n'], [0.5, 'i', 'typed'], [0.25, 'o', 'back in time\r\n'], [1, 'm', 'mark'], [1, 'zz', 'no'], [1, '', ''], '', '# c',
      '[2e0 , "o" , "\\u65e5\\ud83d\\ude00\\ud800\\u0000\\/"]', [2, 'x', 'none here'], [3, 'r', '44x9'], [3, 'o', '|\u001b[6n\u001b[c!'],
    ]);
    assert.deepEqual(await shows(['-i', '0']), [44, 9, 0, 'a|back in time|\u65e5\u{1f600}\ufffd/|!']);
    // A minute and a half at a time, and a day of silence: neither is waited for.
    await write([{ version: 3, term: { cols: 20, rows: 3, type: 'x' }, idle_time_limit: 0.01 }, '# c', [1, 'o', 'x'], [86400, 'o', 'y'], [5, 'x', '9']]);
    assert.deepEqual(await shows([]), [20, 3, 9, 'xy']);
    await write([{ version: 3, term: { cols: 20, rows: 3 } }, [90, 'o', 'fast'], '[1, "o", "cut']);
    assert.deepEqual(await shows(['--speed', '1000']), [20, 3, 0, 'fast']);
    // As many as come, one after the other.
    await write([{ version: 3, term: { cols: 20, rows: 3 } }, ...Array.from({ length: 20 }, (_, i) => [[0, 'o', `${i}\r\n`], [0, 'r', `${20 + (i % 3)}x3`]]).flat()]);
    assert.equal((await shows(['--name', 'played']))[3], Array.from({ length: 20 }, (_, i) => i).join('|'));
    const json = JSON.parse(assertDone(await d.cli(['import', '--json', at('theirs.cast')])));
    assert.equal(json.state, 'running');
    await d.remove(json.id);
  });
});

describe('recordings', () => {
  const d = {};
  before(async () => Object.assign(d, await startKept({ conf: { clear_to_history: 'off' } })));
  after(() => d.stop?.());

  it('recordings of real programs show their text, played, exported and played again', async () => {
    const names = (await readdir(CORPORA)).filter((n) => n.endsWith('.raw'));
    const texts = (await readdir(CORPORA)).filter((n) => n.endsWith('.expected.txt'));
    assert.ok(names.length > 50);
    // Every fourth: all of them are replayed by the tests of the terminal.
    await each(names.filter((_, i) => i % 4 === 0), 4, async (name) => {
      const base = name.slice(0, -4);
      const known = texts.find((t) => t.startsWith(`${base}.`));
      const [cols, rows] = known.match(/\.(\d+)x(\d+)\.expected/).slice(1).map(Number);
      const wanted = (await readFile(join(CORPORA, known), 'utf8')).trimEnd();
      const text = await readFile(join(CORPORA, name), 'utf8');
      const pieces = text.match(/[^]{1,777}/gu) ?? [];
      const file = join(d.dir, `${base}.cast`);
      await writeFile(file, [{ version: 3, term: { cols, rows } }, ...pieces.map((p) => [0.001, 'o', p])].map((l) => `${JSON.stringify(l)}\n`).join(''));
      const said = async (id) =>
        (await d.request('GET', `/api/v1/panes/${id}/capture?history=all&main=1`)).text.replace(/ +$/gm, '').trimEnd();
      const first = await play(d, file);
      assert.equal(await said(first.id), wanted, name);
      assertDone(await d.cli(['export', first.id, join(d.dir, `${base}-again.cast`)]));
      const again = await play(d, join(d.dir, `${base}-again.cast`));
      assert.deepEqual(await shown(d, again.id), await shown(d, first.id), name);
      assert.equal(await said(again.id), await said(first.id));
      assertDone(await d.cli(['export', '--raw', first.id, join(d.dir, `${base}-raw.cast`)]));
      assert.equal(printed(await readCast(join(d.dir, `${base}-raw.cast`))), text, name);
      await d.remove(first.id);
      await d.remove(again.id);
    });
  });
});

describe('a ring that is full', () => {
  it('is exported from a line on, with the screen that it leads to', async () => {
    const d = await startKept({ conf: { ring_bytes: '64K' } });
    try {
      const file = join(d.dir, 'raw.cast');
      const { id } = await d.sh('seq -f "line \u001b[32m%.0f\u001b[m" 20000; printf "\\033[?1049h\\033[3;4Hup"; exec cat', { rows: 12, cols: 50 });
      await until('the screen', async () => (await texts(d, id, 'main=0')).some((l) => l.trim() === 'up'));
      const { ring_start } = await d.ok('GET', `panes/${id}`);
      assert.ok(ring_start > 0);
      assertDone(await d.cli(['export', '--raw', id, file]));
      const text = printed(await readCast(file));
      assert.match(text, /^line \u001b\[32m\d+\u001b\[m\r\nline /);
      const numbers = [...text.matchAll(/line \u001b\[32m(\d+)/g)].map((m) => Number(m[1]));
      assert.deepEqual(numbers, Array.from({ length: numbers.length }, (_, i) => 20000 - numbers.length + 1 + i));
      assert.ok(text.length > 60_000, `${text.length}`);
      const again = await play(d, file);
      const of = async (x, main) => (await shown(d, x, main)).lines.slice(-12);
      for (const main of [0, 1]) assert.deepEqual(await of(again.id, main), await of(id, main));
    } finally {
      await d.stop();
    }
  });
});

describe('an archive', () => {
  it('is exported by time, of panes that are there and of those that are gone', async () => {
    const dir = await privateDir();
    const d = await startKept({ conf: { history_lines: 4000 } });
    try {
      // Never more at once than the history holds, which would be more than the archive is given.
      const { id } = await d.sh(
        'stty -echo; early() { seq -f "early \u001b[32m%.0f\u001b[m" "$@"; }; early 3000; read x; early 3001 6000; read x; seq -f "late %.0f" 3000; read x',
        { rows: 10, cols: 30 });
      const archived = (n) =>
        until(`line ${n} in the archive`, async () =>
          (await d.request('GET', `/api/v1/archive/lines?pane=${id}&from=${n}&to=${n}`)).json?.lines?.length === 1, 60_000);
      await d.shows(id, 'early 3000');
      await d.type(id, '\n');
      await d.shows(id, 'early 6000');
      await archived(5900);
      const between = new Date().toISOString();
      await until('another millisecond', () => new Date().toISOString() > between);
      await d.type(id, '\n');
      await d.shows(id, 'late 3000');
      const get = async (name, args, pane = id) => {
        const file = join(dir, name);
        assertDone(await d.cli(['export', '--force', ...args, pane, file]));
        return file;
      };
      const numbers = (text) => [...text.matchAll(/(?:early|late) (?:\u001b\[[\d;]*m)?(\d+)/g)].map((m) => Number(m[1]));
      const count = (n, from = 1) => Array.from({ length: n - from + 1 }, (_, i) => i + from);
      const all = [...count(6000), ...count(3000)];
      const cast = async (name, args) => numbers(printed(await readCast(await get(name, args))));
      assert.deepEqual(await cast('a.cast', ['--since', '1h']), all);
      // A line's time is that at which it left the screen.
      const old = await cast('c.cast', ['--until', between]);
      assert.ok(old.length >= 5990 && old.length <= 6000, `${old.length}`);
      assert.deepEqual([...old, ...(await cast('b.cast', ['--since', between]))], all);
      assert.deepEqual(await cast('d.cast', []), all.slice(-4009), 'the history and the screen alone');
      const text = await readFile(await get('a.txt', ['--since', '1h']), 'utf8');
      assert.deepEqual(numbers(text), all);
      assert.deepEqual(numbers(htmlLines(await readFile(await get('a.html', ['--since', '1h']), 'utf8')).join('\n')), all);

      await d.remove(id);
      await until('it to be gone', () => d.gone(id));
      await until('its last lines to be in the archive', async () => {
        const file = await get('gone.cast', ['--size', '30x10', '-F', 'v3']);
        return JSON.stringify(numbers(printed(await readCast(file)))) === JSON.stringify(all);
      });
      const gone = await readCast(join(dir, 'gone.cast'));
      assert.deepEqual([gone.header.term.cols, gone.header.term.rows], [30, 10]);
      assert.match(printed(gone), /early \u001b\[0;32m1\u001b\[0m\r\n/);
      assert.deepEqual(numbers(await readFile(await get('gone.txt', ['--until', between]), 'utf8')), old);
      const again = assertDone(await d.cli(['import', '-i', '0', join(dir, 'gone.cast')])).trim();
      await d.exited(again);
      assert.deepEqual((await texts(d, again)).slice(-50), all.slice(-50).map((n) => `late ${n}`));
      assertRefused(await d.cli(['export', '--run', '2026-01-01T00:00:00Z', id, join(dir, 'x.cast')]), 2, /archive/);
    } finally {
      await d.stop();
      await rm(dir, { recursive: true, force: true });
    }
  });
});
