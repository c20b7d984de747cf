/* The endpoint /ws/panes/ID: a connection and its viewer. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/app_priv.h"
#include "app/job_panes.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "pane/viewer.h"
#include "proto/attach.h"

struct attachment {
	struct app *app;
	struct ws_conn *conn;
	struct viewer *viewer;
};

static void
on_wake(struct viewer *v, bool now, void *arg)
{
	(void)v;
	if (now)
		ws_write_now(arg);
	else
		ws_want_write(arg);
}

static void
on_hold(struct viewer *v, bool hold, void *arg)
{
	(void)v;
	ws_hold(arg, hold);
}

const struct viewer_callbacks attach_callbacks = {on_wake, on_hold};

/* False when an argument is not what it should be. */
static bool
read_args(const struct ws_request *req, struct viewer_spec *spec)
{
	const char *offset = ws_request_query(req, "offset"),
		   *mode = ws_request_query(req, "mode");
	const char *cols = ws_request_query(req, "cols"), *rows = ws_request_query(req, "rows");
	uint64_t c = 0, r = 0;

	spec->has_offset = offset != NULL;
	if (offset != NULL && str_u64(offset, 0, UINT64_MAX, &spec->offset) != 0)
		return false;
	if ((cols == NULL) != (rows == NULL))
		return false;
	if (cols != NULL && (str_u64(cols, 1, ATTACH_SIZE_MAX, &c) != 0 ||
				str_u64(rows, 1, ATTACH_SIZE_MAX, &r) != 0))
		return false;
	if (mode != NULL && strcmp(mode, "rw") != 0 && strcmp(mode, "ro") != 0)
		return false;
	spec->cols = (unsigned)c;
	spec->rows = (unsigned)r;
	spec->read_only =
	    ws_request_access(req) < AUTH_WRITE || (mode != NULL && mode[1] == 'o');
	return true;
}

static int
attach_open(struct ws_conn *c, const struct ws_request *req, void *arg, void **data,
    const char **reason)
{
	const char *ref = ws_request_param(req), *only = ws_request_pane(req);
	struct viewer_spec spec = {0};
	struct attachment *t;
	struct app *a = arg;
	struct entry *e = NULL;
	bool found = str_id_valid(ref) && registry_find(a, ref, &e) == 0;

	if (*only != '\0' && (!found || strcmp(only, pane_id(e->pane)) != 0)) {
		*reason = "this token is for another pane";
		return WS_CLOSE_UNAUTHORISED;
	}
	if (!found) {
		*reason = "no such pane";
		return ATTACH_CLOSE_NO_PANE;
	}
	if (!read_args(req, &spec)) {
		*reason = "offset, cols, rows or mode is wrong";
		return 1008;
	}
	if (!job_pane_takes_input(e))
		spec.read_only = true;
	if (a->viewer_count >= a->cfg.limits.viewers_max) {
		*reason = "too many viewers";
		return 1013;
	}
	t = xcalloc(1, sizeof *t);
	t->app = a;
	t->conn = c;
	t->viewer = viewer_new(e->pane, &spec, &attach_callbacks, c);
	a->viewer_count++;
	*data = t;
	return 0;
}

static void
refused(struct attachment *t, int rc, const char *cause)
{
	switch (rc) {
	case -EROFS:
		ws_close(t->conn, ATTACH_CLOSE_READ_ONLY, "this viewer may only read");
		break;
	case -EMSGSIZE:
		ws_close(t->conn, ATTACH_CLOSE_TOO_BIG, "message too big");
		break;
	case -EPIPE:
		viewer_error(t->viewer, "pane_exited", "the pane has ended");
		break;
	case -ENOBUFS:
		viewer_error(t->viewer, "input_full", "the command does not read its input");
		break;
	default:
		viewer_error(t->viewer, "bad_message",
		    cause != NULL ? cause : "acknowledged what was not sent");
		break;
	}
}

static void
attach_message(struct ws_conn *c, void *data, bool binary, const void *msg, size_t len)
{
	struct attachment *t = data;
	struct attach_request req;
	char *cause = NULL;
	int rc;

	(void)c;
	if (!binary) {
		viewer_error(t->viewer, "bad_message", "messages must be binary");
		return;
	}
	rc = attach_parse_request(msg, len, &req, &cause);
	if (rc == 0)
		rc = viewer_request(t->viewer, &req);
	if (rc != 0)
		refused(t, rc, cause);
	free(cause);
}

static int
attach_pull(struct ws_conn *c, void *data, struct buf *b, size_t max)
{
	struct attachment *t = data;

	(void)c;
	switch (viewer_pull(t->viewer, b, max)) {
	case VIEWER_MESSAGE:
		return 1;
	case VIEWER_ENDED:
		return ATTACH_CLOSE_ENDED;
	case VIEWER_NOTHING:
		break;
	}
	return 0;
}

static void
attach_closed(void *data)
{
	struct attachment *t = data;
	struct app *a = t->app;

	viewer_free(t->viewer);
	free(t);
	a->viewer_count--;
	registry_sweep(a);
	app_check_stopped(a);
}

const struct ws_endpoint attach_endpoint = {.subprotocol = ATTACH_SUBPROTOCOL,
    .path = "/ws/panes/:id",
    .max_message = ATTACH_MESSAGE_MAX,
    .open = attach_open,
    .message = attach_message,
    .pull = attach_pull,
    .closed = attach_closed};
