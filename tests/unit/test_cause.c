#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cause.h"

#define NOW 1785283199 /* 2026-07-28T23:59:59Z */

static struct report begin(const char *url, enum reason_kind kind, const char *why)
{
	struct report r;

	report_begin(&r, url, "mcp", NOW);
	r.resolved = 1;
	reason_set(&r.reason, kind, "%s", why);
	return r;
}

static void header(struct report *r, const char *line)
{
	report_header(r, line, strlen(line), 5);
}

static void assert_says(const struct report *r, const char *part)
{
	char out[CAUSE_SIZE];

	memset(out, 'x', sizeof out);
	assert_ptr_equal(cause_of(r, out), out);
	assert_true(strlen(out) < sizeof out);
	if (!strstr(out, part))
		fail_msg("\"%s\" is not in \"%s\"", part, out);
}

static void assert_silent(const struct report *r)
{
	char out[CAUSE_SIZE];

	assert_string_equal(cause_of(r, out), "");
}

static void nothing_to_explain(void **state)
{
	struct report r = begin("ws://h/", REASON_NONE, "");

	(void)state;
	assert_silent(&r);
}

static void names(void **state)
{
	static const struct {
		const char *url, *part;
	} cases[] = {
	    {"ws://db/", "\"db\" is a short name"},
	    {"ws://printer.local/", "multicast"},
	    {"ws://exmaple.com/", "spelling of \"exmaple.com\""},
	};
	struct report r;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		r = begin(cases[i].url, REASON_UNRESOLVED, "not known");
		r.resolved = 0;
		assert_says(&r, cases[i].part);
	}
	reason_set(&r.reason, REASON_TIMED_OUT, "timed out");
	assert_says(&r, "No name server answers");
	reason_set(&r.reason, REASON_PROXY, "not known");
	report_proxy(&r, "http://p", "");
	assert_says(&r, "The name of the proxy http://p is not known");
}

static void tcp(void **state)
{
	struct report r = begin("ws://127.0.0.1:81/", REASON_UNREACHABLE, "Connection refused");

	(void)state;
	r.os_error = ECONNREFUSED;
	assert_says(&r, "Nothing listens on port 81 of this machine");
	r = begin("ws://example.com/", REASON_UNREACHABLE, "Connection refused");
	assert_says(&r, "Nothing listens on port 80 there");
	r.os_error = EHOSTUNREACH;
	assert_says(&r, "no way to that address");
	reason_set(&r.reason, REASON_TIMED_OUT, "timed out");
	assert_says(&r, "Nothing comes back from example.com");
	report_text(&r, "Trying 10.0.0.1:80...", 21);
	assert_says(&r, "Nothing comes back from 10.0.0.1:80");
	report_proxy(&r, "http://p:1", "http_proxy");
	assert_says(&r, "The proxy http://p:1 does not answer");
	assert_says(&r, "the environment's http_proxy");
}

static void unix_sockets(void **state)
{
	static const struct {
		int error;
		const char *part;
	} cases[] = {
	    {ENOENT, "no such socket"}, {EACCES, "may not use"}, {ECONNREFUSED, "Nobody listens"}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct report r = begin("ws://localhost/", REASON_UNREACHABLE, "x");
		(void)snprintf(r.unix_socket, sizeof r.unix_socket, "/s");
		r.os_error = cases[i].error;
		assert_says(&r, cases[i].part);
	}
}

