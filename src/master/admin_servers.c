/* Commands that ask workers. A change of servers has two steps: one worker says whether the script in use allows it, and what it would do;
 * then the master decides, and tells all. So a change is refused by all or made by all; a worker that does not turn makes it when it
 * does.
 */
#include "master/admin.h"
#include "master/master_state.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const double ANSWER = 2, STEER = 1; /* seconds that workers have */

/* --- answers ----------------------------------------------------------------------------------- */

/* `1 worker has not ...` */
static void note(struct records *r, unsigned n, const char *what)
{
    char text[160];
    snprintf(text, sizeof text, "%u worker%s not %s", n, n == 1 ? " has" : "s have", what);
    record_begin(r, "note");
    record_text(r, "note", text);
    record_end(r);
}

/* All records of all workers, in the order of the workers; of one question, those of the one that has answered. */
static void gather(struct session *s, const struct ask_result *result)
{
    for (uint32_t i = 0; i < result->n; i++)
        if (result->answers[i].state == ASK_ANSWERED)
            records_append(&s->held, result->answers[i].records.bytes,
                           result->answers[i].records.len);
}

/* What was said, and how many said nothing. */
static void show_answers(struct session *s, const struct ask_result *result)
{
    size_t command = (size_t)(s->command - admin_commands);
    const char *only = command == ADMIN_servers ? "server" : NULL;
    gather(s, result);
    if (command == ADMIN_kill && s->held.len == 0 && result->missing == 0) {
        session_fail(s, "no client '%.64s': `clients` lists them", s->words[1]);
        return;
    }
    bool is_one = command == ADMIN_pools || command == ADMIN_servers || command == ADMIN_explain;
    s->held.most += 1024; /* for the note */
    if (!is_one && result->missing > 0)
        note(&s->held, result->missing, "answered within 2 s: what they know is left out");
    if (result->is_cut) {
        record_begin(&s->held, "note");
        record_text(&s->held, "note", "the list is cut: it is longer than 4 MiB");
        record_end(&s->held);
    }
    s->held.most -= 1024;
    session_show(s, &s->held, command == ADMIN_explain, only);
    session_end(s);
}

static void decide(struct session *s, const struct ask_result *result);

/* An ask_done. */
static void on_answers(void *arg, const struct ask_result *result)
{
    struct session *s = arg;
    s->ask = NULL;
    records_release(&s->held);
    if (s->command->right == ADMIN_CHANGE && s->command != &admin_commands[ADMIN_kill])
        decide(s, result);
    else if (result->answered > 0)
        show_answers(s, result);
    else
        session_fail(s, "%s",
                     result->error[0] ? result->error
                                      : "no worker has answered within 2 s: try again");
}

/* Words with tabs between them. A question that a message does not hold has a name that no server has. */
void session_ask(struct session *s, enum ask_whom whom, const char *const *words, size_t n)
{
    char question[CHANNEL_TEXT_MAX];
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && len + 1 < sizeof question) question[len++] = '\t';
        size_t room = sizeof question - len;
        size_t needs = strlen(words[i]) * 4 + 1;
        if (room < 2 || (needs > room && strlen(words[i]) + 1 > room)) {
            session_fail(s, "'%.40s...' is too long", words[i]);
            return;
        }
        len += record_escape(question + len, room, words[i], strlen(words[i]));
    }
    session_waits(s, ADMIN_ANSWERS, 0);
    s->ask = ask_begin(&s->admin->master->asks, whom, question, ANSWER, on_answers, s);
    if (!s->ask) session_fail(s, "too many questions are open: try again");
}

void session_run_pools(struct session *s)
{
    const char *words[] = {"pools"};
    session_ask(s, ASK_ONE, words, 1);
}

void session_run_explain(struct session *s)
{
    const char *words[] = {"explain", s->words[1], s->words[2]};
    session_ask(s, ASK_ONE, words, 3);
}

void session_run_clients(struct session *s)
{
    const char *words[] = {s->command->name, s->words[1]};
    bool kills = s->command == &admin_commands[ADMIN_kill];
    if (kills) session_log(s);
    session_ask(s, ASK_ALL, words, kills ? 2 : 1);
}

/* --- steering ---------------------------------------------------------------------------------- */

static void fail_in_upgrade(struct session *s)
{
    session_fail(s, "%s: an upgrade is under way: wait until it has ended", s->command->name);
}

