#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "ascii.h"
#include "buf.h"
#include "compat.h"
#include "headers.h"
#include "jsonrpc.h"
#include "nearest.h"
#include "quote.h"
#include "utf8.h"

#define READ_PIECE  ((size_t)4096)
#define SCAN_PIECE  ((size_t)65536)
#define NUMBER_MAX  60                             /* bytes of a number; cJSON cuts at 64 */
#define TIMEOUT_MIN 1000                           /* ms */
#define TIMEOUT_MAX (INT64_C(3652) * 24 * 3600000) /* ms: ten years */
#define NAMES_MAX   10                             /* names that an error lists */

/* Everything that lives as long as the configuration is in a chain of these. */
struct block {
	struct block *next;
	max_align_t bytes[];
};

enum state {
	STATE_GOOD,
	STATE_OTHER, /* no WebSocket server */
	STATE_FAULTY
};

/* What one member of "mcpServers" says; the first so named wins, if it is not of another type. */
struct entry {
	struct server server; /* of one that is not good: what is known */
	enum state state;
	const char *text; /* what it is instead, or its fault */
	size_t number;    /* of how many before it */
	struct entry *next;
};

struct fault {
	const char *text;
	bool of_file;  /* it hides servers; else it is about one entry */
	size_t before; /* entries read earlier */
	enum config_place place;
	struct fault *next;
};

struct identity {
	dev_t device;
	ino_t inode;
};

struct config {
	struct block *blocks;
	struct entry *entries, **entries_end;
	size_t entry_count;
	struct fault *faults, **faults_end;
	char **trusted; /* canonical paths */
	size_t trusted_count;
	struct identity settings[2]; /* the files of CONFIG_CLAUDE_SETTINGS that are there */
	size_t settings_count;
	struct server *servers;
	bool no_memory;
};

struct position {
	size_t at;
	unsigned line, column;
};

/* A file being read. */
struct source {
	struct config *c;
	enum config_place place;
	const char *path;
	bool missing, foreign;
	struct buf text;
	struct position start; /* behind a byte order mark */
	struct position entry; /* where the entry being read begins */
};

/* --- memory -------------------------------------------------------------------------------- */

/* Zeroed memory. On NULL c->no_memory is set, and reading comes to its end. */
static void *take(struct config *c, size_t size)
{
	struct block *block = calloc(1, sizeof *block + size);

	if (block == NULL) {
		c->no_memory = true;
		return NULL;
	}
	block->next = c->blocks;
	c->blocks = block;
	return block->bytes;
}

static char *take_copy(struct config *c, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = take(c, size);

	if (copy != NULL)
		memcpy(copy, text, size);
	return copy;
}

/* "a" and "b" as one; NULL if ${a} is. */
static char *take_joined(struct config *c, const char *a, const char *b)
{
	size_t len = a != NULL ? strlen(a) : 0;
	char *joined = a != NULL ? take(c, len + strlen(b) + 1) : NULL;

	if (joined != NULL) {
		memcpy(joined, a, len);
		memcpy(joined + len, b, strlen(b) + 1);
	}
	return joined;
}

void config_free(struct config *c)
{
	struct block *next;

	if (c == NULL)
		return;
	for (struct block *block = c->blocks; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	for (size_t i = 0; i < c->trusted_count; i++)
		free(c->trusted[i]);
	free(c->trusted);
	free(c);
}

/* --- faults -------------------------------------------------------------------------------- */

/* Nothing before the entry being read is asked for but the beginning of the file. */
static struct position locate(const struct source *s, size_t at)
{
	struct position p = at >= s->entry.at ? s->entry : s->start;
	const unsigned char *from = s->text.data + p.at, *end = s->text.data + at, *newline;

	while (from < end && (newline = memchr(from, '\n', (size_t)(end - from))) != NULL) {
		p.line++;
		p.column = 1;
		from = newline + 1;
	}
	for (; from < end; from++)
		p.column += (*from & 0xC0) != 0x80;
	p.at = at;
	return p;
}

static const char *add_fault(struct source *s, bool of_file, const char *text)
{
	struct config *c = s->c;
	struct fault *fault = take(c, sizeof *fault);

	if (fault == NULL)
		return NULL;
	fault->text = take_copy(c, text);
	if (fault->text == NULL)
		return NULL;
	fault->of_file = of_file;
	fault->before = c->entry_count;
	fault->place = s->place;
	*c->faults_end = fault;
	c->faults_end = &fault->next;
	return fault->text;
}

/* The file cannot be used at all. */
static PRINTF_LIKE(2, 3) void refuse_file(struct source *s, const char *format, ...)
{
	char text[CONFIG_ERROR_SIZE], path[QUOTE_PATH_SIZE];
	int n = snprintf(text, sizeof text, "%s ", quote_path(path, s->path));
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text + n, sizeof text - (size_t)n, format, args);
	va_end(args);
	add_fault(s, true, text);
}

/* "FILE, line 1, column 2: ", and "server "x": " if it is about one. Returns its length. */
static size_t put_place(char *out, const struct source *s, size_t at, const struct entry *e)
{
	char path[QUOTE_PATH_SIZE], name[QUOTE_NAME_SIZE];
	struct position p = locate(s, at);
	int n = snprintf(out, CONFIG_ERROR_SIZE, "%s, line %u, column %u: %s%s%s",
	    quote_path(path, s->path), p.line, p.column, e != NULL ? "server " : "",
	    e != NULL ? quote_name(name, e->server.name) : "", e != NULL ? ": " : "");

	return (size_t)n;
}

/* What stands at ${at} in the file hides servers. */
static PRINTF_LIKE(3, 4) void fault_of_file(struct source *s, size_t at, const char *format, ...)
{
	char text[CONFIG_ERROR_SIZE];
	size_t n = put_place(text, s, at, NULL);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text + n, sizeof text - n, format, args);
	va_end(args);
	add_fault(s, true, text);
}

