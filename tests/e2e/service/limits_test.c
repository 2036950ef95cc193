/* I6: memory is bounded; a client that asks for too much is stopped or closed, and the others are served. */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static void client_stores(struct client *c, const char *key, size_t n)
{
    client_sends(c, textf("set %s 0 0 %zu\r\n", key, n));
    client_sends_bytes(c, noise(n, 9), n);
    client_sends(c, "\r\n");
    client_sees(c, "STORED\r\n");
}

/* --- clients that do not read ---------------------------------------------------------------- */

static void a_client_that_does_not_read_costs_bounded_memory(void **state)
{
    enum { REQUESTS = 2000, SIZE = 500000 }; /* a gigabyte of replies */
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), "timeout = 60"),
                                        "--client-buffer", "1m", NULL);
    struct client *greedy = client_connects(m), *other = client_connects(m);
    struct octets requests = {0};

    pid_t worker = moongate_worker(m);
    client_stores(other, "big", SIZE);
    size_t before = program_rss_kib(worker);
    for (int i = 0; i < REQUESTS; i++) octets_add(&requests, "get big\r\n", 9);
    client_stops_reading(greedy);
    client_sends_what_fits(greedy, octets_at(&requests), octets_n(&requests));
    octets_release(&requests);
    for (int i = 0; i < 50; i++) { /* others are served meanwhile */
        client_sends(other, "get big\r\n");
        client_sees(other, textf("VALUE big 0 %d\r\n", SIZE));
        client_sees_bytes(other, noise(SIZE, 9), SIZE);
        client_sees(other, "\r\nEND\r\n");
    }
    if (!stage_is_sanitized()) assert_in_range(program_rss_kib(worker), 1, before + 32 * 1024);
}

static void a_client_that_reads_late_gets_every_byte(void **state)
{
    enum { REQUESTS = 300, SIZE = 100000 };
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), "timeout = 60"),
                                        "--client-buffer", "64m", NULL);
    struct client *c = client_connects(m);
    struct octets requests = {0};

    client_stores(c, "k", SIZE);
    for (int i = 0; i < REQUESTS; i++) octets_add(&requests, "get k\r\n", 7);
    client_stops_reading(c);
    client_sends_bytes(c, octets_at(&requests), octets_n(&requests));
    octets_release(&requests);
    struct client *other = client_connects(m);
    for (int i = 0; i < 20; i++) client_sees_nothing_more(other);
    client_reads_again(c);
    for (int i = 0; i < REQUESTS; i++) {
        client_sees(c, textf("VALUE k 0 %d\r\n", SIZE));
        client_sees_bytes(c, noise(SIZE, 9), SIZE);
        client_sees(c, "\r\nEND\r\n");
    }
    client_sees_nothing_more(c);
}

/* What a client asked for has come: it is closed for it, and it never cost much. */
static void client_is_shed(struct moongate *m, struct client *other, size_t before)
{
    moongate_sees_log(m, "client ");
    moongate_sees_log(m, "--client-buffer");
    client_sees_nothing_more(other);
    pid_t worker = moongate_worker(m);
    size_t cost = program_peak_kib(worker) - before;
    if (!stage_is_sanitized() && cost > 64 * 1024) stage_fails("it cost %zu KiB", cost);
}

static void client_sends_times(struct client *c, const char *start, const char *text, int times,
                               const char *end)
{
    struct octets bytes = {0};
    octets_add(&bytes, start, strlen(start));
    for (int i = 0; i < times; i++) octets_add(&bytes, text, strlen(text));
    octets_add(&bytes, end, strlen(end));
    client_sends_bytes(c, octets_at(&bytes), octets_n(&bytes));
    octets_release(&bytes);
}

static void one_reply_over_the_buffer_closes_with_a_logged_reason(void **state)
{
    enum { KEYS = 1000, SIZE = 500000 }; /* 500 MB */
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), "timeout = 60"),
                                        "--client-buffer", "64k", NULL);
    struct client *greedy = client_connects(m), *other = client_connects(m);

    client_stores(other, "k", SIZE);
    pid_t worker = moongate_worker(m);
    size_t before = program_rss_kib(worker);
    client_stops_reading(greedy);
    client_sends_times(greedy, "get", " k", KEYS, "\r\n");
    client_is_shed(m, other, before);
}

static void replies_that_wait_for_an_earlier_one_count_too(void **state)
{
    enum { REQUESTS = 1000, SIZE = 500000 }; /* 500 MB */
    struct backend *slow = backend_listens();
    struct memcached *s = memcached_start(NULL);
    struct moongate *m =
        moongate_start(script_by_letter(backend_address(slow), memcached_address(s),
                                        "timeout = 60, stall_timeout = 60"),
                       "--client-buffer", "64k", NULL);
    struct client *greedy = client_connects(m), *other = client_connects(m);

    client_stores(other, "k", SIZE);
    pid_t worker = moongate_worker(m);
    size_t before = program_rss_kib(worker);
    client_sends_times(greedy, "get a\r\n", "get k\r\n", REQUESTS, "");
    backend_sees(slow, "get a\r\n"); /* and never answers */
    client_is_shed(m, other, before);
}

