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

/** What a phone shows has the phone's size from now on. */
const fit = async (phone, id) => {
  const before = await paneSize(id);
  await phone.page.getByRole('button', { name: 'Fit to me' }).tap();
  await until('the phone size', async () => (await paneSize(id)) !== before);
  await until('one size', async () => (await sizeOf(phone)) === (await paneSize(id)));
};
const fontOf = (v) =>
  v.page.locator('.xterm-screen').evaluate((s) => s.offsetWidth / globalThis.panescry.screen.cols);

test('a phone does not resize a desktop unless somebody has it fit the phone', async () => {
  const id = await rig.daemon.shell({ name: 'build-log' });
  const desktop = await rig.open({ pane: id });
  await desktop.line('seq 1 200; stty size');
  await desktop.sees(/^200$/m);
  await until('one size', async () => (await sizeOf(desktop)) === (await paneSize(id)));
  const wide = await paneSize(id);

  const phone = await rig.open({ pane: id, context: PHONE });
  await phone.sees(/^200$/m);
  assert.equal(await sizeOf(phone), wide);
  await phone.page.getByText('sized by another viewer').waitFor();
  // Larger than the window: it is scrolled to where the work is.
  await until('the cursor in sight', () =>
    phone.page.locator('.room').evaluate((r) => r.scrollTop + r.clientHeight > r.scrollHeight - 30),
  );
  await phone.shot('phone-other-size');

  // Typing, turning it and a new connection leave the size as it is.
  await phone.line('echo from the phone');
  await desktop.sees(/^from the phone$/m);
  await phone.page.setViewportSize({ width: 640, height: 360 });
  await phone.line('echo turned');
  await desktop.sees(/^turned$/m);
  await phone.page.reload();
  await phone.online();
  await phone.line('echo again');
  await desktop.sees(/^again$/m);
  assert.equal(await paneSize(id), wide);
  await phone.page.setViewportSize({ width: 360, height: 640 });

  await fit(phone, id);
  const narrow = await paneSize(id);
  await until('the desktop to follow', async () => (await sizeOf(desktop)) === narrow);
  await desktop.page.getByText('sized by another viewer').waitFor();
  await desktop.shot('desktop-other-size');
  await phone.page.getByRole('button', { name: 'Use its own size' }).waitFor();
  await phone.shot('phone-fits');

  // It goes with who types now, and the phone remembers.
  await desktop.line('echo back');
  await until('the size of the desktop', async () => (await paneSize(id)) === wide);
  await phone.page.reload();
  await phone.online();
  await phone.line('echo typed');
  await until('the size of the phone', async () => (await paneSize(id)) === narrow);

  await phone.page.getByRole('button', { name: 'Use its own size' }).tap();
  await until('the size of the desktop', async () => (await paneSize(id)) === wide);
  await phone.online();
  await phone.line('echo no more');
  await desktop.sees(/^no more$/m);
  assert.equal(await paneSize(id), wide);
  await phone.close();
  await desktop.close();
});

test('a pane that nobody else looks at has its size back from a phone', async () => {
  const id = await rig.daemon.shell({ cols: 100, rows: 30 });
  const phone = await rig.open({ pane: id, context: PHONE });
  assert.equal(await paneSize(id), '100x30');
  await fit(phone, id);
  await phone.page.getByRole('button', { name: 'Use its own size' }).tap();
  await until('the size from before', async () => (await paneSize(id)) === '100x30');
  await phone.close();
});

test('a pane that is made on a phone fits it', async () => {
  const other = await rig.daemon.shell();
  const phone = await rig.open({ pane: other, context: PHONE });
  await phone.page.getByRole('button', { name: 'Show the list' }).tap();
  await phone.page.getByLabel('Command of the new pane').fill('cat');
  await phone.page.getByRole('button', { name: 'New pane' }).tap();
  const shown = () => new URL(phone.page.url()).hash.slice(1);
  await until('the new pane', () => shown() !== other);
  const id = shown();
  await phone.online();
  await until('its size', async () => {
    const { cols, rows } = await rig.daemon.api('GET', `panes/${id}`);
    return cols < 60 && (await sizeOf(phone)) === `${cols}x${rows}`;
  });
  const { cols } = await phone.screen();
  await phone.page.setViewportSize({ width: 640, height: 360 });
  await until('more columns', async () => (await rig.daemon.api('GET', `panes/${id}`)).cols > cols);
  assert.ok(await phone.page.getByRole('button', { name: 'Use its own size' }).isHidden());
  await phone.close();
});

