/* Random streams of commands, cut at random places: memcached itself and moongate before one
 * memcached must answer with the same bytes. memcached is the oracle; there is no other. It is the
 * version at hand (lib/memcached.h); where moongate's own answers are not that version's, a row of
 * lib/versions.h says so.
 *
 * SEED names the first stream, STREAMS how many there are, LONG_SECONDS when to stop. A stream that
 * differs is printed, and made as small as it goes.
 */
#include "e2e/protocol/differential.h"
#include "e2e/protocol/unpad.h"

#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/stream.h"
#include "lib/versions.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPORTS_MAX = 3 };

struct bench {
    struct memcached *direct, *behind; /* the same commands reach both */
    struct client *probe_direct, *probe_behind;
    struct moongate *moongate;
    const char *through; /* address of what should answer as `direct` does */
    unsigned long plays;
    const char *version;
    bool is_used[VERSIONS_DIFFERENCES_MAX]; /* rows without which answers were not the same */
};

/* --- playing one ----------------------------------------------------------------------------- */

static size_t next_piece(unsigned *seed, size_t left)
{
    size_t piece = 1 + random_below(seed, random_below(seed, 2) ? 20 : 4000);
    return piece < left ? piece : left;
}

static void play_to(const char *address, const struct octets *bytes, unsigned cuts,
                    struct octets *answer)
{
    struct client *c = client_connects_to(address);
    bool is_seen = strncmp(address, "unix:", 5) == 0 && octets_n(bytes) < 20000;
    for (size_t done = 0, n = octets_n(bytes), piece; done < n; done += piece) {
        piece = next_piece(&cuts, n - done);
        client_sends_bytes(c, octets_at(bytes) + done, piece);
        if (is_seen && random_below(&cuts, 4) == 0)
            client_is_read(c); /* else two pieces may come as one */
    }
    client_sees_end(c, answer);
    client_closes(c);
}

static struct exchange exchange_of(struct bench *b, const struct stream *s)
{
    static const char *lines[STREAM_COMMANDS];
    for (size_t i = 0; i < s->n; i++) lines[i] = s->commands[i].head;
    return (struct exchange){b->version, lines, s->n, b->is_used};
}

static bool are_same(struct bench *b, const struct stream *s, const struct octets *server,
                     const struct octets *moongate)
{
    struct octets plain[2] = {{0}};
    struct exchange e = exchange_of(b, s);
    if (are_equal(server, moongate)) return true;
    unpad(server, &plain[0]);
    unpad(moongate, &plain[1]);
    bool same = versions_agree(&e, &plain[0], &plain[1]);
    octets_release(&plain[0]);
    octets_release(&plain[1]);
    return same;
}

static void leave_out(const struct bench *b, struct stream *s)
{
    for (size_t i = s->n; i-- > 0;)
        if (versions_row_that_leaves_out(b->version, s->commands[i].head) >= 0)
            stream_drop(s, i, 1);
}

static void forget(struct octets kept[3])
{
    for (int i = 0; i < 3; i++) octets_release(&kept[i]);
}

/* True when the answers are not the same. They are kept if asked for. */
static bool differs(struct bench *b, const struct stream *s, struct octets kept[3])
{
    struct octets bytes = {0}, direct = {0}, through = {0};
    stream_render(s, ++b->plays, equal_cas(b->probe_direct, b->probe_behind) + 1, &bytes);
    play_to(memcached_address(b->direct), &bytes, s->cuts, &direct);
    play_to(b->through, &bytes, s->cuts, &through);
    bool is_same = are_same(b, s, &direct, &through);
    struct octets all[3] = {bytes, direct, through};
    if (kept)
        memcpy(kept, all, sizeof all);
    else
        forget(all);
    return !is_same;
}

/* --- when it differs ------------------------------------------------------------------------- */

/* Leaves out commands as long as it still differs. */
static void shrink(struct bench *b, struct stream *s)
{
    struct stream *smaller = stage_memory(sizeof *smaller);
    for (size_t n = s->n / 2; n > 0; n /= 2) {
        for (size_t at = 0; at + n <= s->n;) {
            *smaller = *s;
            stream_drop(smaller, at, n);
            if (smaller->n > 0 && differs(b, smaller, NULL))
                *s = *smaller;
            else
                at += n;
        }
    }
}

