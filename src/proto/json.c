#include "config.h"

#include "proto/json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/utf8.h"

static cJSON *
checked(cJSON *o)
{
	if (o == NULL)
		abort(); /* out of memory */
	return o;
}

cJSON *
json_object(void)
{
	return checked(cJSON_CreateObject());
}

cJSON *
json_array(void)
{
	return checked(cJSON_CreateArray());
}

/* Too deep for cJSON's recursion, or with a NUL in a string, which would end it there. */
static bool
unfit(const char *p, size_t len)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (in_string && p[i] == '\\' && len - i >= 6 &&
		    memcmp(p + i, "\\u0000", 6) == 0)
			return true;
		if (in_string && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			in_string = !in_string;
		else if (!in_string && (p[i] == '{' || p[i] == '['))
			depth++;
		else if (!in_string && (p[i] == '}' || p[i] == ']'))
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return true;
	}
	return false;
}

cJSON *
json_parse_any(const char *text, size_t len)
{
	const char *end = NULL;
	cJSON *o;

	if (unfit(text, len) || !utf8_valid(text, len))
		return NULL;
	o = cJSON_ParseWithLengthOpts(text, len, &end, false);
	while (o != NULL && end < text + len && strchr(" \t\r\n", *end) != NULL && *end != '\0')
		end++;
	if (o != NULL && end != text + len) {
		cJSON_Delete(o);
		return NULL;
	}
	return o;
}

cJSON *
json_parse(const char *text, size_t len)
{
	cJSON *o = json_parse_any(text, len);

	if (o != NULL && !cJSON_IsObject(o)) {
		cJSON_Delete(o);
		return NULL;
	}
	return o;
}

char *
json_print_take(cJSON *o)
{
	char *text = cJSON_PrintUnformatted(o);

	if (text == NULL)
		abort(); /* out of memory */
	cJSON_Delete(o);
	return text;
}

const char *
json_string(const cJSON *o, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

int
json_u64(const cJSON *o, const char *name, uint64_t lo, uint64_t hi, uint64_t *out)
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, name);
	double d;

	if (n == NULL)
		return -ENOENT;
	d = n->valuedouble;
	if (!cJSON_IsNumber(n) || !(d >= 0 && d <= (double)JSON_INT_MAX))
		return -EINVAL;
	if ((double)(uint64_t)d != d || (uint64_t)d < lo || (uint64_t)d > hi)
		return -EINVAL;
	*out = (uint64_t)d;
	return 0;
}

void
json_add_text(cJSON *o, const char *name, const char *text)
{
	char *clean;

	if (text == NULL) {
		cJSON_AddNullToObject(o, name);
		return;
	}
	clean = utf8_sanitize(text, strlen(text));
	cJSON_AddStringToObject(o, name, clean);
	free(clean);
}

void
json_add_item(cJSON *array, const char *text)
{
	char *clean = utf8_sanitize(text, strlen(text));

	cJSON_AddItemToArray(array, checked(cJSON_CreateString(clean)));
	free(clean);
}

void
json_add_u64(cJSON *o, const char *name, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
	checked(cJSON_AddRawToObject(o, name, digits));
}

cJSON *
json_texts(char *const *texts)
{
	cJSON *list = json_array();

	for (; *texts != NULL; texts++)
		json_add_item(list, *texts);
	return list;
}
