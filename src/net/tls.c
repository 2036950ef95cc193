/* The engine of TLS: OpenSSL does the cryptography, and never sees the socket.
 *
 *   in    a read makes one read(2). OpenSSL gets whole records alone, so it never waits within one; what is left (a record's beginning, or
 *         what the owner had no room for) is kept by the connection. As no more is read than the owner takes, or than one record lacks,
 *         that is about one record at most.
 *   out   what OpenSSL writes is gathered, and goes out by one write(2). What the kernel does not take is kept, and nothing more is
 *         encrypted before it has gone.
 *
 * So OpenSSL never wants to write, and wants to read only when its records are used up. Its buffers are returned between two messages
 * (SSL_MODE_RELEASE_BUFFERS). */
#include <assert.h>
#include <openssl/err.h>
#include <string.h>

#include "base/slab.h"
#include "net/tls_io.h"
#include "net/tls_record.h"

enum {
    WRITE_AT_MOST = 2 * TLS_RECORD_DATA, /* bytes that are encrypted before they are written */
    KEPT_AT_MOST =
        2 * WRITE_AT_MOST, /* bytes that the socket has not taken: with more, nothing is read */
    GREETING = 24 /* bytes of what a client that does not speak TLS has sent, for the log */
};

/* --- out --------------------------------------------------------------------------------------- */

static uint8_t plain_bytes[TLS_RECORD_DATA];

/* What goes into the next record: a long piece from where it is, short ones copied behind each other. */
struct plain {
    const struct iovec *from;
    int n;       /* pieces left */
    size_t at;   /* used of the first of them */
    size_t left; /* bytes that may be taken */
};

static struct span plain_next(struct plain *p)
{
    size_t all = 0;
    while (p->n > 0 && p->left > 0 && all < TLS_RECORD_DATA) {
        if (p->from->iov_len == 0 && all > 0) break; /* see outq_end_record */
        const uint8_t *at = (const uint8_t *)p->from->iov_base + p->at;
        size_t has = p->from->iov_len - p->at, room = TLS_RECORD_DATA - all;
        size_t take = has < room ? has : room;
        if (take > p->left) take = p->left;
        bool is_alone = all == 0 && (take == TLS_RECORD_DATA || p->n == 1);
        p->left -= take;
        p->at += take;
        if (p->at == p->from->iov_len) {
            p->from++;
            p->n--;
            p->at = 0;
        }
        if (is_alone) return (struct span){at, take};
        if (take) memcpy(plain_bytes + all, at, take);
        all += take;
    }
    return (struct span){plain_bytes, all};
}

static ssize_t nothing_now(void)
{
    errno = EAGAIN;
    return -1;
}

static ssize_t fail(struct stream *s, const char *doing)
{
    s->tls->has_failed = true;
    tls_note_failure(s->tls, doing);
    errno = EPROTO;
    return -1;
}

/* OpenSSL takes a whole record, since its BIO takes all. */
ssize_t stream_write_secure(struct stream *s, const struct iovec *from, int n)
{
    struct tls *t = s->tls;
    size_t taken = 0;
    if (t->has_failed) return fail(s, "write");
    enum io_status status = s->state == STREAM_SECURE ? stream_flush_secure(s) : IO_AGAIN;
    struct plain plain = {.from = from, .n = n};
    if (ERR_peek_error()) ERR_clear_error();
    while (status == IO_OK && plain.n > 0) {
        plain.left = WRITE_AT_MOST;
        for (struct span data; (data = plain_next(&plain)).len > 0; taken += data.len)
            if (SSL_write(t->ssl, data.at, (int)data.len) != (int)data.len) return fail(s, "write");
        status = tls_send(s);
        if (plain.left == WRITE_AT_MOST) break;
    }
    if (status == IO_ERROR) return -1;
    return taken > 0 ? (ssize_t)taken : nothing_now();
}

bool stream_is_drained_secure(const struct stream *s)
{
    return tls_bytes_n(&s->tls->out) == 0;
}

/* --- in ---------------------------------------------------------------------------------------- */

/* Fills the places as far as there are records. */
static size_t take_data(struct tls *t, const struct iovec *to, int n, int *result)
{
    size_t all = 0, at = 0;
    *result = 1;
    while (n > 0) {
        size_t room = to->iov_len - at;
        if (room == 0) {
            to++, n--, at = 0;
            continue;
        }
        if (tls_offered() == 0 && SSL_pending(t->ssl) == 0) break;
        *result = SSL_read(t->ssl, (uint8_t *)to->iov_base + at,
                           room > TLS_RECORD_DATA ? TLS_RECORD_DATA : (int)room);
        if (*result <= 0) break;
        all += (size_t)*result;
        at += (size_t)*result;
    }
    return all;
}

