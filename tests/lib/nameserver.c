#include "lib/nameserver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/stage.h"

enum { QUESTIONS = 256, HEADER = 12, PACKET = 512 };

struct question {
    struct sockaddr_in from;
    uint8_t bytes[PACKET];
    size_t n; /* 0: answered */
    int type;
};

struct nameserver {
    struct actor actor; /* first */
    const char *address;
    struct question questions[QUESTIONS];
};

static void nameserver_acts(struct actor *actor, short revents)
{
    struct nameserver *n = (struct nameserver *)(void *)actor;
    struct question *q = n->questions;
    (void)revents;
    while (q < n->questions + QUESTIONS && q->n) q++;
    if (q == n->questions + QUESTIONS) stage_fails("too many questions");
    socklen_t size = sizeof q->from;
    ssize_t got = recvfrom(actor->fd, q->bytes, sizeof q->bytes, 0, (void *)&q->from, &size);
    if (got < HEADER + 5) return;
    q->n = (size_t)got;
    q->type = q->bytes[got - 4] << 8 | q->bytes[got - 3];
}

static bool nameserver_leaves(struct actor *actor)
{
    close(actor->fd);
    return true;
}

struct nameserver *nameserver_listens(void)
{
    struct nameserver *n = stage_memory(sizeof *n);
    struct address a = address_read("127.0.0.1:0");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    n->actor = (struct actor){
        .fd = fd, .rank = RANK_PROGRAM, .acts = nameserver_acts, .leaves = nameserver_leaves};
    if (fd < 0 || bind(fd, &a.as.any, a.n) < 0 || getsockname(fd, &a.as.any, &a.n) < 0)
        stage_fails("no socket for a name server");
    n->address = textf("127.0.0.1:%d", ntohs(a.as.v4.sin_port));
    stage_enter(&n->actor);
    return n;
}

const char *nameserver_address(const struct nameserver *n)
{
    return n->address;
}

size_t nameserver_waiting(const struct nameserver *n, int type)
{
    size_t waiting = 0;
    for (size_t i = 0; i < QUESTIONS; i++)
        waiting += n->questions[i].n && n->questions[i].type == type;
    return waiting;
}

/* Sends the question back as an answer with these bits, and so many bytes of records behind it. */
static void answer(struct nameserver *n, struct question *q, unsigned bits, const uint8_t *records,
                   size_t len)
{
    uint8_t out[2 * PACKET];
    memcpy(out, q->bytes, q->n);
    out[2] = (uint8_t)(0x81 | bits >> 8);
    out[3] = (uint8_t)(0x80 | (bits & 0xff));
    out[7] = len > 0;
    if (len) memcpy(out + q->n, records, len);
    sendto(n->actor.fd, out, q->n + len, 0, (void *)&q->from, sizeof q->from);
    q->n = 0;
}

void nameserver_answers(struct nameserver *n, int type, const char *address, unsigned ttl)
{
    /* The name of the question, type, class, time to live, length, and room for the address. */
    uint8_t record[] = {0xc0, HEADER, 0, (uint8_t)type, 0, 1, 0, 0, 0, (uint8_t)ttl, 0, 4, 0,
                        0,    0,      0};
    inet_pton(AF_INET, address, record + 12);
    for (size_t i = 0; i < QUESTIONS; i++)
        if (n->questions[i].n && n->questions[i].type == type)
            answer(n, &n->questions[i], 0, record, sizeof record);
}

void nameserver_answers_bits(struct nameserver *n, int type, unsigned bits)
{
    for (size_t i = 0; i < QUESTIONS; i++)
        if (n->questions[i].n && n->questions[i].type == type)
            answer(n, &n->questions[i], bits, NULL, 0);
}

void nameserver_answers_garbage(struct nameserver *n, int type)
{
    for (size_t i = 0; i < QUESTIONS; i++) {
        struct question *q = &n->questions[i];
        if (!q->n || q->type != type) continue;
        memset(q->bytes + HEADER, 0xff, q->n - HEADER);
        q->bytes[7] = 9;
        sendto(n->actor.fd, q->bytes, q->n, 0, (void *)&q->from, sizeof q->from);
        q->n = 0;
    }
}
