/* Adding. A delete goes into the buffer at once, with the checksum of its place in the file; the buffer goes to the file when it is full, or with
 * spool_sync. A file that was there when the process started is only read: the first delete that comes makes a new one.
 */
#include "spool/spool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "placement/hash.h"
#include "spool/sync.h"

enum { FILES_TRIED = 1000 };

static bool spool_sane(const struct spool *s)
{
    return s->done.number <= s->answered && s->answered <= s->given.number &&
           s->given.number <= s->synced && s->synced <= s->last && s->bytes <= s->room->bytes;
}

/* --- life -------------------------------------------------------------------------------------- */

struct spool *spool_create(struct spool_room *room, const char *name, size_t len)
{
    struct spool *s = calloc(1, sizeof *s);
    assert(len <= SPOOL_NAME_MAX);
    if (!s) abort();
    s->room = room;
    memcpy(s->name, name, len);
    segment_base(s->base, name, len);
    s->sequence = 1;
    s->known.budget = &room->budget;
    return s;
}

void spool_destroy(struct spool *s)
{
    for (uint32_t i = 0; i < s->segments_n; i++) segment_close(&s->segments[i]);
    s->room->bytes -= s->bytes;
    known_clear(&s->known);
    free(s->found);
    free(s->segments);
    free(s->buffer);
    free(s);
}

/* --- files ------------------------------------------------------------------------------------- */

struct segment *spool_active(const struct spool *s)
{
    struct segment *last = s->segments_n ? &s->segments[s->segments_n - 1] : NULL;
    return last && last->fd >= 0 ? last : NULL;
}

static void count_bytes(struct spool *s, int64_t more)
{
    s->bytes += (uint64_t)more;
    s->room->bytes += (uint64_t)more;
}

static void remove_file(struct spool *s, struct segment *segment)
{
    char name[SEGMENT_NAME];
    segment_name(name, s->base, segment->sequence);
    segment_close(segment);
    (void)unlinkat(s->room->dir, name, 0);
    count_bytes(s, -(int64_t)segment->end);
}

void spool_remove(struct spool *s, uint32_t n)
{
    assert(n <= s->segments_n);
    for (uint32_t i = 0; i < n; i++) remove_file(s, &s->segments[i]);
    s->segments_n -= n;
    if (s->segments_n) memmove(s->segments, s->segments + n, s->segments_n * sizeof *s->segments);
}

void spool_reset(struct spool *s)
{
    assert(!s->buffered);
    spool_remove(s, s->segments_n);
    s->done = s->given = (struct spool_place_in){.number = s->last};
    s->answered = s->handed = s->synced = s->last;
    s->oldest = s->next_oldest = 0;
    s->epoch = 0;
    s->is_mixed = false;
    known_clear(&s->known);
    free(s->buffer);
    s->buffer = NULL;
}

uint32_t spool_locate(const struct spool *s, const struct spool_place_in *place, uint64_t *at)
{
    uint32_t i = 0;
    while (i < s->segments_n && s->segments[i].sequence < place->sequence) i++;
    bool is_within = i < s->segments_n && s->segments[i].sequence == place->sequence;
    *at = is_within ? place->at : SEGMENT_HEAD;
    return i;
}

static int flush(struct spool *s)
{
    struct segment *active = spool_active(s);
    if (!s->buffered) return 0;
    assert(active);
    int error = segment_write(active, s->buffer, s->buffered);
    if (!error) s->buffered = 0;
    return error;
}

/* All of the last file is on the disk. */
static int flush_and_sync(struct spool *s)
{
    struct segment *active = spool_active(s);
    int error = flush(s);
    if (!error && active && active->synced < active->end) error = segment_sync(active);
    if (!error) s->synced = s->last;
    return error;
}

/* A file of that name may be there, which could not be read. */
static int create_file(struct spool *s, struct segment *new)
{
    int error = EEXIST;
    while (!s->epoch) (void)!getrandom(&s->epoch, sizeof s->epoch, 0);
    for (int i = 0; i < FILES_TRIED && error == EEXIST; i++)
        error = segment_create(new, s->room->dir, s->base, s->sequence++, s->epoch, s->name,
                               strlen(s->name));
    return error;
}

int spool_open_active(struct spool *s, size_t more)
{
    struct segment new, *active = spool_active(s);
    uint64_t most = s->room->max_size / 8 < SPOOL_SEGMENT ? s->room->max_size / 8 : SPOOL_SEGMENT;
    if (active && active->end + s->buffered + more <= most) return 0;
    if (active) {
        int error = flush_and_sync(s);
        if (error) return error;
        segment_close(active);
    }
    int error = create_file(s, &new);
    if (error) return error;
    s->room->has_new = true;
    s->segments = reallocarray(s->segments, s->segments_n + 1, sizeof *s->segments);
    if (!s->segments) abort();
    new.last = s->last;
    s->segments[s->segments_n++] = new;
    count_bytes(s, (int64_t) new.end);
    return 0;
}

/* --- what is known ----------------------------------------------------------------------------- */

