/*
 * A transport that takes as much as a test wants, and a decoder of its own for what comes out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frame.h"
#include "outbox.h"

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define FRAMES_MAX   20000
#define MESSAGES_MAX 4000

/* --- masks --------------------------------------------------------------------------------- */

static uint32_t drawn; /* masks handed out, each with a value of its own */
static unsigned draws; /* calls */

static void numbered_random(void *bytes, size_t len)
{
	unsigned char *p = bytes;

	draws++;
	for (size_t i = 0; i + 4 <= len; i += 4) {
		drawn++;
		for (size_t j = 0; j < 4; j++)
			p[i + j] = (unsigned char)(drawn * UINT32_C(2654435761) >> (8 * j));
	}
}

/* cmocka's own comparison goes byte by byte, too slow for megabytes. */
static void assert_same(const void *a, const void *b, size_t len)
{
	assert_int_equal(memcmp(a, b, len), 0);
}

/* --- the transport ------------------------------------------------------------------------- */

struct transport {
	struct outbox *o;
	unsigned char *stream; /* every byte shown */
	size_t cap, shown, accepted;
};

static void begin(struct transport *t, bool tls)
{
	memset(t, 0, sizeof(*t));
	t->o = outbox_new(tls, numbered_random);
	assert_non_null(t->o);
	t->cap = 1;
	t->stream = malloc(t->cap);
	assert_non_null(t->stream);
}

static void end(struct transport *t)
{
	outbox_free(t->o);
	free(t->stream);
}

/* Looks at the run, where what was shown before must be unchanged. Returns its length. */
static size_t show(struct transport *t)
{
	size_t len, before = t->shown - t->accepted;
	const unsigned char *run = outbox_run(t->o, &len);

	assert_true(len >= before);
	if (run == NULL) {
		assert_int_equal(len, 0);
		return 0;
	}
	assert_true(len > 0);
	assert_true(len <= OUTBOX_RUN);
	if (t->accepted + len > t->cap) {
		t->cap = 2 * (t->accepted + len);
		t->stream = realloc(t->stream, t->cap);
		assert_non_null(t->stream);
	}
	if (before > 0)
		assert_same(run, t->stream + t->accepted, before);
	if (len > before)
		memcpy(t->stream + t->shown, run + before, len - before);
	t->shown = t->accepted + len;
	return len;
}

static void take(struct transport *t, size_t n)
{
	outbox_accepted(t->o, n);
	t->accepted += n;
}

/* Takes everything there is, ${step} bytes at a time. */
static void take_all(struct transport *t, size_t step)
{
	size_t len;

	while ((len = show(t)) > 0)
		take(t, len < step ? len : step);
	assert_false(outbox_pending(t->o));
}

/* --- the decoder --------------------------------------------------------------------------- */

struct frame {
	unsigned opcode;
	bool fin;
	size_t begin, payload, end; /* positions in the stream */
	unsigned char mask[4];
};

struct decoded {
	struct frame frames[FRAMES_MAX];
	size_t count;
};

static size_t big_endian(const unsigned char *p, size_t n)
{
	size_t value = 0;

	while (n-- > 0)
		value = value << 8 | *p++;
	return value;
}

/* Decodes the whole frames of the stream, in place; checks what RFC 6455 demands of each. */
static void decode(struct decoded *d, unsigned char *p, size_t len)
{
	bool in_message = false;
	size_t at = 0;

	d->count = 0;
	while (len - at >= 2) {
		struct frame *f = &d->frames[d->count];
		size_t n = p[at + 1] & 0x7F, header = 2;

		assert_int_equal(p[at] & 0x70, 0);
		assert_int_equal(p[at + 1] & 0x80, 0x80);
		header += n == 126 ? 2 : n == 127 ? 8 : 0;
		if (len - at < header + 4)
			break;
		if (header > 2)
			n = big_endian(p + at + 2, header - 2);
		assert_true(header == 2 || n > 125);
		assert_true(header != 10 || n > 65535);
		f->opcode = p[at] & 0x0F;
		f->fin = p[at] & 0x80;
		f->begin = at;
		f->payload = at + header + 4;
		f->end = f->payload + n;
		memcpy(f->mask, p + at + header, 4);
		if (f->opcode >= 8) {
			assert_true(f->fin);
			assert_in_range(f->opcode, FRAME_CLOSE, FRAME_PONG);
			assert_true(n <= FRAME_CONTROL_MAX);
		} else {
			assert_int_equal(f->opcode, in_message ? FRAME_CONTINUATION : FRAME_TEXT);
			assert_true(n <= OUTBOX_FRAGMENT);
			assert_true(f->fin || n == OUTBOX_FRAGMENT);
			in_message = !f->fin;
		}
		if (f->end > len)
			break;
		for (size_t i = 0; i < n; i++)
			p[f->payload + i] ^= f->mask[i % 4];
		at = f->end;
		assert_true(++d->count < FRAMES_MAX);
		if (f->opcode == FRAME_CLOSE)
			assert_int_equal(at, len); /* nothing follows */
	}
}

