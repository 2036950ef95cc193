/* The results for people: a table with a column for the recording and one for each script, then what differs. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tools/replay_tool.h"

enum {
    SHOWN_MOVES = 20,
    SHOWN_PREFIXES = 10,
    SHOWN_SERVERS = 20,
    CELL = 64,
    COLUMNS = REPLAY_SIDES + 1
};

static double share_of(uint64_t part, uint64_t all)
{
    return all ? (double)part / (double)all : 0;
}

double replay_hit_rate(const struct replay_results *r, enum replay_side_number side)
{
    return share_of(r->sides[side].hits, r->sides[side].gets);
}

double replay_recorded_rate(const struct replay_results *r)
{
    return share_of(r->recorded.hits, r->recorded.gets);
}

double replay_error_rate(const struct replay_results *r, enum replay_side_number side)
{
    return share_of(r->sides[side].errors, r->sides[side].requests);
}

double replay_moved(const struct replay_results *r)
{
    return share_of(r->routes.moved, r->routes.requests);
}

/* --- the table ----------------------------------------------------------------------------------------- */

/* A row: the recording's cell, then those of the sides. NULL: the cell is empty. */
struct row {
    char cells[COLUMNS][CELL];
};

static void __attribute__((format(printf, 3, 4)))
put(struct row *row, unsigned column, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(row->cells[column], CELL, format, list);
    va_end(list);
}

static void print_row(const struct replay_results *r, FILE *out, const char *name, struct row *row)
{
    fprintf(out, "%-14s %14s", name, row->cells[0]);
    for (unsigned side = 0; side < REPLAY_SIDES; side++)
        if (r->sides[side].is_there) fprintf(out, " %14s", row->cells[1 + side]);
    fputc('\n', out);
    memset(row, 0, sizeof *row);
}

static void put_count(struct row *row, unsigned column, uint64_t n)
{
    put(row, column, "%llu", (unsigned long long)n);
}

static void put_share(struct row *row, unsigned column, double share)
{
    put(row, column, "%.2f %%", share * 100);
}

static void put_time(struct row *row, unsigned column, double seconds)
{
    if (seconds < 0.001)
        put(row, column, "%.0f us", seconds * 1e6);
    else if (seconds < 1)
        put(row, column, "%.2f ms", seconds * 1e3);
    else
        put(row, column, "%.2f s", seconds);
}

static void print_times(const struct replay_results *r, FILE *out)
{
    static const struct {
        const char *name;
        double share;
    } times[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}};
    struct row row = {{{0}}};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        put_time(&row, 0, latency_percentile(&r->recorded.latency, times[i].share));
        for (unsigned side = 0; side < REPLAY_SIDES; side++)
            put_time(&row, 1 + side, latency_percentile(&r->sides[side].latency, times[i].share));
        print_row(r, out, times[i].name, &row);
    }
    put_time(&row, 0, (double)r->recorded.max_us / 1e6);
    for (unsigned side = 0; side < REPLAY_SIDES; side++)
        put_time(&row, 1 + side, (double)r->sides[side].max_us / 1e6);
    print_row(r, out, "longest", &row);
}

static void print_counts(const struct replay_results *r, FILE *out)
{
    struct row row = {{{0}}};
#define PRINT(name, function, of_recorded, of_side)                                                \
    do {                                                                                           \
        function(&row, 0, of_recorded);                                                            \
        for (unsigned side = 0; side < REPLAY_SIDES; side++) {                                     \
            const struct replay_side *s = &r->sides[side];                                         \
            function(&row, 1 + side, of_side);                                                     \
        }                                                                                          \
        print_row(r, out, name, &row);                                                             \
    } while (0)
    PRINT("requests", put_count, r->recorded.requests, s->requests);
    PRINT("keys read", put_count, r->recorded.gets, s->gets);
    PRINT("hit rate", put_share, replay_recorded_rate(r), share_of(s->hits, s->gets));
    PRINT("errors", put_count, r->recorded.errors, s->errors);
#undef PRINT
    for (unsigned side = 0; side < REPLAY_SIDES; side++)
        put_count(&row, 1 + side, r->sides[side].lost_hits);
    print_row(r, out, "hits lost", &row);
    for (unsigned side = 0; side < REPLAY_SIDES; side++)
        put_count(&row, 1 + side, r->sides[side].won_hits);
    print_row(r, out, "hits won", &row);
    for (unsigned side = 0; side < REPLAY_SIDES; side++)
        put_count(&row, 1 + side, r->sides[side].seeded);
    if (r->fakes) print_row(r, out, "items before", &row);
    for (unsigned side = 0; side < REPLAY_SIDES; side++)
        put_count(&row, 1 + side, r->sides[side].refilled);
    if (r->refills) print_row(r, out, "stored again", &row);
}

