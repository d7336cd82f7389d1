#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "clock.h"
#include "pending.h"

#define CLOSE_TOO_LARGE 1009 /* RFC 6455, section 7.4.1 */

/* What a request is answered with when we answer it ourselves. */
enum due_kind {
	DUE_NOT_JSON,
	DUE_NOT_JSONRPC,
	DUE_ID_IN_USE,
	DUE_TOO_MANY,
	DUE_LINK_LOST,
	DUE_NO_LINK,
	DUE_LINGER,
	DUE_MESSAGE_TOO_LARGE,
	DUE_REPLY_TOO_LARGE,
	DUE_SERVER_REFUSED_SIZE,
	DUE_MALFORMED
};

/* The sentence is before, the server's name (if after is given), after, ": reason". */
static const struct template
{
	enum answer_code code;
	const char *before, *after;
}
templates[] = {
    [DUE_NOT_JSON] = {ANSWER_NOT_JSON, "This line of input is not JSON in UTF-8", NULL},
    [DUE_NOT_JSONRPC] = {ANSWER_NOT_JSONRPC, "This line of input is not a JSON-RPC message", NULL},
    [DUE_ID_IN_USE] = {ANSWER_NOT_JSONRPC, "A request with this id is still in flight", NULL},
    [DUE_TOO_MANY] = {ANSWER_NO_LINK, "Too many requests are in flight to ", ""},
    [DUE_LINK_LOST] = {ANSWER_LINK_LOST, "The connection to ",
        " was lost after the request was sent, so it may have been carried out"},
    [DUE_NO_LINK] = {ANSWER_NO_LINK, "No connection to ", ""},
    [DUE_LINGER] = {ANSWER_TIMED_OUT, "The input ended and ",
        " did not answer within the linger time (--linger)"},
    [DUE_MESSAGE_TOO_LARGE] = {ANSWER_TOO_LARGE,
        "The message is over the size limit (--max-message) and was not sent to ", ""},
    [DUE_REPLY_TOO_LARGE] = {ANSWER_TOO_LARGE, "The answer of ",
        " is over the size limit (--max-reply)"},
    [DUE_SERVER_REFUSED_SIZE] = {ANSWER_TOO_LARGE, "",
        " refused the message for its size (close 1009)"},
    [DUE_MALFORMED] = {ANSWER_MALFORMED, "The answer of ", " was malformed"},
};

/* Why: shared by all the answers one event causes. */
struct why {
	unsigned users;
	char text[REASON_TEXT_SIZE];
	const char *hint;
};

/* An answer of ours that the host has not taken yet; its text is made when it does. */
struct due {
	struct due *next;
	struct due *more;            /* further answers of the same batch */
	struct pending_batch *batch; /* only in the first of them */
	struct why *why;             /* NULL = no reason to give */
	enum due_kind kind;
	enum answer_delivered delivered;
	uint64_t size, limit;
	uint64_t after; /* how many messages of the server go to the host before it */
	size_t id_len;  /* 0 = null */
	char id[];
};

/* Requests that came in one array: what we answer for them goes out as one. */
struct pending_batch {
	size_t users;
	struct due *open; /* queued and not pulled yet */
};

struct session {
	struct session_options opt;
	struct pending_table *asked;  /* by the host, owed by the server */
	struct pending_table *served; /* asked by the server, owed by the host */
	struct message_list for_server, for_host;
	struct message_list returned; /* pulled for a link that never began them */
	struct due *due_head, *due_tail;
	struct why *end; /* why there will be no link any more */
	struct session_stats stats;
	uint64_t given; /* messages of the server that the host has pulled */
	uint64_t serial;
	size_t on_link; /* pulled and not reclaimed */
	size_t listens; /* owed entries that owe nothing at the end */
	int64_t host_spoke, linger_until;
	bool link_up, host_ended, lingered, given_up, failed, initialize_answered;
};

/* --- life -------------------------------------------------------------- */

