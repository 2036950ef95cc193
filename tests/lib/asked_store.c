#include "lib/asked_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/scene.h"

/* What is not asked, as memcached 1.6.18 does not answer it in one way only, or moongate otherwise on purpose: see lib/stream.c; and
 *   l of mg: memcached notes the time of a use when its crawler has looked at the item since the last one; a store always;
 *   k of a base64 key with blanks in it, which memcached may answer raw;
 *   a flush in the very second in which a delayed one is due: memcached is a second early with those;
 *   T of ma, which memcached loses when the number gets longer;
 *   incr of blanks alone, and of numbers above 2^63, for which it looks for a minus in the memory behind them. */

enum { KEYS = 6, TEXT = 160, LARGE = 1024 * 1024 + 1, SHIFTS = 20 };

static unsigned below(struct asked_store *a, unsigned n)
{
    return random_below(&a->seed, n);
}

#define ONE_OF(a, list) ((list)[below(a, sizeof(list) / sizeof *(list))])

static void add(struct octets *to, const char *text)
{
    octets_add(to, text, strlen(text));
}

/* --- parts -------------------------------------------------------------------------------------- */

static const char *key(struct asked_store *a, char *to)
{
    snprintf(to, TEXT, "p%lu:%u", a->play, below(a, KEYS));
    return to;
}

/* As it is, or in base64: both name the same items. */
static const char *meta_key(struct asked_store *a, char *to, bool *in_base64)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char raw[TEXT];
    unsigned char in[TEXT] = {0};
    size_t n = strlen(key(a, raw)), at = 0;
    *in_base64 = below(a, 4) == 0;
    strcpy(to, raw);
    if (!*in_base64) return to;
    memcpy(in, raw, n);
    for (size_t i = 0; i < n; i += 3) {
        unsigned long bits = (unsigned long)in[i] << 16 | (unsigned long)in[i + 1] << 8 | in[i + 2];
        for (int k = 0; k < 4; k++) {
            bool is_there = i + (size_t)k <= n;
            to[at++] = is_there ? letters[bits >> (18 - 6 * k) & 63] : '=';
        }
    }
    to[at] = '\0';
    return to;
}

static const char *exptime(struct asked_store *a, char *to)
{
    static const char *const times[] = {
        "0",  "0",           "1",          "3",          "100",        "2592000", "2592001",
        "-1", "-2147483648", "2147483647", "4294967295", "4294967296", "30"};
    unsigned chance = below(a, 10);
    if (chance < 7)
        snprintf(to, TEXT, "%s", ONE_OF(a, times));
    else
        snprintf(to, TEXT, "%lld", (long long)(a->now + (int64_t)below(a, 12) - 4));
    return to;
}

static const char *number(struct asked_store *a)
{
    static const char *const numbers[] = {"0", "1", "9", "10", "99", "100", "1844674407370955161"};
    return ONE_OF(a, numbers);
}

static const char *cas(struct asked_store *a, char *to)
{
    unsigned back = below(a, 8);
    unsigned long long n = a->cas > back ? a->cas - back + 1 : 1;
    if (below(a, 20) == 0) n = 0;
    snprintf(to, TEXT, "%llu", n);
    return to;
}

/* Numbers, what is nearly one, words, long values. None has "MN" in it. */
static size_t value(struct asked_store *a, const char **bytes)
{
    static const char *const values[] = {
        "5",  "99",  "10",           "0",       "1844674407370955161",
        "7 ", " 7",  "+1",           "12x",     "x",
        "",   "007", "1\r\nEND\r\n", "42 junk", "184467440737095516150",
        "abc"};
    static char long_one[LARGE + SHIFTS];
    unsigned chance = below(a, 100);
    if (!long_one[0])
        for (size_t i = 0; i < sizeof long_one; i++) long_one[i] = (char)('a' + (i * i / 7) % 23);
    *bytes = long_one + below(a, SHIFTS);
    if (chance < 75) {
        *bytes = ONE_OF(a, values);
        return strlen(*bytes);
    }
    if (chance == 99 && below(a, 10) == 0) return below(a, 2) ? LARGE : LARGE - 9000;
    if (chance > 96) return 15000 + below(a, 100000);
    return chance > 90 ? 3000 + below(a, 3000) : below(a, 100);
}

/* --- classic commands ------------------------------------------------------------------------------ */

static const char *noreply(struct asked_store *a)
{
    return below(a, 8) == 0 ? " noreply" : "";
}

static void make_store(struct asked_store *a, struct octets *to)
{
    static const char *const verbs[] = {"set",    "set",     "add", "replace",
                                        "append", "prepend", "cas", "cas"};
    static const char *const flags[] = {"0", "0", "1", "4294967295", "77", "4294967296"};
    const char *verb = ONE_OF(a, verbs), *bytes;
    char line[8 * TEXT], name[TEXT], time[TEXT], unique[TEXT] = "";
    size_t n = value(a, &bytes);
    if (strcmp(verb, "cas") == 0) {
        unique[0] = ' ';
        cas(a, unique + 1);
    }
    snprintf(line, sizeof line, "%s %s %s %s %zu%s%s\r\n", verb, key(a, name), ONE_OF(a, flags),
             exptime(a, time), n, unique, noreply(a));
    add(to, line);
    octets_add(to, bytes, n);
    add(to, "\r\n");
}

