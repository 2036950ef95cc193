/* recorded: a program that reads what a daemon records, straight from its workers: what `moongate ctl record` does, without a file.
 *
 * Belongs to the stage, which closes its sockets. Each take is a line: `set k stored 3 flags=5`; see recorded_line.
 */
#ifndef TESTS_E2E_SERVICE_RECORDED_H
#define TESTS_E2E_SERVICE_RECORDED_H

#include "base/live.h"
#include "lib/client.h"
#include "lib/desk.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "protocol/command.h"
#include "record/datagram.h"
#include "record/take.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The key of requests that only find out whether a worker records. */
#define RECORDED_QUESTION "recorded?"

enum { RECORDED_MOST = 20000, RECORDED_WORKERS = 8, RECORDED_LONG = 8 * 1024 * 1024 };

/* What has come of one worker. */
struct recorded_stream {
    int32_t pid;
    uint64_t datagrams, lost;
    bool is_over;
    uint8_t *part; /* of a take that is longer than a datagram */
    size_t part_n;
};

struct recorded {
    struct actor actor; /* first: the datagrams */
    struct client *desk;
    bool has_begun;  /* the question has come */
    bool is_over;    /* the workers have let go of their end */
    bool is_stopped; /* nothing is read */
    size_t n;
    const char *lines[RECORDED_MOST];
    struct take last; /* without its texts */
    uint32_t share;   /* of the last datagram */
    struct recorded_stream streams[RECORDED_WORKERS];
    uint32_t streams_n;
};

static inline const char *recorded_texts(const char *name, const uint8_t *text, size_t n)
{
    return n ? textf(" %s=%.*s", name, n > 40 ? 40 : (int)n, (const char *)text) : "";
}

static inline const char *recorded_number(const char *name, uint64_t number)
{
    return number ? textf(" %s=%llu", name, (unsigned long long)number) : "";
}

/* COMMAND KEY RESULT [LENGTH], then what it has of the rest, as name=value. */
static inline const char *recorded_line(const struct take *t)
{
    const char *parts = t->parts > 1 ? textf(" part=%u/%u", t->part, t->parts) : "";
    const char *value = t->value ? recorded_texts("value", t->value, t->value_len) : "";
    return textf("%s %.*s %s%s%s%s%s%s%s%s%s%s%s%s", command_info(t->command)->text, t->key_len,
                 (const char *)t->key, live_result_text(t->result),
                 t->value_len ? textf(" %u", t->value_len) : "",
                 recorded_number("flags", t->client_flags),
                 t->exptime ? textf(" exptime=%lld", (long long)t->exptime) : "",
                 recorded_number("number", t->number), parts, t->noreply ? " noreply" : "",
                 t->base64 ? " base64" : "", recorded_texts("args", t->args, t->args_len), value,
                 t->cut ? " cut" : "", recorded_texts("error", t->error, t->error_len));
}

static inline struct recorded_stream *recorded_stream_of(struct recorded *r,
                                                         const struct datagram_head *head)
{
    for (uint32_t i = 0; i < r->streams_n; i++)
        if (r->streams[i].pid == head->pid) return &r->streams[i];
    assert_in_range(r->streams_n, 0, RECORDED_WORKERS - 1);
    r->streams[r->streams_n].pid = head->pid;
    return &r->streams[r->streams_n++];
}

static inline void recorded_take(struct recorded *r, const struct datagram_head *head,
                                 const struct take *t)
{
    assert_int_equal(t->worker, head->worker);
    assert_in_range(r->n, 0, RECORDED_MOST - 1);
    bool is_question = t->key_len == sizeof RECORDED_QUESTION - 1 &&
                       memcmp(t->key, RECORDED_QUESTION, t->key_len) == 0;
    r->has_begun |= is_question;
    if (is_question) return;
    r->lines[r->n++] = recorded_line(t);
    r->last = *t;
}

/* Every byte must belong to a take. */
static inline void recorded_takes(struct recorded *r, const struct datagram_head *head,
                                  const uint8_t *at, size_t n)
{
    const uint8_t *end = at + n;
    uint64_t time = 0;
    struct take t;
    enum take_status status;
    for (uint32_t i = 0; i < head->takes; i++) {
        status = take_decode(&at, end, &time, &t);
        if (status != TAKE_OK) stage_fails("a datagram has no take %u of %u", i, head->takes);
        recorded_take(r, head, &t);
    }
    assert_ptr_equal(at, end);
}

/* A long take: its bytes are kept until they are one. */
static inline void recorded_part(struct recorded *r, struct recorded_stream *s,
                                 const struct datagram_head *head, const uint8_t *at, size_t n)
{
    uint64_t time = 0;
    struct take t;
    if (!s->part) s->part = stage_memory(RECORDED_LONG);
    if (head->first == 0) s->part_n = 0;
    assert_in_range(s->part_n + n, 1, RECORDED_LONG);
    memcpy(s->part + s->part_n, at, n);
    s->part_n += n;
    const uint8_t *from = s->part;
    if (take_decode(&from, s->part + s->part_n, &time, &t) == TAKE_OK) recorded_take(r, head, &t);
}

static inline void recorded_datagram(struct recorded *r, const uint8_t *bytes, size_t n)
{
    struct datagram_head head;
    const char *why;
    size_t body_n;
    const uint8_t *body = datagram_read(bytes, n, &head, &body_n, &why);
    if (!body) stage_fails("not a datagram: %s", why);
    struct recorded_stream *s = recorded_stream_of(r, &head);
    assert_int_equal(head.number, s->datagrams + 1);
    assert_false(s->is_over);
    s->datagrams++;
    s->lost = head.lost;
    s->is_over = head.is_last;
    r->share = head.share;
    uint64_t time = 0;
    const uint8_t *at = body;
    struct take t;
    bool is_part = head.first > 0 ||
                   (head.takes == 1 && take_decode(&at, body + body_n, &time, &t) == TAKE_BAD);
    if (is_part)
        recorded_part(r, s, &head, body, body_n);
    else
        recorded_takes(r, &head, body, body_n);
}

