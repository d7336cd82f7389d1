#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "clock.h"
#include "due.h"
#include "method.h"
#include "pending.h"
#include "replay.h"

#define FIRST_PRIVATE_ID                                                                           \
	INT64_C(2147483647) /* counted down; some servers lose other kinds of ids */

#define CLOSE_TOO_LARGE 1009

enum phase {
	PHASE_OFFLINE, /* no link */
	PHASE_REPLAY,  /* a link that waits for the answer to the replayed initialize */
	PHASE_READY    /* a link that carries what the host says */
};

struct session {
	struct session_options opt;
	enum phase phase;
	struct pending_table *asked; /* by the host, owed by the server */
	struct pending_table
	    *served; /* asked by the server, owed by the host; settled = by an old link */
	struct pending_table
	    *renamed; /* those of them that the host knows by another id; alias = that id */
	struct pending_table *private; /* asked by us on this link */
	struct message_list first;     /* what the link hears before anything else */
	struct message_list for_server, for_host;
	struct message_list returned; /* pulled for a link that did not send them */
	struct due_queue due;
	struct replay replay;
	struct why *refused, *given_up;
	struct why *offline; /* why there is no link now, as far as is known */
	struct reason rejects;
	struct session_stats stats;
	uint64_t given; /* messages of the server that the host has pulled */
	uint64_t serial;
	uint64_t
	    initialized_serial; /* of the host's last notifications/initialized that was sent */
	uint64_t silent_serial, silent_size; /* the largest message without answer on this link */
	uint64_t fresh;                      /* ids made up for requests of the server */
	size_t kept;                         /* cost of what is kept */
	size_t refusals;                     /* since the queue for the server was last empty */
	size_t on_link;                      /* pulled and not reclaimed */
	size_t listens;                      /* owed entries that owe nothing at the end */
	int64_t private_id;
	int64_t host_spoke, replay_until, offline_check;
	int64_t linger_until;   /* once the host ended: of the link there is */
	int64_t patience_until; /* ... of what has no offline clock, without a link */
	bool host_ended, last_call, lingered, impatient;
	bool gave_up, failed, initialize_answered, is_refused;
};

/* --- life -------------------------------------------------------------- */

struct session *session_new(const struct session_options *options, int64_t now)
{
	struct session *s = calloc(1, sizeof *s);
	size_t max = SESSION_IN_FLIGHT_MAX, settled = SESSION_SETTLED_MAX;

	if (!s)
		return NULL;
	s->opt = *options;
	s->host_spoke = now;
	s->due.server = options->server;
	s->replay_until = s->offline_check = CLOCK_NEVER;
	s->linger_until = s->patience_until = CLOCK_NEVER;
	s->private_id = FIRST_PRIVATE_ID;
	s->asked = pending_table_new(max, settled, options->seed);
	s->served = pending_table_new(max, settled, options->seed);
	s->renamed = pending_table_new(max, settled, options->seed);
	s->private = pending_table_new(max, settled, options->seed);
	if (!s->asked || !s->served || !s->renamed || !s->private) {
		session_free(s);
		return NULL;
	}
	return s;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	due_free(&s->due);
	pending_table_free(s->asked);
	pending_table_free(s->served);
	pending_table_free(s->renamed);
	pending_table_free(s->private);
	message_list_free(&s->first);
	message_list_free(&s->for_server);
	message_list_free(&s->for_host);
	message_list_free(&s->returned);
	replay_free(&s->replay);
	why_release(s->refused);
	why_release(s->given_up);
	why_release(s->offline);
	free(s);
}

/* --- requests of the host ---------------------------------------------- */

static void keep(struct session *s, struct message **slot, struct message *m)
{
	*slot = m;
	s->kept += message_cost(m);
}

/* Takes out what was kept; NULL if there is nothing. */
static struct message *unkeep(struct session *s, struct message **slot)
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
	message_free(unkeep(s, &p->kept));
	message_free(unkeep(s, &p->copy));
	if (p->batch) {
		p->batch->answered = true;
		message_free(unkeep(s, &p->batch->kept));
	}
}

static void uncount_listen(struct session *s, const struct pending *p)
{
	if (p->state == PENDING_OWED && (p->traits & METHOD_LISTEN))
		s->listens--;
}

static void remove_asked(struct session *s, struct pending *p)
{
	uncount_listen(s, p);
	release_kept(s, p);
	pending_remove(s->asked, p);
}

static void settle_asked(struct session *s, struct pending *p, enum pending_state state)
{
	uncount_listen(s, p);
	release_kept(s, p);
	pending_batch_release(p->batch);
	p->batch = NULL;
	pending_settle(s->asked, p, state);
}

/*
 * The server's answer is here, or can never be. Of a request that was sent on two links there may be
 * another.
 */
static void finish_asked(struct session *s, struct pending *p)
{
	if (p->flags & PENDING_RESENT)
		settle_asked(s, p, PENDING_GONE);
	else
		remove_asked(s, p);
}

/* Whether the host may not use the id now: what was answered on a link that is gone does not hold it. */
static bool is_in_use(const struct session *s, const char *id, size_t len)
{
	const struct pending *p = pending_find(s->asked, id, len);

	return (p && p->state != PENDING_GONE) || pending_find(s->private, id, len);
}

/* --- answers of ours --------------------------------------------------- */

static void answer(
    struct session *s, enum due_kind kind, const char *id, size_t id_len, struct due_extra extra)
{
	extra.after = s->given + s->for_host.count;
	if (!due_add(&s->due, kind, id, id_len, extra))
		s->stats.out_of_memory++;
}

static enum answer_delivered delivered_of(const struct pending *p)
{
	return p->flags & PENDING_EVER_SENT ? ANSWER_MAYBE_SENT : ANSWER_NOT_SENT;
}

/* What is on a link and not back from it may have left whole, or may yet. */
static bool is_on_link(const struct session *s, const struct pending *p)
{
	return s->phase != PHASE_OFFLINE && (p->flags & PENDING_PULLED);
}

/*
 * Answers an owed request. Its id stays known while the server may still answer it: in use on this
 * link, free for the host on a later one.
 */
static void answer_pending(
    struct session *s, struct pending *p, enum due_kind kind, struct due_extra extra)
{
	extra.delivered = is_on_link(s, p) ? ANSWER_MAYBE_SENT : delivered_of(p);
	extra.batch = p->batch;
	answer(s, kind, p->id, p->id_len, extra);
	s->stats.answered_here++;
	if (p->traits & METHOD_INITIALIZE)
		s->initialize_answered = true;
	if (s->host_ended)
		s->failed = true;
	if (is_on_link(s, p))
		settle_asked(s, p, PENDING_ANSWERED);
	else if (p->flags & PENDING_EVER_SENT)
		settle_asked(s, p, PENDING_GONE);
	else
		remove_asked(s, p);
}

/* What a request without an answer is told, by how far it ever got. */
static enum due_kind lost_kind(const struct pending *p)
{
	return p->flags & PENDING_EVER_BEGUN ? DUE_LINK_LOST : DUE_NO_LINK;
}

/* --- messages of ours to the server ------------------------------------ */

static void tell_server(struct session *s, struct buf *text, int rc, bool first)
{
	struct message *m = rc == 0 ? message_adopt(text) : NULL;

	if (rc != 0)
		buf_free(text);
	if (!m)
		s->stats.out_of_memory++;
	else
		(first ? message_list_push_front : message_list_push)(&s->for_server, m);
}

