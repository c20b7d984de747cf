/* Runs that go on: after a restart, and when they are resumed. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "job/flow_run_priv.h"
#include "proto/json.h"

enum { OPEN_TRIES = 100, OPEN_MS = 20, JOBS_OF_A_RUN = 5000, LOADS = 5 };

int
flow_open_reader(struct store *s, sqlite3 **db)
{
	int rc = store_reader_open(s, db, NULL);

	for (int i = 0; i < OPEN_TRIES && rc == -EAGAIN; i++) {
		usleep(OPEN_MS * 1000);
		rc = store_reader_open(s, db, NULL);
	}
	return rc;
}

void
flow_step_copy(struct flows_step *to, const struct flows_step *from)
{
	*to = *from;
	to->name = from->name != NULL ? xstrdup(from->name) : NULL;
	to->result = from->result != NULL ? xstrdup(from->result) : NULL;
	to->error = from->error != NULL ? xstrdup(from->error) : NULL;
}

/* A run as the store has it. */
struct loaded {
	struct loaded *next;
	struct flows_run row;
	struct flow_job *jobs; /* newest first */
	size_t njobs;
};

struct load {
	uv_work_t work;
	struct flow_runs *fr;
	uint64_t id; /* 0: all that have not ended */
	bool resume, force;
	char *definition; /* that it must have; or NULL */
	unsigned loads;   /* that were made before */
	int rc;
	struct loaded *runs;
	uint64_t *ids;
	size_t nids;
	flow_run_cb done; /* or NULL */
	void *arg;
};

static void
loaded_free(struct loaded *l)
{
	flows_run_release(&l->row);
	for (size_t i = 0; i < l->njobs; i++)
		flow_job_release(&l->jobs[i]);
	free(l->jobs);
	free(l);
}

/* On the pool. */

static int
on_job(void *arg, const struct jobs_row *row)
{
	struct loaded *l = arg;
	cJSON *spec = json_parse(row->spec, strlen(row->spec));
	const char *step = json_string(spec, "step");
	struct flow_job *j;

	if (step != NULL) {
		l->jobs = xreallocarray(l->jobs, l->njobs + 1, sizeof *l->jobs);
		j = &l->jobs[l->njobs++];
		*j = (struct flow_job){.number = row->id,
		    .step = xstrdup(step),
		    .state = row->state,
		    .exit_status = row->exit_status,
		    .error = row->error != NULL ? xstrdup(row->error) : NULL,
		    .session = row->session != NULL ? xstrdup(row->session) : NULL,
		    .usage = row->usage};
	}
	cJSON_Delete(spec);
	return 0;
}

/* Of a step that is running: where its job's last try begins. */
static void
read_try(sqlite3 *db, struct loaded *l, const char *step)
{
	struct jobs_row row;

	for (size_t i = 0; i < l->njobs; i++) {
		if (strcmp(l->jobs[i].step, step) != 0)
			continue;
		if (jobs_read(db, l->jobs[i].number, &row) != 0)
			return;
		if (row.ntries != 0 && row.tries != NULL)
			l->jobs[i].from = row.tries[row.ntries - 1].from[0];
		jobs_row_release(&row);
		return;
	}
}

static int
read_run(sqlite3 *db, uint64_t id, struct load *load)
{
	struct loaded *l = xcalloc(1, sizeof *l);
	struct jobs_query q = {.kind = -1, .limit = JOBS_OF_A_RUN};
	char name[JOB_ID_MAX];
	uint64_t total;
	int rc;

	snprintf(name, sizeof name, "f%llu", (unsigned long long)id);
	q.flow = name;
	rc = flows_read(db, id, &l->row);
	if (rc == 0)
		rc = jobs_each(db, &q, on_job, l, &total);
	if (rc != 0) {
		loaded_free(l);
		return rc;
	}
	for (size_t i = 0; i < l->row.nsteps; i++)
		if (l->row.steps[i].state == FLOW_RUNNING)
			read_try(db, l, l->row.steps[i].name);
	LL_PREPEND(load->runs, l);
	return 0;
}

static int
on_open_one(void *arg, const struct flows_run *run)
{
	struct load *l = arg;

	l->ids = xreallocarray(l->ids, l->nids + 1, sizeof *l->ids);
	l->ids[l->nids++] = run->id;
	return 0;
}

static void
on_load(uv_work_t *work)
{
	struct load *l = work->data;
	sqlite3 *db;

	if ((l->rc = flow_open_reader(l->fr->cfg.store, &db)) != 0)
		return;
	if (l->id != 0)
		l->rc = read_run(db, l->id, l);
	else
		l->rc = flows_open_ones(db, on_open_one, l);
	for (size_t i = 0; l->rc == 0 && i < l->nids; i++)
		l->rc = read_run(db, l->ids[i], l);
	sqlite3_close(db);
}

/* On the loop. */

