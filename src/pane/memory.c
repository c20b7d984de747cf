#include "config.h"

#include "pane/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "os/os.h"
#include "proto/json.h"

#define MAGIC 0x31656e6170637370ull /* "pscpane1", little-endian */

enum {
	FORMAT = 1,
	PAGE = 4096,
	HEADER_SIZE = 2 * PAGE,
	BIRTH_SIZE = 2 * 1024 * 1024,
	STYLES_SIZE = STYLE_MAX * sizeof(struct style),
	LINKS_SIZE = STYLE_LINKS_BYTES,
	SLOT_SIZE = 64 * 1024 * 1024,
	SLOT_KEEP = 256 * 1024, /* bytes beyond what is in use that are not given back */
	SPARE_SLABS = 64,       /* for evicted ones that are still being read */
	NO_SLAB = -1,
};

struct mark_time {
	uint64_t offset;
	int64_t ms;
};

struct slot {
	uint64_t offset, lines;
	uint32_t cols, rows;
	uint32_t screen_len, tail_len;
	uint64_t sum; /* over the above and the data */
	uint32_t nresizes, nmarks;
	struct memory_resize resizes[MEMORY_RESIZES];
	struct mark_time marks[MEMORY_MARKS];
};

struct memory_header {
	uint64_t magic;
	uint32_t version, birth_len;
	uint64_t file_size, ring_size, history_bytes;
	uint64_t birth_sum;
	struct memory_state state;
	uint64_t links; /* their number << 32 | their bytes: both are one store */
	uint32_t nstyles;
	uint32_t newest; /* slot, 0 or 1 */
	struct slot slots[2];
	struct memory_remote remote;
};

_Static_assert(sizeof(struct memory_header) <= HEADER_SIZE, "the header has its pages");

struct layout {
	size_t birth, styles, links, slots, ring, slabs, size;
	size_t nslabs;
};

struct memory {
	struct memory_header *head;
	struct layout at;
	char *base;
	int fd;
	struct ring ring;
	struct memory_birth birth;
	cJSON *json; /* owns the birth's strings */
	char **argv;
	int *free_slabs; /* a stack of indices */
	size_t nfree;
	int warm; /* a free one that still has its pages, or NO_SLAB */
	bool left;
};

static size_t
pages(size_t n)
{
	return (n + PAGE - 1) / PAGE * PAGE;
}

static void
plan(struct layout *l, size_t ring_size, uint64_t history_bytes)
{
	l->nslabs = 2 * (history_bytes / SLAB_SIZE) + SPARE_SLABS;
	l->birth = HEADER_SIZE;
	l->styles = l->birth + BIRTH_SIZE;
	l->links = l->styles + pages(STYLES_SIZE);
	l->slots = l->links + pages(LINKS_SIZE);
	l->ring = l->slots + 2 * (size_t)SLOT_SIZE;
	l->slabs = l->ring + pages(ring_block_size(ring_size));
	l->size = l->slabs + l->nslabs * SLAB_SIZE;
}

/* FNV-1a by words: against decay, not against malice. */
static uint64_t
sum_bytes(uint64_t h, const void *data, size_t len)
{
	const char *p = data;
	uint64_t word;

	for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
		memcpy(&word, p, sizeof word);
		h = (h ^ word) * 0x100000001b3ull;
		h ^= h >> 29;
	}
	for (; len > 0; p++, len--)
		h = (h ^ (unsigned char)*p) * 0x100000001b3ull;
	return h;
}

enum { SUM_SEED = 0x2325 };

static uint32_t
link_count(const struct memory *m)
{
	return (uint32_t)(m->head->links >> 32);
}

static uint32_t
link_bytes(const struct memory *m)
{
	return (uint32_t)m->head->links;
}

/* Birth. */

static char *
birth_text(const struct memory_birth *b)
{
	cJSON *o = json_object();

	json_add_text(o, "id", b->id);
	json_add_text(o, "name", b->name);
	json_add_text(o, "cwd", b->cwd);
	json_add_text(o, "origin", b->origin);
	cJSON_AddNumberToObject(o, "cols", b->cols);
	cJSON_AddNumberToObject(o, "rows", b->rows);
	cJSON_AddNumberToObject(o, "created_ms", (double)b->created_ms);
	cJSON_AddItemToObject(o, "command", json_texts(b->argv));
	return json_print_take(o);
}

