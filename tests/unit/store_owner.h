/*
 * The owner of a store, for tests: a private directory, a pipe in place of the loop's wake-up,
 * and operations that put numbered rows into a table.
 */
#ifndef TESTS_STORE_OWNER_H
#define TESTS_STORE_OWNER_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "owner.h"
#include "store/store.h"

enum { OWNER_PATIENCE_MS = 120000, OWNER_DONE_MAX = 20000 };

struct owner {
	char dir[64], path[96];
	int wake[2];
	struct store_config config;
	struct store *store;
	atomic_int attempts; /* at rows */
	int ndone;           /* rows that were called back for, in this order */
	struct {
		int n, rc;
	} done[OWNER_DONE_MAX];
};

/* A table of rows, and gaps. */
extern const char *const owner_scripts[];

void owner_open(struct owner *o);
void owner_close(struct owner *o);
void owner_reopen(struct owner *o);

/* Collects until cond says true; false when patience is at its end. */
bool owner_until(struct owner *o, bool (*cond)(struct owner *o, long arg), long arg);
bool owner_await_state(struct owner *o, enum store_state state);
bool owner_await_done(struct owner *o, int ndone);

/* A row with this number and as many bytes beside it; row_fails puts it in and then fails. */
void owner_row(struct owner *o, int n, size_t bytes);
void owner_row_that_fails(struct owner *o, int n);

/* An operation that is not called back for. */
void owner_run(struct owner *o, int (*run)(sqlite3 *db, void *data), void *data);

/* Runs on a connection of its own; -1 when there is no such thing. */
long owner_ask(const char *path, const char *sql);
long owner_read(struct owner *o, const char *sql); /* by store_reader_open */

/* Holds the writer up: entered is posted by the operation, which then waits for `leave`. */
struct gate {
	sem_t entered, leave;
};

void owner_gate(struct owner *o, struct gate *g); /* submits it */
void owner_gate_entered(struct gate *g);          /* waits until the writer is in it */
void owner_gate_open(struct gate *g);

#endif
