/* A client is counted first, and then the sum over all workers is compared with the limit: so two workers that take a client each at
 * the same moment never take one too many. They may refuse both where one had room.
 *
 * An IPv6 address counts by its first 64 bits: a single machine has as many addresses as it likes behind them. A unix socket's client has no
 * address, and neither has one whose balancer does not tell it: both are not counted. */
#include "client/crowd.h"

#include <string.h>
#include <sys/socket.h>

#include "base/board.h"
#include "client/entry.h"
#include "client/state.h"
#include "net/listener.h"

enum { NAME_V4 = 4, NAME_V6 = 6, NAME_IDENTITY = 1, V6_COUNTED = 8 };

static bool address_of(const struct client *c, struct addr *addr)
{
    if (c->who && c->who->is_relayed) {
        *addr = c->who->from;
        return addr->len > 0;
    }
    *addr = (struct addr){.len = sizeof addr->sa};
    return getpeername(c->stream.fd, &addr->sa.any, &addr->len) == 0;
}

/* 0: it has none that counts. */
static uint64_t name_of(const struct addr *addr)
{
    const struct in6_addr *v6 = &addr->sa.v6.sin6_addr;
    switch (addr->sa.any.sa_family) {
    case AF_INET: return presence_name(NAME_V4, &addr->sa.v4.sin_addr, 4);
    case AF_INET6:
        if (IN6_IS_ADDR_V4MAPPED(v6)) return presence_name(NAME_V4, v6->s6_addr + 12, 4);
        return presence_name(NAME_V6, v6, V6_COUNTED);
    default: return 0;
    }
}

/* Over all workers, of this process and of one that an upgrade replaces. */
static uint64_t sum(const struct board *board, uint64_t name)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < board->memory->parts_n; i++)
        n += presence_count(&board->memory->parts[i].presence, name);
    return n;
}

static void note(const struct client *c, const char *what, uint32_t most, const char *option)
{
    char address[ADDR_TEXT_MAX];
    c->turn->row->rejected_connections++;
    if (log_allows(&c->set->crowd_lines, c->turn->now))
        log_warn("client %s: refused: its %s has %u connections already (--%s)",
                 client_address(c, address), what, most, option);
}

static bool has_room(const struct client *c, uint64_t name, uint32_t most, bool has_moved)
{
    return has_moved || sum(c->set->board, name) <= most;
}

bool crowd_takes_address(struct client *c, bool has_moved)
{
    struct addr addr;
    uint32_t most = c->set->limits.conns_per_address;
    uint64_t name = most && c->set->presence && address_of(c, &addr) ? name_of(&addr) : 0;
    if (!name) return true;
    c->address_place = presence_enter(c->set->presence, name);
    if (has_room(c, name, most, has_moved)) return true;
    c->turn->row->rejected_per_address++;
    note(c, "address", most, "max-conns-per-address");
    if (c->entry != ENTRY_TLS) listener_tell_refused(c->stream.fd); /* else it could not read it */
    client_close(c, "too many connections");
    return false;
}

bool crowd_takes_identity(struct client *c, bool has_moved)
{
    const char *identity = client_identity(c);
    uint32_t most = c->set->limits.conns_per_identity;
    if (!most || !c->set->presence || !*identity) return true;
    presence_leave(c->set->presence, c->identity_place); /* of another one that it had */
    uint64_t name = presence_name(NAME_IDENTITY, identity, strlen(identity));
    c->identity_place = presence_enter(c->set->presence, name);
    if (has_room(c, name, most, has_moved)) return true;
    presence_leave(c->set->presence, c->identity_place);
    c->identity_place = PRESENCE_NONE;
    c->turn->row->rejected_per_identity++;
    note(c, "identity", most, "max-conns-per-identity");
    return false;
}

void crowd_forget(struct client *c)
{
    if (!c->set->presence) return;
    presence_leave(c->set->presence, c->address_place);
    presence_leave(c->set->presence, c->identity_place);
    c->address_place = c->identity_place = PRESENCE_NONE;
}
