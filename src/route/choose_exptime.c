#include <stdio.h>
#include <time.h>

#include "protocol/flags.h"
#include "protocol/text.h"
#include "route/chooser.h"

enum { ABSOLUTE_FROM = 60 * 60 * 24 * 30 }; /* longer exptimes are moments: seconds since 1970 */

/* Seconds that an item with this exptime lives; 0: for ever; below 0: it is gone at once. */
static double life_of(double exptime)
{
    if (exptime <= ABSOLUTE_FROM) return exptime;
    double left = exptime - (double)time(NULL);
    return left > 0 ? left : -1;
}

/* An item that the client wants gone at once is never given a life. */
static bool is_to_change(const struct route_options *o, double exptime)
{
    double life = life_of(exptime);
    return life >= 0 && (!o->cap || life == 0 || life > o->seconds);
}

/* The flag N: how long an item lives that mg or ma make where there is none. It is not in r->exptime, only among the flags. */
static void change_made(struct turn *t, const struct route_options *o, struct request *r)
{
    enum { NUMBER_ROOM = 16 };
    const uint8_t *token;
    size_t len;
    int64_t exptime;
    if (!request_find_flag(r, 'N', &token, &len) || !text_read_signed(token, len, &exptime)) return;
    if (!is_to_change(o, (double)(int32_t)(uint32_t)(uint64_t)exptime)) return;
    size_t room = (size_t)r->args_len + NUMBER_ROOM;
    uint8_t *to = arena_alloc(t->arena, room);
    size_t n = request_flags_without(r, 'N', to);
    n += (size_t)snprintf((char *)to + n, room - n, "%sN%.0f", n ? " " : "", o->seconds);
    r->args_at = (uintptr_t)to;
    r->args_len = (uint16_t)n;
}

/* Another exptime: `seconds`, or at most that (cap). Commands whose lines have no exptime are not changed by r->exptime. */
static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    const struct route_options *o = &route->options;
    if (is_to_change(o, r->exptime)) r->exptime = o->seconds;
    if (r->command_id == COMMAND_META_GET || r->command_id == COMMAND_META_ARITHMETIC)
        change_made(t, o, r);
    return 0;
}

const struct chooser choose_exptime = {.choose = choose};
