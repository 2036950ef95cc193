#include "client/explain_stats.h"

#include <string.h>

#include "client/reply.h"
#include "route/explain.h"

static void put_stat(void *to, const char *name, const char *text)
{
    outq_append(to, "STAT ", 5);
    outq_append(to, name, strlen(name));
    outq_append(to, " ", 1);
    outq_append(to, text, strlen(text));
    outq_append(to, "\r\n", 2);
}

static void told(void *to, const struct explanation *x)
{
    explain_fields(x, put_stat, to);
}

/* The turn's requests are routed before, so that its first slot is free and a script meets all requests in their order. (Lua
 * is never entered from within: clients are read outside of turn_route.) */
void explain_stats(struct client *c, const struct span *command, const struct span *key)
{
    struct turn *t = c->turn;
    struct outq answer = {0};
    turn_route(t);
    struct explainer e = {.trace = t->trace,
                          .router = t->generation->router,
                          .slots = t->slots,
                          .answers = t->answers,
                          .at = t->used,
                          .arena = t->arena,
                          .rules = c->set->limits.rules};
    struct reply *reply = reply_create(c, NULL, 1);
    const char *error =
        explain_key(&e, (const char *)command->at, command->len, (const char *)key->at, key->len,
                    (struct explain_value){NULL, 0}, told, &answer);
    if (!error) error = "END";
    outq_append(&answer, error, strlen(error));
    outq_append(&answer, "\r\n", 2);
    reply_finish(reply, &answer);
}
