/* Jobs on standard output, from their JSON: as a list, and one with all that is known of it. */
#ifndef CLI_JOBS_PRINT_H
#define CLI_JOBS_PRINT_H

typedef struct cJSON cJSON;

void jobs_print_list(const cJSON *jobs);
void jobs_print_job(const cJSON *job);

/* Tokens and cost of a usage object (DESIGN's), on the rest of a line; nothing of what is unknown. */
void jobs_print_usage(const cJSON *usage);

#endif
