/* All sockets are bound before anything else is done, by the process that the operator started: a wrong address is an error at
 * the prompt, not a line in a log. Workers come and go afterwards; the backlog belongs to the socket, so a worker that dies takes
 * no waiting client with it (I15).
 *
 * A failure names the address, the reason and what to do about it (struct refusal), and all sockets that were bound before it are
 * closed again. An address that this machine does not have is an error only if its name has no other: `localhost` stands for ::1,
 * too, and IPv6 may be off. */
#include "net/listener.h"

#include "base/log.h"
#include "net/refusal.h"
#include "net/socket.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 1024, ADDRESSES_PER_NAME = 16 };

/* --- binding ---------------------------------------------------------------------------------- */

/* By enum listeners_use. refused: what to do where one cannot be bound; NULL: it depends. */
static const struct {
    const char *role, *wrong, *refused;
} uses[] = {
    {"", "correct what -b says", NULL},
    {"admin: ", "correct what --admin says",
     "choose another path with --admin, in a folder that is there"},
    {"metrics: ", "correct what --metrics says",
     "choose another address with --metrics, or stop what listens there"},
    {"nutcracker-stats: ", "correct what --nutcracker-stats says",
     "choose another address with --nutcracker-stats (nutcracker's -s and -a), or stop what "
     "listens there"}};

/* What all addresses of one item of --bind share, and what the advice of a refusal depends on. */
struct bound {
    struct passed *passed;
    uint32_t number;
    bool has_port;   /* the item names its port; else the port is --port's */
    bool has_access; /* the item names an owner or a group; else the owner is --user's */
    enum listeners_use use;
    struct bind_access access;
};

/* Removes the file of a unix socket that a dead process left. A file on which a process still listens, or that is not a socket,
 * stays. */
static struct refusal listener_clear_path(const struct addr *addr, const struct bound *from)
{
    const char *path = addr->sa.un.sun_path;
    struct stat file;

    if (lstat(path, &file) != 0)
        return (struct refusal){0}; /* there is none; if something else is wrong, bind(2) fails */
    if (!S_ISSOCK(file.st_mode))
        return (struct refusal){.what = "there is a file that is no socket",
                                .advice = "choose another path with -b or remove the file"};
    if (!socket_file_is_stale(addr)) {
        errno = EADDRINUSE;
        return refusal_of_errno(addr, from->has_port);
    }
    if (unlink(path) != 0 && errno != ENOENT) return refusal_of_errno(addr, from->has_port);
    log_info("listener unix:%s: file of a dead process removed", path);
    return (struct refusal){0};
}

/* IPV6_V6ONLY: else :: would take the port of 0.0.0.0, too, and the second of the two could not be bound. SO_REUSEADDR: else
 * connections of an earlier process, in TIME_WAIT, would keep the port busy. */
