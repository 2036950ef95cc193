/* Three ways to read, by what is known of the message that has begun:
 *
 *   nothing is kept, or a short line   read_on: into the arena, behind a copy of the line
 *   a long line, its end not in sight  read_long_line: into its blob, which doubles
 *   a value, its length known          read_message: the missing bytes into its blob, the rest into the arena, in one readv(2)
 *
 * The last one is for large values: their bytes come to rest where they are read, are never moved, and go out from there by
 * reference.
 *
 * In each case memory is taken before it is known how much will come. What was not needed goes back to the arena (arena_trim); a
 * blob has touched no page that was not filled. */
#include "net/inbuf.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* A kept line up to this long is copied in front of the new bytes. A longer one grows in its blob: otherwise a peer that sends a
 * long line byte by byte would cause a copy of the line for each byte. */
enum { MOVED_AT_MOST = 4096, PAGE = 4096, PEEKED_AT_MOST = 4096 };
_Static_assert((int)MOVED_AT_MOST > (int)INBUF_SPARE, "a line that doubles gets room behind it");

static bool inbuf_sane(const struct inbuf *in)
{
    if (!in->kept) return in->need == 0;
    return in->kept->len > 0 && (in->need == 0 || in->need > in->kept->len);
}

/* The arena adopts the kept blob: its message is whole, or was copied. */
static struct blob *let_go(struct inbuf *in, struct arena *arena)
{
    struct blob *blob = in->kept;
    assert(blob && in->need <= blob->cap);
    arena_adopt(arena, blob);
    *in = (struct inbuf){0};
    return blob;
}

/* Of n bytes at `place`, and those to spare, so many were used. */
static void give_back(struct arena *arena, const uint8_t *place, size_t n, size_t used)
{
    size_t kept = used ? used + INBUF_SPARE : 0;
    arena_trim(arena, place + n + INBUF_SPARE, n + INBUF_SPARE - kept);
}

/* The kept message's length is known: reads its missing bytes in place, and what comes behind them into the arena. */
static enum io_status read_message(struct inbuf *in, struct stream *from, struct arena *arena,
                                   size_t most, struct inbuf_input *input)
{
    struct blob *kept = in->kept;
    assert(in->need <= kept->cap);
    size_t missing = in->need - kept->len;
    uint8_t *rest = arena_alloc(arena, most + INBUF_SPARE);
    struct iovec places[2] = {{kept->bytes + kept->len, missing}, {rest, most}};
    ssize_t n = stream_readv(from, places, 2);
    size_t came = n > 0 ? (size_t)n : 0;
    size_t beyond = came > missing ? came - missing : 0;
    give_back(arena, rest, most, beyond);
    input->bytes = came;
    kept->len += came - beyond;
    if (came >= missing) {
        input->blob = let_go(in, arena);
        input->whole = (struct span){kept->bytes, kept->len};
    }
    input->rest = (struct span){rest, beyond};
    return io_status_of(n);
}

/* Nothing is kept, or a short line: both parts are in one piece afterwards. When nothing came, the line stays as it is. */
static enum io_status read_on(struct inbuf *in, struct stream *from, struct arena *arena,
                              size_t most, struct inbuf_input *input)
{
    size_t before = in->kept ? in->kept->len : 0;
    uint8_t *place = arena_alloc(arena, before + most + INBUF_SPARE);
    ssize_t n = stream_read(from, place + before, most);
    size_t came = n > 0 ? (size_t)n : 0;
    if (came > 0 && in->kept) {
        memcpy(place, in->kept->bytes, before);
        let_go(in, arena);
    }
    size_t used = came > 0 ? before + came : 0;
    give_back(arena, place, before + most, used);
    input->bytes = came;
    input->rest = (struct span){place, used};
    return io_status_of(n);
}

/* A long line: all of it is input, and stays in its blob. When its end has still not come, inbuf_keep finds it there. */
static enum io_status read_long_line(struct inbuf *in, struct stream *from, size_t most,
                                     struct inbuf_input *input)
{
    struct blob *kept = in->kept;
    if (kept->cap - kept->len < most + INBUF_SPARE) kept = blob_grow(kept, (kept->len + most) * 2);
    in->kept = kept;
    ssize_t n = stream_read(from, kept->bytes + kept->len, most);
    if (n > 0) {
        kept->len += (size_t)n;
        assert(kept->len <= kept->cap);
        input->bytes = (size_t)n;
        input->rest = (struct span){kept->bytes, kept->len};
    }
    return io_status_of(n);
}

enum io_status inbuf_read(struct inbuf *in, struct stream *from, struct arena *arena, size_t most,
                          struct inbuf_input *input)
{
    assert(inbuf_sane(in));
    *input = (struct inbuf_input){0};
    if (in->need) return read_message(in, from, arena, most, input);
    if (in->kept && in->kept->len > MOVED_AT_MOST) return read_long_line(in, from, most, input);
    return read_on(in, from, arena, most, input);
}

/* Looks ahead without taking: what is read beyond the message would have to be sent to the next process along with the
 * descriptor. */
size_t inbuf_missing(const struct inbuf *in, const struct stream *from, size_t most)
{
    uint8_t ahead[PEEKED_AT_MOST];
    if (in->need) return 0;
    if (most > sizeof ahead) most = sizeof ahead;
    ssize_t n = recv(from->fd, ahead, most, MSG_PEEK | MSG_DONTWAIT);
    if (n <= 0)
        return 1; /* bytes may come between this look and the read: one cannot be too many */
    const uint8_t *newline = memchr(ahead, '\n', (size_t)n);
    return newline ? (size_t)(newline - ahead) + 1 : (size_t)n;
}

/* I6: what a peer has really sent, rounded up to a page, and not what it has announced; but a blob that was used before is memory. */
size_t inbuf_held(const struct inbuf *in)
{
    if (!in->kept) return 0;
    size_t written = in->kept->is_warm ? in->kept->cap : in->kept->len + PAGE;
    return sizeof *in->kept + (written < in->kept->cap ? written : in->kept->cap);
}

void inbuf_keep(struct inbuf *in, struct arena *arena, const uint8_t *at, size_t len, size_t need)
{
    bool nothing_used = in->kept && len > 0 && at == in->kept->bytes;
    assert(need == 0 || need > len);
    if (in->kept && in->need)
        return; /* the message is still not whole: there was nothing to parse */
    if (nothing_used) {
        if (need) in->kept = blob_grow(in->kept, need + INBUF_SPARE);
        in->need = need;
        return;
    }
    if (in->kept) let_go(in, arena);
    assert(in->need == 0);
    if (len == 0) return;
    in->kept = need ? blob_reuse(need + INBUF_SPARE) : blob_create(len);
    memcpy(in->kept->bytes, at, len);
    in->kept->len = len;
    in->need = need;
    assert(inbuf_sane(in));
}

struct span inbuf_take(struct inbuf *in, struct arena *arena)
{
    assert(inbuf_sane(in));
    struct blob *blob = let_go(in, arena);
    return (struct span){blob->bytes, blob->len};
}

void inbuf_release(struct inbuf *in)
{
    if (in->kept) blob_give(in->kept);
    *in = (struct inbuf){0};
}
