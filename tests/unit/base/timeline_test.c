/* The checker of what clients saw: it accepts what a cache may answer, and names each kind of fault. */
#include "lib/stage.h"
#include "lib/timeline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct timeline *t;

static void begins(double stale, double late, bool is_strict)
{
    const struct timeline_rules rules = {
        .stale = stale, .late = late, .ticks = 1, .is_strict = is_strict};
    if (t) timeline_destroy(t);
    t = timeline_create(&rules);
}

static struct timeline_op *op(double begin, double end, enum timeline_deed deed,
                              enum timeline_answer answer, uint64_t value)
{
    static struct timeline_op made;
    made = (struct timeline_op){
        .deed = deed, .answer = answer, .value = value, .begin = begin, .end = end};
    return &made;
}

static void note(double begin, double end, enum timeline_deed deed, enum timeline_answer answer,
                 uint64_t value)
{
    timeline_note(t, op(begin, end, deed, answer, value));
}

#define SET(begin, end, value)  note(begin, end, TIMELINE_SET, TIMELINE_YES, value)
#define READ(begin, end, value) note(begin, end, TIMELINE_READ, TIMELINE_YES, value)
#define MISS(begin, end)        note(begin, end, TIMELINE_READ, TIMELINE_NO, 0)
#define DELETE(begin, end)      note(begin, end, TIMELINE_DELETE, TIMELINE_YES, 0)

static void with_cas(double begin, double end, enum timeline_deed deed, enum timeline_answer answer,
                     uint64_t value, uint64_t cas)
{
    struct timeline_op *o = op(begin, end, deed, answer, value);
    o->cas = cas;
    timeline_note(t, o);
}

static void with_ttl(double begin, double end, enum timeline_deed deed, uint64_t value, double ttl)
{
    struct timeline_op *o = op(begin, end, deed, TIMELINE_YES, value);
    o->ttl = ttl;
    timeline_note(t, o);
}

static void is_found(enum timeline_fault fault)
{
    size_t at;
    enum timeline_fault is = timeline_check(t, &at);
    if (is != fault) {
        timeline_print(t, at);
        fail_msg("%s, not %s", timeline_fault_name(is), timeline_fault_name(fault));
    }
}

#define is_right() is_found(TIMELINE_FAULT_NONE)

static void a_read_finds_what_was_stored_before_or_meanwhile(void **state)
{
    begins(0, 0, false);
    SET(0, 1, 11);
    READ(2, 3, 11);
    SET(4, 6, 12);
    READ(5, 5.5, 12);
    READ(5, 5.6, 12);
    MISS(7, 8);
    READ(8, 9, 12);
    is_right();
    READ(8, 9, 11);
    is_found(TIMELINE_FAULT_STALE);
}

static void what_was_found_once_does_not_go_back(void **state)
{
    begins(0, 0, false);
    SET(0, 1, 11);
    SET(2, 9, 12);
    READ(3, 4, 12);
    READ(5, 6, 11);
    is_found(TIMELINE_FAULT_STALE);
}

static void a_value_that_was_never_stored_is_found(void **state)
{
    begins(0, 0, false);
    SET(0, 1, 11);
    READ(2, 3, 12);
    is_found(TIMELINE_FAULT_UNWRITTEN);
    begins(10, INFINITY, false);
    READ(2, 3, 12);
    SET(4, 5, 12);
    is_found(TIMELINE_FAULT_UNWRITTEN);
}

static void a_read_may_be_old_up_to_the_bound(void **state)
{
    begins(1, 0, false);
    SET(0, 1, 11);
    SET(2, 3, 12);
    READ(3.9, 4, 11);
    is_right();
    begins(1, 0, false);
    SET(0, 1, 11);
    SET(2, 3, 12);
    READ(4.1, 4.2, 11);
    is_found(TIMELINE_FAULT_STALE);
}

