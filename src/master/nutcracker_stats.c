/* What nutcracker counts and moongate does not stays 0. Servers are counted by their address: two pools that name one server show the same
 * figures for it.
 *
 * Which servers a pool has is known to the workers alone, as a script may discover them; so one is asked. Clients are counted by
 * listener: a pool shows those of the listener that has its name, as in a configuration of nutcracker.
 */
#include "master/nutcracker_stats.h"

#include "base/json.h"
#include "base/log.h"
#include "master/master_state.h"
#include "net/lines.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double ANSWER = 2; /* seconds that a worker has */

struct stats_reader {
    struct nutcracker_stats *stats;
    struct stats_reader *next;
    struct lines lines;
    struct ask *ask; /* NULL: it was answered */
};

/* --- the document ------------------------------------------------------------------------------ */

static uint64_t cell(const struct survey_entry *e, size_t at)
{
    return e ? e->cells[at] : 0;
}

static void put_server(struct json *j, const struct nutcracker_view *v, const char *name,
                       const struct survey_entry *e)
{
    double since = e && cell(e, SURVEY_SERVER_down) ? v->down_since(v->arg, e->name) : 0;
    json_object(j, name);
    json_number(j, "server_eof", cell(e, SURVEY_SERVER_closes));
    json_number(j, "server_err", cell(e, SURVEY_SERVER_failed));
    json_number(j, "server_timedout", cell(e, SURVEY_SERVER_timeouts));
    json_number(j, "server_connections", cell(e, SURVEY_SERVER_ready));
    json_number(j, "server_ejected_at", (uint64_t)(since * 1e6));
    json_number(j, "requests", cell(e, SURVEY_SERVER_requests));
    json_number(j, "request_bytes", cell(e, SURVEY_SERVER_bytes_written));
    json_number(j, "responses", cell(e, SURVEY_SERVER_responses));
    json_number(j, "response_bytes", cell(e, SURVEY_SERVER_bytes_read));
    json_number(j, "in_queue", 0);
    json_number(j, "in_queue_bytes", 0);
    json_number(j, "out_queue", cell(e, SURVEY_SERVER_in_flight));
    json_number(j, "out_queue_bytes", 0);
    json_object_end(j);
}

static bool is_kind(const struct record *r, const char *kind)
{
    return r->kind_len == strlen(kind) && memcmp(r->kind, kind, r->kind_len) == 0;
}

/* "" where there is none. */
static const char *text_of(const struct record *r, const char *name, char to[BOARD_NAME])
{
    const struct record_field *f = record_find(r, name);
    to[0] = '\0';
    if (f) record_value(f, to, BOARD_NAME);
    return to;
}

/* Times that a worker ejected a server of the pool; of one that does not eject: that it took one for down. The servers' records begin at
 * `at`, behind the pool's. */
static uint64_t ejects_of(const struct nutcracker_view *v, const struct record *pool,
                          const char *at, const char *end)
{
    struct record r;
    char eject[BOARD_NAME], server[BOARD_NAME];
    bool ejects = strcmp(text_of(pool, "eject", eject), "twemproxy") == 0;
    uint64_t n = 0;
    while (record_next(&at, end, &r) && is_kind(&r, "server"))
        n += cell(survey_find(v->survey, SURVEY_SERVERS, text_of(&r, "server", server)),
                  ejects ? SURVEY_SERVER_ejections : SURVEY_SERVER_falls);
    return n;
}

/* r: the pool's record, which ends at `at`. */
static void put_pool(struct json *j, const struct nutcracker_view *v, const struct record *r,
                     const char *at, const char *end)
{
    char name[BOARD_NAME];
    text_of(r, "pool", name);
    const struct survey_entry *pool = survey_find(v->survey, SURVEY_POOLS, name);
    const struct survey_entry *listener = survey_find(v->survey, SURVEY_LISTENERS, name);
    uint64_t now = cell(listener, SURVEY_LISTENER_curr_connections);
    uint64_t all = cell(listener, SURVEY_LISTENER_total_connections);
    json_number(j, "client_eof", all > now ? all - now : 0);
    json_number(j, "client_err", 0);
    json_number(j, "client_connections", now);
    json_number(j, "server_ejects", ejects_of(v, r, at, end));
    json_number(j, "forward_error",
                cell(pool, SURVEY_POOL_refused) + cell(pool, SURVEY_POOL_timeouts) +
                    cell(pool, SURVEY_POOL_failed));
    json_number(j, "fragments", 0);
}

static void put_pools(struct json *j, const struct nutcracker_view *v)
{
    const char *at = v->pools->bytes, *end = at ? at + v->pools->len : NULL;
    char name[BOARD_NAME], server[BOARD_NAME];
    struct record r;
    bool is_open = false;
    while (at && record_next(&at, end, &r)) {
        bool is_pool = is_kind(&r, "pool");
        if (is_pool && is_open) json_object_end(j);
        if (is_pool) {
            json_object(j, text_of(&r, "pool", name));
            put_pool(j, v, &r, at, end);
            is_open = true;
        } else if (is_open) {
            const struct survey_entry *e =
                survey_find(v->survey, SURVEY_SERVERS, text_of(&r, "server", server));
            text_of(&r, "name", name);
            put_server(j, v, name[0] ? name : server, e);
        }
    }
    if (is_open) json_object_end(j);
}

