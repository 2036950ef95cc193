/* An order is sent as it comes. Where a channel is full (its worker is stopped), a timer tries again. */
#include "master/record_order.h"

#include <assert.h>
#include <unistd.h>

#include "base/process.h"

static const double AGAIN = 0.1; /* seconds */

/* --- telling ----------------------------------------------------------------------------------- */

/* False: it has to be tried again. A process that has never recorded need not be told to end. */
static bool tell(struct record_order *o, struct slot *s)
{
    if (s->channel < 0 || s->recorded == o->number) return true;
    if (o->fd >= 0 || s->recorded > 0) {
        enum channel_status status =
            channel_send_both(s->channel, CHANNEL_RECORD, (uint32_t)o->number, o->text, o->fd);
        if (status == CHANNEL_AGAIN) return false;
        if (status == CHANNEL_CLOSED) return true; /* its end is noticed elsewhere */
    }
    s->recorded = o->number;
    return true;
}

void record_order_tell(struct record_order *o)
{
    bool all = true;
    if (!o->crew) return;
    for (uint32_t i = 0; i < o->crew->slots_n; i++) all &= tell(o, &o->crew->slots[i]);
    ev_timer_stop(o->crew->loop, &o->again);
    if (!all) ev_timer_start(o->crew->loop, &o->again);
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    record_order_tell(timer->data);
}

/* Nobody sends to this end: it is readable when the other one is closed. */
static void on_reader(struct ev_loop *loop, ev_io *io, int events)
{
    struct record_order *o = io->data;
    (void)events;
    ev_io_stop(loop, io);
    o->on_gone(o->arg);
}

/* --- life -------------------------------------------------------------------------------------- */

void record_order_init(struct record_order *o, struct crew *crew, record_order_gone_fn *on_gone,
                       void *arg)
{
    *o = (struct record_order){.crew = crew, .on_gone = on_gone, .arg = arg, .fd = -1};
    ev_timer_init(&o->again, on_again, AGAIN, AGAIN);
    ev_init(&o->reader, on_reader);
    o->again.data = o->reader.data = o;
}

/* Since the service began, of all its processes. */
static struct record_count count(const struct record_order *o)
{
    struct record_count n = {.seconds = process_clock()};
    for (uint32_t i = 0; i < o->crew->board->parts_n; i++) {
        n.recorded += o->crew->board->parts[i].row.recorded_requests;
        n.lost += o->crew->board->parts[i].row.recorded_lost;
    }
    return n;
}

int record_order_begin(struct record_order *o, const struct feed_settings *settings)
{
    int reader;
    assert(o->crew && o->fd < 0);
    if (!feed_create_socket(&o->fd, &reader)) {
        o->fd = -1;
        return -1;
    }
    o->number++;
    feed_settings_print(settings, o->text);
    o->before = count(o);
    ev_io_set(&o->reader, o->fd, EV_READ);
    ev_io_start(o->crew->loop, &o->reader);
    record_order_tell(o);
    return reader;
}

struct record_count record_order_end(struct record_order *o)
{
    struct record_count n = {0};
    if (!o->crew || o->fd < 0) return n;
    ev_io_stop(o->crew->loop, &o->reader);
    close(o->fd);
    o->fd = -1;
    o->number++;
    o->text[0] = '\0';
    record_order_tell(o);
    n = count(o);
    n.lost -= o->before.lost;
    n.recorded -= o->before.recorded + n.lost;
    n.seconds -= o->before.seconds;
    return n;
}

void record_order_stop(struct record_order *o)
{
    if (!o->crew) return;
    ev_timer_stop(o->crew->loop, &o->again);
    ev_io_stop(o->crew->loop, &o->reader);
    if (o->fd >= 0) close(o->fd);
    o->fd = -1;
    o->crew = NULL;
}
