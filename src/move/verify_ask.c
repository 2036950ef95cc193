/* Whether a server is still the process that it was: it says so in its statistics, with which each dump begins (dump.h). One that was started
 * again has lost what it had, and what was compared is not there any more.
 *
 * And whether the service has dropped writes of clients meanwhile. It finds out later than we do that a server is back, and calls to a
 * server that it holds as down fail: what was compared before is old then. */
#include <stdio.h>
#include <string.h>

#include "move/verify_state.h"

static const double AGAIN = 0.1; /* seconds from one question to the service to the next */

static void note(struct verify_server *s, const struct dump_about *about)
{
    struct verify *v = s->v;
    bool was_known = s->about.pid != 0;
    if (was_known && (s->about.pid != about->pid || about->uptime < s->about.uptime)) {
        s->is_restarted = true;
        v->has_restarts = true;
    }
    s->about = *about;
}

/* A dump_begun_fn. */
static void on_begun(void *owner)
{
    struct verify_server *s = owner;
    note(s, &s->dump.about);
    s->v->asked--;
    dump_close(&s->dump);
}

/* A dump_key_fn: it is closed before any key. */
static void on_key(void *owner, const struct dump_key *key)
{
    (void)owner;
    (void)key;
}

/* A dump_end_fn. A server that says nothing has nothing to be compared either: that is counted where its keys are asked for; at the
 * end, here. */
static void on_end(void *owner, const char *why, bool cannot)
{
    struct verify_server *s = owner;
    struct verify *v = s->v;
    v->asked--;
    if (v->stage != VERIFY_ASKS_LAST || cannot || s->about.pid == 0) return;
    s->is_restarted = true;
    v->counts->unread++;
    progress_clear(&v->progress);
    fprintf(stderr, "moongate: %s: does not answer any more: what it had may be lost: %s\n",
            v->tier->servers[s->dump.server].name, why ? why : "closed");
}

void verify_ask_servers(struct verify *v)
{
    if (v->how->service && v->stage == VERIFY_ASKS_LAST)
        service_ask_standing(v->how->service, &v->ends_with);
    for (uint32_t i = 0; i < v->tier->servers_n; i++) {
        struct verify_server *s = verify_server(v, i);
        s->dump.begun = on_begun;
        s->dump.take = on_key;
        s->dump.end = on_end;
        s->dump.owner = s;
        v->asked++;
        dump_begin(&s->dump, v->tier, i);
    }
}

/* --- the service -------------------------------------------------------------------------------- */

void verify_wait_begin(struct verify *v)
{
    v->waits_since = v->ask_at = tier_now(v->tier);
    if (v->how->service) service_ask_standing(v->how->service, &v->began_with);
}

bool verify_wait_is_over(struct verify *v)
{
    double now = tier_now(v->tier);
    if (!v->how->service) return true;
    if (service_asks_standing(v->how->service)) return false;
    if (standing_down(&v->began_with) == UINT32_MAX) return true;
    v->is_impatient = now - v->waits_since > v->how->patience;
    if (!v->is_impatient && now >= v->ask_at) {
        v->ask_at = now + AGAIN;
        service_ask_standing(v->how->service, &v->began_with);
    }
    return v->is_impatient;
}

bool verify_has_asked(const struct verify *v)
{
    return v->asked == 0 && !(v->how->service && service_asks_standing(v->how->service));
}

void verify_look_at_failures(struct verify *v)
{
    if (!v->how->service) return;
    v->has_failures = standing_differs(&v->began_with, &v->ends_with, v->tier, v->why);
}

void verify_ask_close(struct verify *v)
{
    standing_release(&v->began_with);
    standing_release(&v->ends_with);
    for (uint32_t i = 0; i < v->servers_n; i++) dump_close(&v->servers[i]->dump);
}
