#include "config.h"

#include "store/jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "proto/json.h"
#include "store/jobs_priv.h"
#include "store/sql.h"

const struct jobs_usage jobs_usage_unknown = {-1, -1, -1, -1, -1, -1, -1, 0};

static int64_t
sum(int64_t a, int64_t b)
{
	return a < 0 ? b : b < 0 ? a : a + b;
}

void
jobs_usage_add(struct jobs_usage *a, const struct jobs_usage *b)
{
	a->input = sum(a->input, b->input);
	a->cache_read = sum(a->cache_read, b->cache_read);
	a->cache_write_5m = sum(a->cache_write_5m, b->cache_write_5m);
	a->cache_write_1h = sum(a->cache_write_1h, b->cache_write_1h);
	a->output = sum(a->output, b->output);
	a->reasoning = sum(a->reasoning, b->reasoning);
	if (b->cost_usd >= 0)
		a->cost_usd = a->cost_usd < 0 ? b->cost_usd : a->cost_usd + b->cost_usd;
	if (a->cost_source == 0)
		a->cost_source = b->cost_source;
	else if (b->cost_source != 0 && b->cost_source != a->cost_source)
		a->cost_source = 3;
}

/* What an operation needs of its own; the strings are copies. */
struct act {
	struct jobs_row row; /* of most of them the number alone */
	struct jobs_try try;
	struct jobs_channel channel;
	int64_t before_ms;
	size_t max, n;
	uint64_t *ids;
	jobs_done_cb done;
	jobs_expired_cb expired;
	void *arg;
	size_t size;
	bool prompt;
};

static struct act *
act_new(uint64_t job, jobs_done_cb done, void *arg)
{
	struct act *a = xcalloc(1, sizeof *a);

	a->row.id = job;
	a->row.usage = jobs_usage_unknown;
	a->done = done;
	a->arg = arg;
	a->size = sizeof *a;
	return a;
}

static struct jobs_channel
keep_channel(struct act *a, const struct jobs_channel *c)
{
	struct jobs_channel copy = *c;

	copy.name = jobs_keep(&a->size, c->name);
	copy.reason = jobs_keep(&a->size, c->reason);
	return copy;
}

static void
keep_row(struct act *a, const struct jobs_row *row)
{
	a->row = *row;
	a->row.spec = jobs_keep(&a->size, row->spec);
	a->row.error = jobs_keep(&a->size, row->error);
	a->row.session = jobs_keep(&a->size, row->session);
	a->row.ntries = 0;
	a->row.tries = NULL;
	a->row.channels = NULL;
	if (row->nchannels == 0)
		return;
	a->row.channels = xcalloc(row->nchannels, sizeof *a->row.channels);
	a->size += row->nchannels * sizeof *a->row.channels;
	for (unsigned i = 0; i < row->nchannels; i++)
		a->row.channels[i] = keep_channel(a, &row->channels[i]);
}

static void
act_done(int rc, void *data)
{
	struct act *a = data;

	if (a->expired != NULL && rc == 0) {
		a->expired(0, a->ids, a->n, a->arg);
		a->ids = NULL;
	} else if (a->expired != NULL) {
		a->expired(rc, NULL, 0, a->arg);
	} else if (a->done != NULL) {
		a->done(rc, a->arg);
	}
	jobs_row_release(&a->row);
	free(a->try.reason);
	free(a->channel.name);
	free(a->channel.reason);
	free(a->ids);
	free(a);
}

static void
act_submit(struct store *s, struct act *take, int (*run)(sqlite3 *, void *), bool erase)
{
	const struct store_op op = {.run = run,
	    .done = act_done,
	    .data = take,
	    .size = take->size,
	    .erase = erase,
	    .prompt = take->prompt};

	store_submit(s, &op);
}

/* Why a statement that leaves terminal rows alone changed nothing. */
static int
why_unchanged(sqlite3 *db, const struct act *a, int terminal)
{
	int64_t one;
	int rc =
	    sql_get(db, &one, "SELECT 1 FROM jobs WHERE id=?", "l", jobs_number(a->row.id));

	return rc == 0 ? terminal : rc;
}

static int
put_channel(sqlite3 *db, uint64_t job, const struct jobs_channel *c)
{
	if (c->n == 0 || c->n > JOBS_CHANNELS_MAX)
		return -EINVAL;
	return sql_run_kept(db,
	    "INSERT INTO job_channels(job, n, state, bytes, name, exit_status, duration_ms,"
	    " reason) VALUES(?, ?, ?, ?, ?, NULLIF(?, -1), NULLIF(?, -1), ?)"
	    " ON CONFLICT(job, n) DO UPDATE SET state=excluded.state,"
	    " bytes=MAX(bytes, excluded.bytes), name=COALESCE(excluded.name, name),"
	    " exit_status=COALESCE(excluded.exit_status, exit_status),"
	    " duration_ms=COALESCE(excluded.duration_ms, duration_ms),"
	    " reason=COALESCE(excluded.reason, reason)",
	    "liiltilt", jobs_number(job), (int)c->n, c->state, jobs_number(c->bytes), c->name,
	    c->exit_status, c->duration_ms, c->reason);
}

