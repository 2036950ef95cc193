/* A value that was not recorded is made up from its key and its length, so the same key has the same value whenever it was that long. Up to
 * nine bytes are digits: what is counted stays a number. */
#include "replay/asked.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/live.h"
#include "placement/hash.h"
#include "protocol/flags.h"
#include "protocol/request.h"

enum { DIGITS_MOST = 9, NUMBER_ROOM = 32 };

/* --- bytes ------------------------------------------------------------------------------------------ */

static uint8_t *more(struct asked_bytes *b, size_t n)
{
    if (b->room - b->n < n) {
        b->room = (b->n + n) * 2;
        b->at = realloc(b->at, b->room);
        if (!b->at) abort();
    }
    b->n += n;
    return b->at + b->n - n;
}

static void put(struct asked_bytes *b, const void *bytes, size_t n)
{
    if (n) memcpy(more(b, n), bytes, n);
}

static void put_text(struct asked_bytes *b, const char *text)
{
    put(b, text, strlen(text));
}

static void put_unsigned(struct asked_bytes *b, uint64_t number)
{
    char text[NUMBER_ROOM];
    put(b, text, (size_t)snprintf(text, sizeof text, " %llu", (unsigned long long)number));
}

static void put_signed(struct asked_bytes *b, int64_t number)
{
    char text[NUMBER_ROOM];
    put(b, text, (size_t)snprintf(text, sizeof text, " %lld", (long long)number));
}

/* --- values ----------------------------------------------------------------------------------------- */

void asked_make_value(uint8_t *to, size_t len, uint64_t hash)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzabcdef";
    uint64_t state = hash ^ len * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < len; i++) {
        if (i % 8 == 0) state = state * 6364136223846793005u + 1442695040888963407u;
        unsigned part = (unsigned)(state >> 24 >> i % 8 * 5);
        to[i] = len <= DIGITS_MOST ? (uint8_t)('1' + part % 9) : (uint8_t)letters[part & 31];
    }
}

uint32_t asked_value_bytes(const struct asked_key *key)
{
    size_t least = sizeof "VALUE  0 0\r\n\r\n" - 1 + key->len;
    if (key->bytes <= least) return 0;
    uint32_t value = key->bytes - (uint32_t)least;
    for (uint32_t n = value; n >= 10; n /= 10) value--;
    return value;
}

static void put_value(struct asked_maker *m, const struct take *t, size_t len)
{
    uint8_t *to = more(&m->bytes, len);
    m->head.is_made_up = !t->value && len > 0;
    if (t->value && len > 0)
        memcpy(to, t->value, len);
    else
        asked_make_value(to, len, m->keys[0].hash);
    put_text(&m->bytes, "\r\n");
}

/* Of keys alone lengths are not known. */
static size_t value_len(const struct asked_maker *m, const struct take *t)
{
    return t->value || t->value_len > 0 || m->value_bytes == 0 ? t->value_len : m->value_bytes;
}

/* --- lines ------------------------------------------------------------------------------------------ */

static unsigned shape_of(const struct take *t)
{
    return command_info(t->command)->shape;
}

static bool is_get(const struct take *t)
{
    return shape_of(t) == SHAPE_RETRIEVE;
}

/* A line end in a word would begin another request. */
static bool fits_a_line(const struct take *t)
{
    bool is_key = t->base64 || t->key_len == 0 || request_key_is_valid(t->key, t->key_len, false);
    return is_key && (t->args_len == 0 ||
                      (!memchr(t->args, '\n', t->args_len) && !memchr(t->args, '\r', t->args_len)));
}

bool asked_can_be(const struct take *t)
{
    if (t->command == COMMAND_NONE || t->command >= COMMAND_COUNT || !fits_a_line(t)) return false;
    return t->key_len > 0 ? shape_of(t) < SHAPE_ADMIN : t->command == COMMAND_FLUSH_ALL;
}

static void put_key(struct asked_maker *m, const struct take *t)
{
    uint8_t wire[KEY_WIRE_ROOM];
    struct request as = {.meta = t->base64 ? META_BASE64 : 0};
    size_t len = request_wire_key(&as, t->key, t->key_len, wire);
    put_text(&m->bytes, " ");
    if (m->keys_n == m->keys_room) {
        m->keys_room = m->keys_room ? m->keys_room * 2 : 16;
        m->keys = reallocarray(m->keys, m->keys_room, sizeof *m->keys);
        if (!m->keys) abort();
    }
    m->keys[m->keys_n++] =
        (struct asked_key){.at = (const uint8_t *)m->bytes.n,
                           .hash = hash_bytes64(HASH_XXH3, t->key, t->key_len, 0),
                           .bytes = t->bytes < UINT32_MAX ? (uint32_t)t->bytes : UINT32_MAX,
                           .len = t->key_len,
                           .result = t->result};
    put(&m->bytes, wire, len);
}

