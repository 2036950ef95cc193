/* load: drives a memcache server or proxy, and checks what comes back.
 *
 * Every connection keeps `depth` requests outstanding: as replies arrive, as many new requests go out in one write. With -O, requests
 * go out at a fixed rate instead (pace.h), at most `depth` outstanding on each connection. A run stores all keys, warms up, is timed,
 * and lets what is in flight finish. One thread, edge-triggered epoll. Prints one line of NAME=VALUE pairs. Exit 0, or 1 when any value
 * was wrong, any reply was an error, or the peer stalled or hung up; 2 for a wrong option.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connect.h"
#include "pace.h"
#include "replies.h"
#include "requests.h"

enum { EVENTS = 256, LOOK_MS = 10 };
static const uint64_t STALL = 5 * (uint64_t)1000000000u, BEHIND_MOST = 10 * (uint64_t)1000000000u;

/* --- a connection ------------------------------------------------------------------------------- */

static void conn_open(struct conn *c, int loop)
{
    const char *why = NULL;
    c->fd = connect_address(opt.address, &why);
    if (c->fd < 0) die(1, "%s: connect: %s", opt.address, why);
    if (opt.tls && !secure_open(c)) die(1, "%s: no TLS handshake", opt.address);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->asks = calloc(opt.depth, sizeof *c->asks);
    c->numbers = calloc((size_t)opt.depth * opt.group, sizeof *c->numbers);
    if (!c->asks || !c->numbers) die(1, "out of memory");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    if (epoll_ctl(loop, EPOLL_CTL_ADD, c->fd, &event) != 0) die(1, "epoll: %s", strerror(errno));
}

static void conn_flush(struct conn *c)
{
    while (c->out.start < c->out.end) {
        ssize_t n = conn_send(c, c->out.data + c->out.start, c->out.end - c->out.start);
        if (n < 0 && errno == EAGAIN) return; /* the edge that ends this comes through epoll */
        if (n < 0) die(1, "%s: send: %s", opt.address, strerror(errno));
        c->out.start += (size_t)n;
    }
}

static bool has_rate(void)
{
    return opt.rate > 0 && phase != STORE;
}

/* Whether another request is to be written, and when it counts as sent. */
static bool conn_may_ask(const struct conn *c, uint64_t *at)
{
    if (c->outstanding == opt.depth) return false;
    *at = has_rate() ? pace_next(c) : now;
    if (has_rate()) return *at <= now && *at < pace.end;
    return phase < DRAIN && (phase != STORE || stored < opt.keys);
}

static void conn_fill(struct conn *c)
{
    for (uint64_t at; conn_may_ask(c, &at);) {
        ask_write(c, at);
        c->turns++;
        pace.written++;
    }
    conn_flush(c);
}

/* --- a run -------------------------------------------------------------------------------------- */

static void cpu_read(struct cputime *of_groups)
{
    static struct process list[CPUTIME_PROCESSES];
    size_t n = opt.n_groups ? process_list(list, CPUTIME_PROCESSES) : 0;
    for (uint32_t i = 0; i < opt.n_groups; i++)
        of_groups[i] = cputime_of(opt.groups[i].pids, opt.groups[i].n, list, n);
}

static void warm_begin(void)
{
    for (uint32_t i = 0; i < opt.connections; i++) conns[i].turns = 0;
    pace.base = now;
    pace.end = UINT64_MAX;
    pace.looked_at = pace.written = 0;
    run.due = now + (uint64_t)(opt.warmup * 1e9);
}

static void timed_begin(void)
{
    uint64_t since = now;
    cpu_read(run.cpu_from);
    run.from = now = clock_ns();
    run.due = pace.end = now + (uint64_t)(opt.seconds * 1e9);
    pace_resume(since, now);
}

static void phase_begin(enum phase next)
{
    phase = next;
    now = clock_ns();
    if (phase == WARM) warm_begin();
    if (phase == TIMED) timed_begin();
    if (phase == DRAIN) run.to = now;
    /* With a fixed rate, the last requests are waited for first: reading takes milliseconds. */
    if (phase == (opt.rate > 0 ? DONE : DRAIN)) cpu_read(run.cpu_to);
    for (uint32_t i = 0; i < opt.connections; i++) conn_fill(&conns[i]);
}

