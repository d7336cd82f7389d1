/*
 * JSON for people: one member a line, two spaces a level, in colour if wanted. Tokens stay as
 * they are. Pure.
 */
#ifndef WSMCP_PRETTY_H
#define WSMCP_PRETTY_H

#include "value.h"
#include "output.h"

#define PRETTY_DEPTH 60 /* levels that are indented; what lies deeper stands on one line */

enum pretty_style {
	PRETTY_PLAIN = 0,
	PRETTY_COLOUR = 1 << 0, /* SGR sequences */
	PRETTY_SAFE =
	    1 << 1, /* for a terminal: DEL, C1 and what log_escape escapes stand as \uXXXX */
	PRETTY_LINE = 1 << 2 /* all on one line, without spaces between tokens */
};

/* Writes ${value}, without a newline behind it. ${style} is made of enum pretty_style. */
void pretty_put(struct output *out, struct value value, unsigned style);

#endif
