/* Replies that moongate answers itself. */
#include <string.h>

#include "base/slab.h"
#include "client/reply.h"
#include "client/sight.h"
#include "client/state.h"
#include "client/tally.h"

/* Its answer is made when it is complete and comes to the head. */
struct reply *reply_stats(struct client *c, const struct request *r, const char *what, size_t len)
{
    struct reply *reply = reply_create(c, r, 1);
    reply->echo_room = (uint16_t)(len + 1);
    reply->echo = slab_borrow(reply->echo_room);
    reply->echo_len = (uint16_t)len;
    memcpy(reply->echo, what, len);
    return reply;
}

void reply_at_once(struct client *c, unsigned command, const char *bytes, size_t len)
{
    if (c->turn->is_watched) sight_line(c->set, bytes, len);
    if (c->head || c->front == FRONT_BINARY) {
        struct outq line = {0};
        struct reply *reply = reply_create_local(c, command);
        reply_note_line(reply, bytes, len);
        outq_append_alone(&line, bytes, len);
        reply_finish(reply, &line);
        return;
    }
    struct board_command *counts = tally_command(c->set, command);
    tally_request(c, counts);
    tally_time(c, counts, c->turn->now);
    tally_error(c, counts, tally_error_of(bytes, len));
    outq_append(&c->out, bytes, len);
    client_mark_dirty(c);
}
