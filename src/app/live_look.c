/*
 * What transcripts do not say: which pane a session is in, that its process has ended, and that
 * its screen asks for a permission.
 *
 * Processes are looked at on the pool, and only while there is a session that needs it: one without
 * a pane that is being written, or one in a pane that is not over.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "agent/agent.h"
#include "agent/program.h"
#include "agent/screen.h"
#include "app/app_priv.h"
#include "app/live.h"
#include "app/live_priv.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "os/os.h"
#include "pane/record.h"
#include "store/sessions_live.h"

enum {
	TICK_MS = 1000,
	LINK_MS = 5 * 60 * 1000,    /* a session is linked while it was written in this time */
	QUIET_US = 3 * 1000 * 1000, /* nothing was written: then screens and ends count */
	LOOK_US = 1000 * 1000,      /* the first look, then at twice the time, up to */
	LOOK_MAX_US = 32 * 1000 * 1000,
	SEEN_US = 3 * 1000 * 1000, /* and for one that is in a pane */
	PROCESSES_MAX = 65536,
	DEPTH_MAX = 64,
	ARGS_SIZE = 4096,
};

/* A process that is an agent's, and not started by the same agent. */
struct running {
	const struct os_process *p;
	const char *agent;
	char *cwd;
	int pane; /* index of the one it runs in; -1: none */
};

/* A session that is looked for. */
struct wanted {
	int64_t id, started_ms;
	char *agent, *cwd;
	int pane;         /* the one that it is in; -1: it has none */
	int found;        /* the pane that it is to have; -1: none */
	int64_t process;  /* id of the agent's process in its pane; 0: there is none */
	bool gone;        /* the one that was seen runs no more, and no other does */
	int64_t expected; /* that process; 0: none was seen */
};

struct place {
	char *id;
	pid_t pid;
};

struct look {
	uv_work_t work;
	struct live *live;
	struct place *panes;
	size_t npanes;
	struct wanted *wanted;
	size_t nwanted;
	bool unlinked;                /* some have no pane */
	struct os_process *processes; /* by id */
	size_t nprocesses;
	struct running *running;
	size_t nrunning;
	int rc;
};

static void
look_free(struct look *k)
{
	for (size_t i = 0; i < k->npanes; i++)
		free(k->panes[i].id);
	for (size_t i = 0; i < k->nwanted; i++) {
		free(k->wanted[i].agent);
		free(k->wanted[i].cwd);
	}
	for (size_t i = 0; i < k->nrunning; i++)
		free(k->running[i].cwd);
	free(k->panes);
	free(k->wanted);
	free(k->processes);
	free(k->running);
	free(k);
}

/* On the pool. */

static bool
add_process(void *arg, const struct os_process *p)
{
	struct look *k = arg;

	if (k->nprocesses % 256 == 0)
		k->processes =
		    xreallocarray(k->processes, k->nprocesses + 256, sizeof *k->processes);
	k->processes[k->nprocesses++] = *p;
	return k->nprocesses < PROCESSES_MAX;
}

static int
by_pid(const void *a, const void *b)
{
	pid_t x = ((const struct os_process *)a)->pid, y = ((const struct os_process *)b)->pid;

	return (x > y) - (x < y);
}

static const struct os_process *
find_process(const struct look *k, pid_t pid)
{
	struct os_process key = {.pid = pid};

	return k->nprocesses != 0
		   ? bsearch(&key, k->processes, k->nprocesses, sizeof key, by_pid)
		   : NULL;
}

static const char *
agent_of(pid_t pid)
{
	char args[ARGS_SIZE];
	ssize_t n = os_process_args(pid, args, sizeof args);

	return n > 0 ? agent_of_program(args, (size_t)n) : NULL;
}

static bool
is_wanted(const struct look *k, const char *agent)
{
	for (size_t i = 0; i < k->nwanted; i++) {
		if (strcmp(k->wanted[i].agent, agent) == 0)
			return true;
	}
	return false;
}

