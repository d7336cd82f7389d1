/*
 * Sentences put together piece by piece in a bounded buffer, and dates in them. Pure.
 */
#ifndef WSMCP_PHRASE_H
#define WSMCP_PHRASE_H

#include <stddef.h>
#include <stdint.h>

#include "compat.h"

struct phrase {
	char *text; /* always NUL-terminated */
	size_t size, len;
};

/* An empty one in ${out} (${size} bytes, at least 1). */
struct phrase phrase_in(char *out, size_t size);

/* Adds to it; what has no room is cut. */
void phrase_add(struct phrase *p, const char *format, ...) PRINTF_LIKE(2, 3);

/* Seconds since 1970 as a day, "2026-07-28", and as a time, "2026-07-28T12:34:56Z". Returns out. */
#define PHRASE_DATE_SIZE 32
char *phrase_day(char out[PHRASE_DATE_SIZE], int64_t seconds);
char *phrase_time(char out[PHRASE_DATE_SIZE], int64_t seconds);

#endif
