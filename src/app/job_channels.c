#include "config.h"

#include "app/job_channels.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "app/app_priv.h"
#include "app/jobs_priv.h"
#include "app/streams.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "job/runner.h"
#include "job/spool.h"
#include "store/jobs.h"

/* Of a Range header; `to` is inclusive. */
struct range {
	bool given, suffix;
	uint64_t from, to; /* of a suffix `from` is how many */
};

struct job_reader {
	struct job_reader *prev, *next;
	struct app *app;
	struct http_req *req; /* NULL: it has been answered, or the client has gone */
	uint64_t job;
	unsigned channel;
	struct range range;
	uint64_t offset, limit, wait_ms;
	uv_timer_t timer;
	uv_work_t work;
	bool timed, working, over;
	bool again; /* something has changed since it looked */

	/* What it found. */
	bool lives, closed;
	int rc;
	uint64_t begin, total;
	bool wrote; /* it has ended, and had bytes */
	char *data;
	size_t len;
};

static void look(struct job_reader *d);

/* On the pool. */

/* One that has ended is as the store has it. */
static int
read_record(struct job_reader *d)
{
	struct jobs_row row = {0};
	sqlite3 *db;
	int rc = store_reader_open(d->app->store, &db, NULL);

	if (rc != 0)
		return rc;
	if ((rc = jobs_read(db, d->job, &row)) == 0) {
		rc = row.kind != JOB_STREAM && d->channel <= JOB_CHANNELS ? 0 : -ENXIO;
		for (unsigned i = 0; i < row.nchannels; i++)
			if (row.channels[i].n == d->channel) {
				rc = 0;
				d->wrote = row.channels[i].bytes != 0;
			}
		d->closed = job_is_terminal((enum job_state)row.state);
		jobs_row_release(&row);
	}
	sqlite3_close(db);
	return rc;
}

/* From the length of the file to what is to be read of it. -ERANGE: nothing can be. */
static int
place(struct job_reader *d, uint64_t *n)
{
	const struct range *r = &d->range;

	*n = d->limit;
	d->begin = d->offset;
	if (r->given && r->suffix)
		d->begin = r->from < d->total ? d->total - r->from : 0;
	else if (r->given)
		d->begin = r->from;
	if (d->begin > d->total || (r->given && (d->begin == d->total)))
		return -ERANGE;
	if (*n > d->total - d->begin)
		*n = d->total - d->begin;
	if (r->given && !r->suffix && *n > r->to - r->from && r->to - r->from < UINT64_MAX)
		*n = r->to - r->from + 1;
	return 0;
}

static void
on_work(uv_work_t *w)
{
	struct job_reader *d = w->data;
	const char *dir = d->app->jobs->dir;
	ssize_t got;
	uint64_t n;

	d->rc = d->lives ? 0 : read_record(d);
	if (d->rc == 0)
		d->rc = spool_length(dir, d->job, d->channel, &d->total);
	if (d->rc == 0 && d->closed && d->wrote && d->total == 0)
		d->rc = -ENOMSG;
	if (d->rc != 0 || (d->rc = place(d, &n)) != 0 || n == 0)
		return;
	d->data = malloc((size_t)n);
	if (d->data == NULL) {
		d->rc = -ENOMEM;
		return;
	}
	got = spool_read(dir, d->job, d->channel, d->begin, d->data, (size_t)n);
	if (got < 0)
		d->rc = (int)got;
	else
		d->len = (size_t)got;
}

/* On the loop. */

static void
on_closed(uv_handle_t *h)
{
	struct job_reader *d = h->data;

	free(d->data);
	free(d);
}

/* It is answered, or nobody waits for it; freed when the pool has let go of it, too. */
static void
leave(struct job_reader *d)
{
	struct app *a = d->app;

	if (d->req != NULL || d->working)
		return;
	DL_DELETE(a->job_readers, d);
	a->job_readers_count--;
	uv_close((uv_handle_t *)&d->timer, on_closed);
}

static void
asker_gone(void *arg)
{
	struct job_reader *d = arg;

	d->req = NULL;
	leave(d);
}

