/*
 * Agents' directories that are not there yet, under --harden.
 *
 * What is left of the file system is said by directories that exist, once and for all (os/harden.h). When
 * one of an agent's comes to be, this worker cannot read it; the keeper is then asked to start
 * another in its place, as serve --upgrade does, which can.
 *
 * Loop's thread; looking is done on the thread pool.
 */
#ifndef APP_LATE_H
#define APP_LATE_H

struct app;

void late_open(struct app *a);  /* before power is taken: notes what is missing */
void late_start(struct app *a); /* with GO */
void late_close(struct app *a); /* NULL is nothing, and again */
void late_free(struct app *a);  /* when the loop has run out */

#endif
