#include "pair.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failure.h"
#include "figure.h"

#define PIECE       ((size_t)1 << 20)   /* bytes of a read */
#define BLIND_MIN   ((size_t)1 << 14)   /* bytes of payload that are worth a system call to skip */
#define HEAD_ONLY   ((size_t)14)        /* bytes of a frame header at most */
#define RECORD_ROOM ((uint64_t)1 << 16) /* more than a TLS record */
#define ACCEPT_STEP 100                 /* ms */
#define END_STEP    5                   /* ms */
#define LOST_PAUSE  500                 /* ms for a candidate that closed its pipe to be gone */

/* --- what goes wrong --------------------------------------------------------------------- */

static _Noreturn void exit_lost(struct pair *p)
{
	int status;

	for (int waited = 0; !candidate_ended(&p->candidate); waited += 10) {
		if (waited >= LOST_PAUSE)
			failure_exit("the candidate closed the connection");
		poll(NULL, 0, 10);
	}
	status = p->candidate.status;
	if (WIFSIGNALED(status))
		failure_exit("the candidate was ended by signal %d", WTERMSIG(status));
	failure_exit("the candidate ended with status %d", WEXITSTATUS(status));
}

static _Noreturn void exit_still(const struct pair *p)
{
	failure_exit("nothing moved for %d s", p->options->server.patience / 1000);
}

/* --- reading ----------------------------------------------------------------------------- */

static char piece[PIECE];

/* Takes bytes that need not be seen off ${fd} without a copy. */
static ssize_t discard(int fd, bool pipe, size_t len)
{
	static int nowhere = -1;

	if (!pipe)
		return recv(fd, piece, len, MSG_TRUNC); /* TCP: nothing is written to it */
	if (nowhere < 0)
		nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	return splice(fd, NULL, nowhere, NULL, len, SPLICE_F_NONBLOCK);
}

/* Reads what there is into the counter. False at the end, and once the candidate wants to close. */
static bool drain(struct pair *p, bool at_server)
{
	struct traffic_counter *c = at_server ? &p->at_server : &p->at_host;
	size_t blind = traffic_blind(c), len = PIECE;
	ssize_t n;

	if (blind >= BLIND_MIN && !(at_server && p->peer.ssl)) {
		n = discard(at_server ? p->peer.fd : p->candidate.out, !at_server,
		    blind < PIECE ? blind : PIECE);
		if (n > 0)
			traffic_skip(c, (size_t)n);
	} else {
		/* After a long frame the next one is likely as long: its header alone. */
		if (at_server && !p->peer.ssl && c->framed && c->last_len >= 4 * BLIND_MIN)
			len = HEAD_ONLY;
		n = at_server ? peer_read(&p->peer, piece, len)
		              : read(p->candidate.out, piece, len);
		if (n > 0)
			traffic_count(c, piece, (size_t)n);
	}
	if (c->closed)
		return false;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void wait_for(struct pair *p, bool at_server, uint64_t messages)
{
	const struct traffic_counter *c = at_server ? &p->at_server : &p->at_host;

	while (c->messages < messages) {
		struct pollfd wait = {
		    .fd = at_server ? p->peer.fd : p->candidate.out, .events = POLLIN};
		bool more = at_server && p->peer.more;
		if (!more && poll(&wait, 1, p->options->server.patience) != 1)
			exit_still(p);
		if (!drain(p, at_server))
			exit_lost(p);
	}
}

void pair_wait_server(struct pair *p, uint64_t messages)
{
	wait_for(p, true, messages);
}

void pair_wait_host(struct pair *p, uint64_t messages)
{
	wait_for(p, false, messages);
}

/* --- writing ----------------------------------------------------------------------------- */

/* Writes some of it, as much as is taken at once. */
static size_t write_some(struct pair *p, bool to_server, const char *bytes, size_t len)
{
	ssize_t n =
	    to_server ? write(p->candidate.in, bytes, len) : peer_write(&p->peer, bytes, len);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		exit_lost(p);
	return n > 0 ? (size_t)n : 0;
}

static void write_all(struct pair *p, bool to_server, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t n = write_some(p, to_server, bytes, len);
		struct pollfd wait = {
		    .fd = to_server ? p->candidate.in : p->peer.fd, .events = POLLOUT};
		if (n == 0 && poll(&wait, 1, p->options->server.patience) != 1)
			exit_still(p);
		bytes += n;
		len -= n;
	}
}

void pair_write_host(struct pair *p, const char *bytes, size_t len)
{
	write_all(p, true, bytes, len);
}

void pair_write_server(struct pair *p, const char *bytes, size_t len)
{
	write_all(p, false, bytes, len);
}

void pair_exchange(struct pair *p, struct traffic_exchange *exchange, uint64_t id)
{
	p->at_host.unit = p->at_server.unit = 0;
	traffic_exchange_number(exchange, id);
	pair_write_host(p, exchange->line, exchange->line_len);
	pair_wait_server(p, p->at_server.messages + 1);
	pair_write_server(p, exchange->reply, exchange->reply_len);
	pair_wait_host(p, p->at_host.messages + 1);
}

/* --- streams ----------------------------------------------------------------------------- */

struct flow {
	const struct traffic_block *block;
	uint64_t written, all; /* bytes */
	double until;          /* when to stop, 0 = never */
};

