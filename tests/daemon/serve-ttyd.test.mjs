// serve --ttyd: what ttyd's options do, a pane for each client, and that there is nothing else to be had.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import { privateDir } from './lib/daemon.mjs';
import { run, BINARY } from './lib/run.mjs';
import { schema } from './lib/schema.mjs';
import { startTtyd, TtyClient } from './lib/ttyd.mjs';
import { each, until } from './lib/until.mjs';

const basic = (credential) => `Basic ${Buffer.from(credential).toString('base64')}`;
const alive = (pid) => existsSync(`/proc/${pid}`);
const ECHO = ['sh', '-c', 'stty raw -echo; echo "pid=$$;"; exec cat -v'];
const pidOf = async (c) => {
  await c.shows(/pid=\d+;/);
  return Number(c.text.match(/pid=(\d+);/)[1]);
};

/** For the time of `work`. */
async function using(args, work, options) {
  const d = await startTtyd(args, options);
  try {
    await work(d);
  } finally {
    await d.stop();
  }
}
const greet = (d, hello = {}, options = {}) => TtyClient.greet(d, options.path ?? '/ws', hello, options);

describe('serve --ttyd', () => {
  it('gives each client a pane of its own, which ends when it leaves', () =>
    using(['-W', '-t', 'fontSize=20', '-t', 'theme={"background":"green"}', '-t', 'titleFixed=a = b', '-t', 'x=1}', ...ECHO], async (d) => {
      assert.deepEqual(await d.panes(), [], 'none before the first client');
      const [a, b] = [await greet(d, { columns: 101, rows: 31 }), await greet(d)];
      a.type('early.'); // behind the first message, before the command runs
      const pids = [await pidOf(a), await pidOf(b)];
      assert.notEqual(pids[0], pids[1]);
      assert.equal(a.types.slice(0, 3), '120');
      assert.match(a.messages[0].data.toString(), /^sh -c stty raw .* \([^()]+\)$/);
      assert.deepEqual(JSON.parse(a.messages[1].data), { fontSize: 20, theme: { background: 'green' }, titleFixed: 'a = b', x: '1}' });
      b.type('for b');
      await b.shows('for b');
      assert.doesNotMatch(a.text, /for b/);
      const panes = await d.panes();
      assert.deepEqual(panes.map((p) => [p.pid, p.cols, p.rows, p.viewers]), [[pids[0], 101, 31, 1], [pids[1], 80, 24, 1]]);
      await a.leave();
      await until('its command to end', () => !alive(pids[0]));
      await until('its pane to go', async () => (await d.panes()).length === 1);
      assert.ok(alive(pids[1]));
      b.ws.terminate();
      await until('the other', () => !alive(pids[1]));
      await until('no pane', async () => (await d.panes()).length === 0);
    }));

  it('lets no client type without -W', () =>
    using(ECHO, async (d) => {
      const c = await greet(d);
      await pidOf(c);
      c.type('not this');
      c.send('1{"columns":99,"rows":22}');
      await new Promise((r) => (c.ws.once('pong', r), c.ws.ping()));
      assert.doesNotMatch(c.text, /not this/);
      await c.leave();
    }));

  it('asks for the link\'s token, or for nothing with --no-auth', async () => {
    await using(['-W', ...ECHO], async (d) => {
      assert.ok(d.token);
      assert.equal((await d.get('/token')).status, 401);
      assert.equal((await greet(d, {}, { token: null }).then((c) => c.ended())).code, 1008);
      const c = await greet(d, { AuthToken: d.token }, { token: null });
      await pidOf(c);
      await c.leave();
      const login = await d.get(`/?token=${d.token}`);
      assert.equal(login.status, 303);
      assert.equal(login.headers.location, '/');
      assert.equal((await d.panes()).length <= 1, true);
    });
    await using(['--no-auth', '-W', ...ECHO], async (d) => {
      assert.equal(d.token, null);
      assert.deepEqual((await d.get('/token')).json, { token: '' });
      const c = await greet(d, { AuthToken: 'what ttyd would not look at' }, { token: null });
      await pidOf(c);
      await c.leave();
      for (const headers of [{ origin: 'http://evil.example' }, { host: 'evil.example' }]) {
        const evil = new TtyClient(d, '/ws', { token: null, headers });
        await evil.ended();
        assert.equal(evil.refused, 403);
      }
    });
  });

  it('asks for the credential of -c, as Basic and as AuthToken', () =>
    using(['-W', '-c', 'me:secret', ...ECHO], async (d) => {
      assert.equal(d.token, null);
      const token = Buffer.from('me:secret').toString('base64');
      for (const path of ['/', '/token']) {
        const none = await d.get(path);
        assert.equal(none.status, 401);
        assert.match(none.headers['www-authenticate'], /^Basic realm="/);
        assert.equal((await d.get(path, { auth: basic('me:secret') })).status, 200);
        for (const auth of [basic('me:secre'), basic('me:secret2'), basic('me:'), 'Basic ', 'Basic', `Bearer ${token}`, `basic${token}`]) assert.equal((await d.get(path, { auth })).status, 401, auth);
      }
      assert.deepEqual((await d.get('/token', { auth: basic('me:secret') })).json, { token });
      const auth = (credential) => ({ token: null, headers: { authorization: basic(credential) } });
      for (const [hello, options] of [[{ AuthToken: token }, { token: null }], [{}, auth('me:secret')], [{ AuthToken: token }, { ...auth('me:secret'), origin: d.link }]]) {
        const c = await greet(d, hello, options);
        await pidOf(c);
        await c.leave();
      }
      const bad = [[{}, { token: null }], [{ AuthToken: '' }, { token: null }], [{ AuthToken: 'me:secret' }, { token: null }], [{ AuthToken: token.slice(0, -1) }, { token: null }], [{ AuthToken: 'x' }, auth('me:secret')], [{}, auth('me:wrong')]];
      await each(bad, 6, async ([hello, options]) => {
        const c = await greet(d, hello, options);
        assert.equal((await c.ended()).code, 1008, JSON.stringify([hello, options]));
        assert.equal(c.types, '');
      });
      assert.doesNotMatch(d.stderr(), /secret|bWU6/, 'it is not logged');
      for (let i = 0; i < 25; i++) await d.get('/token', { auth: basic(`me:guess${i}`) });
      assert.equal((await d.get('/token', { auth: basic('me:secret') })).status, 429, 'who guesses waits');
    }));

  it('has nothing else over TCP', () =>
    using(['-W', ...ECHO], async (d) => {
      const headers = { authorization: `Bearer ${d.token}` };
      const open = new Set(['GET /', 'GET /assets/:file', 'GET /healthz']);
      for (const route of Object.keys(schema.routes)) {
        const [method, path] = route.split(' ');
        if (open.has(route)) continue;
        const r = await d.get(path.replace(/:\w+/g, 'p1'), { method, headers });
        assert.equal(r.status, 404, route);
      }
      for (const [path, protocol] of [['/ws/panes/p1', 'panescry.attach.v1'], ['/ws/events', 'panescry.events.v1'], ['/p/p1/ws', 'tty'], ['/ws/', 'tty']]) {
        const c = new TtyClient(d, path, { protocols: [protocol] });
        await c.ended();
        assert.equal(c.refused, 404, path);
      }
      // One of two subprotocols is right for the path, the other for lws.
      const two = new TtyClient(d, '/ws', { protocols: ['panescry.attach.v1', 'tty'] });
      await two.ended();
      assert.ok(two.refused >= 400 || two.closed.code === 1008, JSON.stringify(two.closed));
      assert.equal((await d.get('/')).status, 200);
      assert.equal((await d.get('/healthz')).json.status, 'ok');
    }));

  it('takes no more clients than -m says', () =>
    using(['-m', '2', ...ECHO], async (d) => {
      const stranger = new TtyClient(d, '/ws', { token: null });
      await stranger.open; // it counts for nothing
      const [a, b, late] = [await greet(d), await greet(d), new TtyClient(d, '/ws')];
      await Promise.all([pidOf(a), pidOf(b)]);
      await late.over;
      assert.equal(late.refused, 503);
      stranger.say({ AuthToken: d.token });
      assert.equal((await stranger.ended()).code, 1013);
      await a.leave();
      await until('room', async () => {
        const c = new TtyClient(d, '/ws');
        await Promise.race([c.open, c.over]);
        const in_ = !c.closed;
        if (in_) await c.leave();
        return in_;
      });
      await b.leave();
    }));

  it('ends with its only client with -o', async () => {
    const d = await startTtyd(['-o', ...ECHO]);
    const c = await greet(d);
    const pid = await pidOf(c);
    const second = new TtyClient(d, '/ws');
    await second.over;
    assert.equal(second.refused, 503);
    await c.leave();
    await d.end();
    assert.ok(!alive(pid));
  });

  it('is below -b, whether or not a proxy takes that away', () =>
    using(['-b', '/term/', ...ECHO], async (d) => {
      const r = await d.get('/term');
      assert.equal(r.status, 302);
      assert.equal(r.headers.location, '/term/');
      assert.equal((await d.get('/term/')).status, 200);
      for (const path of ['/term/ws', '/ws']) {
        const c = await greet(d, {}, { path });
        await pidOf(c);
        await c.leave();
      }
    }));

  it('tells by the close how the command ended, and that it could not start', async () => {
    for (const [command, code] of [[['true'], 1000], [['sh', '-c', 'exit 3'], 4410], [['/nowhere/at-all'], 4410], [['sh', '-c', 'kill -9 $$'], 4410]])
      await using(command, async (d) => {
        for (let i = 0; i < 2; i++) {
          const c = await greet(d);
          assert.equal((await c.ended()).code, code, command.join(' '));
        }
        await until('no pane', async () => (await d.panes()).length === 0);
      });
  });

  it('ends its commands when it is ended', async () => {
    const d = await startTtyd(ECHO);
    const c = await greet(d);
    const pid = await pidOf(c);
    await d.stop();
    assert.ok(!alive(pid));
    await c.ended();
  });

  it('ends a command whose client does not wait for its start', () =>
    using(ECHO, async (d) => {
      for (let i = 0; i < 20; i++) {
        const c = await greet(d);
        c.ws.terminate();
      }
      await until('no pane', async () => (await d.panes()).length === 0);
    }));

  it('starts where -w says, and by the name of an interface', async () => {
    const dir = await privateDir();
    await using(['-w', dir, '-i', 'lo', 'sh', '-c', 'pwd; exec cat'], async (d) => {
      assert.equal(new URL(d.link).hostname, '127.0.0.1');
      const c = await greet(d);
      await c.shows(dir);
      await c.leave();
    });
  });

  it('refuses what is not safe, and what it does not understand', async () => {
    const state = await privateDir();
    const outside = Object.values(networkInterfaces()).flat().find((i) => !i.internal && i.family === 'IPv4')?.address ?? '0.0.0.0';
    const bad = [
      [[], /needs a command/],
      [['-i', '0.0.0.0', 'cat'], /tokens would cross the network in the clear/],
      [['-i', outside, '-c', 'me:long enough', 'cat'], /in the clear/],
      [['-i', outside, '--no-auth', '--insecure-http', 'cat'], /--no-auth: /],
      [['-i', outside, '-c', 'me:short', '--insecure-http', 'cat'], /8 characters or more/],
      [['-i', 'no-such-thing', 'cat'], /no-such-thing/],
      [['-c', 'nocolon', 'cat'], /--credential: not USER:PASSWORD/],
      [['-c', ':x', 'cat'], /--credential/],
      [['-c', 'me:', 'cat'], /--credential/],
      [['-c', 'me:secret', '--no-auth', 'cat'], /-c goes neither/],
      [['-p', '70000', 'cat'], /--port/],
      [['-m', '-1', 'cat'], /--max-clients/],
      [['-t', 'novalue', 'cat'], /--client-option: not KEY=VALUE/],
      [['-t', `x=${'y'.repeat(5000)}`, 'cat'], /more than clients take/],
      [['-w', '/nowhere', 'cat'], /-w \/nowhere/],
      [['-S', 'cat'], /--ssl needs/],
      [['-b', '/token', 'cat'], /--base-path/],
      [['--frob', 'cat'], /unknown option/],
    ];
    for (const [args, what] of bad) {
      const r = await run(BINARY, ['serve', '--ttyd', '-p', '0', '--state-dir', state, '--socket', `${state}/s`, ...args]);
      assert.equal(r.status, 2, args.join(' '));
      assert.match(r.err, what);
      assert.match(r.err, /^panescry: [^\n]+\n$/);
    }
    const late = await run(BINARY, ['serve', '--foreground', '--ttyd', 'cat']);
    assert.equal(late.status, 2);
    assert.match(late.err, /--ttyd comes before all else/);
    const help = await run(BINARY, ['serve', '--ttyd', '--help']);
    assert.equal(help.status, 0);
    for (const o of ['-p, --port', '-i, --interface', '-W, --writable', '-c, --credential', '-t, --client-option', '-m, --max-clients', '-o, --once', '-b, --base-path']) assert.ok(help.out.includes(o), o);
  });
});
