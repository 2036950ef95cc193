/* machine: memory of the machine and of cgroups, over the files of real systems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/machine.h"
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char tree[64];

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
    return remove(path);
}

static int tree_begins(void **state)
{
    snprintf(tree, sizeof tree, "/tmp/moongate-machine-XXXXXX");
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

static void the_machine_has_what_it_says(void **state)
{
    assert_int_equal(machine_memory(tree), 0); /* not known */
    tree_has("/proc/meminfo", "MemFree: 77 kB\n");
    assert_int_equal(machine_memory(tree), 0);
    tree_has("/proc/meminfo", "MemTotal:        8028456 kB\nMemFree:         123 kB\n");
    assert_int_equal(machine_memory(tree), 8028456ull * 1024);
    assert_true(machine_memory("") > 0);
}

static void the_least_limit_of_the_groups_counts(void **state)
{
    tree_has("/proc/meminfo", "MemTotal:        8000000 kB\n");
    tree_has("/proc/self/cgroup", "0::/system.slice/moongate.service\n");
    tree_has("/proc/self/mountinfo",
             "35 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
    assert_int_equal(machine_memory(tree), 8000000ull * 1024);
    tree_has("/sys/fs/cgroup/system.slice/moongate.service/memory.max", "max\n");
    assert_int_equal(machine_memory(tree), 8000000ull * 1024);
    tree_has("/sys/fs/cgroup/system.slice/memory.max", "1073741824\n");
    assert_int_equal(machine_memory(tree), 1073741824);
    tree_has("/sys/fs/cgroup/system.slice/moongate.service/memory.max", "536870912\n");
    assert_int_equal(machine_memory(tree), 536870912);
    tree_has("/sys/fs/cgroup/system.slice/other.service/memory.max", "1\n"); /* a neighbour's */
    assert_int_equal(machine_memory(tree), 536870912);
    tree_has("/sys/fs/cgroup/system.slice/moongate.service/memory.max", "99999999999999\n");
    tree_has("/sys/fs/cgroup/system.slice/memory.max", "99999999999999\n");
    assert_int_equal(machine_memory(tree), 8000000ull * 1024); /* more than there is */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_machine_has_what_it_says, tree_begins, tree_ends),
        cmocka_unit_test_setup_teardown(the_least_limit_of_the_groups_counts, tree_begins,
                                        tree_ends),
    };
    return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
