/* What has gone wrong in memcache proxies before: the rows of a list of known faults, and the odd inputs whose answers by
 * memcached surprise. Each is played to moongate before a real memcached, in many pieces and line ends, and to memcached
 * itself; afterwards the sender's next command works, or its connection is closed, and nobody else has noticed.
 */
#include "e2e/servers/faults.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/versions.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- how it is played ------------------------------------------------------------------------ */

enum line_ends { CRLF, LF, MIXED, LINE_ENDS };
enum cuts { AT_ONCE, BEFORE_CR, BEHIND_CR, BYTE_BY_BYTE, CUTS };

static const char *const line_ends_names[] = {"CR LF", "LF", "LF and CR LF in turn"};
static const char *const cuts_names[] = {"at once", "cut before each CR", "cut behind each CR",
                                         "byte by byte"};

/* Longer inputs are not cut so. */
static const size_t cuts_limits[] = {SIZE_MAX, 8000, 8000, 600};

enum { GROWTH_KIB = 8 * 1024 }; /* what a worker may hold on to */

/* What is stored before every input; what follows every input, and is answered while all is well. */
static const char SET_STAGE[] = "set k 5 0 2 noreply\r\n10\r\nset text 0 0 4 noreply\r\nword\r\n"
                                "set n 0 0 2 noreply\r\n10\r\ndelete a noreply\r\n"
                                "delete b noreply\r\nmn\r\n";
static const char FOLLOWER[] = "get k text\r\nmn\r\nquit\r\n";
static const char FOLLOWED[] = "VALUE k 5 2\r\n10\r\nVALUE text 0 4\r\nword\r\nEND\r\nMN\r\n";

struct bench {
    struct memcached *direct, *behind;
    struct moongate *m;
    struct client *to_direct, *neighbour; /* the neighbour shares moongate's one connection */
    unsigned plays, bad;
};

static struct bench bench_with(const char *script(const char *server))
{
    struct bench b = {.direct = memcached_start(NULL), .behind = memcached_start(NULL)};
    /* Over a unix socket one piece can be seen to be read before the next one goes. */
    b.m = moongate_start(script(memcached_address(b.behind)), "-b",
                         textf("unix:%s/socket", program_folder()), NULL);
    b.to_direct = client_connects_to(memcached_address(b.direct));
    b.neighbour = client_connects(b.m);
    return b;
}

/* `<12*text>`: the text 12 times. Gives what is behind it. */
static const char *add_repeated(struct octets *bytes, const char *p)
{
    char *text;
    unsigned long times = strtoul(p + 1, &text, 10);
    const char *end = strchr(++text, '>');
    while (times-- > 0) octets_add(bytes, text, (size_t)(end - text));
    return end + 1;
}

static bool is_at_line_end(const char *p, const char *end)
{
    return p + 1 < end && p[0] == '\r' && p[1] == '\n';
}

/* The bytes of an input, with other line ends: those within values are changed with them. */
static struct octets written(const struct input *in, enum line_ends ends)
{
    struct octets bytes = {0};
    const char *p = in->bytes, *end = p + in->n;
    for (unsigned lines = 0; p < end;) {
        bool ends_here = is_at_line_end(p, end);
        lines += ends_here;
        if (ends_here && (ends == LF || (ends == MIXED && lines % 2))) p++;
        if (*p == '<')
            p = add_repeated(&bytes, p);
        else
            octets_add(&bytes, p++, 1);
    }
    return bytes;
}

static size_t next_piece(const char *at, size_t left, enum cuts cuts)
{
    const char *cr = memchr(cuts == BEFORE_CR ? at + 1 : at, '\r', left - (cuts == BEFORE_CR));
    if (cuts == BYTE_BY_BYTE) return 1;
    if (cuts == AT_ONCE || !cr) return left;
    return (size_t)(cr - at) + (cuts == BEHIND_CR);
}

static void client_sends_cut(struct client *c, const struct octets *bytes, enum cuts cuts)
{
    const char *at = octets_at(bytes);
    size_t left = octets_n(bytes);
    while (left > 0) {
        size_t piece = next_piece(at, left, cuts);
        client_sends_bytes(c, at, piece);
        at += piece;
        left -= piece;
        if (left > 0) client_is_read(c);
    }
}

static struct octets answer_of(const char *address, const struct octets *bytes, enum cuts cuts)
{
    struct octets answer = {0};
    struct client *c = client_connects_to(address);
    client_sends_cut(c, bytes, cuts);
    client_sees_end(c, &answer);
    client_closes(c);
    return answer;
}

