/* The answer has two parts: `status` in text, of which the lines that name the process, its workers and the script's generation are kept,
 * and a JSON object for each server of each pool. Counters of another process begin at zero, so numbers of two processes are not compared.
 *
 * A server that does not say `down` is one that the service does not count (there are too many), or the service is older than that field:
 * it is not known to be up. */
#include "move/standing.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t number_of(struct json_object *object, const char *name, uint64_t otherwise)
{
    struct json_object *number;
    if (!json_object_object_get_ex(object, name, &number)) return otherwise;
    return json_object_get_uint64(number);
}

static void take_server(struct standing *to, const struct tier *t, struct json_object *object)
{
    struct json_object *name;
    if (!json_object_object_get_ex(object, "server", &name)) return;
    for (uint32_t i = 0; i < to->n; i++) {
        if (!tier_is_called(t, i, json_object_get_string(name))) continue;
        struct standing_server *s = &to->servers[i];
        bool is_up = number_of(object, "down", 1) == 0;
        s->is_up = is_up && (s->is_up || !s->is_named);
        s->is_named = true;
        s->failed += number_of(object, "failed", 0);
    }
}

static bool begins(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

static void take_text(struct standing *to, const char *line)
{
    if (!begins(line, "pid ") && !begins(line, "workers ") && !begins(line, "generation ")) return;
    size_t len = strlen(to->service);
    snprintf(to->service + len, sizeof to->service - len, "%s\n", line);
}

const char *standing_read(struct standing *to, const struct tier *t, char *answer)
{
    const char *line, *wrong = NULL;
    standing_release(to);
    to->n = t->servers_n;
    to->servers = calloc(to->n + 1, sizeof *to->servers);
    if (!to->servers) abort();
    while (!wrong && (line = strsep(&answer, "\n"))) {
        if (begins(line, "ERROR ") || begins(line, "{\"ok\":false")) wrong = line;
        if (line[0] != '{') {
            take_text(to, line);
            continue;
        }
        struct json_object *object = json_tokener_parse(line);
        if (json_object_is_type(object, json_type_object)) take_server(to, t, object);
        json_object_put(object);
    }
    return wrong;
}

uint32_t standing_down(const struct standing *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->servers[i].is_named && !s->servers[i].is_up) return i;
    return UINT32_MAX;
}

bool standing_differs(const struct standing *before, const struct standing *after,
                      const struct tier *t, char text[STANDING_TEXT])
{
    if (strcmp(before->service, after->service) != 0) {
        snprintf(text, STANDING_TEXT, "the service has another process, or script, than before");
        return true;
    }
    uint32_t down = standing_down(before);
    if (down == UINT32_MAX) down = standing_down(after);
    if (down != UINT32_MAX) {
        snprintf(text, STANDING_TEXT, "%s: is down in the service", t->servers[down].name);
        return true;
    }
    for (uint32_t i = 0; i < after->n; i++) {
        uint64_t failed = i < before->n ? before->servers[i].failed : 0;
        if (after->servers[i].failed == failed) continue;
        snprintf(text, STANDING_TEXT, "%s: calls to it failed in the service", t->servers[i].name);
        return true;
    }
    return false;
}

void standing_release(struct standing *s)
{
    free(s->servers);
    *s = (struct standing){.n = 0};
}
