/* classic: meta requests in the words of the classic commands, and what comes back in those of meta. What real servers answer to both:
 * tests/e2e/servers/classic_alike_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/classic.h"
#include "unit/protocol/guard.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define O32          "O01234567890123456789012345678901"

/* The parsed request, with its key decoded, as the backend floor gets it. */
static struct request parse(const char *text, uint8_t key[KEY_MAX])
{
    struct request_rules rules = {.max_value = 1024};
    struct request r;
    struct request_parse p = request_parse((const uint8_t *)text, strlen(text), &rules, &r);
    if (p.status != REQUEST_OK) print_error("%s\n", text);
    assert_int_equal(p.status, REQUEST_OK);
    if (r.meta & META_BASE64) assert_true(request_decode_key(&r, key));
    return r;
}

static struct classic_ask ask_for(const struct request *r, const char *key)
{
    return (struct classic_ask){.command = r->command_id,
                                .args = (const uint8_t *)r->args_at,
                                .args_len = r->args_len,
                                .key = (const uint8_t *)key,
                                .key_len = strlen(key),
                                .is_base64 = r->meta & META_BASE64};
}

/* --- requests ---------------------------------------------------------------------------------- */

/* The classic line; of a store its value follows. */
static const char *const lines[][2] = {
    {"mg k\r\n", "get k"},
    {"mg k q k O1\r\n", "get k"},
    {"mg k v f s\r\n", "get k"},
    {"mg k c\r\n", "gets k"},
    {"mg k v c f\r\n", "gets k"},
    {"mg k T30\r\n", "touch k 30\r\n"},
    {"mg k k O9 T-1 q\r\n", "touch k -1\r\n"},
    {"mg k T0 v\r\n", "gat 0 k"},
    {"mg k f T4294967297\r\n", "gat 4294967297 k"},
    {"mg k T5 s\r\n", "gat 5 k"},
    {"mg k T5 c\r\n", "gats 5 k"},
    {"mg Zm9v b v\r\n", "get foo"},
    {"ms k 1\r\nx\r\n", "set k 0 0 1\r\n"},
    {"ms k 1 T30 F7 k O1 q c\r\nx\r\n", "set k 7 30 1\r\n"},
    {"ms k 1 MS T-5\r\nx\r\n", "set k 0 -5 1\r\n"},
    {"ms k 0 ME\r\n\r\n", "add k 0 0 0\r\n"},
    {"ms k 1 MA\r\nx\r\n", "append k 0 0 1\r\n"},
    {"ms k 1 MP F18446744073709551615\r\nx\r\n", "prepend k 18446744073709551615 0 1\r\n"},
    {"ms k 1 MR\r\nx\r\n", "replace k 0 0 1\r\n"},
    {"ms k 1 C18446744073709551615\r\nx\r\n", "cas k 0 0 1 18446744073709551615\r\n"},
    {"ms k 1 MS C0 T1\r\nx\r\n", "cas k 0 1 1 0\r\n"},
    {"ms Zm9v 1 b\r\nx\r\n", "set foo 0 0 1\r\n"},
    {"md k\r\n", "delete k\r\n"},
    {"md Zm9v b q k O1\r\n", "delete foo\r\n"},
    {"md noreply\r\n", "delete noreply 0\r\n"},
    {"ma k\r\n", "incr k 1\r\n"},
    {"ma k D18446744073709551615 v c q\r\n", "incr k 18446744073709551615\r\n"},
    {"ma k MI D2\r\n", "incr k 2\r\n"},
    {"ma k M+\r\n", "incr k 1\r\n"},
    {"ma k MD\r\n", "decr k 1\r\n"},
    {"ma Zm9v M- b D7\r\n", "decr foo 7\r\n"},
};

static void a_request_is_said_in_the_words_of_its_classic_command(void **state)
{
    for (size_t i = 0; i < COUNT(lines); i++) {
        uint8_t key[KEY_MAX], line[REQUEST_LINE_ROOM];
        struct request r = parse(lines[i][0], key);
        struct classic said = classic_say(&r, true);
        if (said.status != CLASSIC_SAID) print_error("%s", lines[i][0]);
        assert_int_equal(said.status, CLASSIC_SAID);
        size_t len = request_encode_line(&said.request, line);
        if (len != strlen(lines[i][1])) print_error("%s%.*s\n", lines[i][0], (int)len, line);
        assert_int_equal(len, strlen(lines[i][1]));
        assert_memory_equal(line, lines[i][1], len);
        assert_int_equal(said.request.value_len, r.value_len);
        assert_true(said.request.value_at == r.value_at);
    }
}