static void make_read(struct asked_store *a, struct octets *to)
{
    static const char *const verbs[] = {"get", "get", "gets", "gat", "gats"};
    const char *verb = ONE_OF(a, verbs);
    char text[TEXT];
    add(to, verb);
    if (strlen(verb) > 2 && verb[1] == 'a') {
        add(to, " ");
        add(to, exptime(a, text));
    }
    for (unsigned n = below(a, 3) ? 1 : 1 + below(a, 7); n > 0; n--) {
        add(to, " ");
        add(to, key(a, text));
    }
    add(to, "\r\n");
}

static void make_change(struct asked_store *a, struct octets *to)
{
    static const char *const verbs[] = {"incr", "incr", "decr", "decr", "delete", "touch"};
    const char *verb = ONE_OF(a, verbs);
    char line[4 * TEXT], name[TEXT], time[TEXT];
    bool is_delete = strcmp(verb, "delete") == 0;
    const char *argument = strcmp(verb, "touch") == 0 ? exptime(a, time) : number(a);
    snprintf(line, sizeof line, "%s %s%s%s%s\r\n", verb, key(a, name), is_delete ? "" : " ",
             is_delete ? "" : argument, noreply(a));
    add(to, line);
}

static void make_flush(struct asked_store *a, struct octets *to)
{
    add(to, below(a, 2)   ? "flush_all\r\n"
            : below(a, 2) ? "flush_all 0\r\n"
                          : "flush_all noreply\r\n");
}

/* --- meta commands --------------------------------------------------------------------------------- */

/* The letters of the flags that a command knows, each at most once; a few are wrong now and then. */
static void add_flags(struct asked_store *a, const char *letters, struct octets *to)
{
    static const char *const sets[] = {"S", "E", "A", "P", "R", "s", "e", "a"};
    static const char *const counts[] = {"I", "D", "+", "-", "i", "d"};
    size_t n = strlen(letters);
    unsigned first = below(a, (unsigned)n),
             taken = below(a, 2) ? below(a, 4) : below(a, (unsigned)n);
    char text[TEXT], flag[2 * TEXT];
    for (unsigned i = 0; i < taken; i++) {
        char letter = letters[(first + i) % n];
        const char *token = "";
        switch (letter) {
        case 'T':
        case 'N':
        case 'R': token = exptime(a, text); break;
        case 'C': token = cas(a, text); break;
        case 'D':
        case 'J': token = number(a); break;
        case 'F': token = below(a, 2) ? "7" : "4294967295"; break;
        case 'O': token = below(a, 2) ? "abc" : "1"; break;
        case 'M': token = strchr(letters, 'J') ? ONE_OF(a, counts) : ONE_OF(a, sets); break;
        default: break;
        }
        if (letter != 'k' && below(a, 150) == 0) token = "Zx";
        snprintf(flag, sizeof flag, " %c%s", letter, token);
        add(to, flag);
    }
}

static void make_meta_set(struct asked_store *a, struct octets *to)
{
    const char *bytes;
    char line[2 * TEXT], name[TEXT];
    bool in_base64;
    size_t n = value(a, &bytes);
    meta_key(a, name, &in_base64);
    snprintf(line, sizeof line, "ms %s %zu%s", name, n, in_base64 ? " b" : "");
    add(to, line);
    if (n < LARGE) add_flags(a, "kOqTFcIMC", to);
    add(to, "\r\n");
    octets_add(to, bytes, n);
    add(to, "\r\n");
}

static void make_meta(struct asked_store *a, struct octets *to)
{
    static const struct {
        const char *verb, *letters;
    } verbs[] = {{"mg", "vkOqsfcthTNRu"}, {"mg", "vtkfsch"},     {"mg", "NvRTtuch"},
                 {"md", "kOqITC"},        {"ma", "kOqvtcNJDMC"}, {"ma", "Ntvc"}};
    unsigned which = below(a, sizeof verbs / sizeof *verbs);
    char name[TEXT];
    bool in_base64;
    add(to, verbs[which].verb);
    add(to, " ");
    add(to, meta_key(a, name, &in_base64));
    if (in_base64) add(to, " b");
    add_flags(a, verbs[which].letters, to);
    add(to, "\r\n");
}

/* --- any of them ------------------------------------------------------------------------------------ */

bool asked_store_make(struct asked_store *a, struct octets *bytes)
{
    unsigned chance = below(a, 200);
    if (chance == 0) {
        make_flush(a, bytes);
        return true;
    }
    if (chance < 50)
        make_store(a, bytes);
    else if (chance < 80)
        make_read(a, bytes);
    else if (chance < 110)
        make_change(a, bytes);
    else if (chance < 140)
        make_meta_set(a, bytes);
    else
        make_meta(a, bytes);
    return false;
}
