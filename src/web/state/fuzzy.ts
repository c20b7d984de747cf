// How well what was typed fits a text: its letters have to be in it in their order, best at the
// starts of words and side by side.

export interface Fit {
  score: number;
  /** Indices into the text. */
  at: number[];
}

const TEXT_MAX = 160;
const START = 8; // of a word
const NEXT = 9; // to the letter before, which says more than the start of another word
const LETTER = 1;
const GAP = 0.15; // for each letter that is left out
const FIRST = 2; // of the text

const isStart = (text: string, i: number): boolean =>
  i === 0 ||
  (/[^\p{L}\p{N}]/u.test(text[i - 1] ?? '') && /[\p{L}\p{N}]/u.test(text[i] ?? '')) ||
  (/\p{Ll}/u.test(text[i - 1] ?? '') && /\p{Lu}/u.test(text[i] ?? ''));

/** Null if it does not fit. `word` is one without blanks. */
export function fit(word: string, whole: string): Fit | null {
  const text = whole.slice(0, TEXT_MAX);
  const folded = text.toLowerCase();
  const n = text.length;
  if (folded.length !== n || word.length > n) return null; // what grows when folded is not typed
  let best = new Array<number>(n).fill(0); // with the letters so far, the last of them at i
  const from: number[][] = [];
  [...word.toLowerCase()].forEach((letter, k) => {
    const now = new Array<number>(n).fill(-Infinity);
    const back = new Array<number>(n).fill(-1);
    let reach = -Infinity; // the best that ends before i - 1, less its gap
    let end = -1;
    for (let i = 0; i < n; i++) {
      if (folded[i] === letter) {
        const own = LETTER + (isStart(text, i) ? START : 0);
        if (k === 0) now[i] = own + (i === 0 ? FIRST : -GAP * i);
        else {
          const beside = i > 0 ? (best[i - 1] ?? -Infinity) + NEXT : -Infinity;
          now[i] = own + Math.max(beside, reach);
          back[i] = beside >= reach ? i - 1 : end;
        }
      }
      reach -= GAP;
      const before = i > 0 ? (best[i - 1] ?? -Infinity) : -Infinity;
      if (k > 0 && before > reach) {
        reach = before;
        end = i - 1;
      }
    }
    best = now;
    from.push(back);
  });
  const score = Math.max(...best);
  if (!Number.isFinite(score)) return null;
  const at: number[] = [];
  for (let i = best.indexOf(score), k = from.length - 1; k >= 0; k--) {
    at.unshift(i);
    i = from[k]?.[i] ?? -1;
  }
  return { score, at };
}

export interface Fitting {
  title: string;
  detail: string;
  /** What else one may look for. */
  words: string;
}

export interface Fits {
  score: number;
  title: number[];
  detail: number[];
}

const DETAIL = 0.6;
const WORDS = 0.4;

/** Of what is not shown the start of a word has to be typed: nobody sees why a few letters fit. */
function fitWords(word: string, words: string): number | null {
  const starts = words.toLowerCase().split(/\s+/).some((w) => w.startsWith(word.toLowerCase()));
  return starts ? (START + NEXT * (word.length - 1)) * WORDS : null;
}

/** Every word of the query has to fit something of it. */
export function fits(query: string, { title, detail, words }: Fitting): Fits | null {
  const all: Fits = { score: 0, title: [], detail: [] };
  for (const word of query.split(/\s+/).filter(Boolean)) {
    const inTitle = fit(word, title);
    const inDetail = fit(word, detail);
    const scores = [inTitle?.score, inDetail && inDetail.score * DETAIL, fitWords(word, words)];
    const most = Math.max(...scores.map((s) => s ?? -Infinity));
    if (!Number.isFinite(most)) return null;
    all.score += most;
    if (inTitle && most === scores[0]) all.title.push(...inTitle.at);
    else if (inDetail && most === scores[1]) all.detail.push(...inDetail.at);
  }
  return all;
}
