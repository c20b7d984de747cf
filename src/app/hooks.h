/*
 * Events of agents' hooks (agent/hook.h), from the file that `panescry hook` appends to.
 *
 * The file is taken every few seconds, and at once when the command says that there is something: renamed,
 * read on the pool, written to the store, and removed when that is done. One that was taken and
 * not written, because of a crash or a full disk, is read again; reading it twice changes nothing.
 * Who appends looks whether the file is still there by its name, and appends again if not: so
 * nothing is written to a file that has been read.
 *
 * Loop's thread.
 */
#ifndef APP_HOOKS_H
#define APP_HOOKS_H

#include <stdbool.h>

struct app;
struct http_req;

enum { HOOKS_SPOOL_MAX = 64 * 1024 * 1024 }; /* bytes that are read; more is left out */

void hooks_open(struct app *a);
void hooks_pause(struct app *a, bool pause); /* another process takes it */
void hooks_close(struct app *a);
void hooks_free(struct app *a); /* when the loop has run out */

/* Handler: POST hooks. There is something. */
void hooks_notice(struct http_req *r, void *arg);

#endif
