#include "config.h"

#include "cli/sessions_export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/put.h"
#include "proto/json.h"

enum { TITLE_MAX = 160 };

/* Rows of one kind, page by page. */
struct list {
	const char *what;
	cJSON *page;
	const cJSON *row; /* the next; NULL: there are no more, or none is here yet */
	double cursor;    /* below 0: this page is the last */
};

struct export
{
	FILE *f;
	char *name; /* of the session, as a part of a path */
	bool reveal;
	int rc;
	cJSON *session;
	struct list turns, messages, tools;
};

static cJSON *
ask(struct export *x, const char *method, const char *path)
{
	struct buf out;
	cJSON *o = NULL;

	buf_init(&out, BUF_NO_MAX);
	x->rc = cli_ask(method, path, NULL, &out);
	if (x->rc == CLI_DONE && (o = json_parse(out.data, out.len)) == NULL)
		x->rc = cli_error("sessions: the daemon's answer makes no sense");
	buf_release(&out);
	return o;
}

/* Makes list->row the next one. */
static const cJSON *
peek(struct export *x, struct list *l)
{
	while (l->row == NULL && l->cursor >= 0 && x->rc == CLI_DONE) {
		char *path = xasprintf("/api/v1/sessions/%s/%s?limit=200&cursor=%.0f&reveal=%d",
		    x->name, l->what, l->cursor, x->reveal);
		const cJSON *next;

		cJSON_Delete(l->page);
		l->page = ask(x, "GET", path);
		next = cJSON_GetObjectItemCaseSensitive(l->page, "next_cursor");
		l->cursor = cJSON_IsNumber(next) ? next->valuedouble : -1;
		next = cJSON_GetObjectItemCaseSensitive(l->page, "data");
		l->row = next != NULL ? next->child : NULL;
		free(path);
	}
	return l->row;
}

static void
pop(struct list *l)
{
	l->row = l->row->next;
}

/* JSON. */

static void
print_json(struct export *x, const cJSON *o)
{
	char *text = cJSON_PrintUnformatted(o);

	put_json(x->f, text != NULL ? text : "null");
	free(text);
}

static void
json_list(struct export *x, const char *name, struct list *l)
{
	const char *sep = "\n";

	fprintf(x->f, ",\n\"%s\":[", name);
	for (; peek(x, l) != NULL; pop(l), sep = ",\n") {
		fputs(sep, x->f);
		print_json(x, l->row);
	}
	fputc(']', x->f);
}

static void
export_json(struct export *x)
{
	cJSON *usage = cJSON_DetachItemFromObjectCaseSensitive(x->session, "usage");

	fputs("{\"session\":", x->f);
	print_json(x, x->session);
	fputs(",\n\"usage\":", x->f);
	print_json(x, usage);
	json_list(x, "turns", &x->turns);
	json_list(x, "messages", &x->messages);
	json_list(x, "tools", &x->tools);
	fputs("}\n", x->f);
	cJSON_Delete(usage);
}

/* Documents. */

struct look {
	void (*begin)(struct export *x);
	void (*turn)(struct export *x, const cJSON *t);
	void (*message)(struct export *x, const cJSON *m);
	void (*tool)(struct export *x, const cJSON *t);
	void (*end)(struct export *x);
};

/* Text with what is no plain character (base/utf8.h) replaced; `html`: escaped. */
static void
put_text(FILE *f, const char *text, bool html)
{
	size_t len = strlen(text), n;
	uint32_t cp;

	for (; len != 0; text += n, len -= n) {
		if ((n = utf8_decode(text, len, &cp)) == 0) {
			n = len;
			cp = '\0';
		}
		if (cp == '\r' && text[1] == '\n')
			continue;
		if (!utf8_is_plain(cp) && cp != '\n' && cp != '\t')
			fputs("\xef\xbf\xbd", f);
		else if (html && cp < 0x80 && strchr("&<>\"'", *text) != NULL)
			fprintf(f, "&#%d;", *text);
		else
			fwrite(text, 1, n, f);
	}
}

