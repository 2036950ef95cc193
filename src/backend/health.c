#include "backend/health.h"

#include "backend/conn.h"

/* A server is down when every one of its connections refuses calls; those apart do not count. It is, too, while deletes wait for it
 * (gate.c). Each fall is counted on the board, from
 * which the log's lines come (base/outages.h), and changes set->changes, by which pools that rehash see that they must look again.
 */

static bool is_down(const struct backend *b)
{
    if (b->is_gated) return true;
    for (uint32_t i = 0; i < b->settings.connections; i++) {
        if (!conn_refuses(b->conns[i])) return false;
    }
    return true;
}

static void count_fall(struct backend *b)
{
    b->stats->falls++;
    b->stats->falls_connect += b->cause == FALL_CONNECT;
    b->stats->falls_timeout += b->cause == FALL_TIMEOUT;
    b->stats->falls_closed += b->cause == FALL_CLOSED;
}

/* With -v for each worker; always where the server has no place on the board. */
static void log_health(const struct backend *b)
{
    static const char *const causes[] = {[FALL_CONNECT] = "not connected",
                                         [FALL_TIMEOUT] = "calls pass their timeout",
                                         [FALL_CLOSED] = "its connections end",
                                         [FALL_SPOOLED] = "spooled deletes wait"};
    enum log_level level = b->trouble ? LOG_DEBUG : LOG_WARN;
    if (!b->trouble && !log_allows(&b->set->log, b->set->now)) return;
    if (b->down)
        log_line(level, "backend %s: down: its calls fail at once (%s)", b->name, causes[b->cause]);
    else
        log_line(level, "backend %s: back", b->name);
}

/* The others of a server that is back try at once: they waited for the first one. */
void backend_note_health(struct backend *b)
{
    struct backends *set = b->set;
    bool down = is_down(b);
    if (down == b->down || b->leaves) return;
    b->down = down;
    b->stats->down += down ? 1 : -1;
    if (down) count_fall(b);
    set->changes++;
    log_health(b);
    for (uint32_t i = 0; i < b->settings.connections && !down; i++) conn_wake(b->conns[i]);
}
