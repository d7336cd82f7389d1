/* A header command that takes its time, fails or works, without a process. */
#include "helper.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "clock.h"
#include "random.h"
#include "scene.h"

struct helper {
	int64_t done_at;
	bool works;
};

static bool works(void)
{
	return scene.calm || !random_chance(150);
}

struct helper *helper_start(
    const char *command, const char *name, const char *url, int64_t now, char *error)
{
	struct helper *h = malloc(sizeof *h);

	(void)command;
	(void)name;
	(void)url;
	check_attempt(true);
	if (!h || !works()) {
		free(h);
		snprintf(error, HEADERS_ERROR_SIZE, "the header command does not start");
		check_command_failed();
		return NULL;
	}
	*h = (struct helper){.done_at = now + random_between(0, 400), .works = works()};
	return h;
}

void helper_free(struct helper *h)
{
	free(h);
}

size_t helper_prepare(const struct helper *h, struct pollfd *fds, int64_t *deadline)
{
	(void)fds;
	*deadline = clock_min(*deadline, h->done_at);
	return 0;
}

enum helper_state helper_process(struct helper *h, int64_t now)
{
	if (now < h->done_at)
		return HELPER_RUNNING;
	if (!h->works)
		check_command_failed();
	return h->works ? HELPER_DONE : HELPER_FAILED;
}

const char *helper_error(const struct helper *h)
{
	(void)h;
	return "the header command failed";
}

int helper_headers(const struct helper *h, struct headers *headers, char *error)
{
	(void)h;
	(void)headers;
	(void)error;
	return 0;
}
