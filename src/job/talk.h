/*
 * A live session with an agent: one process that takes messages on its standard input and says on its
 * standard output what it does, as long as it is wanted (a job of kind "session").
 *
 * The agent is Claude Code, `claude -p --input-format stream-json --output-format stream-json
 * --verbose --permission-prompt-tool stdio`. Both directions are lines of JSON. What it says is that of
 * agent/claude_stream.c and, besides, requests and their answers, each with an id of the side that asks
 * (anthropics/claude-agent-sdk-python, _internal/query.py and types.py, are the reference):
 *
 *	to it	{"type":"user","message":{"role":"user","content":[{"type":"text","text":T}]},
 *		 "parent_tool_use_id":null,"session_id":S}
 *		{"type":"control_request","request_id":R,"request":{"subtype":...}}
 *			initialize {hooks}	before the first message
 *			interrupt		ends the turn: a `result` follows
 *			set_model {model}
 *	of it	{"type":"control_request","request_id":R,"request":{"subtype":"can_use_tool",
 *		 "tool_name":N,"input":{..},"tool_use_id":U,...}}
 *		{"type":"control_cancel_request","request_id":R}	it does not ask any more
 *	both	{"type":"control_response","response":{"subtype":"success","request_id":R,"response":
 *		 {"behavior":"allow","updatedInput":{..}} or {"behavior":"deny","message":T}}}
 *		{"type":"control_response","response":{"subtype":"error","request_id":R,"error":T}}
 *
 * Requests of other kinds are answered with an error, as that reference does.
 *
 * Turns. The agent gets one message at a time; the others wait in a queue. A turn begins with a message,
 * or by the agent itself, and ends with its `result`. Then the next one is sent: those of priority
 * NOW first, then NEXT, then LATER, each in the order in which they came. A NOW that comes during a turn
 * interrupts it, and is sent when that is over, or TALK_INTERRUPT_MS later.
 *
 * Phases are those of app/live.h; before the agent has answered `initialize` it is CONNECTING, and while
 * a permission waits AWAITING_APPROVAL.
 *
 * Permissions are answered once, by whoever is first; by nobody in time means no. What the agent does
 * not ask any more, or the end of its turn or process, cancels them.
 *
 * Events tell it all, with numbers from 1 that have no holes. Members "seq", "time" and "type":
 *
 *	phase {phase}  session {session}  turn {}
 *	queued {message,priority,text}  sent {message,text}  dropped {message}
 *	text, thinking, user {text,message,part,agent?}  delta {kind,text}
 *	tool {id,tool,input,agent?}  tool_result {id,outcome,text,agent?}
 *	turn_end {ok,text,cost_usd?,duration_ms?}
 *	permission {permission}  answered {id,outcome,message?}	allowed, denied, timed_out, cancelled
 *	interrupt {}  model {model}  note {name,text?,count?}  ending {reason}  ended {}
 *
 * Secrets in them, in permissions and in the queue are masked (agent/secrets.h); the record and the
 * agent have all as it was. A delta is masked by itself: what comes in pieces is whole only in the
 * text that follows. Texts in them are cut at TALK_SHOWN bytes, with "truncated". The last TALK_EVENTS_MAX are kept, in at most
 * TALK_EVENTS_BYTES; who asks for one that has gone is told so ("reset").
 *
 * The record. Whatever was done to the talk, and how much of the agent's output had been read by then, is
 * given to `record` as a line, for a file. From that file and the output itself another talk becomes the same
 * (talk_restore, then all output, then talk_live), with the same events under the same numbers: it is
 * what it was when the last line of the record was kept. What was done behind that is not known: a
 * permission that was answered then waits again, until the agent goes on.
 *
 * Bounds: lines of the agent TALK_LINE_MAX, longer ones are passed over, as is what is no JSON: with a note.
 * What it does not read waits here, TALK_OUTBOX_MAX, beyond which nothing more is taken.
 *
 * Pure but for the clock: no I/O, no loop. One thread at a time.
 */
#ifndef JOB_TALK_H
#define JOB_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cJSON cJSON;

enum talk_phase {
	TALK_CONNECTING,
	TALK_IDLE,
	TALK_THINKING,
	TALK_STREAMING,
	TALK_AWAITING_APPROVAL,
};

