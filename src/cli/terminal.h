/*
 * The terminal that a command runs on.
 *
 * One of terminal_raw and terminal_raw_on may be called, once; the terminal is put back by
 * terminal_restore, at exit, and when a signal ends the process.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

/* Leaves both at 0 when there is no terminal on standard input, output or error. */
void terminal_size(unsigned *cols, unsigned *rows);
void terminal_size_of(int fd, unsigned *cols, unsigned *rows);

/* Standard input and output, on which a pane may have switched on anything. -errno. */
int terminal_raw(void);

/* Another, open for both. `undo` is what is written to put it back, and must stay. */
int terminal_raw_on(int fd, const char *undo);

void terminal_restore(void);

#endif
