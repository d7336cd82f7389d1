#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "options.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define ARGUMENTS_MAX 32

static char words[ARGUMENTS_MAX][256];
static char error[OPTIONS_ERROR_SIZE];

/* Parses ${line}, words with one blank in between; '' is an empty word, '~' a blank in one. */
static int parse(struct options *o, const char *line)
{
	char *argv[ARGUMENTS_MAX + 1] = {words[0]};
	int argc = 1;

	strcpy(words[0], "wsmcp");
	while (*line != '\0') {
		size_t len = strcspn(line, " ");

		assert_in_range(argc, 1, ARGUMENTS_MAX - 1);
		assert_in_range(len, 0, sizeof words[0] - 1);
		(void)snprintf(words[argc], sizeof words[argc], "%.*s", (int)len, line);
		if (strcmp(words[argc], "''") == 0)
			words[argc][0] = '\0';
		for (char *c = words[argc]; *c != '\0'; c++)
			if (*c == '~')
				*c = ' ';
		argv[argc] = words[argc];
		argc++;
		line += len;
		line += *line == ' ';
	}
	memset(error, '#', sizeof error - 1);
	return options_parse(o, OPTIONS_BRIDGE, argc, argv, error);
}

static void assert_list(const struct wsmcp_list *list, size_t count, ...)
{
	va_list args;

	assert_int_equal(list->count, count);
	va_start(args, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(list->items[i], va_arg(args, const char *));
	va_end(args);
}

static void nothing_gives_the_defaults(void **state)
{
	struct options o;

	(void)state;
	memset(&o, 0xEE, sizeof o);
	assert_int_equal(parse(&o, ""), 0);
	assert_null(o.server.subprotocol);
	assert_null(o.server.cacert);
	assert_null(o.server.cert);
	assert_null(o.server.key);
	assert_null(o.server.proxy);
	assert_null(o.server.noproxy);
	assert_null(o.server.unix_socket);
	assert_null(o.server.trace);
	assert_null(o.log_file);
	assert_int_equal(o.server.headers.count, 0);
	assert_int_equal(o.server.resolve.count, 0);
	assert_int_equal(o.operand_count, 0);
	assert_false(o.server.insecure || o.quiet || o.help || o.version);
	assert_int_equal(o.verbose, 0);
	assert_int_equal(o.server.connect_timeout, 10000);
	assert_int_equal(o.server.ping_interval, 20000);
	assert_int_equal(o.server.ping_timeout, 20000);
	assert_int_equal(o.linger, 60000);
	assert_int_equal(o.server.max_message, 64 << 20);
	assert_int_equal(o.server.max_reply, 64 << 20);
	options_free(&o);
	options_free(&o);
}

static void each_option_is_taken(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(
	    parse(&o, "--header A:~1 --subprotocol a,b --cacert ca --cert crt --key k --insecure "
	              "--proxy http://p --noproxy * --unix-socket /s --resolve h:1:a "
	              "--connect-timeout 1 --ping-interval 2 --ping-timeout 3 --linger 4 "
	              "--max-message 5 --max-reply"),
	    -1);
	assert_string_equal(error, "option --max-reply needs a value (SIZE)");
	options_free(&o);
	assert_int_equal(
	    parse(&o, "--header A:~1 --subprotocol a,b --cacert ca --cert crt --key k --insecure "
	              "--proxy http://p --noproxy * --unix-socket /s --resolve h:1:a"),
	    0);
	assert_list(&o.server.headers, 1, "A: 1");
	assert_string_equal(o.server.subprotocol, "a,b");
	assert_string_equal(o.server.cacert, "ca");
	assert_string_equal(o.server.cert, "crt");
	assert_string_equal(o.server.key, "k");
	assert_true(o.server.insecure);
	assert_string_equal(o.server.proxy, "http://p");
	assert_string_equal(o.server.noproxy, "*");
	assert_string_equal(o.server.unix_socket, "/s");
	assert_list(&o.server.resolve, 1, "h:1:a");
	options_free(&o);
	assert_int_equal(
	    parse(&o, "--connect-timeout 1 --ping-interval 2 --ping-timeout 3 --linger 4 "
	              "--max-message 5 --max-reply 6 --trace t --log-file l --verbose --quiet "
	              "--help --version"),
	    0);
	assert_int_equal(o.server.connect_timeout, 1000);
	assert_int_equal(o.server.ping_interval, 2000);
	assert_int_equal(o.server.ping_timeout, 3000);
	assert_int_equal(o.linger, 4000);
	assert_int_equal(o.server.max_message, 5);
	assert_int_equal(o.server.max_reply, 6);
	assert_string_equal(o.server.trace, "t");
	assert_string_equal(o.log_file, "l");
	assert_int_equal(o.verbose, 1);
	assert_true(o.quiet && o.help && o.version);
	options_free(&o);
}

static void options_are_written_in_many_ways(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(
	    parse(&o, "t1 -H A:1 -HB:2 --header=C:3 --header D:4 -H=E t2 -kvvH F -x u"), 0);
	assert_list(&o.server.headers, 6, "A:1", "B:2", "C:3", "D:4", "=E", "F");
	assert_int_equal(o.operand_count, 2);
	assert_string_equal(o.operands[0], "t1");
	assert_string_equal(o.operands[1], "t2");
	assert_true(o.server.insecure);
	assert_int_equal(o.verbose, 2);
	assert_string_equal(o.server.proxy, "u");
	options_free(&o);
	/* Values may look like options, and be empty. */
	assert_int_equal(parse(&o, "-H --insecure --proxy= --noproxy '' --trace=a=b -x -"), 0);
	assert_list(&o.server.headers, 1, "--insecure");
	assert_false(o.server.insecure);
	assert_string_equal(o.server.proxy, "-");
	assert_string_equal(o.server.noproxy, "");
	assert_string_equal(o.server.trace, "a=b");
	options_free(&o);
	assert_int_equal(parse(&o, "--proxy= -qhV"), 0);
	assert_string_equal(o.server.proxy, "");
	assert_true(o.quiet && o.help && o.version);
	options_free(&o);
	/* Operands that look like options. */
	assert_int_equal(parse(&o, "- -k '' -- -v -- --help"), 0);
	assert_int_equal(o.operand_count, 5);
	assert_string_equal(o.operands[0], "-");
	assert_string_equal(o.operands[1], "");
	assert_string_equal(o.operands[2], "-v");
	assert_string_equal(o.operands[3], "--");
	assert_string_equal(o.operands[4], "--help");
	assert_true(o.server.insecure);
	assert_int_equal(o.verbose, 0);
	assert_false(o.help);
	options_free(&o);
	assert_int_equal(parse(&o, "-H --"), 0);
	assert_list(&o.server.headers, 1, "--");
	options_free(&o);
}

static void the_last_one_counts(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, "--trace a --trace b --linger 1 --linger 2"), 0);
	assert_string_equal(o.server.trace, "b");
	assert_int_equal(o.linger, 2000);
	options_free(&o);
	assert_int_equal(parse(&o, "--subprotocol a --no-subprotocol"), 0);
	assert_string_equal(o.server.subprotocol, "");
	options_free(&o);
	assert_int_equal(parse(&o, "--no-subprotocol --subprotocol a"), 0);
	assert_string_equal(o.server.subprotocol, "a");
	options_free(&o);
	assert_int_equal(parse(&o, "--max-message 1K"), 0);
	assert_int_equal(o.server.max_reply, 1024);
	options_free(&o);
	assert_int_equal(parse(&o, "--max-reply 7 --max-message 1K"), 0);
	assert_int_equal(o.server.max_reply, 7);
	options_free(&o);
}

