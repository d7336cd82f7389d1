#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report.h"

#define URL "wss://user:hidden@example.com:8443/mcp?token=hidden"

static struct report begin(const char *url, const char *offered)
{
	struct report r;

	memset(&r, 0x5A, sizeof r);
	report_begin(&r, url, offered, 1000);
	return r;
}

static void text(struct report *r, const char *line)
{
	report_text(r, line, strlen(line));
}

static void header(struct report *r, const char *line, int64_t at)
{
	report_header(r, line, strlen(line), at);
}

/* No byte of the report knows what must not be shown. */
static void assert_no_secret(const struct report *r)
{
	const char *bytes = (const char *)r;

	for (size_t i = 0; i + 6 <= sizeof *r; i++)
		assert_memory_not_equal(bytes + i, "hidden", 6);
}

/* --- the beginning ------------------------------------------------------------------------- */

static void what_is_to_be_done(void **state)
{
	struct report r = begin(URL, "mcp,mcp.auth.hidden, x");

	(void)state;
	assert_string_equal(r.url, "wss://example.com:8443/mcp?...");
	assert_string_equal(r.host, "example.com");
	assert_string_equal(r.port, "8443");
	assert_true(r.tls);
	assert_false(r.loopback);
	assert_true(r.has_credentials);
	assert_string_equal(r.offered, "mcp, mcp.auth.*, x");
	assert_int_equal(r.clock, 1000);
	assert_int_equal(r.ping, -1);
	assert_int_equal(r.certificate.until, -1);
	assert_int_equal(r.reason.kind, REASON_NONE);
	assert_int_equal(report_failed(&r), REPORT_STEPS);
	assert_no_secret(&r);

	r = begin("ws://[::1]/", NULL);
	assert_string_equal(r.host, "::1");
	assert_string_equal(r.port, "80");
	assert_true(r.loopback);
	assert_false(r.has_credentials);
	assert_string_equal(r.offered, "");

	r = begin("ws://h/", "mcp.auth.hidden");
	assert_true(r.has_credentials);
	assert_no_secret(&r);
}

static void headers_are_names(void **state)
{
	struct report r = begin("ws://h/", NULL);

	(void)state;
	report_sent(&r, "X-Team");
	assert_false(r.has_credentials);
	report_sent(&r, "authorization");
	assert_string_equal(r.headers, "X-Team, authorization");
	assert_true(r.has_credentials);
	r = begin("ws://h/", NULL);
	report_sent(&r, "Cookie");
	assert_true(r.has_credentials);
}

static void lists_are_bounded(void **state)
{
	struct report r = begin("ws://h/", NULL);

	(void)state;
	for (int i = 0; i < 1000; i++)
		report_sent(&r, "X-A-Name-Of-Some-Length");
	size_t len = strlen(r.headers);
	assert_true(len < sizeof r.headers && len > sizeof r.headers - 40);
	assert_string_equal(r.headers + len - 5, ", ...");
}

static void proxies_are_shown_without_secrets(void **state)
{
	static const struct {
		const char *given, *shown;
	} cases[] = {
	    {"http://user:hidden@proxy:3128", "http://proxy:3128"},
	    {"user:hidden@proxy:3128", "http://proxy:3128"},
	    {"proxy", "http://proxy"},
	    {"socks5h://proxy", "socks5h://proxy"},
	};
	struct report r;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		r = begin("ws://h/", NULL);
		report_proxy(&r, cases[i].given, "");
		assert_string_equal(r.proxy, cases[i].shown);
		assert_no_secret(&r);
	}
	report_proxy(&r, "p", "ALL_PROXY");
	assert_string_equal(r.proxy_variable, "ALL_PROXY");

	/* Cut before its password ends it could pass for a host. */
	char *longest = malloc(20001);
	assert_non_null(longest);
	memset(longest, '8', 20000);
	memcpy(longest, "user:", 5);
	longest[20000] = '\0';
	r = begin("ws://h/", NULL);
	report_proxy(&r, longest, "");
	assert_null(strstr(r.proxy, "88"));
	free(longest);
}

