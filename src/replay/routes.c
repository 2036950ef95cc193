#include "replay/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/pool.h"
#include "worker/source.h"
#include "worker/succession.h"

/* The largest value in a daemon that runs the script, and how long that may take. */
static size_t settle(const struct replay_how *how, struct script *s)
{
    struct options daemon = *how->options;
    succession_options(&daemon, s);
    script_set_max_value(s, daemon.max_value);
    script_set_timeout(s, daemon.script_timeout);
    return daemon.max_value;
}

/* Fakes are made from the names of servers. */
static bool has_its_servers(const struct replay_how *how, const struct script *s, const char *path,
                            char *error)
{
    uint32_t n;
    struct pool *const *pools = script_pools(s, &n);
    for (uint32_t i = 0; i < n && !how->is_real; i++) {
        if (!pools[i]->discovery || pools[i]->members_n > 0) continue;
        snprintf(error, SCRIPT_ERROR_MAX,
                 "%s: the servers of pool '%s' are discovered (%s), and a replay against fakes "
                 "asks nobody: "
                 "name them in a copy of the script",
                 path, pools[i]->settings.name, discovery_url(pools[i]->discovery));
        return false;
    }
    return true;
}

static bool open_side(struct routes *r, unsigned side, const struct replay_how *how,
                      const struct script_host *host, struct turn *turn, char *error)
{
    const char *path = how->scripts[side];
    struct script_host own = *host;
    struct script_file file = {.path = path, .flags = FOREIGN_FLAGS(how->options)};
    int fd = source_open(path);
    if (fd < 0) {
        snprintf(error, SCRIPT_ERROR_MAX, "script %s: %s: give the path of a readable file", path,
                 strerror(errno));
        return false;
    }
    own.listeners = (const char *const *)r->as->listeners;
    own.addresses = NULL;
    own.listeners_n = AS_LISTENERS;
    script_file_set_kind(&file, how->kinds[side]);
    struct script *s = source_load(&own, &file, fd, 1, error);
    close(fd);
    if (!s) return false;
    r->scripts[side] = s;
    r->explainers[side] = (struct explainer){.trace = &script_tracer,
                                             .router = s,
                                             .turn = turn,
                                             .routes = script_routes(s),
                                             .slots = turn->slots,
                                             .answers = turn->answers,
                                             .arena = turn->arena,
                                             .rules = {.max_value = settle(how, s)}};
    return has_its_servers(how, s, path, error);
}

bool routes_open(struct routes *r, const struct replay_how *how, const struct script_host *host,
                 struct turn *turn, struct as_client *as, char *error)
{
    *r = (struct routes){.as = as};
    for (unsigned side = 0; side < REPLAY_SIDES; side++)
        if (how->scripts[side] && !open_side(r, side, how, host, turn, error)) return false;
    return true;
}

void routes_close(struct routes *r)
{
    for (unsigned side = 0; side < REPLAY_SIDES; side++)
        if (r->scripts[side]) script_destroy(r->scripts[side]);
}

/* --- keys -------------------------------------------------------------------------------------------- */

struct telling {
    struct where *where;
    bool is_told;
};

/* An explain_told_fn. */
static void told(void *to, const struct explanation *x)
{
    struct telling *t = to;
    where_take(t->where, x);
    t->is_told = true;
}

static uint32_t entrance_of(const struct routes *r, const struct asked *a)
{
    char name[TAKE_LISTENER + 1];
    if (a->listener_len == 0) return 0;
    memcpy(name, a->listener, a->listener_len);
    name[a->listener_len] = '\0';
    int32_t number = as_client_listener(r->as, name);
    return number > 0 ? REQUEST_BY_LISTENER | (uint32_t)number : 0;
}

void routes_find(struct routes *r, const struct asked *a, uint32_t key)
{
    char line[REQUEST_LINE_ROOM];
    size_t n = asked_line(a, key, line, sizeof line);
    size_t head = a->line_len + 2;
    struct explain_value value = {(const char *)a->bytes + head,
                                  a->len > head ? a->len - head - 2 : 0};
    if (a->len <= head) value.at = NULL;
    for (unsigned side = 0; side < REPLAY_SIDES; side++) {
        struct telling t = {.where = &r->where[side]};
        struct explainer *e = &r->explainers[side];
        if (!r->scripts[side]) continue;
        e->entrance = entrance_of(r, a);
        (void)!explain_request(e, line, n, value, told, &t);
        if (!t.is_told) where_refuse(t.where);
        arena_reset(e->arena);
    }
}
