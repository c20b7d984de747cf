#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "store/jobs.h"
#include "store/jobs_priv.h"
#include "store/sql.h"

#define COLUMNS \
	"id, kind, state, spec, key, created_ms, started_ms, ended_ms, exit_status, pid," \
	" error, session, input, cache_read, cache_write_5m, cache_write_1h, output," \
	" reasoning, cost_usd, cost_source"

enum { STATES = 7, OPEN = 1 << 0 | 1 << 1 };

static void
release_channels(struct jobs_row *row)
{
	for (unsigned i = 0; row->channels != NULL && i < row->nchannels; i++) {
		free(row->channels[i].name);
		free(row->channels[i].reason);
	}
	free(row->channels);
}

void
jobs_row_release(struct jobs_row *row)
{
	for (unsigned i = 0; row->tries != NULL && i < row->ntries; i++)
		free(row->tries[i].reason);
	free(row->tries);
	release_channels(row);
	free(row->spec);
	free(row->error);
	free(row->session);
	*row = (struct jobs_row){.exit_status = -1, .usage = jobs_usage_unknown};
}

static void
read_row(sqlite3_stmt *st, struct jobs_row *r)
{
	const void *key = sqlite3_column_blob(st, 4);

	*r = (struct jobs_row){
	    .id = (uint64_t)sqlite3_column_int64(st, 0),
	    .kind = sqlite3_column_int(st, 1),
	    .state = sqlite3_column_int(st, 2),
	    .spec = sql_text(st, 3),
	    .created_ms = sqlite3_column_int64(st, 5),
	    .started_ms = sqlite3_column_int64(st, 6),
	    .ended_ms = sqlite3_column_int64(st, 7),
	    .exit_status = (int)sql_count(st, 8),
	    .pid = sqlite3_column_int(st, 9),
	    .error = sql_text(st, 10),
	    .session = sql_text(st, 11),
	    .usage = {.input = sql_count(st, 12),
		.cache_read = sql_count(st, 13),
		.cache_write_5m = sql_count(st, 14),
		.cache_write_1h = sql_count(st, 15),
		.output = sql_count(st, 16),
		.reasoning = sql_count(st, 17),
		.cost_usd = sqlite3_column_type(st, 18) == SQLITE_NULL
				? -1
				: sqlite3_column_double(st, 18),
		.cost_source = sqlite3_column_int(st, 19)},
	};
	if (key != NULL && sqlite3_column_bytes(st, 4) == JOBS_KEY_SIZE) {
		r->keyed = true;
		memcpy(r->key, key, JOBS_KEY_SIZE);
	}
}

/* What belongs to a row, for one after the other. */
struct parts {
	sqlite3_stmt *tries, *channels;
};

static int
parts_prepare(sqlite3 *db, struct parts *p)
{
	int rc = sql_prepare(db, &p->tries,
	    "SELECT n, started_ms, ended_ms, retry_ms, exit_status, reason, from1, from2"
	    " FROM job_tries WHERE job=? ORDER BY n",
	    "");

	if (rc == 0)
		rc = sql_prepare(db, &p->channels,
		    "SELECT n, state, bytes, name, exit_status, duration_ms, reason"
		    " FROM job_channels WHERE job=? ORDER BY n",
		    "");
	return rc;
}

static void
parts_finish(struct parts *p)
{
	sqlite3_finalize(p->tries);
	sqlite3_finalize(p->channels);
}

static int
read_tries(sqlite3_stmt *st, struct jobs_row *row)
{
	unsigned cap = 0;
	int rc;

	sqlite3_bind_int64(st, 1, jobs_number(row->id));
	while ((rc = sql_step(st)) == 1) {
		if (row->ntries == cap) {
			cap = cap * 2 + 4;
			row->tries = xreallocarray(row->tries, cap, sizeof *row->tries);
		}
		row->tries[row->ntries++] =
		    (struct jobs_try){.n = (unsigned)sqlite3_column_int64(st, 0),
			.started_ms = sqlite3_column_int64(st, 1),
			.ended_ms = sqlite3_column_int64(st, 2),
			.retry_ms = sqlite3_column_int64(st, 3),
			.exit_status = (int)sql_count(st, 4),
			.reason = sql_text(st, 5),
			.from = {(uint64_t)sqlite3_column_int64(st, 6),
			    (uint64_t)sqlite3_column_int64(st, 7)}};
	}
	sqlite3_reset(st);
	return rc;
}

