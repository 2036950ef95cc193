/* The page of a replay, from its top: how it ended and whether limits were kept; the numbers of the recording and of each script side by
 * side; plots over the time of the recording, and of the latencies; which requests go elsewhere; prefixes; servers; errors. The style is
 * that of the daemon's own page, with report.css for what that does not have. */
#include "replay/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <time.h>

#include "base/html.h"
#include "base/page_files.h"
#include "replay/report_plots.h"

static double share_of(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : NAN;
}

/* --- words ------------------------------------------------------------------------------------- */

static void put(FILE *out, const char *before, const char *text, const char *after)
{
    fputs(before, out);
    html_text(out, text);
    fputs(after, out);
}

static void put_badge(FILE *out, const char *look, const char *text)
{
    fprintf(out, "<b class=\"badge %s\">", look);
    html_text(out, text);
    fputs("</b>", out);
}

static void put_bar(FILE *out, double share)
{
    fprintf(out,
            "<svg class=\"bar\" viewBox=\"0 0 100 3\" preserveAspectRatio=\"none\" "
            "aria-hidden=\"true\"><rect height=\"3\" width=\"%.1f\"/></svg>",
            isnan(share) ? 0 : 100 * share);
}

static void begin_section(FILE *out, const char *id, const char *title)
{
    fprintf(out, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">%s</h2>\n", id, id, title);
}

static void begin_table(FILE *out, const char *look, const char *caption, const char *head)
{
    fprintf(out, "<table class=\"%s\"><caption>%s</caption>\n<thead><tr>%s</tr></thead>\n<tbody>\n",
            look, caption, head);
}

static void end_table(FILE *out)
{
    fputs("</tbody></table>\n", out);
}

static void put_rest(FILE *out, uint64_t requests, const char *what)
{
    if (!requests) return;
    fputs("<p class=\"note\">", out);
    html_number(out, requests);
    fprintf(out, " more requests %s.</p>\n", what);
}

/* --- the top ----------------------------------------------------------------------------------- */

static bool is_over(const struct replay_results *r)
{
    for (uint32_t i = 0; i < r->thresholds_n; i++)
        if (r->thresholds[i].is_over) return true;
    return false;
}

/* Limits may be small: 0.02 %. */
static void put_small_share(FILE *out, double share)
{
    fprintf(out, "%.3g %%", 100 * share);
}

static void put_limit(FILE *out, const struct replay_threshold *t)
{
    fputs("<li>", out);
    put_badge(out, t->is_over ? "bad" : "good", t->is_over ? "over" : "kept");
    put(out, " <code>", t->name, "</code> ");
    (t->is_time ? html_latency : put_small_share)(out, t->found);
    fputs(", allowed ", out);
    (t->is_time ? html_latency : put_small_share)(out, t->allowed);
    fputs("</li>\n", out);
}

static void write_state(const struct replay_results *r, FILE *out)
{
    bool is_whole = r->end == REPLAY_DONE, over = is_over(r);
    const char *look = over ? "bad" : is_whole ? "good" : "fair";
    fputs("<section aria-label=\"State\" class=\"state\">\n<p>", out);
    put_badge(out, look, over ? "over a limit" : is_whole ? "done" : "not whole");
    put(out, "<span>", replay_end_text(r->end), "</span> <span>");
    html_number(out, r->replayed);
    fputs(" requests in ", out);
    html_duration(out, r->took);
    put(out, "</span> <span>", r->fakes ? "against fake servers in memory" : "against real servers",
        "</span></p>\n");
    if (r->trouble[0]) put(out, "<ul class=\"problems\"><li>", r->trouble, "</li></ul>\n");
    if (r->thresholds_n) {
        fputs("<ul class=\"verdict\">\n", out);
        for (uint32_t i = 0; i < r->thresholds_n; i++) put_limit(out, &r->thresholds[i]);
        fputs("</ul>\n", out);
    }
    if (r->left_out) {
        fputs("<p class=\"note\">", out);
        html_number(out, r->left_out);
        fputs(" requests were left out: real servers would be changed by them, or they cannot be "
              "sent again.</p>\n",
              out);
    }
    if (r->fakes)
        fputs("<p class=\"note\">Latencies are the time that moongate itself took: fake servers "
              "answer at once.</p>\n",
              out);
    fputs("</section>\n", out);
}

