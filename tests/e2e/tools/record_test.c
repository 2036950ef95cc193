/* `moongate ctl record` and `moongate recording`: what clients send to a service with real servers is in the file, with its outcome. */
#include "e2e/tools/taper.h"

#include "lib/upgrade.h"
#include <openssl/evp.h>

enum { DONE = 0, REFUSED = 1, USAGE = 2, NO_SOCKET = 3, NO_ANSWER = 4, LONG = 300000 };

static const char *file_path(const char *name)
{
    return textf("%s/%s", program_folder(), name);
}

static const char *base64_of(const char *key)
{
    char *text = stage_memory(2 * strlen(key) + 8);
    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)key, (int)strlen(key));
    return text;
}

static void is_request(const char *line, const char *command, const char *key, const char *result)
{
    is_said(json_member(line, "command"), command);
    is_said(json_member(line, "key"), key);
    is_said(json_member(line, "result"), result);
}

static void requests_and_their_outcomes_are_recorded(void **state)
{
    const char *path, *file = file_path("r"), *k = taped_key("k"), *none = taped_key("n");
    const char *in_base64 = base64_of(k);
    struct moongate *m = taped_moongate(&path);
    struct client *c = client_connects(m);
    (void)state;
    struct taper *t = tapes(m, path, file, NULL);
    taper_records(c, "");
    client_asks(c, textf("set %s 7 0 3\r\nabc\r\n", k), "STORED\r\n");
    client_asks(c, textf("get %s %s\r\n", k, none), textf("VALUE %s 7 3\r\nabc\r\nEND\r\n", k));
    client_asks(c, textf("incr %s 5\r\n", k),
                "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    client_asks(c, textf("mg %s b v Oxyz\r\n", in_base64), "VA 3 Oxyz\r\nabc\r\n");
    client_asks(c, textf("delete %s\r\n", k), "DELETED\r\n");
    client_asks(c, textf("touch %s 100\r\n", k), "NOT_FOUND\r\n");
    client_sends(c, textf("set %s 0 -1 1 noreply\r\nx\r\n", none));
    client_sees_nothing_more(c);
    has(taper_is_interrupted(t), " 0 lost; ");

    const char *all = requests_of(file, DONE), *line = all;
    is_request(line, "set", k, "stored");
    is_said(json_member(line, "client_flags"), "7");
    is_said(json_member(line, "value_len"), "3");
    line = next_line(line);
    is_request(line, "get", k, "hit");
    is_said(json_member(line, "part"), "0");
    is_said(json_member(line, "parts"), "2");
    line = next_line(line);
    is_request(line, "get", none, "miss");
    is_said(json_member(line, "part"), "1");
    line = next_line(line);
    is_request(line, "incr", k, "error");
    is_said(json_member(line, "number"), "5");
    begins_with(json_member(line, "error"), "CLIENT_ERROR cannot increment");
    line = next_line(line);
    is_request(line, "mg", k, "hit");
    is_said(json_member(line, "base64"), "true");
    has(json_member(line, "args"), "v Oxyz");
    line = next_line(line);
    is_request(line, "delete", k, "deleted");
    line = next_line(line);
    is_request(line, "touch", k, "miss");
    is_said(json_member(line, "exptime"), "100");
    line = next_line(line);
    is_request(line, "set", none, "stored");
    is_said(json_member(line, "noreply"), "true");
    is_said(json_member(line, "exptime"), "-1");
    has_not(all, "\"value\"");
}

static void values_are_recorded_only_when_they_are_asked_for(void **state)
{
    static const char *const modes[] = {"--values", "--sizes", "--keys-only"};
    const char *path;
    struct moongate *m = taped_moongate(&path);
    struct client *c = client_connects(m);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const char *file = file_path("r"), *const options[] = {modes[i], NULL};
        struct taper *t = tapes(m, path, file, options);
        taper_records(c, "");
        client_stores_value(c, taped_key("k"), "precious");
        client_sees_nothing_more(c);
        taper_is_interrupted(t);
        const char *all = requests_of(file, DONE);
        (i == 0 ? has : has_not)(all, "\"value\":\"precious\"");
        (i <= 1 ? has : has_not)(all, "\"value_len\":8");
    }
}

