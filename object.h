/*
 * A JSON object in the making: members are written as they come. Pure.
 */
#ifndef WSMCP_OBJECT_H
#define WSMCP_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "output.h"
#include "value.h"

/* Its members are private. */
struct object {
	struct output *out;
	bool any;
};

void object_begin(struct object *o, struct output *out);
void object_end(struct object *o);

/* The key of a member, whose value is written to the output next. */
void object_key(struct object *o, const char *key);

/* A plain text; object_text_if leaves an empty one out. */
void object_text(struct object *o, const char *key, const char *text);
void object_text_if(struct object *o, const char *key, const char *text);

void object_bool(struct object *o, const char *key, bool value);
void object_number(struct object *o, const char *key, int64_t number);

/* Microseconds as milliseconds with three decimals; what is negative is 0. */
void object_ms(struct object *o, const char *key, int64_t us);

/* A text with ${between} between its items as an array of strings. */
void object_list(struct object *o, const char *key, const char *list, const char *between);

/* A raw value; null if there is none. */
void object_value(struct object *o, const char *key, struct value v);

#endif