static struct decoded decoded;

/* Compares the frames shown so far with a sketch such as "PONG:a TEXT:hello CLOSE:". */
static void assert_frames(struct transport *t, const char *sketch)
{
	static const char *const names[16] = {[FRAME_CONTINUATION] = "CONT",
	    [FRAME_TEXT] = "TEXT",
	    [FRAME_CLOSE] = "CLOSE",
	    [FRAME_PING] = "PING",
	    [FRAME_PONG] = "PONG"};
	char got[4000] = "";
	size_t at = 0;

	decode(&decoded, t->stream, t->shown);
	for (size_t i = 0; i < decoded.count; i++) {
		const struct frame *f = &decoded.frames[i];
		size_t len = f->end - f->payload;

		at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%s%s:", i > 0 ? " " : "",
		    names[f->opcode], f->fin ? "" : "+");
		if (len > 200)
			at += (size_t)snprintf(got + at, sizeof(got) - at, "%zu", len);
		else
			at += (size_t)snprintf(got + at, sizeof(got) - at, "%.*s", (int)len,
			    (const char *)t->stream + f->payload);
	}
	assert_string_equal(got, sketch);
}

/* --- messages ------------------------------------------------------------------------------ */

static struct message *text_message(const char *text)
{
	struct message *m = message_new(text, strlen(text));

	assert_non_null(m);
	return m;
}

/* Repeats after a prime number of bytes, so that no two fragments of a message agree. */
static unsigned char noise[65521];

static void make_noise(void)
{
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (unsigned char)((i * i >> 5) + i * 31);
}

static struct message *long_message(size_t len)
{
	struct message *m;
	struct buf b;

	buf_init(&b, len + 1);
	assert_int_equal(buf_reserve(&b, len + 1), BUF_OK);
	while (b.len < len) {
		size_t from = (b.len + len) % sizeof(noise), n = sizeof(noise) - from;

		if (n > len - b.len)
			n = len - b.len;
		assert_int_equal(buf_append(&b, noise + from, n), BUF_OK);
	}
	m = message_adopt(&b);
	assert_non_null(m);
	return m;
}

static void put(struct transport *t, const char *text)
{
	outbox_put(t->o, text_message(text));
}

static void assert_reclaimed(struct transport *t, const char *text, enum message_progress progress)
{
	struct message *m = outbox_reclaim(t->o);

	assert_non_null(m);
	assert_int_equal(m->text.len, strlen(text));
	assert_memory_equal(m->text.data, text, m->text.len);
	assert_int_equal(m->progress, progress);
	message_free(m);
}

static void assert_none_reclaimed(struct transport *t)
{
	assert_null(outbox_reclaim(t->o));
}

/* --- order --------------------------------------------------------------------------------- */

static void nothing_in_nothing_out(void **state)
{
	struct transport t;

	(void)state;
	begin(&t, false);
	assert_int_equal(show(&t), 0);
	assert_false(outbox_pending(t.o));
	assert_int_equal(outbox_waiting(t.o), 0);
	assert_none_reclaimed(&t);
	outbox_stop(t.o);
	assert_none_reclaimed(&t);
	end(&t);
	outbox_free(NULL);
}

