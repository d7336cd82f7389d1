/*
 * Tools for people to read: names, descriptions, and parameters with their types. Pure.
 */
#ifndef WSMCP_LISTING_H
#define WSMCP_LISTING_H

#include <stdbool.h>
#include <stddef.h>

#include "output.h"
#include "value.h"

/*
 * Writes ${tool}, a raw object of tools/list, in lines of at most ${columns} (but between 40 and
 * 120), its name ${bold} if wanted. All that comes from the server is escaped for a terminal.
 */
void listing_put_tool(struct output *out, struct value tool, size_t columns, bool bold);

/* Writes all of an array of them, with empty lines between. Returns how many there are. */
size_t listing_put_tools(struct output *out, struct value tools, size_t columns, bool bold);

#endif
