/* All sockets are bound before anything else is done, by the process that the operator started: a wrong address is an error at
 * the prompt, not a line in a log. Workers come and go afterwards; the backlog belongs to the socket, so a worker that dies takes
 * no waiting client with it (I15).
 *
 * A failure names the address, the reason and what to do about it (struct refusal), and all sockets that were bound before it are
 * closed again. An address that this machine does not have is an error only if its name has no other: `localhost` stands for ::1,
 * too, and IPv6 may be off. */
#include "net/listener.h"

#include "base/log.h"
#include "net/bound.h"
#include "net/socket.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Until all extra ones are known. */
static const uint32_t EXTRA = UINT32_MAX;

/* By enum listeners_use: what a line of the log begins with. */
static const char *const roles[] = {"", "admin: ", "metrics: ", "", "nutcracker-stats: "};

/* Another process listens already: the service manager, or the moongate before this one. */
static void listener_adopt(struct listener *l, struct passed_socket *s, const struct bound *from)
{
    assert(s->fd >= 0);
    *l = (struct listener){.fd = s->fd,
                           .addr = s->addr,
                           .number = from->number,
                           .access = from->access,
                           .backlog = from->backlog,
                           .is_passed = s->is_managers || !s->is_inherited,
                           .is_extra = s->is_extra,
                           .is_lent = s->is_inherited,
                           .rules = bound_rules_read(from),
                           .file = s->file};
    memcpy(l->name, s->name, sizeof l->name);
    s->fd = -1;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* A second bind(2) would fail with EADDRINUSE, and the message would blame another program. */
static bool listeners_have(const struct listeners *l, const struct addr *addr)
{
    for (size_t i = 0; i < l->n; i++)
        if (memcmp(&l->items[i].addr, addr, sizeof *addr) == 0) return true;
    return false;
}

struct listener *listeners_room(struct listeners *l)
{
    struct listener *items = realloc(l->items, (l->n + 1) * sizeof *items);
    if (items) l->items = items;
    return items ? &items[l->n] : NULL;
}

/* Binds and listens. */
static struct refusal listener_open(struct listener *l, const struct addr *addr,
                                    const struct bound *from)
{
    struct refusal r = bound_open(l, addr, from);
    if (r.what) return r;
    l->rules = bound_rules_read(from);
    r = bound_listen(l, from);
    if (r.what) listener_close(l, true);
    return r;
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
        *r = from->use == LISTEN_SCRIPT ? REFUSAL_BOUND : REFUSAL_TWICE;
    else if (passed)
        listener_adopt(item, passed, from);
    else
        *r = listener_open(item, addr, from);
    if (r->what) return false;
    item->number = from->number;
    l->n++;
    return true;
}

/* Its place behind the items of --bind, among all extra ones: workers name them in that order (main.c). */
static uint32_t extra_number(const struct listeners_wanted *wanted, const struct addr *addr)
{
    uint32_t number = (uint32_t)wanted->bind_n;
    for (size_t i = 0; i < wanted->passed->n; i++) {
        const struct passed_socket *s = &wanted->passed->items[i];
        if (memcmp(&s->addr, addr, sizeof *addr) == 0) break;
        number += s->is_extra;
    }
    return number;
}

/* One that was extra for the moongate before keeps its place, also where the script names it now. */
static void number_extra(struct listeners *l, const struct listeners_wanted *wanted)
{
    for (size_t i = 0; i < l->n; i++) {
        struct listener *item = &l->items[i];
        if (!item->is_extra) continue;
        item->own = extra_number(wanted, &item->addr);
        if (item->number == EXTRA) item->number = item->own;
    }
}

/* Passed sockets that stand for no item. One that the moongate before has made itself goes once this one is in
 * charge; its number there is of no meaning here. */
static bool listeners_add_extra(struct listeners *l, const struct listeners_wanted *wanted)
{
    char text[ADDR_TEXT_MAX];
    for (size_t i = 0; wanted->passed && i < wanted->passed->n; i++) {
        struct passed_socket *s = &wanted->passed->items[i];
        if (s->fd < 0) continue;
        struct listener *item = listeners_room(l);
        bool goes = s->is_inherited && !s->is_managers && wanted->use == LISTEN_CLIENTS;
        if (!item) return false;
        s->is_extra = !goes;
        struct bound from = {.use = wanted->use};
        from.number = goes ? labels_number(&l->labels, addr_print(&s->addr, text)) : EXTRA;
        if (!bound_rules(&from, wanted, NULL, addr_is_unix(&s->addr))) return false;
        listener_adopt(item, s, &from);
        item->phase = goes ? LISTENER_GOES : LISTENER_SERVES;
        l->n++;
    }
    number_extra(l, wanted);
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
        if (!r.absent || !another)
            return bound_complain(from, addr_print(&addrs[i], text), r.what,
                                  bound_advice(&r, from));
        log_debug("listener %s: left out: %s", addr_print(&addrs[i], text), r.what);
    }
    return true;
}

