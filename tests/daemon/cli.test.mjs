// The commands, as a person or a script runs them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { privateDir, request, startDaemon, useDaemon } from './lib/daemon.mjs';
import { alive, assertDone, assertRefused, BINARY, cleanEnv, panescry, run } from './lib/run.mjs';
import { until, within } from './lib/until.mjs';

describe('commands', () => {
  const d = useDaemon({ before, after });

  it('new starts a command and prints its id', async () => {
    const id = assertDone(await d.cli(['new', '--name', 'made', '--size', '91x33', '--env', 'A=b c', '--cwd', d.dir, '--', 'sh', '-c', 'echo "$A $1" "$PWD"; exec cat', 'x', '-n'])).trim();
    assert.match(id, /^p\d+$/);
    assert.match(await d.shows(id, 'b c'), /^b c -n /);
    const p = await d.pane('made');
    assert.deepEqual([p.id, p.cols, p.rows], [id, 91, 33]);
    const json = JSON.parse(assertDone(await d.cli(['new', '--json', 'cat', '--json'])));
    assert.deepEqual(json.command, ['cat', '--json']);
    const shell = JSON.parse(assertDone(await d.cli(['new', '--json'], { env: { SHELL: '/bin/sh' } })));
    assert.equal(shell.command.length, 1);
    for (const x of [json.id, shell.id, id]) assertDone(await d.cli(['kill', x]));
  });

  it('new says why not', async () => {
    assertRefused(await d.cli(['new', '--', 'no-such-command-here']), 2, /no-such-command-here.*No such file/);
    assertRefused(await d.cli(['new', '--cwd', '/no/such/place', 'cat']), 2, /No such file/);
    for (const args of [['--size', '80'], ['--size', '0x24'], ['--size', '80x2001'], ['--env', 'A'], ['--env', '=x'], ['--frob'], ['--name']])
      assertRefused(await d.cli(['new', ...args]), 2);
    assertRefused(await d.cli(['new', '--name', 'a b', 'cat']), 2);
    assertRefused(await d.cli(['new', '--env', '1A=x', 'cat']), 2);
  });

  it('ls lists, also as JSON', async () => {
    const { id } = await d.new(['sh', '-c', 'exec cat', '\u001b[31mred'], { name: 'listed' });
    const out = assertDone(await d.cli(['ls']));
    assert.match(out, new RegExp(`^${id} +listed +running +80x24 +0 +sh -c exec cat .\\[31mred`, 'm'));
    assert.ok(!out.includes('\u001b'), 'no escape sequence passes');
    const { panes } = JSON.parse(assertDone(await d.cli(['ls', '--json'])));
    assert.ok(panes.some((p) => p.id === id && p.name === 'listed'));
    assertRefused(await d.cli(['ls', 'x']), 2);
    await d.remove(id);
  });

  it('send types and capture shows', async () => {
    const { id } = await d.sh('stty -echo; while read -r x; do echo "<$x>"; done; echo end');
    assertDone(await d.cli(['send', id, '--enter', 'hello', 'there']));
    await d.shows(id, '<hello there>');
    assertDone(await d.cli(['send', id, 'keys ']));
    assertDone(await d.cli(['send', id, '--keys', 'a', 'BSpace', 'b', 'Space', 'Enter', 'C-d']));
    await d.shows(id, 'end');
    const text = assertDone(await d.cli(['capture', id]));
    assert.match(text, /<hello there>\n<keys b>\nend\n/);
    assert.equal(assertDone(await d.cli(['capture', id, '--format', 'text'])), text);
    assert.match(assertDone(await d.cli(['capture', id, '--format', 'ansi'])), /there>/);
    assertRefused(await d.cli(['capture', id, '--format', 'pdf']), 2, /format/);
    assertRefused(await d.cli(['capture']), 2);
    await d.exited(id);
    assertRefused(await d.cli(['send', id, 'x']), 2, /ended/);
    assertRefused(await d.cli(['send', id]), 2);
    assertRefused(await d.cli(['send', id, '--keys', 'Frob']), 2, /Frob/);
  });

  it('resize and kill', async () => {
    const { id } = await d.sh("trap 'echo got' USR1; echo ready; while :; do sleep 0.05; done", { name: 'victim' });
    await d.shows(id, 'ready');
    assertDone(await d.cli(['resize', 'victim', '99x22']));
    assert.equal((await d.pane(id)).cols, 99);
    for (const size of ['99', '99x', 'x', '0x1', '2001x1', '9x9x9']) assertRefused(await d.cli(['resize', id, size]), 2);
    assertDone(await d.cli(['kill', id, '--signal', 'USR1']));
    await d.shows(id, 'got');
    assertRefused(await d.cli(['kill', id, '--signal', 'FROB']), 2, /signal/);
    assertDone(await d.cli(['kill', 'vic']));
    await until('it to be gone', () => d.gone(id));
    for (const args of [['kill', id], ['resize', id, '80x24'], ['send', id, 'x'], ['capture', id]])
      assertRefused(await d.cli(args), 2, /no pane/);
  });

  it('token makes tokens', async () => {
    const [token, link] = assertDone(await d.cli(['token'])).trim().split('\n');
    assert.equal(link, `http://127.0.0.1:${d.port}/?token=${token}`);
    assert.equal((await d.request('POST', '/api/v1/tokens', { token, json: {} })).status, 201);
    const o = JSON.parse(assertDone(await d.cli(['token', '--read-only', '--expires', '15m', '--json'])));
    assert.equal(o.read_only, true);
    assert.ok(Math.abs(Date.parse(o.expires) - Date.now() - 900_000) < 60_000);
    for (const time of ['', '0', '-1', 'x', '1w', '1.5h', '999999999999999d', 'm']) assertRefused(await d.cli(['token', '--expires', time]), 2);
  });

  it('doctor looks around', async () => {
    const r = await d.cli(['doctor', '--json'], { env: { XDG_STATE_HOME: d.dir, TERM: 'xterm' } });
    const o = JSON.parse(r.out);
    assert.equal(o.checks.find((c) => c.check === 'daemon').ok, true);
    assert.equal(r.status, o.ok ? 0 : 1);
    assert.match((await d.cli(['doctor'])).out, /daemon/);
  });

  it('helps, and refuses what it does not know', async () => {
    assert.match(assertDone(await panescry(['--version'])), /^panescry \d/);
    const help = assertDone(await panescry(['--help']));
    for (const name of ['serve', 'new', 'ls', 'attach', 'search', 'capture', 'send', 'resize', 'kill', 'token', 'doctor']) {
      assert.match(help, new RegExp(`^  ${name} `, 'm'));
      assert.match(assertDone(await panescry([name, '--help'])), new RegExp(`^usage: panescry ${name} `));
      assertRefused(await panescry([name, '--no-such-option']), 2, /no-such-option/);
    }
    assertRefused(await panescry(['frob']), 2, /frob/);
    assert.equal((await panescry([])).status, 2);
  });

  it('every command says with status 3 that there is no daemon', async () => {
    const env = { PANESCRY_SOCKET: join(d.dir, 'nobody.sock') };
    for (const args of [['new', 'cat'], ['ls'], ['search', 'x'], ['capture', 'p1'], ['send', 'p1', 'x'], ['resize', 'p1', '80x24'], ['kill', 'p1'], ['token'], ['attach', '--read-only', 'p1']])
      assertRefused(await panescry(args, { env }), 3, /no daemon/);
    assert.equal((await panescry(['doctor'], { env })).status, 3);
  });

  it('attach --read-only needs no terminal and ends with the pane', async () => {
    const { id } = await d.sh('read -r x; seq 1 5; exit 3');
    const ended = d.cli(['attach', '--read-only', id]);
    await until('it to attach', async () => (await d.pane(id)).viewers === 1);
    await d.type(id, '\n');
    const r = await ended;
    assert.match(r.out, /1\r\n2\r\n3\r\n4\r\n5\r\n/);
    assert.match(r.out, /ended with status 3/);
    assert.equal(r.status, 0);
    assertRefused(await d.cli(['attach', 'p1']), 2, /not a terminal/);
    const nobody = await d.cli(['attach', '--read-only', 'nobody']);
    assertRefused(nobody, 2, /no such pane/);
  });
});

