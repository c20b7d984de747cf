/* What the files of jobs in the daemon share. Not for others. */
#ifndef APP_JOBS_PRIV_H
#define APP_JOBS_PRIV_H

#include <uv.h>

#include "app/app_priv.h"
#include "app/jobs.h"
#include "job/runner.h"

struct asked;   /* jobs_routes.c: a request that waits */
struct reading; /* jobs_agent.c: what an agent prints */

struct jobs {
	struct runner *runner;
	char *dir;
	uv_timer_t sweep, reads, room;
	bool measuring, wrote;    /* jobs_room.c */
	struct reading *readings; /* utlist */
	struct asked *asked;      /* utlist */
	int64_t failed_ms;        /* when one last failed */
	bool stopped;
};

void jobs_on_sweep(uv_timer_t *t);
void jobs_unlink(struct app *a, uint64_t *take, size_t n); /* their files, on the pool */
void jobs_go_on(struct app *a);      /* requests that came before the runner was ready */
void jobs_drop_asked(struct app *a); /* the server has gone */
const char *jobs_home(void);

/* jobs_agent.c */
void jobs_agent_output(struct app *a, const struct job *j);
void jobs_agent_ended(struct app *a, const struct job *j);
void jobs_agent_close(struct app *a);

/* jobs_again.c: the archive has the lines of those that ended before this worker began. */
void jobs_again(struct app *a);

/* jobs_room.c: something has been written, and may be too much. */
void jobs_wrote(struct app *a);

/* jobs_query.c */
typedef void (*jobs_looked_cb)(void *arg, int rc, const struct jobs_row *row);
void jobs_look(struct app *a, uint64_t id, jobs_looked_cb done, void *arg);
void jobs_unavailable(struct http_req *r, int rc); /* 404, or 503 */
/* Of the route's first parameter; false: an error has been sent. */
bool jobs_number(struct http_req *r, uint64_t *number);
void jobs_answer_row(struct http_req *r, struct app *a, uint64_t id, bool again);

void jobs_free(struct app *a); /* when the loop has run out */

#endif
