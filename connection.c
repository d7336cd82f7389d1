#include "connection.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "headers.h"
#include "log.h"
#include "trace.h"

#define CLOSE_NORMAL     1000
#define CLOSE_GOING_AWAY 1001

struct connection {
	struct connection_options opt;
	struct session *session;
	struct link *link;
	struct session_stats told; /* what was warned about so far */
	bool up;                   /* the session knows of this link */
	bool ended;                /* the session knows of its end */
	enum session_outcome outcome; /* as it was when closing began */
	bool closing;              /* the session is over and the link is being closed */
	bool stopped;
};

/* Hashing needs a seed that a peer cannot guess, not one that is secret from us. */
static uint64_t hash_seed(const void *address)
{
	uint64_t x = (uint64_t)clock_now_us() ^ (uint64_t)(uintptr_t)address;

	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	return x ^ x >> 29;
}

struct connection *connection_new(const struct connection_options *options, int64_t now)
{
	struct connection *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->opt = *options;
	c->link = link_new(&options->link);
	c->session = session_new(&(struct session_options){.server = options->server,
	    .max_message = options->max_message,
	    .max_reply = options->link.max_message,
	    .linger = options->linger,
	    .seed = hash_seed(c)},
	    now);
	if (!c->link || !c->session) {
		connection_free(c);
		return NULL;
	}
	return c;
}

void connection_free(struct connection *c)
{
	if (!c)
		return;
	link_free(c->link);
	session_free(c->session);
	free(c);
}

/* --- attempts ---------------------------------------------------------- */

static void give_up(struct connection *c, const struct reason *reason, int64_t now)
{
	const char *hint = reason_hint(reason);

	c->ended = true;
	log_error("%s %s: %s.%s%s", c->up ? "lost the connection to" : "cannot connect to",
	    c->opt.server, reason->text, *hint ? " " : "", hint);
	session_give_up(c->session, reason, now);
}

void connection_start(struct connection *c, int64_t now)
{
	struct headers headers = {0};
	char error[HEADERS_ERROR_SIZE];

	for (size_t i = 0; i < c->opt.header_count; i++) {
		if (headers_add(&headers, c->opt.header_lines[i], true, error) != 0) {
			struct reason reason;
			reason_set(&reason, REASON_SETUP, "%s", error);
			give_up(c, &reason, now);
			headers_free(&headers);
			return;
		}
	}
	link_connect(c->link, &headers, now);
	headers_free(&headers);
}

/* --- the flow ---------------------------------------------------------- */

static bool wants_read(const struct connection *c, bool host_room)
{
	return c->stopped || (host_room && session_waiting_for_host(c->session) < CONNECTION_MARK);
}

static void receive(struct connection *c, bool host_room, int64_t now)
{
	struct message *m;

	while (wants_read(c, host_room) && (m = link_receive(c->link, now)) != NULL) {
		if (c->stopped) {
			message_free(m);
			continue;
		}
		trace_message(c->opt.trace, TRACE_TO_HOST, m);
		session_server_said(c->session, m, now);
	}
}

static bool reclaim(struct connection *c)
{
	struct message *m;
	bool any = false;

	while ((m = link_reclaim(c->link)) != NULL) {
		session_reclaimed(c->session, m);
		any = true;
	}
	return any;
}

/* Fills the link, writes, and again while it takes more: many messages leave in one write. */
static void send(struct connection *c, int64_t now)
{
	bool more = true;

	while (more) {
		struct message *m;
		more = false;
		while (
		    link_has_room(c->link) && (m = session_next_for_server(c->session)) != NULL) {
			trace_message(c->opt.trace, TRACE_TO_SERVER, m);
			link_put(c->link, m);
			more = true;
		}
		link_flush(c->link, now);
		more = reclaim(c) || more;
	}
}

/* 1st, 10th, 100th ...: a flood of one kind must not become a flood of warnings. */
static bool worth_saying(uint64_t count)
{
	while (count > 0 && count % 10 == 0)
		count /= 10;
	return count == 1;
}

static void warn_of(uint64_t now, uint64_t *told, const char *what)
{
	while (*told < now) {
		if (worth_saying(++*told))
			log_warning("%s (%" PRIu64 " so far)", what, *told);
	}
}

static void warn(struct connection *c)
{
	struct session_stats s;

	session_stats(c->session, &s);
	warn_of(s.dropped_malformed, &c->told.dropped_malformed,
	    "dropped a message of the server that is not JSON in UTF-8, or no object or array");
	warn_of(
	    s.dropped_large, &c->told.dropped_large, "dropped a notification over the size limit");
	warn_of(s.dropped_unsent, &c->told.dropped_unsent,
	    "dropped a notification or answer of the host: there is no connection");
	warn_of(s.out_of_memory, &c->told.out_of_memory, "dropped a message: out of memory");
}

