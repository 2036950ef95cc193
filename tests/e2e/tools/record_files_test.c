/* The files of `moongate ctl record`: what is in their way, how they are rotated and bounded, and what is left of them when the disk is
 * full or the program is killed. */
#include "e2e/tools/taper.h"

#include <sys/resource.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, UNREADABLE = 4, VALUE = 50000 };

static const char *folder;

static const char *file_path(const char *name)
{
    folder = program_folder();
    return textf("%s/%s", folder, name);
}

/* Stores a value of 50 kB that cannot be made smaller, with its number as its flags. */
static void stores_much(struct client *c, const char *key, unsigned number)
{
    client_sends(c, textf("set %s %u 0 %d\r\n", key, number, VALUE));
    client_sends_bytes(c, noise(VALUE, number), VALUE);
    client_asks(c, "\r\n", "STORED\r\n");
}

/* Stores so many of them, and waits until there is such a file. */
static void stores_until(struct client *c, const char *key, unsigned *number, unsigned n,
                         const char *path)
{
    struct grown grown = {path, 0};
    while (n-- > 0) stores_much(c, key, ++*number);
    if (!stage_waits(has_grown, &grown)) stage_fails("there is no %s", path);
}

/* --- what is in the way ------------------------------------------------------------------------ */

static void nothing_is_replaced_that_is_not_a_recording(void **state)
{
    const char *path, *file = file_path("r"), *const force[] = {"--force", NULL};
    struct moongate *m = taped_moongate(&path);
    (void)state;
    taper_is_interrupted(tapes(m, path, file, NULL));
    struct run run = moongate_runs("ctl", "-s", path, "record", file, NULL);
    exits(run, FAILED);
    has(run.err, "it exists: give another name, or --force to replace it");
    taper_is_interrupted(tapes(m, path, file, force));

    const char *letter = file_path("letter");
    file_becomes(letter, "Dear all");
    run = moongate_runs("ctl", "-s", path, "record", letter, "--force", NULL);
    exits(run, FAILED);
    has(run.err, "it is not a recording, and --force replaces recordings alone");
    is_said(file_text(letter), "Dear all");

    exits(moongate_runs("ctl", "-s", path, "record", "/nonexistent/r", NULL), FAILED);
    exits(moongate_runs("ctl", "-s", path, "record", folder, "--force", NULL), FAILED);
}

/* A link could lead to any file. */
static void a_link_is_not_followed(void **state)
{
    const char *path, *file = file_path("r"), *to = textf("%s/to", folder);
    struct moongate *m = taped_moongate(&path);
    (void)state;
    assert_int_equal(symlink(to, file), 0);
    exits(moongate_runs("ctl", "-s", path, "record", file, NULL), FAILED);
    exits(moongate_runs("ctl", "-s", path, "record", file, "--force", NULL), FAILED);
    assert_int_equal(size_of_file(to), -1);
    assert_true(moongate_runs_on(m));
}

static void files_of_an_earlier_rotated_recording_are_in_the_way(void **state)
{
    const char *path, *file = file_path("r"), *later = textf("%s.7", file);
    const char *const force[] = {"--rotate", "1m", "--force", NULL};
    struct moongate *m = taped_moongate(&path);
    (void)state;
    taper_is_interrupted(tapes(m, path, later, NULL));
    file_becomes(textf("%s.old", file), "mine");
    struct run run = moongate_runs("ctl", "-s", path, "record", file, "--rotate", "1m", NULL);
    exits(run, FAILED);
    has(run.err, "r.7: it exists");
    assert_int_equal(size_of_file(file), -1);
    taper_is_interrupted(tapes(m, path, file, force));
    assert_int_equal(size_of_file(later), -1);
    is_said(file_text(textf("%s.old", file)), "mine");
}

