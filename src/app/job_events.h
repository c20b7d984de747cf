/*
 * What happens to jobs, told to the listeners of /ws/events (app/events.h), and only while there
 * are any: nothing is made of it otherwise. A topic is told for LINGER_MS after its last listener has
 * gone, so that one that comes back finds the events that it missed.
 *
 *	jobs	one event of type "job" for each change of a job, as in lists
 *	job:ID	the same of one job, and of type "output" what it writes: {"channel","offset","text"},
 *		or "base64" where that is no UTF-8
 *
 * Output is told at most OUTPUT_HZ times a second for each channel, with at most OUTPUT_MAX bytes, the
 * newest: where `offset` is not where the last one ended, there is more in the channel
 * (app/job_channels.h). The state of the topic "jobs" are those that live, the newest; that of a job is
 * the job and the last OUTPUT_MAX bytes of each channel with their offset. Output that comes behind
 * a state may begin before the state's end, and is to be passed over up to there.
 *
 * Loop's thread.
 */
#ifndef APP_JOB_EVENTS_H
#define APP_JOB_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app;
typedef struct cJSON cJSON;

enum { JOB_OUTPUT_HZ = 20, JOB_OUTPUT_BYTES = 64 * 1024 };

/* Whether anybody hears of that job. */
bool job_events_wanted(const struct app *a, uint64_t job);

/* One event of type "job", of a job or a stream, behind what it wrote. */
void jobs_tell(struct app *a, const char *id, cJSON *take);

/* Bytes that are in the file. */
void job_events_output(struct app *a, uint64_t job, unsigned channel, uint64_t offset,
    const void *data, size_t len);

void job_events_close(struct app *a); /* no more is told */

/* For events.c, as live_listen and the others. */
bool job_events_is_topic(const char *topic);
bool job_events_listen(struct app *a, const char *topic, uint64_t after);
void job_events_unlisten(struct app *a, const char *topic);
void job_events_state(struct app *a, cJSON *state); /* of the topic "jobs" */

struct job_snapshot;
struct job_snapshot *job_snapshot(
    struct app *a, const char *topic, void (*done)(cJSON *take, void *arg), void *arg);
void job_snapshot_cancel(struct job_snapshot *s); /* NULL is nothing */

#endif
