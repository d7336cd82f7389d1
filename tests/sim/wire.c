#include "wire.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "clock.h"
#include "random.h"
#include "scene.h"
#include "server.h"

enum state { NONE, TRYING, OPEN };

static struct wire {
	enum state state;
	unsigned link;
	struct reason outcome;
	int64_t outcome_at;
	bool last_good;

	/* to the server: bytes[0] is the first of the link */
	unsigned char *bytes;
	size_t cap;
	size_t accepted, shown, delivered;
	int64_t deliver_at, room_at, break_time;
	size_t break_at;
	bool broken, silent;
	bool wants_read, wants_write;

	/* to the bridge */
	struct wire_item *head, *tail;
} wire;

void wire_begin(void)
{
	wire = (struct wire){.bytes = wire.bytes, .cap = wire.cap};
}

static void forget_items(void)
{
	while (wire.head) {
		struct wire_item *item = wire.head;
		wire.head = item->next;
		free(item);
	}
	wire.tail = NULL;
}

void wire_end(void)
{
	forget_items();
}

unsigned wire_link(void)
{
	return wire.link;
}

bool wire_is_open(void)
{
	return wire.state == OPEN;
}

bool wire_idle(void)
{
	return !wire.head && wire.delivered == wire.accepted;
}

/* --- attempts ---------------------------------------------------------- */

static void draw_outcome(struct reason *r)
{
	static const int statuses[] = {401, 403, 404, 503, 429, 500, 301};

	reason_set(r, REASON_NONE, "%s", "");
	if (random_chance(scene.http)) {
		reason_set(r, REASON_HTTP, "HTTP");
		r->status = statuses[random_below(sizeof statuses / sizeof *statuses)];
		if (r->status == 503 && random_chance(500))
			r->retry_after = random_between(1, 40) * 1000;
	} else if (random_chance(scene.untrusted)) {
		reason_set(r, REASON_UNTRUSTED, "not trusted");
	} else if (random_chance(scene.refused)) {
		reason_set(r, REASON_UNREACHABLE, "refused");
	}
}

void wire_connect(struct reason *reason, bool *fail_at_once)
{
	wire_drop();
	wire.state = TRYING;
	wire.outcome_at = scene.now + random_between(0, scene.latency);
	draw_outcome(&wire.outcome);
	/* A server that is rejected before it was ever reached ends the run: often enough is enough. */
	if (wire.link == 0 && wire.outcome.kind != REASON_NONE && random_chance(700))
		reason_set(&wire.outcome, REASON_NONE, "%s", "");
	*fail_at_once = random_chance(scene.setup_fails);
	if (*fail_at_once) {
		reason_set(reason, REASON_SETUP, "set-up failed");
		wire.state = NONE;
	} else if (random_chance(scene.connect_hangs) && scene.connect_timeout > 0) {
		wire.outcome_at = CLOCK_NEVER;
	}
}

static void open_connection(void)
{
	wire.state = OPEN;
	wire.link++;
	wire.accepted = wire.shown = wire.delivered = 0;
	wire.deliver_at = wire.break_time = CLOCK_NEVER;
	wire.room_at = scene.now;
	wire.break_at = SIZE_MAX;
	wire.broken = wire.silent = false;
	if (random_chance(scene.breaks_bytes))
		wire.break_at = random_below(random_chance(500) ? 400 : 4000);
	if (random_chance(scene.breaks_time))
		wire.break_time = scene.now + random_between(0, random_chance(500) ? 50 : 12000);
	wire.silent = random_chance(scene.silent);
	server_link_opened(wire.link);
}

enum wire_attempt wire_follow(struct reason *reason)
{
	if (wire.state != TRYING || scene.now < wire.outcome_at)
		return WIRE_TRYING;
	if (wire.outcome.kind != REASON_NONE) {
		*reason = wire.outcome;
		wire.state = NONE;
		return WIRE_FAILED;
	}
	open_connection();
	return WIRE_OPENED;
}

/* --- to the server ----------------------------------------------------- */

static void keep_bytes(const unsigned char *run, size_t from, size_t to)
{
	if (to > wire.cap) {
		size_t cap = to * 2 + 4096;
		unsigned char *more = realloc(wire.bytes, cap);
		if (!more)
			abort();
		wire.bytes = more;
		wire.cap = cap;
	}
	memcpy(wire.bytes + from, run, to - from);
}

/* Bytes once shown must not change: a TLS stack may have encrypted them already. */
static void take_shown(const unsigned char *run, size_t len)
{
	size_t known = wire.shown - wire.accepted;

	if (len < known || (known > 0 && memcmp(wire.bytes + wire.accepted, run, known) != 0))
		check_fail("the run changed what it had shown");
	keep_bytes(run + known, wire.shown, wire.accepted + len);
	wire.shown = wire.accepted + len;
}

static void deliver(size_t to)
{
	size_t from = wire.delivered;

	wire.delivered = to;
	if (to > from)
		server_bytes(wire.bytes + from, to - from);
}

static size_t may_travel(void)
{
	return scene.tls ? wire.shown : wire.accepted;
}

