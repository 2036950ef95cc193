#include "tools/recording_sum.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/live.h"
#include "base/utf8.h"
#include "protocol/command.h"

enum { LINES = 10 };

void recording_sum_init(struct recording_sum *s)
{
    *s = (struct recording_sum){.first_us = UINT64_MAX, .least_share = UINT32_MAX};
    toplist_init(&s->commands);
    toplist_init(&s->results);
    toplist_init(&s->prefixes);
    toplist_init(&s->clients);
    toplist_init(&s->texts);
}

void recording_sum_release(struct recording_sum *s)
{
    toplist_release(&s->commands);
    toplist_release(&s->results);
    toplist_release(&s->prefixes);
    toplist_release(&s->clients);
    toplist_release(&s->texts);
}

/* --- counting ---------------------------------------------------------------------------------- */

static void count(struct toplist_row *row, unsigned result)
{
    row->requests++;
    row->hits += result == LIVE_HIT;
    row->misses += result == LIVE_MISS;
    row->errors += live_result_is_error(result);
}

/* For counting hits and misses: a delete of what is not there is no read that missed. */
static uint8_t found(const struct take *t)
{
    bool reads = t->command == COMMAND_META_GET ||
                 (t->command < COMMAND_COUNT && command_info(t->command)->shape == SHAPE_RETRIEVE);
    return reads || (t->result != LIVE_HIT && t->result != LIVE_MISS) ? t->result : LIVE_ANSWERED;
}

/* Up to the first character that is neither a letter nor a digit, and with it; none: the whole key is no prefix. Bytes above ASCII are
 * parts of letters. */
static size_t prefix_of(const uint8_t *key, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool is_word = (key[i] >= 'a' && key[i] <= 'z') || (key[i] >= 'A' && key[i] <= 'Z') ||
                       (key[i] >= '0' && key[i] <= '9') || key[i] >= 0x80;
        if (!is_word) return i + 1;
    }
    return 0;
}

static void note(struct recording_numbers *n, uint64_t number)
{
    latency_put(&n->all, number, latency_bucket_us(number));
    if (number > n->most) n->most = number;
}

static void take_client(struct recording_sum *s, const struct take *t)
{
    char name[TOPLIST_NAME];
    int n = snprintf(name, sizeof name, "%u/%u", t->worker, t->client);
    count(toplist_at(&s->clients, name, (size_t)n), found(t));
}

void recording_sum_take(struct recording_sum *s, const struct recording *r, const struct take *t)
{
    const char *command = recording_command(r), *text = recording_result(r);
    uint8_t result = found(t);
    uint32_t share = recording_share(r);
    s->requests++;
    s->hits += t->result == LIVE_HIT;
    s->misses += result == LIVE_MISS;
    s->errors += live_result_is_error(t->result);
    s->noreply += t->noreply;
    s->several += t->parts > 1;
    if (t->at_us < s->first_us) s->first_us = t->at_us;
    if (t->at_us > s->last_us) s->last_us = t->at_us;
    if (share < s->least_share) s->least_share = share;
    if (share > s->most_share) s->most_share = share;
    note(&s->times, t->us);
    if (t->value_len || t->value) note(&s->values, t->value_len);
    if (t->result == LIVE_HIT) note(&s->answers, t->bytes);
    count(toplist_at(&s->commands, command, strlen(command)), result);
    count(toplist_at(&s->results, text, strlen(text)), result);
    if (t->key_len) count(toplist_at(&s->prefixes, t->key, prefix_of(t->key, t->key_len)), result);
    if (t->error_len) count(toplist_at(&s->texts, t->error, t->error_len), result);
    take_client(s, t);
}

void recording_sum_gap(struct recording_sum *s, const struct recording *r)
{
    uint64_t from, to;
    recording_span(r, &from, &to);
    s->gaps++;
    if (to > from) s->gap_us += to - from;
}

/* --- printing ---------------------------------------------------------------------------------- */

static double percent(uint64_t part, uint64_t all)
{
    return all ? 100 * (double)part / (double)all : 0;
}

static void print_span(const struct recording_sum *s, FILE *out)
{
    char from[LIVE_TIME], to[LIVE_TIME];
    double seconds = (double)(s->last_us - s->first_us) * 1e-6;
    live_print_time((double)s->first_us * 1e-6, from);
    live_print_time((double)s->last_us * 1e-6, to);
    fprintf(out, "time      %s to %s, %.1f s\n", from, to, seconds);
    if (s->gaps)
        fprintf(out, "gaps      %llu, %.1f s\n", (unsigned long long)s->gaps,
                (double)s->gap_us * 1e-6);
    fprintf(out, "requests  %llu", (unsigned long long)s->requests);
    if (seconds > 0) fprintf(out, ", %.1f a second", (double)s->requests / seconds);
    fputc('\n', out);
}

