/*
 * The servers that wsload can talk to, as rows of a table. Pure.
 */
#ifndef BENCH_WSPROTO_H
#define BENCH_WSPROTO_H

#include <stdbool.h>
#include <stddef.h>

struct ws_proto {
	const char *name;
	const char *subproto; /* Sec-WebSocket-Protocol, "" = none */
	int input_type;       /* byte before what the client types, -1 = none */
	int output_type; /* first byte of an output message, -1 = every message is output */
	bool attach;     /* offsets, snapshots and acknowledgements (panescry.attach.v1) */
	/* what the client says first; returns its length, 0 = nothing */
	int (*hello)(char *buf, size_t cap, unsigned cols, unsigned rows);
};

enum { ATTACH_OUTPUT = 1, ATTACH_SNAPSHOT = 2, ATTACH_CONTROL = 3, ATTACH_INPUT = 1 };

const struct ws_proto *ws_proto_find(const char *name); /* NULL = no such row */

/* RFC 6455: the key a client sends, and the answer that it must get. */
#define WS_KEY_LEN 25
#define WS_ACCEPT_LEN 29
void ws_key(const unsigned char random[16], char out[WS_KEY_LEN]);
void ws_accept(const char *key, char out[WS_ACCEPT_LEN]);

#endif
