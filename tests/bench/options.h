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
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    const char *address;
    const char *prefixes;
    uint32_t connections, depth, sets, value, keys, group;
    uint64_t seed;
    double seconds, warmup;
    int cpu;    /* run on this processor; -1 = any */
    long proxy; /* measure the CPU time of this process and those below it; 0 = none */
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
    "  -a N      run on processor N          -P PID    report the CPU time of PID and those below "
    "it\n";

static uint32_t number(const char *text, uint32_t least, uint32_t most)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (errno || *end || end == text || *text == '-' || v < least || v > most)
        die(2, "%s is not a number in %u..%u", text, least, most);
    return (uint32_t)v;
}

static double seconds(const char *text)
{
    char *end;
    double v = strtod(text, &end);
    if (*end || end == text || !(v >= 0 && v <= 86400)) die(2, "%s is not in 0..86400 s", text);
    return v;
}

static void options_read(int argc, char **argv)
{
    for (int o; (o = getopt(argc, argv, "c:d:m:g:k:v:p:t:w:r:a:P:h")) != -1;) {
        switch (o) {
        case 'c': opt.connections = number(optarg, 1, 60000); break;
        case 'd': opt.depth = number(optarg, 1, 65536); break;
        case 'm': opt.sets = number(optarg, 0, 1000000); break;
        case 'g': opt.group = number(optarg, 1, 10000); break;
        case 'k': opt.keys = number(optarg, 1, 100000000); break;
        case 'v': opt.value = number(optarg, 0, 128u << 20); break;
        case 'p': opt.prefixes = optarg; break;
        case 't': opt.seconds = seconds(optarg); break;
        case 'w': opt.warmup = seconds(optarg); break;
        case 'r': opt.seed = number(optarg, 0, UINT32_MAX); break;
        case 'a': opt.cpu = (int)number(optarg, 0, CPU_SETSIZE - 1); break;
        case 'P': opt.proxy = number(optarg, 1, INT32_MAX); break;
        case 'h': fputs(usage, stdout); exit(0);
        default: fputs(usage, stderr); exit(2);
        }
    }
    if (optind != argc - 1) die(2, "one address is needed: host:port or unix:/path (-h: options)");
    opt.address = argv[optind];
}

#endif