test('what is wider than a phone is shrunk to it if that is wanted', async () => {
  const id = await rig.daemon.shell({ cols: 80, rows: 30 });
  const phone = await rig.open({ pane: id, context: PHONE });
  await phone.line("printf '%080d\\n' 7; ls -l /");
  await phone.sees(/^0{79}7$/m);
  const before = await fontOf(phone);
  const shrink = phone.page.getByRole('button', { name: 'Shrink to the width' });
  assert.equal(await shrink.getAttribute('aria-pressed'), 'false');
  await shrink.tap();
  await until('smaller letters', async () => (await fontOf(phone)) < before);
  assert.equal(await shrink.getAttribute('aria-pressed'), 'true');
  const fits = () => phone.page.locator('.room').evaluate((r) => r.scrollWidth <= r.clientWidth);
  assert.ok(await fits(), 'all columns are in sight');
  assert.equal(await paneSize(id), '80x30', 'the program knows nothing of it');
  await phone.shot('phone-shrunk');
  await phone.page.reload();
  await phone.online();
  await until('as it was', fits);

  // Nobody reads less than six pixels: then it scrolls.
  await rig.daemon.api('POST', `panes/${id}/resize`, { cols: 300, rows: 30 });
  await until('the new size', async () => (await sizeOf(phone)) === '300x30');
  await until('it to scroll', async () => !(await fits()));
  assert.ok((await fontOf(phone)) >= 3);
  await shrink.tap();
  await until('the letters as before', async () => Math.abs((await fontOf(phone)) - before) < 0.1);
  await phone.close();
});

test('a phone of 360 pixels: key row, drawer, nothing cut off', async () => {
  const id = await rig.daemon.shell();
  const v = await rig.open({ pane: id, context: PHONE });
  await fit(v, id);
  await v.line('echo phone; cat -v');
  await v.sees(/^phone$/m);
  const key = (name) => v.page.getByRole('toolbar').getByRole('button', { name, exact: true });
  await key('Esc').tap();
  await key('Up').tap();
  await key('Tab').tap();
  await key('|').tap();
  await key('Alt, for the next key').tap();
  await v.type('x');
  await key('Ctrl, for the next key').tap();
  await key('Right').tap();
  await v.sees(/\^\[\^\[\[A\s+\|\^\[x\^\[\[1;5C/);
  await key('Ctrl, for the next key').tap();
  await v.type('c');
  await v.sees(/\^C\n\$/);
  await v.shot('phone');
  await v.line('cat -v');
  await key('Page up').tap();
  await key('Ctrl, for the next key').tap();
  await key('Page down').tap();
  await key('Home').tap();
  await key('End').tap();
  await v.page.evaluate(() => {
    navigator.clipboard.readText = () => Promise.resolve('pasted');
  });
  await key('Paste').tap();
  await v.sees(/\^\[\[5~\^\[\[6;5~\^\[\[H\^\[\[Fpasted/);
  await v.page.getByRole('toolbar').evaluate((row) => row.scrollTo(0, 0));
  for (const box of await v.page.getByRole('toolbar').getByRole('button').all()) {
    const { width, height } = await box.boundingBox();
    assert.ok(width >= 40 && height >= 40, `${await box.textContent()}: ${width}x${height}`);
  }

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

test('an arrow repeats as long as a finger is on it', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell(), context: PHONE });
  await v.line('cat -v');
  const box = await v.page.getByRole('button', { name: 'Up', exact: true }).boundingBox();
  const cdp = await v.context.newCDPSession(v.page);
  const touchPoints = [{ x: box.x + box.width / 2, y: box.y + box.height / 2 }];
  await cdp.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints });
  await v.sees(/(\^\[\[A){4}/);
  await cdp.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  const count = async () => (await v.text()).split('^[[A').length;
  let last = -1;
  await until('it to stop', async () => last === (last = await count()));
  await v.page.getByRole('button', { name: 'Down', exact: true }).tap();
  await v.sees('^[[B');
  assert.equal(await count(), last, 'nothing came after the finger was gone');
  assert.equal((await v.text()).split('^[[B').length, 2, 'a tap is one');
  await v.close();
});

test('a long press takes a word, and a chip copies it', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell(), context: PHONE });
  await v.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await v.line('clear; echo one /etc/host-name.conf,two');
  await v.sees(/^one \/etc/m);
  const { lines, cols, rows } = await v.screen();
  const row = lines.findIndex((l) => l.startsWith('one '));
  const screen = await v.page.locator('.xterm-screen').boundingBox();
  const at = {
    x: screen.x + (8.5 * screen.width) / cols,
    y: screen.y + ((row + 0.5) * screen.height) / rows,
  };
  const cdp = await v.context.newCDPSession(v.page);
  const touch = (type, touchPoints) => cdp.send('Input.dispatchTouchEvent', { type, touchPoints });
  await touch('touchStart', [at]);
  const chip = v.page.getByRole('button', { name: 'Copy', exact: true });
  await chip.waitFor();
  await touch('touchEnd', []);
  await v.shot('phone-copy');
  await chip.tap();
  await v.page.getByText('Copied.').waitFor();
  assert.equal(await v.page.evaluate(() => navigator.clipboard.readText()), '/etc/host-name.conf');
  assert.equal(await chip.count(), 0);
  await v.close();
});

test('an on-screen keyboard leaves the last line and the keys in sight', async () => {
  const id = await rig.daemon.shell();
  const v = await rig.open({ pane: id, context: PHONE });
  await fit(v, id);
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
