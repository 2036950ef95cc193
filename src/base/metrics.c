/* The script's metrics, by the rules of the board (see board.c): one writer, plain stores, names that appear whole. A metric is
 * found by its name, not its number, when parts are added up: two workers may have made theirs in another order. */
#include "base/metrics.h"

#include <assert.h>
#include <string.h>

/* Scripts of all workers make the same metrics in the same order nearly always, so the number of one worker is tried first. */
int metrics_find(const struct metrics *m, enum metric_kind kind, const char *name, uint32_t likely)
{
    assert(likely < METRICS);
    if (strcmp(m->names[kind][likely], name) == 0) return (int)likely;
    for (int i = 0; i < METRICS && m->names[kind][i][0]; i++)
        if (strcmp(m->names[kind][i], name) == 0) return i;
    return -1;
}

/* The message for a name that a metric of another kind has; NULL when none has it. */
static const char *name_is_taken(const struct metrics *m, enum metric_kind kind, const char *name)
{
    static const char *const taken[] = {
#define X(kind, member, word) "there is a " word " of that name",
        METRIC_KINDS(X)
#undef X
    };
    for (int other = 0; other < METRIC_KIND_COUNT; other++)
        if (other != (int)kind && metrics_find(m, (enum metric_kind)other, name, 0) >= 0)
            return taken[other];
    return NULL;
}

/* Other bounds would make the counts of before and after incomparable. */
static bool bounds_are(const struct metric_histogram *h, const double *bounds, uint32_t n)
{
    return h->bounds_n == n && memcmp(h->bounds, bounds, n * sizeof *bounds) == 0;
}

/* Other processes read the name once its first byte is there, so that byte is stored last. */
static void publish(char *to, const char *name)
{
    memcpy(to + 1, name + 1, strlen(name));
    __atomic_store_n(to, name[0], __ATOMIC_RELEASE);
}

/* Looks for the name first: a reload opens the metrics of the script before it, and goes on with their counts. */
int metrics_open(struct metrics *m, enum metric_kind kind, const char *name, const double *bounds,
                 uint32_t bounds_n, const char **wrong)
{
    assert(name[0] && strlen(name) < METRIC_NAME && bounds_n <= METRIC_BOUNDS);
    int number = metrics_find(m, kind, name, 0);
    if (number >= 0) {
        bool same =
            kind != METRIC_HISTOGRAM || bounds_are(&m->histograms[number], bounds, bounds_n);
        *wrong = same ? NULL : "it has other bounds already, which it keeps until a restart";
        return same ? number : -1;
    }
    *wrong = name_is_taken(m, kind, name);
    if (*wrong) return -1;
    for (number = 0; number < METRICS && m->names[kind][number][0];) number++;
    if (number == METRICS) {
        *wrong = "there are 256 already, those of earlier scripts included";
        return -1;
    }
    if (kind == METRIC_HISTOGRAM) {
        m->histograms[number].bounds_n = bounds_n;
        memcpy(m->histograms[number].bounds, bounds, bounds_n * sizeof *bounds);
    }
    publish(m->names[kind][number], name);
    return number;
}

/* A binary search for the first bound that is not below the value. */
void metric_observe(struct metric_histogram *h, double value)
{
    assert(h->bounds_n <= METRIC_BOUNDS);
    uint32_t low = 0, high = h->bounds_n;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (value <= h->bounds[middle])
            high = middle;
        else
            low = middle + 1;
    }
    h->counts[low]++;
    h->sum += value;
}

/* The worker that owns h may be storing meanwhile, so each number is loaded whole. */
void metric_histogram_add(struct metric_histogram *sum, const struct metric_histogram *h)
{
    double more;
    for (uint32_t i = 0; i <= sum->bounds_n; i++)
        sum->counts[i] += __atomic_load_n(&h->counts[i], __ATOMIC_RELAXED);
    __atomic_load(&h->sum, &more, __ATOMIC_RELAXED);
    sum->sum += more;
}

void metrics_clear_gauges(struct metrics *m)
{
    for (int i = 0; i < METRICS && m->names[METRIC_GAUGE][i][0]; i++) m->gauges[i].value = 0;
}
