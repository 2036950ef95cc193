#include "backend/call.h"

#include <assert.h>
#include <string.h>

#include "backend/sharers.h"
#include "base/arena.h"
#include "base/slab.h"
#include "protocol/base64.h"
#include "protocol/dialect.h"
#include "protocol/echo.h"
#include "protocol/reword.h"
#include "protocol/value.h"

/* A call has one size, so that the slab serves it fast. Its keys lie behind the struct, and move to a block of their size when
 * they outgrow that: most calls have one short key. A key is kept as it was sent, because the answer repeats it so, and as the
 * client knows it, where a script rewrote it.
 *
 * The keys of a get are answered in the order sent, with the misses left out: so one offset (seen) that only grows shows which
 * keys a value may have (I2). A second value for the same key, or one for another key, finds no key left.
 */

enum { SIZE = 192, INSIDE = SIZE - sizeof(struct call) };

/* Stands before the bytes of each key: those sent, and those shown if shown_len > 0. Not aligned: read with memcpy. */
struct record {
    uint32_t part;
    uint32_t sharer; /* see sharers.h */
    uint16_t sent_len;
    uint16_t shown_len;
};

static bool call_sane(const struct call *call)
{
    return call->keys_seen <= call->keys_n && call->seen <= call->used && call->used <= call->room;
}

/* Moves the bytes to a block at least twice as large, so that a get of many keys moves them seldom. */
static void make_room(struct call *call, uint32_t more)
{
    assert(call_sane(call));
    uint32_t room = (call->used + more) * 2;
    uint8_t *bytes = slab_borrow(room);
    memcpy(bytes, call->bytes, call->used);
    if (call->bytes != call->inside) slab_return(call->bytes, call->room);
    call->bytes = bytes;
    call->room = room;
}

/* Appends a key as it stands on the wire; there is room for KEY_WIRE_ROOM bytes. */
static uint16_t append_key(struct call *call, const struct request *r, uintptr_t key, size_t len)
{
    size_t n = request_wire_key(r, (const uint8_t *)key, len, call->bytes + call->used);
    call->used += (uint32_t)n;
    return (uint16_t)n;
}

/* Base64 keys take the most room that a key can take, as their length on the wire is known only once they are written. */
void call_add_key(struct call *call, const struct request *r)
{
    struct record record = {.part = r->part};
    uint32_t at = call->used;
    bool base64 = r->meta & META_BASE64;
    uint32_t keys = base64 ? 2 * KEY_WIRE_ROOM : (uint32_t)r->key_len + r->shown_key_len;
    uint32_t more = (uint32_t)sizeof record + keys;
    if (call->room - call->used < more) make_room(call, more);
    call->used += (uint32_t)sizeof record;
    record.sent_len = append_key(call, r, r->key_at, r->key_len);
    if (r->shown_key_at) record.shown_len = append_key(call, r, r->shown_key_at, r->shown_key_len);
    memcpy(call->bytes + at, &record, sizeof record);
    call->keys_n++;
}

/* Keeps the opaque, the token of flag O, behind the key. */
static void add_opaque(struct call *call, const struct request *r)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag = at;
    size_t len = 0;
    while (request_next_flag(&at, end, &flag, &len) && *flag != 'O') {
    }
    if (len - 1 > OPAQUE_MAX) return; /* the server will refuse it */
    assert(call->keys_n == 1 && call_sane(call));
    if (call->room - call->used < len) make_room(call, (uint32_t)len);
    call->opaque_at = call->used;
    call->opaque_len = (uint8_t)(len - 1);
    memcpy(call->bytes + call->used, flag + 1, len - 1);
    call->used += (uint32_t)(len - 1);
}

/* The request goes without flag k. The letters of the flags before k say where in the answer the key belongs; they are the
 * last bytes. */
