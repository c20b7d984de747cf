#include "config.h"

#include "cli/completions_tables.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "cli/cli.h"

#define AGENTS "words claude codex gemini opencode vibe grok copilot pi"

/*
 * What a placeholder stands for; the first line that fits counts. `of` is a command, or NULL for
 * all; `name` a long option, or a placeholder of an option or of a synopsis.
 */
static const struct hint {
	const char *of, *name, *kind;
} hints[] = {
    {"capture", "format", "words text ansi json"},
    {"export", "format", "words v2 v3 html svg txt"},
    {"flow", "ID", "flows"},
    {"jobs", "ID", "jobs"},
    {"jobs", "channel", "words 1 2"},
    {"jobs", "state", "words queued running completed failed cancelled timed_out orphaned"},
    {"record", "format", "words v2 v3"},
    {"run", "session", "sessions"},
    {"search", "color", "words auto always never"},
    {"search", "role", "words user assistant thinking system tool"},
    {"search", "session", "sessions"},
    {"search", "source", "words auto ring capture archive sessions"},
    {"serve", "socket", "files"},
    {"serve", "tmux-socket", "files"},
    {"sessions", "ID", "sessions"},
    {"sessions", "format", "words json md html"},
    {"status", "format", "words tmux starship waybar"},
    {"token", "ID", "tokens"},
    {"usage", "by", "words day model agent session project prefix"},
    {"usage", "timezone", "words local utc"},
    {"wait", "from", "words now start"},
    {"watch", "ID", "watches"},
    {NULL, "COMMAND", "commands"},
    {NULL, "DIR", "dirs"},
    {NULL, "FILE", "files"},
    {NULL, "GLOB", "panes"},
    {NULL, "PANE", "panes"},
    {NULL, "SIGNAL", "words HUP INT QUIT KILL USR1 USR2 TERM CONT STOP"},
    {NULL, "agent", AGENTS},
    {NULL, "KIND", AGENTS},
};

struct out {
	struct buf *b;
	bool fish;
};

/* What stands at one place of a synopsis. */
struct place {
	const char *command;
	const char *verb; /* the word before it all, or NULL */
	unsigned at;      /* operands before it, the verb included */
	bool repeats;
	const char *kind;
};

typedef void (*place_cb)(void *arg, const struct place *p);

static const char *
find_hint(const char *command, const char *name)
{
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		const struct hint *h = &hints[i];

		if ((h->of == NULL || strcmp(h->of, command) == 0) &&
		    strcmp(h->name, name) == 0)
			return h->kind;
	}
	return NULL;
}

