// Drawing with the graphics card, where there is one: WebGL done in software is slower than the
// page's own elements, by which xterm.js draws otherwise. What it takes is fetched when the
// terminal is on the screen already.

import type { Terminal } from '@xterm/xterm';

let card: boolean | null = null;

/** Asked once: a context is dear, and a page may have a few only. */
function hasCard(): boolean {
  const canvas = document.createElement('canvas');
  const gl = canvas.getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  gl?.getExtension('WEBGL_lose_context')?.loseContext();
  return gl !== null;
}

/** The DOM's renderer is in place until then, and again when the context is taken away. */
export function accelerate(term: Terminal): void {
  const drawn = term.onRender(() => {
    drawn.dispose();
    if ((card ??= hasCard())) void load(term).catch(() => undefined);
  });
}

async function load(term: Terminal): Promise<void> {
  const { WebglAddon } = await import('@xterm/addon-webgl');
  if (!term.element?.isConnected) return;
  const webgl = new WebglAddon();
  webgl.onContextLoss(() => webgl.dispose());
  term.loadAddon(webgl);
}
