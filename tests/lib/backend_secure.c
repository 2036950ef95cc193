#include "lib/backend_state.h"

#include <string.h>

void backend_secures(struct backend *b, const struct secure_wanted *wanted)
{
    b->wanted = wanted ? *wanted : (struct secure_wanted){0};
    b->wanted.is_server = wanted != NULL;
    secure_destroy(b->shared);
    b->shared = wanted ? secure_create(&b->wanted) : NULL;
    b->wanted.like = b->shared;
}

struct secure *backend_secure(struct backend *b)
{
    struct link *l = b->links;
    while (l && l->next) l = l->next;
    return l ? l->peer.secure : NULL;
}

struct nth_link {
    const struct backend *backend;
    unsigned nth;
    struct link *link;
};

static bool finds_nth(void *what)
{
    struct nth_link *find = what;
    struct link *l = find->backend->links;
    for (unsigned i = 1; l && i < find->nth; i++) l = l->next;
    find->link = l;
    return l;
}

const char *backend_sees_handshake_fail(struct backend *b, unsigned nth)
{
    struct nth_link find = {b, nth, NULL};
    if (!stage_waits(finds_nth, &find)) stage_fails("backend %s: too few connections", b->address);
    return peer_sees_handshake_fail(&find.link->peer);
}

void backend_answers_cut(struct backend *b, const char *text, size_t n)
{
    struct peer *p = &backend_awaited_link(b)->peer;
    struct octets records = {0};
    secure_gives(p->secure, text, strlen(text), &records);
    octets_add(&p->out, octets_at(&records), octets_n(&records) - n);
    octets_release(&records);
    peer_is_sent(p);
}
