// `panescry run`, `jobs` and `flow`: against a responder that can be made to fail at any moment, and
// against the daemon.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { privateDir } from './lib/daemon.mjs';
import { Responder } from './lib/jobs-responder.mjs';
import { killWorker, startKept } from './lib/keeper.mjs';
import { assertDone, assertRefused, BINARY, cleanEnv, panescry, run } from './lib/run.mjs';
import { until, within } from './lib/until.mjs';

const sha = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A command that is not waited for: what it has said so far, its end, and its standard input. */
function start(r, args, { stdin = 'ignore', env = {} } = {}) {
  const child = spawn(BINARY, args, { env: cleanEnv({ PANESCRY_SOCKET: r.socket, ...env }), stdio: [stdin, 'pipe', 'pipe'] });
  const s = { child, out: Buffer.alloc(0), err: Buffer.alloc(0) };
  child.stdout.on('data', (d) => (s.out = Buffer.concat([s.out, d])));
  child.stderr.on('data', (d) => (s.err = Buffer.concat([s.err, d])));
  const ended = new Promise((done) => child.on('close', (code, signal) => done(signal ?? code)));
  s.ended = () => within(`panescry ${args.join(' ')} to end`, ended).finally(() => child.kill('SIGKILL'));
  s.says = (text) => until(text, () => (s.out.includes(text) || s.err.includes(text)) && s).catch((e) => {
    throw new Error(`${e.message}; it said ${s.out}${s.err}`);
  });
  return s;
}