static void phase_check(void)
{
    now = clock_ns();
    if (outstanding && now > last_reply + STALL)
        die(1, "%s: no reply for 5 s, %u requests outstanding", opt.address, outstanding);
    bool by_clock = phase == WARM || phase == TIMED;
    bool is_behind = phase == DRAIN && has_rate() && pace_is_behind(now);
    if (is_behind && now > run.due + BEHIND_MOST)
        die(1, "%s: %.0f requests a second are too many for it", opt.address, opt.rate);
    if (by_clock ? now >= run.due : outstanding == 0 && !is_behind) phase_begin(phase + 1);
}

/* Writes what has become due, where its connection has room. */
static void pace_go(void)
{
    assert(opt.connections > 0);
    for (; pace_due(pace.looked_at) <= now && pace_due(pace.looked_at) < pace.end; pace.looked_at++)
        conn_fill(&conns[pace.looked_at % opt.connections]);
}

/* Until something comes, a request is due, or it is time to look at the clock. */
static int wait_for(int loop, struct epoll_event *events)
{
    uint64_t most = LOOK_MS * (uint64_t)1000000u;
    if (has_rate()) {
        uint64_t due = pace_due(pace.looked_at);
        now = clock_ns();
        most = due <= now ? 0 : due - now < most ? due - now : most;
    }
    struct timespec wait = {.tv_nsec = (long)most};
    return epoll_pwait2(loop, events, EVENTS, &wait, NULL);
}

static void run_loop(int loop)
{
    last_reply = clock_ns();
    phase_begin(STORE);
    while (phase != DONE) {
        struct epoll_event events[EVENTS];
        int n = wait_for(loop, events);
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (events[i].events & ~(uint32_t)EPOLLOUT) conn_readable(c);
            conn_fill(c);
        }
        phase_check();
        if (has_rate()) pace_go();
    }
}

static void report_cpu(uint32_t group, uint64_t requests)
{
    const struct cputime *from = &run.cpu_from[group], *to = &run.cpu_to[group];
    const char *name = opt.groups[group].name;
    double cpu = (double)(to->total_ns - from->total_ns) / 1e3 / (double)requests;
    uint64_t user = to->user_ticks - from->user_ticks;
    uint64_t system = to->system_ticks - from->system_ticks;
    double part = user + system ? (double)user / (double)(user + system) : 0;
    printf(" %scpu_us=%.3f %suser_us=%.3f %ssys_us=%.3f", name, cpu, name, cpu * part, name,
           cpu * (1 - part));
}

static void report(void)
{
    double seconds = (double)(run.to - run.from) / 1e9;
    uint64_t requests = count.gets + count.sets;
    printf("seconds=%.3f requests=%llu req_per_s=%.0f keys_per_s=%.0f", seconds,
           (unsigned long long)requests, (double)requests / seconds, (double)count.keys / seconds);
    printf(" p50_us=%.1f p90_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f",
           histogram_us(&latency, 0.5), histogram_us(&latency, 0.9), histogram_us(&latency, 0.99),
           histogram_us(&latency, 0.999), (double)latency.max / 1e3);
    printf(" first_p50_us=%.1f first_p99_us=%.1f", histogram_us(&first_byte, 0.5),
           histogram_us(&first_byte, 0.99));
    for (uint32_t i = 0; requests && i < opt.n_groups; i++) report_cpu(i, requests);
    printf(" misses=%llu wrong=%llu errors=%llu\n", (unsigned long long)count.misses,
           (unsigned long long)count.wrong, (unsigned long long)count.errors);
}

/* --- the program -------------------------------------------------------------------------------- */

static void stay_on(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        die(2, "processor %d: %s", cpu, strerror(errno));
}

/* As many descriptors as may be, and timers that end when they are to. */
static void limits_lift(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    prctl(PR_SET_TIMERSLACK, 1UL);
}

int main(int argc, char **argv)
{
    options_read(argc, argv);
    limits_lift();
    if (opt.cpu >= 0) stay_on(opt.cpu);
    random_state = opt.seed;
    keys = keys_create(opt.absent > 0 ? opt.keys * 2 : opt.keys, opt.prefixes);
    conns = calloc(opt.connections, sizeof *conns);
    if (!keys || !conns) die(1, "out of memory, or a prefix too long");
    int loop = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < opt.connections; i++) conn_open(&conns[i], loop);
    run_loop(loop);
    report();
    return count.wrong || count.errors;
}
