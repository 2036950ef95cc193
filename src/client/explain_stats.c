#include "client/explain_stats.h"

#include <assert.h>
#include <string.h>

#include "base/process.h"
#include "client/reply.h"

/* Seconds: one request of a large script may take a hundredth, or --script-timeout where a function does not end. One read may bring
 * hundreds of them, and the worker serves nobody else until the turn ends. */
static const double LIMIT = 0.25;

#define ERROR_MANY "SERVER_ERROR " EXPLAIN_TOO_MUCH

bool explain_is_too_much(const struct clients *set)
{
    return set->explained >= LIMIT;
}

void explain_took(struct clients *set, double began)
{
    set->explained += process_clock() - began;
}

static void put_stat(void *to, const char *name, const char *text)
{
    outq_append(to, "STAT ", 5);
    outq_append(to, name, strlen(name));
    outq_append(to, " ", 1);
    outq_append(to, text, strlen(text));
    outq_append(to, "\r\n", 2);
}

struct telling {
    explain_field_fn *tell;
    void *to;
};

static void told(void *to, const struct explanation *x)
{
    const struct telling *telling = to;
    explain_fields(x, telling->tell, telling->to);
    explain_places(x, telling->tell, telling->to);
}

struct explainer explainer_of(struct turn *t, const struct client *c)
{
    assert(t->generation && t->trace);
    return (struct explainer){.trace = t->trace,
                              .router = t->generation->router,
                              .turn = t,
                              .routes = t->generation,
                              .slots = t->slots,
                              .answers = t->answers,
                              .at = t->used,
                              .arena = t->arena,
                              .rules = t->limits.rules,
                              .entrance = c ? client_entrance(c) : 0,
                              .affinity = c ? c->affinity : 0};
}

/* What is in the turn's slots is routed before, so that a slot is free, and a script gets all requests in their order. */
const char *explain_now(struct turn *t, const struct client *c, const struct span *command,
                        const struct span *key, explain_field_fn *tell, void *to)
{
    struct telling telling = {tell, to};
    turn_route(t);
    assert(t->used == 0);
    struct explainer e = explainer_of(t, c);
    return explain_key(&e, (const char *)command->at, command->len, (const char *)key->at, key->len,
                       (struct explain_value){NULL, 0}, told, &telling);
}

/* (turn_route may be called from here: clients are read outside of it.) The answer is a reply like any other, so it takes its
 * place in c's order. */
void explain_stats(struct client *c, const struct span *command, const struct span *key)
{
    struct outq answer = {0};
    struct reply *reply = reply_create_local(c, COMMAND_STATS);
    double began = process_clock();
    const char *error = ERROR_MANY;
    if (!explain_is_too_much(c->set))
        error = explain_now(c->turn, c, command, key, put_stat, &answer);
    explain_took(c->set, began);
    if (!error) error = "END";
    reply_note_line(reply, error, strlen(error));
    outq_append(&answer, error, strlen(error));
    outq_append(&answer, "\r\n", 2);
    reply_finish(reply, &answer);
}
