#include "from_server.h"

#include "asked.h"
#include "method.h"
#include "parts.h"
#include "resume.h"
#include "served.h"

/* --- answers ----------------------------------------------------------- */

static void learn(
    struct session *s, struct pending *p, const struct message *m, const struct jsonrpc_envelope *e)
{
	if (p->traits & METHOD_INITIALIZE)
		s->initialize_answered = true;
	if (!p->copy || e->is_error || m->envelope.kind == JSONRPC_BATCH)
		return;
	if (p->traits & METHOD_INITIALIZE) {
		unsigned asked = s->replay.lists_asked;
		if (replay_learn_initialize(&s->replay, p->copy, m))
			s->replay.initialized = s->initialized_serial > p->serial;
		s->replay.lists_asked = asked;
	} else {
		replay_learn(&s->replay, p->traits, p->copy);
	}
}

/*
 * Whether an answer with the id of the request cannot be for it: that one was answered before,
 * or the server has not heard it yet.
 */
static bool is_stray(const struct pending *p)
{
	if (p->state == PENDING_OWED)
		return !(p->flags & (PENDING_PULLED | PENDING_EVER_SENT));
	return p->state != PENDING_CANCELLED;
}

static void drop_stray(struct session *s, struct pending *p)
{
	s->stats.dropped_late++;
	if (p->state != PENDING_OWED)
		asked_finish(s, p);
}

/* Over the size limit: the host gets an error in its place. */
static void replace_large(struct session *s, struct pending *p, const struct message *m)
{
	if (p->state == PENDING_OWED)
		asked_answer(s, p, DUE_REPLY_TOO_LARGE,
		    (struct due_extra){.size = m->size, .limit = s->opt.max_reply});
	/* The entry outlives that, as it was heard, but no other answer will come. */
	asked_finish(s, p);
}

static enum part_fate take_response(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e)
{
	struct pending *p = parts_find(s->private, m, e->id);

	if (p) {
		resume_answered(s, m, p);
		return PART_DROPPED;
	}
	p = parts_find(s->asked, m, e->id);
	if (p && is_stray(p)) {
		drop_stray(s, p);
		return PART_DROPPED;
	}
	if (p && m->digest)
		replace_large(s, p, m);
	if (m->digest)
		return PART_DROPPED;
	if (p) {
		if (p->serial >= s->silent_serial)
			s->silent_size = 0; /* what went before it was not too large */
		learn(s, p, m, e);
		asked_finish(s, p);
	}
	return PART_KEPT;
}

/* --- notifications ----------------------------------------------------- */

/* The server takes back a request of its own, or ends a subscription of the host. */
static enum part_fate take_cancellation(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	*span = parts_cancelled(m, e);
	struct pending *p = parts_find(s->asked, m, *span);
	if (p && (p->traits & METHOD_LISTEN) && p->state != PENDING_GONE)
		asked_remove(s, p);
	return served_withdraw(s, m, *span, with);
}

/* A subscription lives on the new link: what happened meanwhile is not known, so it may have. */
static void take_acknowledgement(struct session *s, const struct message *m)
{
	struct pending *p = parts_find(s->asked, m, replay_subscription_id(m));

	if (!p || p->state != PENDING_OWED || !(p->traits & METHOD_LISTEN))
		return;
	if ((p->flags & PENDING_LIVE) && !(p->flags & PENDING_ACKNOWLEDGED) &&
	    !replay_make_missed_by(m, &s->for_host))
		s->stats.out_of_memory++;
	p->flags |= PENDING_LIVE | PENDING_ACKNOWLEDGED;
}

static enum part_fate take_notification(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	if (m->digest) {
		s->stats.dropped_large++;
		return PART_DROPPED;
	}
	if (parts_traits(m, e) & METHOD_CANCELLED)
		return take_cancellation(s, m, e, span, with);
	return PART_KEPT;
}

/* --- what is no JSON-RPC ----------------------------------------------- */

/* Not JSON, or a scalar: dropped, and what it may have answered is answered. */
static void take_malformed(struct session *s, struct message *m)
{
	struct pending *p = parts_find(s->asked, m, m->envelope.id);
	struct reason reason;

	s->stats.dropped_malformed++;
	if (s->phase == PHASE_REPLAY && parts_find(s->private, m, m->envelope.id))
		resume_reject(s, REASON_REPLAY, "the replayed initialize got a malformed answer");
	if (p && p->state == PENDING_OWED && !is_stray(p)) {
		reason_set(&reason, REASON_NONE, "it is not JSON in UTF-8");
		struct why *why = why_new(&reason);
		asked_answer(s, p, DUE_MALFORMED, (struct due_extra){.why = why, .size = m->size});
		why_release(why);
	}
	message_free(m);
}

/*
 * JSON, but not JSON-RPC: not ours to judge. With the id of a request it is taken as its answer.
 */
static void take_invalid(struct session *s, struct message *m)
{
	struct pending *p = parts_find(s->asked, m, m->envelope.id);

	if (!m->envelope.structured || m->digest || (p && is_stray(p)) ||
	    parts_find(s->private, m, m->envelope.id)) {
		take_malformed(s, m);
		return;
	}
	if (p)
		asked_finish(s, p);
	message_list_push(&s->for_host, m);
}

/* --- JSON-RPC ---------------------------------------------------------- */

static enum part_fate judge(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	switch (e->kind) {
	case JSONRPC_REQUEST:
		return served_track(s, m, e, with);
	case JSONRPC_RESPONSE:
		return take_response(s, m, e);
	case JSONRPC_NOTIFICATION:
		return take_notification(s, m, e, span, with);
	default:
		return PART_KEPT;
	}
}

static void take_jsonrpc(struct session *s, struct message *m)
{
	bool acknowledges = m->envelope.kind == JSONRPC_NOTIFICATION && !m->digest &&
	                    (parts_traits(m, &m->envelope) & METHOD_ACKNOWLEDGED);

	m = parts_rebuild(m, judge, s, &s->stats.out_of_memory);
	if (!m)
		return;
	message_list_push(&s->for_host, m);
	if (acknowledges)
		take_acknowledgement(s, m);
}

void from_server_take(struct session *s, struct message *m)
{
	if (m->envelope.kind == JSONRPC_NOT_JSON)
		take_malformed(s, m);
	else if (m->envelope.kind == JSONRPC_INVALID)
		take_invalid(s, m);
	else
		take_jsonrpc(s, m);
}
