/* process: what a child that is trusted less may do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/process.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MORE = 64 << 20 };

static bool has_room(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return false;
    munmap(p, n);
    return true;
}

static bool is_the_first_to_go(void)
{
    char text[16] = "";
    FILE *file = fopen("/proc/self/oom_score_adj", "r");
    if (!file) return false;
    if (!fgets(text, sizeof text, file)) text[0] = '\0';
    fclose(file);
    return strcmp(text, "1000\n") == 0;
}

/* Its parent keeps what it has. */
static void an_expendable_process_maps_so_much_more_and_no_more(void **state)
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        process_be_expendable(MORE);
        bool had_room = has_room(MORE / 2), has_more = has_room(MORE + (1 << 20));
        process_be_expendable((uint64_t)MORE * 4); /* a limit is never raised */
        _exit(had_room && !has_more && !has_room(MORE * 2) && is_the_first_to_go() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(has_room(MORE * 4L));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expendable_process_maps_so_much_more_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
