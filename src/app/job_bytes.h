/* Bytes that a job wrote, in JSON. Pure; any thread. */
#ifndef APP_JOB_BYTES_H
#define APP_JOB_BYTES_H

#include <stddef.h>

typedef struct cJSON cJSON;

/* Adds "text", or "base64" where they are no UTF-8, or have a NUL. At most some MiB. */
void job_bytes_json(cJSON *o, const char *data, size_t len);

/* How many at the end begin a character that is cut off. */
size_t job_bytes_cut(const char *data, size_t len);

#endif
