/* Copies that cannot be older than a write.
 *
 * A copy is made of what a read found elsewhere, and has the mark (base/writes.h) that its key had before the read was sent on. It is
 * used only while the key still has that mark. A write changes the mark before it leaves any worker of this machine, and again when it
 * has ended, by whatever route it goes; so the copy is void for all workers from that moment on, without anybody looking for it. What
 * may happen:
 *
 * - A write begins or ends while the read is out, or is in flight when the answer comes: no copy is made (writes_allow).
 * - A write begins between that look and the moment in which the copy is stored: the copy has an old mark, and is never used.
 * - A write begins after it: the same. The read that comes next goes to the server and replaces the copy.
 * - A write is lost, or its worker dies: the slot is closed for WRITES_LINGER, and no copy is made; those from before are void.
 * - A worker dies while it stores a copy: the store rolls that back.
 *
 * Why the copy is not removed by the writer: a writer would need to know the stores and the names of all routes that copy, and would lock
 * their shards for each write, mostly for nothing. With marks a write costs nothing more, and a hit costs three loads. The price: keys of
 * one slot void each other's copies. There are 32,768 slots, so with W writes a second on this machine a copy lives 32768 / W seconds on
 * the average, where that is less than its ttl.
 *
 * Writes of other machines change no mark. So a copy lives `ttl` from the moment when its read was sent on: what it shows has been in the
 * server at some moment of the last ttl seconds.
 *
 * Whose copy it is: its key in the store is the client's with 8 bytes before it, made of the route's name, the script's digest and the
 * slots whose mark it has. So routes, scripts and the keys that clients are shown never mix, and items that a client stores in the same
 * store are no copies: those carry a mark of their own (STORE_COPY). A key that is too long for that is not copied. */
#include "route/near.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "backend/written.h"
#include "base/heat.h"
#include "protocol/flags.h"
#include "protocol/place.h"
#include "protocol/text.h"
#include "protocol/value.h"
#include "route/generation.h"
#include "route/leaf.h"
#include "store/answer.h"
#include "store/shard.h"

/* Stands before the value in its item. */
struct head {
    uint64_t mark;
    uint64_t flags; /* the client's */
    double until;   /* as turn->now */
    bool is_met;    /* an mg has found it, so the item was not stale */
};

enum { NAME = 8 };

/* The key of a copy. */
struct place {
    writes_pair pair;
    size_t len; /* 0: it is too long */
    uint8_t key[STORE_KEY_MAX];
};

/* --- which requests ----------------------------------------------------------------------------- */

/* Flags that a copy can answer; t is the item's lifetime, which only the server knows. */
static const char ANSWERED[] = "vfkObqs";

bool near_may_copy(const struct request *r)
{
    return r->command_id == COMMAND_GET ||
           (r->command_id == COMMAND_META_GET && request_only_reads(r));
}

bool near_may_answer(const struct request *r)
{
    return r->command_id == COMMAND_GET ||
           (near_may_copy(r) && request_flags_are_among(r, ANSWERED));
}

/* --- where copies are --------------------------------------------------------------------------- */

static struct place place_of(const struct generation *g, const struct near *n,
                             const struct request *r)
{
    struct place place;
    place.pair = written_pair(r);
    place.len = NAME + (size_t)r->key_len;
    uint64_t name = n->name ^ g->digest ^ (uint64_t)place.pair * 0x9e3779b97f4a7c15ULL;
    if (place.len > sizeof place.key) place.len = 0;
    if (!place.len) return place;
    memcpy(place.key, &name, NAME);
    memcpy(place.key + NAME, (const void *)r->key_at, r->key_len);
    return place;
}

/* The item is a copy that nothing has made void. */
static bool is_good(const struct turn *t, struct store_op *op, const struct store_item *item,
                    writes_pair pair, struct head *head)
{
    if (!item || !(store_item_marks(item) & STORE_COPY)) return false;
    assert(store_item_value_len(item) >= sizeof *head);
    store_value_read(op, item, 0, head, sizeof *head);
    return head->until > t->now && head->mark == writes_mark(&t->backends->writer, pair, t->now);
}

/* --- a hit -------------------------------------------------------------------------------------- */

/* A copy that is found, and the answer that is made of it. */
struct found {
    struct store_op *op;
    struct arena *arena;
    const struct request *r;
    const struct store_item *item;
    struct head head;
    size_t len;  /* of the value */
    uint8_t *at; /* the end of what was written */
    struct store_answer a;
};

