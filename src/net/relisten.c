/* A listener that stays keeps its socket, so that a client in its backlog never notices a reload. Which ones stay is decided by address,
 * not by name: a name may move to another port, and then clients of the old port must not be cut off.
 *
 * Each step either does all or nothing, unless it is forced: when a script that fails is taken back, the last good one must come back
 * even if another process listens on one of its addresses by now. */
#include "net/relisten.h"

#include "base/log.h"
#include "net/bound.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The script decides about it: it is a listener of a script, or the default of --bind. */
static bool is_scripts(const struct listener *l, const struct listeners_wanted *wanted)
{
    return l->number >= LISTENERS_BOUND || l->number < wanted->bind_n;
}

static struct listener *find(struct listeners *l, const struct addr *addr)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->items[i].fd >= 0 && memcmp(&l->items[i].addr, addr, sizeof *addr) == 0)
            return &l->items[i];
    return NULL;
}

/* The path is another spelling of one that was just bound. Nobody listens on that yet: its file would pass for a dead process's. */
static bool is_bound_already(const struct listeners *l, const struct addr *addr)
{
    for (size_t i = 0; addr_is_unix(addr) && i < l->n; i++)
        if (l->items[i].phase == LISTENER_COMES && socket_file_is_at(&l->items[i].file, addr))
            return true;
    return false;
}

/* --- prepare -------------------------------------------------------------------------------------- */

static struct listener_change change_of(const struct bound *from)
{
    return (struct listener_change){.is_wanted = true,
                                    .number = from->number,
                                    .access = from->access,
                                    .backlog = from->backlog,
                                    .rules = bound_rules_read(from)};
}

static struct refusal keep(struct listener *item, const struct bound *from,
                           const struct listeners_wanted *wanted)
{
    if (item->next.is_wanted) return REFUSAL_TWICE;
    if (!is_scripts(item, wanted) && !item->is_extra) return REFUSAL_BOUND;
    item->next = change_of(from);
    return (struct refusal){0};
}

static struct refusal take_address(struct listeners *l, const struct addr *addr,
                                   const struct bound *from, const struct listeners_wanted *wanted)
{
    struct listener *item = find(l, addr);
    if (item) return keep(item, from, wanted);
    if (is_bound_already(l, addr)) return REFUSAL_TWICE;
    if (!(item = listeners_room(l)))
        return (struct refusal){.what = "out of memory", .advice = "try again when there is more"};
    struct refusal r = bound_open(item, addr, from);
    if (r.what) return r;
    item->phase = LISTENER_COMES;
    item->next = change_of(from);
    l->n++;
    return r;
}

/* Of several addresses of a name, those that this machine does not have are left out; one must be left. */
static bool take_item(struct listeners *l, struct bound *from,
                      const struct listeners_wanted *wanted)
{
    char text[ADDR_TEXT_MAX];
    struct addr addrs[ADDRESSES_PER_NAME];
    size_t n, taken = 0;
    if (!bound_read(from, wanted, addrs, &n)) return false;
    for (size_t i = 0; i < n; i++) {
        struct refusal r = take_address(l, &addrs[i], from, wanted);
        taken += !r.what;
        if (!r.what || (r.absent && (taken > 0 || i + 1 < n))) continue;
        return bound_complain(from, addr_print(&addrs[i], text), r.what, bound_advice(&r, from));
    }
    return true;
}

static bool take_script(struct listeners *l, const struct listeners_wanted *wanted, size_t at,
                        struct bound *from)
{
    from->text = wanted->script[at];
    from->addresses = wanted->addresses ? wanted->addresses[at] : NULL;
    from->use = LISTEN_SCRIPT;
    from->number = labels_of_item(&l->labels, from->text);
    if (!from->number) return bound_complain(from, from->text, LABELS_FULL);
    return take_item(l, from, wanted);
}

/* What listens already as the default stays, whatever its port: 0 has chosen it, and names need not be looked up again. */
static bool keep_default(struct listeners *l, uint32_t number)
{
    bool found = false;
    for (size_t i = 0; i < l->n; i++) {
        struct listener *item = &l->items[i];
        if (item->number != number) continue;
        item->next = (struct listener_change){.is_wanted = true,
                                              .number = number,
                                              .access = item->access,
                                              .backlog = item->backlog,
                                              .rules = rules_take(item->rules)};
        found = true;
    }
    return found;
}

static bool take_default(struct listeners *l, const struct listeners_wanted *wanted, size_t at,
                         struct bound *from)
{
    if (keep_default(l, (uint32_t)at)) return true;
    from->text = wanted->bind[at];
    from->number = (uint32_t)at;
    return take_item(l, from, wanted);
}

