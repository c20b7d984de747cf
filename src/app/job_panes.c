#include "config.h"

#include "app/job_panes.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <uthash.h>
#include <utlist.h>

#include "app/app_priv.h"
#include "app/archiver.h"
#include "app/lookout.h"
#include "app/watch.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "job/job.h"
#include "store/jobs.h"

enum {
	COLS = 120,
	ROWS = 40,
	/* Of a history: what is older is in the archive. */
	LINES = 10000,
	BYTES = 4 * 1024 * 1024,
	ID_SIZE = 40,
};

static const char prefix[JOB_PANE_PREFIX + 1] = "\033[20h";

struct key {
	uint64_t job, channel;
};

struct job_pane {
	UT_hash_handle hh;
	struct key key;
	struct entry *entry;
	bool pty;
};

struct job_panes {
	struct job_pane *table;
	unsigned count;
	bool full; /* and that was said */
	const struct job_panes_hooks *hooks;
};

void
job_panes_open(struct app *a, const struct job_panes_hooks *hooks)
{
	if (a->job_panes == NULL)
		a->job_panes = xcalloc(1, sizeof *a->job_panes);
	a->job_panes->hooks = hooks;
}

void
job_panes_free(struct app *a)
{
	free(a->job_panes);
	a->job_panes = NULL;
}

static struct job_pane *
find(struct app *a, uint64_t job, unsigned channel)
{
	const struct key key = {job, channel};
	struct job_pane *j = NULL;

	if (a->job_panes != NULL)
		HASH_FIND(hh, a->job_panes->table, &key, sizeof key, j);
	return j;
}

/* Offset in its channel at which it goes on. */
static uint64_t
fed(const struct job_pane *j)
{
	return ring_end(pane_ring(j->entry->pane)) - (j->pty ? 0 : JOB_PANE_PREFIX);
}

/* Wishes. */

static int
remote_input(struct pane *p, const void *data, size_t len, void *arg)
{
	struct entry *e = arg;
	const struct job_panes_hooks *hooks = e->app->job_panes->hooks;

	(void)p;
	if (!e->job->pty || hooks == NULL)
		return -EPIPE;
	return hooks->input(e->app, e->job->key.job, data, len);
}

static size_t
remote_pending(const struct pane *p, void *arg)
{
	(void)p;
	(void)arg;
	return 0;
}

static int
remote_resize(struct pane *p, unsigned cols, unsigned rows, void *arg)
{
	struct entry *e = arg;
	const struct job_panes_hooks *hooks = e->app->job_panes->hooks;
	int rc;

	if (!e->job->pty || hooks == NULL)
		return -ENOTTY;
	if ((rc = hooks->resize(e->app, e->job->key.job, cols, rows)) == 0)
		pane_resized(p, cols, rows);
	return rc;
}

/* Nobody ends a job but by its own name. */
static void
remote_end(struct pane *p, void *arg)
{
	(void)p;
	(void)arg;
}

static const struct pane_remote remote = {
    remote_input, remote_pending, remote_resize, remote_end};

/* What the pane tells. */

static void
on_started(struct pane *p, int err, const char *cause, void *arg)
{
	(void)p;
	(void)err;
	(void)cause;
	(void)arg;
}

static void
on_output(struct pane *p, void *arg)
{
	(void)p;
	lookouts_output(arg);
	archiver_output(arg);
}

static void
on_ended(struct pane *p, void *arg)
{
	(void)p;
	archiver_ended(arg);
}

static const struct pane_callbacks callbacks = {on_started, on_output, on_ended};

/* Making. */

static bool
has_room(struct app *a)
{
	struct job_panes *s = a->job_panes;

	if (s->count < JOB_PANES_MAX) {
		s->full = false;
		return true;
	}
	if (!s->full)
		log_warn("app", "there are %d panes of jobs: what others print has none",
		    JOB_PANES_MAX);
	s->full = true;
	return false;
}

static struct job_pane *
add(struct entry *e, const struct job_output *from)
{
	struct job_panes *s = e->app->job_panes;
	struct job_pane *j = xcalloc(1, sizeof *j);

	j->key = (struct key){from->job, from->channel};
	j->entry = e;
	j->pty = from->spec->pty;
	HASH_ADD(hh, s->table, key, sizeof j->key, j);
	s->count++;
	e->job = j;
	e->archive_run = (struct archive_run){from->created_ms > 0 ? from->created_ms : 1, 0};
	e->begun = e->remove = true;
	return j;
}

