/* The steps of a client's way in come one after the other, in the order of enum client_entry, and each is asked only where the
 * listener's rules say so. A client that another process had goes on with the step that it had come to: what it has passed is not asked
 * again, and its rules are those that it came with. */
#include "client/entry.h"

#include <assert.h>
#include <string.h>

#include "base/slab.h"

void client_enter(struct client *c, enum client_entry entry)
{
    assert(entry <= ENTRY_IN && entry >= c->entry);
    c->entry = (uint8_t)entry;
}

/* --- what is asked ----------------------------------------------------------------------------- */

static bool wants_handshake(const struct client *c)
{
    return false;
}

static bool wants_authentication(const struct client *c)
{
    return c->set->users && !(c->rules && c->rules->no_auth);
}

void client_passes(struct client *c)
{
    switch (c->entry) {
    case ENTRY_PROXY: client_enter(c, wants_handshake(c) ? ENTRY_TLS : ENTRY_KNOCKS); break;
    case ENTRY_TLS: client_enter(c, ENTRY_KNOCKS); break;
    case ENTRY_KNOCKS: client_enter(c, wants_authentication(c) ? ENTRY_AUTH : ENTRY_IN); break;
    default: client_enter(c, ENTRY_IN); break;
    }
}

/* --- who it is --------------------------------------------------------------------------------- */

struct who *client_who(struct client *c)
{
    if (!c->who) {
        c->who = slab_borrow(sizeof *c->who);
        memset(c->who, 0, sizeof *c->who);
    }
    return c->who;
}

const char *client_identity(const struct client *c)
{
    return c->who ? c->who->identity : "";
}

/* I14: what cannot be read of it counts for nothing, and it begins from the start. */
static bool take_moved(struct client *c, const char *text)
{
    struct who_moved m;
    if (!text || !who_read(&m, text)) return false;
    client_enter(c, m.entry);
    c->front = (uint8_t)m.front;
    if (!who_is_nobody(&m.who)) *client_who(c) = m.who;
    return true;
}

void entry_begin(struct client *c, struct newcomer *n)
{
    c->rules = rules_take(n->rules);
    if (!take_moved(c, n->who)) client_enter(c, wants_handshake(c) ? ENTRY_TLS : ENTRY_KNOCKS);
    if (c->entry == ENTRY_AUTH && !wants_authentication(c))
        client_passes(c); /* this process asks no more */
    newcomer_forget(n);
}

void entry_describe(const struct client *c, struct newcomer *n, char text[WHO_TEXT_MAX])
{
    struct who_moved m = {.entry = (enum client_entry)c->entry,
                          .front = (enum client_front)c->front};
    if (c->who) m.who = *c->who;
    *n = (struct newcomer){.fd = c->stream.fd, .listener = c->listener, .rules = c->rules};
    n->who = (char *)who_print(&m, text);
}

void entry_end(struct client *c)
{
    if (c->who) slab_return(c->who, sizeof *c->who);
    rules_give(c->rules);
    c->who = NULL;
    c->rules = NULL;
}
