#include "traffic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"

#define BLOCK    ((size_t)1 << 18) /* bytes of small messages that are written at once */
#define HEAD_MAX 10                /* of a server's frame */
#define ID       "1000000000"

/* --- messages ---------------------------------------------------------------------------- */

static const char plain_text[] = "x";
static const char escaped_text[] =
    "static int count(const char *text, size_t len) /* \\\"lines\\\" */\\n"
    "{\\n\\tsize_t lines = 0;\\n\\twhile (len-- > 0 && *text != 0)\\n\\t\\t";

static void fill(char *out, size_t len, const char *pattern)
{
	size_t pattern_len = strlen(pattern), at = 0;

	for (; at + pattern_len <= len; at += pattern_len)
		memcpy(out + at, pattern, pattern_len);
	memset(out + at, ' ', len - at);
}

/* A message of ${size} bytes, at least as many as ${head} and ${tail} take. Returns its length. */
static size_t make_text(
    char **out, size_t size, const char *head, const char *pattern, const char *tail)
{
	size_t head_len = strlen(head), tail_len = strlen(tail);

	if (size < head_len + tail_len)
		size = head_len + tail_len;
	*out = failure_alloc(size);
	memcpy(*out, head, head_len);
	fill(*out + head_len, size - head_len - tail_len, pattern);
	memcpy(*out + size - tail_len, tail, tail_len);
	return size;
}

static size_t frame_head(unsigned char *out, size_t len)
{
	size_t bytes = len < 126 ? 0 : len < 65536 ? 2 : 8;

	out[0] = 0x81;
	out[1] = (unsigned char)(bytes == 0 ? len : bytes == 2 ? 126 : 127);
	for (size_t i = 0; i < bytes; i++)
		out[2 + i] = (unsigned char)(len >> (8 * (bytes - 1 - i)));
	return 2 + bytes;
}

/* ${text} as it goes over a wire, to ${out}, which has room for HEAD_MAX bytes more. */
static size_t put_unit(char *out, const char *text, size_t len, bool framed)
{
	unsigned char head[HEAD_MAX];
	size_t head_len = framed ? frame_head(head, len) : 0;

	memcpy(out, head, head_len);
	memcpy(out + head_len, text, len);
	if (!framed)
		out[len] = '\n';
	return head_len + len + (framed ? 0 : 1);
}

struct traffic_block traffic_block_make(size_t size, bool framed, bool escaped)
{
	struct traffic_block block;
	char *text;
	unsigned char head[HEAD_MAX];

	block.text = make_text(&text, size,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":"
	    "{\"level\":\"info\",\"data\":\"",
	    escaped ? escaped_text : plain_text, "\"}}");
	block.unit = block.text + (framed ? frame_head(head, block.text) : 1);
	block.units = block.unit < BLOCK ? BLOCK / block.unit : 1;
	block.bytes = failure_alloc(block.unit * block.units);
	for (size_t i = 0; i < block.units; i++)
		put_unit(block.bytes + i * block.unit, text, block.text, framed);
	free(text);
	return block;
}

void traffic_block_free(struct traffic_block *block)
{
	free(block->bytes);
	block->bytes = NULL;
}

static char *unit_of(const char *text, size_t len, bool framed, size_t *unit_len)
{
	char *unit = failure_alloc(len + HEAD_MAX);

	*unit_len = put_unit(unit, text, len, framed);
	return unit;
}

struct traffic_exchange traffic_exchange_make(size_t size, bool framed)
{
	struct traffic_exchange made;
	char *text;
	size_t len;

	len = make_text(&text, size,
	    "{\"jsonrpc\":\"2.0\",\"id\":" ID ",\"method\":\"tools/call\",\"params\":"
	    "{\"name\":\"echo\",\"arguments\":{\"text\":\"",
	    plain_text, "\"}}}");
	made.line = unit_of(text, len, false, &made.line_len);
	free(text);

	len = make_text(&text, size,
	    "{\"jsonrpc\":\"2.0\",\"id\":" ID
	    ",\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"",
	    plain_text, "\"}]}}");
	made.reply = unit_of(text, len, framed, &made.reply_len);
	free(text);

	/* No string function: a frame's header may hold zero bytes. */
	const char before[] = "{\"jsonrpc\":\"2.0\",\"id\":";
	made.line_id = made.line + sizeof before - 1;
	made.reply_id = (char *)memchr(made.reply, before[0], made.reply_len) + sizeof before - 1;
	return made;
}

void traffic_exchange_free(struct traffic_exchange *exchange)
{
	free(exchange->line);
	free(exchange->reply);
	*exchange = (struct traffic_exchange){0};
}

void traffic_exchange_number(struct traffic_exchange *exchange, uint64_t id)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%010" PRIu64, id);
	memcpy(exchange->line_id, digits, strlen(ID));
	memcpy(exchange->reply_id, digits, strlen(ID));
}

/* --- counting ---------------------------------------------------------------------------- */

/* Bytes of the frame header that has begun, as far as that is known. */
static size_t head_needed(const struct traffic_counter *c)
{
	size_t len = c->head[1] & 0x7f;

	if (c->head_len < 2)
		return 2;
	return 2 + (size_t)(len == 127 ? 8 : len == 126 ? 2 : 0) + (c->head[1] & 0x80 ? 4 : 0);
}

static void begin_frame(struct traffic_counter *c)
{
	size_t len = c->head[1] & 0x7f, bytes = len == 127 ? 8 : len == 126 ? 2 : 0;

	if (bytes > 0)
		len = 0;
	for (size_t i = 0; i < bytes; i++)
		len = len << 8 | c->head[2 + i];
	c->left = c->last_len = len;
	c->is_data = (c->head[0] & 0x0f) < 8;
	c->is_last = c->is_data && (c->head[0] & 0x80);
	c->closed = c->closed || (c->head[0] & 0x0f) == 8;
}

static void end_frame(struct traffic_counter *c)
{
	c->messages += c->is_last;
	c->head_len = 0;
}

/* Takes bytes of the frame header until it is whole. Returns how many. */
static size_t take_head(struct traffic_counter *c, const char *bytes, size_t len)
{
	size_t taken = 0;

	while (taken < len && c->head_len < head_needed(c))
		c->head[c->head_len++] = (unsigned char)bytes[taken++];
	if (c->head_len >= 2 && c->head_len == head_needed(c)) {
		begin_frame(c);
		if (c->left == 0)
			end_frame(c);
	}
	return taken;
}

static void count_frames(struct traffic_counter *c, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t n = c->left < len ? c->left : len;
		if (n > 0)
			traffic_skip(c, n);
		else
			n = take_head(c, bytes, len);
		bytes += n;
		len -= n;
	}
}

void traffic_count(struct traffic_counter *c, const char *bytes, size_t len)
{
	const char *end = bytes + len;

	if (c->framed) {
		count_frames(c, bytes, len);
		return;
	}
	c->bytes += len;
	while ((bytes = memchr(bytes, '\n', (size_t)(end - bytes)))) {
		c->messages++;
		bytes++;
	}
}

size_t traffic_blind(const struct traffic_counter *c)
{
	return c->framed ? c->left : c->unit > 0 ? SIZE_MAX : 0;
}

void traffic_skip(struct traffic_counter *c, size_t len)
{
	if (!c->framed) {
		c->bytes += len;
		c->messages = c->bytes / c->unit;
		return;
	}
	if (c->is_data)
		c->bytes += len;
	c->left -= len;
	if (c->left == 0)
		end_frame(c);
}
