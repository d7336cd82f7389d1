#include "arguments.h"

#include <stdlib.h>
#include <string.h>

#include "schema.h"
#include "utf8.h"

#define EXPECTED_SIZE 400 /* bytes of a description */

void arguments_free(struct arguments *a)
{
	for (size_t i = 0; i < a->count; i++) {
		free(a->items[i].name);
		free(a->items[i].value);
	}
	free(a->items);
	*a = (struct arguments){0};
}

/* Starts the sentence anew with up to three pieces, of which the second is foreign. */
static int fail(char *error, const char *before, const char *quoted, const char *behind)
{
	struct tool_sentence s = {.text = error};

	(void)tool_say(&s, before);
	if (quoted != NULL)
		(void)tool_quote(&s, quoted, strlen(quoted));
	(void)tool_say(&s, behind);
	return -1;
}

static int no_memory(char *error)
{
	return fail(error, "out of memory", NULL, "");
}

static int too_large(char *error)
{
	return fail(error, "the arguments are over the size limit (--max-message)", NULL, "");
}

/* --- words ------------------------------------------------------------- */

static bool is_utf8(const char *text, size_t len)
{
	struct utf8 u = {0};

	return utf8_feed(&u, text, len) && utf8_complete(&u);
}

static struct argument *find(const struct arguments *a, const char *name)
{
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i].name, name) == 0)
			return &a->items[i];
	return NULL;
}

/* Copies ${len} bytes and puts a NUL behind them. */
static char *copy(const char *text, size_t len)
{
	char *new = malloc(len + 1);

	if (new != NULL) {
		memcpy(new, text, len);
		new[len] = '\0';
	}
	return new;
}

/* Where the name of a word ends; NULL if it is none. ${*sign} is how long what separates is. */
static const char *name_end(const char *word, size_t *sign)
{
	const char *end = word + strcspn(word, "=@");

	*sign = 1;
	if (*end == '=' && end > word && end[-1] == ':') {
		end--;
		*sign = 2;
	}
	return *end != '\0' && end > word ? end : NULL;
}

static int read_value(struct argument *new, const char *text, char sign, arguments_file *file,
    size_t max, char *error)
{
	struct value value;

	new->json = sign == ':';
	new->len = strlen(text);
	new->value = sign == '@' ? file(text, max, &new->len, error) : copy(text, new->len);
	if (new->value == NULL)
		return sign == '@' ? -1 : no_memory(error);
	if (!is_utf8(new->value, new->len))
		return fail(error, "the value of ", new->name, " is not UTF-8");
	if (new->json && !value_read(&value, new->value, new->len))
		return fail(error, "the value of ", new->name,
		    " is not JSON; a string needs quotes of its own: NAME:='\"text\"', or "
		    "NAME=text");
	return 0;
}

static int read_word(struct argument *new, const struct arguments *a, const char *word,
    arguments_file *file, size_t max, char *error)
{
	size_t sign;
	const char *end = name_end(word, &sign);

	if (end == NULL)
		return fail(
		    error, "the argument ", word, " is none of NAME=VALUE, NAME@FILE, NAME:=JSON");
	new->name = copy(word, (size_t)(end - word));
	if (new->name == NULL)
		return no_memory(error);
	if (!is_utf8(new->name, strlen(new->name)))
		return fail(error, "the name of the argument ", word, " is not UTF-8");
	if (find(a, new->name) != NULL)
		return fail(error, "the argument ", new->name, " is given twice");
	return read_value(new, end + sign, *end, file, max, error);
}

int arguments_add(
    struct arguments *a, const char *word, arguments_file *file, size_t max, char *error)
{
	struct argument new = {0};
	struct argument *items = realloc(a->items, (a->count + 1) * sizeof *items);

	if (items == NULL)
		return no_memory(error);
	a->items = items;
	if (read_word(&new, a, word, file, max, error) != 0) {
		free(new.name);
		free(new.value);
		return -1;
	}
	a->items[a->count++] = new;
	return 0;
}

/* --- checks ------------------------------------------------------------ */

/* "tool "t"", behind ${before}. */
static void say_tool(struct tool_sentence *s, const char *before, struct value tool)
{
	size_t len = 0;
	char *name = value_string(value_member(tool, "name"), &len);

	(void)tool_say(s, before);
	(void)tool_say(s, "tool ");
	(void)tool_quote(s, name != NULL ? name : "", len);
	free(name);
}

/* What was given does not fit: ${given} is what the user wrote, or the JSON that stands for it. */
static int wrong_value(char *error, struct value tool, const char *name, struct value schema,
    const struct value *given, bool json)
{
	struct tool_sentence s = {.text = error};
	struct value root = value_member(tool, "inputSchema");
	char expected[EXPECTED_SIZE];

	(void)tool_say(&s, "argument ");
	(void)tool_quote(&s, name, strlen(name));
	say_tool(&s, " of ", tool);
	(void)tool_say(&s, ": expected ");
	(void)tool_say(&s, schema_describe(expected, sizeof expected, root, schema));
	(void)tool_say(&s, ", got ");
	(void)tool_quote(&s, given->text, given->len);
	if (!json && (schema_types(root, schema) & (SCHEMA_ARRAY | SCHEMA_OBJECT)) != 0)
		(void)tool_say(&s, "; arrays and objects are given as NAME:=JSON");
	tool_say_parameters(&s, tool, NULL);
	return -1;
}

