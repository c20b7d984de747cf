#include "config.h"

#include "term/state.h"

typedef void csi_fn(struct term *t, const struct csi *c);

/* A parameter that counts: absent and 0 mean 1. */
static unsigned
count(const struct csi *c, unsigned i)
{
	return i < c->n && c->p[i] != 0 ? c->p[i] : 1;
}

static unsigned
value(const struct csi *c, unsigned i)
{
	return i < c->n ? c->p[i] : 0;
}

/* The cursor */

static void
cuu(struct term *t, const struct csi *c)
{
	screen_up(t, count(c, 0));
}

static void
cud(struct term *t, const struct csi *c)
{
	screen_down(t, count(c, 0));
}

static void
cuf(struct term *t, const struct csi *c)
{
	screen_go(t, t->x + count(c, 0), t->y);
}

static void
cub(struct term *t, const struct csi *c)
{
	unsigned n = count(c, 0);

	screen_restrict(t);
	t->x = t->x > n ? t->x - n : 0;
}

static void
cnl(struct term *t, const struct csi *c)
{
	screen_down(t, count(c, 0));
	t->x = 0;
}

static void
cpl(struct term *t, const struct csi *c)
{
	screen_up(t, count(c, 0));
	t->x = 0;
}

static void
cha(struct term *t, const struct csi *c)
{
	screen_go(t, count(c, 0) - 1, t->y);
}

static void
cup(struct term *t, const struct csi *c)
{
	screen_go_relative(t, count(c, 1) - 1, count(c, 0) - 1);
}

static void
vpa(struct term *t, const struct csi *c)
{
	screen_go_relative(t, t->x, count(c, 0) - 1);
}

static void
vpr(struct term *t, const struct csi *c)
{
	unsigned y = t->y + count(c, 0);

	/* In origin mode the cursor never leaves the region. */
	if (mode(t, MODE_ORIGIN) && y > t->screen->bottom)
		y = t->screen->bottom;
	screen_go(t, t->x, y);
}

static void
cht(struct term *t, const struct csi *c)
{
	screen_tab(t, count(c, 0));
}

static void
cbt(struct term *t, const struct csi *c)
{
	screen_back_tab(t, count(c, 0));
}

static void
tbc(struct term *t, const struct csi *c)
{
	uint8_t *tabs = t->screen->tabs;

	if (value(c, 0) == 0 && t->x < t->cols)
		tabs[t->x / 8] &= (uint8_t) ~(1u << t->x % 8);
	for (unsigned x = 0; value(c, 0) == 3 && x < sizeof t->screen->tabs; x++)
		tabs[x] = 0;
}

/* Stops in every eighth column. */
static void
decst8c(struct term *t, const struct csi *c)
{
	if (value(c, 0) == 5)
		screen_reset_tabs(t->screen);
}

static void
decstbm(struct term *t, const struct csi *c)
{
	unsigned top = count(c, 0), bottom = value(c, 1);

	if (bottom == 0 || bottom > t->rows)
		bottom = t->rows;
	if (top >= bottom)
		return;
	t->screen->top = top - 1;
	t->screen->bottom = bottom - 1;
	screen_go_relative(t, 0, 0);
}

static void
save(struct term *t, const struct csi *c)
{
	(void)c;
	screen_save_cursor(t);
}

static void
restore(struct term *t, const struct csi *c)
{
	(void)c;
	screen_restore_cursor(t);
}

/* Erasing, inserting, deleting */

static void
erase_display(struct term *t, const struct csi *c, bool keep)
{
	unsigned what = value(c, 0);

	if (what == 2 || (what == 0 && t->x == 0 && t->y == 0)) {
		screen_clear(t, keep);
		return;
	}
	if (what == 3 && !keep && t->options.clear_history_on_ed3) {
		t->head.len = t->head.nruns = 0;
		if (t->cb.clear_history != NULL)
			t->cb.clear_history(t->arg);
	}
	if (what > 1)
		return;
	screen_erase_row(t, t->y, what == 0 ? t->x : 0, what == 0 ? t->cols : t->x + 1, keep);
	if (what == 0 && t->x == 0)
		screen_unjoin(t, t->y);
	if (what == 1 && t->x + 1 >= t->cols && t->y + 1 < t->rows)
		screen_unjoin(t, t->y + 1);
	screen_erase_rows(t, what == 0 ? t->y + 1 : 0, what == 0 ? t->rows : t->y, keep);
}

static void
ed(struct term *t, const struct csi *c)
{
	erase_display(t, c, false);
}

static void
decsed(struct term *t, const struct csi *c)
{
	erase_display(t, c, true);
}

