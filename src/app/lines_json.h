/* Lines of a terminal and their styles, as captures have them. Pure; any thread. */
#ifndef APP_LINES_JSON_H
#define APP_LINES_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/slab.h"
#include "term/style.h"

typedef struct cJSON cJSON;

/* One line, of a history, of the archive or of a screen. */
struct text_line {
	uint64_t number; /* 0 on the alternate screen */
	int64_t time_ms; /* 0 while it is on the screen */
	const char *text;
	size_t len;
	const struct style_run *runs;
	size_t nruns;
};

/* Appends a line to a list; used[] of STYLE_MAX has the styles that occur, by id. */
void lines_json_add(cJSON *list, const struct text_line *l, bool *used);

/* Of the table, those that are used. */
cJSON *lines_json_styles(const struct styles *table, const bool *used);

#endif
