/*
 * Messages over descriptors, one per line: a reader and a writer.
 *
 * Both answer the questions of every endpoint: *_prepare tells which
 * descriptor and events matter now, *_process does what can be done without
 * blocking.
 */
#ifndef WSMCP_LINEIO_H
#define WSMCP_LINEIO_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "message.h"

struct line_reader;

/*
 * Reads lines of at most ${max} bytes from ${fd}, whose mode is left alone. NULL if memory is
 * out.
 */
struct line_reader *line_reader_new(int fd, size_t max);
void line_reader_free(struct line_reader *r); /* NULL is fine; the descriptor stays open */

/*
 * Fills ${p} for poll: POLLIN if ${want} and the input has not ended, otherwise
 * fd -1 (a descriptor at its end would report POLLHUP for ever).
 */
void line_reader_prepare(const struct line_reader *r, struct pollfd *p, bool want);

/*
 * Makes one read if ${revents} has anything and every line read before was taken. Never blocks
 * after POLLIN.
 */
void line_reader_process(struct line_reader *r, short revents);

/*
 * The next message, given to the caller; NULL if no line is complete. To be called until NULL
 * before waiting for input: poll knows nothing of lines that were read already. Lines end in LF or
 * CRLF, empty ones are skipped, the last one needs no LF. A line that is not JSON or too long comes
 * as a message of that kind. A line that memory is out for is lost, with a warning in the log.
 */
struct message *line_reader_take(struct line_reader *r);

/* pool_rest for what messages have left behind. */
int64_t line_reader_rest(struct line_reader *r, int64_t now);

/* Whether the input has ended (EOF or error) and every line was taken. */
bool line_reader_ended(const struct line_reader *r);

struct line_writer;

/* Writes lines to ${fd} (see fd.h). NULL if memory is out. */
struct line_writer *line_writer_new(int fd);
/* NULL is fine. Drops what is queued; the descriptor gets its mode back. */
void line_writer_free(struct line_writer *w);

/*
 * Fills ${p}: always polled, also with nothing to write, because POLLERR and POLLHUP tell that the
 * reader is gone.
 */
void line_writer_prepare(const struct line_writer *w, struct pollfd *p);

/*
 * Writes what is taken at once, about 1 MiB at most. Returns 0; 1 if the reader is gone; -1 with
 * errno set on another error.
 */
int line_writer_process(struct line_writer *w, short revents);

/* Queues a message for its line; takes it. */
void line_writer_put(struct line_writer *w, struct message *m);

/* Cost of what is queued behind the message being written: what the mark is compared with. */
size_t line_writer_waiting(const struct line_writer *w);

/* Whether everything was written. */
bool line_writer_idle(const struct line_writer *w);

/* For signal handlers: gives the descriptor its mode back. Async-signal-safe. */
void line_writer_restore(struct line_writer *w);

#endif
