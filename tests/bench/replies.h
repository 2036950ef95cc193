/* replies: what a connection of load reads: lines, and values that are checked as they come and kept nowhere. Owns nothing.
 *
 * Of values over SKIP_FROM bytes one in opt.check is read and compared whole. Of the others, what has come with their line is compared, and
 * the kernel throws the rest away (MSG_TRUNC; not over TLS): the generator must not be what is measured. Their length and end are checked.
 */
#ifndef MOONGATE_BENCH_REPLIES_H
#define MOONGATE_BENCH_REPLIES_H

#include <errno.h>
#include <sys/socket.h>

#include "secure.h"

enum { INPUT_MAX = 256 * 1024, SKIP_FROM = 64 * 1024 };

/* What a reading gave: of one connection after the other. */
static char input[LINE_LIMIT + INPUT_MAX];

/* With a fixed rate, requests count that were due while it was timed; without, those whose replies came meanwhile. */
static bool ask_counts(const struct ask *ask)
{
    if (opt.rate > 0) return phase >= TIMED && ask->sent >= run.from && ask->sent < run.due;
    return phase == TIMED;
}

static void ask_done(struct conn *c)
{
    const struct ask *ask = &c->asks[c->head];
    if (ask_counts(ask)) {
        histogram_add(&latency, now - ask->sent);
        count.gets += !ask->is_set;
        count.sets += ask->is_set;
        count.keys += ask->n;
    }
    c->head = (c->head + 1) % opt.depth;
    c->outstanding--;
    outstanding--;
    c->next = 0;
}

/* The first byte of the reply at the head is here. */
static void ask_begins(struct ask *ask)
{
    if (!ask->is_set && ask_counts(ask)) histogram_add(&first_byte, now - ask->sent);
    ask->has_begun = true;
}

/* Keys up to the one at `end` have no value. */
static void count_misses(const struct conn *c, uint32_t end)
{
    const uint32_t *numbers = &c->numbers[(size_t)c->head * opt.group];
    for (uint32_t i = c->next; i < end; i++) count.misses += numbers[i] < opt.keys;
}

/* The key that the name (NULL: the one that was asked for) is, among those still expected; NULL when it is none of them. */
static const struct key *expected_key(struct conn *c, const char *name, size_t len)
{
    const struct ask *ask = &c->asks[c->head];
    const uint32_t *numbers = &c->numbers[(size_t)c->head * opt.group];
    for (uint32_t i = c->next; i < ask->n; i++) {
        const struct key *key = &keys[numbers[i]];
        if (name && (len != key->len || memcmp(name, key->text, len) != 0)) continue;
        count_misses(c, i);
        c->next = i + 1;
        return numbers[i] < opt.keys ? key : NULL; /* the others were never stored */
    }
    return NULL;
}

/* --- values ------------------------------------------------------------------------------------- */

static void value_is_wrong(struct value *v, const char *why)
{
    if (!v->is_wrong && count.wrong++ == 0)
        fprintf(stderr, "load: %s: wrong value: %s\n", opt.address, why);
    v->is_wrong = true;
}

/* Reads a number; where it ends, or NULL. */
static const char *read_number(const char *p, const char *end, size_t *number)
{
    const char *from = p;
    for (*number = 0; p < end && *p >= '0' && *p <= '9' && p - from < 9; p++)
        *number = *number * 10 + (size_t)(*p - '0');
    return p == from ? NULL : p;
}

