/* `watch` and `slow`: requests, as viewers of the master (viewers.h) get them.
 *
 * A session that watches gets a line for each event. What it does not read in time is not kept for it: beyond LINES_BUSY bytes events are
 * left out, and their number is said before the next one. Any line that it sends ends the watch.
 */
#include "base/live.h"
#include "master/admin.h"
#include "master/master_state.h"
#include "protocol/command.h"
#include "worker/option_values.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- what an event says ------------------------------------------------------------------------ */

static void record_time(struct records *r, double at)
{
    char text[LIVE_TIME];
    live_print_time(at, text);
    record_text(r, "time", text);
}

static void record_name(struct records *r, const char *name, const char *text)
{
    if (text[0]) record_text(r, name, text);
}

/* with_stages: where the time went, too. */
static void record_event(struct records *r, const char *kind, const struct live_event *e,
                         bool with_stages)
{
    record_begin(r, kind);
    record_time(r, e->at);
    record_number(r, "us", e->us);
    record_text(r, "command", e->command);
    if (e->key_len) record_bytes(r, "key", e->key, e->key_len);
    record_text(r, "result", live_result_text(e->result));
    record_number(r, "bytes", e->bytes);
    record_name(r, "server", e->server);
    record_name(r, "pool", e->pool);
    record_name(r, "route", e->route);
    record_name(r, "client", e->client);
    record_name(r, "identity", e->identity);
    record_name(r, "listener", e->listener);
    if (e->noreply) record_number(r, "noreply", 1);
    for (unsigned i = 0; i < LIVE_STAGE_COUNT && with_stages; i++) {
        char name[RECORD_NAME_MAX];
        snprintf(name, sizeof name, "in_%s_us", live_stage_text(i));
        record_number(r, name, e->stages[i]);
    }
    record_name(r, "error", e->text);
    record_end(r);
}

/* --- slow -------------------------------------------------------------------------------------- */

void session_run_slow(struct session *s)
{
    struct master *m = s->admin->master;
    struct live_event *last = calloc(LIVE_SLOW_KEPT, sizeof *last);
    if (!last) {
        session_fail(s, "slow: out of memory");
        return;
    }
    viewers_look(&m->lookout.viewers);
    uint32_t n = viewers_slow(m->board, last);
    for (uint32_t i = 0; i < n; i++) record_event(&s->held, "slow", &last[i], true);
    free(last);
    session_show(s, &s->held, false, NULL);
    session_end(s);
}

/* --- watch ------------------------------------------------------------------------------------- */

static void say_lost(struct session *s)
{
    char text[64];
    int n = snprintf(text, sizeof text,
                     s->json ? "{\"type\":\"lost\",\"events\":%llu}\n" : "note: %llu events lost\n",
                     (unsigned long long)s->lost);
    s->lost = 0;
    session_say(s, text, (size_t)n);
}

static void say_event(struct session *s, const struct live_event *e)
{
    char line[LIVE_LINE + 1];
    if (s->json) {
        record_event(&s->held, "event", e, false);
        session_show(s, &s->held, false, NULL);
        s->held.len = 0;
        return;
    }
    size_t len = strlen(live_line(e, line));
    line[len] = '\n';
    session_say(s, line, len + 1);
}

/* A viewer_fn. */
static void on_event(void *arg, const struct live_event *e, uint64_t dropped)
{
    struct session *s = arg;
    assert(s->wait == ADMIN_WATCH);
    s->lost += dropped;
    if (s->lines.out.bytes > LINES_BUSY) {
        s->lost += e != NULL;
        return;
    }
    if (s->lost > 0) say_lost(s);
    if (e) say_event(s, e);
}

void session_ends_watch(struct session *s)
{
    viewers_look(&s->admin->master->lookout.viewers);
    session_end(s);
}

void session_leaves_watch(struct session *s)
{
    assert(s->wait == ADMIN_WATCH);
    viewers_remove(&s->admin->master->lookout.viewers, s->viewer);
}

/* --- what is asked for ------------------------------------------------------------------------- */

