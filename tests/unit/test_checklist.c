#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "checklist.h"

struct told {
	struct buf text;
	struct output out;
	struct checklist list;
};

static void begin(struct told *t, bool json)
{
	buf_init(&t->text, 1 << 20);
	output_to_buf(&t->out, &t->text);
	checklist_begin(&t->list, &t->out, json);
}

static void assert_told(struct told *t, const char *text)
{
	assert_int_equal(output_end(&t->out), 0);
	assert_int_equal(buf_append(&t->text, "", 1), BUF_OK);
	assert_string_equal((const char *)t->text.data, text);
	checklist_free(&t->list);
	buf_free(&t->text);
}

static void tell(struct told *t, const char *step)
{
	checklist_tell(&t->list, value_of(step));
}

static void a_line_a_step(void **state)
{
	struct told t;
	struct checklist_step step;

	(void)state;
	begin(&t, false);
	tell(&t, "{\"step\":\"dns\",\"ok\":true,\"ms\":1.256,\"detail\":\"a is b\"}");
	tell(&t, "{\"step\":\"subprotocol\",\"ok\":true,\"detail\":\"mcp\"}");
	tell(&t, "{\"step\":\"dns\",\"ok\":true,\"ms\":99.000,\"detail\":\"again\"}");
	tell(&t,
	    "{\"step\":\"tls\",\"ok\":true,\"ms\":12345.678,\"detail\":\"c\",\"warning\":\"old\"}");
	checklist_step_begin(&step, "tools", true, 3210);
	object_number(&step.object, "tools", 3);
	checklist_step_end(&t.list, &step, "3 tools");
	assert_false(checklist_failed(&t.list));
	checklist_end(&t.list);
	assert_told(&t, "dns            ok          1.2 ms  a is b\n"
	                "subprotocol    ok                  mcp\n"
	                "tls            ok      12345.6 ms  c\n"
	                "                                   warning: old\n"
	                "tools          ok          3.2 ms  3 tools\n"
	                "all well, with warnings\n");
}

static void a_failure(void **state)
{
	struct told t;

	(void)state;
	begin(&t, false);
	tell(&t, "{\"step\":\"tls\",\"ok\":true,\"ms\":1.000,\"detail\":\"fine\"}");
	tell(&t, "{\"step\":\"tls\",\"ok\":false,\"ms\":2.000,\"detail\":\"not fine\"}");
	tell(&t, "{\"step\":\"tls\",\"ok\":false,\"ms\":3.000,\"detail\":\"said\"}");
	checklist_fail(&t.list, "tls", "it broke", "Mend it.");
	checklist_fail(&t.list, "ping", "a later one", "");
	assert_true(checklist_failed(&t.list));
	checklist_end(&t.list);
	assert_told(&t, "tls            ok          1.0 ms  fine\n"
	                "tls            FAILED      2.0 ms  not fine\n"
	                "failed at tls: it broke. Mend it.\n");

	begin(&t, false);
	checklist_fail(&t.list, "dns", "unknown", "");
	checklist_end(&t.list);
	assert_told(&t, "failed at dns: unknown\n");
}

static void all_well(void **state)
{
	struct told t;

	(void)state;
	begin(&t, false);
	checklist_end(&t.list);
	assert_told(&t, "all well\n");
}

static void foreign_text_is_escaped(void **state)
{
	struct told t;

	(void)state;
	begin(&t, false);
	tell(&t, "{\"step\":\"x\",\"ok\":true,\"ms\":1.000,\"detail\":\"\\u001b[2J\",\"warning\":"
	         "\"\\u009b\"}");
	checklist_warn(&t.list, "\xE2\x80\xAE");
	checklist_fail(&t.list, "x", "\x07", "a\nb");
	checklist_end(&t.list);
	assert_told(&t, "x              ok          1.0 ms  \\x1b[2J\n"
	                "                                   warning: \\u009b\n"
	                "                                   warning: \\u202e\n"
	                "failed at x: \\x07. a\\x0ab\n");
}

static void put(struct told *t, const char *text)
{
	struct object o;

	object_begin(&o, &t->out);
	checklist_put(&t->list, &o);
	object_end(&o);
	assert_told(t, text);
}

static void as_json(void **state)
{
	struct told t;

	(void)state;
	begin(&t, true);
	put(&t, "{\"ok\":true,\"steps\":[],\"warnings\":[]}");

	begin(&t, true);
	tell(&t, "{\"step\":\"a\",\"ok\":true,\"more\":[1]}");
	tell(&t, "{\"step\":\"b\",\"ok\":true}");
	tell(&t, "{\"step\":\"a\",\"ok\":false,\"warning\":\"w\"}");
	checklist_warn(&t.list, "one");
	checklist_warn(&t.list, "two\"");
	checklist_fail(&t.list, "a", "why", "how");
	put(&t, "{\"ok\":false,\"steps\":[{\"step\":\"a\",\"ok\":false,\"warning\":\"w\"},"
	        "{\"step\":\"b\",\"ok\":true}],\"warnings\":[\"one\",\"two\\\"\"],"
	        "\"failed\":\"a\",\"error\":\"why\",\"cause\":\"how\"}");
}

static void too_many(void **state)
{
	struct told t;
	char step[64];

	(void)state;
	begin(&t, true);
	for (int i = 0; i < 2 * CHECKLIST_STEPS; i++) {
		(void)snprintf(step, sizeof step, "{\"step\":\"%d\",\"ok\":true}", i);
		tell(&t, step);
		checklist_warn(&t.list, "again");
	}
	assert_int_equal(t.list.step_count, CHECKLIST_STEPS);
	assert_int_equal(t.list.warning_count, CHECKLIST_WARNINGS);
	assert_told(&t, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_a_step),
	    cmocka_unit_test(a_failure),
	    cmocka_unit_test(all_well),
	    cmocka_unit_test(foreign_text_is_escaped),
	    cmocka_unit_test(as_json),
	    cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests_name("checklist", tests, NULL, NULL);
}
