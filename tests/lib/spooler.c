#include "lib/spooler.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/program.h"
#include "lib/stage.h"
#include "spool/place.h"

enum { LINKS = 16, PACKETS = 256, SERVERS = 16 };

struct link {
    struct actor actor; /* first */
    struct spooler *spooler;
};

struct packet {
    unsigned link;
    size_t len;
    unsigned char bytes[SPOOL_PACKET];
};

struct spooler {
    struct actor actor; /* first: the socket on which it listens */
    const char *dir;
    struct link links[LINKS];
    unsigned links_n, greeted, current;
    struct packet *packets[PACKETS]; /* first..n were not seen yet */
    unsigned first, n;
    struct {
        const char *name;
        uint64_t n;
    } servers[SERVERS];
    unsigned servers_n;
    bool is_silent;
};

/* --- what comes -------------------------------------------------------------------------------- */

static void send_packet(struct spooler *s, unsigned link, const struct spool_packet *p)
{
    int fd = s->links[link].actor.fd;
    if (fd >= 0 && send(fd, p->bytes, p->len, MSG_NOSIGNAL) < 0) stage_fails("spooler: not sent");
}

static void say(struct spooler *s, unsigned link, enum spool_word word, uint64_t number,
                const char *server)
{
    struct spool_packet *p = stage_memory(sizeof *p);
    spool_packet_begin(p, word, number, server, server ? strlen(server) : 0);
    send_packet(s, link, p);
}

static void greet(struct spooler *s, unsigned link)
{
    s->greeted++;
    for (unsigned i = 0; i < s->servers_n; i++)
        if (s->servers[i].n) say(s, link, SPOOL_STATE, s->servers[i].n, s->servers[i].name);
    if (!s->is_silent) say(s, link, SPOOL_READY, SPOOL_VERSION, NULL);
}

static void link_acts(struct actor *actor, short revents)
{
    struct link *link = (struct link *)(void *)actor;
    struct spooler *s = link->spooler;
    struct packet *packet = stage_memory(sizeof *packet);
    struct spool_said said;
    (void)revents;
    ssize_t got = recv(actor->fd, packet->bytes, sizeof packet->bytes, MSG_DONTWAIT);
    if (got <= 0) {
        close(actor->fd);
        actor->fd = -1;
        return;
    }
    packet->len = (size_t)got;
    packet->link = (unsigned)(link - s->links);
    if (!spool_packet_read(packet->bytes, packet->len, &said)) stage_fails("spooler: no packet");
    if (said.head.word == SPOOL_HELLO) {
        greet(s, packet->link);
        return;
    }
    if (s->n == PACKETS) stage_fails("spooler: too many packets");
    s->packets[s->n++] = packet;
}

static bool leaves(struct actor *actor)
{
    if (actor->fd >= 0) close(actor->fd);
    actor->fd = -1;
    return true;
}

static void spooler_acts(struct actor *actor, short revents)
{
    struct spooler *s = (struct spooler *)(void *)actor;
    (void)revents;
    int fd = accept4(actor->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return;
    if (s->links_n == LINKS) stage_fails("spooler: too many links");
    struct link *link = &s->links[s->links_n++];
    *link = (struct link){
        .actor = {.fd = fd, .rank = RANK_PROGRAM, .acts = link_acts, .leaves = leaves},
        .spooler = s};
    stage_enter(&link->actor);
}

static void listen_there(struct spooler *s)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/" SPOOL_SOCKET, s->dir);
    (void)unlink(addr.sun_path);
    s->actor.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (s->actor.fd < 0 || bind(s->actor.fd, (struct sockaddr *)&addr, sizeof addr) < 0 ||
        listen(s->actor.fd, LINKS) < 0)
        stage_fails("no socket for a spooler");
}

/* As that of another service whose master has died: a spooler of moongate's own leaves the folder alone. */
static void hold(const char *dir)
{
    static const char nobody[] = "999999999\n";
    int fd = open(textf("%s/lock", dir), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || write(fd, nobody, sizeof nobody - 1) < 0)
        stage_fails("no lock for a spooler");
}

struct spooler *spooler_listens(void)
{
    struct spooler *s = stage_memory(sizeof *s);
    s->dir = textf("%s/spool", program_folder());
    s->actor =
        (struct actor){.fd = -1, .rank = RANK_PROGRAM, .acts = spooler_acts, .leaves = leaves};
    if (mkdir(s->dir, 0700) < 0) stage_fails("no folder for a spooler");
    hold(s->dir);
    listen_there(s);
    stage_enter(&s->actor);
    return s;
}

const char *spooler_dir(const struct spooler *s)
{
    return s->dir;
}

