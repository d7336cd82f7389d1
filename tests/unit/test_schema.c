#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define ROOT                                                                                       \
	"{\"$defs\":{\"colour\":{\"enum\":[\"red\",\"green\"]},\"loop\":{\"$ref\":\"#/$defs/"      \
	"loop\"},"                                                                                 \
	"\"a/b\":{\"type\":\"integer\"},\"~t\":{\"type\":\"null\"},"                               \
	"\"list\":[{\"type\":\"string\"},{\"type\":\"array\"}]},"                                  \
	"\"definitions\":{\"old\":{\"type\":\"boolean\"}}}"

static void types_that_are_allowed(void **state)
{
	static const struct {
		const char *schema;
		unsigned types;
	} cases[] = {
	    {"{\"type\":\"string\"}", SCHEMA_STRING},
	    {"{\"type\":\"integer\"}", SCHEMA_INTEGER},
	    {"{\"type\":\"number\"}", SCHEMA_INTEGER | SCHEMA_NUMBER},
	    {"{\"type\":\"boolean\"}", SCHEMA_BOOLEAN},
	    {"{\"type\":\"null\"}", SCHEMA_NULL},
	    {"{\"type\":\"array\"}", SCHEMA_ARRAY},
	    {"{\"type\":\"object\"}", SCHEMA_OBJECT},
	    {"{\"type\":[\"string\",\"null\"]}", SCHEMA_STRING | SCHEMA_NULL},
	    {"{\"type\":[]}", 0},
	    {"{}", SCHEMA_ANY},
	    {"", SCHEMA_ANY},
	    {"true", SCHEMA_ANY},
	    {"false", 0},
	    {"17", SCHEMA_ANY},
	    {"{\"type\":\"date\"}", SCHEMA_ANY}, /* unheard of */
	    {"{\"type\":7}", SCHEMA_ANY},
	    {"{\"enum\":[\"a\",1,null]}", SCHEMA_STRING | SCHEMA_INTEGER | SCHEMA_NULL},
	    {"{\"enum\":[1.5]}", SCHEMA_NUMBER},
	    {"{\"const\":true}", SCHEMA_BOOLEAN},
	    {"{\"type\":\"string\",\"enum\":[\"a\",null]}", SCHEMA_STRING},
	    {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}",
	        SCHEMA_STRING | SCHEMA_NULL},
	    {"{\"oneOf\":[{\"const\":\"a\"},{\"const\":\"b\"}]}", SCHEMA_STRING},
	    {"{\"anyOf\":[]}", SCHEMA_ANY},
	    {"{\"allOf\":[{\"type\":[\"string\",\"null\"]},{\"type\":[\"null\",\"array\"]}]}",
	        SCHEMA_NULL},
	    {"{\"allOf\":[{\"type\":\"number\"},{\"type\":\"integer\"}]}", SCHEMA_INTEGER},
	    {"{\"type\":\"string\",\"anyOf\":[{\"minLength\":1},{\"maxLength\":0}]}",
	        SCHEMA_STRING},
	    /* References. */
	    {"{\"$ref\":\"#/$defs/colour\"}", SCHEMA_STRING},
	    {"{\"$ref\":\"#/definitions/old\"}", SCHEMA_BOOLEAN},
	    {"{\"$ref\":\"#/$defs/a~1b\"}", SCHEMA_INTEGER},
	    {"{\"$ref\":\"#/$defs/~0t\"}", SCHEMA_NULL},
	    {"{\"$ref\":\"#/$defs/list/1\"}", SCHEMA_ARRAY},
	    {"{\"$ref\":\"#/$defs/list/2\"}", SCHEMA_ANY},
	    {"{\"$ref\":\"#/$defs/list/x\"}", SCHEMA_ANY},
	    {"{\"$ref\":\"#/$defs/nothing\"}", SCHEMA_ANY},
	    {"{\"$ref\":\"#/$defs/nothing/x\"}", SCHEMA_ANY},
	    {"{\"$ref\":\"#/%24defs/colour\"}", SCHEMA_ANY},
	    {"{\"$ref\":\"http://x/#/$defs/colour\"}", SCHEMA_ANY},
	    {"{\"$ref\":\"#anchor\"}", SCHEMA_ANY},
	    {"{\"$ref\":7}", SCHEMA_ANY},
	    {"{\"$ref\":\"#\"}", SCHEMA_ANY},
	    {"{\"$ref\":\"#/$defs/loop\"}", SCHEMA_ANY},
	    {"{\"type\":\"string\",\"$ref\":\"#/$defs/loop\"}", SCHEMA_STRING},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned types = schema_types(value_of(ROOT), value_of(cases[i].schema));

		if (types != cases[i].types)
			fail_msg("%s: %x", cases[i].schema, types);
	}
}