/* A script may have written them. */
static void what_a_script_has_changed_is_said(void **state)
{
    uint8_t key[KEY_MAX], line[REQUEST_LINE_ROOM];
    struct request r = parse("ms k 1 T30\r\nx\r\n", key);
    r.exptime = 60;
    r.client_flags = 3;
    struct classic said = classic_say(&r, true);
    size_t len = request_encode_line(&said.request, line);
    assert_int_equal(len, strlen("set k 3 60 1\r\n"));
    assert_memory_equal(line, "set k 3 60 1\r\n", len);
}

/* The failure of a server named S, behind its constant part; or a line of memcached. */
static const struct {
    const char *request, *text;
    bool has_gat;
} refused[] = {
    {"mg k t\r\n", "only they have flag t of mg", true},
    {"mg k v h\r\n", "only they have flag h of mg", true},
    {"mg k l\r\n", "only they have flag l of mg", true},
    {"mg k N30 v\r\n", "only they have flag N of mg", true},
    {"mg k R30 v\r\n", "only they have flag R of mg", true},
    {"mg k E5\r\n", "only they have flag E of mg", true},
    {"mg k \x80\r\n", "only they have mg", true},
    {"mg k T30 v\r\n", "nor gat, which this mg needs", false},
    {"mg k c T30\r\n", "nor gats, which this mg needs", false},
    {"ms k 1 I\r\nx\r\n", "only they have flag I of ms", true},
    {"ms k 1 N30 MA\r\nx\r\n", "only they have flag N of ms", true},
    {"ms k 1 E9\r\nx\r\n", "only they have flag E of ms", true},
    {"ms k 1 ME C1\r\nx\r\n", "only they have flag C of ms", true},
    {"ms k 1 C1 MA\r\nx\r\n", "only they have flag C of ms", true},
    {"md k C5\r\n", "only they have flag C of md", true},
    {"md k I T5\r\n", "only they have flag I of md", true},
    {"md k x\r\n", "only they have flag x of md", true},
    {"ma k N0 J1\r\n", "only they have flag N of ma", true},
    {"ma k J1\r\n", "only they have flag J of ma", true},
    {"ma k C1\r\n", "only they have flag C of ma", true},
    {"ma k t\r\n", "only they have flag t of ma", true},
    {"ma k T30\r\n", "only they have flag T of ma", true},
    {"me k\r\n", "only they have me", true},
    {"mg YSBi b v\r\n", "the key of this mg is not text", true},
    {"ms DQo= 1 b\r\nx\r\n", "the key of this ms is not text", true},
    {"md AA== b\r\n", "the key of this md is not text", true},
    {"ma awo= b\r\n", "the key of this ma is not text", true},
    {"mg k T\r\n", "CLIENT_ERROR bad token in command line format\r\n", true},
    {"mg k v Tx\r\n", "CLIENT_ERROR bad token in command line format\r\n", true},
    {"mg k " O32 "2\r\n", "CLIENT_ERROR opaque token too long\r\n", true},
    {"ms k 1 MX\r\nx\r\n", "CLIENT_ERROR invalid mode for ms M token\r\n", true},
    {"ms k 1 Ma\r\nx\r\n", "CLIENT_ERROR invalid mode for ms M token\r\n", true},
    {"ms k 1 M\r\nx\r\n", "CLIENT_ERROR incorrect length for M token\r\n", true},
    {"ms k 1 MSS C1\r\nx\r\n", "CLIENT_ERROR incorrect length for M token\r\n", true},
    {"ma k MX\r\n", "CLIENT_ERROR invalid mode for ma M token\r\n", true},
    {"ma k MII\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n", true},
    {"ma k M\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n", true},
    {"ma k D\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n", true},
    {"ma k D-1\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n", true},
    {"ma k D18446744073709551616\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n", true},
};