static void proxies(void **state)
{
	static const struct {
		const char *status, *part;
	} cases[] = {
	    {"HTTP/1.1 407 x", "wants credentials"},
	    {"HTTP/1.1 403 x", "does not allow connections to h:443"},
	    {"HTTP/1.1 502 x", "cannot reach h:443"},
	    {"HTTP/1.1 405 x", "refuses CONNECT"},
	};
	struct report r;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		r = begin("wss://h/", REASON_PROXY, "x");
		r.connected = 2;
		report_proxy(&r, "http://p", "https_proxy");
		header(&r, cases[i].status);
		header(&r, "Proxy-Authenticate: Basic realm=\"r\"");
		assert_says(&r, cases[i].part);
		assert_says(&r, "the environment's https_proxy: --noproxy h goes round it");
	}
	r = begin("wss://h/", REASON_TIMED_OUT, "x");
	r.connected = 2;
	report_proxy(&r, "socks5://p", "");
	assert_says(&r, "What answers at socks5://p may not be a proxy");
	report_proxy(&r, "https://p", "");
	reason_set(&r.reason, REASON_UNTRUSTED, "self-signed certificate");
	assert_says(&r, "The proxy's own certificate");
}

/* --- TLS ----------------------------------------------------------------------------------- */

static struct report tls(enum reason_kind kind, const char *why)
{
	struct report r = begin("wss://h:444/", kind, why);

	r.connected = 2;
	return r;
}

static void the_other_scheme(void **state)
{
	static const char *const words[] = {
	    "error:0A00010B:SSL routines::wrong version number",
	    "error:0A0000C6:SSL routines::packet length too long",
	    "error:0A000139:SSL routines::record layer failure",
	};

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct report r = tls(REASON_TLS, words[i]);
		assert_says(&r, "does not speak TLS: use ws://");
	}
	struct report r = tls(REASON_TIMED_OUT, "timed out");
	assert_says(&r, "try ws://");
	r = begin("ws://h/", REASON_TRUNCATED, "closed");
	r.connected = 2;
	assert_says(&r, "hung up");
	r.speaks_tls = true;
	assert_says(&r, "use wss://");
	r = begin("ws://h/", REASON_HTTP, "x");
	r.connected = 2;
	r.reason.status = 400;
	r.speaks_tls = true;
	assert_says(&r, "use wss://");
}

static void untrusted_certificates(void **state)
{
	static const struct {
		const char *why, *part;
	} cases[] = {
	    {"SSL certificate problem: certificate has expired", "expired on 2026-07-27"},
	    {"SSL certificate problem: self-signed certificate", "signed its certificate itself"},
	    {"SSL certificate problem: self signed certificate", "signed its certificate itself"},
	    {"SSL certificate problem: self-signed certificate in certificate chain",
	        "CN = ca is not known on this machine"},
	    {"SSL certificate problem: unable to get local issuer certificate",
	        "CN = ca is not known on this machine"},
	    {"SSL certificate problem: unable to verify the first certificate",
	        "CN = ca is not known on this machine"},
	    {"SSL: no alternative certificate subject name matches target host name 'h'",
	        "not for \"h\" but for a.example, b.example"},
	    {"SSL: certificate subject name 'x' does not match target host name 'h'",
	        "not for \"h\" but for"},
	    {"what another library says of it", "expired on 2026-07-27"},
	};
	struct report r;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		r = tls(REASON_UNTRUSTED, cases[i].why);
		report_certificate_field(&r, "Subject:CN = s");
		report_certificate_field(&r, "Issuer:CN = ca");
		report_certificate_field(
		    &r, "X509v3 Subject Alternative Name:DNS:a.example, DNS:b.example");
		report_certificate_field(&r, "Start date:Jul 20 00:00:00 2026 GMT");
		report_certificate_field(&r, "Expire date:Jul 27 00:00:00 2026 GMT");
		assert_says(&r, cases[i].part);
	}
	r = tls(REASON_UNTRUSTED, "unable to get local issuer certificate");
	r.has_authority = true;
	assert_says(&r, "its authority is not in the file of --cacert");
	r = tls(REASON_UNTRUSTED, "no alternative certificate subject name matches");
	assert_says(&r, "not for \"h\": use a name");
	r = tls(REASON_UNTRUSTED, "what another library says of it");
	assert_says(&r, "--cacert");
}

