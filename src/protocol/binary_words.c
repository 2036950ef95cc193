/* What the frames of memcached mean beside the text commands:
 *
 *     an exptime below 0         there is none: a time long ago does the same
 *     incr, decr without N       the exptime with all bits set: the item is not made
 *     an add of what is there    EXISTS, and a replace of what is not there NOT_FOUND: NOT_STORED as text
 *     a cas of 0                 compares nothing: a request that compares with 0 is not sent */
#include "protocol/binary_words.h"

#include <assert.h>
#include <string.h>

#include "protocol/flags.h"
#include "protocol/text.h"

#define ERROR_FORMAT_LINE "CLIENT_ERROR bad command line format\r\n"
#define ERROR_EXPTIME_ARG "CLIENT_ERROR invalid exptime argument\r\n"

enum { LONG_AGO = 60 * 60 * 24 * 30 + 1 }; /* the first that counts from 1970 */

static uint8_t *put(uint8_t *to, const void *bytes, size_t len)
{
    if (len) memcpy(to, bytes, len);
    return to + len;
}

#define PUT(to, text) put(to, text, sizeof text - 1)

/* --- requests ---------------------------------------------------------------------------------- */

static struct binary_words refuses(const char *error)
{
    return (struct binary_words){.status = CLASSIC_REFUSED, .error = error};
}

static struct binary_words lacks(const struct request *r, uint8_t flag)
{
    return (struct binary_words){.status = CLASSIC_LACKING,
                                 .what = {.command = r->command_id, .flag = flag}};
}

/* What a request says, whichever command says it. */
struct meant {
    uint8_t opcode, command;
    uint64_t cas;                     /* to compare with; 0: none */
    uint64_t number, initial;         /* of incr and decr */
    uint32_t flags, exptime, created; /* created: the exptime of an item that incr makes */
};

/* False: it has no 32 bits. */
static bool take_exptime(int64_t exptime, uint32_t *to)
{
    if (exptime != (int32_t)exptime) return false;
    *to = exptime < 0 ? LONG_AGO : (uint32_t)exptime;
    return true;
}

static uint8_t opcode_of(unsigned command)
{
    switch (command) {
    case COMMAND_GET:
    case COMMAND_GETS: return BINARY_OP_GETK;
    case COMMAND_GAT:
    case COMMAND_GATS: return BINARY_OP_GATK;
    case COMMAND_SET:
    case COMMAND_CAS: return BINARY_OP_SET;
    case COMMAND_ADD: return BINARY_OP_ADD;
    case COMMAND_REPLACE: return BINARY_OP_REPLACE;
    case COMMAND_APPEND: return BINARY_OP_APPEND;
    case COMMAND_PREPEND: return BINARY_OP_PREPEND;
    case COMMAND_DELETE: return BINARY_OP_DELETE;
    case COMMAND_INCR: return BINARY_OP_INCR;
    case COMMAND_DECR: return BINARY_OP_DECR;
    case COMMAND_TOUCH: return BINARY_OP_TOUCH;
    case COMMAND_FLUSH_ALL: return BINARY_OP_FLUSH;
    default: return BINARY_OP_STAT;
    }
}

/* Head, extras and where the key is. */
static struct binary_words frame(const struct meant *m, const uint8_t *key, size_t key_len,
                                 size_t value_len)
{
    struct binary_words w = {.status = CLASSIC_SAID,
                             .opcode = m->opcode,
                             .command = m->command,
                             .key = key,
                             .key_len = key_len};
    uint8_t *extras = w.head + BINARY_HEAD, *p = extras;
    switch (binary_table[m->opcode].shape) {
    case BINARY_STORE:
        binary_write32(p, m->flags);
        binary_write32(p + 4, m->exptime);
        p += 8;
        break;
    case BINARY_COUNT:
        binary_write64(p, m->number);
        binary_write64(p + 8, m->initial);
        binary_write32(p + 16, m->created);
        p += 20;
        break;
    case BINARY_TOUCH:
    case BINARY_FLUSH:
        binary_write32(p, m->exptime);
        p += 4;
        break;
    default: break;
    }
    size_t extras_len = (size_t)(p - extras);
    struct binary_answer head = {.opcode = m->opcode,
                                 .extras_len = (uint8_t)extras_len,
                                 .key_len = (uint16_t)key_len,
                                 .value_len = value_len,
                                 .cas = m->cas};
    binary_write_head(&head, w.head);
    w.head[0] = BINARY_REQUEST;
    w.len = BINARY_HEAD + extras_len;
    return w;
}

