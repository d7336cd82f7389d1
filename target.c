#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat.h"
#include "expand.h"
#include "handshake.h"
#include "log.h"
#include "quote.h"
#include "trace.h"
#include "trust.h"
#include "url.h"

#define DEFAULT_SUBPROTOCOL "mcp"
#define SHOWN_SIZE          512
#define PEM_MAX             ((size_t)16 << 20) /* bytes; the largest bundles have a few hundred KB */

/* One time of finding everything out. Strings of the entry and what they expand to live in it. */
struct outcome {
	struct connection_attempt attempt;
	struct config *config; /* NULL for a URL */
	const struct server *server;
	char *url, *cacert, *cert, *key, *proxy; /* expanded; NULL = not of the entry */
};

struct target {
	const struct wsmcp_options *options;
	char *text; /* TARGET, with its variables expanded */
	struct outcome now;
	struct trace *trace;
	char *name;
	char shown[SHOWN_SIZE];
};

static PRINTF_LIKE(3, 4) enum wsmcp_status
    fail(char *error, enum wsmcp_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, TARGET_ERROR_SIZE, format, args);
	va_end(args);
	return status;
}

static enum wsmcp_status no_memory(char *error)
{
	return fail(error, WSMCP_NO_MEMORY, "out of memory");
}

static void outcome_free(struct outcome *o)
{
	headers_free(&o->attempt.headers);
	config_free(o->config);
	free(o->url);
	free(o->cacert);
	free(o->cert);
	free(o->key);
	free(o->proxy);
	*o = (struct outcome){0};
}

/* --- files ------------------------------------------------------------- */

/* A pipe or device might block us, or never end. errno is 0 if it is one. */
static FILE *open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat file;
	FILE *f = NULL;

	if (fd < 0)
		return NULL;
	errno = 0;
	if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode))
		f = fdopen(fd, "r");
	if (!f)
		close(fd);
	return f;
}

/* Returns whether the file can be read and has a PEM block in it; errno is 0 if only that is missing. */
static bool file_is_pem(const char *path)
{
	char line[256];
	bool found = false;
	FILE *f = open_regular(path);

	if (!f)
		return false;
	errno = 0;
	/* Counted as full lines: of NUL bytes fgets tells no length. */
	for (size_t size = 0; !found && size < PEM_MAX && fgets(line, sizeof line, f);
	     size += sizeof line)
		found = strncmp(line, "-----BEGIN ", 11) == 0;
	int error = errno;
	(void)fclose(f);
	errno = error;
	return found;
}

/* A TLS file that is of no use would only show once the connection is half made. */
static enum wsmcp_status check_files(const struct link_options *link, char *error)
{
	const struct {
		const char *what, *path;
	} files[] = {{"cacert", link->cacert}, {"cert", link->cert}, {"key", link->key}};

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (files[i].path && !file_is_pem(files[i].path))
			return fail(error, WSMCP_CONFIGURATION_ERROR, "the file of %s, %s, %s%s",
			    files[i].what, files[i].path,
			    errno ? "cannot be read: " : "holds nothing in PEM form",
			    errno ? strerror(errno) : "");
	}
	return WSMCP_OK;
}

/* --- the entry --------------------------------------------------------- */

static const char *home_directory(void)
{
	const char *home = getenv("HOME");
	const struct passwd *user;

	/* Hosts start programs with hardly any environment. */
	if (home && *home)
		return home;
	user = getpwuid(getuid());
	return user ? user->pw_dir : NULL;
}

struct config *target_config(const struct wsmcp_options *options)
{
	char *directory = getcwd(NULL, 0);
	struct config *config = config_read(&(struct config_places){.file = options->config,
	    .home = home_directory(),
	    .xdg_config = getenv("XDG_CONFIG_HOME"),
	    .claude_dir = getenv("CLAUDE_CONFIG_DIR"),
	    .directory = directory,
	    .trusted = options->trust_project.items,
	    .trusted_count = options->trust_project.count});

