// node search_sessions.mjs PROGRAM [MESSAGES]: searches in agents' sessions, beside LIKE of sqlite3 and
// rg on the same text in a file. See README.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const [program, wanted = '100000'] = process.argv.slice(2);
const MESSAGES = Number(wanted);
const RUNS = Number(process.env.RUNS ?? 5);
const PER_SESSION = 500;
const dir = mkdtempSync(join(tmpdir(), 'panescry-bench-sessions-'));

/* Transcripts: of four messages, each of some lines, one is a call of a tool with its result. */
const PARTS = ['static int count(struct row *r)\n{\n\treturn ', 'the quick brown fox jumps over the lazy dog ', '"name": "value",\n', 'src/store/archive.c:120: ', 'été ', 'ERROR timeout 30 ms\n', '0f3a9c '];
let seed = 1;
const rnd = (n) => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % 65536 % n;
const prose = (len) => {
  let s = '';
  while (s.length < len) s += PARTS[rnd(PARTS.length)] + (rnd(9) === 0 ? `${rnd(60000)}\n` : '');
  return s;
};
const mark = (n) => (n % 1000 === 7 ? '\nhere is the needle\n' : '');

const project = join(dir, '.claude', 'projects', 'bench');
mkdirSync(project, { recursive: true });
for (let s = 0, n = 0; n < MESSAGES; s++) {
  const lines = [];
  for (let i = 0; i < PER_SESSION && n < MESSAGES; i++, n++) {
    const common = { uuid: `u${n}`, parentUuid: i ? `u${n - 1}` : null, sessionId: `bench-${s}`, timestamp: new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString(), version: '2.1.0', cwd: '/srv/bench' };
    const text = prose(250 + rnd(500)) + mark(n);
    if (i % 4 === 0) lines.push({ ...common, type: 'user', message: { role: 'user', content: text } });
    else {
      const content = [{ type: 'text', text }];
      if (i % 4 === 2) content.push({ type: 'tool_use', id: `toolu_${n}`, name: 'Bash', input: { command: `make check-${n}`, description: prose(60) } });
      lines.push({ ...common, type: 'assistant', message: { id: `msg_${n}`, model: 'claude-opus-4-5', role: 'assistant', content, usage: { input_tokens: 1, output_tokens: 1 } }, requestId: `r${n}` });
      if (i % 4 === 2) lines.push({ ...common, uuid: `t${n}`, type: 'user', message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: `toolu_${n}`, content: prose(300) }] } });
    }
  }
  writeFileSync(join(project, `bench-${s}.jsonl`), lines.map((l) => JSON.stringify(l)).join('\n') + '\n');
}

writeFileSync(join(dir, 'conf'), 'archive = off\n');
const child = spawn(
  resolve(program),
  ['serve', '--foreground', '--listen', '127.0.0.1:0', '--socket', join(dir, 's.sock'), '--state-dir', dir, '--no-auth', '--no-keeper'],
  { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, HOME: dir, TMUX_TMPDIR: dir, PANESCRY_CONFIG: join(dir, 'conf') } },
);
const port = await new Promise((done) => {
  child.stdout.on('data', (d) => done(Number(new URL(String(d).split('\n')[0]).port)));
});
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (path) =>
  new Promise((done, fail) => {
    http.get({ port, host: '127.0.0.1', path, agent }, (res) => {
      const parts = [];
      res.on('data', (d) => parts.push(d));
      res.on('end', () => done(JSON.parse(Buffer.concat(parts))));
    }).on('error', fail);
  });

/* All of it is in the store when nothing comes any more. */
const database = join(dir, 'panescry.db');
const sql = (text) => execFileSync('sqlite3', ['-readonly', database, text], { maxBuffer: 1 << 30 });
for (let before = -1, now = 0; before !== now || now < MESSAGES; before = now) {
  await new Promise((done) => setTimeout(done, 1000));
  now = (await ask('/api/v1/info')).sessions.settled ? Number(sql('SELECT (SELECT COUNT(*) FROM messages)+(SELECT COUNT(*) FROM tool_traces WHERE output IS NOT NULL)')) : 0;
}
const file = join(dir, 'text');
const out = openSync(file, 'w');
spawnSync('sqlite3', ['-readonly', database, 'SELECT text FROM messages; SELECT input FROM tool_traces; SELECT output FROM tool_traces'], { stdio: ['ignore', out, 'inherit'] });
closeSync(out);