static double
number(const cJSON *o, const char *name)
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsNumber(n) ? n->valuedouble : -1;
}

/* " · 1200 tokens in, ...": what is known of usage. */
static void
put_usage(FILE *f, const cJSON *u)
{
	static const struct {
		const char *name, *text;
	} counts[] = {{"input_tokens", "in"}, {"cache_read_tokens", "from cache"},
	    {"cache_write_5m_tokens", "to cache"},
	    {"cache_write_1h_tokens", "to cache for 1 h"}, {"output_tokens", "out"}};
	const char *sep = "";

	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		double n = number(u, counts[i].name);

		if (n < 0)
			continue;
		fprintf(f, "%s%.0f %s", sep, n, counts[i].text);
		sep = ", ";
	}
	if (number(u, "cost_usd") >= 0)
		fprintf(f, "%s$%.4f", sep, number(u, "cost_usd"));
	else if (*sep == '\0')
		fputs("not known", f);
}

static void
put_duration(FILE *f, double ms)
{
	if (ms >= 60000)
		fprintf(f, " \xc2\xb7 %.0f min %.0f s", (double)(long)(ms / 60000),
		    (double)((long)ms / 1000 % 60));
	else if (ms >= 1000)
		fprintf(f, " \xc2\xb7 %.1f s", ms / 1000);
	else if (ms >= 0)
		fprintf(f, " \xc2\xb7 %.0f ms", ms);
}

/* "2026-11-21 02:03:04" */
static void
put_time(FILE *f, const cJSON *o, const char *name, bool html)
{
	const char *iso = json_string(o, name);
	char text[20];

	if (iso == NULL || strlen(iso) < 19)
		return;
	snprintf(text, sizeof text, "%.10s %.8s", iso, iso + 11);
	fputs(" \xc2\xb7 ", f);
	put_text(f, text, html);
}

static const char *
text_or(const cJSON *o, const char *name, const char *otherwise)
{
	const char *s = json_string(o, name);

	return s != NULL ? s : otherwise;
}

static const struct {
	const char *name, *label;
} facts[] = {{"agent", "Agent"}, {"agent_session", "Session"}, {"model", "Model"},
    {"project", "Project"}, {"branch", "Branch"}, {"pane", "Pane"}, {"started", "Began"},
    {"updated", "Last at work"}, {"state", "State"}};

/* The first line of it, and not all of that: it may be a whole prompt. The caller frees. */
static char *
title_of(const struct export *x)
{
	const char *title = text_or(x->session, "title", "A session without a title");
	size_t n = strcspn(title, "\r\n");

	for (n = n < TITLE_MAX ? n : TITLE_MAX;
	     n > 0 && ((unsigned char)title[n] & 0xC0) == 0x80;)
		n--;
	return title[n] == '\0' ? xstrdup(title)
				: xasprintf("%.*s \xe2\x80\xa6", (int)n, title);
}

/* Markdown. */

/* A fence that is longer than any in the text. */
static void
md_fenced(FILE *f, const char *text)
{
	size_t longest = 2, n = 0;

	for (const char *s = text; *s != '\0'; s++) {
		n = *s == '`' ? n + 1 : 0;
		longest = n > longest ? n : longest;
	}
	for (int side = 0; side < 2; side++) {
		for (size_t i = 0; i <= longest; i++)
			fputc('`', f);
		fputc('\n', f);
		if (side == 0) {
			put_text(f, text, false);
			fputc('\n', f);
		}
	}
	fputc('\n', f);
}

/* One line, whatever is in it. */
static void
md_line(FILE *f, const char *text)
{
	char *line = xstrdup(text);

	for (char *s = line; *s != '\0'; s++)
		if (*s == '\n' || *s == '\r')
			*s = ' ';
	put_text(f, line, false);
	free(line);
}

