/* What a request that is watched has come to: noted as the answer is made, and read when its reply is complete (sight.c). */
#include "client/sight.h"

#include <stdio.h>
#include <string.h>

#include "client/reply.h"
#include "client/state.h"

void sight_note(struct sighting *s, enum live_result result, const void *text, size_t len)
{
    s->outcome.result = result;
    s->outcome.len = len < LIVE_TEXT ? len : LIVE_TEXT - 1;
    if (len) memcpy(s->outcome.text, text, s->outcome.len);
    s->outcome.text[s->outcome.len] = '\0';
}

/* HD says only that all went well. A frame is sent as a meta command, and shown as what it is. */
static enum live_result result_of_meta(unsigned command)
{
    switch (command_info(command)->shape) {
    case SHAPE_STORE:
    case SHAPE_META_STORE: return LIVE_STORED;
    case SHAPE_DELETE: return LIVE_DELETED;
    case SHAPE_ARITHMETIC: return LIVE_CHANGED;
    case SHAPE_TOUCH: return LIVE_TOUCHED;
    default: break;
    }
    switch (command) {
    case COMMAND_META_DELETE: return LIVE_DELETED;
    case COMMAND_META_ARITHMETIC: return LIVE_CHANGED;
    default: return LIVE_HIT;
    }
}

static enum live_result kind_of(unsigned command, enum response_kind kind)
{
    switch (kind) {
    case RESPONSE_VALUE:
    case RESPONSE_ME: return LIVE_HIT;
    case RESPONSE_HD:
    case RESPONSE_VA: return result_of_meta(command);
    case RESPONSE_END:
    case RESPONSE_NOT_FOUND:
    case RESPONSE_EN:
    case RESPONSE_NF: return LIVE_MISS;
    case RESPONSE_STORED: return LIVE_STORED;
    case RESPONSE_NOT_STORED:
    case RESPONSE_NS: return LIVE_NOT_STORED;
    case RESPONSE_EXISTS:
    case RESPONSE_EX: return LIVE_EXISTS;
    case RESPONSE_DELETED: return LIVE_DELETED;
    case RESPONSE_TOUCHED: return LIVE_TOUCHED;
    case RESPONSE_NUMBER: return LIVE_CHANGED;
    default: return LIVE_ANSWERED;
    }
}

void sight_answered(struct reply *reply, const struct response *r)
{
    struct sighting *s = &reply->sights->set->sighting;
    if (r->kind & RESPONSE_ANY_ERROR)
        sight_failed(reply, "", (const char *)r->bytes, r->len - 2);
    else if (reply->parts_n == 0)
        sight_note(s, kind_of(reply->command, r->kind), "", 0);
}

void sight_missed(struct reply *reply)
{
    if (reply->parts_n == 0) sight_note(&reply->sights->set->sighting, LIVE_MISS, "", 0);
}

/* Of several keys, those fail that the server was asked for; or the one for which the script gives the error. */
static void note_failed_parts(const struct sights *all)
{
    const struct board_server *from = all->set->turn->backends->from;
    struct sight *routed = all->set->sighting.routed;
    if (!from && routed && routed->asked_n == 0) routed->has_failed = true;
    for (uint32_t i = 0; i < all->n; i++) {
        struct sight *one = all->of[i];
        if (one && one->asked_n && one->asked[one->asked_n - 1].server == from)
            one->has_failed = true;
    }
}

void sight_failed(struct reply *reply, const char *word, const char *text, size_t len)
{
    char line[LIVE_TEXT];
    int n =
        snprintf(line, sizeof line, "%s%.*s", word, (int)(len < LIVE_TEXT ? len : LIVE_TEXT), text);
    if (reply->parts_n)
        note_failed_parts(reply->sights);
    else
        sight_note(&reply->sights->set->sighting, LIVE_ERROR, line,
                   n < LIVE_TEXT ? (size_t)n : LIVE_TEXT - 1);
}

void sight_line(struct clients *set, const char *line, size_t len)
{
    bool is_error =
        len > 2 && (strncmp(line, "ERROR", 5) == 0 || strncmp(line, "CLIENT_ERROR", 12) == 0 ||
                    strncmp(line, "SERVER_ERROR", 12) == 0);
    sight_note(&set->sighting, is_error ? LIVE_ERROR : LIVE_ANSWERED, line, is_error ? len - 2 : 0);
    set->sighting.line_bytes = len;
}
