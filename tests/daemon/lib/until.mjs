// Waits for a condition, never for a time. A sanitized build on a busy machine is slow.

const PATIENCE_MS = 30_000;
const STEP_MS = 15;

export async function until(what, probe, ms = PATIENCE_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await probe();
    if (got) return got;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}

/** A promise that fails when it takes too long. */
export async function within(what, promise, ms = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs `work(item)` for each item, at most `width` at a time. */
export async function each(items, width, work) {
  const queue = [...items];
  const lanes = Array.from({ length: Math.min(width, queue.length) }, async () => {
    while (queue.length !== 0) await work(queue.shift());
  });
  await Promise.all(lanes);
}
