/* The fake server: random streams of commands, cut at random places, get the same bytes from it as from memcached; and what takes time or
 * memory there, by numbers.
 *
 * SEED names the first stream, STREAMS how many there are, LONG_SECONDS when to stop. */
#include "e2e/protocol/differential.h"
#include "e2e/protocol/unpad.h"

#include "lib/memcached.h"
#include "lib/scene.h"
#include "lib/versions.h"
#include "replay/fake_server.h"

/* Two of its names are those of other things in moongate itself. */
#define stream  commands_of_stream
#define command command_of_stream
#include "lib/stream.h"
#undef stream
#undef command

#include <fnmatch.h>

enum { REPORTS_MAX = 3 };

/* --- the fake ------------------------------------------------------------------------------------ */

/* Of the stage's memory; close_server frees what it owns. */
static struct fake_server *open_server(uint64_t memory)
{
    struct fake_server *s = stage_memory(sizeof *s);
    fake_server_init(s, memory);
    s->max_value = 1024 * 1024;
    s->now = 1767225600;
    return s;
}

/* It must be in order at the end of each test. */
static void close_server(struct fake_server *s)
{
    assert_true(store_is_sane(s->store));
    fake_server_release(s);
}

static void move(struct outq *from, struct octets *to)
{
    for (struct outq_segment *at = from->head; at; at = at->next)
        octets_add(to, (const char *)at->at, (size_t)(at->end - at->at));
    outq_release(from);
}

/* As one connection, in pieces of random sizes. */
static void give(struct fake_server *s, const struct octets *bytes, unsigned cuts,
                 struct octets *answer)
{
    struct fake_talk talk = {0};
    struct outq out = {0};
    size_t done = 0, here = 0, n = octets_n(bytes);
    while (here < n) {
        size_t piece = 1 + random_below(&cuts, random_below(&cuts, 2) ? 20 : 4000);
        here = piece < n - here ? here + piece : n;
        char *copy = malloc(here - done); /* what is read behind its end is found */
        memcpy(copy, octets_at(bytes) + done, here - done);
        done += fake_server_take(s, &talk, (const uint8_t *)copy, here - done, &out);
        free(copy);
    }
    move(&out, answer);
}

static const char *answer_to(struct fake_server *s, const char *text)
{
    struct octets bytes = {0}, answer = {0};
    octets_add(&bytes, text, strlen(text));
    give(s, &bytes, 1, &answer);
    const char *kept = textf("%.*s", (int)octets_n(&answer), octets_at(&answer));
    octets_release(&bytes);
    octets_release(&answer);
    return kept;
}

static void answers(struct fake_server *s, const char *text, const char *expected)
{
    const char *seen = answer_to(s, text);
    if (strcmp(seen, expected) != 0) stage_fails("%s: expected %s, not %s", text, expected, seen);
}

/* --- memcached ------------------------------------------------------------------------------------ */

static bool matches(const char *const patterns[], const char *line)
{
    for (const char *const *at = patterns; *at; at++)
        if (fnmatch(*at, line, 0) == 0) return true;
    return false;
}

static bool is_odd(const char *line)
{
    for (const char *const *at = stream_odd_lines; *at; at++)
        if (strcmp(*at, line) == 0) return true;
    return false;
}

/* moongate never sends the first to a server, and answers them in its own way. Other versions have other names, give out cas numbers at
 * other moments, and refuse odd lines in other words. */
static bool is_left_out(const char *line, const char *version)
{
    static const char *const ours[] = {"verbosity*", "shutdown*", "stats*", "me *", NULL};
    static const char *const of_versions[] = {"version*", "cas *",   "gets*", "gats*",
                                              "m? * c*",  "m? * C*", NULL};
    return matches(ours, line) ||
           (strcmp(version, FAKE_VERSION) != 0 && (matches(of_versions, line) || is_odd(line))) ||
           versions_row_that_leaves_out(version, line) >= 0;
}

static void leave_out(struct commands_of_stream *s, const char *version)
{
    for (size_t i = s->n; i-- > 0;) {
        char line[STREAM_HEAD];
        snprintf(line, sizeof line, "%.*s", (int)strcspn(s->commands[i].head, "\r\n"),
                 s->commands[i].head);
        if (is_left_out(line, version)) stream_drop(s, i, 1);
    }
}

