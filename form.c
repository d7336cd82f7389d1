#include "form.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "compat.h"

struct form {
	cJSON *params;
	const cJSON *schemas[FORM_QUESTIONS_MAX];
	struct form_question questions[FORM_QUESTIONS_MAX];
	size_t count;
	cJSON *answers[FORM_QUESTIONS_MAX]; /* NULL = left out */
};

static PRINTF_LIKE(2, 3) bool fail(char *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, FORM_ERROR_SIZE, format, args);
	va_end(args);
	return false;
}

static const char *text_of(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* A number of the schema; ${otherwise} if it is not there, or none. */
static double number_of(const cJSON *schema, const char *name, double otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(schema, name);

	return cJSON_IsNumber(item) ? cJSON_GetNumberValue(item) : otherwise;
}

/* --- reading the schema -------------------------------------------------------------------- */

/*
 * Where the choices of a schema stand: ["a"], or [{"const": "a", "title": "A"}]. NULL if it has
 * none.
 */
static const cJSON *find_choices(const cJSON *schema)
{
	static const char *const names[] = {"enum", "oneOf", "anyOf"};
	const cJSON *found = NULL;

	for (size_t i = 0; i < sizeof names / sizeof *names && found == NULL; i++)
		found = cJSON_GetObjectItemCaseSensitive(schema, names[i]);
	return found;
}

static bool read_choice(struct form_choice *c, const cJSON *item, const cJSON *names, size_t number)
{
	if (cJSON_IsString(item)) {
		c->value = item->valuestring;
		c->title = cJSON_GetStringValue(cJSON_GetArrayItem(names, (int)number));
	} else {
		c->value = text_of(item, "const");
		c->title = text_of(item, "title");
	}
	return c->value != NULL;
}

static bool read_choices(struct form_question *q, const cJSON *schema, char *error)
{
	const cJSON *names = cJSON_GetObjectItemCaseSensitive(schema, "enumNames");
	const cJSON *list = find_choices(schema), *item;
	const int count = cJSON_GetArraySize(list);

	if (count < 1 || count > FORM_CHOICES_MAX)
		return fail(error, "a question has no choices, or too many");
	q->choices = calloc((size_t)count, sizeof *q->choices);
	if (q->choices == NULL)
		return fail(error, "out of memory");
	cJSON_ArrayForEach(item, list)
	{
		if (!read_choice(&q->choices[q->choice_count], item, names, q->choice_count))
			return fail(error, "a choice is not a text");
		q->choice_count++;
	}
	return true;
}

static bool read_kind(struct form_question *q, const cJSON *schema, char *error)
{
	static const struct {
		const char *type;
		enum form_kind kind;
	} kinds[] = {
	    {"string", FORM_TEXT},
	    {"number", FORM_NUMBER},
	    {"integer", FORM_INTEGER},
	    {"boolean", FORM_YES_NO},
	    {"array", FORM_SOME_OF},
	};
	const char *type = text_of(schema, "type");

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (type == NULL || strcmp(type, kinds[i].type) != 0)
			continue;
		q->kind = kinds[i].kind;
		if (q->kind == FORM_SOME_OF)
			return read_choices(
			    q, cJSON_GetObjectItemCaseSensitive(schema, "items"), error);
		if (q->kind == FORM_TEXT && find_choices(schema) != NULL) {
			q->kind = FORM_ONE_OF;
			return read_choices(q, schema, error);
		}
		return true;
	}
	return fail(error, "a question is neither text, number, yes or no, nor a choice");
}

static bool has_choice(const struct form_question *q, const char *value)
{
	for (size_t i = 0; i < q->choice_count; i++)
		if (value != NULL && strcmp(q->choices[i].value, value) == 0)
			return true;
	return false;
}

