#include "protocol/request.h"

#include <string.h>

#include "protocol/base64.h"
#include "protocol/flags.h"
#include "protocol/text.h"

#define ERROR_UNKNOWN   "ERROR\r\n"
#define ERROR_FORMAT    "CLIENT_ERROR bad command line format\r\n"
#define ERROR_DELETE    "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n"
#define ERROR_EXPTIME   "CLIENT_ERROR invalid exptime argument\r\n"
#define ERROR_DELTA     "CLIENT_ERROR invalid numeric delta argument\r\n"
#define ERROR_CHUNK     "CLIENT_ERROR bad data chunk\r\n"
#define ERROR_TOO_LARGE "SERVER_ERROR object too large for cache\r\n"
#define ERROR_DECODING  "CLIENT_ERROR error decoding key\r\n"

/* One more than the most tokens that any command with a fixed number of them may have. */
enum {
    BINARY_MAGIC = 0x80,
    /* a client of the binary protocol would wait for its answer for ever */
};
enum { TOKENS = 9, LENGTH_MAX = INT32_MAX - 2 };

struct token {
    const uint8_t *at;
    size_t len;
};

/* A line being parsed: its tokens and where it ends. */
struct line {
    const uint8_t *start;
    const uint8_t *end; /* behind the last byte, CR and LF not included */
    size_t consumed;    /* CR and LF included */
    struct token token[TOKENS];
    size_t tokens;       /* TOKENS: there are more than a fixed-size command may have */
    const uint8_t *rest; /* behind the last token taken */
};

static struct request_parse refuse(const struct line *l, const char *error)
{
    return (struct request_parse){
        .status = REQUEST_REFUSED, .consumed = l->consumed, .error = error};
}

/* Takes tokens until there are `most` of them or the line ends. */
static void tokenize(struct line *l, size_t most)
{
    const uint8_t *at = l->rest;
    while (l->tokens < most) {
        while (at < l->end && *at == ' ') at++;
        const uint8_t *first = at;
        while (at < l->end && *at != ' ') at++;
        if (at == first) break;
        l->token[l->tokens++] = (struct token){first, (size_t)(at - first)};
    }
    l->rest = at;
}

static bool token_is(const struct token *t, const char *text)
{
    size_t len = strlen(text);
    return t->len == len && memcmp(t->at, text, len) == 0;
}

static bool ends_in_noreply(const struct line *l)
{
    return token_is(&l->token[l->tokens - 1], "noreply");
}

bool request_key_is_valid(const uint8_t *key, size_t len)
{
    if (len == 0 || len > KEY_MAX) return false;
    for (size_t i = 0; i < len; i++) {
        if (key[i] <= ' ' || key[i] == 0x7f) return false;
    }
    return true;
}

bool request_put_key(struct request *r, const uint8_t *key, size_t len)
{
    if (!request_may_have_key(r, key, len)) return false;
    if (!r->shown_key_at) {
        r->shown_key_at = r->key_at;
        r->shown_key_len = r->key_len;
    }
    r->key_at = (uintptr_t)key;
    r->key_len = (uint16_t)len;
    return true;
}

bool request_only_reads(const struct request *r)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    size_t len;
    if (r->command_id != COMMAND_META_GET)
        return r->command_id == COMMAND_GET || r->command_id == COMMAND_GETS;
    while (request_next_flag(&at, end, &flag, &len)) {
        /* make one where there is none, its cas id, win the right to fill it, its time */
        if (*flag == 'N' || *flag == 'E' || *flag == 'R' || *flag == 'T') return false;
    }
    return true;
}

static bool take_key(struct request *r, const struct token *t)
{
    r->key_at = (uintptr_t)t->at;
    r->key_len = (uint16_t)t->len;
    return request_key_is_valid(t->at, t->len);
}

/* memcached keeps 32 bits of an exptime, so the bits above are dropped here, where every version agrees. */
static bool take_exptime(struct request *r, const struct token *t)
{
    int64_t exptime;
    if (!text_read_signed(t->at, t->len, &exptime)) return false;
    r->exptime = (double)(int32_t)(uint32_t)(uint64_t)exptime;
    return true;
}

static bool take_flags(struct request *r, const struct token *t)
{
    uint64_t flags;
    if (!text_read_unsigned(t->at, t->len, &flags)) return false;
    r->flags = (double)(uint32_t)flags;
    return true;
}

/* --- get gets gat gats ------------------------------------------------------------------------- */

