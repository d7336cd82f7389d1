/*
 * A growable run of bytes that cannot be made without a maximum.
 *
 * The bytes are contiguous and may move whenever the buffer grows. Growth is
 * geometric; untouched memory of a large buffer is not resident.
 */
#ifndef WSMCP_BUF_H
#define WSMCP_BUF_H

#include <stddef.h>

struct buf {
	unsigned char *data; /* NULL while cap is 0; valid until the next call that may grow */
	size_t len;          /* bytes in use */
	size_t cap;          /* bytes allocated */
	size_t max;          /* len never exceeds this */
};

enum buf_result {
	BUF_OK = 0,
	BUF_FULL = -1, /* the request would exceed max; nothing was changed */
	BUF_NOMEM = -2 /* the allocator said no; nothing was changed */
};

/* An empty buffer that will never hold more than ${max} bytes. Allocates nothing. */
void buf_init(struct buf *b, size_t max);

/* Frees the bytes; the buffer is empty afterwards and keeps its max. */
void buf_free(struct buf *b);

/*
 * Makes room for ${extra} bytes behind len. After BUF_OK the caller may write up
 * to extra bytes at data + len and then add what it wrote to len.
 */
int buf_reserve(struct buf *b, size_t extra);

/* Appends a copy of ${len} bytes. */
int buf_append(struct buf *b, const void *bytes, size_t len);

/* Appends a NUL-terminated string, without its NUL. */
int buf_append_str(struct buf *b, const char *s);

/* Removes the first ${n} bytes (n <= len), moving the rest to the front. */
void buf_consume(struct buf *b, size_t n);

/* Forgets the bytes, keeps the memory. */
void buf_clear(struct buf *b);

#endif
