// Connections that break: every byte is shown once, in order, and the page says what it does.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const rig = useRig({ before, after, proxied: true });
let proxy;
afterEach(() => proxy?.stop());

const COUNTER = (n, pause) => [
  'sh',
  '-c',
  `i=0; while [ $i -lt ${n} ]; do i=$((i+1)); echo "line $i"; sleep ${pause}; done; echo done; exec cat`,
];

function assertLines(text, n) {
  const got = text.split('\n').filter((l) => l.startsWith('line '));
  const want = Array.from({ length: n }, (_, i) => `line ${i + 1}`);
  assert.deepEqual(got, want);
}

test('a cut connection resumes without a missing or doubled byte', async () => {
  proxy = await rig.proxy();
  const id = await rig.daemon.pane(COUNTER(400, 0.02));
  const v = await rig.open({ pane: id, port: proxy.port });
  await v.sees('line 30');
  proxy.refuse(true);
  proxy.cut();
  const banner = v.page.locator('.banner');
  await banner.getByText('Disconnected').waitFor();
  await banner.getByText(/Trying again in \d+ s/).waitFor();
  const kept = await v.text();
  assert.match(kept, /line 30/);
  await v.page.locator('.xterm-helper-textarea').focus();
  await v.page.keyboard.type('lost');
  await banner.getByText('What you type now is not sent.').waitFor();
  await v.shot('disconnected');
  await until('a refused attempt', () => proxy.refused() > 2);
  proxy.refuse(false);
  await v.page.getByRole('button', { name: 'Reconnect now' }).click();
  await v.online();
  await until('no banner', () => banner.isHidden());
  for (let i = 0; i < 5; i++) {
    const before = proxy.attached();
    proxy.cut();
    await until('another connection', () => proxy.attached() > before);
    await v.online();
  }
  await v.sees(/^done$/m);
  const text = await v.text();
  assertLines(text, 400);
  assert.ok(!text.includes('lost'), 'what was typed meanwhile is not sent later');
  await v.close();
});

test('a killed worker is not noticed', async () => {
  const id = await rig.daemon.pane(COUNTER(300, 0.01));
  const v = await rig.open({ pane: id });
  await v.sees('line 20');
  await v.page.evaluate(() => {
    globalThis.bannerSeen = false;
    const banner = document.querySelector('.banner');
    new MutationObserver(() => {
      globalThis.bannerSeen ||= !banner.hidden;
    }).observe(banner, { attributes: true });
  });
  for (let i = 0; i < 3; i++) {
    const { pid } = await rig.daemon.api('GET', 'info');
    process.kill(pid, 'SIGKILL');
    await until('another worker', async () => {
      const answer = await rig.daemon.api('GET', 'info').catch(() => null);
      return answer && answer.pid !== pid;
    });
    await v.online();
  }
  await v.sees(/^done$/m);
  assertLines(await v.text(), 300);
  assert.equal(await v.page.evaluate(() => globalThis.bannerSeen), false);
  await v.close();
});

test('cuts within messages of a flood lose nothing that the ring still has', async () => {
  proxy = await rig.proxy();
  const id = await rig.daemon.pane([
    'sh',
    '-c',
    'read x; i=0; while [ $i -lt 9000 ]; do i=$((i+1)); echo "line $i"; done; echo done; exec cat',
  ]);
  const v = await rig.open({ pane: id, port: proxy.port });
  proxy.cutOnceAfter(20_000);
  await v.line('');
  await until('the cut', () => proxy.cuts() > 0);
  proxy.cutOnceAfter(30_000);
  await v.sees(/^done$/m);
  assertLines(await v.text(), 9000);
  await v.close();
});

test('a viewer that fell out of the ring gets the screen, not a hole', async () => {
  proxy = await rig.proxy();
  const id = await rig.daemon.pane([
    'sh',
    '-c',
    'echo start; read x; seq 1 400000; echo done; exec cat',
  ]);
  const v = await rig.open({ pane: id, port: proxy.port });
  const other = await rig.open({ pane: id });
  await v.sees('start');
  proxy.refuse(true);
  proxy.cut();
  await v.page.locator('.banner').getByText('Disconnected').waitFor();
  await other.line('');
  await other.sees(/^400000\ndone$/m);
  proxy.refuse(false);
  await v.online();
  await v.sees(/^400000\ndone$/m);
  const numbers = (await v.text()).split('\n').filter((l) => /^\d+$/.test(l)).map(Number);
  for (let i = 1; i < numbers.length; i++) assert.equal(numbers[i], numbers[i - 1] + 1);
  await v.close();
  await other.close();
});

test('a flood beyond the window goes on, as the page acknowledges', async () => {
  const id = await rig.daemon.pane(['sh', '-c', 'read x; seq 1 1500000; echo done; exec cat']);
  const v = await rig.open({ pane: id });
  await v.line('');
  await v.sees(/^1500000\ndone$/m);
  // It may have skipped to a snapshot; then one with a thousand lines above the screen follows.
  const lines = await until('the lines above', async () => {
    const all = (await v.text()).split('\n');
    return all.indexOf('done') > 900 ? all : null;
  });
  const end = lines.indexOf('done');
  for (let i = end - 1; i > end - 900; i--) assert.equal(lines[i], String(1500000 - (end - 1 - i)));
  await v.close();
});

test('it connects at once when the network is back or the page is looked at', async () => {
  proxy = await rig.proxy();
  const v = await rig.open({ pane: await rig.daemon.shell(), port: proxy.port });
  proxy.refuse(true);
  for (const event of ['online', 'visibilitychange']) {
    proxy.refuse(true);
    proxy.cut();
    // Far enough into the backoff that a connection in time is the event's doing.
    const refused = proxy.refused();
    await until('some attempts', () => proxy.refused() > refused + 5);
    await until('the wait', async () => (await v.link()) === 'waiting');
    proxy.refuse(false);
    await v.page.evaluate((e) => {
      (e === 'online' ? window : document).dispatchEvent(new Event(e));
    }, event);
    await until('the connection', async () => (await v.link()) === 'online', 1500);
  }
  await v.close();
});
