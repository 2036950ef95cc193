/* The page of a replay: what results say is on it, whatever texts they have, and each tag that is opened is closed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replay/report.h"
#include "replay/report_plot.h"

#define STRANGE "<script>\"&'\x01\xff"

static struct replay_results *results_like(const char *text, bool with_old)
{
    struct replay_results *r = calloc(1, sizeof *r);
    assert_non_null(r);
    snprintf(r->file, sizeof r->file, "%s", text);
    r->fakes = true;
    r->end = REPLAY_DONE;
    r->took = 3.5;
    r->replayed = 123456;
    r->recorded = (struct replay_recorded){.requests = 123456,
                                           .gets = 1000,
                                           .hits = 900,
                                           .misses = 100,
                                           .began = 1700000000,
                                           .lasted = 60};
    r->bucket = 1;
    r->buckets_n = 60;
    for (int i = 0; i < REPLAY_SIDES; i++) {
        struct replay_side *s = &r->sides[i];
        s->is_there = i == REPLAY_NEW || with_old;
        snprintf(s->path, sizeof s->path, "%s", text);
        s->requests = 123456;
        s->hits = i == REPLAY_OLD ? 880 : 440;
        s->misses = 1000 - s->hits;
        for (uint64_t us = 1; us < 100000; us *= 3) latency_note(&s->latency, (double)us / 1e6);
        s->errors_n = 1;
        s->kinds[0].requests = 7;
        snprintf(s->kinds[0].text, sizeof s->kinds[0].text, "%s", text);
        s->kinds[0].samples_n = 2;
        snprintf(s->kinds[0].samples[0], REPLAY_TEXT, "get %.200s", text);
        snprintf(s->kinds[0].samples[1], REPLAY_TEXT, "get %.200s", text);
        s->servers_n = 2;
        s->servers_all = 3;
        for (int k = 0; k < 2; k++) {
            snprintf(s->servers[k].name, REPLAY_NAME, "%.50s%d", text, k);
            snprintf(s->servers[k].pool, REPLAY_NAME, "%.50s", text);
            s->servers[k].requests = 1000u - 500u * (unsigned)k;
        }
        s->uneven = 1.25;
        for (uint32_t b = 0; b < r->buckets_n; b++)
            r->buckets[i][b] = (struct replay_bucket){.requests = b == 9 ? 0 : 100 + b,
                                                      .gets = b == 9 ? 0 : 100,
                                                      .hits = 50 + b / 2,
                                                      .p99_us = 100 + b};
    }
    r->routes = (struct replay_routes){
        .requests = 1000, .same = 600, .moved = 300, .copied = 100, .moves_n = 1, .moves_rest = 12};
    snprintf(r->routes.moves[0].from, REPLAY_NAME, "%.50s", text);
    snprintf(r->routes.moves[0].to, REPLAY_NAME, "%.50s", text);
    snprintf(r->routes.moves[0].from_pool, REPLAY_NAME, "%.50s", text);
    r->routes.moves[0].requests = 300;
    r->prefixes_n = 1;
    snprintf(r->prefixes[0].prefix, REPLAY_NAME, "%.50s", text);
    r->prefixes[0].requests = r->prefixes[0].gets = 10;
    r->thresholds_n = 2;
    r->thresholds[0] = (struct replay_threshold){"--max-moved", 0.1, 0.3, false, true};
    r->thresholds[1] = (struct replay_threshold){"--max-p99", 0.01, 0.002, true, false};
    return r;
}

static char *page_of(struct replay_results *r)
{
    char *page = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&page, &len);
    assert_non_null(to);
    report_write(r, to);
    assert_int_equal(fclose(to), 0);
    free(r);
    return page;
}

static int is_void(const char *name, size_t len)
{
    static const char *const all[] = {"meta", "link", "!doctype"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strlen(all[i]) == len && strncmp(all[i], name, len) == 0) return 1;
    return 0;
}

/* Each tag closes the one that was opened last. */
static void check_tags(const char *page)
{
    const char *open[64];
    size_t lens[64], n = 0;
    for (const char *at = page; (at = strchr(at, '<')); at++) {
        const char *name = at + 1, *end = strchr(at, '>');
        assert_non_null(end);
        int closes = *name == '/';
        name += closes;
        size_t len = strcspn(name, " />\n");
        if (is_void(name, len) || end[-1] == '/') continue;
        if (!closes) {
            assert_true(n < 64);
            open[n] = name;
            lens[n++] = len;
            continue;
        }
        assert_true(n > 0);
        n--;
        if (lens[n] != len || strncmp(open[n], name, len) != 0)
            fail_msg("%.*s is closed by %.*s", (int)lens[n], open[n], (int)len, name);
    }
    assert_int_equal(n, 0);
}

