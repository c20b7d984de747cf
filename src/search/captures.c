#include "config.h"

#include "search/captures.h"

#include "base/utf8.h"
#include "search/pattern_priv.h"

enum { STEPS = 100000, DEPTH = 1000, HEAP_KIB = 8192 };

size_t
captures(const struct pattern *p, const char *text, size_t len, struct span *groups, size_t max)
{
	const pcre2_code *code = p->groups != NULL ? p->groups : p->line;
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	const PCRE2_SIZE *at;
	size_t n = 0, count = 0;
	int found = -1;

	if (data != NULL && context != NULL && utf8_valid(text, len)) {
		pcre2_set_match_limit(context, STEPS);
		pcre2_set_depth_limit(context, DEPTH);
		pcre2_set_heap_limit(context, HEAP_KIB);
		found = pcre2_match(
		    code, (PCRE2_SPTR)text, len, 0, PCRE2_NO_UTF_CHECK, data, context);
	}
	at = data != NULL ? pcre2_get_ovector_pointer(data) : NULL;
	/* PCRE2 counts up to the last group that took part; what is behind it is unset. */
	if (found > 0)
		count = pcre2_get_ovector_count(data);
	for (; n < count && n < max; n++)
		groups[n] = at[2 * n] == PCRE2_UNSET
				? CAPTURE_UNSET
				: (struct span){(uint32_t)at[2 * n], (uint32_t)at[2 * n + 1]};
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	return n;
}
