/* What differs between two texts, line by line, for a person. */
#ifndef CLI_DIFF_H
#define CLI_DIFF_H

/* Prints lines that went with a minus, those that came with a plus, and up to three around them. */
void diff_print(const char *a, const char *b);

#endif