/* --- what libcurl says --------------------------------------------------------------------- */

static void names_and_addresses(void **state)
{
	struct report r = begin("ws://localhost:81/", NULL);

	(void)state;
	text(&r, "Host localhost:81 was resolved.\n");
	text(&r, "IPv6: ::1\n");
	text(&r, "IPv4: 127.0.0.1, 127.0.0.2\n");
	text(&r, "  Trying [::1]:81...\n");
	text(&r, "connect to ::1 port 81 from ::1 port 37356 failed: Connection refused\n");
	text(&r, "  Trying 127.0.0.1:81...\n");
	text(&r, "connect to 127.0.0.1 port 81 from 0.0.0.0 port 1 failed: No route to host\n");
	assert_string_equal(r.looked_up, "localhost");
	assert_string_equal(r.addresses, "::1, 127.0.0.1, 127.0.0.2");
	assert_string_equal(r.tried, "[::1]:81, 127.0.0.1:81");
	assert_string_equal(r.refused, "::1: Connection refused; 127.0.0.1: No route to host");

	r = begin("ws://h/", NULL);
	text(&r, "IPv6: (none)\n");
	assert_string_equal(r.addresses, "");
	text(&r, "Hostname mcp.test was found in DNS cache\n");
	assert_string_equal(r.looked_up, "mcp.test");
	assert_true(r.given);
}

static void tls_and_its_cipher(void **state)
{
	struct report r = begin("wss://h/", NULL);

	(void)state;
	text(&r,
	    "SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384 / X25519 / id-ecPublicKey\n");
	assert_string_equal(r.tls_version, "TLSv1.3");
	assert_string_equal(r.tls_cipher, "TLS_AES_256_GCM_SHA384");
	r = begin("wss://h/", NULL);
	text(&r, "SSL connection using TLSv1.2");
	assert_string_equal(r.tls_version, "TLSv1.2");
	assert_string_equal(r.tls_cipher, "");
}

static void other_lines_leave_no_trace(void **state)
{
	static const char *const lines[] = {
	    "Proxy auth using Basic with user 'hidden'\n",
	    "Uses proxy env variable http_proxy == 'http://u:hidden@h'\n",
	    "Host hidden\n",
	    "connect to hidden\n",
	    "connect to hidden failed: x\n",
	    "Hostname hidden\n",
	    "Trying hidden\n",
	    "",
	    "\n",
	    "   ",
	};
	struct report r = begin("ws://h/", NULL), before = r;

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		text(&r, lines[i]);
	assert_memory_equal(&r, &before, sizeof r);

	char longest[10000];
	memset(longest, 'a', sizeof longest);
	memcpy(longest, "IPv4: ", 6);
	report_text(&r, longest, sizeof longest);
	assert_memory_equal(&r, &before, sizeof r);
}

/* --- answers ------------------------------------------------------------------------------- */

static void the_last_answer_counts(void **state)
{
	struct report r = begin("ws://h/", NULL);

	(void)state;
	header(&r, "HTTP/1.1 103 Early Hints\r\n", 1);
	header(&r, "Server: one\r\n", 1);
	header(&r, "\r\n", 1);
	header(&r, "HTTP/1.1 401 No Way\r\n", 2);
	header(&r, "server:two \r\n", 2);
	header(&r, "Via: 1.1 a\r\n", 2);
	header(&r, "Via: 1.1 b\r\n", 2);
	header(&r, "Serverless: x\r\n", 2);
	header(&r, "Retry-After: 7\r\n", 2);
	header(&r, "Sec-WebSocket-Protocol: mcp.auth.hidden\r\n", 2);
	header(&r, "Set-Cookie: hidden\r\n", 2);
	header(&r, "\r\n", 2);
	assert_int_equal(r.answer.code, 401);
	assert_string_equal(r.answer.status, "HTTP/1.1 401 No Way");
	assert_string_equal(r.answer.fields[REPORT_SERVER], "two");
	assert_string_equal(r.answer.fields[REPORT_VIA], "1.1 a, 1.1 b");
	assert_string_equal(r.answer.fields[REPORT_RETRY_AFTER], "7");
	assert_string_equal(r.answer.fields[REPORT_PROTOCOL], "mcp.auth.*");
	assert_int_equal(r.proxy_answer.code, 0);
	assert_int_equal(r.tunnelled, 0);
	assert_no_secret(&r);
}

