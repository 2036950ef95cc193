/* Each worker sends a stream of datagrams. Nearly all takes are whole in one of them. What is left at a datagram's end is kept with
 * its stream, until the next ones bring the rest; if one of these is missing, the take is dropped: its worker has counted it as lost. */
#include "tools/record_intake.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "record/datagram.h"

/* Invariant: len <= room; len is 0 while no take is open. */
struct intake_stream {
    int32_t pid;
    uint64_t number, lost; /* of the last datagram */
    uint64_t turn;         /* when it came: a counter of datagrams */
    uint8_t *part;         /* the beginning of a take */
    size_t len, room;
    uint64_t time; /* of the take before it */
};

static const char UNREADABLE[] =
    "a datagram cannot be read: use the moongate ctl of the version that runs";

void record_intake_init(struct record_intake *i, struct record_files *files, struct hasher *hasher)
{
    *i = (struct record_intake){.files = files, .hasher = hasher, .least_share = UINT32_MAX};
    i->streams = calloc(INTAKE_STREAMS, sizeof *i->streams);
    if (!i->streams) abort();
}

void record_intake_release(struct record_intake *i)
{
    for (uint32_t n = 0; n < i->streams_n; n++) free(i->streams[n].part);
    free(i->streams);
    i->streams = NULL;
}

/* --- streams ----------------------------------------------------------------------------------- */

static struct intake_stream *quietest(struct record_intake *i)
{
    struct intake_stream *found = &i->streams[0];
    for (uint32_t n = 1; n < i->streams_n; n++)
        if (i->streams[n].turn < found->turn) found = &i->streams[n];
    free(found->part);
    return found;
}

static struct intake_stream *stream_of(struct record_intake *i, int32_t pid)
{
    for (uint32_t n = 0; n < i->streams_n; n++)
        if (i->streams[n].pid == pid) return &i->streams[n];
    struct intake_stream *s =
        i->streams_n < INTAKE_STREAMS ? &i->streams[i->streams_n++] : quietest(i);
    *s = (struct intake_stream){.pid = pid};
    return s;
}

static void append(struct intake_stream *s, const uint8_t *bytes, size_t len)
{
    if (s->len + len > s->room) {
        s->room = s->len + len < 65536 ? 65536 : 2 * (s->len + len);
        s->part = realloc(s->part, s->room);
        if (!s->part) abort();
    }
    if (len) memcpy(s->part + s->len, bytes, len);
    s->len += len;
}

/* --- takes ------------------------------------------------------------------------------------- */

static enum intake_status wrong(struct record_intake *i, const char *what)
{
    i->wrong = what;
    return INTAKE_WRONG;
}

/* One whole take. */
static enum intake_status decode(struct record_intake *i, const uint8_t *at, size_t len,
                                 uint64_t *time)
{
    struct take t;
    if (take_decode(&at, at + len, time, &t) != TAKE_OK) return wrong(i, UNREADABLE);
    if (i->hasher) hasher_apply(i->hasher, &t);
    i->takes++;
    return record_files_take(i->files, &t) ? INTAKE_OK : INTAKE_FAILED;
}

/* What belongs to the take that began earlier. */
static enum intake_status go_on(struct record_intake *i, struct intake_stream *s,
                                const uint8_t *bytes, size_t len)
{
    if (s->len == 0 || len == 0) return INTAKE_OK;
    append(s, bytes, len);
    size_t whole = take_length(s->part, s->part + s->len);
    if (whole == 0 && s->len < 10) return INTAKE_OK;
    if (whole == 0 || whole < s->len) return wrong(i, UNREADABLE);
    if (whole > s->len) return INTAKE_OK;
    s->len = 0;
    return decode(i, s->part, whole, &s->time);
}

static enum intake_status take_all(struct record_intake *i, struct intake_stream *s,
                                   const uint8_t *at, const uint8_t *end)
{
    enum intake_status status = INTAKE_OK;
    uint64_t time = 0;
    while (at < end && status == INTAKE_OK) {
        size_t len = take_length(at, end), left = (size_t)(end - at);
        if (len == 0 && left >= 10) return wrong(i, UNREADABLE);
        if (len == 0 || len > left) {
            s->len = 0;
            s->time = time;
            append(s, at, left);
            return INTAKE_OK;
        }
        status = decode(i, at, len, &time);
        at += len;
    }
    return status;
}

enum intake_status record_intake_take(struct record_intake *i, const uint8_t *bytes, size_t len)
{
    struct datagram_head head;
    size_t body_len;
    const uint8_t *body = datagram_read(bytes, len, &head, &body_len, &i->wrong);
    if (!body) return INTAKE_WRONG;
    struct intake_stream *s = stream_of(i, head.pid);
    if (head.number != s->number + 1) s->len = 0;
    if (head.lost > s->lost) {
        record_files_lost(i->files, head.lost - s->lost);
        i->lost += head.lost - s->lost;
    }
    s->number = head.number;
    s->lost = head.lost;
    s->turn = i->takes + 1;
    if (head.at > 0 && head.at < 1e10) i->last_us = (uint64_t)(head.at * 1e6);
    if (head.share < i->least_share) i->least_share = head.share;
    if (!record_files_share(i->files, head.share)) return INTAKE_FAILED;
    enum intake_status status = go_on(i, s, body, head.first);
    if (status != INTAKE_OK) return status;
    return take_all(i, s, body + head.first, body + body_len);
}
