/* opencode's database: what is new of it is known by its rows' times, and it may be in its log. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ingest_priv.h"
#include "agent/opencode_db.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"

static const char db_agent[] = "opencode", db_format[] = "opencode-db", db_log[] = "-wal";

struct db_reading {
	struct ingest *g;
	int rc;
};

static void
on_db_event(void *arg, const struct agent_event *e)
{
	struct db_reading *r = arg;

	if (r->rc != 0)
		return;
	ingest_need_batch(r->g, db_agent);
	rows_event(&r->g->rows, e);
	if (ingest_full(r->g))
		r->rc = ingest_send(r->g);
}

static int64_t
time_of(const char *saved)
{
	uint64_t ms;

	return saved != NULL && str_u64(saved, 0, INT64_MAX, &ms) == 0 ? (int64_t)ms : 0;
}

static int
read_db(struct ingest *g, struct file *f, const struct stat *st)
{
	struct db_reading r = {.g = g};
	const struct agent_sink sink = {on_db_event, NULL, &r};
	struct sessions_source now = {.path = f->known.path,
	    .format = db_format,
	    .device = (uint64_t)st->st_dev,
	    .inode = (uint64_t)st->st_ino,
	    .size = (uint64_t)st->st_size,
	    .modified_ns = ingest_modified_ns(st)};
	bool same = f->known.device == now.device && f->known.inode == now.inode;
	int64_t since = same ? time_of(f->known.parser) : 0;
	char saved[24], *cause = NULL;
	int rc;

	rows_begin(&g->rows, g->rows.batch, db_agent);
	rc = opencode_db_read(now.path, &sink, &since, &cause);
	if (rc == -ENOTSUP || rc == -EBADMSG) {
		log_warn("sessions", "%s", cause);
		ingest_count(g, 0, 1);
		rc = 0; /* until it changes */
	}
	free(cause);
	if (rc != 0 || r.rc != 0)
		return rc != 0 ? rc : r.rc;
	snprintf(saved, sizeof saved, "%lld", (long long)since);
	now.parser = saved;
	ingest_need_batch(g, db_agent);
	ingest_note_place(g, f, &now);
	return ingest_full(g) ? ingest_send(g) : 0;
}

static void
check_db(struct ingest *g, const char *path)
{
	char *log = xasprintf("%s%s", path, db_log);
	struct stat st, more;
	struct file *f;
	int rc = stat(path, &st);

	if (rc == 0 && stat(log, &more) == 0) {
		st.st_size += more.st_size;
		if (ingest_modified_ns(&more) > ingest_modified_ns(&st))
			st.st_mtim = more.st_mtim;
	}
	free(log);
	if (rc != 0 || !S_ISREG(st.st_mode))
		return;
	f = ingest_need_file(g, path);
	if (ingest_unchanged(f, &st))
		return;
	rc = read_db(g, f, &st);
	if (rc != 0 && rc != -ECANCELED && rc != -ENOENT)
		g->dirty = true;
}

bool
ingest_check_db(struct ingest *g, const char *agent, const char *path)
{
	size_t n = strlen(path), end = strlen(db_log);
	char *base;

	if (strcmp(agent, db_agent) != 0)
		return false;
	base = xstrndup(path, n > end && strcmp(path + n - end, db_log) == 0 ? n - end : n);
	if (!opencode_db_is_one(base)) {
		free(base);
		return false;
	}
	check_db(g, base);
	free(base);
	return true;
}
