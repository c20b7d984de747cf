/*
 * A pane: a terminal's output in a ring and a record (pane/record.h), and its viewers. A native
 * one is a command under a PTY. A remote one belongs to another program, tmux: whoever follows
 * that gives its output to pane_output, and is given what people type.
 *
 * All of it belongs to the loop's thread. A pane is made by pane_new and given back by
 * pane_free, which may be called at any time, also with viewers attached or the command still
 * running (it is then killed). Callbacks are never called from within pane_new or pane_free.
 *
 * Reading. Output is read straight into the ring, at most READ_BURST bytes a turn of the loop,
 * so that one pane that floods leaves the others their share. A PTY gives 4 KiB a read at the
 * most; viewers are woken at once when the pane was quiet (a keystroke's echo), and under a
 * flood only when enough has gathered or FLUSH_US has passed, so that messages are large.
 *
 * The end. A pane has ended when its command has been reaped and every byte that it wrote has
 * been read: at end of file on the PTY, or after LINGER_MS without output where a child of the
 * command keeps the terminal open. Only then are viewers told. A remote pane has ended when
 * pane_gone says so; nothing is done to its processes then.
 */
#ifndef PANE_PANE_H
#define PANE_PANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "history/ring.h"

typedef struct uv_loop_s uv_loop_t;

struct buf;
struct pane;
struct record;
struct record_options;
struct viewer;

enum {
	PANE_SIZE_MAX = 2000,         /* most columns, most rows */
	PANE_INPUT_MAX = 1024 * 1024, /* most bytes waiting for the command to read them */
	PANE_INPUT_LOW = 64 * 1024,   /* input_room is told when no more than this waits */
	PANE_RESIZE_MS = 16,          /* between resizes, once there are many (pane_resize) */
};

/* Wishes for a remote pane. None may change the pane before it returns. */
struct pane_remote {
	int (*input)(
	    struct pane *, const void *data, size_t len, void *arg); /* as pane_input */
	size_t (*pending)(const struct pane *, void *arg); /* bytes of input on their way */
	int (*resize)(struct pane *, unsigned cols, unsigned rows, void *arg);
	void (*end)(struct pane *, void *arg);
};

enum pane_state { PANE_STARTING, PANE_RUNNING, PANE_EXITED };

struct pane_spec {
	const char *id;
	const char *name; /* NULL for none */
	char *const *argv;
	char *const *envp;
	const char *cwd;     /* NULL: the daemon's own */
	unsigned cols, rows; /* 1..PANE_SIZE_MAX */
	const struct record_options *record;
	size_t ring_size;                 /* bytes */
	bool unarchived;                  /* pane_unarchived */
	bool private;                     /* no other process can take it up (pane_memory) */
	const struct pane_remote *remote; /* NULL: native */
	const char *origin;               /* of a remote one: kept in its memory */
	uint64_t number; /* the keeper's, which it is started under (os/spawn.h) */
};

struct pane_callbacks {
	/* The command runs (cause NULL), or could not be started (a text for a person, err a
	 * positive errno); then the pane is of no use but for pane_free. */
	void (*started)(struct pane *, int err, const char *cause, void *arg);
	/* It has written something: now and then under a flood, and after the last byte. */
	void (*output)(struct pane *, void *arg);
	/* The pane has ended; every byte is in the ring. */
	void (*ended)(struct pane *, void *arg);
};

/* -errno when no PTY could be made. Copies what the spec points to, but for `remote`. A remote
 * pane runs at once, and `started` is not called; its argv and cwd are for show. */
int pane_new(uv_loop_t *loop, const struct pane_spec *spec, const struct pane_callbacks *cb,
    void *arg, struct pane **out, char **cause);
void pane_free(struct pane *p);

/*
 * What another process left of a pane. The descriptors are taken. The pane is paused. `crashes`
 * says what ended processes while they restored it (proto/keep.h): from 2 on the screen is left
 * blank, from 4 on it begins anew, as it does (*fresh) when its memory is damaged; it then has a
 * memory that nobody else holds yet. *warning says what was given up, for the caller to free, or
 * is NULL. The callback `started` will not be called.
 */
