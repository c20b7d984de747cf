// Requests, frames and messages as bytes. Needs nothing that npm would have to install: what is run
// against any instance uses it, too.

import { randomBytes } from 'node:crypto';

export const SUBPROTOCOL = 'panescry.attach.v1';

export const inputFrame = (data) => Buffer.concat([Buffer.from([1]), Buffer.from(data)]);
export const controlFrame = (o) =>
  Buffer.concat([Buffer.from([3]), Buffer.from(typeof o === 'string' ? o : JSON.stringify(o))]);

export function attachPath(pane, { offset, cols, rows, mode, query } = {}) {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries({ offset, cols, rows, mode }))
    if (value !== undefined) q.set(name, String(value));
  const text = query ?? q.toString();
  return `/ws/panes/${encodeURIComponent(pane)}${text ? `?${text}` : ''}`;
}

/** Text of a request; `headers` is a list of lines. */
export const requestText = (method, path, headers = [], body = '', version = 'HTTP/1.1') =>
  `${method} ${path} ${version}\r\n${[...headers, ...(body ? [`Content-Length: ${Buffer.byteLength(body)}`] : [])]
    .map((h) => `${h}\r\n`)
    .join('')}\r\n${body}`;

export const OP = { CONTINUE: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 };

/** A client's frame. */
export function frame(op, payload = '', { fin = true, mask = true, rsv = 0, length } = {}) {
  const data = Buffer.from(payload);
  const n = length ?? data.length;
  const head = [(fin ? 0x80 : 0) | rsv | op];
  const bit = mask ? 0x80 : 0;
  if (n < 126) head.push(bit | n);
  else if (n < 65536) head.push(bit | 126, n >> 8, n & 255);
  else head.push(bit | 127, 0, 0, 0, 0, (n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255);
  if (!mask) return Buffer.concat([Buffer.from(head), data]);
  const key = randomBytes(4);
  const masked = Buffer.from(data.map((b, i) => b ^ key[i & 3]));
  return Buffer.concat([Buffer.from(head), key, masked]);
}
