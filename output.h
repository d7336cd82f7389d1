/*
 * Text that is made piece by piece, and goes to a descriptor or into a buffer.
 *
 * A descriptor is written to until all is taken, also if it does not block (a terminal may have
 * been made so by another program). The first failure is remembered, and what follows it goes
 * nowhere: only output_end need be asked. SIGPIPE is the caller's to ignore.
 */
#ifndef WSMCP_OUTPUT_H
#define WSMCP_OUTPUT_H

#include <stddef.h>

#include "buf.h"

#define OUTPUT_PIECE 8192 /* bytes that are written at once, if possible */

/* Its members are private. */
struct output {
	int fd;          /* -1 = none */
	struct buf *buf; /* NULL = none */
	int error;       /* errno of the first failure; 0 = none */
	size_t len;
	char piece[OUTPUT_PIECE];
};

void output_to_fd(struct output *o, int fd);
void output_to_buf(struct output *o, struct buf *b);

void output_put(struct output *o, const void *bytes, size_t len);
void output_str(struct output *o, const char *s);
void output_spaces(struct output *o, size_t count);

/*
 * Writes what was not written yet; more may follow. Returns 0, or -1 with errno set if anything
 * so far failed (EFBIG: the buffer is full).
 */
int output_end(struct output *o);

#endif