static void messages_leave_in_order_in_one_run(void **state)
{
	struct transport t;

	(void)state;
	begin(&t, false);
	put(&t, "one");
	put(&t, "");
	put(&t, "three");
	assert_true(outbox_pending(t.o));
	assert_int_equal(show(&t), 3 * 6 + 8);
	assert_none_reclaimed(&t);
	take(&t, t.shown);
	assert_reclaimed(&t, "one", MESSAGE_SENT);
	assert_reclaimed(&t, "", MESSAGE_SENT);
	assert_reclaimed(&t, "three", MESSAGE_SENT);
	assert_none_reclaimed(&t);
	assert_false(outbox_pending(t.o));
	assert_frames(&t, "TEXT:one TEXT: TEXT:three");
	end(&t);
}

static void controls_overtake_messages_not_begun(void **state)
{
	struct transport t;

	(void)state;
	begin(&t, false);
	put(&t, "one");
	outbox_ping(t.o, "i", 1);
	outbox_pong(t.o, "o", 1);
	take_all(&t, 1);
	assert_frames(&t, "PONG:o PING:i TEXT:one");
	end(&t);
}

static void only_the_latest_pong_is_sent(void **state)
{
	struct transport t;

	(void)state;
	begin(&t, false);
	outbox_pong(t.o, "first", 5);
	outbox_pong(t.o, "second", 6);
	outbox_pong(t.o, NULL, 0);
	outbox_pong(t.o, "4th", 3);
	take_all(&t, 3);
	outbox_pong(t.o, NULL, 0);
	take_all(&t, 3);
	assert_frames(&t, "PONG:4th PONG:");
	end(&t);
}

static void control_payloads_are_cut(void **state)
{
	char payload[200], expected[400];
	struct transport t;

	(void)state;
	memset(payload, 'p', sizeof(payload));
	begin(&t, false);
	outbox_pong(t.o, payload, 126);
	outbox_ping(t.o, payload, sizeof(payload));
	take_all(&t, 1000);
	snprintf(expected, sizeof(expected), "PONG:%.125s PING:%.125s", payload, payload);
	assert_frames(&t, expected);
	end(&t);
}

static void one_ping_at_a_time_and_counted_when_accepted(void **state)
{
	struct transport t;

	(void)state;
	begin(&t, true);
	outbox_ping(t.o, "1", 1);
	assert_int_equal(show(&t), 7);
	outbox_ping(t.o, "2", 1);
	assert_int_equal(show(&t), 7);
	take(&t, 6);
	assert_int_equal(outbox_pings_sent(t.o), 0);
	assert_int_equal(show(&t), 1);
	assert_true(outbox_pending(t.o));
	take(&t, 1);
	assert_int_equal(outbox_pings_sent(t.o), 1);
	take_all(&t, 7);
	assert_int_equal(outbox_pings_sent(t.o), 2);
	assert_frames(&t, "PING:1 PING:2");
	end(&t);
}

static void a_long_message_is_cut_into_fragments(void **state)
{
	static const size_t lengths[] = {OUTBOX_RUN - 14, OUTBOX_RUN - 13, OUTBOX_RUN,
	    OUTBOX_FRAGMENT - 1, OUTBOX_FRAGMENT, OUTBOX_FRAGMENT + 1, 2 * OUTBOX_FRAGMENT,
	    5 * OUTBOX_FRAGMENT + 77};
	static const size_t steps[] = {10000, SIZE_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(lengths) * COUNT(steps); i++) {
		size_t len = lengths[i % COUNT(lengths)], at = 0;
		struct message *m = long_message(len);
		struct transport t;

		begin(&t, false);
		outbox_put(t.o, m);
		take_all(&t, steps[i / COUNT(lengths)]);
		decode(&decoded, t.stream, t.shown);
		assert_int_equal(decoded.count, (len + OUTBOX_FRAGMENT - 1) / OUTBOX_FRAGMENT);
		for (size_t f = 0; f < decoded.count; f++) {
			size_t n = decoded.frames[f].end - decoded.frames[f].payload;

			assert_same(t.stream + decoded.frames[f].payload, m->text.data + at, n);
			assert_int_equal(decoded.frames[f].fin, f + 1 == decoded.count);
			at += n;
		}
		assert_int_equal(at, len);
		assert_ptr_equal(outbox_reclaim(t.o), m);
		message_free(m);
		end(&t);
	}
}

