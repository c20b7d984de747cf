// Flows: rules, results, retries, the record of what is done already, approvals, budgets, and what
// becomes of a run when the worker is killed, the daemon restarted, or the run resumed.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startDaemon, useDaemon } from './lib/daemon.mjs';
import { killWorker, startKept } from './lib/keeper.mjs';
import { Listener } from './lib/listener.mjs';
import { until } from './lib/until.mjs';

const sample = (name) => fileURLToPath(new URL(`../agents/samples/stream/${name}`, import.meta.url));
const over = (state) => ['completed', 'failed', 'cancelled', 'skipped'].includes(state);
const sh = (name, script, more = {}) => ({ name, command: ['sh', '-c', script], ...more });
const deps = (...names) => ({ depends_on: names });

let flows = 0;
const flow = (steps, more = {}) => ({ name: `flow ${(flows += 1)}`, steps, ...more });

const post = (d, definition, more = {}) => d.request('POST', '/api/v1/flows', { json: { definition, ...more } });

async function start(d, definition, more) {
  const r = await post(d, definition, more);
  assert.equal(r.status, 201, r.text);
  assert.match(r.json.id, /^f\d+$/);
  return r.json.id;
}

// Over the Unix socket, whose address does not change, and while no worker answers.
const get = async (d, id) => {
  const r = await d.local('GET', `/api/v1/flows/${id}`).catch(() => null);
  return r?.status === 200 ? r.json : null;
};
const step = (run, name) => run.steps.find((s) => s.name === name);
const when = (d, id, what, test) => until(`${what} in ${id}`, async () => {
  const run = await get(d, id);
  if (run && !test(run) && over(run.state)) throw new Error(`${what}: ${JSON.stringify(run)}`);
  return run && test(run) && run;
});
const stepIs = (d, id, name, state) => when(d, id, `${name} ${state}`, (run) => step(run, name).state === state);
const ended = (d, id) => when(d, id, 'the end', (run) => over(run.state));
const run = async (d, definition, more) => ended(d, await start(d, definition, more));

const states = (r) => Object.fromEntries(r.steps.map((s) => [s.name, s.state]));
const values = (r) => Object.fromEntries(r.steps.map((s) => [s.name, s.result?.value]));

