/* From bytes to slots. A read brings at most two spans: the request that was kept in part and is whole now, in a blob, and what
 * came after it, in the turn's arena. The parser takes one request after the other; r, the turn's next slot, is where it
 * writes, so a request about one key is never copied. Requests for which there is no room, and the cut end, go back
 * into the input buffer.
 *
 * I4: nothing is sent for a request before request_parse has found its line valid and its value complete: only then are there
 * key and value to send. I9: a request that is refused costs its client one error; what follows it is parsed as if nothing had
 * been. Only where it is not known where a request ends, the client is closed. */
#include "client/requests.h"

#include <assert.h>
#include <string.h>

#include "base/slab.h"
#include "client/binary.h"
#include "client/local.h"
#include "client/login.h"
#include "client/own_keys.h"
#include "client/reply.h"
#include "client/state.h"
#include "client/stranger.h"
#include "client/tally.h"

/* r: NULL where nothing is known of it; error: NULL where memcached closes without a word. */
static void answer_error(struct client *c, const struct request *r, unsigned command, bool noreply,
                         const char *error)
{
    c->turn->row->client_errors++;
    if (error && !noreply)
        reply_at_once(c, command, error, strlen(error));
    else
        tally_silent(c, command, error);
    if (!c->turn->is_watched) return;
    if (error) sight_line(c->set, error, strlen(error));
    sight_local(c, command, r);
}

/* A base64 key is routed by what it decodes to, so that scripts and pools see the same key whatever its form. False when it is
 * not valid base64. */
static bool decode_key(struct client *c, struct request *r)
{
    return !(r->meta & META_BASE64) || request_decode_key(r, arena_alloc(c->turn->arena, KEY_MAX));
}

/* Under memcached's names, which count keys for gets. */
static void count_request(struct board_row *row, const struct request *r, uint32_t keys)
{
    unsigned shape = command_info(r->command_id)->shape;
    row->cmd_get += shape == SHAPE_RETRIEVE ? keys : r->command_id == COMMAND_META_GET;
    row->cmd_set += shape == SHAPE_STORE || shape == SHAPE_META_STORE;
    row->cmd_meta += shape == SHAPE_META || shape == SHAPE_META_STORE;
    row->cmd_touch += r->command_id == COMMAND_TOUCH;
    if (r->command_id == COMMAND_GAT || r->command_id == COMMAND_GATS) row->cmd_touch += keys;
}

/* I5: noreply stays here, with the reply, which is made even so: it keeps the request's place among the client's others. NULL: the
 * request was refused. */
static struct reply *take_one(struct client *c, struct request *r, struct blob *blob)
{
    count_request(c->turn->row, r, 1);
    if (!decode_key(c, r)) {
        answer_error(c, r, r->command_id, r->noreply, "CLIENT_ERROR error decoding key\r\n");
        return NULL;
    }
    if (__builtin_expect(c->set->own_keys != NULL, 0) && own_key_is(c->set, r)) {
        own_key_take(c, r);
        return NULL;
    }
    r->affinity = c->affinity;
    r->function_id = client_entrance(c);
    r->value_blob = (uintptr_t)blob;
    struct reply *reply = reply_create(c, r, 1);
    reply->manner |= r->noreply;
    if (reply->sights) r->meta |= META_SEEN;
    r->owner = (uintptr_t)reply;
    r->receiver = (uintptr_t)&reply_receiver;
    c->turn->used++;
    return reply;
}

/* A set that is too large leaves no old value behind, as in memcached: a delete whose answer is dropped. */
static void drop_value(struct client *c, struct request *r)
{
    r->meta &= META_BASE64;
    r->noreply = 1;
    r->args_at = (uintptr_t) "b";
    r->args_len = r->meta ? 1 : 0;
    if (r->meta) r->command_id = COMMAND_META_DELETE; /* of the key, not of what it is in base64 */
    struct reply *reply = take_one(c, r, NULL);
    if (reply) reply_is_own(reply);
}

