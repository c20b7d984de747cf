/* What the files of hook share. */
#ifndef CLI_CMD_HOOK_H
#define CLI_CMD_HOOK_H

#include <stdbool.h>

/* Adds our hooks to the settings of Claude Code, or takes them out; asks first unless `yes`. Returns an
 * exit status. */
int hook_install(bool yes);
int hook_uninstall(bool yes);

#endif
