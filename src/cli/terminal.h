/*
 * The terminal that a command runs on.
 *
 * terminal_raw may be called once; the terminal is put back by terminal_restore, at exit, and
 * when a signal ends the process.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

/* Leaves both at 0 when there is no terminal on standard input, output or error. */
void terminal_size(unsigned *cols, unsigned *rows);

int terminal_raw(void); /* -errno */
void terminal_restore(void);

#endif
