/* Any bytes as a client's: nothing is read beyond them, cutting them changes nothing, and what is sent on is what was meant. */
#include "fuzz/fuzz.h"

#include "protocol/request.h"

enum { MAX_VALUE = 64 };

static const struct request_rules RULES = {.max_value = MAX_VALUE};
static const struct request_rules ANSWERING = {.max_value = MAX_VALUE, .answer_values = true};

/* What came of a stream of requests. */
struct outcome {
    uint64_t digest;
    size_t at; /* where it stopped */
};

static void check_inside(uintptr_t at, size_t n, const uint8_t *bytes, size_t len)
{
    check(at >= (uintptr_t)bytes && at + n <= (uintptr_t)(bytes + len));
}

/* --- sent on ----------------------------------------------------------------------------------- */

/* Words and single spaces; in a key that is not base64 there may be control bytes. */
static void check_line(const struct request *r, const uint8_t *line, size_t len, bool open)
{
    size_t text = open ? len : len - 2;
    check(len <= REQUEST_LINE_ROOM);
    if (!open) check(memcmp(line + text, "\r\n", 2) == 0);
    const uint8_t *key = memmem(line, text, (void *)r->key_at, r->key_len);
    bool plain = !(r->meta & META_BASE64) && key;
    for (size_t i = 0; i < text; i++) {
        bool in_key = plain && line + i >= key && line + i < key + r->key_len;
        check(in_key ? line[i] && !strchr(" \r\n", line[i]) : line[i] >= ' ' && line[i] != 0x7f);
        check(line[i] != ' ' || (i > 0 && i + 1 < text && line[i + 1] != ' '));
    }
}

static void check_same(const struct request *a, const struct request *b)
{
    check(a->command_id == b->command_id && a->number == b->number);
    check(a->asked_exptime == b->asked_exptime && a->exptime == b->exptime &&
          a->client_flags == b->client_flags);
    check(a->key_len == b->key_len &&
          memcmp((void *)a->key_at, (void *)b->key_at, a->key_len) == 0);
    check(a->value_len == b->value_len && !a->value_at == !b->value_at);
    check(!a->value_at || !b->value_at ||
          memcmp((void *)a->value_at, (void *)b->value_at, a->value_len) == 0);
}

/* The line for a backend says the same request, in canonical form, whatever the client wrote. */
static void check_encoded(const struct request *parsed)
{
    uint8_t key[KEY_MAX], key_again[KEY_MAX];
    struct request own = *parsed, *r = &own;
    if (r->meta & META_BASE64 && !request_decode_key(r, key))
        return; /* refused by the client's side */
    uint8_t whole[REQUEST_LINE_ROOM + MAX_VALUE + 2];
    struct request again;
    unsigned shape = command_info(r->command_id)->shape;
    size_t len = request_encode_line(r, whole);
    check_line(r, whole, len, shape == SHAPE_RETRIEVE);
    if (r->value_len) memcpy(whole + len, (void *)r->value_at, r->value_len);
    len += r->value_len;
    if (shape == SHAPE_STORE || shape == SHAPE_META_STORE || shape == SHAPE_RETRIEVE) {
        memcpy(whole + len, "\r\n", 2);
        len += 2;
    }
    struct request_parse p = request_parse(whole, len, &RULES, &again);
    check(p.status == REQUEST_OK && p.consumed == len && p.keys == 1);
    check(!again.noreply && again.meta == (r->meta & ~META_QUIET));
    if (again.meta & META_BASE64) check(request_decode_key(&again, key_again));
    check_same(r, &again);
}

/* --- one request ------------------------------------------------------------------------------- */

static void take_keys(const struct request_parse *p, struct request r, const uint8_t *bytes,
                      uint64_t *digest)
{
    const uint8_t *at = (const uint8_t *)r.key_at;
    uint32_t keys = 0;
    check(p->keys > 1 && r.key_len == 0);
    for (; request_next_key(&at, bytes + p->keys_end, &r); keys++) {
        check_inside(r.key_at, r.key_len, bytes, p->keys_end);
        check(request_key_is_valid((const uint8_t *)r.key_at, r.key_len, false));
        check_encoded(&r);
        digest_bytes(digest, (void *)r.key_at, r.key_len);
    }
    check(keys == p->keys);
}

