// Tokens that have names and ends, tokens for one pane, and links that work once.

import assert from 'node:assert/strict';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { privateDir, request, startDaemon, useDaemon } from './lib/daemon.mjs';
import { Listener } from './lib/listener.mjs';
import { assertDone, assertRefused } from './lib/run.mjs';
import { schema } from './lib/schema.mjs';
import { until, within } from './lib/until.mjs';

const INFO = '/api/v1/info';

describe('tokens', () => {
  const d = useDaemon({ before, after });
  const mint = (o = {}) => d.ok('POST', 'tokens', o);
  const status = async (token, path = INFO, method = 'GET', more = {}) => (await d.request(method, path, { token, ...more })).status;

  it('are listed by what is no secret', async () => {
    const made = await mint({ name: 'lamp', read_only: true, expires_in: 3600 });
    assert.match(made.id, /^[0-9a-f]{8}$/);
    assert.equal(made.last_used, null);
    await status(made.token);
    const answer = await d.request('GET', '/api/v1/tokens');
    const one = answer.json.tokens.find((t) => t.id === made.id);
    assert.deepEqual([one.name, one.read_only, one.pane, one.once], ['lamp', true, null, false]);
    assert.ok(Math.abs(Date.parse(one.created) - Date.now()) < 60_000);
    assert.ok(Date.parse(one.last_used) >= Date.parse(one.created));
    assert.ok(!answer.text.includes(made.token) && !answer.text.includes(d.token));
    assert.doesNotMatch(answer.text, /[0-9a-f]{40}/, 'and no digest');
    assert.equal(await status(made.token, '/api/v1/tokens'), 403, 'one who only reads sees no list');
    const twice = await d.request('POST', '/api/v1/tokens', { json: { name: 'lamp' } });
    assert.deepEqual([twice.status, twice.json.error], [409, 'name_taken']);
    for (const json of [{ name: '' }, { name: 'a b' }, { name: '\u001b[31m' }, { name: 'x'.repeat(65) }, { name: 7 }, { pane: 7 }, { pane: '' }, { expires_in: 0 }, { expires_in: '1' }, { read_only: 'yes' }, { read_only: 1 }, { once: 'true' }])
      assert.equal((await d.request('POST', '/api/v1/tokens', { json })).status, 400, JSON.stringify(json));
    assert.equal((await d.request('POST', '/api/v1/tokens', { json: { pane: 'p999' } })).json.error, 'no_such_pane');
  });

  it('end when they are ended, with all that is open by them', async () => {
    const { id: pane } = await d.new(['cat']);
    const made = await mint({ name: 'brief' });
    const other = await mint();
    const cookie = { cookie: `panescry-${d.port}=${made.token}` };
    const origin = { origin: `http://127.0.0.1:${d.port}` };
    const open = [await d.attach(pane, { token: made.token }), await d.attach(pane, { token: null, headers: { ...cookie, ...origin } })];
    const stays = await d.attach(pane, { token: other.token });
    const l = await Listener.on(d, ['panes'], undefined, { token: made.token });
    await l.hears('the state', (o) => o.type === 'state');
    const waits = d.request('POST', `/api/v1/panes/${pane}/wait`, { token: made.token, json: { pattern: 'never', timeout_ms: 600_000 } }).then((r) => r.status);
    await until('the wait', async () => (await d.metric('panescry_waits')) === 1);
    assert.equal((await d.request('DELETE', '/api/v1/tokens/brief')).json.id, made.id);
    for (const v of open) assert.equal((await v.ended()).code, 4401);
    assert.equal(await within('the close', l.over), 4401);
    assert.equal(await within('the end of the wait', waits), 401);
    assert.equal(await status(made.token), 401);
    assert.equal((await d.request('GET', INFO, { token: null, headers: cookie })).status, 401);
    assert.equal((await d.request('GET', `/?token=${made.token}`, { token: null })).status, 401);
    assert.equal(stays.closed, null);
    await stays.close();
    for (const ref of ['brief', made.id, 'nobody', '..'])
      assert.equal((await d.request('DELETE', `/api/v1/tokens/${ref}`)).status, 404, ref);
    assert.equal((await d.request('DELETE', '/api/v1/tokens/%00')).status, 400);
    await d.remove(pane);
  });

  it('that expire close what is open by them', async () => {
    const { id: pane } = await d.new(['cat']);
    const { token, expires } = await mint({ expires_in: 3 });
    const longer = await mint({ expires_in: 3600 });
    const stays = await d.attach(pane, { token: longer.token });
    const v = await d.attach(pane, { token });
    const waits = d.request('POST', `/api/v1/panes/${pane}/wait`, { token, json: { pattern: 'never', timeout_ms: 600_000 } }).then((r) => r.status);
    assert.equal((await v.ended()).code, 4401);
    assert.ok(Date.now() >= Date.parse(expires));
    assert.equal(await within('the end of the wait', waits, 10_000), 401);
    await within('others to be served', d.well(), 10_000);
    assert.equal(stays.closed, null);
    await stays.close();
    await d.remove(pane);
  });

  it('for one pane open that one and nothing else', async () => {
    const mine = await d.sh('echo OWN-LINE; exec cat', { name: 'mine' });
    const other = await d.sh('echo OTHER-LINE; exec cat');
    await d.shows(mine.id, 'OWN-LINE');
    await d.shows(other.id, 'OTHER-LINE');
    const { token, pane, link } = await mint({ pane: 'mine' });
    assert.equal(pane, mine.id);
    assert.equal(link, `http://127.0.0.1:${d.port}/?token=${token}#${mine.id}`);

    // Every route that there is, with the other pane where it takes one.
    for (const route of Object.keys(schema.routes)) {
      const [method, pattern] = route.split(' ');
      if (['/', '/healthz', '/assets/:file', '/p/:id/', '/p/:id'].includes(pattern) || route === 'GET /api/v1/panes') continue;
      const path = pattern.replace(/:\w+/g, other.id);
      const body = method === 'POST' ? { body: '{}' } : {};
      assert.equal(await status(token, path, method, body), 403, route);
    }
    assert.equal((await d.pane(other.id)).state, 'running');
    const listed = (await d.request('GET', '/api/v1/panes?jobs=1', { token })).json;
    assert.deepEqual(listed.panes.map((p) => p.id), [mine.id]);
    assert.deepEqual(listed.alarms, []);
    assert.deepEqual([listed.access, listed.only], ['read_write', mine.id]);
    const whole = await d.ok('GET', 'panes');
    assert.deepEqual([whole.access, whole.only], ['read_write', null]);

    const own = (path, method, more) => d.request(method ?? 'GET', `/api/v1/panes/${mine.id}${path}`, { token, ...more });
    assert.equal((await own('')).json.name, 'mine');
    assert.equal((await own('/input', 'POST', { body: 'typed\n' })).status, 204);
    assert.match((await own('/capture')).text, /OWN-LINE/);
    assert.equal((await own('/search?pattern=OWN-LINE&fixed=1')).json.total, 1);
    assert.equal((await own('/search?pattern=OTHER-LINE&fixed=1&pane=*')).json.total, 0);
    for (const source of ['archive', 'sessions'])
      assert.equal((await own(`/search?pattern=x&source=${source}`)).json.error, 'other_pane', source);

    const v = await d.attach(mine.id, { token });
    assert.equal(v.hello.mode, 'rw');
    for (const id of [other.id, 'p999', 'x y']) assert.equal((await d.viewer(id, { token }).ended()).code, 4401, id);

    const l = await Listener.on(d, ['panes'], undefined, { token });
    const state = await l.hears('the state', (o) => o.type === 'state');
    assert.deepEqual(state.panes.map((p) => p.id), [mine.id]);
    const third = await d.new(['cat']);
    await d.remove(third.id);
    await d.remove(other.id);
    l.subscribe(['jobs']);
    await l.hears('a refusal', (o) => o.type === 'error');
    await d.remove(mine.id);
    assert.ok([1000, 4401].includes((await v.ended()).code));
    assert.equal(await within('the close', l.over), 4401);
    assert.ok(!l.all.some((o) => [third.id, other.id].includes(o.id ?? o.pane?.id)), JSON.stringify(l.all));
    assert.equal(await status(token, '/api/v1/panes'), 401, 'it ends with its pane');
    assert.ok(!(await d.ok('GET', 'tokens')).tokens.some((t) => t.pane));
  });

  it('for one pane may only read, too', async () => {
    const { id } = await d.new(['cat']);
    const { token } = await mint({ pane: id, read_only: true });
    assert.equal(await status(token, `/api/v1/panes/${id}`), 200);
    assert.equal((await d.request('GET', '/api/v1/panes', { token })).json.access, 'read_only');
    assert.equal((await d.request('DELETE', `/api/v1/panes/${id}`, { token })).json.error, 'read_only');
    assert.equal((await d.attach(id, { token })).hello.mode, 'ro');
    await d.remove(id);
  });

  it('of a link that works once are seen by nobody', async () => {
    const made = await mint({ once: true, name: 'phone', expires_in: 86400 });
    assert.deepEqual([made.token, made.once], [null, true]);
    assert.ok(Date.parse(made.expires) - Date.now() <= 600_000);
    const code = new URL(made.link).searchParams.get('token');
    assert.equal(await status(code), 401, 'a code is no token');
    const open = () => d.request('GET', `/?token=${code}`, { token: null });
    const all = await Promise.all(Array.from({ length: 5 }, open));
    assert.deepEqual(all.map((r) => r.status).sort(), [303, 401, 401, 401, 401]);
    // For a person who opens it in a browser it is a page, that holds nothing of what was asked for.
    const page = await request(d.tcp, 'GET', `/?token=${code}`, { headers: { accept: 'text/html,*/*;q=0.8' } });
    assert.deepEqual([page.status, page.headers['content-type'], page.headers['cache-control']], [401, 'text/html; charset=utf-8', 'no-store']);
    assert.match(page.headers['content-security-policy'], /^default-src 'none'/);
    assert.match(page.text, /panescry token/);
    assert.ok(!page.text.includes(code) && page.headers['set-cookie'] === undefined);
    const [cookie] = all.find((r) => r.status === 303).headers['set-cookie'][0].split(';');
    assert.ok(!cookie.includes(code));
    assert.equal((await d.request('GET', INFO, { token: null, headers: { cookie } })).status, 200);
    const { tokens } = await d.ok('GET', 'tokens');
    const phone = tokens.find((t) => t.name === 'phone');
    assert.equal(phone.once, false);
    assert.ok(Date.parse(phone.expires) - Date.now() > 80_000_000);
    await d.request('DELETE', '/api/v1/tokens/phone');
    assert.equal((await d.request('GET', INFO, { token: null, headers: { cookie } })).status, 401);
    assert.equal((await open()).status, 401);
  });

  it('are managed by the command', async () => {
    const { id } = await d.new(['cat'], { name: 'cli' });
    const [token] = assertDone(await d.cli(['token', '--name', 'made', '--pane', 'cli', '-r'])).split('\n');
    assert.equal(await status(token, `/api/v1/panes/${id}`), 200);
    const once = assertDone(await d.cli(['token', '--once', '--name', 'visitor'])).trim().split('\n');
    assert.equal(once.length, 1);
    assert.match(once[0], /\?token=[0-9a-f]{40}$/);
    const table = assertDone(await d.cli(['token', 'ls']));
    assert.match(table, new RegExp(`^[0-9a-f]{8} made +read +${id} `, 'm'));
    assert.match(table, /^[0-9a-f]{8} visitor +link /m);
    const { tokens } = JSON.parse(assertDone(await d.cli(['token', 'ls', '--json'])));
    assertDone(await d.cli(['token', 'rm', 'made']));
    assertDone(await d.cli(['token', 'rm', tokens.find((t) => t.name === 'visitor').id]));
    assert.equal(await status(token, `/api/v1/panes/${id}`), 401);
    assertRefused(await d.cli(['token', 'rm', 'made']), 2, /no such token/);
    for (const args of [['ls', 'x'], ['rm'], ['rm', 'a', 'b'], ['frob'], ['--pane', 'nobody'], ['--name', 'a b']])
      assertRefused(await d.cli(['token', ...args]), 2);
    await d.remove(id);
  });
});

