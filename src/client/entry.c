/* The steps of a client's way in come one after the other, in the order of enum client_entry, and each is asked only where the
 * listener's rules say so. A client that another process had goes on with the step that it had come to: what it has passed is not asked
 * again, and its rules are those that it came with. */
#include "client/entry.h"

#include <assert.h>
#include <string.h>

#include "base/presence.h"
#include "base/slab.h"
#include "client/crowd.h"
#include "client/relayed.h"
#include "client/state.h"
#include "net/tls.h"

void client_enter(struct client *c, enum client_entry entry)
{
    assert(entry <= ENTRY_IN && entry >= c->entry);
    c->entry = (uint8_t)entry;
}

/* --- what is asked ----------------------------------------------------------------------------- */

/* Where it must be secured and cannot be, it is not served. */
static void refuse_plain(struct client *c)
{
    char address[ADDR_TEXT_MAX];
    const char *listener = client_listener(c);
    c->turn->row->ssl_handshake_errors++;
    if (log_allows(&c->set->handshakes.lines, c->turn->now))
        log_warn(
            "client %s%s%s: closed: its listener is for TLS, and there is no certificate for it",
            client_address(c, address), *listener ? " at listener " : "", listener);
    client_end(c, "its listener has no certificate");
}

/* What is asked behind the PROXY header. A client whose handshake is due has a stream that is SHAKING. */
static enum client_entry first_entry(struct client *c)
{
    struct clients *set = c->set;
    struct tls_context *context = NULL;
    if (!set->secures) return ENTRY_KNOCKS;
    switch (set->secures(set->secures_for, c, &context)) {
    case CLIENTS_SECURE: stream_begin_server(&c->stream, context); return ENTRY_TLS;
    case CLIENTS_CANNOT_SECURE: refuse_plain(c); return ENTRY_TLS;
    default: return ENTRY_KNOCKS;
    }
}

static bool wants_authentication(const struct client *c)
{
    return c->set->users && !(c->rules && c->rules->no_auth);
}

bool entry_is_timed(const struct client *c)
{
    return c->entry < ENTRY_KNOCKS || (c->entry < ENTRY_IN && wants_authentication(c));
}

void client_passes(struct client *c)
{
    switch (c->entry) {
    case ENTRY_PROXY: client_enter(c, first_entry(c)); break;
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

bool client_identify(struct client *c, const char *identity)
{
    assert(strlen(identity) < IDENTITY_MAX);
    strcpy(client_who(c)->identity, identity);
    if (crowd_takes_identity(c, false)) return true;
    client_who(c)->identity[0] = '\0';
    return false;
}

/* I14: what cannot be read of it counts for nothing, and it begins from the start. */
static bool take_moved(struct client *c, const char *text)
{
    struct who_moved m;
    if (!text || !who_read(&m, text)) return false;
    if (m.entry == ENTRY_AUTH && !wants_authentication(c)) m.entry = ENTRY_IN; /* not asked here */
    if (m.entry == ENTRY_IN && !m.who.identity[0] && wants_authentication(c)) m.entry = ENTRY_AUTH;
    client_enter(c, m.entry);
    c->front = (uint8_t)m.front;
    if (!who_is_nobody(&m.who)) *client_who(c) = m.who;
    return true;
}

void entry_begin(struct client *c, struct newcomer *n)
{
    c->rules = rules_take(n->rules);
    c->address_place = c->identity_place = PRESENCE_NONE;
    bool has_moved = take_moved(c, n->who);
    newcomer_forget(n);
    if (!has_moved && relayed_is_awaited(c))
        client_enter(c, ENTRY_PROXY);
    else if (!has_moved || c->entry == ENTRY_TLS)
        client_enter(c, first_entry(c));
    if (entry_is_timed(c)) waits_note_entrant(c);
    if (c->entry > ENTRY_PROXY && crowd_takes_address(c, has_moved))
        (void)crowd_takes_identity(c, has_moved);
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
