/* serve --upgrade: this program takes over from the one whose daemon runs. */
#ifndef CLI_UPGRADE_H
#define CLI_UPGRADE_H

/* Returns an exit status, when the new worker serves or is known not to. */
int upgrade(const char *socket);

#endif
