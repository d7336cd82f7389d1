/*
 * The client's half of the WebSocket opening handshake that libcurl leaves
 * open: the key, and the judgement of a 101 answer (RFC 6455 sections 4.1 and 4.2.2). Pure.
 */
#ifndef WSMCP_HANDSHAKE_H
#define WSMCP_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

#define HANDSHAKE_KEY_SIZE    25 /* 24 characters of base64 and a NUL */
#define HANDSHAKE_ACCEPT_SIZE 29 /* 28 characters of base64 and a NUL */

/* Sec-WebSocket-Key from 16 random bytes. */
void handshake_key(char out[HANDSHAKE_KEY_SIZE], const unsigned char random[16]);

/* The Sec-WebSocket-Accept that answers ${key} (base64 of the SHA-1 of key and GUID). */
void handshake_accept(char out[HANDSHAKE_ACCEPT_SIZE], const char *key);

/* A subprotocol that begins with this, in letters of either case, has a token behind it. */
#define HANDSHAKE_SECRET "mcp.auth."

/* Whether such a one is in the list. */
bool handshake_offer_is_secret(const char *list);

/* Whether ${list} is a comma-separated list of subprotocols: tokens (RFC 9110), none empty. */
bool handshake_offer_valid(const char *list);

/*
 * What the 101 said. NULL = the header was not there; one that came more than once is given joined
 * by ", ". An empty Extensions or Protocol names none.
 */
struct handshake_answer {
	const char *upgrade;
	const char *connection;
	const char *accept;
	const char *extensions;
	const char *protocol;
};

enum handshake_verdict {
	HANDSHAKE_OK = 0,
	HANDSHAKE_NO_UPGRADE,    /* Upgrade is missing or not "websocket" */
	HANDSHAKE_NO_CONNECTION, /* Connection has no token "upgrade" */
	HANDSHAKE_BAD_ACCEPT,    /* Sec-WebSocket-Accept is missing or wrong */
	HANDSHAKE_EXTENSION,     /* an extension nobody offered */
	HANDSHAKE_BAD_PROTOCOL   /* a subprotocol nobody offered */
};

/*
 * Judges an answer to ${key}. ${offered} is the comma-separated list of subprotocols as sent,
 * NULL or "" if none was; a server that picks none is fine. Subprotocols compare exactly,
 * Upgrade and Connection without regard to case.
 */
enum handshake_verdict handshake_check(
    const struct handshake_answer *answer, const char *key, const char *offered);

/* One clause for a person, e.g. "its 101 answer has no valid Sec-WebSocket-Accept". Static. */
const char *handshake_text(enum handshake_verdict verdict);

#endif
