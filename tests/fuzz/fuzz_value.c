/*
 * What a server sends for people and scripts to read, and words of a command line. The input is taken
 * as a JSON text if it is one: a result, a list of tools, a tool, a schema; and as a text that is none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "content.h"
#include "listing.h"
#include "pretty.h"
#include "schema.h"
#include "screen.h"
#include "tool.h"
#include "value.h"

#define MAX ((size_t)1 << 24) /* bytes of what is made */

/* Not assert: it must hold whatever NDEBUG is. */
#define REQUIRE(condition) require((condition), #condition, __LINE__)

static void require(bool holds, const char *what, int line)
{
	if (holds)
		return;
	fprintf(stderr, "line %d: not so: %s\n", line, what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A place to write to, of which the text is looked at. */
struct made {
	struct buf text;
	struct output out;
};

static void begin(struct made *m)
{
	buf_init(&m->text, MAX);
	output_to_buf(&m->out, &m->text);
}

/* Ends it; the text must be JSON, or safe for a terminal, as is wanted. */
static void end(struct made *m, bool json, bool safe)
{
	struct value v;

	REQUIRE(output_end(&m->out) == 0);
	if (json)
		REQUIRE(value_read(&v, (const char *)m->text.data, m->text.len));
	for (size_t i = 0; safe && i < m->text.len; i++) {
		unsigned char c = m->text.data[i];

		REQUIRE((c >= 0x20 || c == '\n') && c != 0x7F);
	}
	buf_free(&m->text);
}

static void print(struct value v)
{
	struct made m;

	for (unsigned style = PRETTY_PLAIN; style <= (PRETTY_COLOUR | PRETTY_SAFE); style++) {
		begin(&m);
		pretty_put(&m.out, v, style);
		end(&m, !(style & PRETTY_COLOUR), style == PRETTY_SAFE);
	}
	begin(&m);
	(void)listing_put_tools(&m.out, v, 80, false);
	listing_put_tool(&m.out, v, 40, false);
	end(&m, false, true);
}

static void take_content(struct value v)
{
	static char with[] = "\"saved\":1";
	struct content_change changes[8];
	struct content_item item;
	struct value content = value_member(v, "content"), data = content_data(v);
	struct made m;
	size_t at = 0, count = 0;

	while (content_next(content, &at, &item)) {
		REQUIRE(content_size(&item) <= item.base64.len);
		if (item.base64.len > 0 && count < sizeof changes / sizeof *changes)
			changes[count++] = (struct content_change){item.member, with};
	}
	begin(&m);
	content_put(&m.out, v, changes, count);
	end(&m, true, false);
	begin(&m);
	end(&m, content_put_texts(&m.out, v), false);
	REQUIRE(value_read(&data, data.text, data.len));
}

static char *no_file(const char *path, size_t max, size_t *len, char *error)
{
	(void)path;
	(void)max;
	*len = 0;
	memcpy(error, "no", sizeof "no");
	return NULL;
}

/* Words for a tool that is what the input says. */
static void make_arguments(struct value tool)
{
	static const char *const words[] = {"a=1", "b:=[1]", "c=text"};
	char error[TOOL_ERROR_SIZE];
	struct arguments a = {0};
	struct value object;
	struct buf out;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		REQUIRE(arguments_add(&a, words[i], no_file, MAX, error) == 0);
	buf_init(&out, MAX);
	if (arguments_object(&a, tool, &out, error) == 0) {
		REQUIRE(value_read(&object, (const char *)out.data, out.len));
		REQUIRE(arguments_check(object, tool, error) == 0);
	}
	(void)arguments_check(tool, tool, error);
	tool_unknown(tool, "a", error);
	arguments_free(&a);
	buf_free(&out);
}

static void ask_schema(struct value v)
{
	char words[60];

	if (schema_accepts(v, v, value_of("true")))
		REQUIRE((schema_types(v, v) & SCHEMA_BOOLEAN) != 0);
	REQUIRE(strlen(schema_describe(words, sizeof words, v, v)) < sizeof words);
}

/* Of a text that need not be JSON, nothing outside may be read. */
static void take_anything(const char *text, size_t size)
{
	struct value v = {text, size}, key, value;
	struct made m;
	size_t at = 0;

	while (value_next(v, &at, &value))
		(void)value_is_integer(value);
	for (at = 0; value_next_member(v, &at, &key, &value);)
		free(value_string(key, NULL));
	begin(&m);
	pretty_put(&m.out, v, PRETTY_COLOUR | PRETTY_SAFE);
	end(&m, false, false);
	begin(&m);
	screen_wrap(&m.out, text, size, 3, 5, 40);
	end(&m, false, true);
	begin(&m);
	value_put_string(&m.out, text, size);
	end(&m, true, false);
}

static void add_word(const char *text, size_t size)
{
	char error[TOOL_ERROR_SIZE], *word = malloc(size + 1);
	struct arguments a = {0};

	REQUIRE(word != NULL);
	memcpy(word, text, size);
	word[size] = '\0';
	(void)arguments_add(&a, word, no_file, MAX, error);
	arguments_free(&a);
	free(word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size > 0 ? size : 1); /* so that its end is watched */
	struct value v;

	REQUIRE(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	if (value_read(&v, text, size)) {
		print(v);
		take_content(v);
		make_arguments(v);
		ask_schema(v);
	}
	take_anything(text, size);
	add_word(text, size);
	free(text);
	return 0;
}
