/* The engine of TLS: OpenSSL does the cryptography, and never sees the socket.
 *
 *   in    a read makes one read(2) into the scratch that all connections of the process share, behind what the connection has kept. OpenSSL
 *         gets whole records alone, so it never waits within one; what is left (a record's beginning, or what the owner had no room for)
 *         is kept by the connection. As no more is read than the owner takes, or than one record lacks, that is about one record at most.
 *   out   what OpenSSL writes is gathered in another scratch, and goes out by one write(2). What the kernel does not take is kept, and
 *         nothing more is encrypted before it has gone.
 *
 * So OpenSSL never wants to write, and wants to read only when its records are used up. Its buffers are returned between two messages
 * (SSL_MODE_RELEASE_BUFFERS). */
#include <assert.h>
#include <openssl/err.h>
#include <string.h>

#include "base/slab.h"
#include "net/tls_engine.h"
#include "net/tls_record.h"

enum {
    READ_AT_MOST = 64 * 1024,
    WRITE_AT_MOST = 2 * TLS_RECORD_DATA, /* bytes that are encrypted before they are written */
    GREETING = 24 /* bytes of what a client that does not speak TLS has sent, for the log */
};

/* --- what all connections of the process share ------------------------------------------------- */

/* Used within one call. */
static struct {
    uint8_t in[TLS_RECORD_MAX * 2 + READ_AT_MOST];
    uint8_t plain[TLS_RECORD_DATA];
    struct span records; /* that OpenSSL may read */
    uint8_t *out;        /* what it has written */
    size_t out_n, out_room;
} scratch;

static int bio_read(BIO *bio, char *to, int n)
{
    size_t has = scratch.records.len;
    BIO_clear_retry_flags(bio);
    if (has == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t take = has < (size_t)n ? has : (size_t)n;
    memcpy(to, scratch.records.at, take);
    scratch.records = (struct span){scratch.records.at + take, has - take};
    return (int)take;
}

static int bio_write(BIO *bio, const char *from, int n)
{
    (void)bio;
    size_t need = scratch.out_n + (size_t)n;
    if (need > scratch.out_room) {
        scratch.out_room = need * 2;
        scratch.out = realloc(scratch.out, scratch.out_room);
        if (!scratch.out) abort();
    }
    memcpy(scratch.out + scratch.out_n, from, (size_t)n);
    scratch.out_n = need;
    return n;
}

static long bio_ctrl(BIO *bio, int what, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return what == BIO_CTRL_FLUSH;
}

static BIO *bio_create(void)
{
    static BIO_METHOD *method;
    if (!method) {
        method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "moongate");
        if (!method) abort();
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_ctrl(method, bio_ctrl);
    }
    BIO *bio = BIO_new(method);
    if (!bio) abort();
    BIO_set_init(bio, 1);
    return bio;
}

/* --- bytes that wait --------------------------------------------------------------------------- */

static size_t bytes_n(const struct tls_bytes *b)
{
    return b->end - b->at;
}

static void bytes_drop(struct tls_bytes *b)
{
    if (b->room) slab_return(b->bytes, b->room);
    *b = (struct tls_bytes){0};
}

/* The n bytes at `at`, and no others: they may be of b itself. */
static void bytes_set(struct tls_bytes *b, const uint8_t *at, size_t n)
{
    struct tls_bytes old = *b;
    if (n > 0 && at >= old.bytes && at < old.bytes + old.end) {
        b->at = (uint32_t)(at - old.bytes);
        return;
    }
    *b = (struct tls_bytes){.end = (uint32_t)n, .room = (uint32_t)n};
    if (n > 0) memcpy(b->bytes = slab_borrow(n), at, n);
    bytes_drop(&old);
}

static void bytes_append(struct tls_bytes *b, const uint8_t *at, size_t n)
{
    size_t before = bytes_n(b);
    struct tls_bytes both = {.end = (uint32_t)(before + n), .room = (uint32_t)(before + n)};
    both.bytes = slab_borrow(both.room);
    if (before) memcpy(both.bytes, b->bytes + b->at, before);
    memcpy(both.bytes + before, at, n);
    bytes_drop(b);
    *b = both;
}

