// Whether this is a phone: a finger's pointer and little room, whichever way it is held and
// whether or not its keyboard is up.

const NARROW = 720; // pixels; below that the page has one column

const coarse = matchMedia('(pointer: coarse)');

export function isPhone(): boolean {
  return coarse.matches && Math.min(innerWidth, screen.width, screen.height) <= NARROW;
}