	free(directory);
	return config;
}

const struct server *target_find(const struct config *c, const char *name, char *error)
{
	const struct server *server = config_find(c, name, error);

	if (server == NULL && strpbrk(name, "@?") != NULL)
		(void)fail(error, WSMCP_CONFIGURATION_ERROR,
		    "TARGET is no URL that begins with ws:// or wss://, and no server can be found "
		    "by it as a name");
	return server;
}

/* Where an entry stands, for the errors about what it says. */
static enum wsmcp_status fault_of_entry(
    const struct server *s, const char *field, const char *why, char *error)
{
	char path[QUOTE_PATH_SIZE], name[QUOTE_NAME_SIZE];

	return fail(error, WSMCP_CONFIGURATION_ERROR,
	    "%s, line %u, column %u: server %s: \"%s\": %s", quote_path(path, s->file), s->line,
	    s->column, quote_name(name, s->name), field, why);
}

static enum wsmcp_status expand_field(const struct server *s, const char *field, const char *text,
    size_t max, char **out, char *error)
{
	char why[EXPAND_ERROR_SIZE];

	if (!text)
		return WSMCP_OK;
	*out = expand(text, getenv, max, why);
	return *out ? WSMCP_OK : fault_of_entry(s, field, why, error);
}

static enum wsmcp_status expand_fields(struct outcome *o, char *error)
{
	const struct server *s = o->server;
	const struct {
		const char *field, *text;
		size_t max;
		char **out;
	} table[] = {
	    {"url", s->url, URL_MAX, &o->url},
	    {"cacert", s->cacert, PATH_MAX, &o->cacert},
	    {"cert", s->cert, PATH_MAX, &o->cert},
	    {"key", s->key, PATH_MAX, &o->key},
	    {"proxy", s->proxy, URL_MAX, &o->proxy},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		enum wsmcp_status status = expand_field(
		    s, table[i].field, table[i].text, table[i].max, table[i].out, error);
		if (status != WSMCP_OK)
			return status;
	}
	return WSMCP_OK;
}

static enum wsmcp_status add_entry_headers(struct outcome *o, char *error)
{
	const struct server *s = o->server;
	char why[HEADERS_ERROR_SIZE];

	for (size_t i = 0; i < s->header_count; i++) {
		if (headers_set_expanded(
		        &o->attempt.headers, s->headers[i].name, s->headers[i].value, why) != 0)
			return fault_of_entry(s, "headers", why, error);
	}
	return WSMCP_OK;
}

/*
 * From the second time on it is looked up by its whole name: a server that was added since must not make the
 * part of a name ambiguous.
 */
static enum wsmcp_status read_entry(const struct target *t, struct outcome *o, char *error)
{
	o->config = target_config(t->options);
	if (!o->config)
		return no_memory(error);
	o->server = target_find(o->config, t->name ? t->name : t->text, error);
	if (!o->server || !trust_allows(o->server, t->text, t->options, error))
		return WSMCP_CONFIGURATION_ERROR;
	enum wsmcp_status status = expand_fields(o, error);
	if (status == WSMCP_OK)
		status = add_entry_headers(o, error);
	if (status != WSMCP_OK)
		return status;

	struct url url;
	const char *fault = url_parse(&url, o->url);
	return fault ? fault_of_entry(o->server, "url", fault, error) : WSMCP_OK;
}

/* --- TARGET as a URL --------------------------------------------------- */

static enum wsmcp_status read_url(const struct target *t, struct outcome *o, char *error)
{
	struct url url;
	const char *fault = url_parse(&url, t->text);

	if (fault)
		return fail(error, WSMCP_WRONG_USAGE, "TARGET is no usable URL: %s", fault);
	o->url = strdup(t->text);
	return o->url ? WSMCP_OK : no_memory(error);
}

/* --- the options ------------------------------------------------------- */

