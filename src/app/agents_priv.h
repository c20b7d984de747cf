/* What the files of agents share. Not for others. */
#ifndef APP_AGENTS_PRIV_H
#define APP_AGENTS_PRIV_H

#include <stdbool.h>

struct app;
struct prices;

/* Made when the daemon starts; any thread. */
const struct prices *agents_prices(const struct app *a);

/* The table of the program, with panescry.conf's over it. A file that cannot be used fails the start;
 * a worker that takes another's place does without it, as panes would end with the daemon. */
int agents_load_prices(struct app *a, char **cause);

/* What was there when the daemon started has been read, if it is to be. */
bool agents_settled(const struct app *a);

#endif