/* Each key of a get is routed by itself, and has a slot of its own; they share the reply, whose parts they are. r is the slot
 * that was parsed into, and may be the first of them. The turn may route early in the middle of this: the keys that are gone
 * then are in flight, and the reply waits for all of them. */
static void take_keys(struct client *c, const struct request *r, const uint8_t *end, uint32_t keys)
{
    struct request common = *r;
    assert(keys > 1);
    count_request(c->turn->row, r, keys);
    const uint8_t *at = (const uint8_t *)r->key_at;
    common.affinity = c->affinity;
    common.function_id = client_entrance(c);
    common.multi = 1;
    struct reply *reply = reply_create(c, r, keys);
    common.owner = (uintptr_t)reply;
    common.receiver = (uintptr_t)&reply_receiver;
    while (request_next_key(&at, end, &common)) {
        common.meta &= (uint16_t)~META_SEEN;
        if (reply->sights) sight_key(reply, &common);
        if (__builtin_expect(c->set->own_keys != NULL, 0) && own_key_is(c->set, &common)) {
            own_key_take_part(reply, &common);
        } else {
            *turn_slot(c->turn) = common;
            c->turn->used++;
        }
        common.part++;
    }
}

/* Those that are answered in parts, or by all servers, get a reply, with what is noted of it; the others have only a line. */
void requests_take_local(struct client *c, const struct request *r)
{
    struct sighting *s = &c->set->sighting;
    uint64_t begun = s->begun;
    local_answer(c, r);
    if (c->turn->is_watched && s->begun == begun) sight_local(c, r->command_id, r);
}

/* Of a store that is too large, r is a delete. */
static void refuse(struct client *c, const struct request *r, const struct request_parse *p)
{
    struct request asked = *r;
    if (p->drop) {
        asked.command_id = p->dropped;
        asked.value_len = (uint32_t)(p->swallow > 2 ? p->swallow - 2 : 0);
    }
    answer_error(c, &asked, asked.command_id, r->noreply, p->error);
}

/* A client in doubt may be told that a line is wrong, and nothing more. */
static bool may_be_taken(const struct client *c, const struct request_parse *p)
{
    return !c->in_doubt || p->status == REQUEST_CLOSE || (p->status == REQUEST_REFUSED && !p->drop);
}

/* One parsed request, whatever the parser made of it. False when no more of the input may be used. */
static bool take_request(struct client *c, const uint8_t *bytes, const struct request_parse *p,
                         struct request *r, struct blob *blob)
{
    c->turn->row->requests++;
    c->requests++;
    switch (may_be_taken(c, p) ? p->status : REQUEST_CLOSE) {
    case REQUEST_OK:
        if (p->keys)
            (void)take_one(c, r, blob);
        else
            requests_take_local(c, r);
        return c->state != CLIENT_ENDING;
    case REQUEST_KEYS: take_keys(c, r, bytes + p->keys_end, p->keys); return true;
    case REQUEST_REFUSED:
        refuse(c, r, p);
        if (p->drop) drop_value(c, r);
        c->swallow = p->swallow;
        c->answers_lines = p->each_line;
        c->in_doubt |= p->in_doubt;
        return true;
    default:
        answer_error(c, NULL, COMMAND_NONE, false, p->error);
        client_set_state(c, CLIENT_ENDING,
                         p->error || c->in_doubt ? "where its request ends is not known"
                                                 : "not a memcache client");
        return false;
    }
}

const uint8_t *requests_swallow(struct client *c, const uint8_t *at, const uint8_t *end)
{
    size_t has = (size_t)(end - at);
    size_t n = c->swallow < has ? (size_t)c->swallow : has;
    c->swallow -= n;
    return at + n;
}

/* The same to the end of a line at most, which is answered as a command that nobody knows (answers_lines). */
static const uint8_t *refuse_line(struct client *c, const uint8_t *at, const uint8_t *end)
{
    size_t has = (size_t)(end - at);
    const uint8_t *newline = memchr(at, '\n', c->swallow < has ? (size_t)c->swallow : has);
    at = requests_swallow(c, at, newline ? newline + 1 : end);
    if (!newline) return at;
    c->turn->row->requests++;
    c->requests++;
    answer_error(c, NULL, COMMAND_NONE, false, "ERROR\r\n");
    return at;
}

