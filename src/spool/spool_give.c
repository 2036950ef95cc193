/* Giving out, and what is done. A GIVE begins where the last one has ended, and the next follows only when that one is done: so what is done is
 * always all up to one place, which is noted behind the deletes, as a record of its own. It is not synced: after a crash some deletes
 * are replayed twice, which changes nothing.
 */
#include "spool/spool.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "placement/hash.h"

struct done_record {
    uint32_t sequence, zero;
    uint64_t at;
};

static void note_damage(struct spool *s, const struct segment *segment, const struct reader *r,
                        uint64_t until)
{
    char name[SEGMENT_NAME];
    segment_name(name, s->base, segment->sequence);
    if (r->error)
        log_error("spool %s: %s: not read from byte %" PRIu64 " on: %s; what is there stays",
                  s->name, name, r->at, strerror(r->error));
    else if (r->skipped)
        log_error("spool %s: %s: %" PRIu64 " bytes at %" PRIu64
                  " are damaged: skipped; deletes that were there are lost",
                  s->name, name, r->skipped, until - r->skipped);
}

/* --- at the beginning -------------------------------------------------------------------------- */

static void take_done(struct spool *s, const struct segment_record *record)
{
    struct done_record done;
    if (record->len != sizeof done) return;
    memcpy(&done, record->bytes, sizeof done);
    s->done = (struct spool_place_in){.sequence = done.sequence, .at = done.at};
}

static void take_delete(struct spool *s, struct segment *segment,
                        const struct segment_record *record)
{
    uint64_t hash = hash_bytes64(HASH_XXH3, record->bytes, record->len, s->room->seed);
    segment->last = ++s->last;
    segment->newest = record->time;
    known_add(&s->known, hash, segment->sequence, record->begin, s->done.sequence, s->done.at);
}

static void take_file(struct spool *s, const struct segment *segment)
{
    struct reader r;
    struct segment_record record;
    struct segment new = *segment;
    assert(!s->segments_n || s->segments[s->segments_n - 1].sequence < segment->sequence);
    new.last = s->last;
    s->is_mixed = s->is_mixed || (s->epoch && s->epoch != new.epoch);
    s->epoch = new.epoch;
    if (s->sequence <= new.sequence) s->sequence = new.sequence + 1;
    bool good = reader_open(&r, s->room->dir, s->base, &new, SEGMENT_HEAD, new.end) == 0;
    while (good && reader_next(&r, &record)) {
        note_damage(s, &new, &r, record.begin);
        if (record.kind == SEGMENT_DONE)
            take_done(s, &record);
        else
            take_delete(s, &new, &record);
    }
    if (r.error || r.skipped) note_damage(s, &new, &r, r.end);
    if (!r.error && r.skipped)
        segment_trim(&new, s->room->dir, s->base, r.end - r.skipped);
    else if (r.error)
        new.synced = r.at;
    reader_close(&r);
    s->segments = reallocarray(s->segments, s->segments_n + 1, sizeof *s->segments);
    if (!s->segments) abort();
    s->segments[s->segments_n++] = new;
    s->bytes += new.end;
    s->room->bytes += new.end;
}

/* Calls take for each delete from the place on, until it returns false; then the place is before that one. Else it is behind all that is on
 * the disk. */
typedef bool take_fn(void *arg, const struct segment_record *record, uint64_t number);

static void walk(struct spool *s, struct spool_place_in *place, take_fn *take, void *arg)
{
    struct reader r;
    struct segment_record record;
    uint64_t at;
    for (uint32_t i = spool_locate(s, place, &at); i < s->segments_n; i++, at = SEGMENT_HEAD) {
        const struct segment *segment = &s->segments[i];
        place->sequence = segment->sequence;
        place->at = at;
        bool good = reader_open(&r, s->room->dir, s->base, segment, at, segment->synced) == 0;
        while (good && reader_next(&r, &record)) {
            note_damage(s, segment, &r, record.begin);
            bool is_delete = record.kind == SEGMENT_DELETE;
            if (is_delete && !take(arg, &record, place->number + 1)) {
                reader_close(&r);
                return;
            }
            place->number += is_delete;
            place->at = record.end;
        }
        note_damage(s, segment, &r, r.end);
        reader_close(&r);
        if (place->at < segment->synced) place->at = segment->synced / 8 * 8;
        place->number = segment->last < s->synced ? segment->last : s->synced;
    }
}

static bool note_time(void *arg, const struct segment_record *record, uint64_t number)
{
    uint32_t *time = arg;
    (void)number;
    *time = record->time;
    return false;
}

static bool is_before(void *arg, const struct segment_record *record, uint64_t number)
{
    const struct spool_place_in *done = arg;
    (void)number;
    return record->begin < done->at;
}

