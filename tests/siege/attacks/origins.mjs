// Host and Origin: pages of other sites, names that were bound to this address, and headers by which a
// proxy would be believed.

import { each } from '../../daemon/lib/until.mjs';
import { told } from './target.mjs';

const EVIL = 'evil.example';

/** Origins that are not this door's own, however close they come. */
function foreignOrigins(t) {
  const { scheme, host, origin } = t;
  const other = scheme === 'https' ? 'http' : 'https';
  const { hostname } = t.url;
  const port = t.tcp.port;
  return [
    'null', 'NULL', 'undefined', '*', 'file://', 'about:blank', 'data:', 'chrome-extension://abcdefghijklmnop', `http://${EVIL}`, `${scheme}://${EVIL}:${port}`,
    `${scheme}://${hostname}:${port + 1}`, `${scheme}://${hostname}:${String(port).slice(0, -1) || 1}`, `${scheme}://${hostname}:${port}0`, `${scheme}://${hostname}:0${port}`,
    `${scheme}://${hostname}:`, `${scheme}://${hostname}`, `${other}://${host}`, `ws://${host}`, `wss://${host}`, `ftp://${host}`, `x${scheme}://${host}`, `${scheme}:${host}`, `${scheme}:/${host}`, `//${host}`, host,
    `${origin}.${EVIL}`, `${origin}@${EVIL}`, `${scheme}://${EVIL}@${host}`, `${scheme}://${hostname}@${EVIL}:${port}`, `${scheme}://${EVIL}/${host}`, `${scheme}://${EVIL}#${host}`, `${scheme}://${EVIL}?${origin}`,
    `${scheme}://${EVIL}.${host}`, `${scheme}://x${host}`, `${scheme}://${hostname}.:${port}`, `${scheme}://${hostname}.${EVIL}:${port}`, `${origin}/`, `${origin}/path`, `${origin}?a`, `${origin}#a`, `${origin}\\`,
    `${origin},${scheme}://${EVIL}`, `${scheme}://${EVIL},${origin}`, `${origin} ${scheme}://${EVIL}`, `${scheme}://${EVIL} ${origin}`, `${origin}%00`, `${origin}%2e${EVIL}`, `${origin}\t`.trim() + ';', `"${origin}"`, `'${origin}'`, `<${origin}>`,
    `${scheme}://2130706433:${port}`, `${scheme}://0x7f.1:${port}`, `${scheme}://127.1:${port}`, `${scheme}://0177.0.0.1:${port}`, `${scheme}://[::ffff:127.0.0.1]:${port}`, `${scheme}://0.0.0.0:${port}`, `${scheme}://localhost.localdomain:${port}`,
    `${scheme}://127.0.0.1.nip.io:${port}`, `${scheme}://${'a'.repeat(3000)}`, `\u00e9${origin}`,
  ].filter((o) => o !== origin);
}

/** Hosts under which this instance is not. */
function foreignHosts(t) {
  const { hostname } = t.url;
  const { port } = t.tcp;
  return [
    EVIL, `${EVIL}:${port}`, `${hostname}.${EVIL}:${port}`, `${hostname}:${port}.${EVIL}`, `${hostname}@${EVIL}:${port}`, `${EVIL}@${hostname}:${port}`, `${hostname}:${port},${EVIL}`, `${EVIL},${hostname}:${port}`,
    `localhost.${EVIL}:${port}`, `127.0.0.1.nip.io:${port}`, `127.0.0.1.${EVIL}`, `x127.0.0.1:${port}`, `127.0.0.1x:${port}`, `127.1:${port}`, `2130706433:${port}`, `0x7f000001:${port}`, `0177.0.0.1:${port}`,
    `127.0.0.1.:${port}`, `localhost.localdomain:${port}`, `localhostx:${port}`, `[::1`, `::1]`, `[::1]x:${port}`, `[${EVIL}]:${port}`, `[::1%25lo]:${port}`, `[127.0.0.1]${EVIL}`,
    `${hostname}:${port + 1}`, `${hostname}:${port}0`, `${hostname}:x`, `${hostname}:${port}/`, `${hostname}:${port}/${EVIL}`, `${hostname}:${port}#${EVIL}`, `${hostname}:${port}?`, `${hostname}:-1`, `${hostname}:99999`, `http://${hostname}:${port}`,
    '*', '-', '_', '..', 'a'.repeat(5000), `${hostname} ${EVIL}`, `${EVIL} ${hostname}:${port}`, `${hostname}:${port}%00`, `%31%32%37.0.0.1:${port}`,
  ];
}

/** One of each kind of door: what reads, what changes, and both sockets. */
function doors(t) {
  const resize = `/api/v1/panes/${t.pane}/resize`;
  return [
    ['GET /api/v1/panes', (more) => t.ask({ path: '/api/v1/panes', ...more })],
    ['POST resize', (more) => t.ask({ method: 'POST', path: resize, body: '{"cols":80,"rows":24}', ...more })],
    ['the socket of a pane', (more) => t.dial(`/ws/panes/${t.pane}`, more)],
    ['the socket of events', (more) => t.dial('/ws/events', more)],
  ];
}

const CORS = ['access-control-allow-origin', 'access-control-allow-credentials', 'access-control-allow-methods'];

function refused(t, g, what, a) {
  a.socket?.close();
  const allows = CORS.filter((h) => a.headers[h] !== undefined);
  const ok = [400, 403, 421].includes(a.status) && allows.length === 0;
  g.refuses(ok, what, allows.length ? `${told(a)} with ${allows}` : told(a), t.again(a));
}

