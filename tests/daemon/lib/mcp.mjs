// Clients of the Model Context Protocol: the official SDK's, and one that says what it likes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { BINARY, cleanEnv } from './run.mjs';
import { within } from './until.mjs';

/** The SDK's client, over `stdio` or `http`, with write access or without. */
export async function connect(d, how, { write = false, token = d.token } = {}) {
  const transport =
    how === 'stdio'
      ? new StdioClientTransport({ command: BINARY, args: ['mcp', ...(write ? ['--allow-write'] : [])], env: cleanEnv(d.env), stderr: 'inherit' })
      : new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${d.port}/mcp`), { requestInit: { headers: { authorization: `Bearer ${token}` } } });
  const client = new Client({ name: 'tests', version: '1' });
  await client.connect(transport);
  return client;
}

/** What a tool says: its JSON, and the text behind that. */
export async function call(client, name, args = {}) {
  const r = await client.callTool({ name, arguments: args });
  assert.ok(!r.isError, `${name}: ${r.content[0]?.text}`);
  assert.ok(r.content.every((c) => c.type === 'text'));
  const [json, text] = r.content.map((c) => c.text);
  return text === undefined ? JSON.parse(json) : { ...JSON.parse(json), text };
}

/** Why a tool did not. */
export async function fails(client, name, args, pattern) {
  const r = await client.callTool({ name, arguments: args });
  assert.ok(r.isError, JSON.stringify(r));
  assert.match(r.content[0].text, pattern);
}

/** panescry mcp, line by line. */
export class Raw {
  constructor(env, args = []) {
    this.child = spawn(BINARY, ['mcp', ...args], { env: cleanEnv(env), stdio: ['pipe', 'pipe', 'pipe'] });
    this.messages = [];
    this.err = '';
    this.wakers = [];
    let rest = '';
    this.child.stdin.on('error', () => {});
    this.child.stderr.on('data', (b) => (this.err += b));
    this.child.stdout.setEncoding('utf8');
    this.child.stdout.on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      this.messages.push(...lines.map((l) => JSON.parse(l)));
      for (const wake of this.wakers.splice(0)) wake();
    });
    this.ended = new Promise((done) => this.child.on('close', (code, signal) => done({ code, signal, rest })));
  }

  write(text) {
    return new Promise((done) => this.child.stdin.write(text, () => done()));
  }

  say(o) {
    return this.write(`${JSON.stringify(o)}\n`);
  }

  /** The first that fits, taken out. */
  hear(fits, ms) {
    const look = async () => {
      for (;;) {
        const at = this.messages.findIndex(fits);
        if (at >= 0) return this.messages.splice(at, 1)[0];
        await new Promise((wake) => this.wakers.push(wake));
      }
    };
    return within(`a message of panescry mcp; it said ${this.err}`, look(), ms);
  }

  answer(id, ms) {
    return this.hear((m) => m.id === id, ms);
  }

  async ask(id, method, params) {
    await this.say({ jsonrpc: '2.0', id, method, params });
    return this.answer(id);
  }

  async end() {
    this.child.stdin.end();
    const how = await within('panescry mcp to end', this.ended);
    assert.deepEqual(how, { code: 0, signal: null, rest: '' }, this.err);
    assert.equal(this.err, '');
  }
}