static void print_escaped(const char *name, const struct octets *bytes, size_t from, size_t n)
{
    size_t end = octets_n(bytes) < from + n ? octets_n(bytes) : from + n;
    char *text = octets_escape(octets_at(bytes) + from, end > from ? end - from : 0);
    fprintf(stderr, "  %-9s %s\n", name, text);
    free(text);
}

static size_t same_octets(const struct octets *a, const struct octets *b)
{
    size_t i = 0;
    while (i < octets_n(a) && i < octets_n(b) && octets_at(a)[i] == octets_at(b)[i]) i++;
    return i;
}

/* All that was sent, and the answers from shortly before they part. */
static void print_difference(const struct octets kept[3])
{
    size_t same = same_octets(&kept[1], &kept[2]), from = same > 100 ? same - 100 : 0;
    fprintf(stderr, "  answers are the same for %zu bytes; of %zu and %zu, from %zu on:\n", same,
            octets_n(&kept[1]), octets_n(&kept[2]), from);
    print_escaped("memcached", &kept[1], from, 400);
    print_escaped("moongate", &kept[2], from, 400);
    print_escaped("sent", &kept[0], 0, octets_n(&kept[0]));
}

/* kept: of the play that differed. */
static void report(struct bench *b, struct stream *s, unsigned seed, struct octets kept[3])
{
    struct octets small[3];
    fprintf(stderr, "SEED=%u STREAMS=1 differs\n", seed);
    print_difference(kept);
    shrink(b, s);
    bool again = differs(b, s, small);
    fprintf(stderr, again ? " and made smaller:\n" : " but not every time\n");
    if (again) print_difference(small);
    forget(small);
}

/* Without memcached's background threads: one that holds an item just now makes `decr` answer with
 * another length. */
static const char QUIET[] = "no_lru_maintainer,no_lru_crawler,slab_automove=0,hashpower=20";

static struct bench two_servers(void)
{
    struct bench b = {.direct = memcached_start("-m", "512", "-o", QUIET, NULL),
                      .behind = memcached_start("-m", "512", "-o", QUIET, NULL)};
    b.probe_direct = client_connects_to(memcached_address(b.direct));
    b.probe_behind = client_connects_to(memcached_address(b.behind));
    b.through = memcached_address(b.behind);
    b.version = memcached_version(b.direct);
    return b;
}

static void start_moongate_over(struct bench *b, const char *script)
{
    b->moongate = moongate_start(script, "-b", textf("unix:%s/socket", program_folder()), NULL);
    b->through = moongate_address(b->moongate);
}

static void start_moongate(struct bench *b)
{
    start_moongate_over(
        b, script_of_one(memcached_address(b->behind), textf("%stimeout = 60", scene_ask())));
}

static struct bench server_and_moongate(void)
{
    struct bench b = two_servers();
    start_moongate(&b);
    return b;
}

/* moongate keeps the items itself, and answers as 1.6.18 does. False: that is not the version at hand. */
static bool server_and_store(struct bench *b)
{
    *b = (struct bench){.direct = memcached_start("-m", "512", "-o", QUIET, NULL)};
    b->version = memcached_version(b->direct);
    if (strcmp(b->version, "1.6.18") != 0) return false;
    b->probe_direct = client_connects_to(memcached_address(b->direct));
    start_moongate_over(b, MG "return mg.store { size = '512m' }\n");
    b->probe_behind = client_connects_to(b->through);
    return true;
}

/* What tells whether a number was padded (see unpad), as the size that `mg s` gives, agrees under some other cut; a defect does
 * not. */
static bool differs_however_cut(struct bench *b, struct stream *s, struct octets kept[3])
{
    enum { CUTS = 100 };
    unsigned cuts = s->cuts;
    if (!differs(b, s, kept)) return false;
    for (unsigned i = 1; i <= CUTS; i++) {
        s->cuts = cuts + i;
        if (!differs(b, s, NULL)) return false;
    }
    s->cuts = cuts;
    return true;
}

