/* played: what the clients and the servers that worker_fuzz.c plays have in common: keys and values that verify themselves, bytes
 * on their way, and what is known of the whole game. The game is static; struct bytes owns its memory until bytes_free. */
#ifndef TESTS_FUZZ_PLAYED_H
#define TESTS_FUZZ_PLAYED_H

#include "fuzz/fuzz.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEY_ROOM = 400, VALUE_LIMIT = 24000, PADS = 8 };

/* The schedule: the fuzzer's bytes. */
struct input {
    const uint8_t *at, *end;
};

static inline uint8_t take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* What has happened, and so what clients may get. */
struct game {
    struct input in;
    bool faulty;     /* something went wrong on purpose: SERVER_ERROR is a legal answer to a call */
    uint32_t serial; /* of the newest value */
    uint32_t anomalies; /* that servers have made */
    uint32_t shed;      /* clients that were closed: they do not read, or a value broke off */
    bool lacks_meta;    /* some server knows no meta commands */
    bool
        closes; /* some server closes on what it does not know: it gets neither gat nor commands for all servers */
};

static struct game game;

/* --- bytes on their way ------------------------------------------------------------------------ */

struct bytes {
    uint8_t *at;
    size_t len, cap;
};

static inline void bytes_add(struct bytes *b, const void *more, size_t n)
{
    if (b->len + n > b->cap) {
        b->cap = (b->len + n) * 2;
        b->at = realloc(b->at, b->cap);
        check(b->at);
    }
    if (n) memcpy(b->at + b->len, more, n);
    b->len += n;
}

__attribute__((format(printf, 2, 3))) static inline void bytes_say(struct bytes *b,
                                                                   const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    check(n >= 0 && (size_t)n < sizeof text);
    bytes_add(b, text, (size_t)n);
}

static inline void bytes_drop(struct bytes *b, size_t n)
{
    b->len -= n;
    if (b->len) memmove(b->at, b->at + n, b->len);
}

static inline void bytes_free(struct bytes *b)
{
    free(b->at);
    *b = (struct bytes){0};
}

/* At most `most` bytes to a socket; false when it is broken. */
static inline bool bytes_send(struct bytes *b, int fd, size_t most)
{
    if (b->len == 0) return true;
    ssize_t n = send(fd, b->at, b->len < most ? b->len : most, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN;
    bytes_drop(b, (size_t)n);
    return true;
}

/* At most `most` bytes from a socket; false when no more will come. */
static inline bool bytes_receive(struct bytes *b, int fd, size_t most)
{
    uint8_t room[32768];
    ssize_t n = recv(fd, room, most < sizeof room ? most : sizeof room, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN;
    bytes_add(b, room, (size_t)n);
    return n > 0;
}

/* The first line's length with its CRLF, or 0. */
static inline size_t line_len(const uint8_t *at, size_t len)
{
    const uint8_t *newline = len ? memchr(at, '\n', len) : NULL;
    return newline ? (size_t)(newline - at) + 1 : 0;
}

/* --- values ------------------------------------------------------------------------------------ */

static const size_t pads[PADS] = {0, 1, 7, 40, 300, 2000, 9000, 20000};

/* `key|serial|C` and padding, whose length follows from the serial; P instead of C: no client may see it. */
static inline void value_make(struct bytes *to, const char *key, uint32_t serial, char mark)
{
    static const char dots[20000] = {[0 ... 19999] = '.'};
    bytes_say(to, "%s|%u|%c", key, serial, mark);
    bytes_add(to, dots, pads[serial % PADS]);
}

/* True when it is such a value of that key. */
static inline bool value_read(const uint8_t *at, size_t len, const char *key, uint32_t *serial,
                              char *mark)
{
    char head[KEY_ROOM + 32];
    size_t key_len = strlen(key), n = len < sizeof head - 1 ? len : sizeof head - 1;
    int used = 0;
    memcpy(head, at, n);
    head[n] = 0;
    if (n <= key_len || memcmp(head, key, key_len) != 0) return false;
    if (sscanf(head + key_len, "|%u|%c%n", serial, mark, &used) != 2 || used == 0) return false;
    if (len != key_len + (size_t)used + pads[*serial % PADS]) return false;
    for (size_t i = key_len + (size_t)used; i < len; i++) {
        if (at[i] != '.') return false;
    }
    return true;
}

static inline size_t value_len(const char *key, uint32_t serial)
{
    return strlen(key) + (size_t)snprintf(NULL, 0, "|%u|C", serial) + pads[serial % PADS];
}

/* Numbers name their key, too. */
static inline uint64_t number_base(const char *key)
{
    uint64_t digest = 7;
    digest_bytes(&digest, key, strlen(key));
    return (1 + digest % 9000) * 1000000;
}

/* --- keys -------------------------------------------------------------------------------------- */

/* The keys that a client asks for, by number: its own (p, one of them of 250 bytes), shared ones (s), numbers (n), rewritten by
 * the route (r), missing by it (m), refused by it (e). */
static inline void key_text(char *to, char client, uint8_t number)
{
    static const char kinds[8] = "pppsnrme";
    char kind = kinds[number % 8];
    unsigned which = number / 8 % 4;
    if (kind == 'p' || kind == 'n')
        sprintf(to, "%c%c%u", kind, client, which);
    else
        sprintf(to, "%c%u", kind, which);
    if (kind == 'p' && which == 3) sprintf(to, "p%c%0248d", client, 3);
}

/* What the server sees of it. */
static inline void key_sent(char *to, const char *key)
{
    size_t n = key[0] == 'r' ? 2 : 0;
    memcpy(to, "R:", n);
    strcpy(to + n, key);
}

/* Base64, by the book: bit by bit. */
static inline void key_base64(char *to, const char *key)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t bits = strlen(key) * 8, n = 0;
    for (size_t i = 0; i < bits; i += 6) {
        unsigned letter = 0;
        for (size_t k = i; k < i + 6; k++)
            letter = letter * 2 + (k < bits ? (uint8_t)key[k / 8] >> (7 - k % 8) & 1 : 0);
        to[n++] = letters[letter];
    }
    while (n % 4) to[n++] = '=';
    to[n] = 0;
}

#endif
