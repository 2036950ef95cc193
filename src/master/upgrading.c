/* The master's part in an upgrade. upgrade.h starts the new process and speaks with it, takeover.h speaks with the one before;
 * here stands what their news mean for the service. The clients of both go the usual way through the crew: one that a worker has
 * given back is offered to another worker, or passed on when crew->pass is set.
 */
#include "master/master_state.h"

#include "base/process.h"
#include <unistd.h>

/* --- as the old process ----------------------------------------------------------------------- */

static bool pass(void *arg, const struct newcomer *n)
{
    struct master *m = arg;
    if (m->upgrade.channel < 0) return true; /* the new one has ended: the client is closed */
    return upgrade_pass(&m->upgrade, n);
}

/* The new process could serve. From here on it is the service. */
static void hand_over(struct master *m)
{
    bool reloads = m->reload.state != RELOAD_IDLE;
    m->crew->pass = pass;
    master_close(m, MASTER_DRAINING);
    upgrade_go(&m->upgrade, reloads);
    admin_take_upgrade(&m->admin, true);
    admin_shut(&m->admin, ADMIN_TAKEN_OVER);
    admin_leave_to(&m->admin);
    pages_shut(m);
    spool_child_finish(&m->spool_child); /* the new process has one that waits for its folders */
    crew_hand_waiting(m->crew);
    master_order_end(m, CHANNEL_RETIRE, m->wishes.drain_timeout);
}

static void on_upgrade(void *arg, enum upgrade_news news)
{
    struct master *m = arg;
    switch (news) {
    case UPGRADE_READY: hand_over(m); break;
    case UPGRADE_FAILED:
        m->board->master->upgrade_failures++;
        admin_take_upgrade(&m->admin, false);
        journal_note(&m->journal, JOURNAL_NOT_UPGRADED, m->crew->generation, "the log says why");
        (void)m->seat->claim(m->options, 0); /* the new one may have written it already */
        break;
    case UPGRADE_ROOM:
        crew_hand_waiting(m->crew);
        if (m->upgrade.channel < 0)
            master_order_end(m, CHANNEL_DRAIN, m->wishes.drain_timeout);
        else
            master_end_if_alone(m);
        break;
    }
}

/* The one before may still drain in the other house. */
void upgrading_request(struct master *m)
{
    if (m->state != MASTER_RUNNING) {
        log_info("upgrade: SIGUSR2: ignored while draining");
    } else if (m->upgrade.state == UPGRADE_STARTING) {
        log_info("upgrade: SIGUSR2: ignored: process %d is starting", (int)m->upgrade.pid);
    } else if (!m->takeover.is_in_charge || m->takeover.before) {
        log_info("upgrade: SIGUSR2: remembered until %s",
                 m->takeover.before ? "the process before has ended" : "the workers are ready");
        m->upgrades_next = true;
    } else {
        m->upgrades_next = false;
        upgrade_start(&m->upgrade);
    }
}

/* --- as the new process ----------------------------------------------------------------------- */

static void take_charge(struct master *m, bool reloads)
{
    pid_t before = m->seat->inherited->pid;
    if (before) {
        log_info("upgrade: this process takes over from process %d", (int)before);
        m->board->master->upgrades++;
    }
    listeners_own(m->listeners);
    doors_let_go(&m->doors, m->listeners);
    admin_open(&m->admin);
    pages_open(m);
    service_is_ready(&m->service);
    rotation_begin(&m->rotation);
    master_note_start(m);
    master_watch(m);
    if (reloads && m->state == MASTER_RUNNING) reload_request(&m->reload, "SIGHUP");
}

/* The rules of that client are of a later version, which this one cannot read: those of its listener here hold for it. */
static struct rules *rules_here(const struct master *m, uint32_t listener)
{
    for (size_t i = 0; i < m->listeners->n; i++)
        if (m->listeners->items[i].number == listener && m->listeners->items[i].rules)
            return rules_take(m->listeners->items[i].rules);
    return NULL;
}

/* It was a client before: it is not refused, and while this process drains it is closed as any client that is owed nothing. */
static void take_client(struct master *m, const struct channel_message *message, int fd)
{
    const char *label = channel_text(message, CLIENT_LABEL);
    struct newcomer n = crew_newcomer(m->crew, message, fd);
    if (*label) n.listener = labels_number(&m->listeners->labels, label);
    if (!n.rules) n.rules = rules_here(m, n.listener);
    bool is_known = !*label || n.listener > 0; /* else another's route would serve it */
    if (!is_known)
        log_warn("client: lost in the upgrade: %s: this process has had 256 other listeners of "
                 "scripts",
                 label);
    if (is_known && m->state == MASTER_RUNNING)
        crew_hand(m->crew, n);
    else
        newcomer_close(&n);
}

static void on_takeover(void *arg, enum takeover_news news, uint32_t number,
                        const struct channel_message *message, int fd)
{
    struct master *m = arg;
    if (news == TAKEOVER_BEGINS) take_charge(m, number);
    if (news == TAKEOVER_BRINGS) take_client(m, message, fd);
    if (m->upgrades_next && news != TAKEOVER_BRINGS) upgrading_request(m);
}

/* Says what an upgrade could not take over. */
struct board *upgrading_board(const struct options *o, struct inherited *in)
{
    struct board_losses lost;
    if (in->pid == 0) return board_create_files(o->workers, o->shared_memory);
    struct board *board = board_adopt(o->workers, o->shared_memory, &in->files, in->house, &lost);
    in->files = (struct board_files){-1, -1, -1};
    if (!board) return NULL;
    if (lost.counters)
        log_warn("upgrade: counters begin at zero: they are laid out otherwise");
    else if (lost.details)
        log_info("upgrade: counters of servers and of the script begin at zero: they are laid out "
                 "otherwise");
    if (lost.dictionaries)
        log_warn("upgrade: shared dictionaries begin empty: they are laid out otherwise");
    if (lost.writes)
        log_warn("upgrade: writes through process %d are not seen here while it drains: a policy "
                 "that fills a cache may copy an old value",
                 (int)in->pid);
    return board;
}

/* Before the old process is asked, the pid file must name this one: it is the last step that can fail. */
void upgrading_opens(struct master *m)
{
    pid_t before = m->seat->inherited->pid;
    if (before && !m->seat->claim(m->options, before))
        master_stop(m, EXIT_SYSTEM);
    else
        takeover_ask(&m->takeover);
}

void upgrading_init(struct master *m)
{
    upgrade_init(&m->upgrade, m->loop, m->options, m->seat->command, m->board, m->listeners,
                 m->seat->notify, on_upgrade, m);
    m->upgrade.admin = m->seat->admin;
    m->upgrade.metrics = m->seat->metrics;
    m->upgrade.stats = m->seat->stats;
    m->upgrade.steering = &m->steers.table;
    m->upgrade.tickets = m->rotation.fd;
    m->upgrade.stores = m->storage.fd;
    takeover_init(&m->takeover, m->loop, m->board, m->seat->inherited, on_takeover, m);
}
