#include "master/rotation.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"

static const double LEAST = 0.1; /* seconds between two tries */

static void set_timer(struct rotation *r)
{
    double due = tickets_due(r->tickets, process_clock());
    ev_timer_set(&r->timer, due > LEAST ? due : LEAST, 0);
    ev_timer_start(r->loop, &r->timer);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    struct rotation *r = w->data;
    double now = process_clock();
    if (tickets_due(r->tickets, now) == 0) {
        if (tickets_rotate(r->tickets, now))
            log_debug("tls: session tickets have a new key");
        else
            log_warn("tls: session tickets keep their key: no random bytes: %s", strerror(errno));
    }
    set_timer(r);
}

static void close_file(struct rotation *r)
{
    if (r->fd >= 0) close(r->fd);
    r->fd = -1;
}

static void take_over(struct rotation *r, int fd)
{
    r->tickets = tickets_adopt(fd);
    if (r->tickets)
        r->fd = fd;
    else
        close(fd);
}

void rotation_init(struct rotation *r, struct ev_loop *loop, int fd)
{
    *r = (struct rotation){.loop = loop, .fd = -1};
    ev_timer_init(&r->timer, on_timer, 0, 0);
    r->timer.data = r;
    if (fd >= 0) take_over(r, fd);
    if (!r->tickets) r->tickets = tickets_create(&r->fd, process_clock());
    if (!r->tickets)
        log_warn("tls: no session tickets: %s: each TLS client makes a full handshake",
                 strerror(errno));
}

void rotation_begin(struct rotation *r)
{
    if (r->tickets) set_timer(r);
}

void rotation_stop(struct rotation *r)
{
    ev_timer_stop(r->loop, &r->timer);
}

void rotation_leave(struct rotation *r)
{
    rotation_stop(r);
    close_file(r);
}

/* One that was never made is all zero. */
void rotation_release(struct rotation *r)
{
    if (!r->loop) return;
    if (r->tickets) tickets_destroy(r->tickets);
    r->tickets = NULL;
    close_file(r);
}
