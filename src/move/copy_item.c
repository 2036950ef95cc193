/* The life of a key that moves.
 *
 *   copy_item_create  in its source's queue
 *   copy_item_send    its value is asked for where it is: on_fetched
 *   send_puts         what came is added in each of its places, in the same turn, so that no value is kept: on_put
 *   end               it is settled
 *
 * A request without an answer puts the item into copy.waiting until the server is there again; then it begins from its first step,
 * with the value that there is then. What was added before is not added again.
 *
 * A value is asked for by mg with the flag u, which leaves its place in the LRU alone, and with c, because of stale items: an mg
 * that finds one has won it, so others wait for it to store the item again. The win is handed back, as in backend/wins.c.
 */
#include "move/copy_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/dialect.h"
#include "protocol/value.h"

enum {
    TRIES = 20,
    ANSWERED_TRY = 7, /* one that the server answered with an error counts for so many */
    WINDOW_FIRST = 16,
    VALUE_FIRST = 64 * 1024, /* bytes of a value while none of its server's is known */
    CAS_GIVEN_FROM = 10627,  /* the first memcached that knows the flag E */
};

/* Seconds that a server has for an answer. */
static const double ANSWER = 10;

/* --- the end ------------------------------------------------------------------------------------ */

static void free_item(struct copy_item *item, bool is_spoiled)
{
    struct copy_source *s = item->source;
    assert(item->waits == 0 && s->outstanding > 0);
    s->outstanding--;
    copy_epoch_settle(s, item->epoch, is_spoiled);
    free(item);
}

static void skip(struct copy_item *item, enum copy_skip why)
{
    item->source->copy->counts->skipped[why]++;
    free_item(item, false);
}

void copy_item_lose(struct copy_item *item, uint32_t server, const char *why)
{
    struct copy *c = item->source->copy;
    struct copy_server *blamed = copy_server(c, server);
    if (!blamed->lost++ && why != blamed->why) snprintf(blamed->why, sizeof blamed->why, "%s", why);
    c->counts->lost++;
    free_item(item, true);
}

/* Another pass copies it, since too many wait for that server already. */
static void put_off(struct copy_item *item, uint32_t where)
{
    struct copy *c = item->source->copy;
    copy_server(c, where)->put_off++;
    c->put_off++;
    free_item(item, true);
}

static void finish(struct copy_item *item)
{
    struct copy_counts *counts = item->source->copy->counts;
    if (item->has_stored) {
        counts->copied++;
        counts->bytes += item->value;
        free_item(item, false);
    } else {
        skip(item, item->is_large && !item->was_there ? COPY_SKIP_LARGE : COPY_SKIP_THERE);
    }
}

/* --- failures ----------------------------------------------------------------------------------- */

static const char *failure_name(const struct call_news *news)
{
    switch (news->why) {
    case FAILURE_TIMEOUT: return "timeout";
    case FAILURE_LOST: return "connection lost";
    case FAILURE_BUSY: return "too much waits for it";
    default: return "down";
    }
}

/* It is on no way any more. */
static void leave(struct copy_item *item)
{
    struct copy *c = item->source->copy;
    assert(item->source->in_flight > 0 && c->reserved >= item->reserved);
    item->source->in_flight--;
    c->reserved -= item->reserved;
    item->reserved = 0;
}

void copy_item_wait(struct copy_item *item, uint32_t server, const char *why)
{
    struct copy *c = item->source->copy;
    copy_server_fails(c, server, why);
    if (!tier_is_down(c->tier, server)) item->tries++;
    if (copy_server(c, server)->is_given_up || item->tries >= TRIES) {
        copy_item_lose(item, server, why);
    } else if (c->waiting.n >= COPY_WAITING) {
        put_off(item, server);
    } else {
        item->blocked = server;
        copy_list_add(&c->waiting, item);
    }
}

/* The server's own words for what it does not do. */
static void answer_text(const struct response *r, char *to)
{
    size_t len = 0;
    while (len < r->len && len < COPY_REASON - 1 && r->bytes[len] >= ' ') len++;
    memcpy(to, r->bytes, len);
    to[len] = '\0';
}

static bool is_too_large(const struct response *r)
{
    static const char text[] = "too large";
    return memmem(r->bytes, r->len < COPY_REASON ? r->len : COPY_REASON, text, sizeof text - 1);
}

/* --- into its places ---------------------------------------------------------------------------- */

/* All its puts have ended. */
static void look_at_puts(struct copy_item *item)
{
    if (item->waits > 0) return;
    leave(item);
    for (uint32_t i = 0; i < item->puts_n; i++) {
        struct copy_put *put = &item->puts[i];
        if (put->is_done) continue;
        const struct copy_server *server = copy_server(item->source->copy, put->server);
        copy_item_wait(item, put->server, server->why[0] ? server->why : "down");
        return;
    }
    finish(item);
}

