#include "parts.h"

#include "jsonrpc.h"
#include "method.h"

/* --- reading ----------------------------------------------------------- */

bool parts_next(const struct message *m, size_t *at, struct jsonrpc_envelope *out)
{
	if (m->envelope.kind == JSONRPC_BATCH)
		return jsonrpc_batch_next(m->text.data, m->text.len, at, out);
	if (*at > 0)
		return false;
	*at = 1;
	*out = m->envelope;
	return true;
}

bool parts_is_one_way(const struct message *m)
{
	return m->envelope.kind == JSONRPC_NOTIFICATION || m->envelope.kind == JSONRPC_RESPONSE;
}

const char *parts_id(const struct message *m, const struct jsonrpc_envelope *e, size_t *len)
{
	return message_span(m, e->id, len);
}

unsigned parts_traits(const struct message *m, const struct jsonrpc_envelope *e)
{
	size_t len;
	const char *method = message_span(m, e->method, &len);

	return method ? method_traits(method, len) : 0;
}

struct jsonrpc_span parts_cancelled(const struct message *m, const struct jsonrpc_envelope *e)
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

struct pending *parts_find(
    const struct pending_table *t, const struct message *m, struct jsonrpc_span id)
{
	size_t len;
	const char *raw = message_span(m, id, &len);

	return raw ? pending_find(t, raw, len) : NULL;
}

/* --- making anew ------------------------------------------------------- */

/* What is known of the one holds for the other. */
static void take_place(struct message *made, const struct message *m)
{
	made->size = m->size;
	made->arrived = m->arrived;
	made->waits_since = m->waits_since;
	made->links = m->links;
	made->serial = m->serial;
}

/* The text of a batch being made; rc says whether memory lasted. */
struct text {
	struct buf buf;
	int rc;
};

static void add_bytes(struct text *t, const unsigned char *bytes, size_t len)
{
	t->rc = t->rc ? t->rc : buf_append(&t->buf, bytes, len);
}

/* The element that ends before ${to}; with ${span} replaced if that is given. */
static void add_element(struct text *t, const struct message *m, size_t from, size_t to,
    const struct jsonrpc_span *span, const struct buf *with)
{
	const unsigned char *text = m->text.data;

	/* Before the element stand the bracket or comma, and blanks. */
	while (from < to && text[from] != '{')
		from++;
	add_bytes(t, (const unsigned char *)(t->buf.len ? "," : "["), 1);
	if (span) {
		add_bytes(t, text + from, span->at - from);
		add_bytes(t, with->data, with->len);
		from = span->at + span->len;
	}
	add_bytes(t, text + from, to - from);
}

/* Returns whether anything changed. */
static bool judge_elements(
    const struct message *m, parts_judge *judge, struct session *s, struct text *t)
{
	struct jsonrpc_envelope e;
	struct buf with;
	size_t at = 0, from = 0;
	bool changed = false;

	buf_init(&with, 2 * JSONRPC_ID_MAX);
	while (parts_next(m, &at, &e)) {
		struct jsonrpc_span span = e.id;
		buf_clear(&with);
		enum part_fate fate = judge(s, m, &e, &span, &with);
		if (fate != PART_DROPPED)
			add_element(t, m, from, at, fate == PART_CHANGED ? &span : NULL, &with);
		changed = changed || fate != PART_KEPT;
		from = at;
	}
	buf_free(&with);
	return changed;
}

static struct message *rebuild_batch(
    struct message *m, parts_judge *judge, struct session *s, uint64_t *lost)
{
	struct message *made = NULL;
	struct text t = {0};

	buf_init(&t.buf, SIZE_MAX / 2);
	if (!judge_elements(m, judge, s, &t)) {
		buf_free(&t.buf);
		return m;
	}
	if (t.buf.len > 0 || t.rc != 0) {
		add_bytes(&t, (const unsigned char *)"]", 1);
		made = t.rc == 0 ? message_adopt(&t.buf) : NULL;
		if (made)
			take_place(made, m);
		else
			++*lost;
	}
	buf_free(&t.buf);
	message_free(m);
	return made;
}

static struct message *rebuild_single(
    struct message *m, parts_judge *judge, struct session *s, uint64_t *lost)
{
	struct jsonrpc_span span = m->envelope.id;
	struct message *made = NULL;
	struct buf with;

	buf_init(&with, 2 * JSONRPC_ID_MAX);
	enum part_fate fate = judge(s, m, &m->envelope, &span, &with);
	if (fate == PART_CHANGED) {
		made = message_splice(m, span, (const char *)with.data, with.len);
		if (made)
			take_place(made, m);
		else
			++*lost;
	}
	buf_free(&with);
	if (fate == PART_KEPT)
		return m;
	message_free(m);
	return made;
}

struct message *parts_rebuild(
    struct message *m, parts_judge *judge, struct session *s, uint64_t *lost)
{
	return (m->envelope.kind == JSONRPC_BATCH ? rebuild_batch : rebuild_single)(
	    m, judge, s, lost);
}
