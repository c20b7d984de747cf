/*
 * Events that producers send of sessions (POST /api/v1/sessions/ID/events): one JSON object a line.
 *
 *	every event	seq (1..2^53-1), type, time (RFC 3339, or milliseconds since 1970)
 *	message_start	message, role (user, assistant, thinking, system), text, model
 *	text_delta	message, text
 *	thinking	message, text
 *	tool_call	call, name, input (any JSON), message
 *	tool_result	call, output (any JSON), outcome (ok, failed, interrupted, denied),
 *			duration_ms
 *	token_usage	the counts of DESIGN.md ("Usage") as they are or in an object `usage`,
 *			model, message, cost_usd, id
 *	message_end	message
 *	agent_end	outcome, error, duration_ms
 *	error		text
 *
 * A delta without a message belongs to the one that began last. A message of the user begins a
 * turn. Usage with an id is counted once for each id, what was said last; without one each time.
 *
 * Strict: what has the wrong type is an error, as are ill-formed UTF-8, a NUL, nesting beyond
 * JSON_DEPTH_MAX and numbers beyond 2^53 - 1. Members of other names are kept with the event.
 */
#ifndef AGENT_PRODUCER_H
#define AGENT_PRODUCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/sessions_events.h"

enum { PRODUCER_ID_MAX = 256 }; /* bytes of a message's, call's or usage's id */

/* A line, NUL-terminated. -EINVAL with a cause when it is no event. e->time_ms is 0 when the event
 * says none. Any thread. */
int producer_check(const char *line, size_t len, struct sessions_event *e, char **cause);

/* For struct sessions_events, whose arg begins with this; one of them at a time. */
struct producer {
	char *message; /* that began last */
	char **begun;  /* whose texts are made again */
	size_t nbegun;
	int state; /* SESSIONS_UNKNOWN: as it was */
	int64_t state_ms;
};
void producer_begin(void *arg, const struct sessions_target *t);
void producer_add(void *arg, const struct sessions_target *t, const struct sessions_event *e);
void producer_end(void *arg, const struct sessions_target *t);

#endif
