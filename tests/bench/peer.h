/*
 * The server's end: a listener on loopback, and one connection of it with TLS and the upgrade to
 * WebSocket where they are wanted. What cannot go on ends the load (failure.h).
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <openssl/ssl.h>

struct peer_server {
	bool raw;         /* no WebSocket: bytes as they are */
	SSL_CTX *context; /* NULL = no TLS */
	int listener, port;
	int patience; /* ms for each step of a client */
};

/* Makes the context of TLS of the files ${certificate} and ${key} (PEM). */
void peer_server_secure(struct peer_server *server, const char *certificate, const char *key);

/* Listens on server->port; 0 takes a free one and notes it. */
void peer_server_listen(struct peer_server *server);
void peer_server_stop(struct peer_server *server);

struct peer {
	int fd; /* does not block; -1 = none */
	SSL *ssl;
	bool more; /* something may have been received that poll does not tell of */
};

/* Waits ${wait} ms for a client. False if none came in time. */
bool peer_accept(struct peer *peer, const struct peer_server *server, int wait);

/* Closes the connection without a word. */
void peer_drop(struct peer *peer);

/*
 * As read and write that do not block; -1 with EAGAIN where nothing can be done now, 0 or -1 at the
 * end of the connection.
 */
ssize_t peer_read(struct peer *peer, void *to, size_t len);
ssize_t peer_write(struct peer *peer, const void *from, size_t len);

#endif