static int
read_channels(sqlite3_stmt *st, struct jobs_row *row)
{
	unsigned cap = 0;
	int rc;

	sqlite3_bind_int64(st, 1, jobs_number(row->id));
	while ((rc = sql_step(st)) == 1) {
		if (row->nchannels == cap) {
			cap = cap * 2 + 4;
			row->channels =
			    xreallocarray(row->channels, cap, sizeof *row->channels);
		}
		row->channels[row->nchannels++] =
		    (struct jobs_channel){.n = (unsigned)sqlite3_column_int64(st, 0),
			.state = sqlite3_column_int(st, 1),
			.bytes = (uint64_t)sqlite3_column_int64(st, 2),
			.name = sql_text(st, 3),
			.exit_status = (int)sql_count(st, 4),
			.duration_ms = sql_count(st, 5),
			.reason = sql_text(st, 6)};
	}
	sqlite3_reset(st);
	return rc;
}

/* What a row's statement sees its parts' see too, as long as it goes on. */
static int
read_whole(sqlite3_stmt *st, struct parts *p, struct jobs_row *row)
{
	int rc;

	read_row(st, row);
	rc = read_channels(p->channels, row);
	return rc != 0 ? rc : read_tries(p->tries, row);
}

/* Takes the statement. */
static int
give_rows(sqlite3 *db, sqlite3_stmt *st, int rc, jobs_row_cb cb, void *arg)
{
	struct parts parts = {0};
	int answer = 0;

	if (rc == 0)
		rc = parts_prepare(db, &parts);
	while (rc == 0 && answer == 0 && (rc = sql_step(st)) == 1) {
		struct jobs_row row;

		if ((rc = read_whole(st, &parts, &row)) == 0)
			answer = cb(arg, &row);
		jobs_row_release(&row);
	}
	parts_finish(&parts);
	rc = sql_finish(st, rc);
	return rc != 0 ? rc : answer;
}

/* Lists. */

/* The numbers of what is bound. */
enum { AGENT = 1, SESSION, PANE, FLOW, NAME, CORRELATION, TEXT, BEFORE, LIMIT };

/* One way to some of the rows that are wanted, by an index and in the order of their numbers; those
 * of several have no row in common. */
struct way {
	const char *index; /* NULL: by the number itself */
	char where[48];
};

struct plan {
	struct way ways[STATES];
	unsigned n;
	bool by_state, by_session;
};

static void
add_way(struct plan *p, const char *index, const char *where)
{
	struct way *w = &p->ways[p->n++];

	w->index = index;
	strncpy(w->where, where, sizeof w->where - 1);
}

static void
go_by_state(struct plan *p, unsigned states)
{
	char where[] = "state=0";

	p->by_state = true;
	for (unsigned i = 0; i < STATES; i++) {
		where[sizeof where - 2] = (char)('0' + i);
		if (states & 1u << i)
			add_way(p, "jobs_state", where);
	}
}

static const char *
index_of(const struct jobs_query *q)
{
	return q->correlation != NULL ? "jobs_correlation"
	       : q->name != NULL      ? "jobs_name"
	       : q->flow != NULL      ? "jobs_flow"
	       : q->pane != NULL      ? "jobs_pane"
				      : NULL;
}

/* What has few rows goes first: those that have not ended, then what names one thing, then agents, states
 * and kinds. jobs_agent has the state in it. */
