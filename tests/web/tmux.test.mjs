// Panes of a tmux server, beside the daemon's own.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const rig = useRig({ before, after });
const run = promisify(execFile);
let server = 0;

const tmux = async (...args) => {
  const { TMUX: _, TMUX_PANE: __, ...env } = process.env;
  const { stdout } = await run('tmux', ['-f', '/dev/null', ...args], {
    env: { ...env, TMUX_TMPDIR: rig.daemon.dir },
    timeout: 10_000,
  });
  return stdout.trimEnd();
};

before(async () => {
  await until('the daemon', () => rig.daemon);
  const script = 'seq 1 300; PS1="ready> " exec sh -i';
  await tmux('new-session', '-d', '-s', 'work', '-n', 'edit', '-x', '90', '-y', '20', script);
  server = Number(await tmux('display-message', '-p', '#{pid}'));
});

// By its process: its socket may be gone with the daemon's directory.
after(() => server && process.kill(server));

const listed = (id) =>
  until(`${id} in the list`, async () => {
    const { panes } = await rig.daemon.api('GET', 'panes');
    return panes.find((p) => p.id === id);
  });

test('a pane of tmux is listed with its place, shown, and typed into', async () => {
  await listed('t%0');
  const v = await rig.open({ pane: 't%0' });
  await v.sees('ready>');
  await v.sees(/^300$/m);
  await v.line('echo $((6*7))');
  await v.sees(/^42$/m);
  await until('tmux to show it, too', async () => /^42$/m.test(await tmux('capture-pane', '-p', '-t', '%0')));
  const session = v.page.getByRole('treeitem', { name: 'work' });
  const row = session.getByRole('treeitem', { name: /^0 edit/ });
  await row.waitFor();
  assert.match(await row.locator('.row').getAttribute('title'), /t%0 · work:0\.0/);
  await v.shot('tmux');
  await v.page.reload();
  await v.online();
  await v.sees(/^42$/m);
  await v.close();
});

test('with nobody else there, the window takes the size of the page', async () => {
  const v = await rig.open({ pane: 't%0' });
  await v.online();
  const size = async () => tmux('display-message', '-p', '-t', '%0', '#{pane_width}x#{pane_height}');
  await v.type(' ');
  await until('another size than 90x20', async () => (await size()) !== '90x20');
  await until('the same size on both sides', async () => {
    const s = await v.screen();
    return `${s.cols}x${s.rows}` === (await size());
  });
  await v.close();
});

test('a pane that tmux has ended is shown as ended', async () => {
  const id = await tmux('new-window', '-d', '-P', '-F', '#{pane_id}', '-t', 'work:', 'exec cat');
  await listed(`t${id}`);
  const v = await rig.open({ pane: `t${id}` });
  await v.line('some words');
  await v.sees('some words');
  await tmux('kill-pane', '-t', id);
  await until('the end', async () => (await v.link()) === 'ended');
  await v.close();
});
