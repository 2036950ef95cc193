/* probation: which counts make a new script fail, and which let it pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "master/probation.h"

enum { UNDECIDED = PROBATION_UNDECIDED, PASSED = PROBATION_PASSED, FAILED = PROBATION_FAILED };

static const struct {
    struct probation_counts before, since; /* requests, errors */
    double share;
    int meanwhile, at_end; /* verdicts */
} table[] = {
    /* no errors; nothing at all */
    {{1000, 0}, {1000, 0}, 0.01, UNDECIDED, PASSED},
    {{0, 0}, {0, 0}, 0.01, UNDECIDED, PASSED},
    {{1000, 1000}, {0, 0}, 0.01, UNDECIDED, PASSED},
    /* 100 requests at least */
    {{1000, 0}, {99, 99}, 0.01, UNDECIDED, UNDECIDED},
    {{1000, 0}, {100, 100}, 0.01, FAILED, FAILED},
    {{0, 0}, {100, 100}, 0.01, FAILED, FAILED},
    {{1000, 0}, {1, 1}, 0.01, UNDECIDED, UNDECIDED},
    /* more than the share, not as much */
    {{1000, 0}, {100, 1}, 0.01, UNDECIDED, PASSED},
    {{1000, 0}, {100, 2}, 0.01, FAILED, FAILED},
    {{1000, 0}, {1000, 10}, 0.01, UNDECIDED, PASSED},
    {{1000, 0}, {1000, 11}, 0.01, FAILED, FAILED},
    {{1000, 0}, {1000000000, 10000000}, 0.01, UNDECIDED, PASSED},
    {{1000, 0}, {1000000000, 10000001}, 0.01, FAILED, FAILED},
    {{1000, 0}, {1000, 5}, 0.01, UNDECIDED, PASSED}, /* every 200th */
    /* another share */
    {{1000, 0}, {1000, 499}, 0.5, UNDECIDED, PASSED},
    {{1000, 0}, {1000, 501}, 0.5, FAILED, FAILED},
    {{1000, 0}, {100, 1}, 0, FAILED, FAILED},
    {{1000, 0}, {100, 0}, 0, UNDECIDED, PASSED},
    {{1000, 0}, {1000, 1000}, 1, UNDECIDED, PASSED},
    /* no more than before, but for chance: 2 % of 1000 are 20, and their deviation is 4.4 */
    {{1000, 20}, {1000, 20}, 0.01, UNDECIDED, PASSED},
    {{1000, 20}, {1000, 37}, 0.01, UNDECIDED, PASSED},
    {{1000, 20}, {1000, 38}, 0.01, FAILED, FAILED},
    {{1000000, 20000}, {1000, 38}, 0.01, FAILED, FAILED},
    {{1000, 20}, {1000000, 20500}, 0.01, UNDECIDED, PASSED},
    {{1000, 20}, {1000000, 20600}, 0.01, FAILED, FAILED},
    {{200, 200}, {1000, 1000}, 0.01, UNDECIDED, PASSED},
    {{200, 100}, {1000, 1000}, 0.01, FAILED, FAILED},
    {{1000, 500}, {1000, 20}, 0.01, UNDECIDED, PASSED},
    /* little is known of before */
    {{1, 0}, {100, 2}, 0.01, FAILED, FAILED},
    {{1, 1}, {100, 100}, 0.01, UNDECIDED, PASSED},
    /* several errors in one request */
    {{1000, 0}, {100, 5000}, 0.01, FAILED, FAILED},
    {{1000, 50000}, {100, 5000}, 0.01, UNDECIDED, PASSED},
    {{1000, 50000}, {100, 5001}, 0.01, FAILED, FAILED},
};

static void counts_decide(void **state)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        for (int is_over = 0; is_over < 2; is_over++) {
            int is = probation_judge(table[i].before, table[i].since, table[i].share, is_over);
            int expected = is_over ? table[i].at_end : table[i].meanwhile;
            if (is != expected) fail_msg("row %zu, over %d: %d, not %d", i, is_over, is, expected);
        }
    }
}

/* A script as good as the one before is taken for a worse one hardly ever, whatever the share, though it is looked often. */
static void the_same_share_of_errors_is_hardly_ever_more(void **state)
{
    srand48(1);
    for (unsigned percent = 2; percent < 100; percent += 7) {
        unsigned wrong = 0;
        struct probation_counts before = {100000, 1000 * percent};
        for (unsigned i = 0; i < 1000; i++) {
            struct probation_counts since = {0, 0};
            bool is_wrong = false;
            while (since.requests < 400 && !is_wrong) {
                since.requests++;
                since.errors += drand48() * 100 < percent;
                is_wrong = probation_judge(before, since, 0.01, false) == PROBATION_FAILED;
            }
            wrong += is_wrong;
        }
        if (wrong > 5) fail_msg("%u %%: %u of 1000", percent, wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_decide),
        cmocka_unit_test(the_same_share_of_errors_is_hardly_ever_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