static ssize_t end(struct tls *t)
{
    t->has_ended = t->end_is_told = true;
    return 0;
}

static ssize_t tell_failure(struct stream *s)
{
    s->tls->end_is_told = true;
    return fail(s, "read");
}

/* The socket's end. Between two records it is an end, though other programs say more (close_notify). */
static ssize_t end_of_socket(struct stream *s)
{
    if (tls_bytes_n(&s->tls->in) == 0) return end(s->tls);
    tls_set_why(s->tls, "the connection ended in the middle of a TLS record");
    return tell_failure(s);
}

static size_t room_of(const struct iovec *to, int n)
{
    size_t all = 0;
    for (int i = 0; i < n; i++) all += to[i].iov_len;
    return all;
}

/* I6: OpenSSL answers what the other side asks of it (new keys, a renegotiation). One that asks and does not read the answers waits until
 * it has. */
static bool must_read_first(const struct tls *t)
{
    return tls_bytes_n(&t->out) > KEPT_AT_MOST;
}

/* What is there already is taken before the socket is read: so a stream that holds bytes can be emptied. */
ssize_t stream_read_secure(struct stream *s, const struct iovec *to, int n)
{
    struct tls *t = s->tls;
    struct span window = tls_kept(t);
    int result;
    if (t->has_failed) return tell_failure(s);
    if (t->has_ended) return end(t);
    if (s->state != STREAM_SECURE || must_read_first(t)) return nothing_now();
    if (SSL_pending(t->ssl) == 0 && tls_records_of(window.at, window.len).whole == 0) {
        ssize_t came = tls_fill(s, room_of(to, n), &window);
        if (came < 0) return -1;
        if (came == 0) return end_of_socket(s);
    }
    if (ERR_peek_error()) ERR_clear_error();
    tls_offer(window);
    size_t all = take_data(t, to, n, &result);
    tls_keep_rest(t, window);
    int error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, result);
    enum io_status sent = tls_send(s);
    if (error == SSL_ERROR_ZERO_RETURN) t->has_ended = true;
    if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL) (void)fail(s, "read");
    if (all > 0) return (ssize_t)all;
    if (t->has_ended) return end(t);
    if (t->has_failed) return tell_failure(s);
    return sent == IO_ERROR ? -1 : nothing_now();
}

/* An end or a failure is to be read, too. */
bool stream_holds_secure(const struct stream *s)
{
    const struct tls *t = s->tls;
    if (s->state != STREAM_SECURE || t->end_is_told) return false;
    if (t->has_ended || t->has_failed) return true;
    if (must_read_first(t)) return false;
    if (SSL_pending(t->ssl) > 0) return true;
    return tls_records_of(tls_kept(t).at, tls_kept(t).len).whole > 0;
}

size_t stream_held_secure(const struct stream *s)
{
    const struct tls *t = s->tls;
    return tls_bytes_n(&t->in) + (t->ssl && SSL_pending(t->ssl) > 0 ? TLS_RECORD_MAX : 0);
}

int stream_events_secure(const struct stream *s, bool wants_input, bool has_output)
{
    bool shakes = s->state == STREAM_SHAKING;
    bool writes = !stream_is_drained_secure(s) || (has_output && !shakes);
    wants_input = wants_input && !must_read_first(s->tls);
    return (wants_input || shakes ? STREAM_WAITS_READ : 0) | (writes ? STREAM_WAITS_WRITE : 0);
}

/* --- handshake --------------------------------------------------------------------------------- */

static void ssl_create(struct tls *t)
{
    t->ssl = SSL_new(t->context->ssl);
    if (!t->ssl) abort();
    BIO *bio = tls_bio_create();
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
}

static void begin(struct stream *s, struct tls_context *context)
{
    assert(s->state == STREAM_PLAIN && !s->tls);
    s->tls = slab_borrow(sizeof *s->tls);
    *s->tls = (struct tls){.context = tls_context_take(context)};
    s->state = STREAM_SHAKING;
}

void stream_begin_server(struct stream *s, struct tls_context *context)
{
    assert(context->is_server);
    begin(s, context);
}

void stream_begin_client(struct stream *s, struct tls_context *context, const char *name,
                         struct tls_session *session)
{
    assert(!context->is_server);
    begin(s, context);
    ssl_create(s->tls);
    SSL *ssl = s->tls->ssl;
    SSL_set_connect_state(ssl);
    if (session) SSL_set_session(ssl, (SSL_SESSION *)session);
    bool is_address = name && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
    if (name && !is_address) {
        SSL_set_tlsext_host_name(ssl, name);
        SSL_set1_host(ssl, name);
    }
    ERR_clear_error();
}

static enum stream_shake shake_fails(struct stream *s)
{
    (void)fail(s, "handshake");
    return STREAM_SHAKE_FAILED;
}