enum talk_priority { TALK_NOW, TALK_NEXT, TALK_LATER };

enum {
	TALK_LINE_MAX = 8 * 1024 * 1024,
	TALK_TEXT_MAX = 128 * 1024,  /* of a message */
	TALK_INPUT_MAX = 256 * 1024, /* of a tool's input; more is denied at once */
	TALK_QUEUE_MAX = 100,
	TALK_PERMISSIONS_MAX = 64, /* that wait; more are denied at once */
	TALK_OUTBOX_MAX = 2 * 1024 * 1024,
	TALK_EVENTS_MAX = 2000,
	TALK_EVENTS_BYTES = 4 * 1024 * 1024,
	TALK_SHOWN = 16 * 1024,
	TALK_PERMISSION_MS = 300 * 1000, /* the default */
	TALK_INIT_MS = 60 * 1000,        /* then messages are sent without an answer */
	TALK_INTERRUPT_MS = 10 * 1000,
	TALK_END_MS = 10 * 1000, /* between the end of its input and `kill` */
	TALK_ID_MAX = 16,        /* with the NUL */
};

struct talk;

struct talk_config {
	int64_t permission_ms;
	int64_t idle_end_ms; /* 0: never */
	const char *resume; /* the agent's id of the session that is resumed; copied; or NULL */
	/* None of these may free the talk, or do anything to it. */
	int64_t (*now_ms)(void *arg); /* monotonic */
	/* To its standard input. -ENOBUFS: nothing was taken, later it may be. */
	int (*send)(void *arg, const char *line, size_t len);
	void (*end_input)(void *arg);
	void (*kill)(void *arg); /* it has not ended by itself */
	void (*event)(void *arg, uint64_t seq, const char *json, size_t len);
	void (*record)(void *arg, const char *line, size_t len);
	void *arg;
};

struct talk *talk_new(const struct talk_config *config);
void talk_free(struct talk *t);

/* Its process runs; it has ended. */
void talk_started(struct talk *t);
void talk_ended(struct talk *t);

/* What it writes. What was read before is passed over; where there is a gap, the rest of that line is lost. */
void talk_output(struct talk *t, uint64_t offset, const char *data, size_t len);
uint64_t talk_offset(const struct talk *t);

/* Now and then, TALK_TICK_MS apart: time-outs, and what could not be sent. `clients`: so many see it. */
enum { TALK_TICK_MS = 250 };
void talk_tick(struct talk *t, unsigned clients);

/* Of clients. -EPIPE: its process has ended, or is about to; -ENOBUFS: it does not read. */

/* A text of up to TALK_TEXT_MAX bytes of UTF-8. -ENOSPC: the queue is full. */
int talk_message(
    struct talk *t, const char *text, enum talk_priority priority, char id[TALK_ID_MAX]);
/* `message` for the agent, or NULL; `input`, an object, in place of the tool's own, or NULL.
 * -ENOENT; -EALREADY: it was answered, or is not asked any more. */
int talk_answer(struct talk *t, const char *permission, bool allow, const char *message,
    const cJSON *input);
int talk_interrupt(struct talk *t); /* -EAGAIN: there is no turn */
int talk_set_model(struct talk *t, const char *model);
void talk_end(struct talk *t, const char *reason); /* end of its input, then `kill` */

enum talk_phase talk_phase(const struct talk *t);
const char *talk_phase_name(enum talk_phase p);
bool talk_priority_parse(const char *name, enum talk_priority *out);
unsigned talk_queued(const struct talk *t);     /* messages that wait */
const char *talk_session(const struct talk *t); /* the agent's first id of it; or NULL */

/* {"phase","session","queue","permissions","seq"} */
cJSON *talk_json(const struct talk *t);

/* Those behind `after`, up to max bytes but at least one, as an array; *next is the number of the
 * last of them, or `after`. Where some have gone, a "reset" comes first. */
cJSON *talk_events(const struct talk *t, uint64_t after, size_t max, uint64_t *next);
uint64_t talk_seq(const struct talk *t); /* of the last one; 0 */

/* Of a new talk, before all output: a record, of which a last line without its end is nothing.
 * Until talk_live nothing is sent, recorded or told. */
void talk_restore(struct talk *t, const char *record, size_t len);
void talk_live(struct talk *t);

#endif