/* For a version that nobody has looked at yet, what differs is printed to be looked at. */
static void says_how_many(unsigned bad, const char *what)
{
    if (bad > 0 && versions_is_new())
        printf("to look at: %u %s\n", bad, what);
    else if (bad > 0)
        stage_fails("%u %s", bad, what);
}

static void streams_are_answered_alike(struct bench *b, unsigned streams)
{
    unsigned first = number_from("SEED", 20261), bad = 0;
    struct stream *s = stage_memory(sizeof *s);
    unsigned seconds = number_from("LONG_SECONDS", 0), i = 0;
    double end = stage_now() + seconds;
    for (; i < streams && bad < REPORTS_MAX && (seconds == 0 || stage_now() < end); i++) {
        struct octets kept[3];
        stream_make(s, first + i);
        leave_out(b, s);
        if (differs_however_cut(b, s, kept)) {
            bad++;
            report(b, s, first + i, kept);
        }
        forget(kept);
    }
    printf("SEED=%u STREAMS=%u\n", first, i);
    says_how_many(bad, "streams differ");
}

/* Should this one fail, the streams are at fault: they depend on more than the commands. */
static void memcached_agrees_with_itself(void **state)
{
    struct bench b = two_servers();
    streams_are_answered_alike(&b, 300);
}

static void streams_are_answered_as_memcached_does(void **state)
{
    struct bench b = server_and_moongate();
    b.plays = number_from("PLAYS", 0); /* keys and so lengths depend on it */
    streams_are_answered_alike(&b, number_from("STREAMS", stage_is_sanitized() ? 500 : 2000));
}

/* A client does not notice that each of its reads is compared with another server, which has nothing. */
static void streams_are_answered_alike_while_reads_are_compared(void **state)
{
    struct bench b = two_servers();
    const char *other = memcached_address(memcached_start("-m", "64", NULL));
    start_moongate_over(
        &b, textf(MG "local old, new = mg.pool { '%s', timeout = 60 }, mg.pool { '%s' }\n"
                     "return mg.compare { old, new, share = 1, again = 0, name = 'x' }\n",
                  memcached_address(b.behind), other));
    b.plays = number_from("PLAYS", 0);
    streams_are_answered_alike(&b, 300);
    assert_true(stat_number(client_connects(b.moongate), "comparisons", "x:only_old") > 100);
}

static void streams_are_answered_by_a_store_as_memcached_does(void **state)
{
    struct bench b;
    if (!server_and_store(&b)) return;
    b.plays = number_from("PLAYS", 0);
    streams_are_answered_alike(&b, number_from("STREAMS", stage_is_sanitized() ? 300 : 1000));
}

/* One line between a set and a get of the same key; and what it did to the count of cas numbers. */
static void make_odd_stream(struct stream *s, const char *line, const char *follower)
{
    *s = (struct stream){.n = 4, .cuts = 1};
    s->commands[0] = (struct command){.head = "set #0 5 0 2\r\n", .data = "", .end = "10\r\n"};
    s->commands[1] = (struct command){.data = "", .end = follower};
    s->commands[2] = (struct command){.head = "set #2 0 0 1\r\n", .data = "", .end = "y\r\n"};
    s->commands[3] = (struct command){.head = "gets #0 #1 #2\r\n", .data = "", .end = ""};
    snprintf(s->commands[1].head, STREAM_HEAD, "%s\r\n", line);
}

static void print_row(const char *kind, const char *line, const struct octets kept[3])
{
    char *direct = octets_escape(octets_at(&kept[1]), octets_n(&kept[1]));
    char *through = octets_escape(octets_at(&kept[2]), octets_n(&kept[2]));
    printf("%s | %s | %s | %s\n", kind, line, direct, through);
    free(direct);
    free(through);
}

static bool plays_line(struct bench *b, struct stream *s, const char *line, const char *follower,
                       struct octets kept[3])
{
    make_odd_stream(s, line, follower);
    return differs(b, s, kept);
}