describe('serve', () => {
  const serve = (dir, args, more) => panescry(['serve', '--listen', '127.0.0.1:0', '--socket', join(dir, 's.sock'), '--state-dir', dir, ...args], more);

  it('goes to the background, and ends by SIGTERM without a trace', async () => {
    const dir = await privateDir();
    const link = new URL(assertDone(await serve(dir, [])).trim());
    const tcp = { host: '127.0.0.1', port: Number(link.port) };
    const headers = { authorization: `Bearer ${link.searchParams.get('token')}` };
    const { pid } = (await request(tcp, 'GET', '/api/v1/info', { headers })).json;
    assert.equal((await stat(join(dir, 's.sock'))).mode & 0o777, 0o600);
    const pane = await request(tcp, 'POST', '/api/v1/panes', { headers, body: '{"command":["sleep","1000"]}' });
    process.kill(pid, 'SIGTERM');
    await until('the daemon to end', async () => !(await alive(pid)));
    assert.equal(await alive(pane.json.pid), false);
    await until('the keeper to end, too', () => stat(join(dir, 's.sock')).then(() => false, (e) => e.code === 'ENOENT'));
    assert.ok((await stat(join(dir, 'panescry.log'))).size > 0);
  });

  it('refuses what cannot work, in one line', async () => {
    const d = await startDaemon();
    try {
      const dir = await privateDir();
      for (const f of [[], ['--foreground']]) {
        assertRefused(await serve(dir, ['--listen', `127.0.0.1:${d.port}`, ...f]), 2, /in use/);
        assertRefused(await serve(dir, ['--socket', d.socket, ...f]), 2, /running already/);
        assertRefused(await serve(dir, ['--listen', '0.0.0.0:0', ...f]), 2, /tls/i);
        assertRefused(await serve(dir, ['--listen', '0.0.0.0:0', '--no-auth', ...f]), 2, /no-auth/);
        assertRefused(await serve(dir, ['--tls-cert', '/no/such', ...f]), 2, /tls-key/);
        assertRefused(await serve(dir, ['--tls-cert', '/no/such', '--tls-key', '/no/such', ...f]), 2, /certificate/);
        assertRefused(await serve(dir, ['--token-file', '/no/such/place/token', ...f]), 2, /token file/);
      }
      for (const addr of ['x', '127.0.0.1', ':7263', '127.0.0.1:', '127.0.0.1:65536', '[::1', 'elsewhere.example:80', '']) assertRefused(await serve(dir, ['--listen', addr]), 2);
      assertRefused(await serve(dir, ['--state-dir', '/dev/null/x']), 2);
      assertRefused(await serve(dir, ['--socket', join(dir, 'x'.repeat(120))]), 2);
      assertRefused(await serve(dir, ['operand']), 2);
      await d.well();
      assert.equal((await d.local('GET', '/healthz')).status, 200, 'its socket is still there');
    } finally {
      await d.stop();
    }
  });

  it('replaces a socket that nobody answers, and no other file', async () => {
    const dir = await privateDir();
    const dead = await startDaemon({ dir, keep: true });
    await dead.kill('SIGKILL');
    assert.ok((await stat(dead.socket)).isSocket());
    const d = await startDaemon({ dir, keep: true });
    assert.equal((await d.local('GET', '/healthz')).status, 200);
    await d.stop();
    await writeFile(join(dir, 's.sock'), 'precious');
    assertRefused(await serve(dir, []), 2, /no socket/);
    assert.equal(await readFile(join(dir, 's.sock'), 'utf8'), 'precious');
  });

  it('speaks TLS', async () => {
    const dir = await privateDir();
    const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
    const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert]);
    assert.equal(made.status, 0, made.err);
    const d = await startDaemon({ dir, args: ['--tls-cert', cert, '--tls-key', key] });
    try {
      assert.match(d.link, /^https:/);
      assert.equal((await d.request('GET', '/api/v1/info')).json.tls, true);
      const login = await d.request('GET', `/?token=${d.token}`, { token: null });
      assert.match(login.headers['set-cookie'][0], /; Secure/);
      const { id } = await d.sh('stty raw -echo; echo ready; read -r x; seq 1 100000; echo end; exit 2');
      const v = await d.attach(id, { offset: 0, headers: { origin: `https://127.0.0.1:${d.port}` } });
      await v.sees('ready');
      v.input('\n');
      await v.finish(2);
      assert.equal(v.next, 6 + 588895 + 4);
      const plain = await request({ host: '127.0.0.1', port: d.port }, 'GET', '/healthz').catch((e) => e);
      assert.ok(plain instanceof Error || plain.status >= 300);
    } finally {
      await d.stop();
    }
  });
});

