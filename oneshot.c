#include "oneshot.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "log.h"
#include "progress.h"
#include "screen.h"
#include "signals.h"

struct oneshot {
	struct wsmcp *client;
	int signals; /* to poll */
	int ended_by;
	bool draws;
	struct progress bar;
	bool done;
	enum wsmcp_status status;
	char *result;
};

/* --- callbacks --------------------------------------------------------- */

static void on_done(void *context, enum wsmcp_status status, const char *result)
{
	struct oneshot *s = context;

	s->done = true;
	s->status = status;
	if (result == NULL)
		return;
	s->result = strdup(result);
	if (s->result == NULL)
		s->status = WSMCP_NO_MEMORY;
}

static void on_progress(
    void *context, int64_t call, double progress, double total, const char *message)
{
	struct oneshot *s = context;

	(void)call;
	progress_show(&s->bar, progress, total, message, clock_now());
}

/* Writes a line to stderr if that takes it at once, over the bar. */
static void put_line(struct oneshot *s, const char *before, const char *text)
{
	char line[LOG_LINE_MAX + 32];
	struct iovec iov = {.iov_base = line};
	struct fd_out out;

	progress_erase(&s->bar);
	iov.iov_len = (size_t)snprintf(line, sizeof line, "wsmcp: %s%s\n", before, text);
	fd_out_begin(&out, STDERR_FILENO);
	(void)fd_out_writev(&out, &iov, 1);
	fd_out_end(&out);
}

/*
 * What the connection says of itself. Its errors come back as that of the client, and are told
 * once.
 */
static void on_log(void *context, enum log_level level, const char *text)
{
	if (level != LOG_ERROR)
		put_line(context, level == LOG_WARNING ? "warning: " : "", text);
}

/* --- waiting ----------------------------------------------------------- */

static void take_signal(struct oneshot *s)
{
	bool counters;

	if (s->ended_by == 0)
		s->ended_by = signals_take(&counters);
}

static int earlier(int timeout, const struct oneshot *s)
{
	int bar = clock_poll_timeout(progress_deadline(&s->bar), clock_now());

	return timeout < 0 || (bar >= 0 && bar < timeout) ? bar : timeout;
}

static void wait_once(struct oneshot *s)
{
	struct pollfd fds[WSMCP_POLL_MAX + 1] = {{.fd = s->signals, .events = POLLIN}};
	int timeout;
	size_t count = wsmcp_fds(s->client, fds + 1, WSMCP_POLL_MAX, &timeout);

	if (poll(fds, (nfds_t)count + 1, earlier(timeout, s)) < 0)
		for (size_t i = 0; i <= count; i++)
			fds[i].revents = 0;
	take_signal(s);
	wsmcp_process(s->client, fds + 1, count);
	progress_draw(&s->bar, clock_now());
}

/* The status that goes with the kind of the last error, of what could not even be begun. */
static enum wsmcp_status status_of_error(const struct oneshot *s)
{
	static const struct {
		const char *type;
		enum wsmcp_status status;
	} types[] = {
	    {"ToolError", WSMCP_TOOL_ERROR},
	    {"ConfigurationError", WSMCP_CONFIGURATION_ERROR},
	    {"DependencyError", WSMCP_DEPENDENCY_ERROR},
	};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(wsmcp_error_type(s->client), types[i].type) == 0)
			return types[i].status;
	return WSMCP_CONNECTION_ERROR;
}

/*
 * Waits for the end of what was begun as ${begun}, or for a signal: what is then in flight is
 * cancelled by oneshot_close.
 */
static enum wsmcp_status wait_for(struct oneshot *s, int64_t begun, char **result)
{
	if (begun == 0)
		s->status = status_of_error(s);
	while (begun != 0 && !s->done && s->ended_by == 0)
		wait_once(s);
	progress_erase(&s->bar);
	s->done = false;
	*result = s->result;
	s->result = NULL;
	return s->ended_by != 0 ? WSMCP_CANCELLED : s->status;
}

enum wsmcp_status oneshot_list(
    struct oneshot *s, const char *method, const char *member, char **result)
{
	return wait_for(s, wsmcp_start_list(s->client, method, member, -1, on_done, s), result);
}

enum wsmcp_status oneshot_call_tool(
    struct oneshot *s, const char *tool, const char *arguments, char **result)
{
	return wait_for(
	    s, wsmcp_start_call_tool(s->client, tool, arguments, -1, on_done, s), result);
}

enum wsmcp_status oneshot_request(
    struct oneshot *s, const char *method, const char *params, char **result)
{
	return wait_for(s, wsmcp_start_request(s->client, method, params, -1, on_done, s), result);
}

int oneshot_signal(const struct oneshot *s)
{
	return s->ended_by;
}

struct wsmcp *oneshot_client(struct oneshot *s)
{
	return s->client;
}

/* --- begin and end ----------------------------------------------------- */

static enum wsmcp_status connect_client(struct oneshot *s)
{
	const struct wsmcp_callbacks callbacks = {
	    .context = s,
	    .progress = s->draws ? on_progress : NULL, /* else no server need tell of it */
	};
	enum wsmcp_status status;
	char *nothing;

	wsmcp_set_callbacks(s->client, &callbacks);
	log_set_sink(on_log, s);
	status = wait_for(s, wsmcp_start_connect(s->client, -1, on_done, s), &nothing);
	free(nothing);
	return status;
}

enum wsmcp_status oneshot_open(struct oneshot **out, const struct options *o, const char *target)
{
	struct oneshot *s = calloc(1, sizeof *s);
	struct wsmcp_options options = o->server;
	enum wsmcp_status status;

	*out = s;
	if (s == NULL)
		return WSMCP_NO_MEMORY;
	/* Not to wait at all would be not to ask: one attempt is the least. */
	if (options.offline_timeout == 0)
		options.offline_timeout = -1;
	s->bar.fd = STDERR_FILENO;
	s->draws = screen_draws(STDERR_FILENO) && !o->quiet;
	status = wsmcp_open(&s->client, target, &options);
	if (s->client == NULL) {
		free(s);
		*out = NULL;
		return WSMCP_NO_MEMORY;
	}
	if (status != WSMCP_OK)
		return status;
	s->signals = signals_begin(NULL, NULL);
	return s->signals >= 0 ? connect_client(s) : WSMCP_NO_MEMORY;
}

void oneshot_close(struct oneshot *s)
{
	if (s == NULL)
		return;
	wsmcp_close(s->client);
	log_set_sink(NULL, NULL);
	free(s->result);
	free(s);
}
