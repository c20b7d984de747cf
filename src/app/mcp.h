/*
 * POST /mcp: the Model Context Protocol over HTTP, see mcp/mcp.h.
 *
 * Each request is a conversation of its own, answered with one JSON body: there are no streams and
 * no subscriptions. What its tools ask for is asked in the name of the client (net/inner.h), so a
 * token that may only read gets no further here than elsewhere. Tools that type or run are offered
 * to a token that may write, where the configuration has mcp_write.
 */
#ifndef APP_MCP_H
#define APP_MCP_H

struct http_req;

void mcp_post(struct http_req *r, void *arg);

#endif