static void what_cannot_be_said_fails_with_one_text(void **state)
{
    for (size_t i = 0; i < COUNT(refused); i++) {
        uint8_t key[KEY_MAX], line[CLASSIC_LACKING_ROOM + 1];
        struct request r = parse(refused[i].request, key);
        struct classic said = classic_say(&r, refused[i].has_gat);
        struct response response;
        if (strncmp(refused[i].text, "CLIENT_ERROR", 12) == 0) {
            assert_int_equal(said.status, CLASSIC_REFUSED);
            assert_string_equal(said.error, refused[i].text);
            continue;
        }
        char text[256];
        int n =
            snprintf(text, sizeof text, "SERVER_ERROR S" CLASSIC_LACKS "%s\r\n", refused[i].text);
        if (said.status != CLASSIC_LACKING) print_error("%s", refused[i].request);
        assert_int_equal(said.status, CLASSIC_LACKING);
        size_t len = classic_put_lacking(&said.what, "S", 1, line);
        assert_int_equal(len, n);
        assert_memory_equal(line, text, len);
        assert_int_equal(response_parse(line, len, 0, &response), RESPONSE_DONE);
        assert_true(classic_is_lacking(&response));
    }
}

static void other_errors_are_not_that_failure(void **state)
{
    static const char *const others[] = {"ERROR\r\n", "SERVER_ERROR 1.2.3.4:1 timeout\r\n",
                                         "CLIENT_ERROR S does not know meta commands: x\r\n",
                                         "SERVER_ERROR does not know meta commands:\r\n",
                                         "END\r\n"};
    for (size_t i = 0; i < COUNT(others); i++) {
        struct response r;
        assert_int_equal(response_parse((const uint8_t *)others[i], strlen(others[i]), 9, &r),
                         RESPONSE_DONE);
        assert_false(classic_is_lacking(&r));
    }
}

/* --- answers ----------------------------------------------------------------------------------- */

/* What is asked, with the key as it is on the wire; what the classic command answers; what the client sees. */
static const char *const answers[][4] = {
    {"mg k\r\n", "k", "VALUE k 5 3\r\nabc\r\n", "HD\r\n"},
    {"mg k v\r\n", "k", "VALUE k 5 3\r\nabc\r\n", "VA 3\r\nabc\r\n"},
    {"mg k k v O12 f s c q\r\n", "k", "VALUE k 5 3 9\r\nabc\r\n",
     "VA 3 kk O12 f5 s3 c9\r\nabc\r\n"},
    {"mg k c s f O\r\n", "k", "VALUE k 18446744073709551615 0 18446744073709551615\r\n\r\n",
     "HD c18446744073709551615 s0 f18446744073709551615 O\r\n"},
    {"mg k v c\r\n", "k", "VALUE k 0 5 1\r\nEND\r\n\r\n", "VA 5 c1\r\nEND\r\n\r\n"},
    {"mg Zm9v b k O1 v\r\n", "Zm9v", "VALUE foo 0 1\r\nx\r\n", "VA 1 kZm9v b O1\r\nx\r\n"},
    {"mg k v k O1 f\r\n", "k", "END\r\n", "EN kk O1\r\n"},
    {"mg k\r\n", "k", "END\r\n", "EN\r\n"},
    {"mg k T5 O1\r\n", "k", "TOUCHED\r\n", "HD O1\r\n"},
    {"mg k T5 k\r\n", "k", "NOT_FOUND\r\n", "EN kk\r\n"},
    {"ms k 1 k O1\r\nx\r\n", "k", "STORED\r\n", "HD kk O1\r\n"},
    {"ms k 1 c k\r\nx\r\n", "k", "STORED\r\n", "HD c0 kk\r\n"},
    {"ms k 1 MA c\r\nx\r\n", "k", "NOT_STORED\r\n", "NS c0\r\n"},
    {"ms k 1 C5 O1 c\r\nx\r\n", "k", "EXISTS\r\n", "EX O1 c0\r\n"},
    {"ms Zm9v 1 C5 b k\r\nx\r\n", "Zm9v", "NOT_FOUND\r\n", "NF kZm9v b\r\n"},
    {"md k k O1 q\r\n", "k", "DELETED\r\n", "HD kk O1\r\n"},
    {"md k O1 k\r\n", "k", "NOT_FOUND\r\n", "NF O1 kk\r\n"},
    {"ma k\r\n", "k", "7\r\n", "HD\r\n"},
    {"ma k v k c O1\r\n", "k", "18446744073709551615\r\n",
     "VA 20 kk c0 O1\r\n18446744073709551615\r\n"},
    {"ma k c k\r\n", "k", "0\r\n", "HD c0 kk\r\n"},
    {"ma k v c k O1\r\n", "k", "NOT_FOUND\r\n", "NF kk O1\r\n"},
};

