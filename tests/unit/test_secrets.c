#include "config.h"

#include "unit.h"

#include <stdio.h>

#include <cjson/cJSON.h>

#include "agent/secrets.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "proto/json.h"

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
	check("eyJ" JWT "." A20 "." A20 " t", "eyJ" M " t");
	check("postgres://app:hunter2@db:5432/x", "postgres://app:" M "@db:5432/x");
	check("redis://:p%40ss@[::1]/0", "redis://:" M "@[::1]/0");
	check("curl https://hooks.slack.com/services/T0ABC/B0DEF/" A20 " -d x",
	    "curl https://hooks.slack.com/services/" M " -d x");
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
	/* of short lines, behind marks of a diff and colours */
	check("-----BEGIN PRIVATE "
	      "KEY-----\n+\x1b[32mMIIEowIBAAKCAQEA\x1b[0m\n+aB3dE6gH\n+-----END "
	      "PRIVATE KEY-----\n+x",
	    "-----BEGIN PRIVATE KEY-----" M "\n+x");
	/* cut within a line, the first or a later one, and within the last of all */
	check("-----BEGIN PRIVATE KEY-----\nMIIEow", "-----BEGIN PRIVATE KEY-----" M);
	check("-----BEGIN PRIVATE KEY-----\\nMIIEow", "-----BEGIN PRIVATE KEY-----" M);
	check("-----BEGIN PRIVATE KEY-----\n" A64 "\nMIIEow", "-----BEGIN PRIVATE KEY-----" M);
	check("-----BEGIN PRIVATE KEY-----\n" A64 "\nMIIEow\n-----END PRIV",
	    "-----BEGIN PRIVATE KEY-----" M "-----END PRIV");
	check("-----BEGIN PRIVATE KEY-----\n" A64 "\nand then some words",
	    "-----BEGIN PRIVATE KEY-----" M "\nand then some words");
	check("-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
	    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----");
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
options_and_their_arguments(void **state)
{
	(void)state;
	check("deploy --token a1b2c3d4e5 now", "deploy --token " M " now");
	check("x --password hunter2;", "x --password " M ";");
	check("x --password 'correct-horse' y", "x --password '" M "' y");
	check("x --api-key \"0a1b2c3d4e5f\"", "x --api-key \"" M "\"");
	check("terraform -token a1b2c3d4e5", "terraform -token " M);
	check("curl -s -u bob:hunter2 h", "curl -s -u bob:" M " h");
	check("curl -u 'bob:a b' h", "curl -u 'bob:a b' h");
	check("curl --user bob:hunter2", "curl --user bob:" M);
	check("curl -ubob:hunter2 h", "curl -ubob:" M " h");
	check("curl h \\\n  -u bob:hunter2", "curl h \\\n  -u bob:" M);
	check("curl h\nrun -u bob:hunter2", "curl h\nrun -u bob:hunter2");
	check("curl h\\nrun -u bob:hunter2", "curl h\\nrun -u bob:hunter2");
	check("curl -u bob:$PW h", "curl -u bob:$PW h");
	check("docker run -u 1000:1000 x", "docker run -u 1000:1000 x");
	check("curl x | docker run -u 1000:1000 x", "curl x | docker run -u 1000:1000 x");
}

/* {program, option, argument, what is shown} */
static void
arguments_of_their_own(void **state)
{
	static const char *const args[][4] = {{"x", "--token", "abcdefgh", M},
	    {"x", "--password", "two words", M}, {"x", "--password", "hunter2", M},
	    {"x", "--client-secret", "(a)[b]", M}, {"x", "--api-key", "a1b2c3d4e5", M},
	    {"/usr/bin/curl", "-u", "bob:hunter2", "bob:" M},
	    {"curl", "-H", "X-Api-Key: 0a1b2c3d4e5f", "X-Api-Key: " M},
	    {"curl", "-H", "Authorization: Bearer abc.def-123", "Authorization: Bearer " M},
	    {"x", "--x", "--token=a1b2c3d4e5", "--token=" M}, {"x", "-p", "hunter2", "hunter2"},
	    {"x", "-u", "bob:hunter2", "bob:hunter2"}, {"x", "--token", "--other", "--other"},
	    {"x", "--token", "$TOKEN", "$TOKEN"}, {"x", "--token", "4096", "4096"},
	    {"x", "--token-file", "abcdefgh", "abcdefgh"},
	    {"x", "--private-key", "/etc/k.pem", "/etc/k.pem"},
	    {"x", "--sort-key", "user_id", "user_id"},
	    {"x", "--key", "a1b2c3d4e5", "a1b2c3d4e5"},
	    {"x", "--password-stdin", "registry1", "registry1"},
	    {"x", "--secret", "id=npm,src=f", "id=npm,src=f"},
	    {"x", "password", "hunter2", "hunter2"}, {NULL, NULL, "plain", "plain"}};

	(void)state;
	for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
		char *got = secrets_masked_argument(args[i][0], args[i][1], args[i][2]);

		assert_string_equal(got != NULL ? got : args[i][2], args[i][3]);
		free(got);
	}
	assert_null(secrets_masked_argument("x", "--token", NULL));
}