static void a_deleted_item_stays_away(void **state)
{
    begins(0, 0, false);
    SET(0, 1, 11);
    DELETE(2, 3);
    READ(4, 5, 11);
    is_found(TIMELINE_FAULT_RESURRECTED);
    begins(0, 0, false);
    SET(0, 1, 11);
    note(2, 3, TIMELINE_DELETE, TIMELINE_NO, 0); /* the item had gone by itself */
    READ(4, 5, 11);
    is_found(TIMELINE_FAULT_RESURRECTED);
    begins(0, 0, false);
    DELETE(2, 3);
    SET(2, 4, 11);
    READ(5, 6, 11);
    is_right();
}

static void a_write_without_an_answer_may_come_late_or_never(void **state)
{
    begins(0, 2, false);
    SET(0, 1, 11);
    note(2, 3, TIMELINE_SET, TIMELINE_UNKNOWN, 12);
    READ(3.1, 3.2, 11);
    READ(4.5, 4.6, 12);
    READ(9, 10, 12);
    is_right();
    READ(11, 12, 11);
    is_found(TIMELINE_FAULT_STALE);
    begins(0, 2, false);
    SET(0, 1, 11);
    note(2, 3, TIMELINE_SET, TIMELINE_UNKNOWN, 12);
    READ(5.1, 5.2, 11);
    READ(5.5, 5.6, 12);
    is_found(TIMELINE_FAULT_STALE);
    begins(0, INFINITY, false);
    SET(0, 1, 11);
    note(2, 3, TIMELINE_DELETE, TIMELINE_UNKNOWN, 12);
    READ(50, 51, 11);
    MISS(60, 61);
    is_right();
}

static void of_two_cas_with_one_version_one_succeeds(void **state)
{
    begins(0, 0, false);
    SET(0, 1, 11);
    with_cas(2, 3, TIMELINE_READ, TIMELINE_YES, 11, 7);
    with_cas(4, 6, TIMELINE_CAS, TIMELINE_YES, 12, 7);
    with_cas(4, 6, TIMELINE_CAS, TIMELINE_EXISTS, 13, 7);
    READ(7, 8, 12);
    is_right();
    begins(0, 0, false);
    SET(0, 1, 11);
    with_cas(2, 3, TIMELINE_READ, TIMELINE_YES, 11, 7);
    with_cas(4, 6, TIMELINE_CAS, TIMELINE_YES, 12, 7);
    with_cas(4, 6, TIMELINE_CAS, TIMELINE_YES, 13, 7);
    is_found(TIMELINE_FAULT_COMPARED);
    begins(0, 0, false);
    SET(0, 1, 11);
    with_cas(2, 3, TIMELINE_CAS, TIMELINE_YES, 12, 99);
    is_found(TIMELINE_FAULT_COMPARED);
    begins(0, 0, false);
    SET(0, 1, 11);
    with_cas(2, 3, TIMELINE_READ, TIMELINE_YES, 11, 7);
    with_cas(4, 5, TIMELINE_CAS, TIMELINE_EXISTS, 12, 7);
    is_found(TIMELINE_FAULT_COMPARED);
}

static void an_update_that_was_acknowledged_is_not_lost(void **state)
{
    begins(0, 0, false);
    SET(0, 1, 11);
    with_cas(2, 3, TIMELINE_READ, TIMELINE_YES, 11, 7);
    with_cas(4, 5, TIMELINE_CAS, TIMELINE_YES, 12, 7);
    READ(6, 7, 11);
    is_found(TIMELINE_FAULT_STALE);
}

static void sums_and_longer_values_follow_from_those_before(void **state)
{
    begins(0, 0, false);
    SET(0, 1, timeline_number(5));
    for (int i = 0; i < 2; i++) {
        struct timeline_op *o =
            op(2, 4, TIMELINE_INCR, TIMELINE_YES, timeline_number(8 + 3 * (unsigned)i));
        o->delta = 3;
        timeline_note(t, o);
    }
    READ(5, 6, timeline_number(11));
    is_right();
    struct timeline_op *o = op(7, 8, TIMELINE_INCR, TIMELINE_YES, timeline_number(13));
    o->delta = 3;
    timeline_note(t, o);
    is_found(TIMELINE_FAULT_UPDATE);
    begins(0, 0, false);
    SET(0, 1, 11);
    note(2, 3, TIMELINE_APPEND, TIMELINE_YES, 5);
    note(2, 3, TIMELINE_APPEND, TIMELINE_YES, 6);
    READ(4, 5, timeline_appended(timeline_appended(11, 6), 5));
    is_right();
    READ(6, 7, timeline_appended(11, 6));
    is_found(TIMELINE_FAULT_UPDATE);
}

