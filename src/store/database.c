#include "config.h"

#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "store/sql.h"

/* Beyond this many set aside in one second there is something else wrong. */
enum { ASIDE_TRIES = 100 };

enum fault
database_fault(sqlite3 *db)
{
	switch (sqlite3_errcode(db) & 0xFF) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return FAULT_NONE;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return FAULT_DAMAGED;
	case SQLITE_INTERRUPT:
		return FAULT_INTERRUPTED;
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_BUSY:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_PROTOCOL:
		return FAULT_WAIT;
	default:
		return FAULT_OWN;
	}
}

static sqlite3_file *
log_file(sqlite3 *db)
{
	sqlite3_file *log = NULL;

	sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
	return log != NULL && log->pMethods != NULL ? log : NULL;
}

/* A commit that fails does not keep the system's error for sqlite3_system_errno. Nearly always
 * it is of the log that it writes. */
static int
io_error(sqlite3 *db)
{
	sqlite3_file *log = log_file(db);
	int err = 0;

	if (log != NULL)
		log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &err);
	return err > 0 ? -err : sql_error(db);
}

void
database_explain(const struct database *d, const char *doing, char **cause)
{
	switch (sqlite3_errcode(d->db) & 0xFF) {
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		err_sys(cause, io_error(d->db), "%s %s", doing, d->path);
		break;
	case SQLITE_FULL:
		err_sys(cause, -ENOSPC, "%s %s", doing, d->path);
		break;
	default:
		err_set(cause, -EIO, "%s %s: %s", doing, d->path, sqlite3_errmsg(d->db));
	}
}

/* What is a statement's own fault while the file is being opened is one of ours, and comes again
 * each time. */
static enum fault
failed(const struct database *d, char **cause, const char *doing)
{
	enum fault f = database_fault(d->db);

	database_explain(d, doing, cause);
	return f == FAULT_NONE || f == FAULT_OWN ? FAULT_FINAL : f;
}

/* SQLite would make it with what the umask leaves of 0644. The log and the index take over the
 * mode of the file. No connection of this process may have it open: by POSIX, closing any
 * descriptor of a file drops the process's locks on it. */
static int
make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), rc = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = -EINVAL;
	else if ((st.st_mode & 077) != 0 && fchmod(fd, 0600) != 0)
		rc = -errno;
	close(fd);
	return rc;
}

static void
set_checkpoint(sqlite3 *db, bool at_close)
{
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, at_close ? 0 : 1, NULL);
}

enum fault
database_connect(struct database *d, char **cause)
{
	const int flags =
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	enum fault f;
	int rc = make_private(d->path);

	if (rc != 0) {
		err_sys(cause, rc, "open %s", d->path);
		return FAULT_WAIT;
	}
	if (sqlite3_open_v2(d->path, &d->db, flags, NULL) == SQLITE_OK) {
		sqlite3_extended_result_codes(d->db, 1);
		set_checkpoint(d->db, false);
		return FAULT_NONE;
	}
	f = failed(d, cause, "open");
	sqlite3_close(d->db);
	d->db = NULL;
	return f;
}

int
database_sync(struct database *d)
{
	sqlite3_file *log = log_file(d->db);

	/* What is no longer in the log was synced when it was taken in. */
	if (log == NULL)
		return -EIO;
	return log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) == SQLITE_OK ? 0 : -EIO;
}

