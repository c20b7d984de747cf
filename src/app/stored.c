/* What the daemon puts on record in its store, and what it reads there. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "app/app_priv.h"
#include "app/jobs.h"
#include "app/jobs_priv.h"
#include "app/streams_priv.h"
#include "app/talks.h"
#include "base/clock.h"
#include "base/log.h"
#include "proto/json.h"
#include "store/panes.h"

enum { CLOSE_MS = 2000, OPEN_TRIES = 100, OPEN_MS = 20 };

static struct store_run
run_of(const struct app *a)
{
	return (struct store_run){a->cfg.daemon_started_ms, a->cfg.daemon_pid, PACKAGE_VERSION};
}

static bool
is_lost(struct app *a, const struct store_status *st)
{
	return st->state == STORE_FULL || st->state == STORE_DISABLED ||
	       (a->jobs != NULL && a->jobs->runner != NULL && runner_unread(a->jobs->runner));
}

bool
stored_is_full(struct app *a)
{
	struct store_status st;

	store_status(a->store, &st);
	store_status_release(&st);
	return is_lost(a, &st);
}

/* The record of jobs is not read before there is a store. */
void
stored_refuse_waiting(struct app *a)
{
	if (a->jobs == NULL || a->jobs->runner == NULL /* it has stopped */ ||
	    runner_ready(a->jobs->runner) || !stored_is_full(a))
		return;
	jobs_refuse_asked(a);
	talks_ready(a);
	streams_go_on(a);
}

static void
on_stored(uv_async_t *h)
{
	struct app *a = h->data;

	store_collect(a->store);
	stored_refuse_waiting(a);
}

static void
notify(void *arg)
{
	uv_async_send(&((struct app *)arg)->stored);
}

static void
on_lost(int rc, const struct store_lost *lost, void *arg)
{
	struct app *a = arg;

	if (rc != 0 || lost->count == 0)
		return;
	a->lost_panes = lost->count;
	log_warn("app", "the daemon before this one was cut short: %zu panes ended with it",
	    lost->count);
	for (size_t i = 0; i < lost->n; i++)
		log_warn("app", "ended: %s %s%s%s", lost->panes[i].id,
		    lost->panes[i].name != NULL ? lost->panes[i].name : "",
		    lost->panes[i].name != NULL ? " " : "", lost->panes[i].command);
}

int
stored_open(struct app *a, char **cause)
{
	struct store_config cfg = {.dir = a->state_dir, .notify = notify, .arg = a};
	struct store_run run = run_of(a);
	int rc;

	uv_async_init(a->loop, &a->stored, on_stored);
	a->stored.data = a;
	if ((rc = store_open(&cfg, &a->store, cause)) != 0)
		return rc;
	if (a->cfg.first)
		store_run_begin(a->store, &run, on_lost, a);
	else
		store_run_continue(a->store, &run, NULL, NULL);
	return 0;
}

void
stored_close(struct app *a)
{
	struct store_run run = run_of(a);

	a->store_closing = true;
	if (a->store_users != 0)
		return;
	if (a->store != NULL) {
		store_run_end(a->store, &run, clock_wall_ms(), NULL, NULL);
		store_close(a->store, CLOSE_MS);
		a->store = NULL;
	}
	uv_close((uv_handle_t *)&a->stored, NULL);
}

int
stored_reader(struct app *a, sqlite3 **db)
{
	int rc = store_reader_open(a->store, db, NULL);

	for (int i = 0; i < OPEN_TRIES && rc == -EAGAIN; i++) {
		usleep(OPEN_MS * 1000);
		rc = store_reader_open(a->store, db, NULL);
	}
	return rc;
}

void
stored_use(struct app *a)
{
	a->store_users++;
}

void
stored_unuse(struct app *a)
{
	if (--a->store_users == 0 && a->store_closing)
		stored_close(a);
}

bool
stored_refuses(struct app *a, struct http_req *r)
{
	struct store_status st;
	bool lost;

	store_status(a->store, &st);
	lost = is_lost(a, &st);
	if (lost)
		http_reply_error(r, 503, "store_unavailable", "%s",
		    st.cause != NULL ? st.cause : "nothing can be written, or read");
	store_status_release(&st);
	return lost;
}

bool
stored_idle(struct app *a)
{
	struct store_status st;
	bool idle;

	store_status(a->store, &st);
	idle = st.ops == 0 || st.state != STORE_READY;
	store_status_release(&st);
	return idle;
}

void
stored_started(struct entry *e)
{
	struct store_run run = run_of(e->app);
	char *command = json_print_take(json_texts(pane_argv(e->pane)));
	struct store_pane pane = {
	    .id = pane_id(e->pane),
	    .name = pane_name(e->pane),
	    .command = command,
	    .cwd = pane_birth_cwd(e->pane),
	    .pid = pane_pid(e->pane),
	    .started_ms = pane_created(e->pane),
	};

	store_pane_started(e->app->store, &run, &pane, NULL, NULL);
	free(command);
}

void
stored_ended(struct entry *e)
{
	struct store_run run = run_of(e->app);

	store_pane_ended(e->app->store, &run, pane_id(e->pane), pane_last_activity(e->pane),
	    pane_exit_status(e->pane), NULL, NULL);
}
