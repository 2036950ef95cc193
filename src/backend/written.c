#include "backend/written.h"

#include <assert.h>
#include <math.h>
#include <time.h>

#include "protocol/text.h"

enum { THIRTY_DAYS = 60 * 60 * 24 * 30 };

/* The delay of a flush_all is its first argument; without one it is carried out at once. More than thirty days are a time since 1970. */
static double flush_delay(const struct request *r)
{
    const uint8_t *at = (const uint8_t *)r->args_at;
    uint64_t seconds = 0;
    size_t len = 0;
    while (len < r->args_len && at[len] != ' ') len++;
    if (!text_read_digits(at, len, &seconds)) return 0;
    return seconds > THIRTY_DAYS ? (double)seconds - (double)time(NULL) : (double)seconds;
}

/* A flush_all writes every key. Administrative commands and `me` write none, nor do meta commands whose flags only read. */
bool written_may(const struct request *r)
{
    if (r->command_id == COMMAND_GET || r->command_id == COMMAND_GETS || r->fill) return false;
    if (r->command_id == COMMAND_FLUSH_ALL) return true;
    return command_info(r->command_id)->shape != SHAPE_ADMIN &&
           r->command_id != COMMAND_META_DEBUG && !request_only_reads(r);
}

void written_forget(const struct request *r, struct request *to)
{
    bool is_base64 = r->meta & META_BASE64;
    *to = (struct request){.key_at = r->key_at,
                           .key_len = r->key_len,
                           .shown_key_at = r->shown_key_at,
                           .shown_key_len = r->shown_key_len,
                           .command_id = is_base64 ? COMMAND_META_DELETE : COMMAND_DELETE,
                           .meta = r->meta & META_BASE64,
                           .args_at = (uintptr_t) "b",
                           .args_len = is_base64,
                           .affinity = r->affinity,
                           .depth = r->depth,
                           .fill = r->fill};
}

void written_note(const struct backends *set, const struct request *r, struct call *call)
{
    if (!written_may(r)) return;
    assert(call->writes == WRITES_NONE);
    bool is_flush = r->command_id == COMMAND_FLUSH_ALL;
    double delay = is_flush ? flush_delay(r) : 0;
    call->writes = is_flush ? WRITES_ALL : written_pair(r);
    writes_begin(&set->writer, call->writes);
    if (delay > 0) writes_flush_later(&set->writer, delay, set->now);
}

/* Seconds that a call without a deadline (timeout = 0) may take, for this. */
static const double JOINED_MOST = 60;

/* A call ends the slots of its first key only, so those of further keys stay closed for as long as the call may take. */
void written_joined(const struct backends *set, const struct request *r, double deadline)
{
    double end = isinf(deadline) ? set->now + JOINED_MOST : deadline;
    if (written_may(r)) writes_close(&set->writer, written_pair(r), end + WRITES_LINGER);
}

/* A call that failed may still be carried out by the server, a little later. */
void written_note_end(const struct backends *set, const struct call *call,
                      const struct call_news *news)
{
    assert(call->writes != WRITES_NONE && news->event != CALL_VALUE);
    if (news->event == CALL_FAILED)
        writes_lose(&set->writer, call->writes, set->now);
    else
        writes_end(&set->writer, call->writes);
}