/* Finds what the schema says of a name; fails if it may not be there. */
static int look_up(char *error, struct value tool, const char *name, struct value *schema)
{
	struct tool_sentence s = {.text = error};

	if (schema_member(value_member(tool, "inputSchema"), name, schema))
		return 0;
	say_tool(&s, "", tool);
	(void)tool_say(&s, " has no parameter ");
	(void)tool_quote(&s, name, strlen(name));
	tool_say_parameters(&s, tool, name);
	return -1;
}

/* Whether all that is required is there. */
static int check_required(char *error, struct value tool, struct value object)
{
	struct tool_sentence s = {.text = error};
	struct value all = value_member(value_member(tool, "inputSchema"), "required"), required;
	bool room = true;
	size_t at = 0;

	while (room && value_next(all, &at, &required)) {
		size_t len = 0;
		char *name = value_string(required, &len);

		if (name != NULL && value_member(object, name).len == 0) {
			const char *between = s.len == 0 ? ": " : ", ";

			if (s.len == 0)
				say_tool(&s, "missing for ", tool);
			room = tool_say(&s, between) && tool_quote(&s, name, len);
		}
		free(name);
	}
	if (s.len == 0)
		return 0;
	tool_say_parameters(&s, tool, NULL);
	return -1;
}

int arguments_check(struct value object, struct value tool, char *error)
{
	struct value root = value_member(tool, "inputSchema"), key, value, schema;
	size_t at = 0;

	if (value_type(object) != VALUE_OBJECT)
		return fail(error, "the arguments of a tool are a JSON object", NULL, "");
	while (value_next_member(object, &at, &key, &value)) {
		char *name = value_string(key, NULL);
		int rc;

		if (name == NULL)
			return no_memory(error);
		rc = look_up(error, tool, name, &schema);
		if (rc == 0 && !schema_accepts(root, schema, value))
			rc = wrong_value(error, tool, name, schema, &value, true);
		free(name);
		if (rc != 0)
			return -1;
	}
	return check_required(error, tool, object);
}

/* --- making the object ------------------------------------------------- */

/* A place in the output of what was appended since ${start}. */
static struct value since(const struct buf *out, size_t start)
{
	return (struct value){(const char *)out->data + start, out->len - start};
}

static int put_string(struct buf *out, const char *text, size_t len)
{
	struct output output;

	output_to_buf(&output, out);
	value_put_string(&output, text, len);
	return output_end(&output);
}

/* Appends the value of ${a}: a string if that is accepted, else the literal that it is. */
static int put_value(
    struct buf *out, const struct argument *a, struct value tool, struct value schema, char *error)
{
	struct value root = value_member(tool, "inputSchema"), value;
	const struct value given = {a->value, a->len};
	const size_t start = out->len;

	if (!a->json && (schema_types(root, schema) & SCHEMA_STRING) != 0) {
		if (put_string(out, a->value, a->len) != 0)
			return too_large(error);
		if (schema_accepts(root, schema, since(out, start)))
			return 0;
		out->len = start;
	}
	/* Behind NAME= white space is part of the value, and containers are not meant. */
	if (!value_read(&value, a->value, a->len) || (!a->json && value.len != a->len) ||
	    (!a->json && value_type(value) < VALUE_NUMBER) || !schema_accepts(root, schema, value))
		return wrong_value(error, tool, a->name, schema, &given, a->json);
	return buf_append(out, value.text, value.len) == BUF_OK ? 0 : too_large(error);
}

static int put_members(const struct arguments *a, struct value tool, struct buf *out, char *error)
{
	struct value schema;

	for (size_t i = 0; i < a->count; i++) {
		const struct argument *item = &a->items[i];

		if (look_up(error, tool, item->name, &schema) != 0)
			return -1;
		if (buf_append_str(out, i > 0 ? "," : "{") != BUF_OK ||
		    put_string(out, item->name, strlen(item->name)) != 0 ||
		    buf_append_str(out, ":") != BUF_OK)
			return too_large(error);
		if (put_value(out, item, tool, schema, error) != 0)
			return -1;
	}
	return buf_append_str(out, a->count > 0 ? "}" : "{}") == BUF_OK ? 0 : too_large(error);
}

int arguments_object(const struct arguments *a, struct value tool, struct buf *out, char *error)
{
	const size_t start = out->len;

	if (put_members(a, tool, out, error) != 0)
		return -1;
	return check_required(error, tool, since(out, start));
}
