#include "url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ascii.h"

struct span {
	const char *at;
	size_t len;
};

struct parts {
	const char *scheme; /* in lower case, one of schemes[] */
	size_t userinfo;    /* bytes in front of the last "@" of the authority */
	size_t ats;         /* how many "@" the authority has */
	struct span host;   /* without brackets */
	bool bracketed;
	struct span port; /* empty if there is none */
	const char *path; /* what follows the authority */
};

/* What url_display shows. Only the first two are a target. */
static const char *const schemes[] = {
    "ws", "wss", "http", "https", "socks4", "socks4a", "socks5", "socks5h"};

static bool is_alnum(char c)
{
	return ascii_is_digit(c) || ascii_is_letter(c);
}

/* Whether the span is ${word} (lower case) without regard to case. */
static bool span_is(struct span s, const char *word)
{
	if (s.len != strlen(word))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (ascii_lower(s.at[i]) != word[i])
			return false;
	return true;
}

static size_t scheme_length(const char *text)
{
	size_t n = 0;

	while (is_alnum(text[n]) || (n > 0 && text[n] != '\0' && strchr("+-.", text[n]) != NULL))
		n++;
	return ascii_is_digit(text[0]) ? 0 : n;
}

bool url_is(const char *text)
{
	size_t n = scheme_length(text);

	return n > 0 && strncmp(text + n, "://", 3) == 0;
}

/* Whether the span is an IPv6 address; a zone ("%eth0", "%25eth0") may follow it. */
static bool is_ipv6(struct span s, struct in6_addr *address)
{
	char text[INET6_ADDRSTRLEN];
	size_t n = 0;

	while (n < s.len && s.at[n] != '%')
		n++;
	if (n >= sizeof text || n + 1 == s.len)
		return false;
	memcpy(text, s.at, n);
	text[n] = '\0';
	for (size_t i = n + 1; i < s.len; i++)
		if (!is_alnum(s.at[i]) && memchr("-._~", s.at[i], 4) == NULL)
			return false;
	return inet_pton(AF_INET6, text, address) == 1;
}

/*
 * Letters, digits, "-", "." and "_", and what is not ASCII for internationalised names. No "%": an
 * encoded "@" would make a host of userinfo.
 */
static bool is_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.at[i]) && memchr("-._", s.at[i], 3) == NULL &&
		    (unsigned char)s.at[i] < 0x80)
			return false;
	return s.len > 0;
}

static bool is_port(struct span s)
{
	unsigned long number = 0;

	if (s.len == 0 || s.len > 5)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.at[i]))
			return false;
		number = number * 10 + (unsigned long)(s.at[i] - '0');
	}
	return number >= 1 && number <= 65535;
}

/* Reads ${text} (the authority without userinfo). Returns NULL or what is wrong. */
static const char *split_host(struct parts *p, struct span text)
{
	const char *end, *colon;
	struct in6_addr address;

	p->bracketed = text.len > 0 && text.at[0] == '[';
	if (p->bracketed) {
		end = memchr(text.at, ']', text.len);
		if (end == NULL)
			return "the URL's host has no \"]\"";
		p->host = (struct span){text.at + 1, (size_t)(end - text.at) - 1};
		if (!is_ipv6(p->host, &address))
			return "the URL's host is no IPv6 address";
		colon = end + 1;
	} else {
		colon = memchr(text.at, ':', text.len);
		if (colon == NULL)
			colon = text.at + text.len;
		p->host = (struct span){text.at, (size_t)(colon - text.at)};
		if (p->host.len == 0)
			return "the URL has no host";
		if (!is_name(p->host))
			return "the URL's host has a character that no host has";
	}
	if (colon == text.at + text.len)
		return NULL;
	p->port = (struct span){colon + 1, (size_t)(text.at + text.len - colon) - 1};
	if (*colon != ':' || !is_port(p->port))
		return "the URL's port is not a number from 1 to 65535";
	return NULL;
}

/* Splits ${text}. Returns NULL or what is wrong. */
static const char *split(struct parts *p, const char *text)
{
	struct span scheme = {text, scheme_length(text)}, authority;

	*p = (struct parts){0};
	if (!url_is(text))
		return "it is not a URL (ws://HOST... or wss://HOST...)";
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (span_is(scheme, schemes[i]))
			p->scheme = schemes[i];
	if (p->scheme == NULL)
		return "the URL's scheme is neither ws nor wss";
	authority.at = text + scheme.len + 3;
	authority.len = strcspn(authority.at, "/?#");
	p->path = authority.at + authority.len;
	for (size_t i = 0; i < authority.len; i++)
		if (authority.at[i] == '@') {
			p->ats++;
			p->userinfo = i;
		}
	if (p->ats > 0) {
		authority.at += p->userinfo + 1;
		authority.len -= p->userinfo + 1;
	}
	return split_host(p, authority);
}

