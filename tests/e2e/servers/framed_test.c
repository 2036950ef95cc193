/* Servers that are spoken to in the binary protocol, played frame by frame: what goes over the wire, and what happens to frames that do not
 * fit. Answers of real servers: framed_alike_test.
 */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum {
    GETK = 0x0c,
    SET = 0x01,
    DELETE = 0x04,
    VERSION = 0x0b,
    STAT = 0x10,
    SASL = 0x21,
    HEAD = 24
};

/* A frame's bytes, in stage memory. */
struct frame {
    char *bytes;
    size_t len;
};

struct parts {
    unsigned char magic, opcode;
    unsigned status; /* or bucket */
    const char *extras;
    size_t extras_len;
    const char *key, *value;
    size_t value_len;
    unsigned opaque; /* as the number of its place */
};

static struct frame frame_of(const struct parts *p)
{
    size_t key_len = p->key ? strlen(p->key) : 0, value_len = p->value_len;
    if (p->value && !value_len) value_len = strlen(p->value);
    struct frame f = {.len = HEAD + p->extras_len + key_len + value_len};
    f.bytes = stage_memory(f.len);
    memset(f.bytes, 0, f.len);
    f.bytes[0] = (char)p->magic;
    f.bytes[1] = (char)p->opcode;
    f.bytes[3] = (char)key_len;
    f.bytes[4] = (char)p->extras_len;
    f.bytes[6] = (char)(p->status >> 8);
    f.bytes[7] = (char)p->status;
    uint32_t body = htonl((uint32_t)(f.len - HEAD));
    memcpy(f.bytes + 8, &body, 4);
    memcpy(f.bytes + 12, &p->opaque, 4);
    char *at = f.bytes + HEAD;
    if (p->extras_len) at = mempcpy(at, p->extras, p->extras_len);
    if (key_len) at = mempcpy(at, p->key, key_len);
    if (value_len) memcpy(at, p->value, value_len);
    return f;
}

static void sees(struct backend *b, const struct parts *p)
{
    struct parts request = *p;
    request.magic = 0x80;
    struct frame f = frame_of(&request);
    backend_sees_bytes(b, f.bytes, f.len);
}

static void answers(struct backend *b, const struct parts *p)
{
    struct parts response = *p;
    if (!response.magic) response.magic = 0x81;
    struct frame f = frame_of(&response);
    backend_answers_bytes(b, f.bytes, f.len);
}

static void answers_hit(struct backend *b, unsigned opaque, const char *key, const char *value)
{
    answers(b, &(struct parts){.opcode = GETK,
                               .extras = "\0\0\0\7",
                               .extras_len = 4,
                               .key = key,
                               .value = value,
                               .opaque = opaque});
}

static struct backend *silent(void)
{
    struct backend *b = backend_listens();
    backend_is(b, 0, "", "");
    return b;
}

static void is_ready(struct backend *b)
{
    sees(b, &(struct parts){.opcode = VERSION});
    answers(b, &(struct parts){.opcode = VERSION, .value = "1.6.18"});
}

static struct client *before(const struct backend *b, const char *options)
{
    return client_connects(
        moongate_start(script_of_one(backend_address(b),
                                     textf("protocol = 'binary', timeout = 60, stall_timeout = 60, "
                                           "connect_timeout = 60, %s",
                                           options)),
                       NULL));
}

/* --- the way to READY ---------------------------------------------------------------------------- */

static void it_is_asked_its_version_and_then_served(void **state)
{
    struct backend *b = silent();
    struct client *c = before(b, "");
    client_sends(c, "get k\r\nset k 1 2 1\r\nx\r\nget k2 k3\r\nme k\r\nmg k v\r\n"); /* they wait */
    for (int i = 0; i < 20; i++) stage_turns(1);
    is_ready(b);
    sees(b, &(struct parts){.opcode = GETK, .key = "k", .opaque = 0});
    sees(b, &(struct parts){.opcode = SET,
                            .extras = "\0\0\0\1\0\0\0\2",
                            .extras_len = 8,
                            .key = "k",
                            .value = "x",
                            .opaque = 1});
    sees(b, &(struct parts){.opcode = GETK, .key = "k2", .opaque = 2});
    sees(b, &(struct parts){.opcode = GETK, .key = "k3", .opaque = 3});
    sees(b, &(struct parts){.opcode = GETK, .key = "k", .opaque = 4});
    answers_hit(b, 0, "k", "abc");
    answers(b, &(struct parts){.opcode = SET, .opaque = 1});
    answers(b, &(struct parts){.opcode = GETK, .status = 1, .value = "Not found", .opaque = 2});
    answers_hit(b, 3, "k3", "");
    answers_hit(b, 4, "k", "END\r\n");
    client_sees(c, "VALUE k 7 3\r\nabc\r\nEND\r\nSTORED\r\nVALUE k3 7 0\r\n\r\nEND\r\n");
    client_sees_line_starting(
        c, textf("%sdoes not know meta commands", failure_of(backend_address(b))));
    client_sees(c, "VA 5\r\nEND\r\n\r\n");
    client_sees_nothing_more(c);
}

