/*
 * The link of the bridge on the simulated network: what link.c does with libcurl is done here with
 * wire.h; outbox, keepalive and intake are the real ones.
 */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "clock.h"
#include "keepalive.h"
#include "outbox.h"
#include "random.h"
#include "scene.h"
#include "server.h"
#include "wire.h"

#define ROOM_MARK  ((size_t)3000)
#define CLOSE_WAIT 1000

struct link {
	struct link_options opt;
	enum link_state state;
	struct reason reason;
	struct outbox *outbox;
	struct intake intake;
	struct keepalive keepalive;
	struct link_stats stats;
	int64_t connect_by, close_by, suspect_until;
	unsigned long pings_seen;
	bool blocked, send_failed, close_received, deaf;
};

void link_random(void *bytes, size_t len)
{
	random_bytes(bytes, len);
}

struct link *link_new(size_t max_message)
{
	struct link *l = calloc(1, sizeof *l);

	if (!l)
		abort();
	l->stats.ping_rtt_us = -1;
	intake_init(&l->intake, max_message);
	return l;
}

void link_free(struct link *l)
{
	if (!l)
		return;
	outbox_free(l->outbox);
	intake_free(&l->intake);
	free(l);
}

enum link_state link_state(const struct link *l)
{
	return l->state;
}

const struct reason *link_reason(const struct link *l)
{
	return &l->reason;
}

const struct link_stats *link_stats(const struct link *l)
{
	return &l->stats;
}

const struct report *link_report(const struct link *l)
{
	(void)l;
	return NULL;
}

static bool is_up(const struct link *l)
{
	return l->state == LINK_OPEN || l->state == LINK_CLOSING;
}

static void go_down(struct link *l)
{
	if (l->reason.kind == REASON_NONE)
		reason_set(&l->reason, REASON_LOST, "the connection was lost");
	note("link %u: down, %s (code %d, status %d)", wire_link(), l->reason.text,
	    l->reason.close_code, l->reason.status);
	wire_drop();
	if (l->outbox)
		outbox_stop(l->outbox);
	check_link_down(&l->reason, is_up(l));
	l->state = LINK_DOWN;
}

void link_connect(
    struct link *l, const struct link_options *options, const struct headers *headers, int64_t now)
{
	bool failed;

	(void)headers;
	l->opt = *options;
	check_attempt(false);
	note("link: connecting");
	outbox_free(l->outbox);
	l->outbox = outbox_new(scene.tls, link_random);
	reason_set(&l->reason, REASON_NONE, "%s", "");
	l->blocked = l->send_failed = l->close_received = l->deaf = false;
	l->pings_seen = 0;
	l->close_by = l->suspect_until = CLOCK_NEVER;
	l->connect_by =
	    l->opt.connect_timeout ? clock_add(now, l->opt.connect_timeout) : CLOCK_NEVER;
	l->state = LINK_CONNECTING;
	wire_connect(&l->reason, &failed);
	if (failed)
		go_down(l);
}

static void drive_attempt(struct link *l, int64_t now)
{
	switch (wire_follow(&l->reason)) {
	case WIRE_OPENED:
		note("link %u: open", wire_link());
		l->state = LINK_OPEN;
		keepalive_begin(&l->keepalive, l->opt.ping_interval, l->opt.ping_timeout, now);
		check_link_open(wire_link());
		break;
	case WIRE_FAILED:
		go_down(l);
		break;
	case WIRE_TRYING:
		if (now >= l->connect_by) {
			reason_set(&l->reason, REASON_TIMED_OUT, "timed out");
			go_down(l);
		}
		break;
	}
}

/* --- writing ----------------------------------------------------------- */

static void write_out(struct link *l, int64_t now)
{
	const unsigned char *run;
	size_t len, moved = 0, took;

	l->blocked = false;
	while ((run = outbox_run(l->outbox, &len)) != NULL) {
		enum wire_result result = wire_send(run, len, &took);
		outbox_accepted(l->outbox, took);
		moved += took;
		l->blocked = result == WIRE_BLOCKED;
		if (result == WIRE_BROKEN) {
			l->send_failed = true;
			l->close_by = clock_min(l->close_by, now + CLOSE_WAIT);
		}
		if (result != WIRE_TOOK)
			break;
	}
	keepalive_output(&l->keepalive, l->blocked, moved > 0, now);
	if (moved > 0 && l->state == LINK_CLOSING && !l->send_failed)
		l->close_by = now + CLOSE_WAIT;
	if (outbox_pings_sent(l->outbox) != l->pings_seen) {
		l->pings_seen = outbox_pings_sent(l->outbox);
		keepalive_ping_left(&l->keepalive, now);
	}
}

void link_flush(struct link *l, int64_t now)
{
	if (is_up(l) && !l->blocked && !l->send_failed && outbox_pending(l->outbox))
		write_out(l, now);
}

int64_t link_rest(struct link *l, int64_t now)
{
	(void)l;
	(void)now;
	return CLOCK_NEVER;
}

void link_put(struct link *l, struct message *m)
{
	if (l->state != LINK_OPEN || !link_has_room(l))
		check_fail("a message was put on a link without room");
	l->stats.messages_out++;
	outbox_put(l->outbox, m);
}

bool link_has_room(const struct link *l)
{
	return l->state == LINK_OPEN && l->suspect_until == CLOCK_NEVER &&
	       outbox_waiting(l->outbox) < ROOM_MARK;
}

