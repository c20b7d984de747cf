/* What the files of ingest share. Not for others. */
#ifndef AGENT_INGEST_PRIV_H
#define AGENT_INGEST_PRIV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <uthash.h>

#include "agent/agent.h"
#include "agent/ingest.h"
#include "store/sessions.h"

/* Events of one agent into rows of a batch. */
struct rows {
	struct sessions_batch *batch;
	const char *agent;
	char *session; /* that the last event was of, and its number in the batch */
	unsigned number;
	bool (*baseline)(
	    void *arg, const char *agent, const char *session, struct agent_usage *total);
	void *arg;
};

/* A sink whose arg is a struct rows. */
void rows_event(void *arg, const struct agent_event *e);
bool rows_baseline(void *arg, const char *session, struct agent_usage *total);
void rows_release(struct rows *r); /* the batch stays */
void rows_begin(struct rows *r, struct sessions_batch *batch, const char *agent);

struct kept;

struct file {
	struct sessions_source
	    known;         /* its place, with what is under way; its strings are owned */
	struct kept *kept; /* its parser, ahead of the place; NULL: none */
	bool changed;      /* it is in the ingest's list */
	struct file *prev, *next;
	UT_hash_handle hh;
};

/* The parser of a file: while it is read, and, where the file grows, between readings. */
struct kept {
	struct file *file;
	const struct agent_format *format;
	struct agent_parser *parser;
	/* Up to where it has read; path and format are borrowed, and it has no state. */
	struct sessions_source now;
	bool grew;          /* it went on from a place */
	bool due;           /* `now` is ahead of the file's place */
	uint64_t placed_us; /* when that was noted last; 0: not by this one */
	uint64_t read_us;
	size_t state, fed;        /* bytes: of its state when it was saved last; read since */
	size_t bytes;             /* that it counts for among the others */
	struct kept *prev, *next; /* in the order of their last reading */
};

/* What was known of a file before a batch, for one that cannot be written. */
struct change {
	struct file *file;
	struct sessions_source before; /* its strings but the path are owned */
	struct change *next;           /* an earlier one */
};

struct ingest {
	struct ingest_config config;
	struct agent_place *places;
	struct file *files;     /* by path; the thread's, once it runs */
	struct os_watch *watch; /* NULL: there is none */
	pthread_t thread;
	bool running;
	char *buffer; /* INGEST_CHUNK bytes */
	struct rows rows;
	struct file *changed; /* since they were looked at */
	struct kept *kept;    /* between readings; the one that was read last is the last */
	unsigned nkept;
	size_t kept_bytes;
	uint64_t due_us;            /* when the next of them is due; UINT64_MAX: none is */
	uint64_t began_us;          /* the first ingest_known, or the start */
	uint64_t rest_us;           /* until then what has changed waits for more */
	uint64_t batch_us;          /* when the batch that is being made was begun */
	struct change *made, *sent; /* by that batch, and by the one under way; newest first */
	bool dirty;                 /* something could not be written: look again */

	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct sessions_batch *ready; /* waits to be taken */
	bool taken, stop;
	int result; /* of the last one */
	struct ingest_status st;
};

enum { INGEST_CHUNK = 256 * 1024 };

/* ingest.c */
bool ingest_stopped(struct ingest *g);
void ingest_count(struct ingest *g, uint64_t bytes, uint64_t passed);
struct file *ingest_need_file(struct ingest *g, const char *path);
/* One that rows of this agent may go to, behind those of others. */
void ingest_need_batch(struct ingest *g, const char *agent);
/* Adds the place to the batch that is being made. */
void ingest_note_place(struct ingest *g, struct file *f, const struct sessions_source *now);
bool ingest_full(const struct ingest *g); /* the batch */
/* Hands over what there is, which is written while the next is made. Not 0: what was read since a
 * file's place is to be read again, and no parser is kept any more but the one that reads. */
int ingest_send(struct ingest *g);
int64_t ingest_modified_ns(const struct stat *st);
/* Whether nothing was written to it since it was read to its end. */
bool ingest_unchanged(const struct file *f, const struct stat *st);

/* ingest_file.c */
void ingest_check_file(struct ingest *g, const char *agent, const char *path);
/* Notes the places that are due, and lets go of parsers that have nothing to do. As ingest_send. */
int ingest_put_places(struct ingest *g);
void ingest_drop_kept(struct ingest *g);

/* ingest_db.c: whether it was the database, or its log. */
bool ingest_check_db(struct ingest *g, const char *agent, const char *path);

#endif