static inline void recorded_acts(struct actor *actor, short revents)
{
    struct recorded *r = (struct recorded *)(void *)actor;
    static uint8_t bytes[DATAGRAM_MAX + 1];
    (void)revents;
    if (r->is_stopped || r->is_over) return;
    for (;;) {
        ssize_t n = recv(actor->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            r->is_over = true;
            return;
        }
        recorded_datagram(r, bytes, (size_t)n);
    }
}

static inline short recorded_wants(struct actor *actor)
{
    const struct recorded *r = (struct recorded *)(void *)actor;
    return r->is_stopped || r->is_over ? 0 : POLLIN;
}

static inline bool recorded_leaves(struct actor *actor)
{
    close(actor->fd);
    return true;
}

/* Sends the command, and gives the descriptor that comes with the answer's first line; -1: none came. The line is read. */
static inline int recorded_asks(struct client *desk, const char *words, const char **line)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    char *text = stage_memory(4096);
    struct iovec part = {.iov_base = text, .iov_len = 4095};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    int fd = -1;
    client_stops_reading(desk);
    client_sends(desk, textf("record%s%s\n", *words ? " " : "", words));
    for (double end = stage_now() + stage_deadline(); stage_now() < end; stage_turns(2)) {
        ssize_t n = recvmsg(client_descriptor(desk), &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n > 0) break;
    }
    *line = text;
    if (m.msg_controllen) memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
    client_reads_again(desk);
    return fd;
}

/* From now on requests are recorded. */
static inline struct recorded *recorded_begins_at(struct client *desk, const char *words)
{
    struct recorded *r = stage_memory(sizeof *r);
    const char *line;
    int fd = recorded_asks(desk, words, &line);
    if (fd < 0) stage_fails("record %s: no descriptor: %s", words, line);
    if (strncmp(line, "# recording of ", 15) != 0) stage_fails("record: %s", line);
    r->desk = desk;
    r->actor = (struct actor){.fd = fd,
                              .rank = RANK_CLIENT,
                              .wants = recorded_wants,
                              .acts = recorded_acts,
                              .leaves = recorded_leaves};
    stage_enter(&r->actor);
    return r;
}

static inline bool recorded_is_over(void *what)
{
    return ((struct recorded *)what)->is_over;
}

/* Ends it: everything that was recorded has come then. Returns the answer's rest. */
static inline const char *recorded_ends(struct recorded *r)
{
    r->is_stopped = false;
    const char *answer = desk_asks(r->desk, "");
    if (!stage_waits(recorded_is_over, r)) stage_fails("the recording has no end");
    return answer;
}

struct recorded_hope {
    struct recorded *r;
    size_t n;
};

static inline bool recorded_has(void *what)
{
    struct recorded_hope *h = what;
    return h->r->n >= h->n;
}

/* Waits until n have come: a worker sends what it has several times a second. */
static inline void recorded_becomes(struct recorded *r, size_t n)
{
    struct recorded_hope h = {r, n};
    if (stage_waits(recorded_has, &h)) return;
    for (size_t i = 0; i < r->n; i++) printf("%s\n", r->lines[i]);
    stage_fails("%zu requests are recorded, not %zu", r->n, n);
}

static inline uint64_t recorded_lost(const struct recorded *r)
{
    uint64_t lost = 0;
    for (uint32_t i = 0; i < r->streams_n; i++) lost += r->streams[i].lost;
    return lost;
}

/* A moongate with an admin socket at recorded_admin. */
static const char *recorded_admin;
static inline struct moongate *recorded_moongate(const char *script, const char *more,
                                                 const char *value)
{
    recorded_admin = desk_path("a.sock");
    return moongate_start(script, "--admin", textf("unix:%s", recorded_admin), more, value, NULL);
}

/* Begins, and lets a client ask until one worker is known to record. */
static inline struct recorded *recorded_begins(struct moongate *m, const char *words)
{
    struct recorded *r = recorded_begins_at(desk_opens(recorded_admin), words);
    struct client *c = client_connects(m);
    for (double end = stage_now() + stage_deadline(); !r->has_begun && stage_now() < end;) {
        client_sends(c, "get " RECORDED_QUESTION "\r\n");
        (void)client_sees_line(c);
        for (double next = stage_now() + 0.3; !r->has_begun && stage_now() < next;) stage_turns(10);
    }
    if (!r->has_begun) stage_fails("nothing is recorded");
    client_closes(c);
    return r;
}

/* Exactly these lines were recorded, in this order. */
static inline void recorded_are(const struct recorded *r, const char *const *lines, size_t n)
{
    for (size_t i = 0; i < r->n || i < n; i++) {
        const char *is = i < r->n ? r->lines[i] : "(nothing)",
                   *wanted = i < n ? lines[i] : "(nothing)";
        if (strcmp(is, wanted) != 0) stage_fails("take %zu is\n'%s', not\n'%s'", i, is, wanted);
    }
}

/* Ends it, and these were recorded. */
#define ARE(r, ...)                                                                                \
    do {                                                                                           \
        const char *const wanted_[] = {__VA_ARGS__};                                               \
        recorded_ends(r);                                                                          \
        recorded_are(r, wanted_, sizeof wanted_ / sizeof *wanted_);                                \
    } while (0)

#endif
