// The database: what was cut short is told, a damaged one is set aside, a full disk stops nothing.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { privateDir, startDaemon } from './lib/daemon.mjs';
import { until } from './lib/until.mjs';

const health = async (d) => (await d.request('GET', '/healthz')).json;
const ready = (d) => until('the store', async () => (await d.info()).store.state === 'ready');

test('what ended with a daemon that was cut short is told by the next', async () => {
  const dir = await privateDir();
  const first = await startDaemon({ dir, keep: true });
  const pane = await first.new(['sleep', '1000'], { name: 'sleeper' });
  await ready(first);
  await until('the pane on record', async () => (await first.info()).store.queued === 0);
  const { pid, keeper } = await first.info();
  process.kill(keeper.pid, 'SIGSTOP');
  process.kill(pid, 'SIGKILL');
  process.kill(keeper.pid, 'SIGKILL');
  await first.ended;
  await until('the command to have ended', () => {
    try {
      process.kill(pane.pid, 0);
      return false;
    } catch {
      return true;
    }
  });
  const second = await startDaemon({ dir, keep: true });
  await until('the loss', async () => (await second.info()).panes_lost === 1);
  assert.match(second.stderr(), /cut short: 1 panes ended/);
  assert.match(second.stderr(), /ended: p1 sleeper \["sleep","1000"\]/);
  await second.stop();
  const third = await startDaemon({ dir, keep: true });
  await ready(third);
  assert.equal((await third.info()).panes_lost, 0, 'the second ended in order');
  await third.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('a damaged database is set aside, and everything works', async () => {
  const dir = await privateDir();
  writeFileSync(join(dir, 'panescry.db'), 'this is no database, but somebody may want it\n'.repeat(200));
  const d = await startDaemon({ dir, keep: true });
  await ready(d);
  assert.equal((await health(d)).status, 'alarm');
  const [alarm] = (await d.ok('GET', 'panes')).alarms;
  assert.equal(alarm.alarm, 'store_damaged');
  assert.ok(readdirSync(dir).some((f) => /^panescry\.db\.damaged-\d{8}T\d{6}Z/.test(f)));
  assert.match(d.stderr(), /warn/);
  await d.new(['true']);
  await d.stop();
  rmSync(dir, { recursive: true, force: true });
});

const canMount = () => {
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

test('a full disk raises an alarm, stops no terminal, and passes', { skip: !canMount() && 'needs unshare -m' }, async () => {
  const dir = await privateDir();
  const d = await startDaemon({
    dir,
    keep: true,
    under: ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=1m,mode=700 none "$0" && exec "$@"', dir],
  });
  await ready(d);
  const inside = `/proc/${(await d.info()).pid}/root${dir}`;
  execFileSync('sh', ['-c', 'cat /dev/zero >"$0" 2>/dev/null || :', join(inside, 'ballast')]);
  // Rows enough that the log must grow.
  await until('the alarm', async () => {
    await d.remove((await d.new(['true', 'x'.repeat(4000)])).id);
    return (await health(d)).status === 'alarm';
  });
  assert.equal((await health(d)).alarms[0].alarm, 'store_full');
  const pane = await d.sh('echo works');
  await d.shows(pane.id, 'works');
  rmSync(join(inside, 'ballast'));
  await until('the end of the alarm', async () => (await health(d)).status === 'ok');
  await d.stop();
  rmSync(dir, { recursive: true, force: true });
});
