/* relisten: which listeners come, stay and go when a script is loaded, and that nothing changes where one cannot be had. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/capture.h"
#include "net/relisten.h"

static char folder[64], paths[4][96], why[LISTENERS_WHY];
static const char *said; /* by the log, in the last step */

static int set_up(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    snprintf(folder, sizeof folder, "/tmp/relisten-test-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    for (int i = 0; i < 4; i++) snprintf(paths[i], sizeof paths[i], "unix:%s/%s", folder, names[i]);
    return 0;
}

static int tear_down(void **state)
{
    return rmdir(folder);
}

#define A paths[0]
#define B paths[1]
#define C paths[2]
#define D paths[3]

static const char *with(const char *item, const char *words)
{
    static char text[4][200];
    static int turn;
    turn = (turn + 1) % 4;
    char *at = text[turn];
    snprintf(at, sizeof *text, "%s%s", item, words);
    return at;
}

/* What a script wants: up to two items. */
static struct listeners_wanted script(const char *one, const char *two)
{
    static const char *items[2];
    items[0] = one;
    items[1] = two;
    return (struct listeners_wanted){.script = items, .script_n = one ? two ? 2 : 1 : 0, .port = 0};
}

static struct listeners *begin(const char *one, const char *two)
{
    struct listeners_wanted wanted = script(one, two);
    capture_begin(STDERR_FILENO);
    struct listeners *l = listeners_create(&wanted);
    said = capture_end();
    assert_non_null(l);
    return l;
}

static bool prepare(struct listeners *l, struct listeners_wanted wanted, bool is_forced)
{
    why[0] = '\0';
    capture_begin(STDERR_FILENO);
    bool good = listeners_prepare(l, &wanted, is_forced, why);
    said = capture_end();
    return good;
}

static bool open_all(struct listeners *l)
{
    capture_begin(STDERR_FILENO);
    bool good = listeners_open(l, false, why);
    said = capture_end();
    return good;
}

/* All that follows once it is opened. */
static void finish(struct listeners *l, struct listeners_wanted wanted)
{
    capture_begin(STDERR_FILENO);
    listeners_switch(l, &wanted);
    listeners_leave(l);
    said = capture_end();
}

static void change_to(struct listeners *l, const char *one, const char *two)
{
    assert_true(prepare(l, script(one, two), false));
    assert_true(open_all(l));
    finish(l, script(one, two));
}

static bool connects(const char *address)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", address + 5);
    bool good = connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
    close(fd);
    return good;
}

static bool is_there(const char *address)
{
    return access(address + 5, F_OK) == 0;
}

static mode_t mode_of(const char *address)
{
    struct stat file;
    assert_int_equal(stat(address + 5, &file), 0);
    return file.st_mode & 0777;
}

static void what_stays_keeps_its_socket(void **state)
{
    struct listeners *l = begin(A, B);
    int fd = l->items[0].fd;
    uint32_t number = l->items[0].number;
    change_to(l, C, A);
    assert_int_equal(l->n, 2);
    assert_int_equal(l->items[0].fd, fd);
    assert_int_equal(l->items[0].number, number);
    assert_true(connects(A) && connects(C));
    assert_false(is_there(B));
    assert_non_null(strstr(said, with("listening on ", C)));
    assert_non_null(strstr(said, with("listening no more on ", B)));
    listeners_destroy(l, true);
    assert_false(is_there(A) || is_there(C));
}

/* Another name is another number: the socket is the same. */
static void another_name_is_the_same_listener(void **state)
{
    struct listeners *l = begin(with("one=", A), NULL);
    int fd = l->items[0].fd;
    uint32_t number = l->items[0].number;
    change_to(l, with("two=", A), NULL);
    assert_int_equal(l->n, 1);
    assert_int_equal(l->items[0].fd, fd);
    assert_int_not_equal(l->items[0].number, number);
    assert_string_equal(labels_text(&l->labels, l->items[0].number), with("two=", A));
    listeners_destroy(l, true);
}

static void nobody_connects_before_it_is_opened(void **state)
{
    struct listeners *l = begin(A, NULL);
    assert_true(prepare(l, script(A, B), false));
    assert_false(connects(B));
    assert_int_equal(l->items[1].phase, LISTENER_COMES);
    assert_true(open_all(l));
    assert_true(connects(B));
    listeners_drop(l);
    assert_int_equal(l->n, 1);
    assert_false(is_there(B));
    assert_true(connects(A));
    listeners_destroy(l, true);
}