struct session *session_new(const struct session_options *options, int64_t now)
{
	struct session *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->opt = *options;
	s->host_spoke = now;
	s->linger_until = CLOCK_NEVER;
	s->asked = pending_table_new(SESSION_IN_FLIGHT_MAX, SESSION_SETTLED_MAX, options->seed);
	s->served = pending_table_new(SESSION_IN_FLIGHT_MAX, SESSION_SETTLED_MAX, options->seed);
	if (!s->asked || !s->served) {
		session_free(s);
		return NULL;
	}
	return s;
}

static void why_release(struct why *why)
{
	if (why && --why->users == 0)
		free(why);
}

static struct why *why_new(const struct reason *reason)
{
	struct why *why = malloc(sizeof *why);

	if (!why)
		return NULL; /* the answers go out without a reason */
	why->users = 1;
	memcpy(why->text, reason->text, sizeof why->text);
	why->hint = reason_hint(reason);
	return why;
}

static void batch_release(struct pending_batch *batch)
{
	if (batch && --batch->users == 0)
		free(batch);
}

static void due_free(struct due *d)
{
	while (d) {
		struct due *more = d->more;
		why_release(d->why);
		if (d->batch) {
			d->batch->open = NULL;
			batch_release(d->batch);
		}
		free(d);
		d = more;
	}
}

static void remove_asked(struct session *s, struct pending *p)
{
	if (p->state == PENDING_OWED && (p->flags & PENDING_LISTEN))
		s->listens--;
	batch_release(p->batch);
	pending_remove(s->asked, p);
}

static void settle_asked(struct session *s, struct pending *p, enum pending_state state)
{
	if (p->flags & PENDING_LISTEN)
		s->listens--;
	batch_release(p->batch);
	p->batch = NULL;
	pending_settle(s->asked, p, state);
}

void session_free(struct session *s)
{
	if (!s)
		return;
	while (s->due_head) {
		struct due *next = s->due_head->next;
		due_free(s->due_head);
		s->due_head = next;
	}
	for (struct pending *p = s->asked ? pending_first_owed(s->asked) : NULL; p; p = p->next)
		batch_release(p->batch);
	pending_table_free(s->asked);
	pending_table_free(s->served);
	message_list_free(&s->for_server);
	message_list_free(&s->for_host);
	message_list_free(&s->returned);
	why_release(s->end);
	free(s);
}

/* --- answers of ours --------------------------------------------------- */

static void due_queue(struct session *s, struct due *d, struct pending_batch *batch)
{
	if (batch && batch->open) {
		d->more = batch->open->more;
		batch->open->more = d;
		return;
	}
	if (batch) {
		batch->users++;
		batch->open = d;
		d->batch = batch;
	}
	if (s->due_tail)
		s->due_tail->next = d;
	else
		s->due_head = d;
	s->due_tail = d;
}

struct due_extra {
	enum answer_delivered delivered;
	struct why *why;
	uint64_t size, limit;
	struct pending_batch *batch;
};

static void due_add(
    struct session *s, enum due_kind kind, const char *id, size_t id_len, struct due_extra extra)
{
	struct due *d = malloc(sizeof *d + id_len);

	if (!d) {
		s->stats.out_of_memory++;
		return;
	}
	*d = (struct due){.kind = kind,
	    .why = extra.why,
	    .delivered = extra.delivered,
	    .size = extra.size,
	    .limit = extra.limit,
	    .after = s->given + s->for_host.count,
	    .id_len = id_len};
	if (id_len > 0)
		memcpy(d->id, id, id_len);
	if (d->why)
		d->why->users++;
	due_queue(s, d, extra.batch);
}

static enum answer_delivered delivered_of(const struct pending *p)
{
	return p->flags & PENDING_SENT ? ANSWER_MAYBE_SENT : ANSWER_NOT_SENT;
}

