/* From a request to the file: one piece of a stream at a time, in order. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/job_channels.h"
#include "app/job_events.h"
#include "app/job_panes.h"
#include "app/streams_priv.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "job/spool.h"
#include "proto/json.h"

static void start_next(struct job_stream *s);

static void
reply_offset(struct http_req *r, int status, const char *error, uint64_t offset)
{
	cJSON *o = json_object();

	if (error != NULL) {
		cJSON_AddStringToObject(o, "error", error);
		cJSON_AddStringToObject(
		    o, "message", "this does not begin at the channel's end");
	}
	cJSON_AddNumberToObject(o, "offset", (double)offset);
	http_reply_json_take(r, status, o);
}

/* The piece is done with: it is out of the queue, and the next may come. */
static void
finish(struct piece *p)
{
	struct job_stream *s = p->stream;
	struct job_streams *all = s->app->job_streams;

	DL_DELETE(s->pieces, p);
	s->npieces--;
	all->queued -= p->len;
	free(p->data);
	free(p);
	if (s->pieces != NULL)
		start_next(s);
	else
		stream_try_finish(s);
}

static void
refuse(struct piece *p, int status, const char *code, const char *message)
{
	if (p->req != NULL)
		http_reply_error(p->req, status, code, "%s", message);
	finish(p);
}

static uint64_t
total(const struct job_stream *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < s->row.nchannels; i++)
		n += s->channels[i].bytes;
	return n;
}

/* On the pool. */
static void
on_work(uv_work_t *w)
{
	struct piece *p = w->data;
	uint64_t job = p->stream->number;
	unsigned n = p->channel->n;

	p->rc = spool_write(p->dir, job, n, p->at, p->data + p->skip, p->len - p->skip);
	if (p->rc != 0 && spool_length(p->dir, job, n, &p->at) != 0)
		p->rc = -EIO;
}

static void
written(struct piece *p)
{
	struct job_stream *s = p->stream;
	struct jobs_channel *c = p->channel;
	size_t n = p->len - p->skip;
	const struct job_output from = {s->number, c->n, &s->spec, s->row.created_ms};
	bool first = c->state == CHANNEL_PROPOSED;

	c->bytes = p->at + n;
	if (first)
		c->state = CHANNEL_STREAMING;
	stream_touched(s, c);
	job_panes_output(s->app, &from, p->at, p->data + p->skip, n);
	job_events_output(s->app, s->number, c->n, p->at, p->data + p->skip, n);
	job_channels_grew(s->app, s->number, c->n, p->at, p->data + p->skip, n);
	if (first)
		stream_tell(s);
}

static void
on_done(uv_work_t *w, int status)
{
	struct piece *p = w->data;
	struct job_stream *s = p->stream;
	struct app *a = s->app;
	bool full = p->rc == -ENOSPC || p->rc == -EDQUOT;

	(void)status;
	if (p->rc == 0) {
		written(p);
		jobs_wrote(a);
		if (p->req != NULL)
			reply_offset(p->req, 200, NULL, p->channel->bytes);
		finish(p);
	} else {
		log_warn("job", "%s: %u bytes of channel %u are not written: %s", s->id,
		    (unsigned)p->len, p->channel->n, strerror(-p->rc));
		if (p->rc == -ESPIPE)
			p->channel->bytes = p->at;
		refuse(
		    p, full ? 507 : 500, full ? "no_space" : "not_written", strerror(-p->rc));
	}
	stream_worked(a);
}

/* What of it is new, or that it was answered. */
static bool
put_in_place(struct piece *p)
{
	uint64_t end = p->channel->bytes;

	p->at = end;
	p->skip = 0;
	if (!p->placed)
		return true;
	if (p->offset > end) {
		if (p->req != NULL)
			reply_offset(p->req, 409, "offset", end);
		return false;
	}
	p->skip = end - p->offset < p->len ? (size_t)(end - p->offset) : p->len;
	return true;
}

static void
start_next(struct job_stream *s)
{
	struct piece *p = s->pieces;
	struct app *a = s->app;

	if (!put_in_place(p)) {
		finish(p);
		return;
	}
	if (p->skip == p->len) {
		s->touched = uv_now(a->loop);
		if (p->req != NULL)
			reply_offset(p->req, 200, NULL, p->at);
		finish(p);
		return;
	}
	if (a->job_streams->closed) {
		refuse(p, 503, "stopping", "the daemon is ending");
		return;
	}
	if (s->full || p->len - p->skip > s->spec.max_output ||
	    total(s) > s->spec.max_output - (p->len - p->skip)) {
		s->full = true;
		stream_end(s, JOB_FAILED, "it wrote too much", -1);
		refuse(p, 413, "too_much", "the stream would have more than its max_output");
		return;
	}
	p->dir = a->jobs->dir;
	p->work.data = p;
	a->job_streams->working++;
	uv_queue_work(a->loop, &p->work, on_work, on_done);
}

static void
asker_gone(void *arg)
{
	((struct piece *)arg)->req = NULL;
}

void
stream_append(
    struct job_stream *s, unsigned channel, struct http_req *r, bool placed, uint64_t offset)
{
	struct job_streams *all = s->app->job_streams;
	struct jobs_channel *c = stream_channel(s, channel);
	const char *data;
	struct piece *p;
	size_t len;

	data = http_body(r, &len);
	if (s->ending || (c != NULL && !stream_channel_open(c))) {
		http_reply_error(r, 409, s->ending ? "ended" : "closed",
		    s->ending ? "the stream has ended" : "the channel is closed");
		return;
	}
	if (s->npieces >= STREAM_QUEUE_MAX || all->queued + len > STREAMS_QUEUE_BYTES) {
		http_add_header(r, "retry-after", "1");
		http_reply_error(r, 429, "busy", "what was sent before is still being written");
		return;
	}
	p = xcalloc(1, sizeof *p);
	*p = (struct piece){.stream = s,
	    .channel = c != NULL ? c : stream_add_channel(s, channel),
	    .req = r,
	    .data = xmalloc(len + 1),
	    .len = len,
	    .placed = placed,
	    .offset = offset};
	memcpy(p->data, data, len);
	http_on_gone(r, asker_gone, p);
	DL_APPEND(s->pieces, p);
	s->npieces++;
	all->queued += len;
	if (s->pieces == p)
		start_next(s);
}
