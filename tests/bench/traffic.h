/*
 * The messages of the load: made once, sent as they are, and counted rather than read.
 */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Messages ready to be written: as lines, or as frames of a server. ${unit} bytes a message,
 * ${units} messages in ${bytes}, all the same.
 */
struct traffic_block {
	char *bytes;
	size_t unit, units;
	size_t text; /* bytes of a message without its newline or frame header */
};

/*
 * A notification of exactly ${size} bytes, or of as few as it takes; most of it is one string,
 * which with ${escaped} looks like the text of a program: ends of lines and some quotes.
 */
struct traffic_block traffic_block_make(size_t size, bool framed, bool escaped);
void traffic_block_free(struct traffic_block *block);

/* A request as a line, and its reply as a line or as a frame; both of one size and with one id. */
struct traffic_exchange {
	char *line, *reply;
	size_t line_len, reply_len;
	char *line_id, *reply_id;
};

struct traffic_exchange traffic_exchange_make(size_t size, bool framed);
void traffic_exchange_free(struct traffic_exchange *exchange);

/* Ids have ten digits, the first not 0: ${id} is at least 1000000000 and below 10000000000. */
void traffic_exchange_number(struct traffic_exchange *exchange, uint64_t id);

/* Counts whole messages in a stream of frames or lines. Starts as {.framed = ...}. */
struct traffic_counter {
	bool framed;
	uint64_t messages;
	uint64_t bytes;  /* of lines with their ends, or of payload of text and binary frames */
	bool closed;     /* a CLOSE frame came */
	size_t left;     /* payload of the frame that is being received */
	size_t last_len; /* payload of the latest frame */
	size_t unit;     /* not 0: lines are known to be of this many bytes each */
	bool is_data, is_last;
	unsigned char head[14];
	size_t head_len;
};

void traffic_count(struct traffic_counter *counter, const char *bytes, size_t len);

/*
 * How many of the bytes that come next need not be looked at: the rest of a frame's payload, or any
 * number where lines are of a known length.
 */
size_t traffic_blind(const struct traffic_counter *counter);

/* Counts ${len} bytes, at most as many as traffic_blind said. */
void traffic_skip(struct traffic_counter *counter, size_t len);

#endif
