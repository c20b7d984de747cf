/*
 * What a search asks of the daemon, and what it answers: for the command and its picker.
 *
 * A query borrows its strings. An answer owns what its hits point to. Pure; any thread.
 */
#ifndef CLI_SEARCH_H
#define CLI_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cJSON cJSON;

/* The daemon's own bounds (search/query.h, search/pattern.h, what it takes of headers). */
enum {
	SEARCH_PATTERNS = 31,
	SEARCH_PATTERN = 1000,             /* bytes */
	SEARCH_PATTERNS_BYTES = 12 * 1024, /* of all together */
	SEARCH_LIMIT = 10000,
	SEARCH_CONTEXT = 50,
};

struct search_query {
	const char *patterns[SEARCH_PATTERNS];
	unsigned npatterns;
	const char *pane, *source, *since, *until; /* NULL: not said */
	const char *role, *tool, *session, *agent; /* with the source "sessions" only */
	bool jobs;                                 /* in what they have written */
	bool fixed, icase, smart, word, newest;
	unsigned limit;   /* 1..SEARCH_LIMIT */
	unsigned context; /* 0..SEARCH_CONTEXT */
};

/* Path and arguments of the request, for the caller to free. */
char *search_path(const struct search_query *q);

enum { SEARCH_ID_SIZE = 24 };

struct search_hit {
	const char
	    *pane; /* where it is: its id, or that of an agent's session, which is in id */
	char id[SEARCH_ID_SIZE];
	const char *time, *content; /* time NULL: not known */
	uint64_t message;           /* of a session, the row that the line is one of, */
	const char *field;          /* and which of its texts; NULL: a pane's */
	uint64_t line;
	cJSON *json;        /* all of it */
	const cJSON *spans; /* see search_span */
	cJSON *before, *after;
	unsigned nbefore, nafter;
};

struct search_answer {
	cJSON *json;
	struct search_hit *hits;
	size_t n;
	uint64_t total;
	bool truncated, partial;
};

/* -EPROTO when it is no answer to a search; then there is nothing to release. */
int search_answer_parse(struct search_answer *a, const char *text, size_t len);
void search_answer_release(struct search_answer *a);

/* Walks through the parts of a hit's content that match: the first with *span NULL. They are in
 * order and within `len`, the length of the content. False at the end. */
bool search_span(
    const struct search_hit *h, size_t len, const cJSON **span, size_t *from, size_t *to);

#endif
