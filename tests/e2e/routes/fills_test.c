/* Copies that policies make never bring back what was deleted meanwhile: writers and readers of the same keys through two workers,
 * over servers that answer late; a history of each key says whether a read may find what it found.
 *
 * FILLS_SECONDS: how long each play lasts (3); SEED: of all that is random (it is printed).
 */
#include "lib/address.h"
#include "lib/client.h"
#include "lib/history.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/peer.h"
#include "lib/relay.h"
#include "lib/scene.h"
#include "lib/upgrade.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { KEYS_EACH = 3, WRITERS = 9, READERS = 27, BIG = 3000, TICK_MS = 7 };

/* letter, the route of keys that begin with it, over `near` and `far`; what is in near at the end must be in far: */
#define PATHS(X)                                                                                   \
    X('l', "mg.l1_l2 { near, far, exptime = 60 }", true)                                           \
    X('s', "mg.l1_l2 { near, far }", true)                                                         \
    X('n', "mg.l1_l2 { near, far, exptime = 60, negative = 5 }", false)                            \
    X('x',                                                                                         \
      "mg.modify_key { mg.l1_l2 { mg.modify_key { near, add = 'n:' }, "                            \
      "mg.modify_key { far, add = 'f:' }, exptime = 60 }, suffix = 'x' }",                         \
      false)                                                                                       \
    X('b',                                                                                         \
      "mg.l1_l2 { mg.big_value { near, threshold = 1024 }, "                                       \
      "mg.big_value { far, threshold = 1024 }, exptime = 60 }",                                    \
      false)                                                                                       \
    X('w', "mg.by_command { set = both, delete = both, default = mg.warm_up { near, far } }",      \
      true)                                                                                        \
    X('v',                                                                                         \
      "mg.by_command { set = both, delete = both, "                                                \
      "default = mg.warm_up { near, far, exptime = 60 } }",                                        \
      true)                                                                                        \
    X('g', "mg.staging { far, prompt, exptime = 60 }", true)                                       \
    X('c', "mg.coalesce { far }", false)                                                           \
    X('e', "mg.negative_cache { far, 2 }", false)                                                  \
    X('k', "mg.near { mg.store { size = '1m', name = 'k' }, far, ttl = 0.25 }", false)             \
    X('p', "mg.near { mg.store { size = '1m', name = 'p' }, prompt_far, ttl = 0.25 }", false)

static const struct path {
    char letter;
    const char *route;
    bool is_copied;
} paths[] = {
#define X(letter, route, is_copied) {letter, route, is_copied},
    PATHS(X)
#undef X
};

enum { PATHS_N = sizeof paths / sizeof *paths, KEYS = PATHS_N * KEYS_EACH };

struct key {
    char name[16];
    struct history *history;
};

struct drama;

/* A client that asks for one thing after the other. */
struct person {
    struct peer peer; /* first */
    struct drama *drama;
    bool is_writer, waits;
    struct key *key;
    struct history_read read;
};

struct drama {
    struct actor clock; /* first */
    struct memcached *near, *far;
    struct relay *to_near, *to_far;
    struct moongate *m;
    struct key keys[KEYS];
    unsigned seed, most_late;
    bool is_over, flushes;
    size_t upgrades; /* the number of the next one; 0: none */
    struct client *flusher;
    unsigned long reads, hits, writes, errors;
    unsigned long verdicts[PATHS_N][VERDICT_COUNT];
    struct person persons[WRITERS + READERS];
};

static unsigned path_of(const struct drama *d, const struct key *key)
{
    return (unsigned)(key - d->keys) / KEYS_EACH;
}

/* --- asking ------------------------------------------------------------------------------------ */

static void sends_set(struct person *p, unsigned number, unsigned ttl)
{
    char value[BIG + 64], head[64];
    int n = snprintf(value, sizeof value, "%s %u ", p->key->name, number);
    size_t len = p->key->name[0] == 'b' ? BIG : (size_t)n;
    memset(value + n, 'x', len - (size_t)n);
    memcpy(value + len, "\r\n", 2);
    int line = snprintf(head, sizeof head, "set %s 5 %u %zu\r\n", p->key->name, ttl, len);
    peer_queues(&p->peer, head, (size_t)line);
    peer_queues(&p->peer, value, len + 2);
}