static void take_one(const struct request_parse *p, const struct request *r, const uint8_t *bytes,
                     uint64_t *digest)
{
    if (command_info(r->command_id)->shape >= SHAPE_ADMIN) {
        check(r->command_id != COMMAND_NONE && !r->key_at && !r->value_at);
        return;
    }
    check(p->keys == 1);
    check_inside(r->key_at, r->key_len, bytes, p->consumed);
    check(request_key_is_valid((const uint8_t *)r->key_at, r->key_len, false));
    if (r->value_at) check_inside(r->value_at, r->value_len, bytes, p->consumed);
    check(r->value_len <= MAX_VALUE);
    check(r->exptime >= INT32_MIN && r->exptime <= INT32_MAX && r->exptime == (int32_t)r->exptime);
    check(request_exptime(r) == r->asked_exptime);
    check_encoded(r);
    digest_bytes(digest, (void *)r->key_at, r->key_len);
    digest_bytes(digest, (void *)r->value_at, r->value_len);
}

static void check_error(const char *error)
{
    size_t len = strlen(error);
    check(len > 2 && strcspn(error, "\r\n") == len - 2 && strcmp(error + len - 2, "\r\n") == 0);
}

static void take(const struct request_parse *p, const struct request *r, const uint8_t *bytes,
                 size_t len, uint64_t *digest)
{
    digest_number(digest, p->status);
    if (p->error) {
        check_error(p->error);
        digest_bytes(digest, p->error, strlen(p->error));
    }
    if (p->status == REQUEST_CLOSE) return;
    check(p->consumed > 0 && p->consumed <= len);
    check(p->status == REQUEST_REFUSED ? p->error != NULL : !p->error && !p->swallow);
    digest_number(digest, p->consumed);
    digest_number(digest, p->swallow);
    digest_number(digest, r->command_id);
    digest_number(digest, r->noreply);
    if (p->status == REQUEST_REFUSED) return;
    digest_number(digest, r->number);
    digest_number(digest, (uint64_t)(int64_t)r->exptime);
    digest_number(digest, r->client_flags);
    if (p->status == REQUEST_KEYS)
        take_keys(p, *r, bytes, digest);
    else
        take_one(p, r, bytes, digest);
}

static void check_again(const struct request_parse *p, const uint8_t *bytes, size_t len)
{
    bool has_line = len && memchr(bytes, '\n', len);
    check(p->consumed == 0 && !p->error);
    check(has_line ? p->need > len : p->need == 0);
}

/* Who answers refused values takes and refuses what others do, and is in doubt only where they close. */
static void check_answering(const struct request_parse *p, const uint8_t *bytes, size_t len)
{
    struct request r;
    struct request_parse other = request_parse(bytes, len, &ANSWERING, &r);
    check(!p->each_line && !p->in_doubt);
    check(other.status == (other.in_doubt ? REQUEST_REFUSED : p->status));
    check(!other.in_doubt || (p->status == REQUEST_CLOSE && !other.drop && !other.swallow));
    check(!other.each_line || (p->status == REQUEST_REFUSED && other.swallow > 0));
    check(other.consumed == p->consumed && other.swallow == p->swallow);
    check(other.need == p->need && other.drop == p->drop && other.error == p->error);
}

/* --- a stream of them -------------------------------------------------------------------------- */

/* Parses the whole requests in bytes[o->at..end); false when there is no way to go on. */
static bool take_all(const uint8_t *bytes, size_t end, struct outcome *o)
{
    while (o->at < end) {
        struct request r = {0};
        const uint8_t *at = bytes + o->at;
        struct request_parse p = request_parse(at, end - o->at, &RULES, &r);
        check_answering(&p, at, end - o->at);
        if (p.status == REQUEST_AGAIN) {
            check_again(&p, at, end - o->at);
            break;
        }
        take(&p, &r, at, end - o->at, &o->digest);
        if (p.status == REQUEST_CLOSE) return false;
        o->at += p.consumed + p.swallow;
    }
    return true;
}

/* A connection that gets the first `cut` bytes, and the rest later. */
static struct outcome play(const uint8_t *bytes, size_t size, size_t cut)
{
    struct outcome o = {0};
    uint8_t *begin = exact_copy(bytes, cut);
    bool open = take_all(begin, cut, &o);
    free(begin);
    if (open) take_all(bytes, size, &o);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = play(data, size, size);
    /* A longer line is closed on once it is seen to be longer, which depends on the cut. */
    if (size > LINE_MAX_BYTES) return 0;
    for (size_t cut = 0; cut < size; cut = next_cut(cut, size, whole.digest)) {
        struct outcome o = play(data, size, cut);
        check(o.digest == whole.digest && o.at == whole.at);
    }
    return 0;
}