/* It takes several datagrams of its worker. */
static void a_long_value_is_recorded_whole(void **state)
{
    const char *path, *file = file_path("r"), *const options[] = {"--values", NULL};
    struct moongate *m = taped_moongate(&path);
    struct client *c = client_connects(m);
    const char *value = noise(LONG, 7), *k = taped_key("k"), *k2 = taped_key("l");
    (void)state;
    struct taper *t = tapes(m, path, file, options);
    taper_records(c, "");
    client_sends(c, textf("set %s 0 0 %d\r\n", k, LONG));
    client_sends_bytes(c, value, LONG);
    client_asks(c, "\r\n", "STORED\r\n");
    client_stores_value(c, k2, "x");
    client_sees_nothing_more(c);
    taper_is_interrupted(t);
    const char *all = requests_of(file, DONE);
    is_request(all, "set", k, "stored");
    is_request(next_line(all), "set", k2, "stored");
    has(all, textf("\"value_len\":%d", LONG));
    if (strlen(json_member(all, "value_base64")) != (LONG + 2) / 3 * 4) stage_fails("%.300s", all);
}

static void only_keys_that_begin_so_are_recorded(void **state)
{
    const char *path, *file = file_path("r"), *const options[] = {"--key", "a b\"", NULL};
    const char *const good[] = {"--key", "user:", NULL};
    struct moongate *m = taped_moongate(&path);
    struct client *c = client_connects(m);
    (void)state;
    taper_is_interrupted(tapes(m, path, file_path("none"), options));
    struct taper *t = tapes(m, path, file, good);
    taper_records(c, "user:");
    client_asks(c, textf("get %s\r\n", taped_key("user:")), "END\r\n");
    client_asks(c, textf("get %s\r\n", taped_key("page:")), "END\r\n");
    client_sees_nothing_more(c);
    taper_is_interrupted(t);
    const char *all = requests_of(file, DONE);
    has(all, "user:");
    has_not(all, "page:");
}

static void it_ends_by_itself_when_its_time_is_over(void **state)
{
    const char *path, *file = file_path("r"), *const options[] = {"--for", "1s", "--json", NULL};
    const char *k = taped_key("k");
    struct moongate *m = taped_moongate(&path);
    struct client *c = client_connects(m);
    (void)state;
    struct taper *t = tapes(m, path, file, options);
    taper_records(c, "");
    client_asks(c, textf("get %s\r\n", k), "END\r\n");
    is_said(taper_ends(t, DONE), "");
    has(moongate_log_line(m, "admin: record by uid "), "ended: its session has sent a line");
    is_request(requests_of(file, DONE), "get", k, "miss");
}

static void there_is_one_recording_at_a_time(void **state)
{
    const char *path, *file = file_path("r"), *earlier = file_path("e");
    struct moongate *m = taped_moongate(&path);
    (void)state;
    taper_is_interrupted(tapes(m, path, earlier, NULL));
    struct taper *t = tapes(m, path, file, NULL);
    struct run run = moongate_runs("ctl", "-s", path, "record", earlier, "--force", NULL);
    exits(run, REFUSED);
    has(run.err, "one recording at a time");
    is_said(requests_of(earlier, DONE), ""); /* it is still there, and whole */
    taper_is_interrupted(t);
    const char *const options[] = {"--force", NULL};
    taper_is_interrupted(tapes(m, path, file, options));
}

/* --- hashed keys ------------------------------------------------------------------------------- */

static const char *secret_file(const char *text, mode_t mode)
{
    const char *path = file_path("secret");
    file_becomes(path, text);
    chmod(path, mode);
    return path;
}

static void hashed_keys_do_not_show_the_keys(void **state)
{
    const char *path, *file = file_path("r");
    const char *const options[] = {"--hash-keys", secret_file("0123456789abcdef\n", 0600),
                                   "--keep-prefix", ":", NULL};
    const char *one = taped_key("user:"), *other = taped_key("user:");
    struct moongate *m = taped_moongate(&path);
    struct client *c = client_connects(m);
    (void)state;
    struct taper *t = tapes(m, path, file, options);
    taper_records(c, "");
    client_asks(c, textf("get %s\r\n", one), "END\r\n");
    client_asks(c, textf("mg %s v O%s\r\n", one, one), textf("EN O%s\r\n", one));
    client_asks(c, textf("get %s\r\n", other), "END\r\n");
    taper_is_interrupted(t);
    const char *all = requests_of(file, DONE), *key = json_member(all, "key");
    begins_with(key, "user:");
    assert_int_equal(strlen(key), 5 + 22);
    is_request(all, "get", key, "miss");
    is_request(line_at(all, 1), "mg", key, "miss");
    if (strcmp(json_member(line_at(all, 2), "key"), key) == 0)
        stage_fails("two keys have one hash");
    has_not(all, one + 5);
    has_not(all, other + 5);
    has(moongate_runs("recording", file, NULL).out, "keys hashed behind the first ':'");
}

