/*
 * What an attempt to connect finds on its way, for those who ask why it does not work. Filled by
 * link.c from what libcurl measures and says; bounded, plain data. No secrets: URLs as url_display
 * shows them, of headers of ours the names, of a challenge its scheme and realm, of an mcp.auth
 * subprotocol that it is one. Text of the other side is as it came: whoever prints it escapes it.
 * Pure.
 */
#ifndef WSMCP_REPORT_H
#define WSMCP_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reason.h"

#define REPORT_TEXT_SIZE 512

/* What an attempt goes through, in this order. */
enum report_step {
	REPORT_STEP_SETUP,
	REPORT_STEP_DNS,
	REPORT_STEP_TCP,
	REPORT_STEP_PROXY,
	REPORT_STEP_TLS,
	REPORT_STEP_HTTP,
	REPORT_STEP_SUBPROTOCOL,
	REPORT_STEPS /* none of them */
};

/* The header fields of an answer that tell something. */
enum report_field {
	REPORT_SERVER,
	REPORT_VIA,
	REPORT_CONTENT_TYPE,
	REPORT_LOCATION,
	REPORT_CHALLENGE, /* WWW-Authenticate and Proxy-Authenticate: scheme and realm */
	REPORT_RETRY_AFTER,
	REPORT_ALLOW,
	REPORT_PROTOCOL, /* the subprotocol that was accepted */
	REPORT_FIELDS
};

/* An answer to our GET, or of a proxy to our CONNECT. */
struct report_answer {
	char status[128];                             /* "HTTP/1.1 101 Switching Protocols" */
	int code;                                     /* as in status; 0 = none */
	char fields[REPORT_FIELDS][REPORT_TEXT_SIZE]; /* "" = not there */
};

struct report_certificate {
	char subject[REPORT_TEXT_SIZE], issuer[REPORT_TEXT_SIZE], names[REPORT_TEXT_SIZE];
	int64_t from, until; /* seconds since 1970; -1 = not known */
};

struct report {
	/* what was to be done */
	char url[REPORT_TEXT_SIZE];
	char host[256], port[6];
	bool tls, loopback;
	bool insecure, has_authority, has_certificate; /* -k, --cacert, --cert */
	char unix_socket[REPORT_TEXT_SIZE];
	char offered[REPORT_TEXT_SIZE]; /* subprotocols */
	char headers[REPORT_TEXT_SIZE]; /* the names of those that were added, ", " between */
	bool has_credentials;           /* Authorization, a cookie or userinfo is sent */

	/* how far it came: microseconds since it began; 0 = not so far */
	int64_t resolved, connected, tunnelled, secured, open, ended;
	int64_t clock; /* when it began, seconds since 1970 */

	/* what was found */
	char looked_up[256]; /* a name, the server's or a proxy's; "" = there was none */
	bool given;          /* --resolve has told its address */
	char addresses[REPORT_TEXT_SIZE];
	char tried[REPORT_TEXT_SIZE];   /* addresses with their ports */
	char refused[REPORT_TEXT_SIZE]; /* "ADDRESS: why", "; " between */
	char address[64];               /* that it is connected to, with its port */
	int os_error;                   /* of the last address tried; 0 = none */
	char proxy[REPORT_TEXT_SIZE];   /* "" = none */
	char proxy_variable[64];        /* of the environment, that named it; "" = none did */
	char tls_version[32], tls_cipher[96];
	struct report_certificate certificate;
	struct report_answer proxy_answer, answer;
	bool speaks_tls; /* it was asked in plaintext, in vain: it would have answered over TLS */
	int64_t ping; /* the first WebSocket ping's round trip in microseconds; -1 = not answered */

	struct reason reason; /* why it ended; REASON_NONE = it has not */
};

/*
 * Begins the report of an attempt to connect to ${url} (final, whole), with the subprotocols
 * ${offered} (NULL = none). ${clock} in seconds since 1970.
 */
void report_begin(struct report *r, const char *url, const char *offered, int64_t clock);

/* A header that is sent with the handshake. */
void report_sent(struct report *r, const char *name);

/*
 * The proxy that is used, as it was given, by the environment's ${variable} ("" = not by the
 * environment). Of an HTTP proxy the first answer is its own.
 */
void report_proxy(struct report *r, const char *proxy, const char *variable);

/* A line of what libcurl says of its doings; of most it takes no notice. */
void report_text(struct report *r, const char *text, size_t len);

/*
 * A line of an answer's head, the empty one at its end too, ${at} microseconds after the attempt
 * began.
 */
void report_header(struct report *r, const char *line, size_t len, int64_t at);

/* A field of the server's own certificate, as libcurl names it: "Subject:CN = example.com". */
void report_certificate_field(struct report *r, const char *field);

/* Whether the attempt goes through this step: there is a name to resolve, a proxy, and so on. */
bool report_wants(const struct report *r, enum report_step step);

/* When the step was done, in microseconds since the attempt began; 0 = not yet. */
int64_t report_done(const struct report *r, enum report_step step);

/* The step in which the attempt has failed; REPORT_STEPS if it has not. */
enum report_step report_failed(const struct report *r);

#endif
