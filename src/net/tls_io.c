/* One read(2) fills a scratch that all connections of the process share, behind what the connection has kept; what OpenSSL writes is
 * gathered in another one. Both are used within one call of the engine, and nothing stays in them. */
#include "net/tls_io.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls_record.h"

enum {
    READ_AT_LEAST = 4096, /* bytes, where the owner takes fewer */
    READ_AT_MOST = 64 * 1024,
};

/* Used within one call. */
static struct {
    uint8_t in[TLS_RECORD_MAX * 2 + READ_AT_MOST];
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

BIO *tls_bio_create(void)
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

/* --- out --------------------------------------------------------------------------------------- */

enum io_status stream_flush_secure(struct stream *s)
{
    struct tls_bytes *out = &s->tls->out;
    if (tls_bytes_n(out) == 0) return IO_OK;
    ssize_t n = write(s->fd, out->bytes + out->at, tls_bytes_n(out));
    if (n < 0) return io_status_of(n);
    out->at += (uint32_t)n;
    if (tls_bytes_n(out) > 0) return IO_AGAIN;
    tls_bytes_drop(out);
    return IO_OK;
}

/* Writes what OpenSSL has written since the last call, behind what is kept. */
enum io_status tls_send(struct stream *s)
{
    struct tls_bytes *out = &s->tls->out;
    size_t n = scratch.out_n, went = 0;
    if (n == 0) return IO_OK;
    scratch.out_n = 0;
    if (tls_bytes_n(out) == 0) {
        ssize_t result = write(s->fd, scratch.out, n);
        if (result < 0 && io_status_of(result) == IO_ERROR) return IO_ERROR;
        if (result > 0) went = (size_t)result;
        if (went == n) return IO_OK;
    }
    tls_bytes_append(out, scratch.out + went, n - went);
    return IO_AGAIN;
}

/* --- in ---------------------------------------------------------------------------------------- */

/* What the connection has kept, in place. */
struct span tls_kept(const struct tls *t)
{
    if (!t->in.room) return (struct span){NULL, 0};
    return (struct span){t->in.bytes + t->in.at, tls_bytes_n(&t->in)};
}

/* One read(2), behind what was kept; most: bytes that the owner takes. I6: no more than that, or than the record lacks. */
ssize_t tls_fill(struct stream *s, size_t most, struct span *window)
{
    struct span before = tls_kept(s->tls);
    size_t lacks = tls_records_of(before.at, before.len).missing;
    assert(before.len <= sizeof scratch.in - READ_AT_MOST);
    if (before.len) memcpy(scratch.in, before.at, before.len);
    if (most < READ_AT_LEAST) most = READ_AT_LEAST;
    most = most > before.len ? most - before.len : 0;
    if (most < lacks) most = lacks;
    if (most > READ_AT_MOST) most = READ_AT_MOST;
    ssize_t n = read(s->fd, scratch.in + before.len, most);
    *window = (struct span){scratch.in, before.len + (n > 0 ? (size_t)n : 0)};
    return n;
}

/* OpenSSL may read the whole records of the window; what it leaves is kept afterwards. */
void tls_offer(struct span window)
{
    scratch.records = (struct span){window.at, tls_records_of(window.at, window.len).whole};
}

void tls_keep_rest(struct tls *t, struct span window)
{
    const uint8_t *rest = scratch.records.at;
    size_t n = window.len - (size_t)(rest - window.at);
    scratch.records.len = 0;
    if (n || t->in.room) tls_bytes_set(&t->in, rest, n);
}

size_t tls_offered(void)
{
    return scratch.records.len;
}