static void put_args(struct asked_maker *m, const struct take *t)
{
    if (t->args_len == 0) return;
    if (t->args[0] != ' ') put_text(&m->bytes, " ");
    put(&m->bytes, t->args, t->args_len);
}

static void put_end(struct asked_maker *m, bool noreply)
{
    if (noreply) put_text(&m->bytes, " noreply");
    m->head.line_len = m->bytes.n;
    put_text(&m->bytes, "\r\n");
}

static void put_store(struct asked_maker *m, const struct take *t)
{
    size_t len = value_len(m, t);
    put_key(m, t);
    put_unsigned(&m->bytes, t->client_flags);
    put_signed(&m->bytes, t->exptime);
    put_unsigned(&m->bytes, len);
    if (t->command == COMMAND_CAS) {
        m->head.cas_at = m->bytes.n;
        put_unsigned(&m->bytes, t->number);
        m->head.cas_len = m->bytes.n - m->head.cas_at;
    }
    put_end(m, t->noreply);
    put_value(m, t, len);
}

static void put_meta(struct asked_maker *m, const struct take *t)
{
    bool stores = shape_of(t) == SHAPE_META_STORE;
    size_t len = stores ? value_len(m, t) : 0;
    put_key(m, t);
    if (stores) put_unsigned(&m->bytes, len);
    put_args(m, t);
    put_end(m, false);
    if (stores) put_value(m, t, len);
}

/* All but a get. */
static void put_whole(struct asked_maker *m, const struct take *t)
{
    switch (shape_of(t)) {
    case SHAPE_STORE: put_store(m, t); return;
    case SHAPE_META:
    case SHAPE_META_STORE: put_meta(m, t); return;
    case SHAPE_ADMIN:
        put_args(m, t);
        put_end(m, false);
        return;
    default: break;
    }
    put_key(m, t);
    if (shape_of(t) == SHAPE_ARITHMETIC) put_unsigned(&m->bytes, t->number);
    if (shape_of(t) == SHAPE_TOUCH) put_signed(&m->bytes, t->exptime);
    put_end(m, t->noreply);
}

/* --- requests --------------------------------------------------------------------------------------- */

static bool has_flag(const struct take *t, uint8_t letter)
{
    const uint8_t *word;
    size_t len;
    struct request r = {.args_at = (uintptr_t)t->args, .args_len = t->args_len};
    bool is_meta = shape_of(t) == SHAPE_META || shape_of(t) == SHAPE_META_STORE;
    return is_meta && request_find_flag(&r, letter, &word, &len);
}

static bool only_reads(const struct take *t)
{
    struct request r = {
        .command_id = t->command, .args_at = (uintptr_t)t->args, .args_len = t->args_len};
    return request_only_reads(&r);
}

void asked_begin(struct asked_maker *m, const struct take *t)
{
    assert(asked_can_be(t) && m->bytes.n == 0 && m->keys_n == 0);
    m->take = *t;
    m->head = (struct asked){.client = (uint64_t)t->worker << 32 | t->client,
                             .at = (double)(int64_t)(t->at_us - m->began_us) / 1e6,
                             .us = t->us,
                             .command = t->command,
                             .reads = is_get(t) || t->command == COMMAND_META_GET,
                             .changes = !only_reads(t),
                             .is_quiet = t->noreply || has_flag(t, 'q'),
                             .vivifies = t->command == COMMAND_META_GET && has_flag(t, 'N'),
                             .is_base64 = t->base64 && t->key_len > 0,
                             .listener_len = (uint8_t)t->listener_len};
    if (m->head.is_base64) memcpy(m->own_key, t->key, t->key_len);
    memcpy(m->listener, t->listener_len ? t->listener : (const uint8_t *)"", t->listener_len);
    put_text(&m->bytes, command_info(t->command)->text);
    if (!is_get(t)) {
        put_whole(m, t);
        return;
    }
    if (t->command == COMMAND_GAT || t->command == COMMAND_GATS) put_signed(&m->bytes, t->exptime);
    put_key(m, t);
}

