/* Any bytes as a binary client's: nothing is read beyond them, cutting them changes nothing, and what is valid becomes a request whose line
 * is one line. */
#include "fuzz/fuzz.h"

#include <stdbool.h>

#include "protocol/binary.h"
#include "protocol/binary_request.h"

enum { MAX_VALUE = 64 };

struct outcome {
    uint64_t digest;
    size_t at;
    bool closed;
};

/* One line that ends in CRLF, or the begin of a get, and no byte of the frame can end it before. */
static void check_line(const struct request *r)
{
    uint8_t line[REQUEST_LINE_ROOM];
    size_t n = request_encode_line(r, line);
    bool is_open = command_info(r->command_id)->shape == SHAPE_RETRIEVE;
    check(n > 2 && n <= request_line_room(r));
    const uint8_t *newline = memchr(line, '\n', n);
    check(is_open ? !newline && !memchr(line, '\r', n) : newline == line + n - 1);
    check(r->key_len > 0 && r->key_len <= KEY_MAX);
}

static void check_request(const struct binary_frame *f, uint64_t *digest)
{
    uint8_t words[BINARY_WORDS_ROOM];
    struct request r;
    const struct binary_info *info = &binary_table[f->opcode];
    if (info->command == COMMAND_NONE) return;
    bool good = binary_to_request(f, f->cas & 1, &r, words);
    digest_number(digest, good);
    if (!good) return;
    digest_number(digest, r.command_id);
    digest_bytes(digest, (const void *)r.args_at, r.args_len);
    if (info->shape <= BINARY_TOUCH) check_line(&r);
}

static void check_frame(const struct binary_frame *f, const struct binary_parse *p,
                        const uint8_t *at, size_t len)
{
    size_t before = BINARY_HEAD + (size_t)f->extras_len + f->key_len;
    check(p->consumed <= len);
    check(p->status == BINARY_CLOSE || p->consumed >= before);
    if (p->consumed < BINARY_HEAD) return;
    check(f->extras == at + BINARY_HEAD && f->key == f->extras + f->extras_len);
    check(f->value == f->key + f->key_len);
    if (p->status == BINARY_WHOLE)
        check(f->value_len <= MAX_VALUE && p->consumed == before + f->value_len);
    if (p->status == BINARY_REFUSED) check(p->consumed == before && p->swallow == f->value_len);
    if (p->status != BINARY_WHOLE) check(*binary_status_text(p->error));
}

static void take_all(const uint8_t *bytes, size_t end, struct outcome *o)
{
    while (!o->closed && o->at < end) {
        struct binary_frame f;
        const uint8_t *at = bytes + o->at;
        struct binary_parse p = binary_parse(at, end - o->at, MAX_VALUE, &f);
        if (p.status == BINARY_AGAIN) {
            check(p.need == 0 ? end - o->at < BINARY_HEAD : p.need > end - o->at);
            break;
        }
        check_frame(&f, &p, at, end - o->at);
        digest_number(&o->digest, p.status);
        digest_number(&o->digest, p.error);
        digest_number(&o->digest, f.opcode);
        if (p.status == BINARY_WHOLE) check_request(&f, &o->digest);
        o->at += p.consumed;
        o->closed = p.status == BINARY_CLOSE;
    }
}

static struct outcome play(const uint8_t *bytes, size_t size, size_t cut)
{
    struct outcome o = {0};
    uint8_t *begin = exact_copy(bytes, cut);
    take_all(begin, cut, &o);
    free(begin);
    take_all(bytes, size, &o);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = play(data, size, size);
    for (size_t cut = 0; cut < size; cut = next_cut(cut, size, whole.digest)) {
        struct outcome o = play(data, size, cut);
        check(o.digest == whole.digest && o.at == whole.at && o.closed == whole.closed);
    }
    return 0;
}
