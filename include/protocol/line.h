/* line: a client's line while it is parsed: its tokens and where it ends. For the files of this floor that parse; owns nothing.
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
    size_t tokens;       /* LINE_TOKENS: there are more than a fixed-size command may have */
    const uint8_t *rest; /* behind the last token taken */
    const struct request_rules *rules;
};

/* Takes tokens until there are `most` of them or the line ends. */
void line_take(struct line *l, size_t most);

bool line_ends_in_noreply(const struct line *l);

struct request_parse line_refuse(const struct line *l, const char *error);

/* What stands there, as a part of the request; false when it is none. */
bool line_take_key(const struct line *l, struct request *r, const struct token *t);
bool line_take_exptime(struct request *r, const uint8_t *at, size_t len);

/* All flags of a meta command's line, and its key as it stands: a base64 one is decoded by whoever has room for it. NULL, or the
 * error for what cannot be passed on. */
const char *line_take_meta(const struct line *l, struct request *r);

/* Lines with a value: set, add and the like; ms. `len` bytes came in all. */
struct request_parse store_parse(struct line *l, size_t len, struct request *r);
struct request_parse store_parse_meta(struct line *l, size_t len, struct request *r);

#endif