/* `VALUE KEY FLAGS SIZE` or `VA SIZE fFLAGS`, whose value follows. False when the line is neither. */
static bool value_opens(struct conn *c, const char *line, size_t len)
{
    const char *end = line + len, *name = NULL, *p;
    size_t flags, size, name_len = 0;
    if (opt.meta) {
        p = read_number(line + 3, end, &size);
        if (!p || end - p < 3 || memcmp(p, " f", 2) != 0) return false;
        p = read_number(p + 2, end, &flags);
    } else {
        name = line + 6;
        const char *space = memchr(name, ' ', (size_t)(end - name));
        if (!space) return false;
        name_len = (size_t)(space - name);
        p = read_number(space + 1, end, &flags);
        if (!p || p == end || *p != ' ') return false;
        p = read_number(p + 1, end, &size);
    }
    if (p != end) return false;
    struct value *v = &c->value;
    *v = (struct value){.key = expected_key(c, name, name_len), .size = size, .is_open = true};
    if (!v->key)
        value_is_wrong(v, "not a key that was asked for and stored");
    else if (flags != key_flags(v->key) || size != opt.value)
        value_is_wrong(v, "its length or its flags are not what this key has");
    v->is_skipped = size > SKIP_FROM && random_below(opt.check) != 0;
    return true;
}

/* A frame ends with its value; a run of quiet gets with its noop. */
static void frame_value_ends(struct conn *c)
{
    c->value.is_open = false;
    if (c->asks[c->head].n == 1) ask_done(c);
}

/* Takes what is here of the open value; how many bytes. */
static size_t value_take(struct conn *c, const char *data, size_t n)
{
    struct value *v = &c->value;
    size_t part = v->size - v->at < n ? v->size - v->at : n;
    if (!v->is_wrong && !value_part_is_right(v->key, v->at, data, part))
        value_is_wrong(v, "not what this key holds");
    v->at += part;
    if (opt.binary) {
        if (v->at == v->size) frame_value_ends(c);
        return part;
    }
    if (n - part < 2) return part; /* CR LF are taken together */
    if (memcmp(data + part, "\r\n", 2) != 0) die(1, "%s: no CR LF after a value", opt.address);
    v->is_open = false;
    if (opt.meta) ask_done(c);
    return part + 2;
}

/* --- lines -------------------------------------------------------------------------------------- */

static bool line_is(const char *line, size_t len, const char *text)
{
    return len == strlen(text) && memcmp(line, text, len) == 0;
}

/* Handles a line that ends the reply at the head. */
static void line_ends(struct conn *c, const char *line, size_t len)
{
    const struct ask *ask = &c->asks[c->head];
    const char *good = ask->is_set ? opt.meta ? "HD" : "STORED" : opt.meta ? "EN" : "END";
    if (!line_is(line, len, good)) {
        if (count.errors++ == 0)
            fprintf(stderr, "load: %s: a %s was answered with: %.*s\n", opt.address,
                    ask->is_set ? "set" : "get", (int)len, line);
    } else if (!ask->is_set) {
        count_misses(c, ask->n);
    }
    ask_done(c);
}

/* Handles what begins with a line; how many bytes it took, 0 when the line has no end yet. */
static size_t line_take(struct conn *c, const char *line, size_t n)
{
    if (c->outstanding == 0) die(1, "%s: sent what nobody asked for: %.40s", opt.address, line);
    struct ask *ask = &c->asks[c->head];
    if (!ask->has_begun) ask_begins(ask);
    const char *lf = memchr(line, '\n', n < LINE_LIMIT ? n : LINE_LIMIT);
    if (!lf && n < LINE_LIMIT) return 0;
    if (!lf || lf == line || lf[-1] != '\r') die(1, "%s: a line without CR LF", opt.address);
    size_t len = (size_t)(lf - 1 - line);
    const char *value = opt.meta ? "VA " : "VALUE ";
    if (ask->is_set || len < strlen(value) || memcmp(line, value, strlen(value)) != 0)
        line_ends(c, line, len);
    else if (!value_opens(c, line, len))
        die(1, "%s: not the line of a value: %.*s", opt.address, (int)len, line);
    return len + 2;
}

/* --- frames ------------------------------------------------------------------------------------- */

