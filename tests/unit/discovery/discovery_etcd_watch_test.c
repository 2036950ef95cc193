/* discovery from etcd: what a watch brings, how it ends, and how it is noticed that it brings too little. */
#include "unit/discovery/etcd_gateway.h"

#include "lib/capture.h"

static const struct discovery_settings soon = {
    .interval = 0.1, .timeout = 2, .debounce = 0.01, .shrink = true};

/* --- the watch ---------------------------------------------------------------------------------- */

static void watcher_says(struct gateway *g, const char *bytes)
{
    sees_watch(g);
    peer_queues(&g->watcher->peer, bytes, strlen(bytes));
}

static void changes_may_come_in_any_pieces(void **state)
{
    struct gateway *g = gateway_listens();
    (void)state;
    opens(address_of_nobody());
    knows_a(g);
    struct seen *s = listens_with(url_of(g), &calm);
    sees(s, A);
    /* Two in one piece without a line between them; one in two pieces; one that says nothing. */
    watcher_says(g, chunk("{\"result\":{" HEAD(
                        6) ",\"events\":[{\"kv\":" KEY_B "}]}}"
                           "{\"result\":{" HEAD(7) ",\"events\":[{\"type\":\"DELETE\",\"kv\":" KEY_A
                                                   "}]}}"));
    sees(s, "10.0.0.2:11211/1/b");
    watcher_says(g, chunk("{\"result\":{" HEAD(8) ",\"eve"));
    evloop_turns(0.05);
    watcher_says(
        g, chunk("nts\":[{\"type\":\"PUT\",\"kv\":" KEY_A "}]}}\n\n{\"result\":{" HEAD(9) "}}"));
    sees(s, A_AND_B);
    assert_int_equal(g->ranges, 1);
    assert_int_equal(g->watches, 1);
    leaves(s);
    closes();
}

static bool has_counted_twice(void *what)
{
    const struct gateway *g = what;
    return g->counts > 1;
}

static void a_count_that_a_change_overtakes_says_nothing(void **state)
{
    struct gateway *g = gateway_listens();
    (void)state;
    opens(address_of_nobody());
    knows_a(g);
    g->meanwhile = chunk("{\"result\":{" HEAD(6) ",\"events\":[{\"kv\":" KEY_B "}]}}");
    struct seen *s = listens_with(url_of(g), &soon);
    sees(s, A_AND_B);
    g->count = says("{" HEAD(6) ",\"count\":\"2\"}");
    if (!evloop_waits(has_counted_twice, g)) stage_fails("%u counts", g->counts);
    evloop_turns(0.05);
    assert_int_equal(g->ranges, 1);
    leaves(s);
    closes();
}

static bool was_asked_again(void *what)
{
    const struct gateway *g = what;
    return g->ranges >= 2 && g->watches >= 2;
}

static void is_asked_again(struct gateway *g)
{
    if (!evloop_waits(was_asked_again, g)) stage_fails("%u ranges", g->ranges);
}

static void a_watch_that_has_lasted_and_ends_is_followed_by_a_range(void **state)
{
    static const char *const ends[] = {
        "0\r\n\r\n",
        /* as etcd ends a watch whose history is compacted; nothing else comes */
        "6b\r\n{\"result\":{\"header\":{\"cluster_id\":\"7\",\"revision\":\"9\"},\"canceled\":true,"
        "\"compact_revision\":\"8\"}}                \n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct gateway *g = gateway_listens();
        opens(address_of_nobody());
        knows_a(g);
        struct seen *s = listens_with(url_of(g), &calm);
        sees(s, A);
        sees_watch(g);
        evloop_turns(1.05);
        capture_begin(STDERR_FILENO);
        g->range = says("{" HEAD(9) ",\"kvs\":[" KEY_A "," KEY_B "],\"count\":\"2\"}");
        g->watch = begun(9);
        watcher_says(g, ends[i]);
        sees(s, A_AND_B);
        is_asked_again(g);
        const char *said = capture_end();
        assert_null(strstr(said, "failed")); /* that is no failure */
        leaves(s);
        closes();
    }
}

static void a_watch_that_ends_as_soon_as_it_begins_is_not_begun_at_once(void **state)
{
    struct gateway *g = gateway_listens();
    (void)state;
    opens(address_of_nobody());
    knows_a(g);
    g->watch = textf("%s0\r\n\r\n", begun(5));
    struct seen *s = listens_with(url_of(g), &calm);
    sees(s, A);
    evloop_turns(1);
    assert_in_range(g->watches, 1, 4);
    leaves(s);
    closes();
}

