// What the vendors' APIs answer, as far as the agents' programs ask it: first to run a command, then
// that it is done. What each answer is said to have used is fixed, so what a program puts on record
// is known.
//
// Formats: Anthropic's Messages, OpenAI's Responses and Chat Completions, Google's generateContent,
// each as a stream of server-sent events.

import { createServer } from 'node:http';

export const COMMAND = 'echo hello';
export const DONE = 'Done: the command printed hello.';

/** In the one meaning of `usage`: two answers, the first without a cache. */
export const USED = {
  claude: { input_tokens: 1300, cache_read_tokens: 1200, cache_write_5m_tokens: 100, output_tokens: 100 },
  others: { input_tokens: 1300, cache_read_tokens: 1200, output_tokens: 100, reasoning_tokens: 40 },
};

const json = (res, o, status = 200) => {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(o));
};

const events = (res, list, named) => {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const e of list) {
    if (named) res.write(`event: ${e.type}\n`);
    res.write(`data: ${typeof e === 'string' ? e : JSON.stringify(e)}\n\n`);
  }
  res.end();
};

const last = (list) => (list ?? []).at(-1) ?? {};

/** Claude: a title or a summary is asked for without tools. */
function messages(res, body, n) {
  const content = last(body.messages).content;
  const after = Array.isArray(content) && content.some((c) => c.type === 'tool_result');
  const bash = (body.tools ?? []).some((t) => t.name === 'Bash');
  const block = after || !bash ? { type: 'text', text: '' } : { type: 'tool_use', id: `toolu_${n}`, name: 'Bash', input: {} };
  const delta = after || !bash
    ? { type: 'text_delta', text: bash ? DONE : 'A title' }
    : { type: 'input_json_delta', partial_json: JSON.stringify({ command: COMMAND, description: 'Prints hello' }) };
  const usage = !bash
    ? { input_tokens: 0, cache_read_input_tokens: 0, cache_creation_input_tokens: 0, output_tokens: 0 }
    : after
      ? { input_tokens: 300, cache_read_input_tokens: 1200, cache_creation_input_tokens: 0, output_tokens: 40 }
      : { input_tokens: 1000, cache_read_input_tokens: 0, cache_creation_input_tokens: 100, output_tokens: 60 };
  events(res, [
    { type: 'message_start', message: { id: `msg_${n}`, type: 'message', role: 'assistant', model: body.model, content: [], stop_reason: null, stop_sequence: null, usage: { ...usage, output_tokens: Math.min(usage.output_tokens, 1) } } },
    { type: 'content_block_start', index: 0, content_block: block },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: block.type === 'text' ? 'end_turn' : 'tool_use', stop_sequence: null }, usage },
    { type: 'message_stop' },
  ], true);
}

function responses(res, body, n) {
  const after = /_output$/.test(last(body.input).type ?? '');
  const names = (body.tools ?? []).map((t) => t.name ?? t.type);
  const [name, args] = names.includes('exec_command') ? ['exec_command', { cmd: COMMAND }]
    : names.includes('shell_command') ? ['shell_command', { command: COMMAND }]
      : ['shell', { command: ['bash', '-lc', COMMAND] }];
  const items = after
    ? [{ type: 'message', id: `msg_${n}`, role: 'assistant', content: [{ type: 'output_text', text: DONE }] }]
    : [
        { type: 'reasoning', id: `rs_${n}`, summary: [{ type: 'summary_text', text: '**Planning** an echo' }] },
        { type: 'function_call', id: `fc_${n}`, call_id: `call_${n}`, name, arguments: JSON.stringify(args) },
      ];
  const usage = after
    ? { input_tokens: 1500, input_tokens_details: { cached_tokens: 1200 }, output_tokens: 40, output_tokens_details: { reasoning_tokens: 8 }, total_tokens: 1540 }
    : { input_tokens: 1000, input_tokens_details: { cached_tokens: 0 }, output_tokens: 60, output_tokens_details: { reasoning_tokens: 32 }, total_tokens: 1060 };
  const response = { id: `resp_${n}`, object: 'response', status: 'in_progress' };
  events(res, [
    { type: 'response.created', response },
    ...items.map((item, i) => ({ type: 'response.output_item.done', output_index: i, item })),
    { type: 'response.completed', response: { ...response, status: 'completed', output: [], usage } },
  ], true);
}

