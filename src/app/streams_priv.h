/* What the files of streams share. Not for others. */
#ifndef APP_STREAMS_PRIV_H
#define APP_STREAMS_PRIV_H

#include <uthash.h>

#include "app/app_priv.h"
#include "app/jobs_priv.h"
#include "app/streams.h"
#include "job/job.h"
#include "store/jobs.h"

/* A piece on its way to the file. */
struct piece {
	struct piece *prev, *next;
	uv_work_t work;
	struct job_stream *stream;
	struct jobs_channel *channel;
	struct http_req *req; /* NULL: the client has gone */
	char *data;
	size_t len, skip;
	bool placed; /* it said where it belongs */
	uint64_t offset;
	uint64_t at; /* where it is written */
	const char *dir;
	int rc;
};

/* A request that is answered with the job when its end, or a channel's, is on record. */
struct stream_asker {
	struct stream_asker *prev, *next;
	struct job_stream *stream;
	struct http_req *req;
};

struct job_stream {
	UT_hash_handle hh;
	struct app *app;
	uint64_t number;
	char id[JOB_ID_MAX];
	struct job_spec spec;
	struct jobs_row row; /* its channels are the below */
	struct jobs_channel channels[JOBS_CHANNELS_MAX];
	bool dirty[JOBS_CHANNELS_MAX]; /* by index: the record has fewer bytes */
	struct piece *pieces;          /* utlist; the first is being written */
	unsigned npieces;
	uint64_t touched;            /* loop time of the last piece */
	struct stream_asker *askers; /* utlist */
	struct http_req *creator;
	bool recorded;  /* jobs_add is done */
	bool ending;    /* as the row says, when nothing is being written */
	bool submitted; /* and the store has been told */
	bool late;      /* it had no room, and that was said */
	bool full;      /* it would have had too much */
	unsigned feed;  /* channels whose panes are behind, by index; a bit each */
};

struct job_streams {
	struct job_stream *table;
	unsigned count;
	size_t queued;    /* bytes of pieces */
	unsigned working; /* pieces, and what the store was told, that are under way */
	uv_timer_t sweep;
	bool ready, stopped, closed;
};

/* streams.c */
struct job_stream *stream_new(struct app *a, uint64_t number);
void stream_drop(struct job_stream *s);
struct jobs_channel *stream_channel(struct job_stream *s, unsigned n);
struct jobs_channel *stream_add_channel(struct job_stream *s, unsigned n);
bool stream_channel_open(const struct jobs_channel *c);
void stream_tell(struct job_stream *s);
/* -EALREADY. `error` may be NULL. */
struct job_stream *stream_find(struct app *a, uint64_t job); /* on record */
int stream_end(struct job_stream *s, enum job_state state, const char *error, int exit_status);
/* One of `working` is done: true if all of it is to go. */
bool stream_worked(struct app *a);
void stream_try_finish(struct job_stream *s);
void stream_ask(struct job_stream *s, struct http_req *r);
void stream_touched(struct job_stream *s, struct jobs_channel *c);

/* streams_routes.c: requests that came before they could be answered. */
void streams_go_on(struct app *a);

/* streams_write.c */
void stream_append(
    struct job_stream *s, unsigned channel, struct http_req *r, bool placed, uint64_t offset);

/* streams_load.c */
void streams_load(struct app *a);
void streams_feed(struct app *a);

#endif