/* Returns how many lines differ: 0 or 1. */
static unsigned plays_odd_line(struct bench *b, const char *line, const char *follower)
{
    struct octets kept[3];
    struct stream *s = stage_memory(sizeof *s);
    if (versions_row_that_leaves_out(b->version, line) >= 0) return 0;
    bool is_bad = plays_line(b, s, line, follower, kept);
    if (is_bad && versions_is_new()) print_row("to look at", line, kept);
    if (is_bad && !versions_is_new()) report(b, s, 0, kept);
    forget(kept);
    return is_bad;
}

/* The row that leaves a line out is needed as long as the line is answered otherwise, by a moongate of its own, as the
 * connection to the server may not outlive it. */
static void plays_line_left_out(struct bench *b, const char *line)
{
    struct stream *s = stage_memory(sizeof *s);
    int row = versions_row_that_leaves_out(b->version, line);
    for (int i = 0; row >= 0 && !b->is_used[row] && i < STREAM_FOLLOWERS; i++) {
        moongate_signal(b->moongate, SIGTERM);
        moongate_ends(b->moongate);
        start_moongate(b);
        b->is_used[row] = plays_line(b, s, line, stream_followers[i], NULL);
    }
}

static void odd_lines_are_answered_alike(struct bench *b)
{
    unsigned bad = 0;
    for (size_t i = 0; stream_odd_lines[i / STREAM_FOLLOWERS]; i++)
        bad += plays_odd_line(b, stream_odd_lines[i / STREAM_FOLLOWERS],
                              stream_followers[i % STREAM_FOLLOWERS]);
    for (size_t i = 0; stream_wrong_stores[i]; i++)
        bad += plays_odd_line(b, stream_wrong_stores[i], "x\r\n");
    says_how_many(bad, "lines differ");
}

static void odd_lines_are_answered_by_a_store_as_memcached_does(void **state)
{
    struct bench b;
    if (server_and_store(&b)) odd_lines_are_answered_alike(&b);
}

/* Each odd line on its own: a stream is unlikely to meet them all. */
static void odd_lines_are_answered_as_memcached_does(void **state)
{
    struct bench b = server_and_moongate();
    odd_lines_are_answered_alike(&b);
    for (size_t i = 0; stream_odd_lines[i]; i++) plays_line_left_out(&b, stream_odd_lines[i]);
    for (size_t i = 0; stream_wrong_stores[i]; i++) plays_line_left_out(&b, stream_wrong_stores[i]);
    says_how_many(versions_rows_unused(b.version, stream_odd_lines, b.is_used),
                  "rows are not needed");
}

/* Since when memcached itself swallows the value behind such a line, as moongate does. */
static const char SWALLOWS_SINCE[] = "1.6.40";

/* Gets a line; behind it a value, if that is swallowed. */
static void play_wrong_line(const char *address, const struct octets *line, bool has_value,
                            struct octets *answer)
{
    struct octets bytes = {0};
    octets_add(&bytes, octets_at(line), octets_n(line));
    if (has_value) octets_add(&bytes, "\r\nx", 3);
    octets_add(&bytes, "\r\nquit\r\n", 8);
    play_to(address, &bytes, 1, answer);
    octets_release(&bytes);
}

/* An older memcached gets the line alone, moongate a value behind it: the answers are the same. */
static void values_of_wrong_lines_are_swallowed(void **state)
{
    struct bench b = server_and_moongate();
    bool swallows = versions_compare(b.version, SWALLOWS_SINCE) >= 0;
    for (size_t i = 0; stream_swallowing_lines[i]; i++) {
        struct octets all[3] = {{0}};
        stream_render_line(stream_swallowing_lines[i], i, 1, &all[0]);
        play_wrong_line(memcached_address(b.direct), &all[0], swallows, &all[1]);
        play_wrong_line(b.through, &all[0], true, &all[2]);
        if (!are_equal(&all[1], &all[2])) {
            print_difference(all);
            stage_fails("%s", stream_swallowing_lines[i]);
        }
        forget(all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(memcached_agrees_with_itself),
        play(odd_lines_are_answered_as_memcached_does),
        play(values_of_wrong_lines_are_swallowed),
        play(streams_are_answered_as_memcached_does),
        play(streams_are_answered_alike_while_reads_are_compared),
        play(odd_lines_are_answered_by_a_store_as_memcached_does),
        play(streams_are_answered_by_a_store_as_memcached_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