static bool listener_bind(int fd, const struct addr *addr)
{
    int on = 1;
    if (addr->sa.any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)
        return false;
    if (!addr_is_unix(addr) && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return false;
    return bind(fd, &addr->sa.any, addr->len) == 0 && listen(fd, BACKLOG) == 0;
}

/* Clients cannot connect before listen(2). By then the file has its owner and mode. */
static struct refusal listener_bind_file(struct listener *l, const struct bound *from)
{
    bool owner;
    if (!socket_file_make(&l->file, l->fd, &l->addr, &from->access, &owner))
        return owner ? refusal_of_owner(from->has_access) : refusal_of_errno(&l->addr, from);
    if (listen(l->fd, BACKLOG) == 0) return (struct refusal){0};
    struct refusal r = refusal_of_errno(&l->addr, from);
    (void)socket_file_remove(&l->file, &l->addr);
    return r;
}

/* bind(2) has chosen a port where 0 was given. */
static void listener_learn_port(struct listener *l)
{
    struct addr bound = {.len = sizeof bound.sa};
    if (addr_is_unix(&l->addr)) return;
    if (getsockname(l->fd, &bound.sa.any, &bound.len) == 0) l->addr = bound;
}

/* Another process listens already: the service manager, or the moongate before this one. */
static void listener_adopt(struct listener *l, struct passed_socket *s, uint32_t number)
{
    assert(s->fd >= 0);
    *l = (struct listener){.fd = s->fd,
                           .addr = s->addr,
                           .number = number,
                           .is_passed = s->is_managers || !s->is_inherited,
                           .is_extra = s->is_extra,
                           .is_lent = s->is_inherited,
                           .file = s->file};
    memcpy(l->name, s->name, sizeof l->name);
    s->fd = -1;
}

static struct refusal listener_open(struct listener *l, const struct addr *addr,
                                    const struct bound *from)
{
    struct refusal r = {0};
    assert(addr->len > 0 && addr->len <= sizeof addr->sa);
    if (addr_is_unix(addr)) r = listener_clear_path(addr, from);
    if (r.what) return r;
    *l = (struct listener){.addr = *addr};
    l->fd = socket_open(addr);
    if (l->fd < 0) return refusal_of_errno(addr, from->has_port);
    if (addr_is_unix(addr))
        r = listener_bind_file(l, from);
    else if (!listener_bind(l->fd, addr))
        r = refusal_of_errno(addr, from->has_port);
    if (r.what) {
        close(l->fd);
        l->fd = -1;
    } else {
        listener_learn_port(l);
    }
    return r;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* One line on stderr; false, to be returned. */
static bool complain(const char *where, const char *what, const char *advice)
{
    fprintf(stderr, "moongate: %s: %s: %s\n", where, what, advice);
    return false;
}

/* A second bind(2) would fail with EADDRINUSE, and the message would blame another program. */
static bool listeners_have(const struct listeners *l, const struct addr *addr)
{
    for (size_t i = 0; i < l->n; i++)
        if (memcmp(&l->items[i].addr, addr, sizeof *addr) == 0) return true;
    return false;
}

/* Room for one more, which is not counted yet. NULL: out of memory. */
static struct listener *listeners_room(struct listeners *l)
{
    struct listener *items = realloc(l->items, (l->n + 1) * sizeof *items);
    if (items) l->items = items;
    return items ? &items[l->n] : NULL;
}

static bool listeners_add(struct listeners *l, const struct addr *addr, const struct bound *from,
                          struct refusal *r)
{
    struct passed_socket *passed = from->passed ? passed_find(from->passed, addr) : NULL;
    struct listener *item = listeners_room(l);
    *r = (struct refusal){0};
    if (!item)
        *r = (struct refusal){.what = "out of memory", .advice = "give fewer addresses with -b"};
    else if (listeners_have(l, addr))
        *r = (struct refusal){.what = "given twice", .advice = "name each address once with -b"};
    else if (passed)
        listener_adopt(item, passed, from->number);
    else
        *r = listener_open(item, addr, from);
    if (r->what) return false;
    item->number = from->number;
    l->n++;
    return true;
}

/* Passed sockets that stand for no item of --bind. */
static bool listeners_add_extra(struct listeners *l, const struct listeners_wanted *wanted)
{
    uint32_t number = (uint32_t)wanted->bind_n;
    for (size_t i = 0; wanted->passed && i < wanted->passed->n; i++) {
        struct passed_socket *s = &wanted->passed->items[i];
        if (s->fd < 0) continue;
        struct listener *item = listeners_room(l);
        if (!item) return false;
        s->is_extra = true;
        listener_adopt(item, s, number++);
        l->n++;
    }
    return true;
}

/* All addresses of a name. Of several, those that this machine does not have are left out; one must be left. */
static bool listeners_add_all(struct listeners *l, const struct addr *addrs, size_t n,
                              const struct bound *from)
{
    char text[ADDR_TEXT_MAX];
    size_t before = l->n;

    for (size_t i = 0; i < n; i++) {
        struct refusal r;
        if (listeners_add(l, &addrs[i], from, &r)) continue;
        bool another = l->n > before || i + 1 < n;
        if (uses[from->use].refused) r.advice = uses[from->use].refused;
        if (!r.absent || !another) return complain(addr_print(&addrs[i], text), r.what, r.advice);
        log_debug("listener %s: left out: %s", addr_print(&addrs[i], text), r.what);
    }
    return true;
}

/* What the moongate before this one has bound for that item, whatever its port and names are now. False: nothing. */
static bool listeners_inherit(struct listeners *l, struct passed *passed, uint32_t number)
{
    size_t before = l->n;
    for (size_t i = 0; passed && i < passed->n; i++) {
        struct passed_socket *s = &passed->items[i];
        struct listener *item;
        if (s->fd < 0 || !s->is_inherited || s->is_extra || s->number != number) continue;
        if (!(item = listeners_room(l))) break;
        listener_adopt(item, s, number);
        l->n++;
    }
    return l->n > before;
}

static bool listeners_add_text(struct listeners *l, const struct listeners_wanted *wanted,
                               uint32_t number)
{
    if (listeners_inherit(l, wanted->passed, number)) return true;
    const char *text = wanted->bind[number];
    struct bound from = {.passed = wanted->passed, .number = number, .use = wanted->use};
    struct bind_spec spec;
    struct addr addrs[ADDRESSES_PER_NAME];
    size_t n;

    const char *wrong = bind_parse(&spec, text);
    if (!wrong) wrong = bind_access(&spec, wanted->user, &from.access);
    if (!wrong) wrong = addr_resolve(&spec.addr, wanted->port, addrs, ADDRESSES_PER_NAME, &n);
    if (wrong) return complain(text, wrong, uses[wanted->use].wrong);
    if (wanted->use == LISTEN_ADMIN && spec.mode < 0) from.access.mode = 0600;
    from.has_port = spec.addr.has_port;
    from.has_access = spec.owner[0] || spec.group[0];
    return listeners_add_all(l, addrs, n, &from);
}

/* Looked up without any item, so that the complaint does not blame -b. */
static bool user_is_good(const char *user)
{
    struct bind_access access;
    const char *wrong = bind_access(&(struct bind_spec){.mode = -1}, user, &access);
    return !wrong || complain("listeners", wrong, "choose another with -u");
}

/* The item of --bind, or what stands for it. Extra passed sockets are numbered in their order. */
static const char *listener_item(const struct listener *l, const struct listeners_wanted *wanted,
                                 char *text)
{
    if (l->number < wanted->bind_n) return wanted->bind[l->number];
    uint32_t number = (uint32_t)wanted->bind_n;
    for (size_t i = 0; i < wanted->passed->n; i++)
        if (wanted->passed->items[i].is_extra && number++ == l->number)
            return passed_print(&wanted->passed->items[i], text);
    abort(); /* each number above belongs to one that is extra */
}

static void listener_announce(const struct listener *l, const struct listeners_wanted *wanted)
{
    char text[ADDR_TEXT_MAX], item[PASSED_TEXT_MAX];
    struct bind_spec spec;
    (void)bind_parse(&spec, listener_item(l, wanted, item));
    log_info("%slistening on %s%s%.*s%s", uses[wanted->use].role, addr_print(&l->addr, text),
             spec.has_label ? " as " : "", spec.has_label ? (int)spec.name_len : 0, spec.name,
             l->is_lent     ? " (taken over)"
             : l->is_passed ? " (passed by the service manager)"
                            : "");
}

struct listeners *listeners_create(const struct listeners_wanted *wanted)
{
    static const char memory[] = "out of memory", again[] = "try again when the machine has room";
    struct listeners *l = calloc(1, sizeof *l);
    bool good = l || complain("listeners", memory, again);
    good = good && user_is_good(wanted->user);
    for (size_t i = 0; good && i < wanted->bind_n; i++)
        good = listeners_add_text(l, wanted, (uint32_t)i);
    if (good && !listeners_add_extra(l, wanted)) good = complain("listeners", memory, again);
    if (!good) {
        listeners_destroy(l, true);
        return NULL;
    }
    for (size_t i = 0; i < l->n; i++) listener_announce(&l->items[i], wanted);
    return l;
}

void listeners_own(struct listeners *l)
{
    for (size_t i = 0; i < l->n; i++) l->items[i].is_lent = false;
}

/* The file is removed first: while this process still listens, no other takes the path. */
void listeners_close(struct listeners *l, bool unlink_files)
{
    for (size_t i = 0; i < l->n; i++) {
        struct listener *item = &l->items[i];
        if (item->fd < 0) continue;
        const char *path = item->addr.sa.un.sun_path;
        if (unlink_files && !item->is_lent && addr_is_unix(&item->addr) &&
            !socket_file_remove(&item->file, &item->addr))
            log_warn("listener unix:%s: file not removed: %s", path, strerror(errno));
        close(item->fd);
        item->fd = -1;
    }
}

void listeners_check_files(const struct listeners *l)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct addr *addr = &l->items[i].addr;
        if (!addr_is_unix(addr) || l->items[i].is_passed) continue;
        if (file_is_removable(addr->sa.un.sun_path)) continue;
        log_warn("listener unix:%s: its file stays when moongate ends: user %d may not remove it: "
                 "put it into a folder that this user may write to",
                 addr->sa.un.sun_path, (int)geteuid());
    }
}

