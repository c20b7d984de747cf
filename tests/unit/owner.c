#include "config.h"

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "owner.h"

int
owner_setup(void **state)
{
	*state = owner_new();
	return 0;
}

int
owner_teardown(void **state)
{
	owner_free(*state);
	return 0;
}

void
owner_make_dir(char *dir)
{
	assert_non_null(mkdtemp(dir));
}

void
owner_remove_dir(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	rmdir(dir);
}

void
owner_make_wake(int wake[2])
{
	assert_int_equal(pipe2(wake, O_NONBLOCK | O_CLOEXEC), 0);
}

void
owner_notify(void *wake)
{
	if (write(((int *)wake)[1], "", 1) < 0)
		assert_int_equal(errno, EAGAIN);
}

void
owner_await_notice(const int wake[2])
{
	struct pollfd p = {wake[0], POLLIN, 0};
	char drain[256];

	poll(&p, 1, OWNER_TURN_MS);
	while (read(wake[0], drain, sizeof drain) > 0)
		;
}
