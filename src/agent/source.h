/*
 * What parsers of sources have in common (agent/agent.h): lines of JSON, made fit where they are
 * not, values that are taken or unknown, and events with what is known of them all.
 *
 * The first member of a parser. One thread a source.
 */
#ifndef AGENT_SOURCE_H
#define AGENT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "proto/json.h"

struct source {
	struct agent_sink sink;
	char *session;   /* that events are of */
	int64_t time_ms; /* of the line; 0: not said */
	uint64_t at;     /* of the line */
	uint64_t passed; /* lines that were passed over */
};

/* The session is named after the file until the source says its name. */
void source_open(struct source *s, const char *path, const struct agent_sink *sink);
void source_close(struct source *s);
void source_name(struct source *s, const char *session); /* NULL and "": as it was */

/* An object, to be freed with cJSON_Delete; NULL, and counted unless it is blank, if the line is
 * none. NUL, ill-formed UTF-8 and surrogates without their other half are replaced. */
cJSON *source_line(struct source *s, const char *data, size_t len, uint64_t at);
cJSON *source_parse(const char *data, size_t len);

/* For a parser that begins with its source. */
uint64_t source_passed(const struct agent_parser *p);

struct agent_event source_event(const struct source *s, enum agent_event_type type);
void source_give(const struct source *s, const struct agent_event *e);
void source_note(const struct source *s, const char *name, const char *text);
void source_state(const struct source *s, enum agent_state state);

/* The state as an object with a version and what is common; a copy of what was saved like this,
 * or NULL. */
cJSON *source_save(const struct source *s, unsigned version);
cJSON *source_restore(struct source *s, unsigned version, const char *json, size_t len);
void source_print(cJSON *o, struct buf *b); /* frees o */

/* Values. A member that is not of the type is as if it were not there. */
const cJSON *get(const cJSON *o, const char *name);
const char *get_string(const cJSON *o, const char *name); /* NULL for "" too */
bool get_true(const cJSON *o, const char *name);
int64_t get_count(const cJSON *o, const char *name); /* AGENT_UNKNOWN; 0..2^53 - 1 */
int64_t get_or_0(const cJSON *o, const char *name);
double get_cost(const cJSON *o, const char *name);    /* -1 */
int64_t get_time(const cJSON *o, const char *name);   /* RFC 3339, or ms or s since 1970; 0 */
bool is_any(const char *s, const char *const *words); /* ends with NULL */

/* To be freed, or NULL: a string as it is, else as JSON. */
char *text_of(const cJSON *v);
/* The same, of what people and models say: a string, or parts {text}, or strings, joined. */
char *said_of(const cJSON *v);

/* Both known: the difference, but not below 0. */
int64_t count_less(int64_t a, int64_t b);
int64_t count_sum(int64_t a, int64_t b); /* unknown and known: known */
void usage_put(cJSON *o, const char *name, const struct agent_usage *u);
struct agent_usage usage_get(const cJSON *o, const char *name);
uint64_t hash_text(uint64_t h, const char *text);

/* The parts of a path. */
bool path_has(const char *path, const char *part); /* "/chats/", also where the path begins */
bool path_ends(const char *path, const char *end);
char *path_stem(const char *path);              /* "/a/b/c.jsonl": "c" */
char *path_above(const char *path, unsigned n); /* n = 1: "b" */

#endif