void spooler_has(struct spooler *s, const char *server, uint64_t n)
{
    for (unsigned i = 0; i < s->servers_n; i++) {
        if (strcmp(s->servers[i].name, server) != 0) continue;
        s->servers[i].n = n;
        return;
    }
    if (s->servers_n == SERVERS) stage_fails("spooler: too many servers");
    s->servers[s->servers_n].name = server;
    s->servers[s->servers_n++].n = n;
}

void spooler_stays_silent(struct spooler *s)
{
    s->is_silent = true;
}

void spooler_speaks_again(struct spooler *s)
{
    s->is_silent = false;
    spooler_says_all(s, SPOOL_READY, SPOOL_VERSION, NULL);
}

/* --- what is seen ------------------------------------------------------------------------------ */

struct wanted {
    struct spooler *s;
    unsigned n;
};

static bool has_links(void *what)
{
    const struct wanted *wanted = what;
    return wanted->s->greeted >= wanted->n;
}

void spooler_sees_links(struct spooler *s, unsigned n)
{
    if (!stage_waits(has_links, &(struct wanted){s, n})) stage_fails("spooler: %u links", n);
}

static bool has_packet(void *what)
{
    const struct spooler *s = what;
    return s->first < s->n;
}

static void next(struct spooler *s, enum spool_word word, const char *server,
                 struct spool_said *said)
{
    if (!stage_waits(has_packet, s)) stage_fails("spooler: no word %d about %s", word, server);
    const struct packet *p = s->packets[s->first++];
    s->current = p->link;
    (void)!spool_packet_read(p->bytes, p->len, said);
    if (said->head.word != word || !spool_said_names(said, server))
        stage_fails("spooler: word %u about %.*s, not %d about %s", said->head.word,
                    said->head.name_len, said->name, word, server);
}

uint64_t spooler_sees(struct spooler *s, enum spool_word word, const char *server)
{
    struct spool_said said;
    next(s, word, server, &said);
    return said.head.number;
}

uint64_t spooler_sees_keep(struct spooler *s, const char *server, const char *line)
{
    struct spool_said said;
    struct spool_item item, other;
    next(s, SPOOL_KEEP, server, &said);
    if (!spool_said_next(&said, &item) || spool_said_next(&said, &other))
        stage_fails("spooler: not one item in KEEP");
    if (item.len != strlen(line) || memcmp(item.bytes, line, item.len) != 0)
        stage_fails("spooler: KEEP %.*s, not %s", (int)item.len, item.bytes, line);
    return item.number;
}

uint64_t spooler_sees_keeps(struct spooler *s, const char *server, unsigned n)
{
    struct spool_said said;
    struct spool_item item = {.number = 0};
    for (unsigned i = 0; i < n;) {
        next(s, SPOOL_KEEP, server, &said);
        while (spool_said_next(&said, &item)) i++;
        if (i > n) stage_fails("spooler: %u items in KEEPs, not %u", i, n);
    }
    return item.number;
}

void spooler_has_nothing_yet(struct spooler *s)
{
    stage_turns(0);
    if (has_packet(s)) stage_fails("spooler: a packet came");
}

/* --- what is said ------------------------------------------------------------------------------ */

void spooler_says(struct spooler *s, enum spool_word word, uint64_t number, const char *server)
{
    say(s, s->current, word, number, server);
}

void spooler_says_all(struct spooler *s, enum spool_word word, uint64_t number, const char *server)
{
    for (unsigned i = 0; i < s->links_n; i++) say(s, i, word, number, server);
}

void spooler_refuses(struct spooler *s, const char *server, uint64_t number, const char *why)
{
    struct spool_packet *p = stage_memory(sizeof *p);
    spool_packet_begin(p, SPOOL_REFUSED, 0, server, strlen(server));
    if (!spool_packet_add(p, number, why, strlen(why))) stage_fails("spooler: no room");
    send_packet(s, s->current, p);
}

void spooler_gives(struct spooler *s, const char *server, uint64_t first, ...)
{
    struct spool_packet *p = stage_memory(sizeof *p);
    const char *line;
    va_list lines;
    spool_packet_begin(p, SPOOL_GIVE, 0, server, strlen(server));
    va_start(lines, first);
    while ((line = va_arg(lines, const char *)))
        if (!spool_packet_add(p, first++, line, strlen(line))) stage_fails("spooler: no room");
    va_end(lines);
    send_packet(s, s->current, p);
}

void spooler_says_garbage(struct spooler *s)
{
    send_packet(s, s->current, &(struct spool_packet){.len = 7, .bytes = "garbage"});
}

void spooler_dies(struct spooler *s)
{
    for (unsigned i = 0; i < s->links_n; i++) leaves(&s->links[i].actor);
    s->first = s->n;
    s->greeted = 0;
    leaves(&s->actor);
}

void spooler_loses_others(struct spooler *s)
{
    for (unsigned i = 0; i < s->links_n; i++)
        if (i != s->current) leaves(&s->links[i].actor);
}

void spooler_is_back(struct spooler *s)
{
    listen_there(s);
}