static void hide_key(struct call *call, const struct request *r)
{
    if (call->room - call->used < ECHO_LETTERS_MAX) make_room(call, ECHO_LETTERS_MAX);
    call->marks |= CALL_HIDES_KEY;
    call->repeats &= (uint8_t)~META_KEY;
    call->letters_len = (uint8_t)echo_letters(r, call->bytes + call->used);
    call->used += call->letters_len;
}

struct call *call_create(const struct request *r, double deadline, call_done_fn *done, void *owner)
{
    struct call *call = slab_borrow(SIZE);
    call->next = NULL;
    call->done = done;
    call->owner = owner;
    call->deadline = deadline;
    call->sent = 0;
    call->exptime = r->exptime;
    call->writes = WRITES_NONE;
    call->command = r->command_id;
    call->repeats = r->meta & (META_KEY | META_OPAQUE | META_BASE64);
    call->sharers = NULL;
    call->wire = NULL;
    call->marks = 0;
    call->pool = BACKEND_NO_POOL;
    call->may_stream = false;
    call->traits = (uint8_t)dialect_traits(r);
    call->affinity = r->affinity;
    call->opaque_len = call->letters_len = 0;
    call->opaque_at = 0;
    call->value_len = r->value_len;
    call->line_len = 0;
    call->keys_n = call->keys_seen = call->seen = call->used = 0;
    call->classic = COMMAND_NONE;
    call->opcode = 0;
    call->room = INSIDE;
    call->bytes = call->inside;
    call_add_key(call, r);
    if (r->meta & META_OPAQUE) add_opaque(call, r);
    if (request_hides_key(r)) hide_key(call, r);
    return call;
}

/* The opaque is among the flags: the copy of it alone, at the end, is not needed any more. */
static void copy_flags(struct call *call, const struct request *r)
{
    call->used -= call->opaque_len;
    if (call->room - call->used < r->args_len) make_room(call, r->args_len);
    call->opaque_at = call->used;
    call->opaque_len = 0;
    if (r->args_len) memcpy(call->bytes + call->used, (const void *)r->args_at, r->args_len);
    call->used += r->args_len;
}

/* A key that is hidden is not text, so its request is not asked so. */
void call_become_classic(struct call *call, const struct request *r, const struct request *said)
{
    assert(!call->classic && !(call->marks & CALL_HIDES_KEY) && call->keys_n == 1);
    copy_flags(call, r);
    call->classic = said->command_id;
    call->traits = (uint8_t)dialect_traits(said);
}

/* A frame has no lines that a key could break. */
void call_become_framed(struct call *call, const struct request *r, unsigned classic,
                        unsigned opcode)
{
    assert(!call->classic && opcode && call->keys_n == 1);
    if (call->marks & CALL_HIDES_KEY) {
        call->marks &= (uint8_t)~CALL_HIDES_KEY;
        call->used -= call->letters_len;
        call->letters_len = 0;
    }
    copy_flags(call, r);
    call->classic = (uint8_t)classic;
    call->opcode = (uint8_t)opcode;
}

bool call_has_flags(const struct call *call, const char *text)
{
    size_t len = strlen(text);
    return call->classic && call->used - call->opaque_at == len &&
           memcmp(call->bytes + call->opaque_at, text, len) == 0;
}

void call_destroy(struct call *call)
{
    if (call->wire) {
        outq_release(call->wire);
        slab_return(call->wire, sizeof *call->wire);
    }
    if (__builtin_expect(call->sharers != NULL, 0)) sharers_destroy(call->sharers);
    if (call->bytes != call->inside) slab_return(call->bytes, call->room);
    slab_return(call, SIZE);
}

