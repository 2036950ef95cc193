#include "lib/stream.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/scene.h"

/* What memcached 1.6.18 does not answer in one way only, and streams therefore do not hold:
 *   get, gat of a key over 250 bytes: drops answers that came before and have not been sent yet;
 *   an end by half-close: forgets what it read if the end comes with a read that fills its buffer;
 *   a line over 2048 bytes: closes or not, depending on how much of it one read brings;
 *   incr of a blank value: looks for digits in the memory behind it;
 *   a number that becomes shorter: see differs_however_cut in the differential test;
 *   a bad block of ms: 1.6.38 takes a cas number for it, or not;
 *   me, and the flags h, l, t of mg: depend on the second in which they came; flush_all likewise.
 * What moongate answers otherwise on purpose, and streams do not hold either:
 *   a store with a number too many (`set a 1 0 0 5`) whose value has another length than it says: closed, likewise;
 *   NUL in keys: refused, as what is routed and what is stored would differ;
 *   stores whose length is not certain (`set a b 0 0 5`): closed, as data must not become a request;
 *   lengths over --max-value: refused before anything is forwarded, so an older value stays;
 *   the values of stream_swallowing_lines: swallowed, as data must not become a request;
 *   control bytes in a meta command's flags: refused likewise;
 *   a key that is not valid base64: refused, while memcached decodes some of them to something;
 *   ma with q and N: HD of a number just made, which memcached sends, looks like HD of one that was there;
 *   meta lines with two mistakes: moongate names that of a doubled flag or a bad key first;
 *   flags b and k with something behind them: refused, as servers differ in what they make of it. */

/* clang-format off */
const char *const stream_odd_lines[] = {
    "get #0\x01", "get \x1f\t#0 #0\x7f", "delete #0\x02", "delete noreply", "delete noreply 0", "delete noreply noreply",
    "touch noreply 0", "incr noreply 1", "get noreply", "mg noreply v k", "mg #0\t v k", "set \x01#0\x7f 0 0 1", "set noreply 0 0 1",
    "ms \t#0 1 k", "touch #0 4294967295", "gat 4294967296 #0", "set #0 0 4294967295 1", "mg #0 T4294967295 v",
    "get", "gets", "get ", "get  ", "get #0 ", "get  #0", "get #0  #1", " get #0", "GET #0",
    "Get #0", "getx #0",
    "gat", "gat 0", "gats 1", "gat #0", "gat x #0", "gat -1 #0",
    "touch", "touch #0", "touch #0 x", "touch #1 1000 2", "touch #0 1000 junk",
    "touch #0  1000",
    "delete", "delete #0 0", "delete #0 10", "delete #0 0 noreply", "delete #0 x noreply",
    "delete #0 #1", "delete #0 noreply noreply", "delete #0 ",
    "incr", "incr #0", "incr #0 x", "incr #0 -1", "incr #0 1.5", "incr #0 1 junk", "incr  #0 1 ",
    "incr #0 18446744073709551615", "incr #0 18446744073709551616", "decr #0 x noreply",
    "decr #0 1 2 3",
    "set", "set #0", "set #0 0", "set #0 0 0", "set #0 0 0 x", "set #0 0 0 -1",
    "set #0 0 0 1 junk", "set #0 4294967296 0 1", "set #0 4294967295 0 1", "set #0 0 0 1x",
    "set #0 +1 0 1", "set #0 0 0 +1", "set #0 007 0 01", "sets #0 0 0 1",
    "add", "add #1 0 0", "replace #1 0 0", "append #1 0 0", "prepend #1 x x x",
    "cas #0 0 0", "cas #0 0 0 1 1 junk", "cas #0 0 0 1 18446744073709551615",
    "mg", "mg #0", "mg #0 v", "mg  #0  v  k ", "mg #0 s v f c k O12 q", "mg #9 v k O1", "mg #9 v q k",
    "mg #0 v v", "mg #0 Z", "mg #0 T", "mg #0 Tx", "mg #0 N", "mg #0 N30 v", "mg #9 N30 v", "mg #0 R30 v",
    "mg #0 O0123456789012345678901234567890123456789", "mg #0 q1", "mg Zm9v b k v", "mg Zm9 b k v",
    "mg Zg== b k", "mg Zm8= b k v",
    "ms", "ms #0", "ms #0 x", "ms #0 -1", "ms #0 01", "ms #0 +1", "ms #0 1 q",
    "md", "md #0", "md #0 q", "md #9 q k", "md #0 q q", "md #0 Z", "md #0 C1", "md #0 I T30 k",
    "ma", "ma #0", "ma #0 v", "ma #0 v q", "ma #0 q", "ma #9 q", "ma #9 N0 J13 v", "ma #0 MD D5 v", "ma #0 MX",
    "ma #0 Dx", "ma #0 D", "ma #0 q q", "ma #0 N0 T30 J5 v c",
    "me", "me a b c", "mn", "mn\n", "mn foo", "mz #0", "mgx #0", "MG #0 v", "m #0",
    "mg #0 a c d e f g i j k m n o p r s t u v w x y z",
    "version", "verbosity", "verbosity 1", "verbosity a", "verbosity 1 noreply", "shutdown", "stats foo", "stats detail on",
    "stats detail", "stats reset",
    "foo", "foo bar", "FOO", "", " ", "  foo", "STORED", "END", "VALUE #0 0 1",
    NULL,
};

