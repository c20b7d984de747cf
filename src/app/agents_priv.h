/* What the files of app/ that know of sessions share. Not for other files. */
#ifndef APP_AGENTS_PRIV_H
#define APP_AGENTS_PRIV_H

#include <stddef.h>

struct app;
struct prices;
struct sessions_message_row;
struct sessions_tool_row;
typedef struct cJSON cJSON;

/* Made when the daemon starts; any thread. */
const struct prices *agents_prices(const struct app *a);

/* As the API shows them, with that many bytes of a text. NULL where the state is not known. */
const char *session_state_name(int state);
cJSON *session_message_json(const struct sessions_message_row *m, size_t text_max);
cJSON *session_tool_json(const struct sessions_tool_row *t, size_t text_max);

#endif
