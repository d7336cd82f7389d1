/*
 * Growable bytes with a maximum: the one place where memory for text is resized.
 */
#include "buf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 256 /* bytes of the first allocation, if so much is allowed */

void buf_init(struct buf *b, size_t max)
{
	b->data = NULL;
	b->len = 0;
	b->cap = 0;
	b->max = max;
}

void buf_free(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->data);
	buf_init(b, b->max);
}

/* What to allocate for ${need} bytes (need <= max): doubled, so that appending stays linear. */
static size_t next_cap(const struct buf *b, size_t need)
{
	size_t cap = b->cap > BUF_FIRST / 2 ? b->cap : BUF_FIRST / 2;

	cap = cap > b->max / 2 ? b->max : cap * 2;
	return cap < need ? need : cap;
}

static bool resize(struct buf *b, size_t cap)
{
	unsigned char *data = realloc(b->data, cap);

	if (data == NULL)
		return false;
	b->data = data;
	b->cap = cap;
	return true;
}

int buf_reserve(struct buf *b, size_t extra)
{
	size_t need;

	if (extra > b->max - b->len)
		return BUF_FULL;
	need = b->len + extra;
	if (need <= b->cap)
		return BUF_OK;
	return resize(b, next_cap(b, need)) ? BUF_OK : BUF_NOMEM;
}

int buf_append(struct buf *b, const void *bytes, size_t len)
{
	int r = buf_reserve(b, len);

	if (r != BUF_OK || len == 0)
		return r;
	memcpy(b->data + b->len, bytes, len);
	b->len += len;
	return BUF_OK;
}

int buf_append_str(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

void buf_consume(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
}
