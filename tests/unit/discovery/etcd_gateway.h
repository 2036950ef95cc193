/* etcd_gateway: a server in the place of etcd that says what the play says, byte for byte; and a discovery from it.
 *
 * The stage owns it and frees it after the test. Included once, by a test program's only source.
 */
#ifndef TESTS_UNIT_ETCD_GATEWAY_H
#define TESTS_UNIT_ETCD_GATEWAY_H

#include "unit/discovery/discovery_host.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/octets.h"
#include "lib/peer.h"

/* --- a server that is told what to say ---------------------------------------------------------- */

/* Whole answers, with their heads; NULL: it is silent. */
struct gateway {
    struct actor actor; /* first */
    const char *address;
    const char *range, *count, *watch;
    size_t
        cut; /* so many bytes of an answer are sent, and then the connection ends; 0: all, and it stays */
    bool is_slow;          /* a byte at a time */
    const char *meanwhile; /* the watch says it once, before a count that comes slowly */
    unsigned ranges, counts, watches;
    struct caller *watcher; /* the last one that watches */
    char asked[4096];       /* the last request, with its head */
};

struct caller {
    struct peer peer; /* first */
    struct gateway *gateway;
    const char *slowly; /* what is left to send */
};

static inline void caller_closes(struct caller *c)
{
    if (c->gateway->watcher == c) c->gateway->watcher = NULL;
    close(c->peer.actor.fd);
    c->peer.actor.fd = -1;
}

static inline void caller_says(struct caller *c, const char *answer)
{
    const struct gateway *g = c->gateway;
    size_t n = strlen(answer);
    if (g->is_slow) {
        c->slowly = answer;
        return;
    }
    if (g->cut && g->cut < n) n = g->cut;
    peer_queues(&c->peer, answer, n);
    if (g->cut) caller_closes(c);
}

static inline const char *answer_to(struct gateway *g, const char *request, struct caller *c)
{
    if (strncmp(request, "POST /v3/watch ", 15) == 0) {
        g->watches++;
        g->watcher = c;
        return g->watch;
    }
    if (strncmp(request, "POST /v3/kv/range ", 18) != 0) stage_fails("asked: %s", request);
    if (strstr(request, "\"count_only\":true")) {
        g->counts++;
        if (g->meanwhile && g->watcher) {
            peer_queues(&g->watcher->peer, g->meanwhile, strlen(g->meanwhile));
            g->meanwhile = NULL;
            c->slowly = g->count;
            return NULL;
        }
        return g->count;
    }
    g->ranges++;
    return g->range;
}

/* The body ends with the last brace: its length is not looked at. */
static inline void caller_acts(struct actor *actor, short revents)
{
    struct caller *c = (struct caller *)(void *)actor;
    struct gateway *g = c->gateway;
    struct octets *in = &c->peer.in;
    peer_acts(actor, revents);
    const char *text = textf("%.*s", (int)octets_n(in), octets_at(in));
    const char *body = strstr(text, "\r\n\r\n");
    if (body && body[4] && text[strlen(text) - 1] == '}' &&
        strlen(body + 4) == strtoul(strstr(text, "Content-Length: ") + 16, NULL, 10)) {
        snprintf(g->asked, sizeof g->asked, "%s", text);
        octets_take(in, octets_n(in));
        const char *answer = answer_to(g, text, c);
        if (answer) caller_says(c, answer);
    }
    if (c->peer.is_closed && actor->fd >= 0) caller_closes(c);
}

static inline short caller_wants(struct actor *actor)
{
    struct caller *c = (struct caller *)(void *)actor;
    if (c->slowly && *c->slowly) {
        peer_queues(&c->peer, c->slowly, 1);
        c->slowly++;
    }
    return (short)(POLLIN | (octets_n(&c->peer.out) ? POLLOUT : 0));
}

static inline bool caller_leaves(struct actor *actor)
{
    peer_release(&((struct caller *)(void *)actor)->peer);
    return true;
}

static inline void gateway_acts(struct actor *actor, short revents)
{
    struct caller *c = stage_memory(sizeof *c);
    int fd = accept(actor->fd, NULL, NULL);
    (void)revents;
    if (fd < 0) return;
    c->gateway = (struct gateway *)(void *)actor;
    peer_init(&c->peer, fd, "a caller of the gateway");
    c->peer.actor.acts = caller_acts;
    c->peer.actor.wants = caller_wants;
    c->peer.actor.leaves = caller_leaves;
    c->peer.actor.rank = RANK_CLIENT;
    stage_enter(&c->peer.actor);
}

static inline bool gateway_leaves(struct actor *actor)
{
    close(actor->fd);
    return true;
}

static inline struct gateway *gateway_listens(void)
{
    struct gateway *g = stage_memory(sizeof *g);
    struct address a = address_read("127.0.0.1:0");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g->actor = (struct actor){
        .fd = fd, .rank = RANK_BACKEND, .acts = gateway_acts, .leaves = gateway_leaves};
    if (fd < 0 || bind(fd, &a.as.any, a.n) < 0 || listen(fd, 16) < 0 ||
        getsockname(fd, &a.as.any, &a.n) < 0)
        stage_fails("no socket for a gateway");
    g->address = textf("127.0.0.1:%d", ntohs(a.as.v4.sin_port));
    stage_enter(&g->actor);
    return g;
}

static inline const char *says(const char *json)
{
    return textf(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
        strlen(json), json);
}

static inline const char *chunk(const char *bytes)
{
    return textf("%zx\r\n%s\r\n", strlen(bytes), bytes);
}

#define STREAM         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define HEAD(revision) "\"header\":{\"cluster_id\":\"7\",\"revision\":\"" #revision "\"}"
/* /mc/a is 10.0.0.1, /mc/b is 10.0.0.2 */
#define KEY_A   "{\"key\":\"L21jL2E=\",\"value\":\"MTAuMC4wLjE=\"}"
#define KEY_B   "{\"key\":\"L21jL2I=\",\"value\":\"MTAuMC4wLjI=\"}"
#define A       "10.0.0.1:11211/1/a"
#define A_AND_B "10.0.0.1:11211/1/a 10.0.0.2:11211/1/b"

static inline const char *begun(int revision)
{
    return textf("%s%s", STREAM,
                 chunk(textf("{\"result\":{\"header\":{\"cluster_id\":\"7\",\"revision\":\"%d\"},"
                             "\"created\":true}}\n",
                             revision)));
}

static inline void knows_a(struct gateway *g)
{
    g->range = says("{" HEAD(5) ",\"kvs\":[" KEY_A "],\"count\":\"1\"}");
    g->count = says("{" HEAD(5) ",\"count\":\"1\"}");
    g->watch = begun(5);
}

static inline const char *url_of(const struct gateway *g)
{
    return textf("etcd://%s/mc", g->address);
}

static const struct discovery_settings brief = {
    .interval = 0.05, .timeout = 0.3, .debounce = 0.01, .shrink = true};
static const struct discovery_settings calm = {
    .interval = 60, .timeout = 1, .debounce = 0.01, .shrink = true};

static inline bool is_watched(void *what)
{
    return ((struct gateway *)what)->watcher != NULL;
}

static inline void sees_watch(struct gateway *g)
{
    if (!evloop_waits(is_watched, g)) stage_fails("nobody watches");
}

#endif