static void on_marked(void *owner, const struct call_news *news)
{
    struct copy_put *put = owner;
    if (news->event != CALL_ANSWERED && news->event != CALL_FAILED) return;
    put->item->waits--;
    look_at_puts(put->item);
}

/* A copy of a stale item is stale: the next client that asks by mg stores it again. */
static void mark_stale(struct copy_put *put)
{
    struct copy_item *item = put->item;
    char flags[TIER_FLAGS] = "I";
    struct request r = tier_meta(COMMAND_META_DELETE, put->key, flags);
    put->call.done = on_marked;
    put->call.owner = put;
    item->waits++;
    if (tier_send(item->source->copy->tier, &put->call, put->server, &r, ANSWER)) item->waits--;
}

static void take_put_answer(struct copy_put *put, const struct call_news *news)
{
    struct copy_item *item = put->item;
    struct copy *c = item->source->copy;
    const struct response *r = news->response;
    copy_server_answers(c, put->server);
    put->is_done = true;
    if (r->kind & (RESPONSE_STORED | RESPONSE_HD)) {
        item->has_stored = true;
        if (item->is_stale) mark_stale(put);
    } else if (r->kind & (RESPONSE_NOT_STORED | RESPONSE_NS)) {
        item->was_there = true;
    } else if (is_too_large(r)) {
        item->is_large = true;
    } else {
        put->is_done = false;
        item->tries += ANSWERED_TRY;
        answer_text(r, copy_server(c, put->server)->why);
    }
}

static void on_put(void *owner, const struct call_news *news)
{
    struct copy_put *put = owner;
    struct copy_item *item = put->item;
    struct copy *c = item->source->copy;
    if (news->event != CALL_ANSWERED && news->event != CALL_FAILED) return;
    load_note(&c->load, put->server, tier_now(c->tier) - put->call.sent);
    item->waits--;
    if (news->event == CALL_ANSWERED)
        take_put_answer(put, news);
    else
        snprintf(copy_server(c, put->server)->why, COPY_REASON, "%s", failure_name(news));
    look_at_puts(item);
}

/* What a fetch has brought. */
struct fetched {
    const uint8_t *at;
    size_t len;
    struct blob *blob;
    uint64_t flags;
    int64_t exptime; /* as it is sent */
};

static void send_put(struct copy_put *put, const struct fetched *f)
{
    struct copy_item *item = put->item;
    struct copy *c = item->source->copy;
    struct request r = tier_add(put->key, f->flags, f->exptime);
    r.value_at = (uintptr_t)f->at;
    r.value_len = (uint32_t)f->len;
    r.value_blob = (uintptr_t)f->blob;
    put->call.done = on_put;
    put->call.owner = put;
    const char *why = tier_send(c->tier, &put->call, put->server, &r, ANSWER);
    if (!why) return;
    snprintf(copy_server(c, put->server)->why, COPY_REASON, "%s", "down");
    item->waits--;
}

/* The item may be freed. One wait of our own keeps it until all are sent. */
static void send_puts(struct copy_item *item, const struct fetched *f)
{
    item->waits = 1;
    for (uint32_t i = 0; i < item->puts_n; i++) {
        if (item->puts[i].is_done) continue;
        item->waits++;
        send_put(&item->puts[i], f);
    }
    item->waits--;
    look_at_puts(item);
}

/* --- from where it is --------------------------------------------------------------------------- */

static bool has_flag(const struct response *r, uint8_t letter, const uint8_t **token, size_t *len)
{
    return r->kind == RESPONSE_VA && response_find_flag(r, letter, token, len);
}

/* Nobody waits for its answer. */
static void hand_win_back(const struct copy_item *item, const struct response *r)
{
    const struct copy_source *s = item->source;
    const uint8_t *cas;
    size_t len;
    char flags[TIER_FLAGS];
    const char *reason;
    struct backend *b = s->copy->tier->servers[s->server].to;
    if (!has_flag(r, 'c', &cas, &len) || len > 20) return;
    bool gives = dialect_number(b->version, strlen(b->version)) >= CAS_GIVEN_FROM;
    if (gives)
        snprintf(flags, sizeof flags, "I C%.*s E%.*s", (int)len, cas, (int)len, cas);
    else
        snprintf(flags, sizeof flags, "I C%.*s", (int)len, cas);
    struct request back = tier_meta(COMMAND_META_DELETE, &item->key, flags);
    struct backend_call how = {.deadline = tier_now(s->copy->tier) + ANSWER,
                               .pool = BACKEND_NO_POOL};
    (void)!backend_send(b, &back, &how, &reason);
}