/* Whether it was not started by the same agent, whose work it does then; and in which pane it is. */
static bool
place(const struct look *k, struct running *r)
{
	const struct os_process *p = r->p;

	r->pane = -1;
	for (unsigned depth = 0; p != NULL && depth < DEPTH_MAX; depth++) {
		const char *agent = p != r->p ? agent_of(p->pid) : NULL;

		if (agent != NULL && strcmp(agent, r->agent) == 0)
			return false;
		for (size_t i = 0; r->pane < 0 && i < k->npanes; i++) {
			if (k->panes[i].pid == p->pid)
				r->pane = (int)i;
		}
		if (r->pane >= 0)
			return true;
		p = find_process(k, p->parent);
	}
	return true;
}

static void
find_running(struct look *k)
{
	char cwd[PATH_MAX];

	for (size_t i = 0; i < k->nprocesses; i++) {
		struct running r = {
		    .p = &k->processes[i], .agent = agent_of(k->processes[i].pid)};

		if (r.agent == NULL || !is_wanted(k, r.agent) ||
		    os_process_cwd(r.p->pid, cwd, sizeof cwd) != 0 || !place(k, &r))
			continue;
		r.cwd = xstrdup(cwd);
		k->running = xreallocarray(k->running, k->nrunning + 1, sizeof r);
		k->running[k->nrunning++] = r;
	}
}

/* A session says its directory as it was told, the system without symbolic links. */
static bool
is_there(const struct running *r, const struct wanted *w)
{
	char *real;
	bool same;

	if (strcmp(r->agent, w->agent) != 0)
		return false;
	if (strcmp(r->cwd, w->cwd) == 0)
		return true;
	real = realpath(w->cwd, NULL);
	same = real != NULL && strcmp(r->cwd, real) == 0;
	free(real);
	return same;
}

/* Certain is: of all processes of this agent one runs in this directory, it does so in a pane,
 * and one session without a pane began there since. */
static void
find_pane(struct look *k, struct wanted *w, sqlite3 *db)
{
	const struct running *only = NULL;
	int64_t n;

	for (size_t i = 0; i < k->nrunning; i++) {
		if (!is_there(&k->running[i], w))
			continue;
		if (only != NULL)
			return;
		only = &k->running[i];
	}
	if (only == NULL || only->pane < 0 || only->p->started_ms > w->started_ms ||
	    sessions_live_unlinked(db, w->agent, w->cwd, only->p->started_ms, &n) != 0 ||
	    n != 1)
		return;
	w->found = only->pane;
	w->process = only->p->pid;
}

static void
find_own(const struct look *k, struct wanted *w)
{
	for (size_t i = 0; i < k->nrunning; i++) {
		if (k->running[i].pane == w->pane && strcmp(k->running[i].agent, w->agent) == 0)
			w->process = k->running[i].p->pid;
	}
	/* A wrapper may have left its work to another process. */
	w->gone =
	    w->process == 0 && w->expected != 0 && find_process(k, (pid_t)w->expected) == NULL;
}

static void
look_work(uv_work_t *work)
{
	struct look *k = work->data;
	sqlite3 *db = NULL;

	k->rc = os_process_each(add_process, k);
	if (k->rc == 0 && k->unlinked)
		k->rc = store_reader_open(k->live->app->store, &db, NULL);
	if (k->rc != 0)
		return;
	if (k->nprocesses != 0)
		qsort(k->processes, k->nprocesses, sizeof *k->processes, by_pid);
	find_running(k);
	for (size_t i = 0; i < k->nwanted; i++) {
		if (k->wanted[i].pane < 0)
			find_pane(k, &k->wanted[i], db);
		else
			find_own(k, &k->wanted[i]);
	}
	sqlite3_close(db);
}

/* What becomes of it. */