/* --- out --------------------------------------------------------------------------------------- */

enum io_status stream_flush_secure(struct stream *s)
{
    struct tls_bytes *out = &s->tls->out;
    if (bytes_n(out) == 0) return IO_OK;
    ssize_t n = write(s->fd, out->bytes + out->at, bytes_n(out));
    if (n < 0) return io_status_of(n);
    out->at += (uint32_t)n;
    if (bytes_n(out) > 0) return IO_AGAIN;
    bytes_drop(out);
    return IO_OK;
}

/* Writes what OpenSSL has written since the last call, behind what is kept. */
static enum io_status send_out(struct stream *s)
{
    struct tls_bytes *out = &s->tls->out;
    size_t n = scratch.out_n, went = 0;
    if (n == 0) return IO_OK;
    scratch.out_n = 0;
    if (bytes_n(out) == 0) {
        ssize_t result = write(s->fd, scratch.out, n);
        if (result < 0 && io_status_of(result) == IO_ERROR) return IO_ERROR;
        if (result > 0) went = (size_t)result;
        if (went == n) return IO_OK;
    }
    bytes_append(out, scratch.out + went, n - went);
    return IO_AGAIN;
}

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
        if (take) memcpy(scratch.plain + all, at, take);
        all += take;
    }
    return (struct span){scratch.plain, all};
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
        status = send_out(s);
        if (plain.left == WRITE_AT_MOST) break;
    }
    if (status == IO_ERROR) return -1;
    if (taken > 0) return (ssize_t)taken;
    errno = EAGAIN;
    return -1;
}

bool stream_is_drained_secure(const struct stream *s)
{
    return bytes_n(&s->tls->out) == 0;
}

/* --- in ---------------------------------------------------------------------------------------- */

/* What the connection has kept, in place. */
static struct span kept(const struct tls *t)
{
    return (struct span){t->in.bytes + t->in.at, bytes_n(&t->in)};
}

/* One read(2), behind what was kept; most: bytes that the owner takes. I6: no more than that, or than the record lacks. */
static ssize_t fill(struct stream *s, size_t most, struct span *window)
{
    struct span before = kept(s->tls);
    size_t lacks = tls_records_of(before.at, before.len).missing;
    assert(before.len <= sizeof scratch.in - READ_AT_MOST);
    if (before.len) memcpy(scratch.in, before.at, before.len);
    most = most > before.len ? most - before.len : 0;
    if (most < lacks) most = lacks;
    if (most > READ_AT_MOST) most = READ_AT_MOST;
    ssize_t n = read(s->fd, scratch.in + before.len, most);
    *window = (struct span){scratch.in, before.len + (n > 0 ? (size_t)n : 0)};
    return n;
}

/* OpenSSL may read the whole records of the window; what it leaves is kept afterwards. */
static void offer(struct span window)
{
    scratch.records = (struct span){window.at, tls_records_of(window.at, window.len).whole};
}

static void keep_rest(struct tls *t, struct span window)
{
    const uint8_t *rest = scratch.records.at;
    size_t n = window.len - (size_t)(rest - window.at);
    scratch.records.len = 0;
    if (n || t->in.room) bytes_set(&t->in, rest, n);
}

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
        if (scratch.records.len == 0 && SSL_pending(t->ssl) == 0) break;
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

/* The socket's end. Between two records it is an end, though other programs say more (close_notify). */
static ssize_t end_of_socket(struct stream *s)
{
    if (bytes_n(&s->tls->in) == 0) return end(s->tls);
    tls_set_why(s->tls, "the connection ended in the middle of a TLS record");
    return fail(s, "read");
}

static size_t room_of(const struct iovec *to, int n)
{
    size_t all = 0;
    for (int i = 0; i < n; i++) all += to[i].iov_len;
    return all;
}

