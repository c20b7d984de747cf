#include "config.h"

#include "store/sql.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/xmalloc.h"

static int
system_error(sqlite3 *db)
{
	int err = sqlite3_system_errno(db);

	return err > 0 ? -err : -EIO;
}

static int
constraint_error(int code)
{
	return code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
		       code == SQLITE_CONSTRAINT_ROWID
		   ? -EEXIST
		   : -EINVAL;
}

int
sql_error(sqlite3 *db)
{
	int code = sqlite3_extended_errcode(db);

	switch (code & 0xFF) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return system_error(db);
	case SQLITE_CONSTRAINT:
		return constraint_error(code);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_INTERRUPT:
		return -ECANCELED;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EROFS;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}

static int
bind_one(sqlite3_stmt *st, int i, char type, va_list *ap)
{
	const void *p;

	switch (type) {
	case 'i':
		return sqlite3_bind_int(st, i, va_arg(*ap, int));
	case 'l':
		return sqlite3_bind_int64(st, i, va_arg(*ap, int64_t));
	case 'd':
		return sqlite3_bind_double(st, i, va_arg(*ap, double));
	case 't':
		return sqlite3_bind_text(st, i, va_arg(*ap, const char *), -1, SQLITE_STATIC);
	case 'b':
		p = va_arg(*ap, const void *);
		return sqlite3_bind_blob64(st, i, p, va_arg(*ap, size_t), SQLITE_STATIC);
	case 'n':
		return sqlite3_bind_null(st, i);
	default:
		return SQLITE_MISUSE;
	}
}

static int
bind_all(sqlite3_stmt *st, const char *types, va_list *ap)
{
	for (int i = 0; types[i] != '\0'; i++)
		if (bind_one(st, i + 1, types[i], ap) != SQLITE_OK)
			return -EINVAL;
	return 0;
}

static int
vprepare(sqlite3 *db, sqlite3_stmt **out, const char *sql, const char *types, va_list *ap)
{
	sqlite3_stmt *st = NULL;
	int rc;

	*out = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		return sql_error(db);
	if ((rc = bind_all(st, types, ap)) != 0) {
		sqlite3_finalize(st);
		return rc;
	}
	*out = st;
	return 0;
}

int
sql_prepare(sqlite3 *db, sqlite3_stmt **st, const char *sql, const char *types, ...)
{
	va_list ap;
	int rc;

	va_start(ap, types);
	rc = vprepare(db, st, sql, types, &ap);
	va_end(ap);
	return rc;
}

int
sql_step(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	rc = sql_error(sqlite3_db_handle(st));
	return rc != 0 ? rc : -EIO;
}

int
sql_finish(sqlite3_stmt *st, int rc)
{
	sqlite3_finalize(st);
	return rc > 0 ? 0 : rc;
}

int
sql_run(sqlite3 *db, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int rc;

	va_start(ap, types);
	rc = vprepare(db, &st, sql, types, &ap);
	va_end(ap);
	if (rc != 0)
		return rc;
	while ((rc = sql_step(st)) == 1)
		;
	return sql_finish(st, rc);
}

/* One that was kept and is not in use. */
static sqlite3_stmt *
kept(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st = NULL;

	while ((st = sqlite3_next_stmt(db, st)) != NULL)
		if (!sqlite3_stmt_busy(st) && strcmp(sqlite3_sql(st), sql) == 0)
			break;
	return st;
}

int
sql_run_kept(sqlite3 *db, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st = kept(db, sql);
	va_list ap;
	int rc;

	if (st == NULL &&
	    sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
		return sql_error(db);
	va_start(ap, types);
	rc = bind_all(st, types, &ap);
	va_end(ap);
	while (rc == 0 && (rc = sql_step(st)) == 1)
		rc = 0;
	sqlite3_reset(st);
	sqlite3_clear_bindings(st); /* what they point to goes */
	return rc;
}

int
sql_get(sqlite3 *db, int64_t *out, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int rc;

	va_start(ap, types);
	rc = vprepare(db, &st, sql, types, &ap);
	va_end(ap);
	if (rc != 0)
		return rc;
	rc = sql_step(st);
	if (rc == 1)
		*out = sqlite3_column_int64(st, 0);
	else if (rc == 0)
		rc = -ENOENT;
	return sql_finish(st, rc);
}

int64_t
sql_count(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL
		   ? -1
		   : sqlite3_column_int64(st, column);
}

char *
sql_text(sqlite3_stmt *st, int column)
{
	const unsigned char *text = sqlite3_column_text(st, column);

	return text == NULL ? NULL : xstrdup((const char *)text);
}
