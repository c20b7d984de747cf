/*
 * The protocol "tty", as ttyd 1.7 and clients that were written for it speak it over a WebSocket.
 * panescry-protocol(7) is its description for others; this header is the one place where its
 * bytes are made and taken apart.
 *
 * The first byte of a message is its type, a printable one. The server's messages are binary; a
 * client's may be text as well.
 *
 *	client to server
 *	  '{'  the whole message is JSON: {"AuthToken","columns","rows"}; the first, and once
 *	  '0'  INPUT, raw bytes
 *	  '1'  RESIZE, JSON: {"columns","rows"}
 *	  '2'  PAUSE
 *	  '3'  RESUME
 *	server to client
 *	  '1'  a window's title, text; the first message
 *	  '2'  preferences of the terminal, a JSON object; the second
 *	  '0'  OUTPUT, raw bytes; all that follow
 *
 * Pure; any thread.
 */
#ifndef PROTO_TTY_H
#define PROTO_TTY_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

#define TTY_SUBPROTOCOL "tty"

enum {
	TTY_TOKEN_MAX = 512,          /* bytes of an AuthToken */
	TTY_HELLO_MAX = 4096,         /* longest first message */
	TTY_MESSAGE_MAX = 256 * 1024, /* longest of the others: a paste comes as one */
	TTY_INITIAL_MAX = 4096,       /* longest title and preferences, type byte included */
	TTY_ANSWER_MAX = 1024,        /* a terminal's answers; what is longer was typed */
	TTY_SIZE_MAX = 2000,          /* most columns, most rows */
};

enum tty_close {
	TTY_CLOSE_ENDED = 1000,
	TTY_CLOSE_REFUSED = 1008, /* no hello, or one that may not pass */
	TTY_CLOSE_FULL = 1013,    /* too many clients */
	TTY_CLOSE_NO_PANE = 4404,
	TTY_CLOSE_FAILED = 4410, /* the command ended with another status than 0 */
};

struct tty_request {
	enum {
		TTY_REQ_HELLO,
		TTY_REQ_INPUT,
		TTY_REQ_RESIZE,
		TTY_REQ_PAUSE,
		TTY_REQ_RESUME,
		TTY_REQ_OTHER, /* to be passed over */
	} kind;
	const char *input; /* borrowed from the message */
	size_t input_len;
	unsigned cols, rows;           /* 1..TTY_SIZE_MAX; both 0 where they are not said */
	char token[TTY_TOKEN_MAX + 1]; /* of a hello; "": none */
};

/* Takes one message from a client apart. -EINVAL for JSON that is none, for members of another
 * type or beyond their range, and for an empty message; a size of null counts as not said. */
int tty_parse(const void *msg, size_t len, struct tty_request *out);

/* Whether input is nothing but what a terminal says when a program asks it: what it is, where its cursor
 * is, its modes and colours. Such a client's terminal answers by itself, and so does the pane's own. A
 * report of a cursor in row 1 is none here, since F3 with a modifier is typed like that. */
bool tty_is_answer(const char *input, size_t len);

/* Each appends one whole message. Control characters become spaces, and the command is cut where it
 * is too long. */
void tty_put_title(struct buf *b, const char *command, const char *host);
void tty_put_preferences(struct buf *b, const char *json); /* shorter than TTY_INITIAL_MAX */

/* Raw bytes follow. */
void tty_put_output(struct buf *b);

#endif
