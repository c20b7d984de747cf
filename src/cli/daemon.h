/*
 * The process that does the work of serve: under a keeper, or alone.
 *
 * One call that returns when the daemon has ended. What serve was given has been checked, and its
 * paths are absolute.
 */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

#include <stdbool.h>

#include "app/app.h"
#include "cli/activation.h"

enum { SOCKETS_MAX = 16 };

struct daemon {
	const char *listen;
	char *socket, *state_dir, *token_file, *tls_cert,
	    *tls_key;                              /* token_file.. may be NULL */
	const char *tmux_sockets[SOCKETS_MAX + 1]; /* more of them; NULL ends */
	/* One more than there may be, which is then refused. */
	const char *origins[SERVER_ORIGINS_MAX + 2], *proxies[SERVER_PROXIES_MAX + 2];
	const char *base; /* NULL: none */
	bool no_auth, insecure_http, qr, no_tmux, foreground, no_keeper;
	bool harden;             /* asked for here; limits.harden: there */
	mode_t umask;            /* the one it was started with, for what it starts */
	struct activation given; /* its sockets are in cfg, too */
	struct app_config cfg;   /* listening sockets and limits */
};

/* An option of the command line by its long name, also as ttyd calls it; what does not fit into a list
 * is passed over. False: a daemon has none of that name. */
bool daemon_option(struct daemon *d, const char *name, const char *arg);
void daemon_set_path(char **path, const char *arg); /* in place of another */
void daemon_release(struct daemon *d);              /* its paths */

/* Writes the link, or what went wrong, to `report` (daemon_read_report reads it), or to the
 * terminal if that is -1. Returns an exit status. */
int daemon_run(struct daemon *d, int report);

/* The same under the keeper behind the descriptor, which has the sockets and the report. */
int daemon_run_worker(struct daemon *d, int keeper_fd);

/* What the command line says of tmux and of access, into the limits; -EINVAL for what is none. */
int daemon_set_limits(struct daemon *d, char **cause);

/* What a report says: returns an exit status after it has been printed. */
int daemon_read_report(const struct daemon *d, int fd);

/* As many descriptors as there may be, for this process and those that follow. */
void daemon_raise_descriptors(void);

/* Removes the socket that commands talk to, unless it was given. */
void daemon_remove_socket(const struct daemon *d);

/* The program of the keeper that belongs to this one, or NULL; the caller frees. */
char *daemon_keeper_program(void);

#endif
