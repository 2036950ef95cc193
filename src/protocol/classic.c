/* Which flags say something here. The others either ask for what a classic answer does not have (t, h, l), or change what is done
 * (N, R, I, E, x ...): a request that has one is not sent. Answers were compared with those of memcached 1.6.18 by
 * tests/e2e/servers/classic_alike_test.c. */
#include "protocol/classic.h"

#include <assert.h>
#include <string.h>

#include "protocol/flags.h"
#include "protocol/text.h"
#include "protocol/value.h"

#define ERROR_TOKEN    "CLIENT_ERROR bad token in command line format\r\n"
#define ERROR_OPAQUE   "CLIENT_ERROR opaque token too long\r\n"
#define ERROR_FLAG     "CLIENT_ERROR invalid or duplicate flag\r\n"
#define ERROR_MODE     "CLIENT_ERROR invalid mode for ms M token\r\n"
#define ERROR_MODE_LEN "CLIENT_ERROR incorrect length for M token\r\n"
#define ERROR_COUNT    "CLIENT_ERROR invalid mode for ma M token\r\n"

bool classic_is_lacking(const struct response *r)
{
    size_t line = r->len < RESPONSE_LINE_MAX ? r->len : RESPONSE_LINE_MAX;
    return r->kind == RESPONSE_SERVER_ERROR &&
           memmem(r->bytes, line, CLASSIC_LACKS, sizeof CLASSIC_LACKS - 1);
}

static uint8_t *put(uint8_t *to, const void *bytes, size_t len)
{
    if (len) memcpy(to, bytes, len);
    return to + len;
}

#define PUT(to, text) put(to, text, sizeof text - 1)

/* --- requests ---------------------------------------------------------------------------------- */

static bool is_known(unsigned command, uint8_t flag)
{
    switch (command) {
    case COMMAND_META_GET: return memchr("bcfkOqsTv", flag, 9);
    case COMMAND_META_SET: return memchr("bcCFkMOqT", flag, 9);
    case COMMAND_META_DELETE: return memchr("bkOq", flag, 4);
    default: return memchr("bcDkMOqv", flag, 8);
    }
}

static struct classic lacks_flag(const struct request *r, uint8_t flag)
{
    return (struct classic){.status = CLASSIC_LACKING,
                            .what = {.command = r->command_id, .flag = flag}};
}

static struct classic refuses(const char *error)
{
    return (struct classic){.status = CLASSIC_REFUSED, .error = error};
}

/* SAID, or what is wrong with the flags as such. */
static struct classic check_flags(const struct request *r)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    size_t len;
    while (request_next_flag(&at, end, &flag, &len)) {
        if (!is_known(r->command_id, *flag)) return lacks_flag(r, *flag);
        if (*flag == 'O' && len - 1 > OPAQUE_MAX) return refuses(ERROR_OPAQUE);
        if (*flag == 'T' && !(r->meta & META_EXPTIME)) return refuses(ERROR_TOKEN);
    }
    return (struct classic){.status = CLASSIC_SAID, .request = *r};
}

static bool has(const struct request *r, uint8_t letter)
{
    const uint8_t *token;
    size_t len;
    return request_find_flag(r, letter, &token, &len);
}

/* gat changes the time to live and reads in one step; touch only changes it, and says no more than that the item is there. */
static void say_get(const struct request *r, bool has_gat, struct classic *said)
{
    bool touches = r->meta & META_EXPTIME, wants_cas = has(r, 'c');
    bool reads = wants_cas || has(r, 'v') || has(r, 'f') || has(r, 's');
    uint8_t *command = &said->request.command_id;
    if (!touches)
        *command = wants_cas ? COMMAND_GETS : COMMAND_GET;
    else if (!reads)
        *command = COMMAND_TOUCH;
    else
        *command = wants_cas ? COMMAND_GATS : COMMAND_GAT;
    if (touches && reads && !has_gat) {
        said->status = CLASSIC_LACKING;
        said->what = (struct classic_what){.command = r->command_id, .unknown = *command};
    }
}

/* COMMAND_NONE: no such mode. */
static uint8_t store_of(uint8_t mode)
{
    switch (mode) {
    case 'S': return COMMAND_SET;
    case 'E': return COMMAND_ADD;
    case 'R': return COMMAND_REPLACE;
    case 'A': return COMMAND_APPEND;
    case 'P': return COMMAND_PREPEND;
    default: return COMMAND_NONE;
    }
}

