#include "completion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "schema.h"
#include "screen.h"
#include "verb.h"
#include "words.h"

#define GAP 2 /* between two columns of the list */

struct search {
	struct completion *out;
	const struct catalog *catalog;
	const char *const *subscriptions;
	struct words words;
	const char *typed; /* the unfinished word */
	bool open_ended;   /* a candidate may go on: no blank behind it */
};

/* --- candidates ---------------------------------------------------------------------------- */

static bool is_safe(const char *text)
{
	const size_t len = strlen(text), size = len + sizeof "...";
	char *shown = malloc(size);
	bool same = shown != NULL && strcmp(log_escape(shown, size, text, len), text) == 0;

	free(shown);
	return same;
}

/* Takes ${text} (NULL is fine) as a candidate, if it goes on from what is typed. */
static void offer(struct search *s, char *text)
{
	struct completion *c = s->out;
	char **more;

	if (text == NULL || strncmp(text, s->typed, strlen(s->typed)) != 0 || !is_safe(text) ||
	    c->count == COMPLETION_MAX) {
		free(text);
		return;
	}
	/* Grows by doubling at every power of two. */
	if ((c->count & (c->count - 1)) == 0) {
		more = realloc(c->candidates, (c->count > 0 ? 2 * c->count : 1) * sizeof *more);
		if (more == NULL) {
			free(text);
			return;
		}
		c->candidates = more;
	}
	c->candidates[c->count++] = text;
}

/* "NAME=VALUE", to be freed. */
static char *join(const char *name, const char *value)
{
	const size_t size = strlen(name) + strlen(value) + 2;
	char *text = malloc(size);

	if (text != NULL)
		(void)snprintf(text, size, "%s=%s", name, value);
	return text;
}

static void offer_words(struct search *s, const char *const *words)
{
	for (; words != NULL && *words != NULL; words++)
		offer(s, strdup(*words));
}

static void offer_commands(struct search *s)
{
	for (int verb = 0; verb < VERB_COUNT; verb++)
		offer(s, strdup(verb_row((enum verb)verb)->name));
}

static void offer_items(struct search *s, enum catalog_kind kind)
{
	struct value items = catalog_items(s->catalog, kind), item;
	size_t at = 0;

	while (value_next(items, &at, &item))
		offer(s, value_string(value_member(item, catalog_key(kind)), NULL));
}

/* Whether one of the words in front gives a value to ${name}, a raw string. */
static bool is_given(const struct search *s, const char *name)
{
	const size_t len = strlen(name);

	for (size_t i = 2; i + 1 < s->words.count; i++) {
		const char *word = s->words.items[i];

		if (strncmp(word, name, len) == 0 &&
		    (word[len] == '=' || word[len] == '@' || strncmp(word + len, ":=", 2) == 0))
			return true;
	}
	return false;
}

static void offer_argument(struct search *s, struct value raw_name)
{
	char *name = value_string(raw_name, NULL);

	if (name != NULL && !is_given(s, name))
		offer(s, join(name, ""));
	free(name);
}

/* The values that ${schema} lists for the parameter ${name}. */
static void offer_values(struct search *s, struct value root, struct value schema, const char *name)
{
	struct value list = value_member(schema, "enum"), item;
	size_t at = 0;

	if (list.len == 0 && schema_types(root, schema) == SCHEMA_BOOLEAN) {
		offer(s, join(name, "true"));
		offer(s, join(name, "false"));
	}
	while (value_next(list, &at, &item)) {
		char *text = value_string(item, NULL);

		if (text != NULL)
			offer(s, join(name, text));
		free(text);
	}
}

static void offer_tool_arguments(struct search *s)
{
	struct value tool = catalog_find(s->catalog, CATALOG_TOOLS, s->words.items[1]);
	struct value root = value_member(tool, "inputSchema"), schema;
	const size_t len = strcspn(s->typed, "=");
	struct schema_property property;
	size_t at = 0;

	if (s->typed[len] == '=') {
		char *name = strndup(s->typed, len);

		if (name != NULL && schema_member(root, name, &schema))
			offer_values(s, root, schema, name);
		free(name);
		return;
	}
	s->open_ended = true;
	while (schema_next_property(root, &at, &property))
		offer_argument(s, property.name);
}

static void offer_prompt_arguments(struct search *s)
{
	struct value prompt = catalog_find(s->catalog, CATALOG_PROMPTS, s->words.items[1]);
	struct value arguments = value_member(prompt, "arguments"), argument;
	size_t at = 0;

	s->open_ended = true;
	while (value_next(arguments, &at, &argument))
		offer_argument(s, value_member(argument, "name"));
}

