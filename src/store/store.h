/*
 * The store: what the daemon remembers beyond its own life, in DIR/panescry.db.
 *
 * One thread, the owner's (the loop's), asks; one thread, the writer, does. What is asked for is
 * an operation: a function that the writer runs on the connection, and one that the owner is
 * called back with. Operations run in the order in which they were submitted. All that wait are
 * one transaction, each in a savepoint of its own, so that one that fails undoes nothing but
 * itself and a burst of them costs one commit.
 *
 * `done` is called by store_collect, on the owner's thread, after the commit. With rc 0 what
 * the operation wrote is in the write-ahead log and outlives a kill of the process at any
 * moment; store_flush makes it outlive a loss of power. Every operation gets exactly one call,
 * in the order of the operations, except that one that is refused may overtake.
 *
 * Nothing here waits for the disk but store_close. store_open returns at once, and operations
 * may be submitted from then on; the writer makes or opens the file (mode 0600), checks it, and
 * brings its schema up to date (store/schema.h), keeping a copy of the old one beside it as
 * panescry.db.v<version>. States:
 *
 *	STORE_OPENING   not open yet, or being opened again
 *	STORE_READY     what is submitted is written
 *	STORE_FULL      the last attempt to write failed: the disk is full, or cannot be written, or
 *	                another process keeps it locked. It is tried again every retry_ms, or
 *	                less and less often, up to 32 times that, while it cannot be opened.
 *	                Before that, what waits is tried by halves, down to a single operation.
 *	STORE_DISABLED  nothing is written any more: the file is of a newer version of the program
 *	                (then it is left as it is, to the byte), or its second damage was found
 *
 * The log grows to some 40 MB before it is taken in; on a disk that is nearly full it is so as
 * soon as it has half of what is free, so that there is always room for what it has.
 *
 * A damaged file is set aside as panescry.db.damaged-<time>, with its log, and a new one begun;
 * so it is once more when damage shows up later. Operations that wait are kept over this; what
 * was durable before is in the file that was set aside.
 *
 * Bounds: at most max_ops operations and max_bytes, as their `size` says, wait at any time.
 * Beyond that new ones are refused with -ENOSPC and counted, and the next commit leaves a row
 * in `gaps`: between from_ms and to_ms, that many are missing. Whoever reads what operations
 * wrote can so tell "nothing happened" from "nothing was kept". What store_close gives up is in no
 * gap: there is nowhere to write it.
 *
 * One that is removed, or renamed, while it is open is said to be so, and a new one begun at its
 * place, with its directory if that has gone, too.
 *
 * The file may be open in another process for moments, as during an upgrade. It must not be a
 * symbolic link; the directory must be there.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

enum {
	STORE_MAX_OPS = 10000,
	STORE_MAX_BYTES = 16 * 1024 * 1024,
	STORE_RETRY_MS = 1000,
	STORE_PAGES_MS = 60000, /* for which pages of the file are kept, at most 16 MiB */
};

struct store;

struct store_config {
	const char *dir; /* copied */
	/* Called from the writer, and from store_submit, when store_collect or store_status have
	 * something new, until store_close has returned. Must not call the store. */
	void (*notify)(void *arg);
	void *arg;
	const char *const *scripts; /* NULL: store_schema. Borrowed until store_close; one of
				     * them must make `gaps`. */
	unsigned max_ops;           /* 0: STORE_MAX_OPS */
	size_t max_bytes;           /* 0: STORE_MAX_BYTES */
	unsigned retry_ms;          /* 0: STORE_RETRY_MS */
	unsigned pages_ms;          /* 0: STORE_PAGES_MS */
};

/* -EAGAIN when there is no thread to be had. */
int store_open(const struct store_config *config, struct store **out, char **cause);

/* Waits until everything submitted has been written, but not longer than wait_ms, and in state
 * STORE_FULL not longer than one attempt takes. What is left then gets -ECANCELED. All that
 * have not been called back yet are, from here. */
void store_close(struct store *s, unsigned wait_ms);

struct store_op {
	/* On the writer's thread. 0 or a negative errno value, which undoes what it did; store/sql.h
	 * helps. It must not begin or end transactions, and may run again when its commit failed. */
	int (*run)(sqlite3 *db, void *data);
	/* On the owner's: what `run` returned; or -ENOSPC: no room to wait, -EROFS: disabled,
	 * -ECANCELED: closed before it was written, and not to be submitted again. May submit and
	 * may not close. To free data is its business. */
	void (*done)(int rc, void *data);
	void *data;
	size_t size; /* bytes that data takes */
	/* What it deletes is to be gone from the log as well: before `done`, that is taken in and cut,
	 * as far as readers let it. */
	bool erase;
	/* Somebody waits for it: it is not kept over STORE_FULL, but gets -ENOSPC then, which is
	 * in no gap. */
	bool prompt;
};

/* Copies *op. Never calls back from here. */
void store_submit(struct store *s, const struct store_op *op);

/* done(0) when everything submitted before it is on the disk itself; `arg` is not freed. */
void store_flush(struct store *s, void (*done)(int rc, void *arg), void *arg);

/* Calls back for everything that is done. */
void store_collect(struct store *s);

enum store_state { STORE_OPENING, STORE_READY, STORE_FULL, STORE_DISABLED };

struct store_status {
	enum store_state state;
	char *cause;  /* why it is not ready, or what it is doing; NULL when ready */
	char *aside;  /* path of the last damaged file set aside since store_open, or NULL */
	size_t ops;   /* that wait or are being written */
	size_t bytes; /* that those take */
	uint64_t dropped; /* refused, or given up, since store_open */
	uint64_t gaps;    /* rows written to `gaps` since store_open */
	uint64_t size;    /* bytes of the file and its log, after the last commit */
};

const char *store_state_name(enum store_state state);         /* "ready" */
void store_status(struct store *s, struct store_status *out); /* any thread */
void store_status_release(struct store_status *st);

/* A read-only connection of one's own, for any one thread at a time; sees what was committed when
 * its statement began. -EAGAIN while there is no file to read yet, or none any more, -EROFS when disabled. Any
 * thread. To be closed with sqlite3_close, before or after the store. A reader that stays within
 * one statement for long makes the log grow. */
int store_reader_open(struct store *s, sqlite3 **db, char **cause);

/* Where SQLite puts what does not fit into its memory, in place of the system's directories: for a
 * process that those are refused to. Once, before any database is opened, while there is one thread. */
void store_temporary_in(const char *dir);

#endif