/* Only a set can compare: a cas. */
static void say_set(const struct request *r, struct classic *said)
{
    const uint8_t *token;
    size_t len;
    uint8_t command = COMMAND_SET;
    if (request_find_flag(r, 'M', &token, &len)) {
        command = len == 1 ? store_of(*token) : COMMAND_NONE;
        if (command == COMMAND_NONE) *said = refuses(len == 1 ? ERROR_MODE : ERROR_MODE_LEN);
    }
    if (said->status != CLASSIC_SAID) return;
    said->request.command_id = command;
    if (!request_find_flag(r, 'C', &token, &len)) return;
    said->request.command_id = COMMAND_CAS;
    if (command != COMMAND_SET)
        *said = lacks_flag(r, 'C');
    else if (!text_read_unsigned(token, len, &said->request.number))
        *said = refuses(ERROR_TOKEN);
}

static void say_arithmetic(const struct request *r, struct classic *said)
{
    const uint8_t *token;
    size_t len;
    said->request.command_id = COMMAND_INCR;
    said->request.number = 1;
    if (request_find_flag(r, 'M', &token, &len)) {
        if (len != 1)
            *said = refuses(ERROR_FLAG);
        else if (*token == 'D' || *token == '-')
            said->request.command_id = COMMAND_DECR;
        else if (*token != 'I' && *token != '+')
            *said = refuses(ERROR_COUNT);
    }
    if (said->status != CLASSIC_SAID || !request_find_flag(r, 'D', &token, &len)) return;
    if (!text_read_unsigned(token, len, &said->request.number)) *said = refuses(ERROR_FLAG);
}

/* What is left of r is what its classic command has: no flags, a key as text. */
struct classic classic_say(const struct request *r, bool has_gat)
{
    struct classic said = {.status = CLASSIC_LACKING, .what = {.command = r->command_id}};
    if (r->command_id == COMMAND_META_DEBUG) return said;
    if (!request_key_is_valid((const uint8_t *)r->key_at, r->key_len, false)) {
        said.what.is_key = true;
        return said;
    }
    said = check_flags(r);
    if (said.status != CLASSIC_SAID) return said;
    switch (r->command_id) {
    case COMMAND_META_GET: say_get(r, has_gat, &said); break;
    case COMMAND_META_SET: say_set(r, &said); break;
    case COMMAND_META_DELETE: said.request.command_id = COMMAND_DELETE; break;
    default: say_arithmetic(r, &said); break;
    }
    said.request.meta = 0;
    said.request.args_at = 0;
    said.request.args_len = 0;
    return said;
}

static uint8_t *put_command(uint8_t *to, unsigned command)
{
    return put(to, command_info(command)->text, command_info(command)->text_len);
}

static uint8_t *put_what(uint8_t *to, const struct classic_what *what)
{
    if (what->is_key)
        return PUT(put_command(PUT(to, "the key of this "), what->command), " is not text");
    if (what->unknown) {
        to = put_command(PUT(to, "nor "), what->unknown);
        return PUT(put_command(PUT(to, ", which this "), what->command), " needs");
    }
    to = PUT(to, "only they have ");
    if (what->flag > ' ' && what->flag < 0x7f) {
        to = PUT(to, "flag ");
        *to++ = what->flag;
        to = PUT(to, " of ");
    }
    return put_command(to, what->command);
}

size_t classic_put_lacking(const struct classic_what *what, const char *server, size_t server_len,
                           uint8_t *to)
{
    uint8_t *p = put(PUT(to, "SERVER_ERROR "), server, server_len);
    p = PUT(put_what(PUT(p, CLASSIC_LACKS), what), "\r\n");
    assert((size_t)(p - to) <= CLASSIC_LACKING_ROOM + server_len);
    return (size_t)(p - to);
}

/* --- answers ----------------------------------------------------------------------------------- */

bool classic_wants_value(const struct classic_ask *ask)
{
    const uint8_t *at = ask->args, *end = at + ask->args_len, *flag;
    size_t len;
    while (request_next_flag(&at, end, &flag, &len))
        if (*flag == 'v') return true;
    return false;
}

/* Numbers: of VA, f, s and c; the key with its b. */
size_t classic_room(const struct classic_ask *ask, const struct response *r, bool without_data)
{
    size_t line = ask->args_len + ask->key_len + 4 * (TEXT_NUMBER_ROOM + 2) + 16;
    return line + (without_data ? 0 : r->len + 2);
}

