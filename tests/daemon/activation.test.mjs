// Listening sockets that a service manager made and hands over to serve: sd_listen_fds(3). Python plays
// the manager: it makes the sockets, becomes the daemon, and another of it starts the next one on them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { HARDEN, privateDir, startDaemon } from './lib/daemon.mjs';
import { alive, assertRefused, BINARY, run } from './lib/run.mjs';
import { until } from './lib/until.mjs';

const skip = spawnSync('python3', ['-c', '']).status === 0 ? false : 'python3 is not installed';

/** Makes the sockets of the list MAKE, puts them at 3 and so on, and becomes the command. */
const MANAGER = `
import os, socket, sys
made = []
for what in sys.argv[1].split():
    kind, _, at = what.partition('=')
    if kind == 'file':
        made.append(os.open(at, os.O_RDONLY)); continue
    family = {'tcp': socket.AF_INET, 'tcp6': socket.AF_INET6}.get(kind.split('-')[0], socket.AF_UNIX)
    s = socket.socket(family, socket.SOCK_DGRAM if 'dgram' in kind else socket.SOCK_STREAM)
    if family == socket.AF_UNIX:
        os.umask(0o177)
        s.bind(at.replace('@', '\\0'))
    else:
        s.bind(('::1' if kind == 'tcp6' else at or '127.0.0.1', 0))
    if kind.endswith('-open'): os.chmod(at, 0o666)
    if not ('idle' in kind or 'dgram' in kind): s.listen(16)
    made.append(os.dup(s.fileno()))
made = [os.dup2(fd, 100 + i) for i, fd in enumerate(made)]
for i, fd in enumerate(made): os.dup2(fd, 3 + i); os.close(fd)
os.environ['LISTEN_FDS'] = os.environ.get('SAY_FDS', str(len(made)))
os.environ['LISTEN_FDNAMES'] = 'x'
os.environ['LISTEN_PID'] = os.environ.get('SAY_PID', str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
`;
const under = (make) => ['python3', '-c', MANAGER, make];

/** Ends it; what was handed over is still there. */
async function end(d) {
  assert.deepEqual(await d.kill('SIGTERM'), { code: 0, signal: null });
  assert.doesNotMatch(d.stderr(), /Sanitizer|runtime error/, d.stderr());
}

describe('sockets that are handed over', { skip }, () => {
  let dir;
  let path;
  before(async () => (dir = await privateDir()));
  after(() => rm(dir, { recursive: true, force: true }));
  const at = (name) => (path = join(dir, name));

  /** `serve` with what MAKE makes, which it must refuse. */
  const refused = async (make, pattern, env = {}) => {
    const [program, ...rest] = under(make);
    const serve = [BINARY, 'serve', '--foreground', '--state-dir', dir, '--listen', '127.0.0.1:0', '--socket', join(dir, 'own')];
    assertRefused(await run(program, [...rest, ...serve], { env }), 2, pattern);
  };

  it('takes both, and leaves the path where it is', async () => {
    const d = await startDaemon({ dir, keep: true, listen: '127.0.0.1:1', args: ['--socket', join(dir, 'own')], under: under(`unix=${at('given')} tcp`) });
    assert.ok(d.port > 1, 'the port is that of the socket, not of --listen');
    const local = { env: { PANESCRY_SOCKET: path } };
    const { panes } = JSON.parse((await d.cli(['ls', '--json'], local)).out);
    assert.deepEqual(panes, []);
    await d.well();
    // Nothing of it in what the daemon starts, which finds its way back.
    const p = await d.sh('env | grep ^LISTEN; echo "at $PANESCRY_SOCKET"; read x');
    await d.shows(p.id, `at ${path}`);
    assert.doesNotMatch(await d.text(p.id), /LISTEN/);
    await assert.rejects(lstat(join(dir, 'own')));
    await end(d);
    assert.ok((await lstat(path)).isSocket());
  });

  it('keeps them over the worker\'s death, and answers who connected meanwhile', { skip: HARDEN }, async () => {
    const d = await startDaemon({ dir, keep: true, under: under(`unix=${at('again')} tcp`) });
    const local = { env: { PANESCRY_SOCKET: path } };
    const { pid } = await d.info();
    process.kill(pid, 'SIGKILL');
    await until('another worker', async () => !(await alive(pid)));
    assert.equal((await d.cli(['ls'], local)).status, 0);
    assert.notEqual((await d.info()).pid, pid);
    assert.equal((await d.cli(['serve', '--upgrade'], local)).status, 0);
    await d.well();
    await end(d);
    assert.ok((await lstat(path)).isSocket());
  });

  it('takes one alone, and makes the other', async () => {
    const d = await startDaemon({ dir, under: under('tcp6'), keep: true });
    assert.match(d.link, /^http:\/\/\[::1\]:\d+\//);
    assert.equal((await d.cli(['ls'])).status, 0);
    await d.stop(); // with its own path gone
    const e = await startDaemon({ dir, keep: true, args: ['--no-keeper'], under: under(`unix=${at('alone')}`) });
    assert.equal((await e.cli(['ls'], { env: { PANESCRY_SOCKET: path } })).status, 0);
    await e.well();
    await end(e);
    assert.ok((await lstat(path)).isSocket());
  });

  it('does without them when they are for another process', async () => {
    const d = await startDaemon({ dir, keep: true, under: under('tcp'), env: { SAY_PID: '1' } });
    const p = await d.sh('env | grep ^LISTEN; echo done; read x');
    await d.shows(p.id, 'done');
    assert.doesNotMatch(await d.text(p.id), /LISTEN/);
    await d.stop();
  });

  it('refuses what is none, in one line', async () => {
    await refused(`unix-idle=${at('idle')}`, /descriptor 3 .*no stream socket that listens/);
    await refused('tcp-dgram', /descriptor 3 .*no stream socket that listens/);
    await refused(`unix-dgram=${at('dgram')}`, /descriptor 3 .*no stream socket that listens/);
    await refused('file=/dev/null', /descriptor 3 .*no stream socket that listens/);
    await refused('tcp tcp', /descriptor 4 is a second socket of TCP/);
    await refused(`unix=${at('one')} unix=${at('two')}`, /descriptor 4 is a second Unix socket/);
    await refused('unix=@panescry-test-abstract', /without a path/);
    await refused('tcp', /LISTEN_FDS is 3: /, { SAY_FDS: '3' });
    await refused('tcp', /LISTEN_FDS is -1: /, { SAY_FDS: '-1' });
    await refused('', /descriptor 3 of LISTEN_FDS: Bad file descriptor/, { SAY_FDS: '1' });
  });

  it('refuses doors that others may open', async () => {
    await refused(`unix-open=${at('open')}`, /others may connect to it; .*0600/);
    await refused('tcp=0.0.0.0', /tokens would cross the network in the clear/);
  });

  it('removes no path that it was given when it cannot start', async () => {
    await chmod(dir, 0o777);
    await refused(`unix=${at('kept')}`, /state directory/);
    await chmod(dir, 0o700);
    assert.ok((await lstat(path)).isSocket());
  });
});