/* Seconds that are left, -1: no end; 0: it has expired. Where the server does not say, its dump has. */
static int64_t left_of(const struct copy_item *item, const struct response_value *v)
{
    const struct copy_source *s = item->source;
    if (v->ttl >= -1) return v->ttl;
    if (item->exptime < 0) return -1;
    int64_t left = item->exptime - (s->copy->wall + s->clock_ahead);
    return left > 0 ? left : 0;
}

/* The item may be freed. */
static void take_value(struct copy_item *item, const struct call_news *news)
{
    struct copy_source *s = item->source;
    struct copy *c = s->copy;
    const struct response *r = news->response;
    struct response_value v = response_read(r);
    int64_t left = left_of(item, &v);
    const uint8_t *token;
    size_t len;
    if (has_flag(r, 'W', &token, &len)) hand_win_back(item, r);
    item->is_stale = has_flag(r, 'X', &token, &len);
    bool is_filled = v.len == 0 && !item->is_stale && has_flag(r, 'Z', &token, &len);
    s->value = v.len > s->value ? v.len : s->value - (s->value - v.len) / 64;
    allowance_take(&c->bytes, (double)v.len);
    if (left == 0 || is_filled) {
        leave(item);
        skip(item, is_filled ? COPY_SKIP_FILLING : COPY_SKIP_GONE);
        return;
    }
    item->value = v.len;
    send_puts(item, &(struct fetched){v.at ? v.at : (const uint8_t *)"", v.len, news->blob, v.flags,
                                      tier_exptime(left, c->wall)});
}

/* An error: of a server that does not know mg, or something worse. */
static void take_error(struct copy_item *item, const struct response *r)
{
    struct copy_source *s = item->source;
    char text[COPY_REASON];
    answer_text(r, text);
    leave(item);
    if (s->uses_get || item->key.is_base64) {
        copy_item_lose(item, s->server, text);
        return;
    }
    s->uses_get = true;
    copy_list_add(&s->queue, item);
}

static void on_fetched(void *owner, const struct call_news *news)
{
    struct copy_item *item = owner;
    struct copy_source *s = item->source;
    struct copy *c = s->copy;
    if (news->event != CALL_ANSWERED && news->event != CALL_FAILED) return;
    load_note(&c->load, s->server, tier_now(c->tier) - item->call.sent);
    item->waits--;
    if (news->event == CALL_FAILED) {
        leave(item);
        copy_item_wait(item, s->server, failure_name(news));
        return;
    }
    copy_server_answers(c, s->server);
    if (s->window < COPY_WINDOW) s->window++;
    switch (news->response->kind) {
    case RESPONSE_VA:
    case RESPONSE_VALUE: take_value(item, news); break;
    case RESPONSE_EN:
    case RESPONSE_END:
        leave(item);
        if (item->dump < s->restarted)
            copy_item_lose(item, s->server, "restarted: what it held is gone");
        else
            skip(item, COPY_SKIP_GONE);
        break;
    default: take_error(item, news->response); break;
    }
}

void copy_item_send(struct copy_item *item)
{
    struct copy_source *s = item->source;
    struct copy *c = s->copy;
    char flags[TIER_FLAGS] = "v f t c u";
    struct request r = tier_meta(COMMAND_META_GET, &item->key, flags);
    if (s->uses_get && !item->key.is_base64)
        r = (struct request){.command_id = COMMAND_GET, .key_at = r.key_at, .key_len = r.key_len};
    item->call.done = on_fetched;
    item->call.owner = item;
    item->reserved = s->value;
    item->waits = 1;
    c->reserved += item->reserved;
    s->in_flight++;
    if (!tier_send(c->tier, &item->call, s->server, &r, ANSWER)) return;
    item->waits = 0;
    leave(item);
    copy_item_wait(item, s->server, "down");
}

/* --- its beginning ------------------------------------------------------------------------------ */

void copy_item_create(struct copy_source *s, const struct dump_key *key, const struct plan *plan)
{
    size_t size =
        sizeof(struct copy_item) + plan->n * (sizeof(struct copy_put) + sizeof(struct tier_key));
    struct copy_item *item = calloc(1, size);
    if (!item) abort();
    item->source = s;
    item->epoch = s->last_epoch;
    item->exptime = key->exptime;
    item->dump = s->dumps;
    item->key = key->key;
    item->puts_n = plan->n;
    struct tier_key *keys = (struct tier_key *)&item->puts[plan->n];
    for (uint32_t i = 0; i < plan->n; i++) {
        keys[i] = plan->to[i].key;
        item->puts[i] =
            (struct copy_put){.item = item, .key = &keys[i], .server = plan->to[i].server};
    }
    s->last_epoch->open++;
    s->outstanding++;
    if (s->window == 0) s->window = WINDOW_FIRST;
    if (s->value == 0) s->value = VALUE_FIRST;
    copy_list_add(&s->queue, item);
}
