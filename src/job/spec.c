/* What is asked for, from JSON and back. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>

#include "base/err.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "job/job.h"
#include "pane/env.h"
#include "pane/pane.h"
#include "proto/json.h"

enum { ENV_MAX = 1024, COLS = 80, ROWS = 24, RETRIES = 3, SHOWN = 60 };

static const char *const names[] = {"command", "cwd", "env", "name", "correlation", "agent",
    "model", "prompt", "pane", "session", "pty", "cols", "rows", "input", "watch",
    "idle_timeout_s", "timeout_s", "max_output", "retries", "retry_on", "backoff_s", "dedup",
    "kind", "flow", "step"};

static const cJSON *
member(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return v == NULL || cJSON_IsNull(v) ? NULL : v;
}

static int
check_names(const cJSON *o, char **cause)
{
	const cJSON *v;

	cJSON_ArrayForEach (v, o) {
		size_t i = 0;

		while (i < sizeof names / sizeof *names && strcmp(v->string, names[i]) != 0)
			i++;
		if (i == sizeof names / sizeof *names)
			return err_set(cause, -EINVAL, "there is no member \"%.*s\"",
			    utf8_prefix(v->string, SHOWN), v->string);
	}
	return 0;
}

static void
push(char ***list, size_t *n, char *take)
{
	*list = xreallocarray(*list, *n + 2, sizeof **list);
	(*list)[(*n)++] = take;
	(*list)[*n] = NULL;
}

static int
read_command(const cJSON *o, struct job_spec *s, char **cause)
{
	const cJSON *list = member(o, "command"), *v;
	size_t n = 0;

	if (list != NULL && !cJSON_IsArray(list))
		return err_set(cause, -EINVAL, "command must be an array of strings");
	s->argv = xcalloc(1, sizeof *s->argv);
	cJSON_ArrayForEach (v, list) {
		if (!cJSON_IsString(v) || n == JOB_ARGS_MAX)
			return err_set(cause, -EINVAL,
			    "command must be an array of at most %d strings", JOB_ARGS_MAX);
		push(&s->argv, &n, xstrdup(v->valuestring));
	}
	if (s->kind != JOB_STREAM && (n == 0 || *s->argv[0] == '\0'))
		return err_set(cause, -EINVAL, "command has no first word");
	return 0;
}

static int
read_env(const cJSON *o, struct job_spec *s, char **cause)
{
	const cJSON *env = member(o, "env"), *v;
	size_t n = 0;

	if (env != NULL && !cJSON_IsObject(env))
		return err_set(cause, -EINVAL, "env must be an object of strings");
	cJSON_ArrayForEach (v, env) {
		if (!cJSON_IsString(v) || n == ENV_MAX)
			return err_set(cause, -EINVAL,
			    "env must be an object of at most %d strings", ENV_MAX);
		push(&s->env, &n, xasprintf("%s=%s", v->string, v->valuestring));
		if (!env_valid(s->env[n - 1]))
			return err_set(cause, -EINVAL, "env: \"%.*s\" is no name",
			    utf8_prefix(v->string, SHOWN), v->string);
	}
	return 0;
}

static int
read_text(const cJSON *o, const char *name, size_t max, char **out, char **cause)
{
	const cJSON *v = member(o, name);

	if (v == NULL)
		return 0;
	if (!cJSON_IsString(v) || *v->valuestring == '\0' || strlen(v->valuestring) > max)
		return err_set(
		    cause, -EINVAL, "%s must be a string of 1 to %zu bytes", name, max);
	*out = xstrdup(v->valuestring);
	return 0;
}

static int
read_texts(const cJSON *o, struct job_spec *s, const char *home, char **cause)
{
	const struct {
		const char *name;
		size_t max;
		char **to;
	} texts[] = {
	    {"cwd", 4096, &s->cwd},
	    {"name", JOB_NAME_MAX, &s->name},
	    {"correlation", JOB_NAME_MAX, &s->correlation},
	    {"agent", JOB_NAME_MAX, &s->agent},
	    {"model", JOB_NAME_MAX, &s->model},
	    {"prompt", JOB_TEXT_MAX, &s->prompt},
	    {"pane", JOB_NAME_MAX, &s->pane},
	    {"session", JOB_NAME_MAX, &s->session},
	    {"flow", JOB_NAME_MAX, &s->flow},
	    {"step", JOB_NAME_MAX, &s->step},
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof texts / sizeof *texts && rc == 0; i++)
		rc = read_text(o, texts[i].name, texts[i].max, texts[i].to, cause);
	if (rc != 0)
		return rc;
	if (s->cwd == NULL && s->kind != JOB_STREAM)
		s->cwd = xstrdup(home);
	if (s->cwd != NULL && *s->cwd != '/')
		return err_set(cause, -EINVAL, "cwd must be an absolute path");
	return 0;
}

static int
read_true(const cJSON *o, const char *name, bool *out, char **cause)
{
	const cJSON *v = member(o, name);

	if (v != NULL && !cJSON_IsBool(v))
		return err_set(cause, -EINVAL, "%s must be true or false", name);
	*out = cJSON_IsTrue(v);
	return 0;
}

static int
read_count(const cJSON *o, const char *name, uint64_t lo, uint64_t hi, uint64_t fallback,
    uint64_t *out, char **cause)
{
	*out = fallback;
	if (member(o, name) == NULL || json_u64(o, name, lo, hi, out) == 0)
		return 0;
	return err_set(cause, -EINVAL, "%s must be a whole number from %" PRIu64 " to %" PRIu64,
	    name, lo, hi);
}

/* Seconds, with a fraction. */
static bool
is_time(const cJSON *v)
{
	return cJSON_IsNumber(v) && v->valuedouble >= 0 &&
	       v->valuedouble <= (double)JOB_MS_MAX / 1000;
}

