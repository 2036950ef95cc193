#include "master/trend.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { STEP = 2, WIDTH = (RECENT_POINTS - 1) * STEP, HEIGHT = 36, TOP = 2, BOTTOM = 35 };

static double value_at(const struct recent *r, size_t member, size_t i)
{
    double value;
    assert(i < r->points_n && member <= sizeof(struct recent_point) - sizeof value);
    memcpy(&value, (const char *)&r->points[i] + member, sizeof value);
    return value;
}

double trend_most(const struct recent *r, size_t member)
{
    double most = 0;
    for (size_t i = 0; i < r->points_n; i++) most = fmax(most, value_at(r, member, i));
    return most;
}

static size_t x_of(const struct trend *t, size_t i)
{
    return WIDTH - (t->r->points_n - 1 - i) * STEP;
}

static double y_of(const struct trend *t, double value)
{
    double share = t->most > 0 ? fmin(value / t->most, 1) : 0;
    return BOTTOM - share * (BOTTOM - TOP);
}

/* Draws a piece without gaps: the points from `from` on, before `to`. */
static void put_piece(const struct trend *t, size_t from, size_t to, bool is_area, FILE *out)
{
    if (is_area) fprintf(out, "M%zu %d", x_of(t, from), HEIGHT);
    for (size_t i = from; i < to; i++)
        fprintf(out, "%c%zu %.1f", i == from && !is_area ? 'M' : 'L', x_of(t, i),
                y_of(t, value_at(t->r, t->member, i)));
    if (is_area)
        fprintf(out, "L%zu %dZ", x_of(t, to - 1), HEIGHT);
    else if (to - from == 1)
        fputs("h.5", out); /* a point alone has no length */
}

static void put_pieces(const struct trend *t, bool is_area, FILE *out)
{
    size_t n = t->r->points_n;
    for (size_t from = 0, to; from < n; from = to) {
        to = from + 1;
        if (isnan(value_at(t->r, t->member, from))) continue;
        while (to < n && !isnan(value_at(t->r, t->member, to))) to++;
        put_piece(t, from, to, is_area, out);
    }
}

void trend_line(const struct trend *t, FILE *out)
{
    put_pieces(t, false, out);
}

void trend_area(const struct trend *t, FILE *out)
{
    put_pieces(t, true, out);
}

void trend_words(const struct trend *t, void (*put)(FILE *out, double number), FILE *out)
{
    double least = NAN, most = NAN;
    for (size_t i = 0; i < t->r->points_n; i++) {
        least = fmin(least, value_at(t->r, t->member, i)); /* the other one where one is NAN */
        most = fmax(most, value_at(t->r, t->member, i));
    }
    if (isnan(most)) {
        fputs("nothing in the last minute", out);
        return;
    }
    put(out, least);
    fputs(" to ", out);
    put(out, most);
    fputs(" in the last minute", out);
}
