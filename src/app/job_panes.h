/*
 * Panes of jobs: each channel of a job (job/job.h) that prints is a remote pane (pane/pane.h), "j12.1",
 * so that history, archive, search, capture, attach, wait and watches work on it as on any other.
 *
 * A pane is made with the first byte of its channel. Of a channel that is no PTY it has
 * 120 columns and 40 rows, and begins in newline mode, in which LF begins a new row: the pane's
 * offset is that of the channel and JOB_PANE_PREFIX. One of a PTY has the PTY's size and what
 * is typed goes to the job; the others take no input.
 *
 * A job's pane goes when its job has ended, the archive has its lines and its viewers have left. It is
 * not listed: it is not among the panes of GET /api/v1/panes, of the page, of status and metrics,
 * does not count against panes_max, and is searched and watched only where jobs are named
 * (job_panes_glob). By its id it is found, and "j12" is enough where a job has one.
 *
 * Its memory is private and the keeper does not hold it: all that was fed to it is in the channel's
 * file. After a worker's death the next one feeds that file from its beginning, and gets the same
 * lines with the same numbers, of which the archive passes over those that it has. So a pane costs
 * neither a descriptor nor a message, of which a job that runs for a few milliseconds would
 * need two each. A watch may then be fired again by what it was fired by before.
 *
 * What its lines are archived under is the time at which its job was made, with the process 0,
 * which no daemon has: that is the same in every run of the daemon, and another one if the numbers of
 * jobs should ever begin anew, behind the loss of the database.
 *
 * There are JOB_PANES_MAX at most. A channel that begins to print when there are as many has none.
 *
 * Loop's thread.
 */
#ifndef APP_JOB_PANES_H
#define APP_JOB_PANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/archive.h"

struct app;
struct entry;
struct job_spec;
typedef struct cJSON cJSON;

enum { JOB_PANES_MAX = 1024, JOB_PANE_RING = 256 * 1024, JOB_PANE_PREFIX = 5 };

/* What people ask of a job through its pane. As job_write and job_resize. */
struct job_panes_hooks {
	int (*input)(struct app *a, uint64_t job, const void *data, size_t len);
	int (*resize)(struct app *a, uint64_t job, unsigned cols, unsigned rows);
};

void job_panes_open(struct app *a, const struct job_panes_hooks *hooks); /* borrowed */
void job_panes_free(struct app *a); /* behind the last pane */

/* Whose output it is. */
struct job_output {
	uint64_t job;
	unsigned channel;            /* from 1 */
	const struct job_spec *spec; /* for pty, cols, rows, argv, cwd and name */
	int64_t created_ms;
};

/* Passes over what the pane has already, and what lies beyond a gap. */
void job_panes_output(struct app *a, const struct job_output *from, uint64_t offset,
    const void *data, size_t len);

/* Where output is to go on; 0 without a pane. */
uint64_t job_panes_resume(struct app *a, uint64_t job, unsigned channel);

/* As pane_resize, of the PTY's pane. -ENOENT: it has none. */
int job_panes_resize(struct app *a, uint64_t job, unsigned cols, unsigned rows);
/* The PTY has another size now. */
void job_panes_resized(struct app *a, uint64_t job, unsigned cols, unsigned rows);

/* No output follows, of a channel or of all (0). */
void job_panes_ended(struct app *a, uint64_t job, unsigned channel);

/* The daemon ends, but the channels go on with the next: what is on the screen is no line yet. */
void job_panes_leave(struct app *a, uint64_t job);

unsigned job_panes_count(const struct app *a);

/* Whether a glob over panes names jobs: it begins with "j" and a digit. NULL does not. */
bool job_panes_glob(const char *glob);

/* "j12": whether it means that entry, as all of its job. */
bool job_pane_named(const struct entry *e, const char *ref);
bool job_pane_takes_input(const struct entry *e);
static inline bool
job_panes_is_run(const struct archive_run *run)
{
	return run->pid == 0;
}

/* Adds "job" and "channel". */
void job_pane_json(const struct entry *e, cJSON *pane);

void job_pane_gone(struct entry *e); /* before the pane is freed */

#endif
