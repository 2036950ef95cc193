/* A client's way through the master: what is known of it goes along to the worker that takes it, whichever that is in the end. */
#include "unit/master/crew_host.h"

#include "net/who.h"

static struct rules *rules(const char *text)
{
    struct rules *r;
    assert_null(rules_parse(&r, text));
    return r;
}

/* A message, as another process would send it. n NULL: one of an earlier version, with the label alone. */
static struct newcomer received(struct crew *crew, const struct newcomer *n, const char *label)
{
    struct channel_message m;
    int ends[2], fd;
    assert_int_equal(channel_create(ends), 0);
    enum channel_status status = n ? channel_send_client(ends[0], CHANNEL_GIVEN, n, label)
                                   : channel_send_text(ends[0], CHANNEL_GIVEN, 5, label);
    assert_int_equal(status, CHANNEL_OK);
    assert_int_equal(channel_receive(ends[1], &m, &fd), CHANNEL_OK);
    close(ends[0]);
    close(ends[1]);
    return crew_newcomer(crew, &m, fd);
}

static void what_a_worker_gives_back_is_what_it_got(void **state)
{
    struct host h;
    host_begins(&h);
    struct newcomer n = {.fd = -1, .listener = 5, .rules = rules("protocol=text")};
    char who[] = "1 entry=in front=text identity=user:joe";
    n.who = who;
    struct newcomer one = received(h.crew, &n, ""), two = received(h.crew, &n, "");
    assert_int_equal(one.listener, 5);
    assert_string_equal(one.who, who);
    assert_true(one.rules == two.rules && one.rules->protocol == RULES_PROTOCOL_TEXT);
    n.who = NULL;
    struct newcomer new = received(h.crew, &n, "");
    assert_null(new.who);
    newcomer_forget(&one);
    newcomer_forget(&two);
    newcomer_forget(&new);
    rules_give(n.rules);
    host_ends(&h);
}

/* It may be in the middle of what it says, so no handshake and no header can come; who it is must still be asked (I14). */
static void of_an_earlier_version_nothing_is_known(void **state)
{
    struct host h;
    struct who_moved m;
    host_begins(&h);
    struct newcomer n = received(h.crew, NULL, "a=127.0.0.1:1");
    assert_true(n.rules && n.rules->tls == RULES_TLS_OFF && n.rules->proxy_from.n == 0);
    assert_true(who_read(&m, n.who) && m.entry == ENTRY_KNOCKS && who_is_nobody(&m.who));
    newcomer_forget(&n);
    host_ends(&h);
}

/* Its rules cannot be read: the listener's own hold, which the master looks up. */
static void rules_of_a_later_version_are_left_to_its_listener(void **state)
{
    struct host h;
    char words[] = "of=tomorrow";
    struct rules later = {.references = 1, .text = words};
    struct newcomer n = {.fd = -1, .listener = 5, .rules = &later};
    host_begins(&h);
    struct newcomer back = received(h.crew, &n, "");
    assert_null(back.rules);
    newcomer_forget(&back);
    host_ends(&h);
}

static void arrives(struct host *h, int worker, const char *words, const char *who)
{
    struct channel_message m;
    int fd;
    assert_int_equal(channel_receive(h->ends[worker], &m, &fd), CHANNEL_OK);
    assert_int_equal(m.type, CHANNEL_CLIENT);
    assert_string_equal(channel_text(&m, CLIENT_RULES), words);
    assert_string_equal(channel_text(&m, CLIENT_WHO), who);
    assert_true(fd >= 0);
    close(fd);
}

/* A crew_event. */
static void nothing(void *arg, enum crew_event_type type, struct slot *s, uint32_t number,
                    const char *text)
{
}

static void what_is_known_goes_along_to_the_next_worker(void **state)
{
    struct host h;
    int pair[2];
    host_begins(&h);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct newcomer n = {.fd = pair[0], .listener = 5, .rules = rules("auth=off")};
    n.who = strdup("1 entry=auth front=text");
    h.crew->on_event = nothing;
    crew_hand(h.crew, n);
    arrives(&h, 0, "auth=off", "1 entry=auth front=text");
    h.crew->slots[0].state = SLOT_STARTING; /* it takes nothing any more */
    offers_withdraw(&h.crew->slots[0]);
    crew_hand_waiting(h.crew);
    arrives(&h, 1, "auth=off", "1 entry=auth front=text");
    host_ends(&h);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_worker_gives_back_is_what_it_got),
        cmocka_unit_test(of_an_earlier_version_nothing_is_known),
        cmocka_unit_test(rules_of_a_later_version_are_left_to_its_listener),
        cmocka_unit_test(what_is_known_goes_along_to_the_next_worker),
    };
    return cmocka_run_group_tests_name("newcomer", tests, NULL, NULL);
}