bool request_next_key(const uint8_t **at, const uint8_t *end, struct request *r)
{
    const uint8_t *p = *at;
    while (p < end && *p == ' ') p++;
    const uint8_t *first = p;
    while (p < end && *p != ' ') p++;
    r->key_at = (uintptr_t)first;
    r->key_len = (uint16_t)(p - first);
    *at = p;
    return p > first;
}

/* Counts the keys and finds the first; false when one is not valid. One pass over the bytes, as a get may have many. */
static bool count_keys(const uint8_t *p, const uint8_t *end, struct token *key, uint32_t *count)
{
    uint32_t n = 0;
    for (; p < end; p++) {
        const uint8_t *first = p;
        while (p<end && * p> ' ' && *p != 0x7f) p++;
        if (p - first > KEY_MAX || (p < end && *p != ' ')) return false;
        if (p == first) continue;
        if (n++ == 0) *key = (struct token){first, (size_t)(p - first)};
    }
    *count = n;
    return true;
}

static struct request_parse parse_retrieve(struct line *l, struct request *r)
{
    bool touches = r->command_id == COMMAND_GAT || r->command_id == COMMAND_GATS;
    struct request_parse p = {.status = REQUEST_KEYS, .consumed = l->consumed};
    struct token key = {0};
    if (touches) {
        tokenize(l, 2);
        if (l->tokens < 2) return refuse(l, ERROR_UNKNOWN);
        if (!take_exptime(r, &l->token[1])) return refuse(l, ERROR_EXPTIME);
    }
    if (!count_keys(l->rest, l->end, &key, &p.keys)) return refuse(l, ERROR_FORMAT);
    if (p.keys == 0) return refuse(l, touches ? "END\r\n" : ERROR_UNKNOWN);
    p.keys_end = (size_t)(l->end - l->start);
    r->key_at = (uintptr_t)key.at;
    if (p.keys == 1) {
        p.status = REQUEST_OK;
        r->key_len = (uint16_t)key.len;
    }
    return p;
}

/* --- set add replace append prepend cas -------------------------------------------------------- */

/* The length token: false when it is no length at all; *close when it is one that nobody can swallow. */
static bool take_length(const struct token *t, size_t *length, bool *close)
{
    int64_t n;
    *close = t->len > 18 && t->at[0] >= '0' && t->at[0] <= '9'; /* more than 64 bits hold */
    if (!text_read_signed(t->at, t->len, &n) || n < 0) return false;
    *close = n > LENGTH_MAX;
    *length = (size_t)n;
    return !*close;
}

static bool take_store_arguments(struct request *r, const struct line *l)
{
    bool good = take_key(r, &l->token[1]);
    good = take_flags(r, &l->token[2]) && good;
    good = take_exptime(r, &l->token[3]) && good;
    if (r->command_id == COMMAND_CAS)
        good = text_read_unsigned(l->token[5].at, l->token[5].len, &r->number) && good;
    return good;
}

static struct request_parse parse_value(const struct line *l, size_t len, size_t length,
                                        struct request *r)
{
    size_t whole = l->consumed + length + 2;
    if (len < whole) return (struct request_parse){.status = REQUEST_AGAIN, .need = whole};
    const uint8_t *value = l->start + l->consumed;
    struct request_parse p = {.status = REQUEST_OK, .consumed = whole, .keys = 1};
    if (value[length] != '\r' || value[length + 1] != '\n') {
        p.status = REQUEST_REFUSED;
        p.error = ERROR_CHUNK;
    }
    r->value_at = (uintptr_t)value;
    r->value_len = (uint32_t)length;
    return p;
}

/* Its length is credible, so its value is swallowed and never taken for commands. */
static struct request_parse refuse_value(const struct line *l, size_t length, const char *error)
{
    struct request_parse p = refuse(l, error);
    p.swallow = length + 2;
    return p;
}

/* memcached drops what a set would have replaced, so that nobody goes on reading the old value. */
static struct request_parse refuse_large(const struct line *l, size_t length, struct request *r)
{
    struct request_parse p = refuse_value(l, length, ERROR_TOO_LARGE);
    p.drop = r->command_id == COMMAND_SET || r->command_id == COMMAND_META_SET;
    if (p.drop) r->command_id = COMMAND_DELETE;
    return p;
}

