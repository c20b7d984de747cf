// Searches in agents' sessions: what they find is what looking through all messages and tool
// calls finds, line by line.

import assert from 'node:assert/strict';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { privateDir, startDaemon } from './lib/daemon.mjs';
import { Raw, requestText } from './lib/raw.mjs';
import { assertDone, assertRefused, run } from './lib/run.mjs';
import { each, until } from './lib/until.mjs';

const SAMPLES = join(dirname(fileURLToPath(import.meta.url)), '..', 'agents', 'samples');
const LINE_MAX = 64 * 1024;
const ESC = '\u001b';

const at = (s) => new Date(Date.UTC(2026, 10, 20, 12, 0, s)).toISOString();
const json = (o) => `${JSON.stringify(o)}\n`;
const envelope = (session, n, more) => ({ uuid: `u-${session}-${n}`, parentUuid: n ? `u-${session}-${n - 1}` : null, sessionId: session, timestamp: at(n), version: '2.1.0', cwd: '/work/own', ...more });
const says = (session, n, content, more = {}) =>
  json(envelope(session, n, { type: 'assistant', message: { id: `msg_${session}_${n}`, model: 'claude-opus-4-5', role: 'assistant', content, usage: { input_tokens: 1, output_tokens: 1 } }, requestId: `req_${session}_${n}`, ...more }));
const asks = (session, n, content, more = {}) => json(envelope(session, n, { type: 'user', message: { role: 'user', content }, ...more }));

/** A session with what the samples do not have: long lines, many of them, what acts on terminals. */
function own() {
  const many = Array.from({ length: 3000 }, (_, i) => `row ${i} of many${i % 500 === 0 ? ' landmark' : ''}`).join('\n');
  return [
    asks('own', 0, 'Find the landmark\nand its\n\nneighbours\n'),
    says('own', 1, [{ type: 'thinking', thinking: 'Where is the landmark?\r\nPerhaps ahead', signature: 'x' }]),
    says('own', 2, [{ type: 'text', text: `Größe: 你好 landmark 😀\n${ESC}[31mred${ESC}[m landmark` }]),
    says('own', 3, [{ type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'grep -n landmark *\nls' } }]),
    asks('own', 4, [{ type: 'tool_result', tool_use_id: 'toolu_1', content: many }]),
    says('own', 5, [{ type: 'tool_use', id: 'toolu_2', name: 'mcp__maps__find', input: { text: `${'é'.repeat(40000)} landmark behind` } }]),
    asks('own', 6, [{ type: 'tool_result', tool_use_id: 'toolu_2', content: `${'x'.repeat(70000)}landmark\nlandmark` }]),
    asks('own', 7, 'A landmark that is not shown', { isMeta: true }),
    says('own', 8, [{ type: 'text', text: 'x\n'.repeat(20) + 'last landmark' }]),
  ].join('');
}

/* Randomness that can be had again. */
const SEED = Number(process.env.SEARCH_SEED ?? Date.now() % 1e9);
let state = SEED >>> 0;
const rnd = (n) => {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) % n;
};
const pick = (list) => list[rnd(list.length)];

// A bare CR in an argument's value would be the end of the request's arguments.
const escape = (c) => c.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&').replace('\\-', '-').replaceAll('\r', '\\r');

/** A pattern that means the same here and there, made of a piece of a line; never empty. */
function somePattern(lines) {
  const chars = [...pick(lines)];
  if (chars.length === 0 || rnd(12) === 0) return pick(['^$', '^.$', '\\d{4}', '[A-Z]\\w+', 'error|failed', 'the', 'e', '.', '\\bis\\b', 'no such thing at all']);
  const from = rnd(chars.length);
  const part = chars.slice(from, from + 1 + rnd(8));
  let p = part.map((c) => (rnd(8) !== 0 ? escape(c) : /\d/.test(c) ? '\\d' : /\w/.test(c) ? pick(['\\w', '.', '[a-zA-Z_0-9]', `${c}+`]) : '.')).join('');
  if (from === 0 && rnd(2)) p = `^${p}`;
  if (from + part.length === chars.length && rnd(2)) p += '$';
  return rnd(10) === 0 ? `${p}|${escape(pick(['user', 'tool', 'file', 'x']))}` : p;
}

