// Hooks of agents: events that find the daemon up, down or stopped, and settings that are edited.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { privateDir, startDaemon } from './lib/daemon.mjs';
import { pids, startKept } from './lib/keeper.mjs';
import { BINARY, cleanEnv, panescry } from './lib/run.mjs';
import { until, within } from './lib/until.mjs';

const event = (session, name, more = {}) => ({
  session_id: session,
  transcript_path: `/home/x/.claude/projects/p/${session}.jsonl`,
  cwd: '/work/thing',
  hook_event_name: name,
  ...more,
});

/** A home in which the daemon and the hooks find each other by the socket alone. */
async function startHooked(start = startDaemon) {
  const home = await privateDir();
  const env = { HOME: home, XDG_STATE_HOME: join(home, 'state') };
  const dir = join(home, 'daemon');
  await mkdir(dir, { mode: 0o700 });
  const socket = join(dir, 's.sock');
  const h = {
    home,
    socket,
    env,
    start: async () => (h.d = await start({ dir, keep: true, env })),
    hook: async (e, { agent = 'claude', env: more = {}, args = [] } = {}) => {
      const input = e === null ? '' : typeof e === 'string' || Buffer.isBuffer(e) ? e : JSON.stringify(e);
      const r = await panescry(['hook', agent, ...args], { input, env: { ...env, PANESCRY_SOCKET: socket, ...more } });
      assert.deepEqual([r.status, r.out, r.err], [0, '', ''], 'it never says anything');
      return r;
    },
    session: (id, test = () => true) =>
      until(`session ${id}`, async () => {
        const r = await h.d.request('GET', `/api/v1/sessions/${id}`).catch(() => null);
        return r?.status === 200 && test(r.json) && r.json;
      }),
    state: (id, state) => h.session(id, (s) => s.state === state),
    spool: async () => (await readdir(join(home, 'state', 'panescry')).catch(() => [])).filter((n) => /^hooks-/.test(n)),
    stop: async () => {
      try {
        if (h.d?.running()) await h.d.stop();
      } finally {
        await rm(home, { recursive: true, force: true });
      }
    },
  };
  return h;
}

