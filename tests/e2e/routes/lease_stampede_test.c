/* A stampede: very many clients, through two moongates with two workers each, want a key that is not there. One of them gets the miss, the
 * others what that one stores; and the server has little to do meanwhile. */
#include "lib/address.h"
#include "lib/client.h"
#include "lib/frames.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/peer.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { CROWD = 500, DAEMONS = 2, BIG = 300 * 1000 };

struct person {
    struct peer peer; /* first */
};

static struct person crowd[CROWD];
static struct memcached *server;
static struct moongate *daemons[DAEMONS];

static bool person_leaves(struct actor *actor)
{
    peer_release(&((struct person *)(void *)actor)->peer);
    return true;
}

static void enters(struct person *p, struct moongate *m)
{
    struct address to = address_read(moongate_address(m));
    int fd = socket(to.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, &to.as.any, to.n) < 0) stage_fails("a client cannot connect");
    *p = (struct person){0};
    peer_init(&p->peer, fd, textf("person %d", (int)(p - crowd)));
    p->peer.actor.rank = RANK_CLIENT;
    p->peer.actor.acts = peer_acts;
    p->peer.actor.leaves = person_leaves;
    stage_enter(&p->peer.actor);
}

static void opens(const char *options)
{
    server = memcached_start(NULL);
    const char *script = textf(MG "return mg.lease { mg.pool { '%s' }, ttl = 30, %s }\n",
                               memcached_address(server), options);
    for (int i = 0; i < DAEMONS; i++) daemons[i] = moongate_start(script, "-j", "2", NULL);
    for (int i = 0; i < CROWD; i++) enters(&crowd[i], daemons[i % DAEMONS]);
}

static unsigned answered(void)
{
    unsigned n = 0;
    for (int i = 0; i < CROWD; i++) n += octets_n(&crowd[i].peer.in) > 0;
    return n;
}

static bool one_is(void *what)
{
    return answered() > 0;
}

static struct person *first_answered(void)
{
    for (int i = 0; i < CROWD; i++)
        if (octets_n(&crowd[i].peer.in) > 0) return &crowd[i];
    return NULL;
}

static void all_ask(const char *request)
{
    for (int i = 0; i < CROWD; i++) peer_sends(&crowd[i].peer, request, strlen(request));
}

/* Everybody's request has come to its worker. */
static void all_have_asked(void)
{
    struct client *c[DAEMONS];
    for (int i = 0; i < DAEMONS; i++) c[i] = client_connects(daemons[i]);
    double end = stage_now() + stage_deadline();
    for (unsigned long n = 0; n < CROWD; stage_turns(5)) {
        n = 0;
        for (int i = 0; i < DAEMONS; i++) n += stat_number(c[i], "", "cmd_get");
        if (stage_now() > end) stage_fails("only %lu have asked", n);
    }
}

static unsigned long gets_of_server(void)
{
    return stat_number(client_connects_to(memcached_address(server)), "", "cmd_get");
}

static void one_gets_the_miss_and_the_others_its_value(void **state)
{
    if (!memcached_at_hand_has_meta()) skip();
    opens("wait = 20");
    all_ask("get hot\r\n");
    assert_true(stage_waits(one_is, NULL));
    struct person *winner = first_answered();
    all_have_asked();
    assert_int_equal(answered(), 1);
    peer_sees(&winner->peer, "END\r\n", 5);
    unsigned long before = gets_of_server();
    assert_true(before <= 2 * CROWD + 200); /* each asks at most twice, but for few looks */
    peer_sends(&winner->peer, "set hot 3 0 5\r\nvalue\r\n", strlen("set hot 3 0 5\r\nvalue\r\n"));
    peer_sees(&winner->peer, "STORED\r\n", 8);
    const char *hit = "VALUE hot 3 5\r\nvalue\r\nEND\r\n";
    for (int i = 0; i < CROWD; i++)
        if (&crowd[i] != winner) peer_sees(&crowd[i].peer, hit, strlen(hit));
    unsigned long looks = gets_of_server() - before;
    printf("%lu requests before the set, %lu from then on\n", before, looks);
    assert_true(looks <=
                100); /* four workers look, at most each 2 ms at first and each 50 ms later */
}

/* What is put together for one is shared by all of a worker. */
static void a_long_value_comes_whole_to_all(void **state)
{
    static char value[BIG], set[BIG + 64], hit[BIG + 64];
    if (!memcached_at_hand_has_meta()) skip();
    for (int i = 0; i < BIG; i++) value[i] = (char)('a' + i % 26);
    int set_n = snprintf(set, sizeof set, "set big 0 0 %d\r\n%.*s\r\n", BIG, BIG, value);
    int hit_n = snprintf(hit, sizeof hit, "VALUE big 0 %d\r\n%.*s\r\nEND\r\n", BIG, BIG, value);
    opens("wait = 20");
    for (int i = 0; i < 40; i++) peer_sends(&crowd[i].peer, "get big\r\n", 9);
    assert_true(stage_waits(one_is, NULL));
    struct person *winner = first_answered();
    peer_sees(&winner->peer, "END\r\n", 5);
    peer_sends(&winner->peer, set, (size_t)set_n);
    peer_sees(&winner->peer, "STORED\r\n", 8);
    for (int i = 0; i < 40; i++)
        if (&crowd[i] != winner) peer_sees(&crowd[i].peer, hit, (size_t)hit_n);
}