/* "NAME=VARIABLE" */
static int add_header_of_variable(struct headers *h, const char *pair, char *error)
{
	size_t len = strcspn(pair, "=");
	char *name = strndup(pair, len);
	int result = -1;

	if (!name || pair[len] == '\0')
		(void)snprintf(error, HEADERS_ERROR_SIZE, "%s",
		    name ? "--header-env takes NAME=VARIABLE" : "out of memory");
	else
		result = headers_set_variable(h, name, "", pair + len + 1, error);
	free(name);
	return result;
}

static enum wsmcp_status add_option_headers(
    const struct wsmcp_options *options, struct headers *h, char *error)
{
	char why[HEADERS_ERROR_SIZE];
	int failed = 0;

	for (size_t i = 0; i < options->headers.count && !failed; i++)
		failed = headers_add(h, options->headers.items[i], true, why);
	if (!failed && options->bearer_env)
		failed =
		    headers_set_variable(h, "Authorization", "Bearer ", options->bearer_env, why);
	for (size_t i = 0; i < options->header_env.count && !failed; i++)
		failed = add_header_of_variable(h, options->header_env.items[i], why);
	return failed ? fail(error, WSMCP_CONFIGURATION_ERROR, "%s", why) : WSMCP_OK;
}

static const char *first_of(const char *a, const char *b)
{
	return a ? a : b;
}

static enum wsmcp_status choose_subprotocol(
    const struct wsmcp_options *options, const struct outcome *o, const char **out, char *error)
{
	const char *entry = o->server ? o->server->subprotocol : NULL;
	const char *chosen = first_of(first_of(options->subprotocol, entry), DEFAULT_SUBPROTOCOL);

	*out = *chosen ? chosen : NULL;
	if (!*out || handshake_offer_valid(*out))
		return WSMCP_OK;
	if (options->subprotocol || !entry)
		return fail(
		    error, WSMCP_WRONG_USAGE, "--subprotocol takes names separated by commas");
	return fault_of_entry(o->server, "subprotocol", "must be names separated by commas", error);
}

static enum wsmcp_status fill_attempt(
    const struct wsmcp_options *options, struct outcome *o, char *error)
{
	const struct server *s = o->server;

	o->attempt.link = (struct link_options){.url = o->url,
	    .cacert = first_of(options->cacert, o->cacert),
	    .cert = first_of(options->cert, o->cert),
	    .key = first_of(options->key, o->key),
	    .insecure = options->insecure,
	    .proxy = first_of(options->proxy, o->proxy),
	    .noproxy = options->noproxy,
	    .unix_socket = options->unix_socket,
	    .resolve = options->resolve.items,
	    .resolve_count = options->resolve.count,
	    .connect_timeout = options->connect_timeout,
	    .ping_interval = options->ping_interval,
	    .ping_timeout = options->ping_timeout,
	    .report = options->report};
	o->attempt.header_command = first_of(options->header_command, s ? s->header_command : NULL);
	o->attempt.server_name = s ? s->name : "";
	enum wsmcp_status status =
	    choose_subprotocol(options, o, &o->attempt.link.subprotocol, error);
	if (status == WSMCP_OK)
		status = check_files(&o->attempt.link, error);
	return status == WSMCP_OK ? add_option_headers(options, &o->attempt.headers, error)
	                          : status;
}

/* --- all of it --------------------------------------------------------- */

static enum wsmcp_status find_out(const struct target *t, struct outcome *o, char *error)
{
	enum wsmcp_status status =
	    url_is(t->text) ? read_url(t, o, error) : read_entry(t, o, error);

	return status == WSMCP_OK ? fill_attempt(t->options, o, error) : status;
}