static void controls_wait_for_one_fragment_only(void **state)
{
	struct transport t;

	(void)state;
	begin(&t, false);
	outbox_put(t.o, long_message(3 * OUTBOX_FRAGMENT));
	show(&t); /* in the middle of the first fragment */
	outbox_ping(t.o, "i", 1);
	outbox_pong(t.o, "o", 1);
	put(&t, "next");
	take_all(&t, 50000);
	assert_frames(&t, "TEXT+:262144 PONG:o PING:i CONT+:262144 CONT:262144 TEXT:next");
	end(&t);
}

/* --- closing ------------------------------------------------------------------------------- */

static void close_overtakes_everything(void **state)
{
	struct transport t;

	(void)state;
	begin(&t, false);
	put(&t, "one");
	outbox_pong(t.o, "o", 1);
	outbox_ping(t.o, "i", 1);
	outbox_close(t.o, 1000, "bye", false);
	put(&t, "two");
	show(&t);
	assert_false(outbox_close_sent(t.o));
	take(&t, t.shown - 1);
	assert_false(outbox_close_sent(t.o));
	assert_true(outbox_pending(t.o));
	take(&t, 1);
	assert_true(outbox_close_sent(t.o));
	assert_false(outbox_pending(t.o));
	outbox_pong(t.o, "o", 1);
	outbox_close(t.o, 1001, "again", false);
	assert_int_equal(show(&t), 0);
	assert_frames(&t, "CLOSE:\x03\xe8"
	                  "bye");
	assert_none_reclaimed(&t);
	outbox_stop(t.o);
	assert_reclaimed(&t, "one", MESSAGE_QUEUED);
	assert_reclaimed(&t, "two", MESSAGE_QUEUED);
	assert_none_reclaimed(&t);
	end(&t);
}

static void a_last_close_lets_go_what_was_put(void **state)
{
	struct transport t;

	(void)state;
	begin(&t, false);
	outbox_put(t.o, long_message(OUTBOX_FRAGMENT + 300));
	put(&t, "two");
	outbox_close(t.o, 1001, NULL, true);
	outbox_close(t.o, 1002, "not this one", true);
	put(&t, "three");
	assert_true(outbox_waiting(t.o) > 0);
	show(&t);
	outbox_pong(t.o, "o", 1);
	take_all(&t, 7001);
	assert_frames(&t, "TEXT+:262144 PONG:o CONT:300 TEXT:two CLOSE:\x03\xe9");
	message_free(outbox_reclaim(t.o));
	assert_reclaimed(&t, "two", MESSAGE_SENT);
	assert_none_reclaimed(&t);
	outbox_stop(t.o);
	assert_reclaimed(&t, "three", MESSAGE_QUEUED);
	assert_none_reclaimed(&t);
	end(&t);
}

static void a_close_overrules_a_last_one(void **state)
{
	struct transport t;

	(void)state;
	begin(&t, false);
	put(&t, "one");
	outbox_close(t.o, 1000, "later", true);
	put(&t, "two");
	outbox_close(t.o, 1001, "now", false);
	outbox_close(t.o, 1002, "too late", false);
	outbox_close(t.o, 1003, "too late", true);
	take_all(&t, 9);
	assert_frames(&t, "CLOSE:\x03\xe9"
	                  "now");
	outbox_stop(t.o);
	assert_reclaimed(&t, "one", MESSAGE_QUEUED);
	assert_reclaimed(&t, "two", MESSAGE_QUEUED);
	end(&t);
}

static void close_cuts_a_message_between_fragments(void **state)
{
	for (int tls = 0; tls < 2; tls++) {
		struct message *m;
		struct transport t;

		(void)state;
		begin(&t, tls);
		put(&t, "before");
		outbox_put(t.o, long_message(2 * OUTBOX_FRAGMENT));
		put(&t, "behind");
		show(&t);
		outbox_close(t.o, 1001, NULL, false);
		take_all(&t, 12345);
		assert_frames(&t, "TEXT:before TEXT+:262144 CLOSE:\x03\xe9");
		assert_true(outbox_close_sent(t.o));
		assert_reclaimed(&t, "before", MESSAGE_SENT);
		assert_none_reclaimed(&t);
		outbox_stop(t.o);
		m = outbox_reclaim(t.o);
		assert_int_equal(m->text.len, 2 * OUTBOX_FRAGMENT);
		assert_int_equal(m->progress, MESSAGE_BEGUN);
		message_free(m);
		assert_reclaimed(&t, "behind", MESSAGE_QUEUED);
		assert_none_reclaimed(&t);
		end(&t);
	}
}

