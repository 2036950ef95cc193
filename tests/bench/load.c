/* load: drives a memcache server or proxy as hard as a closed loop can, and checks every value that comes back.
 *
 * Every connection keeps `depth` requests outstanding: as replies arrive, as many new requests go out in one write.
 * A run stores all keys, warms up, is timed, and lets what is in flight finish. One thread, edge-triggered epoll.
 * Prints one line of NAME=VALUE pairs. Exit 0, or 1 when any value was wrong, any reply was an error, or the peer
 * stalled or hung up; 2 for a wrong option.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "connect.h"
#include "cputime.h"
#include "histogram.h"
#include "keys.h"
#include "options.h"

enum { LINE_LIMIT = 2048, EVENTS = 256, FIRST_BUFFER = 16384 };
static const uint64_t SECOND = 1000000000u, STALL = 5 * (uint64_t)1000000000u;

/* What the connections do now. STORE ends when every key is stored, the next two by the clock, DRAIN when nothing
 * is outstanding. */
static enum phase { STORE, WARM, TIMED, DRAIN, DONE } phase;

/* Bytes [start, end) are in use. */
struct bytes {
    char *data;
    size_t start, end, cap;
};

/* A request whose reply has not come. Its keys are at numbers[group * its place in the ring]. */
struct ask {
    uint64_t sent;
    uint32_t n;
    bool is_set;
};

struct conn {
    int fd;
    struct bytes in, out;
    struct ask *asks;  /* ring of depth */
    uint32_t *numbers; /* of keys, `group` a slot */
    uint32_t head, outstanding;
    uint32_t next; /* keys of the get at head that are settled */
};

static struct key *keys;
static struct conn *conns;
static uint32_t stored, outstanding;
static uint64_t random_state, now, last_reply;
static struct histogram latency;
static struct {
    uint64_t gets, sets, keys, misses, wrong, errors;
} count;

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint32_t random_below(uint32_t n)
{
    random_state += 0x9e3779b97f4a7c15u;
    return (uint32_t)((mix64(random_state) >> 32) * n >> 32);
}

/* Makes room for n bytes at the end. */
static char *bytes_room(struct bytes *b, size_t n)
{
    if (b->start == b->end) b->start = b->end = 0;
    if (b->cap - b->end >= n) return b->data + b->end;
    if (b->start) memmove(b->data, b->data + b->start, b->end - b->start);
    b->end -= b->start;
    b->start = 0;
    while (b->cap - b->end < n) b->cap = b->cap ? b->cap * 2 : FIRST_BUFFER;
    b->data = realloc(b->data, b->cap);
    if (!b->data) die(1, "out of memory");
    return b->data + b->end;
}

/* --- requests ---------------------------------------------------------------------------------- */

static char *put_key(char *p, const struct key *key)
{
    memcpy(p, key->text, key->len);
    return p + key->len;
}

static void write_get(struct conn *c, const uint32_t *numbers, uint32_t n)
{
    char *p = bytes_room(&c->out, 5 + (size_t)n * (KEY_MAX + 1));
    memcpy(p, "get", 3);
    p += 3;
    for (uint32_t i = 0; i < n; i++) {
        *p++ = ' ';
        p = put_key(p, &keys[numbers[i]]);
    }
    memcpy(p, "\r\n", 2);
    c->out.end = (size_t)(p + 2 - c->out.data);
}

static void write_set(struct conn *c, const struct key *key)
{
    char *p = bytes_room(&c->out, KEY_MAX + 64 + (size_t)opt.value);
    memcpy(p, "set ", 4);
    p = put_key(p + 4, key);
    p += sprintf(p, " %u 0 %u\r\n", key_flags(key), opt.value);
    value_write(key, p, opt.value);
    memcpy(p + opt.value, "\r\n", 2);
    c->out.end = (size_t)(p + opt.value + 2 - c->out.data);
}

static void ask_write(struct conn *c)
{
    uint32_t place = (c->head + c->outstanding) % opt.depth;
    uint32_t *numbers = &c->numbers[(size_t)place * opt.group];
    bool is_set = phase == STORE || random_below(100 + opt.sets) >= 100;
    uint32_t n = is_set ? 1 : opt.group;
    for (uint32_t i = 0; i < n; i++)
        numbers[i] = phase == STORE ? stored++ : random_below(opt.keys);
    c->asks[place] = (struct ask){.sent = now, .n = n, .is_set = is_set};
    c->outstanding++;
    outstanding++;
    if (is_set)
        write_set(c, &keys[numbers[0]]);
    else
        write_get(c, numbers, n);
}

