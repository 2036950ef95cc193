/* I6, over all clients: descriptors and memory that run out cost those who ask for more, and nobody else. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* --- descriptors ------------------------------------------------------------------------------ */

/* The lowest number of a descriptor that is free, or the next one after it. */
static rlim_t free_descriptor(pid_t pid, unsigned after)
{
    int fd = 0;
    for (;; fd++) {
        if (readlink(textf("/proc/%d/fd/%d", (int)pid, fd), (char[1]){0}, 1) > 0) continue;
        if (after-- == 0) return (rlim_t)fd;
    }
}

static struct rlimit limit_of(pid_t pid)
{
    struct rlimit files;
    if (prlimit(pid, RLIMIT_NOFILE, NULL, &files) < 0) stage_fails("no limits of %d", (int)pid);
    return files;
}

static void may_have(pid_t pid, rlim_t descriptors)
{
    struct rlimit files = limit_of(pid);
    files.rlim_cur = descriptors;
    if (prlimit(pid, RLIMIT_NOFILE, &files, NULL) < 0) stage_fails("cannot limit %d", (int)pid);
}

static double processor_seconds(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
        stage_fails("no clock of %d", (int)pid);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

static void client_is_told(struct moongate *m)
{
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    client_sees(c, "ERROR Too many open connections\r\n");
    client_sees_closed(c);
}

/* The process that has no descriptor left accepts clients, or serves them. */
static void a_client_for_whom_there_is_no_descriptor_gets_the_reason(void **state)
{
    static const struct {
        const char *option;
        bool is_worker;
        unsigned clients; /* it has a descriptor of so many of those that are connected */
    } ways[] = {{"-v", false, 0}, {"-v", true, 1}, {"--single-process", false, 1}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct backend *b = backend_listens();
        struct moongate *m =
            moongate_start(script_of_one(backend_address(b), ""), ways[i].option, NULL);
        pid_t pid = ways[i].is_worker ? moongate_worker(m) : moongate_pid(m);
        rlim_t had = limit_of(pid).rlim_cur, all = free_descriptor(pid, ways[i].clients);
        struct client *before = client_connects(m);

        client_sees_nothing_more(before);
        may_have(pid, all);
        for (int n = 0; n < 20; n++) client_is_told(m);
        client_sees_nothing_more(before);
        moongate_sees_log(m, "client: refused: ");
        assert_non_null(strstr(moongate_log_line(m, "client: refused: "), "(ulimit -n)"));
        stat_becomes(before, "", "rejected_connections", "20");
        may_have(pid, had);
        get_finds(client_connects(m), "k", b, "k", "x");
        assert_int_equal(stat_number(before, "", "curr_connections"), 2);
        stage_clears();
    }
}

static void waiting_for_a_descriptor_takes_no_processor_time(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    pid_t master = moongate_pid(m);
    rlim_t had = limit_of(master).rlim_cur;

    may_have(master, 0); /* not even the one in reserve can be had */
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    moongate_sees_log(m, "accept: paused for 0.1 s");
    double used = processor_seconds(master);
    moongate_sees_log_times(m, "accept: paused for 0.1 s", 2); /* a second later */
    assert_true(processor_seconds(master) - used < 0.2);
    may_have(master, had);
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
}

static void clients_leave_a_worker_descriptors_for_its_servers(void **state)
{
    enum { LIMIT = 64, MANY = 80 };
    struct backend *b = backend_listens(), *other = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *clients[MANY];
    pid_t worker = moongate_worker(m);
    int served = 0;

    may_have(worker, LIMIT);
    for (int i = 0; i < MANY; i++) {
        clients[i] = client_connects(m);
        client_sends(clients[i], "mn\r\n");
        const char *line = client_sees_line(clients[i]);
        served += strcmp(line, "MN") == 0;
        if (strcmp(line, "MN") != 0) assert_string_equal(line, "ERROR Too many open connections");
    }
    assert_in_range(served, LIMIT / 2, LIMIT);
    moongate_reloads(m, script_of_one(backend_address(other), "connections = 4"));
    backend_sees_links(other, 4);
    client_sends(clients[0], "get k\r\n");
    backend_turns_to_input(other);
    backend_sees(other, "get k\r\n");
    backend_answers(other, "END\r\n");
    client_sees(clients[0], "END\r\n");
}

/* --- unfinished requests ---------------------------------------------------------------------- */

enum { KEPT = 60000, MIB = 1 << 20 };

/* A client that sends most of a value, and then nothing. */
static struct client *hoarder_connects(struct moongate *m)
{
    struct client *c = client_connects(m);
    client_sends(c, "set hoard 0 0 65000\r\n");
    client_sends_bytes(c, noise(KEPT, 5), KEPT);
    return c;
}

static void time_passes(struct client *other, double seconds)
{
    for (double end = stage_now() + seconds; stage_now() < end;) client_sees_nothing_more(other);
}

static void requests_that_are_never_finished_cost_bounded_memory(void **state)
{
    enum { HOARDERS = 1000 }; /* 60 MB */
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "--max-value", "64k",
                                        "--input-buffer", "4m", NULL);
    struct client *other = client_connects(m);
    pid_t worker = moongate_worker(m);

    client_sees_nothing_more(other);
    size_t before = program_rss_kib(worker);
    for (int i = 0; i < HOARDERS; i++) {
        hoarder_connects(m);
        if (i % 10 == 0) client_sees_nothing_more(other);
    }
    moongate_sees_log(m, "--input-buffer");
    get_finds(other, "k", b, "k", "x");
    size_t now = program_rss_kib(worker);
    if (!stage_is_sanitized() && now > before + 16 * 1024)
        stage_fails("%zu KiB, then %zu KiB", before, now);
    assert_in_range(stat_number(other, "proxy", "unfinished_bytes"), 1, 4 * MIB);
    assert_in_range(stat_number(other, "proxy", "unfinished_shed"), HOARDERS / 2, HOARDERS);
}