static bool is_loopback(const struct parts *p)
{
	static const char tail[] = ".localhost";
	const size_t tail_len = sizeof tail - 1;
	struct span host = p->host;
	struct in6_addr ipv6;
	struct in_addr ipv4;
	char text[INET_ADDRSTRLEN];

	if (p->bracketed)
		return is_ipv6(host, &ipv6) && IN6_IS_ADDR_LOOPBACK(&ipv6);
	if (host.at[host.len - 1] == '.')
		host.len--;
	if (span_is(host, tail + 1))
		return true;
	if (host.len > tail_len &&
	    span_is((struct span){host.at + host.len - tail_len, tail_len}, tail))
		return true;
	if (host.len >= sizeof text)
		return false;
	memcpy(text, host.at, host.len);
	text[host.len] = '\0';
	return inet_pton(AF_INET, text, &ipv4) == 1 && ntohl(ipv4.s_addr) >> 24 == 127;
}

/* Whether ${s} begins with ${c}, as it is or percent-encoded. */
static bool begins_with(const char *s, char c)
{
	static const char hex[] = "0123456789abcdef";

	return *s == c || (*s == '%' && s[1] == hex[c >> 4] && ascii_lower(s[2]) == hex[c & 15]);
}

/* The length of a path up to its query or fragment, be their mark encoded or not. */
static size_t path_length(const char *path)
{
	size_t n = 0;

	while (path[n] != '\0' && !begins_with(path + n, '?') && !begins_with(path + n, '#'))
		n++;
	return n;
}

/*
 * Whether what looks like the host and the path may be the beginning of userinfo in which a
 * "/", "?" or "#" was not encoded ("ws://to/ken@host/"). Segments that begin with "@" are
 * common in paths ("/@owner/server") and taken for such; "@" in a query behind a path, too. With ${encoded}, one that
 * was encoded counts.
 */
static bool may_be_userinfo(const char *path, bool encoded)
{
	size_t n = path_length(path);

	if (n == 0)
		n = strlen(path);
	for (size_t i = 1; i < n; i++)
		if ((path[i] == '@' || (encoded && begins_with(path + i, '@'))) &&
		    path[i - 1] != '/')
			return true;
	return false;
}

const char *url_parse(struct url *out, const char *text)
{
	struct parts p;
	const char *wrong;

	memset(out, 0, sizeof *out);
	if (strlen(text) > URL_MAX)
		return "the URL is too long";
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return "the URL has white space or a control character in it";
	wrong = split(&p, text);
	if (wrong != NULL)
		return wrong;
	if (p.scheme != schemes[0] && p.scheme != schemes[1])
		return "the URL's scheme is neither ws nor wss";
	if (p.ats > 1)
		return "the URL has more than one \"@\" in front of its host (write %40)";
	/* Its name server would be asked for a piece of the password. */
	if (may_be_userinfo(p.path, false))
		return "the URL has an \"@\" behind its host (write %40; in a user name or "
		       "password, "
		       "write %2F for \"/\", %3F for \"?\" and %23 for \"#\")";
	if (p.host.len >= sizeof out->host)
		return "the URL's host is too long";
	out->tls = p.scheme == schemes[1];
	out->loopback = is_loopback(&p);
	out->has_userinfo = p.userinfo > 0;
	out->has_query = p.path[strcspn(p.path, "?#")] == '?';
	memcpy(out->host, p.host.at, p.host.len);
	if (p.port.len > 0)
		memcpy(out->port, p.port.at, p.port.len);
	else
		(void)snprintf(out->port, sizeof out->port, "%s", out->tls ? "443" : "80");
	return NULL;
}

struct output {
	char *at;
	size_t size, len;
	bool full;
};

static void put(struct output *o, const char *bytes, size_t len)
{
	if (o->full || len >= o->size - o->len) {
		o->full = true;
		return;
	}
	memcpy(o->at + o->len, bytes, len);
	o->len += len;
}

/* What could steer a terminal, and all that is not ASCII, goes percent-encoded. */
static void put_span(struct output *o, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		char encoded[4];

		if (c > ' ' && c < 0x7f) {
			put(o, s.at + i, 1);
			continue;
		}
		(void)snprintf(encoded, sizeof encoded, "%%%02X", c);
		put(o, encoded, 3);
	}
}

static void put_string(struct output *o, const char *s)
{
	put(o, s, strlen(s));
}

static void put_url(struct output *o, const struct parts *p)
{
	size_t path = path_length(p->path);

	put_string(o, p->scheme);
	put_string(o, "://");
	if (may_be_userinfo(p->path, true)) {
		put_string(o, "...");
		return;
	}
	put_string(o, p->bracketed ? "[" : "");
	put_span(o, p->host);
	put_string(o, p->bracketed ? "]" : "");
	put_string(o, p->port.len > 0 ? ":" : "");
	put_span(o, p->port);
	put_span(o, (struct span){p->path, path});
	if (p->path[path] == '?')
		put_string(o, "?...");
	else if (p->path[path] == '%')
		put_string(o, "...");
}

char *url_display(char *out, size_t size, const char *text)
{
	struct output o = {.at = out, .size = size};
	struct parts p;

	if (size == 0)
		return out;
	if (split(&p, text) == NULL)
		put_url(&o, &p);
	else
		put_string(&o, "(not a URL)");
	if (o.full) {
		size_t dots = size - 1 < 3 ? size - 1 : 3;

		if (o.len > size - 1 - dots)
			o.len = size - 1 - dots;
		memcpy(out + o.len, "...", dots);
		o.len += dots;
	}
	out[o.len] = '\0';
	return out;
}
