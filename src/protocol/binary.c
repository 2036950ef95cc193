/* The binary protocol as memcached 1.6.18 speaks it, tried frame by frame; 1.6.9 and 1.6.38 answer all of it alike.
 *
 *     a frame with                                   answer, and then
 *     another magic byte than 0x80                   none; it closes
 *     a key or extras that the body has no room for  0x81; it closes
 *     a key of more than 250 bytes                   0x04; it closes
 *     other parts than its opcode has                0x04; it closes
 *     an opcode that nobody knows                    0x81; it goes on
 *     a value that is too large                      0x03, before the value has come; it goes on
 *     a data type or a bucket that is not 0          as if they were 0
 *     a cas where there is nothing to compare        likewise
 *
 * It looks at a frame once head, extras and key are there, so these answers come before the value. A quiet frame gets them, too.
 *
 * Where moongate differs, because memcached loses its step in the stream:
 *
 *     an unknown opcode with a key or extras         memcached drops as many bytes too many: here, those of the frame alone
 *     touch, gat and stat with a value               memcached takes the value for the next frame: here, 0x04, and it closes
 *     a body of 2^31 bytes or more                   memcached reads a length below 0: here, as in 1.6.45, 0x04, and it closes
 */
#include "protocol/binary.h"

#include <assert.h>
#include <string.h>

#include "protocol/request.h"

const struct binary_info binary_table[BINARY_OPCODE_COUNT] = {
#define X(name, number, command, shape, answers)                                                   \
    [number] = {BINARY_##shape, COMMAND_##command, answers},
    BINARY_OPCODES(X)
#undef X
};

const char *binary_status_text(unsigned status)
{
    switch (status) {
#define X(name, number, text)                                                                      \
    case number: return text;
        BINARY_STATUSES(X)
#undef X
    default: return "";
    }
}

/* --- numbers ----------------------------------------------------------------------------------- */

static uint16_t read16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void write16(uint8_t *to, unsigned number)
{
    to[0] = (uint8_t)(number >> 8);
    to[1] = (uint8_t)number;
}

void binary_write32(uint8_t *to, uint32_t number)
{
    write16(to, number >> 16);
    write16(to + 2, number & 0xffff);
}

void binary_write64(uint8_t *to, uint64_t number)
{
    binary_write32(to, (uint32_t)(number >> 32));
    binary_write32(to + 4, (uint32_t)number);
}

/* --- requests ---------------------------------------------------------------------------------- */

/* What a shape demands of a frame. */
static const struct shape {
    uint8_t extras, or_extras; /* bytes: one or the other */
    bool needs_key, may_have_key, may_have_value;
} shapes[] = {
    [BINARY_READ] = {0, 0, true, true, false},    [BINARY_STORE] = {8, 8, true, true, true},
    [BINARY_CONCAT] = {0, 0, true, true, true},   [BINARY_DELETE] = {0, 0, true, true, false},
    [BINARY_COUNT] = {20, 20, true, true, false}, [BINARY_TOUCH] = {4, 4, true, true, false},
    [BINARY_BARE] = {0, 0, false, false, false},  [BINARY_FLUSH] = {0, 4, false, false, false},
    [BINARY_STATS] = {0, 0, false, true, false},  [BINARY_SASL] = {0, 0, true, true, true},
};

static bool has_shape(const struct binary_frame *f, unsigned shape)
{
    const struct shape *s = &shapes[shape];
    if (f->extras_len != s->extras && f->extras_len != s->or_extras) return false;
    if (f->key_len ? !s->may_have_key : s->needs_key) return false;
    return f->value_len == 0 || s->may_have_value;
}

static struct binary_parse again(size_t need)
{
    return (struct binary_parse){.status = BINARY_AGAIN, .need = need};
}

/* What is to be done once `consumed` bytes are there; `before` is what head, extras and key take. Only the lengths of f are looked at. */
static struct binary_parse judge(struct binary_frame *f, uint32_t body, size_t before,
                                 size_t max_value)
{
    unsigned shape = binary_table[f->opcode].shape;
    struct binary_parse p = {.status = BINARY_CLOSE, .consumed = before, .error = BINARY_INVALID};
    f->value_len = 0;
    if (before - BINARY_HEAD > body) {
        p.error = BINARY_UNKNOWN_COMMAND;
        return p;
    }
    if (body > BINARY_BODY_MAX || f->key_len > KEY_MAX) return p;
    f->value_len = body - (uint32_t)(before - BINARY_HEAD);
    if (shape != BINARY_NO_SHAPE && !has_shape(f, shape)) return p;
    if (shape == BINARY_NO_SHAPE || f->value_len > max_value) {
        p.status = BINARY_REFUSED;
        p.swallow = f->value_len;
        p.error = shape == BINARY_NO_SHAPE ? BINARY_UNKNOWN_COMMAND : BINARY_TOO_LARGE;
        return p;
    }
    return (struct binary_parse){.status = BINARY_WHOLE, .consumed = before + f->value_len};
}

struct binary_parse binary_parse(const uint8_t *bytes, size_t len, size_t max_value,
                                 struct binary_frame *f)
{
    if (len > 0 && bytes[0] != BINARY_REQUEST) {
        *f = (struct binary_frame){0};
        return (struct binary_parse){.status = BINARY_CLOSE};
    }
    if (len < BINARY_HEAD) return again(0);
    f->opcode = bytes[1];
    f->key_len = read16(bytes + 2);
    f->extras_len = bytes[4];
    f->extras = bytes + BINARY_HEAD;
    f->key = f->extras + f->extras_len;
    f->value = f->key + f->key_len;
    memcpy(&f->opaque, bytes + 12, sizeof f->opaque);
    f->cas = binary_read64(bytes + 16);
    size_t before = BINARY_HEAD + (size_t)f->extras_len + f->key_len;
    struct binary_parse p = judge(f, binary_read32(bytes + 8), before, max_value);
    return len < p.consumed ? again(p.consumed) : p;
}

/* --- responses --------------------------------------------------------------------------------- */

void binary_write_head(const struct binary_answer *a, uint8_t *to)
{
    size_t body = a->value_len + a->key_len + a->extras_len;
    assert(body <= UINT32_MAX);
    to[0] = BINARY_RESPONSE;
    to[1] = a->opcode;
    write16(to + 2, a->key_len);
    to[4] = a->extras_len;
    to[5] = 0;
    write16(to + 6, a->status);
    binary_write32(to + 8, (uint32_t)body);
    memcpy(to + 12, &a->opaque, sizeof a->opaque);
    binary_write64(to + 16, a->cas);
}
