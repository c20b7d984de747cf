// Paths that lead elsewhere: out of the page's files, into the file system, past the check of a token.

import { each } from '../../daemon/lib/until.mjs';
import { told } from './target.mjs';

const SECRETS = /root:[^:]*:0:0:|\[boot loader\]|"sha256"|BEGIN [A-Z ]*PRIVATE KEY/;

/** All ways of writing "up, up, and then that file". */
function climbs(file) {
  const ups = ['../', '..%2f', '..%2F', '%2e%2e/', '%2e%2e%2f', '%252e%252e%252f', '..%252f', '..\\', '..%5c', '%2e%2e%5c', '..%255c', '..%c0%af', '%c0%ae%c0%ae/', '%c0%ae%c0%ae%c0%af', '..%e0%80%af', '%e0%80%ae%e0%80%ae/', '..%f0%80%80%af', '..%c1%9c', '..%ef%bc%8f', '%uff0e%uff0e/', '..;/', '.%00./', '..%00/', '..%09/', '....//', '..../', './../', '.../', '..%u2216', '%2e.%2f', '.%2e/'];
  return [
    ...ups.map((up) => up.repeat(8) + file), `/${file}`, `%2f${file}`, `%5c${file}`, `${file}%00`, `${file}%00.js`, `index.html%00/../../${file}`, `..%2f..%2f${file}%3f.js`, `file:///${file}`, `//${file}`, `C:${file}`, `~root/${file}`, `$HOME/${file}`,
    `${'%2e%2e%2f'.repeat(500)}${file}`, `${'./'.repeat(1000)}${file}`, `%ff%fe${file}`, `%80%bf${file}`, `%ed%a0%80${file}`, `%zz${file}`, `%`, `%2`, `%u0041`,
  ];
}

const harmless = (a) => a.status < 500 && !SECRETS.test(a.text);

export async function paths(t, g) {
  const roots = ['/assets/', '/', '/api/v1/panes/', '/api/v1/jobs/', '/api/v1/sessions/', '/api/v1/flows/', '/api/v1/talks/', '/api/v1/watches/', '/api/v1/streams/'];
  const targets = ['etc/passwd', 'tokens.json', 'proc/self/environ'];
  await each(roots.flatMap((root) => targets.flatMap((file) => climbs(file).map((c) => root + c))), 8, async (path) => {
    const a = await t.ask({ path });
    // The page itself answers to / and to what a client makes shorter: /./ and the like.
    const page = a.status === 200 && /^text\/html/.test(a.headers['content-type'] ?? '') && !/assets/.test(path);
    const found = a.status >= 200 && a.status < 300 && !page;
    g.refuses(harmless(a) && !found, `GET ${path.slice(0, 70)}`, told(a), t.again(a));
  });
  const files = climbs('etc/passwd').slice(0, 40);
  const queries = files.flatMap((f) => [
    ['POST', `/api/v1/sessions/import?name=${f}`], ['POST', `/api/v1/sessions/import?name=${f}&format=claude&stream=${f}&offset=0`], ['GET', `/api/v1/archive/lines?pane=${f}&from=1`], ['GET', `/api/v1/search?pattern=root&source=archive&pane=${f}`],
    ['GET', `/api/v1/sessions?project=${f}`], ['GET', `/api/v1/panes/${t.pane}/capture?format=${f}`], ['GET', `/api/v1/turns?pane=${f}&time=2026-01-01T00:00:00Z`],
  ]);
  await each(queries, 8, async ([method, path]) => {
    const a = await t.ask({ method, path, body: method === 'POST' ? 'no transcript\n' : '' });
    g.refuses(harmless(a), `${method} ${path.slice(0, 70)}`, told(a), t.again(a));
  });
  // A flow's file is a label of the client's, never opened here.
  for (const file of ['/etc/passwd', '../../../../etc/passwd', '/etc/shadow\u0000', 'file:///etc/passwd']) {
    const a = await t.ask({ method: 'POST', path: '/api/v1/flows', body: JSON.stringify({ file }) });
    if (a.json?.id) t.own(`/api/v1/flows/${a.json.id}`);
    g.refuses(harmless(a) && a.status >= 400, `a flow of the file ${JSON.stringify(file)}`, told(a), t.again(a));
  }
  await past(t, g);
}

/** Ways of writing a path that asks for a token, so that perhaps it is looked up as another. */
async function past(t, g) {
  const to = (path) => [
    `/${path}`, `//${path}`.replace('//', '/./'), `${path}/`, `${path}//`, `${path}/.`, `${path}/..%2f${path.slice(1)}`, `/.${path}`, `/..${path}`, `/healthz/..${path}`, `/healthz/../${path.slice(1)}`, `/assets/..${path}`, `/assets/%2e%2e${path}`, `/healthz%2f..${path}`, `/healthz;${path}`, `${path};/healthz`, `${path};a=b`,
    `${path}%00`, `${path}%00/healthz`, `${path}%20`, `${path}%09`, `${path}?`, `${path}#`, `${path}%23`, `${path}%3f`, `${path}.json`, `${path}%2ejson`, path.toUpperCase(), path.replace('/api', '/%61pi'), path.replace('/v1/', '/v1//'), path.replace('/v1/', '/v1/./'), path.replace(/\//g, '\\'), path.replace(/\//g, '%2f'), `/${path}?/healthz`, `${path}?a=/healthz`,
  ];
  await each(['/api/v1/info', '/api/v1/panes', `/api/v1/panes/${t.pane}/capture`, '/metrics'].flatMap(to), 8, async (path) => {
    const a = await t.ask({ path, token: null });
    // The page and the daemon's health are for all.
    const open = a.status === 200 && (/^text\/html/.test(a.headers['content-type'] ?? '') || 'alarms' in (a.json ?? {}));
    g.refuses(a.status >= 400 || a.status === 0 || open, `GET ${path} without a token`, told(a), t.again(a));
  });
  const sockets = [`/ws/panes/${t.pane}/`, `//ws/panes/${t.pane}`, `/ws//panes/${t.pane}`, `/WS/panes/${t.pane}`, `/ws/panes/../panes/${t.pane}`, `/ws/panes/..%2f${t.pane}`, '/ws/panes/', '/ws/panes', '/ws/', `/ws/panes/${t.pane}%00`, `/ws/panes/%2e%2e%2f%2e%2e%2fetc%2fpasswd`, '/ws/events/', '/ws/events%00', '/ws/events/..', `/ws/panes/${'p'.repeat(3000)}`, '/ws/panes/%ff%fe', "/ws/panes/p1'--"];
  for (const path of sockets) {
    const a = await t.dial(path, { token: null });
    const end = a.socket ? await a.socket.end() : a.status;
    g.refuses((end >= 400 && end < 500) || end === 4401 || end === 4404 || end === 0, `${path} without a token`, String(end ?? 'it stays open'), t.again(a));
    a.socket?.close();
  }
}
