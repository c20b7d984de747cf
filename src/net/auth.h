/*
 * Access tokens.
 *
 * A token is 160 random bits in hexadecimal, shown to a person once. Only its SHA-256 is kept,
 * in memory and in the state directory, with a short id that is no secret, and what the token
 * may do: read or write, everything or one pane. A check hashes what was offered and compares
 * it with every token in constant time; what is missing, ended or expired is denied.
 *
 * Digests of tokens that have ended are kept as well: whoever offers one has known it, and is
 * denied as anybody, but is not taken for one who guesses.
 *
 * A code is what a one-time link carries: it opens nothing, and is redeemed once for the token,
 * which then first comes to be.
 *
 * Loop's thread. auth_dump gives text for a file that the owner writes (net/ does no file I/O).
 */
#ifndef NET_AUTH_H
#define NET_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct auth;

enum auth_access { AUTH_NONE, AUTH_READ, AUTH_WRITE, AUTH_LOCAL }; /* LOCAL: the Unix socket */

enum auth_verdict { AUTH_WRONG, AUTH_ENDED, AUTH_GOOD };

enum {
	AUTH_TOKEN_LEN = 40, /* characters, without the NUL */
	AUTH_ID_LEN = 8,
	AUTH_TOKENS_MAX = 1000,
	AUTH_ENDED_MAX = 1000, /* that are remembered */
};

/* What is known of a token. Times are wall clock, 0 where there is none. */
struct auth_token {
	char id[AUTH_ID_LEN + 1];
	char name[ID_MAX + 1]; /* "": none; no two tokens have the same */
	char pane[ID_MAX + 1]; /* the only one that it opens; "": everything */
	enum auth_access access;
	bool once; /* it is still a code */
	bool kept; /* goes to the file: somebody else's does not */
	int64_t created_ms, expires_ms, used_ms;
	int64_t then_ms; /* of a code: when the token that it becomes expires */
};

struct auth *auth_new(void);
void auth_free(struct auth *a);

/* What `from` knows is what `a` knows from then on; `from` is freed. */
void auth_take(struct auth *a, struct auth *from);

/* Fresh random characters for a token. */
int auth_random(char out[AUTH_TOKEN_LEN + 1]);

/* Makes a token, or a code if `once` is set. Of *t, name, pane, access, once, expires_ms and
 * then_ms are read and the rest is set. -ENOSPC at the maximum, once those that have expired are
 * gone; -EEXIST when another has that name. */
int auth_mint(struct auth *a, struct auth_token *t, char out[AUTH_TOKEN_LEN + 1]);

/* At the maximum, gives up the token that would be the first to expire, if any would. */
void auth_make_room(struct auth *a);

/* Accepts a token that somebody else made, such as one from --token-file, for this process
 * only. -EINVAL for fewer than 16 characters or more than 512. */
int auth_accept(struct auth *a, const char *token, const char *name);

/* "user:password", as what Authorization has of it behind the word Basic: that is a token then, however
 * short. It has 384 bytes at the most. */
int auth_accept_basic(struct auth *a, const char *credential);

/* AUTH_GOOD fills *out and counts as a use. A code is AUTH_ENDED: as a token it is none. */
enum auth_verdict auth_check(
    struct auth *a, const char *token, int64_t now_ms, struct auth_token *out);

/* Turns a code into its token. AUTH_WRONG also for a token that is none of a one-time link, which
 * is left as it is; AUTH_ENDED for a code that was used. */
enum auth_verdict auth_redeem(
    struct auth *a, const char *code, int64_t now_ms, char out[AUTH_TOKEN_LEN + 1]);

/* By id, or else by name; NULL: there is none that has not expired. Borrowed until the next
 * call. */
const struct auth_token *auth_find(const struct auth *a, const char *ref, int64_t now_ms);

/* The n-th, oldest first; NULL behind the last. */
const struct auth_token *auth_at(const struct auth *a, size_t n);

/* Ends a token. -ENOENT. */
int auth_end(struct auth *a, const char *id);

/* Ends those of one pane; the number of them. */
unsigned auth_end_pane(struct auth *a, const char *pane);

/* Drops what has expired; the number of them. */
unsigned auth_expire(struct auth *a, int64_t now_ms);

/* Whether a token was used in a minute that the last dump does not say. */
bool auth_was_used(const struct auth *a);

/* The tokens as JSON, and back. Pane ids are of one run of the daemon, so those of another
 * `run` are dropped, and so is what has expired. -EINVAL for another format: there are no tokens
 * then. */
char *auth_dump(struct auth *a, int64_t run);
int auth_load(struct auth *a, const char *text, size_t len, int64_t run, int64_t now_ms);

unsigned auth_count(const struct auth *a);

#endif