void listeners_destroy(struct listeners *l, bool unlink_files)
{
    if (!l) return;
    listeners_close(l, unlink_files);
    free(l->items);
    free(l);
}

/* --- clients ---------------------------------------------------------------------------------- */

/* An error means that the client is gone already; the first read finds that out. */
static void client_tune(const struct listener *l, int fd)
{
    if (!addr_is_unix(&l->addr)) (void)socket_no_delay(fd);
}

/* accept(2) also returns the errors that a new connection already has. They say nothing about the listener; see accept(2), "Error
 * handling". All others mean that something has run out, and so does one that comes back without end: a security module that forbids
 * accept(2) leaves the client in the backlog. */
enum accept_status listener_accept(const struct listener *l, int *fd)
{
    enum { TRIES = 1000 };
    assert(l->fd >= 0);
    for (int i = 0; i < TRIES; i++) {
        *fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (*fd >= 0) {
            client_tune(l, *fd);
            return ACCEPT_OK;
        }
        switch (errno) {
        case EAGAIN: return ACCEPT_AGAIN;
        case EINTR:
        case ECONNABORTED: /* this and what follows is about one client, which is gone: try the next */
        case EPERM:
        case EPROTO:
        case ENETDOWN:
        case ENETUNREACH:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENONET:
        case ENOPROTOOPT:
        case EOPNOTSUPP:
        case ETIMEDOUT: continue;
        default: return ACCEPT_PAUSE;
        }
    }
    return ACCEPT_PAUSE;
}

/* Reads first what the client has sent already: with unread bytes close(2) sends a reset, which overtakes the answer. */
void listener_tell_refused(int fd)
{
    static const char answer[] = "ERROR Too many open connections\r\n";
    char unread[4096];

    assert(fd >= 0);
    (void)!recv(fd, unread, sizeof unread, MSG_DONTWAIT);
    (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
}

void listener_refuse(int fd)
{
    listener_tell_refused(fd);
    close(fd);
}
