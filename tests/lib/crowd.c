#include "lib/crowd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/address.h"

enum { TEXT = 160, EVENTS = 256, NEWCOMERS_AT_MOST = 2048 };

static const double PATIENCE = 30, PAUSE = 0.002; /* seconds: for an answer; between two pieces */

struct member {
    int fd; /* -1: not there */
    bool is_lasting, is_connected;
    bool may_be_lost;
    unsigned number; /* of all, so that each has a key of its own */
    unsigned round;
    int worker; /* that serves it, as it said at the beginning; -1: not asked yet */
    char out[TEXT], want[TEXT];
    size_t out_n, sent, held; /* held: so many bytes at the end go out later */
    double held_until;
    size_t want_n, got;
    double began, since; /* connecting; what it waits for */
};

struct crowd {
    struct actor actor; /* first */
    struct moongate *m;
    struct address to;
    int epoll;
    struct member *lasting, *newcomers;
    unsigned lasting_n, rate;
    bool rests;
    double next, counts_from;
    unsigned numbers, came, answered, answered_since, requests, lost, lost_newcomers;
    double longest, longest_new; /* seconds for an answer: those who stay, newcomers */
};

const char *crowd_script(const char *server)
{
    return textf(
        MG "local p = mg.pool { '%s', timeout = 60, connect_timeout = 60, stall_timeout = 60 }\n"
           "return function(req)\n"
           "  if req.key == 'who' then return mg.reply.value(tostring(mg.worker.id)) end\n"
           "  return p\n"
           "end\n",
        server);
}

/* --- one of them ------------------------------------------------------------------------------ */

static void member_watch(struct crowd *c, struct member *member, int operation)
{
    bool has_more = member->sent < member->out_n - member->held;
    struct epoll_event event = {
        .events = EPOLLIN | (has_more || !member->is_connected ? EPOLLOUT : 0), .data.ptr = member};
    if (epoll_ctl(c->epoll, operation, member->fd, &event) < 0)
        stage_fails("epoll: %s", strerror(errno));
}

/* Asks what is in `out`, but for the last `held` bytes, which follow later; waits for what is in `want`. */
static void member_asks(struct crowd *c, struct member *member, size_t held)
{
    member->out_n = strlen(member->out);
    member->want_n = strlen(member->want);
    member->held = held;
    member->sent = member->got = 0;
    member->since = stage_now();
    member->held_until = member->since + PAUSE;
    c->requests++;
    member_watch(c, member, EPOLL_CTL_MOD);
}

/* What one that stays does next. Of four rounds, the third replaces the value quietly; the second and the fourth have a pause within a
 * line and within a value. */
static void lasting_asks(struct crowd *c, struct member *m)
{
    unsigned n = m->number, step = m->round % 4, value = m->round / 4 % 50000 + (step == 2);
    m->round++;
    switch (step) {
    case 1:
        snprintf(m->out, TEXT, "get c%u\r\n", n);
        snprintf(m->want, TEXT, "VALUE c%u 0 5\r\n%05u\r\nEND\r\n", n, value);
        break;
    case 2:
        snprintf(m->out, TEXT, "set c%u 0 0 5 noreply\r\n%05u\r\nget c%u\r\nmn\r\n", n, value, n);
        snprintf(m->want, TEXT, "VALUE c%u 0 5\r\n%05u\r\nEND\r\nMN\r\n", n, value);
        break;
    default:
        snprintf(m->out, TEXT, "set c%u 0 0 5\r\n%05u\r\n", n, value);
        snprintf(m->want, TEXT, "STORED\r\n");
    }
    member_asks(c, m, step % 2 ? 4 : 0);
}

/* The first request of one that stays is for the worker's number. */
static void who_asks(struct crowd *c, struct member *m)
{
    m->worker = -1;
    m->round = 0;
    snprintf(m->out, TEXT, "get who\r\n");
    snprintf(m->want, TEXT, "VALUE who 0 1\r\n");
    member_asks(c, m, 0);
}

/* Four kinds: at once, in two pieces, all of it a moment later, twice. */
static void newcomer_asks(struct crowd *c, struct member *m)
{
    unsigned n = m->number, kind = n % 4;
    snprintf(m->out, TEXT, "get n%u\r\n%s", n, kind == 3 ? "mn\r\n" : "");
    snprintf(m->want, TEXT, "END\r\n%s", kind == 3 ? "MN\r\n" : "");
    member_asks(c, m, kind == 1 ? 5 : kind == 2 ? strlen(m->out) : 0);
}

