#include "draft.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ascii.h"
#include "buf.h"
#include "expand.h"
#include "handshake.h"
#include "headers.h"
#include "log.h"
#include "quote.h"
#include "template.h"
#include "url.h"

#define PHRASE_SIZE  512               /* what is longer is cut */
#define TEXT_MAX     ((size_t)1 << 20) /* bytes of an argument */
#define SHOWN_MAX    (4 * URL_MAX)
#define URL_VARIABLE "WSMCP_URL"
#define BEARER       "Bearer "

/* For hosts that end a connection at a line of 10 MB. */
#define LINE_LIMIT      ((uint64_t)9 << 20)
#define LINE_LIMIT_TEXT "9M"

/* What becomes "${" when variables are expanded, whatever they are. */
#define LEFT_ALONE "${WSMCP_DOLLAR:-$}{"

/* How an option is carried over that is not just repeated. */
enum carry {
	CARRY_NOT, /* seen to elsewhere, or of no use to the host */
	CARRY_PATH,
	CARRY_PROXY,
	CARRY_SUBPROTOCOL
};

static const struct {
	const char *name;
	enum carry how;
} carried[] = {
    {"header", CARRY_NOT},
    {"bearer-env", CARRY_NOT},
    {"header-env", CARRY_NOT},
    {"host", CARRY_NOT},
    {"config", CARRY_NOT},
    {"trust-project", CARRY_NOT},
    {"cacert", CARRY_PATH},
    {"cert", CARRY_PATH},
    {"key", CARRY_PATH},
    {"unix-socket", CARRY_PATH},
    {"trace", CARRY_PATH},
    {"log-file", CARRY_PATH},
    {"proxy", CARRY_PROXY},
    {"subprotocol", CARRY_SUBPROTOCOL},
};

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
	return is_alpha(c) || (c >= '0' && c <= '9');
}

static char upper(char c)
{
	return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

bool draft_refuse(struct draft *d, enum wsmcp_status status, const char *format, ...)
{
	va_list args;

	if (d->status != WSMCP_OK)
		return false;
	d->status = status;
	va_start(args, format);
	(void)vsnprintf(d->error, DRAFT_ERROR_SIZE, format, args);
	va_end(args);
	return false;
}

static bool no_memory(struct draft *d)
{
	return draft_refuse(d, WSMCP_NO_MEMORY, "out of memory");
}

/* What is wrong with what is configured. */
static bool fault_of_server(struct draft *d, const char *field, const char *why)
{
	const struct server *s = d->server;
	char path[QUOTE_PATH_SIZE], name[QUOTE_NAME_SIZE];

	return draft_refuse(d, WSMCP_CONFIGURATION_ERROR,
	    "%s, line %u, column %u: server %s: \"%s\": %s", quote_path(path, s->file), s->line,
	    s->column, quote_name(name, s->name), field, why);
}

static bool put(struct draft *d, struct buf *b, const char *text)
{
	return buf_append_str(b, text) == BUF_OK || no_memory(d);
}

/* What was put, as a string. NULL if memory is out. */
static const char *text_of(struct draft *d, struct buf *b)
{
	if (buf_append(b, "", 1) == BUF_OK)
		return (const char *)b->data;
	(void)no_memory(d);
	return NULL;
}

/* --- placeholders --------------------------------------------------------------------------- */

static bool has_input(const struct draft *d, const char *id)
{
	const cJSON *each;

	cJSON_ArrayForEach(each, d->inputs)
	{
		if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(each, "id")), id) == 0)
			return true;
	}
	return false;
}

static bool add_input(struct draft *d, const char *id, const char *what)
{
	char text[PHRASE_SIZE];
	cJSON *input;

	if (has_input(d, id))
		return true;
	(void)snprintf(text, sizeof text, "%s: %s", d->name, what);
	input = cJSON_CreateObject();
	if (input != NULL && cJSON_AddStringToObject(input, "type", "promptString") &&
	    cJSON_AddStringToObject(input, "id", id) &&
	    cJSON_AddStringToObject(input, "description", text) &&
	    cJSON_AddTrueToObject(input, "password") && cJSON_AddItemToArray(d->inputs, input))
		return true;
	cJSON_Delete(input);
	return no_memory(d);
}

