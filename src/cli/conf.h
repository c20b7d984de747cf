/*
 * The configuration file: `key = value` lines, described in panescry.conf(5).
 *
 * Read once when the daemon starts, from $XDG_CONFIG_HOME/panescry/panescry.conf or
 * ~/.config/panescry/panescry.conf; $PANESCRY_CONFIG names another file. A file that does not
 * exist is an empty one, unless it was named.
 */
#ifndef CLI_CONF_H
#define CLI_CONF_H

struct app_limits;

/* Changes what the file sets. -EINVAL with the file, the line and what is wrong there. */
int conf_load(struct app_limits *limits, char **cause);

/* One more tmux server, by its name or its socket's whole path; -EINVAL. */
int conf_add_socket(struct app_limits *limits, const char *name);

/* One more origin that is let in, and network of proxies that are believed; -EINVAL, -ENOSPC. */
int conf_add_origin(struct app_limits *limits, const char *text);
int conf_add_proxy(struct app_limits *limits, const char *text);

/* Each of a list, separated by blanks or commas. */
int conf_add_each(
    struct app_limits *limits, const char *list, int (*add)(struct app_limits *, const char *));

#endif
