/* export: what a pane printed, as a recording, a page, a picture or text. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cast_file.h"
#include "cli/cli.h"
#include "cli/export.h"

static const struct cli_option export_options[] = {
    {"format", 'F', "FORMAT", "v2, v3 (asciicasts), html, svg or txt; else by the file's name"},
    {"history", 'H', "LINES", "so many lines of history above the screen, or all"},
    {"since", 's', "TIME", "only what was printed since then, out of the archive too"},
    {"until", 'u', "TIME", "only what was printed until then"},
    {"raw", 'r', NULL, "a recording of the bytes as they came, of the last that are there"},
    {"main", 'm', NULL, "the main screen, also while the alternate one is up"},
    {"run", 0, "TIME", "a pane of an earlier run of the daemon, as a match says it"},
    {"size", 0, "COLSxROWS", "the size of a terminal that is gone (80x24)"},
    {"title", 't', "TEXT", "the title; the pane's name"},
    {"idle-time-limit", 'i', "SECONDS", "longest pause when it is played"},
    {"force", 'f', NULL, "replace a file that is there"},
    {"overwrite", 0, NULL, "the same"},
    {0},
};

enum {
	OPT_FORMAT,
	OPT_HISTORY,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_RAW,
	OPT_MAIN,
	OPT_RUN,
	OPT_SIZE,
	OPT_TITLE,
	OPT_IDLE,
	OPT_FORCE,
	OPT_OVERWRITE,
};

struct args {
	struct export e;
	struct pane_wanted wanted;
	bool history, raw, force;
};

static int
set_format(struct args *a, const char *name)
{
	static const struct export_kind *const kinds[] = {
	    &export_cast, &export_html, &export_svg, &export_text};
	unsigned version = cast_version(name);

	if (version != 0) {
		a->e.kind = &export_cast;
		a->e.header.version = version;
		return 0;
	}
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcasecmp(name, kinds[i]->name) == 0)
			a->e.kind = kinds[i];
	return a->e.kind != NULL
		   ? 0
		   : cli_usage(&cmd_export, "the format must be v2, v3, html, svg or txt");
}

/* By what is behind the last dot. */
static void
guess_format(struct args *a, const char *path)
{
	const char *dot = strrchr(path, '.');

	if (dot != NULL && (strcasecmp(dot, ".html") == 0 || strcasecmp(dot, ".htm") == 0))
		a->e.kind = &export_html;
	else if (dot != NULL && strcasecmp(dot, ".svg") == 0)
		a->e.kind = &export_svg;
	else if (dot != NULL && strcasecmp(dot, ".txt") == 0)
		a->e.kind = &export_text;
	else
		a->e.kind = &export_cast;
}

static int
set_time(struct args *a, const char *arg, int64_t *ms)
{
	a->wanted.ranged = true;
	return clock_parse(arg, clock_wall_ms(), ms) == 0 && *ms > 0
		   ? 0
		   : cli_usage(&cmd_export, "a time is 10m, 2h, 3d or 2026-11-21T02:03:04Z");
}

static int
set_history(struct args *a, const char *arg)
{
	a->history = true;
	if (strcmp(arg, "all") == 0)
		a->wanted.history = UINT64_MAX;
	else if (str_u64(arg, 0, UINT64_MAX - 1, &a->wanted.history) != 0)
		return cli_usage(&cmd_export, "history must be a number of lines or all");
	return 0;
}

static int
export_option(struct args *a, int option, const char *arg)
{
	switch (option) {
	case OPT_FORMAT:
		return set_format(a, arg);
	case OPT_HISTORY:
		return set_history(a, arg);
	case OPT_SINCE:
		return set_time(a, arg, &a->wanted.since_ms);
	case OPT_UNTIL:
		return set_time(a, arg, &a->wanted.until_ms);
	case OPT_RAW:
		a->raw = true;
		return 0;
	case OPT_MAIN:
		a->wanted.main_screen = true;
		return 0;
	case OPT_RUN:
		a->wanted.run = arg;
		return 0;
	case OPT_SIZE:
		return str_size(arg, CAST_SIZE_MAX, &a->e.cols, &a->e.rows) == 0
			   ? 0
			   : cli_usage(&cmd_export, "the size must look like 80x24");
	case OPT_TITLE:
		a->e.title = xstrdup(arg);
		a->e.header.title = a->e.title;
		return 0;
	case OPT_IDLE:
		return cast_seconds(arg, &a->e.header.idle_limit_us) == 0
			   ? 0
			   : cli_usage(&cmd_export, "a time is a number of seconds");
	default:
		a->force = true;
		return 0;
	}
}