static void seconds_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1 = wrong, -2 = too large */
	} cases[] = {
	    {"0", 0},
	    {"0.0", 0},
	    {"00", 0},
	    {"1", 1000},
	    {"007", 7000},
	    {"0.2", 200},
	    {".5", 500},
	    {"5.", 5000},
	    {"1.234", 1234},
	    {"1.2340", 1234},
	    {"1.23400000000000000000000000", 1234},
	    {"1.2341", 1235},
	    {"1.23400000000000000000000001", 1235},
	    {"0.9999", 1000},
	    /* Rounded to 0 it would mean "off". */
	    {"0.0001", 1},
	    {"0.00000000000000000000000000000001", 1},
	    {"315360000", 315360000000},
	    {"315360000.000", 315360000000},
	    {"315360000.0001", -2},
	    {"315360001", -2},
	    {"315360000000", -2},
	    {"99999999999999999999999999999999999999.5", -2},
	    {"99999999999999999999.9999", -2},
	    {"18446744073709551616", -2},
	    {"18446744073709552", -2},
	    {"", -1},
	    {".", -1},
	    {"-1", -1},
	    {"-0", -1},
	    {"+1", -1},
	    {"~1", -1},
	    {"1~", -1},
	    {"1s", -1},
	    {"1,5", -1},
	    {"1.2.3", -1},
	    {"1e3", -1},
	    {"0x10", -1},
	    {"nan", -1},
	    {"inf", -1},
	    {"1.-5", -1},
	    {"99999999999999999999999999999999999999x", -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct options o;
		char line[128];
		int result;

		(void)snprintf(line, sizeof line, "--linger=%s", cases[i].text);
		result = parse(&o, line);
		if (cases[i].ms >= 0) {
			assert_int_equal(result, 0);
			assert_int_equal(o.linger, cases[i].ms);
		} else {
			assert_int_equal(result, -1);
			assert_string_equal(error,
			    cases[i].ms == -1 ? "option --linger needs seconds, like 60 or 0.2"
			                      : "the value of option --linger is too large");
		}
		options_free(&o);
	}
}

