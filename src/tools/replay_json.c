/* The results for programs: one object, with everything that the struct has. */
#include "base/json.h"
#include "tools/replay_tool.h"

static double percentile_ms(const struct latency *l, double share)
{
    return latency_percentile(l, share) * 1000;
}

static void put_latency(struct json *j, const struct latency *l, uint64_t max_us)
{
    json_object(j, "latency_ms");
    json_fraction(j, "p50", percentile_ms(l, 0.5));
    json_fraction(j, "p99", percentile_ms(l, 0.99));
    json_fraction(j, "p999", percentile_ms(l, 0.999));
    json_fraction(j, "max", (double)max_us / 1000);
    json_object_end(j);
}

static void put_sizes(struct json *j, const uint64_t sizes[REPLAY_SIZES])
{
    json_list(j, "sizes");
    for (unsigned i = 0; i < REPLAY_SIZES; i++) {
        if (!sizes[i]) continue;
        json_object(j, NULL);
        json_number(j, "from_bytes", replay_size_least(i));
        json_number(j, "values", sizes[i]);
        json_object_end(j);
    }
    json_list_end(j);
}

static void put_recorded(struct json *j, const struct replay_results *r)
{
    const struct replay_recorded *x = &r->recorded;
    json_object(j, "recorded");
    json_number(j, "began", (uint64_t)x->began);
    json_fraction(j, "seconds", x->lasted);
    json_fraction(j, "sample", x->sample);
    json_number(j, "requests", x->requests);
    json_number(j, "gets", x->gets);
    json_number(j, "hits", x->hits);
    json_number(j, "misses", x->misses);
    json_fraction(j, "hit_rate", replay_recorded_rate(r));
    json_number(j, "writes", x->writes);
    json_number(j, "errors", x->errors);
    json_number(j, "keys", x->seen_keys);
    json_number(j, "clients", x->clients);
    json_number(j, "lost", x->lost);
    json_number(j, "gaps", x->gaps);
    json_flag(j, "has_sizes", x->has_sizes);
    json_flag(j, "has_values", x->has_values);
    json_flag(j, "has_hashed_keys", x->has_hashed_keys);
    put_latency(j, &x->latency, x->max_us);
    put_sizes(j, x->sizes);
    json_object_end(j);
}

static void put_errors(struct json *j, const struct replay_side *s)
{
    json_list(j, "error_kinds");
    for (uint32_t i = 0; i < s->errors_n; i++) {
        json_object(j, NULL);
        json_text(j, "text", s->kinds[i].text);
        json_number(j, "requests", s->kinds[i].requests);
        json_list(j, "samples");
        for (uint32_t k = 0; k < s->kinds[i].samples_n; k++)
            json_text(j, NULL, s->kinds[i].samples[k]);
        json_list_end(j);
        json_object_end(j);
    }
    json_list_end(j);
}

static void put_servers(struct json *j, const struct replay_side *s)
{
    json_list(j, "servers");
    for (uint32_t i = 0; i < s->servers_n; i++) {
        const struct replay_server *v = &s->servers[i];
        json_object(j, NULL);
        json_text(j, "name", v->name);
        json_text(j, "pool", v->pool);
        json_number(j, "requests", v->requests);
        json_number(j, "hits", v->hits);
        json_number(j, "misses", v->misses);
        json_number(j, "bytes_in", v->bytes_in);
        json_number(j, "bytes_out", v->bytes_out);
        json_number(j, "items", v->items);
        json_number(j, "bytes", v->bytes);
        json_number(j, "evictions", v->evictions);
        json_object_end(j);
    }
    json_list_end(j);
    json_number(j, "servers_all", s->servers_all);
    json_fraction(j, "uneven", s->uneven);
    if (s->uneven > 0) json_text(j, "uneven_server", s->servers[s->uneven_server].name);
}

static void put_side(struct json *j, const struct replay_results *r, unsigned side)
{
    const struct replay_side *s = &r->sides[side];
    if (!s->is_there) return;
    json_object(j, side == REPLAY_OLD ? "old" : "new");
    json_text(j, "script", s->path);
    json_flag(j, "warm", s->was_warm);
    json_flag(j, "same_servers", s->had_same);
    json_number(j, "requests", s->requests);
    json_number(j, "gets", s->gets);
    json_number(j, "hits", s->hits);
    json_number(j, "misses", s->misses);
    json_fraction(j, "hit_rate", replay_hit_rate(r, side));
    json_number(j, "lost_hits", s->lost_hits);
    json_number(j, "won_hits", s->won_hits);
    json_number(j, "writes", s->writes);
    json_number(j, "unknown", s->unknown);
    json_number(j, "seeded", s->seeded);
    json_number(j, "refilled", s->refilled);
    json_number(j, "errors", s->errors);
    json_number(j, "script_errors", s->script_errors);
    put_errors(j, s);
    put_latency(j, &s->latency, s->max_us);
    put_servers(j, s);
    put_sizes(j, s->sizes);
    json_object_end(j);
}

