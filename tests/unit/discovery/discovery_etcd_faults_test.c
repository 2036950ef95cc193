/* discovery from what is no etcd, or one that breaks: a server that says what the play says, byte for byte. */
#include "unit/discovery/discovery_host.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/octets.h"
#include "lib/peer.h"

/* --- a server that is told what to say ---------------------------------------------------------- */

/* Whole answers, with their heads; NULL: it is silent. */
struct gateway {
    struct actor actor; /* first */
    const char *address;
    const char *range, *count, *watch;
    size_t
        cut; /* so many bytes of an answer are sent, and then the connection ends; 0: all, and it stays */
    bool is_slow; /* a byte at a time */
    unsigned ranges, counts, watches;
    struct caller *watcher; /* the last one that watches */
    char asked[4096];       /* the last request, with its head */
};

struct caller {
    struct peer peer; /* first */
    struct gateway *gateway;
    const char *slowly; /* what is left to send */
};

static void caller_closes(struct caller *c)
{
    if (c->gateway->watcher == c) c->gateway->watcher = NULL;
    close(c->peer.actor.fd);
    c->peer.actor.fd = -1;
}

static void caller_says(struct caller *c, const char *answer)
{
    const struct gateway *g = c->gateway;
    size_t n = strlen(answer);
    if (g->is_slow) {
        c->slowly = answer;
        return;
    }
    if (g->cut && g->cut < n) n = g->cut;
    peer_queues(&c->peer, answer, n);
    if (g->cut) caller_closes(c);
}

static const char *answer_to(struct gateway *g, const char *request, struct caller *c)
{
    if (strncmp(request, "POST /v3/watch ", 15) == 0) {
        g->watches++;
        g->watcher = c;
        return g->watch;
    }
    if (strncmp(request, "POST /v3/kv/range ", 18) != 0) stage_fails("asked: %s", request);
    if (strstr(request, "\"count_only\":true")) {
        g->counts++;
        return g->count;
    }
    g->ranges++;
    return g->range;
}

/* The body ends with the last brace: its length is not looked at. */
static void caller_acts(struct actor *actor, short revents)
{
    struct caller *c = (struct caller *)(void *)actor;
    struct gateway *g = c->gateway;
    struct octets *in = &c->peer.in;
    peer_acts(actor, revents);
    const char *text = textf("%.*s", (int)octets_n(in), octets_at(in));
    const char *body = strstr(text, "\r\n\r\n");
    if (body && body[4] && text[strlen(text) - 1] == '}' &&
        strlen(body + 4) == strtoul(strstr(text, "Content-Length: ") + 16, NULL, 10)) {
        snprintf(g->asked, sizeof g->asked, "%s", text);
        octets_take(in, octets_n(in));
        const char *answer = answer_to(g, text, c);
        if (answer) caller_says(c, answer);
    }
    if (c->peer.is_closed && actor->fd >= 0) caller_closes(c);
}

static short caller_wants(struct actor *actor)
{
    struct caller *c = (struct caller *)(void *)actor;
    if (c->slowly && *c->slowly) {
        peer_queues(&c->peer, c->slowly, 1);
        c->slowly++;
    }
    return (short)(POLLIN | (octets_n(&c->peer.out) ? POLLOUT : 0));
}

static bool caller_leaves(struct actor *actor)
{
    peer_release(&((struct caller *)(void *)actor)->peer);
    return true;
}

static void gateway_acts(struct actor *actor, short revents)
{
    struct caller *c = stage_memory(sizeof *c);
    int fd = accept(actor->fd, NULL, NULL);
    (void)revents;
    if (fd < 0) return;
    c->gateway = (struct gateway *)(void *)actor;
    peer_init(&c->peer, fd, "a caller of the gateway");
    c->peer.actor.acts = caller_acts;
    c->peer.actor.wants = caller_wants;
    c->peer.actor.leaves = caller_leaves;
    c->peer.actor.rank = RANK_CLIENT;
    stage_enter(&c->peer.actor);
}

static bool gateway_leaves(struct actor *actor)
{
    close(actor->fd);
    return true;
}

