#include "config.h"

#include "cli/pane_page.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "proto/attach.h"
#include "proto/json.h"
#include "term/style.h"

static uint32_t
read_colour(const cJSON *o, const char *name)
{
	const char *hex = json_string(o, name);
	uint64_t n;

	if (hex != NULL && *hex == '#' && strlen(hex) == 7)
		return COLOUR_RGB | ((uint32_t)strtoul(hex + 1, NULL, 16) & 0xFFFFFF);
	if (json_u64(o, name, 0, 255, &n) == 0)
		return COLOUR_PALETTE | (uint32_t)n;
	return COLOUR_DEFAULT;
}

static unsigned
read_underline(const char *name)
{
	for (unsigned i = 0; name != NULL && i < UNDERLINES; i++)
		if (strcmp(name, underline_names[i]) == 0)
			return i;
	return 0;
}

static uint16_t
read_style(const cJSON *o, struct styles *styles)
{
	const char *link = json_string(o, "link");
	struct style s = {.fg = read_colour(o, "fg"),
	    .bg = read_colour(o, "bg"),
	    .ul = read_colour(o, "underline_colour")};

	for (size_t i = 0; i < STYLE_FLAGS; i++)
		if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, style_flags[i].name)))
			s.attrs |= style_flags[i].bit;
	s.attrs |=
	    (uint16_t)(read_underline(json_string(o, "underline")) << STYLE_UNDERLINE_SHIFT);
	if (link != NULL)
		s.link = style_link_add(styles, link, strlen(link), "", 0);
	return style_add(styles, &s);
}

/* The daemon's id of a style to ours. */
static uint16_t *
read_styles(const cJSON *list, struct styles *styles)
{
	uint16_t *ids = xcalloc(STYLE_MAX, sizeof *ids);
	const cJSON *o;
	uint64_t id;

	cJSON_ArrayForEach (o, list) {
		if (json_u64(o, "id", 0, STYLE_MAX - 1, &id) == 0)
			ids[id] = read_style(o, styles);
	}
	return ids;
}

/* Every character stays as long as it is: runs count bytes. */
static void
make_plain(char *s)
{
	size_t len = strlen(s), n;
	uint32_t cp;

	for (size_t at = 0; at < len; at += n) {
		n = utf8_decode(s + at, len - at, &cp);
		if (n == 0)
			n = len - at;
		if (cp == '\t')
			s[at] = ' ';
		else if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0))
			memset(s + at, '?', n);
		else if (n == 3 && (cp == 0xFFFE || cp == 0xFFFF))
			utf8_encode(UTF8_REPLACEMENT, s + at);
	}
}

static void
read_line(const cJSON *o, const uint16_t *ids, struct pane_line *l)
{
	cJSON *text = cJSON_GetObjectItemCaseSensitive(o, "text");
	const cJSON *runs = cJSON_GetObjectItemCaseSensitive(o, "runs"), *run;
	const char *time = json_string(o, "time");
	struct style_run *out;
	uint64_t len, style;
	size_t left;

	json_u64(o, "line", 1, JSON_INT_MAX, &l->number);
	if (time == NULL || clock_parse(time, 0, &l->time_ms) != 0)
		l->time_ms = 0;
	if (cJSON_IsString(text)) {
		make_plain(text->valuestring);
		l->text = xstrdup(text->valuestring);
	} else {
		l->text = xstrdup("");
	}
	l->len = left = strlen(l->text);
	out = xcalloc((size_t)cJSON_GetArraySize(runs) + 1, sizeof *out);
	cJSON_ArrayForEach (run, runs) {
		if (json_u64(run, "len", 1, left, &len) != 0 ||
		    json_u64(run, "style", 0, STYLE_MAX - 1, &style) != 0)
			break;
		out[l->nruns++] = (struct style_run){(uint32_t)len, ids[style]};
		left -= len;
	}
	l->runs = out;
}

static void
read_frame(const cJSON *o, struct pane_page *p)
{
	const cJSON *cursor = cJSON_GetObjectItemCaseSensitive(o, "cursor");
	uint64_t cols = 80, rows = 24, x = 0, y = 0;

	json_u64(o, "cols", 1, ATTACH_SIZE_MAX, &cols);
	json_u64(o, "rows", 1, ATTACH_SIZE_MAX, &rows);
	json_u64(cursor, "x", 0, ATTACH_SIZE_MAX, &x);
	json_u64(cursor, "y", 0, ATTACH_SIZE_MAX, &y);
	json_u64(o, "offset", 0, JSON_INT_MAX, &p->offset);
	json_u64(o, "first_line", 0, JSON_INT_MAX, &p->first_line);
	json_u64(o, "last_line", 0, JSON_INT_MAX, &p->last_line);
	json_u64(o, "screen_line", 0, JSON_INT_MAX, &p->screen_line);
	p->cols = (unsigned)cols;
	p->rows = (unsigned)rows;
	p->x = (unsigned)x;
	p->y = (unsigned)y;
	p->alternate = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "alternate"));
	p->cursor_visible = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(cursor, "visible"));
}

int
pane_page_parse(const struct buf *answer, struct styles *styles, struct pane_page *page)
{
	cJSON *o = json_parse(answer->data != NULL ? answer->data : "", answer->len);
	const cJSON *lines = cJSON_GetObjectItemCaseSensitive(o, "lines"), *line;
	uint16_t *ids;

	*page = (struct pane_page){0};
	if (!cJSON_IsArray(lines)) {
		cJSON_Delete(o);
		return -EPROTO;
	}
	read_frame(o, page);
	ids = read_styles(cJSON_GetObjectItemCaseSensitive(o, "styles"), styles);
	page->lines = xcalloc((size_t)cJSON_GetArraySize(lines) + 1, sizeof *page->lines);
	cJSON_ArrayForEach (line, lines)
		read_line(line, ids, &page->lines[page->nlines++]);
	free(ids);
	cJSON_Delete(o);
	return 0;
}

void
pane_page_drop(struct pane_page *page, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((void *)page->lines[i].text);
		free((void *)page->lines[i].runs);
	}
	page->nlines -= n;
	memmove(page->lines, page->lines + n, page->nlines * sizeof *page->lines);
}

void
pane_page_release(struct pane_page *page)
{
	if (page->lines != NULL)
		pane_page_drop(page, page->nlines);
	free(page->lines);
	*page = (struct pane_page){0};
}
