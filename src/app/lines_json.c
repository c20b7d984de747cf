#include "config.h"

#include "app/lines_json.h"

#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "proto/json.h"

void
lines_json_add(cJSON *list, const struct text_line *l, bool *used)
{
	cJSON *o = json_object(), *runs = cJSON_AddArrayToObject(o, "runs"), *run;
	char iso[CLOCK_ISO_LEN], *text = xstrndup(l->text, l->len);

	cJSON_AddItemToArray(list, o);
	if (l->number != 0)
		cJSON_AddNumberToObject(o, "line", (double)l->number);
	else
		cJSON_AddNullToObject(o, "line");
	clock_iso(l->time_ms, iso);
	json_add_text(o, "time", l->time_ms != 0 ? iso : NULL);
	json_add_text(o, "text", text);
	for (size_t i = 0; i < l->nruns; i++) {
		run = json_object();
		cJSON_AddNumberToObject(run, "len", l->runs[i].len);
		cJSON_AddNumberToObject(run, "style", l->runs[i].style);
		cJSON_AddItemToArray(runs, run);
		used[l->runs[i].style] = true;
	}
	free(text);
}

static void
add_colour(cJSON *o, const char *name, uint32_t colour)
{
	char hex[8];

	if ((colour & COLOUR_KIND) == COLOUR_RGB) {
		snprintf(hex, sizeof hex, "#%06x", colour & 0xFFFFFF);
		cJSON_AddStringToObject(o, name, hex);
	} else if ((colour & COLOUR_KIND) == COLOUR_PALETTE) {
		cJSON_AddNumberToObject(o, name, colour & 0xFF);
	}
}

static cJSON *
style_json(const struct styles *table, unsigned id)
{
	const struct style *s = style_get(table, id);
	unsigned underline = (s->attrs & STYLE_UNDERLINE_MASK) >> STYLE_UNDERLINE_SHIFT;
	cJSON *o = json_object();

	cJSON_AddNumberToObject(o, "id", id);
	add_colour(o, "fg", s->fg);
	add_colour(o, "bg", s->bg);
	add_colour(o, "underline_colour", s->ul);
	for (size_t i = 0; i < STYLE_FLAGS; i++) {
		if (s->attrs & style_flags[i].bit)
			cJSON_AddTrueToObject(o, style_flags[i].name);
	}
	if (underline != 0 && underline < UNDERLINES)
		cJSON_AddStringToObject(o, "underline", underline_names[underline]);
	if (s->link != 0)
		json_add_text(o, "link", style_link(table, s->link, NULL));
	return o;
}

cJSON *
lines_json_styles(const struct styles *table, const bool *used)
{
	cJSON *list = json_array();

	for (unsigned id = 0; id < style_count(table); id++) {
		if (used[id])
			cJSON_AddItemToArray(list, style_json(table, id));
	}
	return list;
}
