#include "config.h"

#include "unit.h"

#include <stdio.h>

#include "agent/secrets.h"
#include "base/buf.h"
#include "base/xmalloc.h"

#define M SECRETS_MASK
/* Of the length they have, and made up. */
#define A16 "ABCDEFGHJK234567"
#define A20 "aB3dE6gH9jK2mN5pQ8sT"
#define A36 "aB3dE6gH9jK2mN5pQ8sTaB3dE6gH9jK2mN5p"
#define A64 "MIIEowIBAAKCAQEAaB3dE6gH9jK2mN5pQ8sTaB3dE6gH9jK2mN5pQ8sT/+abcdef"

static void
check(const char *text, const char *want)
{
	char *got = secrets_masked(text);

	if (strcmp(got != NULL ? got : text, want) != 0)
		fail_msg("%s\nis %s\nnot %s", text, got != NULL ? got : "(as it was)", want);
	if (got != NULL && strcmp(text, want) == 0)
		fail_msg("%s: something was found", text);
	free(got);
}

static void
keys_with_a_beginning_of_their_own(void **state)
{
	static const char *const keys[][2] = {{"AKIA", A16}, {"ASIA", A16}, {"ghp_", A36},
	    {"gho_", A36}, {"ghs_", A36}, {"github_pat_", "11" A20 "_" A36}, {"glpat-", A20},
	    {"glpat-", "aB3-dE6_gH9jK2mN5pQ8"}, {"xoxb-", "123456789012-1234567890123-" A20},
	    {"xoxp-", "1234567890-" A20}, {"sk_live_", A20}, {"rk_live_", A20}, {"sk-", A36},
	    {"sk-proj-", A36 "_-" A36}, {"sk-ant-", "api03-" A36 "-" A36 "_AA"},
	    {"AIza", "SyA-" A20 "_abcd1234567"}, {"npm_", A36}, {"hf_", A36}};

	(void)state;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		static const char *const around[][2] = {{"", ""}, {"use ", " now"},
		    {"\"", "\""}, {"--x=", "\n"}, {"(", ")."}, {"{\"a\":\"b\\n", "\\n\"}"},
		    {"\x1b[1;31m", "\x1b[0m"}, {"\\u001b[32m", "\\u001b[0m"},
		    {"https://h/?k=", "&l"}, {"git remote https://", "@github.com/x"},
		    {"a\tb\\t", "\\\\n"}};

		for (size_t k = 0; k < sizeof around / sizeof *around; k++) {
			const char *before = around[k][0], *after = around[k][1];
			char *text =
			    xasprintf("%s%s%s%s", before, keys[i][0], keys[i][1], after);
			char *want = xasprintf("%s%s%s%s", before, keys[i][0], M, after);

			check(text, want);
			free(text);
			free(want);
		}
	}
}

static void
tokens_and_headers(void **state)
{
#define JWT "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	(void)state;
	check("t eyJ" JWT " u", "t eyJ" M " u");
	check("Authorization: Bearer abc.def-123", "Authorization: Bearer " M);
	check("curl -H \"authorization: bearer abcdef\" x",
	    "curl -H \"authorization: bearer " M "\" x");
	check("{\"Authorization\":\"Basic dXNlcjpwYXNz\"}",
	    "{\"Authorization\":\"Basic " M "\"}");
	check("{\\\"Authorization\\\": \\\"Bearer eyJ" JWT "\\\"}",
	    "{\\\"Authorization\\\": \\\"Bearer " M "\\\"}");
	check("Proxy-Authorization: Token 0123456789abcdef", "Proxy-Authorization: Token " M);
	check("with Bearer 0123456789abcdef0123", "with Bearer " M);
	check("postgres://app:hunter2@db:5432/x", "postgres://app:" M "@db:5432/x");
	check("redis://:p%40ss@[::1]/0", "redis://:" M "@[::1]/0");
	check("a https://u:p4@h b https://u:p5@h", "a https://u:" M "@h b https://u:" M "@h");
}