static void refuse_server(
    struct session *s, const char *id, size_t id_len, const struct answer *why)
{
	struct buf text;

	/* A server that asks without reading answers must not fill our memory with them. */
	if (++s->refusals > SESSION_REFUSALS_MAX)
		return;
	buf_init(&text, SIZE_MAX / 2);
	tell_server(s, &text, answer_append(&text, id, id_len, why), false);
}

static void cancel_at_server(
    struct session *s, const struct pending *p, const char *reason, bool first)
{
	struct buf text;

	if (s->phase != PHASE_READY || !(p->flags & PENDING_PULLED) || (p->flags & PENDING_TASK) ||
	    (p->traits & METHOD_INITIALIZE))
		return;
	buf_init(&text, SIZE_MAX / 2);
	tell_server(s, &text, answer_append_cancel(&text, p->id, p->id_len, reason), first);
}

static const struct answer host_has_left = {.code = ANSWER_NO_LINK,
    .delivered = ANSWER_NOT_SENT,
    .message = "The host has ended its input and answers no more requests."};

/* --- what a message holds ---------------------------------------------- */

/*
 * Goes through the envelopes of a message: the elements of a batch, or just its own. Returns
 * false after the last. ${*at} is 0 at first.
 */
static bool next_envelope(const struct message *m, size_t *at, struct jsonrpc_envelope *out)
{
	if (m->envelope.kind == JSONRPC_BATCH)
		return jsonrpc_batch_next(m->text.data, m->text.len, at, out);
	if (*at > 0)
		return false;
	*at = 1;
	*out = m->envelope;
	return true;
}

static const char *id_of(const struct message *m, const struct jsonrpc_envelope *e, size_t *len)
{
	return message_span(m, e->id, len);
}

static unsigned traits_of(const struct message *m, const struct jsonrpc_envelope *e)
{
	size_t len;
	const char *method = message_span(m, e->method, &len);

	return method ? method_traits(method, len) : 0;
}

/* The id in params.requestId of a cancellation; len 0 if there is none that could be anybody's. */
static struct jsonrpc_span cancelled_span(const struct message *m, const struct jsonrpc_envelope *e)
{
	size_t len;
	const char *params = message_span(m, e->params, &len);
	struct jsonrpc_span span = {0};

	if (params)
		span = jsonrpc_find(params, len, "requestId");
	if (span.len == 0 || span.len > JSONRPC_ID_MAX)
		return (struct jsonrpc_span){0};
	span.at += e->params.at;
	return span;
}

static struct pending *find(
    struct pending_table *t, const struct message *m, struct jsonrpc_span id)
{
	size_t len;
	const char *raw = message_span(m, id, &len);

	return raw ? pending_find(t, raw, len) : NULL;
}

/* The entry of a request in this very message: its answer may have come, and its id been used again. */
static struct pending *entry_of(
    const struct session *s, const struct message *m, const struct jsonrpc_envelope *e)
{
	struct pending *p = e->kind == JSONRPC_REQUEST ? find(s->asked, m, e->id) : NULL;

	return p && p->serial == m->serial ? p : NULL;
}

/* The next request of the message that is still owed; NULL after the last. */
static struct pending *next_owed(const struct session *s, const struct message *m, size_t *at)
{
	struct jsonrpc_envelope e;

	while (next_envelope(m, at, &e)) {
		struct pending *p = entry_of(s, m, &e);
		if (p && p->state == PENDING_OWED)
			return p;
	}
	return NULL;
}

static unsigned request_flags(const struct message *m, const struct jsonrpc_envelope *e)
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
	size_t len;
	const char *params = message_span(m, e->params, &len);
	unsigned flags = 0;

	for (size_t i = 0; params && i < sizeof table / sizeof *table; i++) {
		if (jsonrpc_find(params, len, table[i].key).len > 0)
			flags |= table[i].flag;
	}
	return flags;
}

/* --- the queue for the server ------------------------------------------ */

/* The offline clock of a message runs from ${since}; the earliest end is what offline_check waits for. */
static void start_waiting(struct session *s, struct message *m, int64_t since)
{
	if (m->waits_since < 0)
		m->waits_since = since;
	s->offline_check =
	    clock_min(s->offline_check, clock_add(m->waits_since, s->opt.offline_timeout));
}

static void enqueue(struct session *s, struct message *m, int64_t now)
{
	m->serial = ++s->serial;
	m->waits_since = -1;
	if (s->phase != PHASE_READY)
		start_waiting(s, m, now);
	message_list_push(&s->for_server, m);
}

/* --- from the host ----------------------------------------------------- */

/* What is remembered of a request once it is answered, kept until then. */
static void copy_for_replay(
    struct session *s, struct pending *p, const struct message *m, const struct jsonrpc_envelope *e)
{
	const unsigned wanted =
	    METHOD_INITIALIZE | METHOD_SET_LEVEL | METHOD_SUBSCRIBE | METHOD_UNSUBSCRIBE;

	if (!(p->traits & wanted) || e != &m->envelope)
		return;
	if (m->text.len > SESSION_KEPT_ONE_MAX || s->kept + message_cost(m) > SESSION_KEPT_MAX)
		return;
	struct message *copy = message_new(m->text.data, m->text.len);
	if (copy)
		keep(s, &p->copy, copy);
}

static struct pending *track_asked(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct pending_batch *batch, int64_t now)
{
	size_t len;
	const char *id = id_of(m, e, &len);
	struct pending *gone = pending_find(s->asked, id, len), *p;
	unsigned reused = gone ? PENDING_REUSED : 0;

	if (!pending_has_room(s->asked, 1))
		return NULL;
	if (gone)
		remove_asked(s, gone);
	p = pending_add(s->asked, id, len);
	if (!p)
		return NULL;
	p->arrived = now;
	p->serial = s->serial + 1; /* what enqueue gives its message next */
	p->size = m->size;
	p->traits = traits_of(m, e);
	p->flags = request_flags(m, e) | reused;
	p->batch = batch;
	if (batch)
		batch->users++;
	if (p->traits & METHOD_LISTEN)
		s->listens++;
	s->replay.lists_asked |= p->traits;
	copy_for_replay(s, p, m, e);
	return p;
}

/* There is no use in waiting: why not, NULL if there is. */
static struct why *hopeless(const struct session *s)
{
	return s->gave_up ? s->given_up : s->refused;
}

static bool is_hopeless(const struct session *s)
{
	return s->gave_up || s->is_refused;
}

/* Turns a message down: one answer, nothing forwarded. */
static void refuse_host(struct session *s, enum due_kind kind, struct message *m)
{
	size_t len = 0;
	const char *id = m->envelope.kind == JSONRPC_BATCH ? NULL : id_of(m, &m->envelope, &len);
	bool no_link = kind == DUE_NO_LINK;

	answer(s, kind, id, len,
	    (struct due_extra){.delivered = ANSWER_NOT_SENT, .why = no_link ? hopeless(s) : NULL});
	s->stats.answered_here++;
	if (no_link && (traits_of(m, &m->envelope) & METHOD_INITIALIZE))
		s->initialize_answered = true;
	if (no_link && s->host_ended)
		s->failed = true;
	message_free(m);
}

static void host_not_jsonrpc(struct session *s, struct message *m, int64_t now)
{
	bool json = m->envelope.kind == JSONRPC_INVALID;
	size_t len = 0;
	const char *id = json ? id_of(m, &m->envelope, &len) : NULL;

	(void)now;
	s->stats.refused++;
	answer(s, json ? DUE_NOT_JSONRPC : DUE_NOT_JSON, id, len, (struct due_extra){0});
	message_free(m);
}