static unsigned long long next_cas_of(struct fake_server *s)
{
    unsigned long long cas = 0;
    const char *answer = answer_to(s, "set probe 0 0 1\r\nx\r\ngets probe\r\n");
    if (sscanf(answer, "STORED VALUE probe 0 1 %llu", &cas) != 1) stage_fails("no cas: %s", answer);
    return cas;
}

/* Stores until both have given out the same cas number, which is returned. */
static unsigned long long align(struct client *probe, struct fake_server *s)
{
    unsigned long long direct = next_cas(probe), ours = next_cas_of(s);
    while (direct < ours) direct = next_cas(probe);
    while (ours < direct) ours = next_cas_of(s);
    return direct;
}

static void play_to(const char *address, const struct octets *bytes, struct octets *answer)
{
    struct client *c = client_connects_to(address);
    client_sends_bytes(c, octets_at(bytes), octets_n(bytes));
    client_sees_end(c, answer);
    client_closes(c);
}

static bool agree(const struct commands_of_stream *s, const char *version,
                  const struct octets *server, const struct octets *fake)
{
    static const char *lines[STREAM_COMMANDS];
    struct octets plain[2] = {{0}};
    for (size_t i = 0; i < s->n; i++) lines[i] = s->commands[i].head;
    struct exchange e = {version, lines, s->n, NULL};
    unpad(server, &plain[0]);
    unpad(fake, &plain[1]);
    bool same = are_equal(&plain[0], &plain[1]) || versions_agree(&e, &plain[0], &plain[1]);
    octets_release(&plain[0]);
    octets_release(&plain[1]);
    return same;
}

static void report(unsigned seed, const struct octets *bytes, const struct octets *server,
                   const struct octets *fake)
{
    size_t same = 0;
    while (same < octets_n(server) && same < octets_n(fake) &&
           octets_at(server)[same] == octets_at(fake)[same])
        same++;
    size_t from = same > 60 ? same - 60 : 0;
    const struct octets *all[] = {server, fake, bytes};
    static const char *const names[] = {"memcached", "fake", "sent"};
    fprintf(stderr, "SEED=%u STREAMS=1 differs at byte %zu\n", seed, same);
    for (int i = 0; i < 3; i++) {
        size_t at = i < 2 ? from : 0, n = octets_n(all[i]) - (at < octets_n(all[i]) ? at : 0);
        char *text = octets_escape(octets_at(all[i]) + at, i < 2 && n > 300 ? 300 : n);
        fprintf(stderr, "  %-9s %.3000s\n", names[i], text);
        free(text);
    }
}

static void streams_are_answered_as_memcached_does(void **state)
{
    static const char QUIET[] = "no_lru_maintainer,no_lru_crawler,slab_automove=0,hashpower=20";
    struct memcached *m = memcached_start("-m", "512", "-o", QUIET, NULL);
    const char *version = memcached_version(m);
    struct client *probe = client_connects_to(memcached_address(m));
    struct fake_server *s = open_server(512 << 20);
    unsigned first = number_from("SEED", 4711), bad = 0, plays = 0;
    unsigned streams = number_from("STREAMS", stage_is_sanitized() ? 200 : 600);
    unsigned seconds = number_from("LONG_SECONDS", 0);
    double began = stage_now();
    struct commands_of_stream *stream = stage_memory(sizeof *stream);
    for (unsigned i = 0; i < streams && bad < REPORTS_MAX; i++) {
        if (seconds && stage_now() - began > seconds) break;
        struct octets bytes = {0}, server = {0}, fake = {0};
        stream_make(stream, first + i);
        leave_out(stream, version);
        stream_render(stream, ++plays, align(probe, s) + 1, &bytes);
        play_to(memcached_address(m), &bytes, &server);
        give(s, &bytes, stream->cuts, &fake);
        if (!agree(stream, version, &server, &fake)) {
            bad++;
            report(first + i, &bytes, &server, &fake);
        }
        octets_release(&bytes);
        octets_release(&server);
        octets_release(&fake);
    }
    close_server(s);
    if (bad > 0 && versions_is_new())
        printf("to look at: %u streams differ\n", bad);
    else if (bad > 0)
        stage_fails("%u streams differ", bad);
}

/* --- time and memory ------------------------------------------------------------------------------- */

