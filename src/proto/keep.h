/*
 * The protocol between the keeper and a worker.
 *
 * A SOCK_SEQPACKET socket pair that the keeper makes for each worker it starts; the worker finds
 * its end at the descriptor that the environment variable KEEP_ENV names. One packet is one
 * message: a struct keep_message, then `text` bytes of UTF-8 (a path, a reason). Descriptors
 * travel with it (SCM_RIGHTS), in the order that the table gives. Both ends run on one machine,
 * so numbers are in its order.
 *
 * The two may be of different builds: a new worker under an old keeper, or the reverse. `size` is
 * the size of the struct as the sender knows it. A receiver takes what it knows of a longer one,
 * and reads fields that a shorter one lacks as 0; fields are only ever added at the end.
 * A message of an unknown type is ignored. KEEP_VERSION changes only if that is not enough,
 * and a keeper refuses a worker of another version.
 *
 * Jobs are held as panes are, in the same messages, under numbers of their own (KEEP_JOB). A build
 * before them takes such a number for a pane's, so it must not get one: HELLO and HERE say with
 * KEEP_JOBS that the sender knows them. A worker names jobs only to a keeper that said so, and a
 * keeper, which sends nothing but HELLO before it has read HERE, only to a worker that did; what
 * that is not told of stays held for the next. A job has up to three descriptors on the worker's
 * side; those that there are travel in order, and flags has a KEEP_FD bit for each:
 *
 *	0	the write end of its standard input
 *	1	the read end of its output, or the master of its PTY
 *	2	the read end of its standard error
 *
 * A worker that may start no processes (os/harden.h) asks the keeper to: SPAWN. HELLO says with
 * KEEP_SPAWNS that the keeper does. What is started under a pane's or a job's number belongs to it,
 * and BORN must have come before; anything else is a helper of the worker's (a client of tmux, the
 * command of a watch) under a number with KEEP_HELPER, which ends being told of when that worker ends.
 *
 * Keeper to worker:
 *
 *	HELLO	number: the highest pane id given out; count: panes that follow; flags; pid: the
 *		keeper's; time_ms: when it was started; descriptors:
 *		the listening sockets, TCP then Unix, and at the first start the pipe that the
 *		first link or error goes to. Comes again when the keeper has become another
 *		build, of which flags is what is new; HERE answers it
 *	PANE	pane, pid, status, flags, count: 2 for each worker that crashed while restoring it, 1
 *		for one that was killed (SIGKILL);
 *		descriptors: the memory file, then the PTY's master if it is held; a job's as above
 *	PANES	all of them have been named: restore, then say READY; for an upgrade this comes when
 *		the worker before has yielded
 *	GO	take over: read the PTYs, accept connections
 *	EXITED	pane, pid, status: a child that was left to the keeper has been reaped; or one that a
 *		worker before reaped when it had yielded, which that one hears again should the
 *		upgrade fail; or a helper, with its number
 *	YIELD	stop reading the PTYs and accepting connections, then say YIELDED
 *	RESUME	the other worker did not come up: go on
 *	QUIT	another worker has taken over: end, and touch no pane
 *	STOP	ask the panes and jobs to end, flush, then say STOPPED and end
 *	STATUS	the answer to ASK: struct keep_status is in the text
 *
 * Worker to keeper:
 *
 *	HERE	it runs and has read HELLO; number: KEEP_VERSION; flags; text: the path of its own
 *		keeper
 *	READY	everything is restored
 *	BORN	pane, pid; descriptors: the memory file, then the master if it is open; for a pane
 *		that is known already, a new memory. Of a job, pid leads its process group, and the
 *		descriptors are as above; said again, these are held in place of those before
 *	TRY	pane: it is about to be restored
 *	REAPED	pane, status: its command has ended; sent before it is reaped
 *	DRAINED	pane: its PTY is at its end; the master can be closed. Of a job, all it has, or with
 *		status KEEP_INPUT its standard input, whose end it sees when nobody holds it
 *	GONE	pane: it has been removed; forget it
 *	YIELDED, STOPPED
 *	UPGRADE	text: the program to start a worker from; empty for the one in use
 *	END	somebody wants the daemon to end: STOP will follow
 *	ASK	for STATUS
 *	SPAWN	pane: the number it is to have; number: the ticket that it can be signalled under,
 *		which the worker chooses anew each time; flags; descriptors: a file of memory with
 *		the request (proto/spawn.h), then, each with its KEEP_SPAWN_ flag, the pipe that
 *		takes reports (os/spawn.h), and the terminal, or standard input, output and error.
 *		One that is refused is not answered: the pipe comes to its end without a
 *		report, a helper's EXITED has status -1
 *	SIGNAL	number: the ticket; status: the signal; flags: KEEP_GROUP. Nothing when it has ended
 *	LOOK	descriptor: a socket for packets, over which the worker asks where processes are:
 *		struct keep_look there, with the directory behind it back
 *
 * Pure; any thread.
 */
#ifndef PROTO_KEEP_H
#define PROTO_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEEP_ENV "PANESCRY_KEEPER_FD"

enum { KEEP_VERSION = 1, KEEP_TEXT_MAX = 4096, KEEP_FDS = 3 }; /* KEEP_FDS: of a pane or job */