static void stage_is_set_for(struct client *c)
{
    client_sends(c, SET_STAGE);
    client_sees(c, "MN\r\n");
}

static struct octets expected_answer(const struct bench *b, const struct input *in,
                                     const struct octets *bytes)
{
    struct octets answer = {0};
    if (in->fate == AS_MEMCACHED) {
        stage_is_set_for(b->to_direct);
        return answer_of(memcached_address(b->direct), bytes, AT_ONCE);
    }
    octets_add(&answer, in->answer, strlen(in->answer));
    if (in->fate == ANSWERED) octets_add(&answer, FOLLOWED, sizeof FOLLOWED - 1);
    return answer;
}

static void report(const struct input *in, enum line_ends ends, enum cuts cuts,
                   const struct octets *expected, const struct octets *got)
{
    fprintf(stderr, "row %u, %s, %s:\n  sent      %s\n  expected  %s\n  got       %s\n", in->row,
            line_ends_names[ends], cuts_names[cuts], octets_escape(in->bytes, in->n),
            octets_escape(octets_at(expected), octets_n(expected)),
            octets_escape(octets_at(got), octets_n(got)));
}

/* The lines of an input, values included, as rows of versions_differences want them. */
static struct exchange exchange_of(const struct bench *b, const struct input *in)
{
    enum { LINES_MAX = 64 };
    static const char *lines[LINES_MAX];
    struct exchange e = {.version = memcached_version(b->direct), .lines = lines};
    for (const char *at = in->bytes; at && *at && e.n < LINES_MAX;) {
        lines[e.n++] = at;
        at = strstr(at, "\r\n");
        if (at) at += 2;
    }
    return e;
}

/* What this version answers to one of the lines is not compared. A frame's key that is no text can go by meta commands alone. */
static bool is_left_out(const struct bench *b, const struct input *in)
{
    if (in->bytes[0] == '\x80' && !memcached_at_hand_has_meta()) return true;
    struct exchange e = exchange_of(b, in);
    for (size_t i = 0; i < e.n; i++)
        if (versions_row_that_leaves_out(e.version, e.lines[i]) >= 0) return true;
    return false;
}

static bool is_right_answer(const struct bench *b, const struct input *in,
                            const struct octets *expected, const struct octets *got)
{
    struct exchange e = exchange_of(b, in);
    if (in->fate == AS_MEMCACHED) return versions_agree(&e, expected, got);
    return octets_n(expected) == octets_n(got) &&
           memcmp(octets_at(expected), octets_at(got), octets_n(got)) == 0;
}

static void is_played(struct bench *b, const struct input *in, enum line_ends ends, enum cuts cuts)
{
    if (is_left_out(b, in)) return;
    const char *own = textf("%u", ++b->plays);
    struct octets bytes = written(in, ends);
    if (in->fate != CLOSED) octets_add(&bytes, FOLLOWER, sizeof FOLLOWER - 1);
    if (octets_n(&bytes) > cuts_limits[cuts]) {
        octets_release(&bytes);
        return;
    }
    struct octets expected = expected_answer(b, in, &bytes);
    stage_is_set_for(b->neighbour);
    client_sends(b->neighbour, textf("set own 0 0 %zu\r\n%s\r\nget own k\r\n", strlen(own), own));
    struct octets got = answer_of(moongate_listener(b->m, "unix:"), &bytes, cuts);
    client_sees(b->neighbour, textf("STORED\r\n%sVALUE k 5 2\r\n10\r\nEND\r\n", hit("own", own)));
    client_sees_nothing_more(b->neighbour);
    bool is_right = is_right_answer(b, in, &expected, &got);
    if (!is_right) report(in, ends, cuts, &expected, &got);
    b->bad += !is_right;
    octets_release(&bytes);
    octets_release(&expected);
    octets_release(&got);
}

static const char *plain_script(const char *server)
{
    return script_of_one(server, "");
}

/* Everything that a script can change is changed, or written again, but for keys that only base64 can carry. */
static const char *changing_script(const char *server)
{
    return textf(MG "local pool = mg.pool { '%s' }\n"
                    "return function(req)\n"
                    "  if not req.key:find '[%%c ]' then req.key = req.key:reverse() end\n"
                    "  req.exptime, req.flags = req.exptime, req.flags\n"
                    "  if req.value then req.value = req.value .. '' end\n"
                    "  return pool\n"
                    "end\n",
                 server);
}

static size_t worker_kib(struct moongate *m)
{
    return program_rss_kib(moongate_worker(m));
}

