/*
 * Calls a tool from a poll loop of one's own: progress and what the server pushes is shown as it comes,
 * Ctrl-C cancels the call, and the loop could watch anything else beside it.
 *
 *	cc loop.c $(pkg-config --cflags --libs wsmcp) -o loop
 *	./loop ws://localhost:8080/mcp count '{"to": 5}'
 */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include <wsmcp.h>

struct job {
	struct wsmcp *w;
	const char *tool, *arguments;
	int64_t call; /* what is in flight */
	bool done;
	enum wsmcp_status status;
};

/* Functions of the library must not be called in a signal handler: it only wakes the loop. */
static int wake[2];

static void on_signal(int number)
{
	(void)number;
	if (write(wake[1], "", 1) < 0)
		return; /* the loop has been woken often enough */
}

static void on_progress(
    void *context, int64_t call, double progress, double total, const char *message)
{
	(void)context;
	(void)call;
	if (total > 0)
		fprintf(stderr, "%3.0f %% %s\n", 100 * progress / total, message ? message : "");
	else
		fprintf(stderr, "%g %s\n", progress, message ? message : "");
}

static void on_notification(void *context, const char *method, const char *params)
{
	(void)context;
	fprintf(stderr, "%s %s\n", method, params ? params : "");
}

/* Nobody is there to be asked. It could also be answered later, with the same ticket. */
static void on_elicit(void *context, int64_t ticket, const char *params)
{
	struct job *job = context;

	fprintf(stderr, "the server asks: %s\n", params);
	wsmcp_answer(job->w, ticket, "{\"action\":\"decline\"}");
}

static void on_event(void *context, enum wsmcp_event event, const char *text)
{
	static const char *const names[] = {"the connection was lost", "it is back", "note"};

	(void)context;
	fprintf(stderr, "%s %s\n", names[event], text);
}

static void end(struct job *job, enum wsmcp_status status)
{
	job->done = true;
	job->status = status;
	if (status != WSMCP_OK)
		fprintf(stderr, "%s: %s\n", wsmcp_error_type(job->w), wsmcp_error(job->w));
}

static void on_result(void *context, enum wsmcp_status status, const char *result)
{
	if (result)
		puts(result);
	end(context, status);
}

static void on_connected(void *context, enum wsmcp_status status, const char *result)
{
	struct job *job = context;

	(void)result;
	if (status != WSMCP_OK) {
		end(job, status);
		return;
	}
	job->call = wsmcp_start_call_tool(job->w, job->tool, job->arguments, -1, on_result, job);
	if (!job->call)
		end(job, WSMCP_WRONG_USAGE);
}

static void turn(struct job *job)
{
	struct pollfd fds[1 + WSMCP_POLL_MAX] = {{.fd = wake[0], .events = POLLIN}};
	int timeout;
	size_t count = wsmcp_fds(job->w, fds + 1, WSMCP_POLL_MAX, &timeout);
	char byte;

	if (poll(fds, (nfds_t)(count + 1), timeout) < 0)
		return; /* a signal: what it wants is in the pipe */
	if (fds[0].revents && read(wake[0], &byte, 1) == 1)
		wsmcp_cancel(job->w, job->call);
	wsmcp_process(job->w, fds + 1, count);
}

int main(int argc, char **argv)
{
	struct job job = {0};
	const struct wsmcp_callbacks callbacks = {.context = &job,
	    .notification = on_notification,
	    .progress = on_progress,
	    .elicit = on_elicit,
	    .event = on_event};

	if (argc < 3 || pipe(wake) != 0) {
		fprintf(stderr, "usage: %s SERVER TOOL [ARGUMENTS]\n", argv[0]);
		return WSMCP_WRONG_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, on_signal);
	job.tool = argv[2];
	job.arguments = argc > 3 ? argv[3] : NULL;

	if (wsmcp_open(&job.w, argv[1], NULL) == WSMCP_OK) {
		wsmcp_set_callbacks(job.w, &callbacks);
		job.call = wsmcp_start_connect(job.w, -1, on_connected, &job);
	}
	if (!job.call)
		end(&job, WSMCP_CONFIGURATION_ERROR);
	while (!job.done)
		turn(&job);
	wsmcp_close(job.w);
	return (int)job.status;
}
