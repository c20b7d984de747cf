#include "config.h"

#include "pane/viewer.h"

#include <errno.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "pane/pane_priv.h"
#include "proto/attach.h"

/* A thousand viewers that come at once must not each be told of each, nor ten thousand that come
 * and go: the more there are, the longer it takes, so that it is a thousand messages a second at the
 * most. */
enum { ANNOUNCE_MS = 200, ANNOUNCE_EACH_MS = 1 };

/* A client gets the snapshots it asks for no faster than this. */
enum { SNAPSHOT_US = 50 * 1000 };

enum {
	SAY_HELLO = 1 << 0,
	SAY_RESIZE = 1 << 1,
	SAY_VIEWERS = 1 << 2,
	SAY_PONG = 1 << 3,
	SAY_EXIT = 1 << 4,
	SAY_TITLE = 1 << 5,
	SAY_BELL = 1 << 6,
};

struct viewer {
	struct viewer *prev, *next;
	struct pane *pane; /* NULL once it is gone */
	struct viewer_callbacks cb;
	void *arg;
	uint64_t offset;   /* of the next byte to send */
	uint64_t acked;    /* everything below has been rendered */
	uint64_t debt;     /* bytes sent, snapshots included, and not acknowledged */
	uint64_t asked_us; /* when it was last given a snapshot that it asked for */
	uint64_t typed;    /* pane->typed_clock at the last input; 0: never */
	char *error_code, *error_message;
	unsigned cols, rows;
	unsigned lines; /* of the history, in the next snapshot */
	uint8_t say;    /* control messages that are due */
	bool read_only, held;
	bool needs_snapshot;
};

static void
wake(struct viewer *v)
{
	v->cb.wake(v, false, v->arg);
}

static void
say_all(struct pane *p, unsigned what)
{
	struct viewer *v;

	DL_FOREACH (p->viewers, v) {
		v->say |= (uint8_t)what;
		wake(v);
	}
}

void
viewers_wake(struct pane *p, bool now)
{
	struct viewer *v;

	DL_FOREACH (p->viewers, v)
		v->cb.wake(v, now, v->arg);
}

void
viewers_resized(struct pane *p)
{
	say_all(p, SAY_RESIZE);
}

void
viewers_titled(struct pane *p)
{
	say_all(p, SAY_TITLE);
}

void
viewers_belled(struct pane *p)
{
	say_all(p, SAY_BELL);
}

void
viewers_input_drained(struct pane *p)
{
	struct viewer *v;

	DL_FOREACH (p->viewers, v) {
		if (v->held) {
			v->held = false;
			v->cb.hold_input(v, false, v->arg);
		}
	}
}

void
viewers_gone(struct pane *p)
{
	struct viewer *v, *next;

	DL_FOREACH_SAFE (p->viewers, v, next) {
		DL_DELETE(p->viewers, v);
		v->pane = NULL;
		wake(v);
	}
	p->viewer_count = 0;
}

static void
on_announce(uv_timer_t *t)
{
	say_all(t->data, SAY_VIEWERS);
}

static void
announce(struct pane *p)
{
	if (!p->freed && !uv_is_active((uv_handle_t *)&p->announce))
		uv_timer_start(&p->announce, on_announce,
		    ANNOUNCE_MS + (uint64_t)p->viewer_count * ANNOUNCE_EACH_MS, 0);
}

/* The viewer whose size the pane has: the one that typed last, else the one attached first. */
static const struct viewer *
size_leader(const struct pane *p)
{
	const struct viewer *v, *best = NULL;

	DL_FOREACH (p->viewers, v) {
		if (v->read_only || v->cols == 0)
			continue;
		if (best == NULL || v->typed > best->typed)
			best = v;
	}
	return best;
}

static void
follow_leader(struct pane *p, const struct viewer *leader)
{
	if (leader != NULL)
		pane_resize(p, leader->cols, leader->rows);
}

