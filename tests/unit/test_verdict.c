#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "verdict.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW      VERDICT_RETRY_NOW
#define RETRY    VERDICT_RETRY
#define REFUSED  VERDICT_REFUSED

/* What comes next without a header command; with one; with one that was run again already. */
static const struct row {
	const char *name;
	enum reason_kind kind;
	int status, close_code;
	enum verdict plain, command, mended;
} rows[] = {
    {"DNS", REASON_UNRESOLVED, 0, 0, RETRY, RETRY, RETRY},
    {"refused", REASON_UNREACHABLE, 0, 0, RETRY, RETRY, RETRY},
    {"timeout", REASON_TIMED_OUT, 0, 0, RETRY, RETRY, RETRY},
    {"truncated handshake", REASON_TRUNCATED, 0, 0, RETRY, RETRY, RETRY},
    {"408", REASON_HTTP, 408, 0, RETRY, RETRY, RETRY},
    {"425", REASON_HTTP, 425, 0, RETRY, RETRY, RETRY},
    {"429", REASON_HTTP, 429, 0, RETRY, RETRY, RETRY},
    {"500", REASON_HTTP, 500, 0, RETRY, RETRY, RETRY},
    {"502", REASON_HTTP, 502, 0, RETRY, RETRY, RETRY},
    {"503", REASON_HTTP, 503, 0, RETRY, RETRY, RETRY},
    {"599", REASON_HTTP, 599, 0, RETRY, RETRY, RETRY},
    {"200", REASON_HTTP, 200, 0, REFUSED, REFUSED, REFUSED},
    {"204", REASON_HTTP, 204, 0, REFUSED, REFUSED, REFUSED},
    {"301", REASON_HTTP, 301, 0, REFUSED, REFUSED, REFUSED},
    {"308", REASON_HTTP, 308, 0, REFUSED, REFUSED, REFUSED},
    {"400", REASON_HTTP, 400, 0, REFUSED, REFUSED, REFUSED},
    {"401", REASON_HTTP, 401, 0, REFUSED, NOW, REFUSED},
    {"403", REASON_HTTP, 403, 0, REFUSED, NOW, REFUSED},
    {"404", REASON_HTTP, 404, 0, REFUSED, REFUSED, REFUSED},
    {"426", REASON_HTTP, 426, 0, REFUSED, REFUSED, REFUSED},
    {"451", REASON_HTTP, 451, 0, REFUSED, REFUSED, REFUSED},
    {"600", REASON_HTTP, 600, 0, REFUSED, REFUSED, REFUSED},
    {"proxy failed", REASON_PROXY, 0, 0, RETRY, RETRY, RETRY},
    {"proxy 403", REASON_PROXY, 403, 0, REFUSED, REFUSED, REFUSED},
    {"proxy 407", REASON_PROXY, 407, 0, REFUSED, REFUSED, REFUSED},
    {"proxy 404", REASON_PROXY, 404, 0, RETRY, RETRY, RETRY},
    {"proxy 502", REASON_PROXY, 502, 0, RETRY, RETRY, RETRY},
    {"garbage, wrong Accept, another subprotocol", REASON_NOT_WEBSOCKET, 0, 0, REFUSED, REFUSED,
        REFUSED},
    {"TLS version", REASON_TLS, 0, 0, REFUSED, REFUSED, REFUSED},
    {"certificate not trusted", REASON_UNTRUSTED, 0, 0, REFUSED, REFUSED, REFUSED},
    {"ours not accepted", REASON_CERTIFICATE, 0, 0, REFUSED, REFUSED, REFUSED},
    {"close 1000", REASON_CLOSED, 0, 1000, RETRY, RETRY, RETRY},
    {"close 1001", REASON_CLOSED, 0, 1001, RETRY, RETRY, RETRY},
    {"close 1002", REASON_CLOSED, 0, 1002, RETRY, RETRY, RETRY},
    {"close without a code", REASON_CLOSED, 0, 1005, RETRY, RETRY, RETRY},
    {"close 1007", REASON_CLOSED, 0, 1007, RETRY, RETRY, RETRY},
    {"close 1008", REASON_CLOSED, 0, 1008, REFUSED, NOW, REFUSED},
    {"close 1009", REASON_CLOSED, 0, 1009, RETRY, RETRY, RETRY},
    {"close 1011", REASON_CLOSED, 0, 1011, RETRY, RETRY, RETRY},
    {"close 1012", REASON_CLOSED, 0, 1012, RETRY, RETRY, RETRY},
    {"close 3000", REASON_CLOSED, 0, 3000, REFUSED, NOW, REFUSED},
    {"close 3001", REASON_CLOSED, 0, 3001, RETRY, RETRY, RETRY},
    {"close 4000", REASON_CLOSED, 0, 4000, RETRY, RETRY, RETRY},
    {"close 4401", REASON_CLOSED, 0, 4401, REFUSED, NOW, REFUSED},
    {"close 4402", REASON_CLOSED, 0, 4402, RETRY, RETRY, RETRY},
    {"close 4403", REASON_CLOSED, 0, 4403, REFUSED, NOW, REFUSED},
    {"reset", REASON_LOST, 0, 0, RETRY, RETRY, RETRY},
    {"ping timeout", REASON_SILENT, 0, 0, RETRY, RETRY, RETRY},
    {"our close 1002", REASON_VIOLATION, 0, 0, RETRY, RETRY, RETRY},
    {"our close 1007", REASON_NOT_UTF8, 0, 0, RETRY, RETRY, RETRY},
    {"replay failed", REASON_REPLAY, 0, 0, RETRY, RETRY, RETRY},
    {"another protocol version", REASON_VERSION, 0, 0, REFUSED, REFUSED, REFUSED},
    {"header command failed", REASON_COMMAND, 0, 0, RETRY, RETRY, RETRY},
    {"set-up", REASON_SETUP, 0, 0, RETRY, RETRY, RETRY},
};

static void every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *r = &rows[i];
		struct reason reason = {
		    .kind = r->kind, .status = r->status, .close_code = r->close_code};
		if (verdict_of(&reason, false, false) != r->plain ||
		    verdict_of(&reason, false, true) != r->plain ||
		    verdict_of(&reason, true, false) != r->command ||
		    verdict_of(&reason, true, true) != r->mended)
			fail_msg("%s", r->name);
	}
}

/* A status left over from elsewhere says nothing about a close code, and the other way round. */
static void only_the_number_of_its_kind_counts(void **state)
{
	struct reason closed = {.kind = REASON_CLOSED, .status = 401, .close_code = 1001};
	struct reason http = {.kind = REASON_HTTP, .status = 503, .close_code = 1008};

	(void)state;
	assert_int_equal(verdict_of(&closed, true, false), RETRY);
	assert_int_equal(verdict_of(&http, true, false), RETRY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row),
	    cmocka_unit_test(only_the_number_of_its_kind_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
