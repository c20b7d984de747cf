// What is hardly HTTP: requests within requests, odd methods, endless heads, bodies that lie.

import { each } from '../../daemon/lib/until.mjs';
import { again } from './report.mjs';
import { told } from './target.mjs';
import { pause, Wire } from './wire.mjs';

const ECHO_MS = 5000; /* for an echo meanwhile: the loop goes round */
const HEAD_BYTES = 1024 * 1024;
const HEAD_MS = 60_000; /* for a request that does not come to be given up */

/** All that an instance sends for these bytes, until nothing comes any more. */
async function exchange(t, bytes, { ms = 3000, quiet = 250 } = {}) {
  const w = await Wire.open(t.tcp);
  t.requests++;
  w.write(bytes);
  await w.hear(() => w.data.length !== 0, ms);
  for (let n = -1; !w.ended && n !== w.data.length; await w.hear(() => w.data.length > n, quiet)) n = w.data.length;
  const text = w.data.toString('latin1');
  const ended = w.ended;
  w.close();
  return { text, ended, statuses: [...text.matchAll(/(?:^|\n)HTTP\/1\.[01] (\d{3})/g)].map((m) => Number(m[1])) };
}

const heads = (t, lines) => Buffer.from(lines.map((l) => `${l}\r\n`).join('') + '\r\n', 'latin1');

/**
 * A request whose end two readers see at different places, and in what one of them takes for its
 * body another request, which makes a token: no token may come of it.
 */
async function smuggling(t, g) {
  const inner = t.text({ method: 'POST', path: '/api/v1/tokens', body: JSON.stringify({ ...t.called('smuggled'), read_only: true, expires_in: 60 }) }).toString('latin1');
  const n = inner.length;
  const hex = n.toString(16);
  const to = `/api/v1/panes/${t.pane}/resize`;
  const post = (lines, body, path = to) => [Buffer.concat([heads(t, [`POST ${t.base}${path} HTTP/1.1`, `Host: ${t.host}`, `Authorization: Bearer ${t.token}`, ...lines]), Buffer.from(body, 'latin1')]), `${lines.join(', ')}`];
  const cl = (x) => `Content-Length: ${x}`;
  const te = 'Transfer-Encoding: chunked';
  const shapes = [
    post([cl(5 + n), te], `0\r\n\r\n${inner}`), post([te, cl(5 + n)], `0\r\n\r\n${inner}`), post([cl(4), te], `${hex}\r\n${inner}\r\n0\r\n\r\n`), post([te, cl(0)], `${hex}\r\n${inner}\r\n0\r\n\r\n`),
    post([cl(0), cl(n)], inner), post([cl(n), cl(0)], inner), post([`Content-Length: 0, ${n}`], inner), post([`Content-Length: ${n}, 0`], inner),
    post(['Transfer-Encoding : chunked', cl(n + 5)], `0\r\n\r\n${inner}`), post(['Transfer-Encoding: xchunked', cl(n)], inner), post(['Transfer-Encoding: identity', cl(n)], inner),
    post(['Transfer-Encoding:\tchunked', cl(n + 5)], `0\r\n\r\n${inner}`), post([' Transfer-Encoding: chunked', cl(n + 5)], `0\r\n\r\n${inner}`), post(['X: y\r\n Transfer-Encoding: chunked', cl(n + 5)], `0\r\n\r\n${inner}`),
    post(['Transfer-Encoding: chunked, identity', cl(n + 5)], `0\r\n\r\n${inner}`), post(['Transfer-Encoding: gzip, chunked'], `${hex}\r\n${inner}\r\n0\r\n\r\n`), post([te, 'Transfer-Encoding: identity', cl(n + 5)], `0\r\n\r\n${inner}`),
    post([`Content-Length: +${n}`], inner), post([`Content-Length: 0x${hex}`], inner), post([`Content-Length: -${n}`], inner), post([`Content-Length: ${n} 0`], inner), post([`Content-Length: 0${n}`, te], inner),
    post([`Content-Length : ${n}`], inner), post([`Content-Length\t: ${n}`], inner), post([` Content-Length: ${n}`], inner), post([`X-A: b\n${cl(n)}`], inner), post([`X-A: b\r${cl(n)}`], inner), post([`X-A: b\0\r\n${cl(n)}`], inner),
    post([`Content-Length: 18446744073709551616`], inner), post([`Content-Length: 4294967296`], inner), post([cl(n), 'Expect: 100-continue', te], inner), post([cl(n), 'Connection: Content-Length'], inner),
  ];
  // What ends at n by the only length that there is may be one request; all the others are refused.
  await each(shapes, 4, async ([bytes, what]) => {
    const r = await exchange(t, bytes);
    const smuggled = /"token"\s*:/.test(r.text);
    g.refuses(!smuggled && !r.statuses.some((s) => s >= 500 && s !== 501), `a request within one with ${what}`, smuggled ? 'it was answered' : r.statuses.join(' '), again(t, bytes));
  });
  // A body on what takes none must not be read as the next request, or only on its own account.
  for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'PUT', 'TRACE', 'FROB']) {
    const bytes = Buffer.concat([heads(t, [`${method} ${t.base}/api/v1/nothing HTTP/1.1`, `Host: ${t.host}`, `Authorization: Bearer ${t.token}`, cl(n)]), Buffer.from(inner, 'latin1')]);
    const r = await exchange(t, bytes);
    g.refuses(!/"token"\s*:/.test(r.text), `a request in the body of ${method}`, 'it was answered', again(t, bytes));
  }
}