/* Within the room that is asked for, and reads as a response with that key and opaque. */
static void its_answer_becomes_that_of_the_request(void **state)
{
    for (size_t i = 0; i < COUNT(answers); i++) {
        uint8_t key[KEY_MAX];
        struct request r = parse(answers[i][0], key);
        struct classic_ask ask = ask_for(&r, answers[i][1]);
        struct response came, whole, again;
        assert_int_equal(
            response_parse((const uint8_t *)answers[i][2], strlen(answers[i][2]), 99, &came),
            RESPONSE_DONE);
        struct guard guard;
        size_t room = classic_room(&ask, &came, false);
        guard_init(&guard, room);
        uint8_t *to = guard.pages + guard.room - room;
        classic_answer(&ask, &came, false, to, &whole);
        if (whole.len != strlen(answers[i][3]))
            print_error("%s%.*s", answers[i][0], (int)whole.len, whole.bytes);
        assert_int_equal(whole.len, strlen(answers[i][3]));
        assert_memory_equal(whole.bytes, answers[i][3], whole.len);
        assert_int_equal(response_parse(whole.bytes, whole.len, 99, &again), RESPONSE_DONE);
        assert_int_equal(again.kind, whole.kind);
        assert_true(again.key == whole.key && again.key_len == whole.key_len);
        assert_true(again.rest == whole.rest);
        assert_true(again.opaque == whole.opaque && again.opaque_len == whole.opaque_len);
        guard_release(&guard);
    }
}

/* Of a value that is passed on while it comes. */
static void the_line_of_a_value_can_be_had_alone(void **state)
{
    static const char line[] = "VALUE k 5 1000000 9\r\n";
    uint8_t key[KEY_MAX], to[512];
    struct request r = parse("mg k v f c k s O1\r\n", key);
    struct classic_ask ask = ask_for(&r, "k");
    struct response came, head;
    assert_int_equal(response_parse((const uint8_t *)line, sizeof line - 1, 9999999, &came),
                     RESPONSE_AGAIN);
    came.len = sizeof line - 1;
    assert_true(classic_wants_value(&ask) && classic_room(&ask, &came, true) < sizeof to);
    classic_answer(&ask, &came, true, to, &head);
    static const char seen[] = "VA 1000000 f5 c9 kk s1000000 O1\r\n";
    assert_int_equal(head.len, sizeof seen - 1);
    assert_memory_equal(head.bytes, seen, head.len);
    assert_int_equal(head.kind, RESPONSE_VA);
}

/* --- random requests --------------------------------------------------------------------------- */

static unsigned below(unsigned *seed, unsigned n)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % n;
}

/* Flags in any order, each once at most. */
static void add_flags(unsigned *seed, const char *const *flags, size_t n, char *to)
{
    bool used[16] = {false};
    for (unsigned left = below(seed, (unsigned)n + 1); left > 0; left--) {
        unsigned i = below(seed, (unsigned)n);
        if (used[i]) continue;
        used[i] = true;
        strcat(strcat(to, " "), flags[i]);
    }
}

/* Any request that can be said goes to a server as one line of its classic command with the same key, which a server reads as such; any
 * answer to it is one response of the meta command, with what was asked for in its order. */
