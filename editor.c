/* For wcwidth: XSI has it, POSIX itself does not. */
#define _XOPEN_SOURCE 700

#include "editor.h"

#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "screen.h"

#define LITERAL '\1' /* around what takes no place in a prompt */
#define BOLD    "\1\x1b[1m\1"
#define PLAIN   "\1\x1b[0m\1"

struct editor {
	EditLine *el;
	History *past, *none;
	const struct editor_owner *owner;
	char prompt[EDITOR_PROMPT_SIZE + sizeof BOLD PLAIN];
	size_t prompt_width;
	bool draws, colours; /* what the terminal can */
	bool reading, hidden, stopped;
	bool recall;    /* the line being read is of those that are remembered */
	wchar_t *draft; /* NULL = none */
	int draft_cursor;
};

/* --- text ---------------------------------------------------------------------------------- */

/* ${len} wide characters as UTF-8; NULL if memory is out. */
static char *to_utf8(const wchar_t *text, size_t len)
{
	char *out = malloc(len * MB_LEN_MAX + 1);
	mbstate_t state;
	size_t at = 0;

	if (out == NULL)
		return NULL;
	memset(&state, 0, sizeof state);
	for (size_t i = 0; i < len; i++) {
		size_t n = wcrtomb(out + at, text[i], &state);
		if (n == (size_t)-1)
			memset(&state, 0, sizeof state); /* no character at all */
		else
			at += n;
	}
	out[at] = '\0';
	return out;
}

/* What libedit shows a character as: "^X" for a control, "\U+xxxx" for what has no glyph. */
static size_t width_of(wchar_t c, size_t column)
{
	const int width = wcwidth(c);

	if (c == L'\t')
		return 8 - column % 8;
	if (c < L' ' || c == 0x7f)
		return 2;
	if (width < 0)
		return c > 0xffff ? 8 : 7;
	return (size_t)width;
}

struct place {
	size_t row, column; /* from where the prompt begins */
};

/* Where the cursor is behind prompt and ${text}, as libedit puts them on the screen. */
static struct place place_of(const struct editor *e, const wchar_t *text, size_t len)
{
	const size_t columns = screen_columns(STDOUT_FILENO);
	struct place p = {e->prompt_width / columns, e->prompt_width % columns};

	for (size_t i = 0; i < len; i++) {
		size_t width;

		if (text[i] == L'\n') { /* while searching */
			p.row++;
			p.column = 0;
			continue;
		}
		width = width_of(text[i], p.column);
		if (width == 2 && p.column + 1 == columns && wcwidth(text[i]) == 2)
			p.column = columns; /* does not fit any more */
		p.row += p.column / columns;
		p.column = p.column % columns + width;
		p.row += p.column / columns;
		p.column %= columns;
	}
	return p;
}

/* --- keys ---------------------------------------------------------------------------------- */

/* One byte; 1, or 0 at the end, -1 on an error. Does not wait. */
static int read_byte(char *byte)
{
	ssize_t n;

	do
		n = read(STDIN_FILENO, byte, 1);
	while (n < 0 && errno == EINTR);
	return (int)n;
}

static int stop(struct editor *e)
{
	e->stopped = true;
	errno = 0;
	return -1;
}

static void restore_draft(struct editor *e)
{
	int back;

	editor_hide(e);
	(void)el_winsertstr(e->el, e->draft);
	back = e->draft_cursor - (int)wcslen(e->draft);
	(void)el_cursor(e->el, back);
	free(e->draft);
	e->draft = NULL;
	editor_show(e);
}

/* As mbrtowc, of a whole character or the beginning of one. */
static size_t decode(wchar_t *key, const char *bytes, size_t len)
{
	mbstate_t state;

	memset(&state, 0, sizeof state);
	return mbrtowc(key, bytes, len, &state);
}

static int on_key_wanted(EditLine *el, wchar_t *key)
{
	struct editor *e = NULL;
	char bytes[MB_LEN_MAX];
	size_t len = 0;

	(void)el_wget(el, EL_CLIENTDATA, &e);
	if (e->draft != NULL && e->recall)
		restore_draft(e);
	for (;;) {
		if (!e->owner->wait(e->owner->context))
			return stop(e);
		int result = read_byte(&bytes[len]);
		if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			continue;
		if (result <= 0)
			return 0;
		size_t n = decode(key, bytes, ++len);
		if (n == (size_t)-1 &&
		    len > 1) { /* this byte may begin a character; those before do not */
			bytes[0] = bytes[len - 1];
			len = 1;
			n = decode(key, bytes, len);
		}
		if (n != (size_t)-1 && n != (size_t)-2 && *key != L'\0')
			return 1;
		if (n != (size_t)-2 || len == sizeof bytes)
			len = 0;
	}
}

