#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "method.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LIST     (METHOD_SAFE | METHOD_PAGED)

static const struct row {
	const char *raw;
	unsigned traits;
} rows[] = {
    {"\"initialize\"", METHOD_SAFE | METHOD_INITIALIZE},
    {"\"notifications/initialized\"", METHOD_INITIALIZED},
    {"\"notifications/cancelled\"", METHOD_CANCELLED},
    {"\"notifications/progress\"", 0},
    {"\"notifications/subscriptions/acknowledged\"", METHOD_ACKNOWLEDGED},
    {"\"ping\"", METHOD_SAFE | METHOD_PING},
    {"\"tools/list\"", LIST | METHOD_ASKS_TOOLS},
    {"\"tools/call\"", 0},
    {"\"resources/list\"", LIST | METHOD_ASKS_RESOURCES},
    {"\"resources/templates/list\"", LIST | METHOD_ASKS_RESOURCES},
    {"\"resources/read\"", METHOD_SAFE},
    {"\"resources/subscribe\"", METHOD_SAFE | METHOD_SUBSCRIBE},
    {"\"resources/unsubscribe\"", METHOD_SAFE | METHOD_UNSUBSCRIBE},
    {"\"prompts/list\"", LIST | METHOD_ASKS_PROMPTS},
    {"\"prompts/get\"", METHOD_SAFE},
    {"\"completion/complete\"", METHOD_SAFE},
    {"\"logging/setLevel\"", METHOD_SAFE | METHOD_SET_LEVEL},
    {"\"tasks/get\"", METHOD_SAFE},
    {"\"tasks/list\"", LIST},
    {"\"tasks/result\"", METHOD_SAFE},
    {"\"tasks/cancel\"", 0},
    {"\"subscriptions/listen\"", METHOD_SAFE | METHOD_LISTEN},
    {"\"server/discover\"", METHOD_DISCOVER},
    /* escapes are the same name */
    {"\"\\u0070ing\"", METHOD_SAFE | METHOD_PING},
    {"\"tools\\/list\"", LIST | METHOD_ASKS_TOOLS},
    {"\"\\u0074\\u006f\\u006f\\u006c\\u0073/call\"", 0},
    /* and nothing else is */
    {"\"Ping\"", 0},
    {"\"ping \"", 0},
    {"\"pin\"", 0},
    {"\"tools/lis\"", 0},
    {"\"tools/list/\"", 0},
    {"\"elicitation/create\"", 0},
    {"\"\"", 0},
};

static void every_method_has_its_traits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (method_traits(rows[i].raw, strlen(rows[i].raw)) != rows[i].traits)
			fail_msg("%s", rows[i].raw);
	}
}

/* The text need not end where the name does. */
static void only_the_bytes_given_are_read(void **state)
{
	static const char text[] = "\"ping\",\"params\":{}";

	(void)state;
	assert_int_equal(method_traits(text, 6), METHOD_SAFE | METHOD_PING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_method_has_its_traits),
	    cmocka_unit_test(only_the_bytes_given_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
