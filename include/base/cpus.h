/* cpus: how many processors this process may use: those of its affinity, and the CPU quota of its cgroups.
 *
 * No state. cpus_count reads files below `root`; the functions before it are pure: text in, a value out. A quota is in
 * processors: 1.5 is 150 ms of processor time in each 100 ms. CPUS_NO_QUOTA: there is none.
 */
#ifndef MOONGATE_BASE_CPUS_H
#define MOONGATE_BASE_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPUS_NO_QUOTA 0.0

enum { CPUS_PATH_MAX = 4096 };

/* The two kinds of cgroup that limit processor time. */
enum cpus_version { CPUS_V1, CPUS_V2 };

/* The content of cpu.max: "150000 100000", "max 100000". */
double cpus_read_max(const char *text);

/* The contents of cpu.cfs_quota_us (-1: no quota) and cpu.cfs_period_us. */
double cpus_read_cfs(const char *quota, const char *period);

/* A line of /proc/self/cgroup. True if it names the group of that kind; then *path is where it begins in the line, and ends at
 * the line's end or at a newline. */
bool cpus_read_group(const char *line, enum cpus_version version, const char **path);

/* Where a hierarchy of cgroups is mounted. */
struct cpus_mount {
    char root[CPUS_PATH_MAX];  /* the group that is seen at `point` */
    char point[CPUS_PATH_MAX]; /* a folder */
};

/* A line of /proc/self/mountinfo. True if it mounts the hierarchy of that kind. */
bool cpus_read_mount(const char *line, enum cpus_version version, struct cpus_mount *mount);

/* The folder of the group `path` below the mount's point: "" for the point itself. NULL: the mount does not show this group. */
const char *cpus_below(const struct cpus_mount *mount, const char *path);

struct cpus {
    uint32_t n;   /* at least 1 */
    double quota; /* what made n smaller than the affinity, or CPUS_NO_QUOTA */
};

/* root: "" for the files of the system; a folder for a test. affinity: the processors that the process may run on. */
struct cpus cpus_count(const char *root, uint32_t affinity);

#endif
