#include "asked.h"

#include "method.h"

/* --- what is kept of them ---------------------------------------------- */

bool asked_has_room_for(const struct session *s, const struct message *m)
{
	return m->text.len <= SESSION_KEPT_ONE_MAX && s->kept + message_cost(m) <= SESSION_KEPT_MAX;
}

void asked_keep(struct session *s, struct message **slot, struct message *m)
{
	*slot = m;
	s->kept += message_cost(m);
}

struct message *asked_unkeep(struct session *s, struct message **slot)
{
	struct message *m = *slot;

	if (m)
		s->kept -= message_cost(m);
	*slot = NULL;
	return m;
}

/* It was answered, or will never be: nothing of it is needed to send it again. */
static void release_kept(struct session *s, struct pending *p)
{
	message_free(asked_unkeep(s, &p->kept));
	message_free(asked_unkeep(s, &p->copy));
	if (p->batch) {
		p->batch->answered = true;
		message_free(asked_unkeep(s, &p->batch->kept));
	}
}

/* --- the end of one ---------------------------------------------------- */

static void uncount_listen(struct session *s, const struct pending *p)
{
	if (p->state == PENDING_OWED && (p->traits & METHOD_LISTEN))
		s->listens--;
}

void asked_remove(struct session *s, struct pending *p)
{
	uncount_listen(s, p);
	release_kept(s, p);
	pending_remove(s->asked, p);
}

void asked_settle(struct session *s, struct pending *p, enum pending_state state)
{
	uncount_listen(s, p);
	release_kept(s, p);
	pending_batch_release(p->batch);
	p->batch = NULL;
	pending_settle(s->asked, p, state);
}

void asked_finish(struct session *s, struct pending *p)
{
	if (p->flags & PENDING_RESENT)
		asked_settle(s, p, PENDING_GONE);
	else
		asked_remove(s, p);
}

/* --- a new one --------------------------------------------------------- */

bool asked_holds(const struct session *s, const char *id, size_t len)
{
	const struct pending *p = pending_find(s->asked, id, len);

	return (p && p->state != PENDING_GONE) || pending_find(s->private, id, len);
}

/* The flag that a member of params stands for; 0 for most. */
static unsigned flag_of(const char *key, size_t len)
{
	static const struct {
		const char *key;
		unsigned flag;
	} table[] = {
	    {"task", PENDING_TASK},
	    {"requestState", PENDING_PICKY},
	    {"inputResponses", PENDING_PICKY},
	    {"cursor", PENDING_CURSOR},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (jsonrpc_string_is(key, len, table[i].key))
			return table[i].flag;
	}
	return 0;
}

/* Goes over params only once, because they can be long. */
static unsigned flags_of(const struct message *m, const struct jsonrpc_envelope *e)
{
	struct jsonrpc_span key, value;
	size_t len, at = 0;
	const char *params = message_span(m, e->params, &len);
	unsigned flags = 0;

	while (params && jsonrpc_member_next(params, len, &at, &key, &value))
		flags |= flag_of(params + key.at, key.len);
	return flags;
}

/* What a later replay needs of it once it is answered. */
static void keep_copy(
    struct session *s, struct pending *p, const struct message *m, const struct jsonrpc_envelope *e)
{
	const unsigned wanted =
	    METHOD_INITIALIZE | METHOD_SET_LEVEL | METHOD_SUBSCRIBE | METHOD_UNSUBSCRIBE;

	if (!(p->traits & wanted) || e != &m->envelope || !asked_has_room_for(s, m))
		return;
	struct message *copy = message_new(m->text.data, m->text.len);
	if (copy)
		asked_keep(s, &p->copy, copy);
}

/* The id is not held; an entry that is PENDING_GONE gives way. */
static bool track(struct session *s, const struct message *m, const struct jsonrpc_envelope *e,
    struct pending_batch *batch)
{
	size_t len;
	const char *id = parts_id(m, e, &len);
	struct pending *gone = pending_find(s->asked, id, len), *p;
	unsigned reused = gone ? PENDING_REUSED : 0;

	if (!pending_has_room(s->asked, 1))
		return false;
	if (gone)
		asked_remove(s, gone);
	p = pending_add(s->asked, id, len);
	if (!p)
		return false;
	p->arrived = m->arrived;
	p->serial = s->serial + 1; /* what its message gets in the queue */
	p->size = m->size;
	p->traits = parts_traits(m, e);
	p->flags = flags_of(m, e) | reused;
	p->batch = batch;
	if (batch)
		batch->users++;
	if (p->traits & METHOD_LISTEN)
		s->listens++;
	s->replay.lists_asked |= p->traits;
	keep_copy(s, p, m, e);
	return true;
}

