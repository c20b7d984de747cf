/* What is asked of live sessions over HTTP, but for their events. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/jobs.h"
#include "app/jobs_priv.h"
#include "app/talks_priv.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "job/runner.h"
#include "proto/json.h"

enum { ARGS_MAX = 64, ARG_MAX_BYTES = 64 * 1024, CREATIONS_MAX = 100 };

#define OUTPUT_MAX 1073741824.0 /* bytes: it may go on for days */
#define SECONDS_MAX 31536000.0

/* Beginning one. */

struct talk_creation {
	struct talk_creation *prev, *next; /* utlist, while the runner is not ready */
	struct app *app;
	struct http_req *req; /* NULL: the client has gone */
	struct job_spec spec;
	int64_t permission_ms, idle_end_ms;
	char *resume;
};

static void
creation_free(struct talk_creation *c)
{
	job_spec_release(&c->spec);
	free(c->resume);
	free(c);
}

static void
creator_gone(void *arg)
{
	((struct talk_creation *)arg)->req = NULL;
}

static void
on_stored(void *arg, struct job *j, int rc)
{
	struct talk_creation *c = arg;
	struct talking *l;

	if (rc != 0 && (l = talks_find(c->app, j->number)) != NULL)
		talks_forget(l);
	if (c->req != NULL && rc == 0)
		http_reply_json_take(c->req, 201, jobs_live_json(j));
	else if (c->req != NULL)
		http_reply_error(c->req, 503, "store_unavailable",
		    "it cannot be put on record: %s", strerror(-rc));
	creation_free(c);
}

static bool
bad(struct http_req *r, const char *why)
{
	http_reply_error(r, 400, "bad_params", "%s", why);
	return false;
}

static bool
is_seconds(const cJSON *o, const char *name, double least)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return v == NULL || cJSON_IsNull(v) ||
	       (cJSON_IsNumber(v) && v->valuedouble >= least && v->valuedouble <= SECONDS_MAX);
}

static int64_t
seconds(const cJSON *o, const char *name, int64_t otherwise_ms)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsNumber(v) ? llround(v->valuedouble * 1000) : otherwise_ms;
}

/* What becomes an argument that is no option. */
static bool
is_word(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return v == NULL || cJSON_IsNull(v) ||
	       (cJSON_IsString(v) && *v->valuestring != '\0' && *v->valuestring != '-' &&
		   strlen(v->valuestring) <= JOB_NAME_MAX);
}

static bool
check_args(const cJSON *args)
{
	const cJSON *v;
	size_t bytes = 0;

	if (args == NULL || cJSON_IsNull(args))
		return true;
	if (!cJSON_IsArray(args) || cJSON_GetArraySize(args) > ARGS_MAX)
		return false;
	cJSON_ArrayForEach (v, args) {
		if (!cJSON_IsString(v))
			return false;
		bytes += strlen(v->valuestring);
	}
	return bytes <= ARG_MAX_BYTES;
}

static bool
check(struct http_req *r, const cJSON *o)
{
	static const char *const names[] = {"agent", "cwd", "env", "name", "correlation",
	    "model", "prompt", "resume", "session", "pane", "idle_end_s",
	    "permission_timeout_s", "args"};
	const char *agent = json_string(o, "agent");
	const cJSON *v;

	cJSON_ArrayForEach (v, o) {
		size_t i = 0;

		while (i < sizeof names / sizeof *names && strcmp(v->string, names[i]) != 0)
			i++;
		if (i == sizeof names / sizeof *names) {
			http_reply_error(r, 400, "bad_params", "there is no member \"%.*s\"",
			    utf8_prefix(v->string, 60), v->string);
			return false;
		}
	}
	if (agent == NULL || strcmp(agent, "claude") != 0)
		return bad(r, "agent must be claude");
	if (!is_word(o, "model") || !is_word(o, "resume"))
		return bad(r, "model and resume must be words of up to 200 bytes");
	if (!is_seconds(o, "idle_end_s", 0) || !is_seconds(o, "permission_timeout_s", 1))
		return bad(r, "idle_end_s and permission_timeout_s must be seconds");
	if (!check_args(cJSON_GetObjectItemCaseSensitive(o, "args")))
		return bad(r, "args must be an array of at most 64 strings");
	return true;
}

/* The job of it: what is the talk's is taken out, what is the job's stays. */
static cJSON *
job_of(const cJSON *o)
{
	static const char *const argv[] = {"claude", "-p", "--input-format", "stream-json",
	    "--output-format", "stream-json", "--verbose", "--permission-prompt-tool", "stdio"};
	static const char *const own[] = {
	    "resume", "idle_end_s", "permission_timeout_s", "args"};
	cJSON *job = cJSON_Duplicate(o, true), *command = json_array(), *v;
	const cJSON *arg;

	for (size_t i = 0; i < sizeof argv / sizeof *argv; i++)
		json_add_item(command, argv[i]);
	if (json_string(o, "model") != NULL) {
		json_add_item(command, "--model");
		json_add_item(command, json_string(o, "model"));
	}
	if (json_string(o, "resume") != NULL) {
		json_add_item(command, "--resume");
		json_add_item(command, json_string(o, "resume"));
	}
	cJSON_ArrayForEach (arg, cJSON_GetObjectItemCaseSensitive(o, "args"))
		json_add_item(command, arg->valuestring);
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		cJSON_DeleteItemFromObjectCaseSensitive(job, own[i]);
	cJSON_AddItemToObject(job, "command", command);
	cJSON_AddStringToObject(job, "kind", job_kind_name(JOB_TALK));
	cJSON_AddTrueToObject(job, "input");
	cJSON_AddNumberToObject(job, "retries", 0);
	v = cJSON_CreateNumber(OUTPUT_MAX);
	cJSON_AddItemToObject(job, "max_output", v);
	return job;
}

