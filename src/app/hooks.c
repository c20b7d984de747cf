#include "config.h"

#include "app/hooks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/hook.h"
#include "app/app_priv.h"
#include "app/live.h"
#include "app/mux.h"
#include "base/file.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "store/sessions.h"

enum { LOOK_MS = 2000 };

struct hooks {
	struct app *app;
	uv_timer_t timer;
	uv_work_t work;
	char *spool, *taken; /* paths; NULL: there is none */
	bool paused;
	bool busy, again; /* again: something came while it was busy */
	bool written;     /* what was taken is in the store, and can go */
	struct hook_event *events;
	size_t n;
};

static void take(struct hooks *h);

/* On the pool. */

static void
read_lines(struct hooks *h, const char *text, size_t len)
{
	size_t cap = 0;

	for (const char *at = text, *end = text + len; at < end;) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));

		if (nl == NULL)
			return; /* its writer was cut short */
		if (h->n == cap) {
			cap = cap * 2 + 16;
			h->events = xreallocarray(h->events, cap, sizeof *h->events);
		}
		h->n += hook_read(at, (size_t)(nl - at), &h->events[h->n]);
		at = nl + 1;
	}
}

static void
take_work(uv_work_t *w)
{
	struct hooks *h = w->data;
	char *text;
	size_t len;
	int rc;

	if (h->written)
		unlink(h->taken);
	h->written = false;
	if (access(h->taken, F_OK) != 0 && rename(h->spool, h->taken) != 0)
		return;
	rc = file_read_own(h->taken, HOOKS_SPOOL_MAX, &text, &len);
	if (rc != 0) {
		log_warn("sessions", "events of hooks cannot be read: %s", strerror(-rc));
		unlink(h->taken);
		return;
	}
	read_lines(h, text, len);
	free(text);
	if (h->n == 0)
		unlink(h->taken);
}

/* On the loop. */

static char *
pane_of(struct app *a, const struct hook_event *e)
{
	struct entry *entry;
	char *id = NULL;

	/* Panes of tmux are within those of ours, if any: ours hide tmux from what they run. */
	if (e->tmux_pane != NULL && e->tmux_socket != NULL)
		id = mux_id_of(a, e->tmux_socket, e->tmux_pane);
	if (id == NULL && e->pane != NULL)
		id = xstrdup(
		    registry_find(a, e->pane, &entry) == 0 ? pane_id(entry->pane) : e->pane);
	return id;
}

static void
add_event(struct app *a, struct sessions_batch *b, const struct hook_event *e)
{
	const struct sessions_session s = {.agent = e->agent,
	    .native = e->session,
	    .cwd = e->cwd,
	    .model = e->model,
	    .time_ms = e->time_ms};
	unsigned n = sessions_add_session(b, &s);
	char *pane = pane_of(a, e);

	if (pane != NULL)
		sessions_add_pane(b, n, pane);
	if (e->state >= 0)
		sessions_add_state(b, n, e->state, e->text, e->time_ms);
	free(pane);
}

static void
on_written(int rc, void *arg)
{
	struct hooks *h = arg;

	h->busy = false;
	h->written = rc == 0;
	if (rc == 0)
		take(h); /* which removes it; and there may be more */
	else if (!h->app->closed)
		log_warn("sessions", "events of hooks are not written yet: %s", strerror(-rc));
}

static void
take_done(uv_work_t *w, int status)
{
	struct hooks *h = w->data;
	struct app *a = h->app;
	struct sessions_batch *b = sessions_batch_new();
	size_t n = h->n;

	(void)status;
	for (size_t i = 0; i < n; i++) {
		add_event(a, b, &h->events[i]);
		hook_release(&h->events[i]);
	}
	free(h->events);
	h->events = NULL;
	h->n = 0;
	if (n != 0 && !a->closed) {
		live_submit(a, b, on_written, h);
		return;
	}
	sessions_batch_free(b);
	h->busy = false;
	if (h->again)
		take(h);
}

static void
take(struct hooks *h)
{
	if (h->app->closed || h->paused || h->spool == NULL)
		return;
	h->again = h->busy;
	if (h->busy)
		return;
	h->busy = true;
	h->work.data = h;
	uv_queue_work(h->app->loop, &h->work, take_work, take_done);
}

static void
on_timer(uv_timer_t *t)
{
	take(t->data);
}

void
hooks_notice(struct http_req *r, void *arg)
{
	struct app *a = arg;

	http_reply(r, 204, NULL, NULL, 0);
	if (a->hooks != NULL)
		take(a->hooks);
}

void
hooks_open(struct app *a)
{
	struct hooks *h = xcalloc(1, sizeof *h);

	a->hooks = h;
	h->app = a;
	if (a->cfg.hooks_spool != NULL) {
		h->spool = xstrdup(a->cfg.hooks_spool);
		h->taken = xasprintf("%s.taken", h->spool);
	}
	uv_timer_init(a->loop, &h->timer);
	h->timer.data = h;
	uv_timer_start(&h->timer, on_timer, 0, LOOK_MS);
}

void
hooks_pause(struct app *a, bool pause)
{
	if (a->hooks != NULL)
		a->hooks->paused = pause;
}

void
hooks_close(struct app *a)
{
	if (a->hooks != NULL)
		uv_close((uv_handle_t *)&a->hooks->timer, NULL);
}

void
hooks_free(struct app *a)
{
	if (a->hooks == NULL)
		return;
	free(a->hooks->spool);
	free(a->hooks->taken);
	free(a->hooks);
}
