// Every route and every socket of the table with credentials that do not suffice.

import { createHash, randomBytes } from 'node:crypto';
import { told } from './target.mjs';
import { OP } from '../../daemon/lib/frames.mjs';
import { each } from '../../daemon/lib/until.mjs';
import { pause } from './wire.mjs';

const WIDTH = 8;
const bearer = (text) => [`Authorization: ${text}`];

/** What is no token at all: as lines of a header, on a request without one. */
function absent(t) {
  const { token } = t;
  return [
    ['no token', []],
    ['an empty token', bearer('Bearer ')],
    ['only the word Bearer', bearer('Bearer')],
    ['an empty header', bearer('')],
    ['a Basic credential', bearer(`Basic ${Buffer.from(`panescry:${token}`).toString('base64')}`)],
    ['a token without Bearer', bearer(token)],
    ['a token in a header of another name', [`X-Authorization: Bearer ${token}`, `Token: ${token}`, `X-Api-Key: ${token}`]],
    ['a token in a cookie of another name', [`Cookie: token=${token}; panescry=${token}; panescry-0=${token}`]],
    ['a cookie without a token', [`Cookie: ${t.cookie?.split('=')[0] ?? 'panescry-0'}=`]],
  ];
}

/** What looks like a token and is none. */
function wrong(t) {
  const { token } = t;
  const name = t.cookie?.split('=')[0] ?? 'panescry-0';
  return [
    ['a token that nobody made', bearer(`Bearer ${randomBytes(20).toString('hex')}`)],
    ['a token without its last character', bearer(`Bearer ${token.slice(0, -1)}`)],
    ['a token with one character more', bearer(`Bearer ${token}0`)],
    ['a token in the other case', bearer(`Bearer ${token.toUpperCase() === token ? token.toLowerCase() : token.toUpperCase()}x`)],
    ['the digest of a token', bearer(`Bearer ${createHash('sha256').update(token).digest('hex')}`)],
    ['a token of 600 characters', bearer(`Bearer ${'f'.repeat(600)}`)],
    ['a wrong token in the right cookie', [`Cookie: ${name}=${randomBytes(20).toString('hex')}`]],
    ["a token that is a wildcard", bearer('Bearer *')],
    ["SQL", bearer("Bearer ' OR '1'='1")],
  ];
}

/** With a body that no route takes: where somebody is let in, nothing comes of it either. */
const request = (t, r, more) => ({
  method: r.method,
  path: r.method === 'DELETE' ? r.path.replace(/:\w+/g, 'nobody') : t.fill(r.path),
  body: r.method === 'POST' && r.max_body > 0 ? '{' : '',
  ...more,
});

/** For a socket to be closed: where everybody is let in, that was seen. */
const patience = (g) => (g.gaveWay.length ? 100 : 5000);

/** Refused: not this one (401), not with this one (403), or not so often (429). */
const REFUSALS = [401, 403, 429];

async function walk(t, g, routes, what, more) {
  await each(routes, WIDTH, async (r) => {
    const a = await t.ask(request(t, r, more));
    const name = `${r.method} ${r.path} with ${what}`;
    g.refuses(REFUSALS.includes(a.status), name, told(a), t.again(a));
    if (r.method !== 'GET') return;
    const head = await t.ask({ ...request(t, r, more), method: 'HEAD' });
    g.refuses(REFUSALS.includes(head.status), `HEAD ${r.path} with ${what}`, told(head), t.again(head));
  });
  await each(t.sockets, 2, async (s) => {
    const a = await t.dial(t.fill(s.path), { ...more, protocol: s.subprotocol });
    let end = a.status;
    if (a.socket) {
      // That one may still be let in by what it says first.
      if (s.subprotocol === 'tty') a.socket.send(OP.BINARY, '{"AuthToken":"","columns":80,"rows":24}');
      end = await a.socket.end(patience(g));
      const heard = a.socket.frames.some((f) => f.op === 1 || f.op === 2);
      if (heard) end = 'a message came';
      a.socket.close();
    }
    const ok = REFUSALS.includes(end) || end === 4401 || end === 4429 || (s.subprotocol === 'tty' && end === 1008);
    g.refuses(ok, `${s.path} with ${what}`, String(end ?? 'it stays open'), t.again(a));
  });
}

