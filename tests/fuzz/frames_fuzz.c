/* Any bytes as frames of a server: nothing is read beyond them, cutting them changes nothing, and what a frame becomes is one response that
 * the command may have, in the room that was asked for. The first byte chooses the command. */
#include "fuzz/fuzz.h"

#include <stdbool.h>

#include "protocol/binary_words.h"

enum { MAX_VALUE = 64 };

static const uint8_t KEY[] = "key";

static const uint8_t commands[] = {COMMAND_GET,    COMMAND_GETS,    COMMAND_SET,
                                   COMMAND_ADD,    COMMAND_CAS,     COMMAND_INCR,
                                   COMMAND_DELETE, COMMAND_TOUCH,   COMMAND_APPEND,
                                   COMMAND_GATS,   COMMAND_VERSION, COMMAND_FLUSH_ALL};

struct outcome {
    uint64_t digest;
    size_t at;
    bool valid;
};

static void check_text(unsigned command, const struct binary_response *f)
{
    size_t room = binary_text_room(f, sizeof KEY - 1);
    uint8_t *to = malloc(room);
    struct response text, again;
    check(to != NULL);
    if (binary_text(command, KEY, sizeof KEY - 1, f, command == COMMAND_GETS, to, &text)) {
        check(text.bytes == to && text.len <= room);
        /* A version is a server's own text. */
        if (text.kind != RESPONSE_VERSION) {
            check(response_parse(to, text.len, MAX_VALUE, &again) == RESPONSE_DONE);
            check(again.kind == text.kind && again.len == text.len);
        }
        if (text.kind == RESPONSE_VALUE)
            check(text.key_len == sizeof KEY - 1 && memcmp(text.key, KEY, sizeof KEY - 1) == 0);
    }
    free(to);
}

static bool take_all(unsigned command, const uint8_t *bytes, size_t end, struct outcome *o)
{
    while (o->at < end) {
        struct binary_response f;
        const uint8_t *at = bytes + o->at;
        size_t len = end - o->at;
        enum response_status status = binary_read(at, len, MAX_VALUE, &f);
        if (status == RESPONSE_INVALID) return false;
        if (status == RESPONSE_AGAIN) {
            check(len < BINARY_HEAD ? f.len == 0 : f.len > len);
            break;
        }
        check(f.len >= BINARY_HEAD && f.len <= len && f.value_len <= MAX_VALUE);
        check(f.value + f.value_len == at + f.len);
        check_text(command, &f);
        digest_number(&o->digest, f.status);
        digest_bytes(&o->digest, at, f.len);
        o->at += f.len;
    }
    return true;
}

static struct outcome play(unsigned command, const uint8_t *bytes, size_t size, size_t cut)
{
    struct outcome o = {0};
    uint8_t *begin = exact_copy(bytes, cut);
    o.valid = take_all(command, begin, cut, &o);
    free(begin);
    if (o.valid) o.valid = take_all(command, bytes, size, &o);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    unsigned command = commands[*data % sizeof commands];
    struct outcome whole = play(command, data + 1, size - 1, size - 1);
    for (size_t cut = 0; cut < size - 1; cut = next_cut(cut, size - 1, whole.digest)) {
        struct outcome o = play(command, data + 1, size - 1, cut);
        check(o.digest == whole.digest && o.at == whole.at && o.valid == whole.valid);
    }
    return 0;
}
