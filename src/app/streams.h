/*
 * Streams: jobs whose command runs elsewhere, and whose channels a producer feeds over HTTP.
 *
 * A stream is a job of kind "stream" (job/job.h): it has a number, a record, files of its
 * channels and panes like any other, and is RUNNING from its making on. Its channels are proposed,
 * streaming with the first byte, and resolved, failed or cancelled at last; then nothing can be
 * written to them. The job ends, once, when its producer says so, or anybody cancels it; when
 * nothing was written for idle_timeout_s (an hour, if it says nothing) or timeout_s has passed, it
 * is timed_out: its producer has died, or forgotten it; when it would have more than max_output
 * bytes, it has failed.
 *
 * A piece of output is in the file when its producer is answered, in the order of the requests.
 * The record of how many bytes a channel has is brought up to date a few times a second, and at the end.
 *
 * Streams go on when the worker, or the whole daemon, is another one: what their files have is
 * what they have. Their panes are then fed from the files.
 *
 *	POST /api/v1/streams                  members of job_spec_parse and "channels" [1, 2]; ([1])
 *	POST /api/v1/streams/ID/channels/N    bytes; ?offset=N: where they belong
 *	POST /api/v1/streams/ID/complete      {"exit_code", "duration_ms", "channel"}
 *	POST /api/v1/streams/ID/abort         {"reason", "channel"}
 *	POST /api/v1/streams/ID/cancel        {"reason"}
 *
 * A channel that was not proposed is there with its first byte. With an offset a piece may be
 * sent again: what lies before the end is passed over, and one that begins behind the end is 409.
 *
 * Loop's thread.
 */
#ifndef APP_STREAMS_H
#define APP_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app;
struct http_req;
struct jobs_row;
typedef struct cJSON cJSON;

enum {
	STREAMS_MAX = 1000,
	STREAM_PIECE_MAX = 8 * 1024 * 1024,
	STREAM_QUEUE_MAX = 64,                  /* pieces of one stream that wait */
	STREAMS_QUEUE_BYTES = 64 * 1024 * 1024, /* of all */
	STREAM_IDLE_S = 3600,
};

void streams_open(struct app *a);       /* reads those that go on; when the store can be read */
void streams_stop(struct app *a);       /* takes no more; their panes are left */
void streams_close(struct app *a);      /* what is under way ends on the loop */
bool streams_idle(const struct app *a); /* nothing is being written */

/* One that lives; its strings are the stream's. */
const struct jobs_row *streams_find(struct app *a, uint64_t job);
unsigned streams_count(const struct app *a);
/* Adds the newest, as in lists. */
void streams_list_json(struct app *a, cJSON *list, unsigned max);

/* Whether it lives; then *rc is 0 or -ENXIO, and *closed. */
bool streams_channel(struct app *a, uint64_t job, unsigned channel, int *rc, bool *closed);

void streams_create(struct http_req *r, void *arg);
void streams_append(struct http_req *r, void *arg);
void streams_complete(struct http_req *r, void *arg);
void streams_abort(struct http_req *r, void *arg);
void streams_cancel_route(struct http_req *r, void *arg);

#endif