describe(`a search in sessions (SEARCH_SEED=${SEED})`, () => {
  let d, home;
  let texts; // all that there is to find
  let sessions;
  const all = async (path) => {
    const out = [];
    for (let offset = 0; ; offset += 200) {
      const page = await d.ok('GET', `${path}?limit=200&offset=${offset}`);
      out.push(...page.data);
      if (out.length >= page.total || page.data.length === 0) return out;
    }
  };
  const find = async (args) => {
    const q = new URLSearchParams({ source: 'sessions' });
    for (const [name, value] of Object.entries(args)) for (const v of [value].flat()) q.append(name, String(v));
    const r = await d.request('GET', `/api/v1/search?${q}`);
    assert.equal(r.status, 200, `${q}: ${r.text}`);
    return r.json;
  };
  const refused = async (query) => {
    const r = await d.request('GET', `/api/v1/search?${query}`);
    return [r.status, r.json.error];
  };
  const search = (args, more) => d.cli(['search', '--sessions', ...args], more);

  const cut = (line) => {
    if (line.length <= LINE_MAX / 4) return line;
    const bytes = Buffer.from(line);
    let n = Math.min(bytes.length, LINE_MAX);
    while (n < bytes.length && (bytes[n] & 0xc0) === 0x80) n--;
    return bytes.subarray(0, n).toString();
  };
  const split = (text) => {
    const lines = text.split('\n').map(cut);
    if (lines.at(-1) === '') lines.pop();
    return lines;
  };

  async function takeAll() {
    sessions = await all('sessions');
    texts = [];
    for (const s of sessions) {
      const common = { session: s.id, agent: s.agent, native: s.agent_session, pane: s.pane };
      const add = (more, time, text) => {
        if (text !== null) texts.push({ ...common, ...more, time: time ?? s.updated ?? s.started, lines: split(text) });
      };
      for (const m of await all(`sessions/${s.id}/messages`)) add({ role: m.role, tool: null, message: m.id, field: 'text', hidden: m.hidden }, m.time, m.text);
      for (const t of await all(`sessions/${s.id}/traces`)) {
        const call = { role: 'tool', tool: t.name, message: t.id, hidden: false };
        add({ ...call, field: 'input' }, t.started ?? t.finished, t.input);
        add({ ...call, field: 'output' }, t.finished ?? t.started, t.output);
      }
    }
  }

  const ms = (o) => (o.time === null ? 0 : Date.parse(o.time));
  const order = (a, b) => ms(a) - ms(b) || a.session - b.session || (a.role === 'tool') - (b.role === 'tool') || a.message - b.message || (a.field === 'output') - (b.field === 'output') || a.line - b.line;

  /** Looking through all of it. */
  function naive({ pattern, icase, context = 0, order: way = 'newest', role, tool, session, agent, since, until: to }) {
    const re = new RegExp(pattern, `gsu${icase ? 'i' : ''}`);
    const hits = [];
    for (const t of texts) {
      if (role && !role.split(',').includes(t.role)) continue;
      if (tool && !(t.role === 'tool' && new RegExp(`^${tool.replace(/\*/g, '.*')}$`, 's').test(t.tool))) continue;
      if (session && t.session !== session) continue;
      if (agent && t.agent !== agent) continue;
      if (since && ms(t) < Date.parse(since)) continue;
      if (to && ms(t) > Date.parse(to)) continue;
      t.lines.forEach((content, i) => {
        const found = [...content.matchAll(re)];
        if (found.length === 0) return;
        const bytes = (n) => Buffer.byteLength(content.slice(0, n));
        const { lines, ...rest } = t;
        hits.push({
          ...rest,
          line: i + 1,
          content,
          spans: found.slice(0, 1000).map((m) => [bytes(m.index), bytes(m.index + m[0].length)]),
          before: lines.slice(Math.max(0, i - context), i),
          after: lines.slice(i + 1, i + 1 + context),
          source: 'sessions',
        });
      });
    }
    hits.sort(order);
    return way === 'newest' ? hits.reverse() : hits;
  }

  async function check(args) {
    const what = JSON.stringify({ ...args, SEED });
    const want = naive(args);
    const got = await find(args);
    const limit = args.limit ?? 50;
    assert.equal(got.partial, false, what);
    assert.equal(got.source, 'sessions');
    assert.equal(got.matches.length, Math.min(limit, want.length), what);
    for (let i = 0; i < got.matches.length; i++) assert.deepEqual(got.matches[i], want[i], `${what}: hit ${i}`);
    if (want.length !== limit) assert.equal(got.truncated, want.length > limit, what);
    if (want.length <= limit) assert.equal(got.total, want.length, what);
    else assert.ok(got.total > limit || got.total === limit, what);
    return want.length;
  }

  before(async () => {
    home = await privateDir();
    for (const [from, to] of [['claude', '.claude/projects/samples'], ['codex', '.codex/sessions/2026/11/21'], ['gemini', '.gemini/tmp/samples/chats']])
      await cp(join(SAMPLES, from), join(home, to), { recursive: true });
    await mkdir(join(home, '.claude', 'projects', 'own'), { recursive: true });
    await writeFile(join(home, '.claude', 'projects', 'own', 'own.jsonl'), own());
    d = await startDaemon({ env: { HOME: home, TZ: 'UTC' } });
    await until('all transcripts', async () => (await d.info()).sessions.settled && (await d.ok('GET', 'sessions')).data.some((s) => s.agent_session === 'own'));
    let before;
    await until('what was read in the store', async () => {
      const now = JSON.stringify(await d.ok('GET', 'sessions?limit=200'));
      const same = now === before;
      before = now;
      return same;
    });
    await takeAll();
  });
  after(async () => {
    await d.well();
    await d.stop();
    await rm(home, { recursive: true, force: true });
  });

  it('has something to look through', () => {
    assert.ok(sessions.length > 10, `${sessions.length} sessions`);
    assert.deepEqual([...new Set(sessions.map((s) => s.agent))].sort(), ['claude', 'codex', 'gemini']);
    assert.deepEqual([...new Set(texts.map((t) => t.role))].filter((r) => r !== 'system').sort(), ['assistant', 'thinking', 'tool', 'user']);
    assert.ok(texts.some((t) => t.hidden) && texts.some((t) => t.field === 'output'));
  });

  it('finds what is there, in its lines, with what is known of it', async () => {
    const { matches } = await find({ pattern: 'landmark', session: 'own', limit: 10000 });
    const want = naive({ pattern: 'landmark', session: sessions.find((s) => s.agent_session === 'own').id });
    assert.deepEqual(matches, want);
    const brief = matches.map((m) => `${m.role} ${m.tool} ${m.field} ${m.line}${m.hidden ? ' hidden' : ''}`);
    assert.deepEqual(brief, [
      'assistant null text 21',
      'system null text 1 hidden',
      'tool mcp__maps__find output 2',
      ...[2501, 2001, 1501, 1001, 501, 1].map((n) => `tool Bash output ${n}`),
      'tool Bash input 1',
      'assistant null text 2',
      'assistant null text 1',
      'thinking null text 1',
      'user null text 1',
    ], 'what is behind 64 KiB of a line is not looked at');
    assert.equal(matches[0].time, at(8));
    assert.equal(matches[0].agent, 'claude');
    assert.equal(matches[0].native, 'own');
    assert.equal(matches[0].pane, null);
    assert.equal((await find({ pattern: 'k\\?\\r$', session: 'own' })).total, 1);
  });

  it('finds what looking through everything finds', async () => {
    const lines = [...new Set(texts.flatMap((t) => t.lines))].filter((l) => l.length < 2000 && !l.startsWith('row '));
    const names = [...new Set(texts.map((t) => t.tool).filter(Boolean))];
    const times = texts.map((t) => t.time).filter(Boolean);
    const rounds = Array.from({ length: 240 }, () => {
      const args = { pattern: somePattern(lines), limit: pick([1, 2, 7, 50, 50, 1000, 10000]), context: pick([0, 0, 1, 3]) };
      if (rnd(4) === 0) args.icase = 1;
      if (rnd(3) === 0) args.order = pick(['oldest', 'newest']);
      if (rnd(5) === 0) args.role = pick(['user', 'assistant', 'thinking', 'system', 'tool', 'user,assistant', 'thinking,tool,user']);
      if (rnd(8) === 0) delete args.role, (args.tool = pick([pick(names), '*', 'B*', `*${pick(names).slice(-2)}`]));
      if (rnd(10) === 0) args.session = pick(sessions).id;
      if (rnd(10) === 0) args.agent = pick(['claude', 'codex', 'gemini', 'nobody']);
      if (rnd(6) === 0) args.since = pick(times);
      if (rnd(6) === 0) args.until = pick(times);
      return args;
    });
    let found = 0;
    await each(rounds, 2, async (args) => {
      found += (await check(args)) > 0;
    });
    assert.ok(found > 30, `${found} found something`);
  });

  it('takes several patterns, strings, words, and smart case', async () => {
    const count = async (args) => (await find({ session: 'own', limit: 10000, ...args })).total;
    assert.equal(await count({ pattern: ['landmark', '^row 7 '] }), 15);
    assert.equal(await count({ pattern: '你.' }), 1);
    assert.equal(await count({ pattern: '你.', fixed: 1 }), 0);
    assert.equal(await count({ pattern: 'LANDMARK' }), 0);
    assert.equal(await count({ pattern: 'LANDMARK', icase: 1 }), 14);
    assert.equal(await count({ pattern: 'landmark', smart: 1 }), 14);
    assert.equal(await count({ pattern: 'row 1', word: 1 }), 1);
  });

  it('knows sessions by both of their ids, and no others', async () => {
    const { id } = sessions.find((s) => s.agent_session === 'own');
    assert.deepEqual((await find({ pattern: 'landmark', session: id })).matches, (await find({ pattern: 'landmark', session: 'own' })).matches);
    assert.deepEqual(await refused('source=sessions&pattern=x&session=nobodys'), [404, 'no_such_session']);
    assert.equal((await find({ pattern: 'landmark', agent: 'nobody' })).total, 0);
    assert.equal((await find({ pattern: 'landmark', pane: 'p*' })).total, 0, 'none ran in a pane');
  });

  it('refuses what makes no sense', async () => {
    for (const q of ['role=users', 'role=', 'role=user,', 'role=user,tools', 'tool=', `tool=${'x'.repeat(300)}`, 'agent=', 'session=', 'role=user&tool=Bash', 'limit=0', 'limit=10001', 'context=51', 'order=best', 'since=noon'])
      assert.deepEqual(await refused(`source=sessions&pattern=x&${q}`), [400, 'bad_params'], q);
    for (const q of ['role=user', 'tool=Bash', 'session=1', 'agent=claude', 'source=ring&role=tool', 'source=session'])
      assert.deepEqual(await refused(`pattern=x&${q}`), [400, 'bad_params'], q);
    assert.deepEqual(await refused('source=sessions&pattern=('), [400, 'bad_pattern']);
    assert.deepEqual(await refused('source=sessions'), [400, 'bad_params']);
  });

  it('says so when a pattern was too costly', async () => {
    const r = await find({ pattern: '^(.+)+\\1{3}(?<!.)$', session: 'own' });
    assert.equal(r.partial, true);
    assert.equal((await find({ pattern: 'landmark', session: 'own' })).partial, false, 'and then it is as before');
  });

  it('is printed as grep would', async () => {
    const { id } = sessions.find((s) => s.agent_session === 'own');
    const own = ['--session', 'own'];
    assert.equal(assertDone(await search([...own, '--role', 'user,system', 'landmark'])), `${id}:1:A landmark that is not shown\n${id}:1:Find the landmark\n`);
    assert.equal(assertDone(await search([...own, '--role', 'user,system', '--oldest-first', 'landmark'])), `${id}:1:Find the landmark\n${id}:1:A landmark that is not shown\n`);
    assert.equal(assertDone(await search([...own, '--tool', 'B*', '-m', '2', 'landmark'])), `${id}:2501:row 2500 of many landmark\n${id}:2001:row 2000 of many landmark\n`);
    assert.equal(assertDone(await d.cli(['search', '--source', 'sessions', '-N', '--no-pane', '--role=thinking', ...own, 'Where'])), 'Where is the landmark?\r\n');
    assert.equal(assertDone(await search([...own, '-o', '--role', 'assistant', 'Gr\\S+e'])), `${id}:1:Größe\n`);
    assert.equal(assertDone(await search([...own, '-c', 'landmark'])), `${id}:14\n`);
    assert.equal(assertDone(await search(['-l', 'landmark'])), `${id}\n`);
    assert.deepEqual(JSON.parse(assertDone(await search(['-c', '--json', 'landmark']))), { session: id, count: 14 });
    assert.equal(assertDone(await search([...own, '--color=always', '--role', 'user', '^Find'])), `${ESC}[35m${id}${ESC}[m${ESC}[36m:${ESC}[m${ESC}[32m1${ESC}[m${ESC}[36m:${ESC}[m${ESC}[01;31mFind${ESC}[m the landmark\n`);
    assert.equal((await search(['-q', 'landmark'])).status, 0);
    assert.equal((await search(['no such thing at all'])).status, 1);
    const [hit] = assertDone(await search([...own, '-j', '-B1', '-m1', 'landmark'])).trim().split('\n').map(JSON.parse);
    assert.deepEqual(hit, { ...naive({ pattern: 'landmark', session: id, context: 1 })[0], after: [] });
  });

  it('is printed with the lines around it, those of one text together', async () => {
    const { id } = sessions.find((s) => s.agent_session === 'own');
    const args = ['--session', 'own', '--role', 'user,system,assistant'];
    assert.equal(assertDone(await search([...args, '-C1', '^(Find|nei|and)'])), `${id}:1:Find the landmark\n${id}:2:and its\n${id}-3-\n${id}:4:neighbours\n`);
    assert.equal(assertDone(await search([...args, '-A1', 'the landmark|not shown|last'])), `${id}:21:last landmark\n--\n${id}:1:A landmark that is not shown\n--\n${id}:1:Find the landmark\n${id}-2-and its\n`);
  });

  it('shows nothing that acts on a terminal', async () => {
    const r = await run('script', ['-qfec', `"$PANESCRY" search --sessions --session own --color=never red`, '/dev/null'], { env: { ...d.env, PANESCRY: process.env.PANESCRY, SHELL: '/bin/sh', TERM: 'xterm' }, input: '' });
    assert.match(r.out, /red.*landmark/);
    assert.ok(!r.out.includes(ESC), JSON.stringify(r.out));
  });

  it('is refused by the command, too', async () => {
    for (const args of [['--role', 'user', 'x'], ['--tool', 'Bash', 'x'], ['--session', '1', 'x'], ['--agent', 'claude', 'x'], ['--sessions', '--source', 'ring', 'x'], ['--sessions', '-I'], ['--sessions']])
      assertRefused(await d.cli(['search', ...args]), 2, /usage|go|other|pattern/);
    assertRefused(await search(['--role', 'users', 'x']), 2, /role/);
    assertRefused(await search(['--session', 'nobodys', 'x']), 2, /no such session/);
  });
});

