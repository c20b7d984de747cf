// Watches: patterns that stay, what they do when they are seen, and that they stay.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { privateDir, startDaemon, useDaemon } from './lib/daemon.mjs';
import { killWorker, pause, startKept } from './lib/keeper.mjs';
import { assertDone, assertRefused } from './lib/run.mjs';
import { until } from './lib/until.mjs';

const add = (d, json) => d.ok('POST', 'watches', json);
const list = async (d) => (await d.ok('GET', 'watches')).watches;
const one = async (d, id) => (await list(d)).find((w) => w.id === id);
const fired = (d, id, n) => until(`${id} to fire ${n} times`, async () => (await one(d, id)).fired >= n && one(d, id));
const removeAll = async (d) => {
  for (const w of await list(d)) await d.ok('DELETE', `watches/${w.id}`);
};
const lines = (file) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []);

/** A pane that says what it is typed; `.` at the end: no newline. */
async function talker(d, more) {
  const p = await d.sh('stty -echo; printf "ready\\n"; while IFS= read -r l; do case $l in *.) printf "%s" "${l%.}";; *) printf "%s\\n" "$l";; esac; done', more);
  await d.shows(p.id, 'ready');
  return p.id;
}
const say = (d, id, text) => d.type(id, `${text}\n`);

/** A server that keeps what it is sent; `answer` may be changed. */
async function receiver() {
  const got = [];
  const s = http.createServer((req, res) => {
    const parts = [];
    req.on('data', (b) => parts.push(b));
    req.on('end', () => {
      got.push({ method: req.method, url: req.url, headers: req.headers, text: Buffer.concat(parts).toString() });
      res.statusCode = 204;
      res.end();
    });
  });
  s.listen(0, '127.0.0.1');
  await once(s, 'listening');
  return { got, port: s.address().port, close: () => new Promise((r) => { s.closeAllConnections(); s.close(r); }) };
}

