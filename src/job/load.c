/* What a worker before this one left: on record, and with the keeper. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "job/runner_priv.h"
#include "proto/json.h"

enum { AGAIN_MS = 20, FAILED_AGAIN_MS = 1000 };

#define KEYS_MS ((int64_t)24 * 3600 * 1000) /* windows that are longer end with the daemon */

struct left {
	struct left *next;
	uint64_t number;
	bool bad; /* its spec cannot be read */
	struct job_spec spec;
	enum job_state state;
	int64_t created_ms, started_ms, retry_ms, delay_ms, try_ms;
	unsigned tries;
	uint64_t from[JOB_CHANNELS], length[JOB_CHANNELS];
	struct jobs_usage usage;
	char *session;
};

struct key {
	struct key *next;
	unsigned char key[JOB_KEY_SIZE];
	uint64_t number;
	int64_t ended_ms;
};

struct load {
	uv_work_t work;
	struct runner *runner;
	char *dir;
	int rc;
	uint64_t last;
	struct left *left, **left_end;
	struct key *keys, **keys_end;
};

/* On the pool. */

/* Files of jobs whose record was lost keep their numbers. */
static uint64_t
highest_file(const char *path)
{
	uint64_t highest = 0, number;
	const struct dirent *e;
	DIR *dir = opendir(path);

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		char name[JOB_ID_MAX];
		size_t n = strcspn(e->d_name, ".");

		if (n == 0 || n >= sizeof name)
			continue;
		memcpy(name, e->d_name, n);
		name[n] = '\0';
		if (str_u64(name, 1, JOB_NUMBER_MAX, &number) == 0 && number > highest)
			highest = number;
	}
	if (dir != NULL)
		closedir(dir);
	return highest;
}

static int
on_row(void *arg, const struct jobs_row *row)
{
	struct load *l = arg;
	const struct jobs_try *t = row->ntries != 0 ? &row->tries[row->ntries - 1] : NULL;
	struct left *f;
	cJSON *o;

	if (row->kind == JOB_STREAM)
		return 0;
	f = xcalloc(1, sizeof *f);
	o = json_parse(row->spec, strlen(row->spec));
	f->number = row->id;
	f->bad = o == NULL || job_spec_parse(o, "/", &f->spec, NULL) != 0;
	cJSON_Delete(o);
	f->state = (enum job_state)row->state;
	f->created_ms = row->created_ms;
	f->started_ms = row->started_ms;
	f->usage = row->usage;
	f->session = row->session != NULL ? xstrdup(row->session) : NULL;
	f->tries = row->ntries;
	if (t != NULL) {
		f->try_ms = t->started_ms;
		if (t->retry_ms > 0)
			f->retry_ms = t->ended_ms + (f->delay_ms = t->retry_ms);
	}
	for (unsigned i = 0; i < JOB_CHANNELS; i++) {
		f->from[i] = t != NULL ? t->from[i] : 0;
		spool_length(l->dir, f->number, i + 1, &f->length[i]);
	}
	*l->left_end = f;
	l->left_end = &f->next;
	return 0;
}

static void
on_key(void *arg, const unsigned char *key, uint64_t id, int64_t ended_ms)
{
	struct load *l = arg;
	struct key *k = xcalloc(1, sizeof *k);

	memcpy(k->key, key, JOB_KEY_SIZE);
	k->number = id;
	k->ended_ms = ended_ms;
	*l->keys_end = k;
	l->keys_end = &k->next;
}

static void
on_load(uv_work_t *work)
{
	struct load *l = work->data;
	uint64_t files;
	sqlite3 *db;

	if ((l->rc = store_reader_open(l->runner->cfg.store, &db, NULL)) != 0)
		return;
	files = highest_file(l->dir);
	if ((l->rc = jobs_last_number(db, &l->last)) == 0 &&
	    (l->rc = jobs_open_ones(db, on_row, l)) == 0)
		l->rc = jobs_keys(db, clock_wall_ms() - KEYS_MS, on_key, l);
	if (files > l->last)
		l->last = files;
	sqlite3_close(db);
}

/* And back. */

static struct found *
take_found(struct runner *r, uint64_t number)
{
	struct found *f;

	LL_FOREACH(r->found, f)
	{
		if ((f->number & (((uint64_t)1 << TRY_SHIFT) - 1)) == number) {
			LL_DELETE(r->found, f);
			return f;
		}
	}
	return NULL;
}

static void
drop_found(struct runner *r, struct found *f)
{
	for (int i = 0; i < 3; i++)
		if (f->fds[i] >= 0)
			close(f->fds[i]);
	r->cfg.released(r->cfg.arg, f->number);
	free(f);
}

static void
restore_channels(struct job *j, const struct left *l)
{
	struct runner *r = j->runner;

	for (unsigned i = 0; i < JOB_CHANNELS; i++) {
		struct job_channel *c = &j->channels[i];

		c->try_from = l->from[i];
		c->bytes = l->length[i];
		j->priv->limit.used += l->length[i];
		if (l->length[i] == 0)
			continue;
		c->state = CHANNEL_STREAMING;
		if (r->cfg.resume != NULL)
			c->bytes = r->cfg.resume(r->cfg.arg, j, i + 1);
		if (c->bytes > l->length[i])
			c->bytes = l->length[i];
	}
}