static struct request_parse parse_store(const struct line *l, size_t len, size_t max_value,
                                        struct request *r)
{
    size_t fixed = r->command_id == COMMAND_CAS ? 6 : 5;
    size_t length = 0;
    bool close;
    if (l->tokens < fixed || l->tokens > fixed + 1) return refuse(l, ERROR_UNKNOWN);
    r->noreply = ends_in_noreply(l);
    bool good = take_store_arguments(r, l);
    if (!take_length(&l->token[4], &length, &close)) {
        struct request_parse p = refuse(l, ERROR_FORMAT);
        if (close) p.status = REQUEST_CLOSE;
        return p;
    }
    if (good && length <= max_value) return parse_value(l, len, length, r);
    return good ? refuse_large(l, length, r) : refuse_value(l, length, ERROR_FORMAT);
}

/* --- delete incr decr touch -------------------------------------------------------------------- */

static struct request_parse parse_delete(const struct line *l, struct request *r)
{
    struct request_parse p = {.status = REQUEST_OK, .consumed = l->consumed, .keys = 1};
    if (l->tokens < 2 || l->tokens > 4) return refuse(l, ERROR_UNKNOWN);
    if (l->tokens > 2) {
        bool hold_is_zero = token_is(&l->token[2], "0");
        r->noreply = ends_in_noreply(l);
        bool good = l->tokens == 3 ? hold_is_zero || r->noreply : hold_is_zero && r->noreply;
        if (!good) return refuse(l, ERROR_DELETE);
    }
    return take_key(r, &l->token[1]) ? p : refuse(l, ERROR_FORMAT);
}

static struct request_parse parse_arithmetic_or_touch(const struct line *l, struct request *r)
{
    struct request_parse p = {.status = REQUEST_OK, .consumed = l->consumed, .keys = 1};
    if (l->tokens < 3 || l->tokens > 4) return refuse(l, ERROR_UNKNOWN);
    r->noreply = ends_in_noreply(l);
    if (!take_key(r, &l->token[1])) return refuse(l, ERROR_FORMAT);
    if (r->command_id == COMMAND_TOUCH)
        return take_exptime(r, &l->token[2]) ? p : refuse(l, ERROR_EXPTIME);
    bool good = text_read_unsigned(l->token[2].at, l->token[2].len, &r->number);
    return good ? p : refuse(l, ERROR_DELTA);
}

/* --- mg ms md ma me ---------------------------------------------------------------------------- */

/* All flags of the line; an error for what cannot be passed on. */
static const char *take_meta_flags(const struct line *l, struct request *r)
{
    return request_take_flags(r, l->rest, (size_t)(l->end - l->rest), l->tokens);
}

/* The key as it stands; a base64 one is decoded by whoever has room for it. */
static const char *take_meta_key(const struct line *l, struct request *r)
{
    if (!take_key(r, &l->token[1])) return ERROR_FORMAT;
    if (r->meta & META_BASE64 && !base64_is_valid(l->token[1].at, l->token[1].len))
        return ERROR_DECODING;
    return NULL;
}

/* `me key [flag]` */
static bool has_debug_tokens(const struct line *l)
{
    struct line all = *l;
    tokenize(&all, 4);
    return all.tokens == 2 || all.tokens == 3;
}

static struct request_parse parse_meta(struct line *l, struct request *r)
{
    struct request_parse p = {.status = REQUEST_OK, .consumed = l->consumed, .keys = 1};
    const char *error = NULL;
    bool debug = r->command_id == COMMAND_META_DEBUG;
    tokenize(l, 2);
    if (debug && !has_debug_tokens(l)) return refuse(l, ERROR_FORMAT);
    if (l->tokens < 2) return refuse(l, ERROR_UNKNOWN);
    if (l->end - l->rest > LINE_MAX_BYTES) return refuse(l, ERROR_FORMAT);
    error = take_meta_flags(l, r);
    if (!error) error = take_meta_key(l, r);
    if (error && debug) error = ERROR_FORMAT;
    return error ? refuse(l, error) : p;
}

static struct request_parse parse_meta_store(struct line *l, size_t len, size_t max_value,
                                             struct request *r)
{
    size_t length = 0;
    bool close = false;
    tokenize(l, 3);
    if (l->tokens < 2) return refuse(l, ERROR_UNKNOWN);
    if (l->tokens < 3 || !take_length(&l->token[2], &length, &close)) {
        struct request_parse p = refuse(l, ERROR_FORMAT);
        if (l->tokens == 3 && close) p.status = REQUEST_CLOSE;
        return p;
    }
    const char *error = l->end - l->rest > LINE_MAX_BYTES ? ERROR_FORMAT : take_meta_flags(l, r);
    if (!error) error = take_meta_key(l, r);
    if (error) return refuse_value(l, length, error);
    return length > max_value ? refuse_large(l, length, r) : parse_value(l, len, length, r);
}

