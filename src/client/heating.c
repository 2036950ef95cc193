/* The turn calls this for each batch of slots, not for each request: mostly it is a subtraction. A request that is counted stands for
 * others that were not, of which its client and its key have their share on the average.
 *
 * Bytes are different: the client itself adds up what it reads and writes, and what has come to that goes to its address when one of its
 * requests is counted. So a client with few, large values counts in full, and nothing is added up for each request.
 *
 * The address is asked of the socket once, when the client is counted for the first time: most clients of a busy fleet are, and an
 * idle one never. Connections of one host count together, so the port is left out. */
#include "client/heating.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "client/reply.h"
#include "net/addr.h"

_Static_assert((int)HEAT_NAME == (int)KEY_MAX, "heat has room for any key");
_Static_assert(sizeof((struct client *)0)->name == 1 + sizeof(struct in6_addr), "any address");

void heating_begin(struct clients *set, struct heat *heat, double now, uint64_t seed)
{
    heat_begin(&set->heat, heat, now, seed);
    set->turn->look = heating_look;
}

/* A connection that is over in this very turn has no address any more: it counts as the unix socket that it may have been. */
static void learn_name(struct client *c)
{
    struct addr addr = {.len = sizeof addr.sa};
    c->name[0] = HEAT_CLIENT_UNIX;
    c->name_len = 1;
    if (c->who && c->who->from.len)
        addr = c->who->from;
    else if (getpeername(c->stream.fd, &addr.sa.any, &addr.len) < 0)
        return;
    if (addr.sa.any.sa_family == AF_INET) {
        c->name[0] = HEAT_CLIENT_V4;
        memcpy(c->name + 1, &addr.sa.v4.sin_addr, sizeof addr.sa.v4.sin_addr);
        c->name_len = 1 + sizeof addr.sa.v4.sin_addr;
    } else if (addr.sa.any.sa_family == AF_INET6) {
        c->name[0] = HEAT_CLIENT_V6;
        memcpy(c->name + 1, &addr.sa.v6.sin6_addr, sizeof addr.sa.v6.sin6_addr);
        c->name_len = 1 + sizeof addr.sa.v6.sin6_addr;
    }
}

static void count_client(struct heat_writer *w, struct client *c)
{
    uint64_t moved = c->bytes_read + c->bytes_written;
    if (c->name_len == 0) {
        learn_name(c);
        c->mark = heat_mark(c->name, c->name_len);
    }
    heat_add_marked(w, HEAT_CLIENTS, c->name, c->name_len, c->mark, w->gap);
    heat_add_marked(w, HEAT_CLIENT_BYTES, c->name, c->name_len, c->mark,
                    (double)(moved - c->heated));
    c->heated = moved;
}

static void count(struct heat_writer *w, const struct request *r)
{
    const struct reply *reply = (const struct reply *)r->owner;
    assert(r->depth == 0 && (const struct receiver *)r->receiver == &reply_receiver);
    heat_add(w, HEAT_KEYS, (const void *)r->key_at, r->key_len, w->gap);
    if (reply->client && reply->client->stream.fd >= 0) count_client(w, reply->client);
}

void heating_look(void *front)
{
    struct clients *set = front;
    struct heat_writer *w = &set->heat;
    const struct turn *t = set->turn;
    if (!heat_is_due(w, t->used, t->now)) return;
    uint32_t at = heat_first(w, t->now);
    for (; at < t->used; at += heat_step(w)) count(w, &t->slots[at]);
    w->left = at - t->used;
}