void nutcracker_stats_print(const struct nutcracker_view *v, FILE *out)
{
    struct json j;
    json_begin(&j, out);
    json_text(&j, "service", "nutcracker");
    json_text(&j, "source", v->source);
    json_text(&j, "version", v->version);
    json_number(&j, "uptime", (uint64_t)v->survey->uptime);
    json_number(&j, "timestamp", (uint64_t)v->now);
    json_number(&j, "total_connections", v->survey->row.total_connections);
    json_number(&j, "curr_connections", v->survey->row.curr_connections);
    if (v->pools) put_pools(&j, v);
    json_end(&j);
}

/* --- readers ----------------------------------------------------------------------------------- */

static void destroy(struct stats_reader *r)
{
    struct nutcracker_stats *s = r->stats;
    struct stats_reader **at = &s->readers;
    while (*at != r) at = &(*at)->next;
    *at = r->next;
    s->n--;
    if (r->ask) ask_drop(&s->master->asks, r->ask);
    lines_close(&r->lines);
    free(r);
}

/* A lines_over_fn. */
static void on_over(void *arg, const char *why)
{
    log_debug("nutcracker-stats: reader closed: %s", why);
    destroy(arg);
}

/* nutcracker reads nothing of what is sent to it. */
static void on_line(void *arg, char *line, size_t len)
{
}

/* 0: it is not known. */
static double down_since(void *arg, const char *server)
{
    const struct recent_moment *now = recent_now(arg);
    const struct survey_list *list = now ? &now->survey->lists[SURVEY_SERVERS] : NULL;
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    double time = (double)wall.tv_sec + (double)wall.tv_nsec * 1e-9;
    for (size_t i = 0; list && i < list->n; i++) {
        if (strcmp(list->entries[i].name, server) != 0) continue;
        double age = status_state_age(arg, i);
        return age >= 0 ? time - age : time; /* NaN: it has not been seen before */
    }
    return time;
}

static void print(const struct nutcracker_stats *s, const struct records *pools, FILE *out)
{
    struct master *m = s->master;
    struct survey *survey = survey_take(m->board);
    char host[256] = "";
    if (!survey) return; /* no memory: the reader is closed without a document */
    if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
    struct nutcracker_view v = {.source = host,
                                .version = MOONGATE_VERSION,
                                .now = (double)time(NULL),
                                .survey = survey,
                                .pools = pools,
                                .down_since = down_since,
                                .arg = &m->recent};
    nutcracker_stats_print(&v, out);
    survey_destroy(survey);
}

static void answer(struct stats_reader *r, const struct records *pools)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out) print(r->stats, pools, out);
    if (out && fclose(out) == 0) lines_say(&r->lines, text, len);
    free(text);
    lines_end(&r->lines);
}

/* An ask_done. */
static void on_answer(void *arg, const struct ask_result *result)
{
    struct stats_reader *r = arg;
    const struct records *pools = NULL;
    r->ask = NULL;
    for (uint32_t i = 0; i < result->n; i++)
        if (result->answers[i].state == ASK_ANSWERED) pools = &result->answers[i].records;
    answer(r, pools);
}

/* A doors_take_fn. */
static void take(void *owner, int fd, const struct listener *l)
{
    struct nutcracker_stats *s = owner;
    struct stats_reader *oldest = s->readers;
    while (oldest && oldest->next) oldest = oldest->next;
    if (s->n == STATS_READERS) destroy(oldest);
    struct stats_reader *r = calloc(1, sizeof *r);
    if (!r) {
        close(fd);
        return;
    }
    r->stats = s;
    r->next = s->readers;
    s->readers = r;
    s->n++;
    lines_open(&r->lines, s->master->loop, fd, on_line, on_over, r);
    lines_pause(&r->lines, true);
    if (!ev_is_active(&s->look)) ev_timer_again(s->master->loop, &s->look);
    r->ask = ask_begin(&s->master->asks, ASK_ONE, "pools", ANSWER, on_answer, r);
    if (!r->ask) answer(r, NULL);
}

static void refused(void *owner)
{
    log_warn("nutcracker-stats: no descriptor is free; raise the limit (ulimit -n)");
}

static void rested(void *owner)
{
    struct nutcracker_stats *s = owner;
    doors_watch(&s->doors, true);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct nutcracker_stats *s = timer->data;
    for (struct stats_reader *r = s->readers, *next; r; r = next) {
        next = r->next;
        if (lines_stuck(&r->lines) > STATS_STUCK) on_over(r, "it does not read");
    }
    if (!s->readers) ev_timer_stop(loop, timer);
}

/* --- life -------------------------------------------------------------------------------------- */

bool nutcracker_stats_init(struct nutcracker_stats *s, struct master *m)
{
    struct doors_keeper keeper = {take, refused, rested, s};
    *s = (struct nutcracker_stats){.master = NULL};
    if (!m->seat->stats) return true;
    if (!doors_init(&s->doors, m->loop, m->seat->stats, keeper)) return false;
    s->master = m;
    ev_init(&s->look, on_look);
    s->look.repeat = 1;
    s->look.data = s;
    doors_watch(&s->doors, true);
    return true;
}

void nutcracker_stats_stop(struct nutcracker_stats *s)
{
    if (!s->master) return;
    for (struct stats_reader *r = s->readers, *next; r; r = next) {
        next = r->next;
        destroy(r);
    }
    ev_timer_stop(s->master->loop, &s->look);
    doors_stop(&s->doors);
    doors_release(&s->doors);
    s->master = NULL;
}