static void worker_has_not_grown(struct moongate *m, size_t before)
{
    size_t after = worker_kib(m);
    if (!stage_is_sanitized() && after > before + GROWTH_KIB)
        stage_fails("the worker had %zu KiB and has %zu", before, after);
}

static void says_how_many(const struct bench *b)
{
    if (b->bad > 0 && versions_is_new())
        printf("to look at: %u of %u plays\n", b->bad, b->plays);
    else if (b->bad > 0)
        stage_fails("%u of %u plays", b->bad, b->plays);
}

static void inputs_are_answered_however_they_come(void **state)
{
    struct bench b = bench_with(plain_script);
    size_t before = worker_kib(b.m);
    for (size_t i = 0; i < COUNT(inputs); i++) {
        const struct input *in = &inputs[i];
        int ends = in->fate == AS_MEMCACHED ? LINE_ENDS : 1;
        for (int end = 0; end < ends; end++)
            for (int cut = 0; cut < CUTS; cut++)
                is_played(&b, in, (enum line_ends)end, (enum cuts)cut);
    }
    says_how_many(&b);
    worker_has_not_grown(b.m, before);
}

static void inputs_are_answered_through_a_script_that_changes_all(void **state)
{
    struct bench b = bench_with(changing_script);
    for (size_t i = 0; i < COUNT(inputs); i++) is_played(&b, &inputs[i], CRLF, AT_ONCE);
    says_how_many(&b);
}

/* A number from what `stats` or one of its kind says. */
static unsigned long statistic(struct client *c, const char *command, const char *name)
{
    unsigned long number = 0;
    const char *start = textf("STAT %s ", name), *line;
    client_sends(c, textf("%s\r\n", command));
    while (strcmp(line = client_sees_line(c), "END") != 0)
        if (strncmp(line, start, strlen(start)) == 0)
            number = strtoul(line + strlen(start), NULL, 10);
    return number;
}

/* Row 9: values that are never finished, ten thousand times. */
static void clients_that_go_in_the_middle_of_a_value_leave_nothing(void **state)
{
    static const char *const begun[] = {"set a 0 0 5\r\nab", "set a 0 0 100000\r\nab",
                                        "ms a 5\r\nabcde\r", "set a 0 0 5 noreply\r\nabcdeX"};
    struct bench b = bench_with(plain_script);
    size_t before = worker_kib(b.m);
    unsigned n = stage_is_sanitized() ? 1000 : 10000;
    for (unsigned i = 0; i < n; i++) {
        struct client *c = client_connects(b.m);
        client_sends(c, begun[i % COUNT(begun)]);
        if (i / COUNT(begun) % 2) client_resets(c);
        client_closes(c);
        if (i % 50 == 0) client_sees_nothing_more(b.neighbour); /* moongate keeps up */
    }
    client_sends(b.neighbour, "get a\r\n");
    client_sees(b.neighbour, "END\r\n");
    stat_becomes(b.neighbour, "", "total_connections", textf("%u", n + 1));
    worker_has_not_grown(b.m, before);
}

/* A client's way to ask for statistics, which are the proxy's own. */
static void stats_with_a_space_are_stats(void **state)
{
    struct bench b = bench_with(plain_script);
    client_sends(b.neighbour, "stats \r\n");
    client_sees_line_starting(b.neighbour, "STAT pid ");
    while (strcmp(client_sees_line(b.neighbour), "END") != 0) continue;
    client_sees_nothing_more(b.neighbour);
}

static void a_half_closed_client_gets_all_answers(void **state)
{
    struct bench b = bench_with(plain_script);
    struct octets all = {0};
    stage_is_set_for(b.neighbour);
    client_sends(b.neighbour, "get k\r\nversion\r\nmn\r\nget text");
    client_half_closes(b.neighbour);
    client_sees_end(b.neighbour, &all);
    assert_string_equal(octets_at(&all), textf("VALUE k 5 2\r\n10\r\nEND\r\nVERSION %s\r\nMN\r\n",
                                               memcached_version(b.behind)));
    octets_release(&all);
}

/* --- what servers answer --------------------------------------------------------------------- */

static void connection_is_a_new_one(struct backend *b, struct client *c)
{
    backend_sees_closed(b);
    backend_sees_links(b, 2);
    assert_int_equal(statistic(c, "stats proxy", "desyncs"), 1);
}

static void answer_is_played(const struct answer *a)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL);
    struct client *c = client_connects(m), *neighbour = client_connects(m);
    size_t before = worker_kib(m);
    client_sends(c, a->asked);
    backend_sees(b, a->asked);
    backend_answers(b, a->answered);
    if (a->seen)
        client_sees(c, a->seen);
    else
        client_sees_line_starting(c, failure_of(backend_address(b)));
    if (a->closes) connection_is_a_new_one(b, c);
    client_sees_nothing_more(c);
    get_finds(neighbour, "k3", b, "k3", "right");
    worker_has_not_grown(m, before);
}

