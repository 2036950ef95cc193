/* The life of a key that is compared.
 *
 *   check_create  in the list `ready`
 *   read          the new place, then the old ones until one has it: so that the value is at hand when it is to be written
 *   compare       the same: it ends. Different: it waits in `settling`, and both are read again
 *   write         both are what they were, by their cas, and different still: the new place gets what the old one has, by its cas
 *   read          once more: a client may have written meanwhile
 *
 * Clients' writes go to both places in no order, so a difference counts only if it stays. An add is the one write that compares nothing:
 * a delete may have come to both places before it. The reading that follows finds that, and takes the item out again.
 *
 * What counts as the old item is what a client of the old script would find: the first of the script's places that has one. */
#include "move/verify_state.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/classic.h"

/* Seconds: that a server has for an answer; from one attempt to the next. */
static const double ANSWER = 10, AGAIN = 0.25;

static void read_from_start(struct check *c);

/* --- the end ------------------------------------------------------------------------------------ */

static void check_end(struct check *c)
{
    assert(c->v->open > 0 && c->reserved == 0);
    c->v->open--;
    free(c);
}

static void count_move(struct check *c)
{
    if (!c->has_counted) c->v->counts->moves++;
    c->has_counted = true;
}

/* Both places have the same now. */
static void end_well(struct check *c)
{
    struct verify_counts *n = c->v->counts;
    count_move(c);
    switch (c->change) {
    case CHANGED_CORRECTED: n->corrected++; break;
    case CHANGED_ADDED: n->added++; break;
    case CHANGED_REMOVED: n->removed++; break;
    case CHANGED_NOTHING:
        if (c->old.state == READING_HIT && c->new.state == READING_HIT)
            n->equal++;
        else
            n->gone++;
    }
    check_end(c);
}

void check_give_up(struct check *c, uint32_t where, const char *why)
{
    struct verify_server *s = verify_server(c->v, where);
    if (!s->differing++) snprintf(s->why, sizeof s->why, "%s", why);
    count_move(c);
    c->v->counts->differing++;
    check_end(c);
}

/* --- failures ----------------------------------------------------------------------------------- */

static void leave(struct check *c)
{
    struct verify *v = c->v;
    assert(v->in_flight > 0 && v->reserved >= c->reserved);
    v->in_flight--;
    v->reserved -= c->reserved;
    c->reserved = 0;
}

/* It is on no way any more. It begins again when the server may answer. */
static void wait_for(struct check *c, uint32_t server, const char *why)
{
    struct verify_server *s = verify_server(c->v, server);
    if (s->failing_since == 0) s->failing_since = tier_now(c->v->tier);
    if (!tier_is_down(c->v->tier, server)) c->failures++;
    if (s->is_given_up || c->failures > VERIFY_TRIES) {
        check_give_up(c, server, why);
        return;
    }
    c->blocked = server;
    c->due = tier_now(c->v->tier) + AGAIN;
    check_list_add(&c->v->failed, c);
}

static const char *failure_name(enum call_failure why)
{
    switch (why) {
    case FAILURE_TIMEOUT: return "timeout";
    case FAILURE_LOST: return "connection lost";
    case FAILURE_BUSY: return "too much waits for it";
    default: return "down";
    }
}

/* The server's own words. */
static void answer_text(const struct response *r, char to[VERIFY_REASON])
{
    size_t len = 0;
    while (len < r->len && len < VERIFY_REASON - 1 && r->bytes[len] >= ' ') len++;
    memcpy(to, r->bytes, len);
    to[len] = '\0';
}

/* --- writing ------------------------------------------------------------------------------------ */

/* What the old place has, as it came. */
struct found {
    const uint8_t *at;
    size_t len;
    struct blob *blob;
};

/* What was seen before a write says nothing of what is there after it. */
static void compare_again(struct check *c)
{
    c->is_known = false;
    if (++c->tries >= VERIFY_TRIES) {
        check_give_up(c, c->to.server, "clients change the key all the time");
        return;
    }
    read_from_start(c);
    check_list_add(&c->v->ready, c);
}

/* A call_done_fn. */
static void on_written(void *owner, const struct call_news *news)
{
    enum {
        DONE = RESPONSE_STORED | RESPONSE_HD | RESPONSE_DELETED,
        LATE = RESPONSE_NOT_STORED | RESPONSE_NS | RESPONSE_EXISTS | RESPONSE_EX |
               RESPONSE_NOT_FOUND | RESPONSE_NF,
    };
    struct check *c = owner;
    char text[VERIFY_REASON];
    if (news->event != CALL_ANSWERED && news->event != CALL_FAILED) return;
    load_note(&c->v->load, c->to.server, tier_now(c->v->tier) - c->call.sent);
    leave(c);
    if (news->event == CALL_FAILED) {
        c->is_known = false;
        read_from_start(c);
        wait_for(c, c->to.server, failure_name(news->why));
    } else if (news->response->kind & (DONE | LATE)) {
        if (news->response->kind & DONE && c->change == CHANGED_NOTHING) c->change = c->writes;
        compare_again(c);
    } else {
        answer_text(news->response, text);
        check_give_up(c, c->to.server, text);
    }
}

