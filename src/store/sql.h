/*
 * Statements in one call each, for operations (store/store.h) and readers.
 *
 * Values are never pasted into SQL: they are bound, as `types` says, one letter a parameter:
 *
 *	i	int
 *	l	int64_t
 *	d	double
 *	t	const char *, NULL for NULL; must stay as it is until the statement is finished
 *	b	const void *, size_t; the same
 *	n	NULL, takes no argument
 *
 * Failures are negative errno values: -ENOSPC for a full disk, -EEXIST for a row that is there
 * already, -EINVAL for other constraints and for SQL that makes no sense, -EBUSY for a lock
 * that another connection keeps, -EBADMSG for a damaged file, -ECANCELED for an interrupt,
 * -EROFS, -ENOMEM, and for input and output what the system said, or -EIO.
 *
 * A connection belongs to one thread at a time.
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <stdarg.h>
#include <stdint.h>

#include <sqlite3.h>

/* What the connection's last call failed with; 0 if it did not. */
int sql_error(sqlite3 *db);

/* Runs one statement to its end; rows that it gives are passed over. */
int sql_run(sqlite3 *db, const char *sql, const char *types, ...);

/* The same for what is run over and over: the statement stays with the connection, found by its text, until
 * it is closed. Only for the writer's (database_close). */
int sql_run_kept(sqlite3 *db, const char *sql, const char *types, ...);

/* The first column of the first row; -ENOENT when there is none. */
int sql_get(sqlite3 *db, int64_t *out, const char *sql, const char *types, ...);

/* For more rows: prepare, step while it returns 1, finish. sql_finish(st, rc) takes what the
 * last step returned and returns it, or 0 for 1; st may be NULL. */
int sql_prepare(sqlite3 *db, sqlite3_stmt **st, const char *sql, const char *types, ...);
int sql_step(sqlite3_stmt *st); /* 1: a row, 0: the end */
int sql_finish(sqlite3_stmt *st, int rc);

/* A number that cannot be below 0; -1 for NULL. */
int64_t sql_count(sqlite3_stmt *st, int column);

/* A text column as a string for the caller to free; NULL for NULL. */
char *sql_text(sqlite3_stmt *st, int column);

#endif