/* Several choices as one would type them. */
static char *join_choices(const cJSON *list)
{
	const cJSON *item;
	size_t size = 1;
	char *out, *at;

	cJSON_ArrayForEach(item, list) size +=
	    cJSON_IsString(item) ? strlen(item->valuestring) + 2 : 0;
	at = out = malloc(size);
	if (out == NULL)
		return NULL;
	*at = '\0';
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item))
			continue;
		at += snprintf(
		    at, size - (size_t)(at - out), "%s%s", at > out ? ", " : "", item->valuestring);
	}
	return out;
}

/* What "default" says, as one would type it. One that is not of its question's kind is none. */
static char *read_preset(const struct form_question *q, const cJSON *schema)
{
	const cJSON *preset = cJSON_GetObjectItemCaseSensitive(schema, "default");

	switch (q->kind) {
	case FORM_TEXT:
		if (!cJSON_IsString(preset))
			return NULL;
		return strdup(*preset->valuestring != '\0' ? preset->valuestring : "\"\"");
	case FORM_NUMBER:
	case FORM_INTEGER:
		return cJSON_IsNumber(preset) ? cJSON_PrintUnformatted(preset) : NULL;
	case FORM_YES_NO:
		return cJSON_IsBool(preset) ? strdup(cJSON_IsTrue(preset) ? "yes" : "no") : NULL;
	case FORM_ONE_OF:
		return has_choice(q, cJSON_GetStringValue(preset)) ? strdup(preset->valuestring)
		                                                   : NULL;
	case FORM_SOME_OF:
		return cJSON_GetArraySize(preset) > 0 ? join_choices(preset) : NULL;
	}
	return NULL;
}

static bool is_required(const cJSON *schema, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(schema, "required"))
	{
		if (cJSON_IsString(item) && strcmp(item->valuestring, name) == 0)
			return true;
	}
	return false;
}

static bool read_questions(struct form *f, char *error)
{
	const cJSON *schema = cJSON_GetObjectItemCaseSensitive(f->params, "requestedSchema");
	const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties"), *item;
	char ignored[FORM_ERROR_SIZE];

	if (!cJSON_IsObject(properties))
		return fail(error, "it has no \"requestedSchema\" with \"properties\"");
	cJSON_ArrayForEach(item, properties)
	{
		struct form_question *q = &f->questions[f->count];

		if (cJSON_GetObjectItemCaseSensitive(properties, item->string) != item)
			continue; /* the same name again */
		if (f->count == FORM_QUESTIONS_MAX)
			return fail(error, "it has over %d questions", FORM_QUESTIONS_MAX);
		f->schemas[f->count++] = item;
		q->name = item->string;
		q->title = text_of(item, "title");
		q->description = text_of(item, "description");
		q->required = is_required(schema, q->name);
		if (!read_kind(q, item, error))
			return false;
		q->preset = read_preset(q, item);
		if (q->preset != NULL && !form_answer(f, f->count - 1, q->preset, ignored)) {
			free(q->preset);
			q->preset = NULL;
		}
	}
	return true;
}

struct form *form_new(const char *params, char *error)
{
	struct form *f = calloc(1, sizeof *f);

	(void)fail(error, "out of memory");
	if (f == NULL)
		return NULL;
	f->params = cJSON_Parse(params);
	if (!cJSON_IsObject(f->params))
		(void)fail(error, "it has no parameters");
	else if (form_url(f) != NULL || read_questions(f, error))
		return f;
	form_free(f);
	return NULL;
}

void form_free(struct form *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->count; i++) {
		cJSON_Delete(f->answers[i]);
		free(f->questions[i].preset);
		free(f->questions[i].choices);
	}
	cJSON_Delete(f->params);
	free(f);
}

const char *form_message(const struct form *f)
{
	const char *message = text_of(f->params, "message");

	return message != NULL ? message : "";
}

const char *form_url(const struct form *f)
{
	const char *mode = text_of(f->params, "mode");

	return mode != NULL && strcmp(mode, "url") == 0 ? text_of(f->params, "url") : NULL;
}

size_t form_count(const struct form *f)
{
	return f->count;
}

