/* What an error of an agent means. For the files outcome*.c. Pure; any thread. */
#ifndef JOB_OUTCOME_PRIV_H
#define JOB_OUTCOME_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "job/outcome.h"

/* Of an HTTP status; OUTCOME_NONE where it says nothing. */
enum outcome_signal outcome_of_status(long long status);

/* Of the words of an error, and nothing else: OUTCOME_ERROR where they are not known. A number is taken
 * for a status only where something says that it is one. */
enum outcome_signal outcome_of_text(const char *text);

/* What a line of JSON says beside the words: statuses, and names of errors. OUTCOME_NONE: nothing. */
enum outcome_signal outcome_of_line(const char *line, size_t len);

/* Of plain text: the last of its last few lines that begins as the agents' programs begin an
 * error, and means one of the three that matter. *line is to be freed. */
enum outcome_signal outcome_of_tail(const char *text, size_t len, char **line);

#endif
