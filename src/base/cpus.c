/* The quota is found as the kernel documents it: /proc/self/cgroup names the group of the process in each hierarchy, and
 * /proc/self/mountinfo says where the hierarchies are mounted. A group is limited by its own quota and by that of every group around
 * it, so the smallest one counts, up to the mount's point. Groups above that are not seen from within a container; a container's own
 * limit is at its point.
 *
 * In a namespace the group is "/" and so is the mount's root. Without one, a container has a mount whose root is its group's
 * path on the host. A path may leave the namespace: "/../other". All of this is the same rule: the part of the group's path behind
 * the mount's root is looked for below the point.
 *
 * What cannot be read or understood limits nothing: a start with one worker too many is better than none.
 */
#include "base/cpus.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- numbers ---------------------------------------------------------------------------------- */

/* The number at *text, which a space or the end follows; *text is then behind both. */
static bool read_number(const char **text, double *number)
{
    size_t digits = strspn(*text, "0123456789");
    const char *end = *text + digits;
    if (digits == 0 || digits > 15) return false;
    if (*end != '\0' && *end != ' ' && *end != '\n') return false;
    *number = strtod(*text, NULL);
    *text = end + (*end != '\0');
    return true;
}

static double quota_of(double quota, double period)
{
    return quota > 0 && period > 0 ? quota / period : CPUS_NO_QUOTA;
}

double cpus_read_max(const char *text)
{
    double quota, period;
    if (!read_number(&text, &quota) || !read_number(&text, &period)) return CPUS_NO_QUOTA;
    return quota_of(quota, period);
}

double cpus_read_cfs(const char *quota_text, const char *period_text)
{
    double quota, period;
    if (!read_number(&quota_text, &quota) || !read_number(&period_text, &period))
        return CPUS_NO_QUOTA;
    return quota_of(quota, period);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* One of the words of a list with commas between them, which ends at a space, at a colon or at the line's end. */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list;; at++) {
        size_t n = strcspn(at, ",: \n");
        if (n == len && strncmp(at, word, n) == 0) return true;
        at += n;
        if (*at != ',') return false;
    }
}

/* "0::/path" is version 2, "4:cpu,cpuacct:/path" is version 1. */
bool cpus_read_group(const char *line, enum cpus_version version, const char **path)
{
    const char *list = strchr(line, ':');
    const char *end = list ? strchr(list + 1, ':') : NULL;
    if (!end || end[1] != '/') return false;
    if (version == CPUS_V2 && (strncmp(line, "0::", 3) != 0)) return false;
    if (version == CPUS_V1 && !has_word(list + 1, "cpu")) return false;
    *path = end + 1;
    return true;
}

/* The kernel writes a space, a tab, a newline and a backslash in a path as \040: three octal digits. */
static bool copy_path(const char *text, size_t len, char to[CPUS_PATH_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++, n++) {
        if (n + 1 >= CPUS_PATH_MAX) return false;
        const char *c = text + i;
        bool escaped = *c == '\\' && len - i > 3 && strspn(c + 1, "01234567") >= 3;
        to[n] = escaped ? (char)((c[1] - '0') * 64 + (c[2] - '0') * 8 + c[3] - '0') : *c;
        if (escaped) i += 3;
    }
    to[n] = '\0';
    return n > 0 && to[0] == '/';
}

/* The next word of a line: its length; *at is where it begins. */
static size_t next_word(const char **at)
{
    *at += strcspn(*at, " \n");
    *at += strspn(*at, " ");
    return strcspn(*at, " \n");
}

/* 36 35 98:0 /root /point rw,noatime master:1 - cgroup cgroup rw,cpu,cpuacct */
bool cpus_read_mount(const char *line, enum cpus_version version, struct cpus_mount *mount)
{
    const char *at = line, *kind = strstr(line, " - ");
    if (!kind) return false;
    kind += 3;
    size_t len = strcspn(kind, " \n");
    const char *wanted = version == CPUS_V2 ? "cgroup2" : "cgroup";
    if (len != strlen(wanted) || strncmp(kind, wanted, len) != 0) return false;
    next_word(&kind); /* the source */
    next_word(&kind);
    if (version == CPUS_V1 && !has_word(kind, "cpu")) return false;
    next_word(&at);
    next_word(&at);
    len = next_word(&at);
    if (!copy_path(at, len, mount->root)) return false;
    len = next_word(&at);
    return copy_path(at, len, mount->point);
}

