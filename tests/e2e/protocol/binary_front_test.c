/* Clients of the binary protocol: what they get without a server, by which listener they come, who they are, and where they go. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/frames.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <string.h>

enum {
    GET = 0x00,
    SET = 0x01,
    QUIT = 0x07,
    FLUSH = 0x08,
    NOOP = 0x0a,
    VERSION = 0x0b,
    STAT = 0x10
};
enum { INCR = 0x05, GETQ = 0x09, TOUCH = 0x1c, GATQ = 0x1e };
enum { FLUSHQ = 0x18, SASL_LIST = 0x20, SASL_AUTH = 0x21, SASL_STEP = 0x22 };
enum { NOT_FOUND = 0x01, INVALID = 0x04, AUTH_FAILED = 0x20, UNKNOWN = 0x81 };

static void sees_noop(struct client *c)
{
    client_asks_frame(c, (struct frame){.opcode = NOOP, .opaque = 77}, 0, "");
}

/* --- what needs no server ---------------------------------------------------------------------- */

static void statistics_are_frames_the_last_one_empty(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);
    size_t body, key, requests = 0;

    client_sends_frame(c, (struct frame){.opcode = STAT, .key = "proxy", .opaque = 6});
    do {
        char *head = client_sees_some(c, FRAME_HEAD);
        body = (size_t)(unsigned char)head[10] << 8 | (unsigned char)head[11];
        assert_int_equal(head[15], 6);
        assert_int_equal(head[1], STAT);
        key = (unsigned char)head[3];
        const char *text = body ? client_sees_some(c, body) : "";
        requests += key == strlen("requests") && memcmp(text, "requests", key) == 0;
    } while (body);
    assert_int_equal(requests, 1);
    client_asks_frame(c, frame_of(STAT, "nonsense"), NOT_FOUND, "Not found");
    client_asks_frame(c, frame_of(STAT, "cachedump 1 0"), NOT_FOUND, "Not found");
    client_asks_frame(c, frame_of(STAT, "detail on"), 0, "");
    client_asks_frame(c, frame_of(STAT, "reset"), 0, "");
    sees_noop(c);
}

static void a_flush_reaches_every_server_unless_it_is_forbidden(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    struct moongate *m =
        moongate_start(script_by_letter(backend_address(a), backend_address(b), ""), NULL);
    struct client *c = client_connects(m);

    client_sends_frame(c, frame_touch(FLUSH, NULL, 10));
    backend_sees(a, "flush_all 10\r\n");
    backend_sees(b, "flush_all 10\r\n");
    backend_answers(a, "OK\r\n");
    backend_answers(b, "OK\r\n");
    client_sees_frame(c, (struct frame){.opcode = FLUSH});
    client_sends_frame(c, frame_of(FLUSHQ, NULL));
    backend_sees(a, "flush_all\r\n");
    backend_sees(b, "flush_all\r\n");
    backend_answers(a, "OK\r\n");
    backend_answers(b, "OK\r\n");
    sees_noop(c);

    struct backend *alone = backend_listens();
    m = moongate_start(script_of_one(backend_address(alone), ""), "--allow-flush", "no", NULL);
    c = client_connects(m);
    client_sends_frame(c, frame_of(FLUSH, NULL));
    char *head = client_sees_some(c, FRAME_HEAD);
    assert_int_equal(head[7], AUTH_FAILED);
}

/* --- listeners --------------------------------------------------------------------------------- */

static void a_listener_may_speak_one_protocol_alone(void **state)
{
    struct backend *b = backend_listens();
    const char *folder = program_folder();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-b",
                                        textf("unix:%s/text,protocol=text", folder), "-b",
                                        textf("unix:%s/binary,protocol=binary", folder), NULL);
    struct client *known = client_connects_to(textf("unix:%s/text", folder)),
                  *text = client_connects_to(textf("unix:%s/text", folder)),
                  *binary = client_connects_to(textf("unix:%s/binary", folder)),
                  *wrong = client_connects_to(textf("unix:%s/binary", folder));

    sees_noop(binary);
    client_sends(wrong, "version\r\n");
    client_sees_closed(wrong);
    client_sends_frame(text, frame_of(NOOP, NULL));
    client_sees_closed(text);
    moongate_sees_log(m, "speaks memcache's binary protocol");
    assert_int_equal(stat_number(known, "proxy", "foreign_binary"), 1);
}

