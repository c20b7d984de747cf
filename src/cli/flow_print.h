/* Runs of flows on standard output, from their JSON. */
#ifndef CLI_FLOW_PRINT_H
#define CLI_FLOW_PRINT_H

typedef struct cJSON cJSON;

void flow_print_list(const cJSON *flows);

/* A tree: each step below the last that it waits for, with its state, its time and where in the run's
 * time that was, and its cost. */
void flow_print_run(const cJSON *run);

/* A line for each step whose state is another than in `before`, which may be NULL. */
void flow_print_changes(const cJSON *before, const cJSON *run);

#endif