bool listeners_prepare(struct listeners *l, const struct listeners_wanted *wanted, bool is_forced,
                       char *why)
{
    size_t n = wanted->script_n ? wanted->script_n : wanted->bind_n;
    for (size_t i = 0; i < n; i++) {
        struct bound from = {.is_late = true, .why = why};
        if (wanted->script_n ? take_script(l, wanted, i, &from) : take_default(l, wanted, i, &from))
            continue;
        if (is_forced) {
            log_error("%s; the script comes back without it", why);
            continue;
        }
        listeners_drop(l);
        return false;
    }
    return true;
}

/* --- open ----------------------------------------------------------------------------------------- */

static bool differs(const struct bind_access *a, const struct bind_access *b)
{
    return a->uid != b->uid || a->gid != b->gid || a->mode != b->mode;
}

/* What the service manager made is its own. */
static bool change(struct listener *l, const struct bind_access *access, int backlog)
{
    if (l->is_passed) return true;
    if (addr_is_unix(&l->addr) && differs(access, &l->access) &&
        !socket_file_change(&l->file, &l->addr, access))
        return false;
    l->access = *access;
    if (backlog != l->backlog && listen(l->fd, backlog) != 0) return false;
    l->backlog = backlog;
    return true;
}

/* Another process may have taken the file for a dead one's while the workers loaded the script. */
static bool open_new(const struct listener *l)
{
    if (addr_is_unix(&l->addr) && !socket_file_is_at(&l->file, &l->addr)) {
        errno = ENOENT;
        return false;
    }
    return listen(l->fd, l->backlog) == 0;
}

/* Remembers what it was, for drop. */
static bool open_one(struct listener *l, char *why)
{
    char text[ADDR_TEXT_MAX];
    struct listener_change wanted = l->next;
    const char *what = "cannot be changed";
    bool good;
    if (l->phase == LISTENER_COMES) {
        good = open_new(l);
        what = "cannot be listened on";
    } else {
        l->next.access = l->access;
        l->next.backlog = l->backlog;
        l->next.is_changed = true;
        good = change(l, &wanted.access, wanted.backlog);
    }
    if (good) return true;
    snprintf(why, LISTENERS_WHY, "listener %s: %s: %s: %s", addr_print(&l->addr, text), what,
             strerror(errno),
             l->phase == LISTENER_COMES ? "stop what listens there, or choose another in mg.listen"
                                        : "restart moongate, or leave mode, owner and group as "
                                          "they are");
    return false;
}

bool listeners_open(struct listeners *l, bool is_forced, char *why)
{
    for (size_t i = 0; i < l->n; i++) {
        struct listener *item = &l->items[i];
        if (!item->next.is_wanted || open_one(item, why)) continue;
        if (!is_forced) return false; /* drop follows */
        log_error("%s; the script comes back without that", why);
        if (item->phase == LISTENER_COMES) listener_close(item, true);
    }
    return true;
}

/* --- the end -------------------------------------------------------------------------------------- */

/* Takes closed ones from the list. */
static void sweep(struct listeners *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->items[i].fd >= 0) l->items[kept++] = l->items[i];
    l->n = kept;
}

static void forget(struct listener *l)
{
    rules_give(l->next.rules);
    l->next = (struct listener_change){false};
}

void listeners_switch(struct listeners *l, const struct listeners_wanted *wanted)
{
    for (size_t i = 0; i < l->n; i++) {
        struct listener *item = &l->items[i];
        bool comes = item->phase == LISTENER_COMES, is_wanted = item->next.is_wanted;
        if (is_wanted) {
            struct rules *before = item->rules;
            item->rules = rules_take(item->next.rules);
            rules_give(before);
            item->number = item->next.number;
            item->phase = LISTENER_SERVES;
        } else if (is_scripts(item, wanted) && !item->is_passed) {
            item->phase = LISTENER_GOES;
        } else if (item->is_extra) {
            item->number = item->own;
        }
        forget(item);
        if (comes && is_wanted && item->fd >= 0) listener_announce(l, item, wanted);
    }
    sweep(l);
}

void listeners_drop(struct listeners *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct listener *item = &l->items[i];
        if (item->phase == LISTENER_COMES)
            listener_close(item, true);
        else if (item->next.is_changed && !change(item, &item->next.access, item->next.backlog))
            log_warn("listener: mode and owner not changed back: %s", strerror(errno));
        forget(item);
    }
    sweep(l);
}

void listeners_leave(struct listeners *l)
{
    char text[ADDR_TEXT_MAX];
    for (size_t i = 0; i < l->n; i++) {
        if (l->items[i].phase != LISTENER_GOES) continue;
        listener_close(&l->items[i], true);
        log_info("listening no more on %s", addr_print(&l->items[i].addr, text));
    }
    sweep(l);
}
