/* What the master says about itself, to readers of the page, of `ctl status` and of `top`: the state as a view, and the journal of scripts.
 * Here and nowhere else the master's own structs become words. */
#include "master/master_state.h"

#include "base/bundle.h"
#include "base/log_tail.h"
#include "worker/source.h"
#include <stdio.h>
#include <time.h>
#include <unistd.h>

bool overview_init(struct master *m)
{
    bool is_asked = m->seat->metrics || m->seat->admin || m->seat->stats;
    recent_init(&m->recent, m->loop, m->board, is_asked);
    m->recent.storage = &m->storage;
    return !is_asked || log_tail_begin();
}

void overview_release(struct master *m)
{
    recent_release(&m->recent);
    log_tail_end();
}

static const char *state_word(const struct master *m)
{
    if (m->state == MASTER_STOPPING) return "stopping";
    if (m->state == MASTER_DRAINING) return "draining";
    if (m->upgrade.state == UPGRADE_STARTING) return "upgrading";
    bool serves = m->opening.is_open && m->takeover.is_in_charge;
    return serves && crew_count(m->crew, SLOT_READY) > 0 ? "running" : "starting";
}

struct status_view master_view(const struct master *m)
{
    return (struct status_view){.version = MOONGATE_VERSION,
                                .state = state_word(m),
                                .pid = (int)getpid(),
                                .workers = m->crew->n,
                                .ready = crew_count(m->crew, SLOT_READY),
                                .generation = m->crew->generation,
                                .script = m->options->script,
                                .runs_last_good = m->service.runs_last_good,
                                .is_on_probation = m->probation.state == PROBATION_ON,
                                .recent = &m->recent,
                                .journal = &m->journal};
}

static void look_for_secret(void *arg, const struct bundle_file *file)
{
    bool *has_one = arg;
    *has_one = *has_one || (file->kind == BUNDLE_SECRET && file->len > 0);
}

/* The keys and certificates in use are those of the check of the script in use. */
static void note_certificates(struct master *m)
{
    bool has_one = false;
    source_files(reload_source(&m->reload), look_for_secret, &has_one);
    m->board->master->tls_loaded = has_one ? (uint64_t)time(NULL) : 0;
}

/* What has become of the last one is a number on the board and a line in the journal. A return to the last good script is counted by
 * the probation. */
void master_note_reload(struct master *m, enum reload_news news)
{
    if (news == RELOAD_DONE || news == RELOAD_BACK) note_certificates(m);
    switch (news) {
    case RELOAD_DONE:
        m->board->master->reloads_accepted++;
        journal_note(&m->journal, JOURNAL_ACCEPTED, m->crew->generation, m->reload.why);
        break;
    case RELOAD_REFUSED:
        m->board->master->reloads_refused++;
        journal_note(&m->journal, JOURNAL_REFUSED, m->crew->generation, m->reload.refused);
        break;
    case RELOAD_BACK:
        journal_note(&m->journal, JOURNAL_ROLLED_BACK, m->crew->generation, m->probation.why);
        break;
    case RELOAD_BEGINS:
    case RELOAD_SWITCHES:
    case RELOAD_NEXT: break;
    }
}

void master_note_start(struct master *m)
{
    char reason[64] = "";
    if (m->seat->inherited->pid)
        snprintf(reason, sizeof reason, "upgrade of process %d", (int)m->seat->inherited->pid);
    else if (m->service.runs_last_good)
        snprintf(reason, sizeof reason, "the last good script, not the file");
    journal_note(&m->journal, JOURNAL_STARTED, m->crew->generation, reason);
    note_certificates(m);
}
