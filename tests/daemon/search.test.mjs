// Searches: what they find is what grep finds in the captured text, what they refuse, and that a
// costly one harms nobody else.

import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { privateDir, startDaemon, useDaemon } from './lib/daemon.mjs';
import { killWorker } from './lib/keeper.mjs';
import { Raw, requestText } from './lib/raw.mjs';
import { has, run } from './lib/run.mjs';
import { each, until } from './lib/until.mjs';

const CORPORA = fileURLToPath(new URL('../term/corpora/', import.meta.url));
const UTF8 = { LC_ALL: 'C.UTF-8' };

const bare = (s) => s.replace(/ +$/, '');
const query = (args) => {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(args)) for (const v of [value].flat()) q.append(name, String(v));
  return q.toString();
};
/** A search that must be answered with 200. */
/** In what is in memory, unless another source is asked for: what the archive has is a matter of time. */
async function find(d, args, pane) {
  const path = `/api/v1/${pane ? `panes/${pane}/` : ''}search?${query({ source: 'ring', ...args })}`;
  const r = await d.request('GET', path);
  assert.equal(r.status, 200, `${path}: ${r.text}`);
  return r.json;
}
const numbers = (o) => o.matches.map((m) => m.line);
const contents = (o) => o.matches.map((m) => m.content);

/** Shows a file in a pane of its own; it has ended when this returns. */
async function show(d, file, more = {}) {
  const { id } = await d.new(['cat', file], more);
  await d.exited(id);
  return id;
}

/** "number:line" of every line of the text that a program finds. */
async function lines(program, args, text) {
  const r = await run(program, [...args, '-'], { env: UTF8, input: text });
  assert.ok(r.status <= 1, `${program} ${args.join(' ')}: ${r.err}`);
  return r.out.split('\n').filter((l) => l !== '');
}
const grep = (pattern, text, more = []) => lines('grep', ['-a', '-n', ...more, '-P', '-e', pattern], text);
const rg = (pattern, text, more = []) => lines('rg', ['-a', '-n', '--no-config', '--color=never', ...more, '-e', pattern], text);
const asGrep = (o) => o.matches.map((m) => `${m.line}:${bare(m.content)}`);

function checkSpans(m, pattern, flags = '') {
  const bytes = Buffer.from(m.content);
  const re = new RegExp(pattern, `u${flags}`);
  assert.ok(m.spans.length > 0);
  let end = 0;
  for (const [from, to] of m.spans) {
    assert.ok(from >= end && to >= from && to <= bytes.length, JSON.stringify(m));
    const part = bytes.subarray(from, to).toString();
    assert.match(part, re);
    assert.doesNotMatch(part, /\ufffd/, 'a span cuts no character');
    end = to;
  }
}

/** A log such as programs write, with what is hard in it. */
function log(n) {
  const words = ['Größe', 'Übersicht', 'naïve', '日本語', '検索', '한국어', '😀', '👩‍👩‍👧', 'e\u0301te\u0301', 'plain', 'ERROR', 'error', 'WARN', 'a.b*c', '[x]', 'C:\\dir', '"q"', "it's"];
  let a = 12345;
  const next = (k) => (a = (Math.imul(a, 1103515245) + 12345) >>> 0) % k;
  return [...Array(n)]
    .map((_, i) => `${i + 1} ${[...Array(2 + next(12))].map(() => words[next(words.length * 16) >> 4]).join(' ')} k=${next(1000)}`)
    .join('\n') + '\n';
}

