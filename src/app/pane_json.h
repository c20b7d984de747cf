/* A pane as the API shows it. */
#ifndef APP_PANE_JSON_H
#define APP_PANE_JSON_H

typedef struct cJSON cJSON;

struct entry;

cJSON *pane_json(const struct entry *e);

#endif
