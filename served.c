#include "served.h"

#include <stdio.h>
#include <string.h>

#include "queue.h"

static const struct answer host_has_left = {.code = ANSWER_NO_LINK,
    .delivered = ANSWER_NOT_SENT,
    .message = "The host has ended its input and answers no more requests."};

/* Puts a string nobody has used into ${with}, and notes whose id it stands for. */
static bool give_fresh_id(struct session *s, const char *id, size_t len, struct buf *with)
{
	char text[40];

	snprintf(text, sizeof text, "\"wsmcp-%llu\"", (unsigned long long)++s->fresh);
	struct pending *shown = pending_add(s->served, text, strlen(text));
	struct pending *real = pending_find(s->renamed, id, len);
	if (!real)
		real = pending_add(s->renamed, id, len);
	if (!shown || !real || !pending_set_alias(shown, id, len) ||
	    !pending_set_alias(real, text, strlen(text)) || buf_append_str(with, text) != BUF_OK) {
		if (shown)
			pending_remove(s->served, shown);
		if (real)
			pending_remove(s->renamed, real);
		s->stats.out_of_memory++;
		return false;
	}
	return true;
}

static void forget_renamed(struct session *s, const struct pending *p)
{
	struct pending *r = p->alias ? pending_find(s->renamed, p->alias, p->alias_len) : NULL;

	if (r)
		pending_remove(s->renamed, r);
}

enum part_fate served_track(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e, struct buf *with)
{
	const struct answer too_large = {.code = ANSWER_TOO_LARGE,
	    .delivered = ANSWER_NOT_SENT,
	    .message = "The request is over the size limit (--max-reply) for the host.",
	    .size = m->size,
	    .limit = s->opt.max_reply};
	size_t len;
	const char *id = parts_id(m, e, &len);

	if (s->host_ended || m->digest) {
		queue_refuse(s, id, len, s->host_ended ? &host_has_left : &too_large);
		return PART_DROPPED;
	}
	struct pending *p = pending_find(s->served, id, len);
	if (p && p->state != PENDING_OWED)
		return give_fresh_id(s, id, len, with) ? PART_CHANGED : PART_DROPPED;
	if (!p)
		(void)pending_add(s->served, id, len);
	return PART_KEPT;
}

enum part_fate served_answer(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e, struct buf *with)
{
	struct pending *p = parts_find(s->served, m, e->id);
	enum part_fate fate = PART_KEPT;

	if (!p)
		return PART_KEPT;
	if (p->state != PENDING_OWED) {
		s->stats.dropped_late++;
		fate = PART_DROPPED;
	} else if (p->alias) {
		bool ok = buf_append(with, p->alias, p->alias_len) == BUF_OK;
		fate = ok ? PART_CHANGED : PART_DROPPED;
		forget_renamed(s, p);
	}
	pending_remove(s->served, p);
	return fate;
}

enum part_fate served_withdraw(
    struct session *s, const struct message *m, struct jsonrpc_span id, struct buf *with)
{
	struct pending *real = parts_find(s->renamed, m, id);
	struct pending *p = real ? pending_find(s->served, real->alias, real->alias_len)
	                         : parts_find(s->served, m, id);
	enum part_fate fate = PART_KEPT;

	if (real) {
		bool ok = buf_append(with, real->alias, real->alias_len) == BUF_OK;
		fate = ok ? PART_CHANGED : PART_DROPPED;
		pending_remove(s->renamed, real);
	}
	/* The host's answer may have crossed it, and must not meet another request with this id. */
	if (p && p->state == PENDING_OWED)
		pending_settle(s->served, p, PENDING_CANCELLED);
	return fate;
}

void served_refuse_all(struct session *s)
{
	struct pending *p;

	while ((p = pending_first_owed(s->served)) != NULL) {
		const char *id = p->alias ? p->alias : p->id;
		if (s->phase != PHASE_OFFLINE)
			queue_refuse(s, id, p->alias ? p->alias_len : p->id_len, &host_has_left);
		forget_renamed(s, p);
		pending_remove(s->served, p);
	}
}

static struct message *make_cancel(const struct pending *p, const char *reason)
{
	struct buf text;

	buf_init(&text, SIZE_MAX / 2);
	if (answer_append_cancel(&text, p->id, p->id_len, reason) == 0)
		return message_adopt(&text);
	buf_free(&text);
	return NULL;
}

void served_cancel_all(struct session *s, const char *reason)
{
	struct pending *p;

	while ((p = pending_first_owed(s->served)) != NULL) {
		struct message *m = make_cancel(p, reason);
		if (m)
			message_list_push(&s->for_host, m);
		else
			s->stats.out_of_memory++;
		forget_renamed(s, p);
		pending_settle(s->served, p, PENDING_CANCELLED);
	}
}
