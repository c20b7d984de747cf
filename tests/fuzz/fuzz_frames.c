/*
 * Any bytes as the messages of an attached viewer, both ways: nothing crashes; what is taken is
 * within its bounds and points into the message; and what one side writes the other reads as it was
 * meant. Input: pieces of two bytes of size, the first six bits of which say what is done, and their
 * bytes: a message to the server, which its viewer and its pane act upon; a message from a server; a
 * message of the protocol "tty"; or output of the pane. After each, what the viewer would be sent is
 * read as a client reads it: output follows upon output without a gap, but where a snapshot is between.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>

#include <uv.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "pane/pane.h"
#include "pane/record.h"
#include "pane/viewer.h"
#include "proto/attach.h"
#include "proto/json.h"
#include "proto/tty.h"

enum { RING = 4096, PULLS = 64 };

static uv_loop_t loop;

struct client {
	struct pane *pane;
	struct viewer *viewer;
	uint64_t at; /* offset up to which it has everything */
	bool any, read_only;
	size_t typed; /* bytes that came through to the pane */
};

/* The pane's owner. */

static int
on_input(struct pane *p, const void *data, size_t len, void *arg)
{
	struct client *c = arg;

	(void)p;
	free(block_of(data, len));
	must(!c->read_only);
	c->typed += len;
	return 0;
}

static size_t
on_pending(const struct pane *p, void *arg)
{
	(void)p;
	(void)arg;
	return 0;
}

static int
on_resize(struct pane *p, unsigned cols, unsigned rows, void *arg)
{
	(void)p;
	(void)arg;
	must(cols >= 1 && cols <= ATTACH_SIZE_MAX && rows >= 1 && rows <= ATTACH_SIZE_MAX);
	return 0;
}

static void
on_pane(struct pane *p, void *arg)
{
	(void)p;
	(void)arg;
}

static void
on_started(struct pane *p, int err, const char *cause, void *arg)
{
	(void)p;
	(void)err;
	(void)cause;
	(void)arg;
}

static void
on_wake(struct viewer *v, bool now, void *arg)
{
	(void)v;
	(void)now;
	(void)arg;
}

static void
on_hold(struct viewer *v, bool hold, void *arg)
{
	(void)v;
	(void)hold;
	(void)arg;
}

static void
client_open(struct client *c, unsigned how)
{
	static const struct pane_remote remote = {on_input, on_pending, on_resize, on_pane};
	static const struct pane_callbacks callbacks = {on_started, on_pane, on_pane};
	static const struct viewer_callbacks viewer_callbacks = {on_wake, on_hold};
	static const struct record_options record = {.lines = 200, .bytes = HISTORY_BYTES_MIN};
	char *argv[] = {"true", NULL};
	struct pane_spec spec = {.id = "p1",
	    .argv = argv,
	    .cols = 20,
	    .rows = 5,
	    .record = &record,
	    .ring_size = RING,
	    .private = true,
	    .remote = &remote,
	    .origin = "here"};
	struct viewer_spec v = {.has_offset = how & 1,
	    .offset = how >> 4,
	    .cols = how & 2 ? 30 : 0,
	    .rows = how & 2 ? 8 : 0,
	    .read_only = how & 4};

	*c = (struct client){.read_only = v.read_only};
	must(pane_new(&loop, &spec, &callbacks, c, &c->pane, NULL) == 0);
	c->viewer = viewer_new(c->pane, &v, &viewer_callbacks, c);
}

static void
client_close(struct client *c)
{
	viewer_free(c->viewer);
	pane_free(c->pane);
	while (uv_run(&loop, UV_RUN_NOWAIT) != 0)
		;
}

/* What is sent. */

