/*
 * What a TCP socket must be told that libcurl leaves alone.
 */
#ifndef WSMCP_SOCK_H
#define WSMCP_SOCK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Bounds what one read loop can take in from a fast peer: libcurl's WebSocket decoder reads on
 * while the kernel has more, without limit on plaintext links with no delay (gigabytes in one
 * call, measured), so there the receive buffer is clamped to 128 KiB. Links that cross a
 * network keep their window. To be called once on a connected plaintext socket; a failure is
 * harmless.
 */
void sock_clamp_receive(int fd);

/*
 * Bounds what the kernel holds that it has not sent: a PONG that waits behind megabytes comes too
 * late for its server. Data in flight is not bounded, so the throughput of far links stays. A
 * failure is harmless.
 */
void sock_bound_unsent(int fd);

/*
 * Reads and forgets what is there, without blocking. Returns false once the peer has closed or the
 * connection is broken. Closing with unread bytes would reset the connection and could destroy our
 * last frame on its way.
 */
bool sock_drain(int fd);

/*
 * Whether ${fd} is a TCP socket that is connected: "127.0.0.1:80" or "[::1]:80" is then in ${out}
 * (${size} bytes).
 */
bool sock_peer(int fd, char *out, size_t size);

/* Tells the peer that nothing more comes (FIN). */
void sock_shut_write(int fd);

#endif