struct pane_found {
	const char *id;                   /* NULL: any, of a remote pane */
	const struct pane_remote *remote; /* of a pane that has an origin */
	int memory, master;               /* master: -1 when it was closed */
	pid_t pid;
	bool reaped; /* with wait_status */
	int wait_status;
	unsigned crashes;
	const struct record_options *record;
	size_t ring_size; /* where it begins anew */
};
int pane_restore(uv_loop_t *loop, const struct pane_found *found,
    const struct pane_callbacks *cb, void *arg, struct pane **out, bool *fresh, char **warning);

/* Remote panes. */
bool pane_is_remote(const struct pane *p);
const char *pane_origin(const struct pane *p); /* NULL: native */
void pane_output(struct pane *p, const void *data, size_t len);
void pane_set_pid(struct pane *p, pid_t pid);
void pane_resized(struct pane *p, unsigned cols, unsigned rows); /* to 1..PANE_SIZE_MAX */
void pane_input_drained(struct pane *p); /* no more than PANE_INPUT_LOW is pending again */
void pane_gone(struct pane *p);

/* Output was missed, or what was there before is to be shown: `reset` empties the screen, and
 * pane_output draws it anew, beginning with line number `line` (pane/record.h). Viewers see the
 * same bytes. */
void pane_redraw(struct pane *p, const void *reset, size_t len, uint64_t line);

/* Reads no output, or reads on. */
void pane_pause(struct pane *p, bool pause);

/* For whoever holds them beside this process; -1 for none. Borrowed. */
int pane_memory(const struct pane *p);
int pane_master(const struct pane *p);
size_t pane_memory_taken(const struct pane *p); /* bytes */

/* Whether it is to be removed when it has ended; kept in its memory. */
void pane_set_removed(struct pane *p);
bool pane_removed(const struct pane *p);

/* Whether its lines are to stay out of the archive; kept in its memory. */
bool pane_unarchived(const struct pane *p);

/* The command has been reaped with this wait(2) status. The pane may be gone then. */
void pane_reaped(struct pane *p, int wait_status);

/* -EPIPE when the pane has ended, -ENOBUFS when the command does not read and this would
 * make more than PANE_INPUT_MAX bytes wait; then nothing of it was taken. */
int pane_input(struct pane *p, const void *data, size_t len);
size_t pane_input_pending(const struct pane *p);

/* Some at once, and then one every PANE_RESIZE_MS: what comes in between waits, and the last of it
 * counts. 0, also when it waits; whether that could be done then is told to nobody. */
int pane_resize(struct pane *p, unsigned cols, unsigned rows);

/* To the terminal's foreground process group and the command's own. -ESRCH when it ended. */
int pane_signal(struct pane *p, int sig);

/* SIGHUP now, SIGKILL after 5 s. */
void pane_end(struct pane *p);

/* Its screen, history and commands; good as long as the pane. */
struct record *pane_record(struct pane *p);

/* What a terminal must be fed, from a reset one, to show this pane with at most so many lines
 * above the screen; *offset is the ring offset at which output goes on. Appended to b. */
void pane_snapshot(const struct pane *p, unsigned lines, struct buf *b, uint64_t *offset);

const char *pane_id(const struct pane *p);
const char *pane_name(const struct pane *p); /* or NULL */
char *const *pane_argv(const struct pane *p);
const char *pane_birth_cwd(const struct pane *p); /* where it was started, or NULL */
const struct ring *pane_ring(const struct pane *p);
enum pane_state pane_state(const struct pane *p);
int pane_exit_status(
    const struct pane *p); /* exit code, or 128 + signal; -1: runs, or unknown */
pid_t pane_pid(const struct pane *p);
unsigned pane_cols(const struct pane *p);
unsigned pane_rows(const struct pane *p);
unsigned pane_viewers(const struct pane *p);
int64_t pane_created(const struct pane *p);       /* wall clock, ms */
int64_t pane_last_activity(const struct pane *p); /* wall clock of the last output, ms */

/* Where the command is now; false where it cannot be known. */
bool pane_cwd(const struct pane *p, char *buf, size_t size);

/* The program in the foreground; false where it cannot be known. */
bool pane_program(const struct pane *p, char *buf, size_t size);

#endif
