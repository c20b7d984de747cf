/* The state of the parser of streams; what it counts is in claude_totals.c. */
#ifndef AGENT_CLAUDE_STREAM_H
#define AGENT_CLAUDE_STREAM_H

#include "agent/claude_common.h"

enum { STREAM_MODELS = 32 };

/* What a model's totals were when they were read last. */
struct stream_total {
	char *model;
	struct agent_usage usage;
	double usd; /* below 0: not known */
};

struct stream {
	struct claude_out out;
	char *source; /* the name of a session that has not said its own */
	char *session, *model, *turn;
	char *sub_session; /* of the line, where it is a sub-agent's */
	bool sub, turn_open;
	int64_t last_ms;             /* the time that was said last */
	enum agent_state last_state; /* AGENT_DEAD: none was said */
	/* Of the session that they are of; models_n 0 and no session: nothing was counted. */
	char *counted;
	struct stream_total models[STREAM_MODELS];
	unsigned models_n;
	double usd;
};

/* Gives what a result says was used, with keys that `name`, the line's own, is in. */
void stream_usage(struct stream *s, struct jv line, const char *name);
void stream_reset(struct stream *s); /* totals begin again */

void stream_save(const struct agent_parser *p, struct buf *b);
bool stream_restore(struct agent_parser *p, const char *json, size_t len);
void stream_forget(struct stream *s); /* frees what is kept */

#endif
