#include "config.h"

#include "store/schema.h"

#include <stddef.h>

/* gaps is the store's own (store/store.h); runs and panes are explained in store/panes.h. */
static const char v1[] = "CREATE TABLE gaps("
			 " id INTEGER PRIMARY KEY,"
			 " from_ms INTEGER NOT NULL,"
			 " to_ms INTEGER NOT NULL,"
			 " dropped INTEGER NOT NULL);"

			 "CREATE TABLE runs("
			 " id INTEGER PRIMARY KEY AUTOINCREMENT,"
			 " started_ms INTEGER NOT NULL,"
			 " ended_ms INTEGER,"
			 " version TEXT NOT NULL,"
			 " pid INTEGER NOT NULL,"
			 " UNIQUE(started_ms, pid));"

			 "CREATE TABLE panes("
			 " run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,"
			 " id TEXT NOT NULL,"
			 " name TEXT,"
			 " command TEXT NOT NULL,"
			 " cwd TEXT,"
			 " pid INTEGER,"
			 " started_ms INTEGER NOT NULL,"
			 " ended_ms INTEGER,"
			 " exit_status INTEGER,"
			 " lost INTEGER NOT NULL DEFAULT 0,"
			 " UNIQUE(run, id));"

			 "CREATE INDEX panes_open ON panes(run) WHERE ended_ms IS NULL;";

const char *const store_schema[] = {v1, NULL};
