// Behind a proxy: whose word counts, and a path that everything is below. The proxy here adds the
// headers that a real one does; what a stranger sends through it comes before them.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { findNginx, startNginx } from '../web/lib/nginx.mjs';
import { freePort } from '../web/lib/proxy.mjs';
import { attachPath, SUBPROTOCOL } from './lib/frames.mjs';
import { request, startDaemon } from './lib/daemon.mjs';
import { assertRefused, panescry } from './lib/run.mjs';
import { until, within } from './lib/until.mjs';

const PROXY = '127.0.0.9';
const SITE = 'https://box.example';

describe('behind a proxy', () => {
  let d, port; // the link is the proxy's and says no port
  before(async () => {
    d = await startDaemon({ args: ['--trust-proxy', `${PROXY},10.0.0.0/8`, '--allow-origin', SITE, '--base-path', '/term/'] });
    port = (await d.local('GET', '/api/v1/info')).json.port;
  });
  after(() => d?.stop());
  const via = (path, { from = PROXY, headers = {}, method = 'GET', token, body } = {}) =>
    request({ host: '127.0.0.1', port, localAddress: from }, method, path, {
      headers: { host: 'box.example', 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.7', ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers }, body });

  it('serves the name that people use, below its path', async () => {
    assert.match(d.link, new RegExp(`^${SITE}/term/\\?token=[0-9a-f]{40}$`));
    const token = new URL(d.link).searchParams.get('token');
    const login = await via(`/term/?token=${token}`);
    assert.deepEqual([login.status, login.headers.location], [303, '/term/']);
    const [pair, ...attributes] = login.headers['set-cookie'][0].split(/; */);
    for (const a of ['Path=/term', 'Secure', 'HttpOnly', 'SameSite=Strict']) assert.ok(attributes.includes(a), a);
    for (const base of ['/term', '']) // a proxy may take it away
      assert.equal((await via(`${base}/api/v1/info`, { headers: { cookie: pair } })).status, 200, base);
    const to = await via('/term');
    assert.deepEqual([to.status, to.headers.location], [302, '/term/']);
    assert.equal((await via('/termx/api/v1/info', { token })).status, 404);
    const page = await via('/term/', { headers: { cookie: pair } });
    assert.equal(page.status, 200);
    const asset = page.text.match(/"([^"]*assets\/app-\w+\.js)"/)[1];
    assert.ok(!asset.startsWith('/'), 'the page names its files relative to itself');
    assert.equal((await via(`/term/${asset}`)).status, 200);
    const open = (origin, path) =>
      within('an answer', new Promise((resolve) => {
        const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, ['panescry.events.v1'], { localAddress: PROXY,
          headers: { host: 'box.example', 'x-forwarded-proto': 'https', cookie: pair, origin } });
        ws.on('open', () => ws.close());
        ws.on('close', (code) => resolve(code));
        ws.on('unexpected-response', (_, res) => resolve(res.statusCode));
        ws.on('error', () => {});
      }));
    assert.equal(await open(SITE, '/term/ws/events'), 1005);
    assert.equal(await open(SITE, '/ws/events'), 1005);
    assert.equal(await open('http://box.example', '/term/ws/events'), 403);
    assert.equal(await open('https://evil.example', '/term/ws/events'), 403);
  });

  it('believes nobody else', async () => {
    const token = new URL(d.link).searchParams.get('token');
    assert.equal((await via('/healthz')).status, 200);
    assert.equal((await via('/healthz', { from: '127.0.0.8' })).status, 403, 'http://box.example is not served');
    assert.equal((await via('/healthz', { from: '127.0.0.8', headers: { host: `127.0.0.1:${port}`, 'x-forwarded-host': 'evil.example' } })).status, 200, 'not looked at');
    assert.equal((await via('/healthz', { headers: { 'x-forwarded-host': 'evil.example' } })).status, 403);
    assert.equal((await via('/healthz', { headers: { 'x-forwarded-proto': 'http' } })).status, 403);
    const direct = await via(`/term/?token=${token}`, { from: '127.0.0.8', headers: { host: `127.0.0.1:${port}` } });
    assert.doesNotMatch(direct.headers['set-cookie'][0], /Secure/);
  });

  it('counts guesses by client, whatever that one says of itself', async () => {
    const token = new URL(d.link).searchParams.get('token');
    const guess = () => randomBytes(20).toString('hex');
    const as = (client) => ({ headers: { 'x-forwarded-for': client } });
    for (let i = 0; i < 21; i++) // the last word is the proxy's, the first anybody's
      assert.equal((await via('/api/v1/info', { token: guess(), ...as(`198.51.100.${i}, 203.0.113.50, 10.1.1.1`) })).status, 401);
    assert.equal((await via('/api/v1/info', { token, ...as('203.0.113.50') })).status, 429);
    assert.equal((await via('/api/v1/info', { token, ...as('203.0.113.51') })).status, 200);
    assert.equal((await via('/api/v1/info', { token, ...as('203.0.113.50, 203.0.113.51') })).status, 200);
    await until('the line', () => d.stderr().includes('refused 203.0.113.50: a wrong token'));
    // One who is not trusted is himself, and blames nobody.
    for (let i = 0; i < 21; i++)
      await via('/api/v1/info', { from: '127.0.0.7', token: guess(), headers: { host: `127.0.0.1:${port}`, 'x-forwarded-for': '203.0.113.51' } });
    assert.equal((await via('/api/v1/info', { token, ...as('203.0.113.51') })).status, 200);
    assert.equal((await via('/api/v1/info', { from: '127.0.0.7', token, headers: { host: `127.0.0.1:${port}` } })).status, 429);
  });

  it('takes only networks and paths that are some', async () => {
    for (const proxy of ['x', '10.0.0.1/8', '10.0.0.0/33', 'localhost'])
      assertRefused(await panescry(['serve', '--foreground', '--trust-proxy', proxy]), 2, /--trust-proxy/);
    for (const path of ['x', '', '/api', '/ws/x', '/a b', '/a//b', '/../x', '/x?y', `/${'x'.repeat(200)}`])
      assertRefused(await panescry(['serve', '--foreground', '--base-path', path]), 2, /--base-path/);
  });
});

const nginx = await findNginx();

describe('behind nginx that gives up on what is idle', { skip: nginx ? false : 'there is no nginx: PANESCRY_NGINX may name one' }, () => {
  let d, proxy, site, port;
  before(async () => {
    port = await freePort();
    site = `https://127.0.0.1:${port}`;
    d = await startDaemon({ args: ['--base-path', '/x/', '--trust-proxy', '127.0.0.1', '--allow-origin', site] });
    proxy = await startNginx(nginx, { port, base: '/x', upstream: (await d.local('GET', '/api/v1/info')).json.port });
  });
  after(async () => {
    await proxy?.stop();
    await d?.stop();
  });

  const pane = async (command) => (await d.local('POST', '/api/v1/panes', { json: { command } })).json.id;

  /** All that comes until the proxy closes it: where output begins, and its bytes. */
  const follow = (pane, offset, more = {}) => {
    const ws = new WebSocket(`wss://127.0.0.1:${port}/x${attachPath(pane, { offset })}`, [SUBPROTOCOL], {
      rejectUnauthorized: false, headers: { authorization: `Bearer ${d.token}`, origin: site, ...more },
    });
    const got = { start: null, bytes: Buffer.alloc(0), status: 101 };
    ws.on('message', (m) => {
      if (m[0] !== 1) return; // OUTPUT, a 64 bit offset, bytes
      got.start ??= Number(m.readBigUInt64BE(1));
      got.bytes = Buffer.concat([got.bytes, m.subarray(9)]);
    });
    ws.on('unexpected-response', (_, res) => {
      got.status = res.statusCode;
      ws.terminate();
    });
    ws.on('error', () => {});
    return within('the end', new Promise((resolve) => ws.on('close', (code) => resolve({ ...got, code }))));
  };

  it('is passed by requests and WebSockets of its origin alone', async () => {
    const via = (path, headers = {}) => request({ host: '127.0.0.1', port, tls: true }, 'GET', path, { headers });
    assert.equal((await via('/x/healthz')).status, 200);
    assert.equal((await via('/x/api/v1/info')).status, 401);
    assert.equal((await via('/x/api/v1/info', { authorization: `Bearer ${d.token}` })).status, 200);
    assert.equal((await via('/x/healthz', { host: 'evil.example' })).status, 403);
    const id = await pane(['cat']);
    assert.equal((await follow(id, 0, { origin: 'https://evil.example' })).status, 403);
  });

  it('cuts a quiet terminal, which goes on at its byte', async () => {
    const id = await pane(['sh', '-c', 'stty -onlcr; for i in 1 2 3; do echo "line $i"; sleep 3; done; exec cat']);
    let at = 0;
    let text = '';
    await until('all lines', async () => {
      const got = await follow(id, at);
      assert.equal(got.code, 1006, 'nginx closes without a word');
      assert.ok(got.start === null || got.start === at, `${got.start} after ${at}`);
      at += got.bytes.length;
      text += got.bytes;
      return text.includes('line 3\n');
    }, 60_000);
    assert.equal(text, 'line 1\nline 2\nline 3\n');
    assert.match(await proxy.errors(), /timed out/);
  });
});
