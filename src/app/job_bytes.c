#include "config.h"

#include "app/job_bytes.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>

#include "base/utf8.h"
#include "base/xmalloc.h"

size_t
job_bytes_cut(const char *data, size_t len)
{
	uint32_t cp;

	for (size_t n = 1; n < UTF8_MAX && n <= len; n++) {
		unsigned char c = (unsigned char)data[len - n];

		if ((c & 0xC0) == 0x80)
			continue;
		return c >= 0xC0 && utf8_decode(data + len - n, n, &cp) == 0 ? n : 0;
	}
	return 0;
}

void
job_bytes_json(cJSON *o, const char *data, size_t len)
{
	char *text;

	if (memchr(data, '\0', len) == NULL && utf8_valid(data, len)) {
		text = xstrndup(data, len);
		cJSON_AddStringToObject(o, "text", text);
	} else {
		text = xmalloc(4 * ((len + 2) / 3) + 1);
		EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)data, (int)len);
		cJSON_AddStringToObject(o, "base64", text);
	}
	free(text);
}
