/*
 * The load of the benchmark: host and server at once, in one thread, with a candidate between them.
 *
 * Prints one JSON object. What went wrong instead is one line on stderr, "load: ...".
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "candidate.h"
#include "failure.h"
#include "figure.h"
#include "pair.h"
#include "peer.h"
#include "traffic.h"
#include "trivial.h"

#define WARM_UP      0.2 /* of the time that is measured */
#define FIRST_ID     UINT64_C(1000000000)
#define ABANDONED_ID UINT64_C(2000000000)
#define AT_ONCE      128 /* lines of 200 bytes that even a narrow pipe holds */

static struct {
	struct pair_options pair;
	size_t size, count;
	size_t beside;  /* bridges, or requests in flight */
	double seconds; /* to send for, instead of a count; or to be away for */
	int pipe;       /* bytes that the pipes hold */
	bool escaped;
} opt = {
    .pair = {.server = {.patience = 15000}, .end_patience = 2000},
    .size = 200,
    .count = 0,
};

static const char usage[] =
    "usage: load SCENARIO [OPTION...] -- COMMAND...\n"
    "\n"
    "Starts COMMAND with {url}, {host} and {port} in its words replaced, speaks lines on its\n"
    "stdin and stdout, and WebSocket on the connection that it makes.\n"
    "\n"
    "  rtt          --count requests of --size bytes and their replies, one after the other\n"
    "  flight       the same while --beside other requests wait for ever\n"
    "  up, down     notifications from the host to the server, or back: --count of them, or as\n"
    "               many as go in --seconds\n"
    "  start        from the start of the process to the first reply, --count times\n"
    "  memory       of --beside processes at once, each connected and used once\n"
    "  revive       the server is gone for --seconds: from its return to the next reply\n"
    "  direct-up, direct-down   as up and down, with a bridge of the load's own that does not\n"
    "               look at what it carries; without COMMAND\n"
    "\n"
    "  --raw                  bytes as they are on the connection: no WebSocket, but lines\n"
    "  --tls CERTIFICATE KEY  TLS\n"
    "  --size BYTES           of a message (default: 200)\n"
    "  --count N              (default: 1)\n"
    "  --beside N             (default: 0)\n"
    "  --seconds S            (default: 0)\n"
    "  --escaped              text with escapes in it\n"
    "  --pipe BYTES           that a pipe holds (default: what the system gives)\n"
    "  --patience S           how long nothing may move (default: 15)\n"
    "  --end S                how long a candidate may take to end (default: 2)\n";

static size_t count_or_one(void)
{
	return opt.count > 0 ? opt.count : 1;
}

/* What all figures begin with. ${begun} is what the candidate and the load had used before. */
struct cpu {
	double candidate, own;
};

static struct cpu cpu_now(const struct pair *p)
{
	return (struct cpu){candidate_cpu(&p->candidate), figure_own_cpu()};
}

static void print_cpu(const struct pair *p, struct cpu begun)
{
	struct cpu now = cpu_now(p);

	printf(
	    "\"cpu\":%.9f,\"own_cpu\":%.9f", now.candidate - begun.candidate, now.own - begun.own);
}

/* --- requests ---------------------------------------------------------------------------- */

static void run_exchanges(struct pair *p, struct traffic_exchange *exchange)
{
	size_t count = count_or_one();
	double *times = failure_alloc(count * sizeof *times), begun = figure_now();
	struct cpu cpu = cpu_now(p);

	for (size_t i = 0; i < count; i++) {
		double t = figure_now();
		pair_exchange(p, exchange, FIRST_ID + i);
		times[i] = figure_now() - t;
	}
	printf("{\"count\":%zu,\"seconds\":%.9f,", count, figure_now() - begun);
	print_cpu(p, cpu);
	putchar(',');
	figure_print_times("rtt", times, count);
	puts("}");
	free(times);
}

static void warm_up(struct pair *p, struct traffic_exchange *exchange)
{
	for (size_t i = 0; i < count_or_one() / 10 + 1; i++)
		pair_exchange(p, exchange, FIRST_ID + i);
}

static void run_rtt(void)
{
	struct pair p;
	struct traffic_exchange exchange = traffic_exchange_make(opt.size, !opt.pair.server.raw);

	pair_begin(&p, &opt.pair);
	warm_up(&p, &exchange);
	run_exchanges(&p, &exchange);
	pair_end(&p);
	traffic_exchange_free(&exchange);
}

/* Requests that will never be answered. */
static void abandon(struct pair *p, struct traffic_exchange *exchange, size_t count)
{
	uint64_t before = p->at_server.messages;

	for (size_t i = 0; i < count; i++) {
		traffic_exchange_number(exchange, ABANDONED_ID + i);
		pair_write_host(p, exchange->line, exchange->line_len);
		if (i % AT_ONCE == AT_ONCE - 1)
			pair_wait_server(p, before + i + 1);
	}
	pair_wait_server(p, before + count);
}

