/* What agents.c and agents_query.c share. Not for other files. */
#ifndef APP_AGENTS_PRIV_H
#define APP_AGENTS_PRIV_H

struct app;
struct prices;

/* Made when the daemon starts; any thread. */
const struct prices *agents_prices(const struct app *a);

#endif
