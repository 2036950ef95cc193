/* What a script is in. Its own calls leave marks anyway: batch.at, the slot that is routed (I7); coroutines.running, the function that
 * waited; timers.fires. So a request pays nothing for this. The function that is named is the one that moongate has called: the
 * script's own, or the one that a policy was given. Which function that one has called is Lua's secret.
 *
 * All of this runs in a signal handler. What it follows does not change while the script runs, since the process has one thread.
 */
#include "script/doing.h"

#include <string.h>

#include "protocol/command.h"
#include "script/state.h"

/* The request that is routed, or NULL. A function whose end is decided has none any more: the request may be gone, and so may all that
 * `running` points to. */
static const struct request *request_now(const struct script *s)
{
    if (s->coroutines.running) return s->batch.request;
    return s->batch.at < s->batch.capacity ? &s->batch.slots[s->batch.at] : NULL;
}

/* The name of the route that was made of the function with that number; "" when there is none. */
static const char *function_name(const struct script *s, uint32_t function)
{
    if (function == 0) return s->root_place;
    for (uint32_t i = 0; i < s->routes.routes_n; i++) {
        const struct route *route = s->routes.routes[i];
        bool is_function = route->kind == ROUTE_FUNCTION || route->kind == ROUTE_ASYNC;
        if (is_function && route->options.function_id == function)
            return route->text ? route->text : "";
    }
    return "";
}

static void put_text(char *to, size_t size, const char *text)
{
    size_t len = strnlen(text, size - 1);
    memcpy(to, text, len);
    to[len] = '\0';
}

static void put_key(struct heartbeat_doing *doing, const struct request *r)
{
    size_t len = r->key_len < HEARTBEAT_KEY ? r->key_len : HEARTBEAT_KEY;
    if (!r->key_at) return; /* routed already */
    doing->key_len = r->key_len;
    memcpy(doing->key, (const void *)r->key_at, len);
}

/* Each request and each function that waits has a handle of its own, and the slot is another one for each request of a batch. */
static uint64_t mark(const struct script *s)
{
    const struct script_timer *timer = s->timers.fires;
    uint64_t sum = s->handle * 31 + s->batch.at;
    sum = sum * 31 + (uintptr_t)s->coroutines.running;
    return sum * 31 + (timer ? (uint64_t)timer->number + 1 : 0);
}

void script_doing(const void *router, struct heartbeat_doing *doing)
{
    const struct script *s = router;
    const struct script_timer *timer = s->timers.fires;
    const struct request *r = timer ? NULL : request_now(s);
    *doing = (struct heartbeat_doing){
        .is_in_script = true, .generation = s->generation, .mark = mark(s)};
    if (timer) put_text(doing->place, sizeof doing->place, timer->place);
    if (!r) return;
    put_text(doing->place, sizeof doing->place, function_name(s, r->function_id));
    put_text(doing->command, sizeof doing->command,
             command_info((enum command)r->command_id)->text);
    put_key(doing, r);
}
