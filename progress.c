#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "fd.h"
#include "log.h"
#include "screen.h"

#define BAR     30 /* characters between the brackets */
#define ERASE   "\x1b[K"
#define RETURN  "\r"
#define CONTROL (sizeof ERASE RETURN RETURN)

/* "[######------]  42%", with a bar of ${width}. */
static int put_bar(char *out, size_t size, double share, size_t width)
{
	static const char full[] = "##############################";
	static const char empty[] = "------------------------------";
	int done = (int)(share * (double)width);

	return snprintf(out, size, "[%.*s%.*s] %3d%%", done, full, (int)width - done, empty,
	    (int)(share * 100));
}

void progress_line(char *out, double done, double total, const char *message, size_t columns)
{
	const size_t size = PROGRESS_LINE_SIZE - CONTROL;
	char shown[PROGRESS_LINE_SIZE / 2];
	double share = done / total;
	int len;

	if (total > 0 && isfinite(share))
		len = put_bar(out, size,
		    share < 0   ? 0
		    : share > 1 ? 1
		                : share,
		    columns < 2 * BAR ? BAR / 3 : BAR);
	else
		len = snprintf(out, size, "%.15g", done);
	if (message != NULL && *message != '\0') {
		log_escape(shown, sizeof shown, message, strlen(message));
		(void)snprintf(out + len, size - (size_t)len, "  %s", shown);
	}
	out[screen_fit(out, strlen(out), columns)] = '\0';
}

/* What a terminal that is stopped does not take is drawn the next time. */
static void put_line(const struct progress *p, const char *line)
{
	char text[PROGRESS_LINE_SIZE];
	struct iovec iov = {.iov_base = text};
	struct fd_out out;

	iov.iov_len = (size_t)snprintf(text, sizeof text, "%s" ERASE RETURN, line);
	fd_out_begin(&out, p->fd);
	(void)fd_out_writev(&out, &iov, 1);
	fd_out_end(&out);
}

void progress_draw(struct progress *p, int64_t now)
{
	if (!p->due || now < progress_deadline(p))
		return;
	put_line(p, p->line);
	p->due = false;
	p->drawn = true;
	p->drawn_at = now;
}

void progress_show(struct progress *p, double done, double total, const char *message, int64_t now)
{
	/* The last column stays free: some terminals break the line when it is written. */
	progress_line(p->line, done, total, message, screen_columns(p->fd) - 1);
	p->due = true;
	progress_draw(p, now);
}

int64_t progress_deadline(const struct progress *p)
{
	if (!p->due)
		return CLOCK_NEVER;
	return p->drawn ? p->drawn_at + PROGRESS_PAUSE : INT64_MIN;
}

void progress_erase(struct progress *p)
{
	if (p->drawn)
		put_line(p, "");
	p->drawn = p->due = false;
}
