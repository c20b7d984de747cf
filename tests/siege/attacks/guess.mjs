// Guessing at tokens: after some it becomes slow, whatever way they come, and no header shakes it off.

import { randomBytes } from 'node:crypto';
import { told } from './target.mjs';

const FREE_MOST = 50; /* wrong tokens that an instance may look at before it slows down */
const guess = () => randomBytes(20).toString('hex');

/** All ways in which a token comes, from one address of its own each. */
function ways(t) {
  const cookie = t.cookie?.split('=')[0] ?? 'panescry-0';
  return [
    ['a header', (token, from, headers = []) => t.ask({ path: '/api/v1/info', token, from, headers })],
    ['a cookie', (token, from, headers = []) => t.ask({ path: '/api/v1/info', token: null, from, headers: [`Cookie: ${cookie}=${token}`, ...headers] })],
    ['a link', (token, from, headers = []) => t.ask({ path: `/?token=${token}`, token: null, from, headers })],
    ['a socket', (token, from, headers = []) => t.dial('/ws/events', { token, from, headers })],
  ];
}

export async function guessing(t, g) {
  if (!t.strangers) {
    g.note('guessing at tokens: it would shut out this address; only on 127.0.0.0/8, where there are more');
    return;
  }
  for (const [what, knock] of ways(t)) {
    const from = t.stranger();
    let n = 0;
    let a;
    do {
      a = await knock(guess(), from);
      a.socket?.close();
      n++;
    } while (a.status !== 429 && n < FREE_MOST);
    g.refuses(a.status === 429, `${FREE_MOST} wrong tokens by ${what}`, told(a), t.again(a));
    if (a.status !== 429) continue;
    g.refuses(Number(a.headers['retry-after']) > 0, `${what}: how long, is told`, JSON.stringify(a.headers), t.again(a));
    const right = await knock(t.token, from);
    g.refuses(right.status === 429, `${what}: the right token meanwhile`, told(right), t.again(right));
    right.socket?.close();
    for (const header of ['X-Forwarded-For: 192.0.2.1', 'X-Real-IP: 192.0.2.1', 'Forwarded: for=192.0.2.1', 'X-Forwarded-For: 192.0.2.1, 192.0.2.2', 'True-Client-IP: 192.0.2.1']) {
      const b = await knock(guess(), from, [header]);
      g.refuses(b.status === 429, `${what}: with ${header}`, told(b), t.again(b));
      b.socket?.close();
    }
    const open = await t.ask({ path: '/healthz', token: null, from });
    g.serves(open.status === 200, `${what}: what is open to all`, told(open), t.again(open));
    const other = await knock(t.token, t.stranger());
    g.serves([200, 101, 303].includes(other.status), `${what}: the right token from elsewhere`, told(other), t.again(other));
    other.socket?.close();
  }
}
