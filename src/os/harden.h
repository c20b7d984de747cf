/*
 * Giving up what this process does not need, for good: an attacker who makes it do their bidding then
 * has no more than that.
 *
 * Three things, of which each is kept by threads and processes that come later, so that it is to be
 * done before there are any: no program that is executed has more rights than this process (no_new_privs);
 * of the file system only some directories are left (Landlock); of the system's calls only
 * those that the daemon makes (seccomp). Among what is gone is execve(2), fork(2) and ptrace(2):
 * another process has to start processes (os/spawn.h), and to say where they are
 * (os_process_cwd_via).
 */
#ifndef OS_HARDEN_H
#define OS_HARDEN_H

#include <stdbool.h>
#include <stddef.h>

enum harden_right {
	HARDEN_LIST,   /* names in it and below, and nothing of the files */
	HARDEN_READ,   /* a directory with all below, or a file */
	HARDEN_WRITE,  /* that, and files and directories are made, changed and removed */
	HARDEN_DEVICE, /* read and written, with ioctl(2) */
};

struct harden_path {
	const char *path; /* what is not there is left out */
	enum harden_right right;
};

/* Whether this build can do it at all; or why not, in words for a person. */
bool harden_built_in(const char **why);

/* No rights by executing programs. -errno. */
int harden_privileges(void);

/* Leaves these paths, no TCP port to be bound, and no abstract socket of others. Returns the
 * version of Landlock's interface (1 and up), or -errno: -ENOSYS or -EOPNOTSUPP where the kernel
 * has none. What is open stays open; stat(2) and connect(2) to a socket's path are not its matter. */
int harden_files(const struct harden_path *paths, size_t n);

/* Leaves the calls that the daemon makes; others fail with EPERM or ENOSYS. -errno. */
int harden_calls(void);

#endif
