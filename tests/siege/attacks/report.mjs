// What was tried, and what came of it.

const LONG = 1500;

/** Bytes as printf(1) takes them within double quotes, so that $TOKEN is filled in by the shell. */
function printable(bytes, secrets) {
  let text = Buffer.from(bytes).toString('latin1');
  for (const [name, value] of secrets) text = text.split(value).join(`\u0001${name}\u0002`);
  const all = text.length;
  if (all > LONG) text = text.slice(0, LONG);
  const shown = text.replace(/[\\"$`%!]|[\x00-\x1f\x7f-\xff]/g, (c) => {
    if (c === '\u0001') return '$';
    if (c === '\u0002') return '';
    if (c === '%') return '%%';
    if (c === '\r') return '\\r';
    if (c === '\n') return '\\n';
    const code = c.charCodeAt(0);
    return code < 32 || code > 126 || c === '!' ? `\\${code.toString(8).padStart(3, '0')}` : `\\${c}`;
  });
  return `"${shown}"${all > LONG ? ` # ... ${all} bytes in all` : ''}`;
}

/** A command that sends the same again. */
export function again(target, bytes, local = false) {
  const { host, port, tls } = target.tcp;
  const to = local ? `nc -U ${target.socket}` : tls ? `openssl s_client -quiet -connect ${host}:${port}` : `nc ${host} ${port}`;
  return `printf ${printable(bytes, target.secrets)} | ${to}`;
}

export class Group {
  constructor(name, about) {
    Object.assign(this, { name, about, tried: 0, refused: 0, served: 0, gaveWay: [], known: [], notes: [], ms: 0 });
  }

  #took(ok, kind, what, got, repeat) {
    this.tried++;
    if (ok) this[kind]++;
    else this.gaveWay.push({ what, got, repeat });
    return ok;
  }

  /** Something that must not go through, and did not if `ok`. */
  refuses(ok, what, got, repeat = '') {
    return this.#took(ok, 'refused', what, got, repeat);
  }

  /** Something harmless that must go through: who refuses everything is not safe but down. */
  serves(ok, what, got, repeat = '') {
    return this.#took(ok, 'served', what, got, repeat);
  }

  /** What must not go through but is known to, and why that is borne with. */
  bears(ok, what, why) {
    this.tried++;
    if (ok) this.refused++;
    else this.known.push({ what, why });
  }

  /** What was not tried, and why. */
  note(text) {
    this.notes.push(text);
  }

  get line() {
    const n = `${this.tried} tried, ${this.refused} refused as they should, ${this.served} served as they should`;
    const known = this.known.length ? `, ${this.known.length} known` : '';
    return `${this.name.padEnd(9)} ${n}${known}, ${this.gaveWay.length} gave way (${(this.ms / 1000).toFixed(1)} s)${this.figures ? `; ${this.figures}` : ''}`;
  }
}