static void
private_keys(void **state)
{
	(void)state;
	check("x\n-----BEGIN RSA PRIVATE KEY-----\n" A64 "\n" A64
	      "\nabc=\n-----END RSA PRIVATE KEY-----\ny",
	    "x\n-----BEGIN RSA PRIVATE KEY-----" M "\ny");
	check("\"-----BEGIN PRIVATE KEY-----\\n" A64 "\\nabc=\\n-----END PRIVATE KEY-----\\n\"",
	    "\"-----BEGIN PRIVATE KEY-----" M "\\n\"");
	check("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n" A64
	      "\n-----END EC PRIVATE KEY-----",
	    "-----BEGIN EC PRIVATE KEY-----" M);
	/* cut off, and with the numbers that a tool put before its lines */
	check("1\xe2\x86\x92-----BEGIN OPENSSH PRIVATE KEY-----\n2\xe2\x86\x92" A64
	      "\n3\xe2\x86\x92" A64,
	    "1\xe2\x86\x92-----BEGIN OPENSSH PRIVATE KEY-----" M);
	check("-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n" A64
	      "\n=abcd\n-----END PGP PRIVATE KEY BLOCK----- z",
	    "-----BEGIN PGP PRIVATE KEY BLOCK-----" M " z");
	check("-----BEGIN CERTIFICATE-----\n" A64 "\n-----END CERTIFICATE-----",
	    "-----BEGIN CERTIFICATE-----\n" A64 "\n-----END CERTIFICATE-----");
	check("put -----BEGIN PRIVATE KEY----- in front, and so on and so forth",
	    "put -----BEGIN PRIVATE KEY----- in front, and so on and so forth");
}

static void
values_of_names(void **state)
{
	(void)state;
	check("API_KEY=abcdef", "API_KEY=" M);
	check("export DB_PASSWORD=hunter2 X=1", "export DB_PASSWORD=" M " X=1");
	check("TOKEN='foo bar baz'", "TOKEN='foo bar baz'");
	check("TOKEN='foobarbaz'", "TOKEN='" M "'");
	check("KEY=0123abcd;", "KEY=" M ";");
	check("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
	    "aws_secret_access_key = " M "\n");
	check("{\"password\": \"correct-horse\", \"a\": 1}",
	    "{\"password\": \"" M "\", \"a\": 1}");
	check("{\\\"apiKey\\\":\\\"0a1b2c3d4e\\\"}", "{\\\"apiKey\\\":\\\"" M "\\\"}");
	check("password: hunter2", "password: " M);
	check("x-api-key: 0a1b2c3d4e5f", "x-api-key: " M);
	check("--password=letmein --user=x", "--password=" M " --user=x");
	check("?access_token=a1b2c3d4e5&x=1", "?access_token=" M "&x=1");
	check("client_secret: 'a\\\\b'", "client_secret: 'a\\\\b'");
	check("spring.datasource.password=s3cret", "spring.datasource.password=" M);
	check("AccountKey=a1b2c3d4e5f6==", "AccountKey=" M);
}

