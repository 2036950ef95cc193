#include "replay/heard.h"

#include <string.h>

static const size_t VALUE_MOST = 1ull << 30;

static const char NOOP[] = "MN\r\n";

/* Values come in the order of the keys. */
static void take_value(struct asked *a, unsigned side, struct hearing *h, const struct response *r,
                       heard_value_fn *on_value, void *about)
{
    struct response_value v = response_read(r);
    uint32_t i = h->key;
    while (i < a->keys_n &&
           (a->keys[i].len != r->key_len || memcmp(a->keys[i].at, r->key, r->key_len) != 0))
        i++;
    if (i == a->keys_n) return;
    a->keys[i].found |= (uint8_t)(1u << side);
    h->key = i + 1;
    on_value(about, &a->keys[i], &v);
}

/* An answer of one line, or the line that ends one. */
static void take_line(struct asked *a, unsigned side, struct hearing *h, const struct response *r,
                      heard_value_fn *on_value, void *about)
{
    if (r->kind & RESPONSE_ANY_ERROR) {
        h->what = HEARD_ERROR;
        h->error = (const uint8_t *)h->at;
        h->error_len = r->len - (r->len > 1 && r->bytes[r->len - 2] == '\r' ? 2 : 1);
        return;
    }
    h->what = a->reads ? HEARD_VALUES : HEARD_DONE;
    if (a->command == COMMAND_META_GET && r->kind != RESPONSE_EN) {
        struct response_value v = response_read(r);
        a->keys[0].found |= (uint8_t)(1u << side);
        on_value(about, &a->keys[0], &v);
    }
}

static enum heard_status end(struct hearing *h, const uint8_t *bytes, size_t consumed)
{
    h->at += consumed;
    if (h->what == HEARD_ERROR) h->error = bytes + (size_t)h->error;
    return HEARD_WHOLE;
}

/* True: more lines of the same answer follow. */
static bool goes_on(const struct asked *a, const struct response *r)
{
    if (r->kind == RESPONSE_VALUE || r->kind == RESPONSE_STAT) return true;
    return a->is_quiet; /* `mn` ends it */
}

enum heard_status heard_read(struct asked *a, unsigned side, struct hearing *h,
                             const uint8_t *bytes, size_t len, size_t *need,
                             heard_value_fn *on_value, void *about)
{
    struct response r;
    for (*need = 0; h->at < len; h->at += r.len) {
        size_t left = len - h->at, word = sizeof NOOP - 1;
        if (a->is_quiet && memcmp(bytes + h->at, NOOP, left < word ? left : word) == 0) {
            if (left < word) return HEARD_AGAIN;
            if (h->what == HEARD_NOTHING && a->reads) h->what = HEARD_VALUES; /* a quiet miss */
            return end(h, bytes, word);
        }
        switch (response_parse(bytes + h->at, left, VALUE_MOST, &r)) {
        case RESPONSE_AGAIN: *need = r.need ? h->at + r.need : 0; return HEARD_AGAIN;
        case RESPONSE_INVALID: return HEARD_BROKEN;
        case RESPONSE_DONE: break;
        }
        if (r.kind == RESPONSE_VALUE)
            take_value(a, side, h, &r, on_value, about);
        else
            take_line(a, side, h, &r, on_value, about);
        if (!goes_on(a, &r)) return end(h, bytes, r.len);
    }
    return HEARD_AGAIN;
}
