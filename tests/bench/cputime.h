/* cputime: the CPU time that processes and all their descendants have used, from /proc.
 *
 * The sum comes from schedstat (nanoseconds). The kernel splits it into user and system by sampling clock ticks
 * (/proc/PID/stat, 10 ms), so only the split wants seconds of measuring. Plain values, owns nothing.
 */
#ifndef MOONGATE_BENCH_CPUTIME_H
#define MOONGATE_BENCH_CPUTIME_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CPUTIME_PROCESSES = 4096 };

struct cputime {
    uint64_t total_ns;
    uint64_t user_ticks, system_ticks;
};

struct process {
    long pid, parent;
    unsigned long user, system;
    bool counted;
};

static inline bool process_read(struct process *p, const char *pid)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return false;
    char *got = fgets(line, sizeof line, file);
    fclose(file);
    char *rest = got ? strrchr(line, ')') : NULL; /* the name before it may hold anything */
    if (!rest) return false;
    *p = (struct process){.pid = strtol(pid, NULL, 10)};
    return sscanf(rest, ") %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &p->parent,
                  &p->user, &p->system) == 3;
}

/* Every running process; returns how many. */
static inline size_t process_list(struct process *list, size_t max)
{
    size_t n = 0;
    DIR *proc = opendir("/proc");
    if (!proc) return 0;
    for (struct dirent *e; n < max && (e = readdir(proc));)
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && process_read(&list[n], e->d_name)) n++;
    closedir(proc);
    return n;
}

static inline uint64_t process_ns(long pid)
{
    char path[320];
    snprintf(path, sizeof path, "/proc/%ld/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks) return 0;
    uint64_t sum = 0;
    for (struct dirent *e; (e = readdir(tasks));) {
        if (e->d_name[0] == '.') continue;
        unsigned long long ns = 0;
        snprintf(path, sizeof path, "/proc/%ld/task/%.20s/schedstat", pid, e->d_name);
        FILE *file = fopen(path, "r");
        if (!file) continue;
        if (fscanf(file, "%llu", &ns) == 1) sum += ns;
        fclose(file);
    }
    closedir(tasks);
    return sum;
}

static inline bool process_is_below(const struct process *list, size_t n, long parent)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].counted && list[i].pid == parent) return true;
    return false;
}

static inline bool process_is_root(const long *roots, size_t n, long pid)
{
    for (size_t i = 0; i < n; i++)
        if (roots[i] == pid) return true;
    return false;
}

/* What these processes and all below them have used so far. list: of process_list. */
static inline struct cputime cputime_of(const long *roots, size_t n_roots, struct process *list,
                                        size_t n)
{
    struct cputime sum = {0};
    for (size_t i = 0; i < n; i++) list[i].counted = false;
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < n; i++) {
            struct process *p = &list[i];
            bool is_root = process_is_root(roots, n_roots, p->pid);
            if (p->counted || (!is_root && !process_is_below(list, n, p->parent))) continue;
            p->counted = more = true;
            sum.total_ns += process_ns(p->pid);
            sum.user_ticks += p->user;
            sum.system_ticks += p->system;
        }
    }
    return sum;
}

#endif
