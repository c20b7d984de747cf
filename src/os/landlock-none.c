/* Systems without Landlock. */
#include "config.h"

#include "os/harden.h"

#include <errno.h>

int
harden_privileges(void)
{
	return -ENOSYS;
}

int
harden_files(const struct harden_path *paths, size_t n)
{
	(void)paths;
	(void)n;
	return -ENOSYS;
}
