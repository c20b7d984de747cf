/* The shapes of answers to searches. Pure; any thread. */
#ifndef APP_SEARCH_JSON_H
#define APP_SEARCH_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "search/pattern.h"
#include "search/query.h"

typedef struct cJSON cJSON;

struct search_source {
	char *pane;
	const char *what; /* "ring", "capture" or "archive" */
	int64_t run_ms;   /* start of the daemon that had it, if that was another; or 0 */
};

/* One query's result with the names of its sources. */
struct search_batch {
	struct query_result result;
	struct search_source *names;
	size_t n;
};

/* All that a search has found, in the order in which it was added. */
struct search_found {
	struct search_batch *batches;
	size_t n, cap;
	uint64_t lines, bytes; /* looked at besides what the results say */
	bool truncated, partial;
};

/* With room for n names; valid until the next is added. */
struct search_batch *search_add_batch(struct search_found *f, size_t n);
void search_found_release(struct search_found *f);

/* The time beyond which no line can be among the first `limit` any more; false while there are
 * fewer. */
bool search_bound(
    const struct search_found *f, unsigned limit, bool newest_first, int64_t *time_ms);

/* The first `limit` of all, in order. `sources` is what was asked for. */
cJSON *search_json(const struct search_found *f, unsigned sources,
    const struct query_options *options, uint64_t elapsed_us);

/* Adds what all hits have, from the number of the line to its context; a time of 0 is null. */
void search_json_hit(cJSON *o, const struct query_hit *hit);

/* As /api/term answers. */
cJSON *search_json_older(const struct search_found *f);

cJSON *search_json_bad_pattern(
    bool older, const struct pattern_error *error, const char *cause);

#endif
