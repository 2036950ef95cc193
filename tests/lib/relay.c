#include "lib/relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/peer.h"
#include "lib/scene.h"

/* Segments as on an Ethernet: those of a loopback, of 64 KiB, do not fit small buffers and would be sent again and again. */
enum { SMALL_BUFFER = 8192, SEGMENT = 1400, HELD_AT_MOST = 1024 * 1024 };

struct link {
    struct peer near; /* moongate's; first */
    struct peer far;  /* the server's */
    struct relay *relay;
    double due;      /* DELAY: when what is held goes on */
    size_t passed;   /* CUT: bytes that went down since the order */
    bool is_spoiled; /* GARBAGE: done */
    bool is_over;
    struct link *next;
};

struct relay {
    struct actor listener; /* first */
    int refusing; /* the listener's socket while it does not listen: the port stays taken; else -1 */
    struct actor clock; /* ticks each millisecond while the harm needs it */
    struct address at, server;
    const char *address;
    struct link *links; /* all there ever were */
    unsigned n;
    enum harm harm;
    unsigned amount, seed;
};

/* --- what goes through ---------------------------------------------------------------------- */

static size_t pass(struct peer *from, struct peer *to, size_t most)
{
    size_t n = octets_n(&from->in) < most ? octets_n(&from->in) : most;
    if (n == 0 || octets_n(&to->out) > HELD_AT_MOST) return 0;
    peer_queues(to, octets_at(&from->in), n);
    octets_take(&from->in, n);
    return n;
}

static void link_ends(struct link *l)
{
    if (l->is_over) return;
    l->is_over = true;
    stage_dismiss(&l->near.actor);
    stage_dismiss(&l->far.actor);
}

/* Noise that is no text, or an answer to a question that nobody asked. */
static void spoil(struct link *l)
{
    static const char *const lies[] = {"END\r\n", "STORED\r\n", "HD\r\n",
                                       "VALUE lie 0 3\r\nlie\r\nEND\r\n", "VA 3\r\nlie\r\n"};
    unsigned *seed = &l->relay->seed;
    unsigned what = random_below(seed, 2 * sizeof lies / sizeof *lies);
    if (what < sizeof lies / sizeof *lies) {
        peer_queues(&l->near, lies[what], strlen(lies[what]));
        return;
    }
    size_t n = 1 + random_below(seed, 100);
    char *bytes = noise(n, random_next(seed));
    for (size_t i = 0; i < n; i++) bytes[i] = (char)((unsigned char)bytes[i] | 0x80);
    peer_queues(&l->near, bytes, n);
}

static void pass_down(struct link *l, enum harm harm, unsigned amount)
{
    bool before = harm == HARM_GARBAGE && !l->is_spoiled && octets_n(&l->far.in) > 0;
    bool behind = before && random_below(&l->relay->seed, 2);
    if (harm == HARM_CUT && l->passed + octets_n(&l->far.in) >= amount) {
        pass(&l->far, &l->near, amount > l->passed ? amount - l->passed : 0);
        link_ends(l);
        return;
    }
    if (before && !behind) spoil(l);
    l->passed += pass(&l->far, &l->near, SIZE_MAX);
    if (behind) spoil(l);
    if (before) l->is_spoiled = true;
}

static void hold_down(struct link *l)
{
    if (octets_n(&l->far.in) == 0) return;
    if (l->due == 0) l->due = stage_now() + l->relay->amount / 1000.0;
    if (stage_now() < l->due) return;
    pass(&l->far, &l->near, SIZE_MAX);
    l->due = 0;
}

static void link_ends_if_closed(struct link *l)
{
    bool up = l->near.is_closed && octets_n(&l->near.in) == 0 && octets_n(&l->far.out) == 0;
    bool down = l->far.is_closed && octets_n(&l->far.in) == 0 && octets_n(&l->near.out) == 0;
    if (up || down || (l->near.is_closed && l->relay->harm != HARM_NONE)) link_ends(l);
}

/* Everything that may go on now; `tick` when a millisecond has passed. */
static void link_pumps(struct link *l, bool tick)
{
    const struct relay *r = l->relay;
    bool slow = r->harm == HARM_SLOW;
    bool deaf = r->harm == HARM_BLACKHOLE;
    if (l->is_over) return;
    l->far.is_paused = deaf;
    l->near.is_paused = deaf || (slow && octets_n(&l->near.in) >= SMALL_BUFFER);
    if (deaf) return;
    if (!slow) pass(&l->near, &l->far, SIZE_MAX);
    if (r->harm == HARM_DELAY) hold_down(l);
    if (slow && tick) {
        pass(&l->near, &l->far, r->amount);
        pass(&l->far, &l->near, r->amount);
    }
    if (!slow && r->harm != HARM_DELAY) pass_down(l, r->harm, r->amount);
    if (!l->is_over) link_ends_if_closed(l);
}

/* --- links ---------------------------------------------------------------------------------- */

static struct link *link_of_far(struct actor *actor)
{
    return (struct link *)(void *)((char *)actor - offsetof(struct link, far));
}

static void near_acts(struct actor *actor, short revents)
{
    peer_acts(actor, revents);
    link_pumps((struct link *)(void *)actor, false);
}

static void far_acts(struct actor *actor, short revents)
{
    peer_acts(actor, revents);
    link_pumps(link_of_far(actor), false);
}

