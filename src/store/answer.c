/* The classic commands. A get that hits is what a cache does most: it is one look into the index, a head of a few numbers, and one copy of
 * the value, into memory that goes to the client as it is. */
#include "store/answer.h"

#include <assert.h>

#include "store/answering.h"

static const int64_t THIRTY_DAYS = 60 * 60 * 24 * 30;

/* Besides the key and the value: `VALUE `, three numbers with their blanks, three line ends, END. */
enum { VALUE_ROOM = 6 + 3 * (1 + TEXT_NUMBER_ROOM) + 2 + 2 + 5 };

/* --- memory and constants ----------------------------------------------------------------------------- */

void answer_say(struct answering *by, enum answer_line line)
{
    static const struct response lines[ANSWER_LINES_N] = {
#define X(name, word, text)                                                                        \
    [ANSWER_##name] = {                                                                            \
        .kind = word, .bytes = (const uint8_t *)text "\r\n", .len = sizeof text "\r\n" - 1},
        ANSWER_LINES(X)
#undef X
    };
    by->a->response = lines[line];
}

uint8_t *answer_begin(struct answering *by, size_t room, size_t value_len)
{
    struct response *r = &by->a->response;
    r->need = room + value_len + 2;
    if (value_len < ANSWER_BLOB_LEAST) {
        r->bytes = arena_alloc(by->arena, r->need);
    } else {
        by->a->blob = blob_reuse(r->need);
        r->bytes = by->a->blob->bytes;
    }
    return (uint8_t *)(uintptr_t)r->bytes;
}

void answer_end(struct answering *by, enum response_kind kind, uint8_t *end)
{
    struct response *r = &by->a->response;
    const uint8_t *all = r->bytes + r->need;
    assert(end <= all);
    r->kind = kind;
    r->len = r->need = (size_t)(end - r->bytes);
    if (by->a->blob)
        by->a->blob->len = r->len;
    else
        arena_trim(by->arena, all, (size_t)(all - end));
}

uint8_t *answer_put_value(struct answering *by, const struct store_item *item, uint8_t *to)
{
    size_t len = store_item_value_len(item);
    store_value_read(by->op, item, 0, to, len);
    return answer_put(to + len, "\r\n", 2);
}

int64_t store_expiry(int64_t asked, int64_t now)
{
    int64_t exptime = (int32_t)(uint32_t)(uint64_t)asked; /* as 1.6.18 reads it */
    if (exptime == 0) return 0;
    if (exptime < 0) return 1; /* long ago */
    if (exptime <= THIRTY_DAYS) return now + exptime;
    return exptime <= now - THIRTY_DAYS ? 1 : exptime;
}

static int64_t expiry_of(const struct answering *by)
{
    return store_expiry(request_exptime(by->r), by->op->now);
}

/* --- get gets gat gats --------------------------------------------------------------------------------- */

/* Behind `VALUE ` and the key. */
static inline __attribute__((always_inline)) uint8_t *put_numbers(const struct store_item *item,
                                                                  bool has_cas, uint8_t *at)
{
    *at++ = ' ';
    at = answer_put_number(at, store_item_flags(item));
    *at++ = ' ';
    at = answer_put_number(at, store_item_value_len(item));
    if (has_cas) *at++ = ' ';
    if (has_cas) at = answer_put_number(at, store_item_cas(item));
    return answer_put(at, "\r\n", 2);
}

static const char VALUE_END[] = "\r\nEND\r\n";
enum { VALUE_END_LEN = sizeof VALUE_END - 1 };

/* Of an answer whose first bytes were written. */
static void say_rest(struct answering *by, const struct store_item *item, const uint8_t *head,
                     size_t head_len, size_t gone)
{
    size_t value_len = store_item_value_len(item), from = 0, all = head_len + value_len;
    size_t left = all + VALUE_END_LEN - gone;
    uint8_t *at = answer_begin(by, 0, left);
    if (gone < head_len)
        at = answer_put(at, head + gone, head_len - gone);
    else
        from = gone < all ? gone - head_len : value_len;
    store_value_read(by->op, item, from, at, value_len - from);
    at += value_len - from;
    if (left > VALUE_END_LEN) left = VALUE_END_LEN;
    answer_end(by, RESPONSE_VALUE, answer_put(at, VALUE_END + VALUE_END_LEN - left, left));
    by->a->gone = gone;
}

/* From where the value lies: what is not taken at once is copied, so that nothing points into the shard when it is unlocked. False: nothing
 * was taken. */