static void host_request(struct session *s, struct message *m, int64_t now)
{
	size_t len;
	const char *id = id_of(m, &m->envelope, &len);

	if (is_in_use(s, id, len)) {
		refuse_host(s, DUE_ID_IN_USE, m);
	} else if (s->phase != PHASE_READY && !s->gave_up && s->replay.initialize &&
	           (traits_of(m, &m->envelope) & METHOD_PING)) {
		/* The host asks whether we are there; we are, and the server will be. */
		answer(s, DUE_PONG, id, len, (struct due_extra){0});
		message_free(m);
	} else if (is_hopeless(s)) {
		refuse_host(s, DUE_NO_LINK, m);
	} else if (!track_asked(s, m, &m->envelope, NULL, now)) {
		refuse_host(s, DUE_TOO_MANY, m);
	} else {
		enqueue(s, m, now);
	}
}

/* What becomes of (a part of) a message. */
enum passage { PASS, DROP, CHANGE };

static void forget_renamed(struct session *s, const struct pending *p)
{
	struct pending *r = p->alias ? pending_find(s->renamed, p->alias, p->alias_len) : NULL;

	if (r)
		pending_remove(s->renamed, r);
}

/*
 * An answer of the host: to the link there is, perhaps under the id that the server gave; what an old link
 * asked goes nowhere.
 */
static enum passage host_responds(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e, struct buf *id)
{
	struct pending *p = find(s->served, m, e->id);
	enum passage passage = PASS;

	if (!p)
		return PASS;
	if (p->state != PENDING_OWED) {
		s->stats.dropped_late++;
		passage = DROP;
	} else if (p->alias) {
		passage = buf_append(id, p->alias, p->alias_len) == BUF_OK ? CHANGE : DROP;
		forget_renamed(s, p);
	}
	pending_remove(s->served, p);
	return passage;
}

/*
 * A message made anew: ${judge} says of each element what becomes of it (for CHANGE it has
 * appended the text to put in place of ${*span}). Takes m; returns m itself if nothing changed, NULL if nothing is left.
 */
typedef enum passage judge_fn(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with);

struct rebuilt {
	struct buf text;
	bool changed;
	int rc;
};

static void add_bytes(struct rebuilt *r, const unsigned char *bytes, size_t len)
{
	r->rc = r->rc ? r->rc : buf_append(&r->text, bytes, len);
}

static void add_element(struct rebuilt *r, const struct message *m, size_t from, size_t to,
    const struct jsonrpc_span *span, const struct buf *with)
{
	const unsigned char *text = m->text.data;

	/* Before the element stand the bracket or comma, and blanks. */
	while (from < to && text[from] != '{')
		from++;
	add_bytes(r, (const unsigned char *)(r->text.len ? "," : "["), 1);
	if (span) {
		add_bytes(r, text + from, span->at - from);
		add_bytes(r, with->data, with->len);
		from = span->at + span->len;
	}
	add_bytes(r, text + from, to - from);
}

/* What is known of the one holds for the other. */
static void take_place(struct message *made, const struct message *m)
{
	made->size = m->size;
	made->arrived = m->arrived;
	made->waits_since = m->waits_since;
	made->links = m->links;
	made->serial = m->serial;
}

static struct message *rebuild_batch(struct session *s, struct message *m, judge_fn *judge)
{
	struct rebuilt r = {0};
	struct jsonrpc_envelope e;
	struct buf with;
	size_t at = 0, from = 0;

	buf_init(&r.text, SIZE_MAX / 2);
	buf_init(&with, 2 * JSONRPC_ID_MAX);
	while (next_envelope(m, &at, &e)) {
		struct jsonrpc_span span = e.id;
		buf_clear(&with);
		enum passage passage = judge(s, m, &e, &span, &with);
		if (passage != DROP)
			add_element(&r, m, from, at, passage == CHANGE ? &span : NULL, &with);
		r.changed = r.changed || passage != PASS;
		from = at;
	}
	buf_free(&with);
	if (!r.changed) {
		buf_free(&r.text);
		return m;
	}
	struct message *made = NULL;
	if (r.text.len > 0) {
		add_bytes(&r, (const unsigned char *)"]", 1);
		if (r.rc == 0)
			made = message_adopt(&r.text);
		if (!made)
			s->stats.out_of_memory++;
		else
			take_place(made, m);
	}
	buf_free(&r.text);
	message_free(m);
	return made;
}

static struct message *rebuild(struct session *s, struct message *m, judge_fn *judge)
{
	struct jsonrpc_span span = m->envelope.id;
	struct message *made = NULL;
	struct buf with;

	if (m->envelope.kind == JSONRPC_BATCH)
		return rebuild_batch(s, m, judge);
	buf_init(&with, 2 * JSONRPC_ID_MAX);
	enum passage passage = judge(s, m, &m->envelope, &span, &with);
	if (passage == CHANGE) {
		made = message_splice(m, span, (const char *)with.data, with.len);
		if (!made)
			s->stats.out_of_memory++;
	}
	buf_free(&with);
	if (passage == PASS)
		return m;
	message_free(m);
	return made;
}

/* Of a message that waits: only requests that are still owed. */
static enum passage judge_owed(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	const struct pending *p = entry_of(s, m, e);

	(void)span;
	(void)with;
	return e->kind != JSONRPC_REQUEST || (p && p->state == PENDING_OWED) ? PASS : DROP;
}

/* A request of the message of ${serial}, which waits, is not owed any more. */
static void unqueue(struct session *s, uint64_t serial)
{
	struct message_list rest = {0};
	struct message *m;

	while ((m = message_list_pop(&s->for_server)) != NULL) {
		if (m->serial == serial)
			m = rebuild(s, m, judge_owed);
		if (m)
			message_list_push(&rest, m);
	}
	s->for_server = rest;
}

/*
 * Returns whether the server must hear of it: only of requests that were sent, or are on their way, on
 * this link.
 */
static bool host_cancels(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e)
{
	struct pending *p = find(s->asked, m, cancelled_span(m, e));

	if (!p || p->state == PENDING_GONE)
		return false;
	if (p->state != PENDING_OWED)
		return true;
	if (p->flags & PENDING_PULLED) {
		settle_asked(s, p, PENDING_CANCELLED);
		return true;
	}
	uint64_t serial = p->serial;
	remove_asked(s, p);
	unqueue(s, serial);
	return false;
}

static void host_notification(struct session *s, struct message *m, int64_t now)
{
	bool cancels = (traits_of(m, &m->envelope) & METHOD_CANCELLED) != 0;

	if (s->gave_up) {
		s->stats.dropped_unsent++;
		message_free(m);
	} else if (cancels && !host_cancels(s, m, &m->envelope)) {
		message_free(m);
	} else {
		enqueue(s, m, now);
	}
}

static enum passage judge_host_response(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	(void)span;
	if (e->kind == JSONRPC_NOTIFICATION && (traits_of(m, e) & METHOD_CANCELLED))
		return host_cancels(s, m, e) ? PASS : DROP;
	return e->kind == JSONRPC_RESPONSE ? host_responds(s, m, e, with) : PASS;
}

static void host_response(struct session *s, struct message *m, int64_t now)
{
	m = rebuild(s, m, judge_host_response);
	if (!m)
		return;
	if (s->phase == PHASE_OFFLINE && (s->stats.links > 0 || s->gave_up)) {
		s->stats.dropped_unsent++; /* whoever asked is gone */
		message_free(m);
	} else {
		enqueue(s, m, now);
	}
}

