/*
 * How a line that is being typed may go on: commands, names of what the server has, parameters.
 * Pure.
 *
 * A name that could steer the terminal is never offered.
 */
#ifndef WSMCP_COMPLETION_H
#define WSMCP_COMPLETION_H

#include <stddef.h>

#include "catalog.h"

#define COMPLETION_MAX   10000 /* candidates that are looked at */
#define COMPLETION_SHOWN 200   /* that are listed */

struct completion {
	size_t at; /* where in the line (bytes) the word begins that insert stands for */
	/* The word as far as it is clear, quoted; a complete one with a blank; NULL = unclear. */
	char *insert;
	char **candidates;
	size_t count;
};

/*
 * ${line} is what stands in front of the cursor, ${subscriptions} the URIs that are subscribed to
 * (NULL behind the last). Without memory there are fewer candidates. To be freed with
 * completion_free.
 */
void completion_find(struct completion *out, const char *line, const struct catalog *catalog,
    const char *const *subscriptions);
void completion_free(struct completion *c);

/*
 * The candidates as lines of at most ${columns}, for a terminal, to be freed. NULL if there is
 * nothing to choose from, or memory is out.
 */
char *completion_list(const struct completion *c, size_t columns);

#endif
