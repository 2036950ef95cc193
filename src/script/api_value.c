/* The bodies of abi.h for values that a script answers with (mg.reply.value). Nothing here enters Lua.
 *
 * The reply looks as if a server had sent it: what a client or a policy gets is a response in a blob, with the
 * line that the command asks for. So nothing above knows the difference. I10: the line is built from the parsed request,
 * and from bytes that Lua has checked.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/blob.h"
#include "placement/hash.h"
#include "protocol/flags.h"
#include "protocol/text.h"
#include "script/state.h"

/* A key, all flags of a request, and numbers. */
enum { LINE_ROOM = KEY_WIRE_ROOM + LINE_MAX_BYTES + 128 };

/* A line being written. */
struct line {
    uint8_t bytes[LINE_ROOM];
    size_t n;
};

static void put(struct line *l, const void *bytes, size_t len)
{
    assert(len <= sizeof l->bytes - l->n);
    memcpy(l->bytes + l->n, bytes, len);
    l->n += len;
}

static void put_text(struct line *l, const char *text)
{
    put(l, text, strlen(text));
}

static void put_number(struct line *l, const char *before, uint64_t number)
{
    put_text(l, before);
    l->n += text_write_unsigned(l->bytes + l->n, number);
}

/* The key that the client sent. */
static size_t put_key(struct line *l, const struct request *r)
{
    uintptr_t at = r->shown_key_at ? r->shown_key_at : r->key_at;
    size_t len = r->shown_key_at ? r->shown_key_len : r->key_len;
    size_t n = request_wire_key(r, (const uint8_t *)at, len, l->bytes + l->n);
    l->n += n;
    return n;
}

/* The flags that a meta get asks for, in its order; those whose value a script does not give are left out. */
static void put_meta(struct line *l, const struct request *r, const struct mg_value *v, size_t len)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    size_t n;
    while (request_next_flag(&at, end, &flag, &n)) {
        switch (*flag) {
        case 'f': put_number(l, " f", v->flags); break;
        case 'c': put_number(l, " c", v->cas); break;
        case 's': put_number(l, " s", len); break;
        case 't':
            if (v->ttl < 0)
                put_text(l, " t-1");
            else
                put_number(l, " t", (uint64_t)v->ttl);
            break;
        case 'k':
            put_text(l, " k");
            put_key(l, r);
            if (r->meta & META_BASE64) put_text(l, " b");
            break;
        case 'O':
            put_text(l, " ");
            put(l, flag, n);
            break;
        default: break;
        }
    }
    for (const char *mark = v->marks; mark < v->marks + sizeof v->marks && *mark; mark++) {
        put_text(l, " ");
        put(l, mark, 1);
    }
    put_text(l, "\r\n");
}

/* Writes the line, and the response that it is, which points into it. False: the command is not answered with a value. */
static bool write_line(struct line *l, const struct request *r, const struct mg_value *v,
                       size_t len, struct response *response)
{
    const uint8_t *token;
    size_t n;
    l->n = 0;
    *response = (struct response){.kind = RESPONSE_VALUE};
    if (command_info(r->command_id)->shape == SHAPE_RETRIEVE) {
        put_text(l, "VALUE ");
        response->key = l->bytes + l->n;
        response->key_len = (uint16_t)put_key(l, r);
        response->rest = l->bytes + l->n;
        put_number(l, " ", v->flags);
        put_number(l, " ", len);
        if (r->command_id == COMMAND_GETS || r->command_id == COMMAND_GATS)
            put_number(l, " ", v->cas);
        put_text(l, "\r\n");
        return true;
    }
    if (r->command_id != COMMAND_META_GET) return false;
    response->kind = request_find_flag(r, 'v', &token, &n) ? RESPONSE_VA : RESPONSE_HD;
    put_text(l, response->kind == RESPONSE_VA ? "VA" : "HD");
    if (response->kind == RESPONSE_VA) put_number(l, " ", len);
    put_meta(l, r, v, len);
    return true;
}

/* For big_value, which stores a value in parts: Lua needs a hash of all of it, and no string. */
bool mg_value_hash(struct script *s, uint32_t at, uint32_t serial, int32_t call, uint64_t *out)
{
    struct async_value v;
    if (!async_value(s, at, serial, call, &v)) return false;
    *out = hash_bytes64(HASH_XXH3, v.at, v.len, 0);
    return true;
}

