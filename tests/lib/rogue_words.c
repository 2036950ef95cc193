/* What the rogue's requests are made of: words, keys, numbers, values. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/rogue.h"
#include "lib/scene.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { KEYS = 12, VALUE_ROOM = 1100000, LIMIT = 1024 * 1024 };

unsigned rogue_below(struct rogue *r, unsigned n)
{
    return random_below(&r->seed, n);
}

bool rogue_once_in(struct rogue *r, unsigned n)
{
    return rogue_below(r, n) == 0;
}

void rogue_add(struct rogue *r, const void *bytes, size_t n)
{
    octets_add(&r->bytes, bytes, n);
}

/* Streams are many: what they are made of is not the stage's to keep. */
const char *rogue_text(const char *format, ...)
{
    enum { TEXTS = 64, ROOM = 256 };
    static char texts[TEXTS][ROOM];
    static unsigned next;
    char *text = texts[next++ % TEXTS];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, ROOM, format, arguments);
    va_end(arguments);
    return text;
}

/* --- words ------------------------------------------------------------------------------------ */

void rogue_word_bytes(struct rogue_line *l, size_t at, const void *bytes, size_t n)
{
    if (l->n == ROGUE_WORDS) return;
    if (at > l->n) at = l->n;
    memmove(l->word[at + 1], l->word[at], (l->n - at) * sizeof l->word[0]);
    memmove(&l->len[at + 1], &l->len[at], (l->n - at) * sizeof l->len[0]);
    l->len[at] = n < ROGUE_WORD ? n : ROGUE_WORD - 1;
    memcpy(l->word[at], bytes, l->len[at]);
    l->word[at][l->len[at]] = '\0';
    l->n++;
}

void rogue_word(struct rogue_line *l, size_t at, const char *text)
{
    rogue_word_bytes(l, at, text, strlen(text));
}

void rogue_drop_word(struct rogue_line *l, size_t at)
{
    l->n--;
    memmove(l->word[at], l->word[at + 1], (l->n - at) * sizeof l->word[0]);
    memmove(&l->len[at], &l->len[at + 1], (l->n - at) * sizeof l->len[0]);
}

void rogue_set_word(struct rogue_line *l, size_t at, const char *text)
{
    rogue_drop_word(l, at);
    rogue_word(l, at, text);
}

const char *rogue_number(struct rogue *r)
{
    /* clang-format off */
    static const char *const numbers[] = {
        "0", "0", "1", "5", "60", "-1", "+1", "-0", "007", "1x", "x", "1.5", "0x1", "1e3",
        "--1", "\xff", "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295",
        "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
        "-9223372036854775809", "18446744073709551615", "18446744073709551616",
        "99999999999999999999", "00000000000000000000000000000000000001",
    };
    /* clang-format on */
    return numbers[rogue_below(r, COUNT(numbers))];
}

const char *rogue_any_word(struct rogue *r)
{
    /* clang-format off */
    static const char *const words[] = {
        "noreply", "noreply", "NOREPLY", "norepl", "0", "1", "00", "-1", "q", "v", "k", "b",
        "S1", "T0", "END", "get", "set", "VALUE", "HD", "\t", "\1", "\x7f", "mn", "quit", "O",
        "*", "\r", "x", "*2", "\"a",
    };
    /* clang-format on */
    return rogue_once_in(r, 3) ? rogue_number(r) : words[rogue_below(r, COUNT(words))];
}

/* Any bytes but those that end a word or a line; a NUL now and then. */
static void odd_key(struct rogue *r, struct rogue_line *l, size_t at)
{
    unsigned char key[20];
    size_t n = 1 + rogue_below(r, sizeof key);
    for (size_t i = 0; i < n; i++) {
        key[i] = (unsigned char)rogue_below(r, 256);
        bool may_be = key[i] != ' ' && key[i] != '\n' && (key[i] || rogue_once_in(r, 8));
        if (!may_be) key[i] = 'z';
    }
    rogue_word_bytes(l, at, key, n);
}

static void long_key(struct rogue *r, struct rogue_line *l, size_t at)
{
    static const size_t sizes[] = {249, 250, 250, 251, 252, 300, 2040, 2500};
    char key[2500];
    memset(key, 'l', sizeof key);
    rogue_word_bytes(l, at, key, sizes[rogue_below(r, COUNT(sizes))]);
}

void rogue_key(struct rogue *r, struct rogue_line *l, size_t at)
{
    switch (rogue_below(r, 12)) {
    case 0: odd_key(r, l, at); break;
    case 1: rogue_word(l, at, rogue_any_word(r)); break;
    case 2:
        if (rogue_once_in(r, 2))
            long_key(r, l, at);
        else
            odd_key(r, l, at);
        break;
    default: rogue_word_bytes(l, at, (char[]){'r', ':', (char)('a' + rogue_below(r, KEYS))}, 3);
    }
}

static size_t encode(const unsigned char *from, size_t n, char *to)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t at = 0;
    for (size_t i = 0; i < n; i += 3) {
        unsigned bits = (unsigned)from[i] << 16;
        if (i + 1 < n) bits |= (unsigned)from[i + 1] << 8;
        if (i + 2 < n) bits |= from[i + 2];
        to[at++] = digits[bits >> 18];
        to[at++] = digits[bits >> 12 & 63];
        to[at++] = i + 1 < n ? digits[bits >> 6 & 63] : '=';
        to[at++] = i + 2 < n ? digits[bits & 63] : '=';
    }
    return at;
}