static struct job_pane *
create(struct app *a, const struct job_output *from)
{
	const struct job_spec *spec = from->spec;
	struct record_options options = a->cfg.limits.record;
	char id[ID_SIZE], origin[2 * ID_SIZE], *cause = NULL, stream[] = "",
					       *none[] = {stream, NULL};
	struct pane_spec how = {
	    .id = id,
	    .name = spec->name,
	    .argv = spec->argv != NULL && spec->argv[0] != NULL ? spec->argv : none,
	    .cwd = spec->cwd,
	    .cols = spec->pty && spec->cols != 0 ? spec->cols : COLS,
	    .rows = spec->pty && spec->rows != 0 ? spec->rows : ROWS,
	    .record = &options,
	    .ring_size = JOB_PANE_RING,
	    .remote = &remote,
	    .origin = origin,
	    .private = true,
	};
	struct job_pane *j = NULL;
	struct entry *e;

	if (options.lines > LINES)
		options.lines = LINES;
	if (options.bytes > BYTES)
		options.bytes = BYTES;
	snprintf(id, sizeof id, "j%" PRIu64 ".%u", from->job, from->channel);
	snprintf(origin, sizeof origin, "job %" PRIu64 " %u", from->job, from->channel);
	e = registry_add(a, NULL);
	if (pane_new(a->loop, &how, &callbacks, e, &e->pane, &cause) != 0) {
		log_error("app", "no pane %s: %s", id, cause);
		registry_remove(e);
	} else {
		j = add(e, from);
		watches_pane(e);
		if (!j->pty)
			pane_output(e->pane, prefix, JOB_PANE_PREFIX);
	}
	free(cause);
	return j;
}

void
job_panes_output(
    struct app *a, const struct job_output *from, uint64_t offset, const void *data, size_t len)
{
	struct job_pane *j = find(a, from->job, from->channel);
	uint64_t at, over;

	if (a->job_panes == NULL || len == 0 || a->closed)
		return;
	if (j == NULL && (offset != 0 || !has_room(a) || (j = create(a, from)) == NULL))
		return;
	at = fed(j);
	over = at - offset;
	if (offset <= at && over < len)
		pane_output(j->entry->pane, (const char *)data + over, len - (size_t)over);
}

uint64_t
job_panes_resume(struct app *a, uint64_t job, unsigned channel)
{
	const struct job_pane *j = find(a, job, channel);

	return j != NULL ? fed(j) : 0;
}

int
job_panes_resize(struct app *a, uint64_t job, unsigned cols, unsigned rows)
{
	struct job_pane *j = find(a, job, 1);

	return j != NULL && j->pty ? pane_resize(j->entry->pane, cols, rows) : -ENOENT;
}

void
job_panes_resized(struct app *a, uint64_t job, unsigned cols, unsigned rows)
{
	struct job_pane *j = find(a, job, 1);

	if (j != NULL && j->pty)
		pane_resized(j->entry->pane, cols, rows);
}

/* The end. */

static void
each(struct app *a, uint64_t job, unsigned channel, void (*cb)(struct entry *))
{
	struct job_pane *j;

	if (channel != 0) {
		if ((j = find(a, job, channel)) != NULL)
			cb(j->entry);
		return;
	}
	for (unsigned i = 1; i <= JOBS_CHANNELS_MAX; i++)
		if ((j = find(a, job, i)) != NULL)
			cb(j->entry);
}

static void
gone(struct entry *e)
{
	struct app *a = e->app;

	pane_gone(e->pane);
	if (registry_may_go(e))
		registry_remove(e);
	app_check_stopped(a);
}

static void
leave(struct entry *e)
{
	archiver_leave(e);
	gone(e);
}

void
job_panes_ended(struct app *a, uint64_t job, unsigned channel)
{
	each(a, job, channel, gone);
}

void
job_panes_leave(struct app *a, uint64_t job)
{
	each(a, job, 0, leave);
}

void
job_pane_gone(struct entry *e)
{
	struct job_panes *s = e->app->job_panes;

	if (e->job == NULL)
		return;
	HASH_DEL(s->table, e->job);
	s->count--;
	free(e->job);
	e->job = NULL;
}

/* What others ask. */

unsigned
job_panes_count(const struct app *a)
{
	return a->job_panes != NULL ? a->job_panes->count : 0;
}

bool
job_panes_glob(const char *glob)
{
	return glob != NULL && glob[0] == 'j' && isdigit((unsigned char)glob[1]);
}

bool
job_pane_named(const struct entry *e, const char *ref)
{
	uint64_t number;

	return e->job != NULL && *ref == 'j' && job_id_parse(ref, &number) &&
	       number == e->job->key.job;
}

bool
job_pane_takes_input(const struct entry *e)
{
	return e->job == NULL || e->job->pty;
}

void
job_pane_json(const struct entry *e, cJSON *o)
{
	char id[JOB_ID_MAX];

	if (e->job == NULL)
		return;
	snprintf(id, sizeof id, "j%" PRIu64, e->job->key.job);
	cJSON_AddStringToObject(o, "job", id);
	cJSON_AddNumberToObject(o, "channel", (double)e->job->key.channel);
}