static int
put_channels(sqlite3 *db, const struct jobs_row *row)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < row->nchannels; i++)
		rc = put_channel(db, row->id, &row->channels[i]);
	return rc;
}

/* Its arguments with blanks between them; NULL where there are none. */
static char *
command_of(const cJSON *spec)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(spec, "command"), *item;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item))
			continue;
		if (b.len != 0)
			buf_putc(&b, ' ');
		buf_puts(&b, item->valuestring);
	}
	return b.len != 0 ? buf_take(&b) : NULL;
}

static int
insert(sqlite3 *db, const struct jobs_row *r, const cJSON *spec)
{
	const struct jobs_usage *u = &r->usage;
	char *command = command_of(spec);
	int rc = sql_run_kept(db,
	    "INSERT INTO jobs(id, kind, state, key, created_ms, started_ms, ended_ms,"
	    " exit_status, pid, error, session, input, cache_read, cache_write_5m,"
	    " cache_write_1h, output, reasoning, cost_usd, cost_source, agent, pane, "
	    "of_session,"
	    " flow, name, correlation, command, spec)"
	    " SELECT ?1, ?2, ?3, ?4, ?5, NULLIF(?6, 0), NULLIF(?7, 0), NULLIF(?8, -1),"
	    " NULLIF(?9, 0), ?10, ?11, NULLIF(?12, -1), NULLIF(?13, -1), NULLIF(?14, -1),"
	    " NULLIF(?15, -1), NULLIF(?16, -1), NULLIF(?17, -1), NULLIF(?18, -1), ?19, ?20, "
	    "?21,"
	    " ?22, ?23, ?24, ?25, ?26, ?27"
	    " WHERE NOT EXISTS(SELECT 1 FROM sqlite_sequence WHERE name='jobs' AND seq>=?1)",
	    "liibllliittlllllldi"
	    "tttttttt",
	    jobs_number(r->id), r->kind, r->state, r->keyed ? r->key : NULL, sizeof r->key,
	    r->created_ms, r->started_ms, r->ended_ms, r->exit_status, r->pid, r->error,
	    r->session, u->input, u->cache_read, u->cache_write_5m, u->cache_write_1h,
	    u->output, u->reasoning, u->cost_usd, u->cost_source, json_string(spec, "agent"),
	    json_string(spec, "pane"), json_string(spec, "session"), json_string(spec, "flow"),
	    json_string(spec, "name"), json_string(spec, "correlation"), command, r->spec);

	free(command);
	return rc == 0 && sqlite3_changes(db) == 0 ? -EEXIST : rc;
}

static int
add(sqlite3 *db, void *data)
{
	const struct jobs_row *r = &((struct act *)data)->row;
	cJSON *spec;
	int rc;

	if (r->id == 0 || r->id > INT64_MAX || r->spec == NULL)
		return -EINVAL;
	if ((spec = json_parse(r->spec, strlen(r->spec))) == NULL)
		return -EINVAL;
	rc = insert(db, r, spec);
	cJSON_Delete(spec);
	return rc != 0 ? rc : put_channels(db, r);
}

void
jobs_add(struct store *s, const struct jobs_row *row, bool prompt, jobs_done_cb done, void *arg)
{
	struct act *a = act_new(row->id, done, arg);

	a->prompt = prompt;
	keep_row(a, row);
	act_submit(s, a, add, false);
}

static int
try_begin(sqlite3 *db, void *data)
{
	const struct act *a = data;
	const struct jobs_try *t = &a->try;
	int rc = sql_run_kept(db,
	    "UPDATE jobs SET state=1, started_ms=COALESCE(started_ms, NULLIF(?2, 0)), pid=NULL"
	    " WHERE id=?1 AND state<2",
	    "ll", jobs_number(a->row.id), t->started_ms);

	if (rc != 0)
		return rc;
	if (sqlite3_changes(db) == 0)
		return -ENOENT;
	return sql_run_kept(db,
	    "INSERT INTO job_tries(job, n, started_ms, from1, from2)"
	    " VALUES(?, ?, NULLIF(?, 0), ?, ?)",
	    "lllll", jobs_number(a->row.id), (int64_t)t->n, t->started_ms,
	    jobs_number(t->from[0]), jobs_number(t->from[1]));
}

void
jobs_try_begin(
    struct store *s, uint64_t job, const struct jobs_try *t, jobs_done_cb done, void *arg)
{
	struct act *a = act_new(job, done, arg);

