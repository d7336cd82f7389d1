/*
 * A list that a server gives in pages, put together from their raw texts. Pure.
 */
#ifndef WSMCP_PAGES_H
#define WSMCP_PAGES_H

#include <stddef.h>

#include "buf.h"

#define PAGES_MAX       1000               /* pages */
#define PAGES_BYTES_MAX ((size_t)64 << 20) /* of all items together; and of all cursors */

#define PAGES_ERROR_SIZE 128

struct pages {
	struct buf items;             /* raw, with commas between */
	struct buf cursors;           /* raw, all there were, a newline behind each */
	size_t cursor_at, cursor_len; /* of the last; len 0 = none */
	size_t count;
};

enum pages_result {
	PAGES_MORE, /* the next is to be asked for, with pages_cursor */
	PAGES_END,
	PAGES_BAD /* this is no list, or none that ends */
};

void pages_init(struct pages *p);
void pages_free(struct pages *p);

/*
 * Adds a page: of the raw object ${result} the array ${member}, and "nextCursor" (none, null or "" = the last
 * page). For PAGES_BAD, ${error} (PAGES_ERROR_SIZE bytes) is filled with a clause.
 */
enum pages_result pages_add(
    struct pages *p, const char *result, size_t len, const char *member, char *error);

/* The raw cursor of the next page; NULL for the first. */
const char *pages_cursor(const struct pages *p, size_t *len);

/* All of it as one JSON array, to be freed, ${*len} bytes and a NUL; NULL if memory is out. The pages are gone then. */
char *pages_take(struct pages *p, size_t *len);

#endif
