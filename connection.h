/*
 * A session kept going over successive links: attempts and their back-off, the header command, what is to be sent goes to the
 * link as it takes it, what comes goes to the session as it has room, and the fate of each link
 * is told.
 *
 * An endpoint like the others: connection_prepare tells which descriptors and events matter and
 * until when, connection_process does what can be done without blocking.
 */
#ifndef WSMCP_CONNECTION_H
#define WSMCP_CONNECTION_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "helper.h"
#include "link.h"
#include "session.h"

struct connection;
struct trace;

/* What an attempt to connect is made with. */
struct connection_attempt {
	struct link_options link;
	struct headers headers;
	const char
	    *header_command; /* NULL = none; run before the attempt, its time is not part of it */
	const char *server_name; /* of the configured server, for the header command; "" = none */
};

/* Everything pointed to must outlive the connection. */
struct connection_options {
	/*
	 * Asked before each attempt, so that what was renewed since, in a file, mends it. What it gives must live
	 * until it is asked again. NULL = that failed, with ${error} (HEADERS_ERROR_SIZE bytes) filled.
	 */
	const struct connection_attempt *(*prepare)(void *context, char *error);
	void *context;
	const char *server;      /* how to name the server to people; no secrets */
	uint64_t max_message;    /* bytes, host to server */
	uint64_t max_reply;      /* bytes, server to host */
	int64_t replay_timeout;  /* ms for the answer to a replayed initialize; 0 = no limit */
	int64_t linger;          /* ms; 0 = do not wait */
	int64_t offline_timeout; /* ms; 0 = do not wait */
	int64_t request_timeout; /* ms; 0 = off */
	int64_t retry_delay_max; /* ms, at least 1 */
	bool reconnect;          /* false: the first loss of an established link ends it */
	bool resend;             /* requests that are safe to repeat are sent again */
	bool once;               /* the first attempt that fails ends it */
	struct trace *trace;     /* NULL = none */
	/*
	 * Told of every message as it leaves for the server or has come from it, those of the replay too; not of digests.
	 * NULL = nobody is. May give the connection messages of the host, but nothing else.
	 */
	void (*tap)(void *context, bool to_server, const struct message *m);
	void *tap_context;
};

/* Most bytes (message_cost) that wait in one direction before the source is left alone. */
#define CONNECTION_MARK ((size_t)256 * 1024)

/* Slots that connection_prepare may fill. */
#define CONNECTION_POLL_MAX (LINK_POLL_MAX + HELPER_POLL_MAX)

/* NULL if memory is out. */
struct connection *connection_new(const struct connection_options *options, int64_t now);
void connection_free(struct connection *c); /* closes at once; NULL is fine */

/* Begins the first attempt to connect. */
void connection_start(struct connection *c, int64_t now);

/*
 * Fills ${fds} (CONNECTION_POLL_MAX slots) and returns how many; lowers ${*deadline} to when connection_process
 * is wanted at the latest. ${host_room}: whether the host takes more messages now.
 */
size_t connection_prepare(
    struct connection *c, struct pollfd *fds, bool host_room, int64_t *deadline, int64_t now);

/* To be called after poll, and whenever messages were given. */
void connection_process(
    struct connection *c, const struct pollfd *fds, size_t count, bool host_room, int64_t now);

/* Whether a message of the host is welcome: what waits for the server is under the mark. */
bool connection_accepts(const struct connection *c);

/* Cost (message_cost) of what waits for the server. */
size_t connection_waiting(const struct connection *c);

/* A message of the host; takes it. */
void connection_host_said(struct connection *c, struct message *m, int64_t now);

/* The host's input ended. */
void connection_host_ended(struct connection *c, int64_t now);

/* The next message for the host, given to the caller; NULL if there is none. */
struct message *connection_next_for_host(struct connection *c);

/* The same; ${*ours} tells whether it was made here. */
struct message *connection_take(struct connection *c, bool *ours);

/* Whether the server hears what the host says: there is a link, and its replay is complete. */
bool connection_is_ready(const struct connection *c);

/*
 * Why the last attempt or link ended, and how many have. Of kind REASON_NONE if none has.
 */
const struct reason *connection_reason(const struct connection *c);
uint64_t connection_ends(const struct connection *c);

/*
 * Leaves because the host wants to: cancels what is in flight, sends what waits and closes with 1000;
 * what the server still sends is dropped. connection_outcome is final once the link is down.
 */
void connection_finish(struct connection *c, int64_t now);

/*
 * Leaves on a signal: cancels what is in flight and closes with 1001, as far as that does not block;
 * what the server still sends is dropped. connection_outcome is final once the link is down.
 */
void connection_stop(struct connection *c, int64_t now);

/*
 * Whether it is over: SESSION_GOES_ON until everything for the host was pulled and the link is
 * closed.
 */
enum session_outcome connection_outcome(const struct connection *c, int64_t now);

/* What the last attempt has found; NULL if its options wanted no report. */
const struct report *connection_report(const struct connection *c);

/* One line of counters for a person, into ${out}. Returns out. */
#define CONNECTION_STATS_SIZE 1024
char *connection_stats(const struct connection *c, char out[CONNECTION_STATS_SIZE]);

#endif