static void secrets_that_protect_nothing_are_refused(void **state)
{
    const struct {
        const char *text;
        mode_t mode;
        const char *why;
    } all[] = {{"0123456789abcde\n", 0600, "a secret has 16 bytes at least"},
               {"", 0600, "it is empty"},
               {"0123456789abcdef", 0640, "others may use it (mode 0640): chmod 600 it"},
               {"0123456789abcdef", 0604, "others may use it (mode 0604)"}};
    const char *file = file_path("r");
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct run run = moongate_runs("ctl", "record", file, "--hash-keys",
                                       secret_file(all[i].text, all[i].mode), NULL);
        exits(run, USAGE);
        has(run.err, all[i].why);
    }
    exits(moongate_runs("ctl", "record", file, "--hash-keys", "/nonexistent", NULL), USAGE);
    assert_int_equal(size_of_file(file), -1);
}

/* --- the service goes ------------------------------------------------------------------------- */

static void a_recording_goes_on_after_an_upgrade(void **state)
{
    const char *path, *file = file_path("r");
    (void)state;
    upgrade_begins();
    struct moongate *m = taped_moongate(&path);
    struct client *c = client_connects(m);
    struct taper *t = tapes(m, path, file, NULL);
    taper_records(c, "");
    client_asks(c, textf("get %s\r\n", taped_key("before:")), "END\r\n");
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, 1);
    moongate_sees_log_times(m, "admin: record sizes", 2); /* the second time by the new process */
    taper_records(c, "");
    client_asks(c, textf("get %s\r\n", taped_key("after:")), "END\r\n");
    taper_is_interrupted(t);
    const char *all = requests_of(file, DONE);
    has(all, "\"key\":\"before:");
    has(all, "\"key\":\"after:");
    has(moongate_runs("recording", file, NULL).out, "gaps      1");
}

static void what_came_before_the_service_ended_is_in_the_file(void **state)
{
    const char *path, *file = file_path("r"), *k = taped_key("k");
    struct moongate *m = taped_moongate(&path);
    struct client *c = client_connects(m);
    (void)state;
    struct taper *t = tapes(m, path, file, NULL);
    taper_records(c, "");
    client_asks(c, textf("get %s\r\n", k), "END\r\n");
    client_sees_nothing_more(c);
    client_closes(c);
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    has(taper_ends(t, NO_ANSWER), "the service has ended");
    is_request(requests_of(file, DONE), "get", k, "miss");
}

/* --- words ------------------------------------------------------------------------------------- */

static void wrong_words_of_record_are_usage_errors(void **state)
{
    static const char *const wrong[][6] = {
        {"record"},
        {"record", "a", "b"},
        {"record", "f", "--values", "--sizes"},
        {"record", "f", "--keep-prefix", ":"},
        {"record", "f", "--hash-keys", "x", "--values"},
        {"record", "f", "--hash-keys", "x", "--keep-prefix", "ab"},
        {"record", "f", "--keep", "3"},
        {"record", "-", "--rotate", "1m"},
        {"record", "f", "--sample", "0"},
        {"record", "f", "--sample", "101%"},
        {"record", "f", "--pool", "p"},
        {"record", "f", "--for", "25h"},
        {"status", "--for", "1s"},
        {"status", "--force"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *const *w = wrong[i];
        struct run run = moongate_runs("ctl", w[0], w[1], w[2], w[3], w[4], w[5], NULL);
        exits(run, USAGE);
        has(run.err, "moongate: ");
    }
    exits(moongate_runs("ctl", "-s", "/nonexistent/a", "record", file_path("f"), NULL), NO_SOCKET);
    exits(moongate_runs("recording", NULL), USAGE);
    exits(moongate_runs("recording", "--json", "--dump", "f", NULL), USAGE);
    exits(moongate_runs("recording", "/nonexistent/f", NULL), NO_ANSWER);
    has(moongate_runs("ctl", "-h", NULL).out, "  record FILE\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(requests_and_their_outcomes_are_recorded),
        play(values_are_recorded_only_when_they_are_asked_for),
        play(a_long_value_is_recorded_whole),
        play(only_keys_that_begin_so_are_recorded),
        play(it_ends_by_itself_when_its_time_is_over),
        play(there_is_one_recording_at_a_time),
        play(hashed_keys_do_not_show_the_keys),
        play(secrets_that_protect_nothing_are_refused),
        play(a_recording_goes_on_after_an_upgrade),
        play(what_came_before_the_service_ended_is_in_the_file),
        play(wrong_words_of_record_are_usage_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
