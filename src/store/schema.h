/*
 * What the daemon's database consists of: one script a version, numbered by PRAGMA user_version.
 *
 * Each takes a database of the version that is its index one further. A script that has been
 * released is never changed; what is new is a script behind it.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

extern const char *const store_schema[]; /* ends with NULL */

#endif