describe('a flow', () => {
  const d = useDaemon({ before, after });
  let dir;
  before(async () => (dir = await mkdtemp(join(tmpdir(), 'panescry-flows-'))));
  after(() => rm(dir, { recursive: true, force: true }));
  const lines = async (name) => (await readFile(join(dir, name), 'utf8').catch(() => '')).split('\n').filter(Boolean);

  it('runs its steps in their order, and gives results to later ones', async () => {
    const definition = flow([
      sh('last', 'printf "%s|%s|%s|%s" "$1" "$2" "$A" "$PWD"', {
        command: ['sh', '-c', 'printf "%s|%s|%s|%s" "$1" "$2" "$A" "$PWD"', 'x', '${steps.json.result.list.1} $${x}', '${steps.lines.result.1}'],
        env: { A: '${steps.text.result}; $(id) ${run.id}' },
        cwd: dir,
        ...deps('json', 'text', 'lines'),
      }),
      sh('json', 'echo \'{"list":[1,"two"]}\'', { result: 'json' }),
      sh('text', 'printf "\\n  some text \\n\\n"; echo no >&2'),
      sh('lines', 'printf "a\\nb\\n"', { result: 'lines' }),
    ]);
    const r = await run(d, definition);
    assert.equal(r.state, 'completed', JSON.stringify(r));
    assert.equal(r.error, null);
    assert.equal(r.name, definition.name);
    assert.deepEqual(values(r), {
      last: `two \${x}|b|some text; $(id) ${r.id}|${dir}`,
      json: { list: [1, 'two'] },
      text: 'some text',
      lines: ['a', 'b'],
    });
    assert.deepEqual(r.steps.map((s) => s.name), ['last', 'json', 'text', 'lines']);
    assert.deepEqual(step(r, 'last').depends_on, ['json', 'text', 'lines']);
    for (const s of r.steps) {
      assert.equal(s.type, 'command');
      assert.equal(s.result.exit_status, 0);
      assert.equal(s.cached, false);
      const j = await d.ok('GET', `jobs/${s.job}`);
      assert.equal(j.flow, r.id);
      assert.equal(j.step, s.name);
      assert.equal(j.state, 'completed');
    }
    assert.ok(step(r, 'last').started >= step(r, 'json').ended);
    const list = await d.ok('GET', 'flows?limit=1');
    assert.equal(list.flows[0].id, r.id);
    assert.equal(list.next_cursor, r.id.slice(1));
  });

  it('follows the rules of triggers and conditions', async () => {
    const r = await run(d, flow([
      sh('good', 'echo 5'),
      sh('bad', 'exit 3'),
      sh('on', 'true', deps('good')),
      sh('off', 'true', deps('good', 'bad')),
      sh('further', 'true', deps('off')),
      sh('one', 'true', { ...deps('good', 'bad'), trigger: 'one_success' }),
      sh('none', 'true', { ...deps('bad', 'off'), trigger: 'one_success' }),
      sh('all', 'true', { ...deps('good', 'bad', 'off'), trigger: 'all_done' }),
      sh('yes', 'true', { ...deps('good'), condition: '${steps.good.result} > 4 and not (${env.NO_SUCH_THING} == "x")' }),
      sh('no', 'true', { ...deps('good'), condition: '${steps.good.result} > 5' }),
      sh('mend', 'echo "status ${steps.bad.exit_status} ${steps.off.state}"', {
        ...deps('bad', 'off'), trigger: 'all_done', condition: '${steps.bad.state} == "failed"',
      }),
    ]));
    assert.deepEqual(states(r), {
      good: 'completed', bad: 'failed', on: 'completed', off: 'skipped', further: 'skipped', one: 'completed',
      none: 'skipped', all: 'completed', yes: 'completed', no: 'skipped', mend: 'completed',
    });
    assert.equal(step(r, 'mend').result.value, 'status 3 skipped');
    assert.equal(step(r, 'bad').result.exit_status, 3);
    // One that had another way out does no harm.
    assert.equal(r.state, 'completed', r.error);
    const worse = await run(d, flow([sh('bad', 'exit 3'), sh('tidy', 'true', { ...deps('bad'), trigger: 'all_done' })]));
    assert.deepEqual(states(worse), { bad: 'failed', tidy: 'completed' });
    assert.equal(worse.state, 'failed');
    assert.match(worse.error, /step bad failed: .*status 3/);
  });

  it('begins one_success with the first, whatever the others do', async () => {
    const gate = join(dir, 'first');
    const id = await start(d, flow([
      sh('quick', 'true'),
      sh('slow', `until [ -e ${gate} ]; do sleep 0.05; done`),
      sh('next', 'echo ${steps.slow.state}', { ...deps('quick', 'slow'), trigger: 'one_success' }),
    ]));
    const r = await stepIs(d, id, 'next', 'completed');
    assert.equal(step(r, 'next').result.value, 'running');
    assert.equal(step(r, 'slow').state, 'running');
    await writeFile(gate, '');
    assert.equal((await ended(d, id)).state, 'completed');
  });

  it('says what is wrong, and with which step', async () => {
    const bad = async (definition, name, words) => {
      for (const path of ['flows', 'flows/validate']) {
        const r = await d.request('POST', `/api/v1/${path}`, { json: { definition } });
        assert.equal(r.status, 400, r.text);
        assert.equal(r.json.error, 'bad_flow');
        assert.equal(r.json.step, name);
        assert.match(r.json.message, words);
      }
    };
    await bad(flow([sh('a', 'true', deps('c')), sh('b', 'true', deps('a')), sh('c', 'true', deps('b'))]), 'a', /a -> c -> b -> a/);
    await bad(flow([sh('a', 'true', deps('x'))]), 'a', /x, which is no step/);
    await bad(flow([sh('a', 'true'), sh('b', 'echo ${steps.a.result}')]), 'b', /does not depend/);
    await bad(flow([sh('a', 'true', { trigger: 'one_success' })]), 'a', /depends on nothing/);
    await bad(flow(Array.from({ length: 10_000 }, (_, i) => sh(`s${i}`, 'true'))), null, /10000 steps/);
    const ok = await d.request('POST', '/api/v1/flows/validate', { json: { definition: flow([sh('a', 'true')]) } });
    assert.deepEqual([ok.status, ok.json], [200, { ok: true }]);
    for (const json of [{}, { definition: 7 }, { definition: flow([sh('a', 'true')]), file: 'here' }, { definition: flow([sh('a', 'true')]), force: 1 }, { resume: 7 }]) {
      const r = await d.request('POST', '/api/v1/flows', { json });
      assert.equal(r.status, 400, JSON.stringify(json));
    }
    assert.equal((await d.request('GET', '/api/v1/flows/f999999')).status, 404);
    assert.equal((await d.request('GET', '/api/v1/flows/j1')).status, 404);
    assert.equal((await d.request('POST', '/api/v1/flows/f999999/cancel', { json: {} })).status, 404);
    assert.equal((await d.request('POST', '/api/v1/flows/f999999/resume', { json: {} })).status, 404);
    assert.equal((await d.request('DELETE', '/api/v1/flows/f999999')).status, 404);
  });

  it('fails a step whose result is not what it should be, or whose part is not there', async () => {
    const r = await run(d, flow([
      sh('a', 'echo nothing', { result: 'json' }),
      sh('b', 'echo \'{"x":1}\'', { result: 'json' }),
      sh('c', 'echo ${steps.b.result.y}', deps('b')),
      { name: 'gone', command: ['/no/such/program'] },
      sh('big', 'head -c 300000 /dev/zero | tr "\\0" x'),
    ]));
    assert.deepEqual(states(r), { a: 'failed', b: 'completed', c: 'failed', gone: 'failed', big: 'completed' });
    assert.match(step(r, 'a').error, /no JSON/);
    assert.match(step(r, 'c').error, /b has no y/);
    assert.ok(step(r, 'gone').error);
    assert.equal(step(r, 'big').result.value.length, 65536);
    assert.equal(step(r, 'big').result.truncated, true);
  });

  it('tries again, and ends what takes too long', async () => {
    const r = await run(d, flow([
      sh('flaky', `echo x >>${dir}/flaky; [ $(wc -l <${dir}/flaky) -eq 3 ] && echo done`, { max_retries: 2, backoff_s: [0] }),
      sh('other', `echo x >>${dir}/other; exit 9`, { max_retries: 2, retry_on: [8], backoff_s: [0] }),
      sh('slow', 'sleep 300', { timeout_s: 1 }),
      sh('silent', 'echo x; sleep 300', { idle_timeout_s: 1, timeout_s: 200 }),
    ]));
    assert.deepEqual(states(r), { flaky: 'completed', other: 'failed', slow: 'failed', silent: 'failed' });
    assert.equal((await lines('flaky')).length, 3);
    assert.equal(step(r, 'flaky').result.value, 'done');
    assert.equal((await d.ok('GET', `jobs/${step(r, 'flaky').job}`)).tries.length, 3);
    assert.equal((await lines('other')).length, 1);
    assert.match(step(r, 'slow').error, /more than 1 s/);
    assert.equal((await d.ok('GET', `jobs/${step(r, 'slow').job}`)).state, 'timed_out');
  });

  it('runs no more at a time than it may', async () => {
    const one = (name) => sh(name, `mkdir ${dir}/lock && sleep 0.1 && rmdir ${dir}/lock`);
    const r = await run(d, flow(['a', 'b', 'c', 'd', 'e'].map(one), { concurrency: 1 }));
    assert.equal(r.state, 'completed', r.error);
  });

  it('does again only what has changed', async () => {
    const counted = (name, more, word = '') => sh(name, `echo ${name} >>${dir}/count; echo ${word}`, more);
    const make = (word) => ({
      name: 'cached',
      steps: [counted('a'), counted('b', deps('a'), word), counted('c', deps('b')), counted('d', deps('a')), { name: 'ask', type: 'approval', ...deps('d') }],
    });
    const go = async (word, more) => {
      const id = await start(d, make(word), more);
      await stepIs(d, id, 'ask', 'waiting');
      await d.ok('POST', `flows/${id}/steps/ask/approve`, { approve: true });
      return ended(d, id);
    };
    const first = await go('x');
    assert.deepEqual((await lines('count')).sort(), ['a', 'b', 'c', 'd']);
    const second = await go('x');
    assert.equal(second.state, 'completed');
    assert.equal((await lines('count')).length, 4);
    for (const name of ['a', 'b', 'c', 'd']) {
      assert.equal(step(second, name).cached, true);
      assert.equal(step(second, name).cached_from, first.id);
      assert.deepEqual(step(second, name).result, step(first, name).result);
    }
    assert.equal(step(second, 'ask').cached, false);
    const third = await go('y');
    assert.deepEqual((await lines('count')).slice(4).sort(), ['b', 'c']);
    assert.deepEqual(third.steps.map((s) => s.cached), [true, false, false, true, false]);
    await go('y', { force: true });
    assert.deepEqual((await lines('count')).slice(6).sort(), ['a', 'b', 'c', 'd']);
    // What looks at the world runs always; what depends on it, when that has changed.
    const world = join(dir, 'world');
    const looking = { name: 'looking', steps: [counted('look', { cache: false, command: ['cat', world] }), counted('use', deps('look'))] };
    await writeFile(world, '1');
    await run(d, looking);
    assert.deepEqual((await run(d, looking)).steps.map((s) => s.cached), [false, true]);
    await writeFile(world, '2');
    assert.deepEqual((await run(d, looking)).steps.map((s) => s.cached), [false, false]);
    // What has failed is not taken.
    const failing = { name: 'failing', steps: [sh('a', `echo a >>${dir}/fails; exit 1`)] };
    await run(d, failing);
    await run(d, failing);
    assert.equal((await lines('fails')).length, 2);
  });

  it('is cancelled', async () => {
    const id = await start(d, flow([
      sh('runs', 'trap "" TERM; echo on; while :; do sleep 0.1; done'),
      sh('waits', 'true', deps('runs')),
      { name: 'ask', type: 'approval' },
    ]));
    const { job } = step(await when(d, id, 'a job', (x) => step(x, 'runs').job && step(x, 'ask').state === 'waiting'), 'runs');
    assert.equal((await d.request('DELETE', `/api/v1/flows/${id}`)).status, 409);
    const r = await d.request('POST', `/api/v1/flows/${id}/cancel`, { json: { reason: 'no more' } });
    assert.equal(r.status, 202, r.text);
    const end = await ended(d, id);
    assert.equal(end.state, 'cancelled');
    assert.equal(end.error, 'no more');
    assert.deepEqual(states(end), { runs: 'cancelled', waits: 'cancelled', ask: 'cancelled' });
    assert.equal((await d.ok('GET', `jobs/${job}`)).state, 'cancelled');
    assert.equal((await d.request('POST', `/api/v1/flows/${id}/cancel`, { json: {} })).status, 409);
    assert.equal((await d.request('DELETE', `/api/v1/flows/${id}`)).status, 204);
    assert.equal((await d.request('GET', `/api/v1/flows/${id}`)).status, 404);
  });

  it('asks, and goes on or not', async () => {
    const definition = flow([
      sh('look', 'echo 7 files'),
      { name: 'ask', type: 'approval', message: 'Remove ${steps.look.result}?', ...deps('look') },
      sh('act', 'echo "${steps.ask.result}"', deps('ask')),
      { name: 'late', type: 'approval', timeout_s: 1 },
    ]);
    const answer = (id, name, json) => d.request('POST', `/api/v1/flows/${id}/steps/${name}/approve`, { json });
    const id = await start(d, definition);
    const asked = await stepIs(d, id, 'ask', 'waiting');
    assert.equal(step(asked, 'ask').message, 'Remove 7 files?');
    assert.equal(step(asked, 'act').state, 'pending');
    assert.equal((await answer(id, 'look', { approve: true })).status, 409);
    assert.equal((await answer(id, 'nobody', { approve: true })).status, 404);
    assert.equal((await answer(id, 'ask', { approve: 'yes' })).status, 400);
    assert.equal((await answer(id, 'ask', { approve: true, reason: 'as you like' })).status, 200);
    const again = await answer(id, 'ask', { approve: true });
    assert.equal(again.status, 409, again.text);
    const yes = await ended(d, id);
    assert.deepEqual(states(yes), { look: 'completed', ask: 'completed', act: 'completed', late: 'failed' });
    assert.equal(step(yes, 'act').result.value, 'as you like');
    assert.match(step(yes, 'late').error, /in time/);
    const other = await start(d, definition);
    await stepIs(d, other, 'ask', 'waiting');
    assert.equal((await answer(other, 'ask', { approve: false, reason: 'too many' })).status, 200);
    const no = await ended(d, other);
    assert.equal(no.state, 'failed');
    assert.equal(step(no, 'act').state, 'skipped');
    assert.match(step(no, 'ask').error, /denied: too many/);
  });

  it('takes the last words of agents, and keeps to its budget', async () => {
    const agent = (name, more) => ({ name, type: 'agent', agent: 'codex', prompt: 'go', command: ['cat', sample('codex_exec_1.jsonl')], ...more });
    const steps = [agent('think'), sh('next', 'true', deps('think')), { name: 'ask', type: 'approval', ...deps('think') }];
    const r = await run(d, flow([agent('think'), sh('say', 'echo "<${steps.think.result}> ${steps.think.session}"', deps('think'))], { token_budget: 1_000_000 }));
    assert.equal(r.state, 'completed', r.error);
    assert.equal(step(r, 'say').result.value, '<Done: the command printed hello.> 01a1fbf6-9794-7fe2-a395-d2e34a15cb23');
    assert.equal(r.usage.output_tokens, 100);
    assert.equal(r.usage.input_tokens + r.usage.cache_read_tokens, 2500);
    const poor = await run(d, flow(steps, { token_budget: 2000 }));
    assert.equal(poor.state, 'failed');
    assert.match(poor.error, /over its budget: 2600 of 2000 tokens/);
    assert.deepEqual(states(poor), { think: 'completed', next: 'cancelled', ask: 'cancelled' });
    assert.match(step(poor, 'next').error, /over its budget/);
    const cheap = await run(d, flow([{ ...agent('think'), agent: 'claude', command: ['cat', sample('claude_first.jsonl')] }, sh('next', 'true', deps('think'))], { cost_budget_usd: 0.0001 }));
    assert.match(cheap.error, /over its budget: \$/);
    assert.equal(step(cheap, 'next').state, 'cancelled');
  });

  it('goes on where it failed, when it is resumed', async () => {
    const gate = join(dir, 'mended');
    const definition = flow([
      sh('a', `echo a >>${dir}/resumed; echo 1`),
      sh('b', `echo b >>${dir}/resumed; [ -e ${gate} ]`, deps('a')),
      sh('c', `echo c >>${dir}/resumed`, deps('b')),
    ]);
    const first = await run(d, definition, { force: true });
    assert.deepEqual(states(first), { a: 'completed', b: 'failed', c: 'skipped' });
    await writeFile(gate, '');
    const back = await d.request('POST', `/api/v1/flows/${first.id}/resume`, { json: {} });
    assert.equal(back.status, 200, back.text);
    assert.equal(back.json.id, first.id);
    const r = await ended(d, first.id);
    assert.equal(r.state, 'completed', r.error);
    assert.deepEqual(states(r), { a: 'completed', b: 'completed', c: 'completed' });
    assert.equal(step(r, 'a').job, step(first, 'a').job);
    assert.equal(step(r, 'a').cached, false);
    assert.notEqual(step(r, 'b').job, step(first, 'b').job);
    assert.deepEqual(await lines('resumed'), ['a', 'b', 'b', 'c']);
    assert.equal((await d.request('POST', `/api/v1/flows/${first.id}/resume`, { json: {} })).status, 409);
    // With the definition: the same goes on, another is a run of its own.
    const failing = flow([sh('a', 'true'), sh('b', 'exit 1', deps('a'))]);
    const one = await run(d, failing);
    assert.equal(await start(d, failing, { resume: one.id }), one.id);
    assert.equal((await ended(d, one.id)).state, 'failed');
    const other = await run(d, { ...failing, steps: [failing.steps[0], sh('b', 'true', deps('a'))] }, { resume: one.id });
    assert.notEqual(other.id, one.id);
    assert.deepEqual(other.steps.map((s) => s.cached), [true, false]);
    assert.equal(other.state, 'completed');
  });

  it('runs the examples', async () => {
    const examples = fileURLToPath(new URL('../../contrib/flows/', import.meta.url));
    const go = async (file) => {
      const r = await d.cli(['flow', 'run', '--json', join(examples, file)]);
      assert.equal(r.status, 0, r.err + r.out);
      return JSON.parse(r.out.trim().split('\n').at(-1));
    };
    for (const file of ['build.toml', 'review.toml', 'release.json']) {
      const r = await d.cli(['flow', 'validate', join(examples, file)]);
      assert.equal(r.status, 0, r.err);
    }
    const build = await go('build.toml');
    assert.match(step(build, 'report').result.value, /^check: completed\ntest: completed, 4 lines\nflaky-test: completed\n\d+ bytes in 5 files$/);
    assert.deepEqual((await go('build.toml')).steps.map((s) => s.cached), [false, true, true, true, true, true]);
    const review = await go('review.toml');
    assert.match(step(review, 'summary').result.value, /^found: \["a test that.*\nmended: completed I have given.*\ntest: completed$/);
    assert.equal(review.usage.output_tokens, 200);
    const id = await start(d, JSON.parse(await readFile(join(examples, 'release.json'))), { file: join(examples, 'release.json') });
    const asked = await stepIs(d, id, 'ask', 'waiting');
    assert.equal(step(asked, 'ask').message, 'Publish 1.2.0, with 41 tests passed?');
    assert.equal((await d.cli(['flow', 'approve', id, 'ask'])).status, 0);
    const release = await ended(d, id);
    assert.deepEqual(states(release), { state: 'completed', ask: 'completed', publish: 'completed', hold: 'skipped', tell: 'completed' });
    assert.equal(release.state, 'completed');
  });

  it('tells every change to those who listen', async () => {
    const l = await Listener.on(d, ['flows']);
    const id = await start(d, flow([sh('a', 'true'), sh('b', 'true', deps('a'))]));
    const last = await l.hears('its end', (o) => o.type === 'flow' && o.flow.id === id && o.flow.state === 'completed');
    assert.deepEqual(states(last.flow), { a: 'completed', b: 'completed' });
    const seen = l.all.filter((o) => o.type === 'flow' && o.flow.id === id).map((o) => step(o.flow, 'a').state);
    assert.deepEqual([...new Set(seen)], ['pending', 'running', 'completed']);
    await l.close();
  });
});

describe('a flow in the midst', () => {
  const waiting = (dir, name) => sh(name, `echo ${name} >>${dir}/begun; until [ -e ${dir}/${name} ]; do sleep 0.05; done; echo out of ${name}`);

  it('goes on when its worker is killed again and again', async () => {
    const d = await startKept();
    try {
      const begun = async () => (await readFile(join(d.dir, 'begun'), 'utf8')).split('\n').filter(Boolean).sort();
      const id = await start(d, {
        name: 'killed',
        steps: [
          waiting(d.dir, 'one'),
          { name: 'ask', type: 'approval', message: 'Now?' },
          { ...waiting(d.dir, 'two'), ...deps('one') },
          sh('three', 'echo "${steps.one.result}, ${steps.two.result}, ${steps.ask.state}"', deps('two', 'ask')),
        ],
      });
      const before_ = await when(d, id, 'a job', (r) => step(r, 'one').job && step(r, 'ask').state === 'waiting');
      await killWorker(d);
      await killWorker(d);
      const back = await stepIs(d, id, 'one', 'running');
      assert.equal(step(back, 'one').job, step(before_, 'one').job);
      assert.equal(step(back, 'ask').message, 'Now?');
      await writeFile(join(d.dir, 'one'), '');
      await when(d, id, 'the second', (r) => step(r, 'two').job);
      await killWorker(d);
      await writeFile(join(d.dir, 'two'), ''); // it may end before the next worker is there
      await stepIs(d, id, 'two', 'completed');
      const yes = await d.local('POST', `/api/v1/flows/${id}/steps/ask/approve`, { json: { approve: true } });
      assert.equal(yes.status, 200, yes.text);
      const r = await ended(d, id);
      assert.equal(r.state, 'completed', r.error);
      assert.equal(step(r, 'three').result.value, 'out of one, out of two, completed');
      assert.deepEqual(await begun(), ['one', 'two']);
    } finally {
      await d.stop();
    }
  });

  it('runs each step to its end once, whenever the worker is killed', async () => {
    const d = await startKept();
    try {
      const names = Array.from({ length: 24 }, (_, i) => `s${i}`);
      const id = await start(d, {
        name: 'many kills',
        concurrency: 3,
        steps: names.map((name, i) => sh(name, `echo ${name} >>${d.dir}/ran; sleep 0.1; echo ${name}`, i < 4 ? {} : deps(`s${i - 4}`, `s${i - 3}`))),
      });
      for (let i = 0; i < 6; i++) await killWorker(d);
      const r = await ended(d, id);
      assert.equal(r.state, 'completed', JSON.stringify(r));
      assert.deepEqual(values(r), Object.fromEntries(names.map((n) => [n, n])));
      const ran = (await readFile(join(d.dir, 'ran'), 'utf8')).split('\n').filter(Boolean);
      /* Nobody knows whether one ran that was killed before the keeper held it: its job is orphaned, and another is run. */
      const { jobs } = await d.local('GET', `/api/v1/jobs?flow=${id}&limit=1000`).then((a) => a.json);
      const times = (name) => jobs.filter((j) => j.step === name).length;
      assert.deepEqual(jobs.filter((j) => !['completed', 'orphaned'].includes(j.state)), []);
      assert.equal(jobs.filter((j) => j.state === 'completed').length, names.length);
      assert.deepEqual([...new Set(ran)].sort(), [...names].sort());
      for (const name of names) assert.ok(ran.filter((n) => n === name).length <= times(name), `${name} ran more often than it was begun`);
    } finally {
      await d.stop();
    }
  });

  it('goes on when the daemon is started again', async () => {
    const first = await startDaemon({ keep: true });
    let d;
    try {
      const id = await start(first, { name: 'restarted', steps: [sh('done', 'echo kept'), { ...waiting(first.dir, 'gate'), ...deps('done') }] });
      const was = await when(first, id, 'a job', (r) => step(r, 'gate').job);
      await first.stop();
      await writeFile(join(first.dir, 'gate'), '');
      d = await startDaemon({ dir: first.dir });
      const r = await ended(d, id);
      assert.equal(r.state, 'completed', r.error);
      assert.equal(step(r, 'done').job, step(was, 'done').job);
      assert.notEqual(step(r, 'gate').job, step(was, 'gate').job);
      assert.equal((await d.ok('GET', `jobs/${step(was, 'gate').job}`)).state, 'cancelled');
    } finally {
      if (d) await d.stop();
      else await rm(first.dir, { recursive: true, force: true });
    }
  });
});
