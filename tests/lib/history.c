#include "lib/history.h"

#include "lib/stage.h"

enum { REMEMBERED = 4096 };

/* memcached's clock ticks once a second, now and then a little late. */
static const double TICK = 1.6, LATE = 0.3; /* a busy server's clock lags behind its seconds */

struct deed {
    enum operation operation;
    bool is_unknown;
    double ttl, began, ended; /* ended 0: not yet */
};

/* Operations 1 .. n; the last REMEMBERED of them. */
struct history {
    unsigned n;
    unsigned acknowledged;
    bool has_lost_delete; /* one failed: it may still be carried out */
    struct deed deeds[REMEMBERED];
};

static struct {
    double began;   /* the last one, acknowledged or not */
    double ended;   /* 0: it runs, or has failed */
    double flushed; /* when the last one began that was acknowledged */
} flushes;

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[VERDICT_COUNT] = {
#define X(name, meaning) #name,
        VERDICTS(X)
#undef X
    };
    return names[verdict];
}

struct history *history_create(void)
{
    return stage_memory(sizeof(struct history));
}

static struct deed *deed_of(const struct history *h, unsigned number)
{
    return (struct deed *)&h->deeds[number % REMEMBERED];
}

unsigned history_begins(struct history *h, enum operation operation, double ttl)
{
    *deed_of(h, ++h->n) = (struct deed){.operation = operation, .ttl = ttl, .began = stage_now()};
    return h->n;
}

void history_ends(struct history *h, bool is_acknowledged)
{
    struct deed *d = deed_of(h, h->n);
    d->ended = stage_now();
    d->is_unknown = !is_acknowledged;
    if (is_acknowledged) h->acknowledged = h->n;
    if (!is_acknowledged && d->operation == OPERATION_DELETE) h->has_lost_delete = true;
}

void history_flush_begins(void)
{
    flushes.began = stage_now();
    flushes.ended = 0;
}

void history_flush_ends(bool is_acknowledged)
{
    if (!is_acknowledged) return;
    flushes.ended = stage_now();
    flushes.flushed = flushes.began;
}

struct history_read history_read_begins(const struct history *h)
{
    return (struct history_read){h->acknowledged, stage_now(), flushes.flushed};
}

static enum verdict value_verdict(const struct history *h, const struct history_read *read,
                                  unsigned number)
{
    if (number > h->n) return VERDICT_UNBORN;
    if (h->n - number >= REMEMBERED) return VERDICT_STALE;
    const struct deed *d = deed_of(h, number);
    if (d->operation != OPERATION_SET) return VERDICT_UNBORN;
    if (d->is_unknown || d->ended == 0) return VERDICT_RIGHT;
    if (number < read->acknowledged || d->ended < read->flushed) return VERDICT_STALE;
    return d->ttl && read->began > d->ended + d->ttl + LATE ? VERDICT_EXPIRED : VERDICT_RIGHT;
}

/* After this operation there may be nothing. */
static bool may_leave_nothing(const struct history *h, unsigned number)
{
    const struct deed *d = deed_of(h, number);
    if (number == 0 || d->operation == OPERATION_DELETE) return true;
    return (d->ttl && stage_now() > d->began + d->ttl - TICK) ||
           (flushes.began > 0 && (flushes.ended == 0 || flushes.ended >= d->began)) ||
           d->is_unknown;
}

/* A flush_all that runs, or has ended since the operation began, may have come behind it. */
static enum verdict miss_verdict(const struct history *h, const struct history_read *read)
{
    if (h->has_lost_delete) return VERDICT_RIGHT;
    for (unsigned number = read->acknowledged; number <= h->n; number++) {
        if (may_leave_nothing(h, number)) return VERDICT_RIGHT;
    }
    return VERDICT_LOST;
}

enum verdict history_read_ends(const struct history *h, const struct history_read *read,
                               unsigned number)
{
    return number ? value_verdict(h, read, number) : miss_verdict(h, read);
}
