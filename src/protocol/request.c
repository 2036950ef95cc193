/* The memcache text protocol, and why this floor is pure.
 *
 * Bytes go in; a status, a length and a struct come out. Nothing here reads a descriptor, allocates, logs or knows the time, so
 * each function can be tried with every prefix of every input at the end of a page, by tests, fuzzers and tools that have no
 * connection.
 *
 * How a request goes through
 *
 *   request_parse        this file: finds the line, splits it into tokens, and fills a struct request by the command's shape
 *                        (command.h). Lines with a value go to store.c, flags of meta commands to flags.c.
 *   the floors above     decide where it goes. A script may change key, exptime, flags and value of the struct.
 *   request_encode_line  encode.c: writes a new line from the struct.
 *   response_parse       response.c: frames what the server answers. value.c reads what is in it, echo.c repairs keys.
 *
 * dialect.c knows what a server of a given version does with a request, place.c which requests belong to one server.
 *
 * Whether a message is whole is the first question, each time from its first byte: AGAIN takes nothing and keeps no state. The
 * caller comes back with more bytes. `need` says how many, once the length of the value is known, so a large value is parsed
 * twice, not for each packet.
 *
 * The rules
 *
 * I4: a request is OK only when all of its line was checked and all of its value is there. Half of a request is never sent on, so
 * a client that goes away in the middle of a value costs no server its connection.
 *
 * I5: noreply and q are read into the struct and never written again. Servers share connections among clients, so each request
 * sent must have its response.
 *
 * I9: what memcached answers with an error line is REFUSED with the same line, and the client goes on. CLOSE is for the case in
 * which nobody can tell where the next request begins.
 *
 * I10: a line is written from the parsed tokens, in one form for each number, and is never passed on as it came. Two readers may
 * understand one odd line differently; both understand the plain line alike. Where that is not enough, as servers' versions
 * differ, request_is_odd and request_is_rare say so, and dialect.c decides.
 *
 * What must never happen: a byte of a value is taken for a command, by moongate or by a server behind it. Most of the code that
 * looks too careful here, the readings of store.c above all, is there for that. */
#include "protocol/request.h"

#include <assert.h>
#include <string.h>

#include "protocol/base64.h"
#include "protocol/flags.h"
#include "protocol/line.h"
#include "protocol/text.h"

#define ERROR_DELETE   "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n"
#define ERROR_EXPTIME  "CLIENT_ERROR invalid exptime argument\r\n"
#define ERROR_DELTA    "CLIENT_ERROR invalid numeric delta argument\r\n"
#define ERROR_DECODING "CLIENT_ERROR error decoding key\r\n"
#define ERROR_LINE     "CLIENT_ERROR line too long\r\n"

/* The first byte of the binary protocol. Its clients do not understand an error line, and would wait for ever. */
enum { BINARY_MAGIC = 0x80 };

/* --- tokens ------------------------------------------------------------------------------------ */

struct request_parse line_refuse(const struct line *l, const char *error)
{
    return (struct request_parse){
        .status = REQUEST_REFUSED, .consumed = l->consumed, .error = error};
}

/* Called for every line, with a constant: no assertion. */
void line_take(struct line *l, size_t most)
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

bool line_ends_in_noreply(const struct line *l)
{
    assert(l->tokens > 0);
    return token_is(&l->token[l->tokens - 1], "noreply");
}

bool line_take_key(const struct line *l, struct request *r, const struct token *t)
{
    r->key_at = (uintptr_t)t->at;
    r->key_len = (uint16_t)t->len;
    return request_key_is_valid(t->at, t->len, l->rules->strict_keys);
}

bool line_take_exptime(struct request *r, const uint8_t *at, size_t len)
{
    if (!text_read_signed(at, len, &r->asked_exptime)) return false;
    r->exptime = (double)(int32_t)(uint32_t)(uint64_t)r->asked_exptime;
    return true;
}

/* --- keys -------------------------------------------------------------------------------------- */

