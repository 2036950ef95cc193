/* The blocks of `status` about stores, near copies and leases: what is in them, and the rates of the last seconds. A service without them has
 * none of these blocks. */
#include <math.h>

#include "master/admin.h"
#include "master/status.h"

/* Left out where there is nothing to tell. */
static void percent(struct records *r, const char *name, double share)
{
    if (!isnan(share)) record_tenths(r, name, 100 * share);
}

static void rate(struct records *r, const char *name, double number)
{
    if (!isnan(number)) record_tenths(r, name, number);
}

static void record_store(struct records *r, const struct recent *recent, size_t i)
{
    const struct store_row *row = &recent_now(recent)->stores.all[i];
    struct recent_store_rates rates = recent_store_rates(recent, i);
    record_begin(r, "store");
    record_text(r, "store", row->name);
    record_number(r, "size", row->usage.size);
    percent(r, "used_percent", rates.used);
    record_number(r, "items", row->usage.items);
    rate(r, "gets_per_second", rates.gets);
    percent(r, "hit_percent", rates.hit_rate);
    rate(r, "sets_per_second", rates.sets);
    rate(r, "evictions_per_second", rates.evictions);
    record_end(r);
}

static void record_entry(struct records *r, const struct recent *recent, enum survey_kind kind,
                         size_t i)
{
    const struct survey_entry *e = &recent_now(recent)->survey->lists[kind].entries[i];
    struct recent_rates rates = recent_entry_rates(recent, kind, i);
    const char *word = kind == SURVEY_NEARS ? "near" : "lease";
    if (!status_shows(e)) return;
    record_begin(r, word);
    record_text(r, word, e->name);
    rate(r, "requests_per_second", rates.requests);
    percent(r, "hit_percent", rates.hit_rate);
    if (kind == SURVEY_LEASES) {
        double waits = recent_growth(recent, kind, i, "waits");
        record_number(r, "waiting", survey_get(e, kind, "waiting"));
        rate(r, "waits_per_second", waits / recent_window(recent));
        percent(r, "in_vain_percent", recent_waits_in_vain(recent, i));
    }
    record_end(r);
}

void session_record_stores(struct records *r, const struct recent *recent)
{
    static const enum survey_kind kinds[] = {SURVEY_NEARS, SURVEY_LEASES};
    const struct recent_moment *now = recent_now(recent);
    if (!now) return;
    for (size_t i = 0; i < now->stores.n; i++) record_store(r, recent, i);
    for (unsigned k = 0; k < 2; k++)
        for (size_t i = 0; i < now->survey->lists[kinds[k]].n; i++)
            record_entry(r, recent, kinds[k], i);
}