void rogue_base64_key(struct rogue *r, struct rogue_line *l, size_t at)
{
    static const char white[] = " \r\n\t\0END\r\n VALUE HD k";
    unsigned char raw[192];
    char text[260];
    size_t n = rogue_once_in(r, 10) ? 185 + rogue_below(r, 6) : 1 + rogue_below(r, 12);
    for (size_t i = 0; i < n; i++)
        raw[i] = (unsigned char)(rogue_once_in(r, 3)
                                     ? rogue_below(r, 256)
                                     : (unsigned char)white[rogue_below(r, sizeof white - 1)]);
    size_t len = encode(raw, n, text);
    if (rogue_once_in(r, 12)) text[rogue_below(r, (unsigned)len)] = "=-_ =A"[rogue_below(r, 3)];
    if (rogue_once_in(r, 12)) len--;
    rogue_word_bytes(l, at, text, len);
}

void rogue_add_line(struct rogue *r, const struct rogue_line *l)
{
    if (rogue_once_in(r, 60)) rogue_add(r, "   ", 1 + rogue_below(r, 3));
    for (size_t i = 0; i < l->n; i++) {
        if (i > 0) rogue_add(r, " ", 1);
        if (i > 0 && rogue_once_in(r, 60)) rogue_add(r, "    ", 1 + rogue_below(r, 4));
        rogue_add(r, l->word[i], l->len[i]);
    }
    if (rogue_once_in(r, 40)) rogue_add(r, "  ", 1 + rogue_below(r, 2));
    if (rogue_once_in(r, 25))
        rogue_add(r, "\n", 1);
    else
        rogue_add(r, "\r\n", 2);
}

/* --- values ----------------------------------------------------------------------------------- */

static char value[VALUE_ROOM + 4096];

/* Lines that nobody may run. % is a key of others, @ the evil one. */
static const char *const evil_lines[] = {
    "set @ 0 0 4\r\nevil\r\n",
    "set @ 0 0 4\r\nevil\r\n",
    "set @ 0 0 4 noreply\r\nevil\r\n",
    "ms @ 4\r\nevil\r\n",
    "delete %\r\n",
    "delete % noreply\r\n",
    "md % q\r\n",
    "set % 666 0 4\r\nevil\r\n",
    "append % 0 0 4 noreply\r\nevil\r\n",
    "touch % -1\r\n",
    "flush_all\r\n",
    "flush_all noreply\r\n",
};
static const char *const shifting_lines[] = {
    "get %\r\n",
    "version\r\n",
    "mn\r\n",
    "quit\r\n",
    "END\r\n",
    "STORED\r\n",
    "VALUE % 0 4\r\nevil\r\nEND\r\n",
    "VA 4\r\nevil\r\n",
    "HD\r\n",
    "\r\n",
    "x",
};

static char *put_text(char *to, const char *text)
{
    return (char *)memcpy(to, text, strlen(text)) + strlen(text);
}

static size_t put_line(struct rogue *r, const char *const *lines, size_t count, char *to)
{
    const char *line = lines[rogue_below(r, (unsigned)count)];
    char *start = to;
    for (; *line; line++) {
        if (*line == '%')
            to = put_text(to, rogue_text(ROGUE_OTHERS "%u", rogue_below(r, 10)));
        else if (*line == '@')
            to = put_text(to, ROGUE_EVIL);
        else
            *to++ = *line;
    }
    return (size_t)(to - start);
}

static size_t evil_value(struct rogue *r)
{
    size_t n = 0;
    unsigned lines = 1 + rogue_below(r, 5);
    while (lines-- > 0) {
        if (rogue_once_in(r, 3)) n += put_line(r, shifting_lines, COUNT(shifting_lines), value + n);
        n += put_line(r, evil_lines, COUNT(evil_lines), value + n);
    }
    return n - rogue_below(r, 3);
}

static size_t harmless_value(struct rogue *r)
{
    static const char words[] =
        "get r:a\r\nEND\r\nset r:b 0 0 1\r\nx\r\nVALUE r:a 0 1\r\nmn\r\n12 ";
    size_t n = rogue_below(r, 90);
    for (size_t i = 0; i < n; i++) value[i] = words[i % (sizeof words - 1)];
    return n;
}

/* Of that size in all: what is there, again and again. */
static size_t stretch(size_t n, size_t to)
{
    for (size_t at = n; n > 0 && at < to; at += n) memcpy(value + at, value, n);
    return n > to || n == 0 ? n : to;
}

char *rogue_value(struct rogue *r, size_t *n)
{
    static const size_t sizes[] = {1000, 2048, 5000, 17000, 70000};
    *n = r->is_harmless ? harmless_value(r) : evil_value(r);
    if (rogue_once_in(r, 25)) *n = stretch(*n, sizes[rogue_below(r, COUNT(sizes))]);
    if (rogue_once_in(r, 200)) *n = stretch(*n, LIMIT - 100 + rogue_below(r, 110));
    return value;
}
