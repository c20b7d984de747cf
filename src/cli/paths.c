#include "config.h"

#include "cli/paths.h"

#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/xmalloc.h"

char *
paths_runtime_dir(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	struct stat st;
	char *run;

	if (dir != NULL && *dir == '/')
		return xasprintf("%s/panescry", dir);
	run = xasprintf("/run/user/%u", (unsigned)getuid());
	if (stat(run, &st) == 0 && st.st_uid == getuid()) {
		char *path = xasprintf("%s/panescry", run);
		free(run);
		return path;
	}
	free(run);
	return xasprintf("/tmp/panescry-%u", (unsigned)getuid());
}

char *
paths_socket(void)
{
	const char *env = getenv("PANESCRY_SOCKET");
	char *dir, *path;

	if (env != NULL && *env != '\0')
		return xstrdup(env);
	dir = paths_runtime_dir();
	path = xasprintf("%s/default.sock", dir);
	free(dir);
	return path;
}

static const char *
home(void)
{
	const char *dir = getenv("HOME");
	const struct passwd *pw;

	if (dir != NULL && *dir == '/')
		return dir;
	pw = getpwuid(getuid());
	return pw != NULL ? pw->pw_dir : "/";
}

char *
paths_state_dir(void)
{
	const char *dir = getenv("XDG_STATE_HOME");

	if (dir != NULL && *dir == '/')
		return xasprintf("%s/panescry", dir);
	return xasprintf("%s/.local/state/panescry", home());
}

/* Not in --state-dir, which a hook does not know: the socket is all that it has of the daemon. */
char *
paths_hooks(const char *socket)
{
	char *dir = paths_state_dir(), *path;
	uint64_t h = 0xcbf29ce484222325ull; /* FNV-1a */

	for (const char *p = socket; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3ull;
	path = xasprintf("%s/hooks-%016llx.ndjson", dir, (unsigned long long)h);
	free(dir);
	return path;
}

char *
paths_config(void)
{
	const char *dir = getenv("XDG_CONFIG_HOME");

	if (dir != NULL && *dir == '/')
		return xasprintf("%s/panescry/panescry.conf", dir);
	return xasprintf("%s/.config/panescry/panescry.conf", home());
}

int
paths_prepare_socket_dir(const char *socket, char **cause)
{
	const char *slash = strrchr(socket, '/');
	struct stat st;
	char *dir;
	int rc;

	if (slash == NULL || slash == socket)
		return 0;
	dir = xstrndup(socket, (size_t)(slash - socket));
	rc = file_make_dirs(dir);
	if (rc == 0 && lstat(dir, &st) != 0)
		rc = -errno;
	if (rc != 0)
		err_sys(cause, rc, "make the directory %s", dir);
	else if (!S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode))
		rc = err_sys(cause, -ENOTDIR, "%s", dir);
	else if (strncmp(dir, "/tmp/panescry-", 14) == 0 &&
		 (S_ISLNK(st.st_mode) || st.st_uid != getuid() || (st.st_mode & 077) != 0))
		rc = err_set(
		    cause, -EPERM, "%s belongs to somebody else or is open to others", dir);
	free(dir);
	return rc;
}
