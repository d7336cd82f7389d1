/*
 * Any bytes at all as configuration files.
 *
 * Input: a byte for what is trusted and given, then the texts of the files in the order in which
 * they are read and last the name that is asked for, each ended by a byte 0. The project of the
 * working directory is reached as "/".
 *
 *   what comes out is bounded, in UTF-8 and in order;
 *   a server stands where it says, and is found by its name unless a fault may be in its way;
 *   the user's own file says what cJSON reads in it.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "headers.h"
#include "trust.h"
#include "utf8.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- the files, which stay and get new texts -------------------------------------------------- */

#define TRUST_ALL  1
#define GIVE_FIRST 2

static const char *const directories[] = {
    "", "/.config", "/.config/wsmcp", "/.claude", "/repo", "/repo/.claude"};

static struct {
	const char *name;
	char path[256];
	FILE *file;
	const uint8_t *text;
	size_t len;
} files[] = {
    {.name = "/.config/wsmcp/servers.json"},
    {.name = "/.claude.json"},
    {.name = "/.claude/settings.json"},
    {.name = "/.claude/settings.local.json"},
    {.name = "/repo/.claude/settings.json"},
    {.name = "/repo/.claude/settings.local.json"},
    {.name = "/repo/.mcp.json"},
};

static char home[128], work[140];

static void remove_files(void)
{
	for (size_t i = 0; i < COUNT(files); i++)
		(void)remove(files[i].path);
	for (size_t i = COUNT(directories); i-- > 0;) {
		char path[256];

		(void)snprintf(path, sizeof path, "%s%s", home, directories[i]);
		(void)rmdir(path);
	}
}

static void make_files(void)
{
	/* On a disk, where truncating may wait for it, there would be ten times fewer runs. */
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)snprintf(home, sizeof home, "%s/fuzz-config-XXXXXX", tmp);
	CHECK(mkdtemp(home) != NULL);
	CHECK(atexit(remove_files) == 0);
	(void)snprintf(work, sizeof work, "%s/work", home);
	for (size_t i = 1; i < COUNT(directories); i++) {
		char path[256];

		(void)snprintf(path, sizeof path, "%s%s", home, directories[i]);
		CHECK(mkdir(path, 0700) == 0);
	}
	for (size_t i = 0; i < COUNT(files); i++) {
		(void)snprintf(files[i].path, sizeof files[i].path, "%s%s", home, files[i].name);
		files[i].file = fopen(files[i].path, "w+b");
		CHECK(files[i].file != NULL);
		setbuf(files[i].file, NULL);
		CHECK(fchmod(fileno(files[i].file), 0600) == 0);
	}
}

/* Cuts off what is before the next byte 0. */
static size_t cut(const uint8_t **data, size_t *size, const uint8_t **text)
{
	const uint8_t *end = *size > 0 ? memchr(*data, 0, *size) : NULL;
	size_t len = end != NULL ? (size_t)(end - *data) : *size;

	*text = *data;
	*data += len + (end != NULL);
	*size -= len + (end != NULL);
	return len;
}

static void fill_files(const uint8_t **data, size_t *size)
{
	for (size_t i = 0; i < COUNT(files); i++) {
		files[i].len = cut(data, size, &files[i].text);
		rewind(files[i].file);
		CHECK(ftruncate(fileno(files[i].file), 0) == 0);
		CHECK(fwrite(files[i].text, 1, files[i].len, files[i].file) == files[i].len);
	}
}

/* --- what comes out ------------------------------------------------------------------------- */

static void check_text(const char *text)
{
	struct utf8 u = {0};

	CHECK(text == NULL || (utf8_feed(&u, text, strlen(text)) && utf8_complete(&u)));
}

static void check_sentence(const char *text, size_t size)
{
	CHECK(text != NULL && memchr(text, '\0', size) != NULL);
	CHECK(*text != '\0');
	check_text(text);
}

/* In the file that is named, the name begins at the line and column given. */
static void check_position(const struct server *s)
{
	unsigned line = 1, column = 1;
	size_t i = 0, at = 0;

	while (i < COUNT(files) && strcmp(files[i].path, s->file) != 0)
		i++;
	CHECK(i < COUNT(files));
	if (files[i].len >= 3 && memcmp(files[i].text, "\xEF\xBB\xBF", 3) == 0)
		at = 3;
	for (; at < files[i].len && (line != s->line || column != s->column); at++) {
		if (files[i].text[at] == '\n') {
			line++;
			column = 1;
		} else {
			column += at + 1 == files[i].len || (files[i].text[at + 1] & 0xC0) != 0x80;
		}
	}
	CHECK(at < files[i].len && files[i].text[at] == '"');
}

static void check_server(const struct server *s, bool trusted)
{
	check_text(s->name);
	CHECK(s->url != NULL);
	CHECK(strchr("wW$", s->url[0]) != NULL && s->url[0] != '\0');
	CHECK(s->header_count <= HEADERS_MAX);
	for (size_t i = 0; i < s->header_count; i++) {
		check_text(s->headers[i].name);
		check_text(s->headers[i].value);
		CHECK(strpbrk(s->headers[i].value, "\r\n") == NULL);
	}
	check_text(s->url);
	check_text(s->header_command);
	check_text(s->subprotocol);
	check_text(s->cacert);
	check_text(s->cert);
	check_text(s->key);
	check_text(s->proxy);
	CHECK(s->timeout == -1 || s->timeout >= 1000);
	CHECK(s->foreign == (!trusted && s->place >= CONFIG_DIRECTORY_SETTINGS));
	CHECK(s->shadow == NULL || (strcmp(s->shadow->name, s->name) == 0 &&
	                               s->shadow->place <= s->place && s->shadow != s));
	check_position(s);
}

