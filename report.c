#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ascii.h"
#include "handshake.h"
#include "url.h"

#define LINE_MAX_LEN                                                                               \
	4096 /* bytes of a line that is looked at: no part of a longer one, which could be half a  \
	        secret */

/* --- bounded texts ------------------------------------------------------ */

static void copy(char *out, size_t size, const char *text, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(out, text, len);
	out[len] = '\0';
}

#define COPY(out, text, len) copy(out, sizeof(out), text, len)

/* Adds an item to a list; one that has no room leaves "..." behind, and so do all after it. */
static void add(char *list, size_t size, const char *between, const char *item, size_t len)
{
	static const char cut[] = "...";
	size_t used = strlen(list), gap = used > 0 ? strlen(between) : 0;

	if (used >= sizeof cut - 1 && strcmp(list + used - (sizeof cut - 1), cut) == 0)
		return;
	if (used + gap + len + gap + sizeof cut > size) {
		if (used + gap + sizeof cut <= size)
			snprintf(list + used, size - used, "%s%s", gap > 0 ? between : "", cut);
		return;
	}
	snprintf(list + used, size - used, "%s%.*s", gap > 0 ? between : "", (int)len, item);
}

#define ADD(list, between, item, len) add(list, sizeof(list), between, item, len)

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Adds a list of subprotocols; what follows "mcp.auth." is a token. */
static void add_subprotocols(char *out, size_t size, const char *list, size_t len)
{
	const char *end = list + len;

	while (list < end) {
		size_t n = 0;

		while (list < end && (*list == ',' || *list == ' ' || *list == '\t'))
			list++;
		while (list + n < end && !strchr(", \t", list[n]))
			n++;
		if (n >= sizeof HANDSHAKE_SECRET && ascii_begins(list, HANDSHAKE_SECRET))
			add(out, size, ", ", HANDSHAKE_SECRET "*", sizeof HANDSHAKE_SECRET);
		else if (n > 0)
			add(out, size, ", ", list, n);
		list += n;
	}
}

/* --- what was to be done ------------------------------------------------ */

void report_begin(struct report *r, const char *url, const char *offered, int64_t clock)
{
	struct url parts;

	*r = (struct report){.clock = clock, .ping = -1};
	r->certificate.from = r->certificate.until = -1;
	url_display(r->url, sizeof r->url, url);
	if (url_parse(&parts, url) == NULL) {
		memcpy(r->host, parts.host, sizeof r->host);
		memcpy(r->port, parts.port, sizeof r->port);
		r->tls = parts.tls;
		r->loopback = parts.loopback;
		r->has_credentials = parts.has_userinfo;
	}
	if (offered) {
		add_subprotocols(r->offered, sizeof r->offered, offered, strlen(offered));
		r->has_credentials =
		    r->has_credentials || strstr(offered, HANDSHAKE_SECRET) != NULL;
	}
}

void report_sent(struct report *r, const char *name)
{
	ADD(r->headers, ", ", name, strlen(name));
	if (strcasecmp(name, "Authorization") == 0 || strcasecmp(name, "Cookie") == 0)
		r->has_credentials = true;
}

void report_proxy(struct report *r, const char *proxy, const char *variable)
{
	static const char scheme[] = "http://"; /* that of one without */
	char whole[URL_MAX + sizeof scheme];
	int n = snprintf(whole, sizeof whole, "%s%s", strstr(proxy, "://") ? "" : scheme, proxy);

	/* What is cut before its password is found could show it. */
	if (n < 0 || (size_t)n >= sizeof whole)
		snprintf(r->proxy, sizeof r->proxy, "%s...", scheme);
	else
		url_display(r->proxy, sizeof r->proxy, whole);
	snprintf(r->proxy_variable, sizeof r->proxy_variable, "%s", variable);
}

/* --- what libcurl says -------------------------------------------------- */

static void was_resolved(struct report *r, const char *rest)
{
	const char *end = strstr(rest, " was resolved");
	size_t len = end ? (size_t)(end - rest) : 0;

	while (len > 0 && rest[len - 1] != ':')
		len--;
	if (len > 1)
		COPY(r->looked_up, rest, len - 1);
}