/* What the moongate before this one has bound for that item, whatever its port and names are now. False: nothing. */
static bool listeners_inherit(struct listeners *l, const struct listeners_wanted *wanted,
                              const struct bound *from)
{
    size_t before = l->n;
    struct passed *passed = wanted->passed;
    for (size_t i = 0; passed && i < passed->n; i++) {
        struct passed_socket *s = &passed->items[i];
        struct listener *item;
        if (s->fd < 0 || !s->is_inherited || s->is_extra || s->number != from->number) continue;
        if (!(item = listeners_room(l))) break;
        listener_adopt(item, s, from);
        l->n++;
    }
    return l->n > before;
}

static bool listeners_add_text(struct listeners *l, const struct listeners_wanted *wanted,
                               uint32_t number)
{
    struct bound from = {.text = wanted->bind[number], .number = number, .use = wanted->use};
    struct addr addrs[ADDRESSES_PER_NAME];
    size_t n;
    if (!bound_rules(&from, wanted, from.text, false)) return false;
    if (listeners_inherit(l, wanted, &from)) return true;
    from.passed = wanted->passed;
    return bound_read(&from, wanted, addrs, &n) && listeners_add_all(l, addrs, n, &from);
}

/* An item of mg.listen. The socket that has its address may have been passed. */
static bool listeners_add_script(struct listeners *l, const struct listeners_wanted *wanted,
                                 size_t at)
{
    const char *text = wanted->script[at];
    struct bound from = {.text = text,
                         .addresses = wanted->addresses ? wanted->addresses[at] : NULL,
                         .passed = wanted->passed,
                         .use = LISTEN_SCRIPT};
    struct addr addrs[ADDRESSES_PER_NAME];
    size_t n;
    if (!(from.number = labels_of_item(&l->labels, text)))
        return bound_complain(&from, text, LABELS_FULL);
    return bound_read(&from, wanted, addrs, &n) && listeners_add_all(l, addrs, n, &from);
}

static bool complain(const char *what, const char *advice)
{
    return bound_complain(&(struct bound){.use = LISTEN_CLIENTS}, "listeners", what, advice);
}

/* Looked up without any item, so that the complaint does not blame -b. */
static bool user_is_good(const char *user)
{
    struct bind_access access;
    const char *wrong = bind_access(&(struct bind_spec){.mode = -1}, user, &access);
    return !wrong || complain(wrong, "choose another with -u");
}

/* The item of --bind, or what stands for it. Extra passed sockets are numbered in their order. */
static const char *listener_item(const struct listeners *all, const struct listener *l,
                                 const struct listeners_wanted *wanted, char *text)
{
    if (l->number < wanted->bind_n) return wanted->bind[l->number];
    if (l->number >= LISTENERS_BOUND) return labels_text(&all->labels, l->number);
    uint32_t number = (uint32_t)wanted->bind_n;
    for (size_t i = 0; i < wanted->passed->n; i++)
        if (wanted->passed->items[i].is_extra && number++ == l->number)
            return passed_print(&wanted->passed->items[i], text);
    abort(); /* each number above belongs to one that is extra */
}

