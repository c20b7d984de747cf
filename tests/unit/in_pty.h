/* A child whose terminal is a PTY of 80 columns and 24 rows. */
#ifndef TESTS_IN_PTY_H
#define TESTS_IN_PTY_H

#include <sys/types.h>

pid_t fork_in_pty(int *master); /* as fork(2) returns; *master is close-on-exec */

#endif