static struct plan
make_plan(const struct jobs_query *q)
{
	struct plan p = {0};
	const char *index = index_of(q);

	if (q->states != 0 && (q->states & ~(unsigned)OPEN) == 0) {
		go_by_state(&p, q->states);
	} else if (index != NULL) {
		add_way(&p, index, "TRUE");
	} else if (q->session != NULL) {
		p.by_session = true;
		add_way(&p, "jobs_session", "session=?2");
		add_way(&p, "jobs_of_session", "of_session=?2 AND session IS NOT ?2");
	} else if (q->agent != NULL) {
		add_way(&p, "jobs_agent", "TRUE");
	} else if (q->states != 0) {
		go_by_state(&p, q->states);
	} else {
		add_way(&p, q->kind >= 0 ? "jobs_kind" : NULL, "TRUE");
	}
	return p;
}

static void
put_states(struct buf *b, unsigned states)
{
	const char *comma = "";

	buf_puts(b, " AND state IN (");
	for (unsigned i = 0; i < STATES; i++) {
		if (states & 1u << i) {
			buf_printf(b, "%s%u", comma, i);
			comma = ", ";
		}
	}
	buf_putc(b, ')');
}

/* What all of the ways ask for. Only numbers are pasted. */
static void
put_wishes(struct buf *b, const struct jobs_query *q, const struct plan *p)
{
	if (q->agent != NULL)
		buf_puts(b, " AND agent=?1");
	if (q->session != NULL && !p->by_session)
		buf_puts(b, " AND (session=?2 OR of_session=?2)");
	if (q->pane != NULL)
		buf_puts(b, " AND pane=?3");
	if (q->flow != NULL)
		buf_puts(b, " AND flow=?4");
	if (q->name != NULL)
		buf_puts(b, " AND name=?5");
	if (q->correlation != NULL)
		buf_puts(b, " AND correlation=?6");
	if (q->kind >= 0)
		buf_printf(b, " AND kind=%d", q->kind);
	if (q->states != 0 && !p->by_state)
		put_states(b, q->states);
	if (q->text != NULL)
		buf_puts(b, " AND (name LIKE ?7 ESCAPE '\\' OR command LIKE ?7 ESCAPE '\\')");
}

static void
put_way(struct buf *b, const struct jobs_query *q, const struct plan *p, const struct way *w)
{
	buf_puts(b, " FROM jobs");
	if (w->index != NULL)
		buf_printf(b, " INDEXED BY %s", w->index);
	buf_printf(b, " WHERE %s", w->where);
	put_wishes(b, q, p);
}

static char *
count_sql(const struct jobs_query *q, const struct plan *p)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "SELECT 0");
	for (unsigned i = 0; i < p->n; i++) {
		buf_puts(&b, "+(SELECT COUNT(*)");
		put_way(&b, q, p, &p->ways[i]);
		buf_putc(&b, ')');
	}
	return buf_take(&b);
}

static char *
page_sql(const struct jobs_query *q, const struct plan *p)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "SELECT " COLUMNS " FROM jobs WHERE id IN (");
	for (unsigned i = 0; i < p->n; i++) {
		buf_printf(&b, "%sSELECT id FROM (SELECT id", i == 0 ? "" : " UNION ALL ");
		put_way(&b, q, p, &p->ways[i]);
		buf_puts(&b, " AND id<?8 ORDER BY id DESC LIMIT ?9)");
	}
	buf_puts(&b, ") ORDER BY id DESC LIMIT ?9");
	return buf_take(&b);
}

/* Anywhere in a text, and as it is. */
static char *
pattern_of(const char *text)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_putc(&b, '%');
	for (; *text != '\0'; text++) {
		if (strchr("%_\\", *text) != NULL)
			buf_putc(&b, '\\');
		buf_putc(&b, *text);
	}
	buf_putc(&b, '%');
	return buf_take(&b);
}

/* Those that a statement does not have are not bound. */
static void
bind_query(sqlite3_stmt *st, const struct jobs_query *q, const char *pattern)
{
	const char *const texts[] = {
	    q->agent, q->session, q->pane, q->flow, q->name, q->correlation, pattern};
	int n = sqlite3_bind_parameter_count(st);

	for (int i = AGENT; i <= TEXT && i <= n; i++)
		sqlite3_bind_text(st, i, texts[i - 1], -1, SQLITE_STATIC);
	if (n < LIMIT)
		return;
	sqlite3_bind_int64(st, BEFORE, q->before == 0 ? INT64_MAX : jobs_number(q->before));
	sqlite3_bind_int64(st, LIMIT, q->limit);
}

