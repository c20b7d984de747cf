/*
 * Watches: patterns that stay, for panes that a glob names, with something to do when one is seen.
 *
 * A watch is kept in the state directory (watches.json) and survives restarts. For each pane
 * that it means there is a lookout (app/lookout.h). What it does, besides the event "fired" of the
 * topic watches that it always is:
 *
 *	command	an array is executed as it is, a string by /bin/sh -c, with PANESCRY_WATCH,
 *		PANESCRY_PANE, PANESCRY_LINE and PANESCRY_TEXT in its environment and nowhere
 *		else; at most COMMANDS_MAX at a time
 *	url	POST of the event as JSON by plain http, to this machine unless
 *		panescry.conf allows others (app/webhook.h)
 *
 * What the event and the list tell of a line has its secrets masked (agent/secrets.h).
 *
 * There are no more than max_watches of panescry.conf(5). Not more often than every `every_ms`; what comes sooner is counted. Loop's thread.
 */
#ifndef APP_WATCH_H
#define APP_WATCH_H

#include <stdbool.h>
#include <sys/types.h>

struct app;
struct entry;
struct http_req;
typedef struct cJSON cJSON;

enum { COMMANDS_MAX = 8 };

/* Reads the file; blocks. */
int watches_load(struct app *a, char **cause);
void watches_free(struct app *a);

/* A pane can be watched from now on. */
void watches_pane(struct entry *e);

/* A pane of tmux has gone: another one may get its id, which a watch on it does not mean. */
void watches_pane_gone(struct app *a, const char *id);

/* A child has ended that is no pane. */
void watches_reaped(struct app *a, pid_t pid);

cJSON *watches_json(struct app *a);

/* How many there are; *fired: how many of them have been seen since the worker started. */
unsigned watches_count(const struct app *a, unsigned *fired);

void watches_list(struct http_req *r, void *arg);
void watches_create(struct http_req *r, void *arg);
void watches_delete(struct http_req *r, void *arg);

#endif
