/* mg.spool_deletes with the real spooler and real servers, while everything fails at random moments: connections are cut, refused, held up
 * and go nowhere; servers stop and go on; workers, the spooler and all of moongate are killed; the spool is full.
 *
 * What must hold: a key whose delete was answered as done or kept is never found again, through any worker. Each key is stored once, while
 * all is well; so a value that is found later is one that was to be gone. SEED plays a run again. */
#include "lib/address.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/program.h"
#include "lib/relay.h"
#include "lib/scene.h"
#include "lib/stage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SERVERS = 2, ASKERS = 6, KEYS = 400, ROOM = 256, WORKERS = 2 };

enum life { UNUSED, STORED, DELETED };

static struct memcached *servers[SERVERS];
static struct relay *relays[SERVERS];
static bool is_stopped[SERVERS];
static struct moongate *m;
static const char *dir, *script;
static int askers[ASKERS];
static enum life keys[KEYS];
static unsigned seed, round_no, kept, deleted, hits, refused, gated;

/* --- one question at a time -------------------------------------------------------------------- */

static int connect_to(const char *text)
{
    struct address a = address_read(text);
    int fd = socket(a.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, &a.as.any, a.n) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

struct answer {
    int fd;
    char text[ROOM];
    size_t n;
    bool is_over;
};

/* Ends with the line of an error, of a change, or END. */
static bool is_whole(const char *text)
{
    size_t n = strlen(text);
    if (n < 2 || strcmp(text + n - 2, "\r\n") != 0) return false;
    return strncmp(text, "VALUE", 5) != 0 || (n > 5 && strcmp(text + n - 5, "END\r\n") == 0);
}

static bool has_answer(void *what)
{
    struct answer *a = what;
    ssize_t n = recv(a->fd, a->text + a->n, sizeof a->text - 1 - a->n, MSG_DONTWAIT);
    if (n > 0) a->n += (size_t)n;
    a->is_over = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    a->text[a->n] = '\0';
    return a->is_over || is_whole(a->text);
}

/* "": the connection has ended. Valid until the next question. */
static const char *ask(unsigned at, const char *request)
{
    static struct answer a;
    if (askers[at] < 0) askers[at] = connect_to(moongate_address(m));
    a = (struct answer){.fd = askers[at]};
    if (a.fd < 0 || send(a.fd, request, strlen(request), MSG_NOSIGNAL) < 0) a.is_over = true;
    if (!a.is_over && !stage_waits(has_answer, &a)) stage_fails("no answer to %s", request);
    if (!a.is_over) return a.text;
    if (askers[at] >= 0) close(askers[at]);
    askers[at] = -1;
    return "";
}

static const char *key_of(unsigned i)
{
    return textf("k%u.%u", round_no, i);
}

/* --- what a client does ------------------------------------------------------------------------ */

static void store_all(void)
{
    for (unsigned i = 0; i < KEYS; i++) {
        const char *answer = ask(i % ASKERS, textf("set %s 0 0 1\r\nx\r\n", key_of(i)));
        keys[i] = strcmp(answer, "STORED\r\n") == 0 ? STORED : UNUSED;
    }
}

static void look(unsigned at, unsigned i)
{
    bool is_meta = random_below(&seed, 4) == 0;
    const char *answer = ask(at, textf(is_meta ? "mg %s v\r\n" : "get %s\r\n", key_of(i)));
    bool hit = strncmp(answer, "VALUE", 5) == 0 || strncmp(answer, "VA ", 3) == 0;
    hits += hit;
    gated += strstr(answer, "spooled deletes wait") != NULL;
    if (hit && keys[i] == DELETED)
        stage_fails("SEED %u: %s was deleted, and is found again: %s", seed, key_of(i), answer);
}

/* Then at once another client, whose worker may be the other one, looks. */
static void take_away(unsigned at, unsigned i)
{
    bool is_meta = random_below(&seed, 2);
    const char *answer = ask(at, textf(is_meta ? "md %s\r\n" : "delete %s\r\n", key_of(i)));
    bool done = strcmp(answer, "DELETED\r\n") == 0 || strncmp(answer, "HD", 2) == 0;
    bool none = strcmp(answer, "NOT_FOUND\r\n") == 0 || strncmp(answer, "NF", 2) == 0;
    deleted += done;
    kept += none;
    refused += !done && !none;
    if (done || none) keys[i] = DELETED;
    look(random_below(&seed, ASKERS), i);
}

static void act(void)
{
    unsigned at = random_below(&seed, ASKERS), i = random_below(&seed, KEYS);
    if (keys[i] == UNUSED) return;
    if (keys[i] == STORED && random_below(&seed, 2))
        take_away(at, i);
    else
        look(at, i);
}

/* --- what fails -------------------------------------------------------------------------------- */

static pid_t spooler_pid(void)
{
    pid_t children[16];
    size_t n = program_children(moongate_pid(m), children, 16);
    for (size_t i = 0; i < n; i++)
        if (program_descriptors(children[i], dir) > 0) return children[i];
    return 0;
}

static void kill_a_child(bool the_spooler)
{
    pid_t children[16], spooler = spooler_pid();
    size_t n = program_children(moongate_pid(m), children, 16);
    pid_t victim = the_spooler || n == 0 ? spooler : children[random_below(&seed, (unsigned)n)];
    if (victim > 0) kill(victim, SIGKILL);
}

static void harm_a_server(void)
{
    static const enum harm harms[] = {HARM_NONE,      HARM_NONE,   HARM_DELAY, HARM_CUT,
                                      HARM_BLACKHOLE, HARM_REFUSE, HARM_REFUSE};
    unsigned at = random_below(&seed, SERVERS);
    enum harm harm = harms[random_below(&seed, sizeof harms / sizeof *harms)];
    relay_does(relays[at], harm, harm == HARM_DELAY ? 120 : random_below(&seed, 300));
}

static void stop_or_go(void)
{
    unsigned at = random_below(&seed, SERVERS);
    if (is_stopped[at])
        memcached_thaws(servers[at]);
    else
        memcached_freezes(servers[at]);
    is_stopped[at] = !is_stopped[at];
}

static void heal(void)
{
    for (unsigned i = 0; i < SERVERS; i++) {
        relay_does(relays[i], HARM_NONE, 0);
        if (is_stopped[i]) memcached_thaws(servers[i]);
        is_stopped[i] = false;
    }
}

static void forget_askers(void)
{
    for (unsigned i = 0; i < ASKERS; i++) {
        if (askers[i] >= 0) close(askers[i]);
        askers[i] = -1;
    }
}

/* As a crash of the machine but for the disk, which keeps what was written. */
static void kill_all(void)
{
    pid_t children[16];
    size_t n = program_children(moongate_pid(m), children, 16);
    kill(moongate_pid(m), SIGKILL);
    for (size_t i = 0; i < n; i++) kill(children[i], SIGKILL);
    moongate_ends(m);
    forget_askers();
    m = moongate_start(script, "-j", textf("%u", WORKERS), NULL);
}

static void go_wrong(void)
{
    switch (random_below(&seed, 32)) {
    case 0: kill_all(); break;
    case 1:
    case 2: kill_a_child(false); break;
    case 3:
    case 4: kill_a_child(true); break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9: stop_or_go(); break;
    default: harm_a_server(); break;
    }
}

/* --- plays ------------------------------------------------------------------------------------- */

static bool is_served(void *what)
{
    const char *answer = ask(0, what);
    return strncmp(answer, "END", 3) == 0 || strncmp(answer, "VALUE", 5) == 0;
}

/* Every server is read again; then every key is looked at. */
static void all_is_well_again(void)
{
    heal();
    for (unsigned i = 0; i < KEYS; i++)
        if (!stage_waits(is_served, textf("get %s\r\n", key_of(i))))
            stage_fails("SEED %u: %s is not served again", seed, key_of(i));
    for (unsigned i = 0; i < KEYS; i++)
        if (keys[i] != UNUSED) look(random_below(&seed, ASKERS), i);
}

static void begin(const char *options)
{
    const char *given = getenv("SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
    printf("SEED=%u\n", seed);
    round_no = kept = deleted = hits = refused = gated = 0;
    for (unsigned i = 0; i < ASKERS; i++) askers[i] = -1;
    for (unsigned i = 0; i < SERVERS; i++) {
        servers[i] = memcached_start(NULL);
        relays[i] = relay_before(memcached_address(servers[i]));
        is_stopped[i] = false;
    }
    dir = textf("%s/spool", program_folder());
    script = textf(MG "local pool = mg.pool { '%s', '%s', timeout = 0.08, connect_timeout = 0.1,\n"
                      "  probe_min = 0.02, probe_max = 0.05, stall_timeout = 0.3 }\n"
                      "return mg.spool_deletes { pool, dir = '%s'%s }\n",
                   relay_address(relays[0]), relay_address(relays[1]), dir, options);
    m = moongate_start(script, "-j", textf("%u", WORKERS), NULL);
}

static double seconds_of(const char *name, double usual)
{
    const char *text = getenv(name);
    return text ? strtod(text, NULL) : usual;
}

static bool all_was_seen(void)
{
    return deleted > 0 && kept > 0 && hits > 0 && gated > 0;
}

/* On a machine that is very busy a while longer, until all was seen. */
static bool goes_on(double end)
{
    double now = stage_now();
    return now < end || (!all_was_seen() && now < end + 60);
}

static void what_was_deleted_is_never_found_again(void **state)
{
    begin("");
    double end = stage_now() + seconds_of("SPOOL_FAULTS_SECONDS", 5);
    while (goes_on(end)) {
        round_no++;
        store_all();
        for (unsigned i = 0; i < 1200 && goes_on(end); i++) {
            if (random_below(&seed, 25) == 0) go_wrong();
            act();
        }
        if (random_below(&seed, 3) == 0) kill_all();
        all_is_well_again();
    }
    forget_askers();
    printf("%u rounds: %u deleted, %u kept or not there, %u refused, %u hits, %u gated\n", round_no,
           deleted, kept, refused, hits, gated);
    assert_true(all_was_seen());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(what_was_deleted_is_never_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