static void clocks(void **state)
{
	struct report r = tls(REASON_UNTRUSTED, "certificate is not yet valid");

	(void)state;
	assert_says(&r, "it says 2026-07-28T23:59:59Z");
	report_certificate_field(&r, "Start date:Aug  1 00:00:00 2026 GMT");
	report_certificate_field(&r, "Expire date:Aug  2 00:00:00 2026 GMT");
	assert_says(&r, "good from 2026-08-01 on");
	reason_set(&r.reason, REASON_UNTRUSTED, "certificate has expired");
	assert_says(&r, "it says 2026-07-28T23:59:59Z");
}

static void certificates_of_ours(void **state)
{
	struct report r = tls(REASON_CERTIFICATE, "tlsv13 alert certificate required");

	(void)state;
	r.secured = 3;
	assert_says(&r, "wants a certificate of yours");
	r.has_certificate = true;
	assert_says(&r, "does not accept your certificate");
	reason_set(&r.reason, REASON_CERTIFICATE, "tlsv1 alert unknown ca");
	assert_says(&r, "does not know the authority");
	reason_set(&r.reason, REASON_CERTIFICATE, "alert certificate expired");
	assert_says(&r, "has expired");
	r = tls(REASON_TLS, "sslv3 alert handshake failure");
	assert_says(&r, "(--cert, --key)");
	r.has_certificate = true;
	assert_says(&r, "ws:// or wss://?");
	r = tls(REASON_TLS, "tlsv1 alert protocol version");
	assert_says(&r, "TLS versions");
	r = tls(REASON_TLS, "tlsv1 unrecognized name");
	assert_says(&r, "no certificate for \"h\"");
}

/* --- HTTP ---------------------------------------------------------------------------------- */

static void statuses(void **state)
{
	static const struct {
		int status;
		const char *field, *part;
	} cases[] = {
	    {200, "Content-Type: text/html; charset=x", "web page"},
	    {200, "Content-Type: text/event-stream", "MCP over HTTP, not"},
	    {204, "X: y", "may speak MCP over HTTP instead"},
	    {301, "Location: https://other/x", "use wss://other/x"},
	    {307, "Location: http://other/x", "use ws://other/x"},
	    {308, "Location: /x", "use ws://h:80/x"},
	    {302, "X: y", "points elsewhere"},
	    {400, "X: y", "another subprotocol (offered: mcp)"},
	    {401, "WWW-Authenticate: Bearer realm=\"r\"",
	        "asks for Bearer (realm \"r\"): --bearer-env"},
	    {401, "WWW-Authenticate: Basic", "USER:PASSWORD@"},
	    {401, "X: y", "No credentials were sent: --bearer-env"},
	    {403, "X: y", "Origin"},
	    {404, "X: y", "no WebSocket at that path"},
	    {405, "X: y", "no WebSocket at that path"},
	    {421, "X: y", "not responsible for \"h\""},
	    {426, "X: y", "another subprotocol"},
	    {429, "Retry-After: 7", "Try again later. It asks to wait (Retry-After: 7)."},
	    {502, "Server: nginx", "nginx cannot reach the server"},
	    {503, "Retry-After: 5", "A proxy before the server cannot reach"},
	    {500, "X: y", "Check the server"},
	    {499, "X: y", "Check the URL"},
	};
	struct report r;
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		r = begin("ws://h/", REASON_HTTP, "x");
		r.connected = 2;
		r.reason.status = cases[i].status;
		(void)snprintf(line, sizeof line, "HTTP/1.1 %d x", cases[i].status);
		header(&r, line);
		header(&r, cases[i].field);
		assert_says(&r, cases[i].part);
	}
	r.reason.status = 401;
	report_sent(&r, "Authorization");
	assert_says(&r, "that were sent are wrong or have expired");
}