static void
what_is_no_secret_stays(void **state)
{
	static const char *const texts[] = {"", "a", "-", "\\", "\\u", "\\u12", "\x1b[", ":",
	    "://", "-----BEGIN", "-----BEGIN ", "-----BEGIN PRIVATE KEY",
	    "-----BEGIN PRIVATE KEY-----", "token", "token=", "token:", "token = \"", "Bearer ",
	    "Authorization:", "eyJ", "sk-circle-fade-dot-12-and-so-on",
	    "sk-loading-indicator-wrapper", "task-a1b2c3d4e5", "ghp_short",
	    "AKIAIOSFODNN7EXAMPL", "XAKIA" A16, "AKIA" A16 "A", "AIza-short",
	    "token = lexer.next()", "password = args.password", "password=password",
	    "password: string;", "password: String,", "password = getpass()",
	    "const token = await getToken()", "key=value", "\"key\": \"ArrowLeft\"",
	    "key={item.id}", "monkey=12345678", "hotkey: ctrl12345", "max_tokens=4096",
	    "\"input_tokens\": 123456789", "primary_key=True", "foreign_key: user_id",
	    "API_KEY=$OTHER", "API_KEY=${X}", "TOKEN=$(cat f1)", "PASSWORD=<yours>",
	    "password: \"\"", "password=\"\" other=\"a1b2c3d4\"", "secret: true",
	    "if (token == 12345678a)", "token: 1234567890", "api_key: os.environ[\"A1\"]",
	    "http://localhost:8080/a@b", "https://example.com:443/x", "git@github.com:a/b.git",
	    "https://u:$PW@h/", "https://u:${PW1}@h/", "bearer of bad news 12345678",
	    "authorization: required", "eyJhbGciOiJIUzI1NiJ9",
	    "0123456789abcdef0123456789abcdef01234567",
	    "id: 7b0c2b9e-1f2e-4c6f-9d52-1c2f3a4b5c6d"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check(texts[i], texts[i]);
	assert_null(secrets_masked(NULL));
}

/* Cut anywhere, nothing is read beyond the end; and bytes that are no text do no harm. */
static void
every_piece_of_a_text_can_be_masked(void **state)
{
	static const char text[] =
	    "a \\u001b[1mpassword\\\": \\\"hunter2\\\" -----BEGIN PRIVATE KEY-----"
	    "\n" A64 "\n-----END PRIVATE KEY----- eyJ" JWT
	    " https://u:p4@h Authorization: Bearer abc123 sk-ant-" A36;

	(void)state;
	for (size_t from = 0; from < sizeof text; from++) {
		for (size_t n = 0; n <= sizeof text - 1 - from; n++) {
			char *piece = xmalloc(n + 1); /* without a NUL behind it */
			struct buf b;

			piece = realloc(piece, n != 0 ? n : 1);
			memcpy(piece, text + from, n);
			buf_init(&b, BUF_NO_MAX);
			if (!secrets_mask(piece, n, &b))
				assert_int_equal(b.len, 0);
			buf_release(&b);
			free(piece);
		}
	}
	for (unsigned seed = 1; seed < 2000; seed++) {
		char noise[512];
		unsigned x = seed;
		struct buf b;

		for (size_t i = 0; i < sizeof noise; i++) {
			x = x * 1103515245u + 12345u;
			noise[i] = (char)(x >> 16);
		}
		buf_init(&b, BUF_NO_MAX);
		secrets_mask(noise, sizeof noise, &b);
		buf_release(&b);
	}
}

/* 4 MiB each of prose, and of what could take the longest; a quadratic scan would take hours. */
static void
long_texts_take_one_pass(void **state)
{
	static const char *const parts[] = {"The quick brown fox jumps over the lazy dog. ",
	    "a", "-", "eyJaaaaaaaaaa.", "token=", "password:\"", "-----BEGIN PRIVATE KEY-----",
	    "://a:", "Bearer ", "Authorization: ", "sk-", "\\", "\\u001b[", "TOKEN='a ",
	    "-----BEGIN "};
	size_t n = 4 * 1024 * 1024;
	char *text = xmalloc(n);

	(void)state;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		size_t len = strlen(parts[i]);
		struct buf b;

		for (size_t k = 0; k < n; k++)
			text[k] = parts[i][k % len];
		buf_init(&b, BUF_NO_MAX);
		if (secrets_mask(text, n, &b))
			assert_non_null(strstr(b.data, M));
		buf_release(&b);
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_with_a_beginning_of_their_own),
	    cmocka_unit_test(tokens_and_headers),
	    cmocka_unit_test(private_keys),
	    cmocka_unit_test(values_of_names),
	    cmocka_unit_test(what_is_no_secret_stays),
	    cmocka_unit_test(every_piece_of_a_text_can_be_masked),
	    cmocka_unit_test(long_texts_take_one_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