static void only_its_owner_may_read_a_recording(void **state)
{
    const char *path, *file = file_path("r");
    struct stat about;
    struct moongate *m = taped_moongate(&path);
    (void)state;
    umask(0);
    taper_is_interrupted(tapes(m, path, file, NULL));
    assert_int_equal(stat(file, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
}

/* --- rotated, bounded ------------------------------------------------------------------------- */

/* Requests of a file must have the numbers behind *number. */
static void numbers_go_on(const char *name, unsigned *number)
{
    const char *all = requests_of(name, DONE);
    for (const char *line = all; *line; line = next_line(line))
        is_said(json_member(line, "client_flags"), textf("%u", ++*number));
}

static void a_recording_is_rotated_and_each_file_is_whole(void **state)
{
    const char *path, *file = file_path("r"), *key = taped_key("k");
    const char *const options[] = {"--values", "--rotate", "300k", NULL};
    struct moongate *m = taped_moongate(&path);
    struct client *c = client_connects(m);
    (void)state;
    struct taper *t = tapes(m, path, file, options);
    taper_records(c, "");
    unsigned stored = 0, number = 0, n = 0;
    for (unsigned i = 2; i <= 4; i++) stores_until(c, key, &stored, 8, textf("%s.%u", file, i));
    has(taper_is_interrupted(t), " bytes in 4 files: ");
    for (const char *name = file; size_of_file(name) >= 0; name = textf("%s.%u", file, n + 1)) {
        if (n < 3) assert_in_range(size_of_file(name), 200000, 400000);
        numbers_go_on(name, &number);
        n++;
    }
    assert_int_equal(n, 4);
    assert_int_equal(number, stored);
    struct run run = moongate_runs("recording", file, textf("%s.2", file), NULL);
    exits(run, DONE);
    assert_int_equal(run.err[0], '\0');
}

static void the_last_files_are_kept(void **state)
{
    const char *path, *file = file_path("r"), *key = taped_key("k");
    const char *const options[] = {"--values", "--rotate", "100k", "--keep", "2", NULL};
    struct moongate *m = taped_moongate(&path);
    struct client *c = client_connects(m);
    (void)state;
    struct taper *t = tapes(m, path, file, options);
    taper_records(c, "");
    unsigned stored = 0;
    stores_until(c, key, &stored, 4, textf("%s.2", file));
    stores_until(c, key, &stored, 4, textf("%s.3", file));
    stores_until(c, key, &stored, 4, textf("%s.5", file));
    const char *said = taper_is_interrupted(t);
    has(said, textf(" %llu bytes in 2 files: ",
                    (unsigned long long)size_of_file(textf("%s.4", file)) +
                        (unsigned long long)size_of_file(textf("%s.5", file))));
    for (unsigned i = 2; i < 8; i++)
        assert_int_equal(size_of_file(textf("%s.%u", file, i)) >= 0, i == 4 || i == 5);
    assert_int_equal(size_of_file(file), -1);
    struct run run =
        moongate_runs("recording", "--json", textf("%s.4", file), textf("%s.5", file), NULL);
    exits(run, DONE);
    has(run.out, textf("\"client_flags\":%u,", stored));
    has_not(run.out, "\"client_flags\":1,");
}

static void a_recording_ends_at_its_size(void **state)
{
    const char *path, *file = file_path("r"), *key = taped_key("k");
    const char *const options[] = {"--values", "--max-size", "1m", NULL};
    struct moongate *m = taped_moongate(&path);
    struct client *c = client_connects(m);
    (void)state;
    struct taper *t = tapes(m, path, file, options);
    taper_records(c, "");
    for (unsigned i = 1; i <= 40; i++) stores_much(c, key, i);
    has(taper_ends(t, DONE), "ended at --max-size");
    assert_in_range(size_of_file(file), 700000, 1100000);
    unsigned number = 0;
    numbers_go_on(file, &number);
    assert_in_range(number, 18, 36);
}

/* --- what is left ------------------------------------------------------------------------------ */

static void a_full_disk_leaves_a_readable_file(void **state)
{
    const char *path, *file = file_path("r"),
                      *key = taped_key("k"), *const options[] = {"--values", NULL};
    const struct rlimit limit = {900000, RLIM_INFINITY};
    struct moongate *m = taped_moongate(&path);
    struct client *c = client_connects(m);
    (void)state;
    struct taper *t = tapes(m, path, file, options);
    assert_int_equal(prlimit(t->program.pid, RLIMIT_FSIZE, &limit, NULL), 0);
    taper_records(c, "");
    for (unsigned i = 1; i <= 40; i++) stores_much(c, key, i);
    has(taper_ends(t, FAILED), "r: File too large: what was recorded before is in it");
    assert_in_range(size_of_file(file), 300000, 900000);
    has(requests_of(file, FAILED), "\"client_flags\":3,");
    has(moongate_runs("recording", file, NULL).err, "without its end mark");
    client_stores_value(c, "k", "x"); /* the service does not mind */
}

/* A second at most is missing. */
static void what_was_written_before_a_kill_is_readable(void **state)
{
    const char *path, *file = file_path("r"), *k = taped_key("k");
    struct moongate *m = taped_moongate(&path);
    struct client *c = client_connects(m);
    (void)state;
    struct taper *t = tapes(m, path, file, NULL);
    taper_records(c, "");
    off_t size = size_of_file(file);
    struct grown grown = {file, size > 0 ? size + 1 : 1};
    client_asks(c, textf("get %s\r\n", k), "END\r\n");
    for (bool is_there = false; !is_there;) {
        assert_true(stage_waits(has_grown, &grown));
        is_there = strstr(requests_of(file, FAILED), k);
        grown.size = size_of_file(file) + 1;
    }
    kill(t->program.pid, SIGKILL);
    assert_true(program_waits(&t->program));
    moongate_sees_log(m, "admin: record by uid");
    struct run run = moongate_runs("recording", "--dump", file, NULL);
    exits(run, FAILED);
    has(run.out, textf(" get %s miss ", k));
    has(run.err, "the file ends at byte");
    exits(moongate_runs("ctl", "-s", path, "status", NULL), DONE);
    taper_is_interrupted(tapes(m, path, textf("%s.again", file), NULL)); /* the place is free */
}

static void a_recording_goes_through_a_pipe(void **state)
{
    const char *path;
    struct moongate *m = taped_moongate(&path);
    (void)state;
    struct run run = shell_runs(
        textf("\"$MOONGATE\" ctl -s %s record - --for 300ms | \"$MOONGATE\" recording -", path));
    exits(run, DONE);
    has(run.out, "requests  0, 0 lost");
    run = shell_runs(textf("\"$MOONGATE\" ctl -s %s record - --for 5s | true; true", path));
    assert_true(moongate_runs_on(m));
}

static void a_cut_file_and_a_damaged_one_are_named(void **state)
{
    const char *file = file_path("r");
    (void)state;
    exits(shell_runs(textf("head -c 900 tests/unit/record/v1.mgrec >%s", file)), DONE);
    struct run run = moongate_runs("recording", "--json", file, NULL);
    exits(run, FAILED);
    has(run.err, textf("moongate: recording: %s: the file ends at byte 900", file));
    assert_int_equal(lines_of(run.out), 6);
    exits(shell_runs(textf(
              "sed 's/another process/any other prosess/' tests/unit/record/v1.mgrec >%s", file)),
          DONE);
    run = moongate_runs("recording", "--dump", file, NULL);
    exits(run, FAILED);
    has(run.err, " is damaged (its checksum is wrong)");
    assert_int_equal(lines_of(run.out), 7);
    file_becomes(file, "return mg.pool { }");
    run = moongate_runs("recording", file, NULL);
    exits(run, UNREADABLE);
    has(run.err, "it is not a recording of moongate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(nothing_is_replaced_that_is_not_a_recording),
        play(a_link_is_not_followed),
        play(files_of_an_earlier_rotated_recording_are_in_the_way),
        play(only_its_owner_may_read_a_recording),
        play(a_recording_is_rotated_and_each_file_is_whole),
        play(the_last_files_are_kept),
        play(a_recording_ends_at_its_size),
        play(a_full_disk_leaves_a_readable_file),
        play(what_was_written_before_a_kill_is_readable),
        play(a_recording_goes_through_a_pipe),
        play(a_cut_file_and_a_damaged_one_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
