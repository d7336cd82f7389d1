#include "schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static const struct {
	const char *name;
	unsigned types;
} words[] = {
    {"string", SCHEMA_STRING},
    {"number", SCHEMA_NUMBER | SCHEMA_INTEGER},
    {"integer", SCHEMA_INTEGER},
    {"boolean", SCHEMA_BOOLEAN},
    {"null", SCHEMA_NULL},
    {"array", SCHEMA_ARRAY},
    {"object", SCHEMA_OBJECT},
};

#define WORDS (sizeof words / sizeof *words)

/* One question: references may go round in circles, and combinations grow without end. */
struct walk {
	struct value root;
	unsigned steps;
};

static bool enter(struct walk *w)
{
	return w->steps++ < SCHEMA_STEPS;
}

/* --- references -------------------------------------------------------- */

/* Undoes the escapes of a JSON pointer's token (RFC 6901): ~1 is "/", ~0 is "~". */
static void unescape(char *token)
{
	char *to = token;

	for (; *token != '\0'; token++)
		if (token[0] == '~' && (token[1] == '0' || token[1] == '1'))
			*to++ = *++token == '1' ? '/' : '~';
		else
			*to++ = *token;
	*to = '\0';
}

static struct value element(struct value array, const char *number)
{
	char *end;
	unsigned long wanted = strtoul(number, &end, 10);
	struct value value = VALUE_NOTHING;
	size_t at = 0;

	if (end == number || *end != '\0')
		return value;
	for (unsigned long i = 0; value_next(array, &at, &value); i++)
		if (i == wanted)
			return value;
	return VALUE_NOTHING;
}

/* Follows the pointer "/a/b", which is changed on the way. Nothing if it leads nowhere. */
static struct value follow(struct value value, char *pointer)
{
	char *next;

	while (*pointer == '/') {
		next = pointer + 1 + strcspn(pointer + 1, "/");
		char stop = *next;
		*next = '\0';
		unescape(++pointer);
		value = value_type(value) == VALUE_ARRAY ? element(value, pointer)
		                                         : value_member(value, pointer);
		*next = stop;
		pointer = next;
	}
	return value;
}

/* What "$ref" refers to; nothing if that is outside of the schema, or not there. */
static struct value refer(struct value root, struct value ref)
{
	struct value found = VALUE_NOTHING;
	char *text = value_string(ref, NULL);

	/* Percent-encoded pointers are legal and unheard of. */
	if (text != NULL && text[0] == '#' && (text[1] == '/' || text[1] == '\0') &&
	    strchr(text, '%') == NULL)
		found = follow(root, text + 1);
	free(text);
	return found;
}

/* --- types ------------------------------------------------------------- */

static unsigned type_of(struct value value)
{
	static const unsigned types[] = {
	    [VALUE_OBJECT] = SCHEMA_OBJECT,
	    [VALUE_ARRAY] = SCHEMA_ARRAY,
	    [VALUE_STRING] = SCHEMA_STRING,
	    [VALUE_BOOLEAN] = SCHEMA_BOOLEAN,
	    [VALUE_NULL] = SCHEMA_NULL,
	    [VALUE_NUMBER] = SCHEMA_NUMBER,
	};

	return value_is_integer(value) ? SCHEMA_INTEGER : types[value_type(value)];
}

static unsigned named(struct value name)
{
	for (size_t i = 0; i < WORDS; i++)
		if (value_is(name, words[i].name))
			return words[i].types;
	return SCHEMA_ANY;
}

/* What "type" allows: one name, or several. */
static unsigned own_types(struct value schema)
{
	struct value type = value_member(schema, "type"), name;
	unsigned types = 0;
	size_t at = 0;

	if (value_type(type) != VALUE_ARRAY)
		return named(type);
	while (value_next(type, &at, &name))
		types |= named(name);
	return types;
}

/* The types that the values of "enum" and "const" have. */
static unsigned listed_types(struct value schema)
{
	struct value list = value_member(schema, "enum"), constant = value_member(schema, "const"),
	             value;
	unsigned types = 0;
	size_t at = 0;

	while (value_next(list, &at, &value))
		types |= type_of(value);
	if (value_type(list) != VALUE_ARRAY)
		types = SCHEMA_ANY;
	return constant.len > 0 ? types & type_of(constant) : types;
}

