/*
 * Sessions of agents as they go on: who is at work in which pane, and events for those who listen.
 *
 * Whoever writes rows of sessions submits them here (live_submit). When a batch has been written,
 * what it holds goes to the listeners (app/events.h), and the pane of a session shows its state.
 *
 *	sessions	one event of type "session" for each session of a batch
 *	session:ID	one of type "delta" for each thing that was said, by our id, or the agent's
 *	panes		one of type "agent" when a pane's agent is another, or in another state
 *
 * Nothing is made of the first two for which nobody listens, but a topic is told for LINGER_MS after its
 * last listener has gone, so that one that comes back finds the events it missed. One that comes
 * later, or names an event from before the telling began, gets the present state: of a session
 * a snapshot, with its last messages and tool calls.
 *
 * Deltas have a number `n`, one more than the last of the session while it is told; a snapshot has the
 * last that is in it. It begins at the number of an event, and so only grows, also over
 * restarts of the worker. A client that sees a hole in them subscribes again without `after`.
 *
 * Phases, from the state and what came last:
 *
 *	awaiting_approval	waiting_permission
 *	connecting		working; last a prompt, the beginning of a turn, or a tool's result
 *	thinking		working; last a thought
 *	streaming		working; last the agent's text or a tool call
 *	idle			all others
 *
 * A session without a pane is linked to one when it is certain (live_look.c): one process of that
 * agent in that directory, which runs in a pane, and one session there that began since.
 *
 * In memory are sessions that are told, that have a pane and are not over, or that were written in the
 * last FRESH_MS, LIVE_MAX at the most. Loop's thread.
 */
#ifndef APP_LIVE_H
#define APP_LIVE_H

#include <stdbool.h>
#include <stdint.h>

struct app;
struct entry;
struct sessions_batch;
typedef struct cJSON cJSON;

void live_open(struct app *a);  /* behind the store; again is nothing */
void live_close(struct app *a); /* before it */

/* Takes the batch; as sessions_submit. */
void live_submit(
    struct app *a, struct sessions_batch *take, void (*done)(int rc, void *arg), void *arg);

/* The same of one that was written in another operation. */
void live_written(struct app *a, const struct sessions_batch *b);

/* Some were removed from the log: what is left is read again. */
void live_removed(struct app *a);

/* Adds "agent" to a pane: {"session","agent","state","title","since"} or null. */
void live_pane_json(const struct entry *e, cJSON *pane);

/* Adds "agents" to the status: how many are in which state, and which pane waits first. */
void live_status_json(struct app *a, cJSON *status);

void live_pane_ended(struct entry *e);

/* One that is in memory, by our id or the agent's own; borrowed until the next one is written. NULL:
 * there is none. */
struct sessions_brief;
const struct sessions_brief *live_brief(struct app *a, const char *name);

/* For events.c. A topic that is told only if somebody listens. */
bool live_is_topic(const char *topic);

/* Somebody listens, until live_unlisten. False: what came behind the event `after` was not all
 * told. */
bool live_listen(struct app *a, const char *topic, uint64_t after);
void live_unlisten(struct app *a, const char *topic);

/* Adds the state of the topic "sessions". */
void live_state(struct app *a, cJSON *state);

/* The state of a session. `done` is called once, later, unless it was cancelled, with members for
 * the caller to take; events that were made before are in it. */
struct live_snapshot;
struct live_snapshot *live_snapshot(
    struct app *a, const char *topic, void (*done)(cJSON *take, void *arg), void *arg);
void live_snapshot_cancel(struct live_snapshot *s); /* NULL is nothing */

#endif