bool asked_joins(const struct asked_maker *m, const struct take *t)
{
    const struct take *a = &m->take;
    return m->keys_n > 0 && a->parts > 1 && is_get(a) && t->command == a->command &&
           t->parts == a->parts && t->part > a->part && t->worker == a->worker &&
           t->client == a->client && t->at_us == a->at_us;
}

void asked_join(struct asked_maker *m, const struct take *t)
{
    m->take.part = t->part;
    put_key(m, t);
}

struct asked *asked_make(struct asked_maker *m)
{
    if (is_get(&m->take)) put_end(m, false);
    size_t keys = m->keys_n * sizeof *m->keys;
    size_t own = m->head.is_base64 ? m->keys[0].len : 0;
    struct asked *a = malloc(sizeof *a + keys + m->bytes.n + m->head.listener_len + own);
    if (!a) abort();
    *a = m->head;
    uint8_t *bytes = (uint8_t *)a->keys + keys;
    memcpy(bytes, m->bytes.at, m->bytes.n);
    memcpy(bytes + m->bytes.n, m->listener, m->head.listener_len);
    a->bytes = bytes;
    a->len = m->bytes.n;
    a->listener = bytes + m->bytes.n;
    a->keys_n = (uint32_t)m->keys_n;
    if (keys) memcpy(a->keys, m->keys, keys);
    for (uint32_t i = 0; i < a->keys_n; i++) a->keys[i].at = bytes + (size_t)a->keys[i].at;
    if (own) a->keys[0].at = memcpy(bytes + m->bytes.n + m->head.listener_len, m->own_key, own);
    m->bytes.n = m->keys_n = 0;
    return a;
}

/* Without its end. */
static size_t put_refill_line(uint8_t *to, const struct asked *a, const struct asked_key *k,
                              uint32_t value_bytes)
{
    struct request as = {.meta = a->is_base64 ? META_BASE64 : 0};
    size_t n = a->is_base64 ? 3 : 4;
    memcpy(to, a->is_base64 ? "ms " : "set ", n);
    n += request_wire_key(&as, k->at, k->len, to + n);
    n += (size_t)snprintf((char *)to + n, NUMBER_ROOM, a->is_base64 ? " %u b" : " 0 0 %u",
                          value_bytes);
    return n;
}

struct asked *asked_refill(const struct asked *a, uint32_t key, uint32_t value_bytes)
{
    const struct asked_key *k = &a->keys[key];
    uint32_t len = k->bytes ? asked_value_bytes(k) : value_bytes;
    size_t room = sizeof(struct asked) + sizeof *k + 2 * NUMBER_ROOM + KEY_WIRE_ROOM + k->len + len;
    struct asked *set = malloc(room);
    if (!set) abort();
    *set = (struct asked){.client = a->client,
                          .at = a->at,
                          .command = a->is_base64 ? COMMAND_META_SET : COMMAND_SET,
                          .changes = true,
                          .is_refill = true,
                          .is_base64 = a->is_base64,
                          .keys_n = 1};
    uint8_t *bytes = (uint8_t *)&set->keys[1];
    size_t n = put_refill_line(bytes, a, k, len);
    set->line_len = n;
    memcpy(bytes + n, "\r\n", 2);
    asked_make_value(bytes + n + 2, len, k->hash);
    memcpy(bytes + n + 2 + len, "\r\n", 2);
    set->bytes = bytes;
    set->len = n + len + 4;
    set->keys[0] = *k;
    set->keys[0].at = memcpy(bytes + set->len, k->at, k->len);
    set->keys[0].found = 0;
    return set;
}

void asked_maker_release(struct asked_maker *m)
{
    free(m->bytes.at);
    free(m->keys);
    m->bytes = (struct asked_bytes){.at = NULL};
    m->keys = NULL;
}

size_t asked_line(const struct asked *a, uint32_t key, char *line, size_t room)
{
    size_t n = a->line_len, word = 0;
    if (a->keys_n <= 1) {
        n = n < room ? n : room;
        memcpy(line, a->bytes, n);
        return n;
    }
    word = (size_t)(a->keys[0].at - a->bytes); /* with the blank behind it */
    n = word + a->keys[key].len;
    if (n > room) return 0;
    memcpy(line, a->bytes, word);
    memcpy(line + word, a->keys[key].at, a->keys[key].len);
    return n;
}
