/* Two ways. A plain client's long value goes from the store's memory into the socket while the shard is locked (store/answer.h): the write
 * does not wait, and what the kernel does not take is copied before the lock is given back. So a client that reads slowly costs no other one
 * any time. Other clients, and answers that were made in between, have their bytes in the output; that is written once it is long.
 *
 * I6: the output is the client's, and is bounded as before. */
#include "client/sending.h"

#include "client/reply.h"
#include "client/state.h"

/* In frames, in parts, without an answer, or watched: such a reply needs its bytes, or others. */
static bool takes_bytes(const struct reply *reply)
{
    const struct client *c = reply->client;
    return c && c->head == reply && outq_is_empty(&c->out) && !reply->manner && !reply->parts_n &&
           !reply->sights && !reply->is_streamed && !c->streamed && !c->is_cut &&
           c->stream.state == STREAM_PLAIN;
}

/* An error is seen again by the write at the turn's end. */
size_t sending_write(void *owner, const struct iovec *pieces, int n)
{
    const struct reply *reply = owner;
    if (!takes_bytes(reply)) return 0;
    ssize_t went = stream_writev(&reply->client->stream, pieces, n);
    if (went <= 0) return 0;
    client_note_written(reply->client, (size_t)went);
    return (size_t)went;
}

void sending_early(struct client *c)
{
    if (c->is_cut || c->streamed) return;
    (void)client_write(c); /* an error: as above */
}
