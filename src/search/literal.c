#include "config.h"

#include "search/literal.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_AVX2_CODE 1
#include <immintrin.h>
#else
#define HAVE_AVX2_CODE 0
#endif

/* Bytes of logs, listings and sources, the most frequent first; the others are rare. */
static const char common[] =
    " /erstnloiucadp-:1h_.m24y0g3vbf6x5897kwI(S)CT#OA*,;+EMFNJPDRjL>{<BG\"'[]"
    "V\tWU}z=HX%q&K\\@\xE2Y`|!\x91\x82";

static unsigned
rarity(unsigned char c)
{
	const char *at = c == 0 ? NULL : strchr(common, c);

	return at == NULL ? sizeof common : (unsigned)(at - common);
}

static bool
is_small(unsigned char c)
{
	return c >= 'a' && c <= 'z';
}

/* Without case a letter is as frequent as the more frequent of the two. */
static unsigned
rarity_in(const struct literal *l, size_t i)
{
	unsigned char c = (unsigned char)l->bytes[i];
	unsigned r = rarity(c), capital;

	if (l->caseless && is_small(c) && (capital = rarity(c & 0xDF)) < r)
		return capital;
	return r;
}

void
literal_prepare(struct literal *l)
{
	size_t a = 0, b = 1;

	if (rarity_in(l, b) > rarity_in(l, a)) {
		a = 1;
		b = 0;
	}
	for (size_t i = 2; i < l->len; i++) {
		if (rarity_in(l, i) > rarity_in(l, a)) {
			b = a;
			a = i;
		} else if (rarity_in(l, i) > rarity_in(l, b)) {
			b = i;
		}
	}
	l->probe[0] = (uint8_t)(a < b ? a : b);
	l->probe[1] = (uint8_t)(a < b ? b : a);
}

unsigned
literal_worth(const struct literal *l)
{
	return rarity_in(l, l->probe[0]) + rarity_in(l, l->probe[1]) + l->len;
}

/* The bits that a byte of text gets before it is compared. */
static unsigned char
fold_of(const struct literal *l, size_t i)
{
	return l->caseless && is_small((unsigned char)l->bytes[i]) ? 0x20 : 0;
}

static bool
is_here(const struct literal *l, const char *p)
{
	if (!l->caseless)
		return memcmp(p, l->bytes, l->len) == 0;
	for (size_t i = 0; i < l->len; i++)
		if (((unsigned char)p[i] | fold_of(l, i)) != (unsigned char)l->bytes[i])
			return false;
	return true;
}

static const char *
find_plain(const struct literal *l, const char *p, const char *end)
{
	size_t at = l->probe[0];
	unsigned char c = (unsigned char)l->bytes[at];

	if (fold_of(l, at) == 0) {
		while ((size_t)(end - p) >= l->len) {
			p = memchr(p + at, c, (size_t)(end - p) - l->len + 1);
			if (p == NULL)
				return NULL;
			p -= at;
			if (is_here(l, p))
				return p;
			p++;
		}
		return NULL;
	}
	for (; (size_t)(end - p) >= l->len; p++)
		if (((unsigned char)p[at] | 0x20) == c && is_here(l, p))
			return p;
	return NULL;
}

#if HAVE_AVX2_CODE
enum { WIDE = 32, STEP = 4 * WIDE };

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((target("avx2"), always_inline))

struct probes {
	__m256i byte[2], fold[2];
	size_t at[2];
};

AVX2_INLINE __m256i
probe(const struct probes *pr, const char *p)
{
	__m256i a = _mm256_loadu_si256((const void *)(p + pr->at[0]));
	__m256i b = _mm256_loadu_si256((const void *)(p + pr->at[1]));

	a = _mm256_cmpeq_epi8(_mm256_or_si256(a, pr->fold[0]), pr->byte[0]);
	b = _mm256_cmpeq_epi8(_mm256_or_si256(b, pr->fold[1]), pr->byte[1]);
	return _mm256_and_si256(a, b);
}

AVX2_INLINE const char *
check(const struct literal *l, const char *p, __m256i places)
{
	unsigned bits = (unsigned)_mm256_movemask_epi8(places);

	for (; bits != 0; bits &= bits - 1) {
		const char *at = p + __builtin_ctz(bits);

		if (is_here(l, at))
			return at;
	}
	return NULL;
}

AVX2 static const char *
check_step(const struct literal *l, const char *p, const __m256i places[4])
{
	const char *at = NULL;

	for (int i = 0; i < 4 && at == NULL; i++)
		at = check(l, p + i * WIDE, places[i]);
	return at;
}

/* Every place looked at has room for the whole string before end. */
AVX2 static const char *
find_avx2(const struct literal *l, const char *p, const char *end)
{
	struct probes pr;
	const char *at;

	for (int i = 0; i < 2; i++) {
		pr.at[i] = l->probe[i];
		pr.byte[i] = _mm256_set1_epi8(l->bytes[pr.at[i]]);
		pr.fold[i] = _mm256_set1_epi8((char)fold_of(l, pr.at[i]));
	}
	for (; end - p >= STEP + LITERAL_MAX; p += STEP) {
		__m256i m[4] = {probe(&pr, p), probe(&pr, p + WIDE), probe(&pr, p + 2 * WIDE),
		    probe(&pr, p + 3 * WIDE)};
		__m256i any =
		    _mm256_or_si256(_mm256_or_si256(m[0], m[1]), _mm256_or_si256(m[2], m[3]));

		if (!_mm256_testz_si256(any, any) && (at = check_step(l, p, m)) != NULL)
			return at;
	}
	for (; end - p >= WIDE + l->len - 1; p += WIDE)
		if ((at = check(l, p, probe(&pr, p))) != NULL)
			return at;
	return find_plain(l, p, end);
}
#endif

const char *
literal_find(const struct literal *l, const char *p, const char *end)
{
#if HAVE_AVX2_CODE
	if (__builtin_cpu_supports("avx2"))
		return find_avx2(l, p, end);
#endif
	return find_plain(l, p, end);
}
