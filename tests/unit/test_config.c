/*
 * Configuration files in a directory of their own: a home, and a repository below it. Values that
 * are secrets have "SECRET" in them, and no fault or error may.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "headers.h"
#include "jsonrpc.h"
#include "utf8.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define OTHER_USER   65534

#define OWN            "home/.config/wsmcp/servers.json"
#define CLAUDE         "home/.claude.json"
#define SETTINGS       "home/.claude/settings.json"
#define LOCAL          "home/.claude/settings.local.json"
#define PROJECT        "home/work/project"
#define THEIR_SETTINGS PROJECT "/.claude/settings.json"
#define THEIR_LOCAL    PROJECT "/.claude/settings.local.json"
#define REPOSITORY     PROJECT "/.mcp.json"

/* --- files --------------------------------------------------------------------------------- */

static char top[256]; /* where all of them are */

/* The whole path of a file, in one of so many places that no test comes around. */
static const char *path_of(const char *name)
{
	static char paths[1000][2048];
	static size_t next;
	char *path = paths[next++ % COUNT(paths)];

	assert_true(snprintf(path, sizeof paths[0], "%s/%s", top, name) < (int)sizeof paths[0]);
	return path;
}

static void make_directories(const char *path)
{
	char copy[4096];

	assert_true(strlen(path) < sizeof copy);
	strcpy(copy, path);
	for (char *slash = copy + strlen(top) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		(void)mkdir(copy, 0755);
		*slash = '/';
	}
}