static void a_watch_that_says_nonsense_is_given_up(void **state)
{
    static const char *const wrong[][2] = {
        {"nonsense", "its answer is not JSON"},
        {"{\"result\":{}}", "its answer has no header"},
        {"{\"error\":{\"grpc_code\":14,\"message\":\"no leader\"}}", "it says: no leader"},
        {"{\"result\":{" HEAD(6) ",\"canceled\":true,\"cancel_reason\":\"no \\\"right\\\"\"}}",
         "it says: no \"right\""},
        {"{\"result\":{" HEAD(6) ",\"canceled\":true}}", "it ended the watch"},
        {"{\"result\":{" HEAD(6) ",\"events\":[7]}}", "a key that is not an object"},
        {"{\"result\":{" HEAD(6) ",\"events\":[{\"type\":\"MOVE\",\"kv\":" KEY_A "}]}}",
         "an event of a type that is not known"},
        {"{\"result\":{" HEAD(6) ",\"events\":[{\"kv\":{\"key\":\"L21jL2E\"}}]}}", "not base64"},
        {"{\"result\":{" HEAD(6) ",\"events\":[{\"kv\":{\"key\":\"L21kL2E=\"}}]}}",
         "does not begin with the prefix"},
    };
    struct gateway *g = gateway_listens();
    (void)state;
    opens(address_of_nobody());
    knows_a(g);
    struct seen *s = listens_with(url_of(g), &brief);
    sees(s, A);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        watcher_says(g, chunk(wrong[i][0]));
        sees_failure(s, wrong[i][1]);
        sees_failure(s, NULL);
        assert_string_equal(s->text, A);
    }
    g->watch = NULL; /* silent */
    watcher_says(g, chunk("x"));
    sees_failure(s, "it did not answer in time");
    g->watch = "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot Found";
    sees_failure(s, "HTTP status 404");
    knows_a(g);
    sees_failure(s, NULL);
    leaves(s);
    closes();
}

/* --- other data --------------------------------------------------------------------------------- */

/* The watch would be silent for ever. */
static void an_etcd_that_knows_less_than_before_is_read_again(void **state)
{
    static const struct discovery_settings checks = {
        .interval = 1.2, .timeout = 1, .debounce = 0.01, .shrink = true};
    static const char *const counts[] = {
        "{" HEAD(4) ",\"count\":\"1\"}", /* an older revision */
        "{\"header\":{\"cluster_id\":\"8\",\"revision\":\"5\"},\"count\":\"1\"}", /* another cluster */
        "{" HEAD(9) ",\"count\":\"2\"}",                                          /* other keys */
    };
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct gateway *g = gateway_listens();
        opens(address_of_nobody());
        knows_a(g);
        struct seen *s = listens_with(url_of(g), &checks);
        sees(s, A);
        sees_watch(g);
        g->count = says(counts[i]);
        g->range = says("{" HEAD(4) ",\"kvs\":[" KEY_B "],\"count\":\"1\"}");
        g->watch = begun(4);
        sees(s, "10.0.0.2:11211/1/b");
        is_asked_again(g);
        leaves(s);
        closes();
    }
}

/* It begins behind the range, and the count that is asked for at once tells whether that is for good. */
static void a_watch_that_begins_in_the_past_is_checked_at_once(void **state)
{
    struct gateway *g = gateway_listens();
    (void)state;
    opens(address_of_nobody());
    knows_a(g);
    g->watch = begun(3);
    g->count = says("{" HEAD(3) ",\"count\":\"1\"}");
    struct seen *s = listens_with(url_of(g), &calm);
    sees(s, A);
    is_asked_again(g);
    assert_true(g->counts >= 1);
    leaves(s);
    closes();
}

/* Whatever is under way. */
static void it_can_be_given_back_at_any_time(void **state)
{
    struct gateway *g = gateway_listens();
    (void)state;
    opens(address_of_nobody());
    for (int turns = 0; turns < 40; turns++) {
        knows_a(g);
        g->is_slow = turns % 2;
        struct seen *s = listens_with(url_of(g), &brief);
        for (int i = 0; i < turns; i++) evloop_turns(0.001);
        leaves(s);
    }
    closes();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play_on_loop(changes_may_come_in_any_pieces),
        play_on_loop(a_count_that_a_change_overtakes_says_nothing),
        play_on_loop(a_watch_that_has_lasted_and_ends_is_followed_by_a_range),
        play_on_loop(a_watch_that_ends_as_soon_as_it_begins_is_not_begun_at_once),
        play_on_loop(a_watch_that_says_nonsense_is_given_up),
        play_on_loop(an_etcd_that_knows_less_than_before_is_read_again),
        play_on_loop(a_watch_that_begins_in_the_past_is_checked_at_once),
        play_on_loop(it_can_be_given_back_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