/* Memory for `room` bytes, in a blob where they are many. */
static void begin(struct found *f, size_t room)
{
    if (room >= ANSWER_BLOB_LEAST) f->a.blob = blob_reuse(room);
    f->at = f->a.blob ? f->a.blob->bytes : arena_alloc(f->arena, room);
    f->a.response.bytes = f->at;
}

static void end(struct found *f, enum response_kind kind)
{
    struct response *r = &f->a.response;
    r->kind = kind;
    r->len = r->need = (size_t)(f->at - r->bytes);
    if (f->a.blob) f->a.blob->len = r->len;
}

static void put(struct found *f, const void *bytes, size_t len)
{
    memcpy(f->at, bytes, len);
    f->at += len;
}

static void put_number(struct found *f, uint64_t number)
{
    f->at += text_write_unsigned(f->at, number);
}

static void put_value(struct found *f)
{
    store_value_read(f->op, f->item, sizeof f->head, f->at, f->len);
    f->at += f->len;
    put(f, "\r\n", 2);
}

/* Besides key, opaque and value: words, three numbers, letters, line ends. */
enum { LINE_ROOM = 32 + 3 * TEXT_NUMBER_ROOM };

static void answer_get(struct found *f)
{
    const struct request *r = f->r;
    struct response *to = &f->a.response;
    begin(f, LINE_ROOM + (size_t)r->key_len + f->len);
    put(f, "VALUE ", 6);
    to->key = f->at;
    to->key_len = r->key_len;
    put(f, (const void *)r->key_at, r->key_len);
    to->rest = f->at;
    put(f, " ", 1);
    put_number(f, f->head.flags);
    put(f, " ", 1);
    put_number(f, f->len);
    put(f, "\r\n", 2);
    put_value(f);
    put(f, "END\r\n", 5);
    end(f, RESPONSE_VALUE);
}

static void put_key(struct found *f)
{
    struct response *to = &f->a.response;
    put(f, " k", 2);
    to->key = f->at;
    f->at += request_wire_key(f->r, (const void *)f->r->key_at, f->r->key_len, f->at);
    to->key_len = (uint16_t)(f->at - to->key);
    to->rest = f->at;
    if (f->r->meta & META_BASE64) put(f, " b", 2);
}

/* v, b and q say nothing here. */
static void put_flag(struct found *f, const uint8_t *flag, size_t len)
{
    struct response *to = &f->a.response;
    if (*flag == 'k') put_key(f);
    if (*flag == 'f' || *flag == 's') {
        put(f, *flag == 'f' ? " f" : " s", 2);
        put_number(f, *flag == 'f' ? f->head.flags : f->len);
    } else if (*flag == 'O') {
        put(f, " ", 1);
        to->opaque = f->at + 1;
        to->opaque_len = (uint16_t)(len - 1);
        put(f, flag, len);
    }
}

static void answer_mg(struct found *f)
{
    const struct request *r = f->r;
    const uint8_t *at = (const uint8_t *)r->args_at, *last = at + r->args_len, *flag;
    size_t len;
    bool has_value = request_find_flag(r, 'v', &flag, &len);
    begin(f, LINE_ROOM + KEY_WIRE_ROOM + r->args_len + (has_value ? f->len : 0));
    put(f, has_value ? "VA " : "HD", has_value ? 3 : 2);
    if (has_value) put_number(f, f->len);
    while (request_next_flag(&at, last, &flag, &len)) put_flag(f, flag, len);
    put(f, "\r\n", 2);
    if (has_value) put_value(f);
    end(f, has_value ? RESPONSE_VA : RESPONSE_HD);
}

/* The same event as of a call. */
static void on_news(void *owner, const struct call_news *news)
{
    const struct request *r = owner;
    const struct receiver *receiver = receiver_of(r);
    struct result result = result_from_news(news);
    if (receiver->on_news)
        receiver->on_news((void *)r->owner, news);
    else
        receiver->on_result((void *)r->owner, r->part, &result);
}

/* They count as requests of the store. */
static void count(struct store_op *op, bool is_found)
{
    op->shard->counts[STORE_COUNT_cmd_get]++;
    op->shard->counts[is_found ? STORE_COUNT_get_hits : STORE_COUNT_get_misses]++;
}

/* Under the lock of the copy's shard. */
static bool find(const struct turn *t, struct found *f, writes_pair pair)
{
    struct store_item *item = store_find(f->op);
    bool is_get = f->r->command_id == COMMAND_GET;
    bool is_found = is_good(t, f->op, item, pair, &f->head) && (is_get || f->head.is_met);
    count(f->op, is_found);
    if (!is_found) return false;
    f->item = item;
    f->len = store_item_value_len(item) - sizeof f->head;
    if (is_get)
        answer_get(f);
    else
        answer_mg(f);
    store_use(f->op, item);
    return true;
}

