/*
 * What the result of a tool holds: its items, and what they come to. Pure.
 *
 * A result is the raw JSON object of the server; everything found in it is a piece of its text.
 */
#ifndef WSMCP_CONTENT_H
#define WSMCP_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "value.h"

enum content_kind { CONTENT_TEXT, CONTENT_IMAGE, CONTENT_AUDIO, CONTENT_BLOB, CONTENT_OTHER };

struct content_item {
	enum content_kind kind;
	struct value text;   /* of CONTENT_TEXT: a string */
	struct value base64; /* of CONTENT_IMAGE, CONTENT_AUDIO and CONTENT_BLOB: a string */
	struct value mime;   /* likewise: a string, or nothing */
	struct value member; /* the member that holds the base64, "KEY": and all */
};

/*
 * The next item of ${content}, the array that a result has under that key. ${*at} is 0 before the
 * first call. False after the last one. An item that lacks what its kind must have is
 * CONTENT_OTHER.
 */
bool content_next(struct value content, size_t *at, struct content_item *out);

/* How a kind is called: "image". Static. */
const char *content_kind_name(enum content_kind kind);

/* How many bytes the base64 of an item stands for, if it is valid. */
size_t content_size(const struct content_item *item);

/*
 * What ${result} comes to: "structuredContent" if it is there and not null, else the text of the
 * only item if that is a text, null if there is no item, else the array of the items.
 */
struct value content_data(struct value result);

/*
 * Writes all texts of ${result}, a line break between two, as one JSON string. False if there is
 * none (nothing is written).
 */
bool content_put_texts(struct output *out, struct value result);

/* A piece of a text, and what is to stand in its place. */
struct content_change {
	struct value piece;
	char *with;
};

/* Writes ${v} with the changes whose pieces lie in it; these stand in the order of the text. */
void content_put(
    struct output *out, struct value v, const struct content_change *changes, size_t count);

#endif
