#include "entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "draft.h"
#include "expand.h"
#include "log.h"
#include "pretty.h"
#include "quote.h"
#include "target.h"
#include "template.h"
#include "trust.h"
#include "url.h"

#define COMMAND_MAX  ((size_t)1 << 22) /* bytes of a command line */
#define PROGRAM_SIZE 4096

static const struct host {
	struct draft_host does; /* splits, limits, asks, expands */
	const char *where;      /* the entry goes */
	const char
	    *servers; /* the key that all entries are under; NULL = it takes a command line */
	bool typed;   /* wants "type": "stdio" */
} hosts[] = {
    {{"claude-code", false, true, false, true},
        "a shell, in the project that is to have it (or with --scope user)", NULL, false},
    {{"claude-desktop", false, true, false, false},
        "~/Library/Application Support/Claude/claude_desktop_config.json, on Linux "
        "~/.config/Claude/claude_desktop_config.json",
        "mcpServers", false},
    {{"cursor", true, true, false, false}, "~/.cursor/mcp.json, or .cursor/mcp.json of a project",
        "mcpServers", true},
    {{"vscode", false, true, true, false},
        ".vscode/mcp.json of a project, or what \"MCP: Open User Configuration\" opens", "servers",
        true},
    {{"zed", false, false, false, false}, "what \"zed: open settings\" opens", "context_servers",
        false},
};

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
	return is_alpha(c) || (c >= '0' && c <= '9');
}

/* An entry being made. */
struct entry {
	struct draft draft;
	const struct host *host;
};

static bool no_memory(struct entry *e)
{
	return draft_refuse(&e->draft, WSMCP_NO_MEMORY, "out of memory");
}

/* --- the target ----------------------------------------------------------------------------- */

/* A name of letters, digits, "-" and "_", a letter first, from ${text}, with ${end} behind it. */
static void set_name(struct entry *e, const char *text, const char *end)
{
	char *name = e->draft.name;
	const size_t room = DRAFT_NAME_SIZE - 1 - strlen(end);
	size_t len = 0;

	if (!is_alpha(*text))
		len = (size_t)snprintf(name, DRAFT_NAME_SIZE, "ws-");
	for (; *text != '\0' && len < room; text++) {
		if (is_alnum(*text) || *text == '_')
			name[len++] = *text;
		else if (name[len - 1] != '-')
			name[len++] = '-';
	}
	while (name[len - 1] == '-')
		len--;
	(void)snprintf(name + len, DRAFT_NAME_SIZE - len, "%s", end);
}

/* Whether a variable is part of the URL's host. */
static bool has_variable_host(const char *text)
{
	const char *host = strstr(text, "://"), *end, *variable;

	if (host == NULL)
		return true;
	host += strlen("://");
	end = host + strcspn(host, "/?#");
	for (const char *c = host; c < end; c++)
		host = *c == '@' ? c : host;
	variable = strstr(host, "${");
	return (variable != NULL && variable < end) || strncmp(text, "${", 2) == 0;
}

static void set_name_of_url(struct entry *e, const char *text)
{
	struct url url;

	if (template_parse(&url, text) != NULL || has_variable_host(text))
		set_name(e, "server", "");
	else
		set_name(e, url.host, "");
}

/* Claude Code takes no second server of the name of one that it has for the same project. */
static void set_name_of_server(struct entry *e, const struct server *server)
{
	bool taken = e->host->servers == NULL && server->place == CONFIG_CLAUDE_PROJECT;

	set_name(e, server->name, taken ? "-wsmcp" : "");
	if (taken)
		log_notice("Claude Code has %s for this project already, so the entry is called %s",
		    server->name, e->draft.name);
}

/* A server that the host will find by its name, from whatever directory it starts us in. */
static bool add_name(struct draft *d, const struct server *server)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *claude = getenv("CLAUDE_CONFIG_DIR");
	/* Which the host may keep from us. */
	bool moved = (xdg != NULL && *xdg != '\0') || (claude != NULL && *claude != '\0');

	if (d->host->splits && strpbrk(server->name, " \t") != NULL)
		return draft_refuse(d, WSMCP_CONFIGURATION_ERROR,
		    "%s splits arguments at spaces and there is one in the name of the server: "
		    "give "
		    "it another name in %s",
		    d->host->name, server->file);
	if ((server->place == CONFIG_GIVEN || moved) &&
	    !draft_path_option(d, "config", "", server->file))
		return false;
	/* The first argument could be a command. */
	if (cJSON_GetArraySize(d->args) == 0 && !draft_argument(d, "the command", "bridge"))
		return false;
	return (*server->name != '-' || draft_argument(d, "the options", "--")) &&
	       draft_argument(d, "the name of the server", server->name);
}

