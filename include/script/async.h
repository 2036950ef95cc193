/* async: functions of the script that wait: the C side of mg.async.
 *
 * One is made for a request whose function waits, and known to Lua by a handle: a place in the script's table and a serial number,
 * so that a handle that Lua kept too long is found out. It is a flow: it ends when its end was told and no call is out.
 */
#ifndef MOONGATE_SCRIPT_ASYNC_H
#define MOONGATE_SCRIPT_ASYNC_H

#include "client/flow.h"
#include "script/abi.h"

struct async;

struct async_slot {
    struct async *async; /* NULL: free */
    uint32_t serial;
    uint32_t next_free;
};

/* The script's table of them. */
struct asyncs {
    struct async_slot *slots;
    uint32_t n, room;
    uint32_t first_free;
};

void asyncs_release(struct asyncs *all);

#endif