static void items_expire_when_the_clock_says_so(void **state)
{
    struct fake_server *s = open_server(1 << 20);
    answers(s, "set a 0 10 1\r\nx\r\nset b 0 0 1\r\nx\r\nset c 0 -1 1\r\nx\r\nget a b c\r\n",
            "STORED\r\nSTORED\r\nSTORED\r\nVALUE a 0 1\r\nx\r\nVALUE b 0 1\r\nx\r\nEND\r\n");
    s->now += 9;
    answers(s, "mg a t\r\ngat 5 a\r\n", "HD t1\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
    s->now += 5;
    answers(s, "get a b\r\nadd a 0 0 1\r\ny\r\n", "VALUE b 0 1\r\nx\r\nEND\r\nSTORED\r\n");
    answers(s, "set d 0 2592001 1\r\nx\r\nget d\r\n", "STORED\r\nEND\r\n"); /* in 1970 */
    answers(s, textf("set d 0 %lld 1\r\nx\r\nmg d t\r\n", (long long)s->now + 7),
            "STORED\r\nHD t7\r\n");
    assert_int_equal(store_usage(s->store).expired, 3);
    close_server(s);
}

static void an_invalidated_item_is_won_once(void **state)
{
    struct fake_server *s = open_server(1 << 20);
    answers(s, "ms a 1 T50\r\nx\r\nmd a I T30\r\nmg a v t\r\nmg a v\r\nget a\r\n",
            "HD\r\nHD\r\nVA 1 t30 X W\r\nx\r\nVA 1 Z X\r\nx\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
    answers(s, "mg b N30 v t\r\nmg b v\r\nms a 1\r\ny\r\nmg a R60\r\n",
            "VA 0 t30 W\r\n\r\nVA 0 Z\r\n\r\nHD\r\nHD\r\n");
    close_server(s);
}

static void flush_all_removes_everything_now_or_later(void **state)
{
    struct fake_server *s = open_server(1 << 20);
    answers(
        s,
        "set a 0 0 1\r\nx\r\nflush_all\r\nget a\r\nset a 0 0 1\r\nx\r\nflush_all 10\r\nget a\r\n",
        "STORED\r\nOK\r\nEND\r\nSTORED\r\nOK\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
    s->now += 10;
    answers(s, "get a\r\nset a 0 0 1\r\nx\r\nget a\r\n",
            "END\r\nSTORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
    close_server(s);
}

static char *stored(unsigned number)
{
    char value[1001];
    memset(value, 'v', 1000);
    value[1000] = '\0';
    return (char *)textf("set k%u 0 0 1000\r\n%s\r\n", number, value);
}

/* Over its memory, what was not used for the longest time goes, and nothing else. */
static void memory_is_bounded_and_the_oldest_goes(void **state)
{
    struct fake_server *s = open_server(STORE_LEAST);
    for (unsigned i = 0; i < 1000; i++) {
        answers(s, stored(i), "STORED\r\n");
        if (i % 10 == 9) (void)answer_to(s, "get k0\r\n");
        assert_true(store_usage(s->store).bytes <= STORE_LEAST);
    }
    struct store_usage usage = store_usage(s->store);
    assert_true(usage.items > 40 && usage.items < 64);
    assert_int_equal(usage.evictions, 1000 - usage.items);
    assert_memory_equal(answer_to(s, "mg k0\r\n"), "HD", 2);
    for (unsigned i = 1000; i > 1000 - ((unsigned)usage.items - 1); i--)
        answers(s, textf("mg k%u\r\n", i - 1), "HD\r\n");
    answers(s, "mg k900\r\n", "EN\r\n");
    close_server(s);
}

static void a_value_larger_than_half_of_the_memory_is_refused(void **state)
{
    struct fake_server *s = open_server(STORE_LEAST);
    char *value = stage_memory(40001);
    memset(value, 'v', 40000);
    answers(s, "set k1 0 0 1\r\nx\r\n", "STORED\r\n");
    answers(s, textf("set k1 0 0 40000\r\n%s\r\n", value),
            "SERVER_ERROR object too large for cache\r\n");
    answers(s, "get k1\r\n", "END\r\n");
    assert_int_equal(store_usage(s->store).items, 0);
    close_server(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(streams_are_answered_as_memcached_does),
        play(items_expire_when_the_clock_says_so),
        play(an_invalidated_item_is_won_once),
        play(flush_all_removes_everything_now_or_later),
        play(memory_is_bounded_and_the_oldest_goes),
        play(a_value_larger_than_half_of_the_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
