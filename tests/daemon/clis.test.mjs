// Agents' own programs, run against a stand-in for their vendors' APIs (../clis/api.mjs): what they
// write is read to the token. They are where PANESCRY_CLIS says, an installation of ../clis/package.json.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startApi, COMMAND, DONE, USED } from '../clis/api.mjs';
import { privateDir, startDaemon } from './lib/daemon.mjs';
import { BINARY, cleanEnv, run } from './lib/run.mjs';
import { until } from './lib/until.mjs';

const CLIS = process.env.PANESCRY_CLIS;
const modules = join(CLIS ?? '/', 'node_modules');
const skip = CLIS ? false : 'PANESCRY_CLIS says where they are';
const PROMPT = 'run echo hello';

/** A program of a package, which has it somewhere below. */
async function find(dir, name) {
  for (const e of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, e.name);
    if (e.isDirectory()) {
      const found = await find(path, name);
      if (found) return found;
    } else if (e.name === name) {
      return path;
    }
  }
  return null;
}

describe("agents' own programs", { skip }, () => {
  let api, d, home, project;
  const env = (more) => ({
    HOME: home, PWD: project, TZ: 'UTC', SHELL: '/bin/bash', IS_SANDBOX: '1', CI: '1',
    // Whatever is not for this machine ends at once.
    HTTPS_PROXY: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9', NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1',
    ...more,
  });
  const done = async (command, args, more) => {
    const r = await run(command, args, { env: env(more), cwd: project, ms: 120_000, input: '' });
    assert.equal(r.status, 0, `${r.err.slice(-2000)}\n${r.out.slice(-2000)}\n${api.asked.join('\n')}`);
    return r.out;
  };
  /** What the daemon has on record of the agent's one session. */
  const recorded = async (agent, used) => {
    const row = await until(`usage of ${agent}`, async () =>
      (await d.ok('GET', 'usage?by=agent')).rows.find((r) => r.key === agent && r.output_tokens >= used.output_tokens), 30_000);
    for (const [name, n] of Object.entries(used)) assert.equal(row[name], n, `${agent}: ${name}`);
    const { data, total } = await d.ok('GET', `sessions?agent=${agent}`);
    assert.equal(total, 1, agent);
    const messages = (await d.ok('GET', `sessions/${data[0].id}/messages`)).data;
    assert.ok(messages.some((m) => m.role === 'user' && m.text.includes(PROMPT)), `${agent}: the prompt`);
    assert.ok(messages.some((m) => m.role === 'assistant' && m.text.includes(DONE)), `${agent}: the answer`);
    const [tool, ...more] = (await d.ok('GET', `sessions/${data[0].id}/traces`)).data;
    assert.equal(more.length, 0, `${agent}: tools`);
    assert.match(JSON.stringify(tool.input), new RegExp(COMMAND));
    assert.match(tool.output, /hello/);
    assert.equal(tool.outcome, 'ok');
    return data[0];
  };

  before(async () => {
    home = await privateDir();
    project = join(home, 'project');
    await mkdir(project);
    api = await startApi();
    for (const dir of ['.claude/projects', '.codex/sessions', '.gemini/tmp', '.local/share/opencode']) await mkdir(join(home, dir), { recursive: true });
    d = await startDaemon({ env: { HOME: home, TZ: 'UTC' } });
  });
  after(async () => {
    await d.well();
    await d.stop();
    await api.stop();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  });

  it('Claude Code', async () => {
    const claude = await find(join(modules, '@anthropic-ai', 'claude-code-linux-x64'), 'claude');
    const out = await done(claude, ['-p', PROMPT, '--model', 'claude-sonnet-4-5', '--output-format', 'stream-json', '--verbose', '--allowedTools', 'Bash(echo:*)'], {
      ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'x', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', DISABLE_TELEMETRY: '1',
    });
    await recorded('claude', USED.claude);
    assert.match(out, /"type":"result"/);
  });

  it('Claude Code in a pane, with hooks that say which', async () => {
    const claude = await find(join(modules, '@anthropic-ai', 'claude-code-linux-x64'), 'claude');
    const more = env({ ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'x', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', DISABLE_TELEMETRY: '1' });
    const installed = await run(BINARY, ['hook', 'install', 'claude', '--yes'], { env: { HOME: home } });
    assert.equal(installed.status, 0, installed.err);
    const before_ = new Set((await d.ok('GET', 'sessions?agent=claude')).data.map((s) => s.id));
    const pane = await d.new([claude, '-p', PROMPT, '--model', 'claude-sonnet-4-5', '--allowedTools', 'Bash(echo:*)'], { cwd: project, env: cleanEnv(more) });
    await d.exited(pane.id);
    const s = await until('its session', async () =>
      (await d.ok('GET', 'sessions?agent=claude')).data.find((x) => !before_.has(x.id) && x.state === 'done'), 20_000);
    assert.equal(s.pane, pane.id);
    assert.match((await d.request('GET', `/api/v1/panes/${pane.id}/capture?history=all`)).text, /printed hello/);
  });

  it('Codex', async () => {
    const codex = await find(join(modules, '@openai', 'codex-linux-x64'), 'codex');
    await writeFile(join(home, '.codex', 'config.toml'), `model = "gpt-5.2-codex"
model_provider = "mock"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.mock]
name = "mock"
base_url = "${api.url}/v1"
wire_api = "responses"
env_key = "MOCK_KEY"
request_max_retries = 0
stream_max_retries = 0
`);
    const out = await done(codex, ['exec', '--json', '--skip-git-repo-check', PROMPT], { MOCK_KEY: 'x' });
    await recorded('codex', USED.others);
    assert.match(out, /"type":"turn.completed"/);
  });

  it('Gemini CLI', async (t) => {
    if (Number(process.versions.node.split('.')[0]) < 20) return t.skip('it wants a newer Node.js');
    await mkdir(join(home, '.gemini'), { recursive: true });
    await writeFile(join(home, '.gemini', 'settings.json'), JSON.stringify({ security: { auth: { selectedType: 'gemini-api-key' } }, privacy: { usageStatisticsEnabled: false }, general: { disableAutoUpdate: true } }));
    const gemini = join(modules, '.bin', 'gemini');
    assert.ok(existsSync(gemini));
    await done(process.execPath, [gemini, '--skip-trust', '-y', '-m', 'gemini-2.5-flash', '-o', 'stream-json', '-p', PROMPT], {
      GEMINI_API_KEY: 'x', GOOGLE_GEMINI_BASE_URL: api.url, GEMINI_CLI_TRUST_WORKSPACE: 'true', GEMINI_SANDBOX: 'false',
    });
    await recorded('gemini', USED.others);
  });

  it('opencode', async () => {
    const opencode = await find(join(modules, 'opencode-linux-x64'), 'opencode');
    await mkdir(join(home, '.config', 'opencode'), { recursive: true });
    await writeFile(join(home, '.config', 'opencode', 'opencode.json'), JSON.stringify({
      model: 'mock/mock-model', small_model: 'mock/mock-model', autoupdate: false, share: 'disabled',
      provider: { mock: { npm: '@ai-sdk/openai-compatible', name: 'Mock', options: { baseURL: `${api.url}/v1`, apiKey: 'x' }, models: { 'mock-model': { name: 'Mock', cost: { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 } } } } },
    }));
    await done(opencode, ['run', '--format', 'json', PROMPT], {
      OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_LSP_DOWNLOAD: '1', OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
    });
    const s = await recorded('opencode', USED.others);
    assert.equal(s.project, project);
  });
});
