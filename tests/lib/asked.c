#include "lib/asked.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/memcached.h"
#include "lib/scene.h"
#include "lib/value.h"

size_t asked_write_key(const char *prefix, unsigned key, char *text)
{
    return (size_t)snprintf(text, ASKED_KEY_ROOM, "%s%u", prefix, key);
}

enum kind asked_any_kind(unsigned *seed)
{
    static const struct {
        enum kind kind;
        unsigned share;
    } shares[] = {{KIND_GET, 27},        {KIND_MANY, 12},      {KIND_SET, 18},
                  {KIND_QUIET_SET, 5},   {KIND_ADD, 2},        {KIND_DELETE, 2},
                  {KIND_GETS, 3},        {KIND_GAT, 3},        {KIND_TOUCH, 2},
                  {KIND_META_GET, 9},    {KIND_META_QUIET, 4}, {KIND_META_SET, 8},
                  {KIND_META_DELETE, 2}, {KIND_MARK, 3}};
    unsigned at = random_below(seed, 100), i = 0;
    while (at >= shares[i].share) at -= shares[i++].share;
    bool is_meta = shares[i].kind >= KIND_META_GET && shares[i].kind <= KIND_META_DELETE;
    return is_meta && !memcached_at_hand_has_meta() ? KIND_GET : shares[i].kind;
}

static void add_text(struct octets *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_text(struct octets *out, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    octets_add(out, text, (size_t)n);
}

struct maker {
    unsigned *number, *seed;
};

static void add_value(const struct maker *m, struct octets *out, const char *key,
                      const char *before_length, const char *after_length)
{
    static struct octets value;
    octets_take(&value, octets_n(&value));
    value_write(&value, key, ++*m->number, value_length(m->seed));
    add_text(out, "%s%zu%s", before_length, octets_n(&value), after_length);
    octets_add(out, octets_at(&value), octets_n(&value));
    octets_add(out, "\r\n", 2);
}

void asked_write(const struct asked *q, const char *prefix, unsigned *number, unsigned *seed,
                 struct octets *out)
{
    struct maker m;
    m.number = number;
    m.seed = seed;
    char key[ASKED_KEY_ROOM];
    asked_write_key(prefix, q->keys[0], key);
    switch (q->kind) {
    case KIND_GET:
    case KIND_MANY:
    case KIND_GETS:
    case KIND_GAT:
        add_text(out, q->kind == KIND_GETS ? "gets" : q->kind == KIND_GAT ? "gat 1000" : "get");
        for (unsigned i = 0; i < q->n; i++) {
            asked_write_key(prefix, q->keys[i], key);
            add_text(out, " %s", key);
        }
        add_text(out, "\r\n");
        break;
    case KIND_SET:
    case KIND_QUIET_SET:
        add_text(out, "set %s 7 0 ", key);
        add_value(&m, out, key, "", q->kind == KIND_SET ? "\r\n" : " noreply\r\n");
        break;
    case KIND_ADD:
        add_text(out, "add %s 7 0 ", key);
        add_value(&m, out, key, "", "\r\n");
        break;
    case KIND_DELETE: add_text(out, "delete %s\r\n", key); break;
    case KIND_TOUCH: add_text(out, "touch %s 1000\r\n", key); break;
    case KIND_META_GET: add_text(out, "mg %s k v O%u\r\n", key, q->opaque); break;
    case KIND_META_QUIET: add_text(out, "mg %s q k v O%u\r\n", key, q->opaque); break;
    case KIND_META_DELETE: add_text(out, "md %s O%u\r\n", key, q->opaque); break;
    case KIND_META_SET:
        add_text(out, "ms %s ", key);
        char flags[32];
        snprintf(flags, sizeof flags, " F7 O%u\r\n", q->opaque);
        add_value(&m, out, key, "", flags);
        break;
    default: add_text(out, "mn\r\n"); break;
    }
}
