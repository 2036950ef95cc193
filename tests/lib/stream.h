/* stream: random commands, as one client sends them, that memcached answers in one way only.
 *
 * A struct stream is a plain value: its texts are constants or belong to static buffers of this
 * module, so it can be copied, and commands can be left out of it. The same seed makes the same
 * stream.
 */
#ifndef TESTS_LIB_STREAM_H
#define TESTS_LIB_STREAM_H

#include <stddef.h>

#include "lib/octets.h"

enum { STREAM_KEYS = 8, STREAM_COMMANDS = 40, STREAM_HEAD = 640, STREAM_DATA = 120000 };

/* `#` and a digit stand for a key of the play, `$` and a digit for a cas number near the
 * next one. */
struct command {
    char head[STREAM_HEAD]; /* the line, its end included */
    const char *data;       /* what follows it: n bytes, and the end */
    size_t n;
    const char *end;
};

struct stream {
    struct command commands[STREAM_COMMANDS];
    size_t n;
    unsigned cuts; /* seed of the places where it is cut */
};

void stream_make(struct stream *s, unsigned seed);

/* The bytes to send. play: in every key, so that no play sees another's; cas: the number the next
 * store gets. */
void stream_render(const struct stream *s, unsigned long play, unsigned long long cas,
                   struct octets *bytes);
void stream_render_line(const char *line, unsigned long play, unsigned long long cas,
                        struct octets *bytes);

/* Leaves n commands out. */
void stream_drop(struct stream *s, size_t at, size_t n);

/* Lines that memcached refuses, or reads in its own way; and those whose values moongate swallows,
 * though memcached reads them as commands: they are wrong, but their length can be believed. NULL-
 * ended. */
extern const char *const stream_odd_lines[];
extern const char *const stream_wrong_stores[]; /* wrong in one way, their value `x` is right */
extern const char *const stream_swallowing_lines[];

/* What follows such a line: STREAM_FOLLOWERS texts. */
enum { STREAM_FOLLOWERS = 2 };
extern const char *const stream_followers[STREAM_FOLLOWERS];

#endif