/* It takes every reply, but has something to do in between, so that memcached is faster. */
static void a_client_that_reads_gets_more_than_its_buffer_holds(void **state)
{
    enum { REQUESTS = 80, SIZE = 500000 }; /* 40 MB; --client-buffer is 8 MiB */
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), "timeout = 60"), NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    const char *data = noise(SIZE, 9);

    client_stores(c, "k", SIZE);
    client_sends_times(c, "", "get k\r\n", REQUESTS, "");
    for (int i = 0; i < REQUESTS; i++) {
        client_sees(c, textf("VALUE k 0 %d\r\n", SIZE));
        client_sees_bytes(c, data, SIZE);
        client_sees(c, "\r\nEND\r\n");
        client_stops_reading(c);
        client_sees_nothing_more(other);
        client_sees_nothing_more(other);
        client_reads_again(c);
    }
}

/* The reply that takes the last room and the rest of the value come in one turn, in either order. */
static void a_cut_value_is_not_lost_when_replies_take_the_room(void **state)
{
    enum { SIZE = 40000 }; /* one read brings it */
    const char *data = noise(SIZE, 3);
    for (int value_first = 0; value_first < 2; value_first++) {
        struct backend *b = backend_listens();
        struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"),
                                            "--client-buffer", "64k", NULL);
        struct client *c = client_connects(m);
        pid_t worker = moongate_worker(m);
        client_sends(c, "get a\r\nget b\r\nset k 0 0 10\r\nhello");
        backend_sees(b, "get a\r\nget b\r\n");
        kill(worker, SIGSTOP);
        if (value_first) client_sends(c, "world\r\n");
        backend_answers(b, textf("VALUE a 0 %d\r\n", SIZE));
        backend_answers_bytes(b, data, SIZE);
        backend_answers(b, "\r\nEND\r\n");
        if (!value_first) client_sends(c, "world\r\n");
        kill(worker, SIGCONT);
        client_sees(c, textf("VALUE a 0 %d\r\n", SIZE));
        client_sees_bytes(c, data, SIZE);
        client_sees(c, "\r\nEND\r\n");
        backend_answers(b, "END\r\n");
        client_sees(c, "END\r\n");
        backend_sees(b, "set k 0 0 10\r\nhelloworld\r\n");
        backend_answers(b, "STORED\r\n");
        client_sees(c, "STORED\r\n");
    }
}

/* --- how many -------------------------------------------------------------------------------- */

static bool is_accepted(struct client *c)
{
    client_sends(c, "version\r\n");
    const char *line = client_sees_line(c);
    if (strncmp(line, "VERSION ", 8) == 0) return true;
    if (strcmp(line, "ERROR Too many open connections") != 0)
        stage_fails("a new client gets: %s", line);
    client_sees_closed(c);
    return false;
}

static bool takes_one_more(void *m)
{
    return is_accepted(client_connects(m));
}

static void a_client_too_many_gets_the_reason(void **state)
{
    struct moongate *m = moongate_start(script_of_one(address_of_nobody(), ""), "-c", "3", NULL);
    struct client *clients[3];

    for (int i = 0; i < 3; i++) assert_true(is_accepted(clients[i] = client_connects(m)));
    for (int i = 0; i < 5; i++) {
        struct client *c = client_connects(m);
        client_sees(c, "ERROR Too many open connections\r\n");
        client_sees_closed(c);
    }
    client_sees_nothing_more(clients[0]);
    client_closes(clients[1]);
    if (!stage_waits(takes_one_more, m)) stage_fails("nobody is accepted though one has gone");
}

/* Clients by the thousand are plain descriptors: no actor each. */
struct crowd {
    int *clients;
    size_t n;
};

static void crowd_joins(struct crowd *crowd, struct moongate *m, size_t n)
{
    struct address to = address_read(moongate_address(m));
    char reply[256];
    crowd->clients = stage_memory(n * sizeof *crowd->clients);
    for (crowd->n = 0; crowd->n < n; crowd->n++) {
        int fd = socket(to.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        crowd->clients[crowd->n] = fd;
        if (connect(fd, &to.as.any, to.n) < 0 || send(fd, "version\r\n", 9, 0) != 9 ||
            recv(fd, reply, sizeof reply, 0) <= 0)
            stage_fails("client %zu of the crowd: %s", crowd->n, strerror(errno));
    }
}

static void crowd_goes(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->n; i++) close(crowd->clients[i]);
}

