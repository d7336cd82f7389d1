#include "from_host.h"

#include "asked.h"
#include "method.h"
#include "parts.h"
#include "queue.h"
#include "served.h"

/* --- answered here ----------------------------------------------------- */

/* There is no use in waiting: why not, NULL if there is or if nobody knows. */
static struct why *hopeless(const struct session *s)
{
	return s->gave_up ? s->given_up : s->refused;
}

static bool is_hopeless(const struct session *s)
{
	return s->gave_up || s->is_refused;
}

static void refuse_part(struct session *s, enum due_kind kind, const struct message *m,
    const struct jsonrpc_envelope *e, struct due_extra extra)
{
	size_t len;
	const char *id = parts_id(m, e, &len);

	extra.delivered = ANSWER_NOT_SENT;
	asked_reply(s, kind, id, len, extra);
	s->stats.answered_here++;
}

/* Answers each request of a batch that is not forwarded, as one array. */
static void refuse_batch(
    struct session *s, enum due_kind kind, const struct message *m, struct due_extra extra)
{
	struct jsonrpc_envelope e;
	size_t at = 0;

	extra.batch = pending_batch_new();
	if (!extra.batch) {
		s->stats.out_of_memory++;
		return;
	}
	while (parts_next(m, &at, &e)) {
		if (e.kind == JSONRPC_REQUEST)
			refuse_part(s, kind, m, &e, extra);
	}
	pending_batch_release(extra.batch);
}

/* Takes m. */
static void refuse(struct session *s, enum due_kind kind, struct message *m, struct due_extra extra)
{
	refuse_part(s, kind, m, &m->envelope, extra);
	message_free(m);
}

static void take_not_jsonrpc(struct session *s, struct message *m)
{
	bool json = m->envelope.kind == JSONRPC_INVALID;
	size_t len = 0;
	const char *id = json ? parts_id(m, &m->envelope, &len) : NULL;

	s->stats.refused++;
	asked_reply(s, json ? DUE_NOT_JSONRPC : DUE_NOT_JSON, id, len, (struct due_extra){0});
	message_free(m);
}

/* --- requests ---------------------------------------------------------- */

static bool has_trait(const struct message *m, unsigned trait)
{
	return (parts_traits(m, &m->envelope) & trait) != 0;
}

static void take_request(struct session *s, struct message *m)
{
	const struct due_extra none = {0};
	bool offline = s->phase != PHASE_READY && !s->gave_up;
	size_t len;
	const char *id = parts_id(m, &m->envelope, &len);

	if (asked_holds(s, id, len)) {
		refuse(s, DUE_ID_IN_USE, m, none);
	} else if (offline && s->replay.initialize && has_trait(m, METHOD_PING)) {
		/* The host asks whether we are there; we are, and the server will be. */
		asked_reply(s, DUE_PONG, id, len, none);
		message_free(m);
	} else if (is_hopeless(s)) {
		if (has_trait(m, METHOD_INITIALIZE))
			s->initialize_answered = true;
		refuse(s, DUE_NO_LINK, m, (struct due_extra){.why = hopeless(s)});
	} else if (!asked_track(s, m)) {
		refuse(s, DUE_TOO_MANY, m, none);
	} else {
		queue_add(s, m);
	}
}

/* --- notifications and responses --------------------------------------- */

/*
 * Returns whether the server must hear of it: only of requests that were sent, or are on their
 * way, on this link.
 */
static bool cancels(struct session *s, const struct message *m, const struct jsonrpc_envelope *e)
{
	struct pending *p = parts_find(s->asked, m, parts_cancelled(m, e));

	if (!p || p->state == PENDING_GONE)
		return false;
	if (p->state != PENDING_OWED)
		return true;
	if (p->flags & PENDING_PULLED) {
		asked_settle(s, p, PENDING_CANCELLED);
		return true;
	}
	uint64_t serial = p->serial;
	asked_remove(s, p);
	queue_withdraw(s, serial);
	return false;
}

static enum part_fate judge(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	(void)span;
	if (e->kind == JSONRPC_NOTIFICATION && (parts_traits(m, e) & METHOD_CANCELLED))
		return cancels(s, m, e) ? PART_KEPT : PART_DROPPED;
	return e->kind == JSONRPC_RESPONSE ? served_answer(s, m, e, with) : PART_KEPT;
}