static void answers_that_make_no_sense_cost_a_connection_and_reach_nobody(void **state)
{
    for (size_t i = 0; i < COUNT(answers); i++) {
        answer_is_played(&answers[i]);
        stage_clears();
    }
}

/* Row 17, on a server that answers when it likes. */
static void an_answer_that_nobody_wants_is_not_taken_for_the_next_one(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));
    client_sends(c, "flush_all noreply\r\nflush_all 0 noreply\r\nset k 0 0 1 noreply\r\nx\r\nget "
                    "k\r\nversion\r\n");
    backend_sees(b, "flush_all\r\nflush_all 0\r\nset k 0 0 1\r\nx\r\nget k\r\n");
    backend_answers(b, "OK\r\nOK\r\nSERVER_ERROR out of memory storing object\r\nEND\r\n");
    client_sees(c, "END\r\nVERSION 1.6.45\r\n");
    client_sees_nothing_more(c);
}

/* Row 18, on a server that goes away. */
static void quiet_commands_of_a_server_that_dies_are_errors_and_mn_is_last(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));
    const char *failure = failure_of(backend_address(b));
    client_sends(c, "mg a1 v q\r\nmg a2 v q\r\nmd a3 q\r\nms a4 1 q\r\nx\r\nmn\r\n");
    backend_sees(b, "mg a1 v\r\nmg a2 v\r\nmd a3\r\nms a4 1\r\nx\r\n");
    backend_answers(b, "EN\r\n"); /* no client sees it */
    backend_closes(b);
    for (int i = 0; i < 3; i++) client_sees_line_starting(c, failure);
    client_sees(c, "MN\r\n");
    client_sees_nothing_more(c);
}

/* Row 19: what a base64 key stands for is never a part of a line. */
static void a_key_in_base64_goes_to_the_server_in_base64(void **state)
{
    struct backend *b = backend_listens();
    const char *script = changing_script(backend_address(b));
    struct client *c = client_connects(moongate_start(script, NULL));
    client_sends(c, "mg DQpmbHVzaF9hbGwNCg== b v k\r\nmg Zm9v b v k\r\n");
    /* One with line ends in it is not asked for: a server might repeat it as it is. */
    backend_sees(b, "mg DQpmbHVzaF9hbGwNCg== b v\r\nmg b29m b v k\r\n");
    backend_answers(b, "EN\r\nVA 1 kb29m b\r\nx\r\n");
    client_sees(c, "EN kDQpmbHVzaF9hbGwNCg== b\r\nVA 1 kZm9v b\r\nx\r\n");
}

/* --- the rows -------------------------------------------------------------------------------- */

/* Runs where the tree's top is. */
static bool is_played_elsewhere(const struct elsewhere *e)
{
    static char text[100000];
    FILE *file = fopen(textf("tests/e2e/%s_test.c", e->file), "re");
    if (!file) stage_fails("tests/e2e/%s_test.c is not there: run this at the top", e->file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return strstr(text, textf("play(%s),", e->test));
}

static void every_row_is_played(void **state)
{
    bool is_there[ROWS + 1] = {false};
    for (size_t i = 0; i < COUNT(inputs); i++) is_there[inputs[i].row] = true;
    for (size_t i = 0; i < COUNT(answers); i++) is_there[answers[i].row] = true;
    for (size_t i = 0; i < COUNT(elsewhere); i++) {
        is_there[elsewhere[i].row] = true;
        if (!is_played_elsewhere(&elsewhere[i]))
            stage_fails("%s_test has no %s", elsewhere[i].file, elsewhere[i].test);
    }
    for (unsigned row = 1; row <= ROWS; row++)
        if (!is_there[row]) stage_fails("row %u is played nowhere", row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(inputs_are_answered_however_they_come),
        play(inputs_are_answered_through_a_script_that_changes_all),
        play(clients_that_go_in_the_middle_of_a_value_leave_nothing),
        play(stats_with_a_space_are_stats),
        play(a_half_closed_client_gets_all_answers),
        play(answers_that_make_no_sense_cost_a_connection_and_reach_nobody),
        play(an_answer_that_nobody_wants_is_not_taken_for_the_next_one),
        play(quiet_commands_of_a_server_that_dies_are_errors_and_mn_is_last),
        play(a_key_in_base64_goes_to_the_server_in_base64),
        play(every_row_is_played),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