static void conn_flush(struct conn *c)
{
    while (c->out.start < c->out.end) {
        ssize_t n =
            send(c->fd, c->out.data + c->out.start, c->out.end - c->out.start, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) return; /* the edge that ends this comes through epoll */
        if (n < 0) die(1, "%s: send: %s", opt.address, strerror(errno));
        c->out.start += (size_t)n;
    }
}

static void conn_fill(struct conn *c)
{
    while (c->outstanding < opt.depth && phase < DRAIN && (phase != STORE || stored < opt.keys))
        ask_write(c);
    conn_flush(c);
}

/* --- replies ----------------------------------------------------------------------------------- */

static void ask_done(struct conn *c)
{
    const struct ask *ask = &c->asks[c->head];
    if (phase == TIMED) {
        histogram_add(&latency, now - ask->sent);
        count.gets += !ask->is_set;
        count.sets += ask->is_set;
        count.keys += ask->n;
    }
    c->head = (c->head + 1) % opt.depth;
    c->outstanding--;
    outstanding--;
    c->next = 0;
}

/* The key that a VALUE line (without its CR LF) names, among those still expected; NULL when it is none of them. */
static const struct key *expected_key(struct conn *c, const char *line, size_t len)
{
    const struct ask *ask = &c->asks[c->head];
    const uint32_t *numbers = &c->numbers[(size_t)c->head * opt.group];
    for (uint32_t i = c->next; i < ask->n; i++) {
        const struct key *key = &keys[numbers[i]];
        if (len < 6 + key->len + 4 || line[6 + key->len] != ' ') continue;
        if (memcmp(line + 6, key->text, key->len) != 0) continue;
        count.misses += i - c->next;
        c->next = i + 1;
        return key;
    }
    return NULL;
}

/* Reads `FLAGS LENGTH`. */
static bool read_two(const char *p, const char *end, uint32_t *flags, uint32_t *len)
{
    uint32_t *out[2] = {flags, len};
    for (int i = 0; i < 2; i++) {
        uint32_t v = 0;
        const char *from = p;
        for (; p < end && *p >= '0' && *p <= '9' && p - from < 9; p++)
            v = v * 10 + (uint32_t)(*p - '0');
        if (p == from) return false;
        *out[i] = v;
        if (i == 0 && (p == end || *p++ != ' ')) return false;
    }
    return p == end;
}

/* Handles the VALUE line at the start of c->in (its CR LF at `cr`) with its data. False when data is missing. */
static bool value_take(struct conn *c, const char *line, const char *cr)
{
    uint32_t flags, len;
    const char *space = memchr(line + 6, ' ', (size_t)(cr - line - 6));
    if (!space || !read_two(space + 1, cr, &flags, &len))
        die(1, "%s: not a VALUE line: %.*s", opt.address, (int)(cr - line), line);
    size_t whole = (size_t)(cr + 2 - line) + len + 2;
    if (c->in.end - c->in.start < whole) {
        bytes_room(&c->in, whole);
        return false;
    }
    const char *data = cr + 2;
    const struct key *key = expected_key(c, line, (size_t)(cr - line));
    if (!key || flags != key_flags(key) || len != opt.value || !value_is_right(key, data, len)) {
        if (count.wrong++ == 0)
            fprintf(stderr, "load: %s: wrong value: %s: %.*s\n", opt.address,
                    key ? "not what this key holds" : "not a key that was asked for",
                    (int)(cr - line), line);
    }
    if (memcmp(data + len, "\r\n", 2) != 0)
        die(1, "%s: no CR LF after the data of: %.*s", opt.address, (int)(cr - line), line);
    c->in.start += whole;
    return true;
}

/* Handles a line that is not VALUE: it ends the reply at the head. */
static void line_take(struct conn *c, const char *line, const char *cr)
{
    const struct ask *ask = &c->asks[c->head];
    size_t len = (size_t)(cr - line);
    if (!ask->is_set && len == 3 && memcmp(line, "END", 3) == 0)
        count.misses += ask->n - c->next;
    else if ((!ask->is_set || len != 6 || memcmp(line, "STORED", 6) != 0) && count.errors++ == 0)
        fprintf(stderr, "load: %s: a %s was answered with: %.*s\n", opt.address,
                ask->is_set ? "set" : "get", (int)len, line);
    c->in.start += len + 2;
    ask_done(c);
}

/* Takes what is complete in c->in. */
static void conn_parse(struct conn *c)
{
    while (c->in.start < c->in.end) {
        char *line = c->in.data + c->in.start;
        size_t have = c->in.end - c->in.start;
        if (c->outstanding == 0) die(1, "%s: sent what nobody asked for: %.40s", opt.address, line);
        char *lf = memchr(line, '\n', have < LINE_LIMIT ? have : LINE_LIMIT);
        if (!lf && have < LINE_LIMIT) return;
        if (!lf || lf == line || lf[-1] != '\r') die(1, "%s: a line without CR LF", opt.address);
        if (!c->asks[c->head].is_set && have > 6 && memcmp(line, "VALUE ", 6) == 0) {
            if (!value_take(c, line, lf - 1)) return;
        } else {
            line_take(c, line, lf - 1);
        }
    }
}