/* Answers an owed request; its id stays known while the server may still answer it. */
static void answer_pending(struct session *s, struct pending *p, enum due_kind kind,
    struct why *why, uint64_t size, uint64_t limit)
{
	due_add(s, kind, p->id, p->id_len,
	    (struct due_extra){.delivered = delivered_of(p),
	        .why = why,
	        .size = size,
	        .limit = limit,
	        .batch = p->batch});
	s->stats.answered_here++;
	if (p->flags & PENDING_INITIALIZE)
		s->initialize_answered = true;
	if (s->host_ended)
		s->failed = true;
	if (s->link_up && (p->flags & PENDING_BEGUN))
		settle_asked(s, p, PENDING_ANSWERED);
	else
		remove_asked(s, p);
}

static int due_append(const struct session *s, struct buf *out, const struct due *d)
{
	const struct template *t = &templates[d->kind];
	char message[2 * REASON_TEXT_SIZE + 512];
	const char *reason = d->why ? d->why->text : NULL;
	const char *hint = d->why ? d->why->hint : "";

	snprintf(message, sizeof message, "%s%.300s%s%s%s.%s%s", t->before,
	    t->after ? s->opt.server : "", t->after ? t->after : "", reason ? ": " : "",
	    reason ? reason : "", *hint ? " " : "", hint);
	return answer_append(out, d->id_len ? d->id : NULL, d->id_len,
	    &(struct answer){.code = t->code,
	        .delivered = d->delivered,
	        .message = message,
	        .reason = reason,
	        .size = d->size,
	        .limit = d->limit});
}

/* One object, or the array of a batch. */
static int due_text(const struct session *s, struct buf *out, const struct due *d)
{
	bool array = d->batch != NULL;
	int rc = array ? buf_append_str(out, "[") : 0;

	for (const struct due *each = d; each && rc == 0; each = each->more) {
		if (each != d)
			rc = buf_append_str(out, ",");
		if (rc == 0)
			rc = due_append(s, out, each);
	}
	return rc == 0 && array ? buf_append_str(out, "]") : rc;
}

static struct message *due_pull(struct session *s)
{
	struct due *d = s->due_head;
	struct buf text;
	struct message *m = NULL;

	s->due_head = d->next;
	if (!s->due_head)
		s->due_tail = NULL;
	buf_init(&text, SIZE_MAX / 2);
	if (due_text(s, &text, d) == 0)
		m = message_adopt(&text);
	else
		buf_free(&text);
	due_free(d);
	if (!m)
		s->stats.out_of_memory++;
	return m;
}

/* --- messages of ours to the server ------------------------------------ */

static void tell_server(struct session *s, struct buf *text, int rc, bool first)
{
	struct message *m = rc == 0 ? message_adopt(text) : NULL;

	if (rc != 0)
		buf_free(text);
	if (!m)
		s->stats.out_of_memory++;
	else if (first)
		message_list_push_front(&s->for_server, m);
	else
		message_list_push(&s->for_server, m);
}

static void refuse_server(
    struct session *s, const char *id, size_t id_len, const struct answer *why)
{
	struct buf text;

	buf_init(&text, SIZE_MAX / 2);
	tell_server(s, &text, answer_append(&text, id, id_len, why), false);
}

static void cancel_at_server(
    struct session *s, const struct pending *p, const char *reason, bool first)
{
	struct buf text;

	if (!s->link_up || !(p->flags & PENDING_HANDED_OVER) ||
	    (p->flags & (PENDING_INITIALIZE | PENDING_TASK)))
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

/* The raw id in params.requestId of a cancellation. */
static const char *cancelled_id(const struct message *m, size_t *len)
{
	return message_span(m, jsonrpc_find(m->text.data, m->text.len, "params.requestId"), len);
}

static unsigned request_flags(const struct message *m, const struct jsonrpc_envelope *e)
{
	static const struct {
		const char *method;
		unsigned flag;
	} table[] = {
	    {"initialize", PENDING_INITIALIZE},
	    {"subscriptions/listen", PENDING_LISTEN},
	};
	size_t len;
	const char *method = message_span(m, e->method, &len);
	unsigned flags = 0;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (jsonrpc_string_is(method, len, table[i].method))
			flags |= table[i].flag;
	}
	const char *params = message_span(m, e->params, &len);
	if (params && jsonrpc_find(params, len, "task").len > 0)
		flags |= PENDING_TASK;
	return flags;
}

