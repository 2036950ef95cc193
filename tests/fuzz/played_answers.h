/* played_answers: a store that answers requests, beside a model of what it may answer. Used by answer_fuzz.c.
 *
 * struct answered owns the store, an arena and the model; answered_end frees them. A broken promise ends the program (check of fuzz.h).
 *
 * The model has the value of each key as the answers tell it. A store may forget (items go when it is full, and when their time comes), but
 * what it gives for a key is that key's last value, and what was deleted or flushed is gone.
 */
#ifndef TESTS_FUZZ_PLAYED_ANSWERS_H
#define TESTS_FUZZ_PLAYED_ANSWERS_H

#include "fuzz/fuzz.h"

#include <stdbool.h>

#include "protocol/flags.h"
#include "protocol/text.h"
#include "store/answer.h"
#include "store/shard.h"

enum { ANSWERED_KEYS = 64, ANSWERED_SANE_EACH = 16 };

struct answered_key {
    uint8_t key[STORE_KEY_MAX];
    size_t key_len;
    bool is_there, is_known; /* there: it may be found; known: its value is `bytes` */
    uint8_t *bytes;
    size_t len;
};

struct answered {
    struct store *store;
    struct arena arena;
    int64_t now;
    uint32_t requests;
    struct answered_key keys[ANSWERED_KEYS];
    size_t keys_n;
};

/* --- the model --------------------------------------------------------------------------------------- */

/* NULL: there are too many. */
static inline struct answered_key *answered_key(struct answered *p, const struct request *r)
{
    for (size_t i = 0; i < p->keys_n; i++) {
        struct answered_key *k = &p->keys[i];
        if (k->key_len == r->key_len && memcmp(k->key, (const void *)r->key_at, k->key_len) == 0)
            return k;
    }
    if (p->keys_n == ANSWERED_KEYS) return NULL;
    struct answered_key *k = &p->keys[p->keys_n++];
    memset(k, 0, sizeof *k);
    memcpy(k->key, (const void *)r->key_at, r->key_len);
    k->key_len = r->key_len;
    return k;
}

static inline void answered_is(struct answered_key *k, const void *bytes, size_t len)
{
    uint8_t *copy = exact_copy(bytes, len);
    free(k->bytes);
    k->bytes = copy;
    k->len = len;
    k->is_there = k->is_known = true;
}

static inline void answered_is_something(struct answered_key *k)
{
    k->is_there = true;
    k->is_known = false;
}

static inline void answered_is_gone(struct answered_key *k)
{
    k->is_there = false;
}

static inline void answered_joins(struct answered_key *k, const struct request *r, bool is_behind)
{
    size_t len = k->len + r->value_len;
    check(k->is_there);
    if (!k->is_known) return;
    uint8_t *both = calloc(1, len + 1);
    check(both);
    memcpy(both + (is_behind ? 0 : r->value_len), k->bytes, k->len);
    memcpy(both + (is_behind ? k->len : 0), (const void *)r->value_at, r->value_len);
    answered_is(k, both, len);
    free(both);
}

static inline char answered_mode(const struct request *r)
{
    const uint8_t *token;
    size_t len;
    if (r->command_id == COMMAND_APPEND) return 'A';
    if (r->command_id == COMMAND_PREPEND) return 'P';
    if (r->command_id != COMMAND_META_SET) return 'S';
    return request_find_flag(r, 'M', &token, &len) && len == 1 ? (char)*token : 'S';
}

/* An append that makes the item stores its value alone, so the model cannot tell which of them it was where the item may have gone. */
static inline void answered_stored(struct answered_key *k, const struct request *r)
{
    const uint8_t *token;
    size_t len;
    char mode = answered_mode(r);
    bool joins = mode == 'A' || mode == 'P';
    bool may_make = r->command_id == COMMAND_META_SET && request_find_flag(r, 'N', &token, &len);
    if (joins && may_make)
        answered_is_something(k);
    else if (joins)
        answered_joins(k, r, mode == 'A');
    else
        answered_is(k, (const void *)r->value_at, r->value_len);
}

/* Of a number that was written over a longer one blanks are left. */
static inline void answered_counted(struct answered_key *k, const uint8_t *digits, size_t len)
{
    if (!k->is_there || !k->is_known) {
        answered_is_something(k);
        return;
    }
    size_t whole = len > k->len ? len : k->len;
    uint8_t *value = malloc(whole + 1);
    check(value);
    memset(value, ' ', whole);
    memcpy(value, digits, len);
    answered_is(k, value, whole);
    free(value);
}

/* --- what an answer must be ---------------------------------------------------------------------------- */

/* As if it had come from a server. */
static inline void answered_reads_as(const struct response *r, const struct request *asked)
{
    struct response read;
    size_t end = r->kind == RESPONSE_VALUE ? 5 : 0;
    check(r->len > end && (end == 0 || memcmp(r->bytes + r->len - end, "END\r\n", end) == 0));
    check(response_parse(r->bytes, r->len - end, STORE_VALUE_MAX, &read) == RESPONSE_DONE);
    check(read.kind == r->kind && read.len == r->len - end);
    check(read.key == r->key && read.key_len == r->key_len && read.rest == r->rest);
    check(read.opaque == r->opaque && read.opaque_len == r->opaque_len);
    check(command_info(asked->command_id)->responses & r->kind);
}