static bool is_found_by_name(const struct server *server)
{
	return server->place == CONFIG_GIVEN || server->place == CONFIG_OWN ||
	       server->place == CONFIG_CLAUDE || server->place == CONFIG_CLAUDE_SETTINGS;
}

static bool make_of_url(struct entry *e, const char *text)
{
	set_name_of_url(e, text);
	return draft_options(&e->draft) && draft_url(&e->draft, text);
}

static bool make_of_server(struct entry *e, const struct server *server)
{
	set_name_of_server(e, server);
	if (is_found_by_name(server))
		return draft_options(&e->draft) && add_name(&e->draft, server);
	e->draft.server = server;
	return draft_options(&e->draft) && draft_url(&e->draft, server->url);
}

static bool make_of_name(struct entry *e, const char *name)
{
	const struct wsmcp_options *options = &e->draft.options->server;
	struct config *config = target_config(options);
	char error[CONFIG_ERROR_SIZE];
	bool done;

	if (config == NULL)
		return no_memory(e);
	const struct server *server = target_find(config, name, error);
	if (server == NULL || !trust_allows(server, name, options, error))
		done = draft_refuse(&e->draft, WSMCP_CONFIGURATION_ERROR, "%s", error);
	else
		done = make_of_server(e, server);
	config_free(config);
	e->draft.server = NULL;
	return done;
}

/* A target with a variable may be a URL or a name; what cannot be known is taken for a URL. */
static bool make(struct entry *e, const char *text)
{
	char why[EXPAND_ERROR_SIZE];
	char *expanded = template_has_variable(text) ? expand(text, getenv, URL_MAX, why) : NULL;
	const char *meant = expanded != NULL ? expanded : text;
	bool is_url = url_is(text) || url_is(meant) || template_has_variable(meant);
	bool done = is_url ? make_of_url(e, text) : make_of_name(e, meant);

	free(expanded);
	return done;
}

/* --- the program ---------------------------------------------------------------------------- */

static char *join(const char *directory, size_t len, const char *file)
{
	char *path = malloc(len + strlen(file) + 2);

	if (path != NULL) {
		memcpy(path, directory, len);
		path[len] = '/';
		memcpy(path + len + 1, file, strlen(file) + 1);
	}
	return path;
}

/* Where the shell has found the program ${name}; NULL = nowhere. */
static char *search(const char *name)
{
	const char *path = getenv("PATH");
	size_t len;

	for (; path != NULL; path = path[len] == ':' ? path + len + 1 : NULL) {
		len = strcspn(path, ":");
		char *found = *path == '/' ? join(path, len, name) : NULL;

		if (found != NULL && access(found, X_OK) == 0)
			return found;
		free(found);
	}
	return NULL;
}

/* Our own file, to be freed. NULL = it cannot be found out. */
static char *find_program(const char *name)
{
	char path[PROGRAM_SIZE], *directory;
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

	/* A file that was replaced since is named with " (deleted)" behind it. */
	if (len > 0) {
		path[len] = '\0';
		if (access(path, X_OK) == 0)
			return strdup(path);
	}
	if (strchr(name, '/') == NULL)
		return search(name);
	if (*name == '/')
		return strdup(name);
	directory = getcwd(NULL, 0);
	char *found = directory != NULL ? join(directory, strlen(directory), name) : NULL;
	free(directory);
	return found;
}

/* --- the entry ------------------------------------------------------------------------------ */

static bool put(struct entry *e, struct buf *b, const char *text)
{
	return buf_append_str(b, text) == BUF_OK || no_memory(e);
}

static bool put_word(struct entry *e, struct buf *b, const char *before, const char *text)
{
	size_t size = 4 * strlen(text) + sizeof "''";
	char *word = malloc(size);
	bool done =
	    word != NULL && quote_word(word, size, text) && put(e, b, before) && put(e, b, word);

	free(word);
	return done || no_memory(e);
}

/*
 * "claude mcp add NAME -e VAR=VALUE -- COMMAND ARG...". The name comes first, because "-e" takes
 * every word up to the next option.
 */
static bool print_command(struct entry *e, struct output *out, const char *program)
{
	const cJSON *each;
	struct buf b;
	bool done;

	buf_init(&b, COMMAND_MAX);
	done = put(e, &b, "claude mcp add") && put_word(e, &b, " ", e->draft.name);
	cJSON_ArrayForEach(each, e->draft.env)
	{
		done = done && put_word(e, &b, " -e ", each->string) && put(e, &b, "=") &&
		       put_word(e, &b, "", each->valuestring);
	}
	done = done && put(e, &b, " --") && put_word(e, &b, " ", program);
	cJSON_ArrayForEach(each, e->draft.args)
	{
		done = done && put_word(e, &b, " ", each->valuestring);
	}
	if (done) {
		output_put(out, b.data, b.len);
		output_str(out, "\n");
	}
	buf_free(&b);
	return done;
}