static void values_that_are_accepted(void **state)
{
	static const struct {
		const char *schema, *yes, *no;
	} cases[] = {
	    {"{\"type\":\"string\"}", "\"a\"", "1"},
	    {"{\"type\":\"integer\"}", "1.0", "1.5"},
	    {"{\"type\":\"number\"}", "1.5", "\"1.5\""},
	    {"{\"type\":\"number\"}", "2", "null"},
	    {"{\"type\":[\"boolean\",\"null\"]}", "false", "0"},
	    {"{\"enum\":[\"a\",2,null]}", "2.0", "\"2\""},
	    {"{\"enum\":[\"a\",2,null]}", "\"\\u0061\"", "\"b\""},
	    {"{\"enum\":[[1],2]}", "[7]", "{}"},
	    {"{\"type\":\"string\",\"enum\":[1,\"1\"]}", "\"1\"", "1"},
	    {"{\"const\":9007199254740993}", "9007199254740993", "9007199254740992"},
	    {"{\"anyOf\":[{\"type\":\"string\"},{\"enum\":[1]}]}", "1", "2"},
	    {"{\"oneOf\":[{\"const\":\"a\"},{\"const\":\"b\"}]}", "\"b\"", "\"c\""},
	    {"{\"allOf\":[{\"type\":\"number\"},{\"enum\":[1,\"x\"]}]}", "1", "\"x\""},
	    {"{\"$ref\":\"#/$defs/colour\"}", "\"red\"", "\"blue\""},
	    {"{\"allOf\":[{\"$ref\":\"#/$defs/colour\"}]}", "\"green\"", "1"},
	    {"{\"anyOf\":[{\"$ref\":\"#/$defs/colour\"},{\"type\":\"null\"}]}", "null", "\"\""},
	    {"{\"$ref\":\"#/$defs/loop\"}", "1", ""},
	    {"{}", "{}", ""},
	    {"true", "1", ""},
	    {"false", "", "1"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct value root = value_of(ROOT), schema = value_of(cases[i].schema);

		if (*cases[i].yes && !schema_accepts(root, schema, value_of(cases[i].yes)))
			fail_msg("%s refuses %s", cases[i].schema, cases[i].yes);
		if (*cases[i].no && schema_accepts(root, schema, value_of(cases[i].no)))
			fail_msg("%s accepts %s", cases[i].schema, cases[i].no);
	}
}

/* References that double at each step end all the same. */
static void what_explodes_is_given_up(void **state)
{
	static const char root[] =
	    "{\"a\":{\"allOf\":[{\"$ref\":\"#/a\"},{\"$ref\":\"#/a\"},{\"$ref\":\"#/a\"}]}}";
	char deep[20 * 5000] = "";
	struct value schema = value_member(value_of(root), "a");
	size_t at = 0;

	(void)state;
	assert_int_equal(schema_types(value_of(root), schema), SCHEMA_ANY);
	assert_true(schema_accepts(value_of(root), schema, value_of("1")));
	for (int i = 0; i < 5000; i++)
		at += (size_t)snprintf(deep + at, sizeof deep - at, "{\"allOf\":[");
	memcpy(deep + at, "false", 5);
	at += 5;
	for (int i = 0; i < 5000; i++)
		at += (size_t)snprintf(deep + at, sizeof deep - at, "]}");
	assert_true(schema_accepts(value_of(deep), value_of(deep), value_of("1")));
}

static void words(void **state)
{
	static const char *const cases[][2] = {
	    {"{\"type\":\"string\"}", "string"},
	    {"{\"type\":\"number\"}", "number"},
	    {"{\"type\":\"integer\"}", "integer"},
	    {"{\"type\":[\"integer\",\"number\"]}", "number"},
	    {"{\"type\":[\"number\",\"null\"]}", "number or null"},
	    {"{\"type\":[\"null\",\"string\",\"integer\"]}", "string, integer or null"},
	    {"{}", "any value"},
	    {"false", "nothing"},
	    {"{\"type\":\"array\"}", "array"},
	    {"{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", "array of strings"},
	    {"{\"type\":\"array\",\"items\":{\"type\":[\"number\",\"null\"]}}",
	        "array of numbers or null"},
	    {"{\"enum\":[\"a\",1,null]}", "one of \"a\", 1, null"},
	    {"{\"const\":1.5}", "1.5"},
	    {"{\"$ref\":\"#/$defs/colour\"}", "one of \"red\", \"green\""},
	    {"{\"allOf\":[{\"$ref\":\"#/$defs/colour\"}],\"default\":\"red\"}",
	        "one of \"red\", \"green\""},
	    {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "string or null"},
	    {"{\"enum\":[\"\xe2\x80\xae\"]}", "one of \"\\u202e\""},
	};
	char shown[64];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(
		    schema_describe(shown, sizeof shown, value_of(ROOT), value_of(cases[i][0])),
		    cases[i][1]);
}

static void long_words_are_cut(void **state)
{
	char schema[5000] = "{\"enum\":[\"0\"", shown[40];

	(void)state;
	for (int i = 1; i < 500; i++)
		(void)snprintf(schema + strlen(schema), 20, ",\"%d\"", i);
	strcat(schema, "]}");
	schema_describe(shown, sizeof shown, VALUE_NOTHING, value_of(schema));
	assert_true(strlen(shown) < sizeof shown);
	assert_string_equal(shown + strlen(shown) - 3, "...");
	assert_memory_equal(shown, "one of \"0\", \"1\", ", 17);

	memset(schema, 'x', sizeof schema - 1);
	memcpy(schema, "{\"enum\":[\"", 10);
	strcpy(schema + sizeof schema - 5, "\"]}");
	schema_describe(shown, sizeof shown, VALUE_NOTHING, value_of(schema));
	assert_string_equal(shown, "one of ...");
}

static void properties(void **state)
{
	struct value root =
	    value_of("{\"type\":\"object\",\"properties\":{\"a\":{\"description\":\"A.\"},"
	             "\"b.c\":true,\"d\":{\"description\":1}},\"required\":[\"b.c\",7,\"e\"]}");
	struct schema_property p;
	struct schema_names required;
	size_t at = 0;

	(void)state;
	assert_true(schema_next_property(root, &at, &p));
	assert_true(value_is(p.name, "a") && value_is(p.description, "A."));
	assert_true(schema_next_property(root, &at, &p));
	assert_true(value_is(p.name, "b.c") && p.description.len == 0);
	assert_true(value_is_true(p.schema));
	assert_true(schema_next_property(root, &at, &p));
	assert_true(value_is(p.name, "d") && p.description.len == 0);
	assert_false(schema_next_property(root, &at, &p));
	schema_names_read(&required, root);
	assert_int_equal(required.count, 2);
	assert_true(schema_names_have(&required, "b.c") && schema_names_have(&required, "e"));
	assert_false(schema_names_have(&required, "a") || schema_names_have(&required, "7"));
	schema_names_free(&required);
	at = 0;
	assert_false(schema_next_property(value_of("{}"), &at, &p));
	assert_false(schema_next_property(VALUE_NOTHING, &at, &p));
	schema_names_read(&required, value_of("true"));
	assert_false(schema_names_have(&required, "a"));
	schema_names_free(&required);
}

/* Each is required, in the other order; what comes behind them is none of them. */
static void many_properties(void **state)
{
	enum { MANY = 20000 };
	struct schema_property p;
	struct schema_names required;
	struct value root;
	size_t at = 0, count = 0;
	struct output out;
	struct buf b;
	char piece[40];

	(void)state;
	buf_init(&b, SIZE_MAX / 2);
	output_to_buf(&out, &b);
	output_str(&out, "{\"properties\":{");
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(piece, sizeof piece, "%s\"p%d\":{}", i > 0 ? "," : "", i);
		output_str(&out, piece);
	}
	output_str(&out, "} , \"required\":[");
	for (int i = MANY; i-- > 0;) {
		(void)snprintf(piece, sizeof piece, "\"\\u0070%d\"%s", i, i > 0 ? "," : "]}");
		output_str(&out, piece);
	}
	assert_int_equal(output_end(&out), 0);
	root = (struct value){(const char *)b.data, b.len};
	schema_names_read(&required, root);
	assert_int_equal(required.count, MANY);
	for (; schema_next_property(root, &at, &p); count++) {
		(void)snprintf(piece, sizeof piece, "p%zu", count);
		assert_true(value_is(p.name, piece) && schema_names_have(&required, piece));
	}
	assert_int_equal(count, MANY);
	assert_false(schema_next_property(root, &at, &p));
	schema_names_free(&required);
	buf_free(&b);
}

