/* What the files of app/ that know of sessions share. Not for other files. */
#ifndef APP_AGENTS_PRIV_H
#define APP_AGENTS_PRIV_H

#include <stdbool.h>
#include <stddef.h>

struct app;
struct prices;
struct sessions_message_row;
struct sessions_tool_row;
typedef struct cJSON cJSON;

/* Made when the daemon starts; any thread. */
const struct prices *agents_prices(const struct app *a);

/* The table of the program, with panescry.conf's over it. A file that cannot be used fails the start;
 * a worker that takes another's place does without it, as panes would end with the daemon. */
int agents_load_prices(struct app *a, char **cause);

/* What was there when the daemon started has been read, if it is to be. */
bool agents_settled(const struct app *a);

/* Text that somebody wrote: its secrets masked, but to be revealed; of one that is cut to so many
 * bytes, NAME_bytes says how long it is. */
void session_add_text(cJSON *o, const char *name, const char *text, size_t max, bool reveal);

/* As the API shows them, with such texts. NULL where the state is not known. */
const char *session_state_name(int state);
cJSON *session_message_json(const struct sessions_message_row *m, size_t text_max, bool reveal);
cJSON *session_tool_json(const struct sessions_tool_row *t, size_t text_max, bool reveal);

#endif