static void check_trust(const struct server *s)
{
	struct wsmcp_options options = {0};
	char error[TRUST_ERROR_SIZE];

	memset(error, 'x', sizeof error);
	if (!trust_allows(s, s->name, &options, error)) {
		CHECK(s->foreign);
		check_sentence(error, sizeof error);
	}
	options.bearer_env = "X";
	CHECK(trust_allows(s, s->name, &options, error) == !s->foreign);
}

/* What keeps a winner from being found is a fault of a file before it, or its being foreign. */
static void check_own_name(const struct config *c, const struct server *s)
{
	char error[CONFIG_ERROR_SIZE];
	const struct server *found;

	memset(error, 'x', sizeof error);
	found = config_find(c, s->name, error);
	if (found == NULL)
		check_sentence(error, sizeof error);
	CHECK(found == NULL || found == s || (s->shadow != NULL && found->shadow == NULL));
	if (s->shadow == NULL && !s->foreign && config_fault(c, 0) == NULL)
		CHECK(found == s);
	if (s->shadow != NULL)
		CHECK(found != s);
}

static bool contains(const char *text, const char *part)
{
	size_t len = strlen(part);

	for (; strlen(text) >= len; text++) {
		size_t i = 0;

		while (i < len && (text[i] | (text[i] >= 'A' && text[i] <= 'Z' ? 0x20 : 0)) ==
		                      (part[i] | (part[i] >= 'A' && part[i] <= 'Z' ? 0x20 : 0)))
			i++;
		if (i == len)
			return true;
	}
	return false;
}

static void check_any_name(const struct config *c, const char *name)
{
	char error[CONFIG_ERROR_SIZE];
	const struct server *found;

	memset(error, 'x', sizeof error);
	found = config_find(c, name, error);
	if (found == NULL) {
		CHECK(memchr(error, '\0', sizeof error) != NULL && *error != '\0');
		return;
	}
	CHECK(found->shadow == NULL);
	if (strcmp(found->name, name) == 0)
		return;
	CHECK(contains(found->name, name));
	CHECK(found->place < CONFIG_DIRECTORY_SETTINGS);
	for (const struct server *s = config_servers(c); s != NULL; s = s->next)
		CHECK(s == found || s->shadow != NULL || !contains(s->name, name) ||
		      s->place >= CONFIG_DIRECTORY_SETTINGS);
}

/* --- against cJSON -------------------------------------------------------------------------- */

/* It ends strings at a NUL; of two equal names it finds the first, too. */
static void check_against_cjson(const struct config *c)
{
	const char *text = (const char *)files[0].text;
	const cJSON *servers, *entry, *url;
	cJSON *tree;

	for (size_t i = 0; i + 5 < files[0].len; i++)
		if (memcmp(text + i, "\\u0000", 6) == 0)
			return;
	tree = cJSON_ParseWithLength(text, files[0].len);
	servers = cJSON_GetObjectItemCaseSensitive(tree, "mcpServers");
	for (const struct server *s = config_servers(c); s != NULL; s = s->next) {
		if (tree == NULL || s->shadow != NULL || strcmp(s->file, files[0].path) != 0)
			continue;
		entry = cJSON_GetObjectItemCaseSensitive(servers, s->name);
		CHECK(cJSON_IsObject(entry));
		url = cJSON_GetObjectItemCaseSensitive(entry, "ws_url");
		if (url == NULL)
			url = cJSON_GetObjectItemCaseSensitive(entry, "url");
		CHECK(cJSON_IsString(url) && strcmp(url->valuestring, s->url) == 0);
	}
	cJSON_Delete(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *everything = "/";
	struct config_places places = {.home = home, .directory = work, .trusted = &everything};
	enum config_place place = CONFIG_GIVEN;
	struct config *c;
	const char *fault;
	size_t faults = 0, count = 0;
	char name[64];

	if (size == 0)
		return 0;
	if (*home == '\0')
		make_files();
	places.trusted_count = (*data & TRUST_ALL) != 0;
	if ((*data & GIVE_FIRST) != 0)
		places.file = files[0].path;
	data++, size--;
	fill_files(&data, &size);
	c = config_read(&places);
	CHECK(c != NULL);
	for (; (fault = config_fault(c, faults)) != NULL; faults++)
		check_sentence(fault, CONFIG_ERROR_SIZE);
	for (const struct server *s = config_servers(c); s != NULL; s = s->next, count++) {
		CHECK(s->place >= place);
		place = s->place;
		check_server(s, places.trusted_count > 0);
		check_trust(s);
		if (count < 50)
			check_own_name(c, s);
	}
	CHECK(count <= CONFIG_SERVER_MAX && faults <= CONFIG_SERVER_MAX + COUNT(files) + 2);
	if (size >= sizeof name)
		size = sizeof name - 1;
	memcpy(name, data, size);
	name[size] = '\0';
	check_any_name(c, name);
	check_against_cjson(c);
	config_free(c);
	return 0;
}
