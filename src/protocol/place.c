/* I12: the same key may have copies on several servers, but a cas belongs to the one server that gave it, and an item that is
 * made by a look is made on the server that was looked at. A policy that writes to several places, or reads from any of several,
 * therefore sends such a request to one place, and sends the others what keeps their copies right: a plain set for a cas, a
 * delete for an item that may be left stale. This file says which requests are such, and writes the others. The policies choose
 * the places. */
#include "protocol/place.h"

#include <assert.h>
#include <string.h>

#include "protocol/flags.h"
#include "protocol/value.h"

/* By the flags' letters; what their tokens say does not matter. */
unsigned request_meta_place(const struct request *r)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    bool gets = r->command_id == COMMAND_META_GET;
    bool counts = r->command_id == COMMAND_META_ARITHMETIC;
    unsigned place = 0;
    size_t len;
    while (request_next_flag(&at, end, &flag, &len)) {
        switch (*flag) {
        case 'C': place |= PLACE_COMPARES; break;
        case 'c': place |= PLACE_ASKS; break;
        case 'N': place |= gets || counts ? PLACE_MAKES : 0; break;
        case 'R': place |= gets ? PLACE_WINS : 0; break;
        default: break;
        }
    }
    return place;
}

/* strchr would also find the NUL, and this floor uses mem* only. */
static bool is_among(uint8_t letter, const char *letters)
{
    while (*letters && (uint8_t)*letters != letter) letters++;
    return *letters != '\0';
}

/* Copies r's flags without those letters to args, and makes them the flags of *to. */
static void leave_out(const struct request *r, const char *letters, struct request *to,
                      uint8_t *args)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    uint8_t *p = args;
    size_t len;
    while (request_next_flag(&at, end, &flag, &len)) {
        if (is_among(*flag, letters)) continue;
        if (p > args) *p++ = ' ';
        memcpy(p, flag, len);
        p += len;
    }
    assert(p - args <= r->args_len);
    to->args_at = (uintptr_t)args;
    to->args_len = (uint16_t)(p - args);
}

/* An md of r's key with that flag (0: none), and with b when the key is base64 on the wire. */
static void make_delete(const struct request *r, char flag, struct request *to, uint8_t *args)
{
    uint8_t *p = args;
    *to = *r;
    to->command_id = COMMAND_META_DELETE;
    to->meta = r->meta & META_BASE64;
    to->value_at = to->value_blob = 0;
    to->value_len = 0;
    if (flag) *p++ = (uint8_t)flag;
    if (to->meta && flag) *p++ = ' ';
    if (to->meta) *p++ = 'b';
    assert(p - args <= PLACE_ARGS_LEAST);
    to->args_at = (uintptr_t)args;
    to->args_len = (uint16_t)(p - args);
}

/* Without N a get is a get, and a miss a miss. */
void request_without_making(const struct request *r, struct request *to, uint8_t *args)
{
    *to = *r;
    leave_out(r, "N", to, args);
}

/* A place that holds a copy must not compare (its cas is another number), make or win. An ms with C and I may store a stale item
 * where the cas differs; only that place knows whether it did, so the copies are deleted. */
bool request_for_copies(const struct request *r, struct request *to, uint8_t *args)
{
    const uint8_t *token;
    size_t len;
    *to = *r;
    switch (r->command_id) {
    case COMMAND_CAS:
        to->command_id = COMMAND_SET;
        to->number = 0;
        return true;
    case COMMAND_META_SET:
        if (request_find_flag(r, 'C', &token, &len) && request_find_flag(r, 'I', &token, &len))
            make_delete(r, 0, to, args);
        else
            leave_out(r, "C", to, args);
        return true;
    case COMMAND_META_GET: leave_out(r, "CNR", to, args); return (r->meta & META_EXPTIME) != 0;
    case COMMAND_META_DELETE:
    case COMMAND_META_ARITHMETIC: leave_out(r, "C", to, args); return true;
    default: return !request_only_reads(r);
    }
}

/* md with I makes the item stale, and the next mg of it wins. */
void request_hand_back(const struct request *r, struct request *to, uint8_t *args)
{
    assert(r->command_id == COMMAND_META_GET);
    make_delete(r, 'I', to, args);
}

bool response_has_won(const struct request *r, const struct response *response)
{
    const uint8_t *token;
    size_t len;
    return r->command_id == COMMAND_META_GET && response_find_flag(response, 'W', &token, &len);
}

bool request_flags_are_among(const struct request *r, const char *letters)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    size_t len;
    while (request_next_flag(&at, end, &flag, &len)) {
        if (!is_among(*flag, letters)) return false;
    }
    return true;
}
