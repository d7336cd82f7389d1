/*
 * Texts of a configuration with variables in them (${VAR}, ${VAR:-default}), looked at without
 * expanding them. Pure: no variable is read.
 */
#ifndef WSMCP_TEMPLATE_H
#define WSMCP_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "url.h"

/* Whether a variable may stand in ${text}. */
bool template_has_variable(const char *text);

/*
 * The length of the variable, default and all, that ${text} begins with; 0 if it begins with none
 * or with one that is not closed. ${*name} gets how many bytes behind the "${" are its name.
 */
size_t template_variable(const char *text, size_t *name);

/*
 * As url_parse, for a URL that may have variables anywhere behind its scheme, or as its beginning.
 * What stands in a variable is not looked at: it stands for a host, a port, a path, without
 * userinfo or query of its own. ${out}'s host and port are of no use where a variable is part of
 * them.
 */
const char *template_parse(struct url *out, const char *text);

/*
 * As url_display, for such a URL. Variables are shown by their names, a default that is no plain
 * word as "...", and none of those in userinfo and query.
 */
char *template_display(char *out, size_t size, const char *text);

#endif