bool near_answer(struct turn *t, const struct generation *g, const struct near *n,
                 const struct request *r)
{
    struct store_op op;
    struct found f = {.op = &op, .r = r, .arena = t->arena};
    struct place place = place_of(g, n, r);
    if (!place.len) return false;
    writes_fetch(&t->backends->writer, place.pair);
    size_t used = arena_mark(t->arena);
    store_begin(&op, n->store, place.key, place.len, turn_store_time(t));
    bool is_found = find(t, &f, place.pair);
    store_end(&op);
    if (is_found) {
        n->counts->requests++;
        n->counts->hits++;
        leaf_tell(t, r, &f.a, on_news, (void *)(uintptr_t)r);
    }
    arena_rewind(t->arena, used);
    return is_found;
}

/* --- a copy is made ----------------------------------------------------------------------------- */

struct near_read near_begin(const struct turn *t, const struct near *n, const struct request *r)
{
    n->counts->requests++;
    n->counts->misses++;
    if (!near_may_copy(r)) return (struct near_read){.began = t->now};
    return (struct near_read){writes_mark(&t->backends->writer, written_pair(r), t->now), t->now};
}

/* By the key that its clients ask for. */
static bool is_hot(const struct turn *t, const struct near *n, const struct request *r)
{
    if (n->share < 0) return true;
    if (!t->heat) return false;
    double share = r->shown_key_at
                       ? heat_share(t->heat, (const void *)r->shown_key_at, r->shown_key_len)
                       : heat_share(t->heat, (const void *)r->key_at, r->key_len);
    return share > 0 && share >= n->share;
}

/* A value with its flags, that is not stale, not being renewed, and not an empty item that N of mg has made. *lives: seconds that the item
 * has, where the answer says that. */
static bool is_whole(const struct response *r, struct response_value *v, double *lives)
{
    const uint8_t *token;
    size_t len;
    *v = response_read(r);
    *lives = INFINITY;
    if (!v->at || v->len == 0) return false;
    if (r->kind == RESPONSE_VALUE) return true;
    if (r->kind != RESPONSE_VA || !response_find_flag(r, 'f', &token, &len)) return false;
    for (const char *letter = "WXZ"; *letter; letter++) {
        if (response_find_flag(r, (uint8_t)*letter, &token, &len)) return false;
    }
    if (v->ttl >= 0) *lives = (double)v->ttl - 1; /* its clock ticks in seconds */
    return true;
}

/* A copy of another read may be there, and lives nearly as long. */
static void store(struct turn *t, const struct near *n, const struct place *place,
                  const struct head *head, const struct response_value *v)
{
    struct store_op op;
    struct head old;
    int64_t now = turn_store_time(t);
    store_begin(&op, n->store, place->key, place->len, now);
    bool is_there = is_good(t, &op, store_find(&op), place->pair, &old) &&
                    old.until + n->ttl / 2 > head->until && old.is_met >= head->is_met;
    struct store_item *made = is_there ? NULL : store_make(&op, sizeof *head + v->len);
    if (made) {
        store_value_write(&op, made, 0, head, sizeof *head);
        store_value_write(&op, made, sizeof *head, v->at, v->len);
        store_set_expires(&op, made, now + (int64_t)ceil(n->ttl) + 1);
        store_set_marks(&op, made, STORE_COPY, 0);
        store_put(&op, made);
        n->counts->copies++;
    }
    store_end(&op);
}

void near_take(struct turn *t, const struct generation *g, const struct near *n,
               const struct request *r, const struct near_read *read, const struct result *result)
{
    struct response_value v;
    double lives;
    latency_note(&n->counts->latency, t->now - read->began);
    if (!near_may_copy(r)) return;
    if (result->kind != RESULT_HIT || !result->news) return;
    if (!is_whole(result->news->response, &v, &lives) || !is_hot(t, n, r)) return;
    struct place place = place_of(g, n, r);
    struct head head = {.mark = read->mark,
                        .flags = v.flags,
                        .until = read->began + (lives < n->ttl ? lives : n->ttl),
                        .is_met = result->news->response->kind == RESPONSE_VA};
    if (!place.len || head.until <= t->now) return;
    if (writes_allow(&t->backends->writer, place.pair, read->mark, 0, t->now))
        store(t, n, &place, &head, &v);
    else
        n->counts->overtaken++;
}
