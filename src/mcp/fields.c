/* What a tool takes: its JSON Schema, and whether it is that. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "mcp/mcp_priv.h"
#include "proto/json.h"

static const char *
type_of(const struct field *f)
{
	switch (f->kind) {
	case FIELD_NUMBER:
		return "integer";
	case FIELD_SWITCH:
		return "boolean";
	case FIELD_TEXTS:
		return "array";
	case FIELD_PAIRS:
		return "object";
	case FIELD_TEXT:
	case FIELD_NAME:
	case FIELD_CHOICE:
		break;
	}
	return "string";
}

static void
add_range(cJSON *o, const struct field *f, const char *least, const char *most)
{
	cJSON_AddNumberToObject(o, least, (double)f->lo);
	cJSON_AddNumberToObject(o, most, (double)f->hi);
}

static bool
is_choice(const char *choices, const char *value)
{
	size_t n = strlen(value);

	for (const char *at = choices; n != 0 && (at = strstr(at, value)) != NULL; at += n) {
		if ((at == choices || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
			return strchr(value, ' ') == NULL;
	}
	return false;
}

static void
add_choices(cJSON *o, const char *choices)
{
	char *copy = xstrdup(choices), *at = copy, *word;
	cJSON *list = cJSON_AddArrayToObject(o, "enum");

	while ((word = strsep(&at, " ")) != NULL)
		json_add_item(list, word);
	free(copy);
}

static cJSON *
field_schema(const struct field *f)
{
	cJSON *o = json_object(), *text;

	cJSON_AddStringToObject(o, "type", type_of(f));
	cJSON_AddStringToObject(o, "description", f->help);
	if (f->kind == FIELD_TEXT || f->kind == FIELD_NAME)
		add_range(o, f, "minLength", "maxLength");
	if (f->kind == FIELD_NAME)
		cJSON_AddStringToObject(o, "pattern", "^[^/]*$");
	if (f->kind == FIELD_NUMBER)
		add_range(o, f, "minimum", "maximum");
	if (f->kind == FIELD_TEXTS)
		add_range(o, f, "minItems", "maxItems");
	if (f->kind == FIELD_CHOICE)
		add_choices(o, f->choices);
	if (f->kind == FIELD_TEXTS || f->kind == FIELD_PAIRS) {
		text = json_object();
		cJSON_AddStringToObject(text, "type", "string");
		cJSON_AddItemToObject(
		    o, f->kind == FIELD_TEXTS ? "items" : "additionalProperties", text);
	}
	return o;
}

cJSON *
fields_schema(const struct field *fields)
{
	cJSON *o = json_object(), *members = json_object(), *needed = json_array();

	cJSON_AddStringToObject(o, "type", "object");
	cJSON_AddItemToObject(o, "properties", members);
	for (const struct field *f = fields; f->name != NULL; f++) {
		cJSON_AddItemToObject(members, f->name, field_schema(f));
		if (f->needed)
			json_add_item(needed, f->name);
	}
	cJSON_AddItemToObject(o, "required", needed);
	cJSON_AddBoolToObject(o, "additionalProperties", false);
	return o;
}

static bool
all_texts(const cJSON *list, const struct field *f)
{
	int n = cJSON_GetArraySize(list);
	const cJSON *item;

	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item))
			return false;
	}
	return (uint64_t)n <= f->hi && (f->kind == FIELD_PAIRS || (uint64_t)n >= f->lo);
}

/* Of a path, so that what follows it stays where it is. */
static bool
is_part(const char *text)
{
	return strchr(text, '/') == NULL && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static char *
field_fault(const struct field *f, const cJSON *args)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(args, f->name);
	unsigned long long lo = f->lo, hi = f->hi;
	uint64_t number;
	size_t n;

	if (v == NULL)
		return f->needed ? xasprintf("%s is missing", f->name) : NULL;
	n = cJSON_IsString(v) ? strlen(v->valuestring) : 0;
	switch (f->kind) {
	case FIELD_NAME:
		if (cJSON_IsString(v) && !is_part(v->valuestring))
			return xasprintf("%s is no name", f->name);
		/* fall through */
	case FIELD_TEXT:
		if (!cJSON_IsString(v) || n < lo || n > hi)
			return xasprintf(
			    "%s must be text of %llu to %llu bytes", f->name, lo, hi);
		return NULL;
	case FIELD_NUMBER:
		if (json_u64(args, f->name, lo, hi, &number) != 0)
			return xasprintf(
			    "%s must be a whole number from %llu to %llu", f->name, lo, hi);
		return NULL;
	case FIELD_SWITCH:
		return cJSON_IsBool(v) ? NULL : xasprintf("%s must be true or false", f->name);
	case FIELD_CHOICE:
		if (!cJSON_IsString(v) || !is_choice(f->choices, v->valuestring))
			return xasprintf("%s must be one of: %s", f->name, f->choices);
		return NULL;
	case FIELD_TEXTS:
		if (!cJSON_IsArray(v) || !all_texts(v, f))
			return xasprintf(
			    "%s must be an array of %llu to %llu texts", f->name, lo, hi);
		return NULL;
	case FIELD_PAIRS:
		if (!cJSON_IsObject(v) || !all_texts(v, f))
			return xasprintf(
			    "%s must be an object of at most %llu texts", f->name, hi);
		return NULL;
	}
	return NULL;
}

static bool
is_known(const struct field *fields, const char *name)
{
	for (const struct field *f = fields; f->name != NULL; f++) {
		if (strcmp(f->name, name) == 0)
			return true;
	}
	return false;
}

char *
fields_fault(const struct field *fields, const cJSON *args)
{
	const cJSON *v;
	char *fault;

	cJSON_ArrayForEach (v, args) {
		if (!is_known(fields, v->string))
			return xasprintf("there is no argument %.100s", v->string);
		/* One that is there twice: which counts? */
		if (cJSON_GetObjectItemCaseSensitive(args, v->string) != v)
			return xasprintf("%.100s is there twice", v->string);
	}
	for (const struct field *f = fields; f->name != NULL; f++) {
		if ((fault = field_fault(f, args)) != NULL)
			return fault;
	}
	return NULL;
}

const char *
arg_text(const struct request *r, const char *name)
{
	return json_string(r->args, name);
}

uint64_t
arg_number(const struct request *r, const char *name, uint64_t fallback)
{
	json_u64(r->args, name, 0, JSON_INT_MAX, &fallback);
	return fallback;
}

bool
arg_is(const struct request *r, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(r->args, name));
}
