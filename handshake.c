#include "handshake.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "ascii.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, section 1.3 */

/* --- SHA-1 (RFC 3174) ------------------------------------------------------------------------ */

/*
 * Of no cryptographic worth here: it only shows that the server has read this very
 * request and knows the protocol.
 */
#define SHA1_SIZE  20
#define SHA1_BLOCK 64

struct sha1 {
	uint32_t h[5];
	uint64_t len; /* bytes added */
	unsigned char block[SHA1_BLOCK];
};

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static uint32_t sha1_f(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
	switch (round) {
	case 0:
		return (b & c) | (~b & d);
	case 2:
		return (b & c) | (b & d) | (c & d);
	default:
		return b ^ c ^ d;
	}
}

static void sha1_block(struct sha1 *s)
{
	static const uint32_t k[4] = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
	uint32_t a = s->h[0], b = s->h[1], c = s->h[2], d = s->h[3], e = s->h[4];
	uint32_t w[80], t;

	for (unsigned i = 0; i < 16; i++)
		w[i] = (uint32_t)s->block[4 * i] << 24 | (uint32_t)s->block[4 * i + 1] << 16 |
		       (uint32_t)s->block[4 * i + 2] << 8 | s->block[4 * i + 3];
	for (unsigned i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (unsigned i = 0; i < 80; i++) {
		t = rotate(a, 5) + sha1_f(i / 20, b, c, d) + e + w[i] + k[i / 20];
		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = t;
	}
	s->h[0] += a;
	s->h[1] += b;
	s->h[2] += c;
	s->h[3] += d;
	s->h[4] += e;
}

static void sha1_begin(struct sha1 *s)
{
	*s = (struct sha1){.h = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}};
}

static void sha1_byte(struct sha1 *s, unsigned char byte)
{
	s->block[s->len++ % SHA1_BLOCK] = byte;
	if (s->len % SHA1_BLOCK == 0)
		sha1_block(s);
}

static void sha1_text(struct sha1 *s, const char *text)
{
	while (*text != '\0')
		sha1_byte(s, (unsigned char)*text++);
}

static void sha1_end(struct sha1 *s, unsigned char out[SHA1_SIZE])
{
	uint64_t bits = s->len * 8;

	sha1_byte(s, 0x80);
	while (s->len % SHA1_BLOCK != SHA1_BLOCK - 8)
		sha1_byte(s, 0);
	for (unsigned i = 0; i < 8; i++)
		sha1_byte(s, (unsigned char)(bits >> (56 - 8 * i)));
	for (unsigned i = 0; i < SHA1_SIZE; i++)
		out[i] = (unsigned char)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

/* --- keys ------------------------------------------------------------------------------------ */

/* Base64 (RFC 4648, section 4) with padding, and a NUL. */
static void base64(char *out, const unsigned char *bytes, size_t len)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t three = (uint32_t)bytes[i] << 16;

		if (i + 1 < len)
			three |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < len)
			three |= bytes[i + 2];
		*out++ = digits[three >> 18];
		*out++ = digits[three >> 12 & 63];
		*out++ = '=';
		*out++ = '=';
		if (i + 1 < len)
			out[-2] = digits[three >> 6 & 63];
		if (i + 2 < len)
			out[-1] = digits[three & 63];
	}
	*out = '\0';
}

void handshake_key(char out[HANDSHAKE_KEY_SIZE], const unsigned char random[16])
{
	base64(out, random, 16);
}

void handshake_accept(char out[HANDSHAKE_ACCEPT_SIZE], const char *key)
{
	unsigned char digest[SHA1_SIZE];
	struct sha1 s;

	sha1_begin(&s);
	sha1_text(&s, key);
	sha1_text(&s, GUID);
	sha1_end(&s, digest);
	base64(out, digest, sizeof(digest));
}

/* --- the answer ------------------------------------------------------------------------------ */

