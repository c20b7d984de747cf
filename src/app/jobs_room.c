/*
 * What jobs have written takes no more than jobs_bytes on the disk.
 *
 * Behind what is written the files are measured, on the pool and at most every LOOK_MS. Beyond the
 * bound the output of jobs that have ended goes, oldest first by number; their records stay, and say
 * so. Where what lives has too much by itself, the one that has most of it is ended, as one that
 * wrote more than its own limit.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/jobs_priv.h"
#include "app/streams_priv.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "job/spool.h"

enum { LOOK_MS = 2000, GO_MAX = 1000 };

struct measure {
	uv_work_t work;
	struct app *app;
	char *dir;
	struct spool_use *uses; /* by number */
	size_t n;
	int rc;
};

static void
on_measure(uv_work_t *work)
{
	struct measure *m = work->data;

	m->rc = spool_measure(m->dir, &m->uses, &m->n);
}

/* Those whose files go. */
struct going {
	struct app *app;
	uint64_t *ids;
	size_t n;
	bool more; /* there is yet too much */
};

static void
on_marked(int rc, void *arg)
{
	struct going *g = arg;
	struct app *a = g->app;

	/* Without room there is none for the mark, either. */
	if (rc != 0)
		log_warn("job", "that output is removed is not on record: %s", strerror(-rc));
	if (a->jobs != NULL && a->jobs->runner != NULL) {
		log_info("job", "the output of %zu has been removed: jobs_bytes", g->n);
		jobs_unlink(a, g->ids, g->n);
		if (g->more)
			jobs_wrote(a);
	} else {
		free(g->ids);
	}
	free(g);
}

static bool
lives(struct app *a, uint64_t job)
{
	return runner_find(a->jobs->runner, job) != NULL || stream_find(a, job) != NULL ||
	       streams_find(a, job) != NULL;
}

static void
end_largest(struct app *a, const struct measure *m)
{
	const struct spool_use *most = NULL;
	struct job_stream *s;
	struct job *j;
	char *why;

	for (size_t i = 0; i < m->n; i++)
		if (lives(a, m->uses[i].job) &&
		    (most == NULL || m->uses[i].bytes > most->bytes))
			most = &m->uses[i];
	if (most == NULL)
		return;
	why = xasprintf("jobs that run wrote more than %" PRIu64
			" bytes (jobs_bytes), and it the most of them",
	    a->cfg.limits.jobs_bytes);
	if ((j = runner_find(a->jobs->runner, most->job)) != NULL) {
		job_wrote_too_much(j, why);
		return;
	}
	if ((s = stream_find(a, most->job)) != NULL)
		stream_end(s, JOB_FAILED, why, -1);
	free(why);
}

static void
make_room(struct app *a, const struct measure *m, uint64_t total)
{
	uint64_t max = a->cfg.limits.jobs_bytes;
	struct going *g = xcalloc(1, sizeof *g);

	g->app = a;
	g->ids = xcalloc(GO_MAX, sizeof *g->ids);
	for (size_t i = 0; i < m->n && total > max && g->n < GO_MAX; i++) {
		if (m->uses[i].bytes == 0 || lives(a, m->uses[i].job))
			continue;
		g->ids[g->n++] = m->uses[i].job;
		total -= m->uses[i].bytes;
	}
	if (total > max && g->n < GO_MAX)
		end_largest(a, m);
	g->more = total > max;
	if (g->n != 0) {
		jobs_mark_removed(a->store, g->ids, g->n, on_marked, g);
		return;
	}
	if (total > max)
		jobs_wrote(a); /* until what was ended is gone */
	free(g->ids);
	free(g);
}

static void
on_measured(uv_work_t *work, int status)
{
	struct measure *m = work->data;
	struct app *a = m->app;
	uint64_t total = 0;

	(void)status;
	a->jobs->measuring = false;
	if (a->jobs->runner != NULL) {
		for (size_t i = 0; i < m->n; i++)
			total += m->uses[i].bytes;
		if (total > a->cfg.limits.jobs_bytes)
			make_room(a, m, total);
		if (a->jobs->wrote)
			jobs_wrote(a);
	}
	stored_unuse(a);
	free(m->uses);
	free(m->dir);
	free(m);
}

static void
on_look(uv_timer_t *t)
{
	struct app *a = t->data;
	struct measure *m;

	/* Which streams live is not known before. */
	if (a->job_streams == NULL || !a->job_streams->ready) {
		uv_timer_start(t, on_look, LOOK_MS, 0);
		return;
	}
	m = xcalloc(1, sizeof *m);
	m->work.data = m;
	m->app = a;
	m->dir = xstrdup(a->jobs->dir);
	a->jobs->measuring = true;
	a->jobs->wrote = false;
	stored_use(a);
	uv_queue_work(a->loop, &m->work, on_measure, on_measured);
}

void
jobs_wrote(struct app *a)
{
	uv_handle_t *h = (uv_handle_t *)&a->jobs->room;

	a->jobs->wrote = true;
	if (!a->jobs->measuring && !uv_is_closing(h) && !uv_is_active(h))
		uv_timer_start(&a->jobs->room, on_look, LOOK_MS, 0);
}
