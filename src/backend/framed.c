#include "backend/framed.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "backend/credential.h"
#include "backend/fifo.h"
#include "backend/held.h"
#include "backend/intake.h"
#include "backend/meter.h"
#include "base/arena.h"

bool framed_is_wanted(const struct backends *set, const struct backend_settings *settings)
{
    return !set->dial && (settings->protocol == PROTOCOL_BINARY ||
                          credential_is_of(set, settings->auth, CREDENTIAL_SASL));
}

/* --- requests ---------------------------------------------------------------------------------- */

bool framed_say(const struct backend *b, const struct request *r, struct binary_words *words,
                struct own_answer *answer)
{
    *words = binary_say(r);
    if (words->status == CLASSIC_SAID) return true;
    translate_answer_for(b, words->status, words->error, &words->what, answer);
    return false;
}

/* Value and frame go without a line's end. */
static void write_value(struct outq *out, const struct request *r)
{
    const uint8_t *value = (const uint8_t *)r->value_at;
    if (r->value_len) outq_append_blob(out, (struct blob *)r->value_blob, value, r->value_len);
}

static void write_head(struct outq *out, const struct binary_words *words)
{
    uint8_t bytes[sizeof words->head + KEY_MAX];
    memcpy(bytes, words->head, words->len);
    assert(words->key_len <= KEY_MAX);
    if (words->key_len) memcpy(bytes + words->len, words->key, words->key_len);
    outq_append(out, bytes, words->len + words->key_len);
}

size_t framed_write(struct conn *c, struct call *call, const struct request *r,
                    const struct binary_words *words)
{
    struct binary_words w = *words;
    size_t value_len = r->value_at ? r->value_len : 0;
    struct outq *out = &c->out;
    call_become_framed(call, r, words->command, words->opcode);
    if (conn_holds(c))
        out = held_wire(call);
    else
        binary_set_opaque(w.head, c->frames_written++);
    write_head(out, &w);
    write_value(out, r);
    if (out == &c->out) conn_end_value(c);
    return w.len + w.key_len + value_len;
}

void framed_let_go(struct conn *c, struct call *call)
{
    assert(call->opcode && call->wire && call->wire->head);
    binary_set_opaque(call->wire->head->at, c->frames_written++);
    outq_splice(&c->out, call->wire);
    conn_end_value(c);
}

void framed_write_again(const struct call *call, struct outq *to)
{
    struct call_key key;
    bool has_key = call_key(call, &key);
    assert(has_key && call->keys_n == 1 && call->opcode == BINARY_OP_GETK);
    (void)has_key;
    struct binary_words words = binary_say_get(key.sent, key.sent_len);
    write_head(to, &words);
}

void framed_probe_idle(struct conn *c)
{
    struct request r = {.command_id = COMMAND_VERSION};
    struct binary_words words = binary_say_bare(BINARY_OP_VERSION, NULL, 0, 0);
    struct call *call = call_create(&r, conn_now(c), NULL, NULL);
    words.command = COMMAND_VERSION;
    framed_write(c, call, &r, &words);
    fifo_add(c, call);
    conn_mark_unsent(c);
}

/* --- answers ----------------------------------------------------------------------------------- */

/* What a frame with a value becomes lies in a blob if the frame does, and in the arena else. */
static uint8_t *room_for(struct intake *in, size_t n, struct blob **blob)
{
    *blob = in->blob ? blob_create(n) : NULL;
    return *blob ? (*blob)->bytes : arena_alloc(in->c->backend->set->arena, n);
}

static const char END[] = "END\r\n";

/* The value for a get is the whole answer, with END. */
static void add_end(struct response *text)
{
    memcpy((uint8_t *)(uintptr_t)text->bytes + text->len, END, sizeof END - 1);
    text->len += sizeof END - 1;
}

static bool is_meta(const struct call *call)
{
    unsigned shape = command_info(call->command)->shape;
    return shape == SHAPE_META || shape == SHAPE_META_STORE;
}

