// Files that jobs and sessions of agents have changed at the same time.

import { ApiError, call } from './http';

export interface Party {
  session: number | null;
  job: string | null;
  pane: string | null;
  agent: string | null;
  /** The first and the last; null is not known. */
  lines: [number, number] | null;
  time: string;
}

export interface Collision {
  id: number;
  kind: 'same_line' | 'adjacent_line' | 'different_area';
  path: string;
  time: string;
  a: Party;
  b: Party;
}

/** Those of the last 10 minutes, the newest first. */
export async function listCollisions(limit: number, signal: AbortSignal): Promise<Collision[]> {
  const path = `api/v1/collisions?since=10m&limit=${limit}`;
  const answer = await call<{ collisions: Collision[] } | null>('GET', path, undefined, signal);
  if (!answer || !Array.isArray(answer.collisions)) {
    throw new ApiError(0, 'offline', 'Something else answers in place of the daemon.');
  }
  return answer.collisions;
}
