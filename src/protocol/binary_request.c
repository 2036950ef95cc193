/* Frames in the words of text. The text protocol can say all that a frame says, so nothing above this floor need know frames: scripts,
 * policies and servers see requests that a text client may have sent.
 *
 * An exptime of a frame has 32 bits without a sign, that of a line is read with one. One of 2^31 or more is a day after 2038: it
 * becomes the last one that a line can say.
 *
 * set, add and replace with a cas are one thing to memcached: a store that compares. */
#include "protocol/binary_request.h"

#include <assert.h>
#include <string.h>

#include "protocol/text.h"

static int64_t exptime_of(const uint8_t *at)
{
    uint32_t exptime = binary_read32(at);
    return exptime > INT32_MAX ? INT32_MAX : exptime;
}

static void set_exptime(struct request *r, const uint8_t *at)
{
    r->asked_exptime = exptime_of(at);
    r->exptime = (double)r->asked_exptime;
}

/* --- words ------------------------------------------------------------------------------------- */

struct words {
    uint8_t *at;
    size_t len;
};

static void put_bytes(struct words *w, const char *text, size_t len)
{
    assert(w->len + len <= BINARY_WORDS_ROOM);
    memcpy(w->at + w->len, text, len);
    w->len += len;
}
#define PUT(w, text) put_bytes(w, text, sizeof(text) - 1)

static void put_number(struct words *w, uint64_t number)
{
    assert(w->len + TEXT_NUMBER_ROOM <= BINARY_WORDS_ROOM);
    w->len += text_write_unsigned(w->at + w->len, number);
}

static void put_cas(struct words *w, uint64_t cas)
{
    PUT(w, " C");
    put_number(w, cas);
}

/* --- by shape ---------------------------------------------------------------------------------- */

static void read_key(const struct binary_frame *f, struct request *r, struct words *w)
{
    r->command_id = r->meta & META_BASE64 ? COMMAND_META_GET : COMMAND_GETS;
    if (r->meta & META_BASE64) PUT(w, "v f c");
    (void)f;
}

static void touch_key(const struct binary_frame *f, struct request *r, struct words *w)
{
    bool touches = f->opcode == BINARY_OP_TOUCH;
    set_exptime(r, f->extras);
    r->command_id = touches || r->meta & META_BASE64 ? COMMAND_META_GET : COMMAND_GATS;
    if (r->command_id == COMMAND_GATS) return;
    r->meta |= META_EXPTIME;
    if (touches)
        PUT(w, "f c T");
    else
        PUT(w, "v f c T");
    put_number(w, (uint64_t)r->asked_exptime);
}

static void store_value(const struct binary_frame *f, struct request *r, struct words *w)
{
    bool compares = f->cas != 0;
    r->command_id = COMMAND_META_SET;
    r->value_at = (uintptr_t)f->value;
    r->value_len = f->value_len;
    PUT(w, "c");
    switch (binary_table[f->opcode].command) {
    case COMMAND_ADD:
        if (!compares) PUT(w, " ME");
        break;
    case COMMAND_REPLACE:
        if (!compares) PUT(w, " MR");
        break;
    case COMMAND_APPEND: PUT(w, " MA"); break;
    case COMMAND_PREPEND: PUT(w, " MP"); break;
    default: break;
    }
    if (compares) put_cas(w, f->cas);
    if (binary_table[f->opcode].shape != BINARY_STORE) return;
    r->client_flags = binary_read32(f->extras);
    set_exptime(r, f->extras + 4);
}

struct binary_count binary_read_count(const struct binary_frame *f)
{
    return (struct binary_count){.delta = binary_read64(f->extras),
                                 .initial = binary_read64(f->extras + 8),
                                 .exptime = binary_read32(f->extras + 16)};
}

static void count_number(const struct binary_frame *f, struct request *r, struct words *w)
{
    struct binary_count count = binary_read_count(f);
    r->command_id = COMMAND_META_ARITHMETIC;
    PUT(w, "v c D");
    put_number(w, count.delta);
    if (binary_table[f->opcode].command == COMMAND_DECR) PUT(w, " MD");
    if (count.exptime != BINARY_MAKES_NOTHING) {
        PUT(w, " N");
        put_number(w, (uint64_t)exptime_of(f->extras + 16));
        PUT(w, " J");
        put_number(w, count.initial);
    }
    if (f->cas) put_cas(w, f->cas);
}

static void delete_key(const struct binary_frame *f, struct request *r, struct words *w)
{
    bool is_plain = !f->cas && !(r->meta & META_BASE64);
    r->command_id = is_plain ? COMMAND_DELETE : COMMAND_META_DELETE;
    if (f->cas) put_cas(w, f->cas);
}

/* --- any frame --------------------------------------------------------------------------------- */

/* A key that a line cannot carry goes as base64, which makes it longer. */
static bool take_key(const struct binary_frame *f, bool strict, struct request *r, struct words *w)
{
    r->key_at = (uintptr_t)f->key;
    r->key_len = f->key_len;
    if (request_key_is_valid(f->key, f->key_len, strict)) return true;
    if (strict || f->key_len > KEY_MAX_BASE64) return false;
    r->meta |= META_BASE64;
    PUT(w, "b ");
    return true;
}

/* Commands that are not about a key. */
static void take_words(const struct binary_frame *f, struct request *r, struct words *w)
{
    r->command_id = binary_table[f->opcode].command;
    if (f->extras_len) put_number(w, (uint64_t)exptime_of(f->extras));
    if (f->key_len) *w = (struct words){(uint8_t *)f->key, f->key_len};
}

bool binary_to_request(const struct binary_frame *f, bool strict_keys, struct request *r,
                       uint8_t *words)
{
    struct words w = {.len = 0};
    unsigned shape = binary_table[f->opcode].shape;
    bool has_key = shape <= BINARY_TOUCH;
    assert(shape != BINARY_NO_SHAPE && shape != BINARY_SASL);
    w.at = words;
    memset(r, 0, sizeof *r);
    if (has_key && !take_key(f, strict_keys, r, &w)) return false;
    switch (shape) {
    case BINARY_READ: read_key(f, r, &w); break;
    case BINARY_TOUCH: touch_key(f, r, &w); break;
    case BINARY_STORE:
    case BINARY_CONCAT: store_value(f, r, &w); break;
    case BINARY_COUNT: count_number(f, r, &w); break;
    case BINARY_DELETE: delete_key(f, r, &w); break;
    default: take_words(f, r, &w); break;
    }
    r->args_at = w.len ? (uintptr_t)w.at : 0;
    r->args_len = (uint16_t)w.len;
    return true;
}
