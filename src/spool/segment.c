/* A head and records, each of a multiple of 8 bytes. The checksum of a record depends on its file and on its place there, so that bytes
 * of another file, which a disk has mixed up, are no record.
 *
 * Where a record is damaged the next one is looked for at each multiple of 8: its checksum says that it is one.
 */
#include "spool/segment.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/write_at.h"
#include "placement/hash.h"

enum { VERSION = 1, ORDER = 0x01020304, SAFE_MOST = 64 };

static const char MAGIC[16] = {'m', 'o', 'o', 'n', 'g', 'a', 't',  'e',
                               ' ', 's', 'p', 'o', 'o', 'l', '\n', 0};
static const char ENDING[] = ".spool";

struct head {
    char magic[16];
    uint32_t order, version;
    uint32_t sequence, name_len;
    uint64_t random; /* two files are never the same */
    uint64_t epoch;
    char name[SPOOL_NAME_MAX + 1];
    uint64_t checksum; /* of all before it */
};

_Static_assert(sizeof(struct head) == SEGMENT_HEAD, "the head has no gaps");

struct record_head {
    uint64_t checksum; /* of all behind it, the bytes of the record included */
    uint32_t time;
    uint16_t len;
    uint8_t kind, zero;
};

_Static_assert(sizeof(struct record_head) == SEGMENT_RECORD_HEAD, "a record's head has no gaps");

static uint64_t hash(const void *bytes, size_t len, uint64_t seed)
{
    return hash_bytes64(HASH_XXH3, bytes, len, seed);
}

/* --- names ------------------------------------------------------------------------------------- */

static bool is_safe(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

void segment_base(char base[SEGMENT_BASE], const char *server, size_t len)
{
    char safe[SAFE_MOST + 1];
    size_t n = len < SAFE_MOST ? len : SAFE_MOST;
    for (size_t i = 0; i < n; i++)
        safe[i] = is_safe((unsigned char)server[i]) || (server[i] == '.' && i) ? server[i] : '_';
    safe[n] = '\0';
    snprintf(base, SEGMENT_BASE, "%s-%016llx", safe, (unsigned long long)hash(server, len, 0));
}

void segment_name(char name[SEGMENT_NAME], const char *base, uint32_t sequence)
{
    snprintf(name, SEGMENT_NAME, "%s.%08x%s", base, (unsigned)sequence, ENDING);
}

bool segment_parse(const char *name, char base[SEGMENT_BASE], uint32_t *sequence)
{
    enum { DIGITS = 8, TAIL = 1 + DIGITS + sizeof ENDING - 1 };
    char again[SEGMENT_NAME], *end;
    size_t len = strlen(name);
    if (len <= TAIL || len - TAIL >= SEGMENT_BASE) return false;
    memcpy(base, name, len - TAIL);
    base[len - TAIL] = '\0';
    *sequence = (uint32_t)strtoul(name + len - TAIL + 1, &end, 16);
    segment_name(again, base, *sequence);
    return strcmp(again, name) == 0;
}

/* --- writing ----------------------------------------------------------------------------------- */

int segment_create(struct segment *s, int dir, const char *base, uint32_t sequence, uint64_t epoch,
                   const char *server, size_t len)
{
    char name[SEGMENT_NAME];
    struct head head;
    assert(len <= SPOOL_NAME_MAX);
    segment_name(name, base, sequence);
    *s = (struct segment){.sequence = sequence, .fd = -1, .epoch = epoch};
    memset(&head, 0, sizeof head);
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    memcpy(head.name, server, len);
    head.order = ORDER;
    head.version = VERSION;
    head.sequence = sequence;
    head.epoch = epoch;
    head.name_len = (uint32_t)len;
    (void)!getrandom(&head.random, sizeof head.random, GRND_NONBLOCK);
    head.checksum = hash(&head, offsetof(struct head, checksum), 0);
    s->fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = s->fd < 0 ? errno : write_at(s->fd, &head, sizeof head, 0);
    s->seed = head.checksum;
    s->end = sizeof head;
    if (!error) return 0;
    if (s->fd >= 0) (void)unlinkat(dir, name, 0);
    segment_close(s);
    return error;
}

void segment_record_put(unsigned char *to, const struct segment *s, uint64_t at,
                        enum segment_kind kind, uint32_t time, const void *bytes, size_t len)
{
    struct record_head head = {.time = time, .len = (uint16_t)len, .kind = (uint8_t)kind};
    size_t size = segment_record_size(len);
    assert(at % 8 == 0 && len <= SPOOL_LINE_MAX);
    memset(to + size - 8, 0, 8);
    memcpy(to, &head, sizeof head);
    memcpy(to + sizeof head, bytes, len);
    head.checksum =
        hash(to + sizeof head.checksum, sizeof head - sizeof head.checksum + len, s->seed + at);
    memcpy(to, &head.checksum, sizeof head.checksum);
}

int segment_write(struct segment *s, const void *bytes, size_t len)
{
    assert(s->fd >= 0);
    int error = write_at(s->fd, bytes, len, s->end);
    if (!error) s->end += len;
    return error;
}

int segment_sync(struct segment *s)
{
    int wrong;
    assert(s->fd >= 0);
    do wrong = fdatasync(s->fd);
    while (wrong && errno == EINTR);
    if (wrong) return errno;
    s->synced = s->end;
    return 0;
}

void segment_trim(struct segment *s, int dir, const char *base, uint64_t end)
{
    char name[SEGMENT_NAME];
    segment_name(name, base, s->sequence);
    int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        (void)!ftruncate(fd, (off_t)end);
        close(fd);
    }
    s->end = s->synced = end;
}

