/* What workers say. Deletes are added in memory as they come (KEEP); with the end of the turn all of them come to the disk with one sync of each
 * file, and everybody gets the answer. While the disk is at it, more come, which make the next group.
 */
#include "spool/spooler_state.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/process.h"
#include "spool/sync.h"

static void tell_if_changed(struct spooler *s, struct folder *f, struct spool *spool)
{
    bool has_some = spool_pending(spool) > 0;
    if (has_some == spool->was_told) return;
    spool->was_told = has_some;
    if (!has_some) spool->is_full = false;
    peers_say_state(s, f, spool);
}

/* What is counted is counted before anybody gets the answer. */
static void count(struct spooler *s)
{
    uint64_t pending = 0;
    for (struct folder *f = s->folders; f; f = f->next) {
        *s->counts->dropped += f->room.dropped;
        f->room.dropped = 0;
        for (const struct spool *spool = f->spools; spool; spool = spool->next)
            pending += spool_pending(spool);
    }
    *s->counts->pending = pending;
}

/* --- refusing ---------------------------------------------------------------------------------- */

static void why_refused(const struct spool *spool, enum spool_added how, int error, char why[128])
{
    const struct spool_room *room = spool->room;
    if (how == SPOOL_FULL)
        snprintf(why, 128, "the spool is full: %" PRIu64 " bytes wait for the server (max_size)",
                 room->max_size);
    else if (how == SPOOL_TOTAL_FULL)
        snprintf(why, 128, "the spool is full: %" PRIu64 " bytes wait for all servers (max_total)",
                 room->max_total);
    else
        snprintf(why, 128, "the spool is not written: %s", strerror(error));
}

/* Once until it goes again. */
static void log_refused(struct spool *spool, enum spool_added how, const char *why)
{
    bool *is_noted = how == SPOOL_FAILED ? &spool->has_failed : &spool->is_full;
    if (*is_noted) return;
    *is_noted = true;
    log_error("spool %s: %s: its deletes are refused", spool->name, why);
}

/* Refuses a delete in the packet that is being made; one that is full goes out first. */
static void refuse(struct spooler *s, struct peer *p, struct spool *spool, uint64_t number,
                   const char *why)
{
    ++*s->counts->refused;
    spool->refused++;
    if (spool_packet_add(&s->packet, number, why, strlen(why))) return;
    peer_send(s, p);
    spool_packet_begin(&s->packet, SPOOL_REFUSED, 0, spool->name, strlen(spool->name));
    (void)!spool_packet_add(&s->packet, number, why, strlen(why));
}

static void refusals_begin(struct spooler *s, const struct spool *spool)
{
    spool_packet_begin(&s->packet, SPOOL_REFUSED, 0, spool->name, strlen(spool->name));
}

static void refusals_end(struct spooler *s, struct peer *p, const struct spool *spool)
{
    if (!spool_packet_items(&s->packet)) return;
    peer_send(s, p);
    if (!spool_pending(spool)) peer_say(s, p, SPOOL_STATE, 0, spool->name);
}

/* --- KEEP -------------------------------------------------------------------------------------- */

static void group_add(struct spooler *s, struct peer *p, struct spool *spool, uint64_t number)
{
    if (s->group_n == s->group_room) {
        s->group_room = s->group_room ? 2 * s->group_room : 1024;
        s->group = reallocarray(s->group, s->group_room, sizeof *s->group);
        if (!s->group) abort();
    }
    s->group[s->group_n++] = (struct member){p, spool, number};
}

static void refuse_all(struct spooler *s, struct peer *p, struct spool_said *said, const char *why)
{
    struct spool_item item;
    char name[SPOOL_NAME_MAX + 1];
    memcpy(name, said->name, said->head.name_len);
    name[said->head.name_len] = '\0';
    while (spool_said_next(said, &item)) {
        p->kept = item.number;
        ++*s->counts->refused;
        spool_packet_begin(&s->packet, SPOOL_REFUSED, 0, name, strlen(name));
        (void)!spool_packet_add(&s->packet, item.number, why, strlen(why));
        peer_send(s, p);
    }
    peer_say(s, p, SPOOL_STATE, 0, name);
}

