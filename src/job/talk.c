#include "config.h"

#include "job/talk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "job/talk_priv.h"
#include "proto/json.h"

static const char *const phases[] = {
    "connecting", "idle", "thinking", "streaming", "awaiting_approval"};

const char *
talk_phase_name(enum talk_phase p)
{
	return phases[p];
}

unsigned
talk_number(const char *id, char kind)
{
	uint64_t n;

	if (*id != kind || str_u64(id + 1, 1, 1u << 30, &n) != 0)
		return 0;
	return (unsigned)n;
}

int64_t
talk_now(const struct talk *t)
{
	return t->config.now_ms(t->config.arg);
}

struct talk *
talk_new(const struct talk_config *config)
{
	struct talk *t = xcalloc(1, sizeof *t);

	t->config = *config;
	if (config->resume != NULL)
		t->resume = xstrdup(config->resume);
	t->base = t->told = TALK_CONNECTING;
	t->first = t->next = 1;
	t->cost_usd = -1;
	t->events = xcalloc(TALK_EVENTS_MAX, sizeof *t->events);
	buf_init(&t->outbox, TALK_OUTBOX_MAX);
	talk_lines_open(t);
	return t;
}

void
talk_free(struct talk *t)
{
	if (t == NULL)
		return;
	t->replay = true; /* nobody is told */
	talk_cancel_all(t);
	talk_drop_queue(t);
	talk_records_free(t);
	talk_events_free(t);
	talk_lines_close(t);
	buf_release(&t->outbox);
	free(t->session);
	free(t->last_session);
	free(t->resume);
	free(t);
}

/* Phases. */

enum talk_phase
talk_phase(const struct talk *t)
{
	if (t->ended)
		return TALK_IDLE;
	return t->permissions != NULL ? TALK_AWAITING_APPROVAL : t->base;
}

void
talk_tell_phase(struct talk *t)
{
	cJSON *o;

	if (talk_phase(t) == t->told)
		return;
	t->told = talk_phase(t);
	if (!t->replay)
		t->idle_ms = talk_now(t);
	o = json_object();
	cJSON_AddStringToObject(o, "phase", phases[t->told]);
	talk_emit(t, "phase", o);
}

void
talk_set_base(struct talk *t, enum talk_phase base)
{
	t->base = base;
	talk_tell_phase(t);
}

/* The first name stays: of a session that is resumed the agent may say another. */
void
talk_see_session(struct talk *t, const char *id)
{
	cJSON *o;

	if (t->last_session != NULL && strcmp(t->last_session, id) == 0)
		return;
	free(t->last_session);
	t->last_session = xstrdup(id);
	if (t->session != NULL) {
		talk_note(t, "session", id);
		return;
	}
	t->session = xstrdup(id);
	o = json_object();
	talk_show(o, "session", id);
	talk_emit(t, "session", o);
}

const char *
talk_session(const struct talk *t)
{
	return t->session;
}

/* Sending. */

static void
flush(struct talk *t)
{
	while (t->outbox.len != 0) {
		const char *nl = memchr(t->outbox.data, '\n', t->outbox.len);
		size_t n = (size_t)(nl + 1 - t->outbox.data);

		if (t->config.send(t->config.arg, t->outbox.data, n) == -ENOBUFS)
			return;
		buf_drain(&t->outbox, n);
	}
}

int
talk_send(struct talk *t, const char *line)
{
	size_t len = strlen(line);
	struct buf b;
	int rc;

	if (t->replay)
		return 0;
	if (t->ended)
		return -EPIPE;
	flush(t);
	buf_init(&b, BUF_NO_MAX);
	buf_append(&b, line, len);
	buf_putc(&b, '\n');
	rc = t->outbox.len != 0 ? -ENOBUFS : t->config.send(t->config.arg, b.data, b.len);
	if (rc == -ENOBUFS)
		rc = buf_append(&t->outbox, b.data, b.len);
	buf_release(&b);
	return rc;
}

int
talk_send_take(struct talk *t, cJSON *take)
{
	char *text = json_print_take(take);
	int rc = talk_send(t, text);

	free(text);
	return rc;
}

/* A request of that kind, with one more member; *number is its own. */
static int
request(struct talk *t, const char *subtype, const char *name, cJSON *take, unsigned *number)
{
	cJSON *o = json_object(), *r;
	char id[24];
	int rc;

	snprintf(id, sizeof id, "req_%u", t->requests + 1);
	cJSON_AddStringToObject(o, "type", "control_request");
	cJSON_AddStringToObject(o, "request_id", id);
	r = cJSON_AddObjectToObject(o, "request");
	cJSON_AddStringToObject(r, "subtype", subtype);
	if (name != NULL)
		cJSON_AddItemToObject(r, name, take);
	rc = talk_send_take(t, o);
	if (rc == 0)
		*number = ++t->requests;
	return rc;
}

static cJSON *
requested(unsigned number)
{
	cJSON *o = json_object();

	cJSON_AddNumberToObject(o, "request", number);
	return o;
}

/* Beginning and end. */

void
talk_keep_open(struct talk *t)
{
	cJSON *o;

	if (t->opened)
		return;
	t->opened = true;
	o = json_object();
	cJSON_AddNumberToObject(o, "permission_ms", (double)t->config.permission_ms);
	cJSON_AddNumberToObject(o, "idle_end_ms", (double)t->config.idle_end_ms);
	if (t->resume != NULL)
		cJSON_AddStringToObject(o, "resume", t->resume);
	talk_keep(t, "open", o);
	if (t->resume != NULL)
		talk_see_session(t, t->resume);
}

