#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "diagnosis.h"
#include "value.h"

#define NOW 1785283199 /* 2026-07-28T23:59:59Z */
#define DAY 86400

/* The JSON of a report: it must be valid. */
struct made {
	struct buf text;
	struct value whole;
};

static struct made diagnose(const struct report *r)
{
	struct made m;
	struct output out;

	buf_init(&m.text, 1 << 20);
	output_to_buf(&out, &m.text);
	diagnosis_put(&out, r);
	assert_int_equal(output_end(&out), 0);
	assert_true(value_read(&m.whole, (const char *)m.text.data, m.text.len));
	return m;
}

static struct value step_of(const struct made *m, const char *name)
{
	struct value steps = value_member(m->whole, "steps"), step;
	size_t at = 0;

	while (value_next(steps, &at, &step)) {
		if (value_is(value_member(step, "step"), name))
			return step;
	}
	fail_msg("there is no step %s in %.*s", name, (int)m->whole.len, m->whole.text);
	return VALUE_NOTHING;
}

static void assert_raw(struct value object, const char *key, const char *raw)
{
	struct value v = value_member(object, key);

	if (v.len != strlen(raw) || memcmp(v.text, raw, v.len) != 0)
		fail_msg("\"%s\" is %.*s, not %s", key, (int)v.len, v.text, raw);
}

static struct report wss(void)
{
	struct report r;

	report_begin(&r, "wss://u:p@example.com/mcp?q", "mcp", NOW);
	r.resolved = 1000;
	r.connected = 3500;
	report_text(&r, "Host example.com:443 was resolved.", 34);
	report_text(&r, "IPv4: 10.0.0.1", 14);
	(void)snprintf(r.address, sizeof r.address, "10.0.0.1:443");
	return r;
}

static void secure(struct report *r, int64_t days)
{
	r->secured = 9000;
	report_text(r, "SSL connection using TLSv1.3 / C / x", 36);
	report_certificate_field(r, "Subject:CN = s");
	report_certificate_field(r, "Issuer:CN = i");
	report_certificate_field(r, "X509v3 Subject Alternative Name:DNS:a, DNS:b");
	r->certificate.from = NOW - 100 * DAY;
	r->certificate.until = NOW + days * DAY;
}

static void answer(struct report *r, const char *status)
{
	report_header(r, status, strlen(status), 0);
}

static void all_of_it(void **state)
{
	struct report r = wss();

	(void)state;
	secure(&r, 40);
	answer(&r, "HTTP/1.1 101 Go");
	answer(&r, "Server: s/1");
	answer(&r, "Sec-WebSocket-Protocol: mcp");
	report_sent(&r, "X-Team");
	r.open = 10001;
	r.ping = 345;

	struct made m = diagnose(&r);
	assert_raw(m.whole, "url", "\"wss://example.com/mcp?...\"");
	assert_raw(m.whole, "headers", "[\"X-Team\"]");
	assert_raw(m.whole, "failed", "");
	assert_raw(m.whole, "error", "");
	assert_raw(m.whole, "ping_ms", "0.345");
	assert_raw(step_of(&m, "dns"), "detail", "\"example.com is 10.0.0.1\"");
	assert_raw(step_of(&m, "dns"), "addresses", "[\"10.0.0.1\"]");
	assert_raw(step_of(&m, "dns"), "ms", "1.000");
	assert_raw(step_of(&m, "tcp"), "ms", "2.500");
	assert_raw(step_of(&m, "tcp"), "address", "\"10.0.0.1:443\"");
	assert_raw(step_of(&m, "tls"), "ms", "5.500");
	assert_raw(step_of(&m, "tls"), "ok", "true");
	assert_raw(step_of(&m, "tls"), "verified", "true");
	assert_raw(step_of(&m, "tls"), "version", "\"TLSv1.3\"");
	assert_raw(step_of(&m, "tls"), "warning", "");
	assert_raw(step_of(&m, "tls"), "detail",
	    "\"TLSv1.3, C; certificate of CN = s, issued by CN = i, good until 2026-09-06 (40 "
	    "days)\"");
	struct value certificate = value_member(step_of(&m, "tls"), "certificate");
	assert_raw(certificate, "names", "[\"a\",\"b\"]");
	assert_raw(certificate, "not_after", "\"2026-09-06T23:59:59Z\"");
	assert_raw(certificate, "days_left", "40");
	assert_raw(step_of(&m, "http"), "ms", "1.001");
	assert_raw(step_of(&m, "http"), "status", "101");
	assert_raw(step_of(&m, "http"), "detail", "\"101 Go; Server: s/1\"");
	assert_raw(step_of(&m, "subprotocol"), "detail", "\"mcp\"");
	assert_raw(step_of(&m, "subprotocol"), "ms", "");
	buf_free(&m.text);
}

