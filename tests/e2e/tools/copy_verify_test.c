/* moongate copy --verify, and the switch: whatever clients do meanwhile, through the new script they find what the old one found.
 *
 * VERIFY_SECONDS: how long each play goes on (once through its policies); VERIFY_KEYS: how many there are; SEED: of all that is
 * random (it is printed).
 */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"
#include "lib/versions.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SERVERS = 5, OLDS = 2, CLIENTS = 6, MOST = 8 };

/* Seconds that lifetimes may differ by: two, and one by which the clock of a server is late on a machine that is busy. */
enum { LIFETIME_MOST = 3 };

static unsigned seed, keys = 400;
static bool has_meta;

/* The old script has servers 0 and 1, the new one 1 to 4: some keys stay, most move. */
struct scene {
    struct memcached *servers[SERVERS];
    struct moongate *m;           /* what clients use */
    struct moongate *old, *alone; /* each script by itself, to be asked what it finds */
    const char *old_file, *new_file, *new_text, *admin;
    struct client *clients[CLIENTS];
};

static const char *pool_of(struct scene *s, unsigned from, unsigned to, const char *name)
{
    const char *list = "";
    for (; from <= to; from++) list = textf("%s'%s', ", list, memcached_address(s->servers[from]));
    return textf("mg.pool { %s name = '%s' }", list, name);
}

static void opens(struct scene *s, const char *both)
{
    for (unsigned i = 0; i < SERVERS; i++) s->servers[i] = memcached_start(NULL);
    has_meta = memcached_at_hand_has_meta();
    const char *old = pool_of(s, 0, 1, "old"), *new = pool_of(s, 1, SERVERS - 1, "new");
    const char *old_text = textf(MG "return %s\n", old);
    s->new_text = textf(MG "return %s\n", new);
    s->old_file = moongate_script_file(old_text);
    s->new_file = moongate_script_file(s->new_text);
    s->admin = textf("%s/admin", program_folder());
    s->m = moongate_start(textf(MG "local old, new = %s, %s\nreturn %s\n", old, new, both), "-j",
                          "2", "--admin", textf("unix:%s", s->admin), NULL);
    s->old = moongate_start(old_text, NULL);
    for (unsigned i = 0; i < CLIENTS; i++) s->clients[i] = client_connects(s->m);
}

/* --- clients ------------------------------------------------------------------------------------ */

/* Any command, about any key; keys below `of` alone. */
static const char *command(unsigned of)
{
    static const unsigned times[] = {0, 50, 1000, 100000};
    unsigned key = random_below(&seed, of), n = random_below(&seed, 90) + 10;
    unsigned ttl = times[random_below(&seed, 4)];
    switch (random_below(&seed, 14)) {
    case 0:
    case 1:
    case 2: return textf("set k%u %u %u 2\r\n%u\r\n", key, n, ttl, n);
    case 3: return textf("add k%u %u %u 2\r\n%u\r\n", key, n, ttl, n);
    case 4: return textf("replace k%u %u %u 2\r\n%u\r\n", key, n, ttl, n);
    case 5: return textf("append k%u 0 0 2\r\n%u\r\n", key, n);
    case 6: return textf("incr k%u %u\r\n", key, n);
    case 7: return textf("decr k%u %u\r\n", key, n);
    case 8: return textf("touch k%u %u\r\n", key, ttl);
    case 9:
    case 10: return textf("delete k%u\r\n", key);
    case 11: return textf("gat %u k%u\r\n", ttl, key);
    case 12: return has_meta ? textf("ma k%u N%u J5\r\n", key, ttl) : textf("get k%u\r\n", key);
    default: return textf("get k%u\r\n", key);
    }
}

static void reads_answers(struct client *c)
{
    while (strncmp(client_sees_line(c), "VERSION", 7) != 0) continue;
}

/* Each client sends some commands at once. */
static void clients_go_on(struct scene *s, unsigned of)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        const char *all = "";
        for (unsigned n = random_below(&seed, MOST); n > 0; n--)
            all = textf("%s%s", all, command(of));
        client_sends(s->clients[i], textf("%sversion\r\n", all));
    }
    for (unsigned i = 0; i < CLIENTS; i++) reads_answers(s->clients[i]);
}

/* --- the copy ------------------------------------------------------------------------------------ */

struct copying {
    struct program program;
    const char *out, *err;
    double began;
};

static bool leaves(struct actor *actor)
{
    program_kill((struct program *)actor);
    return true;
}

