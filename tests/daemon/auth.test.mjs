// Who may pass: tokens, links, cookies, Host and Origin.

import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { privateDir, request, startDaemon, useDaemon } from './lib/daemon.mjs';
import { Raw, requestText, upgradeText } from './lib/raw.mjs';
import { until } from './lib/until.mjs';

const INFO = '/api/v1/info';

describe('access', () => {
  const d = useDaemon({ before, after });
  const own = () => `127.0.0.1:${d.port}`;
  const cookieName = () => `panescry-${d.port}`;
  const withCookie = (cookie, more = {}) =>
    d.request('GET', INFO, { token: null, headers: { cookie }, ...more });

  /** Status of a request by hand, in which every header is ours. */
  const status = async (method, path, headers, body) => {
    const raw = await Raw.open(d.tcp);
    try {
      await raw.write(requestText(method, path, headers, body));
      return (await raw.answer()).status;
    } finally {
      raw.close();
    }
  };

  it('lets a link in once, then goes by a cookie', async () => {
    const r = await d.request('GET', `/?token=${d.token}`, { token: null });
    assert.equal(r.status, 303);
    assert.equal(r.headers.location, '/');
    assert.equal(r.headers['cache-control'], 'no-store');
    assert.equal(r.headers['set-cookie'].length, 1);
    const [pair, ...attributes] = r.headers['set-cookie'][0].split(/; */);
    const has = (a) => attributes.some((x) => x.toLowerCase() === a.toLowerCase());
    assert.ok(has('HttpOnly'));
    assert.ok(has('SameSite=Strict'));
    assert.ok(has('Path=/'));
    assert.ok(!has('Secure'), 'without TLS a browser would drop it');
    assert.equal((await withCookie(pair)).status, 200);
    assert.equal((await withCookie(`${pair.split('=')[0]}=wrong`)).status, 401);
  });

  it('refuses a link that is not valid', async () => {
    for (const token of ['', 'x', 'f'.repeat(40), `${d.token}0`, d.token.slice(1), 'x'.repeat(5000)]) {
      const r = await d.request('GET', `/?token=${token}`, { token: null });
      assert.equal(r.status, 401, token);
      assert.equal(r.headers['set-cookie'], undefined);
    }
  });

  it('takes no token from the query anywhere else', async () => {
    assert.equal((await d.request('GET', `${INFO}?token=${d.token}`, { token: null })).status, 401);
  });

  it('reads the cookie among others, and no other', async () => {
    const name = cookieName();
    const good = `${name}=${d.token}`;
    for (const cookie of [good, `a=b; ${good}`, `${good}; a=b`, `a=b;${good};c=d`, `a; ${good}`, `a="x y"; ${good}`,
      `x${name}=f; ${good}`, `${name}x=f; ${good}`, `${good};`, `; ;${good}`, `${'k=v; '.repeat(200)}${good}`])
      assert.equal((await withCookie(cookie)).status, 200, cookie.slice(-80));
    for (const cookie of ['', ';', '=', name, `${name}=`, `${name}==`, `x${good}`, `${name}x=${d.token}`, `a=${good}`,
      `${name}=${d.token}x`, `${name} =${d.token}`, `panescry=${d.token}`, `panescry-1=${d.token}`,
      `${name}=${'f'.repeat(4000)}`, `${name.toUpperCase()}=${d.token}`])
      assert.equal((await withCookie(cookie)).status, 401, cookie.slice(0, 80));
  });

  it('finds a good cookie behind a stale one of the same name', async () => {
    // Browsers send both when one was set for a longer path or by another host name.
    assert.equal((await withCookie(`${cookieName()}=${'f'.repeat(40)}; ${cookieName()}=${d.token}`)).status, 200);
  });

  it('reads the Authorization header strictly', async () => {
    const by = (authorization) => d.request('GET', INFO, { token: null, headers: { authorization } });
    assert.equal((await by(`Bearer ${d.token}`)).status, 200);
    assert.equal((await by(`bearer ${d.token}`)).status, 200, 'a scheme has no case');
    for (const value of ['', 'Bearer', 'Bearer ', d.token, `Basic ${d.token}`, `Bearer${d.token}`,
      `Bearer ${d.token}x`, `Bearer ${d.token.toUpperCase()}`, `Bearer ${d.token},x`, `Bearer ${'a'.repeat(8000)}`])
      assert.equal((await by(value)).status, 401, value.slice(0, 80));
  });

  it('denies a token that has expired, for links, headers and cookies', async () => {
    const { token, expires } = await d.ok('POST', 'tokens', { expires_in: 1 });
    assert.ok(Date.parse(expires) - Date.now() <= 1000);
    await until('the token to expire', async () => (await d.request('GET', INFO, { token })).status === 401);
    assert.ok(Date.now() >= Date.parse(expires), 'not before its time');
    assert.equal((await d.request('GET', `/?token=${token}`, { token: null })).status, 401);
    assert.equal((await withCookie(`${cookieName()}=${token}`)).status, 401);
    const v = d.viewer('p1', { token });
    assert.equal((await v.ended()).code, 4401);
  });

  it('mints tokens that work, and read-only ones that only read', async () => {
    const full = await d.ok('POST', 'tokens', {});
    assert.match(full.token, /^[0-9a-f]{40}$/);
    assert.equal(full.read_only, false);
    assert.equal(full.expires, null);
    assert.equal(full.link, `http://127.0.0.1:${d.port}/?token=${full.token}`);
    const half = await d.ok('POST', 'tokens', { read_only: true, expires_in: 60 });
    assert.equal(half.read_only, true);
    assert.equal((await d.request('POST', '/api/v1/panes', { token: half.token, json: { command: ['true'] } })).status, 403);
    assert.equal((await d.request('POST', '/api/v1/tokens', { token: half.token, json: {} })).status, 403);
    assert.equal((await d.request('GET', INFO, { token: half.token })).json.access, 'read_only');
    assert.equal((await d.request('GET', INFO, { token: full.token })).json.access, 'read_write');
    assert.equal((await d.request('GET', INFO, { token: null, headers: { cookie: `${cookieName()}=${half.token}` } })).json.access, 'read_only');
    const byCookie = await d.request('POST', '/api/v1/panes',
      { token: null, headers: { cookie: `${cookieName()}=${half.token}` }, json: { command: ['true'] } });
    assert.equal(byCookie.status, 403, 'also by cookie');
  });

  it('keeps no token on disk or in its log in the clear', async () => {
    const text = await readFile(join(d.dir, 'tokens.json'), 'utf8');
    assert.doesNotMatch(text, new RegExp(d.token));
    assert.equal((await stat(join(d.dir, 'tokens.json'))).mode & 0o777, 0o600);
    assert.ok(!d.stderr().includes(d.token));
  });

  it('serves no foreign Host', async () => {
    const auth = `Authorization: Bearer ${d.token}`;
    for (const host of [own(), `localhost:${d.port}`, `[::1]:${d.port}`, `LOCALHOST:${d.port}`])
      assert.equal(await status('GET', INFO, [`Host: ${host}`, auth]), 200, host);
    for (const host of ['elsewhere.example', `elsewhere.example:${d.port}`, `127.0.0.1.elsewhere.example:${d.port}`,
      `localhost.elsewhere.example`, '[::1', '[::1]x', 'a'.repeat(300), '127.0.0.1@elsewhere.example', 'local', 'tcp',
      'default', `localhost.:${d.port}x.example`])
      for (const path of [INFO, '/healthz', '/'])
        assert.equal(await status('GET', path, [`Host: ${host}`, auth]), 403, `${host.slice(0, 60)} ${path}`);
    assert.equal(await status('GET', INFO, [auth]), 403, 'no Host at all');
  });

  it('takes no header out of a path or query', async () => {
    for (const path of [INFO, '/healthz'])
      for (const sneaky of ['%0aHost:%20127.0.0.1', '%0d%0aHost:%20127.0.0.1%0d%0aX:%20', '?x=%0aHost:%20127.0.0.1',
        '?x=%0d%0aHost:%20127.0.0.1%0d%0aX:%20', '?%0d%0a%0d%0aHost:%20localhost'])
        assert.equal(await status('GET', path + sneaky, ['Host: elsewhere.example', `Authorization: Bearer ${d.token}`]), 400, path + sneaky);
    for (const sneaky of [`%0aAuthorization:%20Bearer%20${d.token}`, `?x=%0d%0aAuthorization:%20Bearer%20${d.token}%0d%0aX:%20`])
      assert.notEqual(await status('GET', INFO + sneaky, [`Host: ${own()}`]), 200);
  });

  it('gives no name of a door away as a key to it', async () => {
    for (const host of ['local', 'tcp', 'default', 'unix', 'http', `local:${d.port}`, `tcp:${d.port}`, 'LOCAL', 'localhost']) {
      const got = await status('GET', INFO, [`Host: ${host}`]);
      assert.ok(got === 401 || got === 403, `${host} gave ${got}`);
      const made = await status('POST', '/api/v1/panes', [`Host: ${host}`], '{"command":["true"]}');
      assert.ok(made === 401 || made === 403, `${host} gave ${made}`);
      const raw = await Raw.open(d.tcp);
      try {
        await raw.write(upgradeText(d, '/ws/panes/p1', { host, token: null }));
        const { status: upgrade } = await raw.answer();
        if (upgrade === 101) {
          await until('a close frame', () => raw.data.length >= 4);
          assert.equal(raw.data[0], 0x88);
          assert.equal(raw.data.readUInt16BE(2), 4401);
        } else {
          assert.equal(upgrade, 403);
        }
      } finally {
        raw.close();
      }
    }
    assert.equal((await d.ok('GET', 'panes')).panes.length, 0);
  });

  it('refuses what a page of another origin sends', async () => {
    const auth = `Authorization: Bearer ${d.token}`;
    const good = `http://${own()}`;
    const post = (origin) =>
      status('POST', '/api/v1/tokens', [`Host: ${own()}`, auth, ...(origin === null ? [] : [`Origin: ${origin}`])], '{}');
    assert.equal(await post(null), 201, 'a program sends none');
    assert.equal(await post(good), 201);
    for (const origin of ['null', 'http://elsewhere.example', `https://${own()}`, `http://localhost:${d.port}`,
      'http://127.0.0.1', `http://127.0.0.1:${d.port + 1}`, `${good}.elsewhere.example`, `${good}/`, own(), `http://x@${own()}`, 'file://'])
      assert.equal(await post(origin), 403, origin);
    for (const method of ['DELETE', 'POST'])
      assert.equal(await status(method, '/api/v1/panes/p1' + (method === 'POST' ? '/input' : ''),
        [`Host: ${own()}`, auth, 'Origin: null'], method === 'POST' ? 'x' : ''), 403);
    assert.equal(await status('GET', INFO, [`Host: ${own()}`, auth, 'Origin: http://elsewhere.example']), 403);
  });

  it('refuses a WebSocket of another origin at its handshake', async () => {
    const { id } = await d.new(['cat']);
    const tryOrigin = async (origin) => {
      const v = d.viewer(id, { headers: origin === null ? {} : { origin } });
      await until('an answer', () => v.hello || v.closed);
      const result = v.hello ? 101 : v.refused;
      if (!v.closed) await v.close();
      return result;
    };
    assert.equal(await tryOrigin(null), 101);
    assert.equal(await tryOrigin(`http://${own()}`), 101);
    for (const origin of ['null', 'http://elsewhere.example', `https://${own()}`, `http://localhost:${d.port}`,
      `http://127.0.0.1:${d.port + 1}`])
      assert.equal(await tryOrigin(origin), 403, origin);
    const host = d.viewer(id, { headers: { host: 'elsewhere.example' } });
    await host.over;
    assert.equal(host.refused, 403);
    await d.remove(id);
  });
});