static void
link_pane(struct live *l, struct live_session *s, const char *pane)
{
	struct sessions_batch *b = sessions_batch_new();

	log_info("sessions", "session %lld of %s runs in pane %s", (long long)s->id, s->b.agent,
	    pane);
	sessions_add_session(b, &(struct sessions_session){
				    .agent = s->b.agent, .native = s->b.native, .pane = pane});
	live_submit(l->app, b, NULL, NULL);
}

static void
took_one(struct live *l, struct look *k, const struct wanted *w)
{
	struct live_session *s = live_find(l, w->id);

	if (s == NULL)
		return;
	if (w->pane < 0) {
		if (w->found >= 0 && s->b.pane == NULL) {
			s->process = w->process;
			link_pane(l, s, k->panes[w->found].id);
		}
		return;
	}
	if (w->gone && s->gone_us == 0)
		s->gone_us = clock_mono_us();
	if (w->gone || w->process == 0)
		return;
	s->process = w->process;
	s->gone_us = 0;
	if (s->restored || s->left) {
		s->restored = s->left = false;
		live_took(l, s);
	}
}

static void
look_done(uv_work_t *work, int status)
{
	struct look *k = work->data;
	struct live *l = k->live;

	(void)status;
	stored_unuse(l->app);
	l->look = NULL;
	for (size_t i = 0; k->rc == 0 && !l->closed && i < k->nwanted; i++)
		took_one(l, k, &k->wanted[i]);
	look_free(k);
	live_release(l);
}

static void
add_places(struct look *k)
{
	const struct entry *e;

	DL_FOREACH (k->live->app->entries, e) {
		if (!e->listed || pane_state(e->pane) != PANE_RUNNING || pane_pid(e->pane) <= 0)
			continue;
		k->panes = xreallocarray(k->panes, k->npanes + 1, sizeof *k->panes);
		k->panes[k->npanes++] =
		    (struct place){xstrdup(pane_id(e->pane)), pane_pid(e->pane)};
	}
}

static int
place_of(const struct look *k, const char *pane)
{
	for (size_t i = 0; i < k->npanes; i++) {
		if (strcmp(k->panes[i].id, pane) == 0)
			return (int)i;
	}
	return -1;
}

static void
want(struct look *k, const struct live_session *s, int pane)
{
	k->wanted = xreallocarray(k->wanted, k->nwanted + 1, sizeof *k->wanted);
	k->wanted[k->nwanted++] = (struct wanted){.id = s->id,
	    .started_ms = s->b.started_ms,
	    .agent = xstrdup(s->b.agent),
	    .cwd = xstrdup(s->b.cwd != NULL ? s->b.cwd : ""),
	    .pane = pane,
	    .found = -1,
	    .expected = s->process};
}

static bool
may_be_linked(const struct live_session *s, int64_t now_ms)
{
	return s->b.pane == NULL && !s->b.sub && !live_over(&s->b) && s->b.cwd != NULL &&
	       s->b.started_ms != 0 && s->b.updated_ms >= now_ms - LINK_MS;
}

static void
look(struct live *l)
{
	struct look *k = xcalloc(1, sizeof *k);
	uint64_t now_us = clock_mono_us();
	int64_t now_ms = clock_wall_ms();
	struct live_session *s;
	int pane;

	k->live = l;
	k->work.data = k;
	add_places(k);
	for (s = l->sessions; s != NULL; s = s->hh.next) {
		if (now_us < s->look_us)
			continue;
		if (may_be_linked(s, now_ms)) {
			want(k, s, -1);
			k->unlinked = true;
			s->look_after_us =
			    s->look_after_us == 0 ? LOOK_US : s->look_after_us * 2;
			if (s->look_after_us > LOOK_MAX_US)
				s->look_after_us = LOOK_MAX_US;
			s->look_us = now_us + s->look_after_us;
		} else if (s->b.pane != NULL && !s->b.sub && !live_over(&s->b) &&
			   (pane = place_of(k, s->b.pane)) >= 0) {
			want(k, s, pane);
			s->look_us = now_us + SEEN_US;
		}
	}
	if (k->nwanted == 0 || k->npanes == 0) {
		look_free(k);
		return;
	}
	l->look = k;
	stored_use(l->app);
	uv_queue_work(l->app->loop, &k->work, look_work, look_done);
}

