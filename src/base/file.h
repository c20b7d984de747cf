/* Small files, read and replaced whole. Blocks; not for the loop's thread. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* The whole file as a NUL-terminated string for the caller to free. -EFBIG beyond max bytes,
 * -errno otherwise. */
int file_read(const char *path, size_t max, char **out, size_t *len);

/* The same of a file that the program writes itself: -ELOOP for a symbolic link, -EINVAL for what is no
 * plain file, which is not waited for either. */
int file_read_own(const char *path, size_t max, char **out, size_t *len);

/* Writes PATH.new (mode 0600), syncs it and renames it over PATH: a crash at any moment leaves
 * the old file or the new one. */
int file_replace(const char *path, const void *data, size_t len);

/* A directory with its parents, mode 0700 for those that are made. */
int file_make_dirs(const char *path);

/* Opens a directory in the place of *fd, which others may be using: its number stays. With *fd -1
 * it is just opened. A link at its end is not followed. */
int file_open_dir(const char *path, int *fd);

/* What is open is still what lies there: false when it has been removed, renamed or replaced. */
bool file_is_at(int fd, const char *path);

#endif
