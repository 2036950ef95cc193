/* A request is parsed by the daemon's own parser (protocol/request.h), which refuses what memcached refuses, and in its words. What is about a
 * key is answered from the store; what is left is said here.
 *
 * It is a server that moongate talks to, so what moongate never sends (verbosity, slabs, watch ...) is an unknown command here. */
#include "replay/fake_server.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/text.h"

enum { LINE_ROOM = 512, ARENA = 1024 * 1024, END_LEN = 5 };

static const int64_t THIRTY_DAYS = 60 * 60 * 24 * 30;

void fake_server_init(struct fake_server *s, uint64_t memory)
{
    struct store_settings settings = {
        .size = memory, .max_value = STORE_VALUE_MAX, .policy = STORE_POLICY_LRU};
    *s = (struct fake_server){.store = store_create(&settings)};
    if (!s->store) {
        fprintf(stderr, "moongate: a fake server of %llu bytes: %s: give the process more memory\n",
                (unsigned long long)memory, strerror(errno));
        abort();
    }
    s->max_value = memory;
    arena_init(&s->arena, ARENA);
}

void fake_server_release(struct fake_server *s)
{
    store_destroy(s->store);
    arena_release(&s->arena);
}

static void say(const struct request *r, struct outq *out, const char *line)
{
    if (!r->noreply) outq_append(out, line, strlen(line));
}

static const uint8_t *key_of(const struct request *r)
{
    return (const uint8_t *)r->key_at;
}

/* --- commands with a key ------------------------------------------------------------------------- */

/* drops: so many bytes of its end. */
static void put_answer(const struct store_answer *a, size_t drops, struct outq *out)
{
    const struct response *r = &a->response;
    if (a->blob)
        outq_append_blob(out, a->blob, r->bytes, r->len - drops);
    else
        outq_append(out, r->bytes, r->len - drops);
    if (a->blob) blob_give(a->blob);
}

/* Of each key the value without its END. */
static void look(struct fake_server *s, const struct request *r, struct outq *out)
{
    struct store_answer a;
    store_answer(s->store, r, s->now, &s->arena, &a);
    bool is_found = a.response.kind == RESPONSE_VALUE;
    s->hits += is_found;
    s->misses += !is_found;
    put_answer(&a, END_LEN, out);
}

/* keys: behind the command, to the end of the line. */
static void look_for_all(struct fake_server *s, const struct request *r, const uint8_t *end,
                         struct outq *out)
{
    const uint8_t *at = key_of(r);
    struct request one = *r;
    while (request_next_key(&at, end, &one)) look(s, &one, out);
    outq_append(out, "END\r\n", END_LEN);
}

static void change(struct fake_server *s, const struct request *r, struct outq *out)
{
    struct store_answer a;
    store_answer(s->store, r, s->now, &s->arena, &a);
    if (r->noreply) a.response.len = 0;
    put_answer(&a, 0, out);
}

/* The kinds of answer that q leaves out, as bits. Of a number that was just made memcached tells. */
static unsigned quiet_kinds(const struct request *r, const struct store_answer *a)
{
    if (!(r->meta & META_QUIET)) return 0;
    switch (r->command_id) {
    case COMMAND_META_GET: return RESPONSE_EN;
    case COMMAND_META_ARITHMETIC: return a->has_made ? 0 : RESPONSE_HD | RESPONSE_VA;
    case COMMAND_META_DEBUG: return 0;
    default: return RESPONSE_HD;
    }
}

/* A base64 key comes as it stands in the line. */
static void meta(struct fake_server *s, struct request *r, struct outq *out)
{
    uint8_t key[KEY_MAX];
    struct store_answer a;
    if (r->meta & META_BASE64 && !request_decode_key(r, key)) {
        outq_append(out, "CLIENT_ERROR error decoding key\r\n", 33);
        return;
    }
    store_answer(s->store, r, s->now, &s->arena, &a);
    if (r->command_id == COMMAND_META_GET) {
        s->hits += a.response.kind == RESPONSE_VA || a.response.kind == RESPONSE_HD;
        s->misses += a.response.kind == RESPONSE_EN;
    }
    if (a.response.kind & quiet_kinds(r, &a)) a.response.len = 0;
    put_answer(&a, 0, out);
}

bool fake_server_put(struct fake_server *s, const void *key, size_t key_len, const void *value,
                     size_t len)
{
    struct store_op op;
    store_begin(&op, s->store, key, key_len, s->now);
    struct store_item *item = store_make(&op, len);
    if (item) {
        store_value_write(&op, item, 0, value, len);
        store_put(&op, item);
    }
    store_end(&op);
    return item;
}

/* --- commands without a key ------------------------------------------------------------------------ */

static bool words_are(const struct request *r, const char *words)
{
    const char *at = (const char *)r->args_at;
    size_t len = r->args_len;
    while (len > 0 && *at == ' ') at++, len--;
    while (len > 0 && at[len - 1] == ' ') len--;
    return len == strlen(words) && memcmp(at, words, len) == 0;
}