describe('attach on a terminal', () => {
  const d = useDaemon({ before, after });

  /** Runs a script under a PTY, with attach in it; what it shows, and a way to type. */
  const terminal = (script, socket = d.socket) => {
    const child = spawn('script', ['-qfec', script, '/dev/null'], { env: cleanEnv({ PANESCRY_SOCKET: socket, PANESCRY: BINARY, SHELL: '/bin/sh', TERM: 'xterm' }), stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    child.stdout.on('data', (x) => (out += x.toString('latin1')));
    const ended = new Promise((resolve) => child.on('close', resolve));
    return {
      type: (text) => child.stdin.write(text),
      sees: (what) => until(`${what} on the terminal; it shows ${JSON.stringify(out)}`, () => (what instanceof RegExp ? out.match(what) : out.includes(what) && [what])),
      out: () => out,
      ended: () => within('the terminal to end', ended),
      stop: () => child.kill('SIGKILL'),
    };
  };

  it('types, shows, detaches with ~. and puts the terminal back', async () => {
    const { id } = await d.sh('stty -echo; echo ready; while read -r x; do echo "<$x>"; done');
    const t = terminal(`stty -g; "$PANESCRY" attach ${id}; echo "status $?"; stty -g`);
    try {
      await t.sees('ready');
      t.type('hello\r');
      await t.sees('<hello>');
      t.type('a~.b\r');
      await t.sees('<a~.b>');
      t.type('~~tilde\r');
      await t.sees('<~tilde>');
      t.type('~.');
      await t.sees('status 0');
      await t.ended();
      const modes = t.out().match(/^[0-9a-f]+(:[0-9a-f]+){10,}/gm);
      assert.equal(modes.length, 2);
      assert.equal(modes[0], modes[1]);
      assert.equal((await d.pane(id)).state, 'running');
    } finally {
      t.stop();
    }
    await d.remove(id);
  });

  it('goes on at its offset when the connection breaks', async () => {
    const path = join(d.dir, 'proxy.sock');
    const pairs = new Set();
    const proxy = net.createServer((client) => {
      const up = net.connect(d.socket);
      const end = () => {
        client.destroy();
        up.destroy();
      };
      pairs.add(end);
      for (const s of [client, up]) s.on('error', end).on('close', end);
      client.pipe(up);
      up.pipe(client);
    });
    await new Promise((resolve) => proxy.listen(path, resolve));
    const { id } = await d.sh('stty -echo; echo ready; while read -r x; do echo "<$x>"; done');
    const t = terminal(`"$PANESCRY" attach ${id}; echo "status $?"`, path);
    try {
      await t.sees('ready');
      for (let i = 0; i < 4; i++) {
        for (const end of pairs) end();
        pairs.clear();
        await d.type(id, `away${i}\n`);
        await t.sees(`<away${i}>`);
        await until('it to be back', async () => (await d.pane(id)).viewers === 1);
        t.type(`back${i}\r`);
        await t.sees(`<back${i}>`);
      }
      for (const word of ['ready', '<away0>', '<back0>', '<away3>', '<back3>'])
        assert.equal(t.out().split(word).length, 2, `${word} is shown once`);
      t.type('~.');
      await t.sees('status 0');
      await t.ended();
    } finally {
      t.stop();
      for (const end of pairs) end();
      proxy.close();
    }
    await d.remove(id);
  });

  it('leaves when the pane ends', async () => {
    const { id } = await d.sh('stty -echo; echo ready; read -r x; seq 1 2000; exit 7');
    // The terminal's own file must not be left non-blocking: programs that come after fail then.
    const t = terminal(`"$PANESCRY" attach ${id}; echo "status $?"; seq 1 20000 && echo all; grep flags: /proc/self/fdinfo/0`);
    try {
      await t.sees('ready');
      t.type('\r');
      await t.sees(/\b2000\r\n/);
      await t.sees('ended with status 7');
      await t.sees('status 0');
      await t.sees('all');
      const [, flags] = await t.sees(/flags:\s+([0-7]+)/);
      assert.equal(parseInt(flags, 8) & 0o4000, 0, 'O_NONBLOCK');
      await t.ended();
    } finally {
      t.stop();
    }
  });
});
