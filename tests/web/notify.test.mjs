// What a person is told of without having looked: notices, the title, and notifications of the system.

import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const TOP = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** `claude` is the stand-in, which does what its prompts say. */
async function prepare(home) {
  await mkdir(join(home, 'bin'));
  await symlink(join(TOP, 'tests', 'agents', 'standin'), join(home, 'bin', 'claude'));
  return { PATH: `${join(home, 'bin')}:${process.env.PATH}`, PYTHONDONTWRITEBYTECODE: '1' };
}

const rig = useRig({ before, after }, [], prepare);
const api = (...args) => rig.daemon.api(...args);
const job = (script, name) => api('POST', 'jobs', { command: ['sh', '-c', script], name, cwd: rig.daemon.dir });
const input = (id, text) => rig.daemon.type(id, text);

/** A page that writes down what it shows with the browser's own notifications. */
async function open(options = {}) {
  const context = { permissions: ['notifications'], ...options.context };
  const v = await rig.open({ ...options, context });
  await v.page.addInitScript(() => {
    globalThis.shown = [];
    const Real = Notification;
    globalThis.Notification = class extends Real {
      constructor(title, more) {
        super(title, more);
        globalThis.shown.push(this);
      }
    };
  });
  if (options.notify !== false) {
    await v.page.evaluate(() => localStorage.setItem('panescry.settings', '{"notify":true}'));
  }
  // It is told from the state of its topics on.
  let told = false;
  v.page.on('websocket', (w) => {
    if (w.url().endsWith('/ws/events')) w.on('framereceived', (f) => (told ||= /"topic":"collisions"/.test(f.payload)));
  });
  await v.page.reload();
  await until('the state of its topics', () => told);
  v.bell = v.page.getByRole('button', { name: /^Notices/ });
  v.panel = v.page.getByRole('dialog', { name: 'Notices' });
  v.rows = v.panel.getByRole('listitem');
  v.shown = () => v.page.evaluate(() => globalThis.shown.map((n) => ({ title: n.title, body: n.body, tag: n.tag })));
  v.tells = (what) =>
    until(`a notification of ${what}`, async () => (await v.shown()).find((n) => what.test(n.title)));
  v.unread = (n) => until(`${n} unread`, async () =>
    n === 0 ? !/^\(/.test(await v.page.title()) : (await v.page.title()).startsWith(`(${n}) `));
  v.hash = () => new URL(v.page.url()).hash;
  return v;
}

test('a job that ends is told: in the title, on the bell, in the list and by the system', async () => {
  const v = await open({ pane: await rig.daemon.pane(['cat'], { name: 'work' }) });
  const { id } = await job('exit 2', 'deploy');
  const n = await v.tells(/^deploy: failed, status 2$/);
  assert.equal(n.tag, `job:${id}`);
  assert.match(n.body, new RegExp(`^${id} · `));
  await v.unread(1);
  assert.match(await v.page.title(), /^\(1\) work – panescry$/);
  assert.equal(await v.bell.getAttribute('aria-label'), 'Notices, 1 new');
  await v.bell.click();
  assert.match(await v.rows.first().innerText(), /^deploy: failed, status 2\s+(now|\d+ s)\s/);
  await v.shot('notices-light');
  await v.panel.getByRole('link', { name: /^deploy/ }).click();
  await until('the job', () => v.hash() === `#job=${id}`);
  await v.panel.waitFor({ state: 'hidden' });
  await v.unread(0);

  // The system's one leads there, too.
  const other = await job('exit 0', 'backup');
  await v.tells(/^backup: completed$/);
  await v.unread(1);
  await v.page.evaluate(() => globalThis.shown.at(-1).onclick());
  await until('the other job', () => v.hash() === `#job=${other.id}`);
  await v.unread(0);

  // What is being looked at, and what one cancels here, is no news.
  const long = await job('trap "sleep 1; exit 0" TERM; sleep 1000 & wait', 'long');
  await v.page.evaluate((h) => (location.hash = h), `#job=${long.id}`);
  await v.page.getByRole('region', { name: 'Job', exact: true }).getByRole('button', { name: 'Cancel' }).click();
  await v.page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click();
  await v.page.evaluate(() => (location.hash = ''));
  await until('its end', async () => (await api('GET', `jobs/${long.id}`)).state === 'cancelled');
  await job('exit 0', 'after');
  await v.tells(/^after: completed$/);
  assert.deepEqual((await v.shown()).map((s) => s.title).filter((t) => t.startsWith('long')), []);
  await v.unread(1);

  await v.bell.click();
  assert.equal(await v.rows.count(), 3);
  await v.panel.getByRole('button', { name: 'Clear' }).click();
  await v.panel.getByText('Nothing yet.').waitFor();
  await v.unread(0);
  await v.page.keyboard.press('Escape');
  await v.panel.waitFor({ state: 'hidden' });
  assert.ok(await v.bell.evaluate((e) => e === document.activeElement));
  await v.close();
});

test('an agent that begins to wait is told once, until it is looked at or goes on', async () => {
  const shown = await rig.daemon.pane(['cat'], { name: 'shown' });
  const v = await open({ pane: shown });
  const { id } = await api('POST', 'talks', {
    agent: 'claude', cwd: rig.daemon.dir, prompt: 'ask Write {"file_path":"lamp.txt","content":"on"}; say Written.' });
  const n = await v.tells(/^claude waits for permission$/);
  assert.equal(n.tag, `asks:${id}`);
  await v.unread(1);
  await v.page.getByRole('tree').getByRole('treeitem', { name: /waits for permission/ }).waitFor();
  // Answered elsewhere: there is nothing to look at any more.
  await api('POST', `talks/${id}/permissions/p1`, { allow: true });
  await v.unread(0);
  await v.close();
});

test('a flow that wants an answer is told, and its end', async () => {
  const v = await open({ pane: await rig.daemon.pane(['cat']) });
  const { id } = await api('POST', 'flows', { definition: { name: 'release', steps: [
    { name: 'make', type: 'command', command: ['true'] },
    { name: 'ask', type: 'approval', message: 'Publish 1.2.0?', depends_on: ['make'] }] } });
  const n = await v.tells(/^release waits for approval$/);
  assert.equal(n.body, 'Publish 1.2.0?');
  await v.unread(1);
  await api('POST', `flows/${id}/steps/ask/approve`, { approve: true });
  await v.tells(/^release: completed$/);
  await v.unread(1);
  assert.equal((await v.shown()).length, 2, 'a step is no job of its own');
  await v.close();
});

test('a watch that fires is told where its pane is not seen, and leads to the line', async () => {
  const seen = await rig.daemon.pane(['cat'], { name: 'seen' });
  const other = await rig.daemon.pane(['cat'], { name: 'other' });
  for (const pane of [seen, other]) await api('POST', 'watches', { pattern: 'ERROR', pane, every_s: 0 });
  const v = await open({ pane: seen });
  await v.online();
  await input(seen, 'an ERROR here\n');
  await input(other, 'an ERROR there\n');
  const n = await v.tells(/^A watch fired in other$/);
  assert.equal(n.body, 'an ERROR there');
  await v.unread(1);
  assert.equal((await v.shown()).length, 1);
  await v.bell.click();
  assert.equal(await v.rows.count(), 2, 'the list has both');
  await v.panel.getByRole('link', { name: /fired in other/ }).click();
  await until('the line', () => new RegExp(`^#${other}\\?line=\\d+$`).test(v.hash()));
  await v.page.locator('.history-line.found').waitFor();

  // A hidden page is not looked at.
  const cdp = await v.context.newCDPSession(v.page);
  await v.page.evaluate((h) => (location.hash = h), `#${seen}`);
  await v.online();
  await cdp.send('Emulation.setFocusEmulationEnabled', { enabled: false });
  const tab = await v.context.newPage();
  await tab.bringToFront();
  await until('the page to be out of focus', () => v.page.evaluate(() => !document.hasFocus()));
  await input(seen, 'an ERROR again\n');
  await v.tells(/^A watch fired in seen$/);
  await v.unread(1);
  await tab.close();
  await v.page.bringToFront();
  await cdp.send('Emulation.setFocusEmulationEnabled', { enabled: true });
  await v.unread(0);
  await v.close();
});

test('a storm is one notice', async () => {
  const v = await open({ pane: await rig.daemon.pane(['cat']), context: { colorScheme: 'dark' } });
  const many = 1000;
  const one = async () => {
    const { id } = await api('POST', 'streams', { name: 'leaf', channels: [1] });
    await api('POST', `streams/${id}/complete`, { exit_code: 0 });
  };
  for (let i = 0; i < many; i += 20) await Promise.all(Array.from({ length: 20 }, one));
  await until('all of them counted', async () => {
    const titles = (await v.shown()).map((n) => n.title);
    const singles = titles.filter((t) => t.startsWith('leaf')).length;
    return titles.some((t) => t === `${many - singles} jobs ended`);
  });
  const shown = await v.shown();
  assert.ok(new Set(shown.map((n) => n.tag)).size <= 5, 'they replace each other');
  await v.bell.click();
  assert.ok((await v.rows.count()) <= 5);
  assert.match(await v.page.title(), /^\([1-5]\) /);
  await v.panel.getByRole('link', { name: /jobs ended/ }).waitFor();
  await v.shot('notices-dark');
  await v.close();
});

test('notifications are asked for by a click alone, and then kept', async () => {
  const v = await open({ pane: await rig.daemon.pane(['cat']), notify: false });
  await job('exit 0', 'quiet');
  await v.unread(1);
  assert.deepEqual(await v.shown(), []);
  await v.bell.click();
  await v.panel.getByRole('button', { name: 'Notify me on this computer' }).click();
  await v.page.getByText('Notifications are on.').waitFor();
  await job('exit 0', 'loud');
  await v.tells(/^loud: completed$/);
  assert.equal(await v.page.evaluate(() => JSON.parse(localStorage.getItem('panescry.settings')).notify), true);
  await v.close();
});

test('a page that may not notify says so, and tells in its title all the same', async () => {
  const v = await open({ pane: await rig.daemon.pane(['cat']), notify: false, context: { permissions: [] } });
  await v.bell.click();
  await v.panel.getByRole('button', { name: 'Notify me on this computer' }).click();
  await v.page.getByText('The browser does not allow notifications of this page.').waitFor();
  await v.page.keyboard.press('Escape');
  await job('exit 0', 'quiet');
  await v.unread(1);
  assert.deepEqual(await v.shown(), []);
  await v.close();
});