/** No byte of a request may become a line of an answer's head, or end it. */
async function injection(t, g) {
  const tails = ['%0d%0aX-Evil:%20yes', '%0aX-Evil:%20yes', '%0dX-Evil: yes'.replace(' ', '%20'), '%0d%0a%0d%0a<script>x-evil</script>', '%E5%98%8A%E5%98%8DX-Evil:yes', '\u0000X-Evil: yes', '%00%0d%0aX-Evil:%20yes'];
  const places = (x) => [`/${x}`, `/healthz?${x}`, `/healthz?a=${x}`, `/?token=${x}`, `/assets/${x}`, `/api/v1/panes/${x}`, `/api/v1/search?pattern=${x}`, `/api/v1/panes/${t.pane}/capture?format=${x}`,
    `/api/v1/jobs/${x}/channels/1`, `/api/v1/sessions/${x}`, `/api/v1/flows/${x}`, `/api/term/sessions/${x}/panes/${x}/search?pattern=a`];
  await each(tails.flatMap(places), 8, async (path) => {
    const a = await t.ask({ path, from: true });
    g.refuses(a.headers['x-evil'] === undefined && !(a.status >= 500), `a line of a head in ${path.slice(0, 60)}`, told(a), t.again(a));
  });
  const values = ['a\rX-Evil: yes', 'a\nX-Evil: yes', 'a\r\n X-Evil: yes', 'a\0b', '\u001b]0;evil\u0007', '\u00e9\u00ff', '%s%n%s%n'];
  for (const name of ['Origin', 'If-None-Match', 'Accept-Encoding', 'Range', 'Cookie', 'User-Agent', 'X-Forwarded-For', 'Referer'])
    await each(values, 4, async (value) => {
      const a = await t.ask({ path: '/', headers: [`${name}: ${value}`] });
      g.refuses(a.headers['x-evil'] === undefined && a.status < 500, `${name}: ${JSON.stringify(value)}`, told(a), t.again(a));
    });
}