static void answers_that_are_none(void **state)
{
	struct report r = begin("ws://h/", REASON_NOT_WEBSOCKET, "HTTP/0.9");

	(void)state;
	r.connected = 2;
	assert_says(&r, "another protocol");
	reason_set(&r.reason, REASON_TIMED_OUT, "timed out");
	assert_says(&r, "does not answer HTTP");
	header(&r, "HTTP/1.1 101 x");
	header(&r, "Via: 1.1 cache");
	reason_set(&r.reason, REASON_NOT_WEBSOCKET, "no valid Sec-WebSocket-Accept");
	assert_says(&r, "Via: 1.1 cache");
	header(&r, "Sec-WebSocket-Protocol: other");
	reason_set(&r.reason, REASON_NOT_WEBSOCKET, "names a subprotocol that was not offered");
	assert_says(&r, "chose \"other\", which was not offered (mcp): --subprotocol other");
}

/* --- links --------------------------------------------------------------------------------- */

static void lost_links(void **state)
{
	static const struct {
		enum reason_kind kind;
		int code;
		const char *part;
	} cases[] = {
	    {REASON_CLOSED, 1001, "shutting down"},
	    {REASON_CLOSED, 1003, "text messages"},
	    {REASON_CLOSED, 1008, "no credentials were sent"},
	    {REASON_CLOSED, 4401, "no credentials were sent"},
	    {REASON_CLOSED, 1011, "its log"},
	    {REASON_CLOSED, 1013, "later"},
	    {REASON_CLOSED, 1000, "did not like"},
	    {REASON_CLOSED, 4999, "did not like"},
	    {REASON_LOST, 0, "crashed"},
	    {REASON_SILENT, 0, "--ping-timeout"},
	    {REASON_VIOLATION, 0, "breaks the WebSocket protocol"},
	};
	struct report r;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		r = begin("ws://h/", cases[i].kind, "x");
		r.connected = 2;
		r.open = 3;
		r.reason.close_code = cases[i].code;
		assert_says(&r, cases[i].part);
	}
	r = begin("ws://h/", REASON_CLOSED, "x");
	r.open = 3;
	r.reason.close_code = 3000;
	report_sent(&r, "Authorization");
	assert_says(&r, "that were sent are wrong");
	reason_set(&r.reason, REASON_STOPPED, "closed by us");
	assert_silent(&r);
}

/* Whatever else is in the report: each way to fail has a sentence of its own that fits. */
static void every_failure_is_explained(void **state)
{
	char out[CAUSE_SIZE];

	(void)state;
	for (int kind = REASON_UNRESOLVED; kind <= REASON_CERTIFICATE; kind++) {
		for (int stage = 0; stage < 4; stage++) {
			struct report r = begin("wss://h/", (enum reason_kind)kind, "x");
			r.connected = stage > 0;
			r.secured = stage > 1;
			memset(r.answer.fields, 'a', sizeof r.answer.fields);
			memset(r.certificate.issuer, 'a', sizeof r.certificate.issuer);
			memset(r.certificate.names, 'a', sizeof r.certificate.names);
			memset(r.tried, 'a', sizeof r.tried);
			for (int i = 0; i < REPORT_FIELDS; i++)
				r.answer.fields[i][REPORT_TEXT_SIZE - 1] = '\0';
			r.certificate.issuer[REPORT_TEXT_SIZE - 1] = '\0';
			r.certificate.names[REPORT_TEXT_SIZE - 1] = '\0';
			r.tried[REPORT_TEXT_SIZE - 1] = '\0';
			if (stage > 2)
				report_proxy(&r, "http://p", "https_proxy");
			assert_true(strlen(cause_of(&r, out)) > 20);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_to_explain),
	    cmocka_unit_test(names),
	    cmocka_unit_test(tcp),
	    cmocka_unit_test(unix_sockets),
	    cmocka_unit_test(proxies),
	    cmocka_unit_test(the_other_scheme),
	    cmocka_unit_test(untrusted_certificates),
	    cmocka_unit_test(clocks),
	    cmocka_unit_test(certificates_of_ours),
	    cmocka_unit_test(statuses),
	    cmocka_unit_test(answers_that_are_none),
	    cmocka_unit_test(lost_links),
	    cmocka_unit_test(every_failure_is_explained),
	};

	return cmocka_run_group_tests_name("cause", tests, NULL, NULL);
}
