/*
 * Servers that people have configured: the files that may name them, in order, and what an entry
 * says. Reads files, looks up nothing else: the environment comes in as arguments.
 *
 * A server is a member of "mcpServers" with a "ws_url", or a "url" that begins with ws:// or wss:// (or, with
 * "type" "ws" or "websocket" or none, with a variable). The first place that has a name wins, whole:
 *
 *   1  --config FILE (then no other is read)
 *   2  $XDG_CONFIG_HOME/wsmcp/servers.json (~/.config/wsmcp/servers.json)
 *   3  ~/.claude.json, projects["<working directory or its nearest parent>"].mcpServers
 *   4  ~/.claude.json, mcpServers
 *   5  ~/.claude/settings.json, then ~/.claude/settings.local.json
 *   6  .claude/settings.json, then .claude/settings.local.json in the working directory
 *   7  .mcp.json in the working directory or its nearest parent
 *
 * CLAUDE_CONFIG_DIR moves ~/.claude.json and ~/.claude/. The files of 6 and 7 belong to whoever
 * wrote the repository (those of 6 are those of 5 if the working directory is the home directory):
 * they must belong to the user or root and not be writable by others, and their servers are
 * "foreign" unless they lie below a trusted directory (trust.h says what that means).
 *
 * A file that is not there, or has nothing but white space in it, is skipped. One that cannot be read or is not JSON, and an
 * entry with a field of the wrong type, is a fault: it names file, line and column, server and field, what
 * is wrong and what to do, never a value. It matters only where the wanted server could have been in it.
 */
#ifndef WSMCP_CONFIG_H
#define WSMCP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_FILE_MAX   ((size_t)256 << 20) /* bytes of a file */
#define CONFIG_SERVER_MAX 10000               /* servers in all */
#define CONFIG_ERROR_SIZE 2048

/* Where to look. Strings must outlive the call of config_read only. */
struct config_places {
	const char *file;       /* --config; NULL = the places 2 to 7 */
	const char *home;       /* $HOME; NULL or "" = 2 to 5 are skipped as far as they need it */
	const char *xdg_config; /* $XDG_CONFIG_HOME; NULL, "" or relative = below home */
	const char *claude_dir; /* $CLAUDE_CONFIG_DIR; NULL or "" = below home */
	const char *directory;  /* the working directory, absolute; NULL = 3, 6 and 7 are skipped */
	const char *const *trusted; /* directories whose files (and those below them) are trusted */
	size_t trusted_count;
};

enum config_place {
	CONFIG_GIVEN,
	CONFIG_OWN,
	CONFIG_CLAUDE_PROJECT,
	CONFIG_CLAUDE,
	CONFIG_CLAUDE_SETTINGS,
	CONFIG_DIRECTORY_SETTINGS,
	CONFIG_REPOSITORY
};

/* A field as it stands in the file, with variables not expanded. */
struct config_header {
	const char *name, *value;
};

/* One entry. Strings as in the file; NULL = not there. */
struct server {
	const char *name;
	const char *url;
	const struct config_header *headers;
	size_t header_count;
	const char *header_command; /* "headersHelper" */
	const char *subprotocol, *cacert, *cert, *key, *proxy;
	int64_t
	    timeout; /* ms for a request; -1 = not there, or under 1000, which Claude Code ignores too */
	enum config_place place;
	const char *file; /* its path */
	unsigned line,
	    column;   /* where its name stands in the file, from 1; columns count characters */
	bool foreign; /* of a repository that is not trusted */
	/*
	 * The one of the same name that wins over it; NULL = it wins. That one may be none of
	 * config_servers: one with a fault, or, over a foreign one, the user's of another type.
	 */
	const struct server *shadow;
	const struct server *next; /* in order of the places, then of the file */
};

struct config;

/* Reads all places. NULL if memory is out. */
struct config *config_read(const struct config_places *places);
void config_free(struct config *c); /* NULL is fine */

/* All servers, shadowed ones too; NULL if there is none. Lives as long as ${c}. */
const struct server *config_servers(const struct config *c);

/* The faults, as sentences; NULL after the last. Live as long as ${c}. */
const char *config_fault(const struct config *c, size_t number);

/*
 * The server that ${name} means: the one of exactly this name, else the only one of the places 1 to 5
 * with ${name} in its own (ASCII letters compare without case). NULL with ${error}
 * (CONFIG_ERROR_SIZE bytes) filled, one sentence for a person:
 *   - there is none (which there are, and the nearest), or several (which);
 *   - it is not WebSocket (of which type it is);
 *   - its entry has a fault, or a file with one comes before the place where the name was found;
 *   - a foreign server has exactly this name, and one of the user's has it in its own.
 */
const struct server *config_find(const struct config *c, const char *name, char *error);

/* The name of a place for people, e.g. "Claude Code, this project". Static. */
const char *config_place_name(enum config_place place);

#endif
