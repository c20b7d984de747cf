/*
 * The attach protocol, panescry.attach.v1: how a viewer and a pane talk over a WebSocket.
 * panescry-protocol(7) is its description for others; this header is the one place where its
 * bytes are made and taken apart.
 *
 * Every message is one binary WebSocket message whose first byte is its type.
 *
 *	server to client
 *	  0x01 OUTPUT    u64 big-endian offset of the first byte, then raw terminal bytes
 *	  0x02 SNAPSHOT  u64 offset, then bytes that redraw the terminal from a reset one
 *	  0x03 CONTROL   a JSON object with "type"
 *	client to server
 *	  0x01 INPUT     raw bytes
 *	  0x03 CONTROL   {"type":"resize","cols","rows"} {"type":"ack","offset"} {"type":"ping"}
 *	                 {"type":"snapshot","lines"}
 *
 * Pure; any thread.
 */
#ifndef PROTO_ATTACH_H
#define PROTO_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define ATTACH_SUBPROTOCOL "panescry.attach.v1"

/* Makes a terminal that shows something near enough to a reset one for a snapshot. */
#define ATTACH_CLEAR "\033[?1049l\033[?6l\033[r\033[m\033[?25h\033[H\033[2J"

enum attach_type {
	ATTACH_OUTPUT = 1,
	ATTACH_INPUT = 1,
	ATTACH_SNAPSHOT = 2,
	ATTACH_CONTROL = 3
};

enum {
	ATTACH_HEADER = 9,                  /* type and offset before output */
	ATTACH_WINDOW = 1024 * 1024,        /* most bytes sent and not acknowledged */
	ATTACH_SNAPSHOT_LINES = 1000,       /* most of the history in a snapshot */
	ATTACH_INPUT_MAX = 64 * 1024,       /* most bytes in one INPUT */
	ATTACH_MESSAGE_MAX = 64 * 1024 + 1, /* longest message from a client */
	ATTACH_SIZE_MAX = 2000,             /* most columns, most rows */
};

enum attach_close {
	ATTACH_CLOSE_ENDED = 1000,
	ATTACH_CLOSE_TOO_BIG = 1009,
	ATTACH_CLOSE_UNAUTHORISED = 4401,
	ATTACH_CLOSE_NO_PANE = 4404,
	ATTACH_CLOSE_SILENT = 4408,
	ATTACH_CLOSE_READ_ONLY = 4409,
};

/* Server side. */

void attach_put_header(
    unsigned char out[ATTACH_HEADER], enum attach_type type, uint64_t offset);

/* Each appends one whole CONTROL message, type byte included. */
struct attach_hello {
	const char *pane;
	unsigned cols, rows;
	uint64_t offset; /* of the pane now: what lies below it is replayed */
	bool read_only;
};
void attach_put_hello(struct buf *b, const struct attach_hello *h);
void attach_put_resize(struct buf *b, unsigned cols, unsigned rows);
void attach_put_title(struct buf *b, const char *title);
void attach_put_viewers(struct buf *b, unsigned count);
void attach_put_exit(struct buf *b, int status);
void attach_put_bell(struct buf *b);
void attach_put_error(struct buf *b, const char *code, const char *message);
void attach_put_pong(struct buf *b);

struct attach_request {
	enum {
		ATTACH_REQ_INPUT,
		ATTACH_REQ_RESIZE,
		ATTACH_REQ_ACK,
		ATTACH_REQ_PING,
		ATTACH_REQ_SNAPSHOT,
	} kind;
	const char *input; /* borrowed from the message */
	size_t input_len;
	unsigned cols, rows; /* 1..ATTACH_SIZE_MAX */
	uint64_t offset;
	unsigned lines; /* 0..ATTACH_SNAPSHOT_LINES */
};

/* Takes one message from a client apart. -EINVAL with a cause for what is not of the
 * protocol, -EMSGSIZE when input is over its limit. */
int attach_parse_request(const void *msg, size_t len, struct attach_request *out, char **cause);

/* Client side. */

void attach_put_client_resize(struct buf *b, unsigned cols, unsigned rows);
void attach_put_client_ack(struct buf *b, uint64_t offset);
void attach_put_client_snapshot(struct buf *b, unsigned lines); /* at most SNAPSHOT_LINES */

struct attach_event {
	enum {
		ATTACH_EV_OUTPUT,
		ATTACH_EV_SNAPSHOT,
		ATTACH_EV_HELLO,
		ATTACH_EV_RESIZE,
		ATTACH_EV_EXIT,
		ATTACH_EV_ERROR,
		ATTACH_EV_OTHER,
	} kind;
	const char *data; /* output or snapshot, borrowed from the message */
	size_t len;
	uint64_t offset;
	unsigned cols, rows;
	int status; /* of an exit */
	bool read_only;
	char message[256]; /* of an error */
};

/* Takes one message from a server apart. -EINVAL for what is not of the protocol. */
int attach_parse_event(const void *msg, size_t len, struct attach_event *out);

#endif
