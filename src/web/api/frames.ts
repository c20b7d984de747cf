// The bytes of panescry.attach.v1: messages from the daemon taken apart, messages to it made.
// Every message is binary and its first byte is its type; output carries a big-endian offset.

import type { ClientControl } from './types';

export const SUBPROTOCOL = 'panescry.attach.v1';

const OUTPUT = 0x01;
const INPUT = 0x01;
const SNAPSHOT = 0x02;
const CONTROL = 0x03;
const HEADER = 9;

/** Longest piece of input in one message; the daemon takes 64 KiB. */
const INPUT_PIECE = 32 * 1024;

export interface Control {
  type: string;
  [key: string]: unknown;
}

export type ServerMessage =
  | { kind: 'output' | 'snapshot'; offset: number; bytes: Uint8Array }
  | { kind: 'control'; control: Control };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** null for what this version of the protocol does not know. */
export function parse(data: ArrayBuffer): ServerMessage | null {
  const type = new DataView(data).byteLength > 0 ? new DataView(data).getUint8(0) : 0;
  if (type === OUTPUT || type === SNAPSHOT) {
    if (data.byteLength < HEADER) return null;
    return {
      kind: type === OUTPUT ? 'output' : 'snapshot',
      offset: Number(new DataView(data).getBigUint64(1)),
      bytes: new Uint8Array(data, HEADER),
    };
  }
  if (type !== CONTROL) return null;
  try {
    const control: unknown = JSON.parse(decoder.decode(new Uint8Array(data, 1)));
    if (typeof control !== 'object' || control === null) return null;
    if (typeof (control as Control).type !== 'string') return null;
    return { kind: 'control', control: control as Control };
  } catch {
    return null;
  }
}

export type { ClientControl } from './types';

function message(type: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const m = new Uint8Array(1 + body.length);
  m[0] = type;
  m.set(body, 1);
  return m;
}

export function controlMessage(control: ClientControl): Uint8Array<ArrayBuffer> {
  return message(CONTROL, encoder.encode(JSON.stringify(control)));
}

/** Input as messages, none longer than INPUT_PIECE, no UTF-8 character cut in two. */
export function inputMessages(input: string | Uint8Array): Uint8Array<ArrayBuffer>[] {
  const bytes = typeof input === 'string' ? encoder.encode(input) : input;
  const messages: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length; ) {
    let end = Math.min(at + INPUT_PIECE, bytes.length);
    if (end < bytes.length && typeof input === 'string') {
      while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
    }
    messages.push(message(INPUT, bytes.subarray(at, end)));
    at = end;
  }
  return messages;
}

/** xterm.js gives some mouse reports as a string of which each character is one byte. */
export function latin1(s: string): Uint8Array {
  return Uint8Array.from(s, (c) => c.charCodeAt(0) & 0xff);
}