/* Though they send a byte now and then, and it holds more than each of them. */
static void those_that_are_idle_go_and_one_that_makes_progress_stays(void **state)
{
    enum { HOARDERS = 32, SIZE = 900000, PIECE = 50000 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"),
                                        "--input-buffer", "2m", NULL);
    struct client *hoarders[HOARDERS], *busy = client_connects(m), *other = client_connects(m);
    const char *data = noise(SIZE, 7);

    for (int i = 0; i < HOARDERS; i++) hoarders[i] = hoarder_connects(m);
    stat_becomes(other, "proxy", "total_connections", textf("%d", HOARDERS + 2));
    time_passes(other, 1);
    for (int i = 0; i < HOARDERS; i++) client_sends(hoarders[i], "x");
    client_sends(busy, textf("set big 0 0 %d\r\n", SIZE));
    for (int at = 0; at < SIZE; at += PIECE) {
        client_sends_bytes(busy, data + at, PIECE);
        client_sees_nothing_more(other);
    }
    client_sends(busy, "\r\n");
    backend_sees(b, textf("set big 0 0 %d\r\n", SIZE));
    backend_sees_bytes(b, data, SIZE);
    backend_sees(b, "\r\n");
    backend_answers(b, "STORED\r\n");
    client_sees(busy, "STORED\r\n");
    assert_true(stat_number(other, "proxy", "unfinished_shed") > 0);
    assert_non_null(strstr(moongate_log_line(m, "--input-buffer"), "idle for "));
    for (int i = 0; i < HOARDERS; i++) client_closes(hoarders[i]);
    stat_becomes(other, "proxy", "unfinished_bytes", "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_client_for_whom_there_is_no_descriptor_gets_the_reason),
        play(waiting_for_a_descriptor_takes_no_processor_time),
        play(clients_leave_a_worker_descriptors_for_its_servers),
        play(requests_that_are_never_finished_cost_bounded_memory),
        play(those_that_are_idle_go_and_one_that_makes_progress_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