/** What the socket of events tells to a token of one pane: nothing of others. */
async function listens(t, g, token) {
  const { socket, ...a } = await t.dial('/ws/events', { token });
  if (!socket) {
    g.refuses(REFUSALS.includes(a.status), '/ws/events with a token of one pane', told(a), t.again(a));
    return;
  }
  socket.send(OP.TEXT, JSON.stringify({ type: 'subscribe', topics: ['panes', 'jobs', 'sessions', 'watches', 'flows', 'collisions'], after: 0 }));
  const made = await t.start('true');
  await t.ok('GET', `/api/v1/panes/${made}`);
  await socket.send(OP.PING, 'all of it');
  await socket.hear((f) => f.op === OP.PONG, 5000);
  const text = socket.read().map((f) => f.data.toString()).join('\n');
  g.refuses(!text.includes(`"${t.other}"`) && !text.includes(`"${made}"`), 'events of other panes, with a token of one pane', text.slice(0, 200), t.again(a));
  socket.close();
}

/** A token of one pane: everything else is refused, and the list of panes has that one. */
async function onePane(t, g, guarded) {
  const { token } = await t.mint({ ...t.called('pane'), pane: t.pane });
  if ((await t.ask({ path: `/api/v1/panes/${t.other}`, token })).status === 200) {
    g.refuses(false, 'a token that was asked for with a pane', 'it opens other panes');
    return;
  }
  const mine = guarded.filter((r) => r.path.startsWith('/api/v1/panes/:id'));
  const others = mine.map((r) => ({ ...r, path: r.path.replace(':id', t.other) }));
  await each(others, WIDTH, async (r) => {
    const a = await t.ask(request(t, r, { token }));
    g.refuses([401, 403, 404].includes(a.status), `${r.method} ${r.path} with a token of another pane`, told(a), t.again(a));
  });
  const elsewhere = guarded.filter((r) => r.access === 'read_write' && !mine.includes(r));
  await each(elsewhere, WIDTH, async (r) => {
    const a = await t.ask(request(t, r, { token }));
    g.refuses([401, 403, 404].includes(a.status), `${r.method} ${r.path} with a token of one pane`, told(a), t.again(a));
  });
  for (const path of ['/api/v1/panes', '/api/v1/search?pattern=ready', `/api/v1/panes/${t.pane}/capture`, '/api/v1/status', '/metrics', '/api/v1/jobs', '/api/v1/sessions', '/api/v1/watches', '/api/v1/flows']) {
    const a = await t.ask({ path, token });
    const leaks = a.text.includes(`"${t.other}"`);
    g.refuses(!leaks, `GET ${path} with a token of one pane`, `it tells of another pane: ${told(a)}`, t.again(a));
  }
  const { name } = await t.ok('GET', `/api/v1/panes/${t.other}`);
  const ways = [name, name.slice(0, -1), `${t.pane},${t.other}`, '*', `${t.pane}%2f..%2f${t.other}`, `${t.pane}/../${t.other}`, t.other.toUpperCase(), `%70${t.other.slice(1)}`];
  for (const way of ways) {
    const a = await t.ask({ path: `/api/v1/panes/${way}/capture`, token });
    g.refuses(a.status >= 400, `another pane as ${way}, with a token of one pane`, told(a), t.again(a));
    const b = await t.ask({ path: `/api/v1/search?pattern=ready&pane=${way}`, token });
    g.refuses(!b.text.includes(`"${t.other}"`), `a search in ${way}, with a token of one pane`, told(b), t.again(b));
  }
  await listens(t, g, token);
  const other = await t.dial(`/ws/panes/${t.other}`, { token });
  const end = other.socket ? await other.socket.end() : other.status;
  g.refuses([401, 403, 404, 4401, 4403, 4404].includes(end), '/ws/panes/:id of another pane', String(end ?? 'it stays open'), t.again(other));
  other.socket?.close();
  const own = await t.ask({ path: `/api/v1/panes/${t.pane}`, token });
  g.serves(own.status === 200, 'the pane that the token is for', told(own), t.again(own));
}