/* Puts what stands for a secret: "<what>", or what makes the host ask for it. */
static bool put_placeholder(struct draft *d, struct buf *b, const char *what)
{
	char id[PHRASE_SIZE];

	if (!d->host->asks)
		return put(d, b, "<") && put(d, b, what) && put(d, b, ">");
	(void)snprintf(id, sizeof id, "%s-%s", d->name, what);
	for (char *c = id; *c != '\0'; c++)
		*c = (char)(is_alnum(*c) || *c == '_' ? *c : '-');
	return add_input(d, id, what) && put(d, b, "${input:") && put(d, b, id) && put(d, b, "}");
}

/* --- arguments and environment -------------------------------------------------------------- */

bool draft_is_printable(const char *text)
{
	size_t len = strlen(text);
	char *shown = malloc(len + 1);
	bool same = shown != NULL && strcmp(log_escape(shown, len + 1, text, len), text) == 0;

	free(shown);
	return same;
}

/* Puts the text so that the host leaves variables in it to wsmcp. */
static bool put_left_alone(struct draft *d, struct buf *b, const char *text)
{
	const char *next;

	for (; (next = strstr(text, "${")) != NULL; text = next + strlen("${")) {
		d->left_alone = true;
		if (buf_append(b, text, (size_t)(next - text)) != BUF_OK || !put(d, b, LEFT_ALONE))
			return no_memory(d);
	}
	return put(d, b, text);
}

static bool append_string(struct draft *d, cJSON *array, const char *text)
{
	cJSON *item = text != NULL ? cJSON_CreateString(text) : NULL;

	return (item != NULL && cJSON_AddItemToArray(array, item)) || no_memory(d);
}

bool draft_argument(struct draft *d, const char *what, const char *text)
{
	struct buf b;
	bool done;

	if (!draft_is_printable(text))
		return draft_refuse(d, WSMCP_CONFIGURATION_ERROR,
		    "there is a control character in %s, or it is not UTF-8", what);
	if (d->host->splits && strpbrk(text, " \t") != NULL)
		return draft_refuse(d, WSMCP_CONFIGURATION_ERROR,
		    "%s splits arguments at spaces and there is one in %s: put the server, "
		    "with all it needs, into ~/.config/wsmcp/servers.json and use its name",
		    d->host->name, what);
	if (!d->host->expands)
		return append_string(d, d->args, text);
	buf_init(&b, TEXT_MAX);
	done = put_left_alone(d, &b, text) && append_string(d, d->args, text_of(d, &b));
	buf_free(&b);
	return done;
}

/* ${value} is NULL for an option that takes none. */
static bool add_option(struct draft *d, const char *name, const char *value)
{
	char option[PHRASE_SIZE], what[PHRASE_SIZE];

	/* An empty argument may get lost on its way. */
	(void)snprintf(option, sizeof option, "--%s%s", name, value != NULL && !*value ? "=" : "");
	(void)snprintf(what, sizeof what, "the value of --%s", name);
	return draft_argument(d, what, option) &&
	       (value == NULL || *value == '\0' || draft_argument(d, what, value));
}

/* An option whose value was put. */
static bool add_built_option(struct draft *d, const char *name, struct buf *b)
{
	const char *value = text_of(d, b);

	return value != NULL && add_option(d, name, value);
}

bool draft_path_option(struct draft *d, const char *name, const char *before, const char *path)
{
	char *directory = *path != '/' ? getcwd(NULL, 0) : NULL;
	struct buf b;
	bool done;

	if (*path != '/' && directory == NULL)
		return draft_refuse(d, WSMCP_CONFIGURATION_ERROR,
		    "the working directory is not known: %s", strerror(errno));
	buf_init(&b, TEXT_MAX);
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	done = put(d, &b, before);
	if (directory != NULL)
		done = done && put(d, &b, directory) && put(d, &b, "/");
	done = done && put(d, &b, path) && add_built_option(d, name, &b);
	buf_free(&b);
	free(directory);
	return done;
}

