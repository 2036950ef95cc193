#include "lib/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/stage.h"

static struct address read_unix(const char *path)
{
    struct address a = {.family = AF_UNIX, .n = sizeof a.as.un};
    a.as.un.sun_family = AF_UNIX;
    snprintf(a.as.un.sun_path, sizeof a.as.un.sun_path, "%s", path);
    return a;
}

struct address address_read(const char *text)
{
    struct address a = {.family = AF_INET, .n = sizeof a.as.v4};
    char host[64] = "";
    unsigned port = 0;
    if (strncmp(text, "unix:", 5) == 0) return read_unix(text + 5);
    if (sscanf(text, "[%63[^]]]:%u", host, &port) == 2) {
        a.family = AF_INET6;
        a.n = sizeof a.as.v6;
        a.as.v6.sin6_family = AF_INET6;
        a.as.v6.sin6_port = htons((uint16_t)port);
        if (inet_pton(AF_INET6, host, &a.as.v6.sin6_addr) == 1) return a;
    }
    if (sscanf(text, "%63[0-9.]:%u", host, &port) == 2) {
        a.as.v4.sin_family = AF_INET;
        a.as.v4.sin_port = htons((uint16_t)port);
        if (inet_pton(AF_INET, host, &a.as.v4.sin_addr) == 1) return a;
    }
    stage_fails("not an address: %s", text);
}

static int bound_to_a_free_port(struct address *a)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *a = address_read("127.0.0.1:0");
    if (fd < 0 || bind(fd, &a->as.any, a->n) < 0 || getsockname(fd, &a->as.any, &a->n) < 0)
        stage_fails("no free port");
    return fd;
}

int address_free_port(void)
{
    struct address a;
    close(bound_to_a_free_port(&a));
    return ntohs(a.as.v4.sin_port);
}

static short nobody_wants(struct actor *actor)
{
    (void)actor;
    return 0;
}

static bool nobody_leaves(struct actor *actor)
{
    close(actor->fd);
    return true;
}

/* A bound socket that does not listen refuses, and no other process gets its port. */
const char *address_of_nobody(void)
{
    struct address a;
    struct actor *nobody = stage_memory(sizeof *nobody);
    *nobody = (struct actor){.fd = bound_to_a_free_port(&a),
                             .rank = RANK_BACKEND,
                             .wants = nobody_wants,
                             .leaves = nobody_leaves};
    stage_enter(nobody);
    return textf("127.0.0.1:%d", ntohs(a.as.v4.sin_port));
}

/* The kernel completes one connection more than the backlog says; what comes then waits. */
const char *address_of_a_full_queue(void)
{
    enum { CALLERS = 8 };
    struct address a;
    struct actor *actors = stage_memory((CALLERS + 1) * sizeof *actors);
    actors[0].fd = bound_to_a_free_port(&a);
    if (listen(actors[0].fd, 0) < 0) stage_fails("a full queue cannot listen");
    for (int i = 1; i <= CALLERS; i++) {
        actors[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(actors[i].fd, &a.as.any, a.n) < 0 && errno != EINPROGRESS)
            stage_fails("a caller cannot queue up");
    }
    for (int i = 0; i <= CALLERS; i++) {
        actors[i].rank = RANK_BACKEND;
        actors[i].wants = nobody_wants;
        actors[i].leaves = nobody_leaves;
        stage_enter(&actors[i]);
    }
    return textf("127.0.0.1:%d", ntohs(a.as.v4.sin_port));
}
