/* A stale item cannot be looked at by mg without winning the right to renew it. So that is handed back, which gives the item another
 * cas where the server is older than 1.6.27: of stale items the cas says nothing here. */
#include "move/reading.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "placement/hash.h"
#include "protocol/dialect.h"

enum {
    CAS_GIVEN_FROM = 10627, /* the first memcached that knows the flag E */
    LIFETIME_MOST = 2,      /* seconds by which lifetimes may differ */
};

/* Seconds. */
static const double ANSWER = 10;

struct request reading_ask(enum reading_kind kind, const struct tier_key *key, bool uses_get,
                           char flags[TIER_FLAGS])
{
    if (uses_get && !key->is_base64)
        return (struct request){
            .command_id = COMMAND_GETS, .key_at = (uintptr_t)key->bytes, .key_len = key->len};
    strcpy(flags, kind == READING_WHOLE ? "v f t c u" : "c u");
    return tier_meta(COMMAND_META_GET, key, flags);
}

/* Servers without meta commands delete by no cas, but store by one what has expired already. */
struct request reading_delete(const struct tier_key *key, uint64_t cas, bool uses_get,
                              char flags[TIER_FLAGS])
{
    if (!uses_get || key->is_base64) {
        snprintf(flags, TIER_FLAGS, "C%llu", (unsigned long long)cas);
        return tier_meta(COMMAND_META_DELETE, key, flags);
    }
    struct request r = tier_add(key, 0, -1);
    r.command_id = COMMAND_CAS;
    r.number = cas;
    r.value_at = (uintptr_t) "";
    return r;
}

static bool has_flag(const struct response *r, uint8_t letter)
{
    const uint8_t *token;
    size_t len;
    return r->kind & (RESPONSE_VA | RESPONSE_HD) && response_find_flag(r, letter, &token, &len);
}

/* Nobody waits for its answer. */
static void hand_back(struct tier *t, uint32_t server, const struct tier_key *key, uint64_t cas)
{
    char flags[TIER_FLAGS];
    const char *reason;
    struct backend *b = t->servers[server].to;
    bool gives = dialect_number(b->version, strlen(b->version)) >= CAS_GIVEN_FROM;
    unsigned long long number = cas;
    if (gives)
        snprintf(flags, sizeof flags, "I C%llu E%llu", number, number);
    else
        snprintf(flags, sizeof flags, "I C%llu", number);
    struct request back = tier_meta(COMMAND_META_DELETE, key, flags);
    struct backend_call how = {.deadline = tier_now(t) + ANSWER, .pool = BACKEND_NO_POOL};
    (void)!backend_send(b, &back, &how, &reason);
}

bool reading_take(struct reading *to, struct tier *t, uint32_t server, const struct tier_key *key,
                  const struct response *r)
{
    *to = (struct reading){.state = READING_MISS, .ttl = -2, .at = tier_now(t)};
    if (r->kind & (RESPONSE_EN | RESPONSE_END)) return true;
    if (!(r->kind & (RESPONSE_VA | RESPONSE_HD | RESPONSE_VALUE))) return false;
    struct response_value v = response_read(r);
    to->state = READING_HIT;
    to->hash = hash_bytes64(HASH_XXH3, v.at ? v.at : (const uint8_t *)"", v.len, 0);
    to->len = v.len;
    to->flags = v.flags;
    to->cas = v.cas;
    to->ttl = v.ttl;
    to->is_stale = has_flag(r, 'X') || has_flag(r, 'Z') || has_flag(r, 'W');
    if (has_flag(r, 'W')) hand_back(t, server, key, v.cas);
    return true;
}

/* Some servers keep 32 bits of what a client calls flags. */
static bool are_flags_same(uint64_t one, uint64_t other)
{
    return one == other || (uint32_t)one == other || one == (uint32_t)other;
}

static bool is_value_same(const struct reading *one, const struct reading *other)
{
    return one->hash == other->hash && one->len == other->len &&
           are_flags_same(one->flags, other->flags);
}

bool reading_is_unchanged(const struct reading *before, const struct reading *now)
{
    if (before->state != now->state) return false;
    if (now->state != READING_HIT) return true;
    if (before->is_stale || now->is_stale)
        return before->is_stale == now->is_stale && is_value_same(before, now);
    return before->cas == now->cas;
}

static bool is_ending(const struct reading *r)
{
    return r->state == READING_HIT && r->ttl >= 0 && r->ttl <= LIFETIME_MOST;
}

static bool is_lifetime_same(const struct reading *one, const struct reading *other)
{
    if (one->ttl < -1 || other->ttl < -1) return true; /* a server that does not say */
    if (one->ttl < 0 || other->ttl < 0) return one->ttl == other->ttl;
    double apart = ((double)one->ttl + one->at) - ((double)other->ttl + other->at);
    return apart <= LIFETIME_MOST && apart >= -LIFETIME_MOST;
}

bool reading_is_same(const struct reading *one, const struct reading *other)
{
    assert(one->state != READING_NONE && other->state != READING_NONE);
    if (one->state != other->state) return is_ending(one) || is_ending(other);
    return one->state == READING_MISS ||
           (is_value_same(one, other) && is_lifetime_same(one, other));
}
