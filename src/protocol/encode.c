#include "protocol/request.h"

#include <string.h>

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

size_t request_encode_line(const struct request *r, uint8_t *to)
{
    const struct command_info *c = command_info(r->command_id);
    uint8_t *p = put(to, c->text, c->text_len);
    if (r->command_id == COMMAND_GAT || r->command_id == COMMAND_GATS)
        p = put_exptime(p, r->exptime);
    *p++ = ' ';
    p = put(p, (const void *)r->key_at, r->key_len);
    switch (c->shape) {
    case SHAPE_RETRIEVE: return (size_t)(p - to);
    case SHAPE_STORE:
        p = put_unsigned(p, (uint64_t)r->flags);
        p = put_exptime(p, r->exptime);
        p = put_unsigned(p, r->value_len);
        if (r->command_id == COMMAND_CAS) p = put_unsigned(p, r->number);
        break;
    case SHAPE_ARITHMETIC: p = put_unsigned(p, r->number); break;
    case SHAPE_TOUCH: p = put_exptime(p, r->exptime); break;
    default: break;
    }
    p = put(p, "\r\n", 2);
    return (size_t)(p - to);
}
