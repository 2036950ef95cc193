/* policy_host: a script_host with three pools a, b, c, and tables of requests with what a route makes of them.
 *
 * Included once, by a test program's only source, as script_host.h. Its `w` owns the pools; tables are constant.
 */
#ifndef TESTS_UNIT_POLICY_HOST_H
#define TESTS_UNIT_POLICY_HOST_H

#include "route/chooser.h"
#include "unit/script/script_host.h"

#define POOLS                                                                                      \
    MG "local a, b, c = mg.pool { '127.0.0.1:1', name = 'a' }, mg.pool { '127.0.0.1:2', name = "   \
       "'b' }, mg.pool { '127.0.0.1:3', name = 'c' }\n"

#define GET COMMAND_GET
#define SET COMMAND_SET

/* One request and where it goes: the name of a pool, "miss", "!text" of an error, or the beginning of a policy's name, "all_initial(".
 * `sent` is the key then, NULL: the client's own. */
struct journey {
    const char *route;
    enum command command;
    const char *key;
    const char *to;
    const char *sent;
};

static inline void load_route(const char *route)
{
    char text[4096];
    snprintf(text, sizeof text, POOLS "return %s\n", route);
    load(text);
}

/* Where slot i goes, in words. */
static inline const char *place_of(uint32_t i)
{
    static char text[600];
    const struct answer *a = &w.answers[i];
    if (a->route == ANSWER_MISS) return "miss";
    if (a->route == ANSWER_REFUSE) {
        snprintf(text, sizeof text, "!%.*s", (int)a->text_len, (const char *)a->text_at);
        return text;
    }
    const struct route *route = script_routes(w.script)->routes[a->route];
    assert_false(route_is_chooser(route));
    return route->kind == ROUTE_POOL ? route->pool->settings.name : route->text;
}

static inline void assert_goes(const struct journey *j)
{
    const struct request *r = route_one(j->command, j->key, NULL);
    const char *to = place_of(0);
    size_t len = j->to[strlen(j->to) - 1] == '(' ? strlen(j->to) : strlen(to) + 1;
    if (strncmp(to, j->to, len) != 0) fail_msg("%s: %s goes to %s", j->route, j->key, to);
    assert_key(r, j->sent ? j->sent : j->key);
    if (j->sent) {
        assert_int_equal(r->shown_key_at, (uintptr_t)j->key);
        assert_int_equal(r->shown_key_len, strlen(j->key));
    }
    end_turn();
}

/* A journey whose route is NULL goes through the one before it. */
static inline void journeys(const struct journey *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].route) load_route(list[i].route);
        assert_goes(&list[i]);
    }
}

#endif
