/* References in the texts of a flow. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "job/flow_expr.h"

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static size_t
name_len(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && is_name_char(s[n]))
		n++;
	return n;
}

static bool
takes(const char **s, size_t *len, const char *word)
{
	size_t n = strlen(word);

	if (*len < n || memcmp(*s, word, n) != 0)
		return false;
	*s += n;
	*len -= n;
	return true;
}

/* What is behind "steps.NAME.". */
static bool
parse_member(const char *s, size_t len, struct flow_ref *out)
{
	static const struct {
		const char *name;
		enum flow_ref_kind kind;
	} members[] = {
	    {"exit_status", FLOW_REF_STATUS},
	    {"state", FLOW_REF_STATE},
	    {"session", FLOW_REF_SESSION},
	    {"result", FLOW_REF_RESULT},
	};
	unsigned depth = 0;

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		out->kind = members[i].kind;
		if (!takes(&s, &len, members[i].name))
			continue;
		if (len == 0)
			return true;
		if (out->kind != FLOW_REF_RESULT || *s != '.')
			return false;
		out->rest = s + 1;
		out->rest_len = len - 1;
		for (const char *dot = s; dot != NULL && depth <= FLOW_DEPTH_MAX; depth++) {
			size_t left = len - (size_t)(dot + 1 - s);

			if (left == 0 || dot[1] == '.')
				return false;
			dot = memchr(dot + 1, '.', left);
		}
		return depth <= FLOW_DEPTH_MAX;
	}
	return false;
}

static bool
parse_steps(const char *s, size_t len, struct flow_ref *out)
{
	size_t n = name_len(s, len);

	if (n == 0 || n > FLOW_NAME_MAX || n >= len || s[n] != '.')
		return false;
	memcpy(out->name, s, n);
	out->name[n] = '\0';
	return parse_member(s + n + 1, len - n - 1, out);
}

int
flow_ref_parse(const char *text, size_t len, struct flow_ref *out, char **cause)
{
	const char *s = text;
	size_t left = len;
	bool ok;

	memset(out, 0, sizeof *out);
	if (takes(&s, &left, "steps.")) {
		ok = parse_steps(s, left, out);
	} else if (takes(&s, &left, "env.")) {
		out->kind = FLOW_REF_ENV;
		out->rest = s;
		out->rest_len = left;
		ok = left != 0 && left <= FLOW_NAME_MAX * 2 && name_len(s, left) == left;
	} else {
		out->kind = takes(&s, &left, "run.id") ? FLOW_REF_RUN : FLOW_REF_FLOW;
		ok = left == 0 && (out->kind == FLOW_REF_RUN || len != 0);
		if (out->kind == FLOW_REF_FLOW)
			ok = takes(&s, &left, "flow.name") && left == 0;
	}
	if (ok)
		return 0;
	return err_set(
	    cause, -EINVAL, "${%.*s} is no reference", len > 80 ? 80 : (int)len, text);
}

int
flow_text_each(const char *text, const struct flow_text_cbs *cbs, char **cause)
{
	struct flow_ref ref;
	int rc = 0;

	while (rc == 0 && *text != '\0') {
		const char *end, *dollar = strchr(text, '$');
		size_t n = dollar != NULL ? (size_t)(dollar - text) : strlen(text);

		if (n != 0 && cbs->literal != NULL)
			rc = cbs->literal(cbs->arg, text, n);
		text += n;
		if (rc != 0 || *text == '\0')
			break;
		if (text[1] == '$' && text[2] == '{') {
			if (cbs->literal != NULL)
				rc = cbs->literal(cbs->arg, "${", 2);
			text += 3;
			continue;
		}
		if (text[1] != '{') {
			if (cbs->literal != NULL)
				rc = cbs->literal(cbs->arg, "$", 1);
			text++;
			continue;
		}
		if ((end = strchr(text, '}')) == NULL)
			return err_set(cause, -EINVAL, "a reference has no } at its end");
		rc = flow_ref_parse(text + 2, (size_t)(end - text - 2), &ref, cause);
		if (rc == 0)
			rc = cbs->ref(cbs->arg, &ref, cause);
		text = end + 1;
	}
	return rc;
}

static const cJSON *
part_of(const cJSON *v, const char *s, size_t len)
{
	while (v != NULL && len != 0) {
		const char *dot = memchr(s, '.', len);
		size_t n = dot != NULL ? (size_t)(dot - s) : len;
		char *name = xstrndup(s, n);
		uint64_t i;

		if (cJSON_IsObject(v))
			v = cJSON_GetObjectItemCaseSensitive(v, name);
		else if (cJSON_IsArray(v) && str_u64(name, 0, INT32_MAX, &i) == 0)
			v = cJSON_GetArrayItem(v, (int)i);
		else
			v = NULL;
		free(name);
		s += n + (dot != NULL);
		len -= n + (dot != NULL);
	}
	return v;
}

static cJSON *
text_value(const char *s, bool *found)
{
	*found = s != NULL;
	return s != NULL ? cJSON_CreateString(s) : cJSON_CreateNull();
}

static cJSON *
step_value(const struct flow_context *c, const struct flow_ref *ref, bool *found)
{
	struct flow_known k = {.exit_status = -1};
	int n = flow_find(c->flow, ref->name);
	const cJSON *part;

	if (n >= 0)
		c->step(c->arg, (unsigned)n, &k);
	switch (ref->kind) {
	case FLOW_REF_STATE:
		return text_value(flow_state_name(k.state), found);
	case FLOW_REF_SESSION:
		*found = true; /* that an agent names none is no mistake of the flow's */
		return k.session != NULL ? cJSON_CreateString(k.session) : cJSON_CreateNull();
	case FLOW_REF_STATUS:
		*found = true;
		return k.exit_status >= 0 ? cJSON_CreateNumber(k.exit_status)
					  : cJSON_CreateNull();
	default:
		part = part_of(k.result, ref->rest, ref->rest_len);
		*found = part != NULL || k.result == NULL;
		return part != NULL ? cJSON_Duplicate(part, true) : cJSON_CreateNull();
	}
}

cJSON *
flow_ref_value(const struct flow_context *c, const struct flow_ref *ref, bool *found)
{
	char *name;
	const char *value;

	if (ref->kind == FLOW_REF_FLOW)
		return text_value(c->flow->name, found);
	if (ref->kind == FLOW_REF_RUN)
		return text_value(c->run, found);
	if (ref->kind != FLOW_REF_ENV)
		return step_value(c, ref, found);
	name = xstrndup(ref->rest, ref->rest_len);
	value = c->env(c->arg, name);
	free(name);
	*found = true;
	return value != NULL ? cJSON_CreateString(value) : cJSON_CreateNull();
}

int
flow_value_text(const cJSON *v, struct buf *out)
{
	char *text;
	int rc;

	if (v == NULL || cJSON_IsNull(v))
		return 0;
	if (cJSON_IsString(v))
		return buf_puts(out, v->valuestring) == 0 ? 0 : -EINVAL;
	text = cJSON_PrintUnformatted(v);
	rc = text != NULL && buf_puts(out, text) == 0 ? 0 : -EINVAL;
	cJSON_free(text);
	return rc;
}