static size_t count_steps(const struct made *m)
{
	struct value steps = value_member(m->whole, "steps"), step;
	size_t at = 0, count = 0;

	while (value_next(steps, &at, &step))
		count++;
	return count;
}

static void as_far_as_it_came(void **state)
{
	struct report r;
	struct made m;

	(void)state;
	report_begin(&r, "wss://example.com/", NULL, NOW);
	m = diagnose(&r);
	assert_int_equal(count_steps(&m), 0);
	buf_free(&m.text);
	r = wss();
	m = diagnose(&r);
	assert_int_equal(count_steps(&m), 2);
	buf_free(&m.text);
	secure(&r, 40);
	m = diagnose(&r);
	assert_int_equal(count_steps(&m), 3);
	buf_free(&m.text);
	r.looked_up[0] = '\0'; /* an address */
	m = diagnose(&r);
	assert_int_equal(count_steps(&m), 2);
	buf_free(&m.text);
}

static void failures(void **state)
{
	static const struct {
		enum reason_kind kind;
		int connected, secured;
		const char *step, *detail;
		size_t count;
	} cases[] = {
	    {REASON_UNREACHABLE, 0, 0, "tcp", "\"example.com: why\"", 2},
	    {REASON_UNTRUSTED, 1, 0, "tls", "\"why\"", 3},
	    {REASON_TIMED_OUT, 1, 1, "http", "\"why\"", 4},
	    {REASON_SETUP, 1, 1, "http", "\"why\"", 4},
	};
	struct report r;
	struct made m;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		r = wss();
		r.connected = cases[i].connected ? 3500 : 0;
		r.secured = cases[i].secured ? 9000 : 0;
		r.ended = 20000;
		reason_set(&r.reason, cases[i].kind, "why");
		m = diagnose(&r);
		assert_true(value_is(value_member(m.whole, "failed"), cases[i].step));
		assert_raw(m.whole, "error", "\"why\"");
		assert_true(value_member(m.whole, "cause").len > 2);
		assert_raw(step_of(&m, cases[i].step), "ok", "false");
		assert_raw(step_of(&m, cases[i].step), "detail", cases[i].detail);
		assert_int_equal(count_steps(&m), cases[i].count);
		buf_free(&m.text);
	}
	report_begin(&r, "ws://h/", NULL, NOW);
	reason_set(&r.reason, REASON_SETUP, "out of memory");
	r.ended = 1;
	m = diagnose(&r);
	assert_raw(step_of(&m, "setup"), "detail", "\"out of memory\"");
	buf_free(&m.text);
}

static void a_lost_link(void **state)
{
	struct report r = wss();
	struct made m;

	(void)state;
	secure(&r, 40);
	answer(&r, "HTTP/1.1 101 Go");
	r.open = 10000;
	r.ended = 20000;
	reason_set(&r.reason, REASON_LOST, "gone");
	m = diagnose(&r);
	assert_raw(m.whole, "failed", "\"link\"");
	assert_raw(m.whole, "error", "\"gone\"");
	assert_raw(step_of(&m, "http"), "ok", "true");
	buf_free(&m.text);
}

