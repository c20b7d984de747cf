/* Where the daemon keeps things. Strings are the caller's to free. */
#ifndef CLI_PATHS_H
#define CLI_PATHS_H

/* Where sockets are. */
char *paths_runtime_dir(void);

/* $PANESCRY_SOCKET, else default.sock in the runtime directory. */
char *paths_socket(void);

/* $XDG_STATE_HOME/panescry or ~/.local/state/panescry. */
char *paths_state_dir(void);

/* What hooks of agents append to for the daemon at this socket, in the state directory. */
char *paths_hooks(const char *socket);

/* $XDG_CONFIG_HOME/panescry/panescry.conf or ~/.config/panescry/panescry.conf. */
char *paths_config(void);

/* Makes the directory of a socket, mode 0700; refuses one that is not ours alone where the
 * place is open to everybody (/tmp). */
int paths_prepare_socket_dir(const char *socket, char **cause);

#endif