int
database_cut_log(struct database *d)
{
	return sqlite3_wal_checkpoint_v2(d->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
		       SQLITE_OK
		   ? 0
		   : sql_error(d->db);
}

void
database_drop_pages(struct database *d)
{
	sqlite3_db_release_memory(d->db);
}

bool
database_has_moved(const struct database *d)
{
	int moved = 0;

	return sqlite3_file_control(d->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
		   SQLITE_OK &&
	       moved != 0;
}

bool
database_needs_room(const struct database *d)
{
	int code = sqlite3_errcode(d->db) & 0xFF;

	return code == SQLITE_FULL || code == SQLITE_IOERR;
}

bool
database_is_cramped(const struct database *d)
{
	sqlite3_file *log = log_file(d->db);
	sqlite3_int64 size = 0;
	struct statvfs fs;

	return log != NULL && log->pMethods->xFileSize(log, &size) == SQLITE_OK && size > 0 &&
	       statvfs(d->path, &fs) == 0 &&
	       (uint64_t)size > (uint64_t)fs.f_bavail * fs.f_frsize / 2;
}

void
database_close(struct database *d, bool checkpoint)
{
	sqlite3_stmt *st;

	if (d->db == NULL)
		return;
	while ((st = sqlite3_next_stmt(d->db, NULL)) != NULL)
		sqlite3_finalize(st); /* sql_run_kept's */
	set_checkpoint(d->db, checkpoint);
	/* A reader keeps the log from being taken in at the close, but not this. */
	if (checkpoint)
		sqlite3_wal_checkpoint_v2(d->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	sqlite3_close(d->db);
	d->db = NULL;
}

static int
known_version(const struct database *d)
{
	int n = 0;

	while (d->scripts[n] != NULL)
		n++;
	return n;
}

static enum fault
check_version(struct database *d, int64_t *version, char **cause)
{
	int64_t v;

	if (sql_get(d->db, &v, "PRAGMA user_version", "") != 0)
		return failed(d, cause, "read");
	if (v > known_version(d)) {
		err_set(cause, -ENOTSUP,
		    "%s is of a newer version of this program (%d, and this one knows %d)",
		    d->path, (int)v, known_version(d));
		return FAULT_FINAL;
	}
	if (v < 0) {
		err_set(cause, -EBADMSG, "%s says to be of version %d", d->path, (int)v);
		return FAULT_DAMAGED;
	}
	*version = v;
	return FAULT_NONE;
}

/* What is deleted is overwritten. The log is taken in when it has 32 MB, and not cut then, as to
 * make it grow again costs more than to write over what is there; one that a reader made grow is
 * cut back to the limit when it starts anew. */
static const char modes[] = "PRAGMA synchronous=NORMAL;"
			    "PRAGMA foreign_keys=ON;"
			    "PRAGMA secure_delete=ON;"
			    "PRAGMA trusted_schema=OFF;"
			    "PRAGMA cache_size=-16384;"
			    "PRAGMA wal_autocheckpoint=8000;"
			    "PRAGMA journal_size_limit=41943040";

/* The log is what makes a row safe from a kill at any moment, and lets readers read on. */
static enum fault
set_modes(struct database *d, char **cause)
{
	sqlite3_stmt *st;
	char *mode = NULL;
	int rc = sql_prepare(d->db, &st, "PRAGMA journal_mode=WAL", "");

	if (rc == 0 && (rc = sql_step(st)) == 1)
		mode = sql_text(st, 0);
	rc = sql_finish(st, rc);
	if (rc != 0 || sqlite3_exec(d->db, modes, NULL, NULL, NULL) != SQLITE_OK) {
		free(mode);
		return failed(d, cause, "set up");
	}
	rc = mode != NULL && strcmp(mode, "wal") == 0 ? 0 : -ENOTSUP;
	free(mode);
	if (rc != 0) {
		err_set(cause, rc, "%s is on a file system that cannot keep its log", d->path);
		return FAULT_FINAL;
	}
	return FAULT_NONE;
}

/* Its first line may be a heading. */
static const char *
finding(const char *text)
{
	const char *second = text == NULL ? NULL : strchr(text, '\n');

	return second != NULL ? second + 1 : text != NULL ? text : "no answer";
}

static enum fault
check_pages(struct database *d, char **cause)
{
	sqlite3_stmt *st;
	char *text = NULL;
	enum fault f = FAULT_NONE;
	int rc = sql_prepare(d->db, &st, "PRAGMA quick_check(1)", "");

	if (rc == 0 && (rc = sql_step(st)) == 1)
		text = sql_text(st, 0);
	if (rc < 0) {
		f = failed(d, cause, "check");
	} else if (text == NULL || strcmp(text, "ok") != 0) {
		err_set(cause, -EBADMSG, "check %s: %s", d->path, finding(text));
		f = FAULT_DAMAGED;
	}
	sql_finish(st, rc);
	free(text);
	return f;
}

/* Page for page, so that whatever an older program left in it is in the copy. */
static int
copy_pages(sqlite3 *from, const char *to, int64_t *version)
{
	sqlite3_backup *b = NULL;
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(to, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK && (b = sqlite3_backup_init(db, "main", from, "main")) != NULL) {
		sqlite3_backup_step(b, -1);
		sqlite3_backup_finish(b);
	}
	if ((rc = sql_error(db)) == 0)
		rc = sql_get(db, version, "PRAGMA user_version", "");
	sqlite3_close(db);
	return rc;
}

/* Another process that upgrades at the same time may have been faster: then the copy is of
 * something else, and the right one is there. */
static enum fault
keep_copy(struct database *d, int version, char **cause)
{
	char *copy = xasprintf("%s.v%d", d->path, version);
	char *tmp = xasprintf("%s.%ld", copy, (long)getpid());
	int64_t copied = -1;
	int rc;

	unlink(tmp); /* an earlier attempt's would be taken for a database */
	if ((rc = make_private(tmp)) == 0)
		rc = copy_pages(d->db, tmp, &copied);
	if (rc == 0 && copied == version && rename(tmp, copy) != 0)
		rc = -errno;
	if (rc != 0)
		err_sys(cause, rc, "copy %s to %s", d->path, copy);
	if (rc != 0 || copied != version)
		unlink(tmp);
	else
		log_info("store", "kept %s as it was before the upgrade", copy);
	free(tmp);
	free(copy);
	return rc == 0 ? FAULT_NONE : FAULT_WAIT;
}

static bool
exec(struct database *d, const char *sql)
{
	return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* No parameters are to be had here; the number is ours. */
static bool
set_version(struct database *d, int64_t version)
{
	char *set = xasprintf("PRAGMA user_version=%d", (int)version);
	bool ok = exec(d, set);

	free(set);
	return ok;
}

enum fault
database_touch(struct database *d)
{
	int64_t version;

	if (sql_get(d->db, &version, "PRAGMA user_version", "") != 0 ||
	    !set_version(d, version))
		return database_fault(d->db);
	return FAULT_NONE;
}

/* One version further, or as far as another process has brought it in the meantime. */
static enum fault
run_script(struct database *d, int64_t *version, char **cause)
{
	enum fault f = FAULT_NONE;
	int64_t now = -1;
	bool ok =
	    exec(d, "BEGIN IMMEDIATE") && sql_get(d->db, &now, "PRAGMA user_version", "") == 0;

	if (ok && now == *version) {
		ok = exec(d, d->scripts[now]) && set_version(d, now + 1);
		now++;
	}
	if (ok && exec(d, "COMMIT")) {
		*version = now;
	} else {
		f = failed(d, cause, "upgrade");
		if (!sqlite3_get_autocommit(d->db))
			exec(d, "ROLLBACK");
	}
	return f;
}

static enum fault
migrate(struct database *d, int64_t version, char **cause)
{
	const int64_t last = known_version(d);
	int64_t things;
	enum fault f = FAULT_NONE;

	if (version == last)
		return FAULT_NONE;
	if (sql_get(d->db, &things, "SELECT count(*) FROM sqlite_master", "") != 0)
		return failed(d, cause, "read");
	if (things != 0)
		f = keep_copy(d, (int)version, cause);
	while (f == FAULT_NONE && version < last)
		f = run_script(d, &version, cause);
	return f == FAULT_NONE ? check_version(d, &version, cause) : f;
}

enum fault
database_prepare(struct database *d, char **cause)
{
	int64_t version = 0;
	enum fault f = check_version(d, &version, cause);

	if (f == FAULT_NONE)
		f = set_modes(d, cause);
	if (f == FAULT_NONE)
		f = check_pages(d, cause);
	if (f == FAULT_NONE)
		f = migrate(d, version, cause);
	return f;
}

static const char *const parts[] = {"-wal", "-shm", ""};

static bool
is_free(const char *base)
{
	bool is = true;

	for (size_t i = 0; is && i < sizeof parts / sizeof parts[0]; i++) {
		struct stat st;
		char *path = xasprintf("%s%s", base, parts[i]);
		is = lstat(path, &st) != 0 && errno == ENOENT;
		free(path);
	}
	return is;
}

/* PATH.damaged-20261121T020304Z, with -2 and so on behind it if there is one. */
static char *
aside_path(const char *path)
{
	time_t now = (time_t)(clock_wall_ms() / 1000);
	char when[sizeof "20261121T020304Z"], *to;
	struct tm tm;

	gmtime_r(&now, &tm);
	if (strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm) == 0)
		snprintf(when, sizeof when, "unknown");
	to = xasprintf("%s.damaged-%s", path, when);
	for (int i = 2; !is_free(to) && i < ASIDE_TRIES; i++) {
		free(to);
		to = xasprintf("%s.damaged-%s-%d", path, when, i);
	}
	if (is_free(to))
		return to;
	free(to);
	return NULL;
}

/* The file itself goes last: as long as it is there, it is found damaged again. */
int
database_set_aside(const char *path, char **aside, char **cause)
{
	char *to = aside_path(path);
	int rc = to == NULL ? -EEXIST : 0;

	for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof parts[0]; i++) {
		char *old = xasprintf("%s%s", path, parts[i]);
		char *new = xasprintf("%s%s", to, parts[i]);
		if (rename(old, new) != 0 && errno != ENOENT)
			rc = -errno;
		free(old);
		free(new);
	}
	if (rc != 0) {
		err_sys(cause, rc, "set %s aside", path);
		free(to);
		return rc;
	}
	*aside = to;
	return 0;
}

uint64_t
database_bytes(const char *path)
{
	char *log = xasprintf("%s-wal", path);
	struct stat st;
	uint64_t n = 0;

	if (stat(path, &st) == 0)
		n += (uint64_t)st.st_size;
	if (stat(log, &st) == 0)
		n += (uint64_t)st.st_size;
	free(log);
	return n;
}