static void run_flight(void)
{
	struct pair p;
	struct traffic_exchange exchange = traffic_exchange_make(opt.size, !opt.pair.server.raw);

	pair_begin(&p, &opt.pair);
	abandon(&p, &exchange, opt.beside);
	warm_up(&p, &exchange);
	run_exchanges(&p, &exchange);
	candidate_end(&p.candidate); /* it would wait for the abandoned */
	pair_end(&p);
	traffic_exchange_free(&exchange);
}

static double start_once(struct traffic_exchange *exchange)
{
	struct pair p;
	double begun = figure_now(), seconds;

	pair_start(&p, &opt.pair);
	pair_write_host(&p, exchange->line, exchange->line_len);
	pair_accept(&p);
	pair_wait_server(&p, 1);
	pair_write_server(&p, exchange->reply, exchange->reply_len);
	pair_wait_host(&p, 1);
	seconds = figure_now() - begun;
	pair_end(&p);
	return seconds;
}

static void run_start(void)
{
	struct traffic_exchange exchange = traffic_exchange_make(opt.size, !opt.pair.server.raw);
	double *times = failure_alloc(count_or_one() * sizeof *times);

	for (size_t i = 0; i < count_or_one(); i++)
		times[i] = start_once(&exchange);
	printf("{\"count\":%zu,", count_or_one());
	figure_print_times("start", times, count_or_one());
	puts("}");
	free(times);
	traffic_exchange_free(&exchange);
}

/* --- a server that goes and comes back --------------------------------------------------- */

static void sleep_for(double seconds)
{
	struct timespec t = {.tv_sec = (time_t)seconds};

	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	nanosleep(&t, NULL);
}

static void run_revive(void)
{
	struct pair p;
	struct traffic_exchange exchange = traffic_exchange_make(opt.size, !opt.pair.server.raw);
	double back;

	pair_begin(&p, &opt.pair);
	pair_exchange(&p, &exchange, FIRST_ID);
	peer_drop(&p.peer);
	peer_server_stop(&opt.pair.server);
	sleep_for(opt.seconds);
	if (candidate_ended(&p.candidate)) {
		puts("{\"ends\":true}");
	} else {
		peer_server_listen(&opt.pair.server);
		back = figure_now();
		traffic_exchange_number(&exchange, FIRST_ID + 1);
		pair_write_host(&p, exchange.line, exchange.line_len);
		pair_accept(&p);
		pair_wait_server(&p, 1);
		pair_write_server(&p, exchange.reply, exchange.reply_len);
		pair_wait_host(&p, p.at_host.messages + 1);
		printf("{\"ends\":false,\"seconds\":%.9f}\n", figure_now() - back);
	}
	pair_end(&p);
	traffic_exchange_free(&exchange);
}

/* --- streams ----------------------------------------------------------------------------- */

/*
 * With --seconds as many messages as go in that time. A short run before shows how many that is:
 * when the time is up, what was written may still be on its way.
 */
static uint64_t stream_count(struct pair *p, bool up, const struct traffic_block *block)
{
	double begun = figure_now();
	uint64_t count;

	if (opt.seconds <= 0)
		return count_or_one();
	count = pair_stream(p, up, block, opt.count, opt.seconds * WARM_UP);
	count = (uint64_t)((double)count * opt.seconds / (figure_now() - begun));
	if (opt.count > 0 && count > opt.count)
		count = opt.count;
	return count > 0 ? count : 1;
}

static void stream(struct pair *p, bool up, const struct traffic_block *block)
{
	uint64_t count = stream_count(p, up, block);
	double begun = figure_now(), seconds;
	struct cpu cpu = cpu_now(p);

	pair_stream(p, up, block, count, 0);
	seconds = figure_now() - begun;
	printf("{\"count\":%zu,\"size\":%zu,\"seconds\":%.9f,\"per_second\":%.3f,"
	       "\"bytes_per_second\":%.0f,",
	    (size_t)count, block->text, seconds, (double)count / seconds,
	    (double)count * (double)block->text / seconds);
	print_cpu(p, cpu);
	printf(",\"peak\":%ld}\n", candidate_memory(&p->candidate).peak);
}

static void run_stream(bool up)
{
	struct pair p;
	bool raw = opt.pair.server.raw;
	struct traffic_block block = traffic_block_make(opt.size, !up && !raw, opt.escaped);
	struct traffic_exchange exchange = traffic_exchange_make(200, !raw);

	pair_begin(&p, &opt.pair);
	if (opt.pipe > 0)
		candidate_widen(&p.candidate, opt.pipe);
	pair_exchange(&p, &exchange, FIRST_ID);
	stream(&p, up, &block);
	pair_end(&p);
	traffic_exchange_free(&exchange);
	traffic_block_free(&block);
}