/* A crash may bring back files that were removed. Then what one of them says of what is done may be of another time: all is given again. */
static void begin(struct spool *s)
{
    if (s->is_mixed) s->done = (struct spool_place_in){.sequence = 0};
    struct spool_place_in done = s->done, place = {.sequence = done.sequence};
    uint64_t at;
    uint32_t i = spool_locate(s, &place, &at);
    s->synced = s->last;
    place.number = i > 0 ? s->segments[i - 1].last : 0;
    spool_remove(s, i);
    if (s->segments_n && s->segments[0].sequence == done.sequence && done.at > SEGMENT_HEAD) {
        place.at = SEGMENT_HEAD;
        walk(s, &place, is_before, &done);
    }
    s->done = s->given = place;
    s->answered = s->handed = place.number;
    if (s->last == place.number) {
        spool_reset(s);
        return;
    }
    walk(s, &place, note_time, &s->oldest);
    s->next_oldest = s->oldest;
}

void spool_find(struct spool *s, const struct segment *segment)
{
    s->found = reallocarray(s->found, s->found_n + 1, sizeof *s->found);
    if (!s->found) abort();
    s->found[s->found_n++] = *segment;
}

void spool_load(struct spool *s)
{
    if (!s->found_n) return;
    for (uint32_t i = 0; i < s->found_n; i++) take_file(s, &s->found[i]);
    free(s->found);
    s->found = NULL;
    s->found_n = 0;
    begin(s);
}

/* --- giving ------------------------------------------------------------------------------------ */

struct giving {
    struct spool *spool;
    struct spool_packet *to;
    uint32_t now, next;
};

/* A delete that may go at its age counts for a sixteenth longer: see spool_add. */
static bool is_too_old(const struct spool *s, uint32_t time, uint32_t now)
{
    uint64_t age = s->room->max_age;
    return age && time < now && now - time > age + age / 16;
}

static bool give_one(void *arg, const struct segment_record *record, uint64_t number)
{
    struct giving *g = arg;
    if (is_too_old(g->spool, record->time, g->now)) {
        g->spool->room->dropped++;
        return true;
    }
    if (spool_packet_add(g->to, number, record->bytes, record->len)) {
        g->spool->handed = number;
        return true;
    }
    g->next = record->time;
    return false;
}

/* What is done lies before s->done. */
static void settle(struct spool *s)
{
    uint64_t at;
    s->done = s->given;
    s->oldest = s->next_oldest;
    if (s->answered == s->last)
        spool_reset(s);
    else
        spool_remove(s, spool_locate(s, &s->done, &at));
}

bool spool_give(struct spool *s, struct spool_packet *to, uint32_t now)
{
    struct giving g = {.spool = s, .to = to, .now = now};
    assert(spool_is_settled(s));
    s->handed = s->given.number;
    spool_packet_begin(to, SPOOL_GIVE, 0, s->name, strlen(s->name));
    walk(s, &s->given, give_one, &g);
    s->next_oldest = g.next;
    if (spool_packet_items(to) > 0) return true;
    s->answered = s->given.number;
    settle(s);
    return false;
}

/* Behind the deletes; a full disk does not matter. */
static void write_done(struct spool *s)
{
    struct done_record done = {.sequence = s->done.sequence, .at = s->done.at};
    unsigned char record[SEGMENT_RECORD_HEAD + sizeof done];
    if (spool_is_dirty(s) || spool_open_active(s, sizeof record)) return;
    struct segment *active = spool_active(s);
    segment_record_put(record, active, active->end, SEGMENT_DONE, 0, &done, sizeof done);
    if (segment_write(active, record, sizeof record)) return;
    s->bytes += sizeof record;
    s->room->bytes += sizeof record;
}

uint64_t spool_done(struct spool *s, uint64_t number)
{
    if (number > s->handed || number <= s->answered) return 0;
    uint64_t before = s->answered;
    s->answered = number == s->handed ? s->given.number : number;
    if (!spool_is_settled(s)) return s->answered - before;
    settle(s);
    if (s->segments_n) write_done(s);
    return s->answered - before;
}

void spool_return(struct spool *s)
{
    s->given = s->done;
    s->answered = s->handed = s->done.number;
    s->next_oldest = s->oldest;
}

/* --- dropping ---------------------------------------------------------------------------------- */

void spool_expire(struct spool *s, uint32_t now)
{
    if (!s->room->max_age || s->found_n || s->lease.holder || spool_is_dirty(s)) return;
    uint32_t n = 0;
    while (n < s->segments_n && is_too_old(s, s->segments[n].newest, now)) n++;
    if (!n) return;
    uint64_t last = s->segments[n - 1].last;
    if (last > s->answered) {
        s->room->dropped += last - s->answered;
        s->answered = last;
    }
    spool_remove(s, n);
    s->done = (struct spool_place_in){.sequence = s->segments_n ? s->segments[0].sequence : 0,
                                      .at = SEGMENT_HEAD,
                                      .number = s->answered};
    s->given = s->done;
    s->handed = s->answered;
    s->oldest = 0;
    if (s->answered == s->last) {
        spool_reset(s);
        return;
    }
    struct spool_place_in place = s->done;
    walk(s, &place, note_time, &s->oldest);
    s->next_oldest = s->oldest;
}

uint64_t spool_drop(struct spool *s)
{
    uint64_t n = spool_pending(s);
    assert(!spool_is_dirty(s));
    s->room->dropped += n;
    spool_reset(s);
    return n;
}