function completions(res, body, n) {
  const tools = (body.tools ?? []).map((t) => t.function.name);
  const after = last(body.messages).role === 'tool';
  const chunk = (delta, finish, usage) => ({
    id: `chatcmpl-${n}`, object: 'chat.completion.chunk', created: 1790000000, model: body.model,
    choices: delta ? [{ index: 0, delta, finish_reason: finish ?? null }] : [], ...(usage && { usage }),
  });
  const used = (prompt, cached, completion, reasoning) => chunk(null, null, {
    prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached }, completion_tokens_details: { reasoning_tokens: reasoning },
  });
  const call = { index: 0, id: `call_${n}`, type: 'function', function: { name: 'bash', arguments: JSON.stringify({ command: COMMAND, description: 'Prints hello' }) } };
  const list = after
    ? [chunk({ role: 'assistant', content: DONE }), chunk({}, 'stop'), used(1500, 1200, 40, 8)]
    : tools.includes('bash')
      ? [chunk({ role: 'assistant', tool_calls: [call] }), chunk({}, 'tool_calls'), used(1000, 0, 60, 32)]
      : [chunk({ role: 'assistant', content: 'A title' }), chunk({}, 'stop'), used(0, 0, 0, 0)];
  events(res, [...list, '[DONE]'], false);
}

function generate(res, path, body, n) {
  const parts = last(body.contents).parts ?? [];
  const names = (body.tools ?? []).flatMap((t) => (t.functionDeclarations ?? []).map((f) => f.name));
  const model = path.split('/models/')[1]?.split(':')[0];
  const [content, usageMetadata] = parts.some((p) => p.functionResponse)
    ? [[{ text: DONE }], { promptTokenCount: 1500, cachedContentTokenCount: 1200, candidatesTokenCount: 32, thoughtsTokenCount: 8, totalTokenCount: 1540 }]
    : names.includes('run_shell_command')
      ? [
          [{ text: '**Planning** an echo', thought: true }, { functionCall: { id: `fc_${n}`, name: 'run_shell_command', args: { command: COMMAND, description: 'Prints hello' } } }],
          { promptTokenCount: 1000, candidatesTokenCount: 28, thoughtsTokenCount: 32, totalTokenCount: 1060 },
        ]
      : [[{ text: '{}' }], { promptTokenCount: 0, candidatesTokenCount: 0, totalTokenCount: 0 }];
  const answer = { candidates: [{ content: { role: 'model', parts: content }, finishReason: 'STOP', index: 0 }], usageMetadata, modelVersion: model, responseId: `r_${n}` };
  if (path.includes(':stream')) events(res, [answer], false);
  else json(res, answer);
}

/** On a port of 127.0.0.1; `asked` are the paths that were. */
export async function startApi() {
  const asked = [];
  const server = createServer(async (req, res) => {
    const parts = [];
    for await (const p of req) parts.push(p);
    const path = req.url.split('?')[0];
    let body = {};
    try {
      body = JSON.parse(Buffer.concat(parts).toString() || '{}');
    } catch {
      return json(res, { error: { message: 'no JSON' } }, 400);
    }
    const n = asked.push(`${req.method} ${path}`);
    if (path.endsWith('/messages')) return messages(res, body, n);
    if (path.endsWith('/responses')) return responses(res, body, n);
    if (path.endsWith('/chat/completions')) return completions(res, body, n);
    if (/[gG]enerateContent$/.test(path)) return generate(res, path, body, n);
    if (/countTokens|count_tokens/.test(path)) return json(res, { totalTokens: 1000, input_tokens: 1000 });
    return json(res, { object: 'list', data: [], models: [] });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    asked,
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((done) => {
      server.closeAllConnections();
      server.close(done);
    }),
  };
}