/* Sets a variable of the entry's environment to what was put, unless it is set. */
static bool set_variable(struct draft *d, const char *name, struct buf *b)
{
	const char *value = text_of(d, b);

	if (!draft_is_printable(name))
		return draft_refuse(d, WSMCP_CONFIGURATION_ERROR,
		    "there is a control character in the name of a variable");
	return value != NULL && (cJSON_GetObjectItemCaseSensitive(d->env, name) != NULL ||
	                            cJSON_AddStringToObject(d->env, name, value) || no_memory(d));
}

/* The same with a placeholder. */
static bool set_secret(struct draft *d, const char *name, const char *what)
{
	struct buf b;
	bool done;

	buf_init(&b, TEXT_MAX);
	done = put_placeholder(d, &b, what) && set_variable(d, name, &b);
	buf_free(&b);
	return done;
}

/* Whether ${text} is exactly one variable without default; ${name} gets its name. */
static bool is_variable(const char *text, char *name, size_t size)
{
	size_t len, whole = template_variable(text, &len);

	if (whole == 0 || text[whole] != '\0' || text[2 + len] != '}' || len >= size)
		return false;
	memcpy(name, text + 2, len);
	name[len] = '\0';
	return true;
}

/* --- headers -------------------------------------------------------------------------------- */

static void drop_header(struct headers *h, const char *name)
{
	for (size_t i = 0; i < h->count; i++) {
		if (strcasecmp(h->list[i].name, name) != 0)
			continue;
		free(h->list[i].name);
		free(h->list[i].value);
		memmove(&h->list[i], &h->list[i + 1], (--h->count - i) * sizeof *h->list);
		return;
	}
}

/* "X-Api-Key" -> "WSMCP_X_API_KEY" */
static void name_variable(const struct draft *d, char *out, size_t size, const char *header)
{
	size_t len = 0;
	int number = 1;

	(void)snprintf(out, size, "WSMCP_%.*s", (int)(size / 2), header);
	for (; out[len] != '\0'; len++)
		out[len] = (char)(is_alnum(out[len]) ? upper(out[len]) : '_');
	while (cJSON_GetObjectItemCaseSensitive(d->env, out) != NULL)
		(void)snprintf(out + len, size - len, "_%d", ++number);
}

/* An option whose value is made of three. */
static bool add_pair(
    struct draft *d, const char *option, const char *first, const char *between, const char *second)
{
	struct buf b;
	bool done;

	buf_init(&b, TEXT_MAX);
	done = put(d, &b, first) && put(d, &b, between) && put(d, &b, second) &&
	       add_built_option(d, option, &b);
	buf_free(&b);
	return done;
}

/* A header whose value stood in an option or in the configuration. */
static bool add_header(struct draft *d, const struct header *h)
{
	const bool bearer = strcasecmp(h->name, "Authorization") == 0 &&
	                    strncasecmp(h->value, BEARER, strlen(BEARER)) == 0;
	const char *value = bearer ? h->value + strlen(BEARER) : h->value;
	char variable[PHRASE_SIZE], what[PHRASE_SIZE];
	bool named = is_variable(value, variable, sizeof variable);

	if (*value == '\0')
		return add_pair(d, "header", h->name, ":", "");
	if (!named && bearer)
		(void)snprintf(variable, sizeof variable, "WSMCP_TOKEN");
	else if (!named)
		name_variable(d, variable, sizeof variable, h->name);
	if (bearer)
		(void)snprintf(what, sizeof what, "the bearer token");
	else
		(void)snprintf(what, sizeof what, "the value of %.*s", PHRASE_SIZE / 2, h->name);
	return set_secret(d, variable, what) &&
	       (bearer ? add_option(d, "bearer-env", variable)
	               : add_pair(d, "header-env", h->name, "=", variable));
}

/* What stands in the lines of a file stays there; it replaces what came before. */
static bool add_header_file(struct draft *d, struct headers *h, const char *line)
{
	struct headers file = {NULL, 0};
	char why[HEADERS_ERROR_SIZE];
	bool done = headers_add(&file, line, false, why) == 0;

	for (size_t i = 0; i < file.count; i++)
		drop_header(h, file.list[i].name);
	headers_free(&file);
	return done ? draft_path_option(d, "header", "@", line + 1)
	            : draft_refuse(d, WSMCP_CONFIGURATION_ERROR, "%s", why);
}