static unsigned types_of(struct walk *w, struct value schema);

/* The types that one, or all, of the schemas of an array allow. */
static unsigned combined_types(struct walk *w, struct value schemas, bool all)
{
	unsigned some = 0, every = SCHEMA_ANY, types;
	struct value schema;
	size_t at = 0;

	while (value_next(schemas, &at, &schema)) {
		types = types_of(w, schema);
		some |= types;
		every &= types;
	}
	return all || at == 0 ? every : some;
}

static unsigned types_of(struct walk *w, struct value schema)
{
	struct value ref = value_member(schema, "$ref");
	unsigned types;

	if (value_type(schema) == VALUE_BOOLEAN)
		return value_is_true(schema) ? SCHEMA_ANY : 0;
	if (value_type(schema) != VALUE_OBJECT || !enter(w))
		return SCHEMA_ANY;
	types = own_types(schema) & listed_types(schema) &
	        combined_types(w, value_member(schema, "anyOf"), false) &
	        combined_types(w, value_member(schema, "oneOf"), false) &
	        combined_types(w, value_member(schema, "allOf"), true);
	if (ref.len > 0)
		types &= types_of(w, refer(w->root, ref));
	return types;
}

unsigned schema_types(struct value root, struct value schema)
{
	struct walk w = {.root = root};

	return types_of(&w, schema);
}

/* --- values ------------------------------------------------------------ */

static bool is_listed(struct value schema, struct value value)
{
	struct value list = value_member(schema, "enum"), constant = value_member(schema, "const"),
	             item;
	bool found = value_type(list) != VALUE_ARRAY;
	size_t at = 0;

	while (!found && value_next(list, &at, &item))
		found = value_equal(item, value);
	return found && (constant.len == 0 || value_equal(constant, value));
}

static bool accepts(struct walk *w, struct value schema, struct value value);

/* Whether one, or all, of the schemas of an array accept the value. */
static bool combined_accept(struct walk *w, struct value schemas, struct value value, bool all)
{
	bool some = false, every = true, one;
	struct value schema;
	size_t at = 0;

	while (value_next(schemas, &at, &schema)) {
		one = accepts(w, schema, value);
		some = some || one;
		every = every && one;
	}
	return all || at == 0 ? every : some;
}

static bool accepts(struct walk *w, struct value schema, struct value value)
{
	struct value ref = value_member(schema, "$ref");
	bool good;

	if (value_type(schema) == VALUE_BOOLEAN)
		return value_is_true(schema);
	if (value_type(schema) != VALUE_OBJECT || !enter(w))
		return true;
	good = (own_types(schema) & type_of(value)) != 0 && is_listed(schema, value) &&
	       combined_accept(w, value_member(schema, "anyOf"), value, false) &&
	       combined_accept(w, value_member(schema, "oneOf"), value, false) &&
	       combined_accept(w, value_member(schema, "allOf"), value, true) &&
	       (ref.len == 0 || accepts(w, refer(w->root, ref), value));
	return good;
}

bool schema_accepts(struct value root, struct value schema, struct value value)
{
	struct walk w = {.root = root};

	return accepts(&w, schema, value);
}

/* --- words ------------------------------------------------------------- */

/* The "enum" of a schema, its only "allOf", or what it refers to. */
static struct value find_list(struct walk *w, struct value schema)
{
	struct value list = value_member(schema, "enum"), ref = value_member(schema, "$ref"), only;
	size_t at = 0;

	if (list.len > 0 || !enter(w))
		return list;
	if (ref.len > 0)
		return find_list(w, refer(w->root, ref));
	if (value_next(value_member(schema, "allOf"), &at, &only) &&
	    !value_next(value_member(schema, "allOf"), &at, &list))
		return find_list(w, only);
	return value_member(schema, "enum");
}

static void put_list(struct output *out, struct value list)
{
	const char *between = "one of ";
	struct value value;
	size_t at = 0;

	while (value_next(list, &at, &value)) {
		output_str(out, between);
		value_put(out, value);
		between = ", ";
	}
}

