#include "config.h"

#include "cli/glance.h"

#include <errno.h>
#include <stdlib.h>

#include <cjson/cJSON.h>
#include <uv.h>

#include "cli/cli.h"
#include "cli/paths.h"
#include "net/client.h"
#include "proto/json.h"

struct question {
	uv_timer_t late;
	struct client_call *call;
	cJSON **to;
	int rc;
};

static void
on_answer(int rc, int status, const char *body, size_t len, void *arg)
{
	struct question *q = arg;

	q->call = NULL;
	uv_timer_stop(&q->late);
	if (rc == -ECONNREFUSED || rc == -ETIMEDOUT || rc == -EPIPE)
		q->rc = CLI_NO_DAEMON;
	else if (rc != 0 || status != 200 || (*q->to = json_parse(body, len)) == NULL)
		q->rc = CLI_ERROR;
}

static void
on_late(uv_timer_t *t)
{
	struct question *q = t->data;

	client_call_cancel(q->call);
	q->rc = CLI_NO_DAEMON;
}

int
glance(const char *path, unsigned ms, cJSON **out)
{
	struct question q = {.to = out, .rc = CLI_DONE};
	char *socket = paths_socket();
	uv_loop_t loop;

	*out = NULL;
	uv_loop_init(&loop);
	uv_timer_init(&loop, &q.late);
	q.late.data = &q;
	uv_timer_start(&q.late, on_late, ms, 0);
	q.call = client_call(&loop, socket, "GET", path, NULL, 0, on_answer, &q);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&q.late, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	free(socket);
	return q.rc;
}
