/* Addresses, origins, and those who guess. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "net/addr.h"
#include "net/guard.h"

static struct addr
addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static bool
has(const char *net, const char *text)
{
	struct addr a = addr(text);
	struct addr_net n;

	assert_int_equal(addr_net_parse(net, &n), 0);
	return addr_net_has(&n, &a);
}

static void
addresses_have_one_spelling(void **state)
{
	struct addr a = addr("::ffff:10.1.2.3"), b = addr("10.1.2.3"),
		    c = addr("2001:DB8:0::1");
	char text[ADDR_TEXT];

	(void)state;
	assert_true(addr_same(&a, &b));
	addr_text(&a, text);
	assert_string_equal(text, "10.1.2.3");
	addr_text(&c, text);
	assert_string_equal(text, "2001:db8::1");
	static const char *const bad[] = {"", "10.1", "10.1.2.256", "010.1.2.3x", "::g", "1:2",
	    "10.1.2.3 ", "[::1]", "0x7f.1"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(addr_parse(bad[i], &a), -EINVAL);
}

static void
networks(void **state)
{
	static const char *const bad[] = {"", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/",
	    "10.0.0.1/8", "::1/64", "::/129", "localhost", "10.0.0.0/8/8", "10.0.0.0/08x"};
	struct addr_net n;

	(void)state;
	assert_true(has("10.0.0.0/8", "10.255.1.2"));
	assert_false(has("10.0.0.0/8", "11.0.0.0"));
	assert_true(has("192.168.7.4", "192.168.7.4"));
	assert_false(has("192.168.7.4", "192.168.7.5"));
	assert_true(has("0.0.0.0/0", "8.8.8.8"));
	assert_false(has("0.0.0.0/0", "2001:db8::1"));
	assert_true(has("::/0", "2001:db8::1"));
	assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(addr_net_parse(bad[i], &n), -EINVAL);
}

static void
origins_are_exact(void **state)
{
	static const struct {
		const char *text, *host;
		unsigned port;
		bool https, literal;
	} good[] = {
	    {"http://127.0.0.1:7263", "127.0.0.1", 7263, false, true},
	    {"HTTP://LocalHost", "localhost", 80, false, false},
	    {"https://box.example", "box.example", 443, true, false},
	    {"https://[2001:DB8:0:0::1]:8443", "[2001:db8::1]", 8443, true, true},
	    {"https://xn--bcher-kva.example:443", "xn--bcher-kva.example", 443, true, false},
	};
	static const char *const bad[] = {"http://a:080", "", "null", "http://", "http://:80",
	    "ftp://a", "//a", "http://a/", "http://a:80/", "http://u@a", "http://u:p@a",
	    "http://a:", "http://a:0", "http://a:65536", "http://a:080000", "http://a:+1",
	    "http://a:1x", "http://a b", "http://a.", "http://.a", "http://a..b", "http://[::1",
	    "http://::1", "http://[::1]x", "http://[127.0.0.1]", "http://[::1%lo]",
	    "http://a%00", "http://a?x", "http://a#x", "http:a", " http://a", "http://a ",
	    "http://\xc3\xa9", "http://a\\b", "file://", "http://a, http://b", "http://[]",
	    "http://[a]"};
	struct origin o, other;
	char name[300] = "http://";

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(origin_parse(good[i].text, &o), 0);
		assert_string_equal(o.host, good[i].host);
		assert_int_equal(o.port, good[i].port);
		assert_int_equal(o.https, good[i].https);
		assert_int_equal(o.literal, good[i].literal);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (origin_parse(bad[i], &o) != -EINVAL)
			fail_msg("%s is taken", bad[i]);
	memset(name + 7, 'a', 280);
	assert_int_equal(origin_parse(name, &o), -EINVAL);
	origin_parse("https://a:443", &o);
	origin_of_host("A", true, &other);
	assert_true(origin_same(&o, &other));
	origin_of_host("a", false, &other);
	assert_false(origin_same(&o, &other));
	origin_of_host("a:443", false, &other);
	assert_false(origin_same(&o, &other));
}

static void
offer(struct guard *g, const struct addr *a, int from, int to, uint64_t now)
{
	char token[32];

	for (int i = from; i < to; i++) {
		snprintf(token, sizeof token, "wrong-%d", i);
		guard_wrong(g, a, token, now);
	}
}

static void
who_guesses_waits_longer_and_longer(void **state)
{
	struct addr a = addr("192.0.2.1"), b = addr("192.0.2.2");
	struct guard *g = guard_new(10);
	uint64_t now = 1000000;

	(void)state;
	offer(g, &a, 0, 10, now);
	assert_int_equal(guard_refused_s(g, &a, now), 0);
	for (int i = 0, s = 5; i < 12; i++) {
		offer(g, &a, 10 + i, 11 + i, now);
		assert_int_equal(guard_refused_s(g, &a, now), s);
		assert_int_equal(guard_refused_s(g, &a, now + 1), s);
		assert_int_equal(guard_refused_s(g, &b, now), 0);
		now += 1000 * (uint64_t)s;
		assert_int_equal(guard_refused_s(g, &a, now), 0);
		s = 2 * s > GUARD_MOST_S ? GUARD_MOST_S : 2 * s;
	}
	now += GUARD_FORGET_S * 1000ull;
	offer(g, &a, 100, 110, now);
	assert_int_equal(guard_refused_s(g, &a, now), 0);
	guard_free(g);
}

static void
the_same_again_is_no_guess(void **state)
{
	struct addr a = addr("192.0.2.1");
	struct guard *g = guard_new(10), *open = guard_new(0);

	(void)state;
	for (int i = 0; i < 1000; i++)
		offer(g, &a, i % 10, i % 10 + 1, 5000);
	assert_int_equal(guard_refused_s(g, &a, 5000), 0);
	offer(g, &a, 10, 11, 5000);
	assert_int_equal(guard_refused_s(g, &a, 5000), 5);
	offer(open, &a, 0, 1000, 5000);
	assert_int_equal(guard_refused_s(open, &a, 5000), 0);
	guard_free(g);
	guard_free(open);
}

static void
a_network_of_ipv6_is_one_client(void **state)
{
	struct addr a = addr("2001:db8:1:2::1"), near = addr("2001:db8:1:2:ffff::9"),
		    far = addr("2001:db8:1:3::1"), v4 = addr("10.0.0.1"),
		    other = addr("10.0.0.2");
	struct guard *g = guard_new(1);

	(void)state;
	offer(g, &a, 0, 2, 5000);
	offer(g, &v4, 0, 2, 5000);
	assert_int_equal(guard_refused_s(g, &near, 5000), 5);
	assert_int_equal(guard_refused_s(g, &far, 5000), 0);
	assert_int_equal(guard_refused_s(g, &v4, 5000), 5);
	assert_int_equal(guard_refused_s(g, &other, 5000), 0);
	guard_free(g);
}

static void
clients_are_bounded(void **state)
{
	struct addr a = addr("10.0.0.0"), refused = addr("192.0.2.1");
	struct guard *g = guard_new(1);

	(void)state;
	offer(g, &refused, 0, 12, 5000);
	for (unsigned i = 0; i < 3 * GUARD_CLIENTS; i++) {
		a.b[14] = (unsigned char)(i >> 8);
		a.b[15] = (unsigned char)i;
		offer(g, &a, 0, 1, 5001);
		assert_true(guard_clients(g) <= GUARD_CLIENTS);
	}
	assert_int_equal(guard_clients(g), GUARD_CLIENTS);
	assert_true(guard_refused_s(g, &refused, 5001) > 0);
	guard_free(g);
}

static void
a_refusal_is_told_once_a_minute(void **state)
{
	struct addr a = addr("192.0.2.1"), b = addr("192.0.2.2");
	struct guard *g = guard_new(1);

	(void)state;
	assert_true(guard_tells(g, &a, GUARD_ORIGIN, 0));
	assert_false(guard_tells(g, &a, GUARD_ORIGIN, 59999));
	assert_true(guard_tells(g, &a, GUARD_TOKEN, 59999));
	assert_true(guard_tells(g, &b, GUARD_ORIGIN, 59999));
	assert_true(guard_tells(g, &a, GUARD_ORIGIN, 60001));
	guard_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_have_one_spelling),
	    cmocka_unit_test(networks),
	    cmocka_unit_test(origins_are_exact),
	    cmocka_unit_test(who_guesses_waits_longer_and_longer),
	    cmocka_unit_test(the_same_again_is_no_guess),
	    cmocka_unit_test(a_network_of_ipv6_is_one_client),
	    cmocka_unit_test(clients_are_bounded),
	    cmocka_unit_test(a_refusal_is_told_once_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
