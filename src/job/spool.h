/*
 * What jobs write, from their pipes into files, on a thread of its own.
 *
 * A channel is a file DIR/<job>.<channel>, made with its first byte (mode 0600), which has every byte
 * of the channel, at its offset, and no other. From a pipe bytes are moved by the system
 * (splice(2)), so that a kill of the process at any moment loses none: what is not in the file
 * is still in the pipe. From a PTY, and where the system has no splice, they are read and written,
 * and a kill may lose what was between the two.
 *
 * What is in the file is then given to the owner's thread, in order, from the offset at which it
 * wants to begin. A channel of which more than SPOOL_AHEAD bytes wait to be taken is not read on; its
 * writer waits in turn. So memory is bounded, and no channel slows another.
 *
 * A disk that is full: the channel is not read until there is room again (tried every
 * SPOOL_RETRY_MS), and `stuck` says so once.
 */
#ifndef JOB_SPOOL_H
#define JOB_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct uv_loop_s uv_loop_t;

enum { SPOOL_AHEAD = 1024 * 1024, SPOOL_PIECE = 64 * 1024, SPOOL_RETRY_MS = 1000 };

enum spool_end {
	SPOOL_EOF,
	SPOOL_LIMIT, /* there was more than its limit: exactly that much was taken */
	SPOOL_ERROR, /* of the descriptor, or its file is none that can be read or written (a link) */
	SPOOL_STOPPED, /* err, when what was there could not be written */
};

/* Shared by the channels of a job; made and freed by the owner, behind its channels. What their
 * files have already counts only if the owner begins with it. */
struct spool_limit {
	uint64_t max;
	_Atomic uint64_t used;
};

struct spool;
struct spool_channel;

struct spool_callbacks {
	/* Bytes that are in the file; borrowed. */
	void (*data)(void *user, uint64_t offset, const void *data, size_t len);
	/* No more will come; everything before has been given. Then only spool_remove may follow. */
	void (*end)(void *user, enum spool_end how, int err);
	/* It cannot be written (err, a negative errno value), or can again (0). */
	void (*stuck)(void *user, int err);
};

/* The directory is made if need be. -EAGAIN when there is no thread to be had. Owner's thread, as all of
 * these. */
int spool_new(uv_loop_t *loop, const char *dir, const struct spool_callbacks *cb,
    struct spool **out, char **cause);
void spool_free(struct spool *s); /* after all channels; waits for the thread */

/* Takes the descriptor (-1: there is none, what the file has is given and then the end). Goes on at the
 * end of the file; what is given begins at `from`, or at the end of the file if that is nearer. */
struct spool_channel *spool_add(struct spool *s, uint64_t job, unsigned channel, int fd,
    bool pty, uint64_t from, struct spool_limit *limit, void *user);

/* Reads what is there and then no more: `end` comes with SPOOL_STOPPED, or with what had ended it
 * before. */
void spool_stop(struct spool_channel *c);

/* At any time; no callback follows. The file stays. */
void spool_remove(struct spool_channel *c);

uint64_t spool_size(const struct spool_channel *c); /* bytes in the file that have been given */

/* Not read, or read on: for a worker that yields. Bytes that are in the file are still given. What is
 * under way ends first: when spool_is_quiet, files are left alone. */
void spool_pause(struct spool *s, bool pause);
bool spool_is_quiet(struct spool *s);

/* Any thread. Reads up to len bytes of a channel at an offset: how many, 0 at its end (or where
 * it has no file), or a negative errno value. */
ssize_t spool_read(
    const char *dir, uint64_t job, unsigned channel, uint64_t offset, void *data, size_t len);
int spool_length(const char *dir, uint64_t job, unsigned channel, uint64_t *len);
/* Appends at an offset, which must be the file's end: -ESPIPE if it is not. All of it or nothing. For
 * streams; not while the channel is spooled. SIGXFSZ is to be ignored. */
int spool_write(const char *dir, uint64_t job, unsigned channel, uint64_t offset,
    const void *data, size_t len);
/* What each job has in its files, by number; *out is the caller's to free. */
struct spool_use {
	uint64_t job, bytes;
};
int spool_measure(const char *dir, struct spool_use **out, size_t *n);
void spool_unlink(const char *dir, uint64_t job); /* all of its channels */

#endif
