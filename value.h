/*
 * JSON values as the raw text they are: nothing is rounded, reordered or escaped anew on the way
 * through. Pure.
 *
 * A value borrows its text. But for value_read, the functions trust it to be valid JSON (of any
 * other they may make nonsense, but never look outside of it); a value that is not there has len
 * 0 and passes through all of them.
 */
#ifndef WSMCP_VALUE_H
#define WSMCP_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "output.h"

struct value {
	const char *text;
	size_t len;
};

#define VALUE_NOTHING ((struct value){"", 0})

enum value_type {
	VALUE_MISSING,
	VALUE_OBJECT,
	VALUE_ARRAY,
	VALUE_STRING,
	VALUE_NUMBER,
	VALUE_BOOLEAN,
	VALUE_NULL
};

/*
 * Checks that ${text} is one JSON value in UTF-8 (RFC 8259). Sets ${out} to it, without white
 * space and byte order mark around it; else to nothing, and returns false.
 */
bool value_read(struct value *out, const char *text, size_t len);

/* A text that is known to be one valid value; NULL = nothing. */
struct value value_of(const char *text);

enum value_type value_type(struct value v);

/* The member of an object by its unescaped key; the first of two equal ones. */
struct value value_member(struct value object, const char *key);

/* The next member of an object. ${*at} is 0 before the first call. False after the last one. */
bool value_next_member(struct value object, size_t *at, struct value *key, struct value *value);

/* The next element of an array, likewise. */
bool value_next(struct value array, size_t *at, struct value *value);

/* Whether the value is the string ${plain}. */
bool value_is(struct value v, const char *plain);

/* Whether the value is the literal true. */
bool value_is_true(struct value v);

/*
 * Whether two scalars are the same by value: strings unescaped, numbers as decimal numbers (both
 * up to JSONRPC_ID_MAX bytes; longer ones only if they are written alike). Containers of one type
 * count as equal.
 */
bool value_equal(struct value a, struct value b);

/* Whether a number has no fraction, however it is written: 5, 5.0, 50e-1. */
bool value_is_integer(struct value number);

/*
 * The text of a string in memory of its own, with a NUL behind it that ${*len} (may be NULL) does
 * not count. Half of a surrogate pair becomes U+FFFD. NULL if it is no string, or memory is out.
 */
char *value_string(struct value string, size_t *len);

/* Writes the value as it is. */
void value_put(struct output *out, struct value v);

/* Writes ${len} bytes of plain text as a JSON string. What is not UTF-8 becomes U+FFFD. */
void value_put_string(struct output *out, const char *plain, size_t len);

#endif
