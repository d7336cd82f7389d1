/*
 * The simulator: the real session, connection and everything pure below them, between a model host, a
 * model server and a model network, in virtual time, driven by one seed.
 *
 *   sim [--seed N] [--seeds COUNT] [--first N] [--jobs J] [--log]
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "connection.h"
#include "host.h"
#include "random.h"
#include "scene.h"
#include "server.h"
#include "wire.h"

#define TURNS_AT_ONCE 2000                  /* more at one moment is a spin */
#define CALM_MAX      ((int64_t)400 * 1000) /* ms */
#define FAREWELL      50                    /* ms after a signal, as bridge.c has it */
#define PROBES        4 /* what the storm has sent may still arrive and end a link */
#define PROBE_GAP     12000
#define JOBS_MAX      64
#define SEED_SECONDS  30 /* of real time: a loop that never ends */

static const struct connection_attempt *prepare(void *context, char *error)
{
	static struct connection_attempt attempt;

	(void)context;
	(void)error;
	attempt =
	    (struct connection_attempt){.link = {.url = scene.tls ? "wss://sim/" : "ws://sim/",
	                                    .connect_timeout = scene.connect_timeout,
	                                    .ping_interval = scene.ping_interval,
	                                    .ping_timeout = scene.ping_timeout},
	        .header_command = scene.command ? "true" : NULL,
	        .server_name = ""};
	return &attempt;
}

static struct connection *new_connection(void)
{
	struct connection_options o = {.prepare = prepare,
	    .server = "ws://sim/",
	    .max_message = scene.max_message,
	    .max_reply = scene.max_reply,
	    .replay_timeout = scene.connect_timeout,
	    .linger = scene.linger,
	    .offline_timeout = scene.offline_timeout,
	    .request_timeout = scene.request_timeout,
	    .retry_delay_max = scene.retry_delay_max,
	    .reconnect = scene.reconnect,
	    .resend = scene.resend};
	struct connection *c = connection_new(&o, scene.now);

	if (!c)
		abort();
	return c;
}

/* --- one run ----------------------------------------------------------- */

struct run {
	struct connection *c;
	unsigned turns; /* at this moment */
	int64_t calm_at, stopped_at, probe_at;
	unsigned probes;
	bool wants_end, ended, stopped;
};

static void end_input(struct run *r)
{
	note("host: ends its input");
	r->ended = true;
	check_host_ended();
	connection_host_ended(r->c, scene.now);
}

static void feed(struct run *r)
{
	struct message *m;

	while (!r->ended && !r->stopped && connection_accepts(r->c) && host_has_room() &&
	       host_has_line()) {
		m = host_line();
		host_was_taken();
		if (m)
			connection_host_said(r->c, m, scene.now);
	}
	if (!r->ended && !r->stopped && (r->wants_end || host_wants_end()))
		end_input(r);
}

/* Returns whether there is nothing left. */
static bool drain(struct run *r)
{
	struct message *m;

	while (host_has_room()) {
		m = connection_next_for_host(r->c);
		if (!m)
			return true;
		host_take(m);
	}
	return false;
}

static void calm(struct run *r)
{
	r->calm_at = scene.now;
	scene_calm();
	wire_mend();
	host_calm();
	server_calm();
}

/* Memory is bounded because nothing stays that nobody needs. */
static void check_counters(const struct connection *c)
{
	char line[CONNECTION_STATS_SIZE];
	size_t in_flight, of_server, queued, reconnects;
	const char *at = strstr(connection_stats(c, line), "in flight ");

	if (!at || sscanf(at, "in flight %zu, of the server %zu, queued %zu, reconnects %zu",
	               &in_flight, &of_server, &queued, &reconnects) != 4)
		check_fail("no counters in: %s", line);
	check_kept(in_flight, of_server, queued);
	check_reconnects(reconnects);
}

/* Once nothing is owed: one more call, to see that all works, then the end. */
static void wind_up(struct run *r, bool drained)
{
	if (r->ended || r->wants_end || !scene.calm || !drained || !host_is_done() ||
	    check_owed() > 0)
		return;
	if (!check_is_ready() && !check_is_over())
		return; /* the next attempt will do */
	if ((r->probes < PROBES || check_is_unsure()) && !host_probed() && !check_is_over()) {
		if (scene.now < r->probe_at)
			return;
		r->probe_at = scene.now + PROBE_GAP;
		r->probes++;
		host_probe();
	} else if (host_probed() || check_is_over()) {
		if (wire_idle() || check_is_over()) {
			check_quiet();
			check_counters(r->c);
			r->wants_end = true;
		}
	} else {
		check_fail("the last call was not answered by the server");
	}
}

static int64_t next_moment(struct run *r)
{
	struct pollfd fds[CONNECTION_POLL_MAX];
	int64_t at = CLOCK_NEVER;

	connection_prepare(r->c, fds, host_has_room(), &at, scene.now);
	at = clock_min(at, wire_next());
	at = clock_min(at, server_next());
	at = clock_min(at, host_next());
	if (scene.calm && r->probe_at > scene.now)
		at = clock_min(at, r->probe_at);
	if (r->stopped)
		at = clock_min(at, r->stopped_at + FAREWELL);
	if (r->calm_at && !scene.calm)
		at = clock_min(at, r->calm_at);
	if (r->wants_end && !r->ended && !r->stopped)
		at = scene.now;
	if (host_has_line() && !r->ended && !r->stopped && connection_accepts(r->c) &&
	    host_has_room())
		at = scene.now;
	return at;
}

