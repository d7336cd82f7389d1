/*
 * A template on stdin -> a man page or a completion script on stdout: each line that is a marker,
 * like @SYNOPSIS@, is replaced by what the tables of commands and options say.
 */
#ifndef WSMCP_FILL_H
#define WSMCP_FILL_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"

/* What can be said of an option's value without knowing the option. */
enum fill_kind {
	FILL_NONE, /* it takes none */
	FILL_TEXT,
	FILL_FILE,
	FILL_DIRECTORY,
	FILL_AT_FILE, /* a text, or @FILE */
	FILL_WORDS    /* one of some words */
};

enum fill_kind fill_value_kind(const struct options_row *row);

/* The words of FILL_WORDS, separated by "|". */
const char *fill_words(const struct options_row *row);

/* Whether a row of the same name stands above row ${index}. */
bool fill_is_repeated(const struct options_row *row, size_t index);

/* What stands for the markers of the man page and of the scripts. */
void roff_title(void);
void roff_synopsis(void);
void roff_commands(void);
void roff_options(void);
void roff_statuses(void);
void shells_bash_commands(void);
void shells_bash_options(void);
void shells_bash_values(void);
void shells_zsh_commands(void);
void shells_zsh_options(void);
void shells_fish_names(void);
void shells_fish_values(void);
void shells_fish_commands(void);
void shells_fish_options(void);

#endif