static void
md_begin(struct export *x)
{
	char *title = title_of(x);

	fputs("# ", x->f);
	md_line(x->f, title);
	free(title);
	fputs("\n\n", x->f);
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
		const char *value = json_string(x->session, facts[i].name);

		if (value == NULL)
			continue;
		fprintf(x->f, "- %s: ", facts[i].label);
		md_line(x->f, value);
		fputc('\n', x->f);
	}
	fputs("- Usage: ", x->f);
	put_usage(x->f, cJSON_GetObjectItemCaseSensitive(x->session, "usage"));
	fputs("\n\n", x->f);
}

static void
md_turn(struct export *x, const cJSON *t)
{
	fprintf(x->f, "## Turn %.0f", number(t, "turn"));
	put_time(x->f, t, "started", false);
	put_duration(x->f, number(t, "duration_ms"));
	fputs("\n\n_", x->f);
	put_usage(x->f, t);
	fputs("_\n\n", x->f);
}

static void
md_message(struct export *x, const cJSON *m)
{
	const char *role = text_or(m, "role", "?");

	fputs("**", x->f);
	md_line(x->f, role);
	fputs("**\n\n", x->f);
	if (strcmp(role, "thinking") == 0 || strcmp(role, "system") == 0) {
		md_fenced(x->f, text_or(m, "text", ""));
		return;
	}
	put_text(x->f, text_or(m, "text", ""), false);
	fputs("\n\n", x->f);
}

static void
md_tool(struct export *x, const cJSON *t)
{
	fputs("**tool** ", x->f);
	md_line(x->f, text_or(t, "name", "?"));
	fputs(" \xc2\xb7 ", x->f);
	md_line(x->f, text_or(t, "outcome", "no result"));
	put_duration(x->f, number(t, "latency_ms"));
	fputs("\n\n", x->f);
	if (json_string(t, "input") != NULL)
		md_fenced(x->f, json_string(t, "input"));
	if (json_string(t, "output") != NULL)
		md_fenced(x->f, json_string(t, "output"));
}

static void
md_end(struct export *x)
{
	(void)x;
}

/* HTML. */

static const char style[] =
    ":root{color-scheme:light dark;--fg:#1c1e21;--bg:#fff;--dim:#5c6370;--line:#d8dbe0;"
    "--box:#f5f6f8;--user:#e8f0fe;--bad:#b3261e}"
    "@media(prefers-color-scheme:dark){:root{--fg:#e3e5e8;--bg:#16181c;--dim:#9aa1ac;"
    "--line:#343840;--box:#1f2228;--user:#1f2d47;--bad:#f28b82}}"
    "body{margin:0 auto;max-width:56rem;padding:1.5rem 1rem 4rem;color:var(--fg);"
    "background:var(--bg);font:16px/1.5 system-ui,sans-serif}"
    "h1{font-size:1.5rem;line-height:1.3;margin:0 0 1rem;overflow-wrap:anywhere}"
    "h2{font-size:1rem;margin:2.5rem 0 0;padding-top:.75rem;border-top:1px solid var(--line)}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0}"
    "dt,.dim,h2 span{color:var(--dim);font-weight:normal}"
    "dd{margin:0;overflow-wrap:anywhere}.dim{font-size:.875rem;margin:.1rem 0 0}"
    ".m{margin:1rem 0}.m>b{display:block;color:var(--dim);font-size:.8rem;"
    "font-weight:600;margin-bottom:.2rem}"
    ".t{white-space:pre-wrap;overflow-wrap:anywhere}"
    ".user .t{background:var(--user);padding:.6rem .8rem;border-radius:.5rem}"
    ".thinking .t,.system .t{color:var(--dim);font-style:italic}"
    "details{margin:.5rem 0;border:1px solid var(--line);border-radius:.5rem;"
    "background:var(--box)}"
    "summary{cursor:pointer;padding:.4rem .8rem;overflow-wrap:anywhere}"
    "summary code{font-weight:600}.failed summary,.denied summary{color:var(--bad)}"
    "pre{margin:0;padding:.6rem .8rem;border-top:1px solid var(--line);white-space:pre-wrap;"
    "overflow-wrap:anywhere;font:13px/1.45 ui-monospace,monospace;tab-size:8}"
    "@media print{details::details-content{content-visibility:visible}}";

