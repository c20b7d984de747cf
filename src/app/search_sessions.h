/*
 * A search in agents' sessions: over the texts of messages, and what tools were given and gave,
 * line by line, as they are in the store.
 *
 * Runs on a thread of the pool, from beginning to end, on a connection of its own. Rows stream
 * through; what is held are the hits so far. Once there are `limit` of them, only rows whose
 * time can still come among them are read.
 */
#ifndef APP_SEARCH_SESSIONS_H
#define APP_SEARCH_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "search/pattern.h"
#include "search/query.h"

struct store;
typedef struct cJSON cJSON;

/* What is meant; strings NULL: any. */
struct search_sessions_filter {
	unsigned roles;      /* 1 << role, as session_role_name says; 0: any */
	const char *tool;    /* a glob over names: only tool calls */
	const char *session; /* an id, ours or the agent's */
	const char *agent;
	const char *pane; /* a glob over ids, or, if `one`, an id */
	bool one;
};

struct search_sessions {
	struct store *store;
	const struct pattern *pattern;
	const struct query_options *options; /* budget_us counts from began_us */
	uint64_t began_us;
	struct search_sessions_filter filter;
};

/* Returns the status of the answer, which is for the caller to delete. */
int search_sessions(const struct search_sessions *s, cJSON **answer);

#endif
