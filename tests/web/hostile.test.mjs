// What a program prints is shown and nothing else: no markup, no code, no answer that it could
// use against the shell, no look into the clipboard.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PHONE, useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const rig = useRig({ before, after });
const EVIL = '<img src=x onerror=globalThis.owned=1><script>globalThis.owned=1</script>';

const base64 = (s) => Buffer.from(s).toString('base64');

async function owned(v) {
  assert.equal(await v.page.evaluate(() => globalThis.owned), undefined);
  assert.equal(await v.page.locator('#app img, #app script, #app iframe').count(), 0);
}

test('names, titles and output with markup are text', async () => {
  const id = await rig.daemon.pane([
    'sh',
    '-c',
    'printf "\\033]2;%s\\007\\033]0;%s\\033\\\\out:%s\\n" "$1" "$1" "$1"; exec cat',
    '"><b onmouseover=alert(1)>',
    EVIL,
  ]);
  const v = await rig.open({ pane: id });
  await v.sees(`out:${EVIL}`);
  await v.page.locator('.bar-text').filter({ hasText: '<img src=x' }).waitFor();
  assert.equal(await v.page.locator('.row-name b, .bar b').count(), 0);
  await owned(v);
  await v.shot('hostile');
  await v.close();
});

test('links open only http and https, without an opener', async () => {
  const osc8 = (uri, text) => `\\033]8;;${uri}\\033\\\\${text}\\033]8;;\\033\\\\`;
  const id = await rig.daemon.pane([
    'sh',
    '-c',
    `printf '${osc8('javascript:globalThis.owned=1', 'CLICKCLICKCLICK')}\\n'; exec cat`,
  ]);
  const v = await rig.open({ pane: id });
  await v.sees('CLICK');
  let pages = 0;
  v.context.on('page', () => pages++);
  const box = await v.page.locator('.xterm-screen').boundingBox();
  await v.page.mouse.move(box.x + 30, box.y + 8);
  await v.page.mouse.move(box.x + 32, box.y + 8);
  await v.page.mouse.click(box.x + 32, box.y + 8);
  await owned(v);
  assert.equal(pages, 0);
  await v.close();
});

test('OSC 52 writes the clipboard', async () => {
  const id = await rig.daemon.pane([
    'sh',
    '-c',
    `read x; printf '\\033]52;c;${base64('from the pane é')}\\007ok\\n'; exec cat`,
  ]);
  const v = await rig.open({
    pane: id,
    context: { permissions: ['clipboard-read', 'clipboard-write'] },
  });
  const clipboard = () => v.page.evaluate(() => navigator.clipboard.readText());
  await v.page.evaluate(() => navigator.clipboard.writeText('before'));
  await v.line('');
  await v.sees('ok');
  await until('the text', async () => (await clipboard()) === 'from the pane é');
  // Shown again, it is history: it does not copy a second time.
  await v.page.evaluate(() => navigator.clipboard.writeText('mine'));
  await v.page.reload();
  await v.sees('ok');
  assert.equal(await clipboard(), 'mine');
  await v.close();
});

/** A pane that asks after a key, shows what it was sent, and ends that with the key "q". */
const asking = (query, first = 'read x') => [
  'sh',
  '-c',
  `${first}; stty raw -echo; printf '${query}'; printf 'asked\\r\\n'; ` +
    `stdbuf -oL od -An -v -tx1 -w1 | while read b; do ` +
    `[ $b = 71 ] && printf 'END\\r\\n' || printf '<%s>' $b; done`,
];

/** What the pane was sent before the key. */
async function answered(v) {
  await v.sees('asked');
  await v.type('q');
  await v.sees('END');
  const text = (await v.text()).replaceAll('\n', '');
  return text.slice(text.indexOf('asked') + 5, text.indexOf('END'));
}

test('OSC 52 reads are not answered at all', async () => {
  const id = await rig.daemon.pane(asking('\\033]52;c;?\\007\\033]52;;?\\033\\\\'));
  const v = await rig.open({
    pane: id,
    context: { permissions: ['clipboard-read', 'clipboard-write'] },
  });
  await v.page.evaluate(() => navigator.clipboard.writeText('secret'));
  await v.line('');
  assert.equal(await answered(v), '');
  await v.close();
});

test('a query is answered when it is asked', async () => {
  const id = await rig.daemon.pane(asking('\\033[c'));
  const v = await rig.open({ pane: id });
  await v.line('');
  assert.match(await answered(v), /^<1b><5b><3f>(<3[0-9]>|<3b>)+<63>$/);
  await v.close();
});

test('a query is answered once, without viewers and when it is replayed', async () => {
  const queries = '\\033[c\\033[6n\\033[5n\\033[?1$p\\033]11;?\\007\\033P$qm\\033\\\\\\033[?1004h';
  const id = await rig.daemon.pane(asking(queries, 'true'));
  await until('the output', async () => (await rig.daemon.api('GET', `panes/${id}`)).offset > 100);
  const v = await rig.open({ pane: id });
  const text = await answered(v);
  assert.equal(text.split('<63>').length, 2, text); // device attributes
  assert.equal(text.split('<52>').length, 2, text); // cursor position
  assert.equal(text.split('<6e>').length, 2, text); // status
  await v.close();
});

test('of two viewers of different sizes one answers', async () => {
  const id = await rig.daemon.pane(asking('\\033[5n'));
  const other = await rig.open({ pane: id, context: PHONE });
  const v = await rig.open({ pane: id });
  await v.line('');
  assert.equal(await answered(v), '<1b><5b><30><6e>');
  await v.close();
  await other.close();
});

test('everything comes from the daemon itself', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell() });
  await v.line('printf "\\033[1;31;44mstyled\\033[0m \\033[38;2;1;200;3mtrue colour\\033[0m \\033[4:3munderlined\\033[0m\\n"');
  await v.sees('true colour underlined');
  const policy = (await v.page.request.get(`${v.origin}/`)).headers()['content-security-policy'];
  assert.match(policy ?? '', /default-src 'none'/);
  assert.ok(!/script-src[^;]*unsafe/.test(policy));
  await v.close();
});