static int
read_time(const cJSON *o, const char *name, int64_t *ms, char **cause)
{
	const cJSON *v = member(o, name);

	*ms = 0;
	if (v == NULL)
		return 0;
	if (!is_time(v))
		return err_set(cause, -EINVAL, "%s must be seconds, up to a year", name);
	*ms = llround(v->valuedouble * 1000);
	if (*ms == 0 && v->valuedouble > 0)
		*ms = 1;
	return 0;
}

static int
read_retries(const cJSON *o, struct job_spec *s, char **cause)
{
	const cJSON *on = member(o, "retry_on"), *backoff = member(o, "backoff_s"), *v;
	uint64_t retries;
	uint64_t usual = s->agent != NULL || on != NULL ? RETRIES : 0;
	int rc = read_count(o, "retries", 0, JOB_RETRIES_MAX, usual, &retries, cause);

	if (rc != 0)
		return rc;
	s->retries = (unsigned)retries;
	if ((on != NULL && !cJSON_IsArray(on)) || (backoff != NULL && !cJSON_IsArray(backoff)))
		return err_set(cause, -EINVAL, "retry_on and backoff_s must be arrays");
	cJSON_ArrayForEach (v, on) {
		if (!cJSON_IsNumber(v) || v->valuedouble != v->valueint || v->valueint < 1 ||
		    v->valueint > 255 || s->nretry_on == sizeof s->retry_on / sizeof(int))
			return err_set(cause, -EINVAL,
			    "retry_on must have at most 16 statuses from 1 to 255");
		s->retry_on[s->nretry_on++] = v->valueint;
	}
	cJSON_ArrayForEach (v, backoff) {
		if (!is_time(v) || s->nbackoff == sizeof s->backoff_ms / sizeof(int64_t))
			return err_set(
			    cause, -EINVAL, "backoff_s must have at most 8 times in seconds");
		s->backoff_ms[s->nbackoff++] = llround(v->valuedouble * 1000);
	}
	return 0;
}

