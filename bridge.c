#include "bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "helper.h"
#include "lineio.h"
#include "log.h"
#include "signals.h"
#include "wsmcp.h"

#define FAREWELL 50 /* ms for a closing handshake after a signal */

enum slot {
	SLOT_SIGNALS,
	SLOT_STDIN,
	SLOT_STDOUT,
	SLOT_LINK,
	SLOTS = SLOT_LINK + CONNECTION_POLL_MAX
};

struct bridge {
	struct line_reader *in;
	struct line_writer *out;
	struct connection *connection;
	int signal_fd;
	bool ended;   /* the connection knows that the input ended */
	bool stalled; /* lines were left unread for want of room */
	int status;   /* exit status, -1 = go on */
};

static bool host_has_room(const struct bridge *b)
{
	return line_writer_waiting(b->out) < CONNECTION_MARK;
}

/* Input is taken only while both ways out are under their marks: it may cause output on either. */
static bool input_is_welcome(const struct bridge *b)
{
	return connection_accepts(b->connection) && host_has_room(b);
}

static void take_input(struct bridge *b, int64_t now)
{
	struct message *m;

	while (input_is_welcome(b)) {
		m = line_reader_take(b->in);
		if (!m) {
			b->stalled = false;
			if (!b->ended && line_reader_ended(b->in)) {
				b->ended = true;
				connection_host_ended(b->connection, now);
			}
			return;
		}
		connection_host_said(b->connection, m, now);
	}
	b->stalled = true;
}

static bool fill_writer(struct bridge *b)
{
	bool any = false;
	struct message *m;

	while (host_has_room(b) && (m = connection_next_for_host(b->connection)) != NULL) {
		line_writer_put(b->out, m);
		any = true;
	}
	return any;
}

static void give_output(struct bridge *b, short revents)
{
	bool more = true;

	while (more) {
		more = fill_writer(b);
		int rc = line_writer_process(b->out, revents);
		if (rc > 0) {
			log_info("the host has closed its end of stdout");
			b->status = WSMCP_OK;
		} else if (rc < 0) {
			log_error("cannot write to stdout: %s", strerror(errno));
			b->status = WSMCP_CONNECTION_ERROR;
		}
		more = more && rc == 0;
	}
}

static void show_counters(const struct bridge *b)
{
	char line[CONNECTION_STATS_SIZE];

	log_notice("%s", connection_stats(b->connection, line));
}

static void wait_for_events(struct bridge *b, struct pollfd *fds, nfds_t count, int64_t deadline)
{
	if (poll(fds, count, clock_poll_timeout(deadline, clock_now())) >= 0)
		return;
	for (nfds_t i = 0; i < count; i++)
		fds[i].revents = 0;
	if (errno != EINTR && errno != EAGAIN) {
		log_error("poll failed: %s", strerror(errno));
		b->status = WSMCP_CONNECTION_ERROR;
	}
}

static void check_outcome(struct bridge *b, int64_t now)
{
	if (!line_writer_idle(b->out))
		return;
	switch (connection_outcome(b->connection, now)) {
	case SESSION_COMPLETE:
		b->status = WSMCP_OK;
		break;
	case SESSION_FAILED:
		b->status = WSMCP_CONNECTION_ERROR;
		break;
	case SESSION_GOES_ON:
		break;
	}
}

/* One turn of the loop: wait, then move what can be moved. */
static void turn(struct bridge *b)
{
	struct pollfd fds[SLOTS];
	int64_t now = clock_now(), deadline = CLOCK_NEVER;
	bool usr1 = false;

	fds[SLOT_SIGNALS] = (struct pollfd){.fd = b->signal_fd, .events = POLLIN};
	line_reader_prepare(b->in, &fds[SLOT_STDIN], input_is_welcome(b));
	line_writer_prepare(b->out, &fds[SLOT_STDOUT]);
	size_t links =
	    connection_prepare(b->connection, &fds[SLOT_LINK], host_has_room(b), &deadline, now);
	deadline = clock_min(deadline, line_reader_rest(b->in, now));
	if (b->stalled && input_is_welcome(b))
		deadline = now;
	wait_for_events(b, fds, (nfds_t)(SLOT_LINK + links), deadline);

	now = clock_now();
	int signal = fds[SLOT_SIGNALS].revents ? signals_take(&usr1) : 0;
	if (signal) {
		b->status = 128 + signal;
		return;
	}
	if (usr1)
		show_counters(b);
	line_reader_process(b->in, fds[SLOT_STDIN].revents);
	take_input(b, now);
	connection_process(b->connection, &fds[SLOT_LINK], links, host_has_room(b), now);
	give_output(b, fds[SLOT_STDOUT].revents);
	/* What the host has said and nobody has read yet is still to be answered. */
	if (b->status < 0 && (b->ended || !(fds[SLOT_STDIN].revents & POLLIN)))
		check_outcome(b, now);
}

/* After a signal: what the server should know, as far as it takes it at once. */
static void farewell(struct bridge *b)
{
	int64_t now = clock_now(), until = now + FAREWELL;

	connection_stop(b->connection, now);
	while (connection_outcome(b->connection, now) == SESSION_GOES_ON && now < until) {
		struct pollfd fds[CONNECTION_POLL_MAX];
		int64_t deadline = until;
		size_t links = connection_prepare(b->connection, fds, true, &deadline, now);
		if (poll(fds, (nfds_t)links, clock_poll_timeout(deadline, now)) < 0)
			return;
		now = clock_now();
		connection_process(b->connection, fds, links, true, now);
	}
}

/* Runs in a signal handler: what must not outlive us, and what must not stay as we made it. */
static void last_act(void *writer)
{
	helper_abandon();
	line_writer_restore(writer);
}

static bool begin(struct bridge *b, const struct connection_options *options)
{
	b->in = line_reader_new(STDIN_FILENO, options->max_message);
	b->out = line_writer_new(STDOUT_FILENO);
	b->connection = connection_new(options, clock_now());
	if (!b->in || !b->out || !b->connection) {
		log_error("out of memory");
		return false;
	}
	b->signal_fd = signals_begin(last_act, b->out);
	if (b->signal_fd < 0) {
		log_error("cannot set up signals: %s", strerror(errno));
		return false;
	}
	return true;
}

int bridge_run(const struct connection_options *options)
{
	struct bridge b = {.signal_fd = -1, .status = -1};

	if (!begin(&b, options)) {
		b.status = WSMCP_CONNECTION_ERROR;
	} else {
		if (isatty(STDIN_FILENO))
			log_notice("type one JSON-RPC message per line; Ctrl-D ends");
		connection_start(b.connection, clock_now());
	}
	while (b.status < 0)
		turn(&b);
	if (b.status > 128)
		farewell(&b);
	connection_free(b.connection);
	line_reader_free(b.in);
	signals_forget();
	line_writer_free(b.out);
	return b.status;
}
