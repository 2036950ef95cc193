/* One answer, from its place among the others to its bytes. client.c says why the order matters.
 *
 * This file and parts.c are two halves of one thing, and the only files of this floor that use each other: a reply to a multi-key get
 * has parts, which are filled and put together as events come for the reply, and count what they hold as held by it. */
#include "client/reply.h"

#include <assert.h>
#include <string.h>

#include "base/slab.h"
#include "client/binary_reply.h"
#include "client/binary_steps.h"
#include "client/parts.h"
#include "client/sending.h"
#include "client/sight.h"
#include "client/state.h"
#include "client/streaming.h"
#include "client/tally.h"

static const char SERVER_ERROR[] = "SERVER_ERROR ";

/* I6: client.stored is the sum over the client's replies. */
void reply_hold(struct reply *reply, size_t n)
{
    reply->held += n;
    reply->client->stored += n;
    if (n) client_check_held(reply->client);
}

static void hold_no_more(struct reply *reply)
{
    reply->client->stored -= reply->held;
    reply->held = 0;
}

/* The client's last one. */
static inline __attribute__((always_inline)) struct reply *append(struct client *c,
                                                                  unsigned command, uint32_t keys)
{
    struct reply *reply = slab_borrow(sizeof *reply);
    struct board_command *counts = tally_command(c->set, command);
    assert(c->state != CLIENT_CLOSED);
    *reply = (struct reply){.client = c,
                            .waiting = keys,
                            .began = c->turn->now,
                            .counts = counts,
                            .framing = c->framing,
                            .command = (uint8_t)command};
    tally_request(c, counts);
    if (c->tail)
        c->tail->next = reply;
    else
        c->head = reply;
    c->tail = reply;
    c->owed++;
    return reply;
}

/* Rare: it would make the usual way longer. */
static void __attribute__((noinline))
watch(struct reply *reply, const struct request *r, uint32_t keys)
{
    struct clients *set = reply->client->set;
    if (set->sighting.is_on || keys > 1 || feed_wants(&set->feed, r)) sight_begin(reply, r, keys);
}

struct reply *reply_create(struct client *c, const struct request *r, uint32_t keys)
{
    struct reply *reply = append(c, r->command_id, keys);
    reply->quiet = r->meta & META_QUIET;
    if (r->meta & (META_KEY | META_OPAQUE)) reply_keep_echo(reply, r);
    if (keys > 1) parts_create(reply, keys);
    if (__builtin_expect(c->turn->is_watched, 0)) watch(reply, r, keys);
    return reply;
}

struct reply *reply_create_local(struct client *c, unsigned command)
{
    return append(c, command, 1);
}

static void reply_destroy(struct reply *reply)
{
    if (reply->parts) parts_destroy(reply);
    if (!outq_is_empty(&reply->store)) outq_release(&reply->store);
    if (reply->echo) slab_return(reply->echo, reply->echo_room);
    slab_return(reply, sizeof *reply);
}

/* Rare: it would make the usual way longer. */
static void __attribute__((noinline)) append_stats(struct client *c, const struct reply *reply)
{
    struct outq lines = {0};
    if (!c->set->stats(c->set->about, reply->echo, reply->echo_len, &lines)) {
        outq_append(&lines, "ERROR\r\n", strlen("ERROR\r\n"));
        tally_error(c, reply->counts, TALLY_CLIENT_ERROR);
    }
    if (reply->manner & REPLY_IN_FRAMES) binary_put_in_frames(reply, &lines);
    outq_splice(&c->out, &lines);
}

/* I1: moves the complete replies at the head into the client's output, and stops at the first that waits. */
static void flush_head(struct client *c)
{
    while (c->head && c->head->waiting == 0) {
        struct reply *reply = c->head;
        c->head = reply->next;
        if (!c->head) c->tail = NULL;
        c->owed--;
        hold_no_more(reply);
        if (reply->command == COMMAND_STATS && reply->echo) append_stats(c, reply);
        if (!outq_is_empty(&reply->store)) outq_splice(&c->out, &reply->store);
        reply_destroy(reply);
    }
    client_mark_dirty(c);
}

/* I1: into the client's output only when no reply is before it. */
static struct outq *place_of(struct reply *reply)
{
    struct client *c = reply->client;
    return c->head == reply ? &c->out : &reply->store;
}

static void complete(struct reply *reply, size_t bytes)
{
    struct client *c = reply->client;
    reply->waiting = 0;
    if (__builtin_expect(reply->sights != NULL, 0)) sight_end(reply, bytes);
    if (!reply->is_own) tally_time(c, reply->counts, reply->began);
    if (reply->error) tally_error(c, reply->counts, reply->error);
    client_note_reply(c, bytes);
    hold_no_more(reply);
    reply_hold(reply, reply->store.bytes);
    if (c->head != reply) return;
    flush_head(c);
    sending_look(c, bytes);
}

/* The client has closed: true, and the reply is freed; nothing of it may be used. */
static bool nobody_reads(struct reply *reply)
{
    assert(reply->waiting == 0);
    if (reply->client) return false;
    if (reply->sights) sight_end(reply, 0);
    reply_destroy(reply);
    return true;
}

