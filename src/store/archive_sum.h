/* CRC-32C (Castagnoli), of records on the disk. Pure; any thread. */
#ifndef STORE_ARCHIVE_SUM_H
#define STORE_ARCHIVE_SUM_H

#include <stddef.h>
#include <stdint.h>

struct record_head;

uint32_t archive_sum(const void *data, size_t len);

/* Of what follows `sum` in a head. */
uint32_t record_head_sum(const struct record_head *head);

#endif
