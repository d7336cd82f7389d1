/*
 * The outgoing byte stream of one WebSocket link. Pure: messages and control
 * frames go in, masked bytes come out, for somebody else to write.
 *
 * What is put in leaves in this order at every frame boundary: CLOSE, PONG (the
 * latest PING only, RFC 6455 section 5.5.3), PING, data. A frame once begun is
 * finished before another starts. A message over OUTBOX_FRAGMENT bytes goes out
 * in fragments of at most that size, so that control frames never wait for more
 * than one fragment. Many small messages go into one run of bytes.
 *
 * A message is MESSAGE_BEGUN once a byte of its frame was shown to the transport, and MESSAGE_SENT
 *   - plaintext: once its last byte was accepted by the transport;
 *   - TLS: once its last byte was shown to the transport at all, because
 *     a TLS write that "would block" may have sent it (measured).
 */
#ifndef WSMCP_OUTBOX_H
#define WSMCP_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message.h"

#define OUTBOX_FRAGMENT ((size_t)256 * 1024) /* largest payload of one data frame, bytes */
#define OUTBOX_RUN      ((size_t)128 * 1024) /* most bytes encoded ahead of the transport */

struct outbox;

/*
 * ${tls}: which rule decides that a message was sent. ${random} fills ${len}
 * bytes with unpredictable data for masks (RFC 6455 section 10.3). NULL if memory is out.
 */
struct outbox *outbox_new(bool tls, void (*random)(void *bytes, size_t len));

/* Frees the outbox and every message still in it; NULL is fine. */
void outbox_free(struct outbox *o);

/* Queues a message as TEXT; takes it. After outbox_close or outbox_stop it will not be sent. */
void outbox_put(struct outbox *o, struct message *m);

/*
 * Queues control frames; payloads over FRAME_CONTROL_MAX are cut. A later PONG or PING replaces one
 * of its kind that was not encoded yet. A PING waits until the one before it was accepted.
 */
void outbox_pong(struct outbox *o, const void *payload, size_t len);
void outbox_ping(struct outbox *o, const void *payload, size_t len);

/*
 * Queues CLOSE with ${code} (0: without a body) and ${reason} (UTF-8, may be NULL, cut
 * at 123 bytes on a character boundary). The frame begun is finished, nothing
 * follows the CLOSE (section 5.5.1). With ${last} the messages already put in go
 * out before it, otherwise it overtakes them: a message with fragments still to come
 * stays MESSAGE_BEGUN. Only the first call counts, except that one without last
 * overrules one with it.
 */
void outbox_close(struct outbox *o, unsigned code, const char *reason, bool last);

/*
 * Encodes what there is, up to OUTBOX_RUN, and returns the bytes to offer to the
 * transport, NULL if there are none. The run starts where outbox_accepted left off,
 * may grow between calls but never changes or shrinks (what a TLS retry demands), and
 * stays valid until the next call. The bytes returned count as shown.
 */
const unsigned char *outbox_run(struct outbox *o, size_t *len);

/* The transport took the first ${n} bytes of the run. */
void outbox_accepted(struct outbox *o, size_t n);

/*
 * Gives back, in order, the messages that are done with: while the link is up those that
 * are MESSAGE_SENT and wholly accepted; after outbox_stop every one, with its
 * progress. NULL if there is none.
 */
struct message *outbox_reclaim(struct outbox *o);

/* The link is gone: no more runs; outbox_reclaim gives everything back. */
void outbox_stop(struct outbox *o);

/* Cost (message_cost) of the messages not yet encoded. */
size_t outbox_waiting(const struct outbox *o);

/* Whether bytes wait: encoded and not accepted, or ready to be encoded. */
bool outbox_pending(const struct outbox *o);

/* Whether the CLOSE frame was accepted by the transport, to its last byte. */
bool outbox_close_sent(const struct outbox *o);

/* Counts PINGs whose last byte was accepted: the keepalive clock starts there. */
unsigned long outbox_pings_sent(const struct outbox *o);

#endif
