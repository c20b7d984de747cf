/*
 * opencode's database: sessions, messages and their parts, as events.
 *
 * Rows change in place, so what changed is found by when it did. What is changed while it is read,
 * or in the last moments before, is given again the next time: whoever takes the events replaces.
 *
 * Only reads, and keeps no writer waiting: the database has a log (WAL). Like any reader of such a
 * database it may make the -shm file. One thread.
 */
#ifndef AGENT_OPENCODE_DB_H
#define AGENT_OPENCODE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"

/* Gives what changed since *since_ms (0: all), and sets it for the next time. -EBUSY: try later;
 * -ENOENT: there is none; -ENOTSUP: it is of a version whose tables are others; and what sql.h
 * says. */
int opencode_db_read(
    const char *path, const struct agent_sink *sink, int64_t *since_ms, char **cause);

/* "opencode.db", "opencode-dev.db". */
bool opencode_db_is_one(const char *path);

#endif