/* The first bytes of a client show whether it speaks TLS at all. */
static bool greets(struct tls *t, struct span first)
{
    char shown[GREETING * 4 + 1];
    size_t at = 0;
    if (tls_record_may_begin(first.at, first.len)) return true;
    for (size_t i = 0; i < first.len && i < GREETING; i++)
        at += (size_t)snprintf(shown + at, sizeof shown - at,
                               first.at[i] >= ' ' && first.at[i] <= '~' ? "%c" : "\\x%02x",
                               first.at[i]);
    tls_set_why(t, "does not speak TLS (it begins with \"%s\")", shown);
    return false;
}

/* OpenSSL takes memory for all that a message says it will have, 128 KiB of a client's first one: nine bytes would do. A client of TLS 1.3
 * may have to send that one again; its others are encrypted, as records of another kind. */
static bool may_take_hello(struct tls *t, struct span window)
{
    size_t whole = tls_records_of(window.at, window.len).whole;
    if (!SSL_in_before(t->ssl) && SSL_version(t->ssl) < TLS1_3_VERSION) return true;
    if (tls_hello_follow(&t->hello, window.at, whole)) return true;
    tls_set_why(t, "its first message is longer than 16 KiB, or its length is cut in two");
    return false;
}

static enum stream_shake shake_on(struct stream *s, struct span window)
{
    struct tls *t = s->tls;
    if (t->context->is_server && !may_take_hello(t, window)) return shake_fails(s);
    if (ERR_peek_error()) ERR_clear_error();
    tls_offer(window);
    int result = SSL_do_handshake(t->ssl);
    tls_keep_rest(t, window);
    int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, result);
    if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) tls_note_failure(t, "handshake");
    enum io_status status = tls_send(s);
    if (error == SSL_ERROR_WANT_READ && status != IO_ERROR) return STREAM_SHAKE_AGAIN;
    if (status == IO_ERROR) tls_set_why(t, "%s", strerror(errno));
    if (error != SSL_ERROR_NONE || status == IO_ERROR || !tls_resumed_is_valid(t))
        return shake_fails(s);
    s->state = STREAM_SECURE;
    return STREAM_SHAKE_DONE;
}

/* A client begins without having read anything. A server's first step needs a whole record: until then it takes no memory of
 * OpenSSL's. */
enum stream_shake stream_shake(struct stream *s)
{
    struct tls *t = s->tls;
    assert(s->state == STREAM_SHAKING);
    if (t->has_failed) return STREAM_SHAKE_FAILED;
    bool begins = t->ssl && SSL_in_before(t->ssl);
    struct span window = tls_kept(t);
    if (stream_flush_secure(s) == IO_ERROR) {
        tls_set_why(t, "%s", strerror(errno));
        return shake_fails(s);
    }
    if (begins) return shake_on(s, window);
    ssize_t n = tls_fill(s, TLS_RECORD_DATA, &window);
    if (n == 0) tls_set_why(t, "closed during the handshake");
    if (n < 0 && io_status_of(n) == IO_AGAIN) return STREAM_SHAKE_AGAIN;
    if (n < 0) tls_set_why(t, "%s", strerror(errno));
    if (n <= 0) return shake_fails(s);
    if (!t->ssl) {
        if (!greets(t, window)) return shake_fails(s);
        if (tls_records_of(window.at, window.len).whole == 0) {
            tls_bytes_set(&t->in, window.at, window.len);
            return STREAM_SHAKE_AGAIN;
        }
        ssl_create(t);
        SSL_set_accept_state(t->ssl);
    }
    return shake_on(s, window);
}

bool stream_is_fresh_secure(const struct stream *s)
{
    return !s->tls->ssl && !s->tls->has_failed && tls_bytes_n(&s->tls->in) == 0;
}

/* --- end --------------------------------------------------------------------------------------- */

void stream_say_end_secure(struct stream *s)
{
    struct tls *t = s->tls;
    if (s->state != STREAM_SECURE || t->has_failed || t->end_is_said) return;
    t->end_is_said = true;
    (void)SSL_shutdown(t->ssl);
    if (ERR_peek_error()) ERR_clear_error();
    (void)tls_send(s);
}

/* A connection that was not shut down would make OpenSSL forget its session. */
int stream_release(struct stream *s)
{
    struct tls *t = s->tls;
    int fd = s->fd;
    if (t) {
        if (t->ssl) SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(t->ssl);
        if (t->session) tls_session_give(t->session);
        tls_bytes_drop(&t->in);
        tls_bytes_drop(&t->out);
        free(t->why);
        tls_context_give(t->context);
        slab_return(t, sizeof *t);
    }
    *s = STREAM_NONE;
    return fd;
}