static void members(void **state)
{
	static const struct {
		const char *root;
		const char *schema; /* of the member "x"; NULL = it may not be there */
	} cases[] = {
	    {"{\"properties\":{\"x\":{\"type\":\"string\"}}}", "{\"type\":\"string\"}"},
	    {"{\"properties\":{\"x\":{}},\"additionalProperties\":false}", "{}"},
	    {"{\"properties\":{\"y\":{}}}", NULL},
	    {"{\"properties\":{\"y\":{}},\"additionalProperties\":false}", NULL},
	    {"{\"properties\":{\"y\":{}},\"additionalProperties\":true}", "true"},
	    {"{\"properties\":{\"y\":{}},\"additionalProperties\":{\"type\":\"null\"}}",
	        "{\"type\":\"null\"}"},
	    {"{\"properties\":{}}", ""},
	    {"{\"properties\":{},\"additionalProperties\":false}", NULL},
	    {"{\"type\":\"object\"}", ""},
	    {"{\"additionalProperties\":false}", NULL},
	    {"", ""},
	    {"true", ""},
	    /* More properties may be defined elsewhere. */
	    {"{\"properties\":{\"y\":{}},\"allOf\":[{}]}", ""},
	    {"{\"properties\":{\"y\":{}},\"$ref\":\"#/x\"}", ""},
	    {"{\"properties\":{\"y\":{}},\"patternProperties\":{\"^x\":{}}}", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct value schema;
		bool there = schema_member(value_of(cases[i].root), "x", &schema);

		if (there != (cases[i].schema != NULL))
			fail_msg("%s", cases[i].root);
		if (there) {
			assert_int_equal(schema.len, strlen(cases[i].schema));
			assert_memory_equal(schema.text, cases[i].schema, schema.len);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(types_that_are_allowed),
	    cmocka_unit_test(values_that_are_accepted),
	    cmocka_unit_test(what_explodes_is_given_up),
	    cmocka_unit_test(words),
	    cmocka_unit_test(long_words_are_cut),
	    cmocka_unit_test(properties),
	    cmocka_unit_test(many_properties),
	    cmocka_unit_test(members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