/* Only every WRITERSth key is this writer's. */
static void writes_on(struct person *p)
{
    struct drama *d = p->drama;
    unsigned place = (unsigned)(p - d->persons), dice = random_below(&d->seed, 100);
    unsigned at = place + WRITERS * random_below(&d->seed, (KEYS - place + WRITERS - 1) / WRITERS);
    p->key = &d->keys[at];
    d->writes++;
    if (dice < 40) {
        char line[64];
        history_begins(p->key->history, OPERATION_DELETE, 0);
        int n = snprintf(line, sizeof line, "delete %s\r\n", p->key->name);
        peer_queues(&p->peer, line, (size_t)n);
    } else {
        unsigned ttl = dice < 90 ? 0 : dice < 95 ? 2 : 4;
        sends_set(p, history_begins(p->key->history, OPERATION_SET, ttl), ttl);
    }
}

static void reads_on(struct person *p)
{
    struct drama *d = p->drama;
    char line[64];
    p->key = &d->keys[random_below(&d->seed, KEYS)];
    p->read = history_read_begins(p->key->history);
    int n = snprintf(line, sizeof line, "get %s\r\n", p->key->name);
    peer_queues(&p->peer, line, (size_t)n);
    d->reads++;
}

static void goes_on(struct person *p)
{
    p->waits = !p->drama->is_over;
    if (!p->waits) return;
    if (p->is_writer)
        writes_on(p);
    else
        reads_on(p);
}

/* --- answers ----------------------------------------------------------------------------------- */

static void judges(struct person *p, unsigned number)
{
    struct drama *d = p->drama;
    enum verdict verdict = history_read_ends(p->key->history, &p->read, number);
    unsigned long *count = &d->verdicts[path_of(d, p->key)][verdict];
    d->hits += number > 0;
    if (++*count <= 3 && verdict != VERDICT_RIGHT)
        printf("%s: %s: number %u, acknowledged %u\n", verdict_name(verdict), p->key->name, number,
               p->read.acknowledged);
}

/* The whole answer to a get; how many bytes it has, or 0. */
static size_t takes_value(struct person *p, const char *at, size_t n)
{
    char name[16];
    unsigned len = 0, number = 0;
    const char *end = memchr(at, '\n', n);
    size_t line = (size_t)(end - at) + 1;
    if (sscanf(at, "VALUE %15s 5 %u\r\n", name, &len) != 2 || strcmp(name, p->key->name) != 0)
        stage_fails("%s: not a value of %s: %s", p->peer.name, p->key->name,
                    octets_escape(at, line));
    if (n < line + len + 7) return 0;
    if (memcmp(at + line + len, "\r\nEND\r\n", 7) != 0 ||
        sscanf(at + line, "%15s %u ", name, &number) != 2 || strcmp(name, p->key->name) != 0)
        stage_fails("%s: a wrong value: %s", p->peer.name, octets_escape(at, line + 40));
    judges(p, number);
    return line + len + 7;
}

static size_t takes_line(struct person *p, const char *at, size_t line)
{
    bool is_error = strncmp(at, "SERVER_ERROR ", 13) == 0;
    p->drama->errors += is_error;
    if (p->is_writer)
        history_ends(p->key->history, !is_error);
    else if (!is_error && strncmp(at, "END\r\n", 5) == 0)
        judges(p, 0);
    else if (!is_error)
        stage_fails("%s: no answer: %s", p->peer.name, octets_escape(at, line));
    return line;
}

static bool takes_answer(struct person *p)
{
    const char *at = octets_at(&p->peer.in), *end = memchr(at, '\n', octets_n(&p->peer.in));
    if (!end || !p->waits) return false;
    size_t n = !p->is_writer && *at == 'V' ? takes_value(p, at, octets_n(&p->peer.in))
                                           : takes_line(p, at, (size_t)(end - at) + 1);
    octets_take(&p->peer.in, n);
    return n > 0;
}

static void person_acts(struct actor *actor, short revents)
{
    struct person *p = (struct person *)(void *)actor;
    peer_acts(actor, revents);
    if (p->peer.is_closed) stage_fails("%s: closed by moongate", p->peer.name);
    if (takes_answer(p)) goes_on(p);
}

static bool person_leaves(struct actor *actor)
{
    peer_release(&((struct person *)(void *)actor)->peer);
    return true;
}

static void person_enters(struct drama *d, unsigned place)
{
    struct address to = address_read(moongate_address(d->m));
    struct person *p = &d->persons[place];
    int fd = socket(to.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, &to.as.any, to.n) < 0) stage_fails("a client cannot connect");
    p->drama = d;
    p->is_writer = place < WRITERS;
    peer_init(&p->peer, fd, textf("%s %u", p->is_writer ? "writer" : "reader", place));
    p->peer.actor.rank = RANK_CLIENT;
    p->peer.actor.acts = person_acts;
    p->peer.actor.leaves = person_leaves;
    stage_enter(&p->peer.actor);
}

