#include "config.h"

#include "cli/harden.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "app/app.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "cli/daemon.h"
#include "cli/paths.h"
#include "os/harden.h"
#include "os/os.h"

struct paths {
	struct harden_path *v;
	size_t n;
};

/* Takes path. */
static void
add(struct paths *p, char *path, enum harden_right right)
{
	p->v = xreallocarray(p->v, p->n + 1, sizeof *p->v);
	p->v[p->n++] = (struct harden_path){path, right};
}

/* The directory, as another file may take the place of the one that is there now. */
static void
add_around(struct paths *p, const char *file, enum harden_right right)
{
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;

	if (slash != NULL)
		add(p, slash == file ? xstrdup("/") : xstrndup(file, (size_t)(slash - file)),
		    right);
}

/* The daemon's own. */
static void
add_own(struct paths *p, const struct daemon *d)
{
	const char *named = getenv("PANESCRY_CONFIG");
	char *config = named != NULL ? xstrdup(named) : paths_config(), self[PATH_MAX];

	add(p, xstrdup(d->state_dir), HARDEN_WRITE);
	add_around(p, d->socket, HARDEN_WRITE);
	add_around(p, d->cfg.hooks_spool, HARDEN_WRITE);
	add_around(p, d->tls_cert, HARDEN_READ);
	add_around(p, d->tls_key, HARDEN_READ);
	add_around(p, d->token_file, HARDEN_READ);
	add_around(p, config, HARDEN_READ);
	if (d->cfg.limits.prices[0] != '\0')
		add_around(p, d->cfg.limits.prices, HARDEN_READ);
	if (os_program_path(self, sizeof self) == 0)
		add_around(p, self, HARDEN_READ);
	free(config);
}

/* SQLite cannot read a database that others write without files of its own beside it. */
static enum harden_right
right_to(const char *agent)
{
	return strcmp(agent, "opencode") == 0 ? HARDEN_WRITE : HARDEN_READ;
}

static void
add_agents(struct paths *p)
{
	const char *home = getenv("HOME");
	struct agent_place *places;
	size_t n = agent_places(home != NULL ? home : "/", environ, &places);

	for (size_t i = 0; i < n; i++)
		add(p, xstrdup(places[i].dir), right_to(places[i].agent));
	agent_places_free(places, n);
}

/* The system's: libraries that come later, name servers, certificates, time zones, processes. Of /etc
 * not all, as root may read its secrets. */
static void
add_system(struct paths *p)
{
	static const char *const read[] = {"/etc/ca-certificates", "/etc/crypto-policies",
	    "/etc/gai.conf", "/etc/group", "/etc/host.conf", "/etc/hosts", "/etc/ld.so.cache",
	    "/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd", "/etc/pki", "/etc/protocols",
	    "/etc/resolv.conf", "/etc/services", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
	    "/etc/timezone", "/usr", "/lib", "/lib32", "/lib64", "/proc", "/sys/fs/cgroup",
	    "/sys/devices/system", "/run/systemd/resolve", "/run/resolvconf",
	    "/run/NetworkManager", "/var/lib/ca-certificates"};
	static const char *const devices[] = {
	    "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/ptmx", "/dev/pts"};

	for (size_t i = 0; i < sizeof read / sizeof *read; i++)
		add(p, xstrdup(read[i]), HARDEN_READ);
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
		add(p, xstrdup(devices[i]), HARDEN_DEVICE);
	/* Which files a job has changed is seen by their directories, wherever it works. */
	add(p, xstrdup("/"), HARDEN_LIST);
}

/* Where hooks write, which must be there to be left. */
static void
make_hooks_dir(const struct daemon *d)
{
	const char *slash = strrchr(d->cfg.hooks_spool, '/');
	char *dir = xstrndup(d->cfg.hooks_spool, (size_t)(slash - d->cfg.hooks_spool));
	int rc = file_make_dirs(dir);

	if (rc != 0)
		log_warn("serve", "%s: %s", dir, strerror(-rc));
	free(dir);
}

static int
leave_paths(const struct daemon *d)
{
	struct paths p = {NULL, 0};
	int rc;

	make_hooks_dir(d);
	add_own(&p, d);
	add_agents(&p);
	add_system(&p);
	rc = harden_files(p.v, p.n);
	for (size_t i = 0; i < p.n; i++)
		free((char *)p.v[i].path);
	free(p.v);
	return rc;
}

int
harden_check(const struct daemon *d, char **cause)
{
	const char *why = "";

	if (!harden_built_in(&why))
		return err_set(cause, -ENOTSUP, "--harden is not built in: %s", why);
	if (!os_has_keeper() || d->no_keeper)
		return err_set(cause, -ENOTSUP,
		    "--harden needs the keeper, which starts what runs in panes");
	return 0;
}

int
harden_worker(const struct daemon *d, char **cause)
{
	int privileges = harden_privileges(), files, calls;

	files = privileges == 0 ? leave_paths(d) : privileges;
	calls = privileges == 0 ? harden_calls() : privileges;
	if (files < 0 && calls < 0)
		return err_set(cause, -ENOTSUP,
		    "--harden: the kernel has neither Landlock (%s) nor seccomp filters (%s)",
		    strerror(-files), strerror(-calls));
	if (files < 0)
		log_warn(
		    "serve", "hardened without Landlock, by calls alone: %s", strerror(-files));
	else if (calls < 0)
		log_warn("serve", "hardened without seccomp, by Landlock alone: %s",
		    strerror(-calls));
	else
		log_info("serve", "hardened: Landlock version %d, seccomp", files);
	return 0;
}