static void take_notification(struct session *s, struct message *m)
{
	if (s->gave_up) {
		s->stats.dropped_unsent++;
		message_free(m);
		return;
	}
	m = parts_rebuild(m, judge, s, &s->stats.out_of_memory);
	if (m)
		queue_add(s, m);
}

static void take_response(struct session *s, struct message *m)
{
	m = parts_rebuild(m, judge, s, &s->stats.out_of_memory);
	if (!m)
		return;
	if (s->phase == PHASE_OFFLINE && (s->stats.links > 0 || s->gave_up)) {
		s->stats.dropped_unsent++; /* whoever asked is gone */
		message_free(m);
	} else {
		queue_add(s, m);
	}
}

/* --- batches ----------------------------------------------------------- */

/* What is left of a batch whose requests were refused: the server may wait for an answer in it. */
static enum part_fate judge_but_requests(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	return e->kind == JSONRPC_REQUEST ? PART_DROPPED : judge(s, m, e, span, with);
}

static void take_batch(struct session *s, struct message *m)
{
	parts_judge *verdict = judge_but_requests;

	if (is_hopeless(s))
		refuse_batch(s, DUE_NO_LINK, m, (struct due_extra){.why = hopeless(s)});
	else if (!asked_track_batch(s, m))
		refuse_batch(s, DUE_ID_IN_USE, m, (struct due_extra){0});
	else
		verdict = judge;
	m = parts_rebuild(m, verdict, s, &s->stats.out_of_memory);
	if (m && !s->gave_up)
		queue_add(s, m);
	else
		message_free(m);
}

/* --- over the size limit ----------------------------------------------- */

/* The server gets an error in place of the host's answer. */
static void refuse_answer(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e)
{
	const struct answer error = {.code = ANSWER_TOO_LARGE,
	    .delivered = ANSWER_NOT_SENT,
	    .message = "The host's answer is over the size limit (--max-message).",
	    .size = m->size,
	    .limit = s->opt.max_message};
	struct buf with;
	size_t len;
	const char *id = parts_id(m, e, &len);

	buf_init(&with, 2 * JSONRPC_ID_MAX);
	enum part_fate fate = served_answer(s, m, e, &with);
	if (fate == PART_CHANGED)
		queue_refuse(s, (const char *)with.data, with.len, &error);
	else if (fate == PART_KEPT && s->phase != PHASE_OFFLINE)
		queue_refuse(s, id, len, &error);
	buf_free(&with);
}

/* Only the digest is here. */
static void take_too_large(struct session *s, struct message *m)
{
	const struct due_extra extra = {.size = m->size, .limit = s->opt.max_message};
	bool is_batch = m->envelope.kind == JSONRPC_BATCH;
	struct jsonrpc_envelope e;
	size_t at = 0;

	if (is_batch)
		refuse_batch(s, DUE_MESSAGE_TOO_LARGE, m, extra);
	while (parts_next(m, &at, &e)) {
		if (e.kind == JSONRPC_NOTIFICATION)
			s->stats.dropped_large++;
		else if (e.kind == JSONRPC_RESPONSE)
			refuse_answer(s, m, &e);
		else if (!is_batch)
			refuse_part(s, DUE_MESSAGE_TOO_LARGE, m, &e, extra);
	}
	message_free(m);
}

void from_host_take(struct session *s, struct message *m)
{
	static void (*const by_kind[])(struct session *, struct message *) = {
	    [JSONRPC_NOT_JSON] = take_not_jsonrpc,
	    [JSONRPC_INVALID] = take_not_jsonrpc,
	    [JSONRPC_NOTIFICATION] = take_notification,
	    [JSONRPC_REQUEST] = take_request,
	    [JSONRPC_RESPONSE] = take_response,
	    [JSONRPC_BATCH] = take_batch,
	};

	if (m->digest && m->envelope.kind > JSONRPC_INVALID)
		take_too_large(s, m);
	else
		by_kind[m->envelope.kind](s, m);
}
