/*
 * The header command: a program of the user that prints headers as a JSON object of strings.
 *
 * Run as /bin/sh -c COMMAND with stdin from /dev/null, default signals, a process group of its own,
 * CLAUDE_CODE_MCP_SERVER_NAME and CLAUDE_CODE_MCP_SERVER_URL in its environment, inside the caller's poll loop. What it
 * prints on stdout is never shown; what it prints on stderr is logged as a warning.
 */
#ifndef WSMCP_HELPER_H
#define WSMCP_HELPER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "headers.h"

#define HELPER_TIME_MAX   10000           /* ms */
#define HELPER_OUTPUT_MAX ((size_t)65536) /* bytes on stdout */
#define HELPER_POLL_MAX   3

struct helper;

enum helper_state {
	HELPER_RUNNING,
	HELPER_DONE,  /* headers can be taken */
	HELPER_FAILED /* helper_error says why */
};

/* Starts ${command}. NULL if that is not possible, with ${error} (HEADERS_ERROR_SIZE bytes) filled. */
struct helper *helper_start(
    const char *command, const char *name, const char *url, int64_t now, char *error);

/* Ends the process group if it still runs, and waits for it. NULL is fine. */
void helper_free(struct helper *h);

/* For signal handlers: ends the process group of the command that runs, if one does. Async-signal-safe. */
void helper_abandon(void);

/* Fills up to HELPER_POLL_MAX slots and returns how many; lowers ${*deadline}. */
size_t helper_prepare(const struct helper *h, struct pollfd *fds, int64_t *deadline);

enum helper_state helper_process(struct helper *h, int64_t now);

/* One clause without any of its output. Valid until helper_free. */
const char *helper_error(const struct helper *h);

/* Sets what it printed in ${headers}, over headers of the same name. Returns 0, or -1 with ${error} filled. */
int helper_headers(const struct helper *h, struct headers *headers, char *error);

#endif
