// `panescry status`, and the route that it asks.

import assert from 'node:assert/strict';
import net from 'node:net';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { privateDir, useDaemon } from './lib/daemon.mjs';
import { assertDone, assertRefused, panescry } from './lib/run.mjs';
import { until } from './lib/until.mjs';

describe('status', () => {
  const d = useDaemon({ before, after });
  const status = async (...args) => assertDone(await d.cli(['status', ...args]));
  const numbers = () => d.ok('GET', 'status');

  const jobs = { running: 0, queued: 0, failed_recently: false };
  const agents = { working: 0, waiting_input: 0, waiting_permission: 0, first: null };

  it('counts', async () => {
    assert.deepEqual(await numbers(), { panes: 0, exited: 0, viewers: 0, watches: 0, fired: 0, alarms: 0, collisions: 0, agents, jobs });
    assert.equal(await status(), 'panes:0\n');
    const talk = await d.sh('while read -r x; do echo "$x"; done', { name: 'talk' });
    const gone = await d.sh('true');
    await d.exited(gone.id);
    const v = await d.attach(talk.id);
    await d.ok('POST', 'watches', { pattern: '^seen', every_s: 0 });
    await d.ok('POST', 'watches', { pattern: '^never' });
    assert.deepEqual(await numbers(), { panes: 1, exited: 1, viewers: 1, watches: 2, fired: 0, alarms: 0, collisions: 0, agents, jobs });
    await d.type(talk.id, 'seen\nseen again\n');
    await until('a watch to fire', async () => (await numbers()).fired === 1);
    assert.equal(await status(), 'panes:1 fired:1\n');
    assert.equal(await status('--format', '{panes}/{watches}/{fired}/{alarms}/{viewers}'), '1/2/1/0/1\n');
    await v.close();
    await d.remove(gone.id);
    await until('the viewer to be gone', async () => (await numbers()).viewers === 0);
  });

  it('prints what the format says, and the texts of numbers that are not 0', async () => {
    for (const [format, line] of [
      ['', ''],
      ['#[fg=red]%d you好 }', '#[fg=red]%d you好 }'],
      ['{?fired:<{fired} of {watches}>}{?alarms:never}{?panes:}.', '<1 of 2>.'],
      ['{?fired:a:b}{?viewers:{viewers}}', 'a:b'],
    ]) assert.equal(await status('-f', format), `${line}\n`, format);
    for (const format of ['{', '{pane}', '{panes', '{panes }', '{?panes}', '{?panes:x', '{?panes:{panes}', '{?nope:x}', '{?alarms:{nope}}', '{?panes:{?fired:x}}'])
      assertRefused(await d.cli(['status', '--format', format]), 2, /^panescry: status: \{/);
    assertRefused(await d.cli(['status', 'x']), 2);
  });

  it('has formats for tmux, starship and waybar', async () => {
    assert.equal(await status('-f', 'tmux'), 'panes:1 #[fg=yellow]fired:1#[default]\n');
    assert.equal(await status('--format', 'starship'), '1 *1\n');
    const line = await status('--format=waybar');
    assert.match(line, /^[^\n]+\n$/);
    assert.deepEqual(JSON.parse(line), { text: '1', tooltip: 'panes: 1\nfired: 1', class: 'fired' });
  });

  it('counts jobs', async () => {
    assert.equal(await status('-f', '{jobs}/{queued}/{failed}'), '0/0/0\n');
    const { id } = await d.ok('POST', 'jobs', { command: ['sleep', '1000'], cwd: '/' });
    assert.equal(await status('-f', '{jobs}{?queued:x}'), '1\n');
    assert.match(await status(), / jobs:1\n$/);
    assert.deepEqual(JSON.parse(await status('-f', 'waybar')), { text: '1 +1', tooltip: 'panes: 1\njobs: 1\nfired: 1', class: 'fired' });
    await d.ok('POST', `jobs/${id}/cancel`, {});
    await until('its end', async () => (await numbers()).jobs.running === 0);
    assert.equal((await d.cli(['run', 'false'])).status, 1);
    assert.match(await status(), / failed\n$/);
    assert.match(await status('-f', 'tmux'), / #\[fg=red\]failed#\[default\]\n$/);
    assert.equal(await status('-f', 'starship'), '1 *1 failed\n');
    assert.equal(JSON.parse(await status('-f', 'waybar')).class, 'failed');
  });

  it('may be read with a token that can only read', async () => {
    const { token } = await d.ok('POST', 'tokens', { read_only: true });
    assert.equal((await d.request('GET', '/api/v1/status', { token })).status, 200);
    assert.equal((await d.request('GET', '/api/v1/status', { token: null })).status, 401);
  });
});

describe('status without a daemon', () => {
  const silent = (r) => assert.deepEqual([r.status, r.out, r.err], [3, '', '']);
  let dir;
  before(async () => (dir = await privateDir()));
  after(() => rm(dir, { recursive: true, force: true }));

  it('says nothing', async () => {
    silent(await panescry(['status'], { env: { PANESCRY_SOCKET: join(dir, 'nobody') } }));
    silent(await panescry(['status', '--format', 'waybar'], { env: { PANESCRY_SOCKET: join(dir, 'nobody') } }));
  });

  it('waits a second at most for one that does not answer', async () => {
    const socket = join(dir, 'deaf');
    const s = net.createServer(() => {});
    s.listen(socket);
    await once(s, 'listening');
    const began = Date.now();
    silent(await panescry(['status'], { env: { PANESCRY_SOCKET: socket } }));
    assert.ok(Date.now() - began >= 900);
    s.close();
  });

  it('says so when it is another that answers', async () => {
    const socket = join(dir, 'other');
    const s = net.createServer((c) => c.on('data', () => c.end('HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}')));
    s.listen(socket);
    await once(s, 'listening');
    assertRefused(await panescry(['status'], { env: { PANESCRY_SOCKET: socket } }), 2, /no numbers/);
    s.close();
  });
});