static void a_page_says_what_the_results_say(void **state)
{
    (void)state;
    char *page = page_of(results_like("shop.rec", true));
    static const char *const said[] = {
        "shop.rec", "88.0 %", "44.0 %",       "123,456",    "over a limit",   "--max-moved",
        "30 %",     "10 %",   "2.00 ms",      "1.25 times", "1 more servers", "12 more requests",
        "Hit rate", "p99.9",  "get shop.rec", "--max-p99"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (!strstr(page, said[i])) fail_msg("'%s' is not on the page", said[i]);
    check_tags(page);
    assert_null(strstr(page, "nan"));
    assert_null(strstr(page, "inf\""));
    free(page);
}

static void no_text_becomes_a_part_of_the_page(void **state)
{
    (void)state;
    char *page = page_of(results_like(STRANGE, true));
    assert_null(strstr(page, "<script"));
    assert_null(strchr(page, '\x01'));
    assert_null(strstr(page, "\xff"));
    assert_non_null(strstr(page, "&lt;script&gt;&quot;&amp;&#39;\\x01\\xff"));
    check_tags(page);
    free(page);
}

static void a_page_of_one_script_has_no_column_for_another(void **state)
{
    (void)state;
    char *page = page_of(results_like("one.lua", false));
    assert_null(strstr(page, "go elsewhere"));
    assert_null(strstr(page, "data-h=\"old\""));
    assert_non_null(strstr(page, "data-h=\"new\""));
    check_tags(page);
    free(page);
}

static void a_page_of_nothing_is_a_page(void **state)
{
    (void)state;
    struct replay_results *r = calloc(1, sizeof *r);
    r->sides[REPLAY_NEW].is_there = true;
    r->end = REPLAY_CUT;
    snprintf(r->trouble, sizeof r->trouble, "block 3 is damaged");
    char *page = page_of(r);
    check_tags(page);
    assert_non_null(strstr(page, "block 3 is damaged"));
    assert_null(strstr(page, "nan"));
    free(page);
}

static void put_plain(FILE *out, double number)
{
    fprintf(out, "%g", number);
}

static void an_axis_has_few_round_steps_and_holds_all(void **state)
{
    (void)state;
    struct plot_tick ticks[PLOT_TICKS];
    uint32_t n;
    for (double most = 1e-6; most < 1e9; most *= 1.37) {
        double top = plot_scale(most, put_plain, ticks, &n);
        assert_true(top >= most * 0.999999 && top < most * 2.6);
        assert_true(n >= 2 && n <= 6);
        assert_string_equal(ticks[0].label, "0");
    }
    assert_true(plot_scale(0, put_plain, ticks, &n) == 1);
    assert_true(plot_scale(60, put_plain, ticks, &n) == 60);
    assert_string_equal(ticks[1].label, "20");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_says_what_the_results_say),
        cmocka_unit_test(no_text_becomes_a_part_of_the_page),
        cmocka_unit_test(a_page_of_one_script_has_no_column_for_another),
        cmocka_unit_test(a_page_of_nothing_is_a_page),
        cmocka_unit_test(an_axis_has_few_round_steps_and_holds_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
