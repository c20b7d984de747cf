/* Jobs in the daemon: their life, and who hears of them. */
#include "config.h"

#include "app/jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/app_priv.h"
#include "app/collisions.h"
#include "app/flows.h"
#include "app/job_channels.h"
#include "app/job_events.h"
#include "app/job_panes.h"
#include "app/jobs_json.h"
#include "app/jobs_priv.h"
#include "app/streams.h"
#include "app/talks.h"
#include "base/clock.h"
#include "app/spawner.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "job/runner.h"
#include "proto/json.h"
#include "store/flows.h"

enum { SWEEP_MS = 3600 * 1000, SWEEP_MAX = 1000 };

#define DAY_MS ((int64_t)86400 * 1000)

/* What the runner says. */

static void
on_held(void *arg, uint64_t number, pid_t pid, const int fds[3])
{
	struct app *a = arg;

	if (a->keep != NULL)
		keep_say_job(a->keep, KEEP_JOB | number, pid, fds);
	if (a->spawner != NULL)
		spawner_born(a->spawner, KEEP_JOB | number);
}

static void
on_reaped(void *arg, uint64_t number, int wait_status)
{
	struct app *a = arg;

	if (a->keep != NULL)
		keep_say_pane(a->keep, KEEP_REAPED, KEEP_JOB | number, wait_status);
}

static void
on_input_ends(void *arg, uint64_t number)
{
	struct app *a = arg;

	if (a->keep != NULL)
		keep_say_pane(a->keep, KEEP_DRAINED, KEEP_JOB | number, KEEP_INPUT);
}

static void
on_released(void *arg, uint64_t number)
{
	struct app *a = arg;

	if (a->keep != NULL)
		keep_say_pane(a->keep, KEEP_GONE, KEEP_JOB | number, 0);
}

cJSON *
jobs_live_json(const struct job *j)
{
	struct jobs_channel channels[JOB_CHANNELS] = {0};
	struct jobs_row row = {.id = j->number,
	    .kind = (int)j->spec.kind,
	    .state = (int)j->state,
	    .created_ms = j->created_ms,
	    .started_ms = j->started_ms,
	    .ended_ms = j->ended_ms,
	    .exit_status = j->exit_status,
	    .pid = (int)j->pid,
	    .error = j->error,
	    .session = j->session,
	    .usage = j->usage,
	    .ntries = j->tries,
	    .nchannels = j->spec.pty ? 1 : JOB_CHANNELS,
	    .channels = channels};

	for (unsigned i = 0; i < row.nchannels; i++) {
		channels[i].n = i + 1;
		channels[i].state = (int)j->channels[i].state;
		channels[i].bytes = j->channels[i].bytes;
		channels[i].exit_status = -1;
		channels[i].duration_ms = -1;
	}
	return jobs_row_json_of(&row, job_spec_json(&j->spec), false);
}

static void
on_changed(void *arg, struct job *j)
{
	struct app *a = arg;
	struct jobs *all = a->jobs;

	if (job_events_wanted(a, j->number))
		jobs_tell(a, j->id, jobs_live_json(j));
	talks_changed(a, j);
	collisions_job(a, j);
	if (!job_is_terminal(j->state))
		return;
	if (j->state != JOB_COMPLETED && j->state != JOB_CANCELLED)
		all->failed_ms = clock_wall_ms();
	jobs_agent_ended(a, j);
	job_panes_ended(a, j->number, 0);
	job_channels_closed(a, j->number);
}

static void
on_output(
    void *arg, struct job *j, unsigned channel, uint64_t offset, const void *data, size_t len)
{
	struct app *a = arg;
	struct job_output from = {j->number, channel, &j->spec, j->created_ms};

	jobs_wrote(a);
	job_panes_output(a, &from, offset, data, len);
	job_events_output(a, j->number, channel, offset, data, len);
	job_channels_grew(a, j->number, channel, offset, data, len);
	if (channel == 1)
		jobs_agent_output(a, j);
	talks_output(a, j, channel, offset, data, len);
}

static uint64_t
on_resume(void *arg, struct job *j, unsigned channel)
{
	talks_resume_offset(arg, j, channel);
	return job_panes_resume(arg, j->number, channel);
}

