/* page: complete HTML from the status alone; nothing that scripts, servers or clients name can become markup; keys and log lines only
 * for those who may see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ev.h>

#include "base/log_tail.h"
#include "base/process.h"
#include "master/page.h"
#include "master/trend.h"
#include "protocol/base64.h"
#include <sha2.h>

static struct board *board;
static struct recent recent;
static struct journal journal;
static struct status_view view;
static char *text;

static int begin(void **state)
{
    board = board_create(1, 1 << 16);
    journal = (struct journal){0};
    recent_init(&recent, ev_default_loop(0), board, false);
    view = (struct status_view){.version = "1.2.3",
                                .state = "running",
                                .pid = 42,
                                .workers = 1,
                                .ready = 1,
                                .generation = 7,
                                .recent = &recent,
                                .journal = &journal};
    return board && log_tail_begin() ? 0 : -1;
}

static int end(void **state)
{
    log_tail_end();
    recent_stop(&recent);
    recent_release(&recent);
    board_destroy(board);
    free(text);
    text = NULL;
    return 0;
}

static void draw(unsigned what)
{
    size_t len;
    free(text);
    FILE *out = open_memstream(&text, &len);
    page_write(&view, what, out);
    fclose(out);
}

static void has(const char *part)
{
    if (!strstr(text, part)) fail_msg("no %s in\n%s", part, strstr(text, "<main"));
}

static void has_not(const char *part)
{
    if (strstr(text, part)) fail_msg("%s in\n%s", part, strstr(text, "<main"));
}

static struct board_server *server(const char *name, uint64_t ready, uint64_t connections)
{
    struct board_server *s = board_server(&board->parts[0].tables, name);
    s->ready = ready;
    s->connections = connections;
    return s;
}

static void it_is_complete_before_anything_is_known(void **state)
{
    draw(0);
    has("<!doctype html>");
    has("</html>");
    has_not("{{");
    has("The script names no server.");
    has("the first numbers come in a second");
    has("built-in script");
    has_not("NaN");
    has_not("nan");
}

static void it_shows_the_numbers_of_the_window(void **state)
{
    struct board_listener *l = board_listener(&board->parts[0].tables, "web");
    l->workers = 1;
    recent_take(&recent);
    l->requests = 2468;
    l->hits = 75;
    l->misses = 25;
    board->parts[0].row.requests = 2468;
    for (int i = 0; i < 100; i++) latency_note(&l->latency, 0.000101);
    recent_take(&recent);
    recent_now(&recent)->survey->taken = recent.moments[0].survey->taken + 2;
    draw(0);
    has("id=\"v-requests\">1,234<");
    has("id=\"v-hits\">75.0 %<");
    has("id=\"v-p99\">102 \xc2\xb5s<");
    has("id=\"c-requests\">2,468<");
    has("<bdi>web</bdi>");
    has("the last 2 s");
}

static void servers_that_are_down_come_first(void **state)
{
    server("a:1", 1, 1);
    server("b:1", 1, 2);
    server("c:1", 0, 2);
    server("gone:1", 0, 0);
    recent_take(&recent);
    draw(0);
    has("1 ready, 1 degraded, 1 down");
    has("1 server is down.");
    const char *down = strstr(text, "<bdi>c:1</bdi>"), *some = strstr(text, "<bdi>b:1</bdi>");
    const char *all = strstr(text, "<bdi>a:1</bdi>");
    assert_true(down && down < some && some < all);
    has_not("gone:1");
    has("<b class=\"badge bad\">down</b></td>"); /* nobody has seen its beginning */
    recent_now(&recent)->since[2] = 1e-9;
    draw(0);
    has("<b class=\"badge bad\">down</b> <small>for ");
}

static void names_and_texts_never_become_markup(void **state)
{
    struct board_pool *p = board_pool(&board->parts[0].tables, "<b>\"&");
    p->users = p->servers = 1;
    server("<script>alert(1)</script>", 1, 1);
    journal_note(&journal, JOURNAL_REFUSED, 1, "</td><img src=x onerror=y>");
    log_tail_note(LOG_WARN, "<i>", "key '\x1b]\xff<svg/onload=z>'");
    view.script = "/tmp/\"><x>.lua";
    recent_take(&recent);
    draw(STATUS_KEYS);
    has("<bdi>&lt;b&gt;&quot;&amp;</bdi>");
    has("Pool &lt;b&gt;&quot;&amp;: no server answers.");
    has_not("<script>alert");
    has_not("<img");
    has_not("<svg/");
    has_not("<x>");
    has("key &#39;\\x1b]\\xff&lt;svg/onload=z&gt;&#39;");
}

