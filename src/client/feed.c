/* From takes to datagrams. Takes are written one behind the other into the open block; it is sealed when the next one does not fit, when it is
 * AGE seconds old, or when the share of keys changes, which its head says. A take that is longer than a block gets blocks of its own.
 * Sealed blocks wait in a list that is bounded; they are sent at the end of the turn, as far as the socket takes them.
 *
 * The socket is one for all workers, so that it is full when the reader is slow, and all of them have filled it. Then blocks wait, further ones are
 * dropped with their takes, and the share of keys is made smaller: a smaller share without holes says more than a larger one with holes.
 *
 * A service that is so busy that looking at the key of each request would already take too much of its time is looked at for a part of the
 * time; what was missed is counted as lost.
 *
 * What recording costs is estimated: every FEED_TIMED-th piece of work is timed, and the others cost as much; sends and long values are timed
 * each. So a request that is recorded needs no look at the clock. */
#include "client/feed.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"

enum {
    HEAD = sizeof(struct datagram_head),
    ROOM = DATAGRAM_MAX - HEAD,
    BLOCKS_SHORT = 20, /* as FEED_BLOCKS, when no values are recorded */
    FEED_TIMED = 16,
};

static const double AGE = 0.2, END_LIMIT = 1;            /* seconds */
static const double LOOK_TIME = 0.007, LOOK_BURST = 0.1; /* of what the worker works; seconds */
static const double WORKED_EVERY = 0.02, WORKED_LEAST = 0.25;      /* seconds; of the time */
static const double COST_FIRST = 100, COST_MOST = 20000, LOOK = 3; /* nanoseconds */

_Static_assert(FEED_BLOCKS > TAKE_MOST / ROOM + 1, "the longest take fits");

/* One datagram. Its head is written when it is sealed. */
struct feed_block {
    struct feed_block *next;
    double begun;
    uint32_t used, takes, first, share; /* used: behind the head */
    uint8_t bytes[DATAGRAM_MAX];
};

/* --- cost -------------------------------------------------------------------------------------- */