static void close_bodies(void **state)
{
	static const struct {
		unsigned code;
		const char *fill; /* repeated */
		size_t times;
		size_t len; /* of the body */
	} cases[] = {
	    {0, NULL, 0, 0},
	    {0, "x", 3, 0},
	    {1000, NULL, 0, 2},
	    {1000, "", 1, 2},
	    {4999, "x", 5, 7},
	    {1000, "x", 123, 125},
	    {1000, "x", 124, 125},
	    {1000, "\xc3\xa9", 61, 124},
	    {1000, "\xc3\xa9", 62, 124},
	    {1000, "\xe2\x82\xac", 41, 125},
	    {1000, "\xe2\x82\xac", 42, 125},
	    {1000, "\xf0\x9f\x98\x80", 31, 122},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char reason[1000] = "";
		const unsigned char *body;
		struct transport t;
		size_t at = 0;

		for (size_t n = 0; n < cases[i].times; n++)
			at +=
			    (size_t)snprintf(reason + at, sizeof(reason) - at, "%s", cases[i].fill);
		begin(&t, false);
		outbox_close(t.o, cases[i].code, cases[i].fill != NULL ? reason : NULL, false);
		take_all(&t, SIZE_MAX);
		decode(&decoded, t.stream, t.shown);
		assert_int_equal(decoded.count, 1);
		assert_int_equal(decoded.frames[0].end - decoded.frames[0].payload, cases[i].len);
		body = t.stream + decoded.frames[0].payload;
		if (cases[i].len > 0) {
			assert_int_equal(body[0] << 8 | body[1], cases[i].code);
			assert_memory_equal(body + 2, reason, cases[i].len - 2);
		}
		end(&t);
	}
}

/* --- progress ------------------------------------------------------------------------------ */

static void nothing_shown_is_queued(void **state)
{
	for (int tls = 0; tls < 2; tls++) {
		struct transport t;

		(void)state;
		begin(&t, tls);
		put(&t, "abc");
		assert_true(outbox_pending(t.o));
		outbox_stop(t.o);
		assert_false(outbox_pending(t.o));
		assert_reclaimed(&t, "abc", MESSAGE_QUEUED);
		assert_none_reclaimed(&t);
		end(&t);
	}
}

static void progress_of_a_shown_message_at_every_byte(void **state)
{
	static const size_t frame_len = 9; /* of "abc" */

	for (size_t n = 0; n < 2 * frame_len; n++) {
		size_t accepted = n / 2, len;
		bool tls = n % 2;
		struct transport t;

		(void)state;
		begin(&t, tls);
		put(&t, "abc");
		assert_int_equal(show(&t), frame_len);
		put(&t, "behind"); /* not shown */
		take(&t, accepted);
		assert_none_reclaimed(&t);
		outbox_stop(t.o);
		assert_null(outbox_run(t.o, &len));
		assert_int_equal(len, 0);
		assert_false(outbox_pending(t.o));
		assert_reclaimed(&t, "abc", tls ? MESSAGE_SENT : MESSAGE_BEGUN);
		assert_reclaimed(&t, "behind", MESSAGE_QUEUED);
		put(&t, "too late");
		assert_reclaimed(&t, "too late", MESSAGE_QUEUED);
		assert_none_reclaimed(&t);
		end(&t);
	}
}