void session_run_steering(struct session *s)
{
    bool has_pool = s->words[3][0];
    const char *words[] = {"may", s->command->name, s->words[1], has_pool ? s->words[2] : "",
                           has_pool ? s->words[3] : s->words[2]};
    bool weighs = s->command == &admin_commands[ADMIN_weight];
    double weight;
    if (s->admin->master->upgrade.state != UPGRADE_IDLE)
        fail_in_upgrade(s);
    else if (weighs && !steer_read_weight(words[4], &weight))
        session_fail(s, "a weight is a number above 0, up to 1000000, or `reset`; to take all keys "
                        "from a server, drain it");
    else
        session_ask(s, ASK_ONE, words, weighs ? 5 : 3);
}

/* The server's name as the worker knows it; else as it was given. */
static void name_server(const struct session *s, char *to, size_t room)
{
    const char *at = s->held.bytes;
    struct record r;
    const struct record_field *f = NULL;
    if (s->held.len > 0 && record_next(&at, s->held.bytes + s->held.len, &r))
        f = record_find(&r, "server");
    if (f)
        record_value(f, to, room);
    else
        snprintf(to, room, "%.*s", (int)room - 1, s->words[1]);
}

/* What is to be decided about the server from now on. */
static struct steer plan(const struct session *s)
{
    const struct steering *table = &s->admin->master->steers.table;
    bool weighs = s->command == &admin_commands[ADMIN_weight];
    struct steer steer = {.weight = -1};
    name_server(s, steer.server, sizeof steer.server);
    if (weighs && s->words[3][0])
        snprintf(steer.pool, sizeof steer.pool, "%.*s", POOL_NAME_MAX - 1, s->words[2]);
    const struct steer *old = steering_find((struct steering *)table, steer.server, steer.pool);
    if (old) steer = *old;
    const char *weight = s->words[3][0] ? s->words[3] : s->words[2];
    if (weighs)
        (void)!steer_read_weight(weight, &steer.weight); /* it was read before */
    else
        steer.drained = s->command == &admin_commands[ADMIN_drain];
    return steer;
}

/* A decision about a server that no pool has any more can still be taken back. */
static bool takes_back(const struct session *s, const struct steer *steer)
{
    const struct steering *table = &s->admin->master->steers.table;
    const struct steer *old = steering_find((struct steering *)table, steer->server, steer->pool);
    return old && !steer_is_nothing(old) &&
           (steer_is_nothing(steer) || s->command == &admin_commands[ADMIN_undrain]);
}

/* The last word counts: a weight in all pools takes the place of those in single ones. */
static void take_back_single(struct steers *steers, const char *server)
{
    const struct steering *t = &steers->table;
    for (uint32_t i = 0; i < t->n; i++) {
        struct steer one = t->items[i];
        if (strcmp(one.server, server) != 0 || !one.pool[0] || steer_is_nothing(&one)) continue;
        one.weight = -1;
        (void)steers_set(steers, &one);
        i = (uint32_t)-1; /* the table may have lost some */
    }
}

static void decide(struct session *s, const struct ask_result *result)
{
    struct master *m = s->admin->master;
    gather(s, result);
    struct steer steer = plan(s);
    if (result->answered == 0 && !(result->error[0] && takes_back(s, &steer))) {
        session_fail(s, "%s",
                     result->error[0] ? result->error
                                      : "no worker has answered within 2 s: try again");
        return;
    }
    if (m->upgrade.state != UPGRADE_IDLE || m->state != MASTER_RUNNING) {
        fail_in_upgrade(s);
        return;
    }
    if (s->command == &admin_commands[ADMIN_weight] && !steer.pool[0])
        take_back_single(&m->steers, steer.server);
    s->number = steers_set(&m->steers, &steer);
    if (s->number == 0) {
        session_fail(s, "%d decisions about servers hold already: take some back", STEERING_MAX);
        return;
    }
    session_log(s);
    session_waits(s, ADMIN_STEERING, STEER);
    session_look_steered(s);
}

static void show_steered(struct session *s, unsigned missing)
{
    if (missing > 0) note(&s->held, missing, "done it yet, and will when they turn again");
    session_show(s, &s->held, false, NULL);
    session_end(s);
}

void session_look_steered(struct session *s)
{
    assert(s->wait == ADMIN_STEERING);
    if (steers_missing(&s->admin->master->steers, s->number) == 0) show_steered(s, 0);
}

void session_is_late(struct session *s)
{
    if (s->wait == ADMIN_STEERING)
        show_steered(s, steers_missing(&s->admin->master->steers, s->number));
    else if (s->wait == ADMIN_SPOOL)
        session_spool_is_late(s);
}