/* Only its first byte says what a connection speaks. */
static void text_does_not_become_binary(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m), *d = client_connects(m);

    client_sends(c, "version\r\n");
    client_sees_line_starting(c, "VERSION ");
    client_sends_frame(c, frame_of(NOOP, NULL));
    client_sees_closed(c);
    sees_noop(d);
    client_sends(d, "version\r\n");
    client_sees_closed(d);
}

static void frames_byte_by_byte(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-b",
                                        textf("unix:%s/s", program_folder()), NULL);
    struct client *c = client_connects(m);
    struct octets bytes = {0};
    struct frame one = frame_store(SET, "k", "value"), other = frame_of(GET, "k");

    frame_add(&one, &bytes);
    frame_add(&other, &bytes);
    for (size_t i = 0; i < octets_n(&bytes); i++) {
        client_sends_bytes(c, octets_at(&bytes) + i, 1);
        client_is_read(c);
    }
    octets_release(&bytes);
    backend_sees(b, "ms k 5 c\r\nvalue\r\n");
    backend_answers(b, "HD c3\r\n");
    client_sees_frame(c, (struct frame){.opcode = SET, .cas = 3});
    backend_sees(b, "gets k\r\n");
    backend_answers(b, "END\r\n");
    client_sees_frame(c, (struct frame){.opcode = GET, .status = NOT_FOUND, .value = "Not found"});
}

/* A key that only base64 can carry is as long as that allows. */
static void a_key_that_cannot_be_sent_costs_its_frame(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);
    char key[188] = "";

    memset(key, ' ', 187);
    client_asks_frame(c, frame_store(SET, key, "v"), INVALID, "Invalid arguments");
    sees_noop(c);
    backend_has_nothing_yet(b);
}

/* --- who it is --------------------------------------------------------------------------------- */

static struct frame says(const char *mechanism, const char *value, size_t n)
{
    return (struct frame){.opcode = SASL_AUTH, .key = mechanism, .value = value, .value_n = n};
}
#define SAYS(mechanism, value) says(mechanism, value, sizeof(value) - 1)

static struct moongate *with_users(const struct backend *b)
{
    return moongate_start(script_of_one(backend_address(b), ""), "--auth-file",
                          moongate_script_file("app:secret\nbob:pass word\n"), NULL);
}

static void a_client_says_who_it_is_by_plain(void **state)
{
    static const struct {
        const char *mechanism, *value;
        size_t n;
    } wrong[] = {
        {"PLAIN", "\0app\0secreT", 11},
        {"PLAIN", "\0app\0secret\0", 12},
        {"PLAIN", "app\0secret", 10},
        {"PLAIN", "app secret", 10},
        {"PLAIN", "\0\0", 2},
        {"PLAIN", "", 0},
        {"CRAM-MD5", "\0app\0secret", 11},
        {"PLAIN2", "\0app\0secret", 11},
    };
    struct backend *b = backend_listens();
    struct moongate *m = with_users(b);
    struct client *c = client_connects(m);

    client_asks_frame(c, frame_of(SASL_LIST, NULL), 0, "PLAIN");
    client_sends_frame(c, frame_of(VERSION, NULL));
    client_sees_frame(c, (struct frame){.opcode = VERSION, .value = "1.6.45"});
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        client_asks_frame(c, says(wrong[i].mechanism, wrong[i].value, wrong[i].n), AUTH_FAILED,
                          "Auth failure.");
    client_asks_frame(c, (struct frame){.opcode = SASL_STEP, .key = "PLAIN"}, AUTH_FAILED,
                      "Auth failure.");
    client_asks_frame(c, SAYS("PLAIN", "\0app\0secret"), 0, "Authenticated");
    client_sends_frame(c, frame_of(GET, "k"));
    backend_sees(b, "gets k\r\n");
    backend_answers(b, "END\r\n");
    client_sees_frame(c, (struct frame){.opcode = GET, .status = NOT_FOUND, .value = "Not found"});
    client_asks_frame(c, SAYS("PLAIN", "as\0bob\0pass word"), 0, "Authenticated");
    client_asks_frame(c, SAYS("PLAIN", "\0bob\0wrong"), AUTH_FAILED, "Auth failure.");
    client_sees_closed(c);
    assert_null(strstr(moongate_log_line(m, "authentication failure"), "secreT"));
}

