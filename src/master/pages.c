/* The pages of --metrics that programs read: metrics, and whether the process lives and is ready. */
#include "master/master_state.h"

#include "base/heat.h"
#include "base/log.h"
#include "base/process.h"
#include "master/exposition.h"
#include "master/exposition_stores.h"
#include "master/page_answers.h"
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char METRICS_TYPE[] = "text/plain; version=0.0.4; charset=utf-8";

static void metrics(void *arg, const struct http_request *request, struct http_answer *answer)
{
    const struct master *m = arg;
    struct survey *survey = survey_take(m->board);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    FILE *to = survey ? open_memstream(&answer->body, &answer->len) : NULL;
    if (to) {
        struct exposition e = {.survey = survey,
                               .board = m->board,
                               .journal = &m->journal,
                               .version = MOONGATE_VERSION,
                               .now = (double)now.tv_sec + (double)now.tv_nsec * 1e-9,
                               .workers = m->crew->n,
                               .hot_keys = heat_count(m->board, process_clock()),
                               .shows_reasons = page_parts_for(request, m->options) & STATUS_KEYS};
        exposition_write(&e, to);
        exposition_stores(&m->storage, to);
        answer->type = METRICS_TYPE;
    }
    if (to && fclose(to) != 0) {
        free(answer->body);
        answer->body = NULL; /* which says that memory is out */
    }
    survey_destroy(survey);
}

/* The process turns: it answers. */
static void health(void *arg, const struct http_request *request, struct http_answer *answer)
{
    http_say(answer, MHD_HTTP_OK, "ok\n");
}

/* The name of a pool no server of which answers; NULL: there is none. *some: one has a server that answers. */
static const char *dead_pool(const struct survey *s, bool *some)
{
    const struct survey_list *pools = &s->lists[SURVEY_POOLS];
    const char *dead = NULL;
    *some = false;
    for (size_t i = 0; i < pools->n; i++) {
        const struct survey_entry *e = &pools->entries[i];
        if (!e->is_used) continue;
        if (e->cells[SURVEY_POOL_answering] > 0)
            *some = true;
        else if (!dead)
            dead = e->name;
    }
    return dead;
}

/* What `pools` asks for. */
static void pools_ready(const struct master *m, bool all, struct http_answer *answer)
{
    struct survey *s = survey_take(m->board);
    bool some;
    if (!s) return;
    const char *dead = dead_pool(s, &some);
    char text[256];
    if (dead && all)
        snprintf(text, sizeof text, "not ready: no server of pool %s answers\n", dead);
    else if (dead && !some)
        snprintf(text, sizeof text, "not ready: no server of any pool answers\n");
    else
        snprintf(text, sizeof text, "ready\n");
    http_say(answer, text[0] == 'r' ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, text);
    survey_destroy(s);
}

static void readiness(void *arg, const struct http_request *request, struct http_answer *answer)
{
    const struct master *m = arg;
    const char *pools = http_parameter(request, "pools");
    bool all = pools && strcmp(pools, "all") == 0;
    if (pools && !all && strcmp(pools, "any") != 0)
        http_say(answer, MHD_HTTP_BAD_REQUEST, "pools: give any or all\n");
    else if (m->state != MASTER_RUNNING)
        http_say(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "not ready: draining\n");
    else if (!m->opening.is_open || crew_count(m->crew, SLOT_READY) == 0)
        http_say(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "not ready: no worker is ready\n");
    else if (pools)
        pools_ready(m, all, answer);
    else
        http_say(answer, MHD_HTTP_OK, "ready\n");
}

static const struct http_page pages[] = {
    {"/", page_answer_html}, {"/status.json", page_answer_json},
    {"/metrics", metrics},   {"/healthz", health},
    {"/readyz", readiness},  {NULL, NULL}};

bool pages_init(struct master *m)
{
    bool waits = m->seat->inherited->pid > 0;
    return http_init(&m->http, m->loop, waits ? NULL : m->seat->metrics, pages, m) &&
           (waits || nutcracker_stats_init(&m->stats, m));
}

void pages_open(struct master *m)
{
    if (!m->seat->inherited->pid) return;
    if (m->seat->metrics) (void)!http_init(&m->http, m->loop, m->seat->metrics, pages, m);
    if (!nutcracker_stats_init(&m->stats, m))
        log_error("nutcracker-stats: not served: out of memory");
}

void pages_shut(struct master *m)
{
    http_shut(&m->http);
    nutcracker_stats_stop(&m->stats);
}

void pages_leave(struct master *m)
{
    http_leave(&m->http);
    if (m->seat->metrics) listeners_close(m->seat->metrics, false);
    if (m->seat->stats) listeners_close(m->seat->stats, false);
}