/* Tells the session what became of the link; everything received was handed over before. */
static void follow_link(struct connection *c, int64_t now)
{
	enum link_state state = link_state(c->link);

	if (state == LINK_OPEN && !c->up) {
		c->up = true;
		log_info("connected to %s", c->opt.server);
		session_link_up(c->session, now);
	}
	if (state != LINK_DOWN || c->ended)
		return;
	reclaim(c);
	if (c->closing || c->stopped) {
		c->ended = true;
		return;
	}
	if (c->up)
		session_link_down(c->session, link_reason(c->link), now);
	give_up(c, link_reason(c->link), now);
}

static void close_when_over(struct connection *c, int64_t now)
{
	if (c->closing || session_outcome(c->session, now) == SESSION_GOES_ON)
		return;
	c->closing = true;
	c->outcome = session_outcome(c->session, now);
	link_close(c->link, CLOSE_NORMAL, NULL, true, now);
}

size_t connection_prepare(
    struct connection *c, struct pollfd *fds, bool host_room, int64_t *deadline, int64_t now)
{
	size_t n = link_prepare(c->link, fds, CONNECTION_POLL_MAX, wants_read(c, host_room), now);

	*deadline = clock_min(*deadline, link_deadline(c->link, now));
	*deadline = clock_min(*deadline, session_deadline(c->session));
	/* The last message for the host may have been pulled since: nothing else would wake us. */
	if (!c->closing && !c->stopped && session_outcome(c->session, now) != SESSION_GOES_ON)
		*deadline = now;
	return n;
}

void connection_process(
    struct connection *c, const struct pollfd *fds, size_t count, bool host_room, int64_t now)
{
	link_process(c->link, fds, count, now);
	receive(c, host_room, now);
	follow_link(c, now);
	session_tick(c->session, now);
	send(c, now);
	close_when_over(c, now);
	follow_link(c, now);
	warn(c);
}

/* --- the host ---------------------------------------------------------- */

bool connection_accepts(const struct connection *c)
{
	return session_waiting_for_server(c->session) < CONNECTION_MARK;
}

void connection_host_said(struct connection *c, struct message *m, int64_t now)
{
	session_host_said(c->session, m, now);
}

void connection_host_ended(struct connection *c, int64_t now)
{
	session_host_ended(c->session, now);
}

struct message *connection_next_for_host(struct connection *c)
{
	bool ours;
	struct message *m = session_next_for_host(c->session, &ours);

	if (m && ours)
		trace_message(c->opt.trace, TRACE_ANSWERED, m);
	return m;
}

void connection_stop(struct connection *c, int64_t now)
{
	c->stopped = true;
	session_cancel_all(c->session, now);
	send(c, now);
	link_close(c->link, CLOSE_GOING_AWAY, "the host has ended the session", true, now);
	follow_link(c, now);
}

enum session_outcome connection_outcome(const struct connection *c, int64_t now)
{
	enum link_state state = link_state(c->link);

	if (state != LINK_DOWN && state != LINK_IDLE)
		return SESSION_GOES_ON;
	if (c->stopped)
		return SESSION_FAILED;
	if (!c->closing)
		return session_outcome(c->session, now);
	/* What came while we closed may still be on its way to the host. */
	return session_waiting_for_host(c->session) > 0 ? SESSION_GOES_ON : c->outcome;
}

char *connection_stats(const struct connection *c, char out[CONNECTION_STATS_SIZE])
{
	const struct link_stats *l = link_stats(c->link);
	struct session_stats s;
	char rtt[32] = "none";

	session_stats(c->session, &s);
	if (l->ping_rtt_us >= 0)
		snprintf(rtt, sizeof rtt, "%.1f ms", (double)l->ping_rtt_us / 1000);
	snprintf(out, CONNECTION_STATS_SIZE,
	    "to server %" PRIu64 " messages %" PRIu64 " bytes, from server %" PRIu64
	    " messages %" PRIu64 " bytes, in flight %zu, of the server %zu, queued %zu, "
	    "answered here %" PRIu64 ", refused %" PRIu64 ", dropped %" PRIu64 ", last ping %s",
	    l->messages_out, l->bytes_out, l->messages_in, l->bytes_in, s.in_flight,
	    s.in_flight_server, s.queued, s.answered_here, s.refused,
	    s.dropped_malformed + s.dropped_large + s.dropped_unsent + s.dropped_late, rtt);
	return out;
}
