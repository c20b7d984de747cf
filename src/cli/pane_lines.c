#include "config.h"

#include "cli/pane_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "proto/attach.h"
#include "proto/json.h"

enum { PAGE_LINES = 5000, SCREEN_TRIES = 5 };

struct walk {
	const struct pane_wanted *w;
	struct styles *styles;
	const struct pane_taker *to;
	struct pane_facts facts;
	bool past; /* a line behind the range has come */
};

static char *
text_of(const cJSON *o, const char *name)
{
	const char *s = json_string(o, name);

	return s != NULL ? xstrdup(s) : NULL;
}

static int64_t
time_of(const cJSON *o, const char *name)
{
	const char *s = json_string(o, name);
	int64_t ms;

	return s != NULL && clock_parse(s, 0, &ms) == 0 ? ms : 0;
}

static char *
command_of(const cJSON *o)
{
	const cJSON *arg;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	cJSON_ArrayForEach (arg, cJSON_GetObjectItemCaseSensitive(o, "command")) {
		if (b.len != 0)
			buf_putc(&b, ' ');
		buf_puts(&b, cJSON_IsString(arg) ? arg->valuestring : "");
	}
	return b.len != 0 ? buf_take(&b) : NULL;
}

static void
read_facts(const cJSON *o, struct pane_facts *f)
{
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(o, "exit_status");
	const char *state = json_string(o, "state");
	uint64_t cols = 0, rows = 0;

	json_u64(o, "cols", 1, ATTACH_SIZE_MAX, &cols);
	json_u64(o, "rows", 1, ATTACH_SIZE_MAX, &rows);
	f->id = text_of(o, "id");
	f->name = text_of(o, "name");
	f->command = command_of(o);
	f->exited = state != NULL && strcmp(state, "exited") == 0;
	f->exit_status = cJSON_IsNumber(status) ? status->valueint : -1;
	f->created_ms = time_of(o, "created");
	f->active_ms = time_of(o, "last_activity");
	json_u64(o, "ring_start", 0, JSON_INT_MAX, &f->ring_start);
	f->cols = (unsigned)cols;
	f->rows = (unsigned)rows;
}

/* Whether there is such a pane, and what it is. */
static void
look(struct walk *k)
{
	char *id = str_url_encode(k->w->pane), *path = xasprintf("/api/v1/panes/%s", id);
	struct buf out;
	cJSON *o = NULL;

	buf_init(&out, BUF_NO_MAX);
	if (k->w->run == NULL && cli_ask_quietly(path, &out) == 0)
		o = json_parse(out.data, out.len);
	if (o != NULL)
		read_facts(o, &k->facts);
	else
		k->facts.gone = true;
	if (k->facts.id == NULL)
		k->facts.id = xstrdup(k->w->pane);
	cJSON_Delete(o);
	buf_release(&out);
	free(path);
	free(id);
}

/* Asks for a page; CLI_NOTHING, and nothing is said, where `may_lack` and it has none. */
static int
ask_page(struct walk *k, const char *path, bool may_lack, struct pane_page *page)
{
	struct buf out;
	int rc;

	buf_init(&out, BUF_NO_MAX);
	if (may_lack)
		rc = cli_ask_quietly(path, &out) == 0 ? CLI_DONE : CLI_NOTHING;
	else
		rc = cli_ask("GET", path, NULL, &out);
	if (rc == CLI_DONE && pane_page_parse(&out, k->styles, page) != 0)
		rc = cli_error("%s: the daemon's answer is none", k->w->pane);
	buf_release(&out);
	return rc;
}

static int
ask_capture(struct walk *k, const char *query, struct pane_page *page)
{
	char *id = str_url_encode(k->facts.id),
	     *path = xasprintf("/api/v1/panes/%s/capture?format=json&%s", id, query);
	int rc = ask_page(k, path, false, page);

	free(path);
	free(id);
	return rc;
}

/* Of what is older than `below`, which is 0 for all of it. CLI_NOTHING where there is none. */
static int
ask_archive(struct walk *k, uint64_t from, uint64_t below, struct pane_page *page)
{
	char *id = str_url_encode(k->facts.id),
	     *run = k->w->run != NULL ? str_url_encode(k->w->run) : NULL;
	char *path;
	int rc;

	path = xasprintf("/api/v1/archive/lines?pane=%s%s%s&from=%llu&to=%llu", id,
	    run != NULL ? "&run=" : "", run != NULL ? run : "", (unsigned long long)from,
	    (unsigned long long)(below != 0 && below <= from + PAGE_LINES
				     ? below - 1
				     : from + PAGE_LINES - 1));
	rc = ask_page(k, path, true, page);
	free(path);
	free(run);
	free(id);
	return rc;
}

static int
give_lines(struct walk *k, const struct pane_page *page)
{
	const struct pane_wanted *w = k->w;
	int rc = 0;

	for (size_t i = 0; i < page->nlines && rc == 0 && !k->past; i++) {
		const struct pane_line *l = &page->lines[i];

		if (w->ranged && l->time_ms < w->since_ms)
			continue;
		if (w->ranged && w->until_ms != 0 && l->time_ms > w->until_ms)
			k->past = true;
		else
			rc = k->to->line(k->to->arg, l);
	}
	return rc;
}