/* What stands at ${at} spoils an entry. Returns false. */
static PRINTF_LIKE(4, 5) bool fault_of_entry(
    struct source *s, struct entry *e, size_t at, const char *format, ...)
{
	char text[CONFIG_ERROR_SIZE];
	size_t n = put_place(text, s, at, e);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text + n, sizeof text - n, format, args);
	va_end(args);
	e->state = STATE_FAULTY;
	e->text = add_fault(s, false, text);
	return false;
}

/* --- opening and checking files ------------------------------------------------------------- */

static bool is_foreign_place(enum config_place place)
{
	return place >= CONFIG_DIRECTORY_SETTINGS;
}

/* Whether ${path} is ${top} or below it; both absolute. ${*len}: how much of top counts. */
static bool is_within(const char *path, const char *top, size_t *len)
{
	size_t n = strlen(top);

	while (n > 0 && top[n - 1] == '/')
		n--;
	*len = n;
	return *top == '/' && strncmp(path, top, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static void resolve_trusted(struct config *c, const struct config_places *places)
{
	if (places->trusted_count == 0)
		return;
	c->trusted = calloc(places->trusted_count, sizeof *c->trusted);
	c->no_memory = c->trusted == NULL;
	for (size_t i = 0; !c->no_memory && i < places->trusted_count; i++) {
		char *path = realpath(places->trusted[i], NULL);

		/* What is not there trusts nothing. */
		if (path != NULL)
			c->trusted[c->trusted_count++] = path;
		else
			c->no_memory = errno == ENOMEM;
	}
}

/* Whether the directory that the file is in was trusted. */
static bool is_trusted(struct config *c, const char *file)
{
	size_t len = (size_t)(strrchr(file, '/') - file), ignored;
	char *directory = take_copy(c, file), *path;
	bool trusted = false;

	if (directory == NULL)
		return false;
	directory[len > 0 ? len : 1] = '\0';
	path = realpath(directory, NULL);
	c->no_memory = c->no_memory || (path == NULL && errno == ENOMEM);
	for (size_t i = 0; path != NULL && i < c->trusted_count; i++)
		trusted = trusted || is_within(path, c->trusted[i], &ignored);
	free(path);
	return trusted;
}

/* Whether a file that somebody else may have brought along is nobody's but the user's now. */
static bool check_owner(struct source *s, const struct stat *file)
{
	if (file->st_uid != geteuid() && file->st_uid != 0)
		refuse_file(s,
		    "belongs to another user (uid %lu) and is not read; it must be yours or root's",
		    (unsigned long)file->st_uid);
	else if ((file->st_mode & S_IWOTH) != 0)
		refuse_file(
		    s, "may be written by everybody and is not read; chmod o-w makes it safe");
	else if ((file->st_mode & S_IWGRP) != 0 && file->st_gid != getegid())
		refuse_file(s,
		    "may be written by another group (gid %lu) and is not read; "
		    "chmod g-w makes it safe",
		    (unsigned long)file->st_gid);
	else
		return true;
	return false;
}

/* Whether the file is one of those of CONFIG_CLAUDE_SETTINGS, by whatever path. */
static bool is_settings(const struct config *c, const struct stat *file)
{
	for (size_t i = 0; i < c->settings_count; i++)
		if (c->settings[i].device == file->st_dev && c->settings[i].inode == file->st_ino)
			return true;
	return false;
}

/* Whether the opened file is to be read. */
static bool check_file(struct source *s, int fd, struct stat *file)
{
	struct config *c = s->c;

	if (fstat(fd, file) != 0) {
		refuse_file(s, "cannot be read: %s", strerror(errno));
		return false;
	}
	if (s->place == CONFIG_DIRECTORY_SETTINGS && is_settings(c, file))
		return false;
	if (s->place == CONFIG_CLAUDE_SETTINGS)
		c->settings[c->settings_count++] = (struct identity){file->st_dev, file->st_ino};
	if (!S_ISREG(file->st_mode)) {
		refuse_file(s, "is no regular file; put one there or remove it");
		return false;
	}
	if (!is_foreign_place(s->place))
		return true;
	s->foreign = !is_trusted(c, s->path);
	return check_owner(s, file);
}

static bool refuse_size(struct source *s)
{
	refuse_file(s, "is longer than %zu bytes", CONFIG_FILE_MAX);
	return false;
}

/* Reads the file. It may have grown since its size was asked for, so one byte more is read. */
static bool read_text(struct source *s, int fd, const struct stat *file)
{
	struct buf *text = &s->text;
	size_t room = READ_PIECE;
	ssize_t n = 1;

	buf_init(text, CONFIG_FILE_MAX + 1);
	if (file->st_size > 0 && (uintmax_t)file->st_size > CONFIG_FILE_MAX)
		return refuse_size(s);
	if (file->st_size > 0)
		room = (size_t)file->st_size + 1;
	while (n != 0 && text->len <= CONFIG_FILE_MAX) {
		if (room > text->max - text->len)
			room = text->max - text->len;
		if (buf_reserve(text, room) != BUF_OK) {
			s->c->no_memory = true;
			return false;
		}
		n = read(fd, text->data + text->len, room);
		if (n < 0 && errno != EINTR) {
			refuse_file(s, "cannot be read: %s", strerror(errno));
			return false;
		}
		text->len += n > 0 ? (size_t)n : 0;
		room = text->cap > text->len ? text->cap - text->len : READ_PIECE;
	}
	return text->len <= CONFIG_FILE_MAX || refuse_size(s);
}

static bool is_space(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_blank(const struct source *s)
{
	size_t at = s->start.at;

	while (at < s->text.len && is_space(s->text.data[at]))
		at++;
	return at == s->text.len;
}

/* Where a text that is not JSON cannot become it any more. */
static size_t find_fault(const struct buf *text)
{
	struct jsonrpc_scan s, before;
	size_t at = 0, n;

	jsonrpc_scan_begin(&s, NULL);
	for (; at < text->len; at += n) {
		n = text->len - at < SCAN_PIECE ? text->len - at : SCAN_PIECE;
		before = s;
		if (!jsonrpc_scan_feed(&s, text->data + at, n))
			break;
	}
	while (at < text->len && jsonrpc_scan_feed(&before, text->data + at, 1))
		at++;
	return at;
}

/* What people write there who mean JSON. */
static const char *explain_fault(const struct source *s, size_t at)
{
	const unsigned char *text = s->text.data;
	size_t last = at;
	unsigned char c;

	if (at == s->text.len)
		return "it ends before it is complete";
	c = text[at];
	while (last > s->start.at && is_space(text[last - 1]))
		last--;
	if ((c == '}' || c == ']') && last > s->start.at && text[last - 1] == ',')
		return "there is a comma too many before this";
	if (c == '"')
		return "a comma, colon or quote is missing before this";
	if (c == '/' || c == '#')
		return "it has no comments";
	if (c == '\'')
		return "it has double quotes only";
	if (c < ' ')
		return "something breaks off here";
	if (c >= 0x80)
		return "this is a character that cannot stand here, or is not UTF-8";
	return "this cannot stand here";
}

static bool check_json(struct source *s)
{
	struct jsonrpc_envelope e;
	size_t at = s->start.at;

	if (jsonrpc_scan_text(s->text.data, s->text.len, &e) == JSONRPC_NOT_JSON) {
		at = find_fault(&s->text);
		fault_of_file(s, at, "this is not JSON: %s", explain_fault(s, at));
		return false;
	}
	while (is_space(s->text.data[at]))
		at++;
	if (s->text.data[at] == '{')
		return true;
	fault_of_file(s, at, "the file must hold a JSON object");
	return false;
}

static void skip_mark(struct source *s)
{
	static const char mark[] = "\xEF\xBB\xBF";
	size_t len = sizeof mark - 1;

	s->start = (struct position){0, 1, 1};
	if (s->text.len >= len && memcmp(s->text.data, mark, len) == 0)
		s->start.at = len;
	s->entry = s->start;
}

/*
 * Opens the file and reads it into s->text. False if it holds no servers, with a fault if it may
 * have been meant to. To be closed either way.
 */
static bool open_source(
    struct source *s, struct config *c, enum config_place place, const char *path)
{
	struct stat file;
	bool result = false;
	int fd;

	memset(s, 0, sizeof *s);
	s->c = c;
	s->place = place;
	s->path = path;
	if (path == NULL || c->no_memory)
		return false;
	/* Non-blocking for the sake of a FIFO that nobody writes to. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	s->missing = fd < 0 && (errno == ENOENT || errno == ENOTDIR);
	if (fd < 0 && (!s->missing || place == CONFIG_GIVEN))
		refuse_file(s, "cannot be opened: %s; %s", strerror(errno),
		    place == CONFIG_GIVEN ? "give --config a file that can be read"
		                          : "make it readable or remove it");
	if (fd < 0)
		return false;
	if (check_file(s, fd, &file) && read_text(s, fd, &file)) {
		skip_mark(s);
		result = !is_blank(s) && check_json(s);
	}
	(void)close(fd);
	return result;
}

static void close_source(struct source *s)
{
	buf_free(&s->text);
}

/* --- values in a file ----------------------------------------------------------------------- */

static const char *raw(const struct source *s, struct jsonrpc_span span)
{
	return (const char *)s->text.data + span.at;
}

static bool is_string(const struct source *s, struct jsonrpc_span span)
{
	return span.len > 0 && *raw(s, span) == '"';
}

static bool is_object(const struct source *s, struct jsonrpc_span span)
{
	return span.len > 0 && *raw(s, span) == '{';
}

static struct jsonrpc_span whole(const struct source *s)
{
	return (struct jsonrpc_span){0, s->text.len};
}

/* A member of an object in the file; all zero before the first one. */
struct member {
	size_t at;
	struct jsonrpc_span key, value;
};

static bool next_member(const struct source *s, struct jsonrpc_span object, struct member *m)
{
	if (!jsonrpc_member_next(raw(s, object), object.len, &m->at, &m->key, &m->value))
		return false;
	m->key.at += object.at;
	m->value.at += object.at;
	return true;
}

static struct jsonrpc_span find_member(
    const struct source *s, struct jsonrpc_span object, const char *key)
{
	struct jsonrpc_span found = jsonrpc_find_key(raw(s, object), object.len, key);

	found.at += object.at;
	return found;
}

/* What keeps the unescaped ${text} from being one; NULL = nothing. */
static const char *check_text(const char *text, size_t len)
{
	struct utf8 u = {0};

	if (memchr(text, '\0', len) != NULL)
		return "must not have a NUL character (\\u0000) in it";
	if (!utf8_feed(&u, text, len) || !utf8_complete(&u))
		return "must not have half a character (a lone \\ud800 to \\udfff) in it";
	return NULL;
}

/* A string of the file, unescaped and with a NUL behind it, whatever it has in it. */
static char *decode(struct source *s, struct jsonrpc_span span, size_t *len)
{
	char *text = take(s->c, span.len);

	if (text != NULL) {
		*len = jsonrpc_string_decode(raw(s, span), span.len, text);
		text[*len] = '\0';
	}
	return text;
}

/* A string of the file. NULL with ${*why} if it cannot be text, or without if memory is out. */
static const char *read_string(struct source *s, struct jsonrpc_span span, const char **why)
{
	size_t len;
	const char *text = decode(s, span, &len);

	*why = text != NULL ? check_text(text, len) : NULL;
	return *why == NULL ? text : NULL;
}

/* --- entries -------------------------------------------------------------------------------- */

enum field {
	FIELD_TYPE,
	FIELD_WS_URL,
	FIELD_URL,
	FIELD_HEADERS,
	FIELD_HELPER,
	FIELD_SUBPROTOCOL,
	FIELD_CACERT,
	FIELD_CERT,
	FIELD_KEY,
	FIELD_PROXY,
	FIELD_TIMEOUT,
	FIELD_COMMAND,
	FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {
    [FIELD_TYPE] = "type",
    [FIELD_WS_URL] = "ws_url",
    [FIELD_URL] = "url",
    [FIELD_HEADERS] = "headers",
    [FIELD_HELPER] = "headersHelper",
    [FIELD_SUBPROTOCOL] = "subprotocol",
    [FIELD_CACERT] = "cacert",
    [FIELD_CERT] = "cert",
    [FIELD_KEY] = "key",
    [FIELD_PROXY] = "proxy",
    [FIELD_TIMEOUT] = "timeout",
    [FIELD_COMMAND] = "command",
};

/* The types that are known, and what they make of an entry; NULL = a WebSocket server. */
static const struct {
	const char *name, *is;
} types[] = {
    {"ws", NULL},
    {"websocket", NULL},
    {"stdio", "a stdio server"},
    {"http", "an http server"},
    {"streamable-http", "an http server"},
    {"sse", "an sse server"},
};

/* An entry being read: its fields as they stand in the file. */
struct reading {
	struct source *s;
	struct entry *e;
	struct jsonrpc_span name;
	struct jsonrpc_span fields[FIELD_COUNT]; /* len 0 = not there */
};

enum scheme { SCHEME_NONE, SCHEME_WEBSOCKET, SCHEME_HTTP, SCHEME_VARIABLE };

static enum scheme scheme_of(const char *url)
{
	if (ascii_begins(url, "ws://") || ascii_begins(url, "wss://"))
		return SCHEME_WEBSOCKET;
	if (ascii_begins(url, "http://") || ascii_begins(url, "https://"))
		return SCHEME_HTTP;
	return ascii_begins(url, "${") ? SCHEME_VARIABLE : SCHEME_NONE;
}

static void find_fields(struct reading *r, struct jsonrpc_span object)
{
	struct member m = {0};

	while (next_member(r->s, object, &m)) {
		for (int i = 0; i < FIELD_COUNT; i++) {
			if (jsonrpc_string_is(raw(r->s, m.key), m.key.len, field_names[i]) &&
			    r->fields[i].len == 0)
				r->fields[i] = m.value;
		}
	}
}

/* Reads a field that is a string, or not there (NULL). False with a fault if it is neither. */
static bool read_field(struct reading *r, enum field field, const char **out)
{
	struct jsonrpc_span span = r->fields[field];
	const char *why;

	*out = NULL;
	if (span.len == 0)
		return true;
	if (!is_string(r->s, span))
		return fault_of_entry(
		    r->s, r->e, span.at, "\"%s\" must be a string", field_names[field]);
	*out = read_string(r->s, span, &why);
	if (why != NULL)
		return fault_of_entry(r->s, r->e, span.at, "\"%s\" %s", field_names[field], why);
	return *out != NULL;
}

static bool fault_of_header(
    struct reading *r, const char *name, struct jsonrpc_span span, const char *why)
{
	char shown[QUOTE_NAME_SIZE];

	/* What is no name may be a value at the wrong place, and is not shown. */
	return fault_of_entry(r->s, r->e, span.at, "the value of %s in \"headers\" %s",
	    ascii_is_token(name) ? quote_name(shown, name) : "a member", why);
}

static bool read_header(struct reading *r, const struct member *m, struct config_header *out)
{
	const char *why;

	out->name = read_string(r->s, m->key, &why);
	if (why != NULL)
		return fault_of_entry(r->s, r->e, m->key.at, "a name in \"headers\" %s", why);
	if (out->name == NULL)
		return false;
	if (!is_string(r->s, m->value))
		return fault_of_header(r, out->name, m->value, "must be a string");
	out->value = read_string(r->s, m->value, &why);
	if (why == NULL && out->value != NULL && strpbrk(out->value, "\r\n") != NULL)
		why = "must not have a line break in it";
	if (why != NULL)
		return fault_of_header(r, out->name, m->value, why);
	return out->value != NULL;
}

static bool has_header(const struct server *server, const char *name)
{
	for (size_t i = 0; i < server->header_count; i++)
		if (strcmp(server->headers[i].name, name) == 0)
			return true;
	return false;
}

static bool read_headers(struct reading *r)
{
	struct jsonrpc_span object = r->fields[FIELD_HEADERS];
	struct server *server = &r->e->server;
	struct config_header *list, next;
	struct member m = {0};
	size_t count = 0;

	if (object.len == 0)
		return true;
	if (!is_object(r->s, object))
		return fault_of_entry(
		    r->s, r->e, object.at, "\"headers\" must be an object of strings");
	while (count <= HEADERS_MAX && next_member(r->s, object, &m))
		count++;
	if (count > HEADERS_MAX)
		return fault_of_entry(
		    r->s, r->e, object.at, "\"headers\" has more than %d of them", HEADERS_MAX);
	server->headers = list = take(r->s->c, count * sizeof *list);
	if (list == NULL)
		return false;
	m = (struct member){0};
	while (next_member(r->s, object, &m)) {
		if (!read_header(r, &m, &next))
			return false;
		if (!has_header(server, next.name))
			list[server->header_count++] = next;
	}
	return true;
}

static bool read_timeout(struct reading *r)
{
	struct jsonrpc_span span = r->fields[FIELD_TIMEOUT];
	double ms;
	cJSON *number;

	if (span.len == 0)
		return true;
	if (strchr("-0123456789", *raw(r->s, span)) == NULL || span.len > NUMBER_MAX)
		return fault_of_entry(r->s, r->e, span.at,
		    "\"timeout\" must be a number of milliseconds, without quotes");
	number = cJSON_ParseWithLength(raw(r->s, span), span.len);
	if (number == NULL) {
		r->s->c->no_memory = true;
		return false;
	}
	ms = number->valuedouble;
	cJSON_Delete(number);
	if (ms >= TIMEOUT_MIN)
		r->e->server.timeout = ms < (double)TIMEOUT_MAX ? (int64_t)ms : TIMEOUT_MAX;
	return true;
}

/* The scheme of a field that may be anything. */
static enum scheme scheme_of_field(struct reading *r, enum field field)
{
	struct jsonrpc_span span = r->fields[field];
	size_t len;
	const char *url = is_string(r->s, span) ? decode(r->s, span, &len) : NULL;

	return url != NULL ? scheme_of(url) : SCHEME_NONE;
}

/* What an entry of ${type} (NULL = none given) is; NULL = a WebSocket server, if its URL allows. */
static const char *what_type_is(const struct reading *r, const char *type, bool *named)
{
	*named = false;
	if (type == NULL)
		return r->fields[FIELD_COMMAND].len > 0 ? "a stdio server" : NULL;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (ascii_same(type, types[i].name)) {
			*named = types[i].is == NULL;
			return types[i].is;
		}
	}
	return "a server of another type";
}

/* What an entry without ws_url or a type of ours is; NULL = a WebSocket server or a faulty one. */
static const char *what_url_makes(struct reading *r, const char *type_is)
{
	enum scheme scheme = scheme_of_field(r, FIELD_URL);

	if (scheme == SCHEME_WEBSOCKET)
		return NULL;
	if (type_is != NULL)
		return type_is;
	if (r->fields[FIELD_URL].len == 0)
		return "a server without a URL";
	if (scheme == SCHEME_HTTP)
		return "an http server";
	return scheme == SCHEME_VARIABLE || !is_string(r->s, r->fields[FIELD_URL])
	           ? NULL
	           : "a server whose URL does not begin with ws:// or wss://";
}

/* Decides what the entry is and reads its URL. False if nothing more is to be read. */
static bool read_kind(struct reading *r)
{
	enum field field = r->fields[FIELD_WS_URL].len > 0 ? FIELD_WS_URL : FIELD_URL;
	struct server *server = &r->e->server;
	const char *type, *is;
	enum scheme scheme;
	bool named;

	if (!read_field(r, FIELD_TYPE, &type))
		return false;
	is = what_type_is(r, type, &named);
	if (!named && field == FIELD_URL && (is = what_url_makes(r, is)) != NULL) {
		r->e->state = STATE_OTHER;
		r->e->text = is;
		return false;
	}
	if (r->fields[field].len == 0)
		return fault_of_entry(r->s, r->e, r->name.at,
		    "it is of type ws and has no \"url\"; give it one with ws:// or wss://");
	if (!read_field(r, field, &server->url))
		return false;
	scheme = scheme_of(server->url);
	if (scheme == SCHEME_WEBSOCKET || scheme == SCHEME_VARIABLE)
		return true;
	return fault_of_entry(r->s, r->e, r->fields[field].at,
	    "\"%s\" must begin with ws:// or wss://", field_names[field]);
}

static void read_fields(struct reading *r)
{
	struct server *server = &r->e->server;
	const struct {
		enum field field;
		const char **out;
	} strings[] = {
	    {FIELD_HELPER, &server->header_command},
	    {FIELD_SUBPROTOCOL, &server->subprotocol},
	    {FIELD_CACERT, &server->cacert},
	    {FIELD_CERT, &server->cert},
	    {FIELD_KEY, &server->key},
	    {FIELD_PROXY, &server->proxy},
	};
	bool good = read_kind(r) && read_headers(r);

	for (size_t i = 0; good && i < sizeof strings / sizeof *strings; i++)
		good = read_field(r, strings[i].field, strings[i].out);
	if (good)
		(void)read_timeout(r);
}

static struct entry *add_entry(struct source *s, const char *name)
{
	struct config *c = s->c;
	struct entry *e = take(c, sizeof *e);

	if (e == NULL)
		return NULL;
	e->server = (struct server){.name = name,
	    .timeout = -1,
	    .place = s->place,
	    .file = s->path,
	    .line = s->entry.line,
	    .column = s->entry.column,
	    .foreign = s->foreign};
	e->number = c->entry_count++;
	*c->entries_end = e;
	c->entries_end = &e->next;
	return e;
}

static void read_entry(struct source *s, const struct member *m)
{
	struct reading r = {.s = s, .name = m->key};
	char text[CONFIG_ERROR_SIZE];
	const char *name, *why;
	size_t n;

	s->entry = locate(s, m->key.at);
	name = read_string(s, m->key, &why);
	if (why != NULL) {
		/* Nobody can ask for it by such a name, so it stands in nobody's way. */
		n = put_place(text, s, m->key.at, NULL);
		(void)snprintf(text + n, sizeof text - n, "the name of a server %s", why);
		add_fault(s, false, text);
		return;
	}
	r.e = name != NULL ? add_entry(s, name) : NULL;
	if (r.e == NULL)
		return;
	if (!is_object(s, m->value)) {
		(void)fault_of_entry(s, r.e, m->value.at, "it must be an object");
		return;
	}
	find_fields(&r, m->value);
	read_fields(&r);
}

/* Reads "mcpServers" of ${object}, if it has it. */
static void read_servers(struct source *s, struct jsonrpc_span object)
{
	struct jsonrpc_span servers = find_member(s, object, "mcpServers");
	struct member m = {0};

	s->entry = s->start;
	if (servers.len == 0)
		return;
	if (!is_object(s, servers)) {
		fault_of_file(s, servers.at, "\"mcpServers\" must be an object");
		return;
	}
	while (!s->c->no_memory && next_member(s, servers, &m)) {
		if (s->c->entry_count == CONFIG_SERVER_MAX) {
			fault_of_file(s, m.key.at,
			    "this server and what follows is not read, it is beyond the first %d",
			    CONFIG_SERVER_MAX);
			return;
		}
		read_entry(s, &m);
	}
}

/* --- the places ----------------------------------------------------------------------------- */

static bool is_given(const char *text)
{
	return text != NULL && *text != '\0';
}

static void read_file(struct config *c, enum config_place place, const char *path)
{
	struct source s;

	if (open_source(&s, c, place, path))
		read_servers(&s, whole(&s));
	close_source(&s);
}

/* The value of the longest key of ${projects} that is ${directory} or above it. */
static struct jsonrpc_span find_project(
    struct source *s, struct jsonrpc_span projects, const char *directory)
{
	struct jsonrpc_span found = {0, 0};
	size_t longest =
	    6 * strlen(directory) + 8; /* each byte escaped, quotes, a slash and a NUL */
	char *key = take(s->c, longest);
	struct member m = {0};
	size_t best = 0, len;

	while (key != NULL && next_member(s, projects, &m)) {
		if (m.key.len >= longest)
			continue;
		len = jsonrpc_string_decode(raw(s, m.key), m.key.len, key);
		key[len] = '\0';
		if (strlen(key) == len && is_within(directory, key, &len) &&
		    (found.len == 0 || len > best)) {
			found = m.value;
			best = len;
		}
	}
	return found;
}

static void read_project(struct source *s, const char *directory)
{
	struct jsonrpc_span projects = find_member(s, whole(s), "projects"), project;

	s->place = CONFIG_CLAUDE_PROJECT;
	if (projects.len == 0)
		return;
	if (!is_object(s, projects)) {
		fault_of_file(s, projects.at, "\"projects\" must be an object");
		return;
	}
	project = find_project(s, projects, directory);
	if (project.len > 0 && !is_object(s, project))
		fault_of_file(
		    s, project.at, "what this directory has in \"projects\" must be an object");
	else if (project.len > 0)
		read_servers(s, project);
}

static void read_claude(struct config *c, const char *path, const char *directory)
{
	struct source s;

	if (open_source(&s, c, CONFIG_CLAUDE_PROJECT, path)) {
		if (directory != NULL)
			read_project(&s, directory);
		s.place = CONFIG_CLAUDE;
		read_servers(&s, whole(&s));
	}
	close_source(&s);
}

/* The user's files. */
static void read_own(struct config *c, const struct config_places *places, const char *directory)
{
	const char *home = is_given(places->home) ? places->home : NULL;
	const char *xdg = places->xdg_config, *claude = places->claude_dir;

	if (!is_given(xdg) || *xdg != '/')
		xdg = take_joined(c, home, "/.config");
	read_file(c, CONFIG_OWN, take_joined(c, xdg, "/wsmcp/servers.json"));

	if (!is_given(claude))
		claude = NULL;
	read_claude(c, take_joined(c, claude != NULL ? claude : home, "/.claude.json"), directory);
	if (claude == NULL)
		claude = take_joined(c, home, "/.claude");
	read_file(c, CONFIG_CLAUDE_SETTINGS, take_joined(c, claude, "/settings.json"));
	read_file(c, CONFIG_CLAUDE_SETTINGS, take_joined(c, claude, "/settings.local.json"));
}

/* .mcp.json of the nearest directory that has one, whatever becomes of it. */
static void read_repository(struct config *c, const char *directory)
{
	char *above = take_copy(c, directory), *slash;
	struct source s;

	while (above != NULL) {
		if (open_source(&s, c, CONFIG_REPOSITORY, take_joined(c, above, "/.mcp.json")))
			read_servers(&s, whole(&s));
		close_source(&s);
		slash = strrchr(above, '/');
		if (!s.missing || slash == NULL)
			return;
		*slash = '\0';
	}
}

/* Files of whoever wrote the directory. */
static void read_foreign(struct config *c, const char *directory)
{
	read_file(
	    c, CONFIG_DIRECTORY_SETTINGS, take_joined(c, directory, "/.claude/settings.json"));
	read_file(c, CONFIG_DIRECTORY_SETTINGS,
	    take_joined(c, directory, "/.claude/settings.local.json"));
	read_repository(c, directory);
}

/* The working directory without slashes behind it, so that "/" is "". */
static char *clean_directory(struct config *c, const char *directory)
{
	char *clean = directory != NULL && *directory == '/' ? take_copy(c, directory) : NULL;
	size_t len = clean != NULL ? strlen(clean) : 0;

	while (len > 0 && clean[len - 1] == '/')
		clean[--len] = '\0';
	return clean;
}

/* --- who wins ------------------------------------------------------------------------------- */

struct named {
	const char *name;
	struct entry *entry;
};

static int compare_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0
	           ? order
	           : (x->entry->number > y->entry->number) - (x->entry->number < y->entry->number);
}

/* Of two equal members of an object the first counts, also if it is no WebSocket server. */
static bool is_repeated(const struct entry *first, const struct entry *second)
{
	return first->state == STATE_OTHER && first->server.file == second->server.file &&
	       first->server.place == second->server.place;
}

/*
 * Sees to all entries of one name, in order. One that is no WebSocket server hides a foreign one,
 * so that a repository cannot stand in for it, but none of the user's.
 */
static void shadow_equals(const struct named *equals, size_t count)
{
	const struct server *winner = NULL, *other = NULL;

	for (size_t i = 0; i < count; i++) {
		struct entry *e = equals[i].entry;

		if (i > 0 && is_repeated(equals[i - 1].entry, e)) {
			e->state = STATE_OTHER;
			e->text = equals[i - 1].entry->text;
		}
		if (e->state == STATE_OTHER) {
			if (!is_foreign_place(e->server.place) && other == NULL)
				other = &e->server;
			continue;
		}
		e->server.shadow = winner != NULL ? winner : e->server.foreign ? other : NULL;
		if (winner == NULL)
			winner = &e->server;
	}
}

static void find_shadows(struct config *c)
{
	struct named *sorted = c->entry_count > 0 ? malloc(c->entry_count * sizeof *sorted) : NULL;
	size_t count = 0, begin = 0;

	c->no_memory = c->no_memory || (sorted == NULL && c->entry_count > 0);
	if (sorted == NULL)
		return;
	for (struct entry *e = c->entries; e != NULL; e = e->next)
		sorted[count++] = (struct named){e->server.name, e};
	qsort(sorted, count, sizeof *sorted, compare_named);
	for (size_t i = 1; i <= count; i++) {
		if (i == count || strcmp(sorted[i].name, sorted[begin].name) != 0) {
			shadow_equals(sorted + begin, i - begin);
			begin = i;
		}
	}
	free(sorted);
}

static void link_servers(struct config *c)
{
	struct server *last = NULL;

	for (struct entry *e = c->entries; e != NULL; e = e->next) {
		if (e->state != STATE_GOOD)
			continue;
		if (last == NULL)
			c->servers = &e->server;
		else
			last->next = &e->server;
		last = &e->server;
	}
}

struct config *config_read(const struct config_places *places)
{
	struct config *c = calloc(1, sizeof *c);
	char *directory;

	if (c == NULL)
		return NULL;
	c->entries_end = &c->entries;
	c->faults_end = &c->faults;
	resolve_trusted(c, places);
	if (places->file != NULL) {
		read_file(c, CONFIG_GIVEN, take_copy(c, places->file));
	} else {
		directory = clean_directory(c, places->directory);
		read_own(c, places, directory);
		if (directory != NULL)
			read_foreign(c, directory);
	}
	find_shadows(c);
	link_servers(c);
	if (!c->no_memory)
		return c;
	config_free(c);
	return NULL;
}

const struct server *config_servers(const struct config *c)
{
	return c->servers;
}

const char *config_fault(const struct config *c, size_t number)
{
	const struct fault *f = c->faults;

	for (; f != NULL && number > 0; number--)
		f = f->next;
	return f != NULL ? f->text : NULL;
}

const char *config_place_name(enum config_place place)
{
	static const char *const names[] = {
	    [CONFIG_GIVEN] = "--config",
	    [CONFIG_OWN] = "wsmcp",
	    [CONFIG_CLAUDE_PROJECT] = "Claude Code, this project",
	    [CONFIG_CLAUDE] = "Claude Code",
	    [CONFIG_CLAUDE_SETTINGS] = "Claude Code, settings",
	    [CONFIG_DIRECTORY_SETTINGS] = "this directory, settings",
	    [CONFIG_REPOSITORY] = "this repository",
	};

	return names[place];
}

/* --- finding -------------------------------------------------------------------------------- */

/* A sentence that takes whole pieces or nothing, in CONFIG_ERROR_SIZE bytes. */
struct sentence {
	char *text;
	size_t len;
};

/* Appends if ${reserve} bytes remain behind it. */
static PRINTF_LIKE(3, 4) bool say(struct sentence *s, size_t reserve, const char *format, ...)
{
	size_t room = CONFIG_ERROR_SIZE - s->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(s->text + s->len, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n + reserve >= room) {
		s->text[s->len] = '\0';
		return false;
	}
	s->len += (size_t)n;
	return true;
}

/* The first fault of a file read before the entry ${before}, of the places up to ${last}. */
static const char *file_fault(const struct config *c, size_t before, enum config_place last)
{
	for (const struct fault *f = c->faults; f != NULL; f = f->next)
		if (f->of_file && f->before <= before && f->place <= last)
			return f->text;
	return NULL;
}

/* The first entry of exactly this name: one that counts, or one of another type. */
static const struct entry *find_exact(const struct config *c, const char *name, bool other)
{
	for (const struct entry *e = c->entries; e != NULL; e = e->next)
		if ((e->state == STATE_OTHER) == other && strcmp(e->server.name, name) == 0)
			return e;
	return NULL;
}

/* The first of the user's entries from ${e} on that has ${name} in its own. */
static const struct entry *find_part(const struct entry *e, const char *name)
{
	for (; e != NULL && !is_foreign_place(e->server.place); e = e->next)
		if (e->state != STATE_OTHER && e->server.shadow == NULL &&
		    ascii_contains(e->server.name, name))
			return e;
	return NULL;
}

/* Lists ${e} and what follows it as "name" (file). */
static void say_parts(struct sentence *s, const struct entry *e, const char *name, size_t reserve)
{
	char shown[QUOTE_NAME_SIZE], path[QUOTE_PATH_SIZE];
	const size_t more = sizeof " and 10000 more";
	const char *comma = "";
	size_t left = 0;

	for (; e != NULL; e = find_part(e->next, name), comma = ", ") {
		if (left > 0 ||
		    !say(s, reserve + more, "%s%s (%s)", comma, quote_name(shown, e->server.name),
		        quote_path(path, e->server.file)))
			left++;
	}
	if (left > 0)
		(void)say(s, reserve, " and %zu more", left);
}

static void say_trust(struct sentence *s, const struct server *server)
{
	char directory[CONFIG_ERROR_SIZE / 4];

	if (quote_directory(directory, sizeof directory, server->file))
		(void)say(s, 0, "--trust-project %s", directory);
	else
		(void)say(s, 0, "--trust-project with the directory of that file");
}

/* Whether a foreign server of exactly this name may be meant. */
static bool check_foreign(const struct config *c, const struct server *server, struct sentence *s)
{
	char name[QUOTE_NAME_SIZE], path[QUOTE_PATH_SIZE], mine[QUOTE_PATH_SIZE];
	const struct entry *other = find_exact(c, server->name, true);
	const struct entry *part = find_part(c->entries, server->name);

	quote_name(name, server->name);
	quote_path(path, server->file);
	if (other != NULL && !is_foreign_place(other->server.place)) {
		(void)say(s, 0, "%s is %s in %s, and a WebSocket server only in %s, ", name,
		    other->text, quote_path(mine, other->server.file), path);
		(void)say(s, 0, "which is not trusted; for that one give ");
		say_trust(s, server);
		return false;
	}
	if (part == NULL)
		return true;
	(void)say(s, 0,
	    "%s is a server of %s, which is not trusted, and in the name of yours: ", name, path);
	say_parts(s, part, server->name, CONFIG_ERROR_SIZE / 4 + 128);
	(void)say(s, 0, "; give the whole name of yours, or, for the other, ");
	say_trust(s, server);
	return false;
}

static const struct server *find_named(
    const struct config *c, const struct entry *e, struct sentence *s)
{
	char name[QUOTE_NAME_SIZE];
	const char *fault = file_fault(c, e->number, CONFIG_REPOSITORY);

	if (fault != NULL)
		(void)say(s, 0, "%s; %s could be in it", fault, quote_name(name, e->server.name));
	else if (e->state == STATE_FAULTY)
		(void)say(s, 0, "%s", e->text);
	else if (!e->server.foreign || check_foreign(c, &e->server, s))
		return &e->server;
	return NULL;
}

/* The winner that is spelled most like ${name}; NULL if none has anything of it. */
static const struct server *find_nearest(const struct config *c, const char *name)
{
	const struct server *found = NULL;
	size_t best = strlen(name), n;

	for (const struct server *server = c->servers; server != NULL; server = server->next) {
		n = server->shadow == NULL ? nearest_distance(name, server->name) : SIZE_MAX;
		if (n < best) {
			best = n;
			found = server;
		}
	}
	return found;
}

/* Lists the names of the winners, as far as they fit. False if there are none. */
static bool say_names(struct sentence *s, const struct config *c)
{
	char shown[QUOTE_NAME_SIZE];
	const size_t more = sizeof " and 10000 more";
	size_t said = 0, left = 0;

	for (const struct server *server = c->servers; server != NULL; server = server->next) {
		if (server->shadow != NULL)
			continue;
		if (left > 0 || said == NAMES_MAX ||
		    !say(s, more, "%s%s",
		        said > 0 ? ", " : "; there are: ", quote_name(shown, server->name)))
			left++;
		else
			said++;
	}
	if (left > 0)
		(void)say(s, 0, " and %zu more", left);
	return said > 0;
}

static void say_unknown(const struct config *c, const char *name, struct sentence *s)
{
	const struct server *nearest = find_nearest(c, name);
	const char *fault = file_fault(c, SIZE_MAX, CONFIG_REPOSITORY);
	char shown[QUOTE_NAME_SIZE];

	(void)say(s, 0, "no server is named %s", quote_name(shown, name));
	if (fault != NULL)
		(void)say(s, 0, ", but it could be in a file with a fault: %s", fault);
	if (nearest != NULL)
		(void)say(s, 0, "; the nearest is %s", quote_name(shown, nearest->name));
	if (!say_names(s, c) && fault == NULL)
		(void)say(s, 0, "; there is no WebSocket server in the configuration");
}

/* There is no server of exactly this name. */
static const struct server *find_partial(
    const struct config *c, const char *name, struct sentence *s)
{
	const char *fault = file_fault(c, SIZE_MAX, CONFIG_CLAUDE_SETTINGS);
	const char *given = file_fault(c, SIZE_MAX, CONFIG_GIVEN);
	const struct entry *other = find_exact(c, name, true);
	const struct entry *first = find_part(c->entries, name);
	const struct entry *second = first != NULL ? find_part(first->next, name) : NULL;
	char shown[QUOTE_NAME_SIZE], path[QUOTE_PATH_SIZE];

	quote_name(shown, name);
	if (given != NULL) {
		(void)say(s, 0, "%s", given);
	} else if (fault != NULL && first != NULL) {
		(void)say(s, 0, "%s; %s could be in it", fault, shown);
	} else if (other != NULL && fault == NULL &&
	           (first == NULL || !is_foreign_place(other->server.place))) {
		(void)say(s, 0, "%s in %s, line %u, is %s, not WebSocket; ", shown,
		    quote_path(path, other->server.file), other->server.line, other->text);
		(void)say(s, 0, "only entries with a ws:// or wss:// URL can be reached");
	} else if (second != NULL) {
		(void)say(s, 0,
		    "%s is in the name of several servers, give the whole name of one: ", shown);
		say_parts(s, first, name, 0);
	} else if (first == NULL) {
		say_unknown(c, name, s);
	} else if (first->state == STATE_FAULTY) {
		(void)say(s, 0, "%s", first->text);
	} else {
		return &first->server;
	}
	return NULL;
}

const struct server *config_find(const struct config *c, const char *name, char *error)
{
	const struct entry *exact = find_exact(c, name, false);
	struct sentence s = {error, 0};

	*error = '\0';
	return exact != NULL ? find_named(c, exact, &s) : find_partial(c, name, &s);
}
