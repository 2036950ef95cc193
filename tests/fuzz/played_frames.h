/* played_frames: a client of the binary protocol, played by worker_fuzz.c. Opaques count up, so the answers' show that they are in order (I1);
 * a value is of the key that was asked for (I2); what is not quiet is answered. Owns nothing.
 */
#ifndef TESTS_FUZZ_PLAYED_FRAMES_H
#define TESTS_FUZZ_PLAYED_FRAMES_H

#include "fuzz/played_asks.h"

#include "protocol/binary.h"

static bool player_may_ask_frames(const struct player *c)
{
    return c->fd >= 0 && !c->ending && !c->wild && (c->framed || !c->has_asked);
}

static void add_frame(struct player *c, uint8_t opcode, const struct bytes *extras, const char *key,
                      const struct bytes *value)
{
    uint8_t head[BINARY_HEAD] = {BINARY_REQUEST, opcode};
    size_t key_len = strlen(key);
    head[2] = (uint8_t)(key_len >> 8);
    head[3] = (uint8_t)key_len;
    head[4] = (uint8_t)extras->len;
    binary_write32(head + 8, (uint32_t)(extras->len + key_len + value->len));
    memcpy(head + 12, &c->opaque, sizeof c->opaque);
    bytes_add(&c->out, head, sizeof head);
    if (extras->len) bytes_add(&c->out, extras->at, extras->len);
    bytes_add(&c->out, key, key_len);
    if (value->len) bytes_add(&c->out, value->at, value->len);
}

static void ask_frame(struct player *c, uint8_t opcode, uint8_t number, uint8_t how)
{
    struct bytes extras = {0}, value = {0};
    const struct binary_info *info = &binary_table[opcode];
    char key[KEY_ROOM] = "", sent[KEY_ROOM];
    uint8_t bytes[20] = {0};
    uint32_t serial = 0;
    if (info->shape <= BINARY_TOUCH && info->shape != BINARY_NO_SHAPE)
        key_text(key, c->letter, number);
    if (info->shape == BINARY_STORE) {
        serial = new_serial(c, number, how);
        key_sent(sent, key);
        value_make(&value, sent, serial, 'C');
        binary_write32(bytes, serial & 0xffff);
    }
    if (info->shape == BINARY_COUNT) binary_write32(bytes + 16, how & 1 ? UINT32_MAX : 0);
    size_t n = info->shape == BINARY_STORE   ? 8
               : info->shape == BINARY_COUNT ? 20
               : info->shape == BINARY_TOUCH ? 4
                                             : 0;
    if (n) bytes_add(&extras, bytes, n);
    c->opaque++;
    c->ops[c->opaque % PLAYER_FRAMES] = opcode;
    c->numbers[c->opaque % PLAYER_FRAMES] = number;
    if (!(info->answers & BINARY_QUIET)) c->loud = c->opaque;
    add_frame(c, opcode, &extras, key, &value);
    bytes_free(&extras);
    bytes_free(&value);
}

static void player_ask_frames(struct player *c)
{
    static const uint8_t opcodes[] = {
        BINARY_OP_GETK,  BINARY_OP_GETKQ, BINARY_OP_GETKQ,   BINARY_OP_SET,
        BINARY_OP_SETQ,  BINARY_OP_ADD,   BINARY_OP_DELETE,  BINARY_OP_INCR,
        BINARY_OP_DECRQ, BINARY_OP_TOUCH, BINARY_OP_GATKQ,   BINARY_OP_NOOP,
        BINARY_OP_NOOP,  BINARY_OP_GATK,  BINARY_OP_DELETEQ, BINARY_OP_VERSION};
    c->framed = c->has_asked = true;
    for (unsigned n = 1 + take(&game.in) % 8; n > 0; n--) {
        uint8_t what = take(&game.in), number = take(&game.in);
        if (c->opaque - c->heard >= PLAYER_FRAMES - 1) return;
        ask_frame(c, opcodes[what % sizeof opcodes], number, what / 16);
    }
}

/* --- being answered ---------------------------------------------------------------------------- */

static void check_value(const struct player *c, uint8_t number, const uint8_t *at, size_t key_len,
                        size_t len)
{
    char key[KEY_ROOM], sent[KEY_ROOM], mark;
    uint32_t serial;
    key_text(key, c->letter, number);
    key_sent(sent, key);
    check(key_len == strlen(key) && memcmp(at, key, key_len) == 0);
    check(value_read(at + key_len, len, sent, &serial, &mark) && mark == 'C');
}

static void take_frame(struct player *c, const uint8_t *at, size_t body)
{
    uint32_t opaque;
    memcpy(&opaque, at + 12, sizeof opaque);
    check(opaque > c->heard && opaque <= c->opaque); /* I1: each once, in order */
    uint8_t opcode = c->ops[opaque % PLAYER_FRAMES];
    unsigned status = binary_read32(at + 4) & 0xffff, key_len = binary_read32(at) & 0xffff;
    check(at[0] == BINARY_RESPONSE && at[1] == opcode && at[5] == 0);
    check((size_t)at[4] + key_len <= body &&
          (status == 0 || key_len || *binary_status_text(status)));
    unsigned shape = binary_table[opcode].shape;
    bool reads = shape == BINARY_READ || (shape == BINARY_TOUCH && opcode != BINARY_OP_TOUCH);
    if (status == 0 && reads)
        check_value(c, c->numbers[opaque % PLAYER_FRAMES], at + BINARY_HEAD + at[4], key_len,
                    body - at[4] - key_len);
    c->heard = opaque;
}

static void player_take_frames(struct player *c)
{
    size_t at = 0;
    while (c->in.len - at >= BINARY_HEAD) {
        size_t body = binary_read32(c->in.at + at + 8);
        check(body <= VALUE_LIMIT + 512);
        if (c->in.len - at < BINARY_HEAD + body) break;
        take_frame(c, c->in.at + at, body);
        at += BINARY_HEAD + body;
    }
    bytes_drop(&c->in, at);
}

#endif
