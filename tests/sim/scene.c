#include "scene.h"

#include <stdarg.h>
#include <stdio.h>

#include "random.h"

struct scene scene;

/* Every other habit is absent from a run, so that those there are meet each other unhidden. */
static unsigned some(unsigned most)
{
	return random_chance(500) ? 0 : (unsigned)random_below(most) + 1;
}

static unsigned rarely(unsigned most)
{
	return random_chance(850) ? 0 : (unsigned)random_below(most) + 1;
}

static int64_t one_of(const int64_t *values, size_t count)
{
	return values[random_below(count)];
}

#define ONE_OF(...)                                                                                \
	one_of((const int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static void draw_bridge(void)
{
	scene.tls = random_chance(500);
	scene.resend = random_chance(850);
	scene.reconnect = random_chance(960);
	scene.command = random_chance(150);
	scene.connect_timeout = ONE_OF(10000, 1000, 0);
	scene.offline_timeout = ONE_OF(20000, 20000, 2000, 300, 0);
	scene.request_timeout = ONE_OF(0, 0, 30000, 1000);
	scene.linger = ONE_OF(60000, 5000, 500, 0);
	scene.retry_delay_max = ONE_OF(30000, 1000, 200, 20);
	scene.ping_interval = ONE_OF(20000, 1000, 0);
	scene.ping_timeout = ONE_OF(20000, 500, 0);
	scene.max_message = random_chance(30) ? (size_t)4 << 20 : 1500;
	scene.max_reply = 1500;
}

static void draw_host(void)
{
	scene.actions = (unsigned)random_between(3, random_chance(100) ? 80 : 25);
	scene.pace = ONE_OF(20, 200, 2000, 8000);
	scene.legacy = random_chance(600);
	scene.early = random_chance(250);
	scene.pipelines = random_chance(60);
	scene.cancels = some(200);
	scene.reuses = some(300);
	scene.batches = some(250);
	scene.garbage = rarely(100);
	scene.large = rarely(100);
	scene.huge = rarely(60);
	scene.stalls = some(80);
	scene.again = rarely(150);
	scene.reply_late = some(500);
	scene.reply_never = some(300);
	scene.reply_twice = rarely(200);
	scene.ends_early = random_chance(300) ? 60 : 0;
	scene.stopped = random_chance(60) ? 60 : 0;
	scene.sleeps = random_chance(150) ? 40 : 0;
}

static void draw_server(void)
{
	scene.latency = ONE_OF(0, 3, 50, 400);
	scene.late = some(300);
	scene.never = some(250);
	scene.twice = rarely(200);
	scene.wrong_id = rarely(150);
	scene.malformed = rarely(200);
	scene.invalid = rarely(150);
	scene.large_reply = rarely(200);
	scene.large_asks = rarely(1000);
	scene.error = some(200);
	scene.asks = some(400);
	scene.tells = some(300);
	scene.cancels_own = rarely(300);
	scene.joins = some(500);
	scene.other_version = rarely(300);
	scene.other_lists = some(500);
	scene.replay_error = rarely(300);
	scene.replay_never = rarely(300);
	scene.greets = some(500);
	scene.resumes = rarely(600);
}

static void draw_network(void)
{
	scene.refused = some(600);
	scene.http = rarely(400);
	scene.untrusted = rarely(200);
	scene.connect_hangs = rarely(200);
	scene.setup_fails = rarely(50);
	scene.breaks_bytes = some(900);
	scene.breaks_time = some(600);
	scene.silent = rarely(400);
	scene.closes = some(150);
	scene.spoils = rarely(60);
	scene.blocks = some(500);
}

void scene_draw(uint64_t seed)
{
	bool log = scene.log;

	random_begin(seed);
	scene = (struct scene){.seed = seed, .now = 1000000, .log = log};
	draw_bridge();
	draw_host();
	draw_server();
	draw_network();
	scene.smooth = scene.breaks_bytes + scene.breaks_time + scene.closes + scene.spoils +
	                   scene.silent + scene.blocks + scene.sleeps ==
	               0;
}

void scene_calm(void)
{
	note("--- the storm is over");
	scene.calm = true;
	scene.refused = scene.http = scene.untrusted = scene.connect_hangs = scene.setup_fails = 0;
	scene.breaks_bytes = scene.breaks_time = scene.silent = scene.closes = scene.spoils = 0;
	scene.late = scene.never = scene.twice = scene.wrong_id = scene.malformed = 0;
	scene.invalid = scene.large_reply = scene.asks = scene.tells = scene.greets = 0;
	scene.resumes = 0;
	scene.cancels_own = scene.other_version = scene.replay_error = scene.replay_never = 0;
	scene.blocks = 0;
	scene.latency = scene.latency < 50 ? scene.latency : 50;
	scene.reply_late = scene.reply_never = scene.sleeps = scene.stalls = 0;
}

void note_line(const char *format, ...)
{
	va_list args;

	printf(
	    "%8lld.%03lld  ", (long long)(scene.now - 1000000) / 1000, (long long)scene.now % 1000);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}