/* shown falls back to sent, so that owners need not know whether a script rewrote the key. */
static inline __attribute__((always_inline)) bool key_at_hand(const struct call *call,
                                                              struct call_key *key)
{
    struct record record;
    if (call->keys_seen == call->keys_n) return false;
    const uint8_t *p = call->bytes + call->seen;
    memcpy(&record, p, sizeof record);
    key->part = record.part;
    key->is_base64 = call->repeats & META_BASE64;
    key->sent = key->shown = p + sizeof record;
    key->sent_len = key->shown_len = record.sent_len;
    if (record.shown_len) {
        key->shown += record.sent_len;
        key->shown_len = record.shown_len;
    }
    return true;
}

bool call_key(const struct call *call, struct call_key *key)
{
    return key_at_hand(call, key);
}

void call_pass_key(struct call *call)
{
    struct record record;
    assert(call->keys_seen < call->keys_n);
    memcpy(&record, call->bytes + call->seen, sizeof record);
    call->seen += (uint32_t)sizeof record + record.sent_len + record.shown_len;
    call->keys_seen++;
}

/* Compares bytes with the key as sent: a get has no base64 keys. Skipped keys are misses, which the owner sees by their
 * absence. */
bool call_seek_key(struct call *call, const uint8_t *name, size_t len, struct call_key *key)
{
    for (; key_at_hand(call, key); call_pass_key(call)) {
        if (key->sent_len == len && memcmp(key->sent, name, len) == 0) return true;
    }
    return false;
}

bool call_has_key(const struct call *call, uint32_t at, const void *key, size_t len)
{
    struct record record;
    assert(at + sizeof record <= call->used);
    memcpy(&record, call->bytes + at, sizeof record);
    return record.sent_len == len && memcmp(call->bytes + at + sizeof record, key, len) == 0;
}

uint32_t call_key_sharer(const struct call *call, uint32_t at)
{
    struct record record;
    memcpy(&record, call->bytes + at, sizeof record);
    return record.sharer;
}

void call_set_key_sharer(struct call *call, uint32_t at, uint32_t sharer)
{
    struct record record;
    memcpy(&record, call->bytes + at, sizeof record);
    record.sharer = sharer;
    memcpy(call->bytes + at, &record, sizeof record);
}

bool call_is_awaited(const struct call *call)
{
    return call->owner || (call->sharers && sharers_await(call->sharers));
}

/* True: the answer has the key and the opaque if they were to be repeated. */
static bool has_repeated(const struct call *call, const struct response *r)
{
    return (r->key || !(call->repeats & META_KEY)) && (r->opaque || !(call->repeats & META_OPAQUE));
}

/* True: the bytes on the wire are the base64 of that key. */
static bool is_base64_of(const uint8_t *wire, size_t wire_len, const uint8_t *key, size_t len)
{
    uint8_t plain[KEY_WIRE_ROOM];
    return wire_len <= sizeof plain && base64_is_valid(wire, wire_len) &&
           base64_decode(wire, wire_len, plain) == len && memcmp(plain, key, len) == 0;
}

size_t call_raw_sent(const struct call *call, uint8_t *raw)
{
    struct call_key key;
    if (!call_key(call, &key)) return 0;
    if (key.is_base64) return base64_decode(key.sent, key.sent_len, raw);
    memcpy(raw, key.sent, key.sent_len);
    return key.sent_len;
}

bool call_has_raw_key(const struct call *call, const uint8_t *key, size_t len)
{
    struct call_key sent;
    if (!call_key(call, &sent)) return false;
    if (sent.is_base64) return is_base64_of(sent.sent, sent.sent_len, key, len);
    return sent.sent_len == len && memcmp(sent.sent, key, len) == 0;
}

/* A server answers mg and me with the key in the form in which the item was stored, base64 or plain, whatever form the request
 * had. Only the answer to mg says in which (flag b). */
