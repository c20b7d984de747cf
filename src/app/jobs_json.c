#include "config.h"

#include "app/jobs_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/secrets.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "job/job.h"
#include "proto/json.h"
#include "store/jobs.h"

static void
add_time(cJSON *o, const char *name, int64_t ms)
{
	char iso[CLOCK_ISO_LEN];

	clock_iso(ms, iso);
	json_add_text(o, name, ms != 0 ? iso : NULL);
}

/* What is below 0 is not known. */
static void
add_number(cJSON *o, const char *name, double value)
{
	if (value >= 0)
		cJSON_AddNumberToObject(o, name, value);
	else
		cJSON_AddNullToObject(o, name);
}

cJSON *
jobs_usage_json(const struct jobs_usage *u)
{
	static const char *const sources[] = {"unknown", "computed", "stated", "mixed"};
	unsigned source =
	    u->cost_source >= 0 && u->cost_source < 4 ? (unsigned)u->cost_source : 0;
	cJSON *o;

	if (u->input < 0 && u->cache_read < 0 && u->cache_write_5m < 0 &&
	    u->cache_write_1h < 0 && u->output < 0 && u->reasoning < 0 && source == 0)
		return cJSON_CreateNull();
	o = json_object();
	add_number(o, "input_tokens", (double)u->input);
	add_number(o, "cache_read_tokens", (double)u->cache_read);
	add_number(o, "cache_write_5m_tokens", (double)u->cache_write_5m);
	add_number(o, "cache_write_1h_tokens", (double)u->cache_write_1h);
	add_number(o, "output_tokens", (double)u->output);
	add_number(o, "reasoning_tokens", (double)u->reasoning);
	add_number(o, "cost_usd", source != 0 ? u->cost_usd : -1);
	cJSON_AddStringToObject(o, "cost_source", sources[source]);
	return o;
}

cJSON *
jobs_channel_json(const struct jobs_channel *c)
{
	cJSON *o = json_object();

	cJSON_AddNumberToObject(o, "channel", c->n);
	json_add_text(o, "name", c->name);
	cJSON_AddStringToObject(o, "state", channel_state_name((enum channel_state)c->state));
	cJSON_AddNumberToObject(o, "bytes", (double)c->bytes);
	if (c->reason != NULL)
		json_add_text(o, "reason", c->reason);
	if (c->exit_status >= 0)
		cJSON_AddNumberToObject(o, "exit_status", c->exit_status);
	if (c->duration_ms >= 0)
		cJSON_AddNumberToObject(o, "duration_ms", (double)c->duration_ms);
	return o;
}

static cJSON *
try_json(const struct jobs_try *t)
{
	cJSON *o = json_object();

	cJSON_AddNumberToObject(o, "n", t->n);
	add_time(o, "started", t->started_ms);
	add_time(o, "ended", t->ended_ms);
	add_number(o, "exit_status", t->exit_status);
	json_add_text(o, "reason", t->reason);
	if (t->retry_ms != 0)
		cJSON_AddNumberToObject(o, "retry_s", (double)t->retry_ms / 1000);
	else
		cJSON_AddNullToObject(o, "retry_s");
	return o;
}

/* Members of the spec go where the API has them; what it leaves out is null. */
static void
move(cJSON *o, cJSON *spec, const char *name, cJSON *(*otherwise)(void))
{
	cJSON *v = cJSON_DetachItemFromObjectCaseSensitive(spec, name);

	cJSON_AddItemToObject(o, name, v != NULL ? v : otherwise());
}

static cJSON *
zero(void)
{
	return cJSON_CreateNumber(0);
}

static void
mask_text(cJSON *text)
{
	char *masked = secrets_masked(cJSON_GetStringValue(text));

	if (masked != NULL)
		cJSON_SetValuestring(text, masked);
	free(masked);
}

/* The name says of a variable what it is. */
static void
mask_variable(cJSON *var)
{
	const char *text = cJSON_GetStringValue(var);

	if (text == NULL || var->string == NULL)
		return;
	if (secrets_is_value(
		SECRETS_GIVEN, var->string, strlen(var->string), text, strlen(text)))
		cJSON_SetValuestring(var, SECRETS_MASK);
	else
		mask_text(var);
}