/* --- servers that are late ---------------------------------------------------------------------- */

static void is_late_or_not(struct drama *d, struct relay *r)
{
    unsigned late = random_below(&d->seed, 3) ? 0 : 1 + random_below(&d->seed, d->most_late);
    relay_does(r, late ? HARM_DELAY : HARM_NONE, late);
}

static void clock_acts(struct actor *actor, short revents)
{
    struct drama *d = (struct drama *)(void *)actor;
    uint64_t ticks;
    (void)revents;
    if (read(actor->fd, &ticks, sizeof ticks) < 0 || d->is_over) return;
    if (random_below(&d->seed, 3) == 0) is_late_or_not(d, d->to_near);
    if (random_below(&d->seed, 3) == 0) is_late_or_not(d, d->to_far);
}

static bool clock_leaves(struct actor *actor)
{
    close(actor->fd);
    return true;
}

static void clock_begins(struct drama *d)
{
    struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    d->clock = (struct actor){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                              .rank = RANK_CLIENT,
                              .acts = clock_acts,
                              .leaves = clock_leaves};
    timerfd_settime(d->clock.fd, 0, &(struct itimerspec){tick, tick}, NULL);
    stage_enter(&d->clock);
}

/* --- before and after -------------------------------------------------------------------------- */

/* Each call goes to its server at once or a little later, and its answer comes back at once or later. */
static const char *script_of(const struct drama *d, const char *options)
{
    const char *list = "";
    for (unsigned i = 0; i < PATHS_N; i++)
        list = textf("%s    ['%c'] = %s,\n", list, paths[i].letter, paths[i].route);
    return textf(
        MG "local function late(p)\n"
           "  return mg.random { p, p, mg.delay { p, 0.001 }, mg.delay { p, 0.004 },\n"
           "    mg.delay { p, after = 0.002 }, mg.delay { p, before = 0.002, after = 0.005 } }\n"
           "end\n"
           "local prompt = mg.pool { '%s', name = 'near', connections = 2, %s }\n"
           "local near = late(prompt)\n"
           "local prompt_far = mg.pool { '%s', name = 'far', connections = 2, %s }\n"
           "local far = late(prompt_far)\n"
           "local both = mg.all_sync { near, far }\n"
           "return mg.by_prefix {\n  {\n%s  },\n  default = far,\n}\n",
        relay_address(d->to_near), options, relay_address(d->to_far), options, list);
}

static struct drama *drama_begins(const char *options, unsigned most_late)
{
    struct drama *d = stage_memory(sizeof *d);
    const char *asked = getenv("SEED");
    d->seed = asked ? (unsigned)strtoul(asked, NULL, 10) : (unsigned)(stage_now() * 1e6);
    d->most_late = most_late;
    printf("SEED=%u\n", d->seed);
    d->near = memcached_start(NULL);
    d->far = memcached_start(NULL);
    d->to_near = relay_before(memcached_address(d->near));
    d->to_far = relay_before(memcached_address(d->far));
    d->m = moongate_start(script_of(d, options), "-j", "2", NULL);
    for (unsigned i = 0; i < KEYS; i++) {
        d->keys[i].history = history_create();
        snprintf(d->keys[i].name, sizeof d->keys[i].name, "%c%u", paths[i / KEYS_EACH].letter, i);
    }
    for (unsigned i = 0; i < WRITERS + READERS; i++) person_enters(d, i);
    return d;
}

static void plays_on(double seconds)
{
    for (double end = stage_now() + seconds; stage_now() < end;) stage_turns(10);
}
static bool all_rest(void *what)
{
    const struct drama *d = what;
    for (unsigned i = 0; i < WRITERS + READERS; i++) {
        if (d->persons[i].waits) return false;
    }
    return true;
}

