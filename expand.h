/*
 * ${VAR} and ${VAR:-default} in configuration text. A default may hold
 * further ${...}. A dollar sign that does not begin "${" stands for itself.
 */
#ifndef WSMCP_EXPAND_H
#define WSMCP_EXPAND_H

#include <stddef.h>

#define EXPAND_ERROR_SIZE 256

/*
 * Returns the expanded text, to be freed by the caller. ${lookup} gives a variable's value
 * or NULL (getenv will do); a variable that is set but empty takes the default of ":-", and
 * values are not expanded again. NULL on error, with ${error} (EXPAND_ERROR_SIZE bytes)
 * naming the variable that is not set, the place of a "${" that is not closed, has no name
 * behind it or is nested over 16 deep, or the limit for a result over ${max} bytes; never
 * a value or a piece of the text.
 */
char *expand(const char *text, char *(*lookup)(const char *name), size_t max, char *error);

#endif