static void challenges_are_scheme_and_realm(void **state)
{
	static const struct {
		const char *value, *shown;
	} cases[] = {
	    {"Bearer", "Bearer"},
	    {"Bearer realm=\"a b\", error=\"hidden\"", "Bearer (realm \"a b\")"},
	    {"Basic Realm=\"x\"", "Basic (realm \"x\")"},
	    {"Basic realm=hidden", "Basic"},
	    {"Bearer realm=\"hidden", "Bearer"},
	    {"Digest nonce=\"hidden\", qop=auth, realm=\"r\"", "Digest (realm \"r\")"},
	    {"", ""},
	};
	char line[256];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct report r = begin("ws://h/", NULL);
		(void)snprintf(line, sizeof line, "WWW-Authenticate: %s\r\n", cases[i].value);
		header(&r, "HTTP/1.1 401 x\r\n", 1);
		header(&r, line, 1);
		assert_string_equal(r.answer.fields[REPORT_CHALLENGE], cases[i].shown);
		assert_no_secret(&r);
	}
}

static void redirects_without_their_secrets(void **state)
{
	static const struct {
		const char *url, *value, *shown;
	} cases[] = {
	    {"ws://h/a", "https://u:hidden@o.example/p?hidden#hidden", "https://o.example/p?..."},
	    {"ws://h/a", "/b?hidden", "http://h:80/b?..."},
	    {"wss://h:81/a", "/b", "https://h:81/b"},
	    {"wss://[::1]/a", "/b", "https://[::1]:443/b"},
	    {"wss://h/a", "b?hidden", "(not a URL)"},
	};
	char line[256];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct report r = begin(cases[i].url, NULL);
		(void)snprintf(line, sizeof line, "Location: %s\r\n", cases[i].value);
		header(&r, "HTTP/1.1 302 x\r\n", 1);
		header(&r, line, 1);
		assert_string_equal(r.answer.fields[REPORT_LOCATION], cases[i].shown);
		assert_no_secret(&r);
	}
}

static void a_proxy_answers_first(void **state)
{
	struct report r = begin("wss://h/", NULL);

	(void)state;
	report_proxy(&r, "http://proxy", "");
	header(&r, "HTTP/1.1 407 Auth\r\n", 5);
	header(&r, "Proxy-Authenticate: Basic realm=\"office\"\r\n", 5);
	header(&r, "\r\n", 5);
	assert_int_equal(r.proxy_answer.code, 407);
	assert_string_equal(r.proxy_answer.fields[REPORT_CHALLENGE], "Basic (realm \"office\")");
	assert_int_equal(r.tunnelled, 0);
	header(&r, "HTTP/1.1 200 OK\r\n", 6);
	header(&r, "\r\n", 7);
	assert_int_equal(r.tunnelled, 7);
	assert_int_equal(r.answer.code, 0);
	header(&r, "HTTP/1.1 101 Go\r\n", 9);
	header(&r, "\r\n", 9);
	assert_int_equal(r.answer.code, 101);
	assert_int_equal(r.proxy_answer.code, 200);

	/* A SOCKS proxy answers nothing that is HTTP. */
	r = begin("ws://h/", NULL);
	report_proxy(&r, "socks5://proxy", "");
	header(&r, "HTTP/1.1 101 Go\r\n", 9);
	assert_int_equal(r.answer.code, 101);
}