static __attribute__((noinline)) bool write_value(struct answering *by,
                                                  const struct store_item *item, bool has_cas)
{
    enum { PIECES = 64 };
    struct iovec pieces[PIECES];
    uint8_t bytes[VALUE_ROOM + STORE_KEY_MAX], *end = answer_put(bytes, "VALUE ", 6);
    end = answer_put(end, (const void *)by->r->key_at, by->r->key_len);
    size_t head_len = (size_t)(put_numbers(item, has_cas, end) - bytes);
    size_t value_len = store_item_value_len(item), at = 0;
    int n = 1;
    pieces[0] = (struct iovec){bytes, head_len};
    for (; at < value_len && at < ANSWER_WRITE_MOST && n < PIECES - 1; n++) {
        const uint8_t *piece;
        size_t len = store_value_span(by->op, item, at, &piece);
        if (len > ANSWER_WRITE_MOST - at) len = ANSWER_WRITE_MOST - at;
        pieces[n] = (struct iovec){(void *)(uintptr_t)piece, len};
        at += len;
    }
    if (at == value_len) pieces[n++] = (struct iovec){(void *)(uintptr_t)VALUE_END, VALUE_END_LEN};
    size_t gone = by->write(by->owner, pieces, n);
    assert(gone <= head_len + at + (at == value_len ? VALUE_END_LEN : 0));
    if (gone > 0) say_rest(by, item, bytes, head_len, gone);
    return gone > 0;
}

/* A key of several gets no END behind its value, and one that was rewritten is shown as the client knows it. */
static bool may_write(const struct answering *by)
{
    return by->write && !by->r->multi && !by->r->shown_key_at;
}

static void say_value(struct answering *by, const struct store_item *item, bool has_cas)
{
    struct response *r = &by->a->response;
    size_t key_len = by->r->key_len, value_len = store_item_value_len(item);
    if (__builtin_expect(value_len >= ANSWER_WRITE_LEAST, 0) && may_write(by) &&
        write_value(by, item, has_cas)) {
        r->key = (const void *)by->r->key_at;
        r->key_len = (uint16_t)key_len;
        return;
    }
    uint8_t *first = answer_begin(by, VALUE_ROOM + key_len, value_len);
    uint8_t *rest =
        answer_put(answer_put(first, "VALUE ", 6), (const void *)by->r->key_at, key_len);
    uint8_t *at = answer_put_value(by, item, put_numbers(item, has_cas, rest));
    answer_end(by, RESPONSE_VALUE, answer_put(at, "END\r\n", 5));
    r->key = first + 6;
    r->key_len = (uint16_t)key_len;
    r->rest = rest;
}

static void get(struct answering *by)
{
    struct store_item *item = store_find(by->op);
    store_count(by->op, STORE_COUNT_cmd_get);
    store_count(by->op, item ? STORE_COUNT_get_hits : STORE_COUNT_get_misses);
    if (!item) {
        answer_say(by, ANSWER_END);
        return;
    }
    say_value(by, item, by->r->command_id == COMMAND_GETS);
    store_use(by->op, item);
}

/* Finds what a touch, gat or gats is about. */
static struct store_item *find_to_touch(struct answering *by)
{
    struct store_item *item = store_find(by->op);
    store_count(by->op, STORE_COUNT_cmd_touch);
    store_count(by->op, item ? STORE_COUNT_touch_hits : STORE_COUNT_touch_misses);
    if (!item) return NULL;
    store_set_expires(by->op, item, expiry_of(by));
    store_use(by->op, item);
    return item;
}

static void get_and_touch(struct answering *by)
{
    struct store_item *item = find_to_touch(by);
    if (item)
        say_value(by, item, by->r->command_id == COMMAND_GATS);
    else
        answer_say(by, ANSWER_END);
}

/* --- changes ------------------------------------------------------------------------------------------- */

static void store(struct answering *by)
{
    static const enum answer_line lines[] = {
        [ANSWERED_STORED] = ANSWER_STORED,       [ANSWERED_NOT_STORED] = ANSWER_NOT_STORED,
        [ANSWERED_EXISTS] = ANSWER_EXISTS,       [ANSWERED_NOT_FOUND] = ANSWER_NOT_FOUND,
        [ANSWERED_TOO_LARGE] = ANSWER_TOO_LARGE, [ANSWERED_NO_MEMORY] = ANSWER_NO_MEMORY};
    const struct request *r = by->r;
    struct answer_storing how = {.value = (const void *)r->value_at,
                                 .value_len = r->value_len,
                                 .cas = r->command_id == COMMAND_CAS ? r->number : 0,
                                 .expires = expiry_of(by),
                                 .flags = (uint32_t)r->client_flags,
                                 .command = r->command_id};
    answer_say(by, lines[answer_store(by->op, &how)]);
}

