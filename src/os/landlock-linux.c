/* Landlock, by its system calls: what is known of its interface up to version 6. */
#include "config.h"

#include "os/harden.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/landlock.h, of which the installed one may know less than the kernel. */
enum {
	CREATE_RULESET = 444,
	ADD_RULE = 445,
	RESTRICT_SELF = 446,

	CREATE_RULESET_VERSION = 1 << 0,
	RULE_PATH_BENEATH = 1,

	EXECUTE = 1 << 0,
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_DIR = 1 << 4,
	REMOVE_FILE = 1 << 5,
	MAKE_CHAR = 1 << 6,
	MAKE_DIR = 1 << 7,
	MAKE_REG = 1 << 8,
	MAKE_SOCK = 1 << 9,
	MAKE_FIFO = 1 << 10,
	MAKE_BLOCK = 1 << 11,
	MAKE_SYM = 1 << 12,
	REFER = 1 << 13,     /* from version 2 on */
	TRUNCATE = 1 << 14,  /* 3 */
	IOCTL_DEV = 1 << 15, /* 5 */

	NET_BIND_TCP = 1 << 0,          /* 4 */
	SCOPE_ABSTRACT_SOCKET = 1 << 0, /* 6 */

	OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV,
};

struct ruleset {
	uint64_t files, net, scope;
};

struct path_beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

int
harden_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

/* What that version can hold back. The struct grew with it. */
static size_t
handled(int version, struct ruleset *r)
{
	uint64_t files = EXECUTE | WRITE_FILE | READ_FILE | READ_DIR | REMOVE_DIR |
			 REMOVE_FILE | MAKE_CHAR | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO |
			 MAKE_BLOCK | MAKE_SYM;

	files |= version >= 2 ? REFER : 0;
	files |= version >= 3 ? TRUNCATE : 0;
	files |= version >= 5 ? IOCTL_DEV : 0;
	*r = (struct ruleset){
	    files, version >= 4 ? NET_BIND_TCP : 0, version >= 6 ? SCOPE_ABSTRACT_SOCKET : 0};
	return version >= 6   ? sizeof *r
	       : version >= 4 ? 2 * sizeof(uint64_t)
			      : sizeof(uint64_t);
}

static uint64_t
rights(enum harden_right right)
{
	switch (right) {
	case HARDEN_LIST:
		return READ_DIR;
	case HARDEN_READ:
		return READ_FILE | READ_DIR;
	case HARDEN_DEVICE:
		return READ_FILE | WRITE_FILE | READ_DIR | IOCTL_DEV;
	case HARDEN_WRITE:
		break;
	}
	return READ_FILE | READ_DIR | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR |
	       MAKE_REG | REFER | TRUNCATE;
}

static int
add(int rules, const struct harden_path *p, uint64_t known)
{
	struct path_beneath b = {.allowed = rights(p->right) & known};
	struct stat st;
	int rc = 0;

	b.fd = open(p->path, O_PATH | O_CLOEXEC);
	if (b.fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
	if (fstat(b.fd, &st) == 0 && !S_ISDIR(st.st_mode))
		b.allowed &= OF_FILES;
	if (syscall(ADD_RULE, rules, RULE_PATH_BENEATH, &b, 0) != 0)
		rc = -errno;
	close(b.fd);
	return rc;
}

int
harden_files(const struct harden_path *paths, size_t n)
{
	long version = syscall(CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
	struct ruleset r;
	size_t size;
	int fd, rc = 0;

	if (version <= 0)
		return version < 0 ? -errno : -ENOSYS;
	size = handled((int)version, &r);
	fd = (int)syscall(CREATE_RULESET, &r, size, 0);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add(fd, &paths[i], r.files);
	if (rc == 0 && syscall(RESTRICT_SELF, fd, 0) != 0)
		rc = -errno;
	close(fd);
	return rc == 0 ? (int)version : rc;
}
