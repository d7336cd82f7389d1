#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "object.h"

/* An object and the text it becomes. */
struct made {
	struct buf text;
	struct output out;
	struct object o;
};

static void begin(struct made *m)
{
	buf_init(&m->text, 4096);
	output_to_buf(&m->out, &m->text);
	object_begin(&m->o, &m->out);
}

static void assert_made(struct made *m, const char *text)
{
	struct value v;

	object_end(&m->o);
	assert_int_equal(output_end(&m->out), 0);
	assert_int_equal(buf_append(&m->text, "", 1), BUF_OK);
	assert_string_equal((const char *)m->text.data, text);
	assert_true(value_read(&v, text, strlen(text)));
	buf_free(&m->text);
}

static void members(void **state)
{
	struct made m;

	(void)state;
	begin(&m);
	assert_made(&m, "{}");

	begin(&m);
	object_text(&m.o, "a", "x\"\n\x1b");
	object_text_if(&m.o, "b", "");
	object_text_if(&m.o, "c", "y");
	object_bool(&m.o, "d", true);
	object_bool(&m.o, "e", false);
	object_number(&m.o, "f", INT64_MIN);
	object_value(&m.o, "g", value_of("[1, 2]"));
	object_value(&m.o, "h", VALUE_NOTHING);
	assert_made(&m, "{\"a\":\"x\\\"\\n\\u001b\",\"c\":\"y\",\"d\":true,\"e\":false,"
	                "\"f\":-9223372036854775808,\"g\":[1, 2],\"h\":null}");
}

static void times(void **state)
{
	static const struct {
		int64_t us;
		const char *text;
	} cases[] = {
	    {0, "{\"ms\":0.000}"},
	    {7, "{\"ms\":0.007}"},
	    {1234, "{\"ms\":1.234}"},
	    {10000000, "{\"ms\":10000.000}"},
	    {-1, "{\"ms\":0.000}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct made m;
		begin(&m);
		object_ms(&m.o, "ms", cases[i].us);
		assert_made(&m, cases[i].text);
	}
}

static void lists(void **state)
{
	static const struct {
		const char *list, *between, *text;
	} cases[] = {
	    {"", ", ", "{\"l\":[]}"},
	    {"a", ", ", "{\"l\":[\"a\"]}"},
	    {"a, b,c", ", ", "{\"l\":[\"a\",\"b,c\"]}"},
	    {"a; b, c; ", "; ", "{\"l\":[\"a\",\"b, c\"]}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct made m;
		begin(&m);
		object_list(&m.o, "l", cases[i].list, cases[i].between);
		assert_made(&m, cases[i].text);
	}
}

static void within_each_other(void **state)
{
	struct made m;
	struct object inner;

	(void)state;
	begin(&m);
	object_bool(&m.o, "a", true);
	object_key(&m.o, "b");
	object_begin(&inner, &m.out);
	object_number(&inner, "c", 1);
	object_number(&inner, "d", 2);
	object_end(&inner);
	object_bool(&m.o, "e", true);
	assert_made(&m, "{\"a\":true,\"b\":{\"c\":1,\"d\":2},\"e\":true}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members),
	    cmocka_unit_test(times),
	    cmocka_unit_test(lists),
	    cmocka_unit_test(within_each_other),
	};

	return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
