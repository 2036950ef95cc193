/* What operators ask about pools, and whether servers may be steered. All is of the script in use; sums of counters are those of all
 * workers, which the board has.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/survey.h"
#include "worker/answers.h"
#include "worker/worker_state.h"

enum { SAMPLE_KEYS = 4096, NEAR_MOST = 5 };

/* --- pools ------------------------------------------------------------------------------------- */

#define CELL(sum, name) ((sum) ? (sum)->cells[SURVEY_SERVER_##name] : 0)

/* sum: of all workers; NULL: there was no memory to ask, or no place on the board. */
static const char *state_of(const struct survey_entry *sum)
{
    if (CELL(sum, ready) == 0) return sum ? "down" : "unknown";
    return CELL(sum, ready) < CELL(sum, connections) ? "degraded" : "ready";
}

static const char *keys_of(const struct pool_member *m)
{
    if (m->drained) return "drained";
    if (!m->ejected) return "served";
    return m->ejection ? "ejected" : "rehashed";
}

static void show_member(const struct survey *survey, const struct pool *p,
                        const struct pool_member *m, struct records *r)
{
    const struct survey_entry *sum =
        survey ? survey_find(survey, SURVEY_SERVERS, m->backend->stats->name) : NULL;
    record_begin(r, "server");
    record_text(r, "pool", p->settings.name);
    record_text(r, "server", m->backend->name);
    record_text(r, "state", state_of(sum));
    record_text(r, "keys", keys_of(m));
    record_real(r, "weight", m->steered);
    if (m->steered < m->weight || m->steered > m->weight)
        record_real(r, "script_weight", m->weight);
    if (strcmp(m->name, m->backend->name) != 0) record_text(r, "name", m->name);
    record_number(r, "in_flight", CELL(sum, in_flight));
    record_number(r, "requests", CELL(sum, requests));
    record_number(r, "errors",
                  CELL(sum, server_errors) + CELL(sum, refused) + CELL(sum, timeouts) +
                      CELL(sum, failed));
    if (sum) {
        record_number(r, "failed", CELL(sum, refused) + CELL(sum, timeouts) + CELL(sum, failed));
        record_number(r, "down", CELL(sum, down));
    }
    record_end(r);
}

static void show_pool(const struct survey *survey, struct pool *p, struct records *r)
{
    const struct pool_settings *o = &p->settings;
    enum distribution distribution = o->selector.distribution;
    const char *failure = p->discovery ? discovery_failure(p->discovery) : NULL;
    record_begin(r, "pool");
    record_text(r, "pool", o->name);
    record_number(r, "servers", p->members_n);
    record_number(r, "in_ring", pool_living(p));
    record_text(r, "distribution", distribution_name(distribution));
    record_text(r, "hash",
                distribution_hashes_itself(distribution) ? "its own" : hash_name(o->selector.hash));
    record_text(r, "on_failure", on_failure_name(o->on_failure));
    record_text(r, "eject", pool_ejects(p) ? "twemproxy" : "none");
    record_real(r, "timeout", isinf(o->timeout) ? 0 : o->timeout);
    record_number(r, "connections", o->backend.connections);
    record_number(r, "depth", o->backend.depth);
    if (p->discovery) record_text(r, "discover", discovery_url(p->discovery));
    if (failure) record_text(r, "discover_failure", failure);
    record_end(r);
    for (uint32_t i = 0; i < p->members_n; i++) show_member(survey, p, &p->members[i], r);
}

const char *answer_pools(struct worker *w, char *const *words, struct records *r)
{
    uint32_t n;
    struct pool *const *all = script_pools(w->succession.script, &n);
    struct survey *survey = survey_take(w->seat->board);
    (void)words;
    for (uint32_t i = 0; i < n; i++) show_pool(survey, all[i], r);
    survey_destroy(survey);
    return NULL;
}

/* --- names ------------------------------------------------------------------------------------- */

static char said[512]; /* the sentence that is returned */

