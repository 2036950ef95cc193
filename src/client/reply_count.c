/* Hits and misses are what clients were told, wherever the answer came from: from a server, from a policy or from the script. They
 * count under memcached's names, and for the command and the listener. */
#include "client/reply.h"

#include <assert.h>

#include "client/tally.h"

void reply_is_own(struct reply *reply)
{
    assert(reply->waiting > 0 && !reply->is_own);
    reply->is_own = true;
    reply->counts->requests--;
    reply->client->counts->requests--;
}

/* Only the first one is told. */
void reply_note_error(struct reply *reply, enum tally_error error)
{
    if (!reply->error && !reply->is_own) reply->error = (uint8_t)error;
}

void reply_note_answer(struct reply *reply, enum response_kind kind)
{
    reply_note_error(reply, kind & RESPONSE_SERVER_ERROR ? TALLY_SERVER_ERROR : TALLY_CLIENT_ERROR);
}

void reply_note_line(struct reply *reply, const char *line, size_t len)
{
    reply_note_error(reply, tally_error_of(line, len));
}

/* Nobody reads the answers for a closed client, or to moongate's own requests, and they are not counted. */
void reply_count(const struct reply *reply, enum response_kind kind, uint32_t n)
{
    if (!reply->client || reply->is_own || kind & RESPONSE_ANY_ERROR) return;
    struct board_row *row = reply->client->turn->row;
    bool missed = kind & (RESPONSE_NOT_FOUND | RESPONSE_END | RESPONSE_NF | RESPONSE_EN);
#define COUNT(what)                                                                                \
    if (missed)                                                                                    \
        row->what##_misses += n;                                                                   \
    else                                                                                           \
        row->what##_hits += n
    switch (reply->command) {
    case COMMAND_GAT:
    case COMMAND_GATS:
        COUNT(touch); /* and it is a get */
        __attribute__((fallthrough));
    case COMMAND_GET:
    case COMMAND_GETS:
    case COMMAND_META_GET: COUNT(get); break;
    case COMMAND_TOUCH: COUNT(touch); break;
    case COMMAND_DELETE:
    case COMMAND_META_DELETE: COUNT(delete); break;
    case COMMAND_INCR:
    case COMMAND_META_ARITHMETIC: COUNT(incr); break;
    case COMMAND_DECR: COUNT(decr); break;
    case COMMAND_CAS:
        if (kind == RESPONSE_EXISTS) {
            row->cas_badval += n;
            return;
        }
        COUNT(cas);
        break;
    default: return;
    }
#undef COUNT
    tally_keys(reply->client, reply->counts, missed, n);
}
