// What the views of one session have in common: the conversation, the timeline, the calls, the tokens.

import type { DaemonEvent } from '../api/events';
import type { placeOf, Session } from '../api/sessions';
import type { Turns } from '../state/turns';

/** What the session's view gives to the one that is shown in it. */
export interface Host {
  /** As the address names it. */
  readonly id: string;
  readonly turns: Turns;
  /** What is known of it. */
  session(): Session | null;
  /** Where a place is, as state/route.ts writes it. */
  place(at: string, signal: AbortSignal): ReturnType<typeof placeOf>;
  /** What was asked for, or null after saying why not. */
  ask<T>(what: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T | null>;
}

export interface Tab {
  readonly element: HTMLElement;
  /** Shown, at a place or where it was. */
  show(at: string | undefined): void;
  hide(): void;
  focus(): void;
  /** The turn that is looked at; null: wherever it is now. */
  turn(): number | null;
  /** What has come meanwhile. */
  refresh(): Promise<void>;
  heard?(event: DaemonEvent): void;
  /** To the start, or to the end. */
  jump?(end: boolean): void;
  dispose(): void;
}
