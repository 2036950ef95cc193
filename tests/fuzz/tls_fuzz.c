/* TLS: a client's bytes, in any cuts, changed, left out or made up, never bring anything out of the engine but what the client has sent, from the
 * beginning and in order; and as long as nobody changes them, they bring all of it.
 *
 * The first byte says how the client begins: with the rest of the input as it is (RAW), or with a real handshake by OpenSSL. Then pairs
 * of bytes, what and how much, let it send, deliver, change and end. */
#include "fuzz/fuzz.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/certs.h"
#include "lib/octets.h"
#include "lib/secure.h"
#include "net/tls.h"

enum {
    RAW = 1,
    OLD = 2,
    SMALL = 4
}; /* of the first byte: OLD: TLS 1.2; SMALL: a socket with little room */
enum { ROOM = 70000, MOST = 200000 };

enum op {
    OP_SEND,
    OP_SEND_MUCH,
    OP_DELIVER,
    OP_READ,
    OP_READ_MUCH,
    OP_WRITE,
    OP_CHANGE,
    OP_INSERT,
    OP_END,
    OP_RENEW,
    OP_TAKE,
    OP_CLOSE,
    OPS
};

struct play {
    struct stream ours;
    int theirs;
    struct secure *secure;
    struct octets wire; /* that the client has sent and the socket has not */
    struct octets in;   /* that the client was sent */
    size_t sent, seen, written;
    bool is_changed, is_closed, has_ended;
};

static uint8_t letter(size_t at)
{
    return (uint8_t)(at * 31 + at / 251);
}

static struct tls_context *server_context(void)
{
    static struct tls_context *context;
    char why[TLS_WHY] = "";
    if (context) return context;
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    const struct cert *own = cert_signed(cert_ca("ca"), "fuzz", NULL);
    const char *cert = cert_pem(own), *key = cert_key_pem(own);
    struct tls_settings settings = {.cert = {"cert", {(const uint8_t *)cert, strlen(cert)}},
                                    .key = {"key", {(const uint8_t *)key, strlen(key)}}};
    context = tls_context_server(&settings, why);
    check(context);
    return context;
}

/* What the client was sent is what we have written, from the beginning. */
static void take(struct play *p)
{
    char bytes[ROOM];
    size_t before = octets_n(&p->in);
    ssize_t n = p->theirs < 0 ? 0 : recv(p->theirs, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) secure_takes(p->secure, bytes, (size_t)n, &p->in, &p->wire);
    check(octets_n(&p->in) <= p->written);
    for (size_t i = before; i < octets_n(&p->in); i++)
        check((uint8_t)octets_at(&p->in)[i] == letter(i));
}

static void deliver(struct play *p, size_t n)
{
    if (n > octets_n(&p->wire)) n = octets_n(&p->wire);
    ssize_t went = n && p->theirs >= 0
                       ? send(p->theirs, octets_at(&p->wire), n, MSG_DONTWAIT | MSG_NOSIGNAL)
                       : 0;
    if (went > 0) octets_take(&p->wire, (size_t)went);
}

static void send_some(struct play *p, size_t n)
{
    uint8_t bytes[ROOM];
    if (p->sent > MOST || p->has_ended) return;
    for (size_t i = 0; i < n; i++) bytes[i] = letter(p->sent + i);
    p->sent += n;
    secure_gives(p->secure, bytes, n, &p->wire);
}

/* What is read is what was sent next; and after AGAIN there is nothing more without the socket. */
static ssize_t read_some(struct play *p, size_t room)
{
    uint8_t bytes[ROOM];
    ssize_t n = stream_read(&p->ours, bytes, room);
    check(n <= (ssize_t)room);
    for (ssize_t i = 0; i < n; i++) check(bytes[i] == letter(p->seen + (size_t)i));
    if (n > 0) p->seen += (size_t)n;
    check(p->seen <= p->sent);
    if (n < 0 && errno == EAGAIN) check(!stream_holds(&p->ours));
    if (n < 0 && errno == EPROTO) check(stream_why(&p->ours) && (p->is_changed || p->is_closed));
    if (n == 0) check(p->has_ended || p->is_closed || p->is_changed);
    return n;
}

static void write_some(struct play *p, size_t n)
{
    uint8_t bytes[ROOM];
    for (size_t i = 0; i < n; i++) bytes[i] = letter(p->written + i);
    struct iovec pieces[2] = {{bytes, n / 3}, {bytes + n / 3, n - n / 3}};
    ssize_t went = stream_writev(&p->ours, pieces, 2);
    check(went <= (ssize_t)n);
    if (went > 0) p->written += (size_t)went;
}

