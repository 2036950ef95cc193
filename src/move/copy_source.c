/* How the keys of an old server come, and how far they have got.
 *
 * A pass is a dump that is whole, and the end of all items that it has named. A dump that fails is begun again once the items of the one
 * before are settled, until the server has not answered for as long as the patience. It does not begin from zero: each COPY_EPOCH keys
 * are an epoch, and when all keys of the first epochs are settled, the last of these keys is the marker. The next dump skips all
 * up to it. That is safe where a dump goes by the hash table, in a table of the same size of the same process: a key's place among the
 * others does not change there. Where a dump goes by the lists of LRU there is no marker, and it may miss keys that move from list to
 * list meanwhile. So it is asked for again until it names no key that was not named before, and as many as there are items (sieve), and
 * we add nothing meanwhile. A marker that is not found (it was deleted) skips nothing: the dump is asked for once more.
 *
 * A server that has lost its connections may have been restarted, and then it has lost what it named. So before it is asked for anything
 * it is asked for its statistics. After a restart an item that is not there is lost, and not one that has expired.
 *
 * The decision where a key belongs is made as the dump names it, so what stays costs nothing but that. The rate of items bounds
 * the rate of decisions, too (copy.keys): else a dump of keys that stay would take a whole processor.
 */
#include "move/copy_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seconds until a dump is tried again. */
static const double RETRY = 0.5;

/* Keys that are looked at before others have their turn. */
enum { AT_ONCE = 512 };

static double now_of(const struct copy_source *s)
{
    return tier_now(s->copy->tier);
}

/* --- epochs ------------------------------------------------------------------------------------- */

static void open_epoch(struct copy_source *s)
{
    struct copy_epoch *e = calloc(1, sizeof *e);
    if (!e) abort();
    e->open = 1;
    if (s->last_epoch)
        s->last_epoch->next = e;
    else
        s->epochs = e;
    s->last_epoch = e;
}

/* The first ones that are settled move the marker. One that is spoiled stays, and holds up all behind it. */
static void advance(struct copy_source *s)
{
    while (s->epochs && s->epochs->open == 0 && !s->epochs->is_spoiled) {
        struct copy_epoch *e = s->epochs;
        if (e->keys > 0 && s->dump.is_ordered) {
            s->has_marker = true;
            s->is_resumed = false;
            s->failing_since = 0;
            s->marker = e->last;
            s->marker_about = s->about;
        }
        s->epochs = e->next;
        if (s->last_epoch == e) s->last_epoch = NULL;
        free(e);
    }
}

void copy_epoch_settle(struct copy_source *s, struct copy_epoch *e, bool is_spoiled)
{
    assert(e->open > 0);
    e->open--;
    e->is_spoiled |= is_spoiled;
    s->is_spoiled |= is_spoiled;
    advance(s);
}

static void drop_epochs(struct copy_source *s)
{
    while (s->epochs) {
        struct copy_epoch *e = s->epochs;
        s->epochs = e->next;
        free(e);
    }
    s->last_epoch = NULL;
}

/* No key of this dump comes any more. */
static void close_epoch(struct copy_source *s)
{
    if (s->last_epoch) copy_epoch_settle(s, s->last_epoch, false);
}

/* --- keys --------------------------------------------------------------------------------------- */

static bool goes_where_it_could_not(struct copy *c, const struct plan *plan)
{
    for (uint32_t i = 0; i < plan->n; i++)
        if (copy_server(c, plan->to[i].server)->was_put_off) return true;
    return false;
}

/* What is written from now on must go to its old place and to the new ones. */
static void offer(struct copy_source *s, const struct dump_key *key, const struct plan *plan)
{
    struct service_place places[SERVICE_PLACES] = {{s->server, key->key}};
    uint32_t n = 1;
    for (uint32_t i = 0; i < plan->n && n < SERVICE_PLACES; i++)
        places[n++] = (struct service_place){plan->to[i].server, plan->to[i].key};
    service_offer(s->copy->how->service, &plan->client, places, n);
}

static void take_mover(struct copy_source *s, const struct dump_key *key, const struct plan *plan)
{
    struct copy *c = s->copy;
    if (c->only_put_off && !goes_where_it_could_not(c, plan)) return;
    c->counts->moves++;
    if (c->how->service) offer(s, key, plan);
    if (!c->how->dry_run) copy_item_create(s, key, plan);
}

static void lose_key(struct copy_source *s)
{
    struct copy_server *server = copy_server(s->copy, s->server);
    if (!server->lost++) snprintf(server->why, sizeof server->why, "%s", "script error");
    s->copy->counts->lost++;
    s->is_spoiled = s->last_epoch->is_spoiled = true;
}

