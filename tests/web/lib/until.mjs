// Waits for a condition, never for a time.

const PATIENCE_MS = 20_000;
const STEP_MS = 25;

export async function until(what, probe, ms = PATIENCE_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await probe();
    if (got) return got;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}
