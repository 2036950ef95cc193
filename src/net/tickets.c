/* A reader may come while a key is written, in another process. So each key has a version, which is odd meanwhile, and a reader that sees it
 * change reads again. What is written is always the key before, which no new ticket uses. */
#include "net/tickets.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/region.h"

enum { KEYS = 3 };

static const char LAYOUT[] = "tickets 1";

struct kept {
    uint32_t version; /* odd: it is being written */
    struct tls_ticket_key key;
};

struct tickets {
    struct region_head head;
    uint32_t current; /* its place in keys; the next one follows it, the one before is the third */
    double rotated;
    struct kept keys[KEYS];
};

static bool make(struct tls_ticket_key *key)
{
    return getrandom(key, sizeof *key, 0) == (ssize_t)sizeof *key;
}

static void keep(struct kept *to, const struct tls_ticket_key *key)
{
    uint32_t version = to->version & ~1u; /* a process may have died while it wrote */
    __atomic_store_n(&to->version, version + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    to->key = *key;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&to->version, version + 2, __ATOMIC_RELEASE);
}

/* False: it is being written, and so is no key that is in use. */
static bool copy(const struct kept *from, struct tls_ticket_key *to)
{
    uint32_t before = __atomic_load_n(&from->version, __ATOMIC_ACQUIRE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    memcpy(to, &from->key, sizeof *to);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !(before & 1) && __atomic_load_n(&from->version, __ATOMIC_RELAXED) == before;
}

static uint32_t current_of(const struct tickets *t)
{
    return __atomic_load_n(&t->current, __ATOMIC_ACQUIRE) % KEYS;
}

/* A core file is no place for keys. */
static void hide(struct tickets *t)
{
    (void)madvise(t, sizeof *t, MADV_DONTDUMP);
}

struct tickets *tickets_create(int *fd, double now)
{
    struct tls_ticket_key key;
    struct tickets *t = region_create(sizeof *t, LAYOUT, fd);
    if (!t) return NULL;
    hide(t);
    t->rotated = now;
    for (int i = 0; i < KEYS; i++) {
        if (!make(&key)) {
            tickets_destroy(t);
            return NULL;
        }
        keep(&t->keys[i], &key);
    }
    explicit_bzero(&key, sizeof key);
    return t;
}

struct tickets *tickets_adopt(int fd)
{
    struct tickets *t = region_adopt(fd, LAYOUT);
    if (t && t->head.bytes != sizeof *t) {
        region_destroy(t);
        return NULL;
    }
    if (t) hide(t);
    return t;
}

void tickets_destroy(struct tickets *t)
{
    region_destroy(t);
}

double tickets_due(const struct tickets *t, double now)
{
    double left = t->rotated + TICKETS_LIFE - now;
    return left > TICKETS_LIFE ? TICKETS_LIFE : left > 0 ? left : 0;
}

bool tickets_rotate(struct tickets *t, double now)
{
    struct tls_ticket_key key;
    if (!make(&key)) return false;
    uint32_t current = current_of(t);
    keep(&t->keys[(current + 2) % KEYS], &key);
    explicit_bzero(&key, sizeof key);
    __atomic_store_n(&t->current, (current + 1) % KEYS, __ATOMIC_RELEASE);
    t->rotated = now;
    return true;
}

/* The next key is looked at, too: another process may use it already when this one still sees the round before. */
static enum tls_ticket find(const struct tickets *t, const uint8_t *name,
                            struct tls_ticket_key *key)
{
    uint32_t current = current_of(t);
    for (uint32_t i = 0; i < KEYS; i++) {
        if (!copy(&t->keys[i], key) || memcmp(key->name, name, TLS_TICKET_NAME) != 0) continue;
        return i == current ? TLS_TICKET_GOOD : TLS_TICKET_OLD;
    }
    explicit_bzero(key, sizeof *key);
    return TLS_TICKET_UNKNOWN;
}

/* The current key is written again only two steps of the round later. */
enum tls_ticket tickets_key(void *about, const uint8_t *name, struct tls_ticket_key *key)
{
    const struct tickets *t = about;
    if (name) return find(t, name, key);
    while (!copy(&t->keys[current_of(t)], key)) {
    }
    return TLS_TICKET_GOOD;
}