static struct gateway *gateway_listens(void)
{
    struct gateway *g = stage_memory(sizeof *g);
    struct address a = address_read("127.0.0.1:0");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g->actor = (struct actor){
        .fd = fd, .rank = RANK_BACKEND, .acts = gateway_acts, .leaves = gateway_leaves};
    if (fd < 0 || bind(fd, &a.as.any, a.n) < 0 || listen(fd, 16) < 0 ||
        getsockname(fd, &a.as.any, &a.n) < 0)
        stage_fails("no socket for a gateway");
    g->address = textf("127.0.0.1:%d", ntohs(a.as.v4.sin_port));
    stage_enter(&g->actor);
    return g;
}

static const char *says(const char *json)
{
    return textf(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
        strlen(json), json);
}

static const char *chunk(const char *bytes)
{
    return textf("%zx\r\n%s\r\n", strlen(bytes), bytes);
}

#define STREAM         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define HEAD(revision) "\"header\":{\"cluster_id\":\"7\",\"revision\":\"" #revision "\"}"
/* /mc/a is 10.0.0.1, /mc/b is 10.0.0.2 */
#define KEY_A   "{\"key\":\"L21jL2E=\",\"value\":\"MTAuMC4wLjE=\"}"
#define KEY_B   "{\"key\":\"L21jL2I=\",\"value\":\"MTAuMC4wLjI=\"}"
#define A       "10.0.0.1:11211/1/a"
#define A_AND_B "10.0.0.1:11211/1/a 10.0.0.2:11211/1/b"

static const char *begun(int revision)
{
    return textf("%s%s", STREAM,
                 chunk(textf("{\"result\":{\"header\":{\"cluster_id\":\"7\",\"revision\":\"%d\"},"
                             "\"created\":true}}\n",
                             revision)));
}

static void knows_a(struct gateway *g)
{
    g->range = says("{" HEAD(5) ",\"kvs\":[" KEY_A "],\"count\":\"1\"}");
    g->count = says("{" HEAD(5) ",\"count\":\"1\"}");
    g->watch = begun(5);
}

static const char *url_of(const struct gateway *g)
{
    return textf("etcd://%s/mc", g->address);
}

static const struct discovery_settings brief = {
    .interval = 0.05, .timeout = 0.3, .debounce = 0.01, .shrink = true};
static const struct discovery_settings calm = {
    .interval = 60, .timeout = 1, .debounce = 0.01, .shrink = true};

static bool is_watched(void *what)
{
    return ((struct gateway *)what)->watcher != NULL;
}

static void sees_watch(struct gateway *g)
{
    if (!evloop_waits(is_watched, g)) stage_fails("nobody watches");
}

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
        g->range = says("{" HEAD(9) ",\"kvs\":[" KEY_A "," KEY_B "],\"count\":\"2\"}");
        g->watch = begun(9);
        watcher_says(g, ends[i]);
        sees(s, A_AND_B);
        is_asked_again(g);
        sees_failure(s, NULL);
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
        {"{\"result\":{" HEAD(6) ",\"events\":[7]}}", "a key that is none"},
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
        play_on_loop(what_is_no_answer_of_etcd_leaves_the_last_list),
        play_on_loop(an_answer_cut_anywhere_is_no_answer),
        play_on_loop(an_answer_that_never_ends_is_given_up),
        play_on_loop(what_comes_a_byte_at_a_time_is_understood),
        play_on_loop(slow_bytes_do_not_outlive_the_time_for_an_answer),
        play_on_loop(what_is_asked_is_plain),
        play_on_loop(changes_may_come_in_any_pieces),
        play_on_loop(a_watch_that_has_lasted_and_ends_is_followed_by_a_range),
        play_on_loop(a_watch_that_ends_as_soon_as_it_begins_is_not_begun_at_once),
        play_on_loop(a_watch_that_says_nonsense_is_given_up),
        play_on_loop(an_etcd_that_knows_less_than_before_is_read_again),
        play_on_loop(a_watch_that_begins_in_the_past_is_checked_at_once),
        play_on_loop(it_can_be_given_back_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