static void what_cannot_be_bound_changes_nothing(void **state)
{
    char expected[256];
    struct listeners *other = begin(D, NULL), *l = begin(A, NULL);
    assert_false(prepare(l, script(C, D), false));
    snprintf(
        expected, sizeof expected,
        "listener %s: address in use: choose another path in mg.listen or stop what listens there",
        D);
    assert_string_equal(why, expected);
    assert_int_equal(l->n, 1);
    assert_false(is_there(C));
    assert_true(connects(A) && connects(D));
    change_to(l, A, C);
    assert_true(connects(A) && connects(C));
    listeners_destroy(other, true);
    listeners_destroy(l, true);
}

/* When a script that fails is taken back. */
static void what_is_forced_is_left_out(void **state)
{
    struct listeners *other = begin(D, NULL), *l = begin(A, NULL);
    assert_true(prepare(l, script(D, C), true));
    assert_non_null(strstr(said, "address in use"));
    assert_non_null(strstr(said, "the script comes back without it"));
    assert_true(open_all(l));
    finish(l, script(D, C));
    assert_int_equal(l->n, 1);
    assert_true(connects(C));
    assert_false(is_there(A));
    listeners_destroy(other, true);
    listeners_destroy(l, true);
}

static void one_address_twice_is_refused(void **state)
{
    struct listeners *l = begin(A, NULL);
    assert_false(prepare(l, script(A, with("b=", A)), false));
    assert_non_null(strstr(why, "given twice: name each address once in mg.listen"));
    assert_false(prepare(l, script(B, with("b=", B)), false));
    assert_non_null(strstr(why, "given twice"));
    assert_int_equal(l->n, 1);
    assert_false(is_there(B));
    listeners_destroy(l, true);
}

/* The first of them is bound when the second is looked at, and nobody listens on it yet. */
static void one_file_by_two_spellings_is_refused(void **state)
{
    struct listeners *l = begin(A, NULL);
    char other[96];
    snprintf(other, sizeof other, "unix:%s/./b", folder);
    assert_false(prepare(l, script(B, other), false));
    assert_non_null(strstr(why, "given twice"));
    assert_int_equal(l->n, 1);
    assert_int_equal(access(B + 5, F_OK), -1);
    listeners_destroy(l, true);
}

static void one_whose_file_was_taken_is_not_opened(void **state)
{
    struct listeners *l = begin(A, NULL);
    assert_true(prepare(l, script(A, B), false));
    assert_int_equal(unlink(B + 5), 0);
    assert_false(listeners_open(l, false, why));
    assert_non_null(strstr(why, "cannot be listened on: No such file"));
    listeners_drop(l);
    assert_int_equal(l->n, 1);
    listeners_destroy(l, true);
}

static void mode_and_backlog_are_changed_and_changed_back(void **state)
{
    umask(022);
    struct listeners *l = begin(with(A, ",mode=0640"), B);
    change_to(l, with(A, ",mode=0600,backlog=7"), with(B, ",mode=0777"));
    assert_int_equal(mode_of(A), 0600);
    assert_int_equal(mode_of(B), 0777);
    assert_int_equal(l->items[0].backlog, 7);
    change_to(l, A, B);
    assert_int_equal(mode_of(A), 0755); /* the umask's */
    assert_int_equal(l->items[0].backlog, BIND_BACKLOG);
    assert_true(prepare(l, script(with(A, ",mode=0600"), with(B, ",mode=0611")), false));
    assert_int_equal(mode_of(A), 0755);
    assert_int_equal(unlink(B + 5), 0); /* the second one cannot be changed */
    assert_false(open_all(l));
    assert_non_null(
        strstr(why, with(B, ": cannot be changed: No such file or directory: restart")));
    assert_int_equal(mode_of(A), 0600);
    capture_begin(STDERR_FILENO);
    listeners_drop(l);
    said = capture_end();
    assert_int_equal(mode_of(A), 0755);
    listeners_destroy(l, true);
}

/* A file that another process has put there is not touched. */
static void a_file_that_is_not_ours_stays_as_it_is(void **state)
{
    struct listeners *l = begin(A, NULL);
    assert_int_equal(unlink(A + 5), 0);
    int fd = open(A + 5, O_CREAT | O_CLOEXEC | O_WRONLY, 0604);
    assert_int_equal(fchmod(fd, 0604), 0);
    close(fd);
    assert_true(prepare(l, script(with(A, ",mode=0600"), NULL), false));
    assert_false(open_all(l));
    assert_int_equal(mode_of(A), 0604);
    listeners_drop(l);
    listeners_destroy(l, true);
    assert_int_equal(unlink(A + 5), 0);
}