static void
on_reads(void *arg, bool begins)
{
	if (begins) {
		stored_use(arg);
	} else {
		stored_refuse_waiting(arg);
		stored_unuse(arg);
	}
}

/* Old ones. */

struct sweep {
	uv_work_t work;
	struct app *app;
	char *dir;
	uint64_t *ids;
	size_t n;
};

static void
on_unlink(uv_work_t *work)
{
	struct sweep *s = work->data;

	for (size_t i = 0; i < s->n; i++)
		spool_unlink(s->dir, s->ids[i]);
}

static void
on_unlinked(uv_work_t *work, int status)
{
	struct sweep *s = work->data;

	(void)status;
	stored_unuse(s->app);
	free(s->dir);
	free(s->ids);
	free(s);
}

void
jobs_unlink(struct app *a, uint64_t *take, size_t n)
{
	struct sweep *s = xcalloc(1, sizeof *s);

	s->work.data = s;
	s->app = a;
	s->dir = xstrdup(a->jobs->dir);
	s->ids = take;
	s->n = n;
	stored_use(a);
	uv_queue_work(a->loop, &s->work, on_unlink, on_unlinked);
}

static void
on_expired(int rc, uint64_t *take_ids, size_t n, void *arg)
{
	struct app *a = arg;

	if (rc != 0 || n == 0 || a->jobs == NULL) {
		free(take_ids);
		return;
	}
	log_info("job", "%zu that were old have been removed", n);
	for (size_t i = 0; i < n; i++)
		runner_forget(a->jobs->runner, take_ids[i]);
	jobs_unlink(a, take_ids, n);
	if (n == SWEEP_MAX)
		uv_timer_start(&a->jobs->sweep, jobs_on_sweep, 1, SWEEP_MS);
}

void
jobs_on_sweep(uv_timer_t *t)
{
	struct app *a = t->data;
	int64_t before = clock_wall_ms() - (int64_t)a->cfg.limits.jobs_days * DAY_MS;

	if (a->cfg.limits.jobs_days == 0)
		return;
	jobs_expire(a->store, before, SWEEP_MAX, on_expired, a);
	flows_expire(a->store, before, NULL, NULL);
}

/* Life. */

static void
on_ready(void *arg)
{
	struct app *a = arg;
	struct job *j;

	DL_FOREACH (runner_jobs(a->jobs->runner), j)
		collisions_job(a, j);
	uv_timer_start(&a->jobs->sweep, jobs_on_sweep, 0, SWEEP_MS);
	jobs_wrote(a); /* before this began */
	if (a->archive != NULL)
		jobs_again(a);
	streams_open(a);
	flows_start(a);
	jobs_go_on(a);
	talks_ready(a);
}

static int
input_from_pane(struct app *a, uint64_t job, const void *data, size_t len)
{
	struct job *j = runner_find(a->jobs->runner, job);

	return j != NULL ? job_write(j, data, len) : -EPIPE;
}

static int
resize_from_pane(struct app *a, uint64_t job, unsigned cols, unsigned rows)
{
	struct job *j = runner_find(a->jobs->runner, job);
	int rc = j != NULL ? job_resize(j, cols, rows) : -ENOTTY;

	if (rc == 0)
		job_panes_resized(a, job, cols, rows);
	return rc;
}

