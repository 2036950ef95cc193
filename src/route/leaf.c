/* A store answers in the middle of a turn, in this very call: no connection, no deadline, nothing that waits. So a caller that sends to a
 * leaf must be ready for its event before the call returns. */
#include "route/leaf.h"

#include "backend/written.h"
#include "route/seen.h"
#include "store/store.h"

int64_t turn_store_time(struct turn *t)
{
    if (t->store_time_at != t->now) t->store_time = store_clock(t->stores);
    t->store_time_at = t->now;
    return t->store_time;
}

/* The key of the answer, and the one that the client knows. Bytes of a base64 key, and of one that a script has changed, are made in the
 * arena. */
static void put_key(const struct turn *t, const struct request *r, struct call_key *key)
{
    key->part = r->part;
    key->is_base64 = r->meta & META_BASE64;
    key->sent = key->shown = (const uint8_t *)r->key_at;
    key->sent_len = key->shown_len = r->key_len;
    if (!key->is_base64 && !r->shown_key_at) return;
    uint8_t *to = arena_alloc(t->arena, (size_t)2 * KEY_WIRE_ROOM);
    key->sent = key->shown = to;
    key->sent_len = key->shown_len =
        (uint16_t)request_wire_key(r, (const uint8_t *)r->key_at, r->key_len, to);
    if (!r->shown_key_at) return;
    to += key->sent_len;
    key->shown = to;
    key->shown_len =
        (uint16_t)request_wire_key(r, (const uint8_t *)r->shown_key_at, r->shown_key_len, to);
}

/* What the owner begins from here on comes from no server. */
void leaf_tell(struct turn *t, const struct request *r, struct store_answer *a, call_done_fn *done,
               void *owner)
{
    const struct board_server *from = t->backends->from;
    struct call_news news = {
        .event = CALL_ANSWERED, .response = &a->response, .blob = a->blob, .gone = a->gone};
    put_key(t, r, &news.key);
    t->backends->from = NULL;
    t->seen_owner = NULL;
    done(owner, &news);
    t->backends->from = from;
    if (a->blob) blob_give(a->blob);
}

void send_to_store(struct turn *t, struct store *store, const struct request *r, call_done_fn *done,
                   store_write_fn *write, void *owner)
{
    struct store_answer a;
    size_t mark = arena_mark(t->arena);
    bool writes = r->command_id != COMMAND_GET && written_may(r);
    writes_pair pair = writes ? written_pair(r) : WRITES_NONE;
    assert(r->key_len > 0); /* I4 */
    if (writes) writes_begin(&t->backends->writer, pair);
    store_answer_to(store, r, turn_store_time(t), t->arena, write, owner, &a);
    if (writes) writes_end(&t->backends->writer, pair);
    leaf_tell(t, r, &a, done, owner);
    arena_rewind(t->arena, mark);
}