describe('tokens on disk', () => {
  it('stay ended after a restart, and those of a pane end with the daemon', async () => {
    const dir = await privateDir();
    let d = await startDaemon({ dir, keep: true });
    const { id } = await d.new(['cat']);
    const kept = await d.ok('POST', 'tokens', { name: 'kept', expires_in: 86400 });
    const ended = await d.ok('POST', 'tokens', { name: 'ended' });
    const pane = await d.ok('POST', 'tokens', { name: 'pane', pane: id });
    await d.request('GET', INFO, { token: kept.token });
    await d.ok('DELETE', 'tokens/ended');
    await d.stop();
    d = await startDaemon({ dir });
    try {
      const again = await d.new(['cat']);
      assert.equal(again.id, id, 'the same id is another pane');
      const of = async (token) => (await d.request('GET', `/api/v1/panes/${id}`, { token })).status;
      assert.deepEqual([await of(kept.token), await of(ended.token), await of(pane.token)], [200, 401, 401]);
      const one = (await d.ok('GET', 'tokens')).tokens.find((t) => t.id === kept.id);
      assert.deepEqual([one.name, one.created, one.expires], ['kept', kept.created, kept.expires]);
      assert.ok(one.last_used);
    } finally {
      await d.stop();
    }
  });

  it('of the older format are taken over', async () => {
    const dir = await privateDir();
    // SHA-256 of "an-older-token-of-a-daemon".
    const { createHash } = await import('node:crypto');
    const secret = 'an-older-token-of-a-daemon';
    const sha256 = createHash('sha256').update(secret).digest('hex');
    await writeFile(join(dir, 'tokens.json'), JSON.stringify({ version: 1, tokens: [{ sha256, read_only: true, expires_ms: 0 }] }), { mode: 0o600 });
    const d = await startDaemon({ dir });
    try {
      const r = await d.request('GET', INFO, { token: secret });
      assert.equal(r.json.access, 'read_only');
      const one = (await d.ok('GET', 'tokens')).tokens[0];
      assert.deepEqual([one.created, one.name], [null, null]);
      await d.ok('DELETE', `tokens/${one.id}`);
      assert.equal((await d.request('GET', INFO, { token: secret })).status, 401);
    } finally {
      await d.stop();
    }
  });

  it('are tried again when they cannot be written', async () => {
    const dir = await privateDir();
    const d = await startDaemon({ dir });
    const file = join(dir, 'tokens.json');
    try {
      const made = await d.ok('POST', 'tokens', { name: 'revoked' });
      // A directory in the way of the file stops root as well.
      await rename(file, join(dir, 'aside'));
      await mkdir(join(file, 'x'), { recursive: true });
      const r = await d.request('DELETE', '/api/v1/tokens/revoked');
      assert.deepEqual([r.status, r.json.error], [500, 'not_saved']);
      assert.equal((await d.request('GET', INFO, { token: made.token })).status, 401, 'it has ended all the same');
      await rm(file, { recursive: true });
      await until('the file', async () => {
        const text = await readFile(file, 'utf8').catch(() => '');
        return text && !JSON.parse(text).tokens.some((t) => t.id === made.id);
      }, 30_000);
    } finally {
      await d.stop();
    }
  });

  it('leaves the token of --token-file to the file', async () => {
    const dir = await privateDir();
    await writeFile(join(dir, 'token'), 'correct-horse-battery\n');
    const d = await startDaemon({ dir, args: ['--token-file', join(dir, 'token')] });
    try {
      const r = await d.request('DELETE', '/api/v1/tokens/token-file');
      assert.deepEqual([r.status, r.json.error], [409, 'token_file']);
      assert.equal((await request(d.tcp, 'GET', INFO, { headers: { authorization: 'Bearer correct-horse-battery' } })).status, 200);
    } finally {
      await d.stop();
    }
  });
});