/* --- meta requests ------------------------------------------------------------------------------ */

static bool is_known(unsigned command, uint8_t flag)
{
    switch (command) {
    case COMMAND_META_GET: return memchr("bcfkOqsTv", flag, 9);
    case COMMAND_META_SET: return memchr("bcCFkMOqT", flag, 9);
    case COMMAND_META_DELETE: return memchr("bCkOq", flag, 5);
    case COMMAND_META_ARITHMETIC: return memchr("bcCDJkMNOqv", flag, 11);
    default: return false;
    }
}

/* The number of a flag; `to` stays as it is where there is none. False: it has no right number. */
static bool take_flag(const struct request *r, uint8_t letter, uint64_t *to)
{
    const uint8_t *token;
    size_t len;
    return !request_find_flag(r, letter, &token, &len) || text_read_unsigned(token, len, to);
}

static bool has(const struct request *r, uint8_t letter)
{
    const uint8_t *token;
    size_t len;
    return request_find_flag(r, letter, &token, &len);
}

/* N is the exptime of the item that is made; the value with all bits set would be "make none". */
static const char *mean_made(const struct request *r, struct meant *m)
{
    const uint8_t *token;
    size_t len;
    int64_t exptime;
    if (!take_flag(r, 'J', &m->initial)) return "CLIENT_ERROR invalid or duplicate flag\r\n";
    if (!request_find_flag(r, 'N', &token, &len)) return NULL;
    if (!text_read_signed(token, len, &exptime) || !take_exptime(exptime, &m->created))
        return "CLIENT_ERROR invalid or duplicate flag\r\n";
    return NULL;
}

/* What classic.h says of modes, of D and of numbers holds here, too: so it says the request without what only frames have. */
static struct binary_words mean_meta(const struct request *r, struct meant *m)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    uint8_t left[UINT8_MAX * 8];
    size_t len, n = 0;
    if (r->command_id == COMMAND_META_DEBUG || r->args_len > sizeof left) return lacks(r, 0);
    while (request_next_flag(&at, end, &flag, &len)) {
        if (!is_known(r->command_id, *flag)) return lacks(r, *flag);
        if (memchr("CNJ", *flag, 3)) continue;
        left[n++] = ' ';
        n = (size_t)(put(left + n, flag, len) - left);
    }
    struct request plain = *r;
    plain.key_at = (uintptr_t) "k"; /* a frame takes any key */
    plain.key_len = 1;
    plain.args_at = (uintptr_t)left;
    plain.args_len = (uint16_t)n;
    struct classic said = classic_say(&plain, true);
    if (said.status != CLASSIC_SAID)
        return (struct binary_words){.status = said.status, .error = said.error, .what = said.what};
    m->command = said.request.command_id;
    m->number = said.request.number;
    if (!take_flag(r, 'C', &m->cas))
        return refuses("CLIENT_ERROR bad token in command line format\r\n");
    if (has(r, 'C') && (m->cas == 0 || m->command == COMMAND_ADD)) return lacks(r, 'C');
    const char *error = r->command_id == COMMAND_META_ARITHMETIC ? mean_made(r, m) : NULL;
    return error ? refuses(error) : (struct binary_words){.status = CLASSIC_SAID};
}

/* --- all requests ------------------------------------------------------------------------------- */

static struct binary_words say_flush(const struct request *r)
{
    const uint8_t *word, *at = (const uint8_t *)r->args_at, *end = at + r->args_len;
    struct meant m = {.opcode = BINARY_OP_FLUSH, .command = COMMAND_FLUSH_ALL};
    size_t len;
    uint64_t delay;
    if (!request_next_flag(&at, end, &word, &len)) return frame(&m, NULL, 0, 0);
    if (!text_read_digits(word, len, &delay) || delay > INT32_MAX)
        return refuses(ERROR_FORMAT_LINE);
    m.exptime = (uint32_t)delay;
    return frame(&m, NULL, 0, 0);
}

/* The words are the key, without spaces before them. */
static struct binary_words say_stats(const struct request *r, const struct meant *m)
{
    const uint8_t *at = (const uint8_t *)r->args_at;
    size_t len = r->args_len;
    for (; len > 0 && *at == ' '; len--) at++;
    return len > KEY_MAX ? refuses(ERROR_FORMAT_LINE) : frame(m, at, len, 0);
}