/* The value in an answer that has one. */
static inline const uint8_t *answered_value(const struct response *r, size_t *len)
{
    const uint8_t *line = memchr(r->bytes, '\n', r->len), *at = r->bytes;
    uint64_t n;
    for (int words = r->kind == RESPONSE_VALUE ? 3 : 1; words > 0; words--)
        at = (const uint8_t *)memchr(at, ' ', (size_t)(line - at)) + 1;
    size_t digits = 0;
    while (at[digits] >= '0' && at[digits] <= '9') digits++;
    check(text_read_digits(at, digits, &n));
    *len = (size_t)n;
    return line + 1;
}

static inline void answered_found(struct answered_key *k, const struct response *r)
{
    size_t len;
    const uint8_t *value = answered_value(r, &len);
    check(k->is_there);
    if (k->is_known) check(len == k->len && memcmp(value, k->bytes, len) == 0);
    if (!k->is_known) answered_is(k, value, len);
}

/* --- what it means for the model ------------------------------------------------------------------------ */

static inline void answered_meta_deleted(struct answered_key *k, const struct request *r)
{
    const uint8_t *token;
    size_t len;
    check(k->is_there);
    if (request_find_flag(r, 'x', &token, &len))
        answered_is(k, "", 0);
    else if (!request_find_flag(r, 'I', &token, &len))
        answered_is_gone(k);
}

static inline void answered_meta_counted(struct answered_key *k, const struct store_answer *a)
{
    size_t len;
    if (a->response.kind != RESPONSE_VA || a->has_made)
        answered_is_something(k);
    else {
        const uint8_t *digits = answered_value(&a->response, &len);
        answered_counted(k, digits, len);
    }
}

/* What was too large, and dropped the old value. */
static inline void answered_refused(struct answered_key *k, const struct request *r)
{
    if (r->command_id == COMMAND_SET || r->command_id == COMMAND_META_SET) answered_is_gone(k);
}

static inline void answered_learn(struct answered_key *k, const struct request *r,
                                  const struct store_answer *a)
{
    const struct response *got = &a->response;
    switch (got->kind) {
    case RESPONSE_VALUE: answered_found(k, got); return;
    case RESPONSE_STORED: answered_stored(k, r); return;
    case RESPONSE_DELETED:
        check(k->is_there);
        answered_is_gone(k);
        return;
    case RESPONSE_END:
    case RESPONSE_NOT_FOUND:
    case RESPONSE_NF:
    case RESPONSE_EN: answered_is_gone(k); return;
    case RESPONSE_NUMBER:
        check(k->is_there);
        answered_counted(k, got->bytes, got->len - 2);
        return;
    case RESPONSE_SERVER_ERROR: answered_refused(k, r); return;
    case RESPONSE_HD:
    case RESPONSE_VA: break;
    default: return;
    }
    switch (r->command_id) {
    case COMMAND_META_GET:
        if (a->has_made) answered_is(k, "", 0);
        if (got->kind == RESPONSE_VA) answered_found(k, got);
        check(k->is_there);
        return;
    case COMMAND_META_SET: answered_stored(k, r); return;
    case COMMAND_META_DELETE: answered_meta_deleted(k, r); return;
    default: answered_meta_counted(k, a); return;
    }
}

/* --- plays ------------------------------------------------------------------------------------------------ */

static inline void answered_begin(struct answered *p, uint64_t size, enum store_policy policy)
{
    struct store_settings settings = {size, 1024 * 1024, policy};
    memset(p, 0, sizeof *p);
    p->store = store_create(&settings);
    check(p->store);
    p->now = 1000000000;
    arena_init(&p->arena, 65536);
}

static inline void answered_end(struct answered *p)
{
    check(store_is_sane(p->store));
    for (size_t i = 0; i < p->keys_n; i++) free(p->keys[i].bytes);
    arena_release(&p->arena);
    store_destroy(p->store);
}

static inline void answered_flush(struct answered *p)
{
    store_flush(p->store, p->now, 0);
    for (size_t i = 0; i < p->keys_n; i++) answered_is_gone(&p->keys[i]);
}

/* One request of one key; a base64 key is decoded. */
static inline void answered_ask(struct answered *p, const struct request *r)
{
    struct answered_key *k = answered_key(p, r);
    struct store_answer a;
    if (!k) return;
    store_answer(p->store, r, p->now, &p->arena, &a);
    answered_reads_as(&a.response, r);
    check(!a.blob || (a.response.bytes >= a.blob->bytes &&
                      a.response.bytes + a.response.len <= a.blob->bytes + a.blob->len));
    answered_learn(k, r, &a);
    if (a.blob) blob_give(a.blob);
    arena_reset(&p->arena);
    struct store_usage usage = store_usage(p->store);
    check(usage.bytes <= usage.size);
    if (++p->requests % ANSWERED_SANE_EACH == 0) check(store_is_sane(p->store));
}

/* Values that push others out: so many bytes, as a key of their own. */
static inline void answered_press(struct answered *p, unsigned key, size_t len)
{
    char name[32];
    struct request r = {.command_id = COMMAND_SET, .value_len = (uint32_t)len};
    uint8_t *value = malloc(len + 1);
    check(value);
    memset(value, 'p', len);
    r.key_len = (uint16_t)snprintf(name, sizeof name, "press%u", key);
    r.key_at = (uintptr_t)name;
    r.value_at = (uintptr_t)value;
    answered_ask(p, &r);
    free(value);
}

#endif
