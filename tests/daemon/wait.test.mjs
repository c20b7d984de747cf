// Waiting for a line: it is told once, whenever it comes, and nothing that came in time is missed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { startDaemon, useDaemon } from './lib/daemon.mjs';
import { killWorker, pause, pids, startKept } from './lib/keeper.mjs';
import { Raw, requestText } from './lib/raw.mjs';
import { assertRefused, BINARY, cleanEnv } from './lib/run.mjs';
import { until, within } from './lib/until.mjs';

const LONG_MS = 45_000;
const path = (id) => `/api/v1/panes/${id}/wait`;
const ask = (d, id, json, ms) => d.request('POST', path(id), { json: { timeout_ms: 20_000, ...json }, ms });
const found = async (d, id, json, ms) => {
  const r = await ask(d, id, json, ms);
  assert.equal(r.status, 200, `${JSON.stringify(json)}: ${r.text}`);
  return r.json;
};
const refused = async (d, id, json, status, code, message) => {
  const r = await ask(d, id, json);
  assert.equal(r.status, status, `${JSON.stringify(json)}: ${r.text}`);
  assert.equal(r.json.error, code, r.text);
  if (message) assert.match(r.json.message, message);
};

/** Until so many waits are under way. */
const waiting = (d, n) => until(`${n} to wait`, async () => (await d.metric('panescry_waits')) === n);

/** What must not happen has time to. */
const settle = () => pause(150);

/** A pane that prints each line it is typed, without an echo. `.` at the end: no newline. */
const talker = (d, more) => d.sh('stty -echo; printf "ready\\n"; while IFS= read -r l; do case $l in *.) printf "%s" "${l%.}";; *) printf "%s\\n" "$l";; esac; done', more);

