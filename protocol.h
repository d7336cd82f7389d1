/*
 * The two generations of MCP as far as a client must tell them apart: versions, what is said at
 * the beginning, and what every request carries. Pure.
 *
 * Legacy (2024-11-05 to 2025-11-25) begins with initialize. Modern (2026-07-28) has no beginning: each
 * request says in its _meta which version it is of and what its client can do, and server/discover
 * only asks.
 */
#ifndef WSMCP_PROTOCOL_H
#define WSMCP_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define PROTOCOL_LEGACY "2025-11-25" /* what initialize asks for */
#define PROTOCOL_MODERN "2026-07-28"

/* What the program that uses us handles: only that is declared. */
enum protocol_feature {
	PROTOCOL_ELICITS = 1 << 0,
	PROTOCOL_SAMPLES = 1 << 1,
	PROTOCOL_HAS_ROOTS = 1 << 2
};

/* What was agreed on. All zero = nothing yet. */
struct protocol {
	bool modern;
	bool task_calls;  /* legacy: tools/call may be a task; some tools must be */
	bool task_cancel; /* a task can be cancelled */
	char *version;
	char *result; /* serverInfo, capabilities, instructions as in the result of initialize */
};

void protocol_free(struct protocol *p); /* nothing is agreed on any more */

#define PROTOCOL_ERROR_SIZE 400

/* Appends the params of initialize. Returns false if memory is out. */
bool protocol_append_initialize(struct buf *out, unsigned features);

/*
 * Appends the params of a request: ${params} (raw; NULL = none) with what goes into their _meta, which is a progress token
 * (0 = none) and, if ${modern}, version and capabilities. Members that _meta has already stay. Params that
 * are an array stay as they are; nothing is appended if there is nothing to say. Returns false if memory is out.
 */
bool protocol_append_params(
    struct buf *out, bool modern, unsigned features, const char *params, size_t len, int64_t token);

/*
 * Learns from the raw result of initialize or server/discover. Returns whether its version is spoken here; if not,
 * ${error} (PROTOCOL_ERROR_SIZE bytes) is filled with a clause.
 */
bool protocol_learn_initialize(struct protocol *p, const char *result, size_t len, char *error);
bool protocol_learn_discover(struct protocol *p, const char *result, size_t len, char *error);

#endif