static void decide(struct copy_source *s, const struct dump_key *key)
{
    static struct plan plan;
    uint64_t *skipped = s->copy->counts->skipped;
    planner_decide(&s->copy->planner, s->server, &key->key, &plan);
    switch (plan.fate) {
    case PLAN_MOVES: take_mover(s, key, &plan); break;
    case PLAN_STAYS: skipped[COPY_SKIP_STAYS]++; break;
    case PLAN_COPY: skipped[COPY_SKIP_COPY]++; break;
    case PLAN_STRAY: skipped[COPY_SKIP_STRAY]++; break;
    case PLAN_OTHER: skipped[COPY_SKIP_OTHER]++; break;
    case PLAN_NOWHERE: skipped[COPY_SKIP_NOWHERE]++; break;
    case PLAN_FAILED: lose_key(s); break;
    }
}

/* True: the key was settled by an earlier dump. */
static bool is_skipped(struct copy_source *s, const struct dump_key *key)
{
    if (!s->skips) return false;
    if (tier_key_is(&key->key, &s->marker)) s->skips = false;
    if (s->is_resumed)
        s->copy->counts->skipped[COPY_SKIP_DONE]++;
    else
        s->copy->counts->listed--; /* a dump of this run has counted it */
    return true;
}

static void take_key(struct copy_source *s, const struct dump_key *key)
{
    struct copy *c = s->copy;
    c->counts->listed++;
    if (is_skipped(s, key)) return;
    allowance_take(&c->keys, 1);
    s->last_epoch->keys++;
    s->last_epoch->last = key->key;
    decide(s, key);
    if (s->last_epoch->keys < COPY_EPOCH) return;
    struct copy_epoch *full = s->last_epoch;
    open_epoch(s);
    copy_epoch_settle(s, full, false);
}

static void stop_for(struct copy_source *s, int error)
{
    fprintf(stderr, "moongate: keys of %s: not kept: %s: set TMPDIR to a folder that has room\n",
            s->copy->tier->servers[s->server].name, strerror(error));
    s->copy->has_failed = s->copy->was_stopped = true;
}

/* Some of the keys that wait. */
static void read_keys(struct copy_source *s)
{
    struct copy *c = s->copy;
    struct dump_key key;
    int error = 0;
    for (uint32_t n = 0; n < AT_ONCE && s->queue.n < COPY_QUEUE && !c->was_stopped; n++) {
        if (c->keys.left <= 0 && isfinite(c->keys.rate)) break;
        if (!keyfile_take(&s->keys, &key, &error)) break;
        take_key(s, &key);
    }
    if (error) stop_for(s, error);
}

/* A dump_key_fn. */
static void on_key(void *owner, const struct dump_key *key)
{
    struct copy_source *s = owner;
    if (!s->dump.is_ordered) {
        s->skips = s->has_marker = false;
        if (!sieved_put(&s->sieved, &key->key, s->about.items)) return;
    }
    s->listed++;
    int error = keyfile_put(&s->keys, key);
    if (!error) return;
    dump_close(&s->dump);
    stop_for(s, error);
}

/* --- a dump's life ------------------------------------------------------------------------------ */

/* Keys that it had and has not named: in another pass they are not others. */
static void lose_unlisted(struct copy_source *s, const char *why)
{
    struct copy_server *server = copy_server(s->copy, s->server);
    uint64_t unlisted = s->about.items > s->listed ? s->about.items - s->listed : 0;
    uint64_t more = unlisted > s->unlisted ? unlisted - s->unlisted : 0;
    s->unlisted += more;
    server->lost += more;
    s->copy->counts->lost += more;
    snprintf(server->why, sizeof server->why, "%s", why);
}

static bool is_restarted(const struct dump_about *before, const struct dump_about *now)
{
    return before->pid != now->pid || now->uptime < before->uptime;
}

static void note_about(struct copy_source *s)
{
    const struct dump_about *about = &s->dump.about;
    bool was_known = s->about.uptime > 0;
    if (was_known && is_restarted(&s->about, about)) {
        bool was_cut = s->why[0] != '\0';
        s->restarted = s->dumps + 1;
        s->is_spoiled = true;
        if (was_cut) lose_unlisted(s, "restarted: what it held is gone");
        was_known = false;
    }
    if (!was_known) s->about = *about;
    s->clock_ahead = about->time ? about->time - s->copy->wall : 0;
}

/* A dump_begun_fn. */
static void on_begun(void *owner)
{
    struct copy_source *s = owner;
    const struct dump_about *m = &s->marker_about;
    note_about(s);
    copy_server_answers(s->copy, s->server);
    s->is_suspect = false;
    if (s->checks) {
        dump_close(&s->dump);
        s->checks = false;
        return;
    }
    s->why[0] = '\0';
    s->has_marker = s->has_marker && m->pid == s->about.pid && m->pid != 0 &&
                    m->hash_power == s->dump.about.hash_power;
    s->skips = s->has_marker;
    s->about.hash_power = s->dump.about.hash_power;
    s->about.items = s->dump.about.items;
}

/* It is read no further; what it has named is still copied. */
static void give_up(struct copy_source *s, const char *why)
{
    struct copy_server *server = copy_server(s->copy, s->server);
    lose_unlisted(s, why);
    s->copy->counts->unread += !server->is_unread;
    server->is_unread = true;
    s->is_spoiled = true;
    s->step = COPY_ENDED;
}

