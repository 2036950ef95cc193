/* discovery from what is no etcd, or one that breaks: answers to a question. */
#include "unit/discovery/etcd_gateway.h"

/* --- answers ------------------------------------------------------------------------------------ */

static void what_is_no_answer_of_etcd_leaves_the_last_list(void **state)
{
    static const char *const wrong[][2] = {
        {"", "it did not answer in time"},
        {"x", "its answer is not HTTP"},
        {"SSH-2.0-OpenSSH_9.2\r\n", "its answer is not HTTP"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"he", "it did not answer in time"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "its answer ends too early"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnonsense!", "its answer is not JSON"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "its answer is not an object"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "its answer has no header"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"header\":{}}",
         "its answer has no revision"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"header\":{}",
         "its answer ends too early"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 106\r\n\r\n{" HEAD(5) ",\"kvs\":[" KEY_A
                                                                   "],\"count\":\"2\"}",
         "its answer does not have all keys"},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot Found",
         "HTTP status 404: it is not etcd"},
        {"HTTP/1.1 204 No Content\r\n\r\n", "HTTP status 204"},
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
         "HTTP status 302"},
        {"HTTP/1.1 503 No\r\nContent-Length: 51\r\n\r\n"
         "{\"error\":\"x\",\"message\":\"no \\u0007leader\",\"code\":14}",
         "it says: no ?leader"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
         "it closed the connection within an answer"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\nabcde",
         "its answer is not JSON"},
    };
    struct gateway *g = gateway_listens();
    (void)state;
    opens(address_of_nobody());
    knows_a(g);
    struct seen *s = listens_with(url_of(g), &brief);
    sees(s, A);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        g->range = g->count = wrong[i][0];
        sees_failure(s, textf("%s: ", g->address));
        sees_failure(s, wrong[i][1]);
        assert_string_equal(s->text, A);
        knows_a(g);
        sees_failure(s, NULL);
    }
    leaves(s);
    closes();
}

static void an_answer_cut_anywhere_is_no_answer(void **state)
{
    struct gateway *g = gateway_listens();
    (void)state;
    opens(address_of_nobody());
    knows_a(g);
    size_t len = strlen(g->range);
    struct seen *s = listens_with(url_of(g), &brief);
    sees(s, A);
    for (size_t cut = 1; cut < len; cut += 9) {
        g->cut = cut;
        sees_failure(s, g->address);
        assert_string_equal(s->text, A);
        g->cut = 0;
        sees_failure(s, NULL);
    }
    leaves(s);
    closes();
}

static void an_answer_that_never_ends_is_given_up(void **state)
{
    enum { LEN = 5 * 1024 * 1024 };
    struct gateway *g = gateway_listens();
    char *huge = malloc(LEN + 1);
    (void)state;
    if (!huge) abort();
    memset(huge, ' ', LEN);
    huge[LEN] = '\0';
    opens(address_of_nobody());
    knows_a(g);
    struct seen *s =
        listens_with(url_of(g), &(struct discovery_settings){.interval = 0.05, .timeout = 2});
    sees(s, A);
    g->range = g->count = textf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", LEN, huge);
    sees_failure(s, "its answer is too long");
    knows_a(g);
    g->watch = textf("%s%s%s", begun(5), chunk(huge), chunk(huge)); /* nothing begins */
    sees_failure(s, "its answer is longer than 4 MiB");
    knows_a(g);
    sees_failure(s, NULL);
    leaves(s);
    closes();
    free(huge);
}

static void what_comes_a_byte_at_a_time_is_understood(void **state)
{
    struct gateway *g = gateway_listens();
    (void)state;
    opens(address_of_nobody());
    knows_a(g);
    g->is_slow = true;
    g->watch = textf("%s%s", begun(5),
                     chunk("{\"result\":{" HEAD(6) ",\"events\":[{\"kv\":" KEY_B "}]}}\n"));
    struct seen *s = listens_with(url_of(g), &calm);
    sees(s, A);
    sees(s, A_AND_B);
    sees_failure(s, NULL);
    leaves(s);
    closes();
}

static void slow_bytes_do_not_outlive_the_time_for_an_answer(void **state)
{
    struct gateway *g = gateway_listens();
    char *slow = textf("HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n%9000s", "");
    (void)state;
    opens(address_of_nobody());
    knows_a(g);
    struct seen *s = listens_with(url_of(g), &brief);
    sees(s, A);
    g->range = g->count = slow;
    g->is_slow = true;
    sees_failure(s, "it did not answer in time");
    leaves(s);
    closes();
}

/* One is asked after the other, then a pause follows, as when there is no watch at all. */
static void watches_that_break_at_once_are_not_asked_for_without_end(void **state)
{
    struct gateway *g[] = {gateway_listens(), gateway_listens()};
    (void)state;
    opens(address_of_nobody());
    for (size_t i = 0; i < 2; i++) {
        knows_a(g[i]);
        g[i]->watch = textf("%sno chunk\r\n", begun(5));
    }
    struct seen *s = listens_with(textf("etcd://%s,%s/mc", g[0]->address, g[1]->address), &calm);
    sees(s, A);
    evloop_turns(0.6);
    assert_in_range(g[0]->watches, 1, 3);
    assert_in_range(g[1]->watches, 1, 3);
    leaves(s);
    closes();
}

static void what_is_asked_is_plain(void **state)
{
    struct gateway *g = gateway_listens();
    const char *nobody = address_of_nobody();
    (void)state;
    setenv("http_proxy", textf("http://%s", nobody), 1);
    setenv("ALL_PROXY", textf("http://%s", nobody), 1);
    opens(nobody);
    knows_a(g);
    struct seen *s = listens_with(textf("etcd://localhost%s/mc", strchr(g->address, ':')), &calm);
    sees(s, A);
    sees_watch(g);
    const char *body = strstr(g->asked, "\r\n\r\n");
    assert_true(strncmp(g->asked, "POST /v3/watch HTTP/1.1\r\n", 25) == 0);
    assert_non_null(strstr(g->asked, textf("\r\nHost: localhost%s\r\n", strchr(g->address, ':'))));
    assert_non_null(strstr(g->asked, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(g->asked, "\r\nGrpc-Metadata-Hasleader: true\r\n"));
    assert_null(strstr(g->asked, "Expect:"));
    assert_null(strstr(g->asked, "Authorization:"));
    /* from /mc/ to /mc0 */
    assert_string_equal(body + 4,
                        "{\"create_request\":{\"key\":\"L21jLw==\",\"range_end\":\"L21jMA==\","
                        "\"start_revision\":\"6\"}}");
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    leaves(s);
    closes();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play_on_loop(what_is_no_answer_of_etcd_leaves_the_last_list),
        play_on_loop(an_answer_cut_anywhere_is_no_answer),
        play_on_loop(an_answer_that_never_ends_is_given_up),
        play_on_loop(what_comes_a_byte_at_a_time_is_understood),
        play_on_loop(slow_bytes_do_not_outlive_the_time_for_an_answer),
        play_on_loop(watches_that_break_at_once_are_not_asked_for_without_end),
        play_on_loop(what_is_asked_is_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