static bool
read_command(struct memory *m)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(m->json, "command"), *item;
	size_t n = 0;

	if (!cJSON_IsArray(list))
		return false;
	m->argv = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *m->argv);
	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item))
			return false;
		m->argv[n++] = item->valuestring;
	}
	return n != 0;
}

static bool
read_birth(struct memory *m)
{
	const struct memory_header *h = m->head;
	struct memory_birth *b = &m->birth;
	uint64_t cols = 0, rows = 0, created = 0;

	m->json = json_parse(m->base + m->at.birth, h->birth_len);
	if (m->json == NULL || !read_command(m) ||
	    json_u64(m->json, "cols", 1, 65535, &cols) != 0 ||
	    json_u64(m->json, "rows", 1, 65535, &rows) != 0 ||
	    json_u64(m->json, "created_ms", 0, JSON_INT_MAX, &created) != 0)
		return false;
	*b = (struct memory_birth){
	    .id = json_string(m->json, "id"),
	    .name = json_string(m->json, "name"),
	    .cwd = json_string(m->json, "cwd"),
	    .origin = json_string(m->json, "origin"),
	    .argv = m->argv,
	    .cols = (unsigned)cols,
	    .rows = (unsigned)rows,
	    .created_ms = (int64_t)created,
	    .ring_size = h->ring_size,
	    .history_bytes = h->history_bytes,
	};
	return b->id != NULL;
}

static int
init_birth(struct memory *m, const struct memory_birth *birth, char **cause)
{
	char *text = birth_text(birth);
	size_t len = strlen(text);

	if (len > BIRTH_SIZE) {
		free(text);
		return err_set(cause, -E2BIG, "the command line is too long");
	}
	memcpy(m->base + m->at.birth, text, len);
	m->head->birth_len = (uint32_t)len;
	m->head->birth_sum = sum_bytes(SUM_SEED, text, len);
	free(text);
	return read_birth(m) ? 0 : err_set(cause, -EINVAL, "the command line cannot be kept");
}

/* Slabs. */

static char *
slab_at(const struct memory *m, size_t i)
{
	return m->base + m->at.slabs + i * SLAB_SIZE;
}

static void *
alloc_slab(void *arg)
{
	struct memory *m = arg;
	int i = m->warm;

	if (i != NO_SLAB)
		m->warm = NO_SLAB;
	else if (m->nfree != 0)
		i = m->free_slabs[--m->nfree];
	else
		return NULL;
	return slab_at(m, (size_t)i);
}

/* Gives back the pages of from..end, exclusive. */
static void
discard_slabs(struct memory *m, size_t from, size_t end)
{
	if (from < end)
		os_memory_discard(
		    m->fd, m->base, m->at.slabs + from * SLAB_SIZE, (end - from) * SLAB_SIZE);
}

/* A pane that floods evicts as fast as it fills: one is kept warm for it. */
static void
free_slab(void *arg, void *block)
{
	struct memory *m = arg;
	int i = (int)(((char *)block - m->base - m->at.slabs) / SLAB_SIZE);

	if (m->left)
		return;
	*(uint32_t *)block = 0; /* the magic: it is no slab any more */
	if (m->warm == NO_SLAB) {
		m->warm = i;
		return;
	}
	discard_slabs(m, (size_t)i, (size_t)i + 1);
	m->free_slabs[m->nfree++] = i;
}

struct history_allocator
memory_allocator(struct memory *m)
{
	return (struct history_allocator){alloc_slab, free_slab, m};
}