/* I14: nothing but that, and not a byte of a value that it would have to hold. */
static void what_comes_before_ends_the_client(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = with_users(b);
    static const uint8_t opcodes[] = {GET, NOOP, STAT, FLUSH, QUIT, 0xff};

    for (size_t i = 0; i < sizeof opcodes; i++) {
        struct client *c = client_connects(m);
        client_asks_frame(c, frame_of(opcodes[i], opcodes[i] == GET ? "k" : NULL), AUTH_FAILED,
                          "Auth failure.");
        client_sees_closed(c);
    }
    struct client *c = client_connects(m);
    struct frame f = frame_store(SET, "k", NULL);
    f.says_body = 500000;
    client_asks_frame(c, f, AUTH_FAILED, "Auth failure.");
    client_sees_closed(c);
    backend_has_nothing_yet(b);
}

static void without_users_sasl_is_unknown(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);

    client_asks_frame(c, frame_of(SASL_LIST, NULL), UNKNOWN, "Unknown command");
    client_asks_frame(c, SAYS("PLAIN", "\0app\0secret"), UNKNOWN, "Unknown command");
    sees_noop(c);
}

/* --- what is counted and shown ----------------------------------------------------------------- */

/* Under the names of what the frames say, whatever servers are asked. */
static void frames_count_as_the_commands_that_they_are(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--slow-log", "0.000001", NULL);
    struct client *c = client_connects(m), *t = client_connects(m);

    client_sends_frame(c, frame_store(SET, "k", "v"));
    client_sends_frame(c, frame_of(GETQ, "k"));
    client_sends_frame(c, frame_touch(TOUCH, "k", 5));
    client_sends_frame(c, frame_touch(GATQ, "k", 5));
    client_sends_frame(c, frame_count(INCR, "k", 1, 1, UINT32_MAX));
    backend_sees(b, "ms k 1 c\r\nv\r\ngets k\r\nmg k f c T5\r\ngats 5 k\r\nma k v c D1\r\n");
    backend_answers(b, "HD c1\r\nEND\r\nEN\r\nEND\r\nNF\r\n");
    client_sees_frame(c, (struct frame){.opcode = SET, .cas = 1});
    client_sees_frame(c,
                      (struct frame){.opcode = TOUCH, .status = NOT_FOUND, .value = "Not found"});
    client_sees_frame(c, (struct frame){.opcode = INCR, .status = NOT_FOUND, .value = "Not found"});
    assert_int_equal(stat_number(t, "proxy", "cmd_get"), 2);
    assert_int_equal(stat_number(t, "proxy", "cmd_set"), 1);
    assert_int_equal(stat_number(t, "proxy", "cmd_touch"), 2);
    assert_int_equal(stat_number(t, "proxy", "cmd_meta"), 0);
    assert_int_equal(stat_number(t, "proxy", "get_misses"), 2);
    assert_int_equal(stat_number(t, "proxy", "touch_misses"), 2);
    assert_int_equal(stat_number(t, "proxy", "incr_misses"), 1);
    assert_int_equal(stat_number(t, "commands", "set:requests"), 1);
    assert_int_equal(stat_number(t, "commands", "incr:misses"), 1);
    moongate_sees_log(m, "slow request: touch k");
}

/* --- where it goes ----------------------------------------------------------------------------- */

/* In the middle of a frame, too: the worker that goes finishes that one, and the next one reads on behind it. */
static void a_client_keeps_its_protocol_in_another_worker(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = with_users(b);
    struct client *c = client_connects(m);
    struct octets bytes = {0};
    struct frame set = frame_store(SET, "k", "value");

    client_asks_frame(c, SAYS("PLAIN", "\0app\0secret"), 0, "Authenticated");
    frame_add(&set, &bytes);
    client_sends_bytes(c, octets_at(&bytes), 20);
    kill(moongate_worker(m), SIGTERM);
    moongate_sees_log(m, "SIGTERM: another one takes its place");
    client_sends_bytes(c, octets_at(&bytes) + 20, octets_n(&bytes) - 20);
    octets_release(&bytes);
    backend_sees(b, "ms k 5 c\r\nvalue\r\n");
    backend_answers(b, "HD c3\r\n");
    client_sees_frame(c, (struct frame){.opcode = SET, .cas = 3});
    moongate_sees_log(m, "gone: exit 0");
    sees_noop(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(statistics_are_frames_the_last_one_empty),
        play(a_flush_reaches_every_server_unless_it_is_forbidden),
        play(a_listener_may_speak_one_protocol_alone),
        play(text_does_not_become_binary),
        play(frames_byte_by_byte),
        play(a_key_that_cannot_be_sent_costs_its_frame),
        play(a_client_says_who_it_is_by_plain),
        play(what_comes_before_ends_the_client),
        play(without_users_sasl_is_unknown),
        play(frames_count_as_the_commands_that_they_are),
        play(a_client_keeps_its_protocol_in_another_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