struct binary_words binary_say(const struct request *r)
{
    unsigned shape = command_info(r->command_id)->shape;
    struct meant m = {.command = r->command_id, .number = r->number, .created = UINT32_MAX};
    if (r->command_id == COMMAND_FLUSH_ALL) return say_flush(r);
    if (r->command_id == COMMAND_STATS) {
        m.opcode = BINARY_OP_STAT;
        return say_stats(r, &m);
    }
    if (shape == SHAPE_META || shape == SHAPE_META_STORE) {
        struct binary_words wrong = mean_meta(r, &m);
        if (wrong.status != CLASSIC_SAID) return wrong;
    } else if (r->command_id == COMMAND_CAS) {
        m.cas = r->number;
        if (m.cas == 0) return refuses("CLIENT_ERROR frames compare no cas of 0\r\n");
    }
    if (!take_exptime(request_exptime(r), &m.exptime)) return refuses(ERROR_EXPTIME_ARG);
    if (r->client_flags > UINT32_MAX) return refuses(ERROR_FORMAT_LINE);
    m.flags = (uint32_t)r->client_flags;
    m.opcode = opcode_of(m.command);
    bool stores = shape == SHAPE_STORE || shape == SHAPE_META_STORE;
    return frame(&m, (const uint8_t *)r->key_at, r->key_len, stores ? r->value_len : 0);
}

struct binary_words binary_say_get(const uint8_t *key, size_t len)
{
    return frame(&(struct meant){.opcode = BINARY_OP_GETK, .command = COMMAND_GET}, key, len, 0);
}

struct binary_words binary_say_bare(uint8_t opcode, const char *key, size_t key_len,
                                    size_t value_len)
{
    return frame(&(struct meant){.opcode = opcode}, (const uint8_t *)key, key_len, value_len);
}

void binary_set_opaque(uint8_t *head, uint32_t opaque)
{
    memcpy(head + 12, &opaque, sizeof opaque);
}

/* --- answers ----------------------------------------------------------------------------------- */

static uint16_t read16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

enum response_status binary_read(const uint8_t *bytes, size_t len, size_t max_value,
                                 struct binary_response *r)
{
    *r = (struct binary_response){.opcode = 0};
    if (len > 0 && bytes[0] != BINARY_RESPONSE) return RESPONSE_INVALID;
    if (len < BINARY_HEAD) return RESPONSE_AGAIN;
    size_t body = binary_read32(bytes + 8);
    r->opcode = bytes[1];
    r->key_len = read16(bytes + 2);
    r->extras_len = bytes[4];
    r->status = read16(bytes + 6);
    memcpy(&r->opaque, bytes + 12, sizeof r->opaque);
    r->cas = binary_read64(bytes + 16);
    size_t before = (size_t)r->extras_len + r->key_len;
    if (bytes[5] != 0 || r->key_len > KEY_MAX || body < before || body - before > max_value)
        return RESPONSE_INVALID;
    r->extras = bytes + BINARY_HEAD;
    r->key = r->extras + r->extras_len;
    r->value = r->key + r->key_len;
    r->value_len = body - before;
    r->len = BINARY_HEAD + body;
    return len < r->len ? RESPONSE_AGAIN : RESPONSE_DONE;
}

size_t binary_text_room(const struct binary_response *r, size_t key_len)
{
    return r->value_len + key_len + 4 * (TEXT_NUMBER_ROOM + 1) + 96;
}

static uint8_t *put_number(uint8_t *to, uint64_t number)
{
    *to++ = ' ';
    return to + text_write_unsigned(to, number);
}

/* `VALUE key flags length[ cas]` and the data. */
static uint8_t *put_value(uint8_t *to, const uint8_t *key, size_t key_len,
                          const struct binary_response *r, bool with_cas, struct response *text)
{
    to = PUT(to, "VALUE ");
    text->key = to;
    text->key_len = (uint16_t)key_len;
    to = put(to, key, key_len);
    text->rest = to;
    to = put_number(to, binary_read32(r->extras));
    to = put_number(to, r->value_len);
    if (with_cas) to = put_number(to, r->cas);
    to = put(PUT(to, "\r\n"), r->value, r->value_len);
    return PUT(to, "\r\n");
}

/* The answer to what was done; 0: no such command has one of that form. */
static enum response_kind kind_of(unsigned command, const struct binary_response *r)
{
    bool is_bare = r->extras_len == 0 && r->value_len == 0;
    switch (command_info(command)->shape) {
    case SHAPE_RETRIEVE: return r->extras_len == 4 ? RESPONSE_VALUE : 0;
    case SHAPE_STORE: return is_bare ? RESPONSE_STORED : 0;
    case SHAPE_DELETE: return is_bare ? RESPONSE_DELETED : 0;
    case SHAPE_ARITHMETIC: return r->extras_len == 0 && r->value_len == 8 ? RESPONSE_NUMBER : 0;
    case SHAPE_TOUCH: return RESPONSE_TOUCHED; /* some versions send the flags */
    default: return command == COMMAND_FLUSH_ALL ? RESPONSE_OK : RESPONSE_VERSION;
    }
}

