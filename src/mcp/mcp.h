/*
 * The Model Context Protocol: JSON-RPC 2.0 in, calls of the daemon's own HTTP API out.
 *
 * A struct mcp is one conversation with one client. What it asks the daemon for goes through `ask`,
 * so that it does not matter whether that is a socket (cli/cmd_mcp.c, messages in lines on standard
 * input and output) or the daemon itself (app/mcp.c, POST /mcp, one message a conversation). It has no
 * power of its own: what `ask` may not do, its client may not.
 *
 * Versions 2025-06-18, 2025-03-26 and 2024-11-05 of the protocol, see
 * https://modelcontextprotocol.io/specification. Of its features it has tools, and resources with
 * subscriptions where somebody calls mcp_tick. Batches are of version 2025-03-26 alone.
 *
 * A client is hostile until its message is parsed and bounded; the daemon's answers are bounded too,
 * and everything in them is text for the client's model, as it was printed or said, in valid UTF-8.
 *
 * Errors: what is no JSON is -32700, what is no request -32600, an unknown method -32601, wrong
 * parameters and unknown tools -32602, an unknown resource -32002, too much at a time -32000. What
 * the daemon refuses is a result with isError and its words.
 *
 * Pure but for the clock; one thread, callbacks included.
 */
#ifndef MCP_MCP_H
#define MCP_MCP_H

#include <stdbool.h>
#include <stddef.h>

enum {
	MCP_MESSAGE_MAX = 512 * 1024, /* bytes of a message */
	MCP_RESULT_MAX = 256 * 1024,  /* bytes of text in a result; less unless asked for */
	MCP_REQUESTS_MAX = 64,        /* under way */
	MCP_BATCH_MAX = 32,           /* messages */
	MCP_SUBSCRIPTIONS_MAX = 64,
	MCP_TICK_MS = 1000, /* between two looks at what is subscribed to */
};

struct mcp;
struct request;

struct mcp_transport {
	/* One message, or a batch of them, without a newline; `len` bytes that end with a NUL. It
	 * must not free the conversation before mcp_take or the answer returns. */
	void (*send)(void *arg, const char *text, size_t len);

	/* Asks the daemon. Later, and never before this returns, mcp_answer is called with `for_whom`,
	 * once, unless it is cancelled first. Path and body are borrowed. NULL: nobody can be asked any
	 * more, and no answer will come. */
	void *(*ask)(void *arg, const char *method, const char *path, const void *body,
	    size_t len, struct request *for_whom);
	void (*cancel)(void *arg, void *asked);
};

struct mcp_config {
	bool write;          /* what types or runs is offered */
	const char *allow;   /* what would allow it, for refusals: "--allow-write" */
	bool subscriptions;  /* somebody calls mcp_tick */
	const char *version; /* that was negotiated before; NULL: the newest until it is */
	const struct mcp_transport *transport; /* stays */
	void *arg;
};

/* Whether that version of the protocol is spoken. */
bool mcp_version_known(const char *version);

struct mcp *mcp_new(const struct mcp_config *cfg);
void mcp_free(struct mcp *m); /* cancels all that is under way */

/* What mcp_take made of a message. */
enum mcp_taken {
	MCP_TAKEN,      /* answered, or will be, or needs no answer: see mcp_is_idle */
	MCP_NO_JSON,    /* and that has been answered: -32700 */
	MCP_NO_REQUEST, /* likewise -32600 */
};
enum mcp_taken mcp_take(struct mcp *m, const char *text, size_t len);

/* Bytes of messages that end with a newline each. One that is too long is answered with -32600 and
 * passed over. */
void mcp_feed(struct mcp *m, const char *data, size_t len);

/* The answer to `ask`: rc 0, or the negative errno value of a daemon that does not answer. */
void mcp_answer(struct request *r, int rc, int status, const char *body, size_t len);

/* No request is under way. */
bool mcp_is_idle(const struct mcp *m);

/* There will be no more messages: what waits for something to happen is cancelled, what is about to
 * be answered is not. */
void mcp_end(struct mcp *m);

/* Every MCP_TICK_MS, while mcp_has_subscriptions: looks at what is subscribed to. */
void mcp_tick(struct mcp *m);
bool mcp_has_subscriptions(const struct mcp *m);

#endif
