// The Unix socket, where no token is asked for: who can reach it, and what a browser could send it.

import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { told } from './target.mjs';

const mode = (s) => (s.mode & 0o777).toString(8);

export async function local(t, g, o) {
  if (!t.socket) {
    g.note('the Unix socket: give it with --socket');
    return;
  }
  const s = await stat(t.socket);
  g.refuses((s.mode & 0o077) === 0, 'the socket is its owner\'s alone', mode(s));
  const dir = await stat(dirname(t.socket));
  g.refuses((dir.mode & 0o022) === 0 || (dir.mode & 0o1000) !== 0, 'nobody else can put another in its place', mode(dir));
  const { state_dir: state } = await t.ok('GET', '/api/v1/info');
  const d = state ? await stat(state).catch(() => null) : null;
  if (d) {
    g.refuses((d.mode & 0o077) === 0, 'the state directory', mode(d));
    for (const e of await readdir(state, { withFileTypes: true })) {
      const f = await stat(join(state, e.name)).catch(() => null);
      if (f && !e.isSocket()) g.refuses((f.mode & 0o077) === 0, `${e.name} in the state directory`, mode(f));
    }
  }
  const a = await t.ask({ path: '/api/v1/info', token: null, local: true });
  g.serves(a.status === 200, 'its owner, without a token', told(a), t.again(a));
  // There is no file of the page that it should not give, nor a body that it should take.
  for (const path of ['/assets/..%2f..%2fetc%2fpasswd', '/api/v1/panes/..%2f..%2ftokens', '/api/v1/jobs/%2e%2e/channels/1']) {
    const b = await t.ask({ path, token: null, local: true });
    g.refuses(b.status >= 400 && b.status < 500, `GET ${path} over it`, told(b), t.again(b));
  }
  for (const r of t.routes.filter((x) => x.access === 'local' && x.method === 'POST'))
    for (const body of ['{', '['.repeat(1000), '{"program":"relative"}', '{"program":1}', '{"program":"/nowhere\\u0000"}'].slice(0, r.path.endsWith('/upgrade') ? 5 : 2)) {
      const b = await t.ask({ method: 'POST', path: r.path, token: null, local: true, body });
      g.refuses(b.status < 500 && (!r.path.endsWith('/upgrade') || b.status >= 400), `POST ${r.path} over it with ${body.slice(0, 30)}`, told(b), t.again(b));
    }
}