const struct form_question *form_question(const struct form *f, size_t number)
{
	return &f->questions[number];
}

/* --- hints --------------------------------------------------------------------------------- */

/* A lower and an upper bound, in words behind ${what}. */
static void describe_range(char *out, const char *what, const char *unit, double low, double high)
{
	if (low > -HUGE_VAL && high < HUGE_VAL)
		(void)snprintf(out, FORM_HINT_SIZE, "%s, %.15g to %.15g%s", what, low, high, unit);
	else if (low > -HUGE_VAL)
		(void)snprintf(out, FORM_HINT_SIZE, "%s, at least %.15g%s", what, low, unit);
	else if (high < HUGE_VAL)
		(void)snprintf(out, FORM_HINT_SIZE, "%s, at most %.15g%s", what, high, unit);
	else
		(void)snprintf(out, FORM_HINT_SIZE, "%s", what);
}

/* The formats that are checked. */
static bool is_email(const char *text);
static bool is_uri(const char *text);
static bool is_date(const char *text);
static bool is_date_time(const char *text);

static const struct format {
	const char *name, *words;
	bool (*check)(const char *text);
} formats[] = {
    {"email", "e-mail address", is_email},
    {"uri", "URI, like https://example.com/", is_uri},
    {"date", "date, like 2026-07-28", is_date},
    {"date-time", "date and time, like 2026-07-28T12:34:56Z", is_date_time},
};

static const struct format *find_format(const cJSON *schema)
{
	const char *name = text_of(schema, "format");

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (name != NULL && strcmp(name, formats[i].name) == 0)
			return &formats[i];
	return NULL;
}

char *form_hint(const struct form *f, size_t number, char *out)
{
	const cJSON *schema = f->schemas[number];
	const struct format *format = find_format(schema);

	switch (f->questions[number].kind) {
	case FORM_TEXT:
		describe_range(out, format != NULL ? format->words : "text", " characters",
		    number_of(schema, "minLength", -HUGE_VAL),
		    number_of(schema, "maxLength", HUGE_VAL));
		break;
	case FORM_NUMBER:
	case FORM_INTEGER:
		describe_range(out,
		    f->questions[number].kind == FORM_INTEGER ? "integer" : "number", "",
		    number_of(schema, "minimum", -HUGE_VAL),
		    number_of(schema, "maximum", HUGE_VAL));
		break;
	case FORM_YES_NO:
		describe_range(out, "yes or no", "", -HUGE_VAL, HUGE_VAL);
		break;
	case FORM_ONE_OF:
		describe_range(out, "one of these", "", -HUGE_VAL, HUGE_VAL);
		break;
	case FORM_SOME_OF:
		describe_range(out, "some of these, with commas between", "",
		    number_of(schema, "minItems", -HUGE_VAL),
		    number_of(schema, "maxItems", HUGE_VAL));
		break;
	}
	return out;
}

/* --- checking texts ------------------------------------------------------------------------ */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Something, one "@", something with a dot or a letter; the rest is for the server to find out. */
static bool is_email(const char *text)
{
	const char *at = strchr(text, '@');

	return at != NULL && at > text && at[1] != '\0' && strrchr(text, '@') == at &&
	       strcspn(text, " \t<>(),;:\\") == strlen(text);
}

/* RFC 3986: a scheme, a colon, and no character that has to be encoded. */
static bool is_uri(const char *text)
{
	const char *s = text;

	if (!is_letter(*s))
		return false;
	while (is_letter(*s) || is_digit(*s) || *s == '+' || *s == '-' || *s == '.')
		s++;
	return *s == ':' && s[1] != '\0' && strcspn(s, " \t\"<>\\^`{|}") == strlen(s);
}

/* Reads exactly ${count} digits that make ${low}..${high}; returns what is behind them, or NULL. */
static const char *read_digits(const char *s, int count, int low, int high, int *out)
{
	*out = 0;
	for (; s != NULL && count > 0; count--, s++) {
		if (!is_digit(*s))
			return NULL;
		*out = *out * 10 + (*s - '0');
	}
	return *out >= low && *out <= high ? s : NULL;
}

