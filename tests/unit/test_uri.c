#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "uri.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void the_host_is_the_one_that_browsers_go_to(void **state)
{
	static const struct {
		const char *text, *host; /* "?" in front of an odd one */
	} cases[] = {
	    {"https://example.com/path?q=1#f", "example.com"},
	    {"https://example.com", "example.com"},
	    {"HTTPS://Example.com:8443/", "Example.com"},
	    {"https://user:password@example.com/", "example.com"},
	    {"https://good.com@evil.com/", "evil.com"},
	    {"https://good.com:443@evil.com:1@worse.com/", "worse.com"},
	    {"https://good.com\\@evil.com/", "good.com"},
	    {"https://evil.com\\good.com/", "evil.com"},
	    {"https://evil.com#@good.com/", "evil.com"},
	    {"https://evil.com?@good.com/", "evil.com"},
	    {"https:evil.com/", "evil.com"},
	    {"https:////evil.com/", "evil.com"},
	    {"https:\\\\evil.com/", "evil.com"},
	    {"http://[::1]:80/", "[::1]"},
	    {"http://[::1", "[::1"},
	    {"http://user@[::1]/", "[::1]"},
	    {"https://ex\xc3\xa4mple.com/", "?ex\xc3\xa4mple.com"},
	    {"https://xn--exmple-cua.com/", "?xn--exmple-cua.com"},
	    {"https://www.XN--exmple-cua.com/", "?www.XN--exmple-cua.com"},
	    {"https://goo%67le.com/", "?goo%67le.com"},
	    {"https://goo\tgle.com/", "?goo\tgle.com"},
	    {"app://host/x", "host"},
	    {"app://a\\@host/x", "host"},
	    {"mailto:me@example.com", ""},
	    {"javascript:alert(1)", ""},
	    {"example.com/path", ""},
	    {"//example.com", ""},
	    {"https:", ""},
	    {"https://", ""},
	    {":", ""},
	    {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct uri_host h = uri_host(cases[i].text);
		char shown[80];

		assert_true(h.at <= strlen(cases[i].text));
		(void)snprintf(shown, sizeof shown, "%s%.*s", h.odd ? "?" : "", (int)h.len,
		    cases[i].text + h.at);
		assert_string_equal(shown, cases[i].host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_host_is_the_one_that_browsers_go_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
