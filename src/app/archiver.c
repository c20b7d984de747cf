#include "config.h"

#include "app/archiver.h"

#include <errno.h>
#include <stdlib.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/app_priv.h"
#include "base/clock.h"
#include "base/log.h"
#include "pane/record.h"
#include "proto/json.h"
#include "store/archive.h"

enum {
	BATCH_LINES = 1000,
	SWEEP_MS = 2000,
	CLOSE_MS = 2000,
};

#define DAY_MS (86400ll * 1000)

/* Whether lines were taken; what is refused is for the next notify to try again. */
static bool
taken(struct app *a, int rc)
{
	if (rc == -ENOSPC || rc == -EAGAIN)
		a->archive_refused = true;
	return rc == 0;
}

static const struct archive_run *
run_of(const struct entry *e)
{
	return e->archive_run.started_ms != 0 ? &e->archive_run : NULL;
}

/* False while it is not known where to go on. */
static bool
find_place(struct entry *e)
{
	struct app *a = e->app;

	if (!e->archive_known)
		e->archive_known = taken(a,
		    archive_last_line(a->archive, run_of(e), pane_id(e->pane), &e->archived));
	return e->archive_known;
}

struct archive_run
archiver_run(const struct entry *e)
{
	const struct app_config *cfg = &e->app->cfg;

	return run_of(e) != NULL
		   ? e->archive_run
		   : (struct archive_run){cfg->daemon_started_ms, cfg->daemon_pid};
}

/* Returns whether everything that has left the screen has been taken. */
static bool
put_history(struct entry *e)
{
	struct record *r = pane_record(e->pane);
	struct history_view v;
	int rc;

	if (!find_place(e))
		return false;
	if (record_history_last(r) <= e->archived)
		return true;
	record_history(r, e->archived + 1, &v);
	rc = archive_put(
	    e->app->archive, run_of(e), pane_id(e->pane), &v, record_styles(r), &e->archived);
	history_view_release(&v);
	return taken(e->app, rc);
}

static bool
put_screen(struct entry *e)
{
	struct record *r = pane_record(e->pane);
	struct record_view v;
	int rc = 0;

	record_view(r, 1, true, false, &v);
	for (size_t i = 0; rc == 0 && i < v.screen.used; i++) {
		const struct term_text_line *l = &v.screen.lines[i];
		struct archive_line line = {.number = v.first_line + i,
		    .text = v.screen.text + l->text,
		    .len = l->len,
		    .runs = v.screen.runs + l->run,
		    .nruns = l->nruns,
		    .time_ms = pane_last_activity(e->pane),
		    .offset = ring_end(pane_ring(e->pane))};

		if (line.number <= e->archived)
			continue;
		rc = archive_put_line(
		    e->app->archive, run_of(e), pane_id(e->pane), &line, record_styles(r));
		if (rc == 0)
			e->archived = line.number;
	}
	record_view_release(&v);
	return taken(e->app, rc);
}

static bool
is_kept(const struct entry *e)
{
	return e->app->archive != NULL && e->begun && !pane_unarchived(e->pane);
}

void
archiver_output(struct entry *e)
{
	uint64_t batch = e->app->cfg.limits.record.lines / 2;

	if (!is_kept(e) || e->app->archive_refused)
		return;
	if (batch > BATCH_LINES)
		batch = BATCH_LINES;
	if (record_history_last(pane_record(e->pane)) >= e->archived + batch)
		put_history(e);
}

void
archiver_ended(struct entry *e)
{
	if (!is_kept(e) || e->archive_done || !put_history(e) || !put_screen(e))
		return;
	archive_end(e->app->archive, run_of(e), pane_id(e->pane));
	e->archive_done = true;
}

void
archiver_leave(struct entry *e)
{
	if (is_kept(e) && !e->archive_done)
		put_history(e);
	e->archive_done = true;
}