/* Nothing but "/..": a group around the namespace, and so around every group in it. */
static bool is_around(const char *root)
{
    while (strncmp(root, "/..", 3) == 0) root += 3;
    return *root == '\0';
}

static bool goes_up(const char *path)
{
    for (const char *at = path; (at = strstr(at, "/..")); at += 3)
        if (at[3] == '/' || at[3] == '\0') return true;
    return false;
}

const char *cpus_below(const struct cpus_mount *mount, const char *path)
{
    size_t len = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
    if (strncmp(path, mount->root, len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return is_around(mount->root) && !goes_up(path) ? "" : NULL;
    const char *rest = path + len;
    if (goes_up(rest)) return NULL;
    return strcmp(rest, "/") == 0 ? "" : rest;
}

/* --- files ------------------------------------------------------------------------------------ */

static double least(double a, double b)
{
    if (a <= CPUS_NO_QUOTA) return b;
    return b <= CPUS_NO_QUOTA || a < b ? a : b;
}

/* The first line of a file in `folder`; "" if there is none. */
static const char *first_line(const char *folder, const char *name, char *line, size_t size)
{
    char path[2 * CPUS_PATH_MAX + 64];
    line[0] = '\0';
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file) return line;
    if (!fgets(line, (int)size, file)) line[0] = '\0';
    fclose(file);
    return line;
}

static double quota_in(const char *folder, enum cpus_version version)
{
    char quota[64], period[64];
    if (version == CPUS_V2)
        return cpus_read_max(first_line(folder, "cpu.max", quota, sizeof quota));
    return cpus_read_cfs(first_line(folder, "cpu.cfs_quota_us", quota, sizeof quota),
                         first_line(folder, "cpu.cfs_period_us", period, sizeof period));
}

/* The smallest quota of the group and of those around it, up to the mount's point. */
static double quota_of_group(const char *root, const struct cpus_mount *mount, const char *group,
                             enum cpus_version version)
{
    char folder[2 * CPUS_PATH_MAX];
    const char *below = cpus_below(mount, group);
    double quota = CPUS_NO_QUOTA;
    if (!below) return quota;
    int top = snprintf(folder, sizeof folder, "%s%s", root, mount->point);
    int len = snprintf(folder, sizeof folder, "%s%s%s", root, mount->point, below);
    if (top < 0 || len < top || (size_t)len >= sizeof folder) return quota;
    for (;;) {
        quota = least(quota, quota_in(folder, version));
        if (len <= top) return quota;
        while (len > top && folder[len - 1] != '/') len--;
        if (len > top) len--;
        folder[len] = '\0';
    }
}

static FILE *open_below(const char *root, const char *path)
{
    char name[CPUS_PATH_MAX + 64];
    snprintf(name, sizeof name, "%s%s", root, path);
    return fopen(name, "re");
}

/* A group may be seen at several mounts: some show less of what is around it. */
static double quota_at_mounts(const char *root, const char *group, enum cpus_version version)
{
    struct cpus_mount mount;
    FILE *mounts = open_below(root, "/proc/self/mountinfo");
    double quota = CPUS_NO_QUOTA;
    char *line = NULL;
    size_t size = 0;
    if (!mounts) return quota;
    while (getline(&line, &size, mounts) > 0)
        if (cpus_read_mount(line, version, &mount))
            quota = least(quota, quota_of_group(root, &mount, group, version));
    free(line);
    fclose(mounts);
    return quota;
}

static double quota_of_process(const char *root, enum cpus_version version)
{
    FILE *groups = open_below(root, "/proc/self/cgroup");
    double quota = CPUS_NO_QUOTA;
    const char *path;
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    if (!groups) return quota;
    while ((n = getline(&line, &size, groups)) > 0) {
        if (line[n - 1] == '\n') line[n - 1] = '\0';
        if (cpus_read_group(line, version, &path))
            quota = least(quota, quota_at_mounts(root, path, version));
    }
    free(line);
    fclose(groups);
    return quota;
}

struct cpus cpus_count(const char *root, uint32_t affinity)
{
    assert(affinity > 0);
    double quota = least(quota_of_process(root, CPUS_V2), quota_of_process(root, CPUS_V1));
    if (quota <= CPUS_NO_QUOTA || quota > affinity - 1)
        return (struct cpus){affinity, CPUS_NO_QUOTA};
    uint32_t n = (uint32_t)quota;
    return (struct cpus){n < quota ? n + 1 : n, quota};
}