static void run_up(void)
{
	run_stream(true);
}

static void run_down(void)
{
	run_stream(false);
}

static void run_direct(bool up)
{
	struct pair p;
	struct traffic_block sent = traffic_block_make(opt.size, !up, opt.escaped);
	struct traffic_block received = traffic_block_make(opt.size, up, opt.escaped);
	struct trivial trivial = {.port = opt.pair.server.port,
	    .tls = opt.pair.server.context != NULL,
	    .up = up,
	    .unit = sent.unit,
	    .answer = &received};
	bool raw = opt.pair.server.raw;

	opt.pair.server.raw = true; /* there is no upgrade, but there are frames */
	pair_take(&p, &opt.pair, candidate_fork(trivial_run, &trivial));
	pair_accept(&p);
	p.at_server.framed = true;
	if (opt.pipe > 0)
		candidate_widen(&p.candidate, opt.pipe);
	stream(&p, up, &sent);
	candidate_end(&p.candidate);
	pair_end(&p);
	opt.pair.server.raw = raw;
	traffic_block_free(&sent);
	traffic_block_free(&received);
}

static void run_direct_up(void)
{
	run_direct(true);
}

static void run_direct_down(void)
{
	run_direct(false);
}

/* --- memory ------------------------------------------------------------------------------ */

static void print_memory(const struct pair *pairs, size_t count)
{
	long resident = 0, proportional = 0;

	for (size_t i = 0; i < count; i++) {
		struct candidate_memory memory = candidate_memory(&pairs[i].candidate);
		resident += memory.resident;
		proportional += memory.proportional;
	}
	printf("{\"count\":%zu,\"resident\":%ld,\"proportional\":%ld}\n", count, resident,
	    proportional);
}

static void run_memory(void)
{
	size_t count = opt.beside > 0 ? opt.beside : 1;
	struct pair *pairs = failure_alloc(count * sizeof *pairs);
	struct traffic_exchange exchange = traffic_exchange_make(opt.size, !opt.pair.server.raw);

	for (size_t i = 0; i < count; i++) {
		pair_begin(&pairs[i], &opt.pair);
		pair_exchange(&pairs[i], &exchange, FIRST_ID);
	}
	print_memory(pairs, count);
	for (size_t i = 0; i < count; i++)
		candidate_close_stdin(&pairs[i].candidate);
	for (size_t i = 0; i < count; i++)
		pair_end(&pairs[i]);
	traffic_exchange_free(&exchange);
	free(pairs);
}

/* --- the command line -------------------------------------------------------------------- */

static const struct scenario {
	const char *name;
	void (*run)(void);
} scenarios[] = {
    {"rtt", run_rtt},
    {"flight", run_flight},
    {"up", run_up},
    {"down", run_down},
    {"start", run_start},
    {"memory", run_memory},
    {"revive", run_revive},
    {"direct-up", run_direct_up},
    {"direct-down", run_direct_down},
};

static _Noreturn void wrong_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

static double number(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || value < 0 || value > 1e15)
		wrong_usage();
	return value;
}

/* Takes one option off the words; returns how many it took. */
static int take_option(char **words, int left)
{
	if (strcmp(words[0], "--raw") == 0) {
		opt.pair.server.raw = true;
		return 1;
	}
	if (strcmp(words[0], "--escaped") == 0) {
		opt.escaped = true;
		return 1;
	}
	if (strcmp(words[0], "--tls") == 0 && left > 2) {
		peer_server_secure(&opt.pair.server, words[1], words[2]);
		return 3;
	}
	if (left < 2)
		wrong_usage();
	double value = number(words[1]);
	if (strcmp(words[0], "--size") == 0)
		opt.size = (size_t)value;
	else if (strcmp(words[0], "--count") == 0)
		opt.count = (size_t)value;
	else if (strcmp(words[0], "--beside") == 0)
		opt.beside = (size_t)value;
	else if (strcmp(words[0], "--seconds") == 0)
		opt.seconds = value;
	else if (strcmp(words[0], "--pipe") == 0)
		opt.pipe = (int)value;
	else if (strcmp(words[0], "--patience") == 0)
		opt.pair.server.patience = (int)(value * 1e3);
	else if (strcmp(words[0], "--end") == 0)
		opt.pair.end_patience = (int)(value * 1e3);
	else
		wrong_usage();
	return 2;
}

static const struct scenario *find_scenario(const char *name)
{
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	wrong_usage();
}

int main(int argc, char **argv)
{
	const struct scenario *scenario;
	int i = 2;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		wrong_usage();
	scenario = find_scenario(argv[1]);
	while (i < argc && strcmp(argv[i], "--") != 0)
		i += take_option(argv + i, argc - i);
	opt.pair.command = argv + (i < argc ? i + 1 : i);
	peer_server_listen(&opt.pair.server);
	scenario->run();
	return 0;
}