const char *const stream_wrong_stores[] = {
    "ms #0 1 Z", "ms #0 1 k k", "ms #0 1 F", "ms #0 1 Fx", "ms #0 1 F-1", "ms #0 1 T", "ms #0 1 T1x", "ms #0 1 MX",
    "ms #0 1 M", "ms #0 1 Mset", "ms #0 1 C1x",  "ms #0 1 F4294967296", "ms #0 1 T+5 k O3 c f",
    "ms Zm9 1 b", "ms #0 1 O0123456789012345678901234567890123456789",
    NULL,
};

const char *const stream_swallowing_lines[] = {
    "set #0 x 0 1", "set #0 0 x 1", "set #0 -1 0 1", "add #0 0 0x 1", "cas #0 0 0 1 x",
    "cas #0 0 0 1 -1", "set #0 x 0 1 noreply",
    NULL,
};
/* clang-format on */

/* Empty lines, should it wait for data: those of the next command would be read as lines. */
#define VALUE_OF_ONE "x\r\n"
const char *const stream_followers[STREAM_FOLLOWERS] = {"\r\n\r\n", VALUE_OF_ONE};

/* --- data ----------------------------------------------------------------------------------- */

enum { DIGITS, WORDS, NOISE, DATA_KINDS };

static char data[DATA_KINDS][2 * STREAM_DATA];

/* Numbers for incr, words of the protocol to trip over, and noise. */
static void fill_data(void)
{
    static const char words[] = "\r\nEND\r\nVALUE k 0 1\r\nx\r\nquit\r\nSTORED\r\nget a\r\n";
    unsigned seed = 1;
    for (size_t i = 0; i < 2 * STREAM_DATA; i++) {
        data[DIGITS][i] = (char)('0' + random_below(&seed, 10));
        data[WORDS][i] = words[i % (sizeof words - 1)];
        data[NOISE][i] = (char)(random_next(&seed) >> 9);
    }
}

static size_t data_size(unsigned *seed)
{
    static const size_t sizes[] = {0, 1, 2, 5, 20, 100, 1000, 3000, 17000};
    if (random_below(seed, 300) == 0) return STREAM_DATA;
    size_t size = sizes[random_below(seed, sizeof sizes / sizeof *sizes)];
    return size + random_below(seed, 3);
}

static bool is_blank(const char *bytes, size_t n)
{
    while (n > 0 && isspace((unsigned char)bytes[n - 1])) n--;
    return n == 0;
}

/* --- commands ------------------------------------------------------------------------------- */

static const char *exptime(unsigned *seed)
{
    static const char *const times[] = {"0", "0", "0", "100", "1000000", "-1", "2147483647"};
    return times[random_below(seed, sizeof times / sizeof *times)];
}

static const char *line_end(unsigned *seed)
{
    unsigned chance = random_below(seed, 30);
    if (chance == 0) return "\n";
    return chance == 1 ? " \r\n" : "\r\n";
}

static const char *noreply(unsigned *seed)
{
    return random_below(seed, 6) == 0 ? " noreply" : "";
}

static unsigned any_key(unsigned *seed)
{
    return random_below(seed, STREAM_KEYS);
}

/* Numbers are counted at the first keys only. What would show how memcached pads a number that became shorter stays away from
 * those: blank values, and what is put behind or before a value. */
static unsigned countable_key(unsigned *seed)
{
    return random_below(seed, STREAM_KEYS / 2);
}

static unsigned key_for_value(const struct command *c, bool joins, unsigned *seed)
{
    bool is_countable = !joins && !is_blank(c->data, c->n);
    return is_countable ? any_key(seed) : countable_key(seed) + STREAM_KEYS / 2;
}

