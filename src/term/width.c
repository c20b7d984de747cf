#include "config.h"

#include "term/width.h"

#include <utf8proc.h>

unsigned
width_of(uint32_t cp)
{
	const utf8proc_property_t *p;

	if (cp < 0x300)
		return 1;
	if ((cp >= 0x1160 && cp <= 0x11FF))
		return 0;
	if (cp == 0x2028 || cp == 0x2029)
		return 1;
	p = utf8proc_get_property((utf8proc_int32_t)cp);
	if (p->category == UTF8PROC_CATEGORY_MC)
		return 1;
	if (p->category == UTF8PROC_CATEGORY_CN && cp >= 0x20000 && cp <= 0x3FFFD)
		return 2;
	return p->charwidth;
}
