/* Every refusal, and that nothing secret is in its words. */
#include "trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct server harmless = {.name = "theirs",
    .url = "wss://example.com/mcp",
    .timeout = -1,
    .place = CONFIG_REPOSITORY,
    .file = "/home/me/clone/.mcp.json",
    .line = 1,
    .column = 1,
    .foreign = true};

static char error[TRUST_ERROR_SIZE];

static void assert_says(const char *part)
{
	if (strstr(error, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error, part);
}

static bool allows(
    const struct server *server, const char *name, const struct wsmcp_options *options)
{
	bool allowed;

	memset(error, 'x', sizeof error);
	allowed = trust_allows(server, name, options, error);
	if (allowed)
		return true;
	assert_true(strlen(error) < sizeof error);
	assert_null(strstr(error, "SECRET"));
	assert_says("\"theirs\"");
	assert_says(server->file + strlen(server->file) - strlen(".mcp.json"));
	return false;
}

static void what_is_harmless_is_allowed(void **state)
{
	static const struct config_header headers[] = {{"X-Version", "1"}, {"X-Price", "$5 {a}"}};
	struct wsmcp_options options = {0};
	struct server server = harmless;

	(void)state;
	assert_true(allows(&server, "theirs", &options));
	server.headers = headers;
	server.header_count = COUNT(headers);
	server.subprotocol = "mcp";
	server.cacert = "/etc/ca.pem";
	server.proxy = "http://proxy";
	server.timeout = 5000;
	options.cacert = options.noproxy = options.unix_socket = options.trace = "x";
	options.subprotocol = "mcp,other";
	options.insecure = true;
	options.config = "x";
	assert_true(allows(&server, "theirs", &options));
}

static void part_of_a_name_is_not_enough(void **state)
{
	static const char *const names[] = {"the", "theirs2", "Theirs", ""};
	struct wsmcp_options options = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_false(allows(&harmless, names[i], &options));
		assert_says("not enough of its name");
		assert_says("--trust-project /home/me/clone ");
	}
}

static void what_the_user_has_for_others_is_refused(void **state)
{
	static const char *items[] = {"Authorization: SECRET"};
	const struct wsmcp_list one = {items, 1};
	const struct {
		struct wsmcp_options options;
		const char *said;
	} rows[] = {
	    {{.headers = one}, "--header;"},
	    {{.bearer_env = "SECRET"}, "--bearer-env"},
	    {{.header_env = one}, "--header-env"},
	    {{.header_command = "SECRET"}, "--header-command"},
	    {{.cert = "SECRET"}, "--cert"},
	    {{.key = "SECRET"}, "--key"},
	    {{.proxy = "http://SECRET@proxy"}, "--proxy"},
	    {{.subprotocol = "mcp, mcp.auth.SECRET"}, "--subprotocol"},
	    {{.subprotocol = "MCP.Auth.SECRET"}, "--subprotocol"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct server server = harmless;

		assert_false(allows(&server, "theirs", &rows[i].options));
		assert_says(rows[i].said);
		assert_says("--trust-project /home/me/clone ");
		server.foreign = false;
		assert_true(allows(&server, "the", &rows[i].options));
	}
}

static void what_an_entry_may_not_do_is_refused(void **state)
{
	static const struct config_header values[] = {{"A", "b"}, {"X", "Bearer ${SECRET}"}};
	static const struct config_header names[] = {{"${SECRET}", "x"}};
	const struct {
		struct server server;
		const char *said;
	} rows[] = {
	    {{.header_command = "SECRET"}, "\"headersHelper\" is not run"},
	    {{.header_command = ""}, "\"headersHelper\" is not run"},
	    {{.cert = "SECRET"}, "its \"cert\""},
	    {{.key = "SECRET"}, "its \"key\""},
	    {{.url = "wss://a/${SECRET}"}, "variable is read for the ${...} in its \"url\""},
	    {{.url = "${SECRET:-wss://a}"}, "in its \"url\""},
	    {{.url = "wss://a/${SECRET"}, "in its \"url\""},
	    {{.headers = values, .header_count = 2}, "in its \"headers\""},
	    {{.headers = names, .header_count = 1}, "in its \"headers\""},
	    {{.subprotocol = "${SECRET}"}, "in its \"subprotocol\""},
	    {{.cacert = "${SECRET}"}, "in its \"cacert\""},
	    {{.proxy = "http://${SECRET}"}, "in its \"proxy\""},
	};
	struct wsmcp_options options = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct server server = rows[i].server;

		server.name = harmless.name;
		server.file = harmless.file;
		server.foreign = true;
		if (server.url == NULL)
			server.url = harmless.url;
		assert_false(allows(&server, "theirs", &options));
		assert_says(rows[i].said);
		assert_says("--trust-project /home/me/clone ");
		server.foreign = false;
		assert_true(allows(&server, "theirs", &options));
	}
}

static void the_directory_can_be_pasted(void **state)
{
	struct wsmcp_options options = {.bearer_env = "X"};
	struct server server = harmless;
	char file[3000] = "", name[300] = "";

	(void)state;
	server.file = "/home/me/it's mine/.mcp.json";
	assert_false(allows(&server, "theirs", &options));
	assert_says("/home/me/it's mine/.mcp.json, so");
	assert_says("--trust-project '/home/me/it'\\''s mine' allows");
	server.file = "/.mcp.json";
	assert_false(allows(&server, "theirs", &options));
	assert_says("--trust-project / allows");

	/* One that does not fit is not cut to another one. */
	while (strlen(file) < 2900)
		strcat(file, "/some directory");
	strcat(file, "/.mcp.json");
	server.file = file;
	assert_false(allows(&server, "theirs", &options));
	assert_says("--trust-project with the directory of that file allows");

	/* Whatever is long, the sentence is whole. */
	file[0] = '\0';
	while (strlen(file) < 396)
		strcat(file, "/x");
	strcat(file, "/.mcp.json");
	memset(name, 'n', sizeof name - 1);
	server.name = name;
	(void)trust_allows(&server, name + 1, &options, error);
	assert_says("--trust-project /x/x");
	assert_string_equal(error + strlen(error) - strlen("/x/x allows it"), "/x/x allows it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_harmless_is_allowed),
	    cmocka_unit_test(part_of_a_name_is_not_enough),
	    cmocka_unit_test(what_the_user_has_for_others_is_refused),
	    cmocka_unit_test(what_an_entry_may_not_do_is_refused),
	    cmocka_unit_test(the_directory_can_be_pasted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