/* The holder says nothing more: when its placeholder has ended, the next one wins, and so on. */
static void who_dies_is_followed_by_another(void **state)
{
    if (!memcached_at_hand_has_meta()) skip();
    server = memcached_start(NULL);
    struct moongate *m =
        moongate_start(textf(MG "return mg.lease { mg.pool { '%s' }, ttl = 1, wait = 20 }\n",
                             memcached_address(server)),
                       NULL);
    struct client *dies = client_connects(m), *other = client_connects(m);
    client_asks(dies, "get k\r\n", "END\r\n");
    client_resets(dies);
    client_asks(other, "get k\r\n", "END\r\n");
    client_asks(other, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
    client_asks(other, "get k\r\n", hit_and_end("k", "x"));
}

static void a_server_that_goes_ends_the_wait(void **state)
{
    if (!memcached_at_hand_has_meta()) skip();
    opens("wait = 20");
    all_ask("get hot\r\n");
    assert_true(stage_waits(one_is, NULL));
    all_have_asked();
    memcached_kill(server);
    for (int i = 0; i < CROWD; i++) {
        const char *line = peer_sees_line(&crowd[i].peer);
        assert_true(strcmp(line, "END") == 0 || strncmp(line, "SERVER_ERROR ", 13) == 0);
    }
}

/* Memory for those that wait is bounded: the others get a miss at once. */
static void too_many_are_sent_away(void **state)
{
    unsigned misses = 0;
    if (!memcached_at_hand_has_meta()) skip();
    opens("wait = 20, waiting = 25");
    all_ask("get hot\r\n");
    all_have_asked();
    double end = stage_now() + stage_deadline();
    while (answered() < CROWD - 4 * 25) {
        if (stage_now() > end) stage_fails("only %u were sent away", answered());
        stage_turns(5);
    }
    for (int i = 0; i < CROWD; i++) misses += octets_n(&crowd[i].peer.in) == 5;
    assert_true(misses >= CROWD - 4 * 25 && misses < CROWD - 4);
    client_asks(client_connects(daemons[0]), "set hot 0 0 1\r\nx\r\n", "STORED\r\n");
    while (answered() < CROWD) stage_turns(5);
}

/* Statuses of the binary protocol. */
enum { ABSENT = 1, UNSTORED = 5 };

static void asks(struct client *c, struct frame f, uint16_t status, const char *text)
{
    client_sends_frame(c, f);
    client_sees_frame(c, (struct frame){.opcode = f.opcode,
                                        .status = status,
                                        .cas = status || f.opcode == 0x04 ? 0 : UINT64_MAX,
                                        .value = text});
}

static void sees_value(struct client *c, uint8_t opcode, const char *value)
{
    client_sees_frame(c, (struct frame){.opcode = opcode,
                                        .cas = UINT64_MAX,
                                        .extras = "\0\0\0\0",
                                        .extras_n = 4,
                                        .value = value});
}

static void binary_clients_take_part(void **state)
{
    if (!memcached_at_hand_has_meta()) skip();
    opens("wait = 20, stale = 60");
    struct client *c[3];
    for (int i = 0; i < 3; i++) c[i] = client_connects(daemons[0]);
    asks(c[0], frame_of(0x00, "k"), ABSENT, "Not found");
    client_sends_frame(c[1], frame_of(0x00, "k"));
    asks(c[0], (struct frame){.opcode = 0x0e, .key = "k", .value = "x"}, UNSTORED,
         "Not stored.");                                          /* append */
    asks(c[0], frame_store(0x03, "k", "x"), ABSENT, "Not found"); /* replace */
    asks(c[0], frame_count(0x05, "k", 1, 1, UINT32_MAX), ABSENT, "Not found");
    asks(c[0], frame_touch(0x1c, "k", 9), ABSENT, "Not found");
    asks(c[0], frame_store(0x01, "k", "value"), 0, "");
    sees_value(c[1], 0x00, "value");
    client_sends_frame(c[0], frame_touch(0x1d, "k", 90)); /* get and touch */
    sees_value(c[0], 0x1d, "value");
    asks(c[0], frame_of(0x04, "k"), 0, ""); /* delete */
    asks(c[0], frame_of(0x04, "k"), ABSENT, "Not found");
    asks(c[0], frame_of(0x00, "k"), ABSENT, "Not found");
    asks(c[2], frame_store(0x02, "k", "again"), 0, ""); /* add */
    client_sends_frame(c[1], frame_of(0x00, "k"));
    sees_value(c[1], 0x00, "again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(one_gets_the_miss_and_the_others_its_value),
        play(a_long_value_comes_whole_to_all),
        play(who_dies_is_followed_by_another),
        play(a_server_that_goes_ends_the_wait),
        play(too_many_are_sent_away),
        play(binary_clients_take_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
