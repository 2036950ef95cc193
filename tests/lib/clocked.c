#include "lib/clocked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/shim.h"
#include "lib/stage.h"

struct clocked {
    struct actor actor;
    struct shim *shim;
    struct memcached *memcached;
    int64_t now;
    int fd; /* of the connection that asks */
};

enum { FIRST_SECOND = 1000000 };

static bool clocked_leaves(struct actor *actor)
{
    struct clocked *c = (struct clocked *)(void *)actor;
    if (c->fd >= 0) close(c->fd);
    return true;
}

static int connects(const struct clocked *c)
{
    struct address to = address_read(memcached_address(c->memcached));
    int fd = socket(to.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, &to.as.any, to.n) < 0) stage_fails("%s", strerror(errno));
    return fd;
}

/* In one piece: a second one would wait for the first one's acknowledgement. */
static void asks(int fd, const void *bytes, size_t n, struct octets *answer)
{
    static const char LAST[] = "MN\r\n";
    struct octets all = {0};
    octets_add(&all, bytes, n);
    octets_add(&all, "mn\r\n", 4);
    while (octets_n(&all) > 0) {
        ssize_t sent = send(fd, octets_at(&all), octets_n(&all), MSG_NOSIGNAL);
        if (sent <= 0) stage_fails("memcached closed: %s", strerror(errno));
        octets_take(&all, (size_t)sent);
    }
    octets_release(&all);
    for (;;) {
        ssize_t got = recv(fd, octets_reserve(answer, 65536), 65536, 0);
        if (got <= 0) stage_fails("memcached closed: %s", strerror(errno));
        octets_grow(answer, (size_t)got);
        size_t have = octets_n(answer);
        if (have < 4 || memcmp(octets_at(answer) + have - 4, LAST, 4) != 0) continue;
        answer->end -= 4;
        return;
    }
}

/* By a connection of its own, which makes it look at the clock. */
static int64_t asks_time(const struct clocked *c)
{
    struct octets stats = {0};
    int fd = connects(c);
    asks(fd, "stats\r\n", 7, &stats);
    const char *line = strstr(octets_at(&stats), "STAT time ");
    int64_t now = line ? strtoll(line + strlen("STAT time "), NULL, 10) : 0;
    octets_release(&stats);
    close(fd);
    return now;
}

static bool has_moved(void *what)
{
    const struct clocked *c = what;
    return asks_time(c) == c->now;
}

struct clocked *clocked_start(void)
{
    struct clocked *c = stage_memory(sizeof *c);
    c->actor = (struct actor){.fd = -1, .rank = RANK_PROGRAM, .leaves = clocked_leaves};
    c->fd = -1;
    stage_enter(&c->actor);
    c->shim = shim_begin();
    c->shim->steady = FIRST_SECOND;
    c->memcached = memcached_start(
        "-m", "512", "-o", "no_lru_maintainer,no_lru_crawler,slab_automove=0,hashpower=20", NULL);
    shim_is_left();
    c->fd = connects(c);
    c->now = asks_time(c);
    return c;
}

struct memcached *clocked_memcached(const struct clocked *c)
{
    return c->memcached;
}

int64_t clocked_now(const struct clocked *c)
{
    return c->now;
}

void clocked_moves(struct clocked *c, int64_t seconds)
{
    c->now += seconds;
    c->shim->steady += seconds;
    if (!stage_waits(has_moved, c)) stage_fails("memcached does not see the time");
}

void clocked_asks(struct clocked *c, const void *bytes, size_t n, struct octets *answer)
{
    asks(c->fd, bytes, n, answer);
}
