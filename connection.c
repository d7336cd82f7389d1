#include "connection.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoff.h"
#include "clock.h"
#include "headers.h"
#include "log.h"
#include "trace.h"
#include "verdict.h"

#define CLOSE_NORMAL     1000
#define CLOSE_GOING_AWAY 1001

#define RECEIVE_MESSAGES 4096 /* of one turn */
#define RECEIVE_BYTES    ((uint64_t)1 << 18)
#define ATTEMPT_GAP      1000 /* ms between attempts that a message of the host causes */
#define SUSPECT_WAIT     2000 /* ms for the answer to a PING after the machine slept */

enum stage {
	STAGE_WAITING, /* for the next attempt */
	STAGE_COMMAND, /* the header command runs */
	STAGE_LINK,    /* an attempt, or the link it led to */
	STAGE_OVER     /* there will be no link any more */
};

struct connection {
	struct connection_options opt;
	const struct connection_attempt
	    *attempt; /* the last; NULL = none yet, or it could not be prepared */
	struct session *session;
	struct link *link;
	struct helper *helper;
	struct backoff backoff;
	struct session_stats told; /* what was warned about so far */
	struct reason reason;      /* of the last end */
	uint64_t ends;             /* attempts and links that have ended */
	enum stage stage;
	int64_t next_attempt;
	int64_t attempted;            /* when the last attempt began */
	int64_t lost_at;              /* when the last good link ended, -1 = there was none */
	int64_t expected;             /* when the last wait was to end at the latest */
	bool up;                      /* the session knows of this link */
	bool was_ready;               /* this link was of use */
	bool ever_ready;              /* some link was */
	bool refused;                 /* the last end was a refusal: no hurry */
	bool hold;                    /* the server asked for time (Retry-After) */
	bool mended;                  /* the header command was run again for a refusal */
	bool said;                    /* ... and the refusal told */
	enum session_outcome outcome; /* as it was when closing began */
	bool closing;                 /* the session is over and the link is being closed */
	bool stopped;
	bool finishing; /* stopped, once what waits has left */
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
	c->lost_at = -1;
	c->expected = CLOCK_NEVER;
	c->attempted = -ATTEMPT_GAP;
	backoff_init(&c->backoff, options->retry_delay_max);
	c->link = link_new(options->max_reply);
	c->session = session_new(&(struct session_options){.server = options->server,
	                             .max_message = options->max_message,
	                             .max_reply = options->max_reply,
	                             .linger = options->linger,
	                             .offline_timeout = options->offline_timeout,
	                             .request_timeout = options->request_timeout,
	                             .replay_timeout = options->replay_timeout,
	                             .resend = options->resend,
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
	helper_free(c->helper);
	link_free(c->link);
	session_free(c->session);
	free(c);
}

/* --- what comes after an end ------------------------------------------- */

static void say_refused(struct connection *c, const struct reason *reason, int64_t now)
{
	const char *hint = reason_hint(reason);

	if (c->lost_at < 0)
		c->lost_at = now;
	if (!c->said)
		log_error("%s %s: %s.%s%s",
		    c->was_ready ? "lost the connection to" : "cannot connect to", c->opt.server,
		    reason->text, *hint ? " " : "", hint);
	c->said = true;
}

static void give_up(struct connection *c, const struct reason *reason, int64_t now)
{
	c->said = false;
	say_refused(c, reason, now);
	c->stage = STAGE_OVER;
	session_give_up(c->session, reason, now);
}

static void wait_for(struct connection *c, int64_t delay, int64_t now)
{
	c->stage = STAGE_WAITING;
	c->next_attempt = clock_add(now, delay);
	log_info("next attempt in %" PRId64 " ms", delay);
}

static void refuse(struct connection *c, const struct reason *reason, int64_t now)
{
	if (!c->ever_ready) {
		give_up(c, reason, now);
		return;
	}
	say_refused(c, reason, now);
	c->refused = true;
	session_refused(c->session, reason, now);
	wait_for(c, c->opt.retry_delay_max, now);
}

static void retry(struct connection *c, const struct reason *reason, int64_t now)
{
	uint32_t random;

	link_random(&random, sizeof random);
	c->refused = false;
	c->hold = reason->retry_after > 0;
	wait_for(c, backoff_next(&c->backoff, random, reason->retry_after), now);
}

/* Once an outage: what happens on the way back is told with --verbose only. */
static void say_lost(struct connection *c, const struct reason *reason, int64_t now)
{
	if (c->lost_at >= 0)
		log_info("cannot connect to %s: %s", c->opt.server, reason->text);
	else
		log_warning("%s %s: %s; trying again",
		    c->was_ready ? "lost the connection to" : "cannot connect to", c->opt.server,
		    reason->text);
	if (c->lost_at < 0)
		c->lost_at = now;
}

/* An attempt or a link ended: the table of verdict.h decides. */
static void decide(struct connection *c, const struct reason *reason, int64_t now)
{
	bool has_command = c->attempt && c->attempt->header_command;
	enum verdict verdict = verdict_of(reason, has_command, c->mended);
	bool last = c->was_ready ? !c->opt.reconnect : c->opt.once && verdict != VERDICT_RETRY_NOW;

	c->reason = *reason;
	c->ends++;
	if (last) {
		give_up(c, reason, now);
		return;
	}
	if (verdict == VERDICT_REFUSED) {
		refuse(c, reason, now);
		return;
	}
	say_lost(c, reason, now);
	session_attempt_failed(c->session, reason);
	if (verdict == VERDICT_RETRY) {
		retry(c, reason, now);
	} else {
		c->mended = true;
		c->refused = false;
		wait_for(c, 0, now);
	}
}

/* --- attempts ---------------------------------------------------------- */

/* There was no attempt: what it needs could not be had. */
static void preparing_failed(struct connection *c, const char *error, int64_t now)
{
	struct reason reason;

	reason_set(&reason, REASON_COMMAND, "%s", error);
	log_warning("%s", error);
	helper_free(c->helper);
	c->helper = NULL;
	c->up = c->was_ready = false;
	decide(c, &reason, now);
}

static void start_link(struct connection *c, int64_t now)
{
	struct headers headers = {0};
	char error[HEADERS_ERROR_SIZE];

	if (headers_merge(&headers, &c->attempt->headers, error) == 0 &&
	    (!c->helper || helper_headers(c->helper, &headers, error) == 0)) {
		c->stage = STAGE_LINK;
		c->up = c->was_ready = false;
		link_connect(c->link, &c->attempt->link, &headers, now);
		helper_free(c->helper);
		c->helper = NULL;
	} else {
		preparing_failed(c, error, now);
	}
	headers_free(&headers);
}

static void start_attempt(struct connection *c, int64_t now)
{
	char error[HEADERS_ERROR_SIZE];

	c->attempted = now;
	c->hold = false;
	c->attempt = c->opt.prepare(c->opt.context, error);
	if (!c->attempt) {
		preparing_failed(c, error, now);
		return;
	}
	if (!c->attempt->header_command) {
		start_link(c, now);
		return;
	}
	c->stage = STAGE_COMMAND;
	c->helper = helper_start(
	    c->attempt->header_command, c->attempt->server_name, c->attempt->link.url, now, error);
	if (!c->helper)
		preparing_failed(c, error, now);
}

void connection_start(struct connection *c, int64_t now)
{
	start_attempt(c, now);
}

static void follow_command(struct connection *c, int64_t now)
{
	switch (helper_process(c->helper, now)) {
	case HELPER_DONE:
		start_link(c, now);
		break;
	case HELPER_FAILED: {
		char error[HEADERS_ERROR_SIZE];
		snprintf(error, sizeof error, "%s", helper_error(c->helper));
		preparing_failed(c, error, now);
		break;
	}
	case HELPER_RUNNING:
		break;
	}
}

/* --- the flow ---------------------------------------------------------- */

static bool wants_read(const struct connection *c, bool host_room)
{
	return c->stopped || (host_room && session_waiting_for_host(c->session) < CONNECTION_MARK);
}

static void tap(struct connection *c, bool to_server, const struct message *m)
{
	if (c->opt.tap && !m->digest)
		c->opt.tap(c->opt.tap_context, to_server, m);
}

static void receive(struct connection *c, bool host_room, int64_t now)
{
	uint64_t enough = link_stats(c->link)->bytes_in + RECEIVE_BYTES;
	struct message *m;

	/* What is dropped counts against no mark: a flood of it must not hold the loop either. */
	for (int i = 0; i < RECEIVE_MESSAGES && link_stats(c->link)->bytes_in < enough; i++) {
		if (!wants_read(c, host_room) || (m = link_receive(c->link, now)) == NULL)
			return;
		if (c->stopped) {
			message_free(m);
			continue;
		}
		trace_message(c->opt.trace, TRACE_TO_HOST, m);
		tap(c, false, m);
		backoff_carried(&c->backoff, now);
		session_server_said(c->session, m, now);
		if (session_rejects(c->session))
			return;
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
			tap(c, true, m);
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
	warn_of(s.dropped_charged, &c->told.dropped_charged,
	    "dropped a notification that has ended connections");
	warn_of(s.out_of_memory, &c->told.out_of_memory, "dropped a message: out of memory");
}

static void say_back(struct connection *c, int64_t now)
{
	if (c->lost_at >= 0)
		log_warning("the connection to %s is back after %.1f s", c->opt.server,
		    (double)(now - c->lost_at) / 1000);
	else
		log_info("connected to %s", c->opt.server);
	c->said = false;
	c->lost_at = -1;
}

static void follow_up(struct connection *c, int64_t now)
{
	const struct reason *rejects = session_rejects(c->session);

	if (!c->up) {
		c->up = true;
		session_link_up(c->session, now);
	} else if (rejects) {
		link_close(c->link, CLOSE_GOING_AWAY, "the session cannot be resumed", false, now);
	}
	if (!c->was_ready && session_is_ready(c->session)) {
		c->was_ready = c->ever_ready = true;
		c->refused = false;
		say_back(c, now);
	}
}

/* A close code says more than that the replay failed, but not more than why it did. */
static struct reason end_reason(const struct connection *c)
{
	const struct reason *rejects = session_rejects(c->session), *link = link_reason(c->link);

	if (rejects && !(rejects->kind == REASON_REPLAY && link->kind == REASON_CLOSED))
		return *rejects;
	return *link;
}

/* Everything received was handed over before. */
static void follow_down(struct connection *c, int64_t now)
{
	struct reason reason = end_reason(c);

	reclaim(c);
	if (c->closing || c->stopped) {
		c->stage = STAGE_OVER;
		return;
	}
	if (c->up)
		session_link_down(c->session, &reason, now);
	if (backoff_link_down(&c->backoff, now))
		c->mended = c->said = false;
	decide(c, &reason, now);
}

static void follow_link(struct connection *c, int64_t now)
{
	enum link_state state = link_state(c->link);

	if (c->stage != STAGE_LINK)
		return;
	if (state == LINK_OPEN)
		follow_up(c, now);
	if (link_state(c->link) == LINK_DOWN)
		follow_down(c, now);
}

/* A message of the host is a reason not to wait, but not to hammer a server, or one that refuses us. */
static void hurry(struct connection *c, int64_t now)
{
	int64_t soon = clock_add(c->attempted, ATTEMPT_GAP);

	if (c->stage == STAGE_WAITING && !c->refused && !c->hold && c->next_attempt > soon)
		c->next_attempt = soon > now ? soon : now;
}

/* If far more time went by than was to be waited, the machine slept, and the link may be gone. */
static void notice_sleep(struct connection *c, int64_t now)
{
	int64_t interval = c->attempt->link.ping_interval;

	if (interval > 0 && now > clock_add(c->expected, interval))
		link_suspect(c->link, SUSPECT_WAIT, now);
	c->expected = now;
}

/* Closes whatever there is; the stage is over once the link is down. */
static void close_down(struct connection *c, unsigned code, const char *reason, int64_t now)
{
	helper_free(c->helper);
	c->helper = NULL;
	if (c->stage == STAGE_LINK) {
		link_close(c->link, code, reason, true, now);
		follow_link(c, now);
	} else {
		c->stage = STAGE_OVER;
	}
}

static void close_when_over(struct connection *c, int64_t now)
{
	if (c->closing || c->stopped || session_outcome(c->session, now) == SESSION_GOES_ON)
		return;
	c->closing = true;
	c->outcome = session_outcome(c->session, now);
	close_down(c, CLOSE_NORMAL, NULL, now);
}

/* Messages leave first, if there is a link for them. */
static void close_when_finished(struct connection *c, int64_t now)
{
	bool leaving = c->stage == STAGE_LINK && link_state(c->link) == LINK_OPEN && c->was_ready;

	if (!c->finishing || (leaving && session_waiting_for_server(c->session) > 0))
		return;
	c->finishing = false;
	close_down(c, CLOSE_NORMAL, NULL, now);
}

static int64_t stage_deadline(const struct connection *c, int64_t now)
{
	switch (c->stage) {
	case STAGE_WAITING:
		return c->next_attempt;
	case STAGE_LINK:
		/* An attempt may fail before there is anything to wait for. */
		return link_state(c->link) == LINK_DOWN ? now : link_deadline(c->link, now);
	default:
		return CLOCK_NEVER;
	}
}

size_t connection_prepare(
    struct connection *c, struct pollfd *fds, bool host_room, int64_t *deadline, int64_t now)
{
	size_t n = 0;

	if (c->stage == STAGE_COMMAND)
		n = helper_prepare(c->helper, fds, deadline);
	else if (c->stage == STAGE_LINK)
		n = link_prepare(c->link, fds, LINK_POLL_MAX, wants_read(c, host_room), now);
	*deadline = clock_min(*deadline, stage_deadline(c, now));
	*deadline = clock_min(*deadline, link_rest(c->link, now));
	if (!c->closing && !c->stopped)
		*deadline = clock_min(*deadline, session_deadline(c->session));
	/* The last message for the host may have been pulled since: nothing else would wake us. */
	if (!c->closing && !c->stopped && session_outcome(c->session, now) != SESSION_GOES_ON)
		*deadline = now;
	c->expected = *deadline;
	return n;
}

void connection_process(
    struct connection *c, const struct pollfd *fds, size_t count, bool host_room, int64_t now)
{
	if (c->stage == STAGE_WAITING && now >= c->next_attempt)
		start_attempt(c, now);
	if (c->stage == STAGE_COMMAND)
		follow_command(c, now);
	if (c->stage == STAGE_LINK) {
		notice_sleep(c, now);
		link_process(c->link, fds, count, now);
		/* Messages may come with the 101: the session must know of the link first. */
		if (link_state(c->link) == LINK_OPEN)
			follow_up(c, now);
		receive(c, host_room, now);
		follow_link(c, now);
	}
	session_tick(c->session, now);
	if (c->stage == STAGE_LINK) {
		send(c, now);
		follow_link(c, now);
	}
	close_when_finished(c, now);
	close_when_over(c, now);
	warn(c);
}

/* --- the host ---------------------------------------------------------- */

bool connection_accepts(const struct connection *c)
{
	return session_waiting_for_server(c->session) < CONNECTION_MARK;
}

size_t connection_waiting(const struct connection *c)
{
	return session_waiting_for_server(c->session);
}

void connection_host_said(struct connection *c, struct message *m, int64_t now)
{
	session_host_said(c->session, m, now);
	hurry(c, now);
}

void connection_host_ended(struct connection *c, int64_t now)
{
	session_host_ended(c->session, now);
}

struct message *connection_take(struct connection *c, bool *ours)
{
	struct message *m = session_next_for_host(c->session, ours);

	if (m && *ours)
		trace_message(c->opt.trace, TRACE_ANSWERED, m);
	return m;
}

struct message *connection_next_for_host(struct connection *c)
{
	bool ours;

	return connection_take(c, &ours);
}

bool connection_is_ready(const struct connection *c)
{
	return c->stage == STAGE_LINK && c->was_ready && link_state(c->link) == LINK_OPEN;
}

const struct reason *connection_reason(const struct connection *c)
{
	return &c->reason;
}

uint64_t connection_ends(const struct connection *c)
{
	return c->ends;
}

void connection_finish(struct connection *c, int64_t now)
{
	if (c->stopped)
		return;
	c->stopped = c->finishing = true;
	session_cancel_all(c->session, now);
	if (c->stage == STAGE_LINK)
		send(c, now);
	close_when_finished(c, now);
}

void connection_stop(struct connection *c, int64_t now)
{
	c->stopped = true;
	session_cancel_all(c->session, now);
	if (c->stage == STAGE_LINK)
		send(c, now);
	close_down(c, CLOSE_GOING_AWAY, "the host has ended the session", now);
}

enum session_outcome connection_outcome(const struct connection *c, int64_t now)
{
	if (c->stage != STAGE_OVER)
		return SESSION_GOES_ON;
	if (c->stopped)
		return SESSION_FAILED;
	if (!c->closing)
		return session_outcome(c->session, now);
	/* What came while we closed may still be on its way to the host. */
	return session_waiting_for_host(c->session) > 0 ? SESSION_GOES_ON : c->outcome;
}

const struct report *connection_report(const struct connection *c)
{
	return link_report(c->link);
}

char *connection_stats(const struct connection *c, char out[CONNECTION_STATS_SIZE])
{
	const struct link_stats *l = link_stats(c->link);
	struct session_stats s;
	char rtt[32] = "none";

	session_stats(c->session, &s);
	uint64_t reconnects = s.links > 0 ? s.links - 1 : 0;
	if (l->ping_rtt_us >= 0)
		snprintf(rtt, sizeof rtt, "%.1f ms", (double)l->ping_rtt_us / 1000);
	snprintf(out, CONNECTION_STATS_SIZE,
	    "to server %" PRIu64 " messages %" PRIu64 " bytes, from server %" PRIu64
	    " messages %" PRIu64 " bytes, in flight %zu, of the server %zu, queued %zu, "
	    "reconnects %" PRIu64 ", resent %" PRIu64 ", answered here %" PRIu64
	    ", refused %" PRIu64 ", dropped %" PRIu64 ", last ping %s",
	    l->messages_out, l->bytes_out, l->messages_in, l->bytes_in, s.in_flight,
	    s.in_flight_server, s.queued, reconnects, s.resent, s.answered_here, s.refused,
	    s.dropped_malformed + s.dropped_large + s.dropped_unsent + s.dropped_late +
	        s.dropped_charged,
	    rtt);
	return out;
}
