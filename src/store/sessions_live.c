#include "config.h"

#include "store/sessions_live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/xmalloc.h"
#include "store/sql.h"

/* Of a prompt no more is looked at: it may be a book. */
enum { TITLE_LOOK = 2000 };

static const char *
text(sqlite3_stmt *st, int column)
{
	return (const char *)sqlite3_column_text(st, column);
}

#define BRIEF \
	"SELECT id, agent, native, cwd, pane, SUBSTR(title, 1, 2000)," \
	" parent_native IS NOT NULL AND COALESCE(fork, 0)=0, state, state_ms, started_ms," \
	" updated_ms, (SELECT SUBSTR(prompt, 1, 2000) FROM turns WHERE session=s.id" \
	" AND prompt IS NOT NULL ORDER BY seq LIMIT 1)," \
	" CASE WHEN parent_native IS NOT NULL AND COALESCE(fork, 0)=0 THEN" \
	" (WITH RECURSIVE up(native, depth) AS (VALUES(s.parent_native, 0) UNION ALL" \
	" SELECT p.parent_native, depth+1 FROM up JOIN sessions p ON p.agent=s.agent" \
	" AND p.native=up.native WHERE p.parent_native IS NOT NULL AND COALESCE(p.fork, 0)=0" \
	" AND depth<16) SELECT native FROM up ORDER BY depth DESC LIMIT 1) END" \
	" FROM sessions s"

void
sessions_brief_release(struct sessions_brief *s)
{
	free(s->agent);
	free(s->native);
	free(s->cwd);
	free(s->pane);
	free(s->title);
	free(s->root);
	*s = (struct sessions_brief){.state = SESSIONS_UNKNOWN};
}

/* White space and control characters become one space between words. */
static void
make_title(char *s)
{
	unsigned char *to = (unsigned char *)s;
	unsigned chars = 0;
	bool space = false;

	if (s == NULL)
		return;
	for (const unsigned char *p = to; *p != '\0'; p++) {
		bool goes_on = (*p & 0xC0) == 0x80;

		if (*p <= ' ' || *p == 0x7F) {
			space = to != (unsigned char *)s;
			continue;
		}
		if (!goes_on && chars + (space ? 1 : 0) >= SESSIONS_TITLE_MAX)
			break;
		if (space)
			*to++ = ' ';
		chars += (space ? 1 : 0) + (goes_on ? 0 : 1);
		space = false;
		*to++ = *p;
	}
	*to = '\0';
}

char *
sessions_title(const char *title, const char *prompt)
{
	const char *const texts[] = {title, prompt};

	for (int i = 0; i < 2; i++) {
		char *s;

		if (texts[i] == NULL)
			continue;
		s = xstrndup(texts[i], TITLE_LOOK);
		make_title(s);
		if (*s != '\0')
			return s;
		free(s);
	}
	return NULL;
}

static void
take_row(sqlite3_stmt *st, struct sessions_brief *out)
{
	*out = (struct sessions_brief){.id = sqlite3_column_int64(st, 0),
	    .agent = sql_text(st, 1),
	    .native = sql_text(st, 2),
	    .cwd = sql_text(st, 3),
	    .pane = sql_text(st, 4),
	    .title = sessions_title(text(st, 5), text(st, 11)),
	    .sub = sqlite3_column_int(st, 6) != 0,
	    .state = (int)sql_count(st, 7),
	    .state_ms = sqlite3_column_int64(st, 8),
	    .started_ms = sqlite3_column_int64(st, 9),
	    .updated_ms = sqlite3_column_int64(st, 10),
	    .root = sql_text(st, 12)};
}

int
sessions_brief_prepare(sqlite3 *db, sqlite3_stmt **st)
{
	return sql_prepare(db, st, BRIEF " WHERE id=?", "");
}

int
sessions_brief_read(sqlite3_stmt *st, int64_t id, struct sessions_brief *out)
{
	int rc;

	*out = (struct sessions_brief){.state = SESSIONS_UNKNOWN};
	sqlite3_bind_int64(st, 1, id);
	rc = sql_step(st);
	if (rc == 1)
		take_row(st, out);
	sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

int
sessions_live_find(sqlite3 *db, const char *name, int64_t *id)
{
	uint64_t n;

	if (str_u64(name, 1, INT64_MAX, &n) == 0 &&
	    sql_get(db, id, "SELECT id FROM sessions WHERE id=?", "l", (int64_t)n) == 0)
		return 0;
	return sql_get(db, id,
	    "SELECT id FROM sessions WHERE native=? ORDER BY updated_ms DESC LIMIT 1", "t",
	    name);
}

int
sessions_live_recent(sqlite3 *db, int64_t since_ms, int64_t pane_ms, int64_t limit,
    bool (*cb)(void *arg, struct sessions_brief *s), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    BRIEF " WHERE updated_ms>=? OR (updated_ms>=? AND pane IS NOT NULL"
		  " AND COALESCE(state, 0) NOT IN (3, 4)) ORDER BY updated_ms DESC LIMIT ?",
	    "lll", since_ms, pane_ms, limit);

	while (rc == 0 && (rc = sql_step(st)) == 1) {
		struct sessions_brief s;

		take_row(st, &s);
		rc = cb(arg, &s) ? 0 : -ECANCELED;
		sessions_brief_release(&s);
	}
	rc = sql_finish(st, rc);
	return rc == -ECANCELED ? 0 : rc;
}

int
sessions_live_unlinked(
    sqlite3 *db, const char *agent, const char *cwd, int64_t since_ms, int64_t *n)
{
	return sql_get(db, n,
	    "SELECT COUNT(*) FROM sessions WHERE agent=? AND cwd=? AND pane IS NULL"
	    " AND started_ms>=? AND (parent_native IS NULL OR fork=1)",
	    "ttl", agent, cwd, since_ms);
}
