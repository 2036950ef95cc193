/* cpus: processors by affinity and by the CPU quota of cgroups, over the files of real systems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpus.h"
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- lines ------------------------------------------------------------------------------------ */

static void cpu_max_is_a_quota_and_a_period(void **state)
{
    static const struct {
        const char *text;
        double quota;
    } rows[] = {
        {"max 100000\n", 0},
        {"150000 100000\n", 1.5},
        {"100000 100000\n", 1},
        {"1000 100000\n", 0.01},
        {"250000 50000", 5},
        {"", 0},
        {"\n", 0},
        {"max", 0},
        {"150000", 0},
        {"150000 \n", 0},
        {"150000 0\n", 0},
        {"0 100000\n", 0},
        {"-1 100000\n", 0},
        {"1.5 100000\n", 0},
        {"0x10 100000\n", 0},
        {"150000 100000ms\n", 0},
        {"99999999999999999999999999 100000\n", 0},
        {"maximum 100000\n", 0},
        {" 150000 100000\n", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cpus_read_max(rows[i].text) != rows[i].quota)
            fail_msg("\"%s\": %g", rows[i].text, cpus_read_max(rows[i].text));
}

static void the_files_of_version_1_are_read_too(void **state)
{
    assert_true(cpus_read_cfs("250000\n", "100000\n") == 2.5);
    assert_true(cpus_read_cfs("-1\n", "100000\n") == CPUS_NO_QUOTA);
    assert_true(cpus_read_cfs("250000\n", "") == CPUS_NO_QUOTA);
    assert_true(cpus_read_cfs("", "100000\n") == CPUS_NO_QUOTA);
    assert_true(cpus_read_cfs("250000\n", "0\n") == CPUS_NO_QUOTA);
}

static void a_group_is_found_in_its_hierarchy(void **state)
{
    static const struct {
        const char *line;
        enum cpus_version version;
        const char *path; /* NULL: another hierarchy, or no line at all */
    } rows[] = {
        {"0::/user.slice/user-1000.slice/session-2.scope", CPUS_V2,
         "/user.slice/user-1000.slice/session-2.scope"},
        {"0::/", CPUS_V2, "/"},
        {"0::/../other", CPUS_V2, "/../other"},
        {"0::/a:b", CPUS_V2, "/a:b"},
        {"0::/x", CPUS_V1, NULL},
        {"0::/cpu", CPUS_V1, NULL},
        {"4:cpu,cpuacct:/docker/abc", CPUS_V1, "/docker/abc"},
        {"4:cpuacct,cpu:/docker/abc", CPUS_V1, "/docker/abc"},
        {"1:cpu:/", CPUS_V1, "/"},
        {"10:cpu:/", CPUS_V2, NULL},
        {"3:cpuset:/x", CPUS_V1, NULL},
        {"2:cpuacct:/x", CPUS_V1, NULL},
        {"1:name=cpu:/x", CPUS_V1, NULL},
        {"4:cpu,cpuacct:", CPUS_V1, NULL},
        {"4:cpu", CPUS_V1, NULL},
        {"", CPUS_V1, NULL},
        {"", CPUS_V2, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *path = NULL;
        assert_int_equal(cpus_read_group(rows[i].line, rows[i].version, &path), !!rows[i].path);
        if (rows[i].path) assert_string_equal(path, rows[i].path);
    }
}

static void a_mount_has_a_root_and_a_point(void **state)
{
    static const struct {
        const char *line;
        enum cpus_version version;
        const char *root, *point; /* NULL: it mounts something else */
    } rows[] = {
        {"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
         CPUS_V2, "/", "/sys/fs/cgroup"},
        {"32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n", CPUS_V1, "/",
         "/sys/fs/cgroup/cpu"},
        {"35 25 0:31 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:15 - cgroup cgroup "
         "rw,cpu,cpuacct\n",
         CPUS_V1, "/docker/abc", "/sys/fs/cgroup/cpu,cpuacct"},
        {"41 31 0:38 / /a\\040folder\\134x rw a:1 b:2 c:3 - cgroup2 none rw", CPUS_V2, "/",
         "/a folder\\x"},
        {"41 31 0:38 /.. /sys/fs/cgroup rw - cgroup2 none rw", CPUS_V2, "/..", "/sys/fs/cgroup"},
        {"33 31 0:30 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n", CPUS_V1, NULL,
         NULL},
        {"34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n", CPUS_V1, NULL, NULL},
        {"32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n", CPUS_V2, NULL,
         NULL},
        {"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", CPUS_V1, NULL, NULL},
        {"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n", CPUS_V2, NULL,
         NULL},
        {"30 23 0:26 / - cgroup2 cgroup2 rw\n", CPUS_V2, NULL, NULL},
        {"cgroup2", CPUS_V2, NULL, NULL},
        {" - cgroup2", CPUS_V2, NULL, NULL},
        {"", CPUS_V2, NULL, NULL},
    };
    struct cpus_mount mount;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool is = cpus_read_mount(rows[i].line, rows[i].version, &mount);
        if (is != !!rows[i].root) fail_msg("%s", rows[i].line);
        if (!rows[i].root) continue;
        assert_string_equal(mount.root, rows[i].root);
        assert_string_equal(mount.point, rows[i].point);
    }
}

static void a_path_that_is_too_long_is_no_mount(void **state)
{
    static char line[3 * CPUS_PATH_MAX], path[CPUS_PATH_MAX + 1];
    struct cpus_mount mount;
    memset(path, 'x', CPUS_PATH_MAX);
    path[0] = '/';
    snprintf(line, sizeof line, "30 23 0:26 / %s rw - cgroup2 cgroup2 rw\n", path);
    assert_false(cpus_read_mount(line, CPUS_V2, &mount));
    path[CPUS_PATH_MAX - 1] = '\0';
    snprintf(line, sizeof line, "30 23 0:26 / %s rw - cgroup2 cgroup2 rw\n", path);
    assert_true(cpus_read_mount(line, CPUS_V2, &mount));
}

static void a_group_is_below_the_root_of_its_mount(void **state)
{
    static const struct {
        const char *root, *path, *below; /* NULL: not shown by this mount */
    } rows[] = {
        {"/", "/", ""},
        {"/", "/a/b", "/a/b"},
        {"/docker/abc", "/docker/abc", ""},
        {"/docker/abc", "/docker/abc/inner", "/inner"},
        {"/docker/abc", "/docker/abcd", NULL},
        {"/docker/abc", "/docker", NULL},
        {"/docker/abc", "/", NULL},
        {"/", "/../other", NULL},
        {"/", "/a/..", NULL},
        {"/", "/a/..b", "/a/..b"},
        {"/..", "/", ""},
        {"/../..", "/a", ""},
        {"/..", "/../other", "/other"},
        {"/../x", "/", NULL},
        {"/..", "/..", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cpus_mount mount = {.point = "/m"};
        snprintf(mount.root, sizeof mount.root, "%s", rows[i].root);
        const char *below = cpus_below(&mount, rows[i].path);
        if (!below != !rows[i].below || (below && strcmp(below, rows[i].below) != 0))
            fail_msg("%s at %s: %s", rows[i].path, rows[i].root, below ? below : "(none)");
    }
}

/* --- trees ------------------------------------------------------------------------------------ */

static char tree[64];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static int tree_begins(void **state)
{
    snprintf(tree, sizeof tree, "/tmp/moongate-cpus-XXXXXX");
    return mkdtemp(tree) ? 0 : -1;
}

static int tree_ends(void **state)
{
    return nftw(tree, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Makes the folders of the path, too. */
static void tree_has(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s%s", tree, name);
    for (char *at = path + strlen(tree) + 1; (at = strchr(at, '/')); *at++ = '/') {
        *at = '\0';
        mkdir(path, 0755);
    }
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void tree_gives(uint32_t affinity, uint32_t n, double quota)
{
    struct cpus cpus = cpus_count(tree, affinity);
    if (cpus.n != n || cpus.quota != quota)
        fail_msg("%u with %g, not %u with %g", cpus.n, cpus.quota, n, quota);
}

static void without_files_the_affinity_decides(void **state)
{
    tree_gives(8, 8, CPUS_NO_QUOTA);
    tree_has("/proc/self/cgroup", "0::/service\n");
    tree_gives(8, 8, CPUS_NO_QUOTA);
    tree_has("/proc/self/mountinfo",
             "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n");
    tree_gives(8, 8, CPUS_NO_QUOTA); /* no folder of that name */
}

/* A service of systemd with CPUQuota=, in a slice with another. */
static void the_smallest_quota_of_the_group_and_those_around_it_counts(void **state)
{
    tree_has("/proc/self/cgroup", "0::/system.slice/shop.slice/moongate.service\n");
    tree_has("/proc/self/mountinfo",
             "25 30 0:23 / /proc rw - proc proc rw\n"
             "35 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
             "36 25 0:27 / /sys/fs/bpf rw - bpf bpf rw\n");
    tree_has("/sys/fs/cgroup/system.slice/shop.slice/moongate.service/cpu.max", "max 100000\n");
    tree_gives(8, 8, CPUS_NO_QUOTA);
    tree_has("/sys/fs/cgroup/system.slice/shop.slice/cpu.max", "350000 100000\n");
    tree_gives(8, 4, 3.5);
    tree_has("/sys/fs/cgroup/system.slice/cpu.max", "200000 100000\n");
    tree_gives(8, 2, 2);
    tree_has("/sys/fs/cgroup/system.slice/shop.slice/moongate.service/cpu.max", "10000 100000\n");
    tree_gives(8, 1, 0.1);
    tree_has("/sys/fs/cgroup/system.slice/shop.slice/other.service/cpu.max", "1000 100000\n");
    tree_gives(8, 1, 0.1); /* a neighbour's */
}

/* Docker and Kubernetes with version 2: a namespace, in which the container's group is the root. */
static void in_a_namespace_the_quota_is_at_the_point(void **state)
{
    tree_has("/proc/self/cgroup", "0::/\n");
    tree_has("/proc/self/mountinfo",
             "1024 1018 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup "
             "rw,nsdelegate,memory_recursiveprot\n");
    tree_has("/sys/fs/cgroup/cpu.max", "150000 100000\n");
    tree_gives(64, 2, 1.5);
    tree_gives(2, 2, CPUS_NO_QUOTA); /* the affinity says the same */
    tree_gives(1, 1, CPUS_NO_QUOTA);
    tree_has("/sys/fs/cgroup/cpu.max", "400000 100000\n");
    tree_gives(4, 4, CPUS_NO_QUOTA);
    tree_gives(5, 4, 4);
}

/* Docker with version 1 and no namespace: the mount's root is the group's path on the host. */
static void version_1_in_a_container_has_its_quota_at_the_point(void **state)
{
    tree_has("/proc/self/cgroup", "11:cpuset:/docker/0123abcd\n"
                                  "4:cpu,cpuacct:/docker/0123abcd\n"
                                  "1:name=systemd:/docker/0123abcd\n");
    tree_has("/proc/self/mountinfo",
             "610 606 0:24 /docker/0123abcd /sys/fs/cgroup/cpuset ro - cgroup cgroup rw,cpuset\n"
             "614 606 0:31 /docker/0123abcd /sys/fs/cgroup/cpu,cpuacct ro,nosuid,nodev,noexec,"
             "relatime master:14 - cgroup cgroup rw,cpu,cpuacct\n");
    tree_has("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    tree_has("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    tree_has("/sys/fs/cgroup/cpuset/cpu.cfs_quota_us", "1000\n"); /* not where a quota is */
    tree_gives(8, 8, CPUS_NO_QUOTA);
    tree_has("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
    tree_gives(8, 3, 2.5);
}

/* systemd's hybrid: version 1 limits, version 2 only names the services. */
static void in_a_hybrid_both_are_asked(void **state)
{
    tree_has("/proc/self/cgroup", "4:cpu,cpuacct:/system.slice/moongate.service\n"
                                  "1:name=systemd:/system.slice/moongate.service\n"
                                  "0::/system.slice/moongate.service\n");
    tree_has("/proc/self/mountinfo",
             "31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
             "32 31 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
             "33 31 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
             "34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
    tree_has("/sys/fs/cgroup/unified/system.slice/moongate.service/cgroup.procs", "1\n");
    tree_has("/sys/fs/cgroup/cpu,cpuacct/system.slice/moongate.service/cpu.cfs_quota_us",
             "120000\n");
    tree_has("/sys/fs/cgroup/cpu,cpuacct/system.slice/moongate.service/cpu.cfs_period_us",
             "100000\n");
    tree_gives(8, 2, 1.2);
    tree_has("/sys/fs/cgroup/unified/system.slice/moongate.service/cpu.max", "90000 100000\n");
    tree_gives(8, 1, 0.9);
}

static void files_that_make_no_sense_limit_nothing(void **state)
{
    tree_has("/proc/self/cgroup", "\n::::\n0::\n0::/../elsewhere\n0::x\n");
    tree_has("/proc/self/mountinfo",
             "\n - - -\n30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    tree_has("/sys/fs/cgroup/cpu.max", "50000 100000\n");
    tree_gives(8, 8, CPUS_NO_QUOTA);
    tree_has("/proc/self/cgroup", "0::/\n");
    tree_has("/sys/fs/cgroup/cpu.max", "what is this\n");
    tree_gives(8, 8, CPUS_NO_QUOTA);
    tree_has("/sys/fs/cgroup/cpu.max", "50000 100000\n");
    tree_gives(8, 1, 0.5);
}

#define tree_test(f) cmocka_unit_test_setup_teardown(f, tree_begins, tree_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_max_is_a_quota_and_a_period),
        cmocka_unit_test(the_files_of_version_1_are_read_too),
        cmocka_unit_test(a_group_is_found_in_its_hierarchy),
        cmocka_unit_test(a_mount_has_a_root_and_a_point),
        cmocka_unit_test(a_path_that_is_too_long_is_no_mount),
        cmocka_unit_test(a_group_is_below_the_root_of_its_mount),
        tree_test(without_files_the_affinity_decides),
        tree_test(the_smallest_quota_of_the_group_and_those_around_it_counts),
        tree_test(in_a_namespace_the_quota_is_at_the_point),
        tree_test(version_1_in_a_container_has_its_quota_at_the_point),
        tree_test(in_a_hybrid_both_are_asked),
        tree_test(files_that_make_no_sense_limit_nothing),
    };
    return cmocka_run_group_tests_name("cpus", tests, NULL, NULL);
}