/* False: the worker counts wrongly. */
static bool keep_one(struct spooler *s, struct peer *p, struct spool *spool,
                     const struct spool_item *item)
{
    char why[128];
    if (item->number != p->kept + 1 || !item->len) return false;
    p->kept = item->number;
    p->owes_kept = true;
    enum spool_added how = spool_add(spool, item->bytes, item->len, s->time);
    if (how == SPOOL_ADDED || how == SPOOL_KNOWN) {
        group_add(s, p, spool, item->number);
        return true;
    }
    if (how == SPOOL_FAILED) { /* the whole group is refused with the end of the turn */
        group_add(s, p, spool, item->number);
        return true;
    }
    why_refused(spool, how, 0, why);
    log_refused(spool, how, why);
    refuse(s, p, spool, item->number, why);
    return true;
}

static void keep(struct spooler *s, struct peer *p, struct spool_said *said)
{
    struct spool_item item;
    struct spool *spool =
        said->head.name_len ? folder_need(p->folder, said->name, said->head.name_len) : NULL;
    if (!spool) {
        p->owes_kept = true;
        refuse_all(s, p, said, "the spool has too many servers");
        return;
    }
    bool good = true;
    spool_load(spool);
    refusals_begin(s, spool);
    while (good && spool_said_next(said, &item)) good = keep_one(s, p, spool, &item);
    refusals_end(s, p, spool);
    if (!good) peer_close(s, p, "the numbers of its deletes are wrong");
    tell_if_changed(s, p->folder, spool);
}

/* --- leases ------------------------------------------------------------------------------------ */

static void lease_end(struct spooler *s, struct folder *f, struct spool *spool)
{
    struct spool_lease *lease = &spool->lease;
    double seconds = process_clock() - lease->began;
    uint64_t left = spool_pending(spool);
    if (left)
        log_info("spool %s: replay ends early: %" PRIu64 " deletes in %.3f s, %" PRIu64 " wait",
                 spool->name, lease->replayed, seconds, left);
    else
        log_info("spool %s: replayed: %" PRIu64 " deletes in %.3f s", spool->name, lease->replayed,
                 seconds);
    *lease = (struct spool_lease){.holder = NULL};
    if (!left) return;
    spool_return(spool);
    peers_say_state(s, f, spool);
}

static void take(struct spooler *s, struct peer *p, struct spool *spool, const char *name)
{
    if (spool) spool_load(spool);
    if (!spool || !spool_pending(spool)) {
        peer_say(s, p, SPOOL_STATE, 0, name);
        return;
    }
    if (spool->lease.holder == p) return;
    if (spool->lease.holder) {
        peer_say(s, p, SPOOL_LEASED, 0, name);
        return;
    }
    log_info("spool %s: replay begins: %" PRIu64 " deletes", spool->name, spool_pending(spool));
    spool->lease = (struct spool_lease){.holder = p, .is_due = true, .began = process_clock()};
}

static void done(struct spooler *s, const struct peer *p, struct spool *spool, uint64_t place)
{
    if (!spool || spool->lease.holder != p) return; /* it was dropped meanwhile */
    uint64_t n = spool_done(spool, place);
    *s->counts->replayed += n;
    spool->lease.replayed += n;
    spool->lease.is_due = spool->lease.is_due || (n && spool_is_settled(spool));
}

void words_forget(struct spooler *s, const struct peer *p)
{
    for (struct folder *f = s->folders; f; f = f->next)
        for (struct spool *spool = f->spools; spool; spool = spool->next)
            if (spool->lease.holder == p) lease_end(s, f, spool);
}

uint64_t words_drop(struct spooler *s, struct folder *f, struct spool *spool)
{
    spool_load(spool);
    uint64_t n = spool_drop(spool);
    if (spool->lease.holder) lease_end(s, f, spool);
    spool->refused = 0;
    count(s);
    tell_if_changed(s, f, spool);
    return n;
}

/* --- words ------------------------------------------------------------------------------------- */

static void hello(struct spooler *s, struct peer *p)
{
    if (p->is_known) return;
    p->is_known = true;
    for (struct spool *spool = p->folder->spools; spool; spool = spool->next)
        if (spool->was_told) peer_say(s, p, SPOOL_STATE, spool_pending(spool), spool->name);
    peer_say(s, p, SPOOL_READY, SPOOL_VERSION, NULL);
}