static void
take_event(struct client *c, const struct buf *b)
{
	struct attach_event e;

	must(attach_parse_event(b->data, b->len, &e) == 0);
	switch (e.kind) {
	case ATTACH_EV_OUTPUT:
		must(e.len > 0 && (!c->any || e.offset == c->at));
		c->any = true;
		c->at = e.offset + e.len;
		break;
	case ATTACH_EV_SNAPSHOT:
		must(!c->any || e.offset >= c->at);
		c->any = true;
		c->at = e.offset;
		break;
	case ATTACH_EV_HELLO:
		must(e.read_only == c->read_only);
		break;
	case ATTACH_EV_RESIZE:
		must(e.cols >= 1 && e.cols <= ATTACH_SIZE_MAX);
		break;
	default:
		break;
	}
	if (b->data[0] == ATTACH_CONTROL)
		must(utf8_valid(b->data, b->len));
	must(c->at <= ring_end(pane_ring(c->pane)));
}

static void
pull(struct client *c)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	for (int i = 0; i < PULLS; i++) {
		buf_reset(&b);
		if (viewer_pull(c->viewer, &b, 1000) != VIEWER_MESSAGE)
			break;
		must(b.len != 0);
		take_event(c, &b);
	}
	buf_release(&b);
}

/* What comes. */

static void
check_request(const struct attach_request *r, const char *msg, size_t len)
{
	struct attach_request again;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	switch (r->kind) {
	case ATTACH_REQ_INPUT:
		must(r->input == msg + 1 && r->input_len == len - 1 &&
		     len <= ATTACH_MESSAGE_MAX);
		break;
	case ATTACH_REQ_RESIZE:
		must(r->cols >= 1 && r->cols <= ATTACH_SIZE_MAX);
		must(r->rows >= 1 && r->rows <= ATTACH_SIZE_MAX);
		attach_put_client_resize(&b, r->cols, r->rows);
		must(attach_parse_request(b.data, b.len, &again, NULL) == 0);
		must(again.kind == r->kind && again.cols == r->cols && again.rows == r->rows);
		break;
	case ATTACH_REQ_ACK:
		must(r->offset <= JSON_INT_MAX);
		attach_put_client_ack(&b, r->offset);
		must(attach_parse_request(b.data, b.len, &again, NULL) == 0);
		must(again.kind == r->kind && again.offset == r->offset);
		break;
	case ATTACH_REQ_SNAPSHOT:
		must(r->lines <= ATTACH_SNAPSHOT_LINES);
		break;
	case ATTACH_REQ_PING:
		break;
	default:
		abort();
	}
	buf_release(&b);
}

static void
to_server(struct client *c, const void *data, size_t len)
{
	char *msg = block_of(data, len), *cause = NULL;
	struct attach_request r;
	size_t typed = c->typed;
	int rc = attach_parse_request(msg, len, &r, &cause);

	if (rc != 0) {
		must(rc == -EINVAL || rc == -EMSGSIZE);
		must(cause != NULL && utf8_valid(cause, strlen(cause)));
		must(strchr(cause, '\n') == NULL);
		viewer_error(c->viewer, "bad_message", cause);
	} else {
		must(cause == NULL);
		check_request(&r, msg, len);
		rc = viewer_request(c->viewer, &r);
		must(
		    rc == 0 || rc == -EROFS || rc == -EINVAL || rc == -EPIPE || rc == -ENOBUFS);
		if (r.kind == ATTACH_REQ_INPUT && r.input_len > 0)
			must(rc == (c->read_only ? -EROFS : 0));
		if (rc == 0 && r.kind == ATTACH_REQ_INPUT)
			must(c->typed == typed + r.input_len);
		if (rc == 0 && r.kind == ATTACH_REQ_ACK)
			must(r.offset <= c->at);
	}
	free(cause);
	free(msg);
}

