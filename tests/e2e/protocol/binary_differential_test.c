/* Random streams of frames, valid and wrong, cut at random places: memcached itself and moongate before one memcached must answer with
 * the same bytes, cas numbers included. What is left out, and why: lib/frames_made.c.
 *
 * SEED names the first stream, STREAMS how many there are, LONG_SECONDS when to stop. A stream that differs is printed, and made as small
 * as it goes. */
#include "e2e/protocol/differential.h"

#include "lib/client.h"
#include "lib/frames.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPORTS_MAX = 3 };

struct bench {
    struct memcached *direct, *behind; /* the same frames reach both */
    struct client *probe_direct, *probe_behind;
    const char *through;
    unsigned long plays;
    bool
        is_classic; /* `behind` has no meta commands: then answers have no cas of what was stored */
};

struct kept {
    struct octets bytes, direct, through;
};

static void forget(struct kept *k)
{
    octets_release(&k->bytes);
    octets_release(&k->direct);
    octets_release(&k->through);
}

/* --- playing one ----------------------------------------------------------------------------- */

static void play_to(const char *address, const struct octets *bytes, unsigned cuts,
                    struct octets *answer)
{
    struct client *c = client_connects_to(address);
    bool is_seen = strncmp(address, "unix:", 5) == 0 && octets_n(bytes) < 20000;
    for (size_t done = 0, n = octets_n(bytes), piece; done < n; done += piece) {
        piece = 1 + random_below(&cuts, random_below(&cuts, 2) ? 30 : 4000);
        if (piece > n - done) piece = n - done;
        client_sends_bytes(c, octets_at(bytes) + done, piece);
        if (is_seen && random_below(&cuts, 4) == 0) client_is_read(c);
    }
    client_sees_end(c, answer);
    client_closes(c);
}

/* How many blanks stand behind a value of nothing but digits: what pads a number that has become shorter. */
static size_t blanks_of(const struct frame *f)
{
    size_t digits = 0, blanks = 0;
    while (digits < f->value_n && f->value[digits] >= '0' && f->value[digits] <= '9') digits++;
    while (digits + blanks < f->value_n && f->value[digits + blanks] == ' ') blanks++;
    return digits > 0 && digits + blanks == f->value_n ? blanks : 0;
}

/* memcached pads a number that becomes shorter with blanks, or not, depending on whether an answer that holds it has left: both are the
 * same answer here. */
static void unpad(const struct octets *answer, bool is_classic, struct octets *to)
{
    const char *at = octets_at(answer), *end = at + octets_n(answer);
    struct frame f;
    while (frame_read(at, (size_t)(end - at), &f)) {
        at += FRAME_HEAD + f.extras_n + f.key_n + f.value_n;
        f.value_n -= blanks_of(&f);
        if (is_classic) f.cas = 0;
        frame_add(&f, to);
    }
    octets_add(to, at, (size_t)(end - at));
}

static bool are_same(const struct octets *server, const struct octets *moongate, bool is_classic)
{
    struct octets plain[2] = {{0}};
    if (are_equal(server, moongate)) return true;
    unpad(server, is_classic, &plain[0]);
    unpad(moongate, is_classic, &plain[1]);
    bool same = are_equal(&plain[0], &plain[1]);
    octets_release(&plain[0]);
    octets_release(&plain[1]);
    return same;
}

/* True when the answers are not the same. */
static bool differs(struct bench *b, unsigned seed, const bool *left_out, struct kept *kept)
{
    size_t n;
    *kept = (struct kept){0};
    struct frames_wanted wanted = {seed, ++b->plays,
                                   equal_cas(b->probe_direct, b->probe_behind) + 1, b->is_classic};
    frames_make(&wanted, left_out, &kept->bytes, &n);
    play_to(memcached_address(b->direct), &kept->bytes, seed, &kept->direct);
    play_to(b->through, &kept->bytes, seed, &kept->through);
    return !are_same(&kept->direct, &kept->through, b->is_classic);
}

/* --- when it differs ------------------------------------------------------------------------- */

/* Leaves out frames as long as it still differs. */
static void report(struct bench *b, unsigned seed, struct kept *kept)
{
    bool left_out[FRAME_STREAM] = {false};
    fprintf(stderr, "SEED=%u STREAMS=1 differs\n", seed);
    for (size_t i = 0; i < FRAME_STREAM; i++) {
        struct kept smaller;
        left_out[i] = true;
        if (differs(b, seed, left_out, &smaller)) {
            forget(kept);
            *kept = smaller;
        } else {
            forget(&smaller);
            left_out[i] = false;
        }
    }
    frames_print(&kept->bytes, "sent");
    frames_print(&kept->direct, "memcached");
    frames_print(&kept->through, "moongate");
}

/* Without memcached's background threads, see differential_test.c. */
static const char QUIET[] = "no_lru_maintainer,no_lru_crawler,slab_automove=0,hashpower=20";

static struct bench two_servers(void)
{
    struct bench b = {.direct = memcached_start("-m", "512", "-o", QUIET, NULL),
                      .behind = memcached_start("-m", "512", "-o", QUIET, NULL)};
    b.probe_direct = client_connects_to(memcached_address(b.direct));
    b.probe_behind = client_connects_to(memcached_address(b.behind));
    b.through = memcached_address(b.behind);
    b.is_classic = !memcached_at_hand_has_meta();
    return b;
}

static void streams_are_answered_alike(struct bench *b, unsigned streams)
{
    unsigned first = number_from("SEED", 20261), bad = 0, i = 0;
    unsigned seconds = number_from("LONG_SECONDS", 0);
    double end = stage_now() + seconds;
    for (; i < streams && bad < REPORTS_MAX && (seconds == 0 || stage_now() < end); i++) {
        struct kept kept;
        if (differs(b, first + i, NULL, &kept)) {
            bad++;
            report(b, first + i, &kept);
        }
        forget(&kept);
    }
    printf("SEED=%u STREAMS=%u\n", first, i);
    if (bad) stage_fails("%u streams differ", bad);
}

/* Should this one fail, the streams are at fault: they depend on more than the frames. */
static void memcached_agrees_with_itself(void **state)
{
    struct bench b = two_servers();
    streams_are_answered_alike(&b, 50);
}

static void frames_are_answered_as_memcached_does(void **state)
{
    struct bench b = two_servers();
    const char *script = script_of_one(b.through, "timeout = 60");
    struct moongate *m =
        moongate_start(script, "-b", textf("unix:%s/socket", program_folder()), NULL);
    b.through = moongate_address(m);
    b.plays = number_from("PLAYS", 0);
    streams_are_answered_alike(&b, number_from("STREAMS", stage_is_sanitized() ? 100 : 300));
}

/* moongate keeps the items itself. */
static void frames_are_answered_by_a_store_as_memcached_does(void **state)
{
    struct bench b = {.direct = memcached_start("-m", "512", "-o", QUIET, NULL)};
    if (strcmp(memcached_version(b.direct), "1.6.18") != 0) return;
    struct moongate *m = moongate_start(MG "return mg.store { size = '512m' }\n", "-b",
                                        textf("unix:%s/socket", program_folder()), NULL);
    b.through = moongate_address(m);
    b.probe_direct = client_connects_to(memcached_address(b.direct));
    b.probe_behind = client_connects_to(b.through);
    b.plays = number_from("PLAYS", 0);
    streams_are_answered_alike(&b, number_from("STREAMS", stage_is_sanitized() ? 100 : 300));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(memcached_agrees_with_itself),
        play(frames_are_answered_as_memcached_does),
        play(frames_are_answered_by_a_store_as_memcached_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
