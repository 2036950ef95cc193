/* A failure names the address, the reason and what to do about it (struct refusal). The advice names the option, or mg.listen, by what the
 * item comes from. */
#include "net/bound.h"

#include "base/log.h"
#include "net/socket.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* By enum listeners_use. refused: what to do where one cannot be bound; NULL: it depends. */
static const struct {
    const char *wrong, *refused;
} uses[] = {
    {"correct what -b says", NULL},
    {"correct what --admin says", "choose another path with --admin, in a folder that is there"},
    {"correct what --metrics says",
     "choose another address with --metrics, or stop what listens there"},
    {"correct what mg.listen says", NULL},
    {"correct what --nutcracker-stats says",
     "choose another address with --nutcracker-stats (nutcracker's -s and -a), or stop what "
     "listens there"}};

bool bound_complain(const struct bound *from, const char *where, const char *what,
                    const char *advice)
{
    if (from->why)
        snprintf(from->why, LISTENERS_WHY, "listener %s: %s: %s", where, what, advice);
    else
        fprintf(stderr, "moongate: %s: %s: %s\n", where, what, advice);
    return false;
}

/* Names were looked up by the child that has checked the script: that may take long. */
static const char *read_addresses(const char *text, struct addr addrs[ADDRESSES_PER_NAME],
                                  size_t *n)
{
    struct addr_spec spec;
    for (*n = 0; *text && *n < ADDRESSES_PER_NAME; ++*n) {
        size_t len = strcspn(text, "\n");
        const char *wrong = addr_spec_parse(&spec, text, len);
        if (wrong) return wrong;
        if (!addr_spec_is_literal(&spec, 0, &addrs[*n])) return "it has not been looked up";
        text += len + (text[len] == '\n');
    }
    return *n > 0 ? NULL : "it stands for no address";
}

bool bound_rules(struct bound *from, const struct listeners_wanted *wanted, const char *item,
                 bool is_unix)
{
    struct bind_spec spec = {.rules = ""};
    const char *wrong = item ? bind_parse(&spec, item) : NULL;
    if (!wrong)
        wrong = rules_merge(from->rules, spec.rules, wanted->rules ? wanted->rules : "",
                            is_unix || spec.addr.path[0]);
    return !wrong ||
           bound_complain(from, item ? item : "--allow-from", wrong, uses[from->use].wrong);
}

struct rules *bound_rules_read(const struct bound *from)
{
    struct rules *rules;
    const char *wrong = rules_parse(&rules, from->rules);
    assert(!wrong); /* each of its words was read before */
    (void)wrong;
    return rules;
}

bool bound_read(struct bound *from, const struct listeners_wanted *wanted,
                struct addr addrs[ADDRESSES_PER_NAME], size_t *n)
{
    struct bind_spec spec;
    const char *wrong = bind_parse(&spec, from->text);
    if (!wrong) wrong = bind_access(&spec, wanted->user, &from->access);
    if (!wrong && from->addresses)
        wrong = read_addresses(from->addresses, addrs, n);
    else if (!wrong)
        wrong = addr_resolve(&spec.addr, wanted->port, addrs, ADDRESSES_PER_NAME, n);
    if (wrong) return bound_complain(from, from->text, wrong, uses[from->use].wrong);
    if (from->use == LISTEN_ADMIN && spec.mode < 0) from->access.mode = 0600;
    if (!bound_rules(from, wanted, from->text, false)) return false;
    from->has_port = spec.addr.has_port;
    from->has_access = spec.owner[0] || spec.group[0];
    from->backlog = spec.backlog ? spec.backlog : BIND_BACKLOG;
    return true;
}

/* In the words of mg.listen where a script names the address. */
const char *bound_advice(const struct refusal *r, const struct bound *from)
{
    static char text[160];
    static const char option[] = "with -b";
    const char *at = strstr(r->advice, option);
    if (uses[from->use].refused) return uses[from->use].refused;
    if (r->needs_root && from->is_late)
        return "ports below 1024 are bound at start alone: restart moongate, or choose a port "
               "above 1023 in mg.listen";
    if (from->use != LISTEN_SCRIPT || !at) return r->advice;
    snprintf(text, sizeof text, "%.*sin mg.listen%s", (int)(at - r->advice), r->advice,
             at + sizeof option - 1);
    return text;
}

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
    return bind(fd, &addr->sa.any, addr->len) == 0;
}

/* Clients cannot connect before listen(2). By then the file has its owner and mode. */
static struct refusal listener_bind_file(struct listener *l, const struct bound *from)
{
    bool owner;
    if (socket_file_make(&l->file, l->fd, &l->addr, &from->access, &owner))
        return (struct refusal){0};
    return owner ? refusal_of_owner(from->has_access) : refusal_of_errno(&l->addr, from->has_port);
}

/* bind(2) has chosen a port where 0 was given. */
static void listener_learn_port(struct listener *l)
{
    struct addr bound = {.len = sizeof bound.sa};
    if (addr_is_unix(&l->addr)) return;
    if (getsockname(l->fd, &bound.sa.any, &bound.len) == 0) l->addr = bound;
}

struct refusal bound_open(struct listener *l, const struct addr *addr, const struct bound *from)
{
    struct refusal r = {0};
    assert(addr->len > 0 && addr->len <= sizeof addr->sa);
    if (addr_is_unix(addr)) r = listener_clear_path(addr, from);
    if (r.what) return r;
    *l = (struct listener){
        .addr = *addr, .number = from->number, .access = from->access, .backlog = from->backlog};
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

struct refusal bound_listen(const struct listener *l, const struct bound *from)
{
    if (listen(l->fd, from->backlog) == 0) return (struct refusal){0};
    return refusal_of_errno(&l->addr, from->has_port);
}
