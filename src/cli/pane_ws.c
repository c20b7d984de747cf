#include "config.h"

#include "cli/pane_ws.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "proto/attach.h"

struct client_ws *
pane_ws_read(struct client_ws_context *context, const char *socket, const char *pane,
    uint64_t offset, const struct client_ws_callbacks *callbacks, void *arg)
{
	char *id = str_url_encode(pane), *path = xasprintf("/ws/panes/%s?mode=ro&offset=%llu",
					     id, (unsigned long long)offset);
	struct client_ws *ws =
	    client_ws_open(context, socket, path, ATTACH_SUBPROTOCOL, callbacks, arg);

	free(path);
	free(id);
	return ws;
}

void
pane_ws_acknowledge(struct client_ws *ws, uint64_t offset, uint64_t *acked)
{
	struct buf b;

	if (ws == NULL)
		return;
	buf_init(&b, BUF_NO_MAX);
	attach_put_client_ack(&b, offset);
	if (client_ws_send(ws, b.data, b.len) == 0)
		*acked = offset;
	buf_release(&b);
}
