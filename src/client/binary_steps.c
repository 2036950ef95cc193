/* A server that knows meta commands does it in one step (protocol/binary_request.h); one that does not says so by one known failure
 * (protocol/classic.h), or by ERROR to a gats, and nothing was changed then. Each further step is a request like any other: the script
 * routes it, and sees it.
 *
 * Another client may come between two steps: an item that is added meanwhile makes the add fail, so it is counted once more; one that is
 * deleted between touch and gets is a miss. What compares a cas has no other words: there a second step could change what it should not. */
#include "client/binary_steps.h"

#include <assert.h>
#include <string.h>

#include "base/slab.h"
#include "client/binary.h"
#include "client/binary_reply.h"
#include "protocol/binary_request.h"
#include "protocol/classic.h"
#include "protocol/text.h"

enum { AS_ASKED, COUNTS, MAKES, COUNTS_AGAIN, TOUCHES, GETS };

static size_t size_of(size_t key_len)
{
    return sizeof(struct binary_steps) + key_len;
}

void binary_steps_keep(struct reply *reply, const struct binary_frame *f)
{
    struct binary_steps *s = slab_borrow(size_of(f->key_len));
    assert(!reply->echo && f->extras_len <= BINARY_STEPS_EXTRAS);
    *s = (struct binary_steps){.reply = reply,
                               .extras_len = f->extras_len,
                               .compares = f->cas != 0,
                               .key_len = f->key_len};
    memcpy(s->extras, f->extras, f->extras_len);
    memcpy(s->key, f->key, f->key_len);
    reply->echo = (char *)s;
    reply->echo_len = f->key_len;
    reply->echo_room = (uint16_t)size_of(f->key_len);
}

/* --- which one comes next ---------------------------------------------------------------------- */

static struct binary_frame frame_of(const struct binary_steps *s)
{
    return (struct binary_frame){.opcode = s->reply->opcode,
                                 .key = s->key,
                                 .key_len = s->key_len,
                                 .extras = s->extras,
                                 .extras_len = s->extras_len};
}

static uint8_t next_of_count(const struct binary_steps *s, const struct response *r)
{
    struct binary_frame f = frame_of(s);
    bool is_missing = r->kind & (RESPONSE_NF | RESPONSE_NOT_FOUND);
    bool is_there = r->kind & (RESPONSE_NS | RESPONSE_NOT_STORED);
    if (s->compares || binary_read_count(&f).exptime == BINARY_MAKES_NOTHING) return AS_ASKED;
    if (s->step == AS_ASKED && classic_is_lacking(r)) return COUNTS;
    if (s->step == COUNTS && is_missing) return MAKES;
    return s->step == MAKES && is_there ? COUNTS_AGAIN : AS_ASKED;
}

static uint8_t next_of_touch(const struct binary_steps *s, const struct response *r)
{
    bool is_lacking = r->kind == RESPONSE_ERROR || classic_is_lacking(r);
    if (s->step == AS_ASKED && is_lacking && request_key_is_valid(s->key, s->key_len, false))
        return TOUCHES;
    bool reads = s->reply->opcode != BINARY_OP_TOUCH;
    return s->step == TOUCHES && reads && r->kind == RESPONSE_TOUCHED ? GETS : AS_ASKED;
}

bool binary_steps_follow(struct reply *reply, const struct response *r)
{
    struct binary_steps *s = binary_steps_of(reply);
    if (!s || reply->is_streamed) return false;
    bool counts = binary_table[reply->opcode].shape == BINARY_COUNT;
    uint8_t next = counts ? next_of_count(s, r) : next_of_touch(s, r);
    if (next == AS_ASKED || !reply->client) return false;
    struct clients *set = reply->client->set;
    s->step = next;
    s->next = set->due;
    set->due = s;
    return true;
}

bool binary_steps_made(const struct reply *reply, uint64_t *number)
{
    const struct binary_steps *s = binary_steps_of(reply);
    if (!s || s->step != MAKES) return false;
    struct binary_frame f = frame_of(s);
    *number = binary_read_count(&f).initial;
    return true;
}

/* --- its request ------------------------------------------------------------------------------- */

/* The initial value, and the exptime, of the item that is added. */
static void fill_add(struct client *c, struct binary_frame *f, const struct binary_steps *s)
{
    uint8_t *value = arena_alloc(c->turn->arena, TEXT_NUMBER_ROOM);
    uint8_t *extras = arena_alloc(c->turn->arena, 8);
    struct binary_count count = binary_read_count(f);
    binary_write32(extras, 0);
    memcpy(extras + 4, s->extras + 16, 4);
    f->opcode = BINARY_OP_ADD;
    f->extras = extras;
    f->extras_len = 8;
    f->value = value;
    f->value_len = (uint32_t)text_write_unsigned(value, count.initial);
}

static void fill_count(struct client *c, struct binary_frame *f, const struct binary_steps *s)
{
    uint8_t *extras = arena_alloc(c->turn->arena, BINARY_STEPS_EXTRAS);
    memcpy(extras, s->extras, BINARY_STEPS_EXTRAS);
    binary_write32(extras + 16, BINARY_MAKES_NOTHING);
    f->extras = extras;
}

/* False: its key cannot be sent, which the first step has shown. */
static bool fill(struct client *c, const struct binary_steps *s, struct request *r)
{
    struct binary_frame f = frame_of(s);
    if (s->step == MAKES) fill_add(c, &f, s);
    if (s->step == COUNTS || s->step == COUNTS_AGAIN) fill_count(c, &f, s);
    if (s->step == GETS) f.opcode = BINARY_OP_GET, f.extras_len = 0;
    if (!binary_fill_request(c, &f, r)) return false;
    if (s->step == TOUCHES) {
        r->command_id = COMMAND_TOUCH;
        r->meta = 0;
        r->args_at = r->args_len = 0;
    }
    return true;
}

/* The key is copied, as the reply may end before the turn does. */
static void send_step(struct client *c, struct binary_steps *s)
{
    struct request *r = turn_slot(c->turn);
    uint8_t *key = arena_alloc(c->turn->arena, s->key_len);
    if (!fill(c, s, r)) {
        binary_answer_status(s->reply, BINARY_INVALID, NULL, 0);
        return;
    }
    memcpy(key, s->key, s->key_len);
    r->key_at = (uintptr_t)key;
    binary_own_request(s->reply, r);
}

void binary_steps_go_on(struct clients *set)
{
    while (set->due) {
        struct binary_steps *s = set->due;
        struct client *c = s->reply->client;
        set->due = s->next;
        if (c)
            send_step(c, s);
        else
            reply_drop(s->reply);
    }
}