static void
from_server(const void *data, size_t len)
{
	char *msg = block_of(data, len);
	struct attach_event e;
	struct buf b;
	int rc = attach_parse_event(msg, len, &e);

	must(rc == 0 || rc == -EINVAL);
	if (rc == 0 && (e.kind == ATTACH_EV_OUTPUT || e.kind == ATTACH_EV_SNAPSHOT)) {
		unsigned char head[ATTACH_HEADER];

		must(e.data == msg + ATTACH_HEADER && e.len == len - ATTACH_HEADER);
		attach_put_header(head, (enum attach_type)msg[0], e.offset);
		must(memcmp(head, msg, sizeof head) == 0);
	}
	if (rc == 0 && (e.kind == ATTACH_EV_HELLO || e.kind == ATTACH_EV_RESIZE)) {
		must(e.cols >= 1 && e.cols <= ATTACH_SIZE_MAX);
		must(e.rows >= 1 && e.rows <= ATTACH_SIZE_MAX);
	}
	if (rc == 0 && e.kind == ATTACH_EV_ERROR) {
		struct attach_event again;

		must(utf8_valid(e.message, strlen(e.message)));
		buf_init(&b, BUF_NO_MAX);
		attach_put_error(&b, "code", e.message);
		must(attach_parse_event(b.data, b.len, &again) == 0);
		must(again.kind == ATTACH_EV_ERROR && strcmp(again.message, e.message) == 0);
		buf_release(&b);
	}
	free(msg);
}

/* The protocol "tty". */

static void
check_title(const char *data, size_t len)
{
	char *command = text_of(data, len);
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	tty_put_title(&b, command, command);
	must(b.len >= 4 && b.len <= TTY_INITIAL_MAX);
	must(b.data[0] == '1' && b.data[b.len - 1] == ')' && utf8_valid(b.data, b.len));
	for (size_t i = 0; i < b.len; i++)
		must((unsigned char)b.data[i] >= 0x20 && b.data[i] != 0x7F);
	buf_release(&b);
	free(command);
}

static void
check_answer(const char *data, size_t len)
{
	char *twice;

	if (!tty_is_answer(data, len))
		return;
	must(len >= 3 && len <= TTY_ANSWER_MAX && data[0] == '\033');
	twice = malloc(2 * len);
	must(twice != NULL);
	memcpy(twice, data, len);
	memcpy(twice + len, data, len);
	must(tty_is_answer(twice, 2 * len) == (2 * len <= TTY_ANSWER_MAX));
	free(twice);
}

static void
from_tty(const void *data, size_t len)
{
	char *msg = block_of(data, len);
	struct tty_request r;
	int rc = tty_parse(msg, len, &r);

	must(rc == 0 || (rc == -EINVAL && (len == 0 || *msg == '{' || *msg == '1')));
	if (rc == 0) {
		must(r.cols <= TTY_SIZE_MAX && r.rows <= TTY_SIZE_MAX);
		must((r.cols == 0) == (r.rows == 0));
		must(memchr(r.token, '\0', sizeof r.token) != NULL);
		must(*r.token == '\0' || r.kind == TTY_REQ_HELLO);
	}
	if (rc == 0 && r.kind == TTY_REQ_INPUT) {
		must(r.input == msg + 1 && r.input_len == len - 1);
		check_answer(r.input, r.input_len);
		check_title(r.input, r.input_len);
	}
	free(msg);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client c;

	if (size < 1 || size > 32 * 1024)
		return 0;
	if (loop.data == NULL && uv_loop_init(&loop) != 0)
		abort();
	loop.data = &loop;
	client_open(&c, data[0]);
	pull(&c);
	for (data++, size--; size >= 2;) {
		size_t n = (size_t)(data[0] & 3) << 8 | data[1];
		unsigned what = data[0] >> 2;

		data += 2;
		size -= 2;
		if (n > size)
			n = size;
		if (what & 32)
			from_tty(data, n);
		else if (what % 4 < 2)
			to_server(&c, data, n);
		else if (what % 4 == 2)
			pane_output(c.pane, data, n);
		else
			from_server(data, n);
		if (what & 16)
			pull(&c);
		data += n;
		size -= n;
	}
	pull(&c);
	client_close(&c);
	return 0;
}
