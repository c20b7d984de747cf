/*
 * A talk's events (job/talk.h) as lines of text, harmless ones, on standard output.
 *
 * Knows what is being asked, and what was typed here and is not to be shown again. One thread.
 */
#ifndef CLI_TALK_SHOW_H
#define CLI_TALK_SHOW_H

#include <stdbool.h>

#include "cli/tame.h"

typedef struct cJSON cJSON;
struct talk_word;

struct talk_show {
	bool prompt;            /* a person types here: show when he may */
	bool prompted, in_line; /* it is shown; the cursor is not at the start of a line */
	bool streamed;          /* a text has been shown, as it came */
	bool ended;             /* the agent has gone */
	struct tame tame;
	char *last;              /* what was said last; it is not said again */
	struct talk_word *asked; /* ids of permissions, the oldest first */
	struct talk_word *mine;  /* texts that were typed */
};

void talk_show_init(struct talk_show *s, bool prompt);
void talk_show_event(struct talk_show *s, const cJSON *event);

void talk_show_line(struct talk_show *s, const char *text);   /* our own */
void talk_show_remark(struct talk_show *s, const char *text); /* another's, in parentheses */

void talk_show_mine(struct talk_show *s, const char *text);
const char *talk_show_asked(const struct talk_show *s); /* the id of the oldest; or NULL */
void talk_show_answered(struct talk_show *s, const char *permission);

#endif