static void
html_begin(struct export *x)
{
	char *title = title_of(x);

	fputs(
	    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta http-equiv=\"Content-Security-Policy\" "
	    "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
	    x->f);
	put_text(x->f, title, true);
	fprintf(x->f, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", style);
	put_text(x->f, title, true);
	fputs("</h1>\n<dl>\n", x->f);
	free(title);
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
		const char *value = json_string(x->session, facts[i].name);

		if (value == NULL)
			continue;
		fprintf(x->f, "<dt>%s</dt><dd>", facts[i].label);
		put_text(x->f, value, true);
		fputs("</dd>\n", x->f);
	}
	fputs("<dt>Usage</dt><dd>", x->f);
	put_usage(x->f, cJSON_GetObjectItemCaseSensitive(x->session, "usage"));
	fputs("</dd>\n</dl>\n", x->f);
}

static void
html_turn(struct export *x, const cJSON *t)
{
	fprintf(x->f, "<h2>Turn %.0f<span>", number(t, "turn"));
	put_time(x->f, t, "started", true);
	put_duration(x->f, number(t, "duration_ms"));
	fputs("</span></h2>\n<p class=\"dim\">", x->f);
	put_usage(x->f, t);
	fputs("</p>\n", x->f);
}

static void
html_message(struct export *x, const cJSON *m)
{
	const char *role = text_or(m, "role", "unknown");

	fputs("<div class=\"m ", x->f);
	put_text(x->f, role, true);
	fputs("\"><b>", x->f);
	put_text(x->f, role, true);
	fputs("</b><div class=\"t\">", x->f);
	put_text(x->f, text_or(m, "text", ""), true);
	fputs("</div></div>\n", x->f);
}

static void
html_tool(struct export *x, const cJSON *t)
{
	static const char *const parts[] = {"input", "output"};
	const char *outcome = text_or(t, "outcome", "no result");

	fputs("<details class=\"", x->f);
	put_text(x->f, outcome, true);
	fputs("\"><summary><code>", x->f);
	put_text(x->f, text_or(t, "name", "?"), true);
	fputs("</code> <span class=\"dim\">", x->f);
	put_text(x->f, outcome, true);
	put_duration(x->f, number(t, "latency_ms"));
	fputs("</span></summary>", x->f);
	for (int i = 0; i < 2; i++) {
		const char *text = json_string(t, parts[i]);

		if (text == NULL)
			continue;
		fputs("<pre>", x->f);
		put_text(x->f, text, true);
		fputs("</pre>", x->f);
	}
	fputs("</details>\n", x->f);
}

static void
html_end(struct export *x)
{
	fputs("</body>\n</html>\n", x->f);
}

static const struct look markdown = {md_begin, md_turn, md_message, md_tool, md_end};
static const struct look html = {html_begin, html_turn, html_message, html_tool, html_end};

/* In order. */

static bool
is_hidden(const cJSON *m)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(m, "hidden"));
}

/* Whether a message stands before a tool call: by turn, then by time. */
static bool
is_before(const cJSON *m, const cJSON *t)
{
	double turn_m = number(m, "turn"), turn_t = number(t, "turn");
	const char *time_m = json_string(m, "time"), *time_t_ = json_string(t, "started");

	if (turn_m >= 0 && turn_t >= 0 && turn_m != turn_t)
		return turn_m < turn_t;
	return time_m == NULL || time_t_ == NULL || strcmp(time_m, time_t_) <= 0;
}