describe('run', () => {
  let r;
  before(async () => {
    r = await Responder.start();
  });
  after(() => r.stop());
  const made = () => r.jobs.get(`j${r.next - 1}`);
  const wait = (name) => `until [ -e ${join(r.dir, name)} ]; do sleep 0.02; done`;
  const go = (name) => writeFile(join(r.dir, name), '');

  it('has output, errors and status of the command', async () => {
    const a = await r.cli(['run', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
    assert.deepEqual([a.status, a.out, a.err], [3, 'out\n', 'err\n']);
    assert.equal(assertDone(await r.cli(['run', 'printf', '%s', '-n'])), '-n');
    const none = await r.cli(['run', '/none/such']);
    assert.equal(none.status, 2);
    assert.equal(none.err, `panescry: j${r.next - 1}: failed: /none/such: ENOENT\n`);
    for (const [as, status, said] of [['timed_out', 124, 'timed out'], ['orphaned', 2, 'orphaned'], ['cancelled', 130, 'cancelled']]) {
      const c = start(r, ['run', 'sh', '-c', `${wait(as)}; exit 7`]);
      await until('the job', () => made()?.spec.command[2]?.includes(`/${as} `) && made());
      made().as = as;
      await go(as);
      assert.equal(await c.ended(), status);
      assert.match(c.err.toString(), new RegExp(`^panescry: j\\d+: ${said}\\n$`));
    }
  });

  it('asks for what the options say', async () => {
    const options = ['--agent', 'claude', '--model', 'm', '--prompt', 'p q', '--name', 'n', '--cwd', r.dir, '--env', 'A=b=c', '--env', 'HAS', '--env', 'A=d',
      '--idle-timeout', '5', '--timeout', '60', '--max-output', '2M', '--retries', '3', '--retry-on', '75,7', '--backoff', '1,2,3', '--dedup=60',
      '--force-refresh', '--pane', 'p3', '--session', '12', '--watch', '--detach'];
    assert.match(assertDone(await r.cli(['run', ...options, '--', 'true', '--flag'], { env: { HAS: 'x y' } })), /^j\d+\n$/);
    const { correlation, ...spec } = made().spec;
    assert.match(correlation, /^run-/);
    assert.deepEqual(spec, {
      command: ['true', '--flag'], agent: 'claude', model: 'm', prompt: 'p q', name: 'n', pane: 'p3', session: '12', env: { A: 'd', HAS: 'x y' }, cwd: r.dir,
      idle_timeout_s: 5, timeout_s: 60, retries: 3, retry_on: [75, 7], backoff_s: [1, 2, 3], dedup: 60, force_refresh: true, watch: true, max_output: 2097152,
    });
    await r.cli(['run', '-d', '--dedup', '--pty', 'true'], { env: { PANESCRY_PANE: 'p9' } });
    assert.equal(made().spec.dedup, true);
    assert.equal(made().spec.pty, true);
    assert.equal(made().spec.pane, 'p9');
    assert.equal(made().spec.cwd, process.cwd());
    assert.equal(made().spec.input, undefined);
    const n = r.jobs.size;
    for (const [args, what] of [[[], /give a command/], [['--env', 'NONE_SUCH', 'x'], /NONE_SUCH/], [['--env', '=x', 'x'], /NAME=VALUE/], [['--timeout', '0', 'x'], /--timeout/],
      [['--retry-on', '1,,2', 'x'], /--retry-on/], [['--retries', '11', 'x'], /--retries/], [['--max-output', 'K', 'x'], /--max-output/],
      [['--max-output', '9007199254740991G', 'x'], /--max-output/], [['--wait', '3601', 'x'], /--wait/], [['--wait', '1', '-d', 'x'], /exclude/],
      [['--cwd', '/none/such', 'x'], /none\/such/], [['--backoff', '', 'x'], /--backoff/], [['-i', '--pty'], /--pty/]])
      assertRefused(await r.cli(['run', ...args]), 2, what);
    assert.equal(r.jobs.size, n);
  });

  it('shows output while the command runs, and every byte of it', async () => {
    const file = join(r.dir, 'bytes');
    const bytes = randomBytes(5_000_000);
    await writeFile(file, bytes);
    const c = start(r, ['run', 'sh', '-c', `printf 'a\\0b'; ${wait('see')}; cat ${file}; cat ${file} >&2`]);
    await c.says('a\0b');
    assert.equal(c.out.length, 3);
    await go('see');
    assert.equal(await c.ended(), 0);
    assert.equal(sha(c.out.subarray(3)), sha(bytes));
    assert.equal(sha(c.err), sha(bytes));
    const o = start(r, ['jobs', 'output', made().id, '--from', '1000003']);
    assert.equal(await o.ended(), 0);
    assert.equal(sha(o.out), sha(bytes.subarray(1_000_000)));
    assert.equal(o.err.length, 0);
    const two = start(r, ['jobs', 'output', made().id, '--channel', '2']);
    assert.equal(await two.ended(), 0);
    assert.equal(sha(two.out), sha(bytes));
  });

  it('goes on when the daemon was away, and through answers that break off', async () => {
    const c = start(r, ['run', 'sh', '-c', `echo one; ${wait('two')}; seq 1 20000; ${wait('three')}; echo end; exit 4`]);
    await c.says('one\n');
    await r.vanish();
    await go('two');
    await until('what it wrote meanwhile', () => made().channels[0].bytes.includes('\n20000\n'));
    await r.listen();
    await c.says('\n20000\n');
    let n = 0;
    r.refuse = ({ method }) => (method === 'GET' && ++n % 3 ? (n % 2 ? 'drop' : { status: 503, json: { error: 'starting', message: 'not yet' } }) : null);
    await go('three');
    assert.equal(await c.ended(), 4);
    r.refuse = () => null;
    const want = ['one', ...Array.from({ length: 20000 }, (_, i) => i + 1), 'end', ''].join('\n');
    assert.equal(c.out.toString(), want);
    assert.equal(c.err.toString(), '');
  });

  it('makes one job when the answer to its request is lost', async () => {
    const size = r.jobs.size;
    let lost = 0;
    r.refuse = (what) => {
      if (what.method !== 'POST' || lost++) return null;
      r.make(JSON.parse(what.body));
      return 'drop';
    };
    assert.equal(assertDone(await r.cli(['run', 'echo', 'once'])), 'once\n');
    assert.equal(r.jobs.size, size + 1);
    lost = 0;
    r.refuse = (what) => (what.method === 'POST' && !lost++ ? 'drop' : null);
    assert.equal(assertDone(await r.cli(['run', 'echo', 'again'])), 'again\n');
    r.refuse = () => null;
    assert.equal(r.jobs.size, size + 2);
  });

  it('gives its standard input, as fast as it is read', async () => {
    const bytes = randomBytes(3_000_000);
    const file = join(r.dir, 'got');
    const c = start(r, ['run', 'sh', '-c', `${wait('read')}; cat >${file}; echo done`], { stdin: 'pipe' });
    c.child.stdin.end(bytes);
    await until('that it is not read', () => r.log.some((w) => /input/.test(w.path)));
    await go('read');
    assert.equal(await c.ended(), 0);
    assert.equal(c.out.toString(), 'done\n');
    assert.equal(sha(await readFile(file)), sha(bytes));
    // One that ends without reading all of it.
    const h = start(r, ['run', 'head', '-c', '3'], { stdin: 'pipe' });
    h.child.stdin.on('error', () => {});
    h.child.stdin.end(bytes);
    assert.equal(await h.ended(), 0);
    assert.deepEqual(h.out, bytes.subarray(0, 3));
    await r.cli(['run', 'true']);
    assert.equal(made().spec.input, undefined, '/dev/null is no input');
  });

  it('cancels on Ctrl-C, and leaves it on a second one', async () => {
    const c = start(r, ['run', 'sh', '-c', 'trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.02; done']);
    await c.says('up');
    c.child.kill('SIGINT');
    assert.equal(await c.ended(), 130);
    assert.equal(c.out.toString(), 'up\nbye\n');
    assert.match(c.err.toString(), /^panescry: j\d+: cancelled: interrupted$/m);
    const s = start(r, ['run', 'sh', '-c', 'echo up; exec sleep 100']);
    await s.says('up');
    made().stubborn = true;
    s.child.kill('SIGINT');
    await until('the cancel', () => made().cancelled);
    s.child.kill('SIGINT');
    assert.equal(await s.ended(), 130);
    assert.match(s.err.toString(), /(j\d+) goes on: panescry jobs output \1 --follow/);
    assert.equal(made().state, 'running');
  });

  it('leaves it when nobody takes its output', async () => {
    const c = start(r, ['run', 'sh', '-c', `${wait('closed')}; echo x; exec sleep 100`]);
    await until('the job', () => made()?.spec.command[2]?.includes('/closed '));
    c.child.stdout.destroy();
    await go('closed');
    assert.equal(await c.ended(), 2);
    assert.match(c.err.toString(), /standard output: .*\n.*goes on/);
    assert.equal(made().state, 'running');
  });

  it('waits for so long', async () => {
    assert.equal(assertDone(await r.cli(['run', '--wait', '20', 'echo', 'x'])), 'x\n');
    const failed = await r.cli(['run', '-w', '20', 'sh', '-c', 'echo o; echo e >&2; exit 5']);
    assert.deepEqual([failed.status, failed.out, failed.err], [5, 'o\n', 'e\n']);
    assert.equal(assertDone(await r.cli(['run', '--wait', '0', 'sleep', '100'])), `{"deferred":true,"job":"${made().id}"}\n`);
    assert.equal(JSON.parse((await r.cli(['run', '--wait', '20', '--json', 'true'])).out).state, 'completed');
    const json = await r.cli(['run', '--json', 'sh', '-c', 'echo x; exit 6']);
    assert.equal(json.status, 6);
    assert.equal(JSON.parse(json.out).exit_status, 6);
  });

  it('says when it is refused, and when nobody is there', async () => {
    r.refuse = ({ method }) => (method === 'POST' ? { status: 429, json: { error: 'queue_full', message: 'the queue is full' } } : null);
    assertRefused(await r.cli(['run', 'true']), 2, /the queue is full/);
    r.refuse = () => null;
    assertRefused(await r.cli(['run', 'true'], { env: { PANESCRY_SOCKET: join(r.dir, 'none') } }), 3, /no daemon/);
  });
});

describe('jobs', () => {
  let r;
  before(async () => {
    r = await Responder.start();
  });
  after(() => r.stop());

  it('lists, shows, ends, repeats and removes them', async () => {
    assertDone(await r.cli(['run', '--agent', 'claude', 'echo', 'hello']));
    const slow = assertDone(await r.cli(['run', '-d', 'sleep', '100'])).trim();
    const lines = assertDone(await r.cli(['jobs'])).split('\n');
    assert.match(lines[0], /^ID +STATE +AGE +TIME +EXIT +BYTES +AGENT +COMMAND$/);
    assert.match(lines[1], /^j2 +running +\S+ +\S+ +- +0 +- +sleep 100$/);
    assert.match(lines[2], /^j1 +completed +\S+ +\S+ +0 +6 +claude +echo hello$/);
    await r.cli(['jobs', 'ls', '--state', 'running', '-s', 'queued', '--agent', 'x y', '-n', '7']);
    assert.equal(r.log.at(-1).url.search, '?state=running&state=queued&agent=x%20y&limit=7');
    assert.equal(JSON.parse(assertDone(await r.cli(['jobs', 'ls', '--json']))).jobs.length, 2);
    const shown = assertDone(await r.cli(['jobs', 'show', 'j1']));
    assert.match(shown, /^j1 +completed, exit status 0, /);
    assert.match(shown, /^command +echo hello$/m);
    assert.match(shown, /^channel 1 +resolved +6 bytes/m);
    assert.equal(JSON.parse(assertDone(await r.cli(['jobs', 'show', 'j1', '--json']))).id, 'j1');
    assertRefused(await r.cli(['jobs', 'show', 'j99']), 2, /j99/);
    assertDone(await r.cli(['jobs', 'cancel', slow, '--reason', 'enough']));
    await until('its end', () => r.jobs.get(slow).state === 'cancelled');
    assert.equal(r.jobs.get(slow).error, 'enough');
    assertRefused(await r.cli(['jobs', 'cancel', slow]), 2, /has ended/);
    assert.equal(assertDone(await r.cli(['jobs', 'retry', 'j1'])), 'j3\n');
    await until('its end', () => r.jobs.get('j3').ended);
    const rm = await r.cli(['jobs', 'rm', 'j1', 'j99', 'j3']);
    assert.equal(rm.status, 2);
    assert.match(rm.err, /^panescry: j99: [^\n]+\n$/);
    assert.deepEqual([...r.jobs.keys()], ['j2']);
    for (const args of [['show'], ['nonesuch'], ['rm'], ['output', 'j2', '-c', '3'], ['ls', '-n', '0'], ['input']]) assertRefused(await r.cli(['jobs', ...args]), 2);
  });

  it('writes to one and follows it', async () => {
    const c = start(r, ['run', 'cat'], { stdin: 'pipe' });
    await until('the job', () => r.jobs.has(`j${r.next - 1}`) && r.next > 4);
    const id = `j${r.next - 1}`;
    const f = start(r, ['jobs', 'output', id, '--follow']);
    assertDone(await r.cli(['jobs', 'input', id, 'a line']));
    await f.says('a line\n');
    assertDone(await r.cli(['jobs', 'input', id, '-'], { input: 'raw\0' }));
    await f.says('raw\0');
    assertDone(await r.cli(['jobs', 'input', id], { input: 'more' }));
    assertDone(await r.cli(['jobs', 'input', id, '--end', 'last']));
    assert.equal(await f.ended(), 0);
    assert.equal(f.out.toString(), 'a line\nraw\0morelast\n');
    assert.equal(await c.ended(), 0);
    assertRefused(await r.cli(['jobs', 'output', 'j99']), 2, /j99/);
  });

  it('lets nothing hostile reach a terminal', async () => {
    const evil = 'a\\033]0;pwned\\007b\\033[2J\\tc\\r\\n\\302\\233d\\303\\251\\n';
    assertDone(await r.cli(['run', '-d', 'printf', evil]));
    const id = `j${r.next - 1}`;
    await until('its end', () => r.jobs.get(id).ended);
    const piped = assertDone(await r.cli(['jobs', 'output', id]));
    assert.equal(piped, 'a\u001b]0;pwned\u0007b\u001b[2J\tc\r\n\u009bdé\n');
    const env = { PANESCRY_SOCKET: r.socket, LC_ALL: 'C.UTF-8' };
    const shown = await run('script', ['-qec', `${BINARY} jobs output ${id}`, '/dev/null'], { env });
    assert.equal(shown.out.replaceAll('\r', ''), 'a?]0;pwned?b?[2J\tc\n?dé\n');
    const list = await run('script', ['-qec', `${BINARY} run -d printf '\u001b[2J'; ${BINARY} jobs show j${r.next}`, '/dev/null'], { env });
    assert.ok(!list.out.includes('\u001b'), list.out);
  });
});

describe('flow', () => {
  let r;
  before(async () => {
    r = await Responder.start();
  });
  after(() => r.stop());
  const at = (s) => new Date(Date.UTC(2026, 0, 1, 0, 0, s)).toISOString();
  const step = (name, state, more = {}) => ({ name, type: 'command', state, job: null, cached: false, cached_from: null, depends_on: [], started: null, ended: null, result: null, error: null, ...more });

  it('runs a file, shows what changes, and the tree', async () => {
    const file = join(r.dir, 'f.json');
    await writeFile(file, '{"name":"demo","steps":[]}');
    const steps = (n) => [
      step('fetch', 'completed', { cached: true, cached_from: 'f1', started: at(0), ended: at(0) }),
      step('build', n > 0 ? 'completed' : 'running', { depends_on: ['fetch'], job: 'j4', started: at(0), ended: n > 0 ? at(30) : null }),
      step('ask', n > 1 ? 'completed' : n > 0 ? 'waiting' : 'pending', { type: 'approval', message: 'ship\u001b it?', depends_on: ['fetch'], ended: n > 1 ? at(40) : null, started: n > 0 ? at(30) : null }),
      step('ship', n > 2 ? 'failed' : 'pending', { depends_on: ['build', 'ask'], job: n > 2 ? 'j5' : null, started: n > 2 ? at(40) : null, ended: n > 2 ? at(60) : null, error: n > 2 ? 'exit status 1' : null }),
    ];
    let looks = 0;
    const flow = (n) => ({ id: 'f3', name: 'demo', state: n > 2 ? 'failed' : 'running', file, created: at(0), ended: n > 2 ? at(60) : null, error: null, usage: null, steps: steps(n) });
    r.answers.set('POST /api/v1/flows', () => [201, flow(0)]);
    r.answers.set('GET /api/v1/flows/f3', () => [200, flow(looks++)]);
    const a = await r.cli(['flow', 'run', '--force', file], { env: { LC_ALL: 'C.UTF-8' } });
    assert.equal(a.status, 1, a.err);
    assert.deepEqual(JSON.parse(r.log.find((w) => w.method === 'POST').body), { definition: { name: 'demo', steps: [] }, file, force: true });
    const [progress, tree] = a.out.split(/^(?=f3 demo)/m);
    assert.deepEqual(progress.split('\n').map((l) => l.split(/ +/).slice(0, 2).join(' ')), ['f3', 'fetch cached', 'build running', 'build completed', 'ask waiting', 'ask completed', 'ship failed', '']);
    assert.match(progress, /^ask +waiting +panescry flow approve f3 ask: ship\? it\?$/m);
    const lines = tree.split('\n');
    assert.equal(lines[0], 'f3 demo: failed, 1m00s');
    assert.match(lines[2], /^fetch +cached .* from f1$/);
    assert.match(lines[3], /^├─ build +completed +30\.0s +- +│━{13} {11}│ {2}j4$/);
    assert.match(lines[4], /^└─ ask +completed +10\.0s /);
    assert.match(lines[5], /^ {3}└─ ship +failed +20\.0s +- +│ {16}━{8}│ {2}exit status 1$/);
    const ascii = assertDone(await r.cli(['flow', 'show', 'f3'], { env: { LC_ALL: 'C' } }));
    assert.match(ascii, /^`- ask/m);
    assert.match(ascii, /\|={13} {11}\|/);
    assert.equal(JSON.parse(assertDone(await r.cli(['flow', 'show', 'f3', '--json']))).id, 'f3');
    assert.equal(assertDone(await r.cli(['flow', 'run', '-d', file])), 'f3\n');
    r.answers.set('GET /api/v1/flows/f3', () => [200, { ...flow(3), state: 'completed' }]);
    assert.equal((await r.cli(['flow', 'run', file])).status, 0);
    assert.equal(JSON.parse(assertDone(await r.cli(['flow', 'run', '--json', file]))).state, 'completed');
  });

  it('says what is wrong, and passes on what is to be done', async () => {
    const file = join(r.dir, 'bad.json');
    await writeFile(file, '{"steps":[{"name":"a","depends_on":["a"]}]}');
    r.answers.set('POST /api/v1/flows/validate', () => [400, { error: 'bad_flow', step: 'a', message: 'a depends on itself' }]);
    assertRefused(await r.cli(['flow', 'validate', file]), 2, /bad\.json: a depends on itself/);
    assertRefused(await r.cli(['flow', 'run', join(r.dir, 'none.json')]), 2, /none\.json/);
    await writeFile(file, '[1]');
    assertRefused(await r.cli(['flow', 'run', file]), 2, /bad\.json: not a JSON object/);
    r.answers.set('POST /api/v1/flows/f3/steps/a%20b/approve', () => [200, {}]);
    assertDone(await r.cli(['flow', 'approve', 'f3', 'a b', '--deny', '--reason', 'no']));
    assert.deepEqual(JSON.parse(r.log.at(-1).body), { approve: false, reason: 'no' });
    r.answers.set('POST /api/v1/flows/f3/cancel', () => [202, {}]);
    assertDone(await r.cli(['flow', 'cancel', 'f3']));
    r.answers.set('DELETE /api/v1/flows/f3', () => [204]);
    assertDone(await r.cli(['flow', 'rm', 'f3']));
    r.answers.set('GET /api/v1/flows', () => [200, { flows: [{ id: 'f3', name: 'demo', state: 'failed', created: at(0), ended: at(90), file: '/x/f.json' }] }]);
    assert.match(assertDone(await r.cli(['flow', 'ls'])), /^f3 +failed +\S+ +1m30s +demo +\/x\/f\.json$/m);
    assertRefused(await r.cli(['flow', 'show', 'f9']), 2, /f9/);
  });
});

describe('a talk', () => {
  let r;
  before(async () => {
    r = await Responder.start();
  });
  after(() => r.stop());

  it('shows what the agent does and sends what is typed', async () => {
    const events = [];
    let wake = () => {};
    const happens = (...list) => {
      for (const e of list) events.push({ seq: events.length + 1, ...e });
      wake();
    };
    const job = { id: 'j1', kind: 'session', state: 'running', exit_status: null, error: null };
    r.answers.set('POST /api/v1/talks', () => [201, job]);
    r.answers.set('GET /api/v1/jobs/j1', () => [200, job]);
    r.answers.set('GET /api/v1/talks/j1/events', async ({ url }) => {
      const n = Number(url.searchParams.get('after'));
      if (events.length <= n && url.searchParams.get('wait_ms') !== '0') await new Promise((done) => (wake = done));
      return [200, { events: events.slice(n), next: events.length }];
    });
    const posts = () => r.log.filter((w) => w.method === 'POST').map((w) => [w.path.replace('/api/v1/', ''), JSON.parse(w.body)]);
    r.answers.set('POST /api/v1/talks/j1/messages', () => [202, { message: 'm1', queued: 0 }]);
    r.answers.set('POST /api/v1/talks/j1/interrupt', () => [409, { error: 'no_turn', message: 'there is no turn' }]);
    r.answers.set('POST /api/v1/talks/j1/permissions/q1', () => [200, {}]);
    r.answers.set('POST /api/v1/talks/j1/end', () => [202, {}]);
    const c = start(r, ['run', '-i', '--agent', 'claude', '--model', 'm', '--session', 'abc', '--', '--flag'], { stdin: 'pipe' });
    await until('the talk', () => posts().length === 1);
    assert.deepEqual(posts()[0], ['talks', { agent: 'claude', model: 'm', resume: 'abc', args: ['--flag'], cwd: process.cwd() }]);
    happens({ type: 'phase', phase: 'idle' });
    c.child.stdin.write('hello\n');
    await until('the message', () => posts().length === 2);
    assert.deepEqual(posts()[1], ['talks/j1/messages', { text: 'hello', priority: 'next' }]);
    happens({ type: 'sent', message: 'm1', text: 'hello' }, { type: 'sent', message: 'm2', text: 'another says' }, { type: 'delta', kind: 'text', text: 'well' });
    await c.says('well');
    happens({ type: 'delta', kind: 'text', text: '\u001b[2J met' }, { type: 'text', text: 'well\u001b[2J met' },
      { type: 'tool', id: 't', tool: 'Bash', input: { command: 'rm -rf\nx' } }, { type: 'tool_result', id: 't', outcome: 'failed', text: 'no' },
      { type: 'permission', permission: { id: 'q1', tool: 'Edit', input: { file_path: '/x' } } });
    await c.says('(q1)');
    c.child.stdin.write('what\ny\n');
    await until('the answer', () => posts().length === 3);
    assert.deepEqual(posts()[2], ['talks/j1/permissions/q1', { allow: true }]);
    happens({ type: 'answered', id: 'q1', outcome: 'allowed' });
    c.child.stdin.write('/now stop it\n/later then\n//slash\n/interrupt\n/what\n');
    await until('all of it', () => posts().length === 7);
    assert.deepEqual(posts().slice(3), [['talks/j1/messages', { text: 'stop it', priority: 'now' }], ['talks/j1/messages', { text: 'then', priority: 'later' }],
      ['talks/j1/messages', { text: '/slash', priority: 'next' }], ['talks/j1/interrupt', {}]]);
    await c.says('(there is no turn)');
    c.child.stdin.end();
    assert.equal(await c.ended(), 0);
    assert.match(c.err.toString(), /j1 goes on: panescry jobs talk j1/);
    const out = c.out.toString();
    assert.ok(!out.includes('hello') && !out.includes('\u001b'), out);
    assert.match(out, /^> another says\nwell\?\[2J met\n\* Bash: rm -rf\?x\n! failed: no\n\? Edit: \/x \[y\/n\] \(q1\)\n\(y or n\?/m);

    const again = start(r, ['jobs', 'talk', 'j1'], { stdin: 'pipe' });
    await again.says('q1 allowed');
    again.child.stdin.write('/quit\n');
    await until('the end', () => posts().at(-1)[0] === 'talks/j1/end');
    job.state = 'cancelled';
    happens({ type: 'ending', reason: 'quit' }, { type: 'ended' });
    assert.equal(await again.ended(), 0);
    assert.equal(again.err.toString(), '');
  });
});

describe('with the daemon', () => {
  let d;
  before(async () => {
    d = await startKept({ conf: { jobs_running: 3, jobs_max_output: '100M', jobs_backoff: '1' } });
  });
  after(async () => {
    try {
      await d?.well();
    } finally {
      await d?.stop();
    }
  });
  const wait = (name) => `until [ -e ${join(d.dir, name)} ]; do sleep 0.02; done`;
  const go = (name) => writeFile(join(d.dir, name), '');
  const last = async () => (await d.ok('GET', 'jobs?limit=1')).jobs[0];

  it('a job ends as its command did', async () => {
    const a = await d.cli(['run', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
    assert.deepEqual([a.status, a.out, a.err], [3, 'out\n', 'err\n']);
    for (const [args, status, said] of [[['sh', '-c', 'kill -9 $$'], 137, ''], [['/none/such'], 2, /^panescry: j\d+: failed: [^\n]*\/none\/such[^\n]*\n$/],
      [['--timeout', '1', 'sleep', '100'], 124, /timed out/], [['--idle-timeout', '1', 'sleep', '100'], 124, /timed out/]]) {
      const r = await d.cli(['run', ...args]);
      assert.equal(r.status, status, r.err);
      assert.match(r.err, said === '' ? /^$/ : said);
    }
    const much = await d.cli(['run', '--max-output', '4K', 'yes']);
    assert.equal(much.out, 'y\n'.repeat(2048));
    assert.notEqual(much.status, 0);
    const tty = await d.cli(['run', '--pty', 'sh', '-c', 'test -t 0 && test -t 1 && echo is one']);
    assert.deepEqual([tty.status, tty.out, tty.err], [0, 'is one\r\n', '']);
  });

  it('every byte comes while workers are killed', async () => {
    const file = join(d.dir, 'bytes');
    const bytes = randomBytes(20_000_000);
    await writeFile(file, bytes);
    const c = start(d, ['run', 'sh', '-c', `echo up; ${wait('first')}; cat ${file}; ${wait('second')}; cat ${file} >&2; exit 5`]);
    await c.says('up\n');
    await killWorker(d);
    await go('first');
    await killWorker(d);
    await until('all of channel 1', () => c.out.length === bytes.length + 3);
    await go('second');
    await killWorker(d);
    assert.equal(await c.ended(), 5);
    assert.equal(sha(c.out.subarray(3)), sha(bytes));
    assert.equal(sha(c.err), sha(bytes));
    const job = await last();
    const o = start(d, ['jobs', 'output', job.id]);
    assert.equal(await o.ended(), 0);
    assert.equal(sha(o.out), sha(c.out));
    assert.equal(sha(o.err), sha(bytes));
  });

  it('one that waits for a slot gets its input when it runs', async () => {
    const full = [];
    for (let i = 0; i < 3; i++) full.push(assertDone(await d.cli(['run', '-d', 'sleep', '1000'])).trim());
    const bytes = randomBytes(2_500_000);
    const c = start(d, ['run', 'cat'], { stdin: 'pipe' });
    c.child.stdin.end(bytes);
    await until('it to be queued', async () => (await last()).state === 'queued');
    const queued = (await last()).id;
    assert.match(assertDone(await d.cli(['jobs'])), new RegExp(`^${queued} +queued `, 'm'));
    const listed = async (...args) => assertDone(await d.cli(['jobs', 'ls', ...args])).split('\n').slice(1, -1).map((l) => l.split(' ')[0]);
    assert.deepEqual(await listed('--state', 'running'), [...full].reverse());
    assert.deepEqual(await listed('--state', 'running', '--state', 'queued', '-n', '2'), [queued, full[2]]);
    assert.deepEqual(await listed('-s', 'queued', '--agent', 'claude'), []);
    assertRefused(await d.cli(['jobs', 'input', full[0], 'x']), 2, new RegExp(full[0]));
    for (const id of full) assertDone(await d.cli(['jobs', 'cancel', id]));
    assert.equal(await c.ended(), 0);
    assert.equal(sha(c.out), sha(bytes));
  });

  it('Ctrl-C cancels, once more leaves', async () => {
    const c = start(d, ['run', 'sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.1; done']);
    await c.says('up');
    const { id } = await last();
    c.child.kill('SIGINT');
    await until('the cancel to be taken', async () => (await d.request('POST', `/api/v1/jobs/${id}/cancel`, { json: {} })).status === 409);
    c.child.kill('SIGINT');
    assert.equal(await c.ended(), 130);
    assert.match(c.err.toString(), new RegExp(`${id} goes on`));
    await until('SIGKILL', async () => (await d.ok('GET', `jobs/${id}`)).state === 'cancelled');
    const s = start(d, ['run', 'sh', '-c', 'echo up; exec sleep 100']);
    await s.says('up');
    s.child.kill('SIGINT');
    assert.equal(await s.ended(), 130);
    assert.equal((await last()).state, 'cancelled');
  });

  it('tries again, and takes one that has run', async () => {
    const counted = join(d.dir, 'tries');
    const r = await d.cli(['run', '--retries', '2', '--retry-on', '75', 'sh', '-c', `echo x >>${counted}; echo try; [ $(wc -l <${counted}) -ge 3 ] || exit 75`]);
    assert.deepEqual([r.status, r.out, r.err], [0, 'try\ntry\ntry\n', '']);
    const { id } = await last();
    assert.match(assertDone(await d.cli(['jobs', 'show', id])), /^try 3 /m);
    const once = ['run', '--dedup', '--', 'sh', '-c', 'echo $PANESCRY_JOB'];
    const first = assertDone(await d.cli(once));
    assert.equal(assertDone(await d.cli(once)), first);
    assert.equal(assertDone(await d.cli([...once.slice(0, 2), '--env', 'A=1', ...once.slice(2)])) === first, false);
    assert.notEqual(assertDone(await d.cli(['run', '--force-refresh', ...once.slice(1)])), first);
    assert.equal(assertDone(await d.cli(['run', '--wait', '20', 'echo', 'x'])), 'x\n');
    const later = JSON.parse(assertDone(await d.cli(['run', '--wait', '1', 'sleep', '100'])));
    assert.deepEqual(later, { deferred: true, job: (await last()).id });
    assertDone(await d.cli(['jobs', 'cancel', later.job, '--reason', 'enough']));
    await until('its end', async () => (await d.ok('GET', `jobs/${later.job}`)).state === 'cancelled');
    assert.match(assertDone(await d.cli(['jobs', 'show', later.job])), /enough/);
    const again = assertDone(await d.cli(['jobs', 'retry', id])).trim();
    await until('its end', async () => (await d.ok('GET', `jobs/${again}`)).state === 'completed');
    assertDone(await d.cli(['jobs', 'rm', again, id]));
    assertRefused(await d.cli(['jobs', 'show', id]), 2);
  });

  it('a flow runs, waits for a person, and takes from the record what it has done', async () => {
    const file = join(d.dir, 'f.toml');
    await writeFile(file, `name = "demo"
[[steps]]
name = "one"
command = ["sh", "-c", "echo 1 >>${d.dir}/ones; echo got"]
[[steps]]
name = "ask"
type = "approval"
message = "go on with \${steps.one.result}?"
depends_on = ["one"]
[[steps]]
name = "two"
command = ["test", "-e", "${d.dir}/two"]
depends_on = ["ask"]
`);
    assertDone(await d.cli(['flow', 'validate', file]));
    const c = start(d, ['flow', 'run', file], { env: { LC_ALL: 'C' } });
    await c.says('go on with got?');
    const id = c.out.toString().split('\n')[0];
    assert.match(assertDone(await d.cli(['flow', 'show', id], { env: { LC_ALL: 'C' } })), /^`- ask +waiting .* go on with got\?$/m);
    assertRefused(await d.cli(['flow', 'approve', id, 'none']), 2);
    await killWorker(d);
    assertDone(await d.cli(['flow', 'approve', id, 'ask']));
    assert.equal(await c.ended(), 1, c.err.toString());
    assert.match(c.out.toString(), /^two +failed/m);
    assert.match(c.out.toString(), new RegExp(`^${id} demo: failed`, 'm'));
    assert.match(assertDone(await d.cli(['flow', 'ls'])), new RegExp(`^${id} +failed .* demo `, 'm'));
    await writeFile(join(d.dir, 'two'), '');
    const again = await d.cli(['flow', 'resume', id]);
    assert.equal(again.status, 0, again.err + again.out);
    assert.equal(await readFile(join(d.dir, 'ones'), 'utf8'), '1\n');
    assertDone(await d.cli(['flow', 'rm', id]));
    assertRefused(await d.cli(['flow', 'show', id]), 2);
    await writeFile(file, 'name = "x"\n[[steps]]\nname = "a"\ncommand = ["true"]\ndepends_on = ["b"]\n');
    assertRefused(await d.cli(['flow', 'validate', file]), 2, /f\.toml: .*\bb\b/);
    await writeFile(file, 'x = ');
    assertRefused(await d.cli(['flow', 'run', file]), 2, /f\.toml: line 1/);
    const s = start(d, ['flow', 'run', '--json', join(d.dir, 's.json')]);
    assert.equal(await s.ended(), 2);
    await writeFile(join(d.dir, 's.json'), JSON.stringify({ name: 's', steps: [{ name: 'a', command: ['sleep', '1000'] }] }));
    const e = start(d, ['flow', 'run', join(d.dir, 's.json')]);
    await e.says('running');
    e.child.kill('SIGINT');
    assert.equal(await e.ended(), 1);
    assert.match(e.out.toString(), /^f\d+ s: cancelled/m);
  });

  it('what jobs have written is searched when that is asked for', async () => {
    assertDone(await d.cli(['run', 'echo', 'needle in a job']));
    const { id } = await last();
    const line = `${id}.1:1:needle in a job\n`;
    await until('it to be found', async () => (await d.cli(['search', '--jobs', 'needle in'])).out === line);
    assert.equal((await d.cli(['search', 'needle in'])).status, 1);
    assert.equal(assertDone(await d.cli(['search', '--pane', `${id}*`, 'needle in'])), line);
    assertRefused(await d.cli(['search', '--jobs', '--sessions', 'x']), 2, /--jobs/);
  });
});

describe('a talk with a stand-in', () => {
  let d;
  before(async () => {
    const dir = await privateDir();
    await mkdir(join(dir, 'bin'));
    await symlink(fileURLToPath(new URL('../agents/standin', import.meta.url)), join(dir, 'bin', 'claude'));
    d = await startKept({ dir, env: { PATH: `${join(dir, 'bin')}:${process.env.PATH}`, PYTHONDONTWRITEBYTECODE: '1' } });
  });
  after(async () => {
    try {
      await d?.well();
    } finally {
      await d?.stop();
    }
  });

  it('says what it does, asks, is left and found again', async () => {
    const c = start(d, ['run', '--interactive', '--agent', 'claude'], { stdin: 'pipe' });
    const type = (line) => c.child.stdin.write(`${line}\n`);
    type('hello');
    await c.says('You said: hello\n');
    type('pieces one two; tool Bash {"command":"ls"}; ask Edit {"file_path":"/x"}; say done');
    await c.says('? Edit: /x [y/n] (p1)\n');
    assert.match(c.out.toString(), /^one two ?\n\* Bash: ls\n/m);
    await killWorker(d);
    type('y');
    await c.says('p1 allowed\n');
    await c.says('done\n');
    type('ask Edit {"file_path":"/y"}; say anyway');
    await c.says('(p2)\n');
    type('n');
    await c.says('p2 denied\n');
    await c.says('anyway\n');
    type('hang');
    await until('the turn', async () => (await d.ok('GET', 'talks/j1')).phase !== 'idle');
    type('/later say at last');
    type('/now say at once');
    await c.says('at last\n');
    assert.match(c.out.toString(), /at once\n[^]*at last\n/);
    c.child.stdin.end();
    assert.equal(await c.ended(), 0);
    assert.match(c.err.toString(), /j1 goes on: panescry jobs talk j1/);
    assert.equal((await d.ok('GET', 'jobs/j1')).state, 'running');
    const again = start(d, ['jobs', 'talk', 'j1'], { stdin: 'pipe' });
    await again.says('at last\n');
    assert.match(again.out.toString(), /^> hello\nYou said: hello\n/m);
    again.child.stdin.write('/quit\n');
    assert.equal(await again.ended(), 0);
    await until('its end', async () => (await d.ok('GET', 'jobs/j1')).ended);
    assertRefused(await d.cli(['jobs', 'talk', 'j9']), 2, /j9/);
  });
});

describe('what panescry.conf says of jobs', () => {
  it('is read, and what is wrong is named', async () => {
    for (const line of ['jobs_running = 0', 'jobs_queue = x', 'jobs_backoff = 1,2,x', 'jobs_backoff =', 'jobs_backoff = 1 2 3 4 5 6 7 8 9', 'jobs_max_output = 1K', 'jobs_dedup = -1']) {
      const dir = await privateDir();
      await writeFile(join(dir, 'c'), `${line}\n`);
      const r = await panescry(['serve', '--foreground', '--listen', '127.0.0.1:0', '--socket', join(dir, 's'), '--state-dir', dir], { env: { PANESCRY_CONFIG: join(dir, 'c') } });
      assertRefused(r, 2, new RegExp(`:1: .*${line.split(' ')[0]}`));
      await rm(dir, { recursive: true });
    }
  });
});
