/*
 * What can stand where on the command line, for the shells that complete it: made from the tables
 * of commands and options, and from the operands of their synopses.
 *
 * Three functions in the shell's own language come out, which the fixed part of a script calls
 * (completions.h). For bash and zsh they set a variable:
 *
 *	_panescry_options COMMAND	list=(word TAB description ...); the commands for ''
 *	_panescry_value COMMAND OPTION	kind=KIND of the option's argument; '' when it has none
 *	_panescry_operand COMMAND N VERB	kind=KIND of the operand behind N others, the first of
 *					which is VERB
 *
 * For fish they print it. A KIND is what a word there may be: `words A B ...`, `files`, `dirs`,
 * `commands` (a command line of another program), something that the daemon has (completions_ask's
 * kinds), or `none`, which cannot be known.
 */
#ifndef CLI_COMPLETIONS_TABLES_H
#define CLI_COMPLETIONS_TABLES_H

#include <stdbool.h>

struct buf;

/* Appends the three functions; `fish`: in fish's language, else in that of bash and zsh. */
void completions_tables(struct buf *b, bool fish);

#endif