/* A first, fast test: nearly all bytes of keys pass it. */
static bool is_unusual(uint8_t byte)
{
    return byte <= ' ' || byte == 0x7f;
}

/* Servers take control bytes in keys as they are. NUL ends a key for some of them, CR and LF end the line. */
static bool may_be_in_key(uint8_t byte, bool strict)
{
    return !strict && byte != '\0' && byte != ' ' && byte != '\r' && byte != '\n';
}

bool request_key_is_valid(const uint8_t *key, size_t len, bool strict)
{
    if (len == 0 || len > KEY_MAX) return false;
    for (size_t i = 0; i < len; i++) {
        if (is_unusual(key[i]) && !may_be_in_key(key[i], strict)) return false;
    }
    return true;
}

bool request_put_key(struct request *r, const uint8_t *key, size_t len, bool strict)
{
    if (!request_may_have_key(r, key, len, strict)) return false;
    if (!r->shown_key_at) {
        r->shown_key_at = r->key_at;
        r->shown_key_len = r->key_len;
    }
    r->key_at = (uintptr_t)key;
    r->key_len = (uint16_t)len;
    return true;
}

/* Such requests may be sent twice, or to several servers, and the first response wins. */
bool request_only_reads(const struct request *r)
{
    if (r->command_id != COMMAND_META_GET)
        return r->command_id == COMMAND_GET || r->command_id == COMMAND_GETS;
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    size_t len;
    while (request_next_flag(&at, end, &flag, &len)) {
        /* N makes an item where there is none, E sets its cas, R wins the right to renew it, T sets its time. */
        if (*flag == 'N' || *flag == 'E' || *flag == 'R' || *flag == 'T') return false;
    }
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

/* Counts the keys and finds the first; false when one is not valid. One pass over the bytes, as a get may have very many keys,
 * and request_next_key need not check them again. */
static bool count_keys(const struct line *l, struct token *key, uint32_t *count)
{
    const uint8_t *p = l->rest, *end = l->end;
    bool strict = l->rules->strict_keys;
    uint32_t n = 0;
    for (; p < end; p++) {
        const uint8_t *first = p;
        while (p < end && (!is_unusual(*p) || may_be_in_key(*p, strict))) p++;
        if (p - first > KEY_MAX || (p < end && *p != ' ')) return false;
        if (p == first) continue;
        if (n++ == 0) *key = (struct token){first, (size_t)(p - first)};
    }
    *count = n;
    return true;
}

/* A get of one key is a whole request. One of several keys says where they are; the caller takes them one by one, as each may go
 * to another server. */
static struct request_parse parse_retrieve(struct line *l, struct request *r)
{
    bool touches = r->command_id == COMMAND_GAT || r->command_id == COMMAND_GATS;
    struct request_parse p = {.status = REQUEST_KEYS, .consumed = l->consumed};
    struct token key = {0};
    if (touches) {
        line_take(l, 2);
        if (l->tokens < 2) return line_refuse(l, ERROR_UNKNOWN);
        if (!line_take_exptime(r, l->token[1].at, l->token[1].len))
            return line_refuse(l, ERROR_EXPTIME);
    }
    if (!count_keys(l, &key, &p.keys)) return line_refuse(l, ERROR_FORMAT);
    if (p.keys == 0) return line_refuse(l, touches ? "END\r\n" : ERROR_UNKNOWN);
    p.keys_end = (size_t)(l->end - l->start);
    r->key_at = (uintptr_t)key.at;
    if (p.keys == 1) {
        p.status = REQUEST_OK;
        r->key_len = (uint16_t)key.len;
    }
    return p;
}

/* --- delete incr decr touch -------------------------------------------------------------------- */

/* `delete key [0] [noreply]`: older clients send the hold time that a delete once had; only 0 is taken, as in memcached. */
static struct request_parse parse_delete(const struct line *l, struct request *r)
{
    struct request_parse p = {.status = REQUEST_OK, .consumed = l->consumed, .keys = 1};
    if (l->tokens < 2 || l->tokens > 4) return line_refuse(l, ERROR_UNKNOWN);
    if (l->tokens > 2) {
        bool hold_is_zero = token_is(&l->token[2], "0");
        r->noreply = line_ends_in_noreply(l);
        bool good = l->tokens == 3 ? hold_is_zero || r->noreply : hold_is_zero && r->noreply;
        if (!good) return line_refuse(l, ERROR_DELETE);
    }
    return line_take_key(l, r, &l->token[1]) ? p : line_refuse(l, ERROR_FORMAT);
}

/* `incr key delta [noreply]`, `touch key exptime [noreply]` */
static struct request_parse parse_arithmetic_or_touch(const struct line *l, struct request *r)
{
    struct request_parse p = {.status = REQUEST_OK, .consumed = l->consumed, .keys = 1};
    if (l->tokens < 3 || l->tokens > 4) return line_refuse(l, ERROR_UNKNOWN);
    r->noreply = line_ends_in_noreply(l);
    if (!line_take_key(l, r, &l->token[1])) return line_refuse(l, ERROR_FORMAT);
    const struct token *t = &l->token[2];
    if (r->command_id == COMMAND_TOUCH)
        return line_take_exptime(r, t->at, t->len) ? p : line_refuse(l, ERROR_EXPTIME);
    return text_read_unsigned(t->at, t->len, &r->number) ? p : line_refuse(l, ERROR_DELTA);
}

/* --- mg ms md ma me ---------------------------------------------------------------------------- */

/* Flags before the key: they say whether the key is base64. */
const char *line_take_meta(const struct line *l, struct request *r)
{
    if (l->end - l->rest > LINE_MAX_BYTES) return ERROR_FORMAT;
    const char *error = request_take_flags(r, l->rest, (size_t)(l->end - l->rest), l->tokens);
    if (error) return error;
    if (!line_take_key(l, r, &l->token[1])) return ERROR_FORMAT;
    if (r->meta & META_BASE64 && !base64_is_valid(l->token[1].at, l->token[1].len))
        return ERROR_DECODING;
    return NULL;
}

/* `me key [flag]` */
static bool has_debug_tokens(const struct line *l)
{
    struct line all = *l;
    line_take(&all, 4);
    return all.tokens == 2 || all.tokens == 3;
}

static struct request_parse parse_meta(struct line *l, struct request *r)
{
    struct request_parse p = {.status = REQUEST_OK, .consumed = l->consumed, .keys = 1};
    bool debug = r->command_id == COMMAND_META_DEBUG;
    line_take(l, 2);
    if (debug && !has_debug_tokens(l)) return line_refuse(l, ERROR_FORMAT);
    if (l->tokens < 2) return line_refuse(l, ERROR_UNKNOWN);
    const char *error = line_take_meta(l, r);
    if (error && debug) error = ERROR_FORMAT;
    return error ? line_refuse(l, error) : p;
}

/* Commands that are not about a key. The code that answers them looks at their words. */
static struct request_parse parse_words(struct line *l, struct request *r)
{
    const uint8_t *words = l->rest;
    line_take(l, LINE_TOKENS);
    r->args_at = (uintptr_t)words;
    r->args_len = (uint16_t)(l->end - words < LINE_MAX_BYTES ? l->end - words : LINE_MAX_BYTES);
    r->noreply = l->tokens > 1 && line_ends_in_noreply(l);
    return (struct request_parse){.status = REQUEST_OK, .consumed = l->consumed};
}

bool request_decode_key(struct request *r, uint8_t *to)
{
    assert(r->meta & META_BASE64 && r->key_len <= KEY_MAX);
    size_t len = base64_decode((const uint8_t *)r->key_at, r->key_len, to);
    r->key_at = (uintptr_t)to;
    r->key_len = (uint16_t)len;
    return len > 0;
}

size_t request_wire_key(const struct request *r, const uint8_t *key, size_t len, uint8_t *to)
{
    assert(len <= KEY_MAX);
    if (r->meta & META_BASE64) return base64_encode(key, len, to);
    if (len) memcpy(to, key, len); /* a request for all servers has no key */
    return len;
}

/* --- any line ---------------------------------------------------------------------------------- */

/* By a search through the table: the commands that are used most are first in it. */
static unsigned find_command(const struct token *t)
{
    for (unsigned i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++) {
        const struct command_info *c = command_info(i);
        if (c->text_len == t->len && memcmp(c->text, t->at, t->len) == 0) return i;
    }
    return COMMAND_NONE;
}

/* A browser's request, or one that was smuggled through a browser: its other lines may look like commands, so none of it is
 * served. */
static bool is_http(const struct line *l)
{
    const struct token *t = &l->token[l->tokens - 1];
    return t->len >= 5 && memcmp(t->at, "HTTP/", 5) == 0;
}

/* memcached takes a get or gets of any length, behind at most 100 spaces. */
static bool may_be_long(const uint8_t *bytes, size_t len)
{
    size_t spaces = 0;
    while (spaces < len && bytes[spaces] == ' ') spaces++;
    const uint8_t *p = bytes + spaces;
    size_t n = len - spaces;
    return spaces <= 100 && n > 5 && (memcmp(p, "get ", 4) == 0 || memcmp(p, "gets ", 5) == 0);
}

/* I6: a line without an end is kept up to a bound. A get that is too long gets an error line, as that bound is not
 * memcached's. */
static struct request_parse parse_endless(const uint8_t *bytes, size_t len, struct request *r)
{
    if (len <= LINE_MAX_BYTES) return (struct request_parse){.status = REQUEST_AGAIN};
    if (!may_be_long(bytes, len)) return (struct request_parse){.status = REQUEST_CLOSE};
    if (len <= RETRIEVE_LINE_MAX) return (struct request_parse){.status = REQUEST_AGAIN};
    memset(r, 0, sizeof *r);
    return (struct request_parse){.status = REQUEST_CLOSE, .error = ERROR_LINE};
}

struct request_parse request_parse(const uint8_t *bytes, size_t len,
                                   const struct request_rules *rules, struct request *r)
{
    struct line l; /* not zeroed: that would cost more than the rest of a short line */
    if (len > 0 && bytes[0] == BINARY_MAGIC) return (struct request_parse){.status = REQUEST_CLOSE};
    const uint8_t *newline = memchr(bytes, '\n', len);
    if (!newline) return parse_endless(bytes, len, r);
    memset(r, 0, sizeof *r);
    l.consumed = (size_t)(newline - bytes) + 1; /* a line ends in LF, or in CR LF */
    l.end = l.consumed > 2 && newline[-1] == '\r' ? newline - 1 : newline;
    l.start = l.rest = bytes;
    l.rules = rules;
    l.tokens = 0;
    line_take(&l, 1);
    if (l.tokens == 0) return line_refuse(&l, ERROR_UNKNOWN);
    r->command_id = (uint8_t)find_command(&l.token[0]);
    unsigned shape = command_info(r->command_id)->shape;
    switch (shape) {
    case SHAPE_RETRIEVE: return parse_retrieve(&l, r);
    case SHAPE_META: return parse_meta(&l, r);
    case SHAPE_META_STORE: return store_parse_meta(&l, len, r);
    default: break;
    }
    if (r->command_id != COMMAND_NONE && shape >= SHAPE_ADMIN) return parse_words(&l, r);
    line_take(&l, LINE_TOKENS);
    switch (shape) {
    case SHAPE_STORE: return store_parse(&l, len, r);
    case SHAPE_DELETE: return parse_delete(&l, r);
    case SHAPE_ARITHMETIC:
    case SHAPE_TOUCH: return parse_arithmetic_or_touch(&l, r);
    default: break;
    }
    struct request_parse p = line_refuse(&l, ERROR_UNKNOWN);
    if (is_http(&l)) p = (struct request_parse){.status = REQUEST_CLOSE};
    return p;
}
