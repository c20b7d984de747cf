/*
 * The daemon as a worker under its keeper: what it is told, and what it tells.
 *
 * Panes and jobs are restored as they are named, before anything is read or accepted; GO starts
 * both. An upgrade's other side is YIELD: nothing is read any more, viewers are asked to come
 * again, and when what they and the panes' programs were promised has gone out, the next worker
 * may have the panes.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utlist.h>

#include "app/app_priv.h"
#include "app/agents.h"
#include "app/hooks.h"
#include "app/jobs.h"
#include "app/archiver.h"
#include "app/late.h"
#include "app/live.h"
#include "app/mux.h"
#include "app/spawner.h"
#include "app/streams.h"
#include "app/watch.h"
#include "base/log.h"
#include "base/xmalloc.h"

enum {
	YIELD_MS = 1000, /* most time to get rid of what is owed */
	YIELD_TURN_MS = 5,
	SERVICE_RESTART = 1012, /* close code: come again */
};

static struct entry *
by_number(struct app *a, uint64_t number)
{
	struct entry *e;

	DL_FOREACH (a->entries, e) {
		if (e->number == number)
			return e;
	}
	return NULL;
}

/* Telling. */

void
worker_born(struct entry *e)
{
	struct app *a = e->app;

	if (a->keep == NULL)
		return;
	e->kept = true;
	keep_say_born(
	    a->keep, e->number, pane_pid(e->pane), pane_memory(e->pane), pane_master(e->pane));
	if (a->spawner != NULL)
		spawner_born(a->spawner, e->number);
}

void
worker_reaped(struct entry *e, int wait_status)
{
	if (e->kept)
		keep_say_pane(e->app->keep, KEEP_REAPED, e->number, wait_status);
}

void
worker_drained(struct entry *e)
{
	if (e->kept)
		keep_say_pane(e->app->keep, KEEP_DRAINED, e->number, 0);
}

void
worker_gone(struct entry *e)
{
	if (e->kept)
		keep_say_pane(e->app->keep, KEEP_GONE, e->number, 0);
	e->kept = false;
}

/* Restoring. */

static void
restore(struct app *a, const struct keep_message *m, int fds[], unsigned nfds)
{
	bool remote = (m->pane & KEEP_REMOTE) != 0;
	char *id = remote ? NULL : xasprintf("p%llu", (unsigned long long)m->pane);
	char *warning = NULL;
	struct entry *e = registry_add(a, NULL);
	struct pane_found found = {
	    .id = id,
	    .remote = remote ? &mux_remote : NULL,
	    .memory = fds[0],
	    .master = nfds > 1 ? fds[1] : -1,
	    .pid = m->pid,
	    .reaped = (m->flags & KEEP_ENDED) != 0,
	    .wait_status = m->status,
	    .crashes = m->count,
	    .record = &a->cfg.limits.record,
	    .ring_size = a->cfg.limits.ring_size,
	};
	bool fresh;
	int rc;

	fds[0] = fds[1] = -1;
	keep_say_pane(a->keep, KEEP_TRY, m->pane, 0);
	rc = pane_restore(a->loop, &found, &app_pane_callbacks, e, &e->pane, &fresh, &warning);
	if (warning != NULL)
		log_warn("app", "pane %s was not restored whole: %s",
		    id != NULL ? id : "of tmux", warning);
	if (rc != 0) {
		log_error(
		    "app", "pane %s is lost: %s", id != NULL ? id : "of tmux", strerror(-rc));
		keep_say_pane(a->keep, KEEP_GONE, m->pane, 0);
		registry_remove(e);
	} else {
		e->number = m->pane;
		e->kept = e->begun = e->listed = true;
		e->remove = pane_removed(e->pane);
		a->restored++;
		if (remote)
			e->archive_run = mux_origin_run(pane_origin(e->pane));
		if (remote && a->remote_number < (m->pane & ~KEEP_REMOTE))
			a->remote_number = m->pane & ~KEEP_REMOTE;
		if (fresh)
			worker_born(e);
		/* The worker before may have died with this unwritten. */
		stored_started(e);
		watches_pane(e);
		if (pane_state(e->pane) == PANE_EXITED)
			stored_ended(e);
	}
	free(warning);
	free(id);
}

static void
go(struct app *a)
{
	struct entry *e, *next;

	a->going = true;
	/* The worker before may have given some out, or ended some, while this one began. */
	tokens_reload(a);
	server_accept(a->server, true);
	mux_open(a);
	agents_open(a);
	hooks_open(a);
	jobs_start(a);
	late_start(a);
	DL_FOREACH_SAFE (a->entries, e, next) {
		pane_pause(e->pane, false);
		/* Its SIGKILL was to come from the worker before. */
		if (e->remove && pane_state(e->pane) != PANE_EXITED && !pane_is_remote(e->pane))
			pane_end(e->pane);
	}
	registry_sweep(a);
	if (a->restored != 0)
		log_info("app", "%u panes go on", a->restored);
	if (a->cfg.started != NULL)
		a->cfg.started(a->cfg.arg);
}

/* Yielding. */