/* --- beside --bind -------------------------------------------------------------------------------- */

/* The listener of --bind has the number 0, and the script does not decide about it. */
static void what_bind_has_is_refused_and_stays(void **state)
{
    const char *const bound[] = {A};
    struct listeners_wanted wanted = script(B, NULL);
    wanted.bind = bound;
    wanted.bind_n = 1;
    capture_begin(STDERR_FILENO);
    struct listeners *l = listeners_create(&wanted);
    said = capture_end();
    assert_non_null(l);
    assert_false(prepare(l, script(A, B), false));
    assert_non_null(strstr(why, "--bind has it, too: leave it out there or in mg.listen"));
    change_to(l, C, NULL);
    assert_int_equal(l->n, 2);
    assert_true(connects(A) && connects(C));
    assert_false(is_there(B));
    change_to(l, NULL, NULL);
    assert_int_equal(l->n, 1);
    assert_true(connects(A));
    listeners_destroy(l, true);
}

/* wanted.bind is its default: it listens where the script says nothing, and its port stays. */
static void the_default_of_bind_gives_way(void **state)
{
    const char *const bound[] = {"127.0.0.1"};
    struct listeners_wanted plain = {.bind = bound, .bind_n = 1};
    char mine[ADDR_TEXT_MAX];
    capture_begin(STDERR_FILENO);
    struct listeners *l = listeners_create(&plain);
    said = capture_end();
    assert_non_null(l);
    int fd = l->items[0].fd;
    addr_print(&l->items[0].addr, mine);
    assert_true(prepare(l, plain, false) && open_all(l));
    finish(l, plain);
    assert_int_equal(l->items[0].fd, fd);

    struct listeners_wanted own = script(mine, NULL); /* the same address, as the script's */
    own.bind = bound;
    own.bind_n = 1;
    assert_true(prepare(l, own, false) && open_all(l));
    finish(l, own);
    assert_int_equal(l->n, 1);
    assert_int_equal(l->items[0].fd, fd);
    assert_int_equal(l->items[0].number, LISTENERS_BOUND);

    assert_true(prepare(l, plain, false) && open_all(l));
    finish(l, plain);
    assert_int_equal(l->n, 1);
    assert_int_equal(l->items[0].number, 0);
    assert_true(ntohs(l->items[0].addr.sa.v4.sin_port) > 0);
    listeners_destroy(l, true);
}

/* --- what the check says -------------------------------------------------------------------------- */

static void addresses_come_from_the_check(void **state)
{
    static const char *const wrong[][2] = {{"name.invalid:1", "it has not been looked up"},
                                           {"", "it stands for no address"},
                                           {"127.0.0.1:1\n127.0.0.1:99999", "port 99999"}};
    char address[200];
    snprintf(address, sizeof address, "%s\n%s", A, B);
    const char *addresses[] = {address};
    struct listeners_wanted wanted = script("name.invalid:1", NULL);
    struct listeners *l = begin(C, NULL);
    wanted.addresses = addresses;
    assert_true(prepare(l, wanted, false) && open_all(l));
    finish(l, wanted);
    assert_int_equal(l->n, 2);
    assert_true(connects(A) && connects(B));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        addresses[0] = wrong[i][0];
        assert_false(prepare(l, wanted, false));
        assert_non_null(strstr(why, wrong[i][1]));
        assert_int_equal(l->n, 2);
    }
    listeners_destroy(l, true);
}

#define in_a_folder(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_a_folder(what_stays_keeps_its_socket),
        in_a_folder(another_name_is_the_same_listener),
        in_a_folder(nobody_connects_before_it_is_opened),
        in_a_folder(what_cannot_be_bound_changes_nothing),
        in_a_folder(what_is_forced_is_left_out),
        in_a_folder(one_address_twice_is_refused),
        in_a_folder(one_file_by_two_spellings_is_refused),
        in_a_folder(one_whose_file_was_taken_is_not_opened),
        in_a_folder(mode_and_backlog_are_changed_and_changed_back),
        in_a_folder(a_file_that_is_not_ours_stays_as_it_is),
        in_a_folder(what_bind_has_is_refused_and_stays),
        in_a_folder(the_default_of_bind_gives_way),
        in_a_folder(addresses_come_from_the_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