/* The owner gets what the classic command, or the meta request, would have got. */
static void tell(struct intake *in, const struct binary_response *f, struct response *text,
                 struct blob *blob, const struct response *r)
{
    struct call *call = in->c->head;
    struct call_news news = {.event = CALL_ANSWERED, .blob = blob};
    struct response whole = *text;
    struct blob *other = NULL;
    call_key(call, &news.key);
    if (blob) blob->len = text->len;
    if (is_meta(call) && !(text->kind & RESPONSE_ANY_ERROR)) {
        struct classic_ask ask = translate_ask(call, &news.key);
        ask.cas = f->cas;
        uint8_t *to = room_for(in, classic_room(&ask, text, false), &other);
        classic_answer(&ask, text, false, to, &whole);
        if (other) other->len = whole.len;
        news.blob = other;
    } else if (text->kind == RESPONSE_VALUE) {
        add_end(&whole);
        if (blob) blob->len = whole.len;
    }
    translate_tell(in, &news, &whole, r);
    if (other) blob_give(other);
}

/* I3: a name or a value with control bytes would be more than one line. */
static bool is_one_line(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] < ' ' || at[i] == 0x7f) return false;
    return true;
}

/* The frames of an answer to stats are alike, but the last one, which has no key. */
static enum taken take_stat(struct intake *in, const struct binary_response *f,
                            const struct response *r)
{
    static const uint8_t RESET[] = "RESET\r\n";
    struct call *call = in->c->head;
    struct response text = {.kind = RESPONSE_STAT};
    struct call_news news = {.event = CALL_VALUE, .response = &text};
    if (f->status != BINARY_OK || f->key_len == 0) {
        bool resets = call_has_flags(call, "reset");
        text = (struct response){.kind = RESPONSE_END,
                                 .bytes = resets ? RESET : (const uint8_t *)END,
                                 .len = resets ? sizeof RESET - 1 : sizeof END - 1};
        if (resets) text.kind = RESPONSE_RESET;
        uint8_t *to = arena_alloc(in->c->backend->set->arena, binary_text_room(f, 0));
        if (f->status != BINARY_OK && !binary_text(COMMAND_STATS, NULL, 0, f, false, to, &text))
            return taking_wrong(in, "desync: a frame that does not fit the request");
        in->c->frames_taken++;
        news.event = CALL_ANSWERED;
        translate_tell(in, &news, &text, r);
        return TAKEN_OK;
    }
    if (!is_one_line(f->key, f->key_len) || !is_one_line(f->value, f->value_len))
        return taking_wrong(in, "desync: a frame that does not fit the request");
    size_t room = sizeof "STAT  \r\n" + f->key_len + f->value_len;
    char *line = (char *)arena_alloc(in->c->backend->set->arena, room);
    text.bytes = (const uint8_t *)line;
    text.len = (size_t)snprintf(line, room, "STAT %.*s %.*s\r\n", f->key_len, (const char *)f->key,
                                (int)f->value_len, (const char *)f->value);
    call_tell(call, &news);
    return TAKEN_OK;
}

/* True: it compares a cas. */
static bool may_exist(const struct call *call)
{
    return is_meta(call) || call->command == COMMAND_CAS;
}

/* I2, I3: the frame must be that of the first call: of its opcode, in its place, about its key. */
enum taken framed_take(struct intake *in, const uint8_t *at, struct response *r)
{
    struct call *call = in->c->head;
    struct binary_response f;
    struct response text;
    struct blob *blob;
    uint8_t raw[KEY_MAX];
    *r = (struct response){.bytes = at};
    switch (binary_read(at, (size_t)(in->end - at), INTAKE_VALUE_MAX, &f)) {
    case RESPONSE_AGAIN: r->need = f.len; return TAKEN_NEED;
    case RESPONSE_DONE: break;
    default: return taking_wrong(in, "desync: bytes that are not a frame");
    }
    r->len = f.len;
    if (f.opcode != call->opcode || f.opaque != in->c->frames_taken)
        return taking_wrong(in, "desync: a frame that answers another request");
    if (call->command == COMMAND_STATS) return take_stat(in, &f, r);
    size_t key_len = call_raw_sent(call, raw);
    bool with_cas = call->classic == COMMAND_GETS || call->classic == COMMAND_GATS;
    uint8_t *to = room_for(in, binary_text_room(&f, key_len) + sizeof END, &blob);
    bool fits = binary_text(call->classic, raw, key_len, &f, with_cas, to, &text) &&
                (text.kind != RESPONSE_EXISTS || may_exist(call));
    if (fits) {
        in->c->frames_taken++;
        tell(in, &f, &text, blob, r);
    }
    if (blob) blob_give(blob);
    return fits ? TAKEN_OK : taking_wrong(in, "desync: a frame that does not fit the request");
}