/* Answers each request of a batch that is not forwarded, as one array. */
static void refuse_batch(
    struct session *s, enum due_kind kind, const struct message *m, struct due_extra extra)
{
	struct pending_batch *batch = pending_batch_new();
	struct jsonrpc_envelope e;
	size_t at = 0, len;

	if (!batch) {
		s->stats.out_of_memory++;
		return;
	}
	extra.batch = batch;
	while (next_envelope(m, &at, &e)) {
		if (e.kind != JSONRPC_REQUEST)
			continue;
		const char *id = id_of(m, &e, &len);
		answer(s, kind, id, len, extra);
		s->stats.answered_here++;
		if (s->host_ended)
			s->failed = true;
	}
	pending_batch_release(batch);
}

static void untrack_batch(struct session *s, const struct message *m, uint64_t serial)
{
	struct jsonrpc_envelope e;
	size_t at = 0;

	while (next_envelope(m, &at, &e)) {
		struct pending *p = e.kind == JSONRPC_REQUEST ? find(s->asked, m, e.id) : NULL;
		if (!p || p->serial != serial || p->state != PENDING_OWED)
			continue;
		if (p->flags & PENDING_REUSED)
			settle_asked(s, p, PENDING_GONE); /* as it was before */
		else
			remove_asked(s, p);
	}
}

/* Every request of the batch, or none; returns false if an id is in use or there is no room. */
static bool track_batch(struct session *s, const struct message *m, int64_t now)
{
	struct pending_batch *batch = pending_batch_new();
	struct jsonrpc_envelope e;
	size_t at = 0;
	size_t len;
	bool ok = batch != NULL;

	while (ok && next_envelope(m, &at, &e)) {
		const char *id = id_of(m, &e, &len);
		if (e.kind == JSONRPC_REQUEST)
			ok = !is_in_use(s, id, len) && track_asked(s, m, &e, batch, now);
	}
	if (!ok)
		untrack_batch(s, m, s->serial + 1);
	pending_batch_release(batch);
	return ok;
}

/* What is left of a batch whose requests were refused: the server may wait for an answer in it. */
static enum passage judge_but_requests(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	return e->kind == JSONRPC_REQUEST ? DROP : judge_host_response(s, m, e, span, with);
}

static void host_batch(struct session *s, struct message *m, int64_t now)
{
	struct due_extra extra = {.delivered = ANSWER_NOT_SENT};
	judge_fn *judge = judge_but_requests;

	if (is_hopeless(s)) {
		extra.why = hopeless(s);
		refuse_batch(s, DUE_NO_LINK, m, extra);
	} else if (!track_batch(s, m, now)) {
		refuse_batch(s, DUE_ID_IN_USE, m, extra);
	} else {
		judge = judge_host_response;
	}
	m = rebuild(s, m, judge);
	if (m && !s->gave_up)
		enqueue(s, m, now);
	else
		message_free(m);
}

/* Over the limit: only the digest is here. Requests are answered, answers become errors. */
static void host_too_large(struct session *s, struct message *m)
{
	const struct due_extra extra = {
	    .delivered = ANSWER_NOT_SENT, .size = m->size, .limit = s->opt.max_message};
	const struct answer too_large = {.code = ANSWER_TOO_LARGE,
	    .delivered = ANSWER_NOT_SENT,
	    .message = "The host's answer is over the size limit (--max-message).",
	    .size = m->size,
	    .limit = s->opt.max_message};
	struct jsonrpc_envelope e;
	struct buf with;
	size_t at = 0, len;

	if (m->envelope.kind == JSONRPC_BATCH)
		refuse_batch(s, DUE_MESSAGE_TOO_LARGE, m, extra);
	buf_init(&with, 2 * JSONRPC_ID_MAX);
	while (next_envelope(m, &at, &e)) {
		const char *id = id_of(m, &e, &len);
		buf_clear(&with);
		if (e.kind == JSONRPC_NOTIFICATION) {
			s->stats.dropped_large++;
		} else if (e.kind == JSONRPC_REQUEST && m->envelope.kind == JSONRPC_REQUEST) {
			answer(s, DUE_MESSAGE_TOO_LARGE, id, len, extra);
			s->stats.answered_here++;
		} else if (e.kind == JSONRPC_RESPONSE) {
			enum passage passage = host_responds(s, m, &e, &with);
			if (passage == CHANGE)
				refuse_server(s, (const char *)with.data, with.len, &too_large);
			else if (passage == PASS && s->phase != PHASE_OFFLINE)
				refuse_server(s, id, len, &too_large);
		}
	}
	buf_free(&with);
	message_free(m);
}

void session_host_said(struct session *s, struct message *m, int64_t now)
{
	static void (*const by_kind[])(struct session *, struct message *, int64_t) = {
	    [JSONRPC_NOT_JSON] = host_not_jsonrpc,
	    [JSONRPC_INVALID] = host_not_jsonrpc,
	    [JSONRPC_NOTIFICATION] = host_notification,
	    [JSONRPC_REQUEST] = host_request,
	    [JSONRPC_RESPONSE] = host_response,
	    [JSONRPC_BATCH] = host_batch,
	};

	m->arrived = s->host_spoke = now;
	s->stats.from_host++;
	if (m->digest && m->envelope.kind > JSONRPC_INVALID)
		host_too_large(s, m);
	else
		by_kind[m->envelope.kind](s, m, now);
}

void session_host_ended(struct session *s, int64_t now)
{
	struct pending *p;

	if (s->host_ended)
		return;
	s->host_ended = true;
	s->linger_until = clock_add(now, s->opt.linger);
	s->patience_until = clock_add(
	    now, s->opt.linger > s->opt.offline_timeout ? s->opt.linger : s->opt.offline_timeout);
	while ((p = pending_first_owed(s->served)) != NULL) {
		if (s->phase != PHASE_OFFLINE)
			refuse_server(s, p->alias ? p->alias : p->id,
			    p->alias ? p->alias_len : p->id_len, &host_has_left);
		forget_renamed(s, p);
		pending_remove(s->served, p);
	}
}

/* --- from the server --------------------------------------------------- */

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

static enum passage server_request(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e, struct buf *with)
{
	size_t len;
	const char *id = id_of(m, e, &len);

	if (s->host_ended) {
		refuse_server(s, id, len, &host_has_left);
		return DROP;
	}
	if (m->digest) {
		refuse_server(s, id, len,
		    &(struct answer){.code = ANSWER_TOO_LARGE,
		        .delivered = ANSWER_NOT_SENT,
		        .message = "The request is over the size limit (--max-reply) for the host.",
		        .size = m->size,
		        .limit = s->opt.max_reply});
		return DROP;
	}
	struct pending *p = pending_find(s->served, id, len);
	if (p && p->state != PENDING_OWED)
		return give_fresh_id(s, id, len, with) ? CHANGE : DROP;
	if (!p)
		(void)pending_add(s->served, id, len);
	return PASS;
}

/* The answer to a request of ours: swallowed. */
static enum passage private_response(struct session *s, const struct message *m, struct pending *p);

