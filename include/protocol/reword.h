/* reword: a get in the words of mg, and the answer to it in those of get. Pure functions; they own nothing, and what they return
 * points into the bytes that they were given.
 *
 * `mg KEY v f c k` gets all that `get KEY` gets: the value, its flags, and by k the key, which shows that the answer is not that of
 * another request (I3). The cas is for a win, which an mg takes of a stale item and a get does not; it is handed back.
 */
#ifndef MOONGATE_PROTOCOL_REWORD_H
#define MOONGATE_PROTOCOL_REWORD_H

#include <stdbool.h>

#include "protocol/request.h"
#include "protocol/response.h"

enum {
    REWORD_LINE_ROOM = KEY_MAX + sizeof "mg  v f c k\r\n", /* bytes that reword_line needs */
    REWORD_HEAD_ROOM = KEY_MAX + 64,                       /* bytes that reword_head needs */
    REWORD_END = sizeof "END\r\n" - 1, /* bytes that reword_value writes behind the answer */
};

/* A piece of a line. */
struct reword_piece {
    const uint8_t *at;
    size_t len;
};

/* What an answer VA has of a VALUE. */
struct reword {
    struct reword_piece length, flags, cas; /* digits */
    size_t data_len;
    bool is_same; /* the key is the one that was sent, byte by byte; false: the caller compares */
    bool is_won;  /* the answer has W */
};

/* Writes the line for that key to `to`, which has REWORD_LINE_ROOM bytes. Returns their number. */
size_t reword_line(const uint8_t *key, size_t len, uint8_t *to);

/* response_parse for the answer to such a line. key: the one that was sent. A VA without what was asked for is INVALID; w is filled
 * for a VA. */
enum response_status reword_parse(const uint8_t *bytes, size_t len, size_t max_value,
                                  const uint8_t *key, size_t key_len, struct response *r,
                                  struct reword *w);

/* Makes the VALUE with END out of a VA, in its place: the head is written before the data, and END over the REWORD_END bytes behind
 * them, which the caller has saved. `bytes` are those of va, to be written to. key: the one that was sent. */
struct response reword_value(const struct response *va, const struct reword *w, uint8_t *bytes,
                             const uint8_t *key, size_t key_len);

/* The line of that VALUE alone, written to `to`, which has REWORD_HEAD_ROOM bytes. */
struct response reword_head(const struct reword *w, const uint8_t *key, size_t key_len,
                            uint8_t *to);

#endif