	a->try = *t;
	a->try.reason = NULL;
	act_submit(s, a, try_begin, false);
}

static int
set_pid(sqlite3 *db, void *data)
{
	const struct act *a = data;

	return sql_run_kept(db, "UPDATE jobs SET pid=NULLIF(?2, 0) WHERE id=?1 AND state<2",
	    "li", jobs_number(a->row.id), a->row.pid);
}

void
jobs_pid(struct store *s, uint64_t job, int pid)
{
	struct act *a = act_new(job, NULL, NULL);

	a->row.pid = pid;
	act_submit(s, a, set_pid, false);
}

static int
try_end(sqlite3 *db, void *data)
{
	const struct act *a = data;
	const struct jobs_try *t = &a->try;
	int rc = sql_run_kept(db,
	    "UPDATE job_tries SET ended_ms=?3, exit_status=NULLIF(?4, -1), reason=?5,"
	    " retry_ms=NULLIF(?6, 0) WHERE job=?1 AND n=?2 AND ended_ms IS NULL"
	    " AND (SELECT state FROM jobs WHERE id=?1)<2",
	    "lllitl", jobs_number(a->row.id), (int64_t)t->n, t->ended_ms, t->exit_status,
	    t->reason, t->retry_ms);

	if (rc != 0)
		return rc;
	if (sqlite3_changes(db) == 0)
		return -ENOENT;
	return t->retry_ms <= 0 ? 0
				: sql_run_kept(db, "UPDATE jobs SET state=0 WHERE id=?", "l",
				      jobs_number(a->row.id));
}

/* What has ended has a time for it: it is found by that when it expires. */
static int64_t
end_ms(int64_t ms)
{
	return ms > 0 ? ms : clock_wall_ms();
}

void
jobs_try_end(
    struct store *s, uint64_t job, const struct jobs_try *t, jobs_done_cb done, void *arg)
{
	struct act *a = act_new(job, done, arg);

	a->try = *t;
	a->try.ended_ms = end_ms(t->ended_ms);
	a->try.reason = jobs_keep(&a->size, t->reason);
	act_submit(s, a, try_end, false);
}

/* What is not known leaves what was. ?1 is the job, ?2 the session. */
#define SET_USAGE \
	"UPDATE jobs SET session=COALESCE(?2, session)," \
	" input=COALESCE(NULLIF(?3, -1), input)," \
	" cache_read=COALESCE(NULLIF(?4, -1), cache_read)," \
	" cache_write_5m=COALESCE(NULLIF(?5, -1), cache_write_5m)," \
	" cache_write_1h=COALESCE(NULLIF(?6, -1), cache_write_1h)," \
	" output=COALESCE(NULLIF(?7, -1), output)," \
	" reasoning=COALESCE(NULLIF(?8, -1), reasoning)," \
	" cost_source=CASE WHEN ?9<0 THEN cost_source ELSE ?10 END," \
	" cost_usd=COALESCE(NULLIF(?9, -1), cost_usd)"

static int
end_row(sqlite3 *db, const struct jobs_row *r)
{
	const struct jobs_usage *u = &r->usage;

	return sql_run_kept(db,
	    SET_USAGE
	    ", state=?11, started_ms=COALESCE(NULLIF(?12, 0), started_ms), ended_ms=?13,"
	    " exit_status=NULLIF(?14, -1), pid=COALESCE(NULLIF(?15, 0), pid), error=?16"
	    " WHERE id=?1 AND state<2",
	    "ltlllllldiilliit", jobs_number(r->id), r->session, u->input, u->cache_read,
	    u->cache_write_5m, u->cache_write_1h, u->output, u->reasoning, u->cost_usd,
	    u->cost_source, r->state, r->started_ms, r->ended_ms, r->exit_status, r->pid,
	    r->error);
}

static int
end(sqlite3 *db, void *data)
{
	const struct act *a = data;
	const struct jobs_row *r = &a->row;
	int rc = r->state < 2 ? -EINVAL : end_row(db, r);

	if (rc == 0 && sqlite3_changes(db) == 0)
		return why_unchanged(db, a, -EALREADY);
	if (rc == 0)
		rc = sql_run_kept(db,
		    "UPDATE job_tries SET ended_ms=?2, exit_status=NULLIF(?3, -1), reason=?4"
		    " WHERE job=?1 AND n=(SELECT MAX(n) FROM job_tries WHERE job=?1"
		    " AND ended_ms IS NULL)",
		    "llit", jobs_number(r->id), r->ended_ms, r->exit_status, r->error);
	return rc != 0 ? rc : put_channels(db, r);
}

