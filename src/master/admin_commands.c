/* A line becomes words, the words a command, and its function answers. What a function cannot answer at once it asks workers for
 * (admin_servers.c), or waits for an outcome (admin.c).
 *
 *   line = [ "json" ] command { word }        words have spaces between them
 *   word = bytes but space and '"' | '"' { byte | "\\" '"' | "\\\\" | "\\x" two hexadecimal digits } '"'
 */
#include "master/admin_commands.h"

#include "base/heat.h"
#include "base/json.h"
#include "base/log.h"
#include "base/process.h"
#include "master/admin.h"
#include "master/master_state.h"
#include "master/status.h"
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct admin_command admin_commands[ADMIN_COMMANDS_N] = {
#define X(function, name, arguments, least, most, right, meaning)                                  \
    {name, arguments, meaning, least, most, ADMIN_##right},
    ADMIN_COMMANDS(X)
#undef X
};

const struct admin_command *admin_command_find(const char *name)
{
    for (size_t i = 0; i < ADMIN_COMMANDS_N; i++)
        if (strcmp(admin_commands[i].name, name) == 0) return &admin_commands[i];
    return NULL;
}

/* --- words ------------------------------------------------------------------------------------- */

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A word in quotes; at stands behind the first. False: its end is missing, or a byte cannot be. */
static bool read_quoted(const char **at, char *to)
{
    const char *p = *at;
    while (*p && *p != '"') {
        if (*p != '\\') {
            *to++ = *p++;
        } else if (p[1] == '"' || p[1] == '\\') {
            *to++ = p[1];
            p += 2;
        } else if (p[1] == 'x' && hex(p[2]) >= 0 && hex(p[3]) >= 0 && hex(p[2]) + hex(p[3]) > 0) {
            *to++ = (char)(hex(p[2]) * 16 + hex(p[3]));
            p += 4;
        } else {
            return false;
        }
    }
    *to = '\0';
    *at = p + 1;
    return *p == '"' && (!p[1] || p[1] == ' ');
}

static void read_plain(const char **at, char *to)
{
    size_t len = strcspn(*at, " ");
    memcpy(to, *at, len);
    to[len] = '\0';
    *at += len;
}

/* Words of the line, after `json`. How many; -1: not such words; ADMIN_WORDS + 1: too many. */
static int split(struct session *s, const char *line)
{
    int n = 0;
    s->json = false;
    for (int i = 0; i < ADMIN_WORDS; i++) s->words[i][0] = '\0';
    for (;;) {
        line += strspn(line, " ");
        if (!*line) return n;
        if (n == ADMIN_WORDS) return ADMIN_WORDS + 1;
        if (*line == '"') {
            line++;
            if (!read_quoted(&line, s->words[n])) return -1;
        } else {
            read_plain(&line, s->words[n]);
        }
        if (n == 0 && !s->json && strcmp(s->words[0], "json") == 0)
            s->json = true;
        else
            n++;
    }
}

/* Whether this session may do what it has asked for. */
static bool may(const struct session *s, unsigned arguments)
{
    enum admin_right right = s->command->right;
    bool changes = right == ADMIN_CHANGE || (right == ADMIN_SHOW_OR_SET && arguments > 0);
    return !changes || !s->reads_only;
}

/* A script's variable that holds nothing must not mean all pools. */
static bool has_empty_word(const struct session *s, unsigned arguments)
{
    for (unsigned i = 1; i <= arguments; i++)
        if (!s->words[i][0]) return true;
    return false;
}

void session_parse(struct session *s, const char *line, size_t len)
{
    s->command = NULL;
    int n = strlen(line) == len ? split(s, line) : -1;
    if (n < 0) {
        session_fail(s,
                     "not a line of words: give words with spaces between them, in double quotes "
                     "those with spaces, quotes or other bytes (\\x0a)");
        return;
    }
    if (n == 0) {
        session_fail(s, "no command: help lists them");
        return;
    }
    s->command = admin_command_find(s->words[0]);
    unsigned arguments = (unsigned)n - 1;
    if (!s->command)
        session_fail(s, "no command '%.40s': help lists them", s->words[0]);
    else if (arguments < s->command->least || arguments > s->command->most)
        session_fail(s, "%s: give %s%s%s", s->command->name, s->command->name,
                     s->command->arguments[0] ? " " : "", s->command->arguments);
    else if (has_empty_word(s, arguments))
        session_fail(s, "%s: a word is empty: leave it out, or give one", s->command->name);
    else if (!may(s, arguments))
        session_fail(s, "%s: this socket is read-only: use one that is not", s->command->name);
    else
        session_run(s);
}

/* --- status ------------------------------------------------------------------------------------ */

static void put_steering(struct json *j, const struct steering *t)
{
    json_list(j, "steered");
    for (uint32_t i = 0; i < t->n; i++) {
        const struct steer *one = &t->items[i];
        if (steer_is_nothing(one)) continue;
        json_object(j, NULL);
        json_text(j, "server", one->server);
        if (one->pool[0]) json_text(j, "pool", one->pool);
        json_flag(j, "drained", one->drained);
        if (one->weight >= 0) json_fraction(j, "weight", one->weight);
        json_object_end(j);
    }
    json_list_end(j);
}

static void show_status_json(struct session *s)
{
    const struct master *m = s->admin->master;
    struct status_view view = master_view(m);
    struct json j;
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to) abort();
    json_begin(&j, to);
    status_json(&view, &j, STATUS_KEYS);
    json_text(&j, "log_level", log_shown_from());
    put_steering(&j, &m->steers.table);
    json_end(&j);
    if (fclose(to) != 0) abort();
    session_say(s, text, size);
    free(text);
}