static void
check_json(const char *json, const char *want)
{
	char *got = secrets_masked_json(json);
	cJSON *o;

	assert_string_equal(got != NULL ? got : json, want);
	if (got != NULL) {
		assert_non_null(o = json_parse(got, strlen(got)));
		cJSON_Delete(o);
	}
	free(got);
}

static void
json_stays_json(void **state)
{
	(void)state;
	check_json("{\"a\":\"b\",\"password\": \"hunter2\",\"n\":[1]}",
	    "{\"a\":\"b\",\"password\": \"" M "\",\"n\":[1]}");
	check_json(
	    "{\"password\":12345678,\"token\":null}", "{\"password\":12345678,\"token\":null}");
	check_json("{\"command\":[\"curl\",\"-u\",\"a:b2\",\"--token\",\"abcdefgh\"]}",
	    "{\"command\":[\"curl\",\"-u\",\"a:" M "\",\"--token\",\"" M "\"]}");
	check_json("[\"--token\"],[\"abcdefgh\"]", "[\"--token\"],[\"abcdefgh\"]");
	check_json("{\"command\":\"x --token \\\"a1b2c3d4e5\\\"\\nls\"}",
	    "{\"command\":\"x --token \\\"" M "\\\"\\nls\"}");
	/* What has no end in its string ends with it. */
	check_json("{\"k\":\"-----BEGIN PRIVATE KEY-----\\n" A64 "\",\"b\":\"" A64 "\"}",
	    "{\"k\":\"-----BEGIN PRIVATE KEY-----" M "\",\"b\":\"" A64 "\"}");
	check_json("{\"a\":\"x token=\",\"b\":\"a1b2c3d4e5\"}",
	    "{\"a\":\"x token=\",\"b\":\"a1b2c3d4e5\"}");
	assert_null(secrets_masked_json(NULL));
	assert_null(secrets_masked_json("\"a"));
	assert_null(secrets_masked_json("{\"a\\"));
}

/* Whatever is masked of it: a string with any piece of the text is one that can be read again, in
 * UTF-8, and masked once more it is the same. */
