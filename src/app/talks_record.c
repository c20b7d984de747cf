/* The record of a live session: written, and read when it is made anew. Both on the pool. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/talks_priv.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "job/spool.h"

enum {
	PIECE = 64 * 1024,
	RETRY_MS = 1000,
	RECORD_MAX = 64 * 1024 * 1024, /* beyond which no messages are taken */
	PENDING_MAX = 8 * 1024 * 1024,
};

bool
talks_record_full(const struct talking *l)
{
	return l->recorded + l->under_way.len + l->pending.len > RECORD_MAX ||
	       l->pending.len > PENDING_MAX;
}

void
talks_record(void *arg, const char *line, size_t len)
{
	struct talking *l = arg;

	buf_append(&l->pending, line, len);
}

/* Writing. */

static void
write_work(uv_work_t *w)
{
	struct talking *l = w->data;

	l->write_rc = spool_write(l->app->talks->dir, l->number, TALK_RECORD, l->recorded,
	    l->under_way.data, l->under_way.len);
}

static void
answer(struct talking *l)
{
	struct talk_answer *w;

	while ((w = l->answers) != NULL && w->at <= l->recorded) {
		DL_DELETE(l->answers, w);
		if (w->req != NULL)
			http_reply_json_take(w->req, 202, w->body);
		else
			cJSON_Delete(w->body);
		free(w);
	}
}

static void
write_done(uv_work_t *w, int status)
{
	struct talking *l = w->data;
	struct app *a = l->app;

	(void)status;
	l->writing = false;
	if (l->write_rc == 0) {
		l->recorded += l->under_way.len;
		buf_reset(&l->under_way);
		l->retry_at = 0;
		l->told_stuck = false;
		answer(l);
	} else {
		l->retry_at = uv_now(a->loop) + RETRY_MS;
		if (!l->told_stuck)
			log_warn("job", "the record of %s cannot be written: %s", l->id,
			    strerror(-l->write_rc));
		l->told_stuck = true;
	}
	if (l->forgotten)
		talks_settled(l);
	else
		talks_record_go_on(l);
	stored_unuse(a);
}

void
talks_record_go_on(struct talking *l)
{
	if (l->writing || l->loading || l->forgotten ||
	    (l->retry_at != 0 && uv_now(l->app->loop) < l->retry_at))
		return;
	if (l->under_way.len == 0 && l->pending.len != 0) {
		struct buf empty = l->under_way;

		l->under_way = l->pending;
		l->pending = empty;
	}
	if (l->under_way.len == 0) {
		answer(l);
		return;
	}
	l->writing = true;
	stored_use(l->app);
	uv_queue_work(l->app->loop, &l->write, write_work, write_done);
}

/* Reading. Nobody else has the talk meanwhile. */

static int
read_record(struct talking *l)
{
	const char *dir = l->app->talks->dir;
	uint64_t len = 0;
	ssize_t n = 0;
	char *text;
	int rc = spool_length(dir, l->number, TALK_RECORD, &len);

	if (rc != 0)
		return rc;
	l->recorded = len;
	if (len > 2 * (uint64_t)RECORD_MAX)
		len = 2 * (uint64_t)RECORD_MAX;
	text = xmalloc(len + 1);
	if (len != 0)
		n = spool_read(dir, l->number, TALK_RECORD, 0, text, len);
	if (n >= 0)
		talk_restore(l->talk, text, (size_t)n);
	/* A line that was not finished is ended. */
	if (n > 0 && text[n - 1] != '\n')
		buf_puts(&l->pending, "\n");
	free(text);
	return n < 0 ? (int)n : 0;
}

static void
load_work(uv_work_t *w)
{
	struct talking *l = w->data;
	char *piece = xmalloc(PIECE);
	ssize_t n = 0;

	l->load_rc = l->begun ? 0 : read_record(l);
	l->begun = true;
	while (l->load_rc == 0 && (n = spool_read(l->app->talks->dir, l->number, 1,
				       talk_offset(l->talk), piece, PIECE)) > 0)
		talk_output(l->talk, talk_offset(l->talk), piece, (size_t)n);
	if (n < 0)
		l->load_rc = (int)n;
	free(piece);
}

static void
load_done(uv_work_t *w, int status)
{
	struct talking *l = w->data;
	struct app *a = l->app;

	(void)status;
	l->loading = false;
	if (l->load_rc != 0)
		log_warn(
		    "job", "what %s wrote cannot be read: %s", l->id, strerror(-l->load_rc));
	if (l->forgotten)
		talks_settled(l);
	else
		talks_loaded(l);
	stored_unuse(a);
}

void
talks_load(struct talking *l)
{
	if (l->loading)
		return;
	l->loading = true;
	stored_use(l->app);
	uv_queue_work(l->app->loop, &l->load, load_work, load_done);
}
