/* The whole line is made in memory and written at once, so that it does not flicker. It never fills the last column: there the terminal
 * would begin another line. */
#include "base/progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 20, LINE_MAX_LEN = 256, WIDTH_UNKNOWN = 80 };

#define DRAW_EVERY  0.1
#define RATE_WINDOW 3.0 /* seconds that the rate is smoothed over */
#define ERASE       "\r\033[K"

/* --- the screen --------------------------------------------------------------------------------- */

static double now_monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Asked each time: the window may have another size now. */
static size_t width_of(FILE *out)
{
    struct winsize size = {0};
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                         : WIDTH_UNKNOWN;
}

struct progress_screen progress_terminal(void)
{
    const char *term = getenv("TERM");
    bool moves = isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
    return (struct progress_screen){moves ? stderr : NULL, width_of, now_monotonic};
}

/* --- parts of the line ---------------------------------------------------------------------------- */

struct line {
    char text[LINE_MAX_LEN];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(l->text + l->len, sizeof l->text - l->len, format, args);
    va_end(args);
    if (n > 0) l->len += (size_t)n;
    if (l->len >= sizeof l->text) l->len = sizeof l->text - 1;
}

/* 1234567 as 1,234,567. */
static void add_number(struct line *l, uint64_t number)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    for (int i = 0; i < n; i++) add(l, i > 0 && (n - i) % 3 == 0 ? ",%c" : "%c", digits[i]);
}

static void add_bytes(struct line *l, uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double number = (double)bytes;
    size_t unit = 0;
    while (number >= 999.95 && unit + 1 < sizeof units / sizeof *units) number /= 1000, unit++;
    add(l, unit == 0 ? "  %.0f %s" : "  %.1f %s", number, units[unit]);
}

static void add_time(struct line *l, double seconds, const char *word)
{
    unsigned long s = seconds < 360000 ? (unsigned long)seconds : 360000; /* 100 hours say enough */
    if (s >= 3600)
        add(l, "  %lu:%02lu:%02lu %s", s / 3600, s / 60 % 60, s % 60, word);
    else
        add(l, "  %lu:%02lu %s", s / 60, s % 60, word);
}

/* What was counted beforehand may grow meanwhile: never more than all of it. */
static double part_done(const struct progress *p)
{
    return p->done < p->total ? (double)p->done / (double)p->total : 1;
}

static void add_bar(struct line *l, double part)
{
    char bar[BAR + 1];
    size_t full = (size_t)(part * BAR);
    memset(bar, '#', full);
    memset(bar + full, '.', BAR - full);
    bar[BAR] = '\0';
    add(l, " [%s] %3.0f %%", bar, floor(part * 100));
}

/* --- the line ------------------------------------------------------------------------------------- */

/* Smoothed, so that one slow moment does not make the time left jump. */
static void measure(struct progress *p, double now)
{
    double seconds = now - p->drawn;
    if (!(seconds > 0)) return;
    double here = p->done > p->drawn_done ? (double)(p->done - p->drawn_done) / seconds : 0;
    p->rate = p->rate < 0 ? here : p->rate + (here - p->rate) * (1 - exp(-seconds / RATE_WINDOW));
}

static void make_line(const struct progress *p, double now, struct line *l)
{
    add(l, "%s", p->what);
    if (p->total) add_bar(l, part_done(p));
    add(l, "  ");
    add_number(l, p->done);
    if (p->total) {
        add(l, " of ");
        add_number(l, p->total > p->done ? p->total : p->done);
    }
    add(l, " %s", p->unit);
    if (p->rate >= 0) {
        add(l, "  ");
        add_number(l, (uint64_t)(p->rate + 0.5));
        add(l, "/s");
    }
    if (p->bytes) add_bytes(l, p->bytes);
    if (!p->total)
        add_time(l, now - p->began, "so far");
    else if (p->rate > 0)
        add_time(l, p->done < p->total ? (double)(p->total - p->done) / p->rate : 0, "left");
}

static void draw(struct progress *p, double now)
{
    struct line l = {.len = 0};
    size_t width = p->screen.width(p->screen.out);
    make_line(p, now, &l);
    if (width > 0 && l.len > width - 1) l.len = width - 1;
    fprintf(p->screen.out, ERASE "%.*s", (int)l.len, l.text);
    fflush(p->screen.out);
    p->is_shown = true;
}

/* --- what callers do ------------------------------------------------------------------------------ */

void progress_begin(struct progress *p, struct progress_screen screen, const char *what,
                    const char *unit)
{
    progress_clear(p);
    *p = (struct progress){.screen = screen, .unit = unit, .rate = -1};
    snprintf(p->what, sizeof p->what, "%s", what);
    for (char *at = p->what; *at; at++)
        if (*at < ' ' || *at > '~') *at = '?';
    if (screen.out) p->began = p->drawn = screen.now();
}

void progress_step(struct progress *p, uint64_t done, uint64_t total, uint64_t bytes)
{
    if (!p->screen.out) return;
    p->done = done;
    p->total = total;
    p->bytes = bytes;
    double now = p->screen.now();
    if (now - p->drawn < DRAW_EVERY) return;
    measure(p, now);
    draw(p, now);
    p->drawn = now;
    p->drawn_done = done;
}

void progress_clear(struct progress *p)
{
    if (!p->is_shown) return;
    fputs(ERASE, p->screen.out);
    fflush(p->screen.out);
    p->is_shown = false;
}
