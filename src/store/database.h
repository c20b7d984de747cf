/*
 * The database as a file: opening it, judging it, bringing it up to date, setting it aside.
 *
 * Everything here blocks, for as long as the disk takes, and belongs to the writer's thread.
 *
 * A connection is made in two steps, so that its owner can show it to whoever may interrupt it
 * before the second one, which reads the whole file: database_connect, database_prepare. Neither
 * writes to a file whose version is newer than the last script's: that one belongs to a newer
 * program, which will want it back.
 */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

/* What a failure means for the file. */
enum fault {
	FAULT_NONE,
	FAULT_OWN,         /* the statement's own; the next one may well do */
	FAULT_WAIT,        /* the disk's, or a lock's: the same may do later */
	FAULT_DAMAGED,     /* not, or no longer, a database */
	FAULT_FINAL,       /* nothing will do as long as this program runs */
	FAULT_INTERRUPTED, /* sqlite3_interrupt */
};

struct database {
	const char *path;
	const char *const *scripts; /* as in store/schema.h */
	sqlite3 *db;                /* NULL while it is not open */
};

/* What the connection's last call failed with. */
enum fault database_fault(sqlite3 *db);

/* The same in words, with what was being done. */
void database_explain(const struct database *d, const char *doing, char **cause);

/* Makes the file, mode 0600, where there is none. After a failure d->db is NULL. */
enum fault database_connect(struct database *d, char **cause);

/* Checks the file and runs the scripts that it has not seen. Before that, a copy of a database
 * that has something in it is made as PATH.v<version>. The connection stays, whatever comes
 * out; the busy handler is the caller's, set in between. */
enum fault database_prepare(struct database *d, char **cause);

/* Within a transaction: a write that changes nothing, to see whether it can be done. */
enum fault database_touch(struct database *d);

/* What was committed stays even when the power goes. */
int database_sync(struct database *d);

/* Takes the log in and cuts it: 0, -EBUSY when a reader that does not end is in the way, or as
 * store/sql.h. */
int database_cut_log(struct database *d);

/* Gives back the memory of the pages that were read; those wanted again come from the system's. */
void database_drop_pages(struct database *d);

/* The file has been removed, renamed or replaced: what is written goes nowhere. */
bool database_has_moved(const struct database *d);

/* The last call failed as it does where there is no room. */
bool database_needs_room(const struct database *d);

/* The log has more than half of what is free on the disk. */
bool database_is_cramped(const struct database *d);

/* Closes the connection. Without `checkpoint` the write-ahead log stays as it is, for the next
 * one to take up, and the file is not written to. */
void database_close(struct database *d, bool checkpoint);

/* Renames PATH, PATH-wal and PATH-shm to PATH.damaged-<time>, with the same ends; gives the new
 * path for the caller to free. Never replaces a file. The connection must be closed. */
int database_set_aside(const char *path, char **aside, char **cause);

/* Bytes of the file and its log. */
uint64_t database_bytes(const char *path);

#endif
