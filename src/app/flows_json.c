/* Runs of flows as the API shows them. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/secrets.h"
#include "app/flows.h"
#include "app/jobs_json.h"
#include "base/clock.h"
#include "job/flow_run.h"
#include "proto/json.h"

static void
add_time(cJSON *o, const char *name, int64_t ms)
{
	char iso[CLOCK_ISO_LEN];

	clock_iso(ms, iso);
	json_add_text(o, name, ms != 0 ? iso : NULL);
}

/* "j12"; null for 0. */
static void
add_id(cJSON *o, const char *name, char letter, uint64_t number)
{
	char id[24];

	snprintf(id, sizeof id, "%c%" PRIu64, letter, number);
	json_add_text(o, name, number != 0 ? id : NULL);
}

static void
add_shown(cJSON *o, const char *name, const char *text, enum flow_json how)
{
	char *masked = how != FLOW_JSON_REVEALED ? secrets_masked(text) : NULL;

	json_add_text(o, name, masked != NULL ? masked : text);
	free(masked);
}

/* It was printed here, and but for its secrets is as it was: to parse it would keep the loop. */
static cJSON *
result_json(const char *result, enum flow_json how)
{
	char *masked = how != FLOW_JSON_REVEALED ? secrets_masked_json(result) : NULL;
	cJSON *o = cJSON_CreateRaw(masked != NULL ? masked : result != NULL ? result : "null");

	free(masked);
	return o;
}

static cJSON *
step_json(const struct flows_step *row, const struct flow *f, unsigned n, enum flow_json how)
{
	const struct flow_step *d = &f->steps[n];
	cJSON *o = json_object(), *list;

	json_add_text(o, "name", d->name);
	json_add_text(o, "type", flow_type_name(d->type));
	json_add_text(o, "state", flow_state_name(row->state));
	add_id(o, "job", 'j', row->job);
	cJSON_AddBoolToObject(o, "cached", row->cached_from != 0);
	add_id(o, "cached_from", 'f', row->cached_from);
	list = cJSON_AddArrayToObject(o, "depends_on");
	for (unsigned i = 0; i < d->ndepends; i++)
		json_add_item(list, f->steps[d->depends[i]].name);
	add_time(o, "started", row->started_ms);
	add_time(o, "ended", row->ended_ms);
	if (d->agent != NULL)
		json_add_text(o, "agent", d->agent);
	if (d->type == FLOW_APPROVAL)
		add_shown(o, "message", d->message, how);
	if (how >= FLOW_JSON_WHOLE)
		cJSON_AddItemToObject(o, "result", result_json(row->result, how));
	add_shown(o, "error", row->error, how);
	return o;
}

static const struct flows_step *
step_row(const struct flows_run *row, const struct flow *f, unsigned n)
{
	static const struct flows_step none;

	for (size_t i = 0; i < row->nsteps; i++)
		if (row->steps[i].name != NULL &&
		    strcmp(row->steps[i].name, f->steps[n].name) == 0)
			return &row->steps[i];
	return &none;
}

cJSON *
flow_row_json(const struct flows_run *row, const struct flow *f, const struct jobs_usage *used,
    enum flow_json how)
{
	cJSON *o = json_object(), *list;

	add_id(o, "id", 'f', row->id);
	json_add_text(o, "name", row->name);
	json_add_text(o, "state", flow_state_name(row->state));
	json_add_text(o, "file", row->file);
	add_time(o, "created", row->created_ms);
	add_time(o, "ended", row->ended_ms);
	add_shown(o, "error", row->error, how);
	if (how == FLOW_JSON_LIST)
		return o;
	cJSON_AddItemToObject(o, "usage", jobs_usage_json(used));
	list = cJSON_AddArrayToObject(o, "steps");
	for (unsigned i = 0; f != NULL && i < f->nsteps; i++)
		cJSON_AddItemToArray(list, step_json(step_row(row, f, i), f, i, how));
	return o;
}

cJSON *
flow_live_json(const struct flow_run *run, enum flow_json how)
{
	cJSON *o =
		  flow_row_json(flow_run_row(run), flow_run_flow(run), flow_run_used(run), how),
	      *step;
	unsigned i = 0;

	/* With what it refers to put in. */
	cJSON_ArrayForEach (step, cJSON_GetObjectItemCaseSensitive(o, "steps")) {
		const char *message = flow_run_message(run, i++);

		if (message == NULL)
			continue;
		cJSON_DeleteItemFromObjectCaseSensitive(step, "message");
		add_shown(step, "message", message, how);
	}
	return o;
}
