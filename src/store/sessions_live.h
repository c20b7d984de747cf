/*
 * Reading the log of agents' sessions for those who follow it live: sessions in short, and what was
 * said last. On a connection of one's own or, in an operation, the writer's; blocks. 0, or a
 * negative errno value as store/sql.h says.
 */
#ifndef STORE_SESSIONS_LIVE_H
#define STORE_SESSIONS_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "store/sessions.h"
#include "store/sessions_read.h"

/* One line of no more than SESSIONS_TITLE_MAX characters: what the agent calls it, else the first
 * prompt. For the caller to free; NULL where neither says anything. */
char *sessions_title(const char *title, const char *prompt);

/* For many: prepared once, to be finalized by the caller. Where there is no such session, out->id
 * is 0. What out had is not freed. */
int sessions_brief_prepare(sqlite3 *db, sqlite3_stmt **st);
int sessions_brief_read(sqlite3_stmt *st, int64_t id, struct sessions_brief *out);

/* By our id in decimal, or else by the agent's own, of several the newest. -ENOENT. */
int sessions_live_find(sqlite3 *db, const char *name, int64_t *id);

/* Those written at or after since_ms, or in a pane and neither done nor written before pane_ms;
 * the newest first. The callback may take what the brief holds, and leave it empty. */
int sessions_live_recent(sqlite3 *db, int64_t since_ms, int64_t pane_ms, int64_t limit,
    bool (*cb)(void *arg, struct sessions_brief *s), void *arg);

/* How many sessions of an agent in a directory began since then and have no pane. */
int sessions_live_unlinked(
    sqlite3 *db, const char *agent, const char *cwd, int64_t since_ms, int64_t *n);

#endif
