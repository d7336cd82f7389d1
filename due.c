#include "due.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct due {
	struct due *next;
	struct due *more;            /* further answers of the same batch */
	struct pending_batch *batch; /* only in the first of them */
	struct why *why;             /* NULL = no reason to give */
	enum due_kind kind;
	enum answer_delivered delivered;
	uint64_t size, limit;
	uint64_t after;
	size_t id_len; /* 0 = null */
	char id[];
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
    [DUE_TIMEOUT] = {ANSWER_TIMED_OUT, "",
        " did not answer within the request timeout (--request-timeout)"},
    [DUE_MESSAGE_TOO_LARGE] = {ANSWER_TOO_LARGE,
        "The message is over the size limit (--max-message) and was not sent to ", ""},
    [DUE_REPLY_TOO_LARGE] = {ANSWER_TOO_LARGE, "The answer of ",
        " is over the size limit (--max-reply)"},
    [DUE_SERVER_REFUSED_SIZE] = {ANSWER_TOO_LARGE, "",
        " refused the message for its size (close 1009)"},
    [DUE_MALFORMED] = {ANSWER_MALFORMED, "The answer of ", " was malformed"},
};

/* --- reasons ----------------------------------------------------------- */

struct why *why_new(const struct reason *reason)
{
	struct why *why = malloc(sizeof *why);

	if (!why)
		return NULL;
	why->users = 1;
	memcpy(why->text, reason->text, sizeof why->text);
	why->hint = reason_hint(reason);
	return why;
}

void why_release(struct why *why)
{
	if (why && --why->users == 0)
		free(why);
}

/* --- the queue --------------------------------------------------------- */

static void free_one(struct due *d)
{
	while (d) {
		struct due *more = d->more;
		why_release(d->why);
		if (d->batch) {
			d->batch->open = NULL;
			pending_batch_release(d->batch);
		}
		free(d);
		d = more;
	}
}

static void enqueue(struct due_queue *q, struct due *d, struct pending_batch *batch)
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
	if (q->tail)
		q->tail->next = d;
	else
		q->head = d;
	q->tail = d;
}

static struct due *dequeue(struct due_queue *q)
{
	struct due *d = q->head;

	q->head = d->next;
	if (!q->head)
		q->tail = NULL;
	return d;
}

bool due_add(
    struct due_queue *q, enum due_kind kind, const char *id, size_t id_len, struct due_extra extra)
{
	struct due *d = malloc(sizeof *d + id_len);

	if (!d)
		return false;
	*d = (struct due){.kind = kind,
	    .why = extra.why,
	    .delivered = extra.delivered,
	    .size = extra.size,
	    .limit = extra.limit,
	    .after = extra.after,
	    .id_len = id_len};
	if (id_len > 0)
		memcpy(d->id, id, id_len);
	if (d->why)
		d->why->users++;
	enqueue(q, d, extra.batch);
	return true;
}

bool due_waiting(const struct due_queue *q)
{
	return q->head != NULL;
}

bool due_ready(const struct due_queue *q, uint64_t given)
{
	return q->head && q->head->after <= given;
}

void due_free(struct due_queue *q)
{
	while (q->head)
		free_one(dequeue(q));
}

/* --- the text ---------------------------------------------------------- */

static int append_error(const struct due_queue *q, struct buf *out, const struct due *d)
{
	const struct template *t = &templates[d->kind];
	char message[2 * REASON_TEXT_SIZE + 512];
	const char *reason = d->why ? d->why->text : NULL;
	const char *hint = d->why ? d->why->hint : "";

	snprintf(message, sizeof message, "%s%.300s%s%s%s.%s%s", t->before,
	    t->after ? q->server : "", t->after ? t->after : "", reason ? ": " : "",
	    reason ? reason : "", *hint ? " " : "", hint);
	return answer_append(out, d->id_len ? d->id : NULL, d->id_len,
	    &(struct answer){.code = t->code,
	        .delivered = d->delivered,
	        .message = message,
	        .reason = reason,
	        .size = d->size,
	        .limit = d->limit});
}

static int append_one(const struct due_queue *q, struct buf *out, const struct due *d)
{
	if (d->kind == DUE_PONG)
		return answer_append_empty(out, d->id, d->id_len);
	return append_error(q, out, d);
}

/* One object, or the array of a batch. */
static int append_all(const struct due_queue *q, struct buf *out, const struct due *d)
{
	bool array = d->batch != NULL;
	int rc = array ? buf_append_str(out, "[") : 0;

	for (const struct due *each = d; each && rc == 0; each = each->more) {
		if (each != d)
			rc = buf_append_str(out, ",");
		if (rc == 0)
			rc = append_one(q, out, each);
	}
	return rc == 0 && array ? buf_append_str(out, "]") : rc;
}

struct message *due_pull(struct due_queue *q)
{
	struct due *d = dequeue(q);
	struct buf text;
	struct message *m = NULL;

	buf_init(&text, SIZE_MAX / 2);
	if (append_all(q, &text, d) == 0)
		m = message_adopt(&text);
	else
		buf_free(&text);
	free_one(d);
	return m;
}