/* Returns where the first one begins that is not taken. *cut: it is not whole; then *need is its length in all, or 0. */
static const uint8_t *take_requests(struct client *c, const uint8_t *at, const uint8_t *end,
                                    struct blob *blob, bool *cut, size_t *need)
{
    const struct request_rules *rules = &c->turn->limits.rules;
    uint32_t left = client_batch(c);
    while (left > 0 && client_takes_requests(c) && client_has_room(c)) {
        if (c->swallow) at = (c->answers_lines ? refuse_line : requests_swallow)(c, at, end);
        if (at == end) break;
        if (c->swallow) continue;
        struct request *r = turn_slot(c->turn);
        struct request_parse p = request_parse(at, (size_t)(end - at), rules, r);
        if (p.status == REQUEST_AGAIN) {
            *cut = true;
            *need = p.need;
            break;
        }
        at = take_request(c, at, &p, r, blob) ? at + p.consumed : end;
        if (__builtin_expect(--left == 0, 0) && !(left = client_routes(c))) break;
    }
    return at;
}

/* I14: what a client sends before it is in is no request. */
static const uint8_t *take_text(struct client *c, const uint8_t *at, const uint8_t *end,
                                struct blob *blob, bool *cut, size_t *need)
{
    if (__builtin_expect(c->entry != ENTRY_IN, 0)) at = login_take(c, at, end, cut, need);
    return c->entry == ENTRY_IN ? take_requests(c, at, end, blob, cut, need) : at;
}

/* Takes the whole requests in a span as far as there is room for their replies, and keeps the rest (keep: it is the last span
 * of the read). blob: what the span lies in, so that a value need not be copied; NULL: the arena. */
static void take_span(struct client *c, struct span span, struct blob *blob, bool keep)
{
    const uint8_t *at = span.at, *end = span.at + span.len;
    size_t need = 0;
    bool cut = false;
    if (__builtin_expect(c->front == FRONT_BINARY, 0))
        at = binary_take(c, at, end, blob, &cut, &need);
    else
        at = take_text(c, at, end, blob, &cut, &need);
    if (c->state == CLIENT_ENDING) at = end;
    if (!keep) return;
    c->waiting = at < end && !cut;
    inbuf_keep(&c->in, c->turn->arena, at, (size_t)(end - at), need);
}

/* The arena gets room for the read first, because routing early resets it, which must not happen once bytes have been read. A
 * client is looked at for another protocol until its first bytes are known. */
enum io_status requests_read(struct client *c, size_t most)
{
    struct inbuf_input input;
    assert(client_takes_requests(c) && !c->waiting);
    turn_make_room(c->turn, REQUESTS_READ_AT_MOST * 2);
    enum io_status status = inbuf_read(&c->in, &c->stream, c->turn->arena, most, &input);
    if (status != IO_OK) {
        if (c->stream.tls) client_note_unfinished(c, 0); /* a part of a record may have come */
        return status;
    }
    c->turn->row->bytes_read += input.bytes;
    c->bytes_read += input.bytes;
    c->counts->bytes_read += input.bytes;
    if (c->entry <= ENTRY_KNOCKS && !stranger_may_go_on(c, input.rest)) return IO_OK;
    if (input.whole.len) take_span(c, input.whole, input.blob, false);
    take_span(c, input.rest, NULL, true);
    client_note_unfinished(c, input.bytes);
    return IO_OK;
}

/* Dirty, so that the client is settled once more: what is answered at once is to be written in this turn. */
void requests_resume(struct client *c)
{
    assert(c->waiting && c->in.kept);
    take_span(c, inbuf_take(&c->in, c->turn->arena), NULL, true);
    client_note_unfinished(c, 0);
    client_mark_dirty(c);
}
