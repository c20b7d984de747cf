/* search: grep over what panes have printed, and what was said in agents' sessions. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/in_tmux.h"
#include "cli/picker.h"
#include "cli/search.h"
#include "cli/search_print.h"

/* Places in the table of options. */
enum {
	REGEXP,
	PANE,
	FIXED,
	IGNORE_CASE,
	SMART_CASE,
	WORD,
	CONTEXT,
	BEFORE,
	AFTER,
	MAX_COUNT,
	SOURCE,
	SINCE,
	UNTIL,
	NEWEST_FIRST,
	OLDEST_FIRST,
	SESSIONS,
	JOBS,
	ROLE,
	TOOL,
	SESSION,
	AGENT,
	COUNT,
	LIST,
	ONLY,
	QUIET,
	LINE_NUMBER,
	NO_LINE_NUMBER,
	NO_PANE,
	JSON,
	COLOR,
	INTERACTIVE,
	EXEC,
	TMUX_CLIENT,
	OPTIONS
};

static const struct cli_option search_options[] = {
    [REGEXP] = {"regexp", 'e', "PATTERN", "a pattern; several find what any of them matches"},
    [PANE] = {"pane", 'p', "GLOB", "only panes whose id or name matches"},
    [FIXED] = {"fixed-strings", 'F', NULL, "patterns are strings, not expressions"},
    [IGNORE_CASE] = {"ignore-case", 'i', NULL, "upper and lower case are the same"},
    [SMART_CASE] = {"smart-case", 's', NULL, "so, unless the pattern has a capital"},
    [WORD] = {"word-regexp", 'w', NULL, "whole words only"},
    [CONTEXT] = {"context", 'C', "LINES", "so many lines before and after, at most 50"},
    [BEFORE] = {"before-context", 'B', "LINES", "so many before"},
    [AFTER] = {"after-context", 'A', "LINES", "so many after"},
    [MAX_COUNT] = {"max-count", 'm', "LINES", "stop after so many, at most 10000"},
    [SOURCE] = {"source", 0, "SOURCE", "auto (default), ring, capture, archive or sessions"},
    [SINCE] = {"since", 0, "TIME", "not before 2026-11-21T02:03:04Z, or 10m ago"},
    [UNTIL] = {"until", 0, "TIME", "not after"},
    [NEWEST_FIRST] = {"newest-first", 'r', NULL, "from the newest line to the oldest"},
    [OLDEST_FIRST] = {"oldest-first", 0, NULL, "the other way; so it is, but with --sessions"},
    [SESSIONS] = {"sessions", 0, NULL, "in agents' sessions instead, newest first"},
    [JOBS] = {"jobs", 0, NULL, "in what jobs have written instead"},
    [ROLE] = {"role", 0, "ROLES", "there: user,assistant,thinking,system,tool, or some"},
    [TOOL] = {"tool", 0, "GLOB", "there: only calls of tools whose name matches"},
    [SESSION] = {"session", 0, "ID", "there: only that one; by its own id or the agent's"},
    [AGENT] = {"agent", 0, "NAME", "there: only that agent's"},
    [COUNT] = {"count", 'c', NULL, "only how many lines, a pane or session"},
    [LIST] = {"panes-with-matches", 'l', NULL, "only the panes or sessions"},
    [ONLY] = {"only-matching", 'o', NULL, "only the parts that match"},
    [QUIET] = {"quiet", 'q', NULL, "only the exit status"},
    [LINE_NUMBER] = {"line-number", 'n', NULL, "with line numbers; it is so anyway"},
    [NO_LINE_NUMBER] = {"no-line-number", 'N', NULL, "without them"},
    [NO_PANE] = {"no-pane", 0, NULL, "without the pane or session"},
    [JSON] = {"json", 'j', NULL, "a JSON object a line"},
    [COLOR] = {"color", 0, "WHEN", "always, never or auto (default): on terminals"},
    [INTERACTIVE] = {"interactive", 'I', NULL, "pick a line on the terminal and print it"},
    [EXEC] = {"exec", 0, "COMMAND", "with -I: run a shell's command on it instead"},
    [TMUX_CLIENT] = {"tmux-client", 0, "NAME", "with -I: show lines of tmux's panes there"},
    [OPTIONS] = {0},
};

struct search_args {
	bool on[OPTIONS];
	const char *value[OPTIONS];
	size_t pattern_bytes; /* of all */
	struct search_query query;
	struct search_style style;
};