static void write_head(const struct replay_results *r, FILE *out)
{
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n<title>Replay of ",
          out);
    html_text(out, r->file);
    fprintf(out, "</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>%s%s</style>\n</head>\n",
            page_css, report_css);
    fputs("<body>\n<header>\n<h1>moongate replay</h1>\n", out);
    put(out, "<p class=\"where\">", r->file, "</p>\n<p class=\"control\">recorded ");
    html_time(out, (time_t)r->recorded.began);
    fputs(" UTC, ", out);
    html_duration(out, r->recorded.lasted);
    fputs("</p>\n</header>\n<main>\n", out);
}

/* --- side by side ------------------------------------------------------------------------------ */

/* A row's numbers: of the recording, then of each script. */
struct row {
    const char *name;
    double recorded, sides[REPLAY_SIDES];
};

static void put_row(FILE *out, const struct replay_results *r, const struct row *row,
                    plot_put_fn *show)
{
    put(out, "<tr><th scope=\"row\">", row->name, "</th><td class=\"n\" data-h=\"recorded\">");
    show(out, row->recorded);
    fputs("</td>", out);
    for (int i = 0; i < REPLAY_SIDES; i++) {
        if (!r->sides[i].is_there) continue;
        fprintf(out, "<td class=\"n\" data-h=\"%s\">", i == REPLAY_OLD ? "old" : "new");
        show(out, row->sides[i]);
        fputs("</td>", out);
    }
    fputs("</tr>\n", out);
}

static double latency_or_none(const struct latency *l, double share)
{
    return latency_count(l) ? latency_percentile(l, share) : NAN;
}

static void put_counts(FILE *out, const struct replay_results *r)
{
    const struct replay_recorded *was = &r->recorded;
    const struct replay_side *a = &r->sides[REPLAY_OLD], *b = &r->sides[REPLAY_NEW];
#define COUNT(title, field)                                                                        \
    {                                                                                              \
        title, (double)was->field,                                                                 \
        {                                                                                          \
            (double)a->field, (double)b->field                                                     \
        }                                                                                          \
    }
#define ONLY(title, field)                                                                         \
    {                                                                                              \
        title, NAN,                                                                                \
        {                                                                                          \
            (double)a->field, (double)b->field                                                     \
        }                                                                                          \
    }
    const struct row counts[] = {
        COUNT("requests", requests),
        COUNT("keys read", gets),
        COUNT("hits", hits),
        ONLY("found when recorded, not here", lost_hits),
        ONLY("found here alone", won_hits),
        COUNT("writes", writes),
        COUNT("errors", errors),
        ONLY("errors of the script", script_errors),
        ONLY("items put in beforehand", seeded),
    };
#undef COUNT
#undef ONLY
    struct row rate = {
        "hit rate",
        share_of(was->hits, was->hits + was->misses),
        {share_of(a->hits, a->hits + a->misses), share_of(b->hits, b->hits + b->misses)}};
    put_row(out, r, &rate, html_share);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        put_row(out, r, &counts[i], html_count);
}

static void put_latencies(FILE *out, const struct replay_results *r)
{
    static const struct {
        const char *name;
        double share;
    } shown[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}};
    const struct replay_side *a = &r->sides[REPLAY_OLD], *b = &r->sides[REPLAY_NEW];
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        struct row row = {shown[i].name,
                          latency_or_none(&r->recorded.latency, shown[i].share),
                          {latency_or_none(&a->latency, shown[i].share),
                           latency_or_none(&b->latency, shown[i].share)}};
        put_row(out, r, &row, html_latency);
    }
    struct row most = {"longest",
                       (double)r->recorded.max_us / 1e6,
                       {(double)a->max_us / 1e6, (double)b->max_us / 1e6}};
    put_row(out, r, &most, html_latency);
}

