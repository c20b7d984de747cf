/*
 * Clusters: a base character with the marks that follow it, for cells that hold more than one
 * code point.
 *
 * A table of at most CLUSTER_MAX records that cells name by index; equal clusters share one. When
 * it is full, the terminal counts what its cells still name and drops the rest (see screen.c);
 * when it is still full, marks are dropped. Belongs to the terminal.
 */
#ifndef TERM_CLUSTER_H
#define TERM_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CLUSTER_MAX = 16384,
	CLUSTER_BYTES = 31, /* so that a row of 2000 stays below a line's maximum */
};

struct cluster {
	uint8_t len;
	char utf8[CLUSTER_BYTES];
};

struct clusters {
	struct cluster *v;
	unsigned count, cap; /* v[0] is not used */
	uint16_t *hash;      /* indexes, 0 empty */
	unsigned mask;
	size_t
	    patience; /* clusters to refuse until it is worth looking for unused ones again */
};

void clusters_release(struct clusters *c);

/* The index of a cluster, never 0, or -ENOSPC when the table is full. */
int clusters_add(struct clusters *c, const struct cluster *cluster);

size_t clusters_memory(const struct clusters *c);

#endif