static void an_idle_client_takes_less_than_450_bytes(void **state)
{
    enum { CLIENTS = 10000, GROWTH_KIB = CLIENTS * 450 / 1024 };
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < CLIENTS + 200) {
        fprintf(stderr, "too few descriptors on this machine: %lu\n",
                (unsigned long)files.rlim_max);
        skip();
    }
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct moongate *m =
        moongate_start(script_of_one(address_of_nobody(), ""), "-c", "11000", NULL);
    struct crowd first, crowd;

    pid_t worker = moongate_worker(m);
    crowd_joins(&first, m, 100); /* what is allocated once is not counted */
    size_t before = program_rss_kib(worker);
    crowd_joins(&crowd, m, CLIENTS);
    size_t after = program_rss_kib(worker);
    client_connects(m); /* and one more */
    crowd_goes(&first);
    crowd_goes(&crowd);
    printf("%d idle clients: %zu KiB, then %zu KiB\n", CLIENTS, before, after);
    if (!stage_is_sanitized() && after > before + GROWTH_KIB)
        stage_fails("%d idle clients cost %zu KiB", CLIENTS, after - before);
}

/* --- a server that does not answer ----------------------------------------------------------- */

static void a_frozen_server_and_fifty_thousand_requests_cost_bounded_memory(void **state)
{
    enum { REQUESTS = 50000 };
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(
        script_of_one(memcached_address(s), "timeout = 0.5, stall_timeout = 1, depth = 100"), NULL);
    struct client *c = client_connects(m);
    const char *failure = failure_of(memcached_address(s));
    struct octets requests = {0};

    pid_t worker = moongate_worker(m);
    memcached_freezes(s);
    for (int i = 0; i < REQUESTS; i++) octets_add(&requests, "get k\r\n", 7);
    client_sends_bytes(c, octets_at(&requests), octets_n(&requests));
    octets_release(&requests);
    for (int i = 0; i < REQUESTS; i++) client_sees_line_starting(c, failure);
    if (!stage_is_sanitized()) assert_in_range(program_peak_kib(worker), 1, 64 * 1024);
    memcached_thaws(s);
    client_asks_until(c, "get k\r\n", "END\r\n");
}

static void a_server_that_does_not_read_costs_bounded_memory(void **state)
{
    enum { REQUESTS = 400, SIZE = 500000, MOST = 128 * 1024 }; /* 200 MB */
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        script_of_one(backend_address(b), "timeout = 0.5, stall_timeout = 60"), NULL);
    struct client *c = client_connects(m);
    const char *data = noise(SIZE, 9);

    backend_stops_reading(b);
    for (int i = 0; i < REQUESTS; i++) {
        client_sends(c, textf("set k 0 0 %d%s\r\n", SIZE, i % 2 ? " noreply" : ""));
        client_sends_bytes(c, data, SIZE);
        client_sends(c, "\r\n");
    }
    for (int i = 0; i < REQUESTS / 2; i++)
        client_sees_line_starting(c, failure_of(backend_address(b)));
    client_sees_nothing_more(c);
    pid_t worker = moongate_worker(m);
    if (!stage_is_sanitized()) assert_in_range(program_peak_kib(worker), 1, MOST);
}

/* In the master, and where there is none. The client waits in the listen backlog meanwhile. */
static void without_descriptors_accepting_rests_and_goes_on(void **state)
{
    static const char *const ways[] = {"-v", "--single-process"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct backend *b = backend_listens();
        struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), ways[i], NULL);
        struct rlimit had, none;

        assert_int_equal(prlimit(moongate_pid(m), RLIMIT_NOFILE, NULL, &had), 0);
        none = (struct rlimit){.rlim_cur = 0, .rlim_max = had.rlim_max};
        assert_int_equal(prlimit(moongate_pid(m), RLIMIT_NOFILE, &none, NULL), 0);
        struct client *c = client_connects(m);
        client_sends(c, "get k\r\n");
        moongate_sees_log(m, "accept: paused for 0.1 s");
        assert_int_equal(prlimit(moongate_pid(m), RLIMIT_NOFILE, &had, NULL), 0);
        backend_sees(b, "get k\r\n");
        backend_answers(b, hit_and_end("k", "x"));
        client_sees(c, hit_and_end("k", "x"));
        stage_clears();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_client_that_does_not_read_costs_bounded_memory),
        play(a_client_that_reads_late_gets_every_byte),
        play(one_reply_over_the_buffer_closes_with_a_logged_reason),
        play(replies_that_wait_for_an_earlier_one_count_too),
        play(a_client_that_reads_gets_more_than_its_buffer_holds),
        play(a_cut_value_is_not_lost_when_replies_take_the_room),
        play(a_client_too_many_gets_the_reason),
        play(an_idle_client_takes_less_than_450_bytes),
        play(a_frozen_server_and_fifty_thousand_requests_cost_bounded_memory),
        play(a_server_that_does_not_read_costs_bounded_memory),
        play(without_descriptors_accepting_rests_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