/* The clock may have been set since: no longer than it was to wait as a whole. */
static uint64_t
wait_of(const struct left *l)
{
	int64_t ms = l->state == JOB_QUEUED ? l->retry_ms - clock_wall_ms() : 0;

	if (ms > l->delay_ms)
		ms = l->delay_ms;
	return ms > 0 ? (uint64_t)ms : 0;
}

/* What it had written is given once more to those that want it, also where nobody holds its pipes. */
static void
restore(struct runner *r, struct left *l)
{
	struct job *j = runner_add_job(r, l->number, &l->spec);
	struct found *f = take_found(r, l->number);

	j->state = l->state;
	j->created_ms = l->created_ms;
	j->started_ms = l->started_ms;
	j->retry_ms = l->state == JOB_QUEUED ? l->retry_ms : 0;
	j->priv->retry_at = uv_now(r->cfg.loop) + wait_of(l);
	j->tries = l->tries;
	j->usage = j->priv->before = l->usage;
	j->session = l->session;
	l->session = NULL;
	j->priv->try_ms = l->try_ms;
	j->priv->phase = PHASE_QUEUED;
	if (f != NULL && (l->state != JOB_RUNNING || f->number != held_number(j))) {
		drop_found(r, f); /* of a try that is over */
		f = NULL;
	}
	restore_channels(j, l);
	if (f != NULL)
		run_adopt(j, f);
	else if (l->state == JOB_RUNNING)
		run_lost(j);
	free(f);
}

static void
take(struct runner *r, struct load *l)
{
	struct left *f;
	struct key *k;
	unsigned n = 0;

	if (l->last > r->last_number)
		r->last_number = l->last;
	for (k = l->keys; k != NULL; k = k->next)
		runner_remember_key(r, k->key, k->number, k->ended_ms);
	r->ready = true;
	for (f = l->left; f != NULL; f = f->next, n++) {
		if (f->bad)
			log_error("job", "j%" PRIu64 ": what is on record of it cannot be read",
			    f->number);
		else
			restore(r, f);
	}
	if (n != 0)
		log_info("job", "%u jobs go on", n);
	while (r->found != NULL) {
		struct found *lost = r->found;

		LL_DELETE(r->found, lost);
		drop_found(r, lost); /* its end is on record */
	}
}

static void
load_free(struct load *l)
{
	struct left *f, *next;
	struct key *k, *knext;

	for (f = l->left; f != NULL; f = next) {
		next = f->next;
		job_spec_release(&f->spec);
		free(f->session);
		free(f);
	}
	for (k = l->keys; k != NULL; k = knext) {
		knext = k->next;
		free(k);
	}
	free(l->dir);
	free(l);
}

static void load(struct runner *r);

static void
on_again(uv_timer_t *t)
{
	load(t->data);
}

/* The store may be of use again: its file was replaced, or there is room. */
static void
try_again(struct runner *r, int rc)
{
	if (r->stopping || r->closed)
		return;
	if (rc != -EAGAIN && rc != r->unread)
		log_error("job", "the record of jobs cannot be read: %s", strerror(-rc));
	r->unread = rc;
	if (rc != -EROFS)
		uv_timer_start(
		    &r->load_again, on_again, rc == -EAGAIN ? AGAIN_MS : FAILED_AGAIN_MS, 0);
}

static void
on_loaded(uv_work_t *work, int status)
{
	struct load *l = work->data;
	struct runner *r = l->runner;

	(void)status;
	if (l->rc != 0)
		try_again(r, l->rc);
	if (r->cfg.reads != NULL)
		r->cfg.reads(r->cfg.arg, false);
	if (l->rc == 0 && !r->closed) {
		take(r, l);
		if (r->cfg.ready != NULL)
			r->cfg.ready(r->cfg.arg);
		runner_dispatch(r);
	}
	load_free(l);
	if (r->closed) {
		runner_op_done(r);
		return;
	}
	r->ops--;
	runner_check_stopped(r);
}

static void
load(struct runner *r)
{
	struct load *l = xcalloc(1, sizeof *l);

	l->work.data = l;
	l->runner = r;
	l->dir = xstrdup(r->dir);
	l->left_end = &l->left;
	l->keys_end = &l->keys;
	r->ops++;
	if (r->cfg.reads != NULL)
		r->cfg.reads(r->cfg.arg, true);
	uv_queue_work(r->cfg.loop, &l->work, on_load, on_loaded);
}

void
load_start(struct runner *r)
{
	load(r);
}

void
runner_found(
    struct runner *r, uint64_t number, pid_t pid, bool ended, int wait_status, int fds[3])
{
	struct found *f = xcalloc(1, sizeof *f);

	f->number = number;
	f->pid = pid;
	f->ended = ended;
	f->wait_status = wait_status;
	for (int i = 0; i < 3; i++) {
		f->fds[i] = fds[i];
		fds[i] = -1;
	}
	LL_APPEND(r->found, f);
}