static bool end_leaves(struct actor *actor)
{
    peer_release((struct peer *)(void *)actor);
    return true;
}

static void end_enters(struct peer *p, int fd, const char *name,
                       void (*acts)(struct actor *, short))
{
    peer_init(p, fd, name);
    p->actor.rank = RANK_BACKEND;
    p->actor.acts = acts;
    p->actor.leaves = end_leaves;
    stage_enter(&p->actor);
}

static void listener_acts(struct actor *actor, short revents)
{
    struct relay *r = (struct relay *)(void *)actor;
    int small = SMALL_BUFFER;
    (void)revents;
    int near = accept4(actor->fd, NULL, NULL, SOCK_CLOEXEC);
    if (near < 0) return;
    int far = socket(r->server.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    r->n++;
    if (connect(far, &r->server.as.any, r->server.n) < 0) {
        close(near);
        close(far);
        return;
    }
    if (r->harm == HARM_SLOW) setsockopt(near, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    struct link *l = stage_memory(sizeof *l);
    *l = (struct link){.relay = r, .next = r->links};
    r->links = l;
    end_enters(&l->near, near, textf("relay %s, connection %u", r->address, r->n), near_acts);
    end_enters(&l->far, far, textf("relay %s, to the server, %u", r->address, r->n), far_acts);
}

/* --- the relay ------------------------------------------------------------------------------ */

static void clock_acts(struct actor *actor, short revents)
{
    struct relay *r = (struct relay *)(void *)((char *)actor - offsetof(struct relay, clock));
    uint64_t ticks;
    (void)revents;
    if (read(actor->fd, &ticks, sizeof ticks) < 0) return;
    for (struct link *l = r->links; l; l = l->next) link_pumps(l, true);
}

static void clock_runs(struct relay *r, bool runs)
{
    struct timespec millisecond = {.tv_nsec = runs ? 1000000 : 0};
    struct itimerspec each = {millisecond, millisecond};
    timerfd_settime(r->clock.fd, 0, &each, NULL);
}

static bool actor_leaves(struct actor *actor)
{
    if (actor->fd >= 0) close(actor->fd);
    return true;
}

static int relay_binds(struct relay *r)
{
    int on = 1, segment = SEGMENT;
    int fd = socket(r->at.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    if (bind(fd, &r->at.as.any, r->at.n) < 0)
        stage_fails("a relay cannot bind: %s", strerror(errno));
    getsockname(fd, &r->at.as.any, &r->at.n);
    return fd;
}

/* A socket loses a port that the kernel chose when it ceases to listen; one that was asked for by its number it keeps. */
static void relay_listens(struct relay *r)
{
    int chosen = relay_binds(r);
    r->listener.fd = relay_binds(r);
    close(chosen);
    if (listen(r->listener.fd, 64) < 0) stage_fails("a relay cannot listen: %s", strerror(errno));
}

/* Nobody else gets the port meanwhile. */
static void relay_refuses(struct relay *r)
{
    shutdown(r->listener.fd, SHUT_RDWR);
    r->refusing = r->listener.fd;
    r->listener.fd = -1;
}

static void relay_listens_again(struct relay *r)
{
    r->listener.fd = r->refusing;
    r->refusing = -1;
    if (listen(r->listener.fd, 64) < 0)
        stage_fails("a relay cannot listen again: %s", strerror(errno));
}

static bool listener_leaves(struct actor *actor)
{
    struct relay *r = (struct relay *)(void *)actor;
    if (r->refusing >= 0) close(r->refusing);
    return actor_leaves(actor);
}

struct relay *relay_before(const char *server)
{
    struct relay *r = stage_memory(sizeof *r);
    r->at = address_read("127.0.0.1:0");
    r->server = address_read(server);
    r->listener =
        (struct actor){.rank = RANK_BACKEND, .acts = listener_acts, .leaves = listener_leaves};
    r->refusing = -1;
    r->clock = (struct actor){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                              .rank = RANK_BACKEND,
                              .acts = clock_acts,
                              .leaves = actor_leaves};
    relay_listens(r);
    r->address = textf("127.0.0.1:%d", ntohs(r->at.as.v4.sin_port));
    stage_enter(&r->listener);
    stage_enter(&r->clock);
    return r;
}

const char *relay_address(const struct relay *r)
{
    return r->address;
}

void relay_does(struct relay *r, enum harm harm, unsigned amount)
{
    if (harm == HARM_REFUSE && r->listener.fd >= 0)
        relay_refuses(r);
    else if (harm != HARM_REFUSE && r->listener.fd < 0)
        relay_listens_again(r);
    r->harm = harm;
    r->amount = amount;
    if (harm == HARM_GARBAGE) r->seed = amount;
    clock_runs(r, harm == HARM_DELAY || harm == HARM_SLOW);
    for (struct link *l = r->links; l; l = l->next) {
        if (l->is_over) continue;
        l->due = 0;
        l->passed = 0;
        l->is_spoiled = false;
        if (harm == HARM_REFUSE)
            link_ends(l);
        else
            link_pumps(l, false);
    }
}

unsigned relay_links(const struct relay *r)
{
    return r->n;
}

const char *harm_name(enum harm harm)
{
    static const char *const names[HARM_COUNT] = {
#define X(name, meaning) #name,
        HARMS(X)
#undef X
    };
    return names[harm];
}
