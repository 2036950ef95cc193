/* select: what it costs to find a key's server, in ns a key, for each distribution: the best of many rounds, since the machine is
 * shared. Keys are many enough to reach every part of a ring. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "placement/selector.h"

enum { KEYS = 100000, ROUND = 10000, ROUNDS_MIN = 10, SERVERS_MAX = 1000, WANTED_NS = 60 };
static const double budget = 0.25; /* seconds a measurement */
static const uint32_t sizes[] = {2, 10, 100, SERVERS_MAX};
enum { SIZES = sizeof sizes / sizeof *sizes };

static const struct row {
    const char *name;
    enum distribution distribution;
    double weight;
} rows[] = {
#define X(name, text, meaning) {#text, DISTRIBUTION_##name, 1},
    DISTRIBUTIONS(X)
#undef X
        {"rendezvous, weights", DISTRIBUTION_RENDEZVOUS, 2},
    {"weighted_ch3, 0.5", DISTRIBUTION_WEIGHTED_CH3, 0.5},
};

static struct key {
    char text[27];
    uint8_t len;
} keys[KEYS];

static volatile uint32_t sink;

/* Of this process alone: what others use of the processor is not counted. */
static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double round_ns(const struct selector *s, uint32_t from)
{
    uint32_t all = 0;
    double start = seconds_now();
    for (uint32_t i = from; i < from + ROUND; i++)
        all += selector_pick(s, keys[i].text, keys[i].len).server;
    sink = all;
    return (seconds_now() - start) * 1e9 / ROUND;
}

static double measure(const struct row *row, const struct selector_server *servers, uint32_t n)
{
    struct selector s;
    double best = 1e9, end = seconds_now() + budget;
    selector_init(&s, &(struct selector_settings){.distribution = row->distribution}, servers, n);
    for (uint32_t i = 0; i < ROUNDS_MIN || seconds_now() < end; i++) {
        double ns = round_ns(&s, i * ROUND % KEYS);
        if (ns < best) best = ns;
    }
    selector_release(&s);
    return best;
}

/* 6 to 21 bytes. */
static void name_keys(void)
{
    static const char *const prefixes[] = {"user:", "session:profile:", "item:"};
    for (uint32_t i = 0; i < KEYS; i++)
        keys[i].len =
            (uint8_t)snprintf(keys[i].text, sizeof keys[i].text, "%s%u", prefixes[i % 3], i);
}

/* Servers of a weight, under addresses as they are. */
static void name_servers(struct selector_server *servers, double weight)
{
    static char names[SERVERS_MAX][24];
    for (uint32_t i = 0; i < SERVERS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "10.0.%u.%u:11212", i / 250, i % 250 + 1);
        servers[i] = (struct selector_server){names[i], weight};
    }
}

int main(void)
{
    static struct selector_server servers[SERVERS_MAX];
    double ring = 0;
    name_keys();
    printf("ns to find a key's server, hash xxh3; servers:\n%-20s", "");
    for (unsigned k = 0; k < SIZES; k++) printf(" %9u", sizes[k]);
    putchar('\n');
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        name_servers(servers, rows[i].weight);
        printf("%-20s", rows[i].name);
        for (unsigned k = 0; k < SIZES; k++) {
            double ns = measure(&rows[i], servers, sizes[k]);
            printf(" %9.1f", ns);
            if (rows[i].distribution == DISTRIBUTION_KETAMA) ring = ns;
        }
        putchar('\n');
    }
    printf("ketama, %d servers: %.1f ns a key, wanted at most %d: %s\n", SERVERS_MAX, ring,
           WANTED_NS, ring <= WANTED_NS ? "met" : "MISSED");
    return 0;
}
