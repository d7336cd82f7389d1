#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "handshake.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* RFC 6455, section 1.3 */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void key_is_base64(void **state)
{
	static const struct {
		const char *random, *key;
	} cases[] = {
	    {"the sample nonce", KEY},
	    {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "AAAAAAAAAAAAAAAAAAAAAA=="},
	    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	        "/////////////////////w=="},
	    {"\xfb\xef\xbe\x69\xb7\x1d\x79\xf8\x21\x8a\x39\x25\x9a\x7a\x29\xab",
	        "++++abcdefghijklmnopqw=="},
	};
	char out[HANDSHAKE_KEY_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		handshake_key(out, (const unsigned char *)cases[i].random);
		assert_string_equal(out, cases[i].key);
	}
}

static void accept_of_the_rfc(void **state)
{
	char out[HANDSHAKE_ACCEPT_SIZE];

	(void)state;
	handshake_accept(out, KEY);
	assert_string_equal(out, ACCEPT);
}

/* With the GUID of 36 bytes these lengths lie around every edge of SHA-1's blocks and padding. */
static void accept_of_every_padding(void **state)
{
	static const struct {
		size_t len;
		const char *accept;
	} cases[] = {
	    {0, "Kfh9QIsMVZcl6xEPYxPHzW8SZ8w="},
	    {1, "cai0HFWL7DEHZkyHxdyv1Pn3R6M="},
	    {18, "qChxkF3JDYNASeew3saQqqTWi7o="},
	    {19, "tWclcP21hrR+xgjYVswtQRW71GQ="},
	    {20, "tSsjsIAvEVIQ+IC5K8+T/OkG8nU="},
	    {27, "qUNe7W8rvas6tQS5F4QBTf/JpvE="},
	    {28, "x9bmfLYIxLMaaT5h0sFuRlAhhb8="},
	    {29, "23YR1Db+zw7wlQpr5c9wffHlaIs="},
	    {82, "BZ0JPMQmH1VG9cKUF6yLHO44z6w="},
	    {83, "c8WQ7edrEIKQKdUK6YpbGv6/vjc="},
	    {84, "oSGTDoRzn25LiA1UjW2lEH1Pvlc="},
	    {91, "Mxd/SwBPfhz1zQHW7M6srlOA0TM="},
	    {92, "LY9EluoxzTck+ySKVLqXrQNaqCc="},
	    {93, "OlyDH6wkbrkWbIFLI9V2r4u7Uus="},
	    {1000, "D5UkHUEpPcw/Kmar+sMcS126/cM="},
	};
	char key[1001], out[HANDSHAKE_ACCEPT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		memset(key, 'k', cases[i].len);
		key[cases[i].len] = '\0';
		handshake_accept(out, key);
		assert_string_equal(out, cases[i].accept);
	}
}

/* 300 digests, each of the one before and a growing tail: one wrong bit changes the last. */
static void accept_of_accepts(void **state)
{
	char key[HANDSHAKE_ACCEPT_SIZE + 300] = "", out[HANDSHAKE_ACCEPT_SIZE] = "";

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		size_t len = strlen(out);

		memcpy(key, out, len);
		memset(key + len, 'x', i);
		key[len + i] = '\0';
		handshake_accept(out, key);
	}
	assert_string_equal(out, "QsDtHeodIk5yG91HyYm2yIUJAr4=");
}

struct check_case {
	struct handshake_answer answer;
	const char *offered;
	enum handshake_verdict verdict;
};

static void run_cases(const struct check_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum handshake_verdict verdict =
		    handshake_check(&cases[i].answer, KEY, cases[i].offered);

		if (verdict != cases[i].verdict)
			fail_msg("case %zu: %d", i, (int)verdict);
	}
}

static void upgrade_and_connection(void **state)
{
	static const struct check_case cases[] = {
	    {{"websocket", "Upgrade", ACCEPT, NULL, NULL}, NULL, HANDSHAKE_OK},
	    {{"WebSocket", "upgrade", ACCEPT, NULL, NULL}, "", HANDSHAKE_OK},
	    {{" WEBSOCKET\t", "keep-alive, UPGRADE", ACCEPT, NULL, NULL}, "mcp", HANDSHAKE_OK},
	    {{"websocket", "a,upgrade ,b", ACCEPT, NULL, NULL}, "mcp", HANDSHAKE_OK},
	    {{NULL, "Upgrade", ACCEPT, NULL, NULL}, NULL, HANDSHAKE_NO_UPGRADE},
	    {{"", "Upgrade", ACCEPT, NULL, NULL}, NULL, HANDSHAKE_NO_UPGRADE},
	    {{"websocke", "Upgrade", ACCEPT, NULL, NULL}, NULL, HANDSHAKE_NO_UPGRADE},
	    {{"websockets", "Upgrade", ACCEPT, NULL, NULL}, NULL, HANDSHAKE_NO_UPGRADE},
	    {{"h2c, websocket", "Upgrade", ACCEPT, NULL, NULL}, NULL, HANDSHAKE_NO_UPGRADE},
	    {{"websocket, h2c", "Upgrade", ACCEPT, NULL, NULL}, NULL, HANDSHAKE_NO_UPGRADE},
	    {{"websocket", NULL, ACCEPT, NULL, NULL}, NULL, HANDSHAKE_NO_CONNECTION},
	    {{"websocket", "", ACCEPT, NULL, NULL}, NULL, HANDSHAKE_NO_CONNECTION},
	    {{"websocket", "close", ACCEPT, NULL, NULL}, NULL, HANDSHAKE_NO_CONNECTION},
	    {{"websocket", "upgraded, not upgrade", ACCEPT, NULL, NULL}, NULL,
	        HANDSHAKE_NO_CONNECTION},
	};

	(void)state;
	run_cases(cases, COUNT(cases));
}