static int
set_raw(struct args *a)
{
	const struct pane_wanted *w = &a->wanted;

	if (!a->raw)
		return 0;
	if (!a->e.kind->cast)
		return cli_usage(&cmd_export, "--raw is for recordings");
	if (a->history || w->ranged || w->main_screen || w->run != NULL)
		return cli_usage(&cmd_export,
		    "--raw does not go with --history, --since, --until, --main and --run");
	a->e.kind = &export_raw;
	return 0;
}

/* What comes. */

static int
on_facts(void *arg, const struct pane_facts *f)
{
	struct export *e = arg;

	e->facts = *f;
	if (e->title == NULL)
		e->title = xstrdup(f->name != NULL ? f->name : f->id);
	if (!f->gone) {
		e->cols = f->cols;
		e->rows = f->rows;
	}
	if (e->cols == 0) {
		e->cols = 80;
		e->rows = 24;
	}
	e->header.command = f->command != NULL ? xstrdup(f->command) : NULL;
	return 0;
}

static int
on_line(void *arg, const struct pane_line *l)
{
	struct export *e = arg;

	return e->kind->line(e, l);
}

static int
on_screen(void *arg, const struct pane_page *p, bool alternate)
{
	struct export *e = arg;
	int rc = 0;

	e->cols = p->cols;
	e->rows = p->rows;
	if (e->kind->screen != NULL)
		return e->kind->screen(e, p, alternate);
	for (size_t i = 0; i < p->nlines && rc == 0; i++)
		rc = e->kind->line(e, &p->lines[i]);
	return rc;
}

static int
export_now(struct args *a, const char *path)
{
	struct pane_taker taker = {on_facts, on_line, on_screen, &a->e};
	char *cause = NULL;
	int rc;

	if (whole_open(&a->e.out, path, a->force, &cause) != 0) {
		rc = cli_error("export: %s", cause);
		free(cause);
		return rc;
	}
	a->e.styles = styles_new();
	a->e.used = xcalloc(STYLE_MAX, sizeof *a->e.used);
	buf_init(&a->e.b, EXPORT_BODY_MAX);
	buf_init(&a->e.text, BUF_NO_MAX);
	rc = pane_lines(&a->wanted, a->e.styles, &taker);
	if (rc == 0)
		rc = a->e.kind->end(&a->e);
	if (rc != 0) {
		whole_give_up(&a->e.out);
	} else if (whole_commit(&a->e.out, &cause) != 0) {
		rc = cli_error("export: %s", cause);
		free(cause);
	}
	buf_release(&a->e.b);
	buf_release(&a->e.text);
	styles_free(a->e.styles);
	free(a->e.used);
	free(a->e.times);
	return rc;
}

static int
run_export(int argc, char **argv)
{
	struct cli_walk w = {&cmd_export, argc, argv, NULL, 0};
	static struct args a;
	int option, rc;

	a.e.header.idle_limit_us = -1;
	a.e.header.term = xstrdup("xterm-256color");
	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD || export_option(&a, option, w.arg) != 0)
			return CLI_ERROR;
	}
	if (w.operand + 2 != argc)
		return cli_usage(&cmd_export, "name a pane and a file");
	if (a.history && a.wanted.ranged)
		return cli_usage(&cmd_export, "--history does not go with --since and --until");
	if (a.e.kind == NULL)
		guess_format(&a, argv[w.operand + 1]);
	if ((rc = set_raw(&a)) != 0)
		return rc;
	if (a.e.header.version == 0)
		a.e.header.version = 2;
	if (a.e.kind->cast && !a.history)
		a.wanted.history = UINT64_MAX;
	a.wanted.both_screens = a.e.kind->cast;
	a.wanted.pane = argv[w.operand];
	rc = export_now(&a, argv[w.operand + 1]);
	free(a.e.title);
	free(a.e.header.term);
	free(a.e.header.command);
	return rc;
}

const struct cli_command cmd_export = {"export", "PANE FILE",
    "Write what a pane printed as an asciicast, HTML, SVG or text", export_options, run_export,
    0};
