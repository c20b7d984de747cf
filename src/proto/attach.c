#include "config.h"

#include "proto/attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/utf8.h"
#include "proto/json.h"

void
attach_put_header(unsigned char out[ATTACH_HEADER], enum attach_type type, uint64_t offset)
{
	out[0] = (unsigned char)type;
	for (int i = 0; i < 8; i++)
		out[1 + i] = (unsigned char)(offset >> (56 - 8 * i));
}

static uint64_t
get_offset(const unsigned char *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

/* Appends a CONTROL message and frees the object. */
static void
put_control(struct buf *b, cJSON *o)
{
	char *text = json_print_take(o);

	buf_putc(b, ATTACH_CONTROL);
	buf_puts(b, text);
	free(text);
}

static cJSON *
control(const char *type)
{
	cJSON *o = json_object();

	cJSON_AddStringToObject(o, "type", type);
	return o;
}

static void
put_size(struct buf *b, unsigned cols, unsigned rows)
{
	cJSON *o = control("resize");

	cJSON_AddNumberToObject(o, "cols", cols);
	cJSON_AddNumberToObject(o, "rows", rows);
	put_control(b, o);
}

void
attach_put_hello(struct buf *b, const struct attach_hello *h)
{
	cJSON *o = control("hello");

	cJSON_AddStringToObject(o, "pane", h->pane);
	cJSON_AddNumberToObject(o, "cols", h->cols);
	cJSON_AddNumberToObject(o, "rows", h->rows);
	json_add_u64(o, "offset", h->offset);
	cJSON_AddStringToObject(o, "mode", h->read_only ? "ro" : "rw");
	cJSON_AddNumberToObject(o, "window", ATTACH_WINDOW);
	put_control(b, o);
}

void
attach_put_resize(struct buf *b, unsigned cols, unsigned rows)
{
	put_size(b, cols, rows);
}

void
attach_put_title(struct buf *b, const char *title)
{
	cJSON *o = control("title");

	cJSON_AddStringToObject(o, "title", title);
	put_control(b, o);
}

void
attach_put_viewers(struct buf *b, unsigned count)
{
	cJSON *o = control("viewers");

	cJSON_AddNumberToObject(o, "count", count);
	put_control(b, o);
}

void
attach_put_exit(struct buf *b, int status)
{
	cJSON *o = control("exit");

	if (status >= 0)
		cJSON_AddNumberToObject(o, "status", status);
	else
		cJSON_AddNullToObject(o, "status");
	put_control(b, o);
}

void
attach_put_bell(struct buf *b)
{
	put_control(b, control("bell"));
}

void
attach_put_error(struct buf *b, const char *code, const char *message)
{
	cJSON *o = control("error");

	cJSON_AddStringToObject(o, "error", code);
	cJSON_AddStringToObject(o, "message", message);
	put_control(b, o);
}

void
attach_put_pong(struct buf *b)
{
	put_control(b, control("pong"));
}

void
attach_put_client_resize(struct buf *b, unsigned cols, unsigned rows)
{
	put_size(b, cols, rows);
}

void
attach_put_client_ack(struct buf *b, uint64_t offset)
{
	cJSON *o = control("ack");

	json_add_u64(o, "offset", offset);
	put_control(b, o);
}

void
attach_put_client_snapshot(struct buf *b, unsigned lines)
{
	cJSON *o = control("snapshot");

	cJSON_AddNumberToObject(o, "lines", lines);
	put_control(b, o);
}

static int
parse_control(const cJSON *o, struct attach_request *out, char **cause)
{
	const char *type = json_string(o, "type");
	uint64_t cols, rows, lines;

	if (type == NULL)
		return err_set(cause, -EINVAL, "a control message needs \"type\"");
	if (strcmp(type, "ping") == 0) {
		out->kind = ATTACH_REQ_PING;
		return 0;
	}
	if (strcmp(type, "snapshot") == 0) {
		out->kind = ATTACH_REQ_SNAPSHOT;
		if (cJSON_GetObjectItemCaseSensitive(o, "lines") == NULL)
			lines = ATTACH_SNAPSHOT_LINES;
		else if (json_u64(o, "lines", 0, ATTACH_SNAPSHOT_LINES, &lines) != 0)
			return err_set(cause, -EINVAL, "snapshot: \"lines\" must be 0 to %d",
			    ATTACH_SNAPSHOT_LINES);
		out->lines = (unsigned)lines;
		return 0;
	}
	if (strcmp(type, "ack") == 0) {
		out->kind = ATTACH_REQ_ACK;
		if (json_u64(o, "offset", 0, JSON_INT_MAX, &out->offset) != 0)
			return err_set(cause, -EINVAL, "ack: \"offset\" is not an offset");
		return 0;
	}
	if (strcmp(type, "resize") == 0) {
		out->kind = ATTACH_REQ_RESIZE;
		if (json_u64(o, "cols", 1, ATTACH_SIZE_MAX, &cols) != 0 ||
		    json_u64(o, "rows", 1, ATTACH_SIZE_MAX, &rows) != 0)
			return err_set(cause, -EINVAL,
			    "resize: \"cols\" and \"rows\" must be 1 to %d", ATTACH_SIZE_MAX);
		out->cols = (unsigned)cols;
		out->rows = (unsigned)rows;
		return 0;
	}
	return err_set(cause, -EINVAL, "unknown control type");
}

int
attach_parse_request(const void *msg, size_t len, struct attach_request *out, char **cause)
{
	const char *p = msg;
	cJSON *o;
	int rc;

	*out = (struct attach_request){0};
	if (len == 0)
		return err_set(cause, -EINVAL, "empty message");
	switch (p[0]) {
	case ATTACH_INPUT:
		if (len - 1 > ATTACH_INPUT_MAX)
			return err_set(
			    cause, -EMSGSIZE, "input over %d bytes", ATTACH_INPUT_MAX);
		out->kind = ATTACH_REQ_INPUT;
		out->input = p + 1;
		out->input_len = len - 1;
		return 0;
	case ATTACH_CONTROL:
		if ((o = json_parse(p + 1, len - 1)) == NULL)
			return err_set(
			    cause, -EINVAL, "a control message must be a JSON object");
		rc = parse_control(o, out, cause);
		cJSON_Delete(o);
		return rc;
	default:
		return err_set(
		    cause, -EINVAL, "unknown message type 0x%02x", (unsigned char)p[0]);
	}
}

static int
parse_size(const cJSON *o, struct attach_event *out)
{
	uint64_t cols, rows;

	if (json_u64(o, "cols", 1, ATTACH_SIZE_MAX, &cols) != 0 ||
	    json_u64(o, "rows", 1, ATTACH_SIZE_MAX, &rows) != 0)
		return -EINVAL;
	out->cols = (unsigned)cols;
	out->rows = (unsigned)rows;
	return 0;
}

static int
parse_server_control(const cJSON *o, struct attach_event *out)
{
	const char *type = json_string(o, "type"), *text;
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(o, "status");

	out->kind = ATTACH_EV_OTHER;
	if (type == NULL)
		return -EINVAL;
	if (strcmp(type, "hello") == 0) {
		out->kind = ATTACH_EV_HELLO;
		text = json_string(o, "mode");
		out->read_only = text != NULL && strcmp(text, "ro") == 0;
		if (json_u64(o, "offset", 0, JSON_INT_MAX, &out->offset) != 0)
			return -EINVAL;
		return parse_size(o, out);
	}
	if (strcmp(type, "resize") == 0) {
		out->kind = ATTACH_EV_RESIZE;
		return parse_size(o, out);
	}
	if (strcmp(type, "exit") == 0) {
		out->kind = ATTACH_EV_EXIT;
		out->status = cJSON_IsNumber(status) ? status->valueint : -1;
	}
	if (strcmp(type, "error") == 0) {
		out->kind = ATTACH_EV_ERROR;
		if ((text = json_string(o, "message")) == NULL)
			text = "";
		snprintf(out->message, sizeof out->message, "%.*s",
		    utf8_prefix(text, sizeof out->message - 1), text);
	}
	return 0;
}

int
attach_parse_event(const void *msg, size_t len, struct attach_event *out)
{
	const unsigned char *p = msg;
	cJSON *o;
	int rc;

	*out = (struct attach_event){.kind = ATTACH_EV_OTHER};
	if (len == 0)
		return -EINVAL;
	if (p[0] == ATTACH_OUTPUT || p[0] == ATTACH_SNAPSHOT) {
		if (len < ATTACH_HEADER)
			return -EINVAL;
		out->kind = p[0] == ATTACH_OUTPUT ? ATTACH_EV_OUTPUT : ATTACH_EV_SNAPSHOT;
		out->offset = get_offset(p + 1);
		out->data = (const char *)msg + ATTACH_HEADER;
		out->len = len - ATTACH_HEADER;
		return 0;
	}
	if (p[0] != ATTACH_CONTROL)
		return 0; /* of a later version */
	if ((o = json_parse((const char *)msg + 1, len - 1)) == NULL)
		return -EINVAL;
	rc = parse_server_control(o, out);
	cJSON_Delete(o);
	return rc;
}
