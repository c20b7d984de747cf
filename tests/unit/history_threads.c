/*
 * Readers on other threads while the owner appends and evicts. Built with ThreadSanitizer where
 * the compiler has it, whatever the rest is built with: it must find nothing to say.
 */
#include "config.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history/history.h"

enum { READERS = 3, ROUNDS = 60, LINES = 4000 };

/* The hand-over between owner and reader, as a thread pool's queue makes it. */
struct desk {
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct history_view view;
	enum { EMPTY, GIVEN, DONE, CLOSED } state;
	unsigned long lines, bad;
	pthread_t thread;
};

static void
read_view(struct desk *d)
{
	struct history_reader r;
	struct style_run runs[2];
	struct slab_line line;
	uint64_t expected = d->view.first;
	char text[64];

	history_read(&r, &d->view, 0);
	while (history_next(&r, &line)) {
		uint32_t n = history_runs(&r, &line, runs, 2);

		snprintf(text, sizeof text, "the text of line %llu",
		    (unsigned long long)line.number);
		d->lines++;
		d->bad += line.number != expected++ || line.len != strlen(text) ||
			  memcmp(line.text, text, line.len) != 0 || n != 1 || runs[0].len != 3;
	}
	d->bad += expected != d->view.last + 1;
	/* And as a search does, over all of the text. */
	for (size_t i = 0; i < d->view.n; i++) {
		const struct history_part *p = &d->view.parts[i];
		const char *s = slab_text(p->slab) + p->skip_text;

		d->bad += memchr(s, '\1', p->extent.text - p->skip_text) != NULL;
	}
}

static void *
reader(void *arg)
{
	struct desk *d = arg;

	pthread_mutex_lock(&d->lock);
	for (;;) {
		while (d->state == EMPTY || d->state == DONE)
			pthread_cond_wait(&d->change, &d->lock);
		if (d->state == CLOSED)
			break;
		pthread_mutex_unlock(&d->lock);
		read_view(d);
		pthread_mutex_lock(&d->lock);
		d->state = DONE;
		pthread_cond_broadcast(&d->change);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

static void
serve(struct history *h, struct desk *d)
{
	pthread_mutex_lock(&d->lock);
	if (d->state == DONE) {
		history_view_release(&d->view);
		d->state = EMPTY;
	}
	if (d->state == EMPTY) {
		history_view(h, 0, UINT64_MAX, &d->view);
		d->state = GIVEN;
		pthread_cond_broadcast(&d->change);
	}
	pthread_mutex_unlock(&d->lock);
}

static void
push_lines(struct history *h, uint64_t *number)
{
	struct style_run run = {3, 7};
	char text[64];

	for (int i = 0; i < LINES; i++) {
		snprintf(
		    text, sizeof text, "the text of line %llu", (unsigned long long)++*number);
		history_push(h, text, strlen(text), &run, 1, (int64_t)*number, *number, 0);
	}
}

static void
close_desk(struct desk *d)
{
	pthread_mutex_lock(&d->lock);
	while (d->state == GIVEN)
		pthread_cond_wait(&d->change, &d->lock);
	if (d->state == DONE)
		history_view_release(&d->view);
	d->state = CLOSED;
	pthread_cond_broadcast(&d->change);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
}

int
main(void)
{
	struct history_limits limits = {20000, 1 << 20};
	struct history *h = history_new(&limits, NULL);
	struct desk desks[READERS] = {0};
	unsigned long lines = 0, bad = 0;
	uint64_t number = 0;

	for (int i = 0; i < READERS; i++) {
		pthread_mutex_init(&desks[i].lock, NULL);
		pthread_cond_init(&desks[i].change, NULL);
		pthread_create(&desks[i].thread, NULL, reader, &desks[i]);
	}
	for (int round = 0; round < ROUNDS; round++) {
		push_lines(h, &number);
		for (int i = 0; i < READERS; i++)
			serve(h, &desks[i]);
	}
	for (int i = 0; i < READERS; i++) {
		close_desk(&desks[i]);
		lines += desks[i].lines;
		bad += desks[i].bad;
	}
	history_free(h);
	printf("%lu lines read beside %llu written, %lu wrong\n", lines,
	    (unsigned long long)number, bad);
	return bad != 0 || lines == 0;
}
