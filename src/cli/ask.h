/*
 * Requests that outlive the daemon's worker: each is asked until it is answered.
 *
 * One request at a time. When nobody answers, or the answer breaks off, it is asked again, for
 * ASK_GONE_S. Lives on a loop until the process ends, or it is freed. Loop's thread.
 */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include <stdbool.h>
#include <stddef.h>

typedef struct uv_loop_s uv_loop_t;

enum { ASK_GONE_S = 30, ASK_AGAIN_MS = 20 };

struct ask;

/* rc 0; -ECONNREFUSED when the daemon stays away; -EPIPE see `once`. The body is valid until it
 * returns, which may send the next one. */
typedef void (*ask_cb)(void *arg, int rc, int status, const char *body, size_t len);

struct ask_config {
	uv_loop_t *loop;
	const char *socket; /* stays */
	bool once;          /* a request that may have been taken is not repeated: -EPIPE */
	ask_cb answer;
	void *arg;
};

struct ask *ask_new(const struct ask_config *config);

/* It gives up after that many seconds instead of ASK_GONE_S, and tells a 503 that stays as it is. */
void ask_be_brief(struct ask *a, unsigned seconds);

/* Path and body are copied. */
void ask_send(
    struct ask *a, const char *method, const char *path, const void *body, size_t len);
bool ask_is_busy(const struct ask *a);

/* What is being asked is asked no more, and not answered. May be called in `answer`. */
void ask_free(struct ask *a);

/* While `answer` runs; see client_call_header. */
bool ask_header(const struct ask *a, const char *name, char *out, size_t size);

#endif
