#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "failure.h"

#define HEAD_MAX    16384                /* bytes of an upgrade request */
#define READ_AHEAD  ((size_t)1 << 18)    /* bytes of TLS records taken from the kernel at once */
#define WRITE_AHEAD ((size_t)1 << 18)    /* bytes given to TLS before anything else is done */
#define KEY         "sec-websocket-key:" /* of RFC 6455, section 4.2.2 */
#define GUID        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/* --- the listener ------------------------------------------------------------------------ */

void peer_server_secure(struct peer_server *server, const char *certificate, const char *key)
{
	server->context = SSL_CTX_new(TLS_server_method());
	if (!server->context ||
	    SSL_CTX_use_certificate_chain_file(server->context, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(server->context, key, SSL_FILETYPE_PEM) != 1)
		failure_exit("%s and %s are no certificate and key", certificate, key);
	/* As few system calls as can be: the load must be faster than what it loads. */
	SSL_CTX_set_read_ahead(server->context, 1);
	SSL_CTX_set_default_read_buffer_len(server->context, READ_AHEAD);
	SSL_CTX_set_mode(
	    server->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

void peer_server_listen(struct peer_server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((in_port_t)server->port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int one = 1;

	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->listener < 0 ||
	    setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    bind(server->listener, (struct sockaddr *)&address, len) != 0 ||
	    listen(server->listener, 128) != 0 ||
	    getsockname(server->listener, (struct sockaddr *)&address, &len) != 0)
		failure_exit_errno("listen");
	server->port = ntohs(address.sin_port);
}

void peer_server_stop(struct peer_server *server)
{
	close(server->listener);
	server->listener = -1;
}

/* --- the handshake, which may block ------------------------------------------------------ */

static void begin_tls(struct peer *p, SSL_CTX *context)
{
	p->ssl = SSL_new(context);
	if (!p->ssl || SSL_set_fd(p->ssl, p->fd) != 1 || SSL_accept(p->ssl) != 1)
		failure_exit("the candidate's TLS handshake failed");
	p->more = true; /* what came behind the handshake may have been read with it */
}

/*
 * Reads the head of the request, byte by byte: what comes behind it is the connection's. ${head}
 * has HEAD_MAX bytes.
 */
static void read_head(struct peer *p, char *head)
{
	size_t len = 0;

	while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0) {
		if (len + 1 == HEAD_MAX || peer_read(p, head + len, 1) != 1)
			failure_exit("the candidate did not ask for WebSocket");
		len++;
	}
	head[len] = '\0';
}

/* RFC 6455, section 4.2.2: no extension; the subprotocol "mcp" where one is offered. */
static void upgrade(struct peer *p)
{
	char head[HEAD_MAX], text[128], answer[512];
	unsigned char digest[SHA_DIGEST_LENGTH], accept[4 * (SHA_DIGEST_LENGTH + 2) / 3 + 1];
	const char *key;
	int len;

	read_head(p, head);
	key = strcasestr(head, KEY);
	if (!key || sscanf(key + strlen(KEY), " %60[^\r\n ]", text) != 1)
		failure_exit("the candidate sent no Sec-WebSocket-Key");
	strcat(text, GUID);
	SHA1((const unsigned char *)text, strlen(text), digest);
	EVP_EncodeBlock(accept, digest, sizeof digest);
	len = snprintf(answer, sizeof answer,
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: %s\r\n%s\r\n",
	    (char *)accept,
	    strcasestr(head, "sec-websocket-protocol:") ? "Sec-WebSocket-Protocol: mcp\r\n" : "");
	if (peer_write(p, answer, (size_t)len) != len)
		failure_exit("the answer to the upgrade was not taken");
}

bool peer_accept(struct peer *p, const struct peer_server *server, int wait)
{
	struct pollfd ready = {.fd = server->listener, .events = POLLIN};
	struct timeval limit = {
	    .tv_sec = server->patience / 1000, .tv_usec = server->patience % 1000 * 1000};
	int one = 1;

	*p = (struct peer){.fd = -1};
	if (poll(&ready, 1, wait) != 1)
		return false;
	p->fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
	if (p->fd < 0)
		failure_exit_errno("accept");
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (server->context)
		begin_tls(p, server->context);
	if (!server->raw)
		upgrade(p);
	if (fcntl(p->fd, F_SETFL, O_NONBLOCK) != 0)
		failure_exit_errno("fcntl");
	return true;
}

void peer_drop(struct peer *p)
{
	SSL_free(p->ssl);
	if (p->fd >= 0)
		close(p->fd);
	*p = (struct peer){.fd = -1};
}

/* --- reading and writing ----------------------------------------------------------------- */

/* What ${result} of a TLS function that moved nothing means, as read and write would say it. */
static ssize_t tls_failure(struct peer *p, int result)
{
	int error = SSL_get_error(p->ssl, result);

	p->more = false;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		errno = EAGAIN;
		return -1;
	}
	return 0;
}

/* A record is 16 KiB at most, so as many as ${len} holds are taken. */
static ssize_t tls_read(struct peer *p, char *to, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t n = 0;
		int result = SSL_read_ex(p->ssl, to + done, len - done, &n);
		if (result != 1)
			return done > 0 ? (p->more = false, (ssize_t)done) : tls_failure(p, result);
		done += n;
	}
	p->more = true;
	return (ssize_t)done;
}

static ssize_t tls_write(struct peer *p, const char *from, size_t len)
{
	size_t done = 0;

	if (len > WRITE_AHEAD)
		len = WRITE_AHEAD;
	while (done < len) {
		size_t n = 0;
		int result = SSL_write_ex(p->ssl, from + done, len - done, &n);
		if (result != 1)
			return done > 0 ? (ssize_t)done : tls_failure(p, result);
		done += n;
	}
	return (ssize_t)done;
}

ssize_t peer_read(struct peer *p, void *to, size_t len)
{
	return p->ssl ? tls_read(p, to, len) : read(p->fd, to, len);
}

ssize_t peer_write(struct peer *p, const void *from, size_t len)
{
	return p->ssl ? tls_write(p, from, len) : send(p->fd, from, len, MSG_NOSIGNAL);
}
