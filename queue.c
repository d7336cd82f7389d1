#include "queue.h"

#include "asked.h"
#include "clock.h"
#include "method.h"

/* --- in ---------------------------------------------------------------- */

void queue_wait(struct session *s, struct message *m, int64_t since)
{
	if (m->waits_since < 0)
		m->waits_since = since;
	s->offline_check =
	    clock_min(s->offline_check, clock_add(m->waits_since, s->opt.offline_timeout));
}

void queue_add(struct session *s, struct message *m)
{
	m->serial = ++s->serial;
	m->waits_since = -1;
	if (s->phase != PHASE_READY)
		queue_wait(s, m, m->arrived);
	message_list_push(&s->for_server, m);
}

/* Messages of ours have no serial number: they live and die with the link. */
static void add_ours(struct session *s, struct buf *text, int rc, bool first)
{
	struct message *m = rc == 0 ? message_adopt(text) : NULL;

	if (rc != 0)
		buf_free(text);
	if (!m)
		s->stats.out_of_memory++;
	else
		(first ? message_list_push_front : message_list_push)(&s->for_server, m);
}

void queue_refuse(struct session *s, const char *id, size_t id_len, const struct answer *error)
{
	struct buf text;

	/* A server that asks without reading answers must not fill our memory with them. */
	if (++s->refusals > SESSION_REFUSALS_MAX)
		return;
	buf_init(&text, SIZE_MAX / 2);
	add_ours(s, &text, answer_append(&text, id, id_len, error), false);
}

void queue_cancel(struct session *s, const struct pending *p, const char *reason, bool first)
{
	struct buf text;

	if (s->phase != PHASE_READY || !(p->flags & PENDING_PULLED) || (p->flags & PENDING_TASK) ||
	    (p->traits & METHOD_INITIALIZE))
		return;
	buf_init(&text, SIZE_MAX / 2);
	add_ours(s, &text, answer_append_cancel(&text, p->id, p->id_len, reason), first);
}

/* --- out --------------------------------------------------------------- */

struct message *queue_pull(struct session *s)
{
	struct message *m;

	while ((m = message_list_pop(&s->for_server)) != NULL) {
		size_t owed = asked_note(s, m, PENDING_PULLED);
		if (owed > 0 || m->envelope.kind != JSONRPC_REQUEST)
			break;
		/* A server that resumed its session has answered what was to be sent again. */
		message_free(m);
	}
	if (s->for_server.count == 0)
		s->refusals = 0;
	return m;
}

void queue_withdraw(struct session *s, uint64_t serial)
{
	struct message_list rest = {0};
	struct message *m;

	while ((m = message_list_pop(&s->for_server)) != NULL) {
		if (m->serial == serial)
			m = parts_rebuild(m, asked_judge_owed, s, &s->stats.out_of_memory);
		if (m)
			message_list_push(&rest, m);
	}
	s->for_server = rest;
}

void queue_drop(struct session *s)
{
	struct message *m;

	while ((m = message_list_pop(&s->for_server)) != NULL) {
		s->stats.dropped_unsent += parts_is_one_way(m);
		message_free(m);
	}
}

/* --- the offline clock ------------------------------------------------- */

/*
 * A subscription that was alive waits as long as it takes; so do "initialized" and, unless the
 * host has left, server/discover. An answer to the link that is being made lives and dies with
 * it.
 */
static bool is_patient(const struct session *s, const struct message *m, bool refused)
{
	size_t at = 0;

	if (m->envelope.kind == JSONRPC_RESPONSE)
		return s->phase == PHASE_REPLAY;
	if (m->envelope.kind == JSONRPC_NOTIFICATION)
		return (parts_traits(m, &m->envelope) & METHOD_INITIALIZED) != 0;
	struct pending *p = asked_next_owed(s, m, &at);
	if (!p || p->batch)
		return false;
	if (p->traits & METHOD_LISTEN)
		return !refused || (p->flags & PENDING_LIVE);
	return !refused && !s->impatient && (p->traits & METHOD_DISCOVER);
}

/* Takes m; returns what is left of it: of a batch that is refused ${early} what owes no answer. */
static struct message *end_wait(struct session *s, struct message *m, bool early, struct why *why)
{
	if (parts_is_one_way(m))
		s->stats.dropped_unsent++;
	else
		asked_answer_message(s, m, why);
	if (early && !parts_is_one_way(m))
		return parts_rebuild(m, asked_judge_owed, s, &s->stats.out_of_memory);
	message_free(m);
	return NULL;
}

void queue_expire(struct session *s, int64_t until, bool refused, struct why *why)
{
	struct message_list rest = {0};
	struct message *m;

	s->offline_check = CLOCK_NEVER;
	while ((m = message_list_pop(&s->for_server)) != NULL) {
		bool late = m->waits_since <= until;
		bool over = late || (refused && m->envelope.kind != JSONRPC_NOTIFICATION);
		bool stays = over && is_patient(s, m, refused);
		if (over && !stays)
			m = end_wait(s, m, !late, why);
		if (!m)
			continue;
		if (!stays)
			queue_wait(s, m, m->waits_since);
		message_list_push(&rest, m);
	}
	s->for_server = rest;
}

bool queue_needs_link(const struct session *s)
{
	for (const struct message *m = s->for_server.head; m; m = m->next) {
		bool ours = m->serial == 0, request = m->envelope.kind == JSONRPC_REQUEST;
		if (!ours && !request && !(s->impatient && is_patient(s, m, false)))
			return true;
	}
	return false;
}
