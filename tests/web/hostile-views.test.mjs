// Everything that has a name or a text, hostile, in every view: nothing of it executes, asks anybody
// else, or is answered; and a link goes nowhere before a person has seen where.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { useRig } from './lib/browser.mjs';
import { Talk } from './lib/talk.mjs';
import { until } from './lib/until.mjs';

const OWN = 'globalThis.owned=(globalThis.owned||0)+1';
const EVIL = `"><img src=x onerror=${OWN}><svg onload=${OWN}><script>${OWN}</script><iframe srcdoc="<script>parent.${OWN}</script>"></iframe>` +
  `<a href="javascript:${OWN}">x</a><b style="background:url(http://192.0.2.1/leak)"></b>{{${OWN}}}\${${OWN}}&lt;img&gt;'"\`;alert(1)//\u202egnp.exe\u2066`;
const SHORT = `"><img src=x onerror=${OWN}><script>${OWN}</script>\u202egnp\u2066`; // for a name of at most 200 bytes
const CONTROLS = '\x1b]0;title\x07\x1b[6n\x9b31m\x7f';

async function prepare(home) {
  const dir = join(home, '.claude', 'projects', '-evil');
  await mkdir(dir, { recursive: true });
  const talk = new Talk('evil', `/tmp/${EVIL}`)
    .user(`hostile ${EVIL} ${CONTROLS}`)
    .thinks(`${EVIL} in thought`)
    .calls('h1', EVIL, { command: `${EVIL} ${CONTROLS}`, [EVIL]: EVIL, file_path: `/tmp/${EVIL}` })
    .result('h1', `${EVIL}\n${CONTROLS}`)
    .calls('h2', 'Bash', { command: EVIL, description: EVIL })
    .result('h2', EVIL, true)
    .says(`${EVIL} [a](javascript:${OWN}) ![b](http://192.0.2.1/leak.png) <http://192.0.2.1/>`);
  await writeFile(join(dir, 'evil.jsonl'), talk.text);
}

const rig = useRig({ before, after }, [], prepare);
const api = (...args) => rig.daemon.api(...args);

const octal = (text) => [...Buffer.from(text)].map((b) => `\\${b.toString(8).padStart(3, '0')}`).join('');
const osc = (text) => `\x1b]${text}\x1b\\`;
const link = (uri, text) => `${osc(`8;;${uri}`)}${text}${osc('8;;')}`;
const base64 = (s) => Buffer.from(s).toString('base64');

// What asks, reports, shows pictures, copies, notifies or renames, in each of the usual terminals.
const STREAM = [
  osc(`0;${EVIL}`), osc(`2;${EVIL}\u202e`), osc(`1;${EVIL}`), osc(`7;file://x/${EVIL}`), osc(`9;${EVIL}`), osc(`777;notify;${EVIL};${EVIL}`), osc('99;i=1:p=?;'),
  osc('52;c;?'), osc('52;;?'), osc('52;p;?'), `\x1b]52;c;?\x07`, osc('4;1;?'), osc('10;?'), osc('11;?'), osc('12;?'), osc('1337;ReportCellSize'),
  osc(`1337;File=name=${base64('x.html')};inline=0:${base64(EVIL)}`), osc(`1337;File=inline=1:${base64('GIF89a')}`), osc('5522;type=read'),
  '\x1bPq"1;1;8;8#0;2;99;0;0#0~~~~$-~~~~\x1b\\', '\x1b_Gf=24,s=1,v=1,a=T;AAAA\x1b\\', '\x1b_Ga=q,i=31,s=1,v=1;AAAA\x1b\\',
  '\x1b[c', '\x1b[>c', '\x1b[=c', '\x1b[5n', '\x1b[6n', '\x1b[?6n', '\x1b[?996n', '\x1b[>q', '\x1b[?1$p', '\x1b[4$p', '\x1b[?u', '\x1b[14t', '\x1b[18t', '\x1b[19t', '\x1b[20t', '\x1b[21t',
  '\x1b[x', '\x1b[1;1;1;1;9;9*y', '\x1bP$qm\x1b\\', '\x1bP$q q\x1b\\', '\x1bP+q544e\x1b\\', '\x1bZ', '\x05', '\u009bc', '\x1b[?2031h', '\x1b[?2048h', '\x1b[8;10;10t', '\x1b[5i',
].join('');
const LINKS = [`javascript:${OWN}`, `data:text/html,<script>${OWN}</script>`, `vbscript:${OWN}`, 'file:///etc/passwd', `JaVaScRiPt:${OWN}`, 'blob:http://x/y', 'about:blank', 'ws://192.0.2.1/'];

