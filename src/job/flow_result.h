/*
 * What a step's job left: the value of ${steps.NAME.result}.
 *
 * Text is what its command wrote on channel 1 in the last try, without white space around it, and the last
 * words of the agent, where it wrote an agent's stream of JSON. It is cut at FLOW_RESULT_MAX bytes. As JSON
 * it must be one value, which may stand in a fence of Markdown; as lines it is an array of texts.
 * What is no UTF-8 is replaced.
 *
 * Any thread; reads files.
 */
#ifndef JOB_FLOW_RESULT_H
#define JOB_FLOW_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/flow.h"

enum { FLOW_RESULT_MAX = 64 * 1024 };

/* Of the try that began at `from`. `agent`: it may be an agent's stream. -EINVAL with a cause: it is not what
 * it should be, then *value is the text; other negative errno values: it cannot be read, and *value NULL. */
int flow_result_read(const char *dir, uint64_t job, uint64_t from, enum flow_result kind,
    bool agent, cJSON **value, bool *cut, char **cause);

/* The same of a text that is there. */
int flow_result_of(
    const char *text, size_t len, enum flow_result kind, bool cut, cJSON **value, char **cause);

#endif
