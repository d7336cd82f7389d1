/*
 * The session: what outlives a link. A pure state machine between the host and the server: no
 * descriptor, no clock (time is an argument, ms), no libcurl.
 *
 * It keeps every message that waits for a link, in order; knows each request that is owed an
 * answer, in both directions; gives a new link what it must hear first (replay.h) and what may
 * be sent again; and answers itself, with an error, what cannot be delivered or whose answer
 * cannot come. It never assumes that a session begins with initialize, or has one.
 *
 * In:  messages of either side, the fate of the link, what the link did with messages, the end of
 *      the host's input, time.
 * Out: pulled when there is room: the next message for the server, the next for the host, the next
 *      deadline.
 *
 * Invariants, for every order of events and each use of an id:
 *   - a request of the host gets exactly one answer, or none if it was cancelled, even if the
 *     server resumes its session and answers on one link what it heard on another;
 *   - a tools/call, or anything else that is not safe to repeat, is *sent* (outbox.h) at most once
 *     in its life;
 *   - no message is begun on more than two links, but for live subscriptions;
 *   - answers of the server reach the host byte for byte;
 *   - a new link sees initialize, then notifications/initialized exactly once, before
 *     anything else, if the host had initialized;
 *   - nothing that an old link asked is answered on a new one;
 *   - messages leave in the order they came, each way;
 *   - memory is bounded by the marks its owner keeps, SESSION_IN_FLIGHT_MAX requests each way,
 *     SESSION_SETTLED_MAX settled ones, and SESSION_KEPT_MAX bytes of kept requests;
 *   - once a link stays up and the host reads, everything that is owed is delivered.
 */
#ifndef WSMCP_SESSION_H
#define WSMCP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message.h"
#include "reason.h"
#include "session_options.h"

struct session;

/* NULL if memory is out. */
struct session *session_new(const struct session_options *options, int64_t now);
void session_free(struct session *s); /* NULL is fine */

/* A message of the host, as read; takes it. */
void session_host_said(struct session *s, struct message *m, int64_t now);

/* A message of the server, as received; takes it. */
void session_server_said(struct session *s, struct message *m, int64_t now);

/*
 * The host's input ended. What is queued still waits for a link as long as its offline time
 * lasts, what has none for the longer of offline and linger time; on a link, what is owed is
 * awaited for the linger time.
 */
void session_host_ended(struct session *s, int64_t now);

/*
 * A link is up: messages may be pulled for it, what it must hear first of all. It counts as up for
 * the host once the replay is complete.
 */
void session_link_up(struct session *s, int64_t now);

/* A message that was pulled for the link comes back, with how far it got; takes it. In order. */
void session_reclaimed(struct session *s, struct message *m);

/*
 * The link is gone. To be told after the last received message was handed over and everything
 * was reclaimed.
 */
void session_link_down(struct session *s, const struct reason *reason, int64_t now);

/* An attempt to make a link failed: what runs out of time meanwhile is told why. */
void session_attempt_failed(struct session *s, const struct reason *reason);

/*
 * The server refuses us: requests are answered at once with the reason, until a link is up again.
 */
void session_refused(struct session *s, const struct reason *reason, int64_t now);

/*
 * Why the link there is cannot be used (its replay failed), NULL if it can. To be asked after
 * each message and tick.
 */
const struct reason *session_rejects(const struct session *s);

/* Whether the replay is complete: the link is of use. */
bool session_is_ready(const struct session *s);

/* There will be no link any more: everything is answered with the reason, now and from now on. */
void session_give_up(struct session *s, const struct reason *reason, int64_t now);

/*
 * We are about to leave at a signal: cancellations for what the server works on are put at the
 * front of the queue.
 */
void session_cancel_all(struct session *s, int64_t now);

/* Time went by. */
void session_tick(struct session *s, int64_t now);

/* When session_tick has something to do; CLOCK_NEVER if never. */
int64_t session_deadline(const struct session *s);

/* The next message for the server, given to the caller; NULL if there is none or no link. */
struct message *session_next_for_server(struct session *s);

/*
 * The next message for the host, given to the caller, ours or the server's; NULL if there is
 * none.
 */
struct message *session_next_for_host(struct session *s, bool *ours);

/* Cost (message_cost) of what waits for the server or the host. */
size_t session_waiting_for_server(const struct session *s);
size_t session_waiting_for_host(const struct session *s);

/* Whether the session is over, and how. Everything for the host has been pulled then. */
enum session_outcome {
	SESSION_GOES_ON,
	SESSION_COMPLETE, /* the host ended, and every owed request got the server's answer */
	SESSION_FAILED    /* given up, or something stayed without the server's answer */
};
enum session_outcome session_outcome(const struct session *s, int64_t now);

/* What was counted so far. */
void session_stats(const struct session *s, struct session_stats *out);

#endif