/* Neither a pane nor in the archive: the daemon says what is the matter, also when there is none. */
static int
say_unknown(const struct walk *k)
{
	struct buf out;
	int rc = CLI_DONE;

	buf_init(&out, BUF_NO_MAX);
	if (k->w->run == NULL)
		rc = cli_ask_pane("GET", k->w->pane, "", NULL, &out);
	else
		rc = cli_ask("GET", "/healthz", NULL, &out);
	buf_release(&out);
	return rc != CLI_DONE ? rc : cli_error("%s: the archive has no line of it", k->w->pane);
}

/* `below` 0: all that the archive has. */
static int
walk_archive(struct walk *k, uint64_t below)
{
	uint64_t from = 1;
	int rc = 0;

	while (rc == 0 && !k->past && (below == 0 || from < below)) {
		struct pane_page page;
		uint64_t last;

		rc = ask_archive(k, from, below, &page);
		if (rc == CLI_NOTHING)
			return k->facts.gone && from == 1 ? say_unknown(k) : 0;
		if (rc != 0)
			return rc;
		/* What lies before the first one that there is need not be asked for. */
		last = page.last_line;
		if (page.nlines == 0 && from < page.first_line)
			from = page.first_line;
		else
			from += PAGE_LINES;
		rc = give_lines(k, &page);
		pane_page_release(&page);
		if (from > last)
			break;
	}
	return rc;
}

/* Lines of the history that lie above the screen. */
static int
walk_history(struct walk *k, uint64_t from, uint64_t below)
{
	int rc = 0;

	for (; rc == 0 && !k->past && from < below; from += PAGE_LINES) {
		uint64_t to = below - from > PAGE_LINES ? from + PAGE_LINES - 1 : below - 1;
		struct pane_page page;
		char query[64];

		snprintf(query, sizeof query, "from=%llu&to=%llu", (unsigned long long)from,
		    (unsigned long long)to);
		rc = ask_capture(k, query, &page);
		if (rc == 0) {
			rc = give_lines(k, &page);
			pane_page_release(&page);
		}
	}
	return rc;
}

/* A screen. With lines above it its first line is whole, also where a part of it has left the screen;
 * a line of the history is asked for to that end. */
static int
ask_screen(struct walk *k, bool main, bool whole, struct pane_page *page)
{
	char query[32];
	size_t above = 0;
	int rc;

	snprintf(query, sizeof query, "main=%d&history=%d", main, whole);
	rc = ask_capture(k, query, page);
	if (rc != 0)
		return rc;
	while (above < page->nlines && page->lines[above].number != 0 &&
	       (page->screen_line == 0 || page->lines[above].number < page->screen_line))
		above++;
	pane_page_drop(page, above);
	return 0;
}

static void
find_head(struct pane_page *whole, const struct pane_page *bare)
{
	if (whole->offset == bare->offset && whole->nlines != 0 && bare->nlines != 0 &&
	    whole->lines[0].len > bare->lines[0].len)
		whole->head = whole->lines[0].len - bare->lines[0].len;
}

/* The two screens of one moment, if the pane leaves the time for it. */
static int
ask_screens(struct walk *k, struct pane_page *main, struct pane_page *shown)
{
	bool whole = k->w->ranged || k->w->history != 0;
	struct pane_page bare;
	int rc = ask_screen(k, true, whole, main);

	*shown = (struct pane_page){0};
	for (int i = 0; rc == 0 && main->alternate && i < SCREEN_TRIES; i++) {
		rc = ask_screen(k, false, whole, shown);
		if (rc != 0 || shown->offset == main->offset || i + 1 == SCREEN_TRIES)
			break;
		pane_page_release(main);
		pane_page_release(shown);
		rc = ask_screen(k, true, whole, main);
	}
	if (rc == 0 && k->w->both_screens && whole &&
	    (rc = ask_screen(k, true, false, &bare)) == 0) {
		find_head(main, &bare);
		pane_page_release(&bare);
	}
	return rc;
}

static int
give_screens(struct walk *k, const struct pane_page *main, const struct pane_page *shown)
{
	const struct pane_wanted *w = k->w;
	bool alternate = main->alternate && !w->main_screen;
	int rc = 0;

	if (w->ranged && w->until_ms != 0 && w->until_ms < clock_wall_ms())
		return 0;
	if (!alternate || w->both_screens)
		rc = k->to->screen(k->to->arg, main, false);
	if (rc == 0 && alternate)
		rc = k->to->screen(k->to->arg, shown, true);
	return rc;
}

static int
walk_pane(struct walk *k)
{
	const struct pane_wanted *w = k->w;
	struct pane_page main, shown;
	uint64_t from, above;
	int rc = ask_screens(k, &main, &shown);

	if (rc != 0)
		return rc;
	above = main.screen_line != 0 ? main.screen_line : main.last_line + 1;
	from = main.first_line < above ? main.first_line : above;
	if (!w->ranged && above - from > w->history)
		from = above - w->history;
	if (w->ranged && main.first_line > 1)
		rc = walk_archive(k, main.first_line);
	if (rc == 0)
		rc = walk_history(k, from, above);
	if (rc == 0)
		rc = give_screens(k, &main, &shown);
	pane_page_release(&main);
	pane_page_release(&shown);
	return rc;
}

int
pane_lines(const struct pane_wanted *w, struct styles *styles, const struct pane_taker *to)
{
	struct walk k = {.w = w, .styles = styles, .to = to};
	int rc;

	look(&k);
	rc = to->facts != NULL ? to->facts(to->arg, &k.facts) : 0;
	if (rc == 0)
		rc = k.facts.gone ? walk_archive(&k, 0) : walk_pane(&k);
	free(k.facts.id);
	free(k.facts.name);
	free(k.facts.command);
	return rc;
}