/* --- from the host ----------------------------------------------------- */

static void enqueue(struct session *s, struct message *m)
{
	m->serial = ++s->serial;
	message_list_push(&s->for_server, m);
}

static struct pending *track_asked(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct pending_batch *batch, int64_t now)
{
	size_t len;
	const char *id = id_of(m, e, &len);
	struct pending *p = pending_add(s->asked, id, len);

	if (!p)
		return NULL;
	p->arrived = now;
	p->serial = s->serial + 1; /* what enqueue gives its message next */
	p->size = m->size;
	p->flags = request_flags(m, e);
	p->batch = batch;
	if (batch)
		batch->users++;
	if (p->flags & PENDING_LISTEN)
		s->listens++;
	return p;
}

/* Turns a message down: one answer, nothing forwarded. */
static void refuse_host(struct session *s, enum due_kind kind, struct message *m)
{
	size_t len = 0;
	const char *id = m->envelope.kind == JSONRPC_BATCH ? NULL : id_of(m, &m->envelope, &len);

	due_add(s, kind, id, len, (struct due_extra){.delivered = ANSWER_NOT_SENT, .why = s->end});
	s->stats.answered_here++;
	if (s->given_up && message_method_is(m, "initialize"))
		s->initialize_answered = true;
	message_free(m);
}

static void host_not_jsonrpc(struct session *s, struct message *m, int64_t now)
{
	(void)now;
	s->stats.refused++;
	size_t len = 0;
	bool json = m->envelope.kind == JSONRPC_INVALID;
	const char *id = json ? id_of(m, &m->envelope, &len) : NULL;
	due_add(s, json ? DUE_NOT_JSONRPC : DUE_NOT_JSON, id, len, (struct due_extra){0});
	message_free(m);
}

static void host_request(struct session *s, struct message *m, int64_t now)
{
	size_t len;
	const char *id = id_of(m, &m->envelope, &len);

	if (s->given_up)
		refuse_host(s, DUE_NO_LINK, m);
	else if (pending_find(s->asked, id, len))
		refuse_host(s, DUE_ID_IN_USE, m);
	else if (!track_asked(s, m, &m->envelope, NULL, now))
		refuse_host(s, DUE_TOO_MANY, m);
	else
		enqueue(s, m);
}

/* A request that is still in the queue is simply taken out of it. */
static void forget_queued(struct session *s, struct pending *p)
{
	struct message_list rest = {0};
	struct message *m;

	while ((m = message_list_pop(&s->for_server)) != NULL) {
		if (m->serial == p->serial)
			message_free(m);
		else
			message_list_push(&rest, m);
	}
	s->for_server = rest;
	remove_asked(s, p);
}

/* Returns false if the cancellation concerns only us. */
static bool host_cancels(struct session *s, const struct message *m)
{
	size_t len;
	const char *id = cancelled_id(m, &len);
	struct pending *p = id && len <= JSONRPC_ID_MAX ? pending_find(s->asked, id, len) : NULL;

	if (!p || p->state != PENDING_OWED)
		return true;
	if (!(p->flags & PENDING_HANDED_OVER) && !p->batch) {
		forget_queued(s, p);
		return false;
	}
	settle_asked(s, p, PENDING_CANCELLED);
	return true;
}

static void host_notification(struct session *s, struct message *m, int64_t now)
{
	(void)now;
	if (s->given_up) {
		s->stats.dropped_unsent++;
		message_free(m);
	} else if (message_method_is(m, "notifications/cancelled") && !host_cancels(s, m)) {
		message_free(m);
	} else {
		enqueue(s, m);
	}
}