static void was_given(struct report *r, const char *rest)
{
	const char *end = strstr(rest, " was found in DNS cache");

	if (!end)
		return;
	COPY(r->looked_up, rest, (size_t)(end - rest));
	r->given = true;
}

static void has_addresses(struct report *r, const char *rest)
{
	if (*rest && *rest != '(') /* "(none)" */
		ADD(r->addresses, ", ", rest, strlen(rest));
}

static void is_tried(struct report *r, const char *rest)
{
	const char *end = strstr(rest, "...");

	if (end)
		ADD(r->tried, ", ", rest, (size_t)(end - rest));
}

/* "127.0.0.1 port 1 from 127.0.0.1 port 49530 failed: Connection refused" */
static void was_refused(struct report *r, const char *rest)
{
	const char *end = strstr(rest, " port "), *why = strstr(rest, " failed: ");
	char text[256];

	if (!end || !why)
		return;
	snprintf(text, sizeof text, "%.*s: %s", (int)(end - rest), rest, why + strlen(" failed: "));
	ADD(r->refused, "; ", text, strlen(text));
}

/* "TLSv1.3 / TLS_AES_256_GCM_SHA384 / X25519 / id-ecPublicKey" */
static void is_secured(struct report *r, const char *rest)
{
	size_t len = strcspn(rest, " ");
	const char *cipher = strstr(rest, " / ");

	COPY(r->tls_version, rest, len);
	if (cipher) {
		cipher += strlen(" / ");
		COPY(r->tls_cipher, cipher, strcspn(cipher, " "));
	}
}

void report_text(struct report *r, const char *text, size_t len)
{
	static const struct {
		const char *prefix;
		void (*take)(struct report *r, const char *rest);
	} lines[] = {
	    {"Host ", was_resolved},
	    {"Hostname ", was_given},
	    {"IPv6: ", has_addresses},
	    {"IPv4: ", has_addresses},
	    {"Trying ", is_tried},
	    {"connect to ", was_refused},
	    {"SSL connection using ", is_secured},
	};
	char line[LINE_MAX_LEN];

	while (len > 0 && (*text == ' ' || *text == '\t')) {
		text++;
		len--;
	}
	while (len > 0 && strchr("\r\n ", text[len - 1]))
		len--;
	if (len == 0 || len >= sizeof line)
		return;
	COPY(line, text, len);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		if (has_prefix(line, lines[i].prefix))
			lines[i].take(r, line + strlen(lines[i].prefix));
	}
}

/* --- what the other side answers ---------------------------------------- */

/* Of "Bearer realm="x", error="..."" nothing but scheme and realm: the rest may be anything. */
static void add_challenge(char *out, size_t size, const char *value)
{
	size_t len = strcspn(value, " ,");
	const char *realm = value + len, *end;
	char text[REPORT_TEXT_SIZE];

	while (*realm && strncasecmp(realm, "realm=\"", 7) != 0)
		realm++;
	end = *realm ? strchr(realm + 7, '"') : NULL;
	if (end)
		snprintf(text, sizeof text, "%.*s (realm \"%.*s\")", (int)len, value,
		    (int)(end - realm - 7), realm + 7);
	else
		snprintf(text, sizeof text, "%.*s", (int)len, value);
	add(out, size, ", ", text, strlen(text));
}

/* Where a redirect points, without what may be secret. */
static void show_location(const struct report *r, char *out, const char *value)
{
	bool ipv6 = strchr(r->host, ':') != NULL;
	char whole[LINE_MAX_LEN + sizeof r->host + 32];

	if (*value == '/' && value[1] != '/')
		snprintf(whole, sizeof whole, "http%s://%s%s%s:%s%s", r->tls ? "s" : "",
		    ipv6 ? "[" : "", r->host, ipv6 ? "]" : "", r->port, value);
	else
		snprintf(whole, sizeof whole, "%s", value);
	url_display(out, REPORT_TEXT_SIZE, whole);
}