static const char *read_char(const char *s, const char *allowed)
{
	return s != NULL && *s != '\0' && strchr(allowed, *s) != NULL ? s + 1 : NULL;
}

static int days_of(int year, int month)
{
	const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (month == 2)
		return leap ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static const char *read_date(const char *s)
{
	int year, month, day;

	s = read_char(read_digits(s, 4, 0, 9999, &year), "-");
	s = read_char(read_digits(s, 2, 1, 12, &month), "-");
	return read_digits(s, 2, 1, s != NULL ? days_of(year, month) : 0, &day);
}

static bool is_date(const char *text)
{
	const char *end = read_date(text);

	return end != NULL && *end == '\0';
}

/* RFC 3339, where a minute may have 61 seconds. */
static bool is_date_time(const char *text)
{
	const char *s = read_char(read_date(text), "Tt");
	int number;

	s = read_char(read_digits(s, 2, 0, 23, &number), ":");
	s = read_char(read_digits(s, 2, 0, 59, &number), ":");
	s = read_digits(s, 2, 0, 60, &number);
	if (s != NULL && *s == '.') {
		s = read_digits(s + 1, 1, 0, 9, &number);
		while (s != NULL && is_digit(*s))
			s++;
	}
	if (s != NULL && (*s == '+' || *s == '-')) {
		s = read_char(read_digits(s + 1, 2, 0, 23, &number), ":");
		s = read_digits(s, 2, 0, 59, &number);
	} else {
		s = read_char(s, "Zz");
	}
	return s != NULL && *s == '\0';
}

static size_t count_characters(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

/* A number as JSON writes it; with ${whole} one without fraction and exponent. */
static bool is_number(const char *s, bool whole)
{
	s += *s == '-';
	if (!is_digit(*s) || (*s == '0' && is_digit(s[1])))
		return false;
	while (is_digit(*s))
		s++;
	if (whole)
		return *s == '\0';
	if (*s == '.') {
		if (!is_digit(*++s))
			return false;
		while (is_digit(*s))
			s++;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '+' || *s == '-';
		if (!is_digit(*s))
			return false;
		while (is_digit(*s))
			s++;
	}
	return *s == '\0';
}

/* --- answers: each gives a value, or NULL with the error filled ------------------------------ */

static cJSON *answer_text(const cJSON *schema, const char *text, char *error)
{
	const struct format *format = find_format(schema);
	double length;

	if (strcmp(text, "\"\"") == 0)
		text = "";
	length = (double)count_characters(text);
	if (length < number_of(schema, "minLength", 0))
		(void)fail(error, "At least %.15g characters are needed.",
		    number_of(schema, "minLength", 0));
	else if (length > number_of(schema, "maxLength", HUGE_VAL))
		(void)fail(error, "At most %.15g characters are taken.",
		    number_of(schema, "maxLength", 0));
	else if (format != NULL && !format->check(text))
		(void)fail(error, "That is no %s.", format->words);
	else
		return cJSON_CreateString(text);
	return NULL;
}

static cJSON *answer_number(const cJSON *schema, const char *text, bool whole, char *error)
{
	double value;

	if (!is_number(text, whole)) {
		(void)fail(error,
		    whole ? "An integer is needed, like 42." : "A number is needed, like 1.5.");
		return NULL;
	}
	value = strtod(text, NULL);
	if (value < number_of(schema, "minimum", -HUGE_VAL))
		(void)fail(
		    error, "The smallest is %.15g.", number_of(schema, "minimum", -HUGE_VAL));
	else if (value > number_of(schema, "maximum", HUGE_VAL))
		(void)fail(error, "The largest is %.15g.", number_of(schema, "maximum", HUGE_VAL));
	else
		return cJSON_CreateRaw(text); /* as it was typed: a double may not hold it */
	return NULL;
}

static cJSON *answer_yes_no(const char *text, char *error)
{
	static const char *const words[][5] = {
	    {"no", "n", "false", "0", "off"}, {"yes", "y", "true", "1", "on"}};

	for (int value = 0; value < 2; value++)
		for (size_t i = 0; i < sizeof words[0] / sizeof *words[0]; i++)
			if (strcasecmp(text, words[value][i]) == 0)
				return cJSON_CreateBool(value);
	(void)fail(error, "Please answer yes or no.");
	return NULL;
}

/* The number that ${text} is, counted from 1; 0 if it is none, or one of no choice. */
static size_t choice_number(const struct form_question *q, const char *text, size_t len)
{
	size_t number = 0;

	for (size_t i = 0; i < len; i++) {
		if (!is_digit(text[i]) || number > q->choice_count)
			return 0;
		number = number * 10 + (size_t)(text[i] - '0');
	}
	return number <= q->choice_count ? number : 0;
}

/* A choice by its value, else its number, else its title; NULL if it is none. */
static const char *find_choice(const struct form_question *q, const char *text, size_t len)
{
	const size_t number = choice_number(q, text, len);

	for (size_t i = 0; i < q->choice_count; i++) {
		const char *value = q->choices[i].value;
		if (strlen(value) == len && memcmp(value, text, len) == 0)
			return value;
	}
	if (number > 0)
		return q->choices[number - 1].value;
	for (size_t i = 0; i < q->choice_count; i++) {
		const char *title = q->choices[i].title;
		if (title != NULL && strlen(title) == len && strncasecmp(title, text, len) == 0)
			return q->choices[i].value;
	}
	return NULL;
}

static cJSON *answer_one(const struct form_question *q, const char *text, char *error)
{
	const char *value = find_choice(q, text, strlen(text));

	if (value == NULL) {
		(void)fail(error, "Please answer with a number from 1 to %zu.", q->choice_count);
		return NULL;
	}
	return cJSON_CreateString(value);
}

static bool add_choice(cJSON *list, const char *value)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		if (strcmp(item->valuestring, value) == 0)
			return true;
	}
	return cJSON_AddItemToArray(list, cJSON_CreateString(value)) != 0;
}