static void odd_heads(void **state)
{
	struct report r = begin("ws://h/", NULL);
	char longest[10000];

	(void)state;
	header(&r, "HTTP/1.1\r\n", 1);
	assert_int_equal(r.answer.code, 0);
	header(&r, "HTTP/1.1 x\r\n", 1);
	assert_int_equal(r.answer.code, 0);
	memset(longest, 'a', sizeof longest);
	memcpy(longest, "Server: ", 8);
	report_header(&r, longest, sizeof longest, 1);
	assert_string_equal(r.answer.fields[REPORT_SERVER], "");
	report_header(&r, longest, 600, 1);
	assert_string_equal(r.answer.fields[REPORT_SERVER], "...");
	longest[0] = 'H';
	memcpy(longest, "HTTP/1.1 200 ", 13);
	report_header(&r, longest, 600, 1);
	assert_int_equal(strlen(r.answer.status), sizeof r.answer.status - 1);
	report_header(&r, "", 0, 1);
	memset(longest, '1', sizeof longest);
	memcpy(longest, "HTTP/", 5);
	memcpy(longest + 200, " 200 OK", 7);
	report_header(&r, longest, 207, 1);
	assert_int_equal(r.answer.code, 0);
}

/* --- certificates -------------------------------------------------------------------------- */

static void certificate_fields(void **state)
{
	struct report r = begin("wss://h/", NULL);

	(void)state;
	report_certificate_field(&r, "Subject:CN = example.com");
	report_certificate_field(&r, "Issuer:C = US, O = Someone");
	report_certificate_field(&r, "Public Key Algorithm:rsaEncryption");
	report_certificate_field(&r,
	    "X509v3 Subject Alternative Name:DNS:a.example, DNS:*.b.example, IP Address:127.0.0.1");
	assert_string_equal(r.certificate.subject, "CN = example.com");
	assert_string_equal(r.certificate.issuer, "C = US, O = Someone");
	assert_string_equal(r.certificate.names, "a.example, *.b.example, 127.0.0.1");
}

static void certificate_times(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
	    {"Jan  1 00:00:00 1970 GMT", 0},
	    {"Jul 28 23:59:59 2026 GMT", 1785283199},
	    {"Feb 29 12:00:00 2024 GMT", 1709208000},
	    {"Mar  1 00:00:00 2100 GMT", INT64_C(4107542400)},
	    {"Dec 31 23:59:59 9999 GMT", INT64_C(253402300799)},
	    {"2026-07-28 23:59:59 GMT", 1785283199},
	    {"", -1},
	    {"never", -1},
	    {"Foo  1 00:00:00 1970 GMT", -1},
	    {"anF  1 00:00:00 1970 GMT", -1},
	    {"2026-13-28 23:59:59 GMT", -1},
	    {"2026-07-28", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct report r = begin("wss://h/", NULL);
		char field[80];
		(void)snprintf(field, sizeof field, "Expire date:%s", cases[i].text);
		report_certificate_field(&r, field);
		assert_int_equal(r.certificate.until, cases[i].seconds);
		(void)snprintf(field, sizeof field, "Start date:%s", cases[i].text);
		report_certificate_field(&r, field);
		assert_int_equal(r.certificate.from, cases[i].seconds);
	}
}

/* --- how far it came ----------------------------------------------------------------------- */

