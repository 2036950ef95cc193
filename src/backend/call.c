#include "backend/call.h"

#include <assert.h>
#include <string.h>

#include "base/slab.h"

enum { SIZE = 192, INSIDE = SIZE - sizeof(struct call) };

/* What stands before the bytes of a key: sent, and shown if shown_len > 0. */
struct record {
    uint32_t part;
    uint16_t sent_len;
    uint16_t shown_len;
};

struct call *call_create(const struct request *r, double deadline, call_done_fn *done, void *owner)
{
    struct call *call = slab_borrow(SIZE);
    call->next = NULL;
    call->done = done;
    call->owner = owner;
    call->deadline = deadline;
    call->exptime = r->exptime;
    call->command = r->command_id;
    call->line_len = 0;
    call->keys_n = call->keys_seen = call->seen = call->used = 0;
    call->room = INSIDE;
    call->bytes = call->inside;
    call_add_key(call, r);
    return call;
}

void call_destroy(struct call *call)
{
    if (call->bytes != call->inside) slab_return(call->bytes, call->room);
    slab_return(call, SIZE);
}

static void make_room(struct call *call, uint32_t more)
{
    uint32_t room = (call->used + more) * 2;
    uint8_t *bytes = slab_borrow(room);
    memcpy(bytes, call->bytes, call->used);
    if (call->bytes != call->inside) slab_return(call->bytes, call->room);
    call->bytes = bytes;
    call->room = room;
}

void call_add_key(struct call *call, const struct request *r)
{
    struct record record = {r->part, r->key_len, r->shown_key_at ? r->shown_key_len : 0};
    uint32_t more = (uint32_t)sizeof record + record.sent_len + record.shown_len;
    if (call->room - call->used < more) make_room(call, more);
    uint8_t *p = call->bytes + call->used;
    memcpy(p, &record, sizeof record);
    memcpy(p + sizeof record, (const void *)r->key_at, record.sent_len);
    if (record.shown_len)
        memcpy(p + sizeof record + record.sent_len, (const void *)r->shown_key_at,
               record.shown_len);
    call->used += more;
    call->keys_n++;
}

bool call_key(const struct call *call, struct call_key *key)
{
    struct record record;
    if (call->keys_seen == call->keys_n) return false;
    const uint8_t *p = call->bytes + call->seen;
    memcpy(&record, p, sizeof record);
    key->part = record.part;
    key->sent = key->shown = p + sizeof record;
    key->sent_len = key->shown_len = record.sent_len;
    if (record.shown_len) {
        key->shown += record.sent_len;
        key->shown_len = record.shown_len;
    }
    return true;
}

void call_pass_key(struct call *call)
{
    struct record record;
    assert(call->keys_seen < call->keys_n);
    memcpy(&record, call->bytes + call->seen, sizeof record);
    call->seen += (uint32_t)sizeof record + record.sent_len + record.shown_len;
    call->keys_seen++;
}

bool call_seek_key(struct call *call, const uint8_t *name, size_t len, struct call_key *key)
{
    for (; call_key(call, key); call_pass_key(call)) {
        if (key->sent_len == len && memcmp(key->sent, name, len) == 0) return true;
    }
    return false;
}

void call_tell(const struct call *call, const struct call_news *news)
{
    if (call->owner) call->done(call->owner, news);
}
