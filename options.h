/*
 * The command line as data: one table of options, from which it is parsed and --help is
 * printed. Pure: nothing is opened, expanded or looked up here.
 */
#ifndef WSMCP_OPTIONS_H
#define WSMCP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Which commands take an option; a bit each. */
enum options_command {
	OPTIONS_BRIDGE = 1 << 0,
};

/* --resend, in the order of its words. */
enum options_resend { OPTIONS_RESEND_SAFE, OPTIONS_RESEND_NONE };

/* The values of an option that may repeat, in order. */
struct options_list {
	const char **items; /* point into argv */
	size_t count;
};

/*
 * Times are milliseconds, sizes bytes. Strings point into argv (defaults are static) and
 * live as long as it does; NULL = not given.
 */
struct options {
	struct options_list headers; /* -H: lines or @FILE, as given */
	const char *subprotocol;     /* "mcp" by default; NULL with --no-subprotocol */
	const char *cacert, *cert, *key, *proxy, *noproxy, *unix_socket;
	struct options_list resolve; /* HOST:PORT:ADDRESS */
	bool insecure;
	int64_t connect_timeout; /* 10 000; 0 = no limit */
	int64_t ping_interval;   /* 20 000; 0 = no pings */
	int64_t ping_timeout;    /* 20 000; 0 = never dead */
	const char *header_command;
	int64_t offline_timeout; /* 20 000; 0 = do not wait */
	int64_t request_timeout; /* 0 = off */
	int64_t retry_delay_max; /* 30 000; at least 1 */
	bool no_reconnect;
	int resend;           /* enum options_resend */
	int64_t linger;       /* 60 000; 0 = do not wait */
	uint64_t max_message; /* 64 MiB */
	uint64_t max_reply;   /* max_message unless given */
	const char *trace, *log_file;
	int verbose; /* how often -v was given */
	bool quiet;
	bool help, version;
	const char **operands; /* what is no option, in order; point into argv */
	size_t operand_count;
};

#define OPTIONS_ERROR_SIZE 256

/*
 * Reads ${argv}[1..${argc}-1] for ${command}. Options may stand anywhere; "--name value" and
 * "--name=value", "-x value" and "-xvalue", flags of one letter together ("-vk"); "--" ends
 * options; "-" is an operand. Long names must be whole. Of options that exclude each other
 * or do not repeat the last one counts. Seconds may have decimals and end at ten years;
 * sizes may end in K, M or G (1024, its square and its cube).
 * Returns 0, or -1 with ${error} (OPTIONS_ERROR_SIZE bytes) filled: one clause naming the
 * option, and the nearest known name for one that is not known. Values are never quoted in
 * it, since they may be secret. ${o} must be freed either way.
 */
int options_parse(
    struct options *o, enum options_command command, int argc, char **argv, char *error);

/* Frees what options_parse allocated (not what points into argv). */
void options_free(struct options *o);

/* The options of ${command} with their defaults, as aligned lines for --help. */
void options_print_help(FILE *out, enum options_command command);

#endif
