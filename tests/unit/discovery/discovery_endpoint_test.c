/* discovery from a configuration endpoint: how it is asked, in old words and new, and what its troubles change. */
#include "unit/discovery/discovery_host.h"

#include <unistd.h>

#include "lib/address.h"
#include "lib/dnsmasq.h"
#include "lib/octets.h"
#include "lib/peer.h"

/* --- a configuration endpoint -------------------------------------------------------------------- */

/* A server that answers each line with what the play says: to `config get cluster`, and to all other lines. */
struct endpoint {
    struct actor actor; /* first */
    const char *address;
    const char *config, *other;
    unsigned lines;
};

struct caller {
    struct peer peer; /* first */
    struct endpoint *endpoint;
};

static void caller_acts(struct actor *actor, short revents)
{
    struct caller *c = (struct caller *)(void *)actor;
    struct octets *in = &c->peer.in;
    const char *end;
    peer_acts(actor, revents);
    while (octets_n(in) && (end = memchr(octets_at(in), '\n', octets_n(in)))) {
        bool is_config = memcmp(octets_at(in), "config get cluster\r\n", 20) == 0;
        const char *answer = is_config ? c->endpoint->config : c->endpoint->other;
        c->endpoint->lines++;
        octets_take(in, (size_t)(end + 1 - (const char *)octets_at(in)));
        if (answer) peer_queues(&c->peer, answer, strlen(answer));
    }
    if (!c->peer.is_closed) return;
    close(actor->fd);
    actor->fd = -1;
}

static bool caller_leaves(struct actor *actor)
{
    peer_release(&((struct caller *)(void *)actor)->peer);
    return true;
}

static void endpoint_acts(struct actor *actor, short revents)
{
    struct caller *c = stage_memory(sizeof *c);
    int fd = accept(actor->fd, NULL, NULL);
    (void)revents;
    if (fd < 0) return;
    c->endpoint = (struct endpoint *)(void *)actor;
    peer_init(&c->peer, fd, "a caller of the endpoint");
    c->peer.actor.acts = caller_acts;
    c->peer.actor.leaves = caller_leaves;
    c->peer.actor.rank = RANK_CLIENT;
    stage_enter(&c->peer.actor);
}

static bool endpoint_leaves(struct actor *actor)
{
    close(actor->fd);
    return true;
}

static struct endpoint *endpoint_listens(void)
{
    struct endpoint *e = stage_memory(sizeof *e);
    struct address a = address_read("127.0.0.1:0");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    e->actor = (struct actor){
        .fd = fd, .rank = RANK_BACKEND, .acts = endpoint_acts, .leaves = endpoint_leaves};
    if (fd < 0 || bind(fd, &a.as.any, a.n) < 0 || listen(fd, 16) < 0 ||
        getsockname(fd, &a.as.any, &a.n) < 0)
        stage_fails("no socket for an endpoint");
    e->address = textf("127.0.0.1:%d", ntohs(a.as.v4.sin_port));
    stage_enter(&e->actor);
    return e;
}

static const char *config_of(const char *head, const char *nodes)
{
    const char *payload = textf("1\n%s\n", nodes);
    return textf("%s 0 %zu\r\n%s\r\nEND\r\n", head, strlen(payload), payload);
}

static void an_endpoint_is_asked_again_and_again(void **state)
{
    struct endpoint *e = endpoint_listens();
    (void)state;
    e->config = config_of("CONFIG cluster", "a.cfg|10.0.0.1|11211 b.cfg|10.0.0.2|11212");
    opens(address_of_nobody());
    struct seen *s = listens(textf("elasticache://%s", e->address));
    sees(s, "10.0.0.1:11211/1/a.cfg 10.0.0.2:11212/1/b.cfg:11212");
    e->config = config_of("CONFIG cluster", "a.cfg|10.0.0.9|11211");
    sees(s, "10.0.0.9:11211/1/a.cfg"); /* a node was replaced, one is gone */
    leaves(s);
    closes();
}

static void an_older_endpoint_is_asked_in_its_own_words(void **state)
{
    struct endpoint *e = endpoint_listens();
    (void)state;
    e->config = "ERROR\r\n";
    e->other = config_of("VALUE AmazonElastiCache:cluster", "a.cfg||11211");
    opens(address_of_nobody());
    struct seen *s = listens(textf("elasticache://%s", e->address));
    sees(s, "a.cfg:11211/1");
    leaves(s);
    closes();
}

static void an_endpoint_that_fails_leaves_the_last_list(void **state)
{
    struct endpoint *e = endpoint_listens();
    (void)state;
    e->config = config_of("CONFIG cluster", "|10.0.0.1|11211");
    opens(address_of_nobody());
    struct seen *s = listens(textf("elasticache://%s", e->address));
    sees(s, "10.0.0.1:11211/1");
    e->config = "ERROR\r\n";
    e->other = "END\r\n";
    sees_failure(s, "it is not a configuration endpoint");
    e->config = "CONFIG cluster 0 7\r\n1\n\n";
    sees_failure(s, "it did not answer in time");
    e->config = config_of("CONFIG cluster", "nonsense");
    sees_failure(s, "node 1 of its configuration");
    e->config = config_of("CONFIG cluster", "");
    sees_failure(s, "there is no server in the list");
    assert_string_equal(s->text, "10.0.0.1:11211/1");
    e->config = config_of("CONFIG cluster", "|10.0.0.2|11211");
    sees(s, "10.0.0.2:11211/1");
    sees_failure(s, NULL);
    leaves(s);
    closes();
}

static void the_next_address_of_an_endpoint_is_tried(void **state)
{
    struct endpoint *e = endpoint_listens();
    struct dnsmasq *d = dnsmasq_start("host-record=cfg.test,127.0.0.1,::1\n");
    (void)state;
    e->config = config_of("CONFIG cluster", "|10.0.0.1|11211");
    opens(dnsmasq_address(d));
    const char *port = strchr(e->address, ':');
    struct seen *s = listens(textf("elasticache://cfg.test%s", port));
    sees(s, "10.0.0.1:11211/1");
    /* Now the first one is an address that refuses: the second one answers. */
    dnsmasq_says(d, "host-record=cfg.test,127.0.0.1\nhost-record=cfg.test,127.0.0.0\n");
    e->config = config_of("CONFIG cluster", "|10.0.0.2|11211");
    evloop_turns(1.3);
    e->config = config_of("CONFIG cluster", "|10.0.0.3|11211");
    sees(s, "10.0.0.3:11211/1");
    leaves(s);
    closes();
}

static void an_endpoint_that_refuses_is_named(void **state)
{
    const char *nobody = address_of_nobody();
    (void)state;
    opens(nobody);
    struct seen *s = listens(textf("elasticache://%s", nobody));
    sees_failure(s, textf("%s: Connection refused", nobody));
    leaves(s);
    s = listens("elasticache://cfg.test"); /* its name cannot be looked up either */
    sees_failure(s, "no name server can be reached");
    leaves(s);
    closes();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play_on_loop(an_endpoint_is_asked_again_and_again),
        play_on_loop(an_older_endpoint_is_asked_in_its_own_words),
        play_on_loop(an_endpoint_that_fails_leaves_the_last_list),
        play_on_loop(the_next_address_of_an_endpoint_is_tried),
        play_on_loop(an_endpoint_that_refuses_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
