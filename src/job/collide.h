/*
 * Parties that change the same file at the same time.
 *
 * A touch is one change of a file by a party: a job, a session of an agent, or what runs in a pane. The
 * last ones are kept; a new one is compared with those of other parties of the same path that are
 * no more than the window apart from it:
 *
 *	COLLIDE_SAME		a line that both have changed
 *	COLLIDE_ADJACENT	lines that are no more than near_lines apart
 *	COLLIDE_DIFFERENT	other lines, or it is not known which
 *
 * The gravest of them is told, once for each pair of parties, path and kind until the window has
 * passed.
 *
 * Who is one party. Two jobs never are. Others are when they have a session in common (their own, the
 * one at the root of a sub-agent's, or the one that a job belongs to) or a pane.
 *
 * What was told (a tool call) names its party. What was seen (a file changed below a job's
 * directory) may be another's change: where another party told of a change of that path no more than
 * explain_ms before or after, it was that one, and the sight of it is dropped.
 *
 * Bounded by the configuration, and to COLLIDE_PER_PATH touches of a path; the oldest go first.
 * Pure, but for the memory; one thread.
 */
#ifndef JOB_COLLIDE_H
#define JOB_COLLIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COLLIDE_PER_PATH = 400 };

enum collide_kind { COLLIDE_DIFFERENT, COLLIDE_ADJACENT, COLLIDE_SAME };
const char *collide_kind_name(enum collide_kind k); /* "same_line" */

struct collide_config {
	size_t touches_max; /* 0: 10,000; of what was told as many */
	int64_t window_ms;  /* 0: 10 minutes */
	int64_t near_lines; /* 0: 5 */
	int64_t explain_ms; /* 0: 2 s */
};

/* What is not known is 0 or NULL; one of job, root and pane must be known. */
struct collide_party {
	uint64_t job;
	int64_t session;   /* our number, to be shown */
	const char *root;  /* the agent's id of the session, of a sub-agent that of the first */
	const char *owner; /* the session that a job belongs to, in the same way */
	const char *pane;
	const char *agent; /* to be shown */
};

struct collide_touch {
	struct collide_party who;
	const char *path;
	int64_t first, last; /* lines from 1; 0, 0: not known */
	int64_t time_ms;     /* wall clock */
	bool seen;           /* not told */
};

/* a is the earlier one to be added. Both are borrowed until it returns; it adds nothing. */
typedef void (*collide_cb)(void *arg, enum collide_kind kind, const struct collide_touch *a,
    const struct collide_touch *b);

struct collide *collide_new(const struct collide_config *config);
void collide_free(struct collide *c); /* NULL is nothing */

/* Copies it. What is older than the window is passed over, and what is in the future is now. */
void collide_add(struct collide *c, const struct collide_touch *t, int64_t now_ms,
    collide_cb collision, void *arg);

size_t collide_count(const struct collide *c); /* touches that are kept */

#endif
