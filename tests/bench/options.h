/* options: what load's command line says. A plain value, read once; its strings point into argv.
 *
 * A wrong option ends the program with status 2.
 */
#ifndef MOONGATE_BENCH_OPTIONS_H
#define MOONGATE_BENCH_OPTIONS_H

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS_MAX = 4, GROUP_PIDS_MAX = 256 };

/* Processes whose CPU time is reported together. */
struct group {
    char name[32]; /* "" is good: then the figures have no name before theirs */
    long pids[GROUP_PIDS_MAX];
    uint32_t n;
};

static struct {
    const char *address;
    const char *prefixes;
    uint32_t connections, depth, sets, value, keys, group;
    uint64_t seed;
    uint32_t check; /* of large values, one in so many is read */
    double seconds, warmup;
    double rate;        /* requests a second, in all; 0 = as many as go */
    double hot, absent; /* parts of the gets: for one key, for keys that nobody stored */
    bool only_sets, meta, tls, binary;
    int cpu; /* run on this processor; -1 = any */
    struct group groups[GROUPS_MAX];
    uint32_t n_groups;
} opt = {.prefixes = "user:,item:",
         .connections = 20,
         .depth = 1,
         .sets = 10,
         .value = 64,
         .keys = 10000,
         .group = 1,
         .seed = 1,
         .seconds = 3,
         .warmup = 0.5,
         .check = 4,
         .cpu = -1};

static void __attribute__((noreturn, format(printf, 2, 3))) die(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(code);
}

static const char usage[] =
    "usage: load [options] HOST:PORT | unix:/PATH\n"
    "  -c N      connections (20)            -d N      requests in flight on each (1)\n"
    "  -m N      sets per 100 gets (10)      -g N      keys per get (1)\n"
    "  -k N      keys (10000)                -v N      bytes of a value (64)\n"
    "  -p A,B    prefixes of keys (user:,item:)\n"
    "  -t S      seconds timed (3)           -w S      seconds before, not timed (0.5)\n"
    "  -r N      seed of the random choice (1)\n"
    "  -S        sets alone                  -M        in meta words: mg and ms\n"
    "  -B        in frames of the binary protocol; several keys are quiet gets and a noop\n"
    "  -H PART   of gets are for one key (0) -N PART   of gets are for keys not stored (0)\n"
    "  -O RATE   requests a second, whatever the peer does; latencies count from when each was "
    "due\n"
    "            (0: each reply lets the next request go)\n"
    "  -T        over TLS, with any certificate\n"
    "  -y N      of values over 64 KiB, one in N is read and compared whole (4)\n"
    "  -a N      run on processor N\n"
    "  -P [NAME=]PID[,PID]  report the CPU time of these processes and those below them; several\n";

static uint32_t number(const char *text, uint32_t least, uint32_t most)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (errno || *end || end == text || *text == '-' || v < least || v > most)
        die(2, "%s is not a number in %u..%u", text, least, most);
    return (uint32_t)v;
}

static double decimal(const char *text, double most)
{
    char *end;
    double v = strtod(text, &end);
    if (*end || end == text || !(v >= 0 && v <= most)) die(2, "%s is not in 0..%g", text, most);
    return v;
}

/* [NAME=]PID[,PID...] */
static void group_add(const char *text)
{
    if (opt.n_groups == GROUPS_MAX) die(2, "more than %d -P", GROUPS_MAX);
    struct group *g = &opt.groups[opt.n_groups++];
    const char *equals = strchr(text, '=');
    if (equals) snprintf(g->name, sizeof g->name, "%.*s_", (int)(equals - text), text);
    for (const char *p = equals ? equals + 1 : text; p;
         p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        char pid[16];
        snprintf(pid, sizeof pid, "%.*s", (int)strcspn(p, ","), p);
        if (g->n == GROUP_PIDS_MAX) die(2, "more than %d processes", GROUP_PIDS_MAX);
        g->pids[g->n++] = number(pid, 1, INT32_MAX);
    }
}

static void options_check(void)
{
    if (opt.meta && opt.group > 1) die(2, "-M and -g: a meta command has one key");
    if (opt.meta && opt.binary) die(2, "-M and -B: one or the other");
    if (opt.rate > 0 && opt.rate < 1) die(2, "-O: at least 1");
}

static void options_read(int argc, char **argv)
{
    for (int o; (o = getopt(argc, argv, "c:d:m:g:k:v:p:t:w:r:a:P:H:N:O:y:SMBTh")) != -1;) {
        switch (o) {
        case 'c': opt.connections = number(optarg, 1, 60000); break;
        case 'd': opt.depth = number(optarg, 1, 65536); break;
        case 'm': opt.sets = number(optarg, 0, 1000000); break;
        case 'g': opt.group = number(optarg, 1, 10000); break;
        case 'k': opt.keys = number(optarg, 1, 100000000); break;
        case 'v': opt.value = number(optarg, 0, 128u << 20); break;
        case 'p': opt.prefixes = optarg; break;
        case 't': opt.seconds = decimal(optarg, 86400); break;
        case 'w': opt.warmup = decimal(optarg, 86400); break;
        case 'r': opt.seed = number(optarg, 0, UINT32_MAX); break;
        case 'a': opt.cpu = (int)number(optarg, 0, CPU_SETSIZE - 1); break;
        case 'P': group_add(optarg); break;
        case 'H': opt.hot = decimal(optarg, 1); break;
        case 'N': opt.absent = decimal(optarg, 1); break;
        case 'O': opt.rate = decimal(optarg, 1e8); break;
        case 'y': opt.check = number(optarg, 1, 1000000); break;
        case 'S': opt.only_sets = true; break;
        case 'M': opt.meta = true; break;
        case 'B': opt.binary = true; break;
        case 'T': opt.tls = true; break;
        case 'h': fputs(usage, stdout); exit(0);
        default: fputs(usage, stderr); exit(2);
        }
    }
    if (optind != argc - 1) die(2, "one address is needed: host:port or unix:/path (-h: options)");
    opt.address = argv[optind];
    options_check();
}

#endif