/* Headers of the configuration and those given as "Name: value", as they stand there. */
static bool collect_headers(struct draft *d, struct headers *h)
{
	const struct wsmcp_list *lines = &d->options->server.headers;
	const struct server *s = d->server;
	char why[HEADERS_ERROR_SIZE];

	for (size_t i = 0; s != NULL && i < s->header_count; i++) {
		if (headers_set(h, s->headers[i].name, s->headers[i].value, why) != 0)
			return fault_of_server(d, "headers", why);
	}
	for (size_t i = 0; i < lines->count; i++) {
		const char *line = lines->items[i];

		if (*line == '@') {
			if (!add_header_file(d, h, line))
				return false;
		} else if (headers_add(h, line, false, why) != 0) {
			return draft_refuse(d, WSMCP_CONFIGURATION_ERROR, "%s", why);
		}
	}
	return true;
}

/* Those that come from variables already. They replace others. */
static bool add_given_variables(struct draft *d, struct headers *h)
{
	const struct wsmcp_options *o = &d->options->server;
	char what[PHRASE_SIZE];

	if (o->bearer_env != NULL) {
		drop_header(h, "Authorization");
		if (!set_secret(d, o->bearer_env, "the bearer token") ||
		    !add_option(d, "bearer-env", o->bearer_env))
			return false;
	}
	for (size_t i = 0; i < o->header_env.count; i++) {
		const char *pair = o->header_env.items[i];
		size_t len = strcspn(pair, "=");

		if (len > PHRASE_SIZE / 2 || pair[len] == '\0')
			return draft_refuse(
			    d, WSMCP_CONFIGURATION_ERROR, "--header-env takes NAME=VARIABLE");
		(void)snprintf(what, sizeof what, "%.*s", (int)len, pair);
		drop_header(h, what);
		(void)snprintf(what, sizeof what, "the value of %.*s", (int)len, pair);
		if (!set_secret(d, pair + len + 1, what) || !add_option(d, "header-env", pair))
			return false;
	}
	return true;
}

static bool add_headers(struct draft *d)
{
	struct headers h = {NULL, 0};
	bool done = collect_headers(d, &h) && add_given_variables(d, &h);

	for (size_t i = 0; done && i < h.count; i++)
		done = add_header(d, &h.list[i]);
	headers_free(&h);
	return done;
}

/* --- URLs ----------------------------------------------------------------------------------- */

/* Puts a piece of a URL with placeholders for its variables. */
static bool put_piece(struct draft *d, struct buf *b, const char *text, size_t len)
{
	char name[PHRASE_SIZE];

	for (size_t at = 0, whole, n; at < len; at += whole) {
		whole = template_variable(text + at, &n);
		if (whole > 0) {
			(void)snprintf(name, sizeof name, "%.*s", (int)n, text + at + 2);
			if (!put_placeholder(d, b, name))
				return false;
			continue;
		}
		whole = 1;
		if (buf_append(b, text + at, 1) != BUF_OK)
			return no_memory(d);
	}
	return true;
}

/*
 * Whether the query ${text} ("?" first) is made of NAME=${VAR} alone, so that it shows where which
 * secret goes. ${*len} gets its length.
 */
static bool is_plain_query(const char *text, size_t *len)
{
	size_t at = 0, name, variable;

	do {
		at++;
		name = 0;
		while (is_alnum(text[at + name]) ||
		       (text[at + name] != '\0' && strchr("_-.", text[at + name]) != NULL))
			name++;
		if (name == 0 || text[at + name] != '=')
			return false;
		at += name + 1;
		variable = template_variable(text + at, &name);
		at += variable;
	} while (variable > 0 && text[at] == '&');
	*len = at;
	return variable > 0 && (text[at] == '\0' || text[at] == '#');
}

