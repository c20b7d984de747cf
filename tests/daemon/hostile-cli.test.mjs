// What comes from panes, agents, files and a daemon that lies, on the terminal of a person: every command
// is run under a PTY, and nothing of it may be a control function there.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { privateDir, startDaemon, useDaemon } from './lib/daemon.mjs';
import { BINARY, cleanEnv, panescry } from './lib/run.mjs';
import { until, within } from './lib/until.mjs';

// C0 with its most usual sequences, DEL, C1, what turns the direction of writing, a line separator.
const EVIL = '\x1b]0;owned\x07\x1b[2J\x1b[6n\x9b31m\x9d52;c;?\x9c\x7f\x05\u202egnp.exe\u2066x\u2028y';
const BAD = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/u;

/** Runs a command with standard output and error on a PTY; what it shows. */
async function onTerminal(args, socket, { cols = 200, env = {} } = {}) {
  const quoted = args.map((a) => `'${a.replaceAll("'", "'\\''")}'`).join(' ');
  const child = spawn('script', ['-qfec', `stty cols ${cols} -echo; exec "$PANESCRY" ${quoted} </dev/null`, '/dev/null'], {
    env: cleanEnv({ PANESCRY_SOCKET: socket, PANESCRY: BINARY, SHELL: '/bin/sh', TERM: 'xterm', LC_ALL: 'C.UTF-8', ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const parts = [];
  child.stdout.on('data', (x) => parts.push(x));
  const ended = new Promise((resolve) => child.on('close', (code) => resolve(code)));
  try {
    const status = await within(`${args.join(' ')} to end`, ended);
    return { status, bytes: Buffer.concat(parts), text: Buffer.concat(parts).toString() };
  } finally {
    child.kill('SIGKILL');
  }
}

// The colours of search are its own.
const OURS = /\x1b\[(35|32|36|01;31)?m/g;

function assertHarmless({ bytes, text: shown }, what) {
  const text = shown.replace(OURS, '');
  assert.ok(!text.includes('\ufffd') || Buffer.from(shown).equals(bytes), `${what}: ill-formed UTF-8 in ${JSON.stringify(text)}`);
  const found = text.match(BAD);
  assert.equal(found, null, `${what}: ${JSON.stringify(found?.[0])} in ${JSON.stringify(text.slice(Math.max(0, (found?.index ?? 0) - 60)).slice(0, 200))}`);
}

// What commands are steered by; all other texts of an answer are made hostile.
const KEPT = new Set(['id', 'job', 'cursor', 'next_cursor', 'created', 'started', 'ended', 'state', 'source', 'type', 'status', 'format', 'socket']);

function poison(value, key) {
  if (typeof value === 'string') return KEPT.has(key) ? value : `${value}${EVIL}`;
  if (Array.isArray(value)) return value.map((v) => poison(v, key));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [key === 'env' ? `${k}${EVIL}` : k, poison(v, k)]));
}

/** A daemon that lies: it passes on to the real one, and makes hostile what comes back. */
async function liar(d) {
  const socket = join(d.dir, 'liar.sock');
  const server = http.createServer((req, res) => {
    const parts = [];
    req.on('data', (x) => parts.push(x));
    req.on('end', () => {
      const { connection: _, ...headers } = req.headers;
      const up = http.request({ socketPath: d.socket, method: req.method, path: req.url, headers: { ...headers, connection: 'close' } }, (r) => {
        const body = [];
        r.on('data', (x) => body.push(x));
        r.on('end', () => {
          let bytes = Buffer.concat(body);
          if (/^application\/json/.test(r.headers['content-type'] ?? '')) {
            // As it stands in JSON: C0 has to be escaped, the rest need not be.
            bytes = Buffer.from(JSON.stringify(poison(JSON.parse(bytes.toString()))));
          }
          const { 'content-length': _len, connection: _conn, ...rest } = r.headers;
          res.writeHead(r.statusCode, { ...rest, 'content-length': bytes.length });
          res.end(bytes);
        });
      });
      up.on('error', () => res.destroy());
      up.end(Buffer.concat(parts));
    });
  });
  await new Promise((resolve) => server.listen(socket, resolve));
  return { socket, stop: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections?.(); }) };
}

describe('commands on a terminal', () => {
  let d, home, lies, pane, job, flow;

  before(async () => {
    home = await privateDir();
    const project = join(home, '.claude', 'projects', '-p');
    await mkdir(project, { recursive: true });
    const line = (o) => `${JSON.stringify({ sessionId: 'one', timestamp: '2026-11-20T12:00:00.000Z', version: '2.1.0', cwd: `/p${EVIL}`, ...o })}\n`;
    await writeFile(join(project, 'one.jsonl'), [
      line({ type: 'user', uuid: 'u1', message: { role: 'user', content: `Please ${EVIL}\nmore` } }),
      line({ type: 'assistant', uuid: 'a1', message: { id: 'm1', role: 'assistant', model: `claude-opus-4-5`, usage: { input_tokens: 3, output_tokens: 5 },
        content: [{ type: 'text', text: `I will ${EVIL}` }, { type: 'tool_use', id: 't1', name: `Read${EVIL}`, input: { file_path: `/x${EVIL}` } }] } }),
      line({ type: 'user', uuid: 'u2', message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: `found ${EVIL}` }] } }),
    ].join(''));
    d = await startDaemon({ env: { HOME: home } });
    lies = await liar(d);
    // Its title, its lines and its arguments; \x05 and the C1 go through the terminal engine.
    pane = (await d.new(['sh', '-c', 'printf "%s" "\x1b]2;title\u202e\x1b\\\\"; printf "%s\\nline-one \u202e %s\\n" "$1" "$1"; exec cat', 'sh', EVIL])).id;
    await d.shows(pane, 'line-one');
    job = (await d.ok('POST', 'jobs', { command: ['sh', '-c', 'printf "%s\\n" "$1"; printf "%s\\n" "$1" >&2; exit 3', 'sh', EVIL], name: 'loud' })).id;
    await until('the job to end', async () => (await d.ok('GET', `jobs/${job}`)).state === 'failed');
    flow = (await d.ok('POST', 'flows', { definition: { name: 'flow', steps: [{ name: 'one', command: ['sh', '-c', 'exit 4'] }] } })).id;
    await until('the flow to end', async () => (await d.ok('GET', `flows/${flow}`)).state === 'failed');
    await d.ok('POST', 'watches', { pattern: 'line-one', pane: '*', command: ': watch' });
    await until('the session', async () => (await d.ok('GET', 'sessions')).total === 1);
  });
  after(async () => {
    await lies.stop();
    await d.stop();
    await rm(home, { recursive: true, force: true });
  });

  const commands = () => [
    ['ls'], ['ls', '--json'], ['search', 'line-one'], ['search', '--json', 'line'], ['search', '-C', '3', 'line'], ['search', '-l', 'line'],
    ['search', '-o', 'line.*'], ['capture', pane], ['capture', '--format', 'json', pane], ['wait', pane, '--for', 'line.*', '--from', 'start'],
    ['wait', pane, '--for', 'line.*', '--from', 'start', '--json'], ['watch', 'ls'], ['watch', 'ls', '--json'], ['watch', 'add', 'nothing'],
    ['jobs', 'ls'], ['jobs', 'ls', '--json'], ['jobs', 'show', job], ['jobs', 'show', '--json', job], ['jobs', 'output', job],
    ['flow', 'ls'], ['flow', 'ls', '--json'], ['flow', 'show', flow], ['flow', 'show', '--json', flow],
    ['sessions', 'ls'], ['sessions', 'ls', '--json'], ['sessions', 'show', '1'], ['sessions', 'show', '--json', '1'],
    ['sessions', 'export', '1'], ['sessions', 'export', '--format', 'md', '1'], ['sessions', 'export', '--format', 'html', '1'],
    ['search', '--sessions', 'will'], ['search', '--sessions', '--json', 'will'], ['usage'], ['usage', '--json'], ['usage', '--by', 'project'],
    ['usage', '--by', 'session'], ['status'], ['doctor'], ['doctor', '--json'], ['token', '--json'], ['new', '--json', '--', 'true'],
    ['run', '--detach', '--', 'true'], ['run', '--json', '--', 'true'],
  ];
  const refused = () => [
    ['capture', `no${EVIL}`], ['send', `no${EVIL}`, 'x'], ['kill', `no${EVIL}`], ['resize', `no${EVIL}`, '80x24'], ['wait', `no${EVIL}`, '--for', 'x'],
    ['search', `(${EVIL}`], ['jobs', 'show', `no${EVIL}`], ['jobs', 'output', `no${EVIL}`], ['jobs', 'cancel', `no${EVIL}`], ['flow', 'show', `no${EVIL}`],
    ['flow', 'run', `/no/file${EVIL}`], ['flow', 'validate', `/no/file${EVIL}`], ['sessions', 'show', `no${EVIL}`], ['sessions', 'export', `no${EVIL}`],
    ['sessions', 'import', `/no/file${EVIL}`], ['watch', 'rm', `no${EVIL}`], ['new', '--cwd', `/no${EVIL}`, '--', 'true'], ['new', '--', `/no${EVIL}`],
    ['attach', '--read-only', `no${EVIL}`], [`no${EVIL}`], ['ls', `--no${EVIL}`], ['run', '--', `/no${EVIL}`], ['resize', pane, `1${EVIL}`], ['jobs', 'talk', `no${EVIL}`],
    ['status', '--format', `{${EVIL}`], ['serve', '--listen', `127.0.0.1:${EVIL}`],
  ];

  it('show no control function of what is true', async () => {
    for (const args of commands()) {
      const r = await onTerminal(args, d.socket);
      assert.ok(r.status === 0 || (args[0] === 'doctor' && r.status === 1), `${args.join(' ')}: ${r.status} ${r.text}`);
      assertHarmless(r, args.join(' '));
    }
  });

  it('show none of a daemon that lies', async () => {
    let seen = 0;
    for (const args of commands()) {
      const r = await onTerminal(args, lies.socket);
      assertHarmless(r, args.join(' '));
      seen += r.text.includes('0;owned');
    }
    assert.ok(seen > 25, `hostile text was in what ${seen} commands showed`);
  });

  it('refuse with one line that is harmless, also into a pipe', async () => {
    for (const socket of [d.socket, lies.socket])
      for (const args of refused()) {
        const r = await onTerminal(args, socket);
        assert.ok(r.status !== 0, `${args[0]}: it went well`);
        assertHarmless(r, args.map((a) => a.slice(0, 12)).join(' '));
        assert.equal(r.text.trim().split('\n').length, 1, r.text);
      }
    for (const args of refused()) {
      const r = await panescry(args, { env: { PANESCRY_SOCKET: d.socket } });
      assert.match(r.err, /^panescry: [^\n]*\n$/, r.err);
      assert.doesNotMatch(r.err.slice(0, -1), BAD);
    }
  });

  it('leave to a pipe the bytes that are the product', async () => {
    const out = await d.cli(['jobs', 'output', job]);
    assert.equal(out.out, `${EVIL}\n`);
    assert.equal(out.err, `${EVIL}\n`);
    const text = await d.cli(['capture', pane]);
    assert.ok(text.out.includes('gnp.exe') && text.out.includes('\u202e'));
    const match = await d.cli(['wait', pane, '--for', 'line-one.*', '--from', 'start']);
    assert.ok(match.out.includes('\u202e'));
  });

  it('write JSON that is the same, and harmless wherever it goes', async () => {
    const { out } = await d.cli(['sessions', 'show', '--json', '1']);
    assert.doesNotMatch(out, BAD);
    assert.ok(JSON.parse(out).data[0].text.includes(EVIL));
    const job1 = await d.cli(['jobs', 'show', '--json', job]);
    assert.doesNotMatch(job1.out, BAD);
    assert.equal(JSON.parse(job1.out).command[4], EVIL);
  });
});

