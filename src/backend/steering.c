/* A decision is applied when a pool builds its selector, and nowhere else: so routing, `stats explain` and `stats pools` cannot differ.
 * What a pool cannot do it leaves out, in all workers alike, since they have the same script and the same table: to drain its last server,
 * or a weight that its distribution refuses (the master asks a worker before it decides, but a script that is loaded later may have
 * other pools).
 */
#include "backend/steering.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/records.h"

/* --- the table --------------------------------------------------------------------------------- */

struct steer *steering_find(struct steering *s, const char *server, const char *pool)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (strcmp(s->items[i].server, server) == 0 && strcmp(s->items[i].pool, pool) == 0)
            return &s->items[i];
    return NULL;
}

bool steering_set(struct steering *s, const struct steer *steer)
{
    struct steer *old = steering_find(s, steer->server, steer->pool);
    assert(s->n <= STEERING_MAX && (!steer->drained || !steer->pool[0]));
    if (!old && s->n == STEERING_MAX) return false;
    if (!old) old = &s->items[s->n++];
    *old = *steer;
    return true;
}

void steering_remove(struct steering *s, struct steer *steer)
{
    assert(steer >= s->items && steer < s->items + s->n);
    *steer = s->items[--s->n];
}

bool steer_is_nothing(const struct steer *steer)
{
    return !steer->drained && steer->weight < 0;
}

bool steering_drains(const struct steering *s, const char *server)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->items[i].drained && strcmp(s->items[i].server, server) == 0) return true;
    return false;
}

double steering_weight(const struct steering *s, const char *server, const char *pool)
{
    double weight = -1;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct steer *one = &s->items[i];
        if (one->weight < 0 || strcmp(one->server, server) != 0) continue;
        if (strcmp(one->pool, pool) == 0) return one->weight;
        if (!one->pool[0]) weight = one->weight;
    }
    return weight;
}

/* --- as text ----------------------------------------------------------------------------------- */

const char *steer_print(const struct steer *steer, char text[STEER_TEXT_MAX])
{
    struct records r;
    records_init(&r, STEER_TEXT_MAX);
    record_begin(&r, "steer");
    record_text(&r, "server", steer->server);
    record_text(&r, "pool", steer->pool);
    record_number(&r, "drained", steer->drained);
    if (steer->weight >= 0) record_real(&r, "weight", steer->weight);
    record_end(&r);
    snprintf(text, STEER_TEXT_MAX, "%.*s", (int)(r.len > 0 ? r.len - 1 : 0), r.len ? r.bytes : "");
    records_release(&r);
    return text;
}

static bool read_number(const struct record *r, const char *name, double *number)
{
    char text[40];
    const struct record_field *f = record_find(r, name);
    if (!f || !f->is_number) return false;
    record_value(f, text, sizeof text);
    *number = strtod(text, NULL);
    return true;
}

static bool read_name(const struct record *r, const char *name, char *to, size_t room)
{
    const struct record_field *f = record_find(r, name);
    return f && record_value(f, to, room) == strlen(to);
}

/* Six digits, as in the message to a worker: one that begins later inherits the table, and must have the same weight. */
bool steer_read_weight(const char *text, double *weight)
{
    char *end, shown[32];
    *weight = -1;
    if (strcmp(text, "reset") == 0) return true;
    if (!text[0] || text[strspn(text, "0123456789.")]) return false;
    *weight = strtod(text, &end);
    bool good = *end == '\0' && end != text && *weight > 0 && *weight <= 1e6;
    snprintf(shown, sizeof shown, "%.6g", *weight);
    *weight = strtod(shown, NULL);
    return good;
}

bool steer_read(struct steer *steer, const char *text)
{
    struct record r;
    double drained = 0;
    const char *at = text;
    *steer = (struct steer){.weight = -1};
    if (!record_next(&at, text + strlen(text), &r)) return false;
    if (!read_name(&r, "server", steer->server, sizeof steer->server) || !steer->server[0] ||
        !read_name(&r, "pool", steer->pool, sizeof steer->pool) ||
        !read_number(&r, "drained", &drained))
        return false;
    steer->drained = drained > 0;
    (void)read_number(&r, "weight", &steer->weight);
    return !steer->drained || !steer->pool[0];
}

/* --- pools ------------------------------------------------------------------------------------- */

bool pool_takes_weights(const struct pool *p)
{
    return !p->settings.unweighted &&
           !distribution_ignores_weights(p->settings.selector.distribution);
}

void steering_changed(struct backends *set)
{
    set->steerings++;
    set->changes++;
}

struct selector_server pool_selector_server(const struct pool *p, const struct pool_member *m,
                                            double weight)
{
    return (struct selector_server){m->name, p->settings.unweighted ? 1 : weight};
}

/* Why the selector refuses the members with these weights; NULL: it does not. */
static const char *refuses(const struct pool *p, const double *weights)
{
    struct selector_server *servers = calloc(p->members_n + 1, sizeof *servers);
    uint32_t n = 0;
    if (!servers) abort();
    for (uint32_t i = 0; i < p->members_n; i++)
        if (!p->members[i].drained)
            servers[n++] = pool_selector_server(p, &p->members[i], weights[i]);
    const char *wrong = selector_refuses(&p->settings.selector, servers, n);
    free(servers);
    return wrong;
}

/* A pool keeps a server; one that is a single server of another pool does not (pool_one). */
static bool drain_members(struct pool *p)
{
    const struct steering *s = p->set->steering;
    bool changed = false;
    uint32_t drained = 0;
    for (uint32_t i = 0; s && i < p->members_n; i++)
        drained += steering_drains(s, p->members[i].backend->name);
    bool keeps = drained == p->members_n && !p->whole;
    if (keeps && drained > 0)
        log_warn("pool %s: all its servers are drained: the drain has no effect here",
                 p->settings.name);
    for (uint32_t i = 0; i < p->members_n; i++) {
        struct pool_member *m = &p->members[i];
        bool is = s && !keeps && steering_drains(s, m->backend->name);
        changed |= is != m->drained;
        m->drained = is;
    }
    return changed;
}

static bool weigh_members(struct pool *p)
{
    const struct steering *s = pool_takes_weights(p) ? p->set->steering : NULL;
    bool changed = false;
    double *weights = calloc(p->members_n + 1, sizeof *weights);
    if (!weights) abort();
    for (uint32_t i = 0; i < p->members_n; i++) {
        const struct pool_member *m = &p->members[i];
        weights[i] = s ? steering_weight(s, m->backend->name, p->settings.name) : -1;
        if (weights[i] < 0) weights[i] = m->weight;
    }
    const char *wrong = refuses(p, weights);
    if (wrong) log_warn("pool %s: keeps the script's weights: it %s", p->settings.name, wrong);
    for (uint32_t i = 0; i < p->members_n; i++) {
        struct pool_member *m = &p->members[i];
        double weight = wrong ? m->weight : weights[i];
        changed |= weight < m->steered || weight > m->steered;
        m->steered = weight;
    }
    free(weights);
    return changed;
}

bool pool_steer(struct pool *p)
{
    p->steered = p->set->steerings;
    bool drains = drain_members(p);
    bool weighs = weigh_members(p);
    return drains || weighs;
}
