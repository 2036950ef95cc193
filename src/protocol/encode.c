/* Lines as they go to servers. I10: every line is built here from the struct, so a server never sees a number, a space or a word
 * in the form in which a client wrote it. I5: no function here writes noreply or q. */
#include "protocol/request.h"

#include <assert.h>
#include <string.h>

#include "protocol/echo.h"
#include "protocol/text.h"

static uint8_t *put(uint8_t *to, const void *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

static uint8_t *put_unsigned(uint8_t *to, uint64_t number)
{
    *to++ = ' ';
    return to + text_write_unsigned(to, number);
}

/* Scripts see the low 32 bits, as memcached reads them. As long as a script has not changed those, all 64 bits are sent, for the
 * server to judge. */
int64_t request_exptime(const struct request *r)
{
    bool is_asked = r->exptime == (double)(int32_t)(uint32_t)(uint64_t)r->asked_exptime;
    return is_asked ? r->asked_exptime : (int64_t)r->exptime;
}

bool request_exptime_is_odd(const struct request *r)
{
    int64_t exptime = request_exptime(r);
    return exptime != (int32_t)exptime;
}

/* Versions disagree on what is in these fields: some refuse it, and leave the value in the stream. */
bool request_store_is_odd(const struct request *r)
{
    return r->meta & META_ODD || r->client_flags > UINT32_MAX || request_exptime_is_odd(r);
}

/* memcached 1.6.45 takes the last word of any delete for its option, so a delete of the key `noreply` would get no answer. A 0
 * behind the key avoids that: it is the hold time that a delete once had, and every version takes it. All other lines end in
 * numbers, or have no options. */
static bool has_hold(const struct request *r)
{
    static const char word[] = "noreply";
    return r->command_id == COMMAND_DELETE && r->key_len == sizeof word - 1 &&
           memcmp((const void *)r->key_at, word, sizeof word - 1) == 0;
}

bool request_may_be_rare(const struct request *r)
{
    if (command_info(r->command_id)->shape == SHAPE_STORE) return request_exptime(r) < 0;
    return has_hold(r);
}

static uint8_t *put_exptime(uint8_t *to, const struct request *r)
{
    *to++ = ' ';
    return to + text_write_signed(to, request_exptime(r));
}

/* The only bytes that are copied as they came: words of commands that go to every server, such as `stats items`. */
static uint8_t *put_words(uint8_t *to, const struct request *r)
{
    if (r->args_len == 0) return to;
    *to++ = ' ';
    return put(to, (const void *)r->args_at, r->args_len);
}

static uint8_t *put_exptime_flag(uint8_t *to, const struct request *r)
{
    to = put(to, " T", 2);
    return to + text_write_signed(to, request_exptime(r));
}

static uint8_t *put_flags_flag(uint8_t *to, const struct request *r)
{
    to = put(to, " F", 2);
    return to + text_write_unsigned(to, r->client_flags);
}

/* The flags in their order, as they came. Exceptions: q, which moongate itself carries out; k, where echo.c adds the key to the
 * response; T and F, which the script may have changed. An ms to which the script gave an exptime or flags gets a T or F at its
 * end. */
static uint8_t *put_meta_flags(uint8_t *p, const struct request *r)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    bool stores = r->command_id == COMMAND_META_SET, hides_key = request_hides_key(r);
    size_t len;
    while (request_next_flag(&at, end, &flag, &len)) {
        if (*flag == 'q' || (*flag == 'k' && hides_key)) continue;
        if (*flag == 'T' && r->meta & META_EXPTIME) {
            p = put_exptime_flag(p, r);
        } else if (*flag == 'F' && r->meta & META_FLAGS) {
            p = put_flags_flag(p, r);
        } else {
            *p++ = ' ';
            p = put(p, flag, len);
        }
    }
    if (stores && r->exptime != 0 && !(r->meta & META_EXPTIME)) p = put_exptime_flag(p, r);
    if (stores && r->client_flags != 0 && !(r->meta & META_FLAGS)) p = put_flags_flag(p, r);
    return p;
}

/* By the command's shape, like request_parse. */
size_t request_encode_line(const struct request *r, uint8_t *to)
{
    const struct command_info *c = command_info(r->command_id);
    assert(c->shape != SHAPE_LOCAL);
    uint8_t *p = put(to, c->text, c->text_len);
    if (c->shape == SHAPE_ADMIN) return (size_t)(put(put_words(p, r), "\r\n", 2) - to);
    if (r->command_id == COMMAND_GAT || r->command_id == COMMAND_GATS) p = put_exptime(p, r);
    *p++ = ' ';
    p += request_wire_key(r, (const uint8_t *)r->key_at, r->key_len, p);
    switch (c->shape) {
    case SHAPE_RETRIEVE: return (size_t)(p - to);
    case SHAPE_STORE:
        p = put_unsigned(p, r->client_flags);
        p = put_exptime(p, r);
        p = put_unsigned(p, r->value_len);
        if (r->command_id == COMMAND_CAS) p = put_unsigned(p, r->number);
        break;
    case SHAPE_ARITHMETIC: p = put_unsigned(p, r->number); break;
    case SHAPE_META_STORE: p = put_meta_flags(put_unsigned(p, r->value_len), r); break;
    case SHAPE_META: p = put_meta_flags(p, r); break;
    case SHAPE_TOUCH: p = put_exptime(p, r); break;
    case SHAPE_DELETE: p = has_hold(r) ? put(p, " 0", 2) : p; break;
    default: break;
    }
    p = put(p, "\r\n", 2);
    assert((size_t)(p - to) <= request_line_room(r));
    return (size_t)(p - to);
}
