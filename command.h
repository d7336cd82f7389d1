/*
 * The commands and the ways they end, as tables: for main, --help, the man page and the
 * completions. Pure.
 */
#ifndef WSMCP_COMMAND_H
#define WSMCP_COMMAND_H

#include <stddef.h>

#include "options.h"
#include "wsmcp.h"

struct command {
	const char *name;
	const char *operands; /* as they stand in a usage line */
	const char *help;     /* a clause without capital and full stop */
	enum options_command id;
};

/* An exit status. */
struct command_status {
	enum wsmcp_status status;
	const char *name, *when;
};

/* The ${index}th of them, or NULL behind the last. The first command is the default one. */
const struct command *command_at(size_t index);
const struct command_status *command_status_at(size_t index);

#endif