struct token {
	const char *at;
	size_t len;
};

/* The next element of a comma-separated list, trimmed. Empty ones are skipped. */
static bool next_token(const char **list, struct token *t)
{
	const char *p = *list + strspn(*list, ", \t");

	t->at = p;
	t->len = strcspn(p, ",");
	*list = p + t->len;
	while (t->len > 0 && (p[t->len - 1] == ' ' || p[t->len - 1] == '\t'))
		t->len--;
	return t->len > 0;
}

static bool token_is(const struct token *t, const char *text, bool any_case)
{
	if (t->len != strlen(text))
		return false;
	return any_case ? strncasecmp(t->at, text, t->len) == 0 : memcmp(t->at, text, t->len) == 0;
}

/* Whether the header ${value} is a list of one element, ${text}. */
static bool is_only(const char *value, const char *text, bool any_case)
{
	struct token first, more;

	return value != NULL && next_token(&value, &first) && token_is(&first, text, any_case) &&
	       !next_token(&value, &more);
}

static bool is_empty(const char *value)
{
	struct token t;

	return value == NULL || !next_token(&value, &t);
}

static bool has_token(const char *value, const char *text, bool any_case)
{
	struct token t;

	while (value != NULL && next_token(&value, &t)) {
		if (token_is(&t, text, any_case))
			return true;
	}
	return false;
}

/* Whether the header ${value} names nothing but one element of ${offered}. */
static bool is_one_of(const char *value, const char *offered)
{
	struct token picked, more, t;

	if (!next_token(&value, &picked) || next_token(&value, &more))
		return false;
	while (offered != NULL && next_token(&offered, &t)) {
		if (t.len == picked.len && memcmp(t.at, picked.at, t.len) == 0)
			return true;
	}
	return false;
}

enum handshake_verdict handshake_check(
    const struct handshake_answer *answer, const char *key, const char *offered)
{
	char accept[HANDSHAKE_ACCEPT_SIZE];

	handshake_accept(accept, key);
	if (!is_only(answer->upgrade, "websocket", true))
		return HANDSHAKE_NO_UPGRADE;
	if (!has_token(answer->connection, "upgrade", true))
		return HANDSHAKE_NO_CONNECTION;
	if (!is_only(answer->accept, accept, false))
		return HANDSHAKE_BAD_ACCEPT;
	if (!is_empty(answer->extensions))
		return HANDSHAKE_EXTENSION;
	if (!is_empty(answer->protocol) && !is_one_of(answer->protocol, offered))
		return HANDSHAKE_BAD_PROTOCOL;
	return HANDSHAKE_OK;
}

const char *handshake_text(enum handshake_verdict verdict)
{
	static const char *const texts[] = {
	    [HANDSHAKE_OK] = "its 101 answer is valid",
	    [HANDSHAKE_NO_UPGRADE] = "its 101 answer has no \"Upgrade: websocket\"",
	    [HANDSHAKE_NO_CONNECTION] = "its 101 answer has no \"Connection: Upgrade\"",
	    [HANDSHAKE_BAD_ACCEPT] = "its 101 answer has no valid Sec-WebSocket-Accept",
	    [HANDSHAKE_EXTENSION] =
	        "its 101 answer uses a WebSocket extension that was not offered",
	    [HANDSHAKE_BAD_PROTOCOL] = "its 101 answer names a subprotocol that was not offered",
	};

	return texts[verdict];
}

bool handshake_offer_is_secret(const char *list)
{
	return ascii_contains(list, HANDSHAKE_SECRET);
}

bool handshake_offer_valid(const char *list)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                            "abcdefghijklmnopqrstuvwxyz";

	for (;;) {
		list += strspn(list, " ");
		size_t len = strspn(list, token);
		if (len == 0)
			return false;
		list += len;
		list += strspn(list, " ");
		if (*list == '\0')
			return true;
		if (*list++ != ',')
			return false;
	}
}
