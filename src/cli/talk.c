/*
 * What the agent says comes as events (job/talk.h), asked for one long request after the other; what is
 * typed goes out as requests of its own, one at a time, in order. The terminal stays as it is: its own
 * line editing is what edits.
 */
#include "config.h"

#include "cli/talk.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <utlist.h>
#include <uv.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/job_text.h"
#include "cli/lane.h"
#include "cli/paths.h"
#include "cli/talk_show.h"
#include "proto/json.h"

enum { LINE_MAX_BYTES = 128 * 1024, WAIT_MS = 20 * 1000, AGAIN_MS = 20 };

/* Something that is to be asked when what was typed before it has been answered. */
struct errand {
	struct errand *prev, *next; /* utlist */
	char *path, *body;
};

struct talk_live {
	uv_loop_t loop;
	const char *id;
	char *socket, *part; /* the id, escaped */
	struct talk_show show;

	struct ask *events, *job;
	uint64_t after;
	uv_timer_t again;

	struct ask *post;
	struct errand *errands;

	struct lane *in; /* NULL until the first answer */
	struct buf line;
	bool eof, quit;
	uv_signal_t interrupt;
	int status;
};

static void
end(struct talk_live *t, int status)
{
	t->status = status;
	uv_stop(&t->loop);
}

static void
leave(struct talk_live *t)
{
	talk_show_line(&t->show, "");
	fflush(stdout);
	cli_error(
	    "%s goes on: panescry jobs talk %s, panescry jobs cancel %s", t->id, t->id, t->id);
	end(t, CLI_DONE);
}

/* Errands. */

static void
send_next(struct talk_live *t)
{
	struct errand *e = t->errands;

	if (e != NULL)
		ask_send(t->post, "POST", e->path, e->body, strlen(e->body));
	else if (t->eof && !t->quit)
		leave(t);
}

static void
post_take(struct talk_live *t, char *take_path, cJSON *take_body)
{
	struct errand *e = xcalloc(1, sizeof *e);

	e->path = take_path;
	e->body = json_print_take(take_body);
	DL_APPEND(t->errands, e);
	if (t->errands == e)
		send_next(t);
}

static void
on_posted(void *arg, int rc, int status, const char *body, size_t len)
{
	struct talk_live *t = arg;
	struct errand *e = t->errands;
	cJSON *o = rc == 0 && status >= 400 ? json_parse(body, len) : NULL;
	const char *message = json_string(o, "message");

	if (rc == -EPIPE)
		talk_show_line(&t->show, "(the daemon went away; this may not have arrived)");
	else if (rc != 0)
		talk_show_line(&t->show, "(no daemon answers)");
	else if (status >= 400)
		talk_show_remark(&t->show, message != NULL ? message : "it was refused");
	cJSON_Delete(o);
	DL_DELETE(t->errands, e);
	free(e->path);
	free(e->body);
	free(e);
	send_next(t);
}

static char *
talk_path(const struct talk_live *t, const char *suffix)
{
	return xasprintf("/api/v1/talks/%s%s", t->part, suffix);
}

static void
say(struct talk_live *t, const char *text, const char *priority)
{
	cJSON *o = json_object();

	if (*text == '\0') {
		cJSON_Delete(o);
		return;
	}
	json_add_text(o, "text", text);
	cJSON_AddStringToObject(o, "priority", priority);
	talk_show_mine(&t->show, text);
	post_take(t, talk_path(t, "/messages"), o);
}

static void
answer(struct talk_live *t, const char *permission, bool allow)
{
	char *part = str_url_encode(permission), *suffix = xasprintf("/permissions/%s", part);
	cJSON *o = json_object();

	cJSON_AddBoolToObject(o, "allow", allow);
	post_take(t, talk_path(t, suffix), o);
	talk_show_answered(&t->show, permission);
	free(suffix);
	free(part);
}

static void
quit(struct talk_live *t)
{
	t->quit = true;
	post_take(t, talk_path(t, "/end"), json_object());
}

/* What is typed. */

static const char *
word_behind(const char *line, const char *command)
{
	size_t n = strlen(command);

	if (strncmp(line, command, n) != 0 || (line[n] != '\0' && line[n] != ' '))
		return NULL;
	return line + n + (line[n] == ' ');
}

static void
on_command(struct talk_live *t, const char *line)
{
	const char *rest;

	if ((rest = word_behind(line, "/now")) != NULL)
		say(t, rest, "now");
	else if ((rest = word_behind(line, "/later")) != NULL)
		say(t, rest, "later");
	else if ((rest = word_behind(line, "/allow")) != NULL)
		answer(t, rest, true);
	else if ((rest = word_behind(line, "/deny")) != NULL)
		answer(t, rest, false);
	else if (strcmp(line, "/interrupt") == 0)
		post_take(t, talk_path(t, "/interrupt"), json_object());
	else if (strcmp(line, "/quit") == 0)
		quit(t);
	else
		talk_show_line(&t->show,
		    "(/now TEXT, /later TEXT, /interrupt, /allow ID, /deny "
		    "ID, /quit; Control-D leaves)");
}