describe('tokens and restarts', () => {
  it('knows its tokens again after a restart, and its read-only ones', async () => {
    const dir = await privateDir();
    let d = await startDaemon({ dir, keep: true });
    const first = d.token;
    const reader = (await d.ok('POST', 'tokens', { read_only: true })).token;
    const brief = (await d.ok('POST', 'tokens', { expires_in: 1 })).token;
    await d.stop();
    d = await startDaemon({ dir });
    try {
      assert.notEqual(d.token, first);
      assert.equal((await d.request('GET', INFO, { token: first })).status, 200);
      assert.equal((await d.request('POST', '/api/v1/tokens', { token: first, json: {} })).status, 201);
      assert.equal((await d.request('POST', '/api/v1/tokens', { token: reader, json: {} })).status, 403);
      await until('the brief one to be denied', async () => (await d.request('GET', INFO, { token: brief })).status === 401);
    } finally {
      await d.stop();
    }
  });

  it('saves every token of many that are made at once', async () => {
    const dir = await privateDir();
    let d = await startDaemon({ dir, keep: true });
    const made = await Promise.all(Array.from({ length: 40 }, () => d.request('POST', '/api/v1/tokens', { json: {} })));
    assert.deepEqual([...new Set(made.map((r) => r.status))], [201]);
    await d.stop();
    d = await startDaemon({ dir });
    try {
      for (const { json } of made) assert.equal((await d.request('GET', INFO, { token: json.token })).status, 200);
    } finally {
      await d.stop();
    }
  });

  it('starts with as many tokens as there may be', async () => {
    const dir = await privateDir();
    const tokens = Array.from({ length: 1000 }, (_, i) => ({
      sha256: i.toString(16).padStart(64, '0'), read_only: false, expires_ms: Date.now() + 86400_000 + i,
    }));
    await writeFile(join(dir, 'tokens.json'), JSON.stringify({ version: 1, tokens }), { mode: 0o600 });
    const d = await startDaemon({ dir });
    try {
      assert.equal((await d.request('GET', INFO)).status, 200, 'its link works');
    } finally {
      await d.stop();
    }
  });

  it('makes room for new tokens when old ones expire', async () => {
    const dir = await privateDir();
    const soon = Date.now() + 1500;
    const tokens = Array.from({ length: 998 }, (_, i) => ({
      sha256: i.toString(16).padStart(64, '0'), read_only: false, expires_ms: soon,
    }));
    await writeFile(join(dir, 'tokens.json'), JSON.stringify({ version: 1, tokens }), { mode: 0o600 });
    const d = await startDaemon({ dir });
    try {
      await until('a third new token', async () =>
        (await d.request('POST', '/api/v1/tokens', { json: {} })).status === 201 && Date.now() > soon);
      assert.equal((await d.request('POST', '/api/v1/tokens', { json: {} })).status, 201);
    } finally {
      await d.stop();
    }
  });

  it('sets a damaged file aside and starts', async () => {
    for (const text of ['', '{', '[]', '{"tokens":7}', '{"tokens":[{"sha256":"00"}]}', '\0\0']) {
      const dir = await privateDir();
      await writeFile(join(dir, 'tokens.json'), text, { mode: 0o600 });
      const d = await startDaemon({ dir });
      try {
        assert.equal((await d.request('GET', INFO)).status, 200);
        const aside = (await readdir(dir)).filter((f) => f.startsWith('tokens.json.damaged-'));
        assert.equal(aside.length, 1);
        assert.equal(await readFile(join(dir, aside[0]), 'utf8'), text);
      } finally {
        await d.stop();
      }
    }
  });

  it('takes the token of --token-file, and makes one there', async () => {
    const dir = await privateDir();
    const file = join(dir, 'token');
    await writeFile(file, 'correct-horse-battery\n');
    let d = await startDaemon({ dir, keep: true, args: ['--token-file', file] });
    try {
      assert.equal((await d.request('GET', INFO, { token: 'correct-horse-battery' })).status, 200);
    } finally {
      await d.stop();
    }
    await rm(file);
    d = await startDaemon({ dir, args: ['--token-file', file] });
    try {
      const made = (await readFile(file, 'utf8')).trim();
      assert.match(made, /^[0-9a-f]{40}$/);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.equal((await d.request('GET', INFO, { token: made })).status, 200);
      assert.equal((await d.request('GET', INFO, { token: 'correct-horse-battery' })).status, 401);
    } finally {
      await d.stop();
    }
  });

  it('asks for none with --no-auth, but for Host and Origin all the same', async () => {
    const d = await startDaemon({ args: ['--no-auth'] });
    try {
      assert.equal(d.token, null);
      assert.equal((await d.request('GET', INFO)).status, 200);
      assert.equal((await request(d.tcp, 'GET', INFO, { headers: { host: 'elsewhere.example' } })).status, 403);
      assert.equal((await request(d.tcp, 'POST', '/api/v1/tokens', { headers: { origin: 'null' }, body: '{}' })).status, 403);
      const { id } = await d.new(['cat']);
      const v = await d.attach(id, { token: null });
      assert.equal(v.hello.mode, 'rw');
      await v.close();
    } finally {
      await d.stop();
    }
  });

  it('tells the client when a token cannot be saved', async () => {
    const dir = await privateDir();
    const d = await startDaemon({ dir });
    try {
      // A directory in the way of the file stops root as well.
      await until('the first save', () => rm(join(dir, 'tokens.json')).then(() => true, () => false));
      await mkdir(join(dir, 'tokens.json'));
      await writeFile(join(dir, 'tokens.json', 'x'), '');
      const r = await d.request('POST', '/api/v1/tokens', { json: {} });
      assert.equal(r.status, 500);
      assert.equal(r.json.error, 'not_saved');
    } finally {
      await chmod(dir, 0o700);
      await d.stop();
    }
  });
});
