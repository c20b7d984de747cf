#include "config.h"

#include "cli/upgrade.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/put.h"
#include "net/client.h"
#include "os/os.h"
#include "proto/json.h"

enum { TURN_MS = 50, WAIT_MS = 20000 };

static void
nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = TURN_MS * 1000000}, NULL);
}

/* /api/v1/info, or NULL when nobody gives it now. *status is the answer's, 0 for none. */
static cJSON *
ask(const char *socket, int *status)
{
	char *cause = NULL;
	cJSON *info = NULL;
	struct buf out;

	*status = 0;
	buf_init(&out, BUF_NO_MAX);
	if (client_request(socket, "GET", "/api/v1/info", NULL, 0, status, &out, &cause) == 0 &&
	    *status == 200)
		info = json_parse(out.data, out.len);
	free(cause);
	buf_release(&out);
	return info;
}

static uint64_t
keeper_number(const cJSON *info, const char *name)
{
	uint64_t n = 0;

	json_u64(cJSON_GetObjectItemCaseSensitive(info, "keeper"), name, 0, JSON_INT_MAX, &n);
	return n;
}

/* While there is no worker to ask, the keeper is found behind the socket. */
static int
wake_keeper(const char *socket_path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = os_socket(AF_UNIX, SOCK_STREAM, false), rc;
	pid_t pid = 0;

	if (strlen(socket_path) >= sizeof un.sun_path)
		return -ENAMETOOLONG;
	strcpy(un.sun_path, socket_path);
	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&un, sizeof un) != 0)
		rc = -errno;
	else if ((rc = os_peer_pid(fd, &pid)) == 0)
		rc = kill(pid, SIGUSR2) == 0 ? 0 : -errno;
	close(fd);
	return rc;
}

static int
request(const char *socket)
{
	char self[PATH_MAX], *cause = NULL, *body;
	cJSON *o;
	struct buf out;
	int rc, status = 0;

	if ((rc = os_program_path(self, sizeof self)) != 0)
		return cli_error("serve: the path of this program: %s", strerror(-rc));
	o = json_object();
	cJSON_AddStringToObject(o, "program", self);
	body = json_print_take(o);
	buf_init(&out, BUF_NO_MAX);
	rc = client_request(
	    socket, "POST", "/api/v1/upgrade", body, strlen(body), &status, &out, &cause);
	if (rc != 0)
		rc = cli_error("serve: %s", cause);
	else if (status != 202)
		rc = cli_error("serve: the daemon refuses: %.*s", (int)out.len, out.data);
	free(cause);
	free(body);
	buf_release(&out);
	return rc;
}

static int
said(const cJSON *info)
{
	uint64_t pid = 0;

	json_u64(info, "pid", 1, INT_MAX, &pid);
	printf("worker %u, version ", (unsigned)pid);
	put_line(json_string(info, "version"));
	return CLI_DONE;
}

/* Waits until one of the two counts is higher, or, without counts, until somebody answers. */
static int
await(const char *socket, const cJSON *before)
{
	for (int i = 0; i < WAIT_MS / TURN_MS; i++, nap()) {
		int status, rc = -1;
		cJSON *now = ask(socket, &status);

		if (now == NULL)
			continue;
		if (before == NULL ||
		    keeper_number(now, "upgrades") > keeper_number(before, "upgrades"))
			rc = said(now);
		else if (keeper_number(now, "upgrades_failed") >
			 keeper_number(before, "upgrades_failed"))
			rc = cli_error("serve: the old worker stays: %s",
			    json_string(cJSON_GetObjectItemCaseSensitive(now, "keeper"),
				"last_failure"));
		cJSON_Delete(now);
		if (rc >= 0)
			return rc;
	}
	return cli_error("serve: no worker came up within %d seconds", WAIT_MS / 1000);
}

int
upgrade(const char *socket)
{
	int status, rc;
	cJSON *before = ask(socket, &status);

	if (before == NULL && status == 503 && wake_keeper(socket) == 0) {
		rc = CLI_DONE;
	} else if (before == NULL) {
		cli_error("no daemon answers at %s: start one with panescry serve", socket);
		return CLI_NO_DAEMON;
	} else {
		rc = request(socket);
	}
	if (rc == CLI_DONE)
		rc = await(socket, before);
	cJSON_Delete(before);
	return rc;
}
