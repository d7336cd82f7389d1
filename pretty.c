#include "pretty.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "log.h"

#define INDENT 2
#define END    "\x1b[0m"

/* Colours by what a token is. */
enum { OTHER, KEY, STRING, NUMBER, WORD };

static const char *const colours[] = {
    [KEY] = "\x1b[1;34m",
    [STRING] = "\x1b[32m",
    [NUMBER] = "\x1b[36m",
    [WORD] = "\x1b[33m",
};

struct printer {
	struct output *out;
	const char *p, *end;
	unsigned style;
	size_t depth;
	uint64_t objects; /* a bit a level, of the levels that are indented: 1 = object */
	bool key;         /* the next string is a key */
};

/* Neither DEL nor a control nor part of a longer character. */
static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7F;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct printer *r)
{
	while (r->p < r->end && is_space(*r->p))
		r->p++;
}

static void new_line(struct printer *r)
{
	if (r->depth > PRETTY_DEPTH || (r->style & PRETTY_LINE))
		return;
	output_str(r->out, "\n");
	output_spaces(r->out, r->depth * INDENT);
}

/* The length of the character that begins with ${c}. */
static size_t char_length(char c)
{
	unsigned char u = (unsigned char)c;

	return u < 0xC0 ? 1 : u < 0xE0 ? 2 : u < 0xF0 ? 3 : 4;
}

/* One character that is not plain ASCII. log_escape knows which ones steer a terminal. */
static void put_wide(struct output *out, const char *s, size_t len)
{
	char shown[16];

	if (*s == '\x7f')
		output_str(out, "\\u007f"); /* which JSON has no "\x7f" for */
	else
		output_str(out, log_escape(shown, sizeof shown, s, len));
}

static void put_safe(struct output *out, const char *s, const char *end)
{
	size_t n;

	for (; s < end; s += n) {
		for (n = 0; s + n < end && is_plain(s[n]);)
			n++;
		output_put(out, s, n);
		if (n > 0)
			continue;
		n = char_length(*s);
		if (n > (size_t)(end - s))
			n = (size_t)(end - s);
		put_wide(out, s, n);
	}
}

static void put_token(struct printer *r, const char *end, int kind)
{
	if (r->style & PRETTY_COLOUR)
		output_str(r->out, colours[kind]);
	if (r->style & PRETTY_SAFE)
		put_safe(r->out, r->p, end);
	else
		output_put(r->out, r->p, (size_t)(end - r->p));
	if (r->style & PRETTY_COLOUR)
		output_str(r->out, END);
	r->p = end;
}

static void put_string(struct printer *r)
{
	const char *p = r->p + 1;

	while (p < r->end && *p != '"')
		p += *p == '\\' && r->end - p > 1 ? 2 : 1;
	put_token(r, p < r->end ? p + 1 : r->end, r->key ? KEY : STRING);
	r->key = false;
}

static void put_scalar(struct printer *r)
{
	const char *p = r->p + 1;

	while (p < r->end && !is_space(*p) && memchr(",:]}", *p, 4) == NULL)
		p++;
	put_token(r, p, *r->p >= 'a' ? WORD : NUMBER);
}

static void note_level(struct printer *r, bool object)
{
	uint64_t bit;

	r->key = object && r->depth < PRETTY_DEPTH;
	if (++r->depth > PRETTY_DEPTH)
		return;
	bit = UINT64_C(1) << r->depth;
	r->objects = object ? r->objects | bit : r->objects & ~bit;
}

static void open_container(struct printer *r)
{
	bool object = *r->p == '{';

	output_put(r->out, r->p++, 1);
	skip_space(r);
	if (r->p < r->end && (*r->p == '}' || *r->p == ']')) {
		output_put(r->out, r->p++, 1);
		return;
	}
	note_level(r, object);
	new_line(r);
}

static void close_container(struct printer *r)
{
	bool deep = r->depth > PRETTY_DEPTH;

	r->depth -= r->depth > 0;
	if (!deep)
		new_line(r);
	output_put(r->out, r->p++, 1);
}

static void put_comma(struct printer *r)
{
	output_put(r->out, r->p++, 1);
	r->key = r->depth <= PRETTY_DEPTH && (r->objects >> r->depth & 1) != 0;
	new_line(r);
}

void pretty_put(struct output *out, struct value value, unsigned style)
{
	struct printer r = {
	    .out = out, .p = value.text, .end = value.text + value.len, .style = style};

	for (skip_space(&r); r.p < r.end; skip_space(&r)) {
		switch (*r.p) {
		case '{':
		case '[':
			open_container(&r);
			break;
		case '}':
		case ']':
			close_container(&r);
			break;
		case ',':
			put_comma(&r);
			break;
		case ':':
			r.p++;
			output_str(out, style & PRETTY_LINE ? ":" : ": ");
			break;
		case '"':
			put_string(&r);
			break;
		default:
			put_scalar(&r);
		}
	}
}