static void accept_and_extensions(void **state)
{
	static const struct check_case cases[] = {
	    {{"websocket", "Upgrade", " " ACCEPT " ", NULL, NULL}, NULL, HANDSHAKE_OK},
	    {{"websocket", "Upgrade", ACCEPT, "", NULL}, NULL, HANDSHAKE_OK},
	    {{"websocket", "Upgrade", NULL, NULL, NULL}, NULL, HANDSHAKE_BAD_ACCEPT},
	    {{"websocket", "Upgrade", "", NULL, NULL}, NULL, HANDSHAKE_BAD_ACCEPT},
	    {{"websocket", "Upgrade", KEY, NULL, NULL}, NULL, HANDSHAKE_BAD_ACCEPT},
	    {{"websocket", "Upgrade", "S3PPLMBITXAQ9KYGZZHZRBK+XOO=", NULL, NULL}, NULL,
	        HANDSHAKE_BAD_ACCEPT},
	    {{"websocket", "Upgrade", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", NULL, NULL}, NULL,
	        HANDSHAKE_BAD_ACCEPT},
	    {{"websocket", "Upgrade", ACCEPT ", " ACCEPT, NULL, NULL}, NULL, HANDSHAKE_BAD_ACCEPT},
	    {{"websocket", "Upgrade", ACCEPT, "permessage-deflate", NULL}, NULL,
	        HANDSHAKE_EXTENSION},
	};

	(void)state;
	run_cases(cases, COUNT(cases));
}

static void subprotocols(void **state)
{
	static const struct check_case cases[] = {
	    {{"websocket", "Upgrade", ACCEPT, NULL, "mcp"}, "mcp", HANDSHAKE_OK},
	    {{"websocket", "Upgrade", ACCEPT, NULL, " mcp "}, "x, mcp ,y", HANDSHAKE_OK},
	    {{"websocket", "Upgrade", ACCEPT, NULL, "y"}, "x,mcp,y", HANDSHAKE_OK},
	    {{"websocket", "Upgrade", ACCEPT, NULL, ""}, "mcp", HANDSHAKE_OK},
	    {{"websocket", "Upgrade", ACCEPT, NULL, "MCP"}, "mcp", HANDSHAKE_BAD_PROTOCOL},
	    {{"websocket", "Upgrade", ACCEPT, NULL, "mc"}, "mcp", HANDSHAKE_BAD_PROTOCOL},
	    {{"websocket", "Upgrade", ACCEPT, NULL, "mcp2"}, "mcp", HANDSHAKE_BAD_PROTOCOL},
	    {{"websocket", "Upgrade", ACCEPT, NULL, "mcp"}, NULL, HANDSHAKE_BAD_PROTOCOL},
	    {{"websocket", "Upgrade", ACCEPT, NULL, "mcp"}, "", HANDSHAKE_BAD_PROTOCOL},
	    {{"websocket", "Upgrade", ACCEPT, NULL, "x, mcp"}, "x, mcp", HANDSHAKE_BAD_PROTOCOL},
	};

	(void)state;
	run_cases(cases, COUNT(cases));
}

static void every_verdict_has_a_text(void **state)
{
	(void)state;
	for (int v = HANDSHAKE_OK; v <= HANDSHAKE_BAD_PROTOCOL; v++)
		assert_non_null(handshake_text((enum handshake_verdict)v));
	assert_string_equal(handshake_text(HANDSHAKE_BAD_ACCEPT),
	    "its 101 answer has no valid Sec-WebSocket-Accept");
}

static void offers_are_lists_of_tokens(void **state)
{
	static const char *const good[] = {"mcp", "mcp, mcp.auth.abc", " a ,b ", "a-b_c~1"};
	static const char *const bad[] = {
	    "", " ", "a,,b", "a,", ",a", "a b", "a\r\nX: 1", "a\nb", "caf\xc3\xa9"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(handshake_offer_valid(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(handshake_offer_valid(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(offers_are_lists_of_tokens),
	    cmocka_unit_test(key_is_base64),
	    cmocka_unit_test(accept_of_the_rfc),
	    cmocka_unit_test(accept_of_every_padding),
	    cmocka_unit_test(accept_of_accepts),
	    cmocka_unit_test(upgrade_and_connection),
	    cmocka_unit_test(accept_and_extensions),
	    cmocka_unit_test(subprotocols),
	    cmocka_unit_test(every_verdict_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