static void where_it_failed(void **state)
{
	static const struct {
		enum reason_kind kind;
		int64_t resolved, connected, tunnelled, secured, open;
		const char *proxy;
		enum report_step step;
	} cases[] = {
	    {REASON_NONE, 1, 2, 0, 3, 0, "", REPORT_STEPS},
	    {REASON_LOST, 1, 2, 0, 3, 4, "", REPORT_STEPS},
	    {REASON_UNRESOLVED, 0, 0, 0, 0, 0, "", REPORT_STEP_DNS},
	    {REASON_TIMED_OUT, 0, 0, 0, 0, 0, "", REPORT_STEP_DNS},
	    {REASON_TIMED_OUT, 1, 0, 0, 0, 0, "", REPORT_STEP_TCP},
	    {REASON_TIMED_OUT, 1, 2, 0, 0, 0, "", REPORT_STEP_TLS},
	    {REASON_TIMED_OUT, 1, 2, 0, 0, 0, "http://p", REPORT_STEP_PROXY},
	    {REASON_TIMED_OUT, 1, 2, 3, 0, 0, "http://p", REPORT_STEP_TLS},
	    {REASON_TIMED_OUT, 1, 2, 3, 4, 0, "http://p", REPORT_STEP_HTTP},
	    {REASON_TIMED_OUT, 1, 2, 0, 3, 0, "socks5://p", REPORT_STEP_HTTP},
	    {REASON_TIMED_OUT, 1, 2, 0, 0, 0, "socks5://p", REPORT_STEP_PROXY},
	    {REASON_TRUNCATED, 1, 2, 0, 0, 0, "", REPORT_STEP_TLS},
	    {REASON_TRUNCATED, 1, 2, 0, 3, 0, "", REPORT_STEP_HTTP},
	    {REASON_UNREACHABLE, 1, 0, 0, 0, 0, "", REPORT_STEP_TCP},
	    {REASON_PROXY, 0, 0, 0, 0, 0, "http://p", REPORT_STEP_DNS},
	    {REASON_PROXY, 1, 2, 0, 0, 0, "http://p", REPORT_STEP_PROXY},
	    {REASON_UNTRUSTED, 1, 2, 0, 0, 0, "", REPORT_STEP_TLS},
	    {REASON_UNTRUSTED, 1, 2, 0, 0, 0, "https://p", REPORT_STEP_PROXY},
	    {REASON_UNTRUSTED, 1, 2, 3, 0, 0, "https://p", REPORT_STEP_TLS},
	    {REASON_CERTIFICATE, 1, 2, 0, 3, 0, "", REPORT_STEP_TLS},
	    {REASON_HTTP, 1, 2, 0, 3, 0, "", REPORT_STEP_HTTP},
	    {REASON_NOT_WEBSOCKET, 1, 2, 0, 3, 0, "", REPORT_STEP_HTTP},
	    {REASON_SETUP, 0, 0, 0, 0, 0, "", REPORT_STEP_SETUP},
	    {REASON_SETUP, 1, 2, 0, 0, 0, "", REPORT_STEP_TLS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct report r = begin("wss://h/", NULL);
		r.resolved = cases[i].resolved;
		r.connected = cases[i].connected;
		r.tunnelled = cases[i].tunnelled;
		r.secured = cases[i].secured;
		r.open = cases[i].open;
		(void)snprintf(r.proxy, sizeof r.proxy, "%s", cases[i].proxy);
		reason_set(&r.reason, cases[i].kind, "%s", "why");
		if (report_failed(&r) != cases[i].step)
			print_error("case %zu\n", i);
		assert_int_equal(report_failed(&r), cases[i].step);
	}
}

static void a_subprotocol_is_a_step_of_its_own(void **state)
{
	struct report r = begin("ws://h/", "mcp");

	(void)state;
	r.resolved = r.connected = 1;
	header(&r, "HTTP/1.1 101 Go\r\n", 1);
	reason_set(&r.reason, REASON_NOT_WEBSOCKET,
	    "its 101 answer names a subprotocol that was not offered");
	assert_int_equal(report_failed(&r), REPORT_STEP_SUBPROTOCOL);
	reason_set(
	    &r.reason, REASON_NOT_WEBSOCKET, "its 101 answer has no valid Sec-WebSocket-Accept");
	assert_int_equal(report_failed(&r), REPORT_STEP_HTTP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_to_be_done),
	    cmocka_unit_test(headers_are_names),
	    cmocka_unit_test(lists_are_bounded),
	    cmocka_unit_test(proxies_are_shown_without_secrets),
	    cmocka_unit_test(names_and_addresses),
	    cmocka_unit_test(tls_and_its_cipher),
	    cmocka_unit_test(other_lines_leave_no_trace),
	    cmocka_unit_test(the_last_answer_counts),
	    cmocka_unit_test(challenges_are_scheme_and_realm),
	    cmocka_unit_test(redirects_without_their_secrets),
	    cmocka_unit_test(a_proxy_answers_first),
	    cmocka_unit_test(odd_heads),
	    cmocka_unit_test(certificate_fields),
	    cmocka_unit_test(certificate_times),
	    cmocka_unit_test(where_it_failed),
	    cmocka_unit_test(a_subprotocol_is_a_step_of_its_own),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
