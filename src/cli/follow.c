#include "config.h"

#include "cli/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <uv.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/ask.h"
#include "cli/job_text.h"
#include "cli/lane.h"
#include "cli/tame.h"
#include "proto/json.h"

enum {
	PIECE = 1024 * 1024, /* bytes asked for at a time */
	WAIT_MS = 20 * 1000, /* that a request may wait in the daemon */
	LOOK_MS = 5,         /* for the end, at first; then more */
	LOOK_MAX_MS = 250,
};

struct out {
	struct follow *f;
	unsigned channel;
	uint64_t offset;
	int fd;
	struct ask *ask;
	struct lane *lane; /* NULL until there is something to write */
	struct tame tame;
	bool tamed;
	bool writing, all, over;
	struct buf next; /* to be written after that */
	uv_timer_t again;
};

struct follow {
	struct follow_config cfg;
	char *id; /* escaped */
	struct out outs[FOLLOW_CHANNELS];
	bool found, told;
	char *refused; /* why a channel cannot be had */
	struct ask *look;
	uv_timer_t look_again;
	unsigned look_ms;
};

static void
tell(struct follow *f, int rc, const char *message, const cJSON *job)
{
	if (f->told)
		return;
	f->told = true;
	f->cfg.done(f->cfg.arg, rc, message, job);
}

/* The words of an error, for the caller to free. */
static char *
words_of(int status, const char *body, size_t len)
{
	cJSON *o = json_parse(body, len);
	const char *message = json_string(o, "message");
	char *words = message != NULL ? xstrdup(message)
				      : xasprintf("the daemon answered with status %d", status);

	cJSON_Delete(o);
	return words;
}

static void
refuse(struct follow *f, int status, const char *body, size_t len)
{
	char *words = words_of(status, body, len);

	tell(f, -EPROTO, words, NULL);
	free(words);
}

/* The job's end. */

static void
look(struct follow *f)
{
	char *path = xasprintf("/api/v1/jobs/%s", f->id);

	ask_send(f->look, "GET", path, NULL, 0);
	free(path);
}

static void
on_look_again(uv_timer_t *t)
{
	look(t->data);
}

static void
on_job(void *arg, int rc, int status, const char *body, size_t len)
{
	struct follow *f = arg;
	cJSON *job;

	if (rc != 0) {
		tell(f, rc, "the daemon has gone", NULL);
		return;
	}
	if (status != 200) {
		refuse(f, status, body, len);
		return;
	}
	job = json_parse(body, len);
	if (cli_job_ended(job)) {
		tell(f, 0, NULL, job);
	} else {
		uv_timer_start(&f->look_again, on_look_again, f->look_ms, 0);
		f->look_ms = f->look_ms * 2 < LOOK_MAX_MS ? f->look_ms * 2 : LOOK_MAX_MS;
	}
	cJSON_Delete(job);
}

static void
out_over(struct out *o)
{
	struct follow *f = o->f;

	o->over = true;
	for (size_t i = 0; i < f->cfg.nchannels; i++)
		if (!f->outs[i].over)
			return;
	if (f->cfg.wait)
		look(f);
	else if (!f->found)
		tell(f, -EPROTO, f->refused, NULL);
	else
		tell(f, 0, NULL, NULL);
}

/* Channels. */

static void on_written(void *arg, long rc, const char *data);

static void
ask_more(struct out *o)
{
	char *path =
	    xasprintf("/api/v1/jobs/%s/channels/%u?offset=%llu&limit=%d&wait_ms=%d", o->f->id,
		o->channel, (unsigned long long)o->offset, PIECE, o->f->cfg.wait ? WAIT_MS : 0);

	ask_send(o->ask, "GET", path, NULL, 0);
	free(path);
}

static void
on_again(uv_timer_t *t)
{
	ask_more(t->data);
}

/* Whatever is to be done next: write, ask, or nothing any more. */
static void
go_on(struct out *o)
{
	if (o->all && o->tamed)
		tame_end(&o->tame, &o->next);
	if (!o->writing && o->next.len != 0) {
		if (o->lane == NULL)
			o->lane = lane_new(o->f->cfg.loop, o->fd, on_written, o);
		o->writing = true;
		lane_write(o->lane, &o->next);
	}
	if (o->all) {
		if (!o->writing && !o->over)
			out_over(o);
	} else if (o->next.len == 0 && !ask_is_busy(o->ask) &&
		   !uv_is_active((uv_handle_t *)&o->again)) {
		ask_more(o);
	}
}

static void
on_written(void *arg, long rc, const char *data)
{
	struct out *o = arg;

	(void)data;
	o->writing = false;
	if (rc < 0)
		tell(o->f, -EPIPE, strerror((int)-rc), NULL);
	else if (!o->f->told)
		go_on(o);
}

static void
take(struct out *o, const char *body, size_t len)
{
	char value[24];
	uint64_t at = o->offset;

	if (ask_header(o->ask, "X-Panescry-Offset", value, sizeof value))
		str_u64(value, 0, UINT64_MAX / 2, &at);
	if (at < o->offset) { /* what was written already */
		size_t skip = o->offset - at < len ? (size_t)(o->offset - at) : len;
		body += skip;
		len -= skip;
		at = o->offset;
	}
	o->offset = at + len;
	if (o->tamed)
		tame_put(&o->tame, &o->next, body, len);
	else if (len != 0)
		buf_append(&o->next, body, len);
	o->all = ask_header(o->ask, "X-Panescry-End", value, sizeof value) ||
		 (len == 0 && !o->f->cfg.wait);
	/* Nothing came: the wait was in vain, or there was none. */
	if (len == 0 && !o->all)
		uv_timer_start(&o->again, on_again, ASK_AGAIN_MS, 0);
}

static void
on_piece(void *arg, int rc, int status, const char *body, size_t len)
{
	struct out *o = arg;
	struct follow *f = o->f;

	if (f->told)
		return;
	if (rc != 0) {
		tell(f, rc, "the daemon has gone", NULL);
	} else if (status == 404) {
		if (f->refused == NULL)
			f->refused = words_of(status, body, len);
		o->all = true;
		go_on(o);
	} else if (status != 200 && status != 206) {
		refuse(f, status, body, len);
	} else {
		f->found = true;
		take(o, body, len);
		go_on(o);
	}
}

static void
start_out(struct follow *f, size_t i)
{
	struct out *o = &f->outs[i];
	struct ask_config ask = {f->cfg.loop, f->cfg.socket, false, on_piece, o};

	o->f = f;
	o->channel = f->cfg.channels[i].channel;
	o->offset = f->cfg.channels[i].from;
	o->fd = f->cfg.channels[i].fd;
	o->tamed = f->cfg.channels[i].tame;
	buf_init(&o->next, BUF_NO_MAX);
	o->ask = ask_new(&ask);
	uv_timer_init(f->cfg.loop, &o->again);
	o->again.data = o;
	ask_more(o);
}

struct follow *
follow_start(const struct follow_config *config)
{
	struct follow *f = xcalloc(1, sizeof *f);
	struct ask_config ask = {config->loop, config->socket, false, on_job, f};

	f->cfg = *config;
	f->id = str_url_encode(config->id);
	f->look = ask_new(&ask);
	f->look_ms = LOOK_MS;
	uv_timer_init(config->loop, &f->look_again);
	f->look_again.data = f;
	for (size_t i = 0; i < config->nchannels; i++)
		start_out(f, i);
	if (config->nchannels == 0)
		look(f);
	return f;
}
