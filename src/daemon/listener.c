#include "daemon/listener.h"

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

/* Whether a process listens behind the file. One that cannot be asked counts as listening: it is
 * not ours to remove. */
static bool socket_file_is_stale(const struct addr *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool stale = connect(fd, &addr->sa.any, addr->len) != 0 && errno == ECONNREFUSED;
    close(fd);
    return stale;
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

/* Port 0 has become a real one by now. */
static void listener_learn_port(struct listener *l)
{
    struct addr bound = {.len = sizeof bound.sa};
    if (addr_is_unix(&l->addr)) return;
    if (getsockname(l->fd, &bound.sa.any, &bound.len) == 0) l->addr = bound;
}

static struct refusal listener_open(struct listener *l, const struct addr *addr)
{
    if (addr_is_unix(addr)) {
        struct refusal r = listener_clear_path(addr);
        if (r.what) return r;
    }
    l->addr = *addr;
    l->fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0) return refusal_of_errno(addr);
    if (!listener_bind(l->fd, addr)) {
        struct refusal r = refusal_of_errno(addr);
        close(l->fd);
        l->fd = -1;
        return r;
    }
    listener_learn_port(l);
    return (struct refusal){0};
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

static bool listeners_add(struct listeners *l, const struct addr *addr, uint32_t number,
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
        *r = listener_open(&items[l->n], addr);
    items[l->n].number = number;
    l->n += r->what == NULL;
    return r->what == NULL;
}

/* A name may stand for addresses that this machine lacks (::1 with IPv6 off): one bound is
 * enough then. */
static bool listeners_add_all(struct listeners *l, const struct addr *addrs, size_t n,
                              uint32_t number)
{
    char text[ADDR_TEXT_MAX];
    size_t before = l->n;

    for (size_t i = 0; i < n; i++) {
        struct refusal r;
        if (listeners_add(l, &addrs[i], number, &r)) continue;
        bool another = l->n > before || i + 1 < n;
        if (!r.absent || !another) return complain(addr_print(&addrs[i], text), r.what, r.advice);
        log_debug("listener %s: left out: %s", addr_print(&addrs[i], text), r.what);
    }
    return true;
}

static bool listeners_add_text(struct listeners *l, const struct options *o, uint32_t number)
{
    const char *name, *text = o->bind.items[number];
    size_t name_len;
    struct addr_spec spec;
    struct addr addrs[ADDRESSES_PER_NAME];
    size_t n;

    text = option_named_address(text, &name, &name_len);
    const char *wrong = addr_spec_parse(&spec, text, strlen(text));
    if (wrong) return complain(text, wrong, "correct what -b says");
    wrong = addr_resolve(&spec, o->port, addrs, ADDRESSES_PER_NAME, &n);
    if (wrong) return complain(text, wrong, "correct what -b says");
    return listeners_add_all(l, addrs, n, number);
}

struct listeners *listeners_create(const struct options *o)
{
    struct listeners *l = calloc(1, sizeof *l);
    bool good = l || complain("listeners", "out of memory", "try again when the machine has room");
    for (size_t i = 0; good && i < o->bind.n; i++) good = listeners_add_text(l, o, (uint32_t)i);
    if (!good) {
        listeners_destroy(l, true);
        return NULL;
    }
    for (size_t i = 0; i < l->n; i++) {
        char text[ADDR_TEXT_MAX];
        const char *name;
        size_t len;
        option_named_address(o->bind.items[l->items[i].number], &name, &len);
        log_info(len ? "listening on %s as %.*s" : "listening on %s",
                 addr_print(&l->items[i].addr, text), (int)len, name);
    }
    return l;
}

/* The file goes first: as long as we listen nobody else takes the path, so it is surely ours. */
void listeners_close(struct listeners *l, bool unlink_files)
{
    for (size_t i = 0; i < l->n; i++) {
        struct listener *item = &l->items[i];
        if (item->fd < 0) continue;
        const char *path = item->addr.sa.un.sun_path;
        if (unlink_files && addr_is_unix(&item->addr) && unlink(path) != 0)
            log_warn("listener unix:%s: file not removed: %s", path, strerror(errno));
        close(item->fd);
        item->fd = -1;
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
