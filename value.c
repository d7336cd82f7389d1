#include "value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jsonrpc.h"
#include "utf8.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define REPLACEMENT     "\xef\xbf\xbd" /* U+FFFD */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct value trim(struct value v)
{
	while (v.len > 0 && is_space(v.text[0])) {
		v.text++;
		v.len--;
	}
	while (v.len > 0 && is_space(v.text[v.len - 1]))
		v.len--;
	return v;
}

bool value_read(struct value *out, const char *text, size_t len)
{
	const size_t mark = sizeof BYTE_ORDER_MARK - 1;
	struct jsonrpc_envelope e;

	*out = VALUE_NOTHING;
	if (jsonrpc_scan_text(text, len, &e) == JSONRPC_NOT_JSON)
		return false;
	if (len >= mark && memcmp(text, BYTE_ORDER_MARK, mark) == 0) {
		text += mark;
		len -= mark;
	}
	*out = trim((struct value){text, len});
	return true;
}

struct value value_of(const char *text)
{
	return text != NULL ? trim((struct value){text, strlen(text)}) : VALUE_NOTHING;
}

enum value_type value_type(struct value v)
{
	if (v.len == 0)
		return VALUE_MISSING;
	switch (v.text[0]) {
	case '{':
		return VALUE_OBJECT;
	case '[':
		return VALUE_ARRAY;
	case '"':
		return VALUE_STRING;
	case 't':
	case 'f':
		return VALUE_BOOLEAN;
	case 'n':
		return VALUE_NULL;
	default:
		return VALUE_NUMBER;
	}
}

/* --- parts ------------------------------------------------------------- */

static struct value part(struct value v, struct jsonrpc_span span)
{
	return span.len > 0 ? (struct value){v.text + span.at, span.len} : VALUE_NOTHING;
}

struct value value_member(struct value object, const char *key)
{
	return part(object, jsonrpc_find_key(object.text, object.len, key));
}

bool value_next_member(struct value object, size_t *at, struct value *key, struct value *value)
{
	struct jsonrpc_span k, v;

	if (value_type(object) != VALUE_OBJECT ||
	    !jsonrpc_member_next(object.text, object.len, at, &k, &v))
		return false;
	*key = part(object, k);
	*value = part(object, v);
	return true;
}

/* Behind the string that begins at ${p}. */
static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\' && end - p > 1)
			p++;
	return p < end ? p + 1 : end;
}

/* Behind the element of an array that begins at ${p}. */
static const char *skip_element(const char *p, const char *end)
{
	size_t depth = 0;

	do {
		if (*p == '"') {
			p = skip_string(p, end);
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		p++;
	} while (p < end && (depth > 0 || (*p != ',' && *p != ']')));
	return p;
}

bool value_next(struct value array, size_t *at, struct value *value)
{
	const char *p = array.text + (*at > 0 ? *at : 1), *end = array.text + array.len, *start;

	if (value_type(array) != VALUE_ARRAY)
		return false;
	while (p < end && (is_space(*p) || *p == ','))
		p++;
	if (p >= end || *p == ']')
		return false;
	start = p;
	p = skip_element(p, end);
	*at = (size_t)(p - array.text);
	*value = trim((struct value){start, (size_t)(p - start)});
	return true;
}

/* --- what they are ----------------------------------------------------- */

bool value_is(struct value v, const char *plain)
{
	return v.len > 0 && jsonrpc_string_is(v.text, v.len, plain);
}

bool value_is_true(struct value v)
{
	return v.len == 4 && memcmp(v.text, "true", 4) == 0;
}

bool value_equal(struct value a, struct value b)
{
	enum value_type type = value_type(a);

	if (type != value_type(b))
		return false;
	if (type == VALUE_BOOLEAN)
		return a.text[0] == b.text[0];
	return (type != VALUE_STRING && type != VALUE_NUMBER) ||
	       jsonrpc_id_equal(a.text, a.len, b.text, b.len);
}

/*
 * The value of an exponent, its sign included; one beyond any number of digits is as good as
 * another.
 */
static long read_exponent(const char *p, const char *end)
{
	bool negative = p < end && *p == '-';
	long exponent = 0;

	if (p < end && !is_digit(*p))
		p++;
	for (; p < end && is_digit(*p) && exponent < 100000000; p++)
		exponent = exponent * 10 + (*p - '0');
	return negative ? -exponent : exponent;
}

bool value_is_integer(struct value number)
{
	const char *p = number.text, *end = p + number.len;
	long digits = 0, last = 0; /* all so far, and up to the last that is not 0 */
	long whole = -1;           /* those in front of the point */

	if (value_type(number) != VALUE_NUMBER)
		return false;
	for (; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.')
			whole = digits;
		else if (is_digit(*p))
			digits++;
		if (is_digit(*p) && *p != '0')
			last = digits;
	}
	if (whole < 0)
		whole = digits;
	return last == 0 || last - whole <= (p < end ? read_exponent(p + 1, end) : 0);
}

/*
 * Halves of surrogate pairs come out of the decoder as three bytes, as many as the replacement
 * has.
 */
static void replace_halves(char *text, size_t len)
{
	for (size_t i = 0; i + 2 < len; i++)
		if (text[i] == '\xed' && (unsigned char)text[i + 1] >= 0xA0)
			memcpy(text + i, REPLACEMENT, 3);
}

char *value_string(struct value string, size_t *len)
{
	char *text;
	size_t n;

	if (value_type(string) != VALUE_STRING)
		return NULL;
	text = malloc(string.len + 1);
	if (text == NULL)
		return NULL;
	n = jsonrpc_string_decode(string.text, string.len, text);
	text[n] = '\0';
	replace_halves(text, n);
	if (len != NULL)
		*len = n;
	return text;
}

/* --- writing ----------------------------------------------------------- */

void value_put(struct output *out, struct value v)
{
	output_put(out, v.text, v.len);
}

/* What stands in a JSON string as it is, and is a character of its own. */
static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* The length of the character at ${s}, or 0 if it is not valid. */
static size_t char_length(const char *s, size_t len)
{
	struct utf8 u = {0};
	size_t n = 0;

	do
		if (n == len || !utf8_feed(&u, s + n, 1))
			return 0;
	while (n++, !utf8_complete(&u));
	return n;
}

static void put_escape(struct output *out, char c)
{
	static const char letters[] =
	    "\bb\tt\nn\ff\rr\"\"\\\\"; /* each and what is written for it */
	char escape[8];

	for (size_t i = 0; i < sizeof letters - 1; i += 2)
		if (letters[i] == c) {
			(void)snprintf(escape, sizeof escape, "\\%c", letters[i + 1]);
			output_str(out, escape);
			return;
		}
	(void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
	output_str(out, escape);
}

void value_put_string(struct output *out, const char *plain, size_t len)
{
	size_t n;

	output_str(out, "\"");
	for (; len > 0; plain += n, len -= n) {
		for (n = 0; n < len && is_plain(plain[n]);)
			n++;
		output_put(out, plain, n);
		if (n > 0)
			continue;
		n = char_length(plain, len);
		if (n > 1)
			output_put(out, plain, n);
		else if (n == 1)
			put_escape(out, *plain);
		else
			output_str(out, REPLACEMENT);
		n += n == 0;
	}
	output_str(out, "\"");
}
