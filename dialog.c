#include "dialog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "form.h"
#include "screen.h"
#include "uri.h"

_Static_assert(DIALOG_ERROR_SIZE >= FORM_ERROR_SIZE, "what one writes must fit in the other's");

static struct output *begin(const struct dialog *d)
{
	return console_aside(d->console);
}

static void put_text(struct output *out, const char *text)
{
	console_text(out, text, strlen(text));
}

/* Text of the server over several lines, from the second column on. */
static void put_paragraph(const struct dialog *d, struct output *out, const char *text)
{
	screen_wrap(out, text, strlen(text), 0, 2, console_columns(d->console));
	output_str(out, "\n");
}

static void put_toned(
    const struct dialog *d, struct output *out, enum console_tone tone, const char *text)
{
	console_tone(d->console, out, tone);
	put_text(out, text);
	console_tone(d->console, out, CONSOLE_PLAIN);
}

/* --- questions ----------------------------------------------------------------------------- */

static void put_choices(struct output *out, const struct form_question *q)
{
	char number[32];

	for (size_t i = 0; i < q->choice_count; i++) {
		const struct form_choice *c = &q->choices[i];

		(void)snprintf(number, sizeof number, "  %3zu  ", i + 1);
		output_str(out, number);
		put_text(out, c->title != NULL ? c->title : c->value);
		if (c->title != NULL && strcmp(c->title, c->value) != 0) {
			output_str(out, " (");
			put_text(out, c->value);
			output_str(out, ")");
		}
		output_str(out, "\n");
	}
}

/* "Title (integer, 1 to 10; required)", its description, its choices */
static void put_question(const struct dialog *d, const struct form *f, size_t number)
{
	const struct form_question *q = form_question(f, number);
	struct output *out = begin(d);
	char hint[FORM_HINT_SIZE];

	output_str(out, "\n");
	put_toned(d, out, CONSOLE_BOLD, q->title != NULL ? q->title : q->name);
	output_str(out, " (");
	output_str(out, form_hint(f, number, hint));
	output_str(out, q->required ? "; required" : "; may be left out");
	output_str(out, ")\n");
	if (q->description != NULL)
		put_paragraph(d, out, q->description);
	put_choices(out, q);
	if (q->preset != NULL) {
		output_str(out, "  Enter takes: ");
		put_text(out, q->preset);
		output_str(out, "\n");
	}
}

static enum dialog_end ask_question(const struct dialog *d, struct form *f, size_t number)
{
	char error[FORM_ERROR_SIZE], *line;
	bool taken = false;

	put_question(d, f, number);
	while (!taken) {
		enum dialog_end end = d->read(d->context, "answer: ", &line);

		if (end != DIALOG_LINE)
			return end;
		taken = form_answer(f, number, line, error);
		free(line);
		if (!taken) {
			struct output *out = begin(d);
			put_toned(d, out, CONSOLE_BAD, error);
			output_str(out, "\n");
		}
	}
	return DIALOG_LINE;
}

/* --- the decision -------------------------------------------------------------------------- */

static enum dialog_end read_action(const struct dialog *d, enum form_action *action)
{
	static const char *const words[] = {
	    [FORM_ACCEPT] = "accept", [FORM_DECLINE] = "decline", [FORM_CANCEL] = "cancel"};
	char *line;

	for (;;) {
		enum dialog_end end = d->read(d->context, "accept, decline or cancel? ", &line);
		size_t len;

		if (end != DIALOG_LINE)
			return end;
		len = strlen(line);
		for (int i = FORM_ACCEPT; i <= FORM_CANCEL && len > 0; i++) {
			if (strncasecmp(line, words[i], len) != 0)
				continue;
			free(line);
			*action = (enum form_action)i;
			return DIALOG_LINE;
		}
		free(line);
	}
}

/* The action that an end without a line stands for. */
static enum form_action action_of(enum dialog_end end)
{
	return end == DIALOG_DECLINE ? FORM_DECLINE : FORM_CANCEL;
}

static enum dialog_end ask_form(const struct dialog *d, struct form *f, enum form_action *action)
{
	enum dialog_end end;
	struct output *out;
	char *content;

	for (size_t i = 0; i < form_count(f); i++) {
		end = ask_question(d, f, i);
		if (end != DIALOG_LINE)
			return end;
	}
	content = form_content(f);
	if (content == NULL)
		return DIALOG_CANCEL;
	out = begin(d);
	output_str(out, "\nYour answers:\n");
	console_json(d->console, out, value_of(content));
	free(content);
	return read_action(d, action);
}

/*
 * The URL, its host in the tone that meets the eye; and the host by itself, because that is what
 * counts.
 */
static void put_url(const struct dialog *d, struct output *out, const char *url)
{
	struct uri_host host = uri_host(url);

	output_str(out, "  ");
	console_text(out, url, host.at);
	console_tone(d->console, out, CONSOLE_BOLD);
	console_text(out, url + host.at, host.len);
	console_tone(d->console, out, CONSOLE_PLAIN);
	put_text(out, url + host.at + host.len);
	output_str(out, "\n  host: ");
	console_tone(d->console, out, CONSOLE_BOLD);
	console_text(out, url + host.at, host.len);
	console_tone(d->console, out, CONSOLE_PLAIN);
	output_str(out, host.len > 0 ? "\n" : "none\n");
	if (host.odd) {
		put_toned(
		    d, out, CONSOLE_BAD, "  This host may only look like the one you think of.");
		output_str(out, "\n");
	}
}

static enum dialog_end ask_url(const struct dialog *d, const char *url, enum form_action *action)
{
	struct output *out = begin(d);
	enum dialog_end end;

	output_str(out, "\nIt wants you to visit\n");
	put_url(d, out, url);
	output_str(
	    out, "wsmcp does not open it. If you trust it, accept, and open it in a browser.\n");
	end = read_action(d, action);
	if (end == DIALOG_LINE && *action == FORM_ACCEPT) {
		out = begin(d);
		output_str(out, "Now open ");
		put_text(out, url);
		output_str(out, "\n");
	}
	return end;
}

char *dialog_run(const struct dialog *d, const char *params, char *error)
{
	struct form *f = form_new(params, error);
	enum form_action action = FORM_CANCEL;
	enum dialog_end end;
	struct output *out;
	char *result;

	if (f == NULL)
		return NULL;
	*error = '\0';
	out = begin(d);
	output_str(out, "\n");
	put_toned(d, out, CONSOLE_BOLD, "The server asks you:");
	output_str(out, "\n");
	put_paragraph(d, out, form_message(f));
	output_str(out, "Ctrl-D declines, Ctrl-C cancels.\n");
	end = form_url(f) != NULL ? ask_url(d, form_url(f), &action) : ask_form(d, f, &action);
	if (end != DIALOG_LINE)
		action = action_of(end);
	result = end != DIALOG_GONE ? form_result(f, action) : NULL;
	form_free(f);
	return result;
}