static void an_add_stores_only_where_nothing_is(void **state)
{
    begins(0, 0, true);
    note(0, 1, TIMELINE_ADD, TIMELINE_YES, 11);
    note(2, 3, TIMELINE_ADD, TIMELINE_NO, 12);
    READ(4, 5, 11);
    is_right();
    note(6, 7, TIMELINE_ADD, TIMELINE_YES, 13);
    is_found(TIMELINE_FAULT_UPDATE);
    begins(0, 0, false); /* an item may have gone by itself */
    note(0, 1, TIMELINE_ADD, TIMELINE_YES, 11);
    note(6, 7, TIMELINE_ADD, TIMELINE_YES, 13);
    READ(8, 9, 13);
    is_right();
    DELETE(10, 11);
    note(12, 13, TIMELINE_ADD, TIMELINE_NO, 14);
    is_found(TIMELINE_FAULT_UPDATE);
    begins(0, 0, true);
    note(0, 1, TIMELINE_REPLACE, TIMELINE_YES, 11);
    is_found(TIMELINE_FAULT_UPDATE);
}

static void a_strict_miss_says_that_there_is_nothing(void **state)
{
    begins(0, 0, true);
    SET(0, 1, 11);
    MISS(2, 3);
    is_found(TIMELINE_FAULT_LOST);
    begins(0, 0, true);
    MISS(0, 1);
    SET(2, 4, 11);
    MISS(3, 3.5);
    DELETE(5, 6);
    MISS(7, 8);
    is_right();
}

static void an_item_lives_as_long_as_was_said(void **state)
{
    begins(0, 0, true);
    with_ttl(0, 1, TIMELINE_SET, 11, 10);
    READ(11.9, 13, 11);
    MISS(12, 13);
    is_right();
    READ(14, 15, 11);
    is_found(TIMELINE_FAULT_EXPIRED);
    begins(0, 0, true);
    with_ttl(0, 1, TIMELINE_SET, 11, 10);
    MISS(5, 6);
    is_found(TIMELINE_FAULT_LOST);
    begins(0, 0, true);
    with_ttl(0, 1, TIMELINE_SET, 11, 10);
    with_ttl(5, 6, TIMELINE_TOUCH, 0, 10);
    READ(15, 16, 11);
    is_right();
}

static void keys_have_nothing_to_do_with_each_other(void **state)
{
    begins(0, 0, false);
    SET(0, 1, 11);
    struct timeline_op *o = op(2, 3, TIMELINE_READ, TIMELINE_YES, 11);
    o->key = 1;
    timeline_note(t, o);
    is_found(TIMELINE_FAULT_UNWRITTEN);
}

/* --- random histories: of a real item, and with one answer changed --------------------------------- */

enum { OPS = 24, CLIENTS = 4, HISTORIES = 20000 };

static unsigned seed;

static unsigned below(unsigned n)
{
    seed = seed * 1664525u + 1013904223u;
    return (unsigned)(((uint64_t)seed * n) >> 32);
}

/* Each client asks one thing after the other; each takes effect at a moment between its beginning and its end. */
static void asks(struct timeline_op *ops, double *effects)
{
    static const enum timeline_deed deeds[] = {TIMELINE_READ, TIMELINE_READ,   TIMELINE_SET,
                                               TIMELINE_CAS,  TIMELINE_DELETE, TIMELINE_ADD};
    double free_at[CLIENTS] = {0};
    for (unsigned i = 0; i < OPS; i++) {
        unsigned who = i % CLIENTS;
        double begin = free_at[who] + below(100) / 100.0, end = begin + (1 + below(100)) / 50.0;
        ops[i] = (struct timeline_op){.client = who,
                                      .deed = deeds[below(6)],
                                      .answer = TIMELINE_YES,
                                      .value = 100 + i,
                                      .begin = begin,
                                      .end = end};
        effects[i] = begin + (end - begin) * below(101) / 100.0;
        free_at[who] = end;
    }
}