static const struct flow_job *
newest_job(const struct loaded *l, const char *step)
{
	for (size_t i = 0; i < l->njobs; i++)
		if (strcmp(l->jobs[i].step, step) == 0)
			return &l->jobs[i];
	return NULL;
}

/* After a restart: the table of flow_run.h, its second column. */
static void
take_up(struct live_step *s, const struct flow_job *j)
{
	struct flow_runs *fr = s->run->fr;
	int state = s->sent.state;
	struct job *live;

	if (flow_is_terminal(state)) {
		s->phase = STEP_DONE;
	} else if (state == FLOW_WAITING) {
		flow_step_fill(s, NULL); /* for its message */
		flow_step_ask(s);
	} else if (state != FLOW_RUNNING || j == NULL) {
		flow_step_again(s);
	} else if ((live = runner_find(fr->cfg.runner, j->number)) != NULL) {
		flow_step_await(s, live);
	} else if (j->state == JOB_COMPLETED || j->state == JOB_FAILED ||
		   j->state == JOB_TIMED_OUT) {
		s->sent.job = j->number;
		flow_step_ended(s, j);
	} else {
		flow_step_again(s);
	}
}

/* Its third. All have ended, and nothing of a run that has ended lives. */
static void
resume(struct live_step *s)
{
	struct flows_step *row = &s->run->row.steps[s->n];
	bool completed = s->sent.state == FLOW_COMPLETED;

	if (completed && !s->run->force)
		flow_step_copy(&s->prior, &s->sent);
	row->state = s->sent.state = FLOW_PENDING;
	row->ended_ms = s->sent.ended_ms = 0;
	row->started_ms = s->sent.started_ms = 0;
	row->cached_from = s->sent.cached_from = 0;
	row->job = 0;
	row->hashed = s->sent.hashed = false;
	free(row->error);
	free(s->sent.error);
	row->error = s->sent.error = NULL;
	free(row->result);
	free(s->sent.result);
	row->result = s->sent.result = NULL;
	cJSON_Delete(s->result);
	s->result = NULL;
	flow_step_again(s);
	/* What has completed stays so on record, until something else is known. */
	if (!completed)
		flow_step_record(s, NULL);
}

/* In the order of the definition. */
static void
sort_steps(struct flows_run *row, const struct flow *f)
{
	struct flows_step *steps = xcalloc(f->nsteps, sizeof *steps);

	for (unsigned i = 0; i < f->nsteps; i++) {
		for (size_t k = 0; k < row->nsteps && steps[i].name == NULL; k++)
			if (row->steps[k].name != NULL &&
			    strcmp(row->steps[k].name, f->steps[i].name) == 0) {
				steps[i] = row->steps[k];
				row->steps[k] = (struct flows_step){0};
			}
		if (steps[i].name == NULL)
			steps[i].name = xstrdup(f->steps[i].name);
		steps[i].n = i;
	}
	for (size_t k = 0; k < row->nsteps; k++)
		flows_step_release(&row->steps[k]);
	free(row->steps);
	row->steps = steps;
	row->nsteps = f->nsteps;
}

static struct flow *
flow_of(const struct flows_run *row)
{
	cJSON *o = json_parse(row->definition, strlen(row->definition));
	struct flow_error error = {0};
	struct flow *f = NULL;

	if (o == NULL || flow_parse(o, &f, &error) != 0)
		log_warn("flow", "f%llu: its definition is not understood: %s",
		    (unsigned long long)row->id, error.text != NULL ? error.text : "no JSON");
	flow_error_release(&error);
	cJSON_Delete(o);
	return f;
}

static struct flow_run *
make_run(struct load *load, struct loaded *l)
{
	struct flow *f = flow_of(&l->row);
	struct flow_run *run;

	if (f == NULL)
		return NULL;
	sort_steps(&l->row, f);
	run = flow_run_make(load->fr, f, &l->row, load->force);
	for (size_t i = 0; i < l->njobs; i++)
		if (job_is_terminal((enum job_state)l->jobs[i].state))
			jobs_usage_add(&run->used, &l->jobs[i].usage);
	return run;
}

/* Whether a job that has not ended on record, and is not with the runner, has ended since. */
static bool
is_stale(const struct load *load, const struct loaded *l)
{
	for (size_t i = 0; i < l->row.nsteps; i++) {
		const struct flow_job *j = newest_job(l, l->row.steps[i].name);

		if (l->row.steps[i].state == FLOW_RUNNING && j != NULL &&
		    !job_is_terminal((enum job_state)j->state) &&
		    runner_find(load->fr->cfg.runner, j->number) == NULL)
			return true;
	}
	return false;
}

static void load_start(struct flow_runs *fr, uint64_t id, const struct load *like);

