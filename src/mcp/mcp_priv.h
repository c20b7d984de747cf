/* What the files of mcp/ share. Not for others. */
#ifndef MCP_MCP_PRIV_H
#define MCP_MCP_PRIV_H

#include <stdint.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "base/buf.h"
#include "mcp/mcp.h"

enum {
	RPC_PARSE = -32700,
	RPC_REQUEST = -32600,
	RPC_METHOD = -32601,
	RPC_PARAMS = -32602,
	RPC_INTERNAL = -32603,
	RPC_BUSY = -32000,
	RPC_NO_RESOURCE = -32002,
};

enum {
	PAGE_BYTES = 48 * 1024,       /* of rows in a result */
	CELL_BYTES = 2000,            /* of each text in a row */
	CELL_LONG = 16 * 1024,        /* of a line, or what was said */
	ANSWER_MAX = 8 * 1024 * 1024, /* bytes of the daemon's answer that are looked at */
	CURSOR_MAX = 64,
	SUBJECT_MAX = 256, /* bytes of a resource's address */
	WAIT_SLICE_S = 20, /* a request to the daemon is not silent for longer */
};

/* What a tool takes. Schema and check are made from the same row. */
enum field_kind {
	FIELD_TEXT,   /* lo..hi bytes */
	FIELD_NAME,   /* likewise, one part of a path */
	FIELD_NUMBER, /* a whole one, lo..hi */
	FIELD_SWITCH,
	FIELD_CHOICE, /* one of `choices`, with blanks between */
	FIELD_TEXTS,  /* lo..hi of them */
	FIELD_PAIRS,  /* an object of texts, at most hi */
};

struct field {
	const char *name; /* NULL ends */
	enum field_kind kind;
	uint64_t lo, hi;
	const char *help;
	bool needed;
	const char *choices;
};

struct answer {
	int status;
	cJSON *json; /* NULL: it is none */
	const char *body;
	size_t len;
};

typedef void (*answered_cb)(struct request *r, const struct answer *a);

/* A request of the client, until it is answered. */
struct request {
	struct request *prev, *next;
	struct mcp *m;
	struct batch *batch;     /* NULL: it came alone */
	cJSON *id;               /* NULL: nobody waits for an answer, it is of a subscription */
	cJSON *message;          /* all of it; args are in there */
	const cJSON *args;       /* of the tool, or params */
	const struct tool *tool; /* NULL: another method */
	void *asked;             /* the transport's, while it is being asked */
	answered_cb answered;
	bool refusals; /* `answered` is told of statuses from 400 on, too */
	bool waits;    /* for something to happen */
	bool raw;      /* what is answered need not be JSON */

	/* What the tools keep between two questions. */
	uint64_t skip, limit, end_us;
	char *text, *name;
	cJSON *kept;
	struct subscription *subscription;
};

struct tool {
	const char *name, *title, *help;
	bool write, destructive;
	const struct field *fields;
	void (*start)(struct request *r);
};

extern const struct tool pane_tools[], memory_tools[], job_tools[];

struct mcp {
	struct mcp_config cfg;
	const char *version;
	struct request *requests; /* utlist */
	unsigned nrequests;
	struct subscription *subscriptions; /* utlist */
	unsigned nsubscriptions;
	struct subscription *looking; /* that is being asked about */
	struct buf line;              /* of which there is no end yet */
	bool skipping;                /* of a line that was too long */
	bool closed;                  /* nothing is sent any more */
};

/* mcp.c: answers. Each ends the request. */
void reply_take(struct request *r, cJSON *result);
void reply_error(struct request *r, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void reply_no_resource(struct request *r, const char *uri);
void request_free(struct request *r);
struct request *request_new(struct mcp *m);

/* A notification to the client; params are taken. */
void notify(struct mcp *m, const char *method, cJSON *params);

/* Asks the daemon; path is freed. */
void ask(struct request *r, const char *method, char *path, const void *body, size_t len,
    answered_cb answered);
void ask_get(struct request *r, char *path, answered_cb answered);
void ask_post(struct request *r, char *path, cJSON *body, answered_cb answered);

/* tools.c */
cJSON *tools_list(const struct mcp *m);
void tools_call(struct request *r);

/* A tool's result: JSON as text, text as it is (both taken), or that it failed. */
void result_json(struct request *r, cJSON *o);
void result_two(struct request *r, cJSON *o, char *text);
void result_failed(struct request *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* What the daemon said against it. */
char *refusal_of(const struct answer *a);

/* fields.c: a JSON Schema of them; NULL when args fit, or what is wrong, for the caller to free. */
cJSON *fields_schema(const struct field *fields);
char *fields_fault(const struct field *fields, const cJSON *args);
const char *arg_text(const struct request *r, const char *name);
uint64_t arg_number(const struct request *r, const char *name, uint64_t fallback);
bool arg_is(const struct request *r, const char *name);

/* rows.c: bounds. Texts in o that are longer than max are cut, and end with an ellipsis. */
void cut_texts(cJSON *o, size_t max);

/* Members of `from` that are there, moved to a new object, in this order; names end with NULL. */
cJSON *pick(cJSON *from, const char *const *names);

/* Rows of the array of that name, from skip on, as many as there is room for and no more than limit,
 * with next_cursor where there are more: at the place `at` and on. `more`: the daemon has some behind
 * them. `cell`: bytes of a text. */
struct rows {
	const char *name;
	const char *const *members; /* NULL: all */
	uint64_t skip, limit, at;
	size_t cell;
	bool more;
};
cJSON *rows_take(cJSON *answer, const struct rows *how);

/* A place in a list, as "o" and a number. False: the request has been answered. */
bool cursor_read(struct request *r, uint64_t *place);
void cursor_add(cJSON *o, const char *name, uint64_t place);

/* A path and its query. */
void query_text(struct buf *b, const char *name, const char *value); /* NULL: nothing */
void query_number(struct buf *b, const char *name, uint64_t value);
void query_args(struct buf *b, const struct request *r, const char *const *names);
char *path_of(const char *base, const char *id, const char *rest);

/* Bytes as text: ill-formed parts and NUL replaced. *used: how many were, as a character may end behind
 * them; all of them if they are the last. */
char *bytes_to_text(const char *data, size_t len, bool last, size_t *used);

/* resources.c */
void resources_list(struct request *r);
void resources_templates(struct request *r);
void resources_read(struct request *r);

/* The daemon's path of a resource, for the caller to free, or NULL for what is none. */
char *resource_path(const char *uri);

/* subscriptions.c */
void subscribe(struct request *r);
void unsubscribe(struct request *r);
void subscriptions_free(struct mcp *m);

#endif
