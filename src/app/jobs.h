/*
 * Jobs in the daemon (job/runner.h): who hears of them, and the routes under /api/v1/jobs.
 *
 * What the runner says goes to the keeper, to the listeners of the topics "jobs" and "job:ID", to
 * the panes of channels (app/job_panes.h), to who follows a channel (app/job_channels.h), and to
 * sessions that are talked to (app/talks.h).
 *
 * An answer about a job that lives is from memory; about one that has ended, from the store, on
 * the pool. Once an hour, and at the start, the records that are older than jobs_days are removed, with
 * the files of their channels.
 *
 * Loop's thread.
 */
#ifndef APP_JOBS_H
#define APP_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct app;
struct http_req;
struct job;
typedef struct cJSON cJSON;

int jobs_open(struct app *a, char **cause); /* behind the store, before the keeper speaks */
void jobs_start(struct app *a);             /* behind what the keeper held */
void jobs_pause(struct app *a, bool pause);
bool jobs_idle(struct app *a);
void jobs_stop(struct app *a); /* what runs is to end; then app_check_stopped */
bool jobs_stopped(const struct app *a);
void jobs_leave(struct app *a); /* before the store, behind the server; again is nothing */
void jobs_close(struct app *a); /* behind the store */

bool jobs_reap(struct app *a, pid_t pid,
    int wait_status); /* whether the child was a job's; then it has been reaped */

cJSON *jobs_live_json(const struct job *j); /* as in lists */
void jobs_count(const struct app *a, unsigned *running, unsigned *queued);
void jobs_status_json(struct app *a, cJSON *status); /* adds "jobs" */

/* The job that the route's first parameter names, if it lives. Otherwise an error has been sent: 404,
 * or 409 "ended". */
struct job *jobs_resolve(struct http_req *r, struct app *a);

/* Handlers. */
void jobs_list(struct http_req *r, void *arg);
void jobs_create(struct http_req *r, void *arg);
void jobs_get(struct http_req *r, void *arg);
void jobs_delete(struct http_req *r, void *arg);
void jobs_cancel(struct http_req *r, void *arg);
void jobs_retry(struct http_req *r, void *arg);
void jobs_input(struct http_req *r, void *arg);
void jobs_resize(struct http_req *r, void *arg);
void jobs_signal(struct http_req *r, void *arg);

/* Requests that wait for the record of jobs to be read: that will take some time. */
void jobs_refuse_asked(struct app *a);

#endif