static void warn_of_exposed_secrets(const struct outcome *o)
{
	const struct link_options *link = &o->attempt.link;
	struct url url;

	if (url_parse(&url, link->url) != NULL)
		return;
	bool secret = o->attempt.headers.count > 0 || o->attempt.header_command ||
	              url.has_userinfo || url.has_query ||
	              (link->subprotocol && handshake_offer_is_secret(link->subprotocol));
	if (!secret)
		return;
	if (url.tls && link->insecure)
		log_warning(
		    "credentials may be read by others: -k does not check who the server is");
	else if (!url.tls && !url.loopback && !link->unix_socket)
		log_warning(
		    "credentials may be read by others: ws:// is not encrypted, use wss://");
}

static enum wsmcp_status open_trace(struct target *t, char *error)
{
	const char *path = t->options->trace;

	if (!path || (t->trace = trace_open(path)) != NULL)
		return WSMCP_OK;
	return fail(error, WSMCP_CONFIGURATION_ERROR,
	    "cannot open the trace file %s: %s (it must be a regular file, ours, mode 0600)", path,
	    strerror(errno));
}

static enum wsmcp_status open_all(struct target *t, const char *text, char *error)
{
	const char *unsupported = link_unsupported();
	char why[EXPAND_ERROR_SIZE];

	if (unsupported)
		return fail(error, WSMCP_DEPENDENCY_ERROR, "%s", unsupported);
	t->text = expand(text, getenv, URL_MAX, why);
	if (!t->text)
		return fail(error, WSMCP_CONFIGURATION_ERROR, "TARGET: %s", why);
	enum wsmcp_status status = find_out(t, &t->now, error);
	if (status == WSMCP_OK)
		status = open_trace(t, error);
	if (status != WSMCP_OK)
		return status;
	t->name = strdup(t->now.attempt.server_name);
	if (!t->name)
		return no_memory(error);
	url_display(t->shown, sizeof t->shown, t->now.url);
	warn_of_exposed_secrets(&t->now);
	return WSMCP_OK;
}

enum wsmcp_status target_open(
    struct target **out, const char *text, const struct wsmcp_options *options, char *error)
{
	struct target *t = calloc(1, sizeof *t);

	*out = NULL;
	if (!t)
		return no_memory(error);
	t->options = options;
	enum wsmcp_status status = open_all(t, text, error);
	if (status == WSMCP_OK)
		*out = t;
	else
		target_close(t);
	return status;
}

void target_close(struct target *t)
{
	if (!t)
		return;
	outcome_free(&t->now);
	trace_close(t->trace);
	free(t->name);
	free(t->text);
	free(t);
}

const char *target_name(const struct target *t)
{
	return t->name;
}

const char *target_url(const struct target *t)
{
	return t->shown;
}

const struct connection_attempt *target_attempt(const struct target *t)
{
	return &t->now.attempt;
}

/* The last outcome stays if this one fails: the strings in it may still be looked at. */
static const struct connection_attempt *prepare(void *context, char *error)
{
	struct target *t = context;
	struct outcome next = {0};
	char why[TARGET_ERROR_SIZE];

	if (find_out(t, &next, why) != WSMCP_OK) {
		outcome_free(&next);
		(void)snprintf(error, HEADERS_ERROR_SIZE, "%.*s", HEADERS_ERROR_SIZE - 1, why);
		return NULL;
	}
	outcome_free(&t->now);
	t->now = next;
	return &t->now.attempt;
}

void target_connection(struct target *t, struct connection_options *out)
{
	const struct wsmcp_options *options = t->options;
	const struct server *s = t->now.server;
	int64_t configured = s && s->timeout >= 0 ? s->timeout : 0;

	*out = (struct connection_options){.prepare = prepare,
	    .context = t,
	    .server = t->shown,
	    .max_message = options->max_message,
	    .max_reply = options->max_reply,
	    .replay_timeout = options->connect_timeout,
	    .offline_timeout = options->offline_timeout,
	    .request_timeout =
	        options->request_timeout >= 0 ? options->request_timeout : configured,
	    .retry_delay_max = options->retry_delay_max,
	    .reconnect = !options->no_reconnect,
	    .resend = options->resend == WSMCP_RESEND_SAFE,
	    .trace = t->trace};
}
