/*
 * A POST of some JSON to an address, without waiting for anything that blocks.
 *
 * Plain http/1.1, one connection each, WEBHOOK_MS in all; what the other end answers is not
 * read beyond its status. Loop's thread.
 */
#ifndef APP_WEBHOOK_H
#define APP_WEBHOOK_H

#include <stdbool.h>

typedef struct uv_loop_s uv_loop_t;
struct sockaddr;

enum { WEBHOOK_MS = 5000, WEBHOOKS_MAX = 8, WEBHOOK_URL_MAX = 1000 };

/* NULL, or what is wrong: not http://HOST[:PORT]/..., or a host that is not this machine's
 * loopback where only that is allowed. */
const char *webhook_check(const char *url, bool anywhere);

/* The body is copied. Failures go to the log; WEBHOOKS_MAX at a time, more are dropped. What the host
 * is now is looked up in a thread, and unless `anywhere`, only an address of the loopback is
 * connected to, whatever its name; redirections are not followed. */
void webhook_post(uv_loop_t *loop, const char *url, bool anywhere, const char *json);

/* Whether the address is of this machine's loopback, also as IPv6 has those of IPv4. */
bool webhook_is_loopback(const struct sockaddr *address);

#endif