static void sizes_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes; /* 0 = wrong, 1 = too large, 2 = too small */
	} cases[] = {
		{"4096", 4096},
		{"04096", 4096},
		{"64K", 65536},
		{"64k", 65536},
		{"3M", 3 << 20},
		{"3m", 3 << 20},
		{"5G", UINT64_C(5) << 30},
		{"5g", UINT64_C(5) << 30},
#if PTRDIFF_MAX == INT64_MAX
		{"9223372036854775807", INT64_MAX},
		{"9007199254740991K", INT64_MAX - 1023},
		{"8589934591G", INT64_MAX - (1 << 30) + 1},
#endif
		{"9223372036854775808", 1},
		{"9007199254740992K", 1},
		{"8589934592G", 1},
		{"17179869184G", 1},
		{"17179869185G", 1},
		{"18446744073709551615", 1},
		{"18446744073709551616", 1},
		{"18446744073709551617", 1},
		{"20000000000000000000", 1},
		{"18446744073709551616000000000000000000001", 1},
		{"18446744073709551617K", 1},
		{"0", 2},
		{"0G", 2},
		{"", 0},
		{"K", 0},
		{"-1", 0},
		{"+1", 0},
		{"~1", 0},
		{"1~", 0},
		{"1.5M", 0},
		{"1T", 0},
		{"1KB", 0},
		{"1KK", 0},
		{"1Ki", 0},
		{"0x10", 0},
		{"20000000000000000000x", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		static const char *const errors[] = {
		    "option --max-reply needs a size, like 65536, 64K or 1G",
		    "the value of option --max-reply is too large",
		    "the value of option --max-reply is too small"};
		struct options o;
		char line[128];
		int result;

		(void)snprintf(line, sizeof line, "--max-reply=%s", cases[i].text);
		result = parse(&o, line);
		if (cases[i].bytes > 2) {
			assert_int_equal(result, 0);
			assert_true(o.server.max_reply == cases[i].bytes);
		} else {
			assert_int_equal(result, -1);
			assert_string_equal(error, errors[cases[i].bytes]);
		}
		options_free(&o);
	}
}

