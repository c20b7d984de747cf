// Why something did not work, for a person.

import { ApiError } from '../api/http';
import { notice } from './notice';

export function problem(e: unknown): string {
  if (e instanceof ApiError && e.status === 401) {
    return 'Not signed in: run “panescry token” and open the link that it prints.';
  }
  return e instanceof Error ? e.message : String(e);
}

/** Does it; where it does not work says why at the foot of the page. */
export async function attempt<T>(what: () => Promise<T>): Promise<T | null> {
  try {
    return await what();
  } catch (e) {
    if (!(e instanceof ApiError) || e.code !== 'aborted') notice(problem(e));
    return null;
  }
}
