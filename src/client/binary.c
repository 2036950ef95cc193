/* The same way as that of lines (requests.c), with frames: r, the turn's next slot, is filled from the frame, and what is refused is
 * answered with a status in the client's order.
 *
 * A reply counts and is shown under the command that the frame says (a set is a set), though it is sent as another one (ms).
 *
 * Where clients must say who they are, sasl.c takes their frames of SASL; else those are unknown, as to a memcached without it. */
#include "client/binary.h"

#include <assert.h>
#include <string.h>

#include "base/slab.h"
#include "client/binary_reply.h"
#include "client/binary_steps.h"
#include "client/own_keys.h"
#include "client/reply.h"
#include "client/requests.h"
#include "client/sasl.h"
#include "client/state.h"
#include "client/tally.h"
#include "protocol/binary_request.h"

enum { LOGIN_VALUE_MAX = 1024 }; /* bytes: of SASL PLAIN */

/* --- answers at once --------------------------------------------------------------------------- */

static void answer(struct client *c, unsigned command, enum binary_status status, const char *text,
                   size_t len)
{
    struct reply *reply = reply_create_local(c, command);
    if (status != BINARY_OK) reply_note_error(reply, TALLY_CLIENT_ERROR);
    binary_answer_status(reply, status, text, len);
}

void binary_answer(struct client *c, enum binary_status status, const char *text, size_t len)
{
    answer(c, COMMAND_NONE, status, text, len);
}

static void refuse_request(struct client *c, const struct binary_frame *f,
                           enum binary_status status, const struct request *r)
{
    unsigned command = binary_table[f->opcode].command;
    c->turn->row->client_errors++;
    answer(c, command, status, NULL, 0);
    if (!c->turn->is_watched) return;
    const char *text = binary_status_text(status);
    sight_note(&c->set->sighting, LIVE_ERROR, text, strlen(text));
    sight_local(c, command, r);
}

/* Nothing is known of it but what it is. */
static void refuse(struct client *c, const struct binary_frame *f, enum binary_status status)
{
    refuse_request(c, f, status, NULL);
}

/* One whose key is known. */
static void refuse_key(struct client *c, const struct binary_frame *f, enum binary_status status)
{
    struct request r = {.key_at = (uintptr_t)f->key,
                        .key_len = f->key_len,
                        .value_len = f->value_len,
                        .affinity = c->affinity};
    refuse_request(c, f, status, &r);
}

/* --- requests about a key ---------------------------------------------------------------------- */

/* Under memcached's names. */
static void count_request(struct board_row *row, const struct binary_info *info)
{
    unsigned shape = info->shape;
    row->cmd_get += info->command == COMMAND_GET || info->command == COMMAND_GAT;
    row->cmd_set += shape == BINARY_STORE || shape == BINARY_CONCAT;
    row->cmd_touch += shape == BINARY_TOUCH;
}

/* A miss of an opcode that answers with the key, and a hit of a key that was sent in base64, need the client's key. */
static void keep_key(struct reply *reply, const struct request *r)
{
    unsigned answers = binary_table[reply->opcode].answers;
    if (!(answers & BINARY_KEYED)) return;
    if (answers & BINARY_QUIET && !(r->meta & META_BASE64)) return;
    reply->echo_len = reply->echo_room = r->key_len;
    reply->echo = slab_borrow(reply->echo_room);
    memcpy(reply->echo, (const void *)r->key_at, r->key_len);
}

bool binary_fill_request(struct client *c, const struct binary_frame *f, struct request *r)
{
    uint8_t words[BINARY_WORDS_ROOM];
    if (!binary_to_request(f, c->turn->limits.rules.strict_keys, r, words)) return false;
    if (r->args_at != (uintptr_t)words) return true;
    r->args_at = (uintptr_t)arena_alloc(c->turn->arena, r->args_len);
    memcpy((void *)r->args_at, words, r->args_len);
    return true;
}

void binary_own_request(struct reply *reply, struct request *r)
{
    struct client *c = reply->client;
    r->affinity = c->affinity;
    r->function_id = client_entrance(c);
    if (reply->sights) r->meta |= META_SEEN;
    r->owner = (uintptr_t)reply;
    r->receiver = (uintptr_t)&reply_receiver;
    c->turn->used++;
}

static void route(struct client *c, const struct binary_frame *f, struct request *r)
{
    const struct binary_info *info = &binary_table[f->opcode];
    uint8_t sent_as = r->command_id;
    if (__builtin_expect(c->set->own_keys != NULL, 0) && own_key_is(c->set, r)) {
        own_key_take(c, r);
        return;
    }
    r->command_id = info->command;
    struct reply *reply = reply_create(c, r, 1);
    r->command_id = sent_as;
    if (info->shape == BINARY_COUNT || info->shape == BINARY_TOUCH)
        binary_steps_keep(reply, f);
    else
        keep_key(reply, r);
    binary_own_request(reply, r);
}

