// Transcripts as Claude Code writes them, made up.

const START = Date.UTC(2026, 10, 20, 8, 0, 0);

export class Talk {
  lines = [];
  n = 0;
  time = START;
  constructor(id, cwd = '/home/ann/src/lighthouse') {
    Object.assign(this, { id, cwd });
  }
  /** Nothing happens for a while. */
  waits(ms) {
    this.time += ms;
    return this;
  }
  put(type, message, more = {}) {
    const uuid = `${this.id}-${++this.n}`;
    this.time += 7000;
    this.lines.push(JSON.stringify({
      type, uuid, parentUuid: this.n > 1 ? `${this.id}-${this.n - 1}` : null, sessionId: this.id,
      timestamp: new Date(this.time).toISOString(), version: '2.1.0', cwd: this.cwd, gitBranch: 'main', message, ...more }));
    return this;
  }
  user(text) {
    return this.put('user', { role: 'user', content: text });
  }
  model(content, stop = null, usage = {}) {
    const id = `msg_${this.id}_${this.n}`;
    return this.put('assistant', {
      id, model: 'claude-opus-4-5', role: 'assistant', content, stop_reason: stop,
      usage: { input_tokens: 1200, output_tokens: 340, cache_read_input_tokens: 48_000, cache_creation_input_tokens: 2000, ...usage },
    }, { requestId: `req_${id}` });
  }
  says(text, stop = 'end_turn', usage = {}) {
    return this.model([{ type: 'text', text }], stop, usage);
  }
  thinks(thinking) {
    return this.model([{ type: 'thinking', thinking, signature: '' }]);
  }
  calls(id, name, input) {
    return this.model([{ type: 'tool_use', id: `${this.id}-${id}`, name, input }], 'tool_use');
  }
  result(id, content, error = false) {
    return this.put('user', { role: 'user', content: [{ type: 'tool_result', tool_use_id: `${this.id}-${id}`, content, is_error: error }] });
  }
  get text() {
    return this.lines.map((l) => `${l}\n`).join('');
  }
}
