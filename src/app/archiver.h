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
struct archive_run;
struct entry;
typedef struct cJSON cJSON;

int archiver_open(struct app *a, char **cause);
/* May wait for the disk, a little; waits, on the loop, for those that read it. */
void archiver_close(struct app *a);

/* Around work on other threads that reads the archive. Called on the loop. */
void archiver_use(struct app *a);
void archiver_unuse(struct app *a);

void archiver_output(struct entry *e);
void archiver_ended(struct entry *e); /* every line is there; may be called again */
void archiver_gone(struct entry *e);  /* it is removed */

/* What its lines are archived under. */
struct archive_run archiver_run(const struct entry *e);

/* It goes on without this daemon: what is on its screen is no line yet. */
void archiver_leave(struct entry *e);

/* Whether a pane that has ended can be removed without loss. */
bool archiver_has_all(struct entry *e);

/* Everything is put; false while it is not written. */
bool archiver_flushed(struct app *a);

cJSON *archiver_json(struct app *a);

#endif
