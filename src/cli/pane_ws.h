/*
 * The WebSocket of a viewer of a pane, for commands that read what it prints (proto/attach.h).
 */
#ifndef CLI_PANE_WS_H
#define CLI_PANE_WS_H

#include <stdint.h>

#include "net/client.h"

enum { PANE_WS_ACK_EVERY = 128 * 1024 }; /* bytes of output */

/* As client_ws_open: a viewer that only reads, from an offset on. */
struct client_ws *pane_ws_read(struct client_ws_context *context, const char *socket,
    const char *pane, uint64_t offset, const struct client_ws_callbacks *callbacks, void *arg);

/* Says that the output up to an offset has been taken: *acked is that offset, if it could be said. ws may
 * be NULL. */
void pane_ws_acknowledge(struct client_ws *ws, uint64_t offset, uint64_t *acked);

#endif