/** Whose target is not a path, and methods that are not in the table. */
async function shapes(t, g) {
  const auth = [`Host: ${t.host}`, `Authorization: Bearer ${t.token}`];
  const none = [`Host: ${t.host}`];
  const info = `${t.base}/api/v1/info`;
  const lines = [
    [`GET http://evil.example${info} HTTP/1.1`, auth], [`GET https://evil.example:1${info} HTTP/1.1`, auth], [`GET //evil.example${info} HTTP/1.1`, auth], [`GET ${t.origin}@evil.example${info} HTTP/1.1`, auth], [`GET evil.example${info} HTTP/1.1`, auth],
    ['CONNECT evil.example:443 HTTP/1.1', auth], [`CONNECT ${t.host} HTTP/1.1`, auth], ['CONNECT / HTTP/1.1', auth], ['TRACE / HTTP/1.1', [...auth, 'X-Secret: told']], [`TRACE ${info} HTTP/1.1`, auth], ['TRACK / HTTP/1.1', auth], ['DEBUG / HTTP/1.1', auth],
    ['OPTIONS * HTTP/1.1', auth], ['GET * HTTP/1.1', auth], ['PRI * HTTP/2.0', []], ['GET', auth], [`get ${info} HTTP/1.1`, none], [`GET${info} HTTP/1.1`, none], [`GET ${info}`, none], [`GET ${info} HTTP/9.9`, none], [`GET ${info} HTTP/1.1 x`, none],
    [`GET ${info} FTP/1.1`, none], [`\0GET ${info} HTTP/1.1`, none], [`GET\t${info}\tHTTP/1.1`, none], [`GET ${info}\0/healthz HTTP/1.1`, none], [`${'G'.repeat(9000)} ${info} HTTP/1.1`, none], [` GET ${info} HTTP/1.1`, none], [`GET ${info} HTTP/1.1\r\n`, [' Host: x', ...none]],
    ...['PUT', 'PATCH', 'PROPFIND', 'MKCOL', 'MOVE', 'LINK', 'PURGE', 'SEARCH', 'FROB', 'G\u0000T'].flatMap((m) => [[`${m} ${info} HTTP/1.1`, auth], [`${m} /healthz HTTP/1.1`, auth]]),
    [`GET ${info} HTTP/1.0`, []], [`GET ${info} HTTP/1.1`, []], [`GET ${info} HTTP/1.1`, ['Authorization: Bearer', `Host: ${t.host}`]],
  ];
  await each(lines, 4, async ([line, headers]) => {
    const bytes = heads(t, [line, ...headers]);
    const r = await exchange(t, bytes);
    const bad = r.statuses.some((s) => (s >= 200 && s < 300) || (s >= 500 && s !== 501 && s !== 505)) || r.text.includes('X-Secret');
    g.refuses(!bad, JSON.stringify(line.slice(0, 80)), r.text.slice(0, 100), again(t, bytes));
  });
  for (const headers of [[`Upgrade: h2c`, 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'], ['Upgrade: frob', 'Connection: Upgrade'], ['Upgrade: TLS/1.0', 'Connection: Upgrade'], [`Upgrade: ${'w'.repeat(5000)}`, 'Connection: Upgrade']]) {
    const bytes = t.text({ path: '/api/v1/info', token: null, headers });
    const r = await exchange(t, bytes);
    g.refuses(!r.statuses.some((s) => s < 400), headers[0].slice(0, 60), r.text.slice(0, 80), again(t, bytes));
  }
}

/** Heads that are too long. They may be cut off; they may not be taken, nor kept. */
async function sizes(t, g) {
  const heavy = [
    ['a target of 8 KiB', { path: `/${'p'.repeat(8192)}` }], ['a target of 64 KiB', { path: `/${'p'.repeat(65536)}` }], ['a target of 1 MiB', { path: `/${'p'.repeat(HEAD_BYTES)}` }], ['a query of 64 KiB', { path: `/api/v1/search?pattern=${'p'.repeat(65536)}` }],
    ['10,000 arguments', { path: `/api/v1/search?${'a=b&'.repeat(10_000)}` }], ['10,000 headers', { headers: Array.from({ length: 10_000 }, (_, i) => `X-${i}: y`) }], ['10,000 of one header', { headers: Array.from({ length: 10_000 }, () => 'X-Same: y') }],
    ['10,000 cookies', { headers: [`Cookie: ${'a=b; '.repeat(10_000)}`] }], ['a header of 1 MiB', { headers: [`X-Long: ${'v'.repeat(HEAD_BYTES)}`] }], ['a name of 1 MiB', { headers: [`${'n'.repeat(HEAD_BYTES)}: v`] }], ['a token of 100 KiB', { token: 'f'.repeat(100_000) }],
    ['a Host of 100 KiB', { host: 'h'.repeat(100_000) }], ['an Origin of 100 KiB', { origin: `http://${'o'.repeat(100_000)}` }], ['escapes of 60 KiB', { path: `/${'%41'.repeat(20_000)}` }], ['folded lines', { headers: Array.from({ length: 5000 }, () => ' folded') }],
  ];
  await each(heavy, 4, async ([what, request]) => {
    const a = await t.ask({ path: '/api/v1/info', ...request, ms: 5000 });
    g.refuses(a.status === 0 || (a.status >= 400 && a.status < 500) || a.status === 501, what, told(a), t.again(a));
  });
  // A head without an end: after so much it is not read any more.
  const w = await Wire.open(t.tcp);
  await w.write(`GET / HTTP/1.1\r\nHost: ${t.host}\r\n`);
  let sent = 0;
  for (; sent < 16 * HEAD_BYTES && !w.ended; sent += 65536) await w.write(Buffer.alloc(65536, 'X-a: bcdefghijk\r\n'), 500);
  g.refuses(await w.over(HEAD_MS), 'a head without an end', `${sent} bytes were taken`);
  w.close();
}

/** Bodies that do not come, come slowly, or are not what was said. */
async function bodies(t, g) {
  const path = `/api/v1/panes/${t.pane}/input`;
  const start = (more) => t.text({ method: 'POST', path, ...more });
  for (const length of [1024 * 1024 + 1, 2 ** 31, 2 ** 32, 2 ** 32 + 5, '9223372036854775807', '9223372036854775808', '18446744073709551615', '18446744073709551616', '-1', '1e3', '0x10', '5 5', '5,5', 'abc']) {
    const a = await t.ask({ raw: start({ length }) });
    g.refuses([400, 411, 413].includes(a.status) || (a.status === 0 && a.how !== 'no answer came'), `Content-Length: ${length}`, told(a), t.again(a));
  }
  const chunks = ['5\r\nhello\r\n0\r\n\r\n', 'ffffffffffffffff\r\nx', '-5\r\nhello\r\n0\r\n\r\n', '5;a=b\r\nhello\r\n0\r\n\r\n', '0x5\r\nhello\r\n0\r\n\r\n', '5\nhello\n0\n\n', '\r\n\r\n', 'zz\r\n', `${'0'.repeat(100_000)}5\r\nhello\r\n0\r\n\r\n`, `5;${'e'.repeat(100_000)}\r\nhello\r\n`];
  for (const chunk of chunks) {
    const bytes = Buffer.concat([start({ headers: ['Transfer-Encoding: chunked'] }), Buffer.from(chunk)]);
    const r = await exchange(t, bytes);
    g.refuses(!r.statuses.some((s) => (s >= 200 && s < 300) || (s >= 500 && s !== 501)), `a chunked body ${JSON.stringify(chunk.slice(0, 30))}`, r.statuses.join(' ') || 'nothing', again(t, bytes));
  }
  // Endless, though chunks were refused.
  const w = await Wire.open(t.tcp);
  await w.write(start({ headers: ['Transfer-Encoding: chunked'] }));
  let sent = 0;
  for (; sent < 64 * HEAD_BYTES && !w.ended; sent += HEAD_BYTES) await w.write(Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(HEAD_BYTES), Buffer.from('\r\n')]), 300);
  g.refuses(await w.over(HEAD_MS), 'an endless chunked body', `${sent} bytes were taken`);
  w.close();
}