/* How many single changes make one text of the other, as far as that is at most `most`: Levenshtein's distance. */
static size_t distance(const char *a, const char *b, size_t most)
{
    enum { LONGEST = 128 };
    size_t n = strlen(a), m = strlen(b), row[LONGEST + 1];
    if (n > LONGEST || m > LONGEST || (n > m ? n - m : m - n) > most) return most + 1;
    for (size_t k = 0; k <= m; k++) row[k] = k;
    for (size_t i = 1; i <= n; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t k = 1; k <= m; k++) {
            size_t change = corner + (a[i - 1] != b[k - 1]);
            size_t least = row[k] < row[k - 1] ? row[k] + 1 : row[k - 1] + 1;
            corner = row[k];
            row[k] = change < least ? change : least;
        }
    }
    return row[m];
}

static bool is_near(const char *name, const char *wanted)
{
    return strstr(name, wanted) || distance(name, wanted, 3) <= 3;
}

struct names_near {
    const char *wanted;
    char text[256];
    unsigned n;
};

/* Each name once. */
static void note_near(struct names_near *near, const char *name)
{
    char shown[BACKEND_NAME_MAX + 4];
    if (!is_near(name, near->wanted) || near->n == NEAR_MOST) return;
    snprintf(shown, sizeof shown, "%s%s", near->n ? ", " : "", name);
    if (strstr(near->text, name) || strlen(near->text) + strlen(shown) >= sizeof near->text) return;
    strcat(near->text, shown);
    near->n++;
}

static const char *no_server(struct pool *const *all, uint32_t n, const char *wanted)
{
    struct names_near near = {.wanted = wanted};
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < all[i]->members_n; k++)
            note_near(&near, all[i]->members[k].backend->name);
    snprintf(said, sizeof said, "no pool has a server '%.100s': %s%s", wanted,
             near.n ? "there is " : "`servers` lists them", near.text);
    return said;
}

static const char *no_pool(struct pool *const *all, uint32_t n, const char *wanted)
{
    struct names_near near = {.wanted = wanted};
    for (uint32_t i = 0; i < n; i++) note_near(&near, all[i]->settings.name);
    snprintf(said, sizeof said, "there is no pool '%.64s': %s%s", wanted,
             near.n ? "there is " : "`pools` lists them", near.text);
    return said;
}

/* By the server's name, or by the one that the selector hashes, if that is one server's alone. NULL, with *wrong. */
static const char *find_name(struct pool *const *all, uint32_t n, const char *wanted,
                             const char **wrong)
{
    const char *found = NULL;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < all[i]->members_n; k++)
            if (strcmp(all[i]->members[k].backend->name, wanted) == 0)
                return all[i]->members[k].backend->name;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < all[i]->members_n; k++) {
            const struct pool_member *m = &all[i]->members[k];
            if (strcmp(m->name, wanted) != 0) continue;
            if (found && strcmp(found, m->backend->name) != 0) {
                snprintf(said, sizeof said, "'%.100s' is several servers: %.100s and %.100s",
                         wanted, found, m->backend->name);
                *wrong = said;
                return NULL;
            }
            found = m->backend->name;
        }
    if (!found) *wrong = no_server(all, n, wanted);
    return found;
}

/* --- what a change would do -------------------------------------------------------------------- */

/* A decision about one server, as it would be for the members of a pool. */
struct change {
    const char *server;
    bool drains, undrains;
    double weight; /* to be; below 0: the script's; not a number: as it is */
};

/* The selector as it would be: which members, with which weights. */
struct planned {
    struct selector_server *servers;
    uint32_t *members;
    uint32_t n;
};

static bool is_its_server(const struct change *c, const struct pool_member *m)
{
    return strcmp(m->backend->name, c->server) == 0;
}

static void plan(const struct pool *p, const struct change *c, struct planned *to)
{
    to->n = 0;
    to->servers = calloc(p->members_n + 1, sizeof *to->servers);
    to->members = calloc(p->members_n + 1, sizeof *to->members);
    if (!to->servers || !to->members) abort();
    for (uint32_t i = 0; i < p->members_n; i++) {
        const struct pool_member *m = &p->members[i];
        bool its = is_its_server(c, m);
        bool drained = its && c->drains ? true : its && c->undrains ? false : m->drained;
        double weight = m->steered;
        if (its && !isnan(c->weight)) weight = c->weight < 0 ? m->weight : c->weight;
        if (drained || (m->ejected && !(its && c->undrains))) continue;
        to->members[to->n] = i;
        to->servers[to->n++] = pool_selector_server(p, m, weight);
    }
}

static void forget(struct planned *plan)
{
    free(plan->servers);
    free(plan->members);
}

