// Host and Origin, on every kind of request.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startDaemon, useDaemon } from './lib/daemon.mjs';
import { Raw, requestText, upgradeText } from './lib/raw.mjs';
import { assertRefused, panescry } from './lib/run.mjs';

const INFO = '/api/v1/info';

/** Status of a request whose headers are all ours. */
async function status(d, method, path, headers, body) {
  const raw = await Raw.open(d.tcp);
  try {
    await raw.write(requestText(method, path, headers, body));
    return (await raw.answer({ head: method === 'HEAD' })).status;
  } finally {
    raw.close();
  }
}

/** Of an upgrade: 101 and the like. */
async function upgrade(d, path, headers) {
  const protocol = path === '/ws/events' ? 'panescry.events.v1' : 'panescry.attach.v1';
  const raw = await Raw.open(d.tcp);
  try {
    await raw.write([`GET ${path} HTTP/1.1`, ...headers, 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', `Sec-WebSocket-Protocol: ${protocol}`, '', ''].join('\r\n'));
    return (await raw.answer()).status;
  } finally {
    raw.close();
  }
}

const hosts = (port) => ({
  good: [`127.0.0.1:${port}`, `localhost:${port}`, `LocalHost:${port}`, `[::1]:${port}`, `[0:0:0:0:0:0:0:1]:${port}`, `10.1.2.3:${port}`],
  bad: ['', '127.0.0.1', 'localhost', `localhost.:${port}`, `127.0.0.1:${port + 1}`, '127.0.0.1:80', `127.0.0.1:0${port}x`, `127.0.0.1:${port}:80`,
    `127.1:${port}`, `0x7f.1:${port}`, `2130706433:${port}`, `evil.example:${port}`, `127.0.0.1.evil.example:${port}`, `localhost.evil.example:${port}`,
    `u@127.0.0.1:${port}`, `127.0.0.1:${port}@evil.example`, `127.0.0.1:${port}/`, `127.0.0.1:${port}?`, `127.0.0.1:${port}#`, `[::1]`, `[::1:${port}`,
    `::1:${port}`, `[::1%25lo]:${port}`, `127.0.0.1:${port}, evil.example`, `evil.example, 127.0.0.1:${port}`, `http://127.0.0.1:${port}`, `127.0.0.1:65536`, 'null'],
});

const origins = (port) => ({
  good: [`http://127.0.0.1:${port}`, `HTTP://127.0.0.1:${port}`],
  bad: ['null', 'http://', `127.0.0.1:${port}`, `https://127.0.0.1:${port}`, `http://127.0.0.1`, `http://127.0.0.1:80`, `http://127.0.0.1:${port + 1}`,
    `http://localhost:${port}`, `http://[::1]:${port}`, `http://127.0.0.1:${port}/`, `http://127.0.0.1:${port}.evil.example`, `http://127.0.0.1.:${port}`,
    `http://evil.example`, `http://evil.example:${port}`, `http://u@127.0.0.1:${port}`, `http://127.0.0.1:${port}@evil.example`, `ftp://127.0.0.1:${port}`,
    'file://', `http://127.0.0.1:${port} http://evil.example`, `http://evil.example, http://127.0.0.1:${port}`, 'chrome-extension://abcdefgh', `ws://127.0.0.1:${port}`],
});

describe('Host and Origin', () => {
  const d = useDaemon({ before, after });
  const own = () => `Host: 127.0.0.1:${d.port}`;
  const bearer = () => `Authorization: Bearer ${d.token}`;
  const cookie = () => `Cookie: panescry-${d.port}=${d.token}`;
  const at = (origin) => `Origin: ${origin}`;
  const home = () => at(`http://127.0.0.1:${d.port}`);

  it('Host is this door, on every request', async () => {
    for (const host of hosts(d.port).good) {
      assert.equal(await status(d, 'GET', INFO, [`Host: ${host}`, bearer()]), 200, host);
      assert.equal(await upgrade(d, '/ws/events', [`Host: ${host}`, bearer()]), 101, host);
    }
    for (const host of hosts(d.port).bad) {
      for (const [method, path] of [['GET', INFO], ['HEAD', INFO], ['OPTIONS', INFO], ['GET', '/'], ['GET', '/healthz'], ['GET', `/?token=${d.token}`],
        ['GET', '/assets/x.js'], ['GET', '/nothing/there'], ['PUT', '/api/v1/panes']]) {
        const got = await status(d, method, path, [`Host: ${host}`, bearer()]);
        assert.ok(got === 403 || (host === '' && got === 400), `${host} ${method} ${path}: ${got}`);
      }
      assert.equal(await upgrade(d, '/ws/events', [`Host: ${host}`, bearer()]), 403, host);
    }
  });

  it('Origin is the same, on every request', async () => {
    for (const origin of origins(d.port).good) {
      for (const by of [bearer(), cookie()]) {
        assert.equal(await status(d, 'GET', INFO, [own(), by, at(origin)]), 200, origin);
        assert.equal(await upgrade(d, '/ws/events', [own(), by, at(origin)]), 101, origin);
      }
    }
    assert.equal(await status(d, 'GET', INFO, [`Host: localhost:${d.port}`, bearer(), at(`http://localhost:${d.port}`)]), 200);
    for (const origin of origins(d.port).bad) {
      for (const by of [bearer(), cookie()]) {
        for (const [method, path] of [['GET', INFO], ['HEAD', INFO], ['OPTIONS', INFO], ['GET', '/'], ['GET', `/?token=${d.token}`], ['DELETE', '/api/v1/panes/p1'], ['GET', '/nothing/there']])
          assert.equal(await status(d, method, path, [own(), by, at(origin)]), 403, `${origin} ${method} ${path}`);
        assert.equal(await status(d, 'POST', '/api/v1/tokens', [own(), by, at(origin)], '{}'), 403, origin);
        for (const path of ['/ws/events', '/ws/panes/p1']) assert.equal(await upgrade(d, path, [own(), by, at(origin)]), 403, `${origin} ${path}`);
      }
    }
  });

  it('each is there once', async () => {
    for (const twice of [[own(), own()], [own(), 'Host: evil.example'], ['Host: evil.example', own()], [own(), home(), home()],
      [own(), home(), at('http://evil.example')], [own(), at('http://evil.example'), home()]]) {
      const got = await status(d, 'GET', INFO, [...twice, bearer()]);
      assert.ok(got === 403 || got === 400, `${twice}: ${got}`);
      assert.notEqual(await upgrade(d, '/ws/events', [...twice, bearer()]), 101, `${twice}`);
    }
  });

  it('a cookie without an Origin only reads, and not for another site', async () => {
    assert.equal(await status(d, 'GET', INFO, [own(), cookie()]), 200);
    assert.equal(await status(d, 'HEAD', INFO, [own(), cookie()]), 200);
    for (const site of ['same-origin', 'none'])
      assert.equal(await status(d, 'GET', INFO, [own(), cookie(), `Sec-Fetch-Site: ${site}`]), 200, site);
    for (const site of ['cross-site', 'same-site', 'x'])
      for (const name of ['Sec-Fetch-Site', 'sec-fetch-site', 'SEC-FETCH-SITE'])
        assert.equal(await status(d, 'GET', INFO, [own(), cookie(), `${name}: ${site}`]), 403, site);
    assert.equal(await status(d, 'POST', '/api/v1/tokens', [own(), cookie()], '{}'), 403);
    assert.equal(await status(d, 'DELETE', '/api/v1/panes/p1', [own(), cookie()]), 403);
    for (const path of ['/ws/events', '/ws/panes/p1']) assert.equal(await upgrade(d, path, [own(), cookie()]), 403, path);
    // A token that a program has is enough, and a link from elsewhere leads to the page.
    assert.equal(await upgrade(d, '/ws/events', [own(), bearer()]), 101);
    assert.equal(await upgrade(d, '/ws/events', [own(), bearer(), cookie()]), 101);
    assert.equal(await status(d, 'GET', '/', [own(), cookie(), 'Sec-Fetch-Site: cross-site']), 200);
  });

  it('is told once in the log, and not with what it was', async () => {
    for (let i = 0; i < 5; i++) await status(d, 'GET', INFO, [`Host: evil\x1b[31m.example`, bearer()]);
    assert.equal(d.stderr().match(/refused 127\.0\.0\.1: (this Host|requests from)/g).length, 1);
    assert.doesNotMatch(d.stderr(), /evil|\x1b/);
  });
});

describe('origins that are let in', () => {
  it('serve and send what they name, exactly', async () => {
    const d = await startDaemon({ args: ['--allow-origin', 'https://Box.example', '--allow-origin', 'http://pane.example:8080'] });
    const bearer = `Authorization: Bearer ${d.token}`;
    const cookie = `Cookie: panescry-${d.port}=${d.token}`;
    const own = `Host: 127.0.0.1:${d.port}`;
    try {
      for (const origin of ['https://box.example', 'https://box.example:443', 'http://pane.example:8080', `http://127.0.0.1:${d.port}`]) {
        assert.equal(await status(d, 'GET', INFO, [own, cookie, `Origin: ${origin}`]), 200, origin);
        assert.equal(await upgrade(d, '/ws/events', [own, cookie, `Origin: ${origin}`]), 101, origin);
      }
      for (const origin of ['http://box.example', 'https://box.example:8443', 'https://a.box.example', 'https://box.example.evil.example', 'http://pane.example', 'null'])
        assert.equal(await upgrade(d, '/ws/events', [own, cookie, `Origin: ${origin}`]), 403, origin);
      assert.equal(await status(d, 'GET', INFO, ['Host: pane.example:8080', bearer]), 200);
      for (const host of ['pane.example', 'box.example', `pane.example:${d.port}`])
        assert.equal(await status(d, 'GET', INFO, [`Host: ${host}`, bearer]), 403, host);
    } finally {
      await d.stop();
    }
  });

  it('must be origins', async () => {
    for (const origin of ['box.example', 'https://box.example/', 'https://u@box.example', '*', '', 'null', 'ftp://box.example'])
      assertRefused(await panescry(['serve', '--foreground', '--allow-origin', origin]), 2, /--allow-origin/);
    const many = Array.from({ length: 17 }, (_, i) => ['--allow-origin', `http://a${i}.example`]).flat();
    assertRefused(await panescry(['serve', '--foreground', ...many]), 2, /--allow-origin/);
  });
});