int
jobs_open(struct app *a, char **cause)
{
	static const struct job_panes_hooks hooks = {input_from_pane, resize_from_pane};
	const struct app_limits *l = &a->cfg.limits;
	struct jobs *all = xcalloc(1, sizeof *all);
	struct runner_config cfg = {
	    .loop = a->loop,
	    .store = a->store,
	    .socket_path = a->socket_path,
	    .running_max = l->jobs_running,
	    .queue_max = l->jobs_queue,
	    .max_output = l->jobs_max_output,
	    .dedup_ms = l->jobs_dedup_ms,
	    .backoff_ms = l->jobs_backoff_ms,
	    .nbackoff = l->jobs_nbackoff,
	    .arg = a,
	    .held = on_held,
	    .reaped = on_reaped,
	    .input_ends = on_input_ends,
	    .released = on_released,
	    .changed = on_changed,
	    .output = on_output,
	    .ready = on_ready,
	    .reads = on_reads,
	    .resume = on_resume,
	};
	int rc;

	all->dir = xasprintf("%s/jobs", a->state_dir);
	cfg.dir = all->dir;
	if ((rc = runner_new(&cfg, &all->runner, cause)) != 0) {
		free(all->dir);
		free(all);
		return rc;
	}
	uv_timer_init(a->loop, &all->sweep);
	uv_timer_init(a->loop, &all->reads);
	uv_timer_init(a->loop, &all->room);
	all->sweep.data = all->reads.data = all->room.data = a;
	a->jobs = all;
	job_panes_open(a, &hooks);
	flows_open(a);
	talks_open(a);
	return 0;
}

void
jobs_start(struct app *a)
{
	runner_start(a->jobs->runner);
}

void
jobs_pause(struct app *a, bool pause)
{
	flows_pause(a, pause);
	talks_pause(a, pause);
	runner_pause(a->jobs->runner, pause);
}

bool
jobs_idle(struct app *a)
{
	return runner_idle(a->jobs->runner) && talks_idle(a);
}

static void
on_stopped(void *arg)
{
	struct app *a = arg;

	a->jobs->stopped = true;
	app_check_stopped(a);
}

void
jobs_stop(struct app *a)
{
	struct job *j;

	DL_FOREACH (runner_jobs(a->jobs->runner), j)
		if (j->state == JOB_QUEUED)
			job_panes_leave(a, j->number);
	streams_stop(a);
	flows_stop(a);
	runner_stop(a->jobs->runner, on_stopped, a);
}

bool
jobs_stopped(const struct app *a)
{
	return a->jobs == NULL || a->jobs->stopped;
}

void
jobs_leave(struct app *a)
{
	flows_stop(a);
	talks_close(a);
}

void
jobs_close(struct app *a)
{
	struct jobs *all = a->jobs;

	if (all == NULL)
		return;
	jobs_drop_asked(a);
	jobs_agent_close(a);
	streams_close(a);
	jobs_leave(a);
	uv_close((uv_handle_t *)&all->sweep, NULL);
	uv_close((uv_handle_t *)&all->room, NULL);
	runner_free(all->runner);
	all->runner = NULL;
}

void
jobs_free(struct app *a)
{
	if (a->jobs == NULL)
		return;
	job_panes_free(a);
	flows_free(a);
	talks_free(a);
	free(a->jobs->dir);
	free(a->jobs);
	a->jobs = NULL;
}

void
worker_job_found(
    struct app *a, uint64_t number, pid_t pid, bool ended, int wait_status, int fds[KEEP_FDS])
{
	runner_found(a->jobs->runner, number & ~KEEP_JOB, pid, ended, wait_status, fds);
}

void
worker_job_exited(struct app *a, uint64_t number, pid_t pid, int wait_status)
{
	runner_exited(a->jobs->runner, number & ~KEEP_JOB, pid, wait_status);
}

void
worker_jobs_held(struct app *a)
{
	(void)a; /* what began under an older keeper ends with this worker */
}

bool
jobs_reap(struct app *a, pid_t pid, int wait_status)
{
	return a->jobs != NULL && a->jobs->runner != NULL &&
	       runner_reap(a->jobs->runner, pid, wait_status);
}

enum { RECENT_MS = 3600 * 1000 };

void
jobs_count(const struct app *a, unsigned *running, unsigned *queued)
{
	runner_count(a->jobs->runner, running, queued);
}

void
jobs_status_json(struct app *a, cJSON *status)
{
	cJSON *o = cJSON_AddObjectToObject(status, "jobs");
	unsigned running, queued;
	int64_t failed = a->jobs->failed_ms;

	runner_count(a->jobs->runner, &running, &queued);
	cJSON_AddNumberToObject(o, "running", running);
	cJSON_AddNumberToObject(o, "queued", queued);
	cJSON_AddBoolToObject(
	    o, "failed_recently", failed != 0 && clock_wall_ms() - failed < RECENT_MS);
}
