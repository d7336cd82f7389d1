/*
 * The outgoing stream of one link. Every byte of it has a position, counted from the first; what
 * was shown, accepted or belongs to a message is a matter of comparing positions.
 */
#include "outbox.h"

#include <stdlib.h>
#include <string.h>

#include "frame.h"

#define MASK_LEN   4
#define KEYS_SIZE  256 /* bytes of masks drawn at a time: asking the system for each is slow */
#define REASON_MAX (FRAME_CONTROL_MAX - 2)
#define UNENCODED  UINT64_MAX /* end of a message whose last fragment is not encoded yet */

/* Twice the run, so that what is left of it is moved to the front only once for each run. */
#define BUFFER_SIZE (2 * OUTBOX_RUN)

struct control {
	bool queued;
	unsigned char payload[FRAME_CONTROL_MAX];
	size_t len;
};

struct outbox {
	bool tls;
	void (*random)(void *bytes, size_t len);
	bool stopped;

	struct message_list begun;   /* encoded, wholly or (the last) in part; not reclaimed */
	struct message_list waiting; /* will be sent */
	struct message_list refused; /* came after outbox_close */

	struct control pong, ping, close;
	bool close_last;    /* CLOSE goes out behind the waiting messages */
	bool close_encoded; /* nothing may follow */
	uint64_t close_end; /* position behind the CLOSE frame, once it is encoded */
	uint64_t ping_end;  /* position behind the last PING, if ping_in_run */
	bool ping_in_run;
	unsigned long pings_sent;

	struct message *current; /* the last of begun, while fragments of it are to come */
	size_t current_at;       /* bytes of its text that are encoded */
	size_t frame_len;        /* payload of its frame being encoded ... */
	size_t frame_at;         /* ... and how much of that is encoded */
	unsigned char mask[MASK_LEN];

	unsigned char keys[KEYS_SIZE];
	size_t keys_left;

	uint64_t accepted;      /* position of the first byte of the run */
	uint64_t shown;         /* position behind the last byte that was shown */
	size_t run_at, run_len; /* the run within buffer */
	unsigned char buffer[BUFFER_SIZE];
};

struct outbox *outbox_new(bool tls, void (*random)(void *bytes, size_t len))
{
	/* So large that it comes as fresh zero pages: calloc touches none of them. */
	struct outbox *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->tls = tls;
	o->random = random;
	return o;
}

void outbox_free(struct outbox *o)
{
	if (o == NULL)
		return;
	message_list_free(&o->begun);
	message_list_free(&o->waiting);
	message_list_free(&o->refused);
	free(o);
}

/* --- what goes in -------------------------------------------------------------------------- */

void outbox_put(struct outbox *o, struct message *m)
{
	m->progress = MESSAGE_QUEUED;
	message_list_push(o->close.queued ? &o->refused : &o->waiting, m);
}

static void control_set(struct control *c, const void *payload, size_t len)
{
	c->queued = true;
	c->len = len < FRAME_CONTROL_MAX ? len : FRAME_CONTROL_MAX;
	if (c->len > 0)
		memcpy(c->payload, payload, c->len);
}

void outbox_pong(struct outbox *o, const void *payload, size_t len)
{
	control_set(&o->pong, payload, len);
}

void outbox_ping(struct outbox *o, const void *payload, size_t len)
{
	control_set(&o->ping, payload, len);
}

/* The length of ${reason}, cut so that it fits and no character is split. */
static size_t reason_length(const char *reason)
{
	size_t len = strlen(reason);

	if (len <= REASON_MAX)
		return len;
	len = REASON_MAX;
	while (len > 0 && ((unsigned char)reason[len] & 0xC0) == 0x80)
		len--;
	return len;
}

void outbox_close(struct outbox *o, unsigned code, const char *reason, bool last)
{
	struct control *c = &o->close;

	if (c->queued && (last || !o->close_last || o->close_encoded))
		return;
	c->queued = true;
	c->len = 0;
	o->close_last = last;
	if (code == 0)
		return;
	c->payload[0] = (unsigned char)(code >> 8);
	c->payload[1] = (unsigned char)(code & 0xFF);
	c->len = 2;
	if (reason != NULL) {
		size_t len = reason_length(reason);

		memcpy(c->payload + c->len, reason, len);
		c->len += len;
	}
}

/* --- encoding ------------------------------------------------------------------------------ */

static uint64_t run_end(const struct outbox *o)
{
	return o->accepted + o->run_len;
}

static size_t run_space(const struct outbox *o)
{
	return OUTBOX_RUN - o->run_len;
}

/* Where the next byte of the run goes; at least run_space() bytes fit there. */
static unsigned char *run_tail(struct outbox *o)
{
	if (BUFFER_SIZE - (o->run_at + o->run_len) < run_space(o)) {
		memmove(o->buffer, o->buffer + o->run_at, o->run_len);
		o->run_at = 0;
	}
	return o->buffer + o->run_at + o->run_len;
}

static void draw_mask(struct outbox *o)
{
	if (o->keys_left == 0) {
		o->random(o->keys, sizeof(o->keys));
		o->keys_left = sizeof(o->keys);
	}
	o->keys_left -= MASK_LEN;
	memcpy(o->mask, o->keys + o->keys_left, MASK_LEN);
}

