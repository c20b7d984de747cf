/* Names of keys, as tmux has them, and the bytes that a terminal sends for them. */
#ifndef PROTO_KEYS_H
#define PROTO_KEYS_H

struct buf;

/* Enter, Tab, Escape, Space, BSpace, Up, Down, Left, Right, Home, End, PageUp, PageDown,
 * Insert, Delete, F1 to F12, or one character; with C- for Control and M- for Alt before it.
 * -EINVAL for no such key. */
int keys_append(struct buf *b, const char *name);

#endif
