// Those who guess at tokens wait, and nobody else does.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { privateDir, request, startDaemon, useDaemon } from './lib/daemon.mjs';
import { until, within } from './lib/until.mjs';

const INFO = '/api/v1/info';
const guess = () => randomBytes(20).toString('hex');

describe('the guard', () => {
  const d = useDaemon({ before, after });
  // Each test is another client: all of 127.0.0.0/8 is this machine.
  const from = (localAddress) => ({ ...d.tcp, localAddress });
  const ask = (where, token, path = INFO, headers = {}) =>
    request(where, 'GET', path, { headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers } });
  /** The status and, for 429, what it says, after so many guesses. */
  async function guesses(where, n, by = (token) => ask(where, token)) {
    const got = [];
    for (let i = 0; i < n; i++) got.push((await by(guess())).status);
    return got;
  }

  it('refuses an address after 20 wrong tokens, also with the right one, and lets it in again', async () => {
    const where = from('127.0.0.2');
    assert.deepEqual([...new Set(await guesses(where, 21))], [401]);
    const refused = await ask(where, d.token);
    assert.deepEqual([refused.status, refused.json.error], [429, 'too_many_attempts']);
    const seconds = Number(refused.headers['retry-after']);
    assert.ok(seconds >= 1 && seconds <= 5, `${seconds}`);
    for (const path of [`/?token=${d.token}`, `/?token=${guess()}`])
      assert.equal((await request(where, 'GET', path)).status, 429, 'a link is no way round');
    assert.equal((await ask(where, null, INFO, { cookie: `panescry-${d.port}=${d.token}` })).status, 429);
    assert.equal((await ask(where, null)).status, 401, 'nothing offered is nothing refused');
    assert.equal((await ask(where, null, '/healthz')).status, 200);
    // Everybody else goes on.
    assert.equal((await ask(from('127.0.0.3'), d.token)).status, 200);
    assert.equal((await d.request('GET', INFO)).status, 200);
    assert.equal((await d.local('GET', INFO)).status, 200);
    await until('an answer', async () => (await ask(where, d.token)).status === 200, 20_000);
    // The next wrong one costs twice as much.
    assert.deepEqual(await guesses(where, 1), [401]);
    const longer = Number((await ask(where, d.token)).headers['retry-after']);
    assert.ok(longer > 5 && longer <= 10, `${longer}`);
  });

  it('counts cookies, links and WebSockets as well', async () => {
    const cookie = (token) => ({ cookie: `panescry-${d.port}=${token}` });
    const ways = {
      '127.0.0.4': (where) => (token) => ask(where, null, INFO, cookie(token)),
      '127.0.0.5': (where) => (token) => request(where, 'GET', `/?token=${token}`),
      '127.0.0.6': (where) => (token) =>
        new Promise((resolve) => {
          const ws = new WebSocket(`ws://127.0.0.1:${d.port}/ws/panes/p1`, ['panescry.attach.v1'], { localAddress: where.localAddress, headers: { authorization: `Bearer ${token}` } });
          ws.on('unexpected-response', (_, res) => resolve({ status: res.statusCode, retry: res.headers['retry-after'] }));
          ws.on('error', () => {});
          ws.on('close', (code) => resolve({ status: code }));
        }),
    };
    for (const [address, way] of Object.entries(ways)) {
      const by = way(from(address));
      const got = await guesses(from(address), 21, by);
      assert.ok(got.every((s) => s === 401 || s === 4401), `${address}: ${got}`);
      assert.equal((await within('an answer', by(d.token))).status, 429, address);
      if (address === '127.0.0.6') assert.ok(Number((await by(d.token)).retry) >= 1);
    }
    const many = () => Array.from({ length: 30 }, () => `panescry-${d.port}=${guess()}`).join('; ');
    const where = from('127.0.0.7');
    for (let i = 0; i < 3; i++) await ask(where, null, INFO, { cookie: many() });
    assert.equal((await ask(where, d.token)).status, 429, 'many in one request are many');
  });

  it('takes no offence at what is no guess', async () => {
    const where = from('127.0.0.8');
    const { token: once } = await d.ok('POST', 'tokens', { name: 'gone' });
    await d.ok('DELETE', 'tokens/gone');
    const same = guess();
    for (let i = 0; i < 60; i++)
      assert.equal((await ask(where, [null, once, same][i % 3])).status, 401);
    for (let i = 0; i < 30; i++)
      assert.equal((await ask(where, null, INFO, { cookie: `panescry-${d.port}=${guess()}; panescry-${d.port}=${d.token}` })).status, 200, 'stale cookies next to a good one');
    assert.equal((await ask(where, d.token)).status, 200);
  });

  it('says so once in the log', async () => {
    await guesses(from('127.0.0.9'), 25);
    await until('the lines', () => (d.stderr().match(/127\.0\.0\.9/g) ?? []).length >= 2);
    assert.equal(d.stderr().match(/refused 127\.0\.0\.9: a wrong token/g).length, 1);
    assert.equal(d.stderr().match(/refused 127\.0\.0\.9: too many wrong tokens/g).length, 1);
  });

  it('has a bound that can be set', async () => {
    const dir = await privateDir();
    await writeFile(join(dir, 'panescry.conf'), 'max_wrong_tokens = 3\n');
    const other = await startDaemon({ dir, env: { PANESCRY_CONFIG: join(dir, 'panescry.conf') } });
    try {
      assert.deepEqual(await guesses(other.tcp, 5, (token) => ask(other.tcp, token)), [401, 401, 401, 401, 429]);
    } finally {
      await other.stop();
    }
  });
});
