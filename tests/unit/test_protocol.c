#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol.h"
#include "version.h"

#define INFO "{\"name\":\"wsmcp\",\"version\":\"" WSMCP_VERSION "\"}"
#define META                                                                                       \
	"\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                              \
	"\"io.modelcontextprotocol/clientInfo\":" INFO ","                                         \
	"\"io.modelcontextprotocol/clientCapabilities\":"
#define TASKS "\"extensions\":{\"io.modelcontextprotocol/tasks\":{}}"

static void check(struct buf *b, const char *expected)
{
	if (b->len != strlen(expected) || (b->len && memcmp(b->data, expected, b->len) != 0))
		print_error("%.*s\n", (int)b->len, b->data ? (const char *)b->data : "");
	assert_int_equal(b->len, strlen(expected));
	assert_memory_equal(b->data ? (const char *)b->data : "", expected, b->len);
	buf_clear(b);
}

static void test_initialize(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX / 2);
	assert_true(protocol_append_initialize(&b, 0));
	check(
	    &b, "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":" INFO "}");
	assert_true(protocol_append_initialize(&b, PROTOCOL_ELICITS | PROTOCOL_HAS_ROOTS));
	check(&b,
	    "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"elicitation\":{\"form\":{},"
	    "\"url\":{}},\"roots\":{}},\"clientInfo\":" INFO "}");
	assert_true(protocol_append_initialize(&b, PROTOCOL_SAMPLES));
	check(&b, "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"sampling\":{}},"
	          "\"clientInfo\":" INFO "}");
	buf_free(&b);
	buf_init(&b, 80);
	assert_false(protocol_append_initialize(&b, 0));
	buf_free(&b);
}

static void test_params(void **state)
{
	static const struct {
		bool modern;
		const char *params;
		int64_t token;
		const char *expected;
	} rows[] = {
	    {false, NULL, 0, ""},
	    {false, "{ \"a\":1 }", 0, "{ \"a\":1 }"},
	    {false, "[1]", 7, "[1]"},
	    {true, "[1]", 7, "[1]"},
	    {false, NULL, 7, "{\"_meta\":{\"progressToken\":7}}"},
	    {false, "{\"a\":1.0}", 7, "{\"a\":1.0,\"_meta\":{\"progressToken\":7}}"},
	    {false, "{\"_meta\":{\"progressToken\":\"x\"}}", 7,
	        "{\"_meta\":{\"progressToken\":\"x\"}}"},
	    {false, "{\"_meta\":{\"x\" : 1.0},\"a\":1}", 7,
	        "{\"a\":1,\"_meta\":{\"x\" : 1.0,\"progressToken\":7}}"},
	    {false, "{\"_meta\":5}", 7, "{\"_meta\":5}"},
	    {true, NULL, 0, "{\"_meta\":{" META "{" TASKS "}}}"},
	    {true, "{\"a\":1}", 7, "{\"a\":1,\"_meta\":{" META "{" TASKS "},\"progressToken\":7}}"},
	    /* What the program says itself is meant so. */
	    {true,
	        "{\"_meta\":{\"io.modelcontextprotocol/clientInfo\":{},\"io.modelcontextprotocol/"
	        "clientCapabilities\":{},\"io.modelcontextprotocol/logLevel\":\"debug\"}}",
	        0,
	        "{\"_meta\":{\"io.modelcontextprotocol/clientInfo\":{},\"io.modelcontextprotocol/"
	        "clientCapabilities\":{},\"io.modelcontextprotocol/logLevel\":\"debug\","
	        "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}"},
	};
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX / 2);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *p = rows[i].params;
		assert_true(protocol_append_params(
		    &b, rows[i].modern, 0, p, p ? strlen(p) : 0, rows[i].token));
		check(&b, rows[i].expected);
	}
	assert_true(protocol_append_params(&b, true, PROTOCOL_SAMPLES, NULL, 0, 0));
	check(&b, "{\"_meta\":{" META "{\"sampling\":{}," TASKS "}}}");
	buf_free(&b);
}

