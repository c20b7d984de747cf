/* Built without libseccomp. */
#include "config.h"

#include "os/harden.h"

#include <errno.h>

bool
harden_built_in(const char **why)
{
	*why = "this build has no libseccomp";
	return false;
}

int
harden_calls(void)
{
	return -ENOSYS;
}
