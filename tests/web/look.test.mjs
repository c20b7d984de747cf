// Settings, the themes of page and terminal, and what makes the page installable.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PHONE, useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const rig = useRig({ before, after });

const SOLARIZED = {
  background: '#002b36', foreground: '#839496', cursor: '#93a1a1', selectionBackground: '#073642',
  black: '#073642', red: '#dc322f', green: '#859900', yellow: '#b58900',
  blue: '#268bd2', magenta: '#d33682', cyan: '#2aa198', white: '#eee8d5',
};

const schemeOf = (v) => v.page.evaluate(() => document.documentElement.dataset.scheme);
const groundOf = (v) => v.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const groundIs = (v, want) =>
  until(`the terminal on ${want}`, () =>
    v.page
      .locator('.room .xterm')
      .evaluate((x, colour) => getComputedStyle(x).backgroundColor === colour, want),
  );
const open = async (v) => {
  await v.page.getByRole('button', { name: 'Settings' }).click();
  const dialog = v.page.getByRole('dialog', { name: 'Settings' });
  await dialog.waitFor();
  return dialog;
};
const stored = (v) => v.page.evaluate(() => JSON.parse(localStorage.getItem('panescry.settings') ?? '{}'));

test('light or dark is chosen, at once and for the next time', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell(), context: { colorScheme: 'light' } });
  await v.line('printf "\\033[31mred \\033[32mgreen \\033[34mblue\\033[m plain\\n"');
  await v.sees(/^red green blue plain$/m);
  assert.equal(await schemeOf(v), 'light');
  const light = await groundOf(v);
  const dialog = await open(v);
  await v.shot('settings-light');
  await dialog.getByRole('radio', { name: 'Dark' }).check();
  assert.equal(await schemeOf(v), 'dark');
  assert.notEqual(await groundOf(v), light);
  await groundIs(v, 'rgb(20, 23, 26)');
  assert.equal(
    await v.page.evaluate(() => getComputedStyle(document.documentElement).colorScheme),
    'dark',
  );
  assert.equal(await v.page.locator('meta[name="theme-color"]').getAttribute('content'), '#191d20');
  await v.shot('settings-dark');

  // With everything but the small script held up, the page has its colours already.
  let go;
  const held = new Promise((resolve) => (go = resolve));
  await v.page.route(/\/assets\/app-.*\.js/, async (route) => {
    await held;
    await route.continue();
  });
  const reloaded = v.page.reload();
  await v.page.waitForFunction(() => document.documentElement.dataset.scheme === 'dark');
  await until('the style sheet', async () => (await groundOf(v)) === 'rgb(14, 16, 18)');
  go();
  await reloaded;
  await v.online();

  const again = await open(v);
  await again.getByRole('radio', { name: 'As the system' }).check();
  assert.equal(await schemeOf(v), 'light');
  await v.page.emulateMedia({ colorScheme: 'dark' });
  await until('dark as the system is', async () => (await schemeOf(v)) === 'dark');
  await groundIs(v, 'rgb(20, 23, 26)');
  await v.close();
});

test('a theme of the person’s own: three formats, faults said in words, and the way back', async () => {
  const id = await rig.daemon.shell();
  const v = await rig.open({ pane: id, context: { colorScheme: 'dark' } });
  await v.line('printf "\\033[31mred \\033[32mgreen \\033[34mblue\\033[m plain\\n"');
  await v.sees(/^red green blue plain$/m);
  const dialog = await open(v);
  const field = dialog.getByLabel('Theme of your own');
  const wrong = dialog.locator('.field-wrong');
  const colours = () =>
    dialog.locator('.theme-swatch').evaluateAll((all) => all.map((e) => getComputedStyle(e).backgroundColor));
  assert.equal((await colours()).length, 16);

  for (const [text, words] of [
    ['{"background":', /not JSON/],
    ['[]', /one object/],
    ['{"background":"#000"}', /needs a “background” and a “foreground”/],
    ['{"background":"#000","foreground":"white"}', /“foreground” is “white”/],
    ['{"background":"#000","foreground":"url(//x.invalid/)"}', /#rrggbb/],
    ['{"background":"#000","foreground":"#fff","onload":"#fff"}', /“onload” is no colour/],
  ]) {
    await field.fill(text);
    assert.match(await wrong.textContent(), words);
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    assert.equal((await stored(v)).theme ?? '', '', 'what is wrong is not taken');
  }
  await v.shot('settings-wrong');

  await field.fill(JSON.stringify(SOLARIZED, null, 1));
  assert.equal(await wrong.textContent(), '');
  await groundIs(v, 'rgb(0, 43, 54)');
  assert.equal((await colours())[1], 'rgb(220, 50, 47)');
  await field.fill(
    JSON.stringify({
      name: 'One Half Dark', background: '#282C34', foreground: '#DCDFE4', cursorColor: '#FFFFFF',
      purple: '#C678DD', brightPurple: '#C678DD', red: '#E06C75',
    }),
  );
  await groundIs(v, 'rgb(40, 44, 52)');
  assert.equal((await colours())[5], 'rgb(198, 120, 221)');
  const numbered = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`color${i}`, `#${i.toString(16)}0a`]));
  await field.fill(JSON.stringify({ ...numbered, background: '#111', foreground: '#eee' }));
  await groundIs(v, 'rgb(17, 17, 17)');
  assert.equal((await colours())[15], 'rgb(255, 0, 170)');

  await field.fill(JSON.stringify(SOLARIZED));
  await v.shot('settings-theme');
  await dialog.getByRole('button', { name: 'Done' }).click();
  await v.shot('theme');
  await v.page.reload();
  await v.online();
  await groundIs(v, 'rgb(0, 43, 54)');
  const again = await open(v);
  await again.getByRole('button', { name: 'Use the page’s own' }).click();
  await groundIs(v, 'rgb(20, 23, 26)');
  assert.equal(await again.getByLabel('Theme of your own').inputValue(), '');
  await v.close();
});