void
jobs_end(struct store *s, const struct jobs_row *row, jobs_done_cb done, void *arg)
{
	struct act *a = act_new(row->id, done, arg);
	struct jobs_row r = *row;

	r.spec = NULL;
	r.ended_ms = end_ms(row->ended_ms);
	keep_row(a, &r);
	act_submit(s, a, end, false);
}

static int
channel_set(sqlite3 *db, void *data)
{
	const struct act *a = data;
	int64_t state;
	int rc = sql_get(
	    db, &state, "SELECT state FROM jobs WHERE id=?", "l", jobs_number(a->row.id));

	if (rc == 0 && state >= 2)
		rc = -EALREADY;
	return rc != 0 ? rc : put_channel(db, a->row.id, &a->channel);
}

void
jobs_channel_set(
    struct store *s, uint64_t job, const struct jobs_channel *c, jobs_done_cb done, void *arg)
{
	struct act *a = act_new(job, done, arg);

	a->channel = keep_channel(a, c);
	act_submit(s, a, channel_set, false);
}

static int
usage_set(sqlite3 *db, void *data)
{
	const struct act *a = data;
	const struct jobs_usage *u = &a->row.usage;
	int rc = sql_run_kept(db, SET_USAGE " WHERE id=?1", "ltlllllldi",
	    jobs_number(a->row.id), a->row.session, u->input, u->cache_read, u->cache_write_5m,
	    u->cache_write_1h, u->output, u->reasoning, u->cost_usd, u->cost_source);

	return rc == 0 && sqlite3_changes(db) == 0 ? -ENOENT : rc;
}

void
jobs_usage_set(struct store *s, uint64_t job, const char *session, const struct jobs_usage *u,
    jobs_done_cb done, void *arg)
{
	struct act *a = act_new(job, done, arg);

	a->row.session = jobs_keep(&a->size, session);
	if (u != NULL)
		a->row.usage = *u;
	act_submit(s, a, usage_set, false);
}

static int
remove_one(sqlite3 *db, void *data)
{
	const struct act *a = data;
	int rc = sql_run_kept(
	    db, "DELETE FROM jobs WHERE id=? AND state>=2", "l", jobs_number(a->row.id));

	return rc == 0 && sqlite3_changes(db) == 0 ? why_unchanged(db, a, -EBUSY) : rc;
}

void
jobs_remove(struct store *s, uint64_t job, jobs_done_cb done, void *arg)
{
	act_submit(s, act_new(job, done, arg), remove_one, true);
}

static int
mark_removed(sqlite3 *db, void *data)
{
	const struct act *a = data;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < a->n; i++)
		rc = sql_run_kept(db,
		    "UPDATE job_channels SET reason='its output was removed to make room'"
		    " WHERE job=? AND bytes>0",
		    "l", jobs_number(a->ids[i]));
	return rc;
}

void
jobs_mark_removed(struct store *s, const uint64_t *ids, size_t n, jobs_done_cb done, void *arg)
{
	struct act *a = act_new(0, done, arg);

	a->ids = xreallocarray(NULL, n, sizeof *a->ids);
	memcpy(a->ids, ids, n * sizeof *ids);
	a->n = n;
	a->size += n * sizeof *ids;
	act_submit(s, a, mark_removed, false);
}

static int
list_expired(sqlite3 *db, struct act *a)
{
	sqlite3_stmt *st;
	size_t cap = 0;
	int rc = sql_prepare(db, &st,
	    "SELECT id FROM jobs WHERE state>=2 AND ended_ms<? ORDER BY ended_ms, id LIMIT ?",
	    "ll", a->before_ms, jobs_number(a->max));

	a->n = 0; /* of an attempt before this one */
	while (rc == 0 && (rc = sql_step(st)) == 1) {
		if (a->n == cap) {
			cap = cap * 2 + 64;
			a->ids = xreallocarray(a->ids, cap, sizeof *a->ids);
		}
		a->ids[a->n++] = (uint64_t)sqlite3_column_int64(st, 0);
		rc = 0;
	}
	return sql_finish(st, rc);
}

static int
expire(sqlite3 *db, void *data)
{
	struct act *a = data;
	sqlite3_stmt *st = NULL;
	int rc = list_expired(db, a);

	if (rc == 0)
		rc = sql_prepare(db, &st, "DELETE FROM jobs WHERE id=?", "");
	for (size_t i = 0; rc == 0 && i < a->n; i++) {
		sqlite3_bind_int64(st, 1, jobs_number(a->ids[i]));
		rc = sql_step(st);
		sqlite3_reset(st);
	}
	return sql_finish(st, rc);
}

void
jobs_expire(struct store *s, int64_t before_ms, size_t max, jobs_expired_cb done, void *arg)
{
	struct act *a = act_new(0, NULL, arg);

	a->before_ms = before_ms;
	a->max = max;
	a->expired = done;
	act_submit(s, a, expire, true);
}