static void
take_up_run(struct load *load, struct loaded *l)
{
	struct flow_run *run;

	if (flow_run_find(load->fr, l->row.id) != NULL)
		return;
	if (load->loads < LOADS && is_stale(load, l)) {
		load_start(load->fr, l->row.id, load);
		return;
	}
	if ((run = make_run(load, l)) == NULL) {
		flows_end(load->fr->cfg.store, l->row.id, FLOW_FAILED, l->row.created_ms,
		    "its definition is not understood", NULL, NULL);
		return;
	}
	log_info("flow", "%s goes on", run->id);
	for (unsigned i = 0; i < run->flow->nsteps; i++)
		take_up(&run->steps[i], newest_job(l, run->row.steps[i].name));
	flow_run_tell(run);
	flow_run_go(run);
}

struct reopening {
	struct flow_run *run;
	flow_run_cb done;
	void *arg;
};

static void
on_reopened(int rc, void *arg)
{
	struct reopening *r = arg;
	struct flow_run *run = r->run;

	if (rc != 0 || run->fr->stopping) {
		run->dead = true;
	} else {
		run->ending = false;
		run->row.state = FLOW_RUNNING;
		run->row.ended_ms = 0;
		free(run->row.error);
		run->row.error = NULL;
		for (unsigned i = 0; i < run->flow->nsteps; i++)
			resume(&run->steps[i]);
		flow_run_tell(run);
	}
	r->done(r->arg,
	    rc != 0             ? rc
	    : run->fr->stopping ? -ESHUTDOWN
				: 0,
	    run->dead ? NULL : run);
	free(r);
	flow_run_go(run);
	flow_run_op_done(run);
}

static int
resume_run(struct load *load, struct loaded *l)
{
	struct reopening *r;
	struct flow_run *run;

	if (flow_run_find(load->fr, l->row.id) != NULL || !flow_is_terminal(l->row.state))
		return -EBUSY;
	if (l->row.state == FLOW_COMPLETED)
		return -EALREADY;
	if (load->definition != NULL && strcmp(load->definition, l->row.definition) != 0)
		return -ESTALE;
	if ((run = make_run(load, l)) == NULL)
		return -EINVAL;
	run->ending = true; /* until it is open again on record */
	run->ops++;
	r = xcalloc(1, sizeof *r);
	*r = (struct reopening){run, load->done, load->arg};
	load->done = NULL;
	flows_reopen(load->fr->cfg.store, run->row.id, on_reopened, r);
	return 0;
}

/* A new run may be on record, and its number not known here yet. */
static bool
is_adding(const struct flow_runs *fr)
{
	const struct flow_run *run;

	DL_FOREACH (fr->runs, run) {
		if (run->row.id == 0)
			return true;
	}
	return false;
}

static void
after_load(uv_work_t *work, int status)
{
	struct load *load = work->data;
	struct flow_runs *fr = load->fr;
	struct loaded *l, *next;
	bool again = load->id == 0 && load->rc == 0 && !fr->stopping && is_adding(fr);

	(void)status;
	if (again)
		load_start(fr, 0, NULL);
	if (fr->stopping && load->rc == 0)
		load->rc = -ESHUTDOWN;
	if (load->rc != 0 && load->done == NULL && !fr->stopping)
		log_warn(
		    "flow", "runs that have not ended cannot be read: %s", strerror(-load->rc));
	LL_FOREACH_SAFE(load->runs, l, next)
	{
		if (load->rc == 0 && load->resume)
			load->rc = resume_run(load, l);
		else if (load->rc == 0 && !again)
			take_up_run(load, l);
		loaded_free(l);
	}
	if (load->done != NULL)
		load->done(load->arg, load->rc, NULL);
	fr->cfg.reads(fr->cfg.arg, false);
	free(load->definition);
	free(load->ids);
	free(load);
}

static void
load_start(struct flow_runs *fr, uint64_t id, const struct load *like)
{
	struct load *l = xcalloc(1, sizeof *l);

	if (like != NULL)
		*l = (struct load){.force = like->force, .loads = like->loads + 1};
	l->fr = fr;
	l->id = id;
	l->work.data = l;
	fr->cfg.reads(fr->cfg.arg, true);
	uv_queue_work(fr->cfg.loop, &l->work, on_load, after_load);
}

void
flow_runs_load(struct flow_runs *fr)
{
	load_start(fr, 0, NULL);
}

void
flow_run_resume(struct flow_runs *fr, uint64_t id, const char *definition, bool force,
    flow_run_cb done, void *arg)
{
	struct load *l = xcalloc(1, sizeof *l);

	*l = (struct load){
	    .fr = fr, .id = id, .resume = true, .force = force, .done = done, .arg = arg};
	l->definition = definition != NULL ? xstrdup(definition) : NULL;
	l->work.data = l;
	fr->cfg.reads(fr->cfg.arg, true);
	uv_queue_work(fr->cfg.loop, &l->work, on_load, after_load);
}