/* Screens and ends. */

static bool
screen_asks(const struct live_session *s, struct entry *e)
{
	struct record_view v;
	struct buf b;
	bool asks;

	buf_init(&b, BUF_NO_MAX);
	record_view(pane_record(e->pane), 0, false, false, &v);
	for (size_t i = 0; i < v.screen.used; i++) {
		buf_append(&b, v.screen.text + v.screen.lines[i].text, v.screen.lines[i].len);
		buf_putc(&b, '\n');
	}
	record_view_release(&v);
	asks = b.len != 0 && agent_screen_asks(s->b.agent, b.data, b.len);
	buf_release(&b);
	return asks;
}

/* The state by the screen holds until the screen has another, or the transcript goes on. */
static void
check_screen(struct live *l, struct live_session *s, struct entry *e)
{
	uint64_t offset = ring_end(pane_ring(e->pane));
	bool asked = s->asks && s->b.state == AGENT_WAITS_PERMISSION, asks;

	if (!asked && s->b.state != AGENT_WORKING)
		return;
	if (offset == s->screen_offset)
		return;
	s->screen_offset = offset;
	asks = s->asks = screen_asks(s, e);
	if (asks == asked)
		return;
	live_set_state(l, &s->b, asks ? AGENT_WAITS_PERMISSION : AGENT_WORKING, "by its screen",
	    clock_wall_ms());
}

/* Its last lines may still have to be read. */
static void
check_end(struct live *l, struct live_session *s, const struct entry *e, uint64_t now_us)
{
	if (e != NULL && pane_state(e->pane) == PANE_EXITED && s->gone_us == 0 &&
	    (pane_is_remote(e->pane) || s->b.updated_ms >= pane_created(e->pane)))
		s->gone_us = now_us;
	if (s->gone_us == 0 || now_us - s->gone_us < QUIET_US)
		return;
	s->gone_us = 0;
	s->process = 0;
	s->left = true;
	live_set_state(l, &s->b,
	    s->b.state == AGENT_WORKING || s->b.state == AGENT_WAITS_PERMISSION ? AGENT_DEAD
										: AGENT_DONE,
	    "its process has ended", clock_wall_ms());
}

static void
on_tick(uv_timer_t *t)
{
	struct live *l = t->data;
	uint64_t now_us = clock_mono_us();
	struct live_session *s, *next;
	struct telling *told;
	bool idle;

	live_sweep(l);
	HASH_ITER (hh, l->sessions, s, next) {
		struct entry *e = NULL;

		if (s->b.pane == NULL || s->b.sub || live_over(&s->b) ||
		    now_us - s->written_us < QUIET_US)
			continue;
		e = live_entry(l, s->b.pane);
		if (e != NULL && pane_state(e->pane) == PANE_RUNNING && !s->restored)
			check_screen(l, s, e);
		check_end(l, s, e, now_us);
	}
	if (l->look == NULL)
		look(l);
	idle = l->sessions == NULL && l->look == NULL;
	for (told = l->tellings; told != NULL; told = told->hh.next)
		idle &= told->listeners != 0;
	if (idle)
		uv_timer_stop(&l->tick);
}

void
live_look_start(struct live *l)
{
	if (!l->closed && !uv_is_active((uv_handle_t *)&l->tick))
		uv_timer_start(&l->tick, on_tick, TICK_MS, TICK_MS);
}

void
live_look_close(struct live *l)
{
	uv_timer_stop(&l->tick);
	if (l->look != NULL)
		uv_cancel((uv_req_t *)&l->look->work);
}
