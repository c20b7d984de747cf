// The main area, divided into cells: each shows something, one has the focus, and the address is
// that one's.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PHONE, useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const rig = useRig({ before, after });

const hash = (v) => new URL(v.page.url()).hash;
const cells = (v) => v.page.evaluate(() => globalThis.panescry?.cells ?? []);
const routes = async (v) => (await cells(v)).map((c) => c.route);
const focused = async (v) => (await cells(v)).findIndex((c) => c.focused) + 1;
const cell = (v, n) => v.page.getByRole('group', { name: new RegExp(`^Cell ${n} of`) });
const chooser = (v) => v.page.getByRole('region', { name: 'Choose what to show' });
const offered = (v, name) => chooser(v).getByRole('link', { name });
const dividers = (v) => v.page.getByRole('main').getByRole('separator');

const allOnline = (v) =>
  until('all links', async () => (await cells(v)).every((c) => c.link === 'online' || c.route === '#'));
/** What is typed arrives where the focus is said to be. */
const typed = async (v, text) => {
  await v.page.keyboard.type(`echo ${text}`);
  await v.page.keyboard.press('Enter');
  await v.sees(new RegExp(`^${text}$`, 'm'));
};

/** Panes by these names, beside each other from left to right. */
async function beside(names, options = {}) {
  const ids = [];
  for (const name of names) ids.push(await rig.daemon.shell({ name }));
  const v = await rig.open({ pane: ids[0], ...options });
  for (const name of names.slice(1)) {
    await v.page.keyboard.press('Control+Shift+E');
    await offered(v, name).click();
    await v.online();
  }
  return { v, ids };
}

const widths = (v) => v.page.locator('.cell').evaluateAll((l) => l.map((e) => e.offsetWidth));
const remove = (ids) => Promise.all(ids.map((id) => rig.daemon.api('DELETE', `panes/${id}`)));

test('six cells and not a seventh; closed ones give their room back', async () => {
  const { v, ids } = await beside(['one']);
  assert.deepEqual(await routes(v), [`#${ids[0]}`]);
  await v.page.getByRole('button', { name: 'Split right' }).click();
  await chooser(v).waitFor();
  assert.equal(hash(v), '');
  await until('the focus in it', () =>
    v.page.evaluate(() => document.activeElement?.closest('.choose') !== null));
  for (const key of ['O', 'E', 'O', 'E']) await v.page.keyboard.press(`Control+Shift+${key}`);
  await until('six', async () => (await cells(v)).length === 6);
  await v.page.keyboard.press('Control+Shift+E');
  await v.page.getByText('There are six cells already').waitFor();
  assert.equal((await cells(v)).length, 6);
  // They cover all there is, and no more.
  const area = await v.page.evaluate(() => {
    const stage = document.querySelector('.stage');
    const size = (e) => e.offsetWidth * e.offsetHeight;
    const parts = [...stage.querySelectorAll('.cell, .divider')];
    return [size(stage), parts.reduce((n, e) => n + size(e), 0)];
  });
  assert.equal(area[1], area[0]);
  for (let n = 6; n > 1; n--) {
    await v.page.keyboard.press('Control+Shift+X');
    await until(`${n - 1} cells`, async () => (await cells(v)).length === n - 1);
  }
  assert.deepEqual(await routes(v), [`#${ids[0]}`]);
  assert.equal(hash(v), `#${ids[0]}`);
  await typed(v, 'still-there');
  assert.equal(await v.page.getByRole('button', { name: 'Close this cell' }).count(), 0);
  await v.close();
  await remove(ids);
});

