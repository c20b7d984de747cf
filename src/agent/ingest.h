/*
 * Reads the agents' transcripts: what is there, then what is added, on a thread of its own.
 *
 * The directories of all agents are gone through and then watched (os_watch; where the system has
 * none, looked at every two seconds). What is written to a file is read at once or, when something
 * was read just before, INGEST_BATCH_MS after that; while reading and writing take more than a
 * fifth of the time, up to INGEST_REST_MS after that.
 *
 * Of a file only what is new is read. Its place, which is how far it has been read and what its
 * parser keeps, is written with the rows, in batches (store/sessions.h). A place is never ahead of
 * its rows: it is in the batch of the last of them or in a later one. It may be behind them: of a
 * file that grows the parser stays in memory, and the place is written every INGEST_PLACE_MS or
 * INGEST_PLACE_BYTES, also when it grows no more, but not at the end. Whoever begins with an older
 * place, after a crash, an end, or a batch that was not written, reads again what came behind it.
 * That changes nothing and is told to nobody, as rows are known by their keys, and come from the
 * same parser in the same state.
 *
 * A file is known by its path, device, inode and a sum over its first bytes; one that is shorter
 * than what was read, or begins otherwise, is read from its beginning, which changes nothing that
 * was said before. A last line without its newline waits for it. Of opencode's database rows are
 * read that changed since the last time.
 *
 * A batch holds what there is of any number of files. One is under way at a time, and the thread
 * makes the next meanwhile. When one could not be written, what followed it is given up too, and
 * read again.
 *
 * Bounds: lines of up to INGEST_LINE_MAX bytes, documents of up to INGEST_DOCUMENT_MAX; what is
 * longer is passed over, and said in the log. Parsers stay of the INGEST_KEPT_MAX files that grew
 * last, for a minute, and while what they keep and have read since their places takes no more than
 * INGEST_KEPT_BYTES; before one goes its place is written. Symbolic links to directories are not
 * followed.
 */
#ifndef AGENT_INGEST_H
#define AGENT_INGEST_H

#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "store/sessions.h"

enum {
	INGEST_LINE_MAX = 64 * 1024 * 1024,
	INGEST_DOCUMENT_MAX = 256 * 1024 * 1024,
	INGEST_BATCH_BYTES = 2 * 1024 * 1024,
	INGEST_BATCH_MS = 250,
	INGEST_REST_MS = 1000,
	INGEST_PLACE_MS = 10000,
	INGEST_PLACE_BYTES = 256 * 1024,
	INGEST_KEPT_MAX = 2048,
	INGEST_KEPT_BYTES = 64 * 1024 * 1024,
};

struct ingest;

struct ingest_config {
	const struct agent_place *places; /* copied */
	size_t nplaces;
	/* From the thread: a batch is ready, to be taken by ingest_take. Must not call back. */
	void (*ready)(void *arg);
	/* From the thread: usage that was counted for a session before, see agent_sink. May be NULL. */
	bool (*baseline)(
	    void *arg, const char *agent, const char *session, struct agent_usage *total);
	void *arg;
	unsigned place_ms; /* 0: INGEST_PLACE_MS */
	unsigned kept_max; /* 0: INGEST_KEPT_MAX */
};

/* Does nothing until ingest_start. -EAGAIN when there is no thread to be had. */
struct ingest *ingest_new(const struct ingest_config *config);
/* Before ingest_start; of the same file twice, the second counts. */
void ingest_known(struct ingest *g, const struct sessions_source *s);
int ingest_start(struct ingest *g);

/* The batch that is ready, for the caller; NULL: none is. Then ingest_written says what became of
 * it. Any thread. */
struct sessions_batch *ingest_take(struct ingest *g);
void ingest_written(struct ingest *g, int rc);

/* Ends the thread, which takes no longer than a piece of a file does. A batch that has been
 * taken may still be written. NULL is nothing. */
void ingest_free(struct ingest *g);

struct ingest_status {
	uint64_t files;  /* that are known */
	uint64_t bytes;  /* read since the start */
	uint64_t passed; /* lines and files that were too long or made no sense */
	bool settled;    /* everything that was there at the start has been read */
	uint64_t
	    settled_us; /* what that took, from when the first file was known or looked for */
};
void ingest_status(struct ingest *g, struct ingest_status *out);

#endif