static bool is_same_key(const struct call *call, const struct call_key *key,
                        const struct response *r)
{
    const uint8_t *token;
    size_t len;
    if (key->sent_len == r->key_len && memcmp(key->sent, r->key, r->key_len) == 0) return true;
    bool was_base64 = call->repeats & META_BASE64;
    if (r->kind != RESPONSE_ME) {
        if (call->command != COMMAND_META_GET && !(call->marks & CALL_ASKED_MG)) return false;
        if (response_find_flag(r, 'b', &token, &len) == was_base64) return false;
    }
    return was_base64 ? is_base64_of(key->sent, key->sent_len, r->key, r->key_len)
                      : is_base64_of(r->key, r->key_len, key->sent, key->sent_len);
}

/* --- sending a second time --------------------------------------------------------------------- */

/* A get changes nothing, so the server may see it twice. Other reads may not be repeated: gat changes the item's exptime, and
 * a meta get may change the item too. Of a line with keys of several owners, none of them has got a part of an answer: each key
 * is answered whole or not at all. */
bool call_may_be_sent_again(const struct call *call)
{
    bool reads = call->command == COMMAND_GET || call->command == COMMAND_GETS;
    unsigned spent = CALL_SENT_AGAIN | (call_is_merged(call) ? 0 : CALL_HEARD);
    return reads && !(call->marks & spent) && call_is_awaited(call);
}

void call_write_again(const struct call *call, struct outq *to)
{
    assert((call->keys_seen == 0 || call->sharers) && !(call->marks & CALL_HIDES_KEY));
    const struct command_info *command = command_info(call->command);
    const uint8_t *at = call->bytes + call->seen, *end = call->bytes + call->used;
    outq_append(to, command->text, command->text_len);
    while (at < end) {
        struct record record;
        memcpy(&record, at, sizeof record);
        at += sizeof record;
        outq_append(to, " ", 1);
        outq_append(to, at, record.sent_len);
        at += record.sent_len + record.shown_len;
    }
}

size_t call_write_as_mg(struct call *call, struct outq *to)
{
    struct call_key key;
    bool has_key = call_key(call, &key);
    assert(has_key && call->command == COMMAND_GET && call->keys_n == 1);
    (void)has_key;
    size_t len = reword_line(key.sent, key.sent_len, outq_reserve(to, REWORD_LINE_ROOM));
    outq_commit(to, len);
    call->marks |= CALL_ASKED_MG;
    return len;
}

/* --- keys that a server does not repeat -------------------------------------------------------- */

size_t call_raw_key(const struct call *call, uint8_t *raw)
{
    struct call_key key;
    bool has_key = call_key(call, &key);
    assert(has_key && key.is_base64);
    (void)has_key;
    return base64_decode(key.sent, key.sent_len, raw);
}

void call_put_key(const struct call *call, struct response *r, struct arena *arena)
{
    struct call_key key;
    if (!call_key(call, &key)) return;
    uint8_t *to = arena_alloc(arena, echo_room(r, key.sent_len));
    if (r->kind == RESPONSE_ME)
        echo_replace_debug(r, key.sent, key.sent_len, to);
    else
        echo_insert(r, call->bytes + call->used - call->letters_len, call->letters_len, key.sent,
                    key.sent_len, to);
}

/* Only HD and VA must repeat what was asked; what any answer repeats must be right. */
bool call_fits(const struct call *call, const struct response *r)
{
    struct call_key key;
    if (r->kind & (RESPONSE_HD | RESPONSE_VA) && !has_repeated(call, r)) return false;
    if (r->key && call_key(call, &key) && !is_same_key(call, &key, r)) return false;
    return !r->opaque || (r->opaque_len == call->opaque_len &&
                          memcmp(r->opaque, call->bytes + call->opaque_at, r->opaque_len) == 0);
}

struct call_news call_news_unknown(void)
{
    static const uint8_t line[] = "ERROR\r\n";
    static const struct response unknown = {
        .kind = RESPONSE_ERROR, .bytes = line, .len = sizeof line - 1};
    return (struct call_news){.event = CALL_ANSWERED, .response = &unknown};
}

void call_tell(const struct call *call, const struct call_news *news)
{
    if (call->owner) call->done(call->owner, news);
}