static bool
owes_nothing(struct app *a)
{
	const struct entry *e;

	DL_FOREACH (a->entries, e) {
		if (pane_input_pending(e->pane) != 0)
			return false;
	}
	return a->viewer_count == 0 && a->saves == NULL && keep_sent(a->keep) && jobs_idle(a) &&
	       streams_idle(a) && stored_idle(a) && archiver_flushed(a);
}

static void
on_yield_turn(uv_timer_t *t)
{
	struct app *a = t->data;

	if (!owes_nothing(a) && uv_now(a->loop) < a->yield_until)
		return;
	uv_timer_stop(t);
	keep_say(a->keep, KEEP_YIELDED);
}

static void
set_paused(struct app *a, bool paused)
{
	struct entry *e;

	server_accept(a->server, !paused);
	mux_pause(a, paused);
	jobs_pause(a, paused);
	DL_FOREACH (a->entries, e)
		pane_pause(e->pane, paused);
}

static void
yield(struct app *a)
{
	set_paused(a, true);
	agents_close(a);
	hooks_pause(a, true);
	live_close(a);
	server_send_away(a->server, SERVICE_RESTART, "restarting");
	a->yield_until = uv_now(a->loop) + YIELD_MS;
	uv_timer_start(&a->yield, on_yield_turn, 0, YIELD_TURN_MS);
}

static void
resume(struct app *a)
{
	uv_timer_stop(&a->yield);
	set_paused(a, false);
	live_open(a);
	if (a->agents == NULL)
		agents_open(a);
	hooks_pause(a, false);
}

static void
exited(struct app *a, const struct keep_message *m)
{
	struct entry *e = by_number(a, m->pane);

	if (keep_is_helper(m->pane))
		app_reaped_helper(a, spawner_ticket(m));
	else if (keep_is_job(m->pane))
		worker_job_exited(a, m->pane, m->pid, m->status);
	else if (e != NULL && (pane_pid(e->pane) == m->pid || pane_pid(e->pane) < 0))
		pane_reaped(e->pane, m->status);
}

/* The keeper has become another build. */
static void
greeted(struct app *a, const struct keep_message *m)
{
	bool holds = keep_greeted(a->keep, m);

	keep_say_here(a->keep, a->cfg.keeper_program);
	if (a->spawner != NULL)
		spawner_greeted(a->spawner);
	if (holds)
		worker_jobs_held(a);
}

static void
found_job(struct app *a, const struct keep_message *m, int *fds, unsigned nfds)
{
	int held[KEEP_FDS];

	keep_unpack_fds(m->flags, fds, nfds, held);
	worker_job_found(a, m->pane, m->pid, (m->flags & KEEP_ENDED) != 0, m->status, held);
}

/* Nobody will tell of the end of what an earlier worker started: it has had its SIGHUP. */
static void
keeper_lost(struct app *a)
{
	struct entry *e, *next;
	siginfo_t si;

	log_error("app", "the keeper has gone: everything ends");
	app_stop(a);
	DL_FOREACH_SAFE (a->entries, e, next) {
		if (pane_state(e->pane) == PANE_RUNNING &&
		    waitid(P_PID, (id_t)pane_pid(e->pane), &si, WEXITED | WNOHANG | WNOWAIT) !=
			0)
			pane_reaped(e->pane, SIGHUP);
	}
}

/* Everything it holds goes on elsewhere: no destructor may run. */
static _Noreturn void
quit(void)
{
	log_info("app", "another worker has taken over");
	_exit(0);
}

static void
on_message(void *arg, const struct keep_packet *p, int fds[], unsigned nfds)
{
	struct app *a = arg;

	if (p == NULL) {
		keeper_lost(a);
		return;
	}
	switch (p->m.type) {
	case KEEP_HELLO:
		greeted(a, &p->m);
		break;
	case KEEP_PANE:
		if (keep_is_job(p->m.pane))
			found_job(a, &p->m, fds, nfds);
		else if (nfds != 0 && by_number(a, p->m.pane) == NULL)
			restore(a, &p->m, fds, nfds);
		break;
	case KEEP_PANES:
		keep_say(a->keep, KEEP_READY);
		break;
	case KEEP_GO:
		go(a);
		break;
	case KEEP_EXITED:
		exited(a, &p->m);
		break;
	case KEEP_YIELD:
		yield(a);
		break;
	case KEEP_RESUME:
		resume(a);
		break;
	case KEEP_QUIT:
		quit();
	case KEEP_STOP:
		app_stop(a);
		break;
	case KEEP_STATUS:
		info_keeper_answered(a, p);
		break;
	default: /* of a later version */
		break;
	}
}

void
worker_start(struct app *a)
{
	uv_timer_init(a->loop, &a->yield);
	a->yield.data = a;
	keep_start(a->keep, a->loop, on_message, a);
	if (a->cfg.harden != NULL)
		a->spawner = spawner_new(a->keep);
	keep_say_here(a->keep, a->cfg.keeper_program);
}

void
worker_stop(struct app *a)
{
	keep_say(a->keep, KEEP_STOPPED);
	keep_stop(a->keep);
	uv_close((uv_handle_t *)&a->yield, NULL);
}
