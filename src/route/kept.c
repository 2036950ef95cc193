/* What outlives its turn.
 *
 * What a worker reads and uses in a turn lies in the turn's arena, or in a blob that the arena holds a reference to, and is gone
 * when the turn ends. A request that is answered in a later turn, or is sent once more, must therefore be copied; so must a
 * result that counts only if no better one comes. I2: a pointer that was kept without its bytes would show one client the bytes
 * of another.
 *
 * Short bytes are copied behind the struct, in one block of the slab. A long value that lies in a blob is not copied: the blob
 * gets a reference. That has a price, too: the blob may be the whole message of a client, so it stays in memory as long as the
 * request. I6: so a value is given up once it will not be sent any more (kept_drop_value); by then the connection has queued
 * what it must send.
 *
 * A response is kept beside the news that point to it, with every pointer into its bytes moved to the copy. A kept result must
 * not be copied by assignment without mending news.response, which points into the struct itself (script/async.c does so where
 * it grows a list of them). */
#include "route/kept.h"

#include <assert.h>
#include <string.h>

#include "base/slab.h"

/* Values up to so many bytes are copied though they lie in a blob: that may be much longer than they are. */
enum { COPY_MOST = 1024 };

/* --- requests ---------------------------------------------------------------------------------- */

static uint8_t *copy(uint8_t **to, const void *from, size_t len)
{
    uint8_t *at = *to;
    memcpy(at, from, len);
    *to += len;
    return at;
}

/* One block of the slab: the struct, then key, shown key, flags and value, one behind the other. */
size_t kept_size(const struct request *r)
{
    return sizeof(struct kept) + r->key_len + r->shown_key_len + r->args_len +
           (r->value_at ? r->value_len : 0) + 1;
}

/* A long value in a blob is counted by its blob, instead of copied. */
static bool is_counted(const struct request *r)
{
    return r->value_blob && r->value_len > COPY_MOST;
}

size_t kept_room(const struct request *r, bool whole)
{
    size_t value = whole && r->value_at && !is_counted(r) ? r->value_len : 0;
    return sizeof(struct kept) + r->key_len + r->shown_key_len + r->args_len + value + 1;
}

/* Everything but the key is rare. */
static void keep_more(struct kept *kept, const struct request *r, uint8_t *to, bool whole)
{
    kept->r.value_at = kept->r.value_blob = 0;
    if (r->shown_key_at)
        kept->r.shown_key_at =
            (uintptr_t)copy(&to, (const void *)r->shown_key_at, r->shown_key_len);
    if (r->args_len) kept->r.args_at = (uintptr_t)copy(&to, (const void *)r->args_at, r->args_len);
    if (!r->value_at || !whole) return;
    if (is_counted(r)) {
        kept->value = blob_take((struct blob *)r->value_blob);
        kept->r.value_blob = (uintptr_t)kept->value;
        kept->r.value_at = r->value_at;
    } else {
        kept->r.value_at = (uintptr_t)copy(&to, (const void *)r->value_at, r->value_len);
    }
}

void kept_init(struct kept *kept, const struct request *r, bool whole)
{
    uint8_t *to = kept->bytes;
    assert(r->key_len > 0 && r->key_len <= KEY_MAX); /* I4: only what was validated goes on */
    kept->references = 1;
    kept->value = NULL;
    kept->r = *r;
    kept->r.multi = 0; /* from here on it is a request of its own */
    kept->r.key_at = (uintptr_t)copy(&to, (const void *)r->key_at, r->key_len);
    if (r->value_at || r->shown_key_at || r->args_len) keep_more(kept, r, to, whole);
}

struct kept *kept_create(const struct request *r)
{
    size_t room = kept_room(r, true);
    struct kept *kept = slab_borrow(room);
    kept_init(kept, r, true);
    kept->room = (uint32_t)room;
    return kept;
}

struct kept *kept_take(struct kept *kept)
{
    assert(kept->references > 0);
    kept->references++;
    return kept;
}

void kept_give(struct kept *kept)
{
    assert(kept->references > 0);
    if (--kept->references > 0) return;
    if (kept->value) blob_give(kept->value);
    slab_return(kept, kept->room);
}