static int
read_dedup(const cJSON *o, struct job_spec *s, char **cause)
{
	const cJSON *v = member(o, "dedup");

	if (v == NULL || cJSON_IsFalse(v))
		return 0;
	s->dedup = true;
	s->dedup_ms = -1; /* as configured */
	if (cJSON_IsTrue(v))
		return 0;
	return read_time(o, "dedup", &s->dedup_ms, cause);
}

static int
read_kind(const cJSON *o, struct job_spec *s, char **cause)
{
	const cJSON *v = member(o, "kind");

	if (v == NULL)
		return 0;
	for (int k = JOB_COMMAND; k <= JOB_STREAM && cJSON_IsString(v); k++)
		if (strcmp(v->valuestring, job_kind_name((enum job_kind)k)) == 0) {
			s->kind = (enum job_kind)k;
			return 0;
		}
	return err_set(cause, -EINVAL, "kind must be command, session or stream");
}

static int
read_terminal(const cJSON *o, struct job_spec *s, char **cause)
{
	uint64_t cols, rows;
	int rc;

	if ((rc = read_true(o, "pty", &s->pty, cause)) != 0 ||
	    (rc = read_true(o, "input", &s->input, cause)) != 0 ||
	    (rc = read_true(o, "watch", &s->watch, cause)) != 0 ||
	    (rc = read_count(o, "cols", 1, PANE_SIZE_MAX, COLS, &cols, cause)) != 0 ||
	    (rc = read_count(o, "rows", 1, PANE_SIZE_MAX, ROWS, &rows, cause)) != 0)
		return rc;
	s->cols = (unsigned)cols;
	s->rows = (unsigned)rows;
	return 0;
}

int
job_spec_parse(const cJSON *o, const char *home, struct job_spec *out, char **cause)
{
	struct job_spec s = {0};
	int rc;

	if ((rc = check_names(o, cause)) != 0 || (rc = read_kind(o, &s, cause)) != 0 ||
	    (rc = read_command(o, &s, cause)) != 0 || (rc = read_env(o, &s, cause)) != 0 ||
	    (rc = read_texts(o, &s, home, cause)) != 0 ||
	    (rc = read_terminal(o, &s, cause)) != 0 ||
	    (rc = read_time(o, "idle_timeout_s", &s.idle_ms, cause)) != 0 ||
	    (rc = read_time(o, "timeout_s", &s.total_ms, cause)) != 0 ||
	    (rc = read_count(o, "max_output", 1, JSON_INT_MAX, 0, &s.max_output, cause)) != 0 ||
	    (rc = read_retries(o, &s, cause)) != 0 || (rc = read_dedup(o, &s, cause)) != 0) {
		job_spec_release(&s);
		return rc;
	}
	*out = s;
	return 0;
}

/* And back. */

static cJSON *
env_json(char *const *env)
{
	cJSON *o = json_object();

	for (; env != NULL && *env != NULL; env++) {
		const char *eq = strchr(*env, '=');
		char *name = xstrndup(*env, (size_t)(eq - *env));

		json_add_text(o, name, eq + 1);
		free(name);
	}
	return o;
}

