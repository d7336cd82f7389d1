#include "screen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "log.h"

#define COLUMNS 80

size_t screen_columns(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return COLUMNS;
}

bool screen_draws(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

bool screen_colours(int fd)
{
	const char *never = getenv("NO_COLOR");

	return screen_draws(fd) && (never == NULL || *never == '\0');
}

/* --- widths ------------------------------------------------------------ */

struct range {
	uint32_t first, last;
};

/* Marks that combine, and what joins or selects; in order. */
static const struct range narrow[] = {
    {0x0300, 0x036f},
    {0x0483, 0x0489},
    {0x0591, 0x05bd},
    {0x064b, 0x065f},
    {0x0e34, 0x0e3a},
    {0x0e47, 0x0e4e},
    {0x1ab0, 0x1aff},
    {0x1dc0, 0x1dff},
    {0x200b, 0x200d},
    {0x20d0, 0x20ff},
    {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f},
    {0xfeff, 0xfeff},
    {0x1f3fb, 0x1f3ff},
    {0xe0100, 0xe01ef},
};

static const struct range wide[] = {
    {0x1100, 0x115f},
    {0x231a, 0x231b},
    {0x23e9, 0x23f3},
    {0x2705, 0x2705},
    {0x274c, 0x274c},
    {0x2e80, 0x303e},
    {0x3041, 0xa4cf},
    {0xa960, 0xa97f},
    {0xac00, 0xd7a3},
    {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},
    {0xff00, 0xff60},
    {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff},
    {0x1f900, 0x1f9ff},
    {0x1fa70, 0x1faff},
    {0x20000, 0x3fffd},
};

static bool is_in(const struct range *ranges, size_t count, uint32_t code)
{
	for (size_t i = 0; i < count && ranges[i].first <= code; i++)
		if (code <= ranges[i].last)
			return true;
	return false;
}

/* The code point that ${s} begins with; sets its length in bytes, which is at least one. */
static uint32_t decode(const char *s, size_t len, size_t *bytes)
{
	unsigned char first = (unsigned char)*s;
	uint32_t code = first < 0xE0 ? first & 0x1F : first < 0xF0 ? first & 0x0F : first & 0x07;
	size_t n = 1;

	if (first >= 0xC0)
		for (; n < len && n < 4 && ((unsigned char)s[n] & 0xC0) == 0x80; n++)
			code = code << 6 | ((unsigned char)s[n] & 0x3F);
	*bytes = n;
	return first < 0x80 ? first : code;
}

static size_t width_of(const char *s, size_t len, size_t *bytes)
{
	uint32_t code = decode(s, len, bytes);

	if (code < 0x300)
		return 1;
	if (is_in(narrow, sizeof narrow / sizeof *narrow, code))
		return 0;
	return is_in(wide, sizeof wide / sizeof *wide, code) ? 2 : 1;
}

size_t screen_fit(const char *text, size_t len, size_t columns)
{
	size_t at = 0, used = 0, bytes;

	while (at < len) {
		used += width_of(text + at, len - at, &bytes);
		if (used > columns)
			break;
		at += bytes;
	}
	return at;
}

size_t screen_width(const char *text, size_t len)
{
	size_t at = 0, used = 0, bytes;

	for (; at < len; at += bytes)
		used += width_of(text + at, len - at, &bytes);
	return used;
}

/* --- escaping ---------------------------------------------------------- */

#define PIECE     240             /* bytes that are escaped at once */
#define PIECE_MAX (PIECE * 4 + 1) /* bytes that they become: "\xff" for each, and a NUL */

/* The length of a piece that does not end within a character. */
static size_t piece_of(const char *text, size_t len)
{
	size_t n = PIECE;

	if (len <= PIECE)
		return len;
	while (n > PIECE - 4 && ((unsigned char)text[n] & 0xC0) == 0x80)
		n--;
	return n;
}

void screen_put(struct output *out, const char *text, size_t len)
{
	char shown[PIECE_MAX];

	for (size_t n; len > 0; text += n, len -= n) {
		for (n = 0; n < len && memchr("\n\t\r", text[n], 3) == NULL;)
			n++;
		if (n == 0) {
			n = 1;
			if (*text != '\r')
				output_put(out, text, 1);
			continue;
		}
		n = piece_of(text, n);
		output_str(out, log_escape(shown, sizeof shown, text, n));
	}
}

/* --- lines ------------------------------------------------------------- */

struct page {
	struct output *out;
	size_t at, indent, columns;
	bool begun; /* something stands on this line */
};

static void break_line(struct page *p)
{
	output_str(p->out, "\n");
	p->at = 0;
	p->begun = false;
}

/* Writes safe text, and breaks it where the line is full. */
static void put_broken(struct page *p, const char *text, size_t len)
{
	size_t n;

	while (len > 0) {
		if (p->at < p->indent) {
			output_spaces(p->out, p->indent - p->at);
			p->at = p->indent;
		}
		n = screen_fit(text, len, p->columns > p->at ? p->columns - p->at : 0);
		/* Lines that hold not even one character would have no end. */
		if (n == 0 && !p->begun)
			(void)width_of(text, len, &n);
		output_put(p->out, text, n);
		p->at += screen_width(text, n);
		p->begun = p->begun || n > 0;
		text += n;
		len -= n;
		if (len > 0)
			break_line(p);
	}
}

static void put_word(struct page *p, const char *word, size_t len)
{
	char shown[PIECE_MAX];
	bool first = true;

	for (size_t n; len > 0; word += n, len -= n, first = false) {
		n = piece_of(word, len);
		log_escape(shown, sizeof shown, word, n);
		if (first && p->begun &&
		    p->at + 1 + screen_width(shown, strlen(shown)) > p->columns)
			break_line(p);
		if (first && p->begun) {
			output_str(p->out, " ");
			p->at++;
		}
		put_broken(p, shown, strlen(shown));
	}
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void screen_wrap(
    struct output *out, const char *text, size_t len, size_t at, size_t indent, size_t columns)
{
	struct page p = {.out = out, .at = at, .indent = indent, .columns = columns};
	const char *end = text + len;
	size_t lines = 0; /* that end between the last word and the next */
	bool any = false;

	while (text < end) {
		size_t n = 0;

		if (is_space(*text)) {
			lines += *text++ == '\n';
			continue;
		}
		while (text + n < end && !is_space(text[n]))
			n++;
		for (size_t i = 0; any && i < lines && i < 2; i++)
			break_line(&p);
		put_word(&p, text, n);
		any = true;
		lines = 0;
		text += n;
	}
}
