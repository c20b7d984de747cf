#include "config.h"

#include "store/sessions_places.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "store/sql.h"

enum { STEP = 512, KEPT = 8 };

struct place {
	int64_t session; /* 0: free */
	int64_t n, last; /* rows, and the id of the last */
	char *call;      /* of the last */
	int64_t *before; /* n / STEP + 1 ids, with room for cap; the first is 0 */
	size_t cap;
	uint64_t asked;
};

struct sessions_places {
	pthread_mutex_t mutex;
	struct place kept[KEPT];
	uint64_t asked;
};

struct sessions_places *
sessions_places_new(void)
{
	struct sessions_places *p = xcalloc(1, sizeof *p);

	pthread_mutex_init(&p->mutex, NULL);
	return p;
}

static void
forget(struct place *k)
{
	free(k->call);
	free(k->before);
	*k = (struct place){0};
}

void
sessions_places_free(struct sessions_places *p)
{
	if (p == NULL)
		return;
	for (int i = 0; i < KEPT; i++)
		forget(&p->kept[i]);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}

/* The session's, or in place of the one that was not asked for longest. */
static struct place *
place_of(struct sessions_places *p, int64_t session)
{
	struct place *k = &p->kept[0];

	for (int i = 0; i < KEPT; i++) {
		if (p->kept[i].session == session) {
			k = &p->kept[i];
			break;
		}
		if (p->kept[i].asked < k->asked)
			k = &p->kept[i];
	}
	if (k->session != session)
		forget(k);
	k->session = session;
	k->asked = ++p->asked;
	return k;
}

/* 1: the last row is still there. */
static int
check(const struct place *k, sqlite3 *db)
{
	sqlite3_stmt *st;
	int rc, is = 0;

	if (k->n == 0)
		return 0;
	rc = sql_prepare(
	    db, &st, "SELECT session, call FROM tool_traces WHERE id=?", "l", k->last);
	if (rc == 0 && (rc = sql_step(st)) == 1)
		is = sqlite3_column_int64(st, 0) == k->session &&
		     strcmp((const char *)sqlite3_column_text(st, 1), k->call) == 0;
	rc = sql_finish(st, rc);
	return rc != 0 ? rc : is;
}

static int
read_call(struct place *k, sqlite3 *db)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st, "SELECT call FROM tool_traces WHERE id=?", "l", k->last);

	free(k->call);
	k->call = NULL;
	if (rc == 0 && (rc = sql_step(st)) == 1)
		k->call = sql_text(st, 0);
	rc = sql_finish(st, rc);
	return rc == 0 && k->call == NULL ? -ENOENT : rc;
}

static void
add(struct place *k, int64_t id)
{
	if (k->n % STEP == 0) {
		size_t i = (size_t)(k->n / STEP);

		if (i == k->cap) {
			k->cap = k->cap * 2 + 16;
			k->before = xreallocarray(k->before, k->cap, sizeof *k->before);
		}
		k->before[i] = k->last;
	}
	k->n++;
	k->last = id;
}

/* What has come since. */
static int
go_on(struct place *k, sqlite3 *db)
{
	sqlite3_stmt *st;
	int64_t n = k->n;
	int rc = sql_prepare(db, &st,
	    "SELECT id FROM tool_traces WHERE session=? AND id>? ORDER BY id", "ll", k->session,
	    k->last);

	while (rc == 0 && (rc = sql_step(st)) == 1) {
		add(k, sqlite3_column_int64(st, 0));
		rc = 0;
	}
	rc = sql_finish(st, rc);
	return rc == 0 && k->n != n ? read_call(k, db) : rc;
}

int
sessions_places_find(struct sessions_places *p, sqlite3 *db, int64_t session, int64_t offset,
    int64_t *total, int64_t *after, int64_t *skip)
{
	struct place *k;
	int64_t at;
	int rc;

	pthread_mutex_lock(&p->mutex);
	k = place_of(p, session);
	rc = check(k, db);
	if (rc == 0) { /* there is none, or no more */
		uint64_t asked = k->asked;

		forget(k);
		k->session = session;
		k->asked = asked;
	}
	if (rc >= 0)
		rc = go_on(k, db);
	at = offset < k->n ? offset : k->n;
	*total = k->n;
	*after = at == k->n ? k->last : k->before[at / STEP];
	*skip = at == k->n ? 0 : at % STEP;
	if (rc != 0)
		forget(k);
	pthread_mutex_unlock(&p->mutex);
	return rc;
}
