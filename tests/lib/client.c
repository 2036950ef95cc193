#include "lib/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/moongate.h"
#include "lib/overtls.h"
#include "lib/scene.h"
#include "lib/secure.h"
#include "lib/stage.h"

struct client {
    struct peer peer;
};

static bool client_leaves(struct actor *actor)
{
    peer_release(&((struct client *)(void *)actor)->peer);
    return true;
}

void client_secures(struct client *c, const struct secure_wanted *wanted)
{
    peer_secures(&c->peer, wanted);
}

struct client *client_connects_to(const char *address)
{
    static unsigned number;
    struct address to = address_read(address);
    int fd = socket(to.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) stage_fails("cannot make a socket for %s: %s", address, strerror(errno));
    /* Blocking: on this machine the kernel answers for the listener, so it takes no time. */
    if (connect(fd, &to.as.any, to.n) < 0) {
        close(fd);
        stage_fails("a client cannot connect to %s: %s", address, strerror(errno));
    }
    struct client *c = stage_memory(sizeof *c);
    peer_init(&c->peer, fd, textf("client %u", ++number));
    c->peer.actor.rank = RANK_CLIENT;
    c->peer.actor.leaves = client_leaves;
    stage_enter(&c->peer.actor);
    if (is_over_tls_at(address)) {
        client_secures(c, &(struct secure_wanted){0});
        peer_sees_handshake(&c->peer);
    }
    return c;
}

struct client *client_connects_secure_to(const char *address, const struct secure_wanted *wanted)
{
    struct client *c = client_connects_to(address);
    client_secures(c, wanted);
    peer_sees_handshake(&c->peer);
    return c;
}

struct client *client_connects_secure(struct moongate *m, const struct secure_wanted *wanted)
{
    return client_connects_secure_to(moongate_address(m), wanted);
}

struct secure *client_secure(const struct client *c)
{
    return c->peer.secure;
}

uint8_t client_sends_cut_record(struct client *c, const void *bytes, size_t n)
{
    struct octets record = {0};
    secure_gives(c->peer.secure, bytes, n, &record);
    uint8_t last = octets_at(&record)[octets_n(&record) - 1];
    octets_add(&c->peer.out, octets_at(&record), octets_n(&record) - 1);
    octets_release(&record);
    client_sends(c, "");
    return last;
}

void client_ends_record(struct client *c, uint8_t last)
{
    octets_add(&c->peer.out, &last, 1);
    client_sends(c, "");
}

void client_sends_spoilt(struct client *c, const char *text)
{
    struct octets record = {0};
    secure_gives(c->peer.secure, text, strlen(text), &record);
    octets_reserve(&record, 1)[-1] ^= 1;
    octets_add(&c->peer.out, octets_at(&record), octets_n(&record));
    octets_release(&record);
    client_sends(c, "");
}

const char *client_sees_handshake_fail(struct client *c)
{
    return peer_sees_handshake_fail(&c->peer);
}

void client_sees_told_end(struct client *c)
{
    peer_sees_told_end(&c->peer);
}

int client_descriptor(const struct client *c)
{
    return c->peer.actor.fd;
}

