/* A change is sent as it comes. Where a channel is full (its worker is stopped), a timer tries again; the worker has not read the earlier
 * ones either. Numbers are of 64 bits here and of 32 in a message: only equality with the last one sent counts.
 */
#include "master/steer.h"

#include <assert.h>

static const double AGAIN = 0.1; /* seconds */

/* The first change behind `after`; NULL: there is none. */
static const struct steer *next_change(const struct steering *table, uint64_t after)
{
    const struct steer *next = NULL;
    for (uint32_t i = 0; i < table->n; i++) {
        const struct steer *one = &table->items[i];
        if (one->changed > after && (!next || one->changed < next->changed)) next = one;
    }
    return next;
}

/* False: it has to be tried again. */
static bool tell(struct steers *steers, struct slot *s)
{
    const struct steer *next;
    char text[STEER_TEXT_MAX];
    while (s->channel >= 0 && (next = next_change(&steers->table, s->steered))) {
        enum channel_status status = channel_send_text(
            s->channel, CHANNEL_STEER, (uint32_t)next->changed, steer_print(next, text));
        if (status == CHANNEL_CLOSED) return true; /* its end is noticed elsewhere */
        if (status == CHANNEL_AGAIN) return false;
        s->steered = next->changed;
    }
    return true;
}

/* What was taken back, and every worker knows of it. */
static void forget_old(struct steers *steers)
{
    uint64_t all = steers->crew->steered;
    for (uint32_t i = 0; i < steers->crew->slots_n; i++) {
        const struct slot *s = &steers->crew->slots[i];
        if (s->channel >= 0 && s->steered < all) all = s->steered;
    }
    for (uint32_t i = 0; i < steers->table.n;) {
        struct steer *one = &steers->table.items[i];
        if (steer_is_nothing(one) && one->changed <= all)
            steering_remove(&steers->table, one);
        else
            i++;
    }
}

static void tell_all(struct steers *steers)
{
    bool all = true;
    for (uint32_t i = 0; i < steers->crew->slots_n; i++)
        all &= tell(steers, &steers->crew->slots[i]);
    forget_old(steers);
    ev_timer_stop(steers->crew->loop, &steers->again);
    if (!all) ev_timer_start(steers->crew->loop, &steers->again);
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    tell_all(timer->data);
}

void steers_init(struct steers *steers, struct crew *crew, const struct steering *inherited)
{
    *steers = (struct steers){.crew = crew};
    if (inherited) steers->table = *inherited;
    crew->steering = &steers->table;
    ev_timer_init(&steers->again, on_again, AGAIN, AGAIN);
    steers->again.data = steers;
}

uint64_t steers_set(struct steers *steers, const struct steer *steer)
{
    struct steer change = *steer;
    change.changed = steers->crew->steered + 1;
    if (!steering_set(&steers->table, &change)) return 0;
    steers->crew->steered++;
    tell_all(steers);
    return change.changed;
}

/* What a worker says is believed as far as it was sent. */
void steers_take(struct steers *steers, struct slot *s, uint32_t number)
{
    uint64_t made = (s->steered & ~(uint64_t)UINT32_MAX) | number;
    assert(s->steered <= steers->crew->steered);
    if (made <= s->steered && made > s->has_steered) s->has_steered = made;
}

uint32_t steers_missing(const struct steers *steers, uint64_t number)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < steers->crew->slots_n; i++) {
        const struct slot *s = &steers->crew->slots[i];
        n += s->state == SLOT_READY && s->has_steered < number;
    }
    return n;
}

void steers_stop(struct steers *steers)
{
    ev_timer_stop(steers->crew->loop, &steers->again);
}
