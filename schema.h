/*
 * What a JSON Schema says of one value, as far as a command line needs it: "type", "enum", "const",
 * "anyOf", "oneOf" (taken as anyOf), "allOf", and "$ref" within the same schema. Everything else
 * forbids nothing, nor does what is nested, or refers to itself, without end. Pure.
 *
 * ${root} is the whole schema, to which references are relative; ${schema} is the part of it that
 * is meant.
 */
#ifndef WSMCP_SCHEMA_H
#define WSMCP_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "value.h"

#define SCHEMA_STEPS 200 /* schemas that are looked at for one question */

/* The types, a bit each. A number without a fraction is an integer, any other a number. */
enum schema_type {
	SCHEMA_STRING = 1 << 0,
	SCHEMA_NUMBER = 1 << 1,
	SCHEMA_INTEGER = 1 << 2,
	SCHEMA_BOOLEAN = 1 << 3,
	SCHEMA_NULL = 1 << 4,
	SCHEMA_ARRAY = 1 << 5,
	SCHEMA_OBJECT = 1 << 6,
	SCHEMA_ANY = (1 << 7) - 1
};

/* The types that are allowed. */
unsigned schema_types(struct value root, struct value schema);

/* Whether ${value} is allowed. */
bool schema_accepts(struct value root, struct value schema, struct value value);

/*
 * What is allowed, in words for a person, into ${out} (${size} bytes, cut with "..."): "string",
 * "number or null", "array of strings", "one of "red", "green"". Safe for a terminal. Returns
 * out.
 */
char *schema_describe(char *out, size_t size, struct value root, struct value schema);

struct schema_property {
	struct value name, schema, description; /* raw strings; the description may be nothing */
};

/*
 * The next property of an object's schema. ${*at} is 0 before the first call, then a place in
 * ${root}. False after the last one.
 */
bool schema_next_property(struct value root, size_t *at, struct schema_property *out);

/* What a schema requires, sorted: to look for each of many properties. */
struct schema_names {
	char **items;
	size_t count;
};

/* Reads "required"; without memory some are missing. To be freed. */
void schema_names_read(struct schema_names *names, struct value root);
bool schema_names_have(const struct schema_names *names, const char *name);
void schema_names_free(struct schema_names *names);

/*
 * What holds for the member ${name} of an object: its property, else "additionalProperties".
 * False if it may not be there: where there are properties others must be allowed explicitly,
 * though JSON Schema itself is less strict. A schema may be made of others; then all names are
 * allowed.
 */
bool schema_member(struct value root, const char *name, struct value *out);

#endif
