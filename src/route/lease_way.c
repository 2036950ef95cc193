#include "route/lease_way.h"

#include "protocol/flags.h"

bool lease_has_flag(const struct request *r, uint8_t letter)
{
    const uint8_t *token;
    size_t len;
    return request_find_flag(r, letter, &token, &len);
}

uint8_t lease_mode_of(const struct request *r)
{
    const uint8_t *token;
    size_t len;
    if (!request_find_flag(r, 'M', &token, &len) || len != 1) return 'S';
    return *token & (uint8_t)~0x20;
}

bool lease_extends(const struct request *r)
{
    uint8_t mode = r->command_id == COMMAND_META_SET ? lease_mode_of(r) : 0;
    return r->command_id == COMMAND_APPEND || r->command_id == COMMAND_PREPEND || mode == 'A' ||
           mode == 'P';
}

bool lease_compares(const struct request *r)
{
    unsigned shape = command_info(r->command_id)->shape;
    return (shape == SHAPE_META || shape == SHAPE_META_STORE) && lease_has_flag(r, 'C');
}

bool lease_makes(const struct request *r)
{
    switch (r->command_id) {
    case COMMAND_ADD: return true;
    case COMMAND_META_SET:
        return lease_mode_of(r) == 'E' || (lease_extends(r) && lease_has_flag(r, 'N'));
    case COMMAND_META_ARITHMETIC: return lease_has_flag(r, 'N');
    default: return false;
    }
}

bool lease_deletes(const struct request *r)
{
    return r->command_id == COMMAND_DELETE || r->command_id == COMMAND_META_DELETE;
}

bool lease_counts(const struct request *r)
{
    return r->command_id == COMMAND_INCR || r->command_id == COMMAND_DECR ||
           r->command_id == COMMAND_META_ARITHMETIC;
}

enum lease_way lease_way_of(const struct request *r, const struct lease_terms *t)
{
    enum lease_way tries = t->stale ? LEASE_WAY_LOOKS : LEASE_WAY_TRIES;
    switch (r->command_id) {
    case COMMAND_ADD:
    case COMMAND_CAS:
    case COMMAND_INCR:
    case COMMAND_DECR:
    case COMMAND_META_ARITHMETIC: return tries;
    case COMMAND_META_SET:
        if (lease_mode_of(r) == 'E' || lease_has_flag(r, 'C')) return tries;
        return lease_mode_of(r) == 'S' ? LEASE_WAY_PASSES : LEASE_WAY_LOOKS;
    case COMMAND_META_GET:
        return lease_has_flag(r, 'N') || lease_has_flag(r, 'R') ? LEASE_WAY_PASSES : tries;
    case COMMAND_REPLACE:
    case COMMAND_APPEND:
    case COMMAND_PREPEND:
    case COMMAND_TOUCH:
    case COMMAND_DELETE:
    case COMMAND_META_DELETE:
    case COMMAND_META_DEBUG: return LEASE_WAY_LOOKS;
    default: return LEASE_WAY_PASSES;
    }
}

bool lease_is_suspicious(const struct request *r, const struct result *result)
{
    if (r->command_id == COMMAND_META_GET)
        return result->kind == RESULT_HIT && result->news &&
               lease_may_be_taken(result->news->response);
    return result->kind == RESULT_REFUSED ||
           (lease_counts(r) && result->kind == RESULT_CLIENT_ERROR && !lease_is_lacking(result));
}

bool lease_stores(const struct request *r)
{
    return r->command_id == COMMAND_SET ||
           (r->command_id == COMMAND_META_SET && lease_mode_of(r) == 'S');
}

bool lease_has_failed(const struct request *r, const struct result *result)
{
    return lease_stores(r) && result->kind & RESULT_ANY_ERROR && !lease_is_lacking(result);
}