/* A set that is too large leaves no old value behind, as in memcached: a delete whose answer is dropped. */
static void drop_value(struct client *c, const struct binary_frame *f)
{
    struct binary_frame gone = *f;
    struct request *r = turn_slot(c->turn);
    uint8_t none[BINARY_WORDS_ROOM];
    gone.opcode = BINARY_OP_DELETE;
    gone.extras_len = 0;
    gone.value_len = 0;
    gone.cas = 0;
    if (!binary_to_request(&gone, c->turn->limits.rules.strict_keys, r, none)) return;
    r->args_at = (uintptr_t) "b";
    r->args_len = r->meta & META_BASE64 ? 1 : 0;
    struct reply *reply = reply_create(c, r, 1);
    reply->manner = REPLY_SILENT;
    reply_is_own(reply);
    binary_own_request(reply, r);
}

/* --- any frame --------------------------------------------------------------------------------- */

static void quit(struct client *c, const struct binary_frame *f)
{
    if (f->opcode == BINARY_OP_QUIT)
        answer(c, COMMAND_QUIT, BINARY_OK, NULL, 0);
    else
        tally_unanswered(c, COMMAND_QUIT);
    client_end(c, "quit");
}

/* memcached does not dump keys to binary clients. */
static bool is_dump(const struct binary_frame *f)
{
    static const char DUMP[] = "cachedump";
    return f->opcode == BINARY_OP_STAT && f->key_len >= sizeof DUMP - 1 &&
           memcmp(f->key, DUMP, sizeof DUMP - 1) == 0;
}

static void take_local(struct client *c, const struct binary_frame *f, const struct request *r)
{
    if (binary_table[f->opcode].command == COMMAND_QUIT)
        quit(c, f);
    else if (is_dump(f))
        refuse(c, f, BINARY_NOT_FOUND);
    else
        requests_take_local(c, r);
}

static void take_sasl(struct client *c, const struct binary_frame *f)
{
    if (c->set->users)
        sasl_take(c, f);
    else
        refuse(c, f, BINARY_UNKNOWN_COMMAND);
}

/* I14: before it is in, a client may ask for the version and say who it is; anything else ends it, as in memcached with SASL. */
static bool may_come(struct client *c, const struct binary_frame *f)
{
    switch (f->opcode) {
    case BINARY_OP_VERSION:
    case BINARY_OP_SASL_LIST:
    case BINARY_OP_SASL_AUTH:
    case BINARY_OP_SASL_STEP: return true;
    default: break;
    }
    refuse(c, f, BINARY_AUTH_FAILED);
    client_end(c, "not authenticated");
    return false;
}

static void take_whole(struct client *c, const struct binary_frame *f, struct blob *blob)
{
    const struct binary_info *info = &binary_table[f->opcode];
    if (info->command == COMMAND_NONE) {
        take_sasl(c, f);
        return;
    }
    struct request *r = turn_slot(c->turn);
    if (!binary_fill_request(c, f, r)) {
        refuse_key(c, f, BINARY_INVALID);
        return;
    }
    if (info->shape > BINARY_TOUCH) {
        take_local(c, f, r);
        return;
    }
    count_request(c->turn->row, info);
    r->value_blob = (uintptr_t)blob;
    route(c, f, r);
}

static void take_refused(struct client *c, const struct binary_frame *f,
                         const struct binary_parse *p)
{
    refuse_key(c, f, p->error);
    if (p->error == BINARY_TOO_LARGE && binary_table[f->opcode].command == COMMAND_SET)
        drop_value(c, f);
    c->swallow = p->swallow;
}

/* It is closed without a word. */
static bool is_nothing(const struct binary_parse *p)
{
    return p->status == BINARY_CLOSE && p->error == BINARY_OK;
}

/* Where the next frame begins is not known, or memcached does not want to know. */
static void take_last(struct client *c, const struct binary_frame *f, const struct binary_parse *p)
{
    if (p->error != BINARY_OK) refuse(c, f, p->error);
    client_end(c, p->error == BINARY_OK ? "sends no frame" : "its frame is not valid");
}

/* Nothing that is long is kept of a client that is not in. */
static size_t longest_value(const struct client *c)
{
    size_t most = c->turn->limits.rules.max_value;
    return c->entry == ENTRY_IN || most < LOGIN_VALUE_MAX ? most : LOGIN_VALUE_MAX;
}

const uint8_t *binary_take(struct client *c, const uint8_t *at, const uint8_t *end,
                           struct blob *blob, bool *cut, size_t *need)
{
    uint32_t left = client_batch(c);
    assert(c->front == FRONT_BINARY);
    while (left > 0 && client_takes_requests(c) && client_has_room(c)) {
        if (c->swallow) at = requests_swallow(c, at, end);
        if (at == end) break;
        struct binary_frame f;
        struct binary_parse p = binary_parse(at, (size_t)(end - at), longest_value(c), &f);
        if (p.status == BINARY_AGAIN) {
            *cut = true;
            *need = p.need;
            break;
        }
        c->turn->row->requests++;
        c->requests++;
        c->framing = (struct framing){f.opaque, f.opcode, REPLY_IN_FRAMES};
        at += p.consumed;
        if (__builtin_expect(c->entry != ENTRY_IN, 0) && !is_nothing(&p) && !may_come(c, &f)) break;
        switch (p.status) {
        case BINARY_WHOLE: take_whole(c, &f, blob); break;
        case BINARY_REFUSED: take_refused(c, &f, &p); break;
        default: take_last(c, &f, &p); break;
        }
        if (__builtin_expect(--left == 0, 0) && !(left = client_routes(c))) break;
    }
    return at;
}
