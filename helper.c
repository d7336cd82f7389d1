#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "buf.h"
#include "clock.h"
#include "fd.h"
#include "log.h"

#define WATCH 20 /* ms between looks for the exit status once the output has ended */

extern char **environ;

struct helper {
	pid_t pid;    /* of the process and its group; 0 = it has been waited for */
	int out, err; /* -1 = ended */
	int64_t until;
	struct buf output;
	char line[512]; /* of stderr, so far */
	size_t line_len;
	enum helper_state state;
	char error[128];
	cJSON *object;
};

/* The group that runs, for a handler that has nobody to ask. */
static volatile sig_atomic_t group;

void helper_abandon(void)
{
	if (group > 0)
		(void)kill(-(pid_t)group, SIGKILL);
}

/* --- starting ---------------------------------------------------------- */

static bool open_pipe(int ends[2])
{
	if (pipe(ends) != 0)
		return false;
	if (fd_cloexec(ends[0]) == 0 && fd_cloexec(ends[1]) == 0 &&
	    fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
		return true;
	(void)close(ends[0]);
	(void)close(ends[1]);
	return false;
}

static bool is_set_by_us(const char *entry)
{
	return strncmp(entry, "CLAUDE_CODE_MCP_SERVER_NAME=", 28) == 0 ||
	       strncmp(entry, "CLAUDE_CODE_MCP_SERVER_URL=", 27) == 0;
}

static char *variable(const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 2;
	char *text = malloc(size);

	if (text)
		snprintf(text, size, "%s=%s", name, value);
	return text;
}

/* Our environment with the two variables; the array is the caller's, of its strings the first two. */
static char **make_environment(const char *name, const char *url)
{
	size_t count = 0, n = 0;

	while (environ[count])
		count++;
	char **list = calloc(count + 3, sizeof *list);
	if (!list)
		return NULL;
	list[n++] = variable("CLAUDE_CODE_MCP_SERVER_NAME", name);
	list[n++] = variable("CLAUDE_CODE_MCP_SERVER_URL", url);
	for (size_t i = 0; i < count; i++) {
		if (!is_set_by_us(environ[i]))
			list[n++] = environ[i];
	}
	if (list[0] && list[1])
		return list;
	free(list[0]);
	free(list[1]);
	free(list);
	return NULL;
}

static void free_environment(char **list)
{
	if (!list)
		return;
	free(list[0]);
	free(list[1]);
	free(list);
}

static int spawn(pid_t *pid, const char *command, int out, int err, char **env)
{
	char *text = strdup(command);
	char sh[] = "/bin/sh", sh_name[] = "sh", dash_c[] = "-c";
	char *argv[] = {sh_name, dash_c, text, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, all;
	int rc = text ? 0 : ENOMEM;

	if (rc == 0 && (rc = posix_spawn_file_actions_init(&files)) != 0) {
		free(text);
		return rc;
	}
	if (rc != 0)
		return rc;
	if ((rc = posix_spawnattr_init(&how)) != 0) {
		posix_spawn_file_actions_destroy(&files);
		free(text);
		return rc;
	}
	/* An ignored SIGCHLD or a blocked signal of ours must not become the command's. */
	sigemptyset(&none);
	sigfillset(&all);
	rc = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
	rc = rc ? rc : posix_spawnattr_setpgroup(&how, 0);
	rc = rc ? rc : posix_spawnattr_setsigmask(&how, &none);
	rc = rc ? rc : posix_spawnattr_setsigdefault(&how, &all);
	rc = rc ? rc
	        : posix_spawnattr_setflags(
	              &how, (short)(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
	                            POSIX_SPAWN_SETSIGDEF));
	rc = rc ? rc : posix_spawn(pid, sh, &files, &how, argv, env);
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	free(text);
	return rc;
}

static int start(struct helper *h, const char *command, const char *name, const char *url)
{
	int out[2], err[2], rc;
	char **env;

	if (!open_pipe(out))
		return errno;
	if (!open_pipe(err)) {
		rc = errno;
		(void)close(out[0]);
		(void)close(out[1]);
		return rc;
	}
	env = make_environment(name, url);
	rc = env ? spawn(&h->pid, command, out[1], err[1], env) : ENOMEM;
	free_environment(env);
	(void)close(out[1]);
	(void)close(err[1]);
	h->out = out[0];
	h->err = err[0];
	return rc;
}

struct helper *helper_start(
    const char *command, const char *name, const char *url, int64_t now, char *error)
{
	struct helper *h = calloc(1, sizeof *h);
	int rc = ENOMEM;

	if (h) {
		/* With SIGCHLD ignored, which is inherited, the kernel throws exit statuses away. */
		(void)signal(SIGCHLD, SIG_DFL);
		h->out = h->err = -1;
		h->until = clock_add(now, HELPER_TIME_MAX);
		buf_init(&h->output, HELPER_OUTPUT_MAX);
		rc = start(h, command, name, url);
	}
	if (rc == 0) {
		group = h->pid;
		return h;
	}
	if (h)
		h->pid = 0;
	helper_free(h);
	snprintf(
	    error, HEADERS_ERROR_SIZE, "the header command cannot be started: %s", strerror(rc));
	return NULL;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void helper_free(struct helper *h)
{
	if (!h)
		return;
	if (h->pid > 0) {
		(void)kill(-h->pid, SIGKILL);
		group = 0;
		while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_end(&h->out);
	close_end(&h->err);
	buf_free(&h->output);
	cJSON_Delete(h->object);
	free(h);
}

/* --- running ----------------------------------------------------------- */

static enum helper_state fail(struct helper *h, const char *why)
{
	snprintf(h->error, sizeof h->error, "the header command %s", why);
	if (h->pid > 0)
		(void)kill(-h->pid, SIGKILL);
	return h->state = HELPER_FAILED;
}

static void say_line(struct helper *h)
{
	if (h->line_len > 0)
		log_warning("header command: %.*s", (int)h->line_len, h->line);
	h->line_len = 0;
}

static void hear(struct helper *h, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n' || h->line_len == sizeof h->line)
			say_line(h);
		if (bytes[i] != '\n')
			h->line[h->line_len++] = bytes[i];
	}
}

/* Returns false if there was too much. */
static bool read_end(struct helper *h, int *fd)
{
	char piece[4096];

	while (*fd >= 0) {
		ssize_t n = read(*fd, piece, sizeof piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return true;
		if (n <= 0)
			close_end(fd);
		else if (fd == &h->err)
			hear(h, piece, (size_t)n);
		else if (buf_append(&h->output, piece, (size_t)n) != BUF_OK)
			return false;
	}
	return true;
}

static enum helper_state judge(struct helper *h, int status)
{
	if (WIFSIGNALED(status))
		return fail(h, "was ended by a signal");
	if (WEXITSTATUS(status) != 0) {
		char why[64];
		snprintf(why, sizeof why, "ended with exit status %d", WEXITSTATUS(status));
		return fail(h, why);
	}
	h->object = cJSON_ParseWithLength((const char *)h->output.data, h->output.len);
	if (!cJSON_IsObject(h->object))
		return fail(h, "did not print a JSON object");
	const cJSON *each;
	cJSON_ArrayForEach(each, h->object)
	{
		if (!cJSON_IsString(each))
			return fail(h, "printed a JSON object with a value that is no string");
	}
	return h->state = HELPER_DONE;
}

size_t helper_prepare(const struct helper *h, struct pollfd *fds, int64_t *deadline)
{
	size_t n = 0;

	if (h->state != HELPER_RUNNING)
		return 0;
	if (h->out >= 0)
		fds[n++] = (struct pollfd){.fd = h->out, .events = POLLIN};
	if (h->err >= 0)
		fds[n++] = (struct pollfd){.fd = h->err, .events = POLLIN};
	*deadline = clock_min(*deadline, h->until);
	/* No event tells of the exit itself; it follows the end of the output closely. */
	if (h->out < 0)
		*deadline = clock_min(*deadline, clock_add(clock_now(), WATCH));
	return n;
}

enum helper_state helper_process(struct helper *h, int64_t now)
{
	int status;

	if (h->state != HELPER_RUNNING)
		return h->state;
	(void)read_end(h, &h->err);
	if (!read_end(h, &h->out))
		return fail(h, "printed more than 64 KiB");
	if (h->out < 0) {
		pid_t pid = waitpid(h->pid, &status, WNOHANG);
		if (pid == h->pid || (pid < 0 && errno != EINTR)) {
			bool known = pid == h->pid;
			(void)read_end(h, &h->err);
			say_line(h);
			(void)kill(-h->pid, SIGKILL); /* what it left behind in its group */
			h->pid = group = 0;
			return known ? judge(h, status) : fail(h, "was lost sight of");
		}
	}
	return now >= h->until ? fail(h, "took longer than 10 s") : HELPER_RUNNING;
}

const char *helper_error(const struct helper *h)
{
	return h->error;
}

int helper_headers(const struct helper *h, struct headers *headers, char *error)
{
	const cJSON *each;

	cJSON_ArrayForEach(each, h->object)
	{
		if (headers_set(headers, each->string, each->valuestring, error) != 0)
			return -1;
	}
	return 0;
}
