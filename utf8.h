/*
 * Incremental UTF-8 validation (RFC 3629: no overlong forms, no surrogates,
 * nothing above U+10FFFF).
 */
#ifndef WSMCP_UTF8_H
#define WSMCP_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Where a text stands between two pieces. All zero = at a character boundary. */
struct utf8 {
	unsigned char need; /* continuation bytes still to come */
	unsigned char low;  /* what the next continuation byte may be at least ... */
	unsigned char high; /* ... and at most; both 0 stand for 0x80..0xBF */
};

/*
 * Checks the next ${len} bytes of a text. Returns false at the first byte that
 * cannot be part of valid UTF-8; the state is then of no more use.
 * Many bytes are checked at a time.
 */
bool utf8_feed(struct utf8 *u, const void *bytes, size_t len);

/* Whether the text may end here. */
bool utf8_complete(const struct utf8 *u);

#endif
