/* Jobs that a worker before this one left: nothing can go on with them here, so they are let go. */
#include "config.h"

#include <unistd.h>

#include "app/app_priv.h"
#include "base/log.h"

static unsigned long long
bare(uint64_t number)
{
	return number & ~KEEP_JOB;
}

void
worker_job_found(
    struct app *a, uint64_t number, pid_t pid, bool ended, int wait_status, int fds[KEEP_FDS])
{
	if (ended)
		worker_job_exited(a, number, pid, wait_status);
	else
		log_warn("app", "job %llu (process %d) is let go", bare(number), (int)pid);
	for (unsigned i = 0; i < KEEP_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (!ended)
		keep_say_pane(a->keep, KEEP_GONE, number, 0);
}

void
worker_job_exited(struct app *a, uint64_t number, pid_t pid, int wait_status)
{
	log_info("app", "job %llu (process %d) ended with wait status %d", bare(number),
	    (int)pid, wait_status);
	keep_say_pane(a->keep, KEEP_GONE, number, 0);
}

void
worker_jobs_held(struct app *a)
{
	(void)a; /* none runs */
}