/* The last byte of a long message is shown when the run reaches it, not before. */
static void progress_of_a_long_message(void **state)
{
	for (int tls = 0; tls < 2; tls++) {
		size_t len = OUTBOX_RUN + 100;
		struct transport t;

		(void)state;
		begin(&t, tls);
		outbox_put(t.o, long_message(len));
		assert_int_equal(show(&t), OUTBOX_RUN);
		outbox_stop(t.o);
		struct message *m = outbox_reclaim(t.o);
		assert_int_equal(m->progress, MESSAGE_BEGUN);
		message_free(m);
		end(&t);

		begin(&t, tls);
		outbox_put(t.o, long_message(len));
		show(&t);
		take(&t, 200);
		show(&t);
		assert_int_equal(t.shown, 14 + len);
		assert_none_reclaimed(&t);
		outbox_stop(t.o);
		m = outbox_reclaim(t.o);
		assert_int_equal(m->progress, tls ? MESSAGE_SENT : MESSAGE_BEGUN);
		message_free(m);
		end(&t);
	}
}

static void waiting_counts_what_is_not_encoded(void **state)
{
	struct message *m = text_message("one");
	size_t cost = message_cost(m);
	struct transport t;

	(void)state;
	begin(&t, false);
	outbox_put(t.o, long_message(3 * OUTBOX_FRAGMENT));
	show(&t);
	assert_int_equal(outbox_waiting(t.o), 0); /* it is being written */
	outbox_put(t.o, m);
	assert_int_equal(outbox_waiting(t.o), cost);
	show(&t);
	assert_int_equal(outbox_waiting(t.o), cost);
	take_all(&t, SIZE_MAX);
	assert_int_equal(outbox_waiting(t.o), 0);
	end(&t);
}

/* --- masks and memory ---------------------------------------------------------------------- */

static int compare_masks(const void *a, const void *b)
{
	return memcmp(((const struct frame *)a)->mask, ((const struct frame *)b)->mask, 4);
}

static void every_frame_has_a_mask_of_its_own(void **state)
{
	struct transport t;
	uint32_t first = drawn;
	unsigned before = draws;

	(void)state;
	begin(&t, false);
	for (int i = 0; i < 1000; i++)
		put(&t, "same");
	take_all(&t, 4096);
	decode(&decoded, t.stream, t.shown);
	assert_int_equal(decoded.count, 1000);
	for (size_t i = 0; i < decoded.count; i++)
		assert_same(t.stream + decoded.frames[i].payload, "same", 4);
	qsort(decoded.frames, decoded.count, sizeof(decoded.frames[0]), compare_masks);
	for (size_t i = 1; i < decoded.count; i++)
		assert_true(compare_masks(&decoded.frames[i - 1], &decoded.frames[i]) < 0);
	assert_in_range(drawn - first, 1000, 1100);
	assert_true(draws - before < 50); /* in batches */
	end(&t);
}

static void a_stuck_transport_sees_a_bounded_run(void **state)
{
	struct transport t;

	(void)state;
	begin(&t, true);
	for (int i = 0; i < 100000; i++) {
		outbox_pong(t.o, "a flood of PINGs", 16);
		if (i % 2000 == 0)
			show(&t);
	}
	for (int i = 0; i < 3000; i++)
		put(&t, "a message that takes some room in the run, too: 12345678901234567890");
	assert_in_range(show(&t), OUTBOX_RUN - 200, OUTBOX_RUN);
	take_all(&t, 1000);
	end(&t);
}

/* --- everything at random ------------------------------------------------------------------ */

struct model {
	struct transport t;
	bool tls, closed;
	size_t put, put_before_close; /* messages */
	size_t pongs, pings;          /* queued so far: their payloads are numbered */
	size_t reclaimed;
	enum message_progress progress[MESSAGES_MAX];
	size_t lengths[MESSAGES_MAX];
};

static size_t random_below(size_t n)
{
	return (size_t)rand() % n;
}

static size_t random_length(void)
{
	size_t kind = random_below(100);

	if (kind < 90)
		return random_below(300);
	if (kind < 97)
		return random_below(70000);
	return random_below(3 * OUTBOX_FRAGMENT);
}

static struct message *numbered_message(size_t number, size_t len)
{
	struct message *m = long_message(len + sizeof(number));

	memcpy(m->text.data, &number, sizeof(number));
	return m;
}

static void model_put(struct model *model, size_t len)
{
	if (model->put == MESSAGES_MAX)
		return;
	model->lengths[model->put] = len + sizeof(size_t);
	outbox_put(model->t.o, numbered_message(model->put++, len));
}