/* Seconds that the old item has left. */
static int64_t left_of(const struct check *c)
{
    if (c->old.ttl >= -1) return c->old.ttl;
    if (c->expires < 0) return -1;
    int64_t left = c->expires - c->v->wall;
    return left > 1 ? left : 1;
}

static struct request set_by_cas(const struct check *c, char flags[TIER_FLAGS])
{
    const struct tier_key *key = &c->to.key;
    int64_t exptime = tier_exptime(left_of(c), c->v->wall);
    struct request r = tier_add(key, c->old.flags, exptime);
    if (!key->is_base64) {
        r.command_id = COMMAND_CAS;
        r.number = c->new.cas;
        return r;
    }
    snprintf(flags, TIER_FLAGS, "b C%llu T F", (unsigned long long)c->new.cas);
    r.args_at = (uintptr_t)flags;
    r.args_len = (uint16_t)strlen(flags);
    return r;
}

/* An old server was started again since the verification began: it has lost what it had, and clients' writes have kept the new place
 * right. */
static bool is_old_restarted(const struct check *c)
{
    for (uint32_t i = 0; i < c->olds_n; i++)
        if (verify_server(c->v, c->olds[i].server)->is_restarted) return true;
    return false;
}

/* The new place gets what the old one has. */
static void write_new(struct check *c, const struct found *found)
{
    char flags[TIER_FLAGS];
    struct request r;
    bool removes = c->old.state == READING_MISS || c->old.is_stale;
    if (removes && is_old_restarted(c)) {
        leave(c);
        c->v->counts->kept++;
        check_end(c);
        return;
    }
    if (removes)
        r = reading_delete(&c->to.key, c->new.cas, verify_server(c->v, c->to.server)->uses_get,
                           flags);
    else if (c->new.state == READING_MISS)
        r = tier_add(&c->to.key, c->old.flags, tier_exptime(left_of(c), c->v->wall));
    else
        r = set_by_cas(c, flags);
    if (!removes) {
        r.value_at = (uintptr_t)(found->at ? found->at : (const uint8_t *)"");
        r.value_len = (uint32_t)found->len;
        r.value_blob = (uintptr_t)found->blob;
    }
    c->writes = removes                        ? CHANGED_REMOVED
                : c->new.state == READING_MISS ? CHANGED_ADDED
                                               : CHANGED_CORRECTED;
    c->step = CHECK_WRITES;
    c->call.done = on_written;
    if (c->v->how->dry_run) {
        leave(c);
        c->change = c->writes;
        end_well(c);
        return;
    }
    if (!tier_send(c->v->tier, &c->call, c->to.server, &r, ANSWER)) return;
    leave(c);
    read_from_start(c);
    wait_for(c, c->to.server, "down");
}

/* --- comparing ---------------------------------------------------------------------------------- */

/* A stale item that the new place lacks, or has otherwise, needs no copy: clients are to store it again anyway. */
static bool is_same(const struct check *c)
{
    if (c->old.is_stale && c->new.state == READING_MISS) return true;
    return reading_is_same(&c->old, &c->new);
}

static bool is_unchanged(const struct check *c)
{
    return c->at == c->known_at && reading_is_unchanged(&c->old_before, &c->old) &&
           reading_is_unchanged(&c->new_before, &c->new);
}

/* Both were read. The request of the old place is still counted as on its way. */
static void compare(struct check *c, const struct found *found)
{
    if (is_same(c)) {
        leave(c);
        end_well(c);
        return;
    }
    if (c->is_known && is_unchanged(c)) {
        write_new(c, found);
        return;
    }
    leave(c);
    if (c->is_known && ++c->tries >= VERIFY_TRIES) {
        check_give_up(c, c->to.server, "clients change the key all the time");
        return;
    }
    c->is_known = true;
    c->known_at = c->at;
    c->old_before = c->old;
    c->new_before = c->new;
    c->due = tier_now(c->v->tier) + c->v->how->settle;
    read_from_start(c);
    check_list_add(&c->v->settling, c);
}

/* --- reading ------------------------------------------------------------------------------------ */

static void on_read(void *owner, const struct call_news *news);

static const struct check_place *place_of(const struct check *c)
{
    return c->step == CHECK_NEW ? &c->to : &c->olds[c->at];
}

