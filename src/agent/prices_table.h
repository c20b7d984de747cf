/* The table of prices as prices.awk writes it: a row for each model, by name. */
#ifndef AGENT_PRICES_TABLE_H
#define AGENT_PRICES_TABLE_H

#include <stddef.h>

/* In USD for one token, but for the last two. */
enum price {
	PRICE_INPUT,
	PRICE_OUTPUT,
	PRICE_CACHE_READ,
	PRICE_CACHE_WRITE_5M,
	PRICE_CACHE_WRITE_1H,
	PRICE_INPUT_MORE, /* of what is above 200,000 of its class */
	PRICE_OUTPUT_MORE,
	PRICE_CACHE_READ_MORE,
	PRICE_CACHE_WRITE_5M_MORE,
	PRICE_CACHE_WRITE_1H_MORE,
	PRICE_SEARCH, /* of one search */
	PRICE_FAST,   /* what all is multiplied with */
	PRICES
};

struct price_row {
	const char *model, *provider;
	unsigned set; /* a bit for each price that is known */
	double price[PRICES];
};

extern const struct price_row price_rows[];
extern const size_t price_rows_count;

#endif
