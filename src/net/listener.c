#include "net/listener.h"

#include "base/log.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 1024, ADDRESSES_PER_NAME = 16 };

/* --- binding ---------------------------------------------------------------------------------- */

/* Why an address cannot be bound, and what to do about it; what == NULL: it is bound. */
struct refusal {
    const char *what;
    const char *advice;
    bool absent; /* this machine has no such address: fine for one of several of a name */
};

/* The file of a unix socket could not be given to whom it shall belong. */
static struct refusal refusal_of_owner(void)
{
    struct refusal r = {.what = strerror(errno), .advice = "leave out owner= and group="};
    if (errno == EPERM) r.advice = "start as root or leave out owner= and group=";
    return r;
}

static struct refusal refusal_of_errno(const struct addr *addr)
{
    bool is_unix = addr_is_unix(addr);
    struct refusal r = {.what = strerror(errno), .advice = "choose another address with -b"};
    switch (errno) {
    case EADDRINUSE:
        r.what = "address in use";
        r.advice = is_unix ? "choose another path with -b or stop what listens there"
                           : "choose another port with -p or stop what listens there";
        break;
    case EADDRNOTAVAIL:
        r.what = "not an address of this machine";
        r.absent = true;
        break;
    case EAFNOSUPPORT:
        r.what = "this machine does not speak that kind of address";
        r.absent = true;
        break;
    case EACCES:
        r.advice = is_unix ? "choose a folder that you may write to"
                           : "choose a port above 1023 with -p or start as root";
        break;
    case ENOENT: r.advice = "make the folder first or choose another path with -b"; break;
    }
    return r;
}

/* Makes way for a unix socket: removes a file that a dead process left. */
static struct refusal listener_clear_path(const struct addr *addr)
{
    const char *path = addr->sa.un.sun_path;
    struct stat file;

    if (lstat(path, &file) != 0)
        return (struct refusal){0}; /* bind will say what is wrong, if anything */
    if (!S_ISSOCK(file.st_mode))
        return (struct refusal){.what = "there is a file that is no socket",
                                .advice = "choose another path with -b or remove the file"};
    if (!socket_file_is_stale(addr)) {
        errno = EADDRINUSE;
        return refusal_of_errno(addr);
    }
    if (unlink(path) != 0 && errno != ENOENT) return refusal_of_errno(addr);
    log_info("listener unix:%s: file of a dead process removed", path);
    return (struct refusal){0};
}

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

/* Nobody can connect before listen(2): by then the file belongs to whom it shall. */
static struct refusal listener_bind_file(struct listener *l, const struct bind_access *access)
{
    bool owner;
    if (!socket_file_make(&l->file, l->fd, &l->addr, access, &owner))
        return owner ? refusal_of_owner() : refusal_of_errno(&l->addr);
    if (listen(l->fd, BACKLOG) == 0) return (struct refusal){0};
    struct refusal r = refusal_of_errno(&l->addr);
    (void)socket_file_remove(&l->file, &l->addr);
    return r;
}

/* Port 0 has become a real one by now. */
static void listener_learn_port(struct listener *l)
{
    struct addr bound = {.len = sizeof bound.sa};
    if (addr_is_unix(&l->addr)) return;
    if (getsockname(l->fd, &bound.sa.any, &bound.len) == 0) l->addr = bound;
}

static struct refusal listener_open(struct listener *l, const struct addr *addr,
                                    const struct bind_access *access)
{
    struct refusal r = {0};
    if (addr_is_unix(addr)) r = listener_clear_path(addr);
    if (r.what) return r;
    *l = (struct listener){.addr = *addr};
    l->fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0) return refusal_of_errno(addr);
    if (addr_is_unix(addr))
        r = listener_bind_file(l, access);
    else if (!listener_bind(l->fd, addr))
        r = refusal_of_errno(addr);
    if (r.what) {
        close(l->fd);
        l->fd = -1;
    } else {
        listener_learn_port(l);
    }
    return r;
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool complain(const char *where, const char *what, const char *advice)
{
    fprintf(stderr, "moongate: %s: %s: %s\n", where, what, advice);
    return false;
}

static bool listeners_have(const struct listeners *l, const struct addr *addr)
{
    for (size_t i = 0; i < l->n; i++)
        if (memcmp(&l->items[i].addr, addr, sizeof *addr) == 0) return true;
    return false;
}

/* What all addresses of one --bind have in common. */
struct bound {
    uint32_t number;
    struct bind_access access;
};

