#include "backend/translate.h"

#include <assert.h>
#include <string.h>

#include "backend/fifo.h"
#include "backend/framed.h"
#include "backend/intake.h"
#include "backend/meter.h"
#include "backend/streamed.h"
#include "base/arena.h"
#include "protocol/base64.h"
#include "protocol/flags.h"

/* The first memcached that knows gat and gats as text. */
enum { GAT_FROM = 10503 };

static bool has_gat(const struct dialect *d)
{
    return !d->closes && (d->version == 0 || d->version >= GAT_FROM);
}

static void answer_lacking(const struct backend *b, const struct classic_what *what,
                           struct own_answer *answer)
{
    const char *name = b->name;
    answer->response =
        (struct response){.kind = RESPONSE_SERVER_ERROR,
                          .bytes = answer->text,
                          .len = classic_put_lacking(what, name, strlen(name), answer->text)};
}

/* ERROR, for a command that no server of its kind knows. */
static void answer_error(const char *line, struct own_answer *answer)
{
    answer->response =
        (struct response){.kind = *line == 'E' ? RESPONSE_ERROR : RESPONSE_CLIENT_ERROR,
                          .bytes = (const uint8_t *)line,
                          .len = strlen(line)};
}

void translate_answer_for(const struct backend *b, enum classic_status status, const char *error,
                          const struct classic_what *what, struct own_answer *answer)
{
    if (status == CLASSIC_REFUSED)
        answer_error(error, answer);
    else
        answer_lacking(b, what, answer);
}

bool translate_request(const struct conn *c, const struct request *r, struct classic *said,
                       struct own_answer *answer)
{
    unsigned shape = command_info(r->command_id)->shape;
    if (shape != SHAPE_META && shape != SHAPE_META_STORE) {
        answer_error("ERROR\r\n", answer);
        return false;
    }
    *said = classic_say(r, has_gat(&c->dialect));
    if (said->status == CLASSIC_SAID) return true;
    translate_answer_for(c->backend, said->status, said->error, &said->what, answer);
    return false;
}

size_t translate_write_line(const struct request *said, struct outq *to)
{
    uint8_t *line = outq_reserve(to, request_line_room(said) + 2);
    size_t len = request_encode_line(said, line);
    if (command_info(said->command_id)->shape == SHAPE_RETRIEVE) {
        memcpy(line + len, "\r\n", 2);
        len += 2;
    }
    outq_commit(to, len);
    return len;
}

/* --- calls that are held back ------------------------------------------------------------------- */

/* The request whose line is line[0..len), as request_encode_line has written it for the call. Its key goes to `raw`. */
static struct request read_line(const struct call *call, const uint8_t *line, size_t len,
                                uint8_t raw[KEY_MAX])
{
    struct request r = {
        .command_id = call->command, .value_len = call->value_len, .affinity = call->affinity};
    const uint8_t *at = line, *end = line + len - strlen("\r\n"), *word;
    size_t n, words = r.command_id == COMMAND_META_SET ? 3 : 2;
    struct call_key key;
    for (size_t i = 0; i < words; i++) request_next_flag(&at, end, &word, &n);
    const char *error = request_take_flags(&r, at, (size_t)(end - at), words);
    assert(!error); /* it was parsed before (I4) */
    (void)error;
    bool has_key = call_key(call, &key);
    assert(has_key);
    (void)has_key;
    r.key_at = (uintptr_t)raw;
    if (key.is_base64)
        r.key_len = (uint16_t)base64_decode(key.sent, key.sent_len, raw);
    else
        memcpy(raw, key.sent, r.key_len = key.sent_len);
    if (r.command_id == COMMAND_META_SET)
        r.value_at = (uintptr_t)line; /* there is one: see is_odd */
    return r;
}

/* The line was queued in one piece. */
bool translate_held(const struct conn *c, struct call *call, struct own_answer *answer)
{
    uint8_t raw[KEY_MAX];
    struct classic said;
    struct outq *wire = call->wire, classic = {0};
    assert(wire && wire->head);
    if (call->classic) { /* said for another connection */
        struct classic_what what = {.command = call->command, .unknown = call->classic};
        answer_lacking(c->backend, &what, answer);
        return false;
    }
    const uint8_t *line = wire->head->at;
    const uint8_t *newline = memchr(line, '\n', (size_t)(wire->head->end - line));
    unsigned shape = command_info(call->command)->shape;
    bool is_meta = shape == SHAPE_META || shape == SHAPE_META_STORE;
    struct request r = {.command_id = call->command};
    size_t len = newline ? (size_t)(newline + 1 - line) : 0;
    if (is_meta) r = read_line(call, line, len, raw);
    if (!translate_request(c, &r, &said, answer)) return false;
    call_become_classic(call, &r, &said.request);
    call->line_len = (uint32_t)translate_write_line(&said.request, &classic);
    outq_drop(wire, len);
    outq_splice(&classic, wire);
    *wire = classic;
    return true;
}

/* --- answers ------------------------------------------------------------------------------------ */

struct classic_ask translate_ask(const struct call *call, const struct call_key *key)
{
    return (struct classic_ask){.command = call->command,
                                .args = call->bytes + call->opaque_at,
                                .args_len = call->used - call->opaque_at,
                                .key = key->sent,
                                .key_len = key->sent_len,
                                .is_base64 = key->is_base64};
}