/* The option before an argument says what that is. */
static void
mask_command(cJSON *command)
{
	const char *program = NULL;
	char *before = NULL, *masked, *text;
	cJSON *item;

	cJSON_ArrayForEach (item, command) {
		if (!cJSON_IsString(item))
			continue;
		text = xstrdup(item->valuestring);
		masked = secrets_masked_argument(program, before, text);
		if (masked != NULL)
			cJSON_SetValuestring(item, masked);
		free(masked);
		free(before);
		before = text;
		if (program == NULL)
			program = item->valuestring;
	}
	free(before);
}

/* What is shown; the job, and one that repeats it, have all as it was given. */
static void
mask_spec(cJSON *o)
{
	cJSON *item;

	mask_command(cJSON_GetObjectItemCaseSensitive(o, "command"));
	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(o, "env"))
		mask_variable(item);
	mask_text(cJSON_GetObjectItemCaseSensitive(o, "prompt"));
}

void
jobs_json_reveal(cJSON *o, const struct jobs_row *row)
{
	static const char *const names[] = {"command", "env", "prompt"};
	cJSON *spec = row->spec != NULL ? json_parse(row->spec, strlen(row->spec)) : NULL, *v;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if ((v = cJSON_DetachItemFromObjectCaseSensitive(spec, names[i])) != NULL)
			cJSON_ReplaceItemInObjectCaseSensitive(o, names[i], v);
	cJSON_Delete(spec);
}

static void
add_spec(cJSON *o, cJSON *spec, const struct jobs_row *row)
{
	static const char *const names[] = {"cwd", "env", "name", "correlation", "agent",
	    "model", "prompt", "pane", "session", "flow", "step"};

	move(o, spec, "command", json_array);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		move(o, spec, names[i],
		    strcmp(names[i], "env") == 0 ? json_object : cJSON_CreateNull);
	if (row->session != NULL) { /* that of its agent, as its output named it */
		cJSON_DeleteItemFromObjectCaseSensitive(o, "session");
		json_add_text(o, "session", row->session);
	}
	move(o, spec, "pty", cJSON_CreateFalse);
	mask_spec(o);
}

static void
add_limits(cJSON *o, cJSON *spec)
{
	static const char *const names[] = {
	    "idle_timeout_s", "timeout_s", "max_output", "retries"};
	cJSON *limits = cJSON_AddObjectToObject(o, "limits");

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		move(limits, spec, names[i], zero);
}

cJSON *
jobs_row_json(const struct jobs_row *row, bool whole)
{
	cJSON *spec = row->spec != NULL ? json_parse(row->spec, strlen(row->spec)) : NULL;

	return jobs_row_json_of(row, spec != NULL ? spec : json_object(), whole);
}

cJSON *
jobs_row_json_of(const struct jobs_row *row, cJSON *take_spec, bool whole)
{
	cJSON *o = json_object(), *list, *spec = take_spec;
	char id[JOB_ID_MAX];

	snprintf(id, sizeof id, "j%" PRIu64, row->id);
	cJSON_AddStringToObject(o, "id", id);
	cJSON_AddStringToObject(o, "kind", job_kind_name((enum job_kind)row->kind));
	cJSON_AddStringToObject(o, "state", job_state_name((enum job_state)row->state));
	add_spec(o, spec, row);
	if (row->pid > 0 && row->state == JOB_RUNNING)
		cJSON_AddNumberToObject(o, "pid", row->pid);
	else
		cJSON_AddNullToObject(o, "pid");
	add_time(o, "created", row->created_ms);
	add_time(o, "started", row->started_ms);
	add_time(o, "ended", row->ended_ms);
	add_number(o, "exit_status", row->exit_status);
	json_add_text(o, "error", row->error);
	if (whole) {
		list = cJSON_AddArrayToObject(o, "tries");
		for (unsigned i = 0; row->tries != NULL && i < row->ntries; i++)
			cJSON_AddItemToArray(list, try_json(&row->tries[i]));
	} else {
		cJSON_AddNumberToObject(o, "tries", row->ntries);
	}
	list = cJSON_AddArrayToObject(o, "channels");
	for (unsigned i = 0; i < row->nchannels; i++)
		cJSON_AddItemToArray(list, jobs_channel_json(&row->channels[i]));
	cJSON_AddItemToObject(o, "usage", jobs_usage_json(&row->usage));
	add_limits(o, spec);
	cJSON_Delete(spec);
	return o;
}