static void member_connects(struct crowd *c, struct member *m)
{
    m->fd = socket(c->to.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    m->number = ++c->numbers;
    m->is_connected = m->may_be_lost = false;
    m->out_n = m->held = m->sent = m->got = 0;
    m->began = m->since = stage_now();
    if (m->fd < 0 || (connect(m->fd, &c->to.as.any, c->to.n) < 0 && errno != EINPROGRESS))
        stage_fails("the crowd cannot connect: %s", strerror(errno));
    member_watch(c, m, EPOLL_CTL_ADD);
}

static void member_closes(struct member *m)
{
    close(m->fd);
    m->fd = -1;
}

static const char *member_is(const struct member *m)
{
    return m->is_lasting ? "a client that stays" : "a new client";
}

static void member_is_lost(struct crowd *c, struct member *m, const char *how)
{
    if (!m->may_be_lost)
        stage_fails("%s (%u, round %u, worker %d): %s; sent %zu of %zu, got %zu of %zu: %s",
                    member_is(m), m->number, m->round, m->worker, how, m->sent, m->out_n, m->got,
                    m->want_n, m->out);
    member_closes(m);
    if (!m->is_lasting) {
        c->lost_newcomers++;
        return;
    }
    c->lost++;
    member_connects(c, m);
}

static void member_sends(struct crowd *c, struct member *m)
{
    size_t n = m->out_n - m->held - m->sent;
    if (n == 0) return;
    ssize_t sent = send(m->fd, m->out + m->sent, n, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        member_is_lost(c, m, strerror(errno));
        return;
    }
    if (sent > 0) m->sent += (size_t)sent;
    member_watch(c, m, EPOLL_CTL_MOD);
}

static void member_has_its_answer(struct crowd *c, struct member *m)
{
    double took = stage_now() - m->since;
    double *longest = m->is_lasting ? &c->longest : &c->longest_new;
    if (took > *longest) *longest = took;
    if (m->is_lasting) {
        if (!c->rests) lasting_asks(c, m);
        return;
    }
    c->answered++;
    c->answered_since += m->began >= c->counts_from;
    member_closes(m);
}

/* "0\r\nEND\r\n" is left of the first answer: the number. */
static void takes_number(struct member *m, const char *at)
{
    m->worker = at[0] - '0';
    snprintf(m->want, TEXT, "VALUE who 0 1\r\n%c\r\nEND\r\n", at[0]);
    m->want_n = strlen(m->want);
}

static void member_reads(struct crowd *c, struct member *m)
{
    char in[TEXT];
    ssize_t n = recv(m->fd, in, sizeof in, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        member_is_lost(c, m, n == 0 ? "closed" : strerror(errno));
        return;
    }
    if (m->is_lasting && m->worker < 0 && m->got + (size_t)n > m->want_n)
        takes_number(m, in + m->want_n - m->got);
    if (m->got + (size_t)n > m->want_n || memcmp(in, m->want + m->got, (size_t)n) != 0)
        stage_fails("%s: to %s the answer is %.*s", member_is(m), m->out, (int)n, in);
    m->got += (size_t)n;
    bool is_all = m->got == m->want_n && m->sent == m->out_n && (!m->is_lasting || m->worker >= 0);
    if (is_all) member_has_its_answer(c, m);
}

static void member_is_there(struct crowd *c, struct member *m)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(m->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        member_is_lost(c, m, strerror(error));
        return;
    }
    m->is_connected = true;
    if (m->is_lasting)
        who_asks(c, m);
    else
        newcomer_asks(c, m);
}

static void member_acts(struct crowd *c, struct member *m, uint32_t events)
{
    if (!m->is_connected) {
        member_is_there(c, m);
        return;
    }
    unsigned number = m->number;
    if (events & EPOLLOUT) member_sends(c, m);
    bool is_same = m->fd >= 0 && m->number == number && m->is_connected;
    if (is_same && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) member_reads(c, m);
}

/* Sends what was held, and looks whether it waits for too long. */
static void member_looks(struct crowd *c, struct member *m, double now)
{
    if (m->fd < 0) return;
    if (m->held && m->is_connected && now >= m->held_until) {
        m->held = 0;
        member_watch(c, m, EPOLL_CTL_MOD);
    }
    bool waits = !m->is_connected || m->got < m->want_n;
    if (waits && now > m->since + PATIENCE) member_is_lost(c, m, "no answer");
}

/* --- all of them ------------------------------------------------------------------------------ */

static void crowd_looks(struct crowd *c)
{
    double now = stage_now();
    for (unsigned i = 0; i < c->lasting_n; i++) member_looks(c, &c->lasting[i], now);
    for (unsigned i = 0; i < NEWCOMERS_AT_MOST; i++) member_looks(c, &c->newcomers[i], now);
    if (c->rests || c->rate == 0 || now < c->next) return;
    c->next += 1.0 / c->rate;
    if (c->next < now - 0.1) c->next = now; /* a busy machine: the rate is at most that */
    for (unsigned i = 0; i < NEWCOMERS_AT_MOST; i++) {
        struct member *m = &c->newcomers[i];
        if (m->fd >= 0) continue;
        c->came++;
        member_connects(c, m);
        return;
    }
}

