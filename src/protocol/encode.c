#include "protocol/request.h"

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

static uint8_t *put_exptime(uint8_t *to, double exptime)
{
    *to++ = ' ';
    return to + text_write_signed(to, (int64_t)exptime);
}

static uint8_t *put_words(uint8_t *to, const struct request *r)
{
    if (r->args_len == 0) return to;
    *to++ = ' ';
    return put(to, (const void *)r->args_at, r->args_len);
}

static uint8_t *put_exptime_flag(uint8_t *to, const struct request *r)
{
    to = put(to, " T", 2);
    return to + text_write_signed(to, (int64_t)r->exptime);
}

static uint8_t *put_flags_flag(uint8_t *to, const struct request *r)
{
    to = put(to, " F", 2);
    return to + text_write_unsigned(to, (uint64_t)r->flags);
}

/* The flags as they came, in their order, but for q, which is ours, for k where the key is put into the answer here, and for T and
 * F, which the script may have changed. */
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
    if (stores && r->flags != 0 && !(r->meta & META_FLAGS)) p = put_flags_flag(p, r);
    return p;
}

size_t request_encode_line(const struct request *r, uint8_t *to)
{
    const struct command_info *c = command_info(r->command_id);
    uint8_t *p = put(to, c->text, c->text_len);
    if (c->shape == SHAPE_ADMIN) return (size_t)(put(put_words(p, r), "\r\n", 2) - to);
    if (r->command_id == COMMAND_GAT || r->command_id == COMMAND_GATS)
        p = put_exptime(p, r->exptime);
    *p++ = ' ';
    p += request_wire_key(r, (const uint8_t *)r->key_at, r->key_len, p);
    switch (c->shape) {
    case SHAPE_RETRIEVE: return (size_t)(p - to);
    case SHAPE_STORE:
        p = put_unsigned(p, (uint64_t)r->flags);
        p = put_exptime(p, r->exptime);
        p = put_unsigned(p, r->value_len);
        if (r->command_id == COMMAND_CAS) p = put_unsigned(p, r->number);
        break;
    case SHAPE_ARITHMETIC: p = put_unsigned(p, r->number); break;
    case SHAPE_META_STORE: p = put_meta_flags(put_unsigned(p, r->value_len), r); break;
    case SHAPE_META: p = put_meta_flags(p, r); break;
    case SHAPE_TOUCH: p = put_exptime(p, r->exptime); break;
    default: break;
    }
    p = put(p, "\r\n", 2);
    return (size_t)(p - to);
}
