#include "backend/wins.h"

#include <assert.h>
#include <string.h>

#include "backend/fifo.h"
#include "backend/meter.h"
#include "backend/sharers.h"

/* A stale item (md or ms with I) gives the next mg the win, flag W: that client is to store the item again, and all others are told
 * by Z that one does. A get leaves this alone, so a get in the words of mg must, too.
 *
 * `md KEY I C<cas>` makes the item stale as it was, without the mark of a win, but only as long as it has that cas: what another
 * client has stored meanwhile stays. It leaves value, flags and exptime alone, so for `written` it writes nothing. But it gives the
 * item another cas, so that a cas of a client that has read the item before would fail. From 1.6.27 on, E gives it the cas that it
 * had. What remains: until the md has arrived, an mg of another client gets Z and not W; and where the connection ends before, the
 * win stays taken. Another connection may lead to another server, where the cas means nothing, so the md is not sent a second time.
 *
 * The call stands for none of a client: it has no owner, its answer is neither hit nor miss, and no pool counts it. It takes the
 * place of the call that ends, so a connection never holds more than settings.depth because of it. Its deadline is that of the get:
 * a drain waits for it, as long as it would have waited for that.
 */

enum { CAS_GIVEN_FROM = 10627 }; /* the first version that knows E */

/* Seconds. */
static const double ASKS_GET = 10;

static void ask_get_for_a_while(struct conn *c)
{
    c->backend->asks_get_until = conn_now(c) + ASKS_GET;
}

/* Writes the flags to `to`. Returns their length. */
static size_t write_flags(const struct conn *c, const uint8_t *cas, size_t len, uint8_t *to)
{
    uint8_t *p = mempcpy(to, "I C", 3);
    p = mempcpy(p, cas, len);
    if (c->dialect.version < CAS_GIVEN_FROM) return (size_t)(p - to);
    p = mempcpy(p, " E", 2);
    return (size_t)((uint8_t *)mempcpy(p, cas, len) - to);
}

void wins_return(struct conn *c, const uint8_t *cas, size_t cas_len)
{
    uint8_t flags[64];
    struct call_key key;
    bool has_key = call_key(c->head, &key);
    assert(has_key && c->head->marks & CALL_ASKED_MG && c->state == CONN_READY);
    assert(2 * cas_len + 5 <= sizeof flags);
    (void)has_key;
    ask_get_for_a_while(c);
    if (conn_holds(c)) return;
    struct request r = {.command_id = COMMAND_META_DELETE,
                        .key_at = (uintptr_t)key.sent,
                        .key_len = key.sent_len,
                        .affinity = c->head->affinity,
                        .args_at = (uintptr_t)flags,
                        .args_len = (uint16_t)write_flags(c, cas, cas_len, flags)};
    struct call *call = call_create(&r, c->head->deadline, NULL, NULL);
    call->marks |= CALL_RETURNS;
    conn_close_line(c);
    size_t len = request_encode_line(&r, outq_reserve(&c->out, request_line_room(&r)));
    outq_commit(&c->out, len);
    meter_sent(c->backend, call, len);
    c->backend->set->row->wins_returned++;
    fifo_add(c, call);
    conn_mark_unsent(c);
}

/* A get behind it may be answered before it: it sees the same. No other request of those who ask for it is overtaken. */
static bool may_go_last(const struct conn *c)
{
    const struct sharers *others = c->head->sharers;
    struct fifo_writers writers;
    fifo_find_writers(c, &writers);
    bool may = !fifo_has_writer(&writers, c->head->affinity);
    for (uint32_t i = 0; others && i < others->n; i++)
        may = may && !fifo_has_writer(&writers, others->all[i].affinity);
    return may;
}

bool wins_ask_again(struct conn *c)
{
    struct call *call = c->head;
    assert(call && call->marks & CALL_ASKED_MG && c->state == CONN_READY);
    ask_get_for_a_while(c);
    if (!call_is_awaited(call) || conn_holds(c) || !may_go_last(c)) return false;
    fifo_take_first(c);
    call->marks &= (uint8_t) ~(CALL_ASKED_MG | CALL_HEARD);
    conn_close_line(c);
    call_write_again(call, &c->out);
    outq_append(&c->out, "\r\n", 2);
    fifo_add(c, call);
    conn_mark_unsent(c);
    return true;
}