async function readOnly(t, g, guarded) {
  const { token } = await t.mint({ ...t.called('reader'), read_only: true });
  await each(guarded.filter((r) => r.access === 'read_write'), WIDTH, async (r) => {
    const a = await t.ask(request(t, r, { token }));
    g.refuses(a.status === 403, `${r.method} ${r.path} with a read-only token`, told(a), t.again(a));
  });
  const a = await t.ask({ path: '/api/v1/panes', token });
  g.serves(a.status === 200, 'GET /api/v1/panes with a read-only token', told(a), t.again(a));
  for (const query of ['', '?mode=rw', '?mode=ro', '?mode=RW', '?mode=rw&mode=rw']) {
    const { socket, ...dialled } = await t.dial(`/ws/panes/${t.pane}${query}`, { token });
    if (!socket) {
      g.refuses(REFUSALS.includes(dialled.status) || dialled.status === 400, `a read-only viewer ${query}`, told(dialled), t.again(dialled));
      continue;
    }
    await socket.hear((f) => f.op === 2 && f.data[0] === 3);
    socket.send(2, Buffer.from('\u0001typed by a reader'));
    const end = await socket.end(patience(g));
    g.refuses(end === 4409 || end === 1008, `input from a read-only viewer ${query}`, String(end ?? 'it stays open'), t.again(dialled));
    socket.close();
  }
  const viewer = await t.attach();
  g.refuses(!viewer.screen().includes('typed by a reader'), 'what a reader has typed', 'it reached the pane');
  viewer.close();
}

async function ended(t, g, guarded) {
  const expires = await t.mint({ ...t.called('expires'), expires_in: 1 });
  await pause(2000);
  await walk(t, g, guarded, 'an expired token', { token: expires.token });
  if (!t.has('DELETE /api/v1/tokens/:id')) {
    g.note('revoked tokens: this instance has no DELETE /api/v1/tokens/:id');
    return;
  }
  const revoked = await t.mint(t.called('revoked'));
  const viewer = await t.attach({ token: revoked.token });
  await t.ok('DELETE', `/api/v1/tokens/${encodeURIComponent(revoked.id ?? revoked.name)}`);
  const end = await viewer.end();
  g.refuses(end !== null, 'a viewer whose token was revoked', 'it stays open');
  viewer.close();
  await walk(t, g, guarded, 'a revoked token', { token: revoked.token });
}

/** What asks for a wider token than there is, or says it in words that are none. */
async function asking(t, g) {
  let n = 0;
  for (const read_only of ['yes', 'true', 1, [true], { a: true }])
    for (const more of [{}, { expires_in: 60 }]) {
      const a = await t.ask({ method: 'POST', path: '/api/v1/tokens', body: JSON.stringify({ ...t.called(`wide${++n}`), read_only, ...more }) });
      if (a.json?.token) t.secrets.push([`TOKEN${t.secrets.length}`, a.json.token]);
      const name = a.json?.id ?? a.json?.name;
      if (name !== undefined) t.own(`/api/v1/tokens/${encodeURIComponent(name)}`);
      g.refuses(a.status === 400, `a token with read_only ${JSON.stringify(read_only)}`, told(a), t.again(a));
    }
  for (const expires_in of [0, -1, 1.5, 1e300, '60', true, [60]]) {
    const a = await t.ask({ method: 'POST', path: '/api/v1/tokens', body: JSON.stringify({ ...t.called(`never${++n}`), expires_in }) });
    g.refuses(a.status === 400, `a token with expires_in ${JSON.stringify(expires_in)}`, told(a), t.again(a));
  }
}

export async function tokens(t, g) {
  const open = t.routes.filter((r) => r.access === 'open');
  const local = t.routes.filter((r) => r.access === 'local');
  const guarded = t.routes.filter((r) => r.access === 'read_only' || r.access === 'read_write');
  const known = ['open', 'local', 'read_only', 'read_write'];
  for (const r of t.routes) g.serves(known.includes(r.access), `${r.method} ${r.path}`, `an access that this script does not know: ${r.access}`);
  for (const r of open) g.refuses(['/healthz', '/', '/assets/:file', '/p/:id/', '/p/:id'].includes(r.path), `${r.method} ${r.path} without a token`, 'it is open to all');
  await asking(t, g);
  await readOnly(t, g, guarded);
  await onePane(t, g, guarded);
  await each(local, WIDTH, async (r) => {
    const a = await t.ask(request(t, r));
    g.refuses(a.status === 403, `${r.method} ${r.path} over TCP`, told(a), t.again(a));
  });
  for (const [what, headers] of absent(t)) await walk(t, g, [...guarded, ...local], what, { token: null, headers });
  const query = guarded.map((r) => ({ ...r, path: `${r.path}?token=${t.token}` }));
  await walk(t, g, query, 'a token in the query', { token: null });
  await ended(t, g, guarded);
  // Each from an address of its own where there are any: it is shut out after some.
  for (const [what, headers] of wrong(t)) await walk(t, g, [...guarded, ...local], what, { token: null, headers, from: t.stranger() });
  await t.ok('GET', '/api/v1/status');
}