test('the text size by buttons and by keys, and the terminal follows', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell() });
  const before = await v.screen();
  const dialog = await open(v);
  const size = dialog.locator('output');
  assert.equal(await size.textContent(), '14 px');
  await dialog.getByRole('button', { name: 'larger' }).click();
  await dialog.getByRole('button', { name: 'larger' }).click();
  assert.equal(await size.textContent(), '16 px');
  await until('fewer columns', async () => (await v.screen()).cols < before.cols);
  await dialog.getByRole('button', { name: 'Reset Text size' }).click();
  assert.equal(await size.textContent(), '14 px');
  await v.page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await until('as before', async () => (await v.screen()).cols === before.cols);
  await v.page.locator('.xterm-helper-textarea').focus();
  await v.page.keyboard.press('Control+Shift+Minus');
  await until('more columns', async () => (await v.screen()).cols > before.cols);
  await v.page.keyboard.press('Control+Shift+Equal');
  await v.page.keyboard.press('Control+Shift+Equal');
  await until('fewer columns', async () => (await v.screen()).cols < before.cols);
  await v.page.keyboard.press('Control+Shift+Digit0');
  await until('as before', async () => (await v.screen()).cols === before.cols);
  await v.page.keyboard.press('Control+Shift+Comma');
  await v.page.getByRole('dialog', { name: 'Settings' }).waitFor();
  await v.close();
});

test('a screen reader is told what the terminal shows', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell() });
  await v.line('echo heard');
  await v.sees(/^heard$/m);
  assert.equal(await v.page.locator('.xterm-accessibility').count(), 0);
  const dialog = await open(v);
  await dialog.getByRole('switch', { name: 'For screen readers' }).check();
  await v.page.locator('.xterm-accessibility').getByText('heard', { exact: true }).waitFor();
  await dialog.getByRole('button', { name: 'Reset all' }).click();
  await until('no more', async () => (await v.page.locator('.xterm-accessibility').count()) === 0);
  assert.ok(!(await dialog.getByRole('switch', { name: 'For screen readers' }).isChecked()));
  await v.close();
});

test('notifications are turned on by a click, if the browser allows them', async () => {
  const pane = await rig.daemon.shell();
  const v = await rig.open({ pane });
  const dialog = await open(v);
  const notify = dialog.getByRole('switch', { name: 'Notifications' });
  await dialog.locator('.field-state').waitFor();
  const asked = await v.page.evaluate(() => Notification.permission);
  const said = { default: 'The browser will ask you.', denied: /^The browser refuses them/ };
  await dialog.getByText(said[asked]).waitFor();
  await notify.click(); // headless, it answers no by itself
  await dialog.getByText(said.denied).waitFor();
  assert.ok(!(await notify.isChecked()));
  assert.notEqual((await stored(v)).notify, true);
  await v.close();

  const w = await rig.open({ pane });
  await w.context.grantPermissions(['notifications']);
  const other = await open(w);
  await other.getByText('The browser allows them.').waitFor();
  await other.getByRole('switch', { name: 'Notifications' }).check();
  await other.getByRole('switch', { name: 'Sound' }).check();
  const { notify: on, sound } = await stored(w);
  assert.deepEqual([on, sound], [true, true]);
  await w.close();
});

test('the settings on a phone', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell(), context: PHONE });
  await v.page.getByRole('button', { name: 'Show the list' }).tap();
  const dialog = await open(v);
  await v.shot('settings-phone');
  assert.equal(await v.page.evaluate(() => document.documentElement.scrollWidth), 360);
  const wide = await dialog.locator('.settings-body').evaluate((b) => b.scrollWidth > b.clientWidth);
  assert.ok(!wide, 'nothing hangs out');
  await dialog.getByRole('button', { name: 'Done' }).tap();
  await dialog.waitFor({ state: 'detached' });
  await v.close();
});

test('the page can be installed', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell() });
  const cdp = await v.context.newCDPSession(v.page);
  const { url, errors, data } = await cdp.send('Page.getAppManifest');
  assert.deepEqual(errors, []);
  const manifest = JSON.parse(data);
  const at = (to) => new URL(to, url).href;
  assert.equal(at(manifest.start_url), `${v.origin}/`);
  assert.equal(at(manifest.scope), `${v.origin}/`);
  assert.equal(manifest.display, 'standalone');
  for (const { url: to } of manifest.shortcuts) assert.ok(at(to).startsWith(`${v.origin}/#`));
  for (const { src, sizes, type } of manifest.icons) {
    const size = await v.page.evaluate(async (href) => {
      const answer = await fetch(href);
      const image = new Image();
      image.src = href;
      await image.decode();
      return [answer.headers.get('content-type'), image.naturalWidth];
    }, at(src));
    assert.equal(size[0], type);
    if (sizes !== 'any') assert.equal(`${size[1]}x${size[1]}`, sizes);
  }
  const answer = await fetch(url);
  assert.equal(answer.headers.get('content-type'), 'application/manifest+json');
  // Chromium's own opinion; a private window, as the rig's, is the one thing it may object to.
  const { installabilityErrors } = await cdp.send('Page.getInstallabilityErrors');
  assert.deepEqual(installabilityErrors.map((e) => e.errorId).filter((e) => e !== 'in-incognito'), []);
  await v.close();
});
