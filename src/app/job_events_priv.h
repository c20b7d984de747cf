/* What job_events.c and job_snapshot.c share. Not for others. */
#ifndef APP_JOB_EVENTS_PRIV_H
#define APP_JOB_EVENTS_PRIV_H

#include <uthash.h>

#include "app/app_priv.h"
#include "app/job_events.h"
#include "app/jobs_priv.h"
#include "base/buf.h"
#include "store/jobs.h"

/* Of a channel, what is still to be told. */
struct heard {
	uint64_t from;
	struct buf bytes;
	uint64_t begins; /* nothing before it is told */
};

/* A topic that somebody listens to, or did a moment ago. */
struct job_told {
	UT_hash_handle hh;
	struct app *app;
	uint64_t job; /* UINT64_MAX: the topic "jobs" */
	unsigned refs;
	uint64_t since;                 /* the first event that was told of it */
	uint64_t left, flushed;         /* loop time: nobody listens since; output was told */
	struct job_snapshot *snapshots; /* under way, utlist: output waits for them */
	uv_timer_t timer;
	struct heard heard[JOBS_CHANNELS_MAX];
};

struct job_told *job_told_find(const struct app *a, uint64_t job);
void job_told_begins(struct job_told *t, unsigned channel, uint64_t end);
void job_told_go_on(struct job_told *t);

/* job_snapshot.c */
struct job_snapshot {
	struct job_snapshot *prev, *next;
	struct app *app;
	struct job_told *told; /* NULL: it has gone */
	uint64_t job;
	void (*done)(cJSON *take, void *arg);
	void *arg;
	bool cancelled;
	uv_work_t work;
	const char *dir;
	bool lived; /* when it looked */
	int rc;
	struct jobs_row row;
	unsigned n;
	struct snapshot_channel {
		unsigned n;
		uint64_t begin, total;
		char *data;
		size_t len;
	} channels[JOBS_CHANNELS_MAX];
};
void job_snapshot_forget(struct job_snapshot *s);

#endif
