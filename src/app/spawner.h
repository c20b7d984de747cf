/*
 * A worker that may start no process (os/harden.h) has its keeper do so.
 *
 * From spawner_new to spawner_free, whatever starts a process through os/spawn.h asks the keeper,
 * without waiting for it; and os_process_cwd, which such a worker is refused as well, asks over a
 * socket of its own. That one does wait, for LOOK_MS at most, on the loop, too; a keeper that
 * does not answer in time is not asked again for QUIET_MS.
 *
 * Loop's thread; os_process_cwd may be called from any.
 */
#ifndef APP_SPAWNER_H
#define APP_SPAWNER_H

#include <stdint.h>
#include <sys/types.h>

struct keep;
struct worker_spawner;
struct keep_message;

struct worker_spawner *spawner_new(struct keep *k);
void spawner_free(struct worker_spawner *s); /* NULL is nothing */

/* The keeper has been told of this pane or job: what is to be started for it can be. */
void spawner_born(struct worker_spawner *s, uint64_t number);

/* HELLO came again, from a keeper of another build. */
void spawner_greeted(struct worker_spawner *s);

/* The ticket of a helper (proto/keep.h) of which EXITED tells. */
pid_t spawner_ticket(const struct keep_message *m);

#endif