/* The piece of ${text} up to the next comma, without the blanks around it. */
static const char *next_piece(const char **text, size_t *len)
{
	const char *piece = *text + strspn(*text, " \t");

	*len = strcspn(piece, ",");
	*text = piece + *len + (piece[*len] == ',');
	while (*len > 0 && (piece[*len - 1] == ' ' || piece[*len - 1] == '\t'))
		--*len;
	return piece;
}

static bool add_choices(const struct form_question *q, cJSON *list, const char *text, char *error)
{
	while (*text != '\0') {
		size_t len;
		const char *piece = next_piece(&text, &len);
		const char *value = find_choice(q, piece, len);

		if (len == 0)
			continue;
		if (value == NULL)
			return fail(error,
			    "Please answer with numbers from 1 to %zu, with commas between.",
			    q->choice_count);
		if (!add_choice(list, value))
			return fail(error, "out of memory");
	}
	return true;
}

static cJSON *answer_some(
    const struct form_question *q, const cJSON *schema, const char *text, char *error)
{
	cJSON *list = cJSON_CreateArray();
	bool good;

	/* A single choice may have commas in it. */
	if (find_choice(q, text, strlen(text)) != NULL)
		good = add_choice(list, find_choice(q, text, strlen(text)));
	else
		good = add_choices(q, list, text, error);
	if (good && cJSON_GetArraySize(list) < number_of(schema, "minItems", 0))
		good = fail(error, "At least %.15g are needed.", number_of(schema, "minItems", 0));
	if (good && cJSON_GetArraySize(list) > number_of(schema, "maxItems", HUGE_VAL))
		good = fail(error, "At most %.15g are taken.", number_of(schema, "maxItems", 0));
	if (!good) {
		cJSON_Delete(list);
		return NULL;
	}
	return list;
}