static void host_responds(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e)
{
	size_t len;
	const char *id = id_of(m, e, &len);
	struct pending *p = pending_find(s->served, id, len);

	if (p)
		pending_remove(s->served, p);
}

static void host_response(struct session *s, struct message *m, int64_t now)
{
	(void)now;
	host_responds(s, m, &m->envelope);
	if (s->given_up) {
		s->stats.dropped_unsent++;
		message_free(m);
	} else {
		enqueue(s, m);
	}
}

/* Answers each request of a batch that is not forwarded, as one array. */
static void refuse_batch(
    struct session *s, enum due_kind kind, struct message *m, struct due_extra extra)
{
	struct pending_batch *batch = calloc(1, sizeof *batch);
	struct jsonrpc_envelope e;
	size_t at = 0, len;

	if (!batch) {
		s->stats.out_of_memory++;
		return;
	}
	batch->users = 1;
	extra.batch = batch;
	while (next_envelope(m, &at, &e)) {
		if (e.kind != JSONRPC_REQUEST)
			continue;
		const char *id = id_of(m, &e, &len);
		due_add(s, kind, id, len, extra);
		s->stats.answered_here++;
	}
	batch_release(batch);
}

static void untrack_batch(struct session *s, const struct message *m, uint64_t serial)
{
	struct jsonrpc_envelope e;
	size_t at = 0, len;

	while (next_envelope(m, &at, &e)) {
		if (e.kind != JSONRPC_REQUEST)
			continue;
		const char *id = id_of(m, &e, &len);
		struct pending *p = pending_find(s->asked, id, len);
		if (p && p->serial == serial)
			remove_asked(s, p);
	}
}

/* Every request of the batch, or none; returns false if an id is in use or there is no room. */
static bool track_batch(struct session *s, const struct message *m, int64_t now)
{
	struct pending_batch *batch = calloc(1, sizeof *batch);
	struct jsonrpc_envelope e;
	size_t at = 0, len;
	bool ok = batch != NULL;

	if (batch)
		batch->users = 1;
	while (ok && next_envelope(m, &at, &e)) {
		if (e.kind != JSONRPC_REQUEST)
			continue;
		const char *id = id_of(m, &e, &len);
		ok = !pending_find(s->asked, id, len) && track_asked(s, m, &e, batch, now);
	}
	if (!ok)
		untrack_batch(s, m, s->serial + 1);
	batch_release(batch);
	return ok;
}

static void host_batch(struct session *s, struct message *m, int64_t now)
{
	struct jsonrpc_envelope e;
	size_t at = 0;

	if (s->given_up) {
		refuse_batch(s, DUE_NO_LINK, m,
		    (struct due_extra){.delivered = ANSWER_NOT_SENT, .why = s->end});
		message_free(m);
		return;
	}
	if (!track_batch(s, m, now)) {
		refuse_host(s, DUE_ID_IN_USE, m);
		return;
	}
	while (next_envelope(m, &at, &e)) {
		if (e.kind == JSONRPC_RESPONSE)
			host_responds(s, m, &e);
	}
	enqueue(s, m);
}