const timed = async (f) => {
  const began = process.hrtime.bigint();
  const matched = await f();
  return [Number(process.hrtime.bigint() - began) / 1e6, matched];
};
const number = (text) => Number(String(text).trim() || 0);
const ways = {
  // All that match are wanted, where the others count, too.
  panescry: ({ pattern, args = '' }) => async () => (await ask(`/api/v1/search?source=sessions&limit=10000&pattern=${encodeURIComponent(pattern)}${args}`)).total,
  'sqlite3 LIKE': ({ like }) =>
    like && (() => number(sql(`SELECT (SELECT COUNT(*) FROM messages WHERE text LIKE '%${like}%')+(SELECT COUNT(*) FROM tool_traces WHERE input LIKE '%${like}%')+(SELECT COUNT(*) FROM tool_traces WHERE output LIKE '%${like}%')`))),
  'rg -j1': ({ pattern, rg = [] }) => () => number(spawnSync('rg', ['-j1', '-a', '-c', '--no-config', ...rg, '-e', pattern, file]).stdout),
};
const cases = [
  { name: 'literal', pattern: 'needle', like: 'needle' },
  { name: 'literal, none', pattern: 'zqxjkvbnope', like: 'zqxjkvbnope' },
  { name: 'without case', pattern: 'NEEDLE', args: '&icase=1', rg: ['-i'], like: 'NEEDLE' },
  { name: 'expression', pattern: 'the n[a-z]+le$' },
  { name: 'without a literal', pattern: '[0-9]{4}[a-f]' },
];
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const cells = (...list) => console.log(list.map((c, i) => (i === 0 ? String(c).padEnd(20) : String(c).padStart(16))).join(''));

console.log(`${MESSAGES} messages, ${sql('SELECT COUNT(*) FROM tool_traces').toString().trim()} calls of tools, ${(statSync(file).size / 1e6).toFixed(1)} MB of text, database ${(statSync(database).size / 1e6).toFixed(1)} MB; medians of ${RUNS}, ms`);
cells('', ...Object.keys(ways), 'matched', 'LIKE/ours', 'ours/rg');
for (const c of cases) {
  const runs = Object.entries(ways).map(([name, make]) => ({ name, f: make(c), ms: [] })).filter((w) => w.f);
  for (let r = -1; r < RUNS; r++)
    for (let i = 0; i < runs.length; i++) {
      const w = runs[(i + r + 1) % runs.length];
      const [ms, matched] = await timed(w.f);
      if (r >= 0) w.ms.push(ms);
      w.matched = matched;
    }
  const got = Object.fromEntries(runs.map((w) => [w.name, median(w.ms)]));
  const show = (ms, digits = 1) => (ms === undefined ? '-' : ms.toFixed(digits));
  cells(c.name, ...Object.keys(ways).map((name) => show(got[name])), runs[0].matched, show(got['sqlite3 LIKE'] && got['sqlite3 LIKE'] / got.panescry, 2), show(got.panescry / got['rg -j1'], 2));
  for (const w of runs) if (w.matched !== runs[0].matched) console.log(`    ${w.name} found ${w.matched}`);
}
for (const [name, query] of [['newest 50 of many', 'pattern=ERROR'], ['newest 50, any line', 'pattern=.'], ['oldest 50 of many', 'pattern=ERROR&order=oldest']]) {
  const ms = [];
  for (let r = -1; r < RUNS; r++) {
    const [took] = await timed(() => ask(`/api/v1/search?source=sessions&${query}`));
    if (r >= 0) ms.push(took);
  }
  cells(name, median(ms).toFixed(1));
}
child.kill('SIGTERM');
child.on('exit', () => {
  rmSync(dir, { recursive: true, force: true });
  process.exit(0);
});
