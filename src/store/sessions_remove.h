/*
 * Removing sessions from the log: every row of theirs, and of the sub-agents they started; forks are
 * sessions in their own right and stay. The pages that held them are overwritten, and the log
 * of the database is taken in and cut, as far as readers let it.
 *
 * Of a session that somebody removed, its agent and the agent's own id stay in `removed`: its transcript
 * is still on disk, and nothing of it is taken up again when it grows or is read anew
 * (store/sessions.h). Of one that only was old enough nothing stays: when its transcript grows,
 * what is added is read on, and is a session that begins there.
 *
 * Usage is a row for each key, with the session that said it first (store/sessions.h), and goes with
 * that one: what a fork or a copy said again of it counts no more, until its file is read from its
 * beginning.
 */
#ifndef STORE_SESSIONS_REMOVE_H
#define STORE_SESSIONS_REMOVE_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

struct store;

/* n: how many sessions went. */
typedef void (*sessions_removed_cb)(int rc, int64_t n, void *arg);

/* The one that sessions_find finds by this id; -ENOENT. The store's owner; `done` is called as
 * store/store.h says, and may be NULL. */
void sessions_remove(struct store *s, const char *id, sessions_removed_cb done, void *arg);

/* Those that were last at work before a time, with all of their sub-agents. `forget`: so that they
 * may come back. */
void sessions_remove_before(
    struct store *s, int64_t before_ms, bool forget, sessions_removed_cb done, void *arg);

/* All but the `keep` (above 0) that were last at work, as with `forget`. A session and its sub-agents
 * stay while one of them does. */
void sessions_remove_beyond(
    struct store *s, unsigned keep, sessions_removed_cb done, void *arg);

/* For the writer: whether nothing of it is to be written, as it was removed, or the session that it
 * is a sub-agent of was; then it counts as removed itself from now on. `parent` may be NULL, and
 * is for a fork. 1, 0, or a negative errno value. */
int sessions_refuse(sqlite3 *db, const char *agent, const char *native, const char *parent);

#endif