static void user_and_password_come_first(void **state)
{
    const char *file = textf("%s/credentials", program_folder());
    const struct {
        unsigned status;
        const char *value, *why;
    } rows[] = {
        {0, "Authenticated", NULL},
        {0x20, "Auth failure.", "authentication failed: see the file of the option auth"},
        {0x21, "more", "authentication failed: see the file of the option auth"},
        {0x81, "Unknown command", "takes no user and password: it does not know SASL"},
    };
    file_becomes(file, "moon:gate");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct backend *b = silent();
        struct moongate *m = moongate_start(
            script_of_one(
                backend_address(b),
                textf("connect_timeout = 60, probe_min = 60, probe_max = 60, auth = { file "
                      "= '%s', mechanism = 'sasl' }",
                      file)),
            NULL);
        struct client *c = client_connects(m);
        client_sends(c, "get k\r\n");
        sees(b, &(struct parts){
                    .opcode = SASL, .key = "PLAIN", .value = "\0moon\0gate", .value_len = 10});
        answers(b,
                &(struct parts){.opcode = SASL, .status = rows[i].status, .value = rows[i].value});
        if (!rows[i].why) {
            is_ready(b);
            sees(b, &(struct parts){.opcode = GETK, .key = "k"});
            answers_hit(b, 0, "k", "x");
            client_sees(c, "VALUE k 7 1\r\nx\r\nEND\r\n");
        } else {
            backend_sees_closed(b);
            client_sees(c, textf("%s%s\r\n", failure_of(backend_address(b)), rows[i].why));
        }
        assert_int_equal(moongate_log_count(m, "gate:"), 0);
        stage_clears();
        file = textf("%s/credentials", program_folder());
        file_becomes(file, "moon:gate");
    }
}

