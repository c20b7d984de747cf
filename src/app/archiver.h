/*
 * Which lines go to the archive (store/archive.h), and when.
 *
 * Completed lines of a pane are put when a thousand have gathered, before the history can lose
 * them, and otherwise every few seconds; when the pane ends, those of its screen follow. Panes
 * that were started without an archive are left out. A worker that follows another goes on
 * behind the last line that is on the disk.
 *
 * What was typed is never archived: only what a program printed is, so a password that is not
 * echoed is not there. Loop's thread.
 */
#ifndef APP_ARCHIVER_H
#define APP_ARCHIVER_H

#include <stdbool.h>

struct app;
struct entry;
typedef struct cJSON cJSON;

int archiver_open(struct app *a, char **cause);
void archiver_close(struct app *a); /* may wait for the disk, a little */

void archiver_output(struct entry *e);
void archiver_ended(struct entry *e); /* every line is there; may be called again */
void archiver_gone(struct entry *e);  /* it is removed */

/* Whether a pane that has ended can be removed without loss. */
bool archiver_has_all(struct entry *e);

/* Everything is put; false while it is not written. */
bool archiver_flushed(struct app *a);

cJSON *archiver_json(struct app *a);

#endif