/* The share of keys that would go to another server, of a sample. A distribution that draws has no such share. */
static double share_moved(const struct pool *p, const struct planned *plan)
{
    struct selector next = {0};
    unsigned moved = 0;
    if (p->settings.selector.distribution == DISTRIBUTION_RANDOM) return 0;
    selector_init(&next, &p->settings.selector, plan->servers, plan->n);
    for (unsigned i = 0; i < SAMPLE_KEYS; i++) {
        char key[16];
        size_t len = (size_t)snprintf(key, sizeof key, "key:%u", i);
        uint32_t before = p->living[selector_pick(&p->selector, key, len).server];
        moved += before != plan->members[selector_pick(&next, key, len).server];
    }
    selector_release(&next);
    return (double)moved / SAMPLE_KEYS;
}

static void show_change(const struct pool *p, const struct change *c, double moved,
                        struct records *r)
{
    record_begin(r, "change");
    record_text(r, "pool", p->settings.name);
    record_text(r, "server", c->server);
    record_text(r, "change", c->drains ? "drained" : c->undrains ? "undrained" : "weight");
    if (!isnan(c->weight) && c->weight >= 0) record_real(r, "weight", c->weight);
    record_tenths(r, "keys_moved_percent", 100 * moved);
    record_end(r);
}

/* NULL, or why this pool cannot do it. */
static const char *consider(struct pool *p, const struct change *c, struct records *r)
{
    struct planned planned;
    const char *wrong = NULL;
    plan(p, c, &planned);
    if (c->weight >= 0 && !pool_takes_weights(p)) {
        snprintf(said, sizeof said, "pool %s takes no weights%s", p->settings.name,
                 p->settings.unweighted ? "" : ": its distribution ignores them");
        wrong = said;
    } else if (planned.n == 0) {
        snprintf(
            said, sizeof said,
            "%.100s is the last server of pool %s that takes keys: they would have nowhere to go",
            c->server, p->settings.name);
        wrong = said;
    } else if ((wrong = selector_refuses(&p->settings.selector, planned.servers, planned.n))) {
        char why[256];
        snprintf(why, sizeof why, "%s", wrong);
        snprintf(said, sizeof said, "pool %s %s", p->settings.name, why);
        wrong = said;
    } else {
        show_change(p, c, share_moved(p, &planned), r);
    }
    forget(&planned);
    return wrong;
}

static bool has_server(const struct pool *p, const char *server)
{
    for (uint32_t i = 0; i < p->members_n; i++)
        if (strcmp(p->members[i].backend->name, server) == 0) return true;
    return false;
}

/* pool "": all that have the server. */
static const char *consider_all(struct worker *w, const char *pool, const struct change *c,
                                struct records *r)
{
    uint32_t n, has = 0, considered = 0;
    bool is_pool = !pool[0];
    struct pool *const *all = script_pools(w->succession.script, &n);
    for (uint32_t i = 0; i < n; i++) {
        bool is_named = !pool[0] || strcmp(all[i]->settings.name, pool) == 0;
        is_pool |= is_named;
        if (!is_named || !has_server(all[i], c->server) || pool_living(all[i]) == 0) continue;
        has++;
        if (!pool[0] && c->weight >= 0 && !pool_takes_weights(all[i])) continue;
        considered++;
        const char *wrong = consider(all[i], c, r);
        if (wrong) return wrong;
    }
    if (!is_pool) return no_pool(all, n, pool);
    if (considered > 0) return NULL;
    if (has > 0) return "no pool that has this server takes weights";
    snprintf(said, sizeof said, "pool %.64s does not have the server %.100s", pool, c->server);
    return said;
}

const char *answer_may(struct worker *w, char *const *words, struct records *r)
{
    uint32_t n;
    const char *wrong = NULL, *pool = "";
    struct pool *const *all = script_pools(w->succession.script, &n);
    struct change c = {.server = find_name(all, n, words[2], &wrong), .weight = NAN};
    if (!c.server) return wrong;
    if (strcmp(words[1], "drain") == 0) {
        c.drains = true;
    } else if (strcmp(words[1], "undrain") == 0) {
        c.undrains = true;
    } else {
        pool = words[3];
        if (!steer_read_weight(words[4], &c.weight)) return "not a weight";
    }
    return consider_all(w, pool, &c, r);
}