static cJSON *make_trimmed(
    const struct form_question *q, const cJSON *schema, const char *text, char *error)
{
	switch (q->kind) {
	case FORM_TEXT:
		break;
	case FORM_NUMBER:
	case FORM_INTEGER:
		return answer_number(schema, text, q->kind == FORM_INTEGER, error);
	case FORM_YES_NO:
		return answer_yes_no(text, error);
	case FORM_ONE_OF:
		return answer_one(q, text, error);
	case FORM_SOME_OF:
		return answer_some(q, schema, text, error);
	}
	return NULL;
}

/* Blanks around an answer count in texts only. */
static cJSON *make_answer(
    const struct form_question *q, const cJSON *schema, const char *text, char *error)
{
	const char *start = text + strspn(text, " \t");
	size_t len = strlen(start);
	char *trimmed;
	cJSON *answer;

	if (q->kind == FORM_TEXT)
		return answer_text(schema, text, error);
	while (len > 0 && (start[len - 1] == ' ' || start[len - 1] == '\t'))
		len--;
	trimmed = strndup(start, len);
	answer = trimmed != NULL ? make_trimmed(q, schema, trimmed, error) : NULL;
	free(trimmed);
	return answer;
}

/* No answer, where there is no preset. */
static bool leave_out(struct form *f, size_t number, char *error)
{
	const struct form_question *q = &f->questions[number];
	const bool none_will_do =
	    q->kind == FORM_SOME_OF && number_of(f->schemas[number], "minItems", 0) < 1;

	if (q->required && !none_will_do)
		return fail(error, "An answer is needed%s.",
		    q->kind == FORM_TEXT ? " (\"\" is an empty one)" : "");
	cJSON_Delete(f->answers[number]);
	f->answers[number] = q->required ? cJSON_CreateArray() : NULL;
	return true;
}

bool form_answer(struct form *f, size_t number, const char *text, char *error)
{
	const struct form_question *q = &f->questions[number];
	cJSON *answer;

	if (*text == '\0' && q->preset == NULL)
		return leave_out(f, number, error);
	(void)fail(error, "out of memory");
	answer = make_answer(q, f->schemas[number], *text != '\0' ? text : q->preset, error);
	if (answer == NULL)
		return false;
	cJSON_Delete(f->answers[number]);
	f->answers[number] = answer;
	return true;
}

/* --- the result ---------------------------------------------------------------------------- */

static cJSON *make_content(const struct form *f)
{
	cJSON *content = cJSON_CreateObject();

	for (size_t i = 0; i < f->count && content != NULL; i++) {
		cJSON *answer;

		if (f->answers[i] == NULL)
			continue;
		answer = cJSON_Duplicate(f->answers[i], 1);
		if (!cJSON_AddItemToObject(content, f->questions[i].name, answer)) {
			cJSON_Delete(answer);
			cJSON_Delete(content);
			content = NULL;
		}
	}
	return content;
}

static char *print_and_delete(cJSON *value)
{
	char *text = value != NULL ? cJSON_PrintUnformatted(value) : NULL;

	cJSON_Delete(value);
	return text;
}

char *form_content(const struct form *f)
{
	return print_and_delete(make_content(f));
}

char *form_result(const struct form *f, enum form_action action)
{
	static const char *const actions[] = {
	    [FORM_ACCEPT] = "accept", [FORM_DECLINE] = "decline", [FORM_CANCEL] = "cancel"};
	cJSON *result = cJSON_CreateObject();
	bool good = cJSON_AddStringToObject(result, "action", actions[action]) != NULL;

	if (good && action == FORM_ACCEPT && form_url(f) == NULL)
		good = cJSON_AddItemToObject(result, "content", make_content(f));
	if (!good) {
		cJSON_Delete(result);
		return NULL;
	}
	return print_and_delete(result);
}