static bool is_known(const struct board *board, enum board_table table, const char *name)
{
    for (uint32_t part = 0; part < board->parts_n; part++) {
        const struct board_tables *t = &board->parts[part].tables;
        for (uint32_t i = 0; i < board_table_used(t, table); i++)
            if (strcmp(board_entry_name(t, table, i), name) == 0) return true;
    }
    return false;
}

static bool is_command(const char *name)
{
    for (unsigned i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++)
        if (strcmp(command_info(i)->text, name) == 0) return true;
    return false;
}

/* A text of the filter, where it has room. NULL, or what is wrong. */
static const char *put_name(char *to, size_t room, const char *text, bool known, const char *wrong)
{
    if (!known || strlen(text) >= room) return wrong;
    memcpy(to, text, strlen(text) + 1);
    return NULL;
}

static const char *put_key(struct live_filter *f, const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > LIVE_KEY) return "a prefix has 1 to 250 bytes";
    f->prefix_len = (uint8_t)len;
    memcpy(f->prefix, text, len);
    return NULL;
}

static const char *put_slower(struct live_filter *f, const char *text)
{
    double seconds;
    if (!option_time(text, &seconds) || seconds > 3600) return "give a time such as 10ms, up to 1h";
    f->slower_us = (uint32_t)(seconds * 1e6 + 0.5);
    return NULL;
}

static const char *put_sample(struct live_filter *f, const char *text)
{
    double share;
    if (!option_share(text, &share) || share <= 0 || share > 1)
        return "give a share above 0, such as 1% or 0.01";
    f->sample = (uint32_t)(share * UINT32_MAX);
    return NULL;
}

/* One word and its value. NULL, or what is wrong. */
static const char *put(const struct board *board, struct live_filter *f, const char *word,
                       const char *value)
{
    if (strcmp(word, "key") == 0) return put_key(f, value);
    if (strcmp(word, "slower-than") == 0) return put_slower(f, value);
    if (strcmp(word, "sample") == 0) return put_sample(f, value);
    if (strcmp(word, "command") == 0)
        return put_name(f->command, sizeof f->command, value, is_command(value),
                        "there is no such command");
    if (strcmp(word, "pool") == 0)
        return put_name(f->pool, sizeof f->pool, value, is_known(board, BOARD_TABLE_POOLS, value),
                        "there is no such pool: `pools` lists them");
    if (strcmp(word, "server") == 0)
        return put_name(f->server, sizeof f->server, value,
                        is_known(board, BOARD_TABLE_SERVERS, value),
                        "there is no such server: `servers` lists them");
    return "not a word of watch: help lists them";
}

/* False after a complaint. */
static bool read_filter(struct session *s, struct live_filter *f)
{
    const char(*words)[LINES_LINE] = s->words;
    *f = (struct live_filter){.sample = UINT32_MAX};
    for (unsigned i = 1; i < ADMIN_WORDS && words[i][0]; i++) {
        const char *word = words[i];
        if (strcmp(word, "errors") == 0) {
            f->errors = true;
            continue;
        }
        const char *value = i + 1 < ADMIN_WORDS ? words[++i] : "";
        const char *wrong = put(s->admin->master->board, f, word, value);
        if (!wrong) continue;
        session_fail(s, "watch: %.40s %.100s: %s", word, value, wrong);
        return false;
    }
    return true;
}

void session_run_watch(struct session *s)
{
    static const char HEAD[] =
        "# time us command key result bytes server pool route client listener\n";
    static const char JSON_HEAD[] = "{\"type\":\"watching\"}\n";
    struct viewers *v = &s->admin->master->lookout.viewers;
    struct live_filter f;
    if (!read_filter(s, &f)) return;
    s->lost = 0;
    s->viewer = viewers_add(v, &f, on_event, s);
    if (s->viewer < 0) {
        session_fail(s, "watch: %d sessions watch already: end one", LIVE_WATCHERS);
        return;
    }
    session_waits(s, ADMIN_WATCH, 0);
    const char *head = s->json ? JSON_HEAD : HEAD;
    session_say(s, head, strlen(head)); /* from here on requests are shown */
}