/* What was recorded, and what of it was not. */
static void print_recording(const struct replay_results *r, FILE *out)
{
    const struct replay_recorded *x = &r->recorded;
    fprintf(out, "%s: %llu requests of %llu clients in %.1f s", r->file,
            (unsigned long long)r->replayed, (unsigned long long)x->clients, x->lasted);
    if (x->sample < 1) fprintf(out, ", %.4g %% of all keys", x->sample * 100);
    fputc('\n', out);
    if (x->lost)
        fprintf(out, "%llu requests more could not be recorded\n", (unsigned long long)x->lost);
    if (x->gaps) fprintf(out, "nothing was recorded for a while: %u times\n", x->gaps);
    if (r->left_out)
        fprintf(out, "%llu left out: they %s\n", (unsigned long long)r->left_out,
                r->fakes ? "are not about keys" : "change something, or are not about keys");
    if (!x->has_sizes) fputs("sizes of values were not recorded: they are made up\n", out);
}

/* What its servers in memory hold at first. */
static const char *begins(const struct replay_side *s)
{
    if (s->was_warm) return ", warm";
    return s->had_same ? ", with the items of the old servers" : ", cold";
}

static void print_head(const struct replay_results *r, FILE *out)
{
    struct row row = {{{0}}};
    print_recording(r, out);
    fprintf(out, "against %s, ", r->fakes ? "servers in memory" : "real servers");
    if (r->speed > 0)
        fprintf(out, "%g times as fast as it was", r->speed);
    else
        fputs("as fast as it goes", out);
    fprintf(out, ": %.1f s, %.0f requests a second\n", r->took,
            r->took > 0 ? (double)r->replayed / r->took : 0);
    for (unsigned side = 0; side < REPLAY_SIDES; side++)
        if (r->sides[side].is_there)
            fprintf(out, "%s: %s%s\n", side == REPLAY_OLD ? "old" : "new", r->sides[side].path,
                    r->fakes ? begins(&r->sides[side]) : "");
    fputc('\n', out);
    put(&row, 0, "recorded");
    put(&row, 1, "old");
    put(&row, 2, "new");
    print_row(r, out, "", &row);
}

/* --- what differs --------------------------------------------------------------------------------------- */

static void print_place(const char *name, const char *pool, FILE *out)
{
    if (*pool)
        fprintf(out, "%s (%s)", name, pool);
    else
        fprintf(out, "%s", name);
}

static void print_moves(const struct replay_results *r, FILE *out)
{
    const struct replay_routes *x = &r->routes;
    fprintf(out,
            "\nroutes: of %llu requests %llu move, %.1f %%; %llu are copied: found in their old "
            "place after a miss; %llu to "
            "another pool, %llu under another key\n",
            (unsigned long long)x->requests, (unsigned long long)x->moved, replay_moved(r) * 100,
            (unsigned long long)x->copied, (unsigned long long)x->other_pool,
            (unsigned long long)x->other_key);
    for (uint32_t i = 0; i < x->moves_n && i < SHOWN_MOVES; i++) {
        const struct replay_move *m = &x->moves[i];
        fputs("  ", out);
        print_place(m->from, m->from_pool, out);
        fputs(" -> ", out);
        print_place(m->to, m->to_pool, out);
        fprintf(out, ": %llu, %.1f %%%s\n", (unsigned long long)m->requests,
                share_of(m->requests, x->requests) * 100, m->copied ? ", copied" : "");
    }
    if (x->moves_n > SHOWN_MOVES)
        fprintf(out, "  and %u more pairs: --json\n", x->moves_n - SHOWN_MOVES);
}

