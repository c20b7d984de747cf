/*
 * Listening sockets that a service manager made and hands over: serve then makes none of these
 * itself, and does not remove the Unix one when it ends, as they are there before and after it.
 *
 * Source: sd_listen_fds(3). Descriptors from 3 on, LISTEN_FDS of them, for the process LISTEN_PID.
 * What each is for shows in its family, not in its name.
 */
#ifndef CLI_ACTIVATION_H
#define CLI_ACTIVATION_H

struct activation {
	int tcp_fd, unix_fd; /* close-on-exec, non-blocking; -1: not given */
	char listen[64];     /* "ADDR:PORT" of the one, as serve --listen takes it */
	char socket[128];    /* path of the other */
};

/*
 * Takes what there is for this process out of its environment and its descriptors; a set for
 * another process is only forgotten. -EINVAL for one that is no listening stream socket, of another
 * family, the second of its family, or has no path; -EPERM for a Unix one that others may connect
 * to, as no token is asked for there. Call it before other descriptors are made. Any thread while
 * there is one.
 */
int activation_take(struct activation *a, char **cause);

#endif
