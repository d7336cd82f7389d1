/*
 * Why an attempt to connect, or a link, ended: a kind to decide by and a clause
 * for a person. Plain data, copied freely.
 */
#ifndef WSMCP_REASON_H
#define WSMCP_REASON_H

#include <stddef.h>
#include <stdint.h>

#include "compat.h"

#define REASON_TEXT_SIZE 400 /* bytes, NUL included */

enum reason_kind {
	REASON_NONE,
	/* the attempt */
	REASON_UNRESOLVED,    /* DNS gave no address */
	REASON_UNREACHABLE,   /* no TCP connection: refused, no route */
	REASON_TIMED_OUT,     /* no 101 within the connect timeout */
	REASON_TRUNCATED,     /* closed before the answer was complete */
	REASON_HTTP,          /* an HTTP status other than 101: see status */
	REASON_PROXY,         /* the proxy said no (status) or failed (status 0) */
	REASON_NOT_WEBSOCKET, /* what answered does not speak WebSocket, or not with us */
	REASON_TLS,           /* no common TLS version, or a TLS failure with no better name */
	REASON_UNTRUSTED,     /* the server's certificate is not trusted */
	REASON_CERTIFICATE,   /* the server does not accept ours */
	/* the link */
	REASON_CLOSED,    /* the server sent a close frame: see close_code */
	REASON_LOST,      /* the connection ended without a close frame */
	REASON_SILENT,    /* nothing heard for too long after a PING, or output stuck */
	REASON_VIOLATION, /* the server broke RFC 6455; we closed with 1002 */
	REASON_NOT_UTF8,  /* text that is not UTF-8; we closed with 1007 */
	REASON_STOPPED,   /* we closed it ourselves, because we were done */
	/* the session on it */
	REASON_REPLAY,  /* the replayed handshake got an error, or no answer */
	REASON_VERSION, /* ... or another protocol version */
	/* ourselves */
	REASON_COMMAND, /* the header command, or what is read anew for each attempt, failed */
	REASON_SETUP    /* libcurl does not take an option or memory is out */
};

struct reason {
	enum reason_kind kind;
	int status;          /* HTTP status, 0 = none */
	int close_code;      /* of a close frame, 1005 if it had none, 0 = no close frame */
	int64_t retry_after; /* ms, from Retry-After; 0 = not given */
	char text
	    [REASON_TEXT_SIZE]; /* one clause without a full stop; foreign text in it is escaped */
};

/* Fills ${r} with a kind and a text; everything else becomes 0. */
void reason_set(struct reason *r, enum reason_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* What may help, as a sentence, or "" if nothing better than the text is known. Static. */
const char *reason_hint(const struct reason *r);

#endif
