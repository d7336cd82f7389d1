#include "candidate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "failure.h"

#define WORDS_MAX 64

/* --- starting ---------------------------------------------------------------------------- */

/* ${word} with all that stands for a place replaced; to be freed. */
static char *expand(const char *word, const char *scheme, bool secure, int port)
{
	char url[64], number[16], *text = NULL;
	const struct {
		const char *name, *value;
	} places[] = {{"{url}", url}, {"{host}", "localhost"}, {"{port}", number}};
	size_t size = 0, i;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		failure_exit_errno("open_memstream");
	snprintf(number, sizeof number, "%d", port);
	snprintf(url, sizeof url, "%s%s://localhost:%d/", scheme, secure ? "s" : "", port);
	while (*word) {
		for (i = 0; i < sizeof places / sizeof *places; i++)
			if (strncmp(word, places[i].name, strlen(places[i].name)) == 0)
				break;
		if (i < sizeof places / sizeof *places) {
			fputs(places[i].value, out);
			word += strlen(places[i].name);
		} else {
			fputc(*word++, out);
		}
	}
	if (fclose(out) != 0)
		failure_exit_errno("open_memstream");
	return text;
}

struct pipes {
	int in[2], out[2];
};

static struct pipes open_pipes(void)
{
	struct pipes p;

	if (pipe2(p.in, O_CLOEXEC) != 0 || pipe2(p.out, O_CLOEXEC) != 0)
		failure_exit_errno("pipe");
	return p;
}

static struct candidate parent_of(pid_t pid, const struct pipes *p)
{
	if (pid < 0)
		failure_exit_errno("fork");
	close(p->in[0]);
	close(p->out[1]);
	return (struct candidate){.pid = pid, .in = p->in[1], .out = p->out[0]};
}

/* In the child, which may share our memory: system calls only. */
static void be_candidate(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
}

struct candidate candidate_start(char *const *command, const char *scheme, bool secure, int port)
{
	struct pipes p = open_pipes();
	char *words[WORDS_MAX] = {NULL};
	struct candidate c;
	pid_t pid;

	for (size_t i = 0; command[i] && i + 1 < WORDS_MAX; i++)
		words[i] = expand(command[i], scheme, secure, port);
	if (!words[0])
		failure_exit("no command");
	pid = vfork(); /* start-up is measured, and fork would copy our page tables */
	if (pid == 0) {
		dup2(p.in[0], STDIN_FILENO);
		dup2(p.out[1], STDOUT_FILENO);
		be_candidate();
		execvp(words[0], words);
		_exit(127);
	}
	c = parent_of(pid, &p);
	for (size_t i = 0; words[i]; i++)
		free(words[i]);
	return c;
}

struct candidate candidate_fork(
    void (*run)(int in, int out, const void *context), const void *context)
{
	struct pipes p = open_pipes();
	pid_t pid = fork();

	if (pid == 0) {
		be_candidate();
		close(p.in[1]);
		close(p.out[0]);
		run(p.in[0], p.out[1], context);
		_exit(0);
	}
	return parent_of(pid, &p);
}

void candidate_widen(struct candidate *c, int bytes)
{
	fcntl(c->in, F_SETPIPE_SZ, bytes);
	fcntl(c->out, F_SETPIPE_SZ, bytes);
}

/* --- ending ------------------------------------------------------------------------------ */

void candidate_close_stdin(struct candidate *c)
{
	if (c->in >= 0)
		close(c->in);
	c->in = -1;
}

bool candidate_ended(struct candidate *c)
{
	if (c->pid > 0 && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->pid = -1;
	return c->pid < 0;
}

void candidate_end(struct candidate *c)
{
	if (c->pid > 0) {
		kill(c->pid, SIGKILL);
		waitpid(c->pid, &c->status, 0);
		c->pid = -1;
	}
	candidate_close_stdin(c);
	if (c->out >= 0)
		close(c->out);
	c->out = -1;
}

/* --- what it costs ----------------------------------------------------------------------- */

double candidate_cpu(const struct candidate *c)
{
	clockid_t clock;
	struct timespec t = {0};

	if (clock_getcpuclockid(c->pid, &clock) == 0)
		clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The number of kB behind ${name} in a file of the process, in bytes; 0 if there is none. */
static long field(const struct candidate *c, const char *file, const char *name)
{
	char path[64], line[256];
	long kilobytes = 0;
	FILE *in;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)c->pid, file);
	in = fopen(path, "re");
	while (in && fgets(line, sizeof line, in))
		if (strncmp(line, name, strlen(name)) == 0)
			kilobytes = strtol(line + strlen(name), NULL, 10);
	if (in)
		fclose(in);
	return kilobytes * 1024;
}

struct candidate_memory candidate_memory(const struct candidate *c)
{
	return (struct candidate_memory){
	    .resident = field(c, "smaps_rollup", "Rss:"),
	    .proportional = field(c, "smaps_rollup", "Pss:"),
	    .peak = field(c, "status", "VmHWM:"),
	};
}