void
talk_started(struct talk *t)
{
	if (t->started || t->ended)
		return;
	talk_keep_open(t);
	t->started = true;
	t->init_ms = talk_now(t);
	if (request(t, "initialize", "hooks", cJSON_CreateNull(), &t->init) == 0)
		talk_keep(t, "init", requested(t->init));
}

void
talk_is_ready(struct talk *t)
{
	t->ready = true;
	if (!t->turn)
		talk_set_base(t, TALK_IDLE);
}

void
talk_live(struct talk *t)
{
	int64_t ms = talk_now(t);
	struct talk_permission *p;

	talk_apply(t, UINT64_MAX);
	t->replay = false;
	t->idle_ms = t->init_ms = t->interrupt_ms = t->ending_ms = ms;
	DL_FOREACH (t->permissions, p) {
		p->deadline_ms = ms + t->config.permission_ms;
		p->expires_ms = clock_wall_ms() + t->config.permission_ms;
	}
	if (t->ending)
		t->config.end_input(t->config.arg);
	talk_dispatch(t);
}

void
talk_ended(struct talk *t)
{
	if (t->ended)
		return;
	talk_cancel_all(t);
	t->ended = true;
	talk_drop_queue(t);
	t->turn = false;
	talk_tell_phase(t);
	talk_emit(t, "ended", json_object());
}

void
talk_end(struct talk *t, const char *reason)
{
	cJSON *o;

	if (t->ended || t->ending)
		return;
	t->ending = true;
	t->ending_ms = talk_now(t);
	o = json_object();
	cJSON_AddStringToObject(o, "reason", reason);
	talk_keep(t, "end", cJSON_Duplicate(o, true));
	talk_emit(t, "ending", o);
	if (t->replay)
		return;
	flush(t);
	t->config.end_input(t->config.arg);
}

/* Turns. */

void
talk_turn_begins(struct talk *t)
{
	if (!t->turn) {
		t->known = t->messages;
		talk_emit(t, "turn", json_object());
	}
	t->turn = true;
}

void
talk_turn_ends(struct talk *t)
{
	t->turn = t->interrupted = false;
	talk_cancel_all(t);
	talk_set_base(t, TALK_IDLE);
}

void
talk_interrupting(struct talk *t, unsigned number)
{
	t->interrupt = number;
	t->interrupted = true;
	t->interrupt_ms = t->replay ? 0 : talk_now(t);
	talk_emit(t, "interrupt", json_object());
}

int
talk_interrupt(struct talk *t)
{
	unsigned number;
	int rc;

	if (t->ended || t->ending)
		return -EPIPE;
	if (!t->turn)
		return -EAGAIN;
	if (t->interrupted)
		return 0;
	rc = request(t, "interrupt", NULL, NULL, &number);
	if (rc != 0)
		return rc;
	talk_keep(t, "interrupt", requested(number));
	talk_interrupting(t, number);
	return 0;
}

int
talk_set_model(struct talk *t, const char *model)
{
	unsigned number;
	cJSON *o;
	int rc;

	if (t->ended || t->ending)
		return -EPIPE;
	rc = request(t, "set_model", "model", cJSON_CreateString(model), &number);
	if (rc != 0)
		return rc;
	o = requested(number);
	cJSON_AddStringToObject(o, "model", model);
	talk_keep(t, "model", o);
	o = json_object();
	talk_show(o, "model", model);
	talk_emit(t, "model", o);
	return 0;
}

/* Time. */

static void
end_if_idle(struct talk *t, int64_t ms)
{
	if (t->clients != 0 || talk_phase(t) != TALK_IDLE || t->queue != NULL)
		t->idle_ms = ms;
	else if (t->config.idle_end_ms != 0 && ms - t->idle_ms >= t->config.idle_end_ms)
		talk_end(t, "it was idle, and nobody there");
}

void
talk_tick(struct talk *t, unsigned clients)
{
	int64_t ms = talk_now(t);

	t->clients = clients;
	if (t->ended || t->replay)
		return;
	flush(t);
	if (t->started && !t->ready && ms - t->init_ms >= TALK_INIT_MS) {
		talk_keep(t, "ready", json_object());
		talk_is_ready(t);
	}
	talk_time_out(t, ms);
	if (t->ending && !t->killed && ms - t->ending_ms >= TALK_END_MS) {
		t->killed = true;
		t->config.kill(t->config.arg);
	}
	talk_dispatch(t);
	if (!t->ending)
		end_if_idle(t, ms);
}

cJSON *
talk_json(const struct talk *t)
{
	cJSON *o = json_object(), *list;
	const struct talk_permission *p;

	cJSON_AddStringToObject(o, "phase", phases[talk_phase(t)]);
	json_add_text(o, "session", t->session);
	cJSON_AddItemToObject(o, "queue", talk_queue_json(t));
	list = cJSON_AddArrayToObject(o, "permissions");
	DL_FOREACH (t->permissions, p)
		cJSON_AddItemToArray(list, talk_permission_json(p));
	cJSON_AddNumberToObject(o, "seq", (double)talk_seq(t));
	return o;
}
