/*
 * One WebSocket link over libcurl, and the next one when it has ended: one handle for the life of the program. The
 * only module that knows libcurl.
 *
 * libcurl resolves, connects (through proxies and TLS), upgrades and decodes. This module
 * verifies the 101 answer, encodes and writes its own frames (outbox.h), answers
 * PING, sends its own, checks UTF-8, gathers messages and does the closing handshake
 * (RFC 6455 sections 5.5, 7.1, 8.1). It never blocks and knows nothing of requests and
 * replies.
 *
 *   IDLE -> CONNECTING -> OPEN -> CLOSING -> DOWN -> CONNECTING ...
 *
 * Once a link is DOWN, link_reason says why, link_receive has given everything that came, and link_reclaim
 * gives back what was put.
 */
#ifndef WSMCP_LINK_H
#define WSMCP_LINK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "headers.h"
#include "message.h"
#include "reason.h"
#include "report.h"

struct link;

/*
 * What an attempt is made with. Strings must live until the next link_connect; NULL = not given. Times in ms.
 */
struct link_options {
	const char *url;         /* ws:// or wss://, final */
	const char *subprotocol; /* comma-separated list to offer, NULL = none */
	const char *cacert, *cert, *key;
	bool insecure;
	const char *proxy, *noproxy, *unix_socket;
	const char *const *resolve; /* HOST:PORT:ADDRESS */
	size_t resolve_count;
	int64_t connect_timeout; /* up to and including the 101; 0 = none */
	int64_t ping_interval, ping_timeout;
	/*
	 * A report is made of the attempt, and the open link sends a PING at once. An attempt that failed
	 * over a certificate, or in a way that lets one guess that TLS was left out, is followed by
	 * a TLS handshake that trusts anybody and over which nothing is sent, for the sake of the
	 * report: it may take connect_timeout in the first case, LINK_PROBE_TIME in the other.
	 */
	bool report;
};

#define LINK_PROBE_TIME 4000 /* ms */

enum link_state {
	LINK_IDLE,       /* never tried */
	LINK_CONNECTING, /* DNS up to the verified 101 */
	LINK_OPEN,
	LINK_CLOSING, /* a close frame was queued or received; messages still come in */
	LINK_DOWN
};

/*
 * What the libcurl at hand cannot do, as a sentence for a person, NULL if it will do:
 * WebSocket (ws and wss) and version 8.14 or newer (CURLWS_NOAUTOPONG).
 */
const char *link_unsupported(void);

/* "libcurl/8.14.1 OpenSSL/3.0.19 ...", for --version. Static. */
const char *link_library(void);

/* NULL if memory is out. ${max_message}: bytes of an incoming message that is kept. */
struct link *link_new(size_t max_message);

/* Closes at once, without any handshake; frees the messages still in it. NULL is fine. */
void link_free(struct link *l);

/*
 * Begins an attempt with ${options} (copied, their strings are not) and ${headers} (copied). Legal in IDLE, and in DOWN once everything was
 * reclaimed. The outcome shows in link_state, perhaps at once.
 */
void link_connect(
    struct link *l, const struct link_options *options, const struct headers *headers, int64_t now);

enum link_state link_state(const struct link *l);

/* Why the link is DOWN. Valid until the next link_connect. */
const struct reason *link_reason(const struct link *l);

/*
 * Fills up to ${max} slots for poll (LINK_POLL_MAX suffice) and returns how many. ${want_read}: whether the caller
 * will take messages; while it does not, the socket is not read and the keepalive clock stands still.
 */
#define LINK_POLL_MAX 16
size_t link_prepare(struct link *l, struct pollfd *fds, size_t max, bool want_read, int64_t now);

/* When link_process must be called at the latest. */
int64_t link_deadline(const struct link *l, int64_t now);

/* Drives the attempt, writes, keeps the timers. ${fds} as filled by link_prepare, after poll. */
void link_process(struct link *l, const struct pollfd *fds, size_t count, int64_t now);

/*
 * The next message from the server, given to the caller; NULL if there is none now. To be called
 * until NULL, or until the caller has no room; after that, with want_read false. A message may
 * be a digest or not JSON at all. Text of a message that was cut off is never given.
 */
struct message *link_receive(struct link *l, int64_t now);

/* pool_rest for what messages have left behind. */
int64_t link_rest(struct link *l, int64_t now);

/* Sends a message; takes it. Only while OPEN and link_has_room. */
void link_put(struct link *l, struct message *m);
bool link_has_room(const struct link *l);

/* Writes what was put, as far as it is taken. */
void link_flush(struct link *l, int64_t now);

/*
 * A message that the link is done with, given to the caller, in the order they were put: with
 * progress MESSAGE_SENT while the link is up; every other one once it is DOWN.
 */
struct message *link_reclaim(struct link *l);

/*
 * Begins the closing handshake with ${code} and ${reason}: after the messages already put if ${last}, else before them. The link is DOWN when the
 * server has answered, or one second after the close frame left or output stopped moving. While CONNECTING the attempt is
 * given up at once.
 */
void link_close(struct link *l, unsigned code, const char *reason, bool last, int64_t now);

/*
 * The link may be dead without our knowing (the machine slept): a PING is sent and messages are held
 * back until something is heard; after ${wait} ms without, the link is DOWN. Only while OPEN.
 */
void link_suspect(struct link *l, int64_t wait, int64_t now);

/* Fills ${len} bytes with unpredictable data. */
void link_random(void *bytes, size_t len);

/* What there is to tell about the link. */
struct link_stats {
	uint64_t bytes_in, bytes_out; /* of frames out, of payload in, all links together */
	uint64_t messages_in, messages_out;
	uint64_t dropped_empty;
	int64_t ping_rtt_us; /* of the last PONG, -1 = none yet */
};
const struct link_stats *link_stats(const struct link *l);

/* What the attempt has found so far; NULL if no report was wanted. Changes as the link goes on. */
const struct report *link_report(const struct link *l);

#endif
