#include "message.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_ENOUGH ((size_t)16384)     /* free bytes that are worth a read of their own */
#define WASTE_MAX   ((size_t)64)        /* unused bytes that a finished message may hold on to */
#define POOL_SMALL  ((size_t)2 << 20)   /* bytes of small blocks that an intake keeps */
#define MOVED_MAX   ((size_t)64 * 1024) /* what is larger is left to realloc, which moves pages */
#define BOM         "\xEF\xBB\xBF"
#define BOM_LEN     3
#define BLOCK       64 /* a fixed count lets compilers use vectors for the loop over it */

/* --- messages -------------------------------------------------------------- */

/* An empty message with room for ${len} bytes of text and the spare one. */
static struct message *message_alloc(size_t len)
{
	struct message *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	buf_init(&m->text, len + 1);
	m->text.data = malloc(len + 1);
	if (m->text.data == NULL) {
		free(m);
		return NULL;
	}
	m->text.cap = len + 1;
	return m;
}

struct message *message_new(const void *text, size_t len)
{
	struct message *m = message_alloc(len);

	if (m == NULL)
		return NULL;
	if (len > 0)
		memcpy(m->text.data, text, len);
	m->text.len = m->size = len;
	jsonrpc_scan_text(m->text.data, len, &m->envelope);
	return m;
}

/* Gives a text ${cap} bytes, at least. Returns false if memory is out; it is as it was, then. */
static bool text_resize(struct pool *pool, struct buf *t, size_t cap)
{
	bool moves = t->data == NULL || (cap < MOVED_MAX && t->len < cap);
	unsigned char *data;

	data = moves ? pool_take(pool, &cap) : realloc(t->data, cap);
	if (data == NULL)
		return false;
	if (moves && t->data != NULL) {
		memcpy(data, t->data, t->len);
		pool_give(pool, t->data, t->cap);
	}
	t->data = data;
	t->cap = cap;
	return true;
}

/*
 * Gives back memory that growing ahead has left unused, and makes sure of the spare byte. Of what
 * comes from a pool more may be left: the next message will have use for it. Returns false if
 * there is no spare byte and no memory for it.
 */
static bool text_fit(struct pool *pool, struct buf *t)
{
	size_t waste = pool != NULL ? WASTE_MAX + t->len : WASTE_MAX;

	if (t->cap > t->len && t->cap - t->len - 1 <= waste)
		return true;
	return text_resize(pool, t, t->len + 1) || t->cap > t->len;
}

struct message *message_adopt(struct buf *text)
{
	struct message *m = calloc(1, sizeof(*m));

	if (m == NULL || !text_fit(NULL, text)) {
		free(m);
		buf_free(text);
		return NULL;
	}
	m->text = *text;
	buf_init(text, text->max);
	m->size = m->text.len;
	jsonrpc_scan_text(m->text.data, m->text.len, &m->envelope);
	return m;
}

struct message *message_splice(
    const struct message *m, struct jsonrpc_span span, const char *with, size_t len)
{
	const unsigned char *text = m->text.data;
	size_t after = span.at + span.len;
	struct buf out;

	buf_init(&out, m->text.len + len + 1);
	if (buf_append(&out, text, span.at) != BUF_OK || buf_append(&out, with, len) != BUF_OK ||
	    buf_append(&out, text + after, m->text.len - after) != BUF_OK) {
		buf_free(&out);
		return NULL;
	}
	return message_adopt(&out);
}

void message_free(struct message *m)
{
	struct pool *pool;

	if (m == NULL)
		return;
	pool = m->pool;
	pool_give(pool, m->text.data, m->text.cap);
	pool_give(pool, m, m->room);
}

size_t message_cost(const struct message *m)
{
	return sizeof(*m) + m->text.cap;
}

const char *message_span(const struct message *m, struct jsonrpc_span span, size_t *len)
{
	*len = span.len;
	return span.len > 0 ? (const char *)m->text.data + span.at : NULL;
}

bool message_method_is(const struct message *m, const char *method)
{
	const char *raw;
	size_t len;

	if (m->envelope.kind != JSONRPC_REQUEST && m->envelope.kind != JSONRPC_NOTIFICATION)
		return false;
	raw = message_span(m, m->envelope.method, &len);
	return raw != NULL && jsonrpc_string_is(raw, len, method);
}

/* --- lists ----------------------------------------------------------------- */

void message_list_push(struct message_list *l, struct message *m)
{
	m->next = NULL;
	if (l->tail != NULL)
		l->tail->next = m;
	else
		l->head = m;
	l->tail = m;
	l->count++;
	l->cost += message_cost(m);
}

void message_list_push_front(struct message_list *l, struct message *m)
{
	m->next = l->head;
	l->head = m;
	if (l->tail == NULL)
		l->tail = m;
	l->count++;
	l->cost += message_cost(m);
}