describe('a hook', () => {
  let h;
  before(async () => {
    h = await startHooked();
    await h.start();
  });
  after(() => h.stop());

  it('makes the session known, with its pane and its state', async () => {
    await h.hook(event('one', 'SessionStart', { source: 'startup', model: 'claude-opus-4-5' }), { env: { PANESCRY_PANE: 'p1' } });
    const s = await h.state('one', 'waiting_input');
    assert.deepEqual([s.agent, s.project, s.pane, s.model], ['claude', '/work/thing', 'p1', 'claude-opus-4-5']);
    for (const [name, more, state] of [
      ['UserPromptSubmit', { prompt: 'x' }, 'working'],
      ['Notification', { message: 'Claude needs your permission to use Bash' }, 'waiting_permission'],
      ['PreToolUse', { tool_name: 'Bash', tool_input: { command: 'ls' } }, 'working'],
      ['Notification', { message: 'x', notification_type: 'permission_prompt' }, 'waiting_permission'],
      ['PostToolUse', { tool_name: 'Bash', tool_response: 'x'.repeat(3_000_000) }, 'working'],
      ['Notification', { message: 'Claude is waiting for your input' }, 'waiting_input'],
      ['UserPromptSubmit', {}, 'working'],
      ['Stop', { stop_hook_active: false }, 'waiting_input'],
      ['SessionEnd', { reason: 'other' }, 'done'],
    ]) {
      await h.hook(event('one', name, more));
      await h.state('one', state);
    }
    assert.equal((await h.d.ok('GET', 'sessions?pane=p1')).total, 1);
    assert.deepEqual(await until('an empty spool', async () => (await h.spool()).length === 0 && 'yes'), 'yes');
  });

  it('knows panes of tmux, and a session that moves to another pane', async () => {
    await h.hook(event('two', 'Stop'), { env: { TMUX_PANE: '%3', TMUX: '/nowhere/tmux-1/other,12,0', PANESCRY_PANE: 'p1' } });
    assert.equal((await h.session('two')).pane, 't-other%3');
    await h.hook(event('two', 'Stop'), { env: { PANESCRY_PANE: 'p9' } });
    await h.session('two', (s) => s.pane === 'p9');
    await h.hook(event('two', 'UserPromptSubmit'));
    assert.equal((await h.state('two', 'working')).pane, 'p9', 'one without a pane says nothing of it');
  });

  it('of a native pane has what the pane gives it', async () => {
    const text = JSON.stringify(event('native', 'Stop'));
    const p = await h.d.sh(`printf '%s' '${text}' | ${BINARY} hook claude; echo over; exec cat`);
    await h.d.shows(p.id, 'over');
    assert.equal((await h.session('native')).pane, p.id);
  });

  it('is there for Codex and Gemini CLI', async () => {
    await h.hook(null, { agent: 'codex', args: [JSON.stringify({ type: 'agent-turn-complete', 'thread-id': 'c1', 'turn-id': '1', cwd: '/w', 'last-assistant-message': 'x' })] });
    assert.deepEqual([(await h.state('c1', 'waiting_input')).agent, (await h.session('c1')).project], ['codex', '/w']);
    await h.hook({ session_id: 'g1', hook_event_name: 'BeforeTool', cwd: '/g' }, { agent: 'gemini' });
    assert.equal((await h.state('g1', 'working')).agent, 'gemini');
  });

  it('takes no harm from what is no event', async () => {
    for (const input of [null, 'x', '{', '[]', '{}', '{"session_id":7}', '{"session_id":""}', '['.repeat(100_000), Buffer.from('{"session_id":"\xff\0"}', 'latin1'),
      `{"session_id":"deep","x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`]) await h.hook(input);
    await h.hook(Buffer.concat([Buffer.from('{"session_id":"bytes\\u0000\\ud800","hook_event_name":"Stop","cwd":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]));
    await h.hook(event('long'.repeat(1000), 'Stop'));
    await h.hook(event('marker', 'Stop'));
    await h.session('marker');
    await h.d.well();
    assert.equal((await h.d.request('GET', '/api/v1/sessions/deep')).status, 404);
  });

  it('does not wait for an agent that says nothing', async () => {
    const child = spawn(BINARY, ['hook', 'claude'], { env: cleanEnv({ ...h.env, PANESCRY_SOCKET: h.socket }), stdio: ['pipe', 'ignore', 'ignore'] });
    const code = await within('its end', new Promise((resolve) => child.on('close', resolve)));
    assert.equal(code, 0);
    child.stdin.destroy();
  });

  it('is not told from afar', async () => {
    assert.equal((await h.d.request('POST', '/api/v1/hooks', { body: '' })).status, 403);
  });
});

describe('a hook whose daemon', () => {
  it('is down is not lost', async () => {
    const h = await startHooked();
    try {
      const names = Array.from({ length: 40 }, (_, i) => `s${i}`);
      await Promise.all(names.map((n) => h.hook(event(n, 'Stop'), { env: { PANESCRY_PANE: 'p2' } })));
      const [spool] = await h.spool();
      const path = join(h.home, 'state', 'panescry', spool);
      assert.equal((await stat(path)).mode & 0o777, 0o600);
      assert.equal((await readFile(path, 'utf8')).trim().split('\n').length, 40);
      // One that a crash cut short, and what is no event.
      await writeFile(path, `nonsense\n{"agent":"x"}\n${await readFile(path, 'utf8')}{"agent":"cla`);
      await h.start();
      for (const n of names) assert.equal((await h.state(n, 'waiting_input')).pane, 'p2');
      await until('an empty spool', async () => (await h.spool()).length === 0);
    } finally {
      await h.stop();
    }
  });

  it('was killed after it had taken them is not lost', async () => {
    const h = await startHooked();
    try {
      await h.hook(event('taken', 'Stop'));
      const [spool] = await h.spool();
      const dir = join(h.home, 'state', 'panescry');
      await writeFile(join(dir, `${spool}.taken`), await readFile(join(dir, spool)));
      await rm(join(dir, spool));
      await h.hook(event('next', 'Stop'));
      await h.start();
      await h.session('taken');
      await h.session('next');
    } finally {
      await h.stop();
    }
  });

  it('is stopped returns, and is known when it goes on', async () => {
    const h = await startHooked(startKept);
    try {
      await h.start();
      const { worker } = await pids(h.d);
      process.kill(worker, 'SIGSTOP');
      try {
        // More than the socket has room for.
        for (let i = 0; i < 30; i++) await h.hook(event(`stopped-${i}`, 'UserPromptSubmit'));
      } finally {
        process.kill(worker, 'SIGCONT');
      }
      for (let i = 0; i < 30; i++) await h.state(`stopped-${i}`, 'working');
    } finally {
      await h.stop();
    }
  });

  it('is killed again and again loses none of many', async () => {
    const h = await startHooked(startKept);
    try {
      await h.start();
      const all = [];
      for (let round = 0; round < 4; round++) {
        const { worker } = await pids(h.d);
        const sent = Array.from({ length: 15 }, (_, i) => `k${round}-${i}`);
        all.push(...sent);
        const hooks = Promise.all(sent.map((n) => h.hook(event(n, 'Stop'))));
        process.kill(worker, 'SIGKILL');
        await hooks;
      }
      for (const n of all) await h.session(n);
    } finally {
      await h.stop();
    }
  });
});

describe('hook install claude', () => {
  let home, file;
  const run = (args, more = {}) => panescry(['hook', ...args], { env: { HOME: home }, ...more });
  const backups = async () => (await readdir(join(home, '.claude'))).filter((n) => n.startsWith('settings.json.bak-'));
  const EVENTS = ['SessionStart', 'UserPromptSubmit', 'PreToolUse', 'PostToolUse', 'Notification', 'Stop', 'SessionEnd'];
  const ours = (settings) => Object.fromEntries(Object.entries(settings.hooks ?? {}).map(([k, v]) => [k, v.filter((e) => /panescry hook claude$/.test(e.hooks?.[0]?.command)).length]));

  before(async () => {
    home = await privateDir();
    file = join(home, '.claude', 'settings.json');
  });
  after(() => rm(home, { recursive: true, force: true }));

  const OLD = `{
  "model": "opus",
  "big": 12345678901234567890,
  "hooks": {
    "PreToolUse": [
      {
        "matcher": "Bash",
        "hooks": [{ "type": "command", "command": "check \\u00e9 {}" }]
      }
    ],
    "Stop": []
  },
  "permissions": {"allow": ["Bash(ls:*)"]}
}
`;

  it('makes settings where there are none', async () => {
    const r = await run(['install', 'claude', '--yes']);
    assert.equal(r.status, 0, r.err);
    assert.match(r.out, /^  \+ .*"SessionStart"/m);
    assert.deepEqual(ours(JSON.parse(await readFile(file, 'utf8'))), Object.fromEntries(EVENTS.map((e) => [e, 1])));
    assert.deepEqual(await backups(), []);
    const text = await readFile(file, 'utf8');
    const again = await run(['install', 'claude', '--yes']);
    assert.match(again.out, /^Nothing to do/);
    assert.equal(await readFile(file, 'utf8'), text);
    assert.equal((await run(['uninstall', 'claude', '--yes'])).status, 0);
    assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), {});
  });

  it('asks first', async () => {
    await writeFile(file, OLD);
    for (const input of ['n\n', '', 'maybe\n']) {
      const r = await run(['install', 'claude'], { input });
      assert.equal(r.status, 1);
      assert.equal(await readFile(file, 'utf8'), OLD);
    }
    assert.match((await run(['install', 'claude'], { input: 'y\n' })).out, /Write this\? \[y\/n\]/);
    assert.notEqual(await readFile(file, 'utf8'), OLD);
  });

  it('keeps all that is there, adds once, and takes out just that', async () => {
    for (const old of [OLD, OLD.replaceAll(/\n */g, ''), OLD.replaceAll('  ', '\t'), '{}', '{"hooks":{"Stop":[{"hooks":[]}]}}', '{"a":{"hooks":1}}']) {
      for (const name of await backups()) await rm(join(home, '.claude', name));
      await writeFile(file, old, { mode: 0o640 });
      const r = await run(['install', 'claude', '-y']);
      assert.equal(r.status, 0, r.err);
      const text = await readFile(file, 'utf8');
      const now = JSON.parse(text);
      for (const e of EVENTS) assert.equal(ours(now)[e], 1, `${e} in ${text}`);
      const was = JSON.parse(old);
      for (const [k, v] of Object.entries(was)) if (k !== 'hooks') assert.deepEqual(now[k], v);
      for (const [k, v] of Object.entries(was.hooks ?? {})) assert.deepEqual(now.hooks[k].slice(0, v.length), v);
      if (old.includes('"big"')) assert.match(text, /12345678901234567890/);
      const [backup] = await backups();
      assert.equal(await readFile(join(home, '.claude', backup), 'utf8'), old);
      assert.match((await run(['install', 'claude', '-y'])).out, /^Nothing to do/);
      const un = await run(['uninstall', 'claude', '-y']);
      assert.equal(un.status, 0, un.err);
      const back = JSON.parse(await readFile(file, 'utf8'));
      if (was.hooks?.Stop?.length === 0) delete was.hooks.Stop;
      assert.deepEqual(back, was);
      assert.match((await run(['uninstall', 'claude', '-y'])).out, /^Nothing to do/);
    }
  });

  it('refuses what is no JSON, and what it does not understand', async () => {
    for (const text of ['{"a":1', '[]', '// x\n{}', '{"hooks":[]}', '{"hooks":{"Stop":{}}}', '{"a":1}\0']) {
      await writeFile(file, text);
      const r = await run(['install', 'claude', '-y']);
      assert.equal(r.status, 2, text);
      assert.match(r.err, /^panescry: change .*settings\.json: /);
      assert.equal(await readFile(file, 'utf8'), text);
    }
  });

  it('edits what a link points to, and where CLAUDE_CONFIG_DIR is', async () => {
    await rm(file);
    await writeFile(join(home, 'dotfile.json'), '{}\n');
    await symlink(join(home, 'dotfile.json'), file);
    assert.equal((await run(['install', 'claude', '-y'])).status, 0);
    assert.match(await readFile(join(home, 'dotfile.json'), 'utf8'), /panescry hook claude/);
    assert.equal(await readFile(file, 'utf8'), await readFile(join(home, 'dotfile.json'), 'utf8'));
    const dir = join(home, 'other');
    assert.equal((await run(['install', 'claude', '-y'], { env: { HOME: home, CLAUDE_CONFIG_DIR: dir } })).status, 0);
    assert.match(await readFile(join(dir, 'settings.json'), 'utf8'), /panescry hook claude/);
  });

  it('is refused for others', async () => {
    for (const args of [[], ['install'], ['install', 'codex'], ['wat'], ['install', 'claude', 'more']]) assert.equal((await run(args)).status, 2);
  });
});