static void print_prefixes(const struct replay_results *r, FILE *out)
{
    bool has_old = r->sides[REPLAY_OLD].is_there;
    if (r->prefixes_n == 0) return;
    fprintf(out, "\n%-20s %12s %10s", "prefix", "requests", "recorded");
    if (has_old) fprintf(out, " %10s", "old");
    fprintf(out, " %10s", "new");
    fprintf(out, has_old ? " %10s\n" : "%s\n", has_old ? "moved" : "");
    for (uint32_t i = 0; i < r->prefixes_n && i < SHOWN_PREFIXES; i++) {
        const struct replay_prefix *p = &r->prefixes[i];
        fprintf(out, "%-20s %12llu %8.2f %%", p->prefix, (unsigned long long)p->requests,
                share_of(p->recorded_hits, p->gets) * 100);
        for (unsigned side = 0; side < REPLAY_SIDES; side++)
            if (r->sides[side].is_there)
                fprintf(out, " %8.2f %%", share_of(p->hits[side], p->gets) * 100);
        if (has_old) fprintf(out, " %10llu", (unsigned long long)p->moved);
        fputc('\n', out);
    }
    if (r->prefixes_n > SHOWN_PREFIXES)
        fprintf(out, "and %u more: --json\n", r->prefixes_n - SHOWN_PREFIXES);
}

static void print_servers(const struct replay_results *r, unsigned side, FILE *out)
{
    const struct replay_side *s = &r->sides[side];
    if (!s->is_there || s->servers_n == 0) return;
    fprintf(out, "\n%-4s %-28s %12s %10s %14s %14s\n", side == REPLAY_OLD ? "old" : "new", "server",
            "requests", "found", "bytes to it", "from it");
    for (uint32_t i = 0; i < s->servers_n && i < SHOWN_SERVERS; i++) {
        const struct replay_server *v = &s->servers[i];
        fprintf(out, "     %-28s %12llu %8.2f %% %14llu %14llu", v->name,
                (unsigned long long)v->requests, share_of(v->hits, v->hits + v->misses) * 100,
                (unsigned long long)v->bytes_in, (unsigned long long)v->bytes_out);
        if (v->evictions)
            fprintf(out, "  %llu items had no room", (unsigned long long)v->evictions);
        fputc('\n', out);
    }
    if (s->servers_all > SHOWN_SERVERS)
        fprintf(out, "     and %u more: --json\n", s->servers_all - SHOWN_SERVERS);
    if (s->uneven > 0)
        fprintf(out, "     %s has %.2f times the mean of its pool\n",
                s->servers[s->uneven_server].name, s->uneven);
}

static void print_errors(const struct replay_results *r, unsigned side, FILE *out)
{
    const struct replay_side *s = &r->sides[side];
    for (uint32_t i = 0; i < s->errors_n; i++) {
        const struct replay_error *e = &s->kinds[i];
        fprintf(out, "\n%s: %llu times: %s\n", side == REPLAY_OLD ? "old" : "new",
                (unsigned long long)e->requests, e->text);
        for (uint32_t k = 0; k < e->samples_n; k++) fprintf(out, "  %s\n", e->samples[k]);
    }
}

void replay_print(const struct replay_results *r, FILE *out)
{
    print_head(r, out);
    print_counts(r, out);
    print_times(r, out);
    if (r->fakes)
        fputs("times of old and new are moongate's own: servers in memory take none\n", out);
    if (r->sides[REPLAY_OLD].is_there) print_moves(r, out);
    print_prefixes(r, out);
    for (unsigned side = 0; side < REPLAY_SIDES; side++) print_servers(r, side, out);
    for (unsigned side = 0; side < REPLAY_SIDES; side++) print_errors(r, side, out);
}
