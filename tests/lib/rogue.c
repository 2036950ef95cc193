#include "lib/rogue.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/scene.h"
#include "lib/stream.h"

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
    static const char *const numbers[] = {"0",
                                          "0",
                                          "1",
                                          "5",
                                          "60",
                                          "-1",
                                          "+1",
                                          "-0",
                                          "007",
                                          "1x",
                                          "x",
                                          "1.5",
                                          "0x1",
                                          "1e3",
                                          "--1",
                                          "\xff",
                                          "2147483647",
                                          "2147483648",
                                          "-2147483648",
                                          "-2147483649",
                                          "4294967295",
                                          "4294967296",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "-9223372036854775808",
                                          "-9223372036854775809",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          "99999999999999999999",
                                          "00000000000000000000000000000000000001"};
    return numbers[rogue_below(r, COUNT(numbers))];
}

const char *rogue_any_word(struct rogue *r)
{
    static const char *const words[] = {
        "noreply", "noreply", "NOREPLY", "norepl", "0",   "1",   "00",  "-1",    "q",  "v",
        "k",       "b",       "S1",      "T0",     "END", "get", "set", "VALUE", "HD", "\t",
        "\1",      "\x7f",    "mn",      "quit",   "O",   "*",   "\r",  "x",     "*2", "\"a"};
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

/* Lines that nobody may run. % is a digit of a key. */
static const char *const evil_lines[] = {
    "set " ROGUE_EVIL " 0 0 4\r\nevil\r\n",
    "set " ROGUE_EVIL " 0 0 4\r\nevil\r\n",
    "set " ROGUE_EVIL " 0 0 4 noreply\r\nevil\r\n",
    "ms " ROGUE_EVIL " 4\r\nevil\r\n",
    "delete " ROGUE_OTHERS "%\r\n",
    "delete " ROGUE_OTHERS "% noreply\r\n",
    "md " ROGUE_OTHERS "% q\r\n",
    "set " ROGUE_OTHERS "% 666 0 4\r\nevil\r\n",
    "append " ROGUE_OTHERS "% 0 0 4 noreply\r\nevil\r\n",
    "touch " ROGUE_OTHERS "% -1\r\n",
    "flush_all\r\n",
    "flush_all noreply\r\n",
};
static const char *const shifting_lines[] = {
    "get " ROGUE_OTHERS "%\r\n",
    "version\r\n",
    "mn\r\n",
    "quit\r\n",
    "END\r\n",
    "STORED\r\n",
    "VALUE " ROGUE_OTHERS "% 0 4\r\nevil\r\nEND\r\n",
    "VA 4\r\nevil\r\n",
    "HD\r\n",
    "\r\n",
    "x",
};

static size_t put_line(struct rogue *r, const char *const *lines, size_t count, char *to)
{
    const char *line = lines[rogue_below(r, (unsigned)count)];
    char *start = to;
    for (; *line; line++) *to++ = *line == '%' ? (char)('0' + rogue_below(r, 10)) : *line;
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

/* --- requests without values ------------------------------------------------------------------ */

void rogue_drop_any_word(struct rogue *r, struct rogue_line *l)
{
    unsigned at = rogue_below(r, (unsigned)l->n);
    rogue_drop_word(l, at);
    if (at == 0) r->is_harmless = true; /* what is the command now may be a store */
}

static void add_words(struct rogue *r, struct rogue_line *l, unsigned most)
{
    for (unsigned n = rogue_below(r, most + 1); n > 0; n--)
        rogue_word(l, 1 + rogue_below(r, (unsigned)l->n), rogue_any_word(r));
}

static void make_retrieval(struct rogue *r, struct rogue_line *l)
{
    static const char *const verbs[] = {"get", "get", "gets", "gat", "gats"};
    const char *verb = verbs[rogue_below(r, COUNT(verbs))];
    unsigned keys = rogue_once_in(r, 30) ? ROGUE_WORDS : rogue_below(r, 5);
    rogue_word(l, 0, verb);
    if (verb[1] == 'a') rogue_word(l, 1, rogue_once_in(r, 3) ? rogue_number(r) : "0");
    while (keys-- > 0) rogue_key(r, l, l->n);
    rogue_add_line(r, l);
}

static void make_change(struct rogue *r, struct rogue_line *l)
{
    static const char *const verbs[] = {"delete", "delete", "touch", "incr", "decr"};
    unsigned verb = rogue_below(r, COUNT(verbs));
    rogue_word(l, 0, verbs[verb]);
    rogue_key(r, l, 1);
    if (verb > 1) rogue_word(l, 2, rogue_once_in(r, 2) ? "1" : rogue_number(r));
    if (rogue_once_in(r, 4)) rogue_word(l, l->n, rogue_once_in(r, 2) ? "0" : rogue_any_word(r));
    if (rogue_once_in(r, 4)) rogue_word(l, l->n, "noreply");
    if (rogue_once_in(r, 8)) add_words(r, l, 3);
    if (rogue_once_in(r, 20)) rogue_drop_any_word(r, l);
    rogue_add_line(r, l);
}

static void make_long_line(struct rogue *r)
{
    static const size_t sizes[] = {2000, 2040, 2047, 2048, 2049, 3000, 8200};
    static const char *const starts[] = {"get ", "gets ", "gat 0 ", "mg r:a O", "delete ",
                                         "",     "get",   "      ", "md r:a ",  "me "};
    const char *start = starts[rogue_below(r, COUNT(starts))];
    size_t n = sizes[rogue_below(r, COUNT(sizes))];
    unsigned spaces = rogue_once_in(r, 2) ? 200 : 100000;
    rogue_add(r, start, strlen(start));
    for (size_t i = 1; i <= n; i++) rogue_add(r, i % spaces == 0 ? " " : "l", 1);
    if (rogue_once_in(r, 5))
        r->is_harmless = true; /* the next request is a part of the line */
    else
        rogue_add(r, "\r\n", 2);
}

static void make_many_keys(struct rogue *r)
{
    unsigned keys = 100 + rogue_below(r, 900), width = 1 + rogue_below(r, 60);
    rogue_add(r, "gets", rogue_once_in(r, 2) ? 3 : 4);
    while (keys-- > 0) {
        const char *key = rogue_text(" r:%0*u", (int)width, rogue_below(r, 1000));
        rogue_add(r, key, strlen(key));
    }
    rogue_add(r, "\r\n", 2);
}

/* One short request so often that more of them wait than a connection may have. */
static void make_flood(struct rogue *r)
{
    static const char *const requests[] = {
        "set r:a 0 0 1 noreply\r\nx\r\n",
        "get r:a\r\n",
        "delete r:b noreply\r\n",
        "get r:a r:b r:c\r\n",
        "incr r:a 1 noreply\r\n",
        "mn\r\n",
        "ms r:c 1 q\r\nx\r\n",
        "mg r:a v q\r\n",
        "ms r:c 1 E5 q\r\nx\r\n",
    };
    const char *request = requests[rogue_below(r, COUNT(requests))];
    for (unsigned n = 1000 + rogue_below(r, 25000); n > 0; n--)
        rogue_add(r, request, strlen(request));
}

/* Lines that are about no key, or make no sense. */
static void make_other(struct rogue *r, struct rogue_line *l)
{
    static const char *const lines[] = {
        "version",
        "mn",
        "mn",
        "verbosity 1",
        "verbosity",
        "verbosity 1 noreply",
        "stats",
        "stats items",
        "stats slabs",
        "stats sizes",
        "stats conns",
        "stats settings",
        "stats proxy",
        "stats pools",
        "stats servers",
        "stats script",
        "stats reset",
        "stats detail dump",
        "stats detail on",
        "stats cachedump 1 1",
        "stats explain get r:a",
        "stats foo bar",
        "stats noreply",
        "stats items noreply",
        "flush_all",
        "flush_all 0",
        "flush_all noreply",
        "flush_all -1 noreply",
        "flush_all x",
        "cache_memlimit 1",
        "slabs reassign 1 2",
        "slabs automove 0",
        "lru mode flat",
        "lru_crawler metadump all",
        "lru_crawler disable",
        "watch fetchers",
        "shutdown",
        "shutdown graceful",
        "quit",
        "quit noreply",
        "GET / HTTP/1.1",
        "Host: x",
        "config get cluster",
        "me",
        "extstore free_memory 0",
        "refresh_certs",
        "mgdump",
        "\x80\x01",
        "\x16\x03\x01",
        "debugtime p 1",
        "sasl x",
        "misbehave",
        "verbosity 99999999999999999999",
        "ms",
        "mg",
        "md",
        "ma",
        "set",
        "get",
        "cas",
        "incr",
        "\xff\xfe",
        "get\tr:a",
        "get \r",
        "\r",
    };
    rogue_word(l, 0, lines[rogue_below(r, COUNT(lines))]);
    if (rogue_once_in(r, 4)) {
        add_words(r, l, 3);
        r->is_harmless = true; /* it may be a store now */
    }
    rogue_add_line(r, l);
}

/* One that memcached is known to answer in its own way. */
static void make_known_odd(struct rogue *r)
{
    size_t lines = 0;
    while (stream_odd_lines[lines]) lines++;
    const char *line = stream_odd_lines[rogue_below(r, (unsigned)lines)];
    stream_render_line(line, rogue_below(r, 100), 1, &r->bytes);
    rogue_add(r, "\r\nx\r\n", rogue_once_in(r, 2) ? 2 : 5);
    r->is_harmless = true; /* it may want a value that does not come */
}

static void make_request(struct rogue *r, struct rogue_line *l)
{
    unsigned which = rogue_below(r, 100);
    l->n = 0;
    if (which < 30)
        rogue_makes_store(r, l);
    else if (which < 55)
        rogue_makes_meta_store(r, l);
    else if (which < 65)
        make_retrieval(r, l);
    else if (which < 75)
        make_change(r, l);
    else if (which < 90)
        rogue_makes_meta(r, l);
    else if (which < 95)
        make_other(r, l);
    else if (which < 97)
        make_known_odd(r);
    else if (rogue_once_in(r, 8))
        make_flood(r);
    else if (which < 98 || rogue_once_in(r, 3))
        make_long_line(r);
    else
        make_many_keys(r);
}

/* --- streams ---------------------------------------------------------------------------------- */

void rogue_make(struct rogue *r, unsigned seed, size_t from, size_t to)
{
    static struct rogue_line line;
    struct octets bytes = r->bytes;
    octets_take(&bytes, octets_n(&bytes));
    *r = (struct rogue){.bytes = bytes, .seed = seed * 2654435761u + 1};
    size_t n = 1 + rogue_below(r, rogue_once_in(r, 3) ? ROGUE_REQUESTS : 4), whole = 0;
    for (size_t i = 0; i < n; i++) {
        r->starts[i] = octets_n(&r->bytes);
        make_request(r, &line);
        bool is_left_out = i < from || i >= to;
        if (is_left_out) r->bytes.end = r->bytes.begin + r->starts[i];
    }
    r->n = n;
    whole = octets_n(&r->bytes);
    if (whole > 0 && rogue_once_in(r, 4)) r->bytes.end -= rogue_below(r, (unsigned)whole);
    r->starts[n] = octets_n(&r->bytes);
    r->reads_late = rogue_once_in(r, 8);
    r->end = rogue_once_in(r, 2) ? ROGUE_HEARS_OUT : (enum rogue_end)rogue_below(r, ROGUE_ENDS);
}

void rogue_release(struct rogue *r)
{
    octets_release(&r->bytes);
}

void rogue_prints(const struct rogue *r)
{
    size_t end = octets_n(&r->bytes);
    for (size_t i = 0; i < r->n && r->starts[i] < end; i++) {
        size_t n = (r->starts[i + 1] < end ? r->starts[i + 1] : end) - r->starts[i];
        if (n == 0) continue;
        char *text = octets_escape(octets_at(&r->bytes) + r->starts[i], n < 600 ? n : 600);
        fprintf(stderr, "    %2zu %s%s\n", i, text,
                n > 600 ? rogue_text(" and %zu bytes", n - 600) : "");
        free(text);
    }
}