bool segment_cut(struct segment *s)
{
    if (s->fd < 0 || ftruncate(s->fd, (off_t)s->synced) != 0) return false;
    s->end = s->synced;
    return true;
}

void segment_close(struct segment *s)
{
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
}

/* --- reading ----------------------------------------------------------------------------------- */

static ssize_t read_at(int fd, void *to, size_t len, uint64_t at)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, (char *)to + done, len - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static enum segment_state judge(const struct head *head, uint32_t sequence, const char **why)
{
    if (memcmp(head->magic, MAGIC, sizeof MAGIC) != 0) {
        *why = "it does not begin as a spool does";
        return SEGMENT_DAMAGED;
    }
    if (head->order != ORDER || head->version != VERSION) {
        *why = head->order != ORDER ? "it comes from another kind of machine"
                                    : "it comes from another version of moongate";
        return SEGMENT_FOREIGN;
    }
    bool good = head->checksum == hash(head, offsetof(struct head, checksum), 0) &&
                head->sequence == sequence && head->name_len > 0 &&
                head->name_len <= SPOOL_NAME_MAX;
    if (!good) *why = "its head is damaged";
    return good ? SEGMENT_GOOD : SEGMENT_DAMAGED;
}

static enum segment_state take_head(struct segment *s, int fd, char server[SPOOL_NAME_MAX + 1],
                                    const char **why)
{
    struct head head;
    struct stat about;
    ssize_t n = fstat(fd, &about) == 0 ? read_at(fd, &head, sizeof head, 0) : -1;
    if (n < 0) {
        *why = strerror(errno);
        return SEGMENT_FOREIGN;
    }
    *why = "it is cut short";
    if ((size_t)n < sizeof head) return SEGMENT_TORN;
    enum segment_state state = judge(&head, s->sequence, why);
    if (state == SEGMENT_DAMAGED && about.st_size == SEGMENT_HEAD) return SEGMENT_TORN;
    if (state != SEGMENT_GOOD) return state;
    memcpy(server, head.name, head.name_len);
    server[head.name_len] = '\0';
    s->seed = head.checksum;
    s->epoch = head.epoch;
    s->end = s->synced = (uint64_t)about.st_size;
    return SEGMENT_GOOD;
}

enum segment_state segment_open(struct segment *s, int dir, const char *base, uint32_t sequence,
                                char server[SPOOL_NAME_MAX + 1], const char **why)
{
    char name[SEGMENT_NAME];
    *s = (struct segment){.sequence = sequence, .fd = -1};
    segment_name(name, base, sequence);
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        *why = strerror(errno);
        return SEGMENT_FOREIGN;
    }
    enum segment_state state = take_head(s, fd, server, why);
    close(fd);
    return state;
}

int reader_open(struct reader *r, int dir, const char *base, const struct segment *s, uint64_t at,
                uint64_t end)
{
    char name[SEGMENT_NAME];
    segment_name(name, base, s->sequence);
    r->fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    r->error = r->fd < 0 ? errno : 0;
    r->seed = s->seed;
    r->end = end;
    r->at = r->begin = at < end ? at : end / 8 * 8;
    r->skipped = 0;
    r->len = 0;
    return r->error;
}

void reader_close(struct reader *r)
{
    if (r->fd >= 0) close(r->fd);
    r->fd = -1;
}

/* The bytes from r->at on, at least so many; NULL: there are fewer. */
static const unsigned char *reader_look(struct reader *r, size_t least)
{
    size_t used = (size_t)(r->at - r->begin);
    if (r->end - r->at < least) return NULL;
    if (r->len - used >= least) return r->buffer + used;
    uint64_t left = r->end - r->at;
    size_t want = left < READER_ROOM ? (size_t)left : READER_ROOM;
    ssize_t n = read_at(r->fd, r->buffer, want, r->at);
    r->begin = r->at;
    r->len = n > 0 ? (size_t)n : 0;
    if (n < 0) r->error = errno;
    return r->len >= least ? r->buffer : NULL;
}

/* A record stands at r->at. */
static bool reader_check(struct reader *r, struct segment_record *to)
{
    struct record_head head;
    const unsigned char *bytes = reader_look(r, sizeof head);
    if (!bytes) return false;
    memcpy(&head, bytes, sizeof head);
    bool is_kind = head.kind == SEGMENT_DELETE || head.kind == SEGMENT_DONE;
    if (!is_kind || head.zero || head.len > SPOOL_LINE_MAX) return false;
    bytes = reader_look(r, segment_record_size(head.len));
    if (!bytes) return false;
    size_t covered = sizeof head - sizeof head.checksum + head.len;
    if (head.checksum != hash(bytes + sizeof head.checksum, covered, r->seed + r->at)) return false;
    *to = (struct segment_record){.kind = (enum segment_kind)head.kind,
                                  .time = head.time,
                                  .len = head.len,
                                  .begin = r->at,
                                  .end = r->at + segment_record_size(head.len),
                                  .bytes = bytes + sizeof head};
    return true;
}

bool reader_next(struct reader *r, struct segment_record *to)
{
    uint64_t from = r->at;
    assert(r->fd >= 0 && r->at % 8 == 0);
    while (r->end - r->at >= SEGMENT_RECORD_HEAD && !r->error) {
        if (reader_check(r, to)) {
            r->skipped = r->at - from;
            r->at = to->end;
            return true;
        }
        r->at += 8;
    }
    r->skipped = r->end - from;
    return false;
}
