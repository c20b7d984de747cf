/* A talk with an agent, line by line, on this terminal. */
#ifndef CLI_TALK_H
#define CLI_TALK_H

/* A job of kind "session" that is there. Returns an exit status. */
int cli_talk(const char *id);

#endif
