#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "url.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void urls_are_told_from_names(void **state)
{
	static const char *const urls[] = {"ws://h", "wss://h", "http://", "a+b-1.c://x", "X://"};
	static const char *const names[] = {"", "weather", "ws:h", "ws:/h", "://h", "1ws://h",
	    "+x://h", "w s://h", "server:443", "w_s://h", "\xc3\xa9://h", "-x://h"};

	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++)
		assert_true(url_is(urls[i]));
	for (size_t i = 0; i < COUNT(names); i++)
		assert_false(url_is(names[i]));
}

static void good_urls_are_read(void **state)
{
	static const struct {
		const char *text;
		struct url url; /* tls, loopback, userinfo, query, host, port */
	} cases[] = {
	    {"ws://example.com", {false, false, false, false, "example.com", "80"}},
	    {"wss://example.com/", {true, false, false, false, "example.com", "443"}},
	    {"WsS://Example.COM:8443/mcp", {true, false, false, false, "Example.COM", "8443"}},
	    {"ws://h?token=x", {false, false, false, true, "h", "80"}},
	    {"ws://h/a?b#c", {false, false, false, true, "h", "80"}},
	    {"ws://h/a#b?c", {false, false, false, false, "h", "80"}},
	    {"ws://h#a", {false, false, false, false, "h", "80"}},
	    {"ws://u:p@h:1/x", {false, false, true, false, "h", "1"}},
	    {"ws://u@h", {false, false, true, false, "h", "80"}},
	    {"ws://@h", {false, false, false, false, "h", "80"}},
	    {"ws://h/@u:p", {false, false, false, false, "h", "80"}},
	    {"ws://h/u%40p", {false, false, false, false, "h", "80"}},
	    {"ws://h/?u@p", {false, false, false, true, "h", "80"}},
	    {"ws://h:65535", {false, false, false, false, "h", "65535"}},
	    {"ws://h:00080", {false, false, false, false, "h", "00080"}},
	    {"ws://my_host-1.x", {false, false, false, false, "my_host-1.x", "80"}},
	    {"ws://m\xc3\xbcller.de/", {false, false, false, false, "m\xc3\xbcller.de", "80"}},
	    {"ws://[::1]", {false, true, false, false, "::1", "80"}},
	    {"ws://[0:0:0:0:0:0:0:1]:9/x", {false, true, false, false, "0:0:0:0:0:0:0:1", "9"}},
	    {"ws://u@[fe80::1%25eth0]:9", {false, false, true, false, "fe80::1%25eth0", "9"}},
	    {"ws://[::1%lo]", {false, true, false, false, "::1%lo", "80"}},
	    {"ws://[::ffff:127.0.0.1]", {false, false, false, false, "::ffff:127.0.0.1", "80"}},
	    {"ws://[::]", {false, false, false, false, "::", "80"}},
	    {"ws://localhost", {false, true, false, false, "localhost", "80"}},
	    {"ws://LOCALHOST.:1", {false, true, false, false, "LOCALHOST.", "1"}},
	    {"ws://a.b.localhost", {false, true, false, false, "a.b.localhost", "80"}},
	    {"ws://a.localhost.", {false, true, false, false, "a.localhost.", "80"}},
	    {"ws://.localhost", {false, false, false, false, ".localhost", "80"}},
	    {"ws://alocalhost", {false, false, false, false, "alocalhost", "80"}},
	    {"ws://localhost.evil.com", {false, false, false, false, "localhost.evil.com", "80"}},
	    {"ws://localhost@evil.com", {false, false, true, false, "evil.com", "80"}},
	    {"ws://127.0.0.1", {false, true, false, false, "127.0.0.1", "80"}},
	    {"ws://127.255.3.4", {false, true, false, false, "127.255.3.4", "80"}},
	    {"ws://126.0.0.1", {false, false, false, false, "126.0.0.1", "80"}},
	    {"ws://128.0.0.1", {false, false, false, false, "128.0.0.1", "80"}},
	    {"ws://127.0.0.1.evil.com", {false, false, false, false, "127.0.0.1.evil.com", "80"}},
	    {"ws://127.0.0.256", {false, false, false, false, "127.0.0.256", "80"}},
	    {"ws://1.2.3.127", {false, false, false, false, "1.2.3.127", "80"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct url *expected = &cases[i].url;
		struct url url;

		memset(&url, 0xEE, sizeof url);
		assert_null(url_parse(&url, cases[i].text));
		assert_string_equal(url.host, expected->host);
		assert_string_equal(url.port, expected->port);
		assert_int_equal(url.tls, expected->tls);
		assert_int_equal(url.loopback, expected->loopback);
		assert_int_equal(url.has_userinfo, expected->has_userinfo);
		assert_int_equal(url.has_query, expected->has_query);
	}
}

static void bad_urls_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *reason; /* a word of it */
	} cases[] = {
	    {"", "not a URL"},
	    {"SECRET", "not a URL"},
	    {"ws:SECRET", "not a URL"},
	    {"ws:/SECRET", "not a URL"},
	    {"//SECRET", "not a URL"},
	    {"http://SECRET", "scheme"},
	    {"https://SECRET", "scheme"},
	    {"socks5://SECRET", "scheme"},
	    {"wsss://SECRET", "scheme"},
	    {"SECRET://h", "scheme"},
	    {"ws://", "no host"},
	    {"ws:///SECRET", "no host"},
	    {"ws://?SECRET", "no host"},
	    {"ws://SECRET@", "no host"},
	    {"ws://:80", "no host"},
	    {"ws://a b", "white space"},
	    {"ws://a\tb", "white space"},
	    {"ws://a/SECRET\n", "white space"},
	    {"ws://a/\x01SECRET", "white space"},
	    {"ws://a/\x7fSECRET", "white space"},
	    {"ws://h:", "port"},
	    {"ws://h:0", "port"},
	    {"ws://h:65536", "port"},
	    {"ws://h:000080", "port"},
	    {"ws://h:-1", "port"},
	    {"ws://h:SECRET", "port"},
	    {"ws://h:80x", "port"},
	    {"ws://h:80:90", "port"},
	    {"ws://user:SECRET/x@h", "port"},
	    {"ws://a@SECRET@h", "@"},
	    {"ws://user/SECRET@h", "behind its host"},
	    {"ws://user:1/SECRET@h", "behind its host"},
	    {"ws://user?SECRET@h", "behind its host"},
	    {"ws://user#SECRET@h", "behind its host"},
	    {"ws://SECRET%40h", "character"},
	    {"ws://h\\SECRET", "character"},
	    {"ws://h\\@SECRET\\", "character"},
	    {"ws://h;SECRET", "character"},
	    {"ws://h*", "character"},
	    {"ws://[::1", "]"},
	    {"ws://[SECRET]", "IPv6"},
	    {"ws://[]", "IPv6"},
	    {"ws://[::1%]", "IPv6"},
	    {"ws://[::1%SEC/RET]", "]"},
	    {"ws://[::1%SEC:RET]", "IPv6"},
	    {"ws://[127.0.0.1]", "IPv6"},
	    {"ws://[::1]SECRET", "port"},
	    {"ws://[::1]x80", "port"},
	    {"ws://[::1]:SECRET", "port"},
	    {"ws://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]", "IPv6"},
	    {"ws://::1", "no host"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct url url;
		const char *reason = url_parse(&url, cases[i].text);

		assert_non_null(reason);
		assert_non_null(strstr(reason, cases[i].reason));
		assert_null(strstr(reason, "SECRET"));
	}
}

static void lengths_have_limits(void **state)
{
	char text[URL_MAX + 2];
	struct url url;

	(void)state;
	memset(text, 'a', sizeof text);
	memcpy(text, "ws://h/", 7);
	text[URL_MAX] = '\0';
	assert_null(url_parse(&url, text));
	text[URL_MAX] = 'a';
	text[URL_MAX + 1] = '\0';
	assert_string_equal(url_parse(&url, text), "the URL is too long");
	memset(text, 'a', sizeof text);
	memcpy(text, "ws://", 5);
	text[5 + 255] = '\0';
	assert_null(url_parse(&url, text));
	assert_int_equal(strlen(url.host), 255);
	text[5 + 255] = 'a';
	text[5 + 256] = '\0';
	assert_string_equal(url_parse(&url, text), "the URL's host is too long");
}

static void display_hides_what_is_secret(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
	    {"ws://h", "ws://h"},
	    {"WSS://Host.Example:8443/a/b", "wss://Host.Example:8443/a/b"},
	    {"https://proxy:3128", "https://proxy:3128"},
	    {"http://u:S@proxy:3128/", "http://proxy:3128/"},
	    {"socks5h://S@proxy:1080", "socks5h://proxy:1080"},
	    {"socks4://p", "socks4://p"},
	    {"ws://u:S@h/p", "ws://h/p"},
	    {"ws://S@h?S#S", "ws://h?..."},
	    {"ws://user:S@S@h/p", "ws://h/p"},
	    {"ws://@S@@h/p", "ws://h/p"},
	    {"ws://u:S%40x@h/p", "ws://h/p"},
	    {"ws://S@[::1]:80/p", "ws://[::1]:80/p"},
	    {"ws://S\\@h/p", "ws://h/p"},
	    {"ws://h/p?S", "ws://h/p?..."},
	    {"ws://h?", "ws://h?..."},
	    {"ws://h/p?a=S&b=S#S", "ws://h/p?..."},
	    {"ws://h/p#S", "ws://h/p"},
	    {"ws://h#S?S", "ws://h"},
	    {"ws://h/p%3Fa=S", "ws://h/p..."},
	    {"ws://h/p%3fa=S", "ws://h/p..."},
	    {"ws://h/p%23S", "ws://h/p..."},
	    {"ws://h/p?user=S@S.com", "ws://h/p?..."},
	    {"ws://h/@owner/server?S", "ws://h/@owner/server?..."},
	    /* Userinfo in which something was not encoded. */
	    {"ws://S/S@h/p", "ws://..."},
	    {"ws://S:1/S@h/p", "ws://..."},
	    {"ws://S/S%40h/p", "ws://..."},
	    {"ws://S?S@h/p", "ws://..."},
	    {"ws://S#S@h/p", "ws://..."},
	    {"ws://u:S/S@h/p", "(not a URL)"},
	    {"ws://u:S?S@h/p", "(not a URL)"},
	    {"ws://u:S#S@h/p", "(not a URL)"},
	    {"ws://ws://u:S@h/p", "(not a URL)"},
	    {"ws://u%3AS%40h/p", "(not a URL)"},
	    {"ws://h\\@S\\", "(not a URL)"},
	    /* Not URLs. */
	    {"", "(not a URL)"},
	    {"S", "(not a URL)"},
	    {"/path?token=S", "(not a URL)"},
	    {"//u:S@h", "(not a URL)"},
	    {"ws:/u:S@h", "(not a URL)"},
	    {"ws:u:S@h", "(not a URL)"},
	    {"ws:///u:S@h", "(not a URL)"},
	    {"ws:\\\\u:S@h", "(not a URL)"},
	    {" ws://u:S@h", "(not a URL)"},
	    {"u:S@h:3128", "(not a URL)"},
	    {"ftp://u:S@h", "(not a URL)"},
	    {"S://h", "(not a URL)"},
	    {"ws://u:S@", "(not a URL)"},
	    {"ws://u@h:S", "(not a URL)"},
	    {"ws://[S]", "(not a URL)"},
	    /* Nothing that steers a terminal. */
	    {"ws://h/\x1b[31m\n\t \x7f", "ws://h/%1B[31m%0A%09%20%7F"},
	    {"ws://h/\xe2\x80\xae\x9b", "ws://h/%E2%80%AE%9B"},
	    {"ws://m\xc3\xbcller.de/", "ws://m%C3%BCller.de/"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char out[256];

		assert_ptr_equal(url_display(out, sizeof out, cases[i].text), out);
		assert_string_equal(out, cases[i].shown);
	}
}

static void display_is_cut(void **state)
{
	static const char text[] = "ws://host.example/path/\x1b/x?query";
	static const char whole[] = "ws://host.example/path/%1B/x?...";
	char out[64];

	(void)state;
	for (size_t size = 0; size < sizeof out - 1; size++) {
		memset(out, '#', sizeof out);
		url_display(out, size, text);
		assert_int_equal(out[size], '#');
		if (size == 0)
			continue;
		assert_true(strlen(out) < size);
		if (size >= sizeof whole) {
			assert_string_equal(out, whole);
		} else if (size >= 4) {
			assert_string_equal(out + strlen(out) - 3, "...");
			assert_memory_equal(out, whole, strlen(out) - 3);
		}
	}
	url_display(out, 6, "nothing");
	assert_string_equal(out, "...");
}

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static void append(char *text, const char *piece)
{
	assert_true(strlen(text) + strlen(piece) < 1024);
	strcat(text, piece);
}

/* Adds up to ${most} pieces. */
static void append_noise(char *text, const char *const *pieces, uint32_t count, uint32_t most)
{
	for (uint32_t n = draw(most + 1); n > 0; n--)
		append(text, pieces[draw(count)]);
}

#define SECRET "SeCrEt"

/* Where a secret may stand: in front of the "@", behind the "?", behind the "#". */
static void no_secret_is_ever_shown(void **state)
{
	/* What userinfo has in it. Without "/", "?" and "#" it is userinfo whatever else it is. */
	static const char *const user[] = {"a", "Z", "0", "80", ":", "@", "%40", "%3A", "%2F", "\\",
	    "[", "]", ".", ";", "&", "=", "+", "-", "localhost", " ", "\t", "\x1b", "\xc3\xa9", "%",
	    "::1", "[::1]", "ws", "://"};
	static const char *const path[] = {
	    "/", "a", "..", "@", "%40", ":", "\\", "//", "%2F", ";", "\n"};
	static const char *const query[] = {
	    "?", "#", "/", "@", "%", "&", "=", ":", "a", "\\", "://", "/@", "%3F", "\x1b", "%40"};
	static const char *const schemes[] = {
	    "ws", "wss", "WS", "http", "https", "socks5", "socks5h"};
	static const char *const hosts[] = {
	    "h", "h:80", "[::1]:1", "a.b", "127.0.0.1", "", "h:", "h:x", "[", "h%41", "\xc3\xa9"};

	(void)state;
	seed = 20260728;
	for (int round = 0; round < 200000; round++) {
		char text[1024] = "", shown[1024];
		uint32_t place = draw(3);

		append(text, schemes[draw(COUNT(schemes))]);
		append(text, draw(8) == 0 ? ":/" : draw(8) == 0 ? ":" : "://");
		append_noise(text, user, COUNT(user), 3);
		if (place == 0)
			append(text, SECRET);
		if (place == 0 || draw(2) == 0) {
			append_noise(text, user, COUNT(user), 3);
			append(text, "@");
		}
		append(text, hosts[draw(COUNT(hosts))]);
		if (draw(2) == 0) {
			append(text, "/");
			append_noise(text, path, COUNT(path), 4);
		}
		if (place > 0 || draw(2) == 0) {
			append(text, place == 1 ? "?" : "#");
			append_noise(text, query, COUNT(query), 3);
			append(text, SECRET);
			append_noise(text, query, COUNT(query), 3);
		}
		url_display(shown, sizeof shown, text);
		if (strstr(shown, SECRET) != NULL)
			fail_msg("%s is shown as %s", text, shown);
		for (const char *c = shown; *c != '\0'; c++)
			assert_true(*c >= ' ' && *c < 0x7f);
	}
}

/*
 * Userinfo in which a "/", or a "?" or "#", was not encoded. What cannot be told from a host
 * and a path is left out: "/" directly in front of the "@", and "?" behind "/".
 */
static void no_unencoded_secret_is_ever_shown(void **state)
{
	static const char *const pieces[] = {"a", "Z", "0", "80", ":", "%40", "%2F", "\\", "[", "]",
	    ".", "+", "=", "localhost", "::1", "[::1]", "%", ";"};
	static const char *const breaks[] = {"/", "//", "?", "#"};

	(void)state;
	seed = 20261122;
	for (int round = 0; round < 200000; round++) {
		char text[1024] = "wss://", shown[1024];
		uint32_t slash = draw(2) * 2, before = draw(2);

		append_noise(text, pieces, COUNT(pieces), 3);
		if (before == 0)
			append(text, breaks[slash + draw(2)]);
		append_noise(text, pieces, COUNT(pieces), 2);
		append(text, SECRET);
		if (before == 1)
			append(text, breaks[slash + draw(2)]);
		append_noise(text, pieces, COUNT(pieces), 3);
		if (text[strlen(text) - 1] == '/')
			append(text, "=");
		append(text, draw(2) == 0 ? "@host" : "@host:1/path");
		if (strstr(text, "/%40") != NULL)
			continue;
		url_display(shown, sizeof shown, text);
		if (strstr(shown, SECRET) != NULL)
			fail_msg("%s is shown as %s", text, shown);
	}
}

/* Neither function may read behind the text or fall over any of it. */
static void noise_is_survived(void **state)
{
	static const char some[] = "ws:/@?#[]%.0a\\\x80\x1b-25hl";

	(void)state;
	seed = 7;
	for (int round = 0; round < 200000; round++) {
		char text[40], shown[64];
		struct url url;
		size_t len = draw(sizeof text - 1), at = 0;

		if (draw(2) == 0 && len >= 5) {
			memcpy(text, "ws://", 5);
			at = 5;
		}
		for (; at < len; at++)
			text[at] = some[draw(sizeof some - 1)];
		text[len] = '\0';
		url_display(shown, sizeof shown, text);
		for (const char *c = shown; *c != '\0'; c++)
			assert_true(*c >= ' ' && *c < 0x7f);
		if (url_parse(&url, text) == NULL) {
			assert_true(url_is(text));
			assert_true(url.host[0] != '\0' && url.port[0] != '\0');
			assert_string_not_equal(shown, "(not a URL)");
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(urls_are_told_from_names),
	    cmocka_unit_test(good_urls_are_read),
	    cmocka_unit_test(bad_urls_are_refused),
	    cmocka_unit_test(lengths_have_limits),
	    cmocka_unit_test(display_hides_what_is_secret),
	    cmocka_unit_test(display_is_cut),
	    cmocka_unit_test(no_secret_is_ever_shown),
	    cmocka_unit_test(no_unencoded_secret_is_ever_shown),
	    cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