static int
add_pattern(struct search_args *a, const char *pattern)
{
	struct search_query *q = &a->query;

	if (q->npatterns == SEARCH_PATTERNS)
		return cli_error("search: at most %d patterns", SEARCH_PATTERNS);
	if ((a->pattern_bytes += strlen(pattern)) > SEARCH_PATTERNS_BYTES)
		return cli_error("search: the patterns have more than %d bytes together",
		    SEARCH_PATTERNS_BYTES);
	q->patterns[q->npatterns++] = pattern;
	return 0;
}

/* The value of a number is in *n only when it was given. */
static int
read_number(const struct search_args *a, int option, uint64_t lo, uint64_t hi, unsigned *n)
{
	uint64_t value;

	if (!a->on[option])
		return 0;
	if (str_u64(a->value[option], lo, hi, &value) != 0)
		return cli_error("search: --%s must be a number from %u to %u",
		    search_options[option].name, (unsigned)lo, (unsigned)hi);
	*n = (unsigned)value;
	return 0;
}

static int
read_numbers(struct search_args *a)
{
	struct search_style *s = &a->style;
	struct search_query *q = &a->query;
	unsigned both = 0;
	int rc;

	if ((rc = read_number(a, CONTEXT, 0, SEARCH_CONTEXT, &both)) != 0)
		return rc;
	s->before = s->after = both;
	q->limit = SEARCH_LIMIT;
	if ((rc = read_number(a, BEFORE, 0, SEARCH_CONTEXT, &s->before)) != 0 ||
	    (rc = read_number(a, AFTER, 0, SEARCH_CONTEXT, &s->after)) != 0 ||
	    (rc = read_number(a, MAX_COUNT, 1, SEARCH_LIMIT, &q->limit)) != 0)
		return rc;
	s->context = s->before != 0 || s->after != 0;
	if (s->what == SEARCH_LINES)
		q->context = s->before > s->after ? s->before : s->after;
	return 0;
}

static int
read_color(struct search_args *a)
{
	const char *when = a->on[COLOR] ? a->value[COLOR] : "auto", *no = getenv("NO_COLOR"),
		   *term = getenv("TERM");
	bool plain = (no != NULL && *no != '\0') || term == NULL || strcmp(term, "dumb") == 0;

	a->style.harmless = isatty(STDOUT_FILENO);
	if (strcmp(when, "auto") == 0)
		a->style.color = a->style.harmless && !plain;
	else if (strcmp(when, "always") == 0 || strcmp(when, "never") == 0)
		a->style.color = *when == 'a';
	else
		return cli_usage(&cmd_search, "--color must be always, never or auto");
	return 0;
}

/* As with grep, the most terse of them wins. */
static void
read_what(struct search_args *a)
{
	struct search_style *s = &a->style;

	s->what = a->on[QUIET]   ? SEARCH_STATUS
		  : a->on[LIST]  ? SEARCH_PANES
		  : a->on[COUNT] ? SEARCH_COUNTS
		  : a->on[ONLY]  ? SEARCH_PARTS
				 : SEARCH_LINES;
	s->json = a->on[JSON];
	s->pane = !a->on[NO_PANE];
	s->line = !a->on[NO_LINE_NUMBER];
	s->sessions = a->on[SESSIONS];
}

static void
read_query(struct search_args *a)
{
	struct search_query *q = &a->query;

	q->pane = a->value[PANE];
	q->source = a->value[SOURCE];
	q->since = a->value[SINCE];
	q->until = a->value[UNTIL];
	q->jobs = a->on[JOBS];
	q->fixed = a->on[FIXED];
	q->icase = a->on[IGNORE_CASE];
	q->smart = a->on[SMART_CASE];
	q->word = a->on[WORD];
	q->newest = a->on[NEWEST_FIRST] || (a->on[SESSIONS] && !a->on[OLDEST_FIRST]);
	q->role = a->value[ROLE];
	q->tool = a->value[TOOL];
	q->session = a->value[SESSION];
	q->agent = a->value[AGENT];
	if (a->on[SESSIONS])
		q->source = "sessions";
}

/* --sessions and --source sessions are the same. */
static int
read_sessions(struct search_args *a)
{
	static const int only[] = {ROLE, TOOL, SESSION, AGENT};

	if (a->on[SOURCE] && strcmp(a->value[SOURCE], "sessions") == 0)
		a->on[SESSIONS] = true;
	else if (a->on[SOURCE] && a->on[SESSIONS])
		return cli_usage(&cmd_search, "--sessions has no other --source");
	for (size_t i = 0; i < sizeof only / sizeof *only && !a->on[SESSIONS]; i++)
		if (a->on[only[i]])
			return cli_usage(&cmd_search, "--role, --tool, --session and --agent go"
						      " with --sessions");
	if (a->on[SESSIONS] && a->on[JOBS])
		return cli_usage(&cmd_search, "--jobs goes not with --sessions");
	if (a->on[SESSIONS] && a->on[INTERACTIVE])
		return cli_usage(&cmd_search, "-I goes not with --sessions");
	return 0;
}

