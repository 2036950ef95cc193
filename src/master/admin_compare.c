/* `compare`: what mg.compare has counted, as lines, and behind that the reads that differed last, as a table. All of it lies on the board:
 * no worker is asked.
 */
#include "base/compared.h"
#include "base/live.h"
#include "base/survey.h"
#include "master/admin.h"
#include "master/master_state.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 64 }; /* samples */

static void record_counts(struct records *r, const struct survey_entry *e)
{
    size_t n;
    const struct survey_cell *cells = survey_cells(SURVEY_COMPARISONS, &n);
    record_begin(r, "comparison");
    record_text(r, "comparison", e->name);
    for (size_t i = 0; i < n; i++) record_number(r, cells[i].name, e->cells[i]);
    record_number(r, "new_p50_us", (uint64_t)(latency_percentile(&e->latency, 0.5) * 1e6));
    record_number(r, "new_p99_us", (uint64_t)(latency_percentile(&e->latency, 0.99) * 1e6));
    record_end(r);
}

/* What a route has found. which: "old" or "new". */
static void record_side(struct records *r, const char *which, const struct compared_side *side)
{
    char name[RECORD_NAME_MAX], digest[17];
#define NAME(of) (snprintf(name, sizeof name, "%s_%s", which, of), name)
    if (side->server[0]) record_text(r, NAME("server"), side->server);
    if (!side->is_hit) return;
    record_number(r, NAME("bytes"), side->len);
    record_number(r, NAME("flags"), side->flags);
    snprintf(digest, sizeof digest, "%016" PRIx64, side->digest);
    record_text(r, NAME("digest"), digest);
    if (side->ttl != COMPARED_NO_TTL) record_real(r, NAME("ttl"), (double)side->ttl);
#undef NAME
}

static void record_sample(struct records *r, const struct compared_sample *s)
{
    char time[LIVE_TIME];
    live_print_time(s->at, time);
    record_begin(r, "sample");
    record_text(r, "time", time);
    record_text(r, "comparison", s->name);
    record_text(r, "kind", compared_kind_name(s->kind));
    record_bytes(r, "key", s->key, s->key_len);
    record_side(r, "old", &s->old);
    record_side(r, "new", &s->new);
    if (s->text[0]) record_text(r, "error", s->text);
    record_end(r);
}

/* The counts of that comparison, or of all; how many there are. */
static size_t show_counts(struct session *s, const char *name)
{
    struct survey *survey = survey_take(s->admin->master->board);
    const struct survey_list *list = survey ? &survey->lists[SURVEY_COMPARISONS] : NULL;
    size_t n = 0;
    for (size_t i = 0; list && i < list->n; i++) {
        const struct survey_entry *e = &list->entries[i];
        if (!e->is_used || (name && strcmp(e->name, name) != 0)) continue;
        record_counts(&s->held, e);
        n++;
    }
    survey_destroy(survey);
    session_show(s, &s->held, true, NULL);
    s->held.len = 0;
    return n;
}

static void show_samples(struct session *s, const char *name)
{
    struct compared_sample *all = malloc(SHOWN * sizeof *all);
    uint32_t n = all ? compared_gather(s->admin->master->board, name, all, SHOWN) : 0;
    for (uint32_t i = 0; i < n; i++) record_sample(&s->held, &all[i]);
    free(all);
    if (n > 0 && !s->json) session_say(s, "\n", 1);
    session_show(s, &s->held, false, NULL);
}

void session_run_compare(struct session *s)
{
    const char *name = s->words[1][0] ? s->words[1] : NULL;
    size_t n = show_counts(s, name);
    if (n == 0 && name) {
        session_fail(s, "compare: no comparison '%.96s' has seen a read: `compare` lists them",
                     name);
        return;
    }
    if (n == 0) {
        record_begin(&s->held, "note");
        record_text(&s->held, "note", "nothing was compared yet: mg.compare of a script does that");
        record_end(&s->held);
        session_show(s, &s->held, false, NULL);
    } else {
        show_samples(s, name);
    }
    session_end(s);
}
