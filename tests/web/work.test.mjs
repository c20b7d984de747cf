// The main job: open the link, work in a terminal, come back and find it as it was.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const rig = useRig({ before, after });

test('what is typed is shown, and still is after a reload', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell() });
  await v.sees('$');
  await v.line('echo hello');
  await v.sees(/^hello$/m);
  await v.shot('desktop-light');
  const before = (await v.text()).trimEnd();
  await v.page.reload();
  await v.online();
  await until('the same screen', async () => (await v.text()).trimEnd() === before);
  await v.line('echo again');
  await v.sees(/^again$/m);
  await v.close();
});

test('the page opened without a pane shows the first one', async () => {
  const v = await rig.open();
  await v.online();
  assert.match(new URL(v.page.url()).hash, /^#p\d+$/);
  await v.close();
});

test('a new pane runs the default shell, or a command split as by a shell', async () => {
  const v = await rig.open();
  await v.online();
  const before = v.page.url();
  await v.page.getByRole('button', { name: 'New pane' }).click();
  await until('another pane', () => v.page.url() !== before);
  await v.online();
  await v.line('echo $((6*7))');
  await v.sees(/^42$/m);
  const command = v.page.getByRole('textbox', { name: 'Command of the new pane' });
  await command.fill(`sh -c 'printf "[%s]" "$@"; exec cat' x "a b" c\\ d '' "e'f"`);
  await command.press('Enter');
  await v.sees(`[a b][c d][][e'f]`);
  await v.close();
});

test('a command that cannot be run or read is said where it was typed', async () => {
  const v = await rig.open();
  await v.online();
  const command = v.page.getByRole('textbox', { name: 'Command of the new pane' });
  await command.fill('/nonexistent/program');
  await command.press('Enter');
  const alert = v.page.getByRole('alert');
  await until('the reason', async () => /No such file/i.test(await alert.textContent()));
  await command.fill(`echo "a`);
  await command.press('Enter');
  await until('the reason', async () => /not closed/.test(await alert.textContent()));
  await v.close();
});

test('a pane that ends says how, after its last byte', async () => {
  const id = await rig.daemon.pane(['sh', '-c', 'sleep 0.3; seq 1 300; echo last; exit 3']);
  const v = await rig.open();
  await v.page.goto(`${v.origin}/#${id}`);
  await v.page.getByText('Ended with status 3.').waitFor();
  await v.sees(/^299\n300\nlast$/m);
  await v.page.getByText(/exited, status 3/).waitFor();
  await v.shot('exited');
  await v.close();
});

test('killing asks first', async () => {
  const id = await rig.daemon.shell({ name: 'victim' });
  const v = await rig.open({ pane: id });
  const kill = v.page.getByRole('button', { name: 'Kill victim' });
  await kill.click();
  await v.page.getByRole('dialog').waitFor();
  await v.shot('kill');
  await v.page.getByRole('button', { name: 'Cancel' }).click();
  await v.line('echo alive');
  await v.sees(/^alive$/m);
  await kill.click();
  await v.page.getByRole('dialog').getByRole('button', { name: 'Kill' }).click();
  await until('the end', async () => ['ended', 'gone'].includes(await v.link()));
  await v.close();
});

test('a pane that does not exist is said to be gone', async () => {
  const v = await rig.open();
  await v.page.goto(`${v.origin}/#p9999`);
  await v.page.getByText('This pane does not exist any more.').waitFor();
  await v.close();
});

test('without a token the page says how to sign in', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell() });
  await v.context.clearCookies();
  await v.page.getByText('Not signed in').waitFor();
  await v.close();
});

test('a paste larger than a message arrives whole, no character cut', async () => {
  const id = await rig.daemon.pane(['sh', '-c', 'stty raw -echo; echo ready; head -c 150000 | sha256sum; exec cat']);
  const v = await rig.open({ pane: id });
  await v.sees('ready');
  const text = 'aé€😀'.repeat(15_000); // 10 bytes each
  await v.page.evaluate((t) => {
    const data = new DataTransfer();
    data.setData('text/plain', t);
    document
      .querySelector('.xterm-helper-textarea')
      .dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
  }, text);
  const { createHash } = await import('node:crypto');
  await v.sees(createHash('sha256').update(text).digest('hex'));
  await v.close();
});

