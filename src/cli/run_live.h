/*
 * A job that was started from here, until it ends: its output, its input, and signals.
 *
 * Ctrl-C cancels the job, once more leaves it. The process ends afterwards.
 */
#ifndef CLI_RUN_LIVE_H
#define CLI_RUN_LIVE_H

#include <stdbool.h>

typedef struct cJSON cJSON;

struct run_live {
	const char *id;
	bool pty;   /* one channel, and this terminal's size */
	bool input; /* standard input is sent */
	bool quiet; /* no output: the job as JSON when it has ended */
};

/* Standard input is worth sending: neither a terminal, nor /dev/null, nor closed. */
bool run_live_has_input(void);

/* Returns the exit status. */
int run_live(const struct run_live *r);

/* Why a job did not end well, on standard error; nothing where its exit status says it. */
void run_live_say(const char *id, const cJSON *job);

#endif
