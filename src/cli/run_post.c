#include "config.h"

#include "cli/run_post.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/paths.h"
#include "net/client.h"
#include "proto/json.h"

/* One of the newest jobs has this correlation: then it is what the body would make. */
static bool
find_made(const char *socket, const cJSON *body, struct buf *out)
{
	const char *want = json_string(body, "correlation"), *has;
	cJSON *o = NULL;
	const cJSON *job;
	bool found = false;
	struct buf b;
	int status;

	buf_init(&b, BUF_NO_MAX);
	if (client_request(
		socket, "GET", "/api/v1/jobs?limit=1000", NULL, 0, &status, &b, NULL) == 0 &&
	    status == 200)
		o = json_parse(b.data, b.len);
	cJSON_ArrayForEach (job, cJSON_GetObjectItemCaseSensitive(o, "jobs")) {
		if (found || (has = json_string(job, "correlation")) == NULL ||
		    strcmp(has, want) != 0)
			continue;
		char *text = json_print_take(cJSON_Duplicate(job, 1));
		buf_reset(out);
		buf_puts(out, text);
		free(text);
		found = true;
	}
	cJSON_Delete(o);
	buf_release(&b);
	return found;
}

int
run_post(const char *where, const cJSON *body, struct buf *out)
{
	char *socket = paths_socket(), *text = cJSON_PrintUnformatted(body), *cause = NULL;
	uint64_t end_us = clock_mono_us() + (uint64_t)ASK_GONE_S * 1000000;
	int rc, status = 0;
	bool asked = false;

	for (;;) {
		buf_reset(out);
		rc = client_request(
		    socket, "POST", where, text, strlen(text), &status, out, &cause);
		if ((rc == 0 && status != 503) || (rc == -ECONNREFUSED && !asked) ||
		    clock_mono_us() > end_us)
			break;
		asked = true;
		free(cause);
		cause = NULL;
		nanosleep(&(struct timespec){.tv_nsec = ASK_AGAIN_MS * 1000000}, NULL);
		if (find_made(socket, body, out)) {
			rc = 0;
			status = 201;
			break;
		}
	}
	if (rc == -ECONNREFUSED)
		rc = cli_no_daemon(socket);
	else if (rc != 0)
		rc = cli_error("%s", cause);
	else if (status < 200 || status > 299)
		rc = cli_refused(NULL, status, out);
	free(cause);
	cJSON_free(text);
	free(socket);
	return rc;
}

int
run_get(const char *path, struct buf *out)
{
	char *socket = paths_socket(), *cause = NULL;
	uint64_t end_us = clock_mono_us() + (uint64_t)ASK_GONE_S * 1000000;
	int rc, status = 0;

	for (;;) {
		buf_reset(out);
		rc = client_request(socket, "GET", path, NULL, 0, &status, out, &cause);
		if ((rc == 0 && status != 503) || clock_mono_us() > end_us)
			break;
		free(cause);
		cause = NULL;
		nanosleep(&(struct timespec){.tv_nsec = ASK_AGAIN_MS * 1000000}, NULL);
	}
	if (rc != 0)
		rc = cli_no_daemon(socket);
	else if (status != 200)
		rc = cli_refused(NULL, status, out);
	free(cause);
	free(socket);
	return rc;
}
