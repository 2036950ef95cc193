/* Any bytes as a server's: nothing is read beyond them, and cutting them changes nothing. */
#include "fuzz/fuzz.h"

#include <stdbool.h>

#include "protocol/request.h"
#include "protocol/response.h"

enum { MAX_VALUE = 64 };

struct outcome {
    uint64_t digest;
    size_t at;
    bool valid;
};

static void check_value(const struct response *r)
{
    const uint8_t *end = r->bytes + r->len;
    check(r->key == r->bytes + 6 && r->key_len > 0 && r->key_len <= KEY_MAX);
    check(r->rest == r->key + r->key_len && r->rest < end && *r->rest == ' ');
    check(!memchr(r->key, ' ', r->key_len) && !memchr(r->key, '\n', r->key_len));
    check(r->need == r->len);
    check(r->len <= (size_t)RESPONSE_LINE_MAX + MAX_VALUE + 2);
}

static void check_ok(const struct response *r, const uint8_t *bytes, size_t len)
{
    check(r->bytes == bytes && r->len >= 3 && r->len <= len);
    check(memcmp(bytes + r->len - 2, "\r\n", 2) == 0);
    check(__builtin_popcount(r->kind) == 1);
    if (r->kind == RESPONSE_VALUE)
        check_value(r);
    else if (r->kind == RESPONSE_VA)
        check(r->need == r->len && r->len <= (size_t)RESPONSE_LINE_MAX + MAX_VALUE + 2);
    else
        check(r->len <= RESPONSE_LINE_MAX && memchr(bytes, '\n', r->len) == bytes + r->len - 1);
}

static void check_again(const struct response *r, const uint8_t *bytes, size_t len)
{
    bool has_line = len && memchr(bytes, '\n', len);
    check(has_line ? r->need > len : r->need == 0 && len < RESPONSE_LINE_MAX);
}

/* As in request_fuzz.c. */
static bool take_all(const uint8_t *bytes, size_t end, struct outcome *o)
{
    while (o->at < end) {
        struct response r;
        const uint8_t *at = bytes + o->at;
        enum response_status status = response_parse(at, end - o->at, MAX_VALUE, &r);
        if (status == RESPONSE_INVALID) return false;
        if (status == RESPONSE_AGAIN) {
            check_again(&r, at, end - o->at);
            break;
        }
        check_ok(&r, at, end - o->at);
        digest_number(&o->digest, r.kind);
        digest_bytes(&o->digest, at, r.len);
        o->at += r.len;
    }
    return true;
}

static struct outcome play(const uint8_t *bytes, size_t size, size_t cut)
{
    struct outcome o = {0};
    uint8_t *begin = exact_copy(bytes, cut);
    o.valid = take_all(begin, cut, &o);
    free(begin);
    if (o.valid) o.valid = take_all(bytes, size, &o);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = play(data, size, size);
    for (size_t cut = 0; cut < size; cut = next_cut(cut, size, whole.digest)) {
        struct outcome o = play(data, size, cut);
        check(o.digest == whole.digest && o.at == whole.at && o.valid == whole.valid);
    }
    return 0;
}