static void write_sides(const struct replay_results *r, FILE *out)
{
    begin_section(out, "h-sides", "Side by side");
    fputs("<table class=\"cards side\"><caption>The recording, and what each script made of "
          "it</caption>\n"
          "<thead><tr><th scope=\"col\"></th><th scope=\"col\" class=\"n\">recorded</th>",
          out);
    for (int i = 0; i < REPLAY_SIDES; i++) {
        if (!r->sides[i].is_there) continue;
        put(out, "<th scope=\"col\" class=\"n\"><bdi>", r->sides[i].path, "</bdi>");
        if (r->fakes) put(out, " <small>", r->sides[i].was_warm ? "warm" : "cold", "</small>");
        fputs("</th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    put_counts(out, r);
    put_latencies(out, r);
    end_table(out);
    fputs("</section>\n", out);
}

/* --- where requests go ------------------------------------------------------------------------- */

static void put_place(FILE *out, const char *name, const char *pool)
{
    put(out, "<bdi>", name, "</bdi>");
    if (pool[0]) put(out, " <small>", pool, "</small>");
}

static void write_moves(const struct replay_results *r, FILE *out)
{
    const struct replay_routes *w = &r->routes;
    if (!r->sides[REPLAY_OLD].is_there) return;
    begin_section(out, "h-routes", "Requests that go elsewhere");
    fputs("<p>", out);
    html_share(out, share_of(w->moved, w->requests));
    fputs(" of the requests move, ", out);
    html_share(out, share_of(w->copied, w->requests));
    fputs(" are found in their old place after a miss, ", out);
    html_share(out, share_of(w->same, w->requests));
    fputs(" stay.</p>\n", out);
    if (w->moves_n) {
        begin_table(
            out, "cards moves", "From which place to which",
            "<th scope=\"col\">From</th><th scope=\"col\">To</th><th scope=\"col\">Then</th>"
            "<th scope=\"col\" class=\"n\">Requests</th><th scope=\"col\" class=\"n\">Share</th>");
        for (uint32_t i = 0; i < w->moves_n; i++) {
            const struct replay_move *m = &w->moves[i];
            fputs("<tr><th scope=\"row\">", out);
            put_place(out, m->from, m->from_pool);
            fputs("</th><td>", out);
            put_place(out, m->to, m->to_pool);
            fprintf(out, "</td><td>%s</td><td class=\"n\" data-h=\"Requests\">",
                    m->copied ? "the old place after a miss" : "");
            html_number(out, m->requests);
            fputs("</td><td class=\"n\" data-h=\"Share\">", out);
            html_share(out, share_of(m->requests, w->requests));
            put_bar(out, share_of(m->requests, w->requests));
            fputs("</td></tr>\n", out);
        }
        end_table(out);
    }
    put_rest(out, w->moves_rest, "go between pairs of places that are not shown");
    fputs("</section>\n", out);
}

static void put_prefix(FILE *out, const struct replay_results *r, const struct replay_prefix *p)
{
    put(out, "<tr><th scope=\"row\" class=\"key\">", p->prefix,
        "</th><td class=\"n\" data-h=\"Requests\">");
    html_number(out, p->requests);
    if (r->sides[REPLAY_OLD].is_there) {
        fputs("</td><td class=\"n\" data-h=\"Move\">", out);
        html_share(out, share_of(p->moved, p->requests));
    }
    fputs("</td><td class=\"n\" data-h=\"Hits recorded\">", out);
    html_share(out, share_of(p->recorded_hits, p->gets));
    for (int i = 0; i < REPLAY_SIDES; i++) {
        if (!r->sides[i].is_there) continue;
        fprintf(out, "</td><td class=\"n\" data-h=\"Hits %s\">", i == REPLAY_OLD ? "old" : "new");
        html_share(out, share_of(p->hits[i], p->gets));
    }
    fputs("</td></tr>\n", out);
}

static void write_prefixes(const struct replay_results *r, FILE *out)
{
    bool both = r->sides[REPLAY_OLD].is_there;
    if (!r->prefixes_n) return;
    begin_section(out, "h-prefixes", "Prefixes of keys");
    fprintf(
        out,
        "<table class=\"cards\"><caption>By the beginning of keys, most requests first</caption>\n"
        "<thead><tr><th scope=\"col\">Prefix</th><th scope=\"col\" class=\"n\">Requests</th>%s"
        "<th scope=\"col\" class=\"n\">Hits recorded</th>%s<th scope=\"col\" class=\"n\">Hits "
        "new</th></tr></thead>\n<tbody>\n",
        both ? "<th scope=\"col\" class=\"n\">Move</th>" : "",
        both ? "<th scope=\"col\" class=\"n\">Hits old</th>" : "");
    for (uint32_t i = 0; i < r->prefixes_n; i++) put_prefix(out, r, &r->prefixes[i]);
    end_table(out);
    put_rest(out, r->prefixes_rest, "have other prefixes");
    fputs("</section>\n", out);
}

/* --- servers and errors ------------------------------------------------------------------------ */

static void put_server(FILE *out, const struct replay_results *r, const struct replay_side *s,
                       const struct replay_server *one)
{
    uint64_t keys = one->hits + one->misses;
    fputs("<tr><th scope=\"row\">", out);
    put_place(out, one->name, one->pool);
    fputs("</th><td class=\"n\" data-h=\"Requests\">", out);
    html_number(out, one->requests);
    put_bar(out, share_of(one->requests, s->servers[0].requests));
    fputs("</td><td class=\"n\" data-h=\"Hit rate\">", out);
    html_share(out, share_of(one->hits, keys));
    fputs("</td><td class=\"n\" data-h=\"In\">", out);
    html_size(out, (double)one->bytes_in);
    fputs("</td><td class=\"n\" data-h=\"Out\">", out);
    html_size(out, (double)one->bytes_out);
    if (r->fakes) {
        fputs("</td><td class=\"n\" data-h=\"Holds\">", out);
        html_size(out, (double)one->bytes);
        fputs("</td><td class=\"n\" data-h=\"Evicted\">", out);
        html_number(out, one->evictions);
    }
    fputs("</td></tr>\n", out);
}

static void write_servers(const struct replay_results *r, int side, FILE *out)
{
    const struct replay_side *s = &r->sides[side];
    if (!s->is_there || !s->servers_n) return;
    const char *id = side == REPLAY_OLD ? "h-servers-old" : "h-servers-new";
    fprintf(out, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">Servers of ", id, id);
    put(out, "<bdi>", s->path, "</bdi>");
    if (s->uneven > 0) {
        fprintf(out, " <small>the fullest, %s", "<bdi>");
        html_text(out, s->servers[s->uneven_server].name);
        fprintf(out, "</bdi>, has %.2f times the mean of its pool</small>", s->uneven);
    }
    fputs("</h2>\n", out);
    fprintf(out,
            "<table class=\"cards\"><caption>Most requests first</caption>\n<thead><tr><th "
            "scope=\"col\">Server</th><th scope=\"col\" class=\"n\">Requests</th><th scope=\"col\" "
            "class=\"n\">Hit rate</th><th scope=\"col\" class=\"n\">In</th><th scope=\"col\" "
            "class=\"n\">Out</th>%s</tr></thead>\n<tbody>\n",
            r->fakes ? "<th scope=\"col\" class=\"n\">Holds</th><th scope=\"col\" "
                       "class=\"n\">Evicted</th>"
                     : "");
    for (uint32_t i = 0; i < s->servers_n; i++) put_server(out, r, s, &s->servers[i]);
    end_table(out);
    if (s->servers_all > s->servers_n)
        fprintf(out, "<p class=\"note\">%" PRIu32 " more servers are not shown.</p>\n",
                s->servers_all - s->servers_n);
    fputs("</section>\n", out);
}

static void write_errors(const struct replay_results *r, int side, FILE *out)
{
    const struct replay_side *s = &r->sides[side];
    if (!s->is_there || !s->errors_n) return;
    const char *id = side == REPLAY_OLD ? "h-errors-old" : "h-errors-new";
    fprintf(out, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">Errors of ", id, id);
    put(out, "<bdi>", s->path, "</bdi></h2>\n");
    begin_table(out, "cards news", "Most frequent first, with requests that got them",
                "<th scope=\"col\" class=\"n\">Requests</th><th scope=\"col\">Error</th><th "
                "scope=\"col\">For example</th>");
    for (uint32_t i = 0; i < s->errors_n; i++) {
        const struct replay_error *e = &s->kinds[i];
        fputs("<tr><td class=\"n\" data-h=\"Requests\">", out);
        html_number(out, e->requests);
        put(out, "</td><td class=\"text\">", e->text, "</td><td class=\"key\">");
        for (uint32_t k = 0; k < e->samples_n; k++) put(out, k ? "\n" : "", e->samples[k], "");
        fputs("</td></tr>\n", out);
    }
    end_table(out);
    fputs("</section>\n", out);
}

void report_write(const struct replay_results *r, FILE *out)
{
    write_head(r, out);
    write_state(r, out);
    write_sides(r, out);
    begin_section(out, "h-plots", "Over the time of the recording");
    fputs("<div class=\"plots\">\n", out);
    report_plots_write(r, out);
    fputs("</div>\n</section>\n", out);
    write_moves(r, out);
    write_prefixes(r, out);
    for (int i = 0; i < REPLAY_SIDES; i++) write_servers(r, i, out);
    for (int i = 0; i < REPLAY_SIDES; i++) write_errors(r, i, out);
    fputs("</main>\n</body>\n</html>\n", out);
}