/** Waits on its terminal until it is told to, then prints; what it is sent it would show. */
const printer = (text) => ['sh', '-c', `stty raw -echo; printf 'ready\\r\\n'; read -r x; printf '${octal(text)}'; printf '\\r\\nprinted\\r\\n'; exec cat -v`];

/** The messages of input that the page sends, from now on. */
function inputs(v) {
  const sent = [];
  v.page.on('websocket', (w) => w.on('framesent', ({ payload }) => {
    if (Buffer.isBuffer(payload) && payload[0] === 1) sent.push(payload.subarray(1).toString('latin1'));
  }));
  return sent;
}

async function notOwned(v) {
  // Handlers of errors and loads come later than what made them.
  await v.page.evaluate(() => new Promise((r) => setTimeout(r, 50)));
  assert.equal(await v.page.evaluate(() => globalThis.owned), undefined);
  assert.equal(await v.page.locator('#app img, #app script, #app iframe, #app svg[onload], dialog img, dialog script, [onerror], [style*="leak"], a[href^="javascript" i]').count(), 0);
}

const write = (id, text) => rig.daemon.type(id, text);

test('a stream of all that terminals heed is shown, and nothing is answered', async () => {
  const id = await rig.daemon.pane(printer(STREAM));
  const v = await rig.open({ context: { permissions: ['clipboard-read', 'clipboard-write'] } });
  const sent = inputs(v);
  let pages = 0;
  let downloads = 0;
  v.context.on('page', () => pages++);
  v.page.on('download', () => downloads++);
  await v.goto(id);
  await v.page.evaluate(() => navigator.clipboard.writeText('secret'));
  await v.sees('ready');
  await write(id, '\n'); // by the daemon, so that the page sends nothing
  await v.sees('printed');
  await notOwned(v);
  // Once more from the beginning: now all of it is history.
  await v.page.reload();
  await v.sees('printed');
  await notOwned(v);
  assert.deepEqual(sent, [], 'the page typed');
  // The daemon answered what its engine knows; the clipboard and the title are in none of it.
  const text = (await v.text()).replaceAll('\n', '');
  for (const leak of ['secret', base64('secret'), 'onerror', '^[]l', '^[]L', '^[]52'])
    assert.ok(!text.slice(text.indexOf('printed')).includes(leak), `${leak} in ${text}`);
  assert.equal(await v.page.evaluate(() => navigator.clipboard.readText()), 'secret');
  assert.deepEqual([pages, downloads], [0, 0]);
  await v.close();
});

test('a link says where it goes, and goes there only when it is told to', async () => {
  const far = 'http://127.0.0.1:1/a%20b?c=\u202egnp.exe&<b>';
  const id = await rig.daemon.pane(printer([...LINKS, far, 'mailto:a@example.org'].map((uri, i) => link(uri, `link${i}link`)).join('\r\n')));
  const v = await rig.open({ pane: id });
  await write(id, '\n');
  await v.sees('printed');
  const opened = [];
  await v.page.evaluate(() => {
    globalThis.opened = [];
    window.open = (...args) => (globalThis.opened.push(args), null);
  });
  v.context.on('page', (p) => opened.push(p.url()));
  const row = async (word) => (await v.text()).split('\n').findIndex((l) => l.includes(word));
  const dialog = v.page.locator('dialog[open]');
  const click = async (word) => {
    const box = await v.page.locator('.xterm-screen').boundingBox();
    const rows = await v.page.evaluate(() => globalThis.panescry.screen.rows);
    const y = box.y + (box.height / rows) * ((await row(word)) + 0.5);
    await v.page.mouse.move(box.x + 200, y + 100);
    await v.page.mouse.move(box.x + 30, y);
    await v.page.mouse.move(box.x + 32, y);
    // It looks for links when the pointer has come to rest; too soon, and it is clicked once more.
    await v.page.evaluate(() => new Promise((r) => setTimeout(r, 150)));
    await v.page.mouse.click(box.x + 32, y);
    await v.page.evaluate(() => new Promise((r) => setTimeout(r, 50)));
  };
  for (const i of LINKS.keys()) {
    await v.page.locator('.notices').evaluateAll((l) => l.forEach((e) => e.replaceChildren()));
    await until(`the refusal of ${LINKS[i]}`, async () => {
      await click(`link${i}link`);
      return (await v.page.locator('.notices').innerText({ timeout: 300 }).catch(() => '')).includes('not opened');
    });
    assert.equal(await dialog.count(), 0, LINKS[i]);
  }
  const asked = async (word) => {
    await until('the question', async () => {
      if (!(await dialog.count())) await click(word);
      return dialog.count();
    });
    return [await dialog.locator('h2').innerText(), await dialog.locator('.detail').innerText()];
  };
  const real = new URL(far).href;
  assert.ok(/^[\x20-\x7e]+$/.test(real));
  assert.deepEqual(await asked(`link${LINKS.length}link`), ['Open 127.0.0.1:1?', real]);
  await v.shot('hostile-link');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  assert.deepEqual(await v.page.evaluate(() => globalThis.opened), []);
  await asked(`link${LINKS.length}link`);
  await dialog.getByRole('button', { name: 'Open' }).click();
  assert.deepEqual(await asked(`link${LINKS.length + 1}link`), ['Write a mail?', 'mailto:a@example.org']);
  await dialog.getByRole('button', { name: 'Open' }).click();
  assert.deepEqual(await v.page.evaluate(() => globalThis.opened), [
    [real, '_blank', 'noopener,noreferrer'], ['mailto:a@example.org', '_blank', 'noopener,noreferrer'],
  ]);
  assert.deepEqual(opened, []);
  await notOwned(v);
  await v.close();
});