struct viewer *
viewer_new(struct pane *p, const struct viewer_spec *spec, const struct viewer_callbacks *cb,
    void *arg)
{
	struct viewer *v = xcalloc(1, sizeof *v);

	v->pane = p;
	v->cb = *cb;
	v->arg = arg;
	v->cols = spec->cols;
	v->rows = spec->cols != 0 ? spec->rows : 0;
	v->lines = ATTACH_SNAPSHOT_LINES;
	v->read_only = spec->read_only;
	v->say = SAY_HELLO;
	if (*record_title(p->record) != '\0')
		v->say |= SAY_TITLE;
	v->offset = v->acked = ring_end(p->ring);
	if (spec->has_offset && spec->offset >= ring_start(p->ring) &&
	    spec->offset <= v->offset)
		v->offset = v->acked = spec->offset;
	else
		v->needs_snapshot = true;
	DL_APPEND(p->viewers, v);
	p->viewer_count++;
	if (size_leader(p) == v)
		follow_leader(p, v);
	announce(p);
	wake(v);
	return v;
}

void
viewer_free(struct viewer *v)
{
	struct pane *p = v->pane;

	if (p != NULL) {
		bool led = size_leader(p) == v;
		DL_DELETE(p->viewers, v);
		p->viewer_count--;
		if (led)
			follow_leader(p, size_leader(p));
		announce(p);
	}
	free(v->error_code);
	free(v->error_message);
	free(v);
}

static bool
take_due(struct viewer *v, unsigned what)
{
	bool due = (v->say & what) != 0;

	v->say &= (uint8_t)~what;
	return due;
}

/* One control message, if one is due that comes before output. */
static bool
pull_control(struct viewer *v, struct buf *b)
{
	const struct pane *p = v->pane;

	if (take_due(v, SAY_HELLO)) {
		v->say &= (uint8_t)~SAY_RESIZE;
		attach_put_hello(b, &(struct attach_hello){p->birth->id, p->cols, p->rows,
					ring_end(p->ring), v->read_only});
	} else if (take_due(v, SAY_RESIZE)) {
		attach_put_resize(b, p->cols, p->rows);
	} else if (take_due(v, SAY_VIEWERS)) {
		attach_put_viewers(b, p->viewer_count);
	} else if (take_due(v, SAY_TITLE)) {
		attach_put_title(b, record_title(p->record));
	} else if (take_due(v, SAY_BELL)) {
		attach_put_bell(b);
	} else if (take_due(v, SAY_PONG)) {
		attach_put_pong(b);
	} else if (v->error_code != NULL) {
		attach_put_error(b, v->error_code, v->error_message);
		free(v->error_code);
		free(v->error_message);
		v->error_code = v->error_message = NULL;
	} else {
		return false;
	}
	return true;
}

static bool
pull_snapshot(struct viewer *v, struct buf *b)
{
	unsigned char head[ATTACH_HEADER] = {0};
	size_t at = b->len;

	buf_append(b, head, sizeof head);
	pane_snapshot(v->pane, v->lines, b, &v->offset);
	attach_put_header((unsigned char *)b->data + at, ATTACH_SNAPSHOT, v->offset);
	v->acked = v->offset;
	v->debt += b->len - at;
	v->needs_snapshot = false;
	v->lines = ATTACH_SNAPSHOT_LINES;
	return true;
}

/* Bytes that may be sent. While we do not read from a client we cannot hear it acknowledge;
 * then only the room in its socket limits what it is sent. */
static uint64_t
window_left(const struct viewer *v)
{
	if (v->held)
		return ATTACH_WINDOW;
	return v->debt < ATTACH_WINDOW ? ATTACH_WINDOW - v->debt : 0;
}

static bool
pull_output(struct viewer *v, struct buf *b, size_t max)
{
	uint64_t window = window_left(v);
	unsigned char head[ATTACH_HEADER];
	struct iovec iov[2];
	int64_t n;

	if (window == 0)
		return false;
	n = ring_peek(v->pane->ring, v->offset, max < window ? max : window, iov);
	if (n < 0)
		v->needs_snapshot = true;
	if (v->needs_snapshot)
		return pull_snapshot(v, b);
	if (n == 0)
		return false;
	attach_put_header(head, ATTACH_OUTPUT, v->offset);
	buf_append(b, head, sizeof head);
	buf_append(b, iov[0].iov_base, iov[0].iov_len);
	buf_append(b, iov[1].iov_base, iov[1].iov_len);
	v->offset += (uint64_t)n;
	v->debt += (uint64_t)n;
	return true;
}

