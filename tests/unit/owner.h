/*
 * What the owners of a store and of an archive have in common: a directory of their own, and a
 * pipe in place of the loop's wake-up. Each makes its struct owner.
 */
#ifndef TESTS_OWNER_H
#define TESTS_OWNER_H

enum { OWNER_TURN_MS = 20 };

struct owner;

struct owner *owner_new(void);
void owner_free(struct owner *o);

int owner_setup(void **state);
int owner_teardown(void **state);
#define CASE(name) cmocka_unit_test_setup_teardown(name, owner_setup, owner_teardown)

void owner_make_dir(char *dir); /* a template */
void owner_remove_dir(const char *dir);

void owner_make_wake(int wake[2]);
void owner_notify(void *wake);              /* of any thread */
void owner_await_notice(const int wake[2]); /* or a moment */

#endif
