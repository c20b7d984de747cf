/* sessions import. */
#ifndef CLI_CMD_IMPORT_H
#define CLI_CMD_IMPORT_H

#include <stdbool.h>

/* file: "-" is standard input; format: NULL, it is found out. Returns an exit status. */
int sessions_import_file(const char *file, const char *format, bool json);

#endif
