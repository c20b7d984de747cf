/* The shapes of answers to searches. Pure; any thread. */
#ifndef APP_SEARCH_JSON_H
#define APP_SEARCH_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "search/pattern.h"
#include "search/query.h"

typedef struct cJSON cJSON;

struct search_source {
	char *pane;
	const char *what; /* "ring", "capture" or "archive" */
};

cJSON *search_json(const struct search_source *names, size_t n, unsigned sources,
    const struct query_result *r);

/* As /api/term answers. */
cJSON *search_json_older(const struct search_source *names, const struct query_result *r);

cJSON *search_json_bad_pattern(
    bool older, const struct pattern_error *error, const char *cause);

#endif
