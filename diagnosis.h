/*
 * What the report of an attempt to connect means, as JSON for programs and in words for people.
 * Pure.
 *
 *	{"url": "wss://example.com/mcp", "headers": ["Authorization"],
 *	 "proxy": "http://...", "proxy_variable": "https_proxy",
 *	 "steps": [{"step": "dns", "ok": true, "ms": 1.234, "detail": "...", ...}, ...],
 *	 "failed": "tls", "error": "...", "cause": "...", "ping_ms": 0.345}
 *
 * Steps are "setup" (only if it failed), "dns" (not for an address), "tcp", "proxy", "tls", "http"
 * and "subprotocol", as far as the attempt has come; one that failed is the last. "detail" says it
 * all in one line, further members say it one by one. A step may have a "warning". "headers" are
 * the names of those that were added. "failed" (a step, or "link" if that was open and was lost),
 * "error" and "cause" are there once it has ended, "ping_ms" once a WebSocket ping was answered.
 * Text of the other side is as it came.
 */
#ifndef WSMCP_DIAGNOSIS_H
#define WSMCP_DIAGNOSIS_H

#include "output.h"
#include "report.h"

#define DIAGNOSIS_DAYS 14 /* under which a certificate's rest is warned about */

void diagnosis_put(struct output *out, const struct report *r);

#endif
