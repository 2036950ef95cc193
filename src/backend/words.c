/* Microseconds of a server's CPU for a key, measured by tests/bench/words.c: 16 keys in a packet, values of 64 bytes.
 *
 *               get   mg v f c k   one get of all
 *     1.6.9    4.44         0.55             0.52   its mg has another form: it is never sent
 *     1.6.18   4.58         0.55             0.52
 *     1.6.34   4.46         0.55             0.52
 *     1.6.35   0.58         0.55             0.55
 *     1.6.38   0.53         0.55             0.52
 *     1.6.45   0.56         0.58             0.53
 *     yrmcds   20.6            -              4.3
 *
 * The flags f, c and k cost nothing that can be measured. gets and gat cost a server what get costs it. They stay as they are: to hand
 * a win back may change the cas that a gets returns (see wins), and a gat writes. */
#include "backend/words.h"

/* memcached from 1.6.10 to 1.6.34 sends the answer to each `get` by itself, and gathers the answers to `mg`. */
static bool gathers_mg_alone(const struct dialect *d)
{
    return d->version >= DIALECT_META_FROM && d->version <= DIALECT_MG_GATHERED_TO;
}

static enum words choose(const struct backend *b, const struct dialect *d)
{
    if (b->set->now < b->asks_get_until) return WORDS_GET; /* see wins */
    if (b->settings.merge && b->settings.ask == ASK_AUTO && !d->meta) return WORDS_MERGE;
    switch ((enum ask_words)b->settings.ask) {
    case ASK_AUTO: return d->meta && gathers_mg_alone(d) ? WORDS_MG : WORDS_GET;
    case ASK_MG: return d->meta ? WORDS_MG : WORDS_GET;
    case ASK_MERGE: return WORDS_MERGE;
    default: return WORDS_GET;
    }
}

/* Further keys of a client's get may come for the same line, but not where a policy gives each key an owner of its own. */
enum words words_for(const struct backend *b, const struct dialect *d, const struct request *r)
{
    if (r->command_id != COMMAND_GET || (r->multi && r->depth == 0)) return WORDS_GET;
    return choose(b, d);
}

enum words words_for_call(const struct backend *b, const struct dialect *d, const struct call *call)
{
    if (call->command != COMMAND_GET || call->keys_n > 1) return WORDS_GET;
    return choose(b, d);
}
