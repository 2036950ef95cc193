/* A server that is down is one event for an operator, and many in the program: each worker notices for itself, each of its
 * connections ends, and is tried again and again. So workers only count, on the board, and leave the reason of the last end there. The
 * looks at the board make one line when the first worker takes a server for down, one when the last one has it back, and a reminder
 * a minute as long as it is down. Connections that end while the server is up are one line a look, with their number.
 *
 * A server is down while some worker takes it for down, and back once none does and some connection serves: a worker that has just
 * begun knows nothing. When no worker has connections to it any more, it may be that the only worker has died, whose successor
 * comes soon; later it is because no pool names it.
 *
 * A reason is text, so a reader could meet a half of it: its writer makes the sequence number odd meanwhile. */
#include "base/outages.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double REMIND_EVERY = 60; /* seconds */
static const double FORGET_AFTER = 10; /* seconds without any connection */

enum { LINES_A_MINUTE = 20, SERVERS_MOST = 4 * BOARD_SERVERS };

/* --- the worker -------------------------------------------------------------------------------- */

/* The fence keeps the stores of the text behind the odd number, and the release keeps them before the even one. */
void trouble_note(struct board_trouble *t, const char *reason, double now)
{
    uint32_t odd = t->sequence | 1;
    __atomic_store_n(&t->sequence, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    snprintf(t->reason, sizeof t->reason, "%s", reason);
    t->at = now;
    __atomic_store_n(&t->sequence, odd + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&t->ends, t->ends + 1, __ATOMIC_RELEASE);
}

void trouble_note_idle(struct board_trouble *t)
{
    __atomic_store_n(&t->idle_ends, t->idle_ends + 1, __ATOMIC_RELEASE);
}

/* --- sums -------------------------------------------------------------------------------------- */

/* One server over all workers, at one look. */
struct summary {
    uint64_t workers, down,
        ready; /* workers with connections to it; that take it for down; connections that serve */
    uint64_t falls, ends, idle_ends, failed;
    double at; /* when the reason came */
    char reason[BOARD_REASON];
};

static bool read_reason(const struct board_trouble *t, char reason[BOARD_REASON], double *at)
{
    uint32_t before = __atomic_load_n(&t->sequence, __ATOMIC_ACQUIRE);
    if (before == 0 || before & 1) return false;
    memcpy(reason, t->reason, BOARD_REASON);
    reason[BOARD_REASON - 1] = '\0';
    *at = t->at;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&t->sequence, __ATOMIC_RELAXED) == before;
}

#define LOAD(cell) __atomic_load_n(&(cell), __ATOMIC_RELAXED)

static void add(struct summary *sum, const struct board_server *s, const struct board_trouble *t)
{
    char reason[BOARD_REASON];
    double at;
    sum->workers += LOAD(s->connections) > 0;
    sum->down += LOAD(s->down) > 0;
    sum->ready += LOAD(s->ready);
    sum->falls += LOAD(s->falls);
    sum->failed += LOAD(s->refused) + LOAD(s->failed) + LOAD(s->timeouts);
    sum->ends += __atomic_load_n(&t->ends, __ATOMIC_ACQUIRE);
    sum->idle_ends += __atomic_load_n(&t->idle_ends, __ATOMIC_ACQUIRE);
    if (!read_reason(t, reason, &at) || at < sum->at) return;
    sum->at = at;
    memcpy(sum->reason, reason, sizeof reason);
}

/* Most workers have their servers in the same order, so it is looked for at the same place first. NULL: there are too many. */
static struct outage *find(struct outages *o, const char *name, size_t hint)
{
    if (hint < o->n && strcmp(o->all[hint].name, name) == 0) return &o->all[hint];
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->all[i].name, name) == 0) return &o->all[i];
    if (o->n == SERVERS_MOST) return NULL;
    struct outage *all = reallocarray(o->all, o->n + 1, sizeof *all);
    if (!all) return NULL;
    o->all = all;
    all[o->n] = (struct outage){.lines = {.burst = LINES_A_MINUTE}};
    snprintf(all[o->n].name, sizeof all[o->n].name, "%s", name);
    return &all[o->n++];
}

static const struct board_server *server_at(const struct board_worker *part, uint32_t i)
{
    bool is_there = i < board_table_used(&part->tables, BOARD_TABLE_SERVERS);
    return is_there ? &part->tables.servers[i] : NULL;
}

/* Memory for the sums of all servers, which the caller frees; NULL: there is none now. */
static struct summary *look(struct outages *o, const struct board *board)
{
    struct summary *sums = calloc(SERVERS_MOST, sizeof *sums);
    for (uint32_t w = 0; sums && w < board->parts_n; w++) {
        const struct board_worker *part = &board->parts[w];
        const struct board_server *s;
        for (uint32_t i = 0; (s = server_at(part, i)); i++) {
            const struct outage *one = find(o, s->name, i);
            if (one) add(&sums[one - o->all], s, &part->troubles[i]);
        }
    }
    return sums;
}

bool outages_reason(const struct board *board, const char *name, char reason[BOARD_REASON])
{
    struct summary sum = {.at = 0};
    for (uint32_t w = 0; w < board->parts_n; w++) {
        const struct board_worker *part = &board->parts[w];
        const struct board_server *s;
        for (uint32_t i = 0; (s = server_at(part, i)); i++)
            if (strcmp(s->name, name) == 0) add(&sum, s, &part->troubles[i]);
    }
    memcpy(reason, sum.reason, BOARD_REASON);
    return reason[0];
}

/* --- lines ------------------------------------------------------------------------------------- */

