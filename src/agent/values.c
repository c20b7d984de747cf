#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/source.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/xmalloc.h"

const cJSON *
get(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

const char *
get_string(const cJSON *o, const char *name)
{
	const char *s = json_string(o, name);

	return s == NULL || *s == '\0' ? NULL : s;
}

bool
get_true(const cJSON *o, const char *name)
{
	return cJSON_IsTrue(get(o, name));
}

int64_t
get_count(const cJSON *o, const char *name)
{
	uint64_t n;

	return json_u64(o, name, 0, JSON_INT_MAX, &n) == 0 ? (int64_t)n : AGENT_UNKNOWN;
}

int64_t
get_or_0(const cJSON *o, const char *name)
{
	int64_t n = get_count(o, name);

	return n < 0 ? 0 : n;
}

double
get_cost(const cJSON *o, const char *name)
{
	const cJSON *n = get(o, name);

	return cJSON_IsNumber(n) && n->valuedouble >= 0 && n->valuedouble < 1e12
		   ? n->valuedouble
		   : -1;
}

int64_t
get_time(const cJSON *o, const char *name)
{
	const cJSON *v = get(o, name);
	const char *s = cJSON_GetStringValue(v);
	double first_ms = 1e11; /* no agent ran in 1973: it is in seconds */
	int64_t ms;

	if (s != NULL) /* not "90s": how long ago */
		return strspn(s, "0123456789") == 4 && clock_parse(s, 0, &ms) == 0 ? ms : 0;
	if (!cJSON_IsNumber(v) ||
	    !(v->valuedouble > 0 && v->valuedouble < (double)JSON_INT_MAX))
		return 0;
	return (int64_t)(v->valuedouble < first_ms ? v->valuedouble * 1000 : v->valuedouble);
}

bool
is_any(const char *s, const char *const *words)
{
	for (; s != NULL && *words != NULL; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

char *
text_of(const cJSON *v)
{
	char *text;

	if (v == NULL || cJSON_IsNull(v))
		return NULL;
	if (cJSON_IsString(v))
		return xstrdup(v->valuestring);
	if ((text = cJSON_PrintUnformatted(v)) == NULL)
		abort(); /* out of memory */
	return text;
}

char *
said_of(const cJSON *v)
{
	const cJSON *part;
	struct buf b;

	if (cJSON_IsString(v))
		return *v->valuestring == '\0' ? NULL : xstrdup(v->valuestring);
	if (cJSON_IsObject(v))
		return get_string(v, "text") == NULL ? NULL : xstrdup(get_string(v, "text"));
	if (!cJSON_IsArray(v))
		return NULL;
	buf_init(&b, BUF_NO_MAX);
	cJSON_ArrayForEach (part, v) {
		const char *text =
		    cJSON_IsString(part) ? part->valuestring : get_string(part, "text");

		if (text != NULL && b.len != 0)
			buf_putc(&b, '\n');
		if (text != NULL)
			buf_puts(&b, text);
	}
	if (b.len == 0) {
		buf_release(&b);
		return NULL;
	}
	return buf_take(&b);
}

int64_t
count_less(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a;
	return a > b ? a - b : 0;
}

int64_t
count_sum(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	/* What does not fit is no count of tokens. */
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static const struct member {
	const char *name;
	size_t at;
} members[] = {
    {"input", offsetof(struct agent_usage, input)},
    {"cache_read", offsetof(struct agent_usage, cache_read)},
    {"cache_write_5m", offsetof(struct agent_usage, cache_write_5m)},
    {"cache_write_1h", offsetof(struct agent_usage, cache_write_1h)},
    {"output", offsetof(struct agent_usage, output)},
    {"reasoning", offsetof(struct agent_usage, reasoning)},
    {"searches", offsetof(struct agent_usage, searches)},
};

void
usage_put(cJSON *o, const char *name, const struct agent_usage *u)
{
	cJSON *to = cJSON_AddObjectToObject(o, name);

	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		int64_t n;

		memcpy(&n, (const char *)u + members[i].at, sizeof n);
		if (n >= 0)
			cJSON_AddNumberToObject(to, members[i].name, (double)n);
	}
}

struct agent_usage
usage_get(const cJSON *o, const char *name)
{
	const cJSON *from = get(o, name);
	struct agent_usage u = agent_usage_unknown;

	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		int64_t n = get_count(from, members[i].name);

		memcpy((char *)&u + members[i].at, &n, sizeof n);
	}
	return u;
}
