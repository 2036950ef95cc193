/* What the master says. A question of an operator is answered at once, with what is true at the end of the turn before. */
#include "spool/spooler_state.h"

#include <string.h>

#include "base/log.h"
#include "base/records.h"

static void open_folder(struct spooler *s, const struct spool_said *said)
{
    char dir[SPOOL_NAME_MAX + 1];
    struct spool_said items = *said;
    struct spool_item item;
    struct spool_place place;
    memcpy(dir, said->name, said->head.name_len);
    dir[said->head.name_len] = '\0';
    const char *wrong = spool_place_init(&place, dir);
    if (!wrong &&
        !(spool_said_next(&items, &item) && spool_place_parse(&place, item.bytes, item.len)))
        wrong = "its bounds are malformed";
    if (!wrong) wrong = spool_place_wrong(&place);
    if (wrong) {
        log_error("spool folder %s: not opened: %s", dir, wrong);
        return;
    }
    struct folder **at = &s->folders;
    while (*at && strcmp((*at)->place.dir, dir) != 0) at = &(*at)->next;
    if (*at)
        folder_bound(*at, &place);
    else
        *at = folder_create(&place, s->master);
}

/* --- showing ----------------------------------------------------------------------------------- */

/* A record is an item. */
static void put_row(struct spooler *s, uint64_t question, struct records *r)
{
    if (r->len && r->len <= SPOOL_LINE_MAX && !spool_packet_add(&s->packet, 0, r->bytes, r->len)) {
        peer_send(s, &s->control);
        spool_packet_begin(&s->packet, SPOOL_ROWS, question, NULL, 0);
        (void)!spool_packet_add(&s->packet, 0, r->bytes, r->len);
    }
    r->len = 0;
}

static void record_spool(struct records *r, const struct spooler *s, const struct folder *f,
                         const struct spool *spool)
{
    uint32_t oldest = spool->oldest && spool->oldest < s->time ? s->time - spool->oldest : 0;
    record_begin(r, "spool");
    record_text(r, "server", spool->name);
    record_number(r, "pending", spool_pending(spool));
    record_number(r, "bytes", spool->bytes);
    record_number(r, "oldest_seconds", oldest);
    record_text(r, "replaying", spool->lease.holder ? "yes" : "no");
    record_number(r, "refused", spool->refused);
    record_text(r, "folder", f->place.dir);
    record_end(r);
}

static void record_folder(struct records *r, const struct folder *f)
{
    static const char *const states[] = {[FOLDER_CLOSED] = "closed",
                                         [FOLDER_WAITING] = "another process has it",
                                         [FOLDER_OPEN] = "open"};
    record_begin(r, "folder");
    record_text(r, "folder", f->place.dir);
    record_text(r, "state", f->why[0] ? f->why : states[f->state]);
    record_number(r, "bytes", f->room.bytes);
    record_number(r, "max_total", f->place.max_total);
    record_number(r, "max_size", f->place.max_size);
    record_end(r);
}

static void show(struct spooler *s, uint64_t question)
{
    struct records r;
    records_init(&r, SPOOL_LINE_MAX);
    spool_packet_begin(&s->packet, SPOOL_ROWS, question, NULL, 0);
    for (const struct folder *f = s->folders; f; f = f->next) {
        record_folder(&r, f);
        put_row(s, question, &r);
        for (const struct spool *spool = f->spools; spool; spool = spool->next) {
            record_spool(&r, s, f, spool);
            put_row(s, question, &r);
        }
    }
    records_release(&r);
    if (spool_packet_items(&s->packet)) peer_send(s, &s->control);
}

static void answer(struct spooler *s, uint64_t question, uint64_t number, const char *wrong)
{
    spool_packet_begin(&s->packet, SPOOL_ANSWERED, question, NULL, 0);
    (void)!spool_packet_add(&s->packet, number, wrong, strlen(wrong));
    peer_send(s, &s->control);
}

/* --- dropping ---------------------------------------------------------------------------------- */

/* How many; *is_there: a folder that is open has such a server. */
static uint64_t drop_in(struct spooler *s, struct folder *f, const struct spool_said *said,
                        bool *is_there)
{
    uint64_t n = 0;
    bool all = spool_said_names(said, "all");
    for (struct spool *spool = f->spools; spool; spool = spool->next) {
        if (!all && !spool_said_names(said, spool->name)) continue;
        if (!spool_pending(spool) && !spool->refused) continue;
        n += words_drop(s, f, spool);
        *is_there = true;
    }
    return n;
}

static void drop(struct spooler *s, const struct spool_said *said)
{
    uint64_t n = 0;
    bool is_there = false, waits = false;
    words_settle(s); /* what was added in this turn is kept first */
    for (struct folder *f = s->folders; f; f = f->next) {
        n += drop_in(s, f, said, &is_there);
        waits = waits || f->state != FOLDER_OPEN;
    }
    const char *wrong = is_there ? ""
                        : waits
                            ? "a spool folder is not open: look at 'spool' and try again"
                            : "no deletes wait for it: 'spool' lists the servers that have some";
    answer(s, said->head.number, n, wrong);
}

void control_take(struct spooler *s, struct spool_said *said)
{
    switch (said->head.word) {
    case SPOOL_OPEN: open_folder(s, said); break;
    case SPOOL_SHOW:
        show(s, said->head.number);
        answer(s, said->head.number, 0, "");
        break;
    case SPOOL_DROP: drop(s, said); break;
    default: break;
    }
}