static const char *reason_of(const struct summary *s)
{
    return s->reason[0] ? s->reason : "the reason is not known";
}

/* " in 2 of 4 workers"; nothing where there is one. */
static const char *where(const struct summary *s, char text[48])
{
    text[0] = '\0';
    if (s->workers > 1)
        snprintf(text, 48, " in %llu of %llu workers", (unsigned long long)s->down,
                 (unsigned long long)s->workers);
    return text;
}

/* "1 call failed". */
static const char *failures(uint64_t n, char text[40])
{
    snprintf(text, 40, "%llu call%s failed", (unsigned long long)n, n == 1 ? "" : "s");
    return text;
}

static bool allows(struct outage *o, double now)
{
    return log_allows(&o->lines, now / 60);
}

static void begins(struct outage *o, double now)
{
    o->is_down = true;
    o->was_down_before = false;
    o->since = o->told = now;
    o->failed_before = o->failed;
}

static const char *at_least(const struct outage *o)
{
    return o->was_down_before ? "at least " : "";
}

static void falls(struct outage *o, const struct summary *s, double now)
{
    char text[48];
    begins(o, now);
    if (allows(o, now))
        log_warn("backend %s: down%s: %s: its calls fail at once", o->name, where(s, text),
                 reason_of(s));
}

static void comes_back(struct outage *o, const struct summary *s, double now)
{
    char text[40];
    o->is_down = false;
    if (allows(o, now))
        log_info("backend %s: back after %s%.1f s: %s", o->name, at_least(o), now - o->since,
                 failures(s->failed - o->failed_before, text));
}

static void is_forgotten(struct outage *o, const struct summary *s, double now)
{
    char text[40];
    o->is_down = false;
    if (allows(o, now))
        log_info("backend %s: not used any more: it was down for %s%.1f s: %s", o->name,
                 at_least(o), o->unused - o->since, failures(s->failed - o->failed_before, text));
}

static void remind(struct outage *o, const struct summary *s, double now)
{
    char text[48], failed[40];
    if (now - o->told < REMIND_EVERY) return;
    o->told = now;
    log_warn("backend %s: still down%s, for %s%.0f s: %s: %s", o->name, where(s, text), at_least(o),
             now - o->since, reason_of(s), failures(s->failed - o->failed_before, failed));
}

/* Nothing of it was seen but the numbers. */
static void was_down(struct outage *o, const struct summary *s, double now)
{
    char text[40];
    if (allows(o, now))
        log_warn("backend %s: back after a moment: %s: %s", o->name, reason_of(s),
                 failures(s->failed - o->failed, text));
}

static void has_ended(struct outage *o, const struct summary *s, double now)
{
    char text[40];
    unsigned long long n = s->ends - o->ends;
    if (allows(o, now))
        log_warn("backend %s: %llu connection%s ended: %s: %s", o->name, n, n == 1 ? "" : "s",
                 reason_of(s), failures(s->failed - o->failed, text));
}

static void was_idle(struct outage *o, const struct summary *s, double now)
{
    unsigned long long n = s->idle_ends - o->idle_ends;
    if (allows(o, now))
        log_info("backend %s: %llu idle connection%s closed by the server", o->name, n,
                 n == 1 ? "" : "s");
}

static void judge_down(struct outage *o, const struct summary *s, double now)
{
    if (s->workers > 0) o->unused = 0;
    if (s->workers == 0 && o->unused == 0) o->unused = now;
    if (s->down == 0 && s->ready > 0)
        comes_back(o, s, now);
    else if (o->unused > 0 && now - o->unused >= FORGET_AFTER)
        is_forgotten(o, s, now);
    else
        remind(o, s, now);
}

static void judge(struct outage *o, const struct summary *s, double now)
{
    if (o->is_down)
        judge_down(o, s, now);
    else if (s->down > 0)
        falls(o, s, now);
    else if (s->falls > o->falls)
        was_down(o, s, now);
    else if (s->ends > o->ends)
        has_ended(o, s, now);
    if (!o->is_down && s->idle_ends > o->idle_ends) was_idle(o, s, now);
}

static void remember(struct outage *o, const struct summary *s)
{
    o->falls = s->falls;
    o->ends = s->ends;
    o->idle_ends = s->idle_ends;
    o->failed = s->failed;
}

/* --- life -------------------------------------------------------------------------------------- */

/* The process before may hand over before the server is back, so this one must know that it was down. */
static void take_over(struct outages *o, const struct board *board, double now)
{
    const struct board_server *s;
    for (uint32_t i = 0; i < board->memory->parts_n; i++)
        for (uint32_t k = 0;
             !board_is_own(board, i) && (s = server_at(&board->memory->parts[i], k)); k++) {
            struct outage *one = LOAD(s->down) > 0 ? find(o, s->name, k) : NULL;
            if (!one) continue;
            begins(one, now);
            one->was_down_before = true;
        }
}

void outages_init(struct outages *o, const struct board *board, double now)
{
    *o = (struct outages){0};
    struct summary *sums = look(o, board);
    for (size_t i = 0; sums && i < o->n; i++) remember(&o->all[i], &sums[i]);
    free(sums);
    take_over(o, board, now);
}

void outages_look(struct outages *o, const struct board *board, double now)
{
    struct summary *sums = look(o, board);
    for (size_t i = 0; sums && i < o->n; i++) {
        judge(&o->all[i], &sums[i], now);
        remember(&o->all[i], &sums[i]);
    }
    free(sums);
}

void outages_release(struct outages *o)
{
    free(o->all);
    *o = (struct outages){0};
}