static void
refuse(struct http_req *r, int rc)
{
	if (rc == -ENOSPC)
		http_reply_error(r, 429, "queue_full", "too many jobs wait already");
	else if (rc == -ESHUTDOWN)
		http_reply_error(r, 503, "stopping", "the daemon is ending");
	else
		http_reply_error(r, 503, "starting", "the record of jobs is being read");
}

static void
submit(struct talk_creation *c)
{
	const struct talk_config config = {
	    .permission_ms = c->permission_ms,
	    .idle_end_ms = c->idle_end_ms,
	    .resume = c->resume,
	};
	struct job_submit how = {false, on_stored, c, true};
	char id[TALK_ID_MAX];
	struct talking *l;
	struct job *j;
	bool existing;
	uint64_t ended;
	int rc = c->req != NULL ? runner_submit(c->app->jobs->runner, &c->spec, &how, &j,
				      &existing, &ended)
				: -ECANCELED;

	if (rc != 0) {
		if (c->req != NULL)
			refuse(c->req, rc);
		creation_free(c);
		return;
	}
	c->spec = (struct job_spec){0}; /* it is the job's */
	l = talks_add(c->app, j->number, &config);
	if (j->spec.prompt != NULL)
		talk_message(l->talk, j->spec.prompt, TALK_NEXT, id);
	talks_record_go_on(l);
}

void
talks_ready(struct app *a)
{
	struct talk_creation *c;

	while ((c = a->talks->creations) != NULL) {
		DL_DELETE(a->talks->creations, c);
		submit(c);
	}
}

void
talks_drop_creations(struct app *a)
{
	struct talk_creation *c;

	while ((c = a->talks->creations) != NULL) {
		DL_DELETE(a->talks->creations, c);
		creation_free(c); /* its client has gone */
	}
}

/* Takes the spec. */
static void
create(struct http_req *r, struct app *a, struct job_spec *take, const cJSON *o)
{
	const char *resume = json_string(o, "resume");
	struct talk_creation *c, *other;
	int waiting;

	if (!runner_ready(a->jobs->runner) && stored_refuses(a, r)) {
		job_spec_release(take);
		return;
	}
	c = xcalloc(1, sizeof *c);
	c->app = a;
	c->req = r;
	c->spec = *take;
	c->permission_ms = seconds(o, "permission_timeout_s", TALK_PERMISSION_MS);
	c->idle_end_ms = seconds(o, "idle_end_s", 0);
	c->resume = resume != NULL ? xstrdup(resume) : NULL;
	DL_COUNT(a->talks->creations, other, waiting);
	http_on_gone(r, creator_gone, c);
	if (runner_ready(a->jobs->runner)) {
		submit(c);
	} else if (waiting >= CREATIONS_MAX) {
		refuse(r, -EAGAIN);
		creation_free(c);
	} else {
		DL_APPEND(a->talks->creations, c);
	}
}

void
talks_create(struct http_req *r, void *arg)
{
	cJSON *o = http_body_json(r), *job;
	struct job_spec spec;
	char *cause = NULL;

	if (o == NULL)
		return;
	if (check(r, o)) {
		job = job_of(o);
		if (job_spec_parse(job, jobs_home(), &spec, &cause) != 0)
			http_reply_error(r, 400, "bad_params", "%s", cause);
		else
			create(r, arg, &spec, o);
		cJSON_Delete(job);
	}
	free(cause);
	cJSON_Delete(o);
}

/* Of one that is there. */

/* The talk that the route's first parameter names; NULL: an error has been sent. */
static struct talking *
resolve(struct http_req *r, struct app *a)
{
	struct talking *l;
	struct job *j;
	uint64_t number;

	if (!jobs_number(r, &number))
		return NULL;
	l = talks_find(a, number);
	j = l == NULL ? runner_find(a->jobs->runner, number) : NULL;
	if (j != NULL && j->spec.kind == JOB_TALK)
		l = talks_of(a, j);
	if (l != NULL ? l->loading : !runner_ready(a->jobs->runner)) {
		http_reply_error(r, 503, "starting", "its record is being read");
		return NULL;
	}
	if (l == NULL && jobs_resolve(r, a) != NULL)
		http_reply_error(r, 409, "no_session", "it is no live session");
	if (l != NULL)
		l->asked_at = uv_now(a->loop);
	return l;
}

