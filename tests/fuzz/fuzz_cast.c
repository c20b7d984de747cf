/*
 * Recordings, from anywhere. Input: 'r' and a file, or 'w', then bytes that a pane printed.
 *
 * A file that is refused is refused with one line that says where; events that are taken have times that
 * do not go back and sizes within their bounds, and what they print is UTF-8. Bytes that are written,
 * however they are cut, are read again as they were, with U+FFFD for what was none.
 */
#include "config.h"

#include "base/utf8.h"
#include "fuzz.h"
#include "proto/cast.h"

static void
check_cause(char *cause)
{
	must(cause != NULL && *cause != '\0' && utf8_valid(cause, strlen(cause)));
	must(strchr(cause, '\n') == NULL);
	free(cause);
}

static void
check_event(const struct cast_reader *r, const struct cast_event *e, int64_t *last)
{
	must(e->time_us >= *last && e->time_us <= CAST_TIME_MAX);
	must(r->cols >= 1 && r->cols <= CAST_SIZE_MAX && r->rows >= 1 &&
	     r->rows <= CAST_SIZE_MAX);
	must(utf8_valid(e->data, e->len) && e->data[e->len] == '\0');
	must(e->status >= 0 && e->status <= 255);
	must(e->code != 'r' || (e->cols == r->cols && e->rows == r->rows));
	*last = e->time_us;
}

static void
read_file(const char *text, size_t size)
{
	struct cast_reader r;
	struct cast_event e;
	int64_t last = 0;
	int rc = 0;

	cast_reader_init(&r);
	while (rc >= 0 && size != 0) {
		const char *nl = memchr(text, '\n', size);
		size_t len = nl != NULL ? (size_t)(nl - text) : size;
		char *line = block_of(text, len), *cause = NULL;

		rc = cast_read_line(&r, line, len, &e, &cause);
		free(line);
		must((rc < 0) == (cause != NULL));
		if (rc < 0)
			check_cause(cause);
		else if (rc == 1)
			check_event(&r, &e, &last);
		if (nl != NULL)
			len++;
		text += len;
		size -= len;
	}
	cast_reader_release(&r);
}

/* Pieces of 1 to 7 bytes, as the bytes themselves say, some of them with a pause of so many
 * milliseconds and a bit. */
static void
write_pieces(struct cast_writer *w, struct buf *b, const char *data, size_t size, int64_t *us)
{
	while (size != 0) {
		size_t n = 1 + (unsigned char)data[0] % 7;

		n = n < size ? n : size;
		*us += ((unsigned char)data[0] & 0x0F) * 333;
		cast_put_output(w, b, *us, data, n);
		data += n;
		size -= n;
	}
	cast_put_rest(w, b, *us);
}

static void
write_file(const char *data, size_t size, unsigned version)
{
	struct cast_header h = {
	    .version = version, .cols = 80, .rows = 24, .idle_limit_us = -1};
	char *whole = utf8_sanitize(data, size), *cause = NULL;
	struct cast_writer w;
	struct cast_reader r;
	struct cast_event e;
	struct buf b, back;
	int64_t us = 0;

	buf_init(&b, BUF_NO_MAX);
	buf_init(&back, BUF_NO_MAX);
	cast_put_header(&b, &h);
	cast_writer_init(&w, version, 0);
	write_pieces(&w, &b, data, size, &us);
	cast_put_event(&w, &b, us, 'r', "90x30");
	cast_reader_init(&r);
	for (char *p = b.data, *nl; (nl = strchr(p, '\n')) != NULL; p = nl + 1) {
		int rc = cast_read_line(&r, p, (size_t)(nl - p), &e, &cause);

		must(rc >= 0 && cause == NULL);
		for (char *c = p; c < nl; c++)
			must((unsigned char)*c >= 0x20 && *c != 0x7F);
		if (rc == 1 && e.code == 'o')
			buf_append(&back, e.data, e.len);
	}
	must(r.cols == 90 && r.rows == 30);
	/* However many intervals were rounded. */
	must(llabs((long long)(r.now_us - us)) <= 500);
	/* utf8_sanitize ends at a NUL, as strings do. */
	must(back.len >= strlen(whole) && memcmp(back.data, whole, strlen(whole)) == 0);
	if (memchr(data, '\0', size) == NULL)
		must(back.len == strlen(whole));
	cast_reader_release(&r);
	buf_release(&b);
	buf_release(&back);
	free(whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 2 || size > 64 * 1024)
		return 0;
	text = block_of(data + 1, size - 1);
	if (data[0] == 'r')
		read_file(text, size - 1);
	if (data[0] == 'w') {
		write_file(text, size - 1, 2);
		write_file(text, size - 1, 3);
	}
	free(text);
	return 0;
}