/* In a pane's number: it is a remote one, which the keeper holds the memory of and nothing else. */
#define KEEP_REMOTE ((uint64_t)1 << 63)

/* In a pane's number, without KEEP_REMOTE: it is a job, and the rest is the worker's to choose,
 * but never that of another job. */
#define KEEP_JOB ((uint64_t)1 << 62)

/* In a pane's number, without the two: it is a helper. */
#define KEEP_HELPER ((uint64_t)1 << 61)

enum keep_type {
	KEEP_HELLO = 1,
	KEEP_PANE,
	KEEP_PANES,
	KEEP_GO,
	KEEP_EXITED,
	KEEP_YIELD,
	KEEP_RESUME,
	KEEP_QUIT,
	KEEP_STOP,
	KEEP_STATUS,

	KEEP_HERE = 101,
	KEEP_READY,
	KEEP_BORN,
	KEEP_TRY,
	KEEP_REAPED,
	KEEP_DRAINED,
	KEEP_GONE,
	KEEP_YIELDED,
	KEEP_STOPPED,
	KEEP_UPGRADE,
	KEEP_END,
	KEEP_ASK,
	KEEP_SPAWN,
	KEEP_SIGNAL,
	KEEP_LOOK,
};

enum {
	KEEP_FIRST = 1 << 0, /* HELLO: the daemon has just been started */
	KEEP_ENDED = 1 << 1, /* PANE: status is its wait(2) status */
	KEEP_JOBS = 1 << 2,  /* HELLO, HERE: the sender knows jobs */
	KEEP_FD = 1 << 3, /* BORN and PANE of a job: has descriptor 0; 1 and 2 the next bits */
	KEEP_SPAWNS = 1 << 6, /* HELLO: the sender knows SPAWN, SIGNAL and LOOK */
	KEEP_GROUP = 1 << 7,  /* SIGNAL: to the process group */
	KEEP_SPAWN_STATUS = 1 << 8,
	KEEP_SPAWN_TTY = 1 << 9,
	KEEP_SPAWN_FD = 1 << 10, /* has standard input; output and error the next bits */
};

enum {
	KEEP_SPAWN_FDS = 6
}; /* the request, and what the flags name from KEEP_SPAWN_STATUS on */

enum { KEEP_INPUT = 1 }; /* status of DRAINED */

struct keep_message {
	uint32_t size;
	uint32_t type;
	uint64_t pane;   /* the number in its id */
	uint64_t number; /* what it means depends on the type */
	int32_t pid;
	int32_t status; /* as from wait(2) */
	uint32_t flags;
	uint32_t count;
	uint32_t text; /* bytes behind the struct */
	uint32_t reserved;
	int64_t time_ms; /* wall clock */
};

/* What the keeper says of itself. */
struct keep_status {
	uint32_t size;
	int32_t pid;
	uint32_t panes, descriptors;
	uint64_t resident; /* bytes */
	uint64_t uptime_ms;
	uint32_t crashes; /* workers that died by themselves */
	uint32_t upgrades, upgrades_failed;
	int32_t last_status;    /* wait(2) status of the worker that died last; 0: none did */
	char last_failure[128]; /* why the last upgrade failed; NUL-terminated */
	uint32_t jobs;          /* that are held; panes does not count them */
	uint32_t reserved;
};

/* A packet as it is sent: the message with its text. */
struct keep_packet {
	struct keep_message m;
	char text[KEEP_TEXT_MAX];
};

/* Fills in size and text, which may be there already; longer texts are cut. Returns the packet's length. */
size_t keep_pack(struct keep_packet *p, enum keep_type type, const void *text, size_t len);

/* Checks a packet of `len` bytes in place, and makes its text follow the struct as it is known
 * here, with a NUL behind it. -EPROTO when it is not one. */
int keep_unpack(struct keep_packet *p, size_t len);

/* Over the socket of LOOK. The answer is the same with the path of the current directory behind it,
 * or with nothing when there is none to be told. */
struct keep_look {
	uint32_t serial; /* the asker's */
	int32_t pid;
};

bool keep_is_job(uint64_t pane);
bool keep_is_helper(uint64_t pane);

/* Descriptors of SPAWN behind the request, -1 for none: status, terminal, in, out, err. As
 * keep_pack_fds and keep_unpack_fds. */
unsigned keep_pack_spawn(const int fds[KEEP_SPAWN_FDS - 1], uint32_t *flags, int *out);
void keep_unpack_spawn(uint32_t flags, int *fds, unsigned nfds, int out[KEEP_SPAWN_FDS - 1]);

/* A job's descriptors, of which -1 is none, as they travel: puts those that there are into `out`,
 * sets their bits in *flags, and returns how many. */
unsigned keep_pack_fds(const int fds[KEEP_FDS], uint32_t *flags, int out[KEEP_FDS]);

/* The reverse: takes them out of `fds`, where -1 is left. Of fewer than flags says, which is what
 * a receiver gets that can have no more descriptors, the last are none. */
void keep_unpack_fds(uint32_t flags, int *fds, unsigned nfds, int out[KEEP_FDS]);

/* Copies the struct out of the text of a STATUS. */
void keep_read_status(const struct keep_packet *p, struct keep_status *s);

#endif