static void keys_and_log_lines_are_for_those_who_may_see_them(void **state)
{
    struct heat_writer writer;
    heat_begin(&writer, &board->parts[0].heat, process_clock() - 10, 1);
    for (int i = 0; i < 1000; i++) heat_add(&writer, HEAT_KEYS, "<u>\x01\xff", 5, 1);
    log_tail_note(LOG_INFO, "master", "something secret");
    draw(0);
    has_not("something secret");
    has_not("\\x01\\xff");
    has("Keys with more than 1 % of the requests each: 1.");
    has("--metrics-keys");
    draw(STATUS_KEYS);
    has("something secret");
    has("<bdi>&lt;u&gt;\\x01\\xff</bdi>");
    has_not("--metrics-keys");
}

static void what_became_of_scripts_is_shown_the_newest_first(void **state)
{
    journal_note(&journal, JOURNAL_STARTED, 1, "");
    journal_note(&journal, JOURNAL_REFUSED, 1, "shop.lua:3: unexpected symbol");
    journal_note(&journal, JOURNAL_REFUSED, 1, "shop.lua:3: unexpected symbol");
    draw(0);
    has_not("unexpected symbol"); /* it may hold a key */
    has("The log says why.");
    draw(STATUS_KEYS);
    has("unexpected symbol");
    has("<b class=\"badge bad\">refused</b> <small>2 times</small>");
    has("The last reload was refused; generation 7 goes on.");
    assert_true(strstr(text, ">refused<") < strstr(text, ">started<"));
    journal_note(&journal, JOURNAL_ACCEPTED, 2, "SIGHUP");
    draw(0);
    has_not("The last reload was refused");
}

/* The hashes are those of the texts between the tags, and there is no other style or script: no attribute has one. */
static void the_policy_lets_its_own_style_and_script_run(void **state)
{
    static const char *const tags[] = {"style", "script"};
    char part[128];
    draw(STATUS_KEYS);
    for (size_t i = 0; i < 2; i++) {
        snprintf(part, sizeof part, "<%s>", tags[i]);
        const char *from = strstr(text, part) + strlen(part);
        snprintf(part, sizeof part, "</%s>", tags[i]);
        size_t len = (size_t)(strstr(from, part) - from);
        snprintf(part, sizeof part, "<%s", tags[i]);
        assert_null(strstr(from + len, part));
        uint8_t digest[SHA256_DIGEST_LENGTH], encoded[64];
        SHA2_CTX context;
        SHA256Init(&context);
        SHA256Update(&context, (const uint8_t *)from, len);
        SHA256Final(digest, &context);
        size_t n = base64_encode(digest, sizeof digest, encoded);
        snprintf(part, sizeof part, "%s-src 'sha256-%.*s'", tags[i], (int)n, encoded);
        if (!strstr(page_policy(), part)) fail_msg("no %s in %s", part, page_policy());
    }
    assert_ptr_equal(strstr(page_policy(), "default-src 'none'; "), page_policy());
    assert_null(strstr(page_policy(), "unsafe"));
    has_not(" style=");
}

/* --- trends -------------------------------------------------------------------------------------- */

static void line_is(const char *line, const char *area)
{
    const struct trend t = {&recent, offsetof(struct recent_point, requests), 10};
    char *drawn;
    size_t len;
    FILE *out = open_memstream(&drawn, &len);
    trend_line(&t, out);
    putc('|', out);
    trend_area(&t, out);
    fclose(out);
    char *bar = strchr(drawn, '|');
    *bar = '\0';
    assert_string_equal(drawn, line);
    assert_string_equal(bar + 1, area);
    free(drawn);
}

static void a_trend_ends_at_the_right_and_has_gaps(void **state)
{
    line_is("", "");
    recent.points[0].requests = 0.0 / 0.0;
    recent.points_n = 1;
    line_is("", "");
    recent.points[1].requests = 10;
    recent.points_n = 2;
    line_is("M118 2.0h.5", "M118 36L118 2.0L118 36Z");
    recent.points[2].requests = 0;
    recent.points[3].requests = 0.0 / 0.0;
    recent.points[4].requests = 99; /* not above the edge */
    recent.points_n = 5;
    line_is("M112 2.0L114 35.0M118 2.0h.5",
            "M112 36L112 2.0L114 35.0L114 36ZM118 36L118 2.0L118 36Z");
    assert_true(trend_most(&recent, offsetof(struct recent_point, requests)) == 99);
}

int main(void)
{
#define play(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        play(it_is_complete_before_anything_is_known),
        play(it_shows_the_numbers_of_the_window),
        play(servers_that_are_down_come_first),
        play(names_and_texts_never_become_markup),
        play(keys_and_log_lines_are_for_those_who_may_see_them),
        play(what_became_of_scripts_is_shown_the_newest_first),
        play(the_policy_lets_its_own_style_and_script_run),
        play(a_trend_ends_at_the_right_and_has_gaps),
    };
    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
