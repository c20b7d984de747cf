/*
 * A transcript, or the stream of a headless run, whose bytes somebody hands over: which agent's it is
 * is found out, and its events become rows (store/sessions.h).
 *
 * The same bytes again give the same rows, which change nothing. One thread at a time; pure.
 * Bounds: a line of up to INGEST_LINE_MAX bytes is looked at, a document of up to
 * INGEST_DOCUMENT_MAX; what is longer is passed over.
 */
#ifndef AGENT_IMPORT_H
#define AGENT_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct import;
struct sessions_batch;

enum { IMPORT_SESSIONS_MAX = 10000 }; /* that are named in the end */

/* name: the path of the file, as far as it has one, or NULL. format: what is known of it, the name of a
 * format, or NULL; -EINVAL: there is none of that name. */
int import_new(const char *name, const char *format, struct import **out);
void import_free(struct import *m);

void import_feed(struct import *m, const char *data, size_t len);
/* No more is there: for now, or, with `end`, at all. */
void import_flush(struct import *m, bool end);

/* The rows since the last time, for the caller; NULL: none. */
struct sessions_batch *import_take(struct import *m);

struct import_status {
	const char *agent, *format; /* NULL: not known yet; borrowed from the program */
	uint64_t lines, passed;     /* those that made no sense */
	char *const *sessions;      /* the agent's own ids, borrowed until the next call */
	size_t nsessions;
};
void import_status(const struct import *m, struct import_status *out);

#endif
