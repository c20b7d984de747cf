// Drawing with the graphics card, where there is one: WebGL done in software is slower than the
// page's own elements, by which xterm.js draws otherwise. What it takes is fetched when the
// terminal is on the screen already.

import type { Terminal } from '@xterm/xterm';

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

let card: boolean | null = null;

/** Asked once: a context is dear, and a page may have a few only. */
function hasCard(): boolean {
  const canvas = document.createElement('canvas');
  const gl = canvas.getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  if (!gl) return false;
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return !SOFTWARE.test(name);
}

/** The DOM's renderer is in place until then, and again when the context is taken away. */
export function accelerate(term: Terminal): void {
  const drawn = term.onRender(() => {
    drawn.dispose();
    window.setTimeout(() => {
      if ((card ??= hasCard())) void load(term).catch(() => undefined);
    });
  });
}

async function load(term: Terminal): Promise<void> {
  const { WebglAddon } = await import('@xterm/addon-webgl');
  if (!term.element?.isConnected) return;
  const webgl = new WebglAddon();
  webgl.onContextLoss(() => webgl.dispose());
  term.loadAddon(webgl);
}