/* Whatever is on its way arrives up to some byte. */
static void deliver_prefix(void)
{
	size_t left = may_travel() - wire.delivered;

	if (wire.silent || left == 0)
		return;
	switch (random_below(3)) {
	case 0:
		break;
	case 1:
		deliver(may_travel());
		break;
	default:
		deliver(wire.delivered + random_below(left + 1));
	}
}

/* What was not received yet is lost from some message on. */
static void lose_items(void)
{
	struct wire_item **at = &wire.head;

	wire.tail = NULL;
	while (*at && !random_chance(300)) {
		wire.tail = *at;
		(*at)->at = scene.now;
		at = &(*at)->next;
	}
	while (*at) {
		struct wire_item *lost = *at;
		*at = lost->next;
		free(lost);
	}
}

static void break_now(void)
{
	if (wire.broken)
		return;
	note("network: the connection breaks");
	wire.broken = true;
	deliver_prefix();
	server_link_ended();
	lose_items();
	wire_push(WIRE_END, "", 0, 0, 0, 0, 0);
}

void wire_drop(void)
{
	if (wire.state == OPEN && !wire.broken) {
		deliver_prefix();
		server_link_ended();
	}
	wire.state = NONE;
	forget_items();
}

enum wire_result wire_send(const unsigned char *run, size_t len, size_t *took)
{
	*took = 0;
	if (wire.broken)
		return WIRE_BROKEN;
	take_shown(run, len);
	if (scene.now < wire.room_at)
		return WIRE_BLOCKED;
	*took = len;
	if (random_chance(scene.blocks)) {
		*took = random_below(len + 1);
		wire.room_at = scene.now + random_between(1, random_chance(50) ? 60000 : 300);
	}
	if (wire.accepted + *took >= wire.break_at)
		*took = wire.break_at - wire.accepted;
	wire.accepted += *took;
	if (wire.deliver_at == CLOCK_NEVER)
		wire.deliver_at = scene.now + random_between(0, scene.latency);
	if (wire.accepted >= wire.break_at) {
		break_now();
		return *took > 0 ? WIRE_TOOK : WIRE_BROKEN;
	}
	return *took < len ? WIRE_BLOCKED : WIRE_TOOK;
}

/* --- to the bridge ----------------------------------------------------- */

void wire_push(enum wire_kind kind, const char *text, size_t len, int code, int64_t delay,
    uint64_t mark, unsigned count)
{
	struct wire_item *item = malloc(sizeof *item + len);

	if (!item)
		abort();
	*item = (struct wire_item){.at = scene.now + delay,
	    .kind = kind,
	    .code = code,
	    .mark = mark,
	    .count = count,
	    .len = len};
	if (len > 0)
		memcpy(item->text, text, len);
	if (wire.tail && wire.tail->at > item->at)
		item->at = wire.tail->at;
	if (wire.tail)
		wire.tail->next = item;
	else
		wire.head = item;
	wire.tail = item;
}

static bool readable(void)
{
	return wire.state == OPEN && wire.head && !(wire.silent && !wire.broken);
}

struct wire_item *wire_receive(void)
{
	struct wire_item *item = wire.head;

	if (!readable() || item->at > scene.now)
		return NULL;
	wire.head = item->next;
	if (!wire.head)
		wire.tail = NULL;
	item->next = NULL;
	return item;
}

void wire_wants(bool read, bool write)
{
	wire.wants_read = read;
	wire.wants_write = write;
}

/* --- time -------------------------------------------------------------- */

void wire_run(void)
{
	if (wire.state != OPEN || wire.broken)
		return;
	if (scene.now >= wire.break_time) {
		break_now();
		return;
	}
	if (scene.now >= wire.deliver_at && !wire.silent) {
		size_t left = may_travel() - wire.delivered;
		wire.deliver_at = CLOCK_NEVER;
		if (random_chance(700)) {
			deliver(may_travel());
		} else {
			deliver(wire.delivered + random_below(left + 1));
			if (wire.state == OPEN && !wire.broken && wire.delivered < may_travel())
				wire.deliver_at = scene.now + random_between(1, scene.latency + 1);
		}
	}
}

int64_t wire_next(void)
{
	int64_t at = CLOCK_NEVER;

	if (wire.state == TRYING)
		return wire.outcome_at;
	if (wire.state != OPEN)
		return at;
	if (readable() && wire.wants_read)
		at = wire.head->at;
	if (wire.broken)
		return at;
	at = clock_min(at, wire.break_time);
	if (!wire.silent)
		at = clock_min(at, wire.deliver_at);
	if (wire.wants_write)
		at = clock_min(at, wire.room_at);
	return at;
}

void wire_mend(void)
{
	wire.break_time = CLOCK_NEVER;
	wire.break_at = SIZE_MAX;
	wire.silent = false;
	wire.room_at = scene.now;
	wire.deliver_at = scene.now;
	if (wire.state == TRYING && wire.outcome_at == CLOCK_NEVER)
		wire.outcome_at = scene.now;
}