static void take_field(
    const struct report *r, struct report_answer *a, enum report_field field, const char *value)
{
	char *out = a->fields[field];

	switch (field) {
	case REPORT_LOCATION:
		show_location(r, out, value);
		break;
	case REPORT_CHALLENGE:
		add_challenge(out, REPORT_TEXT_SIZE, value);
		break;
	case REPORT_PROTOCOL:
		add_subprotocols(out, REPORT_TEXT_SIZE, value, strlen(value));
		break;
	default:
		add(out, REPORT_TEXT_SIZE, ", ", value, strlen(value));
	}
}

static void take_status(struct report_answer *a, const char *line)
{
	const char *code;

	*a = (struct report_answer){0};
	COPY(a->status, line, strlen(line));
	code = strchr(a->status, ' ');
	a->code = code ? (int)strtol(code, NULL, 10) : 0;
}

/* An HTTP proxy answers before the tunnel stands. */
static bool is_of_proxy(const struct report *r)
{
	return has_prefix(r->proxy, "http") && r->tunnelled == 0;
}

void report_header(struct report *r, const char *line, size_t len, int64_t at)
{
	static const struct {
		const char *name;
		enum report_field field;
	} names[] = {
	    {"Server", REPORT_SERVER},
	    {"Via", REPORT_VIA},
	    {"Content-Type", REPORT_CONTENT_TYPE},
	    {"Location", REPORT_LOCATION},
	    {"WWW-Authenticate", REPORT_CHALLENGE},
	    {"Proxy-Authenticate", REPORT_CHALLENGE},
	    {"Retry-After", REPORT_RETRY_AFTER},
	    {"Allow", REPORT_ALLOW},
	    {"Sec-WebSocket-Protocol", REPORT_PROTOCOL},
	};
	bool of_proxy = is_of_proxy(r);
	struct report_answer *a = of_proxy ? &r->proxy_answer : &r->answer;
	char text[LINE_MAX_LEN];

	while (len > 0 && strchr("\r\n \t", line[len - 1]))
		len--;
	if (len == 0 && of_proxy && a->code / 100 == 2)
		r->tunnelled = at;
	if (len == 0 || len >= sizeof text)
		return;
	COPY(text, line, len);
	if (has_prefix(text, "HTTP/"))
		take_status(a, text);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t n = strlen(names[i].name);
		if (strncasecmp(text, names[i].name, n) == 0 && text[n] == ':')
			take_field(
			    r, a, names[i].field, text + n + 1 + strspn(text + n + 1, " \t"));
	}
}

/* --- the certificate ---------------------------------------------------- */

static int64_t days_since_1970(int year, int month, int day)
{
	/* The year begins in March here, so that a leap day is its last (the civil calendar's usual
	 * trick). */
	int64_t y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* Reads ${count} numbers of at most four digits, with " ", "-" or ":" between. */
static bool read_numbers(const char *text, int *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *end;

		text += strspn(text, " -:");
		if (*text < '0' || *text > '9')
			return false;
		numbers[i] = (int)strtol(text, &end, 10);
		if (end - text > 4)
			return false;
		text = end;
	}
	return true;
}

/*
 * "Jul 28 23:59:59 2026 GMT", which OpenSSL writes, or "2026-07-28 23:59:59 GMT", which libcurl makes
 * of it for other libraries; both in UTC. -1 = neither.
 */
static int64_t read_time(const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int n[6]; /* year, month, day, hour, minute, second */

	for (n[1] = 1; n[1] <= 12; n[1]++) {
		if (strncmp(text, months + 3 * (n[1] - 1), 3) == 0)
			break;
	}
	if (n[1] <= 12) {
		int m[5]; /* day, hour, minute, second, year */
		if (!read_numbers(text + 3, m, 5))
			return -1;
		n[0] = m[4];
		memcpy(n + 2, m, 4 * sizeof *m);
	} else if (!read_numbers(text, n, 6) || n[1] < 1 || n[1] > 12) {
		return -1;
	}
	return days_since_1970(n[0], n[1], n[2]) * 86400 + n[3] * 3600 + n[4] * 60 + n[5];
}