static void warnings(void **state)
{
	static const struct {
		int64_t days;
		bool insecure;
		const char *warning;
	} cases[] = {
	    {14, false, ""},
	    {13, false, "\"the certificate expires in 13 days: have it renewed\""},
	    {1, false, "\"the certificate expires in 1 day: have it renewed\""},
	    {40, true, "\"nobody has checked who the server is (-k)\""},
	    {-3, true,
	        "\"nobody has checked who the server is (-k), and its certificate has expired\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct report r = wss();
		secure(&r, cases[i].days);
		r.insecure = cases[i].insecure;
		struct made m = diagnose(&r);
		assert_raw(step_of(&m, "tls"), "warning", cases[i].warning);
		assert_raw(step_of(&m, "tls"), "verified", cases[i].insecure ? "false" : "true");
		buf_free(&m.text);
	}
}

static void proxies(void **state)
{
	struct report r = wss();
	struct made m;

	(void)state;
	report_proxy(&r, "http://u:p@proxy:1", "https_proxy");
	(void)snprintf(r.looked_up, sizeof r.looked_up, "proxy");
	answer(&r, "HTTP/1.1 200 OK");
	r.tunnelled = 4000;
	secure(&r, 40);
	m = diagnose(&r);
	assert_raw(m.whole, "proxy", "\"http://proxy:1\"");
	assert_raw(m.whole, "proxy_variable", "\"https_proxy\"");
	assert_raw(step_of(&m, "dns"), "detail", "\"the proxy proxy is 10.0.0.1\"");
	assert_raw(step_of(&m, "tcp"), "detail", "\"10.0.0.1:443 (the proxy)\"");
	assert_raw(step_of(&m, "proxy"), "detail",
	    "\"http://proxy:1, from the environment's https_proxy\"");
	assert_raw(step_of(&m, "proxy"), "status", "200");
	assert_raw(step_of(&m, "proxy"), "ms", "0.500");
	buf_free(&m.text);
}

static void subprotocols(void **state)
{
	static const struct {
		const char *offered, *header, *detail;
	} cases[] = {
	    {NULL, "X: y", "\"none\""},
	    {"a,b", "X: y", "\"none accepted, offered: a, b\""},
	    {"a,b", "Sec-WebSocket-Protocol: b", "\"b, offered: a, b\""},
	    {"a", "Sec-WebSocket-Protocol: a", "\"a\""},
	};
	struct report r;
	struct made m;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		report_begin(&r, "ws://h/", cases[i].offered, NOW);
		r.resolved = r.connected = r.open = 1;
		answer(&r, "HTTP/1.1 101 Go");
		answer(&r, cases[i].header);
		m = diagnose(&r);
		assert_raw(step_of(&m, "subprotocol"), "detail", cases[i].detail);
		buf_free(&m.text);
	}
	report_begin(&r, "ws://h/", "a", NOW);
	r.resolved = r.connected = 1;
	r.ended = 2;
	answer(&r, "HTTP/1.1 101 Go");
	answer(&r, "Sec-WebSocket-Protocol: c");
	reason_set(&r.reason, REASON_NOT_WEBSOCKET, "names a subprotocol that was not offered");
	m = diagnose(&r);
	assert_raw(m.whole, "failed", "\"subprotocol\"");
	assert_raw(step_of(&m, "http"), "ok", "true");
	assert_raw(step_of(&m, "subprotocol"), "ok", "false");
	buf_free(&m.text);
}

static void whatever_was_said_is_json(void **state)
{
	struct report r = wss();
	struct made m;

	(void)state;
	secure(&r, 40);
	memset(r.certificate.subject, '"', sizeof r.certificate.subject - 1);
	memset(r.certificate.issuer, 0x80, sizeof r.certificate.issuer - 1);
	answer(&r, "HTTP/1.1 500 \x1b\xff\"\\");
	answer(&r, "Server: \x01\"\\\xe2\x80");
	r.ended = 1;
	reason_set(&r.reason, REASON_HTTP, "x");
	m = diagnose(&r);
	assert_raw(step_of(&m, "http"), "status", "500");
	buf_free(&m.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_of_it),
	    cmocka_unit_test(as_far_as_it_came),
	    cmocka_unit_test(failures),
	    cmocka_unit_test(a_lost_link),
	    cmocka_unit_test(warnings),
	    cmocka_unit_test(proxies),
	    cmocka_unit_test(subprotocols),
	    cmocka_unit_test(whatever_was_said_is_json),
	};

	return cmocka_run_group_tests_name("diagnosis", tests, NULL, NULL);
}
