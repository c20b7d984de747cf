/*
 * Files that change below the directories of jobs.
 *
 * One thread watches for all jobs (os_watch of os/os.h), which are added when they are queued, so
 * that nothing is missed when they begin. Who changed a file the system does not tell: it is the job
 * below whose directory it is, while it runs. Where that is so of several jobs, a file that was
 * changed once is nobody's, since one of them did it and the others did not; one that is changed
 * again, after a moment, is of all of them.
 *
 * Directories named .git, .hg, .svn, .cache and node_modules are not looked into, nor the one that
 * is to be left out, nor links below a job's directory; more than COLLIDE_DIRS of all jobs are not watched. Files that go
 * are not told. Changes are told a moment later, COLLIDE_DELAY_MS at the most, each path once.
 *
 * Loop's thread.
 */
#ifndef APP_COLLIDE_WATCH_H
#define APP_COLLIDE_WATCH_H

#include <stdint.h>

#include <uv.h>

enum { COLLIDE_DIRS = 8192, COLLIDE_DELAY_MS = 2000, COLLIDE_CHANGES = 10000 };

struct collide_watch;

typedef void (*collide_watch_cb)(void *arg, uint64_t job, const char *path, int64_t time_ms);

/* NULL where the system tells of no changes. */
struct collide_watch *collide_watch_new(
    uv_loop_t *loop, const char *leave_out, collide_watch_cb changed, void *arg);
void collide_watch_free(
    struct collide_watch *w); /* NULL is nothing; before the loop has run out */

/* dir is absolute; again is nothing. */
void collide_watch_add(struct collide_watch *w, uint64_t job, const char *dir);
void collide_watch_began(struct collide_watch *w, uint64_t job, int64_t time_ms);
void collide_watch_ended(struct collide_watch *w, uint64_t job, int64_t time_ms);

#endif