async function matrix(t, g) {
  const credentials = [['a token', {}]];
  if (t.cookie) credentials.push(['a cookie', { token: null, headers: [`Cookie: ${t.cookie}`] }]);
  for (const [with_, more] of credentials)
    for (const [door, knock] of doors(t)) {
      await each(foreignOrigins(t), 8, async (origin) => refused(t, g, `${door} with ${with_} and Origin ${origin.slice(0, 60)}`, await knock({ ...more, origin })));
      await each(foreignHosts(t), 8, async (host) => {
        refused(t, g, `${door} with ${with_} and Host ${host.slice(0, 60)}`, await knock({ ...more, host }));
        // A name that was bound to this address: to its page everything is its own origin.
        refused(t, g, `${door} with ${with_}, Host and Origin ${host.slice(0, 60)}`, await knock({ ...more, host, origin: `${t.scheme}://${host}` }));
      });
      refused(t, g, `${door} with ${with_} and no Host`, await knock({ ...more, host: null }));
      for (const [first, second] of [[t.host, EVIL], [EVIL, t.host]])
        refused(t, g, `${door} with ${with_} and Hosts ${first}, ${second}`, await knock({ ...more, host: first, headers: [`Host: ${second}`, ...(more.headers ?? [])] }));
      const evil = `${t.scheme}://${EVIL}`;
      for (const [first, second] of [[t.origin, evil], [evil, t.origin]])
        refused(t, g, `${door} with ${with_} and Origins ${first}, ${second}`, await knock({ ...more, origin: first, headers: [`Origin: ${second}`, ...(more.headers ?? [])] }));
      const good = await knock({ ...more, origin: t.origin });
      g.serves(good.status === 200 || good.status === 101, `${door} with ${with_} and its own Origin`, told(good), t.again(good));
      good.socket?.close();
    }
}

/** What only a proxy that was named may say. */
async function proxies(t, g) {
  const evil = `${t.scheme}://${EVIL}`;
  const other = t.scheme === 'https' ? 'http' : 'https';
  const lies = [
    [[`X-Forwarded-Host: ${EVIL}`], { origin: evil }], [[`X-Forwarded-Host: ${EVIL}`, 'X-Forwarded-For: 127.0.0.1'], { origin: evil }],
    [[`Forwarded: host=${EVIL};proto=${t.scheme};for=127.0.0.1`], { origin: evil }], [[`X-Forwarded-Proto: ${other}`], { origin: `${other}://${t.host}` }],
    [[`X-Forwarded-Scheme: ${other}`, `X-Forwarded-Ssl: on`], { origin: `${other}://${t.host}` }], [[`X-Forwarded-Port: 1`], { origin: `${t.scheme}://${t.url.hostname}:1` }],
    [[`X-Forwarded-Host: ${t.host}`], { host: EVIL }], [[`X-Host: ${t.host}`, `X-Original-Host: ${t.host}`], { host: EVIL }], [[`X-Forwarded-Server: ${t.host}`], { host: EVIL, origin: evil }],
  ];
  for (const [headers, more] of lies)
    for (const [door, knock] of doors(t)) refused(t, g, `${door} with ${headers.join(', ')}`, await knock({ headers, ...more }));
  const without = [['X-Forwarded-For: 127.0.0.1'], ['X-Real-IP: 127.0.0.1'], ['X-Forwarded-User: root', 'Remote-User: root', 'X-Remote-User: root'], ['X-Original-URL: /healthz', 'X-Rewrite-URL: /healthz'],
    ['Forwarded: for=127.0.0.1'], ['X-Client-IP: ::1', 'True-Client-IP: ::1', 'CF-Connecting-IP: 127.0.0.1'], ['X-HTTP-Method-Override: GET'], ['Via: unix'], ['Proxy-Authorization: Basic cm9vdDpyb290']];
  for (const headers of without) {
    const a = await t.ask({ path: '/api/v1/info', token: null, headers });
    g.refuses([401, 403, 429].includes(a.status), `no token, but ${headers}`, told(a), t.again(a));
  }
  for (const header of ['X-Original-URL', 'X-Rewrite-URL']) {
    const a = await t.ask({ path: '/healthz', token: null, headers: [`${header}: /api/v1/info`] });
    g.refuses(!a.text.includes('state_dir'), `GET /healthz with ${header}: /api/v1/info`, 'the other was answered', t.again(a));
  }
}

export async function origins(t, g) {
  await matrix(t, g);
  await proxies(t, g);
  // All of the table: wrong Origin, wrong Host, and both as a page on a re-bound name would have them.
  const evil = `${t.scheme}://${EVIL}:${t.tcp.port}`;
  for (const [what, more] of [['Origin', { origin: evil }], ['Host', { host: EVIL }], ['Host and Origin', { host: `${EVIL}:${t.tcp.port}`, origin: evil }]])
    await each(t.routes, 8, async (r) => {
      const request = { method: r.method, path: t.fill(r.path), body: r.method === 'POST' && r.max_body ? '{' : '' };
      refused(t, g, `${r.method} ${r.path} with a foreign ${what}`, await t.ask({ ...request, ...more }));
    });
  for (const path of ['/api/v1/panes', '/ws/events', '/']) {
    const a = await t.ask({ method: 'OPTIONS', path, token: null, origin: evil, headers: ['Access-Control-Request-Method: POST', 'Access-Control-Request-Headers: authorization', 'Access-Control-Request-Private-Network: true'] });
    const allows = Object.keys(a.headers).filter((h) => h.startsWith('access-control-'));
    g.refuses(allows.length === 0 && !(a.status >= 200 && a.status < 300), `a preflight of ${path}`, `${told(a)} ${allows}`, t.again(a));
  }
}