static void any_request_is_one_line_and_any_answer_one_response(void **state)
{
    static const char *const get[] = {"v", "f", "c", "s", "k", O32, "q", "T30", "t", "N5"};
    static const char *const set[] = {"F7", "T-1", "c", "k", "O1", "q", "ME", "C9", "I"};
    static const char *const other[] = {"k", "Oabc", "q", "c", "v", "D3", "MD", "J4"};
    static const char *const commands[] = {"mg", "ms", "md", "ma"};
    static const char *const gets[] = {"VALUE key 1 4 5\r\nEND\r\r\n", "END\r\n"};
    static const char *const touches[] = {"TOUCHED\r\n", "NOT_FOUND\r\n"};
    static const char *const stores[] = {"STORED\r\n", "NOT_STORED\r\n", "EXISTS\r\n",
                                         "NOT_FOUND\r\n"};
    static const char *const deletes[] = {"DELETED\r\n", "NOT_FOUND\r\n"};
    static const char *const numbers[] = {"0\r\n", "12345\r\n", "NOT_FOUND\r\n"};
    unsigned said_n = 0;
    for (unsigned i = 1; i <= 20000; i++) {
        unsigned seed = i, command = below(&seed, 4);
        char text[512];
        uint8_t key[KEY_MAX], line[REQUEST_LINE_ROOM + 2], to[1024];
        snprintf(text, sizeof text, "%s %s%s", commands[command],
                 below(&seed, 3) ? "key" : "a2V5 b", command == 1 ? " 0" : "");
        if (command == 1 && strchr(text, 'b')) strcpy(text, "ms a2V5 0 b");
        const char *const *flags = command == 0 ? get : command == 1 ? set : other;
        add_flags(&seed, flags,
                  command == 0   ? COUNT(get)
                  : command == 1 ? COUNT(set)
                                 : COUNT(other),
                  text);
        strcat(text, command == 1 ? "\r\n\r\n" : "\r\n");
        struct request r = parse(text, key), again;
        struct classic said = classic_say(&r, true);
        if (said.status != CLASSIC_SAID) continue;
        said_n++;
        size_t len = request_encode_line(&said.request, line);
        unsigned shape = command_info(said.request.command_id)->shape;
        memcpy(line + len, "\r\n", 2);
        if (shape == SHAPE_RETRIEVE || shape == SHAPE_STORE) len += 2;
        struct request_rules rules = {.max_value = 9};
        assert_int_equal(request_parse(line, len, &rules, &again).status, REQUEST_OK);
        assert_true(again.command_id == said.request.command_id && again.key_len == 3 &&
                    memcmp((const void *)again.key_at, "key", 3) == 0 && !again.noreply);

        const char *came = shape == SHAPE_RETRIEVE ? gets[below(&seed, 2)]
                           : shape == SHAPE_TOUCH  ? touches[below(&seed, 2)]
                           : shape == SHAPE_STORE  ? stores[below(&seed, 4)]
                           : shape == SHAPE_DELETE ? deletes[below(&seed, 2)]
                                                   : numbers[below(&seed, 3)];
        bool is_base64 = r.meta & META_BASE64;
        struct classic_ask ask = ask_for(&r, is_base64 ? "a2V5" : "key");
        struct response answer, whole, parsed;
        assert_int_equal(response_parse((const uint8_t *)came, strlen(came), 9, &answer),
                         RESPONSE_DONE);
        assert_true(command_info(said.request.command_id)->responses & answer.kind);
        classic_answer(&ask, &answer, false, to, &whole);
        assert_int_equal(response_parse(whole.bytes, whole.len, 99, &parsed), RESPONSE_DONE);
        assert_true(parsed.len == whole.len && parsed.kind == whole.kind);
        assert_true(command_info(r.command_id)->responses & parsed.kind);
        assert_int_equal(parsed.key != NULL, (r.meta & META_KEY) != 0);
        assert_int_equal(parsed.opaque != NULL, (r.meta & META_OPAQUE) != 0);
    }
    assert_true(said_n > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_said_in_the_words_of_its_classic_command),
        cmocka_unit_test(what_a_script_has_changed_is_said),
        cmocka_unit_test(what_cannot_be_said_fails_with_one_text),
        cmocka_unit_test(other_errors_are_not_that_failure),
        cmocka_unit_test(its_answer_becomes_that_of_the_request),
        cmocka_unit_test(the_line_of_a_value_can_be_had_alone),
        cmocka_unit_test(any_request_is_one_line_and_any_answer_one_response),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