/* Over the limit: only the digest is here. Requests are answered, answers become errors. */
static void host_too_large(struct session *s, struct message *m)
{
	struct due_extra extra = {
	    .delivered = ANSWER_NOT_SENT, .size = m->size, .limit = s->opt.max_message};
	struct jsonrpc_envelope e;
	size_t at = 0, len;

	if (m->envelope.kind == JSONRPC_BATCH)
		refuse_batch(s, DUE_MESSAGE_TOO_LARGE, m, extra);
	while (next_envelope(m, &at, &e)) {
		const char *id = id_of(m, &e, &len);
		if (e.kind == JSONRPC_REQUEST && m->envelope.kind == JSONRPC_REQUEST) {
			due_add(s, DUE_MESSAGE_TOO_LARGE, id, len, extra);
			s->stats.answered_here++;
		} else if (e.kind == JSONRPC_NOTIFICATION) {
			s->stats.dropped_large++;
		} else if (e.kind == JSONRPC_RESPONSE) {
			host_responds(s, m, &e);
			refuse_server(s, id, len,
			    &(struct answer){.code = ANSWER_TOO_LARGE,
			        .delivered = ANSWER_NOT_SENT,
			        .message =
			            "The host's answer is over the size limit (--max-message).",
			        .size = m->size,
			        .limit = s->opt.max_message});
		}
	}
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
	while ((p = pending_first_owed(s->served)) != NULL) {
		if (s->link_up)
			refuse_server(s, p->id, p->id_len, &host_has_left);
		pending_remove(s->served, p);
	}
}

/* --- from the server --------------------------------------------------- */

/* What becomes of (a part of) a message from the server. */
enum passage { PASS, DROP };

static enum passage server_request(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e, int64_t now)
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
	if (!pending_find(s->served, id, len)) {
		struct pending *p = pending_add(s->served, id, len);
		if (p)
			p->arrived = now;
	}
	return PASS;
}

static enum passage server_response(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e)
{
	size_t len;
	const char *id = id_of(m, e, &len);
	struct pending *p = pending_find(s->asked, id, len);

	if (p && p->state == PENDING_ANSWERED) {
		s->stats.dropped_late++;
		remove_asked(s, p);
		return DROP;
	}
	if (m->digest) {
		if (p && p->state == PENDING_OWED)
			answer_pending(s, p, DUE_REPLY_TOO_LARGE, NULL, m->size, s->opt.max_reply);
		/* It has been answered for good: nothing more can come for this id. */
		p = pending_find(s->asked, id, len);
		if (p)
			remove_asked(s, p);
		return DROP;
	}
	if (p) {
		if (p->flags & PENDING_INITIALIZE)
			s->initialize_answered = true;
		remove_asked(s, p);
	}
	return PASS;
}

static enum passage server_notification(struct session *s, const struct message *m)
{
	if (m->digest) {
		s->stats.dropped_large++;
		return DROP;
	}
	if (m->envelope.kind == JSONRPC_NOTIFICATION &&
	    message_method_is(m, "notifications/cancelled")) {
		size_t len;
		const char *id = cancelled_id(m, &len);
		if (!id || len > JSONRPC_ID_MAX)
			return PASS;
		struct pending *p = pending_find(s->served, id, len);
		if (p)
			pending_remove(s->served, p);
		p = pending_find(s->asked, id, len);
		if (p && (p->flags & PENDING_LISTEN))
			remove_asked(s, p);
	}
	return PASS;
}

static enum passage server_envelope(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e, int64_t now)
{
	switch (e->kind) {
	case JSONRPC_REQUEST:
		return server_request(s, m, e, now);
	case JSONRPC_RESPONSE:
		return server_response(s, m, e);
	case JSONRPC_NOTIFICATION:
		return server_notification(s, m);
	default:
		return PASS;
	}
}

/* Not JSON, or a scalar: dropped, and what it may have answered is answered. */
static void server_malformed(struct session *s, struct message *m)
{
	size_t len;
	const char *id = id_of(m, &m->envelope, &len);
	struct pending *p = id ? pending_find(s->asked, id, len) : NULL;
	struct reason reason;

	s->stats.dropped_malformed++;
	if (p && p->state == PENDING_OWED) {
		reason_set(&reason, REASON_NONE, "it is not JSON in UTF-8");
		struct why *why = why_new(&reason);
		answer_pending(s, p, DUE_MALFORMED, why, m->size, 0);
		why_release(why);
	}
	message_free(m);
}

