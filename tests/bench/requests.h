/* requests: how a connection of load asks: get, set, mg, ms or frames, of keys chosen at random. Owns nothing. */
#ifndef MOONGATE_BENCH_REQUESTS_H
#define MOONGATE_BENCH_REQUESTS_H

#include "state.h"

static char *put_key(char *p, const struct key *key)
{
    memcpy(p, key->text, key->len);
    return p + key->len;
}

/* The head of a frame, with opaque and cas 0. */
static char *put_head(char *p, unsigned opcode, size_t extras, size_t key, size_t value)
{
    size_t body = extras + key + value;
    memset(p, 0, FRAME_HEAD);
    p[0] = (char)0x80;
    p[1] = (char)opcode;
    p[2] = (char)(key >> 8);
    p[3] = (char)key;
    p[4] = (char)extras;
    for (int i = 0; i < 4; i++) p[8 + i] = (char)(body >> (24 - 8 * i));
    return p + FRAME_HEAD;
}

static void write_binary_get(struct conn *c, const uint32_t *numbers, uint32_t n)
{
    char *p = bytes_room(&c->out, (size_t)(n + 1) * (KEY_MAX + FRAME_HEAD));
    for (uint32_t i = 0; i < n; i++) {
        const struct key *key = &keys[numbers[i]];
        p = put_key(put_head(p, n > 1 ? FRAME_GETKQ : FRAME_GET, 0, key->len, 0), key);
    }
    if (n > 1) p = put_head(p, FRAME_NOOP, 0, 0, 0);
    c->out.end = (size_t)(p - c->out.data);
}

static void write_binary_set(struct conn *c, const struct key *key)
{
    enum { EXTRAS = 8 };
    char *p = bytes_room(&c->out, FRAME_HEAD + EXTRAS + KEY_MAX + (size_t)opt.value);
    uint32_t flags = key_flags(key);
    p = put_head(p, FRAME_SET, EXTRAS, key->len, opt.value);
    memset(p, 0, EXTRAS);
    for (int i = 0; i < 4; i++) p[i] = (char)(flags >> (24 - 8 * i));
    p = put_key(p + EXTRAS, key);
    value_write(key, p, opt.value);
    c->out.end = (size_t)(p + opt.value - c->out.data);
}

static void write_get(struct conn *c, const uint32_t *numbers, uint32_t n)
{
    if (opt.binary) {
        write_binary_get(c, numbers, n);
        return;
    }
    char *p = bytes_room(&c->out, 16 + (size_t)n * (KEY_MAX + 1));
    const char *tail = opt.meta ? " f v\r\n" : "\r\n";
    p = opt.meta ? stpcpy(p, "mg") : stpcpy(p, "get");
    for (uint32_t i = 0; i < n; i++) {
        *p++ = ' ';
        p = put_key(p, &keys[numbers[i]]);
    }
    c->out.end = (size_t)(stpcpy(p, tail) - c->out.data);
}

static void write_set(struct conn *c, const struct key *key)
{
    if (opt.binary) {
        write_binary_set(c, key);
        return;
    }
    char *p = bytes_room(&c->out, KEY_MAX + 64 + (size_t)opt.value);
    p = put_key(stpcpy(p, opt.meta ? "ms " : "set "), key);
    p += sprintf(p, opt.meta ? " %2$u F%1$u\r\n" : " %1$u 0 %2$u\r\n", key_flags(key), opt.value);
    value_write(key, p, opt.value);
    memcpy(p + opt.value, "\r\n", 2);
    c->out.end = (size_t)(p + opt.value + 2 - c->out.data);
}

static uint32_t key_to_get(void)
{
    if (random_is_below(opt.hot)) return 0;
    if (random_is_below(opt.absent)) return opt.keys + random_below(opt.keys);
    return random_below(opt.keys);
}

/* Writes a request. at: when it is sent, or was due. */
static void ask_write(struct conn *c, uint64_t at)
{
    uint32_t place = (c->head + c->outstanding) % opt.depth;
    uint32_t *numbers = &c->numbers[(size_t)place * opt.group];
    bool is_set = phase == STORE || opt.only_sets || random_below(100 + opt.sets) >= 100;
    uint32_t n = is_set ? 1 : opt.group;
    for (uint32_t i = 0; i < n; i++)
        numbers[i] = phase == STORE ? stored++ : is_set ? random_below(opt.keys) : key_to_get();
    c->asks[place] = (struct ask){.sent = at, .n = n, .is_set = is_set};
    c->outstanding++;
    outstanding++;
    if (is_set)
        write_set(c, &keys[numbers[0]]);
    else
        write_get(c, numbers, n);
}

#endif
