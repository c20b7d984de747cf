/* A line of text that is being edited. Always UTF-8. Pure. */
#ifndef CLI_PROMPT_H
#define CLI_PROMPT_H

#include <stddef.h>

enum { PROMPT_MAX = 1000 }; /* bytes, as of a pattern */

struct prompt {
	char text[PROMPT_MAX + 1];
	size_t len, cursor; /* bytes */
};

/* What would be too long, or is no UTF-8, is not put in. */
void prompt_insert(struct prompt *p, const char *text, size_t len);

void prompt_left(struct prompt *p);
void prompt_right(struct prompt *p);
void prompt_home(struct prompt *p);
void prompt_end(struct prompt *p);

void prompt_backspace(struct prompt *p);
void prompt_delete(struct prompt *p);
void prompt_kill(struct prompt *p);      /* all before the cursor */
void prompt_kill_word(struct prompt *p); /* the word before it, and the spaces behind that */

#endif