static int
prepare_query(sqlite3 *db, sqlite3_stmt **st, char *sql_take, const struct jobs_query *q,
    const char *pattern)
{
	int rc = sql_prepare(db, st, sql_take, "");

	free(sql_take);
	if (rc == 0)
		bind_query(*st, q, pattern);
	return rc;
}

static int
count(sqlite3 *db, const struct jobs_query *q, const struct plan *p, const char *pattern,
    uint64_t *total)
{
	sqlite3_stmt *st;
	int rc = prepare_query(db, &st, count_sql(q, p), q, pattern);

	if (rc == 0 && (rc = sql_step(st)) == 1)
		*total = (uint64_t)sqlite3_column_int64(st, 0);
	return sql_finish(st, rc);
}

int
jobs_each(sqlite3 *db, const struct jobs_query *q, jobs_row_cb cb, void *arg, uint64_t *total)
{
	const struct plan p = make_plan(q);
	sqlite3_stmt *st = NULL;
	char *pattern;
	int rc = 0;

	if (total != NULL)
		*total = 0;
	if (q->text != NULL && strlen(q->text) > JOBS_PATTERN_MAX)
		return -EINVAL;
	pattern = q->text != NULL ? pattern_of(q->text) : NULL;
	if (total != NULL && p.n != 0)
		rc = count(db, q, &p, pattern, total);
	if (rc == 0 && p.n != 0 && q->limit != 0) {
		rc = prepare_query(db, &st, page_sql(q, &p), q, pattern);
		rc = give_rows(db, st, rc, cb, arg);
	}
	free(pattern);
	return rc;
}

/* Others. */

int
jobs_read(sqlite3 *db, uint64_t id, struct jobs_row *out)
{
	struct parts parts = {0};
	sqlite3_stmt *st;
	int rc = sql_prepare(
	    db, &st, "SELECT " COLUMNS " FROM jobs WHERE id=?", "l", jobs_number(id));

	*out = (struct jobs_row){0};
	if (rc == 0)
		rc = parts_prepare(db, &parts);
	if (rc == 0 && (rc = sql_step(st)) == 1)
		rc = read_whole(st, &parts, out);
	else if (rc == 0)
		rc = -ENOENT;
	parts_finish(&parts);
	if (rc != 0)
		jobs_row_release(out);
	return sql_finish(st, rc);
}

int
jobs_open_ones(sqlite3 *db, jobs_row_cb cb, void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "SELECT " COLUMNS " FROM jobs INDEXED BY jobs_state WHERE state<2 ORDER BY id", "");

	return give_rows(db, st, rc, cb, arg);
}

int
jobs_keys(sqlite3 *db, int64_t since_ms,
    void (*cb)(void *arg, const unsigned char *key, uint64_t id, int64_t ended_ms), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "SELECT key, id, ended_ms FROM jobs INDEXED BY jobs_ended WHERE state>=2"
	    " AND state=2 AND ended_ms>=? AND length(key)=? ORDER BY ended_ms, id",
	    "li", since_ms, JOBS_KEY_SIZE);

	while (rc == 0 && (rc = sql_step(st)) == 1) {
		cb(arg, sqlite3_column_blob(st, 0), (uint64_t)sqlite3_column_int64(st, 1),
		    sqlite3_column_int64(st, 2));
		rc = 0;
	}
	return sql_finish(st, rc);
}

int
jobs_last_number(sqlite3 *db, uint64_t *out)
{
	int64_t n = 0;
	int rc = sql_get(db, &n, "SELECT seq FROM sqlite_sequence WHERE name='jobs'", "");

	*out = (uint64_t)n;
	return rc == -ENOENT ? 0 : rc;
}