static bool listeners_add(struct listeners *l, const struct addr *addr, const struct bound *from,
                          struct refusal *r)
{
    struct listener *items = realloc(l->items, (l->n + 1) * sizeof *items);
    if (!items) {
        *r = (struct refusal){.what = "out of memory", .advice = "give fewer addresses with -b"};
        return false;
    }
    l->items = items;
    if (listeners_have(l, addr))
        *r = (struct refusal){.what = "given twice", .advice = "name each address once with -b"};
    else
        *r = listener_open(&items[l->n], addr, &from->access);
    items[l->n].number = from->number;
    l->n += r->what == NULL;
    return r->what == NULL;
}

/* A name may stand for addresses that this machine lacks (::1 with IPv6 off): one bound is
 * enough then. */
static bool listeners_add_all(struct listeners *l, const struct addr *addrs, size_t n,
                              const struct bound *from)
{
    char text[ADDR_TEXT_MAX];
    size_t before = l->n;

    for (size_t i = 0; i < n; i++) {
        struct refusal r;
        if (listeners_add(l, &addrs[i], from, &r)) continue;
        bool another = l->n > before || i + 1 < n;
        if (!r.absent || !another) return complain(addr_print(&addrs[i], text), r.what, r.advice);
        log_debug("listener %s: left out: %s", addr_print(&addrs[i], text), r.what);
    }
    return true;
}

static bool listeners_add_text(struct listeners *l, const struct listeners_wanted *wanted,
                               uint32_t number)
{
    const char *text = wanted->bind[number];
    struct bound from = {.number = number};
    struct bind_spec spec;
    struct addr addrs[ADDRESSES_PER_NAME];
    size_t n;

    const char *wrong = bind_parse(&spec, text);
    if (!wrong) wrong = bind_access(&spec, wanted->user, &from.access);
    if (!wrong) wrong = addr_resolve(&spec.addr, wanted->port, addrs, ADDRESSES_PER_NAME, &n);
    if (wrong) return complain(text, wrong, "correct what -b says");
    return listeners_add_all(l, addrs, n, &from);
}

struct listeners *listeners_create(const struct listeners_wanted *wanted)
{
    struct listeners *l = calloc(1, sizeof *l);
    bool good = l || complain("listeners", "out of memory", "try again when the machine has room");
    for (size_t i = 0; good && i < wanted->bind_n; i++)
        good = listeners_add_text(l, wanted, (uint32_t)i);
    if (!good) {
        listeners_destroy(l, true);
        return NULL;
    }
    for (size_t i = 0; i < l->n; i++) {
        char text[ADDR_TEXT_MAX];
        struct bind_spec spec;
        (void)bind_parse(&spec, wanted->bind[l->items[i].number]);
        log_info(spec.has_label ? "listening on %s as %.*s" : "listening on %s",
                 addr_print(&l->items[i].addr, text), (int)spec.name_len, spec.name);
    }
    return l;
}

/* The file goes first: as long as we listen nobody else takes the path. */
void listeners_close(struct listeners *l, bool unlink_files)
{
    for (size_t i = 0; i < l->n; i++) {
        struct listener *item = &l->items[i];
        if (item->fd < 0) continue;
        const char *path = item->addr.sa.un.sun_path;
        if (unlink_files && addr_is_unix(&item->addr) &&
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
        if (!addr_is_unix(addr) || file_is_removable(addr->sa.un.sun_path)) continue;
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

/* A client that the options do not take on (it may be gone already) is found out at the first
 * read. */
static void client_tune(const struct listener *l, int fd)
{
    int on = 1;
    if (addr_is_unix(&l->addr)) return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

enum accept_status listener_accept(const struct listener *l, int *fd)
{
    for (;;) {
        *fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (*fd >= 0) {
            client_tune(l, *fd);
            return ACCEPT_OK;
        }
        switch (errno) {
        case EAGAIN: return ACCEPT_AGAIN;
        case EINTR:
        case ECONNABORTED: /* from here on they are of one client, which is gone: take the next */
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
}

/* What the client has sent already is read first: unread bytes make close(2) send a reset that
 * overtakes the answer. */
void listener_refuse(int fd)
{
    static const char answer[] = "ERROR Too many open connections\r\n";
    char unread[4096];

    (void)!recv(fd, unread, sizeof unread, MSG_DONTWAIT);
    (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
    close(fd);
}
