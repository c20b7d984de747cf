/* GET /api/v1/archive/lines: what a pane printed that is gone, or that its history has lost. */
#ifndef APP_ARCHIVE_LINES_H
#define APP_ARCHIVE_LINES_H

struct http_req;

void archive_lines(struct http_req *r, void *arg);

#endif