static void errors_name_the_option_and_no_value(void **state)
{
	static const struct {
		const char *line, *error;
	} cases[] = {
	    {"--header", "option --header needs a value (LINE)"},
	    {"-H", "option --header needs a value (LINE)"},
	    {"-vkH", "option --header needs a value (LINE)"},
	    {"SECRET --trace", "option --trace needs a value (FILE)"},
	    {"--insecure=SECRET", "option --insecure takes no value"},
	    {"--insecure=", "option --insecure takes no value"},
	    {"--no-subprotocol=SECRET", "option --no-subprotocol takes no value"},
	    {"--verbose=2", "option --verbose takes no value"},
	    {"--linger SECRET", "option --linger needs seconds, like 60 or 0.2"},
	    {"--max-message SECRET", "option --max-message needs a size, like 65536, 64K or 1G"},
	    {"--haeder=SECRET", "unknown option --haeder, the nearest is --header"},
	    {"--Header SECRET", "unknown option --Header, the nearest is --header"},
	    {"--ca-cert SECRET", "unknown option --ca-cert, the nearest is --cacert"},
	    {"--subprotocols", "unknown option --subprotocols, the nearest is --subprotocol"},
	    {"--logfile", "unknown option --logfile, the nearest is --log-file"},
	    {"--max-size", "unknown option --max-size, the nearest is --max-message"},
	    /* The beginning of a name does not do for it. */
	    {"--connect 1", "unknown option --connect, the nearest is --connect-timeout"},
	    {"--verb", "unknown option --verb, the nearest is --verbose"},
	    {"--h", "unknown option --h, the nearest is --header"},
	    /* Only what may be a name is shown. */
	    {"--header:SECRET", "unknown option --header..., the nearest is --header"},
	    {"--proxy~SECRET", "unknown option --proxy..., the nearest is --proxy"},
	    {"---header", "unknown option --..., the nearest is --key"},
	    {"--=SECRET", "unknown option --, the nearest is --key"},
	    {"--aaaaaaaaaabbbbbbbbbbccccccccccddddddddddSECRET",
	        "unknown option --aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd..., the nearest is"},
	    {"-Z", "unknown option -Z"},
	    {"-vZSECRET", "unknown option -Z"},
	    {"-=SECRET", "unknown option -="},
	    {"-\x1b", "there is an option of one letter that is none"},
	    {"-\xc3\xa9", "there is an option of one letter that is none"},
	    {"-verbose", "a long option begins with two dashes: --verbose"},
	    {"-cacert SECRET", "a long option begins with two dashes: --cacert"},
	    {"-header SECRET", "a long option begins with two dashes: --header"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct options o;

		assert_int_equal(parse(&o, cases[i].line), -1);
		assert_memory_equal(error, cases[i].error, strlen(cases[i].error));
		assert_in_range(strlen(error), 1, OPTIONS_ERROR_SIZE - 1);
		assert_null(strstr(error, "SECRET"));
		options_free(&o);
	}
}

static void no_arguments_at_all_are_survived(void **state)
{
	char *argv[] = {NULL};
	struct options o;

	(void)state;
	assert_int_equal(options_parse(&o, OPTIONS_BRIDGE, 0, argv, error), 0);
	assert_int_equal(o.operand_count, 0);
	assert_null(o.server.subprotocol);
	options_free(&o);
}

static void a_choice_takes_its_words_only(void **state)
{
	static char name[] = "wsmcp", option[] = "--resend", none[] = "none";
	static char other[] = "--resend=nonesuch";
	char *good[] = {name, option, none, NULL}, *bad[] = {name, other, NULL};
	struct options o;

	(void)state;
	assert_int_equal(options_parse(&o, OPTIONS_BRIDGE, 1, good, error), 0);
	assert_int_equal(o.server.resend, WSMCP_RESEND_SAFE);
	assert_int_equal(o.server.offline_timeout, 20000);
	assert_int_equal(o.server.request_timeout, -1);
	assert_int_equal(o.server.retry_delay_max, 30000);
	assert_false(o.server.no_reconnect);
	options_free(&o);
	assert_int_equal(options_parse(&o, OPTIONS_BRIDGE, 3, good, error), 0);
	assert_int_equal(o.server.resend, WSMCP_RESEND_NONE);
	options_free(&o);
	assert_int_equal(options_parse(&o, OPTIONS_BRIDGE, 2, bad, error), -1);
	assert_non_null(strstr(error, "safe|none"));
	assert_null(strstr(error, "nonesuch"));
	options_free(&o);
}

static void help_is_aligned_and_complete(void **state)
{
	static const char *const options[] = {"-H, --header LINE", "--bearer-env VAR",
	    "--header-env NAME=VAR", "--header-command CMD", "--subprotocol LIST",
	    "--no-subprotocol", "--cacert FILE", "--cert FILE", "--key FILE", "-k, --insecure",
	    "-x, --proxy URL", "--noproxy LIST", "--unix-socket PATH", "--resolve H:P:A",
	    "--connect-timeout SEC", "--offline-timeout SEC", "--request-timeout SEC",
	    "--ping-interval SEC", "--ping-timeout SEC", "--retry-delay-max SEC", "--no-reconnect",
	    "--resend safe|none", "--linger SEC", "--max-message SIZE", "--max-reply SIZE",
	    "--trace FILE", "--config FILE", "--trust-project DIR", "--log-file FILE",
	    "-v, --verbose", "-q, --quiet", "-h, --help", "-V, --version"};
	char *text = NULL, *line, *end;
	size_t size = 0, found = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	options_print_help(out, OPTIONS_BRIDGE);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "(default: 20)"));
	assert_non_null(strstr(text, "(default: 64M)"));
	for (line = text; *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		assert_non_null(end);
		*end = '\0';
		assert_in_range(end - line, 31, 80);
		assert_int_not_equal(end[-1], ' ');
		/* The texts stand in one column. */
		assert_int_equal(line[27], ' ');
		assert_int_equal(line[28], ' ');
		assert_int_not_equal(line[29], ' ');
		if (line[2] == ' ' && line[6] == ' ') {
			assert_int_equal(strspn(line, " "), 29);
			continue;
		}
		assert_in_range(found, 0, COUNT(options) - 1);
		assert_memory_equal(line + (options[found][1] == '-' ? 6 : 2), options[found],
		    strlen(options[found]));
		found++;
	}
	assert_int_equal(found, COUNT(options));
	free(text);
}