describe('a watch', () => {
  const d = useDaemon({ before, after });
  let id;
  before(async () => (id = await talker(d, { name: 'talk' })));

  it('is made, listed and removed, by HTTP and by the command', async () => {
    const w = await add(d, { pattern: 'ERR', icase: true, pane: 'talk', command: 'true', every_s: 5 });
    assert.match(w.id, /^w\d+$/);
    assert.deepEqual(w, { id: w.id, pattern: 'ERR', icase: true, pane: 'talk', command: 'true', every_s: 5, fired: 0, last_fired: null, last_content: null });
    assert.deepEqual(await list(d), [w]);
    const name = assertDone(await d.cli(['watch', 'add', 'a.b', '--fixed', '--pane', 'p*', '--url', 'http://localhost:1/x', '--every', '0', '-i'])).trim();
    const own = await one(d, name);
    assert.deepEqual([own.pattern, own.fixed, own.icase, own.pane, own.url, own.every_s], ['a.b', true, true, 'p*', 'http://localhost:1/x', 0]);
    const [head, ...rows] = assertDone(await d.cli(['watch', 'ls'])).trim().split('\n');
    assert.match(head, /^ID/);
    assert.equal(rows.length, 2);
    assert.match(rows[0], new RegExp(`^${w.id} .*ERR.*true`));
    assert.deepEqual(JSON.parse(assertDone(await d.cli(['watch', 'ls', '--json']))).watches.map((x) => x.id), [w.id, name]);
    assert.equal(assertDone(await d.cli(['watch', 'rm', w.id])), '');
    assert.deepEqual((await list(d)).map((x) => x.id), [name]);
    assertRefused(await d.cli(['watch', 'rm', w.id]), 2, /no watch/);
    assert.equal((await d.request('DELETE', `/api/v1/watches/${w.id}`)).status, 404);
    assert.equal((await d.request('DELETE', '/api/v1/watches/x')).status, 404);
    await d.ok('DELETE', `watches/${name}`);
    assert.notEqual((await add(d, { pattern: 'x' })).id, w.id, 'no id comes twice');
    await removeAll(d);
    for (const args of [[], ['add'], ['add', 'a', 'b'], ['ls', 'x'], ['rm'], ['add', 'x', '--every', 'y'], ['add', '('], ['add', 'x', '--url', 'https://localhost/']])
      assertRefused(await d.cli(['watch', ...args]), 2);
  });

  it('fires once a line, at prompts too', async () => {
    const w = await add(d, { pattern: '^seen', every_s: 0 });
    await say(d, id, 'seen one');
    await fired(d, w.id, 1);
    await say(d, id, 'seen prompt> .');
    await fired(d, w.id, 2);
    await say(d, id, ' and more.');
    await say(d, id, ' and its end');
    await say(d, id, 'not seen');
    await say(d, id, 'seen last');
    const last = await fired(d, w.id, 3);
    assert.equal(last.last_content, 'seen last');
    assert.match(last.last_fired, /^\d{4}-\d\d-\d\dT/);
    await pause(200);
    assert.equal((await one(d, w.id)).fired, 3);
    await removeAll(d);
  });

  it('looks where its glob says, at panes that come later too', async () => {
    const w = await add(d, { pattern: '^glob', pane: 'build-*', every_s: 0 });
    const a = await d.sh('echo glob a; cat', { name: 'build-a' });
    const b = await d.sh('echo glob b; cat', { name: 'test-b' });
    await fired(d, w.id, 1);
    await d.shows(b.id, 'glob b');
    await say(d, id, 'glob talk');
    await d.shows(id, 'glob talk');
    await pause(100);
    assert.deepEqual([(await one(d, w.id)).fired, (await one(d, w.id)).last_content], [1, 'glob a']);
    const short = await d.sh('printf "glob at the very end"', { name: 'build-c' });
    await fired(d, w.id, 2);
    for (const p of [a, b, short]) await d.remove(p.id);
    await removeAll(d);
  });

  it('tells of a hundred lines and more that come at once', async () => {
    const w = await add(d, { pattern: '^many', every_s: 0, pane: 'burst' });
    const p = await d.sh('stty -echo; read x; i=0; while [ $i -lt 50 ]; do echo; i=$((i+1)); done; seq -f "many %.0f" 1 1500; cat', { name: 'burst' });
    await say(d, p.id, '');
    await d.shows(p.id, 'many 1500');
    await fired(d, w.id, 1500);
    await pause(100);
    assert.equal((await one(d, w.id)).fired, 1500);
    await d.remove(p.id);
    await removeAll(d);
  });

  it('gives its command the line, whatever is in it', async () => {
    const file = join(d.dir, 'out');
    const w = await add(d, {
      pattern: '^hostile',
      every_s: 0,
      command: `printf '%s|%s|%s|%s\\n' "$PANESCRY_WATCH" "$PANESCRY_PANE" "$PANESCRY_LINE" "$PANESCRY_TEXT" >>'${file}'`,
    });
    const texts = ['"; echo no >x; "', "'; $(touch /tmp/no) `id`", '$PATH %s %n \\n', 'ä 日本 😀', '| & ; < > * ? ~ #'].map((t) => `hostile ${t}`);
    for (const [i, t] of texts.entries()) {
      await say(d, id, t);
      await until(`line ${i}`, () => lines(file).length === i + 1);
    }
    const got = lines(file).map((l) => l.split('|'));
    for (const [i, t] of texts.entries()) {
      assert.deepEqual(got[i].slice(0, 2), [w.id, id]);
      assert.equal(got[i].slice(3).join('|'), t);
    }
    assert.ok(Number(got[1][2]) === Number(got[0][2]) + 1, 'numbers of lines');
    await removeAll(d);
  });

  it('cuts a long line between two characters', async () => {
    for (const fill of ['x', 'ä', '日', '😀']) {
      const file = join(d.dir, `long-${fill.length}-${Buffer.from(fill).length}`);
      const w = await add(d, { pattern: '^long .*\\.$', every_s: 0, pane: 'long', command: `printf %s "$PANESCRY_TEXT" >'${file}.new'; mv '${file}.new' '${file}'` });
      const p = await d.sh(`awk 'BEGIN { printf "long "; for (i = 0; i < ${65536 / Buffer.from(fill).length}; i++) printf "${fill}"; print "." }'; cat`, { name: 'long' });
      await until('the command', () => existsSync(file));
      const bytes = readFileSync(file);
      assert.ok(bytes.length <= 4096 && bytes.length > 4000, `${bytes.length} bytes`);
      assert.match(bytes.toString(), new RegExp(`^long ${fill}+$`, 'u'));
      await d.remove(p.id);
      await until('it to be gone', () => d.gone(p.id));
      await d.ok('DELETE', `watches/${w.id}`);
    }
  });

  it('runs an array as it is, without a shell, and never puts the line into a command', async () => {
    const file = join(d.dir, 'argv');
    const owned = join(d.dir, 'owned');
    const evil = `it $(touch ${owned}) \`touch ${owned}\`; touch ${owned} & '"$PANESCRY_LINE"' | x`;
    const tell = ['sh', '-c', 'printf "%s|" "$@" "$PANESCRY_TEXT" >"$0.new"; mv "$0.new" "$0"', file, '$(id)', '${PANESCRY_TEXT}', '; x', ''];
    const w = await add(d, { pattern: '^it ', every_s: 0, command: tell });
    assert.deepEqual((await one(d, w.id)).command, tell);
    await say(d, id, evil);
    await until('the command', () => existsSync(file));
    assert.equal(readFileSync(file, 'utf8'), `$(id)|\${PANESCRY_TEXT}|; x||${evil}|`);
    const text = await add(d, { pattern: '^it ', every_s: 0, command: `printf %s "$PANESCRY_TEXT" >'${file}.text.new'; mv '${file}.text.new' '${file}.text'` });
    await say(d, id, evil);
    await until('the command', () => existsSync(`${file}.text`));
    assert.equal(readFileSync(`${file}.text`, 'utf8'), evil);
    // By the command, and over a restart's file.
    const own = assertDone(await d.cli(['watch', 'add', 'never', '--every', '0', '--', 'printf', '-n', '$x; y'])).trim();
    assert.deepEqual((await one(d, own)).command, ['printf', '-n', '$x; y']);
    assert.match(assertDone(await d.cli(['watch', 'ls'])), /never  ->  printf -n \$x; y/);
    assert.deepEqual(JSON.parse(readFileSync(join(d.dir, 'watches.json'), 'utf8')).watches.map((x) => x.command), [tell, text.command, ['printf', '-n', '$x; y']]);
    assert.ok(!existsSync(owned), 'a part of the line was executed');
    await removeAll(d);
  });

  it('tells of a line without its secrets, but gives it to its command whole', async () => {
    const r = await receiver();
    const file = join(d.dir, 'whole');
    const secret = `ghp_${'a1B2'.repeat(9)}`;
    const w = await add(d, { pattern: '^leak (\\S+)=(\\S+) (end)', every_s: 0, url: `http://127.0.0.1:${r.port}/`, command: ['sh', '-c', 'printf %s "$PANESCRY_TEXT" >"$0.new"; mv "$0.new" "$0"', file] });
    await say(d, id, `leak token=${secret} end`);
    await until('the request', () => r.got.length === 1);
    assert.ok(!r.got[0].text.includes(secret.slice(8)), r.got[0].text);
    const { match } = JSON.parse(r.got[0].text);
    assert.match(match.content, /^leak token=.*\[masked\] end$/);
    assert.deepEqual([match.spans, match.captures[0], match.captures[2]], [[], 'token', 'end']);
    assert.match(match.captures[1], /\[masked\]/);
    assert.equal((await one(d, w.id)).last_content, match.content);
    await until('the command', () => existsSync(file));
    assert.equal(readFileSync(file, 'utf8'), `leak token=${secret} end`);
    await removeAll(d);
    await r.close();
  });

  it('runs eight commands at a time, and more when these have ended', async () => {
    const file = join(d.dir, 'pids');
    const gate = join(d.dir, 'gate');
    const w = await add(d, { pattern: '^run', every_s: 0, command: `echo $$ >>'${file}'; ls -l /proc/self/fd | cat >'${file}.fds'; while ! [ -e '${gate}' ]; do sleep 0.05; done` });
    for (let i = 1; i <= 20; i++) await say(d, id, `run ${i}`);
    await fired(d, w.id, 20);
    await until('eight', () => lines(file).length === 8);
    await pause(300);
    assert.equal(lines(file).length, 8);
    assert.match(d.stderr(), new RegExp(`${w.id}: 8 commands run already`));
    const open = lines(`${file}.fds`).filter((l) => / [3-9]\d* -> (?!\/proc)/.test(l));
    assert.deepEqual(open, [], 'no descriptor of the daemon’s');
    await writeFile(gate, '');
    await until('another', async () => {
      await say(d, id, 'run again');
      return lines(file).length > 8;
    });
    await removeAll(d);
  });

  it('is removed while its commands and a flood run', async () => {
    const flood = await d.sh("awk 'BEGIN { for (i = 1; ; i++) print \"flood \" i }'");
    await d.shows(flood.id, 'flood');
    for (let i = 0; i < 10; i++) {
      const ids = [];
      for (let k = 0; k < 5; k++) ids.push((await add(d, { pattern: '(f)l.*\\d5$', every_s: 0, ...(k ? {} : { command: 'sleep 0.2' }) })).id);
      await pause(20);
      await Promise.all(ids.map((w) => d.ok('DELETE', `watches/${w}`)));
    }
    await d.remove(flood.id);
    assert.deepEqual(await list(d), []);
    await d.well();
  });

  it('does not act more often than it should, and counts what it left out', async () => {
    const r = await receiver();
    const w = await add(d, { pattern: '^often', every_s: 1, url: `http://127.0.0.1:${r.port}/hook?a=b` });
    const begin = Date.now();
    for (let i = 1; i <= 30; i++) await say(d, id, `often ${i}`);
    await until('the first', () => r.got.length >= 1);
    await pause(1200);
    const n = r.got.length;
    const most = 2 + (Date.now() - begin) / 1000;
    await say(d, id, 'often last');
    await until('the last', () => JSON.parse(r.got.at(-1).text).match.content === 'often last');
    assert.ok(n <= most, `${n} times`);
    const told = r.got.map((g) => JSON.parse(g.text));
    assert.equal(told.reduce((sum, o) => sum + 1 + o.suppressed, 0), 31);
    assert.equal((await one(d, w.id)).fired, told.length);
    const [first] = r.got;
    assert.deepEqual([first.method, first.url, first.headers['content-type'], first.headers.host], ['POST', '/hook?a=b', 'application/json', `127.0.0.1:${r.port}`]);
    const [o] = told;
    assert.deepEqual([o.type, o.watch, o.suppressed, o.match.pane, o.match.content, o.match.spans], ['fired', w.id, 0, id, 'often 1', [[0, 5]]]);
    await removeAll(d);
    await r.close();
  });

  it('finds localhost whichever address that is first', async () => {
    const r = await receiver();
    await add(d, { pattern: '^local', every_s: 0, url: `http://localhost:${r.port}` });
    await say(d, id, 'local ä "q" \\');
    await until('the request', () => r.got.length === 1);
    assert.equal(r.got[0].url, '/');
    assert.equal(JSON.parse(r.got[0].text).match.content, 'local ä "q" \\');
    await removeAll(d);
    await r.close();
  });

  it('is not held up by a server that hangs, refuses or talks nonsense', async () => {
    const sockets = [];
    const s = net.createServer((c) => {
      c.on('error', () => {});
      sockets.push(c);
    });
    s.listen(0, '127.0.0.1');
    await once(s, 'listening');
    const file = join(d.dir, 'beside');
    const w = await add(d, { pattern: '^hang', every_s: 0, url: `http://127.0.0.1:${s.address().port}/`, command: `echo x >>'${file}'` });
    await add(d, { pattern: '^hang', every_s: 0, url: 'http://127.0.0.1:1/' });
    for (let i = 0; i < 20; i++) await say(d, id, `hang ${i}`);
    await fired(d, w.id, 20);
    // Those that are refused have places, too, for a moment.
    await until('eight connections', async () => {
      if (sockets.length < 8) await say(d, id, 'hang on');
      return sockets.length === 8;
    });
    await d.well();
    await until('eight commands', () => lines(file).length >= 8);
    for (const [i, c] of sockets.entries()) c.end(['nonsense\r\n\r\n', '', 'HTTP/1.1 500 no\r\n\r\n', 'HTTP/1.1', 'x'.repeat(100_000)][i % 5]);
    const more = sockets.length;
    await until('room for another', async () => {
      await say(d, id, 'hang again');
      return sockets.length > more;
    });
    for (const c of sockets) c.destroy();
    s.close();
    await removeAll(d);
    await d.well();
  });

  it('is refused with what is wrong', async () => {
    const bad = async (json, code, message) => {
      const r = await d.request('POST', '/api/v1/watches', { json });
      assert.equal(r.status, 400, `${JSON.stringify(json).slice(0, 200)}: ${r.text}`);
      assert.equal(r.json.error, code);
      if (message) assert.match(r.json.message, message, r.text);
    };
    for (const pattern of [undefined, '', 5, null, 'a'.repeat(1001)]) await bad({ pattern }, 'bad_params', /pattern/);
    for (const pattern of ['(', '\\C', '(*NO_JIT)a']) await bad({ pattern }, 'bad_pattern');
    for (const command of [[''], [], ['a', 5], ['a', null], ['a', ['b']], {}, Array(65).fill('a'), ['x'.repeat(4096)]]) await bad({ pattern: 'x', command }, 'bad_params', /command/);
    for (const name of ['pane', 'command', 'url']) for (const v of ['', 5, [], 'x'.repeat(4097)]) await bad({ pattern: 'x', [name]: v }, 'bad_params', new RegExp(name));
    for (const v of [-1, 1.5, '1', 86401, null]) await bad({ pattern: 'x', every_s: v }, 'bad_params', /every_s/);
    for (const name of ['icase', 'fixed']) for (const v of [1, 'x', null]) await bad({ pattern: 'x', [name]: v }, 'bad_params', new RegExp(name));
    for (const url of ['https://127.0.0.1/', 'ftp://127.0.0.1', 'http://', 'http:///x', 'http://127.0.0.1:0/', 'http://127.0.0.1:65536/', 'http://127.0.0.1:/', 'http://127.0.0.1x:1', 'http://127.0.0.1/a b', 'http://127.0.0.1/\r\nX: y', 'http://user@127.0.0.1/', 'http://127.0.0.1@example.com/', 'http://[::1/', 'http://127.0.0.1?x', `http://127.0.0.1/${'x'.repeat(1000)}`, '127.0.0.1'])
      await bad({ pattern: 'x', url }, 'bad_params', /url/);
    for (const url of ['http://example.com/', 'http://10.0.0.1/', 'http://127.example.com/', 'http://127.0.0.1.example.com/', 'http://localhost.example.com/', 'http://[::2]/', 'http://[fe80::1]/', 'http://0.0.0.0/', 'http://[127.example.com]/', 'http://127.1.example.com:80/', 'http://0x7f.1/', 'http://0x7f000001/', 'http://2130706433/', 'http://127.1/', 'http://0177.0.0.1/', 'http://0/', 'http://[::]/', 'http://[::ffff:1.2.3.4]/', 'http://[::ffff:127.0.0.1]/', 'http://[::1%25lo]/', 'http://localhost./', 'http://LOCALHOST.example.com/'])
      await bad({ pattern: 'x', url }, 'bad_params', /url/);
    for (const body of ['[]', '{', '"x"']) assert.equal((await d.request('POST', '/api/v1/watches', { body })).status, 400);
    const { token } = await d.ok('POST', 'tokens', { read_only: true });
    assert.equal((await d.request('POST', '/api/v1/watches', { token, json: { pattern: 'x' } })).status, 403);
    assert.equal((await d.request('GET', '/api/v1/watches', { token })).status, 200);
    assert.deepEqual(await list(d), []);
  });
});