/* Behind whatever was done to it. */
static void
settle(struct talking *l)
{
	talks_answer_polls(l, false);
	talks_record_go_on(l);
}

static void
reply_failed(struct http_req *r, int rc)
{
	switch (rc) {
	case -EPIPE:
		http_reply_error(r, 409, "ended", "it has ended, or is about to");
		break;
	case -ENOBUFS:
		http_reply_error(r, 429, "not_read", "the agent does not read its input");
		break;
	case -ENOSPC:
		http_reply_error(r, 429, "queue_full", "too much waits already");
		break;
	case -EAGAIN:
		http_reply_error(r, 409, "idle", "there is no turn to interrupt");
		break;
	case -EALREADY:
		http_reply_error(r, 409, "answered", "it has been answered");
		break;
	case -ENOENT:
		http_reply_error(r, 404, "no_such_permission", "it was never asked for");
		break;
	default:
		http_reply_error(
		    r, 400, "bad_params", "it is no text of up to %d bytes", TALK_TEXT_MAX);
	}
}

void
talks_get(struct http_req *r, void *arg)
{
	struct talking *l = resolve(r, arg);
	cJSON *o;

	if (l == NULL)
		return;
	o = talk_json(l->talk);
	cJSON_AddNumberToObject(o, "clients", talks_clients(l));
	cJSON_AddStringToObject(o, "job", l->id);
	cJSON_AddBoolToObject(o, "ended", l->ended);
	http_reply_json_take(r, 200, o);
}

void
talks_message(struct http_req *r, void *arg)
{
	struct talking *l = resolve(r, arg);
	enum talk_priority priority = TALK_NEXT;
	const char *text, *name;
	char id[TALK_ID_MAX];
	cJSON *o, *answer;
	int rc;

	if (l == NULL || (o = http_body_json(r)) == NULL)
		return;
	text = json_string(o, "text");
	name = json_string(o, "priority");
	if (text == NULL || *text == '\0' ||
	    (cJSON_HasObjectItem(o, "priority") &&
		(name == NULL || !talk_priority_parse(name, &priority)))) {
		bad(r, "text must be a string, and priority now, next or later");
	} else if (talks_record_full(l)) {
		http_reply_error(r, 429, "queue_full", "its record is full");
	} else if ((rc = talk_message(l->talk, text, priority, id)) != 0) {
		reply_failed(r, rc);
	} else {
		answer = json_object();
		cJSON_AddStringToObject(answer, "message", id);
		cJSON_AddNumberToObject(answer, "queued", talk_queued(l->talk));
		talks_answer_recorded(l, r, answer);
		talks_answer_polls(l, false);
	}
	cJSON_Delete(o);
}

void
talks_permission(struct http_req *r, void *arg)
{
	struct talking *l = resolve(r, arg);
	const cJSON *allow, *input, *message;
	cJSON *o, *answer;
	int rc;

	if (l == NULL || (o = http_body_json(r)) == NULL)
		return;
	allow = cJSON_GetObjectItemCaseSensitive(o, "allow");
	input = cJSON_GetObjectItemCaseSensitive(o, "input");
	message = cJSON_GetObjectItemCaseSensitive(o, "message");
	if (!cJSON_IsBool(allow) || (input != NULL && !cJSON_IsObject(input)) ||
	    (message != NULL && !cJSON_IsString(message))) {
		bad(r, "allow must be true or false, input an object, message a string");
	} else if ((rc = talk_answer(l->talk, http_param(r, 1), cJSON_IsTrue(allow),
			json_string(o, "message"), input)) != 0) {
		reply_failed(r, rc);
	} else {
		answer = json_object();
		cJSON_AddStringToObject(answer, "permission", http_param(r, 1));
		cJSON_AddBoolToObject(answer, "allow", cJSON_IsTrue(allow));
		http_reply_json_take(r, 200, answer);
		settle(l);
	}
	cJSON_Delete(o);
}

static void
reply_done(struct http_req *r, struct talking *l, int rc)
{
	if (rc != 0)
		reply_failed(r, rc);
	else
		http_reply_json_take(r, 202, json_object());
	settle(l);
}

void
talks_interrupt(struct http_req *r, void *arg)
{
	struct talking *l = resolve(r, arg);

	if (l != NULL)
		reply_done(r, l, talk_interrupt(l->talk));
}

void
talks_model(struct http_req *r, void *arg)
{
	struct talking *l = resolve(r, arg);
	cJSON *o;

	if (l == NULL || (o = http_body_json(r)) == NULL)
		return;
	if (json_string(o, "model") == NULL || !is_word(o, "model"))
		bad(r, "model must be a word of up to 200 bytes");
	else
		reply_done(r, l, talk_set_model(l->talk, json_string(o, "model")));
	cJSON_Delete(o);
}

void
talks_end(struct http_req *r, void *arg)
{
	struct talking *l = resolve(r, arg);

	if (l == NULL)
		return;
	if (!l->ended)
		talk_end(l->talk, "asked for");
	reply_done(r, l, l->ended ? -EPIPE : 0);
}