/* A cas that no read was shown compares nothing. */
static uint64_t chosen_cas(const struct timeline_op *ops, uint64_t item)
{
    uint64_t cas = below(2) ? item : 100 + below(OPS);
    for (unsigned i = 0; i < OPS; i++) {
        if (cas && ops[i].deed == TIMELINE_READ && ops[i].cas == cas) return cas;
    }
    return 0;
}

/* What a server with that item answers. */
static void is_answered(const struct timeline_op *ops, struct timeline_op *o, uint64_t item)
{
    bool needs = o->deed == TIMELINE_READ || o->deed == TIMELINE_DELETE || o->deed == TIMELINE_CAS;
    if (o->deed == TIMELINE_READ) o->cas = o->value = item;
    if (o->deed == TIMELINE_CAS) o->cas = chosen_cas(ops, item);
    if ((needs && !item) || (o->deed == TIMELINE_ADD && item))
        o->answer = TIMELINE_NO;
    else if (o->deed == TIMELINE_CAS && o->cas != item)
        o->answer = TIMELINE_EXISTS;
}

/* Some answers to writes are lost, and of those writes some were carried out. */
static void plays(void)
{
    struct timeline_op ops[OPS];
    double effects[OPS];
    uint64_t item = 0;
    asks(ops, effects);
    for (unsigned n = 0; n < OPS; n++) {
        unsigned next = 0;
        for (unsigned i = 1; i < OPS; i++) {
            if (effects[i] < effects[next]) next = i;
        }
        effects[next] = INFINITY;
        struct timeline_op *o = &ops[next];
        bool is_lost = below(12) == 0 && o->deed != TIMELINE_READ, is_done = below(2) == 0;
        is_answered(ops, o, item);
        if (o->answer == TIMELINE_YES && o->deed != TIMELINE_READ && (!is_lost || is_done))
            item = o->deed == TIMELINE_DELETE ? 0 : o->value;
        if (is_lost) o->answer = TIMELINE_UNKNOWN;
    }
    for (unsigned i = 0; i < OPS; i++) timeline_note(t, &ops[i]);
}

static void random_histories_of_an_item_are_right_and_foreign_values_are_not(void **state)
{
    const char *asked = getenv("SEED");
    seed = asked ? (unsigned)strtoul(asked, NULL, 10) : 7;
    printf("SEED=%u\n", seed);
    unsigned found = 0;
    for (unsigned n = 0; n < HISTORIES; n++) {
        begins(0, 3, true);
        plays();
        is_right();
        /* A value that is long gone, or was never there. */
        READ(1e6, 1e6 + 1, 100 + below(OPS));
        READ(1e6 + 2, 1e6 + 3, 100 + below(OPS));
        found += timeline_check(t, NULL) != TIMELINE_FAULT_NONE;
    }
    printf("%u of %u changed histories are wrong\n", found, (unsigned)HISTORIES);
    assert_true(found > HISTORIES * 9 / 10);
}

static int ends(void **state)
{
    if (t) timeline_destroy(t);
    t = NULL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_finds_what_was_stored_before_or_meanwhile),
        cmocka_unit_test(what_was_found_once_does_not_go_back),
        cmocka_unit_test(a_value_that_was_never_stored_is_found),
        cmocka_unit_test(a_read_may_be_old_up_to_the_bound),
        cmocka_unit_test(a_deleted_item_stays_away),
        cmocka_unit_test(a_write_without_an_answer_may_come_late_or_never),
        cmocka_unit_test(of_two_cas_with_one_version_one_succeeds),
        cmocka_unit_test(an_update_that_was_acknowledged_is_not_lost),
        cmocka_unit_test(sums_and_longer_values_follow_from_those_before),
        cmocka_unit_test(an_add_stores_only_where_nothing_is),
        cmocka_unit_test(a_strict_miss_says_that_there_is_nothing),
        cmocka_unit_test(an_item_lives_as_long_as_was_said),
        cmocka_unit_test(keys_have_nothing_to_do_with_each_other),
        cmocka_unit_test(random_histories_of_an_item_are_right_and_foreign_values_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, ends);
}
