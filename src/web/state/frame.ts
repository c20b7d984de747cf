// Work that many things may ask for, done once: before the next frame is painted, or soon where the
// page is hidden and no frame is.

const HIDDEN_MS = 250;

export function perFrame(work: () => void): () => void {
  let due = false;
  const run = (): void => {
    due = false;
    work();
  };
  return () => {
    if (due) return;
    due = true;
    if (document.visibilityState === 'visible') requestAnimationFrame(run);
    else window.setTimeout(run, HIDDEN_MS);
  };
}