static void go_to(struct run *r, int64_t at)
{
	if (at == CLOCK_NEVER && !scene.calm)
		calm(r); /* only the host could have gone on */
	else if (at == CLOCK_NEVER)
		check_fail(
		    "nothing will ever happen, and something is owed: %s", check_first_owed());
	if (at != CLOCK_NEVER && at > scene.now) {
		scene.now = at;
		r->turns = 0;
		if (random_chance(scene.sleeps)) {
			scene.now += random_between(1, 100000);
			scene.slept_at = scene.now;
		}
	} else if (++r->turns > TURNS_AT_ONCE) {
		check_fail("it spins (network %lld, server %lld, host %lld)",
		    (long long)(wire_next() - scene.now), (long long)(server_next() - scene.now),
		    (long long)(host_next() - scene.now));
	}
}

static void turn(struct run *r)
{
	bool drained;

	go_to(r, next_moment(r));
	if (!r->calm_at && host_is_done())
		r->calm_at = scene.now + random_between(0, random_chance(300) ? 30000 : 1000);
	if (!scene.calm && r->calm_at && scene.now >= r->calm_at)
		calm(r);
	if (scene.calm && scene.now > r->calm_at + CALM_MAX)
		check_fail("%s: %s",
		    r->ended ? "the bridge does not leave" : "something is owed for ever",
		    check_first_owed());
	wire_run();
	server_run();
	host_run();
	feed(r);
	connection_process(r->c, NULL, 0, host_has_room(), scene.now);
	drained = drain(r);
	check_step(drained);
	wind_up(r, drained);
	if (!r->stopped && host_wants_stop()) {
		note("host: a signal ends the bridge");
		r->stopped = true;
		r->stopped_at = scene.now;
		check_stopped();
		connection_stop(r->c, scene.now);
	}
}

static void run_seed(uint64_t seed)
{
	struct run r = {.c = NULL};

	alarm(SEED_SECONDS);
	scene_draw(seed);
	check_begin();
	wire_begin();
	server_begin();
	host_begin();
	r.c = new_connection();
	connection_start(r.c, scene.now);
	while (connection_outcome(r.c, scene.now) == SESSION_GOES_ON &&
	       !(r.stopped && scene.now >= r.stopped_at + FAREWELL))
		turn(&r);
	note("the end: %s",
	    connection_outcome(r.c, scene.now) == SESSION_COMPLETE ? "complete" : "failed");
	if (!r.stopped)
		check_outcome(connection_outcome(r.c, scene.now) == SESSION_COMPLETE);
	connection_free(r.c);
	host_end();
	server_end();
	wire_end();
	check_end();
}

/* --- many -------------------------------------------------------------- */

struct order {
	uint64_t first, count;
	unsigned jobs;
	bool log;
};

/* Says which seed it was that crashed or never ended. */
static void on_crash(int signal)
{
	char text[100];
	char digits[24], *d = digits + sizeof digits;
	uint64_t seed = scene.seed;

	(void)signal;
	*--d = '\n';
	do {
		*--d = (char)('0' + seed % 10);
		seed /= 10;
	} while (seed > 0);
	memcpy(text, "crashed or hung: sim --log --seed ", 34);
	memcpy(text + 34, d, (size_t)(digits + sizeof digits - d));
	(void)!write(STDERR_FILENO, text, 34 + (size_t)(digits + sizeof digits - d));
	_exit(1);
}

static void run_job(const struct order *o, unsigned job)
{
	signal(SIGSEGV, on_crash);
	signal(SIGABRT, on_crash);
	signal(SIGALRM, on_crash);
	for (uint64_t i = job; i < o->count; i += o->jobs)
		run_seed(o->first + i);
}

static int run_jobs(const struct order *o)
{
	pid_t children[JOBS_MAX];
	int status = 0, worst = 0;

	for (unsigned i = 0; i < o->jobs; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			run_job(o, i);
			fflush(stdout);
			_exit(0);
		}
		if (children[i] < 0) {
			perror("fork");
			return 1;
		}
	}
	for (unsigned left = o->jobs; left > 0; left--) {
		pid_t pid = wait(&status);
		for (unsigned i = 0; i < o->jobs; i++) {
			if (children[i] == pid)
				children[i] = 0;
		}
		if (status != 0 && worst == 0) {
			worst = 1;
			for (unsigned i = 0; i < o->jobs; i++) {
				if (children[i] > 0)
					kill(children[i], SIGTERM);
			}
		}
	}
	return worst;
}

static int usage(void)
{
	fprintf(stderr, "usage: sim [--seed N] [--seeds COUNT] [--first N] [--jobs J] [--log]\n");
	return 2;
}

static bool read_order(struct order *o, int argc, char **argv)
{
	*o = (struct order){.first = 1, .count = 10000, .jobs = 1};
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--log") == 0) {
			o->log = true;
			continue;
		}
		if (i + 1 == argc)
			return false;
		uint64_t value = strtoull(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--seed") == 0) {
			o->first = value;
			o->count = 1;
		} else if (strcmp(argv[i], "--first") == 0) {
			o->first = value;
		} else if (strcmp(argv[i], "--seeds") == 0) {
			o->count = value;
		} else if (strcmp(argv[i], "--jobs") == 0) {
			o->jobs = (unsigned)value;
		} else {
			return false;
		}
		i++;
	}
	return o->jobs >= 1 && o->jobs <= JOBS_MAX;
}

int main(int argc, char **argv)
{
	struct order o;
	struct timespec from, to;

	if (!read_order(&o, argc, argv))
		return usage();
	scene.log = o.log;
	clock_gettime(CLOCK_MONOTONIC, &from);
	if (o.jobs > 1) {
		if (run_jobs(&o) != 0)
			return 1;
	} else {
		run_job(&o, 0);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	double seconds =
	    (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	printf("sim: %" PRIu64 " seeds from %" PRIu64 " in %.1f s\n", o.count, o.first, seconds);
	return 0;
}