/* "DNS:a.example, IP Address:127.0.0.1" without what each is. */
static void add_names(char *out, size_t size, const char *list)
{
	static const char *const kinds[] = {"DNS:", "IP Address:", "IP:"};
	size_t len;

	for (; *list; list += len + strspn(list + len, ", ")) {
		for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
			if (has_prefix(list, kinds[i])) {
				list += strlen(kinds[i]);
				break;
			}
		}
		len = strcspn(list, ",");
		add(out, size, ", ", list, len);
	}
}

void report_certificate_field(struct report *r, const char *field)
{
	static const char names[] = "X509v3 Subject Alternative Name:";
	struct report_certificate *c = &r->certificate;

	if (has_prefix(field, "Subject:"))
		COPY(c->subject, field + strlen("Subject:"), strlen(field + strlen("Subject:")));
	else if (has_prefix(field, "Issuer:"))
		COPY(c->issuer, field + strlen("Issuer:"), strlen(field + strlen("Issuer:")));
	else if (has_prefix(field, names))
		add_names(c->names, sizeof c->names, field + strlen(names));
	else if (has_prefix(field, "Start date:"))
		c->from = read_time(field + strlen("Start date:"));
	else if (has_prefix(field, "Expire date:"))
		c->until = read_time(field + strlen("Expire date:"));
}

/* --- how far it came ---------------------------------------------------- */

static bool is_socks(const struct report *r)
{
	return has_prefix(r->proxy, "socks");
}

/* What a SOCKS proxy does shows only in that what follows is done. */
int64_t report_done(const struct report *r, enum report_step step)
{
	switch (step) {
	case REPORT_STEP_DNS:
		return r->resolved;
	case REPORT_STEP_TCP:
		return r->connected;
	case REPORT_STEP_PROXY:
		if (!is_socks(r))
			return r->tunnelled;
		return r->secured || r->answer.code ? r->connected : 0;
	case REPORT_STEP_TLS:
		return r->secured;
	default:
		return r->open;
	}
}

bool report_wants(const struct report *r, enum report_step step)
{
	switch (step) {
	case REPORT_STEP_DNS:
		return *r->looked_up;
	case REPORT_STEP_PROXY:
		return *r->proxy;
	case REPORT_STEP_TLS:
		return r->tls;
	default:
		return step != REPORT_STEP_SETUP;
	}
}

/* The first step that was not done. */
static enum report_step open_step(const struct report *r)
{
	if (r->resolved == 0)
		return REPORT_STEP_DNS;
	for (enum report_step step = REPORT_STEP_TCP; step < REPORT_STEP_HTTP; step++) {
		if (report_wants(r, step) && report_done(r, step) == 0)
			return step;
	}
	return REPORT_STEP_HTTP;
}

static bool refuses_subprotocol(const struct report *r)
{
	return r->reason.kind == REASON_NOT_WEBSOCKET && r->answer.code == 101 &&
	       strstr(r->reason.text, "subprotocol") != NULL;
}

enum report_step report_failed(const struct report *r)
{
	if (r->open)
		return REPORT_STEPS;
	switch (r->reason.kind) {
	case REASON_NONE:
		return REPORT_STEPS;
	case REASON_UNRESOLVED:
		return REPORT_STEP_DNS;
	case REASON_UNREACHABLE:
		return REPORT_STEP_TCP;
	case REASON_PROXY:
		return r->resolved ? REPORT_STEP_PROXY : REPORT_STEP_DNS;
	case REASON_TLS:
	case REASON_UNTRUSTED:
	case REASON_CERTIFICATE:
		return has_prefix(r->proxy, "https:") && r->tunnelled == 0 ? REPORT_STEP_PROXY
		                                                           : REPORT_STEP_TLS;
	case REASON_NOT_WEBSOCKET:
		return refuses_subprotocol(r) ? REPORT_STEP_SUBPROTOCOL : REPORT_STEP_HTTP;
	case REASON_SETUP:
		return r->resolved ? open_step(r) : REPORT_STEP_SETUP;
	default:
		return open_step(r);
	}
}