static int
by_first_line(const void *a, const void *b)
{
	const struct slab_header *x = *(struct slab_header *const *)a,
				 *y = *(struct slab_header *const *)b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Looks for data in the file, as reading a hole would take a page for it. What is no slab may
 * still have pages: the warm one of the process before, or one that was just being begun. */
static size_t
list_slabs(struct memory *m, struct slab_header **list)
{
	size_t n = 0, end = m->at.nslabs;

	m->nfree = 0;
	for (size_t i = m->at.nslabs; i-- > 0;) {
		uint32_t magic = 0;
		off_t at = (off_t)(m->at.slabs + i * SLAB_SIZE);

		if (pread(m->fd, &magic, sizeof magic, at) == sizeof magic &&
		    magic == SLAB_MAGIC) {
			list[n++] = (struct slab_header *)slab_at(m, i);
			discard_slabs(m, i + 1, end);
			end = i;
		} else {
			m->free_slabs[m->nfree++] = (int)i;
		}
	}
	discard_slabs(m, 0, end);
	qsort(list, n, sizeof *list, by_first_line);
	return n;
}

/* Where the unbroken row of slabs begins that ends with the newest. */
static size_t
first_of_row(struct slab_header *const *list, size_t n, uint64_t cleared)
{
	size_t i = n - 1;

	while (i > 0 && list[i - 1]->first >= cleared && slab_plausible(list[i - 1]) &&
	       list[i - 1]->first + slab_extent(list[i - 1])->lines == list[i]->first)
		i--;
	return i;
}

void
memory_adopt(struct memory *m, struct history *h)
{
	struct slab_header **list = xcalloc(m->at.nslabs, sizeof *list);
	size_t n = list_slabs(m, list), from;
	uint64_t cleared = m->head->state.cleared;

	/* One that had just been begun. */
	if (n != 0 && slab_extent(list[n - 1])->lines == 0)
		free_slab(m, list[--n]);
	from = n != 0 ? first_of_row(list, n, cleared) : 0;
	for (size_t i = 0; i < n; i++)
		if (i < from || list[i]->first < cleared ||
		    history_adopt(h, list[i], i == n - 1) != 0)
			free_slab(m, list[i]);
	if (cleared > history_last(h))
		history_set_next(h, cleared);
	free(list);
}

/* Making and opening. */

static void
prepare(struct memory *m)
{
	m->free_slabs = xcalloc(m->at.nslabs, sizeof *m->free_slabs);
	for (size_t i = m->at.nslabs; i-- > 0;)
		m->free_slabs[m->nfree++] = (int)i;
	m->warm = NO_SLAB;
}

int
memory_new(const struct memory_birth *birth, struct memory **out, char **cause)
{
	struct memory *m = xcalloc(1, sizeof *m);
	struct memory_header *h;
	void *map;
	int rc;

	*out = NULL;
	plan(&m->at, birth->ring_size, birth->history_bytes);
	m->fd = -1;
	rc = birth->private ? os_memory_private(m->at.size, &map)
			    : os_memory_create("panescry-pane", m->at.size, &m->fd, &map);
	if (rc != 0) {
		free(m);
		return err_sys(cause, rc, "memory for the pane");
	}
	m->base = map;
	m->head = h = map;
	h->version = FORMAT;
	h->file_size = m->at.size;
	h->ring_size = birth->ring_size;
	h->history_bytes = birth->history_bytes;
	h->state.cols = birth->cols;
	h->state.rows = birth->rows;
	h->state.active_ms = birth->created_ms;
	prepare(m);
	ring_init(&m->ring, m->base + m->at.ring, birth->ring_size);
	if ((rc = init_birth(m, birth, cause)) != 0) {
		memory_free(m);
		return rc;
	}
	__atomic_store_n(&h->magic, MAGIC, __ATOMIC_RELEASE);
	*out = m;
	return 0;
}

/* Times and numbers beyond what JSON can say were never written. */
static bool
time_good(int64_t ms)
{
	return ms >= 0 && ms <= (int64_t)JSON_INT_MAX;
}

static const char *
what_is_wrong(struct memory *m, size_t size)
{
	const struct memory_header *h = m->head;

	if (size < HEADER_SIZE || h->magic != MAGIC)
		return "it is no pane's memory";
	if (h->version != FORMAT)
		return "it is of another version";
	if (h->ring_size < RING_MIN || h->ring_size > RING_MAX || h->history_bytes > size ||
	    h->file_size != size)
		return "its sizes make no sense";
	plan(&m->at, h->ring_size, h->history_bytes);
	if (m->at.size != size)
		return "its parts do not fit";
	if (h->birth_len > BIRTH_SIZE ||
	    h->birth_sum != sum_bytes(SUM_SEED, m->base + m->at.birth, h->birth_len) ||
	    !read_birth(m))
		return "what the pane was started as is damaged";
	if (ring_open(&m->ring, m->base + m->at.ring, m->at.slabs - m->at.ring) != 0 ||
	    m->ring.size != h->ring_size || h->state.fed > ring_end(&m->ring) ||
	    ring_end(&m->ring) - h->state.fed > RING_SLACK)
		return "its ring is damaged";
	if (h->state.cleared > JSON_INT_MAX || !time_good(h->state.active_ms))
		return "its state is damaged";
	if (h->nstyles > STYLE_MAX || link_bytes(m) > LINKS_SIZE ||
	    link_count(m) > STYLE_LINKS_MAX || h->newest > 1)
		return "its tables are damaged";
	return NULL;
}

int
memory_open(int fd, struct memory **out, char **cause)
{
	struct memory *m = xcalloc(1, sizeof *m);
	const char *wrong;
	size_t size;
	void *map;
	int rc;

	*out = NULL;
	if ((rc = os_memory_map(fd, &size, &map)) != 0) {
		close(fd);
		free(m);
		return err_sys(cause, rc, "a pane's memory");
	}
	m->fd = fd;
	m->base = map;
	m->head = map;
	m->at.size = size;
	wrong = what_is_wrong(m, size);
	m->at.size = size;
	if (wrong != NULL) {
		memory_free(m);
		return err_set(cause, -EINVAL, "a pane's memory: %s", wrong);
	}
	prepare(m);
	*out = m;
	return 0;
}

void
memory_free(struct memory *m)
{
	if (m == NULL)
		return;
	cJSON_Delete(m->json);
	free(m->argv);
	free(m->free_slabs);
	os_memory_unmap(m->base, m->at.size);
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}

void
memory_leave(struct memory *m)
{
	m->left = true;
}

int
memory_fd(const struct memory *m)
{
	return m->fd;
}

size_t
memory_taken(const struct memory *m)
{
	return m->fd >= 0 ? os_memory_taken(m->fd) : 0;
}

const struct memory_birth *
memory_birth(const struct memory *m)
{
	return &m->birth;
}

struct ring *
memory_ring(struct memory *m)
{
	return &m->ring;
}

struct memory_state *
memory_state(struct memory *m)
{
	return &m->head->state;
}

struct memory_remote *
memory_remote(struct memory *m)
{
	return &m->head->remote;
}

/* Styles. */

static void
save_links(struct memory *m, const struct styles *s)
{
	unsigned n = style_link_count(s);
	size_t at = link_bytes(m);

	for (unsigned i = link_count(m) + 1; i <= n; i++) {
		const char *id, *uri = style_link(s, i, &id);
		size_t urilen = strlen(uri) + 1, idlen = strlen(id) + 1;
		char *to = m->base + m->at.links + at;

		if (urilen + idlen > LINKS_SIZE - at)
			return;
		memcpy(to, uri, urilen);
		memcpy(to + urilen, id, idlen);
		at += urilen + idlen;
		__atomic_store_n(&m->head->links, (uint64_t)i << 32 | at, __ATOMIC_RELEASE);
	}
}

void
memory_save_styles(struct memory *m, const struct styles *s)
{
	struct style *table = (struct style *)(m->base + m->at.styles);
	unsigned n = style_count(s);

	if (n == m->head->nstyles)
		return;
	save_links(m, s);
	for (unsigned i = m->head->nstyles; i < n; i++)
		table[i] = *style_get(s, i);
	__atomic_store_n(&m->head->nstyles, n, __ATOMIC_RELEASE);
}

static const char *
next_string(const char **p, const char *end, size_t *len)
{
	const char *s = *p, *nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;

	if (nul == NULL)
		return NULL;
	*len = (size_t)(nul - s);
	*p = nul + 1;
	return s;
}

int
memory_load_styles(const struct memory *m, struct styles *s)
{
	const struct style *table = (const struct style *)(m->base + m->at.styles);
	const char *p = m->base + m->at.links, *end = p + link_bytes(m);

	for (unsigned i = 1; i <= link_count(m); i++) {
		size_t urilen, idlen;
		const char *uri = next_string(&p, end, &urilen),
			   *id = uri != NULL ? next_string(&p, end, &idlen) : NULL;

		if (id == NULL || style_link_add(s, uri, urilen, id, idlen) != i)
			return -EINVAL;
	}
	/* What comes next is appended behind the end: these must be all there is. */
	if (p != end)
		return -EINVAL;
	for (unsigned i = 1; i < m->head->nstyles; i++)
		if (table[i].link > link_count(m) || style_add(s, &table[i]) != i)
			return -EINVAL;
	return 0;
}

/* Slots. */

static char *
slot_data(const struct memory *m, unsigned i)
{
	return m->base + m->at.slots + (size_t)i * SLOT_SIZE;
}

static uint64_t
slot_sum(const struct memory *m, unsigned i)
{
	const struct slot *s = &m->head->slots[i];
	uint64_t h = sum_bytes(SUM_SEED, s, offsetof(struct slot, sum));

	return sum_bytes(h, slot_data(m, i), (size_t)s->screen_len + s->tail_len);
}

void
memory_save(struct memory *m, const struct memory_saved *what)
{
	unsigned i = m->head->newest ^ 1;
	struct slot *s = &m->head->slots[i];
	size_t before = (size_t)s->screen_len + s->tail_len, len, from;
	char *data = slot_data(m, i);

	/* A damaged slot may say anything; behind it are the other one, the ring and the slabs. */
	if (before > SLOT_SIZE)
		before = SLOT_SIZE;
	s->offset = what->offset;
	s->lines = what->lines;
	s->cols = what->cols;
	s->rows = what->rows;
	s->screen_len = s->tail_len = s->nresizes = s->nmarks = 0;
	len = what->screen_len + what->tail_len;
	if (len <= SLOT_SIZE) {
		memcpy(data, what->screen, what->screen_len);
		memcpy(data + what->screen_len, what->tail, what->tail_len);
		s->screen_len = (uint32_t)what->screen_len;
		s->tail_len = (uint32_t)what->tail_len;
	} else {
		len = 0;
	}
	s->sum = slot_sum(m, i);
	__atomic_store_n(&m->head->newest, i, __ATOMIC_RELEASE);
	from = pages(len);
	if (before > from + SLOT_KEEP)
		os_memory_discard(m->fd, m->base, m->at.slots + (size_t)i * SLOT_SIZE + from,
		    pages(before) - from);
}

static bool
slot_good(const struct memory *m, unsigned i)
{
	const struct slot *s = &m->head->slots[i];

	return s->cols != 0 && s->rows != 0 && s->nresizes <= MEMORY_RESIZES &&
	       s->nmarks <= MEMORY_MARKS &&
	       (uint64_t)s->screen_len + s->tail_len <= SLOT_SIZE &&
	       s->lines <= HISTORY_NUMBER_MAX && s->offset >= ring_start(&m->ring) &&
	       s->offset <= ring_end(&m->ring) && s->sum == slot_sum(m, i);
}

bool
memory_saved(const struct memory *m, struct memory_saved *out)
{
	unsigned i = m->head->newest;
	const struct slot *s;

	if (!slot_good(m, i))
		i ^= 1;
	if (!slot_good(m, i))
		return false;
	/* The older one's list ends where the damaged one begins: that is then the newest size. */
	m->head->newest = i;
	s = &m->head->slots[i];
	*out = (struct memory_saved){
	    .offset = s->offset,
	    .lines = s->lines,
	    .cols = s->cols,
	    .rows = s->rows,
	    .screen = slot_data(m, i),
	    .screen_len = s->screen_len,
	    .tail = slot_data(m, i) + s->screen_len,
	    .tail_len = s->tail_len,
	    .nresizes = s->nresizes,
	};
	return true;
}

struct memory_resize
memory_resize_at(const struct memory *m, unsigned i)
{
	return m->head->slots[m->head->newest].resizes[i];
}

bool
memory_add_resize(struct memory *m, const struct memory_resize *r)
{
	struct slot *s = &m->head->slots[m->head->newest];

	if (s->nresizes >= MEMORY_RESIZES)
		return false;
	s->resizes[s->nresizes] = *r;
	__atomic_store_n(&s->nresizes, s->nresizes + 1, __ATOMIC_RELEASE);
	return true;
}

bool
memory_mark_time(const struct memory *m, uint64_t offset, int64_t *ms)
{
	const struct slot *s = &m->head->slots[m->head->newest];

	for (uint32_t i = s->nmarks; i-- > 0;) {
		if (s->marks[i].offset != offset &&
		    (s->marks[i].offset > offset || i != MEMORY_MARKS - 1))
			continue;
		if (!time_good(s->marks[i].ms))
			return false;
		*ms = s->marks[i].ms;
		return true;
	}
	return false;
}

bool
memory_add_mark_time(struct memory *m, uint64_t offset, int64_t ms)
{
	struct slot *s = &m->head->slots[m->head->newest];

	if (s->nmarks >= MEMORY_MARKS)
		return false;
	s->marks[s->nmarks] = (struct mark_time){offset, ms};
	__atomic_store_n(&s->nmarks, s->nmarks + 1, __ATOMIC_RELEASE);
	return true;
}
