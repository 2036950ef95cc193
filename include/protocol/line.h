/* line: a client's line while it is parsed: its tokens and where it ends. For the files of this floor that parse.
 *
 * Lives on the stack of request_parse and owns nothing: its pointers point into the bytes that are parsed. Pure functions.
 */
#ifndef MOONGATE_PROTOCOL_LINE_H
#define MOONGATE_PROTOCOL_LINE_H

#include "protocol/request.h"

#define ERROR_UNKNOWN "ERROR\r\n"
#define ERROR_FORMAT  "CLIENT_ERROR bad command line format\r\n"

/* One more than the most tokens that any command with a fixed number of them may have. */
enum { LINE_TOKENS = 9 };

struct token {
    const uint8_t *at;
    size_t len;
};

struct line {
    const uint8_t *start;
    const uint8_t *end; /* behind the last byte, CR and LF not included */
    size_t consumed;    /* CR and LF included */
    struct token token[LINE_TOKENS];
    size_t tokens;       /* taken so far; LINE_TOKENS: more than any command of a fixed size has */
    const uint8_t *rest; /* behind the last token taken */
    const struct request_rules *rules;
};

/* Takes tokens until there are `most` (<= LINE_TOKENS) of them or the line ends. */
void line_take(struct line *l, size_t most);

/* True when the last token taken is `noreply`. There must be one. */
bool line_ends_in_noreply(const struct line *l);

/* REFUSED with that error line; the line itself is consumed. */
struct request_parse line_refuse(const struct line *l, const char *error);

/* Sets r's key, or its exptime; false when the token is not a valid one. */
bool line_take_key(const struct line *l, struct request *r, const struct token *t);
bool line_take_exptime(struct request *r, const uint8_t *at, size_t len);

/* Takes all flags of a meta command's line, and its key as it stands: the caller of request_parse decodes a base64 key, as that
 * takes memory. Returns NULL, or the error line for what cannot be sent on. */
const char *line_take_meta(const struct line *l, struct request *r);

/* Parse the rest of a line with a value: set, add and their like; ms. len: bytes of the whole input, from the line's start on. */
struct request_parse store_parse(struct line *l, size_t len, struct request *r);
struct request_parse store_parse_meta(struct line *l, size_t len, struct request *r);

#endif
