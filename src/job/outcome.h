/*
 * What an agent said of itself in a job's output: its session, its tokens and cost, and why it failed.
 *
 * Channel 1 of a job with an agent is read by the parser of that agent's streams
 * (agent_format_of_stream); what is no such stream says nothing. Errors are also looked for on
 * channel 2 and in plain text, where the agents' programs print them. Any thread; reads files.
 */
#ifndef JOB_OUTCOME_H
#define JOB_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "store/jobs.h"

enum outcome_signal {
	OUTCOME_NONE,
	OUTCOME_RATE_LIMIT, /* tried again */
	OUTCOME_OVERLOAD,   /* the server's; tried again */
	OUTCOME_AUTH,       /* never tried again */
	OUTCOME_ERROR,      /* anything else that the agent calls one */
};

struct job_outcome {
	enum outcome_signal signal;
	char *text;              /* the agent's words, cut at 500 bytes; or NULL */
	char *session;           /* the agent's id of it; or NULL */
	char *model;             /* or NULL */
	struct jobs_usage usage; /* computed cost where the agent states none */
};

const char *outcome_signal_name(enum outcome_signal s); /* "rate_limit" */

/* `model`: the one that was asked for, by which tokens are priced where the stream names none; or NULL.
 * Of the try that began at these offsets of the two channels. 0 or a negative errno value. */
int outcome_read(const char *dir, uint64_t job, const char *agent, const char *model,
    const uint64_t from[2], struct job_outcome *out);
void outcome_release(struct job_outcome *o);

#endif
