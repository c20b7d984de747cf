/*
 * The daemon: which pane has which viewers, which route calls what.
 *
 * Only this folder knows how everything is wired. An app lives on one libuv loop and is made
 * by the process that runs the loop (cli/cmd_serve.c). Nothing here waits: what touches a disk goes
 * to the thread pool.
 *
 * Under a keeper (keeper/keeper.h) the app first takes up what a worker before it left, and then
 * starts to read and to accept; without one it starts at once.
 *
 * Ending. app_stop asks every pane to end (SIGHUP, SIGKILL after 5 s), lets viewers have the
 * last bytes, and closes the server; the loop then runs out of work and uv_run returns.
 *
 * Bounds of everything that grows are in a table (app/bounds.h).
 */
#ifndef APP_APP_H
#define APP_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/server.h"
#include "pane/record.h"

typedef struct uv_loop_s uv_loop_t;

struct app;
struct keep;

enum { PANE_ARGS_MAX = 4096, PANE_ENV_MAX = 1024 }; /* of a command that is started */

/* How tmux servers are dealt with: followed, left alone, or only asked for captures. */
enum mux_mode { MUX_ON, MUX_OFF, MUX_CAPTURE };

/* Bounds and habits that panescry.conf(5) sets. */
struct app_limits {
	size_t ring_size; /* bytes a pane */
	unsigned panes_max, viewers_max;
	unsigned subscribers_max, waits_max, watches_max;
	struct server_bounds server;
	uint64_t log_bytes;  /* of the log in the state directory */
	size_t events_bytes; /* that are kept for subscribers */
	unsigned
	    crashes_max; /* of workers in a minute, before none is started; 0: any number */
	bool harden;     /* the worker gives up what it does not need */
	bool archive;
	uint64_t archive_bytes;
	unsigned archive_days;
	enum mux_mode tmux_mode;
	char tmux_sockets[2048];   /* names or paths, each with a newline behind it */
	bool sessions;             /* agents' transcripts are read */
	unsigned sessions_days;    /* after which they are removed; 0: never */
	unsigned sessions_max;     /* that are kept */
	char prices[1024];         /* a file with the user's, or "" */
	bool mcp_write;            /* POST /mcp has tools that type and run */
	bool webhooks_remote;      /* watches may call other machines */
	unsigned wrong_tokens_max; /* from one address, before it has to wait */
	struct server_access access;
	unsigned jobs_running, jobs_queue, jobs_days; /* days 0: for ever */
	uint64_t jobs_max_output;                     /* bytes */
	uint64_t jobs_bytes;                          /* of all on disk */
	int64_t jobs_dedup_ms;
	int64_t jobs_backoff_ms[8]; /* before each retry */
	size_t jobs_nbackoff;
	struct record_options record; /* of every pane */
};

/* The defaults. */
#define APP_LIMITS \
	{ \
		.ring_size = 1024 * 1024, .panes_max = 256, .viewers_max = 4096, \
		.subscribers_max = 1024, .waits_max = 1024, .watches_max = 256, \
		.log_bytes = 16 * 1024 * 1024, \
		.server = \
		    { \
			.connections = 8192, \
			.per_address = 6144, \
			.half_open = 1024, \
			.requests = 4096, \
			.requests_each = 100000, \
			.header_seconds = 15, \
			.body_seconds = 60, \
			.send_seconds = 60, \
			.answer_bytes = 512 * 1024 * 1024, \
		    }, \
		.events_bytes = 16 * 1024 * 1024, .wrong_tokens_max = 20, .crashes_max = 5, \
		.archive = true, .archive_bytes = 1024 * 1024 * 1024, .archive_days = 30, \
		.tmux_sockets = "default\n", .sessions = true, .sessions_max = 100000, \
		.jobs_running = 16, .jobs_queue = 1000, .jobs_days = 30, \
		.jobs_max_output = 50 * 1024 * 1024, \
		.jobs_bytes = (uint64_t)4 * 1024 * 1024 * 1024, .jobs_dedup_ms = 600 * 1000, \
		.jobs_backoff_ms = {15 * 1000, 30 * 1000, 60 * 1000}, .jobs_nbackoff = 3, \
		.record = { \
		    .lines = 50000, \
		    .bytes = 16 * 1024 * 1024, \
		    .clear_to_history = true, \
		}, \
	}

/* The daemon of serve --ttyd: each client that comes over ttyd's protocol gets a pane of its own, which
 * ends when it leaves; over TCP there is nothing else. Strings are borrowed for good. */
struct app_ttyd {
	char *const *argv;       /* NULL: this is no such daemon */
	const char *cwd;         /* NULL: the daemon's own */
	const char *preferences; /* of clients' terminals, a JSON object */
	const char *credential;  /* "user:password", asked for instead of a token; or NULL */
	unsigned clients_max;    /* 0: any number */
	bool writable;           /* clients may type */
	bool once;               /* one client, and the daemon ends when it leaves */
};

/* What such a daemon does not do: it keeps no archive, and looks at neither agents nor tmux. */
void app_limits_ttyd(struct app_limits *l);

struct app_config {
	int tcp_fd, unix_fd;        /* listening; taken */
	struct keep *keep;          /* to the keeper, taken; NULL: this process runs alone */
	const char *keeper_program; /* that belongs to this build */
	uint64_t last_pane;         /* number of the newest pane there ever was */
	bool first;                 /* no worker was there before */
	pid_t daemon_pid;           /* the keeper's, or this one's, and when it was started */
	int64_t daemon_started_ms;
	/* Under a keeper: connections are accepted and panes read. From the loop, once. */
	void (*started)(void *arg);
	/* Takes power from this process, when it has read its own files and there is no other
	 * thread; NULL: nothing is taken. It starts no process from then on: the keeper does. */
	int (*harden)(void *arg, char **cause);
	void *arg;
	bool loopback, no_auth;
	const char *host; /* for links: the address that was asked for */
	const char *tls_cert, *tls_key;
	const char *token_file; /* a token to accept, or NULL */
	const char *state_dir;
	const char *hooks_spool; /* what hooks of agents append to, or NULL */
	const char *socket_path;
	struct app_ttyd ttyd;
	struct app_limits limits;
};

/* Strings are copied. On failure *out is NULL, everything is undone but the loop, and the
 * listening sockets are closed. */
int app_new(uv_loop_t *loop, const struct app_config *cfg, struct app **out, char **cause);
void app_stop(struct app *a);
void app_free(struct app *a); /* when the loop has run out */

/* A link that opens the page, with a fresh token where one is needed, which is on disk when
 * `done` is called; the link is borrowed, and NULL with a cause when there is none. */
void app_link(
    struct app *a, void (*done)(const char *link, const char *cause, void *), void *arg);

/* Reads the certificate and its key again. */
void app_reload(struct app *a);

/* Asks the keeper to end everything; app_stop where there is none. */
void app_end(struct app *a);

#endif