static void conn_readable(struct conn *c)
{
    for (;;) {
        char *room = bytes_room(&c->in, FIRST_BUFFER / 4);
        size_t size = c->in.cap - c->in.end;
        ssize_t n = recv(c->fd, room, size, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) die(1, "%s: hung up: %s", opt.address, n ? strerror(errno) : "end of stream");
        c->in.end += (size_t)n;
        now = last_reply = clock_ns();
        conn_parse(c);
        if ((size_t)n < size) return; /* drained: what comes later is a new edge */
    }
}

/* --- a run ------------------------------------------------------------------------------------- */

static void conn_open(struct conn *c, int loop)
{
    const char *why = NULL;
    c->fd = connect_address(opt.address, &why);
    if (c->fd < 0) die(1, "%s: connect: %s", opt.address, why);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->asks = calloc(opt.depth, sizeof *c->asks);
    c->numbers = calloc((size_t)opt.depth * opt.group, sizeof *c->numbers);
    if (!c->asks || !c->numbers) die(1, "out of memory");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    if (epoll_ctl(loop, EPOLL_CTL_ADD, c->fd, &event) != 0) die(1, "epoll: %s", strerror(errno));
}

static struct {
    uint64_t due; /* when the phase ends, if by the clock */
    uint64_t from, to;
    struct cputime cpu_from, cpu_to;
} run;

static void phase_begin(enum phase next)
{
    phase = next;
    now = clock_ns();
    if (phase == WARM) run.due = now + (uint64_t)(opt.warmup * 1e9);
    if (phase == TIMED) {
        if (opt.proxy) run.cpu_from = cputime_of(opt.proxy);
        run.from = now = clock_ns();
        run.due = now + (uint64_t)(opt.seconds * 1e9);
    }
    if (phase == DRAIN) {
        run.to = now;
        if (opt.proxy) run.cpu_to = cputime_of(opt.proxy);
    }
    for (uint32_t i = 0; i < opt.connections; i++) conn_fill(&conns[i]);
}

static void phase_check(void)
{
    now = clock_ns();
    if (outstanding && now > last_reply + STALL)
        die(1, "%s: no reply for 5 s, %u requests outstanding", opt.address, outstanding);
    bool by_clock = phase == WARM || phase == TIMED;
    if (by_clock ? now >= run.due : outstanding == 0) phase_begin(phase + 1);
}

static void run_loop(int loop)
{
    last_reply = clock_ns();
    phase_begin(STORE);
    while (phase != DONE) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(loop, events, EVENTS, 10);
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (events[i].events & ~(uint32_t)EPOLLOUT) conn_readable(c);
            conn_fill(c);
        }
        phase_check();
    }
}

static void report(void)
{
    double seconds = (double)(run.to - run.from) / 1e9;
    uint64_t requests = count.gets + count.sets;
    printf("seconds=%.3f requests=%llu req_per_s=%.0f keys_per_s=%.0f", seconds,
           (unsigned long long)requests, (double)requests / seconds, (double)count.keys / seconds);
    printf(" p50_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f", histogram_us(&latency, 0.5),
           histogram_us(&latency, 0.99), histogram_us(&latency, 0.999), (double)latency.max / 1e3);
    if (opt.proxy && requests) {
        double cpu = (double)(run.cpu_to.total_ns - run.cpu_from.total_ns) / 1e3 / (double)requests;
        uint64_t user = run.cpu_to.user_ticks - run.cpu_from.user_ticks;
        uint64_t system = run.cpu_to.system_ticks - run.cpu_from.system_ticks;
        double part = user + system ? (double)user / (double)(user + system) : 0;
        printf(" cpu_us=%.3f user_us=%.3f sys_us=%.3f", cpu, cpu * part, cpu * (1 - part));
    }
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

int main(int argc, char **argv)
{
    options_read(argc, argv);
    if (opt.cpu >= 0) stay_on(opt.cpu);
    random_state = opt.seed;
    keys = keys_create(opt.keys, opt.prefixes);
    conns = calloc(opt.connections, sizeof *conns);
    if (!keys || !conns) die(1, "out of memory, or a prefix too long");
    int loop = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < opt.connections; i++) conn_open(&conns[i], loop);
    run_loop(loop);
    report();
    return count.wrong || count.errors;
}