test('an empty cell offers what is not shown, by keyboard; Escape takes it away again', async () => {
  const other = await rig.daemon.shell({ name: 'unseen' });
  const job = await rig.daemon.api('POST', 'jobs', { command: ['sh', '-c', 'echo done'], name: 'a job' });
  const { v, ids } = await beside(['seen']);
  await v.page.keyboard.press('Control+Shift+O');
  await offered(v, 'unseen').waitFor();
  await offered(v, 'a job').waitFor();
  await v.page.keyboard.press('Escape');
  await until('one cell', async () => (await cells(v)).length === 1);
  await v.page.keyboard.press('Control+Shift+O');
  await offered(v, 'unseen').waitFor();
  await v.page.keyboard.press('ArrowDown');
  await v.page.keyboard.press('Enter');
  await until('the other pane', () => hash(v) === `#${other}`);
  await v.online();
  await typed(v, 'below');
  await v.page.keyboard.press('Control+Shift+O');
  await chooser(v).getByRole('button', { name: 'New pane' }).click();
  await until('a third', async () => /^#p\d+$/.test((await routes(v))[2] ?? ''));
  await v.online();
  await typed(v, 'newest');
  const made = hash(v).slice(1);
  await v.close();
  await remove([...ids, other, made]);
  await rig.daemon.api('DELETE', `jobs/${job.id}`).catch(() => null);
});

test('the focus follows clicks and keys, and with it address, title and what is typed', async () => {
  const { v, ids } = await beside(['left', 'middle', 'right']);
  assert.deepEqual(await routes(v), ids.map((id) => `#${id}`));
  const steps = await v.page.evaluate(() => history.length);
  assert.equal(await focused(v), 3);
  await cell(v, 1).locator('.xterm-screen').click();
  assert.equal(await focused(v), 1);
  assert.equal(hash(v), `#${ids[0]}`);
  await until('its title', async () => (await v.page.title()) === 'left – panescry');
  await typed(v, 'from-the-left');
  await v.page.keyboard.press('Control+Shift+ArrowRight');
  assert.equal(hash(v), `#${ids[1]}`);
  await typed(v, 'from-the-middle');
  await v.page.keyboard.press('Alt+3');
  assert.equal(await focused(v), 3);
  await until('its title', async () => (await v.page.title()) === 'right – panescry');
  await typed(v, 'from-the-right');
  // A bar without anything that takes the focus counts as its cell, too.
  await cell(v, 2).locator('.bar-text').click();
  assert.equal(await focused(v), 2);
  await typed(v, 'again-in-the-middle');
  assert.equal(await v.page.evaluate(() => history.length), steps, 'none of these is a step back');
  assert.equal(await cell(v, 2).evaluate((e) => getComputedStyle(e, '::after').height), '2px');
  assert.equal(await cell(v, 1).evaluate((e) => getComputedStyle(e, '::after').content), 'none');
  await v.close();
  await remove(ids);
});

test('an address shows in the focused cell, or where it is shown; back leads to the cell it was in', async () => {
  const third = await rig.daemon.shell({ name: 'third' });
  const { v, ids } = await beside(['first', 'second']);
  await v.goto(third);
  assert.deepEqual(await routes(v), [`#${ids[0]}`, `#${third}`]);
  await v.page.getByRole('navigation', { name: 'Panes' }).getByRole('link', { name: 'first' }).click();
  assert.equal(await focused(v), 1);
  assert.deepEqual(await routes(v), [`#${ids[0]}`, `#${third}`], 'it is not shown twice');
  await typed(v, 'first-here');
  await v.page.keyboard.press('Control+Shift+J');
  await cell(v, 1).getByRole('region', { name: 'Jobs' }).waitFor();
  await v.page.keyboard.press('Alt+2');
  assert.equal(hash(v), `#${third}`);
  await v.page.goBack();
  await until('the pane again where it was', async () =>
    (await routes(v))[0] === `#${ids[0]}` && (await focused(v)) === 1);
  assert.equal((await routes(v))[1], `#${third}`);
  await v.close();
  await remove([...ids, third]);
});

test('two cells on one pane, if one wants that', async () => {
  const { v, ids } = await beside(['twin']);
  await v.page.keyboard.press('Control+Shift+E');
  await offered(v, 'twin').click();
  await v.online();
  await allOnline(v);
  assert.deepEqual(await routes(v), [`#${ids[0]}`, `#${ids[0]}`]);
  await typed(v, 'typed-once');
  await v.page.keyboard.press('Alt+1');
  await v.sees(/^typed-once$/m);
  await v.page.getByRole('button', { name: 'Read only' }).first().click();
  await until('a reader', async () => (await routes(v))[0] === `#${ids[0]}?mode=ro`);
  assert.equal((await routes(v))[1], `#${ids[0]}`);
  await v.close();
  await remove(ids);
});

test('dividers move by mouse and by keys, and no terminal is made anew for it', async () => {
  const { v, ids } = await beside(['a', 'b']);
  let sockets = 0;
  v.page.on('websocket', () => sockets++);
  await v.page.evaluate(() => document.querySelectorAll('.xterm').forEach((e) => (e.dataset.kept = 'yes')));
  const line = dividers(v).first();
  assert.equal(await line.getAttribute('aria-valuenow'), '50');
  assert.equal(await line.getAttribute('aria-orientation'), 'vertical');
  const [wide] = await widths(v);
  const colsOf = async (id) => (await rig.daemon.api('GET', `panes/${id}`)).cols;
  const cols = await colsOf(ids[0]);
  const box = await line.boundingBox();
  await v.page.mouse.move(box.x, box.y + 200);
  await v.page.mouse.down();
  await v.page.mouse.move(box.x - 60, box.y + 210, { steps: 4 });
  await v.page.mouse.move(box.x - 150, box.y + 220, { steps: 4 });
  await v.page.mouse.up();
  const [dragged] = await widths(v);
  assert.ok(Math.abs(wide - 150 - dragged) <= 2, `${wide} to ${dragged}`);
  await until('the pane to follow', async () => (await colsOf(ids[0])) < cols);
  await typed(v, 'the-keys-stayed-where-they-were');

  await line.focus();
  const share = Number(await line.getAttribute('aria-valuenow'));
  await v.page.keyboard.press('ArrowRight');
  assert.equal(Number(await line.getAttribute('aria-valuenow')), share + 2);
  assert.ok((await widths(v))[0] > dragged);
  await v.page.keyboard.press('Home');
  assert.equal(await line.getAttribute('aria-valuenow'), await line.getAttribute('aria-valuemin'));
  assert.ok((await widths(v))[0] > 20, 'it can be grasped again');
  await v.page.keyboard.press('Enter');
  assert.deepEqual((await widths(v))[0], wide);
  await v.page.keyboard.press('Alt+2');
  await v.page.keyboard.press('Alt+Shift+ArrowLeft');
  assert.ok((await widths(v))[0] < wide, 'also from within a terminal');
  await v.page.keyboard.press('Control+Shift+O');
  await chooser(v).waitFor();
  await v.page.keyboard.press('Escape');
  await chooser(v).waitFor({ state: 'detached' });
  await typed(v, 'after-all-that');
  assert.equal(await v.page.locator('.xterm[data-kept="yes"]').count(), 2);
  assert.equal(sockets, 0, 'nothing connected again');
  await v.close();
  await remove(ids);
});

test('a reload brings all back; another tab begins with the same and has its own', async () => {
  const { v, ids } = await beside(['north', 'south', 'east']);
  await dividers(v).first().focus();
  await v.page.keyboard.press('Shift+ArrowLeft');
  await v.page.keyboard.press('Alt+2');
  const was = { routes: await routes(v), widths: await widths(v) };
  const same = async (w) =>
    assert.deepEqual({ routes: await routes(w), widths: await widths(w) }, was);
  await v.page.reload();
  await v.online();
  await allOnline(v);
  await same(v);
  assert.equal(await focused(v), 2);
  await typed(v, 'back-again');

  const page = await v.context.newPage();
  const w = { ...v, page };
  await page.goto(`${v.origin}/`);
  await until('the same cells', async () => (await cells(w)).length === 3);
  await allOnline(w);
  await same(w);
  await page.keyboard.press('Control+Shift+X');
  await page.keyboard.press('Control+Shift+X');
  await until('one cell there', async () => (await cells(w)).length === 1);
  await v.page.reload();
  await v.online();
  await allOnline(v);
  await same(v);
  // A link opens what it names, alone.
  const third = await v.context.newPage();
  const x = { ...v, page: third };
  await third.goto(`${v.origin}/#jobs`);
  await third.getByRole('region', { name: 'Jobs' }).waitFor();
  assert.deepEqual(await routes(x), ['#jobs']);
  await v.close();
  await remove(ids);
});

test('a narrow window shows the focused cell, and the others are not connected', async () => {
  const { v, ids } = await beside(['wide-one', 'wide-two']);
  await v.page.setViewportSize({ width: 360, height: 640 });
  await until('one link', async () => {
    const links = (await cells(v)).map((c) => c.link);
    return links[0] === null && links[1] === 'online';
  });
  assert.equal(await v.page.locator('.cell:visible').count(), 1);
  assert.equal(await dividers(v).count(), 0);
  const choice = v.page.getByRole('combobox', { name: 'Cell' });
  assert.deepEqual(await choice.locator('option').allInnerTexts(), ['1: wide-one', '2: wide-two']);
  await choice.selectOption({ index: 0 });
  await v.online();
  assert.equal(hash(v), `#${ids[0]}`);
  assert.deepEqual((await cells(v)).map((c) => c.link), ['online', null]);
  assert.ok(await v.page.evaluate(() => document.body.scrollWidth <= innerWidth));
  await v.page.reload();
  await v.online();
  assert.deepEqual((await cells(v)).map((c) => c.link), ['online', null]);
  await v.page.setViewportSize({ width: 1100, height: 700 });
  await allOnline(v);
  assert.equal((await cells(v)).length, 2);
  await v.close();
  await remove(ids);
});

test('on a phone: one of three cells', async () => {
  const { v, ids } = await beside(['build', 'logs', 'server'], { context: { ...PHONE, viewport: { width: 1100, height: 700 } } });
  await v.page.setViewportSize(PHONE.viewport);
  await until('one link', async () => (await cells(v)).filter((c) => c.link !== null).length === 1);
  await v.online();
  await v.shot('grid-phone');
  const inside = await v.page.evaluate(() =>
    [...document.querySelectorAll('.bar *, .switcher')].filter((e) => e.getClientRects().length)
      .every((e) => e.getBoundingClientRect().right <= innerWidth));
  assert.ok(inside, 'nothing is cut off');
  await v.close();
  await remove(ids);
});

test('what is not a layout in the storage is not believed', async () => {
  const id = await rig.daemon.shell({ name: 'safe' });
  const v = await rig.open({ pane: id });
  const leaf = (n, at = '#p1') => ({ id: n, at });
  let deep = leaf(1);
  for (let i = 2; i < 2000; i++) deep = { row: true, share: 0.5, a: deep, b: leaf(i) };
  const wide = (n) => (n === 1 ? leaf(1) : { row: true, share: 0.5, a: leaf(n), b: wide(n - 1) });
  const bad = [
    '{', 'null', '7', '"x"', '[]', '{"tree":null}',
    { tree: deep, focus: 1 },
    { tree: wide(7), focus: 1 },
    { tree: { row: true, share: 0.5, a: leaf(1), b: leaf(1) }, focus: 1 },
    { tree: { row: 'yes', share: 0.5, a: leaf(1), b: leaf(2) }, focus: 1 },
    { tree: { row: true, share: -3, a: leaf(1), b: leaf(2) }, focus: 1 },
    { tree: { row: true, share: 0.5, a: leaf(1) }, focus: 1 },
    { tree: leaf(-1), focus: 1 },
    { tree: leaf(1, 'x'.repeat(5000)), focus: 1 },
    { tree: { id: 1, at: { length: 1 } }, focus: 1 },
    { tree: { id: '1"><img src=x>', at: '#p1' }, focus: 1 },
  ].map((b) => (typeof b === 'string' ? b : JSON.stringify(b)));
  for (const text of bad) {
    await v.page.evaluate((t) => {
      for (const s of [localStorage, sessionStorage]) s.setItem('panescry.grid', t);
    }, text);
    await v.page.goto('about:blank');
    await v.page.goto(`${v.origin}/#${id}`);
    await v.online();
    assert.deepEqual(await routes(v), [`#${id}`], text.slice(0, 100));
  }
  // What is right in its shape but names nothing that is, or a focus that is not there.
  await v.page.evaluate(() => {
    const a = { id: 5, at: '#p77' };
    const tree = { row: false, share: 0.999999, a, b: { id: 9, at: '#<img src=x onerror=alert(1)>' } };
    for (const s of [localStorage, sessionStorage]) s.setItem('panescry.grid', JSON.stringify({ tree, focus: 'x' }));
  });
  await v.page.goto('about:blank');
  await v.page.goto(`${v.origin}/`);
  await v.page.getByText('This pane does not exist any more.').waitFor();
  assert.deepEqual(await routes(v), ['#p77', '#']);
  await chooser(v).waitFor();
  await v.close();
  await remove([id]);
});

test('four cells at work, light and dark', async () => {
  const { v, ids } = await beside(['build', 'logs'], { context: { viewport: { width: 1280, height: 800 } } });
  await v.line("for i in 1 2 3 4 5 6; do printf '\\033[3%dm12:0%d:07\\033[0m GET /api/v1/panes 200 %d ms\\n' $i $i $i; done");
  for (const [to, name] of [[1, 'server'], [3, 'notes']]) {
    ids.push(await rig.daemon.shell({ name }));
    await v.page.keyboard.press(`Alt+${to}`);
    await v.page.keyboard.press('Control+Shift+O');
    await offered(v, name).click();
    await v.online();
    await typed(v, `hello-from-${name}`);
  }
  await v.page.keyboard.press('Alt+1');
  await v.page.keyboard.type("printf '[%d/12] CC src/main.o\\n' $(seq 12)");
  await v.page.keyboard.press('Enter');
  await v.sees('[12/12]');
  await v.shot('grid-light');
  await v.page.emulateMedia({ colorScheme: 'dark' });
  await v.shot('grid-dark');
  await v.page.keyboard.press('Control+Shift+E');
  await chooser(v).waitFor();
  await offered(v, 'notes').waitFor();
  await v.shot('grid-choose');
  await v.close();
  await remove(ids);
});