static uint32_t read32(const char *at)
{
    const uint8_t *p = (const uint8_t *)at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Flags, key and value of a get. */
static void frame_opens(struct conn *c, const char *frame, size_t key_len, size_t size)
{
    const char *name = key_len ? frame + FRAME_HEAD + 4 : NULL;
    struct value *v = &c->value;
    *v = (struct value){.key = expected_key(c, name, key_len), .size = size, .is_open = true};
    if (!v->key)
        value_is_wrong(v, "not a key that was asked for and stored");
    else if (read32(frame + FRAME_HEAD) != key_flags(v->key) || size != opt.value)
        value_is_wrong(v, "its length or its flags are not what this key has");
    v->is_skipped = size > SKIP_FROM && random_below(opt.check) != 0;
    if (size == 0) frame_value_ends(c);
}

/* Handles a frame that ends the reply at the head, and has no value that is looked at. */
static void frame_ends(struct conn *c, unsigned opcode, unsigned status)
{
    enum { MISS = 1 };
    const struct ask *ask = &c->asks[c->head];
    bool is_miss = opcode == FRAME_GET && status == MISS;
    if (status != 0 && !is_miss && count.errors++ == 0)
        fprintf(stderr, "load: %s: opcode %u was answered with status %u\n", opt.address, opcode,
                status);
    else if (!ask->is_set)
        count_misses(c, ask->n);
    ask_done(c);
}

/* Handles what begins with a frame, up to the value of a get; how many bytes it took, 0 when that is not whole. */
static size_t frame_take(struct conn *c, const char *frame, size_t n)
{
    if (c->outstanding == 0) die(1, "%s: sent what nobody asked for", opt.address);
    struct ask *ask = &c->asks[c->head];
    if (!ask->has_begun) ask_begins(ask);
    if (n < FRAME_HEAD) return 0;
    if ((uint8_t)frame[0] != 0x81) die(1, "%s: not a frame", opt.address);
    unsigned opcode = (uint8_t)frame[1], status = read32(frame + 4) & 0xffff;
    size_t key_len = read32(frame) & 0xffff, extras = (uint8_t)frame[4];
    size_t body = read32(frame + 8), before = FRAME_HEAD + extras + key_len;
    bool has_value = status == 0 && (opcode == FRAME_GET || opcode == FRAME_GETKQ);
    if (!has_value) before = FRAME_HEAD + body;
    if (before > LINE_LIMIT) die(1, "%s: a frame that is too long", opt.address);
    if (n < before) return 0;
    if (has_value)
        frame_opens(c, frame, key_len, body - extras - key_len);
    else
        frame_ends(c, opcode, status);
    return before;
}

/* --- reading ------------------------------------------------------------------------------------ */

/* Takes what is complete, and keeps the begin of a line, or of the CR LF behind a value. */
static void conn_take(struct conn *c, const char *data, size_t n)
{
    size_t at = 0;
    while (at < n) {
        size_t took = c->value.is_open ? value_take(c, data + at, n - at)
                      : opt.binary     ? frame_take(c, data + at, n - at)
                                       : line_take(c, data + at, n - at);
        if (took == 0) break;
        at += took;
    }
    c->line_len = n - at;
    memcpy(c->line, data + at, c->line_len);
}

/* How many bytes of the open value come next and are skipped; 0: what comes is looked at. */
static size_t skipped_next(const struct conn *c)
{
    const struct value *v = &c->value;
    if (!v->is_open || !v->is_skipped || c->line_len > 0) return 0;
    return v->size - v->at < INPUT_MAX ? v->size - v->at : INPUT_MAX;
}

static void value_skips(struct conn *c, size_t n)
{
    c->value.at += n;
    if (opt.binary && c->value.at == c->value.size) frame_value_ends(c);
}

static void conn_readable(struct conn *c)
{
    for (;;) {
        size_t skip = skipped_next(c), room = skip ? skip : INPUT_MAX;
        memcpy(input, c->line, c->line_len);
        ssize_t n = conn_recv(c, input + c->line_len, room, skip);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) die(1, "%s: hung up: %s", opt.address, n ? strerror(errno) : "end of stream");
        now = last_reply = clock_ns();
        if (skip)
            value_skips(c, (size_t)n);
        else
            conn_take(c, input, c->line_len + (size_t)n);
        if ((size_t)n < room && !c->ssl) return; /* drained: what comes later is a new edge */
    }
}

#endif