struct message *message_list_pop(struct message_list *l)
{
	struct message *m = l->head;

	if (m == NULL)
		return NULL;
	l->head = m->next;
	if (l->head == NULL)
		l->tail = NULL;
	l->count--;
	l->cost -= message_cost(m);
	m->next = NULL;
	return m;
}

void message_list_free(struct message_list *l)
{
	struct message *m;

	while ((m = message_list_pop(l)) != NULL)
		message_free(m);
}

/* --- the intake ------------------------------------------------------------ */

static bool is_newline(unsigned char c)
{
	return c == '\n' || c == '\r';
}

static bool all_blank(const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != ' ' && bytes[i] != '\t' && !is_newline(bytes[i]))
			return false;
	}
	return true;
}

static void newlines_to_spaces(unsigned char *p, size_t len)
{
	for (; len >= BLOCK; p += BLOCK, len -= BLOCK) {
		for (size_t i = 0; i < BLOCK; i++)
			p[i] = is_newline(p[i]) ? ' ' : p[i];
	}
	for (size_t i = 0; i < len; i++)
		p[i] = is_newline(p[i]) ? ' ' : p[i];
}

/* Ready for the next message. Called with nothing to free left behind. */
static void intake_reset(struct intake *in)
{
	in->message = NULL;
	buf_init(&in->digest, JSONRPC_DIGEST_MAX);
	in->size = in->tail = 0;
	in->blank = true;
	in->over = in->announced = false;
	jsonrpc_scan_begin(&in->scan, NULL);
}

/* Two more than the limit: a newline may stand there, and a byte behind it shows the excess. */
static size_t text_max(const struct intake *in)
{
	return in->max + 2;
}

void intake_init(struct intake *in, size_t max)
{
	in->max = max < SIZE_MAX / 4 ? max : SIZE_MAX / 4;
	in->usual = 0;
	in->pool = pool_new(POOL_SMALL, text_max(in) + 1);
	intake_reset(in);
}

void intake_free(struct intake *in)
{
	intake_drop(in);
	pool_end(in->pool);
	in->pool = NULL;
}

int64_t intake_rest(struct intake *in, int64_t now)
{
	return pool_rest(in->pool, now);
}

void intake_drop(struct intake *in)
{
	message_free(in->message);
	buf_free(&in->digest);
	intake_reset(in);
}

size_t intake_size(const struct intake *in)
{
	return in->size;
}

/* From here on only a digest is kept. The scan begins anew, because it was begun without one. */
static void intake_go_over(struct intake *in)
{
	in->over = true;
	jsonrpc_scan_begin(&in->scan, &in->digest);
	if (in->message != NULL)
		jsonrpc_scan_feed(&in->scan, in->message->text.data, in->message->text.len);
	message_free(in->message);
	in->message = NULL;
}

/*
 * Sees to it that at least one more byte and the spare one fit, better ${want}. Grows by half
 * at least: realloc moves large blocks by remapping pages, so nothing is copied, and what was never
 * written takes no memory. Returns how many fit, 0 if memory is out.
 */
static size_t text_room(struct pool *pool, struct buf *t, size_t want, size_t max)
{
	size_t unused = t->cap > t->len ? t->cap - t->len - 1 : 0;
	size_t cap;

	if (want > max - t->len)
		want = max - t->len;
	if (unused < want && unused < ROOM_ENOUGH) {
		cap = t->len + want + 1;
		if (cap < t->cap + t->cap / 2)
			cap = t->cap + t->cap / 2;
		if (cap > max + 1)
			cap = max + 1;
		if (text_resize(pool, t, cap))
			unused = t->cap - t->len - 1;
	}
	return unused < want ? unused : want;
}

/* Begins to keep a message, if memory lasts. */
static void begin_message(struct intake *in)
{
	size_t size = sizeof(*in->message);

	in->message = pool_take(in->pool, &size);
	if (in->message == NULL)
		return;
	*in->message = (struct message){.pool = in->pool, .room = size};
	buf_init(&in->message->text, text_max(in) + 1);
}

/* Room for ${want} bytes of the message that is kept. 0 if memory is out. */
static size_t message_room(struct intake *in, size_t want)
{
	if (in->message == NULL)
		begin_message(in);
	return in->message != NULL ? text_room(in->pool, &in->message->text, want, text_max(in))
	                           : 0;
}

void *intake_room(struct intake *in, size_t want, size_t *room)
{
	if (want == 0)
		want = 1;
	if (!in->over) {
		/* One that begins without a word on its length will be as long as the one before. */
		if (in->message == NULL && !in->announced && in->usual > want)
			(void)message_room(in, in->usual);
		*room = message_room(in, want);
		if (*room > 0)
			return in->message->text.data + in->message->text.len;
		intake_go_over(in); /* memory is out */
	}
	*room = want < INTAKE_SCRATCH ? want : INTAKE_SCRATCH;
	return in->scratch;
}

