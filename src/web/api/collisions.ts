// Files that jobs and sessions of agents have changed at the same time.

import { call, foreign } from './http';
import type { Collision, Collisions } from './types';

export type { Collision, Party } from './types';

/** Those of the last 10 minutes, the newest first. */
export async function listCollisions(limit: number, signal: AbortSignal): Promise<Collision[]> {
  const path = `api/v1/collisions?since=10m&limit=${limit}`;
  const answer = await call<Collisions | null>('GET', path, undefined, signal);
  if (!answer || !Array.isArray(answer.collisions)) {
    throw foreign();
  }
  return answer.collisions;
}