/* What takes long is timed by the processor's time, which costs a system call: else another process that runs meanwhile would count. */
static double clock_of(bool always)
{
    struct timespec now;
    clock_gettime(always ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double feed_starts(struct feed *f, enum feed_work work, bool always)
{
    return always || ++f->timed[work] % FEED_TIMED == 0 ? clock_of(always) : 0;
}

void feed_spent(struct feed *f, enum feed_work work, double began, bool always)
{
    if (began == 0) {
        f->spent += f->cost[work];
        return;
    }
    double took = (clock_of(always) - began) * 1e9 - f->clock_cost;
    if (took < 0) took = 0;
    if (!always) {
        if (took > COST_MOST) took = COST_MOST; /* another process has run meanwhile */
        f->cost[work] += (took - f->cost[work]) / 8;
    }
    f->spent += took + 2 * f->clock_cost;
}

/* What one look at the clock costs, and one at a key. */
static void measure(struct feed *f)
{
    enum { TIMES = 32 };
    static volatile uint32_t sink;
    uint8_t key[20] = {0};
    double begun = process_clock(), now = begun;
    for (int i = 0; i < TIMES; i++) now = process_clock();
    f->clock_cost = (now - begun) * 1e9 / TIMES;
    begun = process_clock();
    for (int i = 0; i < TIMES; i++) {
        key[i % sizeof key]++;
        sink = feed_hash(key, sizeof key);
    }
    (void)sink;
    now = process_clock();
    f->look_cost = LOOK + ((now - begun) * 1e9 - f->clock_cost) / TIMES;
    for (int i = 0; i < FEED_WORKS; i++) f->cost[i] = COST_FIRST;
}

/* --- state ------------------------------------------------------------------------------------- */

bool feed_sane(const struct feed *f)
{
    uint32_t n = 0;
    for (const struct feed_block *b = f->first; b; b = b->next) n++;
    return (f->fd >= 0) == (f->state != FEED_OFF) && n == f->queued && n <= FEED_BLOCKS + 1 &&
           (!f->open || f->state == FEED_ON) && (f->state != FEED_OFF || !f->first);
}

static void free_blocks(struct feed *f)
{
    while (f->first) {
        struct feed_block *b = f->first;
        f->first = b->next;
        free(b);
    }
    f->last = NULL;
    f->queued = 0;
    free(f->open);
    f->open = NULL;
}

/* The only function that writes the state. */
static void feed_enter(struct feed *f, enum feed_state state)
{
    if (f->state == FEED_ON)
        log_debug("recording: %llu datagrams; the share of keys is %.4f; a request costs %.0f + "
                  "%.0f ns, a key that is not recorded %.0f ns",
                  (unsigned long long)f->datagrams, f->budget.share / (double)UINT32_MAX,
                  f->cost[FEED_NOTES], f->cost[FEED_TAKES], f->look_cost);
    f->state = state;
    f->row->recording = state == FEED_ON;
    if (state == FEED_OFF) {
        ev_io_stop(f->loop, &f->writable);
        ev_timer_stop(f->loop, &f->tick);
        free_blocks(f);
        if (f->fd >= 0) close(f->fd);
        f->fd = -1;
    }
    assert(feed_sane(f));
}

/* --- blocks ------------------------------------------------------------------------------------ */

void feed_lose(struct feed *f, uint32_t n)
{
    f->lost += n;
    f->row->recorded_lost += n;
    f->has_lost = true;
}

static uint32_t blocks_most(const struct feed *f)
{
    return f->settings.mode == RECORDING_VALUES ? FEED_BLOCKS : BLOCKS_SHORT;
}

static struct feed_block *block_create(const struct feed *f)
{
    struct feed_block *b = malloc(sizeof *b);
    if (!b) abort();
    b->next = NULL;
    b->begun = f->budget.at;
    b->used = b->takes = b->first = 0;
    b->share = f->budget.share;
    return b;
}

static void write_head(struct feed *f, struct feed_block *b, bool is_last)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct datagram_head head = {.layout = DATAGRAM_LAYOUT,
                                 .mark = f->mark,
                                 .pid = getpid(),
                                 .worker = f->worker,
                                 .number = ++f->datagrams,
                                 .first = b->first,
                                 .takes = b->takes,
                                 .lost = f->lost,
                                 .at = (double)now.tv_sec + (double)now.tv_nsec * 1e-9,
                                 .share = b->share,
                                 .is_last = is_last};
    memcpy(b->bytes, &head, sizeof head);
}

/* It waits for being sent. */
static void block_queue(struct feed *f, struct feed_block *b, bool is_last)
{
    assert(f->queued < (is_last ? FEED_BLOCKS + 1u : FEED_BLOCKS));
    write_head(f, b, is_last);
    if (f->last)
        f->last->next = b;
    else
        f->first = b;
    f->last = b;
    f->queued++;
}

static void seal(struct feed *f)
{
    struct feed_block *b = f->open;
    if (!b) return;
    f->open = NULL;
    if (f->queued < blocks_most(f)) {
        block_queue(f, b, false);
    } else {
        feed_lose(f, b->takes);
        free(b);
    }
}

static void open_block(struct feed *f)
{
    f->open = block_create(f);
    f->time = 0;
}

/* A take that is longer than a block: all of it or nothing. */
static void add_long(struct feed *f, const struct take *t, size_t room)
{
    uint64_t time = 0;
    seal(f);
    if (f->queued + room / ROOM + 1 > blocks_most(f)) {
        feed_lose(f, 1);
        return;
    }
    uint8_t *bytes = malloc(room);
    if (!bytes) abort();
    size_t len = take_encode(t, &time, bytes, room);
    for (size_t at = 0; at < len;) {
        struct feed_block *b = block_create(f);
        b->used = (uint32_t)(len - at < ROOM ? len - at : ROOM);
        b->takes = at == 0;
        b->first = at == 0 ? 0 : b->used;
        memcpy(b->bytes + HEAD, bytes + at, b->used);
        at += b->used;
        block_queue(f, b, false);
    }
    f->bytes += len;
    free(bytes);
}

void feed_add(struct feed *f, struct take *t, uint32_t hash)
{
    if (f->state != FEED_ON || hash > f->budget.share) return;
    f->row->recorded_requests++;
    t->worker = f->worker;
    size_t room = take_room(t), n = 0;
    if (room > ROOM) {
        add_long(f, t, room);
        return;
    }
    if (f->open)
        n = take_encode(t, &f->time, f->open->bytes + HEAD + f->open->used, ROOM - f->open->used);
    if (n == 0) {
        seal(f);
        open_block(f);
        n = take_encode(t, &f->time, f->open->bytes + HEAD, ROOM);
        assert(n > 0);
    }
    f->open->used += (uint32_t)n;
    f->open->takes++;
    f->bytes += n;
}

/* --- sending ----------------------------------------------------------------------------------- */

/* False: the reader is gone. */
static bool send_some(struct feed *f)
{
    while (f->first && !f->is_full) {
        struct feed_block *b = f->first;
        ssize_t n = send(f->fd, b->bytes, HEAD + b->used, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)) {
            f->is_full = true;
            ev_io_start(f->loop, &f->writable);
            return true;
        }
        if (n < 0) return false;
        f->first = b->next;
        if (!f->first) f->last = NULL;
        f->queued--;
        free(b);
    }
    return true;
}

/* The loop turns by that; what is due is done at the turn's end. */
static void on_writable(struct ev_loop *loop, ev_io *io, int events)
{
    struct feed *f = io->data;
    (void)events;
    f->is_full = false;
    ev_io_stop(loop, io);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct feed *f = timer->data;
    (void)loop;
    (void)events;
    f->is_full = false;
}