/* JSON, but not JSON-RPC: not ours to judge. With the id of a request it is taken as its answer. */
static void server_invalid(struct session *s, struct message *m)
{
	size_t len;
	const char *id = id_of(m, &m->envelope, &len);
	struct pending *p = id ? pending_find(s->asked, id, len) : NULL;

	if (!m->envelope.structured || m->digest) {
		server_malformed(s, m);
		return;
	}
	if (p)
		remove_asked(s, p);
	message_list_push(&s->for_host, m);
}

/* A batch of which some elements must not reach the host is made anew from the others, byte for byte. */
static void server_batch(struct session *s, struct message *m, int64_t now)
{
	struct jsonrpc_envelope e;
	struct buf kept;
	size_t at = 0, before = 0, dropped = 0;
	int rc = 0;

	buf_init(&kept, m->text.len + 2);
	while (next_envelope(m, &at, &e)) {
		size_t from = before, to = at;
		before = at;
		if (server_envelope(s, m, &e, now) == DROP) {
			dropped++;
			continue;
		}
		/* The piece holds the element and the bracket, comma and blanks before it. */
		const unsigned char *text = m->text.data;
		while (from < to && text[from] != '{')
			from++;
		rc = rc ? rc : buf_append_str(&kept, kept.len ? "," : "[");
		rc = rc ? rc : buf_append(&kept, text + from, to - from);
	}
	if (dropped == 0) {
		buf_free(&kept);
		message_list_push(&s->for_host, m);
		return;
	}
	message_free(m);
	rc = rc || kept.len == 0 ? rc : buf_append_str(&kept, "]");
	if (rc == 0 && kept.len > 0 && (m = message_adopt(&kept)) != NULL)
		message_list_push(&s->for_host, m);
	else
		buf_free(&kept);
	if (rc != 0)
		s->stats.out_of_memory++;
}

void session_server_said(struct session *s, struct message *m, int64_t now)
{
	m->arrived = now;
	s->stats.from_server++;
	switch (m->envelope.kind) {
	case JSONRPC_NOT_JSON:
		server_malformed(s, m);
		break;
	case JSONRPC_INVALID:
		server_invalid(s, m);
		break;
	case JSONRPC_BATCH:
		server_batch(s, m, now);
		break;
	default:
		if (server_envelope(s, m, &m->envelope, now) == PASS)
			message_list_push(&s->for_host, m);
		else
			message_free(m);
	}
}

/* --- the link ---------------------------------------------------------- */

void session_link_up(struct session *s, int64_t now)
{
	(void)now;
	s->link_up = true;
}

static void flag_requests(struct session *s, const struct message *m, unsigned flags)
{
	struct jsonrpc_envelope e;
	size_t at = 0, len;

	if (m->envelope.kind != JSONRPC_REQUEST && m->envelope.kind != JSONRPC_BATCH)
		return;
	while (next_envelope(m, &at, &e)) {
		if (e.kind != JSONRPC_REQUEST)
			continue;
		const char *id = id_of(m, &e, &len);
		struct pending *p = pending_find(s->asked, id, len);
		/* Its answer may have come already, and its id been used again. */
		if (p && p->serial == m->serial)
			p->flags |= flags;
	}
}

struct message *session_next_for_server(struct session *s)
{
	if (!s->link_up)
		return NULL;
	struct message *m = message_list_pop(&s->for_server);
	if (m) {
		flag_requests(s, m, PENDING_HANDED_OVER);
		s->on_link++;
	}
	return m;
}

void session_reclaimed(struct session *s, struct message *m)
{
	static const unsigned flags[] = {
	    [MESSAGE_QUEUED] = 0,
	    [MESSAGE_BEGUN] = PENDING_BEGUN,
	    [MESSAGE_SENT] = PENDING_BEGUN | PENDING_SENT,
	};

	s->on_link--;
	flag_requests(s, m, flags[m->progress]);
	if (m->progress == MESSAGE_QUEUED)
		message_list_push(&s->returned, m);
	else
		message_free(m);
}