static void say_number(struct answering *by, uint64_t number)
{
    uint8_t *at = answer_begin(by, TEXT_NUMBER_ROOM, 0);
    at = answer_put_number(at, number);
    answer_end(by, RESPONSE_NUMBER, answer_put(at, "\r\n", 2));
}

static void count(struct answering *by)
{
    struct answer_counting how = {.is_down = by->r->command_id == COMMAND_DECR,
                                  .delta = by->r->number};
    struct store_item *item = store_find(by->op);
    uint64_t number;
    if (!item) {
        store_count(by->op, how.is_down ? STORE_COUNT_decr_misses : STORE_COUNT_incr_misses);
        answer_say(by, ANSWER_NOT_FOUND);
        return;
    }
    switch (answer_count(by->op, &how, &item, &number)) {
    case ANSWERED_COUNTED: say_number(by, number); break;
    case ANSWERED_NO_NUMBER: answer_say(by, ANSWER_NO_NUMBER); break;
    case ANSWERED_NO_ROOM: answer_say(by, ANSWER_NO_MEMORY_COUNT); break;
    }
}

static void delete (struct answering *by)
{
    struct store_item *item = store_find(by->op);
    store_count(by->op, item ? STORE_COUNT_delete_hits : STORE_COUNT_delete_misses);
    answer_say(by, item ? ANSWER_DELETED : ANSWER_NOT_FOUND);
    if (item) store_remove(by->op, item);
}

/* --- any request --------------------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) void answer(struct answering *by)
{
    *by->a = (struct store_answer){0};
    switch (by->r->command_id) {
    case COMMAND_GET:
    case COMMAND_GETS: get(by); return;
    case COMMAND_GAT:
    case COMMAND_GATS: get_and_touch(by); return;
    case COMMAND_INCR:
    case COMMAND_DECR: count(by); return;
    case COMMAND_TOUCH:
        answer_say(by, find_to_touch(by) ? ANSWER_TOUCHED : ANSWER_NOT_FOUND);
        return;
    case COMMAND_DELETE: delete (by); return;
    default: break;
    }
    switch (command_info(by->r->command_id)->shape) {
    case SHAPE_STORE: store(by); return;
    case SHAPE_META:
    case SHAPE_META_STORE: answer_meta(by); return;
    default: answer_say(by, ANSWER_UNKNOWN); return;
    }
}

void store_answer_begun(struct store_op *op, const struct request *r, struct arena *arena,
                        struct store_answer *a)
{
    struct answering by = {.op = op, .r = r, .arena = arena, .a = a};
    answer(&by);
}

/* A base64 key may be of any length that the parser takes; what it decodes to is within STORE_KEY_MAX. */
void store_answer_to(struct store *s, const struct request *r, int64_t now, struct arena *arena,
                     store_write_fn *write, void *owner, struct store_answer *a)
{
    struct store_op op;
    struct answering by = {
        .op = &op, .r = r, .arena = arena, .a = a, .write = write, .owner = owner};
    assert(r->key_len > 0 && r->key_len <= STORE_KEY_MAX);
    store_begin(&op, s, (const void *)r->key_at, r->key_len, now);
    answer(&by);
    store_end(&op);
}

void store_answer(struct store *s, const struct request *r, int64_t now, struct arena *arena,
                  struct store_answer *a)
{
    store_answer_to(s, r, now, arena, NULL, NULL, a);
}

void store_answer_too_large(struct store *s, const struct request *r, int64_t now)
{
    struct store_op op;
    assert(r->key_len > 0 && r->key_len <= STORE_KEY_MAX);
    store_begin(&op, s, (const void *)r->key_at, r->key_len, now);
    struct store_item *item = store_find(&op);
    store_count(&op, STORE_COUNT_store_too_large);
    if (item) store_remove(&op, item);
    store_end(&op);
}

void store_counts(struct store *s, uint64_t counts[STORE_COUNT_N])
{
    memset(counts, 0, STORE_COUNT_N * sizeof *counts);
    for (uint32_t i = 0; i < s->shards_n; i++) {
        const struct store_shard *shard = store_shard_at(s, i);
        for (size_t k = 0; k < STORE_COUNT_N; k++)
            counts[k] += __atomic_load_n(&shard->counts[k], __ATOMIC_RELAXED);
    }
}
