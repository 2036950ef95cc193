/* histogram: durations in nanoseconds, counted in log-linear cells (each within 1.6 % of what it counts).
 *
 * A plain value: all zero bytes is empty. Every power of two is cut into SUBCELLS equal cells.
 */
#ifndef MOONGATE_BENCH_HISTOGRAM_H
#define MOONGATE_BENCH_HISTOGRAM_H

#include <stdint.h>

enum { SUBCELL_BITS = 6, SUBCELLS = 1 << SUBCELL_BITS, OCTAVES = 40 };

struct histogram {
    uint64_t n;
    uint64_t max;
    uint64_t cells[OCTAVES * SUBCELLS];
};

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
    uint64_t limit = (uint64_t)1 << OCTAVES;
    uint64_t v = ns < SUBCELLS ? SUBCELLS : ns < limit ? ns : limit - 1;
    int octave = 63 - __builtin_clzll(v) - SUBCELL_BITS;
    h->cells[octave * SUBCELLS + (int)((v >> octave) - SUBCELLS)]++;
    h->n++;
    if (ns > h->max) h->max = ns;
}

/* The duration in microseconds that `part` (0..1) of all do not exceed. */
static inline double histogram_us(const struct histogram *h, double part)
{
    uint64_t seen = 0;
    for (int i = 0; i < OCTAVES * SUBCELLS; i++) {
        seen += h->cells[i];
        if (seen && (double)seen >= part * (double)h->n) {
            int octave = i / SUBCELLS;
            uint64_t upper = (uint64_t)(i % SUBCELLS + SUBCELLS + 1) << octave;
            return (double)(upper < h->max ? upper : h->max) / 1e3;
        }
    }
    return 0;
}

#endif
