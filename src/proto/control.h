/*
 * tmux's control mode, as a client reads it: bytes in, what they say out.
 *
 * Source: tmux(1), "CONTROL MODE", and what tmux 3.2 to 3.7 send. The stream is lines. A command's
 * answer is a block:
 *
 *	%begin TIME NUMBER FLAGS
 *	any lines
 *	%end TIME NUMBER FLAGS		or %error, and then the lines say why
 *
 * Every other line that begins with '%' is a notification. Up to tmux 3.7c those that a command
 * causes may stand inside its own block, so known ones are recognised there, too.
 *
 *	%output %PANE DATA
 *	%extended-output %PANE AGE ... : DATA
 *		what a pane's program wrote: bytes below 0x20 and the backslash as \ooo, all
 *		others as they are, cut anywhere, also within a character
 *
 * What a block holds may be any text that some pane printed, "%end" and notifications among it.
 * So the client has a mark of its own, which nobody else can know, printed before and after such
 * text, and calls control_raw when it has seen the first: from then on nothing is understood
 * until the second (tmux/client.h).
 *
 * Bounded: a line outside of raw text longer than CONTROL_LINE_MAX is passed over (a block's
 * and a notification's alike), what cannot be parsed is ignored. In a block it is text, and so is
 * a notification that is not known. Words that a later version puts behind those that are known
 * are passed over.
 *
 * Pure; one thread at a time. What callbacks are given is borrowed until they return; they must
 * not call back but for control_raw.
 */
#ifndef PROTO_CONTROL_H
#define PROTO_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control;

enum { CONTROL_LINE_MAX = 1024 * 1024, CONTROL_CELLS_MAX = 4096 };

enum control_kind {
	CONTROL_PAUSE,          /* pane */
	CONTROL_CONTINUE,       /* pane */
	CONTROL_LAYOUT,         /* window, text: layout, rest: visible layout ("" before 2.2) */
	CONTROL_WINDOW_ADD,     /* window; also unlinked-window-add */
	CONTROL_WINDOW_CLOSE,   /* window; also unlinked-window-close */
	CONTROL_WINDOW_RENAMED, /* window, text: name; also unlinked-window-renamed */
	CONTROL_WINDOW_PANE_CHANGED, /* window, pane */
	CONTROL_PANE_MODE_CHANGED,   /* pane */
	CONTROL_SESSION_CHANGED,     /* session, text: name: this client's */
	CONTROL_CLIENT_SESSION,      /* session, text: "CLIENT" rest: name: another client's */
	CONTROL_SESSION_RENAMED,     /* session, or NONE before 2.x; text: name */
	CONTROL_SESSION_WINDOW,      /* session, window: its current one */
	CONTROL_SESSIONS_CHANGED,    /* nothing */
	CONTROL_SUBSCRIPTION_CHANGED, /* session, window, pane, text: the subscription's name, rest: value */
	CONTROL_CLIENT_DETACHED, /* text: client */
	CONTROL_EXIT,            /* text: why, or "" */
	CONTROL_OTHER, /* text: its name without '%', rest: what follows. In a block only
	                  config-error, message, paste-buffer-changed and -deleted */
};

#define CONTROL_NONE UINT32_MAX

struct control_notice {
	enum control_kind kind;
	uint32_t session, window, pane; /* the numbers behind $, @ and %; CONTROL_NONE */
	const char *text, *rest;        /* NUL-terminated; "" where there is none */
};

/* Copied; all of them must be there. */
struct control_callbacks {
	void (*output)(void *arg, uint32_t pane, const char *data, size_t len); /* unescaped */
	void (*notice)(void *arg, const struct control_notice *n);
	void (*begin)(void *arg, bool ours); /* the block answers a command of this client */
	void (*text)(void *arg, const char *line, size_t len); /* of a block; NUL behind it */
	void (*end)(void *arg, bool error);
	/* The lines between the marks, each with its '\n'. `which`: 0 or 1, the mark that ended
	 * it. NULL and 0 when there were more than `max` bytes. */
	void (*raw)(void *arg, int which, const char *data, size_t len);
};

struct control *control_new(const struct control_callbacks *cb, void *arg);
void control_free(struct control *c);
void control_feed(struct control *c, const char *data, size_t len);

/* From within `text`: what follows is raw, until a line is one of the marks, which are copied (the
 * second may be NULL). Then the block that the mark stood in goes on as any other. */
void control_raw(struct control *c, const char *mark, const char *other, size_t max);

/* Undoes \ooo in place; returns the new length. A backslash that begins no octal number of three
 * digits up to 377 stays. */
size_t control_unescape(char *data, size_t len);

/*
 * A pane of a layout string as "b25d,80x24,0,0[80x12,0,0,0,80x11,0,13,1]": a sum, which is not
 * compared, and cells. Since 3.7 the floating ones, the topmost first, are in <> behind all
 * others, and most of them once more in a split; here each is one cell, in the place where it was
 * first. They may begin left of and above the window.
 */
struct control_cell {
	uint32_t pane;
	unsigned cols, rows; /* 1 to 100000 */
	int x, y;            /* -100000 to 100000 */
	bool floating;
};

/* Returns how many panes there are, or -EINVAL, also beyond CONTROL_CELLS_MAX; the first `max`
 * are written (cells may be NULL when it is 0). */
int control_layout(const char *layout, struct control_cell *cells, size_t max);

#endif