describe('a search finds', () => {
  const d = useDaemon({ before, after });
  const PATTERNS = ['ERROR', 'k=7\\d\\b', '^1\\d* ', '(?i)error', 'Größe|検索', '日.語', '😀', 'é|e\u0301', '[Üü]ber', '=9$', '(?<=k=)5', '(WARN).*\\1', 'a\\.b\\*c', '^\\d+ [^ ]+ k=\\d+', 'no such thing'];

  it('what grep and rg find in logs', async () => {
    const file = join(d.dir, 'log');
    await writeFile(file, log(3000));
    const id = await show(d, file, { cols: 60, rows: 20 });
    const text = await d.text(id);
    for (const pattern of PATTERNS) {
      const o = await find(d, { pattern, limit: 10000 }, id);
      const want = await grep(pattern, text);
      assert.deepEqual(asGrep(o), want, pattern);
      assert.deepEqual([o.total, o.truncated, o.partial], [want.length, false, false], pattern);
      if (has('rg') && !/\(\?<|\\1/.test(pattern)) assert.deepEqual(await rg(pattern.replaceAll('\\d', '[0-9]'), text), want, pattern);
      const js = pattern.startsWith('(?i)') ? [pattern.slice(4), 'i'] : [pattern.replace(/\(\?<=k=\)|\^|\$/g, ''), ''];
      for (const m of o.matches) checkSpans(m, js[0], js[1]);
    }
    for (const [args, more] of [[{ pattern: 'a.b*c', fixed: 1 }, ['-F']], [{ pattern: '[x]', fixed: 1 }, ['-F']]])
      assert.deepEqual(asGrep(await find(d, { ...args, limit: 10000 }, id)), await lines('grep', ['-an', ...more, '-e', args.pattern], text));
    assert.deepEqual(asGrep(await find(d, { pattern: 'error', icase: 1, limit: 10000 }, id)), await grep('error', text, ['-i']));
    assert.deepEqual(asGrep(await find(d, { pattern: 'error', smart: 1, limit: 10000 }, id)), await grep('error', text, ['-i']));
    assert.deepEqual(asGrep(await find(d, { pattern: 'Error', smart: 1, limit: 10000 }, id)), []);
    assert.deepEqual(asGrep(await find(d, { pattern: 'ÜBERSICHT', icase: 1, limit: 10000 }, id)), await grep('ÜBERSICHT', text, ['-i']));
    assert.deepEqual(asGrep(await find(d, { pattern: 'k', word: 1, limit: 10000 }, id)), await grep('\\bk\\b', text));
    assert.deepEqual(asGrep(await find(d, { pattern: ['WARN', 'k=1\\d$'], limit: 10000 }, id)), await grep('WARN|k=1\\d$', text));
    await d.remove(id);
  });

  it('what grep finds in recordings', async () => {
    const [head, ...rows] = (await readFile(`${CORPORA}index.tsv`, 'utf8')).trim().split('\n').map((l) => l.split('\t'));
    const all = rows.map((r) => Object.fromEntries(r.map((v, i) => [head[i], v]))).filter((r) => Number(r.bytes) > 3000 && Number(r.bytes) < 400_000);
    assert.ok(all.length > 20, `${all.length} recordings`);
    const some = all.filter((_, i) => i % Math.ceil(all.length / 12) === 0);
    let hits = 0;
    await each(some, 4, async ({ name, WxH: size }) => {
      const [cols, rows_] = size.split('x').map(Number);
      const { id } = await d.new(['sh', '-c', 'stty raw -echo; cat "$1"', 'sh', `${CORPORA}${name}.raw`], { cols, rows: rows_ });
      await d.exited(id);
      const text = (await d.request('GET', `/api/v1/panes/${id}/capture?history=all&main=1`)).text;
      for (const pattern of ['[A-Z][a-z]+', '\\d{2}', '(?i)the|an', '[^\\x00-\\x7f]', '^[^ ]', '\\(.*\\)', '─|│|█']) {
        const o = await find(d, { pattern, limit: 10000, pane: id });
        assert.deepEqual(asGrep(o), await grep(pattern, text), `${name}: ${pattern}`);
        hits += o.total;
      }
      await d.remove(id);
    });
    assert.ok(hits > 300, `${hits} lines`);
  });

  it('byte offsets, several of a line', async () => {
    const { id } = await d.sh("printf 'äx 日x 😀x\\nxx\\n'");
    await d.exited(id);
    const o = await find(d, { pattern: 'x' }, id);
    assert.deepEqual(o.matches.map((m) => m.spans), [[[2, 3], [7, 8], [13, 14]], [[0, 1], [1, 2]]]);
    const [m] = o.matches;
    assert.deepEqual(Object.keys(o).sort(), ['elapsed_us', 'matches', 'partial', 'scanned_bytes', 'scanned_lines', 'source', 'total', 'truncated']);
    assert.deepEqual(Object.keys(m).sort(), ['after', 'before', 'content', 'line', 'pane', 'source', 'spans', 'time']);
    assert.deepEqual([m.pane, m.line, m.content, m.before, m.after, m.source], [id, 1, 'äx 日x 😀x', [], [], 'ring']);
    assert.match(m.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(o.source, 'ring');
    assert.deepEqual((await find(d, { pattern: '$' }, id)).matches.map((x) => x.spans), [[[14, 14]], [[2, 2]]]);
    await d.remove(id);
  });

  it('context over the border of history and screen', async () => {
    const { id } = await d.sh('seq 1 100', { rows: 10 });
    await d.exited(id);
    const border = 92;
    for (const [n, c] of [[border, 3], [border - 1, 3], [1, 5], [100, 5], [50, 50], [3, 0], [border + 1, 1]]) {
      const { matches } = await find(d, { pattern: `^${n}$`, context: c }, id);
      const range = (from, to) => [...Array(Math.max(0, to - from + 1))].map((_, i) => String(from + i));
      assert.equal(matches.length, 1);
      assert.deepEqual(matches[0].before, range(Math.max(1, n - c), n - 1), `before ${n}`);
      assert.deepEqual(matches[0].after, range(n + 1, Math.min(100, n + c)), `after ${n}`);
    }
    await d.remove(id);
  });

  it('no more than asked, from the end that is asked', async () => {
    const { id } = await d.sh('seq 1 500', { rows: 10 });
    await d.exited(id);
    let o = await find(d, { pattern: '5$', limit: 3 }, id);
    assert.deepEqual([numbers(o), o.truncated, o.partial], [[5, 15, 25], true, false]);
    assert.ok(o.total >= 3 && o.total <= 50);
    o = await find(d, { pattern: '5$', limit: 3, order: 'newest' }, id);
    assert.deepEqual([numbers(o), o.truncated], [[495, 485, 475], true]);
    o = await find(d, { pattern: '5$', limit: 50, order: 'oldest' }, id);
    assert.deepEqual([o.matches.length, o.total, o.truncated], [50, 50, false], 'exactly as many as there are');
    o = await find(d, { pattern: '.' }, id);
    assert.deepEqual([o.matches.length, o.truncated], [50, true], 'the default is 50');
    assert.ok(o.scanned_lines >= 50 && o.scanned_bytes > 0 && o.elapsed_us >= 0);
    await d.remove(id);
  });

  it('what is between two times, however they are written', async () => {
    const { id } = await d.sh('for i in 1 2 3 4 5 6 7 8; do echo tick $i; sleep 0.1; done', { rows: 2 });
    await d.exited(id);
    const all = (await find(d, { pattern: 'tick' }, id)).matches;
    assert.equal(all.length, 8);
    const ms = (m) => Date.parse(m.time);
    assert.ok(ms(all[0]) < ms(all[5]), 'lines have times of their own');
    const from = ms(all[2]);
    const to = ms(all[4]);
    const berlin = (t) => `${new Date(t + 3600_000).toISOString().slice(0, -1)}+01:00`;
    const want = all.filter((m) => ms(m) >= from && ms(m) <= to).map((m) => m.line);
    for (const w of [(t) => new Date(t).toISOString(), String, berlin, (t) => new Date(t).toISOString().replace('T', ' ').slice(0, -1)])
      assert.deepEqual(numbers(await find(d, { pattern: 'tick', since: w(from), until: w(to) }, id)), want, w(from));
    for (const ago of ['90s', '10m', '2h', '3d', '1w', '2026-01-01', '2026-01-01T00:00:00Z']) {
      assert.equal((await find(d, { pattern: 'tick', since: ago }, id)).total, 8, ago);
      assert.equal((await find(d, { pattern: 'tick', until: ago }, id)).total, 0, ago);
    }
    assert.equal((await find(d, { pattern: 'tick', since: to, until: from - 1 }, id)).total, 0);
    await d.remove(id);
  });

  it('panes by globs over ids and names, and those that have ended', async () => {
    const a = await d.sh('echo glob', { name: 'build-a', archive: false });
    const b = await d.sh('echo glob; cat', { name: 'build-b', archive: false });
    const c = await d.sh('echo glob', { name: 'other', archive: false });
    await d.exited(a.id);
    await d.exited(c.id);
    await d.shows(b.id, 'glob');
    const panes = async (pane) => (await find(d, { pattern: '^glob$', pane })).matches.map((m) => m.pane).sort();
    assert.deepEqual(await panes('build-*'), [a.id, b.id].sort());
    assert.deepEqual(await panes('*'), [a.id, b.id, c.id].sort());
    assert.deepEqual(await panes('other'), [c.id]);
    assert.deepEqual(await panes(b.id), [b.id]);
    assert.deepEqual(await panes('build-[!a]'), [b.id]);
    assert.deepEqual(await panes('none*'), []);
    assert.deepEqual((await find(d, { pattern: 'glob' }, 'other')).matches.map((m) => m.pane), [c.id]);
    assert.equal((await find(d, { pattern: 'glob', source: 'archive' })).total, 0);
    for (const { id } of [a, b, c]) await d.remove(id);
  });

  it('in one pane nothing of another one that is named as its id', async () => {
    const first = Number((await d.sh('true')).id.slice(1));
    const named = await d.new(['echo', 'not mine'], { name: `p${first + 2}` });
    const a = await d.sh('echo mine');
    assert.equal(a.id, `p${first + 2}`);
    for (const { id } of [named, a]) await d.exited(id);
    assert.deepEqual(contents(await find(d, { pattern: 'mine' }, a.id)), ['mine']);
    assert.deepEqual(contents(await find(d, { pattern: 'mine' }, named.id)), ['not mine']);
    for (const { id } of [named, a]) await d.remove(id);
  });

  it('lines of several panes in the order of their times', async () => {
    const ids = [];
    for (let i = 0; i < 3; i++)
      ids.push((await d.sh(`for i in 1 2 3 4 5 6; do echo merged ${i} $i; sleep 0.0${5 + i}; done`, { rows: 2, name: `merge-${i}` })).id);
    for (const id of ids) await d.exited(id);
    const o = await find(d, { pattern: '^merged', pane: 'merge-*' });
    assert.equal(o.matches.length, 18);
    const times = o.matches.map((m) => Date.parse(m.time));
    assert.deepEqual(times, [...times].sort((x, y) => x - y));
    for (const id of ids) assert.deepEqual(o.matches.filter((m) => m.pane === id).map((m) => m.line), [1, 2, 3, 4, 5, 6]);
    const back = await find(d, { pattern: '^merged', pane: 'merge-*', order: 'newest' });
    assert.deepEqual(back.matches.map((m) => [m.pane, m.line]), o.matches.map((m) => [m.pane, m.line]).reverse());
    assert.deepEqual((await find(d, { pattern: '^merged', pane: 'merge-*', limit: 7 })).matches, o.matches.slice(0, 7));
    for (const id of ids) await d.remove(id);
  });

  it('a line that is wrapped, with half of it scrolled off', async () => {
    const text = [...Array(40)].map((_, i) => `w${i}-`).join('');
    const { id } = await d.sh(`printf 'first\\n%s' '${text}'; read x`, { cols: 10, rows: 4 });
    await d.shows(id, 'w39-');
    const whole = await find(d, { pattern: 'w0-.*w39-' }, id);
    assert.deepEqual([numbers(whole), contents(whole), whole.matches[0].spans], [[2], [text], [[0, text.length]]]);
    for (let i = 0; i < 39; i++) {
      const o = await find(d, { pattern: `-w${i + 1}-w|w${i}-w${i + 1}-$`, context: 1 }, id);
      if (i < 38) assert.deepEqual([numbers(o), o.matches[0].before], [[2], ['first']], `w${i}`);
    }
    await d.type(id, '\n');
    await d.exited(id);
    assert.deepEqual(numbers(await find(d, { pattern: 'w0-.*w39-' }, id)), [2]);
    await d.remove(id);
  });
});

describe('a search refuses', () => {
  const d = useDaemon({ before, after });
  const bad = async (q, code, test, path = '/api/v1/search') => {
    const r = await d.request('GET', `${path}?${q}`);
    assert.equal(r.status, 400, `${q}: ${r.text}`);
    assert.equal(r.json.error, code, `${q}: ${r.text}`);
    if (test) assert.match(r.json.message, test, q);
    return r.json;
  };

  it('every argument that is wrong, by its name', async () => {
    for (const [name, values] of Object.entries({
      limit: ['0', '10001', '-1', 'x', '', '1.5', '99999999999999999999', ' 1'],
      context: ['-1', '51', 'x', '', '0x1'],
      order: ['up', '', 'Newest'],
      since: ['x', '', 'yesterday', '5', '10y', '-5m', '2026-13-01', '2026-01-01T25:00:00Z'],
      until: ['x', '', '2026-1-1', '2026-01-01T00:00:00+'],
      source: ['x', '', 'Ring'],
      icase: ['2', 'x', 'TRUE'],
      fixed: ['2'],
      word: ['-1'],
      smart: ['on'],
      pane: ['', 'p'.repeat(65)],
    })) {
      for (const v of values) await bad(query({ pattern: 'x', [name]: v }), 'bad_params', new RegExp(`\\b${name}\\b`));
    }
    for (const q of ['', 'pattern', 'pattern=', 'limit=5', `pattern=${'a'.repeat(1001)}`, `pattern=${'%C3%A4'.repeat(501)}`, query({ pattern: Array(32).fill('a') })])
      await bad(q, 'bad_params', /\bpattern\b/);
    assert.equal((await find(d, { pattern: 'a'.repeat(1000) })).total, 0);
    assert.equal((await d.request('GET', '/api/v1/panes/p77/search?pattern=x')).status, 404);
    assert.equal((await d.request('GET', '/api/v1/panes/a%20b/search?pattern=x')).status, 400);
    assert.equal((await d.request('GET', '/api/v1/search?pattern=x', { token: null })).status, 401);
  });

  it('patterns, with the reason and the place', async () => {
    for (const [pattern, reason, offset] of [['a(b', /parenthes/, 3], ['[z-a]', /range out of order/, 3], ['x**', null, 3], ['\\', /\\ at end/, 1], ['(?<n>a)(?<n>b)', /two named/, null], ['ab\\C', /\\C/, null], ['(*NO_JIT)a', null, null], ['(?z)', null, null], ['*a', /quantifier/, null], ['ä(', /parenthes/, 3]]) {
      const r = await d.request('GET', `/api/v1/search?${query({ pattern })}`);
      if (pattern === 'x**') continue;
      assert.equal(r.status, 400, pattern);
      assert.equal(r.json.error, 'bad_pattern', pattern);
      if (reason) assert.match(r.json.message, reason, pattern);
      assert.equal(typeof r.json.offset, 'number', r.text);
      if (offset !== null) assert.equal(r.json.offset, offset, r.text);
      assert.equal((await d.request('GET', `/api/v1/search?${query({ pattern, fixed: 1 })}`)).status, 200, `${pattern} as a string`);
    }
    const o = await bad(query({ pattern: ['good', 'b(d'] }), 'bad_pattern');
    assert.deepEqual([o.which, o.offset], [1, 3]);
  });

  it('bytes that are no text', async () => {
    for (const q of ['pattern=%FF', 'pattern=%C3', 'pattern=%ED%A0%80', 'pattern=%C0%AF', 'pattern=x%80']) {
      const r = await d.request('GET', `/api/v1/search?${q}`);
      assert.equal(r.status, 400, `${q}: ${r.text}`);
      assert.match(r.json.message, /UTF-8/, q);
    }
    // The HTTP library ends these connections by itself, some of them without a word.
    for (const q of ['pattern=%00', 'pattern=a%00b', 'pattern=x&pane=%00', 'pattern=%', 'pattern=%4', 'pattern=%zz']) {
      const status = await d.request('GET', `/api/v1/search?${q}`).then((r) => r.status, (e) => e.code);
      assert.ok([400, 403, 'ECONNRESET'].includes(status), `${q}: ${status}`);
    }
    assert.equal((await find(d, { pattern: 'x', pane: '\ufffd' })).total, 0);
    await d.well();
  });

  it('and decodes what is encoded', async () => {
    const { id } = await d.sh("printf 'a+b\\na b\\na&b=c%%d#e;f\\nä\\n'");
    await d.exited(id);
    const raw = async (q) => {
      const r = await d.request('GET', `/api/v1/panes/${id}/search?${q}`);
      assert.equal(r.status, 200, r.text);
      return numbers(r.json);
    };
    assert.deepEqual(await raw('pattern=a+b'), [2], '+ is a space');
    assert.deepEqual(await raw('pattern=a%2Bb&fixed=1'), [1]);
    assert.deepEqual(await raw('pattern=a%2Bb'), [], 'a plus as an expression');
    assert.deepEqual(await raw('pattern=a%26b=c%25d%23e'), [3]);
    assert.deepEqual(await raw('pattern=b=c'), [3], 'only the first = parts');
    assert.deepEqual(await raw('pattern=e;f'), [3]);
    assert.deepEqual(await raw('fixed=1&%70attern=%c3%a4'), [4]);
    await d.remove(id);
  });

  it('as /api/term did', async () => {
    const { id } = await d.sh('seq 1 30', { rows: 5 });
    await d.exited(id);
    const path = `/api/term/sessions/main/panes/${id}/search`;
    const r = await d.request('GET', `${path}?pattern=%5E2%5B01%5D%24&context=1`);
    assert.equal(r.status, 200, r.text);
    assert.deepEqual(r.json, {
      matches: [
        { line: 20, content: '20', contextBefore: ['19'], contextAfter: ['21'] },
        { line: 21, content: '21', contextBefore: ['20'], contextAfter: ['22'] },
      ],
      total: 2,
      truncated: false,
      source: 'ring',
    });
    for (const q of ['', 'pattern=', `pattern=${'a'.repeat(201)}`, 'pattern=a&limit=0', 'pattern=a&limit=501', 'pattern=a&limit=x', 'pattern=a&context=51', 'pattern=a&context=-1'])
      assert.ok((await bad(q, 'bad_params', null, path)).details, q);
    assert.ok((await bad('pattern=(', 'bad_query', null, path)).details);
    assert.equal((await d.request('GET', `${path}?pattern=${'a'.repeat(200)}&limit=500&context=50`)).status, 200);
    assert.equal((await d.request('GET', `${path}?pattern=${'%C3%A4'.repeat(200)}`)).status, 200, '200 characters');
    await bad(`pattern=${'%C3%A4'.repeat(201)}`, 'bad_params', null, path);
    for (const p of ['/api/term/sessions/a%20b/panes/p1/search', '/api/term/sessions/s/panes/p%201/search', `/api/term/sessions/${'s'.repeat(65)}/panes/p1/search`])
      assert.ok((await bad('pattern=a', 'bad_id_format', null, p)).details, p);
    assert.equal((await d.request('GET', '/api/term/sessions/s/panes/p999/search?pattern=a')).status, 404);
    await d.remove(id);
  });
});

describe('a costly search', () => {
  const d = useDaemon({ before, after });
  const COSTLY = ['(a+)+$', '(?:a|aa)+$', '(?:a*)*[^a]$'];
  const BUDGET_MS = 2000;
  const GENEROUS_MS = 10_000;
  let id;
  let echo;

  before(async () => {
    const file = join(d.dir, 'aaa');
    await writeFile(file, `${'a'.repeat(60)}b c\n`.repeat(40_000));
    id = await show(d, file);
    echo = (await d.sh('stty -echo; while read l; do echo "got $l"; done')).id;
  });

  it('ends about its budget, and disturbs nobody', async () => {
    let partial = 0;
    for (const pattern of COSTLY) {
      const began = Date.now();
      let over = false;
      const search = find(d, { pattern, limit: 10000 }, id).finally(() => (over = true));
      let worst = 0;
      for (let i = 0; !over && i < 1000; i++) {
        const at = Date.now();
        await d.well();
        if (i % 5 === 0) {
          await d.type(echo, `${pattern.length}-${i}\n`);
          await d.shows(echo, `got ${pattern.length}-${i}`);
        }
        worst = Math.max(worst, Date.now() - at);
      }
      const o = await search;
      const took = Date.now() - began;
      partial += o.partial;
      assert.ok(took < BUDGET_MS + GENEROUS_MS, `${pattern} took ${took} ms`);
      assert.ok(o.elapsed_us < (BUDGET_MS + GENEROUS_MS / 2) * 1000, `${pattern}: ${o.elapsed_us}`);
      assert.ok(worst < GENEROUS_MS / 2, `${worst} ms for an echo`);
    }
    assert.ok(partial >= 2, `${partial} of the patterns were too costly`);
  });

  it('is given up when its client goes away', async () => {
    const raws = [];
    for (let i = 0; i < 30; i++) {
      const raw = await Raw.open({ host: '127.0.0.1', port: d.port });
      await raw.write(requestText('GET', `/api/v1/panes/${id}/search?${query({ pattern: COSTLY[0] })}`, [`Host: 127.0.0.1:${d.port}`, `Authorization: Bearer ${d.token}`]));
      raws.push(raw);
    }
    const began = Date.now();
    for (const raw of raws) raw.close();
    // Thirty of them, one after the other, would be at it for a minute or half of one.
    assert.equal((await find(d, { pattern: '^got' }, echo)).partial, false);
    assert.ok(Date.now() - began < 6 * BUDGET_MS, `${Date.now() - began} ms`);
    await d.well();
  });

  it('of a pane that is removed meanwhile has an answer', async () => {
    const other = await show(d, join(d.dir, 'aaa'));
    const search = find(d, { pattern: COSTLY[0] }, other);
    await d.remove(other);
    assert.ok(await d.gone(other));
    const o = await search;
    assert.equal(o.matches.length, 0);
    const queued = await Promise.all([...Array(8)].map(async (_, i) => {
      const pane = await d.sh(`echo queued ${i}`);
      const r = d.request('GET', `/api/v1/panes/${pane.id}/search?pattern=queued`);
      await d.remove(pane.id);
      return (await r).status;
    }));
    assert.ok(queued.every((s) => s === 200 || s === 404), queued.join());
  });

  it('or two hundred at once: each has an answer', async () => {
    const statuses = await Promise.all([...Array(200)].map(async (_, i) => {
      const r = await d.request('GET', `/api/v1/panes/${echo}/search?${query({ pattern: i % 3 ? `got ${i}` : 'got \\d+' })}`);
      if (r.status === 429) assert.equal(r.json.error, 'too_many_searches');
      return r.status;
    }));
    assert.ok(statuses.every((s) => s === 200 || s === 429), statuses.join());
    assert.ok(statuses.includes(200));
    assert.equal((await find(d, { pattern: '^got' }, echo)).partial, false, 'and then it is as before');
  });

  it('or many costly ones: all that are let in end', async () => {
    const panes = await Promise.all([...Array(80)].map(async () => {
      const raw = await Raw.open({ host: '127.0.0.1', port: d.port });
      await raw.write(requestText('GET', `/api/v1/panes/${id}/search?${query({ pattern: COSTLY[0] })}`, [`Host: 127.0.0.1:${d.port}`, `Authorization: Bearer ${d.token}`]));
      return raw;
    }));
    const refused = await until('a refusal', () => panes.find((r) => r.data.includes('HTTP/1.1 429')));
    assert.match(refused.data.toString(), /retry-after: 1/i);
    await d.well();
    for (const raw of panes) raw.close();
    await until('room', async () => (await d.request('GET', '/api/v1/search?pattern=x')).status === 200);
  });
});

describe('a search while', () => {
  it('a pane floods sees lines as they are', async () => {
    const d = await startDaemon();
    after(() => d.running() && d.stop());
    const { id } = await d.sh("awk 'BEGIN { for (i = 1; ; i++) print \"n\" i \" end\" }'", { rows: 24 });
    await d.shows(id, ' end');
    for (let i = 0; i < 12; i++) {
      const o = await find(d, { pattern: '\\d5 end$', order: i % 2 ? 'newest' : 'oldest', limit: 300, context: 2 }, id);
      for (const m of o.matches) {
        assert.equal(m.content, `n${m.line} end`);
        assert.deepEqual(m.before, [m.line - 2, m.line - 1].filter((n) => n >= 1).slice(-m.before.length || 2).map((n) => `n${n} end`));
        assert.ok(m.before.length === 2 || m === o.matches[0] || m.line < 3);
        for (const [k, l] of m.after.entries()) if (k < m.after.length - 1) assert.equal(l, `n${m.line + 1 + k} end`);
      }
      const all = numbers(o);
      assert.deepEqual(all, [...all].sort((x, y) => (i % 2 ? y - x : x - y)));
    }
    await d.remove(id);
    await d.stop();
  });

  it('a worker is killed finds the same lines in the next', async () => {
    const d = await startDaemon();
    const file = join(d.dir, 'log');
    await writeFile(file, log(2000));
    const { id } = await d.new(['sh', '-c', 'cat "$1"; read x', 'sh', file], { cols: 60, rows: 20 });
    await d.shows(id, /^2000 /m);
    const args = [{ pattern: 'Größe', limit: 10000, context: 2 }, { pattern: '[15]$', limit: 10000 }, { pattern: '.', order: 'newest', limit: 300 }];
    const before_ = [];
    for (const a of args) before_.push(await find(d, a, id));
    for (let i = 0; i < 3; i++) {
      await killWorker(d);
      for (const [k, a] of args.entries()) {
        const o = await find(d, a, id);
        assert.deepEqual(o.matches.map((m) => ({ ...m, time: 0 })), before_[k].matches.map((m) => ({ ...m, time: 0 })));
      }
    }
    await d.remove(id);
    await d.stop();
  });
});

describe('the archive', () => {
  it('has panes that are gone, lines that a history has lost, and earlier runs', async () => {
    const dir = await privateDir();
    const conf = join(dir, 'conf');
    await writeFile(conf, 'history_lines = 20000\n');
    const first = await startDaemon({ dir, keep: true, env: { PANESCRY_CONFIG: conf } });
    const gone = await first.sh("printf 'mark of the gone\\n'");
    await first.exited(gone.id);
    const kept = await first.sh('echo mark of the kept; seq 1 60000; exec cat');
    const shy = await first.new(['echo', 'mark of the shy'], { archive: false });
    await first.exited(shy.id);
    await first.remove(gone.id);
    await first.remove(shy.id);
    await first.shows(kept.id, '60000');
    const marks = (d, more) => find(d, { pattern: '^mark of', source: 'auto', ...more });
    await until('both lines', async () => (await marks(first)).total === 2);
    const now = await marks(first);
    assert.deepEqual(now.matches.map((m) => [m.pane, m.content, m.source]), [[gone.id, 'mark of the gone', 'archive'], [kept.id, 'mark of the kept', 'archive']]);
    assert.equal((await marks(first, { source: 'ring' })).total, 0);
    assert.equal((await find(first, { pattern: '^60000$', source: 'auto' })).matches[0].source, 'ring');
    assert.equal((await find(first, { pattern: '^1[0-9]{4}$', source: 'auto', limit: 10000 })).total, 10000, 'each once');
    await first.stop();
    const second = await startDaemon({ dir, keep: true, env: { PANESCRY_CONFIG: conf } });
    await until('the archive to be read', async () => (await marks(second)).total === 2);
    const { matches } = await marks(second, { order: 'newest' });
    assert.deepEqual(matches.map((m) => m.content), ['mark of the kept', 'mark of the gone']);
    for (const m of matches) assert.match(m.run, /^\d{4}-.*Z$/);
    await second.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it('gives its lines by number, with their styles, of panes that are gone and of earlier runs', async () => {
    const dir = await privateDir();
    const conf = join(dir, 'conf');
    await writeFile(conf, 'history_lines = 20000\n');
    const first = await startDaemon({ dir, keep: true, env: { PANESCRY_CONFIG: conf } });
    const lines = async (d, args) => d.request('GET', `/api/v1/archive/lines?${query(args)}`);
    const gone = await first.sh("seq 1 300; printf '\\033[1;31mred\\033[0m and \\033[38;2;1;2;3mtrue\\033[0m\\n'; seq 302 400");
    const kept = await first.sh('seq 1 60000; exec cat');
    await first.exited(gone.id);
    await first.remove(gone.id);
    await first.shows(kept.id, '60000');

    const part = await until('the lines', async () => {
      const r = await lines(first, { pane: gone.id, from: 300, to: 302 });
      return r.status === 200 && r.json;
    });
    assert.deepEqual([part.pane, part.first_line, part.last_line], [gone.id, 1, 400]);
    assert.deepEqual(part.lines.map((l) => [l.line, l.text]), [[300, '300'], [301, 'red and true'], [302, '302']]);
    for (const l of part.lines) assert.match(l.time, /^\d{4}-.*Z$/);
    const style = (id) => {
      const { id: _, ...rest } = part.styles.find((s) => s.id === id);
      return rest;
    };
    const { runs } = part.lines[1];
    assert.deepEqual(runs.map((r) => r.len), [3, 5, 4]);
    assert.deepEqual([style(runs[0].style), style(runs[2].style)], [{ fg: 1, bold: true }, { fg: '#010203' }]);
    // What a history has lost; and of too many the first, or the last.
    const { first_line: start } = (await first.request('GET', `/api/v1/panes/${kept.id}`)).json;
    assert.ok(start > 20000, String(start));
    await until('what it lost', async () => (await lines(first, { pane: kept.id, from: start - 1, to: start })).json.last_line >= 30000);
    const lost = (await lines(first, { pane: kept.id, from: 5, to: 6 })).json;
    assert.deepEqual(lost.lines.map((l) => l.text), ['5', '6']);
    const numbered = async (args) => (await lines(first, { pane: kept.id, ...args })).json.lines.map((l) => l.line);
    const many = await numbered({ from: 1001 });
    assert.deepEqual([many.length, many[0], many.at(-1)], [10000, 1001, 11000]);
    const end = await numbered({ to: 30000 });
    assert.deepEqual([end.length, end[0], end.at(-1)], [10000, 20001, 30000]);
    assert.deepEqual(await numbered({ from: 9_000_000 }), []);
    assert.equal((await find(first, { pattern: '^1[0-9]{4}$', source: 'past', pane: kept.id, limit: 10000 })).total, 10000);
    assert.equal((await find(first, { pattern: '^60000$', source: 'past' })).total, 0, 'the history has it');
    assert.deepEqual((await find(first, { pattern: '^red', source: 'past' })).matches.map((m) => [m.pane, m.line, m.source]), [[gone.id, 301, 'archive']]);

    for (const args of [{}, { pane: 'a b' }, { pane: kept.id, from: 0 }, { pane: kept.id, from: 5, to: 4 }, { pane: kept.id, run: 'yesterday' }])
      assert.equal((await lines(first, args)).status, 400, JSON.stringify(args));
    assert.equal((await lines(first, { pane: 'p999' })).json.error, 'no_such_lines');
    assert.equal((await lines(first, { pane: gone.id, run: '2001-01-01T00:00:00Z' })).status, 404);
    assert.equal((await first.request('GET', `/api/v1/archive/lines?pane=${gone.id}`, { token: null })).status, 401);
    await first.stop();

    const second = await startDaemon({ dir, keep: true, env: { PANESCRY_CONFIG: conf } });
    const match = await until('the archive to be read', async () => (await find(second, { pattern: '^red', source: 'past' })).matches[0]);
    assert.equal((await lines(second, { pane: gone.id })).status, 404, 'not of this run');
    const earlier = (await lines(second, { pane: gone.id, run: match.run, from: 301, to: 301 })).json;
    assert.deepEqual(earlier.lines.map((l) => l.text), ['red and true']);
    await second.stop();
    await rm(dir, { recursive: true, force: true });
  });
});