void translate_tell(struct intake *in, struct call_news *news, const struct response *whole,
                    const struct response *r)
{
    news->response = whole;
    meter_pool(in->c->backend->set, in->c->head)->bytes_read += r->len - whole->len;
    fifo_answer(in->c, news);
}

/* The answer is put together in memory of its own: it may be longer than what came. A long one goes into a blob, which its owner
 * keeps. */
static void answer_whole(struct intake *in, const struct response *r)
{
    struct call *call = in->c->head;
    struct call_news news = {.event = CALL_ANSWERED};
    struct response whole;
    call_key(call, &news.key);
    struct classic_ask ask = translate_ask(call, &news.key);
    size_t room = classic_room(&ask, r, false);
    if (in->blob && r->kind == RESPONSE_VALUE) news.blob = blob_create(room);
    uint8_t *to = news.blob ? news.blob->bytes : arena_alloc(in->c->backend->set->arena, room);
    classic_answer(&ask, r, false, to, &whole);
    if (news.blob) news.blob->len = whole.len;
    struct blob *blob = news.blob;
    translate_tell(in, &news, &whole, r);
    if (blob) blob_give(blob);
}

/* A server that does not know such a command says ERROR. */
static bool is_unknown(const struct call *call, const struct response *r)
{
    bool may_be = call->classic == COMMAND_GAT || call->classic == COMMAND_GATS ||
                  call->classic == COMMAND_TOUCH;
    return may_be && r->kind == RESPONSE_ERROR;
}

static void pass_error(struct intake *in, const struct response *r)
{
    struct call *call = in->c->head;
    struct call_news news = {.event = CALL_ANSWERED, .blob = in->blob};
    struct own_answer own;
    call_key(call, &news.key);
    if (is_unknown(call, r)) {
        struct classic_what what = {.command = call->command, .unknown = call->classic};
        answer_lacking(in->c->backend, &what, &own);
        news.blob = NULL;
        translate_tell(in, &news, &own.response, r);
    } else {
        translate_tell(in, &news, r, r);
    }
}

static const char END[] = "END\r\n", CRLF[] = "\r\n", CRLF_END[] = "\r\nEND\r\n";

/* I2, I3: a value must have the call's key, and END behind it. */
static enum taken take_value(struct intake *in, struct response *r)
{
    if (!call_has_raw_key(in->c->head, r->key, r->key_len))
        return taking_wrong(in, "desync: a value for a key that was not requested");
    if ((size_t)(in->end - (r->bytes + r->len)) < strlen(END)) {
        r->need = r->len;
        return TAKEN_NEED;
    }
    if (memcmp(r->bytes + r->len, END, strlen(END)) != 0)
        return taking_wrong(in, "desync: no END after the value of a single key");
    r->len += strlen(END);
    answer_whole(in, r);
    return TAKEN_OK;
}

/* The head of a cut value: where the client wants the value, it may be passed on while it comes. */
static enum taken take_head(struct intake *in, struct response *r)
{
    struct call *call = in->c->head;
    struct call_key key;
    call_key(call, &key);
    struct classic_ask ask = translate_ask(call, &key);
    const uint8_t *newline = memchr(r->bytes, '\n', RESPONSE_LINE_MAX);
    size_t line = (size_t)(newline + 1 - r->bytes);
    if (r->kind != RESPONSE_VALUE || !classic_wants_value(&ask) ||
        !taking_may_stream(in, r, line) ||
        !(command_info(call->classic)->responses & RESPONSE_VALUE))
        return TAKEN_NEED;
    if (!call_has_raw_key(call, r->key, r->key_len))
        return taking_wrong(in, "desync: a value for a key that was not requested");
    r->len = line;
    uint8_t *to = arena_alloc(in->c->backend->set->arena, classic_room(&ask, r, true));
    struct response head;
    classic_answer(&ask, r, true, to, &head);
    return streamed_begin(in->c, r, &(struct streamed_shape){&head, CRLF_END, CRLF}, &key)
               ? TAKEN_OK
               : TAKEN_NEED;
}

enum taken translate_take(struct intake *in, const uint8_t *at, struct response *r)
{
    const struct call *call = in->c->head;
    if (call->opcode) return framed_take(in, at, r);
    switch (response_parse(at, (size_t)(in->end - at), INTAKE_VALUE_MAX, r)) {
    case RESPONSE_AGAIN: return r->need ? take_head(in, r) : TAKEN_NEED;
    case RESPONSE_DONE: break;
    default: return taking_wrong(in, "desync: bytes that are not a response");
    }
    if (!(command_info(call->classic)->responses & r->kind))
        return taking_wrong(in, "desync: a response that does not fit the request");
    if (r->kind == RESPONSE_VALUE) return take_value(in, r);
    bool in_step = taking_is_in_step(in, r);
    if (r->kind & RESPONSE_ANY_ERROR)
        pass_error(in, r);
    else
        answer_whole(in, r);
    in->is_refusal = !in_step;
    return in_step ? TAKEN_OK : taking_wrong(in, "desync: the server refused the line of a store");
}