static void offer_kind(struct search *s, enum verb_word kind)
{
	switch (kind) {
	case VERB_NOTHING:
	case VERB_ANYTHING:
		break;
	case VERB_COMMAND:
		offer_commands(s);
		break;
	case VERB_TOOL_NAME:
		offer_items(s, CATALOG_TOOLS);
		break;
	case VERB_TOOL_ARGUMENT:
		offer_tool_arguments(s);
		break;
	case VERB_RESOURCE:
		offer_items(s, CATALOG_RESOURCES);
		break;
	case VERB_SUBSCRIPTION:
		offer_words(s, s->subscriptions);
		break;
	case VERB_PROMPT_NAME:
		offer_items(s, CATALOG_PROMPTS);
		break;
	case VERB_PROMPT_ARGUMENT:
		offer_prompt_arguments(s);
		break;
	case VERB_COMPLETABLE:
		offer_words(s, verb_completables());
		break;
	case VERB_COMPLETED:
		offer_items(s,
		    strcmp(s->words.items[1], "prompt") == 0 ? CATALOG_PROMPTS : CATALOG_TEMPLATES);
		break;
	case VERB_LEVEL:
		offer_words(s, verb_levels());
		break;
	case VERB_SWITCH:
		offer_words(s, verb_switches());
		break;
	}
}

/* --- what they have in common -------------------------------------------------------------- */

/* How many bytes all candidates begin with; not in the middle of a character. */
static size_t common_length(const struct completion *c)
{
	const char *first = c->candidates[0];
	size_t len = strlen(first);

	for (size_t i = 1; i < c->count; i++) {
		size_t n = 0;
		while (n < len && c->candidates[i][n] == first[n])
			n++;
		len = n;
	}
	while (len > 0 && ((unsigned char)first[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static bool all_same(const struct completion *c)
{
	for (size_t i = 1; i < c->count; i++)
		if (strcmp(c->candidates[i], c->candidates[0]) != 0)
			return false;
	return true;
}

/* The word to stand in the line; NULL if it is not longer than what is typed. */
static char *make_insert(const struct search *s)
{
	const struct completion *c = s->out;
	const bool complete = all_same(c) && !s->open_ended;
	size_t len = common_length(c);
	char *word, *quoted, *out;

	if (!complete && len == strlen(s->typed))
		return NULL;
	word = strndup(c->candidates[0], len);
	quoted = word != NULL ? words_quote(word, complete) : NULL;
	free(word);
	if (quoted == NULL || !complete)
		return quoted;
	len = strlen(quoted);
	out = realloc(quoted, len + 2);
	if (out == NULL) {
		free(quoted);
		return NULL;
	}
	memcpy(out + len, " ", 2);
	return out;
}

void completion_find(struct completion *out, const char *line, const struct catalog *catalog,
    const char *const *subscriptions)
{
	struct search s = {.out = out, .catalog = catalog, .subscriptions = subscriptions};

	*out = (struct completion){0};
	if (words_split(&s.words, line, strlen(line), true) == 0) {
		const size_t last = s.words.count - 1;
		enum verb verb = last > 0 ? verb_find(s.words.items[0]) : VERB_COUNT;

		s.typed = s.words.items[last];
		out->at = s.words.at[last];
		if (last == 0)
			offer_commands(&s);
		else if (verb != VERB_COUNT)
			offer_kind(&s, verb_word(verb, last - 1));
		if (out->count > 0)
			out->insert = make_insert(&s);
	}
	words_free(&s.words);
}

void completion_free(struct completion *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->candidates[i]);
	free(c->candidates);
	free(c->insert);
	*c = (struct completion){0};
}

/* --- the list ------------------------------------------------------------------------------ */

static size_t widest(const struct completion *c, size_t shown)
{
	size_t most = 1;

	for (size_t i = 0; i < shown; i++) {
		size_t width = screen_width(c->candidates[i], strlen(c->candidates[i]));
		most = width > most ? width : most;
	}
	return most;
}

char *completion_list(const struct completion *c, size_t columns)
{
	const size_t shown = c->count < COMPLETION_SHOWN ? c->count : COMPLETION_SHOWN;
	const size_t width = widest(c, shown) + GAP;
	const size_t row = columns > width ? (columns + GAP) / width : 1;
	struct output out;
	struct buf text;
	char more[64];

	if (c->count < 2 || all_same(c))
		return NULL;
	buf_init(&text, (size_t)1 << 24);
	output_to_buf(&out, &text);
	for (size_t i = 0; i < shown; i++) {
		const char *word = c->candidates[i];
		const bool last = i + 1 == shown || (i + 1) % row == 0;

		output_str(&out, word);
		if (last)
			output_str(&out, "\n");
		else
			output_spaces(&out, width - screen_width(word, strlen(word)));
	}
	(void)snprintf(more, sizeof more, "... and %zu more\n", c->count - shown);
	if (shown < c->count)
		output_str(&out, more);
	output_put(&out, "", 1);
	if (output_end(&out) == 0)
		return (char *)text.data;
	buf_free(&text);
	return NULL;
}
