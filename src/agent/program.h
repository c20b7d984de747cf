/* Which agent a process is, by its command line. Pure; any thread. */
#ifndef AGENT_PROGRAM_H
#define AGENT_PROGRAM_H

#include <stddef.h>

/* args: arguments, each with its NUL. An agent is told by the base name of its first argument or,
 * where that is an interpreter, of the script. NULL: none of them. */
const char *agent_of_program(const char *args, size_t len);

#endif