static void
any_piece_stays_json_and_text(void **state)
{
	static const char text[] =
	    "\xc3\xa9 \"password\": \"h\xc3\xa9nter2\" --token a1b2c3d4\xe2\x82\xac\\ "
	    "-----BEGIN PRIVATE KEY-----\n" A64 "\n-----END PRIVATE KEY----- \x1b[\xc3\xa9"
	    " https://u:p\xc3\xa9"
	    "4@h PW_KEY='\\\"abc' curl -u a:\"q2\\\" \xf0\x9f\x98\x80";

	(void)state;
	for (size_t from = 0; from < sizeof text; from++) {
		for (size_t n = 1; n <= sizeof text - 1 - from; n++) {
			char *piece = utf8_sanitize(text + from, n), *json, *masked, *again;
			cJSON *o = cJSON_CreateObject();

			cJSON_AddStringToObject(o, "input", piece);
			json = json_print_take(o);
			masked = secrets_masked_json(json);
			if (masked != NULL) {
				o = json_parse(masked, strlen(masked));
				assert_non_null(o);
				cJSON_Delete(o);
				again = secrets_masked_json(masked);
				assert_string_equal(again != NULL ? again : masked, masked);
				free(again);
				free(masked);
			}
			masked = secrets_masked(piece);
			if (masked != NULL) {
				assert_true(utf8_valid(masked, strlen(masked)));
				again = secrets_masked(masked);
				assert_string_equal(again != NULL ? again : masked, masked);
				free(again);
			}
			free(masked);
			free(json);
			free(piece);
		}
	}
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
	    "the token expires2025 soon", "use --token to pass one", "--password is needed",
	    "--token --other", "--max-tokens 40961234x", "a token 0123456789abcdef0123",
	    "https://hooks.slack.com/services/",
	    "https://slack.com/services/a1b2c3d4e5f6g7h8i9j0k",
	    "data:image/"
	    "png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
	    "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "https://u:$PW@h/",
	    "https://u:${PW1}@h/", "bearer of bad news 12345678", "authorization: required",
	    "eyJhbGciOiJIUzI1NiJ9", "0123456789abcdef0123456789abcdef01234567",
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

/* What is cut off behind the last byte is not looked at. */
static void
nothing_is_read_behind_the_end(void **state)
{
	static const char *const texts[] = {"token=12345678", "token: 12345678", "curl -u a:12",
	    "--token 12345678", "https://hooks.slack.com/services",
	    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nMII-----END",
	    "password=", "curl -u", "\\"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		size_t n = strlen(texts[i]);
		char *piece = malloc(n);
		struct buf b;

		memcpy(piece, texts[i], n);
		buf_init(&b, BUF_NO_MAX);
		secrets_mask(piece, n, &b);
		secrets_mask_json(piece, n, &b);
		buf_release(&b);
		free(piece);
	}
}

/* 4 MiB each of prose, and of what could take the longest; a quadratic scan would take hours. */
static void
long_texts_take_one_pass(void **state)
{
	static const char *const parts[] = {"The quick brown fox jumps over the lazy dog. ",
	    "a", "-", "eyJaaaaaaaaaa.", "token=", "password:\"", "-----BEGIN PRIVATE KEY-----",
	    "://a:", "Bearer ", "Authorization: ", "sk-", "\\", "\\u001b[", "TOKEN='a ",
	    "-----BEGIN ", "=", "eyJ", "A", "-----BEGIN",
	    "-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAA", "-----BEGIN PRIVATE KEY----- ",
	    "--token ", "--token \"", "curl -u ", "curl -u a:b", "://hooks.slack.com/services/",
	    "token=1", "\"", "\\\"", "\"password\":", "[\"--token\",", "eyJaaaaaaaaaa.a.",
	    "://a:b@", "password='", "\"a\":\""};
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
		buf_reset(&b);
		secrets_mask_json(text, n, &b);
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
	    cmocka_unit_test(options_and_their_arguments),
	    cmocka_unit_test(arguments_of_their_own),
	    cmocka_unit_test(json_stays_json),
	    cmocka_unit_test(any_piece_stays_json_and_text),
	    cmocka_unit_test(nothing_is_read_behind_the_end),
	    cmocka_unit_test(what_is_no_secret_stays),
	    cmocka_unit_test(every_piece_of_a_text_can_be_masked),
	    cmocka_unit_test(long_texts_take_one_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
