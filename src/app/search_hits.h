/*
 * The hits of a search in agents' sessions: the first `limit` of all that come, in whatever order
 * they come, and not more than QUERY_RESULT_BYTES of them and one.
 *
 * Their order is by time, then by session, messages before tool calls, then by row, input before
 * output, then by line; for the newest first, each the other way round. Pure; one thread at a
 * time.
 */
#ifndef APP_SEARCH_HITS_H
#define APP_SEARCH_HITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "search/query.h"

typedef struct cJSON cJSON;

struct session_info {
	int64_t id;
	char *agent, *native, *pane; /* pane may be NULL */
	int64_t time_ms;             /* of what has none itself; 0: none */
	UT_hash_handle hh;
};

struct session_hit {
	const struct session_info *session; /* borrowed */
	int64_t row;
	bool tool, output, hidden;
	int role;             /* of a message */
	char *name;           /* of a tool; may be NULL */
	struct query_hit hit; /* its number of a source is not used */
	size_t bytes;         /* what it takes, about */
};

struct session_hits {
	struct session_hit *list; /* a heap: the first is the last in order */
	size_t n, cap, bytes, nspans;
	unsigned limit;
	bool newest_first;
	bool left_out; /* some were */
};

void session_hits_release(struct session_hits *h);

/* Whether one with that session, row, field, time and line would be kept; if not, it counts as
 * left out. */
bool session_hits_want(struct session_hits *h, const struct session_hit *key);

/* Keeps it, and drops those that it displaces. Takes what it points to, but the session. */
void session_hits_take(struct session_hits *h, const struct session_hit *take);

/* The time beyond which none is kept any more; false while there is room. */
bool session_hits_bound(const struct session_hits *h, int64_t *time_ms);

/* The list of them, in order. Nothing can be added then. */
cJSON *session_hits_json(struct session_hits *h);

/* "user", "assistant", "thinking", "system"; and "tool". NULL beyond. */
enum { SESSION_ROLES = 5, SESSION_ROLE_TOOL = 4 };
const char *session_role_name(unsigned role);

#endif
