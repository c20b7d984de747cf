/*
 * serve --harden: what the worker keeps of what it could do (os/harden.h says how).
 */
#ifndef CLI_HARDEN_H
#define CLI_HARDEN_H

struct daemon;

/* Whether it can be had at all: while there is still a terminal to complain to. -ENOTSUP. */
int harden_check(const struct daemon *d, char **cause);

/* In the worker, with no other thread: app_config's harden. What the kernel lacks is logged; if it
 * has none of it, that is an error. */
int harden_worker(const struct daemon *d, char **cause);

#endif
