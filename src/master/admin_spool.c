/* What waits on the disk. The spooler is asked, which may be at work on a slow disk: nobody else waits for it. */
#include "master/admin.h"

#include "master/master_state.h"
#include <string.h>

static const double SPOOL_LIMIT = 5; /* seconds */

void session_run_spool(struct session *s)
{
    struct master *m = s->admin->master;
    bool drops = s->words[1][0] != '\0';
    if (drops && (strcmp(s->words[1], "drop") != 0 || !s->words[2][0])) {
        session_fail(s, "spool: give `spool`, `spool drop SERVER` or `spool drop all`");
        return;
    }
    if (drops) session_log(s);
    s->number = ++s->admin->questions;
    if (!m->spool_child.places_n)
        session_fail(s, "spool: no script has named a folder for deletes (mg.spool_deletes)");
    else if (spool_child_ask(&m->spool_child, drops ? SPOOL_DROP : SPOOL_SHOW, s->number,
                             s->words[2]))
        session_waits(s, ADMIN_SPOOL, SPOOL_LIMIT);
    else
        session_fail(s, "spool: the spooler does not run, or does not read: try again");
}

void session_spool_is_late(struct session *s)
{
    session_fail(s, "spool: no answer within %g s: the disk of the spool may be slow", SPOOL_LIMIT);
}

static void show_dropped(struct session *s, uint64_t n)
{
    record_begin(&s->held, "spool");
    record_number(&s->held, "dropped", n);
    record_end(&s->held);
    session_show(s, &s->held, true, NULL);
}

static void take(struct session *s, struct spool_said *said)
{
    struct spool_item item = {.len = 0};
    if (said->head.word == SPOOL_ROWS) {
        while (spool_said_next(said, &item)) records_append(&s->held, item.bytes, item.len);
        return;
    }
    (void)spool_said_next(said, &item);
    if (item.len) {
        session_fail(s, "spool: %.*s", (int)item.len, item.bytes);
        return;
    }
    if (s->words[1][0])
        show_dropped(s, item.number);
    else
        session_show(s, &s->held, false, NULL);
    session_end(s);
}

void admin_take_spool(struct admin *a, struct spool_said *said)
{
    for (struct session *s = a->sessions, *next; s; s = next) {
        next = s->next;
        if (s->wait != ADMIN_SPOOL) continue;
        if (!said)
            session_fail(s, "spool: the spooler has ended: try again");
        else if (said->head.number == s->number)
            take(s, said);
    }
}