static int
read_options(struct search_args *a, struct cli_walk *w)
{
	int option, rc = 0;

	while (rc == 0 && (option = cli_next(w)) != CLI_END) {
		if (option == CLI_BAD)
			return CLI_ERROR;
		a->on[option] = true;
		a->value[option] = w->arg;
		if (option == NEWEST_FIRST || option == OLDEST_FIRST)
			a->on[NEWEST_FIRST + OLDEST_FIRST - option] = false;
		if (option == LINE_NUMBER)
			a->on[NO_LINE_NUMBER] = false;
		if (option == REGEXP)
			rc = add_pattern(a, w->arg);
	}
	return rc;
}

static int
read_operands(struct search_args *a, const struct cli_walk *w)
{
	int n = w->argc - w->operand, want = a->query.npatterns == 0 ? 1 : 0;

	if (a->on[INTERACTIVE] && n == 0)
		return 0;
	if (n != want)
		return cli_usage(&cmd_search, want == 0
						  ? "patterns were given with -e"
						  : "give one pattern, or several with -e");
	return n == 1 ? add_pattern(a, w->argv[w->operand]) : 0;
}

/* How much of the truth it is. */
static int
say_bounds(const struct search_args *a, const struct search_answer *r)
{
	fflush(stdout);
	if (r->partial)
		cli_error("search: it took too long: more lines may match");
	else if (r->truncated && (!a->on[MAX_COUNT] || r->n < a->query.limit) &&
		 a->style.what != SEARCH_STATUS)
		cli_error("search: more than %zu lines match", r->n);
	if (r->n != 0)
		return CLI_DONE;
	return r->partial ? CLI_ERROR : CLI_NOTHING;
}

static int
search(const struct search_args *a)
{
	char *path = search_path(&a->query);
	struct search_answer r;
	struct buf out;
	int rc;

	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask("GET", path, NULL, &out);
	if (rc == CLI_DONE && search_answer_parse(&r, out.data, out.len) != 0) {
		rc = cli_error("search: the daemon's answer is none");
	} else if (rc == CLI_DONE) {
		search_print(&r, &a->style);
		rc = say_bounds(a, &r);
		if (ferror(stdout))
			rc = cli_error("standard output: write failed");
		search_answer_release(&r);
	}
	buf_release(&out);
	free(path);
	return rc;
}

/* A list of lines is made for choosing from: what it would print does not matter. */
static int
pick(struct search_args *a)
{
	struct picker_options o = {.query = &a->query, .exec = a->value[EXEC]};
	const char *no = getenv("NO_COLOR");

	if (a->query.npatterns > 1)
		return cli_usage(&cmd_search, "-I begins with one pattern at most");
	if (a->style.what != SEARCH_LINES || a->on[JSON])
		return cli_usage(&cmd_search, "-I goes with none of -c, -l, -o, -q and --json");
	if (!a->on[MAX_COUNT])
		a->query.limit = PICKER_HITS;
	/* What is to be printed into a pipe is wanted there, in tmux, too. */
	o.client = a->value[TMUX_CLIENT];
	o.show = o.client != NULL || (in_tmux() && isatty(STDOUT_FILENO));
	o.color = no == NULL || *no == '\0';
	if (a->on[COLOR] && strcmp(a->value[COLOR], "auto") != 0)
		o.color = a->style.color;
	return picker_run(&o);
}

static int
run_search(int argc, char **argv)
{
	struct cli_walk w = {&cmd_search, argc, argv, NULL, 0};
	struct search_args a = {0};
	int rc;

	if ((rc = read_options(&a, &w)) != 0 || (rc = read_operands(&a, &w)) != 0 ||
	    (rc = read_sessions(&a)) != 0)
		return rc;
	read_what(&a);
	read_query(&a);
	if ((rc = read_numbers(&a)) != 0 || (rc = read_color(&a)) != 0)
		return rc;
	if (a.on[INTERACTIVE])
		return pick(&a);
	if (a.on[EXEC] || a.on[TMUX_CLIENT])
		return cli_usage(&cmd_search,
		    a.on[EXEC] ? "--exec goes with -I" : "--tmux-client goes with -I");
	if (a.style.what == SEARCH_STATUS)
		a.query.limit = 1;
	return search(&a);
}

const struct cli_command cmd_search = {"search", "PATTERN | -I [PATTERN]",
    "Find lines in what panes have printed, or agents' sessions, as grep does", search_options,
    run_search, 0};