/* What waits for a link again stands before what came later. */
static void requeue_returned(struct session *s)
{
	struct message *m;

	while ((m = message_list_pop(&s->for_server)) != NULL)
		message_list_push(&s->returned, m);
	s->for_server = s->returned;
	s->returned = (struct message_list){0};
}

/* The host must not wait for questions nobody asks any more. */
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
		pending_remove(s->served, p);
	}
}

/* Answers the owed requests that have one of ${flags}; 0 = all of them. */
static void answer_owed(struct session *s, unsigned flags, struct why *why)
{
	struct pending *next;

	for (struct pending *p = pending_first_owed(s->asked); p; p = next) {
		next = p->next;
		if (flags == 0 || (p->flags & flags))
			answer_pending(s, p, p->flags & PENDING_BEGUN ? DUE_LINK_LOST : DUE_NO_LINK,
			    why, 0, 0);
	}
}

/*
 * The server found a message too large: that is the largest it has begun to get and not answered.
 * It often says so before it has all of it.
 */
static void charge_largest(struct session *s, struct why *why)
{
	struct pending *largest = NULL;

	for (struct pending *p = pending_first_owed(s->asked); p; p = p->next) {
		if ((p->flags & PENDING_BEGUN) && (!largest || p->size > largest->size))
			largest = p;
	}
	if (largest)
		answer_pending(s, largest, DUE_SERVER_REFUSED_SIZE, why, largest->size, 0);
}

void session_link_down(struct session *s, const struct reason *reason, int64_t now)
{
	struct why *why = why_new(reason);

	(void)now;
	s->link_up = false;
	requeue_returned(s);
	if (reason->kind == REASON_CLOSED && reason->close_code == CLOSE_TOO_LARGE)
		charge_largest(s, why);
	answer_owed(s, PENDING_SENT, why);
	pending_forget_settled(s->asked);
	cancel_at_host(s, reason->text);
	why_release(why);
}

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

void session_give_up(struct session *s, const struct reason *reason, int64_t now)
{
	(void)now;
	if (s->given_up)
		return;
	s->link_up = false;
	s->failed = true;
	s->given_up = true;
	s->end = why_new(reason);
	drop_queue(s);
	answer_owed(s, 0, s->end);
}

void session_cancel_all(struct session *s, int64_t now)
{
	(void)now;
	for (struct pending *p = pending_first_owed(s->asked); p; p = p->next)
		cancel_at_server(s, p, "the host has ended the session", true);
}

/* --- time -------------------------------------------------------------- */

/* The linger time is over: what is owed is answered here, and cancelled at the server. */
static void end_linger(struct session *s)
{
	struct pending *next;

	s->lingered = true;
	drop_queue(s);
	for (struct pending *p = pending_first_owed(s->asked); p; p = next) {
		next = p->next;
		if (p->flags & PENDING_LISTEN)
			continue;
		cancel_at_server(s, p, "the host has ended its input", false);
		answer_pending(s, p, DUE_LINGER, NULL, 0, 0);
	}
}

static bool all_is_done(const struct session *s)
{
	if (pending_owed(s->asked) > s->listens)
		return false;
	return s->lingered || (s->for_server.count == 0 && s->on_link == 0);
}

void session_tick(struct session *s, int64_t now)
{
	if (s->host_ended && !s->lingered && now >= s->linger_until && !all_is_done(s))
		end_linger(s);
}

int64_t session_deadline(const struct session *s)
{
	int64_t at = s->host_ended && !s->lingered ? s->linger_until : CLOCK_NEVER;

	if (s->given_up)
		at = clock_min(at, clock_add(s->host_spoke, SESSION_GIVE_UP_WAIT));
	return at;
}

enum session_outcome session_outcome(const struct session *s, int64_t now)
{
	if (s->due_head || s->for_host.count > 0)
		return SESSION_GOES_ON;
	if (s->given_up) {
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
	while (s->due_head && s->due_head->after <= s->given) {
		struct message *m = due_pull(s);
		if (m)
			return m;
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
