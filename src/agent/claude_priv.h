/* The state of the parser of transcripts: claude.c and claude_session.c read with it,
 * claude_keep.c keeps it. */
#ifndef AGENT_CLAUDE_PRIV_H
#define AGENT_CLAUDE_PRIV_H

#include "agent/claude_common.h"
#include "agent/claude_line.h"

enum { CLAUDE_PROMPTS = 64, CLAUDE_SIDES = 16, CLAUDE_TITLES = 16, CLAUDE_ATTRIBUTES = 4 };

/* Numbers are hashes of uuids; 0: none. */
struct claude_prompt {
	uint64_t parent, uuid, at;
};

struct claude_side {
	uint64_t root, tip;
};

struct claude_waiting {
	uint64_t leaf;
	char *title;
};

struct claude {
	struct claude_out out;
	char *file_session, *file_agent; /* of the path */
	char *main;                      /* the session that the file is of now */
	char *session;                   /* of the line: main, or a sub-agent's */
	char *fork;                      /* what main was said to be forked from */
	bool sub;
	char *attributes[CLAUDE_ATTRIBUTES]; /* what was said of session last */
	uint64_t last_uuid;                  /* of main */
	bool titled;
	char *turn;
	bool turn_open;
	enum agent_state state;                       /* AGENT_DEAD: none was said */
	struct claude_prompt prompts[CLAUDE_PROMPTS]; /* a ring */
	unsigned prompts_n;
	struct claude_side sides[CLAUDE_SIDES];
	unsigned sides_n, side; /* side: the last one */
	char side_name[32];
	struct claude_waiting titles[CLAUDE_TITLES]; /* a ring */
	unsigned titles_n;
};

uint64_t claude_hash(struct jv uuid); /* 0: it is none */

/* Whose line it is, into session; what is new of that session is given. */
void claude_enter(struct claude *c, const struct claude_line *l);
/* Lines that say titles, and the one that waited for the last line. */
void claude_summary(struct claude *c, const struct claude_line *l);
void claude_title(struct claude *c, const struct claude_line *l);
void claude_find_title(struct claude *c);

void claude_save(const struct agent_parser *p, struct buf *b);
bool claude_restore(struct agent_parser *p, const char *json, size_t len);
void claude_forget(struct claude *c); /* frees what is not of the path */

#endif