static void
refuse(struct job_reader *d)
{
	struct http_req *r = d->req;
	char range[64];

	switch (d->rc) {
	case -ENOENT:
		http_reply_error(r, 404, "no_such_job", "there is no job j%" PRIu64, d->job);
		break;
	case -ENXIO:
		http_reply_error(r, 404, "no_such_channel", "j%" PRIu64 " has no channel %u",
		    d->job, d->channel);
		break;
	case -ENOMSG:
		http_reply_error(r, 410, "output_removed",
		    "what j%" PRIu64 " wrote has been removed", d->job);
		break;
	case -ERANGE:
		snprintf(range, sizeof range, "bytes */%" PRIu64, d->total);
		http_add_header(r, "content-range", range);
		http_reply_error(
		    r, 416, "bad_range", "the channel has %" PRIu64 " bytes", d->total);
		break;
	default:
		http_reply_error(r, d->rc == -EAGAIN ? 503 : 500, "not_readable",
		    "the channel cannot be read: %s", strerror(-d->rc));
		break;
	}
}

static void
give(struct job_reader *d)
{
	bool end = d->closed && d->begin + d->len == d->total;
	char text[96];

	snprintf(text, sizeof text, "%" PRIu64, d->begin);
	http_add_header(d->req, "x-panescry-offset", text);
	if (end)
		http_add_header(d->req, "x-panescry-end", "1");
	http_add_header(d->req, "accept-ranges", "bytes");
	http_add_header(d->req, "cache-control", "no-store");
	if (d->range.given) {
		int n = snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/", d->begin,
		    d->begin + d->len - 1);

		if (d->closed)
			snprintf(text + n, sizeof text - (size_t)n, "%" PRIu64, d->total);
		else
			snprintf(text + n, sizeof text - (size_t)n, "*");
		http_add_header(d->req, "content-range", text);
	}
	http_reply_take(d->req, d->range.given ? 206 : 200, "application/octet-stream",
	    d->data != NULL ? d->data : xstrdup(""), d->len);
	d->data = NULL;
}

static void
answer(struct job_reader *d)
{
	if (d->rc == 0 && d->range.given && d->len == 0)
		d->rc = -ERANGE; /* it was cut since its length was asked for */
	if (d->rc != 0)
		refuse(d);
	else
		give(d);
	d->req = NULL;
	leave(d);
}

/* Whether more can come that is worth waiting for. */
static bool
may_wait(const struct job_reader *d)
{
	if (d->over || !d->timed || d->closed)
		return false;
	if (d->rc == -ERANGE) /* the range begins at the end */
		return d->range.given && !d->range.suffix && d->begin == d->total;
	return d->rc == 0 && d->len == 0;
}

static void
on_done(uv_work_t *w, int status)
{
	struct job_reader *d = w->data;

	(void)status;
	d->working = false;
	stored_unuse(d->app);
	if (d->req == NULL)
		leave(d);
	else if (!may_wait(d))
		answer(d);
	else if (d->again)
		look(d);
}

/* False: it is not here. *given: of a command, what has been told of; what the file has beyond will be. */
static bool
find_live(struct job_reader *d, uint64_t *given)
{
	struct app *a = d->app;
	const struct job *j = runner_find(a->jobs->runner, d->job);

	d->closed = false;
	*given = UINT64_MAX;
	if (j == NULL)
		return streams_channel(a, d->job, d->channel, &d->rc, &d->closed);
	d->closed = job_is_terminal(j->state);
	d->rc = d->channel <= (j->spec.pty ? 1 : JOB_CHANNELS) ? 0 : -ENXIO;
	if (d->rc == 0)
		*given = j->channels[d->channel - 1].bytes;
	return true;
}

static void
look(struct job_reader *d)
{
	uint64_t given;

	d->again = false;
	d->rc = 0;
	d->lives = find_live(d, &given);
	if (d->rc != 0) {
		answer(d);
		return;
	}
	free(d->data);
	d->data = NULL;
	d->len = 0;
	d->begin = d->offset;
	/* One that has kept up waits for what comes: the file need not be asked. */
	if (!d->range.given && d->offset == given && may_wait(d))
		return;
	d->working = true;
	d->work.data = d;
	stored_use(d->app);
	uv_queue_work(d->app->loop, &d->work, on_work, on_done);
}

static void
on_timeout(uv_timer_t *t)
{
	struct job_reader *d = t->data;

	d->over = true;
	if (!d->working)
		answer(d);
}

/* What is asked for. */