static bool model_reclaim(struct model *model)
{
	struct message *m = outbox_reclaim(model->t.o);
	size_t number;

	if (m == NULL)
		return false;
	memcpy(&number, m->text.data, sizeof(number));
	assert_int_equal(number, model->reclaimed);
	assert_int_equal(m->text.len, model->lengths[number]);
	model->progress[model->reclaimed++] = m->progress;
	message_free(m);
	return true;
}

static void model_control(struct model *model)
{
	char payload[FRAME_CONTROL_MAX];
	size_t len;

	memset(payload, 'c', sizeof(payload));
	if (random_below(2) == 0) {
		len = (size_t)snprintf(payload, sizeof(payload), "%zu", model->pongs++);
		outbox_pong(model->t.o, payload, len + random_below(100));
	} else {
		len = (size_t)snprintf(payload, sizeof(payload), "%zu", model->pings++);
		outbox_ping(model->t.o, payload, len + random_below(100));
	}
}

/* Takes some of the run: one byte, a little, all. */
static void model_write(struct model *model)
{
	size_t n = show(&model->t);

	if (n == 0)
		return;
	switch (random_below(4)) {
	case 0:
		take(&model->t, 1);
		break;
	case 1:
		take(&model->t, random_below(n + 1));
		break;
	case 2:
		take(&model->t, n);
		break;
	default: /* would block */
		break;
	}
}

static void model_close(struct model *model)
{
	bool last = random_below(2) == 0;

	outbox_close(model->t.o, 1000, "bye", last);
	if (!model->closed)
		model->put_before_close = model->put;
	model->closed = true;
}

static void model_step(struct model *model)
{
	size_t what = random_below(100);

	if (what < 30)
		model_put(model, random_length());
	else if (what < 40)
		model_control(model);
	else if (what < 85)
		model_write(model);
	else if (what < 98)
		while (model_reclaim(model))
			;
	else if (random_below(30) == 0)
		model_close(model);
}

/* The numbers of controls only rise, and no PING or PONG was made up. */
static void check_control(
    const struct model *model, const struct frame *f, size_t *next, size_t queued)
{
	char text[FRAME_CONTROL_MAX + 1] = "";
	size_t number;

	memcpy(text, model->t.stream + f->payload, f->end - f->payload);
	number = (size_t)strtoul(text, NULL, 10);
	assert_true(number >= *next);
	assert_true(number < queued);
	*next = number + 1;
}

/* What the stream says of a message: where it begins and, if its end was shown, where that is. */
struct place {
	size_t begin, end;
};

static size_t check_stream(const struct model *model, struct place *places)
{
	const struct transport *t = &model->t;
	size_t count = 0, len = 0, pong = 0, ping = 0;
	struct message *expected = NULL;

	decode(&decoded, t->stream, t->shown);
	for (size_t i = 0; i < decoded.count; i++) {
		const struct frame *f = &decoded.frames[i];

		if (f->opcode == FRAME_PONG)
			check_control(model, f, &pong, model->pongs);
		else if (f->opcode == FRAME_PING)
			check_control(model, f, &ping, model->pings);
		if (f->opcode >= FRAME_CLOSE)
			continue;
		if (expected == NULL) { /* decode() has seen to it that this is its first frame */
			places[count].begin = f->begin;
			expected = numbered_message(count, model->lengths[count] - sizeof(count));
			len = 0;
		}
		assert_same(t->stream + f->payload, expected->text.data + len, f->end - f->payload);
		len += f->end - f->payload;
		if (f->fin) {
			assert_int_equal(len, model->lengths[count]);
			places[count++].end = f->end;
			message_free(expected);
			expected = NULL;
		}
	}
	message_free(expected);
	return count;
}

/* A frame that was not wholly shown may begin one more message. */
static size_t add_cut_message(const struct model *model, struct place *places, size_t count)
{
	const struct frame *f = decoded.count > 0 ? &decoded.frames[decoded.count - 1] : NULL;
	size_t at = f != NULL ? f->end : 0;

	if (count < model->put && places[count].end == SIZE_MAX && places[count].begin != SIZE_MAX)
		return count + 1; /* some fragments of it were whole */
	if (at == model->t.shown || (model->t.stream[at] & 0x0F) != FRAME_TEXT)
		return count;
	places[count] = (struct place){at, SIZE_MAX};
	return count + 1;
}