/* Hands ${*item} over to ${object}. */
static bool hand_over(cJSON *object, const char *key, cJSON **item)
{
	bool done = cJSON_AddItemToObject(object, key, *item);

	if (done)
		*item = NULL;
	return done;
}

/* False if memory is out, as the next. */
static bool fill_entry(struct entry *e, cJSON *entry, const char *program)
{
	return (!e->host->typed || cJSON_AddStringToObject(entry, "type", "stdio")) &&
	       cJSON_AddStringToObject(entry, "command", program) &&
	       hand_over(entry, "args", &e->draft.args) &&
	       (cJSON_GetArraySize(e->draft.env) == 0 || hand_over(entry, "env", &e->draft.env));
}

static bool fill_root(struct entry *e, cJSON *root, const char *program)
{
	if (cJSON_GetArraySize(e->draft.inputs) > 0 && !hand_over(root, "inputs", &e->draft.inputs))
		return false;
	cJSON *servers = cJSON_AddObjectToObject(root, e->host->servers);
	cJSON *entry = servers != NULL ? cJSON_AddObjectToObject(servers, e->draft.name) : NULL;
	return entry != NULL && fill_entry(e, entry, program);
}

static bool print_json(struct entry *e, struct output *out, const char *program)
{
	cJSON *root = cJSON_CreateObject();
	char *text = NULL;

	if (root != NULL && fill_root(e, root, program))
		text = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	if (text == NULL)
		return no_memory(e);
	pretty_put(out, value_of(text), PRETTY_PLAIN);
	output_str(out, "\n");
	cJSON_free(text);
	return true;
}

static void say_what_remains(const struct entry *e, bool has_secrets)
{
	const struct draft_host *does = &e->host->does;

	log_notice("this is for %s", e->host->where);
	if (has_secrets && does->asks)
		log_notice("%s asks for what stands as ${input:...}", does->name);
	else if (has_secrets)
		log_notice("write the values in place of what stands in <...>");
	if (e->draft.has_exposed)
		log_notice(
		    "every user of the machine can read what is written into the arguments; in "
		    "~/.config/wsmcp/servers.json they cannot");
	if (e->draft.left_alone)
		log_notice(
		    "%s replaces ${...} in arguments itself; ${WSMCP_DOLLAR:-$} leaves that to "
		    "wsmcp, so do not set WSMCP_DOLLAR",
		    does->name);
}

static bool print(struct entry *e, struct output *out)
{
	bool has_secrets = cJSON_GetArraySize(e->draft.env) > 0 || e->draft.has_exposed;
	char *program = find_program(e->draft.options->program);
	bool done = false;

	if (program == NULL)
		return draft_refuse(&e->draft, WSMCP_CONFIGURATION_ERROR,
		    "it cannot be found out where this program is: start it with its whole path");
	if (!draft_is_printable(program))
		(void)draft_refuse(&e->draft, WSMCP_CONFIGURATION_ERROR,
		    "there is a control character in the path of this program");
	else if (e->host->servers != NULL)
		done = print_json(e, out, program);
	else
		done = print_command(e, out, program);
	free(program);
	(void)output_end(out); /* before what is said of it; the caller asks again */
	if (done)
		say_what_remains(e, has_secrets);
	return done;
}

static const struct host *find_host(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof hosts / sizeof *hosts; i++)
		if (strcmp(hosts[i].does.name, name) == 0)
			return &hosts[i];
	return NULL;
}

enum wsmcp_status entry_print(
    struct output *out, const struct options *options, const char *target, char *error)
{
	struct entry e = {
	    .host = find_host(options->host), .draft = {.options = options, .error = error}};

	if (e.host == NULL) {
		(void)draft_refuse(&e.draft, WSMCP_WRONG_USAGE,
		    "--host takes one of claude-code, claude-desktop, cursor, vscode and zed");
		return e.draft.status;
	}
	e.draft.host = &e.host->does;
	e.draft.args = cJSON_CreateArray();
	e.draft.env = cJSON_CreateObject();
	e.draft.inputs = cJSON_CreateArray();
	if (e.draft.args == NULL || e.draft.env == NULL || e.draft.inputs == NULL)
		(void)no_memory(&e);
	else if (make(&e, target))
		(void)print(&e, out);
	cJSON_Delete(e.draft.args);
	cJSON_Delete(e.draft.env);
	cJSON_Delete(e.draft.inputs);
	return e.draft.status;
}