bool asked_track(struct session *s, const struct message *m)
{
	return track(s, m, &m->envelope, NULL);
}

/* Takes back what was noted of a batch that is not queued. */
static void untrack_batch(struct session *s, const struct message *m)
{
	struct jsonrpc_envelope e;
	size_t at = 0;

	while (parts_next(m, &at, &e)) {
		struct pending *p =
		    e.kind == JSONRPC_REQUEST ? parts_find(s->asked, m, e.id) : NULL;
		if (!p || p->serial != s->serial + 1 || p->state != PENDING_OWED)
			continue;
		if (p->flags & PENDING_REUSED)
			asked_settle(s, p, PENDING_GONE); /* as it was before */
		else
			asked_remove(s, p);
	}
}

bool asked_track_batch(struct session *s, const struct message *m)
{
	struct pending_batch *batch = pending_batch_new();
	struct jsonrpc_envelope e;
	size_t at = 0, len;
	bool ok = batch != NULL;

	while (ok && parts_next(m, &at, &e)) {
		const char *id = parts_id(m, &e, &len);
		if (e.kind == JSONRPC_REQUEST)
			ok = !asked_holds(s, id, len) && track(s, m, &e, batch);
	}
	if (!ok)
		untrack_batch(s, m);
	pending_batch_release(batch);
	return ok;
}

/* --- those of a message ------------------------------------------------ */

struct pending *asked_entry(
    const struct session *s, const struct message *m, const struct jsonrpc_envelope *e)
{
	struct pending *p = e->kind == JSONRPC_REQUEST ? parts_find(s->asked, m, e->id) : NULL;

	return p && p->serial == m->serial ? p : NULL;
}

struct pending *asked_next_owed(const struct session *s, const struct message *m, size_t *at)
{
	struct jsonrpc_envelope e;

	while (parts_next(m, at, &e)) {
		struct pending *p = asked_entry(s, m, &e);
		if (p && p->state == PENDING_OWED)
			return p;
	}
	return NULL;
}

size_t asked_note(struct session *s, const struct message *m, unsigned flags)
{
	struct jsonrpc_envelope e;
	size_t at = 0, owed = 0;

	if (m->serial == 0 || m->envelope.kind == JSONRPC_NOTIFICATION)
		return 0;
	while (parts_next(m, &at, &e)) {
		struct pending *p = asked_entry(s, m, &e);
		if (!p)
			continue;
		p->flags |= flags;
		p->links = m->links;
		owed += p->state == PENDING_OWED;
	}
	return owed;
}

enum part_fate asked_judge_owed(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	const struct pending *p = asked_entry(s, m, e);

	(void)span;
	(void)with;
	if (e->kind != JSONRPC_REQUEST)
		return PART_KEPT;
	return p && p->state == PENDING_OWED ? PART_KEPT : PART_DROPPED;
}

/* --- answers of ours --------------------------------------------------- */

void asked_reply(
    struct session *s, enum due_kind kind, const char *id, size_t id_len, struct due_extra extra)
{
	extra.after = s->given + s->for_host.count;
	if (!due_add(&s->due, kind, id, id_len, extra))
		s->stats.out_of_memory++;
}

/* What is on a link and not back from it may have left whole, or may yet. */
static bool is_on_link(const struct session *s, const struct pending *p)
{
	return s->phase != PHASE_OFFLINE && (p->flags & PENDING_PULLED);
}

void asked_answer(struct session *s, struct pending *p, enum due_kind kind, struct due_extra extra)
{
	bool on_link = is_on_link(s, p), ever_sent = (p->flags & PENDING_EVER_SENT) != 0;

	extra.delivered = on_link || ever_sent ? ANSWER_MAYBE_SENT : ANSWER_NOT_SENT;
	extra.batch = p->batch;
	asked_reply(s, kind, p->id, p->id_len, extra);
	s->stats.answered_here++;
	if (p->traits & METHOD_INITIALIZE)
		s->initialize_answered = true;
	if (s->host_ended)
		s->failed = true;
	if (on_link)
		asked_settle(s, p, PENDING_ANSWERED);
	else if (ever_sent)
		asked_settle(s, p, PENDING_GONE);
	else
		asked_remove(s, p);
}

void asked_answer_lost(struct session *s, struct pending *p, struct why *why)
{
	bool begun = (p->flags & PENDING_EVER_BEGUN) != 0;

	asked_answer(s, p, begun ? DUE_LINK_LOST : DUE_NO_LINK, (struct due_extra){.why = why});
}

void asked_answer_message(struct session *s, const struct message *m, struct why *why)
{
	struct pending *p;
	size_t at = 0;

	while ((p = asked_next_owed(s, m, &at)) != NULL)
		asked_answer_lost(s, p, why);
}