test('programs copy only while they may, and not without end', async () => {
  const big = 'x'.repeat(1024 * 1024 + 1);
  const id = await rig.daemon.pane(['sh', '-c', `stty -echo; echo ready; read -r x; printf '\\033]52;c;${base64('first')}\\007one\\n'; read -r x; printf '\\033]52;c;'; ` +
    `head -c ${big.length} /dev/zero | tr '\\0' x | base64 -w 0; printf '\\007two\\n'; read -r x; printf '\\033]52;c;${base64('third')}\\007three\\n'; exec cat`]);
  const v = await rig.open({ pane: id, context: { permissions: ['clipboard-read', 'clipboard-write'] } });
  const clipboard = () => v.page.evaluate(() => navigator.clipboard.readText());
  await v.page.evaluate(() => navigator.clipboard.writeText('mine'));
  await v.sees('ready');
  await write(id, '\n');
  await v.sees('one');
  await until('the text', async () => (await clipboard()) === 'first');
  await write(id, '\n');
  await v.sees('two');
  assert.equal((await clipboard()).length, 5, 'too large is left out');
  await v.page.keyboard.press('Control+Shift+Comma');
  await v.page.getByLabel('Programs may copy').click();
  await v.page.keyboard.press('Escape');
  await write(id, '\n');
  await v.sees('three');
  assert.equal(await clipboard(), 'first');
  await v.close();
});