/* What is there already is taken before the socket is read: so a stream that holds bytes can be emptied. */
ssize_t stream_read_secure(struct stream *s, const struct iovec *to, int n)
{
    struct tls *t = s->tls;
    struct span window = kept(t);
    int result;
    if (t->has_failed) return t->end_is_told = true, fail(s, "read");
    if (t->has_ended) return end(t);
    if (s->state != STREAM_SECURE) return errno = EAGAIN, -1;
    if (SSL_pending(t->ssl) == 0 && tls_records_of(window.at, window.len).whole == 0) {
        ssize_t came = fill(s, room_of(to, n), &window);
        if (came < 0) return -1;
        if (came == 0) return end_of_socket(s);
    }
    if (ERR_peek_error()) ERR_clear_error();
    offer(window);
    size_t all = take_data(t, to, n, &result);
    keep_rest(t, window);
    int error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, result);
    enum io_status sent = send_out(s);
    if (error == SSL_ERROR_ZERO_RETURN) t->has_ended = true;
    if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL) (void)fail(s, "read");
    if (all > 0) return (ssize_t)all;
    if (t->has_ended) return end(t);
    if (t->has_failed) return t->end_is_told = true, fail(s, "read");
    if (sent != IO_ERROR) errno = EAGAIN;
    return -1;
}

/* An end or a failure is to be read, too. */
bool stream_holds_secure(const struct stream *s)
{
    const struct tls *t = s->tls;
    if (s->state != STREAM_SECURE || t->end_is_told) return false;
    if (t->has_ended || t->has_failed || SSL_pending(t->ssl) > 0) return true;
    return tls_records_of(kept(t).at, kept(t).len).whole > 0;
}

int stream_events_secure(const struct stream *s, bool wants_input, bool has_output)
{
    bool shakes = s->state == STREAM_SHAKING;
    bool writes = !stream_is_drained_secure(s) || (has_output && !shakes);
    return (wants_input || shakes ? STREAM_WAITS_READ : 0) | (writes ? STREAM_WAITS_WRITE : 0);
}

/* --- handshake --------------------------------------------------------------------------------- */

static void ssl_create(struct tls *t)
{
    t->ssl = SSL_new(t->context->ssl);
    if (!t->ssl) abort();
    BIO *bio = bio_create();
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

static enum stream_shake shake_on(struct stream *s, struct span window)
{
    struct tls *t = s->tls;
    if (ERR_peek_error()) ERR_clear_error();
    offer(window);
    int result = SSL_do_handshake(t->ssl);
    keep_rest(t, window);
    int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, result);
    if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) tls_note_failure(t, "handshake");
    enum io_status status = send_out(s);
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
    struct span window = kept(t);
    if (stream_flush_secure(s) == IO_ERROR) {
        tls_set_why(t, "%s", strerror(errno));
        return shake_fails(s);
    }
    if (begins) return shake_on(s, window);
    ssize_t n = fill(s, TLS_RECORD_DATA, &window);
    if (n == 0) tls_set_why(t, "closed during the handshake");
    if (n < 0 && io_status_of(n) == IO_AGAIN) return STREAM_SHAKE_AGAIN;
    if (n < 0) tls_set_why(t, "%s", strerror(errno));
    if (n <= 0) return shake_fails(s);
    if (!t->ssl) {
        if (!greets(t, window)) return shake_fails(s);
        if (tls_records_of(window.at, window.len).whole == 0) {
            bytes_set(&t->in, window.at, window.len);
            return STREAM_SHAKE_AGAIN;
        }
        ssl_create(t);
        SSL_set_accept_state(t->ssl);
    }
    return shake_on(s, window);
}

/* --- end --------------------------------------------------------------------------------------- */

void stream_say_end_secure(struct stream *s)
{
    struct tls *t = s->tls;
    if (s->state != STREAM_SECURE || t->has_failed || t->end_is_said) return;
    t->end_is_said = true;
    (void)SSL_shutdown(t->ssl);
    if (ERR_peek_error()) ERR_clear_error();
    (void)send_out(s);
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
        bytes_drop(&t->in);
        bytes_drop(&t->out);
        free(t->why);
        tls_context_give(t->context);
        slab_return(t, sizeof *t);
    }
    *s = STREAM_NONE;
    return fd;
}
