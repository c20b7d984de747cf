/*
 * What the files that answer questions about agents' sessions share. Not for others.
 *
 * A question is read from a request, answered by its `run` on the pool, and sent by the loop, which
 * may first complete the answer with what only it knows.
 */
#ifndef APP_AGENTS_QUERY_H
#define APP_AGENTS_QUERY_H

#include <uv.h>

#include "agent/agent.h"
#include "app/app_priv.h"
#include "store/sessions_read.h"

struct question_db {
	uv_work_t work;
	struct app *app;
	struct http_req *req; /* NULL: the client has gone */
	/* On the pool: a negative errno value, or 0 and the answer. */
	int (*run)(struct question_db *q, sqlite3 *db);
	void (*complete)(struct question_db *q); /* on the loop, before it is sent; or NULL */
	int status, rc;
	cJSON *answer;
	char *texts[6]; /* arguments */
	void *more;     /* between the two, one block; freed */
	struct sessions_filter filter;
	int64_t from_ms, to_ms;
	uint64_t limit, offset, after;
	uint64_t reveal;   /* secrets are not masked */
	uint64_t text_max; /* bytes of a text that is shown */
	unsigned by;
	bool utc;
	bool split; /* each row once more by model */
	bool hits;  /* how well caches were hit, too */
};

/* With what all of them take: since, until, limit, offset, cursor, text_max, reveal; NULL: an error has
 * been sent. And the same for the session that the route's first parameter names. */
struct question_db *question_new(
    struct http_req *r, struct app *a, int (*run)(struct question_db *, sqlite3 *));
struct question_db *question_of_session(
    struct http_req *r, struct app *a, int (*run)(struct question_db *, sqlite3 *));
const char *question_keep(struct question_db *q, unsigned i, const char *value);
/* An argument, if it is there; false: an error has been sent. */
bool question_number(
    struct http_req *r, const char *name, uint64_t lo, uint64_t hi, uint64_t *out);
void question_ask(struct question_db *q);  /* takes it */
void question_free(struct question_db *q); /* one that is not asked */

/* A page of a list; next: its cursor, or -1. */
cJSON *question_page(const struct question_db *q, cJSON *data, int64_t total, int64_t next);
void question_add_count(cJSON *o, const char *name, int64_t n); /* below 0: null */
void question_add_time(cJSON *o, const char *name, int64_t ms); /* 0: null */
/* Text that somebody wrote, its secrets masked; of one that is cut, NAME_bytes says how long it is. */
void question_add_shown(
    const struct question_db *q, cJSON *o, const char *name, const char *text);
const char *question_outcome(int outcome); /* or NULL */

/* Usage added up. */
struct usage_sum {
	struct agent_usage usage;
	double cost;
	bool computed, stated, unpriced;
};

/* What the agent says it cost counts before what the table says. False: the row says nothing, what
 * has its key is counted in others. */
bool usage_sum_row(struct usage_sum *to, const struct app *a,
    const struct sessions_usage_row *row, double *cost);
void usage_sum_json(cJSON *o, const struct usage_sum *s);

/* How much of what models were given came from a cache. Calls that do not say it do not count. */
struct hit_rate {
	double read, all;
};
void hit_rate_add(struct hit_rate *h, const struct sessions_usage *u);
void hit_rate_json(cJSON *o, const char *name, const struct hit_rate *h); /* null: not known */

#endif