/* Only long values are worth it: a short one is part of the block. value_len stays, for those that log it or know the copy by
 * it. */
void kept_drop_value(struct kept *kept)
{
    if (kept->references > 1 || !kept->value) return;
    blob_give(kept->value);
    kept->value = NULL;
    kept->r.value_at = kept->r.value_blob = 0;
}

/* --- results ----------------------------------------------------------------------------------- */

/* Where a pointer into the bytes of a response points after these were copied. */
static const uint8_t *moved(const uint8_t *pointer, const uint8_t *from, const uint8_t *to)
{
    return pointer ? to + (pointer - from) : NULL;
}

/* The key that the client is shown is copied before the response, since it may lie in the call, which ends with this event. */
static void keep_response(struct kept_result *kept, const struct call_news *news)
{
    const struct response *r = news->response;
    bool counted = news->blob && r->len > COPY_MOST;
    bool is_shown = news->key.shown && news->key.shown != news->key.sent;
    uint32_t shown = is_shown ? news->key.shown_len : 0;
    uint32_t room = shown + (counted ? 0 : (uint32_t)r->len) + 1;
    uint8_t *to = slab_borrow(room);
    kept->bytes = to;
    kept->room = room;
    kept->news = *news;
    kept->response = *r;
    kept->news.response = &kept->response;
    /* The key as it was sent is not needed any more; that it was rewritten is. */
    kept->news.key.sent = NULL;
    kept->news.key.shown = is_shown ? copy(&to, news->key.shown, shown) : NULL;
    kept->blob = kept->news.blob = counted ? blob_take(news->blob) : NULL;
    if (counted) return;
    uint8_t *bytes = copy(&to, r->bytes, r->len);
    kept->response.key = moved(r->key, r->bytes, bytes);
    kept->response.rest = moved(r->rest, r->bytes, bytes);
    kept->response.opaque = moved(r->opaque, r->bytes, bytes);
    kept->response.bytes = bytes;
}

/* Three forms: a response; an error with its text; or a plain miss, of which the kind is all. */
void result_keep(struct kept_result *kept, const struct result *result)
{
    assert(result_sane(result));
    assert(result->news != &kept->news && (!result->text || result->text != kept->text));
    result_release(kept);
    kept->kind = result->kind;
    kept->is_whole = result->is_whole;
    if (result->news) {
        keep_response(kept, result->news);
    } else if (result->text_len) {
        uint8_t *to;
        kept->room = kept->text_len = (uint32_t)result->text_len;
        kept->bytes = to = slab_borrow(kept->room);
        kept->text = (const char *)copy(&to, result->text, result->text_len);
    }
}

/* Into new bytes, because v may point into the old ones. */
void result_rewrite(struct kept_result *kept, const struct response_value *v)
{
    assert(kept->kind && kept->news.response);
    struct response *r = &kept->response;
    uint32_t shown = kept->news.key.shown ? kept->news.key.shown_len : 0;
    uint32_t room = shown + (uint32_t)response_rewrite_room(r, v);
    uint8_t *bytes = slab_borrow(room), *to = bytes;
    if (shown) kept->news.key.shown = copy(&to, kept->news.key.shown, shown);
    size_t len = response_rewrite(r, v, to);
    response_parse(to, len, len, r);
    r->len = len; /* with the END that may be there */
    if (kept->blob) blob_give(kept->blob);
    kept->blob = kept->news.blob = NULL;
    slab_return(kept->bytes, kept->room);
    kept->bytes = bytes;
    kept->room = room;
}

struct result result_of(const struct kept_result *kept)
{
    assert(kept->kind && (!kept->news.response || kept->news.response == &kept->response));
    return (struct result){.kind = kept->kind,
                           .news = kept->news.response ? &kept->news : NULL,
                           .text = kept->text,
                           .text_len = kept->text_len,
                           .is_whole = kept->is_whole};
}

void result_release(struct kept_result *kept)
{
    if (!kept->kind) return;
    if (kept->blob) blob_give(kept->blob);
    if (kept->bytes) slab_return(kept->bytes, kept->room);
    result_init(kept);
}