struct message *link_reclaim(struct link *l)
{
	struct message *m = l->outbox ? outbox_reclaim(l->outbox) : NULL;

	if (m)
		check_reclaimed(m);
	return m;
}

/* --- closing ----------------------------------------------------------- */

static void begin_closing(struct link *l, unsigned code, const char *reason, bool last, int64_t now)
{
	outbox_close(l->outbox, code, reason, last);
	l->close_by = now + CLOSE_WAIT;
	l->state = LINK_CLOSING;
	link_flush(l, now);
}

void link_close(struct link *l, unsigned code, const char *reason, bool last, int64_t now)
{
	note("link %u: the bridge closes with %u", wire_link(), code);
	check_closing(code);
	if (l->state == LINK_CONNECTING) {
		reason_set(&l->reason, REASON_STOPPED, "stopped");
		go_down(l);
	} else if (l->state == LINK_OPEN) {
		reason_set(&l->reason, REASON_STOPPED, "stopped");
		begin_closing(l, code, reason, last, now);
	}
}

static void close_came(struct link *l, int code, int64_t now)
{
	l->close_received = true;
	if (l->reason.kind == REASON_NONE) {
		reason_set(&l->reason, REASON_CLOSED, "the server closed the connection");
		l->reason.close_code = code;
	}
	begin_closing(l, code == 1005 ? 0 : (unsigned)code, NULL, false, now);
}

/* --- reading ----------------------------------------------------------- */

static void violated(struct link *l, int64_t now)
{
	l->deaf = true;
	reason_set(&l->reason, REASON_VIOLATION, "a violation");
	begin_closing(l, 1002, "protocol error", false, now);
}

static struct message *text_came(struct link *l, const struct wire_item *item)
{
	bool lost;

	note("link %u: received %.*s", wire_link(), (int)(item->len < 300 ? item->len : 300),
	    item->text);
	check_bridge_received(item);
	intake_write(&l->intake, item->text, item->len);
	l->stats.messages_in++;
	return intake_end(&l->intake, &lost);
}

struct message *link_receive(struct link *l, int64_t now)
{
	struct message *m = NULL;
	struct wire_item *item;

	while (!m && is_up(l) && (item = wire_receive()) != NULL) {
		if (item->kind == WIRE_END) {
			free(item);
			go_down(l);
			return NULL;
		}
		keepalive_heard(&l->keepalive, now);
		l->suspect_until = CLOCK_NEVER;
		if (l->close_received || l->deaf)
			; /* nothing counts any more */
		else if (item->kind == WIRE_TEXT)
			m = text_came(l, item);
		else if (item->kind == WIRE_PING)
			outbox_pong(l->outbox, item->text, item->len);
		else if (item->kind == WIRE_CLOSE)
			close_came(l, item->code, now);
		else if (item->kind == WIRE_GARBAGE)
			violated(l, now);
		free(item);
	}
	return m;
}

/* --- the loop ---------------------------------------------------------- */

size_t link_prepare(struct link *l, struct pollfd *fds, size_t max, bool want_read, int64_t now)
{
	(void)fds;
	(void)max;
	if (is_up(l)) {
		keepalive_reading(&l->keepalive, want_read || l->deaf, now);
		wire_wants(want_read || l->deaf, l->blocked && !l->send_failed);
	}
	return 0;
}

int64_t link_deadline(const struct link *l, int64_t now)
{
	(void)now;
	if (l->state == LINK_CONNECTING)
		return l->connect_by;
	if (!is_up(l))
		return CLOCK_NEVER;
	if (l->state == LINK_CLOSING)
		return l->close_by;
	return clock_min(
	    clock_min(l->close_by, l->suspect_until), keepalive_deadline(&l->keepalive));
}

void link_suspect(struct link *l, int64_t wait, int64_t now)
{
	if (l->state != LINK_OPEN)
		return;
	note("link %u: suspect", wire_link());
	l->suspect_until = now + wait;
	outbox_ping(l->outbox, "?", 1);
}

static void keep_alive(struct link *l, int64_t now)
{
	enum keepalive_verdict verdict = keepalive_check(&l->keepalive, now);

	if (now >= l->suspect_until)
		verdict = KEEPALIVE_DEAD;
	if (verdict == KEEPALIVE_PING) {
		outbox_ping(l->outbox, "!", 1);
	} else if (verdict == KEEPALIVE_DEAD) {
		reason_set(&l->reason, REASON_SILENT, "nothing was heard");
		go_down(l);
	}
}

/* What comes after a violation is read and forgotten, whether the host reads or not. */
static void drain(struct link *l)
{
	struct wire_item *item;

	while (is_up(l) && (item = wire_receive()) != NULL) {
		if (item->kind == WIRE_END)
			go_down(l);
		free(item);
	}
}

void link_process(struct link *l, const struct pollfd *fds, size_t count, int64_t now)
{
	(void)fds;
	(void)count;
	if (l->state == LINK_CONNECTING)
		drive_attempt(l, now);
	if (l->state == LINK_OPEN)
		keep_alive(l, now);
	if (!is_up(l))
		return;
	l->blocked = false;
	link_flush(l, now);
	if (l->deaf)
		drain(l);
	if (is_up(l) && (l->state == LINK_CLOSING || l->send_failed) && now >= l->close_by)
		go_down(l);
}
