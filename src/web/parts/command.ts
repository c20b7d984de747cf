// Splits a typed command line into words as a shell does: blanks, '...', "..." and backslash.
// Nothing is expanded. Whoever wants variables or pipes types sh -c '...'. And back again.

export class CommandError extends Error {}

export function splitCommand(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const c = line.charAt(i);
    const next = line.charAt(i + 1);
    if (quote === "'") {
      if (c === "'") quote = '';
      else word += c;
    } else if (c === '\\' && (quote === '' || next === '"' || next === '\\')) {
      if (next === '') throw new CommandError('Nothing follows the last backslash.');
      word = (word ?? '') + next;
      i++;
    } else if (quote === '"') {
      if (c === '"') quote = '';
      else word += c;
    } else if (c === "'" || c === '"') {
      quote = c;
      word ??= '';
    } else if (/\s/.test(c)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? '') + c;
    }
  }
  if (quote) throw new CommandError(`A ${quote} is not closed.`);
  if (word !== null) words.push(word);
  return words;
}

const PLAIN = /^[\w@%+=:,./-]+$/;

export const joinCommand = (words: string[]): string =>
  words.map((w) => (PLAIN.test(w) ? w : `'${w.replace(/'/g, "'\\''")}'`)).join(' ');
