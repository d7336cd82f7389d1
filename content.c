#include "content.h"

#include <stdint.h>
#include <string.h>

static const struct {
	const char *type, *name;
	const char *key; /* of what it must have */
} kinds[] = {
    [CONTENT_TEXT] = {"text", "text", "text"},
    [CONTENT_IMAGE] = {"image", "image", "data"},
    [CONTENT_AUDIO] = {"audio", "audio", "data"},
    [CONTENT_BLOB] = {"resource", "resource", "blob"},
    [CONTENT_OTHER] = {NULL, "item", NULL},
};

const char *content_kind_name(enum content_kind kind)
{
	return kinds[kind].name;
}

static enum content_kind kind_of(struct value item)
{
	struct value type = value_member(item, "type");
	enum content_kind kind = CONTENT_TEXT;

	while (kind < CONTENT_OTHER && !value_is(type, kinds[kind].type))
		kind++;
	return kind;
}

/* The string ${key} of an object, and the member that holds it. */
static struct value find_string(struct value object, const char *key, struct value *member)
{
	struct value name, found;
	size_t at = 0;

	while (value_next_member(object, &at, &name, &found)) {
		if (!value_is(name, key))
			continue;
		member->text = name.text;
		member->len = (size_t)(found.text + found.len - name.text);
		return value_type(found) == VALUE_STRING ? found : VALUE_NOTHING;
	}
	return VALUE_NOTHING;
}

bool content_next(struct value content, size_t *at, struct content_item *out)
{
	struct value item, found;

	*out = (struct content_item){
	    CONTENT_OTHER, VALUE_NOTHING, VALUE_NOTHING, VALUE_NOTHING, VALUE_NOTHING};
	if (!value_next(content, at, &item))
		return false;
	enum content_kind kind = kind_of(item);
	if (kind == CONTENT_OTHER)
		return true;
	if (kind == CONTENT_BLOB)
		item = value_member(item, "resource");
	found = find_string(item, kinds[kind].key, &out->member);
	if (found.len == 0)
		return true;

	out->kind = kind;
	if (kind == CONTENT_TEXT) {
		out->text = found;
		return true;
	}
	out->base64 = found;
	out->mime = value_member(item, "mimeType");
	if (value_type(out->mime) != VALUE_STRING)
		out->mime = VALUE_NOTHING;
	return true;
}

size_t content_size(const struct content_item *item)
{
	size_t characters = 0, padding = 0;

	for (size_t i = 1; i + 1 < item->base64.len; i++) {
		characters += item->base64.text[i] != '\\'; /* some write "\/" */
		padding += item->base64.text[i] == '=';
	}
	return characters / 4 * 3 - (padding < 3 && characters >= 4 ? padding : 0);
}

struct value content_data(struct value result)
{
	struct value structured = value_member(result, "structuredContent");
	struct value content = value_member(result, "content");
	struct content_item first, second;
	size_t at = 0;

	if (structured.len > 0 && value_type(structured) != VALUE_NULL)
		return structured;
	if (!content_next(content, &at, &first))
		return value_of("null");
	if (first.kind == CONTENT_TEXT && !content_next(content, &at, &second))
		return first.text;
	return content;
}

bool content_put_texts(struct output *out, struct value result)
{
	struct value content = value_member(result, "content");
	struct content_item item;
	bool any = false;
	size_t at = 0;

	while (content_next(content, &at, &item)) {
		if (item.kind != CONTENT_TEXT)
			continue;
		output_str(out, any ? "\\n" : "\"");
		output_put(out, item.text.text + 1, item.text.len - 2);
		any = true;
	}
	if (any)
		output_str(out, "\"");
	return any;
}

void content_put(
    struct output *out, struct value v, const struct content_change *changes, size_t count)
{
	/* Pieces of another text have addresses, too. */
	const uintptr_t start = (uintptr_t)v.text;
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		const struct value *piece = &changes[i].piece;
		uintptr_t place = (uintptr_t)piece->text - start;

		if ((uintptr_t)piece->text < start || place > v.len || piece->len > v.len - place)
			continue;
		output_put(out, v.text + at, place - at);
		output_str(out, changes[i].with);
		at = place + piece->len;
	}
	output_put(out, v.text + at, v.len - at);
}
