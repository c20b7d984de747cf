/*
 * Where the tool calls of a session are, by their number, without counting all of them each time.
 *
 * Kept between questions, for the sessions that were asked for last: how many rows there are, and
 * which id comes before every 512th. Rows are only added, with ids above those that are there, so
 * what is known is gone on from; that the last row is still the same call tells that the session was
 * not removed meanwhile. Only the first question about a session goes through its index.
 *
 * Any thread; they wait for each other.
 */
#ifndef STORE_SESSIONS_PLACES_H
#define STORE_SESSIONS_PLACES_H

#include <stdint.h>

#include <sqlite3.h>

struct sessions_places;

struct sessions_places *sessions_places_new(void);
void sessions_places_free(struct sessions_places *p); /* NULL is nothing */

/* *total: how many tool calls it has. The one with number `offset`, from 0, is the one behind the
 * first *skip of those with ids above *after. 0, or a negative errno value as store/sql.h says. */
int sessions_places_find(struct sessions_places *p, sqlite3 *db, int64_t session,
    int64_t offset, int64_t *total, int64_t *after, int64_t *skip);

#endif
