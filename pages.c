#include "pages.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "jsonrpc.h"

void pages_init(struct pages *p)
{
	*p = (struct pages){0};
	buf_init(&p->items, PAGES_BYTES_MAX);
	buf_init(&p->cursors, PAGES_BYTES_MAX);
}

void pages_free(struct pages *p)
{
	buf_free(&p->items);
	buf_free(&p->cursors);
}

static enum pages_result bad(char *error, const char *what)
{
	(void)snprintf(error, PAGES_ERROR_SIZE, "%s", what);
	return PAGES_BAD;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What stands between the brackets. */
static bool add_items(struct pages *p, const char *array, size_t len)
{
	const char *end = array + len - 1;

	array++;
	while (array < end && is_space(*array))
		array++;
	while (end > array && is_space(end[-1]))
		end--;
	if (array == end)
		return true;
	return (p->items.len == 0 || buf_append_str(&p->items, ",") == BUF_OK) &&
	       buf_append(&p->items, array, (size_t)(end - array)) == BUF_OK;
}

static bool was_there(const struct pages *p, const char *cursor, size_t len)
{
	const char *all = (const char *)p->cursors.data;

	/* A raw string holds no newline. */
	for (size_t at = 0; at < p->cursors.len;) {
		size_t n = (size_t)((const char *)memchr(all + at, '\n', p->cursors.len - at) -
		                    (all + at));
		if (n == len && memcmp(all + at, cursor, len) == 0)
			return true;
		at += n + 1;
	}
	return false;
}

static enum pages_result add_cursor(struct pages *p, const char *cursor, size_t len, char *error)
{
	p->cursor_len = 0;
	if (len == 0 || (len == 4 && memcmp(cursor, "null", 4) == 0) ||
	    (len == 2 && cursor[0] == '"'))
		return PAGES_END;
	if (cursor[0] != '"')
		return bad(error, "its nextCursor is no string");
	if (was_there(p, cursor, len))
		return bad(error, "its nextCursor came before, so it would never end");
	if (p->count == PAGES_MAX)
		return bad(error, "it has more pages than are asked for");
	p->cursor_at = p->cursors.len;
	if (buf_append(&p->cursors, cursor, len) != BUF_OK ||
	    buf_append_str(&p->cursors, "\n") != BUF_OK)
		return bad(error, "it is too large");
	p->cursor_len = len;
	return PAGES_MORE;
}

enum pages_result pages_add(
    struct pages *p, const char *result, size_t len, const char *member, char *error)
{
	struct jsonrpc_span items = jsonrpc_find_key(result, len, member);
	struct jsonrpc_span cursor = jsonrpc_find_key(result, len, "nextCursor");

	p->count++;
	if (json_kind_of_valid(result + items.at, items.len) != JSON_ARRAY) {
		(void)snprintf(error, PAGES_ERROR_SIZE, "it has no array \"%.60s\"", member);
		return PAGES_BAD;
	}
	if (!add_items(p, result + items.at, items.len))
		return bad(error, "it is too large");
	return add_cursor(p, result + cursor.at, cursor.len, error);
}

const char *pages_cursor(const struct pages *p, size_t *len)
{
	*len = p->cursor_len;
	return p->cursor_len ? (const char *)p->cursors.data + p->cursor_at : NULL;
}

char *pages_take(struct pages *p, size_t *len)
{
	char *all = malloc(p->items.len + 3);

	if (all) {
		all[0] = '[';
		if (p->items.len > 0)
			memcpy(all + 1, p->items.data, p->items.len);
		memcpy(all + 1 + p->items.len, "]", 2);
		*len = p->items.len + 2;
	}
	pages_free(p);
	return all;
}
