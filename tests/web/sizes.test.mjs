// Several viewers of one pane, small windows and phones.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PHONE, useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const rig = useRig({ before, after });

const sizeOf = async (v) => {
  const { cols, rows } = await v.screen();
  return `${cols}x${rows}`;
};
const paneSize = async (id) => {
  const { cols, rows } = await rig.daemon.api('GET', `panes/${id}`);
  return `${cols}x${rows}`;
};

test('the pane follows the window of its only viewer', async () => {
  const id = await rig.daemon.shell();
  const v = await rig.open({ pane: id });
  await until('one size', async () => (await sizeOf(v)) === (await paneSize(id)));
  const before = await paneSize(id);
  await v.page.setViewportSize({ width: 800, height: 500 });
  await until('another size', async () => (await paneSize(id)) !== before);
  await until('one size', async () => (await sizeOf(v)) === (await paneSize(id)));
  const [cols, rows] = (await paneSize(id)).split('x');
  await v.line('stty size');
  await v.sees(`${rows} ${cols}`);
  assert.ok(await v.page.locator('.hint').isHidden());
  await v.close();
});

test('a phone does not resize a desktop unless somebody types on it', async () => {
  const id = await rig.daemon.shell({ name: 'build-log' });
  const desktop = await rig.open({ pane: id });
  await desktop.line('seq 1 200; stty size');
  await desktop.sees(/^200$/m);
  await until('one size', async () => (await sizeOf(desktop)) === (await paneSize(id)));
  const wide = await paneSize(id);

  const phone = await rig.open({ pane: id, context: PHONE });
  await phone.sees(/^200$/m);
  assert.equal(await paneSize(id), wide);
  assert.equal(await sizeOf(phone), wide);
  await phone.page.getByText('sized by another viewer').waitFor();
  // Larger than the window: it is scrolled to where the work is.
  await until('the cursor in sight', () =>
    phone.page.locator('.room').evaluate((r) => r.scrollTop + r.clientHeight > r.scrollHeight - 30),
  );
  await phone.shot('phone-other-size');

  await phone.page.getByRole('button', { name: 'Fit to me' }).click();
  await until('the phone size', async () => (await paneSize(id)) !== wide);
  const narrow = await paneSize(id);
  await until('the hint to go', () => phone.page.locator('.hint').isHidden());
  await until('both to follow', async () => (await sizeOf(desktop)) === narrow);
  assert.equal(await sizeOf(phone), narrow);
  await desktop.page.getByText('sized by another viewer').waitFor();
  await desktop.shot('desktop-other-size');

  await desktop.line('echo back');
  await until('the size of the desktop', async () => (await paneSize(id)) === wide);
  await phone.line('echo typed');
  await until('the size of the phone', async () => (await paneSize(id)) === narrow);
  await phone.close();
  await desktop.close();
});

test('a phone of 360 pixels: key row, drawer, nothing cut off', async () => {
  const id = await rig.daemon.shell();
  const v = await rig.open({ pane: id, context: PHONE });
  await v.line('echo phone; cat -v');
  await v.sees(/^phone$/m);
  const key = (name) => v.page.getByRole('toolbar').getByRole('button', { name, exact: true });
  await key('Escape').tap();
  await key('Up').tap();
  await key('Tab').tap();
  await key('|').tap();
  await key('Alt, for the next key').tap();
  await v.type('x');
  await key('Control, for the next key').tap();
  await key('Right').tap();
  await v.sees(/\^\[\^\[\[A\s+\|\^\[x\^\[\[1;5C/);
  await key('Control, for the next key').tap();
  await v.type('c');
  await v.sees(/\^C\n\$/);
  await v.shot('phone');

  const width = await v.page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(width, 360);
  const row = await v.page.getByRole('toolbar').boundingBox();
  const room = await v.page.locator('.room').boundingBox();
  assert.ok(room.y + room.height <= row.y + 0.5, 'the keys hide no output');
  assert.ok(row.y + row.height <= 640.5);
  const screen = await v.page.locator('.xterm-screen').boundingBox();
  assert.ok(screen.x >= 0 && screen.x + screen.width <= 360);

  await v.page.getByRole('button', { name: 'Show the list' }).tap();
  await until('the drawer', async () => (await v.page.locator('.sidebar').boundingBox()).x === 0);
  await v.shot('phone-drawer');
  await v.page.mouse.click(350, 300);
  await until('no drawer', () => v.page.locator('.sidebar').isHidden());
  await v.close();
});

test('an on-screen keyboard leaves the last line and the keys in sight', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell(), context: PHONE });
  await v.line('seq 1 100');
  await v.sees(/^100$/m);
  await v.page.setViewportSize({ width: 360, height: 340 });
  await until('fewer rows', async () => (await v.screen()).rows < 20);
  await v.sees(/100\n\$/);
  const row = await v.page.getByRole('toolbar').boundingBox();
  assert.ok(row.y + row.height <= 340.5);
  const { lines, top, rows } = await v.screen();
  const last = lines.map((l) => l !== '').lastIndexOf(true);
  assert.ok(last >= top && last < top + rows, 'the prompt is shown');
  assert.equal(await v.page.locator('.room').evaluate((room) => room.scrollTop), 0);
  await v.shot('phone-keyboard');
  await v.close();
});

test('a finger scrolls back, and turns the wheel of a full-screen program', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell(), context: PHONE });
  await v.line('seq 1 200');
  await v.sees(/^200$/m);
  const swipe = async (from, to) => {
    const cdp = await v.context.newCDPSession(v.page);
    const touch = (type, y) =>
      cdp.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: type === 'touchEnd' ? [] : [{ x: 150, y }],
      });
    await touch('touchStart', from);
    for (let i = 1; i <= 10; i++) await touch('touchMove', from + ((to - from) * i) / 10);
    await touch('touchEnd', to);
    await cdp.detach();
  };
  const bottom = (await v.screen()).top;
  await swipe(200, 500);
  await until('older lines', async () => (await v.screen()).top < bottom - 5);
  await v.line('printf "\\033[?1049h\\033[?1000h\\033[?1006h"; cat -v');
  await until('the program', async () => (await v.screen()).alternate);
  await swipe(300, 400);
  await v.sees(/\^\[\[<64;/);
  await v.close();
});

test('the list can be put away, and stays so', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell() });
  const { cols } = await v.screen();
  await v.page.getByRole('button', { name: 'Hide the list' }).click();
  await until('more columns', async () => (await v.screen()).cols > cols);
  await v.page.reload();
  await v.online();
  assert.ok(await v.page.locator('.sidebar').isHidden());
  await v.page.getByRole('button', { name: 'Show the list' }).click();
  await v.page.locator('.wordmark').waitFor();
  await v.close();
});
