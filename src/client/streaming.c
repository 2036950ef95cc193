/* Only the first of a client's replies may have its value passed on, because what is before its data is in the output then, and
 * nothing can come between (I1). A reply that comes to the head later, while its value is being held, stays as it is.
 *
 * The value's bytes in the output are the client's, as any reply's are (I6): the window bounds them, and when the value is spooled
 * for the sake of others, --client-buffer does.
 *
 * When the value breaks off, no error can be told: the client would take it for data. So nothing more is written to it. */
#include "client/streaming.h"

#include <assert.h>
#include <string.h>

#include "backend/streamed.h"
#include "client/binary_reply.h"
#include "client/state.h"
#include "net/addr.h"

/* memcached marks a base64 key with a b right behind it, so that mark is the client's, too. */
void streaming_append_shown(struct outq *to, const struct call_news *news)
{
    static const char IS_BASE64[] = " b";
    const struct response *r = news->response;
    const uint8_t *rest = r->rest, *end = r->bytes + r->len;
    bool is_base64 =
        end - rest > 2 && memcmp(rest, IS_BASE64, 2) == 0 && (rest[2] == ' ' || rest[2] == '\r');
    outq_append(to, r->bytes, (size_t)(r->key - r->bytes));
    outq_append(to, news->key.shown, news->key.shown_len);
    if (is_base64) rest += 2;
    if (news->key.is_base64 && r->kind != RESPONSE_ME) outq_append(to, IS_BASE64, 2);
    outq_append_blob(to, news->blob, rest, (size_t)(end - rest));
}

static bool may_begin(const struct reply *reply)
{
    const struct client *c = reply->client;
    return c && c->head == reply && !c->is_cut && !(reply->manner & REPLY_SILENT) &&
           !reply->parts_n;
}

void streaming_begin(struct reply *reply, const struct call_news *news)
{
    const struct response *r = news->response;
    if (!may_begin(reply)) return;
    struct client *c = reply->client;
    assert(!c->streamed && reply->waiting == 1);
    size_t before = c->out.bytes;
    if (reply->manner & REPLY_IN_FRAMES)
        binary_append_begun(reply, news, &c->out);
    else if (r->key && news->key.shown != news->key.sent)
        streaming_append_shown(&c->out, news);
    else
        outq_append(&c->out, r->bytes, r->len);
    reply->passed = c->out.bytes - before;
    reply->is_streamed = true;
    c->streamed = news->streamed;
    streamed_take(c->streamed, stream_splices(&c->stream));
    client_mark_dirty(c);
}

void streaming_pass(struct reply *reply, const struct call_news *news)
{
    struct client *c = reply->client;
    assert(c && c->head == reply && reply->is_streamed && c->streamed); /* I1, I2 */
    if (news->pipe)
        outq_append_pipe(&c->out, news->pipe, news->piped);
    else
        outq_append_blob(&c->out, news->blob, news->data.at, news->data.len);
    reply->passed += news->pipe ? news->piped : news->data.len;
    client_mark_dirty(c);
}

/* The time that its client was waited for is not the request's. A frame ends with its data. */
void streaming_end(struct reply *reply, const struct call_news *news)
{
    struct client *c = reply->client;
    const struct response *r = news->response;
    if (!(reply->manner & REPLY_IN_FRAMES)) {
        outq_append(&c->out, r->bytes, r->len);
        reply->passed += r->len;
    }
    reply->began += news->paused;
    c->streamed = NULL;
}

void streaming_cut(struct reply *reply, const char *why)
{
    struct client *c = reply->client;
    char address[ADDR_TEXT_MAX];
    c->streamed = NULL;
    c->is_cut = true;
    c->turn->row->streamed_cut++;
    if (log_allows(&c->set->log, c->turn->now))
        log_warn(
            "client %s: closed in the middle of a value (%zu bytes of its answer had come): %s",
            client_address(c, address), reply->passed, why);
    client_mark_dirty(c);
}

void streaming_note(struct client *c)
{
    if (c->streamed) streamed_note(c->streamed, c->out.bytes);
}

void streaming_leave(struct client *c)
{
    if (c->streamed) streamed_leave(c->streamed);
    c->streamed = NULL;
}