static void put_bytes(const char *name, const void *bytes, size_t len)
{
	const char *path = path_of(name);
	FILE *f;

	make_directories(path);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

/* Writes a file; "@" in the text stands for the directory that all is in. */
static void put(const char *name, const char *text)
{
	size_t count = 0, len = 0;
	char *out;

	for (const char *p = text; *p != '\0'; p++)
		count += *p == '@';
	out = malloc(strlen(text) + count * strlen(top) + 1);
	assert_non_null(out);
	for (; *text != '\0'; text++) {
		if (*text == '@') {
			memcpy(out + len, top, strlen(top));
			len += strlen(top);
		} else {
			out[len++] = *text;
		}
	}
	put_bytes(name, out, len);
	free(out);
}

static void drop(const char *name)
{
	assert_int_equal(remove(path_of(name)), 0);
}

static void remove_all(void)
{
	char command[300];

	(void)snprintf(command, sizeof command, "rm -rf '%s'", top);
	assert_int_equal(system(command), 0);
}

static int set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char pattern[200], *real;

	(void)state;
	(void)snprintf(pattern, sizeof pattern, "%s/config-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(pattern));
	real = realpath(pattern, NULL);
	assert_non_null(real);
	assert_true(strlen(real) < sizeof top);
	strcpy(top, real);
	free(real);
	assert_int_equal(chmod(top, 0755), 0);
	make_directories(path_of(PROJECT "/sub/"));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(chdir("/"), 0);
	remove_all();
	return 0;
}

/* --- reading and finding ------------------------------------------------------------------- */

static struct config *config;
static char error[CONFIG_ERROR_SIZE];

static struct config_places places(void)
{
	return (struct config_places){.home = path_of("home"), .directory = path_of(PROJECT)};
}

static bool is_utf8(const char *text)
{
	struct utf8 u = {0};

	return utf8_feed(&u, text, strlen(text)) && utf8_complete(&u);
}

static void check_shown(const char *text)
{
	assert_true(*text != '\0' && strlen(text) < CONFIG_ERROR_SIZE);
	assert_null(strstr(text, "SECRET"));
	assert_true(is_utf8(text));
}

static void read_places(const struct config_places *where)
{
	const char *fault;

	config_free(config);
	config = config_read(where);
	assert_non_null(config);
	for (size_t i = 0; (fault = config_fault(config, i)) != NULL; i++)
		check_shown(fault);
}

static void read_all(void)
{
	struct config_places where = places();

	read_places(&where);
}

/* Reads ${text} as the one file of --config. */
static void read_given(const char *text)
{
	struct config_places where = {.file = path_of("given.json")};

	put_bytes("given.json", text, strlen(text));
	read_places(&where);
}

static const struct server *find(const char *name)
{
	const struct server *found;

	memset(error, 'x', sizeof error);
	found = config_find(config, name, error);
	if (found == NULL)
		check_shown(error);
	return found;
}

static size_t count_servers(void)
{
	size_t n = 0;

	for (const struct server *s = config_servers(config); s != NULL; s = s->next)
		n++;
	return n;
}

static size_t count_faults(void)
{
	size_t n = 0;

	while (config_fault(config, n) != NULL)
		n++;
	return n;
}

static void assert_says(const char *text, const char *part)
{
	if (text == NULL || strstr(text, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", text != NULL ? text : "(nothing)", part);
}

static void assert_silent_of(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("\"%s\" says \"%s\"", text, part);
}

static void assert_found(const char *name, const char *url)
{
	const struct server *found = find(name);

	if (found == NULL)
		fail_msg("%s: %s", name, error);
	else
		assert_string_equal(found->url, url);
}

/* Fails the test if ${name} is found, or the error does not say what follows, up to NULL. */
static void assert_not_found(const char *name, ...)
{
	const struct server *found = find(name);
	const char *part;
	va_list args;

	if (found != NULL)
		fail_msg("%s was found: %s", name, found->name);
	va_start(args, name);
	while ((part = va_arg(args, const char *)) != NULL)
		assert_says(error, part);
	va_end(args);
}

/* Fails the test unless there is exactly one fault, which says each of what follows up to NULL. */
static void assert_fault(const char *first, ...)
{
	const char *fault = config_fault(config, 0), *part = first;
	va_list args;

	assert_int_equal(count_faults(), 1);
	va_start(args, first);
	for (; part != NULL; part = va_arg(args, const char *))
		assert_says(fault, part);
	va_end(args);
}

/* --- the places ----------------------------------------------------------------------------- */

/* The files of the places 2 to 7, in their order. */
static const struct {
	const char *file;
	enum config_place place;
	const char *begin, *end;
} files[] = {
    {OWN, CONFIG_OWN, "{", "}"},
    {CLAUDE, CONFIG_CLAUDE_PROJECT, "{\"projects\":{\"@/" PROJECT "\":{", "}}}"},
    {CLAUDE, CONFIG_CLAUDE, "{", "}"},
    {SETTINGS, CONFIG_CLAUDE_SETTINGS, "{\"model\":\"x\",", "}"},
    {LOCAL, CONFIG_CLAUDE_SETTINGS, "{", "}"},
    {THEIR_SETTINGS, CONFIG_DIRECTORY_SETTINGS, "{", "}"},
    {THEIR_LOCAL, CONFIG_DIRECTORY_SETTINGS, "{", "}"},
    {REPOSITORY, CONFIG_REPOSITORY, "{", "}"},
};

/* Writes "all" and "only<n>" into the file of each place from ${first} on. */
static void put_files(size_t first)
{
	char text[8192], one[1024], all[1024];

	for (size_t i = 0; i < COUNT(files); i++) {
		(void)snprintf(one, sizeof one,
		    "\"mcpServers\":{\"all\":{\"url\":\"ws://all%zu\"},"
		    "\"only%zu\":{\"url\":\"ws://only%zu\"}}",
		    i, i, i);
		if (i < first)
			strcpy(one, "\"mcpServers\":{}");
		(void)snprintf(text, sizeof text, "%s%s%s", files[i].begin, one, files[i].end);
		/* Two places are in one file. */
		if (files[i].place == CONFIG_CLAUDE_PROJECT)
			strcpy(all, one);
		if (files[i].place == CONFIG_CLAUDE)
			(void)snprintf(text, sizeof text,
			    "{%s,\"projects\":{\"@/" PROJECT "\":{%s}}}", one, all);
		put(files[i].file, text);
	}
}

static void every_place_is_read_in_order(void **state)
{
	const struct server *s;
	char name[16], url[32];
	size_t i = 0;

	(void)state;
	put_files(0);
	read_all();
	assert_int_equal(count_faults(), 0);
	for (s = config_servers(config); s != NULL; s = s->next->next, i++) {
		(void)snprintf(name, sizeof name, "only%zu", i);
		(void)snprintf(url, sizeof url, "ws://only%zu", i);
		assert_string_equal(s->name, "all");
		assert_string_equal(s->next->name, name);
		assert_int_equal(s->place, files[i].place);
		assert_string_equal(s->file, path_of(files[i].file));
		assert_true(s->foreign == (s->place >= CONFIG_DIRECTORY_SETTINGS));
		assert_found(name, url);
	}
	assert_int_equal(i, COUNT(files));
}

static void the_first_place_wins(void **state)
{
	char url[32];

	(void)state;
	for (size_t first = 0; first < COUNT(files); first++) {
		const struct server *winner;

		put_files(first);
		read_all();
		(void)snprintf(url, sizeof url, "ws://all%zu", first);
		assert_found("all", url);
		winner = find("all");
		assert_int_equal(winner->place, files[first].place);
		assert_null(winner->shadow);
		assert_int_equal(count_servers(), 2 * (COUNT(files) - first));
		for (const struct server *s = config_servers(config); s != NULL; s = s->next)
			if (strcmp(s->name, "all") == 0 && s != winner)
				assert_ptr_equal(s->shadow, winner);
			else
				assert_null(s->shadow);
	}
}

static void a_given_file_is_the_only_one(void **state)
{
	struct config_places where = places();

	(void)state;
	put_files(0);
	put("given.json", "{\"mcpServers\":{\"given\":{\"url\":\"ws://given\"}}}");
	where.file = path_of("given.json");
	read_places(&where);
	assert_int_equal(count_servers(), 1);
	assert_int_equal(count_faults(), 0);
	assert_found("given", "ws://given");
	assert_int_equal(config_servers(config)->place, CONFIG_GIVEN);
	assert_false(config_servers(config)->foreign);
	assert_not_found("all", "no server is named \"all\"", "\"given\"", NULL);
}

static void the_whole_entry_wins(void **state)
{
	const struct server *s;

	(void)state;
	put(OWN, "{\"mcpServers\":{\"a\":{\"url\":\"ws://1\"}}}");
	put(CLAUDE, "{\"mcpServers\":{\"a\":{\"url\":\"ws://2\",\"headers\":{\"A\":\"SECRET\"},"
	            "\"headersHelper\":\"c\",\"subprotocol\":\"s\",\"cacert\":\"x\",\"cert\":\"x\","
	            "\"key\":\"x\",\"proxy\":\"x\",\"timeout\":5000}}}");
	read_all();
	s = find("a");
	assert_string_equal(s->url, "ws://1");
	assert_int_equal(s->header_count, 0);
	assert_null(s->header_command);
	assert_null(s->subprotocol);
	assert_null(s->cacert);
	assert_null(s->cert);
	assert_null(s->key);
	assert_null(s->proxy);
	assert_int_equal(s->timeout, -1);

	s = s->next;
	assert_string_equal(s->url, "ws://2");
	assert_int_equal(s->header_count, 1);
	assert_string_equal(s->headers[0].name, "A");
	assert_string_equal(s->headers[0].value, "SECRET");
	assert_string_equal(s->header_command, "c");
	assert_string_equal(s->subprotocol, "s");
	assert_string_equal(s->cacert, "x");
	assert_string_equal(s->cert, "x");
	assert_string_equal(s->key, "x");
	assert_string_equal(s->proxy, "x");
	assert_int_equal(s->timeout, 5000);
	assert_null(s->next);
}

static void variables_of_the_environment_move_files(void **state)
{
	struct config_places where = places();

	(void)state;
	put_files(0);
	put("xdg/wsmcp/servers.json", "{\"mcpServers\":{\"x\":{\"url\":\"ws://xdg\"}}}");
	put("claude/.claude.json", "{\"mcpServers\":{\"c\":{\"url\":\"ws://c\"}},\"projects\":"
	                           "{\"@/home\":{\"mcpServers\":{\"p\":{\"url\":\"ws://p\"}}}}}");
	put("claude/settings.json", "{\"mcpServers\":{\"s\":{\"url\":\"ws://s\"}}}");
	put("claude/settings.local.json", "{\"mcpServers\":{\"l\":{\"url\":\"ws://l\"}}}");

	where.xdg_config = path_of("xdg");
	read_places(&where);
	assert_found("x", "ws://xdg");
	assert_null(find("only0"));
	assert_found("only1", "ws://only1");

	where = places();
	where.claude_dir = path_of("claude");
	read_places(&where);
	assert_found("only0", "ws://only0");
	assert_found("c", "ws://c");
	assert_found("p", "ws://p");
	assert_found("s", "ws://s");
	assert_found("l", "ws://l");
	assert_int_equal(find("l")->place, CONFIG_CLAUDE_SETTINGS);
	for (int i = 1; i <= 4; i++) {
		char name[16];

		(void)snprintf(name, sizeof name, "only%d", i);
		assert_null(find(name));
	}
	assert_found("only5", "ws://only5");

	/* Not set, or as good as that. */
	where = places();
	where.xdg_config = where.claude_dir = "";
	read_places(&where);
	assert_int_equal(count_servers(), 2 * COUNT(files));
	where.xdg_config = "xdg";
	assert_int_equal(chdir(top), 0);
	read_places(&where);
	assert_int_equal(count_servers(), 2 * COUNT(files));
}

static void what_is_not_known_is_skipped(void **state)
{
	struct config_places where = places();

	(void)state;
	put_files(0);
	where.directory = NULL;
	read_places(&where);
	assert_int_equal(count_servers(), 8);
	assert_null(find("only1"));
	for (int i = 0; i < 2; i++) {
		where = places();
		where.home = i == 0 ? NULL : "";
		read_places(&where);
		assert_int_equal(count_servers(), 6);
		where.xdg_config = path_of("home/.config");
		where.claude_dir = path_of("home/.claude");
		read_places(&where);
		assert_int_equal(count_servers(), 12);
	}
	where = (struct config_places){.file = NULL};
	read_places(&where);
	assert_int_equal(count_servers(), 0);
	assert_int_equal(count_faults(), 0);
}

static void projects_are_those_of_the_nearest_directory(void **state)
{
	static const struct {
		const char *projects, *directory, *url; /* NULL = none */
	} rows[] = {
#define P(path, url) "\"" path "\":{\"mcpServers\":{\"p\":{\"url\":\"ws://" url "\"}}}"
	    {P("@/home", "1") "," P("@/home/work", "2"), "home/work/project", "ws://2"},
	    {P("@/home/work", "2") "," P("@/home", "1"), "home/work/project", "ws://2"},
	    {P("@/home/work", "2") "," P("@/home", "1"), "home/work", "ws://2"},
	    {P("@/home/work", "2") "," P("@/home", "1"), "home", "ws://1"},
	    {P("@/home/work", "2"), "home", NULL},
	    {P("@/home/wor", "1") "," P("@/home/work/project/sub", "2"), "home/work/project", NULL},
	    {P("@/home/work/projec", "1") "," P("/", "2"), "home/work/project", "ws://2"},
	    {P("@/home/work/", "1"), "home/work", "ws://1"},
	    {P("@/home/work", "1"), "home/work/", "ws://1"},
	    {P("@/home/work", "1") "," P("@/home/work", "2"), "home/work", "ws://1"},
	    {P("\\u002f", "1"), "home/work", "ws://1"},
	    {P("", "1") "," P("home", "2") "," P(".", "3"), "home", NULL},
	    {P("@/home\\u0000", "1") "," P("/\\u0000", "2"), "home", NULL},
	    {P("@/home/\\u00e9", "1"), "home/\xC3\xA9/x", "ws://1"},
	    {P("@/home/\xC3\xA9", "1"), "home/\xC3\xA9", "ws://1"},
	    /* The nearest one counts, even if it has no servers. */
	    {P("@/home", "1") ",\"@/home/work\":{\"mcpServers\":{}}", "home/work", NULL},
	    {P("@/home", "1") ",\"@/home/work\":{\"allowedTools\":[]}", "home/work/project", NULL},
#undef P
	};
	struct config_places where = places();
	char text[4096];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		(void)snprintf(text, sizeof text, "{\"projects\":{%s}}", rows[i].projects);
		put(CLAUDE, text);
		where.directory = path_of(rows[i].directory);
		read_places(&where);
		assert_int_equal(count_faults(), 0);
		if (rows[i].url != NULL)
			assert_found("p", rows[i].url);
		else
			assert_int_equal(count_servers(), 0);
	}
	put(CLAUDE, "{\"projects\":{\"/\":{\"mcpServers\":{\"p\":{\"url\":\"ws://root\"}}}}}");
	where.directory = "/";
	read_places(&where);
	assert_found("p", "ws://root");
}

static void a_repository_is_that_of_the_nearest_directory(void **state)
{
	struct config_places where = places();

	(void)state;
	put("home/.mcp.json", "{\"mcpServers\":{\"far\":{\"url\":\"ws://far\"}}}");
	put("home/work/.mcp.json", "{\"mcpServers\":{\"near\":{\"url\":\"ws://near\"}}}");
	where.directory = path_of("home/work/project/sub/");
	read_places(&where);
	assert_int_equal(count_servers(), 1);
	assert_found("near", "ws://near");
	assert_string_equal(find("near")->file, path_of("home/work/.mcp.json"));

	/* One that cannot be read, or holds nothing, is the nearest all the same. */
	put("home/work/project/.mcp.json", "{\"mcpServers\":");
	read_places(&where);
	assert_int_equal(count_servers(), 0);
	assert_fault("project/.mcp.json, line 1, column 15", NULL);
	put("home/work/project/.mcp.json", "");
	read_places(&where);
	assert_int_equal(count_servers() + count_faults(), 0);

	/* Only the working directory's own settings. */
	put("home/work/project/.mcp.json", "{}");
	put(THEIR_SETTINGS, "{\"mcpServers\":{\"s\":{\"url\":\"ws://s\"}}}");
	read_places(&where);
	assert_int_equal(count_servers(), 0);
	where.directory = path_of(PROJECT);
	read_places(&where);
	assert_found("s", "ws://s");
}

static void settings_of_the_home_directory_are_the_users(void **state)
{
	struct config_places where = places();

	(void)state;
	put(SETTINGS, "{\"mcpServers\":{\"s\":{\"url\":\"ws://s\"}}}");
	put(LOCAL, "{\"mcpServers\":");
	where.directory = path_of("home");
	read_places(&where);
	assert_int_equal(count_servers(), 1);
	assert_int_equal(count_faults(), 1);
	assert_false(config_servers(config)->foreign);

	/* By whatever path. */
	assert_int_equal(symlink("home", path_of("link")), 0);
	where.directory = path_of("link");
	read_places(&where);
	assert_int_equal(count_servers(), 1);
	assert_int_equal(symlink("../../.claude", path_of(PROJECT "/.claude")), 0);
	where.directory = path_of(PROJECT);
	read_places(&where);
	assert_int_equal(count_servers(), 1);
	assert_int_equal(count_faults(), 1);

	/* Also those that are no regular files: one fault, not two. */
	drop(SETTINGS);
	assert_int_equal(mkdir(path_of(SETTINGS), 0755), 0);
	drop(LOCAL);
	read_places(&where);
	assert_fault("settings.json is no regular file", NULL);
}

/* --- files without servers, and faults of files ---------------------------------------------- */

static void files_without_servers_are_no_fault(void **state)
{
	static const char *const texts[] = {
	    "",
	    " ",
	    "\n\r\n\t ",
	    "\xEF\xBB\xBF",
	    "\xEF\xBB\xBF\n",
	    "{}",
	    " {\"a\":[1,{\"mcpServers\":5}]} ",
	    "{\"mcpServers\":{}}",
	    "\xEF\xBB\xBF{\"projects\":{},\"mcpServers\":{}}",
	};

	(void)state;
	read_all();
	assert_int_equal(count_faults(), 0);
	assert_not_found("x", "no server is named \"x\"", "no WebSocket server", NULL);
	/* Nor if there is something else where a directory would be. */
	put("home/.claude", "x");
	put("home/.config", "x");
	put(PROJECT "/.claude", "x");
	read_all();
	assert_int_equal(count_faults(), 0);
	drop("home/.claude");
	drop("home/.config");
	drop(PROJECT "/.claude");
	for (size_t t = 0; t < COUNT(texts); t++) {
		for (size_t i = 0; i < COUNT(files); i++)
			put(files[i].file, texts[t]);
		read_all();
		assert_int_equal(count_faults(), 0);
		assert_int_equal(count_servers(), 0);
		read_given(texts[t]);
		assert_int_equal(count_faults(), 0);
		assert_not_found("x", "no server is named \"x\"", NULL);
	}
}

static void a_given_file_must_be_there(void **state)
{
	struct config_places where = {.file = path_of("none.json")};

	(void)state;
	read_places(&where);
	assert_fault(where.file, "cannot be opened: No such file", "--config", NULL);
	assert_not_found("x", "none.json cannot be opened", NULL);
	put("given.json", "");
	where.file = path_of("given.json/x");
	read_places(&where);
	assert_fault("cannot be opened: Not a directory", NULL);
	where.file = "";
	read_places(&where);
	assert_fault("cannot be opened", NULL);
}

static void what_is_no_file_is_a_fault(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		if (files[i].place == CONFIG_CLAUDE)
			continue;
		make_directories(path_of(files[i].file));
		assert_int_equal(mkdir(path_of(files[i].file), 0755), 0);
		read_all();
		assert_fault(path_of(files[i].file), "is no regular file", NULL);
		drop(files[i].file);
		assert_int_equal(mkfifo(path_of(files[i].file), 0644), 0);
		read_all();
		assert_fault(path_of(files[i].file), "is no regular file", NULL);
		drop(files[i].file);
		assert_int_equal(
		    symlink(strrchr(files[i].file, '/') + 1, path_of(files[i].file)), 0);
		read_all();
		assert_fault(path_of(files[i].file), "cannot be opened: ", NULL);
		drop(files[i].file);
	}
}

static void a_file_without_permission_is_a_fault(void **state)
{
	struct config_places where = {.claude_dir = "."};
	bool root = geteuid() == 0;

	(void)state;
	put("settings.json", "{\"mcpServers\":{\"a\":{\"url\":\"ws://a\"}}}");
	assert_int_equal(chmod(path_of("settings.json"), 0), 0);
	/* Not by its whole path, on which another user may be kept out before. */
	assert_int_equal(chdir(top), 0);
	if (root)
		assert_int_equal(seteuid(OTHER_USER), 0);
	config_free(config);
	config = config_read(&where);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_non_null(config);
	assert_fault("./settings.json cannot be opened: Permission denied", "readable", NULL);
	assert_not_found("a", "no server is named \"a\"", "Permission denied", NULL);
}

static void a_file_is_not_endless(void **state)
{
	struct config_places where = {.file = path_of("given.json")};

	(void)state;
	put("given.json", "{}");
	assert_int_equal(truncate(where.file, (off_t)CONFIG_FILE_MAX + 1), 0);
	read_places(&where);
	assert_fault("given.json is longer than 268435456 bytes", NULL);
}

static void what_is_not_json_is_shown_where(void **state)
{
	static const struct {
		const char *text;
		const char *place, *why;
	} rows[] = {
	    {"x", "line 1, column 1", "cannot stand here"},
	    {"{", "line 1, column 2", "ends before it is complete"},
	    {"{\n", "line 2, column 1", "ends before"},
	    {"{\"a\":1\n\n  \"b\":2}", "line 3, column 3", "comma, colon or quote is missing"},
	    {"{\"a\" \"b\"}", "line 1, column 6", "comma, colon or quote is missing"},
	    {"{\"a\":1,}", "line 1, column 8", "a comma too many"},
	    {"{\"a\":[1,\n ]}", "line 2, column 2", "a comma too many"},
	    {"{\n\t// SECRET\n}", "line 2, column 2", "no comments"},
	    {"{\n# SECRET\n}", "line 2, column 1", "no comments"},
	    {"{'a':1}", "line 1, column 2", "double quotes"},
	    {"{\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\":x}", "line 1, column 8", "cannot stand"},
	    {"\xEF\xBB\xBF{x", "line 1, column 2", "cannot stand"},
	    {"\xEF\xBB\xBF\r\n{\r\n\r\nx", "line 4, column 1", "cannot stand"},
	    {"{\"a\":\"SECRET\n\"}", "line 1, column 13", "breaks off"},
	    {"{\"a\":tru\n}", "line 1, column 9", "breaks off"},
	    {"{\"a\":\"\xFF\"}", "line 1, column 7", "not UTF-8"},
	    {"\xFF\xFE{", "line 1, column 1", "not UTF-8"},
	    {"{\"a\":\xE2\x80\x9Cx\"}", "line 1, column 6", "not UTF-8"},
	    {"{\"a\":01}", "line 1, column 7", "cannot stand"},
	    {"{\"a\":\"\\x\"}", "line 1, column 8", "cannot stand"},
	    {"{} SECRET", "line 1, column 4", "cannot stand"},
	    {"[]", "line 1, column 1", "must hold a JSON object"},
	    {"\n \"SECRET\"", "line 2, column 2", "must hold a JSON object"},
	    {"\xEF\xBB\xBFnull", "line 1, column 1", "must hold a JSON object"},
	    {"{\"mcpServers\":[]}", "line 1, column 15", "\"mcpServers\" must be an object"},
	    {"{\n\"mcpServers\":\n  null}", "line 3, column 3", "\"mcpServers\" must be an object"},
	    {"{\"mcpServers\":\"SECRET\"}", "line 1, column 15", "\"mcpServers\" must be"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_given(rows[i].text);
		assert_int_equal(count_servers(), 0);
		assert_fault(path_of("given.json"), rows[i].place, rows[i].why, NULL);
		assert_not_found("a", rows[i].place, rows[i].why, NULL);
	}
}

static void what_is_not_json_is_found_far_behind(void **state)
{
	const size_t len = 200000;
	char *text = malloc(len + 1), place[64];

	(void)state;
	assert_non_null(text);
	/* Around the pieces that are looked at one by one; lines of 100 bytes, and one line. */
	for (size_t at = 65530; at < 65544; at++) {
		for (int one_line = 0; one_line < 2; one_line++) {
			memset(text, ' ', len);
			text[0] = '{';
			for (size_t i = 99; one_line == 0 && i < len; i += 100)
				text[i] = '\n';
			text[at] = 'x';
			text[len] = '\0';
			(void)snprintf(place, sizeof place,
			    "line %zu, column %zu:", one_line == 0 ? at / 100 + 1 : 1,
			    one_line == 0 ? at % 100 + 1 : at + 1);
			read_given(text);
			assert_fault(place, NULL);
		}
	}
	free(text);
}

static void projects_of_a_wrong_type_are_faults(void **state)
{
	static const struct {
		const char *text, *place, *why;
	} rows[] = {
	    {"{\"projects\":[]}", "line 1, column 13", "\"projects\" must be an object"},
	    {"{\"projects\":{\"@/home\":5}}", "line 1, ", "in \"projects\" must be an object"},
	    {"{\"projects\":{\n\"@/home\":{\"mcpServers\":5}}}", "line 2, ",
	        "\"mcpServers\" must be an object"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		put(CLAUDE, rows[i].text);
		read_all();
		assert_fault(path_of(CLAUDE), rows[i].place, rows[i].why, NULL);
	}
	/* What is not the directory's does not matter. */
	put(CLAUDE, "{\"projects\":{\"@/home/work/other\":5,\"@/home\":{}}}");
	read_all();
	assert_int_equal(count_faults(), 0);
}

/* --- entries -------------------------------------------------------------------------------- */

/* Reads a file with one server, "x", in line 2 behind two blanks. */
static void read_entry(const char *entry)
{
	char text[4096];

	(void)snprintf(text, sizeof text, "{\"mcpServers\":{\n  \"x\": %s\n}}", entry);
	read_given(text);
}

static void what_is_a_websocket_server(void **state)
{
	static const struct {
		const char *entry;
		const char *url; /* NULL = none */
		const char *why; /* what it is instead */
	} rows[] = {
	    {"{\"url\":\"ws://a\"}", "ws://a", NULL},
	    {"{\"url\":\"wss://a\"}", "wss://a", NULL},
	    {"{\"url\":\"WSS://a\"}", "WSS://a", NULL},
	    {"{\"url\":\"ws:\\/\\/a\"}", "ws://a", NULL},
	    {"{\"ws_url\":\"ws://a\"}", "ws://a", NULL},
	    {"{\"ws_url\":\"ws://a\",\"url\":\"http://b\"}", "ws://a", NULL},
	    {"{\"url\":5,\"ws_url\":\"ws://a\"}", "ws://a", NULL},
	    {"{\"url\":\"ws://a\",\"url\":\"http://b\"}", "ws://a", NULL},
	    {"{\"type\":\"http\",\"ws_url\":\"ws://a\"}", "ws://a", NULL},
	    {"{\"type\":\"ws\",\"url\":\"ws://a\"}", "ws://a", NULL},
	    {"{\"type\":\"websocket\",\"url\":\"ws://a\"}", "ws://a", NULL},
	    {"{\"type\":\"WebSocket\",\"url\":\"ws://a\"}", "ws://a", NULL},
	    {"{\"type\":\"http\",\"url\":\"ws://a\"}", "ws://a", NULL},
	    {"{\"command\":\"x\",\"url\":\"ws://a\"}", "ws://a", NULL},
	    {"{\"url\":\"${A}\"}", "${A}", NULL},
	    {"{\"url\":\"${A:-ws://b}/c\"}", "${A:-ws://b}/c", NULL},
	    {"{\"type\":\"ws\",\"url\":\"${A}\"}", "${A}", NULL},
	    {"{\"ws_url\":\"${A}\"}", "${A}", NULL},
	    {"{\"type\":\"http\",\"url\":\"${A}\"}", NULL, "an http server"},
	    {"{\"command\":\"x\",\"url\":\"${A}\"}", NULL, "a stdio server"},
	    {"{\"command\":\"SECRET\"}", NULL, "a stdio server"},
	    {"{\"type\":\"stdio\",\"command\":\"x\",\"headers\":5,\"url\":7}", NULL,
	        "a stdio server"},
	    {"{\"command\":[],\"timeout\":{}}", NULL, "a stdio server"},
	    {"{\"type\":\"http\",\"url\":\"https://SECRET\"}", NULL, "an http server"},
	    {"{\"type\":\"streamable-http\",\"url\":\"https://SECRET\"}", NULL, "an http server"},
	    {"{\"type\":\"sse\",\"url\":\"https://SECRET\"}", NULL, "an sse server"},
	    {"{\"type\":\"SECRET\",\"url\":\"https://a\"}", NULL, "a server of another type"},
	    {"{\"type\":\"wss\",\"url\":\"x\"}", NULL, "a server of another type"},
	    {"{\"url\":\"http://a\"}", NULL, "an http server"},
	    {"{\"url\":\"HTTPS://a\"}", NULL, "an http server"},
	    {"{\"url\":\"SECRET:80\"}", NULL, "a server whose URL does not begin with ws://"},
	    {"{\"url\":\"\"}", NULL, "a server whose URL does not begin with ws://"},
	    {"{}", NULL, "a server without a URL"},
	    {"{\"headers\":5}", NULL, "a server without a URL"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_entry(rows[i].entry);
		assert_int_equal(count_faults(), 0);
		if (rows[i].url != NULL) {
			assert_found("x", rows[i].url);
			continue;
		}
		assert_int_equal(count_servers(), 0);
		assert_not_found("x", "\"x\" in ", path_of("given.json"), "line 2", rows[i].why,
		    "not WebSocket", NULL);
	}
}

static void fields_of_the_wrong_type_are_faults(void **state)
{
	static const char *const values[] = {"\"SECRET\"", "5", "{}", "[]", "true", "null"};
	static const struct {
		const char *field, *begin, *good, *why;
	} rows[] = {
	    {"type", "{\"url\":\"ws://a\",", "", "must be a string"},
	    {"ws_url", "{", "", "must be a string"},
	    {"url", "{", "", "must be a string"},
	    {"url", "{\"type\":\"ws\",", "", "must be a string"},
	    {"headers", "{\"url\":\"ws://a\",", "{}", "must be an object of strings"},
	    {"headersHelper", "{\"url\":\"ws://a\",", "\"SECRET\"", "must be a string"},
	    {"subprotocol", "{\"url\":\"ws://a\",", "\"SECRET\"", "must be a string"},
	    {"cacert", "{\"url\":\"ws://a\",", "\"SECRET\"", "must be a string"},
	    {"cert", "{\"url\":\"ws://a\",", "\"SECRET\"", "must be a string"},
	    {"key", "{\"url\":\"ws://a\",", "\"SECRET\"", "must be a string"},
	    {"proxy", "{\"url\":\"ws://a\",", "\"SECRET\"", "must be a string"},
	    {"timeout", "{\"url\":\"ws://a\",", "5", "must be a number"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t v = 0; v < COUNT(values); v++) {
			char entry[256], place[64], field[64];

			if (strcmp(values[v], rows[i].good) == 0 ||
			    (*rows[i].good == '\0' && values[v][0] == '"'))
				continue;
			(void)snprintf(entry, sizeof entry, "%s\"%s\":%s}", rows[i].begin,
			    rows[i].field, values[v]);
			(void)snprintf(place, sizeof place, "line 2, column %zu: server \"x\": ",
			    strlen("  \"x\": ") + strlen(rows[i].begin) + strlen(rows[i].field) +
			        4);
			(void)snprintf(
			    field, sizeof field, "\"%s\" %s", rows[i].field, rows[i].why);
			read_entry(entry);
			assert_fault(path_of("given.json"), place, field, NULL);
			assert_int_equal(count_servers(), 0);
			assert_not_found("x", place, field, NULL);
		}
	}
}

static void entries_that_make_no_sense_are_faults(void **state)
{
	static const struct {
		const char *entry, *place, *why;
	} rows[] = {
	    {"5", "column 8", "it must be an object"},
	    {"\"ws://SECRET\"", "column 8", "it must be an object"},
	    {"null", "column 8", "it must be an object"},
	    {"[{\"url\":\"ws://a\"}]", "column 8", "it must be an object"},
	    {"{\"type\":\"ws\"}", "column 3", "has no \"url\""},
	    {"{\"type\":\"websocket\",\"command\":\"x\"}", "column 3", "has no \"url\""},
	    {"{\"type\":\"ws\",\"url\":\"http://SECRET\"}", "column 27",
	        "\"url\" must begin with ws://"},
	    {"{\"type\":\"ws\",\"url\":\"SECRET\"}", "column 27", "\"url\" must begin with ws://"},
	    {"{\"type\":\"ws\",\"url\":\" ws://a\"}", "column 27", "\"url\" must begin with ws://"},
	    {"{\"ws_url\":\"https://SECRET\"}", "column 18", "\"ws_url\" must begin with ws://"},
	    {"{\"ws_url\":\"\"}", "column 18", "\"ws_url\" must begin with ws://"},
	    {"{\"url\":\"ws://a\\u0000SECRET\"}", "column 15", "\"url\" must not have a NUL"},
	    {"{\"url\":\"ws://a\\ud800SECRET\"}", "column 15", "\"url\" must not have half"},
	    {"{\"url\":\"ws://a\",\"key\":\"\\udc00\"}", "column 30", "\"key\" must not have half"},
	    {"{\"type\":\"ws\\u0000\",\"url\":\"ws://a\"}", "column 16", "\"type\" must not have"},
	    {"{\"url\":\"ws://a\",\"headers\":{\"A\":5}}", "column 39",
	        "the value of \"A\" in \"headers\" must be a string"},
	    {"{\"url\":\"ws://a\",\"headers\":{\"B\":\"\",\"A\":null}}", "column 46",
	        "the value of \"A\" in \"headers\" must be a string"},
	    {"{\"url\":\"ws://a\",\"headers\":{\"A: SECRET\":null}}", "column 47",
	        "the value of a member in \"headers\" must be a string"},
	    {"{\"url\":\"ws://a\",\"headers\":{\"A\":\"SECRET\\n\"}}", "column 39",
	        "the value of \"A\" in \"headers\" must not have a line break"},
	    {"{\"url\":\"ws://a\",\"headers\":{\"A\":\"SECRET\\r\"}}", "column 39",
	        "the value of \"A\" in \"headers\" must not have a line break"},
	    {"{\"url\":\"ws://a\",\"headers\":{\"A\":\"SECRET\\u0000\"}}", "column 39",
	        "the value of \"A\" in \"headers\" must not have a NUL"},
	    {"{\"url\":\"ws://a\",\"headers\":{\"A\\u0000\":\"SECRET\"}}", "column 35",
	        "a name in \"headers\" must not have a NUL"},
	    {"{\"url\":\"ws://a\",\"timeout\":\"60000\"}", "column 34", "without quotes"},
	    {"{\"url\":\"ws://a\",\"timeout\":1000000000000000000000000000000000000000000000000000"
	     "0000000000}",
	        "column 34", "\"timeout\" must be a number"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_entry(rows[i].entry);
		assert_fault(path_of("given.json"), "line 2, ", rows[i].place,
		    "server \"x\": ", rows[i].why, NULL);
		assert_int_equal(count_servers(), 0);
		assert_not_found("x", "server \"x\": ", rows[i].why, NULL);
	}
}

static void headers_are_read_in_order(void **state)
{
	const struct server *s;

	(void)state;
	read_entry(
	    "{\"url\":\"ws://a\",\"headers\":{\"B\":\"1\",\"\\u0041\":\"\\u00e9 ${X}\",\"b\":\"\","
	    "\"B\":\"2\",\"not a name\":\"3\"}}");
	s = find("x");
	assert_non_null(s);
	assert_int_equal(s->header_count, 4);
	assert_string_equal(s->headers[0].name, "B");
	assert_string_equal(s->headers[0].value, "1");
	assert_string_equal(s->headers[1].name, "A");
	assert_string_equal(s->headers[1].value, "\xC3\xA9 ${X}");
	assert_string_equal(s->headers[2].name, "b");
	assert_string_equal(s->headers[2].value, "");
	assert_string_equal(s->headers[3].name, "not a name");
	read_entry("{\"url\":\"ws://a\",\"headers\":{}}");
	assert_int_equal(find("x")->header_count, 0);
}

static void headers_have_a_limit(void **state)
{
	for (int count = HEADERS_MAX; count <= HEADERS_MAX + 1; count++) {
		char entry[4096] = "{\"url\":\"ws://a\",\"headers\":{", one[32];

		(void)state;
		for (int i = 0; i < count; i++) {
			(void)snprintf(one, sizeof one, "%s\"H%d\":\"%d\"", i > 0 ? "," : "", i, i);
			strcat(entry, one);
		}
		strcat(entry, "}}");
		read_entry(entry);
		if (count <= HEADERS_MAX)
			assert_int_equal(find("x")->header_count, HEADERS_MAX);
		else
			assert_fault(
			    "column 34: server \"x\": \"headers\" has more than 100", NULL);
	}
}

static void timeouts_are_milliseconds(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
	    {"0", -1},
	    {"999", -1},
	    {"-5000", -1},
	    {"999.9", -1},
	    {"1000", 1000},
	    {"60000", 60000},
	    {"60000.7", 60000},
	    {"6e4", 60000},
	    {"1e12", INT64_C(315532800000)},
	    {"9007199254740993", INT64_C(315532800000)},
	    {"1e999", INT64_C(315532800000)},
	    {"-1e999", -1},
	};
	char entry[128];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		(void)snprintf(
		    entry, sizeof entry, "{\"url\":\"ws://a\",\"timeout\":%s}", rows[i].text);
		read_entry(entry);
		assert_int_equal(count_faults(), 0);
		assert_true(find("x")->timeout == rows[i].ms);
	}
}

static void names_stand_where_it_says(void **state)
{
	static const struct {
		const char *text;
		unsigned line, column;
	} rows[] = {
	    {"{\"mcpServers\":{\"x\":{\"url\":\"ws://a\"}}}", 1, 16},
	    {"\xEF\xBB\xBF{\"mcpServers\":{\"x\":{\"url\":\"ws://a\"}}}", 1, 16},
	    {"{\r\n\"mcpServers\"\r\n:{\r\n\t\"x\":{\"url\":\"ws://a\"}}}", 4, 2},
	    {"{\"\xF0\x9F\x98\x80\":1,\"mcpServers\":{\"x\":{\"url\":\"ws://a\"}}}", 1, 22},
	    {"{\"mcpServers\":{\"y\":5,\n\"z\":{},\n \"x\":{\"url\":\"ws://a\"}}}", 3, 2},
	    {"{\"mcpServers\":{\"\\u0078\":{\"url\":\"ws://a\"},\"x\":{\"url\":\"ws://b\"}}}", 1,
	        16},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_given(rows[i].text);
		assert_found("x", "ws://a");
		assert_int_equal(find("x")->line, rows[i].line);
		assert_int_equal(find("x")->column, rows[i].column);
		assert_string_equal(find("x")->file, path_of("given.json"));
	}
}

static void the_second_of_two_in_a_file_is_shadowed(void **state)
{
	const struct server *s;

	(void)state;
	read_given("{\"mcpServers\":{\"a\":{\"url\":\"ws://1\"},\"b\":{\"url\":\"ws://2\"},"
	           "\"a\":{\"url\":\"ws://3\"}},\"mcpServers\":{\"c\":{\"url\":\"ws://4\"}}}");
	assert_int_equal(count_servers(), 3);
	s = config_servers(config);
	assert_found("a", "ws://1");
	assert_null(s->shadow);
	assert_ptr_equal(s->next->next->shadow, s);
	assert_not_found("zzz", "there are: \"a\", \"b\"", NULL);
	assert_silent_of(error, "\"b\", ");
	read_given("{\"mcpServers\":{\"a\":{},\"b\":{\"url\":\"ws://2\"},"
	           "\"a\":{\"url\":\"ws://3\"},\"a\":{\"url\":5}}}");
	assert_int_equal(count_servers(), 1);
	assert_not_found("a", "a server without a URL", NULL);
}

/* The text of a file with ${count} servers "s0", "s1", ...; to be freed. */
static char *many_servers(size_t count)
{
	const size_t each = sizeof "\"s123456\":{\"url\":\"ws://a\"},\n";
	char *text = malloc(count * each + 32), *at = text;

	assert_non_null(text);
	at += sprintf(at, "{\"mcpServers\":{");
	for (size_t i = 0; i < count; i++)
		at += sprintf(at, "%s\"s%zu\":{\"url\":\"ws://a\"}", i > 0 ? ",\n" : "", i);
	strcpy(at, "}}");
	return text;
}

static void servers_have_a_limit(void **state)
{
	char *text = many_servers(CONFIG_SERVER_MAX), place[64];

	(void)state;
	put(SETTINGS, text);
	read_all();
	assert_int_equal(count_faults(), 0);
	assert_int_equal(count_servers(), CONFIG_SERVER_MAX);
	free(text);

	text = many_servers(CONFIG_SERVER_MAX + 5);
	put(SETTINGS, text);
	put(REPOSITORY, "{\"mcpServers\":{\"more\":{\"url\":\"ws://more\"}}}");
	read_all();
	free(text);
	(void)snprintf(
	    place, sizeof place, "settings.json, line %d, column 1: ", CONFIG_SERVER_MAX + 1);
	assert_int_equal(count_faults(), 2);
	assert_says(config_fault(config, 0), place);
	assert_says(config_fault(config, 0), "beyond the first 10000");
	assert_int_equal(count_servers(), CONFIG_SERVER_MAX);
	assert_found("s9999", "ws://a");
	assert_not_found("s10000", place, NULL);
	assert_not_found("more", place, NULL);
}

/* --- names ---------------------------------------------------------------------------------- */

static void names_are_any_text(void **state)
{
	(void)state;
	read_given(
	    "{\"mcpServers\":{\"\":{\"url\":\"ws://empty\"},"
	    "\"caf\\u00e9\":{\"url\":\"ws://1\"},\"\xE6\x97\xA5\xE6\x9C\xAC\":{\"url\":\"ws://2\"},"
	    "\"\\ud83d\\ude00\":{\"url\":\"ws://3\"},\"my \\\"server\\\"\\n\":{\"url\":\"ws://4\"},"
	    "\"ws://x\":{\"url\":\"ws://5\"}}}");
	assert_int_equal(count_faults(), 0);
	assert_found("", "ws://empty");
	assert_found("caf\xC3\xA9", "ws://1");
	assert_found("\xE6\x97\xA5\xE6\x9C\xAC", "ws://2");
	assert_found("\xE6\x9C\xAC", "ws://2");
	assert_found("\xF0\x9F\x98\x80", "ws://3");
	assert_found("my \"server\"\n", "ws://4");
	assert_found("my \"", "ws://4");
	assert_found("ws://x", "ws://5");
	assert_not_found("caf\xC3\x89", "no server is named \"caf\xC3\x89\"", NULL);
	assert_not_found("x \"y", "no server is named 'x \"y'", NULL);
}

static void names_that_are_no_text_stand_in_nobodys_way(void **state)
{
	(void)state;
	read_given("{\"mcpServers\":{\"a\\u0000b\":{\"url\":\"ws://1\"},\n"
	           "\"a\\udfff\":{\"url\":\"ws://2\"},\"a\":{\"url\":\"ws://3\"}}}");
	assert_int_equal(count_faults(), 2);
	assert_says(
	    config_fault(config, 0), "line 1, column 16: the name of a server must not have a NUL");
	assert_says(
	    config_fault(config, 1), "line 2, column 1: the name of a server must not have half");
	assert_int_equal(count_servers(), 1);
	assert_found("a", "ws://3");
}

static void a_part_of_a_name_is_enough_if_it_is_the_only_one(void **state)
{
	(void)state;
	put(OWN,
	    "{\"mcpServers\":{\"Prod-East\":{\"url\":\"ws://1\"},\"test\":{\"url\":\"ws://2\"}}}");
	put(CLAUDE,
	    "{\"mcpServers\":{\"test-2\":{\"url\":\"ws://3\"},\"test\":{\"url\":\"ws://4\"},"
	    "\"prod-web\":{\"url\":\"https://x\"}}}");
	put(SETTINGS, "{\"mcpServers\":{\"Stage\":{\"url\":\"ws://5\"}}}");
	read_all();
	assert_found("prod", "ws://1");
	assert_found("EAST", "ws://1");
	assert_found("d-e", "ws://1");
	assert_found("PROD-EAST", "ws://1");
	assert_found("test", "ws://2");
	assert_found("-2", "ws://3");
	assert_found("stage", "ws://5");
	/* The one that another shadows does not count twice. */
	assert_not_found("TEST", "several servers", "\"test\" (", path_of(OWN), "\"test-2\" (",
	    path_of(CLAUDE), NULL);
	assert_silent_of(error, ", \"test\" (");
	assert_not_found("st", "\"test\" (", "\"test-2\" (", "\"Stage\" (", "whole name", NULL);
	assert_not_found("", "no server is named \"\"", NULL);
	assert_not_found("prod-easter", "no server is named", NULL);
}

static void foreign_names_are_whole(void **state)
{
	struct config_places where = places();
	const char *trusted = top;

	(void)state;
	put(THEIR_SETTINGS, "{\"mcpServers\":{\"theirs-1\":{\"url\":\"ws://1\"}}}");
	put(REPOSITORY, "{\"mcpServers\":{\"theirs-2\":{\"url\":\"ws://2\"}}}");
	for (int i = 0; i < 2; i++) {
		read_places(&where);
		assert_found("theirs-1", "ws://1");
		assert_found("theirs-2", "ws://2");
		assert_true(find("theirs-1")->foreign == (i == 0));
		assert_not_found("theirs", "no server is named \"theirs\"", "nearest is \"theirs-",
		    "\"theirs-1\", \"theirs-2\"", NULL);
		assert_not_found("Theirs-1", "no server is named", NULL);
		where.trusted = &trusted;
		where.trusted_count = 1;
	}
}

static void unknown_names_are_told_what_there_is(void **state)
{
	char *text = many_servers(30);

	(void)state;
	read_given(text);
	free(text);
	assert_not_found("z29", "no server is named \"z29\"; the nearest is \"s29\"",
	    "there are: \"s0\", \"s1\", ", "\"s9\" and 20 more", NULL);
	read_given(
	    "{\"mcpServers\":{\"alpha\":{\"url\":\"ws://1\"},\"beta\":{\"url\":\"ws://2\"}}}");
	assert_not_found("gamma", "there are: \"alpha\", \"beta\"", NULL);
	assert_not_found("BETTA", "the nearest is \"beta\"", NULL);
	assert_not_found("x", "no server is named \"x\"; there are: \"alpha\"", NULL);
}

static void not_websocket_is_said_of_exact_names(void **state)
{
	(void)state;
	put(OWN, "{\"mcpServers\":{\"web\":{\"type\":\"http\",\"url\":\"https://SECRET\"},"
	         "\"web-socket\":{\"url\":\"ws://1\"}}}");
	put(CLAUDE, "{\"mcpServers\":{\"both\":{\"command\":\"wsmcp both\"}}}");
	put(SETTINGS, "{\"mcpServers\":{\"both\":{\"url\":\"ws://2\"}}}");
	put(REPOSITORY,
	    "{\"mcpServers\":{\"theirs\":{\"command\":\"x\"},\"socket\":{\"command\":\"x\"}}}");
	read_all();
	assert_int_equal(count_servers(), 2);
	assert_not_found("web", "\"web\" in ", path_of(OWN), "an http server, not WebSocket", NULL);
	assert_found("we", "ws://1");
	assert_not_found("theirs", "a stdio server, not WebSocket", NULL);
	/* What is skipped hides none of the user's, wherever it stands. */
	assert_found("both", "ws://2");
	assert_found("socket", "ws://1");
	/* Neither in the same file nor in repositories. */
	put(CLAUDE, "{\"projects\":{\"/\":{\"mcpServers\":{\"a\":{\"command\":\"wsmcp a\"}}}},"
	            "\"mcpServers\":{\"a\":{\"url\":\"ws://3\"}}}");
	put(THEIR_SETTINGS, "{\"mcpServers\":{\"zz\":{\"command\":\"x\"}}}");
	put(REPOSITORY, "{\"mcpServers\":{\"zz\":{\"url\":\"ws://4\"}}}");
	drop(OWN);
	read_all();
	assert_found("a", "ws://3");
	assert_null(find("a")->shadow);
	assert_found("zz", "ws://4");
	assert_null(find("zz")->shadow);
}

static void long_names_and_paths_are_cut(void **state)
{
	char euros[3 * 600 + 1] = "", file[16000], name[1200], *at = file;
	struct config_places where = places();

	(void)state;
	for (int i = 0; i < 600; i++)
		strcat(euros, "\xE2\x82\xAC");
	(void)snprintf(name, sizeof name, "%.180s/%.180s/%.180s", euros, euros, euros);
	where.xdg_config = path_of(name);
	at += sprintf(at, "{\"mcpServers\":{");
	for (int i = 0; i < 30; i++)
		at += sprintf(at, "\"%d%.300s\":{\"url\":\"ws://a\"},", i, euros);
	(void)sprintf(at, "\"bad%.300s\":{\"url\":5}}}", euros);
	strcat(name, "/wsmcp/servers.json");
	put(name, file);
	read_places(&where);
	assert_int_equal(count_servers(), 30);
	assert_int_equal(count_faults(), 1);
	assert_not_found("\xE2\x82\xAC\xE2\x82\xAC", "several servers", "...", " more", NULL);
	assert_not_found("bad", "must be a string", "...", NULL);
	assert_not_found(euros, "...", "the nearest is", " more", NULL);

	/* What has all that in one sentence. */
	put(REPOSITORY, "{\"mcpServers\":{\"\xE2\x82\xAC\":{\"url\":\"ws://a\"}}}");
	read_places(&where);
	assert_not_found("\xE2\x82\xAC", " more", "whole name of yours", "--trust-project /", NULL);
	strcpy(name, PROJECT "/");
	for (int i = 0; i < 6; i++)
		strcat(name, "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 "
		             "0123456789 0123456789 0123456789/");
	where.directory = path_of(name);
	put(strcat(name, "/.mcp.json"), "{\"mcpServers\":{\"\xE2\x82\xAC\":{\"url\":\"ws://a\"}}}");
	read_places(&where);
	assert_not_found(
	    "\xE2\x82\xAC", " more", "whole name of yours", "the directory of that file", NULL);
}

/* --- which faults stop us -------------------------------------------------------------------- */

#define GOOD(name) "{\"mcpServers\":{\"" name "\":{\"url\":\"ws://good\"}}}"
#define BAD(name)  "{\"mcpServers\":{\"" name "\":{\"url\":\"ws://a\",\"timeout\":[]}}}"
#define BROKEN     "{\"mcpServers\":"

static void faults_stop_us_where_the_server_could_be(void **state)
{
	static const struct {
		const char *files[6][2];
		const char *name;
		const char *fault; /* NULL = found */
	} rows[] = {
	    /* A broken file before or behind the one with the name. */
	    {{{OWN, GOOD("a")}, {CLAUDE, BROKEN}}, "a", NULL},
	    {{{OWN, BROKEN}, {CLAUDE, GOOD("a")}}, "a", "servers.json, line 1, column 15"},
	    {{{CLAUDE, GOOD("a")}, {SETTINGS, BROKEN}, {REPOSITORY, BROKEN}}, "a", NULL},
	    {{{SETTINGS, GOOD("a")}, {LOCAL, BROKEN}}, "a", NULL},
	    {{{SETTINGS, BROKEN}, {LOCAL, GOOD("a")}}, "a", "settings.json, line 1"},
	    {{{LOCAL, GOOD("a")}, {THEIR_SETTINGS, BROKEN}, {REPOSITORY, BROKEN}}, "a", NULL},
	    {{{THEIR_LOCAL, GOOD("a")}, {REPOSITORY, BROKEN}}, "a", NULL},
	    {{{THEIR_LOCAL, BROKEN}, {REPOSITORY, GOOD("a")}}, "a", "settings.local.json, line 1"},
	    {{{LOCAL, BROKEN}, {REPOSITORY, GOOD("a")}}, "a",
	        ".claude/settings.local.json, line 1"},
	    /* The two places of one file. */
	    {{{CLAUDE, "{\"projects\":5,\"mcpServers\":{\"a\":{\"url\":\"ws://a\"}}}"}}, "a",
	        "\"projects\" must be"},
	    {{{CLAUDE, "{\"mcpServers\":5,\"projects\":{\"/\":{\"mcpServers\":"
	               "{\"a\":{\"url\":\"ws://a\"}}}}}"}},
	        "a", NULL},
	    /* A part of a name: any of the user's files could have had it whole. */
	    {{{OWN, GOOD("ab")}, {CLAUDE, BROKEN}}, "a", ".claude.json, line 1"},
	    {{{OWN, GOOD("ab")}, {LOCAL, BROKEN}}, "a", "settings.local.json, line 1"},
	    {{{OWN, GOOD("ab")}, {THEIR_SETTINGS, BROKEN}, {REPOSITORY, BROKEN}}, "a", NULL},
	    {{{OWN, GOOD("ab")}, {SETTINGS, GOOD("ac")}, {LOCAL, BROKEN}}, "a",
	        "settings.local.json, line 1"},
	    /* No such name. */
	    {{{OWN, GOOD("x")}, {LOCAL, BROKEN}}, "a", "settings.local.json, line 1"},
	    {{{OWN, GOOD("x")}, {REPOSITORY, BROKEN}}, "a", ".mcp.json, line 1"},
	    {{{REPOSITORY, BROKEN}}, "a", "no server is named"},
	    {{{OWN, "{\"mcpServers\":{\"a\":{\"command\":\"x\"}}}"}, {LOCAL, BROKEN}}, "a",
	        "settings.local.json, line 1"},
	    /* A faulty entry. */
	    {{{OWN, BAD("a")}, {CLAUDE, GOOD("a")}}, "a", "\"timeout\" must be"},
	    {{{OWN, GOOD("a")}, {CLAUDE, BAD("a")}}, "a", NULL},
	    {{{OWN, BAD("b")}, {CLAUDE, GOOD("a")}}, "a", NULL},
	    {{{OWN, BAD("ab")}, {CLAUDE, GOOD("a")}}, "a", NULL},
	    {{{OWN, BAD("ab")}, {CLAUDE, GOOD("x")}}, "a", "\"timeout\" must be"},
	    {{{OWN, BAD("ab")}, {CLAUDE, GOOD("ac")}}, "a", "several servers"},
	    {{{OWN, GOOD("ab")}, {REPOSITORY, BAD("a")}}, "a", "\"timeout\" must be"},
	    {{{OWN, GOOD("ab")}, {REPOSITORY, BAD("ac")}}, "a", NULL},
	    {{{OWN, BAD("a")}, {REPOSITORY, GOOD("a")}}, "a", "\"timeout\" must be"},
	    {{{OWN, BAD("ab")}, {REPOSITORY, GOOD("a")}}, "a", "whole name of yours"},
	    {{{THEIR_SETTINGS, BAD("a")}, {REPOSITORY, GOOD("a")}}, "a", "\"timeout\" must be"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t f = 0; f < 6 && rows[i].files[f][0] != NULL; f++)
			put(rows[i].files[f][0], rows[i].files[f][1]);
		read_all();
		if (rows[i].fault == NULL && find(rows[i].name) == NULL)
			fail_msg("row %zu: %s", i, error);
		if (rows[i].fault != NULL)
			assert_not_found(rows[i].name, rows[i].fault, NULL);
		for (size_t f = 0; f < 6 && rows[i].files[f][0] != NULL; f++)
			drop(rows[i].files[f][0]);
	}
}

static void a_faulty_entry_shadows(void **state)
{
	const struct server *s;

	(void)state;
	put(OWN, "{\"mcpServers\":{\n\"a\":{\"url\":5}}}");
	put(CLAUDE, GOOD("a"));
	read_all();
	s = config_servers(config);
	assert_int_equal(count_servers(), 1);
	assert_non_null(s->shadow);
	assert_string_equal(s->shadow->file, path_of(OWN));
	assert_string_equal(s->shadow->name, "a");
	assert_int_equal(s->shadow->line, 2);
}

/* --- repositories ---------------------------------------------------------------------------- */

static void foreign_servers_do_not_pass_for_the_users(void **state)
{
	struct config_places where = places();
	const char *trusted = path_of(PROJECT);
	char option[512];

	(void)state;
	where.directory = path_of(PROJECT "/my project");
	make_directories(path_of(PROJECT "/my project/"));
	put(PROJECT "/my project/.mcp.json", GOOD("prod"));
	(void)snprintf(option, sizeof option, "--trust-project '%s/%s/my project'", top, PROJECT);

	/* Of exactly its name there is one of the user's. */
	put(OWN, "{\"mcpServers\":{\"prod\":{\"url\":\"ws://mine\"}}}");
	read_places(&where);
	assert_found("prod", "ws://mine");
	assert_non_null(config_servers(config)->next->shadow);

	/* The user may have meant a part of a name. */
	put(OWN,
	    "{\"mcpServers\":{\"my-PROD-1\":{\"url\":\"ws://1\"},\"prod2\":{\"url\":\"ws://2\"}}}");
	read_places(&where);
	assert_not_found("prod", "\"prod\" is a server of ",
	    path_of(PROJECT "/my project/.mcp.json"), "\"my-PROD-1\" (", "\"prod2\" (",
	    path_of(OWN), "whole name of yours", option, NULL);

	/* One that is no WebSocket server has the name. */
	put(OWN, "{\"mcpServers\":{\"prod\":{\"url\":\"https://SECRET\"}}}");
	read_places(&where);
	assert_not_found(
	    "prod", "\"prod\" is an http server in ", path_of(OWN), "not trusted", option, NULL);
	assert_string_equal(config_servers(config)->shadow->file, path_of(OWN));

	/* A trusted one is as good as any. */
	where.trusted = &trusted;
	where.trusted_count = 1;
	read_places(&where);
	assert_found("prod", "ws://good");
	assert_null(config_servers(config)->shadow);
	put(OWN, GOOD("my-prod"));
	read_places(&where);
	assert_found("prod", "ws://good");
	put(OWN, "{\"mcpServers\":{\"prod\":{\"url\":\"ws://mine\"}}}");
	read_places(&where);
	assert_found("prod", "ws://mine");
}

static void trust_goes_downward(void **state)
{
	static const struct {
		const char *directory;
		bool settings, repository; /* are trusted */
	} rows[] = {
	    {"/", true, true},
	    {"@", true, true},
	    {"@/home", true, true},
	    {"@/" PROJECT, true, true},
	    {"@/" PROJECT "/", true, true},
	    {"@/" PROJECT "/sub/..", true, true},
	    {"@/link", true, true},
	    {"@/" PROJECT "/.claude", true, false},
	    {"@/" PROJECT "/sub", false, false},
	    {"@/home/work/pro", false, false},
	    {"@/home/work/projectile", false, false},
	    {"@/home/work/none", false, false},
	    {"@/" REPOSITORY, false, false},
	    {"", false, false},
	    {".", true, true},
	    {"..", true, true},
	    {"sub", false, false},
	};
	struct config_places where = places();

	(void)state;
	put(THEIR_SETTINGS, GOOD("s"));
	put(REPOSITORY, GOOD("r"));
	make_directories(path_of("home/work/pro/"));
	make_directories(path_of("home/work/projectile/"));
	assert_int_equal(symlink(PROJECT, path_of("link")), 0);
	assert_int_equal(chdir(path_of(PROJECT)), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *list[3] = {"/nowhere", rows[i].directory, "/nowhere"};

		if (*rows[i].directory == '@')
			list[1] =
			    rows[i].directory[1] == '\0' ? top : path_of(rows[i].directory + 2);
		where.trusted = list;
		where.trusted_count = 3;
		read_places(&where);
		assert_true(find("s")->foreign == !rows[i].settings);
		assert_true(find("r")->foreign == !rows[i].repository);
	}
	/* The path to the working directory does not matter either. */
	where.directory = path_of("link");
	where.trusted = (const char *[]){path_of(PROJECT)};
	where.trusted_count = 1;
	read_places(&where);
	assert_false(find("r")->foreign);
	/* A way out of a trusted directory is none into trust. */
	put("elsewhere/settings.json", GOOD("e"));
	drop(THEIR_SETTINGS);
	drop(PROJECT "/.claude");
	assert_int_equal(symlink(path_of("elsewhere"), path_of(PROJECT "/.claude")), 0);
	read_places(&where);
	assert_true(find("e")->foreign);
}

static void foreign_files_must_be_nobody_elses(void **state)
{
	static const char *const names[] = {THEIR_SETTINGS, THEIR_LOCAL, REPOSITORY};
	struct config_places where = places();
	const char *everything = "/";

	(void)state;
	put("home/.mcp.json", GOOD("above"));
	for (size_t i = 0; i < COUNT(names); i++) {
		const char *path = path_of(names[i]);

		put(names[i], GOOD("a"));
		for (size_t trusted = 0; trusted < 2; trusted++) {
			where.trusted = &everything;
			where.trusted_count = trusted;
			chmod(path, 0646);
			read_places(&where);
			assert_fault(path, "may be written by everybody", "chmod o-w", NULL);
			assert_not_found("a", "may be written by everybody", NULL);

			chmod(path, 0664);
			assert_int_equal(chown(path, (uid_t)-1, getegid()), 0);
			read_places(&where);
			assert_int_equal(count_faults(), 0);
			assert_found("a", "ws://good");
			if (geteuid() != 0)
				continue;
			assert_int_equal(chown(path, (uid_t)-1, OTHER_USER), 0);
			read_places(&where);
			assert_fault(path, "may be written by another group (gid 65534)", NULL);
			chmod(path, 0644);
			read_places(&where);
			assert_int_equal(count_faults(), 0);

			assert_int_equal(chown(path, OTHER_USER, (gid_t)-1), 0);
			read_places(&where);
			assert_fault(path, "belongs to another user (uid 65534)", NULL);
			assert_not_found("a", "belongs to another user", NULL);
			assert_int_equal(chown(path, 0, 0), 0);
		}
		/* No repository above this one is looked for. */
		if (i == 2) {
			chmod(path, 0646);
			read_all();
			assert_not_found("above", "may be written by everybody", NULL);
		}
		drop(names[i]);
	}
	/* The user's own are the user's business. */
	put(OWN, GOOD("a"));
	chmod(path_of(OWN), 0666);
	read_all();
	assert_found("a", "ws://good");
}

static void what_is_roots_is_nobody_elses(void **state)
{
	char directory[] = "/tmp/config-XXXXXX";
	struct config_places where = {.directory = directory};

	(void)state;
	/* Not below TMPDIR, where another user may be kept out. */
	assert_non_null(mkdtemp(directory));
	assert_true(snprintf(top, sizeof top, "%s", directory) > 0);
	if (geteuid() != 0) {
		assert_int_equal(symlink("/etc/passwd", path_of(".mcp.json")), 0);
		read_places(&where);
		assert_fault(".mcp.json, line 1, column 1: this is not JSON", NULL);
		return;
	}
	assert_int_equal(chmod(directory, 0755), 0);
	put(".mcp.json", GOOD("a"));
	config_free(config);
	assert_int_equal(seteuid(OTHER_USER), 0);
	config = config_read(&where);
	assert_int_equal(seteuid(0), 0);
	assert_non_null(config);
	assert_int_equal(count_faults(), 0);
	assert_found("a", "ws://good");
}

static void another_users_repository_in_a_parent_is_refused(void **state)
{
	struct config_places where = places();

	(void)state;
	if (geteuid() != 0)
		return;
	put("home/work/.mcp.json", GOOD("trap"));
	put(OWN, GOOD("mine"));
	assert_int_equal(chown(path_of("home/work/.mcp.json"), OTHER_USER, OTHER_USER), 0);
	where.directory = path_of(PROJECT "/sub");
	read_places(&where);
	assert_int_equal(count_servers(), 1);
	assert_found("mine", "ws://good");
	assert_not_found("trap", "work/.mcp.json belongs to another user (uid 65534)", NULL);
}

/* --- size ------------------------------------------------------------------------------------ */

static void a_large_file_is_read(void **state)
{
	const size_t len = (size_t)2 << 20;
	char *text = malloc(len + 4096), *at = text;
	const struct server *s;

	(void)state;
	assert_non_null(text);
	at += sprintf(at, "{\"projects\":{");
	while ((size_t)(at - text) < len)
		at += sprintf(at,
		    "\n\"/home/%zu\":{\"history\":[{\"display\":\"a\\nb\"},{}],"
		    "\"mcpServers\":{\"x\":{\"url\":\"ws://no\"}}},",
		    (size_t)(at - text));
	(void)sprintf(at, "\n\"@\":{}},\"mcpServers\":{\n \"x\":{\"url\":\"ws://yes\"}}}");
	put(CLAUDE, text);
	free(text);
	read_all();
	s = find("x");
	assert_string_equal(s->url, "ws://yes");
	assert_int_equal(count_servers(), 1);
	assert_int_equal(s->column, 2);
	assert_true(s->line > 10000);
}

/* Arrays within each other do not matter where nobody looks. */
static void depth_does_not_matter(void **state)
{
	char *text = malloc(30000), *at = text;

	(void)state;
	assert_non_null(text);
	at += sprintf(at, "{\"mcpServers\":{\"x\":{\"url\":\"ws://a\",\"deep\":");
	for (int i = 0; i < 9000; i++)
		*at++ = '[';
	for (int i = 0; i < 9000; i++)
		*at++ = ']';
	strcpy(at, "}}}");
	read_given(text);
	assert_found("x", "ws://a");
	at = strchr(text, '[');
	memset(at, '[', JSONRPC_DEPTH_MAX + 100);
	at[JSONRPC_DEPTH_MAX + 100] = '\0';
	read_given(text);
	assert_fault("this is not JSON", NULL);
	free(text);
}

static void places_have_names(void **state)
{
	(void)state;
	for (int i = CONFIG_GIVEN; i <= CONFIG_REPOSITORY; i++)
		assert_true(strlen(config_place_name((enum config_place)i)) > 0);
	assert_string_equal(config_place_name(CONFIG_CLAUDE_PROJECT), "Claude Code, this project");
	config_free(NULL);
}

static int free_config(void **state)
{
	(void)state;
	config_free(config);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_place_is_read_in_order),
	    TEST(the_first_place_wins),
	    TEST(a_given_file_is_the_only_one),
	    TEST(the_whole_entry_wins),
	    TEST(variables_of_the_environment_move_files),
	    TEST(what_is_not_known_is_skipped),
	    TEST(projects_are_those_of_the_nearest_directory),
	    TEST(a_repository_is_that_of_the_nearest_directory),
	    TEST(settings_of_the_home_directory_are_the_users),
	    TEST(files_without_servers_are_no_fault),
	    TEST(a_given_file_must_be_there),
	    TEST(what_is_no_file_is_a_fault),
	    TEST(a_file_without_permission_is_a_fault),
	    TEST(a_file_is_not_endless),
	    TEST(what_is_not_json_is_shown_where),
	    TEST(what_is_not_json_is_found_far_behind),
	    TEST(projects_of_a_wrong_type_are_faults),
	    TEST(what_is_a_websocket_server),
	    TEST(fields_of_the_wrong_type_are_faults),
	    TEST(entries_that_make_no_sense_are_faults),
	    TEST(headers_are_read_in_order),
	    TEST(headers_have_a_limit),
	    TEST(timeouts_are_milliseconds),
	    TEST(names_stand_where_it_says),
	    TEST(the_second_of_two_in_a_file_is_shadowed),
	    TEST(servers_have_a_limit),
	    TEST(names_are_any_text),
	    TEST(names_that_are_no_text_stand_in_nobodys_way),
	    TEST(a_part_of_a_name_is_enough_if_it_is_the_only_one),
	    TEST(foreign_names_are_whole),
	    TEST(unknown_names_are_told_what_there_is),
	    TEST(not_websocket_is_said_of_exact_names),
	    TEST(long_names_and_paths_are_cut),
	    TEST(faults_stop_us_where_the_server_could_be),
	    TEST(a_faulty_entry_shadows),
	    TEST(foreign_servers_do_not_pass_for_the_users),
	    TEST(trust_goes_downward),
	    TEST(foreign_files_must_be_nobody_elses),
	    cmocka_unit_test_teardown(what_is_roots_is_nobody_elses, tear_down),
	    TEST(another_users_repository_in_a_parent_is_refused),
	    TEST(a_large_file_is_read),
	    TEST(depth_does_not_matter),
	    TEST(places_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, free_config);
}