static uint8_t *copy(uint8_t *to, const void *from, size_t len)
{
    if (len) memcpy(to, from, len);
    return to + len;
}

/* Copies the value's bytes, or those of the function's calls one after the other, to `to`; *len is their sum. `to` NULL:
 * only the sum. False: a call has no value. */
static bool gather(const struct script *s, uint32_t at, uint32_t serial, const struct mg_value *v,
                   uint8_t *to, size_t *len)
{
    *len = 0;
    if (v->bytes) {
        *len = v->len;
        if (to) copy(to, v->bytes, v->len);
        return true;
    }
    for (uint32_t i = 0; i < v->n; i++) {
        struct async_value piece;
        if (!async_value(s, at, serial, (int32_t)(v->first + i), &piece)) return false;
        if (to) copy(to + *len, piece.at, piece.len);
        *len += piece.len;
    }
    return true;
}

/* A blob with the line and the value, and the response that points into it. The caller gives the blob back. NULL: *wrong
 * says why. */
static struct blob *compose(struct script *s, const struct request *r, uint32_t at, uint32_t serial,
                            const struct mg_value *v, struct response *response, int32_t *wrong)
{
    struct line l;
    size_t len, more;
    *wrong = MG_CALL_OVER;
    if (!gather(s, at, serial, v, NULL, &len)) return NULL;
    *wrong = len > async_held_most(s) ? MG_CALL_TOO_LARGE : MG_CALL_NO_VALUE;
    if (len > async_held_most(s) || !write_line(&l, r, v, len, response)) return NULL;
    bool has_data = response->kind != RESPONSE_HD;
    const char *end = response->kind == RESPONSE_VALUE ? "\r\nEND\r\n" : "\r\n";
    more = has_data ? len + strlen(end) : 0;
    struct blob *blob = blob_create(l.n + more);
    uint8_t *p = copy(blob->bytes, l.bytes, l.n);
    if (has_data) {
        gather(s, at, serial, v, p, &len);
        copy(p + len, end, strlen(end));
    }
    assert(l.n > 2);
    blob->len = response->len = l.n + more;
    response->bytes = blob->bytes;
    if (response->key) {
        response->key = blob->bytes + (response->key - l.bytes);
        response->rest = blob->bytes + (response->rest - l.bytes);
    }
    return blob;
}

/* The result is given before the blob is given back; what keeps it takes a reference. */
int32_t mg_async_finish_value(struct script *s, uint32_t at, uint32_t serial,
                              const struct mg_value *value)
{
    struct async *a = async_find(s, at, serial);
    struct response response;
    int32_t wrong;
    if (!a) return MG_CALL_OVER;
    struct blob *blob = compose(s, &a->flow->kept->r, at, serial, value, &response, &wrong);
    if (!blob) return wrong;
    struct call_news news = {.event = CALL_ANSWERED, .response = &response, .blob = blob};
    async_finish(a, &(struct result){.kind = RESULT_HIT, .news = &news});
    blob_give(blob);
    return 0;
}

/* For a function that does not wait. The slot's owner gets the result here, before the turn acts on the other answers: the
 * reply keeps its place in the client's order (I1), and ANSWER_TAKEN tells the turn that nothing is left to do. */
int32_t mg_answer_value(struct script *s, uint32_t slot, const struct mg_value *value)
{
    struct response response;
    int32_t wrong;
    if (slot >= s->batch.capacity || !value->bytes) return MG_CALL_OVER;
    struct request *r = &s->batch.slots[slot];
    struct blob *blob = compose(s, r, 0, 0, value, &response, &wrong);
    if (!blob) return wrong;
    struct call_news news = {.event = CALL_ANSWERED, .response = &response, .blob = blob};
    struct flow_end end = flow_end_of(r);
    s->batch.answers[slot].route = ANSWER_TAKEN;
    turn_forget(r);
    end.on_result(end.owner, end.place, &(struct result){.kind = RESULT_HIT, .news = &news});
    blob_give(blob);
    return 0;
}