static void
on_line(struct talk_live *t, const char *line)
{
	static const char *const yes[] = {"y", "Y", "yes"}, *const no[] = {"n", "N", "no"};
	const char *asked = talk_show_asked(&t->show);

	if (*line == '/' && line[1] != '/') {
		on_command(t, line);
		return;
	}
	for (size_t i = 0; asked != NULL && i < sizeof yes / sizeof *yes; i++)
		if (strcmp(line, yes[i]) == 0 || strcmp(line, no[i]) == 0) {
			answer(t, asked, strcmp(line, yes[i]) == 0);
			return;
		}
	if (asked != NULL && *line != '\0')
		talk_show_line(&t->show, "(y or n? /later TEXT is a message)");
	else
		say(t, *line == '/' ? line + 1 : line, "next");
}

static void
on_read(void *arg, long rc, const char *data)
{
	struct talk_live *t = arg;

	for (long i = 0; i < rc; i++) {
		if (data[i] != '\n') {
			buf_putc(&t->line, data[i] != '\0' ? data[i] : '?');
			continue;
		}
		on_line(t, t->line.data != NULL ? t->line.data : "");
		buf_reset(&t->line);
	}
	if (rc > 0) {
		lane_read(t->in, 4096);
		return;
	}
	if (t->line.len != 0)
		on_line(t, t->line.data);
	t->eof = true;
	if (t->errands == NULL)
		send_next(t);
}

static void
on_interrupt(uv_signal_t *h, int signum)
{
	struct talk_live *t = h->data;

	(void)signum;
	post_take(t, talk_path(t, "/interrupt"), json_object());
}

/* What the agent does. */

static void
ask_events(struct talk_live *t)
{
	char *suffix = xasprintf("/events?after=%llu&wait_ms=%d", (unsigned long long)t->after,
	    t->in != NULL ? WAIT_MS : 0);
	char *path = talk_path(t, suffix);

	ask_send(t->events, "GET", path, NULL, 0);
	free(path);
	free(suffix);
}

static void
ask_job(struct talk_live *t)
{
	char *path = xasprintf("/api/v1/jobs/%s", t->part);

	ask_send(t->job, "GET", path, NULL, 0);
	free(path);
}

static void
on_again(uv_timer_t *timer)
{
	struct talk_live *t = timer->data;

	if (t->show.ended)
		ask_job(t);
	else
		ask_events(t);
}

static void
on_events(void *arg, int rc, int status, const char *body, size_t len)
{
	struct talk_live *t = arg;
	const cJSON *event, *events;
	struct buf out;
	cJSON *o;

	if (rc != 0) {
		cli_error("run: the daemon has gone");
		end(t, CLI_NO_DAEMON);
		return;
	}
	if (status != 200) {
		buf_init(&out, BUF_NO_MAX);
		buf_append(&out, body, len);
		end(t, cli_refused(t->id, status, &out));
		buf_release(&out);
		return;
	}
	if (t->in == NULL) { /* there is such a talk */
		t->in = lane_new(&t->loop, STDIN_FILENO, on_read, t);
		lane_read(t->in, 4096);
	}
	o = json_parse(body, len);
	events = cJSON_GetObjectItemCaseSensitive(o, "events");
	cJSON_ArrayForEach (event, events)
		talk_show_event(&t->show, event);
	fflush(stdout);
	json_u64(o, "next", 0, JSON_INT_MAX, &t->after);
	if (t->show.ended)
		ask_job(t);
	else if (cJSON_GetArraySize(events) != 0)
		ask_events(t);
	else
		uv_timer_start(&t->again, on_again, AGAIN_MS, 0);
	cJSON_Delete(o);
}

/* It has ended; its record has that in a moment. */
static void
on_job(void *arg, int rc, int status, const char *body, size_t len)
{
	struct talk_live *t = arg;
	cJSON *o = rc == 0 && status == 200 ? json_parse(body, len) : NULL;
	const char *error = json_string(o, "error");

	if (o != NULL && !cli_job_ended(o)) {
		uv_timer_start(&t->again, on_again, AGAIN_MS, 0);
	} else if (o == NULL || t->quit) {
		end(t, CLI_DONE);
	} else {
		if (error != NULL)
			talk_show_remark(&t->show, error);
		end(t, cli_job_status(o));
	}
	cJSON_Delete(o);
}

static void
start(struct talk_live *t)
{
	struct ask_config ask = {&t->loop, t->socket, false, on_events, t};

	t->events = ask_new(&ask);
	ask.answer = on_job;
	t->job = ask_new(&ask);
	ask.answer = on_posted;
	ask.once = true;
	t->post = ask_new(&ask);
	uv_timer_init(&t->loop, &t->again);
	uv_signal_init(&t->loop, &t->interrupt);
	t->again.data = t->interrupt.data = t;
	uv_signal_start(&t->interrupt, on_interrupt, SIGINT);
	ask_events(t);
}

int
cli_talk(const char *id)
{
	static struct talk_live t; /* what threads and the loop have of it stays */

	signal(SIGPIPE, SIG_IGN);
	t.id = id;
	t.part = str_url_encode(id);
	t.socket = paths_socket();
	buf_init(&t.line, LINE_MAX_BYTES);
	talk_show_init(&t.show, isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
	uv_loop_init(&t.loop);
	start(&t);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	fflush(stdout);
	return t.status;
}
