#include "loss.h"

#include "asked.h"
#include "clock.h"
#include "method.h"
#include "queue.h"

#define CLOSE_TOO_LARGE 1009
#define LINKS_MAX       2 /* that a message is begun on */

/* --- what a link did --------------------------------------------------- */

/* Whether the request may be sent again although it was sent. */
static bool may_repeat(const struct session *s, const struct pending *p)
{
	return s->opt.resend && (p->traits & METHOD_SAFE) && !(p->flags & PENDING_PICKY) &&
	       !((p->flags & PENDING_CURSOR) && (p->traits & METHOD_PAGED) && s->replay.initialize);
}

/* The first request of a message if all of them may be sent again, else NULL. */
static struct pending *repeatable(const struct session *s, const struct message *m)
{
	struct pending *first = NULL;
	struct jsonrpc_envelope e;
	size_t at = 0;

	while (parts_next(m, &at, &e)) {
		if (e.kind != JSONRPC_REQUEST)
			continue;
		struct pending *p = asked_entry(s, m, &e);
		if (!p || p->state != PENDING_OWED || !may_repeat(s, p))
			return NULL;
		first = first ? first : p;
	}
	return first;
}

/* A sent message whose requests may be sent again is kept while they are all unanswered. */
static void keep_or_free(struct session *s, struct message *m)
{
	struct pending *p = asked_has_room_for(s, m) ? repeatable(s, m) : NULL;

	if (!p || (p->batch && p->batch->answered))
		message_free(m);
	else
		asked_keep(s, p->batch ? &p->batch->kept : &p->kept, m);
}

/* From now on it is part of the replay. */
static void note_initialized(struct session *s, const struct message *m)
{
	s->initialized_serial = m->serial;
	s->replay.initialized = true;
}

/* A notification or response was sent. */
static void was_said(struct session *s, const struct message *m)
{
	if (m->size >= s->silent_size) {
		s->silent_size = m->size;
		s->silent_serial = m->serial;
	}
	if (parts_traits(m, &m->envelope) & METHOD_INITIALIZED)
		note_initialized(s, m);
}

void loss_reclaimed(struct session *s, struct message *m)
{
	static const unsigned flags[] = {
	    [MESSAGE_BEGUN] = PENDING_BEGUN | PENDING_EVER_BEGUN,
	    [MESSAGE_SENT] = PENDING_BEGUN | PENDING_EVER_BEGUN | PENDING_SENT | PENDING_EVER_SENT,
	};

	if (m->progress != MESSAGE_QUEUED) {
		m->links++;
		m->waits_since = -1; /* should it wait again, then from the loss of this link */
		asked_note(s, m, flags[m->progress]);
	}
	if (m->progress != MESSAGE_SENT) {
		message_list_push(&s->returned, m);
	} else if (parts_is_one_way(m)) {
		was_said(s, m);
		message_free(m);
	} else {
		keep_or_free(s, m);
	}
}

/* --- whose fault it was ------------------------------------------------ */

/* The message that the end of a link is charged to. */
struct charge {
	uint64_t serial; /* 0 = none */
	bool too_large;  /* for its size */
};

static bool is_charged(struct charge c, uint64_t serial)
{
	return c.serial && c.serial == serial;
}

static bool is_begun(const struct pending *p)
{
	return (p->flags & PENDING_BEGUN) != 0;
}

/* The largest message that was begun on the link and not yet answered. */
static struct charge charge_largest(const struct session *s)
{
	uint64_t size = 0, serial = 0;

	for (const struct pending *p = pending_first_owed(s->asked); p; p = p->next) {
		if (is_begun(p) && p->size > size) {
			size = p->size;
			serial = p->serial;
		}
	}
	for (const struct message *m = s->returned.head; m; m = m->next) {
		if (m->progress == MESSAGE_BEGUN && m->size > size) {
			size = m->size;
			serial = m->serial;
		}
	}
	/* Perhaps it was one that is gone, and that nobody waits for. */
	return (struct charge){s->silent_size > size ? 0 : serial, true};
}

/* The only message that was begun on the link and not yet answered, if it is the only one. */
static struct charge charge_only(const struct session *s)
{
	uint64_t serial = 0;
	bool several = false;

	for (const struct pending *p = pending_first_owed(s->asked); p; p = p->next) {
		if (is_begun(p)) {
			several = several || (serial && serial != p->serial);
			serial = p->serial;
		}
	}
	for (const struct message *m = s->returned.head; m; m = m->next) {
		if (m->progress == MESSAGE_BEGUN) {
			several = several || (serial && serial != m->serial);
			serial = m->serial;
		}
	}
	return (struct charge){several ? 0 : serial, false};
}

static struct charge charge_of(const struct session *s, const struct reason *reason)
{
	static const int only[] = {1002, 1003, 1007, 1010};

	if (reason->kind == REASON_CLOSED && reason->close_code == CLOSE_TOO_LARGE)
		return charge_largest(s);
	for (size_t i = 0; reason->kind == REASON_CLOSED && i < sizeof only / sizeof *only; i++) {
		if (reason->close_code == only[i])
			return charge_only(s);
	}
	return (struct charge){0, false};
}

/* --- what is answered -------------------------------------------------- */