static uint8_t *put_number(uint8_t *to, char flag, uint64_t number)
{
    *to++ = ' ';
    *to++ = (uint8_t)flag;
    return to + text_write_unsigned(to, number);
}

static uint8_t *put_key(uint8_t *to, const struct classic_ask *ask, struct response *answer)
{
    to = PUT(to, " k");
    answer->key = to;
    answer->key_len = (uint16_t)ask->key_len;
    to = put(to, ask->key, ask->key_len);
    answer->rest = to;
    return ask->is_base64 ? PUT(to, " b") : to;
}

static uint8_t *put_opaque(uint8_t *to, const uint8_t *flag, size_t len, struct response *answer)
{
    to = PUT(to, " ");
    to = put(to, flag, len);
    answer->opaque = to - (len - 1);
    answer->opaque_len = (uint16_t)(len - 1);
    return to;
}

/* f and s are those of an item that was read; ms says the cas with every outcome, ma where it has counted. */
static bool shows(const struct classic_ask *ask, uint8_t flag, enum response_kind kind)
{
    bool found = kind & (RESPONSE_HD | RESPONSE_VA);
    switch (ask->command) {
    case COMMAND_META_GET: return found && memchr("fsc", flag, 3);
    case COMMAND_META_SET: return flag == 'c';
    case COMMAND_META_ARITHMETIC: return found && flag == 'c';
    default: return false;
    }
}

/* In the order in which they were asked for. */
static uint8_t *put_flags(uint8_t *to, const struct classic_ask *ask,
                          const struct response_value *v, struct response *answer)
{
    const uint8_t *at = ask->args, *end = at + ask->args_len, *flag;
    size_t len;
    while (request_next_flag(&at, end, &flag, &len)) {
        if (*flag == 'k')
            to = put_key(to, ask, answer);
        else if (*flag == 'O')
            to = put_opaque(to, flag, len, answer);
        else if (shows(ask, *flag, answer->kind))
            to = put_number(to, (char)*flag,
                            *flag == 'f'   ? v->flags
                            : *flag == 's' ? v->len
                                           : v->cas);
    }
    return PUT(to, "\r\n");
}

static enum response_kind kind_of(const struct classic_ask *ask, enum response_kind kind)
{
    bool wants_value = classic_wants_value(ask);
    switch (kind) {
    case RESPONSE_VALUE:
        return ask->command == COMMAND_META_GET && wants_value ? RESPONSE_VA : RESPONSE_HD;
    case RESPONSE_NUMBER: return wants_value ? RESPONSE_VA : RESPONSE_HD;
    case RESPONSE_STORED:
    case RESPONSE_DELETED:
    case RESPONSE_TOUCHED: return RESPONSE_HD;
    case RESPONSE_NOT_STORED: return RESPONSE_NS;
    case RESPONSE_EXISTS: return RESPONSE_EX;
    case RESPONSE_END: return RESPONSE_EN;
    default:
        assert(kind == RESPONSE_NOT_FOUND);
        return ask->command == COMMAND_META_GET ? RESPONSE_EN : RESPONSE_NF;
    }
}

static const char *word_of(enum response_kind kind)
{
    switch (kind) {
    case RESPONSE_VA: return "VA";
    case RESPONSE_HD: return "HD";
    case RESPONSE_EN: return "EN";
    case RESPONSE_NS: return "NS";
    case RESPONSE_EX: return "EX";
    default: return "NF";
    }
}

/* The data of a VALUE, or the number of incr and decr, which ma has as data. */
static void find_data(const struct response *r, struct response_value *v)
{
    *v = response_read(r);
    if (r->kind != RESPONSE_NUMBER) return;
    v->at = r->bytes;
    v->len = r->len - 2;
}

void classic_answer(const struct classic_ask *ask, const struct response *r, bool without_data,
                    uint8_t *to, struct response *answer)
{
    struct response_value v;
    find_data(r, &v);
    if (v.cas == 0) v.cas = ask->cas;
    *answer = (struct response){.kind = kind_of(ask, r->kind), .bytes = to};
    uint8_t *p = put(to, word_of(answer->kind), 2);
    if (answer->kind == RESPONSE_VA) {
        *p++ = ' ';
        p += text_write_unsigned(p, v.len);
    }
    p = put_flags(p, ask, &v, answer);
    if (answer->kind == RESPONSE_VA && !without_data) {
        p = put(p, v.at, v.len);
        p = PUT(p, "\r\n");
    }
    answer->len = (size_t)(p - to);
    assert(answer->len <= classic_room(ask, r, without_data));
}
