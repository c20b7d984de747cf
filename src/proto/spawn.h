/*
 * What a worker that may start no process asks its keeper to start (KEEP_SPAWN, proto/keep.h).
 *
 * The request lies in a file of memory that nobody can change any more, as it may be longer than
 * a packet: a struct of numbers, then strings, each with its NUL, in this order: the program's
 * path ("": as argv[0] says), the directory ("": the keeper's own), argv, the environment. Both ends
 * run on one machine, so numbers are in its order.
 *
 * spawn_unpack trusts nothing of it: it takes what is whole, within the bounds below and used up
 * to its last byte, or nothing at all.
 *
 * Pure; any thread.
 */
#ifndef PROTO_SPAWN_H
#define PROTO_SPAWN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	SPAWN_BYTES_MAX =
	    2 * 1024 * 1024,           /* of a request; what Linux gives a program by default */
	SPAWN_STRING_MAX = 128 * 1024, /* bytes with the NUL; Linux takes no longer ones */
	SPAWN_ARGV_MAX = 16384,
	SPAWN_ENV_MAX = 16384,
	SPAWN_PATH_MAX = 4096, /* of program and directory, with the NUL */
};

struct spawn_wish {
	const char *program; /* NULL: argv[0] is looked up along PATH of envp */
	const char *cwd;     /* from the root; NULL: the keeper's */
	char *const *argv;   /* one at least, the first not empty; NULL ends */
	char *const *envp;   /* NULL ends */
};

/* Appends it. -E2BIG when it is beyond the bounds, -EINVAL when a path is none. */
int spawn_pack(const struct spawn_wish *w, struct buf *out);

/* Its strings lie in `data`, which must not end before spawn_wish_release. -EPROTO with nothing to release. */
int spawn_unpack(char *data, size_t len, struct spawn_wish *out);
void spawn_wish_release(struct spawn_wish *w);

#endif