void reply_drop(struct reply *reply)
{
    reply->waiting = 0;
    (void)nobody_reads(reply);
}

static bool take_answer(struct reply *reply)
{
    assert(reply->waiting == 1);
    reply->waiting = 0;
    return !nobody_reads(reply);
}

/* --- for those that make its bytes ------------------------------------------------------------- */

bool reply_take_answer(struct reply *reply)
{
    return take_answer(reply);
}

struct outq *reply_place(struct reply *reply)
{
    return place_of(reply);
}

void reply_complete(struct reply *reply, size_t bytes)
{
    complete(reply, bytes);
}

/* --- one key ----------------------------------------------------------------------------------- */

static void answer_line(struct reply *reply, const void *bytes, size_t len)
{
    if (!take_answer(reply)) return;
    outq_append_alone(place_of(reply), bytes, len);
    complete(reply, len);
}

/* I5: the answer to a noreply is read like any other, and dropped here. */
static bool answered_silently(struct reply *reply)
{
    if (!(reply->manner & REPLY_SILENT)) return false;
    answer_line(reply, "", 0);
    return true;
}

static void answer_blob(struct reply *reply, const struct call_news *news)
{
    const struct response *r = news->response;
    if (!news->blob) {
        answer_line(reply, r->bytes, r->len);
        return;
    }
    if (!take_answer(reply)) return;
    outq_append_blob(place_of(reply), news->blob, r->bytes, r->len);
    complete(reply, r->len);
}

/* An outcome without a response: the server was not reached, or a route or the script refused. */
static void answer_failure(struct reply *reply, const char *text, size_t len)
{
    if (!take_answer(reply)) return;
    struct outq *to = place_of(reply);
    outq_append(to, SERVER_ERROR, sizeof SERVER_ERROR - 1);
    outq_append(to, text, len);
    outq_append(to, "\r\n", 2);
    complete(reply, sizeof SERVER_ERROR - 1 + len + 2);
}

static void answer_value(struct reply *reply, const struct call_news *news)
{
    const struct response *r = news->response;
    if (!take_answer(reply)) return;
    struct outq *to = place_of(reply);
    if (r->key && news->key.shown != news->key.sent)
        streaming_append_shown(to, news);
    else if (news->blob)
        outq_append_blob(to, news->blob, r->bytes, r->len);
    else if (to == &reply->store)
        outq_append_alone(to, r->bytes, r->len);
    else
        outq_append(to, r->bytes, r->len);
    complete(reply, news->gone + r->len);
}

void reply_end_streamed(struct reply *reply, const struct call_news *news, const char *why)
{
    if (!take_answer(reply)) return;
    if (news)
        streaming_end(reply, news);
    else
        streaming_cut(reply, why);
    complete(reply, reply->passed);
}

void reply_finish(struct reply *reply, struct outq *answer)
{
    if (!take_answer(reply)) {
        outq_release(answer);
        return;
    }
    if (reply->manner & REPLY_IN_FRAMES) binary_put_in_frames(reply, answer);
    size_t bytes = answer->bytes;
    outq_splice(place_of(reply), answer);
    complete(reply, bytes);
}

/* --- one of several keys ----------------------------------------------------------------------- */

/* One key (it may have gone into the call of another one), or one call of several keys, less to wait for; the last one puts the parts together. They point into the reply's
 * store, so where the answer must go there as well, it is made beside it. */
static void one_less(void *owner)
{
    struct reply *reply = owner;
    struct outq answer = {0};
    assert(reply->waiting > 0 && reply->parts_n);
    if (--reply->waiting > 0 || nobody_reads(reply)) return;
    struct outq *to = place_of(reply);
    if (to == &reply->store) to = &answer;
    size_t bytes = parts_append(reply, to);
    if (reply->sights) sight_end_parts(reply);
    parts_destroy(reply);
    outq_release(&reply->store);
    reply->store = answer;
    complete(reply, bytes);
}

/* --- what happens to a reply ------------------------------------------------------------------- */

/* The kinds of answer that q leaves out, as bits. */
static unsigned common_answers(const struct reply *reply)
{
    switch (reply->command) {
    case COMMAND_META_GET: return RESPONSE_EN;
    case COMMAND_META_ARITHMETIC: return RESPONSE_HD | RESPONSE_VA;
    default: return RESPONSE_HD;
    }
}

/* A miss that no server has answered is made as memcached would make it for that command. */
static void answer_miss(struct reply *reply)
{
    const struct command_info *command = command_info(reply->command);
    char line[8 + REPLY_ECHO_MAX];
    size_t len = command->miss_len;
    if (reply->quiet && reply->command == COMMAND_META_GET) {
        answer_line(reply, "", 0);
        return;
    }
    memcpy(line, command->miss, len);
    if (reply->echo) {
        memcpy(line + len - 2, reply->echo, reply->echo_len);
        len += reply->echo_len;
        memcpy(line + len - 2, "\r\n", 2);
    }
    answer_line(reply, line, len);
}