test('names and texts are text in every view', async () => {
  const titled = await rig.daemon.pane(['sh', '-c', `printf '${octal(osc(`2;${EVIL}`))}'; printf '%s\\n' "find me $1"; exec cat`, 'sh', EVIL], { name: 'evil' });
  const ended = await rig.daemon.pane(['sh', '-c', 'exit 3', EVIL], { name: 'gone' });
  const watch = (await api('POST', 'watches', { pattern: 'fire\\b.*', pane: 'evil', every_s: 0 })).id;
  await api('POST', 'watches', { pattern: `${EVIL.replace(/[^\w ]/g, '\\$&')}`, fixed: false, command: ['true', EVIL] });
  const job = (await api('POST', 'jobs', { command: ['sh', '-c', 'printf "%s\\n" "$1"; printf "%s\\n" "$1" >&2; exit 3', 'sh', `${EVIL}${CONTROLS}`], name: SHORT, correlation: SHORT, env: { A: EVIL } })).id;
  const live = (await api('POST', 'jobs', { command: ['sh', '-c', 'printf "%s\\n" "$1"; read x', 'sh', EVIL], name: SHORT, input: true })).id;
  const flow = (await api('POST', 'flows', { definition: { name: SHORT, steps: [
    { name: 'one', command: ['sh', '-c', 'printf "%s" "$1"', 'sh', EVIL.split('${').join('$${')], cache: false },
    { name: 'ask', type: 'approval', message: EVIL.split('${').join('$${') },
  ] } })).id;
  await until('the job to end', async () => (await api('GET', `jobs/${job}`)).state === 'failed');
  const session = (await until('the session', async () => (await api('GET', 'sessions')).data[0])).id;
  const v = await rig.open({ pane: titled });
  const sent = inputs(v);
  const look = async (hash, sight, act) => {
    await v.page.goto('about:blank');
    await v.page.goto(`${v.origin}/${hash}`);
    await act?.();
    await v.page.locator(sight).first().waitFor().catch((e) => assert.fail(`${hash}: ${sight}: ${e.message}`));
    await until(`the text in ${hash}`, async () => (await v.page.locator('body').innerText()).includes('onerror'));
    await notOwned(v);
  };
  await look(`#${titled}`, '.room .xterm-screen');
  await look(`#${titled}?line=1`, '.history-line');
  await look(`#${ended}`, '.banner');
  await look('#sessions', '.session');
  await look(`#session=${session}`, '.said.tool', async () => {
    for (const s of await v.page.locator('.said summary').all()) await s.click().catch(() => {});
  });
  await look(`#session=${session}?view=timeline`, '.turn');
  await look(`#session=${session}?view=trace`, '.call-name');
  await look(`#session=${session}?view=tokens`, '.chart');
  await look('#usage', '.usage-cards canvas');
  await look('#jobs', '.session');
  await look(`#job=${job}`, '.output-text');
  await look(`#job=${live}`, '.output-live .xterm-screen');
  await look('#flows', '.session');
  await look(`#flow=${flow}`, '.ask');
  await look(`#${titled}`, '.result', async () => {
    await v.page.keyboard.press('Control+Shift+F');
    await v.page.getByRole('combobox', { name: 'Search all panes' }).fill('find me');
  });
  await look(`#${titled}`, '.watch', () => v.page.keyboard.press('Control+Shift+F'));
  await look(`#${titled}`, '.palette-row', async () => {
    await v.page.keyboard.press('Control+K');
    await v.page.keyboard.type('onerror');
  });
  const bell = v.page.getByRole('button', { name: /^Notices/ });
  await look('#jobs', 'body', async () => {
    await until('a notice', async () => {
      await write(titled, `fire ${EVIL}\n`);
      await new Promise((r) => setTimeout(r, 200));
      return /\d new/.test(await bell.getAttribute('aria-label'));
    });
    await bell.click();
    await v.page.getByRole('dialog', { name: 'Notices' }).getByRole('listitem').first().waitFor();
  });
  assert.ok((await api('GET', 'watches')).watches.find((w) => w.id === watch).fired > 0);
  await v.shot('hostile-notices');
  assert.deepEqual(sent, [], 'the page typed');
  // Nothing that the person sees runs in another direction than it was written.
  const turned = await v.page.evaluate(() => [...document.querySelectorAll('[title], [aria-label]')]
    .flatMap((e) => [e.title, e.getAttribute('aria-label') ?? '']).filter((t) => /[\u202a-\u202e\u2066-\u2069]/.test(t)));
  assert.deepEqual(turned, []);
  assert.ok(!/[\u202a-\u202e\u2066-\u2069]/.test(await v.page.title()));
  await v.close();
});

test('the policy lets no text become markup or code, and is kept to', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell() });
  const policy = (await v.page.request.get(`${v.origin}/`)).headers()['content-security-policy'];
  for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"])
    assert.ok(policy.includes(part), part);
  assert.ok(!/script-src[^;]*unsafe/.test(policy));
  // Not at once: what the debugger evaluates itself may do more.
  const refused = await v.page.evaluate(() => new Promise((done) => setTimeout(() => {
    const tries = {
      markup: () => (document.createElement('div').innerHTML = '<b>x</b>'),
      adjacent: () => document.body.insertAdjacentHTML('beforeend', '<b>x</b>'),
      code: () => (0, eval)('1'),
      script: () => (document.createElement('script').text = '1'),
      policy: () => globalThis.trustedTypes.createPolicy('x', {}),
    };
    done(Object.entries(tries).filter(([, f]) => {
      try {
        f();
      } catch {
        return false;
      }
      return true;
    }).map(([name]) => name));
  })));
  assert.deepEqual(refused, [], 'these went well');
  await v.page.evaluate(() => (globalThis.violations.length = 0)); // they were ours
  await v.close();
});