static void make_storage(struct command *c, unsigned *seed)
{
    static const char *const verbs[] = {"set",    "set",     "set", "add", "replace",
                                        "append", "prepend", "cas", "cas"};
    const char *verb = verbs[random_below(seed, sizeof verbs / sizeof *verbs)];
    c->data = data[random_below(seed, DATA_KINDS)] + random_below(seed, STREAM_DATA);
    c->n = data_size(seed);
    c->end = "\r\n";
    unsigned key = key_for_value(c, strstr(verb, "pend") != NULL, seed);
    unsigned flags = random_below(seed, 3) ? 0 : random_next(seed);
    char cas[4] = " $0";
    cas[2] = (char)('0' + random_below(seed, 10));
    snprintf(c->head, sizeof c->head, "%s #%u %u %s %zu%s%s%s", verb, key, flags, exptime(seed),
             c->n, strcmp(verb, "cas") == 0 ? cas : "", noreply(seed), line_end(seed));
}

static void make_retrieval(struct command *c, unsigned *seed)
{
    static const char *const verbs[] = {"get", "get", "gets", "gat", "gats"};
    const char *verb = verbs[random_below(seed, sizeof verbs / sizeof *verbs)];
    unsigned keys = 1 + (random_below(seed, 3) ? 0 : random_below(seed, 40));
    int at =
        snprintf(c->head, sizeof c->head, verb[1] == 'a' ? "%s %s" : "%s", verb, exptime(seed));
    while (keys-- > 0)
        at += snprintf(c->head + at, sizeof c->head - (size_t)at, " #%u", any_key(seed));
    snprintf(c->head + at, sizeof c->head - (size_t)at, "%s", line_end(seed));
}

static void make_change(struct command *c, unsigned *seed)
{
    static const char *const deltas[] = {"1", "0", "10", "99999999999", "18446744073709551615"};
    static const char *const verbs[] = {"delete", "touch", "decr", "incr", "incr"};
    unsigned which = random_below(seed, sizeof verbs / sizeof *verbs);
    const char *number = which == 1 ? exptime(seed) : deltas[random_below(seed, 5)];
    snprintf(c->head, sizeof c->head, "%s #%u%s%s%s%s", verbs[which],
             which < 2 ? any_key(seed) : countable_key(seed), which == 0 ? "" : " ",
             which == 0 ? "" : number, noreply(seed), line_end(seed));
}

/* One of the flags given, each once and in any order; quiet now and then. */
static int add_flags(char *head, int at, const char *const *flags, unsigned n, unsigned *seed)
{
    unsigned first = random_below(seed, n), taken = random_below(seed, 5);
    for (unsigned i = 0; i < taken && i < n; i++)
        at += snprintf(head + at, STREAM_HEAD - (size_t)at, " %s", flags[(first + i) % n]);
    return at;
}

#define ADD_FLAGS(c, at, flags, seed)                                                              \
    add_flags((c)->head, at, flags, sizeof(flags) / sizeof *(flags), seed)

/* The key as it is, or in base64: those are the same in every play, and looked at but never stored. */
static int add_meta_key(struct command *c, const char *verb, unsigned key)
{
    return snprintf(c->head, sizeof c->head, "%s #%u", verb, key);
}

static void make_meta_set(struct command *c, unsigned *seed)
{
    static const char *const flags[] = {"k", "O1", "q", "T100", "F7", "c", "MA", "I", "MR"};
    static const char *const others[] = {"k", "O22", "q", "T0", "F0", "c", "ME", "C1", "T-1"};
    c->data = data[random_below(seed, DATA_KINDS)] + random_below(seed, STREAM_DATA);
    c->n = data_size(seed);
    c->end = "\r\n";
    bool joins = random_below(seed, 2); /* `flags` has MA */
    int at = add_meta_key(c, "ms", key_for_value(c, joins, seed));
    at += snprintf(c->head + at, sizeof c->head - (size_t)at, " %zu", c->n);
    at = joins ? ADD_FLAGS(c, at, flags, seed) : ADD_FLAGS(c, at, others, seed);
    snprintf(c->head + at, sizeof c->head - (size_t)at, "%s", line_end(seed));
}

