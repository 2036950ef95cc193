/* The machine's memory is MemTotal of /proc/meminfo. In a container that shows the host's, so the limits of the process's group count, too,
 * and those of every group around it: memory.max of cgroup version 2. */
#include "base/machine.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"

enum { PATH_MOST = 2 * CPUS_PATH_MAX + 64 };

static FILE *open_below(const char *root, const char *path)
{
    char name[PATH_MOST];
    snprintf(name, sizeof name, "%s%s", root, path);
    return fopen(name, "re");
}

static uint64_t total_of(const char *root)
{
    char line[256];
    unsigned long long kib = 0;
    FILE *file = open_below(root, "/proc/meminfo");
    if (!file) return 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "MemTotal: %llu kB", &kib) == 1) break;
    fclose(file);
    return (uint64_t)kib * 1024;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* 0: no limit; the file says "max", or is not there. */
static uint64_t limit_in(const char *folder)
{
    char name[PATH_MOST + 16], line[64] = "";
    snprintf(name, sizeof name, "%s/memory.max", folder);
    FILE *file = fopen(name, "re");
    if (!file) return 0;
    if (!fgets(line, sizeof line, file)) line[0] = '\0';
    fclose(file);
    return strtoull(line, NULL, 10);
}

/* The least limit of the group and of those around it, up to the mount's point. */
static uint64_t limit_of_group(const char *root, const struct cpus_mount *mount, const char *group)
{
    char folder[PATH_MOST];
    const char *below = cpus_below(mount, group);
    uint64_t limit = 0;
    if (!below) return 0;
    int top = snprintf(folder, sizeof folder, "%s%s", root, mount->point);
    int len = snprintf(folder, sizeof folder, "%s%s%s", root, mount->point, below);
    if (top < 0 || len < top || (size_t)len >= sizeof folder) return 0;
    for (;;) {
        limit = lesser(limit, limit_in(folder));
        if (len <= top) return limit;
        while (len > top && folder[len - 1] != '/') len--;
        if (len > top) len--;
        folder[len] = '\0';
    }
}

static uint64_t limit_at_mounts(const char *root, const char *group)
{
    static struct cpus_mount mount;
    FILE *mounts = open_below(root, "/proc/self/mountinfo");
    uint64_t limit = 0;
    char *line = NULL;
    size_t size = 0;
    if (!mounts) return 0;
    while (getline(&line, &size, mounts) > 0)
        if (cpus_read_mount(line, CPUS_V2, &mount))
            limit = lesser(limit, limit_of_group(root, &mount, group));
    free(line);
    fclose(mounts);
    return limit;
}

static uint64_t limit_of_process(const char *root)
{
    FILE *groups = open_below(root, "/proc/self/cgroup");
    uint64_t limit = 0;
    const char *path;
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    if (!groups) return 0;
    while ((n = getline(&line, &size, groups)) > 0) {
        if (line[n - 1] == '\n') line[n - 1] = '\0';
        if (cpus_read_group(line, CPUS_V2, &path))
            limit = lesser(limit, limit_at_mounts(root, path));
    }
    free(line);
    fclose(groups);
    return limit;
}

uint64_t machine_memory(const char *root)
{
    return lesser(total_of(root), limit_of_process(root));
}