describe('a costly search in sessions', () => {
  const COSTLY = '(?:a|aa)+$';
  let d, home;
  const path = (pattern) => `/api/v1/search?${new URLSearchParams({ source: 'sessions', pattern })}`;
  const find = async (pattern) => (await d.request('GET', path(pattern))).json;

  before(async () => {
    home = await privateDir();
    const project = join(home, '.claude', 'projects', 'big');
    await mkdir(project, { recursive: true });
    const content = `${'a'.repeat(60)}b c\n`.repeat(40_000);
    await writeFile(join(project, 'big.jsonl'), asks('big', 0, 'the first') + asks('big', 1, content) + asks('big', 2, 'the last'));
    d = await startDaemon({ env: { HOME: home, TZ: 'UTC' } });
    await until('the last message', async () => (await find('the last')).total === 1);
  });
  after(async () => {
    await d.well();
    await d.stop();
    await rm(home, { recursive: true, force: true });
  });

  it('ends with its budget, with what it found', async () => {
    const o = await find(`${COSTLY}|the last`);
    assert.equal(o.partial, true);
    assert.deepEqual(o.matches.map((m) => m.content), ['the last']);
    assert.equal((await find('the first')).partial, false, 'and then it is as before');
  });

  it('is given up when its client goes away', async () => {
    for (let i = 0; i < 60; i++) {
      const raw = await Raw.open({ host: '127.0.0.1', port: d.port });
      await raw.write(requestText('GET', path(COSTLY), [`Host: 127.0.0.1:${d.port}`, `Authorization: Bearer ${d.token}`]));
      raw.close();
    }
    // Sixty of them, two at a time, would be at it for longer than an answer is waited for.
    await until('an answer', async () => (await find('the first'))?.matches?.length === 1);
  });

  it('does not hold up the end of the daemon', async () => {
    const raws = [];
    for (let i = 0; i < 10; i++) {
      const raw = await Raw.open({ host: '127.0.0.1', port: d.port });
      await raw.write(requestText('GET', path(COSTLY), [`Host: 127.0.0.1:${d.port}`, `Authorization: Bearer ${d.token}`]));
      raws.push(raw);
    }
    await d.stop();
    for (const raw of raws) raw.close();
    d = await startDaemon({ env: { HOME: home, TZ: 'UTC' } });
  });
});