// What takes long runs beside the rest.
describe('waiting', { concurrency: true }, () => {
  describe('a wait', { concurrency: 1 }, () => {
    const d = useDaemon({ before, after });
    let id;
    before(async () => {
      ({ id } = await talker(d));
      await d.shows(id, 'ready');
    });

    it('finds a line that was there, comes, or has a number', async () => {
      await d.type(id, 'there before\n');
      await d.shows(id, 'there before');
      const o = await found(d, id, { pattern: 'there (\\w+)', from: 'start' });
      assert.deepEqual(Object.keys(o).sort(), ['captures', 'content', 'line', 'pane', 'spans', 'time']);
      assert.deepEqual([o.pane, o.content, o.spans, o.captures], [id, 'there before', [[0, 12]], ['before']]);
      assert.match(o.time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      await refused(d, id, { pattern: 'there before', timeout_ms: 300 }, 408, 'timeout');
      await refused(d, id, { pattern: 'there before', from: 'now', timeout_ms: 0 }, 408, 'timeout');
      assert.equal((await found(d, id, { pattern: 'there before', from: 'start', timeout_ms: 0 })).line, o.line);
      assert.equal((await found(d, id, { pattern: 'there before', from_line: o.line, timeout_ms: 0 })).line, o.line);
      await refused(d, id, { pattern: 'there before', from_line: o.line + 1, timeout_ms: 0 }, 408, 'timeout');
      const w = found(d, id, { pattern: 'comes' });
      const n = found(d, id, { pattern: 'comes', from_line: o.line + 1 });
      await waiting(d, 2);
      await d.type(id, 'now it comes\n');
      assert.deepEqual([(await w).content, (await w).line, (await n).line], ['now it comes', o.line + 1, o.line + 1]);
    });

    it('finds a prompt, and what a line becomes', async () => {
      let w = found(d, id, { pattern: '^password: $' });
      await waiting(d, 1);
      await d.type(id, 'password: .\n');
      assert.equal((await w).content, 'password: ');
      // It was there already: only what makes another line of it counts.
      w = ask(d, id, { pattern: '^password: ', timeout_ms: 400 });
      assert.equal((await w).status, 408);
      w = found(d, id, { pattern: '^password: ' });
      await waiting(d, 1);
      await d.type(id, 'given\n');
      assert.equal((await w).content, 'password: given');
    });

    it('does not count a line that is only ended', async () => {
      await d.type(id, 'half done.\n');
      await d.shows(id, 'half done');
      const w = ask(d, id, { pattern: 'half', timeout_ms: 2000 });
      await waiting(d, 1);
      await d.type(id, '\nsomething else\n');
      assert.equal((await w).status, 408);
    });

    it('has groups, with null for those that took no part', async () => {
      const w = found(d, id, { pattern: '(ä+)|(b)(c)?(?<name>d)?' });
      const i = found(d, id, { pattern: 'LINE (B)', icase: true });
      const f = found(d, id, { pattern: 'b.d', fixed: true });
      await waiting(d, 3);
      await d.type(id, 'line bd\n');
      assert.deepEqual((await w).captures, [null, 'b', null, 'd']);
      assert.deepEqual((await w).spans, [[5, 7]]);
      assert.deepEqual((await i).captures, ['b']);
      const u = found(d, id, { pattern: '(ä+)|(b)(c)?(d)?x' });
      await waiting(d, 2);
      await d.type(id, 'b.d 日ää\n');
      assert.deepEqual([(await f).content, (await f).captures], ['b.d 日ää', []]);
      assert.deepEqual([(await u).captures, (await u).spans], [['ää', null, null, null], [[7, 11]]]);
    });

    it('is refused with what is wrong', async () => {
      for (const json of [{}, { pattern: '' }, { pattern: 5 }, { pattern: null }, { pattern: 'a'.repeat(1001) }]) await refused(d, id, json, 400, 'bad_params', /pattern/);
      for (const v of [-1, 1.5, '5', null, 604800001, 1e300, []]) await refused(d, id, { pattern: 'x', timeout_ms: v }, 400, 'bad_params', /timeout_ms/);
      for (const v of [0, -1, 'x', 2.5, {}]) await refused(d, id, { pattern: 'x', from_line: v }, 400, 'bad_params', /from_line/);
      for (const v of [5, null, true]) await refused(d, id, { pattern: 'x', from_line: 1, seen: v }, 400, 'bad_params', /seen/);
      for (const v of ['end', '', 5, null, true]) await refused(d, id, { pattern: 'x', from: v }, 400, 'bad_params', /from\b/);
      for (const name of ['icase', 'fixed']) for (const v of [1, 'true', null, []]) await refused(d, id, { pattern: 'x', [name]: v }, 400, 'bad_params', new RegExp(name));
      for (const pattern of ['(', '\\C', 'a\\', '(*UCP)a']) await refused(d, id, { pattern }, 400, 'bad_pattern');
      const r = await ask(d, id, { pattern: 'ab(c' });
      assert.equal(r.json.offset, 4);
      for (const body of ['[]', '{', '"x"', '{"pattern":"\\ud800"}', Buffer.from([0x7b, 0xff, 0x7d])]) assert.equal((await d.request('POST', path(id), { body })).status, 400, String(body));
      assert.equal((await ask(d, 'p99', { pattern: 'x' })).status, 404);
      assert.equal((await ask(d, 'a%20b', { pattern: 'x' })).status, 400);
    });

    it('fifty at once at one pane', async () => {
      const all = [...Array(50)].map((_, i) => found(d, id, { pattern: `^number ${i % 25}$` }));
      const late = [...Array(5)].map((_, i) => ask(d, id, { pattern: `^never ${i}$`, timeout_ms: 1000 }));
      await pause(400);
      for (let i = 0; i < 25; i++) await d.type(id, `number ${i}\n`);
      const lines = (await Promise.all(all)).map((o) => o.content);
      assert.deepEqual(lines, [...Array(50)].map((_, i) => `number ${i % 25}`));
      for (const r of await Promise.all(late)) assert.equal(r.status, 408);
    });

    it('ends when its client leaves', async () => {
      const files = async () => (await d.info()).open_descriptors;
      const at = await files();
      const raws = [];
      for (let i = 0; i < 20; i++) {
        const raw = await Raw.open({ host: '127.0.0.1', port: d.port });
        await raw.write(requestText('POST', path(id), [`Host: 127.0.0.1:${d.port}`, `Authorization: Bearer ${d.token}`], '{"pattern":"never","timeout_ms":600000}'));
        raws.push(raw);
      }
      await until('twenty connections', async () => (await files()) >= at + 20);
      for (const raw of raws) raw.close();
      await until('them to be gone', async () => (await files()) <= at + 2);
      await d.well();
    });

    it('is told of the end of the pane, but a last line comes first', async () => {
      for (const [script, pattern, status] of [
        ['read x; echo bye', 'nothing', 409],
        ['read x; echo last words', 'last words', 200],
        ['read x; printf "last words"', 'last words$', 200],
        ['read x; seq 1 3000; printf "last words"', 'words', 200],
        ['read x; printf "\\033[?1049hfull\\033[?1049llast words"', 'last', 200],
        ['read x; exec kill -9 $$', 'x', 409],
      ]) {
        const p = await d.sh(`stty -echo; echo go; ${script}`);
        await d.shows(p.id, 'go');
        const w = ask(d, p.id, { pattern });
        await waiting(d, 1);
        await d.type(p.id, '\n');
        const r = await w;
        assert.equal(r.status, status, `${script}: ${r.text}`);
        if (status === 409) assert.equal(r.json.error, 'pane_exited');
        await d.exited(p.id);
        await refused(d, p.id, { pattern: 'go' }, 409, 'pane_exited');
        assert.equal((await found(d, p.id, { pattern: 'go', from: 'start' })).line, 1);
        await d.remove(p.id);
      }
      const p = await d.sh('cat');
      const w = ask(d, p.id, { pattern: 'x' });
      await waiting(d, 1);
      await d.remove(p.id);
      assert.equal((await w).status, 409, 'removed');
    });

    it('sees nothing of the alternate screen, and all behind it', async () => {
      const p = await d.sh('stty -echo; printf "begun "; read x; printf "\\033[?1049h\\033[Hinside\\n"; read x; printf "\\033[?1049lended here\\nnext\\n"; read x');
      await d.shows(p.id, 'begun');
      const inside = ask(d, p.id, { pattern: 'inside', timeout_ms: 1500 });
      const ended = found(d, p.id, { pattern: 'ended (here)' });
      const next = found(d, p.id, { pattern: '^next' });
      await d.type(p.id, '\n');
      await d.shows(p.id, 'inside');
      await settle();
      await d.type(p.id, '\n');
      assert.equal((await ended).content, 'begun ended here');
      assert.equal((await next).line, 2);
      assert.equal((await inside).status, 408);
      await d.remove(p.id);
    });

    it('sees what comes after the screen was cleared', async () => {
      for (const clear of ['\\033[H\\033[2J\\033[3J', '\\033[H\\033[2J', '\\033c', '\\033[2J\\033[H']) {
        const p = await d.sh(`stty -echo; echo one; echo two; echo three; echo four; read x; printf '${clear}'; echo after; read x`);
        await d.shows(p.id, 'four');
        const w = found(d, p.id, { pattern: '^after' });
        await waiting(d, 1);
        await d.type(p.id, '\n');
        assert.equal((await w).content, 'after', clear);
        await d.remove(p.id);
      }
    });

    it('in a flood finds the only line, every time', async () => {
      for (let i = 0; i < 20; i++) {
        const at = 1 + ((i * 10007) % 200_000);
        const p = await d.sh(`read x; awk 'BEGIN { for (i = 1; i <= 200000; i++) print i == ${at} ? "needle" : "hay " i }'`);
        const w = found(d, p.id, { pattern: '^needle$', timeout_ms: 60_000 }, 60_000);
        await waiting(d, 1);
        await d.type(p.id, '\n');
        const o = await w;
        assert.ok(o.line === at || o.line === at + 1, `line ${o.line} for ${at}`); // the echo is a line
        await d.exited(p.id);
        await d.remove(p.id);
      }
    });
  });

  describe('a wait for long', { concurrency: true }, () => {
    const d = useDaemon({ before, after });

    it('is not cut short by HTTP', async () => {
      const p = await talker(d);
      await d.shows(p.id, 'ready');
      const w = found(d, p.id, { pattern: 'at last', timeout_ms: 120_000 }, 120_000);
      await pause(LONG_MS);
      await d.type(p.id, 'at last\n');
      assert.equal((await w).content, 'at last');
    });

    it('nor by the command', async () => {
      const p = await talker(d);
      await d.shows(p.id, 'ready');
      const w = d.cli(['wait', p.id, '--for', 'at last', '--timeout', '120'], { ms: 120_000 });
      await pause(LONG_MS);
      await d.type(p.id, 'at last\n');
      const r = await w;
      assert.deepEqual([r.status, r.out, r.err], [0, 'at last\n', '']);
    });
  });

  describe('the command wait', { concurrency: 1 }, () => {
    const d = {};
    before(async () => Object.assign(d, await startKept()));
    after(async () => {
      await d.well();
      await d.stop();
    });

    /** A wait that runs; `end` has its status and output. */
    const start = (args) => {
      const child = spawn(BINARY, ['wait', ...args], { env: cleanEnv({ PANESCRY_SOCKET: d.socket }), stdio: ['ignore', 'pipe', 'pipe'] });
      let out = '';
      let err = '';
      child.stdout.on('data', (b) => (out += b));
      child.stderr.on('data', (b) => (err += b));
      const end = new Promise((resolve) => child.on('close', (status) => resolve({ status, out, err })));
      return { child, end: () => within('wait to end', end) };
    };

    it('says what it found, and how it ended', async () => {
      const p = await talker(d, { name: 'talk' });
      await d.shows(p.id, 'ready');
      let r = await d.cli(['wait', 'talk', '--for', 'rea(d)(x)?y', '--from', 'start']);
      assert.deepEqual([r.status, r.out, r.err], [0, 'ready\nd\n\n', '']);
      r = await d.cli(['wait', 'talk', '--for', 'READY', '-i', '--from', 'start', '--json']);
      assert.equal(JSON.parse(r.out).content, 'ready');
      r = await d.cli(['wait', 'talk', '--for', 'ready', '--timeout', '0']);
      assert.deepEqual([r.status, r.out, r.err], [1, '', '']);
      r = await d.cli(['wait', 'talk', '--for', 'ready.', '--fixed', '--from', 'start', '--timeout', '0']);
      assert.deepEqual([r.status, r.out, r.err], [1, '', '']);
      const w = start(['talk', '--for', 'come']);
      await waiting(d, 1);
      await d.type(p.id, 'it came, come\n');
      assert.deepEqual(await w.end(), { status: 0, out: 'it came, come\n', err: '' });
      const e = await d.sh('true');
      await d.exited(e.id);
      assertRefused(await d.cli(['wait', e.id, '--for', 'x']), 1);
      assertRefused(await d.cli(['wait', 'nothing', '--for', 'x']), 2, /nothing/);
      assertRefused(await d.cli(['wait', 'talk', '--for', '(']), 2, /parenthes/);
      for (const args of [['talk'], ['--for', 'x'], ['talk', '--for', 'x', '--timeout', 'y'], ['talk', '--for', 'x', '--from', 'end'], ['talk', 'b', '--for', 'x'], ['talk', '--for', '']])
        assertRefused(await d.cli(['wait', ...args]), 2);
      assert.equal((await d.cli(['wait', 'talk', '--for', 'x'], { env: { PANESCRY_SOCKET: `${d.socket}x` } })).status, 3);
      await d.remove(p.id);
    });

    it('outlives the worker, whenever the line comes', async () => {
      const { keeper } = await pids(d);
      for (const [round, when] of ['before', 'after', 'stopped', 'completed', 'baseline'].entries()) {
        const p = await talker(d);
        const word = `word${round}`;
        await d.shows(p.id, 'ready');
        if (when === 'completed' || when === 'baseline') {
          await d.type(p.id, `${when === 'baseline' ? word : 'half '}.\n`);
          await d.shows(p.id, when === 'baseline' ? word : 'half');
        }
        const w = start([p.id, '--for', word]);
        await waiting(d, 1);
        const { worker } = await pids(d);
        if (when === 'before') {
          // It reads the line, and dies before it can tell.
          process.kill(worker, 'SIGSTOP');
          const s = d.local('POST', `/api/v1/panes/${p.id}/input`, { body: `${word}\n` }).catch(() => null);
          process.kill(worker, 'SIGKILL');
          const r = await s;
          await until('the next worker', async () => (await pids(d)).worker !== worker);
          if (r?.status !== 204) await d.type(p.id, `${word}\n`);
        } else if (when === 'baseline') {
          await killWorker(d);
          await settle();
          await d.type(p.id, '\nsomething else\n');
          await d.shows(p.id, 'something else');
          await settle();
          assert.equal(w.child.exitCode, null, 'a line that was there before does not count');
          await d.type(p.id, `new ${word}\n`);
          assert.deepEqual(await w.end(), { status: 0, out: `new ${word}\n`, err: '' }, when);
          await d.remove(p.id);
          continue;
        } else {
          await killWorker(d);
          if (when === 'stopped') await killWorker(d);
          await d.type(p.id, `${word}\n`);
        }
        assert.deepEqual(await w.end(), { status: 0, out: `${when === 'completed' ? 'half ' : ''}${word}\n`, err: '' }, when);
        await d.remove(p.id);
      }
      assert.equal((await pids(d)).keeper, keeper);
    });

    it('finds a line that was printed while there was no worker', async () => {
      for (let i = 0; i < 5; i++) {
        const p = await d.sh('stty -echo; echo ready; read x; sleep 0.1; echo then; seq 1 50; cat');
        await d.shows(p.id, 'ready');
        const w = start([p.id, '--for', '^then']);
        await waiting(d, 1);
        await d.type(p.id, '\n');
        await killWorker(d);
        assert.deepEqual(await w.end(), { status: 0, out: 'then\n', err: '' });
        await d.remove(p.id);
      }
    });
  });

  it('a wait that is under way does not keep a daemon from ending', async () => {
    const d = await startDaemon();
    const p = await d.sh('cat');
    const w = d.request('POST', path(p.id), { json: { pattern: 'x' } }).then((r) => r.status, () => 'cut');
    await waiting(d, 1);
    await d.stop();
    assert.ok([409, 'cut', 503].includes(await w), String(await w));
  });
});