static void print_share(const struct recording_sum *s, uint64_t lost, FILE *out)
{
    double least = 100 * (s->least_share / (double)UINT32_MAX);
    double most = 100 * (s->most_share / (double)UINT32_MAX);
    if (least < most)
        fprintf(out, "recorded  %.3g to %.3g %% of the keys", least, most);
    else
        fprintf(out, "recorded  %.3g %% of the keys", most);
    fprintf(out, ", %llu lost\n", (unsigned long long)lost);
}

static void print_found(const struct recording_sum *s, FILE *out)
{
    fprintf(out, "found     %llu hits, %llu misses: %.1f %%\n", (unsigned long long)s->hits,
            (unsigned long long)s->misses, percent(s->hits, s->hits + s->misses));
    if (s->several)
        fprintf(out, "gets      %llu keys of gets of several keys\n",
                (unsigned long long)s->several);
    if (s->noreply) fprintf(out, "noreply   %llu\n", (unsigned long long)s->noreply);
}

/* A bucket's limit may be above all that is in it. */
static void print_numbers(const char *name, const struct recording_numbers *n, const char *unit,
                          FILE *out)
{
    static const double parts[] = {0.5, 0.9, 0.99, 0.999};
    uint64_t count = latency_count(&n->all);
    if (count == 0) return;
    fprintf(out, "%-9s", name);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        fprintf(out, " p%g %.0f%s,", parts[i] * 100,
                fmin((double)n->most, latency_percentile(&n->all, parts[i]) * 1e6), unit);
    fprintf(out, " max %llu%s\n", (unsigned long long)n->most, unit);
}

static void print_more(const struct toplist *t, FILE *out)
{
    if (t->n > LINES) fprintf(out, "and %u more\n", t->n - LINES);
    if (t->others.requests)
        fprintf(out, "and %llu requests of others\n", (unsigned long long)t->others.requests);
}

static void print_list(const char *name, struct toplist *t, uint64_t requests, FILE *out)
{
    char text[4 * TOPLIST_NAME + 2];
    toplist_sort(t);
    if (t->n == 0) return;
    fprintf(out, "\n%-24s %12s %7s %7s %10s\n", name, "requests", "share", "hits", "errors");
    for (uint32_t i = 0; i < t->n && i < LINES; i++) {
        const struct toplist_row *row = &t->rows[i];
        utf8_show(text, sizeof text, row->name, row->len);
        fprintf(out, "%-24s %12llu %5.1f %% ", text, (unsigned long long)row->requests,
                percent(row->requests, requests));
        if (row->hits + row->misses)
            fprintf(out, "%5.1f %% ", percent(row->hits, row->hits + row->misses));
        else
            fprintf(out, "%7s ", "-");
        fprintf(out, "%10llu\n", (unsigned long long)row->errors);
    }
    print_more(t, out);
}

/* Names that are texts stand behind their numbers. */
static void print_texts(const char *name, struct toplist *t, uint64_t requests, FILE *out)
{
    char text[4 * TOPLIST_NAME + 2];
    toplist_sort(t);
    if (t->n == 0) return;
    fprintf(out, "\n%12s %7s  %s\n", "requests", "share", name);
    for (uint32_t i = 0; i < t->n && i < LINES; i++) {
        const struct toplist_row *row = &t->rows[i];
        utf8_show(text, sizeof text, row->name, row->len);
        fprintf(out, "%12llu %5.1f %%  %s\n", (unsigned long long)row->requests,
                percent(row->requests, requests), text);
    }
    print_more(t, out);
}

void recording_sum_print(struct recording_sum *s, uint64_t lost, FILE *out)
{
    if (s->requests == 0) {
        fprintf(out, "requests  0, %llu lost\n", (unsigned long long)lost);
        return;
    }
    print_span(s, out);
    print_share(s, lost, out);
    print_found(s, out);
    print_numbers("latency", &s->times, " us", out);
    print_numbers("values", &s->values, " B", out);
    print_numbers("hits", &s->answers, " B", out);
    print_list("command", &s->commands, s->requests, out);
    print_texts("result", &s->results, s->requests, out);
    print_list("prefix", &s->prefixes, s->requests, out);
    print_list("client (worker/number)", &s->clients, s->requests, out);
    print_texts("error", &s->texts, s->requests, out);
}
