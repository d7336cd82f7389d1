/*
 * One of the tools that a server has: finding it in the list, and saying what there is. Pure.
 *
 * A tool is the raw JSON object that tools/list gave. Sentences are for a person: without
 * secrets, safe for a terminal, bounded.
 */
#ifndef WSMCP_TOOL_H
#define WSMCP_TOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "value.h"

#define TOOL_ERROR_SIZE 2048

/* A sentence in the making; what does not fit is cut with "...". All zero but for text = empty. */
struct tool_sentence {
	char *text; /* TOOL_ERROR_SIZE bytes */
	size_t len;
};

/* Adds words of our own. Returns false if they did not fit any more. */
bool tool_say(struct tool_sentence *s, const char *words);

/* Adds a foreign text of ${len} bytes in double quotes, at most 100 bytes of it. */
bool tool_quote(struct tool_sentence *s, const char *text, size_t len);

/* The tool ${name} of the array ${tools}; nothing if there is none. */
struct value tool_find(struct value tools, const char *name);

/*
 * Says in ${error} (TOOL_ERROR_SIZE bytes) that there is no such tool, and which there are, the
 * nearest first.
 */
void tool_unknown(struct value tools, const char *name, char *error);

/*
 * Adds "its parameters: a (number, required), b (string)", those nearest to ${wanted} (NULL = as
 * they stand) first.
 */
void tool_say_parameters(struct tool_sentence *s, struct value tool, const char *wanted);

#endif