test('a selection is copied by Ctrl+Shift+C, and pasted with brackets', async () => {
  const id = await rig.daemon.pane([
    'sh',
    '-c',
    'stty -echo; printf "\\033[?2004hcopyme\\n"; exec cat -v',
  ]);
  const v = await rig.open({
    pane: id,
    context: { permissions: ['clipboard-read', 'clipboard-write'] },
  });
  await v.sees('copyme');
  const box = await v.page.locator('.xterm-screen').boundingBox();
  await v.page.mouse.dblclick(box.x + 20, box.y + 8);
  await v.page.keyboard.press('Control+Shift+C');
  await until(
    'the word on the clipboard',
    async () => (await v.page.evaluate(() => navigator.clipboard.readText())) === 'copyme',
  );
  await v.page.keyboard.press('Control+Shift+V');
  await v.page.keyboard.press('Enter');
  await v.sees('^[[200~copyme^[[201~');
  await v.close();
});

test('a bell is marked until somebody types', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell() });
  const bell = v.page.getByRole('img', { name: 'Bell' });
  assert.ok(await bell.isHidden());
  await v.line('printf "\\a"; echo rung');
  await v.sees(/^rung$/m);
  await bell.waitFor();
  await v.shot('bell');
  await v.type(' ');
  await until('no mark', () => bell.isHidden());
  await v.close();
});

test('without WebGL, and when its context is lost, the terminal is drawn all the same', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell() });
  await v.page.locator('.xterm-rows').waitFor();
  assert.equal(await v.page.locator('.xterm canvas').count(), 0, 'none in software');
  // As if this were a graphics card.
  await v.page.addInitScript(() => {
    const { getParameter } = WebGL2RenderingContext.prototype;
    WebGL2RenderingContext.prototype.getParameter = function (name) {
      const value = getParameter.call(this, name);
      return typeof value === 'string' ? value.replace(/swiftshader|llvmpipe/gi, 'card') : value;
    };
  });
  await v.page.reload();
  await v.page.locator('.xterm canvas').first().waitFor();
  await v.page.evaluate(() => {
    for (const canvas of document.querySelectorAll('.xterm canvas')) {
      canvas.getContext('webgl2')?.getExtension('WEBGL_lose_context')?.loseContext();
    }
  });
  await v.page.locator('.xterm-rows').waitFor();
  await v.line('echo drawn');
  await until('the text in the page', async () =>
    /drawn/.test(await v.page.locator('.xterm-rows').innerText()),
  );
  await v.close();
});

test('a read-only page sends nothing', async () => {
  const id = await rig.daemon.shell();
  const v = await rig.open({ pane: id, query: '?mode=ro' });
  const other = await rig.open({ pane: id });
  await v.line('echo from-the-reader');
  await other.line('echo from-the-writer');
  await v.sees(/^from-the-writer$/m);
  assert.ok(!(await v.text()).includes('from-the-reader'));
  assert.equal(await v.link(), 'online');
  await v.page.getByRole('button', { name: 'Read only' }).click();
  await v.online();
  await v.line('echo writing-now');
  await other.sees(/^writing-now$/m);
  await v.close();
  await other.close();
});

test('light and dark', async () => {
  const v = await rig.open({
    pane: await rig.daemon.shell(),
    context: { colorScheme: 'dark' },
  });
  await v.line(`for i in 1 2 3 4 5 6 7; do printf '\\033[3%dmcolour %d\\033[0m \\033[9%dmbright\\033[0m\\n' $i $i $i; done`);
  await v.sees('colour 7 bright');
  await v.shot('desktop-dark');
  await v.page.emulateMedia({ colorScheme: 'light' });
  await v.shot('desktop-light-colours');
  await v.close();
});