void check_ask(struct check *c)
{
    const struct check_place *p = place_of(c);
    struct verify_server *s = verify_server(c->v, p->server);
    char flags[TIER_FLAGS];
    enum reading_kind kind = c->step == CHECK_LOOKS ? READING_EXISTS : READING_WHOLE;
    struct request r = reading_ask(kind, &p->key, s->uses_get, flags);
    size_t value = kind == READING_WHOLE ? s->value : 0;
    c->v->reserved += value - c->reserved;
    c->reserved = value;
    c->asked_get = r.command_id == COMMAND_GETS;
    c->call.done = on_read;
    c->call.owner = c;
    if (!tier_send(c->v->tier, &c->call, p->server, &r, ANSWER)) return;
    leave(c);
    read_from_start(c);
    wait_for(c, p->server, "down");
}

/* A comparison begins, when it is its turn. A difference that was seen stays known. */
static void read_from_start(struct check *c)
{
    bool looks = c->is_back && !c->has_counted && c->olds_n > 0;
    c->step = looks ? CHECK_LOOKS : CHECK_NEW;
    c->at = 0;
    if (looks) c->is_known = false;
}

/* No old place has it, or none is left to be asked. */
static void take_old(struct check *c, const struct found *found)
{
    if (c->old.state == READING_MISS && c->at + 1 < c->olds_n) {
        c->at++;
        check_ask(c);
    } else if (c->step == CHECK_OLD) {
        compare(c, found);
    } else if (c->old.state == READING_HIT) {
        leave(c);
        check_end(c); /* it was compared when the old server named it */
    } else {
        count_move(c);
        c->step = CHECK_NEW;
        c->at = 0;
        check_ask(c);
    }
}

static void take_reading(struct check *c, const struct call_news *news)
{
    struct response_value v = response_read(news->response);
    struct found found = {v.at, v.len, news->blob};
    struct verify_server *s = verify_server(c->v, place_of(c)->server);
    if (v.len > s->value)
        s->value = v.len;
    else
        s->value -= (s->value - v.len) / 64;
    if (c->step != CHECK_NEW) {
        take_old(c, &found);
        return;
    }
    c->step = CHECK_OLD;
    if (c->olds_n > 0) {
        check_ask(c);
        return;
    }
    c->old = (struct reading){.state = READING_MISS, .ttl = -2};
    compare(c, &found);
}

/* An error: of a server that does not know mg, or something worse. */
static void take_error(struct check *c, const struct response *r)
{
    const struct check_place *p = place_of(c);
    struct verify_server *s = verify_server(c->v, p->server);
    char text[VERIFY_REASON];
    answer_text(r, text);
    bool is_old = !(r->kind & RESPONSE_SERVER_ERROR) || strstr(text, CLASSIC_LACKS);
    if (!c->asked_get && !p->key.is_base64 && is_old) {
        s->uses_get = true;
        check_ask(c);
        return;
    }
    leave(c);
    check_give_up(c, p->server, text);
}

/* A call_done_fn. */
static void on_read(void *owner, const struct call_news *news)
{
    struct check *c = owner;
    const struct check_place *p = place_of(c);
    struct reading *to = c->step == CHECK_NEW ? &c->new : &c->old;
    if (news->event != CALL_ANSWERED && news->event != CALL_FAILED) return;
    load_note(&c->v->load, p->server, tier_now(c->v->tier) - c->call.sent);
    if (news->event == CALL_FAILED) {
        leave(c);
        uint32_t server = p->server;
        read_from_start(c);
        wait_for(c, server, failure_name(news->why));
        return;
    }
    struct verify_server *s = verify_server(c->v, p->server);
    s->failing_since = 0;
    s->is_given_up = false;
    if (reading_take(to, c->v->tier, p->server, &p->key, news->response))
        take_reading(c, news);
    else
        take_error(c, news->response);
}

/* --- from outside ------------------------------------------------------------------------------- */

/* The places where the old script looks for the client's key, in their order. */
static uint32_t find_olds(struct verify *v, const struct tier_key *client,
                          struct check_place to[VERIFY_OLDS])
{
    static struct tier_spots spots;
    uint32_t n = 0;
    tier_spots(v->tier, TIER_OLD, false, client, &spots);
    for (enum walk_role role = WALK_MAIN; role <= WALK_ON_MISS; role++) {
        for (uint32_t i = 0; i < spots.n && n < VERIFY_OLDS; i++)
            if (spots.at[i].role == role)
                to[n++] = (struct check_place){spots.at[i].server, spots.at[i].key};
    }
    return n;
}

void check_create(struct verify *v, const struct check_place *to, const struct tier_key *client,
                  bool is_back, int64_t expires)
{
    static struct check_place olds[VERIFY_OLDS];
    uint32_t n = find_olds(v, client, olds);
    struct check *c = calloc(1, sizeof *c + n * sizeof *olds);
    if (!c) abort();
    c->v = v;
    c->is_back = is_back;
    c->expires = expires;
    c->to = *to;
    c->olds_n = n;
    memcpy(c->olds, olds, n * sizeof *olds);
    v->open++;
    if (!is_back) count_move(c);
    read_from_start(c);
    check_list_add(&v->ready, c);
}
