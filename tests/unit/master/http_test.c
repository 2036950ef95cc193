/* The HTTP server by itself: who counts as near, and what a client cannot do by being slow. What it does in the daemon is in
 * e2e/service/http_test.c. */
#include "lib/evloop.h"
#include "master/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void say_nearness(void *arg, const struct http_request *request, struct http_answer *answer)
{
    http_say(answer, 200, request->is_near ? "near" : "far");
}

enum { LARGE = 32 * 1024 * 1024 };

static void say_much(void *arg, const struct http_request *request, struct http_answer *answer)
{
    answer->body = calloc(1, LARGE);
    answer->len = LARGE;
}

static const struct http_page pages[] = {
    {"/near", say_nearness}, {"/much", say_much}, {NULL, NULL}};

static struct http http;
static struct sockaddr_in address;

/* Serves on a free port. */
static void serves(double limit)
{
    socklen_t len = sizeof address;
    struct listener one = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    struct listeners sockets = {&one, 1};
    address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(one.fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(one.fd, 16), 0);
    assert_int_equal(getsockname(one.fd, (struct sockaddr *)&address, &len), 0);
    assert_true(http_init(&http, evloop(), &sockets, pages, NULL));
    http.limit = limit;
    close(one.fd); /* it has a copy */
}

/* A client, with what it has read. */
struct reader {
    int fd;
    bool has_ended;
    size_t n;
    char text[4096];
    const char *awaited;
};

static struct reader asks(const char *request)
{
    struct reader r = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(connect(r.fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(r.fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return r;
}

/* Reads what is there, some bytes at most. */
static void takes(struct reader *r, size_t most)
{
    if (r->n + most >= sizeof r->text) r->n = 0;
    ssize_t n = recv(r->fd, r->text + r->n, most, MSG_DONTWAIT);
    if (n > 0)
        r->n += (size_t)n;
    else if (n == 0 || errno != EAGAIN)
        r->has_ended = true;
    r->text[r->n] = '\0';
}

static bool has_come(void *what)
{
    struct reader *r = what;
    takes(r, 1024);
    return strstr(r->text, r->awaited) != NULL;
}

static bool sees(struct reader *r, const char *text)
{
    r->awaited = text;
    return evloop_waits(has_come, r);
}

static void a_reader_is_near_by_its_address_and_by_the_host_it_names(void **state)
{
    static const struct {
        const char *host, *answer;
    } rows[] = {{"127.0.0.1:9100", "near"},
                {"localhost", "near"},
                {"LocalHost:9100", "near"},
                {"[::1]:9100", "near"},
                {"10.0.0.5", "near"},
                {"evil.example:9100", "far"},
                {"127.0.0.1.evil.example", "far"},
                {"localhost.evil.example", "far"},
                {":9100", "far"},
                {"1e100.net", "far"},
                {"localhost\r\nX-Forwarded-For: 10.0.0.9", "far"},
                {"localhost\r\nVia: 1.1 proxy", "far"}};
    serves(HTTP_LIMIT);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reader r = asks(
            textf("GET /near HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", rows[i].host));
        assert_true(sees(&r, textf("\r\n\r\n%s", rows[i].answer)));
        close(r.fd);
    }
    http_stop(&http);
}

/* It sends a byte each 20 ms, so it is never idle. */
static void a_client_that_trickles_its_request_is_cut_off(void **state)
{
    serves(0.3);
    struct reader slow = asks("GET /near HTTP/1.1\r\nX: ");
    for (int i = 0; i < 1000 && !slow.has_ended; i++) {
        (void)!send(slow.fd, "a", 1, MSG_NOSIGNAL);
        evloop_turns(0.02);
        takes(&slow, 100);
    }
    assert_true(slow.has_ended);
    close(slow.fd);
    http_stop(&http);
}

static bool is_forgotten(void)
{
    for (size_t i = 0; i < HTTP_CLIENTS; i++)
        if (http.peers[i].fd >= 0) return false;
    return true;
}

/* It takes some bytes each 20 ms of an answer that would take minutes so. */
static void a_client_that_takes_its_answer_slowly_is_cut_off(void **state)
{
    serves(0.3);
    struct reader slow = asks("GET /much HTTP/1.1\r\nHost: m\r\n\r\n");
    assert_true(sees(&slow, "HTTP/1.1 200"));
    assert_false(is_forgotten());
    for (int i = 0; i < 1000 && !is_forgotten(); i++) {
        takes(&slow, 1024);
        evloop_turns(0.02);
    }
    assert_true(is_forgotten());
    close(slow.fd);
    http_stop(&http);
}

/* A connection that is used again and again may last. */
static void a_client_that_asks_often_stays(void **state)
{
    static const char request[] = "GET /near HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    serves(5);
    struct reader r = asks(request);
    for (int i = 0; i < 12; i++) {
        assert_true(sees(&r, "\r\n\r\nnear"));
        r.n = 0;
        http.peers[0].since -= 1; /* a second goes by */
        assert_int_equal(send(r.fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    }
    close(r.fd);
    http_stop(&http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play_on_loop(a_reader_is_near_by_its_address_and_by_the_host_it_names),
        play_on_loop(a_client_that_trickles_its_request_is_cut_off),
        play_on_loop(a_client_that_takes_its_answer_slowly_is_cut_off),
        play_on_loop(a_client_that_asks_often_stays),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