/* A control frame is encoded whole or, if it does not fit yet, not at all. */
static bool encode_control(struct outbox *o, enum frame_opcode opcode, struct control *c)
{
	unsigned char *to;
	size_t header;

	if (run_space(o) < FRAME_HEADER_MAX + c->len)
		return false;
	to = run_tail(o);
	draw_mask(o);
	header = frame_header(to, opcode, true, c->len, o->mask);
	frame_mask(to + header, c->payload, c->len, o->mask, 0);
	o->run_len += header + c->len;
	return true;
}

static bool encode_close(struct outbox *o)
{
	if (!encode_control(o, FRAME_CLOSE, &o->close))
		return false;
	o->close_encoded = true;
	o->close_end = run_end(o);
	return true;
}

static bool encode_pong(struct outbox *o)
{
	if (!encode_control(o, FRAME_PONG, &o->pong))
		return false;
	o->pong.queued = false;
	return true;
}

static bool encode_ping(struct outbox *o)
{
	if (!encode_control(o, FRAME_PING, &o->ping))
		return false;
	o->ping.queued = false;
	o->ping_in_run = true;
	o->ping_end = run_end(o);
	return true;
}

/* The message is encoded once its last fragment is. */
static void end_frame(struct outbox *o)
{
	o->frame_len = o->frame_at = 0;
	if (o->current_at < o->current->text.len)
		return;
	o->current->end = run_end(o);
	o->current = NULL;
	o->current_at = 0;
}

/* As much of the current frame's payload as fits. */
static bool encode_payload(struct outbox *o)
{
	size_t left = o->frame_len - o->frame_at, space = run_space(o);
	size_t len = left < space ? left : space;

	if (len == 0)
		return false;
	frame_mask(run_tail(o), o->current->text.data + o->current_at, len, o->mask, o->frame_at);
	o->run_len += len;
	o->current_at += len;
	o->frame_at += len;
	if (o->frame_at == o->frame_len)
		end_frame(o);
	return true;
}

/* The header of the next fragment of the current message, or of the first one of the next. */
static bool encode_data_header(struct outbox *o)
{
	bool first = o->current == NULL;
	size_t left;

	if (run_space(o) <= FRAME_HEADER_MAX)
		return false;
	if (first) {
		o->current = message_list_pop(&o->waiting);
		o->current->progress = MESSAGE_BEGUN; /* what is encoded is shown at once */
		o->current->end = UNENCODED;
		message_list_push(&o->begun, o->current);
	}
	left = o->current->text.len - o->current_at;
	o->frame_len = left < OUTBOX_FRAGMENT ? left : OUTBOX_FRAGMENT;
	draw_mask(o);
	o->run_len += frame_header(run_tail(o), first ? FRAME_TEXT : FRAME_CONTINUATION,
	    o->frame_len == left, o->frame_len, o->mask);
	if (o->frame_len == 0)
		end_frame(o);
	return true;
}

/* Encodes one thing; returns false if the run has no space for it now. */
typedef bool encode_step(struct outbox *o);

/* What comes next in the stream, in the order of precedence. NULL if there is nothing. */
static encode_step *next_step(const struct outbox *o)
{
	bool data = o->current != NULL || o->waiting.head != NULL;

	if (o->frame_len > 0)
		return encode_payload;
	if (o->close_encoded)
		return NULL;
	if (o->close.queued && !(o->close_last && data))
		return encode_close;
	if (o->pong.queued)
		return encode_pong;
	if (o->ping.queued && !o->ping_in_run)
		return encode_ping;
	return data ? encode_data_header : NULL;
}

const unsigned char *outbox_run(struct outbox *o, size_t *len)
{
	encode_step *step;

	*len = 0;
	if (o->stopped)
		return NULL;
	do {
		step = next_step(o);
	} while (step != NULL && step(o));
	if (o->run_len == 0)
		return NULL;
	o->shown = run_end(o);
	*len = o->run_len;
	return o->buffer + o->run_at;
}

/* --- what became of it --------------------------------------------------------------------- */

void outbox_accepted(struct outbox *o, size_t n)
{
	if (n > o->run_len)
		n = o->run_len;
	o->accepted += n;
	o->run_len -= n;
	o->run_at = o->run_len > 0 ? o->run_at + n : 0;
	if (o->ping_in_run && o->ping_end <= o->accepted) {
		o->ping_in_run = false;
		o->pings_sent++;
	}
}

struct message *outbox_reclaim(struct outbox *o)
{
	struct message *m = o->begun.head;

	if (m != NULL && (o->stopped || m->end <= o->accepted)) {
		if (m->end <= (o->tls ? o->shown : o->accepted))
			m->progress = MESSAGE_SENT;
		return message_list_pop(&o->begun);
	}
	if (!o->stopped)
		return NULL;
	m = message_list_pop(&o->waiting);
	return m != NULL ? m : message_list_pop(&o->refused);
}

void outbox_stop(struct outbox *o)
{
	o->stopped = true;
	o->current = NULL;
}

size_t outbox_waiting(const struct outbox *o)
{
	return o->waiting.cost + o->refused.cost;
}

bool outbox_pending(const struct outbox *o)
{
	return !o->stopped && (o->run_len > 0 || next_step(o) != NULL);
}

bool outbox_close_sent(const struct outbox *o)
{
	return o->close_encoded && o->close_end <= o->accepted;
}

unsigned long outbox_pings_sent(const struct outbox *o)
{
	return o->pings_sent;
}
