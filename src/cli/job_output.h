/* What a job has written, on standard output and error: as it is, but harmless on a terminal. */
#ifndef CLI_JOB_OUTPUT_H
#define CLI_JOB_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

struct cli_job_output {
	const char *id;
	unsigned channel; /* on standard output; 0: 1 there and 2 on standard error */
	uint64_t from;    /* byte */
	bool follow;      /* until the job has ended */
};

/* Returns an exit status; an error has been printed. */
int cli_job_output(const struct cli_job_output *o);

/* All that is there of a job that was started from here, as its command wrote it. */
int cli_job_output_all(const char *id);

#endif