bool client_is_refused(const char *address)
{
    struct address to = address_read(address);
    char byte;
    int fd = socket(to.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_refused = connect(fd, &to.as.any, to.n) < 0;
    if (!is_refused) {
        struct timeval deadline = {.tv_sec = (time_t)stage_deadline()};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
        ssize_t n = recv(fd, &byte, 1, 0);
        is_refused = n == 0 || (n < 0 && errno == ECONNRESET);
    }
    close(fd);
    return is_refused;
}

struct client *client_connects(struct moongate *m)
{
    return client_connects_to(moongate_address(m));
}

void client_sends(struct client *c, const char *text)
{
    peer_sends(&c->peer, text, strlen(text));
}

void client_sends_bytes(struct client *c, const void *bytes, size_t n)
{
    peer_sends(&c->peer, bytes, n);
}

void client_sends_in_pieces(struct client *c, const void *bytes, size_t n, size_t piece)
{
    peer_sends_in_pieces(&c->peer, bytes, n, piece);
}

void client_is_read(struct client *c)
{
    peer_is_read(&c->peer);
}

size_t client_sends_what_fits(struct client *c, const void *bytes, size_t n)
{
    const char *at = bytes;
    size_t done = 0;
    while (done < n) {
        ssize_t taken = send(c->peer.actor.fd, at + done, n - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (taken <= 0) break;
        done += (size_t)taken;
    }
    return done;
}

void client_sees(struct client *c, const char *text)
{
    peer_sees(&c->peer, text, strlen(text));
}

void client_sees_bytes(struct client *c, const void *bytes, size_t n)
{
    peer_sees(&c->peer, bytes, n);
}

char *client_sees_some(struct client *c, size_t n)
{
    return peer_sees_some(&c->peer, n);
}

char *client_sees_line(struct client *c)
{
    return peer_sees_line(&c->peer);
}

void client_sees_line_starting(struct client *c, const char *start)
{
    const char *line = peer_sees_line(&c->peer);
    if (strncmp(line, start, strlen(start)) != 0)
        stage_fails("%s\n  expected a line that starts with \"%s\"\n  got \"%s\"", c->peer.name,
                    start, line);
}

void client_sees_end(struct client *c, struct octets *all)
{
    peer_sees_end(&c->peer, all);
}

void client_sees_closed(struct client *c)
{
    peer_sees_closed(&c->peer);
}

static bool one_is_closed(void *what)
{
    struct client *const *pair = what;
    return pair[0]->peer.is_closed || pair[1]->peer.is_closed;
}

struct client *client_that_sees_closed(struct client *one, struct client *other)
{
    struct client *pair[] = {one, other};
    if (!stage_waits(one_is_closed, pair))
        stage_fails("neither %s nor %s is closed", one->peer.name, other->peer.name);
    return one->peer.is_closed ? one : other;
}

void client_sees_nothing_more(struct client *c)
{
    client_sends(c, "version\r\n");
    client_sees_line_starting(c, "VERSION ");
    client_has_nothing_yet(c);
}

void client_has_nothing_yet(struct client *c)
{
    stage_turns(0);
    if (octets_n(&c->peer.in) == 0) return;
    stage_fails("%s\n  expected nothing\n  got %s", c->peer.name,
                octets_escape(octets_at(&c->peer.in), octets_n(&c->peer.in)));
}

void client_asks(struct client *c, const char *request, const char *answer)
{
    client_sends(c, request);
    client_sees(c, answer);
}

void client_stores_value(struct client *c, const char *key, const char *value)
{
    client_asks(c, textf("set %s 0 0 %zu\r\n%s\r\n", key, strlen(value), value), "STORED\r\n");
}

void client_gets_value(struct client *c, const char *key, const char *value)
{
    client_asks(c, textf("get %s\r\n", key), hit_and_end(key, value));
}

/* What comes behind the first line of an answer that is not the one that is waited for. */
static void sees_its_rest(struct client *c, const char *line)
{
    bool is_classic = strncmp(line, "VALUE ", strlen("VALUE ")) == 0;
    if (strncmp(line, "VA ", strlen("VA ")) == 0) (void)client_sees_line(c);
    if (is_classic)
        while (strcmp(client_sees_line(c), "END") != 0) {
        }
}

void client_asks_until(struct client *c, const char *request, const char *answer)
{
    double end = stage_now() + stage_deadline();
    const char *line;
    for (;;) {
        client_sends(c, request);
        line = client_sees_line(c);
        if (strncmp(answer, line, strlen(line)) == 0 && answer[strlen(line)] == '\r') break;
        sees_its_rest(c, line);
        if (stage_now() > end)
            stage_fails("%s\n  asked %s until the deadline for %s\n  got \"%s\"", c->peer.name,
                        octets_escape(request, strlen(request)),
                        octets_escape(answer, strlen(answer)), line);
        stage_turns(10);
    }
    client_sees(c, answer + strlen(line) + 2);
}

void client_stops_reading(struct client *c)
{
    c->peer.is_paused = true;
}

void client_reads_again(struct client *c)
{
    c->peer.is_paused = false;
}

void client_half_closes(struct client *c)
{
    peer_half_closes(&c->peer);
}

void client_closes(struct client *c)
{
    stage_dismiss(&c->peer.actor);
}

void client_resets(struct client *c)
{
    peer_resets(&c->peer);
}