/* "string, integer or null", each with an "s" behind it if there are ${many}. */
static void put_types(struct output *out, unsigned types, bool many)
{
	unsigned shown = 0;

	for (size_t i = 0; i < WORDS; i++) {
		if ((words[i].types & types) != words[i].types || (words[i].types & ~shown) == 0)
			continue;
		if (shown != 0)
			output_str(out, (types & ~shown & ~words[i].types) != 0 ? ", " : " or ");
		output_str(out, words[i].name);
		output_str(out, many && words[i].types != SCHEMA_NULL ? "s" : "");
		shown |= words[i].types;
	}
}

static void put_words(struct output *out, struct value root, struct value schema)
{
	struct walk w = {.root = root};
	struct value list = find_list(&w, schema), items = value_member(schema, "items"),
	             constant = value_member(schema, "const");
	unsigned types = schema_types(root, schema), inner = schema_types(root, items);

	if (value_type(list) == VALUE_ARRAY) {
		put_list(out, list);
	} else if (constant.len > 0) {
		value_put(out, constant);
	} else if (types == SCHEMA_ANY) {
		output_str(out, "any value");
	} else if (types == 0) {
		output_str(out, "nothing");
	} else {
		put_types(out, types, false);
		if (types == SCHEMA_ARRAY && inner != SCHEMA_ANY && inner != 0) {
			output_str(out, " of ");
			put_types(out, inner, true);
		}
	}
}

char *schema_describe(char *out, size_t size, struct value root, struct value schema)
{
	struct output output;
	struct buf text;

	buf_init(&text, size);
	output_to_buf(&output, &text);
	put_words(&output, root, schema);
	if (output_end(&output) != 0) {
		text.max += 3;
		(void)buf_append_str(&text, "...");
	}
	log_escape(out, size, text.len > 0 ? (const char *)text.data : "", text.len);
	buf_free(&text);
	return out;
}

/* --- objects ----------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void schema_names_read(struct schema_names *names, struct value root)
{
	struct value list = value_member(root, "required"), item;
	size_t at = 0;

	*names = (struct schema_names){0};
	while (value_next(list, &at, &item)) {
		char *name = value_string(item, NULL);

		if (name == NULL)
			continue;
		/* Grows by doubling at every power of two. */
		if ((names->count & (names->count - 1)) == 0) {
			size_t room = names->count > 0 ? 2 * names->count : 1;
			char **more = realloc(names->items, room * sizeof *more);

			if (more == NULL) {
				free(name);
				break;
			}
			names->items = more;
		}
		names->items[names->count++] = name;
	}
	if (names->count > 0)
		qsort(names->items, names->count, sizeof *names->items, compare_names);
}

bool schema_names_have(const struct schema_names *names, const char *name)
{
	return names->count > 0 && bsearch(&name, names->items, names->count, sizeof *names->items,
	                               compare_names) != NULL;
}

void schema_names_free(struct schema_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct schema_names){0};
}

bool schema_next_property(struct value root, size_t *at, struct schema_property *out)
{
	struct value properties = root;
	size_t next = *at;

	/* From the second on, what follows in ${root} is the rest of the properties. */
	if (*at == 0)
		properties = value_member(root, "properties");
	if (!value_next_member(properties, &next, &out->name, &out->schema))
		return false;
	*at = next + (size_t)(properties.text - root.text);
	out->description = value_member(out->schema, "description");
	if (value_type(out->description) != VALUE_STRING)
		out->description = VALUE_NOTHING;
	return true;
}

/* Whether other names may be allowed by what is not looked at here. */
static bool is_composed(struct value root)
{
	static const char *const keys[] = {"$ref", "allOf", "anyOf", "oneOf", "not", "if",
	    "patternProperties", "dependentSchemas", "dependencies"};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (value_member(root, keys[i]).len > 0)
			return true;
	return false;
}

bool schema_member(struct value root, const char *name, struct value *out)
{
	struct value properties = value_member(root, "properties"), key, value;
	struct value others = value_member(root, "additionalProperties");
	size_t at = 0;

	*out = value_member(properties, name);
	if (out->len > 0)
		return true;
	*out = others;
	if (is_composed(root))
		return true;
	if (others.len > 0)
		return value_type(others) != VALUE_BOOLEAN || value_is_true(others);
	return !value_next_member(properties, &at, &key, &value);
}