static void
read_range(struct http_req *r, struct range *out)
{
	const char *s = http_header(r, "range");
	uint64_t from = 0, to = UINT64_MAX;
	char text[64], *dash;

	if (s == NULL || !str_starts(s, "bytes=") || strlen(s + 6) >= sizeof text)
		return;
	snprintf(text, sizeof text, "%s", s + 6);
	if ((dash = strchr(text, '-')) == NULL)
		return;
	*dash++ = '\0';
	if (*text == '\0') {
		if (str_u64(dash, 0, UINT64_MAX, &from) == 0)
			*out = (struct range){true, true, from, 0};
	} else if (str_u64(text, 0, UINT64_MAX, &from) == 0 &&
		   (*dash == '\0' || str_u64(dash, from, UINT64_MAX, &to) == 0)) {
		*out = (struct range){true, false, from, to};
	}
}

static bool
read_args(struct http_req *r, struct job_reader *d)
{
	uint64_t channel = 0;

	if (!jobs_number(r, &d->job))
		return false;
	if (str_u64(http_param(r, 1), 1, JOBS_CHANNELS_MAX, &channel) != 0) {
		http_reply_error(r, 400, "bad_params", "a channel is a number from 1 to %d",
		    JOBS_CHANNELS_MAX);
		return false;
	}
	d->channel = (unsigned)channel;
	if (!http_query_u64(r, "offset", 0, INT64_MAX, 0, &d->offset) ||
	    !http_query_u64(r, "limit", 1, JOB_READ_MAX, JOB_READ, &d->limit) ||
	    !http_query_u64(r, "wait_ms", 0, JOB_WAIT_MAX_MS, 0, &d->wait_ms))
		return false;
	read_range(r, &d->range);
	if (!d->range.given || http_query(r, "offset") == NULL)
		return true;
	http_reply_error(r, 400, "bad_params", "offset does not go with a Range");
	return false;
}

void
jobs_channel_get(struct http_req *r, void *arg)
{
	struct job_reader asked = {.app = arg, .req = r}, *d;
	struct app *a = arg;

	if (!read_args(r, &asked))
		return;
	if (a->job_readers_count >= JOB_READERS_MAX) {
		http_add_header(r, "retry-after", "1");
		http_reply_error(r, 429, "too_many_readers", "%u read channels already",
		    a->job_readers_count);
		return;
	}
	d = xcalloc(1, sizeof *d);
	*d = asked;
	DL_APPEND(a->job_readers, d);
	a->job_readers_count++;
	uv_timer_init(a->loop, &d->timer);
	d->timer.data = d;
	if ((d->timed = d->wait_ms != 0))
		uv_timer_start(&d->timer, on_timeout, d->wait_ms, 0);
	http_on_gone(r, asker_gone, d);
	look(d);
}

/* What happens meanwhile. A channel of 0 is any. */

struct news {
	uint64_t job;
	unsigned channel;
	uint64_t offset;
	const void *data; /* or NULL */
	size_t len;
};

/* It waits for what is among these bytes: no need to read them again. */
static bool
give_news(struct job_reader *d, const struct news *n)
{
	size_t over;

	if (n->data == NULL || d->range.given || d->offset < n->offset ||
	    d->offset - n->offset >= n->len)
		return false;
	over = (size_t)(d->offset - n->offset);
	d->len = n->len - over < d->limit ? n->len - over : (size_t)d->limit;
	free(d->data);
	d->data = xmalloc(d->len);
	memcpy(d->data, (const char *)n->data + over, d->len);
	d->begin = d->offset;
	d->closed = false;
	d->rc = 0;
	answer(d);
	return true;
}

static void
wake(struct app *a, const struct news *n)
{
	struct job_reader *d, *next;

	DL_FOREACH_SAFE (a->job_readers, d, next) {
		if (d->job != n->job || (n->channel != 0 && d->channel != n->channel))
			continue;
		d->again = true;
		if (!d->working && d->req != NULL && !give_news(d, n))
			look(d);
	}
}

void
job_channels_grew(struct app *a, uint64_t job, unsigned channel, uint64_t offset,
    const void *data, size_t len)
{
	const struct news n = {job, channel, offset, data, len};

	wake(a, &n);
}

void
job_channels_closed(struct app *a, uint64_t job)
{
	const struct news n = {.job = job};

	wake(a, &n);
}

void
job_channels_stop(struct app *a)
{
	struct job_reader *d, *next;

	DL_FOREACH_SAFE (a->job_readers, d, next) {
		if (d->req == NULL)
			continue;
		if (d->working)
			d->over = true;
		else
			answer(d);
	}
}
