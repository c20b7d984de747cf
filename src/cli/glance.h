/*
 * One GET that is answered at once or not at all: for status bars and for the completion of
 * words, where nobody waits and nobody reads errors. Nothing is printed. One thread; the loop is
 * its own.
 */
#ifndef CLI_GLANCE_H
#define CLI_GLANCE_H

typedef struct cJSON cJSON;

/* CLI_DONE, with an object in *out that the caller deletes; CLI_NO_DAEMON when nobody answers at
 * the socket, or not within `ms` milliseconds; CLI_ERROR when the answer is another. */
int glance(const char *path, unsigned ms, cJSON **out);

#endif