static void
add_texts(cJSON *o, const struct job_spec *s)
{
	const struct {
		const char *name, *text;
	} texts[] = {
	    {"cwd", s->cwd},
	    {"name", s->name},
	    {"correlation", s->correlation},
	    {"agent", s->agent},
	    {"model", s->model},
	    {"prompt", s->prompt},
	    {"pane", s->pane},
	    {"session", s->session},
	    {"flow", s->flow},
	    {"step", s->step},
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (texts[i].text != NULL)
			json_add_text(o, texts[i].name, texts[i].text);
}

static void
add_seconds(cJSON *o, const char *name, int64_t ms)
{
	if (ms != 0)
		cJSON_AddNumberToObject(o, name, (double)ms / 1000);
}

static void
add_retries(cJSON *o, const struct job_spec *s)
{
	cJSON *list;

	if (s->retries != 0 || s->agent != NULL || s->nretry_on != 0)
		cJSON_AddNumberToObject(o, "retries", s->retries);
	if (s->nretry_on != 0) {
		list = cJSON_AddArrayToObject(o, "retry_on");
		for (size_t i = 0; i < s->nretry_on; i++)
			cJSON_AddItemToArray(list, cJSON_CreateNumber(s->retry_on[i]));
	}
	if (s->nbackoff != 0) {
		list = cJSON_AddArrayToObject(o, "backoff_s");
		for (size_t i = 0; i < s->nbackoff; i++)
			cJSON_AddItemToArray(
			    list, cJSON_CreateNumber((double)s->backoff_ms[i] / 1000));
	}
}

cJSON *
job_spec_json(const struct job_spec *s)
{
	cJSON *o = json_object();

	if (s->kind != JOB_COMMAND)
		cJSON_AddStringToObject(o, "kind", job_kind_name(s->kind));
	cJSON_AddItemToObject(o, "command", json_texts(s->argv));
	if (s->env != NULL)
		cJSON_AddItemToObject(o, "env", env_json(s->env));
	add_texts(o, s);
	if (s->pty) {
		cJSON_AddTrueToObject(o, "pty");
		cJSON_AddNumberToObject(o, "cols", s->cols);
		cJSON_AddNumberToObject(o, "rows", s->rows);
	}
	if (s->input)
		cJSON_AddTrueToObject(o, "input");
	if (s->watch)
		cJSON_AddTrueToObject(o, "watch");
	add_seconds(o, "idle_timeout_s", s->idle_ms);
	add_seconds(o, "timeout_s", s->total_ms);
	if (s->max_output != 0)
		cJSON_AddNumberToObject(o, "max_output", (double)s->max_output);
	add_retries(o, s);
	if (s->dedup && s->dedup_ms < 0)
		cJSON_AddTrueToObject(o, "dedup");
	else if (s->dedup)
		cJSON_AddNumberToObject(o, "dedup", (double)s->dedup_ms / 1000);
	return o;
}

void
job_spec_release(struct job_spec *s)
{
	char *texts[] = {s->cwd, s->name, s->correlation, s->agent, s->model, s->prompt,
	    s->pane, s->session, s->flow, s->step};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	for (char **p = s->argv; p != NULL && *p != NULL; p++)
		free(*p);
	for (char **p = s->env; p != NULL && *p != NULL; p++)
		free(*p);
	free(s->argv);
	free(s->env);
	*s = (struct job_spec){0};
}

/* The key. */

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* How many, then each with its NUL, so that no two lists give the same bytes. */
static void
hash_texts(EVP_MD_CTX *md, char *const *texts)
{
	uint64_t n = 0;

	while (texts != NULL && texts[n] != NULL)
		n++;
	EVP_DigestUpdate(md, &n, sizeof n);
	for (uint64_t i = 0; i < n; i++)
		EVP_DigestUpdate(md, texts[i], strlen(texts[i]) + 1);
}

void
job_spec_key(const struct job_spec *s, unsigned char key[JOB_KEY_SIZE])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	char *cwd[] = {s->cwd, NULL}, **env = NULL;
	size_t n = 0;

	while (s->env != NULL && s->env[n] != NULL)
		n++;
	env = xcalloc(n + 1, sizeof *env);
	for (size_t i = 0; i < n; i++)
		env[i] = s->env[i];
	qsort(env, n, sizeof *env, compare);
	EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	hash_texts(md, s->argv);
	hash_texts(md, cwd);
	hash_texts(md, env);
	EVP_DigestFinal_ex(md, key, NULL);
	EVP_MD_CTX_free(md);
	free(env);
}