static void retry(struct copy_source *s, const char *why)
{
    snprintf(s->why, sizeof s->why, "%s", why);
    s->retry_at = now_of(s) + RETRY;
    if (s->failing_since == 0) s->failing_since = now_of(s);
}

/* A dump_end_fn. */
static void on_end(void *owner, const char *why, bool cannot)
{
    struct copy_source *s = owner;
    if (why) copy_server_fails(s->copy, s->server, why);
    if (s->checks) {
        s->checks = false;
        s->retry_at = now_of(s) + RETRY;
        return;
    }
    if (!why && !s->dump.is_ordered && sieved_again(&s->sieved, s->about.items)) {
        dump_begin(&s->dump, s->copy->tier, s->server);
        return;
    }
    sieved_close(&s->sieved);
    s->step = COPY_READS;
    s->cannot = cannot;
    if (!why) return;
    s->is_suspect = !cannot;
    retry(s, why);
}

/* All keys of the dump were looked at. */
static void end_reading(struct copy_source *s)
{
    keyfile_close(&s->keys);
    close_epoch(s);
    s->step = COPY_SETTLES;
    if (s->cannot) {
        char why[COPY_REASON];
        snprintf(why, sizeof why, "%s", s->why);
        give_up(s, why);
    } else if (s->skips && !s->why[0]) {
        s->has_marker = s->skips = false;
        retry(s, "the key at which it was to go on is gone");
        s->retry_at = 0;
    }
}

static void begin_dump(struct copy_source *s, bool checks)
{
    s->dump.begun = on_begun;
    s->dump.take = on_key;
    s->dump.end = on_end;
    s->dump.owner = s;
    s->checks = checks;
    if (!checks) {
        s->step = COPY_LISTS;
        s->dumps++;
        s->listed = 0;
        s->cannot = false;
        sieved_begin(&s->sieved);
        drop_epochs(s);
        open_epoch(s);
        int error = keyfile_open(&s->keys);
        if (error) {
            stop_for(s, error);
            return;
        }
    }
    dump_begin(&s->dump, s->copy->tier, s->server);
}

void copy_source_suspect(struct copy_source *s)
{
    if (s->checks || s->step == COPY_ENDED) return;
    s->is_suspect = true;
    if (s->step != COPY_LISTS) return;
    dump_close(&s->dump);
    s->step = COPY_READS;
    retry(s, "connection lost");
}

/* --- a pass ------------------------------------------------------------------------------------- */

void copy_source_begin_pass(struct copy_source *s)
{
    assert(s->outstanding == 0 && s->queue.n == 0);
    s->is_spoiled = false;
    s->why[0] = '\0';
    s->retry_at = s->failing_since = 0;
    s->step = s->is_done_before ? COPY_ENDED : COPY_IDLE;
    if (s->is_done_before) s->copy->counts->skipped[COPY_SKIP_DONE] += s->about.items;
}

static uint32_t dumps_that_run(const struct copy *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->sources_n; i++) {
        enum copy_step step = c->sources[i].step;
        n += step == COPY_LISTS || step == COPY_READS;
    }
    return n;
}

static void look_at_idle(struct copy_source *s)
{
    struct copy *c = s->copy;
    if (s->outstanding > 0 || c->was_stopped) return;
    bool fails = s->failing_since > 0 && now_of(s) - s->failing_since > c->how->patience;
    if (copy_server(c, s->server)->is_given_up || fails) {
        char why[COPY_REASON];
        snprintf(why, sizeof why, "%s", fails ? s->why : copy_server(c, s->server)->why);
        give_up(s, why);
    } else if (now_of(s) >= s->retry_at && dumps_that_run(c) < COPY_DUMPS) {
        begin_dump(s, false);
    }
}

/* It is to be asked whether it was restarted. */
static bool is_to_be_checked(const struct copy_source *s)
{
    return s->is_suspect && s->dump.step == DUMP_CLOSED && now_of(s) >= s->retry_at &&
           s->step != COPY_ENDED && !copy_server(s->copy, s->server)->is_given_up;
}

void copy_source_look(struct copy_source *s)
{
    if (is_to_be_checked(s)) begin_dump(s, true);
    switch (s->step) {
    case COPY_IDLE:
        if (!s->checks) look_at_idle(s);
        break;
    case COPY_LISTS: read_keys(s); break;
    case COPY_READS:
        read_keys(s);
        if (s->keys.keys == 0) end_reading(s);
        break;
    case COPY_SETTLES:
        if (s->outstanding == 0 && !s->checks) s->step = s->why[0] ? COPY_IDLE : COPY_ENDED;
        break;
    case COPY_ENDED: break;
    }
}

void copy_source_release(struct copy_source *s)
{
    dump_close(&s->dump);
    keyfile_close(&s->keys);
    sieved_close(&s->sieved);
    drop_epochs(s);
    copy_items_drop(&s->queue);
}
