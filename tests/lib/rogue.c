#include "lib/rogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stream.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

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

/* It may read what others have. */
static void make_retrieval(struct rogue *r, struct rogue_line *l)
{
    static const char *const verbs[] = {"get", "get", "gets", "gat", "gats"};
    const char *verb = verbs[rogue_below(r, COUNT(verbs))];
    unsigned keys = rogue_once_in(r, 30) ? ROGUE_WORDS : rogue_below(r, 5);
    rogue_word(l, 0, verb);
    if (verb[1] == 'a') rogue_word(l, 1, rogue_once_in(r, 3) ? rogue_number(r) : "0");
    while (keys-- > 0) {
        if (verb[1] == 'e' && rogue_once_in(r, 4))
            rogue_word(l, l->n, rogue_text(ROGUE_OTHERS "%u", rogue_below(r, ROGUE_OTHERS_KEYS)));
        else
            rogue_key(r, l, l->n);
    }
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

/* One short request so often that more of them wait than a connection may have; about keys that are small. */
static void make_flood(struct rogue *r)
{
    static const char *const requests[] = {
        "set f:a 0 0 1 noreply\r\nx\r\n",
        "get f:a\r\n",
        "delete f:b noreply\r\n",
        "get f:a f:b f:c\r\n",
        "incr f:a 1 noreply\r\n",
        "mn\r\n",
        "ms f:c 1 q\r\nx\r\n",
        "mg f:a v q\r\n",
        "ms f:c 1 E5 q\r\nx\r\n",
    };
    const char *request = requests[rogue_below(r, COUNT(requests))];
    for (unsigned n = 1000 + rogue_below(r, 25000); n > 0; n--)
        rogue_add(r, request, strlen(request));
}

/* Lines that are about no key, or make no sense. */
static void make_other(struct rogue *r, struct rogue_line *l)
{
    /* clang-format off */
    static const char *const lines[] = {
        "version", "mn", "mn", "verbosity 1", "verbosity", "verbosity 1 noreply", "stats",
        "stats items", "stats slabs", "stats sizes", "stats conns", "stats settings",
        "stats proxy", "stats pools", "stats servers", "stats script", "stats reset",
        "stats detail dump", "stats detail on", "stats cachedump 1 1", "stats explain get r:a",
        "stats foo bar", "stats noreply", "stats items noreply", "flush_all", "flush_all 0",
        "flush_all noreply", "flush_all -1 noreply", "flush_all x", "cache_memlimit 1",
        "slabs reassign 1 2", "slabs automove 0", "lru mode flat", "lru_crawler metadump all",
        "lru_crawler disable", "watch fetchers", "shutdown", "shutdown graceful", "quit",
        "quit noreply", "GET / HTTP/1.1", "Host: x", "config get cluster", "me",
        "extstore free_memory 0", "refresh_certs", "mgdump", "\x80\x01", "\x16\x03\x01",
        "debugtime p 1", "sasl x", "misbehave", "verbosity 99999999999999999999", "ms", "mg",
        "md", "ma", "set", "get", "cas", "incr", "\xff\xfe", "get\tr:a", "get \r", "\r",
    };
    /* clang-format on */
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