/* The record at that place, as far as `room` bytes have it. False: it cannot be read. */
static bool look_at(const struct spool *s, const struct known_slot *slot, unsigned char *to,
                    size_t room)
{
    struct reader r;
    struct spool_place_in place = {slot->sequence, (uint64_t)slot->at * 8, 0};
    const struct segment *active = spool_active(s);
    uint64_t at;
    if (active && slot->sequence == active->sequence && place.at >= active->end) {
        size_t from = (size_t)(place.at - active->end);
        if (from > s->buffered || room > s->buffered - from) return false;
        memcpy(to, s->buffer + from, room);
        return true;
    }
    if (active && slot->sequence == active->sequence)
        return pread(active->fd, to, room, (off_t)place.at) == (ssize_t)room;
    uint32_t i = spool_locate(s, &place, &at);
    if (i == s->segments_n || s->segments[i].sequence != slot->sequence) return false;
    if (at + room > s->segments[i].synced) return false;
    if (reader_open(&r, s->room->dir, s->base, &s->segments[i], at, s->segments[i].synced))
        return false;
    bool good = pread(r.fd, to, room, (off_t)at) == (ssize_t)room;
    reader_close(&r);
    return good;
}

/* It has not been given out: what is given out now may be answered before this delete has come. */
static bool is_ahead(const struct spool *s, const struct known_slot *slot)
{
    if (slot->sequence != s->given.sequence) return slot->sequence > s->given.sequence;
    return (uint64_t)slot->at * 8 >= s->given.at;
}

/* The same line waits. One that is too old does not count, where deletes have an age: it would go too early. */
static bool is_known(const struct spool *s, uint64_t hash, const void *line, size_t len,
                     uint32_t now)
{
    unsigned char record[SEGMENT_RECORD_HEAD + SPOOL_LINE_MAX + 8];
    unsigned char again[sizeof record];
    const struct known_slot *slot = known_find(&s->known, hash);
    size_t size = segment_record_size(len);
    uint32_t time;
    if (!slot || !is_ahead(s, slot) || !look_at(s, slot, record, size)) return false;
    memcpy(&time, record + sizeof(uint64_t), sizeof time);
    const struct segment *segment = NULL;
    for (uint32_t i = s->segments_n; i-- > 0 && !segment;)
        if (s->segments[i].sequence == slot->sequence) segment = &s->segments[i];
    if (!segment || time > now || (s->room->max_age && now - time > s->room->max_age / 16))
        return false;
    segment_record_put(again, segment, (uint64_t)slot->at * 8, SEGMENT_DELETE, time, line, len);
    return memcmp(record, again, size) == 0;
}

/* --- adding ------------------------------------------------------------------------------------ */

/* NULL: there is no room, or the disk does not take it. */
static unsigned char *room_for(struct spool *s, size_t size)
{
    if (!s->buffer && !(s->buffer = malloc(SPOOL_BUFFER))) abort();
    s->failed = spool_open_active(s, size);
    if (!s->failed && s->buffered + size > SPOOL_BUFFER) s->failed = flush(s);
    return s->failed ? NULL : s->buffer + s->buffered;
}

enum spool_added spool_add(struct spool *s, const void *line, size_t len, uint32_t now)
{
    size_t size = segment_record_size(len);
    uint64_t hash = hash_bytes64(HASH_XXH3, line, len, s->room->seed);
    assert(spool_is_loaded(s) && spool_sane(s));
    if (s->failed) return SPOOL_FAILED;
    if (is_known(s, hash, line, len, now)) return SPOOL_KNOWN;
    uint64_t more = size + (spool_active(s) ? 0 : SEGMENT_HEAD);
    if (s->bytes + more > s->room->max_size) return SPOOL_FULL;
    if (s->room->bytes + more > s->room->max_total) return SPOOL_TOTAL_FULL;
    unsigned char *to = room_for(s, size);
    if (!to) return SPOOL_FAILED;
    struct segment *active = spool_active(s);
    uint64_t at = active->end + s->buffered;
    segment_record_put(to, active, at, SEGMENT_DELETE, now, line, len);
    s->buffered += size;
    count_bytes(s, (int64_t)size);
    active->last = ++s->last;
    active->newest = now;
    if (!s->oldest) s->oldest = now;
    if (!s->next_oldest) s->next_oldest = now;
    known_add(&s->known, hash, active->sequence, at, s->given.sequence, s->given.at);
    return SPOOL_ADDED;
}

bool spool_is_dirty(const struct spool *s)
{
    return s->last > s->synced || s->failed;
}

/* Back to what is on the disk. What lies behind that in a file that cannot be cut is no harm: readers stop before it, and another process
 * that reads it replays deletes that were refused. */
static void roll_back(struct spool *s)
{
    struct segment *active = spool_active(s);
    count_bytes(s, -(int64_t)s->buffered);
    s->buffered = 0;
    s->last = s->synced;
    known_clear(&s->known);
    if (active && !active->synced) {
        remove_file(s, active);
        s->segments_n--;
    } else if (active) {
        uint64_t end = active->end;
        active->last = s->last;
        if (segment_cut(active)) {
            count_bytes(s, (int64_t)active->end - (int64_t)end);
        } else {
            segment_close(active);
        }
    }
    if (s->last == s->answered) spool_reset(s);
}

int spool_write(struct spool *s)
{
    const struct segment *active = spool_active(s);
    if (!s->failed) s->failed = flush(s);
    return !s->failed && active && active->synced < active->end ? active->fd : -1;
}

int spool_finish(struct spool *s, int error)
{
    struct segment *active = spool_active(s);
    if (s->failed) error = s->failed;
    s->failed = 0;
    if (error) {
        roll_back(s);
    } else {
        if (active) active->synced = active->end;
        s->synced = s->last;
    }
    free(s->buffer); /* of many servers few have something to write */
    s->buffer = NULL;
    assert(spool_sane(s));
    return error;
}

int spool_sync(struct spool *s)
{
    struct sync one = {.spool = s, .fd = spool_write(s)};
    sync_all(&one, 1);
    return spool_finish(s, one.error);
}
