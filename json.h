/*
 * Raw JSON values read and made without a tree, so that numbers, strings and unknown members stay as they
 * are. Pure.
 */
#ifndef WSMCP_JSON_H
#define WSMCP_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

enum json_kind { JSON_NONE, JSON_OBJECT, JSON_ARRAY, JSON_OTHER };

/* What the whole text is; JSON_NONE if it is not one JSON value in UTF-8. */
enum json_kind json_kind(const char *text, size_t len);

/* The same for a value that is known to be valid. */
enum json_kind json_kind_of_valid(const char *raw, size_t len);

/* Appends ${text} as a JSON string; it must be UTF-8. Returns false if memory is out, or the buffer full. */
bool json_append_string(struct buf *out, const char *text);

/* A raw value for a plain key. NULL = the member is not there, and is taken out where it was. */
struct json_member {
	const char *key;
	const char *value;
	size_t len;
};

/*
 * Appends the object ${base} (raw, valid; NULL = an empty one) with ${count} members set: those it had
 * under their keys are gone, everything else stays byte for byte. Returns false if memory is out.
 */
bool json_append_object(struct buf *out, const char *base, size_t base_len,
    const struct json_member *members, size_t count);

/*
 * The raw JSON string ${raw}, unescaped, to be freed. What no C string in UTF-8 can hold (a NUL, half of a surrogate
 * pair) becomes U+FFFD. NULL if it is no string, or memory is out.
 */
char *json_decode(const char *raw, size_t len);

/* The raw JSON number ${raw} as a double. Returns false if it is none. */
bool json_number(const char *raw, size_t len, double *out);

#endif