static bool initialize(struct protocol *p, const char *result, char *error)
{
	error[0] = '\0';
	return protocol_learn_initialize(p, result, strlen(result), error);
}

static void test_learning_initialize(void **state)
{
	struct protocol p = {0};
	char error[PROTOCOL_ERROR_SIZE];

	(void)state;
	assert_true(initialize(&p, "{ \"protocolVersion\":\"2024-11\\u002d05\"}", error));
	assert_string_equal(p.version, "2024-11-05");
	assert_string_equal(p.result, "{ \"protocolVersion\":\"2024-11\\u002d05\"}");
	assert_false(p.modern || p.task_calls || p.task_cancel);
	assert_true(initialize(&p,
	    "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tasks\":{\"cancel\":{},"
	    "\"requests\":{\"tools\":{\"call\":{}}}}}}",
	    error));
	assert_true(p.task_calls && p.task_cancel);
	assert_true(initialize(&p,
	    "{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{\"tasks\":{\"requests\":{}}}}",
	    error));
	assert_false(p.task_calls || p.task_cancel);
	assert_false(initialize(&p, "{\"protocolVersion\":\"2026-07-28\"}", error));
	assert_non_null(strstr(error, "2026-07-28"));
	assert_null(p.version);
	assert_false(initialize(&p, "{\"protocolVersion\":\"1\\u001b\\n\"}", error));
	assert_non_null(strstr(error, "1\\x1b\\x0a;"));
	assert_false(initialize(&p, "{\"protocolVersion\":20251125}", error));
	assert_non_null(strstr(error, "protocolVersion"));
	assert_false(initialize(&p, "{}", error));
	char large[9000] = "{\"protocolVersion\":\"";
	memset(large + strlen(large), 'v', 8000);
	strcpy(large + 8020, "\"}");
	assert_false(initialize(&p, large, error));
	assert_true(strlen(error) < sizeof error);
	protocol_free(&p);
}

static bool discover(struct protocol *p, const char *result, char *error)
{
	error[0] = '\0';
	return protocol_learn_discover(p, result, strlen(result), error);
}

static void test_learning_discover(void **state)
{
	struct protocol p = {0};
	char error[PROTOCOL_ERROR_SIZE];

	(void)state;
	assert_true(discover(&p,
	    "{\"supportedVersions\":[\"2027-01-01\",7,\"2026-07-28\"],\"capabilities\":{\"a\":1.0},"
	    "\"instructions\":\"do\",\"ttlMs\":1,"
	    "\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"s\"}}}",
	    error));
	assert_true(p.modern && p.task_cancel && !p.task_calls);
	assert_string_equal(p.version, "2026-07-28");
	assert_string_equal(p.result,
	    "{\"protocolVersion\":\"2026-07-28\",\"capabilities\":{\"a\":1.0},"
	    "\"serverInfo\":{\"name\":\"s\"},\"instructions\":\"do\"}");
	assert_true(discover(
	    &p, "{\"supportedVersions\":[\"2026-07-28\"],\"serverInfo\":{\"name\":\"t\"}}", error));
	assert_string_equal(
	    p.result, "{\"protocolVersion\":\"2026-07-28\",\"serverInfo\":{\"name\":\"t\"}}");
	assert_false(
	    discover(&p, "{\"supportedVersions\":[\"2027-01-01\",\"2028\\u0007\"]}", error));
	assert_non_null(strstr(error, "2027-01-01, 2028\\x07"));
	assert_null(p.version);
	assert_false(discover(&p, "{\"supportedVersions\":[]}", error));
	assert_false(discover(&p, "{\"supportedVersions\":{}}", error));
	assert_false(discover(&p, "{}", error));
	char large[9000] = "{\"supportedVersions\":[\"";
	for (int i = 0; i < 80; i++)
		strcat(large, "2027-01-01\",\"a version with a name that has no end at all\",\"");
	strcat(large, "\"]}");
	assert_false(discover(&p, large, error));
	assert_true(strlen(error) < sizeof error);
	protocol_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_initialize),
	    cmocka_unit_test(test_params),
	    cmocka_unit_test(test_learning_initialize),
	    cmocka_unit_test(test_learning_discover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