static void make_meta(struct command *c, unsigned *seed)
{
    static const char *const of_get[] = {"v", "k", "O333",  "q",    "s",
                                         "f", "c", "T1000", "N100", "R10"};
    static const char *const of_delete[] = {"k", "O4", "q", "I", "T100"};
    static const char *const of_change[] = {"v", "k", "O5", "D3", "MD", "T100", "c"};
    static const char *const quiet_change[] = {"q", "v", "k", "O6", "MI"};
    int at;
    switch (random_below(seed, 6)) {
    case 0: make_meta_set(c, seed); return;
    case 1: at = ADD_FLAGS(c, add_meta_key(c, "md", any_key(seed)), of_delete, seed); break;
    case 2: at = ADD_FLAGS(c, add_meta_key(c, "ma", countable_key(seed)), of_change, seed); break;
    case 3:
        at = ADD_FLAGS(c, add_meta_key(c, "ma", countable_key(seed)), quiet_change, seed);
        break;
    case 4: at = snprintf(c->head, sizeof c->head, "mn"); break;
    default: at = ADD_FLAGS(c, add_meta_key(c, "mg", any_key(seed)), of_get, seed); break;
    }
    snprintf(c->head + at, sizeof c->head - (size_t)at, "%s", line_end(seed));
}

static void make_long_key(struct command *c, unsigned *seed)
{
    static const char *const forms[] = {"delete %s\r\n", "touch %s 0\r\n", "incr %s 1\r\n"};
    char key[252] = "";
    memset(key, 'l', sizeof key - 1);
    const char *form = forms[random_below(seed, 3)];
    int until_key = (int)strcspn(form, "%");
    snprintf(c->head, sizeof c->head, "%.*s%s%s", until_key, form, key, form + until_key + 2);
}

/* Data longer or shorter than said. */
static void make_bad_chunk(struct command *c, unsigned *seed)
{
    static const char *const chunks[] = {"abcdef\r\n", "abc\n\r\n", "abcd\r\n", "abc\r\r\n"};
    c->end = chunks[random_below(seed, 4)];
    snprintf(c->head, sizeof c->head, "set #%u 0 0 3\r\n", any_key(seed));
}

static void make_odd(struct command *c, unsigned *seed)
{
    size_t lines = 0;
    while (stream_odd_lines[lines]) lines++;
    const char *line = stream_odd_lines[random_below(seed, (unsigned)lines)];
    snprintf(c->head, sizeof c->head, "%s%s", line, random_below(seed, 10) ? "\r\n" : "\n");
    const char *follower = stream_followers[random_below(seed, STREAM_FOLLOWERS)];
    c->end = strncmp(line, "ms ", 3) == 0 ? VALUE_OF_ONE : follower;
}

void stream_make(struct stream *s, unsigned seed)
{
    /* verb classes by their share of a hundred */
    static const struct {
        unsigned below;
        void (*make)(struct command *c, unsigned *seed);
    } classes[] = {{30, make_storage},  {50, make_retrieval}, {67, make_change}, {90, make_meta},
                   {91, make_long_key}, {92, make_bad_chunk}, {100, make_odd}};
    if (!data[DIGITS][0]) fill_data();
    s->n = 1 + random_below(&seed, STREAM_COMMANDS - 1);
    for (size_t i = 0; i < s->n; i++) {
        unsigned chance = random_below(&seed, 100), which = 0;
        while (chance >= classes[which].below) which++;
        s->commands[i] = (struct command){.data = "", .end = ""};
        classes[which].make(&s->commands[i], &seed);
    }
    s->cuts = random_next(&seed);
}

void stream_drop(struct stream *s, size_t at, size_t n)
{
    memmove(&s->commands[at], &s->commands[at + n], (s->n - at - n) * sizeof *s->commands);
    s->n -= n;
}

/* --- bytes ---------------------------------------------------------------------------------- */

void stream_render_line(const char *line, unsigned long play, unsigned long long cas,
                        struct octets *bytes)
{
    char text[64];
    for (; *line; line++) {
        if (*line == '#')
            snprintf(text, sizeof text, "p%lu:%c", play, *++line);
        else if (*line == '$')
            snprintf(text, sizeof text, "%llu", cas + (unsigned long long)(*++line - '0') * 2);
        else
            snprintf(text, sizeof text, "%c", *line);
        octets_add(bytes, text, strlen(text));
    }
}

/* Ends with quit; empty lines before it, should the last command still wait for data. */
void stream_render(const struct stream *s, unsigned long play, unsigned long long cas,
                   struct octets *bytes)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct command *c = &s->commands[i];
        stream_render_line(c->head, play, cas, bytes);
        octets_add(bytes, c->data, c->n);
        octets_add(bytes, c->end, strlen(c->end));
    }
    octets_add(bytes, "\r\n\r\nquit\r\n", 10);
}
