#include "backend/alone.h"

#include <assert.h>

#include "backend/fifo.h"
#include "backend/held.h"
#include "backend/meter.h"
#include "backend/sharers.h"

/* The new calls stand behind what the connection has in its stream by now. They count as sent again: they are not sent a third time, and
 * no other get joins them.
 *
 * First the new calls are made and put into the FIFO, and then owners are called: those may send further requests. */

/* A get of the key at hand as one of its owners has asked for it. */
static struct request request_of(const struct call *call, const struct call_key *key)
{
    return (struct request){.command_id = call->command,
                            .key_at = (uintptr_t)key->sent,
                            .key_len = key->sent_len,
                            .part = key->part,
                            .affinity = call->affinity};
}

static void show(struct request *r, const uint8_t *shown, uint16_t len)
{
    r->shown_key_at = (uintptr_t)shown;
    r->shown_key_len = len;
}

/* The owner becomes one of `to`'s: its first one, or, where it has one, a sharer. */
static struct call *add_owner(struct call *to, const struct request *r,
                              const struct sharer_terms *terms)
{
    if (to) {
        sharers_add(to, 0, r, terms);
        return to;
    }
    to = call_create(r, terms->deadline, terms->done, terms->owner);
    to->pool = terms->pool;
    to->sent = terms->sent;
    return to;
}

/* A call for the key at hand, of all its owners that still wait, which leave the line by that; NULL: there is none. */
static struct call *call_of_key(struct call *call, const struct fifo_writers *writers)
{
    struct call *new = NULL;
    struct call_key key = {0};
    call_key(call, &key);
    struct request r = request_of(call, &key);
    if (call->keys_seen == 0 && call->owner && !fifo_has_writer(writers, call->affinity)) {
        struct sharer_terms first = {call->done, call->owner, call->deadline, call->sent,
                                     call->pool};
        if (key.shown != key.sent) show(&r, key.shown, key.shown_len);
        new = add_owner(new, &r, &first);
        call->done = NULL;
        call->owner = NULL;
    }
    for (struct sharer *s = NULL; (s = sharers_of_key(call, s));) {
        struct sharer_terms terms = {s->done, s->owner, s->deadline, s->sent, s->pool};
        if (!s->owner || fifo_has_writer(writers, s->affinity)) continue;
        r.part = s->part;
        r.affinity = s->affinity;
        show(&r, s->shown, s->shown_len);
        new = add_owner(new, &r, &terms);
        s->done = NULL;
        s->owner = NULL;
    }
    return new;
}

static void send_alone(struct conn *c, struct call *call)
{
    size_t before = c->out.bytes;
    call->marks |= CALL_SENT_AGAIN;
    call_write_again(call, &c->out);
    outq_append(&c->out, "\r\n", 2);
    meter_sent_alone(c->backend, call, c->out.bytes - before);
    fifo_add(c, call);
}

/* It is held back on a connection that closes, and so goes on to the next one. */
static void hold_alone(struct conn *c, struct call *call)
{
    held_again(call);
    meter_sent_alone(c->backend, call, call->wire->bytes + 2);
    fifo_push(c, call);
}

void alone_ask(struct conn *c, const struct response *r, struct blob *blob, bool closes)
{
    struct call *line = c->head;
    struct call_news news = {.event = CALL_ANSWERED, .response = r, .blob = blob};
    struct fifo_writers writers;
    assert(c->state == CONN_READY && !c->held && call_is_merged(line));
    fifo_find_writers(c, &writers);
    c->backend->late = 0;
    if (!closes) conn_close_line(c);
    for (; call_key(line, &news.key); call_pass_key(line)) {
        struct call *call = call_of_key(line, &writers);
        if (!call) continue;
        if (closes)
            hold_alone(c, call);
        else
            send_alone(c, call);
    }
    conn_mark_unsent(c);
    fifo_answer(c, &news);
}
