#include "config.h"

#include "cli/talk_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/put.h"
#include "proto/json.h"

enum { TOOL_WIDTH = 100 };

struct talk_word {
	struct talk_word *prev, *next; /* utlist */
	char *text;
};

static void
add_word(struct talk_word **list, const char *text)
{
	struct talk_word *w = xcalloc(1, sizeof *w);

	w->text = xstrdup(text);
	DL_APPEND(*list, w);
}

static bool
take_word(struct talk_word **list, const char *text)
{
	struct talk_word *w;

	DL_FOREACH (*list, w)
		if (strcmp(w->text, text) == 0) {
			DL_DELETE(*list, w);
			free(w->text);
			free(w);
			return true;
		}
	return false;
}

void
talk_show_init(struct talk_show *s, bool prompt)
{
	*s = (struct talk_show){.prompt = prompt};
}

void
talk_show_mine(struct talk_show *s, const char *text)
{
	add_word(&s->mine, text);
	s->prompted = s->in_line = false; /* the terminal has shown the newline */
}

const char *
talk_show_asked(const struct talk_show *s)
{
	return s->asked != NULL ? s->asked->text : NULL;
}

void
talk_show_answered(struct talk_show *s, const char *permission)
{
	take_word(&s->asked, permission);
}

/* Text. */

static void
put(struct talk_show *s, struct buf *b)
{
	if (b->len != 0) {
		fwrite(b->data, 1, b->len, stdout);
		s->in_line = b->data[b->len - 1] != '\n';
	}
	buf_release(b);
}

static void
begin_line(struct talk_show *s)
{
	if (s->in_line || s->prompted)
		putchar('\n');
	s->in_line = s->prompted = false;
}

/* A prompt that is shown makes room. */
static void
put_stream(struct talk_show *s, const char *text, bool whole)
{
	struct buf b;

	if (s->prompted)
		begin_line(s);
	buf_init(&b, BUF_NO_MAX);
	tame_put(&s->tame, &b, text, strlen(text));
	if (whole)
		tame_end(&s->tame, &b);
	put(s, &b);
}

void
talk_show_line(struct talk_show *s, const char *text)
{
	begin_line(s);
	if (*text != '\0')
		put_line(text);
	fflush(stdout);
}

/* An error comes as a text, as a note and as the end of a turn. */
static bool
said_already(struct talk_show *s, const char *text)
{
	bool same = s->last != NULL && strcmp(s->last, text) == 0;

	free(s->last);
	s->last = xstrdup(text);
	return same;
}

void
talk_show_remark(struct talk_show *s, const char *text)
{
	if (said_already(s, text))
		return;
	begin_line(s);
	putchar('(');
	cli_print_safe(text, 0, 0);
	puts(")");
	fflush(stdout);
}

static const char *
text_of(const cJSON *o, const char *name)
{
	const char *text = json_string(o, name);

	return text != NULL ? text : "";
}

/* Of a tool's input what says most, else all of it. */
static void
print_call(const cJSON *call)
{
	static const char *const members[] = {
	    "command", "file_path", "path", "pattern", "url", "query", "description"};
	const cJSON *input = cJSON_GetObjectItemCaseSensitive(call, "input");
	const char *text = NULL;
	char *all = NULL;

	cli_print_safe(text_of(call, "tool"), 40, 0);
	for (size_t i = 0; text == NULL && i < sizeof members / sizeof *members; i++)
		text = json_string(input, members[i]);
	if (text == NULL && cJSON_IsString(input))
		text = input->valuestring;
	if (text == NULL && input != NULL)
		text = all = cJSON_PrintUnformatted(input);
	if (text != NULL) {
		fputs(": ", stdout);
		cli_print_safe(text, TOOL_WIDTH, 0);
	}
	cJSON_free(all);
}

/* Events. */

static void
on_delta(struct talk_show *s, const cJSON *e)
{
	if (strcmp(text_of(e, "kind"), "text") != 0)
		return;
	if (!s->streamed)
		begin_line(s);
	s->streamed = true;
	put_stream(s, text_of(e, "text"), false);
}

