/* requests: how a connection of load asks: get, set, mg or ms, of keys chosen at random. Owns nothing. */
#ifndef MOONGATE_BENCH_REQUESTS_H
#define MOONGATE_BENCH_REQUESTS_H

#include "state.h"

static char *put_key(char *p, const struct key *key)
{
    memcpy(p, key->text, key->len);
    return p + key->len;
}

static void write_get(struct conn *c, const uint32_t *numbers, uint32_t n)
{
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
