/*
 * What libcurl and the other side say of an attempt to connect, through report, cause, diagnosis
 * and checklist: whatever it is, JSON comes out, and lines that a terminal can take.
 *
 * Input: a byte for how the attempt ended, one for how far it came, then lines, each begun by a
 * byte that says what it is and ended by a newline.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cause.h"
#include "checklist.h"
#include "diagnosis.h"
#include "report.h"
#include "value.h"

#define REQUIRE(condition) require((condition), #condition, __LINE__)

static void require(bool holds, const char *what, int line)
{
	if (holds)
		return;
	fprintf(stderr, "line %d: not so: %s\n", line, what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(struct report *r, char kind, const char *line, size_t len)
{
	char *copy = malloc(len + 1);

	REQUIRE(copy != NULL);
	memcpy(copy, line, len);
	copy[len] = '\0';
	switch (kind) {
	case 't':
		report_text(r, line, len);
		break;
	case 'h':
		report_header(r, line, len, 5);
		break;
	case 'c':
		report_certificate_field(r, copy);
		break;
	case 'p':
		report_proxy(r, copy, "https_proxy");
		break;
	case 's':
		report_sent(r, copy);
		break;
	case 'u':
		report_begin(r, copy, copy, 1785283199);
		break;
	default:
		break;
	}
	free(copy);
}

static void end(struct report *r, uint8_t how, uint8_t far)
{
	r->resolved = far & 1;
	r->connected = far & 2;
	r->tunnelled = far & 4;
	r->secured = far & 8;
	r->open = far & 16;
	r->insecure = far & 32;
	r->speaks_tls = far & 64;
	r->ended = how ? 20 : 0;
	reason_set(
	    &r->reason, (enum reason_kind)(how % (REASON_SETUP + 1)), "%s", r->answer.status);
	r->reason.status = r->answer.code;
	r->reason.close_code = r->answer.code;
}

static void tell(struct value whole)
{
	struct value steps = value_member(whole, "steps"), step;
	struct checklist list;
	struct output out;
	struct buf text;
	size_t at = 0;

	buf_init(&text, SIZE_MAX / 2);
	output_to_buf(&out, &text);
	checklist_begin(&list, &out, false);
	while (value_next(steps, &at, &step))
		checklist_tell(&list, step);
	checklist_end(&list);
	REQUIRE(output_end(&out) == 0);
	for (size_t i = 0; i < text.len; i++)
		REQUIRE(text.data[i] == '\n' || (text.data[i] >= ' ' && text.data[i] != 0x7f));
	checklist_free(&list);
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data + 2, *stop = (const char *)data + size;
	static struct report r;
	char cause[CAUSE_SIZE];
	struct output out;
	struct value whole;
	struct buf text;

	if (size < 2)
		return 0;
	report_begin(&r, "wss://h/", "mcp", 1785283199);
	while (at < stop) {
		const char *newline = memchr(at, '\n', (size_t)(stop - at));
		size_t len = (size_t)((newline ? newline : stop) - at);
		if (len > 0)
			take(&r, *at, at + 1, len - 1);
		at += len + 1;
	}
	end(&r, data[0], data[1]);
	buf_init(&text, SIZE_MAX / 2);
	output_to_buf(&out, &text);
	diagnosis_put(&out, &r);
	REQUIRE(output_end(&out) == 0);
	REQUIRE(value_read(&whole, (const char *)text.data, text.len));
	REQUIRE(strlen(cause_of(&r, cause)) < sizeof cause);
	tell(whole);
	buf_free(&text);
	return 0;
}
