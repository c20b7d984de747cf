#include "config.h"

#include "cli/reports.h"

#include <stdbool.h>
#include <string.h>

/* Length of a string sequence (OSC, DCS, APC) up to ST or BEL; 0 when it is cut off. */
static size_t
string_length(const char *p, size_t len)
{
	for (size_t i = 2; i < len; i++) {
		if (p[i] == '\a')
			return i + 1;
		if (p[i] == '\033' && i + 1 < len && p[i + 1] == '\\')
			return i + 2;
	}
	return 0;
}

/* "1;2" to "1;16": a function key with modifiers. */
static bool
is_key_parameters(const char *p, size_t len)
{
	if (len < 3 || len > 4 || p[0] != '1' || p[1] != ';')
		return false;
	return len == 3 ? p[2] >= '2' && p[2] <= '9'
			: p[2] == '1' && p[3] >= '0' && p[3] <= '6';
}

/* p[0..len) is what stands between "CSI" and the final byte. */
static bool
is_report(const char *p, size_t len, char final)
{
	bool private = len != 0 && strchr("?>=", p[0]) != NULL;

	switch (final) {
	case 'c':
		return private;
	case 'n':
		return len == 1 && (p[0] == '0' || p[0] == '3');
	case 'R':
		return private || (memchr(p, ';', len) != NULL && !is_key_parameters(p, len));
	case 'y':
		return len != 0 && p[len - 1] == '$';
	default:
		return false;
	}
}

/* Length of a report at p, which begins with ESC; 0 when there is none. */
static size_t
report_length(const char *p, size_t len)
{
	size_t i = 2;

	if (len < 3)
		return 0;
	if (strchr("]P_", p[1]) != NULL && p[1] != '\0')
		return string_length(p, len);
	if (p[1] != '[')
		return 0;
	while (i < len && p[i] >= 0x20 && p[i] <= 0x3F)
		i++;
	return i < len && is_report(p + 2, i - 2, p[i]) ? i + 1 : 0;
}

size_t
reports_remove(char *bytes, size_t len)
{
	size_t left = 0, n;

	for (size_t i = 0; i < len; i += n) {
		n = bytes[i] == '\033' ? report_length(bytes + i, len - i) : 0;
		if (n != 0)
			continue;
		bytes[left++] = bytes[i];
		n = 1;
	}
	return left;
}
