/*
 * --trace FILE: every message as one JSON line,
 *   {"time":"2026-07-28T12:34:56.789Z","direction":"to-server","size":42,"text":"..."}
 * The text is the message as it was, as a JSON string; null if it was over the limit and not kept.
 * A byte that is not part of valid UTF-8 stands there as "\udc80" to "\udcff", its value in the
 * last two digits (what Python calls "surrogateescape"), so that it can be told from text.
 * Never headers or URLs.
 *
 * A line of up to 64 KiB is written at once, so that programs which share a file do not
 * mix them; longer ones come in pieces.
 */
#ifndef WSMCP_TRACE_H
#define WSMCP_TRACE_H

#include "message.h"

struct trace;

enum trace_direction {
	TRACE_TO_SERVER, /* the host's, as it leaves for the server */
	TRACE_TO_HOST,   /* the server's, as it came */
	TRACE_ANSWERED   /* made here for the host */
};

/*
 * Opens ${path} for appending, with "%p" replaced by the process id ("%%" by "%"). Created
 * 0600; a symbolic link is not followed; a file that exists must be a regular one, ours, 0600
 * and have no other name. NULL on error, with errno set (EPERM: it is there, but not such a
 * file).
 */
struct trace *trace_open(const char *path);

/*
 * Writes one line. A failed write is warned about once and ends the trace. NULL trace:
 * nothing happens.
 */
void trace_message(struct trace *t, enum trace_direction direction, const struct message *m);

void trace_close(struct trace *t); /* NULL is fine */

#endif