void listener_announce(const struct listeners *all, const struct listener *l,
                       const struct listeners_wanted *wanted)
{
    char text[ADDR_TEXT_MAX], item[PASSED_TEXT_MAX];
    struct bind_spec spec;
    (void)bind_parse(&spec, listener_item(all, l, wanted, item));
    log_info("%slistening on %s%s%.*s%s", roles[wanted->use], addr_print(&l->addr, text),
             spec.has_label ? " as " : "", spec.has_label ? (int)spec.name_len : 0, spec.name,
             l->is_lent     ? " (taken over)"
             : l->is_passed ? " (passed by the service manager)"
                            : "");
}

struct listeners *listeners_create(const struct listeners_wanted *wanted)
{
    static const char memory[] = "out of memory", again[] = "try again when the machine has room";
    struct listeners *l = calloc(1, sizeof *l);
    if (!l) {
        (void)complain(memory, again);
        return NULL;
    }
    bool good = user_is_good(wanted->user);
    for (size_t i = 0; good && i < wanted->bind_n; i++)
        good = listeners_add_text(l, wanted, (uint32_t)i);
    for (size_t i = 0; good && i < wanted->script_n; i++) good = listeners_add_script(l, wanted, i);
    if (good && !listeners_add_extra(l, wanted)) good = complain(memory, again);
    if (!good) {
        listeners_destroy(l, true);
        return NULL;
    }
    for (size_t i = 0; i < l->n; i++)
        if (l->items[i].phase == LISTENER_SERVES) listener_announce(l, &l->items[i], wanted);
    return l;
}

/* The moongate before made it as another script had it. */
static void listener_renew(const struct listener *l)
{
    if (addr_is_unix(&l->addr) && !socket_file_change(&l->file, &l->addr, &l->access))
        log_warn("listener %s: mode and owner not changed: %s", l->addr.sa.un.sun_path,
                 strerror(errno));
    (void)listen(l->fd, l->backlog);
}

void listeners_own(struct listeners *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct listener *item = &l->items[i];
        bool is_scripts = item->number >= LISTENERS_BOUND && item->phase == LISTENER_SERVES;
        if (item->is_lent && is_scripts && !item->is_passed) listener_renew(item);
        item->is_lent = false;
    }
}

/* The file is removed first: while this process still listens, no other takes the path. */
void listener_close(struct listener *l, bool unlink_file)
{
    if (l->fd < 0) return;
    const char *path = l->addr.sa.un.sun_path;
    if (unlink_file && !l->is_lent && addr_is_unix(&l->addr) &&
        !socket_file_remove(&l->file, &l->addr))
        log_warn("listener unix:%s: file not removed: %s", path, strerror(errno));
    rules_give(l->rules);
    l->rules = NULL;
    close(l->fd);
    l->fd = -1;
}

void listeners_close(struct listeners *l, bool unlink_files)
{
    for (size_t i = 0; i < l->n; i++) listener_close(&l->items[i], unlink_files);
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
    labels_release(&l->labels);
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
enum accept_status listener_accept(const struct listener *l, int *fd, struct addr *from)
{
    enum { TRIES = 1000 };
    assert(l->fd >= 0);
    for (int i = 0; i < TRIES; i++) {
        *from = (struct addr){.len = sizeof from->sa};
        *fd = accept4(l->fd, &from->sa.any, &from->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
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

bool listener_admits(const struct listener *l, const struct addr *from)
{
    const struct rules *r = l->rules;
    if (!r || r->allow_from.n == 0 || addr_is_unix(&l->addr)) return true;
    return networks_hold(&r->allow_from, from) || networks_hold(&r->proxy_from, from);
}

/* Reads first what the client has sent already: with unread bytes close(2) sends a reset, which overtakes the answer. */
void listener_tell_refused(int fd)
{
    static const char answer[] = LISTENER_REFUSAL;
    char unread[4096];

    assert(fd >= 0);
    (void)!recv(fd, unread, sizeof unread, MSG_DONTWAIT);
    (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
}

void listener_refuse(int fd, const struct rules *rules)
{
    bool is_secure = rules && rules->tls >= RULES_TLS_ON;
    if (!is_secure) listener_tell_refused(fd);
    close(fd);
}
