// serve --harden: what the worker cannot do any more, and that nothing is missed. (Any other file of
// tests can be run against hardened daemons: PANESCRY_HARDEN=1.)

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { HARDEN, privateDir } from './lib/daemon.mjs';
import { descriptors, killWorker, pids, startKept } from './lib/keeper.mjs';
import { assertDone, assertRefused, panescry } from './lib/run.mjs';
import { until } from './lib/until.mjs';

const why = await panescry(['serve', '--harden', '--foreground', '--listen', 'nonsense']);
const skip = /not built in/.test(why.stderr) && 'built without libseccomp';

/** A field of /proc/PID/status. */
async function field(pid, name) {
  const text = await readFile(`/proc/${pid}/status`, 'latin1');
  return Number(text.match(new RegExp(`^${name}:\\s*(\\d+)`, 'm'))[1]);
}
const powers = async (pid) => [await field(pid, 'NoNewPrivs'), await field(pid, 'Seccomp')];

// LeakSanitizer reads its process with ptrace(2), which is refused: leaks are looked for without --harden.
const NO_LEAKS = { ASAN_OPTIONS: [process.env.ASAN_OPTIONS, 'detect_leaks=0'].filter(Boolean).join(':') };
const start = ({ env = {}, args = [], ...more } = {}) =>
  startKept({ ...more, args: HARDEN ? args : [...args, '--harden'], env: { ...NO_LEAKS, ...env } });

const turn = (session, text) => {
  const base = { sessionId: session, timestamp: '2026-11-20T12:00:00.000Z', version: '2.1.0', cwd: '/work' };
  return `${JSON.stringify({ type: 'user', uuid: `p-${session}`, parentUuid: null, ...base, message: { role: 'user', content: text } })}\n`;
};