/* The "?" of the query that ${url} has, outside of variables. */
static const char *find_query(const char *url)
{
	size_t whole, name;

	while (*url != '\0' && *url != '?') {
		whole = template_variable(url, &name);
		url += whole > 0 ? whole : 1;
	}
	return url;
}

static bool is_ascii(const char *text)
{
	while (*text != '\0' && (unsigned char)*text < 0x80)
		text++;
	return *text == '\0';
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

/*
 * Puts the URL with placeholders for userinfo, query and variables; one for all of it where it
 * cannot be said what is secret.
 */
static bool put_url(struct draft *d, struct buf *b, const char *text, const struct url *url)
{
	char shown[SHOWN_MAX];
	const char *rest = strstr(template_display(shown, sizeof shown, text), "://");
	bool has_query = ends_with(shown, "?...");
	size_t len;

	if (rest == NULL || !is_ascii(text) || (ends_with(shown, "...") && !has_query))
		return put_placeholder(d, b, "the URL");
	rest += strlen("://");
	if (!put_piece(d, b, shown, (size_t)(rest - shown)) ||
	    (url->has_userinfo && !(put_placeholder(d, b, "USER:PASSWORD") && put(d, b, "@"))) ||
	    !put_piece(d, b, rest, strlen(rest) - (has_query ? strlen("...") : 0)))
		return false;
	if (!has_query)
		return true;
	text = find_query(text);
	return is_plain_query(text, &len) ? put_piece(d, b, text + 1, len - 1)
	                                  : put_placeholder(d, b, "the query");
}

/* Whether nothing of the URL is secret or up to the environment. */
static bool is_open(const char *text, const struct url *url)
{
	char shown[SHOWN_MAX];

	return !url->has_userinfo && !url->has_query && !template_has_variable(text) &&
	       strchr(text, '#') == NULL &&
	       !ends_with(url_display(shown, sizeof shown, text), "...");
}

bool draft_url(struct draft *d, const char *text)
{
	struct url url = {0};
	const char *fault = template_parse(&url, text);
	char name[PHRASE_SIZE];
	struct buf b;
	bool done;

	if (fault != NULL)
		return d->server != NULL ? fault_of_server(d, "url", fault)
		                         : draft_refuse(d, WSMCP_WRONG_USAGE,
		                               "TARGET is no usable URL: %s", fault);
	if (is_open(text, &url))
		return draft_argument(d, "the URL", text);
	if (is_variable(text, name, sizeof name))
		return set_secret(d, name, "the URL") && draft_argument(d, "the URL", text);
	buf_init(&b, TEXT_MAX);
	done = put_url(d, &b, text, &url) && set_variable(d, URL_VARIABLE, &b) &&
	       draft_argument(d, "the URL", "${" URL_VARIABLE "}");
	buf_free(&b);
	return done;
}

/* "http://user:password@host:3128", with a placeholder for the first two; a query means nothing to a proxy. */
static bool add_proxy(struct draft *d, const char *text)
{
	const char *at = strrchr(text, '@');
	/* What looks like a scheme and is none belongs to the user's name. */
	size_t len = url_is(text) ? strcspn(text, ":") + strlen("://") : 0;
	const char *host = at != NULL ? at : text + len;
	struct buf b;
	bool done;

	d->has_exposed = d->has_exposed || at != NULL;
	buf_init(&b, TEXT_MAX);
	done = (buf_append(&b, text, len) == BUF_OK || no_memory(d)) &&
	       (at == NULL || put_placeholder(d, &b, "PROXY-USER:PASSWORD")) &&
	       (buf_append(&b, host, strcspn(host, "?#")) == BUF_OK || no_memory(d)) &&
	       add_built_option(d, "proxy", &b);
	buf_free(&b);
	return done;
}

/* "mcp, mcp.auth.TOKEN", without its space and with a placeholder for the token. */
static bool add_subprotocol(struct draft *d, const char *list)
{
	struct buf b;
	bool done = true;

	buf_init(&b, TEXT_MAX);
	while (done && *(list += strspn(list, ", \t")) != '\0') {
		size_t len = strcspn(list, ", \t");
		bool secret = ascii_begins(list, HANDSHAKE_SECRET);

		d->has_exposed = d->has_exposed || secret;
		done = b.len == 0 || put(d, &b, ",");
		if (done && secret)
			done = put(d, &b, HANDSHAKE_SECRET) &&
			       put_placeholder(d, &b, "SUBPROTOCOL-TOKEN");
		else if (done)
			done = buf_append(&b, list, len) == BUF_OK || no_memory(d);
		list += len;
	}
	done = done && (b.len > 0 ? add_built_option(d, "subprotocol", &b)
	                          : add_option(d, "no-subprotocol", NULL));
	buf_free(&b);
	return done;
}

/* --- what is configured, spelled out -------------------------------------------------------- */

/* A field in which variables stand, which options do not take; they are read now. */
static char *expand_field(struct draft *d, const char *field, const char *text)
{
	char why[EXPAND_ERROR_SIZE];
	char *expanded = expand(text, getenv, URL_MAX, why);

	if (expanded == NULL)
		(void)fault_of_server(d, field, why);
	return expanded;
}

static bool add_field(struct draft *d, const char *field, const char *text, const char *given)
{
	char *expanded;
	bool done;

	if (text == NULL || given != NULL)
		return true;
	expanded = expand_field(d, field, text);
	done = expanded != NULL &&
	       (strcmp(field, "proxy") == 0 ? add_proxy(d, expanded)
	                                    : draft_path_option(d, field, "", expanded));
	free(expanded);
	return done;
}

static bool add_timeout(struct draft *d)
{
	const int64_t ms = d->server->timeout;
	char text[32];

	if (ms < 0 || d->options->server.request_timeout >= 0)
		return true;
	(void)snprintf(text, sizeof text, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
	/* "5.500" -> "5.5", "60.000" -> "60" */
	for (char *end = text + strlen(text) - 1; *end == '0' || *end == '.'; end--) {
		bool point = *end == '.';

		*end = '\0';
		if (point)
			break;
	}
	return add_option(d, "request-timeout", text);
}

/* Its headers and its URL are seen to with the others. */
static bool add_configured(struct draft *d)
{
	const struct wsmcp_options *o = &d->options->server;
	const struct server *s = d->server;

	return add_field(d, "cacert", s->cacert, o->cacert) &&
	       add_field(d, "cert", s->cert, o->cert) && add_field(d, "key", s->key, o->key) &&
	       add_field(d, "proxy", s->proxy, o->proxy) &&
	       (s->subprotocol == NULL || o->subprotocol != NULL ||
	           add_subprotocol(d, s->subprotocol)) &&
	       (s->header_command == NULL || o->header_command != NULL ||
	           add_option(d, "header-command", s->header_command)) &&
	       add_timeout(d);
}

/* --- what was given ------------------------------------------------------------------------- */

static bool add_given_option(struct draft *d, const struct options_given *given)
{
	for (size_t i = 0; i < sizeof carried / sizeof *carried; i++) {
		if (strcmp(carried[i].name, given->name) != 0)
			continue;
		switch (carried[i].how) {
		case CARRY_NOT:
			return true;
		case CARRY_PATH:
			return draft_path_option(d, given->name, "", given->value);
		case CARRY_PROXY:
			return add_proxy(d, given->value);
		case CARRY_SUBPROTOCOL:
			return add_subprotocol(d, given->value);
		}
	}
	return add_option(d, given->name, given->value);
}

static bool is_given(const struct options *o, const char *name)
{
	for (size_t i = 0; i < o->given_count; i++)
		if (strcmp(o->given[i].name, name) == 0)
			return true;
	return false;
}

static bool add_given_options(struct draft *d)
{
	const struct options *o = d->options;

	if (d->host->limits && o->server.max_reply > LINE_LIMIT && !is_given(o, "max-reply") &&
	    !add_option(d, "max-reply", LINE_LIMIT_TEXT))
		return false;
	for (size_t i = 0; i < o->given_count; i++)
		if (!add_given_option(d, &o->given[i]))
			return false;
	return true;
}

bool draft_options(struct draft *d)
{
	return (d->server == NULL || add_configured(d)) && add_given_options(d) && add_headers(d);
}
