/*
 * TOML 1.0 into JSON, for the definitions of flows that people write by hand.
 *
 * Tables become objects, with their members in the order of the text; dates and times become texts, as they
 * were written. What JSON has not (inf, nan, whole numbers beyond 2^53, NUL in a text) is an
 * error, as is all that TOML forbids: a key that is there twice, a table that is begun again, what is put into
 * an inline table from outside. Pure; any thread.
 */
#ifndef CLI_TOML_JSON_H
#define CLI_TOML_JSON_H

typedef struct cJSON cJSON;

enum { TOML_DEPTH_MAX = 32 }; /* of arrays and inline tables, and parts of a key */

/* An object, to be freed with cJSON_Delete; or NULL with a cause: "line 7: ...". `text` ends with a
 * NUL; its size is the caller's to bound. */
cJSON *toml_to_json(const char *text, char **cause);

#endif