static void what_proves_no_server_takes_it_down(void **state)
{
    const struct {
        struct parts answer;
        const char *why;
    } rows[] = {
        {{.opcode = VERSION, .status = 0x20},
         "asks for a user and a password: see the option auth"},
        {{.opcode = VERSION, .status = 0x84}, "answers version with status 132"},
        {{.opcode = GETK}, "desync: a frame that answers another request"},
        {{.opcode = VERSION, .opaque = 1}, "desync: a frame that answers another request"},
        {{.magic = 0x80, .opcode = VERSION}, "desync: it does not speak the binary protocol"},
        {{.magic = 'E', .opcode = 'R'}, "desync: it does not speak the binary protocol"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct backend *b = silent();
        struct client *c = before(b, "probe_min = 60, probe_max = 60");
        client_sends(c, "get k\r\n");
        sees(b, &(struct parts){.opcode = VERSION});
        answers(b, &rows[i].answer);
        backend_sees_closed(b);
        client_sees(c, textf("%s%s\r\n", failure_of(backend_address(b)), rows[i].why));
        stage_clears();
    }
}

/* --- I3: frames that do not fit ------------------------------------------------------------------ */

static void a_frame_that_does_not_fit_closes(void **state)
{
    const struct {
        const char *request;
        struct parts sent, answer;
    } rows[] = {
        {"get k\r\n", {.opcode = GETK, .key = "k"}, {.opcode = GETK, .opaque = 1, .status = 1}},
        {"get k\r\n", {.opcode = GETK, .key = "k"}, {.opcode = 0, .status = 1}},
        {"get k\r\n", {.opcode = GETK, .key = "k"}, {.opcode = SET}},
        {"get k\r\n", {.opcode = GETK, .key = "k"}, {.opcode = GETK}}, /* without flags */
        {"get k\r\n",
         {.opcode = GETK, .key = "k"},
         {.opcode = GETK, .extras = "\0\0\0\0", .extras_len = 4, .key = "l"}},
        {"get k\r\n", {.opcode = GETK, .key = "k"}, {.opcode = GETK, .status = 2}},
        {"get k\r\n", {.opcode = GETK, .key = "k"}, {.magic = 'V', .opcode = 'A'}},
        {"delete k\r\n", {.opcode = DELETE, .key = "k"}, {.opcode = DELETE, .status = 2}},
        {"delete k\r\n", {.opcode = DELETE, .key = "k"}, {.opcode = DELETE, .value = "x"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct backend *b = silent();
        struct client *c = before(b, "probe_min = 60, probe_max = 60"), *other;
        is_ready(b);
        client_sends(c, rows[i].request);
        sees(b, &rows[i].sent);
        answers(b, &rows[i].answer);
        client_sees_line_starting(c, textf("%sdesync: ", failure_of(backend_address(b))));
        backend_sees_closed(b);
        other = c;
        client_sees_nothing_more(other);
        stage_clears();
    }
}

static void a_statistic_of_more_than_one_line_closes(void **state)
{
    static const struct parts wrong[] = {
        {.opcode = STAT, .key = "items:1:number", .value = "1\r\nSTAT made:up 2"},
        {.opcode = STAT, .key = "items:1:number 1\r\nSTAT made:up", .value = "2"}};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct backend *b = silent();
        struct client *c = before(b, "probe_min = 60, probe_max = 60");
        is_ready(b);
        client_sends(c, "stats items\r\n");
        sees(b, &(struct parts){.opcode = STAT, .key = "items"});
        answers(b, &wrong[i]);
        backend_sees_closed(b);
        for (const char *line = ""; strcmp(line, "END") != 0; line = client_sees_line(c))
            assert_null(strstr(line, "made:up"));
        stage_clears();
    }
}

static void lengths_that_cannot_be_close(void **state)
{
    static const struct {
        size_t at;
        char byte;
    } changes[] = {{2, 1}, {3, (char)0xff}, {4, 9}, {5, 1}, {8, 0x7f}, {8, (char)0xff}};
    for (size_t i = 0; i < COUNT(changes); i++) {
        struct backend *b = silent();
        struct client *c = before(b, "probe_min = 60, probe_max = 60");
        is_ready(b);
        client_sends(c, "get k\r\n");
        sees(b, &(struct parts){.opcode = GETK, .key = "k"});
        struct frame f = frame_of(&(struct parts){
            .magic = 0x81, .opcode = GETK, .extras = "\0\0\0\0", .extras_len = 4, .value = "x"});
        f.bytes[changes[i].at] = changes[i].byte;
        backend_answers_bytes(b, f.bytes, HEAD);
        client_sees(
            c, textf("%sdesync: bytes that are not a frame\r\n", failure_of(backend_address(b))));
        backend_sees_closed(b);
        stage_clears();
    }
}

static void a_frame_that_nobody_asked_for_closes(void **state)
{
    struct backend *b = silent();
    struct client *c = before(b, "");
    is_ready(b);
    client_sends(c, "get k\r\n");
    sees(b, &(struct parts){.opcode = GETK, .key = "k"});
    answers_hit(b, 0, "k", "x");
    client_sees(c, "VALUE k 7 1\r\nx\r\nEND\r\n");
    answers_hit(b, 1, "k", "x");
    backend_sees_closed(b);
}

/* Also a value that comes in pieces, and one that ends in the middle. */
static void frames_may_be_cut_anywhere(void **state)
{
    struct backend *b = silent();
    struct client *c = before(b, "probe_min = 60, probe_max = 60");
    is_ready(b);
    static const size_t lengths[] = {0, 3, 5000, 200000};
    for (unsigned i = 0; i < COUNT(lengths); i++) {
        char *value = noise(lengths[i] + 1, i);
        client_sends(c, "get k\r\n");
        sees(b, &(struct parts){.opcode = GETK, .key = "k", .opaque = i});
        struct frame f = frame_of(&(struct parts){.magic = 0x81,
                                                  .opcode = GETK,
                                                  .extras = "\0\0\0\7",
                                                  .extras_len = 4,
                                                  .key = "k",
                                                  .value = lengths[i] ? value : NULL,
                                                  .value_len = lengths[i],
                                                  .opaque = i});
        backend_answers_in_pieces(b, f.bytes, f.len, lengths[i] < 4000 ? 1 : 3001);
        client_sees(c, textf("VALUE k 7 %zu\r\n", lengths[i]));
        client_sees_bytes(c, value, lengths[i]);
        client_sees(c, "\r\nEND\r\n");
    }
    client_sends(c, "set k 0 0 1\r\nx\r\n");
    sees(b, &(struct parts){.opcode = SET,
                            .extras = "\0\0\0\0\0\0\0\0",
                            .extras_len = 8,
                            .key = "k",
                            .value = "x",
                            .opaque = COUNT(lengths)});
    backend_answers_bytes(b, "\x81\x01\0\0", 4);
    backend_closes(b);
    client_sees_line_starting(c, failure_of(backend_address(b)));
}

/* A get whose connection ends before its answer is asked once more, in its place of the new stream. */
static void a_get_is_asked_once_more(void **state)
{
    struct backend *b = silent();
    struct client *c = before(b, "");
    is_ready(b);
    client_sends(c, "get j\r\n");
    sees(b, &(struct parts){.opcode = GETK, .key = "j"});
    answers_hit(b, 0, "j", "x");
    client_sees(c, "VALUE j 7 1\r\nx\r\nEND\r\n");
    client_sends(c, "get k\r\n");
    sees(b, &(struct parts){.opcode = GETK, .key = "k", .opaque = 1});
    backend_closes(b);
    is_ready(b);
    sees(b, &(struct parts){.opcode = GETK, .key = "k", .opaque = 0});
    answers_hit(b, 0, "k", "x");
    client_sees(c, "VALUE k 7 1\r\nx\r\nEND\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(it_is_asked_its_version_and_then_served),
        play(user_and_password_come_first),
        play(what_proves_no_server_takes_it_down),
        play(a_frame_that_does_not_fit_closes),
        play(a_statistic_of_more_than_one_line_closes),
        play(lengths_that_cannot_be_close),
        play(a_frame_that_nobody_asked_for_closes),
        play(frames_may_be_cut_anywhere),
        play(a_get_is_asked_once_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
