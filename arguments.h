/*
 * The arguments of a tool, from words of a command line to a JSON object. Pure, but for a
 * function that is handed in to read files.
 *
 * A word is
 *   NAME=VALUE   VALUE is taken literally, and becomes what the tool's input schema asks for: a
 *                string as it stands, if a string is allowed (or nothing is said); else a number,
 *                true, false or null. Numbers keep their digits. Arrays and objects are not made
 *                of it.
 *   NAME@FILE    the text of a file, treated in the same way.
 *   NAME:=JSON   any JSON value, as it stands.
 * The first "=", "@" or ":=" in the word is what counts, so a NAME has none of these; it may have
 * dots, which mean nothing.
 *
 * The type, "enum" and "const" of each value are checked (schema.h), and that names are known and
 * none that is required is missing; what is inside of arrays and objects is the server's to
 * check. Errors are sentences for a person, in TOOL_ERROR_SIZE bytes: what is wrong, what is
 * expected, what was given, what there is.
 */
#ifndef WSMCP_ARGUMENTS_H
#define WSMCP_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "tool.h"
#include "value.h"

/*
 * Reads the file ${path}, at most ${max} bytes, into memory of its own, and sets ${*len}. NULL on
 * failure, with ${error} (TOOL_ERROR_SIZE bytes) filled.
 */
typedef char *arguments_file(const char *path, size_t max, size_t *len, char *error);

struct argument {
	char *name;
	char *value; /* with a NUL behind ${len} bytes; of NAME:=JSON valid JSON */
	size_t len;
	bool json;
};

/* All zero = none. */
struct arguments {
	struct argument *items;
	size_t count;
};

void arguments_free(struct arguments *a);

/*
 * Adds one word. What can be checked without the tool is checked: that it is one, that all of it
 * is UTF-8, that JSON is JSON, that no name comes twice. Returns 0, or -1 with ${error} filled.
 */
int arguments_add(
    struct arguments *a, const char *word, arguments_file *file, size_t max, char *error);

/*
 * Makes the object of all words for ${tool}, in their order, checks it, and appends it to ${out}.
 * Returns 0, or -1 with ${error} filled.
 */
int arguments_object(const struct arguments *a, struct value tool, struct buf *out, char *error);

/* Checks an object that was given whole. Returns 0, or -1 with ${error} filled. */
int arguments_check(struct value object, struct value tool, char *error);

#endif
