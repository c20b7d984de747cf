/*
 * The page's files, built into the program.
 *
 * src/web/build.mjs bundles the page and writes the table as C into the build directory (a
 * release tarball carries it). Everything is constant, in static storage and valid for the
 * program's life; any thread may read it.
 *
 * "/" is the page and must be revalidated. Paths below /assets/ have their content's hash in
 * them, so what is behind one never changes and may be cached for ever.
 */
#ifndef NET_ASSETS_H
#define NET_ASSETS_H

#include <stddef.h>

struct asset {
	const char *path;          /* of the URL, from its first slash; no query */
	const char *content_type;  /* whole value of the header */
	const char *etag;          /* with its quotes; the same for both encodings */
	const unsigned char *data; /* as it is; a NUL behind it is not counted */
	size_t len;
	const unsigned char *gzip; /* the same, gzip-encoded */
	size_t gzip_len;
};

extern const struct asset net_assets[];
extern const size_t net_asset_count;

#endif