describe('a hardened worker', { skip }, () => {
  let d, home, project;

  before(async () => {
    home = await privateDir();
    project = join(home, '.claude', 'projects', '-work');
    await mkdir(project, { recursive: true });
    await writeFile(join(project, 'one.jsonl'), turn('one', 'Read me'));
    await writeFile(join(home, 'secret.jsonl'), turn('secret', 'Not yours'));
    await symlink(join(home, 'secret.jsonl'), join(project, 'link.jsonl'));
    d = await start({ env: { HOME: home } });
  });
  after(() => d?.stop());

  it('has no power, and what it starts has all', async () => {
    for (let i = 0; i < 2; i++) {
      const { worker, keeper } = await pids(d);
      assert.deepEqual(await powers(worker), [1, 2]);
      assert.deepEqual(await powers(keeper), [0, 0]);
      const { id, pid } = await d.sh('grep -E "NoNewPrivs|Seccomp:" /proc/self/status; exec cat');
      assert.deepEqual(await powers(pid), [0, 0]);
      assert.match(await d.shows(id, /Seccomp:\s*\d/), /NoNewPrivs:\s*0\s+Seccomp:\s*0/);
      assert.equal(await field(pid, 'PPid'), keeper);
      const job = assertDone(await d.cli(['run', '--', 'grep', '-E', 'NoNewPrivs|Seccomp:', '/proc/self/status']));
      assert.match(job, /NoNewPrivs:\s*0\s+Seccomp:\s*0/);
      await d.remove(id);
      await killWorker(d);
    }
    assert.match(d.stderr(), /hardened: Landlock|hardened without Landlock/);
  });

  it('starts panes that have no descriptor too many, and knows where they are', async () => {
    const { id, pid } = await d.new(['sh', '-c', 'cd /; exec cat'], { cols: 91, rows: 17 });
    await until('the directory', async () => (await d.pane(id)).cwd === '/');
    assert.deepEqual((await descriptors(pid)).map((f) => f.n), [0, 1, 2]);
    assert.deepEqual([(await d.pane(id)).cols, (await d.pane(id)).pid], [91, pid]);
    await d.type(id, 'echo\r');
    await d.shows(id, 'echo');
    await d.remove(id);
    await until('its end', () => d.gone(id));
  });

  it('says why something cannot be started', async () => {
    const refused = await d.request('POST', '/api/v1/panes', { json: { command: ['/nonesuch'] } });
    assert.equal(refused.status, 422);
    assert.match(refused.json.message, /\/nonesuch: cannot execute the command: No such file/);
    const nowhere = await d.request('POST', '/api/v1/panes', { json: { command: ['true'], cwd: '/nonesuch' } });
    assert.match(nowhere.json.message, /cannot change to the directory/);
    // As long as Linux takes an argument, and longer.
    const long = await d.request('POST', '/api/v1/panes', { json: { command: ['true', 'x'.repeat(200_000)] } });
    assert.ok(long.status >= 400 && long.status < 600, long.text);
    await d.well();
  });

  it('ends what it has only just asked for', async () => {
    const all = await Promise.all(Array.from({ length: 12 }, () => d.sh('trap "" HUP; exec sleep 1000')));
    await Promise.all(all.map((p) => d.remove(p.id)));
    const jobs = await Promise.all(Array.from({ length: 8 }, () => d.ok('POST', 'jobs', { command: ['sleep', '1000'] })));
    await Promise.all(jobs.map((j) => d.request('POST', `/api/v1/jobs/${j.id}/cancel`)));
    for (const j of jobs) await until(`the end of ${j.id}`, async () => /cancelled|failed/.test((await d.ok('GET', `jobs/${j.id}`)).state));
    for (const p of all) await until(`the end of ${p.id}`, () => d.gone(p.id));
  });

  it('runs the commands of watches, again and again', async () => {
    const file = join(d.dir, 'fired');
    const { id } = await d.sh('stty -echo; echo ready; exec cat');
    await d.shows(id, 'ready');
    const w = await d.ok('POST', 'watches', { pattern: '^see', command: `echo "$PANESCRY_TEXT" >> ${file}`, every_s: 0 });
    for (let i = 1; i <= 40; i++) {
      await d.type(id, `see ${i}\n`);
      // There is only so much room for commands that run: that their ends are heard of is what makes room.
      await until(`command ${i}`, () => existsSync(file) && readFile(file, 'utf8').then((t) => t.includes(`see ${i}\n`)));
    }
    await d.ok('DELETE', `watches/${w.id}`);
    await d.remove(id);
  });

  it('reads transcripts, and nothing that a link in them leads to', async () => {
    const names = async () => (await d.ok('GET', 'sessions')).data.map((s) => s.agent_session).join(' ');
    await until('the session', async () => /one/.test(await names()));
    if (/hardened: Landlock/.test(d.stderr())) assert.doesNotMatch(await names(), /secret/);
  });

  it('is followed by one that can read a directory that has come to be', async () => {
    const { id } = await d.sh('exec cat');
    const before = (await d.info()).keeper.upgrades;
    const dir = join(home, '.codex', 'sessions', '2026', '11', '20');
    await mkdir(dir, { recursive: true });
    await until('another worker', async () => {
      const r = await d.local('GET', '/api/v1/info').catch(() => null);
      return r?.status === 200 && r.json.keeper.upgrades > before;
    });
    const { worker } = await pids(d);
    assert.deepEqual(await powers(worker), [1, 2]);
    const meta = { timestamp: '2026-11-20T12:00:00.000Z', type: 'session_meta', payload: { id: '0199a000-0000-7000-8000-000000000001', timestamp: '2026-11-20T12:00:00.000Z', cwd: '/work', originator: 'codex_cli_rs', cli_version: '0.46.0' } };
    const said = { timestamp: '2026-11-20T12:00:01.000Z', type: 'event_msg', payload: { type: 'user_message', message: 'late', kind: 'plain' } };
    await writeFile(join(dir, 'rollout-2026-11-20T12-00-00-0199a000-0000-7000-8000-000000000001.jsonl'), `${JSON.stringify(meta)}\n${JSON.stringify(said)}\n`);
    await until('its session', async () => (await d.ok('GET', 'sessions')).data.some((s) => s.agent === 'codex'));
    await d.type(id, 'still here\r');
    await d.shows(id, 'still here');
    await d.remove(id);
  });

  it('goes on while the keeper stands still, and gets what it asked for when that goes on', async () => {
    const { keeper } = await pids(d);
    const { id } = await d.sh('exec cat');
    process.kill(keeper, 'SIGSTOP');
    let born;
    try {
      born = d.new(['sh', '-c', 'echo born; exec cat']);
      await d.type(id, 'moves\r');
      await d.shows(id, 'moves');
      assert.equal((await d.ok('GET', 'panes')).panes.filter((p) => p.id === id).length, 1);
    } finally {
      process.kill(keeper, 'SIGCONT');
    }
    const late = await born;
    await d.shows(late.id, 'born');
    for (const p of [id, late.id]) await d.remove(p);
  });
});

describe('--harden', { skip }, () => {
  it('is a setting, too', async () => {
    const d = await startKept({ conf: { harden: 'on' }, env: NO_LEAKS });
    try {
      assert.deepEqual(await powers((await pids(d)).worker), [1, 2]);
      await d.cli(['serve', '--upgrade']);
      assert.deepEqual(await powers((await pids(d)).worker), [1, 2]);
    } finally {
      await d.stop();
    }
  });

  it('is not to be had without a keeper', async () => {
    const dir = await privateDir();
    const args = ['serve', '--harden', '--no-keeper', '--foreground', '--listen', '127.0.0.1:0', '--state-dir', dir, '--socket', join(dir, 's')];
    assertRefused(await panescry(args), 2, /--harden needs the keeper/);
  });
});