/* What the end of the link means for a request that it began. */
static bool ends_with_link(const struct session *s, const struct pending *p, struct charge c)
{
	if (is_charged(c, p->serial) || (p->traits & METHOD_DISCOVER))
		return true;
	if (p->links >= LINKS_MAX && !(p->flags & PENDING_LIVE))
		return true;
	if (!(p->flags & PENDING_SENT))
		return false; /* comes back with its message */
	if (p->batch)
		return !p->batch->kept || !repeatable(s, p->batch->kept);
	return !p->kept || !may_repeat(s, p);
}

static void answer_one(
    struct session *s, struct pending *p, struct charge c, int close_code, struct why *why)
{
	bool again = p->links >= LINKS_MAX && close_code == CLOSE_TOO_LARGE;

	if (again || (c.too_large && is_charged(c, p->serial)))
		asked_answer(
		    s, p, DUE_SERVER_REFUSED_SIZE, (struct due_extra){.why = why, .size = p->size});
	else
		asked_answer_lost(s, p, why);
}

/* Answers what the link takes with it. */
static void answer_lost(struct session *s, struct charge c, const struct reason *reason)
{
	struct why *why = why_new(reason);
	struct pending *next;

	for (struct pending *p = pending_first_owed(s->asked); p; p = next) {
		next = p->next;
		if (is_begun(p) && ends_with_link(s, p, c))
			answer_one(s, p, c, reason->close_code, why);
	}
	why_release(why);
}

/* --- what is sent again ------------------------------------------------ */

/*
 * A host that did not wait for the answer to its initialize: what it said after it goes again,
 * too.
 */
static void repeat_initialized(struct session *s, struct message_list *again)
{
	struct message *m = replay_make_initialized();

	if (!m) {
		s->stats.out_of_memory++;
		return;
	}
	m->serial = s->initialized_serial;
	m->waits_since = -1;
	s->initialized_serial = 0; /* it waits, like one of the host that was not sent yet */
	s->replay.initialized = false;
	message_list_push(again, m);
}

/* Collects what the link has sent and the next may send again. */
static void collect_kept(struct session *s, struct message_list *again)
{
	bool repeated = s->replay.initialize != NULL; /* then it is part of the replay */

	for (struct pending *p = pending_first_owed(s->asked); p; p = p->next) {
		struct message *m = asked_unkeep(s, p->batch ? &p->batch->kept : &p->kept);
		if (p->flags & PENDING_SENT)
			p->flags |= PENDING_RESENT;
		p->flags &= ~PENDING_LINK_FLAGS;
		if (!m)
			continue;
		message_list_push(again, m);
		s->stats.resent++;
		if (!repeated && (p->traits & METHOD_INITIALIZE) &&
		    s->initialized_serial > p->serial) {
			repeat_initialized(s, again);
			repeated = true;
		}
	}
}

/* A notification that was begun often enough, or ended the link. */
static void drop_notification(struct session *s, const struct message *m)
{
	unsigned traits = parts_traits(m, &m->envelope);

	if (traits & METHOD_INITIALIZED)
		note_initialized(s, m);
	else if (!(traits & METHOD_CANCELLED))
		s->stats.dropped_charged++;
}

/* Whether a message that waits, or something in it, has a use on another link. */
static bool goes_on(struct session *s, const struct message *m, struct charge c)
{
	bool over = m->links >= LINKS_MAX || is_charged(c, m->serial);
	size_t at = 0;

	if (m->serial == 0)
		return false; /* ours, for that link only */
	switch (m->envelope.kind) {
	case JSONRPC_RESPONSE:
		s->stats.dropped_unsent++; /* whoever asked is gone */
		return false;
	case JSONRPC_NOTIFICATION:
		if (over)
			drop_notification(s, m);
		return !over;
	default:
		return !over || asked_next_owed(s, m, &at) != NULL;
	}
}

/*
 * The same of its parts. What a cancellation was about went with the link, and whoever waits for
 * an answer.
 */
static enum part_fate judge(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	if (e->kind == JSONRPC_RESPONSE || (parts_traits(m, e) & METHOD_CANCELLED))
		return PART_DROPPED;
	return asked_judge_owed(s, m, e, span, with);
}

static void move_on(struct session *s, struct message_list *from, struct message_list *to,
    struct charge c, int64_t now)
{
	struct message *m;

	while ((m = message_list_pop(from)) != NULL) {
		if (!goes_on(s, m, c)) {
			message_free(m);
			continue;
		}
		m = parts_rebuild(m, judge, s, &s->stats.out_of_memory);
		if (!m)
			continue;
		queue_wait(s, m, now);
		message_list_push(to, m);
	}
}

void loss_settle(struct session *s, const struct reason *reason, int64_t now)
{
	struct message_list again = {0}, waiting = {0};
	struct charge c = charge_of(s, reason);

	answer_lost(s, c, reason);
	collect_kept(s, &again);
	s->offline_check = CLOCK_NEVER;
	move_on(s, &again, &waiting, c, now);
	move_on(s, &s->returned, &waiting, c, now);
	move_on(s, &s->for_server, &waiting, c, now);
	s->for_server = waiting;
	s->refusals = 0;
	s->silent_size = 0;
	pending_outlive_link(s->asked);
}