static void record_last_reload(struct records *r, const struct master *m)
{
    char text[JOURNAL_REASON + 128], when[32];
    struct tm parts;
    const struct journal_entry *last = journal_look(&m->journal, 0);
    if (!last) return;
    gmtime_r(&last->time, &parts);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts);
    snprintf(text, sizeof text, "%s %s, generation %u%s%s", when, journal_word(last->outcome),
             last->generation, last->reason[0] ? ": " : "", last->reason);
    record_text(r, "last_event", text);
}

static void record_steered(struct records *r, const struct steering *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        const struct steer *one = &t->items[i];
        char text[BACKEND_NAME_MAX + POOL_NAME_MAX + 64];
        if (one->drained) record_text(r, "drained", one->server);
        if (one->weight < 0) continue;
        snprintf(text, sizeof text, "%s has the weight %g%s%s", one->server, one->weight,
                 one->pool[0] ? " in pool " : "", one->pool);
        record_text(r, "steered", text);
    }
}

/* As `moongate top` shows it. In JSON seconds are a number. */
static void record_uptime(struct records *r, unsigned long s)
{
    char text[64];
    if (s < 60)
        snprintf(text, sizeof text, "%lus", s);
    else if (s < 3600)
        snprintf(text, sizeof text, "%lum%02lus", s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, sizeof text, "%luh%02lum", s / 3600, s / 60 % 60);
    else
        snprintf(text, sizeof text, "%lud%02luh", s / 86400, s / 3600 % 24);
    record_text(r, "uptime", text);
}

static void run_status(struct session *s)
{
    const struct master *m = s->admin->master;
    struct status_view view = master_view(m);
    char workers[64];
    struct records *r = &s->held;
    if (s->json) {
        show_status_json(s);
        session_end(s);
        return;
    }
    record_begin(r, "status");
    record_text(r, "version", view.version);
    record_text(r, "state", view.state);
    record_number(r, "pid", (uint64_t)view.pid);
    record_uptime(r, (unsigned long)board_uptime(m->board));
    snprintf(workers, sizeof workers, "%u of %u", view.ready, view.workers);
    record_text(r, "workers", workers);
    record_number(r, "clients", crew_clients(m->crew));
    record_text(r, "script", view.script ? view.script : "(built-in)");
    record_number(r, "generation", view.generation);
    if (view.is_on_probation) record_text(r, "probation", "the script is on probation");
    if (view.runs_last_good) record_text(r, "last_good", "the last good script runs, not the file");
    record_last_reload(r, m);
    record_steered(r, &m->steers.table);
    record_text(r, "log_level", log_shown_from());
    record_end(r);
    session_record_stores(r, view.recent);
    session_show(s, r, true, NULL);
    session_end(s);
}

/* --- what is hot -------------------------------------------------------------------------------- */

enum { HOT_MOST = 20 };

static void record_hot(struct records *r, enum heat_kind kind, const struct heat_row *row)
{
    char client[HEAT_CLIENT_TEXT];
    record_begin(r, kind == HEAT_KEYS ? "key" : "client");
    if (kind == HEAT_KEYS)
        record_bytes(r, "key", row->name, row->len);
    else
        record_text(r, "client", heat_client_text(row, client));
    record_tenths(r, "share_percent", 100 * row->share);
    record_tenths(r, kind == HEAT_CLIENT_BYTES ? "bytes_per_second" : "requests_per_second",
                  row->rate);
    record_end(r);
}

static void run_hot(struct session *s)
{
    static const char *const kinds[HEAT_KINDS] = {"keys", "clients", "bytes"};
    struct heat_row rows[HOT_MOST];
    unsigned kind = HEAT_KEYS;
    while (s->words[1][0] && kind < HEAT_KINDS && strcmp(s->words[1], kinds[kind]) != 0) kind++;
    if (kind == HEAT_KINDS) {
        session_fail(s, "hot: give one of keys, clients, bytes");
        return;
    }
    uint32_t n =
        heat_merge(s->admin->master->board, (enum heat_kind)kind, process_clock(), rows, HOT_MOST);
    for (uint32_t i = 0; i < n; i++) record_hot(&s->held, (enum heat_kind)kind, &rows[i]);
    session_show(s, &s->held, false, NULL);
    session_end(s);
}

