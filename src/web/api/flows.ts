// Runs of flows: steps that depend on each other, each of them a job or a question.

import { call, foreign } from './http';
import { cancelledHere } from './jobs';
import type { Flow, Flows } from './types';

export type { Flow, Flows, FlowState, Step } from './types';

export const flowEnded = (f: Flow): boolean =>
  f.state === 'completed' || f.state === 'failed' || f.state === 'cancelled';

const flowPath = (id: string): string => `api/v1/flows/${encodeURIComponent(id)}`;

export async function listFlows(limit: number, before: string | null, signal: AbortSignal): Promise<Flows> {
  const args = new URLSearchParams({ limit: String(limit) });
  if (before) args.set('before', before);
  const answer = await call<Flows | null>('GET', `api/v1/flows?${args}`, undefined, signal);
  if (!answer || !Array.isArray(answer.flows)) {
    throw foreign();
  }
  return answer;
}

export const getFlow = (id: string, signal: AbortSignal): Promise<Flow> =>
  call('GET', flowPath(id), undefined, signal);

export function cancelFlow(id: string): Promise<unknown> {
  cancelledHere.add(id);
  return call('POST', `${flowPath(id)}/cancel`, {});
}

export const resumeFlow = (id: string): Promise<unknown> => call('POST', `${flowPath(id)}/resume`, {});
export const removeFlow = (id: string): Promise<unknown> => call('DELETE', flowPath(id));

export function approve(id: string, step: string, yes: boolean, reason: string): Promise<unknown> {
  const path = `${flowPath(id)}/steps/${encodeURIComponent(step)}/approve`;
  return call('POST', path, reason ? { approve: yes, reason } : { approve: yes });
}
