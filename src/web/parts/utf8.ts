// The daemon counts bytes of UTF-8, a string here code units of UTF-16.

const isHigh = (c: number): boolean => c >= 0xd800 && c < 0xdc00;

/** Walks through a text; offsets are best asked for in ascending order. */
export class ByteWalk {
  private byte = 0;
  private unit = 0;

  constructor(private readonly text: string) {}

  /** The index of the character that begins at a byte, or at the next one that begins one. */
  at(byte: number): number {
    if (byte < this.byte) this.byte = this.unit = 0;
    while (this.byte < byte && this.unit < this.text.length) {
      const c = this.text.charCodeAt(this.unit);
      if (isHigh(c) && this.unit + 1 < this.text.length) {
        this.byte += 4;
        this.unit += 2;
      } else {
        this.byte += c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
        this.unit++;
      }
    }
    return this.unit;
  }
}

/** Pairs of byte offsets as pairs of indices; what is empty is left out. */
export function toIndices(text: string, spans: [number, number][]): [number, number][] {
  const walk = new ByteWalk(text);
  return spans
    .map(([from, to]): [number, number] => [walk.at(from), walk.at(to)])
    .filter(([from, to]) => from < to);
}
