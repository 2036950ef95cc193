/* Samples of reads that differed: which are kept, in which order they are read, and what is not believed. */
#include "base/compared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/board.h"

static const size_t SHARED = 64 * 1024;

static struct compared_sample sample_of(unsigned kind, double at, const char *key)
{
    struct compared_sample s = {.at = at, .name = "x", .kind = (uint8_t)kind};
    s.key_len = (uint8_t)strlen(key);
    memcpy(s.key, key, s.key_len);
    return s;
}

static void add(struct board *board, uint32_t part, unsigned kind, double at)
{
    char key[16];
    snprintf(key, sizeof key, "%g", at);
    struct compared_sample s = sample_of(kind, at, key);
    compared_add(&board->parts[part].compared, &s);
}

/* The times of all that are read, in their order: "5 4 2". */
static const char *times(const struct board *board, const char *name, uint32_t most)
{
    static struct compared_sample all[2 * COMPARED_KEPT];
    static char text[1024];
    uint32_t n = compared_gather(board, name, all, most);
    text[0] = '\0';
    for (uint32_t i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%g", i ? " " : "", all[i].at);
    return text;
}

static void the_newest_of_all_workers_come_first(void **state)
{
    struct board *board = board_create(2, SHARED);
    (void)state;
    assert_string_equal(times(board, NULL, 9), "");
    add(board, 0, COMPARED_only_old, 1);
    add(board, 1, COMPARED_new_errors, 3);
    add(board, 0, COMPARED_only_new, 4);
    add(board, 3, COMPARED_only_new, 2); /* of a worker that drains */
    assert_string_equal(times(board, NULL, 9), "4 3 2 1");
    assert_string_equal(times(board, NULL, 2), "4 3");
    board_destroy(board);
}

static void a_name_picks_its_own(void **state)
{
    struct board *board = board_create(1, SHARED);
    struct compared_sample s = sample_of(COMPARED_only_old, 7, "k");
    (void)state;
    add(board, 0, COMPARED_only_old, 6);
    strcpy(s.name, "other");
    compared_add(&board->parts[0].compared, &s);
    assert_string_equal(times(board, "x", 9), "6");
    assert_string_equal(times(board, "other", 9), "7");
    assert_string_equal(times(board, "none", 9), "");
    board_destroy(board);
}

static void old_ones_make_room_and_errors_hide_no_difference(void **state)
{
    struct board *board = board_create(1, SHARED);
    (void)state;
    for (int i = 1; i <= COMPARED_DIFFERENCES + 2; i++) add(board, 0, COMPARED_values_differ, i);
    for (int i = 1; i <= 10 * COMPARED_KEPT; i++) add(board, 0, COMPARED_old_errors, 1000 + i);
    struct compared_sample all[2 * COMPARED_KEPT];
    uint32_t n = compared_gather(board, NULL, all, 2 * COMPARED_KEPT);
    assert_int_equal(n, COMPARED_KEPT);
    assert_true(all[0].at == 1000 + 10 * COMPARED_KEPT && all[0].kind == COMPARED_old_errors);
    assert_true(all[COMPARED_ERRORS].at == COMPARED_DIFFERENCES + 2);
    assert_true(all[n - 1].at == 3);
    board_destroy(board);
}

/* Another process writes them: it may be in the middle of it, or have gone wrong. */
static void what_makes_no_sense_is_not_read(void **state)
{
    struct board *board = board_create(1, SHARED);
    struct compared_place *p = board->parts[0].compared.places;
    (void)state;
    for (int i = 1; i <= 5; i++) add(board, 0, COMPARED_flags_differ, i);
    p[0].sequence |= 1;
    p[1].sample.kind = COMPARED_KIND_COUNT;
    p[2].sample.key_len = COMPARED_KEY + 1;
    memset(p[3].sample.old.server, 'x', sizeof p[3].sample.old.server);
    memset(p[3].sample.text, 'x', sizeof p[3].sample.text);
    assert_string_equal(times(board, NULL, 9), "5 4");
    struct compared_sample all[1];
    p[4].sequence |= 1;
    assert_int_equal(compared_gather(board, NULL, all, 1), 1);
    assert_int_equal(strlen(all[0].old.server), sizeof all[0].old.server - 1);
    assert_int_equal(strlen(all[0].text), COMPARED_TEXT - 1);
    board_destroy(board);
}

/* The new process of an upgrade shows what the old one has kept. */
static void samples_outlive_an_upgrade(void **state)
{
    struct board *old = board_create_files(1, SHARED);
    struct board_losses losses;
    struct board_files files;
    (void)state;
    add(old, 0, COMPARED_only_old, 1);
    files =
        (struct board_files){dup(old->files.board), dup(old->files.shared), dup(old->files.writes)};
    struct board *new = board_adopt(1, SHARED, &files, 1, &losses);
    assert_non_null(new);
    add(new, 1, COMPARED_only_old, 2);
    assert_string_equal(times(new, NULL, 9), "2 1");
    board_destroy(old);
    board_destroy(new);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_of_all_workers_come_first),
        cmocka_unit_test(a_name_picks_its_own),
        cmocka_unit_test(old_ones_make_room_and_errors_hide_no_difference),
        cmocka_unit_test(what_makes_no_sense_is_not_read),
        cmocka_unit_test(samples_outlive_an_upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