/* `flush_all [seconds] [noreply]` */
static void flush(struct fake_server *s, const struct request *r, struct outq *out)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *word;
    size_t len;
    int64_t after = 0;
    if (request_next_flag(&at, end, &word, &len) && !(len == 7 && r->noreply) &&
        !text_read_signed(word, len, &after)) {
        say(r, out, "CLIENT_ERROR invalid exptime argument\r\n");
        return;
    }
    store_flush(s->store, s->now, after > THIRTY_DAYS ? after - s->now : after);
    say(r, out, "OK\r\n");
}

static void put_stat(struct outq *out, const char *name, uint64_t number)
{
    char line[LINE_ROOM];
    int n = snprintf(line, sizeof line, "STAT %s %llu\r\n", name, (unsigned long long)number);
    outq_append(out, line, (size_t)n);
}

static void put_stats(const struct fake_server *s, struct outq *out)
{
    static const char *const names[] = {
#define X(name, meaning) #name,
        STORE_COUNTS(X)
#undef X
    };
    uint64_t counts[STORE_COUNT_N];
    struct store_usage usage = store_usage(s->store);
    store_counts(s->store, counts);
    outq_append(out, "STAT version " FAKE_VERSION "\r\n", sizeof "STAT version " FAKE_VERSION + 1);
    put_stat(out, "time", (uint64_t)s->now);
    for (size_t i = 0; i < STORE_COUNT_N; i++) put_stat(out, names[i], counts[i]);
    put_stat(out, "bytes", usage.bytes);
    put_stat(out, "curr_items", usage.items);
    put_stat(out, "total_items", usage.puts);
    put_stat(out, "limit_maxbytes", usage.size);
    put_stat(out, "evictions", usage.evictions);
}

static void stats(const struct fake_server *s, const struct request *r, struct outq *out)
{
    if (words_are(r, "reset")) {
        outq_append(out, "RESET\r\n", 7);
        return;
    }
    if (words_are(r, "")) put_stats(s, out);
    outq_append(out, "END\r\n", END_LEN);
}

/* --- any request ------------------------------------------------------------------------------------ */

static void answer(struct fake_server *s, struct fake_talk *talk, struct request *r,
                   const uint8_t *keys_end, struct outq *out)
{
    switch (command_info(r->command_id)->shape) {
    case SHAPE_RETRIEVE: look_for_all(s, r, keys_end, out); return;
    case SHAPE_STORE:
    case SHAPE_DELETE:
    case SHAPE_ARITHMETIC:
    case SHAPE_TOUCH: change(s, r, out); return;
    case SHAPE_META:
    case SHAPE_META_STORE: meta(s, r, out); return;
    default: break;
    }
    switch (r->command_id) {
    case COMMAND_META_NOOP: outq_append(out, "MN\r\n", 4); return;
    case COMMAND_VERSION:
        outq_append(out, "VERSION " FAKE_VERSION "\r\n", sizeof "VERSION " FAKE_VERSION + 1);
        return;
    case COMMAND_FLUSH_ALL: flush(s, r, out); return;
    case COMMAND_STATS: stats(s, r, out); return;
    case COMMAND_QUIT: talk->is_closed = true; return;
    default: outq_append(out, "ERROR\r\n", 7); return;
    }
}

/* What is not about a key is moongate's own question, and counts as no request. */
static void answer_and_count(struct fake_server *s, struct fake_talk *talk, struct request *r,
                             const struct request_parse *p, const uint8_t *bytes, struct outq *out)
{
    size_t before = out->bytes;
    const uint8_t *keys_end = bytes + p->keys_end;
    if (p->status == REQUEST_OK && p->keys == 1) keys_end = key_of(r) + r->key_len;
    bool counts = p->keys > 0;
    answer(s, talk, r, keys_end, out);
    arena_reset(&s->arena);
    if (!counts) return;
    s->requests++;
    s->bytes_in += p->consumed;
    s->bytes_out += out->bytes - before;
}

/* A set that is too large removes what was there; r is the delete for that. */
static void refuse(struct fake_server *s, struct fake_talk *talk, struct request *r,
                   const struct request_parse *p, struct outq *out)
{
    uint8_t key[KEY_MAX];
    if (p->drop && (!(r->meta & META_BASE64) || request_decode_key(r, key)))
        store_answer_too_large(s->store, r, s->now);
    if (p->error) say(r, out, p->error);
    talk->swallow = p->swallow;
    talk->is_closed = p->status == REQUEST_CLOSE;
}

size_t fake_server_take(struct fake_server *s, struct fake_talk *talk, const uint8_t *bytes,
                        size_t len, struct outq *out)
{
    struct request_rules rules = {.max_value = s->max_value};
    struct request r;
    size_t at = 0;
    talk->need = 0;
    while (at < len && !talk->is_closed) {
        if (talk->swallow > 0) {
            size_t n = talk->swallow < len - at ? (size_t)talk->swallow : len - at;
            talk->swallow -= n;
            at += n;
            continue;
        }
        struct request_parse p = request_parse(bytes + at, len - at, &rules, &r);
        if (p.status == REQUEST_AGAIN) {
            talk->need = p.need;
            break;
        }
        if (p.status == REQUEST_OK || p.status == REQUEST_KEYS)
            answer_and_count(s, talk, &r, &p, bytes + at, out);
        else
            refuse(s, talk, &r, &p, out);
        at += p.consumed;
    }
    return talk->is_closed ? len : at;
}
