/* Whether a server is still the process that it was: it says so in its statistics, with which each dump begins (dump.h). One that was started
 * again has lost what it had, and what was compared is not there any more. */
#include <stdio.h>
#include <string.h>

#include "move/verify_state.h"

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

void verify_ask_close(struct verify *v)
{
    for (uint32_t i = 0; i < v->servers_n; i++) dump_close(&v->servers[i]->dump);
}