static void drama_runs(struct drama *d)
{
    const char *asked = getenv("FILLS_SECONDS");
    double seconds = asked ? strtod(asked, NULL) : 3;
    clock_begins(d);
    for (unsigned i = 0; i < WRITERS + READERS; i++) goes_on(&d->persons[i]);
    for (double end = stage_now() + seconds; stage_now() < end;) {
        plays_on(0.4);
        if (d->upgrades) {
            moongate_signal(d->m, SIGUSR2);
            moongate_becomes_new(d->m, d->upgrades++);
        }
        if (!d->flushes) continue;
        history_flush_begins();
        client_sends(d->flusher, "flush_all\r\n");
        history_flush_ends(strcmp(client_sees_line(d->flusher), "OK") == 0);
    }
    d->is_over = true;
    relay_does(d->to_near, HARM_NONE, 0);
    relay_does(d->to_far, HARM_NONE, 0);
    if (!stage_waits(all_rest, d)) stage_fails("some clients have no answer");
}

/* What moongate still does in the background is over, and what both servers have is the same, but for what near lacks. */
static void copies_are_equal(struct drama *d)
{
    struct client *near = client_connects_to(memcached_address(d->near));
    struct client *far = client_connects_to(memcached_address(d->far));
    for (unsigned i = 0; i < KEYS; i++) {
        const char *name = d->keys[i].name;
        if (!paths[i / KEYS_EACH].is_copied) continue;
        client_sends(near, textf("mg %s v\r\n", name));
        const char *one = client_sees_line(near);
        if (strcmp(one, "EN") == 0) continue;
        const char *copy = client_sees_line(near);
        client_sends(far, textf("mg %s v\r\n", name));
        if (strcmp(client_sees_line(far), one) != 0)
            stage_fails("%s: near has %s, and far another one or none", name, copy);
        client_sees(far, textf("%s\r\n", copy));
    }
}

/* big_value takes a part that cannot be had for a miss. */
static void histories_are_right(struct drama *d)
{
    unsigned long wrong = 0;
    for (unsigned i = 0; i < PATHS_N; i++) {
        printf("  %c", paths[i].letter);
        for (unsigned v = 0; v < VERDICT_COUNT; v++) {
            printf("  %s %lu", verdict_name((enum verdict)v), d->verdicts[i][v]);
            bool is_missed = v == VERDICT_LOST && d->errors > 0 && paths[i].letter == 'b';
            if (v != VERDICT_RIGHT && !is_missed) wrong += d->verdicts[i][v];
        }
        printf("  %s\n", paths[i].route);
    }
    printf("%lu reads, %lu hits, %lu writes, %lu errors, %lu wrong\n", d->reads, d->hits, d->writes,
           d->errors, wrong);
    assert_int_not_equal(d->hits, 0);
    assert_int_equal(wrong, 0);
}

/* The near server has answered a share of all that was found: copies are made, not only avoided. */
static void copies_are_used(struct drama *d)
{
    struct client *near = client_connects_to(memcached_address(d->near));
    unsigned long hits = 0;
    client_sends(near, "stats\r\n");
    for (const char *line = ""; strcmp(line, "END") != 0; line = client_sees_line(near))
        sscanf(line, "STAT get_hits %lu", &hits);
    printf("%lu hits of the near server\n", hits);
    assert_true(hits > d->hits / 3);
}

/* --- the plays ---------------------------------------------------------------------------------- */

static void no_read_finds_what_was_written_or_deleted_before_it(void **state)
{
    struct drama *d = drama_begins("timeout = 10", 8);
    drama_runs(d);
    histories_are_right(d);
    assert_int_equal(d->errors, 0);
    plays_on(0.2);
    copies_are_used(d);
    copies_are_equal(d);
}

static void not_even_where_everything_is_flushed_now_and_then(void **state)
{
    struct drama *d = drama_begins("timeout = 10", 8);
    d->flushes = true;
    d->flusher = client_connects(d->m);
    drama_runs(d);
    histories_are_right(d);
    assert_int_equal(d->errors, 0);
}

static void nor_where_writes_are_given_up_and_come_later(void **state)
{
    struct drama *d = drama_begins("timeout = 0.02, failure_limit = 1000", 60);
    drama_runs(d);
    histories_are_right(d);
    assert_int_not_equal(d->errors, 0);
}

/* Two processes, four workers, of which two make copies while the others take writes. */
static void nor_while_one_process_takes_over_from_another(void **state)
{
    upgrade_begins();
    struct drama *d = drama_begins("timeout = 10", 8);
    d->upgrades = 1;
    drama_runs(d);
    printf("%zu upgrades\n", d->upgrades - 1);
    histories_are_right(d);
    assert_int_equal(d->errors, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(no_read_finds_what_was_written_or_deleted_before_it),
        play(not_even_where_everything_is_flushed_now_and_then),
        play(nor_where_writes_are_given_up_and_come_later),
        play(nor_while_one_process_takes_over_from_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