enum viewer_pull
viewer_pull(struct viewer *v, struct buf *b, size_t max)
{
	const struct pane *p = v->pane;

	if (p == NULL)
		return VIEWER_ENDED;
	if (pull_control(v, b) || pull_output(v, b, max))
		return VIEWER_MESSAGE;
	if (p->state != PANE_EXITED || v->needs_snapshot || v->offset != ring_end(p->ring))
		return VIEWER_NOTHING;
	if (v->say & SAY_EXIT)
		return VIEWER_ENDED;
	v->say |= SAY_EXIT;
	attach_put_exit(b, p->exit_status);
	return VIEWER_MESSAGE;
}

enum viewer_pull
viewer_pull_bytes(struct viewer *v, struct buf *b, size_t max)
{
	const struct pane *p = v->pane;
	struct iovec iov[2];
	int64_t n;

	if (p == NULL)
		return VIEWER_ENDED;
	n = v->needs_snapshot ? -1 : ring_peek(p->ring, v->offset, max, iov);
	if (n < 0) {
		buf_puts(b, "\033c");
		pane_snapshot(p, v->lines, b, &v->offset);
		v->needs_snapshot = false;
		return VIEWER_MESSAGE;
	}
	if (n == 0)
		return p->state == PANE_EXITED ? VIEWER_ENDED : VIEWER_NOTHING;
	buf_append(b, iov[0].iov_base, iov[0].iov_len);
	buf_append(b, iov[1].iov_base, iov[1].iov_len);
	v->offset += (uint64_t)n;
	return VIEWER_MESSAGE;
}

int
viewer_exit_status(const struct viewer *v)
{
	return v->pane != NULL ? pane_exit_status(v->pane) : -1;
}

static int
request_input(struct viewer *v, const char *data, size_t len)
{
	struct pane *p = v->pane;
	int rc;

	if (v->read_only)
		return -EROFS;
	v->typed = ++p->typed_clock;
	if (v->cols != 0)
		pane_resize(p, v->cols, v->rows);
	rc = pane_input(p, data, len);
	if (!v->held && pane_input_pending(p) > PANE_INPUT_MAX / 2) {
		v->held = true;
		v->cb.hold_input(v, true, v->arg);
	}
	return rc;
}

static int
request_ack(struct viewer *v, uint64_t offset)
{
	if (offset > v->offset)
		return -EINVAL;
	if (offset < v->acked)
		return 0;
	v->acked = offset;
	v->debt = v->offset - offset;
	wake(v);
	return 0;
}

static int
request_resize(struct viewer *v, unsigned cols, unsigned rows)
{
	if (v->read_only)
		return 0;
	v->cols = cols;
	v->rows = rows;
	if (size_leader(v->pane) == v)
		follow_leader(v->pane, v);
	return 0;
}

/* What was sent before is not going to be acknowledged: nothing of it is owed. */
static int
request_snapshot(struct viewer *v, unsigned lines)
{
	uint64_t now = clock_mono_us();

	if (now - v->asked_us < SNAPSHOT_US)
		return 0;
	v->asked_us = now;
	v->needs_snapshot = true;
	v->lines = lines;
	v->debt = 0;
	wake(v);
	return 0;
}

int
viewer_request(struct viewer *v, const struct attach_request *req)
{
	if (v->pane == NULL)
		return -EPIPE;
	switch (req->kind) {
	case ATTACH_REQ_INPUT:
		return request_input(v, req->input, req->input_len);
	case ATTACH_REQ_ACK:
		return request_ack(v, req->offset);
	case ATTACH_REQ_RESIZE:
		return request_resize(v, req->cols, req->rows);
	case ATTACH_REQ_PING:
		v->say |= SAY_PONG;
		wake(v);
		return 0;
	case ATTACH_REQ_SNAPSHOT:
		return request_snapshot(v, req->lines);
	}
	return -EINVAL;
}

void
viewer_error(struct viewer *v, const char *code, const char *message)
{
	free(v->error_code);
	free(v->error_message);
	v->error_code = xstrdup(code);
	v->error_message = xstrdup(message);
	wake(v);
}