static void
erase_line(struct term *t, const struct csi *c, bool keep)
{
	unsigned what = value(c, 0);
	unsigned from = what == 0 ? t->x : 0, to = what == 1 ? t->x + 1 : t->cols;

	if (what > 2)
		return;
	screen_erase_row(t, t->y, from, to, keep);
	if (from == 0 && what != 1)
		screen_unjoin(t, t->y);
}

static void
el(struct term *t, const struct csi *c)
{
	erase_line(t, c, false);
}

static void
decsel(struct term *t, const struct csi *c)
{
	erase_line(t, c, true);
}

static void
ech(struct term *t, const struct csi *c)
{
	unsigned n = count(c, 0);

	screen_restrict(t);
	screen_erase_row(t, t->y, t->x, t->x + n, false);
}

static void
ich(struct term *t, const struct csi *c)
{
	screen_restrict(t);
	row_insert(cursor_row(t), t->cols, t->x, count(c, 0), pen_fill(t));
}

static void
dch(struct term *t, const struct csi *c)
{
	screen_restrict(t);
	row_delete(cursor_row(t), t->cols, t->x, count(c, 0), pen_fill(t));
}

static bool
in_region(const struct term *t)
{
	return t->y >= t->screen->top && t->y <= t->screen->bottom;
}

static void
il(struct term *t, const struct csi *c)
{
	if (!in_region(t))
		return;
	screen_scroll_down(t, t->y, t->screen->bottom, count(c, 0));
	t->x = 0;
}

static void
dl(struct term *t, const struct csi *c)
{
	if (!in_region(t))
		return;
	screen_scroll_up(t, t->y, t->screen->bottom, count(c, 0), false, false);
	t->x = 0;
}

static void
su(struct term *t, const struct csi *c)
{
	screen_scroll_up(t, t->screen->top, t->screen->bottom, count(c, 0), true, false);
}

static void
sd(struct term *t, const struct csi *c)
{
	/* With more parameters it starts mouse highlighting. */
	if (c->n == 1)
		screen_scroll_down(t, t->screen->top, t->screen->bottom, count(c, 0));
}

/* The columns of the scroll region's rows */

static void
shift_columns(struct term *t, unsigned x, unsigned n, bool insert)
{
	unsigned height = t->screen->bottom - t->screen->top + 1;

	if (!in_region(t) || !term_afford(t, (uint64_t)height * t->cols))
		return;
	screen_restrict(t);
	for (unsigned y = t->screen->top; y <= t->screen->bottom; y++) {
		struct row *r = grid_row(&t->screen->grid, y);

		if (insert)
			row_insert(r, t->cols, x, n, pen_fill(t));
		else
			row_delete(r, t->cols, x, n, pen_fill(t));
		screen_unjoin(t, y);
	}
	if (t->screen->bottom + 1 < t->rows)
		screen_unjoin(t, t->screen->bottom + 1);
}

static void
sl(struct term *t, const struct csi *c)
{
	shift_columns(t, 0, count(c, 0), false);
}

static void
sr(struct term *t, const struct csi *c)
{
	shift_columns(t, 0, count(c, 0), true);
}

static void
decic(struct term *t, const struct csi *c)
{
	shift_columns(t, t->x < t->cols ? t->x : t->cols - 1, count(c, 0), true);
}

static void
decdc(struct term *t, const struct csi *c)
{
	shift_columns(t, t->x < t->cols ? t->x : t->cols - 1, count(c, 0), false);
}

/* Erases a rectangle: top; left; bottom; right. */
static void
decera(struct term *t, const struct csi *c)
{
	unsigned oy = mode(t, MODE_ORIGIN) ? t->screen->top : 0;
	unsigned top = count(c, 0) - 1 + oy, left = count(c, 1) - 1;
	unsigned bottom = value(c, 2) != 0 ? value(c, 2) + oy : t->rows;
	unsigned right = value(c, 3) != 0 ? value(c, 3) : t->cols;

	if (bottom > t->rows)
		bottom = t->rows;
	if (right > t->cols)
		right = t->cols;
	/* Whole rows cost nothing; of one, no more than other sequences. */
	if (top + 1 < bottom && (left > 0 || right < t->cols) &&
	    !term_afford(t, (uint64_t)(bottom - top) * right))
		return;
	for (unsigned y = top; y < bottom; y++)
		screen_erase_row(t, y, left, right, false);
}

/* Modes and reports */

static void
sm(struct term *t, const struct csi *c)
{
	mode_set(t, c, true);
}

static void
rm(struct term *t, const struct csi *c)
{
	mode_set(t, c, false);
}

static void
decstr(struct term *t, const struct csi *c)
{
	(void)c;
	term_soft_reset(t);
}

