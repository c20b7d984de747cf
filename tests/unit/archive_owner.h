/*
 * The owner of an archive, for tests: a private directory, panes whose lines are made up from
 * their numbers alone, and a look at all that is in the archive.
 */
#ifndef TESTS_ARCHIVE_OWNER_H
#define TESTS_ARCHIVE_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "owner.h"
#include "store/archive.h"

enum { OWNER_PATIENCE_MS = 120000, OWNER_STYLES = 9, OWNER_PANES = 4 };

struct owner {
	char dir[64];
	int wake[2];
	struct archive_config config;
	struct archive *archive;
	struct styles *styles;
	uint64_t durable[OWNER_PANES]; /* of p1.. */
	bool big;                      /* its lines are up to 64 KiB, otherwise 200 bytes */
	int64_t time_ms;               /* of line 0 */
};

void owner_open(struct owner *o);  /* and waits until it is */
void owner_start(struct owner *o); /* does not wait */
void owner_close(struct owner *o);
void owner_reopen(struct owner *o);

/* Waits for a notify, or a moment, and collects. */
void owner_turn(struct owner *o);
bool owner_await_state(struct owner *o, enum archive_state state);
bool owner_await_durable(struct owner *o, unsigned pane, uint64_t line);
struct archive_status owner_status(struct owner *o); /* without cause */

/* Puts the lines that follow the last one taken, to `to`, from a history that has those from
 * `from`; as archive_put. */
int owner_put(struct owner *o, unsigned pane, uint64_t from, uint64_t to);
/* Until all are taken and durable. */
void owner_put_all(struct owner *o, unsigned pane, uint64_t from, uint64_t to);

struct owner_found {
	uint64_t lines, first, last, gaps, missing, records, unreadable;
};

/* Reads all lines of a pane: each must be as it was made, and there once. With `whole` none may
 * be missing between the first and the last. */
struct owner_found owner_check(struct owner *o, unsigned pane, bool whole);

/* The files of the archive, the oldest first; NULL behind the last. Freed by owner_free_files. */
char **owner_files(struct owner *o, size_t *n);
void owner_free_files(char **files);

char *owner_slurp(const char *path, size_t *len);
void owner_spill(const char *path, const char *data, size_t len);

#endif