/* --- the script -------------------------------------------------------------------------------- */

static void run_reload(struct session *s)
{
    struct master *m = s->admin->master;
    session_log(s);
    s->number = s->admin->reloads + 1;
    session_waits(s, ADMIN_RELOAD, 0);
    reload_request(&m->reload, "admin");
}

static void run_rollback(struct session *s)
{
    struct master *m = s->admin->master;
    session_log(s);
    s->number = s->admin->returns + 1;
    session_waits(s, ADMIN_ROLLBACK, 0);
    const char *wrong = probation_roll_back(&m->probation);
    if (wrong) session_fail(s, "%s", wrong);
}

static void run_upgrade(struct session *s)
{
    struct master *m = s->admin->master;
    if (m->upgrade.state != UPGRADE_IDLE || m->takeover.before) {
        session_fail(s, "an upgrade is under way: wait until it has ended");
        return;
    }
    session_log(s);
    session_waits(s, ADMIN_UPGRADE, 0);
    upgrading_request(m);
}

/* --- the rest ---------------------------------------------------------------------------------- */

static void run_quit(struct session *s)
{
    if (strcmp(s->words[1], "yes") != 0) {
        session_fail(s, "`quit yes` ends the service; `exit` closes this connection");
        return;
    }
    session_log(s);
    session_end(s);
    kill(getpid(), SIGTERM);
}

static void run_exit(struct session *s)
{
    session_end(s);
    lines_end(&s->lines);
}

static void run_help(struct session *s)
{
    struct records *r = &s->held;
    for (size_t i = 0; i < ADMIN_COMMANDS_N; i++) {
        const struct admin_command *c = &admin_commands[i];
        char usage[128];
        snprintf(usage, sizeof usage, "%s%s%s", c->name, c->arguments[0] ? " " : "", c->arguments);
        record_begin(r, "command");
        record_text(r, "command", usage);
        record_text(r, "right", c->right == ADMIN_READ ? "read" : "change");
        record_text(r, "meaning", c->meaning);
        record_end(r);
    }
    session_show(s, r, false, NULL);
    session_end(s);
}

static void run_log_level(struct session *s)
{
    const char *words[] = {"log", s->words[1]};
    if (!s->words[1][0]) {
        record_begin(&s->held, "log");
        record_text(&s->held, "level", log_shown_from());
        record_end(&s->held);
        session_show(s, &s->held, true, NULL);
        session_end(s);
        return;
    }
    if (!log_show_from(s->words[1])) {
        session_fail(s, "no level '%.20s': give one of error, warn, info, debug, trace, reset",
                     s->words[1]);
        return;
    }
    session_log(s);
    session_ask(s, ASK_ALL, words, 2);
}

/* Not while the service ends: there is nothing left to be changed. */
static bool is_too_late(const struct session *s)
{
    const struct master *m = s->admin->master;
    size_t command = (size_t)(s->command - admin_commands);
    return m->state != MASTER_RUNNING && s->command->right == ADMIN_CHANGE &&
           command != ADMIN_quit && command != ADMIN_kill;
}

void session_run(struct session *s)
{
    static void (*const run[ADMIN_COMMANDS_N])(struct session *) = {
        [ADMIN_status] = run_status,
        [ADMIN_pools] = session_run_pools,
        [ADMIN_servers] = session_run_pools,
        [ADMIN_explain] = session_run_explain,
        [ADMIN_clients] = session_run_clients,
        [ADMIN_hot] = run_hot,
        [ADMIN_compare] = session_run_compare,
        [ADMIN_watch] = session_run_watch,
        [ADMIN_record] = session_run_record,
        [ADMIN_slow] = session_run_slow,
        [ADMIN_reload] = run_reload,
        [ADMIN_rollback] = run_rollback,
        [ADMIN_drain] = session_run_steering,
        [ADMIN_undrain] = session_run_steering,
        [ADMIN_weight] = session_run_steering,
        [ADMIN_spool] = session_run_spool,
        [ADMIN_log_level] = run_log_level,
        [ADMIN_kill] = session_run_clients,
        [ADMIN_upgrade] = run_upgrade,
        [ADMIN_quit] = run_quit,
        [ADMIN_help] = run_help,
        [ADMIN_exit] = run_exit,
    };
    if (is_too_late(s))
        session_fail(s, "%s: the service drains", s->command->name);
    else
        run[s->command - admin_commands](s);
}
