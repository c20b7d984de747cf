/* What the files talk*.c share. Not for other files. */
#ifndef JOB_TALK_PRIV_H
#define JOB_TALK_PRIV_H

#include "agent/jv.h"
#include "base/buf.h"
#include "job/talk.h"

struct talk_message {
	struct talk_message *prev, *next; /* utlist */
	unsigned number;
	enum talk_priority priority;
	char *text;
};

struct talk_permission {
	struct talk_permission *prev, *next; /* utlist, oldest first */
	unsigned number;
	char *request, *tool, *tool_use;
	char *input;         /* as JSON */
	char *about;         /* the other members that are shown, as an object */
	int64_t deadline_ms; /* monotonic */
	int64_t expires_ms;  /* the same, wall clock */
};

struct talk_event {
	char *json;
	size_t len;
};

/* A line of a record that waits for the output to reach where it was made. */
struct talk_record {
	struct talk_record *prev, *next; /* utlist */
	uint64_t at;
	cJSON *o;
};

enum talk_outcome { TALK_ALLOWED, TALK_DENIED, TALK_TIMED_OUT, TALK_CANCELLED };

struct talk {
	struct talk_config config;
	char *resume;
	bool replay; /* nothing is sent, recorded or told */
	bool opened; /* it is on record how it was begun */
	bool started, ended;
	bool ready; /* `initialize` is answered, or too late */
	bool turn;
	enum talk_phase base; /* without permissions that wait */
	enum talk_phase told;
	char *session, *last_session;
	int64_t record_ms; /* while it is restored: when that was, wall clock; 0: not known */

	/* Requests to the agent: their numbers; 0: none waits for an answer. */
	unsigned requests, init, interrupt;
	bool interrupted; /* this turn */
	unsigned known;   /* the last message that was there when it began */
	int64_t init_ms, interrupt_ms;

	struct talk_message *queue; /* utlist, in the order in which they are sent */
	unsigned queued, messages;
	struct talk_permission *permissions;
	unsigned waiting, asked;

	struct buf outbox; /* lines, whole */

	/* Its output. */
	struct agent_parser *parser;
	struct buf line;
	uint64_t read, line_at; /* offsets: behind what was read, and where the line begins */
	bool skipping;
	uint64_t unreadable;
	double cost_usd;

	struct talk_event *events; /* a ring of TALK_EVENTS_MAX */
	uint64_t first, next;      /* numbers: of the oldest, and of the one that comes */
	size_t events_bytes;

	struct talk_record *records; /* utlist */
	unsigned clients;
	int64_t idle_ms; /* since when it is */
	bool ending, killed;
	int64_t ending_ms;
};

/* talk_events.c. Takes the object. */
void talk_emit(struct talk *t, const char *type, cJSON *take);
void talk_note(struct talk *t, const char *name, const char *text);
/* For who looks on: without secrets, and a text is cut. */
void talk_show(cJSON *o, const char *name, const char *text);
cJSON *talk_shown_json(const char *json);
void talk_events_free(struct talk *t);

/* talk_record.c: {"do":what, ...}, taken. */
void talk_keep(struct talk *t, const char *what, cJSON *take);
/* Those that were made before the output at this offset. */
void talk_apply(struct talk *t, uint64_t at);
void talk_records_free(struct talk *t);

/* talk.c */
void talk_tell_phase(struct talk *t);
void talk_set_base(struct talk *t, enum talk_phase base);
void talk_see_session(struct talk *t, const char *id);
void talk_is_ready(struct talk *t);
void talk_turn_begins(struct talk *t);
void talk_turn_ends(struct talk *t);
int64_t talk_now(const struct talk *t);
void talk_keep_open(struct talk *t);
int talk_send(struct talk *t, const char *line); /* without its newline */
int talk_send_take(struct talk *t, cJSON *take);
void talk_interrupting(struct talk *t, unsigned request);
unsigned talk_number(const char *id, char kind); /* "m3": 3; 0: it is none */

/* talk_queue.c */
void talk_dispatch(struct talk *t); /* sends what can be sent */
void talk_drop_queue(struct talk *t);
cJSON *talk_queue_json(const struct talk *t);
void talk_put(struct talk *t, unsigned number, enum talk_priority priority, const char *text);
void talk_message_sent(struct talk *t, struct talk_message *m); /* frees it */
struct talk_message *talk_find_message(struct talk *t, const char *id);

/* talk_permission.c */
void talk_ask(struct talk *t, struct jv line);
void talk_ask_no_more(struct talk *t, struct jv line);
struct talk_permission *talk_find_permission(struct talk *t, const char *id);
void talk_resolve(struct talk *t, struct talk_permission *p, enum talk_outcome outcome,
    const char *message); /* frees it */
void talk_tool_ran(struct talk *t, const char *tool_use);
void talk_cancel_all(struct talk *t);
void talk_time_out(struct talk *t, int64_t now);
cJSON *talk_permission_json(const struct talk_permission *p);
const char *talk_outcome_name(enum talk_outcome o);
bool talk_outcome_parse(const char *name, enum talk_outcome *out);

/* talk_lines.c */
void talk_lines_open(struct talk *t);
void talk_lines_close(struct talk *t);

#endif
