// Names, texts and files where somebody put something else: in metrics, in commands for tmux, in headers,
// in the log, in SQL, and links in place of the daemon's own files.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { privateDir, request, startDaemon, useDaemon } from './lib/daemon.mjs';
import { listed, textOf, useFollowed } from './lib/follow.mjs';
import { hasTmux } from './lib/tmux.mjs';
import { until } from './lib/until.mjs';

const exec = promisify(execFile);
const VALUES = ['"} 1\npanescry_owned 1\n# ', 'a\\"b', "'; DROP TABLE jobs; --", '" OR 1=1 --', '%', '_', 'x\r\nSet-Cookie: owned=1\r\n\r\n<b>', '\x1b[2J\u009b6n\u202e', '${HOME} $(id) `id`', '#{pid} #(id)', '\x7f', '{{7*7}}', '../../etc/passwd', '\ud83d\ude00'];

describe('hostile values', () => {
  const d = useDaemon({ before, after });
  const query = (o) => new URLSearchParams(o).toString();

  it('are in no metric, which all have the form of one', async () => {
    const ids = [];
    for (const v of VALUES) ids.push((await d.new(['sh', '-c', `printf '\\033]2;%s\\007' "$1"; exec cat`, v, v])).id);
    for (const v of VALUES) await d.ok('POST', 'jobs', { command: ['true', v], name: v.slice(0, 200), correlation: v });
    const { text } = await d.request('GET', '/metrics');
    assert.ok(!text.includes('owned'));
    for (const line of text.trimEnd().split('\n'))
      assert.match(line, /^(# (HELP|TYPE) [a-z_]+ [\x20-\x7e]+|[a-z_]+(\{[a-z_]+="([^"\\\n]|\\["\\n])*"(,[a-z_]+="([^"\\\n]|\\["\\n])*")*\})? [0-9.e+-]+)$/, line);
    for (const id of ids) await d.remove(id);
  });

  it('find by their letters and nothing else, and leave the record as it was', async () => {
    const made = [];
    for (const v of VALUES) made.push((await d.ok('POST', 'jobs', { command: ['true'], name: v, correlation: v })).id);
    const all = (await d.ok('GET', 'jobs?limit=1000')).jobs.length;
    for (const [i, v] of VALUES.entries()) {
      const r = await d.request('GET', `/api/v1/jobs?${query({ text: v, limit: 1000 })}`);
      if (r.status === 200 && 'text' in (r.json.asked ?? { text: 1 }))
        assert.ok(r.json.jobs.some((j) => j.id === made[i]) || r.json.jobs.length <= all, v);
      const by = await d.request('GET', `/api/v1/jobs?${query({ correlation: v, limit: 1000 })}`);
      if (by.status === 200) assert.ok(by.json.jobs.length <= all);
      for (const path of [`sessions?${query({ text: v, project: v, agent: v })}`, `usage?${query({ by: v })}`, `usage?${query({ by: 'day', since: v })}`, `search?${query({ pattern: v, fixed: 1 })}`,
        `search/sessions?${query({ pattern: v, fixed: 1 })}`, `jobs?${query({ state: v })}`, `flows?${query({ state: v })}`, `panes/${encodeURIComponent(v)}`, `sessions/${encodeURIComponent(v)}`, `jobs/${encodeURIComponent(v)}`]) {
        const answer = await d.request('GET', `/api/v1/${path}`);
        assert.ok(answer.status < 500, `${path}: ${answer.status} ${answer.text}`);
        assert.equal(answer.headers['set-cookie'], undefined);
        assert.ok(Object.values(answer.headers).every((h) => !/owned/.test(String(h))));
        assert.match(answer.headers['content-type'], /^application\/json/);
      }
    }
    assert.equal((await d.ok('GET', 'jobs?limit=1000')).jobs.length, all);
    for (const [i, v] of VALUES.entries()) assert.equal((await d.ok('GET', `jobs/${made[i]}`)).correlation, v.length <= 200 ? v : v.slice(0, 200));
  });

  it('are one line of the log each, without escapes', async () => {
    for (const v of VALUES) {
      await request({ host: '127.0.0.1', port: d.port }, 'GET', `/?token=${encodeURIComponent(v)}`, { headers: { 'user-agent': 'x' } });
      const w = await d.ok('POST', 'watches', { pattern: 'go', every_s: 0, pane: v, command: [`/no/such${v}`] });
      await d.ok('DELETE', `watches/${w.id}`);
    }
    const { id } = await d.sh('read -r x; echo go; exec cat');
    const w = await d.ok('POST', 'watches', { pattern: 'go', every_s: 0, pane: id, command: ['/no/such\nfake error x: \u009b31m\u202e\x7f'] });
    await d.type(id, '\n');
    await until('it to fire', async () => (await d.ok('GET', 'watches')).watches.find((x) => x.id === w.id).fired > 0);
    await d.well();
    for (const line of d.stderr().split('\n').filter(Boolean)) {
      assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z (error|warn|info|debug) [a-z-]+: /, line);
      assert.doesNotMatch(line, /[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/u);
    }
  });
});

it('secrets in what a job was given are shown to nobody, and given to the job', async () => {
  const d = await startDaemon();
  const token = `ghp_${'a1B2'.repeat(9)}`;
  const ro = (await d.ok('POST', 'tokens', { read_only: true })).token;
  try {
    const { id } = await d.ok('POST', 'jobs', { command: ['sh', '-c', 'printf "%s %s %s" "$API_KEY" "$PLAIN" "$1"', 'sh', `Authorization: Bearer ${token}`], env: { API_KEY: 'hunter2-hunter2-hunter2', PLAIN: 'as it is' } });
    await until('its end', async () => (await d.ok('GET', `jobs/${id}`)).state === 'completed');
    const shown = [(await d.request('GET', `/api/v1/jobs/${id}`)).text, (await d.request('GET', '/api/v1/jobs')).text, (await d.cli(['jobs', 'show', id])).out,
      (await d.cli(['jobs', 'show', '--json', id])).out, (await d.cli(['jobs', 'ls'])).out];
    for (const text of shown) assert.ok(!text.includes('hunter2-hunter2') && !text.includes(token.slice(8)), text);
    assert.ok(shown[0].includes('"PLAIN":"as it is"') && shown[0].includes('[masked]'));
    // To who could run it again they are shown, when they ask.
    const clear = await d.ok('GET', `jobs/${id}?reveal=1`);
    assert.deepEqual([clear.env.API_KEY, clear.command[4]], ['hunter2-hunter2-hunter2', `Authorization: Bearer ${token}`]);
    assert.ok((await d.cli(['jobs', 'show', '--json', '--reveal', id])).out.includes(token));
    const refused = await d.request('GET', `/api/v1/jobs/${id}?reveal=1`, { token: ro });
    assert.deepEqual([refused.status, refused.json.error], [403, 'read_only']);
    const masked = await d.request('GET', `/api/v1/jobs/${id}?reveal=0`, { token: ro });
    assert.ok(masked.status === 200 && !masked.text.includes('hunter2') && !masked.text.includes(token.slice(8)));
    assert.equal((await d.request('GET', `/api/v1/jobs/${id}?reveal=2`)).status, 400);
    const again = (await d.ok('POST', `jobs/${id}/retry`, {})).id;
    await until('its end', async () => (await d.ok('GET', `jobs/${again}`)).state === 'completed');
    for (const job of [id, again])
      assert.equal((await d.cli(['jobs', 'output', job])).out, `hunter2-hunter2-hunter2 as it is Authorization: Bearer ${token}`);
  } finally {
    await d.stop();
  }
});

it('secrets in arguments of their own and in results of flows are shown to nobody', async () => {
  const d = await startDaemon();
  const token = `glpat-${'a1B2'.repeat(5)}`;
  const key = `-----BEGIN PRIVATE KEY-----\n${'MIIEvQIBADANBgkq'.repeat(4)}\n-----END PRIVATE KEY-----`;
  try {
    const { id } = await d.ok('POST', 'jobs', { command: ['true', '--token', 'opensesame', '--password', 'two words', '--name', 'plain'], env: { DB_PASSWORD: 'correct horse battery' } });
    const job = await d.ok('GET', `jobs/${id}`);
    assert.deepEqual(job.command, ['true', '--token', '\u2026[masked]', '--password', '\u2026[masked]', '--name', 'plain']);
    assert.equal(job.env.DB_PASSWORD, '\u2026[masked]');
    const flow = await d.ok('POST', 'flows', { definition: { name: 'x', steps: [
      { name: 'one', command: ['printf', '%s', JSON.stringify({ token, key, password: 'hunter2', n: 1 })], result: 'json' },
      { name: 'two', command: ['printf', '%s', '${steps.one.result.password} ${steps.one.result.token}'], depends_on: ['one'] },
      { name: 'ask', type: 'approval', message: 'go on with ${steps.one.result.token}?', depends_on: ['two'] }] } });
    const waiting = await until('the question', async () => {
      const r = await d.request('GET', `/api/v1/flows/${flow.id}`);
      return r.json.steps[2].state === 'waiting' && r;
    });
    await d.ok('POST', `flows/${flow.id}/steps/ask/approve`, { approve: true });
    const ended = await until('the end', async () => {
      const r = await d.request('GET', `/api/v1/flows/${flow.id}`);
      return r.json.state === 'completed' && r;
    });
    for (const r of [waiting, ended]) {
      for (const s of [token.slice(6), 'MIIEvQ', 'hunter2"']) assert.ok(!r.text.includes(s), r.text);
      assert.deepEqual([r.json.steps[0].result.value.n, r.json.steps[0].result.value.password], [1, '\u2026[masked]']);
    }
    assert.ok(waiting.json.steps[2].message.startsWith('go on with glpat-\u2026[masked]'), waiting.text);
    const clear = await d.ok('GET', `flows/${flow.id}?reveal=1`);
    assert.deepEqual(clear.steps[0].result.value, { token, key, password: 'hunter2', n: 1 });
    assert.ok((await d.cli(['flow', 'show', '--json', '--reveal', flow.id])).out.includes(token));
    const ro = (await d.ok('POST', 'tokens', { read_only: true })).token;
    assert.equal((await d.request('GET', `/api/v1/flows/${flow.id}?reveal=1`, { token: ro })).json.error, 'read_only');
    // What came behind it had them.
    assert.equal((await d.cli(['jobs', 'output', ended.json.steps[1].job])).out, `hunter2 ${token}`);
  } finally {
    await d.stop();
  }
});

describe('what tmux is told', { skip: (await hasTmux()) ? false : 'no tmux' }, () => {
  const f = useFollowed({ before, after });

  // By the connection to a server that runs; and by a command line, which starts one.
  for (const way of ['connection', 'command line']) it(`is neither a format nor a command of a shell, by a ${way}`, async () => {
    const { d } = f;
    if (way === 'connection') await until('the connection', async () => (await d.info()).tmux.servers[0].state === 'connected');
    else {
      await f.t.stop();
      await until('its end', async () => (await d.info()).tmux.servers[0].state !== 'connected');
    }
    await rm(join(f.dir, 'args'), { force: true });
    const owned = join(f.dir, 'owned');
    const args = ['', 'plain', "it's", '"x"', '#{pid}', `#(touch ${owned})`, '##', '$(id)', '`id`', ';', '; kill-server', '\\', '\\;', 'a\nb', '~', '*', '{', '}', '%if', '#[fg=red]', '\t', '\x01', 'é\u{1F600}'];
    const p = await d.ok('POST', 'panes', { tmux: true, command: ['sh', '-c', `printf '%s\\0' "$@" >"${f.dir}/args.new"; mv "${f.dir}/args.new" "${f.dir}/args"; exec cat`, 'sh', ...args], env: { EVIL: `#(touch ${owned}) "';` } });
    await until('the command', () => existsSync(join(f.dir, 'args')));
    assert.deepEqual((await readFile(join(f.dir, 'args'), 'utf8')).split('\0').slice(0, -1), args);
    const notOwned = async () => assert.equal((await exec('find', [f.dir, process.cwd(), '-maxdepth', '2', '-type', 'f', '-name', '*owned*'])).stdout, '', 'a shell was asked');
    if (way !== 'connection') {
      await notOwned();
      await f.t.run('kill-server');
      return;
    }
    await d.remove(p.id);
    for (const [i, name] of [`a#(touch owned)b`, '#{pid}', '##{pid}', '###(touch owned)', '#[x', '##[x', '#', "q'\";touch owned;$(touch owned)", 'a\\b', '-x', '%h'].entries()) {
      const cwd = join(f.dir, name);
      await mkdir(cwd);
      const { id } = await d.ok('POST', 'panes', { tmux: true, cwd, command: ['sh', '-c', `pwd >"$0/cwd${i}.new"; mv "$0/cwd${i}.new" "$0/cwd${i}"; exec cat`, f.dir] });
      await until(`the command in ${name}`, () => existsSync(join(f.dir, `cwd${i}`)));
      assert.equal(await readFile(join(f.dir, `cwd${i}`), 'utf8'), `${cwd}\n`);
      await d.remove(id);
    }
    // What is typed is typed, whatever it looks like.
    const { id } = await d.ok('POST', 'panes', { tmux: true, command: ['sh', '-c', 'stty -echo; while IFS= read -r x; do printf "<%s>\\n" "$x"; done'] });
    await listed(d, id).catch(() => null);
    const typed = `#(touch ${owned}) #{pid} "; kill-server ; ' $(id) \\ {`;
    await until('what was typed', async () => {
      await d.type(id, `${typed}\n`);
      return (await textOf(d, id)).replace(/\n/g, '').includes(`<${typed}>`);
    });
    await notOwned();
  });
});

describe('links in place of files', () => {
  let dir, victim, d;
  const start = async (more = {}) => (d = await startDaemon({ dir, keep: true, ...more }));
  before(async () => {
    dir = await privateDir();
    victim = join(dir, 'victim');
  });
  after(() => rm(dir, { recursive: true, force: true }));

  it('are not written to, nor read, and each says so', async () => {
    // The daemon's own, each replaced in turn by a link to another file.
    for (const name of ['panescry.db', 'panescry.db-wal', 'panescry.db-shm', 'tokens.json', 'watches.json', 'jobs', 'archive', 'panescry.log', 'watches.json.new', 'tokens.json.new']) {
      const state = join(dir, `state-${name}`);
      const secret = '{"watches":[{"id":"w7","pattern":"stolen"}],"last_id":7}';
      await mkdir(state, { mode: 0o700 });
      const directory = name === 'jobs' || name === 'archive';
      const to = directory ? join(dir, `elsewhere-${name}`) : victim;
      if (directory) await mkdir(to);
      else await writeFile(victim, secret);
      await symlink(to, join(state, name));
      let up = true;
      try {
        d = await startDaemon({ dir: state, keep: true });
      } catch (e) {
        up = false;
        assert.match(String(e.message), /panescry: |error|ended/, name);
      }
      if (up) {
        // An answer within seconds, whatever it is.
        for (const [method, path, json] of [['POST', 'jobs', { command: ['true'] }], ['POST', 'streams', { name: 'x' }], ['POST', 'flows', { definition: { name: 'x', steps: [{ name: 'x', command: ['true'] }] } }],
          ['POST', 'watches', { pattern: 'x' }], ['POST', 'tokens', {}], ['GET', 'jobs'], ['GET', 'sessions'], ['GET', 'usage'], ['GET', 'watches']]) {
          const r = await d.request(method, `/api/v1/${path}`, { json, ms: 10_000 });
          assert.ok(r.status > 0, `${name}: ${method} ${path}`);
          if (path === 'watches' && method === 'GET') assert.ok(!r.text.includes('stolen'), `${name} was read`);
          if (name === 'panescry.db' && /^(jobs|flows|streams)$/.test(path) && method === 'POST') {
            assert.equal(r.status, 503, r.text);
            assert.equal(r.json.error, 'store_unavailable');
            assert.match(r.json.message, /symbolic links/);
          }
        }
        assert.equal((await d.request('GET', '/healthz')).status, 200);
        await d.stop().catch(() => null);
      }
      if (directory) assert.deepEqual(await readdir(to), [], `${name} was followed`);
      else assert.equal(await readFile(victim, 'utf8'), secret, `${name} was written through`);
    }
  });

  it('a pipe in place of a file is not waited for', async () => {
    for (const name of ['watches.json', 'tokens.json']) {
      const state = join(dir, `pipe-${name}`);
      await mkdir(state, { mode: 0o700 });
      await exec('mkfifo', [join(state, name)]);
      await startDaemon({ dir: state, keep: true }).then((x) => x.stop(), (e) => assert.match(e.message, /Invalid argument|ended/));
    }
  });

  it('in the place of the socket one is refused and left', async () => {
    const state = join(dir, 'socket');
    await mkdir(state, { mode: 0o700 });
    await writeFile(victim, 'mine');
    await symlink(victim, join(state, 's.sock'));
    await assert.rejects(startDaemon({ dir: state, keep: true }));
    assert.equal(await readFile(victim, 'utf8'), 'mine');
    assert.ok((await lstat(join(state, 's.sock'))).isSymbolicLink());
  });

  it('when the link is gone, what was refused goes well', async () => {
    dir = await privateDir();
    await symlink(victim, join(dir, 'panescry.db'));
    await start();
    assert.equal((await d.request('POST', '/api/v1/jobs', { json: { command: ['true'] } })).status, 503);
    await rm(join(dir, 'panescry.db'));
    await until('a job', async () => (await d.request('POST', '/api/v1/jobs', { json: { command: ['true'] } })).status === 201, 40_000);
    await d.stop();
  });

  it('transcripts are files where agents put them, no links to others', async () => {
    const home = await privateDir();
    const project = join(home, '.claude', 'projects', '-p');
    await mkdir(project, { recursive: true });
    const line = (id) => `${JSON.stringify({ type: 'user', uuid: `u-${id}`, sessionId: id, timestamp: '2026-11-20T12:00:00.000Z', version: '2.1.0', cwd: '/p', message: { role: 'user', content: `text of ${id}` } })}\n`;
    await writeFile(join(home, 'outside.jsonl'), line('outside'));
    await symlink(join(home, 'outside.jsonl'), join(project, 'link.jsonl'));
    await symlink(home, join(project, 'up'));
    await writeFile(join(project, 'inside.jsonl'), line('inside'));
    const own = await startDaemon({ env: { HOME: home } });
    try {
      await until('a session', async () => (await own.ok('GET', 'sessions')).total > 0);
      await own.well();
      const { data } = await own.ok('GET', 'sessions');
      assert.deepEqual(data.map((s) => s.agent_session), ['inside']);
    } finally {
      await own.stop();
      await rm(home, { recursive: true, force: true });
    }
  });
});
