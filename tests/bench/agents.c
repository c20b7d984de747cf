/* How fast a transcript is read: a made one of 200 MB, or the files that are named. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/ledger.h"
#include "agent/prices.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/xmalloc.h"

enum { SIZE = 200 * 1000 * 1000 };

static size_t events;

static void
on_event(void *arg, const struct agent_event *e)
{
	events++;
	ledger_add(arg, e);
}

/* Prose, code and escapes, as results of tools are. */
static void
put_text(struct buf *b, size_t len, unsigned n)
{
	static const char *const parts[] = {"static int count(struct row *r)\\n{\\n\\treturn ",
	    "the quick brown fox jumps over the lazy dog ", "\\\"name\\\": \\\"value\\\",\\n",
	    "src/store/archive.c:120: ", "\xC3\xA9t\xC3\xA9 "};

	for (size_t end = b->len + len; b->len < end; n++)
		buf_puts(b, parts[n * 7 % 5]);
}

static void
put_turn(struct buf *b, unsigned n)
{
	static const char common[] =
	    "\"isSidechain\":false,\"userType\":\"external\",\"cwd\":\"/srv/project\","
	    "\"sessionId\":\"aaaaaaaa-1111-4111-8111-111111111111\",\"version\":\"2.1.180\","
	    "\"gitBranch\":\"main\",\"timestamp\":\"2026-10-05T08:00:00.000Z\"";

	buf_printf(b,
	    "{\"parentUuid\":\"u%u\",%s,\"type\":\"assistant\",\"uuid\":\"a%u\",\"requestId\":"
	    "\"r%u\","
	    "\"message\":{\"id\":\"msg_01%08u\",\"model\":\"claude-sonnet-4-6\",\"role\":"
	    "\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"",
	    n, common, n, n, n);
	put_text(b, 400, n);
	buf_printf(b,
	    "\"},{\"type\":\"tool_use\",\"id\":\"toolu_%u\",\"name\":\"Read\",\"input\":"
	    "{\"file_path\":\"/srv/project/a.c\"}}],\"usage\":{\"input_tokens\":%u,"
	    "\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":20000,"
	    "\"output_tokens\":200,\"service_tier\":\"standard\"}}}\n",
	    n, n % 50);
	buf_printf(b,
	    "{\"parentUuid\":\"a%u\",%s,\"type\":\"user\",\"uuid\":\"u%u\",\"message\":{"
	    "\"role\":"
	    "\"user\",\"content\":[{\"tool_use_id\":\"toolu_%u\",\"type\":\"tool_result\","
	    "\"content\":\"",
	    n, common, n + 1, n);
	put_text(b, 3000, n);
	buf_puts(b, "\"}]},\"toolUseResult\":{\"type\":\"text\",\"file\":{\"content\":\"");
	put_text(b, 3000, n);
	buf_puts(b, "\",\"numLines\":100}}}\n");
}

static double
read_text(const char *path, const char *data, size_t len, struct ledger *l)
{
	const struct agent_format *f = agent_format_find("claude-transcript");
	struct agent_sink sink = {on_event, NULL, l};
	struct agent_parser *p = f->open(path, &sink);
	uint64_t begin = clock_mono_us();

	for (const char *at = data, *end = data + len, *nl; at < end; at = nl + 1) {
		if ((nl = memchr(at, '\n', (size_t)(end - at))) == NULL)
			break;
		f->feed(p, at, (size_t)(nl - at), (uint64_t)(at - data));
	}
	f->flush(p);
	f->close(p);
	return (double)(clock_mono_us() - begin) / 1e6;
}

int
main(int argc, char **argv)
{
	struct ledger *l = ledger_new();
	struct ledger_sum sum;
	struct prices *prices;
	struct buf b;
	double s;

	buf_init(&b, BUF_NO_MAX);
	if (argc > 1) {
		FILE *f = fopen(argv[1], "rb");
		size_t n;
		while (f != NULL && (n = fread(buf_reserve(&b, 1 << 20), 1, 1 << 20, f)) > 0)
			buf_commit(&b, n);
		if (f != NULL)
			fclose(f);
	}
	for (unsigned n = 0; argc == 1 && b.len < SIZE; n++)
		put_turn(&b, n);
	s = read_text(argc > 1 ? argv[1] : "made.jsonl", b.data, b.len, l);
	prices_new(NULL, 0, &prices, NULL);
	ledger_sum(l, NULL, prices, &sum);
	printf("%.0f MB in %.2f s: %.0f MB/s, %zu events, %zu rows, %.2f USD\n",
	    (double)b.len / 1e6, s, (double)b.len / 1e6 / s, events, sum.rows, sum.cost_usd);
	prices_free(prices);
	ledger_free(l);
	buf_release(&b);
	return 0;
}
