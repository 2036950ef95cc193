#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "placement/hash_old.h"
#include "placement/select.h"

/* pymemcache's HashClient. Source: pymemcache 3.5.2 (client/rendezvous.py, client/murmur3.py), measured against it.
 *
 * Rendezvous over MurmurHash3 (32 bits, seed 0) of "name-key": the highest wins, and of equal ones the greater name.
 * pymemcache hashes the key as text, not as the bytes that it sends: of each character the low 8 bits of its code point,
 * which for ASCII is the byte. The name is host:port, even for port 11211, or a socket's path. There are no weights. (A key
 * that is a bytes object hashes as its repr there, b'...'. moongate cannot know the type of a key, and takes it for text.) */
enum { KEY_ROOM = 1024 };

/* The names one after another, each with the '-' that goes before the key. */
struct names {
    uint32_t *end; /* the end of each server's name in text; the next name starts there */
    char *text;
};

/* Names are copied: the servers need not outlive the call. */
static void build(struct selector *s, const struct selector_server *servers)
{
    assert(s->servers > 1);
    struct names *names = malloc(sizeof *names);
    size_t room = 0;
    for (uint32_t i = 0; i < s->servers; i++) room += strlen(servers[i].name) + 1;
    if (!names || !(names->text = malloc(room))) abort();
    names->end = calloc(s->servers, sizeof *names->end);
    if (!names->end) abort();
    uint32_t at = 0;
    for (uint32_t i = 0; i < s->servers; i++) {
        size_t len = strlen(servers[i].name);
        assert(len < SELECT_TEXT_MAX);
        memcpy(names->text + at, servers[i].name, len);
        at += (uint32_t)len;
        names->text[at++] = '-';
        names->end[i] = at;
    }
    s->own = names;
}

/* How many bytes from `at` on continue a character of UTF-8. */
static size_t continued(const uint8_t *at, const uint8_t *end)
{
    size_t n = 0;
    while (at + n < end && at[n] >> 6 == 2) n++;
    return n;
}

/* The low 8 bits of each character's code point: the last 2 and 6 bits of its UTF-8. Bytes that are not valid UTF-8 stay.
 * Writes at most len bytes. */
static size_t low_bytes(const uint8_t *key, size_t len, uint8_t *to)
{
    const uint8_t *at = key, *end = key + len;
    uint8_t *out = to;
    while (at < end) {
        size_t more = *at < 0xc0 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
        if (more > 0 && continued(at + 1, end) >= more) {
            *out++ = (uint8_t)(at[more - 1] << 6 | (at[more] & 0x3f));
            at += more + 1;
        } else {
            *out++ = *at++;
        }
    }
    return (size_t)(out - to);
}

/* Like > of Python's strings: the first byte that differs decides, else the longer name is greater. */
static bool is_greater_name(const struct names *names, uint32_t a, uint32_t b)
{
    uint32_t a_at = a ? names->end[a - 1] : 0, b_at = b ? names->end[b - 1] : 0;
    size_t a_len = names->end[a] - a_at - 1, b_len = names->end[b] - b_at - 1;
    int order = memcmp(names->text + a_at, names->text + b_at, a_len < b_len ? a_len : b_len);
    return order > 0 || (order == 0 && a_len > b_len);
}

static void pick(const struct selector *s, const void *key, size_t len,
                 struct selector_choice *choice)
{
    /* The key is converted once; each name is copied in front of it. */
    const struct names *names = s->own;
    uint8_t text[SELECT_TEXT_MAX + KEY_ROOM], *low = text + SELECT_TEXT_MAX;
    assert(len <= KEY_ROOM);
    size_t low_len = low_bytes(key, len, low);
    uint32_t from = 0;
    for (uint32_t i = 0; i < s->servers; i++) {
        size_t name_len = names->end[i] - from;
        memcpy(low - name_len, names->text + from, name_len);
        from = names->end[i];
        uint32_t score = hash_murmur3_32(low - name_len, name_len + low_len, 0);
        bool wins = i == 0 || score > choice->hash;
        if (!wins && score == choice->hash) wins = is_greater_name(names, i, choice->server);
        if (wins) choice->server = i;
        if (wins) choice->hash = score;
    }
}

static void release(struct selector *s)
{
    struct names *names = s->own;
    free(names->text);
    free(names->end);
    free(names);
}

const struct selector_kind select_pymemcache = {.ignores_weights = true,
                                                .hashes_itself = true,
                                                .build = build,
                                                .pick = pick,
                                                .release = release};