static void commands_have_options_of_their_own(void **state)
{
	static const struct {
		enum options_command command;
		int64_t offline_timeout;
	} commands[] = {{OPTIONS_BRIDGE, 20000}, {OPTIONS_ENTRY, 20000}, {OPTIONS_TOOLS, -1},
	    {OPTIONS_CALL, -1}, {OPTIONS_REQUEST, -1}};
	char program[] = "wsmcp", args[] = "--args={}", raw[] = "--raw", text[] = "--text",
	     save[] = "--save", json[] = "--json", root[] = "--root=a", root2[] = "--root=b",
	     protocol[] = "--protocol=modern", offline[] = "--offline-timeout=0", dir[] = "dir";
	char *all[] = {program, args, raw, text, save, dir, json, root, root2, protocol, offline};
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		assert_int_equal(options_parse(&o, commands[i].command, 1, all, error), 0);
		assert_int_equal(o.server.offline_timeout, commands[i].offline_timeout);
		assert_int_equal(o.server.protocol, WSMCP_PROTOCOL_AUTO);
		options_free(&o);
	}
	assert_int_equal(options_parse(&o, OPTIONS_CALL, 11, all, error), 0);
	assert_string_equal(o.args, "{}");
	assert_true(o.raw && o.text && o.json);
	assert_string_equal(o.save, "dir");
	assert_int_equal(o.server.roots.count, 2);
	assert_string_equal(o.server.roots.items[1], "b");
	assert_int_equal(o.server.protocol, WSMCP_PROTOCOL_MODERN);
	assert_int_equal(o.server.offline_timeout, 0);
	options_free(&o);
	for (enum options_command other = OPTIONS_TOOLS; other <= OPTIONS_REQUEST; other <<= 1) {
		assert_int_equal(
		    options_parse(&o, other, 2, all, error), other == OPTIONS_CALL ? 0 : -1);
		options_free(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_gives_the_defaults),
	    cmocka_unit_test(each_option_is_taken),
	    cmocka_unit_test(options_are_written_in_many_ways),
	    cmocka_unit_test(the_last_one_counts),
	    cmocka_unit_test(seconds_are_read),
	    cmocka_unit_test(sizes_are_read),
	    cmocka_unit_test(errors_name_the_option_and_no_value),
	    cmocka_unit_test(no_arguments_at_all_are_survived),
	    cmocka_unit_test(a_choice_takes_its_words_only),
	    cmocka_unit_test(help_is_aligned_and_complete),
	    cmocka_unit_test(commands_have_options_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
