/* Jobs as the API shows them, with secrets masked (agent/secrets.h). Any thread. */
#ifndef APP_JOBS_JSON_H
#define APP_JOBS_JSON_H

#include <stdbool.h>

struct jobs_channel;
struct jobs_row;
struct jobs_usage;
typedef struct cJSON cJSON;

/* As in lists, where `tries` is a number; or whole, with each of them. */
cJSON *jobs_row_json(const struct jobs_row *row, bool whole);
/* With this spec, whatever the row has. */
cJSON *jobs_row_json_of(const struct jobs_row *row, cJSON *take_spec, bool whole);
/* What has been masked of it, as it is on record. */
void jobs_json_reveal(cJSON *o, const struct jobs_row *row);

cJSON *jobs_channel_json(const struct jobs_channel *c);
cJSON *jobs_usage_json(const struct jobs_usage *u); /* null where nothing of it is known */

#endif