static void
decscusr(struct term *t, const struct csi *c)
{
	if (value(c, 0) <= 6)
		t->cursor_style = (uint8_t)value(c, 0);
}

static void
decsca(struct term *t, const struct csi *c)
{
	if (value(c, 0) <= 2)
		t->pen.protect = value(c, 0) == 1;
}

static void
da1(struct term *t, const struct csi *c)
{
	if (value(c, 0) == 0)
		term_reply(t, "\033[?1;2c");
}

/* The number is that of an xterm of which everything that programs look for by it is there. */
static void
da2(struct term *t, const struct csi *c)
{
	if (value(c, 0) == 0)
		term_reply(t, "\033[>0;276;0c");
}

static void
report_position(struct term *t, const char *prefix)
{
	unsigned x = t->x < t->cols ? t->x : t->cols - 1;
	unsigned y = t->y - (mode(t, MODE_ORIGIN) ? t->screen->top : 0);

	term_reply(t, "\033[%s%u;%uR", prefix, y + 1, x + 1);
}

static void
dsr(struct term *t, const struct csi *c)
{
	if (value(c, 0) == 5)
		term_reply(t, "\033[0n");
	else if (value(c, 0) == 6)
		report_position(t, "");
}

static void
decdsr(struct term *t, const struct csi *c)
{
	if (value(c, 0) == 6)
		report_position(t, "?");
}

static void
xtversion(struct term *t, const struct csi *c)
{
	if (value(c, 0) == 0)
		term_reply(t, "\033P>|panescry(%s)\033\\", PACKAGE_VERSION);
}

static void
window_op(struct term *t, const struct csi *c)
{
	if (value(c, 0) == 18)
		term_reply(t, "\033[8;%u;%ut", t->rows, t->cols);
	else if (value(c, 0) == 22 && value(c, 1) != 1)
		term_push_title(t);
	else if (value(c, 0) == 23 && value(c, 1) != 1)
		term_pop_title(t);
}

static void
rep(struct term *t, const struct csi *c)
{
	print_repeat(t, count(c, 0));
}

static csi_fn *const plain[64] = {
    ['@' - 64] = ich,
    ['A' - 64] = cuu,
    ['B' - 64] = cud,
    ['C' - 64] = cuf,
    ['D' - 64] = cub,
    ['E' - 64] = cnl,
    ['F' - 64] = cpl,
    ['G' - 64] = cha,
    ['H' - 64] = cup,
    ['I' - 64] = cht,
    ['J' - 64] = ed,
    ['K' - 64] = el,
    ['L' - 64] = il,
    ['M' - 64] = dl,
    ['P' - 64] = dch,
    ['S' - 64] = su,
    ['T' - 64] = sd,
    ['X' - 64] = ech,
    ['Z' - 64] = cbt,
    ['`' - 64] = cha,
    ['a' - 64] = cuf,
    ['b' - 64] = rep,
    ['c' - 64] = da1,
    ['d' - 64] = vpa,
    ['e' - 64] = vpr,
    ['f' - 64] = cup,
    ['g' - 64] = tbc,
    ['h' - 64] = sm,
    ['l' - 64] = rm,
    ['m' - 64] = pen_sgr,
    ['n' - 64] = dsr,
    ['r' - 64] = decstbm,
    ['s' - 64] = save,
    ['t' - 64] = window_op,
    ['u' - 64] = restore,
};

static const struct {
	char prefix, inter, final;
	csi_fn *fn;
} others[] = {
    {'?', 0, 'J', decsed},
    {'?', 0, 'K', decsel},
    {'?', 0, 'W', decst8c},
    {'?', 0, 'h', sm},
    {'?', 0, 'l', rm},
    {'?', 0, 'n', decdsr},
    {'?', '$', 'p', mode_report},
    {0, '$', 'p', mode_report},
    {0, '$', 'z', decera},
    {0, '!', 'p', decstr},
    {0, ' ', 'q', decscusr},
    {0, '"', 'q', decsca},
    {0, ' ', '@', sl},
    {0, ' ', 'A', sr},
    {0, '\'', '}', decic},
    {0, '\'', '~', decdc},
    {'>', 0, 'c', da2},
    {'>', 0, 'q', xtversion},
};

static csi_fn *
find(const struct csi *c)
{
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (others[i].final == c->final && others[i].prefix == c->prefix &&
		    others[i].inter == c->inter)
			return others[i].fn;
	return NULL;
}

void
csi_dispatch(void *arg, const struct csi *c)
{
	struct term *t = arg;
	bool repeatable = t->repeatable;
	csi_fn *fn = (c->prefix | c->inter) == 0 ? plain[c->final - 64] : find(c);

	t->repeatable = false;
	if (fn != NULL && (fn != rep || repeatable))
		fn(t, c);
}