static void check_progress(const struct model *model)
{
	static struct place places[MESSAGES_MAX + 1];
	size_t whole, begun, left = model->tls ? model->t.shown : model->t.accepted;

	for (size_t i = 0; i <= MESSAGES_MAX; i++)
		places[i] = (struct place){SIZE_MAX, SIZE_MAX};
	whole = check_stream(model, places);
	begun = add_cut_message(model, places, whole);
	assert_int_equal(model->reclaimed, model->put);
	for (size_t i = 0; i < model->put; i++) {
		enum message_progress expected = MESSAGE_QUEUED;

		if (i < whole && places[i].end <= left)
			expected = MESSAGE_SENT;
		else if (i < begun)
			expected = MESSAGE_BEGUN;
		if (model->progress[i] != expected)
			fail_msg("message %zu of %zu: %d, not %d", i, model->put,
			    (int)model->progress[i], (int)expected);
	}
	if (model->closed)
		assert_true(whole <= model->put_before_close);
}

static void anything_in_any_order(void **state)
{
	static struct model model;

	(void)state;
	for (unsigned seed = 0; seed < 40; seed++) {
		size_t steps;

		srand(seed);
		steps = random_below(1000);
		memset(&model, 0, sizeof(model));
		model.tls = seed % 2;
		begin(&model.t, model.tls);
		for (size_t i = 0; i < steps; i++)
			model_step(&model);
		if (seed % 3 == 0)
			take_all(&model.t, 1 + random_below(100000));
		outbox_stop(model.t.o);
		while (model_reclaim(&model))
			;
		check_progress(&model);
		end(&model.t);
	}
}

static void one_byte_at_a_time(void **state)
{
	static struct model model;

	(void)state;
	srand(7);
	memset(&model, 0, sizeof(model));
	begin(&model.t, false);
	for (int i = 0; i < 3000; i++) {
		if (i % 10 == 0 && i < 2000)
			model_put(&model, 20);
		if (i % 7 == 0)
			model_control(&model);
		if (show(&model.t) > 0)
			take(&model.t, 1);
	}
	outbox_close(model.t.o, 1000, NULL, true);
	take_all(&model.t, 1);
	outbox_stop(model.t.o);
	while (model_reclaim(&model))
		;
	check_progress(&model);
	assert_int_equal(model.progress[model.put - 1], MESSAGE_SENT);
	assert_int_equal(decoded.frames[decoded.count - 1].opcode, FRAME_CLOSE);
	end(&model.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_in_nothing_out),
	    cmocka_unit_test(messages_leave_in_order_in_one_run),
	    cmocka_unit_test(controls_overtake_messages_not_begun),
	    cmocka_unit_test(only_the_latest_pong_is_sent),
	    cmocka_unit_test(control_payloads_are_cut),
	    cmocka_unit_test(one_ping_at_a_time_and_counted_when_accepted),
	    cmocka_unit_test(a_long_message_is_cut_into_fragments),
	    cmocka_unit_test(controls_wait_for_one_fragment_only),
	    cmocka_unit_test(close_overtakes_everything),
	    cmocka_unit_test(a_last_close_lets_go_what_was_put),
	    cmocka_unit_test(a_close_overrules_a_last_one),
	    cmocka_unit_test(close_cuts_a_message_between_fragments),
	    cmocka_unit_test(close_bodies),
	    cmocka_unit_test(nothing_shown_is_queued),
	    cmocka_unit_test(progress_of_a_shown_message_at_every_byte),
	    cmocka_unit_test(progress_of_a_long_message),
	    cmocka_unit_test(waiting_counts_what_is_not_encoded),
	    cmocka_unit_test(every_frame_has_a_mask_of_its_own),
	    cmocka_unit_test(a_stuck_transport_sees_a_bounded_run),
	    cmocka_unit_test(anything_in_any_order),
	    cmocka_unit_test(one_byte_at_a_time),
	};

	make_noise();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