describe('attach on a terminal that answers', () => {
  const d = useDaemon({ before, after });
  const QUERIES = ['\x1b[c', '\x1b[>c', '\x1b[5n', '\x1b[6n', '\x1b[?6n', '\x1b[>q', '\x1b[?1$p', '\x1b[18t', '\x1b[14t', '\x1b[21t', '\x1b[?u',
    '\x1bP$qm\x1b\\', '\x1bP+q544e\x1b\\', '\x1b]4;1;?\x07', '\x1b]10;?\x07', '\x1b]11;?\x1b\\', '\x1b]12;?\x07', '\x1b]52;c;?\x07', '\x1b_Ga=q,i=1;AAAA\x1b\\',
    '\x1bZ', '\x05', '\u009bc', '\u009d11;?\u009c'];
  const asks = (x) => /\x1b\[[>=?]?[\d;]*[cnx]|\x1b\[[>?]?\d*[uq]|\$p|\x1b\[\d[\d;]*t|\x1bP|\x1b_|\x1bZ|\x05|;\?|\?(\x07|\x1b)|[\x80-\x9f]/.exec(x.replace(/\x1b\[2[23];?\d*t/g, ''));

  /** A pane that prints what it is told on a line, and then what it is sent. */
  const asker = async (script) => {
    const { id } = await d.sh(`stty raw -echo; ${script}; exec cat -v`);
    return id;
  };

  const print = (what) => `printf '${[...Buffer.from(what)].map((b) => `\\${b.toString(8).padStart(3, '0')}`).join('')}'`;

  const attach = (id) => {
    const child = spawn('script', ['-qfec', `"$PANESCRY" attach ${id}`, '/dev/null'], {
      env: cleanEnv({ PANESCRY_SOCKET: d.socket, PANESCRY: BINARY, SHELL: '/bin/sh', TERM: 'xterm' }), stdio: ['pipe', 'pipe', 'pipe'] });
    const t = { bytes: Buffer.alloc(0), child, get text() { return this.bytes.toString(); } };
    child.stdout.on('data', (x) => (t.bytes = Buffer.concat([t.bytes, x])));
    t.ended = new Promise((resolve) => child.on('close', resolve));
    t.leave = async () => {
      child.stdin.write('\r~.');
      await within('attach to end', t.ended);
    };
    return t;
  };

  it('gets no query of what was printed before, and a snapshot holds none', async () => {
    const id = await asker(`${QUERIES.map(print).join('; ')}; ${print('\x1b]2;ti\u009btle\x07printed\x1b[?1;2')}`);
    await d.shows(id, 'printed');
    const v = await d.attach(id);
    await until('a snapshot', () => v.snapshots.length > 0);
    assert.equal(asks(v.snapshots[0].data.toString()), null);
    v.close?.();
    const t = attach(id);
    try {
      await until('the screen', () => t.text.includes('printed'));
      await t.leave();
      assert.equal(asks(t.text), null, JSON.stringify(t.text));
    } finally {
      t.child.kill('SIGKILL');
    }
    await d.remove(id);
  });

  it('gets none of what is printed now, however it is cut', async () => {
    const id = (await d.sh(`stty raw -echo; echo ready; read -r x; ${QUERIES.map((q) => [...q].map((c) => `${print(c)}; sleep 0.005`).join('; ')).join('; ')}; ${print('\x1b[31m')}; echo over; exec cat >/dev/null`)).id;
    await d.shows(id, 'ready');
    const t = attach(id);
    try {
      await until('the screen', () => t.text.includes('ready'));
      await d.type(id, '\n');
      await until('all', () => t.text.includes('over'));
      await t.leave();
      assert.equal(asks(t.text), null, JSON.stringify(t.text));
      assert.ok(t.text.includes('\x1b[31m'), 'colours pass');
    } finally {
      t.child.kill('SIGKILL');
    }
    await d.remove(id);
  });

  it('types no answer of a real terminal into the pane', async () => {
    // The terminal that attach runs on is one of ours, which answers DA, DSR and more.
    const queries = ['\x1b[c', '\x1b[5n', '\x1b[6n', '\x1b[>q', '\x1b[18t'];
    const id = await asker(`read -r x; ${queries.map(print).join('; ')}; sleep 0.2; ${print('asked ')}`);
    const outer = (await d.new([BINARY, 'attach', id], { env: { PANESCRY_SOCKET: d.socket, TERM: 'xterm' } })).id;
    await until('attach to be there', async () => (await d.pane(id)).viewers === 1);
    await d.type(id, '\n');
    await d.shows(id, 'asked');
    await d.type(id, 'END');
    const once = (await d.shows(id, 'END')).replace(/\s/g, '');
    for (const answer of ['^[[0n', '^[P>|'])
      assert.equal(once.split(answer).length, 2, `${answer} once in ${once}`);
    // Drawn again for a terminal that answers: nothing is typed.
    const again = (await d.new([BINARY, 'attach', id], { env: { PANESCRY_SOCKET: d.socket, TERM: 'xterm' } })).id;
    await d.shows(again, 'END');
    await d.type(id, 'MORE');
    assert.ok((await d.shows(id, 'MORE')).replace(/\s/g, '').endsWith('ENDMORE'));
    for (const x of [again, outer, id]) await d.remove(x);
  });
});
