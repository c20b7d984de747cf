#include "config.h"

#include "term/cluster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"

void
clusters_release(struct clusters *c)
{
	free(c->v);
	free(c->hash);
	*c = (struct clusters){0};
}

static uint32_t
hash_of(const struct cluster *cluster)
{
	uint32_t h = 0x811C9DC5u;

	for (unsigned i = 0; i < cluster->len; i++)
		h = (h ^ (unsigned char)cluster->utf8[i]) * 0x01000193u;
	return h ^ h >> 15;
}

static unsigned
find(const struct clusters *c, const struct cluster *cluster)
{
	unsigned i = hash_of(cluster) & c->mask;

	while (c->hash[i] != 0 &&
	       (c->v[c->hash[i]].len != cluster->len ||
		   memcmp(c->v[c->hash[i]].utf8, cluster->utf8, cluster->len) != 0))
		i = (i + 1) & c->mask;
	return i;
}

static void
grow(struct clusters *c)
{
	c->cap = c->cap != 0 ? c->cap * 2 : 32;
	c->v = xreallocarray(c->v, c->cap, sizeof *c->v);
	free(c->hash);
	c->hash = xcalloc(c->cap * 2, sizeof *c->hash);
	c->mask = c->cap * 2 - 1;
	if (c->count == 0)
		c->count = 1;
	for (unsigned n = 1; n < c->count; n++)
		c->hash[find(c, &c->v[n])] = (uint16_t)n;
}

int
clusters_add(struct clusters *c, const struct cluster *cluster)
{
	unsigned i;

	if (c->cap == 0)
		grow(c);
	i = find(c, cluster);
	if (c->hash[i] != 0)
		return c->hash[i];
	if (c->count == CLUSTER_MAX)
		return -ENOSPC;
	if (c->count == c->cap) {
		grow(c);
		i = find(c, cluster);
	}
	c->hash[i] = (uint16_t)c->count;
	c->v[c->count] = *cluster;
	return (int)c->count++;
}

size_t
clusters_memory(const struct clusters *c)
{
	return c->cap * (sizeof *c->v + 2 * sizeof *c->hash);
}