/*
 * From when time is up only whole messages follow, and what TLS was offered already: it wants to be
 * offered the same again.
 */
static void stop_in_time(struct flow *f)
{
	uint64_t unit = f->block->unit, whole;

	if (f->until <= 0 || figure_now() < f->until)
		return;
	f->until = 0;
	whole = (f->written + RECORD_ROOM + unit - 1) / unit * unit;
	if (whole < f->all)
		f->all = whole;
}

static void write_flow(struct pair *p, bool up, struct flow *f)
{
	uint64_t span = f->block->unit * f->block->units, at = f->written % span, len = span - at;

	if (len > f->all - f->written)
		len = f->all - f->written;
	f->written += write_some(p, up, f->block->bytes + at, (size_t)len);
}

static void stream_step(struct pair *p, bool up, struct flow *f)
{
	int out = up ? p->candidate.in : p->peer.fd, in = up ? p->peer.fd : p->candidate.out;
	struct pollfd wait[] = {{.fd = in, .events = POLLIN},
	    {.fd = f->written < f->all ? out : -1, .events = POLLOUT}};
	bool more = up && p->peer.more;

	if (poll(wait, 2, more ? 0 : p->options->server.patience) < 1 && !more)
		exit_still(p);
	if ((more || wait[0].revents) && !drain(p, up))
		exit_lost(p);
	stop_in_time(f);
	if (wait[1].revents)
		write_flow(p, up, f);
}

/*
 * Messages that were cut, joined or lengthened on their way show in their bytes. Lines that all came
 * as they were sent need not be looked at from then on.
 */
static void check_arrived(
    struct traffic_counter *c, const struct traffic_block *block, uint64_t count)
{
	uint64_t text = block->text + (c->framed ? 0 : 1), bytes = count * text;

	if (c->messages != count || c->bytes < bytes)
		failure_exit("of %" PRIu64 " messages with %" PRIu64 " bytes %" PRIu64
		             " with %" PRIu64 " arrived",
		    count, bytes, c->messages, c->bytes);
	if (!c->framed)
		c->unit = c->bytes == bytes && text >= BLIND_MIN ? (size_t)text : 0;
}

uint64_t pair_stream(
    struct pair *p, bool up, const struct traffic_block *block, uint64_t count, double seconds)
{
	struct traffic_counter *c = up ? &p->at_server : &p->at_host;
	uint64_t most = count > 0 ? count : UINT64_MAX / 2 / block->unit;
	struct flow f = {.block = block,
	    .all = most * block->unit,
	    .until = seconds > 0 ? figure_now() + seconds : 0};

	c->messages = c->bytes = 0;
	while (f.written < f.all || c->messages < f.all / block->unit)
		stream_step(p, up, &f);
	check_arrived(c, block, f.all / block->unit);
	return c->messages;
}

/* --- begin and end ----------------------------------------------------------------------- */

static void set_nonblocking(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		failure_exit_errno("fcntl");
}

void pair_take(struct pair *p, const struct pair_options *options, struct candidate candidate)
{
	*p = (struct pair){.options = options, .candidate = candidate, .peer = {.fd = -1}};
	p->at_server.framed = !options->server.raw;
	set_nonblocking(p->candidate.in);
	set_nonblocking(p->candidate.out);
}

void pair_start(struct pair *p, const struct pair_options *options)
{
	const struct peer_server *server = &options->server;
	const char *scheme = server->raw ? "http" : "ws";

	pair_take(p, options,
	    candidate_start(options->command, scheme, server->context != NULL, server->port));
}

void pair_accept(struct pair *p)
{
	struct traffic_counter *c = &p->at_server;
	double until = figure_now() + p->options->server.patience / 1e3;

	while (!peer_accept(&p->peer, &p->options->server, ACCEPT_STEP)) {
		if (candidate_ended(&p->candidate))
			exit_lost(p);
		if (figure_now() > until)
			failure_exit("the candidate does not connect");
	}
	*c = (struct traffic_counter){.framed = c->framed};
}

void pair_begin(struct pair *p, const struct pair_options *options)
{
	pair_start(p, options);
	pair_accept(p);
}

/* Answers a close, or, if the candidate does not want to go, sends one. */
static void close_peer(struct pair *p)
{
	static const char close_frame[] = "\x88\x02\x03\xe8"; /* 1000 */

	if (p->at_server.framed)
		peer_write(&p->peer, close_frame, sizeof close_frame - 1);
	peer_drop(&p->peer);
}

static void end_step(struct pair *p, bool insist)
{
	struct pollfd wait[] = {
	    {.fd = p->peer.fd, .events = POLLIN}, {.fd = p->candidate.out, .events = POLLIN}};
	bool more = p->peer.more;

	poll(wait, 2, more ? 0 : END_STEP);
	if (p->peer.fd >= 0 && (insist || ((more || wait[0].revents) && !drain(p, true))))
		close_peer(p);
	if (wait[1].revents && !drain(p, false)) {
		close(p->candidate.out);
		p->candidate.out = -1;
	}
}

void pair_end(struct pair *p)
{
	double begun = figure_now(), patience = p->options->end_patience / 1e3;

	candidate_close_stdin(&p->candidate);
	while (!candidate_ended(&p->candidate) && figure_now() - begun < patience)
		end_step(p, figure_now() - begun > patience / 2);
	candidate_end(&p->candidate);
	peer_drop(&p->peer);
}