bool
archiver_has_all(struct entry *e)
{
	struct archive_status st;
	bool ready;

	if (!is_kept(e) || e->archive_done || e->app->closed)
		return true;
	archiver_ended(e);
	archive_status(e->app->archive, &st);
	ready = st.state == ARCHIVE_READY || st.state == ARCHIVE_OPENING;
	archive_status_release(&st);
	return e->archive_done || !ready;
}

void
archiver_gone(struct entry *e)
{
	if (pane_state(e->pane) == PANE_EXITED)
		archiver_ended(e);
}

static void
put_all(struct app *a)
{
	struct entry *e;

	a->archive_refused = false;
	DL_FOREACH (a->entries, e) {
		if (a->archive_refused)
			return;
		if (!is_kept(e))
			continue;
		if (pane_state(e->pane) == PANE_EXITED)
			archiver_ended(e);
		else
			put_history(e);
	}
}

static void
on_sweep(uv_timer_t *t)
{
	put_all(t->data);
	registry_sweep(t->data);
}

static void
on_notify(uv_async_t *h)
{
	struct app *a = h->data;

	archive_collect(a->archive, NULL, NULL);
	put_all(a);
}

static void
notify(void *arg)
{
	uv_async_send(&((struct app *)arg)->archive_notice);
}

int
archiver_open(struct app *a, char **cause)
{
	const struct app_limits *l = &a->cfg.limits;
	struct archive_config cfg = {
	    .dir = a->state_dir,
	    .run = {a->cfg.daemon_started_ms, a->cfg.daemon_pid},
	    .notify = notify,
	    .arg = a,
	    .max_bytes = l->archive_bytes,
	    .max_age_ms = (int64_t)l->archive_days * DAY_MS,
	};

	if (!l->archive)
		return 0;
	uv_async_init(a->loop, &a->archive_notice, on_notify);
	uv_timer_init(a->loop, &a->archive_sweep);
	a->archive_notice.data = a->archive_sweep.data = a;
	uv_timer_start(&a->archive_sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	return archive_open(&cfg, &a->archive, cause);
}

void
archiver_use(struct app *a)
{
	a->archive_users++;
}

void
archiver_unuse(struct app *a)
{
	if (--a->archive_users == 0 && a->archive_closing)
		archiver_close(a);
}

void
archiver_close(struct app *a)
{
	if (!a->cfg.limits.archive)
		return;
	a->archive_closing = true;
	if (a->archive_users != 0)
		return;
	if (a->archive != NULL)
		archive_close(a->archive, CLOSE_MS);
	a->archive = NULL;
	uv_close((uv_handle_t *)&a->archive_notice, NULL);
	uv_close((uv_handle_t *)&a->archive_sweep, NULL);
}

bool
archiver_flushed(struct app *a)
{
	struct archive_status st;
	bool done;

	if (a->archive == NULL)
		return true;
	put_all(a);
	archive_flush(a->archive, NULL);
	archive_status(a->archive, &st);
	done = st.queued == 0 || st.state != ARCHIVE_READY;
	archive_status_release(&st);
	return done;
}

cJSON *
archiver_json(struct app *a)
{
	cJSON *o = json_object();
	struct archive_status st;
	char iso[CLOCK_ISO_LEN];

	archive_status(a->archive, &st);
	clock_iso(st.oldest_ms, iso);
	cJSON_AddStringToObject(o, "state", archive_state_name(st.state));
	json_add_text(o, "cause", st.cause);
	cJSON_AddNumberToObject(o, "bytes", (double)st.bytes);
	cJSON_AddNumberToObject(o, "records", (double)st.records);
	json_add_text(o, "oldest", st.oldest_ms != 0 ? iso : NULL);
	cJSON_AddNumberToObject(o, "lines_missing", (double)st.dropped);
	cJSON_AddNumberToObject(o, "damaged", (double)st.damaged);
	archive_status_release(&st);
	return o;
}