static void act(struct play *p, enum op op, size_t n)
{
    switch (op) {
    case OP_SEND: send_some(p, n); break;
    case OP_SEND_MUCH: send_some(p, n * 256); break;
    case OP_DELIVER: deliver(p, n < 250 ? n : ROOM); break;
    case OP_READ: (void)read_some(p, 1 + n); break;
    case OP_READ_MUCH: (void)read_some(p, 1 + n * 256); break;
    case OP_WRITE: write_some(p, n * 16); break;
    case OP_CHANGE:
        if (octets_n(&p->wire) == 0) break;
        ((char *)octets_at(&p->wire))[n % octets_n(&p->wire)] ^= (char)(1 << n % 8);
        p->is_changed = true;
        break;
    case OP_INSERT:
        octets_add(&p->wire, &(uint8_t){(uint8_t)n}, 1);
        p->is_changed = true;
        break;
    case OP_END:
        secure_ends(p->secure, &p->wire);
        p->has_ended = true;
        break;
    case OP_RENEW: (void)secure_renews_keys(p->secure, &p->wire); break;
    case OP_TAKE:
        (void)stream_flush(&p->ours);
        take(p);
        break;
    default:
        if (p->theirs >= 0) close(p->theirs);
        p->theirs = -1;
        p->is_closed = true;
        break;
    }
    check(stream_sane(&p->ours));
}

/* All that is left is delivered, and must be there where nobody has changed anything. */
static void finish(struct play *p)
{
    for (int i = 0; i < 2000; i++) {
        deliver(p, ROOM);
        ssize_t n = read_some(p, ROOM);
        if (n == 0 || (n < 0 && errno != EAGAIN)) break;
        if (n < 0 && (octets_n(&p->wire) == 0 || p->is_closed)) break;
    }
    if (!p->is_changed && !p->is_closed) check(p->seen == p->sent);
}

static void play_ops(struct play *p, bool is_old, const uint8_t *data, size_t size)
{
    enum stream_shake shaken = STREAM_SHAKE_AGAIN;
    p->secure = secure_create(&(struct secure_wanted){.version = is_old ? 0x0303 : 0x0304});
    secure_gives(p->secure, NULL, 0, &p->wire);
    for (int i = 0; i < 20 && shaken == STREAM_SHAKE_AGAIN; i++) {
        deliver(p, ROOM);
        shaken = stream_shake(&p->ours);
        take(p);
    }
    check(shaken == STREAM_SHAKE_DONE);
    for (size_t i = 0; i + 1 < size; i += 2) act(p, data[i] % OPS, data[i + 1]);
    finish(p);
    secure_destroy(p->secure);
}

static void play_raw(struct play *p, const uint8_t *data, size_t size)
{
    uint64_t digest = 1;
    enum stream_shake shaken = STREAM_SHAKE_AGAIN;
    digest_bytes(&digest, data, size);
    for (size_t at = 0, cut; at < size && shaken == STREAM_SHAKE_AGAIN; at = cut) {
        cut = next_cut(at, size, digest);
        if (cut > size) cut = size;
        if (send(p->theirs, data + at, cut - at, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) break;
        shaken = stream_shake(&p->ours);
        check(shaken != STREAM_SHAKE_DONE);
        check(stream_sane(&p->ours));
    }
    close(p->theirs);
    p->theirs = -1;
    for (int i = 0; i < 3 && shaken == STREAM_SHAKE_AGAIN; i++) shaken = stream_shake(&p->ours);
    check(shaken == STREAM_SHAKE_FAILED && stream_why(&p->ours)[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct play p = {.theirs = -1};
    int fds[2], small = 1;
    if (size == 0) return 0;
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    if (data[0] & SMALL) setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    p.ours = stream_open(fds[0]);
    p.theirs = fds[1];
    stream_begin_server(&p.ours, server_context());
    uint8_t *copy = exact_copy(data + 1, size - 1);
    if (data[0] & RAW)
        play_raw(&p, copy, size - 1);
    else
        play_ops(&p, data[0] & OLD, copy, size - 1);
    free(copy);
    stream_close(&p.ours);
    if (p.theirs >= 0) close(p.theirs);
    octets_release(&p.wire);
    octets_release(&p.in);
    return 0;
}
