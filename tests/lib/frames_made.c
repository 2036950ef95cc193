/* Random frames, most of them valid. What memcached closes its connection after is the last frame of a stream, since unread bytes would
 * reset the connection and lose answers. What is not comparable (protocol/binary.c says why) is not made: an unknown opcode with a key or
 * extras, a touch with a value, a body of 2^31 bytes; another magic byte, after which memcached drops answers that have not left; statistics are each
 * server's own. */
#include <stdio.h>
#include <string.h>

#include "lib/frames.h"
#include "lib/scene.h"
#include "lib/stage.h"

enum { KEYS = 6, CLASSIC_KEYS = 3, LONGEST = 1100000 };

struct making {
    unsigned seed;
    const struct frames_wanted *wanted;
    char key[300];
    size_t key_n;
    const char *noise;
};

static bool once_in(struct making *m, unsigned n)
{
    return random_below(&m->seed, n) == 0;
}

static uint8_t one_of(struct making *m, const char *opcodes, size_t n)
{
    return (uint8_t)opcodes[random_below(&m->seed, (unsigned)n)];
}
#define ONE_OF(m, opcodes) one_of(m, opcodes, sizeof(opcodes) - 1)

/* Numbers are counted at the first keys only. What would show how memcached pads a number that became shorter stays away from those: what is
 * put behind or before a value; and empty values, for memcached looks for a number in the memory behind them. */
enum use { ANY, COUNTED, NOT_COUNTED };

static unsigned which_key(struct making *m, enum use use)
{
    unsigned n = m->wanted->is_classic ? CLASSIC_KEYS : KEYS, last = n / 3;
    if (use == ANY) return random_below(&m->seed, n);
    if (use == COUNTED) return random_below(&m->seed, n - last);
    return n - last + random_below(&m->seed, last);
}

/* Some that a line cannot carry. */
static void choose_key(struct making *m, struct frame *f, enum use use)
{
    static const struct {
        const char *text;
        size_t n;
    } ends[KEYS] = {{"-a", 2}, {":b", 2}, {"-c", 2}, {" \r\n", 3}, {"\0\xff", 2}, {"\t\x7f", 2}};
    unsigned which = which_key(m, use);
    m->key_n = (size_t)snprintf(m->key, sizeof m->key, "%lu", m->wanted->play);
    memcpy(m->key + m->key_n, ends[which].text, ends[which].n);
    m->key_n += ends[which].n;
    f->key = m->key;
    f->key_n = m->key_n;
}

static uint32_t choose_exptime(struct making *m)
{
    static const uint32_t some[] = {0, 0, 0, 0, 100, 2592000, 2592001, 0x7fffffff, 0xffffffff};
    return some[random_below(&m->seed, sizeof some / sizeof *some)];
}

/* Classic commands compare a cas only where they store. */
static void choose_cas(struct making *m, struct frame *f)
{
    if (m->wanted->is_classic && f->extras_n != 8) return;
    if (once_in(m, 6)) f->cas = m->wanted->cas + random_below(&m->seed, 12) - 2;
}

static void choose_value(struct making *m, struct frame *f)
{
    static const char *const texts[] = {"", "x", "10", "99", "18446744073709551615", "a\r\nb", "0"};
    if (!once_in(m, 4)) {
        f->value = texts[random_below(&m->seed, sizeof texts / sizeof *texts)];
        f->value_n = strlen(f->value);
        return;
    }
    f->value = m->noise;
    f->value_n = once_in(m, 60)  ? LONGEST
                 : once_in(m, 4) ? 1 + random_below(&m->seed, 120000)
                                 : 1 + random_below(&m->seed, 3000);
}

static uint64_t choose_number(struct making *m)
{
    static const uint64_t some[] = {0, 1, 1, 7, 100, 9999999999, UINT64_MAX};
    return some[random_below(&m->seed, sizeof some / sizeof *some)];
}