/** Many that send a byte now and then: others are served, and none of it is typed. */
async function slow(t, g) {
  const bytes = (n) => t.text({ method: 'POST', path: `/api/v1/panes/${t.pane}/input`, length: n });
  const wires = [];
  for (let i = 0; i < 60; i++) {
    const w = await Wire.open(t.tcp);
    const head = i % 3 === 0 ? Buffer.from('GET /api/v1/in') : i % 3 === 1 ? bytes(100_000) : t.text({ path: '/healthz' }).subarray(0, -2);
    w.write(head);
    wires.push(w);
  }
  const viewer = await t.attach();
  let worst = 0;
  for (let i = 0; i < 20; i++) {
    for (const w of wires) w.write('x');
    worst = Math.max(worst, (await t.echo(viewer)) ?? Infinity);
    await pause(20);
  }
  g.serves(worst < ECHO_MS, 'echo beside 60 slow requests', `${worst} ms`);
  for (const w of wires) w.close();
  const typed = await t.echo(viewer);
  g.refuses(typed !== null && !/x{10}/.test(viewer.screen()), 'a body that was not whole', 'it was typed');
  viewer.close();
}

export async function http(t, g) {
  await smuggling(t, g);
  await injection(t, g);
  await shapes(t, g);
  await sizes(t, g);
  await bodies(t, g);
  await slow(t, g);
}