describe('watches stay', () => {
  it('over the end of the worker and of the daemon', async () => {
    const dir = await privateDir();
    let d = await startDaemon({ dir, keep: true });
    const r = await receiver();
    const id = await talker(d);
    const gone = await add(d, { pattern: 'gone' });
    const w = await add(d, { pattern: '^(k)ept', icase: true, pane: '*', url: `http://127.0.0.1:${r.port}/`, every_s: 0 });
    await d.ok('DELETE', `watches/${gone.id}`);
    const wish = ({ fired: f, last_fired: t, last_content: c, ...rest }) => rest;
    for (let i = 1; i <= 3; i++) {
      await killWorker(d);
      assert.deepEqual((await list(d)).map(wish), [wish(w)]);
      await say(d, id, `Kept ${i}`);
      await until(`kept ${i}`, () => r.got.length >= i);
    }
    assert.deepEqual(r.got.map((g) => JSON.parse(g.text).match.content), ['Kept 1', 'Kept 2', 'Kept 3']);
    await d.stop();
    d = await startDaemon({ dir, keep: true });
    assert.deepEqual((await list(d)).map(wish), [wish(w)]);
    const again = await talker(d);
    await say(d, again, 'kept again');
    await until('it again', () => r.got.length === 4);
    const next = await add(d, { pattern: 'x' });
    assert.ok(Number(next.id.slice(1)) > Number(w.id.slice(1)));
    await d.stop();
    await r.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('up to 256, even large ones', async () => {
    const dir = await privateDir();
    let d = await startDaemon({ dir, keep: true });
    const large = { pattern: 'p'.repeat(1000), command: `: ${'"'.repeat(4000)}`, pane: '\\*'.repeat(1000), url: `http://127.0.0.1/${'x'.repeat(900)}` };
    for (let i = 0; i < 256; i += 16) await Promise.all([...Array(16)].map(() => add(d, large)));
    const r = await d.request('POST', '/api/v1/watches', { json: { pattern: 'x' } });
    assert.deepEqual([r.status, r.json.error], [429, 'too_many_watches']);
    await d.stop();
    d = await startDaemon({ dir, keep: true });
    assert.equal((await list(d)).length, 256);
    const ids = new Set((await list(d)).map((w) => w.id));
    assert.equal(ids.size, 256);
    await d.ok('DELETE', `watches/${[...ids][0]}`);
    assert.equal((await add(d, { pattern: 'x' })).pattern, 'x');
    await d.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it('unless their file is damaged, which is kept', async () => {
    const dir = await privateDir();
    const file = join(dir, 'watches.json');
    const good = { id: 'w7', pattern: 'good' };
    for (const [text, left] of [
      ['', []],
      ['{"watches":', []],
      ['\xff\xfe\0', []],
      ['[]', []],
      ['{"watches":5,"last_id":"x"}', []],
      ['['.repeat(100_000), []],
      [JSON.stringify({ last_id: 3, watches: [1, 'x', null, {}, [], { id: 'w1' }, { id: 'x1', pattern: 'a' }, { id: 'w2', pattern: '(' }, { id: 'w0', pattern: 'a' }, { id: 'w3', pattern: 'a', every_s: 'x' }, { id: 'w4', pattern: 'a', url: 'gopher://x' }, { id: 'w5', pattern: '' }, { id: 'w6', pattern: 'a', command: 5 }, good, good] }), ['w7']],
    ]) {
      await writeFile(file, text, 'latin1');
      const d = await startDaemon({ dir, keep: true });
      assert.deepEqual((await list(d)).map((w) => w.id), left, text.slice(0, 40));
      assert.match(d.stderr(), /watches\.json|left out/, text.slice(0, 40));
      const w = await add(d, { pattern: 'new' });
      if (left.length !== 0) assert.equal(w.id, 'w8');
      const aside = (await readdir(dir)).filter((f) => f.startsWith('watches.json.damaged'));
      if (left.length === 0) {
        assert.equal(aside.length, 1, text.slice(0, 40));
        assert.equal(readFileSync(join(dir, aside[0]), 'latin1'), text);
        await rm(join(dir, aside[0]));
      }
      await d.stop();
    }
    await rm(dir, { recursive: true, force: true });
  });

  it('a daemon ends while a server hangs and a command runs', async () => {
    const s = net.createServer((c) => c.on('error', () => {}));
    s.listen(0, '127.0.0.1');
    await once(s, 'listening');
    const d = await startDaemon();
    const file = join(d.dir, 'pid');
    const w = await add(d, { pattern: '^end', every_s: 0, url: `http://127.0.0.1:${s.address().port}/`, command: `echo $$ >'${file}'; exec sleep 1000 2>/dev/null` });
    const id = await talker(d);
    await say(d, id, 'end');
    await fired(d, w.id, 1);
    await until('the command', () => lines(file).length === 1);
    const [pid] = lines(file);
    const began = Date.now();
    await d.stop();
    assert.ok(Date.now() - began < 15_000, `${Date.now() - began} ms`);
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It may have been ended with the daemon.
    }
    s.close();
  });
});

it('a watch may call other machines where that is allowed', async () => {
  const d = await startKept({ conf: { webhooks_remote: 'on' } });
  for (const url of ['http://192.0.2.1:9/x', 'http://example.invalid/', 'http://[2001:db8::1]:80/']) assert.equal((await add(d, { pattern: 'never', url })).url, url);
  const r = await d.request('POST', '/api/v1/watches', { json: { pattern: 'x', url: 'https://example.invalid/' } });
  assert.equal(r.status, 400);
  await d.stop();
});

// Names are found where the machine says: in a mount namespace of its own it says something else.
it('a watch calls no other machine, whatever the name of this one is found to be', async (t) => {
  const dir = await privateDir();
  const hosts = join(dir, 'hosts');
  const elsewhere = Object.values(networkInterfaces()).flat().find((i) => i.family === 'IPv4' && !i.internal)?.address ?? '192.0.2.1';
  const under = ['unshare', '-rm', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts];
  await writeFile(hosts, `${elsewhere} localhost\n`);
  if (spawnSync(under[0], [...under.slice(1), 'true']).status !== 0) {
    t.skip('no namespaces here');
    return;
  }
  const got = [];
  const s = net.createServer((c) => got.push(c) && c.destroy());
  s.listen(0, '0.0.0.0');
  await once(s, 'listening');
  const d = await startDaemon({ under });
  try {
    const id = await talker(d);
    const w = await add(d, { pattern: '^call', every_s: 0, url: `http://localhost:${s.address().port}/` });
    await say(d, id, 'call');
    await fired(d, w.id, 1);
    await until('the refusal', () => d.stderr().includes('not of this machine'));
    assert.equal(got.length, 0);
  } finally {
    await d.stop();
    s.close();
  }
});