static void make_change(struct making *m, unsigned kind, struct frame *f)
{
    if (kind < 7) {
        f->opcode = ONE_OF(m, "\x01\x01\x11\x02\x12\x03\x13");
        f->extras = frame_stores(random_next(&m->seed), choose_exptime(m));
        f->extras_n = 8;
        choose_value(m, f);
        choose_key(m, f, f->value_n ? ANY : NOT_COUNTED);
    } else if (kind == 7) {
        f->opcode = ONE_OF(m, "\x0e\x0f\x19\x1a");
        choose_value(m, f);
        choose_key(m, f, NOT_COUNTED);
    } else if (kind < 10) {
        f->opcode = ONE_OF(m, "\x05\x06\x15\x16");
        f->extras = frame_counts(choose_number(m), choose_number(m),
                                 m->wanted->is_classic ? UINT32_MAX : choose_exptime(m));
        f->extras_n = 20;
        choose_key(m, f, COUNTED);
    } else {
        f->opcode = ONE_OF(m, "\x04\x14");
        choose_key(m, f, ANY);
    }
    choose_cas(m, f);
}

static struct frame make_valid(struct making *m)
{
    struct frame f = {.opaque = random_next(&m->seed)};
    unsigned kind = random_below(&m->seed, 20);
    if (once_in(m, 20)) f.data_type = 1;
    if (once_in(m, 20)) f.status = 5;
    if (kind < 4) {
        f.opcode = ONE_OF(m, "\x00\x09\x0c\x0d");
        choose_key(m, &f, ANY);
        choose_cas(m, &f);
    } else if (kind <= 10) {
        make_change(m, kind, &f);
    } else if (kind == 11 || kind == 14) {
        f.opcode = ONE_OF(m, "\x1c\x1d\x1e\x23\x24");
        f.extras = frame_expires(choose_exptime(m));
        f.extras_n = 4;
        choose_key(m, &f, ANY);
    } else if (kind == 12) {
        f.opcode = ONE_OF(m, "\x1b\x20\x30\x47\xff");
    } else if (kind == 13) {
        f.opcode = ONE_OF(m, "\x21\x22");
        f.key = "PLAIN";
        f.value = "\0user\0word";
        f.value_n = 10;
    } else {
        f.opcode = ONE_OF(m, "\x0a\x0a\x0b");
    }
    return f;
}

/* After these the connection is closed. */
static struct frame make_last(struct making *m)
{
    struct frame f;
    switch (random_below(&m->seed, 6)) {
    case 0: return (struct frame){.opcode = ONE_OF(m, "\x07\x17"), .opaque = 7};
    case 1: /* a key that is too long */
        memset(m->key, 'k', 251);
        f = frame_of(ONE_OF(m, "\x00\x09\x04\x0b\xff"), m->key);
        f.key_n = 251;
        break;
    case 2: /* parts that it must not have */
        f = frame_of(ONE_OF(m, "\x00\x0d\x04\x14\x0a\x0b\x20"), "k");
        f.extras = "abcd";
        break;
    case 3: /* parts that it lacks */
        f = frame_of(ONE_OF(m, "\x00\x01\x11\x02\x04\x05\x15\x0e\x1c\x1d\x21"), NULL);
        break;
    case 4: /* a body that has no room for them */
        f = frame_of(ONE_OF(m, "\x00\x01\x05\x0a\x1d\xff"), "key");
        f.says_body = 1;
        break;
    default: return (struct frame){.opcode = ONE_OF(m, "\x07\x17"), .value = "x"};
    }
    return f;
}

void frames_make(const struct frames_wanted *wanted, const bool *left_out, struct octets *to,
                 size_t *n)
{
    struct making m = {.seed = wanted->seed * 2654435761u + 1, .wanted = wanted};
    static char *longest;
    if (!longest) {
        longest = octets_reserve(&(struct octets){0}, LONGEST);
        memset(longest, 'v', LONGEST);
    }
    m.noise = longest;
    const struct frame quit = {.opcode = 0x07};
    bool is_closed = false;
    *n = 1 + random_below(&m.seed, FRAME_STREAM - 1);
    for (size_t i = 0; i < *n; i++) {
        is_closed = i + 1 == *n && once_in(&m, 3);
        struct frame f = is_closed ? make_last(&m) : make_valid(&m);
        if (left_out && left_out[i])
            is_closed = false;
        else
            frame_add(&f, to);
    }
    if (!is_closed) frame_add(&quit, to);
}