void words_take(struct spooler *s, struct peer *p, struct spool_said *said)
{
    char name[SPOOL_NAME_MAX + 1];
    memcpy(name, said->name, said->head.name_len);
    name[said->head.name_len] = '\0';
    if (said->head.word == SPOOL_HELLO) {
        hello(s, p);
        return;
    }
    if (!p->is_known) {
        peer_close(s, p, "it does not say HELLO first");
        return;
    }
    if (said->head.word == SPOOL_KEEP) {
        keep(s, p, said);
        return;
    }
    struct spool *spool = folder_find(p->folder, said->name, said->head.name_len);
    switch (said->head.word) {
    case SPOOL_TAKE: take(s, p, spool, name); break;
    case SPOOL_DONE: done(s, p, spool, said->head.number); break;
    case SPOOL_LEAVE:
        if (spool && spool->lease.holder == p) lease_end(s, p->folder, spool);
        break;
    default: break; /* of a later version */
    }
}

/* --- with the end of the turn ------------------------------------------------------------------ */

/* All members of the group that were for this spool are refused. */
static void refuse_group(struct spooler *s, struct spool *spool, const char *why)
{
    for (size_t i = 0; i < s->group_n;) {
        struct peer *p = s->group[i].peer;
        if (s->group[i].spool != spool) {
            i++;
            continue;
        }
        refusals_begin(s, spool);
        for (; i < s->group_n && s->group[i].peer == p; i++)
            if (s->group[i].spool == spool) {
                refuse(s, p, spool, s->group[i].number, why);
                s->group[i].spool = NULL;
            }
        refusals_end(s, p, spool);
    }
}

static void finish_one(struct spooler *s, struct folder *f, struct spool *spool, int sync_error)
{
    char why[128];
    int error = spool_finish(spool, sync_error);
    if (!error) {
        if (spool->has_failed) log_info("spool %s: written again", spool->name);
        spool->has_failed = false;
        return;
    }
    if (error == ENOENT) f->room.is_gone = folder_is_gone(f);
    why_refused(spool, SPOOL_FAILED, error, why);
    log_refused(spool, SPOOL_FAILED, why);
    refuse_group(s, spool, why);
    tell_if_changed(s, f, spool);
}

/* All files of the folder that have something new, at once. */
static void sync_folder(struct spooler *s, struct folder *f)
{
    size_t n = 0;
    for (struct spool *spool = f->spools; spool; spool = spool->next) n += spool_is_dirty(spool);
    struct sync *all = n ? calloc(n, sizeof *all) : NULL;
    if (!n) return;
    if (!all) abort();
    n = 0;
    for (struct spool *spool = f->spools; spool; spool = spool->next)
        if (spool_is_dirty(spool)) all[n++] = (struct sync){spool, spool_write(spool), 0};
    int error = folder_sync(f);
    sync_all(all, n);
    for (size_t i = 0; i < n; i++) finish_one(s, f, all[i].spool, error ? error : all[i].error);
    free(all);
}

/* Gives out what is due. */
static void give(struct spooler *s, struct folder *f, struct spool *spool)
{
    struct peer *p = spool->lease.holder;
    spool->lease.is_due = false;
    if (spool_give(spool, &s->packet, s->time)) {
        peer_send(s, p);
        return;
    }
    lease_end(s, f, spool);
    tell_if_changed(s, f, spool);
}

/* Once until all are replayed. */
static void note_waiting(struct spool *spool)
{
    uint64_t n = spool_pending(spool);
    if (n && !spool->is_noted && !spool->has_failed && spool_is_loaded(spool))
        log_info("spool %s: deletes for it wait on the disk: %" PRIu64 " so far", spool->name, n);
    spool->is_noted = n > 0 && spool_is_loaded(spool);
}

static void answer_keeps(struct spooler *s)
{
    for (size_t i = 0; i < s->group_n; i++) *s->counts->kept += s->group[i].spool != NULL;
    s->group_n = 0;
    for (struct peer *p = s->peers; p; p = p->next) {
        if (!p->owes_kept) continue;
        p->owes_kept = false;
        peer_say(s, p, SPOOL_KEPT, p->kept, NULL);
    }
}

void words_settle(struct spooler *s)
{
    for (struct folder *f = s->folders; f; f = f->next) sync_folder(s, f);
    count(s);
    answer_keeps(s);
    for (struct folder *f = s->folders; f; f = f->next) {
        for (struct spool *spool = f->spools; spool; spool = spool->next) {
            if (spool->lease.is_due) give(s, f, spool);
            spool_expire(spool, s->time);
            tell_if_changed(s, f, spool);
            note_waiting(spool);
        }
        folder_sweep(f);
    }
    count(s);
}
