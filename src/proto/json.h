/*
 * JSON from outside, strictly: cJSON with bounds.
 *
 * cJSON keeps numbers as doubles, so integers are taken only up to 2^53 - 1, and it nests
 * without thought for the stack, so depth is bounded before it parses. Pure; any thread.
 */
#ifndef PROTO_JSON_H
#define PROTO_JSON_H

#include <stddef.h>
#include <stdint.h>

typedef struct cJSON cJSON;

#define JSON_INT_MAX 9007199254740991ull
enum { JSON_DEPTH_MAX = 64 };

/* A JSON object and nothing behind it but white space; NULL otherwise, also for ill-formed
 * UTF-8 and for nesting beyond JSON_DEPTH_MAX. To be freed with cJSON_Delete. */
cJSON *json_parse(const char *text, size_t len);

/* The same for any JSON value. */
cJSON *json_parse_any(const char *text, size_t len);

/* As cJSON's makers, but never NULL. */
cJSON *json_object(void);
cJSON *json_array(void);

/* Text of the tree without white space, for the caller to free; the tree is freed. */
char *json_print_take(cJSON *o);

/* A member, or NULL where it is missing or of another type. Borrowed from o. */
const char *json_string(const cJSON *o, const char *name);

/* An integer member within lo..hi. -ENOENT if it is missing, -EINVAL if it is not one. */
int json_u64(const cJSON *o, const char *name, uint64_t lo, uint64_t hi, uint64_t *out);

/* Adds a string whose bytes are not known to be UTF-8 (a path, an argument); null for NULL. */
void json_add_text(cJSON *o, const char *name, const char *text);
void json_add_item(cJSON *array, const char *text);

/* Adds an integer to the last digit: of cJSON's numbers, those from 2^52 on may lose it. It is text
 * in the tree, and no number for who looks at that. */
void json_add_u64(cJSON *o, const char *name, uint64_t value);

/* An array of such strings, which end with a NULL. */
cJSON *json_texts(char *const *texts);

#endif