static char *prompt_of(EditLine *el)
{
	struct editor *e = NULL;

	(void)el_get(el, EL_CLIENTDATA, &e);
	return e->prompt;
}

/* --- completion ---------------------------------------------------------------------------- */

/* How many characters ${len} bytes of UTF-8 are. */
static int count_characters(const char *text, size_t len)
{
	int count = 0;

	for (size_t i = 0; i < len; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

static unsigned char on_complete(EditLine *el, int key)
{
	struct editor_completion found = {0};
	const LineInfoW *info = el_wline(el);
	struct editor *e = NULL;
	unsigned char result = CC_ERROR;
	char *line;

	(void)key;
	(void)el_get(el, EL_CLIENTDATA, &e);
	line = to_utf8(info->buffer, (size_t)(info->cursor - info->buffer));
	if (line == NULL)
		return CC_ERROR;
	e->owner->complete(e->owner->context, line, &found);
	if (found.list != NULL) {
		editor_hide(
		    e); /* before the line changes: what is on the screen is still the old one */
		(void)fputs(found.list, stdout);
		result = CC_NORM;
	}
	if (found.insert != NULL && found.at <= strlen(line)) {
		el_deletestr(el, count_characters(line + found.at, strlen(line + found.at)));
		(void)el_insertstr(el, found.insert);
		result = CC_REFRESH;
	}
	editor_show(e);
	free(found.insert);
	free(found.list);
	free(line);
	return result;
}

/* --- making -------------------------------------------------------------------------------- */

static History *new_history(void)
{
	History *h = history_init();
	HistEvent event;

	if (h == NULL)
		return NULL;
	(void)history(h, &event, H_SETSIZE, EDITOR_HISTORY);
	(void)history(h, &event, H_SETUNIQUE, 1);
	return h;
}

/* libedit works on characters of the locale; what servers say, and terminals show, is UTF-8. */
static void use_utf8(void)
{
	if (setlocale(LC_CTYPE, "") == NULL || MB_CUR_MAX < 4)
		(void)setlocale(LC_CTYPE, "C.UTF-8");
}

static bool set_up(struct editor *e)
{
	EditLine *el = e->el = el_init("wsmcp", stdin, stdout, stderr);

	e->past = new_history();
	e->none = new_history();
	if (el == NULL || e->past == NULL || e->none == NULL)
		return false;
	(void)el_set(el, EL_CLIENTDATA, e);
	(void)el_set(el, EL_SIGNAL, 0);
	(void)el_set(el, EL_EDITOR, "emacs");
	(void)el_set(el, EL_PROMPT_ESC, prompt_of, LITERAL);
	(void)el_wset(el, EL_GETCFN, on_key_wanted);
	/* Wide, because el_set would make wide copies that nobody frees. */
	(void)el_wset(el, EL_ADDFN, L"wsmcp-complete", L"Complete the word", on_complete);
	(void)el_source(el, NULL); /* ~/.editrc */
	(void)el_set(el, EL_BIND, "^I", "wsmcp-complete", NULL);
	(void)el_set(el, EL_BIND, "\\e[1~", "ed-move-to-beg", NULL);
	(void)el_set(el, EL_BIND, "\\e[4~", "ed-move-to-end", NULL);
	(void)el_set(el, EL_BIND, "\\e[3~", "ed-delete-next-char", NULL);
	(void)el_set(el, EL_BIND, "\\e[1;5C", "em-next-word", NULL);
	(void)el_set(el, EL_BIND, "\\e[1;5D", "ed-prev-word", NULL);
	/* Outside of editor_read nothing is echoed, and keys wait for the next line. */
	return el_set(el, EL_SETTY, "-x", "-icanon", "-echo", NULL) == 0;
}

struct editor *editor_new(const struct editor_owner *owner)
{
	struct editor *e = calloc(1, sizeof *e);

	if (e == NULL)
		return NULL;
	e->owner = owner;
	e->draws = screen_draws(STDOUT_FILENO);
	e->colours = screen_colours(STDOUT_FILENO);
	use_utf8();
	if (set_up(e))
		return e;
	editor_free(e);
	return NULL;
}

void editor_free(struct editor *e)
{
	if (e == NULL)
		return;
	if (e->past != NULL)
		history_end(e->past);
	if (e->none != NULL)
		history_end(e->none);
	if (e->el != NULL)
		el_end(e->el);
	free(e->draft);
	free(e);
}

/* --- reading ------------------------------------------------------------------------------- */

/* A bold prompt; what comes behind its last blank is what libedit may not lose. */
static void set_prompt(struct editor *e, const char *prompt)
{
	char plain[EDITOR_PROMPT_SIZE];
	size_t len;

	(void)snprintf(plain, sizeof plain, "%s", prompt);
	for (char *s = plain; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
	len = e->prompt_width = strlen(plain);
	len -= len > 0 && plain[len - 1] == ' ';
	(void)snprintf(e->prompt, sizeof e->prompt, "%s%.*s%s%s", e->colours ? BOLD : "", (int)len,
	    plain, e->colours ? PLAIN : "", plain + len);
}

enum editor_end editor_read(struct editor *e, const char *prompt, bool recall, char **line)
{
	const wchar_t *text;
	int len = 0;

	set_prompt(e, prompt);
	(void)el_set(e->el, EL_HIST, history, recall ? e->past : e->none);
	e->reading = true;
	e->recall = recall;
	e->hidden = e->stopped = false;
	text = el_wgets(e->el, &len);
	e->reading = false;
	if (e->stopped)
		return EDITOR_STOPPED;
	if (text == NULL || len <= 0)
		return EDITOR_END;
	while (len > 0 && (text[len - 1] == L'\n' || text[len - 1] == L'\r'))
		len--;
	*line = to_utf8(text, (size_t)len);
	return *line != NULL ? EDITOR_LINE : EDITOR_END;
}

void editor_keep_draft(struct editor *e)
{
	const LineInfoW *info = el_wline(e->el);
	const wchar_t *end = info->buffer;

	if (!e->reading)
		return;
	while (end < info->lastchar && *end != L'\n') /* behind which a search shows itself */
		end++;
	free(e->draft);
	e->draft = calloc((size_t)(end - info->buffer) + 1, sizeof *e->draft);
	if (e->draft == NULL)
		return;
	wmemcpy(e->draft, info->buffer, (size_t)(end - info->buffer));
	e->draft_cursor = (int)((info->cursor < end ? info->cursor : end) - info->buffer);
}

void editor_remember(struct editor *e, const char *line)
{
	HistEvent event;

	(void)history(e->past, &event, H_ENTER, line);
}

bool editor_is_reading(const struct editor *e)
{
	return e->reading;
}

/* --- the screen ---------------------------------------------------------------------------- */

static void move_up(size_t rows)
{
	if (rows > 0)
		(void)printf("\x1b[%zuA", rows);
}

void editor_hide(struct editor *e)
{
	const LineInfoW *info = el_wline(e->el);

	if (!e->reading || e->hidden)
		return;
	e->hidden = true;
	if (e->draws) {
		move_up(place_of(e, info->buffer, (size_t)(info->cursor - info->buffer)).row);
		(void)fputs("\r\x1b[J", stdout);
	} else {
		(void)fputs("\n", stdout);
	}
	(void)fflush(stdout);
}

void editor_show(struct editor *e)
{
	if (!e->reading || !e->hidden)
		return;
	e->hidden = false;
	(void)el_set(e->el, EL_REFRESH);
}

void editor_abandon(struct editor *e, const char *mark)
{
	const LineInfoW *info = el_wline(e->el);
	struct place cursor, end;

	if (!e->reading || e->hidden)
		return;
	e->hidden = true;
	cursor = place_of(e, info->buffer, (size_t)(info->cursor - info->buffer));
	end = place_of(e, info->buffer, (size_t)(info->lastchar - info->buffer));
	if (e->draws && end.row > cursor.row)
		(void)printf("\x1b[%zuB", end.row - cursor.row);
	if (e->draws && end.column > 0)
		(void)printf("\r\x1b[%zuC", end.column);
	(void)printf("%s\n", mark);
	(void)fflush(stdout);
}

void editor_resize(struct editor *e)
{
	editor_hide(e);
	el_resize(e->el);
	editor_show(e);
}

void editor_pause(struct editor *e)
{
	editor_hide(e);
	(void)el_set(e->el, EL_PREP_TERM, 0);
}

void editor_resume(struct editor *e)
{
	(void)el_set(e->el, EL_PREP_TERM, 1);
	if (!e->reading)
		(void)el_set(e->el, EL_PREP_TERM, 0);
	editor_resize(e);
}