static struct copying *copy_starts(struct scene *s, const char *verify)
{
    struct copying *c = stage_memory(sizeof *c);
    const char *folder = program_folder();
    c->out = textf("%s/out", folder);
    c->err = textf("%s/err", folder);
    const char *argv[] = {
        getenv("MOONGATE"), "copy",     s->old_file, s->new_file, verify, "--service",
        s->admin,           "--settle", "0.3",       "--rate",    "3k/s", "--json",
        "--patience",       "5",        "--load",    "0",         NULL};
    int out = open(c->out, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    int err = open(c->err, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    c->began = stage_now();
    program_start(&c->program, argv, out, err);
    c->program.actor.rank = RANK_PROGRAM;
    c->program.actor.leaves = leaves;
    stage_enter(&c->program.actor);
    close(out);
    close(err);
    return c;
}

/* It ends however clients go on: this is far more than it takes, and less than a test may. */
enum { LONGEST = 60 };

static const char *content(const char *path)
{
    char *text = stage_memory(8192);
    FILE *in = fopen(path, "re");
    if (in) {
        (void)!fread(text, 1, 8191, in);
        fclose(in);
    }
    return text;
}

static bool is_gone(struct copying *c)
{
    stage_turns(0);
    if (!c->program.is_gone && stage_now() - c->began > LONGEST)
        stage_fails("copy has not ended in %d s: %s%s", LONGEST, content(c->out), content(c->err));
    return c->program.is_gone;
}

/* --- what is found -------------------------------------------------------------------------------- */

struct item {
    double seen;
    bool is_there;
    unsigned flags;
    long ttl;
    const char *value;
};

/* A server that has come back is connected again in a moment. */
static const char *first_line(struct client *c, unsigned key)
{
    double end = stage_now() + stage_deadline();
    for (;;) {
        client_sends(c, has_meta ? textf("mg k%u f t v\r\n", key) : textf("get k%u\r\n", key));
        const char *line = client_sees_line(c);
        if (strncmp(line, "SERVER_ERROR", 12) != 0) return line;
        if (stage_now() > end) stage_fails("%s", line);
        stage_turns(20);
    }
}

static struct item finds(struct client *c, unsigned key)
{
    struct item item = {.seen = stage_now(), .value = ""};
    const char *line = first_line(c, key);
    item.is_there = has_meta ? sscanf(line, "VA %*u f%u t%ld", &item.flags, &item.ttl) == 2
                             : sscanf(line, "VALUE %*s %u", &item.flags) == 1;
    if (item.is_there) item.value = client_sees_line(c);
    if (item.is_there && !has_meta) client_sees(c, "END\r\n");
    return item;
}

static bool are_same(const struct item *a, const struct item *b)
{
    if (a->is_there != b->is_there) return false;
    return a->flags == b->flags && strcmp(a->value, b->value) == 0 &&
           labs(a->ttl - b->ttl) <= LIFETIME_MOST + (long)(b->seen - a->seen + 0.9) &&
           (a->ttl < 0) == (b->ttl < 0);
}

/* How a key may differ. After a server was killed, what an old server has lost is found by the new script alone. And servers that cannot
 * say how long an item lives: what a client has changed in it is deleted in its new place (moongate.mirror), also after it was verified. */
static bool may_differ(const struct item *old, const struct item *new, bool has_lost)
{
    if (!has_meta && !new->is_there) return true;
    return has_lost && !old->is_there && new->is_there;
}

static void fails_for(unsigned key, const struct item *a, const struct item *b, const char *about)
{
    stage_fails("k%u: the old script finds %d '%s' flags %u for %ld s, "
                "the new one %d '%s' flags %u for %ld s\n%s",
                key, a->is_there, a->value, a->flags, a->ttl, b->is_there, b->value, b->flags,
                b->ttl, about);
}

/* What the old script finds is found by the new one. */
static void same_is_found(struct scene *s, bool has_lost, const char *about)
{
    struct client *old = client_connects(s->old), *new = client_connects(s->m);
    for (unsigned key = 0; key < keys; key++) {
        struct item a = finds(old, key), b = finds(new, key);
        if (!are_same(&a, &b) && !may_differ(&a, &b, has_lost)) fails_for(key, &a, &b, about);
    }
}

/* The new script finds nothing else than the old one, once what was in flight has ended; how many keys it does not find. A copy that was
 * under way for half a second is deleted (moongate.fill), as on a machine that stands still for so long. */
static unsigned count_lacking(struct scene *s, bool has_lost, const char *about)
{
    struct client *old = client_connects(s->old), *new = client_connects(s->alone);
    double end = stage_now() + stage_deadline();
    unsigned lacking = 0;
    for (unsigned key = 0; key < keys; key++) {
        for (;;) {
            struct item a = finds(old, key), b = finds(new, key);
            bool lacks = a.is_there && !b.is_there;
            lacking += lacks;
            if (lacks || are_same(&a, &b) || may_differ(&a, &b, has_lost)) break;
            if (stage_now() > end) fails_for(key, &a, &b, about);
            stage_turns(20);
        }
    }
    return lacking;
}

static double seconds(void)
{
    const char *text = getenv("VERIFY_SECONDS");
    return text ? atof(text) / 2 : 0;
}

/* --- plays ---------------------------------------------------------------------------------------- */

static const char *const policies[] = {
    "mg.staging { old, new }",
    "mg.migrate { old, new, start = os.time() + 9999, interval = 9, writes = 'both' }",
};

/* The old script has items, and the new one's servers have others from an earlier time. */
static void begins(struct scene *s, const char *both)
{
    opens(s, both);
    s->alone = moongate_start(s->new_text, NULL);
    struct client *new = client_connects(s->alone);
    struct client *old = client_connects(s->old);
    for (unsigned i = 0; i < keys; i++)
        client_sends(new, textf("set k%u 1 %u 6 noreply\r\nbefore\r\n", i, i % 3 ? 0 : 500));
    client_asks(new, "get none\r\n", "END\r\n");
    for (unsigned i = 0; i < keys; i++)
        client_sends(old, i % 3 ? textf("set k%u %u 0 4 noreply\r\nthen\r\n", i, i)
                                : textf("delete k%u noreply\r\n", i));
    client_asks(old, "get none\r\n", "END\r\n");
}

static double number_of(const char *out, const char *name)
{
    return json_member_number(strstr(out, "\"verify\":"), name);
}

/* The copy has ended well, and no client writes any more. What is lacking is put right by another verification; then comes the switch. */
static void switches(struct scene *s, bool has_lost, const char *about)
{
    unsigned lacking = count_lacking(s, has_lost, about);
    if (lacking > 0) {
        printf("%u of %u keys were deleted in their new places meanwhile\n", lacking, keys);
        assert_true(lacking < keys / 4);
        struct copying *again = copy_starts(s, "--verify-only");
        while (!is_gone(again)) stage_turns(20);
        if (strcmp(program_end(&again->program), "exit 0") != 0)
            stage_fails("%s%s", content(again->out), content(again->err));
    }
    moongate_reloads(s->m, s->new_text);
    same_is_found(s, has_lost, about);
}

static void after_copy_verify_and_the_switch_all_is_found(void **state)
{
    double end = stage_now() + seconds(), changed = 0;
    unsigned runs = 0;
    for (; runs < 2 || stage_now() < end; runs++) {
        struct scene s;
        begins(&s, policies[runs % 2]);
        struct copying *copy = copy_starts(&s, "--verify");
        while (!is_gone(copy)) clients_go_on(&s, keys * 2 / 3);
        const char *out = content(copy->out), *err = content(copy->err);
        if (strcmp(program_end(&copy->program), "exit 0") != 0)
            stage_fails("%s: %s%s", program_end(&copy->program), out, err);
        changed += number_of(out, "corrected") + number_of(out, "removed");
        switches(&s, false, out);
        stage_clears();
    }
    assert_true(changed >= runs); /* else nothing was wrong before */
}

/* A server dies and comes back empty. Whatever is lost by that is counted, or was put right. */
static void what_servers_lose_meanwhile_is_put_right_or_counted(void **state)
{
    double end = stage_now() + seconds();
    unsigned good = 0, runs = 0;
    for (; runs < 2 || stage_now() < end; runs++) {
        struct scene s;
        begins(&s, policies[runs % 2]);
        struct copying *copy = copy_starts(&s, "--verify");
        unsigned victim = random_below(&seed, SERVERS);
        double kills = stage_now() + random_below(&seed, 900) / 1000.0;
        bool was_killed = false;
        while (!is_gone(copy)) {
            clients_go_on(&s, keys * 2 / 3);
            if (was_killed || stage_now() < kills) continue;
            memcached_kill(s.servers[victim]);
            memcached_starts_again(s.servers[victim]);
            was_killed = true;
        }
        const char *out = content(copy->out), *err = content(copy->err);
        bool is_good = strcmp(program_end(&copy->program), "exit 0") == 0;
        if (!is_good && strcmp(program_end(&copy->program), "exit 1") != 0)
            stage_fails("%s: %s%s", program_end(&copy->program), out, err);
        good += is_good;
        if (is_good) switches(&s, was_killed && victim < OLDS, out);
        stage_clears();
    }
    printf("%u of %u verifications went well\n", good, runs);
    assert_true(good * 2 >= runs);
}

int main(void)
{
    const char *text = getenv("SEED"), *many = getenv("VERIFY_KEYS");
    seed = text ? (unsigned)strtoul(text, NULL, 10) : (unsigned)getpid();
    if (many) keys = (unsigned)strtoul(many, NULL, 10);
    printf("SEED=%u\n", seed);
    const struct CMUnitTest tests[] = {
        play(after_copy_verify_and_the_switch_all_is_found),
        play(what_servers_lose_meanwhile_is_put_right_or_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
