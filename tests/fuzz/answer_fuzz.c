/* Any bytes as a client's, for a store that answers them: nothing is read beyond them, each answer reads as a server's would, and each value
 * is the last one of its key. Between requests, bytes below 9 let time pass, press the memory, flush and crawl. */
#include "fuzz/played_answers.h"

enum { MAX_VALUE = 70000 };

/* What is no request; returns how many bytes it took, 0: it is one. */
static size_t take_event(struct answered *p, const uint8_t *at, size_t left)
{
    unsigned n = left > 1 ? at[1] : 0;
    switch (at[0]) {
    case 1: p->now += n; break;
    case 2: p->now += (int64_t)n * 86400; break;
    case 3: answered_press(p, n % 8, n * 40); break;
    case 4: answered_press(p, n % 8, n * 250); break;
    case 5: answered_flush(p); break;
    case 6: (void)store_crawl(p->store, p->now, 1 + n); break;
    default: return 0;
    }
    return left > 1 ? 2 : 1;
}

static void ask(struct answered *p, struct request *r, const struct request_parse *parsed,
                const uint8_t *bytes)
{
    uint8_t key[KEY_MAX];
    if (command_info(r->command_id)->shape >= SHAPE_ADMIN) return;
    if (parsed->status == REQUEST_KEYS) {
        const uint8_t *at = (const uint8_t *)r->key_at, *end = bytes + parsed->keys_end;
        struct request one = *r;
        while (request_next_key(&at, end, &one)) answered_ask(p, &one);
        return;
    }
    if (r->meta & META_BASE64 && !request_decode_key(r, key)) return;
    answered_ask(p, r);
}

/* Refused lines are skipped, with what belongs to them. */
static void play(struct answered *p, const uint8_t *bytes, size_t size)
{
    struct request_rules rules = {.max_value = MAX_VALUE};
    struct request r;
    for (size_t at = 0; at < size;) {
        size_t event = take_event(p, bytes + at, size - at);
        at += event;
        if (event) continue;
        struct request_parse parsed = request_parse(bytes + at, size - at, &rules, &r);
        if (parsed.status == REQUEST_AGAIN || parsed.status == REQUEST_CLOSE) return;
        if (parsed.status != REQUEST_REFUSED) ask(p, &r, &parsed, bytes + at);
        at += parsed.consumed;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct answered p;
    if (size < 2) return 0;
    answered_begin(&p, STORE_LEAST + (uint64_t)data[0] * 1024, data[1] & 1);
    play(&p, data + 2, size - 2);
    answered_end(&p);
    return 0;
}