/* The same for what was not done. */
static enum response_kind kind_of_failure(unsigned command, unsigned status)
{
    unsigned shape = command_info(command)->shape;
    bool adds = command == COMMAND_ADD, replaces = command == COMMAND_REPLACE;
    bool appends = command == COMMAND_APPEND || command == COMMAND_PREPEND;
    switch (status) {
    case BINARY_NOT_FOUND:
        if (command == COMMAND_STATS) return RESPONSE_ERROR; /* there are no such statistics */
        if (shape == SHAPE_RETRIEVE) return RESPONSE_END;
        return replaces || appends ? RESPONSE_NOT_STORED : RESPONSE_NOT_FOUND;
    case BINARY_EXISTS: return adds ? RESPONSE_NOT_STORED : RESPONSE_EXISTS;
    case BINARY_NOT_STORED: return RESPONSE_NOT_STORED;
    case BINARY_UNKNOWN_COMMAND: return RESPONSE_ERROR;
    case BINARY_INVALID:
    case BINARY_NOT_NUMERIC:
    case BINARY_AUTH_FAILED: return RESPONSE_CLIENT_ERROR;
    default: return RESPONSE_SERVER_ERROR;
    }
}

/* A frame may compare a cas where no classic command does. */
static unsigned responses_of(unsigned command)
{
    const struct command_info *c = command_info(command);
    bool compares = c->shape == SHAPE_DELETE || c->shape == SHAPE_ARITHMETIC;
    return c->responses | (compares ? RESPONSE_EXISTS : 0);
}

/* The line of a kind that has one; of an error, by its status. */
static uint8_t *put_line(uint8_t *to, enum response_kind kind, unsigned status)
{
    switch (kind) {
    case RESPONSE_STORED: return PUT(to, "STORED\r\n");
    case RESPONSE_NOT_STORED: return PUT(to, "NOT_STORED\r\n");
    case RESPONSE_EXISTS: return PUT(to, "EXISTS\r\n");
    case RESPONSE_NOT_FOUND: return PUT(to, "NOT_FOUND\r\n");
    case RESPONSE_DELETED: return PUT(to, "DELETED\r\n");
    case RESPONSE_TOUCHED: return PUT(to, "TOUCHED\r\n");
    case RESPONSE_END: return PUT(to, "END\r\n");
    case RESPONSE_OK: return PUT(to, "OK\r\n");
    case RESPONSE_ERROR: return PUT(to, "ERROR\r\n");
    default: break;
    }
    switch (status) {
    case BINARY_INVALID: return PUT(to, ERROR_FORMAT_LINE);
    case BINARY_NOT_NUMERIC:
        return PUT(to, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    case BINARY_AUTH_FAILED: return PUT(to, "CLIENT_ERROR unauthenticated\r\n");
    case BINARY_TOO_LARGE: return PUT(to, "SERVER_ERROR object too large for cache\r\n");
    case BINARY_NO_MEMORY: return PUT(to, "SERVER_ERROR out of memory storing object\r\n");
    default: break;
    }
    to = put_number(PUT(to, "SERVER_ERROR answers with status"), status);
    return PUT(to, "\r\n");
}

bool binary_text(unsigned command, const uint8_t *key, size_t key_len,
                 const struct binary_response *r, bool with_cas, uint8_t *to, struct response *text)
{
    enum response_kind kind =
        r->status == BINARY_OK ? kind_of(command, r) : kind_of_failure(command, r->status);
    *text = (struct response){.kind = kind, .bytes = to};
    if (!(responses_of(command) & kind)) return false;
    if (r->key_len && (r->key_len != key_len || memcmp(r->key, key, key_len) != 0)) return false;
    uint8_t *p;
    if (kind == RESPONSE_VALUE)
        p = put_value(to, key, key_len, r, with_cas, text);
    else if (kind == RESPONSE_NUMBER)
        p = PUT(to + text_write_unsigned(to, binary_read64(r->value)), "\r\n");
    else if (kind == RESPONSE_VERSION)
        p = PUT(put(PUT(to, "VERSION "), r->value, r->value_len), "\r\n");
    else
        p = put_line(to, kind, r->status);
    text->len = (size_t)(p - to);
    assert(text->len <= binary_text_room(r, key_len));
    return true;
}
