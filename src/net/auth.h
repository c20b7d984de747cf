/*
 * Access tokens.
 *
 * A token is 160 random bits in hexadecimal, shown to a person once. Only its SHA-256 is kept,
 * in memory and in the state directory. A check hashes what was offered and compares it with
 * every token in constant time; what is missing or expired is denied.
 *
 * Loop's thread. auth_dump gives text for a file that the owner writes (net/ does no file I/O).
 */
#ifndef NET_AUTH_H
#define NET_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auth;

enum auth_access { AUTH_NONE, AUTH_READ, AUTH_WRITE, AUTH_LOCAL }; /* LOCAL: the Unix socket */

enum {
	AUTH_TOKEN_LEN = 40, /* characters, without the NUL */
	AUTH_TOKENS_MAX = 1000,
};

struct auth *auth_new(void);
void auth_free(struct auth *a);

/* Fresh random characters for a token. */
int auth_random(char out[AUTH_TOKEN_LEN + 1]);

/* Makes a token that ends at `expires_ms` (wall clock; 0: never). -ENOSPC at the maximum, once
 * those that have expired are gone. */
int auth_mint(struct auth *a, bool read_only, int64_t expires_ms, char out[AUTH_TOKEN_LEN + 1]);

/* At the maximum, gives up the token that would be the first to expire, if any would. */
void auth_make_room(struct auth *a);

/* Accepts a token that somebody else made, such as one from --token-file, for this process
 * only. -EINVAL for fewer than 16 characters or more than 512. */
int auth_accept(struct auth *a, const char *token);

enum auth_access auth_check(const struct auth *a, const char *token, int64_t now_ms);

/* The tokens as JSON, and back. auth_load drops what has expired; -EINVAL for another format. */
char *auth_dump(const struct auth *a);
int auth_load(struct auth *a, const char *text, size_t len, int64_t now_ms);

unsigned auth_count(const struct auth *a);

#endif
