/*
 * The head of an HTTP/1 request, looked at before a parser gets it.
 *
 * Parsers differ in what they make of a head that is not quite one: a line that ends in a bare LF, a
 * blank before a colon, two lengths. Behind a proxy that reads it otherwise the same bytes are two
 * requests instead of one (request smuggling). So a head is taken only as RFC 9112 has it, and as
 * servers are told to be strict about: CRLF alone ends a line; a name is a token with the colon
 * right behind it; no line goes on in the next; the target begins with a slash and has no CR, LF
 * or NUL in it, not escaped either; what says who asks and how long the body is comes once.
 *
 * Pure; any thread.
 */
#ifndef PROTO_HTTP_HEAD_H
#define PROTO_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>

enum {
	HTTP_HEAD_LINES = 100, /* headers */
	HTTP_HEAD_ARGS = 64,   /* arguments in the query */
};

struct http_fault {
	int status;          /* 400 or 431 */
	const char *message; /* static; one line for a person */
};

/* 1: it is whole and right, with *end bytes; 0: more must come; -1: it is wrong. Bytes behind it
 * are not looked at. `trap`, if not NULL, says that a header's name, which is not NUL-terminated,
 * cannot be taken. */
int http_head_check(const char *data, size_t len, size_t *end, struct http_fault *fault,
    bool (*trap)(const char *name, size_t len));

/* The characters of a target, from its slash on. NULL, or what is wrong. */
const char *http_target_fault(const char *target, size_t len);

#endif
