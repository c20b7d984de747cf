/* What is printed of jobs and flows, from their JSON. Pure; any thread. */
#ifndef CLI_JOB_TEXT_H
#define CLI_JOB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cJSON cJSON;

/* Of a job, and of a flow's run or step. */
bool cli_job_ended(const cJSON *o);

/* What `run` exits with for a job that has ended: its command's status; 124 when it took too long, 130
 * when it was cancelled, 2 when it could not be started or was lost. */
int cli_job_status(const cJSON *job);

/* Milliseconds of an RFC 3339 member; 0: none. */
int64_t cli_job_time(const cJSON *o, const char *name);

/* "85ms", "1.2s", "3m05s", "2h10m", "4d03h"; "-" for less than 0. */
enum { CLI_DURATION_SIZE = 24 };
void cli_duration_text(int64_t ms, char out[CLI_DURATION_SIZE]);

/* Milliseconds from `started` to `ended`, or to now; -1: not started. */
int64_t cli_job_duration(const cJSON *o);

/* "512", "12.3K", "50M"... */
void cli_bytes_text(uint64_t bytes, char out[CLI_DURATION_SIZE]);

/* The command in one line, or the prompt of what has none; the caller frees. */
char *cli_job_command(const cJSON *job);

#endif