/* What came in parts comes as a whole, too. */
static void
on_text(struct talk_show *s, const cJSON *e)
{
	bool other = json_string(e, "agent") != NULL;

	said_already(s, text_of(e, "text"));
	if (!s->streamed || other) {
		begin_line(s);
		if (other)
			fputs("| ", stdout);
		put_stream(s, text_of(e, "text"), true);
	} else {
		put_stream(s, "", true);
		s->streamed = false;
	}
	begin_line(s);
}

static void
on_tool(struct talk_show *s, const cJSON *e)
{
	begin_line(s);
	fputs(json_string(e, "agent") != NULL ? "| * " : "* ", stdout);
	print_call(e);
	putchar('\n');
}

static void
on_tool_result(struct talk_show *s, const cJSON *e)
{
	const char *outcome = text_of(e, "outcome");

	if (strcmp(outcome, "failed") != 0 && strcmp(outcome, "denied") != 0 &&
	    strcmp(outcome, "interrupted") != 0)
		return;
	begin_line(s);
	fputs("! ", stdout);
	cli_print_safe(outcome, 20, 0);
	fputs(": ", stdout);
	cli_print_safe(text_of(e, "text"), TOOL_WIDTH, 0);
	putchar('\n');
}

static void
on_permission(struct talk_show *s, const cJSON *e)
{
	const cJSON *p = cJSON_GetObjectItemCaseSensitive(e, "permission");
	const char *id = text_of(p, "id");

	begin_line(s);
	fputs("? ", stdout);
	print_call(p);
	fputs(" [y/n] (", stdout);
	cli_print_safe(id, 20, 0);
	puts(")");
	add_word(&s->asked, id);
}

static void
on_answered(struct talk_show *s, const cJSON *e)
{
	begin_line(s);
	take_word(&s->asked, text_of(e, "id"));
	fputs("  ", stdout);
	cli_print_safe(text_of(e, "id"), 20, 0);
	putchar(' ');
	cli_print_safe(text_of(e, "outcome"), 20, 0);
	putchar('\n');
}

/* Not what was typed here. */
static void
on_sent(struct talk_show *s, const cJSON *e)
{
	if (take_word(&s->mine, text_of(e, "text")))
		return;
	begin_line(s);
	fputs("> ", stdout);
	put_stream(s, text_of(e, "text"), true);
	begin_line(s);
}

static void
on_turn_end(struct talk_show *s, const cJSON *e)
{
	s->streamed = false;
	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(e, "ok")))
		talk_show_remark(
		    s, *text_of(e, "text") != '\0' ? text_of(e, "text") : "the turn failed");
	said_already(s, "");
}

static void
on_phase(struct talk_show *s, const cJSON *e)
{
	if (strcmp(text_of(e, "phase"), "idle") != 0)
		return;
	begin_line(s);
	if (s->prompt)
		fputs("> ", stdout);
	s->prompted = s->prompt;
}

static void
on_note(struct talk_show *s, const cJSON *e)
{
	talk_show_remark(
	    s, *text_of(e, "text") != '\0' ? text_of(e, "text") : text_of(e, "name"));
}

static void
on_reset(struct talk_show *s, const cJSON *e)
{
	(void)e;
	talk_show_line(s, "(what was said before is not here any more)");
}

static void
on_interrupted(struct talk_show *s, const cJSON *e)
{
	(void)e;
	talk_show_line(s, "(interrupted)");
}

static void
on_ended(struct talk_show *s, const cJSON *e)
{
	(void)e;
	begin_line(s);
	s->ended = true;
}

void
talk_show_event(struct talk_show *s, const cJSON *event)
{
	static const struct {
		const char *type;
		void (*handle)(struct talk_show *s, const cJSON *e);
	} table[] = {{"delta", on_delta}, {"text", on_text}, {"tool", on_tool},
	    {"tool_result", on_tool_result}, {"permission", on_permission},
	    {"answered", on_answered}, {"sent", on_sent}, {"turn_end", on_turn_end},
	    {"phase", on_phase}, {"note", on_note}, {"reset", on_reset},
	    {"interrupt", on_interrupted}, {"ended", on_ended}};
	const char *type = text_of(event, "type");

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strcmp(table[i].type, type) == 0)
			table[i].handle(s, event);
}