static void reply_miss(struct reply *reply)
{
    if (reply->sights) sight_missed(reply);
    if (!reply->parts_n) reply_count(reply, RESPONSE_END, 1);
    if (reply->manner && answered_silently(reply)) return;
    if (reply->manner)
        binary_missed(reply);
    else if (reply->parts_n)
        one_less(reply);
    else
        answer_miss(reply);
}

static void reply_fail(struct reply *reply, enum tally_error error, const char *text, size_t len)
{
    if (reply->sights) sight_failed(reply, SERVER_ERROR, text, len);
    reply_note_error(reply, error);
    if (reply->manner && answered_silently(reply)) return;
    if (reply->is_streamed) {
        reply_end_streamed(reply, NULL, text);
    } else if (reply->manner) {
        binary_failed(reply, error == TALLY_SCRIPT_ERROR, text, len);
    } else if (reply->parts_n) {
        parts_fail(reply, SERVER_ERROR, text, len);
        one_less(reply);
    } else {
        answer_failure(reply, text, len);
    }
}

static inline __attribute__((always_inline)) void account(struct reply *reply,
                                                          const struct response *r)
{
    if (__builtin_expect(reply->sights != NULL, 0)) sight_answered(reply, r);
    if (!reply->parts_n) reply_count(reply, r->kind, 1);
    if (r->kind & RESPONSE_ANY_ERROR) reply_note_answer(reply, r->kind);
}

/* In frames, or not at all. */
static void answered_otherwise(struct reply *reply, const struct call_news *news)
{
    if (reply->manner & REPLY_IN_FRAMES && binary_steps_follow(reply, news->response)) return;
    account(reply, news->response);
    if (!answered_silently(reply)) binary_answered(reply, news);
}

/* I9: an error from a server, CLIENT_ERROR too, is a response like any other: it goes to the client whose request it answers. */
static inline __attribute__((always_inline)) void answered(struct reply *reply,
                                                           const struct call_news *news)
{
    const struct response *r = news->response;
    if (__builtin_expect(reply->manner != 0, 0)) {
        answered_otherwise(reply, news);
        return;
    }
    account(reply, r);
    if (reply->is_streamed) {
        reply_end_streamed(reply, news, NULL);
    } else if (!reply->parts_n && reply->quiet && r->kind & common_answers(reply)) {
        answer_line(reply, "", 0);
    } else if (!reply->parts_n && r->key) {
        answer_value(reply, news);
    } else if (!reply->parts_n) {
        answer_blob(reply, news);
    } else {
        if (r->kind == RESPONSE_VALUE && reply->client) parts_keep_lone(reply, news);
        if (r->kind & RESPONSE_ANY_ERROR) parts_fail(reply, "", r->bytes, r->len - 2);
        one_less(reply);
    }
}

/* CALL_VALUE comes only for keys of a multi-key get. */
static void reply_news(void *owner, const struct call_news *news)
{
    struct reply *reply = owner;
    switch (news->event) {
    case CALL_BEGUN: streaming_begin(reply, news); break;
    case CALL_DATA: streaming_pass(reply, news); break;
    case CALL_VALUE:
        if (reply->client) parts_keep(reply, news);
        break;
    case CALL_ANSWERED: answered(reply, news); break;
    case CALL_FAILED:
        reply->fails_whole |= news->is_whole;
        reply_fail(reply, TALLY_SERVER_ERROR, news->failure, strlen(news->failure));
        break;
    }
}

/* No miss can be told to a client that has a part of the value. */
static void reply_news_or_miss(void *owner, const struct call_news *news)
{
    if (news->event == CALL_FAILED && !((struct reply *)owner)->is_streamed)
        reply_miss(owner);
    else
        reply_news(owner, news);
}

/* The result of a flow has the key as its place: it came on a request of its own. */
void reply_result(void *owner, uint32_t place, const struct result *result)
{
    if (result->news) {
        struct call_news news = *result->news;
        news.key.part = place;
        reply_news(owner, &news);
    } else if (result->kind == RESULT_MISS) {
        reply_miss(owner);
    } else {
        bool is_scripts = result->kind == RESULT_SCRIPT;
        ((struct reply *)owner)->fails_whole |= result->is_whole;
        reply_fail(owner, is_scripts ? TALLY_SCRIPT_ERROR : TALLY_SERVER_ERROR, result->text,
                   result->text_len);
    }
}

const struct receiver reply_receiver = {.on_result = reply_result,
                                        .on_news = reply_news,
                                        .on_news_or_miss = reply_news_or_miss,
                                        .on_joined = one_less,
                                        .is_awaited = reply_is_awaited,
                                        .goes_on = reply_goes_on,
                                        .takes_streamed = true,
                                        .write = sending_write};

/* I2: a reply that loses its client here gets no other one: what its calls still bring is dropped. */
void replies_abandon(struct client *c)
{
    streaming_leave(c);
    while (c->head) {
        struct reply *reply = c->head;
        c->head = reply->next;
        reply->client = NULL;
        if (reply->waiting == 0)
            reply_destroy(reply);
        else
            c->turn->abandoned = true;
    }
    c->tail = NULL;
    c->stored = c->owed = 0;
}