static void learn_from_answer(
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
 * Whether an answer with the id of the request cannot be for it: that one was answered before, or the
 * server has not heard it yet.
 */
static bool is_stray(const struct pending *p)
{
	if (p->state == PENDING_OWED)
		return !(p->flags & (PENDING_PULLED | PENDING_EVER_SENT));
	return p->state != PENDING_CANCELLED;
}

static enum passage server_response(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e)
{
	struct pending *p = find(s->private, m, e->id);

	if (p)
		return private_response(s, m, p);
	p = find(s->asked, m, e->id);
	if (p && is_stray(p)) {
		s->stats.dropped_late++;
		if (p->state != PENDING_OWED)
			finish_asked(s, p);
		return DROP;
	}
	if (m->digest) {
		if (p && p->state == PENDING_OWED)
			answer_pending(s, p, DUE_REPLY_TOO_LARGE,
			    (struct due_extra){.size = m->size, .limit = s->opt.max_reply});
		/* It has been answered for good: nothing more can come for this id. */
		p = find(s->asked, m, e->id);
		if (p)
			finish_asked(s, p);
		return DROP;
	}
	if (p) {
		if (p->serial >= s->silent_serial)
			s->silent_size = 0; /* what went before it was not too large */
		learn_from_answer(s, p, m, e);
		finish_asked(s, p);
	}
	return PASS;
}

/* The server takes back a request of its own, or ends a subscription of the host. */
static enum passage server_cancels(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	enum passage passage = PASS;

	*span = cancelled_span(m, e);
	struct pending *real = find(s->renamed, m, *span);
	struct pending *p = real ? pending_find(s->served, real->alias, real->alias_len)
	                         : find(s->served, m, *span);
	if (real) {
		passage = buf_append(with, real->alias, real->alias_len) == BUF_OK ? CHANGE : DROP;
		pending_remove(s->renamed, real);
	}
	/* The host's answer may have crossed it, and must not meet another request with this id. */
	if (p && p->state == PENDING_OWED)
		pending_settle(s->served, p, PENDING_CANCELLED);
	p = find(s->asked, m, *span);
	if (p && (p->traits & METHOD_LISTEN) && p->state != PENDING_GONE)
		remove_asked(s, p);
	return passage;
}

/* A subscription lives on the new link: what happened meanwhile is not known, so it may have. */
static void server_acknowledges(struct session *s, const struct message *m)
{
	struct pending *p = find(s->asked, m, replay_subscription_id(m));

	if (!p || p->state != PENDING_OWED || !(p->traits & METHOD_LISTEN))
		return;
	if ((p->flags & PENDING_LIVE) && !(p->flags & PENDING_ACKNOWLEDGED) &&
	    !replay_make_missed_by(m, &s->for_host))
		s->stats.out_of_memory++;
	p->flags |= PENDING_LIVE | PENDING_ACKNOWLEDGED;
}

static enum passage server_notification(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	if (m->digest) {
		s->stats.dropped_large++;
		return DROP;
	}
	if (traits_of(m, e) & METHOD_CANCELLED)
		return server_cancels(s, m, e, span, with);
	return PASS;
}

static enum passage judge_server(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	switch (e->kind) {
	case JSONRPC_REQUEST:
		return server_request(s, m, e, with);
	case JSONRPC_RESPONSE:
		return server_response(s, m, e);
	case JSONRPC_NOTIFICATION:
		return server_notification(s, m, e, span, with);
	default:
		return PASS;
	}
}

static void reject_link(struct session *s, enum reason_kind kind, const char *text)
{
	if (s->rejects.kind == REASON_NONE)
		reason_set(&s->rejects, kind, "%s", text);
}

/* Not JSON, or a scalar: dropped, and what it may have answered is answered. */
static void server_malformed(struct session *s, struct message *m)
{
	struct pending *p = find(s->asked, m, m->envelope.id);
	struct reason reason;

	s->stats.dropped_malformed++;
	if (find(s->private, m, m->envelope.id) && s->phase == PHASE_REPLAY)
		reject_link(s, REASON_REPLAY, "the replayed initialize got a malformed answer");
	if (p && p->state == PENDING_OWED && !is_stray(p)) {
		reason_set(&reason, REASON_NONE, "it is not JSON in UTF-8");
		struct why *why = why_new(&reason);
		answer_pending(
		    s, p, DUE_MALFORMED, (struct due_extra){.why = why, .size = m->size});
		why_release(why);
	}
	message_free(m);
}

/*
 * JSON, but not JSON-RPC: not ours to judge. With the id of a request it is taken as its answer.
 */
static void server_invalid(struct session *s, struct message *m)
{
	struct pending *p = find(s->asked, m, m->envelope.id);

	if (!m->envelope.structured || m->digest || (p && is_stray(p)) ||
	    find(s->private, m, m->envelope.id)) {
		server_malformed(s, m);
		return;
	}
	if (p)
		finish_asked(s, p);
	message_list_push(&s->for_host, m);
}

void session_server_said(struct session *s, struct message *m, int64_t now)
{
	m->arrived = now;
	s->stats.from_server++;
	if (m->envelope.kind == JSONRPC_NOT_JSON) {
		server_malformed(s, m);
	} else if (m->envelope.kind == JSONRPC_INVALID) {
		server_invalid(s, m);
	} else {
		bool acknowledges = m->envelope.kind == JSONRPC_NOTIFICATION && !m->digest &&
		                    (traits_of(m, &m->envelope) & METHOD_ACKNOWLEDGED);
		m = rebuild(s, m, judge_server);
		if (m)
			message_list_push(&s->for_host, m);
		if (m && acknowledges)
			server_acknowledges(s, m);
	}
}

/* --- a new link -------------------------------------------------------- */

/* An id for a request of ours: an integer that nobody else has in flight. */
static int64_t next_private_id(void *user)
{
	struct session *s = user;
	char text[24];
	int len;

	do {
		len = snprintf(text, sizeof text, "%lld", (long long)s->private_id--);
		if (s->private_id < 1)
			s->private_id = FIRST_PRIVATE_ID;
	} while (pending_find(s->asked, text, (size_t)len) ||
	         pending_find(s->private, text, (size_t)len));
	if (!pending_add(s->private, text, (size_t)len))
		s->stats.out_of_memory++;
	return strtoll(text, NULL, 10);
}

static void become_ready(struct session *s, int64_t now)
{
	s->phase = PHASE_READY;
	if (s->host_ended) {
		s->linger_until = clock_add(now, s->opt.linger);
		s->last_call = false;
	}
	s->replay_until = s->offline_check = CLOCK_NEVER;
	s->is_refused = false;
	why_release(s->refused);
	s->refused = NULL;
	s->stats.links++;
}

void session_link_up(struct session *s, int64_t now)
{
	s->rejects.kind = REASON_NONE;
	s->silent_size = 0;
	s->private_id = FIRST_PRIVATE_ID;
	if (!s->replay.initialize) {
		become_ready(s, now);
		return;
	}
	s->phase = PHASE_REPLAY;
	s->replay_until =
	    s->opt.replay_timeout ? clock_add(now, s->opt.replay_timeout) : CLOCK_NEVER;
	struct message *m = replay_make_initialize(&s->replay, next_private_id(s));
	if (m)
		message_list_push(&s->first, m);
	else
		reject_link(s, REASON_SETUP, "out of memory");
}

static enum passage private_response(struct session *s, const struct message *m, struct pending *p)
{
	/* A second answer is not for the host either. */
	if (p->state == PENDING_OWED)
		pending_settle(s->private, p, PENDING_ANSWERED);
	if (s->phase != PHASE_REPLAY || s->rejects.kind != REASON_NONE)
		return DROP;
	switch (replay_judge(&s->replay, m)) {
	case REPLAY_ACCEPTED:
		if (!replay_make_rest(&s->replay, next_private_id, s, &s->first) ||
		    !replay_make_missed(&s->replay, &s->for_host))
			s->stats.out_of_memory++;
		become_ready(s, m->arrived);
		break;
	case REPLAY_FAILED:
		reject_link(s, REASON_REPLAY, "the replayed initialize was answered with an error");
		break;
	case REPLAY_OTHER_VERSION:
		reject_link(s, REASON_VERSION,
		    "the replayed initialize was answered with another protocol version");
		break;
	}
	return DROP;
}

const struct reason *session_rejects(const struct session *s)
{
	return s->phase != PHASE_OFFLINE && s->rejects.kind != REASON_NONE ? &s->rejects : NULL;
}

bool session_is_ready(const struct session *s)
{
	return s->phase == PHASE_READY;
}

/* Returns how many requests of the message there still are. */
static size_t flag_requests(struct session *s, const struct message *m, unsigned flags)
{
	struct jsonrpc_envelope e;
	size_t at = 0, count = 0;

	if (m->serial == 0 || m->envelope.kind == JSONRPC_NOTIFICATION)
		return 0;
	while (next_envelope(m, &at, &e)) {
		struct pending *p = entry_of(s, m, &e);
		if (p && p->state == PENDING_OWED)
			count++;
		if (p)
			p->flags |= flags;
	}
	return count;
}

/* A server that resumed its session may have answered what was to be sent again. */
static struct message *next_queued(struct session *s)
{
	struct message *m;

	while ((m = message_list_pop(&s->for_server)) != NULL) {
		size_t owed = flag_requests(s, m, PENDING_PULLED);
		if (owed > 0 || m->envelope.kind != JSONRPC_REQUEST)
			return m;
		message_free(m);
	}
	return NULL;
}

struct message *session_next_for_server(struct session *s)
{
	if (s->phase == PHASE_OFFLINE || s->rejects.kind != REASON_NONE)
		return NULL;
	struct message *m = message_list_pop(&s->first);
	if (!m && s->phase == PHASE_READY)
		m = next_queued(s);
	if (s->for_server.count == 0)
		s->refusals = 0;
	if (m)
		s->on_link++;
	return m;
}

/* --- what a link did --------------------------------------------------- */

/* Whether the request may be sent again although it was sent. */
static bool may_repeat(const struct session *s, const struct pending *p)
{
	return s->opt.resend && (p->traits & METHOD_SAFE) && !(p->flags & PENDING_PICKY) &&
	       !((p->flags & PENDING_CURSOR) && (p->traits & METHOD_PAGED) && s->replay.initialize);
}

static bool all_may_repeat(struct session *s, const struct message *m)
{
	struct jsonrpc_envelope e;
	size_t at = 0;

	while (next_envelope(m, &at, &e)) {
		if (e.kind != JSONRPC_REQUEST)
			continue;
		struct pending *p = entry_of(s, m, &e);
		if (!p || p->state != PENDING_OWED || !may_repeat(s, p))
			return false;
	}
	return true;
}

/* A sent message whose requests may be sent again is kept while they are all unanswered. */
static bool keep_sent(struct session *s, struct message *m)
{
	size_t at = 0;
	struct pending *p = next_owed(s, m, &at);

	if (!p || m->text.len > SESSION_KEPT_ONE_MAX ||
	    s->kept + message_cost(m) > SESSION_KEPT_MAX || (p->batch && p->batch->answered) ||
	    !all_may_repeat(s, m))
		return false;
	keep(s, p->batch ? &p->batch->kept : &p->kept, m);
	return true;
}

static void note_initialized(struct session *s, const struct message *m)
{
	s->initialized_serial = m->serial;
	s->replay.initialized = true;
}

static void was_sent(struct session *s, struct message *m)
{
	if (m->envelope.kind == JSONRPC_NOTIFICATION || m->envelope.kind == JSONRPC_RESPONSE) {
		if (m->serial > 0 && m->size >= s->silent_size) {
			s->silent_size = m->size;
			s->silent_serial = m->serial;
		}
		if (m->serial > 0 && (traits_of(m, &m->envelope) & METHOD_INITIALIZED))
			note_initialized(s, m);
		message_free(m);
	} else if (!keep_sent(s, m)) {
		message_free(m);
	}
}

static void was_begun(struct session *s, struct message *m)
{
	size_t at = 0;
	struct pending *p;

	m->links++;
	while ((p = next_owed(s, m, &at)) != NULL)
		p->links = m->links;
}

void session_reclaimed(struct session *s, struct message *m)
{
	static const unsigned flags[] = {
	    [MESSAGE_QUEUED] = 0,
	    [MESSAGE_BEGUN] = PENDING_BEGUN | PENDING_EVER_BEGUN,
	    [MESSAGE_SENT] = PENDING_BEGUN | PENDING_EVER_BEGUN | PENDING_SENT | PENDING_EVER_SENT,
	};

	s->on_link--;
	if (m->serial == 0) {
		message_free(m); /* ours, for that link only */
		return;
	}
	flag_requests(s, m, flags[m->progress]);
	if (m->progress != MESSAGE_QUEUED) {
		was_begun(s, m);
		m->waits_since = -1; /* should it wait again, then from the loss of this link */
	}
	if (m->progress == MESSAGE_SENT)
		was_sent(s, m);
	else
		message_list_push(&s->returned, m);
}

/* --- the end of a link ------------------------------------------------- */

/* The message that the end of a link is charged to: 0 = none. */
struct charge {
	uint64_t serial;
	uint64_t size;
	enum due_kind kind;
};

static bool on_this_link(const struct pending *p)
{
	return (p->flags & PENDING_BEGUN) != 0;
}

/* The largest message that was begun on the link and not yet answered. */
static struct charge charge_largest(const struct session *s)
{
	struct charge c = {.kind = DUE_SERVER_REFUSED_SIZE};

	for (const struct pending *p = pending_first_owed(s->asked); p; p = p->next) {
		if (on_this_link(p) && p->size > c.size) {
			c.size = p->size;
			c.serial = p->serial;
		}
	}
	for (const struct message *m = s->returned.head; m; m = m->next) {
		if (m->progress == MESSAGE_BEGUN && m->size > c.size) {
			c.size = m->size;
			c.serial = m->serial;
		}
	}
	if (s->silent_size > c.size)
		c.serial = 0; /* one that is gone, and that nobody waits for */
	return c;
}

/* The only message that was begun on the link and not yet answered, if it is the only one. */
static struct charge charge_only(const struct session *s)
{
	struct charge c = {.kind = DUE_LINK_LOST};
	bool several = false;

	for (const struct pending *p = pending_first_owed(s->asked); p; p = p->next) {
		if (on_this_link(p)) {
			several = several || (c.serial && c.serial != p->serial);
			c.serial = p->serial;
		}
	}
	for (const struct message *m = s->returned.head; m; m = m->next) {
		if (m->progress == MESSAGE_BEGUN) {
			several = several || (c.serial && c.serial != m->serial);
			c.serial = m->serial;
		}
	}
	if (several)
		c.serial = 0;
	return c;
}

static struct charge charge_of(const struct session *s, const struct reason *reason)
{
	static const int one[] = {1002, 1003, 1007, 1010};

	if (reason->kind != REASON_CLOSED)
		return (struct charge){0};
	if (reason->close_code == CLOSE_TOO_LARGE)
		return charge_largest(s);
	for (size_t i = 0; i < sizeof one / sizeof *one; i++) {
		if (reason->close_code == one[i])
			return charge_only(s);
	}
	return (struct charge){0};
}

/* What the end of the link means for a request that it began. */
static bool ends_with_link(struct session *s, const struct pending *p, struct charge c)
{
	if (c.serial && c.serial == p->serial)
		return true;
	if (p->traits & METHOD_DISCOVER)
		return true;
	if (p->links >= 2 && !(p->flags & PENDING_LIVE))
		return true;
	if (!(p->flags & PENDING_SENT))
		return false; /* comes back with its message */
	if (p->batch)
		return !p->batch->kept || !all_may_repeat(s, p->batch->kept);
	return !p->kept || !may_repeat(s, p);
}

static struct due_extra extra_for(const struct charge *c, const struct pending *p, struct why *why,
    int close_code, enum due_kind *kind)
{
	struct due_extra extra = {.why = why};

	*kind = lost_kind(p);
	if ((c->serial == p->serial && c->kind == DUE_SERVER_REFUSED_SIZE) ||
	    (p->links >= 2 && close_code == CLOSE_TOO_LARGE)) {
		*kind = DUE_SERVER_REFUSED_SIZE;
		extra.size = p->size;
	}
	return extra;
}

/* Answers what the link takes with it. */
static void answer_lost(struct session *s, struct charge c, const struct reason *reason)
{
	struct why *why = why_new(reason);
	struct pending *next;

	for (struct pending *p = pending_first_owed(s->asked); p; p = next) {
		next = p->next;
		if (on_this_link(p) && ends_with_link(s, p, c)) {
			enum due_kind kind;
			struct due_extra extra = extra_for(&c, p, why, reason->close_code, &kind);
			answer_pending(s, p, kind, extra);
		}
	}
	why_release(why);
}

/* A host that did not wait for the answer to its initialize: what it said after it goes again, too. */
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
		struct message *m = unkeep(s, p->batch ? &p->batch->kept : &p->kept);
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

/* Whether a message that waits, or something in it, has a use on another link. */
static bool goes_on(struct session *s, const struct message *m, struct charge c)
{
	bool charged = c.serial && m->serial == c.serial;
	bool is_batch = m->envelope.kind == JSONRPC_BATCH;
	size_t at = 0;

	if (m->serial == 0)
		return false; /* ours, for that link only */
	switch (m->envelope.kind) {
	case JSONRPC_RESPONSE:
		s->stats.dropped_unsent++; /* whoever asked is gone */
		return false;
	case JSONRPC_NOTIFICATION:
		if (traits_of(m, &m->envelope) & METHOD_CANCELLED)
			return false; /* what it cancels went with the link */
		if (m->links < 2 && !charged)
			return true;
		if (traits_of(m, &m->envelope) & METHOD_INITIALIZED)
			note_initialized(s, m); /* from now on it is part of the replay */
		else
			s->stats.dropped_charged++;
		return false;
	default:
		return next_owed(s, m, &at) != NULL || (is_batch && m->links < 2 && !charged);
	}
}

/* The same of the elements of a batch. */
static enum passage judge_returned(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	if (e->kind == JSONRPC_RESPONSE || (traits_of(m, e) & METHOD_CANCELLED))
		return DROP;
	return judge_owed(s, m, e, span, with);
}

static void move_waiting(struct session *s, struct message_list *from, struct message_list *to,
    struct charge c, int64_t now)
{
	struct message *m;

	while ((m = message_list_pop(from)) != NULL) {
		if (!goes_on(s, m, c)) {
			message_free(m);
			continue;
		}
		if (m->envelope.kind == JSONRPC_BATCH)
			m = rebuild_batch(s, m, judge_returned);
		if (!m)
			continue;
		start_waiting(s, m, now);
		message_list_push(to, m);
	}
}

/* The host must not wait for questions that nobody asks any more, and its late answers go nowhere. */
static void cancel_at_host(struct session *s, const char *reason)
{
	struct pending *p;

	while ((p = pending_first_owed(s->served)) != NULL) {
		struct buf text;
		struct message *m = NULL;
		buf_init(&text, SIZE_MAX / 2);
		if (answer_append_cancel(&text, p->id, p->id_len, reason) == 0)
			m = message_adopt(&text);
		else
			buf_free(&text);
		if (m)
			message_list_push(&s->for_host, m);
		else
			s->stats.out_of_memory++;
		forget_renamed(s, p);
		pending_settle(s->served, p, PENDING_CANCELLED);
	}
}

static void forget_private(struct session *s)
{
	struct pending *p;

	while ((p = pending_first_owed(s->private)) != NULL)
		pending_remove(s->private, p);
	pending_forget_settled(s->private);
}

void session_link_down(struct session *s, const struct reason *reason, int64_t now)
{
	struct message_list again = {0}, waiting = {0};

	if (s->phase == PHASE_OFFLINE)
		return;
	struct charge c = charge_of(s, reason);
	s->phase = PHASE_OFFLINE;
	s->rejects.kind = REASON_NONE;
	s->replay_until = CLOCK_NEVER;
	s->offline_check = CLOCK_NEVER;
	forget_private(s);
	message_list_free(&s->first);
	answer_lost(s, c, reason);
	collect_kept(s, &again);
	move_waiting(s, &again, &waiting, c, now);
	move_waiting(s, &s->returned, &waiting, c, now);
	move_waiting(s, &s->for_server, &waiting, c, now);
	s->for_server = waiting;
	pending_outlive_link(s->asked);
	cancel_at_host(s, reason->text);
	session_attempt_failed(s, reason);
}

/* --- no link ----------------------------------------------------------- */

static void drop_queue(struct session *s)
{
	struct message *m;

	while ((m = message_list_pop(&s->for_server)) != NULL) {
		if (m->envelope.kind == JSONRPC_NOTIFICATION ||
		    m->envelope.kind == JSONRPC_RESPONSE)
			s->stats.dropped_unsent++;
		message_free(m);
	}
}

/* Answers every owed request in the message. */
static void answer_message(struct session *s, const struct message *m, struct why *why)
{
	struct pending *p;
	size_t at = 0;

	while ((p = next_owed(s, m, &at)) != NULL)
		answer_pending(s, p, lost_kind(p), (struct due_extra){.why = why});
}

/*
 * A subscription that was alive waits as long as it takes; so do "initialized" and, unless the host has
 * left, server/discover. An answer to the link that is being made lives and dies with it.
 */
static bool is_patient(const struct session *s, const struct message *m, bool refused)
{
	size_t at = 0;

	if (m->envelope.kind == JSONRPC_RESPONSE)
		return s->phase == PHASE_REPLAY;
	if (m->envelope.kind == JSONRPC_NOTIFICATION)
		return (traits_of(m, &m->envelope) & METHOD_INITIALIZED) != 0;
	struct pending *p = next_owed(s, m, &at);
	if (!p || p->batch)
		return false;
	if (p->traits & METHOD_LISTEN)
		return !refused || (p->flags & PENDING_LIVE);
	return !refused && !s->impatient && (p->traits & METHOD_DISCOVER);
}

/* Answers or drops what has waited since before ${until}; refused: all that cannot wait. */
static void empty_queue(struct session *s, int64_t until, bool refused, struct why *why)
{
	struct message_list rest = {0};
	struct message *m;

	s->offline_check = CLOCK_NEVER;
	while ((m = message_list_pop(&s->for_server)) != NULL) {
		bool notification = m->envelope.kind == JSONRPC_NOTIFICATION;
		bool over = refused && !notification ? true : m->waits_since <= until;
		if (!over || is_patient(s, m, refused)) {
			if (!over)
				start_waiting(s, m, m->waits_since);
			message_list_push(&rest, m);
			continue;
		}
		if (notification || m->envelope.kind == JSONRPC_RESPONSE)
			s->stats.dropped_unsent++;
		else
			answer_message(s, m, why);
		/* Something else in a batch may wait on. */
		bool waits = m->envelope.kind == JSONRPC_BATCH && m->waits_since > until;
		if (waits && (m = rebuild_batch(s, m, judge_owed)) != NULL) {
			start_waiting(s, m, m->waits_since);
			message_list_push(&rest, m);
		} else if (!waits) {
			message_free(m);
		}
	}
	s->for_server = rest;
}

void session_attempt_failed(struct session *s, const struct reason *reason)
{
	why_release(s->offline);
	s->offline = why_new(reason);
}

void session_refused(struct session *s, const struct reason *reason, int64_t now)
{
	why_release(s->refused);
	s->refused = why_new(reason);
	s->is_refused = true;
	empty_queue(s, now - s->opt.offline_timeout, true, s->refused);
}

void session_give_up(struct session *s, const struct reason *reason, int64_t now)
{
	struct pending *p;

	(void)now;
	if (s->gave_up)
		return;
	s->gave_up = s->failed = true;
	s->given_up = why_new(reason);
	s->phase = PHASE_OFFLINE;
	drop_queue(s);
	while ((p = pending_first_owed(s->asked)) != NULL)
		answer_pending(s, p, lost_kind(p), (struct due_extra){.why = s->given_up});
}

void session_cancel_all(struct session *s, int64_t now)
{
	(void)now;
	size_t count = 0;

	/* There is no time for a million of them, and the close frame says as much. */
	for (struct pending *p = pending_first_owed(s->asked); p && count < SESSION_CANCELS_MAX;
	     p = p->next, count++)
		cancel_at_server(s, p, "the host has ended the session", true);
}

/* --- time -------------------------------------------------------------- */

/*
 * The linger time is over: what is owed is answered here, and cancelled at the server. But first the
 * link may take once more what is queued: with no linger time at all it has not been asked yet.
 */
static void end_linger(struct session *s)
{
	struct pending *next;

	if (!s->last_call && s->for_server.count > 0) {
		s->last_call = true;
		return;
	}
	s->lingered = true;
	drop_queue(s);
	for (struct pending *p = pending_first_owed(s->asked); p; p = next) {
		next = p->next;
		if (p->traits & METHOD_LISTEN)
			continue;
		cancel_at_server(s, p, "the host has ended its input", false);
		answer_pending(s, p, DUE_LINGER, (struct due_extra){0});
	}
}

static void time_out_request(struct session *s, struct pending *p)
{
	bool waits = !(p->flags & PENDING_PULLED);
	uint64_t serial = p->serial;

	cancel_at_server(s, p, "the request timed out", false);
	answer_pending(s, p, DUE_TIMEOUT, (struct due_extra){0});
	if (waits)
		unqueue(s, serial);
}

/* The oldest owed request that the request timeout is for. */
static struct pending *oldest_timed(const struct session *s)
{
	struct pending *p = s->opt.request_timeout ? pending_first_owed(s->asked) : NULL;

	while (p && (p->traits & METHOD_LISTEN))
		p = p->next;
	return p;
}

/*
 * Whether there is a message that a link must be waited for. Requests count where they are owed, so a
 * subscription does not.
 */
static bool needs_link(const struct session *s)
{
	for (const struct message *m = s->for_server.head; m; m = m->next) {
		bool ours = m->serial == 0, request = m->envelope.kind == JSONRPC_REQUEST;
		if (!ours && !request && !(s->impatient && is_patient(s, m, false)))
			return true;
	}
	return false;
}

static bool all_is_done(const struct session *s)
{
	if (pending_owed(s->asked) > s->listens)
		return false;
	if (s->lingered)
		return true;
	if (s->phase != PHASE_READY)
		return !needs_link(s);
	return s->on_link == 0 && s->first.count == 0 && s->for_server.count == 0;
}

/* The host has left: while there is a link, the linger time counts. */
static bool is_lingering(const struct session *s)
{
	return s->host_ended && s->phase == PHASE_READY && !all_is_done(s);
}

void session_tick(struct session *s, int64_t now)
{
	struct pending *p;

	while (
	    (p = oldest_timed(s)) != NULL && clock_add(p->arrived, s->opt.request_timeout) <= now)
		time_out_request(s, p);
	if (s->phase == PHASE_REPLAY && now >= s->replay_until)
		reject_link(s, REASON_REPLAY, "the replayed initialize was not answered in time");
	if (now >= s->patience_until) {
		s->impatient = true;
		s->patience_until = CLOCK_NEVER;
		s->offline_check = now;
	}
	if (s->phase != PHASE_READY && now >= s->offline_check)
		empty_queue(s, now - s->opt.offline_timeout, false, s->offline);
	if (now >= s->linger_until && is_lingering(s))
		end_linger(s);
}

int64_t session_deadline(const struct session *s)
{
	const struct pending *p = oldest_timed(s);
	int64_t at = s->patience_until;

	if (is_lingering(s))
		at = clock_min(at, s->linger_until);
	if (p)
		at = clock_min(at, clock_add(p->arrived, s->opt.request_timeout));
	if (s->phase == PHASE_REPLAY && s->rejects.kind == REASON_NONE)
		at = clock_min(at, s->replay_until);
	if (s->phase != PHASE_READY)
		at = clock_min(at, s->offline_check);
	/* Until the host has pulled everything it is not over, whatever the time. */
	if (s->gave_up && !due_waiting(&s->due) && s->for_host.count == 0)
		at = clock_min(at, clock_add(s->host_spoke, SESSION_GIVE_UP_WAIT));
	return at;
}

enum session_outcome session_outcome(const struct session *s, int64_t now)
{
	if (due_waiting(&s->due) || s->for_host.count > 0)
		return SESSION_GOES_ON;
	if (s->gave_up) {
		/* A host shows the error of initialize, not an exit status: leave it the time to ask. */
		if (s->initialize_answered || s->host_ended ||
		    now >= clock_add(s->host_spoke, SESSION_GIVE_UP_WAIT))
			return SESSION_FAILED;
		return SESSION_GOES_ON;
	}
	if (s->host_ended && all_is_done(s))
		return s->failed ? SESSION_FAILED : SESSION_COMPLETE;
	return SESSION_GOES_ON;
}

/* --- out --------------------------------------------------------------- */

/* Answers of ours keep their place between the messages of the server. */
struct message *session_next_for_host(struct session *s, bool *ours)
{
	*ours = true;
	while (due_ready(&s->due, s->given)) {
		struct message *m = due_pull(&s->due);
		if (m)
			return m;
		s->stats.out_of_memory++;
	}
	*ours = false;
	struct message *m = message_list_pop(&s->for_host);
	if (m)
		s->given++;
	return m;
}

size_t session_waiting_for_server(const struct session *s)
{
	return s->for_server.cost;
}

size_t session_waiting_for_host(const struct session *s)
{
	return s->for_host.cost;
}

void session_stats(const struct session *s, struct session_stats *out)
{
	*out = s->stats;
	out->in_flight = pending_owed(s->asked);
	out->in_flight_server = pending_owed(s->served);
	out->queued = s->for_server.count;
}
