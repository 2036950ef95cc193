#include "lib/scene.h"

#include <stdlib.h>
#include <string.h>

#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"

const char *scene_ask(void)
{
    const char *ask = getenv("ASK");
    return ask && *ask ? textf("ask = '%s', ", ask) : "";
}

const char *script_of_one(const char *server, const char *options)
{
    return textf(MG "return mg.pool { '%s', %s }\n", server, options);
}

const char *script_by_letter(const char *a, const char *b, const char *options)
{
    return textf(MG "local a = mg.pool { '%s', %s }\n"
                    "local b = mg.pool { '%s', %s }\n"
                    "return function(req)\n"
                    "  if req:has_prefix 'a' then return a end\n"
                    "  return b\n"
                    "end\n",
                 a, options, b, options);
}

static const char *script_around(const struct backend *b, const char *before, const char *body,
                                 const char *after)
{
    return textf(MG "local pool = mg.pool { '%s' }\n%s\n%s\n%s\n", backend_address(b), before, body,
                 after);
}

const char *script_routing(const struct backend *b, const char *body)
{
    return script_around(b, "return function(req)", body, "end");
}

const char *script_waiting(const struct backend *b, const char *body)
{
    return script_around(b, "return mg.async(function(req)", body, "end)");
}

const char *hit(const char *key, const char *data)
{
    return textf("VALUE %s 0 %zu\r\n%s\r\n", key, strlen(data), data);
}

const char *hit_and_end(const char *key, const char *data)
{
    return textf("%sEND\r\n", hit(key, data));
}

const char *failure_of(const char *server)
{
    return textf("SERVER_ERROR %s ", server);
}

const char *stat_text(struct client *c, const char *about, const char *name)
{
    const char *found = NULL, *line;
    size_t n = strlen(name);
    client_sends(c, textf("stats %s\r\n", about));
    while (strcmp(line = client_sees_line(c), "END") != 0) {
        if (strncmp(line, "STAT ", 5) != 0) stage_fails("stats %s: %s", about, line);
        if (strncmp(line + 5, name, n) == 0 && line[5 + n] == ' ') found = line + 5 + n + 1;
    }
    if (!found) stage_fails("stats %s does not know %s", about, name);
    return found;
}

unsigned long stat_number(struct client *c, const char *about, const char *name)
{
    return strtoul(stat_text(c, about, name), NULL, 10);
}

void stat_becomes(struct client *c, const char *about, const char *name, const char *text)
{
    double end = stage_now() + stage_deadline();
    const char *now;
    while (strcmp(now = stat_text(c, about, name), text) != 0) {
        if (stage_now() > end) stage_fails("stats %s: %s is %s, not %s", about, name, now, text);
        stage_turns(5);
    }
}

void get_finds(struct client *c, const char *key, struct backend *b, const char *sent,
               const char *data)
{
    client_sends(c, textf("get %s\r\n", key));
    backend_sees(b, textf("get %s\r\n", sent));
    backend_answers(b, hit_and_end(sent, data));
    client_sees(c, hit_and_end(key, data));
}

void get_misses(struct client *c, const char *key, struct backend *b, const char *sent)
{
    client_sends(c, textf("get %s\r\n", key));
    backend_sees(b, textf("get %s\r\n", sent));
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
}

void errors_cost_only(struct moongate *m, struct backend *b, const char *bad, int errors)
{
    struct client *c = client_connects(m);
    client_sends(c, textf("%sget good\r\n", bad));
    for (int i = 0; i < errors; i++) client_sees(c, "SERVER_ERROR script error\r\n");
    backend_sees(b, "get good\r\n"); /* the first thing it hears */
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
}

unsigned random_next(unsigned *state)
{
    /* xorshift32: never 0, and good enough to pick commands and bytes */
    if (*state == 0) *state = 2463534242U;
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

unsigned random_below(unsigned *state, unsigned n)
{
    return random_next(state) % n;
}

char *noise(size_t n, unsigned seed)
{
    char *bytes = stage_memory(n + 1);
    for (size_t i = 0; i < n; i++) bytes[i] = (char)(random_next(&seed) >> 11);
    return bytes;
}