/* Takes the next ${len} bytes. Of a message that is kept they stand behind its text already. */
static void intake_take(struct intake *in, const unsigned char *bytes, size_t len)
{
	struct buf *t = in->message != NULL ? &in->message->text : NULL;
	size_t tail = 0;

	while (tail < len && is_newline(bytes[len - 1 - tail]))
		tail++;
	in->tail = tail < len ? tail : in->tail + len;
	in->size += len;
	if (in->blank)
		in->blank = all_blank(bytes, len);
	if (t == NULL) {
		jsonrpc_scan_feed(&in->scan, bytes, len);
		return;
	}
	t->len += len;
	if (in->size - in->tail > in->max) {
		intake_go_over(in);
		return;
	}
	jsonrpc_scan_feed(&in->scan, bytes, len);
	/* What stands beyond the limit are newlines; one of them stands for all. */
	if (t->len > in->max + 1)
		t->len = in->max + 1;
}

void intake_expect(struct intake *in, size_t len)
{
	if (in->over)
		return;
	in->announced = true;
	/* Two bytes more may be a newline, which does not count. */
	if (len > in->max + 2 || in->size > in->max + 2 - len)
		intake_go_over(in);
	else if (len > 0)
		(void)message_room(in, len);
}

void intake_commit(struct intake *in, size_t len)
{
	if (len == 0)
		return;
	if (in->message != NULL)
		intake_take(in, in->message->text.data + in->message->text.len, len);
	else
		intake_take(in, in->scratch, len);
}

void intake_write(struct intake *in, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	size_t room;
	void *to;

	while (len > 0 && !in->over) {
		to = intake_room(in, len, &room);
		if (in->message == NULL)
			break;
		memcpy(to, p, room);
		intake_commit(in, room);
		p += room;
		len -= room;
	}
	if (len > 0)
		intake_take(in, p, len);
}

/* Cuts ${n} bytes off the front of the text. */
static void message_cut_front(struct message *m, size_t n)
{
	struct jsonrpc_envelope *e = &m->envelope;
	struct jsonrpc_span *spans[] = {&e->id, &e->method, &e->params, &e->result};

	buf_consume(&m->text, n);
	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		if (spans[i]->len > 0)
			spans[i]->at -= n;
	}
}

static struct message *intake_end_text(struct intake *in)
{
	struct message *m = in->message;
	struct buf *t = &m->text;

	jsonrpc_scan_end(&in->scan, &m->envelope);
	m->size = in->size - in->tail;
	if (!in->announced)
		in->usual = t->len < ROOM_ENOUGH ? t->len : t->len + ROOM_ENOUGH;
	while (t->len > 0 && is_newline(t->data[t->len - 1]))
		t->len--;
	if (t->len >= BOM_LEN && memcmp(t->data, BOM, BOM_LEN) == 0)
		message_cut_front(m, BOM_LEN);
	if (m->envelope.kind == JSONRPC_NOT_JSON && all_blank(t->data, t->len)) {
		message_free(m); /* only a byte order mark */
		return NULL;
	}
	if (m->envelope.kind != JSONRPC_NOT_JSON && m->envelope.has_newline) {
		newlines_to_spaces(t->data, t->len);
		m->envelope.has_newline = false;
	}
	(void)text_fit(in->pool, t);
	return m;
}

/* The id is all there is of a message over the limit that is not JSON-RPC. */
static struct message *message_of_id(const struct jsonrpc_envelope *e, const char *id)
{
	struct message *m = message_alloc(e->id.len);

	if (m == NULL)
		return NULL;
	memcpy(m->text.data, id, e->id.len);
	m->text.len = e->id.len;
	m->envelope.kind = e->kind;
	m->envelope.structured = e->structured;
	m->envelope.id.len = e->id.len;
	return m;
}

static struct message *intake_end_digest(struct intake *in)
{
	struct message *m = NULL;
	struct jsonrpc_envelope e;

	jsonrpc_scan_end(&in->scan, &e);
	if (e.kind == JSONRPC_NOT_JSON || e.kind == JSONRPC_INVALID)
		m = message_of_id(&e, in->scan.kept_id); /* kept for the digest it never got into */
	else if (in->digest.len > 0)
		m = message_adopt(&in->digest);
	buf_free(&in->digest);
	if (m == NULL)
		return NULL;
	m->digest = true;
	m->size = in->size - in->tail;
	return m;
}

struct message *intake_end(struct intake *in, bool *lost)
{
	struct message *m = NULL;

	*lost = false;
	if (in->blank) {
		intake_drop(in);
		return NULL;
	}
	if (in->over) {
		m = intake_end_digest(in);
		*lost = m == NULL;
	} else {
		m = intake_end_text(in);
	}
	intake_reset(in);
	return m;
}