/* Commands that are not about a key: their words are looked at by who answers them. */
static struct request_parse parse_words(struct line *l, struct request *r)
{
    const uint8_t *words = l->rest;
    tokenize(l, TOKENS);
    r->args_at = (uintptr_t)words;
    r->args_len = (uint16_t)(l->end - words < LINE_MAX_BYTES ? l->end - words : LINE_MAX_BYTES);
    r->noreply = l->tokens > 1 && ends_in_noreply(l);
    return (struct request_parse){.status = REQUEST_OK, .consumed = l->consumed};
}

bool request_decode_key(struct request *r, uint8_t *to)
{
    size_t len = base64_decode((const uint8_t *)r->key_at, r->key_len, to);
    r->key_at = (uintptr_t)to;
    r->key_len = (uint16_t)len;
    return len > 0;
}

size_t request_wire_key(const struct request *r, const uint8_t *key, size_t len, uint8_t *to)
{
    if (r->meta & META_BASE64) return base64_encode(key, len, to);
    if (len) memcpy(to, key, len); /* a request for all servers has no key */
    return len;
}

/* --- any line ---------------------------------------------------------------------------------- */

static unsigned find_command(const struct token *t)
{
    for (unsigned i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++) {
        const struct command_info *c = command_info(i);
        if (c->text_len == t->len && memcmp(c->text, t->at, t->len) == 0) return i;
    }
    return COMMAND_NONE;
}

/* A browser, or a request smuggled through one: never anything to serve. */
static bool is_http(const struct line *l)
{
    const struct token *t = &l->token[l->tokens - 1];
    return t->len >= 5 && memcmp(t->at, "HTTP/", 5) == 0;
}

static bool may_be_long(const uint8_t *bytes, size_t len)
{
    size_t spaces = 0;
    while (spaces < len && bytes[spaces] == ' ') spaces++;
    const uint8_t *p = bytes + spaces;
    size_t n = len - spaces;
    return spaces <= 100 && n > 5 && (memcmp(p, "get ", 4) == 0 || memcmp(p, "gets ", 5) == 0);
}

static struct request_parse parse_endless(const uint8_t *bytes, size_t len)
{
    size_t limit =
        len > LINE_MAX_BYTES && may_be_long(bytes, len) ? RETRIEVE_LINE_MAX : LINE_MAX_BYTES;
    return (struct request_parse){.status = len > limit ? REQUEST_CLOSE : REQUEST_AGAIN};
}

struct request_parse request_parse(const uint8_t *bytes, size_t len, size_t max_value,
                                   struct request *r)
{
    struct line l = {.start = bytes};
    if (len > 0 && bytes[0] == BINARY_MAGIC) return (struct request_parse){.status = REQUEST_CLOSE};
    const uint8_t *newline = memchr(bytes, '\n', len);
    if (!newline) return parse_endless(bytes, len);
    memset(r, 0, sizeof *r);
    l.consumed = (size_t)(newline - bytes) + 1;
    l.end = l.consumed > 2 && newline[-1] == '\r' ? newline - 1 : newline;
    l.rest = bytes;
    tokenize(&l, 1);
    if (l.tokens == 0) return refuse(&l, ERROR_UNKNOWN);
    r->command_id = (uint8_t)find_command(&l.token[0]);
    unsigned shape = command_info(r->command_id)->shape;
    switch (shape) {
    case SHAPE_RETRIEVE: return parse_retrieve(&l, r);
    case SHAPE_META: return parse_meta(&l, r);
    case SHAPE_META_STORE: return parse_meta_store(&l, len, max_value, r);
    default: break;
    }
    if (r->command_id != COMMAND_NONE && shape >= SHAPE_ADMIN) return parse_words(&l, r);
    tokenize(&l, TOKENS);
    switch (shape) {
    case SHAPE_STORE: return parse_store(&l, len, max_value, r);
    case SHAPE_DELETE: return parse_delete(&l, r);
    case SHAPE_ARITHMETIC:
    case SHAPE_TOUCH: return parse_arithmetic_or_touch(&l, r);
    default: break;
    }
    struct request_parse p = refuse(&l, ERROR_UNKNOWN);
    if (is_http(&l)) p = (struct request_parse){.status = REQUEST_CLOSE};
    return p;
}