static void put_moves(struct json *j, const struct replay_routes *x)
{
    json_list(j, "moves");
    for (uint32_t i = 0; i < x->moves_n; i++) {
        const struct replay_move *m = &x->moves[i];
        json_object(j, NULL);
        json_text(j, "from", m->from);
        json_text(j, "from_pool", m->from_pool);
        json_text(j, "to", m->to);
        json_text(j, "to_pool", m->to_pool);
        json_text(j, "fate", m->copied ? "copied" : "moved");
        json_number(j, "requests", m->requests);
        json_object_end(j);
    }
    json_list_end(j);
    json_number(j, "moves_rest", x->moves_rest);
}

static void put_routes(struct json *j, const struct replay_results *r)
{
    const struct replay_routes *x = &r->routes;
    if (!r->sides[REPLAY_OLD].is_there) return;
    json_object(j, "routes");
    json_number(j, "requests", x->requests);
    json_number(j, "same", x->same);
    json_number(j, "moved", x->moved);
    json_number(j, "copied", x->copied);
    json_fraction(j, "share", replay_moved(r));
    json_number(j, "other_pool", x->other_pool);
    json_number(j, "other_key", x->other_key);
    put_moves(j, x);
    json_object_end(j);
}

static void put_prefixes(struct json *j, const struct replay_results *r)
{
    json_list(j, "prefixes");
    for (uint32_t i = 0; i < r->prefixes_n; i++) {
        const struct replay_prefix *p = &r->prefixes[i];
        json_object(j, NULL);
        json_text(j, "prefix", p->prefix);
        json_number(j, "requests", p->requests);
        json_number(j, "moved", p->moved);
        json_number(j, "copied", p->copied);
        json_number(j, "gets", p->gets);
        json_number(j, "recorded_hits", p->recorded_hits);
        if (r->sides[REPLAY_OLD].is_there) json_number(j, "old_hits", p->hits[REPLAY_OLD]);
        json_number(j, "new_hits", p->hits[REPLAY_NEW]);
        json_object_end(j);
    }
    json_list_end(j);
    json_number(j, "prefixes_rest", r->prefixes_rest);
}

static void put_bucket(struct json *j, const char *name, const struct replay_bucket *b)
{
    json_object(j, name);
    json_number(j, "requests", b->requests);
    json_number(j, "gets", b->gets);
    json_number(j, "hits", b->hits);
    json_number(j, "errors", b->errors);
    json_number(j, "p50_us", b->p50_us);
    json_number(j, "p99_us", b->p99_us);
    json_object_end(j);
}

static void put_times(struct json *j, const struct replay_results *r)
{
    json_fraction(j, "bucket_seconds", r->bucket);
    json_list(j, "buckets");
    for (uint32_t i = 0; i < r->buckets_n; i++) {
        json_object(j, NULL);
        json_fraction(j, "at", (double)i * r->bucket);
        put_bucket(j, "recorded", &r->recorded_buckets[i]);
        if (r->sides[REPLAY_OLD].is_there) put_bucket(j, "old", &r->buckets[REPLAY_OLD][i]);
        put_bucket(j, "new", &r->buckets[REPLAY_NEW][i]);
        json_object_end(j);
    }
    json_list_end(j);
}

static void put_thresholds(struct json *j, const struct replay_results *r)
{
    json_list(j, "thresholds");
    for (uint32_t i = 0; i < r->thresholds_n; i++) {
        const struct replay_threshold *t = &r->thresholds[i];
        json_object(j, NULL);
        json_text(j, "name", t->name);
        json_fraction(j, "allowed", t->allowed);
        json_fraction(j, "found", t->found);
        json_flag(j, "over", t->is_over);
        json_object_end(j);
    }
    json_list_end(j);
}

void replay_print_json(const struct replay_results *r, FILE *out)
{
    struct json j;
    json_begin(&j, out);
    json_text(&j, "file", r->file);
    json_text(&j, "against", r->fakes ? "fake" : "servers");
    json_flag(&j, "refill", r->refills);
    json_flag(&j, "writes", r->writes);
    json_number(&j, "fake_memory", r->fake_memory);
    json_fraction(&j, "speed", r->speed);
    json_text(&j, "end", replay_end_text(r->end));
    json_flag(&j, "whole", r->end == REPLAY_DONE);
    json_text(&j, "trouble", r->trouble);
    json_fraction(&j, "took", r->took);
    json_number(&j, "replayed", r->replayed);
    json_number(&j, "left_out", r->left_out);
    json_number(&j, "not_separated", r->not_separated);
    put_recorded(&j, r);
    for (unsigned side = 0; side < REPLAY_SIDES; side++) put_side(&j, r, side);
    put_routes(&j, r);
    put_prefixes(&j, r);
    put_times(&j, r);
    put_thresholds(&j, r);
    json_end(&j);
}
