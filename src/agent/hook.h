/*
 * Events that agents hand to a command of ours when they happen (hooks): what they say of a session's
 * state, and in which pane it runs.
 *
 * The command writes what matters of an event as one line to a file, the spool; the daemon reads
 * its lines. Both sides are here. Fields are cut at HOOK_TEXT_MAX, so a line stays small however
 * large the event is. Pure; any thread.
 */
#ifndef AGENT_HOOK_H
#define AGENT_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum { HOOK_TEXT_MAX = 1024 };

/* Where the agent runs, as its environment says; each may be NULL. */
struct hook_place {
	const char *pane;        /* $PANESCRY_PANE */
	const char *tmux_pane;   /* $TMUX_PANE: "%3" */
	const char *tmux_socket; /* of $TMUX */
};

/* Agents whose hooks are known; ends with NULL. */
extern const char *const hook_agents[];

/* Appends the line, newline included. False: it is no event of a session, and nothing is. */
bool hook_write(struct buf *out, const char *agent, const char *json, size_t len,
    const struct hook_place *where, int64_t now_ms);

struct hook_event {
	char *agent, *session, *cwd, *model, *text; /* the last three may be NULL */
	char *pane, *tmux_pane, *tmux_socket;       /* each may be NULL */
	int state; /* enum agent_state, or -1: it says nothing */
	int64_t time_ms;
};

/* A line of the spool. False: it is none. */
bool hook_read(const char *line, size_t len, struct hook_event *out);
void hook_release(struct hook_event *e);

/* What an event of this name says of the state, or -1. type and message, of a notification, may be NULL,
 * and so may the source, of a start. */
int hook_state(const char *name, const char *type, const char *message, const char *source);

#endif