/* "FILE.cast", "ID|NAME", "[=SECONDS]", "ADDR:PORT": the first word of capitals is what it is. */
static char *
placeholder(const char *arg)
{
	arg += strspn(arg, "[=");
	return xstrndup(arg, strspn(arg, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"));
}

static char *
kind_of(const char *command, const char *arg)
{
	char *name = placeholder(arg), *kind;
	const char *hint = find_hint(command, name);

	/* A word in small letters stands for itself. */
	if (*name == '\0' && islower((unsigned char)*arg))
		kind = xasprintf("words %s", arg);
	else
		kind = xstrdup(hint != NULL ? hint : "none");
	free(name);
	return kind;
}

/* One of a synopsis' alternatives, without brackets: "rm ID...", "PANE COLSxROWS". It is taken
 * apart. */
static void
walk_one(const char *command, char *text, place_cb cb, void *arg)
{
	struct place p = {.command = command};
	char *save = NULL, *kind;

	for (char *word = strtok_r(text, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		if (*word == '-')
			continue;
		if (p.at == 0 && islower((unsigned char)*word)) {
			p.verb = word;
			p.at = 1;
			continue;
		}
		p.repeats = strstr(word, "...") != NULL;
		p.kind = kind = kind_of(command, word);
		cb(arg, &p);
		free(kind);
		p.at++;
	}
	if (p.verb != NULL && p.at == 1) {
		p.kind = NULL;
		cb(arg, &p);
	}
}

/* All places of a command's operands. A verb that nothing follows comes with a NULL kind. */
static void
walk(const struct cli_command *cmd, place_cb cb, void *arg)
{
	char *all = xstrdup(cmd->args), *to = all, *next;

	for (const char *from = all; *from != '\0'; from++) {
		if (*from != '[' && *from != ']')
			*to++ = *from;
	}
	*to = '\0';
	for (char *one = all; one != NULL; one = next) {
		next = strstr(one, " | ");
		if (next != NULL) {
			*next = '\0';
			next += 3;
		}
		walk_one(cmd->name, one, cb, arg);
	}
	free(all);
}

/* In single quotes, which both languages end and escape differently. */
static void
put_quoted(struct out *o, const char *text)
{
	buf_putc(o->b, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			buf_puts(o->b, o->fish ? "\\'" : "'\\''");
		else if (*text == '\\' && o->fish)
			buf_puts(o->b, "\\\\");
		else
			buf_putc(o->b, *text);
	}
	buf_putc(o->b, '\'');
}

static void
begin(struct out *o, const char *name, const char *subject)
{
	if (o->fish)
		buf_printf(o->b, "function _panescry_%s\n\tswitch %s\n", name, subject);
	else
		buf_printf(o->b, "_panescry_%s() {\n\tcase %s in\n", name, subject);
}

static void
end(struct out *o)
{
	buf_puts(o->b, o->fish ? "\tend\nend\n\n" : "\tesac\n}\n\n");
}

static void
put_kind(struct out *o, const char *kind)
{
	buf_puts(o->b, o->fish ? "\n\t\techo " : ") kind=");
	put_quoted(o, kind);
	buf_puts(o->b, o->fish ? "\n" : " ;;\n");
}

/* Options */

static void
put_word(struct out *o, const char *word, const char *help)
{
	char *text = xasprintf("%s\t%s", word, help);

	buf_puts(o->b, o->fish ? "\t\techo " : "\t\t");
	put_quoted(o, text);
	buf_putc(o->b, '\n');
	free(text);
}

static void
begin_list(struct out *o, const char *command)
{
	buf_puts(o->b, o->fish ? "\tcase " : "\t");
	put_quoted(o, command);
	buf_puts(o->b, o->fish ? "\n" : ") list=(\n");
}

static void
end_list(struct out *o)
{
	if (!o->fish)
		buf_puts(o->b, "\t\t) ;;\n");
}

static void
put_options(struct out *o)
{
	const struct cli_command *cmd;

	begin(o, "options", o->fish ? "\"$argv[1]\"" : "$1");
	begin_list(o, "");
	for (size_t i = 0; (cmd = cli_command_at(i)) != NULL; i++)
		put_word(o, cmd->name, cmd->help);
	put_word(o, "--help", "show all commands");
	put_word(o, "--version", "show the version");
	end_list(o);
	for (size_t i = 0; (cmd = cli_command_at(i)) != NULL; i++) {
		begin_list(o, cmd->name);
		for (const struct cli_option *p = cmd->options; p->name != NULL; p++) {
			char *word = xasprintf("--%s", p->name), letter[] = {'-', p->letter, 0};

			put_word(o, word, p->help);
			if (p->letter != 0)
				put_word(o, letter, p->help);
			free(word);
		}
		put_word(o, "--help", "show this text");
		end_list(o);
	}
	end(o);
}

static void
put_value(struct out *o, const struct cli_command *cmd, const struct cli_option *p)
{
	const char *hint = find_hint(cmd->name, p->name);
	char *kind = hint != NULL ? xstrdup(hint) : kind_of(cmd->name, p->arg);

	buf_printf(o->b, o->fish ? "\tcase '%s:--%s'" : "\t%s:--%s", cmd->name, p->name);
	if (p->letter != 0)
		buf_printf(o->b, o->fish ? " '%s:-%c'" : "|%s:-%c", cmd->name, p->letter);
	put_kind(o, kind);
	free(kind);
}

/* An argument that may be left out is never a word of its own. */
static void
put_values(struct out *o)
{
	const struct cli_command *cmd;

	begin(o, "value", o->fish ? "\"$argv[1]:$argv[2]\"" : "$1:$2");
	for (size_t i = 0; (cmd = cli_command_at(i)) != NULL; i++) {
		for (const struct cli_option *p = cmd->options; p->name != NULL; p++) {
			if (p->arg != NULL && *p->arg != '[')
				put_value(o, cmd, p);
		}
	}
	end(o);
}

/* Operands */

static void
add_verb(void *arg, const struct place *p)
{
	struct buf *words = arg;

	if (p->verb != NULL && p->at == 1)
		buf_printf(words, " %s", p->verb);
}

static void
put_place(void *arg, const struct place *p)
{
	struct out *o = arg;

	if (p->kind == NULL)
		return;
	buf_puts(o->b, o->fish ? "\tcase '" : "\t");
	buf_printf(o->b, "%s:", p->command);
	if (p->repeats)
		buf_putc(o->b, '*');
	else
		buf_printf(o->b, "%u", p->at);
	buf_printf(o->b, ":%s%s", p->verb != NULL ? p->verb : "*", o->fish ? "'" : "");
	put_kind(o, p->kind);
}

/* What stands first counts, so verbs come before what may repeat. */
static void
put_operands(struct out *o)
{
	const struct cli_command *cmd;

	begin(o, "operand", o->fish ? "\"$argv[1]:$argv[2]:$argv[3]\"" : "$1:$2:$3");
	for (size_t i = 0; (cmd = cli_command_at(i)) != NULL; i++) {
		struct buf words;

		buf_init(&words, BUF_NO_MAX);
		buf_puts(&words, "words");
		walk(cmd, add_verb, &words);
		if (words.len > strlen("words")) {
			buf_printf(o->b, o->fish ? "\tcase '%s:0:*'" : "\t%s:0:*", cmd->name);
			put_kind(o, words.data);
		}
		walk(cmd, put_place, o);
		buf_release(&words);
	}
	end(o);
}

void
completions_tables(struct buf *b, bool fish)
{
	struct out o = {b, fish};

	put_options(&o);
	put_values(&o);
	put_operands(&o);
}