static void learn_offset(struct feed *f, double now)
{
    struct timespec real;
    if (now - f->offset_at < 1) return;
    clock_gettime(CLOCK_REALTIME, &real);
    f->offset = (double)real.tv_sec + (double)real.tv_nsec * 1e-9 - process_clock();
    f->offset_at = now;
}

/* What was to be recorded of the requests that came while it rested: as many of them as the share is of all keys. */
static void count_unseen(struct feed *f)
{
    double share = (double)f->budget.share / UINT32_MAX;
    uint64_t n = (uint64_t)((double)(f->row->keys_routed - f->unseen) * share);
    f->lost += n;
    f->row->recorded_requests += n;
    f->row->recorded_lost += n;
    f->rests = false;
}

/* Looking at keys costs the same whatever the share is; it has an account of its own, and rests while that is empty. */
static void rest(struct feed *f, double worked)
{
    double most = LOOK_BURST * LOOK_TIME;
    f->look_time += worked * LOOK_TIME;
    if (f->look_time > most) f->look_time = most;
    f->look_time -= f->looked * f->look_cost * 1e-9;
    f->looked = 0;
    if (!f->rests && f->look_time < 0) {
        f->rests = true;
        f->unseen = f->row->keys_routed;
    } else if (f->rests && f->look_time > most / 2) {
        count_unseen(f);
    }
}

/* Seconds that this worker has worked since the last time, but at least a part of those that went by: one with little to do may record
 * all of it. */
static double worked(struct feed *f, double now)
{
    if (now - f->worked_at < WORKED_EVERY) return 0;
    double cpu = clock_of(true), most = now - f->worked_at, had = cpu - f->worked;
    f->worked_at = now;
    f->worked = cpu;
    return had > most ? most : had > WORKED_LEAST * most ? had : WORKED_LEAST * most;
}

/* What was spent on this turn and the ones before it decides about the share. */
static void pay(struct feed *f, double now)
{
    struct budget_bill bill = {.worked = worked(f, now),
                               .seconds = f->spent * 1e-9,
                               .bytes = f->bytes,
                               .has_lost = f->has_lost};
    rest(f, bill.worked);
    f->spent = 0;
    f->bytes = 0;
    f->has_lost = false;
    if (budget_look(&f->budget, now, &bill)) seal(f);
}

void feed_turn(struct feed *f, double now)
{
    assert(f->state != FEED_OFF);
    learn_offset(f, now);
    if (f->open && now - f->open->begun >= AGE) seal(f);
    if (f->first && !f->is_full) {
        double began = feed_starts(f, FEED_TAKES, true);
        bool is_there = send_some(f);
        feed_spent(f, FEED_TAKES, began, true);
        if (!is_there) {
            log_debug("recording: its reader has gone");
            feed_enter(f, FEED_OFF);
            return;
        }
    }
    if (f->state == FEED_ENDS && (!f->first || now >= f->ends_at))
        feed_enter(f, FEED_OFF);
    else if (f->state == FEED_ON)
        pay(f, now);
}

/* --- life -------------------------------------------------------------------------------------- */

void feed_init(struct feed *f, struct ev_loop *loop, struct board_row *row)
{
    *f = (struct feed){.loop = loop, .row = row, .fd = -1};
    ev_init(&f->writable, on_writable);
    ev_timer_init(&f->tick, on_tick, AGE, AGE);
    f->writable.data = f->tick.data = f;
}

void feed_begin(struct feed *f, int fd, const struct feed_settings *s, uint32_t worker, double now)
{
    assert(fd >= 0 && s->share > 0);
    feed_release(f);
    f->fd = fd;
    f->worker = worker;
    f->settings = *s;
    f->number++;
    f->datagrams = f->lost = 0;
    f->is_full = f->has_lost = false;
    f->spent = 0;
    f->looked = 0;
    f->look_time = LOOK_BURST * LOOK_TIME;
    f->rests = false;
    f->worked_at = now;
    f->worked = clock_of(true);
    f->bytes = 0;
    f->mark = take_mark();
    f->offset_at = now - 2;
    learn_offset(f, now);
    measure(f);
    budget_begin(&f->budget, s->share, now);
    ev_io_set(&f->writable, fd, EV_WRITE);
    ev_timer_again(f->loop, &f->tick);
    feed_enter(f, FEED_ON);
}

/* The last datagram, which may be empty. It has a place, whatever waits. */
static void seal_last(struct feed *f)
{
    struct feed_block *b = f->open ? f->open : block_create(f);
    f->open = NULL;
    block_queue(f, b, true);
}

void feed_end(struct feed *f, double now)
{
    if (f->state != FEED_ON) return;
    if (f->rests) count_unseen(f);
    seal_last(f);
    f->ends_at = now + END_LIMIT;
    feed_enter(f, FEED_ENDS);
}

void feed_release(struct feed *f)
{
    if (f->state == FEED_OFF) return;
    feed_end(f, 0);
    f->is_full = false;
    (void)send_some(f);
    feed_enter(f, FEED_OFF);
}