static void
put_turns_up_to(struct export *x, const struct look *look, double turn)
{
	while (peek(x, &x->turns) != NULL && number(x->turns.row, "turn") <= turn) {
		look->turn(x, x->turns.row);
		pop(&x->turns);
	}
}

static void
export_document(struct export *x, const struct look *look)
{
	const cJSON *m, *t;

	look->begin(x);
	for (;;) {
		m = peek(x, &x->messages);
		t = peek(x, &x->tools);
		if (x->rc != CLI_DONE || (m == NULL && t == NULL))
			break;
		if (m != NULL && (t == NULL || is_before(m, t))) {
			put_turns_up_to(x, look, number(m, "turn"));
			if (!is_hidden(m))
				look->message(x, m);
			pop(&x->messages);
		} else {
			put_turns_up_to(x, look, number(t, "turn"));
			look->tool(x, t);
			pop(&x->tools);
		}
	}
	put_turns_up_to(x, look, 1e300);
	look->end(x);
}

static int
open_output(struct export *x, const char *path)
{
	int fd;

	x->f = stdout;
	if (path == NULL)
		return CLI_DONE;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	x->f = fd >= 0 ? fdopen(fd, "w") : NULL;
	return x->f != NULL ? CLI_DONE
			    : cli_error("sessions export: %s: %s", path, strerror(errno));
}

static void
close_output(struct export *x, const char *path)
{
	bool bad = ferror(x->f) != 0;

	bad = (path != NULL ? fclose(x->f) : fflush(x->f)) != 0 || bad;
	if (bad && x->rc == CLI_DONE)
		x->rc = cli_error("sessions export: %s: %s",
		    path != NULL ? path : "standard output", strerror(errno));
}

bool
sessions_export_knows(const char *format)
{
	return strcmp(format, "json") == 0 || strcmp(format, "md") == 0 ||
	       strcmp(format, "html") == 0;
}

int
sessions_export(const char *id, const char *format, const char *path, bool reveal)
{
	struct export x = {.name = str_url_encode(id),
	    .reveal = reveal,
	    .turns = {.what = "timeline"},
	    .messages = {.what = "messages"},
	    .tools = {.what = "traces"}};
	char *where = xasprintf("/api/v1/sessions/%s?reveal=%d", x.name, reveal);

	x.session = ask(&x, "GET", where);
	if (x.rc == CLI_DONE)
		x.rc = open_output(&x, path);
	if (x.rc == CLI_DONE) {
		if (strcmp(format, "json") == 0)
			export_json(&x);
		else
			export_document(&x, *format == 'm' ? &markdown : &html);
		close_output(&x, path);
	}
	cJSON_Delete(x.session);
	cJSON_Delete(x.turns.page);
	cJSON_Delete(x.messages.page);
	cJSON_Delete(x.tools.page);
	free(where);
	free(x.name);
	return x.rc;
}

/* Removing. */

static int
rm_one(const char *path, bool said)
{
	struct export x = {.rc = CLI_DONE};
	cJSON *o = ask(&x, "DELETE", path);

	if (o != NULL && said)
		printf("%.0f removed\n", number(o, "removed"));
	if (o != NULL && said && number(o, "removed") == 0)
		x.rc = CLI_NOTHING;
	cJSON_Delete(o);
	return x.rc;
}

int
sessions_rm(char *const *ids, int n, const char *older_than)
{
	char *value = older_than != NULL ? str_url_encode(older_than) : NULL, *path;
	int rc = CLI_DONE;

	if (value != NULL) {
		path = xasprintf("/api/v1/sessions?before=%s", value);
		rc = rm_one(path, true);
		free(path);
		free(value);
		return rc;
	}
	for (int i = 0; i < n; i++) {
		int one;

		value = str_url_encode(ids[i]);
		path = xasprintf("/api/v1/sessions/%s", value);
		one = rm_one(path, false);
		rc = one != CLI_DONE ? one : rc;
		free(path);
		free(value);
		if (rc == CLI_NO_DAEMON)
			break;
	}
	return rc;
}