static void crowd_turns(struct crowd *c)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(c->epoll, events, EVENTS, 1);
    for (int i = 0; i < n; i++) member_acts(c, events[i].data.ptr, events[i].events);
    crowd_looks(c);
    stage_turns(0);
}

static bool crowd_leaves(struct actor *actor)
{
    struct crowd *c = (struct crowd *)(void *)actor;
    for (unsigned i = 0; i < c->lasting_n; i++)
        if (c->lasting[i].fd >= 0) close(c->lasting[i].fd);
    for (unsigned i = 0; i < NEWCOMERS_AT_MOST; i++)
        if (c->newcomers[i].fd >= 0) close(c->newcomers[i].fd);
    close(c->epoll);
    return true;
}

/* The soft limit may be 1024. A worker has as many descriptors as this process, and needs some for itself. */
unsigned crowd_most(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return files.rlim_max > 1000000 ? 1000000 : (unsigned)(files.rlim_max * 3 / 4);
}

static bool all_are_there(void *what)
{
    const struct crowd *c = what;
    for (unsigned i = 0; i < c->lasting_n; i++)
        if (c->lasting[i].worker < 0) return false;
    return true;
}

struct crowd *crowd_gathers(struct moongate *m, unsigned lasting, unsigned newcomers_a_second)
{
    struct crowd *c = stage_memory(sizeof *c);
    if (lasting > crowd_most()) stage_fails("there are no descriptors for %u clients", lasting);
    c->m = m;
    c->to = address_read(moongate_address(m));
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    c->lasting_n = lasting;
    c->rate = newcomers_a_second;
    c->lasting = stage_memory(lasting * sizeof *c->lasting);
    c->newcomers = stage_memory(NEWCOMERS_AT_MOST * sizeof *c->newcomers);
    c->actor = (struct actor){.fd = -1, .rank = RANK_CLIENT, .leaves = crowd_leaves};
    for (unsigned i = 0; i < lasting; i++) c->lasting[i].fd = -1;
    for (unsigned i = 0; i < NEWCOMERS_AT_MOST; i++) c->newcomers[i].fd = -1;
    stage_enter(&c->actor);
    for (unsigned i = 0; i < lasting; i++) {
        c->lasting[i].is_lasting = true;
        c->lasting[i].worker = -1;
        member_connects(c, &c->lasting[i]);
        if (i % 64 == 63) crowd_turns(c); /* the backlog has an end */
    }
    c->next = stage_now();
    crowd_plays_until(c, all_are_there, c);
    return c;
}

void crowd_plays_until(struct crowd *c, stage_condition *condition, void *what)
{
    double limit = stage_now() + stage_deadline();
    while (!condition(what)) {
        if (stage_now() > limit) stage_fails("the crowd waits in vain");
        crowd_turns(c);
    }
}

void crowd_plays(struct crowd *c, double seconds)
{
    for (double until = stage_now() + seconds; stage_now() < until;) crowd_turns(c);
}

void crowd_loses(struct crowd *c, int worker)
{
    for (unsigned i = 0; i < c->lasting_n; i++)
        c->lasting[i].may_be_lost =
            worker < 0 || c->lasting[i].worker < 0 || c->lasting[i].worker == worker;
    for (unsigned i = 0; i < NEWCOMERS_AT_MOST; i++)
        if (c->newcomers[i].fd >= 0) c->newcomers[i].may_be_lost = true;
}

static bool all_are_answered(void *what)
{
    const struct crowd *c = what;
    for (unsigned i = 0; i < c->lasting_n; i++)
        if (c->lasting[i].worker < 0 || c->lasting[i].got < c->lasting[i].want_n) return false;
    for (unsigned i = 0; i < NEWCOMERS_AT_MOST; i++)
        if (c->newcomers[i].fd >= 0) return false;
    return true;
}

void crowd_rests(struct crowd *c, const char *what)
{
    c->rests = true;
    crowd_plays_until(c, all_are_answered, c);
    printf(
        "%s: %u new clients, %u that stay, %u requests; lost: %u new, %u that stayed; the longest "
        "answer took %.3f s and %.3f s\n",
        what, c->came, c->lasting_n, c->requests, c->lost_newcomers, c->lost, c->longest_new,
        c->longest);
    if (c->answered + c->lost_newcomers != c->came) stage_fails("new clients were forgotten");
}

unsigned crowd_lost(const struct crowd *c)
{
    return c->lost;
}

unsigned crowd_held(const struct crowd *c, int worker)
{
    unsigned n = 0;
    for (unsigned i = 0; i < c->lasting_n; i++) n += c->lasting[i].worker == worker;
    return n;
}

void crowd_counts_from_now(struct crowd *c)
{
    c->counts_from = stage_now();
    c->answered_since = 0;
}

unsigned crowd_answered_since(const struct crowd *c)
{
    return c->answered_since;
}
